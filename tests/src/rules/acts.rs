//! The acts' own rules: amendments, enrolments, devices, relations, qualifications, imports (sections 5.2, 5.4, 5.5, 5.8, 5.9).

use signer::Rule;
use signer::act::{Act, Basis, Constitution, DeviceReason, RelatedTo, Witness};
use signer::statement::By;
use signer::value::{CaseId, Commitment, DeviceId, IdentityToken, KeyName, PersonId, Power, StatementHash, UnixMs};

use super::{DAY_MS, Table};
use crate::world::{FOUNDED, World, bytes, code, constitution, key, person, time, unit};

pub(super) fn fill(table: &mut Table) {
    amendments(table);
    lives_after_amendments(table);
    enrolments(table);
    devices(table);
    relations(table);
    qualifications(table);
    imports(table);
}

/// An amendment that keeps the founders.
pub fn amendment(constitution: Constitution) -> Act {
    Act::Amend { constitution, founders: founders(&[("f1", "E"), ("f2", "S"), ("f3", "F")]) }
}

fn founders(named: &[(&str, &str)]) -> Vec<(PersonId, Power)> {
    named.iter().map(|(id, power)| (person(id), Power::parse(power).unwrap())).collect()
}

/// One person attests that another is a relative.
pub(crate) fn relation(of: &str, to: &str) -> Act {
    Act::Relate { person: person(of), relation: code("cousin"), to: RelatedTo::Person(person(to)), basis: Basis::Attested, evidence: None }
}

/// A training from one time to another.
pub(crate) fn qualification(of: &str, from: UnixMs, to: Option<UnixMs>) -> Act {
    let evidence = Commitment(bytes("certificate"));
    Act::Qualify { person: person(of), qualification: code("training"), from: time(from), to: to.map(time), evidence }
}

/// A witness by the name of its key.
pub(crate) fn witness(name: &str, key_name: &str) -> Witness {
    Witness { name: KeyName::parse(name).unwrap(), key: key(key_name).public().bytes() }
}

fn amendments(table: &mut Table) {
    let mut amend = |rule, name: &str, threshold: u64, named: &[(&str, &str)], witnesses: Vec<Witness>| {
        let act = Act::Amend { constitution: Constitution { threshold, witnesses, ..constitution() }, founders: founders(named) };
        table.refused(rule, &format!("amendment: {name}"), World::staffed(), |world| {
            world.act(&["f1", "f2"], act);
        });
    };
    let three = [("f1", "E"), ("f2", "S"), ("f3", "F")];
    amend(Rule::PersonUnknown, "a founder whom nobody enrolled", 2, &[("f1", "E"), ("x1", "S")], vec![]);
    amend(Rule::PersonUnknown, "an unknown person weighs more than one named twice", 2, &[("f1", "E"), ("f1", "S"), ("x1", "S")], vec![]);
    amend(Rule::PersonTaken, "a founder named twice", 2, &[("f1", "E"), ("f1", "S"), ("f3", "F")], vec![]);
    amend(Rule::Threshold, "a threshold of one", 1, &three, vec![]);
    amend(Rule::Threshold, "a threshold above the founders", 4, &three, vec![]);
    amend(Rule::FounderPowers, "founders of one power", 2, &[("f1", "E"), ("f3", "E")], vec![]);
    amend(Rule::WitnessRepeated, "a witness's name twice", 2, &three, vec![witness("w1.example", "w1"), witness("w1.example", "w2")]);
    amend(Rule::WitnessRepeated, "the ledger as its own witness", 2, &three, vec![witness("w1.example", "checkpoint")]);
    amend(Rule::WitnessRepeated, "a witness's key twice", 2, &three, vec![witness("w1.example", "w1"), witness("w2.example", "w1")]);
    table.refused(Rule::GovernanceCount, "amendment: one founder below the threshold", World::staffed(), |world| {
        world.act(&["f1"], amendment(constitution()));
    });
    table.refused(Rule::GovernanceOffice, "amendment: a registrar beside a founder", World::staffed(), |world| {
        world.act(&["f1", "r1"], amendment(constitution()));
    });
    table.refused(
        Rule::GovernanceCount,
        "amendment: two founders where the amendment in force asks for three",
        World::staffed(),
        |world| {
            let hash = world.act(&["f1", "f2"], amendment(Constitution { threshold: 3, ..constitution() }));
            ["f1", "f2", "f3"].into_iter().for_each(|id| world.take_office(id, "founder", "-", hash));
            world.act(&["f1", "f2"], amendment(constitution()));
        },
    );
}

/// Checkpoint key, witnesses and founders change; life goes on.
fn lives_after_amendments(table: &mut Table) {
    let mut world = World::staffed();
    let changed =
        Constitution { threshold: 2, checkpoint_key: key("checkpoint-2").public().bytes(), witnesses: vec![witness("w2.example", "w2")] };
    let act = Act::Amend { constitution: changed, founders: founders(&[("f1", "E"), ("s1", "S"), ("f3", "F")]) };
    let hash = world.act(&["f1", "f2"], act);
    ["f1", "s1", "f3"].into_iter().for_each(|id| world.take_office(id, "founder", "-", hash));
    // A checkpoint of the time before is still one of the ledger, under the key of that time.
    let before = world.checkpoint_at(world.size() - 1);
    world.checkpoint_key = key("checkpoint-2");
    world.import("case-1", 1);
    let act = world.enrolment("p9");
    world.act(&["f1", "s1"], act);
    let mut cosigned = world.checkpoint_at(world.size());
    cosigned.signatures.push(signer::checkpoint::cosign(&cosigned.text, "w2.example", &key("w2"), (world.clock.0 / 1000) as u64));
    world.push(cosigned.encode().as_bytes());
    world.import("case-1", 2);
    table.found("another checkpoint key, other witnesses and founders", &world, "holds", &[], |trial| {
        trial.policy = crate::trial::Given::Outside(world.policy_naming(&["checkpoint-2"]).into_bytes());
        trial.known.push(before.encode().into_bytes());
    });
    table.holds("an amendment without witnesses ends their rule", World::staffed(), |world| {
        world.act(&["f1", "f2"], amendment(Constitution { witnesses: vec![], ..constitution() }));
        world.clock = world.clock.plus_ms(3 * DAY_MS);
        world.import("case-1", 1);
    });
    table.refused_last(
        Rule::AppointmentEnded,
        "founders of before, even who could not know of the amendment",
        World::unwitnessed(),
        |world| {
            let seen = world.history.seen_at(world.size()).unwrap();
            world.act(&["f1", "f2"], amendment(Constitution { witnesses: vec![], ..constitution() }));
            let act = world.enrolment("p9");
            world.act_with(&["f1", "f2"], act, |header| header.seen = seen);
        },
    );
    table.refused(
        Rule::AppointmentEnded,
        "attack: founders who were voted out vote themselves in again, back-dated",
        World::staffed(),
        |world| {
            let seen = world.history.seen_at(world.size()).unwrap();
            let two = vec![(person("f2"), Power::parse("S").unwrap()), (person("f3"), Power::parse("F").unwrap())];
            world.act(&["f2", "f3"], Act::Amend { constitution: constitution(), founders: two });
            world.act_with(&["f1", "f2"], amendment(constitution()), |header| header.seen = seen);
        },
    );
    table.holds("lost witnesses are replaced by an amendment, days later", World::staffed(), |world| {
        world.clock = world.clock.plus_ms(10 * 24 * 3_600_000);
        world.act(&["f1", "f2"], amendment(Constitution { witnesses: vec![witness("w2.example", "w2")], ..constitution() }));
        world.import("case-1", 1);
    });
    table.refused(Rule::AppointmentEnded, "founders of before, who had seen the amendment", World::staffed(), |world| {
        world.act(&["f1", "f2"], amendment(constitution()));
        let act = world.enrolment("p9");
        world.act(&["f1", "f2"], act);
    });
}

fn enrolments(table: &mut Table) {
    table.refused(Rule::PersonTaken, "a person id that is taken", World::staffed(), |world| {
        let act = world.enrolment("a1");
        world.act(&["f1", "f2"], act);
    });
    table.refused(Rule::IdentityTaken, "the same natural person under another id", World::staffed(), |world| {
        let identity = IdentityToken(bytes("identity of a1"));
        let Act::Enrol { name, .. } = world.enrolment("p9") else { unreachable!() };
        let occasion = signer::possession::Occasion::Identity(identity);
        let proof = signer::possession::prove(&world.id, &person("p9"), occasion, &key("p9"));
        world.act(&["f1", "f2"], Act::Enrol { person: person("p9"), name, identity, key: key("p9").public().bytes(), proof });
    });
    let enrol_with_key = |world: &World, key_name: &str| {
        let identity = IdentityToken(bytes("identity of p9"));
        let Act::Enrol { name, .. } = world.enrolment("p9") else { unreachable!() };
        let occasion = signer::possession::Occasion::Identity(identity);
        let proof = signer::possession::prove(&world.id, &person("p9"), occasion, &key(key_name));
        Act::Enrol { person: person("p9"), name, identity, key: key(key_name).public().bytes(), proof }
    };
    table.refused(Rule::KeyTaken, "a key that somebody has", World::staffed(), |world| {
        let act = enrol_with_key(world, "a1");
        world.act(&["f1", "f2"], act);
    });
    table.refused(Rule::KeyTaken, "a key that somebody had", World::staffed(), |world| {
        world.rotate("a1", "a1-2");
        let act = enrol_with_key(world, "a1");
        world.act(&["f1", "f2"], act);
    });
    table.holds("a joint signature by registrar and overseer", World::staffed(), |world| {
        let act = world.enrolment("p9");
        world.act(&["r1", "s1"], act);
    });
    table.refused(Rule::GovernanceCount, "enrolment by one", World::staffed(), |world| {
        let act = world.enrolment("p9");
        world.act(&["f1"], act);
    });
    table.refused(Rule::GovernancePowers, "enrolment by two of one power", World::staffed(), |world| {
        let act = world.enrolment("p9");
        world.act(&["f1", "r1"], act);
    });
    table.refused(Rule::GovernanceOffice, "enrolment with an archivist", World::staffed(), |world| {
        let act = world.enrolment("p9");
        world.act(&["f1", "f2", "a1"], act);
    });
    table.refused(Rule::GovernanceOffice, "a record imported by a registrar", World::staffed(), |world| {
        let act = world.record("case-1", 1);
        world.act(&["r1"], act);
    });
}

fn devices(table: &mut Table) {
    let device = |id: &str| Act::Device { enrols: DeviceId::parse(id).unwrap(), unit: unit("07") };
    let end = |id: &str, reason| Act::DeviceEnd { ends: DeviceId::parse(id).unwrap(), reason };
    table.refused(Rule::DeviceTaken, "a device id that is taken", World::staffed(), |world| {
        world.act(&["r1"], device("d2"));
    });
    table.refused(Rule::DeviceTaken, "the id of a device out of use", World::staffed(), |world| {
        world.act(&["r1"], end("d2", DeviceReason::Retired));
        world.act(&["r1"], device("d2"));
    });
    table.refused(Rule::DeviceUnknown, "the end of a device that nobody enrolled", World::staffed(), |world| {
        world.act(&["r1"], end("d9", DeviceReason::Lost));
    });
    table.refused(Rule::DeviceEnded, "the end of a device that ended", World::staffed(), |world| {
        world.act(&["r1"], end("d2", DeviceReason::Retired));
        world.act(&["r1"], end("d2", DeviceReason::Stolen));
    });
    table.holds("a device in place of one out of use", World::staffed(), |world| {
        world.act(&["r1"], end("d2", DeviceReason::Lost));
        world.act(&["r1"], device("d3"));
        let act = world.record("case-1", 1);
        world.act_with(&["a1"], act, |header| header.device = DeviceId::parse("d3").unwrap());
    });
}

fn relations(table: &mut Table) {
    table.refused(Rule::PersonUnknown, "a relation of a stranger", World::staffed(), |world| {
        world.act(&["s1"], relation("x1", "a1"));
    });
    table.refused(Rule::PersonUnknown, "a relation to a stranger", World::staffed(), |world| {
        world.act(&["s1"], relation("a1", "x1"));
    });
    let declared = |to| Act::Relate {
        person: person("a1"),
        relation: code("cousin"),
        to,
        basis: Basis::Declared,
        evidence: Some(Commitment(bytes("letter"))),
    };
    table.refused(Rule::PersonOther, "a declaration signed by somebody else", World::staffed(), |world| {
        world.act(&["s1"], declared(RelatedTo::Person(person("c1"))));
    });
    table.holds("a declaration of the person's own, an attestation of another's", World::staffed(), |world| {
        let by: By = world.as_self("a1");
        world.act_with(&["a1"], declared(RelatedTo::Case(CaseId::parse("case-1").unwrap())), |header| header.by[0] = by);
        world.act(&["s1"], relation("a1", "c1"));
    });
}

fn qualifications(table: &mut Table) {
    let day = |n: i64| FOUNDED.plus_ms(n * DAY_MS);
    table.refused(Rule::PersonUnknown, "a qualification of a stranger", World::staffed(), |world| {
        world.act(&["r1"], qualification("x1", day(-1), None));
    });
    table.refused(Rule::Period, "a qualification that ends when it begins", World::staffed(), |world| {
        world.act(&["r1"], qualification("c1", day(-1), Some(day(-1))));
    });
    table.holds("a clerk with training", World::staffed(), |world| {
        world.act(&["r1"], qualification("c1", day(-1), None));
        let act = world.record("case-1", 1);
        world.act(&["c1"], act);
    });
    table.refused(Rule::QualificationMissing, "a clerk without training", World::staffed(), |world| {
        let act = world.record("case-1", 1);
        world.act(&["c1"], act);
    });
    table.refused(Rule::QualificationMissing, "somebody else's training", World::staffed(), |world| {
        world.act(&["r1"], qualification("a1", day(-1), None));
        let act = world.record("case-1", 1);
        world.act(&["c1"], act);
    });
    table.refused(Rule::QualificationMissing, "another qualification", World::staffed(), |world| {
        let Act::Qualify { person, from, to, evidence, .. } = qualification("c1", day(-1), None) else { unreachable!() };
        world.act(&["r1"], Act::Qualify { person, qualification: code("licence"), from, to, evidence });
        let act = world.record("case-1", 1);
        world.act(&["c1"], act);
    });
    table.refused(Rule::QualificationMissing, "training that begins tomorrow", World::staffed(), |world| {
        world.act(&["r1"], qualification("c1", day(1), None));
        let act = world.record("case-1", 1);
        world.act(&["c1"], act);
    });
    table.refused(Rule::QualificationMissing, "training that the signer had not seen", World::staffed(), |world| {
        let seen = world.history.seen_at(world.size()).unwrap();
        world.act(&["r1"], qualification("c1", day(-1), None));
        let act = world.record("case-1", 1);
        world.act_with(&["c1"], act, |header| header.seen = seen);
    });
    let expired = |world: &mut World, late_ms: i64| {
        let ends = world.clock.plus_ms(10_000);
        world.act(&["r1"], qualification("c1", day(-1), Some(ends)));
        let seen = world.history.seen_at(world.size()).unwrap();
        world.clock = ends.plus_ms(late_ms);
        let act = world.record("case-1", 1);
        world.act_with(&["c1"], act, |header| header.seen = seen);
    };
    table.holds("training that ended after the signer's last look", World::unwitnessed(), |world| expired(world, DAY_MS));
    table.refused(Rule::QualificationMissing, "training that ended, and a look too long ago", World::unwitnessed(), |world| {
        expired(world, 3 * DAY_MS)
    });
}

fn imports(table: &mut Table) {
    table.refused(Rule::CaseHead, "a new case that is there already", World::staffed(), |world| {
        world.import("case-1", 1);
        world.heads.clear();
        let act = world.record("case-1", 2);
        world.act(&["a1"], act);
    });
    table.refused(Rule::CaseHead, "a head of a case that is not there", World::staffed(), |world| {
        world.heads.insert("case-1".into(), StatementHash(bytes("nothing")));
        let act = world.record("case-1", 1);
        world.act(&["a1"], act);
    });
    table.refused(Rule::CaseHead, "a head that the case has left", World::staffed(), |world| {
        let first = world.import("case-1", 1);
        world.import("case-1", 2);
        world.heads.insert("case-1".into(), first);
        let act = world.record("case-1", 3);
        world.act(&["a1"], act);
    });
    table.refused(Rule::RecordUsed, "a record imported twice", World::staffed(), |world| {
        world.import("case-1", 1);
        let act = world.record("case-1", 1);
        world.act(&["a1"], act);
    });
    table.refused(Rule::RecordUsed, "a record imported into another case", World::staffed(), |world| {
        [0, 1, 2, 5, 4].into_iter().for_each(|record| {
            world.import("case-1", record);
        });
        let act = world.record("case-2", 4);
        world.act(&["a1"], act);
    });
    table.holds("records out of order, and the same position of another file", World::staffed(), |world| {
        [7, 3, 5, 4, 6].into_iter().for_each(|record| {
            world.import("case-1", record);
        });
        let Act::Import(mut import) = world.record("case-1", 3) else { unreachable!() };
        import.source = signer::value::SourceDigest(bytes("another file"));
        world.act(&["a1"], Act::Import(import));
    });
}
