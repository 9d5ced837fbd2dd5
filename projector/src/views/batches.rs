//! Batches: which payments are in them, and what the bank said (format.md section 8.8).

use std::collections::BTreeMap;
use std::sync::Arc;

use signer::act::{BatchRef, Step};
use signer::value::Code;

use super::{Facts, Fold, Result};
use crate::keys::Key;
use crate::rows::{
    ATTEMPTS_MAX, AttemptRow, BATCH_ROW_CASES_MAX, BatchCasesRow, BatchDeed, BatchRow, CasePart, CaseRow, EntryRow, FileRow, LineRow,
    MarkRow, PaymentRow, ResultRow, StepRow,
};

/// Cases of a batch, and what was done on it before: steps, each with when that was received, in Unix milliseconds.
type Opened = (Vec<String>, Vec<(String, i64)>);

impl Fold<'_> {
    /// Changes what a case is in the programme; a case that is nothing in it stays.
    pub(super) fn amend_file<T>(&mut self, case: &str, change: impl FnOnce(&mut FileRow) -> T) -> Result<Option<T>> {
        self.amend(Key::Case(case.to_owned()), |row: &mut CaseRow| row.file.as_mut().map(change))
    }

    fn payment(&self, case: &str) -> Result<Option<PaymentRow>> {
        let payment = |row: &CaseRow| row.file.as_ref()?.payment.clone();
        Ok(self.look(&Key::Case(case.to_owned()), payment)?.flatten())
    }

    /// The latest period of cases.
    fn latest_period(&self, cases: &[String]) -> Result<Option<u16>> {
        let mut latest = None;
        for case in cases {
            let period = self.look(&Key::Case(case.clone()), |row: &CaseRow| row.file.as_ref().map(|file| file.period))?;
            latest = latest.max(period.flatten());
        }
        Ok(latest)
    }

    fn batch_cases(&self, id: &str, batch: &BatchRow) -> Result<Vec<String>> {
        let mut cases = Vec::new();
        for n in 0..batch.rows {
            cases.extend(self.require::<BatchCasesRow>(&Key::BatchCases(id.to_owned(), n))?.cases);
        }
        Ok(cases)
    }

    /// Payments that may be put into a batch, each with the entry that locked it: those of the list that are in none, or those
    /// that failed in the batch that is paid again.
    fn payable(&self, list: &str, repays: Option<&Code>) -> Result<Vec<(String, PaymentRow)>> {
        let (cases, before) = match repays {
            Some(before) => {
                let batch = self.require(&Key::Batch(before.to_string()))?;
                (self.batch_cases(before.as_str(), &batch)?, Some(before.as_str()))
            }
            None => (self.lines(list)?.into_iter().filter_map(listed).collect(), None),
        };
        let mut payable = Vec::new();
        for case in cases {
            let payment = self.payment(&case)?.filter(|payment| payment.list == list);
            let is_free = |payment: &PaymentRow| match (before, payment.attempts.last()) {
                (None, last) => last.is_none(),
                (Some(before), last) => last.is_some_and(|last| last.batch == before && has_failed(last)),
            };
            payable.extend(payment.filter(is_free).map(|payment| (case, payment)));
        }
        Ok(payable)
    }

    /// What the bank said of each case, by a list of results.
    fn results(&self, list: &str) -> Result<BTreeMap<String, Option<String>>> {
        let results = self.lines(list)?.into_iter().filter_map(|line| match line {
            LineRow::Result { case, failed } => Some((case, failed)),
            LineRow::Case { .. } | LineRow::Omit { .. } => None,
        });
        Ok(results.collect())
    }
}

fn listed(line: LineRow) -> Option<String> {
    if let LineRow::Case { case, .. } = line { Some(case) } else { None }
}

fn has_failed(attempt: &AttemptRow) -> bool {
    attempt.result.as_ref().is_some_and(|result| result.failed.is_some())
}

impl Facts<'_> {
    pub(super) fn do_batch(&self, fold: &mut Fold<'_>, step: &Step, named: &BatchRef, rule: &StepRow) -> Result<BatchDeed> {
        let id = named.batch.to_string();
        let (cases, marks) = if rule.opens_batch {
            self.open_batch(fold, step, named)?
        } else {
            let batch: BatchRow = fold.require(&Key::Batch(id.clone()))?;
            (fold.batch_cases(&id, &batch)?, batch.marks)
        };
        let mark = self.mark_of_batch(fold, step, rule, (&cases, &marks))?;
        fold.amend(Key::Batch(id.clone()), |batch: &mut BatchRow| batch.marks.push((mark.step.clone(), self.received.0)))?;
        let mut results = None;
        if let Some(line) = &step.results {
            let said = fold.results(line.list.as_str())?;
            let failed = said.values().filter(|failed| failed.is_some()).count() as u64;
            results = Some((line.list.to_string(), line.root.0, said.len() as u64 - failed, failed));
            for case in &cases {
                let failed = said.get(case).cloned().flatten();
                let result = ResultRow { entry: self.entry, failed: failed.clone() };
                fold.amend_payment(case, |payment| {
                    if let Some(last) = payment.attempts.last_mut() {
                        last.result = Some(result);
                    }
                })?;
                if failed.is_none() {
                    fold.mark_payment(case, &mark)?;
                }
                self.act_on_case(fold, case, None, failed.map_or(CasePart::Paid, CasePart::Failed))?;
            }
        } else {
            for case in &cases {
                fold.mark_payment(case, &mark)?;
                self.act_on_case(fold, case, None, CasePart::InBatch)?;
            }
        }
        Ok(BatchDeed {
            batch: id,
            list: named.list.to_string(),
            count: named.count,
            fen: named.total,
            opens: rule.opens_batch,
            repays: step.repays.as_ref().map(ToString::to_string),
            less: step.less.len() as u64,
            cosigned: step.cosigned,
            results,
        })
    }

    /// The mark of a step on a batch: by its date, and by how long it comes after another step.
    fn mark_of_batch(
        &self,
        fold: &mut Fold<'_>,
        step: &Step,
        rule: &StepRow,
        (cases, marks): (&[String], &[(String, i64)]),
    ) -> Result<Arc<MarkRow>> {
        let overdue = match fold.latest_period(cases)? {
            Some(period) => self.is_overdue(fold, rule, period, 0)?,
            None => None,
        };
        let too_long = self.is_too_long_after(fold, rule, marks)?;
        let is_late = overdue.zip(too_long).map_or(overdue.or(too_long), |(a, b)| Some(a || b));
        Ok(Arc::new(MarkRow { step: step.step.to_string(), entry: self.entry, is_late }))
    }

    /// A step on one payment.
    pub(super) fn do_payment(&self, fold: &mut Fold<'_>, step: &Step, rule: &StepRow, (case, batch): (&str, &str)) -> Result<()> {
        let marks = fold.look(&Key::Batch(batch.to_owned()), |batch: &BatchRow| batch.marks.clone())?.unwrap_or_default();
        let is_late = self.is_too_long_after(fold, rule, &marks)?;
        fold.mark_payment(case, &Arc::new(MarkRow { step: step.step.to_string(), entry: self.entry, is_late }))?;
        self.act_on_case(fold, case, None, CasePart::Own).map(drop)
    }

    /// Paid = locked − named holds: gives the cases, and the step that locked them, last.
    fn open_batch(&self, fold: &mut Fold<'_>, step: &Step, named: &BatchRef) -> Result<Opened> {
        let (id, list) = (named.batch.to_string(), named.list.to_string());
        let mut payable = fold.payable(&list, step.repays.as_ref())?;
        for (case, hold) in &step.less {
            payable.retain(|(payable, _)| payable != case.as_str());
            let blame = fold.blame(hold.0)?;
            self.act_on_case(fold, case.as_str(), None, CasePart::HeldBack(blame))?;
        }
        let locked = payable.iter().map(|(_, payment)| payment.locked);
        let locked = (locked.clone().min().unwrap_or(self.entry), locked.max().unwrap_or(self.entry));
        let cases: Vec<String> = payable.into_iter().map(|(case, _)| case).collect();
        let mut rows = 0;
        for cases in cases.chunks(BATCH_ROW_CASES_MAX) {
            fold.put(Key::BatchCases(id.clone(), rows), BatchCasesRow { cases: cases.to_vec() });
            rows += 1;
        }
        fold.put(Key::Batch(id.clone()), BatchRow { list, entry: self.entry, locked, rows, void: None, marks: Vec::new() });
        for case in &cases {
            fold.amend_payment(case, |payment| {
                if payment.attempts.len() >= ATTEMPTS_MAX {
                    payment.attempts.remove(0);
                }
                payment.attempts.push(AttemptRow { batch: id.clone(), entry: self.entry, result: None });
            })?;
        }
        let locks = fold.terms(self.governing)?.and_then(|terms| terms.row.locks.clone());
        let received_ms = fold.look(&Key::Entry(locked.1), |row: &EntryRow| row.received_ms)?;
        Ok((cases, locks.zip(received_ms).into_iter().collect()))
    }

    /// A batch that nobody has paid is taken back.
    pub(super) fn void_batch(&self, fold: &mut Fold<'_>, id: &Code) -> Result<()> {
        let key = Key::Batch(id.to_string());
        let mut batch: BatchRow = fold.require(&key)?;
        let cases = fold.batch_cases(id.as_str(), &batch)?;
        batch.void = Some(self.entry);
        fold.put(key, batch);
        for case in cases {
            fold.amend_payment(&case, |payment| _ = payment.attempts.pop())?;
            self.act_on_case(fold, &case, None, CasePart::InBatch)?;
        }
        Ok(())
    }
}
