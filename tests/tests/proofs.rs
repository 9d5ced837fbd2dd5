//! What the latest index entry says of a case or key can be proved until the next one, whatever has happened meanwhile.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail loudly")]

use std::collections::BTreeMap;

use ledger::Ledger;
use ledger::check::check;
use ledger::evidence::{MapEvidence, Subject};
use ledger::policy::Policy;
use ledger::snapshot::Snapshot;
use ledger::state::State;
use ledger::storage::Folder;
use signer::act::{Act, Objection};
use tests::World;
use tests::programme::Stage::{Opened, Staffed};
use tests::programme::{PROGRAMME, case_id};
use tests::world::{code, key, person};

const DAY_MS: i64 = 86_400_000;

/// Index entries with every kind of change between them, and after the last.
fn indexed() -> World {
    let mut world = World::programme_of(&PROGRAMME.replace("daily = false", "daily = true"));
    world.run_on(Staffed, Opened);
    world.index();
    let objection = Objection { case: world.at("p1"), reason: code("income"), evidence: None };
    world.act(&["h1"], Act::Objection(objection));
    world.open_case("q1", "07-01", &["c1"]);
    world.rotate("r1", "r1-2");
    world.index();
    world.step(&["v1", "v2"], world.visit("p2"));
    world.enrol("x9");
    world.index();
    world.cosign();
    world.step(&["v1", "v2"], world.visit("p3"));
    world.act(&["r1"], world.record("old", 1));
    world.open_case("q2", "07-01", &["c1"]);
    world.rotate("r1", "r1-3");
    world
}

/// Whatever is asked about: every case and key that there ever is, and one of neither.
fn subjects() -> Vec<Subject> {
    let cases = ["p1", "p2", "p3", "p4", "q1", "q2", "old", "nothing"].map(|case| Subject::Case(case_id(case)));
    let keys = ["r1", "r1-2", "r1-3"].map(|name| Subject::Key(person("r1"), key(name).public().bytes()));
    let other = Subject::Key(person("x9"), key("x9").public().bytes());
    cases.into_iter().chain(keys).chain([other]).collect()
}

/// What a state says of it, in the words of format.md section 18.
fn said(state: &State, subject: &Subject) -> Option<String> {
    match subject {
        Subject::Case(case) => state.register().case(case).map(|known| known.index_text(case)),
        Subject::Key(person, key) => {
            let known = state.person(person)?.key(key)?;
            let status = format!("{:?}", known.status).to_lowercase();
            let status = ["active", "replaced", "revoked"].into_iter().find(|word| status.starts_with(word)).unwrap();
            Some(format!("key {person} {key}\nstatus {status}\n"))
        }
    }
}

#[test]
fn at_every_prefix_proofs_say_what_was_at_the_last_index_entry() {
    let world = indexed();
    let policy = Policy::parse(world.policy(false).as_bytes()).unwrap();
    let notes = world.notes();
    let is_index = |at: usize| notes[at].1.starts_with(b"zeren index v1");
    let mut then: Option<(u64, BTreeMap<String, Option<String>>)> = None;
    let mut differing = 0;
    for size in 1..=notes.len() {
        let folder = tempfile::tempdir().unwrap();
        world.rewritten(&notes[..size]).write(folder.path());
        let log = Snapshot::open(Folder::open_to_read(folder.path()).unwrap(), &mut |_| {}).unwrap();
        if is_index(size - 1) {
            let now = subjects().iter().map(|subject| (subject.id(), said(log.state(), subject))).collect();
            then = Some((size as u64 - 1, now));
        }
        for subject in subjects() {
            let id = subject.id();
            let now = said(log.state(), &subject);
            let Some((index, then)) = &then else {
                assert!(log.prove(subject).unwrap().is_none(), "{id} before any index entry");
                continue;
            };
            let made = log.prove(subject).unwrap().unwrap();
            assert_eq!((made.receipt.index, &made.value), (*index, &then[&id]), "{id} at {size}");
            differing += usize::from(made.value != now);
            let read = MapEvidence::parse(made.encode().as_bytes()).unwrap();
            assert_eq!(read.verify(&policy).unwrap().index, *index, "{id} at {size}");
        }
    }
    assert!(differing > 10, "the last index entry says something else than the present: {differing}");
}

#[test]
fn an_index_entry_that_cannot_be_made_takes_no_proof_away() {
    let world = indexed();
    let folder = tempfile::tempdir().unwrap();
    world.write(folder.path());
    let (mut ledger, _) = Ledger::open(Folder::open(folder.path()).unwrap(), vec![key("checkpoint")], &mut |_| {}).unwrap();
    let proofs = |ledger: &Ledger<Folder>| -> Vec<String> {
        subjects().into_iter().map(|subject| ledger.prove(subject).unwrap().unwrap().encode()).collect()
    };
    let before = proofs(&ledger);
    // Three days without a witness: nothing is admitted, no index entry either.
    let mut late = world.fork();
    late.clock = late.clock.plus_ms(3 * DAY_MS);
    let step = Act::Step(Box::new(late.visit("p4")));
    let statement = late.statement(&["v1", "v2"], step);
    let note = late.sign(&statement);
    let verified = check(&note, ledger.ring()).unwrap();
    let answers = ledger.append(vec![verified], late.clock).unwrap();
    let ledger::Answer::Refused { refusal, .. } = &answers[0] else { panic!("admitted without a witness") };
    assert_eq!(refusal.rule, signer::Rule::Unwitnessed);
    assert_eq!(proofs(&ledger), before);
}
