//! What `zeren trace` says of ledgers that a forger wrote: whoever holds the checkpoint key alone gives nobody an office.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use signer::Note;
use signer::act::Act;
use signer::statement::statement_hash;
use signer::value::StatementHash;
use tests::world::{PROCEDURE, World, key};

const CASE: &str = "permit-1";

/// Entries: 0 founding, 1 enactment, 2 and 3 enrolment and appointment of registrar r1, 4 and 5 those of archivist a1 by r1 and a
/// founder, 6 a record that a1 imports. The signatures of the entries that are named are garbage; everything after them is signed
/// over the log as it then stood, as a forger with the checkpoint key alone would write it.
fn written_with_forged(forged: &[u64]) -> World {
    let mut world = World::founded();
    let enactment = World::enactment(PROCEDURE);
    act(&mut world, forged, &["f1", "f2"], enactment.clone());
    if let Act::Enact { enacts, .. } = enactment {
        world.procedure = Some(enacts);
    }
    for (id, office, by) in [("r1", "registrar", ["f1", "f2"]), ("a1", "archivist", ["r1", "f2"])] {
        let enrolment = world.enrolment(id);
        world.keys.insert(id.to_owned(), key(id));
        let known = act(&mut world, forged, &by, enrolment);
        world.known_by.insert(id.to_owned(), known);
        let given = act(&mut world, forged, &by, World::appointment(id, office, "00"));
        world.take_office(id, office, "00", given);
    }
    let record = world.record(CASE, 0);
    act(&mut world, forged, &["a1"], record);
    world
}

fn act(world: &mut World, forged: &[u64], by: &[&str], act: Act) -> StatementHash {
    let statement = world.statement(by, act);
    let mut note = Note::parse(&world.sign(&statement)).unwrap();
    if forged.contains(&world.size()) {
        note.signatures.iter_mut().for_each(|line| line.payload[10] ^= 1);
    }
    world.push(note.encode().as_bytes());
    statement_hash(&statement.encode())
}

fn honest() -> World {
    written_with_forged(&[])
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zeren")).args(["--lang", "en"]).args(args).current_dir(folder).output().unwrap()
}

/// The world as folder `copy` with its policy beside it.
fn written(world: &World) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    world.write(&folder.path().join("copy"));
    fs::write(folder.path().join("policy"), world.policy(false)).unwrap();
    folder
}

fn trace(folder: &Path, args: &[&str]) -> Output {
    run(folder, &[&["trace"], args, &["--dir", "copy"]].concat())
}

#[test]
fn an_office_that_was_never_validly_given_is_never_green() {
    // Each ground alone: the enactment, the registrar's enrolment and appointment two levels down, the archivist's own, and all.
    for forged in [&[1][..], &[2], &[3], &[4], &[5], &[1, 2, 3, 4, 5]] {
        let folder = written(&written_with_forged(forged));
        let output = trace(folder.path(), &["case", CASE, "--policy", "policy"]);
        let said = text(&output);
        let named = format!("DOES NOT VERIFY: it rests on entry {}", forged[0]);
        assert_eq!(output.status.code(), Some(1), "{forged:?}: {said}");
        assert!(said.contains('✗') && said.contains(&named) && !said.contains('✓'), "{forged:?}: {said}");
        assert!(said.contains("signature"), "the rule is named: {said}");
        let person = trace(folder.path(), &["person", "a1", "--policy", "policy"]);
        assert!(person.status.code() == Some(1) && text(&person).contains('✗'), "{}", text(&person));
        let audit = run(folder.path(), &["audit", "copy", "--policy", "policy"]);
        assert!(text(&audit).contains("BROKEN"), "{}", text(&audit));
    }
    let folder = written(&honest());
    for subject in [["case", CASE], ["person", "a1"]] {
        let output = trace(folder.path(), &[&subject[..], &["--policy", "policy"]].concat());
        assert!(output.status.success() && !text(&output).contains('✗'), "{}", text(&output));
    }
}

#[test]
fn the_entry_itself_is_verified() {
    let folder = written(&written_with_forged(&[6]));
    let output = trace(folder.path(), &["case", CASE, "--policy", "policy"]);
    assert!(output.status.code() == Some(1) && text(&output).contains("entry 6 ✗ DOES NOT VERIFY\n"), "{}", text(&output));
    // A byte on the disk: the copy is damaged, and nothing is shown as verified.
    let folder = written(&honest());
    let segment = folder.path().join("copy/segments/000000");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(10).rposition(|window| window == b"Resource21").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let output = trace(folder.path(), &["case", CASE, "--policy", "policy"]);
    assert!(output.status.code() == Some(1) && !text(&output).contains('✓'), "{}", text(&output));
}

#[test]
fn without_an_anchor_nothing_is_green() {
    let folder = written(&honest());
    for subject in [["case", CASE], ["person", "a1"]] {
        let output = trace(folder.path(), &subject);
        let said = text(&output);
        assert!(output.status.code() == Some(1) && said.trim_end().lines().last().unwrap().starts_with("UNANCHORED: "), "{said}");
        let output = trace(folder.path(), &[&subject[..], &["--policy", "policy"]].concat());
        assert!(output.status.success() && !text(&output).contains("UNANCHORED"), "{}", text(&output));
    }
    let output = trace(folder.path(), &["case", CASE, "--json"]);
    assert!(output.status.code() == Some(1) && text(&output).contains("\"anchored\":false"), "{}", text(&output));
}

#[test]
fn evidence_is_not_written_into_and_its_views_are_not_believed() {
    let folder = written(&honest());
    fs::create_dir(folder.path().join("copy/views")).unwrap();
    fs::write(folder.path().join("copy/views/CURRENT"), "whatever").unwrap();
    let list = || {
        let done = Command::new("find").arg(folder.path().join("copy")).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    };
    let before = list();
    let output = trace(folder.path(), &["case", CASE, "--policy", "policy"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output));
    assert_eq!(list(), before);
    for _ in 0..2 {
        let output = trace(folder.path(), &["case", CASE, "--policy", "policy", "--views", "own"]);
        assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output));
    }
    assert!(folder.path().join("own").is_dir());
}
