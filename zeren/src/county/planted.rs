//! What the plants do besides the year's ordinary course, and what honest people do who look like them.

use signer::Rule;
use signer::act::{
    Act, Answer, AnswerOutcome, Basis, Capacity, CaseAt, Dissent, EndReason, Outcome, Recuse, RelatedTo, Report, ReportAbout, Step,
    report_token,
};
use signer::value::{CaseId, StatementHash, UnixMs, midnight};

use super::people::tablet;
use super::plan::{Fate, TOLD, Village, township_official};
use super::plants::{ACTING_TOWNSHIP, CASHED_TOWNSHIP, OVERDUE_SHEETS, PLANTS, SHORT_TOWNSHIP, SWAP_TOWNSHIPS};
use super::words::{code, person, unit};
use super::{County, plan};
use crate::error::Failure;

/// Reports that are taken down besides the story's.
const REPORTS: usize = 39;
/// Reports that nobody answers.
const SUPPRESSED: usize = 4;
/// Reports that are found right: about villages, not about cases.
const FOUNDED: usize = 12;
/// Dissents besides the story's.
const DISSENTS: usize = 19;

impl County {
    fn relate(&mut self, by: &str, whose: &str, case: &CaseId, relation: &str, basis: Basis) -> Result<StatementHash, Failure> {
        let (person, relation, to) = (person(whose), code(relation), RelatedTo::Case(case.clone()));
        let act = Act::Relate { person, relation, to, basis, evidence: None };
        if by == whose { self.act_as_oneself(by, act) } else { self.act(&[by], act) }
    }

    fn case_at(&self, case: &CaseId) -> Result<CaseAt, Failure> {
        Ok(CaseAt { case: case.clone(), head: self.head(case)? })
    }

    /// Investigators declare relatives and step aside: the morning before anybody is visited.
    pub(super) fn declare_relatives(&mut self) -> Result<(), Failure> {
        for (case, official) in self.plants.declared.clone() {
            self.relate(&official, &official, &case, "collateral-3", Basis::Declared)?;
            let act = Recuse { case: self.case_at(&case)?, relation: code("collateral-3") };
            let hash = self.act_as_oneself(&official, Act::Recuse(act))?;
            self.truth.twin(5).case(&case).persons(&[&official]).statement(hash, self.clock);
        }
        Ok(())
    }

    /// Overseers who do not agree with a meeting; looked into, and dismissed.
    pub(super) fn dissents(&mut self) -> Result<Vec<StatementHash>, Failure> {
        let villages: Vec<Village> =
            self.profile.villages().into_iter().filter(|of| of.township != TOLD).step_by(11).take(DISSENTS).collect();
        let mut all = Vec::new();
        for of in villages {
            let cases = self.cases_of(&of.unit());
            let goes_on = |case: &&CaseId| self.applicants.get(*case).is_some_and(|one| one.fate == Fate::Paid);
            let Some(case) = cases.iter().find(goes_on) else { continue };
            let act = Dissent { case: self.case_at(case)?, of: self.head(case)?, reason: code("doubts-residence"), evidence: None };
            all.push(self.act_as_oneself(&of.official("overseer"), Act::Dissent(act))?);
        }
        Ok(all)
    }

    /// Three days after it went up somebody takes a list down.
    pub(super) fn take_down_early(&mut self, of: Village, list: &signer::act::ListRef) -> Result<(), Failure> {
        let (clerk, overseer) = (of.official("clerk"), of.official("overseer"));
        let act = self.post_down_act("post-1", list, &["mid", "down"], &list.list.to_string());
        let hash = self.refuses(&[&clerk, &overseer], act, Rule::PostingDays)?;
        let at = self.clock;
        self.truth.plant(8).persons(&[&clerk, &overseer]).list(list.list.as_str()).refused(hash, Rule::PostingDays.name(), at);
        Ok(())
    }

    /// Whether a village's list is taken down early and shown with another village's photo.
    pub(super) fn is_short(&self, of: Village) -> bool {
        self.plants.are_planted && (of.township == SHORT_TOWNSHIP || of.township == 1 && of.number <= 2)
    }

    /// Whether a storm tears a village's list down, so that it goes up again.
    pub(super) fn is_torn(&self, of: Village) -> bool {
        self.plants.are_planted && of.township == 1 && of.number == 3
    }

    /// Leaders who forward what was never posted: the list is refused, and the cases are ended. Gives them, and what ended each.
    pub(super) fn forward_unposted(&mut self) -> Result<Vec<(CaseId, StatementHash)>, Failure> {
        let mut ended = Vec::new();
        for (number, township) in SWAP_TOWNSHIPS.into_iter().enumerate() {
            let of = Village { township, number: 5 };
            let count = if number < 3 { 2 } else { 1 };
            let ghosts: Vec<CaseId> = (1..=count).map(|ghost| of.applicant(90 + ghost)).collect();
            for ghost in &ghosts {
                self.invent_ghost(ghost, &of.unit());
                self.apply(ghost, of)?;
            }
            self.commit()?;
            self.on_device(Some(&tablet(township, 0)));
            for (turn, ghost) in (0..).zip(&ghosts) {
                let pair = [township_official(township, 1), township_official(township, 2)];
                self.at_minute(9 * 60 + turn * 25);
                self.visit(ghost, &[&pair[0], &pair[1]], signer::act::Assertion::Yes)?;
            }
            self.on_device(None);
            self.commit()?;
            let leaders = [township_official(township, 4), township_official(township, 5)];
            let by = [leaders[0].as_str(), leaders[1].as_str()];
            let mut all: Vec<CaseId> = self.cases_of(&of.unit());
            all.retain(|case| ghosts.contains(case));
            let name = format!("t-{township:02}-x");
            let list = self.list_of(&leaders[0], &name, &all, &[])?;
            let mut step = Step::new(code("review"));
            step.list = Some(list);
            let hash = self.refuses(&by, Act::Step(Box::new(step)), Rule::StepOrder)?;
            let at = self.clock;
            self.truth.plant(7).persons(&by).list(&name).refused(hash, Rule::StepOrder.name(), at);
            for ghost in ghosts {
                let act =
                    Outcome { case: self.case_at(&ghost)?, outcome: code("reject"), reason: code("false-documents"), evidence: Vec::new() };
                let hash = self.act(&["a003"], Act::Outcome(act))?;
                self.moved(std::iter::once(&ghost), hash);
                self.truth.plant(7).case(&ghost);
                ended.push((ghost, hash));
            }
        }
        self.commit()?;
        Ok(ended)
    }

    /// Checkers who go to the own township.
    pub(super) fn recheck_at_home(&mut self) -> Result<(), Failure> {
        for case in self.plants.own_unit.clone() {
            let sub = self.sub_group_at_home(&case)?;
            let (act, by) = self.recheck_act(&case, sub, Vec::new())?;
            let by: Vec<&str> = by.iter().map(String::as_str).collect();
            let hash = self.refuses(&by, act, Rule::OwnUnit)?;
            let at = self.clock;
            self.truth.plant(9).case(&case).persons(&by).refused(hash, Rule::OwnUnit.name(), at);
        }
        Ok(())
    }

    /// Suspended cases on a list of payments.
    pub(super) fn lock_suspended(&mut self) -> Result<(), Failure> {
        let suspended = |one: &super::Applicant| one.fate == Fate::Suspended;
        let all: Vec<CaseId> = self.applicants.iter().filter(|(_, one)| suspended(one)).map(|(case, _)| case.clone()).take(7).collect();
        let list = self.payments_of("a001", "c-2013-x-pay", &all, &[])?;
        let mut step = Step::new(code("lock"));
        step.list = Some(list);
        let hash = self.refuses(&["a001", "a003"], Act::Step(Box::new(step)), Rule::CaseStatus)?;
        let at = self.clock;
        for case in &all {
            self.truth.plant(13).case(case);
        }
        self.truth.plant(13).persons(&["a001", "a003"]).list("c-2013-x-pay").refused(hash, Rule::CaseStatus.name(), at);
        Ok(())
    }

    /// Reports from the public: some right, some not, four that nobody answers.
    pub(super) fn take_reports(&mut self) -> Result<Vec<(StatementHash, AnswerOutcome)>, Failure> {
        let mut open = Vec::new();
        let villages = self.profile.villages();
        let going: Vec<CaseId> = self.applicants.iter().filter(|(_, one)| one.fate == Fate::Paid).map(|(case, _)| case.clone()).collect();
        for number in 0..REPORTS {
            let is_suppressed = number < SUPPRESSED;
            let is_founded = !is_suppressed && number < SUPPRESSED + FOUNDED;
            let cashed = Village { township: CASHED_TOWNSHIP, number: number % 2 + 1 };
            let about = match (is_suppressed, is_founded) {
                (true, _) => ReportAbout::Unit(unit(&cashed.unit())),
                (_, true) => ReportAbout::Unit(unit(&villages[number * 17 % villages.len()].unit())),
                _ => ReportAbout::Case(going[number * 131 % going.len()].clone()),
            };
            let token = report_token(&self.report_code(number));
            let act = Report { report: token, about: about.clone(), reason: code("not-eligible"), evidence: None };
            let hash = self.act(&["h001"], Act::Report(act))?;
            let at = self.clock;
            match (is_suppressed, about) {
                (true, _) => {
                    // Seven working days later it is overdue.
                    let due = at.plus_ms(9 * 24 * super::HOUR_MS);
                    self.truth.plant(18).persons(&["i001", "i002", "o001", "a001", "a002"]).statement(hash, due);
                }
                (false, ReportAbout::Case(case)) => {
                    self.truth.twin(3).case(&case).statement(hash, at);
                    open.push((hash, AnswerOutcome::Dismissed));
                }
                (false, ReportAbout::Unit(_)) => {
                    self.truth.twin(18).statement(hash, at);
                    open.push((hash, AnswerOutcome::Upheld));
                }
            }
        }
        Ok(open)
    }

    /// The code that a reporter was given.
    fn report_code(&self, number: usize) -> String {
        let token = self.commitment(&format!("report {number}")).to_string();
        format!("demo-{}", token.chars().filter(char::is_ascii_alphanumeric).take(16).collect::<String>())
    }

    pub(super) fn answer_reports(&mut self, open: Vec<(StatementHash, AnswerOutcome)>) -> Result<(), Failure> {
        for (number, (answers, outcome)) in open.into_iter().enumerate() {
            let evidence = self.commitment(&format!("answer to {answers}"));
            let by = if number % 2 == 0 { "i001" } else { "i002" };
            self.act(&[by], Act::Answer(Answer { answers, outcome, evidence }))?;
        }
        Ok(())
    }

    /// Somebody acts for a village head for a month; in April the letter has ended, and the sheets go on.
    pub(super) fn appoint_for_march(&mut self) -> Result<(), Failure> {
        let of = Village { township: ACTING_TOWNSHIP, number: 1 };
        self.appoint_acting_head("v1601-acting", &of.unit())?;
        let late = Village { township: ACTING_TOWNSHIP, number: 2 };
        let hash = self.appoint_ratified("v1602-acting", &late.unit())?;
        let at = self.clock;
        self.truth.twin(19).persons(&["v1602-acting"]).statement(hash, at);
        Ok(())
    }

    pub(super) fn sign_overdue(&mut self) -> Result<(), Failure> {
        let of = Village { township: ACTING_TOWNSHIP, number: 1 };
        let cases = self.cases_of(&of.unit());
        for number in 0..OVERDUE_SHEETS {
            let act = self.sheet_act(&format!("v1601-after-{number:02}"), &cases)?;
            let hash = self.refuses(&["v1601-acting"], act, Rule::AppointmentEnded)?;
            let at = self.clock;
            self.truth.plant(19).persons(&["v1601-acting"]).refused(hash, Rule::AppointmentEnded.name(), at);
        }
        Ok(())
    }

    /// Relations that come to light when the year is over.
    pub(super) fn find_relations(&mut self) -> Result<(), Failure> {
        for (head, case) in self.plants.kin.clone() {
            let hash = self.relate("o001", &head, &case, "in-law", Basis::Attested)?;
            self.truth.plant(5).case(&case).persons(&[&head]).statement(hash, self.clock);
        }
        for (official, case) in self.plants.ring.clone() {
            let hash = self.relate("o001", &official, &case, "collateral-3", Basis::Attested)?;
            self.truth.plant(15).case(&case).persons(&[&official]).statement(hash, self.clock);
        }
        Ok(())
    }

    /// Officials move to other posts, act for others, and retire: the winter after.
    pub(super) fn move_officials(&mut self) -> Result<(), Failure> {
        let villages: Vec<Village> = self.profile.villages().into_iter().filter(|of| of.township != TOLD).collect();
        for two in villages.chunks_exact(4) {
            // Two clerks change places; one overseer retires.
            let (one, other) = (two[0], two[1]);
            self.post_elsewhere(&one.official("clerk"), &other.unit())?;
            self.post_elsewhere(&other.official("clerk"), &one.unit())?;
            if two[0].number == 1 {
                self.leave(&two[2].official("overseer"), EndReason::Retired)?;
            }
        }
        self.commit()?;
        let at = self.clock;
        for two in villages.chunks_exact(4).take(3) {
            let clerk = two[0].official("clerk");
            let cases = self.cases_of(&two[1].unit());
            let Some(case) = cases.first() else { continue };
            let hash = self.relate(&clerk, &clerk, case, "friend", Basis::Declared)?;
            self.truth.twin(10).persons(&[&clerk]).statement(hash, at);
        }
        for of in villages.iter().step_by(3).take(plan::ACTING_SPELLS) {
            self.lend_office(&of.official("overseer"), "village_overseer", &villages_neighbour(*of).unit(), Capacity::Acting)?;
        }
        self.commit()
    }

    /// What registers outside the record would say: of the frauds that no act shows, and of honest people as well.
    pub fn outside_registers(&self) -> serde_json::Value {
        let plants = &self.plants;
        let strings = |cases: &[CaseId]| cases.iter().map(ToString::to_string).collect::<Vec<_>>();
        let died = |cases: &[CaseId], day: &'static str| {
            cases.iter().map(|case| serde_json::json!({ "case": case.as_str(), "died": day })).collect::<Vec<_>>()
        };
        let mut deaths = died(&plants.dead, "2013-06-20");
        deaths.extend(died(&plants.left, "2013-11-05"));
        let identity = |one: &CaseId| self.commitment(&format!("identity of {one}")).to_string();
        let mut identities: Vec<serde_json::Value> = Vec::new();
        let moved = |case: &CaseId| plants.twice.iter().find(|two| two[1] == *case).map_or_else(|| case.clone(), |two| two[0].clone());
        for case in self.applicants.keys() {
            identities.push(serde_json::json!({ "case": case.as_str(), "person": identity(&moved(case)) }));
        }
        let entitled: Vec<serde_json::Value> = self
            .applicants
            .iter()
            .filter(|(_, one)| one.tier.as_str() == "tier-1")
            .map(|(case, _)| {
                let tier = if plants.wrong_tier.contains(case) { "tier-2" } else { "tier-1" };
                serde_json::json!({ "case": case.as_str(), "entitled": tier })
            })
            .collect();
        let gave_back: Vec<serde_json::Value> =
            plants.gave_back.iter().map(|case| serde_json::json!({ "case": case.as_str(), "gave_back_fen": 20_000 })).collect();
        serde_json::json!({
            "deaths": deaths,
            "payroll": strings(&plants.payroll),
            "identities": identities,
            "tiers": entitled,
            "return_visits": gave_back,
        })
    }

    /// What is known of the plants whose acts are those of the ordinary course.
    pub(super) fn tell_quiet_plants(&mut self) {
        let plants = self.plants.clone();
        let day = |month: i64, day: i64| midnight(2013, month, day, 480).unwrap_or(self.day);
        let (applied, paid, review) = (day(1, 13), day(8, 21), self.day);
        let groups: [(u8, bool, &[CaseId], UnixMs); 9] = [
            (1, false, &plants.dead, paid),
            (1, true, &plants.left, review),
            (3, false, &plants.gave_back, paid),
            (6, false, &plants.payroll, applied),
            (6, true, &plants.namesakes, applied),
            (11, false, &plants.one_account, applied),
            (12, true, &plants.returned, paid),
            (20, false, &plants.wrong_tier, applied),
            (21, false, &plants.parked, paid),
        ];
        for (number, is_twin, cases, since) in groups {
            for case in cases {
                let entry = if is_twin { self.truth.twin(number) } else { self.truth.plant(number) };
                entry.case(case).since(since);
            }
        }
        let at = applied;
        for two in &plants.couples {
            self.truth.twin(11).case(&two[0]).case(&two[1]).since(at);
        }
        for two in &plants.twice {
            self.truth.plant(14).case(&two[0]).case(&two[1]).since(at);
        }
        let right: Vec<CaseId> =
            self.applicants.iter().filter(|(_, one)| one.tier.as_str() == "tier-1").map(|(case, _)| case.clone()).collect();
        for case in right.iter().filter(|case| !plants.wrong_tier.contains(case)).take(5) {
            self.truth.twin(20).case(case).since(at);
        }
        for number in [1, 2] {
            let head = Village { township: CASHED_TOWNSHIP, number }.official("head");
            self.truth.plant(3).persons(&[&head]);
        }
        for (number, case) in
            [(7_u8, "07-07-004"), (9, "07-10-030"), (13, "07-04-007"), (14, "07-09-001"), (17, "07-03-005"), (21, "07-03-008")]
        {
            self.truth.twin(number).case(&super::words::case(case)).since(at);
        }
        self.truth.plant(17).list("edited").list("cut").list("rewritten").since(review);
        debug_assert!(PLANTS.iter().enumerate().all(|(place, kind)| usize::from(kind.number) == place + 1));
    }
}

fn villages_neighbour(of: Village) -> Village {
    Village { number: of.number % plan::VILLAGES + 1, ..of }
}
