//! February to May: meetings, postings, review, recheck, confirmation.

use std::collections::BTreeMap;

use signer::Rule;
use signer::act::{About, Act, AnswerOutcome, Basis, Clause, Dissent, ListRef, Objection, Override, Recuse, RelatedTo, Ruling, Step};
use signer::value::{CaseId, StatementHash};

use super::super::plan::{Fate, TOLD, Village, township_official};
use super::super::plants::{FORGED, FORGED_TOWNSHIP};
use super::super::words::{code, person};
use super::{VISITS_A_DAY, Year, id, leaders, strs, told};
use crate::error::Failure;

impl Year<'_> {
    /// Village after village meets; one head steps aside for a relative.
    pub(super) fn deliberate(&mut self) -> Result<(), Failure> {
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
        let hand = Village { number: 1, ..of }.official("overseer");
        truth.plant(2).persons(&[&hand]).keys_of(&[&head, &overseer]).list(list).statement(hash, at);
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
    pub(super) fn going_on(&self, of: &str) -> Vec<CaseId> {
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
    pub(super) fn dropped(&self) -> Vec<(CaseId, StatementHash)> {
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
    pub(super) fn post_in_villages(&mut self) -> Result<(), Failure> {
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
    pub(super) fn review(&mut self) -> Result<(), Failure> {
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
    pub(super) fn recheck(&mut self) -> Result<(), Failure> {
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
    pub(super) fn confirm(&mut self) -> Result<(), Failure> {
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
}
