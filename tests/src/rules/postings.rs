//! Lists on the wall: where, with which telephone numbers and photos, for how long (section 8.7, point 6).

use signer::Rule;
use signer::act::{Act, AnswerOutcome, PostDown, PostUp, SheetLines};

use super::Table;
use super::case_acts::{answer, correct, object};
use crate::programme::Stage::{Deliberated, Posted, Up, Visited};
use crate::programme::{CASES, papers};
use crate::world::{World, code, time};

pub(super) fn fill(table: &mut Table) {
    ups(table);
    downs(table);
    days(table);
    lines(table);
}

fn up(table: &mut Table, rule: Rule, name: &str, edit: impl FnOnce(&mut PostUp)) {
    table.refuses(rule, &format!("a posting {name}"), Deliberated, |w| {
        let mut act = w.post_up("l1");
        edit(&mut act);
        w.act(&["h1"], Act::PostUp(act));
    });
}

fn ups(table: &mut Table) {
    up(table, Rule::PostingPlace, "at one place too few", |act| _ = act.places.pop());
    up(table, Rule::PostingPlace, "at the places in another order", |act| act.places.reverse());
    up(table, Rule::PostingPlace, "at another place", |act| act.places = papers(&["village", "county"]));
    up(table, Rule::PostingPlace, "at one place too many", |act| act.places = papers(&["village", "township", "county"]));
    up(table, Rule::PostingPhone, "without telephone numbers", |act| act.phones.clear());
    up(table, Rule::PostingPhone, "with the numbers in another order", |act| act.phones.reverse());
    up(table, Rule::PostingPhone, "with one number too many", |act| act.phones.push(code("village")));
    up(table, Rule::PostingPhoto, "without the photo from near", |act| _ = act.photos.pop());
    up(table, Rule::PostingPhoto, "with the photos in another order", |act| act.photos.reverse());
    up(table, Rule::ListUnknown, "of a list of which there is no sheet", |act| act.list.list = code("l9"));
    up(table, Rule::ListRoot, "of a list of another count", |act| act.list.count += 1);
    table.refuses(Rule::CaseUnit, "a posting by the chair of another village", Deliberated, |w| {
        w.act(&["h2"], Act::PostUp(w.post_up("l1")));
    });
    table.refuses(Rule::StepOrder, "a posting of a list that no meeting discussed", Visited, |w| {
        w.list(&["h1"], "l1", CASES);
        w.put_up();
    });
    table.refuses(Rule::ListOmits, "a posting of a part of what was discussed", Deliberated, |w| {
        w.list(&["h1"], "l5", &["p1", "p2", "p3"]);
        w.act(&["h1"], Act::PostUp(w.post_up("l5")));
    });
    table.refuses(Rule::OverrideUnknown, "a posting with an override that nobody gave", Deliberated, |w| {
        let act = PostUp { overrides: vec![w.told("deliberate")], ..w.post_up("l1") };
        w.act(&["h1"], Act::PostUp(act));
    });
    table.admits("a list that is put up again", Up, |w| _ = w.put_up());
}

fn downs(table: &mut Table) {
    let mut down = |rule: Rule, name: &str, edit: &dyn Fn(&mut PostDown)| {
        table.refuses(rule, &format!("a list taken down {name}"), Up, |w| {
            w.pass(7);
            let mut act = w.post_down("l1");
            edit(&mut act);
            w.act(&["h1"], Act::PostDown(act));
        });
    };
    down(Rule::PostingPhoto, "without a photo", &|act| act.photos.clear());
    down(Rule::PostingPhoto, "with the photos of its putting up", &|act| act.photos = papers(&["far", "near"]));
    down(Rule::ListRoot, "of another root", &|act| act.list.root = signer::value::ListRoot([0; 32]));
    table.refuses(Rule::PostingDown, "a list taken down that was never up", Deliberated, |w| _ = w.take_down(CASES));
    table.refuses(Rule::PostingDown, "a list taken down in another's stead", Up, |w| {
        w.pass(7);
        w.sheet(&["h1"], "l5", SheetLines::Cases(CASES.iter().map(|case| w.line(case)).collect()));
        w.act(&["h1"], Act::PostDown(w.post_down("l5")));
    });
    table.refuses(Rule::StepRepeated, "a list taken down twice", Posted, |w| _ = w.take_down(CASES));
}

fn days(table: &mut Table) {
    table.refuses(Rule::PostingDays, "a list taken down on the sixth day", Up, |w| {
        w.pass(6);
        w.take_down(CASES);
    });
    table.admits("a list taken down on the seventh day", Up, |w| {
        w.pass(7);
        w.take_down(CASES);
    });
    // Dates count, not hours.
    let hang = |w: &mut World, from: &str, to: &str| {
        w.leap_to("2026-02-10T12:00:00");
        for case in CASES {
            w.step(&["v1", "v2"], w.visit(case));
        }
        w.list(&["h1"], "l1", CASES);
        w.seats(&["h1"], "l1-seats", &[("s1", signer::act::Vote::Agree), ("s2", signer::act::Vote::Agree)]);
        w.list_step(&["h1", "k1"], w.deliberate("l1"), CASES);
        w.leap_to(from);
        w.put_up();
        w.leap_to(to);
        w.take_down(CASES);
    };
    table.holds("six days and a second over seven midnights", World::leaping(), |w| hang(w, "2026-02-11T23:59:59", "2026-02-18T00:00:00"));
    table.refused(Rule::PostingDays, "almost seven days over six midnights", World::leaping(), |w| {
        hang(w, "2026-02-11T00:00:00", "2026-02-17T23:59:59");
    });
    table.refuses(Rule::PostingDays, "a list put up again, its days counted from the first time", Up, |w| {
        w.pass(3);
        w.put_up();
        w.pass(4);
        w.take_down(CASES);
    });
    table.refuses(Rule::PostingDays, "a list whose taking down is dated before its putting up", Up, |w| {
        w.pass(2);
        let act = Act::PostDown(w.post_down("l1"));
        let early = w.clock.plus_ms(-3 * super::DAY_MS + 60_000);
        w.act_with(&["h1"], act, |header| header.at = time(early));
    });
}

fn lines(table: &mut Table) {
    table.admits("a case objected to while the list hung is dropped", Up, |w| {
        object(w, "p2");
        w.pass(7);
        w.take_down(&["p1", "p3", "p4"]);
    });
    table.admits("a case whose objection was dismissed while the list hung stays", Up, |w| {
        let hash = object(w, "p2");
        answer(w, "m2", hash, AnswerOutcome::Dismissed);
        w.pass(7);
        w.take_down(CASES);
        w.cosign();
        for case in CASES.iter().filter(|case| w.is_drawn_new(case)).copied().collect::<Vec<_>>() {
            w.step(&["i1", "i2"], w.recheck(case));
        }
    });
    table.refuses(Rule::ListEmpty, "a posted list of which every case was objected to", Up, |w| {
        CASES.iter().for_each(|case| _ = object(w, case));
        w.pass(7);
        w.take_down(CASES);
    });
    table.admits("a case corrected while the list hung is dropped", Up, |w| {
        correct(w, "m1", "p1", w.told("deliberate"));
        w.pass(7);
        w.take_down(&["p2", "p3", "p4"]);
    });
}
