//! Whether a block is the next of this log, and what of it is here already: asked of an open ledger and of one that is only read.

use signer::checkpoint::chain_head;
use signer::epoch_note::{EPOCH_KIND, EpochNote};
use signer::rule::{Refusal, Rule};
use signer::value::{LedgerId, NoteHash};
use signer::{Note, PublicKey};

use crate::block::Block;
use crate::check::check;
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::history::History;
use crate::ledger::Ledger;
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::storage::Storage;

/// How far somebody has read a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The stream.
    pub generation: u64,
    /// The last block, 0 before the first.
    pub number: u64,
    /// Its hash.
    pub hash: NoteHash,
    /// Size of the log after it, where the next one begins; nothing before the first, whose own size says where the stream begins.
    pub size: Option<u64>,
}

impl Tip {
    /// Before the first block of a stream.
    pub const fn start(generation: u64) -> Tip {
        Tip { generation, number: 0, hash: NoteHash([0; 32]), size: None }
    }

    /// After a block that follows this one.
    #[must_use]
    pub fn after(&self, block: &Block) -> Tip {
        Tip { generation: self.generation, number: block.header.number, hash: block.hash, size: Some(block.size_after()) }
    }
}

/// A record to compare with.
pub trait Record {
    /// The ledger's id.
    fn id(&self) -> &LedgerId;
    /// Tree, chain heads and times.
    fn history(&self) -> &History;
    /// What the entries have made true.
    fn state(&self) -> &State;
    /// The bytes of an entry.
    ///
    /// # Errors
    /// Those of the storage.
    fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, LedgerError>;
}

impl<S: Storage> Record for Ledger<S> {
    fn id(&self) -> &LedgerId {
        Ledger::id(self)
    }

    fn history(&self) -> &History {
        Ledger::history(self)
    }

    fn state(&self) -> &State {
        Ledger::state(self)
    }

    fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        Ledger::entry(self, index)
    }
}

impl<S: Storage> Record for Snapshot<S> {
    fn id(&self) -> &LedgerId {
        Snapshot::id(self)
    }

    fn history(&self) -> &History {
        Snapshot::history(self)
    }

    fn state(&self) -> &State {
        Snapshot::state(self)
    }

    fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        Snapshot::entry(self, index)
    }
}

/// Compares the block after `tip` with what is here, changing nothing: its place in stream and log, and its entries with those that
/// are here. How many are.
///
/// # Errors
/// [`LedgerError::Block`] where it is not the next block, or holds other bytes; storage failures.
pub fn known(record: &dyn Record, tip: &Tip, block: &Block) -> Result<usize, LedgerError> {
    let number = block.header.number;
    judge_place(record, tip, block).map_err(|refusal| LedgerError::Block { number, refusal })?;
    let mut here = 0;
    for (index, theirs) in (block.header.size..record.history().size()).zip(&block.carried.entries) {
        let own = record.entry(index)?.unwrap_or_default();
        if own != *theirs {
            let expected = format!("entry {index} of {} bytes, as it is in the segments", own.len());
            let refusal = Refusal::new(Rule::BlockUnlike, expected, format!("another, of {} bytes", theirs.len()));
            return Err(LedgerError::Block { number, refusal });
        }
        here += 1;
    }
    Ok(here)
}

/// Whether the node in force made the block: the one that its first entry names (whether the ledger signed that, whoever takes or judges
/// the entry asks), or the one that the log names before it. Of a block that lies before the epoch in force all is here and was judged when it came; the blocks after it are
/// chained to it.
///
/// # Errors
/// `block-order`, `block-signature`.
pub fn judge_epoch(record: &dyn Record, block: &Block) -> Result<(), Refusal> {
    let header = &block.header;
    let order = |expected: String, found: String| Err(Refusal::new(Rule::BlockOrder, expected, found));
    let mut notes = block.carried.entries.iter().map(|entry| epoch_note(entry, record.id()));
    let begun = notes.next().flatten();
    if notes.any(|note| note.is_some()) {
        return order("an epoch entry as the first of its block alone".to_owned(), "one after others".to_owned());
    }
    if header.number == 1 && begun.is_none() {
        return order("an epoch entry in the first block".to_owned(), format!("a block of epoch {}", header.epoch));
    }
    let (number, node, key) = match (begun, record.state().epoch()) {
        (Some(note), _) => (note.epoch, note.node, note.key),
        (None, Some(known)) if known.entry < header.size => (known.number, known.node.clone(), known.key),
        (None, Some(known)) if header.epoch < known.number => return Ok(()),
        (None, Some(known)) => return order(format!("an epoch before {}", known.number), format!("epoch {}", header.epoch)),
        (None, None) => return order("an epoch entry in the log or the block".to_owned(), format!("a block of epoch {}", header.epoch)),
    };
    if header.epoch != number {
        return order(format!("epoch {number}, of node {node}"), format!("epoch {}", header.epoch));
    }
    let signed = PublicKey::decode(&key).is_ok_and(|key| block.is_signed(node.as_str(), &key));
    if signed { Ok(()) } else { Err(Refusal::new(Rule::BlockSignature, format!("node {node}, key {key}"), block.node())) }
}

/// The epoch that an entry begins, if it is such an entry. Nothing is verified.
fn epoch_note(entry: &[u8], ledger: &LedgerId) -> Option<EpochNote> {
    let note = Entry::parse(entry).ok()?.note;
    // Most entries are statements: only what begins so is read.
    note.starts_with(EPOCH_KIND.as_bytes()).then_some(())?;
    let note = Note::parse(note).ok()?;
    EpochNote::parse(&note.text).filter(|epoch| epoch.ledger == *ledger)
}

/// Judges the entries of a block that are not here, without taking them: each is an entry and follows the one before, and an epoch is the
/// ledger's own, or anybody could name himself. Whether they are admitted shows when they are taken.
///
/// # Errors
/// The first refusal.
pub fn judge_ahead(record: &dyn Record, block: &Block, here: usize) -> Result<(), Refusal> {
    let mut expected = record.history().chain_at(block.header.size + here as u64);
    for bytes in block.carried.entries.iter().skip(here) {
        let Entry { previous: found, note, .. } = Entry::parse(bytes)?;
        if epoch_note(bytes, record.id()).is_some() {
            check(note, record.state().ring())?;
        }
        if expected.is_some_and(|expected| expected != found) {
            return Err(Refusal::new(Rule::Chain, expected.map_or_else(String::new, |head| head.to_string()), found.to_string()));
        }
        expected = Some(chain_head(bytes));
    }
    Ok(())
}

fn judge_place(record: &dyn Record, tip: &Tip, block: &Block) -> Result<(), Refusal> {
    let header = &block.header;
    let size = record.history().size();
    let order = |expected: String, found: String| Err(Refusal::new(Rule::BlockOrder, expected, found));
    if header.ledger != *record.id() {
        return order(format!("ledger {}", record.id()), format!("ledger {}", header.ledger));
    }
    if (header.generation, header.number) != (tip.generation, tip.number + 1) {
        let expected = format!("generation {}, number {}", tip.generation, tip.number + 1);
        return order(expected, format!("generation {}, number {}", header.generation, header.number));
    }
    if header.previous != tip.hash {
        return order(format!("a block after {}", tip.hash), format!("one after {}", header.previous));
    }
    if let Some(after) = tip.size.filter(|after| *after != header.size) {
        return order(format!("a block from entry {after} on, where the one before ends"), format!("from {}", header.size));
    }
    if header.size > size {
        return order(format!("a block from entry {size} on at most"), format!("from {}", header.size));
    }
    match record.history().tree().root_at(header.size) {
        Some(root) if root == header.root => Ok(()),
        root => {
            let expected = root.map_or_else(|| "no entries".to_owned(), |root| format!("root {root} at {}", header.size));
            Err(Refusal::new(Rule::BlockUnlike, expected, header.root.to_string()))
        }
    }
}
