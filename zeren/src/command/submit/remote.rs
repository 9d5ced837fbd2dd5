//! `zeren submit --to`: upload in order, keep receipts, say what went stale meanwhile.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use signer::{Note, Statement};

use crate::command::print;
use crate::error::{Failure, REFUSED, Refusing};
use crate::lang::Lang;
use crate::remote::client::Client;
use crate::remote::receipts::{Came, Submitter, has_gone_stale};
use crate::remote::session::Session;
use crate::remote::shelf::Shelf;
use crate::screen::say;

/// Where to, and who.
pub struct Args<'a> {
    /// The key beside which memory and receipts lie.
    pub key: &'a Path,
    /// The trust policy, the first time.
    pub policy: Option<&'a Path>,
    /// Where receipts go instead.
    pub receipts: Option<&'a Path>,
    /// Whether answers are printed as JSON too.
    pub is_json: bool,
}

/// Submits notes, each with the file it came from, to a service. What came of each is said at once, whatever becomes of the rest.
pub fn submit(client: Client, args: &Args<'_>, submissions: &[(&Path, Vec<u8>)], lang: Lang) -> Result<ExitCode, Failure> {
    let Session { client, ledger, mut memory, memory_path } = Session::open(client, args.key, args.policy, lang)?;
    let notes: Result<Vec<String>, Failure> = submissions
        .iter()
        .map(|(_, note)| String::from_utf8(note.clone()).map_err(|_| Failure::malformed("a note that is not UTF-8")))
        .collect();
    let notes = notes?;
    let shelf = args.receipts.map_or_else(|| Shelf::beside(args.key, ledger.as_str()), Shelf::at);
    let (mut recorded, mut refused, mut printed) = (0, 0, vec![json!(null); notes.len()]);
    let mut submitter = Submitter { client: &client, memory: &mut memory, memory_path: &memory_path, shelf: &shelf, lang };
    let ended = submitter.submit(&notes, &mut |at, came| {
        match &came {
            Came::Recorded { .. } => recorded += 1,
            Came::Refused(_) => refused += 1,
        }
        tell(submissions[at].0, &notes[at], &came, lang);
        printed[at] = came_json(&came);
    });
    say(&summary(recorded, refused, notes.len() - recorded - refused, lang));
    if args.is_json {
        print(&json!({ "ledger": ledger.as_str(), "answers": printed }).to_string());
    }
    ended?;
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

fn tell(file: &Path, note: &str, came: &Came, lang: Lang) {
    match came {
        Came::Recorded { index, is_repeated, receipt, warnings } => {
            say(&recorded_line(*index, *is_repeated, receipt, lang));
            for warning in warnings {
                say(&format!("{}: {}", lang.pick("warning, kept in the record", "警示（已记录在案）"), warning.render(lang)));
            }
        }
        Came::Refused(refusing) => say(&refused_lines(file, note, refusing, lang)),
    }
}

fn came_json(came: &Came) -> Value {
    let rule = |refusing: &Refusing| json!({ "rule": refusing.rule, "expected": refusing.expected, "found": refusing.found });
    match came {
        Came::Recorded { index, is_repeated, receipt, warnings } => json!({
            "recorded": true, "index": index, "repeated": is_repeated, "receipt": receipt.display().to_string(),
            "warnings": warnings.iter().map(rule).collect::<Vec<_>>(),
        }),
        Came::Refused(refusing) => {
            let mut answer = rule(refusing);
            (answer["recorded"], answer["stale"]) = (json!(false), json!(has_gone_stale(&refusing.rule)));
            answer
        }
    }
}

fn summary(recorded: usize, refused: usize, unanswered: usize, lang: Lang) -> String {
    let verified = match (lang, recorded > 0) {
        (Lang::En, true) => format!("{recorded} recorded, {refused} refused; every receipt verified, and continues what you saw before"),
        (Lang::En, false) => format!("nothing recorded, {refused} refused"),
        (Lang::Zh, true) => format!("已入账 {recorded} 份，拒绝 {refused} 份；回执均已核验，且与此前所见一致"),
        (Lang::Zh, false) => format!("未入账，拒绝 {refused} 份"),
    };
    match (lang, unanswered) {
        (_, 0) => verified,
        (Lang::En, _) => {
            format!("{verified}\n{unanswered} without an answer that holds: submit the same file again, what is recorded stays")
        }
        (Lang::Zh, _) => format!("{verified}\n另有 {unanswered} 份未得到有效答复：请再次提交同一文件，已入账者不受影响"),
    }
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
