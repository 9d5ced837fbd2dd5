//! A record read for copying: every entry links to the one before, and the root is the one that was signed for. Nothing is
//! admitted here: that is what an audit of the copy is for.

use std::io;

use signer::rule::{Refusal, Rule};
use signer::value::{ChainHead, LedgerId, TreeRoot, UnixMs};
use signer::{Note, Statement};

use crate::audit::may_constitute;
use crate::check::KeyRing;
use crate::checkpoint_keys::CheckpointKeys;
use crate::entry::{Entry, SealedEntry};
use crate::error::{LedgerError, storage_error};
use crate::history::History;
use crate::ledger::founded_id;
use crate::parallel::map_all;
use crate::recovery::{LatestSlot, damaged, read_slots};
use crate::segment::{EntryReader, Segments};
use crate::storage::Storage;

/// Bytes of entries that are read, hashed and written together.
const PORTION_BYTES: usize = 8 << 20;

/// Entries that link to each other, where they lie, and the checkpoint keys that they name.
pub(super) struct Record {
    id: LedgerId,
    history: History,
    pub(super) segments: Segments,
    ring: KeyRing,
}

impl Record {
    /// No entries yet.
    pub(super) fn new(storage: &dyn Storage, id: &LedgerId) -> Record {
        let segments = Segments::new(storage.layout());
        Record { id: id.clone(), history: History::default(), segments, ring: KeyRing::new(Some(id.clone())) }
    }

    /// Reads what the latest sound slot covers; inside, why no slot is sound: damage that keeps the keys from being known, or none.
    pub(super) fn read(
        storage: &dyn Storage,
        id: &LedgerId,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Result<(Record, LatestSlot), LedgerError>, LedgerError> {
        let mut unsound = damaged(0, Rule::CheckpointMissing, "a slot with a signed checkpoint of this ledger", "none");
        for slot in slots(storage, id)? {
            let mut record = Record::new(storage, id);
            let read = record.read_to(storage, slot.checkpoint.size, progress);
            // Only the entries say which keys are the ledger's: a torn or forged slot is passed over.
            if record.is_signed(&slot.note) {
                read?;
                record.judge_root(&slot)?;
                return Ok(Ok((record, slot)));
            }
            match read {
                // A forged slot may claim any size.
                Err(LedgerError::Damaged { ref refusal, .. }) if refusal.rule == Rule::EntriesMissing => {}
                Err(error @ LedgerError::Damaged { .. }) => unsound = error,
                Err(error) => return Err(error),
                Ok(()) => {}
            }
        }
        Ok(Err(unsound))
    }

    /// Reads the first entries, as many.
    pub(super) fn read_to(&mut self, storage: &dyn Storage, size: u64, progress: &mut dyn FnMut(u64, u64)) -> Result<(), LedgerError> {
        let mut reader = EntryReader::new(storage);
        while self.size() < size {
            for sealed in self.next_of(&mut reader, size)? {
                self.segments.note_existing(sealed.bytes.len());
            }
            progress(self.size(), size);
        }
        Ok(())
    }

    /// Takes the next entries of a reader, at least one and not beyond this size.
    pub(super) fn next_of(&mut self, reader: &mut EntryReader<'_>, size: u64) -> Result<Vec<SealedEntry>, LedgerError> {
        let portion = portion(reader, size - self.size()).map_err(storage_error("reading entries"))?;
        if portion.is_empty() {
            return Err(damaged(self.size(), Rule::EntriesMissing, &format!("{size} entries"), &self.size().to_string()));
        }
        for sealed in &portion {
            let index = self.size();
            self.take(sealed).map_err(|refusal| LedgerError::Damaged { index, refusal })?;
        }
        Ok(portion)
    }

    fn take(&mut self, sealed: &SealedEntry) -> Result<(), Refusal> {
        let entry = Entry::parse(&sealed.bytes)?;
        let expected = self.history.chain_at(self.size()).unwrap_or(ChainHead::EMPTY);
        if entry.previous != expected {
            return Err(Refusal::new(Rule::Chain, expected.to_string(), entry.previous.to_string()));
        }
        if self.size() == 0 {
            let founded = founded_id(entry.note);
            if founded.as_ref() != Some(&self.id) {
                let found = founded.map_or("no founding".to_owned(), |id| id.to_string());
                return Err(Refusal::new(Rule::Marker, self.id.to_string(), found));
            }
        }
        if may_constitute(entry.note)
            && let Ok(note) = Note::parse(entry.note)
            && let Ok(statement) = Statement::parse(&note.text)
        {
            self.ring.learn(&statement);
        }
        self.history.push(sealed.leaf, sealed.chain, entry.received);
        Ok(())
    }

    /// Number of entries.
    pub(super) fn size(&self) -> u64 {
        self.history.size()
    }

    /// Root at a size that it has.
    pub(super) fn root_at(&self, size: u64) -> Option<TreeRoot> {
        self.history.tree().root_at(size)
    }

    /// When the last entry was received.
    pub(super) fn received_last(&self) -> UnixMs {
        self.size().checked_sub(1).and_then(|last| self.history.received(last)).unwrap_or(UnixMs(0))
    }

    /// The checkpoint keys that its entries name.
    pub(super) fn keys(&self) -> &CheckpointKeys {
        self.ring.checkpoint_keys()
    }

    /// Whether one of those signed a checkpoint.
    pub(super) fn is_signed(&self, note: &Note) -> bool {
        self.keys().signed(note)
    }

    /// The entries are those that were signed for.
    pub(super) fn judge_root(&self, slot: &LatestSlot) -> Result<(), LedgerError> {
        let checkpoint = &slot.checkpoint;
        match self.root_at(checkpoint.size) {
            Some(root) if root == checkpoint.root => Ok(()),
            root => {
                let found = root.map_or("fewer entries".to_owned(), |root| root.to_string());
                Err(damaged(checkpoint.size, Rule::CheckpointRoot, &checkpoint.root.to_string(), &found))
            }
        }
    }

    /// Reads entries again from one on: the storage holds what was taken.
    pub(super) fn judge_stored(&self, storage: &dyn Storage, from: u64) -> Result<(), LedgerError> {
        let reading = storage_error("reading what was copied");
        let mut reader = self.segments.reader(storage, from).map_err(&reading)?;
        let mut index = from;
        while index < self.size() {
            let portion = portion(&mut reader, self.size() - index).map_err(&reading)?;
            if portion.is_empty() {
                return Err(damaged(index, Rule::EntriesMissing, &format!("{} entries", self.size()), &index.to_string()));
            }
            for sealed in portion {
                let leaf = self.history.tree().levels()[0][index as usize];
                if leaf != sealed.leaf || self.history.chain_at(index + 1) != Some(sealed.chain) {
                    return Err(damaged(index, Rule::CheckpointRoot, "the entry that was written", "other bytes"));
                }
                index += 1;
            }
        }
        Ok(())
    }
}

/// Checkpoints in the slots, the largest first. Read twice: a slot that is written at this moment may be torn, and then the
/// other one changes next.
pub(super) fn slots(storage: &dyn Storage, id: &LedgerId) -> Result<Vec<LatestSlot>, LedgerError> {
    let reading = storage_error("reading a checkpoint slot");
    let mut slots = read_slots(storage, id).map_err(&reading)?;
    slots.extend(read_slots(storage, id).map_err(&reading)?);
    slots.sort_by_key(|slot| core::cmp::Reverse(slot.checkpoint.size));
    slots.dedup_by(|one, other| one.note == other.note);
    Ok(slots)
}

fn portion(reader: &mut EntryReader<'_>, most: u64) -> io::Result<Vec<SealedEntry>> {
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while (entries.len() as u64) < most && bytes < PORTION_BYTES {
        let Some(entry) = reader.next_entry()? else { break };
        bytes += entry.len();
        entries.push(entry);
    }
    Ok(map_all(entries, SealedEntry::of))
}
