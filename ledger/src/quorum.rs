//! The step between judging and the local commit: alone it does nothing, in a cluster others hold the entries first
//! (docs/decisions/0019).

use signer::Note;
use signer::value::LedgerId;

use crate::entry::SealedEntry;
use crate::error::LedgerError;
use crate::history::History;

/// The log as it is before what is to be made durable elsewhere.
#[derive(Clone, Copy)]
pub struct Before<'a> {
    /// The ledger.
    pub ledger: &'a LedgerId,
    /// Its tree, what is to be made durable included.
    pub history: &'a History,
    /// Entries before that.
    pub size: u64,
    /// The latest signed checkpoint.
    pub checkpoint: &'a Note,
}

/// Makes things durable elsewhere before they are durable here. Nothing is signed for before it has answered.
pub trait Quorum {
    /// Entries, in order, that follow `before`.
    ///
    /// # Errors
    /// [`LedgerError::Deposed`] where somebody else writes the log; [`LedgerError::Storage`].
    fn hold_entries(&mut self, before: &Before<'_>, entries: &[SealedEntry]) -> Result<(), LedgerError>;

    /// Signed refusals.
    ///
    /// # Errors
    /// The same.
    fn hold_refusals(&mut self, before: &Before<'_>, refusals: &[Note]) -> Result<(), LedgerError>;

    /// Whether an epoch entry may be appended: only by whoever begins it, never by somebody who submits one.
    fn begins_epoch(&self) -> bool {
        false
    }
}

/// A ledger on one machine: its own disk is enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Quorum for Alone {
    fn hold_entries(&mut self, _: &Before<'_>, _: &[SealedEntry]) -> Result<(), LedgerError> {
        Ok(())
    }

    fn hold_refusals(&mut self, _: &Before<'_>, _: &[Note]) -> Result<(), LedgerError> {
        Ok(())
    }
}
