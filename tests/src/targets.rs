//! Fuzz targets: one function each, that takes bytes and must not panic. `fuzz/` runs them for days; `tests/fuzz.rs` for seconds.

mod acts;
mod blocks;
mod folder;
mod seeds;

use std::sync::LazyLock;

use ledger::check::KeyRing;
use ledger::entry::{Entry, entry_head};
use ledger::evidence::MapEvidence;
use ledger::fork::ForkProof;
use ledger::ledger::Ledger;
use ledger::policy::Policy;
use ledger::procedure::Procedure;
use ledger::refusal_note::RefusalNote;
use ledger::segment::{SLOT_BYTES, SLOTS, Slot, encode_slot, read_slot};
use ledger::storage::Storage as _;
use signer::checkpoint::Receipt;
use signer::{Note, Statement, keyfile};
use zeroize::Zeroizing;

use crate::World;
use crate::disk::Disk;
use crate::model::run::run;
use crate::world::key;

pub use acts::{admit, tally};
pub use blocks::block;
pub use folder::audit;
pub use seeds::{mutated, seeds};

/// A target.
pub struct Target {
    /// Its name, that of its file in `fuzz/fuzz_targets` and of its corpus.
    pub name: &'static str,
    /// What it runs.
    pub run: fn(&[u8]),
    /// How often a short smoke runs it.
    pub smoke_runs: u64,
}

/// All targets.
pub const TARGETS: [Target; 16] = [
    Target { name: "note", run: note, smoke_runs: 20_000 },
    Target { name: "statement", run: statement, smoke_runs: 20_000 },
    Target { name: "entry", run: entry, smoke_runs: 20_000 },
    Target { name: "slot", run: slot, smoke_runs: 5_000 },
    Target { name: "policy", run: policy, smoke_runs: 5_000 },
    Target { name: "receipt", run: receipt, smoke_runs: 10_000 },
    Target { name: "procedure", run: procedure, smoke_runs: 3_000 },
    Target { name: "keyfile", run: keyfile, smoke_runs: 40 },
    Target { name: "refusal", run: refusal, smoke_runs: 10_000 },
    Target { name: "check", run: check, smoke_runs: 3_000 },
    Target { name: "admit", run: admit, smoke_runs: 150 },
    Target { name: "audit", run: audit, smoke_runs: 200 },
    Target { name: "programme", run: programme, smoke_runs: 6 },
    Target { name: "evidence", run: evidence, smoke_runs: 5_000 },
    Target { name: "fork", run: fork, smoke_runs: 3_000 },
    Target { name: "block", run: block, smoke_runs: 20_000 },
];

/// The passphrase of the encrypted seed.
const PASSPHRASE: &str = "correct horse battery";

/// The world from which seeds and keys come.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut world = World::staffed();
    for record in 0..6 {
        world.import(&format!("case-{}", record % 4), record);
    }
    world.cosign();
    world.import("case-0", 6);
    world
});

static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let open = Ledger::open(Disk::holding(&WORLD, ledger::layout::Layout::FORMAT), vec![key("checkpoint")], &mut |_| {});
    open.unwrap().0.ring().clone()
});

/// A note that can be read encodes to its bytes.
pub fn note(data: &[u8]) {
    if let Ok(note) = Note::parse(data) {
        assert_eq!(note.encode().as_bytes(), data);
    }
}

/// A statement that can be read encodes to its text.
pub fn statement(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(statement) = Statement::parse(text) {
        assert_eq!(statement.encode(), text);
    }
}

/// An entry that can be read is its two lines and its note.
pub fn entry(data: &[u8]) {
    if let Ok(entry) = Entry::parse(data) {
        assert_eq!([entry_head(entry.previous, entry.received).as_bytes(), entry.note].concat(), data);
    }
}

/// A slot that can be read encodes to its bytes.
pub fn slot(data: &[u8]) {
    let mut disk = Disk::default();
    disk.write_at(SLOTS[0], 0, data).unwrap();
    if let Slot::Note(note) = read_slot(&disk, SLOTS[0]).unwrap() {
        assert_eq!(data.len(), SLOT_BYTES);
        assert_eq!(encode_slot(&note), data);
    }
}

/// A policy answers whether it accepts a checkpoint.
pub fn policy(data: &[u8]) {
    if let Ok(policy) = Policy::parse(data) {
        let name = WORLD.id.as_str();
        let accepts = policy.accepts(&WORLD.cosigned_at(3));
        assert!(!accepts || policy.log_keys(name).next().is_some());
    }
}

/// A receipt that can be read encodes to its bytes, and verifies or does not.
pub fn receipt(data: &[u8]) {
    if let Some(receipt) = Receipt::parse(data) {
        assert_eq!(receipt.encode().as_bytes(), data);
        let note = Entry::parse(&WORLD.entries[3].bytes).unwrap().note;
        let verified = receipt.verify(note, WORLD.id.as_str(), &key("checkpoint").public());
        assert!(verified.is_err() || receipt.index == 3);
    }
}

/// Officials of a programme do right and wrong things, chosen by a seed: admission and the model say the same, and nothing panics.
pub fn programme(data: &[u8]) {
    let seed = data.iter().take(8).fold(0, |seed: u64, byte| (seed << 8) | u64::from(*byte));
    run(seed, 300, None).unwrap_or_else(|found| panic!("{}", found.story));
}

/// A map proof reads as it is written, and one that is made up proves nothing.
pub fn evidence(data: &[u8]) {
    if let Some(evidence) = MapEvidence::parse(data) {
        assert_eq!(evidence.encode().as_bytes(), data);
        let policy = Policy::parse(WORLD.policy(true).as_bytes()).unwrap();
        assert!(evidence.verify(&policy).is_err(), "a proof that nobody made");
    }
}

/// A procedure that can be read is in the limits of format.md section 7.
pub fn procedure(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(procedure) = Procedure::parse(text) {
        assert!(text.len() <= 50_000 && (1..=1_000_000).contains(&procedure.version));
        assert!((0..=720 * 3_600_000).contains(&(procedure.offline_hours as i64 * 3_600_000)));
    }
}

/// A key file opens or does not, and takes neither the memory nor the day.
pub fn keyfile(data: &[u8]) {
    let _ = keyfile::is_encrypted(data);
    let _ = keyfile::read(data, None);
    let _ = keyfile::read(data, Some(&Zeroizing::new(PASSPHRASE.to_owned())));
}

/// A refusal that can be read says the same when it is signed anew.
pub fn refusal(data: &[u8]) {
    let Ok(note) = Note::parse(data) else { return };
    if let Some(refusal) = RefusalNote::parse(&note.text) {
        let key = key("checkpoint");
        let signed = refusal.sign(&key);
        assert_eq!(signed.text, note.text);
        assert!(refusal.is_signed(&signed, &key.public()));
        let _ = refusal.is_signed(&note, &key.public());
    }
}

/// A fork proof that can be read encodes to its bytes, and nobody's history forks but the one that was made to.
pub fn fork(data: &[u8]) {
    if let Ok(proof) = ForkProof::parse(data) {
        assert_eq!(proof.encode().as_bytes(), data);
        let policy = Policy::parse(WORLD.policy(true).as_bytes()).unwrap();
        if let Ok(fork) = proof.verify(Some(&policy)) {
            assert!(fork.signers.iter().all(|side| !side.is_empty()));
            assert_eq!(proof.documents[0].claim.ledger, proof.documents[1].claim.ledger);
        }
    }
}

/// What is verified is kept byte for byte, and verifies again.
pub fn check(data: &[u8]) {
    if let Ok(verified) = ledger::check(data, &RING) {
        assert_eq!(verified.bytes, data);
        assert!(RING.agrees(&verified) && ledger::check(&verified.bytes, &RING).is_ok());
    }
    let _ = ledger::check(data, &KeyRing::new(None));
}
