//! January: applications and visits, case by case.

use signer::act::{Account, Act, AnswerOutcome, Appeal, Assertion, Correct, Report, ReportAbout, Transfer, report_token};
use signer::statement::statement_hash;
use signer::value::{AccountToken, CaseId};

use super::super::people::tablet;
use super::super::plan::{Fate, Profile, TOLD, Village, pairs};
use super::super::plants::{
    BACKDATED_TOWNSHIP, BACKDATED_VISITS, BORROWED_ACTS, BORROWED_TOWNSHIPS, PAIRED_TOWNSHIP, SHAM_TOWNSHIPS, SHAM_VISITS,
};
use super::super::words::{code, unit};
use super::super::{HOUR_MS, REPORT_CODE};
use super::{Year, id, strs};
use crate::error::Failure;

impl Year<'_> {
    /// Everybody applies, in ten days.
    pub(super) fn apply(&mut self) -> Result<(), Failure> {
        let profile = self.county.profile;
        self.county.invent_applicants(profile);
        let by_village: Vec<(Village, Vec<CaseId>)> =
            profile.villages().into_iter().map(|village| (village, self.county.cases_of(&village.unit()))).collect();
        let mut offline = Vec::new();
        for day in 0..10 {
            self.county.morning(2013, 1, 3 + day as i64)?;
            self.county.bring(std::mem::take(&mut offline));
            for (number, (village, cases)) in by_village.iter().enumerate() {
                let a_day = cases.len().div_ceil(10);
                let first = self.county.written();
                for (minute, case) in (0..).step_by(35).zip(cases.iter().skip(day * a_day).take(a_day)) {
                    self.county.at_minute(9 * 60 + minute + number as i64 % 30);
                    self.county.apply(case, *village)?;
                }
                // Snow: the village has no network until the next morning, on two evenings.
                if profile != Profile::S && number % 7 == 3 && matches!(day, 3 | 6) {
                    let held = self.county.hold_back(first);
                    let day = self.county.day;
                    held.iter().for_each(|(text, _)| _ = self.county.truth.twin(16).statement(statement_hash(text), day));
                    offline.extend(held);
                }
            }
        }
        Ok(())
    }

    /// Two investigators visit each of them: fifteen a day at the most, but for those who do otherwise.
    pub(super) fn visit(&mut self) -> Result<(), Failure> {
        let townships = self.county.profile.townships();
        let cases: Vec<(usize, Vec<CaseId>)> =
            townships.into_iter().map(|township| (township, self.county.cases_of(&format!("{township:02}")))).collect();
        let mut postponed: Vec<(CaseId, usize, usize)> = Vec::new();
        for day in 0..10 {
            self.county.morning(2013, 1, 14 + day as i64)?;
            if day == 0 {
                self.county.declare_relatives()?;
                self.county.commit()?;
            }
            if day == 3 {
                let step = self.county.head(&id(2, 9))?;
                self.county.act(&["t703"], Act::Join { joins: step })?;
            }
            for (township, cases) in &cases {
                let a_day = cases.len().div_ceil(10);
                let is_sham = self.county.plants.are_planted && day == 4 && SHAM_TOWNSHIPS.contains(township);
                let (mut done, mut sham) = ([0; 3], 0);
                for (number, case) in cases.iter().skip(day * a_day).take(a_day).enumerate() {
                    let is_first = is_sham && sham < SHAM_VISITS && self.county.applicant(case)?.fate != Fate::Suspended;
                    sham += usize::from(is_first);
                    let choice = match (is_sham, is_first) {
                        (true, true) => 0,
                        (true, false) => 1 + number % 2,
                        (false, _) => number * 3 / a_day.max(3),
                    };
                    let pair = self.county.plants.pair_of(case, choice);
                    let is_late = self.county.plants.are_planted && *township == BACKDATED_TOWNSHIP && matches!(day, 3 | 4);
                    if is_late && postponed.len() < BACKDATED_VISITS && self.county.applicant(case)?.fate == Fate::Paid {
                        postponed.push((case.clone(), pair, day));
                        continue;
                    }
                    let turn = done[pair];
                    done[pair] += 1;
                    self.visit_in_turn(case, *township, pair, turn, is_sham)?;
                }
            }
            if day == 5 {
                self.date_back(std::mem::take(&mut postponed))?;
            }
        }
        self.after_the_visits()
    }

    /// A visit of a pair, in its turn of the day.
    fn visit_in_turn(&mut self, case: &CaseId, township: usize, pair: usize, turn: i64, is_sham: bool) -> Result<(), Failure> {
        let by = &pairs(township)[pair];
        let planted = self.county.plants.are_planted;
        let borrowed = BORROWED_TOWNSHIPS.iter().position(|of| *of == township).filter(|_| planted && pair == 0);
        let is_visit = self.county.applicant(case)?.fate != Fate::Suspended;
        let borrowed = borrowed.filter(|place| is_visit && self.borrowed[*place] < BORROWED_ACTS);
        let is_courtyard = planted && township == SHAM_TOWNSHIPS[0] && pair == 1 && turn < 4;
        let own = tablet(township, pair);
        match borrowed {
            Some(place) => {
                self.borrowed[place] += 1;
                self.county.on_device(Some(&format!("d-{township:02}-01")));
            }
            None => self.county.on_device(Some(&own)),
        }
        self.county.at_minute(
            8 * 60
                + 30
                + turn
                    * if is_sham && pair == 0 {
                        3
                    } else if is_courtyard {
                        8
                    } else {
                        25
                    },
        );
        self.visit_one(case, by)?;
        self.county.on_device(None);
        let (head, at) = (self.county.head(case)?, self.county.clock);
        let by = strs(by);
        let truth = &mut self.county.truth;
        if is_sham && pair == 0 && is_visit {
            truth.plant(4).case(case).persons(&by).statement(head, at);
        }
        if is_courtyard {
            truth.twin(4).case(case).persons(&by).statement(head, at);
        }
        if borrowed.is_some() {
            let clerk = Village { township, number: 1 }.official("clerk");
            truth.plant(10).case(case).persons(&[&clerk]).keys_of(&by).statement(head, at);
        }
        if planted && township == PAIRED_TOWNSHIP && pair == 0 {
            truth.twin(15).case(case).persons(&by).statement(head, at);
        }
        Ok(())
    }

    /// The evening before an inspection: visits of days before are written, dated back.
    fn date_back(&mut self, postponed: Vec<(CaseId, usize, usize)>) -> Result<(), Failure> {
        if postponed.is_empty() {
            return Ok(());
        }
        self.county.at_minute(22 * 60);
        self.county.commit()?;
        let today = self.county.day;
        for (number, (case, pair, day)) in postponed.into_iter().enumerate() {
            self.county.day = today.plus_ms((day as i64 - 5) * 24 * HOUR_MS);
            self.county.at_minute(9 * 60 + 30 + number as i64 % 30 * 12);
            self.county.on_device(Some(&tablet(BACKDATED_TOWNSHIP, pair)));
            let by = &pairs(BACKDATED_TOWNSHIP)[pair];
            let hash = self.county.visit(&case, &strs(by), Assertion::Yes)?;
            let at = self.county.latest;
            self.county.truth.plant(16).case(&case).persons(&strs(by)).statement(hash, at);
        }
        self.county.on_device(None);
        self.county.day = today;
        self.county.at_minute(22 * 60 + 40);
        self.county.commit()
    }

    fn after_the_visits(&mut self) -> Result<(), Failure> {
        // Moved to the next village before anybody visited.
        self.county.morning(2013, 1, 24)?;
        let moved = id(9, 1);
        let act = Transfer { case: self.at(&moved)?, from: unit("07-09"), to: unit("07-10"), reason: code("moved") };
        let hash = self.county.act(&["t704", "t705"], Act::Transfer(act))?;
        self.county.moved(std::iter::once(&moved), hash);
        if let Some(applicant) = self.county.applicants.get_mut(&moved) {
            applicant.unit = unit("07-10");
        }
        self.county.visit(&moved, &["t701", "t702"], Assertion::Yes)?;
        self.tell(&moved, "moved to another village, with both sides signing", "迁至邻村，两方签署");
        Ok(())
    }

    pub(super) fn visit_one(&mut self, case: &CaseId, pair: &[String; 2]) -> Result<(), Failure> {
        match case.as_str() {
            "07-03-005" => self.visit_in_vain(case),
            "07-04-007" => self.suspend(case),
            "07-02-009" => self.visit_alone(case),
            "07-09-001" => Ok(()),
            _ if self.county.applicant(case)?.fate == Fate::Suspended => {
                let hash = self.outcome(&[&pair[0]], case, "suspend", "not-met")?;
                self.omitted.insert(case.clone(), hash);
                Ok(())
            }
            _ => self.county.visit(case, &strs(pair), Assertion::Yes).map(drop),
        }
    }

    fn visit_in_vain(&mut self, case: &CaseId) -> Result<(), Failure> {
        let mistaken = self.county.visit(case, &["t701", "t702"], Assertion::No)?;
        // Noticed in the evening, taken back by township and county, and visited again.
        self.county.on_device(None);
        self.county.at_minute(17 * 60);
        let evidence = self.county.commitment("the neighbour's house was visited");
        let act = Correct { case: Some(self.at(case)?), batch: None, of: mistaken, reason: code("wrong-house"), evidence };
        let hash = self.county.act(&["t704", "a001"], Act::Correct(act))?;
        self.county.moved(std::iter::once(case), hash);
        self.county.at_minute(17 * 60 + 40);
        self.county.on_device(Some(&tablet(TOLD, 0)));
        self.county.visit(case, &["t701", "t702"], Assertion::Yes)?;
        self.tell(case, "the wrong house was visited; taken back and visited again", "误访他户，更正后重新入户");
        Ok(())
    }

    fn suspend(&mut self, case: &CaseId) -> Result<(), Failure> {
        self.outcome(&["t701"], case, "suspend", "not-met")?;
        self.tell(case, "suspended since nobody was met, then visited again", "未见到本人而暂缓，后补访");
        Ok(())
    }

    /// One of the two signs a day later, on another device.
    fn visit_alone(&mut self, case: &CaseId) -> Result<(), Failure> {
        self.county.visit(case, &["t701"], Assertion::Yes)?;
        self.tell(case, "the second investigator signed two days later, by joining", "第二名调查员两日后会签");
        Ok(())
    }

    /// What the visits left open.
    pub(super) fn settle_visits(&mut self) -> Result<(), Failure> {
        self.county.morning(2013, 1, 25)?;
        self.county.visit(&id(4, 7), &["t701", "t702"], Assertion::Yes)?;

        let rejected = id(2, 10);
        let outcome = self.outcome(&["t704"], &rejected, "reject", "criterion-not-met")?;
        self.omitted.insert(rejected.clone(), outcome);
        let appeal = self.county.act(&["v02-clerk"], Act::Appeal(Appeal { case: self.at(&rejected)?, of: outcome, evidence: None }))?;
        self.tell(&rejected, "not confirmed; appealed, and the appeal was dismissed", "不予确认；申诉后维持");

        let changed = id(10, 2);
        let name = if self.county.rewrites { "whose account is this" } else { "another account of 07-10-002" };
        let account = AccountToken(self.county.commitment(name).0);
        let evidence = self.county.commitment("bank's letter");
        let act = Account { case: self.at(&changed)?, account, reason: code("bank-closed"), evidence };
        let hash = self.county.act(&["v10-clerk"], Act::Account(act))?;
        self.county.moved(std::iter::once(&changed), hash);
        if let Some(applicant) = self.county.applicants.get_mut(&changed) {
            applicant.account = account;
        }

        let reported = id(8, 6);
        let about = ReportAbout::Case(reported.clone());
        let act = Report { report: report_token(REPORT_CODE), about, reason: code("not-eligible"), evidence: None };
        let report = self.county.act(&["h001"], Act::Report(act))?;
        self.tell(&reported, "reported by a member of the public; answered in time", "群众举报，按期答复");
        self.county.morning(2013, 1, 28)?;
        self.answer("i001", report, AnswerOutcome::Dismissed)?;
        self.answer("i002", appeal, AnswerOutcome::Dismissed)
    }
}
