//! How one official may try to have a case left out and others blamed for it, or to stop everybody else's lists (section 8.7, points 2
//! to 5; decision 0012).

use signer::Rule;
use signer::act::{Account, Act, AnswerOutcome, Assertion, PaymentLine, SheetLines, Transfer, Vote};
use signer::statement::Header;
use signer::value::StatementHash;

use super::Table;
use super::case_acts::{answer, correct, object};
use super::steps::outcome;
use crate::programme::Stage::{Opened, Posted, Rechecked, Settled, Staffed, Up, Visited};
use crate::programme::{CASES, OTHER, account, case_id, paper};
use crate::world::{World, code, unit};

const OTHERS: &[&str] = &["p1", "p2", "p3"];
const VICTIM: &str = "p4";

fn lines(w: &World, cases: &[&str]) -> Vec<signer::act::CaseLine> {
    cases.iter().map(|case| w.line(case)).collect()
}

fn lay(w: &mut World, list: &str, lines: SheetLines) {
    w.sheet(&["h1"], list, lines);
    w.seats(&["h1"], &format!("{list}-seats"), &[("s1", Vote::Agree), ("s2", Vote::Agree)]);
}

fn meet(w: &mut World, list: &str, kept: &[&str]) -> StatementHash {
    w.list_step(&["h1", "k1"], w.deliberate(list), kept)
}

fn seeing(w: &World, size: u64) -> impl FnOnce(&mut Header) + use<> {
    let seen = w.history.seen_at(size).unwrap();
    move |header| header.seen = seen
}

fn newcomer(w: &mut World, case: &str) {
    w.open_case(case, "07-01", &["c1"]);
    w.step(&["v1", "v2"], w.visit(case));
}

/// Clerk c1 registers a new card at the victim's own request.
fn card(w: &mut World) -> StatementHash {
    let act = Account { case: w.at(VICTIM), account: account(VICTIM), reason: code("lost"), evidence: paper("card") };
    w.on_case(&["c1"], VICTIM, Act::Account(act))
}

fn up(w: &mut World, list: &str) {
    w.act(&["h1"], Act::PostUp(w.post_up(list)));
}

fn down(w: &mut World, list: &str, kept: &[&str]) {
    let hash = w.act(&["h1"], Act::PostDown(w.post_down(list)));
    kept.iter().for_each(|case| _ = w.heads.insert((*case).to_owned(), hash));
}

pub(super) fn fill(table: &mut Table) {
    exclude(table);
    reuse(table);
    hang(table);
    others(table);
    unpayable(table);
}

fn exclude(table: &mut Table) {
    let pre_listed = |w: &mut World| {
        OTHERS.iter().for_each(|case| _ = w.step(&["v1", "v2"], w.visit(case)));
        lay(w, "l1", SheetLines::Cases(lines(w, CASES)));
        let visited = w.step(&["v1", "v2"], w.visit(VICTIM));
        meet(w, "l1", OTHERS);
        visited
    };
    table.refuses(
        Rule::StepOrder,
        "attack: a victim is listed before the visit, so that the visitors are named for the dropping",
        Opened,
        |w| _ = pre_listed(w),
    );
    table.refuses(Rule::OmitUnfounded, "attack: a clerk's new card is named as the reason for a case that is due again", Visited, |w| {
        lay(w, "l1", SheetLines::Cases(lines(w, CASES)));
        let hash = card(w);
        meet(w, "l1", OTHERS);
        newcomer(w, "q1");
        lay(w, "m1", SheetLines::Cases(vec![World::omission(VICTIM, hash), w.line("q1")]));
        meet(w, "m1", &["q1"]);
    });
    table.refuses(Rule::StepOrder, "attack: only the sheet looks away from the visit", Opened, |w| {
        let old = w.line(VICTIM);
        let size = w.size();
        w.run_on(Opened, Visited);
        let mut all = lines(w, OTHERS);
        all.push(old);
        let (sheet, edit) = (SheetLines::Cases(all), seeing(w, size));
        w.lists.insert("l1".to_owned(), World::list_ref("l1", &sheet));
        w.act_with(&["h1"], World::sheet_of("l1", 0, sheet), edit);
        w.seats(&["h1"], "l1-seats", &[("s1", Vote::Agree), ("s2", Vote::Agree)]);
        meet(w, "l1", OTHERS);
    });
}

fn hang(table: &mut Table) {
    let raced = |w: &mut World| {
        lay(w, "l1", SheetLines::Cases(lines(w, CASES)));
        let edit = seeing(w, w.size());
        w.open_case("q1", "07-01", &["c1"]);
        w.step_with(&["h1", "k1"], w.deliberate("l1"), edit);
    };
    table.admits("a meeting that did not see an application", Visited, raced);
    table.admits("what such a meeting decided is posted", Visited, |w| {
        raced(w);
        up(w, "l1");
    });
    let second = |w: &mut World| {
        newcomer(w, "q1");
        lay(w, "l9", SheetLines::Cases(lines(w, &["q1"])));
        meet(w, "l9", &["q1"]);
        up(w, "l9");
        w.pass(7);
    };
    table.admits("a list comes down though a case of an earlier list was corrected while it hung", Posted, |w| {
        second(w);
        correct(w, "c1", "p1", w.told("post-down"));
        down(w, "l9", &["q1"]);
    });
    table.admits("a list comes down though the county has dropped a case of another", Rechecked, |w| {
        second(w);
        object(w, "p1");
        let mut all = lines(w, CASES);
        all.push(World::omission("q1", w.heads["q1"]));
        all.push(World::omission(OTHER, w.heads[OTHER]));
        w.sheet(&["m1"], "l2", SheetLines::Cases(all));
        w.list_step(&["m1", "s1"], w.confirm("l2"), &["p2", "p3", "p4"]);
        down(w, "l9", &["q1"]);
    });
    let hangs = |w: &mut World| {
        let hash = object(w, VICTIM);
        let mut all = lines(w, OTHERS);
        all.push(World::omission(VICTIM, hash));
        lay(w, "l1", SheetLines::Cases(all));
        meet(w, "l1", OTHERS);
        up(w, "l1");
        w.pass(7);
        hash
    };
    table.admits("a list that omits by an objection comes down", Visited, |w| {
        hangs(w);
        down(w, "l1", OTHERS);
    });
    table.admits("a list comes down though the objection that it names was answered while it hung", Visited, |w| {
        let hash = hangs(w);
        answer(w, "m2", hash, AnswerOutcome::Dismissed);
        down(w, "l1", OTHERS);
    });
}

fn others(table: &mut Table) {
    table.admits("a list comes down without a case that moved away while it hung", Up, |w| {
        w.pass(7);
        let act = Transfer { case: w.at(VICTIM), from: unit("07-01"), to: unit("07-02"), reason: code("moved") };
        w.on_case(&["c1", "c2"], VICTIM, Act::Transfer(act));
        w.take_down(OTHERS);
    });
    table.admits("an objection to somebody who was met does not lower the share of the others", Opened, |w| {
        for (number, case) in CASES.iter().enumerate() {
            let mut step = w.visit(case);
            if number == 0 {
                step.asserts[0].1 = Assertion::Unclear;
            }
            w.step(&["v1", "v2"], step);
        }
        lay(w, "l1", SheetLines::Cases(lines(w, CASES)));
        object(w, "p2");
        meet(w, "l1", CASES);
    });
}

fn unpayable(table: &mut Table) {
    let overflow = |w: &mut World| {
        for case in CASES {
            let mut visit = {
                w.open_case(case, "07-01", &["c1"]);
                w.visit(case)
            };
            if *case == "p2" {
                visit.measures[0].1 = 9_007_199_254_740_991;
            }
            w.step(&["v1", "v2"], visit);
        }
        w.run_on(Visited, crate::programme::Stage::Confirmed);
    };
    table.refuses(Rule::Amount, "a case whose amount is too much, as a line of the payment list", Staffed, |w| {
        overflow(w);
        w.payments(&["t1"], "l3", CASES);
        w.step(&["t1", "t2"], w.lock("l3"));
    });
    table.admits("a case whose amount is too much waits, and the others are paid", Staffed, |w| {
        overflow(w);
        let mut all: Vec<_> = CASES.iter().map(|case| w.payment(case)).collect();
        all[1] = PaymentLine::Omits { case: case_id("p2"), hash: w.heads["p2"] };
        w.sheet(&["t1"], "l3", SheetLines::Payments(all));
        w.step(&["t1", "t2"], w.lock("l3"));
    });
    let resumed = |w: &mut World| {
        w.cosign();
        newcomer(w, "q1");
        outcome(w, &["v1"], "p1", "suspend", "unclear");
        w.step(&["v1", "v2"], w.visit("p1"));
        let both = ["p1", "q1"];
        lay(w, "l9", SheetLines::Cases(lines(w, &both)));
        meet(w, "l9", &both);
        up(w, "l9");
        w.pass(7);
        down(w, "l9", &both);
        w.cosign();
        both.iter().for_each(|case| _ = w.step(&["i1", "i2"], w.recheck(case)));
        w.list(&["m1"], "l8", &both);
        w.list_step(&["m1", "s1"], w.confirm("l8"), &both);
    };
    let lock = |w: &mut World, p1: Option<PaymentLine>| {
        let mut all: Vec<PaymentLine> = p1.into_iter().collect();
        all.push(w.payment("q1"));
        all.push(PaymentLine::Omits { case: case_id(OTHER), hash: w.heads[OTHER] });
        w.sheet(&["t1"], "l7", SheetLines::Payments(all));
        w.step(&["t1", "t2"], w.lock("l7"));
    };
    table.refuses(Rule::CasePaid, "a paid case that was suspended and confirmed again, as a line", Settled, |w| {
        resumed(w);
        let line = w.payment("p1");
        lock(w, Some(line));
    });
    table.admits("a paid case that was suspended and confirmed again waits, and the others are paid", Settled, |w| {
        resumed(w);
        let line = PaymentLine::Omits { case: case_id("p1"), hash: w.heads["p1"] };
        lock(w, Some(line));
    });
    table.refuses(Rule::ListOmits, "a paid case that was suspended and confirmed again, in no line", Settled, |w| {
        resumed(w);
        lock(w, None);
    });
}

fn reuse(table: &mut Table) {
    let lax = crate::programme::PROGRAMME.replace(
        "cover    = { new = \"1/2\", continuing = \"1/4\", related = \"1/1\" }",
        "cover    = { new = \"0/1\", continuing = \"0/1\", related = \"0/1\" }",
    );
    table.refused_last(
        Rule::ListOmits,
        "attack: the county confirms the list of an earlier meeting, and the victim came after it",
        World::programme_of(&lax),
        |w| {
            for case in OTHERS {
                newcomer(w, case);
            }
            lay(w, "l1", SheetLines::Cases(lines(w, OTHERS)));
            meet(w, "l1", OTHERS);
            newcomer(w, VICTIM);
            lay(w, "l9", SheetLines::Cases(lines(w, &[VICTIM])));
            meet(w, "l9", &[VICTIM]);
            up(w, "l1");
            w.pass(7);
            down(w, "l1", OTHERS);
            up(w, "l9");
            w.pass(7);
            down(w, "l9", &[VICTIM]);
            w.cosign();
            w.list_step(&["m1", "s1"], w.confirm("l1"), OTHERS);
        },
    );
    let two = crate::programme::PROGRAMME.replace("[[step]]\nid       = \"recheck\"", "[[step]]\nid = \"wall\"\non = \"list\"\nafter = [\"deliberate\"]\nby = { any = [\"chair\"], min = 1 }\nfor = [\"new\"]\nlists = \"village\"\nposting = { at = [\"village\"], days = 7, calendar = \"natural\", up = [\"far\"], down = [\"near\"], phones = [] }\n\n[[step]]\nid       = \"recheck\"");
    assert!(two.contains("wall"));
    let mut world = World::programme_of(&two);
    world.run_on(Staffed, Up);
    table.holds("a list is up in two steps at once, and comes down in the first", world, |w| {
        let mut act = w.post_up("l1");
        act.step = code("wall");
        act.places = crate::programme::papers(&["village"]);
        act.photos = crate::programme::papers(&["far"]);
        act.phones = Vec::new();
        w.act(&["h1"], Act::PostUp(act));
        w.pass(7);
        down(w, "l1", CASES);
    });
}
