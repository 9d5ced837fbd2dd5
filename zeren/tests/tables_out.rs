//! What `zeren export` writes, read back: every view, every cell, in both formats; and event logs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use calamine::{Data, Reader as _, Xlsx, open_workbook};
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::{Key, MemoryRows, Prefix, Rows as _, follow};
use serde_json::Value;

static COUNTY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["demo", "--profile", "s", "--dir", "county"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    folder
});

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zeren")).args(["--lang", "en"]).args(args).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Exports from the county; gives what was said.
fn export(args: &[&str]) -> Value {
    let all = [&["export"], args, &["--dir", "county", "--policy", "county/trust-policy", "--json"]].concat();
    let output = run(COUNTY.path(), &all);
    assert!(output.status.success(), "{all:?}\n{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The rows of a CSV file as they were meant, the header first.
fn csv_rows(path: &Path) -> Vec<Vec<String>> {
    let bytes = fs::read(path).unwrap();
    let body = bytes.strip_prefix("\u{feff}".as_bytes()).expect("a byte order mark");
    assert!(!body.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r'), "RFC 4180 ends rows with CR LF");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(body);
    let meant = |cell: &str| cell.strip_prefix('\'').unwrap_or(cell).to_owned();
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        for cell in &record {
            let first = cell.trim_start().chars().next();
            assert!(cell == "-" || !first.is_some_and(|first| "=+-@＝＋－＠".contains(first)), "a formula: {cell}");
        }
        record.iter().map(meant).collect()
    });
    rows.collect()
}

fn sheet_rows(book: &mut Xlsx<std::io::BufReader<fs::File>>, name: &str) -> Vec<Vec<String>> {
    assert!(book.worksheet_formula(name).unwrap().used_cells().next().is_none(), "{name} has a formula");
    let range = book.worksheet_range(name).unwrap();
    let shown = |cell: &Data| match cell {
        Data::Empty => String::new(),
        Data::String(text) => text.clone(),
        Data::Float(number) => format!("{number:.0}"),
        other => panic!("{other:?}"),
    };
    range.rows().map(|row| row.iter().map(shown).collect()).collect()
}

#[test]
fn every_view_goes_out_whole_in_both_formats_and_says_the_same() {
    let folder = COUNTY.path();
    let said = export(&["csv", "all", "-o", "tables"]);
    let written = said["written"].as_object().unwrap();
    let about: Value = serde_json::from_slice(&fs::read(folder.join("tables/export.json")).unwrap()).unwrap();
    assert_eq!((&about["from"], &about["rows"]), (&said["from"], &said["written"]));
    assert_eq!((&about["from"]["size"], &about["from"]["anchored"]), (&Value::from(2002), &Value::from(true)));
    assert_eq!(about["from"]["received_last"], "2014-02-26T08:00:00+08:00");
    assert_eq!(fs::read_dir(folder.join("tables")).unwrap().count(), written.len() + 1);
    assert_eq!(export(&["xlsx", "all", "-o", "book.xlsx"])["written"], said["written"]);
    let mut book: Xlsx<_> = open_workbook(folder.join("book.xlsx")).unwrap();
    assert_eq!(book.sheet_names().len(), written.len() + 1);
    for (view, count) in written {
        let rows = csv_rows(&folder.join(format!("tables/{view}.csv")));
        assert_eq!(rows.len() as u64 - 1, count.as_u64().unwrap(), "{view}");
        assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{view}: rows of other width");
        let sheet = sheet_rows(&mut book, view);
        // A sheet ends where its last cell is.
        let widest = sheet[0].len();
        assert_eq!(widest, rows[0].len(), "{view}");
        assert_eq!(sheet, rows, "{view}");
    }
}

#[test]
fn no_row_is_left_out() {
    let written = export(&["csv", "all", "-o", "counted"])["written"].clone();
    let ledger = Snapshot::open(Folder::open_to_read(&COUNTY.path().join("county")).unwrap(), &mut |_| {}).unwrap();
    let mut rows = MemoryRows::default();
    follow::follow(&mut rows, &ledger, &mut |_| {}).unwrap();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut after: Option<Key> = None;
    loop {
        let page = rows.page(&Prefix::all(), after.as_ref(), 10_000).unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (key, _) in &page {
            let view = match key {
                Key::Entry(_) => "entries",
                Key::Case(_) => "cases",
                Key::CaseEntry(..) => "case-entries",
                Key::Person(_) => "persons",
                Key::PersonAct(..) => "person-acts",
                Key::PersonKey(..) => "keys",
                Key::PersonOffice(..) => "offices",
                Key::PublicKey(_) | Key::Grant(_) | Key::Flag(_) | Key::Statement(_) => "lookups",
                Key::CaseFlag(..) => "flags",
                Key::List(_) => "lists",
                Key::Batch(_) => "batches",
                Key::Responsibility(_) => "responsibility",
                Key::Workload(..) => "workload",
                Key::Funnel(..) => "funnel",
                Key::Standing(..) => "standing",
                Key::Posting(..) => "postings",
                Key::Raised(_) => "raised",
                _ => continue,
            };
            *kinds.entry(view).or_default() += 1;
        }
    }
    assert_eq!(kinds.len(), 17);
    for (view, count) in kinds {
        assert_eq!(written[view], count, "{view}");
    }
    let mut warnings = 0;
    ledger
        .admitted(0, &mut |entry| {
            warnings += entry.warnings.len() as u64;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((&written["warnings"], &written["refusals"]), (&Value::from(warnings), &Value::from(1)));
}

#[test]
fn payments_come_to_what_the_county_paid_to_the_fen() {
    export(&["csv", "payments", "-o", "payments.csv"]);
    let rows = csv_rows(&COUNTY.path().join("payments.csv"));
    assert_eq!(rows[0][..6], ["batch", "list", "case", "fen", "yuan", "result"]);
    let fen = |row: &Vec<String>| row[3].parse::<u64>().unwrap();
    let paid: Vec<&Vec<String>> = rows.iter().filter(|row| row[5] == "paid").collect();
    assert_eq!((paid.len(), paid.iter().map(|row| fen(row)).sum::<u64>()), (296, 24_820_000));
    assert!(rows[1..].iter().all(|row| row[4] == format!("{}.{:02}", fen(row) / 100, fen(row) % 100)));
    assert_eq!(rows.iter().filter(|row| row[5] == "failed").count(), 3, "paid again in a later batch");
    assert!(COUNTY.path().join("payments.csv.export.json").exists());
}

#[test]
fn the_same_ledger_makes_the_same_bytes_in_either_language() {
    let folder = COUNTY.path();
    for what in ["xlsx", "csv"] {
        for lang in ["en", "zh"] {
            let name = |number| format!("same-{lang}-{number}.{what}");
            for number in [1, 2] {
                export(&[what, "responsibility", "-o", &name(number), "--lang", lang]);
            }
            assert_eq!(fs::read(folder.join(name(1))).unwrap(), fs::read(folder.join(name(2))).unwrap());
        }
    }
    let rows = csv_rows(&folder.join("same-zh-1.csv"));
    assert_eq!(rows[0], ["人员", "岗位", "环节", "结果", "行为数", "案件数", "首条", "末条"]);
    let mut book: Xlsx<_> = open_workbook(folder.join("same-zh-1.xlsx")).unwrap();
    assert_eq!(book.sheet_names(), ["说明", "责任"]);
    assert_eq!(sheet_rows(&mut book, "责任"), rows);
}

#[test]
fn what_cannot_be_exported_is_refused_and_leaves_nothing() {
    let folder = COUNTY.path();
    let fails = |args: &[&str]| {
        let output = run(folder, &[&["export"], args].concat());
        (output.status.code().unwrap(), text(&output.stderr))
    };
    let (code, said) = fails(&["csv", "salaries", "--dir", "county", "-o", "salaries.csv"]);
    assert!(code == 2 && said.contains("no such view; there are: all, ledger, entries, signatures,"), "{said}");
    fs::write(folder.join("taken.csv"), "mine").unwrap();
    let (code, said) = fails(&["csv", "cases", "--dir", "county", "-o", "taken.csv"]);
    assert!(code == 2 && said.contains("Nothing is overwritten"), "{said}");
    assert_eq!(fs::read(folder.join("taken.csv")).unwrap(), b"mine");
    assert_eq!(fails(&["xes", "--dir", "nowhere", "-o", "nothing.xes"]).0, 2);
    assert!(!folder.join("nothing.xes").exists() && !folder.join("salaries.csv").exists());
    let output = run(folder, &["export", "csv", "cases", "--dir", "county", "-o", "unanchored.csv"]);
    assert!(output.status.code() == Some(1) && text(&output.stdout).contains("UNANCHORED"), "{}", text(&output.stdout));
}

#[test]
fn a_strangers_text_is_no_formula_and_no_markup() {
    let folder = tempfile::tempdir().unwrap();
    let event = |name: &str, who: &str| {
        format!(
            r#"<event><string key="concept:name" value="{name}"/><string key="org:resource" value="{who}"/><date key="time:timestamp" value="2011-10-11T13:45:40.276+02:00"/></event>"#
        )
    };
    let events = [event("=1+1", "@SUM(A1)"), event("&lt;b&gt; &amp; &quot;c&quot;", "-1+2"), event("+86", "'quoted")].concat();
    let log = format!(r#"<?xml version="1.0"?><log><trace><string key="concept:name" value="c-1"/>{events}</trace></log>"#);
    fs::write(folder.path().join("old.xes"), log).unwrap();
    let succeeds = |args: &[&str]| {
        let output = run(folder.path(), args);
        assert!(output.status.success(), "{args:?}\n{}", text(&output.stderr));
        text(&output.stdout)
    };
    succeeds(&["import", "xes", "old.xes", "--dir", "old"]);
    let policy = ["--dir", "old", "--policy", "old/trust-policy"];
    succeeds(&[&["export", "csv", "legacy", "-o", "legacy.csv"], &policy[..]].concat());
    let rows = csv_rows(&folder.path().join("legacy.csv"));
    let told: BTreeSet<&str> = rows.iter().flatten().map(String::as_str).collect();
    for word in ["=1+1", "@SUM(A1)", "-1+2", "+86", "'quoted", "<b> & \"c\""] {
        assert!(told.contains(word), "{word} in {told:?}");
    }
    succeeds(&[&["export", "xlsx", "all", "-o", "all.xlsx"], &policy[..]].concat());
    let mut book: Xlsx<_> = open_workbook(folder.path().join("all.xlsx")).unwrap();
    assert_eq!(sheet_rows(&mut book, "legacy"), rows);
    // Out as XES, in again: the same cases and events.
    let said: Value = serde_json::from_str(&succeeds(&[&["export", "xes", "-o", "new.xes", "--json"], &policy[..]].concat())).unwrap();
    let again: Value = serde_json::from_str(&succeeds(&["import", "xes", "new.xes", "--dir", "again", "--json"])).unwrap();
    assert_eq!((&said["written"]["traces"], &said["written"]["events"]), (&again["cases"], &again["events"]));
    assert_eq!((&again["cases"], &again["events"], &again["actors"], &again["activities"]), (&1.into(), &3.into(), &3.into(), &3.into()));
    let new = fs::read_to_string(folder.path().join("new.xes")).unwrap();
    assert!(new.contains("2011-10-11T13:45:40.276+02:00") && new.contains("&lt;b&gt; &amp; &quot;c&quot;"), "{new}");
}

#[test]
fn the_countys_event_log_comes_back_with_every_case_and_event() {
    let folder = COUNTY.path();
    let said = export(&["xes", "-o", "county.xes"])["written"].clone();
    let entries = export(&["csv", "case-entries", "-o", "for-xes.csv"])["written"]["case-entries"].clone();
    assert_eq!((&said["traces"], &said["events"]), (&Value::from(300), &entries));
    let output = run(folder, &["import", "xes", "county.xes", "--dir", "county-again", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let again: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (mine, theirs) in [("traces", "cases"), ("events", "events"), ("activities", "activities"), ("resources", "actors")] {
        assert_eq!(said[mine], again[theirs], "{mine}");
    }
    let log = fs::read_to_string(folder.join("county.xes")).unwrap();
    assert!(
        log.contains(r#"<string key="concept:name" value="visit"/>"#)
            && log.contains(r#"<string key="lifecycle:transition" value="start"/>"#)
    );
}

#[test]
fn an_object_centric_log_names_only_what_it_holds() {
    let folder = COUNTY.path();
    let said = export(&["ocel", "-o", "county.json"])["written"].clone();
    let log: Value = serde_json::from_slice(&fs::read(folder.join("county.json")).unwrap()).unwrap();
    let list = |name: &str| log[name].as_array().unwrap();
    let names = |of: &str, key: &str| list(of).iter().map(|one| one[key].as_str().unwrap()).collect::<BTreeSet<&str>>();
    let (objects, events) = (names("objects", "id"), names("events", "id"));
    assert_eq!((objects.len(), events.len()), (list("objects").len(), list("events").len()), "no id twice");
    assert_eq!((&said["objects"], &said["events"]), (&Value::from(objects.len()), &Value::from(events.len())));
    let ledger: Value = serde_json::from_slice(
        &run(folder, &["export", "csv", "ledger", "-o", "l.csv", "--dir", "county", "--policy", "county/trust-policy", "--json"]).stdout,
    )
    .unwrap();
    assert_eq!(ledger["written"]["ledger"], 1);
    let statements = csv_rows(&folder.join("l.csv"))[1][3].parse::<usize>().unwrap();
    assert_eq!(events.len(), statements, "an event for each statement");
    let mut relations = 0;
    for (of, is_event) in [("events", true), ("objects", false)] {
        let types = names(if is_event { "eventTypes" } else { "objectTypes" }, "name");
        for one in list(of) {
            assert!(types.contains(one["type"].as_str().unwrap()), "{one}");
            for relation in one["relationships"].as_array().unwrap() {
                assert!(objects.contains(relation["objectId"].as_str().unwrap()), "{relation}");
                relations += usize::from(is_event);
            }
        }
    }
    assert_eq!(said["qualified_relations"], relations);
    let types: BTreeSet<&str> = list("objects").iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(types, BTreeSet::from(["batch", "case", "device", "list", "official", "unit"]));
    let visit = list("events").iter().find(|event| event["type"] == "visit").unwrap();
    let parts: BTreeSet<&str> = visit["relationships"].as_array().unwrap().iter().map(|one| one["qualifier"].as_str().unwrap()).collect();
    assert_eq!(parts, BTreeSet::from(["about", "at", "on", "signs"]));
}
