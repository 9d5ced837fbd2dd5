//! Reading a record when it is opened: which checkpoint is the last durable one, what it covers, and what a crash left above it.

use std::collections::BTreeMap;
use std::io;

use signer::checkpoint::is_signed_by;
use signer::rule::{Refusal, Rule};
use signer::value::{ChainHead, LedgerId, UnixMs};
use signer::{Checkpoint, Note};

use crate::admit::admit;
use crate::check::{Verified, check, trust};
use crate::entry::SealedEntry;
use crate::error::LedgerError;
use crate::history::History;
use crate::replay::{Read, read_chunk};
use crate::segment::{EntryReader, SLOTS, Segments, Slot, read_slot};
use crate::state::State;
use crate::storage::Storage;

/// The latest sound slot.
pub(crate) struct LatestSlot {
    pub(crate) number: usize,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) note: Note,
}

/// A record that was read.
pub(crate) struct Replayed {
    pub(crate) state: State,
    pub(crate) history: History,
    /// Where the covered entries lie.
    pub(crate) segments: Segments,
    /// Entries above the checkpoint that would be admitted now.
    pub(crate) kept: Vec<SealedEntry>,
    /// Where entries lie, those included.
    pub(crate) segments_kept: Segments,
    /// Whether bytes that are no admissible entries follow.
    pub(crate) has_tail: bool,
    /// Rules that only warn, by the entry that broke them.
    pub(crate) warnings: BTreeMap<u64, Vec<Refusal>>,
}

impl Replayed {
    /// Replays what the last durable checkpoint covers, and above it, if asked to, whatever can be kept.
    ///
    /// A slot is sound if one of the ledger's keys signed it, and only the log says which keys those are. So the slot that claims
    /// most is tried first; one that turns out to be torn or forged is passed over, as the audit does.
    pub(crate) fn read(
        storage: &dyn Storage,
        id: &LedgerId,
        keeps: bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Replayed, LatestSlot), LedgerError> {
        let mut slots = read_slots(storage, id).map_err(reading("reading a checkpoint slot"))?;
        slots.sort_by_key(|slot| core::cmp::Reverse(slot.checkpoint.size));
        while !slots.is_empty() {
            let latest = slots.remove(0);
            let mut replayed = Replayed::new(storage, id);
            match replayed.run(storage, &latest, keeps, progress) {
                Err(LedgerError::Damaged { .. }) if !replayed.is_sound(&latest) => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    replayed.judge_other(&slots)?;
                    return Ok((replayed, latest));
                }
            }
        }
        Err(damaged(0, Rule::CheckpointMissing, "a slot with a signed checkpoint of this ledger", "none"))
    }

    fn new(storage: &dyn Storage, id: &LedgerId) -> Replayed {
        let segments = Segments::new(storage.layout());
        Replayed {
            state: State::new(Some(id.clone())),
            history: History::default(),
            segments_kept: segments.clone(),
            segments,
            kept: Vec::new(),
            has_tail: false,
            warnings: BTreeMap::new(),
        }
    }

    fn run(&mut self, storage: &dyn Storage, latest: &LatestSlot, keeps: bool, progress: &mut dyn FnMut(u64)) -> Result<(), LedgerError> {
        let size = latest.checkpoint.size;
        let mut reader = EntryReader::new(storage);
        while self.state.size() < size {
            let chunk = self.chunk(&mut reader, size - self.state.size())?;
            if chunk.is_empty() {
                return Err(damaged(self.state.size(), Rule::EntriesMissing, &format!("{size} entries"), &self.state.size().to_string()));
            }
            for read in chunk {
                self.take_covered(read)?;
            }
            progress(self.state.size());
        }
        self.judge_latest(latest)?;
        self.segments_kept = self.segments.clone();
        if keeps {
            self.keep(&mut reader, progress)?;
        }
        Ok(())
    }

    fn chunk(&self, reader: &mut EntryReader<'_>, most: u64) -> Result<Vec<Read>, LedgerError> {
        read_chunk(reader, self.state.ring().ledger(), most).map_err(reading("reading entries"))
    }

    fn keep(&mut self, reader: &mut EntryReader<'_>, progress: &mut dyn FnMut(u64)) -> Result<(), LedgerError> {
        loop {
            let chunk = self.chunk(reader, u64::MAX)?;
            if chunk.is_empty() {
                break;
            }
            for read in chunk {
                if !self.take_uncovered(read) {
                    self.has_tail = true;
                    return Ok(());
                }
            }
            progress(self.state.size());
        }
        self.has_tail = reader.has_tail().map_err(reading("reading after the last entry"))?;
        Ok(())
    }

    /// An entry under the last durable checkpoint: checked when it was admitted; the root will say that it is the same.
    fn take_covered(&mut self, read: Read) -> Result<(), LedgerError> {
        let index = self.state.size();
        let at = |refusal| LedgerError::Damaged { index, refusal };
        let (previous, received) = read.head.map_err(at)?;
        let expected = self.history.chain_at(index).unwrap_or(ChainHead::EMPTY);
        if previous != expected {
            return Err(at(Refusal::new(Rule::Chain, expected.to_string(), previous.to_string())));
        }
        let verified = read.parsed.and_then(|parsed| trust(parsed, self.state.ring())).map_err(at)?;
        self.take(&verified, &read.sealed, received).map_err(at)?;
        self.segments.note_existing(read.sealed.bytes.len());
        Ok(())
    }

    /// An entry after it: judged as if it were submitted now. False where the rest must be cut.
    fn take_uncovered(&mut self, read: Read) -> bool {
        let expected = self.history.chain_at(self.state.size());
        let Ok((previous, received)) = read.head else { return false };
        let is_taken = match check(read.note(), self.state.ring()) {
            Ok(verified) if Some(previous) == expected => self.take(&verified, &read.sealed, received).is_ok(),
            _ => false,
        };
        if is_taken {
            self.segments_kept.note_existing(read.sealed.bytes.len());
            self.kept.push(read.sealed);
        }
        is_taken
    }

    fn take(&mut self, verified: &Verified, sealed: &SealedEntry, received: UnixMs) -> Result<(), Refusal> {
        let context = verified.names_size().and_then(|size| self.history.context(size));
        let mut admission = admit(&self.state, verified, received, context.as_ref())?;
        if !admission.warnings.is_empty() {
            self.warnings.insert(self.state.size(), core::mem::take(&mut admission.warnings));
        }
        self.state.apply(verified, received, admission);
        self.history.push(sealed.leaf, sealed.chain, received);
        Ok(())
    }

    /// Whether one of the keys that the ledger named so far signed the slot.
    fn is_sound(&self, slot: &LatestSlot) -> bool {
        self.state.ring().checkpoint_keys().signed(&slot.note)
    }

    /// Whether the key in force at the slot's size signed it.
    fn is_signed(&self, slot: &LatestSlot) -> bool {
        let LatestSlot { checkpoint, note, .. } = slot;
        let expected = self.state.checkpoint_key_at(checkpoint.size);
        let key = expected.and_then(|expected| self.state.ring().checkpoint_keys().key(expected));
        key.is_some_and(|key| note.signatures.iter().any(|line| is_signed_by(&note.text, line, &checkpoint.origin, key)))
    }

    fn judge_latest(&self, latest: &LatestSlot) -> Result<(), LedgerError> {
        if !self.is_signed(latest) {
            return Err(damaged(latest.checkpoint.size, Rule::CheckpointKey, "a checkpoint signed with the key in force", "another"));
        }
        self.judge_root(&latest.checkpoint)
    }

    /// The older slot, where it is one of this ledger's.
    fn judge_other(&self, slots: &[LatestSlot]) -> Result<(), LedgerError> {
        slots.iter().filter(|slot| self.is_signed(slot)).try_for_each(|slot| self.judge_root(&slot.checkpoint))
    }

    fn judge_root(&self, checkpoint: &Checkpoint) -> Result<(), LedgerError> {
        match self.history.tree().root_at(checkpoint.size) {
            Some(root) if root == checkpoint.root => Ok(()),
            root => {
                let found = root.map_or("fewer entries".to_owned(), |root| root.to_string());
                Err(damaged(checkpoint.size, Rule::CheckpointRoot, &checkpoint.root.to_string(), &found))
            }
        }
    }
}

fn reading(step: &'static str) -> impl Fn(io::Error) -> LedgerError {
    move |source| LedgerError::Storage { step, source }
}

pub(crate) fn damaged(index: u64, rule: Rule, expected: &str, found: &str) -> LedgerError {
    LedgerError::Damaged { index, refusal: Refusal::new(rule, expected, found) }
}

/// Checkpoints of this ledger in the slots, signatures not verified yet.
pub(crate) fn read_slots(storage: &dyn Storage, id: &LedgerId) -> io::Result<Vec<LatestSlot>> {
    let mut found = Vec::new();
    for (number, name) in SLOTS.iter().enumerate() {
        if let Slot::Note(note) = read_slot(storage, name)?
            && let Some(checkpoint) = Checkpoint::parse(&note.text).filter(|checkpoint| id.as_str() == checkpoint.origin)
        {
            found.push(LatestSlot { number, checkpoint, note });
        }
    }
    Ok(found)
}
