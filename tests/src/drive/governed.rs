//! Every act that `[governance]` rules, done once by exactly as many signers of exactly as many powers as it asks for; outcomes;
//! offices that are lent.

use ledger::procedure::procedure_digest;
use ledger::procedure::programme::{On, Outcome as OutcomeRule, OutcomeTo, RuleKind, RuleOf};
use signer::ActName;
use signer::act::{
    About, Account, Act, Answer, AnswerOutcome, Appeal, Area, Capacity, CaseAt, Clause, Correct, DeviceReason, Dissent, EndReason, Hold,
    Import, Incident, IncidentKind, Member, NewKey, Outcome, Override, Recuse, Release, Report, ReportAbout, RevokeReason, Ruling, Team,
    Transfer,
};
use signer::rule::Rule;
use signer::statement::{By, ProcedureName};
use signer::strict::Signature;
use signer::value::{AccountToken, CaseId, Code, DeviceId, NodeName, Period, ReportToken, SourceDigest, StatementHash, TimeMs, Unit};

use super::book::{appointment, commitment, public, time};
use super::probes::broken;
use super::roster::Signer;
use super::samples::after;
use super::{DAY_MS, HOUR_MS, Outcome as Said, Run, SECOND_MS, fine};
use crate::world::{bytes, code, text, unit};

impl Run<'_> {
    /// An act by exactly those who are enough.
    fn govern(&mut self, act: Act) -> StatementHash {
        self.govern_expecting(act, fine())
    }

    fn govern_expecting(&mut self, act: Act, expected: Said) -> StatementHash {
        if !self.plan.governance.contains_key(&act.name()) {
            return StatementHash([0; 32]);
        }
        let governors = self.governors(act.name());
        self.act(&format!("act {}", act.name().as_str()), &governors, act, expected)
    }

    pub(super) fn do_governed_acts(&mut self) {
        self.what_if(Self::enact_versions);
        self.what_if(Self::govern_devices);
        self.what_if(Self::govern_offices);
        self.what_if(Self::govern_keys);
        self.what_if(Self::govern_records);
        self.what_if(Self::govern_incidents);
        if self.opening().is_none() {
            return;
        }
        self.what_if(|run| {
            let case = run.open_one();
            run.what_if(|run| run.change_case(&case));
            run.what_if(|run| run.flag_case(&case));
            run.what_if(|run| run.override_a_rule(&case));
            run.what_if(|run| run.relate(&case));
        });
    }

    /// An incident at what is seen, and at something else.
    fn govern_incidents(&mut self) {
        let seen = self.book.history.seen_at(self.book.history.size()).unwrap();
        for (size, expected) in [(seen.size + 1, Err(Rule::IncidentUnlike)), (seen.size, fine())] {
            let (kind, node, document) = (IncidentKind::StreamLost, NodeName::parse("node-1").unwrap(), commitment("report"));
            self.govern_expecting(Act::Incident(Incident { kind, node, generation: 2, size, root: seen.root, document }), expected);
        }
    }

    /// The plan's own version again, and the next, whatever version the law is.
    fn enact_versions(&mut self) {
        for (version, expected) in [(self.plan.version, Err(Rule::ProcedureSequence)), (self.plan.version + 1, fine())] {
            let text = self.other_procedure(version);
            let enacts = ProcedureName { id: self.plan.id.clone(), version, digest: procedure_digest(&text) };
            self.govern_expecting(Act::Enact { enacts, text }, expected);
        }
    }

    /// A procedure of the plan's id in which nothing but the roster is governed.
    fn other_procedure(&self, version: u64) -> String {
        let powers: String = self.powers().iter().map(|power| format!("{power} = \"power\"\n")).collect();
        let acts = ledger::procedure::GOVERNED.iter().map(|act| {
            let powers = if matches!(act, ActName::Enrol | ActName::Appoint | ActName::Rekey) { 2 } else { 0 };
            format!("{} = {{ any = [\"founder\"], min = 2, powers = {powers} }}\n", act.as_str())
        });
        let (id, supervising, acts) = (&self.plan.id, &self.plan.supervising, acts.collect::<String>());
        let head =
            format!("format = \"procedure/1\"\nid = \"{id}\"\nversion = {version}\ntitle = \"other\"\nvalid = {{ from = 2000-01-01 }}");
        let office = format!("[office]\nclerk = {{ level = \"any\", power = \"{supervising}\" }}");
        let governance = format!("[governance]\noffline_hours = 1\nsupervising = \"{supervising}\"\n{acts}");
        format!("{head}\noffset = \"+08:00\"\n[power]\n{powers}{office}\n{governance}")
    }

    /// Devices; and how old an act may be.
    fn govern_devices(&mut self) {
        let act = self.new_device();
        let Act::Device { enrols, .. } = &act else { return };
        let ends = enrols.clone();
        self.govern(act);
        self.govern(Act::DeviceEnd { ends, reason: DeviceReason::Retired });
        let hours = self.plan.offline_hours as i64;
        for (more, why, expected) in [(0, "as old as may be", fine()), (SECOND_MS, "too old", Err(Rule::AtStale))] {
            let (act, governors) = (self.new_device(), self.governors(ActName::Device));
            let at = self.book.clock.plus_ms(-hours * HOUR_MS - more);
            self.act_at(why, &governors, act, at, expected);
        }
        self.govern_expecting(
            Act::DeviceEnd { ends: DeviceId::parse("nobodys").unwrap(), reason: DeviceReason::Lost },
            Err(Rule::DeviceUnknown),
        );
    }

    /// Somebody new in an office of the plan, for as long as asked for.
    fn appoint_new(&mut self, capacity: Capacity, days: Option<i64>, expected: Said) -> (Signer, StatementHash) {
        let new = self.enrol();
        let (office, unit) = self.offices().first().map(|office| (office.clone(), Self::unit_of(self.depth_of(office)))).unwrap();
        let mut act = appointment(&By { office, unit, ..new.by.clone() }, &Unit::whole(), self.book.clock);
        if let Act::Appoint { capacity: in_capacity, to, .. } = &mut act {
            *in_capacity = capacity;
            *to = days.map(|days| time(self.book.clock.plus_ms(days * DAY_MS)));
        }
        let hash = self.govern_expecting(act, expected);
        (new, hash)
    }

    fn govern_offices(&mut self) {
        let (new, appointment) = self.appoint_new(Capacity::Regular, None, fine());
        self.govern(Act::AppointEnd { person: new.by.person.clone(), appointment, reason: EndReason::Resigned });
        let act = self.qualification(&new, &code("training"), self.book.clock);
        self.govern(act);
    }

    /// The acting rule: as long as may be, a day longer, and a delegation.
    pub(super) fn lend_offices(&mut self) {
        for rule in &self.plan.programme.rules {
            let RuleKind::Acting { max_days, max_depth } = rule.kind else { continue };
            let days = max_days as i64;
            let delegated = if max_depth == 0 { broken(rule, Rule::ActingDepth) } else { fine() };
            for (capacity, days, expected) in [
                (Capacity::Acting, days, fine()),
                (Capacity::Acting, days + 1, broken(rule, Rule::ActingDays)),
                (Capacity::Delegated, days, delegated),
            ] {
                self.what_if(|run| run.appoint_new(capacity, Some(days), expected));
            }
        }
    }

    fn govern_keys(&mut self) {
        let own = self.own();
        let new_key = |from: &str, to: &str| NewKey {
            person: own.by.person.clone(),
            replaces: public(from).bytes(),
            key: public(to).bytes(),
            proof: Signature([0; 64]),
        };
        let name = own.by.person.to_string();
        let revoke = Act::Revoke { person: own.by.person.clone(), key: public(&name).bytes(), reason: RevokeReason::Lost, suspected: None };
        self.what_if(|run| run.govern(Act::Rotate(new_key(&name, "second key"))));
        self.govern(revoke);
        self.govern(Act::Rekey(new_key(&name, "third key")));
    }

    fn govern_records(&mut self) {
        self.govern(Act::Import(Import {
            case: CaseId::parse("legacy").unwrap(),
            head: None,
            source: SourceDigest(bytes("source")),
            record: 0,
            recorded: TimeMs { time: time(self.book.clock), millis: 0 },
            activity: text("application"),
            actor: text("clerk"),
            group: text("-"),
            lifecycle: text("-"),
        }));
        let Some(first) = self.plan.programme.steps.first() else { return };
        self.govern(Act::Ruling(Ruling {
            clause: Clause::Step(first.id.clone()),
            issuer: code("province"),
            document: commitment("ruling"),
            answers: None,
        }));
    }

    fn at_head(&self, case: &CaseId) -> CaseAt {
        CaseAt { case: case.clone(), head: self.book.head(case) }
    }

    /// A step taken back, another account, another unit.
    fn change_case(&mut self, case: &CaseId) {
        let at = self.at_head(case);
        let reason = code("mistake");
        // The step that opened the case is never taken back: the first after it is.
        let first = self.plan.programme.steps.iter().position(|step| step.on == On::Case && !step.opens && !step.renews);
        self.what_if(|run| {
            first.into_iter().for_each(|first| run.do_step(first, std::slice::from_ref(case)));
            let at = run.at_head(case);
            let (of, reason) = (at.head, code("mistake"));
            run.govern(Act::Correct(Correct { case: Some(at), batch: None, of, reason, evidence: commitment("note") }));
        });
        let account =
            Account { case: at.clone(), account: AccountToken(bytes("new")), reason: reason.clone(), evidence: commitment("card") };
        self.what_if(|run| run.govern(Act::Account(account)));
        let from = self.home_of_cases();
        let to = unit(&format!("{}-02", from.as_str().rsplit_once('-').map_or("01", |(before, _)| before)));
        self.govern(Act::Transfer(Transfer { case: at, from, to, reason }));
    }

    /// Everything that stands open against a case.
    fn flag_case(&mut self, case: &CaseId) {
        let at = self.at_head(case);
        let (of, reason) = (at.head, code("unclear"));
        let objection = self.object(case);
        self.govern(Act::Dissent(Dissent { case: at.clone(), of, reason: reason.clone(), evidence: None }));
        let about = ReportAbout::Unit(Unit::whole());
        self.govern(Act::Report(Report { report: ReportToken(bytes("report")), about, reason: reason.clone(), evidence: None }));
        let evidence = commitment("letter");
        self.govern(Act::Answer(Answer { answers: objection, outcome: AnswerOutcome::Dismissed, evidence }));
        self.govern(Act::Recuse(Recuse { case: at.clone(), relation: code("friend") }));
        let hold = self.govern(Act::Hold(Hold { case: at.clone(), reason, evidence }));
        self.govern(Act::Release(Release { case: at, releases: hold, evidence }));
    }

    fn override_a_rule(&mut self, case: &CaseId) {
        if let Some(rule) = self.plan.programme.rules.iter().find(|rule| rule.may_override) {
            self.override_rule(rule, &rule.kind.steps()[0], case);
        }
    }

    pub(super) fn override_rule(&mut self, rule: &RuleOf, step: &Code, case: &CaseId) -> StatementHash {
        let (step, rule, about) = (step.clone(), rule.id.clone(), About::Case(case.clone()));
        self.govern(Act::Override(Override { step, rule, about, reason: code("small-place"), evidence: commitment("minutes") }))
    }

    /// Another appointment to the same office, of somebody who comes from where the applicants live.
    pub(super) fn appoint_at_home(&mut self, signer: &Signer) -> StatementHash {
        let act = appointment(&signer.by, &self.home_of_cases(), self.book.clock);
        self.govern(act)
    }

    /// Teams for every step and period that the script comes to.
    pub(super) fn appoint_teams(&mut self) {
        let mut periods: Vec<Period> = Vec::new();
        for number in 0..self.plan.programme.standards.len() {
            let case = self.prepare("team", number, false);
            let period = self.book.cases[&case].period;
            periods.extend([period, after(period)]);
        }
        periods.sort();
        periods.dedup();
        for (at, step) in self.plan.programme.steps.iter().enumerate().filter(|(_, step)| step.has_team) {
            let crew = self.roster.crews[at].iter().chain(&self.roster.spares[at]);
            let member = |signer: &Signer| Member { group: code("a"), sub: code("a-1"), person: signer.by.person.clone() };
            let members: Vec<Member> = crew.map(member).collect();
            for period in &periods {
                let areas = vec![Area { sub: code("a-1"), unit: Unit::whole() }];
                self.govern(Act::Team(Team { step: step.id.clone(), period: *period, members: members.clone(), areas }));
            }
        }
    }

    /// Each outcome by exactly enough and one too few; appeals in the last second and an hour late.
    pub(super) fn do_outcomes(&mut self) {
        let outcomes = self.plan.programme.outcomes.iter().filter(|_| self.opening().is_some());
        for (id, outcome) in outcomes.collect::<Vec<_>>() {
            self.what_if(|run| {
                let case = run.open_one();
                let by: Vec<Signer> =
                    outcome.by.iter().flat_map(|office| run.roster.pool[office].clone()).take(outcome.min as usize).collect();
                if let Some((_, fewer)) = by.split_last().filter(|(_, fewer)| !fewer.is_empty()) {
                    run.conclude(id, outcome, &case, fewer, Err(Rule::StepCount));
                }
                let of = run.conclude(id, outcome, &case, &by, fine());
                run.appeal(outcome, &case, of);
            });
        }
    }

    fn conclude(&mut self, id: &Code, outcome: &OutcomeRule, case: &CaseId, by: &[Signer], expected: Said) -> StatementHash {
        let reason = outcome.reasons.first().cloned().unwrap_or_else(|| code("any"));
        let act = Outcome { case: self.at_head(case), outcome: id.clone(), reason, evidence: Vec::new() };
        self.act(&format!("outcome {id}"), by, Act::Outcome(act), expected)
    }

    fn appeal(&mut self, outcome: &OutcomeRule, case: &CaseId, of: StatementHash) {
        let Some(days) = outcome.appeal_days.filter(|_| outcome.to != OutcomeTo::Suspended) else { return };
        let received = self.book.clock.plus_ms(-SECOND_MS);
        for (hours, expected) in [(0, fine()), (1, Err(Rule::AppealLate))] {
            self.what_if(|run| {
                run.pass_to(received.plus_ms(days as i64 * DAY_MS + hours * HOUR_MS));
                let act = Appeal { case: run.at_head(case), of, evidence: None };
                run.govern_expecting(Act::Appeal(act), expected);
            });
        }
    }
}
