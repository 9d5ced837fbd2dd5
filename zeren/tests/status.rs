//! What `zeren status` says of the sample county, to the last case and fen; and the views under it, at every prefix of the year.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::counts::postings;
use projector::eligibility::{Eligibility, eligibility};
use projector::views::{Views, fold};
use projector::{Cursor, MemoryRows, Projection, Rows, UpTo, dump, follow};
use serde_json::{Value, json};
use signer::value::CaseId;
use tests::recount::recount;

/// The county's year, lived once for all tests here.
static COUNTY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--lang", "en", "demo", "--profile", "s", "--dir", "county"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
});

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zeren")).args(args).current_dir(folder).output().unwrap()
}

fn status(args: &[&str]) -> (i32, String) {
    let output = run(COUNTY.path(), &[&["status", "--dir", "county"], args].concat());
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), said)
}

fn anchored(args: &[&str]) -> (i32, String) {
    status(&[&["--policy", "county/trust-policy"], args].concat())
}

fn json_of(args: &[&str]) -> Value {
    serde_json::from_str(&anchored(&[args, &["--json"]].concat()).1).unwrap()
}

fn snapshot() -> Snapshot<Folder> {
    Snapshot::open(Folder::open_to_read(&COUNTY.path().join("county")).unwrap(), &mut |_| {}).unwrap()
}

fn assert_says(said: &str, lines: &[&str]) {
    for line in lines {
        assert!(said.lines().any(|found| found.split_whitespace().eq(line.split_whitespace())), "no `{line}` in\n{said}");
    }
    let columns = |line: &str| line.chars().map(|c| if ('\u{2e80}'..='\u{ffe6}').contains(&c) { 2 } else { 1 }).sum::<usize>();
    assert!(said.lines().all(|line| columns(line) <= 80), "{said}");
    assert!(!said.contains('\u{1b}'));
}

#[test]
fn the_year_is_counted_in_english() {
    let (code, said) = anchored(&["--lang", "en"]);
    assert_eq!(code, 0, "{said}");
    let lines = [
        "as of 2,002 entries, the last received 2014-02-26 08:00:00+08:00",
        "Period 2013: 300 cases (1 exited, 296 in the programme, 2 rejected, 1 suspended)",
        "step all 07-01 07-02 07-03 07-04 07-05 07-06 07-07 07-08 07-09 07-10",
        "apply 300 30 30 30 30 30 30 30 30 29 31",
        "recheck 297 29 29 30 30 30 30 29 30 29 31",
        "notice 296 29 28 30 30 30 30 29 30 29 31",
        "Period 2014: 296 cases (296 in the programme)",
        "fund 2013 292 4",
        "settle 2013 296 0",
        "annual 2014 296 0",
        "answer: report 2013 1 0",
        "SCH-A 2013 167 100,200.00 167 100,200.00 0 0",
        "SCH-B 2013 101 92,000.00 101 92,000.00 0 0",
        "SCH-C 2013 28 56,000.00 28 56,000.00 0 0",
        "Open flags and reports: none",
        "demo.witness.example: 2,001 entries, 0 h 00 min (entry 2001)",
        "Refused: 1 (signed notes beside the log, not in it)",
        "recused 1",
    ];
    assert_says(&said, &lines);
    assert!(!said.contains("apply 2014"), "what a case keeps met no date of the new period");
}

#[test]
fn the_year_is_counted_in_chinese_as_it_stood_on_a_day() {
    let (code, said) = anchored(&["--lang", "zh", "--as-of", "2013-02-06"]);
    assert_eq!(code, 0, "{said}");
    let lines = [
        "截至第 996 条（全部 2,002 条），收讫 2013-02-06 08:00:01+08:00",
        "2013 年度：共 300 件（在册 299、不予确认 1）",
        "环节 合计 07-01 07-02 07-03 07-04 07-05 07-06 07-07 07-08 07-09 07-10",
        "deliberate 299 30 29 30 30 30 30 30 30 29 31",
        "环节 年度 按期 逾期",
        "apply 2013 300 0",
        "答复：申诉 2013 1 0",
        "尚无锁定资金",
        "未结事项：1 件，其中逾期 0 件",
        "异议（07-07-004），第 995 条，自 2013-02-06 08:00:01+08:00：待 inspector、",
        "overseer、award_office，限 5 个工作日",
        "拒绝入账：1 次（另存的签名回执，不在账本条目内）",
    ];
    assert_says(&said, &lines);
}

#[test]
fn a_program_is_told_the_same() {
    let said = json_of(&[]);
    assert_eq!((&said["size"], &said["anchored"], &said["periods"]), (&json!(2002), &json!(true), &json!([2013, 2014])));
    assert_eq!(said["root"], snapshot().history().tree().root_at(2002).unwrap().to_string());
    let cases = |step: &str, period: u16| -> u64 {
        let all = said["funnel"].as_array().unwrap().iter();
        all.filter(|row| row["step"] == step && row["period"] == period).map(|row| row["cases"].as_u64().unwrap()).sum()
    };
    assert_eq!((cases("apply", 2013), cases("lock", 2013), cases("annual", 2014)), (300, 296, 296));
    let fund = said["deadlines"].as_array().unwrap().iter().find(|row| row["step"] == "fund").unwrap();
    assert_eq!(fund, &json!({ "step": "fund", "period": 2013, "in_time": 292, "late": 4 }));
    let paid = |scheme: &str| said["money"].as_array().unwrap().iter().find(|row| row["scheme"] == scheme).unwrap()["paid"].clone();
    assert_eq!(paid("SCH-A"), json!({ "people": 167, "fen": 10_020_000 }));
    assert_eq!(paid("SCH-C"), json!({ "people": 28, "fen": 5_600_000 }));
    let refused = &said["refusals"]["by_rule"];
    assert_eq!((&refused[0]["rule"], &refused[0]["notes"]), (&json!("recused"), &json!(1)));
    let earlier = json_of(&["--as-of", "996"]);
    let waits = &earlier["waiting"][0];
    assert_eq!((&waits["kind"], &waits["case"], &waits["entry"]), (&json!("objection"), &json!("07-07-004"), &json!(995)));
    assert_eq!((&earlier["size"], &earlier["of_size"], &earlier["money"]), (&json!(996), &json!(2002), &json!([])));
    let unit = json_of(&["--unit", "07-09", "--period", "2013"]);
    assert!(unit["funnel"].as_array().unwrap().iter().all(|row| row["unit"] == "07-09" && row["period"] == 2013));
    assert_eq!(unit["standing"], json!([{ "unit": "07-09", "period": 2013, "status": "open", "cases": 29 }]));
    // Before the head of a village reached too far nothing was refused.
    assert_eq!(json_of(&["--as-of", "2013-01-20"])["refusals"]["by_rule"], json!([]));
}

#[test]
fn published_totals_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("published.csv");
    let compare = |text: &str, lang: &str| {
        fs::write(&file, text).unwrap();
        anchored(&["--lang", lang, "--published", file.to_str().unwrap()])
    };
    let right = "scheme,people,fen\nSCH-A,167,10020000\nSCH-B,101,9200000\nSCH-C,28,5600000\n";
    let (code, said) = compare(right, "en");
    assert!(code == 0 && said.contains("Published totals: EQUAL to what was paid"), "{said}");
    let (code, said) = compare(&right.replace("5600000", "5600001"), "en");
    assert!(code == 1 && said.contains("SCH-C: published 28 people, 56,000.01 yuan; paid 28 people, 56,000.00 yuan"), "{said}");
    let (code, said) = compare(&right.replace("SCH-B,101,9200000\n", ""), "zh");
    assert!(code == 1 && said.contains("SCH-B：公布 无；已发放 101 人 92,000.00 元"), "{said}");
    let (code, said) = compare("SCH-A;167;10020000\n", "en");
    assert!(code == 2 && said.contains("line 1: not a total"), "{said}");
}

#[test]
fn what_cannot_be_asked_is_refused_with_what_to_do() {
    let asked: [(&[&str], &str); 5] = [
        (&["--as-of", "2003"], "the ledger has 2,002 entries\n  what to do: leave --as-of out"),
        (&["--as-of", "0"], "nothing had been received by then\n  what to do"),
        (&["--as-of", "2012-01-01"], "nothing had been received by then\n  what to do"),
        (&["--as-of", "yesterday"], "a number of entries, a date"),
        (&["--period", "1999"], "no case of this period; periods: 2013, 2014"),
    ];
    for (args, words) in asked {
        let (code, said) = anchored(&[&["--lang", "en"], args].concat());
        assert!(code == 2 && said.contains(words), "{args:?}: {said}");
    }
    let nowhere = run(COUNTY.path(), &["--lang", "en", "status", "--dir", "nowhere"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("no such folder: nowhere"));
    let (code, said) = status(&["--lang", "en"]);
    assert!(code == 1 && said.trim_end().lines().last().unwrap().starts_with("UNANCHORED"), "{said}");
}

#[test]
fn kept_views_say_the_same_and_an_earlier_size_leaves_them_alone() {
    let folder = tempfile::tempdir().unwrap();
    let views = folder.path().join("views");
    let views = views.to_str().unwrap();
    let (_, in_memory) = anchored(&["--lang", "en"]);
    for _ in 0..2 {
        assert_eq!(anchored(&["--lang", "en", "--views", views]), (0, in_memory.clone()));
    }
    let pointer = fs::read(Path::new(views).join("current")).unwrap();
    let (_, earlier) = anchored(&["--lang", "en", "--as-of", "500"]);
    assert_eq!(anchored(&["--lang", "en", "--as-of", "500", "--views", views]), (0, earlier));
    assert_eq!(fs::read(Path::new(views).join("current")).unwrap(), pointer);
}

/// Folded from nothing in one batch, and followed entry by entry: the same rows at every prefix. Counted another way, the same
/// counts.
#[test]
fn the_views_of_the_year_are_the_same_at_every_prefix() {
    let log = snapshot();
    let nothing = MemoryRows::default();
    let mut whole = Views::of(&nothing).unwrap();
    let mut followed = MemoryRows::default();
    log.admitted(0, &mut |entry| {
        let size = entry.index + 1;
        let cursor = Cursor { ledger: log.id().clone(), size, root: log.history().tree().root_at(size).unwrap() };
        fold(&mut whole, &nothing, entry).unwrap();
        let mut rebuilt = MemoryRows::default();
        rebuilt.commit(whole.clone().take_changes(), cursor.clone()).unwrap();
        let mut next = Views::of(&followed).unwrap();
        fold(&mut next, &followed, entry).unwrap();
        followed.commit(next.take_changes(), cursor).unwrap();
        assert!(rebuilt == followed, "at {size}");
        if size % 199 == 0 || size == log.size() {
            recount(&log, size).assert_agrees(&followed);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(followed.cursor().unwrap().unwrap().size, 2002);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views");
    drop(Projection::open(&path, &UpTo::new(&log, 1_200), &mut |_| {}).unwrap());
    let (kept, _) = Projection::open(&path, &log, &mut |_| {}).unwrap();
    assert_eq!(dump(kept.rows()).unwrap(), dump(&followed).unwrap());
    let mut again = MemoryRows::default();
    follow::follow(&mut again, &log, &mut |_| {}).unwrap();
    assert!(again == followed);
}

/// How a case stands follows from entries, and those are named; as of an earlier day it follows from fewer.
#[test]
fn eligibility_follows_from_entries() {
    let log = snapshot();
    let at = |size: u64, case: &str| {
        let mut rows = MemoryRows::default();
        follow::follow(&mut rows, &UpTo::new(&log, size), &mut |_| {}).unwrap();
        eligibility(&rows, &CaseId::parse(case).unwrap()).unwrap().map(|answer| answer.value)
    };
    let entry_is = |entry: Option<u64>, line: &str| {
        let bytes = log.entry(entry.unwrap()).unwrap().unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains(line), "entry {entry:?} has no line `{line}`");
    };
    let paid = at(2002, "07-01-004").unwrap();
    // Its payment failed once; what it has now is the mark of its renewal, and of 2013 nothing that is paid in 2014.
    assert_eq!((paid.is, paid.period), (Eligibility::UnderWay, 2014));
    assert_eq!(paid.marks.iter().map(|mark| mark.step.as_str()).collect::<Vec<_>>(), ["apply", "annual"]);
    let stopped = at(2002, "07-07-004").unwrap();
    assert_eq!(stopped.is, Eligibility::Stopped);
    entry_is(stopped.stopped_by, "outcome reject");
    let questioned = at(996, "07-07-004").unwrap();
    assert_eq!((questioned.is, questioned.flags[0].entry), (Eligibility::Questioned, 995));
    assert_eq!(questioned.marks.iter().map(|mark| mark.step.as_str()).collect::<Vec<_>>(), ["apply", "visit", "deliberate"]);
    let renewed = at(2002, "07-05-003").unwrap().marks.last().unwrap().entry;
    let before_renewal = at(renewed, "07-05-003").unwrap();
    assert_eq!((before_renewal.is, before_renewal.period), (Eligibility::Paid, 2013));
    let locked = before_renewal.locked_by.unwrap();
    let standing = |size: u64| at(size, "07-05-003").unwrap().is;
    assert_eq!((standing(locked), standing(locked + 1)), (Eligibility::UnderWay, Eligibility::Confirmed));
    let paid = before_renewal.paid_by.unwrap();
    assert_eq!((standing(paid), standing(paid + 1)), (Eligibility::Confirmed, Eligibility::Paid));
    entry_is(before_renewal.paid_by, "step settle");
    entry_is(before_renewal.locked_by, "step lock");
    assert_eq!(before_renewal.marks.last().unwrap().step, "notice");
    assert!(at(2002, "07-99-001").is_none());
}

/// Lists of the year that went up: each came down, after as many days as asked or more.
#[test]
fn postings_say_how_long_lists_hung() {
    let log = snapshot();
    let posted = |size: u64| {
        let mut rows = MemoryRows::default();
        follow::follow(&mut rows, &UpTo::new(&log, size), &mut |_| {}).unwrap();
        postings(&rows).unwrap()
    };
    let all = posted(2002);
    assert_eq!(all.keys().filter(|(_, step)| step == "post-1").count(), 10);
    assert!(all.values().all(|posting| posting.days_asked == 7 && posting.down.as_ref().is_some_and(|down| down.days >= 7)));
    let of = ("p-07-07".to_owned(), "post-1".to_owned());
    let down = all[&of].down.clone().unwrap();
    assert_eq!((down.days, all[&of].kept, all[&of].dropped, all[&of].times), (8, 29, 1, 1));
    let hanging = &posted(996)[&of];
    assert_eq!((hanging.down.clone(), hanging.kept, hanging.dropped), (None, 30, 0));
    assert_eq!(hanging.up, all[&of].up);
}
