//! Keys: rotation, revocation, new keys (section 5.7), and what a key is good for (section 8.3, step 6).

use signer::act::{Act, NewKey, RevokeReason};
use signer::statement::Statement;
use signer::value::{Time, UnixMs};
use signer::{Note, Rule};

use super::{ALLOWANCE_MS, Table};
use crate::world::{FOUNDED, World, key, person, time};

pub(super) fn fill(table: &mut Table) {
    rotations(table);
    rekeys(table);
    revocations(table);
    suspicions(table);
    superseded(table);
    collision(table);
}

pub(crate) fn revocation(id: &str, key_name: &str, suspected: Option<Time>) -> Act {
    Act::Revoke { person: person(id), key: key(key_name).public().bytes(), reason: RevokeReason::Compromised, suspected }
}

fn rotate(world: &mut World, id: &str, new: NewKey) {
    let by = world.as_self(id);
    world.act_with(&[id], Act::Rotate(new), |header| header.by[0] = by);
}

fn rotations(table: &mut Table) {
    table.holds("a key rotated twice, and used", World::staffed(), |world| {
        world.rotate("a1", "a1-2");
        world.import("case-1", 1);
        world.rotate("a1", "a1-3");
        world.import("case-1", 2);
    });
    table.refused(Rule::PersonOther, "somebody else's key", World::staffed(), |world| {
        let new = world.new_key("c1", &key("c1"), "c1-2");
        rotate(world, "a1", new);
    });
    table.refused(Rule::PersonOther, "a rotation with a second signer", World::staffed(), |world| {
        let new = world.new_key("a1", &key("a1"), "a1-2");
        let (a1, c1) = (world.as_self("a1"), world.as_self("c1"));
        world.act_with(&["a1", "c1"], Act::Rotate(new), |header| header.by = vec![a1, c1]);
    });
    table.refused(Rule::GovernanceOffice, "a rotation signed in an office", World::staffed(), |world| {
        let new = world.new_key("a1", &key("a1"), "a1-2");
        world.act(&["a1"], Act::Rotate(new));
    });
    table.refused(Rule::KeyUnknown, "rotation: the key before the latest", World::staffed(), |world| {
        world.rotate("a1", "a1-2");
        let new = world.new_key("a1", &key("a1"), "a1-3");
        rotate(world, "a1", new);
    });
    for (name, taken) in [("the same key", "a1"), ("somebody else's", "c1")] {
        table.refused(Rule::KeyTaken, &format!("rotation: {name} for a new key"), World::staffed(), |world| {
            let new = world.new_key("a1", &key("a1"), taken);
            rotate(world, "a1", new);
        });
    }
    table.refused(Rule::KeyTaken, "rotation: back to a key of before", World::staffed(), |world| {
        world.rotate("a1", "a1-2");
        let new = world.new_key("a1", &key("a1-2"), "a1");
        rotate(world, "a1", new);
    });
    table.refused(Rule::KeySuperseded, "attack: the old key takes the person over, back-dated", World::staffed(), |world| {
        let seen = world.history.seen_at(world.size()).unwrap();
        world.rotate("a1", "a1-2");
        let new = world.new_key("a1", &key("a1-2"), "thief");
        world.keys.insert("a1".into(), key("a1"));
        let by = world.as_self("a1");
        world.act_with(&["a1"], Act::Rotate(new), |header| {
            header.by[0] = by;
            header.seen = seen;
        });
    });
    table.refused(Rule::KeySuperseded, "attack: the old key revokes the new one, back-dated", World::staffed(), |world| {
        let seen = world.history.seen_at(world.size()).unwrap();
        world.rotate("a1", "a1-2");
        world.keys.insert("a1".into(), key("a1"));
        let by = world.as_self("a1");
        world.act_with(&["a1"], revocation("a1", "a1-2", None), |header| {
            header.by[0] = by;
            header.seen = seen;
        });
    });
    table.refused(Rule::KeySuperseded, "rotation of a revoked key, signed offline with the one before", World::staffed(), |world| {
        let seen = world.history.seen_at(world.size()).unwrap();
        world.rotate("a1", "a1-2");
        world.act(&["r1"], revocation("a1", "a1-2", None));
        let new = world.new_key("a1", &key("a1-2"), "a1-3");
        world.keys.insert("a1".into(), key("a1"));
        let by = world.as_self("a1");
        world.act_with(&["a1"], Act::Rotate(new), |header| {
            header.by[0] = by;
            header.seen = seen;
        });
    });
}

fn rekeys(table: &mut Table) {
    table.holds("a new key after revocation", World::staffed(), |world| {
        world.act(&["r1"], revocation("a1", "a1", None));
        let new = world.new_key("a1", &key("a1"), "a1-2");
        world.act(&["r1", "s1"], Act::Rekey(new));
        world.keys.insert("a1".into(), key("a1-2"));
        world.import("case-1", 1);
        world.rotate("a1", "a1-3");
        world.import("case-1", 2);
    });
    table.refused(Rule::KeyActive, "a new key while the old one is in use", World::staffed(), |world| {
        let new = world.new_key("a1", &key("a1"), "a1-2");
        world.act(&["r1", "s1"], Act::Rekey(new));
    });
    table.refused(Rule::PersonUnknown, "a new key for a stranger", World::staffed(), |world| {
        let new = world.new_key("x1", &key("x1"), "x1-2");
        world.act(&["r1", "s1"], Act::Rekey(new));
    });
    table.refused(Rule::KeyUnknown, "a new key for one that the person never had", World::staffed(), |world| {
        world.act(&["r1"], revocation("a1", "a1", None));
        let new = world.new_key("a1", &key("c1"), "a1-2");
        world.act(&["r1", "s1"], Act::Rekey(new));
    });
    table.refused(Rule::KeyTaken, "the revoked key as the new one", World::staffed(), |world| {
        world.act(&["r1"], revocation("a1", "a1", None));
        let new = world.new_key("a1", &key("a1"), "a1");
        world.act(&["r1", "s1"], Act::Rekey(new));
    });
    table.refused(Rule::GovernancePowers, "a new key by registrars alone", World::staffed(), |world| {
        world.act(&["s1"], revocation("a1", "a1", None));
        let new = world.new_key("a1", &key("a1"), "a1-2");
        world.act(&["r1", "f1"], Act::Rekey(new));
    });
}

fn revocations(table: &mut Table) {
    table.refused(Rule::KeyRevoked, "a revoked key signs", World::staffed(), |world| {
        world.act(&["r1"], revocation("a1", "a1", None));
        world.import("case-1", 1);
    });
    table.refused(Rule::KeyRevoked, "a revocation cuts at once, whatever the signer had seen", World::staffed(), |world| {
        let seen = world.history.seen_at(world.size()).unwrap();
        world.act(&["r1"], revocation("a1", "a1", None));
        let act = world.record("case-1", 1);
        world.act_with(&["a1"], act, |header| header.seen = seen);
    });
    table.refused(Rule::KeyRevoked, "revoked twice", World::staffed(), |world| {
        world.act(&["r1"], revocation("a1", "a1", None));
        world.act(&["r1"], revocation("a1", "a1", None));
    });
    table.refused(Rule::KeyUnknown, "revocation of a key that the person never had", World::staffed(), |world| {
        world.act(&["r1"], revocation("a1", "c1", None));
    });
    table.refused(Rule::KeyUnknown, "revocation of a stranger's key", World::staffed(), |world| {
        world.act(&["r1"], revocation("x1", "x1", None));
    });
    table.refused(Rule::KeyUnknown, "revocation of a key that was rotated", World::staffed(), |world| {
        world.rotate("a1", "a1-2");
        world.act(&["r1"], revocation("a1", "a1", None));
    });
    table.holds("one's own key revoked by oneself", World::staffed(), |world| {
        let by = world.as_self("a1");
        world.act_with(&["a1"], revocation("a1", "a1", None), |header| header.by[0] = by);
    });
}

fn suspicions(table: &mut Table) {
    let joint = |world: &mut World| {
        let at = world.clock;
        let act = world.enrolment("p9");
        world.act(&["f1", "s1"], act);
        at
    };
    let suspect = |world: &mut World, by: &str, at: UnixMs| {
        world.act(&[by], revocation("f1", "f1", Some(time(at))));
    };
    table.holds("suspected in the second of the last joint act", World::staffed(), |world| {
        let at = joint(world);
        suspect(world, "s1", at);
    });
    table.refused(Rule::SuspectedBound, "suspected a second before the last joint act", World::staffed(), |world| {
        let at = joint(world);
        suspect(world, "s1", at.plus_ms(-1_000));
    });
    table.holds("suspected in the second of receipt", World::staffed(), |world| {
        let at = world.clock;
        suspect(world, "s1", at);
    });
    table.refused(Rule::SuspectedBound, "suspected a second after receipt", World::staffed(), |world| {
        let at = world.clock;
        suspect(world, "s1", at.plus_ms(1_000));
    });
    table.refused(Rule::SuspectedBound, "suspected before the founding, which all founders signed", World::staffed(), |world| {
        world.act(&["s1"], revocation("f3", "f3", Some(time(FOUNDED.plus_ms(-1_000)))));
    });
    table.holds("suspected since long ago, of a key that never signed with another", World::staffed(), |world| {
        world.import("case-1", 1);
        world.act(&["s1"], revocation("a1", "a1", Some(time(UnixMs(0)))));
    });
    table.refused(Rule::SuspectedSupervisor, "suspected without the supervising power", World::staffed(), |world| {
        let at = world.clock;
        suspect(world, "r1", at);
    });
    table.refused(Rule::SuspectedSupervisor, "the supervising power is not one's own office `self`", World::staffed(), |world| {
        let (by, at) = (world.as_self("s1"), time(world.clock));
        world.act_with(&["s1"], revocation("a1", "a1", Some(at)), |header| header.by[0] = by);
    });
    table.holds("a founder of the supervising power countersigns", World::staffed(), |world| {
        let at = world.clock;
        world.act(&["r1", "f2"], revocation("a1", "a1", Some(time(at))));
    });
    let mut world = World::staffed();
    let act = world.record("case-1", 1);
    world.act(&["a1", "r1"], act);
    world.act(&["s1"], revocation("a1", "a1", Some(time(FOUNDED))));
    let expected = [(Rule::GovernanceOffice, world.size() - 2)];
    table.found("suspected before a joint act that was not admitted", &world, "broken", &expected, |_| {});
}

/// a1 rotates; then a record signed with the old key by one whose last look was before, `late_ms` ago.
fn with_the_old_key(world: &mut World, late_ms: i64, has_seen: bool) {
    let looked = world.history.received(world.size() - 1).unwrap();
    let before = world.history.seen_at(world.size()).unwrap();
    world.rotate("a1", "a1-2");
    world.keys.insert("a1".into(), key("a1"));
    let seen = if has_seen { world.history.seen_at(world.size()).unwrap() } else { before };
    world.clock = looked.plus_ms(late_ms);
    let act = world.record("case-1", 1);
    world.act_with(&["a1"], act, |header| header.seen = seen);
}

fn superseded(table: &mut Table) {
    table.holds("the old key, to the last millisecond of the allowance", World::unwitnessed(), |world| {
        with_the_old_key(world, ALLOWANCE_MS, false)
    });
    table.refused(Rule::KeySuperseded, "the old key, a millisecond beyond the allowance", World::unwitnessed(), |world| {
        with_the_old_key(world, ALLOWANCE_MS + 1, false)
    });
    table.refused(Rule::KeySuperseded, "the old key, by one who had seen the rotation", World::unwitnessed(), |world| {
        with_the_old_key(world, 5_000, true)
    });
    table.refused(Rule::KeyNotYet, "a new key, by one who had not seen the rotation", World::staffed(), |world| {
        let seen = world.history.seen_at(world.size()).unwrap();
        world.rotate("a1", "a1-2");
        let act = world.record("case-1", 1);
        world.act_with(&["a1"], act, |header| header.seen = seen);
    });
    table.refused(Rule::KeyNotYet, "a person who had not seen the own enrolment", World::staffed(), |world| {
        let seen = world.history.seen_at(world.size()).unwrap();
        world.enrol("p9");
        let by = world.as_self("p9");
        world.offices.insert("p9".into(), by);
        world.act_with(&["p9"], super::acts::relation("a1", "c1"), |header| header.seen = seen);
    });
    table.refused(Rule::KeySuperseded, "a superseded key under the name of its rotation", World::unwitnessed(), |world| {
        world.rotate("a1", "a1-2");
        let act = world.record("case-1", 1);
        let statement = world.statement(&["a1"], act);
        let note = sign_with(&statement, "a1", "a1");
        world.push(&note);
    });
}

fn sign_with(statement: &Statement, id: &str, key_name: &str) -> Vec<u8> {
    let (text, key) = (statement.encode(), key(key_name));
    let line = signer::note::SignatureLine::ed25519(id, &key.public(), &key.sign(text.as_bytes()));
    Note { text, signatures: vec![line] }.encode().into_bytes()
}

/// Two keys whose ids under the name a1 are the same four bytes: found among the first 50,000 of such names.
const COLLIDING: [&str; 2] = ["a1 collides 42728", "a1 collides 49194"];

fn collision(table: &mut Table) {
    let [first, second] = COLLIDING.map(|name| signer::note::key_id("a1", signer::note::TYPE_ED25519, &key(name).public().bytes().0));
    assert_eq!(first, second);
    table.refused(Rule::KeyTaken, "rotation: another key of the same id", World::staffed(), |world| {
        world.rotate("a1", COLLIDING[0]);
        let new = world.new_key("a1", &key(COLLIDING[0]), COLLIDING[1]);
        rotate(world, "a1", new);
    });
    table.holds("the same key id under two names", World::staffed(), |world| {
        world.rotate("a1", COLLIDING[0]);
        world.rotate("c1", COLLIDING[1]);
        world.import("case-1", 1);
    });
}
