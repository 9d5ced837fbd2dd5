//! Whether a block is the next of this log, and what of it is here already: asked of an open ledger and of one that is only read.

use signer::rule::{Refusal, Rule};
use signer::value::{LedgerId, NoteHash};

use crate::block::Block;
use crate::error::LedgerError;
use crate::history::History;
use crate::ledger::Ledger;
use crate::snapshot::Snapshot;
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
