//! Why a ledger could not do what was asked.

use std::io;

use signer::rule::Refusal;

use crate::marker::FORMAT_VERSION;

/// Why a ledger could not do what was asked. Refused statements are no errors: they are answers.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The storage failed; whether what was being written is there will be seen when the ledger is opened again.
    #[error("storage failed while {step}: {source}")]
    Storage {
        /// What was being done.
        step: &'static str,
        /// What the storage said.
        source: io::Error,
    },
    /// An earlier storage failure: nothing more is written until the ledger is opened again.
    #[error("the ledger stopped after a storage failure; open it again")]
    Poisoned,
    /// The folder holds no ledger.
    #[error("no ledger here: the file `ledger` is missing or not a ledger's")]
    NotALedger,
    /// The folder holds a ledger of another version of the format.
    #[error("marker: expected `zeren ledger v{FORMAT_VERSION}`, found `zeren ledger v{found}`: a ledger of another version of the format")]
    OtherFormat {
        /// The version.
        found: u64,
    },
    /// The folder holds something already.
    #[error("there is a ledger, or part of one, already")]
    Exists,
    /// The record is damaged.
    #[error("the record is damaged at {index}: {refusal}")]
    Damaged {
        /// Entry, or size of a checkpoint.
        index: u64,
        /// What is wrong.
        refusal: Refusal,
    },
    /// The record is sound, and another history than a checkpoint that was signed.
    #[error("another history than was signed for: {0}")]
    OtherHistory(Refusal),
    /// The key given is not the one in force.
    #[error("the checkpoint key given is not the one in force: expected {expected}, found {found}")]
    OtherCheckpointKey {
        /// The key in force.
        expected: String,
        /// The keys given.
        found: String,
    },
    /// A ledger that runs on a cluster was opened for writing by one machine alone.
    #[error("this ledger runs on a cluster: what is written here alone would be a second history")]
    OnACluster,
    /// Somebody else writes the log now.
    #[error("this node sequences no more: {0}")]
    Deposed(String),
    /// What shall hold entries for this ledger cannot keep the promise, or may not be asked.
    #[error("the cluster: {0}")]
    Unfit(String),
    /// A block of a cluster's stream is not what it must be.
    #[error("block {number} of the stream: {refusal}")]
    Block {
        /// The block.
        number: u64,
        /// What is wrong.
        refusal: Refusal,
    },
    /// The founding was refused.
    #[error("the founding is refused: {0}")]
    Founding(Refusal),
}

/// A storage failure while doing something.
pub(crate) fn storage_error(step: &'static str) -> impl Fn(io::Error) -> LedgerError {
    move |source| LedgerError::Storage { step, source }
}
