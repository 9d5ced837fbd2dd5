//! Dates of the plan: due dates, days of postings, and answers on every day that the calendar singles out.

use std::collections::BTreeSet;

use ledger::procedure::calendar::Days;
use signer::ActName;
use signer::act::{Act, Answer, AnswerOutcome, CaseAt, Objection};
use signer::rule::Rule;
use signer::value::{CaseId, Period, UnixMs, midnight};

use super::book::commitment;
use super::{DAY_MS, Outcome, Run, fine};
use crate::world::code;

impl Run<'_> {
    /// The day by which a step is due in a period.
    pub(super) fn due_day(&self, at: usize, period: Period) -> Option<i64> {
        let calendar = &self.plan.programme.calendar;
        let (month, day) = self.step(at).due?;
        let due = midnight(i64::from(period.year()), i64::from(month), i64::from(day), calendar.offset_minutes)?;
        Some(calendar.day(due))
    }

    /// The last day on which so many days have not passed, counted from a moment.
    pub(super) fn last_day(&self, since: UnixMs, days: Days, most: u64) -> i64 {
        let calendar = &self.plan.programme.calendar;
        let passed = |day: i64| calendar.days_between(since, calendar.midnight(day), days.counting);
        let first = calendar.day(since);
        (first..first + 20_000).take_while(|day| passed(*day) <= most).last().unwrap_or(first)
    }

    /// The last day for a step that comes within days of another, by when the record has that.
    pub(super) fn last_day_within(&self, at: usize) -> Option<i64> {
        let within = self.step(at).within.as_ref()?;
        let batch = self.book.state.register().batch(self.book.batch.as_ref()?)?;
        let before = batch.marks.iter().find(|mark| mark.step == within.of)?;
        Some(self.last_day(before.received, within.days, within.days.days))
    }

    /// A moment of the last day on which a posting has not hung long enough.
    pub(super) fn last_short_day(&self, at: usize, up: UnixMs) -> UnixMs {
        let days = self.step(at).posting.as_ref().map(|posting| posting.days);
        let day = days.filter(|days| days.days > 0).map_or(self.today() - 1, |days| self.last_day(up, days, days.days - 1));
        self.noon(day).max(self.book.clock)
    }

    /// Answers on each day that the calendar names, and on a day of each kind: in time exactly, and one counted day late.
    pub(super) fn answer_on_dates(&mut self) {
        let can_answer = self.plan.governance.contains_key(&ActName::Answer) && self.opening().is_some();
        let Some(limit) = self.plan.programme.answer.filter(|_| can_answer) else { return };
        let calendar = &self.plan.programme.calendar;
        let first = self.today() + limit.days as i64 * 3 + 10;
        let named: BTreeSet<i64> = calendar.holidays.union(&calendar.workdays).copied().collect();
        let plain = (first..).filter(|day| !named.contains(day)).take(14);
        // A date that moves to its neighbour is missed on one of the two.
        let days: BTreeSet<i64> = plain.chain(named.iter().flat_map(|day| [day - 1, *day, day + 1])).collect();
        self.what_if(|run| {
            let case = run.open_one();
            for day in days {
                run.answer_on(&case, limit, day);
            }
        });
    }

    fn answer_on(&mut self, case: &CaseId, limit: Days, day: i64) {
        let calendar = &self.plan.programme.calendar;
        let counted = |since: i64| calendar.days_between(calendar.midnight(since), calendar.midnight(day), limit.counting);
        let since = |count: u64| (day - 3_000..day).rev().find(|since| counted(*since) == count);
        let trials = [(limit.days, "answer on the last day", fine()), (limit.days + 1, "answer a day late", Ok(vec![Rule::Late]))];
        for (count, why, expected) in trials {
            // Of a day before the script begins nothing can be asked.
            let Some(since) = since(count).filter(|since| *since >= self.today()) else { continue };
            self.what_if(|run| run.object_and_answer(case, since, day, why, expected));
        }
    }

    fn object_and_answer(&mut self, case: &CaseId, since: i64, day: i64, why: &str, expected: Outcome) {
        self.pass_to(self.noon(since).max(self.book.clock));
        let objection = self.object(case);
        self.pass_to(self.noon(day));
        let answer = Answer { answers: objection, outcome: AnswerOutcome::Dismissed, evidence: commitment("letter") };
        let governors = self.governors(ActName::Answer);
        self.act(&format!("{why} ({})", self.date(day)), &governors, Act::Answer(answer), expected);
    }

    fn date(&self, day: i64) -> String {
        let text = super::book::time(UnixMs(day * DAY_MS)).to_string();
        text[..10].to_owned()
    }

    /// Somebody objects.
    pub(super) fn object(&mut self, case: &CaseId) -> signer::value::StatementHash {
        let case = CaseAt { case: case.clone(), head: self.book.head(case) };
        let governors = self.governors(ActName::Objection);
        self.act("objection", &governors, Act::Objection(Objection { case, reason: code("unfair"), evidence: None }), fine())
    }
}
