//! Batches and payments: what is paid is what was locked less what is held by name (section 8.8).

use signer::Rule;
use signer::act::{Act, Step};
use signer::value::{CaseId, StatementHash};

use super::Table;
use super::case_acts::{hold, release};
use crate::programme::Stage::{Confirmed, Funded, Locked, Noticed, Paid, Settled};
use crate::programme::{CASES, PROGRAMME, Stage, case_id, fen};
use crate::world::{World, code};

pub(super) fn fill(table: &mut Table) {
    openings(table);
    holds(table);
    covers(table);
    going_on(table);
    results(table);
    totals(table);
    again(table);
    notices(table);
    late(table);
}

/// The batch b1 changed in the opening.
fn open(table: &mut Table, rule: Rule, name: &str, edit: impl FnOnce(&World, &mut Step)) {
    table.refuses(rule, &format!("a batch opened {name}"), Locked, |w| {
        let mut step = w.fund("b1", "l3");
        edit(w, &mut step);
        w.step(&["t1", "s1"], step);
    });
}

/// Count and total of a batch and of all its totals.
fn set(step: &mut Step, count: u64, total: u64) {
    if let Some(batch) = &mut step.batch {
        (batch.count, batch.total) = (count, total);
    }
    step.totals.iter_mut().for_each(|(_, of, sum)| (*of, *sum) = (count, total));
}

/// The sum of what these cases are paid.
fn sum(cases: &[&str]) -> (u64, u64) {
    (cases.len() as u64, cases.iter().map(|case| fen(case)).sum())
}

fn openings(table: &mut Table) {
    let (count, total) = sum(CASES);
    open(table, Rule::BatchMatch, "of one payment less", |_, step| set(step, count - 1, total));
    open(table, Rule::BatchMatch, "of a fen less", |_, step| set(step, count, total - 1));
    open(table, Rule::BatchMatch, "of a fen more", |_, step| set(step, count, total + 1));
    open(table, Rule::ListUnknown, "of a list that there is not", |_, step| step.batch.as_mut().unwrap().list = code("l9"));
    open(table, Rule::ListUnknown, "of a list that was confirmed and not locked", |_, step| step.batch.as_mut().unwrap().list = code("l2"));
    open(table, Rule::ListUnknown, "to pay a batch again that there is not", |_, step| step.repays = Some(code("b9")));
    table.refuses(Rule::ListUnknown, "a batch opened of payments that are not locked yet", Confirmed, |w| {
        w.payments(&["t1"], "l3", CASES);
        w.cosign();
        w.step(&["t1", "s1"], w.fund("b1", "l3"));
    });
    table.refuses(Rule::BatchTaken, "a batch id a second time", Funded, |w| _ = w.step(&["t1", "s1"], w.fund("b1", "l3")));
    table.refuses(Rule::BatchMatch, "a list funded twice", Funded, |w| _ = w.step(&["t1", "s1"], w.fund("b2", "l3")));
    table.refuses(Rule::ListEmpty, "nothing of a list funded a second time", Funded, |w| {
        let mut step = w.fund("b2", "l3");
        set(&mut step, 0, 0);
        w.step(&["t1", "s1"], step);
    });
    table.refuses(Rule::ListUnknown, "a batch to pay one again that is not settled", Funded, |w| {
        w.step(&["t1", "s1"], Step { repays: Some(code("b1")), ..w.fund("b2", "l3") });
    });
    table.refuses(Rule::StepCount, "a batch opened without an overseer", Locked, |w| _ = w.step(&["t1"], w.fund("b1", "l3")));
}

/// The opening of b1 without these cases, for these statements.
fn without(w: &World, less: &[(&str, StatementHash)]) -> Step {
    let kept: Vec<&str> = CASES.iter().copied().filter(|case| less.iter().all(|(other, _)| other != case)).collect();
    let (count, total) = sum(&kept);
    let less: Vec<(CaseId, StatementHash)> = less.iter().map(|(case, hash)| (case_id(case), *hash)).collect();
    let mut step = Step { less, ..w.fund("b1", "l3") };
    set(&mut step, count, total);
    step
}

fn holds(table: &mut Table) {
    table.admits("a batch without a payment that is held", Locked, |w| {
        let hash = hold(w, "p2");
        w.step(&["t1", "s1"], without(w, &[("p2", hash)]));
    });
    table.refuses(Rule::HoldUnnamed, "a batch with a payment that is held", Locked, |w| {
        hold(w, "p2");
        w.step(&["t1", "s1"], w.fund("b1", "l3"));
    });
    table.refuses(Rule::HoldUnnamed, "a batch without a payment that nobody holds", Locked, |w| {
        let hash = w.told("lock");
        w.step(&["t1", "s1"], without(w, &[("p2", hash)]));
    });
    table.refuses(Rule::HoldUnnamed, "a batch without a payment, for another's hold", Locked, |w| {
        let hash = hold(w, "p2");
        w.step(&["t1", "s1"], without(w, &[("p1", hash)]));
    });
    table.refuses(Rule::HoldUnnamed, "a batch without a payment whose hold was released", Locked, |w| {
        let hash = hold(w, "p2");
        release(w, "p2", hash);
        w.step(&["t1", "s1"], without(w, &[("p2", hash)]));
    });
    table.refuses(Rule::HoldUnnamed, "a hold on a case that is not on the list", Locked, |w| {
        let hash = hold(w, "z1");
        let less = vec![(case_id("z1"), hash)];
        w.step(&["t1", "s1"], Step { less, ..w.fund("b1", "l3") });
    });
    table.refuses(Rule::HoldUnnamed, "two holds in another order", Locked, |w| {
        let (one, two) = (hold(w, "p1"), hold(w, "p2"));
        w.step(&["t1", "s1"], without(w, &[("p2", two), ("p1", one)]));
    });
    table.refuses(Rule::HoldUnnamed, "a hold named twice", Locked, |w| {
        let hash = hold(w, "p2");
        w.step(&["t1", "s1"], without(w, &[("p2", hash), ("p2", hash)]));
    });
    table.refuses(Rule::BatchMatch, "a batch that names a hold and pays it all the same", Locked, |w| {
        let hash = hold(w, "p2");
        let mut step = without(w, &[("p2", hash)]);
        let (count, total) = sum(CASES);
        set(&mut step, count, total);
        w.step(&["t1", "s1"], step);
    });
    table.refuses(Rule::ListEmpty, "a batch of nothing, everything being held", Locked, |w| {
        let all: Vec<(&str, StatementHash)> = CASES.iter().map(|case| (*case, hold(w, case))).collect();
        w.step(&["t1", "s1"], without(w, &all));
    });
    table.admits("a payment that was held, released and paid in a later batch", Locked, |w| {
        let hash = hold(w, "p2");
        w.step(&["t1", "s1"], without(w, &[("p2", hash)]));
        release(w, "p2", hash);
        let mut step = w.fund("b2", "l3");
        let (count, total) = sum(&["p2"]);
        set(&mut step, count, total);
        w.step(&["t1", "s1"], step);
    });
    table.refuses(Rule::FlagOpen, "an order of a batch with a payment held since", Funded, |w| {
        hold(w, "p2");
        w.step(&["t1"], w.pay("b1", "l3"));
    });
    table.admits("an order of a batch whose hold was released", Funded, |w| {
        let hash = hold(w, "p2");
        release(w, "p2", hash);
        w.step(&["t1"], w.pay("b1", "l3"));
    });
}

fn covers(table: &mut Table) {
    open(table, Rule::CosignedMissing, "with an entry that is not cosigned", |w, step| step.cosigned = Some(w.size() - 2));
    open(table, Rule::CosignedMissing, "with an entry that is still to come", |w, step| step.cosigned = Some(w.size() + 1));
    table.refuses(Rule::CosignedMissing, "a batch opened with a cosigned entry from before the lock", Confirmed, |w| {
        w.payments(&["t1"], "l3", CASES);
        w.cosign();
        w.list_step(&["t1", "t2"], w.lock("l3"), CASES);
        w.step(&["t1", "s1"], w.fund("b1", "l3"));
    });
    table.refuses(Rule::CosignedMissing, "a batch opened with a later entry about the log before the lock", Confirmed, |w| {
        w.payments(&["t1"], "l3", CASES);
        let before = w.size();
        w.list_step(&["t1", "t2"], w.lock("l3"), CASES);
        let note = w.cosigned_at(before);
        w.push(note.encode().as_bytes());
        w.step(&["t1", "s1"], w.fund("b1", "l3"));
    });
    table.refused(
        Rule::CosignedMissing,
        "a batch opened with fewer witnesses than it needs",
        World::programme_of(&PROGRAMME.replace("cosigned = 1", "cosigned = 2")),
        |w| w.run_on(Stage::Staffed, Funded),
    );
    table.refuses(Rule::CosignedMissing, "an order with a cosigned entry from before the lock", Funded, |w| {
        w.step(&["t1"], Step { cosigned: Some(w.entry_of(&w.told("post-down")) + 1), ..w.pay("b1", "l3") });
    });
}

fn going_on(table: &mut Table) {
    table.refuses(Rule::BatchUnknown, "an order of a batch that nobody opened", Funded, |w| _ = w.step(&["t1"], w.pay("b9", "l3")));
    table.refuses(Rule::BatchMatch, "an order of another total than was funded", Funded, |w| {
        let mut step = w.pay("b1", "l3");
        let (count, total) = sum(CASES);
        set(&mut step, count, total + 1);
        w.step(&["t1"], step);
    });
    table.refuses(Rule::BatchMatch, "an order of another list than was funded", Funded, |w| {
        let mut step = w.pay("b1", "l3");
        step.batch.as_mut().unwrap().list = code("l2");
        w.step(&["t1"], step);
    });
    table.refuses(Rule::StepRepeated, "an order a second time", Paid, |w| _ = w.step(&["t1"], w.pay("b1", "l3")));
    table.refuses(Rule::StepOrder, "a settling before the order", Funded, |w| {
        w.results(&["t2"], "r1", &CASES.iter().map(|case| (*case, None)).collect::<Vec<_>>());
        w.step(&["t2", "t3"], w.settle("b1", "l3", "r1"));
    });
    table.refuses(Rule::Distinct, "a settling by who funded the batch", Paid, |w| {
        w.results(&["t2"], "r1", &CASES.iter().map(|case| (*case, None)).collect::<Vec<_>>());
        w.step(&["t1", "t3"], w.settle("b1", "l3", "r1"));
    });
}

/// A settling with these results; the totals say what they should.
fn settle(w: &mut World, batch: &str, of: &[&str], results: &[(&str, Option<&str>)]) -> Step {
    let list = format!("results-{batch}");
    w.results(&["t2"], &list, results);
    let paid: Vec<&str> = results.iter().filter(|(_, failed)| failed.is_none()).map(|(case, _)| *case).collect();
    let mut step = w.settle(batch, "l3", &list);
    let (count, total) = sum(of);
    set(&mut step, count, total);
    let (count, total) = sum(&paid);
    step.totals[0] = (code("bank"), count, total);
    step
}

const ONE_FAILED: &[(&str, Option<&str>)] = &[("p1", None), ("p2", Some("closed")), ("p3", None), ("p4", None)];

fn results(table: &mut Table) {
    let mut settled = |rule: Rule, name: &str, results: &'static [(&'static str, Option<&'static str>)]| {
        table.refuses(rule, name, Paid, |w| {
            let step = settle(w, "b1", CASES, results);
            w.step(&["t2", "t3"], step);
        });
    };
    settled(Rule::ResultsLines, "a payment without a result", &[("p1", None), ("p2", None), ("p3", None)]);
    settled(Rule::ResultsLines, "a result of no payment", &[("p1", None), ("p2", None), ("p3", None), ("p4", None), ("z1", None)]);
    settled(Rule::ResultsLines, "a result of another case instead", &[("p1", None), ("p2", None), ("p3", None), ("z1", None)]);
    table.admits("a settling in which one payment failed", Paid, |w| {
        let step = settle(w, "b1", CASES, ONE_FAILED);
        w.step(&["t2", "t3"], step);
    });
    table.refuses(Rule::ListKind, "a settling with a list of payments for results", Paid, |w| {
        w.step(&["t2", "t3"], w.settle("b1", "l3", "l3"));
    });
    table.refuses(Rule::ListRoot, "a settling with results of another root", Paid, |w| {
        let mut step = settle(w, "b1", CASES, ONE_FAILED);
        step.results.as_mut().unwrap().root = signer::value::ListRoot([0; 32]);
        w.step(&["t2", "t3"], step);
    });
}

fn totals(table: &mut Table) {
    open(table, Rule::Totals, "without its total", |_, step| step.totals.clear());
    open(table, Rule::Totals, "with another total's code", |_, step| step.totals[0].0 = code("bank"));
    open(table, Rule::Totals, "with a total of a fen less", |_, step| step.totals[0].2 -= 1);
    open(table, Rule::Totals, "with a total of one payment more", |_, step| step.totals[0].1 += 1);
    table.refuses(Rule::Totals, "an order with its totals in another order", Funded, |w| {
        let mut step = w.pay("b1", "l3");
        step.totals.reverse();
        w.step(&["t1"], step);
    });
    table.refuses(Rule::Totals, "an order with a total twice", Funded, |w| {
        let mut step = w.pay("b1", "l3");
        step.totals[1] = step.totals[0].clone();
        w.step(&["t1"], step);
    });
    table.refuses(Rule::Totals, "a bank that paid all though one payment failed", Paid, |w| {
        let mut step = settle(w, "b1", CASES, ONE_FAILED);
        let (count, total) = sum(CASES);
        step.totals[0] = (code("bank"), count, total);
        w.step(&["t2", "t3"], step);
    });
}

/// b1 is settled, the payment of p2 having failed.
fn one_failed(w: &mut World) {
    let step = settle(w, "b1", CASES, ONE_FAILED);
    w.step(&["t2", "t3"], step);
}

/// b2 pays again what failed in b1.
fn repay(w: &World, cases: &[&str]) -> Step {
    let mut step = Step { repays: Some(code("b1")), ..w.fund("b2", "l3") };
    let (count, total) = sum(cases);
    set(&mut step, count, total);
    step
}

fn again(table: &mut Table) {
    table.admits("what failed is paid again", Paid, |w| {
        one_failed(w);
        w.cosign();
        w.step(&["t1", "s1"], repay(w, &["p2"]));
    });
    table.refuses(Rule::CosignedMissing, "what failed paid again before the failure is cosigned", Paid, |w| {
        one_failed(w);
        w.step(&["t1", "s1"], repay(w, &["p2"]));
    });
    table.refuses(Rule::BatchMatch, "what was paid is paid again beside what failed", Paid, |w| {
        one_failed(w);
        w.cosign();
        w.step(&["t1", "s1"], repay(w, &["p1", "p2"]));
    });
    table.refuses(Rule::BatchMatch, "what failed is paid again twice", Paid, |w| {
        one_failed(w);
        w.cosign();
        w.step(&["t1", "s1"], repay(w, &["p2"]));
        let mut step = repay(w, &["p2"]);
        step.batch.as_mut().unwrap().batch = code("b3");
        w.step(&["t1", "s1"], step);
    });
    table.refuses(Rule::ListEmpty, "a batch paid again in which nothing failed", Settled, |w| {
        w.cosign();
        w.step(&["t1", "s1"], repay(w, &[]));
    });
    table.refuses(Rule::ListUnknown, "a batch of another list paid again", Paid, |w| {
        one_failed(w);
        w.cosign();
        let mut step = repay(w, &["p2"]);
        step.batch.as_mut().unwrap().list = code("l2");
        w.step(&["t1", "s1"], step);
    });
    table.refuses(Rule::BatchMatch, "what failed paid in a batch that pays nothing again", Paid, |w| {
        one_failed(w);
        w.cosign();
        w.step(&["t1", "s1"], Step { repays: None, ..repay(w, &["p2"]) });
    });
    table.refuses(Rule::HoldUnnamed, "what failed paid again though it is held", Paid, |w| {
        one_failed(w);
        hold(w, "p2");
        w.cosign();
        w.step(&["t1", "s1"], repay(w, &["p2"]));
    });
    table.admits("a batch that pays again, taken back", Paid, |w| {
        one_failed(w);
        w.cosign();
        let of = w.step(&["t1", "s1"], repay(w, &["p2"]));
        let evidence = crate::programme::paper("note");
        let act = signer::act::Correct { case: None, batch: Some(code("b2")), of, reason: code("mistake"), evidence };
        w.act(&["t1"], Act::Correct(act));
        let mut step = repay(w, &["p2"]);
        step.batch.as_mut().unwrap().batch = code("b3");
        w.step(&["t1", "s1"], step);
    });
}

fn notices(table: &mut Table) {
    table.refuses(Rule::PaymentUnknown, "a notice of a payment that failed", Paid, |w| {
        one_failed(w);
        w.step(&["c3"], w.notice("p2", "b1"));
    });
    table.refuses(Rule::PaymentUnknown, "a notice of a payment that is on its way", Paid, |w| _ = w.step(&["c3"], w.notice("p1", "b1")));
    table.refuses(Rule::PaymentUnknown, "a notice of a payment in another batch", Settled, |w| _ = w.step(&["c3"], w.notice("p1", "b2")));
    table.refuses(Rule::PaymentUnknown, "a notice to a case that is on no list", Settled, |w| _ = w.step(&["c2"], w.notice("z1", "b1")));
    table.refuses(Rule::StepRepeated, "a second notice", Noticed, |w| _ = w.step(&["c3"], w.notice("p1", "b1")));
    table.refuses(Rule::CaseUnit, "a notice by the clerk of another village", Settled, |w| _ = w.step(&["c2"], w.notice("p1", "b1")));
    table.refuses(Rule::Distinct, "a notice by who funded the batch", Settled, |w| _ = w.step(&["t1"], w.notice("p1", "b1")));
    table.warns(Rule::Distinct, "a notice by who took the application", Settled, |w| _ = w.step(&["c1"], w.notice("p1", "b1")));
}

fn late(table: &mut Table) {
    // Locked on a Monday: three working days are over on Thursday.
    table.admits("a batch opened on the third working day", Locked, |w| {
        w.pass(3);
        w.step(&["t1", "s1"], w.fund("b1", "l3"));
    });
    table.warns(Rule::Late, "a batch opened a day late", Locked, |w| {
        w.pass(4);
        w.step(&["t1", "s1"], w.fund("b1", "l3"));
    });
    table.admits("an order on the third working day", Funded, |w| {
        w.pass(3);
        w.step(&["t1"], w.pay("b1", "l3"));
    });
    table.warns(Rule::Late, "an order a day late", Funded, |w| {
        w.pass(4);
        w.step(&["t1"], w.pay("b1", "l3"));
    });
    table.admits("a notice on the fourth day", Settled, |w| {
        w.pass(4);
        w.step(&["c3"], w.notice("p1", "b1"));
    });
    table.warns(Rule::Late, "a notice a day late", Settled, |w| {
        w.pass(5);
        w.step(&["c3"], w.notice("p1", "b1"));
    });
}
