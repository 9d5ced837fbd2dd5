//! Steps: their form and who signs them (section 8.5), and steps on one case (8.6).

use signer::Rule;
use signer::act::{Act, Assertion, Clause, Import, Opening, Outcome, Ruling, Step};
use signer::statement::By;
use signer::value::StatementHash;

use super::{DAY_MS, Table};
use crate::programme::Stage::{Confirmed, Deliberated, Funded, Noticed, Opened, Paid, Posted, Settled, Staffed, Up, Visited};
use crate::programme::{CASES, OTHER, PROGRAMME, Stage, account, case_id, paper, papers, period};
use crate::world::{World, code, unit};

pub(super) fn fill(table: &mut Table) {
    unknown(table);
    case_lines(table);
    other_lines(table);
    contents(table);
    signers(table);
    joins(table);
    joins_that_fail(table);
    openings(table);
    cases(table);
    order(table);
    renewals(table);
    teams(table);
    late(table);
}

fn unknown(table: &mut Table) {
    table.refuses(Rule::StepUnknown, "a step that the procedure does not have", Opened, |w| {
        w.step(&["v1", "v2"], Step { step: code("inspect"), ..w.visit("p1") });
    });
    table.refuses(Rule::StepUnknown, "a posting as a step", Deliberated, |w| {
        w.step(&["h1"], Step { step: code("post"), seats: None, ..w.deliberate("l1") });
    });
    table.refuses(Rule::StepUnknown, "post-up of a step without a posting", Deliberated, |w| {
        let mut act = w.post_up("l1");
        act.step = code("deliberate");
        w.act(&["h1"], Act::PostUp(act));
    });
    table.refuses(Rule::StepUnknown, "post-down of a step without a posting", Up, |w| {
        let mut act = w.post_down("l1");
        act.step = code("deliberate");
        w.act(&["h1"], Act::PostDown(act));
    });
    table.refuses(Rule::StepUnknown, "a join under a procedure in which the step no longer waits", Opened, |w| {
        let hash = w.step_with(&["v1"], w.visit("p1"), |_| {});
        let second = PROGRAMME.replace("version = 1", "version = 2").replace("join_days     = 5\n", "");
        w.enact(&second);
        w.act(&["v2"], Act::Join { joins: hash });
    });
    table.refuses(Rule::StepUnknown, "a join under a procedure that has no such step", Opened, |w| {
        let hash = w.step_with(&["v1"], w.visit("p1"), |_| {});
        let second = PROGRAMME.replace("version = 1", "version = 2").replace("\"visit\"", "\"call\"");
        w.enact(&second);
        w.act(&["v2"], Act::Join { joins: hash });
    });
}

/// A visit, changed, and the rule that it breaks.
fn visit(table: &mut Table, rule: Rule, name: &str, edit: impl FnOnce(&World, &mut Step)) {
    table.refuses(rule, &format!("a visit {name}"), Opened, |w| {
        let mut step = w.visit("p1");
        edit(w, &mut step);
        w.step(&["v1", "v2"], step);
    });
}

fn case_lines(table: &mut Table) {
    let mut lines = |name: &str, edit: &dyn Fn(&World, &mut Step)| visit(table, Rule::StepLines, name, edit);
    lines("with a year", &|_, step| step.period = Some(period(2026)));
    lines("without a case", &|_, step| step.case = None);
    lines("of a new case", &|_, step| step.case = Some((case_id("p9"), None)));
    lines("with an opening", &|w, step| step.open = w.apply("p1", "07-01").open);
    lines("with a total", &|_, step| step.totals = vec![(code("budget"), 1, 1)]);
    lines("with a payment", &|_, step| step.payment = Some((case_id("p1"), code("b1"))));
    lines("with a cosigned entry", &|w, step| step.cosigned = Some(w.size()));
    lines("with a hold to leave out", &|_, step| step.less = vec![(case_id("p1"), StatementHash([1; 32]))]);
    table.refuses(Rule::StepLines, "an application of a case that is not new", Opened, |w| {
        let case = Some((case_id("p1"), Some(w.heads["p1"])));
        w.step(&["c1"], Step { case, ..w.apply("p1", "07-01") });
    });
    table.refuses(Rule::StepLines, "an application without an opening", Opened, |w| {
        w.step(&["c1"], Step { open: None, ..w.apply("p9", "07-01") });
    });
    table.refuses(Rule::StepLines, "a renewal without a year", Noticed, |w| {
        w.step(&["c1"], Step { period: None, ..w.annual("p1", 2027) });
    });
}

fn other_lines(table: &mut Table) {
    table.refuses(Rule::StepLines, "a meeting without seats", Deliberated, |w| {
        w.step(&["h1", "k1"], Step { seats: None, ..w.deliberate("l1") });
    });
    table.refuses(Rule::StepLines, "a list step without a list", Deliberated, |w| {
        w.step(&["m1", "s1"], Step { list: None, ..w.confirm("l1") });
    });
    table.refuses(Rule::StepLines, "seats where no meeting is called for", Deliberated, |w| {
        w.step(&["m1", "s1"], Step { seats: w.deliberate("l1").seats, ..w.confirm("l1") });
    });
    table.refuses(Rule::StepLines, "a batch without a cosigned entry", Stage::Locked, |w| {
        w.step(&["t1", "s1"], Step { cosigned: None, ..w.fund("b1", "l3") });
    });
    table.refuses(Rule::StepLines, "a list beside a batch", Stage::Locked, |w| {
        w.step(&["t1", "s1"], Step { list: w.lock("l3").list, ..w.fund("b1", "l3") });
    });
    table.refuses(Rule::StepLines, "a later batch step that pays again", Funded, |w| {
        w.step(&["t1"], Step { repays: Some(code("b0")), ..w.pay("b1", "l3") });
    });
    table.refuses(Rule::StepLines, "a later batch step that leaves a hold out", Funded, |w| {
        w.step(&["t1"], Step { less: vec![(case_id("p1"), StatementHash([1; 32]))], ..w.pay("b1", "l3") });
    });
    table.refuses(Rule::StepLines, "a settling without results", Paid, |w| {
        w.results(&["t2"], "r1", &[("p1", None)]);
        w.step(&["t2", "t3"], Step { results: None, ..w.settle("b1", "l3", "r1") });
    });
    table.refuses(Rule::StepLines, "results before the bank has any", Funded, |w| {
        w.results(&["t2"], "r1", &[("p1", None)]);
        w.step(&["t1"], Step { results: w.settle("b1", "l3", "r1").results, ..w.pay("b1", "l3") });
    });
    table.refuses(Rule::StepLines, "a notice without a payment", Settled, |w| {
        w.step(&["c3"], Step { payment: None, ..w.notice("p1", "b1") });
    });
    table.refuses(Rule::StepLines, "a total on a payment", Settled, |w| {
        w.step(&["c3"], Step { totals: vec![(code("bank"), 1, 1)], ..w.notice("p1", "b1") });
    });
}

fn contents(table: &mut Table) {
    let no = || (code("met"), Assertion::No);
    visit(table, Rule::StepAsserts, "that leaves an item out", |_, step| _ = step.asserts.pop());
    visit(table, Rule::StepAsserts, "whose items are in another order", |_, step| step.asserts.reverse());
    visit(table, Rule::StepAsserts, "with an item more", |_, step| step.asserts.push((code("well"), Assertion::Yes)));
    visit(table, Rule::StepMeasures, "without its measure", |_, step| step.measures.clear());
    visit(table, Rule::StepMeasures, "with another measure", |_, step| step.measures[0].0 = code("area"));
    visit(table, Rule::StepEvidence, "without its photo", |_, step| step.evidence.clear());
    visit(table, Rule::StepEvidence, "with two photos", |_, step| step.evidence = papers(&["photo", "photo"]));
    table.refuses(Rule::StepAsserts, "an item that is not so, where it must be", Opened, |w| {
        w.step(&["c1"], Step { asserts: vec![(code("informed"), Assertion::No)], ..w.apply("p9", "07-01") });
    });
    table.refuses(Rule::StepAsserts, "an item that is not clear, where it must be so", Opened, |w| {
        w.step(&["c1"], Step { asserts: vec![(code("informed"), Assertion::Unclear)], ..w.apply("p9", "07-01") });
    });
    table.admits("an item that is not so, where it is only counted", Opened, |w| {
        w.step(&["v1", "v2"], Step { asserts: vec![(code("in-home"), Assertion::Unclear), no()], ..w.visit("p1") });
    });
}

fn signers(table: &mut Table) {
    table.refuses(Rule::StepOffice, "a clerk among the visitors", Opened, |w| {
        w.step(&["v1", "v2", "c3"], w.visit("p1"));
    });
    table.refuses(Rule::StepOffice, "a visitor at the meeting", Visited, |w| {
        meet(w, &["h1", "k1", "v1"]);
    });
    table.refuses(Rule::StepOffice, "a posting by the recorder", Deliberated, |w| {
        w.act(&["k1"], Act::PostUp(w.post_up("l1")));
    });
    table.refuses(Rule::StepCount, "a second look by one", Posted, |w| {
        w.step(&["i1"], w.recheck(w.one_drawn(true)));
    });
    table.refuses(Rule::StepCount, "a meeting without a recorder", Visited, |w| {
        meet(w, &["h1"]);
    });
    table.refuses(Rule::StepCount, "an outcome by fewer than it needs", Opened, |w| {
        outcome(w, &["m1"], "p1", "revoke", "fraud");
    });
    table.refuses(Rule::StepOffice, "an outcome by an office that does not give it", Opened, |w| {
        outcome(w, &["c1"], "p1", "reject", "income");
    });
    table.admits("an office more than once where each is needed", Visited, |w| {
        w.enrol("h9");
        w.appoint_from("h9", "chair", "07-01", "07-01");
        meet(w, &["h1", "h9", "k1"]);
    });
    table.refuses(Rule::SignerRepeated, "a second look by one person under two appointments", Posted, |w| {
        let (drawn, first) = (w.one_drawn(true), w.offices["i1"].clone());
        let again = w.appoint_from("i1", "inspector", "-", "08");
        let step = w.recheck(drawn);
        w.step_with(&["i1", "i1"], step, |header| header.by = vec![first.clone(), By { appointment: again, ..first }]);
    });
}

/// The meeting of list l1 by these.
fn meet(w: &mut World, by: &[&str]) {
    use signer::act::Vote::Agree;
    w.list(&["h1"], "l1", CASES);
    w.seats(&["h1"], "l1-seats", &[("s1", Agree), ("s2", Agree)]);
    w.list_step(by, w.deliberate("l1"), CASES);
}

/// An outcome of a case; its head moves.
pub(super) fn outcome(w: &mut World, by: &[&str], case: &str, outcome: &str, reason: &str) -> StatementHash {
    let act = Outcome { case: w.at(case), outcome: code(outcome), reason: code(reason), evidence: Vec::new() };
    w.on_case(by, case, Act::Outcome(act))
}

/// v1 visits p1 alone: the step waits.
fn wait(w: &mut World) -> StatementHash {
    w.step_with(&["v1"], w.visit("p1"), |_| {})
}

fn join(w: &mut World, by: &[&str], joins: StatementHash) {
    w.act(by, Act::Join { joins });
}

fn joins(table: &mut Table) {
    table.admits("a visit that waits for a second visitor", Opened, |w| _ = wait(w));
    table.admits("a join that completes a visit, after which the case goes on", Opened, |w| {
        let hash = wait(w);
        w.pass(1);
        join(w, &["v2"], hash);
        w.heads.insert("p1".to_owned(), hash);
        outcome(w, &["m1"], "p1", "refer", "income");
    });
    table.admits("a join on the last moment of its days", Opened, |w| {
        let hash = wait(w);
        let received = w.clock.plus_ms(-w.tick_ms);
        w.pass(4);
        w.clock = received.plus_ms(5 * DAY_MS);
        join(w, &["v2"], hash);
    });
    table.admits("a case that a waiting step does not move", Opened, |w| {
        wait(w);
        w.step(&["v1", "v3"], w.visit("p1"));
    });
    table.refuses(Rule::CaseHead, "a join of a step on a case that has moved on", Opened, |w| {
        let hash = wait(w);
        outcome(w, &["m1"], "p1", "refer", "income");
        join(w, &["v2"], hash);
    });
}

fn joins_that_fail(table: &mut Table) {
    table.refuses(Rule::JoinUnknown, "a join of nothing", Opened, |w| join(w, &["v2"], StatementHash([7; 32])));
    table.refuses(Rule::JoinUnknown, "a join of a step that is complete", Visited, |w| {
        let hash = w.told("visit p1");
        join(w, &["v3"], hash);
    });
    table.refuses(Rule::JoinUnknown, "a second join after the one that completed it", Opened, |w| {
        let hash = wait(w);
        join(w, &["v2"], hash);
        join(w, &["v3"], hash);
    });
    table.refuses(Rule::JoinExpired, "a join a millisecond late", Opened, |w| {
        let hash = wait(w);
        let received = w.clock.plus_ms(-w.tick_ms);
        w.pass(4);
        w.clock = received.plus_ms(5 * DAY_MS + 1);
        join(w, &["v2"], hash);
    });
    table.refuses(Rule::SignerRepeated, "a join by who signed already", Opened, |w| {
        let hash = wait(w);
        join(w, &["v1"], hash);
    });
    table.refuses(Rule::StepOffice, "a join by an office that does not do the step", Opened, |w| {
        let hash = wait(w);
        join(w, &["c3"], hash);
    });
    table.refuses(Rule::StepOffice, "a join by two", Opened, |w| {
        let hash = wait(w);
        join(w, &["v2", "v3"], hash);
    });
    table.refuses(Rule::AppointmentEnded, "a join of a step whose first signer is no longer in office", Opened, |w| {
        let hash = wait(w);
        let ended = w.offices["v1"].appointment;
        let reason = signer::act::EndReason::Dismissed;
        w.act(&["r1"], Act::AppointEnd { person: crate::world::person("v1"), appointment: ended, reason });
        join(w, &["v2"], hash);
    });
}

fn openings(table: &mut Table) {
    table.refuses(Rule::CaseTaken, "an application under an id that is taken", Opened, |w| {
        w.step(&["c1"], w.apply("p1", "07-01"));
    });
    table.refuses(Rule::CaseTaken, "a record of a case that a step opened", Opened, |w| {
        let Act::Import(import) = w.record("p1", 1) else { unreachable!() };
        w.act(&["r1"], Act::Import(Import { head: None, ..import }));
    });
    table.refuses(Rule::CaseTaken, "an application under the id of a legacy case", Staffed, |w| {
        w.act(&["r1"], w.record("p1", 1));
        w.step(&["c1"], w.apply("p1", "07-01"));
    });
    let mut standard = |name: &str, edit: &dyn Fn(&mut Opening)| {
        table.refuses(Rule::StandardMissing, &format!("an application for {name}"), Staffed, |w| {
            let mut step = w.apply("p1", "07-01");
            edit(step.open.as_mut().unwrap());
            w.step(&["c1"], step);
        });
    };
    standard("a tier without a standard", &|open| open.tier = code("high"));
    standard("a scheme without a standard", &|open| open.scheme = signer::value::Scheme::parse("X9").unwrap());
    standard("a year after the standard's last", &|open| open.period = period(2028));
    standard("a year before the standard's first", &|open| open.period = period(2025));
    table.admits("an application for the standard's last year", Staffed, |w| {
        let mut step = w.apply("p1", "07-01");
        step.open.as_mut().unwrap().period = period(2027);
        w.step(&["c1"], step);
    });
    table.refuses(Rule::CaseUnit, "an application taken by the clerk of another village", Staffed, |w| w.open_case("p1", "07-01", &["c2"]));
    table.refuses(Rule::CaseUnit, "an application of the township taken by a village", Staffed, |w| w.open_case("p1", "07", &["c1"]));
    table.refuses(Rule::CaseUnit, "a unit whose name only begins like the clerk's", Staffed, |w| w.open_case("p1", "07-011", &["c1"]));
    table.admits("an application of a hamlet below the clerk's village", Staffed, |w| w.open_case("p1", "07-01-3", &["c1"]));
}

fn cases(table: &mut Table) {
    visit(table, Rule::CaseUnknown, "of a case that nobody opened", |_, step| {
        step.case = Some((case_id("p9"), Some(StatementHash([3; 32]))))
    });
    table.refuses(Rule::CaseUnknown, "a visit of a case that only a record made", Opened, |w| {
        let hash = w.act(&["r1"], w.record("old", 1));
        w.heads.insert("old".to_owned(), hash);
        w.step(&["v1", "v2"], w.visit("old"));
    });
    table.refuses(Rule::CaseHead, "a visit at a head that the case has left", Opened, |w| {
        let stale = w.visit("p1");
        let act = signer::act::Account { case: w.at("p1"), account: account("other"), reason: code("lost"), evidence: paper("card") };
        w.on_case(&["c1"], "p1", Act::Account(act));
        w.step(&["v1", "v2"], stale);
    });
    table.refuses(Rule::CaseUnit, "a visitor of another township", Opened, |w| _ = w.step(&["v1", "v8"], w.visit("p1")));
    table.refuses(Rule::CaseStatus, "a visit of a case that has left", Opened, |w| {
        outcome(w, &["c1"], "p1", "exit", "moved");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.refuses(Rule::CaseStatus, "a step other than the way back on a suspended case", Posted, |w| {
        let drawn = w.one_drawn(true);
        outcome(w, &["m1"], drawn, "suspend", "absent");
        w.step(&["i1", "i2"], w.recheck(drawn));
    });
    table.refuses(Rule::CaseStatus, "a visit of a case that is referred", Opened, |w| {
        outcome(w, &["m1"], "p1", "refer", "income");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.admits("the way back of a suspended case", Visited, |w| {
        outcome(w, &["m1"], "p1", "suspend", "absent");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.refuses(Rule::StepRepeated, "a visit of a suspended case, once more", Visited, |w| {
        outcome(w, &["m1"], "p1", "suspend", "absent");
        w.step(&["v1", "v2"], w.visit("p1"));
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.admits("a visit of a case whose question was ruled on", Opened, |w| {
        let hash = outcome(w, &["m1"], "p1", "refer", "income");
        let ruling =
            Ruling { clause: Clause::Step(code("visit")), issuer: code("province"), document: paper("ruling"), answers: Some(hash) };
        w.act(&["m1"], Act::Ruling(ruling));
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.refuses(Rule::FlagOpen, "a visit while an objection is open", Opened, |w| {
        super::case_acts::object(w, "p1");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
}

fn order(table: &mut Table) {
    table.refuses(Rule::StepRepeated, "a second visit", Visited, |w| _ = w.step(&["v1", "v2"], w.visit("p1")));
    table.refuses(Rule::StepOrder, "a second look before the posting", Up, |w| _ = w.step(&["i1", "i2"], w.recheck("p1")));
    table.refuses(Rule::StepOrder, "a second look at a case that is not on a list yet", Posted, |w| {
        w.step(&["i1", "i2"], w.recheck(OTHER));
    });
    table.admits("a second look at a case that was not drawn", Posted, |w| {
        w.step(&["i1", "i2"], w.recheck(w.one_drawn(false)));
    });
    table.refuses(Rule::StepOrder, "a drawn case confirmed without a second look", Posted, |w| {
        w.list(&["m1"], "l2", CASES);
        w.step(&["m1", "s1"], w.confirm("l2"));
    });
    table.refuses(Rule::StepOrder, "cases confirmed before the sample is drawn", Up, |w| {
        w.pass(7);
        w.take_down(CASES);
        w.list(&["m1"], "l2", CASES);
        w.step(&["m1", "s1"], w.confirm("l2"));
    });
}

fn renewals(table: &mut Table) {
    table.refuses(Rule::CasePaid, "a renewal while the payment is on its way", Paid, |w| _ = w.step(&["c1"], w.annual("p1", 2027)));
    table.refuses(Rule::CasePaid, "a renewal while the payment is locked", Stage::Locked, |w| _ = w.step(&["c1"], w.annual("p1", 2027)));
    table.refuses(Rule::PeriodOrder, "a renewal for the same year", Noticed, |w| _ = w.step(&["c1"], w.annual("p1", 2026)));
    table.refuses(Rule::PeriodOrder, "a renewal for an earlier year", Noticed, |w| _ = w.step(&["c1"], w.annual("p1", 2025)));
    table.refuses(Rule::StandardMissing, "a renewal for a year without a standard", Noticed, |w| _ = w.step(&["c1"], w.annual("p1", 2028)));
    table.admits("a renewal for the next year", Noticed, |w| _ = w.step(&["c1"], w.annual("p1", 2027)));
    table.admits("a renewal of a case that was never confirmed", Confirmed, |w| _ = w.step(&["c1"], w.annual("p1", 2027)));
    table.refuses(Rule::CaseUnit, "a renewal by the clerk of another village", Noticed, |w| _ = w.step(&["c2"], w.annual("p1", 2027)));
    table.refuses(Rule::CaseStatus, "a renewal of a case that has left", Noticed, |w| {
        outcome(w, &["c1"], "p1", "exit", "moved");
        w.step(&["c1"], w.annual("p1", 2027));
    });
    table.refuses(Rule::StepOrder, "a list for new cases with one that goes on from a year before", Noticed, |w| {
        w.step(&["c1"], w.annual("p1", 2027));
        w.step(&["v1", "v2"], w.visit("p1"));
        w.list(&["h1"], "l9", &["p1"]);
        w.seats(&["h1"], "l9-seats", &[("s1", signer::act::Vote::Agree), ("s2", signer::act::Vote::Agree)]);
        w.step(&["h1", "k1"], w.deliberate("l9"));
    });
    table.admits("a visit in the next year", Noticed, |w| {
        w.step(&["c1"], w.annual("p1", 2027));
        w.step(&["v1", "v2"], w.visit("p1"));
    });
}

fn teams(table: &mut Table) {
    let mut look = |name: &str, by: &'static [&'static str]| {
        table.refuses(Rule::TeamOther, name, Posted, |w| _ = w.step(by, w.recheck(w.one_drawn(true))));
    };
    look("a second look by two of two sub-groups", &["i1", "i4"]);
    look("a second look by the sub-group of another township", &["i3", "i4"]);
    table.refuses(Rule::TeamOther, "a second look by who is in no team", Posted, |w| {
        w.enrol("i9");
        w.appoint_from("i9", "inspector", "-", "08");
        w.step(&["i1", "i9"], w.recheck(w.one_drawn(true)));
    });
    table.refuses(Rule::TeamOther, "a second look in a year without a team", Noticed, |w| {
        w.step(&["c1"], w.annual("p1", 2027));
        w.step(&["v1", "v2"], w.visit("p1"));
        w.step(&["i1", "i2"], w.recheck("p1"));
    });
    table.refuses(Rule::TeamOther, "a second look by the team that was replaced", Posted, |w| {
        let mut team = w.team(2026);
        team.areas.iter_mut().for_each(|area| area.unit = unit(if area.sub == code("g1") { "08" } else { "07" }));
        w.act(&["m1"], Act::Team(team));
        w.step(&["i1", "i2"], w.recheck(w.one_drawn(true)));
    });
}

fn late(table: &mut Table) {
    table.warned(Rule::Late, "a visit on the day after it is due", World::leaping(), |w| {
        w.leap_to("2026-04-01T00:00:00");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    table.holds("a visit in the last second of the day on which it is due", World::leaping(), |w| {
        w.leap_to("2026-03-31T23:59:59");
        w.step(&["v1", "v2"], w.visit("p1"));
    });
    let refer = |w: &mut World, until: &str, then: &str| {
        w.leap_to("2026-03-20T10:00:00");
        let hash = outcome(w, &["m1"], "p1", "refer", "income");
        w.leap_to(until);
        let ruling =
            Ruling { clause: Clause::Step(code("visit")), issuer: code("province"), document: paper("ruling"), answers: Some(hash) };
        w.act(&["m1"], Act::Ruling(ruling));
        w.leap_to(then);
        w.step(&["v1", "v2"], w.visit("p1"));
    };
    table.holds("days that a case was referred do not count", World::leaping(), |w| refer(w, "2026-03-22T10:00:00", "2026-04-02T23:00:00"));
    table.warned(Rule::Late, "a case that was referred, late all the same", World::leaping(), |w| {
        refer(w, "2026-03-22T10:00:00", "2026-04-03T00:00:00");
    });
    table.warned(Rule::Late, "part of a day that a case was referred does not count", World::leaping(), |w| {
        refer(w, "2026-03-22T09:59:00", "2026-04-02T00:00:00");
    });
}
