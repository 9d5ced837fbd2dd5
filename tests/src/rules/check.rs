//! Section 8.2, the foundings of section 5.1, and section 8.1: notes on their own, and every entry's place.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use ledger::entry::SealedEntry;
use sha2::{Digest as _, Sha512};
use signer::act::{Act, Founding, Purpose, Witness};
use signer::note::{Note, SignatureLine};
use signer::possession::{self, Occasion};
use signer::value::{ChainHead, IdentityToken, KeyBytes, KeyName, Nonce, Origin, PersonId, Power, StatementHash, UnixMs};
use signer::{Rule, Statement};

use super::{DAY_MS, Table};
use crate::trial::{Given, Trial};
use crate::world::{World, bytes, constitution, copy, founding, key, person};

pub(super) fn fill(table: &mut Table) {
    signatures(table);
    key_encodings(table);
    proofs(table);
    foundings(table);
    founding_place(table);
    every_entry(table);
}

/// A point of the prime order with a point of small order added: it passes careless verifiers.
pub(crate) fn key_with_torsion(n: usize) -> KeyBytes {
    KeyBytes((ED25519_BASEPOINT_POINT * Scalar::from(77u64) + EIGHT_TORSION[n]).compress().0)
}

/// Keys that are no proper keys, and why.
pub(crate) fn bad_keys() -> Vec<(&'static str, KeyBytes)> {
    // y = p + 3: the bytes are not the ones that the point encodes to, if there is one.
    let mut above_the_field = [0xFF; 32];
    above_the_field[0] = 0xED + 3;
    above_the_field[31] = 0x7F;
    let mut no_point = [0; 32];
    no_point[0] = 2;
    vec![
        ("order 1", KeyBytes(EIGHT_TORSION[0].compress().0)),
        ("order 2", KeyBytes(EIGHT_TORSION[4].compress().0)),
        ("order 4", KeyBytes(EIGHT_TORSION[2].compress().0)),
        ("order 8", KeyBytes(EIGHT_TORSION[1].compress().0)),
        ("torsion of order 2", key_with_torsion(4)),
        ("torsion of order 8", key_with_torsion(3)),
        ("an encoding that is not canonical", KeyBytes(above_the_field)),
        ("bytes that are no point", KeyBytes(no_point)),
    ]
}

/// The record's note with other signature lines.
fn lines(table: &mut Table, rule: Rule, name: &str, edit: impl FnOnce(&World, &mut Note)) {
    table.refused(rule, name, World::staffed(), |world| {
        let act = world.record("case-1", 1);
        let statement = world.statement(&["a1"], act);
        let mut note = Note::parse(&world.sign(&statement)).unwrap();
        edit(world, &mut note);
        world.push(note.encode().as_bytes());
    });
}

fn line_by(world: &World, id: &str, key_name: &str, text: &str) -> SignatureLine {
    let key = &world.keys.get(key_name).map_or_else(|| key(key_name), copy);
    SignatureLine::ed25519(id, &key.public(), &key.sign(text.as_bytes()))
}

/// A signature whose R has a point of small order in it: [8][S]B = [8](R + [k]A) holds, and for the point of order 1 even
/// [S]B = R + [k]A.
fn signed_around(key: &signer::SecretKey, text: &[u8], torsion: EdwardsPoint, nonce: u64) -> Vec<u8> {
    let mut half = [0; 32];
    half.copy_from_slice(&Sha512::digest(&key.seed()[..])[..32]);
    let secret = Scalar::from_bytes_mod_order(clamp_integer(half));
    let r = (ED25519_BASEPOINT_POINT * Scalar::from(nonce) + torsion).compress();
    let hash = Sha512::new().chain_update(r.0).chain_update(key.public().bytes().0).chain_update(text).finalize();
    let mut wide = [0; 64];
    wide.copy_from_slice(&hash);
    let s = Scalar::from(nonce) + Scalar::from_bytes_mod_order_wide(&wide) * secret;
    [r.0, s.to_bytes()].concat()
}

fn signatures(table: &mut Table) {
    table.refused(Rule::LedgerOther, "a statement replayed from another ledger of the same origin", World::staffed(), |world| {
        let mut other = World::staffed_with(Founding { nonce: Nonce(bytes("another nonce")), ..founding() });
        assert_ne!(other.id, world.id);
        let act = other.record("case-1", 1);
        let statement = other.statement(&["a1"], act);
        let note = other.sign(&statement);
        world.push(&note);
    });
    lines(table, Rule::SignatureSet, "a signature added", |world, note| note.signatures.push(line_by(world, "r1", "r1", &note.text)));
    lines(table, Rule::SignatureSet, "the signature twice", |_, note| note.signatures.push(note.signatures[0].clone()));
    lines(table, Rule::SignatureSet, "another person's signature", |world, note| {
        note.signatures = vec![line_by(world, "r1", "r1", &note.text)]
    });
    lines(table, Rule::SignatureSet, "a payload one byte short", |_, note| {
        note.signatures[0].payload.pop();
    });
    lines(table, Rule::SignatureSet, "a cosignature's payload", |_, note| note.signatures[0].payload.splice(0..0, [0; 8]).for_each(drop));
    for (name, order) in [("a signature dropped", &["f1"][..]), ("signatures in another order", &["f2", "f1"])] {
        table.refused(Rule::SignatureSet, name, World::staffed(), |world| {
            let act = world.enrolment("p9");
            let statement = world.statement(&["f1", "f2"], act);
            let note = world.sign_text(&statement.encode(), order);
            world.push(&note);
        });
    }
    lines(table, Rule::KeyUnknown, "a key that nobody enrolled", |world, note| {
        note.signatures = vec![line_by(world, "a1", "foreign", &note.text)]
    });
    lines(table, Rule::KeyUnknown, "another person's key under the signer's name", |world, note| {
        note.signatures = vec![line_by(world, "a1", "r1", &note.text)];
    });
    table.refused(Rule::KeyUnknown, "a person whom nobody enrolled", World::staffed(), |world| {
        world.keys.insert("x1".into(), key("x1"));
        let by = world.offices["a1"].clone();
        world.offices.insert("x1".into(), signer::statement::By { person: person("x1"), ..by });
        let act = world.record("case-1", 1);
        world.act(&["x1"], act);
    });
    lines(table, Rule::Signature, "one bit of the signature", |_, note| note.signatures[0].payload[63] ^= 1);
    lines(table, Rule::Signature, "one bit of R", |_, note| note.signatures[0].payload[0] ^= 1);
    lines(table, Rule::Signature, "S + ℓ in place of S", |_, note| add_order(&mut note.signatures[0].payload));
    for (name, torsion, nonce) in
        [("R with torsion, which cofactored verifiers accept", 1, 9u64), ("R of small order", 1, 0), ("R of order 1", 0, 0)]
    {
        lines(table, Rule::Signature, name, |world, note| {
            note.signatures[0].payload = signed_around(&world.keys["a1"], note.text.as_bytes(), EIGHT_TORSION[torsion], nonce);
        });
    }
    lines(table, Rule::Signature, "a text that was changed after signing", |_, note| {
        note.text = note.text.replace("Resource21", "Resource22")
    });
    lines(table, Rule::Signature, "the right key id, signed with another key", |world, note| {
        let id = note.signatures[0].key_id;
        note.signatures = vec![SignatureLine { key_id: id, ..line_by(world, "a1", "foreign", &note.text) }];
    });
    enrolled_in_vain(table);
}

/// A key from an enrolment that was refused is no key, however often it is used.
fn enrolled_in_vain(table: &mut Table) {
    let mut world = World::staffed();
    let act = world.enrolment("p9");
    world.act(&["f1"], act);
    let (enrolment, relation) = (world.size() - 1, world.size());
    world.keys.insert("p9".into(), key("p9"));
    world.known_by.insert("p9".into(), StatementHash(bytes("none")));
    let by = world.as_self("p9");
    world.offices.insert("p9".into(), by);
    world.act(&["p9"], super::acts::relation("p9", "a1"));
    let expected = [(Rule::GovernanceCount, enrolment), (Rule::KeyUnknown, relation)];
    table.found("a key from an enrolment that was not admitted", &world, "broken", &expected, |_| {});
}

/// S becomes S + ℓ, little endian: the same equation, another signature.
fn add_order(signature: &mut [u8]) {
    let order = [0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14];
    let order = order.into_iter().chain([0; 15]).chain([0x10u8]);
    let mut carry = 0u16;
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry as u8;
        carry >>= 8;
    }
}

fn key_encodings(table: &mut Table) {
    for (why, bad) in bad_keys() {
        table.refused(Rule::KeyEncoding, &format!("enrolment with a key of {why}"), World::staffed(), |world| {
            let Act::Enrol { person, name, identity, proof, .. } = world.enrolment("p9") else { unreachable!() };
            world.act(&["f1", "f2"], Act::Enrol { person, name, identity, key: bad, proof });
        });
    }
    table.refused(Rule::KeyEncoding, "rotation to a key with torsion", World::staffed(), |world| {
        let mut new = world.new_key("a1", &world.keys["a1"], "a1-2");
        new.key = key_with_torsion(1);
        let by = world.as_self("a1");
        world.act_with(&["a1"], Act::Rotate(new), |header| header.by[0] = by);
    });
    for name in ["checkpoint key", "witness key"] {
        table.refused(Rule::KeyEncoding, &format!("amendment with a {name} of small order"), World::staffed(), |world| {
            let mut constitution = constitution();
            let bad = KeyBytes(EIGHT_TORSION[1].compress().0);
            match name {
                "checkpoint key" => constitution.checkpoint_key = bad,
                _ => constitution.witnesses.push(Witness { name: KeyName::parse("w9.example").unwrap(), key: bad }),
            }
            world.act(&["f1", "f2"], super::acts::amendment(constitution));
        });
    }
    let mut torsion = founding();
    torsion.founders[2].key = key_with_torsion(5);
    table.founding(Rule::KeyEncoding, "founding with a founder's key with torsion", &World::founded_with(torsion));
}

fn proofs(table: &mut Table) {
    let prove = |table: &mut Table, name: &str, proof: fn(&World) -> signer::strict::Signature| {
        table.refused(Rule::Proof, name, World::staffed(), |world| {
            let Act::Enrol { person, name, identity, key, .. } = world.enrolment("p9") else { unreachable!() };
            let proof = proof(world);
            world.act(&["f1", "f2"], Act::Enrol { person, name, identity, key, proof });
        });
    };
    prove(table, "possession proved by another key", |world| {
        let public = key("p9").public().bytes();
        let text = possession::text(&world.id, &person("p9"), Occasion::Identity(IdentityToken(bytes("identity of p9"))), &public);
        key("foreign").sign(text.as_bytes())
    });
    prove(table, "possession proved for another person", |world| {
        possession::prove(&world.id, &person("p8"), Occasion::Identity(IdentityToken(bytes("identity of p9"))), &key("p9"))
    });
    prove(table, "possession proved for another identity", |world| {
        possession::prove(&world.id, &person("p9"), Occasion::Identity(IdentityToken(bytes("identity of p8"))), &key("p9"))
    });
    prove(table, "possession proved for another ledger", |_| {
        let other = World::founded_with(Founding { nonce: Nonce(bytes("another nonce")), ..founding() });
        possession::prove(&other.id, &person("p9"), Occasion::Identity(IdentityToken(bytes("identity of p9"))), &key("p9"))
    });
    prove(table, "possession proved as a rotation", |world| {
        possession::prove(&world.id, &person("p9"), Occasion::Replaces(KeyBytes(bytes("identity of p9"))), &key("p9"))
    });
    table.refused(Rule::Proof, "rotation with the proof for another old key", World::staffed(), |world| {
        let mut new = world.new_key("a1", &world.keys["a1"], "a1-2");
        new.proof = world.new_key("a1", &key("other"), "a1-2").proof;
        let by = world.as_self("a1");
        world.act_with(&["a1"], Act::Rotate(new), |header| header.by[0] = by);
    });
}

fn founding_with(table: &mut Table, rule: Rule, name: &str, edit: impl FnOnce(&mut Founding)) {
    let mut changed = founding();
    edit(&mut changed);
    table.founding(rule, name, &World::founded_with(changed));
}

fn foundings(table: &mut Table) {
    founding_with(table, Rule::Purpose, "production on a demonstration's origin", |founding| founding.purpose = Purpose::Production);
    founding_with(table, Rule::Purpose, "a demonstration on another origin", |founding| {
        founding.origin = Origin::parse("tests.example/archive").unwrap()
    });
    founding_with(table, Rule::Purpose, "an origin that only looks like a demonstration's", |founding| {
        founding.origin = Origin::parse("demonstration.example/archive").unwrap();
    });
    founding_with(table, Rule::Threshold, "founding: a threshold of one", |founding| founding.constitution.threshold = 1);
    founding_with(table, Rule::Threshold, "founding: a threshold above the founders", |founding| founding.constitution.threshold = 4);
    founding_with(table, Rule::FounderPowers, "founding: founders of one power", |founding| {
        founding.founders.iter_mut().for_each(|founder| founder.power = Power::parse("E").unwrap());
    });
    founding_with(table, Rule::PersonTaken, "founding: a person twice", |founding| {
        founding.founders[2].person = PersonId::parse("f1").unwrap();
        founding.founders[2].key = founding.founders[0].key;
    });
    founding_with(table, Rule::IdentityTaken, "founding: an identity twice", |founding| {
        founding.founders[2].identity = founding.founders[0].identity
    });
    founding_with(table, Rule::WitnessRepeated, "founding: a witness's name twice", |founding| {
        let name = founding.constitution.witnesses[0].name.clone();
        founding.constitution.witnesses.push(Witness { name, key: key("w2").public().bytes() });
    });
    founding_with(table, Rule::WitnessRepeated, "founding: a witness's key twice", |founding| {
        let key = founding.constitution.witnesses[0].key;
        founding.constitution.witnesses.push(Witness { name: KeyName::parse("w2.example").unwrap(), key });
    });
    let mut same_key = founding();
    same_key.founders[2].key = same_key.founders[0].key;
    let mut world = World::founded_with(same_key.clone());
    world.keys.insert("f3".into(), key("f1"));
    let note = world.sign(&Statement::Founding(Box::new(same_key)));
    world.entries.clear();
    world.history = ledger::history::History::default();
    world.push(&note);
    table.founding(Rule::KeyTaken, "founding: a key twice", &world);
    let mut world = World::founded();
    let mut note = Note::parse(entry_note(&world, 0)).unwrap();
    note.signatures.pop();
    replace_founding(&mut world, note.encode().as_bytes());
    table.founding(Rule::SignatureSet, "founding: a founder who did not sign", &world);
    table.holds(
        "a production ledger",
        World::founded_with(Founding { purpose: Purpose::Production, origin: Origin::parse("tests.example/a").unwrap(), ..founding() }),
        |_| {},
    );
}

fn entry_note(world: &World, index: usize) -> &[u8] {
    ledger::entry::Entry::parse(&world.entries[index].bytes).unwrap().note
}

fn replace_founding(world: &mut World, note: &[u8]) {
    world.entries.clear();
    world.history = ledger::history::History::default();
    world.push(note);
}

fn nameless_checkpoint(text: &str) -> String {
    let line = SignatureLine::ed25519("-", &key("thief").public(), &key("thief").sign(text.as_bytes()));
    Note { text: text.to_owned(), signatures: vec![line.clone(), line] }.encode()
}

fn founding_place(table: &mut Table) {
    let unsigned = |trial: &mut Trial| {
        trial.image.remove("checkpoint.0");
        trial.image.remove("checkpoint.1");
        trial.policy = Given::Nothing;
    };
    let without_founding = |take: fn(&mut World)| {
        let mut staffed = World::staffed();
        take(&mut staffed);
        let last = entry_note(&staffed, staffed.entries.len() - 1).to_vec();
        replace_founding(&mut staffed, &last);
        staffed
    };
    let record = without_founding(|world| {
        world.import("case-1", 1);
    });
    // No founding names a checkpoint key, so no checkpoint can be sound either.
    let expected = [(Rule::CheckpointMissing, 0), (Rule::FoundingMissing, 0)];
    table.found("a ledger that begins with a record", &record, "broken", &expected, unsigned);
    let amended = without_founding(|world| {
        world.act(&["f1", "f2"], super::acts::amendment(constitution()));
    });
    let expected = [(Rule::FoundingMissing, 0), (Rule::CheckpointKey, 1)];
    table.found("a ledger that begins with an amendment", &amended, "broken", &expected, |_| {});
    let cosigned = without_founding(|world| {
        world.cosign();
    });
    let expected = [(Rule::CheckpointMissing, 0), (Rule::CheckpointSignature, 0)];
    table.found("a ledger that begins with a cosigned entry", &cosigned, "broken", &expected, unsigned);
    let mut nameless = without_founding(|world| {
        world.import("case-1", 1);
    });
    let other = World::staffed();
    nameless.push(entry_note(&other, 1));
    let expected = [(Rule::Marker, 0), (Rule::CheckpointMissing, 0), (Rule::FoundingMissing, 0), (Rule::LedgerOther, 1)];
    table.found("a ledger that nothing names", &nameless, "broken", &expected, |trial| {
        unsigned(trial);
        trial.image.remove("ledger");
    });
    let text = format!("-\n1\n{}\n", signer::merkle::empty_root());
    replace_founding(&mut nameless, nameless_checkpoint(&text).as_bytes());
    let expected = [(Rule::Marker, 0), (Rule::CheckpointMissing, 0), (Rule::StatementKind, 0)];
    table.found("a checkpoint of `-` in a ledger that nothing names", &nameless, "broken", &expected, |trial| {
        unsigned(trial);
        trial.image.remove("ledger");
    });
    table.refused(Rule::FoundingRepeated, "a second founding", World::staffed(), |world| {
        let other = World::founded_with(Founding { nonce: Nonce(bytes("another nonce")), ..founding() });
        world.push(entry_note(&other, 0));
    });
    table.refused_last(Rule::FoundingRepeated, "a second founding, at once", World::founded(), |world| {
        let other = World::founded_with(Founding { nonce: Nonce(bytes("another nonce")), ..founding() });
        world.push(entry_note(&other, 0));
    });
    table.refused(Rule::FoundingRepeated, "the founding again", World::staffed(), |world| {
        let note = entry_note(world, 0).to_vec();
        world.push(&note);
    });
}

/// A change of an entry's bytes before it is appended.
type Edit = fn(String) -> String;

fn every_entry(table: &mut Table) {
    table.refused(Rule::ReceivedOrder, "received a millisecond before the entry before", World::staffed(), |world| {
        let last = world.history.received(world.size() - 1).unwrap();
        let clock = world.clock;
        let act = world.record("case-1", 1);
        let statement = world.statement(&["a1"], act);
        world.clock = last.plus_ms(-1);
        let note = world.sign(&statement);
        world.push(&note);
        world.clock = clock;
    });
    table.holds("two entries received in the same millisecond", World::staffed(), |world| {
        world.clock = world.history.received(world.size() - 1).unwrap();
        world.import("case-1", 1);
    });
    table.refused(Rule::Chain, "a wrong link", World::staffed(), |world| {
        let act = world.record("case-1", 1);
        let statement = world.statement(&["a1"], act);
        let entry = SealedEntry::new(ChainHead([7; 32]), world.clock, &world.sign(&statement));
        world.push_sealed(entry);
    });
    let malformed: [(&str, Edit); 7] = [
        ("no previous line", |entry| entry.replacen("previous", "previously", 1)),
        ("a link of 31 bytes", |entry| entry.replacen(&entry[9..53], "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", 1)),
        ("no received line", |entry| entry.replacen("received", "arrived", 1)),
        ("a time of receipt with a leading zero", |entry| entry.replacen("received 1", "received 01", 1)),
        ("a time of receipt after the year 9999", |entry| entry.replacen(entry.lines().nth(1).unwrap(), "received 253402300800000", 1)),
        ("two spaces after received", |entry| entry.replacen("received ", "received  ", 1)),
        ("three bytes", |_| "abc".to_owned()),
    ];
    for (name, edit) in malformed {
        table.refused(Rule::EntryFormat, &format!("entry: {name}"), World::staffed(), |world| {
            let act = world.record("case-1", 1);
            let statement = world.statement(&["a1"], act);
            let previous = world.chain();
            let whole = SealedEntry::new(previous, world.clock, &world.sign(&statement));
            let entry = SealedEntry::of(edit(String::from_utf8(whole.bytes).unwrap()).into_bytes());
            // What gives no time of receipt has that of the entry before.
            world.history.push(entry.leaf, entry.chain, world.history.received(world.size() - 1).unwrap());
            world.entries.push(entry);
        });
    }
    let mut world = World::staffed();
    let nothing = SealedEntry::of(b"nothing".to_vec());
    world.history.push(nothing.leaf, nothing.chain, world.history.received(world.size() - 1).unwrap());
    world.entries.push(nothing);
    world.clock = world.clock.plus_ms(-5_000);
    world.import("case-1", 1);
    let expected = [(Rule::EntryFormat, world.size() - 2), (Rule::ReceivedOrder, world.size() - 1)];
    table.found("time goes back behind an entry that gives none", &world, "broken", &expected, |_| {});
    table.refused_last(Rule::Unwitnessed, "a day and a millisecond after the witnesses were named", World::staffed(), |world| {
        world.clock = UnixMs(crate::world::FOUNDED.0 + DAY_MS + 1);
        world.import("case-1", 1);
    });
    table.holds("a day after the witnesses were named", World::staffed(), |world| {
        world.clock = UnixMs(crate::world::FOUNDED.0 + DAY_MS);
        world.import("case-1", 1);
    });
    table.refused_last(Rule::Unwitnessed, "a day and a second after the last cosignature", World::staffed(), |world| {
        world.clock = world.clock.plus_ms(DAY_MS / 2);
        let cosigned = world.cosign();
        world.clock = world.history.received(cosigned).unwrap().plus_ms(DAY_MS + 1_000);
        world.import("case-1", 1);
    });
    table.holds("a cosigned entry brings its own time after three days", World::staffed(), |world| {
        world.clock = world.clock.plus_ms(3 * DAY_MS);
        world.cosign();
        world.import("case-1", 1);
    });
}
