//! The step between judging and the checkpoint: alone it does nothing, in a cluster others hold the entries first
//! (docs/decisions/0019).

use core::time::Duration;

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

/// Makes things durable elsewhere before they are signed for here.
pub trait Quorum {
    /// Sends entries, in order, that follow `before`, and does not wait.
    ///
    /// # Errors
    /// [`LedgerError::Deposed`] where somebody else writes the log; [`LedgerError::Storage`].
    fn send_entries(&mut self, before: &Before<'_>, entries: &[SealedEntry]) -> Result<(), LedgerError>;

    /// Sends signed refusals, and does not wait.
    ///
    /// # Errors
    /// The same.
    fn send_refusals(&mut self, before: &Before<'_>, refusals: &[Note]) -> Result<(), LedgerError>;

    /// Waits until all that was sent is held.
    ///
    /// # Errors
    /// The same.
    fn wait(&mut self) -> Result<(), LedgerError>;

    /// Nothing more will be sent: whoever was told to stop has stopped.
    fn leave(&mut self, _after: &Before<'_>) {}

    /// How long nothing more may arrive before a batch is begun: where that costs a journey, a fuller one is worth a short wait.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether an epoch entry may be appended: only by whoever begins it, never by somebody who submits one.
    fn begins_epoch(&self) -> bool {
        false
    }
}

/// A ledger on one machine: its own disk is enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Quorum for Alone {
    fn send_entries(&mut self, _: &Before<'_>, _: &[SealedEntry]) -> Result<(), LedgerError> {
        Ok(())
    }

    fn send_refusals(&mut self, _: &Before<'_>, _: &[Note]) -> Result<(), LedgerError> {
        Ok(())
    }

    fn wait(&mut self) -> Result<(), LedgerError> {
        Ok(())
    }
}
