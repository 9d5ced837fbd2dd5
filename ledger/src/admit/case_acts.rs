//! Acts on a case other than steps: outcomes, corrections, objections and their like (format.md section 8.6).

use signer::act::{
    About, AnswerOutcome, CaseAt, Clause, Correct, Hold, Outcome as OutcomeAct, Override, Release, Report as ReportAct, ReportAbout,
    Ruling, Team, Transfer,
};
use signer::rule::{Refusal, Rule};
use signer::value::{CaseId, Code, StatementHash};

use super::desk::{Desk, Seat};
use super::steps::status;
use super::{Judged, list, show};
use crate::procedure::programme::{OutcomeTo, RuleKind};
use crate::programme::Change;
use crate::programme::Report;
use crate::programme::case::{CaseFile, Flag, FlagKind, Status};

impl<'a> Desk<'a> {
    /// `outcome`.
    pub(super) fn judge_outcome(&mut self, act: &OutcomeAct) -> Judged {
        let programme = self.programme;
        let Some(outcome) = programme.outcomes.get(&act.outcome) else {
            return self.ensure(false, Rule::OutcomeUnknown, || (list(programme.outcomes.keys()), act.outcome.to_string()));
        };
        self.ensure_offices(&outcome.by, &format!("outcome {}", act.outcome))?;
        self.ensure(self.signers.len() as u64 >= outcome.min, Rule::StepCount, || {
            (format!("outcome {}: at least {} persons", act.outcome, outcome.min), self.signers.len().to_string())
        })?;
        let is_listed = outcome.reasons.is_empty() || outcome.reasons.contains(&act.reason);
        self.ensure(is_listed, Rule::Reason, || (list(outcome.reasons.iter()), act.reason.to_string()))?;
        let CaseAt { case, .. } = &act.case;
        let file = self.present_case(&act.case)?;
        self.ensure_unit(case, &file.unit)?;
        let may = file.is_open() || (file.is_suspended() && outcome.to != OutcomeTo::Suspended);
        self.ensure(may, Rule::CaseStatus, || (format!("case {case}: open or suspended"), status(file)))?;
        self.ensure_not_recused(&Seat::of(case, file))?;
        let pending = file.payment.as_ref().filter(|payment| payment.is_pending());
        self.ensure(pending.is_none(), Rule::CasePaid, || {
            (format!("case {case}: no payment on its way"), "one in a batch that is not settled".to_owned())
        })?;
        if file.payment.as_ref().is_some_and(|payment| !payment.is_paid()) {
            let steps = programme.locking().map(|step| step.id.clone()).collect();
            self.change(Change::Unlocked { case: case.clone(), steps });
        }
        self.change(Change::Stopped { case: case.clone(), to: outcome.to, outcome: act.outcome.clone() });
        self.close_upheld(case);
        Ok(())
    }

    /// The case of a line whose hash is its present head.
    fn present_case(&self, named: &CaseAt) -> Result<&'a CaseFile, Refusal> {
        let file = self.file(&named.case)?;
        self.ensure_head(&named.case, Some(&named.head))?;
        Ok(file)
    }

    /// The case of a line whose hash is its present head or a former one.
    fn case_once(&self, named: &CaseAt) -> Result<&'a CaseFile, Refusal> {
        let file = self.file(&named.case)?;
        self.ensure(self.register.was_head_since(&named.case, &named.head, 0), Rule::CaseHead, || {
            (format!("case {}: a head that it has or had", named.case), named.head.to_string())
        })?;
        Ok(file)
    }

    fn ensure_not_batched(&self, case: &CaseId, file: &CaseFile) -> Judged {
        let batch = file.payment.as_ref().and_then(|payment| payment.attempts.last());
        self.ensure(batch.is_none(), Rule::CasePaid, || {
            (format!("case {case}: in no batch"), batch.map_or_else(String::new, |(batch, _)| format!("in batch {batch}")))
        })
    }

    fn ensure_not_locked(&self, case: &CaseId, file: &CaseFile) -> Judged {
        let payment = file.payment.as_ref();
        self.ensure(payment.is_none(), Rule::CasePaid, || {
            (
                format!("case {case}: not locked for payment"),
                payment.map_or_else(String::new, |payment| format!("locked in list {}", payment.list)),
            )
        })
    }

    /// An outcome or correction closes what was upheld; the head moves.
    fn close_upheld(&mut self, case: &CaseId) {
        self.change(Change::UpheldClosed(case.clone()));
        self.move_head(case);
    }

    fn move_head(&mut self, case: &CaseId) {
        self.change(Change::Head(case.clone()));
        self.name(case);
    }

    fn name(&mut self, case: &CaseId) {
        self.change(Change::Named(self.hash, vec![case.clone()]));
    }

    /// `correct`.
    pub(super) fn judge_correct(&mut self, act: &Correct) -> Judged {
        match (&act.case, &act.batch) {
            (Some(named), None) => {
                let file = self.present_case(named)?;
                self.ensure_unit(&named.case, &file.unit)?;
                self.ensure(file.is_open(), Rule::CaseStatus, || (format!("case {}: open", named.case), status(file)))?;
                // A case without its opening could never be done again: an outcome ends it.
                let begins = |step: &Code| self.programme.step(step).is_some_and(|step| step.opens || step.renews);
                let mark = file.marks.iter().find(|mark| mark.hash == act.of && !begins(&mark.step));
                self.ensure(mark.is_some(), Rule::OfUnknown, || {
                    (format!("case {}: a statement that did one of its steps in {}", named.case, file.period), act.of.to_string())
                })?;
                self.ensure_not_batched(&named.case, file)?;
                let from = mark.map_or(u64::MAX, |mark| mark.entry);
                if file.payment.is_some() {
                    let steps = self.programme.locking().map(|step| step.id.clone()).collect();
                    self.change(Change::Unlocked { case: named.case.clone(), steps });
                }
                self.change(Change::TakenBack { case: named.case.clone(), from });
                self.close_upheld(&named.case);
                Ok(())
            }
            (None, Some(id)) => {
                let Some(batch) = self.register.batch(id).filter(|batch| !batch.is_void) else {
                    return self.ensure(false, Rule::BatchUnknown, || ("a batch that was opened".to_owned(), id.to_string()));
                };
                let opened = batch.marks.first().map(|mark| mark.hash);
                self.ensure(opened == Some(act.of), Rule::OfUnknown, || (list(opened.iter()), act.of.to_string()))?;
                self.ensure(batch.marks.len() == 1, Rule::CasePaid, || {
                    (format!("batch {id}: opened and nothing more"), list(batch.marks.iter().map(|mark| &mark.step)))
                })?;
                self.change(Change::BatchVoid(id.clone()));
                self.change(Change::Named(self.hash, batch.cases.clone()));
                Ok(())
            }
            _ => self.ensure(false, Rule::StepLines, || ("a `case` or a `batch` line".to_owned(), "both or none".to_owned())),
        }
    }

    /// `transfer`.
    pub(super) fn judge_transfer(&mut self, act: &Transfer) -> Judged {
        let CaseAt { case, .. } = &act.case;
        let file = self.present_case(&act.case)?;
        self.ensure(act.from == file.unit && act.to != act.from, Rule::TransferUnits, || {
            (format!("case {case}: from {} to another unit", file.unit), format!("from {} to {}", act.from, act.to))
        })?;
        let covers = |unit| self.signers.iter().enumerate().filter(move |(_, signer)| signer.by.unit.covers(unit)).map(|(at, _)| at);
        let (gives, takes): (Vec<usize>, Vec<usize>) = (covers(&act.from).collect(), covers(&act.to).collect());
        let are_two = gives.iter().any(|giver| takes.iter().any(|taker| taker != giver));
        self.ensure(are_two, Rule::CaseUnit, || {
            let found = list(self.signers.iter().map(|signer| format!("{} of {}", signer.by.person, signer.by.unit)));
            (format!("one signer whose unit covers {}, another whose unit covers {}", act.from, act.to), found)
        })?;
        self.ensure(file.is_open(), Rule::CaseStatus, || (format!("case {case}: open"), status(file)))?;
        self.ensure_not_locked(case, file)?;
        self.change(Change::Moved { case: case.clone(), to: act.to.clone() });
        self.move_head(case);
        Ok(())
    }

    /// `account`.
    pub(super) fn judge_account(&mut self, named: &CaseAt, account: signer::value::AccountToken) -> Judged {
        let file = self.present_case(named)?;
        self.ensure_unit(&named.case, &file.unit)?;
        self.ensure(file.is_open() || file.is_suspended(), Rule::CaseStatus, || {
            (format!("case {}: open or suspended", named.case), status(file))
        })?;
        self.ensure_not_locked(&named.case, file)?;
        self.change(Change::Account { case: named.case.clone(), account });
        self.move_head(&named.case);
        Ok(())
    }

    fn flag(&self, kind: FlagKind) -> Flag {
        let signers = self.signers.iter().map(|signer| signer.by.person.clone()).collect();
        Flag { kind, hash: self.hash, signers, received: self.received(), is_upheld: false }
    }

    fn raise(&mut self, case: &CaseId, kind: FlagKind) {
        let flag = self.flag(kind);
        self.change(Change::Flagged { case: case.clone(), flag });
        self.name(case);
    }

    /// `objection`.
    pub(super) fn judge_objection(&mut self, named: &CaseAt) -> Judged {
        self.case_once(named)?;
        self.raise(&named.case, FlagKind::Objection);
        Ok(())
    }

    /// `dissent`.
    pub(super) fn judge_dissent(&mut self, named: &CaseAt, of: &StatementHash) -> Judged {
        let file = self.case_once(named)?;
        self.ensure(file.marks.iter().any(|mark| mark.hash == *of), Rule::OfUnknown, || {
            (format!("case {}: a statement that did one of its steps", named.case), of.to_string())
        })?;
        self.raise(&named.case, FlagKind::Dissent);
        Ok(())
    }

    /// `appeal`.
    pub(super) fn judge_appeal(&mut self, named: &CaseAt, of: &StatementHash) -> Judged {
        let file = self.case_once(named)?;
        let appealable = match &file.status {
            Status::Stopped { outcome, statement, received, .. } if statement == of => {
                let days = self.programme.outcomes.get(outcome).and_then(|outcome| outcome.appeal_days);
                days.map(|days| received.plus_days(days))
            }
            _ => None,
        };
        self.ensure(appealable.is_some(), Rule::OfUnknown, || {
            (format!("case {}: the outcome in force, one with appeal_days", named.case), of.to_string())
        })?;
        let until = appealable.unwrap_or(self.received());
        self.ensure(self.received() <= until, Rule::AppealLate, || (format!("an appeal until {}", show(until)), show(self.received())))?;
        self.raise(&named.case, FlagKind::Appeal);
        Ok(())
    }

    /// `hold`.
    pub(super) fn judge_hold(&mut self, act: &Hold) -> Judged {
        self.case_once(&act.case)?;
        self.raise(&act.case.case, FlagKind::Hold);
        Ok(())
    }

    /// `release`.
    pub(super) fn judge_release(&mut self, act: &Release) -> Judged {
        let CaseAt { case, .. } = &act.case;
        let file = self.case_once(&act.case)?;
        let is_held = file.holds().any(|flag| flag.hash == act.releases);
        self.ensure(is_held, Rule::FlagUnknown, || (format!("case {case}: an open hold"), act.releases.to_string()))?;
        self.change(Change::FlagClosed { case: case.clone(), flag: act.releases });
        self.name(case);
        Ok(())
    }

    /// `recuse`.
    pub(super) fn judge_recuse(&mut self, named: &CaseAt) -> Judged {
        self.case_once(named)?;
        self.ensure(self.signers.len() == 1, Rule::PersonOther, || {
            ("one signer, who steps aside".to_owned(), self.signers.len().to_string())
        })?;
        if let Some(signer) = self.signers.first() {
            let person = signer.by.person.clone();
            self.change(Change::Recused { case: named.case.clone(), person });
        }
        self.name(&named.case);
        Ok(())
    }

    /// `report`.
    pub(super) fn judge_report(&mut self, act: &ReportAct) -> Judged {
        let is_new = self.register.report(&act.report).is_none();
        self.ensure(is_new, Rule::ReportTaken, || ("a report that is new".to_owned(), act.report.to_string()))?;
        let case = match &act.about {
            ReportAbout::Case(case) => {
                self.file(case)?;
                Some(case.clone())
            }
            ReportAbout::Unit(_) => None,
        };
        let Flag { hash, signers, received, .. } = self.flag(FlagKind::Report);
        self.change(Change::Reported { token: act.report, report: Report { hash, signers, received, case: case.clone(), answered: None } });
        if let Some(case) = case {
            self.raise(&case, FlagKind::Report);
        }
        Ok(())
    }

    /// `answer`.
    pub(super) fn judge_answer(&mut self, answers: &StatementHash, said: AnswerOutcome) -> Judged {
        let case = self.register.flagged(answers).filter(|case| self.answerable(case, answers).is_some());
        let report = self.register.report_of(answers).filter(|report| report.answered.is_none());
        self.ensure(case.is_some() || report.is_some(), Rule::FlagUnknown, || {
            ("an objection, dissent, report or appeal without an answer".to_owned(), answers.to_string())
        })?;
        let flag = case.and_then(|case| self.answerable(case, answers));
        let (authors, received) = match (flag, report) {
            (Some(flag), _) => (&flag.signers, flag.received),
            (None, Some(report)) => (&report.signers, report.received),
            (None, None) => return Ok(()),
        };
        let programme = self.programme;
        if let Some(rule) = programme.rules.iter().find(|rule| rule.kind == RuleKind::Independent) {
            let marks = case.and_then(|case| self.register.file(case)).map_or(&[][..], |file| &file.marks);
            let mut involved = authors.iter().chain(marks.iter().flat_map(|mark| &mark.signers));
            let own = involved.find(|person| self.signers.iter().any(|signer| signer.by.person == **person)).cloned();
            self.judge_rule(rule, Rule::Independent, own.is_none(), || {
                ("signers who had no part in the case".to_owned(), list(own.iter()))
            })?;
        }
        if let Some(limit) = programme.answer {
            let days = programme.calendar.days_between(received, self.received(), limit.counting);
            if days > limit.days {
                self.warn(Rule::Late, format!("an answer within {} days", limit.days), format!("after {days}"));
            }
        }
        if report.is_some() {
            self.change(Change::ReportAnswered(*answers));
        }
        if let (Some(case), Some(flag)) = (case, flag) {
            self.close_flag(case, flag, said);
        }
        Ok(())
    }

    /// The flag of a statement on a case, if it can be answered.
    fn answerable(&self, case: &CaseId, statement: &StatementHash) -> Option<&'a Flag> {
        let flags = &self.register.file(case)?.flags;
        flags.iter().find(|flag| flag.hash == *statement && flag.kind != FlagKind::Hold && !flag.is_upheld)
    }

    fn close_flag(&mut self, case: &CaseId, flag: &Flag, said: AnswerOutcome) {
        let (case, hash) = (case.clone(), flag.hash);
        match (said, flag.kind) {
            (AnswerOutcome::Upheld, FlagKind::Appeal) => {
                self.change(Change::FlagClosed { case: case.clone(), flag: hash });
                self.change(Change::Resumed { case: case.clone(), forgets_from: None });
                self.move_head(&case);
            }
            (AnswerOutcome::Upheld, _) => {
                self.change(Change::FlagUpheld { case: case.clone(), flag: hash });
                self.name(&case);
            }
            (AnswerOutcome::Dismissed, _) => {
                self.change(Change::FlagClosed { case: case.clone(), flag: hash });
                self.name(&case);
            }
        }
    }

    /// `override`.
    pub(super) fn judge_override(&mut self, act: &Override) -> Judged {
        let step = self.programme.step(&act.step);
        self.ensure(step.is_some(), Rule::StepUnknown, || ("a step of the procedure".to_owned(), act.step.to_string()))?;
        let rule = self.programme.rules.iter().find(|rule| rule.id == act.rule && rule.may_override);
        self.ensure(rule.is_some(), Rule::OverrideRule, || ("a rule with override = true".to_owned(), act.rule.to_string()))?;
        let supervising = &self.procedure.supervising;
        let supervises = self.signers.iter().any(|signer| self.has_power(signer, supervising));
        self.ensure(supervises, Rule::OverrideSupervisor, || {
            (format!("a signer whose office holds power {supervising}"), "none".to_owned())
        })?;
        self.change(Change::Overridden(act.clone()));
        if let About::Case(case) = &act.about {
            self.name(case);
        }
        Ok(())
    }

    /// `ruling`.
    pub(super) fn judge_ruling(&mut self, act: &Ruling) -> Judged {
        let programme = self.programme;
        let exists = match &act.clause {
            Clause::Step(id) => programme.step(id).is_some(),
            Clause::Outcome(id) => programme.outcomes.contains_key(id),
            Clause::Rule(id) => programme.rules.iter().any(|rule| rule.id == *id),
            Clause::Scheme(scheme) => programme.standards.iter().any(|standard| standard.scheme == *scheme),
        };
        self.ensure(exists, Rule::ClauseUnknown, || ("a clause of the procedure".to_owned(), act.clause.to_string()))?;
        let Some(answers) = &act.answers else { return Ok(()) };
        let case = self.register.referred_by(answers);
        self.ensure(case.is_some(), Rule::OfUnknown, || ("the statement by which a case is referred".to_owned(), answers.to_string()))?;
        if let Some(case) = case.cloned() {
            self.change(Change::Resumed { case: case.clone(), forgets_from: None });
            self.name(&case);
        }
        Ok(())
    }

    /// `team`.
    pub(super) fn judge_team(&mut self, act: &Team) -> Judged {
        let programme = self.programme;
        let Some(step) = programme.step(&act.step).filter(|step| step.has_team) else {
            return self.ensure(false, Rule::StepUnknown, || ("a step with team = true".to_owned(), act.step.to_string()));
        };
        let state = self.judgement.state;
        let at = self.received();
        for member in &act.members {
            self.ensure(state.person(&member.person).is_some(), Rule::PersonUnknown, || {
                ("a person who is enrolled".to_owned(), member.person.to_string())
            })?;
        }
        for (position, member) in act.members.iter().enumerate() {
            let is_first = act.members[..position].iter().all(|before| before.person != member.person);
            self.ensure(is_first, Rule::PersonTaken, || ("each member once".to_owned(), member.person.to_string()))?;
        }
        for member in &act.members {
            let holds = state.offices_of(&member.person).any(|held| held.is_in_force(at) && step.by.offices().contains(&held.office));
            self.ensure(holds, Rule::TeamMember, || (format!("holders of {}", list(step.by.offices().iter())), member.person.to_string()))?;
        }
        for (position, area) in act.areas.iter().enumerate() {
            let has_members = act.members.iter().any(|member| member.sub == area.sub);
            let is_first = act.areas[..position].iter().all(|before| before.unit != area.unit);
            self.ensure(has_members && is_first, Rule::TeamArea, || {
                ("each unit once, for a sub-group with members".to_owned(), format!("{} {}", area.sub, area.unit))
            })?;
        }
        self.judge_team_mix(act, step)?;
        self.warn_unsatisfiable(self.procedure, Some(act));
        self.change(Change::Teamed(act.clone()));
        Ok(())
    }
}
