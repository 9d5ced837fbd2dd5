//! One thing done wrong.

use signer::act::{About, Act, Assertion, Basis, BatchRef, Capacity, CaseAt, Clause, ListRef, RelatedTo, SheetLines};
use signer::value::{CaseId, Code, DeviceId, ListRoot, Office, Period, PersonId, ProcedureDigest, StatementHash, Unit};

use super::acts::seconds;
use super::{Dice, Draft, Wisher, by_of, code};
use crate::model::{List, Model};

/// Changes one line of the header.
pub fn header(draft: &mut Draft, wisher: &mut Wisher<'_>, size: u64) {
    let hour = 3_600_000;
    match wisher.dice.below(19) {
        0 => draft.seen = size + 1 + wisher.dice.below(3),
        1 => draft.is_unlike = true,
        2 => draft.at = draft.received.plus_ms(301_000 + wisher.dice.below(hour as u64) as i64),
        3 => draft.at = draft.received.plus_ms(-73 * hour),
        4 => draft.at = draft.received.plus_ms(-hour * (20 + wisher.dice.below(60) as i64)),
        5 => draft.procedure = None,
        6 => {
            if let Some(procedure) = &mut draft.procedure {
                procedure.digest = ProcedureDigest(wisher.dice.hash());
            }
        }
        7 => {
            let all = wisher.model.enacted();
            draft.procedure = wisher.dice.one(&all).map(|(_, name, ..)| (*name).clone());
        }
        8 => draft.device = DeviceId::parse(wisher.dice.one(&["d3", "d4", "d5", "d6", "d7", "d8"]).unwrap()).unwrap(),
        9 => draft.device = DeviceId::parse("d99").unwrap(),
        10 => draft.counter = wisher.dice.below(draft.counter.max(1)),
        11 => draft.by.extend(draft.by.first().cloned()),
        12 => draft.seen = 1 + wisher.dice.below(size),
        13 => draft.seen = size - wisher.dice.below(size.min(40)),
        14 => {
            let at = wisher.dice.below(draft.by.len() as u64) as usize;
            let keys = wisher.model.keys_of(&draft.by[at].person);
            if let Some((key, ..)) = keys.first() {
                draft.keys[at] = *key;
                return;
            }
        }
        15 => draft.by[0].appointment = StatementHash(wisher.dice.hash()),
        16 => draft.by[0].unit = Unit::parse(wisher.dice.one(&["07", "-", "08-1"]).unwrap()).unwrap(),
        17 => {
            let all = wisher.held.clone();
            draft.by[0] = by_of(wisher.dice.one(&all).unwrap());
        }
        _ => signer_of_any_time(draft, wisher),
    }
    draft.keys = wisher.keys(&draft.by);
}

/// Somebody whose appointment, key or office is not quite right.
fn signer_of_any_time(draft: &mut Draft, wisher: &mut Wisher<'_>) {
    let (r, offices): (_, Vec<Office>) = (wisher.r, draft.by.iter().map(|by| by.office.clone()).collect());
    let odd =
        |held: &&super::Held| !held.is_in_force(r) || matches!(held.person.as_str(), "z1" | "o1" | "p4") || offices.contains(&held.office);
    let all: Vec<_> = wisher.held.iter().filter(odd).cloned().collect();
    let all: Vec<_> = if wisher.dice.percent(50) { all.into_iter().filter(|held| !held.is_in_force(r)).collect() } else { all };
    if let Some(held) = wisher.dice.one(&all) {
        draft.by[0] = by_of(held);
    }
}

/// Other signers: of another office, fewer, more, or others of the same offices.
pub fn signers(draft: &mut Draft, wisher: &mut Wisher<'_>) {
    let at = wisher.dice.below(draft.by.len() as u64) as usize;
    let own = [draft.by[at].office.clone()];
    let anywhere = wisher.officers(&own, None);
    match wisher.dice.below(6) {
        0 if draft.by.len() > 1 => drop(draft.by.remove(at)),
        1 => {
            let all = wisher.held.clone();
            draft.by[at] = by_of(wisher.dice.one(&all).unwrap());
        }
        2 => draft.by.extend(anywhere.first().map(by_of)),
        3 => {
            let involved = involved(draft, wisher.model);
            let held: Vec<_> = wisher.held.iter().filter(|held| involved.contains(&held.person)).cloned().collect();
            let same: Vec<_> = held.iter().filter(|held| held.office == own[0]).cloned().collect();
            if let Some(held) = wisher.dice.one(if same.is_empty() { &held } else { &same }) {
                draft.by[at] = by_of(held);
            }
        }
        _ => draft.by[at] = anywhere.first().map_or(draft.by[at].clone(), by_of),
    }
    draft.keys = wisher.keys(&draft.by);
}

/// Who has to do with the cases that an act names.
fn involved(draft: &Draft, model: &Model) -> Vec<PersonId> {
    let cases: Vec<&CaseId> = match &draft.act {
        Act::Step(act) => match (&act.case, &act.payment, &act.list) {
            (Some((id, _)), ..) | (_, Some((id, _)), _) => vec![id],
            _ => model.cases.keys().collect(),
        },
        Act::Outcome(act) => vec![&act.case.case],
        _ => model.cases.keys().collect(),
    };
    let mut all = Vec::new();
    for id in cases {
        all.extend(model.relations(id, u64::MAX).map(|(person, _)| person.clone()));
        if let Some(case) = model.cases.get(id) {
            all.extend(case.recused.iter().cloned());
            all.extend(case.marks.iter().flat_map(|mark| mark.signers.clone()));
            all.extend(case.flags.iter().flat_map(|flag| flag.signers.clone()));
        }
    }
    all
}

fn case_at(at: &mut CaseAt, wisher: &mut Wisher<'_>) {
    let other = wisher.any_case();
    match wisher.dice.below(4) {
        0 => at.case = CaseId::parse("nobody").unwrap(),
        1 => at.head = StatementHash(wisher.dice.hash()),
        2 => {
            if let Some((_, case)) = other {
                at.head = case.formers.first().map_or(case.head, |(former, _)| *former);
            }
        }
        _ => {
            if let Some((id, case)) = other {
                *at = CaseAt { case: id, head: case.head };
            }
        }
    }
}

fn list_line(line: &mut ListRef, wisher: &mut Wisher<'_>) {
    let lists: Vec<(&Code, &List)> = wisher.model.lists.iter().collect();
    match wisher.dice.below(5) {
        0 => line.count += 1,
        1 => line.total += 1,
        2 => line.root = ListRoot(wisher.dice.hash()),
        3 => line.list = code("nothing"),
        _ => {
            let small: Vec<_> = lists.into_iter().filter(|(_, list)| list.len() < 100).collect();
            if let Some((id, list)) = wisher.dice.one(&small) {
                *line = super::papers::list_ref(id, list);
            }
        }
    }
}

fn batch_line(line: &mut BatchRef, wisher: &mut Wisher<'_>) {
    let all: Vec<&Code> = wisher.model.batches.keys().collect();
    let lists: Vec<&Code> = wisher.model.lists.keys().collect();
    match wisher.dice.below(5) {
        0 => line.count += 1,
        1 => line.total += 1,
        2 => line.batch = code("nothing"),
        3 => line.list = wisher.dice.one(&lists).map_or(code("nothing"), |list| (*list).clone()),
        _ => line.batch = wisher.dice.one(&all).map_or(code("nothing"), |batch| (*batch).clone()),
    }
}

fn pairs<T: Clone>(pairs: &mut Vec<(Code, T)>, dice: &mut Dice) {
    match dice.below(3) {
        0 => drop(pairs.pop()),
        1 => pairs.extend(pairs.first().cloned()),
        _ => {
            if let Some(first) = pairs.first_mut() {
                first.0 = code("other");
            }
        }
    }
}

fn step(act: &mut signer::act::Step, wisher: &mut Wisher<'_>) {
    let random = StatementHash(wisher.dice.hash());
    let steps: Vec<Code> = wisher.g.programme.steps.iter().map(|step| step.id.clone()).collect();
    let other = wisher.any_case();
    match wisher.dice.below(26) {
        0 => act.step = wisher.dice.one(&steps).unwrap().clone(),
        1 => act.step = code("nothing"),
        2 => act.period = if act.period.is_some() { None } else { Period::parse("2027") },
        3 => act.case = if act.case.is_some() { None } else { other.map(|(id, case)| (id, Some(case.head))) },
        4 => pairs(&mut act.asserts, wisher.dice),
        5 => act.asserts.iter_mut().for_each(|(_, said)| *said = Assertion::No),
        6 => pairs(&mut act.measures, wisher.dice),
        7 => pairs(&mut act.evidence, wisher.dice),
        8 => act.overrides.push(random),
        9 => {
            let all: Vec<_> = wisher.model.overrides_below(u64::MAX).map(|(hash, _)| hash).collect();
            act.overrides.extend(wisher.dice.one(&all));
        }
        10 => act.overrides.clear(),
        11 | 12 => {
            if let (Some((id, _)), Some((other, case))) = (&mut act.case, other) {
                *id = other;
                act.case.as_mut().unwrap().1 = act.open.is_none().then_some(case.head);
            }
        }
        13 => act.case.iter_mut().for_each(|(id, _)| *id = CaseId::parse("nobody").unwrap()),
        14 => act.case.iter_mut().filter_map(|(_, head)| head.as_mut()).for_each(|head| *head = random),
        15 => {
            let year = *wisher.dice.one(&["2025", "2026", "2028", "2029"]).unwrap();
            act.period.iter_mut().for_each(|period| *period = Period::parse(year).unwrap());
            act.open.iter_mut().for_each(|open| open.period = Period::parse(year).unwrap());
        }
        16 => act.open.iter_mut().for_each(|open| open.tier = code("none")),
        17 => act.open.iter_mut().for_each(|open| open.unit = Unit::parse("08-1").unwrap()),
        18 => act.list.iter_mut().for_each(|line| list_line(line, wisher)),
        19 => {
            let (seats, results) = (act.seats.iter_mut(), act.results.iter_mut());
            seats.chain(results).for_each(|line| list_line(line, wisher));
        }
        20 | 21 => act.batch.iter_mut().for_each(|line| batch_line(line, wisher)),
        22 => money(act, wisher),
        23 => act.cosigned.iter_mut().for_each(|cosigned| *cosigned = wisher.dice.below(wisher.model.size() + 2)),
        24 => act.totals.iter_mut().for_each(|(_, count, _)| *count += 1),
        _ => money(act, wisher),
    }
}

fn money(act: &mut signer::act::Step, wisher: &mut Wisher<'_>) {
    let other = wisher.any_case();
    let batches: Vec<&Code> = wisher.model.batches.keys().collect();
    match wisher.dice.below(6) {
        0 => drop(act.totals.pop()),
        1 => act.totals.reverse(),
        2 => drop(act.less.pop()),
        3 => act.less.extend(other.map(|(id, case)| (id, case.head))),
        4 => act.repays = wisher.dice.one(&batches).map(|id| (*id).clone()),
        _ => {
            if let (Some((id, batch)), Some((other, _))) = (&mut act.payment, other) {
                *id = other;
                *batch = wisher.dice.one(&batches).map_or(code("nothing"), |id| (*id).clone());
            }
        }
    }
}

fn sheet(act: &mut signer::act::Sheet, wisher: &mut Wisher<'_>) {
    let lists: Vec<&Code> = wisher.model.lists.keys().collect();
    match wisher.dice.below(4) {
        0 => act.part += 1,
        1 | 2 => {
            if let Some(list) = wisher.dice.one(&lists) {
                let len = wisher.model.lists[*list].parts.len() as u64;
                (act.list, act.part) = ((*list).clone(), len);
            }
        }
        _ => match &mut act.lines {
            SheetLines::Cases(lines) => lines.reverse(),
            SheetLines::Payments(lines) => lines.extend(lines.first().cloned()),
            SheetLines::Seats(lines) => lines.reverse(),
            SheetLines::Results(lines) => lines.extend(lines.first().cloned()),
        },
    }
}

fn team(act: &mut signer::act::Team, dice: &mut Dice) {
    match dice.below(7) {
        0 => act.step = code(dice.one(&["check", "nothing"]).unwrap()),
        1 => act.members[0].person = PersonId::parse("nobody").unwrap(),
        2 => act.members.extend(act.members.first().cloned()),
        3 => act.members[0].person = PersonId::parse(dice.one(&["r1", "z3", "fin1"]).unwrap()).unwrap(),
        4 => act.areas[0].sub = code("nobody"),
        5 => act.areas.extend(act.areas.first().cloned()),
        _ => act.members[0].person = PersonId::parse(dice.one(&["v2", "v3", "v4"]).unwrap()).unwrap(),
    }
}

fn appoint(act: &mut Act, dice: &mut Dice) {
    let Act::Appoint { person, office, unit, capacity, from, to, .. } = act else { return };
    match dice.below(7) {
        0 => *person = PersonId::parse("nobody").unwrap(),
        1 => *office = Office::parse(dice.one(&["founder", "nothing", "self"]).unwrap()).unwrap(),
        2 => *to = Some(*from),
        3 => *unit = Unit::parse(dice.one(&["08-1", "-", "07"]).unwrap()).unwrap(),
        4 => (*capacity, *to) = (Capacity::Acting, None),
        5 => {
            *capacity = Capacity::Delegated;
            *to = Some(seconds(from.unix_ms().plus_ms(86_400_000 * (25 + dice.below(10) as i64))));
        }
        _ => {
            *person = PersonId::parse(dice.one(&["fin1", "s1", "i1", "f1", "f3"]).unwrap()).unwrap();
            *office = Office::parse(dice.one(&["finance", "overseer"]).unwrap()).unwrap();
            *unit = Unit::whole();
        }
    }
}

/// Changes one line of the act.
pub fn act(draft: &mut Draft, wisher: &mut Wisher<'_>) {
    let random = StatementHash(wisher.dice.hash());
    let steps: Vec<Code> = wisher.g.programme.steps.iter().map(|step| step.id.clone()).collect();
    let any_step = wisher.dice.one(&steps).unwrap().clone();
    let is_first = wisher.dice.percent(50);
    match &mut draft.act {
        Act::Step(act) => step(act, wisher),
        Act::Join { joins } => *joins = random,
        Act::Sheet(act) => sheet(act, wisher),
        Act::PostUp(act) => match wisher.dice.below(5) {
            0 => drop(act.places.pop()),
            1 => act.phones = vec![code("village")],
            2 => pairs(&mut act.photos, wisher.dice),
            3 => act.step = any_step,
            _ => list_line(&mut act.list, wisher),
        },
        Act::PostDown(act) => match wisher.dice.below(3) {
            0 => pairs(&mut act.photos, wisher.dice),
            1 => act.step = code(if is_first { "post" } else { "notice" }),
            _ => list_line(&mut act.list, wisher),
        },
        Act::Outcome(act) => match wisher.dice.below(4) {
            0 => act.outcome = code(if is_first { "nothing" } else { "suspend" }),
            1 => act.reason = code("nothing"),
            _ => case_at(&mut act.case, wisher),
        },
        Act::Correct(act) => match (&mut act.case, &mut act.batch) {
            (Some(at), _) if is_first => case_at(at, wisher),
            (None, Some(batch)) if is_first => *batch = code("nothing"),
            _ => act.of = random,
        },
        Act::Transfer(act) => match wisher.dice.below(3) {
            0 => act.to = act.from.clone(),
            1 => act.from = Unit::parse("08-1").unwrap(),
            _ => case_at(&mut act.case, wisher),
        },
        Act::Account(signer::act::Account { case, .. })
        | Act::Objection(signer::act::Objection { case, .. })
        | Act::Recuse(signer::act::Recuse { case, .. })
        | Act::Hold(signer::act::Hold { case, .. }) => case_at(case, wisher),
        Act::Dissent(signer::act::Dissent { case, of, .. })
        | Act::Appeal(signer::act::Appeal { case, of, .. })
        | Act::Release(signer::act::Release { case, releases: of, .. }) => {
            if is_first {
                *of = random;
            } else {
                case_at(case, wisher);
            }
        }
        other => other_act(other, wisher, any_step, random, is_first),
    }
}

fn other_act(act: &mut Act, wisher: &mut Wisher<'_>, any_step: Code, random: StatementHash, is_first: bool) {
    match act {
        Act::Report(act) => {
            let known = wisher.model.acts().find_map(|(.., act)| match act {
                Act::Report(act) => Some(act.report),
                _ => None,
            });
            act.report = known.unwrap_or(act.report);
            if is_first {
                act.about = signer::act::ReportAbout::Case(CaseId::parse("nobody").unwrap());
            }
        }
        Act::Answer(act) => {
            let flags: Vec<_> = wisher.model.cases.values().flat_map(|case| &case.flags).map(|flag| flag.hash).collect();
            act.answers = wisher.dice.one(&flags).copied().filter(|_| is_first).unwrap_or(random);
        }
        Act::Override(act) => match wisher.dice.below(3) {
            0 => act.step = code("nothing"),
            1 => act.rule = code(if is_first { "money-apart" } else { "nothing" }),
            _ => (act.step, act.about) = (any_step, About::List(code("nothing"))),
        },
        Act::Ruling(act) => match is_first {
            true => act.clause = Clause::Rule(code("nothing")),
            false => act.answers = Some(random),
        },
        Act::Team(act) => team(act, wisher.dice),
        Act::Appoint { .. } => appoint(act, wisher.dice),
        Act::AppointEnd { person, appointment, .. } => match is_first {
            true => *appointment = random,
            false => *person = PersonId::parse("r1").unwrap(),
        },
        Act::Relate { person, basis, to, .. } => match wisher.dice.below(3) {
            0 => *person = PersonId::parse("nobody").unwrap(),
            1 => *basis = Basis::Declared,
            _ => *to = RelatedTo::Person(PersonId::parse("nobody").unwrap()),
        },
        Act::Qualify { from, to, .. } => *to = Some(*from),
        _ => {}
    }
}
