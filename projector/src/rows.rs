//! Rows: what views are made of, and the trait of whatever keeps them. Two keepers: [`MemoryRows`] and
//! [`crate::store::Store`].

mod counts;
mod deeds;
mod programme;

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use signer::Refusal;
use signer::value::{LedgerId, Time, TreeRoot};

use crate::ProjectorError;
use crate::keys::{Key, Prefix};

pub use self::counts::{DaysRow, DeadlineRow, DownRow, MoneyRow, PostingRow, ProcedureRow, RaisedCountRow, RaisedRow, Sum, TallyRow};
pub use self::deeds::{BatchDeed, Deed, LegacyRecord, ListDeed, Related, SeatsDeed, StepDeed, Subject, Votes, Wait};
pub use self::programme::{
    ATTEMPTS_MAX, AttemptRow, BATCH_ROW_CASES_MAX, BatchCasesRow, BatchRow, Blame, CaseEntryRow, CasePart, CaseRow, FileRow, FlagAtRow,
    FlagRow, FlagState, LIST_ROW_LINES_MAX, LineRow, ListLinesRow, ListRow, MarkRow, OutcomeRow, PaymentRow, ResultRow, SIGNED_MAX,
    StepRow, StoppedRow, WaitingRow,
};

/// Version of the keys, the rows and the fold. Whatever changes one of them raises it, and every store is built anew.
pub const SCHEMA: u32 = 5;
/// Longest row, in bytes: 64 signers of an entry take less than 9,000.
pub const ROW_BYTES_MAX: usize = 16_384;
/// Rows that one reading yields at most.
pub const PAGE_ROWS_MAX: usize = 10_000;
/// Rows that one answer holds at most.
pub const ANSWER_ROWS_MAX: usize = 200_000;

/// Rows by their keys, in no order.
pub type RowMap = HashMap<Key, Box<Row>, foldhash::fast::RandomState>;

/// Up to where the views count, and of which log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The ledger.
    pub ledger: LedgerId,
    /// Entries that are counted: the index of the next one.
    pub size: u64,
    /// Root of the log at that size.
    pub root: TreeRoot,
}

/// A time as a statement says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Seconds of Unix time.
    pub unix_seconds: i64,
    /// Offset from UTC in minutes.
    pub offset_minutes: i16,
}

impl From<Time> for Moment {
    fn from(time: Time) -> Moment {
        Moment { unix_seconds: time.unix_seconds, offset_minutes: time.offset_minutes }
    }
}

impl From<Moment> for Time {
    fn from(moment: Moment) -> Time {
        Time { unix_seconds: moment.unix_seconds, offset_minutes: moment.offset_minutes }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Time::from(*self).fmt(f)
    }
}

/// Counts of the whole ledger, and what its founding says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// The entry that founded the ledger.
    pub founding: u64,
    /// `production` or `demonstration`.
    pub purpose: String,
    /// The founding or amendment in force.
    pub in_force: u64,
    /// Entries with a statement.
    pub statements: u64,
    /// Entries with a cosigned checkpoint.
    pub cosigned: u64,
    /// Cases that a statement changed.
    pub cases: u64,
    /// Legacy records.
    pub records: u64,
    /// Persons.
    pub persons: u64,
    /// Incidents.
    pub incidents: u64,
    /// The entry of the last incident.
    pub incident_last: Option<u64>,
}

/// Founding or amendment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstitutionRow {
    /// The statement.
    pub hash: [u8; 32],
    /// Founders who act together.
    pub threshold: u64,
    /// Founders and their powers.
    pub founders: Vec<(String, String)>,
    /// Names of the witnesses.
    pub witnesses: Vec<String>,
}

/// An enactment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnactmentRow {
    /// The procedure's id.
    pub id: String,
    /// Its version.
    pub version: u64,
    /// SHA-256 of its text.
    pub digest: [u8; 32],
    /// From when it is in force, in Unix milliseconds.
    pub starts_ms: i64,
}

/// A cosigned entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CosignedRow {
    /// Size of the log that is vouched for.
    pub size: u64,
    /// Its root.
    pub root: [u8; 32],
    /// Witnesses, with their times in Unix seconds.
    pub witnesses: Vec<(String, u64)>,
}

/// One signature under a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignerRow {
    /// Who.
    pub person: String,
    /// In which office.
    pub office: String,
    /// In which unit.
    pub unit: String,
    /// The entry whose statement gave the office.
    pub appointment: u64,
    /// The entry that made the key known with which it was signed.
    pub key: u64,
}

/// What an entry holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRow {
    /// When the ledger received it, in Unix milliseconds.
    pub received_ms: i64,
    /// The statement's hash; nothing for an entry that is no statement.
    pub hash: Option<[u8; 32]>,
    /// The clock of the signers' device.
    pub at: Option<Moment>,
    /// Who signed.
    pub signers: Vec<SignerRow>,
    /// What was done.
    pub deed: Deed,
    /// Rules that only warn and that it broke.
    pub warnings: u64,
}

/// A rule that only warns and that an entry broke, as admission judged it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarningRow {
    /// The rule's name.
    pub rule: String,
    /// Line of the statement, from 1, where one is to blame.
    pub line: Option<u64>,
    /// What would satisfy the rule.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl From<&Refusal> for WarningRow {
    fn from(warning: &Refusal) -> WarningRow {
        let Refusal { rule, line, expected, found } = warning;
        let line = line.map(|line| line as u64);
        WarningRow { rule: rule.to_string(), line, expected: expected.clone(), found: found.clone() }
    }
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRow {
    /// The name.
    pub name: String,
    /// The entry that enrolled the person.
    pub enrolled: u64,
    /// Acts that the person signed.
    pub acts: u64,
}

/// An act that a person signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonActRow {
    /// The act's name.
    pub act: String,
    /// Which of its kind: [`Deed::detail`].
    pub detail: Option<String>,
    /// When the ledger received it, in Unix milliseconds.
    pub received_ms: i64,
    /// In which office.
    pub office: String,
    /// In which unit.
    pub unit: String,
    /// The entry whose statement gave the office.
    pub appointment: u64,
    /// The entry that made the key known with which it was signed.
    pub key: u64,
}

/// A key that a person has or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// The public key.
    pub key: [u8; 32],
    /// The act that made it known: `found`, `enrol`, `rotate` or `rekey`.
    pub by: String,
    /// The entry of the rotation that replaced it.
    pub replaced: Option<u64>,
    /// Its revocation.
    pub revoked: Option<Revocation>,
}

/// The revocation of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The entry.
    pub entry: u64,
    /// Why.
    pub reason: String,
    /// Since when somebody else may have used it, if that was said.
    pub suspected: Option<Moment>,
}

impl Revocation {
    /// Whether an act that the ledger received at this time, signed with the key, is **disputed**: the revocation names a
    /// suspected time, and the act was received at that very time or later. What the device's clock said does not count, for
    /// whoever has the key has the clock. A key that is revoked without a suspected time puts nothing in dispute, and an act
    /// under a later key of the same person is not disputed.
    pub fn disputes(&self, received_ms: i64) -> bool {
        self.suspected.is_some_and(|suspected| Time::from(suspected).unix_ms().0 <= received_ms)
    }
}

/// An office that a person holds or held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficeRow {
    /// Where.
    pub unit: String,
    /// `regular`, `acting` or `delegated`; `founder` for a founder.
    pub capacity: String,
    /// From when, in Unix milliseconds.
    pub from_ms: i64,
    /// Until when, in Unix milliseconds.
    pub to_ms: Option<i64>,
    /// The entry that ended it before that, and why.
    pub ended: Option<(u64, String)>,
}

/// A statement that gave offices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRow {
    /// Its entry.
    pub entry: u64,
    /// The office that it gave: `founder`, `self`, or the appointment's.
    pub office: String,
}

/// A row of any kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each variant is the row of its name")]
pub enum Row {
    Ledger(LedgerRow),
    Entry(EntryRow),
    Constitution(ConstitutionRow),
    Enactment(EnactmentRow),
    Cosigned(CosignedRow),
    Case(CaseRow),
    CaseEntry(CaseEntryRow),
    Person(PersonRow),
    PersonAct(PersonActRow),
    Key(KeyRow),
    Office(OfficeRow),
    Grant(GrantRow),
    Number(u64),
    Flag(FlagRow),
    FlagAt(FlagAtRow),
    List(ListRow),
    ListLines(ListLinesRow),
    Batch(BatchRow),
    BatchCases(BatchCasesRow),
    Waiting(WaitingRow),
    Step(StepRow),
    Outcome(OutcomeRow),
    Procedure(ProcedureRow),
    Tally(TallyRow),
    Money(MoneyRow),
    Deadline(DeadlineRow),
    Posting(PostingRow),
    Raised(RaisedRow),
    RaisedCount(RaisedCountRow),
    Warning(WarningRow),
}

/// A kind of row, told apart from the others.
pub trait RowKind: Sized {
    /// The row of this kind, or nothing if it is of another.
    fn of(row: Row) -> Option<Self>;
    /// The same where the row stays.
    fn peek(row: &Row) -> Option<&Self>;
    /// The same to change it.
    fn peek_mut(row: &mut Row) -> Option<&mut Self>;
    /// A row of any kind.
    fn row(self) -> Row;
}

macro_rules! row_kinds {
    ($($variant:ident $kind:ty;)*) => {$(
        impl RowKind for $kind {
            fn of(row: Row) -> Option<$kind> {
                match row { Row::$variant(row) => Some(row), _ => None }
            }

            fn peek(row: &Row) -> Option<&$kind> {
                match row { Row::$variant(row) => Some(row), _ => None }
            }

            fn peek_mut(row: &mut Row) -> Option<&mut $kind> {
                match row { Row::$variant(row) => Some(row), _ => None }
            }

            fn row(self) -> Row {
                Row::$variant(self)
            }
        }
    )*};
}

row_kinds! {
    Entry EntryRow;
    Case CaseRow;
    Ledger LedgerRow;
    Constitution ConstitutionRow;
    Enactment EnactmentRow;
    Cosigned CosignedRow;
    CaseEntry CaseEntryRow;
    Person PersonRow;
    PersonAct PersonActRow;
    Key KeyRow;
    Office OfficeRow;
    Grant GrantRow;
    Number u64;
    Flag FlagRow;
    FlagAt FlagAtRow;
    List ListRow;
    ListLines ListLinesRow;
    Batch BatchRow;
    BatchCases BatchCasesRow;
    Waiting WaitingRow;
    Step StepRow;
    Outcome OutcomeRow;
    Procedure ProcedureRow;
    Tally TallyRow;
    Money MoneyRow;
    Deadline DeadlineRow;
    Posting PostingRow;
    Raised RaisedRow;
    RaisedCount RaisedCountRow;
    Warning WarningRow;
}

/// The row of a key as the kind that it must be.
pub fn typed<R: RowKind>(key: &Key, row: Row) -> Result<R, ProjectorError> {
    R::of(row).ok_or_else(|| ProjectorError::Row { key: key.to_string(), what: "a row of another kind".to_owned() })
}

/// Rows that one or more entries, next to each other, change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The first of the entries.
    pub from: u64,
    /// The entry after the last of them.
    pub to: u64,
    /// The rows as they are after the last of them. No row is ever removed.
    pub rows: RowMap,
}

impl Changes {
    /// Whether these are the next after what a cursor counts.
    pub(crate) fn follow(&self, cursor: Option<&Cursor>) -> Result<(), ProjectorError> {
        let expected = cursor.map_or(0, |cursor| cursor.size);
        if self.from == expected { Ok(()) } else { Err(ProjectorError::NotNext { expected, found: self.from }) }
    }
}

/// Whatever keeps rows. All reading sees the rows as they are after the entries that the cursor counts.
pub trait Rows {
    /// How far the rows are; nothing before the first entry.
    ///
    /// # Errors
    /// Those of the storage, and [`ProjectorError::Row`].
    fn cursor(&self) -> Result<Option<Cursor>, ProjectorError>;

    /// One row.
    ///
    /// # Errors
    /// Those of the storage, and [`ProjectorError::Row`].
    fn row(&self, key: &Key) -> Result<Option<Row>, ProjectorError>;

    /// Rows whose keys begin alike, in order, the first of them after `after` where that is given; at most `most`, and never
    /// more than [`PAGE_ROWS_MAX`].
    ///
    /// # Errors
    /// Those of the storage, and [`ProjectorError::Row`].
    fn page(&self, prefix: &Prefix, after: Option<&Key>, most: usize) -> Result<Vec<(Key, Row)>, ProjectorError>;

    /// Writes rows and cursor: after a failure, or a crash, both are as before or both as asked.
    ///
    /// # Errors
    /// [`ProjectorError::NotNext`] where the changes do not begin at the cursor; those of the storage.
    fn commit(&mut self, changes: Changes, cursor: Cursor) -> Result<(), ProjectorError>;

    /// Makes what was committed durable. Rows that are not may be lost, last first; nobody has to be told.
    ///
    /// # Errors
    /// Those of the storage.
    fn flush(&mut self) -> Result<(), ProjectorError>;
}

/// All rows of a prefix, page by page.
pub(crate) fn all_rows<R: RowKind>(rows: &dyn Rows, prefix: &Prefix) -> Result<Vec<(Key, R)>, ProjectorError> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map(|(key, _): &(Key, R)| key.clone());
        let page = rows.page(prefix, after.as_ref(), PAGE_ROWS_MAX)?;
        let is_last = page.len() < PAGE_ROWS_MAX;
        for (key, row) in page {
            let row = typed(&key, row)?;
            all.push((key, row));
        }
        if is_last {
            return Ok(all);
        }
        if all.len() >= ANSWER_ROWS_MAX {
            return Err(ProjectorError::AnswerTooLong { rows_max: ANSWER_ROWS_MAX });
        }
    }
}

/// Every row and the cursor as text, sorted: two stores say the same if and only if these are the same bytes. Not a format: it
/// may change with any version of this program.
///
/// # Errors
/// Those of the rows.
pub fn dump(rows: &dyn Rows) -> Result<String, ProjectorError> {
    let mut text = String::new();
    match rows.cursor()? {
        None => text.push_str("cursor none\n"),
        // Writing to a string does not fail.
        Some(cursor) => _ = writeln!(text, "cursor {} {} {}", cursor.ledger, cursor.size, cursor.root),
    }
    let mut after: Option<Key> = None;
    loop {
        let page = rows.page(&Prefix::all(), after.as_ref(), PAGE_ROWS_MAX)?;
        for (key, row) in &page {
            let _ = writeln!(text, "{key} {row:?}");
        }
        match page.into_iter().next_back() {
            Some((last, _)) => after = Some(last),
            None => return Ok(text),
        }
    }
}

/// Rows in memory: for tests, and for logs that are small enough to be folded anew for each question.
#[derive(Clone, Debug, Default)]
pub struct MemoryRows {
    cursor: Option<Cursor>,
    rows: RowMap,
    /// The keys in order of their bytes, once somebody asks for rows in order and until there are more.
    order: OnceLock<Vec<(Vec<u8>, Key)>>,
}

impl PartialEq for MemoryRows {
    fn eq(&self, other: &MemoryRows) -> bool {
        self.cursor == other.cursor && self.rows == other.rows
    }
}

impl MemoryRows {
    fn in_order(&self) -> &[(Vec<u8>, Key)] {
        self.order.get_or_init(|| {
            let mut keys: Vec<(Vec<u8>, Key)> = self.rows.keys().map(|key| (key.encode(), key.clone())).collect();
            keys.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            keys
        })
    }
}

impl Rows for MemoryRows {
    fn cursor(&self) -> Result<Option<Cursor>, ProjectorError> {
        Ok(self.cursor.clone())
    }

    fn row(&self, key: &Key) -> Result<Option<Row>, ProjectorError> {
        Ok(self.rows.get(key).map(|row| Row::clone(row)))
    }

    fn page(&self, prefix: &Prefix, after: Option<&Key>, most: usize) -> Result<Vec<(Key, Row)>, ProjectorError> {
        let order = self.in_order();
        let first = match after {
            Some(key) => {
                let bytes = key.encode();
                order.partition_point(|(key, _)| *key <= bytes)
            }
            None => order.partition_point(|(key, _)| key.as_slice() < prefix.bytes()),
        };
        let page = order[first..].iter().take_while(|(key, _)| key.starts_with(prefix.bytes())).take(most.min(PAGE_ROWS_MAX));
        Ok(page.filter_map(|(_, key)| Some((key.clone(), Row::clone(self.rows.get(key)?)))).collect())
    }

    fn commit(&mut self, changes: Changes, cursor: Cursor) -> Result<(), ProjectorError> {
        changes.follow(self.cursor.as_ref())?;
        let before = self.rows.len();
        self.rows.extend(changes.rows);
        if self.rows.len() > before {
            self.order = OnceLock::new();
        }
        self.cursor = Some(cursor);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ProjectorError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_suspected_time_puts_acts_in_dispute_from_that_very_time_on() {
        let moment = Moment { unix_seconds: 100, offset_minutes: 480 };
        let revocation = Revocation { entry: 9, reason: "compromised".into(), suspected: Some(moment) };
        assert!(!revocation.disputes(99_999));
        assert!(revocation.disputes(100_000));
        assert!(revocation.disputes(100_001));
        assert!(!Revocation { suspected: None, ..revocation }.disputes(100_001));
    }
}
