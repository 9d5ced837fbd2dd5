//! What a programme asks of appointments, and of the roster as a whole (sections 8.9 and 8.10).

use signer::Rule;
use signer::act::{Act, Capacity, EndReason};

use super::Table;
use crate::programme::PROGRAMME;
use crate::programme::Stage::Staffed;
use crate::world::{World, person, time};

pub(super) fn fill(table: &mut Table) {
    units(table);
    days(table);
    depth(table);
    powers(table);
    warnings(table);
    rosters(table);
}

fn appoint(w: &mut World, act: Act) {
    w.act(&["f1", "f2"], act);
}

fn units(table: &mut Table) {
    for (name, office, of) in [
        ("a clerk of a township", "clerk", "07"),
        ("a director of a village", "director", "07-01"),
        ("a visitor of the county", "visitor", "-"),
    ] {
        table.refuses(Rule::AppointmentUnit, name, Staffed, |w| appoint(w, World::appointment("k2", office, of)));
    }
    table.admits("a clerk of a village", Staffed, |w| appoint(w, World::appointment("k2", "clerk", "08-03")));
    table.refuses(Rule::AppointmentUnit, "a clerk of a hamlet, of which there is no level", Staffed, |w| {
        appoint(w, World::appointment("k2", "clerk", "08-03-1"));
    });
}

fn days(table: &mut Table) {
    for (capacity, name) in [(Capacity::Acting, "acting"), (Capacity::Delegated, "delegated")] {
        table.admits(&format!("a visitor {name} for ninety days"), Staffed, |w| {
            appoint(w, w.lent("k2", "visitor", "07", capacity, Some(90)))
        });
        table.refuses(Rule::ActingDays, &format!("a visitor {name} for a second more than ninety days"), Staffed, |w| {
            let mut act = w.lent("k2", "visitor", "07", capacity, Some(90));
            if let Act::Appoint { to: Some(to), .. } = &mut act {
                *to = time(to.unix_ms().plus_ms(1_000));
            }
            appoint(w, act);
        });
        table.refuses(Rule::ActingDays, &format!("a visitor {name} without an end"), Staffed, |w| {
            appoint(w, w.lent("k2", "visitor", "07", capacity, None));
        });
    }
}

fn depth(table: &mut Table) {
    let delegate = |w: &mut World| {
        let hash = w.act(&["f1", "f2"], w.lent("k2", "visitor", "07", Capacity::Delegated, Some(30)));
        w.take_office("k2", "visitor", "07", hash);
    };
    table.refuses(Rule::ActingDepth, "a delegation by a delegate", Staffed, |w| {
        delegate(w);
        let act = w.lent("h2", "visitor", "07", Capacity::Delegated, Some(30));
        w.act(&["k2", "s1"], act);
    });
    table.admits("an acting appointment by a delegate", Staffed, |w| {
        delegate(w);
        let act = w.lent("h2", "visitor", "07", Capacity::Acting, Some(30));
        w.act(&["k2", "s1"], act);
    });
    let none = PROGRAMME.replace("max_depth = 1", "max_depth = 0");
    table.refused(Rule::ActingDepth, "a delegation where none is allowed", World::programme_of(&none), |w| {
        appoint(w, w.lent("k2", "visitor", "07", Capacity::Delegated, Some(30)));
    });
    table.holds("an acting appointment where no delegation is allowed", World::programme_of(&none), |w| {
        appoint(w, w.lent("k2", "visitor", "07", Capacity::Acting, Some(30)));
    });
}

fn powers(table: &mut Table) {
    table.refuses(Rule::ExclusivePowers, "a treasurer who is an overseer", Staffed, |w| {
        appoint(w, World::appointment("t1", "overseer", "-"))
    });
    table.refuses(Rule::ExclusivePowers, "a treasurer who is to be an overseer one day", Staffed, |w| {
        let mut act = World::appointment("t1", "overseer", "-");
        if let Act::Appoint { from, .. } = &mut act {
            *from = time(w.clock.plus_ms(400 * super::DAY_MS));
        }
        appoint(w, act);
    });
    table.admits("an overseer who was a treasurer", Staffed, |w| {
        let appointment = w.offices["t1"].appointment;
        w.act(&["r1"], Act::AppointEnd { person: person("t1"), appointment, reason: EndReason::Transferred });
        appoint(w, World::appointment("t1", "overseer", "-"));
    });
    table.admits("a director who is an overseer, of which no rule speaks", Staffed, |w| {
        appoint(w, World::appointment("m1", "overseer", "-"))
    });
    table.admits("an overseer from the moment at which the treasurer's term ends", Staffed, |w| {
        let end = w.clock.plus_ms(100 * super::DAY_MS);
        let mut first = World::appointment("k2", "treasurer", "-");
        if let Act::Appoint { to, .. } = &mut first {
            *to = Some(time(end));
        }
        // k2 is a recorder, which is supervision: first that ends.
        let appointment = w.offices["k2"].appointment;
        w.act(&["r1"], Act::AppointEnd { person: person("k2"), appointment, reason: EndReason::Transferred });
        w.act(&["f1", "f2"], first);
        let mut second = World::appointment("k2", "overseer", "-");
        if let Act::Appoint { from, .. } = &mut second {
            *from = time(end);
        }
        appoint(w, second);
    });
}

fn warnings(table: &mut Table) {
    let purse = PROGRAMME.replace("id     = \"one-purse\"", "id     = \"one-purse\"\nseverity = \"warn\"");
    table.warned(Rule::ExclusivePowers, "a treasurer who is an overseer, where that only warns", World::programme_of(&purse), |w| {
        appoint(w, World::appointment("t1", "overseer", "-"));
    });
    let lent = PROGRAMME.replace("id        = \"lent\"", "id        = \"lent\"\nseverity  = \"warn\"");
    table.warned(Rule::ActingDays, "a visitor acting without an end, where that only warns", World::programme_of(&lent), |w| {
        appoint(w, w.lent("k2", "visitor", "07", Capacity::Acting, None));
    });
    let flat = lent.replace("max_depth = 1", "max_depth = 0");
    table.warned(Rule::ActingDepth, "a delegation where none is allowed and that only warns", World::programme_of(&flat), |w| {
        appoint(w, w.lent("k2", "visitor", "07", Capacity::Delegated, Some(30)));
    });
}

fn second(from: &str, to: &str) -> String {
    assert!(PROGRAMME.contains(from), "{from}");
    PROGRAMME.replace("version = 1", "version = 2").replace(from, to)
}

fn rosters(table: &mut Table) {
    table.admits("a next version that the roster can fill", Staffed, |w| _ = w.enact(&PROGRAMME.replace("version = 1", "version = 2")));
    table.warns(Rule::Satisfiable, "a step that needs more treasurers than there are", Staffed, |w| {
        w.enact(&second("any = [\"treasurer\"], min = 2", "any = [\"treasurer\"], min = 4"));
    });
    table.admits("a step that needs every treasurer there is", Staffed, |w| {
        w.enact(&second("any = [\"treasurer\"], min = 2", "any = [\"treasurer\"], min = 3"));
    });
    table.warns(Rule::Satisfiable, "a meeting with an office that nobody holds", Staffed, |w| {
        let text = second("recorder  = {", "guest     = { level = \"village\", power = \"S\" }\nrecorder  = {");
        w.enact(&text.replace("each = [\"chair\", \"recorder\"]", "each = [\"chair\", \"guest\"]"));
    });
    table.warns(Rule::Satisfiable, "a sample that needs more from the townships than there are", Staffed, |w| {
        w.enact(&second("level = \"township\"\nmin   = 1", "level = \"township\"\nmin   = 3"));
    });
    table.warns(Rule::Satisfiable, "a team while no recorder is left", Staffed, |w| {
        for id in ["k1", "k2"] {
            let appointment = w.offices[id].appointment;
            w.act(&["r1"], Act::AppointEnd { person: person(id), appointment, reason: EndReason::Retired });
        }
        w.act(&["m1"], Act::Team(w.team(2026)));
    });
    table.holds("a first procedure that nobody can fill yet", World::founded(), |w| _ = w.enact(PROGRAMME));
}
