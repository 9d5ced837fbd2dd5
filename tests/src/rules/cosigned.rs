//! Cosigned entries (section 5.10).

use signer::act::Constitution;
use signer::checkpoint::cosign;
use signer::note::SignatureLine;
use signer::value::{TreeRoot, UnixMs, base64};
use signer::{Checkpoint, Note, Rule};

use super::acts::{amendment, witness};
use super::{DAY_MS, Table};
use crate::world::{FOUNDED, World, constitution, key};

pub(super) fn fill(table: &mut Table) {
    formats(table);
    signatures(table);
    histories(table);
    witnesses(table);
    times(table);
}

/// A cosigned checkpoint of the whole log, changed.
fn cosigned(table: &mut Table, rule: Rule, name: &str, edit: impl FnOnce(&World, &mut Note)) {
    table.refused(rule, name, World::staffed(), |world| {
        let mut note = world.cosigned_at(world.size());
        edit(world, &mut note);
        world.push(note.encode().as_bytes());
    });
}

/// Another text under the signatures that belong to it.
fn resign(world: &World, note: &mut Note, text: String) {
    let key_line = SignatureLine::ed25519(world.id.as_str(), &world.checkpoint_key.public(), &world.checkpoint_key.sign(text.as_bytes()));
    let line = by_witness(&text, "w1.example", "w1", world.clock);
    *note = Note { text, signatures: vec![key_line, line] };
}

fn by_witness(text: &str, name: &str, key_name: &str, at: UnixMs) -> SignatureLine {
    cosign(text, name, &key(key_name), (at.0 / 1_000) as u64)
}

fn formats(table: &mut Table) {
    let mut format = |name: &str, edit: fn(&World, String) -> String| {
        cosigned(table, Rule::CheckpointFormat, name, |world, note| {
            let text = edit(world, note.text.clone());
            resign(world, note, text);
        });
    };
    format("a fourth line", |_, text| text + "extension\n");
    format("two lines", |world, _| format!("{}\n11\n", world.id));
    format("a size with a leading zero", |_, text| text.replacen("\n11\n", "\n011\n", 1));
    format("a size of zero", |world, _| format!("{}\n0\n{}\n", world.id, base64(&signer::merkle::empty_root().0)));
    format("a root that is no hash", |world, _| format!("{}\n11\nAAAA\n", world.id));
    cosigned(table, Rule::CheckpointFormat, "no cosignature", |_, note| note.signatures.truncate(1));
    cosigned(table, Rule::CheckpointFormat, "seventeen cosignatures", |_, note| {
        let line = note.signatures[1].clone();
        note.signatures.resize(18, line);
    });
    cosigned(table, Rule::StatementKind, "the checkpoint of another ledger", |world, note| {
        let text = note.text.replacen("demo.", "demo.x.", 1);
        resign(world, note, text);
    });
}

fn signatures(table: &mut Table) {
    cosigned(table, Rule::CheckpointSignature, "the witness before the ledger", |_, note| note.signatures.swap(0, 1));
    cosigned(table, Rule::CheckpointSignature, "a key that was never a checkpoint key", |world, note| {
        note.signatures[0] = SignatureLine::ed25519(world.id.as_str(), &key("thief").public(), &key("thief").sign(note.text.as_bytes()));
    });
    cosigned(table, Rule::CheckpointSignature, "the checkpoint key under another name", |world, note| {
        note.signatures[0] =
            SignatureLine::ed25519("other.example/x", &world.checkpoint_key.public(), &world.checkpoint_key.sign(note.text.as_bytes()));
    });
    cosigned(table, Rule::CheckpointSignature, "one bit of the checkpoint's signature", |_, note| note.signatures[0].payload[40] ^= 4);
    cosigned(table, Rule::CheckpointSignature, "a checkpoint's payload that is too long", |_, note| note.signatures[0].payload.push(0));
    cosigned(table, Rule::WitnessSignature, "one bit of the cosignature", |_, note| note.signatures[1].payload[40] ^= 4);
    cosigned(table, Rule::WitnessSignature, "one bit of the cosignature's time", |_, note| note.signatures[1].payload[7] ^= 1);
    cosigned(table, Rule::WitnessSignature, "a cosignature without time", |_, note| drop(note.signatures[1].payload.drain(..8)));
    cosigned(table, Rule::WitnessUnknown, "a witness whom nobody named", |world, note| {
        note.signatures[1] = by_witness(&note.text, "w9.example", "w9", world.clock)
    });
    cosigned(table, Rule::WitnessUnknown, "a witness's name with another key", |world, note| {
        note.signatures[1] = by_witness(&note.text, "w1.example", "w9", world.clock)
    });
    cosigned(table, Rule::WitnessUnknown, "a second line by a stranger", |world, note| {
        note.signatures.push(by_witness(&note.text, "w9.example", "w9", world.clock))
    });
    cosigned(table, Rule::WitnessRepeated, "a witness's line twice", |_, note| note.signatures.push(note.signatures[1].clone()));
    cosigned(table, Rule::WitnessRepeated, "a witness twice, at two times", |world, note| {
        note.signatures.push(by_witness(&note.text, "w1.example", "w1", world.clock.plus_ms(-1_000)));
    });
}

fn histories(table: &mut Table) {
    cosigned(table, Rule::CheckpointAhead, "a checkpoint larger than the log", |world, note| {
        let text = Checkpoint { origin: world.id.to_string(), size: world.size() + 1, root: TreeRoot([7; 32]) }.text();
        resign(world, note, text);
    });
    cosigned(table, Rule::CheckpointUnlike, "a checkpoint of another history", |world, note| {
        let text = Checkpoint { origin: world.id.to_string(), size: world.size(), root: TreeRoot([7; 32]) }.text();
        resign(world, note, text);
    });
    table.refused(Rule::CheckpointOld, "the size of the checkpoint before", World::staffed(), |world| {
        world.cosign();
        let note = world.cosigned_at(world.size() - 1);
        world.push(note.encode().as_bytes());
    });
    table.refused(Rule::CheckpointOld, "a size below the checkpoint before", World::staffed(), |world| {
        world.cosign();
        let note = world.cosigned_at(3);
        world.push(note.encode().as_bytes());
    });
    table.holds("a checkpoint of some entries before", World::staffed(), |world| {
        let note = world.cosigned_at(world.size() - 5);
        world.push(note.encode().as_bytes());
        world.cosign();
    });
    let amended = |with_new_key: bool, at_new_size: bool| {
        move |world: &mut World| {
            world.act(&["f1", "f2"], amendment(Constitution { checkpoint_key: key("checkpoint-2").public().bytes(), ..constitution() }));
            let size = if at_new_size { world.size() } else { world.size() - 1 };
            if with_new_key {
                world.checkpoint_key = key("checkpoint-2");
            }
            let note = world.cosigned_at(size);
            world.push(note.encode().as_bytes());
            world.checkpoint_key = key("checkpoint-2");
        }
    };
    for (name, with_new_key, at_new_size) in
        [("the old key after the amendment", false, true), ("the new key before the amendment", true, false)]
    {
        let mut world = World::staffed();
        amended(with_new_key, at_new_size)(&mut world);
        world.cosign();
        let expected = [(Rule::CheckpointUnlike, world.size() - 2)];
        table.found(name, &world, "broken", &expected, |trial| trial.policy = outside(&world));
    }
    for (name, with_new_key, at_new_size) in
        [("the new key after the amendment", true, true), ("the old key before the amendment", false, false)]
    {
        let mut world = World::staffed();
        amended(with_new_key, at_new_size)(&mut world);
        world.import("case-1", 1);
        table.found(name, &world, "holds", &[], |trial| trial.policy = outside(&world));
    }
}

fn outside(world: &World) -> crate::trial::Given {
    crate::trial::Given::Outside(world.policy_naming(&["checkpoint", "checkpoint-2"]).into_bytes())
}

fn two_witnesses() -> World {
    let mut founding = crate::world::founding();
    founding.constitution.witnesses.push(witness("w2.example", "w2"));
    World::staffed_with(founding)
}

fn witnesses(table: &mut Table) {
    table.refused(Rule::WitnessUnknown, "a witness of before", World::staffed(), |world| {
        world.act(&["f1", "f2"], amendment(Constitution { witnesses: vec![witness("w2.example", "w2")], ..constitution() }));
        world.cosign();
    });
    table.holds("two witnesses", two_witnesses(), |world| {
        let mut note = world.cosigned_at(world.size());
        note.signatures.push(by_witness(&note.text, "w2.example", "w2", world.clock.plus_ms(-2_000)));
        world.push(note.encode().as_bytes());
    });
    table.refused(Rule::WitnessUnknown, "one witness of before among those of today", two_witnesses(), |world| {
        world.act(&["f1", "f2"], amendment(Constitution { witnesses: vec![witness("w2.example", "w2")], ..constitution() }));
        let mut note = world.cosigned_at(world.size());
        note.signatures.push(by_witness(&note.text, "w2.example", "w2", world.clock));
        world.push(note.encode().as_bytes());
    });
    let mut world = World::staffed();
    world.cosign();
    world.import("case-1", 1);
    table.found("a policy that asks for the witness", &world, "holds", &[], |trial| {
        trial.policy = crate::trial::Given::Outside(world.policy(true).into_bytes());
    });
}

/// A checkpoint of `size` (a staffed ledger has eleven entries), cosigned at `at`, received at `received`.
fn at(world: &mut World, size: u64, at: UnixMs, received: UnixMs) {
    world.clock = at;
    let note = world.cosigned_at(size);
    world.clock = received;
    world.push(note.encode().as_bytes());
}

fn times(table: &mut Table) {
    table.holds("cosigned five minutes after receipt", World::staffed(), |world| {
        let clock = world.clock;
        at(world, 11, clock.plus_ms(300_000), clock);
    });
    table.refused(Rule::WitnessTime, "cosigned more than five minutes after receipt", World::staffed(), |world| {
        let clock = world.clock;
        at(world, 11, clock.plus_ms(301_000), clock);
    });
    table.refused(Rule::WitnessTime, "cosigned in the year 292 billion", World::staffed(), |world| {
        let mut note = world.checkpoint_at(world.size());
        note.signatures.push(cosign(&note.text, "w1.example", &key("w1"), u64::MAX));
        world.push(note.encode().as_bytes());
    });
    table.holds("cosigned five minutes before the last entry that it covers", World::staffed(), |world| {
        let last = world.history.received(world.size() - 1).unwrap();
        at(world, 11, last.plus_ms(-300_000), last);
    });
    table.refused(Rule::WitnessTime, "cosigned more than five minutes before the last entry that it covers", World::staffed(), |world| {
        let last = world.history.received(world.size() - 1).unwrap();
        at(world, 11, last.plus_ms(-301_000), last);
    });
    // The entry of index 1 is received a second after the founding.
    let next = FOUNDED.plus_ms(1_000);
    table.holds("cosigned a day after an entry that it does not cover", World::staffed(), |world| {
        at(world, 1, next.plus_ms(DAY_MS), next.plus_ms(DAY_MS));
    });
    table.refused_last(Rule::WitnessTime, "cosigned more than a day after an entry that it does not cover", World::staffed(), |world| {
        at(world, 1, next.plus_ms(DAY_MS + 1_000), next.plus_ms(DAY_MS + 1_000));
    });
    table.refused(Rule::WitnessTime, "one of two witnesses too early", two_witnesses(), |world| {
        let mut note = world.cosigned_at(world.size());
        note.signatures.push(by_witness(&note.text, "w2.example", "w2", world.clock.plus_ms(-400_000)));
        world.push(note.encode().as_bytes());
    });
    table.holds("the latest of the witnesses' times counts, not the last", World::staffed(), |world| {
        let clock = world.clock;
        at(world, 11, clock.plus_ms(300_000), clock);
        let clock = world.clock;
        at(world, 12, clock.plus_ms(-100_000), clock);
        world.clock = clock.plus_ms(DAY_MS + 200_000);
        world.import("case-1", 1);
    });
    table.refused_last(Rule::Unwitnessed, "a cosigned entry whose own time is too old", World::staffed(), |world| {
        let clock = world.clock;
        at(world, 11, clock, clock.plus_ms(DAY_MS + 20_000));
    });
}
