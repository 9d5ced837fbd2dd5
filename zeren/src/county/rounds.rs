//! Applications, visits, rechecks: what is done case by case.

use signer::act::{Act, Area, Assertion, Member, Opening, Step, Team};
use signer::value::{CaseId, Code, StatementHash};

use super::people::{CHECKERS, COUNTY_CHECKERS, SUB_GROUPS, sub_group};
use super::plan::{Profile, Village};
use super::words::{code, period, person, unit};
use super::{Applicant, County, year_2013};
use crate::error::Failure;

/// The sub-group in whose area a village lies: by village in a small county, by township in a large one.
fn area_of(profile: Profile, village: Village) -> usize {
    match (profile, village.number, village.township) {
        // Sub-group 2 has a member from this township: its area is one group of the last village.
        (Profile::S, 1, _) => 1,
        (Profile::S, number, _) => number + 1,
        // Nobody goes to the own township: sub-groups 3 to 16 have members from townships 9 to 22 and 1 to 6.
        (Profile::M | Profile::L, _, township) => (township + 1) % SUB_GROUPS + 1,
    }
}

/// The checkers of a sub-group.
fn pair(sub: usize) -> Vec<String> {
    let swapped = |checker: usize| match checker {
        17 => 2,
        18 => 1,
        other => sub_group(other),
    };
    (1..=CHECKERS).filter(|checker| swapped(*checker) == sub).map(|checker| format!("k{checker:03}")).collect()
}

impl County {
    /// An application is received.
    pub(super) fn apply(&mut self, id: &CaseId, village: Village) -> Result<(), Failure> {
        let Applicant { unit, scheme, tier, account, .. } = self.applicant(id)?.clone();
        let mut step = Step::new(code("apply"));
        step.case = Some((id.clone(), None));
        step.open = Some(Opening { unit, scheme, tier, period: year_2013(), account });
        step.evidence = vec![(code("form"), self.commitment(&format!("form of {id}")))];
        self.case_step(&[&village.official("clerk")], step, id).map(drop)
    }

    /// A step on one case; its head moves.
    pub(super) fn case_step(&mut self, by: &[&str], step: Step, id: &CaseId) -> Result<StatementHash, Failure> {
        let hash = self.act(by, Act::Step(Box::new(step)))?;
        self.moved(std::iter::once(id), hash);
        Ok(hash)
    }

    /// A visit at home, with what was seen.
    pub(super) fn visit(&mut self, id: &CaseId, by: &[&str], met: Assertion) -> Result<StatementHash, Failure> {
        let mut step = Step::new(code("visit"));
        step.case = Some((id.clone(), Some(self.head(id)?)));
        step.asserts = vec![(code("entered"), Assertion::Yes), (code("met"), met), (code("documented"), Assertion::Yes)];
        step.evidence = vec![(code("visit-record"), self.commitment(&format!("visit to {id} by {}", by.join(" "))))];
        self.case_step(by, step, id)
    }

    /// The recheck team of thirty-two, four groups, sixteen sub-groups, and who goes where.
    pub(super) fn assign_team(&mut self, year: u64) -> Result<(), Failure> {
        let mut members = Vec::new();
        for sub in 1..=SUB_GROUPS {
            let group = code(&format!("g{}", (sub - 1) / 4 + 1));
            members.extend(pair(sub).iter().map(|id| Member { group: group.clone(), sub: sub_code(sub), person: person(id) }));
        }
        let of = |village: Village, unit_of: String| Area { sub: sub_code(area_of(self.profile, village)), unit: unit(&unit_of) };
        let mut areas: Vec<Area> = match self.profile {
            Profile::S => self.profile.villages().into_iter().map(|village| of(village, village.unit())).collect(),
            Profile::M | Profile::L => {
                let townships = self.profile.townships().into_iter();
                townships.map(|township| of(Village { township, number: 1 }, format!("{township:02}"))).collect()
            }
        };
        areas.push(Area { sub: sub_code(2), unit: unit("07-10-3") });
        for case in self.plants.own_unit.clone() {
            let (sub, at) = (sub_code(self.sub_group_at_home(&case)?), self.applicant(&case)?.unit.clone());
            areas.push(Area { sub, unit: at });
        }
        let team = Team { step: code("recheck"), period: period(&year.to_string()), members, areas };
        self.act(&["a001", "a003"], Act::Team(team)).map(drop)
    }

    /// A recheck by the sub-group in whose area the case lies.
    pub(super) fn recheck(&mut self, id: &CaseId) -> Result<(), Failure> {
        let sub = area_of(self.profile, self.village_of(id)?);
        self.recheck_by(id, sub, Vec::new())
    }

    /// The same by a sub-group of one's choice, with overrides.
    pub(super) fn recheck_by(&mut self, id: &CaseId, sub: usize, overrides: Vec<StatementHash>) -> Result<(), Failure> {
        let (act, by) = self.recheck_act(id, sub, overrides)?;
        let hash = self.act(&by.iter().map(String::as_str).collect::<Vec<_>>(), act)?;
        self.moved(std::iter::once(id), hash);
        Ok(())
    }

    /// The act of a recheck, and who would sign it.
    pub(super) fn recheck_act(&self, id: &CaseId, sub: usize, overrides: Vec<StatementHash>) -> Result<(Act, Vec<String>), Failure> {
        let mut step = Step::new(code("recheck"));
        step.case = Some((id.clone(), Some(self.head(id)?)));
        step.asserts = ["entered", "met", "documented"].iter().map(|what| (code(what), Assertion::Yes)).collect();
        step.evidence = vec![(code("recheck-record"), self.commitment(&format!("recheck of {id}")))];
        step.overrides = overrides;
        Ok((Act::Step(Box::new(step)), pair(sub)))
    }

    /// The sub-group in which the checker from a case's own township is.
    pub(super) fn sub_group_at_home(&self, id: &CaseId) -> Result<usize, Failure> {
        Ok(sub_group(COUNTY_CHECKERS + self.village_of(id)?.township))
    }

    /// The checkers of the sub-group in whose area a case lies.
    pub(super) fn checkers_of(&self, id: &CaseId) -> Result<Vec<String>, Failure> {
        Ok(pair(area_of(self.profile, self.village_of(id)?)))
    }

    /// The village in which a case lies now.
    pub(super) fn village_of(&self, id: &CaseId) -> Result<Village, Failure> {
        let of = &self.applicant(id)?.unit;
        let mut parts = of.as_str().split('-').map(|part| part.parse().unwrap_or(0));
        Ok(Village { township: parts.next().unwrap_or(0), number: parts.next().unwrap_or(0) })
    }

    /// The yearly review of somebody who was paid.
    pub(super) fn review_annually(&mut self, id: &CaseId, by: &[&str], year: u64) -> Result<StatementHash, Failure> {
        let mut step = Step::new(code("annual"));
        step.case = Some((id.clone(), Some(self.head(id)?)));
        step.period = Some(period(&year.to_string()));
        step.asserts = vec![(code("met"), Assertion::Yes)];
        step.evidence = vec![(code("visit-record"), self.commitment(&format!("annual review of {id} in {year}")))];
        self.case_step(by, step, id)
    }
}

fn sub_code(sub: usize) -> Code {
    code(&format!("s{sub:02}"))
}
