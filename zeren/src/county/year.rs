//! The county's year: apply, visit, deliberate, post, review, recheck, confirm, lock, fund, pay, settle, notify, review again; with what
//! goes wrong on the way.

mod cases;
mod lists;
mod payment;

use std::collections::BTreeMap;

use signer::act::{Act, Answer, AnswerOutcome, CaseAt, Outcome};
use signer::value::{CaseId, StatementHash};

use super::plan::{Profile, TOLD, Village, township_official};
use super::words::code;
use super::{County, decades};
use crate::error::Failure;

/// Something that happened in the year, for whoever tells of it: the case, and what.
#[derive(Clone, Debug)]
pub struct Told {
    /// The case.
    pub case: CaseId,
    /// What happened, in English.
    pub en: &'static str,
    /// What happened, in Chinese.
    pub zh: &'static str,
}

/// Lives the year 2013 and the review after it. `progress` is told how many of its chapters are done.
pub fn live_a_year(county: &mut County, progress: &mut dyn FnMut(u64, u64) -> Result<(), Failure>) -> Result<Vec<Told>, Failure> {
    if county.profile == Profile::L {
        decades::live(county, progress)?;
        return Ok(Vec::new());
    }
    let mut year = Year { county, told: Vec::new(), omitted: BTreeMap::new(), borrowed: [0; 2] };
    for chapter in 0..CHAPTERS {
        year.county.commit()?;
        progress(chapter, CHAPTERS)?;
        year.live(chapter)?;
    }
    year.county.commit()?;
    // The witness sees the end of it.
    year.county.morning(2014, 2, 26)?;
    progress(CHAPTERS, CHAPTERS)?;
    Ok(year.told)
}

const CHAPTERS: u64 = 10;

struct Year<'a> {
    county: &'a mut County,
    told: Vec<Told>,
    /// Cases that no list takes any more, and the statement responsible.
    omitted: BTreeMap<CaseId, StatementHash>,
    /// Acts signed with each borrowed key.
    borrowed: [usize; 2],
}

/// Visits of a pair of investigators, or of checkers, in a day.
const VISITS_A_DAY: usize = 15;

/// An applicant of the township in which the stories happen.
fn id(village: usize, number: usize) -> CaseId {
    told(village).applicant(number)
}

fn told(number: usize) -> Village {
    Village { township: TOLD, number }
}

/// Head and leader of a township.
fn leaders(township: usize) -> [String; 2] {
    [township_official(township, 4), township_official(township, 5)]
}

fn strs<const N: usize>(names: &[String; N]) -> [&str; N] {
    names.each_ref().map(String::as_str)
}

impl Year<'_> {
    fn tell(&mut self, case: &CaseId, en: &'static str, zh: &'static str) {
        self.told.push(Told { case: case.clone(), en, zh });
    }

    fn at(&self, case: &CaseId) -> Result<CaseAt, Failure> {
        Ok(CaseAt { case: case.clone(), head: self.county.head(case)? })
    }

    /// An outcome; the case's head moves.
    fn outcome(&mut self, by: &[&str], case: &CaseId, outcome: &str, reason: &str) -> Result<StatementHash, Failure> {
        let act = Outcome { case: self.at(case)?, outcome: code(outcome), reason: code(reason), evidence: Vec::new() };
        let hash = self.county.act(by, Act::Outcome(act))?;
        self.county.moved(std::iter::once(case), hash);
        Ok(hash)
    }

    fn answer(&mut self, by: &str, answers: StatementHash, outcome: AnswerOutcome) -> Result<(), Failure> {
        let evidence = self.county.commitment(&format!("answer to {answers}"));
        self.county.act(&[by], Act::Answer(Answer { answers, outcome, evidence })).map(drop)
    }

    fn live(&mut self, chapter: u64) -> Result<(), Failure> {
        match chapter {
            0 => self.apply(),
            1 => self.visit(),
            2 => self.settle_visits(),
            3 => self.deliberate(),
            4 => self.post_in_villages(),
            5 => self.review(),
            6 => self.recheck(),
            7 => self.confirm(),
            8 => self.pay(),
            _ => self.review_annually(),
        }
    }
}
