//! Procedures: what one holds (section 7), their sequence (5.3), and under which a statement is judged (8.3, step 4).

use signer::Rule;
use signer::act::Act;
use signer::statement::ProcedureName;
use signer::value::ProcedureDigest;

use super::{ALLOWANCE_MS, Table};
use crate::world::{FOUNDED, PROCEDURE, World, bytes, code};

pub(super) fn fill(table: &mut Table) {
    formats(table);
    sequences(table);
    versions(table);
    offices(table);
}

/// The tests' procedure in version 2, changed at one place.
pub(crate) fn second(from: &str, to: &str) -> String {
    assert!(PROCEDURE.contains(from), "{from}");
    PROCEDURE.replace("version = 1", "version = 2").replacen(from, to, 1)
}

/// The tests' procedure in version 2, otherwise as it was.
fn again() -> String {
    PROCEDURE.replace("version = 1", "version = 2")
}

/// Faults of a procedure: name, what is replaced, by what.
pub(crate) const FORMAT_FAULTS: &[(&str, &str, &str)] = &[
    ("not TOML", "[power]", "[power"),
    ("a key twice", "basis   =", "offset  = \"+08:00\"\nbasis   ="),
    ("another format", "procedure/1", "procedure/2"),
    ("no format", "format  = \"procedure/1\"\n", ""),
    ("an unknown key", "basis   =", "colour = \"red\"\nbasis   ="),
    ("steps, which a later version adds", "[power]", "[step.visit]\nby = \"clerk\"\n\n[power]"),
    ("a version that is a text", "version = 2", "version = \"2\""),
    ("a version that is a fraction", "version = 2", "version = 2.0"),
    ("a title with a space at its end", "legacy records\"", "legacy records \""),
    ("a title with an escaped control character", "legacy records\"", "legacy\\u0007records\""),
    ("a title with an escaped bidi character", "legacy records\"", "legacy\\u202Erecords\""),
    ("no title", "title   = \"档案移交办法（试行） transfer of legacy records\"\n", ""),
    ("an empty title", "档案移交办法（试行） transfer of legacy records", ""),
    ("a title that is a number", "\"档案移交办法（试行） transfer of legacy records\"", "7"),
    ("a date with a time", "2020-01-01", "2020-01-01T00:00:00"),
    ("a date that is a text", "2020-01-01", "\"2020-01-01\""),
    ("a date before 1900", "2020-01-01", "1899-12-31"),
    ("an unknown key beside valid.from", "from = 2020-01-01", "from = 2020-01-01, to = 2030-01-01"),
    ("basis that is no array", "[\"invented for tests\"]", "\"invented for tests\""),
    ("basis of numbers", "[\"invented for tests\"]", "[1]"),
    ("an offset of minus zero", "\"+08:00\"", "\"-00:00\""),
    ("an offset with a letter", "\"+08:00\"", "\"Z\""),
    ("a power in small letters", "E = \"资格确认 eligibility\"", "e = \"资格确认 eligibility\""),
    ("a power without a name", "S = \"社会监督 supervision\"", "S = \"\""),
    ("a reserved office", "archivist = { level", "founder = { level"),
    ("an office with a hyphen", "archivist = { level", "arch-ivist = { level"),
    ("an office of an unknown power", "level = \"county\", power = \"E\"", "level = \"county\", power = \"X\""),
    ("an office without level", "{ level = \"county\", power = \"S\" }", "{ power = \"S\" }"),
    ("an office with a further key", "{ level = \"county\", power = \"S\" }", "{ level = \"county\", power = \"S\", pay = 1 }"),
    ("nine requirements", "[\"training\"]", "[\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\"]"),
    ("a requirement that is no code", "[\"training\"]", "[\"Training\"]"),
    ("more offline hours than a month", "offline_hours = 72", "offline_hours = 721"),
    ("no offline hours at all: a device shows whole seconds", "offline_hours = 72", "offline_hours = 0"),
    ("negative offline hours", "offline_hours = 72", "offline_hours = -1"),
    ("no offline hours", "offline_hours = 72\n", ""),
    ("an unknown supervising power", "supervising   = \"S\"", "supervising   = \"X\""),
    ("no supervising power", "supervising   = \"S\"\n", ""),
    ("an act without a rule", "rotate      = { any = [\"self\"], min = 1, powers = 0 }\n", ""),
    ("a rule for an unknown act", "rotate      =", "vote = { any = [\"self\"], min = 1, powers = 0 }\nrotate      ="),
    ("a rule for amendments", "rotate      =", "amend = { any = [\"founder\"], min = 2, powers = 2 }\nrotate      ="),
    ("a rule for an unknown office", "any = [\"archivist\", \"clerk\"]", "any = [\"archivist\", \"mayor\"]"),
    ("a rule that names an office twice", "any = [\"archivist\", \"clerk\"]", "any = [\"archivist\", \"archivist\"]"),
    ("a rule for nobody", "any = [\"self\"], min = 1", "any = [], min = 1"),
    ("a rule for no signer", "any = [\"self\"], min = 1, powers = 0", "any = [\"self\"], min = 0, powers = 0"),
    ("a rule for seventeen signers", "any = [\"self\"], min = 1", "any = [\"self\"], min = 17"),
    (
        "more powers than signers",
        "any = [\"archivist\", \"clerk\"], min = 1, powers = 1",
        "any = [\"archivist\", \"clerk\"], min = 1, powers = 2",
    ),
    ("a rule with a further key", "any = [\"self\"], min = 1, powers = 0", "any = [\"self\"], min = 1, powers = 0, max = 3"),
    ("a rule without powers", "any = [\"self\"], min = 1, powers = 0", "any = [\"self\"], min = 1"),
];

/// The same for `procedure-two-powers`.
pub(crate) const POWERS_FAULTS: &[(&str, &str, &str)] = &[
    (
        "enrolment by one power",
        "enrol       = { any = [\"founder\", \"registrar\", \"overseer\"], min = 2, powers = 2 }",
        "enrol       = { any = [\"founder\", \"registrar\", \"overseer\"], min = 2, powers = 1 }",
    ),
    (
        "appointment by offices of one power",
        "appoint     = { any = [\"founder\", \"registrar\", \"overseer\"], min = 2",
        "appoint     = { any = [\"registrar\", \"archivist\"], min = 2",
    ),
    (
        "rekeying by the persons themselves",
        "rekey       = { any = [\"founder\", \"registrar\", \"overseer\"], min = 2",
        "rekey       = { any = [\"self\", \"registrar\"], min = 2",
    ),
    ("a rotation that asks powers of `self`", "any = [\"self\"], min = 1, powers = 0", "any = [\"self\"], min = 1, powers = 1"),
    (
        "more powers than the offices have",
        "any = [\"archivist\", \"clerk\"], min = 1, powers = 1",
        "any = [\"archivist\", \"clerk\"], min = 3, powers = 3",
    ),
];

fn enact(table: &mut Table, rule: Rule, name: &str, text: &str) {
    table.refused(rule, &format!("procedure: {name}"), World::staffed(), |world| {
        let enacts = ProcedureName { id: code("archive"), version: 2, digest: ledger::procedure::procedure_digest(text) };
        world.act(&["f1", "f2"], Act::Enact { enacts, text: text.to_owned() });
    });
}

fn formats(table: &mut Table) {
    for (name, from, to) in FORMAT_FAULTS {
        let text = again();
        assert!(text.contains(from), "{from}");
        enact(table, Rule::ProcedureFormat, name, &text.replacen(from, to, 1));
    }
    for version in [0, 1_000_001] {
        let (name, text) = (format!("procedure: version {version}"), PROCEDURE.replace("version = 1", &format!("version = {version}")));
        table.refused(Rule::ProcedureFormat, &name, World::staffed(), |world| {
            world.act(&["f1", "f2"], World::enactment(&text));
        });
    }
    enact(table, Rule::ProcedureFormat, "another version than the `enacts` line", PROCEDURE);
    enact(table, Rule::ProcedureFormat, "another id than the `enacts` line", &second("\"archive\"", "\"archives\""));
    enact(
        table,
        Rule::ProcedureFormat,
        "seventeen powers",
        &second("[office]", &(('A'..='N').map(|c| format!("Z{c} = \"z\"\n")).collect::<String>() + "\n[office]")),
    );
    enact(
        table,
        Rule::ProcedureFormat,
        "no powers",
        &second("E = \"资格确认 eligibility\"\nF = \"资金管理 fund management\"\nS = \"社会监督 supervision\"\n", ""),
    );
    enact(table, Rule::ProcedureFormat, "33 grounds", &second("[\"invented for tests\"]", &format!("[{}]", "\"a\",".repeat(33))));
    enact(
        table,
        Rule::ProcedureFormat,
        "65 offices",
        &second(
            "[governance]",
            &((0..61).map(|n| format!("o{n} = {{ level = \"county\", power = \"E\" }}\n")).collect::<String>() + "\n[governance]"),
        ),
    );
    enact(
        table,
        Rule::ProcedureFormat,
        "more than 50,000 bytes",
        &second("[power]", &("# far too long, line by line by line\n".repeat(1_350) + "[power]")),
    );
    for (name, from, to) in POWERS_FAULTS {
        enact(table, Rule::ProcedureTwoPowers, name, &second(from, to));
    }
    enact(table, Rule::ProcedureFormat, "a fault of format weighs more than one of powers", &{
        let (_, from, to) = POWERS_FAULTS[0];
        second(from, to).replace("import      = { any = [\"archivist\", \"clerk\"]", "import      = { any = [\"mayor\"]")
    });
    table.refused(Rule::ProcedureDigest, "procedure: another digest", World::staffed(), |world| {
        let Act::Enact { mut enacts, text } = World::enactment(&again()) else { unreachable!() };
        enacts.digest = ProcedureDigest(bytes("another"));
        world.act(&["f1", "f2"], Act::Enact { enacts, text });
    });
    table.holds("a procedure at its limits, in other spellings of TOML", World::staffed(), |world| {
        let more: String = ('A'..='M').map(|c| format!("Z{c} = 'z'\n")).collect();
        let text = second("[office]", &(more + "\n[office]"))
            .replace("valid   = { from = 2020-01-01 }", "valid.from = 2020-01-01")
            .replace("offline_hours = 72", "offline_hours = 0x2d0")
            .replace("[\"invented for tests\"]", "[]")
            .replace("[\"training\"]", "[\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\"]");
        world.enact(&text);
        world.import("case-1", 1);
    });
}

fn sequences(table: &mut Table) {
    table.refused(Rule::ProcedureSequence, "the same version again", World::staffed(), |world| {
        world.act(&["f1", "f2"], World::enactment(PROCEDURE));
    });
    table.refused(Rule::ProcedureSequence, "a version below the latest", World::staffed(), |world| {
        world.enact(&PROCEDURE.replace("version = 1", "version = 3"));
        world.act(&["f1", "f2"], World::enactment(&again()));
    });
    table.refused(Rule::ProcedureSequence, "another procedure", World::staffed(), |world| {
        world.act(&["f1", "f2"], World::enactment(&second("\"archive\"", "\"archives\"")));
    });
    table.refused(Rule::FounderPowers, "a procedure without a founder's power", World::staffed(), |world| {
        let text = second("F = \"资金管理 fund management\"\n", "").replace("power = \"F\"", "power = \"S\"");
        world.act(&["f1", "f2"], World::enactment(&text));
    });
    table.refused(Rule::GovernanceCount, "a procedure enacted by one founder", World::staffed(), |world| {
        world.act(&["f1"], World::enactment(&again()));
    });
    table.refused(Rule::GovernanceOffice, "a procedure enacted by a registrar and an overseer", World::staffed(), |world| {
        world.act(&["r1", "s1"], World::enactment(&again()));
    });
    table.refused_last(Rule::GovernanceCount, "the first procedure, enacted by one founder", World::founded(), |world| {
        world.act(&["f1"], World::enactment(PROCEDURE));
    });
    table.refused_last(Rule::ProcedureVersion, "an enrolment before there is a procedure", World::founded(), |world| {
        let act = world.enrolment("p9");
        world.act(&["f1", "f2"], act);
    });
    table.holds("an amendment before there is a procedure", World::founded(), |world| {
        world.act(&["f1", "f3"], super::acts::amendment(crate::world::constitution()));
    });
}

/// Version 2 is enacted; then a record under version 1 by one whose last look was before, `late_ms` ago.
fn under_the_first(world: &mut World, late_ms: i64, has_seen: bool) {
    let first = world.procedure.clone();
    let looked = world.history.received(world.size() - 1).unwrap();
    let before = world.history.seen_at(world.size()).unwrap();
    world.enact(&again());
    let seen = if has_seen { world.history.seen_at(world.size()).unwrap() } else { before };
    world.clock = looked.plus_ms(late_ms);
    let act = world.record("case-1", 1);
    world.act_with(&["a1"], act, |header| {
        header.procedure = first;
        header.seen = seen;
    });
}

fn versions(table: &mut Table) {
    table.holds("the version before, to the last millisecond of the allowance", World::unwitnessed(), |world| {
        under_the_first(world, ALLOWANCE_MS, false)
    });
    table.refused(Rule::ProcedureVersion, "the version before, a millisecond beyond the allowance", World::unwitnessed(), |world| {
        under_the_first(world, ALLOWANCE_MS + 1, false)
    });
    table.refused(Rule::ProcedureVersion, "the version before, by one who had seen the new one", World::unwitnessed(), |world| {
        under_the_first(world, 5_000, true)
    });
    let mut named = |rule, name: &str, edit: fn(&mut ProcedureName)| {
        table.refused(rule, name, World::staffed(), |world| {
            let act = world.record("case-1", 1);
            world.act_with(&["a1"], act, |header| edit(header.procedure.as_mut().unwrap()));
        });
    };
    named(Rule::ProcedureUnknown, "a procedure of another digest", |name| name.digest = ProcedureDigest(bytes("another")));
    named(Rule::ProcedureUnknown, "a procedure of another version", |name| name.version = 9);
    named(Rule::ProcedureUnknown, "a procedure of another id", |name| name.id = code("archives"));
    for (name, by, act) in [
        ("no procedure named where one is in force", "a1", None),
        ("an amendment under no procedure where one is in force", "f1", Some(())),
    ] {
        table.refused(Rule::ProcedureVersion, name, World::staffed(), |world| {
            let record = world.record("case-1", 1);
            let act = act.map_or(record, |()| super::acts::amendment(crate::world::constitution()));
            world.act_with(&[by], act, |header| header.procedure = None);
        });
    }
    table.holds("an amendment signed before the first procedure came", World::unwitnessed(), |world| {
        let seen = world.history.seen_at(1).unwrap();
        let mut constitution = crate::world::constitution();
        constitution.witnesses.clear();
        world.act_with(&["f1", "f2"], super::acts::amendment(constitution), |header| {
            header.procedure = None;
            header.seen = seen;
        });
    });
    table.holds("the second version enacted by founders who had not seen the first", World::unwitnessed(), |world| {
        let seen = world.history.seen_at(1).unwrap();
        let act = World::enactment(&again());
        world.act_with(&["f3", "f2"], act, |header| {
            header.procedure = None;
            header.seen = seen;
        });
    });
    begins_later(table);
    in_one_millisecond(table);
}

/// What was in force at the last look is a matter of entries seen first, of times only then.
fn in_one_millisecond(table: &mut Table) {
    table.holds("the version before, the new one having come in the millisecond of the last look", World::unwitnessed(), |world| {
        let first = world.procedure.clone();
        let seen = world.history.seen_at(world.size()).unwrap();
        world.clock = world.history.received(world.size() - 1).unwrap();
        world.enact(&again());
        let act = world.record("case-1", 1);
        world.act_with(&["a1"], act, |header| {
            header.procedure = first;
            header.seen = seen;
        });
    });
    let mut world = World::unwitnessed();
    let first = world.procedure.clone();
    world.enact(&again());
    // An entry that was not admitted, since its time goes back, still dates what its successors had seen.
    let (clock, act) = (world.clock, world.record("case-1", 1));
    world.clock = clock.plus_ms(-10_000);
    world.act(&["a1"], act);
    world.clock = clock;
    let act = world.record("case-1", 1);
    world.act_with(&["a1"], act, |header| header.procedure = first);
    let expected = [(Rule::ReceivedOrder, world.size() - 2)];
    table.found("the version before, by one whose last look has a time that goes back", &world, "broken", &expected, |_| {});
}

/// Midnight of the day after the founding, at the procedure's offset, is sixteen hours after it.
fn begins_later(table: &mut Table) {
    let text = second("2020-01-01", "2026-01-06");
    let midnight = FOUNDED.plus_ms(16 * 3_600_000);
    let at = |world: &mut World, late_ms: i64, is_second: bool| {
        let first = world.procedure.clone();
        world.enact(&text);
        world.clock = midnight.plus_ms(late_ms);
        let name = if is_second { world.procedure.clone() } else { first.clone() };
        let act = world.record("case-1", 1);
        world.act_with(&["a1"], act, |header| header.procedure = name);
        world.procedure = first;
    };
    table.refused(Rule::ProcedureVersion, "the new version, a millisecond before it begins", World::staffed(), |world| at(world, -1, true));
    table.holds("the version before, a millisecond before the new one begins", World::staffed(), |world| at(world, -1, false));
    table.holds("the new version in the millisecond in which it begins", World::staffed(), |world| at(world, 0, true));
    table.holds("the version before, by one whose last look was before the new one began", World::staffed(), |world| {
        at(world, 1_000, false)
    });
    table.holds("a version that begins earlier but was enacted later", World::staffed(), |world| {
        world.enact(&text);
        let first_name = ProcedureName { id: code("archive"), version: 1, digest: ledger::procedure::procedure_digest(PROCEDURE) };
        let third = PROCEDURE.replace("version = 1", "version = 3");
        let act = World::enactment(&third);
        world.act_with(&["f1", "f2"], act.clone(), |header| header.procedure = Some(first_name));
        let Act::Enact { enacts, .. } = act else { unreachable!() };
        world.procedure = Some(enacts);
        world.clock = midnight.plus_ms(1_000);
        world.import("case-1", 1);
    });
}

fn offices(table: &mut Table) {
    let without_clerk = || {
        second("clerk     = { level = \"township\", power = \"F\", requires = [\"training\"] }\n", "")
            .replace("[\"archivist\", \"clerk\"]", "[\"archivist\"]")
    };
    table.refused(Rule::OfficeUnknown, "an office that the new version does not have", World::staffed(), |world| {
        world.act(&["r1"], super::acts::qualification("c1", FOUNDED, None));
        world.enact(&without_clerk());
        let act = world.record("case-1", 1);
        world.act(&["c1"], act);
    });
    table.holds("the same office under the version before, by one who could not know", World::staffed(), |world| {
        world.act(&["r1"], super::acts::qualification("c1", FOUNDED, None));
        let (first, seen) = (world.procedure.clone(), world.history.seen_at(world.size()).unwrap());
        world.enact(&without_clerk());
        let act = world.record("case-1", 1);
        world.act_with(&["c1"], act, |header| {
            header.procedure = first;
            header.seen = seen;
        });
    });
}
