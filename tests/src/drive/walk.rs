//! The life of the cases: from the application to what is paid, and through the next period.

use ledger::procedure::programme::On;
use signer::rule::Rule;
use signer::value::CaseId;

use super::Run;
use super::samples::Cohort;
use super::steps::How;

impl Run<'_> {
    /// Two periods of all cases, with every limit tried on the way.
    pub(super) fn live(&mut self) {
        let cases = self.prepare_all();
        let Some(opening) = self.opening() else { return };
        self.try_limits(opening, &cases[..1]);
        self.open(&cases);
        let steps = self.plan.programme.steps.len();
        self.walk(opening + 1..steps, &cases, true);
        self.count_paid();
        let Some(renewing) = self.renewing() else { return };
        let cases = self.next_period(&cases);
        self.try_limits(renewing, &cases[..1]);
        cases.iter().for_each(|case| _ = self.on_case(renewing, case, &How::default()));
        self.walk(0..steps, &cases, true);
        self.count_paid();
    }

    /// Remembers what the record says was paid of the list that was locked last.
    fn count_paid(&mut self) {
        for case in self.book.locked.iter().flat_map(|locked| &locked.cases) {
            if let Some(file) = self.book.state.register().file(case)
                && let Some(payment) = file.payment.as_ref().filter(|payment| payment.is_paid())
            {
                self.paid.push((case.clone(), file.period, payment.fen));
            }
        }
    }

    /// Steps in order, each on the cases that it is for.
    pub(super) fn walk(&mut self, steps: std::ops::Range<usize>, cases: &[CaseId], tries: bool) {
        for at in steps {
            let step = self.step(at);
            if step.opens || step.renews || self.is_over {
                continue;
            }
            let is_for = |case: &&CaseId| if self.book.cases[*case].is_continuing { step.for_continuing } else { step.for_new };
            let due: Vec<CaseId> = match step.on {
                On::Case | On::List => cases.iter().filter(is_for).cloned().collect(),
                On::Batch | On::Payment => self.book.locked.iter().flat_map(|locked| &locked.cases).cloned().collect(),
            };
            if step.cover.is_some() {
                // Nobody is exempt before the draw.
                self.cosign(self.witnesses());
            }
            let drawn = self.drawn(at, &due);
            if tries && !drawn.is_empty() {
                self.try_limits(at, &drawn);
                self.try_sample(at, &due, &drawn);
            }
            self.do_step(at, &drawn);
        }
    }

    /// What comes after a sample goes on without those that are just not drawn, and not without those that are.
    fn try_sample(&mut self, at: usize, due: &[CaseId], drawn: &[CaseId]) {
        let of_round =
            |case: &CaseId, cohort: Cohort| due.contains(case) && self.book.cases[case].is_continuing == (cohort == Cohort::Continuing);
        let of_step = self.samples.iter().filter(|sample| sample.step == at && of_round(&sample.case, sample.cohort));
        let awaited: Vec<CaseId> = of_step.filter(|sample| sample.is_drawn).map(|sample| sample.case.clone()).collect();
        let id = &self.step(at).id;
        let Some(next) = self.plan.programme.steps.iter().position(|step| step.after.contains(id)) else { return };
        if self.step(at).cover.is_none() || awaited.is_empty() {
            return;
        }
        let without = |all: &[CaseId]| all.iter().filter(|case| !awaited.contains(case)).cloned().collect::<Vec<_>>();
        let (ready, done) = (without(due), without(drawn));
        self.what_if(|run| {
            run.do_step(at, &done);
            run.walk(at + 1..next, &ready, false);
            let refused = How::expecting("with cases that are drawn and not done", Err(Rule::StepOrder));
            run.what_if(|run| match run.step(next).on {
                On::Case => _ = run.attempt(next, &awaited, &refused),
                _ => _ = run.attempt(next, due, &refused),
            });
            run.attempt(next, &ready, &How { why: "with cases that are not drawn", waiting: awaited.clone(), ..How::default() });
        });
    }
}
