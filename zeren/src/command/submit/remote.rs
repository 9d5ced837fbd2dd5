//! `zeren submit --to`: upload in order, keep receipts, say what went stale meanwhile.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use signer::{Note, Statement};

use crate::command::print;
use crate::error::{Failure, REFUSED, Refusing};
use crate::lang::Lang;
use crate::remote::client::Client;
use crate::remote::receipts::{Came, Shelf, has_gone_stale, submit as submit_notes};
use crate::remote::session::Session;
use crate::screen::say;

/// Submits notes, each with the file it came from, to a service.
pub fn submit(
    client: Client,
    key: &Path,
    policy: Option<&Path>,
    submissions: &[(&Path, Vec<u8>)],
    is_json: bool,
    lang: Lang,
) -> Result<ExitCode, Failure> {
    let Session { client, ledger, mut memory, memory_path } = Session::open(client, key, policy, lang)?;
    let notes: Result<Vec<String>, Failure> = submissions
        .iter()
        .map(|(_, note)| String::from_utf8(note.clone()).map_err(|_| Failure::malformed("a note that is not UTF-8")))
        .collect();
    let notes = notes?;
    let came = submit_notes(&client, &notes, &mut memory, &memory_path, &Shelf::beside(key), lang)?;
    let (mut refused, mut printed) = (0, Vec::new());
    for ((file, _), (note, came)) in submissions.iter().zip(notes.iter().zip(&came)) {
        match came {
            Came::Recorded { index, is_repeated, receipt } => {
                say(&recorded_line(*index, *is_repeated, receipt, lang));
                printed
                    .push(json!({ "recorded": true, "index": index, "repeated": is_repeated, "receipt": receipt.display().to_string() }));
            }
            Came::Refused(refusing) => {
                refused += 1;
                say(&refused_lines(file, note, refusing, lang));
                printed.push(json!({ "recorded": false, "rule": refusing.rule, "expected": refusing.expected, "found": refusing.found, "stale": has_gone_stale(&refusing.rule) }));
            }
        }
    }
    let recorded = came.len() - refused;
    say(&match (lang, recorded > 0) {
        (Lang::En, true) => format!("{recorded} recorded, {refused} refused; every receipt verified, and continues what you saw before"),
        (Lang::En, false) => format!("nothing recorded, {refused} refused"),
        (Lang::Zh, true) => format!("已入账 {recorded} 份，拒绝 {refused} 份；回执均已核验，且与此前所见一致"),
        (Lang::Zh, false) => format!("未入账，拒绝 {refused} 份"),
    });
    if is_json {
        print(&json!({ "ledger": ledger.as_str(), "answers": printed }).to_string());
    }
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

fn recorded_line(index: u64, is_repeated: bool, receipt: &Path, lang: Lang) -> String {
    let receipt = receipt.display();
    match (lang, is_repeated) {
        (Lang::En, false) => format!("recorded as entry {index}; receipt {receipt}"),
        (Lang::En, true) => format!("was recorded before, as entry {index}; receipt {receipt}"),
        (Lang::Zh, false) => format!("已入账，第 {index} 条；回执 {receipt}"),
        (Lang::Zh, true) => format!("此前已入账，第 {index} 条；回执 {receipt}"),
    }
}

/// What was refused, of what it was, and whether drafting it anew helps.
fn refused_lines(file: &Path, note: &str, refusing: &Refusing, lang: Lang) -> String {
    let of = Note::parse(note.as_bytes()).ok().and_then(|note| Statement::parse(&note.text).ok().map(|statement| (statement, note.text)));
    let what = of.map_or_else(String::new, |(statement, text)| {
        let case = text.lines().find_map(|line| line.strip_prefix("case ")?.split(' ').next()).unwrap_or_default().to_owned();
        format!(" {} {case}", statement.act_name().as_str())
    });
    let stale = if has_gone_stale(&refusing.rule) {
        lang.pick(
            "  went stale: the ledger moved after this was drafted. Fetch a new desk, look at the case, and draft it anew if it still holds\n",
            "  已过时：起草后账本有变动。请重新获取工作台，核对案情后再行起草\n",
        )
    } else {
        ""
    };
    format!("{}:{what}\n{}{stale}", file.display(), refusing.render(lang))
}
