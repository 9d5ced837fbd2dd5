//! One step of the plan, done: on a case, by a list, on a wall, on a batch, on a payment.

use std::collections::BTreeMap;

use ledger::procedure::programme::{MatchOf, On, Quorum, Step};
use signer::act::{
    Act, Assertion, BatchRef, CaseLine, ListRef, Opening, PaymentLine, PostDown, PostUp, ResultLine, SeatLine, Sheet, SheetKind,
    SheetLines, Step as StepAct, Vote,
};
use signer::merkle::list_root;
use signer::rule::Rule;
use signer::value::{AccountToken, CaseId, Code, StatementHash, UnixMs};

use super::book::{Listed, commitment};
use super::roster::Signer;
use super::{DAY_MS, Outcome, Run, fine};
use crate::world::{bytes, code};

/// How a step is done, where otherwise than plainly.
#[derive(Clone, Default)]
pub(super) struct How {
    /// What is being asked.
    pub(super) why: &'static str,
    /// Other signers.
    pub(super) by: Option<Vec<Signer>>,
    /// What the answer should be.
    pub(super) expected: Option<Outcome>,
    /// How long before receipt the device says that it was.
    pub(super) earlier_ms: i64,
    /// Other seats.
    pub(super) seats: Option<Vec<SeatLine>>,
    /// Overrides.
    pub(super) overrides: Vec<StatementHash>,
    /// Cases that a list names as waiting for another step.
    pub(super) waiting: Vec<CaseId>,
}

impl How {
    pub(super) fn expecting(why: &'static str, expected: Outcome) -> How {
        How { why, expected: Some(expected), ..How::default() }
    }
}

impl<'p> Run<'p> {
    pub(super) fn step(&self, at: usize) -> &'p Step {
        &self.plan.programme.steps[at]
    }

    fn label(&self, at: usize, how: &How) -> String {
        let on = match self.step(at).on {
            On::Case => "case",
            On::List => "list",
            On::Batch => "batch",
            On::Payment => "payment",
        };
        format!("step {at} ({}) on {on}: {}", self.step(at).id, if how.why.is_empty() { "done" } else { how.why })
    }

    /// A step done plainly on all of these cases, the posting's days included.
    pub(super) fn do_step(&mut self, at: usize, cases: &[CaseId]) {
        if self.is_over || cases.is_empty() {
            return;
        }
        let step = self.step(at);
        if step.locks {
            let listed = self.attempt(at, cases, &How::default());
            self.book.locked = listed.map(|(listed, _)| listed);
            return;
        }
        if let Some(count) = step.cosigned {
            self.cosign(count);
        }
        let listed = self.attempt(at, cases, &How::default());
        if let Some((listed, up)) = listed.filter(|_| step.posting.is_some()) {
            self.pass_to(self.last_short_day(at, up).plus_ms(DAY_MS));
            self.come_down(at, &listed, &How::default());
        }
    }

    /// One act of a step for these cases, or one for each; a posting goes up. Gives the list, and when the device says it was.
    pub(super) fn attempt(&mut self, at: usize, cases: &[CaseId], how: &How) -> Option<(Listed, UnixMs)> {
        if self.is_over {
            return None;
        }
        match self.step(at).on {
            On::Case => {
                cases.iter().for_each(|case| _ = self.on_case(at, case, how));
                None
            }
            On::List => {
                let listed = self.list(at, cases, &how.waiting);
                let up = self.book.clock;
                self.on_list(at, &listed, how);
                Some((listed, up))
            }
            On::Batch => {
                self.on_batch(at, how);
                None
            }
            On::Payment => {
                cases.iter().for_each(|case| self.on_payment(at, case, how));
                None
            }
        }
    }

    fn signers(&self, at: usize, how: &How) -> Vec<Signer> {
        how.by.clone().unwrap_or_else(|| self.roster.crews[at].clone())
    }

    /// Puts it into the record; the answer by the plan's own dates where nothing else is said.
    fn put(&mut self, at: usize, act: Act, cases: &[CaseId], how: &How) -> StatementHash {
        let expected = how.expected.clone().unwrap_or_else(|| Ok(self.lateness(at, cases)));
        let time = self.book.clock.plus_ms(-how.earlier_ms);
        let (label, by) = (self.label(at, how), self.signers(at, how));
        self.act_at(&label, &by, act, time, expected)
    }

    /// `late`, if it is.
    fn lateness(&self, at: usize, cases: &[CaseId]) -> Vec<Rule> {
        let period = cases.iter().filter_map(|case| self.book.cases.get(case)).map(|case| case.period).max();
        let due = period.and_then(|period| self.due_day(at, period));
        let is_late = due.is_some_and(|due| self.today() > due) || self.within_passed(at);
        if is_late { vec![Rule::Late] } else { Vec::new() }
    }

    fn within_passed(&self, at: usize) -> bool {
        let last = self.last_day_within(at);
        last.is_some_and(|last| self.today() > last)
    }

    fn plain(&self, at: usize) -> StepAct {
        let step = self.step(at);
        let mut act = StepAct::new(step.id.clone());
        act.evidence = step.evidence.iter().map(|code| (code.clone(), commitment(code.as_str()))).collect();
        // Another number by each step: the latest is what is paid for.
        act.measures = step.measures.iter().map(|code| (code.clone(), 7 + at as u64)).collect();
        act
    }

    /// The act of a case step.
    pub(super) fn case_act(&mut self, at: usize, case: &CaseId) -> Act {
        let step = self.step(at);
        let mut act = self.plain(at);
        let denied = |code: &Code| self.book.denied.iter().any(|(other, of)| other == case && of == code);
        let said = |code: &Code| if denied(code) { Assertion::No } else { Assertion::Yes };
        act.asserts = step.asserts.iter().map(|code| (code.clone(), said(code))).collect();
        act.case = Some((case.clone(), Some(self.book.head(case)).filter(|_| !step.opens)));
        let unit = self.home_of_cases();
        let known = self.book.cases.get_mut(case).unwrap();
        known.measures.extend(act.measures.iter().cloned());
        if step.opens {
            let (scheme, tier, account) = (known.scheme.clone(), known.tier.clone(), account(case));
            act.open = Some(Opening { unit, scheme, tier, period: known.period, account });
        }
        act.period = Some(known.period).filter(|_| step.renews);
        Act::Step(Box::new(act))
    }

    pub(super) fn on_case(&mut self, at: usize, case: &CaseId, how: &How) -> StatementHash {
        let mut act = self.case_act(at, case);
        if let Act::Step(step) = &mut act {
            step.overrides.clone_from(&how.overrides);
        }
        self.put(at, act, std::slice::from_ref(case), how)
    }

    /// Writes down a list of the kind that a step calls for, with those that wait for another step, under a name that is new.
    pub(super) fn list(&mut self, at: usize, cases: &[CaseId], waiting: &[CaseId]) -> Listed {
        let mut cases = cases.to_vec();
        cases.sort();
        let mut all: Vec<CaseId> = cases.iter().chain(waiting).cloned().collect();
        all.sort();
        let lines = if self.step(at).locks {
            let pays = |case: &CaseId| match (case.clone(), self.book.head(case)) {
                (case, hash) if waiting.contains(&case) => PaymentLine::Omits { case, hash },
                (case, head) => PaymentLine::Pays { fen: self.amount(&case), account: account(&case), case, head },
            };
            SheetLines::Payments(all.iter().map(pays).collect())
        } else {
            let line = |case: &CaseId| CaseLine { case: case.clone(), hash: self.book.head(case), omit: waiting.contains(case) };
            SheetLines::Cases(all.iter().map(line).collect())
        };
        let total = lines.total().unwrap_or(0);
        let list = self.sheet(at, lines);
        Listed { list, cases, total }
    }

    fn sheet(&mut self, at: usize, lines: SheetLines) -> Code {
        let list = code(&format!("list-{}", self.book.serial()));
        let kind = match lines {
            SheetLines::Cases(_) => SheetKind::Cases,
            SheetLines::Payments(_) => SheetKind::Payments,
            SheetLines::Seats(_) => SheetKind::Seats,
            SheetLines::Results(_) => SheetKind::Results,
        };
        let owner = self.roster.crews[at][..1].to_vec();
        self.act("sheet", &owner, Act::Sheet(Sheet { list: list.clone(), kind, part: 0, lines }), fine());
        list
    }

    /// A list as acts name it, from the sheets that the record has.
    fn named(&self, list: &Code, count: u64, total: u64) -> ListRef {
        let root = self.book.state.register().list(list).map_or(list_root([""]), ledger::programme::list::List::root);
        ListRef { list: list.clone(), count, total, root }
    }

    fn named_list(&self, listed: &Listed) -> ListRef {
        self.named(&listed.list, listed.cases.len() as u64, listed.total)
    }

    /// The act of a list step on a list.
    pub(super) fn list_act(&mut self, at: usize, listed: &Listed, how: &How) -> Act {
        let step = self.step(at);
        if let Some(posting) = &step.posting {
            return Act::PostUp(PostUp {
                step: step.id.clone(),
                list: self.named_list(listed),
                places: posting.at.iter().map(|level| (level.clone(), commitment("wall"))).collect(),
                phones: posting.phones.clone(),
                photos: photos(&posting.up),
                overrides: how.overrides.clone(),
            });
        }
        let mut act = self.plain(at);
        act.list = Some(self.named_list(listed));
        act.overrides.clone_from(&how.overrides);
        if let Some(quorum) = &step.quorum {
            let seats = how.seats.clone().unwrap_or_else(|| enough_seats(quorum));
            let count = seats.len() as u64;
            let list = self.sheet(at, SheetLines::Seats(seats));
            act.seats = Some(self.named(&list, count, 0));
        }
        Act::Step(Box::new(act))
    }

    pub(super) fn on_list(&mut self, at: usize, listed: &Listed, how: &How) -> StatementHash {
        let act = self.list_act(at, listed, how);
        self.put(at, act, &listed.cases, how)
    }

    /// A posting comes down.
    pub(super) fn come_down(&mut self, at: usize, listed: &Listed, how: &How) {
        let step = self.step(at);
        let photos = step.posting.as_ref().map(|posting| photos(&posting.down)).unwrap_or_default();
        let act = PostDown { step: step.id.clone(), list: self.named_list(listed), photos, overrides: Vec::new() };
        self.put(at, Act::PostDown(act), &listed.cases, how);
    }

    /// What a case is paid by the plan.
    pub(super) fn amount(&self, case: &CaseId) -> u64 {
        let known = &self.book.cases[case];
        let standard = self.plan.programme.standard(&known.scheme, &known.tier, known.period);
        let units = |per: &Code| known.measures.get(per).copied().unwrap_or(1);
        standard.map_or(0, |standard| standard.fen * standard.per.as_ref().map_or(1, units))
    }

    fn on_batch(&mut self, at: usize, how: &How) {
        let step = self.step(at);
        let Some(locked) = self.book.locked.clone() else { return };
        let count = locked.cases.len() as u64;
        let mut act = self.plain(at);
        if self.plan.programme.opens_batch(step) {
            self.book.batch = Some(code(&format!("batch-{}", self.book.serial())));
            act.repays.clone_from(&self.book.repays);
        }
        let batch = self.book.batch.clone().unwrap_or_else(|| code("none"));
        act.batch = Some(BatchRef { batch, list: locked.list.clone(), count, total: locked.total });
        act.cosigned = step.cosigned.map(|_| self.book.cosigned);
        let failing = self.book.failing.clone();
        let lost = failing.iter().map(|case| self.amount(case)).sum::<u64>();
        let sum = |(code, of): (&Code, &MatchOf)| match of {
            MatchOf::Batch => (code.clone(), count, locked.total),
            MatchOf::Paid => (code.clone(), count - failing.iter().len() as u64, locked.total - lost),
        };
        act.totals = step.matches.iter().map(sum).collect();
        if step.settles {
            let result = |case: &CaseId| ResultLine {
                case: case.clone(),
                failed: failing.as_ref().filter(|failing| *failing == case).map(|_| code("account-closed")),
            };
            let lines = locked.cases.iter().map(result).collect();
            let list = self.sheet(at, SheetLines::Results(lines));
            act.results = Some(self.named(&list, count, 0));
        }
        self.put(at, Act::Step(Box::new(act)), &locked.cases, how);
    }

    fn on_payment(&mut self, at: usize, case: &CaseId, how: &How) {
        let mut act = self.plain(at);
        act.payment = Some((case.clone(), self.book.batch.clone().unwrap_or_else(|| code("none"))));
        self.put(at, Act::Step(Box::new(act)), &[], how);
    }
}

/// The account of a case: always the same.
pub(super) fn account(case: &CaseId) -> AccountToken {
    AccountToken(bytes(&format!("account of {case}")))
}

fn photos(codes: &[Code]) -> Vec<(Code, signer::value::Commitment)> {
    codes.iter().map(|code| (code.clone(), commitment("photo"))).collect()
}

/// Seats of a meeting: so many of each category, the rest of none; so many present, so many of them agreeing.
pub(super) fn seats(due: u64, present: u64, agree: u64, categories: &BTreeMap<Code, u64>) -> Vec<SeatLine> {
    let mut named = categories.iter().flat_map(|(category, count)| std::iter::repeat_n(category, *count as usize));
    let other = code("other-seat");
    let seat = |number: u64| SeatLine {
        token: code(&format!("s{number:03}")),
        category: named.next().unwrap_or(&other).clone(),
        vote: if number >= present {
            Vote::Absent
        } else if number < agree {
            Vote::Agree
        } else {
            Vote::Against
        },
    };
    (0..due).map(seat).collect()
}

/// Exactly enough of every category, everybody there and agreeing.
fn enough_seats(quorum: &Quorum) -> Vec<SeatLine> {
    let least: u64 = quorum.seats.values().sum::<u64>().max(1);
    seats(least, least, least, &quorum.seats)
}
