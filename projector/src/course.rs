//! Single questions about cases, lists and batches, for whoever follows one through the record: each reads what it needs and no
//! signers. The rows answer as far as they count; [`crate::answers`] says how far that is.

use signer::value::StatementHash;

use crate::ProjectorError;
use crate::keys::{Key, Prefix};
use crate::rows::{
    BatchCasesRow, BatchRow, CaseEntryRow, CaseRow, EntryRow, FlagAtRow, FlagRow, LineRow, ListLinesRow, PAGE_ROWS_MAX, RowKind, Rows,
    all_rows, typed,
};

type Result<T> = core::result::Result<T, ProjectorError>;

/// An entry that acts on a case.
#[derive(Clone, Debug)]
pub struct Passage {
    /// Its index.
    pub entry: u64,
    /// What it holds.
    pub row: EntryRow,
    /// The part that the case has in it.
    pub of_case: CaseEntryRow,
}

/// Of what there are ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Cases.
    Case,
    /// Persons.
    Person,
    /// Lists.
    List,
    /// Batches.
    Batch,
}

/// Every entry that acts on a case, in order; none for a case that is not known.
///
/// # Errors
/// [`ProjectorError::AnswerTooLong`]; those of the rows.
pub fn course(rows: &dyn Rows, case: &str) -> Result<Vec<Passage>> {
    let mut course = Vec::new();
    for (entry, of_case) in parts(rows, case)? {
        if let Some(row) = entry_row(rows, entry)? {
            course.push(Passage { entry, row, of_case });
        }
    }
    Ok(course)
}

/// The entries that act on a case, each with the part that it has in them; what they hold is not read.
///
/// # Errors
/// [`ProjectorError::AnswerTooLong`]; those of the rows.
pub fn parts(rows: &dyn Rows, case: &str) -> Result<Vec<(u64, CaseEntryRow)>> {
    let parts = all_rows::<CaseEntryRow>(rows, &Prefix::case_entries(case))?.into_iter();
    Ok(parts.filter_map(|(key, part)| if let Key::CaseEntry(_, entry) = key { Some((entry, part)) } else { None }).collect())
}

/// What an entry holds. Nothing if the rows do not count it.
///
/// # Errors
/// Those of the rows.
pub fn entry_row(rows: &dyn Rows, entry: u64) -> Result<Option<EntryRow>> {
    find(rows, &Key::Entry(entry))
}

/// A case.
///
/// # Errors
/// Those of the rows.
pub fn case(rows: &dyn Rows, case: &str) -> Result<Option<CaseRow>> {
    find(rows, &Key::Case(case.to_owned()))
}

/// The part that a case has in an entry; nothing where the entry does not act on it.
///
/// # Errors
/// Those of the rows.
pub fn part(rows: &dyn Rows, case: &str, entry: u64) -> Result<Option<CaseEntryRow>> {
    find(rows, &Key::CaseEntry(case.to_owned(), entry))
}

/// The lines of a list in order, each with its sheet's entry; none of seats, which are only counted.
///
/// # Errors
/// [`ProjectorError::AnswerTooLong`]; those of the rows.
pub fn lines(rows: &dyn Rows, list: &str) -> Result<Vec<(u64, LineRow)>> {
    let kept: Vec<(Key, ListLinesRow)> = all_rows(rows, &Prefix::list_lines(list))?;
    Ok(kept.into_iter().flat_map(|(_, row)| row.lines.into_iter().map(move |line| (row.entry, line))).collect())
}

/// The cases of a batch, in order.
///
/// # Errors
/// [`ProjectorError::Row`] where one is missing; those of the rows.
pub fn batch_cases(rows: &dyn Rows, batch: &str) -> Result<Vec<String>> {
    let Some(row) = find::<BatchRow>(rows, &Key::Batch(batch.to_owned()))? else { return Ok(Vec::new()) };
    let mut cases = Vec::new();
    for number in 0..row.rows {
        let key = Key::BatchCases(batch.to_owned(), number);
        let some: Option<BatchCasesRow> = find(rows, &key)?;
        let missing = || ProjectorError::Row { key: key.to_string(), what: "not there, though the batch counts it".to_owned() };
        cases.extend(some.ok_or_else(missing)?.cases);
    }
    Ok(cases)
}

/// How the flag stands that a statement raised. Nothing where it raised none on a case.
///
/// # Errors
/// Those of the rows.
pub fn flag(rows: &dyn Rows, statement: &StatementHash) -> Result<Option<FlagRow>> {
    match find::<FlagAtRow>(rows, &Key::Flag(statement.0))? {
        Some(at) => find(rows, &Key::CaseFlag(at.case, at.number)),
        None => Ok(None),
    }
}

/// Shows what every entry from one on holds, in order.
///
/// # Errors
/// Those of the rows.
pub fn entries(rows: &dyn Rows, from: u64, visit: &mut dyn FnMut(u64, &EntryRow)) -> Result<()> {
    let mut after = from.checked_sub(1).map(Key::Entry);
    loop {
        let page = rows.page(&Prefix::entries(), after.as_ref(), PAGE_ROWS_MAX)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.clone());
        for (key, row) in page {
            let Key::Entry(entry) = key else { continue };
            visit(entry, &typed(&key, row)?);
        }
    }
}

/// Shows every id of a kind, in order of its bytes.
///
/// # Errors
/// Those of the rows.
pub fn ids(rows: &dyn Rows, kind: Kind, visit: &mut dyn FnMut(&str)) -> Result<()> {
    let prefix = match kind {
        Kind::Case => Prefix::cases(),
        Kind::Person => Prefix::persons(),
        Kind::List => Prefix::lists(),
        Kind::Batch => Prefix::batches(),
    };
    let mut after = None;
    loop {
        let page = rows.page(&prefix, after.as_ref(), PAGE_ROWS_MAX)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.clone());
        for (key, _) in &page {
            if let Key::Case(id) | Key::Person(id) | Key::List(id) | Key::Batch(id) = key {
                visit(id);
            }
        }
    }
}

fn find<R: RowKind>(rows: &dyn Rows, key: &Key) -> Result<Option<R>> {
    rows.row(key)?.map(|row| typed(key, row)).transpose()
}
