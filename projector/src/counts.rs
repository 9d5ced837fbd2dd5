//! Answers that count. Each is read from rows alone; the entries behind it are found through [`crate::answers`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use signer::value::{PersonId, UnixMs};

use crate::ProjectorError;
use crate::answers::Answer;
use crate::keys::{Key, Prefix, Responsibility};
use crate::rows::{
    CosignedRow, DaysRow, DeadlineRow, Deed, EnactmentRow, EntryRow, FlagState, LedgerRow, MoneyRow, PAGE_ROWS_MAX, PostingRow,
    ProcedureRow, RaisedCountRow, RaisedRow, RowKind, Rows, StepRow, TallyRow, all_rows, typed,
};
use crate::views::counts::Terms;

type Result<T> = core::result::Result<T, ProjectorError>;

/// What waits that an answer shows at most, the longest waiting first.
pub const WAITING_SHOWN_MAX: usize = 1_000;

/// How many cases, by unit, period, and the step that they have or the status in which they stand.
pub type Cases = BTreeMap<(String, u16, String), u64>;

/// Counts of a whole programme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Steps of the procedure in force, in its order.
    pub steps: Vec<String>,
    /// Cases that have a step in a period, by their unit.
    pub funnel: Cases,
    /// Cases that stand in a status in a period, by their unit.
    pub standing: Cases,
    /// Payments by scheme and period.
    pub money: BTreeMap<(String, u16), MoneyRow>,
    /// Cases of steps with a date, by step and period.
    pub deadlines: BTreeMap<(String, u16), DeadlineRow>,
    /// Answers, by what was answered and the year of the answer.
    pub answers: BTreeMap<(String, u16), DeadlineRow>,
    /// Flags and reports by kind.
    pub raised: BTreeMap<String, RaisedCountRow>,
    /// What each witness cosigned last, by its name.
    pub witnesses: BTreeMap<String, WitnessedLast>,
    /// How many incidents there were.
    pub incidents: u64,
    /// The last of them: its entry, its kind and the node.
    pub incident_last: Option<(u64, String, String)>,
    /// When the last entry was received, in Unix milliseconds.
    pub received_last_ms: i64,
}

/// What a witness cosigned last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WitnessedLast {
    /// The cosigned entry.
    pub entry: u64,
    /// Size of the log that it vouches for.
    pub size: u64,
    /// When, in Unix seconds, by the witness's clock.
    pub unix_seconds: u64,
}

/// Counts of a whole programme; nothing of a log without entries.
///
/// # Errors
/// [`ProjectorError::AnswerTooLong`]; those of the rows.
pub fn counts(rows: &dyn Rows) -> Result<Option<Answer<Counts>>> {
    let Some(at) = rows.cursor()?.filter(|at| at.size > 0) else { return Ok(None) };
    let last: Option<EntryRow> = find(rows, &Key::Entry(at.size - 1))?;
    let received_last_ms = last.map_or(0, |row| row.received_ms);
    let mut witnesses = BTreeMap::new();
    for (key, CosignedRow { size, witnesses: names, .. }) in all_rows(rows, &Prefix::cosigned())? {
        let Key::Cosigned(entry) = key else { continue };
        witnesses.extend(names.into_iter().map(|(name, unix_seconds)| (name, WitnessedLast { entry, size, unix_seconds })));
    }
    let ledger: Option<LedgerRow> = find(rows, &Key::Ledger)?;
    let (incidents, incident_last) = ledger.map_or((0, None), |ledger| (ledger.incidents, ledger.incident_last));
    let value = Counts {
        steps: steps_in_force(rows, received_last_ms)?,
        funnel: keyed(
            rows,
            &Prefix::funnel(),
            |key| if let Key::Funnel(unit, period, step) = key { Some((unit, period, step)) } else { None },
        )?,
        standing: keyed(rows, &Prefix::standing(), |key| match key {
            Key::Standing(unit, period, status) => Some((unit, period, status)),
            _ => None,
        })?,
        money: keyed(rows, &Prefix::money(), |key| if let Key::Money(scheme, period) = key { Some((scheme, period)) } else { None })?,
        deadlines: keyed(
            rows,
            &Prefix::deadlines(),
            |key| if let Key::Deadline(step, period) = key { Some((step, period)) } else { None },
        )?,
        answers: keyed(rows, &Prefix::answer_terms(), |key| if let Key::AnswerTerm(kind, year) = key { Some((kind, year)) } else { None })?,
        raised: keyed(rows, &Prefix::raised_counts(), |key| if let Key::RaisedCount(kind) = key { Some(kind) } else { None })?,
        witnesses,
        incidents,
        incident_last: incident_last.map(|entry| incident(rows, entry)).transpose()?.flatten(),
        received_last_ms,
    };
    Ok(Some(Answer { at, value }))
}

/// Entry, kind and node of an incident.
fn incident(rows: &dyn Rows, entry: u64) -> Result<Option<(u64, String, String)>> {
    let row: Option<EntryRow> = find(rows, &Key::Entry(entry))?;
    Ok(row.and_then(|row| if let Deed::Incident { kind, node, .. } = row.deed { Some((entry, kind, node)) } else { None }))
}

/// Steps of the procedure in force at a time, in its order.
fn steps_in_force(rows: &dyn Rows, at_ms: i64) -> Result<Vec<String>> {
    let enacted: Vec<(Key, EnactmentRow)> = all_rows(rows, &Prefix::enactments())?;
    let Some((_, in_force)) = enacted.into_iter().rfind(|(_, row)| row.starts_ms <= at_ms) else { return Ok(Vec::new()) };
    let mut steps: Vec<(u64, String)> = all_rows::<StepRow>(rows, &Prefix::steps(&in_force.digest))?
        .into_iter()
        .filter_map(|(key, row)| if let Key::Step(_, step) = key { Some((row.number, step)) } else { None })
        .collect();
    steps.sort_unstable();
    Ok(steps.into_iter().map(|(_, step)| step).collect())
}

/// Something that waits for an answer, a release, or, once found right, for an outcome or correction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    /// The entry that raised it.
    pub entry: u64,
    /// What it is.
    pub row: RaisedRow,
    /// Offices that may answer or release it; none where the procedure names none.
    pub awaits: Vec<String>,
    /// How long an answer may take; nothing for holds, and where the procedure sets no term.
    pub within: Option<DaysRow>,
    /// Days that have gone by at the last entry, by the calendar that the term counts by; nothing where there is no term.
    pub gone: Option<u64>,
}

impl Waits {
    /// Whether the term is over at the last entry.
    pub fn is_overdue(&self) -> bool {
        self.within.zip(self.gone).is_some_and(|(within, gone)| gone > within.days)
    }
}

/// What waits, the longest waiting first, at most [`WAITING_SHOWN_MAX`].
///
/// # Errors
/// Those of the rows.
pub fn waiting(rows: &dyn Rows) -> Result<Vec<Waits>> {
    let mut waiting = Vec::new();
    let last: Option<EntryRow> = match rows.cursor()?.filter(|at| at.size > 0) {
        Some(at) => find(rows, &Key::Entry(at.size - 1))?,
        None => None,
    };
    let now = UnixMs(last.map_or(0, |row| row.received_ms));
    let mut procedures: BTreeMap<[u8; 32], ProcedureRow> = BTreeMap::new();
    let mut after: Option<Key> = None;
    loop {
        let page = rows.page(&Prefix::raised(), after.as_ref(), PAGE_ROWS_MAX)?;
        for (key, row) in &page {
            let Key::Raised(entry) = key else { continue };
            let row: RaisedRow = typed(key, row.clone())?;
            if matches!(row.state, FlagState::Closed(_)) || waiting.len() >= WAITING_SHOWN_MAX {
                continue;
            }
            let said = match procedures.entry(row.procedure) {
                Slot::Occupied(slot) => slot.into_mut(),
                Slot::Vacant(slot) => slot.insert(find(rows, &Key::Procedure(row.procedure))?.unwrap_or_default()),
            };
            let is_hold = row.kind == "hold";
            let is_open = row.state == FlagState::Open;
            let awaits = match (is_open, is_hold) {
                (false, _) => Vec::new(),
                (true, true) => said.releases.clone(),
                (true, false) => said.answers.clone(),
            };
            let within = said.answer.filter(|_| is_open && !is_hold);
            let gone = within.map(|within| Terms::of(row.procedure, said.clone()).days(row.received_ms, now, within.are_working));
            waiting.push(Waits { entry: *entry, awaits, within, gone, row });
        }
        match page.into_iter().next_back() {
            Some((last, _)) => after = Some(last),
            None => return Ok(waiting),
        }
    }
}

/// Who did what how often: of one person, or of all.
///
/// # Errors
/// [`ProjectorError::AnswerTooLong`]; those of the rows.
pub fn responsibility(rows: &dyn Rows, person: Option<&PersonId>) -> Result<BTreeMap<Responsibility, TallyRow>> {
    let prefix = person.map_or_else(Prefix::responsibilities, |person| Prefix::responsibilities_of(person.as_str()));
    keyed(rows, &prefix, |key| if let Key::Responsibility(of) = key { Some(*of) } else { None })
}

/// Acts by office, unit, year and month.
///
/// # Errors
/// [`ProjectorError::AnswerTooLong`]; those of the rows.
pub fn workload(rows: &dyn Rows) -> Result<BTreeMap<(String, String, u16, u8), TallyRow>> {
    keyed(rows, &Prefix::workload(), |key| match key {
        Key::Workload(office, unit, year, month) => Some((office, unit, year, month)),
        _ => None,
    })
}

/// Postings by list and step.
///
/// # Errors
/// [`ProjectorError::AnswerTooLong`]; those of the rows.
pub fn postings(rows: &dyn Rows) -> Result<BTreeMap<(String, String), PostingRow>> {
    keyed(rows, &Prefix::postings(), |key| if let Key::Posting(list, step) = key { Some((list, step)) } else { None })
}

fn find<R: RowKind>(rows: &dyn Rows, key: &Key) -> Result<Option<R>> {
    rows.row(key)?.map(|row| typed(key, row)).transpose()
}

fn keyed<K: Ord, R: RowKind>(rows: &dyn Rows, prefix: &Prefix, name: impl Fn(Key) -> Option<K>) -> Result<BTreeMap<K, R>> {
    Ok(all_rows(rows, prefix)?.into_iter().filter_map(|(key, row)| Some((name(key)?, row))).collect())
}
