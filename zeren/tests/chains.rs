//! What `zeren trace` says of payments, lists, batches and persons, of earlier sizes, and of input that cannot be believed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use projector::rows::{Changes, Deed, EntryRow, Row, SCHEMA};
use projector::store::{Store, tamper};
use projector::{Key, Rows};
use serde_json::Value;
use tests::hamlet::hamlet;

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zeren")).args(args).current_dir(folder).output().unwrap()
}

/// The county's year, lived once for all tests here; none of them writes into it.
static COUNTY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--lang", "en", "demo", "--profile", "s", "--dir", "county"]);
    assert!(output.status.success(), "{}", text(&output));
    folder
});

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn asked(lang: &str, subject: &[&str]) -> Output {
    run(COUNTY.path(), &[&["--lang", lang, "trace"], subject, &["--dir", "county", "--policy", "county/trust-policy"]].concat())
}

/// What a trace that verifies prints.
fn trace(lang: &str, subject: &[&str]) -> String {
    let output = asked(lang, subject);
    assert!(output.status.success() && !text(&output).contains('✗'), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn json(subject: &[&str]) -> Value {
    serde_json::from_str(&trace("en", &[subject, &["--json"]].concat())).unwrap()
}

/// The words occur in this order.
fn assert_told(said: &str, words: &[&str]) {
    let mut rest = said;
    for word in words {
        let Some(at) = rest.find(word) else { panic!("no `{word}` here or not in its place:\n{said}") };
        rest = &rest[at + word.len()..];
    }
}

fn entries(acts: &Value) -> Vec<u64> {
    acts.as_array().unwrap().iter().map(|act| act["entry"].as_u64().unwrap()).collect()
}

/// Columns of a terminal: Chinese takes two.
fn columns(line: &str) -> usize {
    line.chars().map(|c| if ('\u{2e80}'..='\u{ffef}').contains(&c) { 2 } else { 1 }).sum()
}

#[test]
fn a_payment_is_followed_back_to_the_application() {
    let said = trace("en", &["payment", "07-06-002"]);
    let words = [
        "payment 07-06-002@b-2013-1",
        "100.00 yuan, PAID in batch b-2013-1",
        "in list c-2013-pay, on the sheet of entry",
        "hashes to the root that the lock signed",
        "sheet 1 of list c-2013-pay: 297 lines",
        "notice · payment in batch b-2013-1",
        "settle · batch",
        "pay · batch",
        "fund · batch",
        "lock · list c-2013-pay: kept",
        "post-3 · list c-2013 comes down",
        "confirm · list c-2013",
        "review · list t-07",
        "deliberate · list d-07-06: kept",
        "minutes",
        "recheck",
        "answer to the dissent",
        "DISSENT from entry",
        "visit\n",
        "on d-07-pair-1 at 2013-01-",
        ", received ",
        "apply: case opened",
        "Who vouched, and who did not",
        "17 persons: 16 signed, 1 stood against (1 overruled)",
        "v06-overseer",
        "AGAINST   dissent",
        "OVERRULED by 戊寅·014 i001",
        "Later acts on the case, no part of this payment: 1",
        "Not proved: ",
        "Not proved here: ",
    ];
    assert_told(&said, &words);
    assert!(!said.contains("annual"), "the next period is no part of it:\n{said}");
    let words = ["款项 07-06-002@b-2013-1", "已发放", "锁定的名册行", "根值", "担责一览", "反对", "被驳回，戊寅·014 i001", "本页不证明"];
    assert_told(&trace("zh", &["payment", "07-06-002"]), &words);
}

/// Each person stands in the table once, whoever dissented among the first.
#[test]
fn machines_are_told_of_a_payment_what_people_are() {
    let said = json(&["payment", "07-06-002@b-2013-1"]);
    assert_eq!((&said["fen"], &said["paid"], &said["verified"]), (&10_000.into(), &true.into(), &true.into()));
    let line = &said["line"];
    assert!(line["text"].as_str().unwrap().starts_with("07-06-002 ") && line["verified"] == true, "{line}");
    assert_eq!((&line["of"], line["path"].as_array().unwrap().len()), (&297.into(), 9));
    assert_eq!(said["sheet"]["entry"], line["sheet_entry"]);
    let locks = said["list_acts"].as_array().unwrap().iter().filter(|act| act["entry"] == said["lock_entry"]);
    assert_eq!(locks.map(|act| &act["detail"]).collect::<Vec<_>>(), ["lock"]);
    let visits = said["case_acts"].as_array().unwrap().iter().filter(|act| act["detail"] == "visit").collect::<Vec<_>>();
    let signed = &visits[0]["signed_by"][0];
    assert_eq!((&signed["device"], &signed["office"], &signed["unit"]), (&"d-07-pair-1".into(), &"twp_investigator".into(), &"07".into()));
    assert!(signed["counter"].is_u64() && signed["seen_size"].as_u64().unwrap() < visits[0]["entry"].as_u64().unwrap(), "{signed}");
    let at = signer::value::Time::parse(signed["at"].as_str().unwrap()).unwrap();
    assert!(at.unix_ms().0 <= visits[0]["received_ms"].as_i64().unwrap());
    assert_eq!(visits[0]["evidence"][0]["code"], "visit-record");
    for acts in ["batch_acts", "list_acts", "case_acts"] {
        let entries = entries(&said[acts]);
        assert!(!entries.is_empty() && entries.is_sorted_by(|a, b| a > b), "{acts}: the latest first: {entries:?}");
    }
    let persons: Vec<&str> = said["vouched"].as_array().unwrap().iter().map(|one| one["person"].as_str().unwrap()).collect();
    let mut once = persons.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!((persons[0], persons.len(), once.len()), ("v06-overseer", 17, 17));
    let dissent = &said["vouched"][0]["acts"].as_array().unwrap().iter().find(|act| act["stance"] == "against").unwrap().clone();
    assert!(dissent["overruled_by_entry"].is_u64(), "{dissent}");
}

#[test]
fn a_case_paid_in_two_batches_offers_both_and_each_is_its_own() {
    let output = asked("en", &["payment", "07-01-004"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert_told(&text(&output), &["2 payments; say which", "07-01-004@b-2013-1  (failed: ac04)", "07-01-004@b-2013-3  (paid)"]);
    assert_told(&trace("en", &["payment", "07-01-004@b-2013-1"]), &["600.00 yuan, NOT PAID in batch b-2013-1: ac04"]);
    let again = json(&["payment", "07-01-004@b-2013-3"]);
    assert_eq!((&again["paid"], &again["list"]), (&true.into(), &"c-2013-pay".into()));
    let other = asked("en", &["payment", "07-01-004@b-2013-9"]);
    assert!(other.status.code() == Some(2) && text(&other).contains("not in batch b-2013-9"), "{}", text(&other));
    let none = asked("en", &["payment", "07-02-010"]);
    assert!(none.status.code() == Some(2) && text(&none).contains("no payment of this case is in a batch"), "{}", text(&none));
}

/// Whoever holds the checkpoint key alone can write sheets, and nobody's signature.
#[test]
fn a_payment_rests_on_the_signatures_under_its_sheets() {
    let traced = |forged: Option<usize>| {
        let hamlet = hamlet(forged);
        let folder = tempfile::tempdir().unwrap();
        hamlet.world.write(&folder.path().join("copy"));
        fs::write(folder.path().join("policy"), hamlet.world.policy(false)).unwrap();
        let output = run(folder.path(), &["--lang", "en", "trace", "payment", "h-1@b-2", "--dir", "copy", "--policy", "policy"]);
        (output.status.code(), text(&output), hamlet.sheets)
    };
    let (code, said, _) = traced(None);
    assert!(code == Some(0) && said.contains("the lock signed") && !said.contains('✗'), "{said}");
    for forged in [1, 2, 3, 4] {
        let (code, said, sheets) = traced(Some(forged));
        assert!(code == Some(1) && said.contains(&format!("it rests on entry {}", sheets[forged])), "{said}");
    }
}

#[test]
fn an_edited_sheet_fails_the_payment() {
    let folder = tempfile::tempdir().unwrap();
    copy(&COUNTY.path().join("county"), folder.path());
    let segment = folder.path().join("county/segments/000000");
    let mut bytes = fs::read(&segment).unwrap();
    // The case's amount on the locked list.
    let starts = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"| 07-06-002 "));
    let amounts = starts.filter_map(|at| {
        let line = bytes[at..].split(|byte| *byte == b'\n').next()?;
        Some(at + line.windows(7).position(|window| window == b" 10000 ")? + 1)
    });
    let amount: Vec<usize> = amounts.collect();
    assert_eq!(amount.len(), 1);
    bytes[amount[0]] = b'9';
    fs::write(&segment, bytes).unwrap();
    let policy = COUNTY.path().join("county/trust-policy");
    let args = ["--lang", "en", "trace", "payment", "07-06-002", "--dir", "county", "--policy", policy.to_str().unwrap()];
    let output = run(folder.path(), &args);
    assert!(output.status.code() == Some(1) && !text(&output).contains('✓'), "{}", text(&output));
}

fn copy(from: &Path, into: &Path) {
    assert!(Command::new("cp").arg("-r").arg(from).arg(into).status().unwrap().success());
}

#[test]
fn a_list_tells_its_lines_its_days_and_what_became_of_its_cases() {
    let said = trace("en", &["list", "c-2013-pay"]);
    let words = [
        "list c-2013-pay (payments)",
        "297 lines: 296 kept, 248,200.00 yuan, 1 omitted, 0 dropped",
        "07-07-004  OMITTED because of the outcome of entry",
        "295  paid",
        "2  stopped by an outcome",
        "paid by batches: b-2013-1, b-2013-3, b-2013-4",
        "lock · list c-2013-pay",
    ];
    assert_told(&said, &words);
    let whole = trace("en", &["list", "c-2013-pay", "--lines"]);
    assert_eq!(whole.lines().filter(|line| line.contains(" yuan  kept")).count(), 296);
    let posted = json(&["list", "p-07-06"]);
    let hung = &posted["hung"][0];
    assert_eq!((&hung["step"], &hung["days"], &hung["days_asked"]), (&"post-1".into(), &8.into(), &7.into()));
    let meeting = json(&["list", "d-07-06"]);
    let seats = meeting["acts"][0]["told"].as_array().unwrap();
    assert!(seats.iter().any(|line| line == "meeting: 6 agree, 1 against, 1 absent"), "{seats:?}");
    let dropped = json(&["list", "p-07-07"]);
    let parts: Vec<&Value> = dropped["lines"].as_array().unwrap().iter().filter(|line| line["part"]["is"] == "dropped").collect();
    assert!(parts.len() == 1 && parts[0]["case"] == "07-07-004" && parts[0]["part"]["by_act"] == "objection", "{parts:?}");
    assert_told(&trace("zh", &["list", "c-2013-pay"]), &["共 297 行：保留 296，248,200.00 元，未列入 1，剔除 0", "未列入：因第", "已发放"]);
}

#[test]
fn a_batch_tells_what_the_bank_said_and_what_was_held_back() {
    let words = [
        "294 payments, 245,600.00 yuan, of list c-2013-pay",
        "the bank: 291 paid, 3 failed; 1 held back",
        "notice: 291 of 294 payments ✓",
        "07-01-004  600.00 yuan  NOT PAID: ac04",
        "07-03-008  2,000.00 yuan  HELD BACK because of the hold of entry",
        "fund · batch",
        "pay · batch",
        "settle · batch",
    ];
    assert_told(&trace("en", &["batch", "b-2013-1"]), &words);
    let batch = json(&["batch", "b-2013-3"]);
    assert_eq!((&batch["repays"], batch["payments"].as_array().unwrap().len()), (&"b-2013-1".into(), 3));
    assert_told(&trace("zh", &["batch", "b-2013-1"]), &["共 294 笔", "成功 291 笔，失败 3 笔；暂扣 1 笔", "暂扣：因第"]);
}

#[test]
fn a_person_is_told_by_office_month_and_what_became() {
    let said = json(&["person", "t701"]);
    let runs = said["runs"].as_array().unwrap();
    let visits = runs.iter().find(|run| run["detail"] == "visit").unwrap();
    assert_eq!((&visits["month"], &visits["acts"]), (&"2013-01".into(), &101.into()));
    assert_eq!(visits["became"], serde_json::json!({ "paid": 96, "stopped": 4, "taken-back": 1 }));
    assert_eq!((&said["offices"][0]["office"], &said["offices"][0]["capacity"]), (&"twp_investigator".into(), &"regular".into()));
    let acting = trace("en", &["person", "v05-acting"]);
    assert_told(&acting, &["village_head 07-05  ACTING"]);
    let overseer = trace("en", &["person", "v06-overseer"]);
    assert_told(&overseer, &["dissent", "1 DISMISSED", "dissent of 07-06-002: DISMISSED by entry"]);
    assert_told(&trace("zh", &["person", "v05-acting"]), &["任职", "代理", "签署行为及其结果"]);
}

#[test]
fn ties_are_counted_and_named_as_ties() {
    let around = &json(&["person", "t701", "--around"])["around"];
    let with: Vec<(&str, u64)> =
        around["signed_with"].as_array().unwrap().iter().map(|tie| (tie["to"].as_str().unwrap(), tie["acts"].as_u64().unwrap())).collect();
    assert_eq!(with.iter().map(|(_, acts)| acts).sum::<u64>(), 200, "{with:?}");
    assert!(with.len() == 1 && with[0].0.starts_with("t702 "), "always the same two go: {with:?}");
    let around = &json(&["case", "07-06-002", "--around"])["around"];
    let same_day = around["pair_day"].as_array().unwrap();
    assert!(!same_day.is_empty());
    for tie in same_day {
        // The other case's own trace names the pair, that day.
        let other = json(&["case", tie["to"].as_str().unwrap()]);
        let entry = &tie["entries"][0];
        let step = other["entries"].as_array().unwrap().iter().find(|one| one["entry"] == *entry).unwrap();
        let day = &step["at"].as_str().unwrap()[..10];
        assert!(tie["by"].as_str().unwrap().ends_with(day) && step["signed_by"].as_array().unwrap().len() == 2, "{tie}");
    }
    let recused = &json(&["case", "07-05-003", "--around"])["around"];
    assert!(
        recused["lists"].as_array().unwrap().iter().any(|tie| tie["to"].as_str().unwrap().starts_with("list d-07-05-b: 0 other")),
        "{recused}"
    );
    let zh = trace("zh", &["case", "07-06-002", "--around"]);
    assert_told(&zh, &["关联线索（仅供查阅，不构成认定）", "同次评议", "同日同组经办", "同一账户", "同日同一设备", "同一在案亲属关系"]);
}

#[test]
fn as_of_a_size_or_time_nothing_later_is_read() {
    let whole = json(&["case", "07-06-002"]);
    let all = entries(&whole["entries"]);
    let answer = whole["entries"].as_array().unwrap().iter().find(|act| act["act"] == "answer").unwrap();
    let at = answer["entry"].as_u64().unwrap();
    let then = json(&["case", "07-06-002", "--as-of", &at.to_string()]);
    let told = entries(&then["entries"]);
    assert_eq!(told, all.iter().copied().filter(|entry| *entry < at).collect::<Vec<u64>>());
    assert_eq!(then["standing"]["flags"][0]["act"], "dissent", "open as it then was");
    assert_eq!(then["since_then"]["acts"].as_u64().unwrap(), (all.len() - told.len()) as u64);
    assert_eq!(then["since_then"]["first_entry"], at);
    let dissent =
        then["vouched"].as_array().unwrap().iter().flat_map(|one| one["acts"].as_array().unwrap()).find(|act| act["stance"] == "against");
    assert_eq!(dissent.unwrap()["overruled_by_entry"], Value::Null, "nobody had overruled it");
    // The second in which it was received takes it in; the one before does not.
    let received = answer["received_ms"].as_i64().unwrap() / 1000;
    let second = |seconds: i64| signer::value::Time { unix_seconds: seconds, offset_minutes: 480 }.to_string();
    assert!(entries(&json(&["case", "07-06-002", "--as-of", &second(received)])["entries"]).contains(&at));
    assert_eq!(entries(&json(&["case", "07-06-002", "--as-of", &second(received - 1)])["entries"]), told);
    let said = trace("en", &["case", "07-06-002", "--as-of", "2013-02-01"]);
    let dissent = whole["entries"].as_array().unwrap().iter().find(|act| act["act"] == "dissent").unwrap();
    let open = format!("dissent of entry {} OPEN", dissent["entry"]);
    assert_told(&said, &["AS OF", "DISSENT", "Standing then", &open, "Since then: 16 more acts"]);
    assert!(!said.contains("PAID") && !said.contains("dismissed"), "{said}");
    let payment = asked("en", &["payment", "07-06-002", "--as-of", "2013-08-12"]);
    assert!(payment.status.success() && text(&payment).contains("the bank has not answered"), "{}", text(&payment));
    let person = json(&["person", "t701", "--as-of", "2013-12-31"]);
    assert_eq!((person["acts"].as_array().unwrap().len(), &person["since_then"]["acts"]), (102, &100.into()));
}

#[test]
fn how_a_case_stands_is_said_with_the_entries_from_which_it_follows() {
    let paid =
        json(&["case", "07-06-002"])["entries"].as_array().unwrap().iter().find(|act| act["detail"] == "settle").unwrap()["entry"].clone();
    let said = trace("en", &["case", "07-06-002", "--as-of", "2013-12-31"]);
    assert_told(&said, &["Standing then", &format!("eligibility: confirmed, and paid by entry {paid}; it follows")]);
    assert_told(&trace("en", &["case", "07-06-002"]), &["Present standing", "eligibility: under way; it follows, for 2014, from apply"]);
    assert_told(&trace("zh", &["case", "07-07-004"]), &["现状", "资格：已中止（第"]);
}

#[test]
fn a_later_correction_is_told_apart_from_what_then_stood() {
    let whole = json(&["case", "07-03-005"]);
    let correction = whole["entries"].as_array().unwrap().iter().find(|act| act["act"] == "correct").unwrap();
    let taken = whole["entries"].as_array().unwrap().iter().find(|act| act["taken_back_by_entry"] == correction["entry"]).unwrap();
    let then = json(&["case", "07-03-005", "--as-of", &correction["entry"].to_string()]);
    assert!(then["entries"].as_array().unwrap().iter().all(|act| act["taken_back_by_entry"].is_null()));
    assert_eq!(then["since_then"]["taken_back_entries"], serde_json::json!([taken["entry"]]));
}

#[test]
fn what_did_not_exist_yet_is_refused_with_its_beginning() {
    for subject in [["case", "07-06-002"], ["list", "c-2013-pay"], ["batch", "b-2013-1"], ["person", "v06-overseer"]] {
        let output = asked("en", &[&subject[..], &["--as-of", "10"]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains("not yet there after 10 entries: it began with entry"), "{}", text(&output));
    }
    let began = asked("en", &["case", "07-06-002", "--as-of", "2012-12-31"]);
    let first = &json(&["case", "07-06-002"])["entries"][0];
    let second = first["received_ms"].as_i64().unwrap() / 1000;
    let at = signer::value::Time { unix_seconds: second, offset_minutes: 480 }.to_string().replace('T', " ");
    assert!(text(&began).contains(&format!("began with entry {}, {at}", first["entry"])), "{}", text(&began));
    for (as_of, said) in [("99999", "the ledger has 2,002 entries"), ("2001-01-01", "nothing had been received"), ("0", "nothing had been")]
    {
        let output = asked("en", &["case", "07-06-002", "--as-of", as_of]);
        assert!(output.status.code() == Some(2) && text(&output).contains(said), "{as_of}: {}", text(&output));
    }
    assert_eq!(asked("en", &["case", "07-06-002", "--as-of", "yesterday"]).status.code(), Some(2));
}

/// Rules that only warn and rules that were overridden are named where the acts are, with who overrode.
#[test]
fn warnings_and_overrides_are_named_with_whoever_overrode() {
    let overridden = trace("en", &["payment", "07-10-030"]);
    assert_told(
        &overridden,
        &[
            "OVERRODE rule recheck-elsewhere (language, entry",
            "overseer",
            "Who vouched, and who did not",
            "0 stepped aside, 1",
            "o001  overseer",
            "OVERRODE  override recheck",
        ],
    );
    let audit = run(COUNTY.path(), &["audit", "county", "--policy", "county/trust-policy", "--json"]);
    let audit: Value = serde_json::from_slice(&audit.stdout).unwrap();
    let mut late: Vec<u64> = Vec::new();
    for batch in ["b-2013-1", "b-2013-3", "b-2013-4"] {
        let traced = json(&["batch", batch]);
        let warned = traced["acts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|act| act["warnings"].as_array().unwrap().iter().any(|one| one["rule"] == "late"));
        late.extend(warned.map(|act| act["entry"].as_u64().unwrap()));
    }
    let found = audit["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == "late");
    assert_eq!(late, found.map(|finding| finding["index"].as_u64().unwrap()).collect::<Vec<u64>>());
    assert_eq!(late.len(), 2);
    let zh = trace("zh", &["batch", "b-2013-3"]);
    assert!(zh.contains("规则 late 提示："), "{zh}");
}

#[test]
fn an_unknown_id_is_answered_with_the_nearest() {
    let near = [
        (["case", "07-06-02"], "07-06-002"),
        (["case", "70-06-002"], "07-06-002"),
        (["person", "t70l"], "t701"),
        (["list", "c2013-pay"], "c-2013-pay"),
        (["batch", "b-2013-01"], "b-2013-1"),
        (["payment", "07-06-0O2@b-2013-1"], "07-06-002"),
    ];
    for (subject, expected) in near {
        let output = asked("en", &subject);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let offered = said.lines().find_map(|line| line.trim().strip_prefix("nearest: ")).unwrap_or_else(|| panic!("{said}"));
        let offered: Vec<&str> = offered.split(", ").collect();
        assert!(offered.len() <= 5 && offered.contains(&expected), "{subject:?}: {said}");
    }
    let other = asked("en", &["case", "t701"]);
    assert!(text(&other).contains("it is a person: zeren trace person t701"), "{}", text(&other));
    let hostile = asked("zh", &["list", "\u{1b}[2J"]);
    assert!(hostile.status.code() == Some(2) && !hostile.stderr.contains(&0x1b), "{}", text(&hostile));
}

/// Something done to views behind their back.
type Spoil<'a> = (&'a str, Box<dyn Fn() + 'a>);

/// The folder in which kept views have their rows.
fn generation(views: &Path) -> PathBuf {
    let all = fs::read_dir(views).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("generation-")).max().unwrap()
}

#[test]
fn kept_views_of_another_ledger_schema_or_hand_are_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let views = folder.path().join("views");
    let (dir, policy) = (COUNTY.path().join("county"), COUNTY.path().join("county/trust-policy"));
    let args = ["--lang", "en", "trace", "payment", "07-06-002", "--dir", dir.to_str().unwrap(), "--policy", policy.to_str().unwrap()];
    let kept = || run(folder.path(), &[&args[..], &["--views", "views"]].concat());
    let expected = kept();
    assert!(expected.status.success() && expected.stderr.is_empty(), "{}", text(&expected));
    let row = Key::Person("v06-overseer".to_owned()).encode();
    let spoil: [Spoil<'_>; 4] = [
        (
            "another schema",
            Box::new(|| edit(&views, |rows| rows.get_mut(tamper::CURSOR_KEY).unwrap()[..4].copy_from_slice(&(SCHEMA + 1).to_be_bytes()))),
        ),
        ("a row by hand", Box::new(|| edit(&views, |rows| rows.get_mut(&row).unwrap().push(1)))),
        ("half a batch", Box::new(|| edit(&views, |rows| _ = rows.pop_last()))),
        (
            "another ledger",
            Box::new(|| {
                fs::remove_dir_all(&views).unwrap();
                let hamlet = hamlet(None);
                hamlet.world.write(&folder.path().join("hamlet"));
                let other = ["--lang", "en", "trace", "case", "h-1", "--dir", "hamlet", "--views", "views"];
                assert_eq!(run(folder.path(), &other).status.code(), Some(1), "without a policy");
            }),
        ),
    ];
    // A list is answered only from views that were read through; a payment, from rows on which it rests.
    let listed = || run(folder.path(), &[&["--lang", "en", "trace", "batch", "b-2013-1"], &args[5..], &["--views", "views"]].concat());
    for (what, spoil) in spoil {
        spoil();
        assert!(kept().stdout == expected.stdout, "{what}");
        spoil();
        let output = listed();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("views were in doubt and have been built anew"), "{what}: {}", text(&output));
        assert!(kept().stderr.is_empty() && kept().stdout == expected.stdout, "{what}: rebuilt once");
    }
}

/// Somebody who keeps the seal right too: what the views say is compared with the record, entry by entry.
#[test]
fn views_that_were_sealed_anew_are_not_believed() {
    let (dir, policy) = (COUNTY.path().join("county"), COUNTY.path().join("county/trust-policy"));
    let case = json(&["case", "07-06-002"]);
    let visit = case["entries"].as_array().unwrap().iter().find(|act| act["detail"] == "visit").unwrap();
    let appointment = visit["signed_by"][0]["appointment_entry"].as_u64().unwrap();
    let key = |row: &str| match row {
        "name" => Key::Person("t701".to_owned()),
        "capacity" => Key::PersonOffice("t701".to_owned(), appointment, "twp_investigator".to_owned()),
        _ => Key::Entry(visit["entry"].as_u64().unwrap()),
    };
    for forged in ["name", "capacity", "signer", "received", "asserts"] {
        let folder = tempfile::tempdir().unwrap();
        let args = ["--lang", "en", "trace", "case", "07-06-002", "--dir", dir.to_str().unwrap(), "--policy", policy.to_str().unwrap()];
        let kept = || run(folder.path(), &[&args[..], &["--views", "views"]].concat());
        assert!(kept().status.success());
        let mut store = Store::open(&generation(&folder.path().join("views"))).unwrap();
        let cursor = store.cursor().unwrap().unwrap();
        let mut row = store.row(&key(forged)).unwrap().unwrap();
        match (&mut row, forged) {
            (Row::Person(person), _) => person.name = "somebody else".to_owned(),
            (Row::Office(office), _) => office.capacity = "acting".to_owned(),
            (Row::Entry(entry), "signer") => entry.signers[0].person = "t703".to_owned(),
            (Row::Entry(entry), "received") => entry.received_ms += 1_000,
            (Row::Entry(EntryRow { deed: Deed::Step(step), .. }), _) => step.asserts[0].1 = "no".to_owned(),
            other => panic!("{other:?}"),
        }
        let rows = [(key(forged), Box::new(row))].into_iter().collect();
        store.commit(Changes { from: cursor.size, to: cursor.size, rows }, cursor).unwrap();
        store.flush().unwrap();
        drop(store);
        let output = kept();
        let said = text(&output);
        assert!(output.status.code() == Some(3) && output.stdout.is_empty(), "{forged}: {said}");
        assert!(said.contains("what the record does not") || said.contains("not there, though another row names it"), "{forged}: {said}");
    }
}

fn edit(views: &Path, change: impl FnOnce(&mut BTreeMap<Vec<u8>, Vec<u8>>)) {
    tamper::edit(&generation(views), change).unwrap();
}

#[test]
fn nothing_is_wider_than_a_screen() {
    let subjects: [&[&str]; 6] = [
        &["payment", "07-10-030"],
        &["case", "07-03-008", "--around"],
        &["person", "v06-overseer", "--around"],
        &["list", "p-07-07"],
        &["batch", "b-2013-1"],
        &["case", "07-05-003", "--as-of", "2013-03-01"],
    ];
    for lang in ["en", "zh"] {
        for subject in subjects {
            for line in trace(lang, subject).lines() {
                assert!(columns(line) <= 80, "{subject:?}: {} columns: {line}", columns(line));
            }
        }
    }
}
