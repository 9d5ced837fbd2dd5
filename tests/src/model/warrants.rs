//! Teams, and the acts on the roster that a programme depends on: sections 5.3, 5.5 to 5.8, 8.6, 8.9 and 8.10.

use std::collections::BTreeSet;

use ledger::procedure::Procedure;
use ledger::procedure::programme::{RuleKind, StepBy};
use signer::Rule;
use signer::act::{Act, Basis, Capacity, RelatedTo, Team};
use signer::value::{Code, Office, PersonId, Power, UnixMs};

use super::header::{Fate, Held};
use super::{Bench, Effect, Judged, Submission, ensure, level_number};

fn nothing() -> Effect {
    Box::new(|_| ())
}

impl Bench<'_> {
    /// Appointments, relations, qualifications, enactments.
    pub fn roster(&self, sub: &Submission, is_governed: bool) -> Result<Effect, Rule> {
        match &sub.act {
            Act::Appoint { .. } => self.appoint(&sub.act)?,
            Act::AppointEnd { person, appointment, .. } => {
                let of: Vec<Held> = self.model.held().into_iter().filter(|held| held.hash == *appointment).collect();
                let held = of.iter().find(|held| !held.office.is_reserved()).ok_or(Rule::AppointmentUnknown)?;
                ensure(held.person == *person, Rule::AppointmentMismatch)?;
                ensure(held.ended.is_none(), Rule::AppointmentEnded)?;
            }
            Act::Relate { person, to, basis, .. } => {
                ensure(self.model.is_enrolled(person), Rule::PersonUnknown)?;
                if let RelatedTo::Person(other) = to {
                    ensure(self.model.is_enrolled(other), Rule::PersonUnknown)?;
                }
                let is_own = self.signers.iter().any(|signer| signer.person == *person);
                ensure(*basis != Basis::Declared || is_own, Rule::PersonOther)?;
            }
            Act::Qualify { person, from, to, .. } => {
                ensure(self.model.is_enrolled(person), Rule::PersonUnknown)?;
                ensure(to.is_none_or(|to| from.unix_ms() < to.unix_ms()), Rule::Period)?;
            }
            Act::Enact { enacts, .. } => {
                let enacted = self.model.enacted();
                let fits = enacted.iter().all(|(_, name, ..)| name.id == enacts.id && name.version < enacts.version);
                ensure(fits, Rule::ProcedureSequence)?;
                if let Some(procedure) = sub.procedure.as_ref().filter(|_| is_governed) {
                    self.warn_unless(self.is_satisfiable(procedure, None), Rule::Satisfiable);
                }
            }
            act => panic!("the model does not judge {act:?}"),
        }
        Ok(nothing())
    }

    /// Keys and devices.
    pub fn keys_and_devices(&self, sub: &Submission) -> Result<Effect, Rule> {
        match &sub.act {
            Act::Rotate(new) => {
                ensure(self.signers.len() == 1 && self.signers[0].person == new.person, Rule::PersonOther)?;
                let keys = self.model.keys_of(&new.person);
                let (latest, _, fate) = keys.last().ok_or(Rule::PersonUnknown)?;
                ensure(*latest == new.replaces, Rule::KeyUnknown)?;
                ensure(!matches!(fate, Some((_, Fate::Revoked))), Rule::KeyRevoked)?;
            }
            Act::Revoke { person, key, .. } => {
                let keys = self.model.keys_of(person);
                let (latest, _, fate) = keys.last().ok_or(Rule::KeyUnknown)?;
                ensure(latest == key, Rule::KeyUnknown)?;
                ensure(fate.is_none(), Rule::KeyRevoked)?;
            }
            Act::DeviceEnd { ends, .. } => {
                let is_known = self.model.acts().any(|(.., act)| matches!(act, Act::Device { enrols, .. } if enrols == ends));
                ensure(is_known || ends.as_str() == "d1", Rule::DeviceUnknown)?;
                let is_ended = self.model.acts().any(|(.., act)| matches!(act, Act::DeviceEnd { ends: before, .. } if before == ends));
                ensure(!is_ended, Rule::DeviceEnded)?;
            }
            act => panic!("the model does not judge {act:?}"),
        }
        Ok(nothing())
    }

    fn appoint(&self, act: &Act) -> Judged {
        let Act::Appoint { person, office, unit, capacity, from, to, .. } = act else { return Ok(()) };
        ensure(self.model.is_enrolled(person), Rule::PersonUnknown)?;
        let own = self.g.offices.get(office).filter(|_| !office.is_reserved()).ok_or(Rule::OfficeUnknown)?;
        let (from, to) = (from.unix_ms(), to.map(|to| to.unix_ms()));
        ensure(to.is_none_or(|to| from < to), Rule::Period)?;
        let level = self.g.programme.levels.iter().position(|level| *level == own.level);
        ensure(level.is_none_or(|level| level == level_number(unit)), Rule::AppointmentUnit)?;
        for rule_of in &self.g.programme.rules {
            let RuleKind::Acting { max_days, max_depth } = rule_of.kind else { continue };
            let ends = to.is_some_and(|to| to.0 <= from.0 + max_days as i64 * 86_400_000);
            self.by_severity(rule_of, *capacity == Capacity::Regular || ends, Rule::ActingDays)?;
            if *capacity == Capacity::Delegated {
                let is_too_deep = max_depth == 0 || self.signers.iter().any(|signer| signer.capacity == Capacity::Delegated);
                self.by_severity(rule_of, !is_too_deep, Rule::ActingDepth)?;
            }
        }
        for rule_of in &self.g.programme.rules {
            let RuleKind::ExclusivePowers(powers) = &rule_of.kind else { continue };
            let clashes = self.model.held().iter().any(|held| {
                // A founder stands for a power, but `founder` is no office of the procedure.
                let power = self.power_of(&held.office);
                let overlaps = held.to.is_none_or(|end| from < end) && to.is_none_or(|to| held.from < to);
                let is_other = |power: &Power| powers.contains(power) && *power != own.power;
                held.person == *person && held.ended.is_none() && overlaps && power.as_ref().is_some_and(is_other)
            });
            self.by_severity(rule_of, !clashes || !powers.contains(&own.power), Rule::ExclusivePowers)?;
        }
        Ok(())
    }

    /// A team.
    pub fn team_act(&self, act: &Team) -> Result<Effect, Rule> {
        let step = self.step_of(&act.step).filter(|step| step.has_team).ok_or(Rule::StepUnknown)?;
        for member in &act.members {
            ensure(self.model.is_enrolled(&member.person), Rule::PersonUnknown)?;
        }
        let persons: BTreeSet<&str> = act.members.iter().map(|member| member.person.as_str()).collect();
        ensure(persons.len() == act.members.len(), Rule::PersonTaken)?;
        let in_force: Vec<Held> = self.model.held().into_iter().filter(|held| held.is_in_force(self.r)).collect();
        let holds = |person: &PersonId| {
            in_force.iter().filter(|held| held.person == *person && step.by.offices().contains(&held.office)).collect::<Vec<_>>()
        };
        ensure(act.members.iter().all(|member| !holds(&member.person).is_empty()), Rule::TeamMember)?;
        let units: BTreeSet<&str> = act.areas.iter().map(|area| area.unit.as_str()).collect();
        let has_members = |sub: &Code| act.members.iter().any(|member| member.sub == *sub);
        ensure(units.len() == act.areas.len() && act.areas.iter().all(|area| has_members(&area.sub)), Rule::TeamArea)?;
        let subs: BTreeSet<&str> = act.members.iter().map(|member| member.sub.as_str()).collect();
        for (rule_of, level, min) in self.mixed_rules(&step.id) {
            for sub in &subs {
                let own = act.members.iter().filter(|member| member.sub.as_str() == *sub);
                let found = own.filter(|member| holds(&member.person).iter().any(|held| level_number(&held.home) == level)).count();
                self.by_severity(rule_of, found as u64 >= min, Rule::Mixed)?;
            }
        }
        self.warn_unless(self.is_satisfiable(self.g, Some((&act.step, subs.len() as u64))), Rule::Satisfiable);
        Ok(nothing())
    }

    /// Section 8.10.
    fn is_satisfiable(&self, procedure: &Procedure, team: Option<(&Code, u64)>) -> bool {
        let at: UnixMs = self.r;
        let in_force: Vec<Held> = self.model.held().into_iter().filter(|held| held.is_in_force(at)).collect();
        let holders = |offices: &[Office], level: Option<usize>| {
            let fits = |held: &&Held| offices.contains(&held.office) && level.is_none_or(|level| level_number(&held.home) == level);
            in_force.iter().filter(fits).map(|held| held.person.as_str()).collect::<BTreeSet<&str>>().len() as u64
        };
        procedure.programme.steps.iter().all(|step| {
            let filled = match &step.by {
                StepBy::Any(offices, min) => holders(offices, None) >= *min,
                StepBy::Each(offices) => offices.iter().all(|office| holders(std::slice::from_ref(office), None) > 0),
            };
            let k = team.filter(|(id, _)| **id == step.id).map_or(1, |(_, subs)| subs);
            filled
                && procedure.programme.rules.iter().all(|rule_of| match &rule_of.kind {
                    RuleKind::Mixed { steps, level, min } if steps.contains(&step.id) => {
                        holders(step.by.offices(), Some(*level)) >= k * min
                    }
                    _ => true,
                })
        })
    }
}
