//! The rules of `[[rule]]`: who may not do what, by whom it may be overridden, and where it only warns (sections 7.3 and 8.4).

use signer::Rule;
use signer::act::{About, Act, Basis, RelatedTo, Step, Vote};
use signer::value::StatementHash;

use super::Table;
use super::case_acts::override_of;
use crate::programme::Stage::{self, Deliberated, Locked, Opened, Posted, Staffed, Visited};
use crate::programme::{CASES, PROGRAMME, case_id};
use crate::world::{World, code, person};

pub(super) fn fill(table: &mut Table) {
    distinct(table);
    own_units(table);
    mixed(table);
    kin(table);
    kin_on_lists(table);
    overrides(table);
    list_overrides(table);
    acting(table);
    powers(table);
    order(table);
}

/// The clerk c1 becomes a visitor too, and signs as one.
fn clerk_visits(w: &mut World) {
    w.appoint_from("c1", "visitor", "07", "07-01");
}

/// s1 overrides a rule for a step.
fn overridden(w: &mut World, step: &str, rule: &str, about: About) -> StatementHash {
    w.act(&["s1"], override_of(step, rule, about))
}

fn case(id: &str) -> About {
    About::Case(case_id(id))
}

fn distinct(table: &mut Table) {
    table.refuses(Rule::Distinct, "a visit by who took the application", Opened, |w| {
        clerk_visits(w);
        w.step(&["c1", "v2"], w.visit("p1"));
    });
    table.admits("a visit by who took another case's application", Opened, |w| {
        clerk_visits(w);
        w.appoint_from("c3", "clerk", "07-01", "07-01");
        w.open_case("q1", "07-01", &["c3"]);
        w.step(&["c1", "v2"], w.visit("q1"));
    });
    table.refuses(Rule::Distinct, "a meeting chaired by who visited one of the cases", Visited, |w| {
        w.appoint_from("v1", "chair", "07-01", "07-01");
        w.list(&["v1"], "l1", CASES);
        w.seats(&["v1"], "l1-seats", &[("s1", Vote::Agree), ("s2", Vote::Agree)]);
        w.step(&["v1", "k1"], w.deliberate("l1"));
    });
    table.admits("a visit whose mark was forgotten binds nobody", Visited, |w| {
        super::case_acts::correct(w, "m1", "p1", w.told("visit p1"));
        w.step(&["v1", "v2"], w.visit("p1"));
    });
}

/// A team whose sub-group for township 07 has these members beside i2.
fn team_with(w: &mut World, members: &[&str]) {
    let mut team = w.team(2026);
    team.members.truncate(1);
    team.areas.truncate(1);
    let one = team.members[0].clone();
    team.members = members.iter().map(|id| signer::act::Member { person: person(id), ..one.clone() }).collect();
    w.act(&["m1"], Act::Team(team));
}

fn own_units(table: &mut Table) {
    table.refuses(Rule::OwnUnit, "a second look by who comes from that township", Posted, |w| {
        team_with(w, &["i3", "i2"]);
        w.step(&["i3", "i2"], w.recheck(w.one_drawn(true)));
    });
    table.admits("a second look by who comes from that township, overridden", Posted, |w| {
        team_with(w, &["i3", "i2"]);
        let drawn = w.one_drawn(true);
        let hash = overridden(w, "recheck", "from-elsewhere", case(drawn));
        w.step(&["i3", "i2"], Step { overrides: vec![hash], ..w.recheck(drawn) });
    });
}

fn mixed(table: &mut Table) {
    table.refuses(Rule::Mixed, "a second look by two of the county", Posted, |w| {
        team_with(w, &["i1", "i2", "i4"]);
        w.step(&["i2", "i4"], w.recheck(w.one_drawn(true)));
    });
    table.warns(Rule::Mixed, "a visit by nobody of a village", Opened, |w| _ = w.step(&["v2", "v3"], w.visit("p1")));
    table.admits("a visit with one of a village", Opened, |w| _ = w.step(&["v3", "v1"], w.visit("p1")));
}

fn relate(w: &mut World, id: &str, relation: &str, to: &str) {
    let act = Act::Relate {
        person: person(id),
        relation: code(relation),
        to: RelatedTo::Case(case_id(to)),
        basis: Basis::Attested,
        evidence: None,
    };
    w.act(&["s1"], act);
}

fn kin(table: &mut Table) {
    table.refuses(Rule::Recusal, "a visit by a relative", Opened, |w| {
        relate(w, "v1", "kin", "p1");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.refuses(Rule::Recusal, "a visit by a relative that the signers could not know of", Opened, |w| {
        let seen = w.history.seen_at(w.size()).unwrap();
        let step = w.visit("p1");
        relate(w, "v1", "kin", "p1");
        w.step_with(&["v1", "v2"], step, |header| header.seen = seen);
    });
    table.admits("a visit by a neighbour", Opened, |w| {
        relate(w, "v1", "neighbour", "p1");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.admits("a visit by another case's relative", Opened, |w| {
        relate(w, "v1", "kin", "p2");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.refuses(Rule::Recusal, "a batch funded by a relative of one of its cases", Locked, |w| {
        relate(w, "t1", "kin", "p3");
        w.step(&["t1", "s1"], w.fund("b1", "l3"));
    });
    table.admits("a batch ordered by a relative, of which no rule speaks", Stage::Funded, |w| {
        relate(w, "t1", "kin", "p3");
        w.step(&["t1"], w.pay("b1", "l3"));
    });
    table.admits("a second look by a relative, of which no rule speaks", Posted, |w| {
        let drawn = w.one_drawn(true);
        relate(w, "i2", "kin", drawn);
        w.step(&["i1", "i2"], w.recheck(drawn));
    });
    table.refuses(Rule::StepOrder, "a case that was not drawn and is now related to an official", Posted, |w| {
        relate(w, "h1", "kin", w.one_drawn(false));
        let open: Vec<&str> = CASES.iter().copied().filter(|case| !w.is_drawn_new(case)).collect();
        w.list(&["m1"], "l2", &open);
        w.step(&["m1", "s1"], w.confirm("l2"));
    });
}

fn lay(w: &mut World) {
    w.list(&["h1"], "l1", CASES);
    w.seats(&["h1"], "l1-seats", &[("s1", Vote::Agree), ("s2", Vote::Agree)]);
}

fn kin_on_lists(table: &mut Table) {
    table.refuses(Rule::Recusal, "a meeting chaired by a relative of one of the cases", Visited, |w| {
        relate(w, "h1", "kin", "p3");
        lay(w);
        w.step(&["h1", "k1"], w.deliberate("l1"));
    });
    table.refuses(Rule::Recusal, "a posting by a relative of one of the cases", Deliberated, |w| {
        relate(w, "h1", "kin", "p3");
        w.act(&["h1"], Act::PostUp(w.post_up("l1")));
    });
    table.admits("a meeting chaired by a relative of a case that is dropped", Visited, |w| {
        relate(w, "h1", "kin", "p3");
        super::case_acts::object(w, "p3");
        lay(w);
        w.step(&["h1", "k1"], w.deliberate("l1"));
    });
}

fn overrides(table: &mut Table) {
    let visit = |w: &mut World, hash: StatementHash| {
        clerk_visits(w);
        w.step(&["c1", "v2"], Step { overrides: vec![hash], ..w.visit("p1") });
    };
    table.admits("a visit by who took the application, overridden", Opened, |w| {
        let hash = overridden(w, "visit", "other-eyes", case("p1"));
        visit(w, hash);
    });
    table.refuses(Rule::OverrideUnknown, "an override that nobody gave", Opened, |w| visit(w, StatementHash([4; 32])));
    table.refuses(Rule::OverrideUnknown, "an override that is an objection", Opened, |w| {
        let hash = super::case_acts::object(w, "p2");
        visit(w, hash);
    });
    table.refuses(Rule::OverrideUnknown, "an override for another case", Opened, |w| {
        let hash = overridden(w, "visit", "other-eyes", case("p2"));
        visit(w, hash);
    });
    table.refuses(Rule::OverrideUnknown, "an override for another step", Opened, |w| {
        let hash = overridden(w, "deliberate", "other-eyes", case("p1"));
        visit(w, hash);
    });
    table.refuses(Rule::OverrideUnknown, "an override for a list, in a step on a case", Opened, |w| {
        let hash = overridden(w, "visit", "other-eyes", About::List(code("l1")));
        visit(w, hash);
    });
    table.refuses(Rule::OverrideUnknown, "an override that came after what the signers had seen", Opened, |w| {
        clerk_visits(w);
        let seen = w.history.seen_at(w.size()).unwrap();
        let hash = overridden(w, "visit", "other-eyes", case("p1"));
        let step = Step { overrides: vec![hash], ..w.visit("p1") };
        w.step_with(&["c1", "v2"], step, |header| header.seen = seen);
    });
    table.refuses(Rule::Distinct, "an override of another rule", Opened, |w| {
        let hash = overridden(w, "visit", "no-kin", case("p1"));
        visit(w, hash);
    });
    table.refuses(Rule::Distinct, "an override that the step does not name", Opened, |w| {
        overridden(w, "visit", "other-eyes", case("p1"));
        clerk_visits(w);
        w.step(&["c1", "v2"], w.visit("p1"));
    });
    table.refuses(Rule::Recused, "nobody overrides who stepped aside", Opened, |w| {
        let hash = overridden(w, "visit", "no-kin", case("p1"));
        let act = signer::act::Recuse { case: w.at("p1"), relation: code("kin") };
        w.act(&["v1"], Act::Recuse(act));
        w.step(&["v1", "v2"], Step { overrides: vec![hash], ..w.visit("p1") });
    });
}

fn list_overrides(table: &mut Table) {
    let meeting = |w: &mut World, about: About| {
        relate(w, "h1", "kin", "p3");
        let hash = overridden(w, "deliberate", "no-kin", about);
        lay(w);
        w.step(&["h1", "k1"], Step { overrides: vec![hash], ..w.deliberate("l1") });
    };
    table.admits("a meeting chaired by a relative, overridden for the list", Visited, |w| meeting(w, About::List(code("l1"))));
    table.admits("a meeting chaired by a relative, overridden for the case", Visited, |w| meeting(w, case("p3")));
    table.refuses(Rule::Recusal, "a meeting chaired by a relative, overridden for another case of the list", Visited, |w| {
        meeting(w, case("p2"))
    });
    table.refuses(Rule::OverrideUnknown, "an override for another list", Visited, |w| meeting(w, About::List(code("l9"))));
    table.refuses(Rule::OverrideUnknown, "an override for a case that is not on the list", Visited, |w| meeting(w, case("z1")));
}

/// The procedure without the rule of these words; another version brings it.
fn without(rule: &str) -> String {
    let (before, after) = PROGRAMME.split_once(rule).unwrap();
    let start = before.rfind("[[rule]]").unwrap();
    let rest = after.find("[[rule]]").map_or("", |end| &after[end..]);
    format!("{}{rest}", &PROGRAMME[..start])
}

fn again(severity: &str) -> String {
    PROGRAMME
        .replace("version = 1", "version = 2")
        .replace("[[rule]]\nid     = \"one-purse\"", &format!("[[rule]]\nid     = \"one-purse\"\n{severity}"))
}

fn acting(table: &mut Table) {
    use signer::act::Capacity::{Acting, Delegated};
    for (capacity, name) in [(Acting, "acting"), (Delegated, "delegated")] {
        table.refused(
            Rule::ActingDays,
            &format!("a visit by a {name} visitor whose days are over, though the appointment is not"),
            World::programme_of(&without("id        = \"lent\"")),
            |w| {
                w.run_on(Staffed, Opened);
                let act = w.lent("k2", "visitor", "07", capacity, None);
                let hash = w.act(&["f1", "f2"], act);
                w.take_office("k2", "visitor", "07", hash);
                w.enact(&PROGRAMME.replace("version = 1", "version = 2"));
                w.pass(91);
                w.step(&["v1", "k2"], w.visit("p1"));
            },
        );
    }
}

fn powers(table: &mut Table) {
    let world = || {
        let mut world = World::programme_of(&without("id     = \"one-purse\""));
        world.run_on(Staffed, Locked);
        world.appoint_from("s1", "treasurer", "-", "-");
        world.appoint_from("s1", "overseer", "-", "-");
        world
    };
    table.refused(Rule::ExclusivePowers, "a batch funded by an overseer who is a treasurer too", world(), |w| {
        w.enact(&again(""));
        w.step(&["t1", "s1"], w.fund("b1", "l3"));
    });
    table.warned(Rule::ExclusivePowers, "a batch funded by an overseer who is a treasurer too, where that only warns", world(), |w| {
        w.enact(&again("severity = \"warn\""));
        w.step(&["t1", "s1"], w.fund("b1", "l3"));
    });
    table.holds("a batch funded by an overseer who was a treasurer", world(), |w| {
        let hash = w.appoint_from("s1", "treasurer", "-", "-");
        w.act(&["r1"], Act::AppointEnd { person: person("s1"), appointment: hash, reason: signer::act::EndReason::Retired });
        w.step(&["t1", "s2"], w.fund("b1", "l3"));
    });
}

fn order(table: &mut Table) {
    table.refuses(Rule::OverrideUnknown, "an unknown override comes before the rules", Opened, |w| {
        clerk_visits(w);
        w.step(&["c1", "v2"], Step { overrides: vec![StatementHash([4; 32])], ..w.visit("p1") });
    });
    table.refuses(Rule::Distinct, "the rules are judged in the order of the procedure", Opened, |w| {
        relate(w, "c1", "kin", "p1");
        clerk_visits(w);
        w.step(&["c1", "v2"], w.visit("p1"));
    });
}
