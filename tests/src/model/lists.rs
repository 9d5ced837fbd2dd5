//! Section 8.7: sheets, list steps, postings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ledger::procedure::programme::{On, RuleKind, Step};
use signer::Rule;
use signer::act::{Act, Assertion, ListRef, SheetKind, SheetLines, Vote};
use signer::merkle::list_root;
use signer::value::{CaseId, Code, Share, StatementHash, Unit};

use super::record::Line;
use super::steps::Subject;
use super::{Bench, Case, Effect, Judged, List, Payment, Submission, codes_of, ensure, level_unit};

/// A line kept, and one dropped with the statement responsible.
type Sorted = (Vec<Line>, Vec<(CaseId, StatementHash)>);

/// First parts of a sheet's lines.
fn first_parts(lines: &SheetLines) -> Vec<String> {
    lines.texts().iter().map(|text| text.split(' ').next().unwrap().to_owned()).collect()
}

/// Whether `share` of `whole` is more than `part`.
fn falls_short(part: u64, whole: u64, share: Share) -> bool {
    u128::from(part) * u128::from(share.denominator) < u128::from(whole) * u128::from(share.numerator)
}

impl Bench<'_> {
    /// A sheet.
    pub fn sheet(&self, sheet: &signer::act::Sheet, sub: &Submission) -> Result<Effect, Rule> {
        let takes = |step: &&Step| step.on == On::List || step.settles;
        let offices: Vec<_> = self.g.programme.steps.iter().filter(takes).flat_map(|step| step.by.offices()).collect();
        ensure(self.signers.iter().all(|signer| offices.contains(&&signer.office)), Rule::StepOffice)?;
        let owner = self.signers[0].person.clone();
        let list = self.model.lists.get(&sheet.list);
        ensure(list.is_none_or(|list| list.owner == owner), Rule::ListTaken)?;
        ensure(list.is_none_or(|list| list.used.is_none() && list.kind == sheet.kind), Rule::ListClosed)?;
        ensure(sheet.part == list.map_or(0, |list| list.parts.len() as u64), Rule::ListPart)?;
        let last = list.and_then(|list| list.parts.last()).and_then(|sheet| first_parts(&sheet.lines).pop());
        let all: Vec<String> = last.into_iter().chain(first_parts(&sheet.lines)).collect();
        ensure(all.windows(2).all(|pair| pair[0].as_bytes() < pair[1].as_bytes()), Rule::ListOrder)?;
        let unused = self.model.lists.values().filter(|list| list.owner == owner && list.used.is_none());
        let bytes: u64 = unused.map(|list| list.bytes).sum();
        let count = list.map_or(0, List::len) + sheet.lines.len();
        ensure(bytes + sub.bytes <= 2_097_152 && count <= 20_000, Rule::ListLimit)?;
        let (sheet, bytes, i, seen) = (Arc::new(sheet.clone()), sub.bytes, self.i, self.z);
        Ok(Box::new(move |model| {
            let list = model.lists.entry(sheet.list.clone()).or_insert_with(|| List {
                owner,
                kind: sheet.kind,
                parts: Vec::new(),
                since: i,
                seen,
                bytes: 0,
                used: None,
                is_locked: false,
                dropped: BTreeSet::new(),
                did: None,
                up: Vec::new(),
            });
            list.parts.push(sheet);
            list.bytes += bytes;
            list.since = i;
            list.seen = list.seen.max(seen);
        }))
    }

    /// A `list`, `seats` or `results` line.
    pub fn list_line(&self, line: &ListRef, kind: impl FnOnce(&List) -> SheetKind) -> Result<&List, Rule> {
        let list = self.model.lists.get(&line.list).ok_or(Rule::ListUnknown)?;
        ensure(list.kind == kind(list), Rule::ListKind)?;
        let lines = list.lines();
        let listed = lines.iter().filter(|line| !line.omit).count() as u64;
        let count = if matches!(list.kind, SheetKind::Cases | SheetKind::Payments) { listed } else { list.len() as u64 };
        let total: u128 = lines.iter().filter_map(|line| line.pays).map(|(fen, _)| u128::from(fen)).sum();
        let root = list_root(list.texts());
        ensure(line.count == count && u128::from(line.total) == total && line.root == root, Rule::ListRoot)?;
        ensure(list.used.is_none() || !matches!(list.kind, SheetKind::Seats | SheetKind::Results), Rule::ListClosed)?;
        Ok(list)
    }

    /// A list step, post-up or post-down.
    pub fn list_step(&self, step: &Step, act: &Act, sub: &Submission) -> Result<Effect, Rule> {
        let (line, seats, overrides) = match act {
            Act::Step(act) => (act.list.as_ref().unwrap(), act.seats.as_ref(), &act.overrides),
            Act::PostUp(act) => (&act.list, None, &act.overrides),
            Act::PostDown(act) => (&act.list, None, &act.overrides),
            _ => unreachable!("another act"),
        };
        let wanted = |list: &List| if step.locks || list.is_locked { SheetKind::Payments } else { SheetKind::Cases };
        let list = self.list_line(line, wanted)?;
        let seats_list = seats.map(|seats| self.list_line(seats, |_| SheetKind::Seats)).transpose()?;
        let lines = list.lines();
        let unit = self.judge_unit(step, list, &lines)?;
        let (kept, dropped) = self.sort_lines(step, list, &lines, &unit)?;
        self.judge_omits(step, list, &lines, &kept, &unit)?;
        if let Some(seats) = seats_list {
            self.judge_quorum(step, seats)?;
        }
        self.judge_rates(step, &kept, &dropped)?;
        self.judge_posting(step, act, list, sub)?;
        self.judge_overrides(overrides, step, &lines.iter().map(|line| &line.case).collect::<Vec<_>>(), Some(&line.list))?;
        for kept in &kept {
            let case = &self.model.cases[&kept.case];
            let subject = Subject { id: &kept.case, unit: &case.unit, marks: case.marks.iter().collect(), recused: &case.recused };
            self.judge_case_rules(step, &subject, overrides, Some(&line.list))?;
        }
        let latest = kept.iter().map(|line| self.model.cases[&line.case].period).max().unwrap();
        self.warn_of_due(step, latest, 0);
        Ok(self.list_effect(step, act, line, seats, kept, dropped, sub))
    }

    fn judge_unit(&self, step: &Step, list: &List, lines: &[Line]) -> Result<Unit, Rule> {
        let mut stayed: Option<Unit> = None;
        let mut first: Option<Unit> = None;
        for line in lines {
            let case = self.model.cases.get(&line.case).ok_or(Rule::CaseUnknown)?;
            let own = level_unit(&case.unit, step.level);
            if first.is_none() {
                first.clone_from(&own);
            }
            if case.unit_entry < list.seen {
                stayed = stayed.or(own);
            }
        }
        let unit = stayed.or(first).ok_or(Rule::ListUnit)?;
        for line in lines {
            let case = &self.model.cases[&line.case];
            let own = level_unit(&case.unit, step.level).ok_or(Rule::ListUnit)?;
            ensure(own == unit || case.unit_entry >= list.seen, Rule::ListUnit)?;
        }
        ensure(self.all_cover(&unit), Rule::CaseUnit)?;
        Ok(unit)
    }

    fn is_due_in(&self, step: &Step, id: &CaseId, case: &Case, bound: u64) -> bool {
        (if case.is_new { step.for_new } else { step.for_continuing })
            && step.after.iter().all(|before| self.is_satisfied(id, case, before, bound))
    }

    fn sort_lines(&self, step: &Step, list: &List, lines: &[Line], unit: &Unit) -> Result<Sorted, Rule> {
        let (mut kept, mut dropped) = (Vec::new(), Vec::new());
        for line in lines.iter().filter(|line| !line.omit) {
            if list.dropped.contains(&line.case) {
                continue;
            }
            let case = &self.model.cases[&line.case];
            if line.hash != case.head && Some(case.head) != list.did {
                ensure(case.had_since(&line.hash, list.seen), Rule::CaseHead)?;
                let is_known = list.used.is_none() && self.is_old(case, list.seen) && case.corrected < list.seen;
                ensure(!is_known || self.was_due(step, &line.case, case, list.seen), Rule::StepOrder)?;
                dropped.push((line.case.clone(), case.head));
                continue;
            }
            if level_unit(&case.unit, step.level).as_ref() != Some(unit) {
                dropped.push((line.case.clone(), case.head));
                continue;
            }
            if let Some(flag) = case.flags.first() {
                dropped.push((line.case.clone(), flag.hash));
                continue;
            }
            ensure(case.status.is_none(), Rule::CaseStatus)?;
            ensure(case.mark(&step.id).is_none(), Rule::StepRepeated)?;
            ensure(self.is_due_in(step, &line.case, case, u64::MAX), Rule::StepOrder)?;
            if step.locks {
                ensure(case.payment.is_none(), Rule::CasePaid)?;
                let (fen, token) = line.pays.unwrap();
                ensure(self.amount(case) == Some(u128::from(fen)), Rule::Amount)?;
                ensure(token == case.account, Rule::AccountOther)?;
            }
            kept.push(line.clone());
        }
        ensure(!kept.is_empty(), Rule::ListEmpty)?;
        Ok((kept, dropped))
    }

    /// What a case is paid.
    pub fn amount(&self, case: &Case) -> Option<u128> {
        let standard = self.g.programme.standards.iter().find(|standard| {
            standard.scheme == case.scheme
                && standard.tier == case.tier
                && standard.from <= case.period
                && standard.to.is_none_or(|to| case.period <= to)
        })?;
        let Some(per) = &standard.per else { return Some(u128::from(standard.fen)) };
        let mut marks: Vec<_> = case.marks.iter().collect();
        marks.sort_by_key(|mark| mark.entry);
        let latest = marks.iter().rev().find_map(|mark| mark.measures.iter().find(|(code, _)| code == per));
        latest.map(|(_, measure)| u128::from(standard.fen) * u128::from(*measure)).filter(|fen| *fen <= 9_007_199_254_740_991)
    }

    fn is_old(&self, case: &Case, bound: u64) -> bool {
        case.unit_entry < bound && case.status_entry < bound && case.period_entry < bound
    }

    fn was_due(&self, step: &Step, id: &CaseId, case: &Case, bound: u64) -> bool {
        let was_done = case.marks.iter().any(|mark| mark.step == step.id && mark.entry < bound);
        let can_be_paid = !step.locks || case.payment.is_none() && self.amount(case).is_some();
        case.status.is_none() && self.is_old(case, bound) && !was_done && can_be_paid && self.is_due_in(step, id, case, bound)
    }

    fn judge_omits(&self, step: &Step, list: &List, lines: &[Line], kept: &[Line], unit: &Unit) -> Judged {
        let latest = kept.iter().map(|line| self.model.cases[&line.case].period).max().unwrap();
        let first = if step.posting.is_some() { list.used } else { None };
        let bound = first.map_or(self.z, |first| first.min(self.z));
        for (id, case) in &self.model.cases {
            let is_here = level_unit(&case.unit, step.level).as_ref() == Some(unit);
            let was_there = self.is_old(case, bound) && (first.is_none() || case.corrected < bound);
            if !is_here || lines.iter().any(|line| line.case == *id) || !was_there {
                continue;
            }
            let was_dropped = case.dropped.is_some_and(|(_, entry)| entry < bound) && case.period >= latest;
            let is_ahead = case.mark(&step.id).is_none() && if case.is_new { step.for_new } else { step.for_continuing };
            let would_be_for = if self.was_locked(case) { step.for_continuing } else { step.for_new };
            let is_before = is_ahead || case.period < latest && would_be_for;
            ensure(!(was_dropped || case.status.is_none() && is_before), Rule::ListOmits)?;
        }
        if first.is_some() {
            return Ok(());
        }
        for line in lines.iter().filter(|line| line.omit) {
            let case = &self.model.cases[&line.case];
            let is_due = case.mark(&step.id).is_none() && self.was_due(step, &line.case, case, bound);
            let says_why = case.had_since(&line.hash, list.seen) || case.dropped.is_some_and(|(hash, _)| hash == line.hash);
            let is_founded = !is_due && says_why
                || case.flags.iter().any(|flag| flag.hash == line.hash)
                || case.status.is_some() && case.status_hash == line.hash
                || case.recusals.iter().any(|(who, hash)| *hash == line.hash && self.signers.iter().any(|signer| signer.person == *who));
            ensure(is_founded, Rule::OmitUnfounded)?;
        }
        Ok(())
    }

    fn judge_quorum(&self, step: &Step, seats: &List) -> Judged {
        let Some(quorum) = &step.quorum else { return Ok(()) };
        let lines = seats.parts.iter().filter_map(|sheet| match &sheet.lines {
            SheetLines::Seats(lines) => Some(lines),
            _ => None,
        });
        let all: Vec<_> = lines.flatten().collect();
        let present: Vec<_> = all.iter().filter(|seat| seat.vote != Vote::Absent).collect();
        let agree = present.iter().filter(|seat| seat.vote == Vote::Agree).count() as u64;
        let k = present.len() as u64;
        ensure(!falls_short(k, all.len() as u64, quorum.present) && !falls_short(agree, k, quorum.agree), Rule::Quorum)?;
        for (category, least) in &quorum.seats {
            ensure(present.iter().filter(|seat| seat.category == *category).count() as u64 >= *least, Rule::Quorum)?;
        }
        Ok(())
    }

    fn judge_rates(&self, step: &Step, kept: &[Line], dropped: &[(CaseId, StatementHash)]) -> Judged {
        let Some(rates) = &step.rates else { return Ok(()) };
        let counted = kept.iter().map(|line| &line.case).chain(dropped.iter().map(|(id, _)| id));
        let marks: Vec<_> = counted.filter_map(|id| self.model.cases[id].mark(&rates.step)).collect();
        for (code, share) in &rates.shares {
            let yes = marks.iter().filter(|mark| mark.asserts.contains(&(code.clone(), Assertion::Yes))).count();
            ensure(!falls_short(yes as u64, marks.len() as u64, *share), Rule::Rate)?;
        }
        Ok(())
    }

    fn judge_posting(&self, step: &Step, act: &Act, list: &List, sub: &Submission) -> Judged {
        let Some(posting) = &step.posting else { return Ok(()) };
        match act {
            Act::PostUp(act) => {
                ensure(codes_of(&act.places) == posting.at.iter().collect::<Vec<_>>(), Rule::PostingPlace)?;
                ensure(act.phones == posting.phones, Rule::PostingPhone)?;
                ensure(codes_of(&act.photos) == posting.up.iter().collect::<Vec<_>>(), Rule::PostingPhoto)
            }
            Act::PostDown(act) => {
                let up = list.up.iter().rfind(|(id, _)| *id == step.id);
                let (_, since) = up.ok_or(Rule::PostingDown)?;
                ensure(codes_of(&act.photos) == posting.down.iter().collect::<Vec<_>>(), Rule::PostingPhoto)?;
                let days = self.days_between(*since, sub.header.at.unix_ms(), posting.days.counting);
                ensure(days >= posting.days.days, Rule::PostingDays)
            }
            _ => Ok(()),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "all that the step found goes into what it does")]
    fn list_effect(
        &self,
        step: &Step,
        act: &Act,
        line: &ListRef,
        seats: Option<&ListRef>,
        kept: Vec<Line>,
        dropped: Vec<(CaseId, StatementHash)>,
        sub: &Submission,
    ) -> Effect {
        let (list, seats) = (line.list.clone(), seats.map(|seats| seats.list.clone()));
        let (is_up, at) = (matches!(act, Act::PostUp(_)), sub.header.at.unix_ms());
        let (mut mark, hash, i, z, locks) = (self.mark(step, Some(&list)), self.hash, self.i, self.z, step.locks);
        if let Act::Step(act) = act {
            mark.asserts.clone_from(&act.asserts);
            mark.measures.clone_from(&act.measures);
        }
        Box::new(move |model| {
            for used in [Some(list.clone()), seats].into_iter().flatten() {
                model.lists.get_mut(&used).unwrap().used.get_or_insert(z);
            }
            let record = model.lists.get_mut(&list).unwrap();
            for (id, hash) in dropped {
                record.dropped.insert(id.clone());
                model.cases.get_mut(&id).unwrap().dropped = Some((hash, i));
            }
            if is_up {
                record.up.push((mark.step.clone(), at));
                return;
            }
            record.did = Some(hash);
            record.is_locked |= locks;
            for line in kept {
                let case = model.cases.get_mut(&line.case).unwrap();
                case.marks.push(mark.clone());
                case.moves(hash, i);
                case.dropped = None;
                if let Some((fen, token)) = line.pays.filter(|_| locks) {
                    case.payment = Some(Payment { list: list.clone(), fen, token, batches: Vec::new(), marks: Vec::new() });
                }
            }
        })
    }

    /// Steps on lists that rules `mixed` name, and how many they ask for.
    pub fn mixed_rules(&self, step: &Code) -> Vec<(&ledger::procedure::programme::RuleOf, usize, u64)> {
        let rules = self.g.programme.rules.iter();
        rules
            .filter_map(|rule_of| match &rule_of.kind {
                RuleKind::Mixed { steps, level, min } if steps.contains(step) => Some((rule_of, *level, *min)),
                _ => None,
            })
            .collect()
    }

    /// Cases by what a results line says of each.
    pub fn results_of(list: &List) -> BTreeMap<CaseId, Option<Code>> {
        list.results().into_iter().collect()
    }
}
