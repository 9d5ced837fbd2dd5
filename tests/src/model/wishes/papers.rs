//! Lists, batches and payments: sheets, the steps that use them, and the flaws that they may have.

use std::sync::Arc;

use ledger::procedure::programme::{MatchOf, Step};
use signer::act::{
    Act, BatchRef, CaseLine, ListRef, PaymentLine, PostDown, PostUp, ResultLine, SeatLine, Sheet, SheetKind, SheetLines, Vote,
};
use signer::merkle::list_root;
use signer::value::{CaseId, Code, StatementHash, Unit};

use super::{Way, Wish, Wisher, by_of, code};
use crate::model::record::Line;
use crate::model::{Case, List, Result_, What, level_unit};

/// The line that names a list rightly.
pub fn list_ref(id: &Code, list: &List) -> ListRef {
    let lines = list.lines();
    let is_of_cases = matches!(list.kind, SheetKind::Cases | SheetKind::Payments);
    let count = if is_of_cases { lines.iter().filter(|line| !line.omit).count() } else { list.len() } as u64;
    let total = lines.iter().filter_map(|line| line.pays).map(|(fen, _)| fen).fold(0_u64, u64::saturating_add);
    ListRef { list: id.clone(), count, total, root: list_root(list.texts()) }
}

impl Wisher<'_> {
    /// What can be done with lists and batches.
    pub fn paper_ways(&self) -> Vec<Way> {
        let mut ways = Vec::new();
        for (id, list) in &self.model.lists {
            if matches!(list.kind, SheetKind::Cases | SheetKind::Payments) && list.used.is_none() && list.since + 14 > self.model.size() {
                ways.push(Way::List(id.clone()));
            }
            let is_marked = |step: &Code| {
                let lines = list.lines();
                lines.iter().any(|line| self.model.cases.get(&line.case).is_some_and(|case| case.mark(step).is_some()))
            };
            ways.extend(list.up.last().filter(|(step, _)| !is_marked(step)).map(|(step, _)| Way::Down(step.clone(), id.clone())));
            if list.is_locked {
                if !self.model.payable(id, None).is_empty() {
                    ways.push(Way::Fund(id.clone(), None));
                }
                if list.up.is_empty() {
                    ways.push(Way::Notice(id.clone()));
                }
            }
        }
        for (id, batch) in self.model.batches.iter().filter(|(_, batch)| !batch.is_gone) {
            let is_done = |step: &str| batch.marks.iter().any(|mark| mark.step.as_str() == step);
            match (is_done("pay"), is_done("close")) {
                (false, _) => ways.push(Way::Settle(id.clone())),
                (true, false) => ways.push(Way::Close(id.clone())),
                _ => {}
            }
            if !self.model.payable(&batch.list, Some(id)).is_empty() {
                ways.push(Way::Fund(batch.list.clone(), Some(id.clone())));
            }
        }
        for (id, case) in &self.model.cases {
            let Some(payment) = case.payment.as_ref().filter(|payment| payment.marks.is_empty()) else { continue };
            let paid = payment.batches.iter().find(|(_, result)| *result == Result_::Paid);
            ways.extend(paid.map(|(batch, _)| Way::Receipt(id.clone(), batch.clone())));
        }
        ways
    }

    /// Goes a way.
    pub fn go(&mut self, way: &Way) -> Option<Wish> {
        let g = Arc::clone(&self.g);
        let step_of = |id: &str| g.programme.steps.iter().find(|step| step.id.as_str() == id);
        match way {
            Way::Step(step, id) => {
                let case = self.model.cases.get(id)?.clone();
                self.case_step(step_of(step.as_str())?, id, &case)
            }
            Way::Sheet(step, unit) => self.sheet(step_of(step.as_str())?, unit),
            Way::List(id) => self.use_list(id),
            Way::Down(step, id) => {
                let step = step_of(step.as_str())?;
                let list = self.model.lists.get(id)?;
                let by = self.signers(step, self.unit_of(list, step).as_ref())?;
                let photos = step.posting.as_ref()?.down.clone();
                let photos = photos.into_iter().map(|photo| (photo, self.commitment())).collect();
                let overrides = self.overrides_for(step, None, Some(id));
                Some((by, Act::PostDown(PostDown { step: step.id.clone(), list: list_ref(id, list), photos, overrides })))
            }
            Way::Notice(id) => self.post_up(step_of("notice")?, id),
            Way::Fund(list, repays) => self.fund(step_of("fund")?, list, repays.as_ref()),
            Way::Settle(batch) => self.settle(step_of("pay")?, batch),
            Way::Close(batch) => self.on_batch(step_of("close")?, batch, None),
            Way::Receipt(id, batch) => {
                let (step, case) = (step_of("receipt")?, self.model.cases.get(id)?.clone());
                let by = self.signers(step, Some(&case.unit))?;
                let mut act = self.filled(step);
                act.payment = Some((id.clone(), batch.clone()));
                act.overrides = self.overrides_for(step, Some(id), None);
                Some((by, Act::Step(Box::new(act))))
            }
            Way::Join(hash) => {
                let waiting = self.model.waiting.get(hash)?;
                let step = step_of(waiting.step.step.as_str())?;
                let offices = step.by.offices().to_vec();
                let signed: Vec<_> = waiting.signed.iter().map(|(by, ..)| by.person.clone()).collect();
                let case = waiting.step.case.as_ref().and_then(|(id, _)| self.model.cases.get(id)).map(|case| case.unit.clone());
                let mut officers = self.officers(&offices, case.as_ref());
                if !self.dice.percent(5) {
                    officers.retain(|held| !signed.contains(&held.person));
                }
                Some((vec![by_of(officers.first()?)], Act::Join { joins: *hash }))
            }
        }
    }

    fn unit_of(&self, list: &List, step: &Step) -> Option<Unit> {
        let first = list.lines().first()?.case.clone();
        level_unit(&self.model.cases.get(&first)?.unit, step.level)
    }

    fn line_of(&mut self, step: &Step, id: &CaseId, case: &Case) -> Option<Line> {
        let bench = self.bench();
        let is_due = case.status.is_none()
            && case.mark(&step.id).is_none()
            && (if case.is_new { step.for_new } else { step.for_continuing })
            && step.after.iter().all(|before| bench.is_satisfied(id, case, before, u64::MAX));
        let pays = step.locks.then(|| (bench.amount(case).unwrap_or(5) as u64, case.account));
        let line = |hash: StatementHash, omit: bool| Line { case: id.clone(), hash, omit, pays: pays.filter(|_| !omit) };
        let flag = case.flags.first().map(|flag| flag.hash);
        match (is_due, flag, case.dropped) {
            (true, None, _) => Some(line(case.head, false)),
            (true, Some(flag), _) => Some(if self.dice.percent(20) { line(case.head, false) } else { line(flag, true) }),
            (false, _, Some((dropped, _))) => Some(line(if case.status.is_some() { case.status_hash } else { dropped }, true)),
            _ if case.status.is_none() && case.mark(&step.id).is_none() && !self.dice.percent(1) => Some(line(case.head, true)),
            _ if self.dice.percent(2) => Some(line(case.head, false)),
            _ => None,
        }
    }

    fn spoil_lines(&mut self, lines: &mut Vec<Line>) {
        let at = self.dice.below(lines.len() as u64) as usize;
        let (hash, fen) = (StatementHash(self.dice.hash()), self.dice.below(200_000));
        let other = self.any_case();
        let is_paying = lines.iter().any(|line| line.pays.is_some());
        match if is_paying && self.dice.percent(60) { 8 + self.dice.below(2) } else { self.dice.below(11) } {
            0 | 1 if lines.len() > 1 => drop(lines.remove(at)),
            2 => lines[at].case = CaseId::parse("nobody").unwrap(),
            3 => lines[at].hash = hash,
            4 => {
                if let Some((id, case)) = other.filter(|(id, _)| lines.iter().all(|line| line.case != *id)) {
                    let pays = lines[at].pays;
                    lines.push(Line { case: id, hash: case.head, omit: false, pays });
                }
            }
            5 => (lines[at].omit, lines[at].hash, lines[at].pays) = (true, hash, None),
            6 | 7 => {
                for line in lines.iter_mut() {
                    let formers = self.model.cases.get(&line.case).map(|case| case.formers.clone()).unwrap_or_default();
                    line.hash = formers.last().map_or(line.hash, |(former, _)| *former);
                }
            }
            8 => lines.iter_mut().filter_map(|line| line.pays.as_mut()).for_each(|pays| pays.0 = fen),
            _ => lines.iter_mut().filter_map(|line| line.pays.as_mut()).for_each(|pays| pays.1.0 = hash.0),
        }
    }

    fn sheet(&mut self, step: &Step, unit: &Unit) -> Option<Wish> {
        let mut lines: Vec<Line> = Vec::new();
        for (id, case) in &self.model.cases {
            if level_unit(&case.unit, step.level).as_ref() == Some(unit) {
                lines.extend(self.line_of(step, id, case));
            }
        }
        if lines.is_empty() {
            return None;
        }
        if self.dice.percent(if step.locks { 40 } else { 18 }) {
            self.spoil_lines(&mut lines);
        }
        lines.sort_by(|a, b| a.case.cmp(&b.case));
        let kind = if step.locks { SheetKind::Payments } else { SheetKind::Cases };
        let by = self.officers(step.by.offices(), Some(unit)).first().map(by_of)?;
        let list = code(&format!("{}-u{}-u{}", step.id, unit.as_str().replace('-', "x"), self.dice.below(1_000_000)));
        let sheet = Sheet { list, kind, part: 0, lines: sheet_lines(kind, lines) };
        Some((vec![by], Act::Sheet(sheet)))
    }

    fn use_list(&mut self, id: &Code) -> Option<Wish> {
        let g = Arc::clone(&self.g);
        let list = self.model.lists.get(id)?;
        let step = g.programme.steps.iter().find(|step| id.as_str().starts_with(&format!("{}-", step.id)))?;
        if self.dice.percent(6) {
            return self.next_part(id, list);
        }
        if step.posting.is_some() {
            return self.post_up(step, id);
        }
        let mut act = self.filled(step);
        if step.quorum.is_some() {
            let seats = code(&format!("{id}-s"));
            match self.model.lists.get(&seats) {
                Some(list) => act.seats = Some(list_ref(&seats, list)),
                None => return self.seats(seats, list),
            }
        }
        let by = self.signers(step, self.unit_of(list, step).as_ref())?;
        act.list = Some(list_ref(id, list));
        act.overrides = self.overrides_for(step, None, Some(id));
        Some((by, Act::Step(Box::new(act))))
    }

    /// A second part of a list, by its owner, with a line after the last.
    fn next_part(&mut self, id: &Code, list: &List) -> Option<Wish> {
        let last = list.lines().last()?.case.clone();
        let owner = self.held.iter().find(|held| held.person == list.owner && held.office.as_str() != "self").map(by_of)?;
        let after: Vec<(CaseId, StatementHash)> =
            self.model.cases.iter().filter(|(id, _)| **id > last).map(|(id, case)| (id.clone(), case.head)).collect();
        let (case, hash) = self.dice.one(&after)?.clone();
        let lines = sheet_lines(list.kind, vec![Line { case, hash, omit: false, pays: Some((5, signer::value::AccountToken([0; 32]))) }]);
        let sheet = Sheet { list: id.clone(), kind: list.kind, part: list.parts.len() as u64, lines };
        Some((vec![owner], Act::Sheet(sheet)))
    }

    fn seats(&mut self, id: Code, list: &List) -> Option<Wish> {
        let absent = if self.dice.percent(15) { 60 } else { 12 };
        let against = if self.dice.percent(15) { 60 } else { 15 };
        let count = 3 + self.dice.below(6);
        let mut lines = Vec::new();
        for n in 0..count {
            let category = code(if n < 2 { "elder" } else { "member" });
            let vote = match self.dice.below(100) {
                chance if chance < absent => Vote::Absent,
                chance if chance < absent + against => Vote::Against,
                _ => Vote::Agree,
            };
            lines.push(SeatLine { token: code(&format!("s{n}")), category, vote });
        }
        let owner = self.held.iter().find(|held| held.person == list.owner && held.office.as_str() != "self").map(by_of)?;
        Some((vec![owner], Act::Sheet(Sheet { list: id, kind: SheetKind::Seats, part: 0, lines: SheetLines::Seats(lines) })))
    }

    fn post_up(&mut self, step: &Step, id: &Code) -> Option<Wish> {
        let list = self.model.lists.get(id)?;
        let by = self.signers(step, self.unit_of(list, step).as_ref())?;
        let posting = step.posting.as_ref()?;
        let places = posting.at.iter().map(|level| (level.clone(), self.commitment())).collect();
        let photos = posting.up.iter().map(|photo| (photo.clone(), self.commitment())).collect();
        let overrides = self.overrides_for(step, None, Some(id));
        let (step, list, phones) = (step.id.clone(), list_ref(id, list), posting.phones.clone());
        Some((by, Act::PostUp(PostUp { step, list, places, phones, photos, overrides })))
    }

    fn cosigned_entry(&mut self, least: u64) -> u64 {
        let good =
            self.model.entries.iter().rev().find(|entry| matches!(entry.what, What::Cosigned { witnesses, .. } if witnesses >= least));
        good.map_or(1, |entry| entry.index)
    }

    fn fund(&mut self, step: &Step, list: &Code, repays: Option<&Code>) -> Option<Wish> {
        let mut act = self.filled(step);
        let payable = self.model.payable(list, repays);
        let held = |id: &CaseId| {
            let flags = &self.model.cases[id].flags;
            flags.iter().find(|flag| flag.kind == crate::model::FlagKind::Hold).map(|flag| flag.hash)
        };
        act.less = payable.iter().filter_map(|(id, _)| held(id).map(|hold| (id.clone(), hold))).collect();
        let paid: Vec<u64> = payable.iter().filter(|(id, _)| held(id).is_none()).map(|(_, fen)| *fen).collect();
        let (count, total) = (paid.len() as u64, paid.iter().sum());
        act.batch = Some(BatchRef { batch: code(&format!("b{}", self.dice.below(1_000_000))), list: list.clone(), count, total });
        act.repays = repays.cloned();
        act.cosigned = step.cosigned.map(|least| self.cosigned_entry(least));
        act.totals = step.matches.keys().map(|what| (what.clone(), count, total)).collect();
        let by = self.signers(step, None)?;
        Some((by, Act::Step(Box::new(act))))
    }

    fn settle(&mut self, step: &Step, id: &Code) -> Option<Wish> {
        let list = code(&format!("pay-{id}"));
        if self.model.lists.contains_key(&list) && !self.dice.percent(5) {
            return self.on_batch(step, id, Some(&list));
        }
        let batch = self.model.batches.get(id)?;
        let mut lines = Vec::new();
        for case in &batch.cases {
            let failed = self.dice.percent(30).then(|| code("closed"));
            lines.push(ResultLine { case: case.clone(), failed });
        }
        if self.dice.percent(30) && lines.len() > 1 {
            lines.pop();
        }
        let by = self.officers(step.by.offices(), None).first().map(by_of)?;
        Some((vec![by], Act::Sheet(Sheet { list, kind: SheetKind::Results, part: 0, lines: SheetLines::Results(lines) })))
    }

    /// A step on a batch that is open.
    fn on_batch(&mut self, step: &Step, id: &Code, results: Option<&Code>) -> Option<Wish> {
        let batch = self.model.batches.get(id)?.clone();
        let mut act = self.filled(step);
        act.batch = Some(BatchRef { batch: id.clone(), list: batch.list.clone(), count: batch.count, total: batch.total });
        act.cosigned = step.cosigned.map(|least| self.cosigned_entry(least));
        let mut paid = (batch.count, batch.total);
        if let Some(results) = results {
            let list = self.model.lists.get(results)?;
            act.results = Some(list_ref(results, list));
            let of = |id: &CaseId| self.model.cases.get(id).and_then(|case| case.payment.as_ref()).map_or(0, |payment| payment.fen);
            let fen: Vec<u64> = list.results().iter().filter(|(_, failed)| failed.is_none()).map(|(id, _)| of(id)).collect();
            paid = (fen.len() as u64, fen.iter().sum());
        }
        let total = |(what, of): (&Code, &MatchOf)| match of {
            MatchOf::Batch => (what.clone(), batch.count, batch.total),
            MatchOf::Paid => (what.clone(), paid.0, paid.1),
        };
        act.totals = step.matches.iter().map(total).collect();
        Some((self.signers(step, None)?, Act::Step(Box::new(act))))
    }
}

fn sheet_lines(kind: SheetKind, lines: Vec<Line>) -> SheetLines {
    match kind {
        SheetKind::Payments => SheetLines::Payments(
            lines
                .into_iter()
                .map(|line| match line.pays {
                    Some((fen, account)) if !line.omit => PaymentLine::Pays { case: line.case, head: line.hash, fen, account },
                    _ => PaymentLine::Omits { case: line.case, hash: line.hash },
                })
                .collect(),
        ),
        _ => SheetLines::Cases(lines.into_iter().map(|line| CaseLine { case: line.case, hash: line.hash, omit: line.omit }).collect()),
    }
}
