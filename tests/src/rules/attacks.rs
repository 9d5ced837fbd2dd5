//! What people who collude would try with a programme. Either it is refused, or the record holds a statement that they signed and
//! to which everybody is pointed. What these do not close stands in decision 0012.

use signer::Rule;
use signer::act::{Account, Act, EndReason, Objection, SheetLines, Step, Vote};
use signer::statement::Header;
use signer::value::{Share, StatementHash};

use super::Table;
use super::case_acts::{correct, hold, object, recuse};
use super::steps::outcome;
use crate::programme::Stage::{Confirmed, Deliberated, Funded, Locked, Noticed, Opened, Paid, Rechecked, Settled, Staffed, Up, Visited};
use crate::programme::{CASES, OTHER, PROGRAMME, account, fen, paper};
use crate::world::{World, code, person, time};

pub(super) fn fill(table: &mut Table) {
    left_out(table);
    waiting(table);
    next_year(table);
    newcomers(table);
    blamed(table);
    again(table);
    moved_away(table);
    dropped(table);
    seen_early(table);
    backdated(table);
    payments(table);
    amounts(table);
    persons(table);
    units(table);
}

/// The cases but the victim.
const OTHERS: &[&str] = &["p1", "p2", "p3"];
const VICTIM: &str = "p4";

fn lay(w: &mut World, list: &str, lines: SheetLines) {
    w.sheet(&["h1"], list, lines);
    w.seats(&["h1"], &format!("{list}-seats"), &[("s1", Vote::Agree), ("s2", Vote::Agree)]);
}

fn lines(w: &World, cases: &[&str]) -> Vec<signer::act::CaseLine> {
    cases.iter().map(|case| w.line(case)).collect()
}

fn meet(w: &mut World, list: &str) -> StatementHash {
    w.step(&["h1", "k1"], w.deliberate(list))
}

fn left_out(table: &mut Table) {
    table.refuses(Rule::ListOmits, "attack: the victim is on no line of the meeting's list", Visited, |w| {
        lay(w, "l1", SheetLines::Cases(lines(w, OTHERS)));
        meet(w, "l1");
    });
    table.refuses(Rule::OmitUnfounded, "attack: the victim is omitted by the list's own sheet", Visited, |w| {
        w.list(&["h1"], "l0", OTHERS);
        let mut all = lines(w, OTHERS);
        all.push(World::omission(VICTIM, w.last()));
        lay(w, "l1", SheetLines::Cases(all));
        meet(w, "l1");
    });
    table.refuses(Rule::ListOmits, "attack: the victim was at the meeting and is not on the wall", Deliberated, |w| {
        lay(w, "l5", SheetLines::Cases(lines(w, OTHERS)));
        w.act(&["h1"], Act::PostUp(w.post_up("l5")));
    });
    table.refuses(Rule::ListOmits, "attack: the victim was confirmed and is not on the payment list", Confirmed, |w| {
        w.payments(&["t1"], "l3", OTHERS);
        w.step(&["t1", "t2"], w.lock("l3"));
    });
    table.refuses(Rule::BatchMatch, "attack: the victim was locked and is not in the batch", Locked, |w| {
        let total: u64 = OTHERS.iter().map(|case| fen(case)).sum();
        let mut step = w.fund("b1", "l3");
        if let Some(batch) = &mut step.batch {
            (batch.count, batch.total) = (3, total);
        }
        step.totals = vec![(code("budget"), 3, total)];
        w.step(&["t1", "s1"], step);
    });
    table.refuses(Rule::ResultsLines, "attack: the victim's payment has no result", Paid, |w| {
        w.results(&["t2"], "r1", &OTHERS.iter().map(|case| (*case, None)).collect::<Vec<_>>());
        w.step(&["t2", "t3"], w.settle("b1", "l3", "r1"));
    });
    table.refuses(Rule::OmitUnfounded, "attack: the victim is omitted by an outcome that an appeal has undone", Visited, |w| {
        let hash = outcome(w, &["m1"], VICTIM, "reject", "income");
        let appeal = w.act(&["c1"], Act::Appeal(signer::act::Appeal { case: w.at(VICTIM), of: hash, evidence: None }));
        let answered = super::case_acts::answer(w, "m2", appeal, signer::act::AnswerOutcome::Upheld);
        w.heads.insert(VICTIM.to_owned(), answered);
        let mut all = lines(w, OTHERS);
        all.push(World::omission(VICTIM, hash));
        lay(w, "l1", SheetLines::Cases(all));
        meet(w, "l1");
    });
}

/// A meeting whose list names the victim by a statement, however far the victim has come.
fn meet_without(w: &mut World, list: &str, by: StatementHash) {
    let mut all = lines(w, OTHERS);
    all.push(World::omission(VICTIM, by));
    lay(w, list, SheetLines::Cases(all));
    meet(w, list);
}

fn visit_others(w: &mut World) {
    OTHERS.iter().for_each(|case| _ = w.step(&["v1", "v2"], w.visit(case)));
}

/// Nobody visits the victim: every list of the unit still names the case, and the statement after which it waits.
fn waiting(table: &mut Table) {
    table.refuses(Rule::ListOmits, "attack: a victim whom nobody visited is left off the meeting's list", Opened, |w| {
        visit_others(w);
        lay(w, "l1", SheetLines::Cases(lines(w, OTHERS)));
        meet(w, "l1");
    });
    table.admits("a meeting's list that names a case as waiting since its application", Opened, |w| {
        visit_others(w);
        meet_without(w, "l1", w.heads[VICTIM]);
    });
    table.refuses(Rule::OmitUnfounded, "attack: the list says of a victim who was visited that the case waits", Visited, |w| {
        meet_without(w, "l1", w.heads[VICTIM]);
    });
    table.refuses(Rule::OmitUnfounded, "attack: the list says that a visited victim waits since the application", Opened, |w| {
        let opened = w.heads[VICTIM];
        w.run_on(Opened, Visited);
        meet_without(w, "l1", opened);
    });
    table.refuses(Rule::OmitUnfounded, "attack: a victim waits, says the list, for longer than its writer knew", Opened, |w| {
        let opened = w.heads[VICTIM];
        visit_others(w);
        nudge(w);
        meet_without(w, "l1", opened);
    });
    table.refuses(
        Rule::OmitUnfounded,
        "attack: the list names an old head, and a colluding clerk moves the case afterwards",
        Opened,
        |w| {
            let opened = w.heads[VICTIM];
            visit_others(w);
            nudge(w);
            let mut all = lines(w, OTHERS);
            all.push(World::omission(VICTIM, opened));
            lay(w, "l1", SheetLines::Cases(all));
            nudge_again(w);
            meet(w, "l1");
        },
    );
    table.admits("a list whose waiting case moves before the meeting signs", Opened, |w| {
        visit_others(w);
        let mut all = lines(w, OTHERS);
        all.push(World::omission(VICTIM, w.heads[VICTIM]));
        lay(w, "l1", SheetLines::Cases(all));
        nudge(w);
        meet(w, "l1");
    });
    table.refuses(Rule::ListOmits, "attack: a victim whom nobody visited is on no list of the next step", Opened, |w| {
        visit_others(w);
        meet_without(w, "l1", w.heads[VICTIM]);
        let met = w.told("deliberate");
        OTHERS.iter().for_each(|case| _ = w.heads.insert((*case).to_owned(), met));
        lay(w, "l5", SheetLines::Cases(lines(w, OTHERS)));
        w.act(&["h1"], Act::PostUp(w.post_up("l5")));
    });
    table.refuses(Rule::ListOmits, "attack: the county's list passes over a case that waits in another village", Rechecked, |w| {
        w.sheet(&["m1"], "l2", SheetLines::Cases(lines(w, CASES)));
        w.step(&["m1", "s1"], w.confirm("l2"));
    });
}

/// Year 2027 begins for the first case alone.
fn renew_first(w: &mut World) {
    w.act(&["m1"], Act::Team(w.team(2027)));
    w.step(&["c1"], w.annual("p1", 2027));
    let visited = w.step(&["v1", "v2"], w.visit("p1"));
    w.cosign();
    if w.is_drawn_since("p1", w.entry_of(&visited), Share { numerator: 1, denominator: 4 }) {
        w.step(&["i1", "i2"], w.recheck("p1"));
    }
}

/// Who was paid last year and is not reviewed this year is named on this year's lists.
fn next_year(table: &mut Table) {
    table.refuses(Rule::ListOmits, "attack: the victim was paid last year and nobody reviews the case this year", Noticed, |w| {
        renew_first(w);
        w.list(&["m1"], "l9", &["p1"]);
        w.step(&["m1", "s1"], w.confirm("l9"));
    });
    table.admits("a list of this year that names who still waits for the annual review", Noticed, |w| {
        renew_first(w);
        let mut all = vec![w.line("p1")];
        all.extend(["p2", "p3", "p4", OTHER].map(|case| World::omission(case, w.heads[case])));
        w.sheet(&["m1"], "l9", SheetLines::Cases(all));
        w.step(&["m1", "s1"], w.confirm("l9"));
    });
}

/// A list accounts for those who were there when it was first used: nobody can stop it by applying.
fn newcomers(table: &mut Table) {
    table.admits("somebody applies while a list hangs", Up, |w| {
        w.pass(6);
        w.open_case("q1", "07-01", &["c1"]);
        w.pass(1);
        w.take_down(CASES);
    });
    table.admits("somebody applies between the meeting and the posting of its list", Deliberated, |w| {
        w.open_case("q1", "07-01", &["c1"]);
        w.act(&["h1"], Act::PostUp(w.post_up("l1")));
    });
    table.refuses(Rule::ListOmits, "attack: somebody who applied before the meeting is left out since the list is older", Visited, |w| {
        lay(w, "l1", SheetLines::Cases(lines(w, CASES)));
        w.open_case("q1", "07-01", &["c1"]);
        meet(w, "l1");
    });
}

/// Clerk c1 moves the victim's head.
fn nudge(w: &mut World) -> StatementHash {
    let act = Account { case: w.at(VICTIM), account: account(VICTIM), reason: code("lost"), evidence: paper("card") };
    w.on_case(&["c1"], VICTIM, Act::Account(act))
}

/// And once more, by other evidence.
fn nudge_again(w: &mut World) -> StatementHash {
    let act = Account { case: w.at(VICTIM), account: account("p4 again"), reason: code("lost"), evidence: paper("card") };
    w.on_case(&["c1"], VICTIM, Act::Account(act))
}

/// A list on which the victim is dropped since the clerk moved its head; the clerk's statement.
fn drop_victim(w: &mut World) -> StatementHash {
    lay(w, "l1", SheetLines::Cases(lines(w, CASES)));
    let hash = nudge(w);
    w.list_step(&["h1", "k1"], w.deliberate("l1"), OTHERS);
    hash
}

/// Ways to have somebody else named for the omission, or a meeting's votes counted twice.
fn blamed(table: &mut Table) {
    table.refuses(Rule::CaseHead, "attack: the list names the victim at a head from before the visit that its writer saw", Opened, |w| {
        let old = w.line(VICTIM);
        w.run_on(Opened, Visited);
        let mut all = lines(w, OTHERS);
        all.push(old);
        lay(w, "l1", SheetLines::Cases(all));
        meet(w, "l1");
    });
    table.refuses(Rule::CaseHead, "attack: the list names an old head, and a colluder moves the victim so that it drops", Visited, |w| {
        let mut all = lines(w, OTHERS);
        all.push(w.line(VICTIM));
        nudge(w);
        lay(w, "l1", SheetLines::Cases(all));
        nudge_again(w);
        meet(w, "l1");
    });
    table.refuses(Rule::OmitUnfounded, "attack: the victim is omitted by the recusal of somebody who does not sign", Visited, |w| {
        recuse(w, &["v1"], VICTIM);
        let recusal = w.last();
        let mut all = lines(w, OTHERS);
        all.push(World::omission(VICTIM, recusal));
        lay(w, "l1", SheetLines::Cases(all));
        meet(w, "l1");
    });
    table.refuses(Rule::ListClosed, "attack: the seats of one meeting vote in another", Deliberated, |w| {
        w.list(&["h1"], "l4", OTHERS);
        w.lists.insert("l4-seats".to_owned(), w.lists["l1-seats"].clone());
        meet(w, "l4");
    });
}

/// A second payment in one period, and a case whose beginning is taken away.
fn again(table: &mut Table) {
    table.refuses(Rule::CasePaid, "attack: a paid case is suspended, visited again, and locked again", Settled, |w| {
        w.cosign();
        CASES.iter().for_each(|case| _ = outcome(w, &["v1"], case, "suspend", "unclear"));
        CASES.iter().for_each(|case| _ = w.step(&["v1", "v2"], w.visit(case)));
        w.list(&["h1"], "l1-2", CASES);
        w.seats(&["h1"], "l1-2-seats", &[("s1", Vote::Agree), ("s2", Vote::Agree)]);
        w.list_step(&["h1", "k1"], w.deliberate("l1-2"), CASES);
        w.act(&["h1"], Act::PostUp(w.post_up("l1-2")));
        w.pass(7);
        let down = w.act(&["h1"], Act::PostDown(w.post_down("l1-2")));
        CASES.iter().for_each(|case| _ = w.heads.insert((*case).to_owned(), down));
        w.cosign();
        CASES.iter().for_each(|case| _ = w.step(&["i1", "i2"], w.recheck(case)));
        w.list(&["m1"], "l2-2", CASES);
        w.list_step(&["m1", "s1"], w.confirm("l2-2"), CASES);
        w.payments(&["t1"], "l3-2", CASES);
        w.step(&["t1", "t2"], w.lock("l3-2"));
    });
    table.refuses(Rule::OfUnknown, "attack: a case's opening is taken back, so that it can never be done again", Opened, |w| {
        let opened = w.heads[VICTIM];
        correct(w, "m1", VICTIM, opened);
    });
}

fn moved_away(table: &mut Table) {
    // The victim is dropped, by name of the clerk's statement; whoever omits it again must say so.
    table.refuses(Rule::ListOmits, "attack: a victim whose head was moved before the meeting is on no later list", Visited, |w| {
        drop_victim(w);
        w.open_case("q1", "07-01", &["c1"]);
        w.step(&["v1", "v2"], w.visit("q1"));
        lay(w, "l9", SheetLines::Cases(lines(w, &["q1"])));
        meet(w, "l9");
    });
    table.refuses(
        Rule::OmitUnfounded,
        "attack: a victim whose head was moved, and who is due, is omitted by the mover's own statement",
        Visited,
        |w| {
            let hash = drop_victim(w);
            w.open_case("q1", "07-01", &["c1"]);
            w.step(&["v1", "v2"], w.visit("q1"));
            let omitted = World::omission(VICTIM, hash);
            lay(w, "l9", SheetLines::Cases(vec![omitted, w.line("q1")]));
            meet(w, "l9");
        },
    );
    table.refuses(Rule::OmitUnfounded, "attack: a victim whose head was moved is omitted by somebody else's statement", Visited, |w| {
        drop_victim(w);
        w.open_case("q1", "07-01", &["c1"]);
        w.step(&["v1", "v2"], w.visit("q1"));
        let omitted = World::omission(VICTIM, w.told("visit p4"));
        lay(w, "l9", SheetLines::Cases(vec![omitted, w.line("q1")]));
        meet(w, "l9");
    });
    table.admits("attack: a victim that is objected to before the meeting is omitted by the objector's statement", Visited, |w| {
        let act = Objection { case: w.at(VICTIM), reason: code("income"), evidence: None };
        let hash = w.act(&["h1"], Act::Objection(act));
        let mut all = lines(w, OTHERS);
        all.push(World::omission(VICTIM, hash));
        lay(w, "l1", SheetLines::Cases(all));
        meet(w, "l1");
    });
    table.refuses(Rule::ListOmits, "attack: a victim that is objected to is left out without a word", Visited, |w| {
        object(w, VICTIM);
        lay(w, "l1", SheetLines::Cases(lines(w, OTHERS)));
        meet(w, "l1");
    });
    table.refuses(Rule::OmitUnfounded, "attack: an objection raised and dismissed still keeps the victim out", Visited, |w| {
        let hash = object(w, VICTIM);
        super::case_acts::answer(w, "m2", hash, signer::act::AnswerOutcome::Dismissed);
        let mut all = lines(w, OTHERS);
        all.push(World::omission(VICTIM, hash));
        lay(w, "l1", SheetLines::Cases(all));
        meet(w, "l1");
    });
}

fn dropped(table: &mut Table) {
    table.admits("a case that was dropped is on a list of its own, at its new head", Visited, |w| {
        drop_victim(w);
        lay(w, "l9", SheetLines::Cases(lines(w, &[VICTIM])));
        meet(w, "l9");
    });
    table.refuses(Rule::StepOrder, "attack: a dropped case goes on with a list that it did not pass", Up, |w| {
        let hash = object(w, VICTIM);
        w.pass(7);
        w.take_down(OTHERS);
        w.cosign();
        super::case_acts::answer(w, "m2", hash, signer::act::AnswerOutcome::Dismissed);
        w.step(&["i1", "i2"], w.recheck(VICTIM));
    });
    table.admits("a dropped case is put on the wall by another list", Up, |w| {
        let hash = object(w, VICTIM);
        w.pass(7);
        w.take_down(OTHERS);
        super::case_acts::answer(w, "m2", hash, signer::act::AnswerOutcome::Dismissed);
        w.list(&["h1"], "l9", &[VICTIM]);
        w.act(&["h1"], Act::PostUp(w.post_up("l9")));
    });
    table.refuses(Rule::StepRepeated, "attack: a dropped case is listed again beside those that went on", Visited, |w| {
        drop_victim(w);
        lay(w, "l9", SheetLines::Cases(lines(w, CASES)));
        meet(w, "l9");
    });
}

/// What was seen at a size, on a header.
fn seeing(w: &World, size: u64) -> impl FnOnce(&mut Header) + use<> {
    let seen = w.history.seen_at(size).unwrap();
    move |header| header.seen = seen
}

fn seen_early(table: &mut Table) {
    // Signers who look away from what they have seen: the log says what they signed for.
    table.refuses(Rule::AtStale, "attack: a meeting that pretends to be four days old", Visited, |w| {
        let size = w.size();
        lay(w, "l1", SheetLines::Cases(lines(w, CASES)));
        let early = w.clock;
        w.pass(4);
        let act = Act::Step(Box::new(w.deliberate("l1")));
        let edit = seeing(w, size);
        w.act_with(&["h1", "k1"], act, |header| {
            edit(header);
            header.at = time(early);
        });
    });
    table.refuses(Rule::ListOmits, "attack: a meeting looks away from the victim's visit and names nobody", Opened, |w| {
        visit_others(w);
        lay(w, "l1", SheetLines::Cases(lines(w, OTHERS)));
        let edit = seeing(w, w.size());
        w.step(&["v1", "v2"], w.visit(VICTIM));
        w.step_with(&["h1", "k1"], w.deliberate("l1"), edit);
    });
    let looks_away = |w: &mut World| {
        visit_others(w);
        let mut all = lines(w, OTHERS);
        all.push(World::omission(VICTIM, w.heads[VICTIM]));
        lay(w, "l1", SheetLines::Cases(all));
        let edit = seeing(w, w.size());
        w.step(&["v1", "v2"], w.visit(VICTIM));
        w.step_with(&["h1", "k1"], w.deliberate("l1"), edit);
    };
    table.admits("a meeting that had not seen a visit names the case as waiting", Opened, looks_away);
    table.refuses(Rule::ListOmits, "attack: a victim from whose visit the meeting looked away is on no later list either", Opened, |w| {
        looks_away(w);
        w.open_case("q1", "07-01", &["c1"]);
        w.step(&["v1", "v2"], w.visit("q1"));
        lay(w, "l9", SheetLines::Cases(lines(w, &["q1"])));
        meet(w, "l9");
    });
    table.refuses(Rule::AtStale, "attack: a visit dated before the step's own allowance", Opened, |w| {
        let early = w.clock;
        w.pass(2);
        w.clock = w.clock.plus_ms(60_000);
        w.act_with(&["v1", "v2"], Act::Step(Box::new(w.visit("p1"))), |header| header.at = time(early));
    });
    table.refuses(Rule::AtFuture, "attack: a posting taken down in the name of tomorrow", Up, |w| {
        w.pass(6);
        let late = w.clock.plus_ms(super::DAY_MS);
        w.act_with(&["h1"], Act::PostDown(w.post_down("l1")), |header| header.at = time(late));
    });
}

fn backdated(table: &mut Table) {
    // Version 1 lets one recheck; version 2 asks for two. Whoever has seen version 2 cannot go back, and nobody after the allowance.
    let lax = PROGRAMME.replace("any = [\"inspector\"], min = 2", "any = [\"inspector\"], min = 1");
    let world = || {
        let mut world = World::programme_of(&lax);
        world.run_on(Staffed, crate::programme::Stage::Posted);
        world
    };
    let strict = PROGRAMME.replace("version = 1", "version = 2");
    let before = |w: &mut World| {
        let (name, size, at) = (w.procedure.clone(), w.size(), w.clock);
        w.enact(&strict);
        (name, size, at)
    };
    table.refused(Rule::ProcedureVersion, "attack: a step under the laxer version by one who has seen the stricter", world(), |w| {
        let (name, _, at) = before(w);
        let step = w.recheck(w.one_drawn(true));
        w.step_with(&["i1"], step, |header| (header.procedure, header.at) = (name, time(at)));
    });
    table.refused(Rule::ProcedureVersion, "attack: a step under the laxer version after the allowance", world(), |w| {
        let (name, size, _) = before(w);
        w.pass(4);
        let (step, edit, at) = (w.recheck(w.one_drawn(true)), seeing(w, size), w.clock);
        w.step_with(&["i1"], step, |header| {
            edit(header);
            (header.procedure, header.at) = (name, time(at));
        });
    });
    table.refused(Rule::StepCount, "attack: a step by one under the stricter version", world(), |w| {
        before(w);
        w.step(&["i1"], w.recheck(w.one_drawn(true)));
    });
    table.holds("a step under the version that its signer had seen, within the allowance", world(), |w| {
        let (name, size, at) = before(w);
        w.pass(2);
        let (step, edit) = (w.recheck(w.one_drawn(true)), seeing(w, size));
        w.step_with(&["i1"], step, |header| {
            edit(header);
            (header.procedure, header.at) = (name, time(at));
        });
    });
}

fn payments(table: &mut Table) {
    table.refuses(Rule::HoldUnnamed, "attack: a held case is paid with the others", Locked, |w| {
        hold(w, VICTIM);
        w.step(&["t1", "s1"], w.fund("b1", "l3"));
    });
    table.refuses(Rule::FlagOpen, "attack: a case held after its funding is paid", Funded, |w| {
        hold(w, VICTIM);
        w.cosign();
        w.step(&["t1"], w.pay("b1", "l3"));
    });
    table.refuses(Rule::BatchMatch, "attack: a list is paid twice, under another batch", Settled, |w| {
        w.cosign();
        w.step(&["t1", "s1"], w.fund("b2", "l3"));
    });
    table.refuses(Rule::BatchMatch, "attack: a batch that was paid is paid again as if it had failed", Settled, |w| {
        w.cosign();
        w.step(&["t1", "s1"], Step { repays: Some(code("b1")), ..w.fund("b2", "l3") });
    });
    table.refuses(Rule::StepRepeated, "attack: paid cases are locked again by another list", Settled, |w| {
        w.payments(&["t1"], "l4", CASES);
        w.step(&["t1", "t2"], w.lock("l4"));
    });
    table.refuses(Rule::CasePaid, "attack: a paid step is taken back, to do it again", Settled, |w| {
        super::case_acts::correct(w, "m1", "p1", w.told("lock"));
    });
    table.refuses(Rule::CasePaid, "attack: the account is changed between lock and payment", Locked, |w| _ = nudge(w));
    table.refuses(Rule::AccountOther, "attack: the account on the payment list is the treasurer's", Confirmed, |w| {
        let mut all: Vec<_> = CASES.iter().map(|case| w.payment(case)).collect();
        if let signer::act::PaymentLine::Pays { account: to, .. } = &mut all[3] {
            *to = account("treasurer");
        }
        w.sheet(&["t1"], "l3", SheetLines::Payments(all));
        w.step(&["t1", "t2"], w.lock("l3"));
    });
}

fn amounts(table: &mut Table) {
    table.refuses(Rule::CaseUnknown, "attack: a case that nobody opened is on the payment list", Confirmed, |w| {
        w.heads.insert("q9".to_owned(), w.heads["p1"]);
        let mut all: Vec<_> = CASES.iter().map(|case| w.payment(case)).collect();
        all.push(w.payment("q9"));
        w.sheet(&["t1"], "l3", SheetLines::Payments(all));
        w.step(&["t1", "t2"], w.lock("l3"));
    });
    table.refuses(Rule::StepOrder, "attack: a case that was only opened is on the payment list", Confirmed, |w| {
        let mut all: Vec<_> = CASES.iter().map(|case| w.payment(case)).collect();
        all.push(w.payment("z1"));
        w.sheet(&["t1"], "l3", SheetLines::Payments(all));
        w.step(&["t1", "t2"], w.lock("l3"));
    });
    table.refuses(Rule::Totals, "attack: the bank is sent a fen more than was funded", Funded, |w| {
        let mut step = w.pay("b1", "l3");
        step.totals[0].2 += 1;
        w.step(&["t1"], step);
    });
}

fn persons(table: &mut Table) {
    table.refuses(Rule::SignerRepeated, "attack: two signers are one person", Opened, |w| {
        let by = w.offices["v1"].clone();
        w.step_with(&["v1", "v1"], w.visit("p1"), |header| header.by = vec![by.clone(), by]);
    });
    table.refuses(Rule::SignerRepeated, "attack: the second signer who joins is the first", Opened, |w| {
        let hash = w.step_with(&["v1"], w.visit("p1"), |_| {});
        w.act(&["v1"], Act::Join { joins: hash });
    });
    table.refuses(Rule::IdentityTaken, "attack: one person is enrolled again to sign as two", Staffed, |w| {
        let mut act = w.enrolment("v9");
        let identity = signer::value::IdentityToken(crate::world::bytes("identity of v1"));
        let occasion = signer::possession::Occasion::Identity(identity);
        if let Act::Enrol { identity: token, proof, .. } = &mut act {
            *token = identity;
            *proof = signer::possession::prove(&w.id, &person("v9"), occasion, &crate::world::key("v9"));
        }
        w.act(&["f1", "f2"], act);
    });
    table.refuses(Rule::AppointmentEnded, "attack: a visitor who was dismissed visits", Opened, |w| {
        let appointment = w.offices["v1"].appointment;
        w.act(&["r1"], Act::AppointEnd { person: person("v1"), appointment, reason: EndReason::Dismissed });
        w.step(&["v1", "v2"], w.visit("p1"));
    });
}

fn units(table: &mut Table) {
    table.refuses(Rule::CaseUnit, "attack: a clerk opens a case in another village", Staffed, |w| w.open_case("p1", "07-02", &["c1"]));
    table.refuses(Rule::AppointmentMismatch, "attack: a clerk signs for a unit that is not the own", Staffed, |w| {
        let act = Act::Step(Box::new(w.apply("p1", "07-02")));
        w.act_with(&["c1"], act, |header| header.by[0].unit = crate::world::unit("07-02"));
    });
    table.refuses(Rule::AppointmentMismatch, "attack: a clerk signs as the director", Opened, |w| {
        let case = w.at("p1");
        let act = signer::act::Outcome { case, outcome: code("reject"), reason: code("x"), evidence: Vec::new() };
        w.act_with(&["c1"], Act::Outcome(act), |header| header.by[0].office = crate::world::office("director"));
    });
    table.refuses(Rule::ListUnit, "attack: a village's meeting decides on another village's case", Visited, |w| {
        w.step(&["v1", "v2"], w.visit("z1"));
        let mut all = lines(w, CASES);
        all.push(w.line("z1"));
        lay(w, "l1", SheetLines::Cases(all));
        meet(w, "l1");
    });
}
