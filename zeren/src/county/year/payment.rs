//! June to October: funds, payments and what became of them; and the review of the year after.

use signer::act::{Act, Hold, Release};
use signer::value::{CaseId, StatementHash};

use super::super::PROCEDURE;
use super::super::money::Batch;
use super::super::people::tablet;
use super::super::plan::pairs;
use super::super::plants::{DEAD_TOWNSHIP, LAPSE_TOWNSHIPS, TICKED};
use super::super::words::code;
use super::{Year, id, strs};
use crate::error::Failure;

impl Year<'_> {
    /// Funds in July, payment in August, one payment held, some that failed and were paid again.
    pub(super) fn pay(&mut self) -> Result<(), Failure> {
        let gone = self.leave_and_amend()?;
        self.county.morning(2013, 7, 22)?;
        let held = id(3, 8);
        let act = Hold { case: self.at(&held)?, reason: code("inquiry"), evidence: self.county.commitment("letter of inquiry") };
        let hold = self.county.act(&["i001"], Act::Hold(act))?;
        let mut second = vec![id(4, 11)];
        second.extend(self.county.plants.parked.clone());
        second.sort();
        let is_first = |case: &CaseId| !second.contains(case) && *case != gone && *case != held;
        let first: Vec<CaseId> = self.going_on("-").into_iter().filter(is_first).collect();
        let one = self.county.fund("b-2013-1", "c-2013-pay", first, vec![(held.clone(), hold)], None)?;
        let two = self.county.fund("b-2013-2", "c-2013-b-pay", second.clone(), Vec::new(), None)?;
        let is_parked = self.county.plants.are_planted;
        self.county.morning(2013, 8, 12)?;
        let cosigned = self.county.cosigned_last()?;
        self.county.pay(&one, cosigned)?;
        if !is_parked {
            self.county.pay(&two, cosigned)?;
        }
        self.county.morning(2013, 8, 20)?;
        if is_parked {
            self.county.slip_in(&one)?;
        }
        let mut failed: Vec<CaseId> = [id(1, 4), id(6, 6), id(9, 9)].into();
        failed.extend(self.county.plants.returned.clone());
        failed.sort();
        self.settle_and_notify(&one, &failed)?;
        if !is_parked {
            self.settle_and_notify(&two, &[])?;
        }
        self.pay_again(&held, hold, failed)?;
        if is_parked {
            self.pay_late(&two)?;
        }
        self.tell(&held, "held for an inquiry, released, paid in a later batch", "因核查暂扣，解除后另批发放");
        self.tell(&id(1, 4), "the bank returned the payment; paid again", "银行退回后重新发放");
        Ok(())
    }

    /// May and June: somebody leaves, the procedure is amended, reports come in. Gives who left.
    fn leave_and_amend(&mut self) -> Result<CaseId, Failure> {
        self.county.morning(2013, 5, 13)?;
        let gone = id(2, 3);
        self.outcome(&["a002"], &gone, "exit", "died")?;
        self.tell(&gone, "left the programme before payment", "发放前退出");
        self.county.morning(2013, 6, 3)?;
        let amended = PROCEDURE.replacen("version = 1", "version = 2", 1).replacen("days = 5", "days = 7", 1);
        self.county.enact(&amended, &["f001", "f002"])?;
        if self.county.plants.are_planted {
            let open = self.county.take_reports()?;
            self.county.morning(2013, 6, 5)?;
            self.county.answer_reports(open)?;
        }
        Ok(gone)
    }

    fn settle_and_notify(&mut self, batch: &Batch, failed: &[CaseId]) -> Result<(), Failure> {
        let paid = self.county.settle(batch, failed)?;
        self.county.notify(batch, &paid)
    }

    /// What the bank returned, and what was held.
    fn pay_again(&mut self, held: &CaseId, hold: StatementHash, failed: Vec<CaseId>) -> Result<(), Failure> {
        self.county.morning(2013, 8, 26)?;
        let act = Release { case: self.at(held)?, releases: hold, evidence: self.county.commitment("end of the inquiry") };
        self.county.act(&["i001", "a001"], Act::Release(act))?;
        let again = self.county.fund("b-2013-3", "c-2013-pay", failed, Vec::new(), Some("b-2013-1"))?;
        let late = self.county.fund("b-2013-4", "c-2013-pay", vec![held.clone()], Vec::new(), None)?;
        let cosigned = self.county.cosigned_last()?;
        self.county.pay(&again, cosigned)?;
        self.county.pay(&late, cosigned)?;
        self.county.morning(2013, 8, 30)?;
        self.settle_and_notify(&again, &[])?;
        self.settle_and_notify(&late, &[])
    }

    /// Seventy days after the funds were there.
    fn pay_late(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.county.morning(2013, 9, 30)?;
        self.county.at_minute(10 * 60);
        let cosigned = self.county.cosigned_last()?;
        let hash = self.county.pay(batch, cosigned)?;
        let at = self.county.clock;
        self.county.truth.plant(21).persons(&["c001", "c002"]).statement(hash, at);
        self.county.morning(2013, 10, 8)?;
        self.settle_and_notify(batch, &[])
    }

    /// The next year begins: everybody who was paid is met again.
    pub(super) fn review_annually(&mut self) -> Result<(), Failure> {
        let gone = id(2, 3);
        if self.county.plants.are_planted {
            self.county.morning(2013, 12, 2)?;
            self.county.find_relations()?;
            self.county.morning(2013, 12, 9)?;
            self.county.move_officials()?;
            self.county.morning(2014, 1, 6)?;
            for case in self.county.plants.left.clone() {
                let hash = self.outcome(&["a002"], &case, "exit", "died")?;
                self.omitted.insert(case, hash);
            }
        }
        let townships = self.county.profile.townships();
        let all: Vec<(usize, Vec<CaseId>)> = townships
            .into_iter()
            .map(|township| {
                let cases = self.going_on(&format!("{township:02}"));
                (township, cases.into_iter().filter(|case| *case != gone).collect())
            })
            .collect();
        for day in 0..10 {
            self.county.later(2014, 2, 10, day as i64)?;
            for (township, cases) in &all {
                let a_day = cases.len().div_ceil(10);
                let mut done = [0; 3];
                for (number, case) in cases.iter().enumerate().skip(day * a_day).take(a_day) {
                    let is_ticked = self.county.plants.are_planted && LAPSE_TOWNSHIPS.contains(township) && number < TICKED;
                    if is_ticked {
                        continue;
                    }
                    let pair = self.county.plants.pair_of(case, (number - day * a_day) * 3 / a_day.max(3));
                    self.review_in_turn(case, *township, pair, 8 * 60 + 30 + done[pair] * 25)?;
                    done[pair] += 1;
                }
                if day == 4 && self.county.plants.are_planted && LAPSE_TOWNSHIPS.contains(township) {
                    self.tick(*township, &cases[..TICKED.min(cases.len())])?;
                }
            }
        }
        self.county.commit()?;
        if self.county.plants.are_planted {
            self.county.tell_quiet_plants();
        }
        Ok(())
    }

    fn review_in_turn(&mut self, case: &CaseId, township: usize, pair: usize, minute: i64) -> Result<(), Failure> {
        self.county.at_minute(minute);
        self.county.on_device(Some(&tablet(township, pair)));
        let hash = self.county.review_annually(case, &strs(&pairs(township)[pair]), 2014)?;
        self.county.on_device(None);
        let at = self.county.clock;
        let by = &pairs(township)[pair];
        if self.county.plants.dead.contains(case) {
            self.county.truth.plant(1).persons(&strs(by)).statement(hash, at);
        }
        if self.county.plants.are_planted && township == DEAD_TOWNSHIP && pair == 2 {
            self.county.truth.twin(22).case(case).persons(&strs(by)).statement(hash, at);
        }
        Ok(())
    }

    /// A pair ticks people off, fifteen seconds each. Who stepped aside from one leaves it to the other two.
    fn tick(&mut self, township: usize, cases: &[CaseId]) -> Result<(), Failure> {
        self.county.on_device(Some(&tablet(township, 1)));
        self.county.at_minute(16 * 60);
        for case in cases {
            let by = &pairs(township)[1];
            self.county.clock = self.county.clock.plus_ms(14_000);
            let hash = self.county.review_annually(case, &strs(by), 2014)?;
            let at = self.county.clock;
            self.county.truth.plant(22).case(case).persons(&strs(by)).statement(hash, at);
        }
        self.county.on_device(None);
        Ok(())
    }
}
