//! Batches and payments: paid = locked − named holds, all or nothing (format.md section 8.8).

use std::collections::BTreeMap;
use std::sync::Arc;

use signer::act::{About, BatchRef, ListRef, ResultLine, SheetKind, SheetLines, Step as StepAct};
use signer::rule::{Refusal, Rule};
use signer::value::{CaseId, Code, StatementHash};

use super::desk::{Desk, Seat};
use super::{Judged, list, show};
use crate::procedure::programme::{MatchOf, Step};
use crate::programme::case::{CaseFile, Mark, Payment, PaymentResult};
use crate::programme::{Batch, Change};

/// Number and sum of payments.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sum {
    count: u64,
    fen: u64,
}

impl Sum {
    fn of(payments: impl Iterator<Item = u64>) -> Sum {
        payments.fold(Sum { count: 0, fen: 0 }, |sum, fen| Sum { count: sum.count + 1, fen: sum.fen.saturating_add(fen) })
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} payments, {} fen", self.count, self.fen)
    }
}

impl<'a> Desk<'a> {
    /// A step on a batch.
    pub(super) fn judge_batch_step(&mut self, step: &'a Step, act: &StepAct) -> Judged {
        let Some(named) = &act.batch else { return Ok(()) };
        let opening = if self.programme.opens_batch(step) { Some(self.judge_opening(step, act, named)?) } else { None };
        let known = self.register.batch(&named.batch).filter(|_| opening.is_none());
        if opening.is_none() {
            self.judge_going_on(step, named, known)?;
        }
        let Some(batch) = opening.as_ref().or(known) else { return Ok(()) };
        let cases = batch.cases.clone();
        for case in &cases {
            let file = self.file(case)?;
            self.ensure_unit(case, &file.unit)?;
        }
        if let Some(witnesses) = step.cosigned {
            self.judge_cosigned(act.cosigned, witnesses, batch.covers)?;
        }
        let results = match &act.results {
            Some(results) if step.settles => Some(self.judge_results(results, &cases)?),
            _ => None,
        };
        self.judge_totals(step, act, named, results.as_ref())?;
        self.judge_overrides(&act.overrides, &step.id, |about| matches!(about, About::Case(case) if cases.contains(case)))?;
        let marks = batch.marks.clone();
        for case in &cases {
            let file = self.file(case)?;
            let mut seat = Seat::of(case, file);
            seat.marks.extend(&marks);
            self.judge_case_rules(step, &seat, &act.overrides)?;
        }
        if opening.is_some() {
            let locked = self.marks_of_lock(&named.list, &cases);
            self.judge_times(step, &cases, &locked);
        } else {
            self.judge_times(step, &cases, &marks);
        }
        let mark = self.mark(step, None, Some(act));
        if let Some(batch) = opening {
            self.change(Change::Used(named.list.clone(), self.seen_size()));
            self.change(Change::BatchOpened { id: named.batch.clone(), batch });
        }
        self.change(Change::BatchMarked { batch: named.batch.clone(), mark });
        if let (Some(results), Some(line)) = (results, &act.results) {
            self.change(Change::Used(line.list.clone(), self.seen_size()));
            self.change(Change::Settled { results: results.into_iter().collect() });
        }
        self.change(Change::Named(self.hash, cases));
        Ok(())
    }

    fn judge_opening(&self, step: &Step, act: &StepAct, named: &BatchRef) -> Result<Batch, Refusal> {
        let is_free = self.register.batch(&named.batch).is_none();
        self.ensure(is_free, Rule::BatchTaken, || ("a batch id that is free".to_owned(), named.batch.to_string()))?;
        let (payable, covers) = self.payable(step, act.repays.as_ref(), &named.list)?;
        self.judge_holds(&payable, &act.less)?;
        let is_less = |case: &CaseId| act.less.iter().any(|(less, _)| less == case);
        let paid: BTreeMap<&CaseId, u64> =
            payable.iter().filter(|(case, _)| !is_less(case)).map(|(case, (_, payment))| (*case, payment.fen)).collect();
        let sum = Sum::of(paid.values().copied());
        let found = Sum { count: named.count, fen: named.total };
        self.ensure(sum == found, Rule::BatchMatch, || (format!("{sum}: all of list {}, less the holds", named.list), found.to_string()))?;
        self.ensure(sum.count > 0, Rule::ListEmpty, || ("a payment".to_owned(), "none".to_owned()))?;
        Ok(Batch {
            list: named.list.clone(),
            count: named.count,
            total: named.total,
            cases: paid.into_keys().cloned().collect(),
            repays: act.repays.clone(),
            covers,
            marks: Vec::new(),
            is_void: false,
        })
    }

    /// Payments of a list that may be put into a batch, and the log that a cosigned checkpoint must cover.
    #[allow(clippy::type_complexity, reason = "a map from case to its file and payment says what it is")]
    fn payable(
        &self,
        step: &Step,
        repays: Option<&Code>,
        of: &Code,
    ) -> Result<(BTreeMap<&'a CaseId, (&'a CaseFile, &'a Payment)>, u64), Refusal> {
        let unknown = || Refusal::new(Rule::ListUnknown, format!("a list that {} did", list(step.after.iter())), of.to_string());
        let mut payable = BTreeMap::new();
        if let Some(before) = repays {
            let batch = self.register.batch(before).filter(|batch| batch.list == *of && !batch.is_void).ok_or_else(unknown)?;
            let settled =
                batch.marks.iter().find(|mark| self.programme.step(&mark.step).is_some_and(|step| step.settles)).ok_or_else(unknown)?;
            for case in &batch.cases {
                let payment = self.register.file(case).and_then(|file| Some((file, file.payment.as_ref()?)));
                if let Some((file, payment)) = payment.filter(|(_, payment)| payment.failed_in(before)) {
                    payable.insert(case, (file, payment));
                }
            }
            return Ok((payable, settled.entry));
        }
        let mut covers = None;
        for (case, file) in self.register.locked_by(of) {
            let Some(payment) = &file.payment else { continue };
            covers = covers.max(Some(payment.locked));
            if payment.attempts.is_empty() {
                payable.insert(case, (file, payment));
            }
        }
        Ok((payable, covers.ok_or_else(unknown)?))
    }

    /// Each held payment is named with its hold, and nothing else is.
    fn judge_holds(&self, payable: &BTreeMap<&CaseId, (&CaseFile, &Payment)>, less: &[(CaseId, StatementHash)]) -> Judged {
        let mut before: Option<&CaseId> = None;
        for (case, hold) in less {
            let is_held = |file: &CaseFile| file.holds().any(|flag| flag.hash == *hold);
            let is_good = payable.get(case).is_some_and(|(file, _)| is_held(file)) && before.is_none_or(|before| before < case);
            self.ensure(is_good, Rule::HoldUnnamed, || {
                ("payable cases in order, each with its open hold".to_owned(), format!("{case} {hold}"))
            })?;
            before = Some(case);
        }
        let is_less = |case: &CaseId| less.iter().any(|(less, _)| less == case);
        let unnamed = payable.iter().find(|(case, (file, _))| file.holds().next().is_some() && !is_less(case));
        self.ensure(unnamed.is_none(), Rule::HoldUnnamed, || {
            let case = unnamed.map_or_else(String::new, |(case, _)| case.to_string());
            (format!("a `less` line for case {case}, which is held"), "none".to_owned())
        })
    }

    fn judge_going_on(&self, step: &Step, named: &BatchRef, known: Option<&Batch>) -> Judged {
        let known = known.filter(|batch| !batch.is_void);
        let Some(batch) = known else {
            return self.ensure(false, Rule::BatchUnknown, || ("a batch that was opened".to_owned(), named.batch.to_string()));
        };
        let is_same = (&batch.list, batch.count, batch.total) == (&named.list, named.count, named.total);
        self.ensure(is_same, Rule::BatchMatch, || {
            let shown = |list: &Code, count: u64, fen: u64| format!("list {list}, {}", Sum { count, fen });
            (shown(&batch.list, batch.count, batch.total), shown(&named.list, named.count, named.total))
        })?;
        let is_done = |step: &Code| batch.marks.iter().any(|mark| mark.step == *step);
        self.ensure(!is_done(&step.id), Rule::StepRepeated, || {
            (format!("batch {}: step {} not done", named.batch, step.id), "done".to_owned())
        })?;
        let missing = step.after.iter().find(|before| !is_done(before));
        self.ensure(missing.is_none(), Rule::StepOrder, || {
            (format!("batch {}, before {}: {}", named.batch, step.id, list(step.after.iter())), format!("no {}", list(missing.iter())))
        })?;
        // The bank's results are recorded whatever is held.
        let held =
            batch.cases.iter().find(|case| !step.settles && self.register.file(case).is_some_and(|file| file.holds().next().is_some()));
        self.ensure(held.is_none(), Rule::FlagOpen, || {
            (format!("batch {} without a held payment", named.batch), held.map_or_else(String::new, ToString::to_string))
        })
    }

    /// A payment names the cosigned entry that covers its list, so that every replay sees what the operator saw.
    fn judge_cosigned(&self, named: Option<u64>, witnesses: u64, covers: u64) -> Judged {
        let entry = named.and_then(|entry| self.register.cosigned_at(entry));
        let is_good = entry.is_some_and(|entry| entry.size > covers && entry.witnesses >= witnesses);
        self.ensure(is_good, Rule::CosignedMissing, || {
            let found = entry.map(|entry| format!("a checkpoint of size {} with {} witnesses", entry.size, entry.witnesses));
            (format!("a cosigned entry of a size above {covers} with at least {witnesses} witnesses"), found.unwrap_or("none".to_owned()))
        })
    }

    fn judge_results(&self, named: &ListRef, cases: &[CaseId]) -> Result<BTreeMap<CaseId, PaymentResult>, Refusal> {
        let of = self.list_named(named, SheetKind::Results)?;
        let mut results = BTreeMap::new();
        for sheet in &of.sheets {
            let SheetLines::Results(lines) = sheet else { continue };
            for ResultLine { case, failed } in lines {
                results.insert(case.clone(), failed.clone().map_or(PaymentResult::Paid, PaymentResult::Failed));
            }
        }
        let is_whole = results.len() == cases.len() && cases.iter().all(|case| results.contains_key(case));
        self.ensure(is_whole, Rule::ResultsLines, || {
            let missing = cases.iter().filter(|case| !results.contains_key(*case)).count();
            (format!("a result for each of {} payments and no other", cases.len()), format!("{} lines, {missing} missing", results.len()))
        })?;
        Ok(results)
    }

    fn judge_totals(&self, step: &Step, act: &StepAct, named: &BatchRef, results: Option<&BTreeMap<CaseId, PaymentResult>>) -> Judged {
        let codes: Vec<&Code> = act.totals.iter().map(|(code, ..)| code).collect();
        self.ensure(codes.iter().copied().eq(step.matches.keys()), Rule::Totals, || {
            (format!("step {}: totals of {}", step.id, list(step.matches.keys())), list(codes.iter()))
        })?;
        let whole = Sum { count: named.count, fen: named.total };
        let paid = results.map_or(whole, |results| {
            let paid = results.iter().filter(|(_, result)| **result == PaymentResult::Paid);
            Sum::of(paid.filter_map(|(case, _)| self.register.file(case)?.payment.as_ref()).map(|payment| payment.fen))
        });
        for (code, count, fen) in &act.totals {
            let expected = if step.matches.get(code) == Some(&MatchOf::Paid) { paid } else { whole };
            let found = Sum { count: *count, fen: *fen };
            self.ensure(expected == found, Rule::Totals, || (format!("total {code}: {expected}"), found.to_string()))?;
        }
        Ok(())
    }

    /// The mark that locked a list: a batch being opened has no marks of its own yet. Where its cases were locked one after
    /// another, the latest.
    fn marks_of_lock(&self, of: &Code, cases: &[CaseId]) -> Vec<Arc<Mark>> {
        let marks = cases.iter().filter_map(|case| self.register.file(case)).flat_map(|file| &file.marks);
        let locked = marks.filter(|mark| {
            let locks = self.programme.step(&mark.step).is_some_and(|step| step.locks);
            locks && mark.list.as_ref() == Some(of)
        });
        locked.max_by_key(|mark| mark.entry).cloned().into_iter().collect()
    }

    /// Warns where the step comes after its date, or too long after another.
    fn judge_times(&mut self, step: &Step, cases: &[CaseId], marks: &[Arc<Mark>]) {
        if let Some(period) = self.latest_period(cases.iter()) {
            self.judge_due(step, period, 0);
        }
        self.judge_within(step, marks);
    }

    fn judge_within(&mut self, step: &Step, marks: &[Arc<Mark>]) {
        let Some(within) = &step.within else { return };
        let Some(before) = marks.iter().find(|mark| mark.step == within.of) else { return };
        let days = self.programme.calendar.days_between(before.received, self.received(), within.days.counting);
        if days > within.days.days {
            let expected = format!("step {} within {} days of {}", step.id, within.days.days, within.of);
            self.warn(Rule::Late, expected, show(self.received()));
        }
    }

    /// A step on one payment.
    pub(super) fn judge_payment_step(&mut self, step: &'a Step, act: &StepAct) -> Judged {
        let Some((case, batch)) = &act.payment else { return Ok(()) };
        let found = self.register.file(case).and_then(|file| Some((file, file.payment.as_ref()?)));
        let Some((file, payment)) = found.filter(|(_, payment)| payment.paid_in(batch)) else {
            return self.ensure(false, Rule::PaymentUnknown, || ("a payment that was made".to_owned(), format!("{case} in batch {batch}")));
        };
        let is_done = payment.marks.iter().any(|mark| mark.step == step.id);
        self.ensure(!is_done, Rule::StepRepeated, || (format!("payment of {case} without {}", step.id), "done".to_owned()))?;
        self.ensure_unit(case, &file.unit)?;
        self.judge_overrides(&act.overrides, &step.id, |about| *about == About::Case(case.clone()))?;
        let marks = self.register.batch(batch).map_or(&[][..], |batch| &batch.marks);
        let mut seat = Seat::of(case, file);
        seat.marks.extend(marks);
        self.judge_case_rules(step, &seat, &act.overrides)?;
        self.judge_within(step, marks);
        let mark = self.mark(step, None, Some(act));
        self.change(Change::PaymentMarked { case: case.clone(), mark });
        self.change(Change::Named(self.hash, vec![case.clone()]));
        Ok(())
    }
}
