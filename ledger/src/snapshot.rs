//! A ledger read without opening it for writing: for drafting, tracing, and witnesses.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use signer::Note;
use signer::checkpoint::Receipt;
use signer::rule::Refusal;
use signer::value::LedgerId;

use crate::error::LedgerError;
use crate::evidence::{self, MapEvidence, Subject};
use crate::history::History;
use crate::marker::read_marker;
use crate::recovery::Replayed;
use crate::replay::{Admitted, AdmittedEntry};
use crate::segment::Segments;
use crate::state::State;
use crate::storage::Storage;

/// What the last durable checkpoint covers. The signatures are those that the ledger checked when it admitted the entries;
/// only an audit checks them again.
pub struct Snapshot<S: Storage> {
    storage: S,
    state: State,
    history: History,
    segments: Segments,
    checkpoint: Arc<Note>,
    size: u64,
    id: LedgerId,
    warnings: BTreeMap<u64, Vec<Refusal>>,
}

impl<S: Storage> Snapshot<S> {
    /// Reads the ledger.
    ///
    /// # Errors
    /// [`LedgerError::NotALedger`], [`LedgerError::Damaged`], storage failures.
    pub fn open(storage: S, progress: &mut dyn FnMut(u64)) -> Result<Snapshot<S>, LedgerError> {
        let id = read_marker(&storage)?.ok_or(LedgerError::NotALedger)?;
        let (replayed, slot) = Replayed::read(&storage, &id, false, progress)?;
        let Replayed { state, history, segments, warnings, .. } = replayed;
        Ok(Snapshot { storage, state, history, segments, size: slot.checkpoint.size, checkpoint: Arc::new(slot.note), id, warnings })
    }

    /// The ledger's id.
    pub fn id(&self) -> &LedgerId {
        &self.id
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What the entries have made true.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Tree, chain heads and times.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The signed checkpoint.
    pub fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }

    /// The storage.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// The bytes of an entry.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        self.segments.read(&self.storage, index).map_err(|source| LedgerError::Storage { step: "reading an entry", source })
    }

    /// Shows every entry from one on, in order, until there are no more or `visit` breaks: what views are made of.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] where the storage no longer holds what was read; storage failures.
    pub fn admitted(&self, from: u64, visit: &mut dyn FnMut(&AdmittedEntry<'_>) -> ControlFlow<()>) -> Result<(), LedgerError> {
        let Self { storage, segments, history, size, warnings, .. } = self;
        Admitted { storage, segments, history, size: *size, warnings, ring: self.state.ring() }.visit(from, visit)
    }

    /// Proof that an entry is in the log of the checkpoint.
    pub fn receipt(&self, index: u64) -> Option<Receipt> {
        self.history.receipt(index, self.size, &self.checkpoint)
    }

    /// What the latest index entry says of a case or key, with proof; nothing where there is none.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn prove(&self, subject: Subject) -> Result<Option<MapEvidence>, LedgerError> {
        let entry = |index| self.entry(index);
        evidence::latest(&self.state, &self.history, (self.size, &self.checkpoint), &entry, subject)
    }
}
