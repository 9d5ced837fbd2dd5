//! Marker, slots, hash files, refusals, policy, known checkpoints.

use ledger::segment::encode_slot;
use signer::Rule;

use super::{Corpus, whole_life};
use crate::rules::files::{other, refusal};
use crate::trial::{Given, Trial};
use crate::world::{World, key};

pub(super) fn fill(corpus: &mut Corpus) {
    marker(corpus);
    slots(corpus);
    hashes(corpus);
    bundles(corpus);
    refusals(corpus);
    policies(corpus);
    known(corpus);
}

fn file<'t>(trial: &'t mut Trial, name: &str) -> &'t mut Vec<u8> {
    trial.image.get_mut(name).unwrap()
}

fn marker(corpus: &mut Corpus) {
    let world = whole_life();
    let length = world.files()["ledger"].len();
    for at in [0, 14, 15, 20, 25, length - 2, length - 1] {
        corpus.add(&format!("marker: one bit of byte {at}"), &world, "broken", (Rule::Marker, 0), |trial| file(trial, "ledger")[at] ^= 1);
    }
    corpus.add("marker: cut", &world, "broken", (Rule::Marker, 0), |trial| file(trial, "ledger").truncate(length - 1));
}

/// One bit in each line of a slot: the slot is no longer sound, and the one before it covers an entry less.
fn slots(corpus: &mut Corpus) {
    let world = whole_life();
    let last = world.size();
    let slot = world.files().remove("checkpoint.0").unwrap();
    let text = String::from_utf8(slot.clone()).unwrap();
    let [size_at, root_at, signature_at] = {
        let mut breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let size = breaks.next().unwrap();
        let root = breaks.next().unwrap();
        breaks.nth(1);
        [size, root, text.find('—').unwrap()]
    };
    let places = [
        ("the origin", 8),
        ("the size", size_at),
        ("the root", root_at + 9),
        ("the empty line", signature_at - 1),
        ("the dash", signature_at + 1),
        ("the key's name", signature_at + 9),
        ("the signature", text.find("=\n").unwrap_or(text.trim_end().len()) - 20),
        ("the padding", 4_000),
    ];
    for (name, at) in places {
        for (slot, first) in [("checkpoint.0", (Rule::Slot, 0)), ("checkpoint.1", (Rule::Slot, 1))] {
            corpus.add(&format!("{slot}: one bit of {name}"), &world, "holds", first, |trial| file(trial, slot)[at] ^= 1);
        }
    }
    for length in [0usize, 1, 100, 8_191] {
        let first = if length == 0 { (Rule::Uncovered, last - 1) } else { (Rule::Slot, 0) };
        corpus.add(&format!("checkpoint.0: cut to {length} bytes"), &world, "holds", first, |trial| {
            file(trial, "checkpoint.0").truncate(length)
        });
    }
    corpus.add("checkpoints: both rolled back", &world, "holds", (Rule::Uncovered, last - 4), |trial| {
        *file(trial, "checkpoint.0") = encode_slot(&world.checkpoint_at(last - 4));
        *file(trial, "checkpoint.1") = encode_slot(&world.checkpoint_at(last - 5));
    });
    corpus.add("checkpoints: both of before the last cosigned entry", &world, "unanchored", (Rule::PolicyUnmet, 0), |trial| {
        *file(trial, "checkpoint.0") = encode_slot(&world.checkpoint_at(20));
        *file(trial, "checkpoint.1") = encode_slot(&world.checkpoint_at(19));
    });
    corpus.add("checkpoints: one of another history, signed by its holder", &world, "broken", (Rule::CheckpointRoot, last), |trial| {
        let forked = forked(&world);
        *file(trial, "checkpoint.1") = encode_slot(&forked.checkpoint_at(last));
    });
    corpus.add(
        "checkpoints: a larger one of another history, signed by its holder",
        &world,
        "broken",
        (Rule::EntriesMissing, last),
        |trial| {
            let mut forked = forked(&world);
            forked.import("case-1", 99);
            *file(trial, "checkpoint.1") = encode_slot(&forked.checkpoint_at(last + 1));
        },
    );
    corpus.add("checkpoints: of another ledger", &world, "broken", (Rule::CheckpointMissing, 0), |trial| {
        *file(trial, "checkpoint.0") = encode_slot(&other().checkpoint_at(9));
        *file(trial, "checkpoint.1") = encode_slot(&other().checkpoint_at(8));
    });
}

/// The same ledger up to its last entry, which differs.
fn forked(world: &World) -> World {
    let mut notes = world.notes();
    notes.pop();
    let mut forked = world.rewritten(&notes);
    forked.import("case-0", 77);
    forked
}

fn hashes(corpus: &mut Corpus) {
    let world = whole_life();
    for (level, nodes) in world.history.tree().levels().iter().enumerate() {
        for at in [0, 32 * nodes.len() - 1] {
            corpus.add(&format!("hashes/{level}: one bit of byte {at}"), &world, "holds", (Rule::HashFile, level as u64), |trial| {
                file(trial, &format!("hashes/{level}"))[at] ^= 0x40
            });
        }
    }
    corpus.add("hashes/0: two changed places", &world, "holds", (Rule::HashFile, 0), |trial| file(trial, "hashes/0")[..64].rotate_left(32));
    corpus.add("hashes/0: one taken away", &world, "holds", (Rule::HashFile, 0), |trial| drop(file(trial, "hashes/0").drain(..32)));
}

fn bundles(corpus: &mut Corpus) {
    let world = whole_life();
    for at in [0, 7] {
        corpus.add(&format!("bundles: one bit of byte {at}"), &world, "holds", (Rule::BundlesFile, 0), |trial| {
            file(trial, "bundles")[at] ^= 0x40
        });
    }
}

fn refusals(corpus: &mut Corpus) {
    let world = whole_life();
    let kept = refusal(&world, 15);
    let (name, note) = (format!("refusals/{}", kept.file_name()), kept.sign(&world.checkpoint_key).encode());
    let at = |needle: &str| note.find(needle).unwrap();
    let places = [
        ("the kind", 8, Rule::RefusalFormat),
        ("the ledger", at("ledger demo") + 9, Rule::RefusalFormat),
        ("the note refused", at("submitted ") + 20, Rule::RefusalFormat),
        ("the statement refused", at("statement ") + 20, Rule::RefusalSignature),
        ("the rule", at("rule ") + 6, Rule::RefusalFormat),
        ("the time", at("received ") + 15, Rule::RefusalSignature),
        ("the size seen", at("seen ") + 6, Rule::RefusalSignature),
        ("the root seen", at("seen ") + 20, Rule::RefusalSignature),
        ("the signature", note.len() - 20, Rule::RefusalSignature),
        ("the dash", at("—") + 1, Rule::RefusalFormat),
    ];
    for (place, at, rule) in places {
        corpus.add(&format!("refusal: one bit of {place}"), &world, "broken", (rule, 0), |trial| {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            trial.image.insert(name.clone(), bytes);
        });
    }
    corpus.add("refusal: renamed", &world, "broken", (Rule::RefusalFormat, 0), |trial| {
        trial.image.insert(format!("refusals/{}", "0".repeat(64)), note.clone().into_bytes());
    });
    corpus.add("refusal: cut", &world, "broken", (Rule::RefusalFormat, 0), |trial| {
        drop(trial.image.insert(name.clone(), note.as_bytes()[..90].to_vec()))
    });
    corpus.add("refusal: of another history", &world, "broken", (Rule::RefusalUnlike, 0), |trial| {
        let other = refusal(&forked(&world), world.size());
        trial.image.insert(name.clone(), other.sign(&world.checkpoint_key).encode().into_bytes());
    });
}

fn policies(corpus: &mut Corpus) {
    let world = whole_life();
    let policy = world.policy(true).into_bytes();
    let at = |needle: &str| world.policy(true).find(needle).unwrap();
    for (place, at) in [
        ("the word `log`", 1),
        ("the log's name", 8),
        ("the log's key id", at("+") + 2),
        ("the log's key", at("+A") + 20),
        ("the witness's key", at("w1.example+") + 40),
        ("the quorum", at("quorum") + 9),
    ] {
        corpus.add(&format!("policy: one bit of {place}"), &world, "usage", (Rule::OtherLedger, 0), |trial| {
            let mut bytes = policy.clone();
            bytes[at] ^= 1;
            trial.policy = Given::Outside(bytes);
        });
    }
    corpus.add("policy: of another ledger", &world, "other-ledger", (Rule::OtherLedger, 0), |trial| {
        trial.policy = Given::Outside(other().policy(true).into_bytes());
    });
    corpus.add("policy: empty", &world, "usage", (Rule::OtherLedger, 0), |trial| trial.policy = Given::Outside(Vec::new()));
}

fn known(corpus: &mut Corpus) {
    let world = whole_life();
    let note = world.checkpoint_at(12).encode();
    let lines: Vec<usize> = note.match_indices('\n').map(|(at, _)| at + 1).collect();
    let places = [
        ("the origin", 8, "other-ledger", Rule::KnownOther),
        ("the size", lines[0] + 1, "broken", Rule::KnownSignature),
        ("the root", lines[1] + 9, "broken", Rule::KnownSignature),
        ("the key's name", lines[3] + 9, "broken", Rule::KnownSignature),
        ("the signature", note.len() - 20, "broken", Rule::KnownSignature),
        ("the dash", lines[3] + 1, "usage", Rule::KnownSignature),
        ("the empty line", lines[3] - 1, "usage", Rule::KnownSignature),
    ];
    for (place, at, verdict, rule) in places {
        corpus.add(&format!("known: one bit of {place}"), &world, verdict, (rule, 0), |trial| {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            trial.known.push(bytes);
        });
    }
    corpus.add("known: of a fork", &world, "broken", (Rule::Fork, world.size()), |trial| {
        trial.known.push(forked(&world).checkpoint_at(world.size()).encode().into_bytes());
    });
    corpus.add("known: larger than the ledger", &world, "stale", (Rule::Rollback, world.size()), |trial| {
        let mut later = whole_life();
        later.import("case-1", 99);
        trial.known.push(later.checkpoint_at(later.size()).encode().into_bytes());
    });
    corpus.add("known: by a thief", &world, "broken", (Rule::KnownSignature, 0), |trial| {
        let mut forged = forked(&world);
        forged.checkpoint_key = key("thief");
        trial.known.push(forged.checkpoint_at(9).encode().into_bytes());
    });
}
