//! The cases of the script: one for each standard, and for each sample one that is only just drawn and one that is only just not.

use std::collections::BTreeMap;

use ledger::procedure::programme::Standard;
use ledger::programme::is_drawn;
use signer::ActName;
use signer::act::{Act, Basis, RelatedTo};
use signer::value::{CaseId, Code, Period, Share};

use super::book::{Case, draw_digest, time};
use super::roster::Signer;
use super::steps::How;
use super::{Run, fine};
use crate::world::code;

/// By which share a case is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cohort {
    New,
    Continuing,
    Related,
}

/// A case whose number lies just below or just above a share.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) case: CaseId,
    /// The step that draws.
    pub(super) step: usize,
    pub(super) cohort: Cohort,
    /// Drawn at the share and not at the one with the next denominator; otherwise only at the one with the denominator before.
    pub(super) is_drawn: bool,
}

impl Run<'_> {
    /// The period of a standard's case: the year after the procedure comes into force, where the standard pays in it.
    fn period_of(&self, standard: &Standard) -> Period {
        let year = time(self.plan.valid_from).to_string()[..4].parse::<u64>().unwrap() + 1;
        let next = Period::parse(&year.to_string()).unwrap();
        let next = next.max(standard.from);
        standard.to.map_or(next, |to| to.min(next))
    }

    /// A case of a standard, not opened yet.
    pub(super) fn prepare(&mut self, id: &str, standard: usize, is_related: bool) -> CaseId {
        let standard = &self.plan.programme.standards[standard];
        let (scheme, tier, period) = (standard.scheme.clone(), standard.tier.clone(), self.period_of(standard));
        let case = CaseId::parse(id).unwrap();
        let known = Case { scheme, tier, period, is_continuing: false, is_related, measures: BTreeMap::new() };
        self.book.cases.insert(case.clone(), known);
        case
    }

    /// A standard that pays in two periods, if there is one.
    pub(super) fn lasting(&self) -> usize {
        let lasts = |standard: &Standard| self.is_paid_after(standard, self.period_of(standard));
        self.plan.programme.standards.iter().position(lasts).unwrap_or(0)
    }

    fn is_paid_after(&self, standard: &Standard, period: Period) -> bool {
        self.plan.programme.standard(&standard.scheme, &standard.tier, after(period)).is_some()
    }

    /// The step that opens, where there is something to apply for.
    pub(super) fn opening(&self) -> Option<usize> {
        let programme = &self.plan.programme;
        programme.steps.iter().position(|step| step.opens).filter(|_| !programme.standards.is_empty())
    }

    /// Opens cases that were prepared.
    pub(super) fn open(&mut self, cases: &[CaseId]) {
        let Some(opening) = self.opening() else { return };
        for case in cases {
            self.on_case(opening, case, &How::default());
            if self.book.cases[case].is_related {
                self.relate(case);
            }
        }
    }

    /// One case, opened.
    pub(super) fn open_one(&mut self) -> CaseId {
        let case = self.prepare("one", self.lasting(), false);
        self.open(std::slice::from_ref(&case));
        case
    }

    /// Somebody without an office is related.
    pub(super) fn relate(&mut self, case: &CaseId) {
        self.relate_to(&self.own(), &code("friend"), case);
    }

    /// Somebody is said to be related to a case.
    pub(super) fn relate_to(&mut self, signer: &Signer, relation: &Code, case: &CaseId) {
        let (person, relation, to) = (signer.by.person.clone(), relation.clone(), RelatedTo::Case(case.clone()));
        let act = Act::Relate { person, relation, to, basis: Basis::Attested, evidence: None };
        let governors = self.governors(ActName::Relate);
        self.act("relate", &governors, act, fine());
    }

    /// Every case of the script, prepared: in the order of standards, then of samples.
    pub(super) fn prepare_all(&mut self) -> Vec<CaseId> {
        let count = self.plan.programme.standards.len();
        let mut all: Vec<CaseId> = (0..count).map(|standard| self.prepare(&format!("of-{standard}"), standard, false)).collect();
        for (at, step) in self.plan.programme.steps.iter().enumerate() {
            let Some(cover) = step.cover else { continue };
            let cohorts = [
                (Cohort::New, step.for_new.then_some(cover.new)),
                (Cohort::Continuing, step.for_continuing.then_some(cover.continuing)),
                (Cohort::Related, Some(cover.related)),
            ];
            for (cohort, share) in cohorts {
                let Some(share) = share.filter(|_| cohort != Cohort::Continuing || self.renewing().is_some()) else { continue };
                all.extend(self.sample(at, cohort, share));
            }
        }
        all
    }

    /// The step that renews.
    pub(super) fn renewing(&self) -> Option<usize> {
        self.plan.programme.steps.iter().position(|step| step.renews)
    }

    fn sample(&mut self, step: usize, cohort: Cohort, share: Share) -> Vec<CaseId> {
        let fewer = Share { denominator: share.denominator + 1, ..share };
        let mut bounds = vec![(share, fewer, true)];
        if share.numerator < share.denominator {
            // The nearest of the larger shares with one number changed.
            bounds.push((Share { denominator: share.denominator - 1, ..share }, share, false));
        }
        let mut found = Vec::new();
        for (inside, outside, is_drawn) in bounds {
            let id = case_between(step, cohort, inside, outside);
            let case = self.prepare(&id, self.lasting(), cohort == Cohort::Related);
            self.samples.push(Sample { case: case.clone(), step, cohort, is_drawn });
            found.push(case);
        }
        found
    }

    /// The cases for which a step is drawn; all where it is for all.
    pub(super) fn drawn(&self, at: usize, cases: &[CaseId]) -> Vec<CaseId> {
        let Some(cover) = self.step(at).cover else { return cases.to_vec() };
        let is_due = |case: &&CaseId| {
            let known = &self.book.cases[*case];
            let share = match known.is_continuing {
                _ if known.is_related => cover.related,
                true => cover.continuing,
                false => cover.new,
            };
            is_drawn(&draw_digest(), case, share)
        };
        cases.iter().filter(is_due).cloned().collect()
    }

    /// The same cases in the next period, those that are paid in it.
    pub(super) fn next_period(&mut self, cases: &[CaseId]) -> Vec<CaseId> {
        let mut next = Vec::new();
        for case in cases {
            let known = &self.book.cases[case];
            let (scheme, tier, period) = (known.scheme.clone(), known.tier.clone(), after(known.period));
            if self.plan.programme.standard(&scheme, &tier, period).is_some()
                && let Some(known) = self.book.cases.get_mut(case)
            {
                (known.period, known.is_continuing) = (period, true);
                next.push(case.clone());
            }
        }
        next
    }
}

/// The year after.
pub(super) fn after(period: Period) -> Period {
    Period::parse(&(period.year() + 1).to_string()).unwrap()
}

/// An id that is drawn at one share and not at another.
fn case_between(step: usize, cohort: Cohort, inside: Share, outside: Share) -> String {
    let digest = draw_digest();
    let ids = (0_u32..).map(|number| format!("{cohort:?}-{step}-{number}"));
    let fits = |id: &String| {
        let case = CaseId::parse(id).unwrap();
        is_drawn(&digest, &case, inside) && !is_drawn(&digest, &case, outside)
    };
    ids.take(1_000_000).find(fits).unwrap()
}
