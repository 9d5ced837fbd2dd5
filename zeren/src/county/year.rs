//! The county's year: apply, visit, deliberate, post, review, recheck, confirm, lock, fund, pay, settle, notify, review again; with what
//! goes wrong on the way.

use std::collections::BTreeMap;

use signer::Rule;
use signer::act::{
    About, Account, Act, Answer, AnswerOutcome, Appeal, Assertion, Basis, CaseAt, Clause, Correct, Dissent, Hold, ListRef, Objection,
    Outcome, Override, Recuse, RelatedTo, Release, Report, ReportAbout, Ruling, Step, Transfer, report_token,
};
use signer::statement::statement_hash;
use signer::value::{AccountToken, CaseId, StatementHash};

use super::decades;
use super::people::tablet;
use super::plan::{Fate, Profile, TOLD, Village, township_official};
use super::plants::{
    BACKDATED_TOWNSHIP, BACKDATED_VISITS, BORROWED_ACTS, BORROWED_TOWNSHIPS, DEAD_TOWNSHIP, FORGED, FORGED_TOWNSHIP, LAPSE_TOWNSHIPS,
    SHAM_TOWNSHIPS, SHAM_VISITS, TICKED, TWO_STAFF_TOWNSHIP,
};
use super::words::{code, person, unit};
use super::{County, HOUR_MS, PROCEDURE, REPORT_CODE};
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

/// The investigators of a township, in pairs.
fn pairs(township: usize) -> [[String; 2]; 3] {
    let of = |number| township_official(township, number);
    [[of(1), of(2)], [of(2), of(3)], [of(3), of(1)]]
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

    /// Everybody applies, in ten days.
    fn apply(&mut self) -> Result<(), Failure> {
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
    fn visit(&mut self) -> Result<(), Failure> {
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
                let mut done = [0; 3];
                for (number, case) in cases.iter().skip(day * a_day).take(a_day).enumerate() {
                    let choice = if is_sham && number < SHAM_VISITS { 0 } else { number * 3 / a_day.max(3) };
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
        let borrowed = borrowed.filter(|place| self.borrowed[*place] < BORROWED_ACTS);
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
        if is_sham && pair == 0 {
            truth.plant(4).case(case).persons(&by).statement(head, at);
        }
        if is_courtyard {
            truth.twin(4).case(case).persons(&by).statement(head, at);
        }
        if borrowed.is_some() {
            truth.plant(10).case(case).persons(&by[..1]).statement(head, at);
        }
        if planted && township == TWO_STAFF_TOWNSHIP && pair == 0 {
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
            let at = self.county.clock;
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

    fn visit_one(&mut self, case: &CaseId, pair: &[String; 2]) -> Result<(), Failure> {
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
        let evidence = self.county.commitment("the neighbour's house was visited");
        let act = Correct { case: Some(self.at(case)?), batch: None, of: mistaken, reason: code("wrong-house"), evidence };
        let hash = self.county.act(&["t704", "a001"], Act::Correct(act))?;
        self.county.moved(std::iter::once(case), hash);
        self.county.visit(case, &["t701", "t703"], Assertion::Yes)?;
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
    fn settle_visits(&mut self) -> Result<(), Failure> {
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

    /// Village after village meets; one head steps aside for a relative.
    fn deliberate(&mut self) -> Result<(), Failure> {
        self.county.morning(2013, 1, 30)?;
        let related = id(5, 3);
        let to = RelatedTo::Case(related.clone());
        let act = Act::Relate { person: person("v05-head"), relation: code("spouse"), to, basis: Basis::Declared, evidence: None };
        self.county.act_as_oneself("v05-head", act)?;
        let act = Recuse { case: self.at(&related)?, relation: code("spouse") };
        let recusal = self.county.act_as_oneself("v05-head", Act::Recuse(act))?;
        self.county.appoint_acting_head("v05-acting", "07-05")?;
        self.tell(&related, "the village head stepped aside; somebody acted for the head", "村主任回避，由代理人主持");

        self.county.morning(2013, 2, 1)?;
        self.overreach()?;
        for village in self.county.profile.villages() {
            let is_told = village == told(5);
            let cases: Vec<CaseId> = self.going_on(&village.unit()).into_iter().filter(|case| *case != related).collect();
            let omits: Vec<(CaseId, StatementHash)> = if is_told { vec![(related.clone(), recusal)] } else { Vec::new() };
            let is_planted = self.county.plants.are_planted && village.township == FORGED_TOWNSHIP;
            let (head, list) = (village.official("head"), format!("d-{}", village.unit()));
            if is_planted && FORGED.contains(&village.number) {
                self.forge_meeting(village, &list, &cases)?;
            } else if is_planted && village.number == 7 {
                self.meet_with_one_tablet(village, &list, &cases)?;
            } else {
                self.meet(village, &head, &list, &cases, &omits)?;
            }
        }
        self.county.at_minute(16 * 60);
        self.meet(told(5), "v05-acting", "d-07-05-b", std::slice::from_ref(&related), &[])?;
        let doubted = id(6, 2);
        let deliberated = self.county.head(&doubted)?;
        let act = Dissent { case: self.at(&doubted)?, of: deliberated, reason: code("doubts-residence"), evidence: None };
        let dissent = self.county.act_as_oneself("v06-overseer", Act::Dissent(act))?;
        self.tell(&doubted, "the overseer dissented; looked into and dismissed", "监督委员有不同意见，经核查不成立");
        self.county.commit()?;
        let others = if self.county.plants.are_planted { self.county.dissents()? } else { Vec::new() };
        self.county.morning(2013, 2, 2)?;
        for dissent in others {
            self.answer("i002", dissent, AnswerOutcome::Dismissed)?;
        }
        self.answer("i001", dissent, AnswerOutcome::Dismissed)
    }

    /// Minutes that one person writes at night, on one device, with the seats of the tenth village.
    fn forge_meeting(&mut self, of: Village, list: &str, cases: &[CaseId]) -> Result<(), Failure> {
        let (head, overseer) = (of.official("head"), of.official("overseer"));
        self.county.at_minute(23 * 60 + of.number as i64);
        self.county.on_device(Some(&format!("d-{FORGED_TOWNSHIP:02}-01")));
        let seats = self.county.seats(&overseer, &format!("{list}-seats"), &Village { number: 10, ..of }.unit())?;
        let hash = self.minutes(&[&head, &overseer], &overseer, list, seats, (cases, &[]))?;
        self.county.on_device(None);
        let at = self.county.clock;
        let truth = &mut self.county.truth;
        truth.plant(2).persons(&[&head, &overseer]).list(list).statement(hash, at);
        cases.iter().for_each(|case| _ = truth.plant(2).case(case));
        Ok(())
    }

    /// The head signs, hands the tablet on, and the overseer joins.
    fn meet_with_one_tablet(&mut self, of: Village, list: &str, cases: &[CaseId]) -> Result<(), Failure> {
        let (head, overseer) = (of.official("head"), of.official("overseer"));
        self.county.at_minute(14 * 60 + of.number as i64);
        let seats = self.county.seats(&head, &format!("{list}-seats"), &of.unit())?;
        let hash = self.minutes(&[&head], &head, list, seats, (cases, &[]))?;
        self.county.commit()?;
        self.county.clock = self.county.clock.plus_ms(25_000);
        let joined = self.county.act(&[&overseer], Act::Join { joins: hash })?;
        let at = self.county.clock;
        self.county.truth.twin(2).persons(&[&head, &overseer]).list(list).statement(hash, at).statement(joined, at);
        Ok(())
    }

    /// Cases of a unit that no outcome stopped.
    fn going_on(&self, of: &str) -> Vec<CaseId> {
        self.county.cases_of(of).into_iter().filter(|case| !self.omitted.contains_key(case)).collect()
    }

    /// A head who signs for a relative all the same is refused, and the refusal is kept.
    fn overreach(&mut self) -> Result<(), Failure> {
        let all = self.going_on("07-05");
        let seats = self.county.seats("v05-overseer", "v05-2013-x-seats", "07-05")?;
        let listed = self.county.list_of("v05-overseer", "v05-2013-x", &all, &[])?;
        let mut step = Step::new(code("deliberate"));
        step.list = Some(listed);
        step.seats = Some(seats);
        step.evidence = vec![(code("minutes"), self.county.commitment("minutes of v05-2013-x"))];
        self.county.refuses(&["v05-head", "v05-overseer"], Act::Step(Box::new(step)), Rule::Recused).map(drop)
    }

    /// The case that a posting lost: every later list of its unit in the year names it, and why.
    fn dropped(&self) -> Vec<(CaseId, StatementHash)> {
        let objected = id(7, 4);
        self.omitted.get(&objected).map(|hash| (objected.clone(), *hash)).into_iter().collect()
    }

    fn meet(&mut self, of: Village, head: &str, list: &str, cases: &[CaseId], omits: &[(CaseId, StatementHash)]) -> Result<(), Failure> {
        let overseer = of.official("overseer");
        self.county.at_minute(14 * 60 + of.number as i64);
        let seats = self.county.seats(&overseer, &format!("{list}-seats"), &of.unit())?;
        self.minutes(&[head, &overseer], &overseer, list, seats, (cases, omits)).map(drop)
    }

    /// A meeting's list, which somebody writes, and its minutes.
    fn minutes(
        &mut self,
        by: &[&str],
        writer: &str,
        list: &str,
        seats: ListRef,
        lines: (&[CaseId], &[(CaseId, StatementHash)]),
    ) -> Result<StatementHash, Failure> {
        let listed = self.county.list_of(writer, list, lines.0, lines.1)?;
        let mut step = Step::new(code("deliberate"));
        step.list = Some(listed);
        step.seats = Some(seats);
        step.evidence = vec![(code("minutes"), self.county.commitment(&format!("minutes of {list}")))];
        self.county.list_step(by, step, lines.0)
    }

    /// The first posting, in group and village, for eight days; somebody objects to one.
    fn post_in_villages(&mut self) -> Result<(), Failure> {
        self.county.morning(2013, 2, 3)?;
        let mut lists: Vec<(Village, ListRef, Vec<CaseId>)> = Vec::new();
        for of in self.county.profile.villages() {
            let cases = self.going_on(&of.unit());
            let (clerk, overseer) = (of.official("clerk"), of.official("overseer"));
            let list = self.county.list_of(&clerk, &format!("p-{}", of.unit()), &cases, &[])?;
            self.county.post_up(&[&clerk, &overseer], "post-1", &list, &["group", "village"], &["village", "township", "county"])?;
            lists.push((of, list, cases));
        }
        let objected = id(7, 4);
        self.county.morning(2013, 2, 4)?;
        let torn: Vec<bool> = lists.iter().map(|(of, ..)| self.county.is_torn(*of)).collect();
        for ((of, list, _), _) in lists.iter().zip(torn).filter(|(_, is_torn)| *is_torn) {
            let (clerk, overseer) = (of.official("clerk"), of.official("overseer"));
            self.county.post_up(&[&clerk, &overseer], "post-1", list, &["group", "village"], &["village", "township", "county"])?;
            let at = self.county.clock;
            self.county.truth.twin(8).persons(&[&clerk, &overseer]).list(list.list.as_str()).since(at);
        }
        self.county.morning(2013, 2, 6)?;
        let short: Vec<bool> = lists.iter().map(|(of, ..)| self.county.is_short(*of)).collect();
        for ((of, list, _), _) in lists.iter().zip(short).filter(|(_, is_short)| *is_short) {
            self.county.take_down_early(*of, list)?;
        }
        let act = Objection { case: self.at(&objected)?, reason: code("lives-elsewhere"), evidence: None };
        let objection = self.county.act_as_oneself("k020", Act::Objection(act))?;
        self.county.morning(2013, 2, 11)?;
        for (of, list, cases) in lists {
            let (clerk, overseer) = (of.official("clerk"), of.official("overseer"));
            let kept: Vec<CaseId> = cases.into_iter().filter(|case| *case != objected).collect();
            // The photos are of the tenth village's wall, in twelve villages.
            let is_short = self.county.is_short(of);
            let photos_of = if is_short { format!("p-{}", Village { number: 10, ..of }.unit()) } else { list.list.to_string() };
            let hash = self.county.post_down(&[&clerk, &overseer], "post-1", &list, (&["mid", "down"], &photos_of), &kept)?;
            if is_short {
                let at = self.county.clock;
                self.county.truth.plant(8).statement(hash, at);
            }
        }
        self.county.morning(2013, 2, 16)?;
        self.answer("i002", objection, AnswerOutcome::Upheld)?;
        let outcome = self.outcome(&["t704"], &objected, "reject", "criterion-not-met")?;
        self.omitted.insert(objected.clone(), outcome);
        self.tell(&objected, "objected to while posted, found right, not confirmed", "公示期间有异议，查实后不予确认");
        Ok(())
    }

    /// Cases of this fate that still go on.
    fn fated(&self, fate: Fate) -> Result<Vec<CaseId>, Failure> {
        let all: Vec<CaseId> = self.county.applicants.iter().filter(|(_, one)| one.fate == fate).map(|(case, _)| case.clone()).collect();
        Ok(all.into_iter().filter(|case| !self.omitted.contains_key(case)).collect())
    }

    /// The townships review, and post for eight days.
    fn review(&mut self) -> Result<(), Failure> {
        self.county.morning(2013, 2, 17)?;
        for case in self.fated(Fate::Refused)? {
            let township = self.county.village_of(&case)?.township;
            let hash = self.outcome(&[&township_official(township, 4)], &case, "reject", "criterion-not-met")?;
            self.omitted.insert(case, hash);
        }
        if self.county.plants.are_planted {
            let ended = self.county.forward_unposted()?;
            self.omitted.extend(ended);
        }
        let mut lists = Vec::new();
        self.county.morning(2013, 2, 18)?;
        for township in self.county.profile.townships() {
            let leaders = leaders(township);
            let cases = self.going_on(&format!("{township:02}"));
            let omits = if township == TOLD { self.dropped() } else { Vec::new() };
            let list = self.county.list_of(&leaders[0], &format!("t-{township:02}"), &cases, &omits)?;
            let mut step = Step::new(code("review"));
            step.list = Some(list.clone());
            self.county.list_step(&strs(&leaders), step, &cases)?;
            self.county.post_up(&strs(&leaders), "post-2", &list, &["township"], &["township", "county"])?;
            lists.push((leaders, list, cases));
        }
        self.county.morning(2013, 2, 26)?;
        for (leaders, list, cases) in lists {
            let photos_of = list.list.to_string();
            self.county.post_down(&strs(&leaders), "post-2", &list, (&["down"], &photos_of), &cases)?;
        }
        Ok(())
    }

    /// The county's team rechecks everybody: fifteen a day for each pair.
    fn recheck(&mut self) -> Result<(), Failure> {
        self.county.morning(2013, 2, 27)?;
        self.county.assign_team(2013)?;
        let in_group = id(10, 30);
        let evidence = self.county.commitment("only this pair speaks the dialect");
        let about = About::Case(in_group.clone());
        let act = Override { step: code("recheck"), rule: code("recheck-elsewhere"), about, reason: code("language"), evidence };
        let overridden = self.county.act(&["o001"], Act::Override(act))?;
        self.county.commit()?;
        if self.county.plants.are_planted {
            self.county.recheck_at_home()?;
            self.county.appoint_for_march()?;
        }
        let suspended = id(1, 9);
        let mut by_pair: BTreeMap<String, Vec<CaseId>> = BTreeMap::new();
        for case in self.county.cases_of("-").into_iter().filter(|case| !self.omitted.contains_key(case)) {
            by_pair.entry(self.county.checkers_of(&case)?.concat()).or_default().push(case);
        }
        let days = by_pair.values().map(|cases| cases.len().div_ceil(VISITS_A_DAY)).max().unwrap_or(0);
        for day in 0..days {
            self.county.later(2013, 2, 28, day as i64)?;
            for cases in by_pair.values() {
                for (turn, case) in (0..).zip(cases.iter().skip(day * VISITS_A_DAY).take(VISITS_A_DAY)) {
                    self.county.at_minute(8 * 60 + 30 + turn * 25);
                    let is_reversed = *case == suspended || self.county.applicant(case)?.fate == Fate::Reversed;
                    if is_reversed {
                        let checkers = self.county.checkers_of(case)?;
                        let hash = self.outcome(&[&checkers[0]], case, "suspend", "unclear")?;
                        self.omitted.insert(case.clone(), hash);
                    } else if *case == in_group {
                        self.county.recheck_by(case, 2, vec![overridden])?;
                    } else {
                        self.county.recheck(case)?;
                    }
                }
            }
        }
        self.county.commit()?;
        self.tell(&suspended, "suspended at the recheck: unclear", "复查时情况不清，暂缓");
        self.tell(
            &in_group,
            "rechecked by somebody from the own township, overridden by the supervisor",
            "由本乡人员复查，经监督方破例批准",
        );
        Ok(())
    }

    /// The county confirms, posts for ten days, locks; one case is referred upward and follows later.
    fn confirm(&mut self) -> Result<(), Failure> {
        self.county.morning(2013, 4, 15)?;
        let referred = id(4, 11);
        let mut second = vec![referred.clone()];
        second.extend(self.county.plants.parked.clone());
        second.sort();
        let mut refers = Vec::new();
        for case in &second {
            refers.push(self.outcome(&["a002"], case, "refer", "rule-unclear")?);
        }
        if self.county.plants.are_planted {
            self.county.sign_overdue()?;
        }
        let most: Vec<CaseId> = self.going_on("-").into_iter().filter(|case| !second.contains(case)).collect();
        self.confirm_list("c-2013", &most, (2013, 4, 16), (2013, 4, 26))?;
        self.county.morning(2013, 4, 28)?;
        let document = self.county.commitment("the province's letter");
        for refer in refers {
            let ruling = Ruling { clause: Clause::Rule(code("step-aside")), issuer: code("province"), document, answers: Some(refer) };
            self.county.act(&["a003"], Act::Ruling(ruling))?;
        }
        self.confirm_list("c-2013-b", &second, (2013, 4, 29), (2013, 5, 9))?;
        self.tell(&referred, "referred upward; went on after the province's ruling", "请示上级，答复后继续办理");
        Ok(())
    }

    fn confirm_list(&mut self, list: &str, cases: &[CaseId], up: (i64, i64, i64), down: (i64, i64, i64)) -> Result<(), Failure> {
        self.county.morning(up.0, up.1, up.2)?;
        let listed = self.county.list_of("a001", list, cases, &self.dropped())?;
        let mut step = Step::new(code("confirm"));
        step.list = Some(listed.clone());
        self.county.list_step(&["a001", "a003"], step, cases)?;
        self.county.post_up(&["a001"], "post-3", &listed, &["county"], &["county"])?;
        self.county.morning(down.0, down.1, down.2)?;
        self.county.post_down(&["a001"], "post-3", &listed, (&["down"], list), cases)?;
        if self.county.plants.are_planted && list == "c-2013" {
            self.county.commit()?;
            self.county.lock_suspended()?;
        }
        let payments = self.county.payments_of("a001", &format!("{list}-pay"), cases, &self.dropped())?;
        let mut step = Step::new(code("lock"));
        step.list = Some(payments);
        self.county.list_step(&["a001", "a003"], step, cases).map(drop)
    }

    /// Funds in July, payment in August, one payment held, three that failed and were paid again.
    fn pay(&mut self) -> Result<(), Failure> {
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

        self.county.morning(2013, 7, 22)?;
        let held = id(3, 8);
        let act = Hold { case: self.at(&held)?, reason: code("inquiry"), evidence: self.county.commitment("letter of inquiry") };
        let hold = self.county.act(&["i001"], Act::Hold(act))?;
        let referred = id(4, 11);
        let mut second = vec![referred];
        second.extend(self.county.plants.parked.clone());
        second.sort();
        let is_first = |case: &CaseId| !second.contains(case) && *case != gone && *case != held;
        let first: Vec<CaseId> = self.going_on("-").into_iter().filter(is_first).collect();
        let locked = |list: &str| ListRef { list: code(list), count: 0, total: 0, root: signer::value::ListRoot([0; 32]) };
        let one = self.county.fund("b-2013-1", &locked("c-2013-pay"), first, vec![(held.clone(), hold)], None)?;
        let two = self.county.fund("b-2013-2", &locked("c-2013-b-pay"), second.clone(), Vec::new(), None)?;
        self.county.morning(2013, 8, 12)?;
        let cosigned = self.county.cosigned_last()?;
        self.county.pay(&one, cosigned)?;
        let is_parked = self.county.plants.are_planted;
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
        let paid = self.county.settle(&one, &failed)?;
        self.county.notify(&one, &paid)?;
        if !is_parked {
            let paid = self.county.settle(&two, &[])?;
            self.county.notify(&two, &paid)?;
        }

        self.county.morning(2013, 8, 26)?;
        let act = Release { case: self.at(&held)?, releases: hold, evidence: self.county.commitment("end of the inquiry") };
        self.county.act(&["i001", "a001"], Act::Release(act))?;
        let again = self.county.fund("b-2013-3", &locked("c-2013-pay"), failed.clone(), Vec::new(), Some("b-2013-1"))?;
        let late = self.county.fund("b-2013-4", &locked("c-2013-pay"), vec![held.clone()], Vec::new(), None)?;
        let cosigned = self.county.cosigned_last()?;
        self.county.pay(&again, cosigned)?;
        self.county.pay(&late, cosigned)?;
        self.county.morning(2013, 8, 30)?;
        for batch in [again, late] {
            let paid = self.county.settle(&batch, &[])?;
            self.county.notify(&batch, &paid)?;
        }
        if is_parked {
            self.county.morning(2013, 9, 30)?;
            self.county.at_minute(10 * 60);
            let cosigned = self.county.cosigned_last()?;
            let hash = self.county.pay(&two, cosigned)?;
            let at = self.county.clock;
            self.county.truth.plant(21).persons(&["c001", "c002"]).statement(hash, at);
            self.county.morning(2013, 10, 8)?;
            let paid = self.county.settle(&two, &[])?;
            self.county.notify(&two, &paid)?;
        }
        let returned = id(1, 4);
        self.tell(&held, "held for an inquiry, released, paid in a later batch", "因核查暂扣，解除后另批发放");
        self.tell(&returned, "the bank returned the payment; paid again", "银行退回后重新发放");
        Ok(())
    }

    /// The next year begins: everybody who was paid is met again.
    fn review_annually(&mut self) -> Result<(), Failure> {
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
