//! Drives any procedure to its limits and just beyond them: everything that the script does it reads off the parsed procedure, so
//! the same script fits every programme, and a procedure of which one number was changed answers some of it otherwise.
//!
//! `plan` decides what is done, by whom and when; `law` is the text that is enacted. Notes bring no signatures: they are judged as
//! [`ledger::admit::admit`] judges notes that were checked.

mod book;
mod calendar;
mod governed;
pub mod numbers;
mod probes;
mod roster;
mod samples;
mod steps;
mod walk;

use std::collections::BTreeSet;

use ledger::procedure::Procedure;
use signer::ActName;
use signer::rule::Rule;
use signer::value::{CaseId, Period, UnixMs};

use self::book::Book;
use self::roster::Roster;
use self::samples::Sample;

const SECOND_MS: i64 = 1_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// What an act was answered with: its warnings, or the rule that refuses it.
pub type Outcome = Result<Vec<Rule>, Rule>;

/// One act of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What was done.
    pub label: String,
    /// What the answer should be where `law` is the plan's own text.
    pub expected: Outcome,
    /// What it was.
    pub found: Outcome,
}

/// The script, played.
#[derive(Clone, Debug)]
pub struct Played {
    /// The answers, in order.
    pub verdicts: Vec<Verdict>,
    /// What was paid: case, period, fen.
    pub paid: Vec<(CaseId, Period, u64)>,
}

/// Plays the whole script.
pub fn drive(plan: &Procedure, law: &str) -> Played {
    let mut run = Run::new(plan, None);
    run.play(law);
    Played { verdicts: run.verdicts, paid: run.paid }
}

/// Plays the script until an answer differs from the baseline's, and gives that one.
pub fn first_difference(plan: &Procedure, law: &str, baseline: &[Verdict]) -> Option<Verdict> {
    let mut run = Run::new(plan, Some(baseline));
    run.play(law);
    run.verdicts.pop().filter(|_| run.is_over)
}

/// Admitted without a warning.
fn fine() -> Outcome {
    Ok(Vec::new())
}

/// One play of the script.
struct Run<'p> {
    plan: &'p Procedure,
    roster: Roster,
    book: Book,
    verdicts: Vec<Verdict>,
    baseline: Option<&'p [Verdict]>,
    /// An answer differed from the baseline's: nothing more need be asked.
    is_over: bool,
    /// Cases that were chosen for the number that is drawn for them.
    samples: Vec<Sample>,
    /// Steps whose limits were tried.
    tried: BTreeSet<usize>,
    /// Governed acts that were tried by too few.
    governed: BTreeSet<ActName>,
    /// What was paid: case, period, fen.
    paid: Vec<(CaseId, Period, u64)>,
}

impl<'p> Run<'p> {
    fn new(plan: &'p Procedure, baseline: Option<&'p [Verdict]>) -> Run<'p> {
        let (roster, book, verdicts) = (Roster::default(), Book::new(plan), Vec::new());
        let (samples, tried, governed, paid) = (Vec::new(), BTreeSet::new(), BTreeSet::new(), Vec::new());
        Run { plan, roster, book, verdicts, baseline, is_over: false, samples, tried, governed, paid }
    }

    fn play(&mut self, law: &str) {
        if !self.found_and_enact(law) {
            return;
        }
        self.first_moment();
        self.staff();
        self.appoint_teams();
        self.do_governed_acts();
        self.do_outcomes();
        self.lend_offices();
        self.answer_on_dates();
        self.try_rates();
        self.try_standards();
        self.live();
    }

    /// Does something and forgets it but for the verdicts.
    fn what_if<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.is_over {
            return None;
        }
        let before = self.book.clone();
        let said = act(self);
        self.book = before;
        Some(said)
    }

    fn record(&mut self, label: String, expected: Outcome, found: Outcome) {
        if self.is_over {
            return;
        }
        if let Some(baseline) = self.baseline {
            self.is_over = baseline.get(self.verdicts.len()).is_none_or(|before| before.found != found);
        }
        self.verdicts.push(Verdict { label, expected, found });
    }

    /// Noon of a day of the plan's offset.
    fn noon(&self, day: i64) -> UnixMs {
        self.plan.programme.calendar.midnight(day).plus_ms(DAY_MS / 2)
    }

    /// Today by the plan's offset.
    fn today(&self) -> i64 {
        self.plan.programme.calendar.day(self.book.clock)
    }
}
