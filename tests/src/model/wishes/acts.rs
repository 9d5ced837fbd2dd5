//! Steps on cases, and the acts around them.

use std::sync::Arc;

use ledger::procedure::programme::{OutcomeTo, Step};
use signer::ActName;
use signer::act::{
    About, Account, Act, Answer, AnswerOutcome, Appeal, Area, Assertion, Basis, Capacity, CaseAt, Clause, Correct, DeviceReason, Dissent,
    EndReason, Hold, Member, Objection, Opening, Outcome, Override, Recuse, RelatedTo, Release, Report, ReportAbout, Ruling, Team,
    Transfer,
};
use signer::statement::By;
use signer::value::{
    AccountToken, CaseId, Code, DeviceId, Office, Period, PersonId, ReportToken, Scheme, StatementHash, Time, Unit, UnixMs,
};

use super::{Wish, Wisher, by_of, code};
use crate::model::county::{SPARE, rotation};
use crate::model::{Case, FlagKind};

const VILLAGES: &[&str] = &["07-1", "07-2", "08-1"];

fn office(text: &str) -> Office {
    Office::parse(text).unwrap()
}

fn person(text: &str) -> PersonId {
    PersonId::parse(text).unwrap()
}

/// A time to the second.
pub fn seconds(at: UnixMs) -> Time {
    Time { unix_seconds: at.0.div_euclid(1000), offset_minutes: 480 }
}

fn period(year: u64) -> Period {
    Period::parse(&year.to_string()).unwrap()
}

impl Wisher<'_> {
    /// A step with the lines that the procedure asks for.
    pub fn filled(&mut self, step: &Step) -> signer::act::Step {
        let mut act = signer::act::Step::new(step.id.clone());
        for what in &step.asserts {
            let says_yes = !step.is_counted || self.dice.percent(75);
            let said = if says_yes { Assertion::Yes } else { *self.dice.one(&[Assertion::No, Assertion::Unclear]).unwrap() };
            act.asserts.push((what.clone(), said));
        }
        for what in &step.measures {
            let measure = if self.dice.percent(1) { 9_007_199_254_740_991 } else { 1 + self.dice.below(9) };
            act.measures.push((what.clone(), measure));
        }
        for what in &step.evidence {
            let commitment = self.commitment();
            act.evidence.push((what.clone(), commitment));
        }
        act
    }

    /// Overrides that are there for a step on this.
    pub fn overrides_for(&mut self, step: &Step, case: Option<&CaseId>, list: Option<&Code>) -> Vec<StatementHash> {
        let z = self.z;
        let fits = |act: &Override| {
            act.step == step.id
                && match &act.about {
                    About::Case(about) => case.is_none_or(|case| case == about),
                    About::List(about) => list == Some(about),
                }
        };
        let all: Vec<StatementHash> = self.model.overrides_below(z).filter(|(_, act)| fits(act)).map(|(hash, _)| hash).collect();
        if self.dice.percent(75) { all.into_iter().take(3).collect() } else { Vec::new() }
    }

    /// A case step on a case as it stands.
    pub fn case_step(&mut self, step: &Step, id: &CaseId, case: &Case) -> Option<Wish> {
        let mut by = self.signers(step, Some(&case.unit))?;
        if step.has_team && !self.dice.percent(10) {
            let g = Arc::clone(&self.g);
            let team = self.model.team(&step.id, case.period)?.clone();
            let area = team.areas.iter().find(|area| crate::model::covers(&area.unit, &case.unit))?;
            let members: Vec<&PersonId> =
                team.members.iter().filter(|member| member.sub == area.sub).map(|member| &member.person).collect();
            let officers = self.officers(step.by.offices(), Some(&case.unit));
            by = officers.iter().filter(|held| members.contains(&&held.person)).take(2).map(by_of).collect();
            if by.is_empty() || g.programme.steps.is_empty() {
                return None;
            }
        }
        let mut act = self.filled(step);
        act.case = Some((id.clone(), Some(case.head)));
        act.period = step.renews.then(|| period(u64::from(case.period.year()) + 1));
        act.overrides = self.overrides_for(step, Some(id), None);
        Some((by, Act::Step(Box::new(act))))
    }

    /// Opens a case while there are few; renews otherwise.
    pub fn open_or_renew(&mut self) -> Option<Wish> {
        let g = Arc::clone(&self.g);
        let alive = self.model.cases.values().filter(|case| case.status.is_none()).count();
        if alive < 7 {
            let step = g.programme.steps.iter().find(|step| step.opens)?;
            let unit = Unit::parse(self.dice.one(VILLAGES)?).unwrap();
            let by = self.signers(step, Some(&unit))?;
            let scheme = Scheme::parse(if self.dice.percent(60) { "A" } else { "B" }).unwrap();
            let year = if self.dice.percent(80) { 2026 } else { 2027 };
            let account = AccountToken(self.dice.hash());
            let mut act = self.filled(step);
            let id = CaseId::parse(&format!("c{:03}", self.dice.below(1_000))).unwrap();
            act.case = Some((id, None));
            act.open = Some(Opening { unit, scheme, tier: code("one"), period: period(year), account });
            return Some((by, Act::Step(Box::new(act))));
        }
        let step = g.programme.steps.iter().find(|step| step.renews)?;
        let paid = |case: &&Case| case.payment.as_ref().is_some_and(crate::model::Payment::is_paid);
        let all: Vec<(&CaseId, &Case)> = self.model.cases.iter().filter(|(_, case)| case.status.is_none()).collect();
        let done: Vec<(&CaseId, &Case)> = all.iter().copied().filter(|(_, case)| paid(case)).collect();
        let other = self.dice.percent(10);
        let from = if other { &all } else { &done };
        let (id, case) = self.dice.one(from).map(|(id, case)| ((*id).clone(), (*case).clone()))?;
        self.case_step(step, &id, &case)
    }

    /// A head of the case: its present one, or a former one.
    fn at(&mut self, id: &CaseId, case: &Case) -> CaseAt {
        let former = self.dice.one(&case.formers).map(|(former, _)| *former).filter(|_| self.dice.percent(30));
        CaseAt { case: id.clone(), head: former.unwrap_or(case.head) }
    }

    fn now(&self, id: &CaseId, case: &Case) -> CaseAt {
        CaseAt { case: id.clone(), head: case.head }
    }

    /// Any act but a step.
    pub fn other_act(&mut self) -> Option<Wish> {
        match self.dice.below(28) {
            0 => self.outcome(),
            1 => self.team(),
            2 => self.correct(),
            3 => self.transfer(),
            4 => self.account(),
            5 | 6 => self.flag(),
            7 => self.recuse(),
            8..14 => self.answer(),
            14 | 15 => self.release(),
            16 | 17 => self.override_act(),
            18 | 19 => self.ruling(),
            20 | 21 => self.team(),
            22 | 23 => self.relate(),
            24 | 25 => self.appoint(),
            26 => self.appoint_end(),
            _ => self.small_roster(),
        }
    }

    pub(super) fn outcome(&mut self) -> Option<Wish> {
        let g = Arc::clone(&self.g);
        let all: Vec<_> = g.programme.outcomes.iter().collect();
        let (id, outcome) = *self.dice.one(&all)?;
        let (case_id, case) = self.any_case()?;
        let by: Vec<By> = self.officers(&outcome.by, Some(&case.unit)).iter().take(outcome.min as usize).map(by_of).collect();
        let reason = self.dice.one(&outcome.reasons).cloned().unwrap_or_else(|| code("other"));
        let act = Outcome { case: self.now(&case_id, &case), outcome: id.clone(), reason, evidence: Vec::new() };
        Some((by, Act::Outcome(act))).filter(|(by, _)| !by.is_empty())
    }

    fn correct(&mut self) -> Option<Wish> {
        let (reason, evidence) = (code("mistake"), self.commitment());
        if self.dice.percent(40) {
            let all: Vec<_> = self.model.batches.iter().collect();
            let (id, batch) = *self.dice.one(&all)?;
            let act = Correct { case: None, batch: Some(id.clone()), of: batch.opened_by, reason, evidence };
            return Some((self.governed(ActName::Correct, None)?, Act::Correct(act)));
        }
        let (id, case) = self.any_case()?;
        let of = self.dice.one(&case.marks)?.hash;
        let act = Correct { case: Some(self.now(&id, &case)), batch: None, of, reason, evidence };
        Some((self.governed(ActName::Correct, Some(&case.unit))?, Act::Correct(act)))
    }

    fn transfer(&mut self) -> Option<Wish> {
        let (id, case) = self.any_case()?;
        let to = Unit::parse(self.dice.one(VILLAGES)?).unwrap();
        let offices = [office("clerk"), office("head"), office("registrar")];
        let from = self.officers(&offices, Some(&case.unit)).first().map(by_of)?;
        let other = self.officers(&offices, Some(&to)).iter().find(|held| held.person != from.person).map(by_of)?;
        let act = Transfer { case: self.now(&id, &case), from: case.unit, to, reason: code("moved") };
        Some((vec![from, other], Act::Transfer(act)))
    }

    fn account(&mut self) -> Option<Wish> {
        let (id, case) = self.any_case()?;
        let (account, evidence) = (AccountToken(self.dice.hash()), self.commitment());
        let by = match self.g.governance.contains_key(&ActName::Account) {
            true => self.governed(ActName::Account, Some(&case.unit))?,
            false => self.officers(&[office("clerk")], Some(&case.unit)).first().map(|held| vec![by_of(held)])?,
        };
        Some((by, Act::Account(Account { case: self.now(&id, &case), account, reason: code("other"), evidence })))
    }

    fn flag(&mut self) -> Option<Wish> {
        let (id, case) = self.any_case()?;
        let (at, reason) = (self.at(&id, &case), code("other"));
        let evidence = self.commitment();
        Some(match self.dice.below(8) {
            0 => {
                let act = Act::Objection(Objection { case: at, reason, evidence: None });
                (self.governed(ActName::Objection, None)?, act)
            }
            1 => {
                let of = self.dice.one(&case.marks)?.hash;
                (self.governed(ActName::Dissent, None)?, Act::Dissent(Dissent { case: at, of, reason, evidence: Some(evidence) }))
            }
            2 => {
                let about = if self.dice.percent(60) { ReportAbout::Case(id) } else { ReportAbout::Unit(Unit::parse("07-1").unwrap()) };
                let report = ReportToken(self.dice.hash());
                (self.governed(ActName::Report, None)?, Act::Report(Report { report, about, reason, evidence: None }))
            }
            3 | 4 => {
                let closed: Vec<(&CaseId, &Case)> = self.model.cases.iter().filter(|(_, case)| case.status.is_some()).collect();
                let (id, case) = self.dice.one(&closed).map(|(id, case)| ((*id).clone(), (*case).clone()))?;
                let act = Appeal { case: self.at(&id, &case), of: case.status_hash, evidence: Some(evidence) };
                (self.governed(ActName::Appeal, None)?, Act::Appeal(act))
            }
            _ => {
                let locked = self.model.cases.iter().find(|(_, case)| case.payment.as_ref().is_some_and(|payment| !payment.is_paid()));
                let at = locked.map_or(at, |(id, case)| CaseAt { case: id.clone(), head: case.head });
                (self.governed(ActName::Hold, None)?, Act::Hold(Hold { case: at, reason, evidence }))
            }
        })
    }

    fn recuse(&mut self) -> Option<Wish> {
        let (id, case) = self.any_case()?;
        let offices = [office("clerk"), office("head"), office("village"), office("finance")];
        let by = self.officers(&offices, Some(&case.unit)).first().map(by_of)?;
        Some((vec![by], Act::Recuse(Recuse { case: self.at(&id, &case), relation: code("kin") })))
    }

    fn answer(&mut self) -> Option<Wish> {
        let flags = self.model.cases.values().flat_map(|case| &case.flags);
        let all: Vec<StatementHash> = flags
            .filter(|flag| flag.kind != FlagKind::Hold && !flag.upheld)
            .map(|flag| flag.hash)
            .chain(self.model.unit_reports.iter().map(|report| report.hash))
            .collect();
        let answers = *self.dice.one(&all)?;
        let outcome = if self.dice.percent(25) { AnswerOutcome::Upheld } else { AnswerOutcome::Dismissed };
        let act = Answer { answers, outcome, evidence: self.commitment() };
        Some((self.governed(ActName::Answer, None)?, Act::Answer(act)))
    }

    fn release(&mut self) -> Option<Wish> {
        let held: Vec<(&CaseId, &Case)> = self.model.cases.iter().filter(|(_, case)| case.has_hold(None)).collect();
        let (id, case) = self.dice.one(&held).map(|(id, case)| ((*id).clone(), (*case).clone()))?;
        let releases = case.flags.iter().find(|flag| flag.kind == FlagKind::Hold)?.hash;
        let act = Release { case: self.at(&id, &case), releases, evidence: self.commitment() };
        Some((self.governed(ActName::Release, None)?, Act::Release(act)))
    }

    pub(super) fn override_act(&mut self) -> Option<Wish> {
        let rules = [
            ("two-persons", "check"),
            ("strangers", "check"),
            ("strangers", "fund"),
            ("kin", "confirm"),
            ("kin", "post"),
            ("kin", "check"),
        ];
        let (rule, step) = *self.dice.one(&rules)?;
        let lists: Vec<&Code> = self.model.lists.iter().filter(|(_, list)| list.used.is_none()).map(|(id, _)| id).collect();
        let list = self.dice.one(&lists).map(|list| About::List((*list).clone()));
        let about = list.filter(|_| matches!(step, "confirm" | "post")).or_else(|| self.any_case().map(|(id, _)| About::Case(id)))?;
        let act = Override { step: code(step), rule: code(rule), about, reason: code("other"), evidence: self.commitment() };
        Some((self.officers(&[office("overseer")], None).first().map(|held| vec![by_of(held)])?, Act::Override(act)))
    }

    fn ruling(&mut self) -> Option<Wish> {
        let referred = self.model.cases.values().filter(|case| case.status == Some(OutcomeTo::Referred));
        let all: Vec<StatementHash> = referred.map(|case| case.status_hash).collect();
        let answers = self.dice.one(&all).copied();
        let clauses = [
            Clause::Step(code("check")),
            Clause::Outcome(code("exit")),
            Clause::Rule(code("kin")),
            Clause::Scheme(Scheme::parse("B").unwrap()),
        ];
        let act = Ruling { clause: self.dice.one(&clauses)?.clone(), issuer: code("province"), document: self.commitment(), answers };
        Some((self.governed(ActName::Ruling, None)?, Act::Ruling(act)))
    }

    fn team(&mut self) -> Option<Wish> {
        let areas = |sub: &str, unit: &str| Area { sub: code(sub), unit: Unit::parse(unit).unwrap() };
        let member = |sub: &str, name: &str| Member { group: code("g"), sub: code(sub), person: person(name) };
        let first = *self.dice.one(&[["t1", "v1"], ["t1", "v2"], ["t1", "t2"], ["t2", "t1"]])?;
        let second = *self.dice.one(&[["t3", "v3"], ["t4", "t3"], ["t3", "t4"]])?;
        let mut members: Vec<Member> = first.iter().map(|name| member("a", name)).collect();
        members.extend(second.iter().map(|name| member("b", name)));
        if self.dice.percent(20) {
            members.push(member("a", "v2"));
        }
        if self.dice.percent(8) {
            members.push(member("d", "v2"));
            members.push(member("c", "z1"));
        }
        let year = *self.dice.one(&[2026, 2026, 2027])?;
        let act = Team { step: code("visit"), period: period(year), members, areas: vec![areas("a", "07"), areas("b", "08")] };
        Some((self.governed(ActName::Team, None)?, Act::Team(act)))
    }

    fn relate(&mut self) -> Option<Wish> {
        let (id, case) = self.any_case()?;
        let offices = [office("clerk"), office("village"), office("head"), office("finance"), office("inspector")];
        let who = self.officers(&offices, Some(&case.unit)).first()?.person.clone();
        let basis = *self.dice.one(&[Basis::Attested, Basis::Ordered, Basis::Declared])?;
        let by = match basis {
            Basis::Declared => self.held.iter().find(|held| held.person == who && held.office.as_str() == "self").map(by_of)?,
            _ => self.officers(&[office("overseer")], None).first().map(by_of)?,
        };
        let relation = code(self.dice.one(&["kin", "spouse", "friend", "friend", "friend"])?);
        Some((vec![by], Act::Relate { person: who, relation, to: RelatedTo::Case(id), basis, evidence: None }))
    }

    pub(super) fn appoint(&mut self) -> Option<Wish> {
        let places = [
            ("clerk", "07", "07"),
            ("head", "08", "-"),
            ("village", "07-2", "07-2"),
            ("finance", "-", "-"),
            ("inspector", "-", "-"),
            ("overseer", "-", "-"),
            ("observer", "-", "-"),
        ];
        let (held, unit, home) = *self.dice.one(&places)?;
        let name = *self.dice.one(SPARE)?;
        let capacity = *self.dice.one(&[Capacity::Regular, Capacity::Regular, Capacity::Acting, Capacity::Delegated])?;
        let from = self.r.plus_ms(86_400_000 * (self.dice.below(9) as i64 - 6));
        let days = 1 + self.dice.below(30) as i64;
        let to = (capacity != Capacity::Regular || self.dice.percent(50)).then(|| seconds(from.plus_ms(86_400_000 * days)));
        let act = Act::Appoint {
            person: person(name),
            office: office(held),
            unit: Unit::parse(unit).unwrap(),
            capacity,
            home: Unit::parse(home).unwrap(),
            from: seconds(from),
            to,
            instrument: self.commitment(),
        };
        Some((self.governed(ActName::Appoint, None)?, act))
    }

    fn appoint_end(&mut self) -> Option<Wish> {
        let spare = !self.dice.percent(10);
        let all: Vec<_> = self
            .held
            .iter()
            .filter(|held| !held.office.is_reserved() && held.ended.is_none() && (!spare || SPARE.contains(&held.person.as_str())))
            .collect();
        let held = *self.dice.one(&all)?;
        let reason = *self.dice.one(&[EndReason::Transferred, EndReason::Dismissed, EndReason::Resigned])?;
        let act = Act::AppointEnd { person: held.person.clone(), appointment: held.hash, reason };
        Some((self.governed(ActName::AppointEnd, None)?, act))
    }

    /// Devices, keys and qualifications.
    fn small_roster(&mut self) -> Option<Wish> {
        match self.dice.below(4) {
            0 => {
                let ends = DeviceId::parse(self.dice.one(&["d5", "d6", "d7", "d8"])?).unwrap();
                let reason = *self.dice.one(&[DeviceReason::Retired, DeviceReason::Stolen])?;
                Some((self.governed(ActName::DeviceEnd, None)?, Act::DeviceEnd { ends, reason }))
            }
            1 | 2 => {
                let all: Vec<_> = self.held.iter().filter(|held| held.office.as_str() == "self").collect();
                let held = *self.dice.one(&all)?;
                let keys = self.model.keys_of(&held.person);
                let to = format!("{}{}", held.person, if keys.len() == 1 { " again" } else { " 3" });
                let is_new = keys.len() < 3 && keys.iter().all(|(key, ..)| *key != crate::world::key(&to).public().bytes());
                let is_known = !matches!(held.person.as_str(), "f1" | "f2" | "f3");
                let act = Act::Rotate(rotation(&held.person, keys.last()?.0, &to));
                Some((vec![by_of(held)], act)).filter(|_| is_new && is_known)
            }
            _ => {
                let act = Act::Qualify {
                    person: person(self.dice.one(SPARE)?),
                    qualification: code("training"),
                    from: seconds(self.r.plus_ms(-86_400_000)),
                    to: self.dice.percent(30).then(|| seconds(self.r.plus_ms(10 * 86_400_000))),
                    evidence: self.commitment(),
                };
                Some((self.governed(ActName::Qualify, None)?, act))
            }
        }
    }
}
