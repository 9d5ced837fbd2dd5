//! Applications, visits, rechecks: what is done case by case.

use signer::act::{Act, Area, Assertion, Member, Opening, Step, Team};
use signer::value::{AccountToken, CaseId, Code, StatementHash};

use super::people::{CHECKERS, VILLAGES, sub_group};
use super::words::{case, code, person, scheme, unit};
use super::{Applicant, County, year_2013};
use crate::error::Failure;

/// Applicants of a village.
pub(super) const APPLICANTS: usize = 30;

/// The sub-group in whose area a village lies.
fn area_of(village: usize) -> usize {
    // Sub-group 2 has a member from this township: its area is one group of the last village.
    if village == 1 { 1 } else { village + 1 }
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
    /// A village's applicants, by number from 1.
    pub(super) fn applicant_id(village: usize, number: usize) -> CaseId {
        case(&format!("07-{village:02}-{number:03}"))
    }

    /// Everybody who will apply.
    pub(super) fn invent_applicants(&mut self) {
        for village in 1..=VILLAGES {
            for number in 1..=APPLICANTS {
                let id = Self::applicant_id(village, number);
                let (scheme_of, tier, fen) = match (village * 31 + number * 7) % 20 {
                    0 => ("SCH-B", "tier-1", 400_000),
                    1..=3 => ("SCH-B", "tier-2", 10_000),
                    4 => ("SCH-C", "base", 200_000),
                    _ => ("SCH-A", "base", 60_000),
                };
                let in_group = (village, number) == (10, 30);
                let of = if in_group { "07-10-3".to_owned() } else { format!("07-{village:02}") };
                let account = AccountToken(self.commitment(&format!("account of {id}")).0);
                let applicant = Applicant { unit: unit(&of), scheme: scheme(scheme_of), tier: code(tier), fen, account, head: None };
                self.applicants.insert(id, applicant);
            }
        }
    }

    /// An application is received.
    pub(super) fn apply(&mut self, id: &CaseId, village: usize) -> Result<(), Failure> {
        let Applicant { unit, scheme, tier, account, .. } = self.applicant(id)?.clone();
        let mut step = Step::new(code("apply"));
        step.case = Some((id.clone(), None));
        step.open = Some(Opening { unit, scheme, tier, period: year_2013(), account });
        step.evidence = vec![(code("form"), self.commitment(&format!("form of {id}")))];
        self.case_step(&[&format!("v{village:02}-clerk")], step, id).map(drop)
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
    pub(super) fn assign_team(&mut self) -> Result<(), Failure> {
        let mut members = Vec::new();
        for sub in 1..=super::people::SUB_GROUPS {
            let group = code(&format!("g{}", (sub - 1) / 4 + 1));
            members.extend(pair(sub).iter().map(|id| Member { group: group.clone(), sub: sub_code(sub), person: person(id) }));
        }
        let mut areas: Vec<Area> =
            (1..=VILLAGES).map(|village| Area { sub: sub_code(area_of(village)), unit: unit(&format!("07-{village:02}")) }).collect();
        areas.push(Area { sub: sub_code(2), unit: unit("07-10-3") });
        let team = Team { step: code("recheck"), period: year_2013(), members, areas };
        self.act(&["a001", "a003"], Act::Team(team)).map(drop)
    }

    /// A recheck by the sub-group in whose area the case lies.
    pub(super) fn recheck(&mut self, id: &CaseId, village: usize) -> Result<(), Failure> {
        self.recheck_by(id, area_of(village), Vec::new())
    }

    /// The same by a sub-group of one's choice, with overrides.
    pub(super) fn recheck_by(&mut self, id: &CaseId, sub: usize, overrides: Vec<StatementHash>) -> Result<(), Failure> {
        let by = pair(sub);
        let mut step = Step::new(code("recheck"));
        step.case = Some((id.clone(), Some(self.head(id)?)));
        step.asserts = ["entered", "met", "documented"].iter().map(|what| (code(what), Assertion::Yes)).collect();
        step.evidence = vec![(code("recheck-record"), self.commitment(&format!("recheck of {id}")))];
        step.overrides = overrides;
        self.case_step(&by.iter().map(String::as_str).collect::<Vec<_>>(), step, id).map(drop)
    }

    /// The checkers of the sub-group in whose area a village lies.
    pub(super) fn checkers_of(village: usize) -> Vec<String> {
        pair(area_of(village))
    }

    /// The yearly review of somebody who was paid.
    pub(super) fn review_annually(&mut self, id: &CaseId, by: &[&str]) -> Result<(), Failure> {
        let mut step = Step::new(code("annual"));
        step.case = Some((id.clone(), Some(self.head(id)?)));
        step.period = Some(super::words::period("2014"));
        step.asserts = vec![(code("met"), Assertion::Yes)];
        step.evidence = vec![(code("visit-record"), self.commitment(&format!("annual review of {id}")))];
        self.case_step(by, step, id).map(drop)
    }
}

fn sub_code(sub: usize) -> Code {
    code(&format!("s{sub:02}"))
}
