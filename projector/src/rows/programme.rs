//! Rows of a programme: cases and what stands against them, lists, batches, steps that wait, what a procedure says of steps.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::counts::DaysRow;
use super::deeds::Votes;

/// Lines of a list in one row: so many of the longest fill no row.
pub const LIST_ROW_LINES_MAX: usize = 120;
/// Cases of a batch in one row.
pub const BATCH_ROW_CASES_MAX: usize = 300;
/// Batches that a payment is shown with: the latest.
pub const ATTEMPTS_MAX: usize = 64;
/// Entries that sign a waiting step and are shown with it. Any number may join, and all count.
pub const SIGNED_MAX: usize = 512;

/// A case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseRow {
    /// The latest statement that changed the case, and its entry. Nothing while there are only relations to it.
    pub head: Option<([u8; 32], u64)>,
    /// Entries that act on it.
    pub entries: u64,
    /// What it is in the programme; nothing for one that no step opened.
    pub file: Option<FileRow>,
}

/// A case of the programme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRow {
    /// Its unit.
    pub unit: String,
    /// The scheme.
    pub scheme: String,
    /// The tier.
    pub tier: String,
    /// The period.
    pub period: u16,
    /// The outcome that stopped it; nothing while it is open.
    pub stopped: Option<StoppedRow>,
    /// The list that lost it, until it is listed again.
    pub dropped: Option<(String, Blame)>,
    /// Flags that were ever raised: they are numbered from 0.
    pub flags: u64,
    /// The first of them that may be open.
    pub first_open: u64,
    /// What is paid in its period, once locked.
    pub payment: Option<PaymentRow>,
    /// Steps done in its period, in order.
    pub marks: Vec<Arc<MarkRow>>,
    /// How long it stood referred upward in its period, in milliseconds.
    pub referred_ms: i64,
}

impl FileRow {
    /// `open`, or what an outcome made of it.
    pub fn status(&self) -> &str {
        self.stopped.as_ref().map_or("open", |stopped| &stopped.to)
    }
}

/// A step that was done and not taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkRow {
    /// The step.
    pub step: String,
    /// The entry that completed it.
    pub entry: u64,
    /// Whether that came after the step's date; nothing for a step that has none.
    pub is_late: Option<bool>,
}

/// An outcome that stopped a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedRow {
    /// What it made of the case.
    pub to: String,
    /// The outcome's id.
    pub outcome: String,
    /// What the procedure calls it.
    pub name: String,
    /// The entry.
    pub entry: u64,
    /// When the ledger received it, in Unix milliseconds.
    pub received_ms: i64,
}

/// The statement responsible for something, and its entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blame {
    /// The statement.
    pub hash: [u8; 32],
    /// Its entry.
    pub entry: u64,
    /// Its act.
    pub act: String,
}

/// What is paid to a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRow {
    /// The locked list.
    pub list: String,
    /// The entry that locked it.
    pub locked: u64,
    /// Amount, in fen.
    pub fen: u64,
    /// Batches that it was put into, the latest last; at most [`ATTEMPTS_MAX`].
    pub attempts: Vec<AttemptRow>,
    /// Steps done on it and on the batch that it is in or was paid in.
    pub marks: Vec<Arc<MarkRow>>,
}

/// A payment in a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRow {
    /// The batch.
    pub batch: String,
    /// The entry that opened it.
    pub entry: u64,
    /// What became of it.
    pub result: Option<ResultRow>,
}

/// What the bank said of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultRow {
    /// The entry that settled.
    pub entry: u64,
    /// Why it failed; nothing where it was paid.
    pub failed: Option<String>,
}

/// An entry that acts on a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseEntryRow {
    /// Whether it became the head. A relation to a case does not.
    pub changes_case: bool,
    /// What part the case has in it.
    pub part: CasePart,
}

/// What part a case has in an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CasePart {
    /// The statement is about the case.
    Own,
    /// The case's line was kept; in a list of payments with this amount in fen.
    Kept {
        /// The amount.
        fen: Option<u64>,
    },
    /// The case's line was dropped.
    Dropped(Blame),
    /// The case's line was dropped by this entry before.
    DroppedBefore(u64),
    /// The list omits the case.
    Omitted(Blame),
    /// The list or case is that of a step that waits for signers.
    Waits,
    /// The case's payment is in the batch.
    InBatch,
    /// The case's payment is held back from the batch.
    HeldBack(Blame),
    /// The case's payment was made.
    Paid,
    /// The case's payment failed.
    Failed(String),
}

/// A flag on a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagRow {
    /// The statement.
    pub hash: [u8; 32],
    /// Its entry.
    pub entry: u64,
    /// The act that raised it.
    pub kind: String,
    /// How it stands.
    pub state: FlagState,
}

/// How a flag stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlagState {
    /// Open.
    Open,
    /// Found right by this entry; an outcome or correction closes it.
    Upheld(u64),
    /// Closed by this entry.
    Closed(u64),
}

/// Where a flag lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagAtRow {
    /// The case.
    pub case: String,
    /// The flag's number on it.
    pub number: u64,
}

/// A list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRow {
    /// Of what it is.
    pub kind: String,
    /// Its sheets.
    pub sheets: u64,
    /// Rows that hold its lines.
    pub rows: u64,
    /// How its seats voted, if it has any.
    pub votes: Votes,
    /// The last statement that did its cases.
    pub done_by: Option<[u8; 32]>,
}

/// Some lines of a list, all of one sheet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListLinesRow {
    /// The sheet's entry.
    pub entry: u64,
    /// The lines, at most [`LIST_ROW_LINES_MAX`]; none of seats, which are only counted.
    pub lines: Vec<LineRow>,
}

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineRow {
    /// A case at a head, with an amount in fen if it is paid.
    Case {
        /// The case.
        case: String,
        /// The head.
        head: [u8; 32],
        /// The amount.
        fen: Option<u64>,
    },
    /// A case that is omitted.
    Omit {
        /// The case.
        case: String,
        /// The statement responsible.
        hash: [u8; 32],
    },
    /// What the bank said.
    Result {
        /// The case.
        case: String,
        /// Why it failed.
        failed: Option<String>,
    },
}

/// A batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRow {
    /// The locked list.
    pub list: String,
    /// The entry that opened it.
    pub entry: u64,
    /// Entries that locked what it pays, the earliest and the latest.
    pub locked: (u64, u64),
    /// Rows that hold its cases.
    pub rows: u64,
    /// The entry that took it back.
    pub void: Option<u64>,
    /// Steps done on it, in order: each with when the ledger received it, in Unix milliseconds.
    pub marks: Vec<(String, i64)>,
}

/// Some cases of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchCasesRow {
    /// At most [`BATCH_ROW_CASES_MAX`].
    pub cases: Vec<String>,
}

/// A step that waits for signers, or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRow {
    /// Its entry.
    pub entry: u64,
    /// Its statement: a join does what it says.
    pub text: String,
    /// Entries that signed it, its own first; at most [`SIGNED_MAX`].
    pub signed: Vec<u64>,
    /// How many persons signed it.
    pub persons: u64,
    /// In which offices.
    pub offices: BTreeSet<String>,
}

/// What a procedure says of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRow {
    /// Offices that sign.
    pub offices: Vec<String>,
    /// Fewest signers; nothing where every office has one.
    pub min: Option<u64>,
    /// Whether it freezes what is paid.
    pub locks: bool,
    /// Whether it opens a batch.
    pub opens_batch: bool,
    /// Its place among the procedure's steps, from 0.
    pub number: u64,
    /// Month and day of the period by which it is done.
    pub due: Option<(u8, u8)>,
    /// How long after which other step it is done.
    pub within: Option<(DaysRow, String)>,
    /// How long its list hangs.
    pub posting: Option<DaysRow>,
}

impl StepRow {
    /// Whether so many persons in these offices are enough.
    pub fn has_signers(&self, persons: u64, offices: &BTreeSet<String>) -> bool {
        match self.min {
            Some(min) => persons >= min,
            None => self.offices.iter().all(|office| offices.contains(office)),
        }
    }
}

/// What a procedure says of an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeRow {
    /// What it is called.
    pub name: String,
    /// What it makes of a case.
    pub to: String,
}
