//! Steps, whole or waiting for signers, and steps on one case.

use std::collections::BTreeSet;
use std::sync::Arc;

use ledger::procedure::Procedure;
use ledger::procedure::calendar::{Counting, Days};
use ledger::procedure::programme::StepBy;
use signer::ActName;
use signer::act::{Act, Step};
use signer::statement::Statement;
use signer::value::{CaseId, Code, StatementHash};

use super::lists::Doing;
use super::{Facts, Fold, Result};
use crate::ProjectorError;
use crate::keys::Key;
use crate::rows::{
    CasePart, CaseRow, DaysRow, Deed, EntryRow, FileRow, LedgerRow, LineRow, ListDeed, ListRow, MarkRow, OutcomeRow, ProcedureRow,
    SIGNED_MAX, SignerRow, StepDeed, StepRow, Subject, Wait, WaitingRow,
};

impl Facts<'_> {
    /// What the enacted procedure says of steps and outcomes: acts under it mean what it says.
    pub(super) fn learn_procedure(&self, fold: &mut Fold<'_>, digest: [u8; 32]) {
        let Some(procedure) = self.procedure else { return };
        let programme = &procedure.programme;
        fold.put(Key::Procedure(digest), procedure_row(procedure));
        for (number, step) in (0..).zip(&programme.steps) {
            let row = StepRow {
                offices: step.by.offices().iter().map(ToString::to_string).collect(),
                min: if let StepBy::Any(_, min) = &step.by { Some(*min) } else { None },
                locks: step.locks,
                opens_batch: programme.opens_batch(step),
                number,
                due: step.due,
                within: step.within.as_ref().map(|within| (days_row(&within.days), within.of.to_string())),
                posting: step.posting.as_ref().map(|posting| days_row(&posting.days)),
            };
            fold.put(Key::Step(digest, step.id.to_string()), row);
        }
        for (id, outcome) in &programme.outcomes {
            let row = OutcomeRow { name: outcome.name.clone(), to: outcome.to.as_str().to_owned() };
            fold.put(Key::Outcome(digest, id.to_string()), row);
        }
    }

    pub(super) fn step_of(&self, fold: &Fold<'_>, step: &Code) -> Result<StepRow> {
        fold.require(&Key::Step(self.governing.unwrap_or_default(), step.to_string()))
    }

    pub(super) fn outcome_of(&self, fold: &Fold<'_>, outcome: &Code) -> Result<OutcomeRow> {
        fold.require(&Key::Outcome(self.governing.unwrap_or_default(), outcome.to_string()))
    }

    /// A step as it arrives: done, or waiting. An admitted one that has too few signers waits: whatever else has too few is
    /// refused.
    pub(super) fn step(&self, fold: &mut Fold<'_>, step: &Step, signers: &[SignerRow], statement: &Statement) -> Result<Deed> {
        fold.put(Key::Statement(self.hash.0), self.entry);
        let rule = self.step_of(fold, &step.step)?;
        let offices: BTreeSet<String> = signers.iter().map(|signer| signer.office.clone()).collect();
        let persons = signers.len() as u64;
        if rule.has_signers(persons, &offices) {
            return Ok(Deed::Step(Box::new(self.do_step(fold, step, &rule, self.hash)?)));
        }
        let waiting = WaitingRow { entry: self.entry, text: statement.encode(), signed: vec![self.entry], persons, offices };
        fold.put(Key::Waiting(self.hash.0), waiting);
        let on = self.waits_on(fold, step)?;
        Ok(Deed::Step(Box::new(deed(fold, step, on, Wait::Waits)?)))
    }

    /// Somebody joins a step that waits; if that makes it whole, the step is done now.
    pub(super) fn join(&self, fold: &mut Fold<'_>, joins: &StatementHash, signers: &[SignerRow]) -> Result<Deed> {
        fold.put(Key::Statement(self.hash.0), self.entry);
        let key = Key::Waiting(joins.0);
        let mut waiting: WaitingRow = fold.require(&key)?;
        let step = step_of_text(&waiting.text)
            .ok_or_else(|| ProjectorError::Row { key: key.to_string(), what: "not the text of a step".to_owned() })?;
        let signed = waiting.signed.clone();
        waiting.persons += signers.len() as u64;
        waiting.offices.extend(signers.iter().map(|signer| signer.office.clone()));
        if waiting.signed.len() < SIGNED_MAX {
            waiting.signed.push(self.entry);
        }
        let rule = self.step_of(fold, &step.step)?;
        let is_whole = rule.has_signers(waiting.persons, &waiting.offices);
        let first = waiting.entry;
        fold.put(key, waiting);
        let completes = if is_whole {
            fold.amend(Key::Entry(first), |row: &mut EntryRow| {
                if let Deed::Step(step) = &mut row.deed {
                    step.wait = Wait::CompletedBy(self.entry);
                }
            })?;
            Some(Box::new(self.do_step(fold, &step, &rule, *joins)?))
        } else {
            self.waits_on(fold, &step)?;
            None
        };
        Ok(Deed::Join { step: step.step.to_string(), signed, completes })
    }

    /// A step that waits has no effect; its cases are told of it. Nobody has looked yet whether what it names is there.
    fn waits_on(&self, fold: &mut Fold<'_>, step: &Step) -> Result<Subject> {
        let (on, cases) = match (&step.case, &step.list) {
            (Some((case, _)), _) => (subject_of_case(step, case), vec![case.to_string()]),
            (None, Some(list)) => {
                let is_known = fold.find::<ListRow>(&Key::List(list.list.to_string()))?.is_some();
                let lines = if is_known { fold.lines(list.list.as_str())? } else { Vec::new() };
                let cases = lines.into_iter().filter_map(|line| match line {
                    LineRow::Case { case, .. } | LineRow::Omit { case, .. } => Some(case),
                    LineRow::Result { .. } => None,
                });
                let list = ListDeed { list: list.list.to_string(), root: list.root.0, kept: 0, dropped: 0, omitted: 0 };
                (Subject::List { list, seats: fold.seats(step.seats.as_ref())? }, cases.collect())
            }
            (None, None) => return self.unfinished("a step that waits on no case and no list"),
        };
        for case in cases {
            if step.open.is_some() || fold.find::<CaseRow>(&Key::Case(case.clone()))?.is_some() {
                self.act_on_case(fold, &case, None, CasePart::Waits)?;
            }
        }
        Ok(on)
    }

    /// The step with its effect: `hash` is its own statement's, whatever entry completed it.
    fn do_step(&self, fold: &mut Fold<'_>, step: &Step, rule: &StepRow, hash: StatementHash) -> Result<StepDeed> {
        let on = if let Some((case, _)) = &step.case {
            self.do_case_step(fold, step, rule, case, hash)?;
            subject_of_case(step, case)
        } else if let Some(list) = &step.list {
            let list = self.do_list(fold, list, &Doing { step: step.step.as_str(), rule, hash })?;
            Subject::List { list, seats: fold.seats(step.seats.as_ref())? }
        } else if let Some(batch) = &step.batch {
            Subject::Batch(self.do_batch(fold, step, batch, rule)?)
        } else if let Some((case, batch)) = &step.payment {
            self.do_payment(fold, step, rule, (case.as_str(), batch.as_str()))?;
            Subject::Payment { case: case.to_string(), batch: batch.to_string() }
        } else {
            return self.unfinished("a step on nothing");
        };
        deed(fold, step, on, Wait::No)
    }

    fn do_case_step(&self, fold: &mut Fold<'_>, step: &Step, rule: &StepRow, case: &CaseId, hash: StatementHash) -> Result<()> {
        let is_new = self.act_on_case(fold, case.as_str(), Some(hash), CasePart::Own)?;
        fold.amend(Key::Ledger, |ledger: &mut LedgerRow| ledger.cases += u64::from(is_new))?;
        if let Some(opening) = &step.open {
            let file = FileRow {
                unit: opening.unit.to_string(),
                scheme: opening.scheme.to_string(),
                tier: opening.tier.to_string(),
                period: opening.period.year(),
                stopped: None,
                dropped: None,
                flags: 0,
                first_open: 0,
                payment: None,
                marks: Vec::new(),
                referred_ms: 0,
            };
            fold.open_case(case.as_str(), file)?;
        } else if let Some(period) = step.period {
            let opens = fold.terms(self.governing)?.and_then(|terms| terms.row.opens.clone());
            fold.amend_standing(case.as_str(), |file| {
                (file.stopped, file.payment, file.referred_ms) = (None, None, 0);
                file.period = period.year();
                // What a case keeps was not done in this period, and met no date of it.
                let kept = file.marks.iter().filter(|mark| Some(&mark.step) == opens.as_ref());
                file.marks = kept.map(|mark| Arc::new(MarkRow { is_late: None, ..MarkRow::clone(mark) })).collect();
            })?;
        } else {
            self.resume(fold, case.as_str(), step.step.as_str())?;
        }
        let known = fold.amend_file(case.as_str(), |file| (file.period, file.referred_ms))?;
        let is_late = match known {
            Some((period, referred_ms)) => self.is_overdue(fold, rule, period, referred_ms)?,
            None => None,
        };
        fold.mark_case(case.as_str(), &Arc::new(MarkRow { step: step.step.to_string(), entry: self.entry, is_late }))
    }

    /// The way back of a suspended case, which loses this step's mark and all of later entry; no other case that is stopped has
    /// one.
    fn resume(&self, fold: &mut Fold<'_>, case: &str, step: &str) -> Result<()> {
        let mut from = None;
        fold.amend_standing(case, |file| {
            if file.stopped.take().is_some() {
                from = file.marks.iter().find(|mark| mark.step == step).map(|mark| mark.entry);
            }
        })?;
        from.map_or(Ok(()), |from| fold.forget_from(case, from))
    }

    /// What admission lets nobody do.
    pub(super) fn unfinished<T>(&self, what: &str) -> Result<T> {
        Err(ProjectorError::Missing { entry: self.entry, what: format!("a meaning of {what}") })
    }
}

fn days_row(days: &Days) -> DaysRow {
    DaysRow { days: days.days, are_working: days.counting == Counting::Working }
}

fn procedure_row(procedure: &Procedure) -> ProcedureRow {
    let (programme, calendar) = (&procedure.programme, &procedure.programme.calendar);
    let offices = |act| procedure.governance.get(&act).map_or_else(Vec::new, |rule| rule.any.iter().map(ToString::to_string).collect());
    ProcedureRow {
        offset_minutes: calendar.offset_minutes,
        working: calendar.working.iter().copied().collect(),
        holidays: calendar.holidays.iter().copied().collect(),
        workdays: calendar.workdays.iter().copied().collect(),
        answer: programme.answer.as_ref().map(days_row),
        opens: programme.steps.iter().find(|step| step.opens).map(|step| step.id.to_string()),
        locks: programme.locking().next().map(|step| step.id.to_string()),
        answers: offices(ActName::Answer),
        releases: offices(ActName::Release),
    }
}

fn subject_of_case(step: &Step, case: &CaseId) -> Subject {
    let opens = step
        .open
        .as_ref()
        .map(|opening| (opening.unit.to_string(), opening.scheme.to_string(), opening.tier.to_string(), opening.period.year()));
    Subject::Case { case: case.to_string(), opens, renews: step.period.map(|period| period.year()) }
}

fn deed(fold: &Fold<'_>, step: &Step, on: Subject, wait: Wait) -> Result<StepDeed> {
    Ok(StepDeed {
        step: step.step.to_string(),
        on,
        asserts: step.asserts.iter().map(|(code, said)| (code.to_string(), said.to_string())).collect(),
        measures: step.measures.iter().map(|(code, measure)| (code.to_string(), *measure)).collect(),
        evidence: step.evidence.iter().map(|(code, _)| code.to_string()).collect(),
        overrides: fold.entries_of(&step.overrides)?,
        wait,
    })
}

fn step_of_text(text: &str) -> Option<Step> {
    match Statement::parse(text).ok()? {
        Statement::Act { act: Act::Step(step), .. } => Some(*step),
        _ => None,
    }
}
