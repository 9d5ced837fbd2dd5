//! The large county: thirty-six thousand people through fourteen years, or others, so that a million entries and what grows with them
//! can be looked at. Nothing is planted, nothing goes wrong; its lists are each of one township, since a list has its limit.

use sha2::{Digest as _, Sha256};
use signer::act::{Assertion, Step};
use signer::value::CaseId;

use super::people::tablet;
use super::plan::{Village, pairs, township_official};
use super::words::code;
use super::{County, PROCEDURE};
use crate::error::Failure;

const FIRST_YEAR: i64 = 2013;
/// How large the large county is.
#[derive(Clone, Copy, Debug)]
pub struct Large {
    /// How many apply.
    pub people: usize,
    /// How many years are lived, from 2013.
    pub years: u64,
}

impl Default for Large {
    fn default() -> Large {
        Large { people: 36_000, years: 14 }
    }
}

/// One in so many of those who go on is rechecked.
const DRAWN_OF: u128 = 20;

/// The county's procedure, with its county-wide lists made one for each township.
pub(super) fn procedure() -> String {
    PROCEDURE.replace("lists = \"county\"", "lists = \"township\"")
}

fn township_unit(township: usize) -> String {
    format!("{township:02}")
}

fn leaders(township: usize) -> [String; 2] {
    [township_official(township, 4), township_official(township, 5)]
}

fn pair(township: usize, turn: usize) -> ([String; 2], String) {
    (pairs(township)[turn % 3].clone(), tablet(township, turn % 3))
}

/// Lives the years from 2013 on. `progress` is told how many of them are done.
pub(super) fn live(county: &mut County, progress: &mut dyn FnMut(u64, u64) -> Result<(), Failure>) -> Result<(), Failure> {
    let years = county.large.years;
    for (done, year) in (0..years).zip(FIRST_YEAR..) {
        progress(done, years)?;
        if year == FIRST_YEAR {
            county.begin()?;
        } else {
            county.go_on(year)?;
        }
        county.pay_year(year)?;
    }
    county.later(FIRST_YEAR + years as i64, 1, 4, 0)?;
    progress(years, years)
}

impl County {
    /// The first year up to the recheck: everybody is new.
    fn begin(&mut self) -> Result<(), Failure> {
        let profile = self.profile;
        self.invent_applicants(profile);
        let villages: Vec<(Village, Vec<CaseId>)> = profile.villages().into_iter().map(|of| (of, self.cases_of(&of.unit()))).collect();
        self.later(2013, 1, 3, 0)?;
        for (of, cases) in &villages {
            for case in cases {
                self.apply(case, *of)?;
            }
            self.commit()?;
        }
        self.later(2013, 1, 14, 0)?;
        for (of, cases) in &villages {
            for (turn, case) in cases.iter().enumerate() {
                let (by, device) = pair(of.township, turn);
                self.on_device(Some(&device));
                self.visit(case, &[&by[0], &by[1]], Assertion::Yes)?;
            }
            self.on_device(None);
            self.commit()?;
        }
        self.later(2013, 2, 1, 0)?;
        let mut posted = Vec::new();
        for (of, cases) in &villages {
            let (clerk, head, overseer) = (of.official("clerk"), of.official("head"), of.official("overseer"));
            let list = format!("d-{}", of.unit());
            let mut step = Step::new(code("deliberate"));
            step.seats = Some(self.seats(&overseer, &format!("{list}-seats"), &of.unit())?);
            step.list = Some(self.list_of(&overseer, &list, cases, &[])?);
            step.evidence = vec![(code("minutes"), self.commitment(&format!("minutes of {list}")))];
            self.list_step(&[&head, &overseer], step, cases)?;
            let list = self.list_of(&clerk, &format!("p-{}", of.unit()), cases, &[])?;
            self.post_up(&[&clerk, &overseer], "post-1", &list, &["group", "village"], &["village", "township", "county"])?;
            posted.push((clerk, overseer, list, cases));
            self.commit()?;
        }
        self.later(2013, 2, 9, 0)?;
        for (clerk, overseer, list, cases) in posted {
            let photos = list.list.to_string();
            self.post_down(&[&clerk, &overseer], "post-1", &list, (&["mid", "down"], &photos), cases)?;
        }
        self.review_townships()?;
        self.later(2013, 2, 27, 0)?;
        self.assign_team(2013)?;
        self.commit()?;
        self.later(2013, 2, 28, 0)?;
        for case in self.cases_of("-") {
            self.recheck(&case)?;
            if self.written() > 2_000 {
                self.commit()?;
            }
        }
        self.commit()
    }

    fn review_townships(&mut self) -> Result<(), Failure> {
        let mut posted = Vec::new();
        self.later(2013, 2, 18, 0)?;
        for township in self.profile.townships() {
            let (leaders, cases) = (leaders(township), self.cases_of(&township_unit(township)));
            let by = [leaders[0].as_str(), leaders[1].as_str()];
            let list = self.list_of(by[0], &format!("t-{township:02}"), &cases, &[])?;
            let mut step = Step::new(code("review"));
            step.list = Some(list.clone());
            self.list_step(&by, step, &cases)?;
            self.post_up(&by, "post-2", &list, &["township"], &["township", "county"])?;
            self.commit()?;
            posted.push((leaders, list, cases));
        }
        self.later(2013, 2, 26, 0)?;
        for (leaders, list, cases) in posted {
            let photos = list.list.to_string();
            self.post_down(&[&leaders[0], &leaders[1]], "post-2", &list, (&["down"], &photos), &cases)?;
        }
        self.commit()
    }

    /// A later year up to the recheck: everybody is met, and one in twenty, drawn by what the witness cosigned, is seen again.
    fn go_on(&mut self, year: i64) -> Result<(), Failure> {
        self.later(year, 1, 10, 0)?;
        self.assign_team(year as u64)?;
        self.later(year, 2, 10, 0)?;
        for township in self.profile.townships() {
            for (turn, case) in self.cases_of(&township_unit(township)).iter().enumerate() {
                let (by, device) = pair(township, turn);
                self.on_device(Some(&device));
                self.review_annually(case, &[&by[0], &by[1]], year as u64)?;
            }
            self.on_device(None);
            self.commit()?;
        }
        self.later(year, 3, 1, 0)?;
        let digest = self.cosigned_digest()?;
        for case in self.cases_of("-").iter().filter(|case| is_drawn(&digest, case)) {
            self.recheck(case)?;
        }
        self.commit()
    }

    /// Confirm, post, lock, fund, pay, settle, notify: township by township.
    fn pay_year(&mut self, year: i64) -> Result<(), Failure> {
        let townships = self.profile.townships();
        self.later(year, 4, 16, 0)?;
        let mut posted = Vec::new();
        for township in townships {
            let cases = self.cases_of(&township_unit(township));
            let listed = self.list_of("a001", &format!("c-{year}-{township:02}"), &cases, &[])?;
            let mut step = Step::new(code("confirm"));
            step.list = Some(listed.clone());
            self.list_step(&["a001", "a003"], step, &cases)?;
            self.post_up(&["a001"], "post-3", &listed, &["county"], &["county"])?;
            self.commit()?;
            posted.push((township, listed, cases));
        }
        self.later(year, 4, 26, 0)?;
        let mut batches = Vec::new();
        for (township, listed, cases) in posted {
            let photos = listed.list.to_string();
            self.post_down(&["a001"], "post-3", &listed, (&["down"], &photos), &cases)?;
            let list = format!("c-{year}-{township:02}-pay");
            let mut step = Step::new(code("lock"));
            step.list = Some(self.payments_of("a001", &list, &cases, &[])?);
            self.list_step(&["a001", "a003"], step, &cases)?;
            self.commit()?;
            batches.push((format!("b-{year}-{township:02}"), list, cases));
        }
        self.later(year, 7, 22, 0)?;
        let mut funded = Vec::new();
        for (id, list, cases) in batches {
            funded.push(self.fund(&id, &list, cases, Vec::new(), None)?);
        }
        self.later(year, 8, 12, 0)?;
        let cosigned = self.cosigned_last()?;
        for batch in &funded {
            self.pay(batch, cosigned)?;
        }
        self.later(year, 8, 20, 0)?;
        for batch in &funded {
            let paid = self.settle(batch, &[])?;
            self.notify(batch, &paid)?;
            self.commit()?;
        }
        Ok(())
    }

    /// SHA-256 of the latest cosigned entry's note, which draws the sample.
    fn cosigned_digest(&self) -> Result<[u8; 32], Failure> {
        let entry = self.cosigned_last()?;
        self.ledger
            .state()
            .register()
            .cosigned_at(entry)
            .map(|cosigned| cosigned.digest)
            .ok_or_else(|| Failure::malformed("no cosigned entry"))
    }
}

/// Whether a case is drawn at one in twenty: the formula that format.md gives to everybody.
fn is_drawn(digest: &[u8; 32], case: &CaseId) -> bool {
    let hash: [u8; 32] = Sha256::new().chain_update("zeren draw v1\n").chain_update(digest).chain_update(case.as_str()).finalize().into();
    let lot = hash.iter().take(8).fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    lot * DRAWN_OF < (1 << 64)
}
