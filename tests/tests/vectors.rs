//! `docs/vectors/` and what format.md prints of it are what the code makes; each vector yields what its README says.
//! `ZEREN_WRITE_VECTORS=1` writes them anew.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be read should fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ledger::Tip;
use ledger::audit::{Question, Verdict, audit};
use ledger::block::Block;
use ledger::check::check;
use ledger::entry::Entry;
use ledger::policy::Policy;
use ledger::storage::Folder;
use signer::checkpoint::Receipt;
use signer::{ActName, Rule};
use tests::cluster::on_a_cluster;
use tests::disk::Disk;
use tests::every_act::whole_programme;
use tests::stream::{Follower, LAYOUT, findings, refusals};
use tests::vectors::{CHECKED, printed, ring, ring_of, vectors};
use tests::world::key;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(&entry.path()).iter().map(|below| format!("{name}/{below}")));
        } else {
            found.push(name);
        }
    }
    found
}

#[test]
fn the_files_are_those_that_the_code_makes() {
    let (folder, vectors) = (docs().join("vectors"), vectors());
    if std::env::var_os("ZEREN_WRITE_VECTORS").is_some() {
        for part in ["ledger", "good", "bad", "bad-acts", "programme", "cluster"] {
            let _ = fs::remove_dir_all(folder.join(part));
        }
        for (name, bytes) in &vectors {
            fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
    let mut found = files_below(&folder);
    found.retain(|name| name != "README.md");
    found.sort();
    assert_eq!(found, vectors.keys().cloned().collect::<Vec<_>>(), "no file is missing, none is left over");
    for (name, bytes) in &vectors {
        assert!(fs::read(folder.join(name)).unwrap() == *bytes, "docs/vectors/{name} differs: ZEREN_WRITE_VECTORS=1 writes it anew");
    }
}

#[test]
fn format_md_prints_them() {
    let format = fs::read_to_string(docs().join("format.md")).unwrap();
    let printed = printed();
    let section = format.split("\n## 14. Vectors\n").nth(1).unwrap().split("\n## ").next().unwrap();
    assert!(section.contains(&printed), "section 14 must hold:\n\n{printed}");
}

#[test]
fn the_ledgers_hold() {
    let folder = docs().join("vectors");
    let policy = Policy::parse(&fs::read(folder.join("policy")).unwrap()).unwrap();
    for (name, entries) in [("ledger", 30), ("programme", whole_programme().size()), ("cluster", on_a_cluster().size())] {
        let storage = Folder::open_to_read(&folder.join(name)).unwrap();
        let question = Question { storage: &storage, policy: Some(&policy), is_policy_inside: false, known: &[] };
        let report = audit(&question, &mut |_, _| {}).unwrap();
        assert_eq!((report.findings, report.verdict, report.entries), (vec![], Verdict::Holds, entries));
    }
}

#[test]
fn good_notes_pass_the_check_and_bad_ones_break_the_rule_of_their_name() {
    let (vectors, whole, programme) = (vectors(), tests::tamper::whole_life(), whole_programme());
    let all = ring_of(&[&whole, &programme, &on_a_cluster()]);
    for act in ActName::ALL.iter().map(|act| act.as_str()).chain(["cosigned", "index", "epoch", "anchor"]) {
        check(&vectors[&format!("good/{act}.note")], &all).unwrap();
    }
    for act in ActName::ALL.iter().filter(|act| **act >= ActName::Step) {
        let refusal = check(&vectors[&format!("bad-acts/{}.note", act.as_str())], &all).unwrap_err();
        assert_eq!(refusal.rule, Rule::LineRepeated, "{}: {refusal}", act.as_str());
    }
    let ring = ring(&whole);
    for rule in CHECKED {
        let refusal = check(&vectors[&format!("bad/{rule}.note")], &ring).unwrap_err();
        assert_eq!(refusal.rule, *rule, "{refusal}");
    }
    let is_checked = |rule: &&Rule| **rule < Rule::Purpose && !CHECKED.contains(rule);
    assert_eq!(
        Rule::ALL.iter().filter(is_checked).collect::<Vec<_>>(),
        Vec::<&Rule>::new(),
        "no rule of sections 2, 3 and 8.2 is left out"
    );
}

#[test]
fn the_block_is_the_next_of_its_ledger() {
    let whole = on_a_cluster();
    let vector = vectors()["good/block"].clone();
    let block = Block::parse(&vector).unwrap();
    let shorter = whole.rewritten(&whole.notes()[..block.header.size as usize]);
    for has_key in [true, false] {
        let disk = Disk::holding(&shorter, LAYOUT);
        let mut follower = Follower::open(&disk, has_key).unwrap();
        follower.tip = Tip::start(2);
        follower.take(&vector).unwrap();
        follower.ledger.cover_with(&whole.checkpoint_at(whole.size())).unwrap();
        assert_eq!((follower.covered(), follower.stands().1), (whole.size(), whole.history.tree().root_at(whole.size()).unwrap()));
        drop(Follower::open(&disk, has_key).unwrap());
        assert_eq!((findings(&disk, &whole.policy(false)).len(), refusals(&disk).len()), (0, 1));
    }
}

#[test]
fn the_receipt_verifies_in_both_implementations() {
    let vectors = vectors();
    let receipt = Receipt::parse(&vectors["good/receipt.tlog-proof"]).unwrap();
    let note = Entry::parse(&vectors["good/entry"]).unwrap().note.to_vec();
    let origin = receipt.checkpoint.text.lines().next().unwrap().to_owned();
    receipt.verify(&note, &origin, &key("checkpoint").public()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let note_file = place.path().join("note");
    fs::write(&note_file, &note).unwrap();
    let output = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("independent/verify.py"))
        .arg("--receipt")
        .arg(docs().join("vectors/good/receipt.tlog-proof"))
        .arg(note_file)
        .args(["--key", &key("checkpoint").public().bytes().to_string()])
        .output()
        .unwrap_or_else(|error| panic!("the second verifier needs python3 (3.11 or later) with the package `cryptography`: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_readme_names_every_file() {
    let readme = fs::read_to_string(docs().join("vectors/README.md")).unwrap();
    for name in vectors()
        .keys()
        .filter(|name| !["bad/", "bad-acts/", "ledger/", "programme/", "cluster/"].iter().any(|part| name.starts_with(part)))
    {
        let short = name.strip_prefix("good/").unwrap_or(name);
        assert!(readme.contains(&format!("`{short}`")) || short.ends_with(".note"), "{name}");
    }
    for part in ["`good/`", "`bad/`", "`bad-acts/`", "`ledger/`", "`programme/`", "`cluster/`", "`policy`", "`computations`"] {
        assert!(readme.contains(part), "{part}");
    }
}

#[test]
fn format_md_and_the_second_verifier_name_every_rule() {
    let format = fs::read_to_string(docs().join("format.md")).unwrap();
    let python = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("independent/refusals.py")).unwrap();
    let listed: Vec<&str> = python.split("\"\"\"").nth(3).unwrap().split_whitespace().collect();
    for rule in Rule::ALL {
        assert!(format.contains(&format!("`{rule}`")), "{rule} in format.md");
        assert!(listed.contains(&rule.name()), "{rule} in refusals.py");
    }
    assert_eq!(listed.len(), Rule::ALL.len());
}
