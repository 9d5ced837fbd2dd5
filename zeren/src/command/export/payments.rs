//! Every payment that was ever put into a batch, with what the bank said of it: also those of periods that are over.

use std::collections::HashMap;

use projector::rows::{BatchCasesRow, BatchRow, CaseEntryRow, CasePart, LineRow, ListLinesRow, PAGE_ROWS_MAX, RowKind, Subject};
use projector::{Key, Prefix};

use super::Source;
use super::views::yuan;
use crate::error::Failure;
use crate::own_views::failed;
use crate::tables::sheet::Value;

/// Batch after batch, its cases in order.
pub fn payments(source: &Source, tell: &mut dyn FnMut(&[Value]) -> Result<(), Failure>) -> Result<(), Failure> {
    for (key, batch) in all::<BatchRow>(source, &Prefix::batches())? {
        let Key::Batch(name) = key else { continue };
        let amounts = amounts(source, &batch.list)?;
        for number in 0..batch.rows {
            let row = source.rows().row(&Key::BatchCases(name.clone(), number)).map_err(failed)?;
            let cases = row.and_then(BatchCasesRow::of).map(|row| row.cases).unwrap_or_default();
            for case in cases {
                let fen = amounts.get(&case).copied();
                let found = result(source, &name, &case)?;
                let word = match (&found, batch.void) {
                    (Some((_, None)), _) => "paid",
                    (Some((_, Some(_))), _) => "failed",
                    (None, Some(_)) => "void",
                    (None, None) => "in batch",
                };
                let text = |text: &str| Value::Text(text.to_owned());
                let (entry, reason) = found.map_or((batch.void, None), |(entry, reason)| (Some(entry), reason));
                tell(&[
                    text(&name),
                    text(&batch.list),
                    text(&case),
                    fen.map_or(Value::Empty, Value::Number),
                    fen.map_or(Value::Empty, yuan),
                    text(word),
                    entry.map_or(Value::Empty, Value::Number),
                    reason.map_or(Value::Empty, Value::Text),
                ])?;
            }
        }
    }
    Ok(())
}

fn all<R: RowKind>(source: &Source, prefix: &Prefix) -> Result<Vec<(Key, R)>, Failure> {
    let mut found: Vec<(Key, R)> = Vec::new();
    loop {
        let after = found.last().map(|(key, _)| key.clone());
        let page = source.rows().page(prefix, after.as_ref(), PAGE_ROWS_MAX).map_err(failed)?;
        if page.is_empty() {
            return Ok(found);
        }
        for (key, row) in page {
            let row = R::of(row).ok_or_else(|| Failure::Views(format!("{key}: a row of another kind")))?;
            found.push((key, row));
        }
    }
}

/// The amounts of a locked list.
fn amounts(source: &Source, list: &str) -> Result<HashMap<String, u64>, Failure> {
    let mut amounts = HashMap::new();
    for (_, row) in all::<ListLinesRow>(source, &Prefix::list_lines(list))? {
        amounts.extend(row.lines.into_iter().filter_map(|line| match line {
            LineRow::Case { case, fen: Some(fen), .. } => Some((case, fen)),
            _ => None,
        }));
    }
    Ok(amounts)
}

/// What the bank said of a case's payment in this batch.
fn result(source: &Source, batch: &str, case: &str) -> Result<Option<(u64, Option<String>)>, Failure> {
    for (key, row) in all::<CaseEntryRow>(source, &Prefix::case_entries(case))? {
        let (Key::CaseEntry(_, entry), Some(failed)) = (key, said(row.part)) else { continue };
        let is_of_batch = source.entry(entry)?.deed.step_done().is_some_and(|step| match &step.on {
            Subject::Batch(deed) => deed.batch == batch,
            _ => false,
        });
        if is_of_batch {
            return Ok(Some((entry, failed)));
        }
    }
    Ok(None)
}

/// Whether a payment failed, of an entry that says so.
fn said(part: CasePart) -> Option<Option<String>> {
    match part {
        CasePart::Paid => Some(None),
        CasePart::Failed(reason) => Some(Some(reason)),
        _ => None,
    }
}
