//! Whoever holds the checkpoint key can chain and sign any history, but cannot make the officials have signed it: their `seen`
//! lines, their keys and their counters contradict it.

use signer::Rule;
use signer::value::UnixMs;

use super::{Corpus, whole_life};
use crate::trial::Given;
use crate::world::{World, founding, key};

pub(super) fn fill(corpus: &mut Corpus) {
    rewritten(corpus);
    inserted(corpus);
    rolled_back(corpus);
}

/// A history of other notes, chained and signed: nothing in it contradicts itself but what officials signed.
fn forge(corpus: &mut Corpus, name: &str, first: (Rule, u64), edit: impl FnOnce(&World, &mut Vec<(UnixMs, Vec<u8>)>)) {
    let world = whole_life();
    let mut notes = world.notes();
    edit(&world, &mut notes);
    let forged = world.rewritten(&notes);
    corpus.add(&format!("rewritten: {name}"), &forged, "broken", first, |trial| {
        // The thief has no witness either: the auditor asks for none, and the forgery is found all the same.
        trial.policy = Given::Outside(forged.policy(false).into_bytes());
    });
}

fn rewritten(corpus: &mut Corpus) {
    for index in [12usize, 15, 20] {
        // The statement that followed saw the log with the entry that is gone.
        forge(corpus, &format!("entry {index} taken away"), (Rule::SeenAhead, index as u64), |_, notes| drop(notes.remove(index)));
        forge(corpus, &format!("entry {index} received a second later"), (Rule::SeenUnlike, index as u64 + 1), |_, notes| {
            notes[index].0 = notes[index].0.plus_ms(900);
        });
        forge(corpus, &format!("entry {index} and the next changed places"), (Rule::SeenAhead, index as u64), |_, notes| {
            let received = notes[index].0;
            notes.swap(index, index + 1);
            (notes[index].0, notes[index + 1].0) = (received, notes[index].0);
        });
        forge(corpus, &format!("entry {index} twice"), (Rule::CounterUsed, index as u64 + 1), |_, notes| {
            let copy = notes[index].clone();
            notes.insert(index + 1, copy);
        });
    }
    forge(corpus, "another actor in a record", (Rule::Signature, 12), |_, notes| {
        let text = String::from_utf8(notes[12].1.clone()).unwrap();
        notes[12].1 = text.replace("Resource21", "Resource22").into_bytes();
    });
    forge(corpus, "all times of receipt an hour later", (Rule::SeenUnlike, 1), |_, notes| {
        notes.iter_mut().for_each(|(received, _)| *received = received.plus_ms(3_600_000));
    });
}

fn inserted(corpus: &mut Corpus) {
    // Where the inserted entry stands at the end, nobody has seen the log since.
    let at_the_end = |edit: fn(&mut World) -> Vec<u8>| {
        move |world: &World, notes: &mut Vec<(UnixMs, Vec<u8>)>| {
            let mut forging = world.rewritten(notes);
            notes.push((world.clock, edit(&mut forging)));
        }
    };
    let end = whole_life().size();
    forge(
        corpus,
        "a record by the thief's own key",
        (Rule::KeyUnknown, end),
        at_the_end(|world| {
            world.keys.insert("a1".into(), key("thief"));
            let act = world.record("case-1", 99);
            let statement = world.statement(&["a1"], act);
            world.sign(&statement)
        }),
    );
    forge(
        corpus,
        "an enrolment by one founder whose key was stolen",
        (Rule::GovernanceCount, end),
        at_the_end(|world| {
            let act = world.enrolment("p9");
            let statement = world.statement(&["f1"], act);
            world.sign(&statement)
        }),
    );
    forge(
        corpus,
        "a record signed with a key that was rotated",
        (Rule::KeySuperseded, end),
        at_the_end(|world| {
            world.keys.insert("a1".into(), key("a1"));
            let act = world.record("case-1", 99);
            let statement = world.statement(&["a1"], act);
            world.sign(&statement)
        }),
    );
    forge(
        corpus,
        "a cosigned entry by a witness of the thief's",
        (Rule::WitnessUnknown, end),
        at_the_end(|world| {
            let mut note = world.checkpoint_at(world.size());
            note.signatures.push(signer::checkpoint::cosign(&note.text, "w9.example", &key("thief"), (world.clock.0 / 1_000) as u64));
            note.encode().into_bytes()
        }),
    );
    forge(corpus, "a second founding", (Rule::FoundingRepeated, end), at_the_end(|world| world.notes()[0].1.clone()));
}

fn rolled_back(corpus: &mut Corpus) {
    let world = whole_life();
    let short = world.rewritten(&world.notes()[..20]);
    corpus.add("rolled back and signed anew: the witness's cosignature is missing", &short, "unanchored", (Rule::PolicyUnmet, 0), |_| {});
    corpus.add("rolled back and signed anew: somebody holds a later checkpoint", &short, "stale", (Rule::Rollback, 20), |trial| {
        trial.known.push(world.checkpoint_at(world.size()).encode().into_bytes());
        trial.policy = Given::Nothing;
    });
    let mut forked = world.rewritten(&world.notes()[..20]);
    forked.procedure = World::staffed().procedure;
    forked.import("case-7", 77);
    corpus.add(
        "forked, with an archivist's help: somebody holds a checkpoint of the other branch",
        &forked,
        "broken",
        (Rule::Fork, 21),
        |trial| {
            trial.known.push(world.checkpoint_at(21).encode().into_bytes());
            trial.policy = Given::Nothing;
        },
    );
    let mut again = World::founded_with(signer::act::Founding { nonce: signer::value::Nonce([9; 32]), ..founding() });
    again.staff();
    corpus.add("founded again by the same founders, under the old name", &again, "other-ledger", (Rule::Marker, 0), |trial| {
        *trial.image.get_mut("ledger").unwrap() = world.files().remove("ledger").unwrap();
        trial.policy = Given::Outside(world.policy(false).into_bytes());
    });
}
