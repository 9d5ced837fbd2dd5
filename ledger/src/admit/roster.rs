//! What a programme asks of appointments and of the roster as a whole (format.md sections 8.9 and 8.10).

use std::collections::BTreeSet;

use signer::act::{Capacity, Team};
use signer::rule::Rule;
use signer::value::{Office, PersonId, Time, Unit, UnixMs};

use super::desk::Desk;
use super::{Judged, list, show};
use crate::procedure::Procedure;
use crate::procedure::programme::{RuleKind, RuleOf, Step, StepBy};
use crate::state::State;

/// An office that the roster cannot fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// What is asked for.
    pub expected: String,
    /// What the roster has.
    pub found: String,
}

/// An appointment being made.
pub(super) struct NewAppointment<'a> {
    pub(super) person: &'a PersonId,
    pub(super) office: &'a Office,
    pub(super) unit: &'a Unit,
    pub(super) capacity: Capacity,
    pub(super) from: Time,
    pub(super) to: Option<Time>,
}

impl Desk<'_> {
    /// Level of the unit, acting, delegation, exclusive powers.
    pub(super) fn judge_appointment(&mut self, new: &NewAppointment<'_>) -> Judged {
        let Some(office) = self.procedure.offices.get(new.office) else { return Ok(()) };
        let level = self.programme.levels.iter().position(|level| *level == office.level);
        self.ensure(level.is_none_or(|depth| new.unit.depth() == depth), Rule::AppointmentUnit, || {
            (format!("{}: a unit of level {}", new.office, office.level), new.unit.to_string())
        })?;
        let programme = self.programme;
        for rule in &programme.rules {
            if let RuleKind::Acting { max_days, max_depth } = rule.kind
                && new.capacity.is_lent()
            {
                self.judge_lent(rule, new, max_days, max_depth)?;
            }
        }
        for rule in &programme.rules {
            if let RuleKind::ExclusivePowers(powers) = &rule.kind
                && powers.contains(&office.power)
            {
                let until = new.to.map(Time::unix_ms);
                let overlaps = |from: UnixMs, to: Option<UnixMs>| {
                    until.is_none_or(|until| from < until) && to.is_none_or(|to| new.from.unix_ms() < to)
                };
                let held = self.judgement.state.offices_of(new.person).find(|held| {
                    let power = self.procedure.offices.get(&held.office).map(|office| &office.power);
                    let is_other = power.is_some_and(|power| *power != office.power && powers.contains(power));
                    is_other && held.ended.is_none() && overlaps(held.from, held.to)
                });
                let found = held.map(|held| format!("{} is {}", new.person, held.office));
                self.judge_rule(rule, Rule::ExclusivePowers, found.is_none(), || {
                    (format!("a person without an office of another power than {}", office.power), found.clone().unwrap_or_default())
                })?;
            }
        }
        Ok(())
    }

    fn judge_lent(&mut self, rule: &RuleOf, new: &NewAppointment<'_>, max_days: u64, max_depth: u64) -> Judged {
        let until = new.from.unix_ms().plus_days(max_days);
        let is_short = new.to.is_some_and(|to| to.unix_ms() <= until);
        self.judge_rule(rule, Rule::ActingDays, is_short, || {
            let to = new.to.map_or("open".to_owned(), |to| to.to_string());
            (format!("{} until {}, {max_days} days at most", new.capacity, show(until)), to)
        })?;
        let delegates = self.signers.iter().any(|signer| signer.held.capacity == Capacity::Delegated);
        let is_flat = new.capacity != Capacity::Delegated || (max_depth > 0 && !delegates);
        self.judge_rule(rule, Rule::ActingDepth, is_flat, || (format!("at most {max_depth} delegations in a row"), "one more".to_owned()))
    }

    /// `mixed` for each sub-group of a team.
    pub(super) fn judge_team_mix(&mut self, team: &Team, step: &Step) -> Judged {
        let programme = self.programme;
        let at = self.received();
        let state = self.judgement.state;
        let subs: BTreeSet<_> = team.members.iter().map(|member| &member.sub).collect();
        for rule in &programme.rules {
            let RuleKind::Mixed { steps, level, min } = &rule.kind else { continue };
            if !steps.contains(&team.step) {
                continue;
            }
            let of_level = |person: &PersonId| {
                let held = state.offices_of(person).filter(|held| held.is_in_force(at) && step.by.offices().contains(&held.office));
                held.into_iter().any(|held| held.home.depth() == *level)
            };
            let lacking: Vec<_> = subs
                .iter()
                .filter(|sub| {
                    let members = team.members.iter().filter(|member| member.sub == ***sub);
                    (members.filter(|member| of_level(&member.person)).count() as u64) < *min
                })
                .collect();
            let name = programme.levels.get(*level).map(ToString::to_string).unwrap_or_default();
            self.judge_rule(rule, Rule::Mixed, lacking.is_empty(), || {
                (
                    format!("at least {min} of level {name} in each of {} sub-groups", subs.len()),
                    format!("none in {}", list(lacking.iter())),
                )
            })?;
        }
        Ok(())
    }

    /// Warns where the roster cannot fill a procedure's steps.
    pub(super) fn warn_unsatisfiable(&mut self, procedure: &Procedure, team: Option<&Team>) {
        let found = shortfalls(procedure, self.judgement.state, self.received(), |step| team.filter(|team| team.step == *step));
        if let Some(first) = found.first() {
            let more = if found.len() > 1 { format!(" (and {} more)", found.len() - 1) } else { String::new() };
            self.warn(Rule::Satisfiable, first.expected.clone(), format!("{}{more}", first.found));
        }
    }
}

/// What the roster in force at a time cannot fill of a procedure's steps, in their order; `team` gives the team of a step.
pub fn shortfalls<'a>(
    procedure: &Procedure,
    state: &State,
    at: UnixMs,
    team: impl Fn(&signer::value::Code) -> Option<&'a Team>,
) -> Vec<Shortfall> {
    let roster = Roster { procedure, state, at };
    procedure.programme.steps.iter().flat_map(|step| roster.shortfalls_of(step, team(&step.id))).collect()
}

struct Roster<'a> {
    procedure: &'a Procedure,
    state: &'a State,
    at: UnixMs,
}

impl Roster<'_> {
    fn holders(&self, offices: &[Office], depth: Option<usize>) -> u64 {
        let held = self.state.all_appointments().map(|(_, held)| held);
        let fits = held.filter(|held| {
            held.is_in_force(self.at) && offices.contains(&held.office) && depth.is_none_or(|depth| held.home.depth() == depth)
        });
        fits.map(|held| &held.person).collect::<BTreeSet<_>>().len() as u64
    }

    fn shortfalls_of(&self, step: &Step, team: Option<&Team>) -> Vec<Shortfall> {
        let mut all = Vec::new();
        match &step.by {
            StepBy::Any(offices, min) => {
                let found = self.holders(offices, None);
                if found < *min {
                    let expected = format!("step {}: at least {min} holders of {}", step.id, list(offices.iter()));
                    all.push(Shortfall { expected, found: found.to_string() });
                }
            }
            StepBy::Each(offices) => {
                for office in offices.iter().filter(|office| self.holders(std::slice::from_ref(office), None) == 0) {
                    all.push(Shortfall { expected: format!("step {}: a holder of {office}", step.id), found: "none".to_owned() });
                }
            }
        }
        let members = team.filter(|team| team.step == step.id).map(|team| &team.members[..]).unwrap_or_default();
        let subs: BTreeSet<&str> = members.iter().map(|member| member.sub.as_str()).collect();
        for rule in &self.procedure.programme.rules {
            if let RuleKind::Mixed { steps, level, min } = &rule.kind
                && steps.contains(&step.id)
            {
                let name = self.procedure.programme.levels.get(*level).map(ToString::to_string).unwrap_or_default();
                let found = self.holders(step.by.offices(), Some(*level));
                all.extend(mixed_shortfall(&format!("step {} [rule {}]", step.id, rule.id), &name, *min, found, &subs));
            }
        }
        all
    }
}

/// So many of a level for each sub-group, or for the step where it has none.
fn mixed_shortfall(what: &str, level: &str, min: u64, found: u64, subs: &BTreeSet<&str>) -> Option<Shortfall> {
    let places = min.saturating_mul((subs.len() as u64).max(1));
    if found >= places {
        return None;
    }
    let empty: Vec<&&str> = subs.iter().skip(usize::try_from(found / min.max(1)).unwrap_or(usize::MAX)).collect();
    let found = match (empty.first(), empty.last()) {
        (Some(first), Some(last)) if first == last => format!("{found} for {places} places: sub-group {first} can never hold one"),
        (Some(first), Some(last)) => format!("{found} for {places} places: sub-groups {first} to {last} can never hold one"),
        _ => found.to_string(),
    };
    let each = if subs.is_empty() { String::new() } else { format!(" in each of {} sub-groups", subs.len()) };
    Some(Shortfall { expected: format!("{what}: {min} of level {level}{each}"), found })
}
