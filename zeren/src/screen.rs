//! What reaches the terminal. A copy under audit, a draft, a file's name is a stranger's text: it moves no cursor here.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use signer::value::is_printable;

/// What is put in place of a character that is not shown.
const HIDDEN: char = '\u{FFFD}';
/// Signs that messages use besides what a text of a statement may hold.
const SIGNS: &str = "✓✗×…—–·‘’“”、。《》「」●○　";

/// Whether something could not be printed on stdout.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// The text with every character replaced that a terminal might obey.
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || is_shown(c) { c } else { HIDDEN }).collect()
}

/// The same for a stranger's text that stands within a line of ours: no line of its own either.
pub fn within_line(text: &str) -> String {
    text.chars().map(|c| if is_shown(c) { c } else { HIDDEN }).collect()
}

fn is_shown(c: char) -> bool {
    // Letters and digits of every script; never controls, directions, joiners, private use.
    is_printable(c) || c.is_alphanumeric() || SIGNS.contains(c)
}

/// Prints a line of JSON or of text on stdout. A closed pipe is no error.
pub fn print(text: &str) {
    let mut stdout = io::stdout();
    let written = writeln!(stdout, "{}", harmless(text)).and_then(|()| stdout.flush());
    if written.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe) {
        HAS_FAILED.store(true, Ordering::Relaxed);
    }
}

/// Whether something could not be printed on stdout, a closed pipe excepted.
pub fn has_failed() -> bool {
    HAS_FAILED.load(Ordering::Relaxed)
}

/// One event of a service, as a JSON line on stderr: what happened, never what somebody sent.
pub fn log(event: &str, more: &serde_json::Value) {
    let line = serde_json::json!({ "at": crate::clock::device_time().to_string(), "event": event, "more": more });
    // In one piece: lines of other threads never mix with it, and nobody reads half of one.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Says something on stderr; nobody is left to tell if that fails.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{}", harmless(text.trim_end_matches('\n')));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_moves_no_cursor() {
        assert_eq!(harmless("a\u{1b}[2Jb\rc\nd"), "a\u{FFFD}[2Jb\u{FFFD}c\nd");
        assert_eq!(within_line("a\n✓\u{202e}\u{9b}\u{7}"), "a\u{FFFD}✓\u{FFFD}\u{FFFD}\u{FFFD}");
        let own = "entry 7 ✓ – 甲子·001（字节、签名）。… ✗ × /tmp/é-ö";
        assert_eq!(harmless(own), own);
    }
}
