//! Acts that chance alone would seldom spoil in just this way.

use std::sync::Arc;

use signer::act::{Act, Appeal, Capacity, CaseAt, ResultLine, Sheet, SheetKind, SheetLines};
use signer::statement::By;
use signer::value::{CaseId, Code, Office, Period, PersonId, Unit};

use super::acts::seconds;
use super::papers::list_ref;
use super::{Draft, Way, Wish, Wisher, by_of, code};
use crate::model::{Case, FlagKind, What};

impl Wisher<'_> {
    fn holder(&self, person: &str) -> Option<By> {
        self.held.iter().find(|held| held.person.as_str() == person && !held.office.is_reserved()).map(by_of)
    }

    fn in_office(&mut self, office: &str) -> Option<By> {
        self.officers(&[Office::parse(office).unwrap()], None).first().map(by_of)
    }

    fn case_where(&mut self, fits: impl Fn(&Case) -> bool) -> Option<(CaseId, Case)> {
        let all: Vec<(&CaseId, &Case)> = self.model.cases.iter().filter(|(_, case)| fits(case)).collect();
        self.dice.one(&all).map(|(id, case)| ((*id).clone(), (*case).clone()))
    }

    fn rare_money(&mut self, which: u64) -> Option<Wish> {
        let known: Vec<Code> = self.model.batches.keys().cloned().collect();
        let ways: Vec<Way> = self.paper_ways();
        let funds: Vec<Way> = ways.iter().filter(|way| matches!(way, Way::Fund(..))).cloned().collect();
        let others: Vec<Way> = ways.into_iter().filter(|way| matches!(way, Way::Settle(_) | Way::Close(_))).collect();
        let way = self.dice.one(if which == 2 { &others } else { &funds })?.clone();
        let (by, mut act) = self.go(&way)?;
        if let Act::Step(step) = &mut act {
            match which {
                0 => {
                    let taken = self.dice.one(&known)?.clone();
                    step.batch.as_mut()?.batch = taken;
                }
                1 if step.less.is_empty() => {
                    let (id, case) = self.case_where(|case| case.payment.is_some())?;
                    step.less.push((id, case.head));
                }
                1 => drop(step.less.pop()),
                3 => step.totals.iter_mut().for_each(|(_, _, fen)| *fen += 1),
                _ => match self.dice.below(6) {
                    0 => step.batch.iter_mut().for_each(|line| line.batch = code("nothing")),
                    1..5 => step.totals.iter_mut().for_each(|(_, count, _)| *count += 1),
                    _ => step.batch.iter_mut().for_each(|line| line.total += 1),
                },
            }
        }
        Some((by, act))
    }

    fn rare_payment(&mut self) -> Option<Wish> {
        let g = Arc::clone(&self.g);
        let step = g.programme.steps.iter().find(|step| step.id.as_str() == "receipt")?;
        let (id, case) = self.any_case()?;
        let known: Vec<Code> = self.model.batches.keys().cloned().collect();
        let by = self.signers(step, Some(&case.unit))?;
        let mut act = self.filled(step);
        act.payment = Some((id, self.dice.one(&known).cloned().unwrap_or_else(|| code("nothing"))));
        Some((by, Act::Step(Box::new(act))))
    }

    fn rare_posting(&mut self) -> Option<Wish> {
        // An old list's lines have moved on: something else would be refused first.
        let is_fresh = |list: &crate::model::List| list.up.is_empty() && list.since + 60 > self.model.size();
        let lists: Vec<Code> = self
            .model
            .lists
            .iter()
            .filter(|(id, list)| id.as_str().starts_with("post-") && is_fresh(list))
            .map(|(id, _)| id.clone())
            .collect();
        let id = self.dice.one(&lists)?.clone();
        let list = list_ref(&id, self.model.lists.get(&id)?);
        let (_, act) = self.go(&Way::Down(code("post"), id))?;
        let by = self.holder(self.model.lists.get(&list.list)?.owner.as_str())?;
        Some((vec![by], act))
    }

    fn rare_renewal(&mut self) -> Option<Wish> {
        let g = Arc::clone(&self.g);
        let step = g.programme.steps.iter().find(|step| step.renews)?;
        let locked = self.dice.percent(50);
        let (id, case) = self.case_where(|case| {
            case.status.is_none() && case.flags.is_empty() && case.payment.as_ref().is_some_and(|payment| !payment.is_paid()) == locked
        })?;
        let (by, mut act) = self.case_step(step, &id, &case)?;
        if let Act::Step(step) = &mut act {
            let year = u64::from(case.period.year()) - self.dice.below(2);
            step.period = if locked { step.period } else { Period::parse(&year.to_string()) };
        }
        Some((by, act))
    }

    /// Acts on cases whose payment stands in the way.
    fn rare_paid(&mut self) -> Option<Wish> {
        let (id, case) = self.case_where(|case| case.status.is_none() && case.payment.is_some())?;
        let at = CaseAt { case: id, head: case.head };
        let to = Unit::parse("08-1").unwrap();
        let from = self.officers(&[Office::parse("clerk").unwrap()], Some(&case.unit)).first().map(by_of)?;
        if self.dice.percent(50) {
            let other =
                self.officers(&[Office::parse("clerk").unwrap()], Some(&to)).iter().find(|held| held.person != from.person).map(by_of)?;
            let act = signer::act::Transfer { case: at, from: case.unit, to, reason: code("moved") };
            return Some((vec![from, other], Act::Transfer(act)));
        }
        let of = self.dice.one(&case.marks)?.hash;
        let act = signer::act::Correct { case: Some(at), batch: None, of, reason: code("mistake"), evidence: self.commitment() };
        Some((vec![from], Act::Correct(act)))
    }

    fn rare_answer(&mut self) -> Option<Wish> {
        let (_, case) = self.case_where(|case| case.flags.iter().any(|flag| flag.kind != FlagKind::Hold && !flag.upheld))?;
        let flag = case.flags.iter().find(|flag| flag.kind != FlagKind::Hold && !flag.upheld)?;
        let done = case.marks.iter().flat_map(|mark| mark.signers.clone()).chain(flag.signers.clone());
        let done: Vec<PersonId> = done.collect();
        let fits = |held: &&super::Held| {
            done.contains(&held.person) && matches!(held.office.as_str(), "overseer" | "registrar" | "head") && held.ended.is_none()
        };
        let by = self.held.iter().find(fits).map(by_of)?;
        let outcome = signer::act::AnswerOutcome::Dismissed;
        Some((vec![by], Act::Answer(signer::act::Answer { answers: flag.hash, outcome, evidence: self.commitment() })))
    }

    fn rare_appeal(&mut self) -> Option<Wish> {
        let r = self.r;
        let (id, case) = self.case_where(|case| case.status.is_some() && case.status_received.0 + 5 * 86_400_000 < r.0)?;
        let act = Appeal { case: CaseAt { case: id, head: case.head }, of: case.status_hash, evidence: None };
        Some((vec![self.in_office("village")?], Act::Appeal(act)))
    }

    fn rare_sheet(&mut self) -> Option<Wish> {
        let line = |n: u64| ResultLine { case: CaseId::parse(&format!("z{n}")).unwrap(), failed: None };
        let full = self.dice.percent(50);
        let (by, list, part) = if full { ("fin2", code("long"), 5) } else { ("fin3", code(&format!("x{}", self.dice.below(99))), 0) };
        let lines = SheetLines::Results((0..9).map(line).collect());
        Some((vec![self.holder(by)?], Act::Sheet(Sheet { list, kind: SheetKind::Results, part, lines })))
    }

    fn rare_appointment(&mut self, which: u64) -> Option<Wish> {
        let (_, mut act) = std::iter::repeat_with(|| self.appoint()).take(4).flatten().next()?;
        let day = 86_400_000;
        let r = self.r;
        let by = match which {
            0 => vec![self.holder("s1")?, self.holder("s2")?],
            1 => {
                let lent = self.held.iter().find(|held| held.capacity == Capacity::Delegated && held.is_in_force(r)).map(by_of)?;
                let other = if lent.office.as_str() == "inspector" { "registrar" } else { "overseer" };
                vec![lent, self.in_office(other)?]
            }
            _ => vec![self.holder("r1")?, self.holder("s1")?],
        };
        if let Act::Appoint { person, office, unit, capacity, from, to, .. } = &mut act {
            (*from, *to) = (seconds(r), Some(seconds(r.plus_ms(9 * day))));
            if which == 3 {
                *unit = Unit::parse(self.dice.one(&["07-1-1", "x-y-z"])?).unwrap();
            } else if which == 1 {
                *capacity = Capacity::Delegated;
            } else {
                let (name, held) = *self.dice.one(&[("fin1", "overseer"), ("s2", "finance"), ("i1", "finance")])?;
                (*person, *office, *unit) = (PersonId::parse(name).unwrap(), Office::parse(held).unwrap(), Unit::whole());
            }
        }
        Some((by, act))
    }

    fn rare_override(&mut self) -> Option<Wish> {
        let (_, act) = self.override_act()?;
        Some((vec![self.holder("r1")?], act))
    }

    /// The report of another report.
    fn rare_report(&mut self) -> Option<Wish> {
        let before = self.model.acts().find_map(|(.., act)| match act {
            Act::Report(act) => Some(act.clone()),
            _ => None,
        })?;
        Some((vec![self.in_office("overseer")?], Act::Report(before)))
    }

    fn rare_outcome(&mut self) -> Option<Wish> {
        let (by, mut act) = self.outcome()?;
        if let Act::Outcome(act) = &mut act {
            if self.dice.percent(50) {
                act.outcome = code("nothing");
            } else {
                act.reason = code("nothing");
            }
        }
        Some((by, act))
    }

    fn rare_opening(&mut self) -> Option<Wish> {
        let g = Arc::clone(&self.g);
        let step = g.programme.steps.iter().find(|step| step.opens)?;
        let (id, case) = self.any_case()?;
        let by = self.signers(step, Some(&case.unit))?;
        let mut act = self.filled(step);
        let Case { unit, scheme, tier, period, account, .. } = case;
        (act.case, act.open) = (Some((id, None)), Some(signer::act::Opening { unit, scheme, tier, period, account }));
        Some((by, Act::Step(Box::new(act))))
    }

    fn rare_wish(&mut self) -> Option<Wish> {
        match self.dice.below(34) {
            31..34 => self.rare_money(3),
            26 => self.rare_opening(),
            27 => self.rare_posting(),
            28 | 29 => self.rare_money(2),
            30 => self.rare_money(0),
            18 | 19 => self.rare_money(0),
            20 | 21 => self.rare_money(2),
            22 => self.rare_posting(),
            23 => self.rare_outcome(),
            24 => self.rare_appointment(3),
            25 => self.rare_money(1),
            which @ 0..3 => self.rare_money(which),
            3 | 4 => self.rare_payment(),
            5 => self.rare_posting(),
            6 => self.rare_renewal(),
            7 => self.rare_paid(),
            8 => self.rare_answer(),
            9 => self.rare_appeal(),
            10 => self.rare_sheet(),
            which @ 11..14 => self.rare_appointment(which - 11),
            14 | 15 => self.rare_override(),
            _ => self.rare_report(),
        }
    }
}

/// Spoils a draft in a rare way, or makes it another.
pub fn rare(draft: &mut Draft, wisher: &mut Wisher<'_>) {
    let r = wisher.r;
    match wisher.dice.below(14) {
        0 => {
            let used: Vec<_> = wisher.model.entries.iter().rev().take(30).collect();
            if let Some(What::Act { header, .. }) = wisher.dice.one(&used).map(|entry| &entry.what) {
                (draft.device, draft.counter) = (header.device.clone(), header.counter);
            }
        }
        1..4 => {
            let later: Vec<_> = wisher.held.iter().filter(|held| held.from > r && held.ended.is_none()).cloned().collect();
            if let Some(held) = wisher.dice.one(&later) {
                draft.by[0] = by_of(held);
            }
        }
        _ => {
            if let Some((by, act)) = wisher.rare_wish() {
                (draft.by, draft.act) = (by, act);
            }
        }
    }
    draft.keys = wisher.keys(&draft.by);
}
