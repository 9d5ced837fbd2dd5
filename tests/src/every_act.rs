//! A ledger in which every act occurs, and what is known of it without asking anything that it tests.

use signer::act::{Act, Basis, DeviceReason, EndReason, Founding, RelatedTo, RevokeReason};
use signer::value::{CaseId, Commitment, DeviceId, Power, ReportToken, StatementHash};

use crate::programme::{OTHER, Stage, account, case_id, paper, papers};
use crate::world::{PROCEDURE, World, bytes, code, constitution, founding, key, person, text, time, unit};

/// The ledger, and entries of it that tests ask for.
pub struct EveryAct {
    /// The ledger.
    pub world: World,
    /// The appointment of the archivist a1.
    pub archivist_appointed: u64,
    /// The enrolment of the archivist a1, and so of the first key.
    pub archivist_enrolled: u64,
    /// The first record that was signed at the suspected time of a1's first key.
    pub disputed_from: u64,
    /// The revocation of that key.
    pub revoked: u64,
    /// The entry of a1's second key.
    pub rekeyed: u64,
    /// Rotation of p9's key.
    pub rotated: u64,
    /// The amendment, after which f3 is no founder.
    pub amended: u64,
    /// The appointment of c1 as clerk, and its end.
    pub clerk: (u64, u64),
    /// Enactments of version 1 and 2.
    pub enacted: (u64, u64),
    /// Relations to a case.
    pub related: Vec<u64>,
}

/// What imported record number `n` says: actor, activity, group.
pub fn legacy(n: u64) -> (&'static str, &'static str, &'static str) {
    const ACTORS: [&str; 4] = ["甲子·017", "甲子·018", "Resource/21", "-"];
    const ACTIVITIES: [&str; 3] = ["A1 受理", "A2 复核", "A3 决定"];
    (ACTORS[n as usize * 7 % 11 % 4], ACTIVITIES[n as usize * 5 % 7 % 3], if n.is_multiple_of(4) { "-" } else { "窗口 group" })
}

/// The case of imported record number `n`: six of them, one of which is the beginning of another's name.
pub fn case_of(n: u64) -> &'static str {
    ["c-1", "c-10", "c-1.a", "07-0213", "x", "X"][n as usize % 6]
}

struct Builder {
    world: World,
    records: u64,
}

impl Builder {
    fn size(&self) -> u64 {
        self.world.history.size()
    }

    fn import(&mut self, count: u64) {
        for _ in 0..count {
            let n = self.records;
            let case = case_of(n);
            let Act::Import(mut import) = self.world.record(case, n) else { unreachable!() };
            let (actor, activity, group) = legacy(n);
            (import.actor, import.activity, import.group) = (text(actor), text(activity), text(group));
            let hash = self.world.act(&["a1"], Act::Import(import));
            self.world.heads.insert(case.to_owned(), hash);
            self.records += 1;
        }
    }

    fn relate(&mut self, by: &str, of: &str, to: RelatedTo, basis: Basis) {
        let act = Act::Relate { person: person(of), relation: code("kin"), to, basis, evidence: None };
        self.world.act(&[by], act);
    }

    /// Suspects the archivist's key from a record on, revokes it, and gives another. The record's and the revocation's entry.
    fn suspect(&mut self) -> (u64, u64) {
        self.import(9);
        let suspected = self.world.clock;
        let from = self.size();
        self.import(11);
        let old = key("a1").public().bytes();
        let act = Act::Revoke { person: person("a1"), key: old, reason: RevokeReason::Compromised, suspected: Some(time(suspected)) };
        let revoked = self.size();
        self.world.act(&["s1"], act);
        let act = Act::Rekey(self.world.new_key("a1", &key("a1"), "a1 again"));
        self.world.act(&["f1", "f2"], act);
        self.world.keys.insert("a1".to_owned(), key("a1 again"));
        (from, revoked)
    }

    fn amend(&mut self) -> u64 {
        let founders = vec![(person("f1"), Power::parse("E").unwrap()), (person("f2"), Power::parse("S").unwrap())];
        let amended = self.size();
        let hash = self.world.act(&["f1", "f2", "f3"], Act::Amend { constitution: constitution(), founders });
        self.world.take_office("f1", "founder", "-", hash);
        self.world.take_office("f2", "founder", "-", hash);
        amended
    }

    /// Person p9, who has no office but the own self, rotates a key and declares a relation.
    fn newcomer(&mut self) -> u64 {
        self.world.enrol("p9");
        let rotated = self.size();
        let act = Act::Rotate(self.world.new_key("p9", &key("p9"), "p9 again"));
        self.world.act(&["p9"], act);
        self.world.keys.insert("p9".to_owned(), key("p9 again"));
        self.relate("p9", "p9", RelatedTo::Person(person("c1")), Basis::Declared);
        rotated
    }

    fn end_the_clerk(&mut self, clerk: StatementHash) -> u64 {
        let act = Act::Qualify {
            person: person("c1"),
            qualification: code("training"),
            from: time(self.world.clock),
            to: None,
            evidence: Commitment(bytes("paper")),
        };
        self.world.act(&["r1"], act);
        let ended = self.size();
        self.world.act(&["r1"], Act::AppointEnd { person: person("c1"), appointment: clerk, reason: EndReason::Transferred });
        self.world.act(&["r1"], Act::DeviceEnd { ends: DeviceId::parse("d2").unwrap(), reason: DeviceReason::Retired });
        ended
    }
}

/// Every act of a programme that its steps do not need, on a case that was opened in village 07-02.
pub fn acts_on_a_case(w: &mut World) {
    use signer::act::{
        About, Account, Answer, AnswerOutcome, Appeal, Clause, Correct, Dissent, Hold, Objection, Outcome, Override, Recuse, Release,
        Report, ReportAbout, Ruling, Transfer,
    };
    let (case, reason, evidence) = (OTHER, code("doubt"), paper("letter"));
    let answer = |w: &mut World, by: &str, answers: StatementHash, outcome| {
        w.act(&[by], Act::Answer(Answer { answers, outcome, evidence: paper("answer") }))
    };
    let outcome = |w: &mut World, what: &str| {
        let act = Outcome { case: w.at(case), outcome: code(what), reason: code("income"), evidence: papers(&["file"]) };
        w.on_case(&["m1"], case, Act::Outcome(act))
    };
    let act = Account { case: w.at(case), account: account("z1 again"), reason: reason.clone(), evidence };
    w.on_case(&["c2"], case, Act::Account(act));
    let hash = w.act(&["h2"], Act::Objection(Objection { case: w.at(case), reason: reason.clone(), evidence: None }));
    answer(w, "m1", hash, AnswerOutcome::Dismissed);
    let of = w.told(&format!("apply {case}"));
    let hash = w.act(&["v3"], Act::Dissent(Dissent { case: w.at(case), of, reason: reason.clone(), evidence: Some(evidence) }));
    answer(w, "m1", hash, AnswerOutcome::Dismissed);
    let about = ReportAbout::Case(case_id(case));
    let hash = w.act(&["s1"], Act::Report(Report { report: ReportToken(bytes("report")), about, reason: reason.clone(), evidence: None }));
    answer(w, "m1", hash, AnswerOutcome::Dismissed);
    let hash = w.act(&["s2"], Act::Hold(Hold { case: w.at(case), reason: reason.clone(), evidence }));
    w.act(&["s2"], Act::Release(Release { case: w.at(case), releases: hash, evidence }));
    w.act(&["v3"], Act::Recuse(Recuse { case: w.at(case), relation: code("kin") }));
    let (step, rule) = (code("visit"), code("other-eyes"));
    w.act(&["s1"], Act::Override(Override { step, rule, about: About::Case(case_id(case)), reason: reason.clone(), evidence }));
    let visit = w.step_with(&["v1"], w.visit(case), |_| {});
    w.act(&["v2"], Act::Join { joins: visit });
    w.heads.insert(case.to_owned(), visit);
    let act = Correct { case: Some(w.at(case)), batch: None, of: visit, reason: reason.clone(), evidence };
    w.on_case(&["m1"], case, Act::Correct(act));
    let hash = outcome(w, "refer");
    let clause = Clause::Step(code("visit"));
    w.act(&["m1"], Act::Ruling(Ruling { clause, issuer: code("province"), document: evidence, answers: Some(hash) }));
    let act = Transfer { case: w.at(case), from: unit("07-02"), to: unit("07-01"), reason };
    w.on_case(&["c2", "c1"], case, Act::Transfer(act));
    let of = outcome(w, "reject");
    let hash = w.act(&["c1"], Act::Appeal(Appeal { case: w.at(case), of, evidence: None }));
    let hash = answer(w, "m2", hash, AnswerOutcome::Upheld);
    w.heads.insert(case.to_owned(), hash);
}

/// A programme from its founding to the notices of its payments, in which every act of a programme occurs.
pub fn whole_programme() -> World {
    let mut world = World::run_to(Stage::Noticed);
    acts_on_a_case(&mut world);
    world.index();
    world
}

/// Builds it: about 150 entries.
pub fn every_act() -> EveryAct {
    every_act_of(founding())
}

/// The same on another founding with the same founders.
pub fn every_act_of(founding: Founding) -> EveryAct {
    let world = World::staffed_with(founding);
    let case = |id: &str| RelatedTo::Case(CaseId::parse(id).unwrap());
    let clerk = world.offices["c1"].appointment;
    let mut builder = Builder { world, records: 0 };
    // Founding, enactment, then enrolment and appointment of r1, s1, a1, c1, then device d2.
    let (archivist_enrolled, archivist_appointed, clerk_appointed) = (6, 7, 9);
    let mut related = vec![builder.size()];
    builder.relate("s1", "c1", case("c-10"), Basis::Attested);
    builder.import(20);
    builder.world.cosign();
    let (disputed_from, revoked) = builder.suspect();
    let rekeyed = revoked + 1;
    builder.import(13);
    related.push(builder.size());
    builder.relate("s1", "c1", case("c-10"), Basis::Ordered);
    let rotated = builder.newcomer();
    builder.world.cosign();
    let ended = builder.end_the_clerk(clerk);
    let amended = builder.amend();
    builder.import(10);
    let enacted = builder.size();
    builder.world.enact(&PROCEDURE.replace("version = 1", "version = 2"));
    builder.import(50);
    builder.world.cosign();
    builder.import(7);
    EveryAct {
        world: builder.world,
        archivist_appointed,
        archivist_enrolled,
        disputed_from,
        revoked,
        rekeyed,
        rotated,
        amended,
        clerk: (clerk_appointed, ended),
        enacted: (1, enacted),
        related,
    }
}
