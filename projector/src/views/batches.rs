//! Batches: which payments are in them, and what the bank said (format.md section 8.8).

use std::collections::BTreeMap;

use signer::act::{BatchRef, Step};
use signer::value::Code;

use super::{Facts, Fold, Result};
use crate::keys::Key;
use crate::rows::{
    ATTEMPTS_MAX, AttemptRow, BATCH_ROW_CASES_MAX, BatchCasesRow, BatchDeed, BatchRow, CasePart, CaseRow, FileRow, LineRow, PaymentRow,
    ResultRow,
};

impl Fold<'_> {
    /// Changes what a case is in the programme; a case that is nothing in it stays.
    pub(super) fn amend_file(&mut self, case: &str, change: impl FnOnce(&mut FileRow)) -> Result<()> {
        self.amend(Key::Case(case.to_owned()), |row: &mut CaseRow| {
            if let Some(file) = &mut row.file {
                change(file);
            }
        })
    }

    fn payment(&self, case: &str) -> Result<Option<PaymentRow>> {
        let row: Option<CaseRow> = self.find(&Key::Case(case.to_owned()))?;
        Ok(row.and_then(|row| row.file?.payment))
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
    pub(super) fn do_batch(&self, fold: &mut Fold<'_>, step: &Step, named: &BatchRef, opens: bool) -> Result<BatchDeed> {
        let id = named.batch.to_string();
        let cases = if opens {
            self.open_batch(fold, step, named)?
        } else {
            let batch = fold.require(&Key::Batch(id.clone()))?;
            fold.batch_cases(&id, &batch)?
        };
        let mut results = None;
        if let Some(line) = &step.results {
            let said = fold.results(line.list.as_str())?;
            let failed = said.values().filter(|failed| failed.is_some()).count() as u64;
            results = Some((line.list.to_string(), line.root.0, said.len() as u64 - failed, failed));
            for case in &cases {
                let failed = said.get(case).cloned().flatten();
                let result = ResultRow { entry: self.entry, failed: failed.clone() };
                fold.amend_file(case, |file| {
                    if let Some(last) = file.payment.as_mut().and_then(|payment| payment.attempts.last_mut()) {
                        last.result = Some(result);
                    }
                })?;
                self.act_on_case(fold, case, None, failed.map_or(CasePart::Paid, CasePart::Failed))?;
            }
        } else {
            for case in &cases {
                self.act_on_case(fold, case, None, CasePart::InBatch)?;
            }
        }
        Ok(BatchDeed {
            batch: id,
            list: named.list.to_string(),
            count: named.count,
            fen: named.total,
            opens,
            repays: step.repays.as_ref().map(ToString::to_string),
            less: step.less.len() as u64,
            cosigned: step.cosigned,
            results,
        })
    }

    /// Paid = locked − named holds: gives the cases.
    fn open_batch(&self, fold: &mut Fold<'_>, step: &Step, named: &BatchRef) -> Result<Vec<String>> {
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
        fold.put(Key::Batch(id.clone()), BatchRow { list, entry: self.entry, locked, rows, void: None });
        for case in &cases {
            fold.amend_file(case, |file| {
                let Some(payment) = &mut file.payment else { return };
                if payment.attempts.len() >= ATTEMPTS_MAX {
                    payment.attempts.remove(0);
                }
                payment.attempts.push(AttemptRow { batch: id.clone(), entry: self.entry, result: None });
            })?;
        }
        Ok(cases)
    }

    /// A batch that nobody has paid is taken back.
    pub(super) fn void_batch(&self, fold: &mut Fold<'_>, id: &Code) -> Result<()> {
        let key = Key::Batch(id.to_string());
        let mut batch: BatchRow = fold.require(&key)?;
        let cases = fold.batch_cases(id.as_str(), &batch)?;
        batch.void = Some(self.entry);
        fold.put(key, batch);
        for case in cases {
            fold.amend_file(&case, |file| {
                if let Some(payment) = &mut file.payment {
                    payment.attempts.pop();
                }
            })?;
            self.act_on_case(fold, &case, None, CasePart::InBatch)?;
        }
        Ok(())
    }
}
