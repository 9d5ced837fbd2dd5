//! What fuzzing starts from, and how a smoke changes it.

use ledger::entry::Entry;
use ledger::fork::{Document, ForkProof, Ground, Key, Prefix};
use ledger::refusal_note::RefusalNote;
use ledger::segment::encode_slot;
use signer::Note;
use signer::checkpoint::Receipt;
use signer::keyfile::{Randomness, encrypt, plain};
use signer::note::note_hash;
use signer::rule::Rule;
use signer::value::StatementHash;
use zeroize::Zeroizing;

use super::{PASSPHRASE, WORLD};
use crate::World;
use crate::disk::Random;
use crate::every_act::whole_programme;
use crate::programme::PROGRAMME;
use crate::stream::Cluster;
use crate::world::{PROCEDURE, key};

/// Good examples of what a target reads.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let notes = || WORLD.entries.iter().map(|entry| Entry::parse(&entry.bytes).unwrap().note.to_vec());
    match target {
        "note" | "check" => notes().collect(),
        "statement" => {
            let acts = whole_programme();
            let of_programme = acts.entries.iter().map(|entry| Entry::parse(&entry.bytes).unwrap().note.to_vec());
            notes().chain(of_programme).map(|note| signer::Note::parse(&note).unwrap().text.into_bytes()).collect()
        }
        "entry" => WORLD.entries.iter().map(|entry| entry.bytes.clone()).collect(),
        "slot" => vec![encode_slot(&WORLD.checkpoint_at(5)), encode_slot(&WORLD.cosigned_at(5))],
        "policy" => vec![WORLD.policy(true).into_bytes(), WORLD.policy(false).into_bytes()],
        "receipt" => vec![receipt(), {
            let mut long = receipt();
            long.extend(b"\n");
            long
        }],
        "procedure" => vec![PROCEDURE.as_bytes().to_vec(), PROGRAMME.as_bytes().to_vec()],
        "evidence" => vec![evidence()],
        "fork" => forks(),
        "block" => Cluster::lived().stream.blocks,
        "keyfile" => key_files(),
        "refusal" => vec![refusal()],
        // Structured targets read choices.
        _ => (0..4)
            .map(|seed| {
                let mut random = Random::new(seed);
                (0..256).map(|_| random.below(256) as u8).collect()
            })
            .collect(),
    }
}

/// A map proof of nobody's: its lines are right, its path leads nowhere.
fn evidence() -> Vec<u8> {
    let receipt = String::from_utf8(receipt()).unwrap();
    let note = String::from_utf8(Entry::parse(&WORLD.entries[3].bytes).unwrap().note.to_vec()).unwrap();
    let part = |name: &str, text: &str| format!("{name} {}\n{text}", text.lines().count());
    let parts = [part("value", "case c1\n"), part("proof", ""), part("note", &note), part("receipt", &receipt)].concat();
    format!("zeren map proof v1\nof case c1\n{parts}").into_bytes()
}

/// Two checkpoints of one size; and a pin against a larger tree, with the enrolment of who signed it.
fn forks() -> Vec<Vec<u8>> {
    let mut other = WORLD.rewritten(&WORLD.notes()[..10]);
    other.import("case-9", 40);
    other.import("case-9", 41);
    let note = |index: u64| Note::parse(Entry::parse(&WORLD.entries[index as usize].bytes).unwrap().note).unwrap();
    let pin = WORLD.entries.iter().map(|entry| Note::parse(Entry::parse(&entry.bytes).unwrap().note).unwrap());
    let pin = pin.filter_map(|note| Document::of(note).ok()).find(|pin| pin.is_statement() && pin.claim.size == 11).unwrap();
    let signer = pin.note.signatures[0].name.clone();
    let keys = [Key::signs(WORLD.id.as_str(), WORLD.checkpoint_key.public()), Key::signs(signer.clone(), key(&signer).public())];
    let known = WORLD.entry_of(&WORLD.known_by[&signer]);
    let receipt = Receipt::parse(&receipt_of(known)).unwrap();
    let grounds = [Ground { note: note(0), receipt: None }, Ground { note: note(known), receipt: Some(receipt) }];
    let checkpoint = |world: &World, size| Document::of(world.checkpoint_at(size)).unwrap();
    let prefix = Prefix { root: other.history.tree().root_at(11).unwrap(), proof: other.history.tree().consistency(11, 12).unwrap() };
    let one_size = ForkProof::make([checkpoint(&WORLD, 11), checkpoint(&other, 11)], None, &keys, &grounds).unwrap();
    let two_sizes = ForkProof::make([pin, checkpoint(&other, 12)], Some(prefix), &keys, &grounds).unwrap();
    assert!(two_sizes.verify(None).unwrap().is_proven());
    vec![one_size.encode().into_bytes(), two_sizes.encode().into_bytes()]
}

fn receipt() -> Vec<u8> {
    receipt_of(3)
}

fn receipt_of(index: u64) -> Vec<u8> {
    let head = |index: u64| {
        let entry = &WORLD.entries[index as usize].bytes;
        String::from_utf8(entry[..entry.len() - Entry::parse(entry).unwrap().note.len()].to_vec()).unwrap()
    };
    let proof = WORLD.history.tree().inclusion(index, WORLD.history.size()).unwrap();
    Receipt { entry_head: head(index), index, proof, checkpoint: WORLD.checkpoint_at(WORLD.history.size()).into() }.encode().into_bytes()
}

fn refusal() -> Vec<u8> {
    let seen = WORLD.history.seen_at(4).unwrap();
    let (submitted, statement) = (note_hash(b"a note"), StatementHash([3; 32]));
    let refusal = RefusalNote { ledger: WORLD.id.clone(), submitted, statement, rule: Rule::CaseHead, received: WORLD.clock, seen };
    refusal.sign(&key("checkpoint")).encode().into_bytes()
}

fn key_files() -> Vec<Vec<u8>> {
    let key = key("f1");
    let encrypted = encrypt(&key, &Zeroizing::new(PASSPHRASE.to_owned()), &Randomness { salt: [1; 16], iv: [2; 16] }).unwrap();
    vec![plain(&key).unwrap().as_bytes().to_vec(), encrypted.as_bytes().to_vec()]
}

/// A seed changed in one to four places, as a careless or careful forger would.
pub fn mutated(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len() as u64) as usize;
        let end = (at + random.below(48) as usize).min(bytes.len());
        match random.below(9) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.below(256) as u8,
            2 => bytes.insert(at, *b"\n -=+0Az\0\xFF".get(random.below(10) as usize).unwrap()),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            5 => bytes.truncate(at),
            6 => swap_lines(&mut bytes, random),
            7 => bytes[at..end].iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'0' + random.below(10) as u8),
            _ => bytes.extend((0..random.below(64)).map(|_| random.below(256) as u8)),
        }
    }
    bytes
}

fn swap_lines(bytes: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (one, other) = (random.below(lines.len() as u64) as usize, random.below(lines.len() as u64) as usize);
    lines.swap(one, other);
    *bytes = lines.join(&b'\n');
}
