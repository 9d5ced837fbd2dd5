//! Bits, lines and lengths inside the segments.

use std::collections::BTreeSet;

use signer::{ActName, Rule};

use super::{Corpus, long, whole_life};
use crate::cluster::on_a_cluster;
use crate::every_act::whole_programme;
use crate::rules::files::offsets;
use crate::trial::Trial;
use crate::world::World;

pub(super) fn fill(corpus: &mut Corpus) {
    lines_of_every_act(corpus);
    signature_lines(corpus);
    founding(corpus);
    lengths(corpus);
    places(corpus);
    bundles(corpus);
}

const SEGMENT: &str = "segments/000000";

fn segment(trial: &mut Trial) -> &mut Vec<u8> {
    trial.image.get_mut(SEGMENT).unwrap()
}

/// Replaces the bytes of one entry, its length prefix with them.
fn replace(trial: &mut Trial, world: &World, index: usize, entry: &[u8]) {
    let offsets = offsets(world);
    let framed = [&(entry.len() as u16).to_be_bytes(), entry].concat();
    segment(trial).splice(offsets[index]..offsets[index + 1], framed);
}

/// Where a bit can be flipped so that a value most probably keeps its form: the last digit, or letter of the hexadecimal ones
/// whose neighbour is one too; in long values before the last characters, which base64 may not leave free.
fn place_to_flip(value: &[u8]) -> usize {
    let end = if value.len() > 40 { value.len() - 4 } else { value.len() };
    let keeps_form = |b: &u8| b.is_ascii_digit() || b"bcdeBCDE".contains(b);
    let place = value[..end].iter().rposition(keeps_form);
    place.or_else(|| value[..end].iter().rposition(u8::is_ascii_alphabetic)).unwrap()
}

/// The rule that one flipped bit of a line's value breaks.
fn rule_of(act: &str, key: &str, value: &str) -> Rule {
    match (key, value.rsplit(' ').next().unwrap()) {
        // A revocation names a key, it brings none.
        ("key", _) if act == "revoke" => Rule::Signature,
        ("zeren", _) => Rule::StatementKind,
        ("ledger", _) => Rule::LedgerOther,
        ("act", _) => Rule::ActUnknown,
        // In acts of a programme reasons are codes.
        ("reason", _) if is_of_programme(act) => Rule::Signature,
        ("outcome", _) if act == "answer" => Rule::Value,
        ("kind" | "assert" | "clause" | "incident", _) => Rule::Value,
        ("reason" | "capacity" | "basis", _) | (_, "open" | "none" | "new") => Rule::Value,
        ("key" | "checkpoint-key" | "witness", _) => Rule::KeyEncoding,
        _ => Rule::Signature,
    }
}

/// The same of an entry that the ledger alone writes.
fn rule_of_own(kind: &str, key: &str, value: &str) -> Rule {
    let (format, signature) = match kind {
        "index" => (Rule::IndexFormat, Rule::IndexSignature),
        "epoch" => (Rule::EpochFormat, Rule::EpochSignature),
        _ => (Rule::AnchorFormat, Rule::AnchorSignature),
    };
    match key {
        "zeren" => Rule::StatementKind,
        // The signature line has the name that the line had.
        "ledger" => format,
        // Number one becomes zero.
        "epoch" if value == "1" => format,
        "node" | "key" => Rule::KeyEncoding,
        _ => signature,
    }
}

fn is_of_programme(act: &str) -> bool {
    ActName::ALL.iter().any(|name| *name >= ActName::Step && name.as_str() == act)
}

/// One bit of each line of the first entry of each act; of a procedure's text every eighth line.
fn lines_of_every_act(corpus: &mut Corpus) {
    let mut acts = BTreeSet::new();
    for world in [whole_life(), whole_programme(), on_a_cluster()] {
        lines_of_new_acts(corpus, &world, &mut acts);
    }
    assert_eq!(acts.len(), ActName::ALL.len() + 3, "every act but the founding, and each kind of entry that is no statement");
}

fn lines_of_new_acts(corpus: &mut Corpus, world: &World, acts: &mut BTreeSet<String>) {
    for (index, entry) in world.entries.iter().enumerate() {
        let text = String::from_utf8(entry.bytes.clone()).unwrap();
        let own = ["index", "epoch", "anchor"].into_iter().find(|kind| text.contains(&format!("\nzeren {kind} v1\n")));
        let act = text.lines().find_map(|line| line.strip_prefix("act ")).or(own).unwrap_or("cosigned").to_owned();
        // The founding gives the ledger its name: it is tampered with below.
        if act == "found" || !acts.insert(act.clone()) {
            continue;
        }
        let mut start = 0;
        for (number, line) in text.split("\n\n").next().unwrap().lines().enumerate() {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            let at = start + line.len() - value.len();
            start += line.len() + 1;
            if value.is_empty() || (key == "|" && number % 8 != 0) {
                continue;
            }
            let first = match key {
                "previous" => (Rule::Chain, index as u64),
                // A later time of receipt breaks nothing but the link of the entry that follows, or the root where none does.
                "received" if index + 1 == world.entries.len() => (Rule::CheckpointRoot, world.size()),
                "received" => (Rule::Chain, index as u64 + 1),
                _ if own.is_some() => (rule_of_own(&act, key, value), index as u64),
                _ => (rule_of(&act, key, value), index as u64),
            };
            corpus.add(&format!("{act}: one bit of line {number}, {key}"), world, "broken", first, |trial| {
                let mut bytes = entry.bytes.clone();
                bytes[at + place_to_flip(value.as_bytes())] ^= 1;
                replace(trial, world, index, &bytes);
            });
        }
    }
}

/// Index, text and signature part of the last record.
fn record(world: &World) -> (usize, String, String) {
    let index = world.entries.len() - 3;
    let text = String::from_utf8(world.entries[index].bytes.clone()).unwrap();
    let (text, signatures) = text.split_once("\n\n").unwrap();
    (index, text.to_owned(), signatures.to_owned())
}

fn signature_lines(corpus: &mut Corpus) {
    let world = whole_life();
    let (index, text, signature) = record(&world);
    let whole = format!("{text}\n\n{signature}").into_bytes();
    let signature_at = text.len() + 2;
    let mut flip = |name: &str, rule: Rule, at: usize, bit: u8| {
        corpus.add(&format!("record: {name}"), &world, "broken", (rule, index as u64), |trial| {
            let mut bytes = whole.clone();
            bytes[at] ^= bit;
            replace(trial, &world, index, &bytes);
        });
    };
    flip("the line break after the link", Rule::EntryFormat, 53, 1);
    flip("a letter of the word `previous`", Rule::EntryFormat, 3, 1);
    flip("the space after `received`", Rule::EntryFormat, 62, 1);
    flip("a line break of the text", Rule::Character, text.len(), 1);
    flip("the empty line", Rule::Character, text.len() + 1, 1);
    flip("the first byte of the dash", Rule::NoteShape, signature_at, 1);
    flip("the first byte of the dash, so that it leads no character", Rule::NoteUtf8, signature_at, 0x20);
    flip("the last byte of the dash", Rule::NoteShape, signature_at + 2, 1);
    flip("the signer's name", Rule::SignatureSet, signature_at + 5, 1);
    flip("the key id", Rule::KeyUnknown, signature_at + 8, 1);
    for (part, at) in [("R, its first byte", 14), ("R, a later byte", 40), ("S, an early byte", 61), ("S, a late byte", 90)] {
        flip(&format!("the signature: {part}"), Rule::Signature, signature_at + at, 1);
    }
    flip("the last line break", Rule::Character, whole.len() - 1, 1);
    flip("a high bit of a letter", Rule::NoteUtf8, text.len() - 2, 0x80);
    for (name, edit) in [("cut by a byte", -1i32), ("with a byte more", 1)] {
        corpus.add(&format!("record: {name}"), &world, "broken", (Rule::NoteShape, index as u64), |trial| {
            let mut bytes = whole.clone();
            bytes.resize((bytes.len() as i32 + edit) as usize, b'x');
            replace(trial, &world, index, &bytes);
        });
    }
    corpus.add("record: another signer's name and signature", &world, "broken", (Rule::SignatureSet, index as u64), |trial| {
        let stolen = String::from_utf8(world.entries[11].bytes.clone()).unwrap();
        let stolen = stolen.split_once("\n\n").unwrap().1;
        replace(trial, &world, index, format!("{text}\n\n{stolen}").as_bytes());
    });
    corpus.add("record: the signature of the record before", &world, "broken", (Rule::Signature, index as u64), |trial| {
        let before = String::from_utf8(world.entries[index - 2].bytes.clone()).unwrap();
        let stolen = before.split_once("\n\n").unwrap().1;
        replace(trial, &world, index, format!("{text}\n\n{stolen}").as_bytes());
    });
}

fn founding(corpus: &mut Corpus) {
    let world = whole_life();
    let text = String::from_utf8(world.entries[0].bytes.clone()).unwrap();
    let line_at = |key: &str| text.find(&format!("\n{key} ")).unwrap() + 1;
    // Another text gives the ledger another name, which is not that of the marker, nor of anything signed since.
    for key in ["nonce", "at", "device", "identity", "threshold"] {
        corpus.add(&format!("found: one bit of `{key}`"), &world, "other-ledger", (Rule::Marker, 0), |trial| {
            let mut bytes = world.entries[0].bytes.clone();
            let (start, length) = (line_at(key), text[line_at(key)..].find('\n').unwrap());
            let at = start + key.len() + 1 + place_to_flip(&bytes[start + key.len() + 1..start + length]);
            bytes[at] ^= 1;
            replace(trial, &world, 0, &bytes);
        });
    }
    corpus.add("found: one bit of a founder's signature", &world, "broken", (Rule::Signature, 0), |trial| {
        let mut bytes = world.entries[0].bytes.clone();
        let at = bytes.len() - 20;
        bytes[at] ^= 1;
        replace(trial, &world, 0, &bytes);
    });
    corpus.add("found: one bit of the link", &world, "broken", (Rule::Chain, 0), |trial| {
        let mut bytes = world.entries[0].bytes.clone();
        bytes[20] ^= 2;
        replace(trial, &world, 0, &bytes);
    });
    corpus.add("found: the act", &world, "broken", (Rule::ActUnknown, 0), |trial| {
        replace(trial, &world, 0, text.replace("act found", "act fount").as_bytes());
    });
}

/// How many entries lie in a segment: the reading rule of section 9, once more.
fn count(segment: &[u8]) -> u64 {
    let (mut at, mut count) = (0, 0);
    while let Some([high, low]) = segment.get(at..at + 2) {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        at += 2 + length;
        if length == 0 || at > segment.len() {
            break;
        }
        count += 1;
    }
    count
}

fn lengths(corpus: &mut Corpus) {
    let world = whole_life();
    let offsets = offsets(&world);
    let mut changed = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = world.files()[SEGMENT].clone();
        change(&mut bytes);
        let first = (Rule::EntriesMissing, count(&bytes));
        assert!(first.1 < world.size(), "{name}");
        corpus.add(&format!("segment: {name}"), &world, "broken", first, |trial| *segment(trial) = bytes);
    };
    for index in [3, 17, offsets.len() - 2] {
        let at = offsets[index];
        changed(&format!("length of entry {index} zero"), &|bytes| bytes[at..at + 2].fill(0));
        changed(&format!("length of entry {index} too large for the file"), &|bytes| bytes[at] = 0xFF);
        changed(&format!("cut before entry {index}"), &|bytes| bytes.truncate(at));
        changed(&format!("cut inside the length of entry {index}"), &|bytes| bytes.truncate(at + 1));
        changed(&format!("cut after the length of entry {index}"), &|bytes| bytes.truncate(at + 2));
        changed(&format!("cut inside entry {index}"), &|bytes| bytes.truncate(at + 200));
        changed(&format!("entry {index} and all after it zeros"), &|bytes| bytes[at..].fill(0));
    }
    for index in [3, 17] {
        let at = offsets[index];
        changed(&format!("length of entry {index} one more"), &|bytes| bytes[at + 1] += 1);
        changed(&format!("length of entry {index} one less"), &|bytes| bytes[at + 1] -= 1);
    }
    // Without the founding nothing says which key signs checkpoints.
    corpus.add("segment: cut to nothing", &world, "broken", (Rule::CheckpointMissing, 0), |trial| segment(trial).clear());
    corpus.add("segment: a byte inserted before everything", &world, "broken", (Rule::CheckpointMissing, 0), |trial| {
        segment(trial).insert(0, 0)
    });
    corpus.add("segment: a byte after the last entry", &world, "holds", (Rule::Tail, world.size()), |trial| {
        let end = segment(trial).len();
        segment(trial)[end - 1] = 1;
    });
}

/// Entries moved, repeated and taken away, nothing else changed.
fn places(corpus: &mut Corpus) {
    let world = whole_life();
    let offsets = offsets(&world);
    let of = |index: usize| offsets[index]..offsets[index + 1];
    for index in [2, 12, 20] {
        let at = index as u64;
        corpus.add(&format!("entries {index} and the next changed places"), &world, "broken", (Rule::Chain, at), |trial| {
            let swapped = [of(index + 1), of(index)].map(|range| segment(trial)[range].to_vec()).concat();
            segment(trial).splice(offsets[index]..offsets[index + 2], swapped);
        });
        corpus.add(&format!("entry {index} twice"), &world, "broken", (Rule::Chain, at + 1), |trial| {
            let copy = segment(trial)[of(index)].to_vec();
            segment(trial).splice(offsets[index]..offsets[index], copy);
        });
        corpus.add(&format!("entry {index} taken away"), &world, "broken", (Rule::EntriesMissing, world.size() - 1), |trial| {
            segment(trial).drain(of(index));
        });
        corpus.add(&format!("entry {index} in the place of another"), &world, "broken", (Rule::Chain, at + 3), |trial| {
            let copy = segment(trial)[of(index)].to_vec();
            segment(trial).splice(of(index + 3), copy);
        });
        corpus.add(&format!("a stranger's bytes before entry {index}"), &world, "broken", (Rule::EntryFormat, at), |trial| {
            segment(trial).splice(offsets[index]..offsets[index], *b"\0\x05hello");
        });
    }
    corpus.add("an entry after the last, properly chained, of no checkpoint", &world, "holds", (Rule::Uncovered, world.size()), |trial| {
        let mut more = whole_life();
        more.import("case-9", 99);
        *segment(trial) = more.files().remove(SEGMENT).unwrap();
    });
}

/// Beyond the first 256 entries.
fn bundles(corpus: &mut Corpus) {
    let world = long();
    let offsets = offsets(&world);
    assert!(offsets.len() > 260);
    for index in [255usize, 256, 265] {
        corpus.add(&format!("two bundles: one bit of entry {index}"), &world, "broken", (Rule::Signature, index as u64), |trial| {
            let at = offsets[index + 1] - 30;
            segment(trial)[at] ^= 1;
        });
    }
    corpus.add("two bundles: cut after the first", &world, "broken", (Rule::EntriesMissing, 256), |trial| {
        segment(trial).truncate(offsets[256])
    });
    corpus.add("two bundles: the second taken away, its checkpoint too", &world, "holds", (Rule::Slot, 0), |trial| {
        // Whoever holds no key can only make the ledger forget what no witness has seen, and that it did so is seen in the slots.
        segment(trial).truncate(offsets[world.entries.len() - 1]);
        trial.image.get_mut("checkpoint.0").unwrap()[100] ^= 1;
    });
    corpus.add("two bundles: the bundles changed places", &world, "broken", (Rule::CheckpointMissing, 0), |trial| {
        let (first, end) = (offsets[256], offsets[offsets.len() - 1]);
        segment(trial)[..end].rotate_left(first);
        // Where reading begins with another entry, the founding stands later, as an entry that cannot be.
        trial.image.remove("checkpoint.0");
        trial.image.remove("checkpoint.1");
    });
}
