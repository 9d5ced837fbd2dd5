//! Sheets, and steps on lists: who is on a list, who must be, and who is responsible for each who is not (section 8.7).

use signer::Rule;
use signer::act::{Act, AnswerOutcome, Assertion, CaseLine, ListRef, PaymentLine, ResultLine, SheetLines, Step, Vote};
use signer::value::{ListRoot, Scheme, StatementHash};

use super::Table;
use super::case_acts::{answer, correct, object};
use super::steps::outcome;
use crate::programme::Stage::{Confirmed, Deliberated, Noticed, Opened, Posted, Rechecked, Staffed, Visited};
use crate::programme::{CASES, MU, OTHER, account, case_id};
use crate::world::{World, code};

pub(super) fn fill(table: &mut Table) {
    owners(table);
    parts(table);
    limits(table);
    names(table);
    units(table);
    lines(table);
    drops(table);
    amounts(table);
    omissions(table);
    grounds(table);
    quorums(table);
    rates(table);
}

fn cases_of(w: &World, cases: &[&str]) -> SheetLines {
    SheetLines::Cases(cases.iter().map(|case| w.line(case)).collect())
}

/// Everybody agrees.
const ALL_AGREE: &[(&str, Vote)] = &[("s1", Vote::Agree), ("s2", Vote::Agree)];

/// A meeting on these lines.
fn meet_on(w: &mut World, by: &[&str], lines: Vec<CaseLine>, votes: &[(&str, Vote)]) {
    let cases: Vec<String> = lines.iter().filter(|line| !line.omit).map(|line| line.case.to_string()).collect();
    w.sheet(&["h1"], "l1", SheetLines::Cases(lines));
    w.seats(&["h1"], "l1-seats", votes);
    w.list_step(by, w.deliberate("l1"), &cases.iter().map(String::as_str).collect::<Vec<_>>());
}

fn meet(w: &mut World, lines: Vec<CaseLine>) {
    meet_on(w, &["h1", "k1"], lines, ALL_AGREE);
}

fn all_lines(w: &World) -> Vec<CaseLine> {
    CASES.iter().map(|case| w.line(case)).collect()
}

fn owners(table: &mut Table) {
    table.refuses(Rule::StepOffice, "a sheet by an office that does no step on lists", Visited, |w| w.list(&["i1"], "l1", CASES));
    table.refuses(Rule::StepOffice, "a sheet by a second signer whose office does no step on lists", Visited, |w| {
        w.list(&["h1", "i1"], "l1", CASES)
    });
    table.refuses(Rule::ListTaken, "a sheet of somebody else's list", Visited, |w| {
        w.list(&["h1"], "l1", &["p1"]);
        w.act(&["k1"], World::sheet_of("l1", 1, cases_of(w, &["p2"])));
    });
    table.refuses(Rule::ListTaken, "a sheet of somebody else's list that is in use", Deliberated, |w| {
        w.act(&["k1"], World::sheet_of("l1", 1, cases_of(w, &[OTHER])));
    });
    table.refuses(Rule::ListClosed, "a sheet of a list in use", Deliberated, |w| {
        w.act(&["h1"], World::sheet_of("l1", 1, cases_of(w, &[OTHER])));
    });
    table.refuses(Rule::ListClosed, "a sheet of seats for a list of cases", Visited, |w| {
        w.list(&["h1"], "l1", &["p1"]);
        w.seats(&["h1"], "l1", &[("s1", Vote::Agree)]);
    });
    table.admits("a second sheet of one's own list", Visited, |w| {
        w.list(&["h1"], "l1", &["p1"]);
        w.act(&["h1"], World::sheet_of("l1", 1, cases_of(w, &["p2"])));
    });
}

fn parts(table: &mut Table) {
    table.refuses(Rule::ListPart, "a list that begins with part 1", Visited, |w| {
        w.act(&["h1"], World::sheet_of("l1", 1, cases_of(w, &["p1"])));
    });
    table.refuses(Rule::ListPart, "a first sheet twice", Visited, |w| {
        w.list(&["h1"], "l1", &["p1"]);
        w.list(&["h1"], "l1", &["p2"]);
    });
    table.refuses(Rule::ListPart, "a part left out", Visited, |w| {
        w.list(&["h1"], "l1", &["p1"]);
        w.act(&["h1"], World::sheet_of("l1", 2, cases_of(w, &["p2"])));
    });
    table.refuses(Rule::ListOrder, "lines in another order", Visited, |w| w.list(&["h1"], "l1", &["p2", "p1"]));
    table.refuses(Rule::ListOrder, "a case twice", Visited, |w| w.list(&["h1"], "l1", &["p1", "p1"]));
    table.refuses(Rule::ListOrder, "a case once more on the next sheet", Visited, |w| {
        w.list(&["h1"], "l1", &["p1"]);
        w.act(&["h1"], World::sheet_of("l1", 1, cases_of(w, &["p1"])));
    });
    table.admits("capitals before small letters, as their bytes are", Visited, |w| {
        let line = |case: &str| CaseLine { case: case_id(case), hash: StatementHash([1; 32]), omit: false };
        w.sheet(&["h1"], "l1", SheetLines::Cases(vec![line("Z"), line("a"), line("a-1"), line("a1")]));
    });
}

/// A list of results of so many cases, in sheets of six thousand lines.
fn long_list(w: &mut World, lines: usize) {
    let all: Vec<ResultLine> = (0..lines).map(|n| ResultLine { case: case_id(&format!("{n:05}")), failed: None }).collect();
    for (part, lines) in all.chunks(4_000).enumerate() {
        w.act(&["t1"], World::sheet_of("long", part as u64, SheetLines::Results(lines.to_vec())));
    }
}

/// Sheets of some bytes each, by h1, of lists of their own.
fn heavy(w: &mut World, sheets: usize) {
    for number in 0..sheets {
        let line = |n: usize| CaseLine { case: case_id(&format!("{n:05}{}", "x".repeat(35))), hash: StatementHash([1; 32]), omit: true };
        w.act(&["h1"], World::sheet_of(&format!("heavy-{number}"), 0, SheetLines::Cases((0..640).map(line).collect())));
    }
}

fn limits(table: &mut Table) {
    table.admits("a list of twenty thousand lines", Staffed, |w| long_list(w, 20_000));
    table.refuses(Rule::ListLimit, "a list of a line more", Staffed, |w| long_list(w, 20_001));
    table.admits("almost two mebibytes of sheets that wait", Staffed, |w| heavy(w, 35));
    table.refuses(Rule::ListLimit, "more than two mebibytes of sheets that wait", Staffed, |w| heavy(w, 36));
}

fn names(table: &mut Table) {
    let mut meet = |rule: Rule, name: &str, edit: &dyn Fn(&World, &mut ListRef, &mut ListRef)| {
        table.refuses(rule, &format!("a meeting on {name}"), Visited, |w| {
            w.list(&["h1"], "l1", CASES);
            w.seats(&["h1"], "l1-seats", ALL_AGREE);
            let mut step = w.deliberate("l1");
            if let (Some(list), Some(seats)) = (&mut step.list, &mut step.seats) {
                edit(w, list, seats);
            }
            w.step(&["h1", "k1"], step);
        });
    };
    meet(Rule::ListUnknown, "a list of which there is no sheet", &|_, list, _| list.list = code("l9"));
    meet(Rule::ListUnknown, "seats of which there is no sheet", &|_, _, seats| seats.list = code("l9"));
    meet(Rule::ListKind, "a list of seats", &|w, list, _| *list = w.lists["l1-seats"].clone());
    meet(Rule::ListKind, "seats that are cases", &|w, _, seats| *seats = w.lists["l1"].clone());
    meet(Rule::ListRoot, "a list of another count", &|_, list, _| list.count += 1);
    meet(Rule::ListRoot, "a list of another total", &|_, list, _| list.total += 1);
    meet(Rule::ListRoot, "a list of another root", &|_, list, _| list.root = ListRoot([0; 32]));
    meet(Rule::ListRoot, "seats of another root", &|_, _, seats| seats.root = ListRoot([0; 32]));
    table.refuses(Rule::ListKind, "a list of cases to be locked", Confirmed, |w| {
        w.list(&["t1"], "l3", CASES);
        w.step(&["t1", "t2"], w.lock("l3"));
    });
    table.refuses(Rule::ListKind, "a list of payments to be confirmed", Rechecked, |w| {
        w.payments(&["m1"], "l2", CASES);
        w.step(&["m1", "s1"], w.confirm("l2"));
    });
    table.refuses(Rule::ListRoot, "a list whose second sheet the signers did not mean", Visited, |w| {
        w.list(&["h1"], "l1", &["p1", "p2", "p3"]);
        w.act(&["h1"], World::sheet_of("l1", 1, cases_of(w, &["p4"])));
        w.seats(&["h1"], "l1-seats", ALL_AGREE);
        w.step(&["h1", "k1"], w.deliberate("l1"));
    });
    table.admits("a list of two sheets", Visited, |w| {
        w.list(&["h1"], "l1", &["p1", "p2", "p3"]);
        w.act(&["h1"], World::sheet_of("l1", 1, cases_of(w, &["p4"])));
        w.lists.insert("l1".to_owned(), World::list_ref("l1", &cases_of(w, CASES)));
        w.seats(&["h1"], "l1-seats", ALL_AGREE);
        w.step(&["h1", "k1"], w.deliberate("l1"));
    });
}

fn units(table: &mut Table) {
    table.refuses(Rule::CaseUnknown, "a list with a case that nobody opened", Visited, |w| {
        w.heads.insert("p9".to_owned(), StatementHash([1; 32]));
        let mut lines = all_lines(w);
        lines.push(w.line("p9"));
        meet(w, lines);
    });
    table.refuses(Rule::CaseUnknown, "a list that omits a case that nobody opened", Visited, |w| {
        let mut lines = all_lines(w);
        lines.push(World::omission("p9", StatementHash([1; 32])));
        meet(w, lines);
    });
    table.refuses(Rule::ListUnit, "a village's list with a case of another village", Visited, |w| {
        w.step(&["v1", "v2"], w.visit(OTHER));
        let mut lines = all_lines(w);
        lines.push(w.line(OTHER));
        meet(w, lines);
    });
    table.refuses(Rule::ListUnit, "a village's list that omits a case of another village", Visited, |w| {
        let hash = outcome(w, &["c2"], OTHER, "exit", "moved");
        let mut lines = all_lines(w);
        lines.push(World::omission(OTHER, hash));
        meet(w, lines);
    });
    table.refuses(Rule::CaseUnit, "a list signed by the chair of another village", Visited, |w| {
        let lines = all_lines(w);
        meet_on(w, &["h2", "k1"], lines, ALL_AGREE);
    });
    table.admits("a village's list with a case of one of its hamlets", Visited, |w| {
        w.open_case("q1", "07-01-3", &["c1"]);
        w.step(&["v1", "v2"], w.visit("q1"));
        let mut lines = all_lines(w);
        lines.push(w.line("q1"));
        meet(w, lines);
    });
}

fn lines(table: &mut Table) {
    table.refuses(Rule::CaseHead, "a line with a head that the case never had", Visited, |w| {
        let mut lines = all_lines(w);
        lines[0].hash = w.heads["p2"];
        meet(w, lines);
    });
    table.refuses(Rule::CaseStatus, "a line of a case that is suspended, at its head", Visited, |w| {
        outcome(w, &["m1"], "p1", "suspend", "absent");
        let lines = all_lines(w);
        meet(w, lines);
    });
    table.refuses(Rule::StepRepeated, "a list of cases that were on one before", Deliberated, |w| {
        w.list(&["h1"], "l9", CASES);
        w.seats(&["h1"], "l9-seats", ALL_AGREE);
        w.step(&["h1", "k1"], w.deliberate("l9"));
    });
    table.refuses(Rule::StepOrder, "a list with a case that nobody visited", Opened, |w| {
        for case in ["p1", "p2", "p3"] {
            w.step(&["v1", "v2"], w.visit(case));
        }
        let lines = all_lines(w);
        meet(w, lines);
    });
    table.admits("a list that was made before another list moved its cases, if it is that list itself", Deliberated, |w| {
        w.act(&["h1"], Act::PostUp(w.post_up("l1")));
    });
    table.refuses(Rule::StepRepeated, "a renewal's list in the same year", Noticed, |w| {
        w.list(&["m1"], "l9", CASES);
        w.step(&["m1", "s1"], w.confirm("l9"));
    });
}

fn drops(table: &mut Table) {
    // The head moves between the sheet and the meeting.
    let moved = |w: &mut World, cases: &[&str]| {
        w.list(&["h1"], "l1", CASES);
        w.seats(&["h1"], "l1-seats", ALL_AGREE);
        for case in cases {
            w.told(&format!("visit {case}"));
            correct(w, "m1", case, w.told(&format!("visit {case}")));
        }
    };
    table.admits("a case whose head moved is dropped, and the list goes on", Visited, |w| {
        moved(w, &["p1"]);
        w.step(&["h1", "k1"], w.deliberate("l1"));
    });
    table.refuses(Rule::ListEmpty, "a list of which every case was dropped", Visited, |w| {
        moved(w, CASES);
        w.step(&["h1", "k1"], w.deliberate("l1"));
    });
    table.refuses(Rule::ListEmpty, "a list of nothing but omissions", Visited, |w| {
        let flags: Vec<_> = CASES.iter().map(|case| World::omission(case, object(w, case))).collect();
        meet(w, flags);
    });
    table.admits("a case with an open objection is dropped, and the list goes on", Visited, |w| {
        object(w, "p1");
        let lines = all_lines(w);
        meet(w, lines);
    });
    table.admits("a dropped case stays dropped from the same list", Visited, |w| {
        let hash = object(w, "p1");
        let lines = all_lines(w);
        meet(w, lines);
        answer(w, "m2", hash, AnswerOutcome::Dismissed);
        w.put_up();
    });
    table.refuses(Rule::ListOmits, "a case that was dropped is not on the next list", Visited, |w| {
        object(w, "p1");
        let lines = all_lines(w);
        meet(w, lines);
        w.open_case("q1", "07-01", &["c1"]);
        w.step(&["v1", "v2"], w.visit("q1"));
        w.list(&["h1"], "l9", &["q1"]);
        w.seats(&["h1"], "l9-seats", ALL_AGREE);
        w.step(&["h1", "k1"], w.deliberate("l9"));
    });
}

/// A list of payments, the first of which is changed.
fn pay_list(w: &mut World, edit: impl FnOnce(&mut PaymentLine)) {
    let mut lines: Vec<PaymentLine> = CASES.iter().map(|case| w.payment(case)).collect();
    edit(&mut lines[0]);
    w.sheet(&["t1"], "l3", SheetLines::Payments(lines));
    w.step(&["t1", "t2"], w.lock("l3"));
}

fn amounts(table: &mut Table) {
    let change = |line: &mut PaymentLine, by: i64| {
        if let PaymentLine::Pays { fen, .. } = line {
            *fen = fen.checked_add_signed(by).unwrap();
        }
    };
    table.refuses(Rule::Amount, "a fen more than the standard", Confirmed, |w| pay_list(w, |line| change(line, 1)));
    table.refuses(Rule::Amount, "a fen less than the standard", Confirmed, |w| pay_list(w, |line| change(line, -1)));
    table.refuses(Rule::AccountOther, "another account than the case's", Confirmed, |w| {
        pay_list(w, |line| {
            if let PaymentLine::Pays { account: to, .. } = line {
                *to = account("p2");
            }
        });
    });
    let by_acre = |w: &mut World, scheme: &str, mu: u64, fen: u64| {
        let mut apply = w.apply("p1", "07-01");
        apply.open.as_mut().unwrap().scheme = Scheme::parse(scheme).unwrap();
        w.step(&["c1"], apply);
        let mut visit = w.visit("p1");
        visit.measures[0].1 = mu;
        w.step(&["v1", "v2"], visit);
        meet(w, vec![w.line("p1")]);
        w.put_up();
        w.pass(7);
        w.take_down(&["p1"]);
        w.cosign();
        if w.is_drawn_new("p1") {
            w.step(&["i1", "i2"], w.recheck("p1"));
        }
        w.list(&["m1"], "l2", &["p1"]);
        w.list_step(&["m1", "s1"], w.confirm("l2"), &["p1"]);
        let mut line = w.payment("p1");
        if let PaymentLine::Pays { fen: amount, .. } = &mut line {
            *amount = fen;
        }
        w.sheet(&["t1"], "l3", SheetLines::Payments(vec![line]));
        w.step(&["t1", "t2"], w.lock("l3"));
    };
    const EXACT: u64 = 9_007_199_254_740_991;
    table.admits("an amount by the acre", Staffed, |w| by_acre(w, "X2", MU, 5_000 * MU));
    table.refuses(Rule::Amount, "an amount of an acre too many", Staffed, |w| by_acre(w, "X2", MU, 5_000 * (MU + 1)));
    table.refuses(Rule::Amount, "an amount by a measure that nobody took", Staffed, |w| by_acre(w, "X3", MU, 700));
    table.refuses(Rule::Amount, "an amount beyond exact numbers", Staffed, |w| by_acre(w, "X2", EXACT, EXACT));
    table.admits("an amount of nothing, for no acres", Staffed, |w| by_acre(w, "X2", 0, 0));
}

fn omissions(table: &mut Table) {
    table.refuses(Rule::ListOmits, "a case that is due is on no line", Visited, |w| {
        let mut lines = all_lines(w);
        lines.remove(1);
        meet(w, lines);
    });
    table.admits("a case that is newer than what the signers had seen may be missing", Opened, |w| {
        outcome(w, &["m1"], "p4", "reject", "income");
        for case in ["p1", "p2", "p3"] {
            w.step(&["v1", "v2"], w.visit(case));
        }
        w.list(&["h1"], "l1", &["p1", "p2", "p3"]);
        w.seats(&["h1"], "l1-seats", ALL_AGREE);
        let seen = w.history.seen_at(w.size()).unwrap();
        w.open_case("q1", "07-01", &["c1"]);
        w.step(&["v1", "v2"], w.visit("q1"));
        w.step_with(&["h1", "k1"], w.deliberate("l1"), |header| header.seen = seen);
    });
    table.refuses(Rule::ListOmits, "a case that became due just before the signers saw the log", Opened, |w| {
        for case in ["p1", "p2", "p3"] {
            w.step(&["v1", "v2"], w.visit(case));
        }
        w.list(&["h1"], "l1", &["p1", "p2", "p3"]);
        w.seats(&["h1"], "l1-seats", ALL_AGREE);
        w.step(&["v1", "v2"], w.visit("p4"));
        let seen = w.history.seen_at(w.size()).unwrap();
        w.act(&["r1"], Act::Device { enrols: signer::value::DeviceId::parse("d7").unwrap(), unit: crate::world::unit("00") });
        w.step_with(&["h1", "k1"], w.deliberate("l1"), |header| header.seen = seen);
    });
    table.admits("a case that is suspended may be missing", Visited, |w| {
        outcome(w, &["m1"], "p4", "suspend", "absent");
        let mut lines = all_lines(w);
        lines.pop();
        meet(w, lines);
    });
    table.refuses(Rule::ListOmits, "the county's list without a case that was not drawn", Rechecked, |w| {
        let kept: Vec<&str> = CASES.iter().copied().filter(|case| *case != w.one_drawn(false)).collect();
        w.list(&["m1"], "l2", &kept);
        w.step(&["m1", "s1"], w.confirm("l2"));
    });
    table.admits("the county's list that names the drawn cases as waiting for their second look", Posted, |w| {
        let named = |case: &&str| if w.is_drawn_new(case) { World::omission(case, w.heads[*case]) } else { w.line(case) };
        let mut lines: Vec<CaseLine> = CASES.iter().map(named).collect();
        lines.push(World::omission(OTHER, w.heads[OTHER]));
        w.sheet(&["m1"], "l2", SheetLines::Cases(lines));
        w.step(&["m1", "s1"], w.confirm("l2"));
    });
    table.refuses(Rule::ListOmits, "the county's list without a drawn case that waits for its second look", Posted, |w| {
        let open: Vec<&str> = CASES.iter().copied().filter(|case| !w.is_drawn_new(case)).collect();
        w.list(&["m1"], "l2", &open);
        w.step(&["m1", "s1"], w.confirm("l2"));
    });
    table.refuses(Rule::ListOmits, "a payment list without a case that was confirmed", Confirmed, |w| {
        w.payments(&["t1"], "l3", &["p1", "p2", "p3"]);
        w.step(&["t1", "t2"], w.lock("l3"));
    });
}

fn grounds(table: &mut Table) {
    let omit = |w: &mut World, hash: StatementHash| {
        let mut lines = all_lines(w);
        lines[3] = World::omission("p4", hash);
        meet(w, lines);
    };
    table.refuses(Rule::OmitUnfounded, "an omission by a statement that has nothing to do with the case", Visited, |w| {
        let hash = w.told("visit p1");
        omit(w, hash);
    });
    table.refuses(Rule::OmitUnfounded, "an omission by the case's own head", Visited, |w| {
        let hash = w.heads["p4"];
        omit(w, hash);
    });
    table.refuses(Rule::OmitUnfounded, "an omission by an objection that was answered", Visited, |w| {
        let hash = object(w, "p4");
        answer(w, "m1", hash, AnswerOutcome::Dismissed);
        omit(w, hash);
    });
    table.refuses(Rule::OmitUnfounded, "an omission by another case's objection", Visited, |w| {
        let hash = object(w, "p3");
        omit(w, hash);
    });
    table.admits("an omission by an open objection", Visited, |w| {
        let hash = object(w, "p4");
        omit(w, hash);
    });
    table.admits("an omission by the outcome", Visited, |w| {
        let hash = outcome(w, &["m1"], "p4", "reject", "income");
        omit(w, hash);
    });
    table.admits("an omission by the statement that dropped the case from a list before", Visited, |w| {
        w.list(&["h1"], "l1", CASES);
        w.seats(&["h1"], "l1-seats", ALL_AGREE);
        let moved = correct(w, "m1", "p4", w.told("visit p4"));
        let (step, kept) = (w.deliberate("l1"), ["p1", "p2", "p3"]);
        w.list_step(&["h1", "k1"], step, &kept);
        w.open_case("q1", "07-01", &["c1"]);
        w.step(&["v1", "v2"], w.visit("q1"));
        w.sheet(&["h1"], "l9", SheetLines::Cases(vec![World::omission("p4", moved), w.line("q1")]));
        w.seats(&["h1"], "l9-seats", ALL_AGREE);
        w.step(&["h1", "k1"], w.deliberate("l9"));
    });
}

fn quorums(table: &mut Table) {
    use Vote::{Absent, Against, Agree};
    type Votes = &'static [(&'static str, Vote)];
    let bad: [(&str, Votes); 3] = [
        ("fewer present than two thirds", &[("s1", Agree), ("s2", Agree), ("s3", Agree), ("s4", Absent), ("s5", Absent)]),
        ("fewer agreeing than half of those present", &[("s1", Agree), ("s2", Against), ("s3", Against)]),
        ("fewer villagers than two", &[("s1", Agree)]),
    ];
    for (name, votes) in bad {
        table.refuses(Rule::Quorum, &format!("a meeting with {name}"), Visited, |w| meet_on(w, &["h1", "k1"], all_lines(w), votes));
    }
    let good: [(&str, Votes); 2] = [
        ("exactly two thirds present", &[("s1", Agree), ("s2", Agree), ("s3", Absent)]),
        ("exactly half agreeing", &[("s1", Agree), ("s2", Against)]),
    ];
    for (name, votes) in good {
        table.admits(&format!("a meeting with {name}"), Visited, |w| meet_on(w, &["h1", "k1"], all_lines(w), votes));
    }
    table.refuses(Rule::Quorum, "a meeting of seats of another category", Visited, |w| {
        w.list(&["h1"], "l1", CASES);
        let seat = |token: &str| signer::act::SeatLine { token: code(token), category: code("guest"), vote: Agree };
        w.sheet(&["h1"], "l1-seats", SheetLines::Seats(vec![seat("s1"), seat("s2")]));
        w.step(&["h1", "k1"], w.deliberate("l1"));
    });
}

fn rates(table: &mut Table) {
    let visits = |w: &mut World, unseen: usize| {
        for (number, case) in CASES.iter().enumerate() {
            let mut step: Step = w.visit(case);
            if number < unseen {
                step.asserts[0].1 = if number == 0 { Assertion::No } else { Assertion::Unclear };
            }
            w.step(&["v1", "v2"], step);
        }
        let lines = all_lines(w);
        meet(w, lines);
    };
    table.admits("three of four seen at home, as the procedure asks", Opened, |w| visits(w, 1));
    table.refuses(Rule::Rate, "two of four seen at home", Opened, |w| visits(w, 2));
}
