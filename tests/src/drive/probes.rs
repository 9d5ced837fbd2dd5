//! The limits of one step, each tried just within and just beyond; nothing of it stays.

use ledger::procedure::programme::{On, Quorum, RuleKind, RuleOf, Severity};
use signer::act::{Act, SeatLine};
use signer::rule::Rule;
use signer::value::{CaseId, Period, Share, StatementHash};

use super::book::Listed;
use super::samples::after;
use super::steps::{How, seats};
use super::{DAY_MS, HOUR_MS, Outcome, Run, SECOND_MS, fine};

impl Run<'_> {
    /// Every limit of a step, once.
    pub(super) fn try_limits(&mut self, at: usize, cases: &[CaseId]) {
        if self.is_over || !self.tried.insert(at) {
            return;
        }
        let step = self.step(at);
        let cases = if matches!(step.on, On::Case | On::Payment) { &cases[..1] } else { cases };
        self.try_count(at, cases);
        self.try_joins(at, cases);
        self.try_dates(at, cases);
        self.try_age(at, cases);
        self.try_mixed(at, cases);
        if let Some(quorum) = &step.quorum {
            self.try_quorum(at, cases, quorum);
        }
        if step.posting.is_some() {
            self.try_posting(at, cases);
        }
        if step.settles {
            self.what_if(|run| run.try_failure(at, cases));
        }
        self.try_override(at, cases);
        if let Some(count) = step.cosigned {
            self.what_if(|run| {
                run.cosign(count - 1);
                run.attempt(at, cases, &How::expecting("with a witness too few", Err(Rule::CosignedMissing)));
            });
        }
    }

    /// One payment fails, and is paid by another batch.
    fn try_failure(&mut self, at: usize, cases: &[CaseId]) {
        let Some(locked) = self.book.locked.clone() else { return };
        let failing = locked.cases[0].clone();
        self.book.failing = Some(failing.clone());
        self.attempt(at, cases, &How { why: "with a payment that failed", ..How::default() });
        self.book.failing = None;
        self.book.repays = self.book.batch.take();
        self.book.locked = Some(Listed { total: self.amount(&failing), cases: vec![failing], ..locked });
        let first = self.plan.programme.steps.iter().position(|step| self.plan.programme.opens_batch(step));
        self.walk(first.unwrap_or(at)..at + 1, &[], false);
    }

    /// What a rule refuses, and admits by override: by somebody of the applicant's own place, or a relative.
    fn try_override(&mut self, at: usize, cases: &[CaseId]) {
        let step = self.step(at);
        let rules = self.plan.programme.rules.iter().filter(|rule| rule.kind.steps().contains(&step.id));
        let by = self.roster.crews[at].clone();
        // A case with a new relation would have to be rechecked first.
        let Some(case) = cases.iter().find(|case| self.book.cases[*case].is_related).or(cases.first()) else { return };
        // Where all of them must come from elsewhere another rule would refuse.
        let all = by.len() as u64;
        let are_all_mixed = rules.clone().any(|rule| matches!(rule.kind, RuleKind::Mixed { min, .. } if min == all));
        for rule in rules.filter(|rule| rule.may_override && !are_all_mixed) {
            let Some((mut last, others)) = by.split_last().map(|(last, others)| (last.clone(), others.to_vec())) else { return };
            self.what_if(|run| {
                let name = match &rule.kind {
                    RuleKind::NotOwnUnit(_) => {
                        last.by.appointment = run.appoint_at_home(&last);
                        Rule::OwnUnit
                    }
                    RuleKind::Recuse { relations, .. } => {
                        run.relate_to(&last, &relations[0], case);
                        Rule::Recusal
                    }
                    _ => return,
                };
                let by = others.into_iter().chain([last]).collect();
                let how = How { by: Some(by), ..How::expecting("against a rule", Err(name)) };
                run.what_if(|run| run.attempt(at, cases, &how));
                let overrides = vec![run.override_rule(rule, &step.id, case)];
                run.attempt(at, cases, &How { overrides, ..How { expected: None, why: "against a rule, overridden", ..how } });
            });
        }
    }

    /// One signer too few.
    fn try_count(&mut self, at: usize, cases: &[CaseId]) {
        let Some((_, fewer)) = self.roster.crews[at].split_last() else { return };
        if fewer.is_empty() {
            return;
        }
        let expected = if self.step(at).join_days.is_some() { fine() } else { Err(Rule::StepCount) };
        let how = How { by: Some(fewer.to_vec()), ..How::expecting("by one too few", expected) };
        self.what_if(|run| run.try_one(at, cases, &how));
    }

    /// One act of the step; a batch step after its cosigned entry.
    fn try_one(&mut self, at: usize, cases: &[CaseId], how: &How) {
        if let Some(count) = self.step(at).cosigned {
            self.cosign(count);
        }
        self.attempt(at, cases, how);
    }

    /// Somebody joins in the last second, and an hour too late.
    fn try_joins(&mut self, at: usize, cases: &[CaseId]) {
        let Some(days) = self.step(at).join_days else { return };
        let Some((last, fewer)) = self.roster.crews[at].split_last() else { return };
        let (last, fewer) = (last.clone(), fewer.to_vec());
        for (hours, expected) in [(0, fine()), (1, Err(Rule::JoinExpired))] {
            self.what_if(|run| {
                let how = How { by: Some(fewer.clone()), ..How::expecting("waits", fine()) };
                let joins = run.wait(at, cases, &how);
                let received = run.book.clock.plus_ms(-SECOND_MS);
                run.pass_to(received.plus_ms(days as i64 * DAY_MS + hours * HOUR_MS));
                let label = format!("join of step {at} {hours} h after its limit");
                run.act(&label, std::slice::from_ref(&last), Act::Join { joins }, expected);
            });
        }
    }

    fn wait(&mut self, at: usize, cases: &[CaseId], how: &How) -> StatementHash {
        if self.step(at).on == On::Case {
            return self.on_case(at, &cases[0], how);
        }
        let listed = self.list(at, cases, &how.waiting);
        self.on_list(at, &listed, how)
    }

    /// On the last day, and on the day after.
    fn try_dates(&mut self, at: usize, cases: &[CaseId]) {
        let period: Option<Period> = cases.iter().filter_map(|case| self.book.cases.get(case)).map(|case| case.period).max();
        let due = period.and_then(|period| self.due_day(at, period));
        for last in [due, self.last_day_within(at)].into_iter().flatten() {
            for (day, why, expected) in [(last, "on its last day", fine()), (last + 1, "a day late", Ok(vec![Rule::Late]))] {
                self.what_if(|run| {
                    run.pass_to(run.noon(day).max(run.book.clock));
                    run.try_one(at, cases, &How::expecting(why, expected));
                });
            }
        }
    }

    /// Signed as long ago as the step's own allowance says, and a second longer.
    fn try_age(&mut self, at: usize, cases: &[CaseId]) {
        let Some(hours) = self.step(at).offline_hours else { return };
        for (more, why, expected) in [(0, "as old as may be", fine()), (SECOND_MS, "too old", Err(Rule::AtStale))] {
            let how = How { earlier_ms: hours as i64 * HOUR_MS + more, ..How::expecting(why, expected) };
            self.what_if(|run| run.try_one(at, cases, &how));
        }
    }

    /// One signer of the level too few.
    fn try_mixed(&mut self, at: usize, cases: &[CaseId]) {
        let Some(spare) = self.roster.spares[at].clone() else { return };
        let id = &self.step(at).id;
        let is_mixed = |rule: &&RuleOf| matches!(&rule.kind, RuleKind::Mixed { steps, .. } if steps.contains(id));
        let Some(rule) = self.plan.programme.rules.iter().find(is_mixed) else { return };
        let mut by = self.roster.crews[at].clone();
        by[0] = spare;
        let how = How { by: Some(by), ..How::expecting("by others than the rule wants", broken(rule, Rule::Mixed)) };
        self.what_if(|run| run.try_one(at, cases, &how));
    }

    /// Taken down a day too early.
    fn try_posting(&mut self, at: usize, cases: &[CaseId]) {
        self.what_if(|run| {
            if let Some((listed, up)) = run.attempt(at, cases, &How::default()) {
                run.pass_to(run.last_short_day(at, up));
                run.come_down(at, &listed, &How::expecting("down a day early", Err(Rule::PostingDays)));
            }
        });
    }

    fn try_quorum(&mut self, at: usize, cases: &[CaseId], quorum: &Quorum) {
        let least: u64 = quorum.seats.values().sum::<u64>().max(1);
        let mut trials: Vec<(&'static str, Vec<SeatLine>, Outcome)> = Vec::new();
        if let Some((present, due)) = exactly(quorum.present, least) {
            trials.push(("just enough present", seats(due, present, present, &quorum.seats), fine()));
        }
        if let Some((present, due)) = just_under(quorum.present, least) {
            trials.push(("too few present", seats(due, present, present, &quorum.seats), Err(Rule::Quorum)));
        }
        if let Some((agree, present)) = exactly(quorum.agree, least) {
            trials.push(("just enough agreeing", seats(present, present, agree, &quorum.seats), fine()));
        }
        if let Some((agree, present)) = just_under(quorum.agree, least) {
            trials.push(("too few agreeing", seats(present, present, agree, &quorum.seats), Err(Rule::Quorum)));
        }
        for category in quorum.seats.keys() {
            let mut fewer = quorum.seats.clone();
            fewer.entry(category.clone()).and_modify(|count| *count -= 1);
            trials.push(("too few of a category", seats(least, least, least, &fewer), Err(Rule::Quorum)));
        }
        for (why, seats, expected) in trials {
            let how = How { seats: Some(seats), ..How::expecting(why, expected) };
            self.what_if(|run| run.attempt(at, cases, &how));
        }
    }

    /// Lists on which just enough cases are as a step before should have found them, and just too few.
    pub(super) fn try_rates(&mut self) {
        for (at, step) in self.plan.programme.steps.iter().enumerate() {
            for (code, share) in step.rates.iter().flat_map(|rates| &rates.shares) {
                let whole = share.numerator == share.denominator;
                let enough = exactly(*share, 1).filter(|_| !whole).map(|rate| ("at just the rate", rate, fine()));
                let short = just_under(*share, 1).map(|rate| ("below the rate", rate, Err(Rule::Rate)));
                for (why, (yes, all), expected) in enough.into_iter().chain(short) {
                    self.what_if(|run| {
                        let cases: Vec<CaseId> = (0..all).map(|number| run.prepare(&format!("r{number}"), run.lasting(), false)).collect();
                        run.book.denied = cases[yes as usize..].iter().map(|case| (case.clone(), code.clone())).collect();
                        run.open(&cases);
                        run.walk(0..at, &cases, false);
                        run.attempt(at, &cases, &How::expecting(why, expected));
                    });
                }
            }
        }
    }

    /// Applications for the first and last period of each standard, and for those before and after.
    pub(super) fn try_standards(&mut self) {
        let Some(opening) = self.opening() else { return };
        for number in 0..self.plan.programme.standards.len() {
            let standard = &self.plan.programme.standards[number];
            let before = Period::parse(&(standard.from.year() - 1).to_string());
            let periods = before.into_iter().chain([standard.from]).chain(standard.to).chain(standard.to.map(after));
            for period in periods {
                let is_paid = self.plan.programme.standard(&standard.scheme, &standard.tier, period).is_some();
                let expected = if is_paid { None } else { Some(Err(Rule::StandardMissing)) };
                let how = How { why: "for a period of a standard", expected, ..How::default() };
                self.what_if(|run| {
                    let case = run.prepare("new", number, false);
                    run.book.cases.entry(case.clone()).and_modify(|known| known.period = period);
                    run.on_case(opening, &case, &how);
                });
            }
        }
    }
}

/// What becomes of an act that breaks a rule of the procedure.
pub(super) fn broken(rule: &RuleOf, name: Rule) -> Outcome {
    match rule.severity {
        Severity::Refuse => Err(name),
        Severity::Warn => Ok(vec![name]),
    }
}

/// So many of so many that are exactly a share, at least `least` of them.
fn exactly(share: Share, least: u64) -> Option<(u64, u64)> {
    let times = (1..=400).find(|times| times * share.numerator >= least)?;
    Some((times * share.numerator, times * share.denominator))
}

/// So many of so many that are fewer than a share, and enough for the share with the next denominator.
fn just_under(share: Share, least: u64) -> Option<(u64, u64)> {
    let fits =
        |some: &u64, all: u64| some * share.denominator < all * share.numerator && some * (share.denominator + 1) >= all * share.numerator;
    (1..=400).find_map(|all| (least..all).find(|some| fits(some, all)).map(|some| (some, all)))
}
