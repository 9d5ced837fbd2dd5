//! What `zeren trace` says of the cases of the demonstration county: every step and everything that went wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::{MemoryRows, follow};
use serde_json::Value;
use tests::hamlet::hamlet;
use tests::views::assert_agree;

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zeren")).args(args).current_dir(folder).output().unwrap()
}

/// The county's year, lived once for all tests here.
static COUNTY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--lang", "en", "demo", "--profile", "s", "--dir", "county"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
});

fn trace(lang: &str, subject: &[&str]) -> String {
    let args = [&["--lang", lang, "trace"], subject, &["--dir", "county", "--policy", "county/trust-policy"]].concat();
    let output = run(COUNTY.path(), &args);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !said.contains('✗'), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The words occur in this order.
fn assert_told(said: &str, words: &[&str]) {
    let mut rest = said;
    for word in words {
        let Some(at) = rest.find(word) else { panic!("no `{word}` here or not in its place:\n{said}") };
        rest = &rest[at + word.len()..];
    }
}

#[test]
fn a_recusal_is_told_and_who_acted_instead() {
    let words = [
        "apply: case opened",
        "  visit\n",
        "RELATED to the case: v05-head, spouse (declared)",
        "RECUSED: the signer steps aside, spouse",
        "deliberate · list d-07-05: OMITTED",
        "because of the recuse of entry",
        "deliberate · list d-07-05-b: kept",
        "meeting: 6 agree, 1 against, 1 absent",
        "v05-acting, village_head (ACTING), unit 07-05",
        "post-1 · list p-07-05 goes up: kept",
        "post-1 · list p-07-05 comes down: kept",
        "review · list t-07: kept",
        "post-2 · ",
        "post-2 · ",
        "  recheck\n",
        "confirm · list c-2013: kept",
        "post-3 · ",
        "post-3 · ",
        "lock · list c-2013-pay: kept",
        "100.00 yuan",
        "fund · batch b-2013-1",
        "pay · batch b-2013-1",
        "settle · batch b-2013-1",
        "PAID",
        "notice · payment in batch b-2013-1",
        "annual: period 2014 begins",
        "Present standing",
        "open\n",
        "paid in batch b-2013-1",
        "21 entries, 21 verified",
    ];
    assert_told(&trace("en", &["case", "07-05-003"]), &words);
    let words =
        ["申报立案", "关系申报", "回避", "未列入", "v05-acting", "（代理）", "张榜公示", "撤榜", "年审", "现状", "办理中", "已发放"];
    assert_told(&trace("zh", &["case", "07-05-003"]), &words);
}

#[test]
fn objections_joins_holds_and_failures_are_told() {
    let told: [(&str, &[&str]); 10] = [
        (
            "07-07-004",
            &[
                "OBJECTION: lives-elsewhere",
                "comes down: DROPPED",
                "because of the objection",
                "UPHELD",
                "outcome reject",
                "review · list t-07: OMITTED",
                "because of the outcome",
                "Present standing",
                "rejected by outcome reject",
            ],
        ),
        ("07-02-009", &["completed by joining in entry", "visit: joined entry", "t701", "in entry", "t703", "entry"]),
        ("07-03-008", &["HOLD on the payment: inquiry", "fund · batch b-2013-1", "HELD BACK", "released", "fund · batch b-2013-4", "PAID"]),
        ("07-01-004", &["NOT PAID, the bank says ac04", "pays again what failed in batch b-2013-1", "PAID", "paid in batch b-2013-3"]),
        ("07-03-005", &["documented", "TAKEN BACK by entry", "CORRECTION", "wrong-house", "  visit\n"]),
        ("07-09-001", &["transfer from unit 07-09 to 07-10: moved"]),
        ("07-02-010", &["outcome reject", "APPEAL against", "answer to the appeal of entry", "dismissed", "rejected by outcome"]),
        ("07-08-006", &["REPORT by the public: not-eligible", "answer to the report of entry"]),
        ("07-06-002", &["DISSENT from entry", "doubts-residence", "answer to the dissent"]),
        ("07-10-030", &["OVERRIDE of rule recheck-elsewhere for recheck", "reason language", "a rule was OVERRIDDEN by entry"]),
    ];
    for (case, words) in told {
        assert_told(&trace("en", &["case", case]), words);
    }
    assert_told(&trace("en", &["case", "07-04-011"]), &["outcome refer", "ruling on rule step-aside by province", "confirm"]);
    assert_told(&trace("en", &["case", "07-01-009"]), &["outcome suspend", "suspended by outcome suspend"]);
    assert_told(&trace("en", &["person", "t701"]), &["× step visit", "× outcome suspend", "× step annual"]);
    assert_told(&trace("en", &["person", "v05-head"]), &["recuse spouse", "step deliberate"]);
}

#[test]
fn machines_are_told_the_same() {
    let said: Value = serde_json::from_str(&trace("en", &["case", "07-07-004", "--json"])).unwrap();
    assert_eq!((&said["verified"], &said["standing"]["status"]), (&Value::Bool(true), &"rejected".into()));
    let entries = said["entries"].as_array().unwrap();
    let dropped = entries.iter().find(|entry| entry["part"]["is"] == "dropped").unwrap();
    let objection = entries.iter().find(|entry| entry["act"] == "objection").unwrap();
    assert_eq!(dropped["part"]["by_entry"], objection["entry"]);
    assert_eq!((&dropped["act"], &dropped["detail"]), (&"post-down".into(), &"post-1".into()));
    let joined: Value = serde_json::from_str(&trace("en", &["case", "07-02-009", "--json"])).unwrap();
    let join = joined["entries"].as_array().unwrap().iter().find(|entry| entry["act"] == "join").unwrap();
    let signers: Vec<&Value> = join["signed_by"].as_array().unwrap().iter().map(|signed| &signed["person"]).collect();
    assert_eq!(signers, ["t701", "t703"]);
}

/// A copy of the county with the bytes of its only segment edited.
fn tampered(edit: impl FnOnce(&mut Vec<u8>)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-r").arg(COUNTY.path().join("county")).arg(folder.path()).status().unwrap();
    assert!(copied.success());
    let segment = folder.path().join("county/segments/000000");
    let mut bytes = fs::read(&segment).unwrap();
    edit(&mut bytes);
    fs::write(segment, bytes).unwrap();
    let policy = COUNTY.path().join("county/trust-policy");
    let args = ["--lang", "en", "trace", "case", "07-05-003", "--dir", "county", "--policy", policy.to_str().unwrap()];
    let output = run(folder.path(), &args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && !said.contains('✓'), "{said}");
    said
}

fn place(bytes: &[u8], of: &[u8]) -> usize {
    bytes.windows(of.len()).position(|window| window == of).unwrap()
}

#[test]
fn an_edited_sheet_or_a_removed_entry_fails() {
    tampered(|bytes| {
        // The first line of the case on a list, in a sheet: another case is omitted.
        let at = place(bytes, b"| 07-05-003 ");
        bytes[at + 10] = b'4';
    });
    tampered(|bytes| {
        // The recusal's entry: what follows moves up.
        let act = place(bytes, b"act recuse");
        let start = (0..act).rev().find(|at| bytes[*at..].starts_with(b"previous ")).unwrap() - 2;
        let length = usize::from(u16::from_be_bytes([bytes[start], bytes[start + 1]])) + 2;
        bytes.drain(start..start + length);
        bytes.extend(std::iter::repeat_n(0, length));
    });
}

/// Whoever holds the checkpoint key alone can write sheets, and nobody's signature.
#[test]
fn a_list_rests_on_the_signatures_under_its_sheets() {
    let trace = |forged: Option<usize>, case: &str| {
        let hamlet = hamlet(forged);
        let folder = tempfile::tempdir().unwrap();
        hamlet.world.write(&folder.path().join("copy"));
        fs::write(folder.path().join("policy"), hamlet.world.policy(false)).unwrap();
        let output = run(folder.path(), &["--lang", "en", "trace", "case", case, "--dir", "copy", "--policy", "policy"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said, hamlet.sheets)
    };
    for case in ["h-1", "h-2", "h-3", "h-4", "h-5"] {
        let (code, said, _) = trace(None, case);
        assert!(code == Some(0) && !said.contains('✗'), "{said}");
    }
    // Of the meeting's list the second sheet, its seats, the locked list, and the results.
    for forged in [1, 2, 3, 4] {
        let (code, said, sheets) = trace(Some(forged), "h-1");
        assert!(code == Some(1) && said.contains(&format!("it rests on entry {}", sheets[forged])), "{said}");
    }
}

/// Admission and the views come to what they know by ways of their own.
#[test]
fn views_of_the_county_say_what_admission_knows() {
    let log = Snapshot::open(Folder::open_to_read(&COUNTY.path().join("county")).unwrap(), &mut |_| {}).unwrap();
    let mut rows = MemoryRows::default();
    follow::follow(&mut rows, &log, &mut |_| {}).unwrap();
    assert_eq!(log.state().register().case_count(), 300);
    assert_agree(&rows, log.state().register());
}
