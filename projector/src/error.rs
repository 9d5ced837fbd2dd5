//! What can go wrong with views. Nothing here says anything about the record.

use std::io;

use ledger::LedgerError;

/// Why a view could not be made, read or kept.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// The views' own storage failed.
    #[error("the store of the views failed while {step}: {source}")]
    Storage {
        /// What was being done.
        step: &'static str,
        /// What the storage said.
        source: io::Error,
    },
    /// Another process keeps these views.
    #[error("another process has these views open")]
    InUse,
    /// A row that was read is not one that this program wrote.
    #[error("the row `{key}` cannot be read: {what}")]
    Row {
        /// The row's key, printable.
        key: String,
        /// What is wrong.
        what: String,
    },
    /// A row is longer than it may be.
    #[error("the row `{key}` has {bytes} bytes, more than {bytes_max}")]
    RowTooLong {
        /// The row's key, printable.
        key: String,
        /// Its length.
        bytes: usize,
        /// What it may have.
        bytes_max: usize,
    },
    /// The rows were written by another version of this program.
    #[error("the views have schema {found}, this program has {expected}")]
    Schema {
        /// Ours.
        expected: u32,
        /// Theirs.
        found: u32,
    },
    /// The rows are not all those that were written, or not only those.
    #[error("the rows do not bear their seal: {expected} were written, {found} are there")]
    Seal {
        /// Rows that were written.
        expected: u64,
        /// Rows that are there, changed ones among them.
        found: u64,
    },
    /// The views are those of another ledger.
    #[error("the views are those of the ledger {found}, not of {expected}")]
    OtherLedger {
        /// The ledger.
        expected: String,
        /// Whose views they are.
        found: String,
    },
    /// The views were made of entries that are not this log's.
    #[error("the views count {size} entries with root {found}; the log has {expected} there")]
    OtherHistory {
        /// Entries that the views count.
        size: u64,
        /// The log's root at that size.
        expected: String,
        /// The root that the views count.
        found: String,
    },
    /// The store lost what it had said was durable.
    #[error("the views had {expected} entries made durable and have {found}")]
    Lost {
        /// Entries that it counted when it was last made durable.
        expected: u64,
        /// Entries that it counts.
        found: u64,
    },
    /// The pointer to the views, or what it points to, is not there.
    #[error("the views are incomplete: {what}")]
    Incomplete {
        /// What is missing or malformed.
        what: String,
    },
    /// More rows than one answer may have.
    #[error("more than {rows_max} rows in one answer")]
    AnswerTooLong {
        /// What an answer may have.
        rows_max: usize,
    },
    /// An entry that is not the next one: one would be left out, or counted twice.
    #[error("entry {found} was given where entry {expected} is next")]
    NotNext {
        /// The entry that is next.
        expected: u64,
        /// The entry that was given.
        found: u64,
    },
    /// The log did not show an entry that it says it has.
    #[error("the log did not show entry {entry}")]
    NotShown {
        /// The entry.
        entry: u64,
    },
    /// An entry rests on something that the rows do not have, though it was admitted.
    #[error("entry {entry} needs {what}, which the views do not have")]
    Missing {
        /// The entry.
        entry: u64,
        /// What it needs.
        what: String,
    },
    /// The record could not be read.
    #[error(transparent)]
    Log(#[from] LedgerError),
    /// The views stopped before the end of the log; what they say is right up to there.
    #[error("the views stopped at entry {at} of {of}, {} behind: {source}", of.saturating_sub(*at))]
    Behind {
        /// Entries that the views count.
        at: u64,
        /// Entries of the log.
        of: u64,
        /// Why.
        source: Box<ProjectorError>,
    },
}

impl ProjectorError {
    pub(crate) fn storage(step: &'static str) -> impl Fn(io::Error) -> ProjectorError {
        move |source| ProjectorError::Storage { step, source }
    }
}
