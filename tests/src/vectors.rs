//! The vectors of `docs/vectors/`, made from the tests' own keys: the same in every run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ledger::block::{Carried, Header, encode};
use ledger::check::{KeyRing, check};
use ledger::entry::{Entry, entry_head};
use signer::act::Act;
use signer::anchor_note::ANCHOR_KIND;
use signer::checkpoint::Receipt;
use signer::epoch_note::EPOCH_KIND;
use signer::index_note::INDEX_KIND;
use signer::note::{TYPE_COSIGNATURE, TYPE_ED25519, key_id};
use signer::possession::{self, Occasion};
use signer::statement::statement_hash;
use signer::value::{NoteHash, base64};
use signer::{ActName, Note, Rule, Statement};

use crate::cluster::on_a_cluster;
use crate::every_act::whole_programme;
use crate::rules::files::refusal;
use crate::rules::trials;
use crate::tamper::whole_life;
use crate::trial::Image;
use crate::world::{World, bytes, key};

/// Rules of sections 2, 3, 8.2 and of the checks of 5.10, 5.18 and 5.19: each has a note that breaks it and no rule before it.
pub const CHECKED: &[Rule] = &[
    Rule::NoteTooLong,
    Rule::NoteUtf8,
    Rule::Character,
    Rule::NoteShape,
    Rule::BlankLine,
    Rule::StatementKind,
    Rule::StatementTooLong,
    Rule::ActUnknown,
    Rule::LineUnknown,
    Rule::LineRepeated,
    Rule::LineMissing,
    Rule::LineOrder,
    Rule::Value,
    Rule::LedgerOther,
    Rule::SignatureSet,
    Rule::KeyEncoding,
    Rule::KeyUnknown,
    Rule::Signature,
    Rule::Proof,
    Rule::ProcedureDigest,
    Rule::ProcedureFormat,
    Rule::ProcedureTwoPowers,
    Rule::CheckpointFormat,
    Rule::CheckpointSignature,
    Rule::WitnessUnknown,
    Rule::WitnessRepeated,
    Rule::WitnessSignature,
    Rule::EpochFormat,
    Rule::EpochSignature,
    Rule::AnchorFormat,
    Rule::AnchorSignature,
];

/// The entry whose bytes, receipt and hashes are shown: the first record of the archivist.
const SHOWN: usize = 12;
/// The size of the checkpoint that is shown.
const SHOWN_SIZE: u64 = 13;
/// The persons whose keys are listed, and who else has one.
const KEYS: &[&str] = &["f1", "f2", "f3", "r1", "s1", "a1", "a1-2", "c1", "c1-2"];

/// Every file below `docs/vectors/` but its README.
pub fn vectors() -> Image {
    let world = whole_life();
    let mut files = Image::new();
    for (name, bytes) in world.files() {
        files.insert(format!("ledger/{name}"), bytes);
    }
    let refused = refusal(&world, SHOWN_SIZE);
    let refused_note = refused.sign(&world.checkpoint_key).encode().into_bytes();
    files.insert(format!("ledger/refusals/{}", refused.file_name()), refused_note);
    files.insert("policy".to_owned(), world.policy(true).into_bytes());
    let programme = whole_programme();
    for (name, bytes) in programme.files() {
        files.insert(format!("programme/{name}"), bytes);
    }
    let cluster = on_a_cluster();
    for (name, bytes) in cluster.files() {
        files.insert(format!("cluster/{name}"), bytes);
    }
    for (act, note) in notes_of_acts(&[&world, &programme, &cluster]) {
        files.insert(format!("good/{act}.note"), note);
    }
    for (act, note) in repeated_lines(&[&programme, &cluster]) {
        files.insert(format!("bad-acts/{act}.note"), note);
    }
    files.insert("good/entry".to_owned(), world.entries[SHOWN].bytes.clone());
    files.insert("good/checkpoint".to_owned(), world.checkpoint_at(SHOWN_SIZE).encode().into_bytes());
    files.insert("good/receipt.tlog-proof".to_owned(), receipt(&world).encode().into_bytes());
    files.insert("good/block".to_owned(), block(&cluster));
    files.insert("good/possession".to_owned(), possession_text(&world).into_bytes());
    files.insert("computations".to_owned(), computations(&world).into_bytes());
    for (rule, note) in bad_notes(&world) {
        files.insert(format!("bad/{rule}.note"), note);
    }
    files
}

/// The first note of each act in the ledgers, of a cosigned entry, and of each kind of entry that the ledger alone writes.
fn notes_of_acts(worlds: &[&World]) -> BTreeMap<String, Vec<u8>> {
    let mut notes = BTreeMap::new();
    for (_, note) in worlds.iter().flat_map(|world| world.notes()) {
        let text = Note::parse(&note).unwrap().text;
        let own = [(INDEX_KIND, "index"), (EPOCH_KIND, "epoch"), (ANCHOR_KIND, "anchor")];
        let kind = own.iter().find(|(first, _)| text.starts_with(first)).map_or("cosigned", |(_, kind)| kind);
        let act = Statement::parse(&text).map_or(kind, |statement| statement.act_name().as_str());
        notes.entry(act.to_owned()).or_insert(note);
    }
    assert_eq!(notes.len(), ActName::ALL.len() + 4);
    notes
}

/// The first note of each act of a programme and of an incident, its first line after the header twice: `line-repeated`, in a note that is signed.
fn repeated_lines(worlds: &[&World]) -> BTreeMap<String, Vec<u8>> {
    let mut notes = BTreeMap::new();
    for (world, (_, note)) in worlds.iter().flat_map(|world| world.notes().into_iter().map(move |note| (world, note))) {
        let note = Note::parse(&note).unwrap();
        let Ok(statement @ Statement::Act { .. }) = Statement::parse(&note.text) else { continue };
        if statement.act_name() < ActName::Step || notes.contains_key(statement.act_name().as_str()) {
            continue;
        }
        let mut lines: Vec<&str> = note.text.split_inclusive('\n').collect();
        let first = lines.iter().position(|line| line.starts_with("seen ")).unwrap() + 1;
        lines.insert(first, lines[first]);
        let signers: Vec<&str> = note.signatures.iter().map(|line| line.name.as_str()).collect();
        notes.insert(statement.act_name().as_str().to_owned(), world.sign_text(&lines.concat(), &signers));
    }
    assert_eq!(notes.len(), ActName::ALL.iter().filter(|act| **act >= ActName::Step).count());
    notes
}

/// All keys that the statements of a ledger bring.
pub fn ring(world: &World) -> KeyRing {
    ring_of(&[world])
}

/// All keys that the statements of ledgers of one founding bring.
pub fn ring_of(worlds: &[&World]) -> KeyRing {
    let mut ring = KeyRing::new(Some(worlds[0].id.clone()));
    let texts = worlds.iter().flat_map(|world| world.notes()).map(|(_, note)| Note::parse(&note).unwrap().text);
    texts.filter_map(|text| Statement::parse(&text).ok()).for_each(|statement| ring.learn(&statement));
    ring
}

/// For each rule the first note of the tables that breaks it when it is checked on its own. Their ledgers begin as the one here
/// does.
fn bad_notes(world: &World) -> BTreeMap<Rule, Vec<u8>> {
    let (mut notes, ring) = (BTreeMap::new(), ring(world));
    for trial in trials() {
        let (Some((rule, index)), Some(door)) = (trial.expected.first(), trial.door) else { continue };
        let breaks = |note: &[u8]| check(note, &ring).is_err_and(|refusal| refusal.rule == *rule);
        if *index > 0 && CHECKED.contains(rule) && breaks(&door.note) {
            notes.entry(*rule).or_insert(door.note);
        }
    }
    assert_eq!(notes.len(), CHECKED.len());
    notes
}

fn receipt(world: &World) -> Receipt {
    let entry = Entry::parse(&world.entries[SHOWN].bytes).unwrap();
    let index = SHOWN as u64;
    let proof = world.history.tree().inclusion(index, SHOWN_SIZE).unwrap();
    Receipt { entry_head: entry_head(entry.previous, entry.received), index, proof, checkpoint: world.checkpoint_at(SHOWN_SIZE).into() }
}

/// The first block of generation 2 of a ledger whose last two entries it carries: an epoch, what its node sequenced, and a refusal.
fn block(cluster: &World) -> Vec<u8> {
    let size = cluster.size() - 2;
    let header = Header {
        ledger: cluster.id.clone(),
        generation: 2,
        epoch: 3,
        number: 1,
        previous: NoteHash([0; 32]),
        size,
        root: cluster.history.tree().root_at(size).unwrap(),
    };
    let refused = refusal(cluster, cluster.size()).sign(&cluster.checkpoint_key).encode().into_bytes();
    let entries = cluster.entries[size as usize..].iter().map(|entry| entry.bytes.clone()).collect();
    encode(&header, &Carried { checkpoint: Some(cluster.checkpoint_at(size)), entries, refusals: vec![refused] }, "node-1", &key("node-1"))
}

/// What a1 signed to be enrolled.
fn possession_text(world: &World) -> String {
    let Act::Enrol { person, identity, key, .. } = world.enrolment("a1") else { unreachable!() };
    possession::text(&world.id, &person, Occasion::Identity(identity), &key)
}

/// Everything that is hashed, one value a line.
fn computations(world: &World) -> String {
    let mut out = String::new();
    let mut line = |name: String, value: String| writeln!(out, "{name}\t{value}").unwrap();
    for name in KEYS.iter().chain(&["checkpoint", "w1", "w2"]) {
        line(format!("seed {name}"), base64(&bytes(&format!("key of {name}"))));
        line(format!("public key {name}"), key(name).public().bytes().to_string());
    }
    for name in KEYS {
        // The key of the name a1-2 is the second of the person a1.
        let person = name.split('-').next().unwrap();
        line(format!("key id {person} 01 {name}"), hex(&key_id(person, TYPE_ED25519, &key(name).public().bytes().0)));
    }
    line(
        format!("key id {} 01 checkpoint", world.id),
        hex(&key_id(world.id.as_str(), TYPE_ED25519, &key("checkpoint").public().bytes().0)),
    );
    for (name, of) in [("w1.example", "w1"), ("w2.example", "w2")] {
        line(format!("key id {name} 04 {of}"), hex(&key_id(name, TYPE_COSIGNATURE, &key(of).public().bytes().0)));
    }
    line("ledger id".to_owned(), world.id.to_string());
    for (index, ((_, note), entry)) in world.notes().iter().zip(&world.entries).enumerate() {
        line(format!("statement hash {index}"), statement_hash(&Note::parse(note).unwrap().text).to_string());
        line(format!("leaf hash {index}"), entry.leaf.to_string());
    }
    for size in 0..=world.size() {
        line(format!("root {size}"), world.history.tree().root_at(size).unwrap().to_string());
        line(format!("chain head {size}"), world.history.chain_at(size).unwrap().to_string());
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What section 14 of format.md prints.
pub fn printed() -> String {
    let world = whole_life();
    let founding = String::from_utf8(world.notes()[0].1.clone()).unwrap();
    let text = Note::parse(founding.as_bytes()).unwrap().text;
    let entry = String::from_utf8(world.entries[SHOWN].bytes.clone()).unwrap();
    let f1 = key("f1").public().bytes();
    let indented =
        |text: &str| text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect::<String>();
    let mut out = String::new();
    let mut say = |text: String| writeln!(out, "{text}").unwrap();
    say("The seed of a key is SHA-256 of `key of ` and its name; names are f1, f2, f3, a1, checkpoint, w1. A founding, `good/found.note`:\n".into());
    say(indented(&founding));
    say(format!("Its statement's hash is `{}`, in hexadecimal", statement_hash(&text)));
    say(format!("`{}`; so the ledger is", hex(&statement_hash(&text).0)));
    say(format!("`{}`. The key of f1 is `{f1}`;", world.id));
    say(format!("its id is the first four bytes of SHA-256(`f1` ‖ 0x0A ‖ 0x01 ‖ key): `{}`.\n", hex(&key_id("f1", TYPE_ED25519, &f1.0))));
    say(format!("Entry {SHOWN} of that ledger, `good/entry`:\n"));
    say(indented(&entry));
    say(format!("Its leaf hash is `{}`; the chain head after it, SM3 of its bytes,", world.entries[SHOWN].leaf));
    say(format!("`{}`. The checkpoint of {SHOWN_SIZE} entries, `good/checkpoint`:\n", world.entries[SHOWN].chain));
    out.push_str(&indented(&world.checkpoint_at(SHOWN_SIZE).encode()));
    out
}
