//! Section 8.8: batches and payments.

use ledger::procedure::programme::{MatchOf, Step};
use signer::Rule;
use signer::act::{BatchRef, SheetKind};
use signer::value::{CaseId, Code, UnixMs};

use super::steps::Subject;
use super::{Batch, Bench, Case, Effect, Judged, Model, Result_, What, ensure};

impl Model {
    /// Payments of a list that a new batch may pay.
    pub fn payable(&self, list: &Code, repays: Option<&Code>) -> Vec<(CaseId, u64)> {
        let is_payable = |case: &Case| {
            let payment = case.payment.as_ref().filter(|payment| payment.list == *list)?;
            let is_good = match repays {
                None => payment.batches.is_empty(),
                Some(batch) => payment.batches.last().is_some_and(|(last, result)| last == batch && matches!(result, Result_::Failed(_))),
            };
            is_good.then_some(payment.fen)
        };
        self.cases.iter().filter_map(|(id, case)| is_payable(case).map(|fen| (id.clone(), fen))).collect()
    }

    /// A batch that is known.
    pub fn batch(&self, id: &Code) -> Option<&Batch> {
        self.batches.get(id).filter(|batch| !batch.is_gone)
    }
}

impl Bench<'_> {
    /// A batch step.
    pub fn batch_step(&self, step: &Step, act: &signer::act::Step) -> Result<Effect, Rule> {
        let named = act.batch.as_ref().unwrap();
        let opened = if self.is_opening_batch(step) { Some(self.open_batch(step, act, named)?) } else { None };
        if opened.is_none() {
            self.judge_batch(step, named)?;
        }
        let batch = opened.clone().or_else(|| self.model.batch(&named.batch).cloned()).unwrap();
        for id in &batch.cases {
            ensure(self.all_cover(&self.model.cases[id].unit), Rule::CaseUnit)?;
        }
        if let Some(least) = step.cosigned {
            let index = act.cosigned.unwrap();
            let is_good = self.model.entries.get(index as usize).is_some_and(|entry| match &entry.what {
                What::Cosigned { size, witnesses, .. } => *size > batch.covers && *witnesses >= least,
                _ => false,
            });
            ensure(is_good, Rule::CosignedMissing)?;
        }
        let results = match &act.results {
            Some(line) => Some(self.list_line(line, |_| SheetKind::Results)?.results()),
            None => None,
        };
        if let Some(results) = &results {
            ensure(results.iter().map(|(id, _)| id).eq(batch.cases.iter()), Rule::ResultsLines)?;
        }
        self.judge_totals(step, act, &batch, results.as_deref())?;
        self.judge_overrides(&act.overrides, step, &batch.cases.iter().collect::<Vec<_>>(), None)?;
        self.judge_batch_rules(step, act, &batch)?;
        self.warn_late_batch(step, &batch);
        Ok(self.batch_effect(step, act, batch, opened.is_some(), results))
    }

    fn open_batch(&self, step: &Step, act: &signer::act::Step, named: &BatchRef) -> Result<Batch, Rule> {
        ensure(!self.model.batches.contains_key(&named.batch), Rule::BatchTaken)?;
        let lock = &step.after[0];
        let locked = |case: &Case| case.marks.iter().find(|mark| mark.step == *lock && mark.list.as_ref() == Some(&named.list)).cloned();
        let mark = self.model.cases.values().find_map(locked).ok_or(Rule::ListUnknown)?;
        let mut covers = mark.entry;
        if let Some(id) = &act.repays {
            let before = self.model.batch(id).filter(|batch| batch.list == named.list);
            covers = before.and_then(|batch| batch.settled).ok_or(Rule::ListUnknown)?;
        }
        let payable = self.model.payable(&named.list, act.repays.as_ref());
        let is_payable = |id: &CaseId| payable.iter().any(|(one, _)| one == id);
        ensure(act.less.windows(2).all(|pair| pair[0].0 < pair[1].0), Rule::HoldUnnamed)?;
        for (id, hold) in &act.less {
            ensure(is_payable(id) && self.model.cases[id].has_hold(Some(hold)), Rule::HoldUnnamed)?;
        }
        let is_less = |id: &CaseId| act.less.iter().any(|(one, _)| one == id);
        ensure(payable.iter().all(|(id, _)| is_less(id) || !self.model.cases[id].has_hold(None)), Rule::HoldUnnamed)?;
        let paid: Vec<&(CaseId, u64)> = payable.iter().filter(|(id, _)| !is_less(id)).collect();
        let total: u64 = paid.iter().map(|(_, fen)| fen).sum();
        ensure(named.count == paid.len() as u64 && named.total == total, Rule::BatchMatch)?;
        ensure(!paid.is_empty(), Rule::ListEmpty)?;
        Ok(Batch {
            list: named.list.clone(),
            count: named.count,
            total,
            repays: act.repays.clone(),
            cases: paid.iter().map(|(id, _)| id.clone()).collect(),
            opened_by: self.hash,
            marks: Vec::new(),
            settled: None,
            is_gone: false,
            covers,
        })
    }

    fn judge_batch(&self, step: &Step, named: &BatchRef) -> Judged {
        let batch = self.model.batch(&named.batch).ok_or(Rule::BatchUnknown)?;
        let same = batch.list == named.list && batch.count == named.count && batch.total == named.total;
        ensure(same, Rule::BatchMatch)?;
        ensure(!batch.marks.iter().any(|mark| mark.step == step.id), Rule::StepRepeated)?;
        ensure(step.after.iter().all(|before| batch.marks.iter().any(|mark| mark.step == *before)), Rule::StepOrder)?;
        ensure(step.settles || !batch.cases.iter().any(|id| self.model.cases[id].has_hold(None)), Rule::FlagOpen)
    }

    fn judge_totals(&self, step: &Step, act: &signer::act::Step, batch: &Batch, results: Option<&[(CaseId, Option<Code>)]>) -> Judged {
        ensure(act.totals.iter().map(|(code, ..)| code).eq(step.matches.keys()), Rule::Totals)?;
        for ((_, count, fen), of) in act.totals.iter().zip(step.matches.values()) {
            let right = match (of, results) {
                (MatchOf::Paid, Some(results)) => {
                    let paid: Vec<u64> = results
                        .iter()
                        .filter(|(_, failed)| failed.is_none())
                        .map(|(id, _)| self.model.cases[id].payment.as_ref().unwrap().fen)
                        .collect();
                    (paid.len() as u64, paid.iter().sum())
                }
                _ => (batch.count, batch.total),
            };
            ensure((*count, *fen) == right, Rule::Totals)?;
        }
        Ok(())
    }

    fn judge_batch_rules(&self, step: &Step, act: &signer::act::Step, batch: &Batch) -> Judged {
        for id in &batch.cases {
            let case = &self.model.cases[id];
            let marks = case.marks.iter().chain(&batch.marks).collect();
            let subject = Subject { id, unit: &case.unit, marks, recused: &case.recused };
            self.judge_case_rules(step, &subject, &act.overrides, None)?;
        }
        Ok(())
    }

    fn warn_late_batch(&self, step: &Step, batch: &Batch) {
        let cases: Vec<&Case> = batch.cases.iter().map(|id| &self.model.cases[id]).collect();
        let latest = cases.iter().map(|case| case.period).max().unwrap();
        self.warn_of_due(step, latest, 0);
        let of = step.within.as_ref().map(|within| &within.of);
        let of_batch = batch.marks.iter().find(|mark| Some(&mark.step) == of);
        let of_case = cases.iter().flat_map(|case| &case.marks).find(|mark| Some(&mark.step) == of);
        self.warn_late_within(step, of_batch.or(of_case).map(|mark| mark.received));
    }

    fn warn_late_within(&self, step: &Step, since: Option<UnixMs>) {
        if let (Some(within), Some(since)) = (&step.within, since) {
            self.warn_unless(self.days_between(since, self.r, within.days.counting) <= within.days.days, Rule::Late);
        }
    }

    fn batch_effect(
        &self,
        step: &Step,
        act: &signer::act::Step,
        batch: Batch,
        is_opening: bool,
        results: Option<Vec<(CaseId, Option<Code>)>>,
    ) -> Effect {
        let (id, mark, i) = (act.batch.as_ref().unwrap().batch.clone(), self.mark(step, None), self.i);
        let results_list = act.results.as_ref().map(|line| line.list.clone());
        Box::new(move |model| {
            for case in batch.cases.iter().filter(|_| is_opening) {
                let payment = model.cases.get_mut(case).unwrap().payment.as_mut().unwrap();
                payment.batches.push((id.clone(), Result_::Pending));
            }
            let batch = model.batches.entry(id.clone()).or_insert(batch);
            batch.marks.push(mark);
            if results.is_some() {
                batch.settled = Some(i);
            }
            for (case, failed) in results.into_iter().flatten() {
                let payment = model.cases.get_mut(&case).unwrap().payment.as_mut().unwrap();
                let own = payment.batches.iter_mut().find(|(one, _)| *one == id).unwrap();
                own.1 = failed.map_or(Result_::Paid, Result_::Failed);
            }
            if let Some(list) = results_list {
                model.lists.get_mut(&list).unwrap().used.get_or_insert(i);
            }
        })
    }

    /// A payment step.
    pub fn payment_step(&self, step: &Step, act: &signer::act::Step) -> Result<Effect, Rule> {
        let (id, batch_id) = act.payment.clone().unwrap();
        let case = self.model.cases.get(&id).ok_or(Rule::PaymentUnknown)?;
        let batch = self.model.batch(&batch_id).ok_or(Rule::PaymentUnknown)?;
        let payment = case.payment.as_ref().ok_or(Rule::PaymentUnknown)?;
        ensure(payment.batches.iter().any(|(one, result)| *one == batch_id && *result == Result_::Paid), Rule::PaymentUnknown)?;
        ensure(!payment.marks.iter().any(|mark| mark.step == step.id), Rule::StepRepeated)?;
        ensure(self.all_cover(&case.unit), Rule::CaseUnit)?;
        self.judge_overrides(&act.overrides, step, &[&id], None)?;
        let marks = case.marks.iter().chain(&batch.marks).collect();
        let subject = Subject { id: &id, unit: &case.unit, marks, recused: &case.recused };
        self.judge_case_rules(step, &subject, &act.overrides, None)?;
        let of = step.within.as_ref().map(|within| &within.of);
        self.warn_late_within(step, batch.marks.iter().find(|mark| Some(&mark.step) == of).map(|mark| mark.received));
        let mark = self.mark(step, None);
        Ok(Box::new(move |model| {
            model.cases.get_mut(&id).unwrap().payment.as_mut().unwrap().marks.push(mark);
        }))
    }
}
