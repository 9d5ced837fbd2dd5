//! The script that counts an XES log and a ledger, from the bytes of both, tells a right ledger from every wrong one.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail loudly")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use signer::act::{Act, Import};
use signer::statement::statement_hash;
use signer::value::SourceDigest;
use tests::World;
use tests::every_act::{case_of, legacy};
use tests::world::text;

const RECORDS: u64 = 40;

fn records(world: &World) -> Vec<Import> {
    let record = |n| {
        let Act::Import(import) = world.record(case_of(n), n) else { unreachable!() };
        let (actor, activity, group) = legacy(n);
        Import { actor: text(actor), activity: text(activity), group: text(group), ..import }
    };
    // A log has its events by case.
    let mut all: Vec<Import> = (0..RECORDS).map(record).collect();
    all.sort_by(|a, b| a.case.cmp(&b.case));
    all.iter_mut().zip(0..).for_each(|(import, n)| import.record = n);
    all
}

fn xes(records: &[Import]) -> String {
    let mut log = "<?xml version=\"1.0\"?>\n<log xmlns=\"http://www.xes-standard.org/\">".to_owned();
    for case in records.chunk_by(|a, b| a.case == b.case) {
        write!(log, "<trace><string key=\"concept:name\" value=\"{}\"/>", case[0].case).unwrap();
        for event in case {
            log.push_str("<event>");
            for (key, value) in [
                ("concept:name", event.activity.to_string()),
                ("org:resource", event.actor.to_string()),
                ("org:group", event.group.to_string()),
                ("time:timestamp", event.recorded.to_string()),
                ("lifecycle:transition", event.lifecycle.to_string()),
            ] {
                if value != "-" {
                    write!(log, "<string key=\"{key}\" value=\"{value}\"/>").unwrap();
                }
            }
            log.push_str("</event>");
        }
        log.push_str("</trace>");
    }
    log + "</log>\n"
}

/// Exit code and output for a log of these records and a ledger that imports those.
fn count(in_log: &[Import], in_ledger: &[Import]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let log = xes(in_log);
    let file = folder.path().join("log.xes");
    fs::write(&file, &log).unwrap();
    let mut world = World::staffed();
    for import in in_ledger {
        let head = world.heads.get(import.case.as_str()).copied();
        let hash = world.act(&["a1"], Act::Import(Import { head, source: SourceDigest(statement_hash(&log).0), ..import.clone() }));
        world.heads.insert(import.case.to_string(), hash);
    }
    let ledger = folder.path().join("ledger");
    world.write(&ledger);
    run(&[&file, &ledger])
}

fn run(arguments: &[&Path]) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("independent/xes_counts.py");
    let output = Command::new("python3").arg(script).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

#[test]
fn equal_is_equal() {
    let all = records(&World::staffed());
    let (code, said) = count(&all, &all);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("equal") && said.contains("40"), "{said}");
}

#[test]
fn every_difference_is_told() {
    let all = records(&World::staffed());
    let changed = |change: &dyn Fn(&mut Vec<Import>)| {
        let mut changed = all.clone();
        change(&mut changed);
        changed
    };
    let wrong = [
        ("an event less", changed(&|all| _ = all.remove(7))),
        ("no event", vec![]),
        ("an event more", changed(&|all| all.push(Import { record: RECORDS, ..all[3].clone() }))),
        ("another actor", changed(&|all| all[5].actor = text("甲子·099"))),
        ("another activity", changed(&|all| all[5].activity = text("A9"))),
        ("another group", changed(&|all| all[5].group = text("A9"))),
        ("another transition", changed(&|all| all[5].lifecycle = text("start"))),
        ("another millisecond", changed(&|all| all[5].recorded.millis += 1)),
        ("the same time at another offset", changed(&|all| all[5].recorded.time.offset_minutes = 420)),
        ("two actors changed places", {
            changed(&|all| {
                let at = (1..all.len()).find(|at| all[at - 1].actor != all[*at].actor && all[at - 1].case == all[*at].case).unwrap();
                let actor = all[at - 1].actor.clone();
                all[at - 1].actor = std::mem::replace(&mut all[at].actor, actor);
            })
        }),
        ("two events of a case in another order", changed(&|all| all.swap(0, 1))),
        ("an event of another case", changed(&|all| all[5].case = all[RECORDS as usize - 1].case.clone())),
    ];
    for (what, ledger) in wrong {
        let (code, said) = count(&all, &ledger);
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.contains("not equal"), "{what}: {said}");
    }
}

#[test]
fn what_is_no_log_or_no_ledger_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.xes");
    for text in ["<!DOCTYPE log [<!ENTITY a \"b\">]><log/>", "<!DOCTYPE log><log/>", "<log>&a;</log>", "<log>", "", "<other/>"] {
        fs::write(&file, text).unwrap();
        let (code, said) = run(&[&file]);
        assert_eq!(code, Some(2), "{text}: {said}");
        assert!(said.starts_with("xes_counts: "), "{said}");
    }
    fs::write(&file, "<log/>").unwrap();
    assert_eq!(run(&[&file]).0, Some(0));
    assert_eq!(run(&[&file, folder.path()]).0, Some(2));
    assert_eq!(run(&[]).0, Some(2));
}

#[test]
fn the_sample_is_what_it_says() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/samples/permits.xes");
    let (code, said) = run(&[&sample]);
    let numbers: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(numbers, ["log", "cases", "12", "events", "61", "persons", "6", "activities", "7", "groups", "4"]);
}
