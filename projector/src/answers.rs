//! Answers to questions, read from rows alone. Each says up to which size and root of the log it is right.

use std::collections::BTreeMap;

use signer::rule::{Refusal, Rule};
use signer::value::{CaseId, PersonId, StatementHash};

use crate::ProjectorError;
use crate::keys::{Key, Prefix};
use crate::rows::{
    BatchRow, CaseEntryRow, CaseRow, ConstitutionRow, CosignedRow, Cursor, Deed, EnactmentRow, EntryRow, FileRow, FlagRow, FlagState,
    KeyRow, LedgerRow, ListLinesRow, ListRow, Moment, OfficeRow, PAGE_ROWS_MAX, PersonActRow, PersonRow, Revocation, RowKind, Rows,
    SignerRow, WarningRow, all_rows, typed,
};

type Result<T> = core::result::Result<T, ProjectorError>;

/// Open flags of a case that an answer holds at most.
pub const FLAGS_MAX: usize = 100;

/// An answer, and of which log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// Ledger, size and root up to which it is right.
    pub at: Cursor,
    /// The answer.
    pub value: T,
}

/// One signature under an entry, with everything that it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBy {
    /// The person.
    pub person: String,
    /// The person's name.
    pub name: String,
    /// The entry that enrolled the person, where the name stands.
    pub enrolled: u64,
    /// In which office.
    pub office: String,
    /// In which unit.
    pub unit: String,
    /// In which capacity: `regular`, `acting`, `delegated`, `founder`, or `self`.
    pub capacity: String,
    /// The entry that the person signed: of a step that others completed by joining, each their own.
    pub entry: u64,
    /// What the clock of the signer's device said.
    pub at: Option<Moment>,
    /// The entry whose statement gave the office: an appointment, the founding, an amendment; for `self` an enrolment.
    pub appointment: u64,
    /// The entry that made the key known.
    pub key_entry: u64,
    /// The public key.
    pub key: [u8; 32],
    /// The revocation that puts the signature in dispute ([`Revocation::disputes`]).
    pub disputed: Option<Revocation>,
}

/// An entry and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryAnswer {
    /// The entry's index.
    pub entry: u64,
    /// What it holds.
    pub row: EntryRow,
    /// Its signatures, in order; of a join, those of the step and of earlier joins before its own.
    pub signed_by: Vec<SignedBy>,
}

impl EntryAnswer {
    /// Whether a signature under it is in dispute.
    pub fn is_disputed(&self) -> bool {
        self.signed_by.iter().any(|signed| signed.disputed.is_some())
    }
}

/// What was done on a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseAnswer {
    /// The case.
    pub case: String,
    /// The latest statement that changed it, and its entry.
    pub head: Option<([u8; 32], u64)>,
    /// How it stands in the programme; nothing for a case that no step opened.
    pub file: Option<FileRow>,
    /// What stands open against it, the earliest first; at most [`FLAGS_MAX`].
    pub flags: Vec<FlagRow>,
    /// How many entries act on it.
    pub entries_total: u64,
    /// Those entries, in order, each with the part that the case has in it.
    pub entries: Vec<(EntryAnswer, CaseEntryRow)>,
    /// The last entry of this page, where there are more: the `after` of the next question.
    pub next: Option<u64>,
}

/// A list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAnswer {
    /// Of what it is, and how seats voted.
    pub row: ListRow,
    /// Entries of its sheets, in order.
    pub sheets: Vec<u64>,
}

/// Cases, in order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CasesAnswer {
    /// The cases.
    pub cases: Vec<(String, CaseRow)>,
    /// Whether there are more after the last of them.
    pub has_more: bool,
}

/// An office of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfficeAnswer {
    /// The office.
    pub office: String,
    /// The entry that gave it.
    pub entry: u64,
    /// Where, in which capacity, from when to when, and how it ended.
    pub row: OfficeRow,
}

/// An act that a person signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonAct {
    /// The entry.
    pub entry: u64,
    /// Which act, in which office.
    pub row: PersonActRow,
    /// The revocation that puts it in dispute ([`Revocation::disputes`]).
    pub disputed: Option<Revocation>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonAnswer {
    /// The person.
    pub person: String,
    /// The name.
    pub name: String,
    /// The entry that enrolled the person.
    pub enrolled: u64,
    /// Keys, each with the entry that made it known, in order.
    pub keys: Vec<(u64, KeyRow)>,
    /// Offices, in order of the entries that gave them.
    pub offices: Vec<OfficeAnswer>,
    /// How many acts the person signed.
    pub acts_total: u64,
    /// Those acts, in order.
    pub acts: Vec<PersonAct>,
    /// The last entry of this page of acts, where there are more: the `after` of the next question.
    pub next: Option<u64>,
}

/// What imported records say of whom: names in legacy files, not persons of this ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegacyAnswer {
    /// Records of each actor.
    pub actors: BTreeMap<String, u64>,
    /// Records of each actor with each activity.
    pub actor_activities: BTreeMap<(String, String), u64>,
    /// Records with each activity.
    pub activities: BTreeMap<String, u64>,
    /// Records with each group.
    pub groups: BTreeMap<String, u64>,
}

/// The ledger's own facts. Numbers before rows are entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerAnswer {
    /// Founding, purpose, counts.
    pub ledger: LedgerRow,
    /// The founding and its amendments.
    pub constitutions: Vec<(u64, ConstitutionRow)>,
    /// Enactments of procedures.
    pub enactments: Vec<(u64, EnactmentRow)>,
    /// Cosigned entries.
    pub cosigned: Vec<(u64, CosignedRow)>,
}

/// Who did what when on a case, signing in which office; a page of at most `most` entries after entry `after`. Nothing if no
/// entry acts on the case.
///
/// # Errors
/// Those of the rows.
pub fn case(rows: &dyn Rows, case: &CaseId, after: Option<u64>, most: usize) -> Result<Option<Answer<CaseAnswer>>> {
    let Some(at) = rows.cursor()? else { return Ok(None) };
    let case = case.to_string();
    let Some(row) = find::<CaseRow>(rows, &Key::Case(case.clone()))? else { return Ok(None) };
    let after = after.map(|entry| Key::CaseEntry(case.clone(), entry));
    let page: Page<CaseEntryRow> = Page::of(rows, &Prefix::case_entries(&case), after.as_ref(), most)?;
    let mut known = Known::default();
    let mut entries = Vec::with_capacity(page.rows.len());
    for (key, row) in page.rows {
        let Key::CaseEntry(_, entry) = key else { continue };
        entries.push((known.entry(rows, entry)?, row));
    }
    let next = entries.last().map(|(entry, _)| entry.entry).filter(|_| page.has_more);
    let flags = open_flags(rows, &case, row.file.as_ref())?;
    let value = CaseAnswer { case, head: row.head, file: row.file, flags, entries_total: row.entries, entries, next };
    Ok(Some(Answer { at, value }))
}

fn open_flags(rows: &dyn Rows, case: &str, file: Option<&FileRow>) -> Result<Vec<FlagRow>> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let mut open = Vec::new();
    for number in file.first_open..file.flags {
        let flag: FlagRow = require(rows, &Key::CaseFlag(case.to_owned(), number))?;
        if !matches!(flag.state, FlagState::Closed(_)) && open.len() < FLAGS_MAX {
            open.push(flag);
        }
    }
    Ok(open)
}

/// A list's sheets. Nothing if there is no such list.
///
/// # Errors
/// [`ProjectorError::AnswerTooLong`]; those of the rows.
pub fn list(rows: &dyn Rows, list: &str) -> Result<Option<Answer<ListAnswer>>> {
    let Some(at) = rows.cursor()? else { return Ok(None) };
    let Some(row) = find::<ListRow>(rows, &Key::List(list.to_owned()))? else { return Ok(None) };
    let lines: Vec<(Key, ListLinesRow)> = all_rows(rows, &Prefix::list_lines(list))?;
    let mut sheets: Vec<u64> = lines.into_iter().map(|(_, row)| row.entry).collect();
    sheets.dedup();
    Ok(Some(Answer { at, value: ListAnswer { row, sheets } }))
}

/// A batch. Nothing if none of this id was opened.
///
/// # Errors
/// Those of the rows.
pub fn batch(rows: &dyn Rows, batch: &str) -> Result<Option<Answer<BatchRow>>> {
    let Some(at) = rows.cursor()? else { return Ok(None) };
    Ok(find(rows, &Key::Batch(batch.to_owned()))?.map(|value| Answer { at, value }))
}

/// The entry of a statement of the programme, by its hash.
///
/// # Errors
/// Those of the rows.
pub fn statement(rows: &dyn Rows, hash: &StatementHash) -> Result<Option<u64>> {
    find(rows, &Key::Statement(hash.0))
}

/// The entry that enrolled a device.
///
/// # Errors
/// Those of the rows.
pub fn device(rows: &dyn Rows, device: &str) -> Result<Option<u64>> {
    find(rows, &Key::Device(device.to_owned()))
}

/// Rules that only warn and that an entry broke, as admission judged it when the views were made.
///
/// # Errors
/// [`ProjectorError::Row`] where one is missing or names no rule; those of the rows.
pub fn warnings(rows: &dyn Rows, entry: u64) -> Result<Vec<Refusal>> {
    let row: EntryRow = require(rows, &Key::Entry(entry))?;
    let warning = |number| {
        let key = Key::Warning(entry, number);
        let WarningRow { rule, line, expected, found } = require(rows, &key)?;
        let rule = Rule::named(&rule).ok_or_else(|| ProjectorError::Row { key: key.to_string(), what: format!("no rule `{rule}`") })?;
        Ok(Refusal { rule, line: line.and_then(|line| usize::try_from(line).ok()), expected, found })
    };
    (0..row.warnings).map(warning).collect()
}

/// Every case, in order of their names; a page of at most `most` after one.
///
/// # Errors
/// Those of the rows.
pub fn cases(rows: &dyn Rows, after: Option<&CaseId>, most: usize) -> Result<Option<Answer<CasesAnswer>>> {
    let Some(at) = rows.cursor()? else { return Ok(None) };
    let after = after.map(|case| Key::Case(case.to_string()));
    let page: Page<CaseRow> = Page::of(rows, &Prefix::cases(), after.as_ref(), most)?;
    let named = page.rows.into_iter().filter_map(|(key, row)| match key {
        Key::Case(case) => Some((case, row)),
        _ => None,
    });
    Ok(Some(Answer { at, value: CasesAnswer { cases: named.collect(), has_more: page.has_more } }))
}

/// One entry. Nothing if the views do not count it.
///
/// # Errors
/// Those of the rows.
pub fn entry(rows: &dyn Rows, entry: u64) -> Result<Option<Answer<EntryAnswer>>> {
    let Some(at) = rows.cursor()?.filter(|at| entry < at.size) else { return Ok(None) };
    Ok(Some(Answer { at, value: Known::default().entry(rows, entry)? }))
}

/// A person's keys and offices, and a page of at most `most` acts after entry `after`. Nothing if nobody is enrolled so.
///
/// # Errors
/// Those of the rows.
pub fn person(rows: &dyn Rows, person: &PersonId, after: Option<u64>, most: usize) -> Result<Option<Answer<PersonAnswer>>> {
    let Some(at) = rows.cursor()? else { return Ok(None) };
    let person = person.to_string();
    let Some(row) = find::<PersonRow>(rows, &Key::Person(person.clone()))? else { return Ok(None) };
    let keys: Vec<(u64, KeyRow)> = indexed(all_rows(rows, &Prefix::person_keys(&person))?);
    let offices = all_rows(rows, &Prefix::person_offices(&person))?.into_iter().filter_map(|(key, row)| match key {
        Key::PersonOffice(_, entry, office) => Some(OfficeAnswer { office, entry, row }),
        _ => None,
    });
    let after = after.map(|entry| Key::PersonAct(person.clone(), entry));
    let page: Page<PersonActRow> = Page::of(rows, &Prefix::person_acts(&person), after.as_ref(), most)?;
    let revoked = |row: &PersonActRow| {
        let key = keys.iter().find(|(entry, _)| *entry == row.key);
        key.and_then(|(_, key)| key.revoked.clone()).filter(|revoked| revoked.disputes(row.received_ms))
    };
    let acts: Vec<PersonAct> =
        indexed(page.rows).into_iter().map(|(entry, row)| PersonAct { entry, disputed: revoked(&row), row }).collect();
    let next = acts.last().map(|act| act.entry).filter(|_| page.has_more);
    let offices = offices.collect();
    let value = PersonAnswer { name: row.name, enrolled: row.enrolled, keys, offices, acts_total: row.acts, acts, next, person };
    Ok(Some(Answer { at, value }))
}

/// What imported records say of whom.
///
/// # Errors
/// [`ProjectorError::AnswerTooLong`]; those of the rows.
pub fn legacy(rows: &dyn Rows) -> Result<Option<Answer<LegacyAnswer>>> {
    let Some(at) = rows.cursor()? else { return Ok(None) };
    let mut value = LegacyAnswer::default();
    for prefix in [Prefix::actors(), Prefix::actor_activities(), Prefix::activities(), Prefix::groups()] {
        for (key, count) in all_rows::<u64>(rows, &prefix)? {
            match key {
                Key::Actor(actor) => _ = value.actors.insert(actor, count),
                Key::ActorActivity(actor, activity) => _ = value.actor_activities.insert((actor, activity), count),
                Key::Activity(activity) => _ = value.activities.insert(activity, count),
                Key::Group(group) => _ = value.groups.insert(group, count),
                _ => {}
            }
        }
    }
    Ok(Some(Answer { at, value }))
}

/// The ledger's own facts.
///
/// # Errors
/// [`ProjectorError::AnswerTooLong`]; those of the rows.
pub fn ledger(rows: &dyn Rows) -> Result<Option<Answer<LedgerAnswer>>> {
    let Some(at) = rows.cursor()? else { return Ok(None) };
    let value = LedgerAnswer {
        ledger: require(rows, &Key::Ledger)?,
        constitutions: indexed(all_rows(rows, &Prefix::constitutions())?),
        enactments: indexed(all_rows(rows, &Prefix::enactments())?),
        cosigned: indexed(all_rows(rows, &Prefix::cosigned())?),
    };
    Ok(Some(Answer { at, value }))
}

fn find<R: RowKind>(rows: &dyn Rows, key: &Key) -> Result<Option<R>> {
    rows.row(key)?.map(|row| typed(key, row)).transpose()
}

/// A row that another row points to.
fn require<R: RowKind>(rows: &dyn Rows, key: &Key) -> Result<R> {
    find(rows, key)?.ok_or_else(|| ProjectorError::Row { key: key.to_string(), what: "not there, though another row names it".to_owned() })
}

/// Rows of one kind, and whether there are more.
struct Page<R> {
    rows: Vec<(Key, R)>,
    has_more: bool,
}

impl<R: RowKind> Page<R> {
    fn of(rows: &dyn Rows, prefix: &Prefix, after: Option<&Key>, most: usize) -> Result<Page<R>> {
        let most = most.clamp(1, PAGE_ROWS_MAX - 1);
        let mut page = rows.page(prefix, after, most + 1)?;
        let has_more = page.len() > most;
        page.truncate(most);
        let typed = page.into_iter().map(|(key, row)| Ok((key.clone(), typed(&key, row)?)));
        Ok(Page { rows: typed.collect::<Result<_>>()?, has_more })
    }
}

/// Rows by the entry that their keys name.
fn indexed<R>(rows: Vec<(Key, R)>) -> Vec<(u64, R)> {
    let entry = |key: &Key| match key {
        Key::Entry(n) | Key::Constitution(n) | Key::Enactment(n) | Key::Cosigned(n) => Some(*n),
        Key::CaseEntry(_, n) | Key::PersonAct(_, n) | Key::PersonKey(_, n) => Some(*n),
        _ => None,
    };
    rows.into_iter().filter_map(|(key, row)| Some((entry(&key)?, row))).collect()
}

/// Persons, keys and offices that one answer has read: few sign much.
#[derive(Default)]
struct Known {
    persons: BTreeMap<String, PersonRow>,
    keys: BTreeMap<(String, u64), KeyRow>,
    capacities: BTreeMap<(String, u64, String), String>,
}

/// What is known, or else is read once.
fn once<K: Ord + Clone, V: Clone>(known: &mut BTreeMap<K, V>, key: K, read: impl FnOnce() -> Result<V>) -> Result<V> {
    if let Some(value) = known.get(&key) {
        return Ok(value.clone());
    }
    let value = read()?;
    known.insert(key, value.clone());
    Ok(value)
}

impl Known {
    fn entry(&mut self, rows: &dyn Rows, entry: u64) -> Result<EntryAnswer> {
        let row: EntryRow = require(rows, &Key::Entry(entry))?;
        let mut signed_by = Vec::with_capacity(row.signers.len());
        if let Deed::Join { signed, .. } = &row.deed {
            for before in signed {
                let before_row: EntryRow = require(rows, &Key::Entry(*before))?;
                self.signers(rows, *before, &before_row, &mut signed_by)?;
            }
        }
        self.signers(rows, entry, &row, &mut signed_by)?;
        Ok(EntryAnswer { entry, row, signed_by })
    }

    fn signers(&mut self, rows: &dyn Rows, entry: u64, row: &EntryRow, signed_by: &mut Vec<SignedBy>) -> Result<()> {
        for SignerRow { person, office, unit, appointment, key: key_entry } in &row.signers {
            let known: PersonRow = once(&mut self.persons, person.clone(), || require(rows, &Key::Person(person.clone())))?;
            let key = once(&mut self.keys, (person.clone(), *key_entry), || require(rows, &Key::PersonKey(person.clone(), *key_entry)))?;
            let capacity = once(&mut self.capacities, (person.clone(), *appointment, office.clone()), || {
                let held: Option<OfficeRow> = find(rows, &Key::PersonOffice(person.clone(), *appointment, office.clone()))?;
                Ok(held.map_or_else(|| "self".to_owned(), |held| held.capacity))
            })?;
            signed_by.push(SignedBy {
                person: person.clone(),
                name: known.name,
                enrolled: known.enrolled,
                office: office.clone(),
                unit: unit.clone(),
                capacity,
                entry,
                at: row.at,
                appointment: *appointment,
                key_entry: *key_entry,
                key: key.key,
                disputed: key.revoked.filter(|revoked| revoked.disputes(row.received_ms)),
            });
        }
        Ok(())
    }
}
