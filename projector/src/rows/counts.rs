//! Rows that count: who did what how often, how far cases are, what was paid, what was in time, what waits for an answer.

use serde::{Deserialize, Serialize};

use super::Moment;
use super::programme::FlagState;

/// How often something was done, and between which entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyRow {
    /// Statements.
    pub acts: u64,
    /// Cases that they did: lines kept, payments of a batch; one for whatever is about one case.
    pub cases: u64,
    /// The first of them, an entry.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// A number of payments and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Number of cases.
    pub cases: u64,
    /// Amount, in fen.
    pub fen: u64,
}

/// The payments of a scheme in a period, each in `locked` and in at most one of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoneyRow {
    /// Locked for payment.
    pub locked: Sum,
    /// In a batch that is not settled.
    pub in_batch: Sum,
    /// Paid, as the bank says.
    pub paid: Sum,
    /// Failed, and in no later batch.
    pub failed: Sum,
}

/// What was done by its date, and what after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadlineRow {
    /// In time: cases of a step, or answers.
    pub in_time: u64,
    /// Late.
    pub late: u64,
}

/// A list posted for a step, the last time that it went up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostingRow {
    /// The entry by which it went up.
    pub up: u64,
    /// When, by the device's clock.
    pub up_at: Moment,
    /// How often it went up.
    pub times: u64,
    /// Lines kept, the last time that they were judged.
    pub kept: u64,
    /// Lines dropped, then or before.
    pub dropped: u64,
    /// For how many days it must hang.
    pub days_asked: u64,
    /// How it came down; nothing while it hangs.
    pub down: Option<DownRow>,
}

/// A list that came down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownRow {
    /// The entry.
    pub entry: u64,
    /// When, by the device's clock.
    pub at: Moment,
    /// For how many days it hung, by the posting's calendar.
    pub days: u64,
}

/// Something that was raised and waits, or waited, for an answer: a flag, or a report about a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaisedRow {
    /// The act that raised it.
    pub kind: String,
    /// The case; nothing for a report about a unit.
    pub case: Option<String>,
    /// The unit that a report is about.
    pub unit: Option<String>,
    /// When the ledger received it, in Unix milliseconds.
    pub received_ms: i64,
    /// The procedure that it names: who may answer and how long that may take stands in its [`ProcedureRow`].
    pub procedure: [u8; 32],
    /// How it stands.
    pub state: FlagState,
}

/// Flags and reports of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaisedCountRow {
    /// They wait for an answer, a release of a hold.
    pub open: u64,
    /// Found right: they wait for an outcome or a correction.
    pub upheld: u64,
    /// Closed.
    pub closed: u64,
}

impl RaisedCountRow {
    /// The count of a state.
    pub(crate) fn of(&mut self, state: FlagState) -> &mut u64 {
        match state {
            FlagState::Open => &mut self.open,
            FlagState::Upheld(_) => &mut self.upheld,
            FlagState::Closed(_) => &mut self.closed,
        }
    }
}

/// A number of days by a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaysRow {
    /// How many.
    pub days: u64,
    /// Whether only working days count.
    pub are_working: bool,
}

/// What a procedure says that is no step's or outcome's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureRow {
    /// Offset from UTC in which its days begin, in minutes.
    pub offset_minutes: i16,
    /// ISO weekdays on which work is done.
    pub working: Vec<u8>,
    /// Dates that are no working days, in days since 1970-01-01.
    pub holidays: Vec<i64>,
    /// Dates that are.
    pub workdays: Vec<i64>,
    /// How long an answer may take.
    pub answer: Option<DaysRow>,
    /// The step that opens cases.
    pub opens: Option<String>,
    /// The step that locks.
    pub locks: Option<String>,
    /// Offices that may answer.
    pub answers: Vec<String>,
    /// Offices that may release a hold.
    pub releases: Vec<String>,
}
