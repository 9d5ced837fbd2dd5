//! Sections 9 to 11: files, refusals, known checkpoints, policies.

use ledger::policy::Policy;
use ledger::refusal_note::RefusalNote;
use ledger::segment::{SLOT_BYTES, encode_slot};
use signer::act::{Constitution, Founding, Purpose};
use signer::note::note_hash;
use signer::value::{Nonce, Origin, StatementHash, TreeRoot, UnixMs};
use signer::{Checkpoint, Note, Rule};

use super::Table;
use crate::trial::{Given, Trial};
use crate::world::{World, bytes, constitution, founding, key};

pub(super) fn fill(table: &mut Table) {
    markers(table);
    slots(table);
    segments(table);
    checkpoints(table);
    refusals(table);
    hashes(table);
    bundles(table);
    known(table);
    policies(table);
}

/// A ledger of some length, cosigned.
pub(crate) fn lived() -> World {
    let mut world = World::staffed();
    (0..6).for_each(|record| {
        world.import(&format!("case-{}", record % 2), record);
    });
    world.cosign();
    world.import("case-0", 6);
    world
}

/// Another ledger of the same origin.
pub(crate) fn other() -> World {
    World::staffed_with(Founding { nonce: Nonce(bytes("another nonce")), ..founding() })
}

fn file<'t>(trial: &'t mut Trial, name: &str) -> &'t mut Vec<u8> {
    trial.image.get_mut(name).unwrap()
}

fn markers(table: &mut Table) {
    let world = lived();
    let mut marker = |name: &str, bytes: Option<Vec<u8>>| {
        table.found(&format!("marker: {name}"), &world, "broken", &[(Rule::Marker, 0)], |trial| match bytes {
            Some(bytes) => *file(trial, "ledger") = bytes,
            None => drop(trial.image.remove("ledger")),
        });
    };
    let line = |id: &str| format!("zeren ledger v1\n{id}\n").into_bytes();
    marker("absent", None);
    marker("empty", Some(Vec::new()));
    marker("of another version", Some(format!("zeren ledger v2\n{}\n", world.id).into_bytes()));
    marker("without its last line break", Some(format!("zeren ledger v1\n{}", world.id).into_bytes()));
    marker("with a further line", Some(format!("zeren ledger v1\n{}\n\n", world.id).into_bytes()));
    marker("of another ledger", Some(line(other().id.as_str())));
    marker("of a name that is no id", Some(line("demo.tests.example")));
    marker("of two thousand bytes", Some(vec![b'x'; 2_000]));
}

fn slots(table: &mut Table) {
    let world = lived();
    let mut damaged = |name: &str, edit: &dyn Fn(&mut Vec<u8>)| {
        table.found(&format!("slot: {name}"), &world, "holds", &[(Rule::Slot, 1)], |trial| edit(file(trial, "checkpoint.1")));
    };
    damaged("one bit of the signature", &|slot| flip_before_padding(slot));
    damaged("one byte too short", &|slot| {
        slot.pop();
    });
    damaged("one byte too long", &|slot| slot.push(b'\n'));
    damaged("zeros", &|slot| slot.fill(0));
    damaged("a text that is no checkpoint", &|slot| *slot = padded("zeren statement v1\n\n— a AAAAAAAA\n"));
    damaged("another ledger's checkpoint", &|slot| *slot = encode_slot(&other().checkpoint_at(5)));
    damaged("a checkpoint by another key", &|slot| {
        let mut thief = lived();
        thief.checkpoint_key = key("thief");
        *slot = encode_slot(&thief.checkpoint_at(5));
    });
    damaged("a checkpoint with an extension line", &|slot| {
        let text = format!("{}extension\n", world.checkpoint_at(5).text);
        let line = signer::note::SignatureLine::ed25519(
            world.id.as_str(),
            &world.checkpoint_key.public(),
            &world.checkpoint_key.sign(text.as_bytes()),
        );
        *slot = encode_slot(&Note { text, signatures: vec![line] });
    });
    table.found("slot: never written", &world, "holds", &[], |trial| *file(trial, "checkpoint.1") = vec![b'\n'; SLOT_BYTES]);
    table.found("slot: absent", &world, "holds", &[], |trial| drop(trial.image.remove("checkpoint.1")));
    table.found("slot: empty", &world, "holds", &[], |trial| file(trial, "checkpoint.1").clear());
    table.found("slot: further signatures that nobody knows", &world, "holds", &[], |trial| {
        let mut note = world.cosigned_at(5);
        note.signatures.swap(0, 1);
        *file(trial, "checkpoint.1") = encode_slot(&note);
    });
    let uncovered = [(Rule::Slot, 0), (Rule::Uncovered, world.size() - 1)];
    table.found("slot: the latest, torn", &world, "holds", &uncovered, |trial| file(trial, "checkpoint.0")[200..].fill(b'\n'));
    table.found("checkpoints: none", &world, "broken", &[(Rule::CheckpointMissing, 0)], |trial| {
        trial.image.remove("checkpoint.0");
        trial.image.remove("checkpoint.1");
        // Without a checkpoint only a cosigned entry could satisfy a policy.
        trial.policy = Given::Outside(world.policy(true).into_bytes());
    });
    let both = [(Rule::Slot, 0), (Rule::Slot, 1), (Rule::CheckpointMissing, 0)];
    table.found("checkpoints: none that verifies", &world, "broken", &both, |trial| {
        flip_before_padding(file(trial, "checkpoint.0"));
        flip_before_padding(file(trial, "checkpoint.1"));
        trial.policy = Given::Nothing;
    });
    table.found("a checkpoint of no entries", &world, "broken", &[(Rule::CheckpointKey, 0)], |trial| {
        *file(trial, "checkpoint.1") = encode_slot(&world.checkpoint_at(0));
    });
}

/// Changes the signature's last byte but two: those may hold padding.
fn flip_before_padding(slot: &mut [u8]) {
    let end = slot.iter().rposition(|b| *b != b'\n').unwrap();
    slot[end - 8] ^= 1;
}

fn padded(note: &str) -> Vec<u8> {
    let mut bytes = note.as_bytes().to_vec();
    bytes.resize(SLOT_BYTES, b'\n');
    bytes
}

/// Where each entry begins in the first segment, and where the last one ends.
pub(crate) fn offsets(world: &World) -> Vec<usize> {
    let mut offsets = vec![0];
    for entry in &world.entries {
        offsets.push(offsets.last().unwrap() + 2 + entry.bytes.len());
    }
    offsets
}

fn segments(table: &mut Table) {
    let world = lived();
    let (size, ends) = (world.size(), offsets(&world));
    let last = ends[size as usize - 1];
    table.found("the last entry cut off", &world, "broken", &[(Rule::EntriesMissing, size - 1)], |trial| {
        file(trial, "segments/000000").truncate(last)
    });
    table.found("the last entry made zeros", &world, "broken", &[(Rule::EntriesMissing, size - 1)], |trial| {
        file(trial, "segments/000000")[last..].fill(0)
    });
    let torn = [(Rule::EntriesMissing, size - 1), (Rule::Tail, size - 1)];
    table.found("the last entry cut in the middle", &world, "broken", &torn, |trial| file(trial, "segments/000000").truncate(last + 100));
    let end = ends[size as usize];
    table.found("a byte after the last entry", &world, "holds", &[(Rule::Tail, size)], |trial| file(trial, "segments/000000")[end + 2] = 1);
    table.found("a length after the last entry", &world, "holds", &[(Rule::Tail, size)], |trial| {
        let segment = file(trial, "segments/000000");
        segment.truncate(end);
        segment.extend([0x01, 0x00, b'x']);
    });
    table.found("a byte of another segment", &world, "holds", &[(Rule::Tail, size)], |trial| {
        drop(trial.image.insert("segments/000007".into(), vec![0, 0, 9]))
    });
    table.found("zeros of another segment, and files that are no segments", &world, "holds", &[], |trial| {
        trial.image.insert("segments/000001".into(), vec![0; 3]);
        trial.image.insert("segments/notes".into(), vec![9]);
        trial.image.insert("segments/0000001".into(), vec![9]);
        trial.image.insert("lock".into(), vec![9]);
    });
    table.found("an entry that no checkpoint covers", &world, "holds", &[(Rule::Uncovered, size - 1)], |trial| {
        drop(trial.image.remove("checkpoint.0"))
    });
    table.found("no segment", &world, "broken", &[(Rule::Slot, 0), (Rule::Slot, 1), (Rule::CheckpointMissing, 0)], |trial| {
        trial.image.remove("segments/000000");
        trial.policy = Given::Nothing;
    });
    full_segment(table);
}

/// A full segment of a founding and entries of one byte, none of them covered by a checkpoint, and two more in the next.
fn full_segment(table: &mut Table) {
    let world = World::founded();
    let fill = |trial: &mut Trial, tail: &[u8]| {
        let segment = file(trial, "segments/000000");
        segment.truncate(2 + world.entries[0].bytes.len());
        segment.extend([0, 1, b'x'].repeat(65_535));
        trial.image.insert("segments/000001".into(), [&[0, 1, b'y', 0, 1, b'z'], tail].concat());
    };
    let covered = (Rule::Uncovered, 1);
    table.found("two segments", &world, "holds", &[covered], |trial| fill(trial, &[0, 0, 0]));
    table.found("two segments and a byte after the last entry", &world, "holds", &[covered, (Rule::Tail, 65_538)], |trial| {
        fill(trial, &[0, 0, 1])
    });
    table.found("a full segment with a byte after its last entry", &world, "holds", &[covered, (Rule::Tail, 65_538)], |trial| {
        fill(trial, &[]);
        file(trial, "segments/000000").push(1);
    });
    table.found("a full segment and a gap", &world, "holds", &[covered, (Rule::Tail, 65_536)], |trial| {
        fill(trial, &[]);
        let second = trial.image.remove("segments/000001").unwrap();
        trial.image.insert("segments/000002".into(), second);
    });
}

fn checkpoints(table: &mut Table) {
    let world = lived();
    let size = world.size();
    table.found("a checkpoint of another root", &world, "broken", &[(Rule::CheckpointRoot, size - 1)], |trial| {
        let checkpoint = Checkpoint { origin: world.id.to_string(), size: size - 1, root: TreeRoot([7; 32]) };
        *file(trial, "checkpoint.1") = encode_slot(&checkpoint.sign(&world.checkpoint_key));
    });
    let staffed = World::staffed();
    let size = staffed.size();
    let unlike = [(Rule::CheckpointRoot, size), (Rule::CheckpointRoot, size - 1), (Rule::PolicyUnmet, 0)];
    table.found("two checkpoints of other roots, which anchor nothing", &staffed, "broken", &unlike, |trial| {
        for (slot, size) in [("checkpoint.0", size), ("checkpoint.1", size - 1)] {
            let checkpoint = Checkpoint { origin: staffed.id.to_string(), size, root: TreeRoot([7; 32]) };
            *file(trial, slot) = encode_slot(&checkpoint.sign(&staffed.checkpoint_key));
        }
    });
    let mut amended = World::staffed();
    let changed = Constitution { checkpoint_key: key("checkpoint-2").public().bytes(), ..constitution() };
    amended.act(&["f1", "f2"], super::acts::amendment(changed));
    amended.import("case-0", 1);
    amended.checkpoint_key = key("checkpoint-2");
    let size = amended.size();
    for (name, key_name, signed, expected) in [
        ("the key of before", "checkpoint", size - 1, vec![(Rule::CheckpointKey, size - 1)]),
        ("a key that was not yet in force", "checkpoint-2", size - 2, vec![(Rule::CheckpointKey, size - 2)]),
        ("the key in force", "checkpoint", size - 2, vec![]),
    ] {
        let verdict = if expected.is_empty() { "holds" } else { "broken" };
        table.found(&format!("a checkpoint signed with {name}"), &amended, verdict, &expected, |trial| {
            let mut before = amended.checkpoint_at(signed);
            before = Checkpoint::parse(&before.text).unwrap().sign(&key(key_name));
            *file(trial, "checkpoint.1") = encode_slot(&before);
            trial.policy = Given::Outside(amended.policy_naming(&["checkpoint-2"]).into_bytes());
        });
    }
}

/// A refusal of a note, as the ledger would have signed it at a size.
pub(crate) fn refusal(world: &World, size: u64) -> RefusalNote {
    RefusalNote {
        ledger: world.id.clone(),
        submitted: note_hash(b"a note"),
        statement: StatementHash(bytes("a statement")),
        rule: Rule::CaseHead,
        received: UnixMs(1_767_571_300_000),
        seen: world.history.seen_at(size).unwrap(),
    }
}

fn keep(trial: &mut Trial, refusal: &RefusalNote, note: &Note) {
    trial.image.insert(format!("refusals/{}", refusal.file_name()), note.encode().into_bytes());
}

fn refusals(table: &mut Table) {
    let world = lived();
    let good = refusal(&world, 9);
    let honest = RefusalNote { submitted: note_hash(b"an earlier note"), ..good.clone() };
    assert!(honest.file_name() > good.file_name() || honest.file_name() < good.file_name());
    table.found("refusals that hold", &world, "holds", &[], |trial| {
        keep(trial, &good, &good.sign(&world.checkpoint_key));
        keep(trial, &honest, &honest.sign(&world.checkpoint_key));
    });
    // The index is the position among the files by their names.
    let place = u64::from(honest.file_name() < good.file_name());
    let mut wrong = |rule: Rule, name: &str, changed: RefusalNote, edit: &dyn Fn(&mut Note)| {
        table.found(&format!("refusal: {name}"), &world, "broken", &[(rule, place)], |trial| {
            keep(trial, &honest, &honest.sign(&world.checkpoint_key));
            let mut note = changed.sign(&world.checkpoint_key);
            edit(&mut note);
            trial.image.insert(format!("refusals/{}", good.file_name()), note.encode().into_bytes());
        });
    };
    wrong(Rule::RefusalFormat, "of another ledger", RefusalNote { ledger: other().id, ..good.clone() }, &|_| {});
    wrong(Rule::RefusalFormat, "under another note's name", RefusalNote { submitted: note_hash(b"another note"), ..good.clone() }, &|_| {});
    wrong(Rule::RefusalFormat, "with an unknown rule", good.clone(), &|note| {
        note.text = note.text.replace("rule case-head", "rule case-heads")
    });
    wrong(Rule::RefusalFormat, "without a line", good.clone(), &|note| note.text = note.text.replace("rule case-head\n", ""));
    wrong(Rule::RefusalFormat, "with a further line", good.clone(), &|note| note.text.push_str("note\n"));
    wrong(Rule::RefusalFormat, "that is no note", good.clone(), &|note| note.text.push('\r'));
    wrong(Rule::RefusalSignature, "signed by another", good.clone(), &|note| *note = good.sign(&key("thief")));
    wrong(Rule::RefusalSignature, "changed after signing", good.clone(), &|note| {
        note.text = note.text.replace("rule case-head", "rule record-used")
    });
    let unlike = |edit: fn(&mut RefusalNote)| {
        let mut changed = good.clone();
        edit(&mut changed);
        changed
    };
    wrong(Rule::RefusalUnlike, "of another root", unlike(|refusal| refusal.seen.root = TreeRoot([7; 32])), &|_| {});
    wrong(Rule::RefusalUnlike, "of another chain head", unlike(|refusal| refusal.seen.chain = signer::value::ChainHead([7; 32])), &|_| {});
    table.found(
        "refusal: of a size that is not here, which only rollback explains, and nothing here shows",
        &world,
        "holds",
        &[],
        |trial| {
            let later = unlike(|refusal| refusal.seen.size = 900);
            keep(trial, &later, &later.sign(&world.checkpoint_key));
        },
    );
    table.found("refusal: a file of another kind of name", &world, "broken", &[(Rule::RefusalFormat, 0)], |trial| {
        trial.image.insert("refusals/README".into(), b"hello\n".to_vec());
    });
    table.found("refusal: longer than a note", &world, "broken", &[(Rule::RefusalFormat, 0)], |trial| {
        trial.image.insert(format!("refusals/{}", good.file_name()), vec![b'x'; 70_000]);
    });
}

fn hashes(table: &mut Table) {
    let world = lived();
    for level in 0..world.history.tree().levels().len() as u64 {
        table.found(&format!("hashes of level {level}: one bit"), &world, "holds", &[(Rule::HashFile, level)], |trial| {
            file(trial, &format!("hashes/{level}"))[7] ^= 1;
        });
    }
    table.found("hashes: cut, absent, or of more entries than there are", &world, "holds", &[], |trial| {
        trial.image.remove("hashes/1");
        file(trial, "hashes/0").truncate(100);
        file(trial, "hashes/2").extend([7; 64]);
        trial.image.insert("hashes/9".into(), vec![7; 64]);
        trial.image.insert("hashes/notes".into(), vec![7; 64]);
    });
    table.found("hashes: two levels changed places", &world, "holds", &[(Rule::HashFile, 0), (Rule::HashFile, 1)], |trial| {
        let (zero, one) = (trial.image["hashes/0"].clone(), trial.image["hashes/1"].clone());
        *file(trial, "hashes/0") = one;
        *file(trial, "hashes/1") = zero;
    });
}

fn bundles(table: &mut Table) {
    let world = lived();
    table.found("bundles: one bit", &world, "holds", &[(Rule::BundlesFile, 0)], |trial| file(trial, "bundles")[7] ^= 1);
    table.found("bundles: half a number", &world, "holds", &[], |trial| file(trial, "bundles").truncate(4));
    table.found("bundles: of more entries than there are", &world, "holds", &[], |trial| file(trial, "bundles").extend([7; 20]));
}

fn known(table: &mut Table) {
    let world = lived();
    let size = world.size();
    let mut shown = |name: &str, verdict, expected: &[(Rule, u64)], notes: Vec<Note>| {
        table.found(&format!("known: {name}"), &world, verdict, expected, |trial| {
            trial.known = notes.iter().map(|note| note.encode().into_bytes()).collect();
            trial.policy = Given::Nothing;
        });
    };
    let sign = |size: u64, root: TreeRoot| Checkpoint { origin: world.id.to_string(), size, root }.sign(&world.checkpoint_key);
    shown("the latest checkpoint", "holds", &[], vec![world.checkpoint_at(size)]);
    shown("every checkpoint", "holds", &[], (1..=size).map(|size| world.checkpoint_at(size)).collect());
    shown("a cosigned one", "holds", &[], vec![world.cosigned_at(4)]);
    shown("a larger one", "stale", &[(Rule::Rollback, size)], vec![sign(size + 1, TreeRoot([7; 32]))]);
    shown("another history", "broken", &[(Rule::Fork, 7)], vec![sign(7, TreeRoot([7; 32]))]);
    shown("another ledger's", "other-ledger", &[(Rule::KnownOther, 0)], vec![other().checkpoint_at(4)]);
    shown(
        "one that somebody else signed",
        "broken",
        &[(Rule::KnownSignature, 0)],
        vec![Checkpoint::parse(&sign(7, TreeRoot([7; 32])).text).unwrap().sign(&key("thief"))],
    );
    let (fork, ahead) = (sign(7, TreeRoot([7; 32])), sign(size + 9, TreeRoot([7; 32])));
    shown(
        "a larger one and another history",
        "broken",
        &[(Rule::Rollback, size), (Rule::Fork, 7)],
        vec![ahead.clone(), world.checkpoint_at(3), fork],
    );
    shown(
        "a larger one and another ledger's",
        "other-ledger",
        &[(Rule::Rollback, size), (Rule::KnownOther, 0)],
        vec![ahead, other().checkpoint_at(4)],
    );
    table.found("known: a slot with its padding", &world, "holds", &[], |trial| trial.known.push(trial.image["checkpoint.1"].clone()));
    table.found("known: not a checkpoint", &world, "usage", &[], |trial| trial.known.push(b"hello\n".to_vec()));
    table.found("known: signed with the policy's key alone", &world, "broken", &[(Rule::Fork, 7)], |trial| {
        let checkpoint = Checkpoint { origin: world.id.to_string(), size: 7, root: TreeRoot([7; 32]) };
        trial.known.push(checkpoint.sign(&key("policy's")).encode().into_bytes());
        trial.policy = Given::Outside(world.policy_naming(&["checkpoint", "policy's"]).into_bytes());
    });
}

fn production() -> World {
    let origin = Origin::parse("tests.example/archive").unwrap();
    World::staffed_with(Founding { purpose: Purpose::Production, origin, ..founding() })
}

fn policies(table: &mut Table) {
    let world = lived();
    table.found("policy: none", &world, "unanchored", &[], |trial| trial.policy = Given::Nothing);
    table.found("policy: of another ledger", &world, "other-ledger", &[(Rule::OtherLedger, 0)], |trial| {
        trial.policy = Given::Outside(other().policy(false).into_bytes());
    });
    let mut stranger = world.policy_naming(&["checkpoint"]);
    stranger = stranger.replace(
        "quorum none\n",
        &format!("witness w9 {}\nquorum w9\n", ledger::policy::verifier_key("w9.example", 4, &key("w9").public().bytes())),
    );
    table.found("policy: a witness who never cosigned", &world, "unanchored", &[(Rule::PolicyUnmet, 0)], |trial| {
        trial.policy = Given::Outside(stranger.clone().into_bytes())
    });
    table.found("policy: another log key", &world, "unanchored", &[(Rule::PolicyUnmet, 0)], |trial| {
        trial.policy = Given::Outside(world.policy_naming(&["thief"]).into_bytes());
    });
    table.found("policy: inside a demonstration", &world, "holds", &[], |trial| {
        trial.policy = Given::Inside(world.policy(true).into_bytes())
    });
    let real = production();
    for (name, given) in [
        ("inside a production ledger", Given::Inside as fn(Vec<u8>) -> Given),
        ("inside a production ledger, behind a link", Given::Linked),
    ] {
        table.found(&format!("policy: {name}"), &real, "unanchored", &[(Rule::PolicyInside, 0)], |trial| {
            trial.policy = given(real.policy(false).into_bytes())
        });
    }
    table.found(
        "policy: inside a production ledger, which is of no use for known checkpoints either",
        &real,
        "broken",
        &[(Rule::KnownSignature, 0), (Rule::PolicyInside, 0)],
        |trial| {
            trial.known.push(Checkpoint::parse(&real.checkpoint_at(3).text).unwrap().sign(&key("thief")).encode().into_bytes());
            trial.policy = Given::Inside(real.policy_naming(&["checkpoint", "thief"]).into_bytes());
        },
    );
    for (name, more) in [
        ("of bytes that are no UTF-8", vec![b'#', 0xFF, b'\n']),
        ("too long", b"# nothing\n".repeat(7_000)),
        ("with a control character", b"#\r\n".to_vec()),
    ] {
        table.found(&format!("policy: {name}"), &world, "usage", &[], |trial| {
            trial.policy = Given::Outside([world.policy(false).as_bytes(), &more].concat());
        });
    }
    table.found("policy: no quorum line", &world, "usage", &[], |trial| {
        trial.policy = Given::Outside(world.policy(false).replace("quorum none\n", "").into_bytes());
    });
    assert!(Policy::parse(world.policy(true).as_bytes()).is_ok());
}
