//! The desk on which one act of a programme is judged: what everybody who judges it asks, and the rules of `[[rule]]`
//! (format.md section 8.4).

use std::collections::BTreeMap;
use std::sync::Arc;

use signer::act::{About, Override};
use signer::rule::{Refusal, Rule};
use signer::statement::By;
use signer::value::{CaseId, Code, DAY_MS, Office, Power, StatementHash, Unit, UnixMs};

use super::{Admission, Judged, Judgement, list, show};
use crate::procedure::Procedure;
use crate::procedure::programme::{Programme, RuleKind, RuleOf, Severity, Step};
use crate::programme::case::{CaseFile, Mark};
use crate::programme::{Change, Register, is_drawn};
use crate::state::Appointment;

/// Who signs, and by which appointment.
#[derive(Clone, Copy)]
pub(super) struct Signer<'a> {
    pub(super) by: &'a By,
    pub(super) held: &'a Appointment,
}

/// One act being judged under the governing procedure.
pub(super) struct Desk<'a> {
    pub(super) judgement: &'a Judgement<'a>,
    pub(super) procedure: &'a Procedure,
    pub(super) programme: &'a Programme,
    pub(super) register: &'a Register,
    /// Everybody who signs, those who joined included.
    pub(super) signers: Vec<Signer<'a>>,
    /// The statement that becomes the head: the step's own, also where a join completes it.
    pub(super) hash: StatementHash,
    /// What will be admitted.
    pub(super) admission: Admission,
}

/// A case beside a step, as the rules see it.
pub(super) struct Seat<'a> {
    pub(super) case: &'a CaseId,
    pub(super) unit: &'a Unit,
    /// Marks of the case, and of its batch.
    pub(super) marks: Vec<&'a Arc<Mark>>,
    pub(super) file: Option<&'a CaseFile>,
}

impl<'a> Seat<'a> {
    pub(super) fn of(case: &'a CaseId, file: &'a CaseFile) -> Seat<'a> {
        Seat { case, unit: &file.unit, marks: file.marks.iter().collect(), file: Some(file) }
    }
}

impl<'a> Desk<'a> {
    /// Index of the entry.
    pub(super) fn entry(&self) -> u64 {
        self.judgement.state.size()
    }

    /// When it is received.
    pub(super) fn received(&self) -> UnixMs {
        self.judgement.received
    }

    /// Number of entries that the statement's signers had seen.
    pub(super) fn seen_size(&self) -> u64 {
        self.judgement.header.seen.size
    }

    /// Refuses by a rule where something does not hold.
    pub(super) fn ensure(&self, holds: bool, rule: Rule, says: impl FnOnce() -> (String, String)) -> Judged {
        if holds || self.judgement.state.is_mutant(rule) {
            return Ok(());
        }
        let (expected, found) = says();
        Err(Refusal::new(rule, expected, found))
    }

    /// Warns once by each rule.
    pub(super) fn warn(&mut self, rule: Rule, expected: String, found: String) {
        if !self.judgement.state.is_mutant(rule) && !self.admission.warnings.iter().any(|warning| warning.rule == rule) {
            self.admission.warnings.push(Refusal::new(rule, expected, found));
        }
    }

    /// Adds a change.
    pub(super) fn change(&mut self, change: Change) {
        self.admission.changes.push(change);
    }

    /// A case that a step opened.
    pub(super) fn file(&self, case: &CaseId) -> Result<&'a CaseFile, Refusal> {
        self.register.file(case).ok_or_else(|| Refusal::new(Rule::CaseUnknown, "a case that was opened", case.to_string()))
    }

    /// Whether every signer's unit covers a unit.
    pub(super) fn ensure_unit(&self, case: &CaseId, unit: &Unit) -> Judged {
        let other = self.signers.iter().find(|signer| !signer.by.unit.covers(unit));
        self.ensure(other.is_none(), Rule::CaseUnit, || {
            let found = other.map_or_else(String::new, |signer| format!("{} of unit {}", signer.by.person, signer.by.unit));
            (format!("case {case}: signers whose units cover {unit}"), found)
        })
    }

    /// Whether an office's power is this one.
    pub(super) fn has_power(&self, signer: &Signer<'_>, power: &Power) -> bool {
        let held = match signer.by.office.is_reserved() {
            true => signer.held.power.as_ref(),
            false => self.power_of(&signer.by.office),
        };
        held == Some(power)
    }

    fn power_of(&self, office: &Office) -> Option<&'a Power> {
        self.procedure.offices.get(office).map(|office| &office.power)
    }

    /// The rules of signers: acting, then exclusive powers.
    pub(super) fn judge_signers(&mut self) -> Judged {
        let rules: Vec<&RuleOf> = self.programme.rules.iter().collect();
        for signer in self.signers.clone() {
            for rule in &rules {
                if let RuleKind::Acting { max_days, .. } = rule.kind {
                    let until = signer.held.from.plus_days(max_days);
                    let holds = !signer.held.capacity.is_lent() || self.received() <= until;
                    self.judge_rule(rule, Rule::ActingDays, holds, || {
                        (format!("an act until {}", show(until)), format!("{} on {}", signer.by.person, show(self.judgement.received)))
                    })?;
                }
            }
            for rule in &rules {
                if let RuleKind::ExclusivePowers(powers) = &rule.kind {
                    let held = self.powers_held(&signer);
                    let held: Vec<&Power> = powers.iter().filter(|power| held.contains(power)).collect();
                    self.judge_rule(rule, Rule::ExclusivePowers, held.len() < 2, || {
                        ("offices of one of the powers".to_owned(), format!("{} holds {}", signer.by.person, list(held.iter())))
                    })?;
                }
            }
        }
        Ok(())
    }

    fn powers_held(&self, signer: &Signer<'_>) -> Vec<&'a Power> {
        let state = self.judgement.state;
        let at = self.received();
        let held = state.offices_of(&signer.by.person).filter(|held| held.is_in_force(at));
        held.filter_map(|held| self.power_of(&held.office)).collect()
    }

    /// A rule of the procedure: refuses or warns, and names its clause.
    pub(super) fn judge_rule(&mut self, rule: &RuleOf, name: Rule, holds: bool, says: impl FnOnce() -> (String, String)) -> Judged {
        if holds {
            return Ok(());
        }
        let (expected, found) = says();
        let expected = format!("{expected} [rule {}]", rule.id);
        match rule.severity {
            Severity::Refuse => self.ensure(false, name, || (expected, found)),
            Severity::Warn => {
                self.warn(name, expected, found);
                Ok(())
            }
        }
    }

    /// Every `override` line names an override for this step, and for something that the statement does.
    pub(super) fn judge_overrides(&self, overrides: &[StatementHash], step: &Code, does: impl Fn(&About) -> bool) -> Judged {
        for named in overrides {
            let fits = self.overriding(named).is_some_and(|one| one.step == *step && does(&one.about));
            self.ensure(fits, Rule::OverrideUnknown, || {
                (format!("an override of step {step} for what this statement does"), named.to_string())
            })?;
        }
        Ok(())
    }

    fn overriding(&self, named: &StatementHash) -> Option<&'a Override> {
        let (entry, one) = self.register.overridden(named)?;
        (*entry < self.seen_size()).then_some(one)
    }

    /// For this case, or for the whole list that is done.
    fn is_overridden(&self, rule: &RuleOf, case: &CaseId, overrides: &[StatementHash]) -> bool {
        let covers = |one: &Override| one.rule == rule.id && !matches!(&one.about, About::Case(other) if other != case);
        rule.may_override && overrides.iter().any(|named| self.overriding(named).is_some_and(covers))
    }

    /// The rules of a case: who stepped aside, then `[[rule]]` in order.
    pub(super) fn judge_case_rules(&mut self, step: &Step, seat: &Seat<'_>, overrides: &[StatementHash]) -> Judged {
        self.ensure_not_recused(seat)?;
        let programme = self.programme;
        for rule in programme.rules.iter().filter(|rule| rule.kind.steps().contains(&step.id)) {
            if self.is_overridden(rule, seat.case, overrides) {
                continue;
            }
            self.judge_case_rule(rule, step, seat)?;
        }
        Ok(())
    }

    pub(super) fn ensure_not_recused(&self, seat: &Seat<'_>) -> Judged {
        let recused = seat.file.map_or(&[][..], |file| &file.recused);
        let signer = self.signers.iter().find(|signer| recused.iter().any(|(person, _)| *person == signer.by.person));
        self.ensure(signer.is_none(), Rule::Recused, || {
            let found = signer.map_or_else(String::new, |signer| signer.by.person.to_string());
            (format!("case {}: signers who did not step aside", seat.case), found)
        })
    }

    fn judge_case_rule(&mut self, rule: &RuleOf, step: &Step, seat: &Seat<'_>) -> Judged {
        let case = seat.case;
        match &rule.kind {
            RuleKind::Distinct(steps) => {
                let others = || seat.marks.iter().filter(|mark| mark.step != step.id && steps.contains(&mark.step));
                let twice = others().find_map(|mark| {
                    self.signers.iter().find(|signer| mark.signers.contains(&signer.by.person)).map(|signer| (signer.by, &mark.step))
                });
                self.judge_rule(rule, Rule::Distinct, twice.is_none(), || {
                    let found = twice.map_or_else(String::new, |(by, other)| format!("{}, who did {other}", by.person));
                    (format!("case {case}, step {}: persons who did none of the others", step.id), found)
                })
            }
            RuleKind::NotOwnUnit(_) => {
                let own = self.signers.iter().find(|signer| signer.held.home.depth() > 0 && signer.held.home.covers(seat.unit));
                let found = own.map(|signer| format!("{} of home {}", signer.by.person, signer.held.home));
                self.judge_rule(rule, Rule::OwnUnit, found.is_none(), || {
                    (format!("case {case}: signers whose home is not that of {}", seat.unit), found.clone().unwrap_or_default())
                })
            }
            RuleKind::Mixed { level, min, .. } => {
                let of_level = self.signers.iter().filter(|signer| signer.held.home.depth() == *level).count() as u64;
                let name = self.programme.levels.get(*level).map(ToString::to_string);
                self.judge_rule(rule, Rule::Mixed, of_level >= *min, || {
                    (format!("case {case}: at least {min} signers of level {}", name.unwrap_or_default()), of_level.to_string())
                })
            }
            RuleKind::Recuse { relations, .. } => {
                let related = self.register.related(case);
                let signs = |person: &signer::value::PersonId| self.signers.iter().any(|signer| signer.by.person == *person);
                let found = related.iter().find(|(person, relation)| relations.contains(relation) && signs(person));
                let found = found.map(|(person, relation)| format!("{person}: {relation}"));
                self.judge_rule(rule, Rule::Recusal, found.is_none(), || {
                    (format!("case {case}: signers who are not related to it"), found.clone().unwrap_or_default())
                })
            }
            RuleKind::ExclusivePowers(_) | RuleKind::Independent | RuleKind::Acting { .. } => Ok(()),
        }
    }

    /// Whether a step need not be waited for, counting only what entries before `below` did.
    pub(super) fn is_satisfied(&self, id: &Code, case: &CaseId, file: &CaseFile, below: u64) -> bool {
        self.is_satisfied_once(id, (case, file, below), &mut BTreeMap::new())
    }

    /// The same, asking of each step once: a procedure may have many drawn steps after one another.
    fn is_satisfied_once(&self, id: &Code, of: (&CaseId, &CaseFile, u64), known: &mut BTreeMap<Code, bool>) -> bool {
        if let Some(answer) = known.get(id) {
            return *answer;
        }
        let answer = self.judge_satisfied(id, of, known);
        known.insert(id.clone(), answer);
        answer
    }

    fn judge_satisfied(&self, id: &Code, of: (&CaseId, &CaseFile, u64), known: &mut BTreeMap<Code, bool>) -> bool {
        let (case, file, below) = of;
        let Some(step) = self.programme.step(id) else { return false };
        let done = |id: &Code| file.mark(id).filter(|mark| mark.entry < below).map(|mark| mark.entry);
        if done(id).is_some() || !self.is_for(step, file) {
            return true;
        }
        let Some(cover) = &step.cover else { return false };
        if !step.after.iter().all(|before| self.is_satisfied_once(before, of, known)) {
            return false;
        }
        let before = step.after.iter().filter_map(done).max();
        let before = before.or_else(|| file.marks.iter().map(|mark| mark.entry).filter(|entry| *entry < below).max());
        let Some(draw) = before.and_then(|entry| self.register.cosigned_after(entry)).filter(|draw| draw.entry < below) else {
            return false;
        };
        let is_related = !self.register.related(case).is_empty();
        let share = match is_related {
            true => cover.related,
            false if file.is_continuing => cover.continuing,
            false => cover.new,
        };
        !is_drawn(&draw.digest, case, share)
    }

    /// Whether a step is for a case's cohort.
    pub(super) fn is_for(&self, step: &Step, file: &CaseFile) -> bool {
        if file.is_continuing { step.for_continuing } else { step.for_new }
    }

    /// Whether a step that locks was done in a case's period.
    pub(super) fn is_locked(&self, file: &CaseFile) -> bool {
        self.programme.locking().any(|lock| file.mark(&lock.id).is_some())
    }

    /// A step of `after` that must still be done.
    pub(super) fn missing_before(&self, step: &Step, case: &CaseId, file: &CaseFile, below: u64) -> Option<&'a Code> {
        let programme = self.programme;
        let step = programme.step(&step.id)?;
        step.after.iter().find(|before| !self.is_satisfied(before, case, file, below))
    }

    /// Warns where a step is done after its date in a period.
    pub(super) fn judge_due(&mut self, step: &Step, period: signer::value::Period, stood_still_ms: i64) {
        let Some((month, day)) = step.due else { return };
        let calendar = &self.programme.calendar;
        let due = signer::value::midnight(i64::from(period.year()), i64::from(month), i64::from(day), calendar.offset_minutes);
        let Some(due) = due.map(|due| calendar.day(due)) else { return };
        let today = calendar.day(self.received());
        if today - stood_still_ms.div_euclid(DAY_MS) > due {
            let expected = format!("step {} by {} {month:02}-{day:02}", step.id, period.year());
            self.warn(Rule::Late, expected, show(self.received()));
        }
    }
}
