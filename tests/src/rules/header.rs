//! Section 8.3: what was seen, when, on which device, by whom.

use signer::Rule;
use signer::act::{Act, DeviceReason};
use signer::statement::Header;
use signer::value::{ChainHead, DeviceId, TreeRoot};

use super::{ALLOWANCE_MS, DAY_MS, Table};
use crate::world::{World, time};

pub(super) fn fill(table: &mut Table) {
    seen(table);
    clocks(table);
    devices(table);
    signers(table);
}

fn record(table: &mut Table, rule: Rule, name: &str, edit: impl FnOnce(&World, &mut Header)) {
    table.refused(rule, name, World::staffed(), |world| {
        let act = world.record("case-1", 1);
        let mut statement = world.statement(&["a1"], act);
        if let signer::Statement::Act { header, .. } = &mut statement {
            edit(world, header);
        }
        let note = world.sign(&statement);
        world.push(&note);
    });
}

fn seen(table: &mut Table) {
    record(table, Rule::SeenAhead, "one entry more than there is", |_, header| header.seen.size += 1);
    record(table, Rule::SeenAhead, "more entries than there will ever be", |_, header| header.seen.size = signer::value::NUMBER_MAX);
    record(table, Rule::SeenUnlike, "another root", |_, header| header.seen.root = TreeRoot([7; 32]));
    record(table, Rule::SeenUnlike, "another chain head", |_, header| header.seen.chain = ChainHead([7; 32]));
    record(table, Rule::SeenUnlike, "root and head of another size", |_, header| header.seen.size -= 1);
    record(table, Rule::SeenUnlike, "a root of another history", |_, header| {
        let mut other = World::staffed();
        other.import("case-9", 9);
        header.seen.root = other.history.tree().root_at(header.seen.size + 1).unwrap();
    });
    table.holds("an early size", World::staffed(), |world| {
        let seen = world.history.seen_at(8).unwrap();
        let act = world.record("case-1", 1);
        world.act_with(&["a1"], act, |header| header.seen = seen);
    });
}

fn clocks(table: &mut Table) {
    record(table, Rule::AtFuture, "a device's clock six minutes ahead", |world, header| header.at = time(world.clock.plus_ms(360_000)));
    record(table, Rule::AtFuture, "a device's clock a year ahead", |world, header| header.at = time(world.clock.plus_ms(365 * DAY_MS)));
    record(table, Rule::AtStale, "signed a second beyond the allowance", |world, header| {
        header.at = time(world.clock.plus_ms(-ALLOWANCE_MS - 1_000))
    });
    for (name, ahead_ms) in [("five minutes ahead", 300_000), ("as old as the allowance", -ALLOWANCE_MS)] {
        table.holds(&format!("a device's clock {name}"), World::staffed(), |world| {
            let at = time(world.clock.plus_ms(ahead_ms));
            let act = world.record("case-1", 1);
            world.act_with(&["a1"], act, |header| header.at = at);
        });
    }
    table.holds("an hour in another offset", World::staffed(), |world| {
        let act = world.record("case-1", 1);
        world.act_with(&["a1"], act, |header| header.at.offset_minutes = -570);
    });
}

fn on(device: &str, counter: u64) -> impl Fn(&World, &mut Header) {
    move |_, header| {
        header.device = DeviceId::parse(device).unwrap();
        header.counter = counter;
    }
}

/// Device d2 ends; then a record on it by one whose last look was before, `late_ms` ago.
fn on_an_ended_device(world: &mut World, reason: DeviceReason, late_ms: i64, has_seen: bool) {
    let looked = world.history.received(world.size() - 1).unwrap();
    let before = world.history.seen_at(world.size()).unwrap();
    world.act(&["r1"], Act::DeviceEnd { ends: DeviceId::parse("d2").unwrap(), reason });
    let seen = if has_seen { world.history.seen_at(world.size()).unwrap() } else { before };
    world.clock = looked.plus_ms(late_ms);
    let act = world.record("case-1", 1);
    world.act_with(&["a1"], act, |header| {
        header.device = DeviceId::parse("d2").unwrap();
        header.counter = 0;
        header.seen = seen;
    });
}

fn devices(table: &mut Table) {
    record(table, Rule::DeviceUnknown, "a device that nobody enrolled", on("d9", 0));
    table.refused(Rule::DeviceUnknown, "a device whose enrolment the signer had not seen", World::staffed(), |world| {
        let seen = world.history.seen_at(world.size() - 1).unwrap();
        let act = world.record("case-1", 1);
        world.act_with(&["a1"], act, |header| {
            header.device = DeviceId::parse("d2").unwrap();
            header.seen = seen;
        });
    });
    record(table, Rule::CounterUsed, "a counter used twice", on("d1", 5));
    record(table, Rule::CounterUsed, "the first device's counter 0, which the founding used", on("d1", 0));
    table.holds("counters in any order, with gaps", World::staffed(), |world| {
        for (record, counter) in [900, 0, 17, signer::value::NUMBER_MAX].into_iter().enumerate() {
            let act = world.record(&format!("case-{record}"), record as u64);
            world.act_with(&["a1"], act, |header| {
                header.device = DeviceId::parse("d2").unwrap();
                header.counter = counter;
            });
        }
    });
    table.refused(Rule::CounterUsed, "the same statement again", World::staffed(), |world| {
        let act = world.record("case-1", 1);
        let statement = world.statement(&["a1"], act);
        let note = world.sign(&statement);
        world.push(&note);
        world.push(&note);
    });
    for (reason, name) in [(DeviceReason::Retired, "retired"), (DeviceReason::Other, "out of use for another reason")] {
        table.holds(&format!("a device {name}, to the last millisecond of the allowance"), World::unwitnessed(), |world| {
            on_an_ended_device(world, reason, ALLOWANCE_MS, false);
        });
    }
    table.refused(Rule::DeviceEnded, "a retired device, a millisecond beyond the allowance", World::unwitnessed(), |world| {
        on_an_ended_device(world, DeviceReason::Retired, ALLOWANCE_MS + 1, false);
    });
    table.refused(Rule::DeviceEnded, "a retired device, by one who had seen its end", World::unwitnessed(), |world| {
        on_an_ended_device(world, DeviceReason::Retired, 5_000, true)
    });
    for (reason, name) in [(DeviceReason::Lost, "lost"), (DeviceReason::Stolen, "stolen")] {
        table.refused(Rule::DeviceEnded, &format!("a device {name} cuts at once"), World::unwitnessed(), |world| {
            on_an_ended_device(world, reason, 5_000, false)
        });
    }
}

fn signers(table: &mut Table) {
    table.refused(Rule::SignerRepeated, "one person in two offices", World::staffed(), |world| {
        let by = world.as_self("s1");
        let act = super::acts::relation("a1", "c1");
        world.act_with(&["s1", "s1"], act, |header| header.by[1] = by);
    });
    table.refused(Rule::SignerRepeated, "one founder twice", World::staffed(), |world| {
        let act = world.enrolment("p9");
        world.act(&["f1", "f1"], act);
    });
    table.holds("sixteen signers are as good as one", World::staffed(), |world| {
        let (a1, c1, s1) = (world.as_self("a1"), world.as_self("c1"), world.offices["s1"].clone());
        world.act_with(&["s1", "a1", "c1"], super::acts::relation("a1", "c1"), |header| header.by = vec![s1, a1, c1]);
    });
}
