//! Appointments: their own rules (section 5.6) and what they are good for (section 8.3, step 6).

use signer::Rule;
use signer::act::{Act, EndReason};
use signer::statement::By;
use signer::value::{StatementHash, UnixMs};

use super::{ALLOWANCE_MS, DAY_MS, Table};
use crate::world::{FOUNDED, World, bytes, office, person, time, unit};

pub(super) fn fill(table: &mut Table) {
    appoint(table);
    appoint_end(table);
    named(table);
    times(table);
    ends(table);
}

/// An appointment of a1 as archivist, with a term.
fn term(from: UnixMs, to: Option<UnixMs>) -> Act {
    let Act::Appoint { person, office, unit, capacity, home, instrument, .. } = World::appointment("a1", "archivist", "09") else {
        unreachable!()
    };
    Act::Appoint { person, office, unit, capacity, home, from: time(from), to: to.map(time), instrument }
}

fn end(world: &World, id: &str, reason: EndReason) -> Act {
    Act::AppointEnd { person: person(id), appointment: world.offices[id].appointment, reason }
}

fn appoint(table: &mut Table) {
    table.refused(Rule::PersonUnknown, "appointment of a stranger", World::staffed(), |world| {
        world.act(&["f1", "f2"], World::appointment("x1", "clerk", "07"));
    });
    for name in ["mayor", "founder", "self"] {
        table.refused(Rule::OfficeUnknown, &format!("appointment as {name}"), World::staffed(), |world| {
            world.act(&["f1", "f2"], World::appointment("a1", name, "07"));
        });
    }
    table.refused(Rule::Period, "an appointment that ends before it begins", World::staffed(), |world| {
        world.act(&["f1", "f2"], term(FOUNDED, Some(FOUNDED.plus_ms(-1_000))));
    });
    table.refused(Rule::Period, "an appointment that ends when it begins", World::staffed(), |world| {
        world.act(&["f1", "f2"], term(FOUNDED, Some(FOUNDED)));
    });
    table.refused(Rule::GovernancePowers, "appointment by two of one power", World::staffed(), |world| {
        world.act(&["f1", "r1"], World::appointment("a1", "clerk", "07"));
    });
}

fn appoint_end(table: &mut Table) {
    table.refused(Rule::AppointmentUnknown, "the end of no appointment", World::staffed(), |world| {
        world.act(&["r1"], Act::AppointEnd { person: person("a1"), appointment: StatementHash(bytes("none")), reason: EndReason::Other });
    });
    table.refused(Rule::AppointmentUnknown, "the end of an enrolment", World::staffed(), |world| {
        world.act(&["r1"], Act::AppointEnd { person: person("a1"), appointment: world.known_by["a1"], reason: EndReason::Other });
    });
    table.refused(Rule::AppointmentUnknown, "the end of a founder's office", World::staffed(), |world| {
        world.act(&["r1"], end(world, "f3", EndReason::Dismissed));
    });
    table.refused(Rule::AppointmentMismatch, "the end of another person's appointment", World::staffed(), |world| {
        world
            .act(&["r1"], Act::AppointEnd { person: person("c1"), appointment: world.offices["a1"].appointment, reason: EndReason::Other });
    });
    table.refused(Rule::AppointmentEnded, "the end of an appointment that ended", World::staffed(), |world| {
        world.act(&["r1"], end(world, "a1", EndReason::Resigned));
        world.act(&["r1"], end(world, "a1", EndReason::Dismissed));
    });
    table.holds("appointed again after the end", World::staffed(), |world| {
        world.act(&["r1"], end(world, "a1", EndReason::Expired));
        world.appoint("a1", "archivist", "00");
        world.import("case-1", 1);
    });
}

/// A record by a1 under another `by` line.
fn record_by(table: &mut Table, rule: Rule, name: &str, edit: impl FnOnce(&World, &mut By)) {
    table.refused(rule, name, World::staffed(), |world| {
        let mut by = world.offices["a1"].clone();
        edit(world, &mut by);
        let act = world.record("case-1", 1);
        world.act_with(&["a1"], act, |header| header.by[0] = by);
    });
}

fn named(table: &mut Table) {
    record_by(table, Rule::AppointmentUnknown, "an office by no statement", |_, by| by.appointment = StatementHash(bytes("none")));
    record_by(table, Rule::AppointmentUnknown, "an office by the enrolment", |world, by| by.appointment = world.known_by["a1"]);
    record_by(table, Rule::AppointmentUnknown, "`self` by an appointment", |_, by| {
        by.office = office("self");
        by.unit = unit("-");
    });
    record_by(table, Rule::AppointmentMismatch, "another unit than appointed to", |_, by| by.unit = unit("07"));
    record_by(table, Rule::AppointmentMismatch, "another office than appointed to", |_, by| by.office = office("registrar"));
    record_by(table, Rule::AppointmentMismatch, "another person's appointment", |world, by| {
        *by = By { person: person("a1"), ..world.offices["r1"].clone() }
    });
    record_by(table, Rule::AppointmentMismatch, "a founder whom the founding does not name", |world, by| {
        *by = By { person: person("a1"), ..world.offices["f1"].clone() }
    });
    record_by(table, Rule::AppointmentMismatch, "`self` with a unit", |world, by| *by = By { unit: unit("00"), ..world.as_self("a1") });
    let mut world = World::staffed();
    let hash = world.act(&["f1", "f2"], term(FOUNDED, Some(FOUNDED)));
    let by = By { unit: unit("09"), appointment: hash, ..world.offices["a1"].clone() };
    let act = world.record("case-1", 1);
    world.act_with(&["a1"], act, |header| header.by[0] = by);
    let expected = [(Rule::Period, world.size() - 2), (Rule::AppointmentUnknown, world.size() - 1)];
    table.found("an appointment that was not admitted", &world, "broken", &expected, |_| {});
    table.refused(Rule::AppointmentUnknown, "an appointment that the signer had not seen", World::staffed(), |world| {
        let seen = world.history.seen_at(world.size()).unwrap();
        let hash = world.act(&["f1", "f2"], term(FOUNDED, None));
        let by = By { unit: unit("09"), appointment: hash, ..world.offices["a1"].clone() };
        let act = world.record("case-1", 1);
        world.act_with(&["a1"], act, |header| {
            header.by[0] = by;
            header.seen = seen;
        });
    });
}

/// a1 appointed for a term, then a record under it at `received`, by one who had seen the log up to the appointment.
fn in_term(world: &mut World, from: UnixMs, to: Option<UnixMs>, received: UnixMs) {
    let hash = world.act(&["f1", "f2"], term(from, to));
    let by = By { unit: unit("09"), appointment: hash, ..world.offices["a1"].clone() };
    let seen = world.history.seen_at(world.size()).unwrap();
    world.clock = received;
    let act = world.record("case-1", 1);
    world.act_with(&["a1"], act, |header| {
        header.by[0] = by;
        header.seen = seen;
    });
}

fn times(table: &mut Table) {
    let at = |hours: i64| FOUNDED.plus_ms(hours * 3_600_000);
    table.refused(Rule::AppointmentNotYet, "a second before the appointment begins", World::unwitnessed(), |world| {
        in_term(world, at(5), None, at(5).plus_ms(-1_000))
    });
    table.holds("in the second in which the appointment begins", World::unwitnessed(), |world| in_term(world, at(5), None, at(5)));
    table.holds("a second before the appointment ends", World::unwitnessed(), |world| {
        in_term(world, at(0), Some(at(100)), at(100).plus_ms(-1_000))
    });
    table.holds("after the term, by one who could not know", World::unwitnessed(), |world| in_term(world, at(0), Some(at(5)), at(6)));
    table.refused(Rule::AppointmentEnded, "after the term, and a look too long ago", World::unwitnessed(), |world| {
        in_term(world, at(0), Some(at(5)), at(73))
    });
    table.refused(Rule::AppointmentEnded, "after a term that was over when the signer looked", World::unwitnessed(), |world| {
        in_term(world, at(-2), Some(at(-1)), at(1))
    });
    table.refused(Rule::AppointmentEnded, "a term's end is outside the term", World::unwitnessed(), |world| {
        let seen_at = world.clock;
        in_term(world, at(0), Some(seen_at), seen_at.plus_ms(1_000));
    });
}

/// a1's appointment ends; then a record by a1, who had seen the log before that, `late_ms` after the last look.
fn after_the_end(world: &mut World, reason: EndReason, late_ms: i64, has_seen: bool) {
    let looked = world.history.received(world.size() - 1).unwrap();
    let before = world.history.seen_at(world.size()).unwrap();
    world.act(&["r1"], end(world, "a1", reason));
    world.clock = looked.plus_ms(late_ms);
    let seen = if has_seen { world.history.seen_at(world.size()).unwrap() } else { before };
    let act = world.record("case-1", 1);
    world.act_with(&["a1"], act, |header| header.seen = seen);
}

fn ends(table: &mut Table) {
    for (reason, name) in [(EndReason::Transferred, "transfer"), (EndReason::Died, "death"), (EndReason::Other, "another end")] {
        table.holds(&format!("after a {name}, to the last millisecond of the allowance"), World::unwitnessed(), |world| {
            after_the_end(world, reason, ALLOWANCE_MS, false)
        });
    }
    table.refused(Rule::AppointmentEnded, "after a transfer, a millisecond beyond the allowance", World::unwitnessed(), |world| {
        after_the_end(world, EndReason::Transferred, ALLOWANCE_MS + 1, false);
    });
    table.refused(Rule::AppointmentEnded, "after a transfer that the signer had seen", World::unwitnessed(), |world| {
        after_the_end(world, EndReason::Transferred, 5_000, true)
    });
    table.refused(Rule::AppointmentEnded, "a dismissal cuts at once", World::unwitnessed(), |world| {
        after_the_end(world, EndReason::Dismissed, 5_000, false)
    });
    table.refused(Rule::AppointmentEnded, "a founding that was amended does not hold for ever", World::unwitnessed(), |world| {
        let seen = world.history.seen_at(world.size()).unwrap();
        let mut constitution = crate::world::constitution();
        constitution.witnesses.clear();
        world.act(&["f1", "f2"], super::acts::amendment(constitution));
        world.clock = world.clock.plus_ms(4 * DAY_MS);
        let act = world.enrolment("p9");
        world.act_with(&["f1", "f2"], act, |header| header.seen = seen);
    });
}
