//! Section 8.6 after the steps: outcomes, corrections, flags and their answers, rulings, overrides, teams.

use ledger::procedure::programme::{OutcomeTo, RuleKind};
use signer::Rule;
use signer::act::{Act, AnswerOutcome, CaseAt, Clause, Correct, ReportAbout};
use signer::value::CaseId;

use super::record::UnitReport;
use super::{Batch, Bench, Case, Effect, Flag, FlagKind, Model, covers, ensure};

/// Changes one case.
fn change(id: &CaseId, by: impl FnOnce(&mut Case) + 'static) -> Effect {
    let id = id.clone();
    Box::new(move |model: &mut Model| by(model.cases.get_mut(&id).unwrap()))
}

impl Bench<'_> {
    /// The acts on cases that are no steps.
    pub fn case_act(&self, act: &Act) -> Result<Effect, Rule> {
        match act {
            Act::Outcome(act) => self.outcome(act),
            Act::Correct(act) => self.correct(act),
            Act::Transfer(act) => self.transfer(act),
            Act::Account(act) => self.account(act),
            Act::Objection(act) => self.flag(&act.case, FlagKind::Objection),
            Act::Hold(act) => self.flag(&act.case, FlagKind::Hold),
            Act::Dissent(act) => {
                let case = self.ever(&act.case)?;
                ensure(case.marks.iter().any(|mark| mark.hash == act.of), Rule::OfUnknown)?;
                self.flag(&act.case, FlagKind::Dissent)
            }
            Act::Appeal(act) => self.appeal(act),
            Act::Recuse(act) => {
                self.ever(&act.case)?;
                ensure(self.signers.len() == 1, Rule::PersonOther)?;
                let person = self.signers[0].person.clone();
                let hash = self.hash;
                Ok(change(&act.case.case, move |case| {
                    case.recused.push(person.clone());
                    case.recusals.push((person, hash));
                }))
            }
            Act::Release(act) => {
                let case = self.ever(&act.case)?;
                ensure(case.has_hold(Some(&act.releases)), Rule::FlagUnknown)?;
                let hash = act.releases;
                Ok(change(&act.case.case, move |case| case.flags.retain(|flag| flag.hash != hash)))
            }
            Act::Report(act) => self.report(act),
            Act::Answer(act) => self.answer(act),
            Act::Override(act) => self.override_act(act),
            Act::Ruling(act) => self.ruling(act),
            Act::Team(act) => self.team_act(act),
            _ => panic!("the model does not judge {act:?}"),
        }
    }

    fn known(&self, at: &CaseAt) -> Result<&Case, Rule> {
        let case = self.model.cases.get(&at.case).ok_or(Rule::CaseUnknown)?;
        ensure(case.head == at.head, Rule::CaseHead)?;
        Ok(case)
    }

    fn present(&self, at: &CaseAt) -> Result<&Case, Rule> {
        let case = self.known(at)?;
        ensure(self.all_cover(&case.unit), Rule::CaseUnit)?;
        Ok(case)
    }

    fn ever(&self, at: &CaseAt) -> Result<&Case, Rule> {
        let case = self.model.cases.get(&at.case).ok_or(Rule::CaseUnknown)?;
        ensure(case.had(&at.head), Rule::CaseHead)?;
        Ok(case)
    }

    fn locking_steps(&self) -> Vec<signer::value::Code> {
        self.g.programme.steps.iter().filter(|step| step.locks).map(|step| step.id.clone()).collect()
    }

    fn outcome(&self, act: &signer::act::Outcome) -> Result<Effect, Rule> {
        let outcome = self.g.programme.outcomes.get(&act.outcome).ok_or(Rule::OutcomeUnknown)?;
        ensure(self.signers.iter().all(|signer| outcome.by.contains(&signer.office)), Rule::StepOffice)?;
        ensure(self.signers.len() as u64 >= outcome.min, Rule::StepCount)?;
        ensure(outcome.reasons.is_empty() || outcome.reasons.contains(&act.reason), Rule::Reason)?;
        let case = self.present(&act.case)?;
        let is_good = match case.status {
            None => true,
            Some(OutcomeTo::Suspended) => outcome.to != OutcomeTo::Suspended,
            Some(_) => false,
        };
        ensure(is_good, Rule::CaseStatus)?;
        ensure(!self.signers.iter().any(|signer| case.recused.contains(&signer.person)), Rule::Recused)?;
        ensure(!case.payment.as_ref().is_some_and(super::Payment::is_pending), Rule::CasePaid)?;
        let (to, id, hash, i, r, locking) = (outcome.to, act.outcome.clone(), self.hash, self.i, self.r, self.locking_steps());
        Ok(change(&act.case.case, move |case| {
            case.status = Some(to);
            (case.status_entry, case.status_hash, case.status_outcome, case.status_received) = (i, hash, Some(id), r);
            if case.payment.as_ref().is_some_and(|payment| !payment.is_paid()) {
                case.payment = None;
                case.marks.retain(|mark| !locking.contains(&mark.step));
            }
            case.flags.retain(|flag| !flag.upheld);
            case.moves(hash, i);
        }))
    }

    fn correct(&self, act: &Correct) -> Result<Effect, Rule> {
        ensure(act.case.is_some() != act.batch.is_some(), Rule::StepLines)?;
        if let Some(at) = &act.case {
            let case = self.present(at)?;
            ensure(case.status.is_none(), Rule::CaseStatus)?;
            let begins = |mark: &&super::Mark| self.step_of(&mark.step).is_some_and(|step| step.opens || step.renews);
            let marks = case.marks.iter().filter(|mark| mark.hash == act.of && !begins(mark));
            let entry = marks.map(|mark| mark.entry).min().ok_or(Rule::OfUnknown)?;
            ensure(case.payment.as_ref().is_none_or(|payment| payment.batches.is_empty()), Rule::CasePaid)?;
            let (hash, i, locking) = (self.hash, self.i, self.locking_steps());
            return Ok(change(&at.case, move |case| {
                case.marks.retain(|mark| mark.entry < entry && !locking.contains(&mark.step));
                case.corrected = i;
                case.payment = None;
                case.flags.retain(|flag| !flag.upheld);
                case.moves(hash, i);
            }));
        }
        let id = act.batch.clone().unwrap();
        let batch: &Batch = self.model.batches.get(&id).filter(|batch| !batch.is_gone).ok_or(Rule::BatchUnknown)?;
        ensure(batch.opened_by == act.of, Rule::OfUnknown)?;
        ensure(batch.marks.len() == 1, Rule::CasePaid)?;
        Ok(Box::new(move |model| {
            model.batches.get_mut(&id).unwrap().is_gone = true;
            for case in model.cases.values_mut() {
                if let Some(payment) = &mut case.payment {
                    payment.batches.retain(|(batch, _)| *batch != id);
                }
            }
        }))
    }

    fn transfer(&self, act: &signer::act::Transfer) -> Result<Effect, Rule> {
        let case = self.known(&act.case)?;
        ensure(act.from == case.unit && act.to != case.unit, Rule::TransferUnits)?;
        let two = self.signers.iter().enumerate().any(|(a, from)| {
            let others = self.signers.iter().enumerate().filter(|(b, _)| *b != a);
            covers(&from.unit, &act.from) && others.into_iter().any(|(_, to)| covers(&to.unit, &act.to))
        });
        ensure(two, Rule::CaseUnit)?;
        ensure(case.status.is_none(), Rule::CaseStatus)?;
        ensure(case.payment.is_none(), Rule::CasePaid)?;
        let (to, i, hash) = (act.to.clone(), self.i, self.hash);
        Ok(change(&act.case.case, move |case| {
            (case.unit, case.unit_entry) = (to, i);
            case.moves(hash, i);
        }))
    }

    fn account(&self, act: &signer::act::Account) -> Result<Effect, Rule> {
        let case = self.present(&act.case)?;
        ensure(matches!(case.status, None | Some(OutcomeTo::Suspended)), Rule::CaseStatus)?;
        ensure(case.payment.is_none(), Rule::CasePaid)?;
        let (account, hash, i) = (act.account, self.hash, self.i);
        Ok(change(&act.case.case, move |case| {
            case.account = account;
            case.moves(hash, i);
        }))
    }

    fn new_flag(&self, kind: FlagKind) -> Flag {
        Flag { kind, hash: self.hash, signers: self.persons(), received: self.r, upheld: false }
    }

    fn flag(&self, at: &CaseAt, kind: FlagKind) -> Result<Effect, Rule> {
        self.ever(at)?;
        let flag = self.new_flag(kind);
        Ok(change(&at.case, |case| case.flags.push(flag)))
    }

    fn appeal(&self, act: &signer::act::Appeal) -> Result<Effect, Rule> {
        let case = self.ever(&act.case)?;
        let outcome = case.status.and(case.status_outcome.as_ref()).and_then(|id| self.g.programme.outcomes.get(id));
        let days = outcome.and_then(|outcome| outcome.appeal_days).ok_or(Rule::OfUnknown)?;
        ensure(case.status_hash == act.of, Rule::OfUnknown)?;
        ensure(self.r.0 <= case.status_received.0 + days as i64 * 86_400_000, Rule::AppealLate)?;
        self.flag(&act.case, FlagKind::Appeal)
    }

    fn report(&self, act: &signer::act::Report) -> Result<Effect, Rule> {
        let is_taken = self.model.acts().any(|(.., before)| matches!(before, Act::Report(before) if before.report == act.report));
        ensure(!is_taken, Rule::ReportTaken)?;
        match &act.about {
            ReportAbout::Case(id) => {
                ensure(self.model.cases.contains_key(id), Rule::CaseUnknown)?;
                let flag = self.new_flag(FlagKind::Report);
                Ok(change(id, |case| case.flags.push(flag)))
            }
            ReportAbout::Unit(_) => {
                let report = UnitReport { hash: self.hash, signers: self.persons(), received: self.r };
                Ok(Box::new(|model| model.unit_reports.push(report)))
            }
        }
    }

    fn answer(&self, act: &signer::act::Answer) -> Result<Effect, Rule> {
        let is_asked = |flag: &&Flag| flag.hash == act.answers && flag.kind != FlagKind::Hold && !flag.upheld;
        let flagged = self.model.cases.iter().find_map(|(id, case)| case.flags.iter().find(is_asked).map(|flag| (id, case, flag)));
        let reported = self.model.unit_reports.iter().find(|report| report.hash == act.answers);
        let (received, mut involved) = match (flagged, reported) {
            (Some((_, case, flag)), _) => {
                let done: Vec<_> = case.marks.iter().flat_map(|mark| mark.signers.clone()).collect();
                (flag.received, [flag.signers.clone(), done].concat())
            }
            (None, Some(report)) => (report.received, report.signers.clone()),
            (None, None) => return Err(Rule::FlagUnknown),
        };
        involved.retain(|person| self.signers.iter().any(|signer| signer.person == *person));
        for rule_of in self.g.programme.rules.iter().filter(|rule_of| rule_of.kind == RuleKind::Independent) {
            self.by_severity(rule_of, involved.is_empty(), Rule::Independent)?;
        }
        if let Some(days) = self.g.programme.answer {
            self.warn_unless(self.days_between(received, self.r, days.counting) <= days.days, Rule::Late);
        }
        let answers = act.answers;
        let Some((id, _, flag)) = flagged else {
            return Ok(Box::new(move |model| model.unit_reports.retain(|report| report.hash != answers)));
        };
        let (upheld, is_appeal, i, hash) = (act.outcome == AnswerOutcome::Upheld, flag.kind == FlagKind::Appeal, self.i, self.hash);
        Ok(change(id, move |case| match (upheld, is_appeal) {
            (true, false) => case.flags.iter_mut().filter(|flag| flag.hash == answers).for_each(|flag| flag.upheld = true),
            (true, true) => {
                case.flags.retain(|flag| flag.hash != answers);
                (case.status, case.status_outcome, case.status_entry, case.status_hash) = (None, None, i, hash);
                case.moves(hash, i);
            }
            (false, _) => case.flags.retain(|flag| flag.hash != answers),
        }))
    }

    fn override_act(&self, act: &signer::act::Override) -> Result<Effect, Rule> {
        ensure(self.step_of(&act.step).is_some(), Rule::StepUnknown)?;
        let may = self.g.programme.rules.iter().any(|rule_of| rule_of.id == act.rule && rule_of.may_override);
        ensure(may, Rule::OverrideRule)?;
        let supervises = |signer: &super::Signer| {
            signer.power.clone().or_else(|| self.power_of(&signer.office)).is_some_and(|power| power == self.g.supervising)
        };
        ensure(self.signers.iter().any(supervises), Rule::OverrideSupervisor)?;
        Ok(Box::new(|_| ()))
    }

    fn ruling(&self, act: &signer::act::Ruling) -> Result<Effect, Rule> {
        let programme = &self.g.programme;
        let is_known = match &act.clause {
            Clause::Step(id) => self.step_of(id).is_some(),
            Clause::Outcome(id) => programme.outcomes.contains_key(id),
            Clause::Rule(id) => programme.rules.iter().any(|rule_of| rule_of.id == *id),
            Clause::Scheme(scheme) => programme.standards.iter().any(|standard| standard.scheme == *scheme),
        };
        ensure(is_known, Rule::ClauseUnknown)?;
        let Some(answers) = act.answers else { return Ok(Box::new(|_| ())) };
        let is_referred = |case: &Case| case.status == Some(OutcomeTo::Referred) && case.status_hash == answers;
        let (id, _) = self.model.cases.iter().find(|(_, case)| is_referred(case)).ok_or(Rule::OfUnknown)?;
        let (i, r, hash) = (self.i, self.r, self.hash);
        Ok(change(id, move |case| {
            case.referred_ms += r.0 - case.status_received.0;
            (case.status, case.status_outcome, case.status_entry, case.status_hash) = (None, None, i, hash);
        }))
    }
}
