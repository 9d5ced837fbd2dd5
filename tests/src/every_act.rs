//! A ledger in which every act occurs, and what is known of it without asking anything that it tests.

use signer::act::{Act, Basis, DeviceReason, EndReason, Founding, RelatedTo, RevokeReason};
use signer::value::{CaseId, Commitment, DeviceId, Power, StatementHash};

use crate::world::{PROCEDURE, World, bytes, code, constitution, founding, key, person, text, time};

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
