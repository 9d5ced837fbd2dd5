//! Ledgers of every version of the format, as the programs of their day wrote them, open for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails should fail loudly")]

use std::fs;
use std::path::Path;
use std::process::Command;

use ledger::audit::{Question, audit};
use ledger::entry::Entry;
use ledger::marker::FORMAT_VERSION;
use ledger::snapshot::Snapshot;
use ledger::storage::{Folder, MARKER};
use ledger::{Answer, Ledger, LedgerError, append_through};
use signer::act::Act;
use signer::checkpoint::cosign;
use signer::note::SignatureLine;
use signer::possession::{self, Occasion};
use signer::rule::Rule;
use signer::statement::{By, Header};
use signer::value::{DeviceId, IdentityToken};
use signer::{Note, Statement};
use tests::World;
use tests::kept::{all, place, said, write};
use tests::script::keys;
use tests::stream::Begins;
use tests::world::{PROCEDURE, bytes, key, office, person, text, time, unit};

fn expected(folder: &Path, key: &str) -> String {
    let text = fs::read_to_string(folder.join("expected")).unwrap();
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).unwrap().to_owned()
}

fn copied(folder: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copied(&path, &target) } else { _ = fs::copy(&path, target).unwrap() }
    }
}

#[test]
fn ledgers_of_this_version_are_kept() {
    let names: Vec<String> = all().iter().map(|path| path.strip_prefix(place()).unwrap().display().to_string()).collect();
    let of_one = ["cluster", "founded", "programme", "refusals", "registry", "unfinished"];
    for version in 1..=FORMAT_VERSION {
        for name in of_one {
            assert!(names.contains(&format!("v{version}/{name}")), "{names:?}");
        }
    }
    assert!(write(&place()).is_err(), "what is kept is never written again");
}

/// The same statements at the same times make the same entries: what writes other bytes is another version.
#[test]
fn what_is_kept_is_written_the_same_today() {
    for folder in all().iter().filter(|path| path.starts_with(place().join(format!("v{FORMAT_VERSION}")))) {
        let kept = Snapshot::open(Folder::open_to_read(&folder.join("ledger")).unwrap(), &mut |_| {}).unwrap();
        let room = tempfile::tempdir().unwrap();
        let mut storage = Some(Folder::create(&room.path().join("ledger")).unwrap());
        let mut ledger: Option<Ledger<Folder>> = None;
        for index in 0..kept.size() {
            let bytes = kept.entry(index).unwrap().unwrap();
            let entry = Entry::parse(&bytes).unwrap();
            // The ledger makes its index entries itself.
            if entry.note.starts_with(b"zeren index") {
                continue;
            }
            let Some(ledger) = ledger.as_mut() else {
                let mut keys = keys();
                let second = keys.pop().unwrap();
                let storage = storage.take().unwrap();
                let mut founded = Ledger::init(storage, entry.note, keys.pop().unwrap(), entry.received).unwrap();
                founded.hold_key(second);
                ledger = Some(founded);
                continue;
            };
            let verified = ledger::check(entry.note, ledger.ring()).unwrap();
            // A node's own epoch entries among them.
            append_through(ledger, vec![verified], entry.received, &mut Begins).unwrap();
        }
        let ledger = ledger.unwrap();
        // An index entry at the end waits for the statement after it.
        assert!(ledger.history().size() + 1 >= kept.size(), "{}", folder.display());
        for index in 0..ledger.history().size() {
            assert!(ledger.entry(index).unwrap() == kept.entry(index).unwrap(), "{} {index}", folder.display());
        }
    }
}

#[test]
fn an_audit_says_what_it_said_then() {
    for folder in all() {
        assert_eq!(said(&folder), fs::read_to_string(folder.join("expected")).unwrap(), "{}", folder.display());
    }
}

#[test]
fn the_second_verifier_says_the_same() {
    for folder in all() {
        let output = Command::new("python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("independent/verify.py"))
            .arg(folder.join("ledger"))
            .arg("--policy")
            .arg(folder.join("policy"))
            .output()
            .expect("python3 runs the second verifier");
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut told = format!("verdict {}\nentries {}\nroot {}\n", word(&found["verdict"]), found["entries"], word(&found["root"]));
        for finding in found["findings"].as_array().unwrap() {
            told += &format!("{} {} {}\n", word(&finding["level"]), word(&finding["rule"]), finding["index"]);
        }
        assert_eq!(told, fs::read_to_string(folder.join("expected")).unwrap(), "{}", folder.display());
    }
}

fn word(value: &serde_json::Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn they_are_read_and_go_on() {
    for folder in all() {
        let name = folder.display();
        let snapshot = Snapshot::open(Folder::open_to_read(&folder.join("ledger")).unwrap(), &mut |_| {}).unwrap();
        assert_eq!(snapshot.size().to_string(), expected(&folder, "entries"), "{name}");
        let root = snapshot.history().tree().root_at(snapshot.size()).unwrap().to_string();
        assert_eq!(root, expected(&folder, "root"), "{name}");
        // Written to in a copy.
        let room = tempfile::tempdir().unwrap();
        copied(&folder, room.path());
        let open = || Ledger::open(Folder::open(&room.path().join("ledger")).unwrap(), keys(), &mut |_| {}).unwrap();
        let (mut ledger, recovered) = open();
        assert_eq!(recovered.kept > 0 && recovered.has_cut, folder.ends_with("unfinished"), "{name}");
        let size = ledger.history().size();
        for sign in [next_act, cosigned] {
            let note = sign(&ledger);
            let verified = ledger::check(&note, ledger.ring()).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
            let clock = ledger.state().received_last().plus_ms(60_000);
            let answers = ledger.append(vec![verified], clock).unwrap();
            assert!(matches!(&answers[..], [Answer::Recorded { .. }]), "{name}: {answers:?}");
        }
        assert!(ledger.history().size() >= size + 2);
        let seen = ledger.seen();
        drop(ledger);
        assert_eq!(open().0.seen(), seen, "{name}");
        let storage = Folder::open_to_read(&room.path().join("ledger")).unwrap();
        let policy = ledger::policy::Policy::parse(&fs::read(folder.join("policy")).unwrap()).unwrap();
        let question = Question { storage: &storage, policy: Some(&policy), is_policy_inside: false, known: &[] };
        assert_eq!(audit(&question, &mut |_, _| {}).unwrap().verdict, ledger::audit::Verdict::Holds, "{name}");
    }
}

/// Founders f1 and f2 enrol somebody new, or where no procedure is in force yet, enact one.
fn next_act(ledger: &Ledger<Folder>) -> Vec<u8> {
    let state = ledger.state();
    let (id, new) = (person("upgrade"), key("upgrade"));
    let identity = IdentityToken(bytes("identity of upgrade"));
    let proof = possession::prove(ledger.id(), &id, Occasion::Identity(identity), &new);
    let act = match state.procedures() {
        [] => World::enactment(PROCEDURE),
        _ => Act::Enrol { person: id, name: text("甲子·升级"), identity, key: new.public().bytes(), proof },
    };
    let by =
        |name: &str| By { person: person(name), office: office("founder"), unit: unit("-"), appointment: state.in_force().unwrap().hash };
    let header = Header {
        procedure: state.procedure_at(state.size(), state.received_last()).map(|enacted| enacted.name.clone()),
        by: vec![by("f1"), by("f2")],
        device: DeviceId::parse("d1").unwrap(),
        counter: 1_000_000,
        at: time(state.received_last()),
        seen: ledger.seen().unwrap(),
    };
    let statement = Statement::Act { ledger: ledger.id().clone(), header, act }.encode();
    let line = |name: &str| SignatureLine::ed25519(name, &key(name).public(), &key(name).sign(statement.as_bytes()));
    Note { signatures: vec![line("f1"), line("f2")], text: statement }.encode().into_bytes()
}

/// Witness w1 cosigns the latest checkpoint.
fn cosigned(ledger: &Ledger<Folder>) -> Vec<u8> {
    let mut note = ledger.checkpoint().clone();
    let seconds = (ledger.state().received_last().0 / 1_000) as u64 + 90;
    note.signatures.push(cosign(&note.text, "w1.example", &key("w1"), seconds));
    note.encode().into_bytes()
}

/// A program that knows version 1 changes nothing in a folder of version 2, and says whose it is.
#[test]
fn a_later_version_is_refused_by_name() {
    let room = tempfile::tempdir().unwrap();
    let folder = place().join("v1/founded");
    copied(&folder, room.path());
    let dir = room.path().join("ledger");
    let marker = fs::read_to_string(dir.join(MARKER)).unwrap();
    for (version, is_other) in [("2", true), ("17", true), ("0", true), ("01", false), ("x", false), ("", false)] {
        fs::write(dir.join(MARKER), marker.replace("v1", &format!("v{version}"))).unwrap();
        let opened = Ledger::open(Folder::open(&dir).unwrap(), keys(), &mut |_| {}).map(|_| ());
        let read = Snapshot::open(Folder::open_to_read(&dir).unwrap(), &mut |_| {}).map(|_| ());
        for error in [opened.unwrap_err(), read.unwrap_err()] {
            match error {
                LedgerError::OtherFormat { found } if is_other => {
                    assert_eq!(found.to_string(), version);
                    let said = error.to_string();
                    assert!(said.starts_with("marker") && said.contains("v1") && said.contains(&format!("v{version}")), "{said}");
                }
                LedgerError::NotALedger if !is_other => {}
                other => panic!("v{version}: {other}"),
            }
        }
        let storage = Folder::open_to_read(&dir).unwrap();
        let report = audit(&Question { storage: &storage, policy: None, is_policy_inside: false, known: &[] }, &mut |_, _| {}).unwrap();
        let found: Vec<Rule> = report.findings.iter().map(|finding| finding.refusal.rule).collect();
        assert_eq!(found, [Rule::Marker], "v{version}");
    }
}
