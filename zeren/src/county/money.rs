//! Funds, payments, settlements, notices.

use signer::act::{Act, BatchRef, Step};
use signer::value::{CaseId, StatementHash};

use signer::Rule;

use super::County;
use super::plan::Fate;
use super::words::code;
use crate::error::Failure;

/// Payments on their way together.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    id: String,
    line: BatchRef,
    pub(super) cases: Vec<CaseId>,
    repays: Option<String>,
    less: Vec<(CaseId, StatementHash)>,
}

impl County {
    fn sum(&self, cases: &[CaseId]) -> Result<u64, Failure> {
        cases.iter().map(|case| self.applicant(case).map(|applicant| applicant.fen)).sum()
    }

    /// Funds for what a list locked, less what is held.
    pub(super) fn fund(
        &mut self,
        id: &str,
        list: &str,
        cases: Vec<CaseId>,
        less: Vec<(CaseId, StatementHash)>,
        repays: Option<&str>,
    ) -> Result<Batch, Failure> {
        let line = BatchRef { batch: code(id), list: code(list), count: cases.len() as u64, total: self.sum(&cases)? };
        let batch = Batch { id: id.to_owned(), line, cases, repays: repays.map(ToOwned::to_owned), less };
        let mut step = Step::new(code("fund"));
        step.batch = Some(batch.line.clone());
        step.repays = batch.repays.as_deref().map(code);
        step.less.clone_from(&batch.less);
        self.act(&["b001", "b002"], Act::Step(Box::new(step)))?;
        Ok(batch)
    }

    /// Two at the bank pay it, naming the cosigned entry that covers the list.
    pub(super) fn pay(&mut self, batch: &Batch, cosigned: u64) -> Result<StatementHash, Failure> {
        let mut step = Step::new(code("pay"));
        step.batch = Some(batch.line.clone());
        step.cosigned = Some(cosigned);
        let BatchRef { count, total, .. } = batch.line;
        step.totals = vec![(code("file"), count, total), (code("order"), count, total)];
        self.act(&["c001", "c002"], Act::Step(Box::new(step)))
    }

    /// The bank's results: order, file and batch agree, and the statement with what was paid.
    pub(super) fn settle(&mut self, batch: &Batch, failed: &[CaseId]) -> Result<Vec<CaseId>, Failure> {
        let results = self.results("c002", &format!("results-{}", batch.id), &batch.cases, failed)?;
        let paid: Vec<CaseId> = batch.cases.iter().filter(|case| !failed.contains(case)).cloned().collect();
        let BatchRef { count, total, .. } = batch.line;
        let mut step = Step::new(code("settle"));
        step.batch = Some(batch.line.clone());
        step.results = Some(results);
        step.totals =
            vec![(code("file"), count, total), (code("order"), count, total), (code("statement"), paid.len() as u64, self.sum(&paid)?)];
        self.act(&["b001", "c002"], Act::Step(Box::new(step)))?;
        Ok(paid)
    }

    /// Results that name people who are not in the batch, with others cut so that count and total stay.
    pub(super) fn slip_in(&mut self, batch: &Batch) -> Result<(), Failure> {
        let strangers: Vec<CaseId> =
            self.applicants.iter().filter(|(_, one)| one.fate == Fate::Refused).map(|(case, _)| case.clone()).take(6).collect();
        let mut cases: Vec<CaseId> = batch.cases.clone();
        cases.truncate(batch.cases.len().saturating_sub(strangers.len()));
        cases.extend(strangers.iter().cloned());
        cases.sort();
        let list = format!("results-{}-x", batch.id);
        let results = self.results("c002", &list, &cases, &[])?;
        let BatchRef { count, total, .. } = batch.line;
        let mut step = Step::new(code("settle"));
        step.batch = Some(batch.line.clone());
        step.results = Some(results);
        step.totals = vec![(code("file"), count, total), (code("order"), count, total), (code("statement"), count, total)];
        let hash = self.refuses(&["b001", "c002"], Act::Step(Box::new(step)), Rule::ResultsLines)?;
        let at = self.clock;
        for case in &strangers {
            self.truth.plant(12).case(case);
        }
        self.truth.plant(12).persons(&["b001", "c002"]).list(&list).refused(hash, Rule::ResultsLines.name(), at);
        Ok(())
    }

    /// Each person is told what was paid.
    pub(super) fn notify(&mut self, batch: &Batch, paid: &[CaseId]) -> Result<(), Failure> {
        for case in paid {
            let mut step = Step::new(code("notice"));
            step.payment = Some((case.clone(), code(&batch.id)));
            step.evidence = vec![(code("notice"), self.commitment(&format!("notice to {case}")))];
            self.act(&["a002"], Act::Step(Box::new(step)))?;
        }
        Ok(())
    }

    /// Index of the latest cosigned entry.
    pub(super) fn cosigned_last(&self) -> Result<u64, Failure> {
        let state = self.ledger.state();
        state.cosigned_entry(state.cosigned_size()).ok_or_else(|| Failure::malformed("no cosigned entry"))
    }
}
