//! Sheets, list steps and postings: judged line by line (format.md section 8.7).

use std::collections::BTreeMap;

use signer::act::{
    About, Assertion, CaseLine, ListRef, PaymentLine, PostDown, PostUp, SeatLine, Sheet, SheetKind, SheetLines, Step as StepAct, Vote,
};
use signer::rule::{Refusal, Rule};
use signer::value::{AccountToken, CaseId, Code, NUMBER_MAX, Period, PersonId, StatementHash, Unit};

use super::desk::{Desk, Seat};
use super::steps::status;
use super::{Judged, list};
use crate::procedure::programme::{On, Posting, Quorum, Rates, Step};
use crate::programme::case::CaseFile;
use crate::programme::list::List;
use crate::programme::{Change, Done};

/// Bytes of sheets that a person may have waiting.
pub const UNUSED_SHEET_BYTES_MAX: u64 = 2_097_152;
/// Lines of a list.
pub const LIST_LINES_MAX: u64 = 20_000;

/// A line of a list of cases or payments.
#[derive(Clone, Copy)]
struct Row<'a> {
    case: &'a CaseId,
    hash: &'a StatementHash,
    omits: bool,
    pays: Option<(u64, &'a AccountToken)>,
}

fn rows(list: &List) -> Vec<Row<'_>> {
    let mut all = Vec::new();
    for sheet in &list.sheets {
        match sheet {
            SheetLines::Cases(lines) => {
                all.extend(lines.iter().map(|CaseLine { case, hash, omit }| Row { case, hash, omits: *omit, pays: None }))
            }
            SheetLines::Payments(lines) => all.extend(lines.iter().map(|line| match line {
                PaymentLine::Pays { case, head, fen, account } => Row { case, hash: head, omits: false, pays: Some((*fen, account)) },
                PaymentLine::Omits { case, hash } => Row { case, hash, omits: true, pays: None },
            })),
            SheetLines::Seats(_) | SheetLines::Results(_) => {}
        }
    }
    all
}

/// What became of a list's lines.
#[derive(Default)]
struct Sorted<'a> {
    kept: Vec<(&'a CaseId, &'a CaseFile)>,
    dropped: Vec<(CaseId, StatementHash)>,
    payments: Vec<(CaseId, u64, AccountToken)>,
}

impl<'a> Desk<'a> {
    /// `sheet`.
    pub(super) fn judge_sheet(&mut self, sheet: &Sheet, owner: &PersonId, bytes: u64) -> Judged {
        let other = self.signers.iter().find(|signer| !self.programme.takes_lists(&signer.by.office));
        self.ensure(other.is_none(), Rule::StepOffice, || {
            ("an office that signs steps on lists".to_owned(), other.map_or_else(String::new, |signer| signer.by.office.to_string()))
        })?;
        let known = self.register.list(&sheet.list);
        self.ensure(known.is_none_or(|known| known.owner == *owner), Rule::ListTaken, || {
            (
                "a list of one's own".to_owned(),
                format!("{} of {}", sheet.list, known.map_or_else(String::new, |known| known.owner.to_string())),
            )
        })?;
        self.ensure(known.is_none_or(|known| known.used_seeing.is_none() && known.kind == sheet.kind), Rule::ListClosed, || {
            (format!("a list of {} that no step has used", sheet.kind), format!("list {}", sheet.list))
        })?;
        let next = known.map_or(0, |known| known.sheets.len() as u64);
        self.ensure(sheet.part == next, Rule::ListPart, || (format!("part {next}"), format!("part {}", sheet.part)))?;
        self.judge_sheet_order(sheet, known)?;
        let waiting = self.register.unused_bytes(owner) + bytes;
        let lines = known.map_or(0, List::lines) + sheet.lines.len() as u64;
        self.ensure(waiting <= UNUSED_SHEET_BYTES_MAX && lines <= LIST_LINES_MAX, Rule::ListLimit, || {
            let expected = format!("at most {UNUSED_SHEET_BYTES_MAX} bytes waiting and {LIST_LINES_MAX} lines");
            (expected, format!("{waiting} bytes, {lines} lines"))
        })?;
        let Sheet { list, kind, lines, .. } = sheet.clone();
        let seen_size = self.seen_size();
        self.change(Change::Sheet { list, owner: owner.clone(), kind, lines, bytes, seen_size });
        Ok(())
    }

    fn judge_sheet_order(&self, sheet: &Sheet, known: Option<&List>) -> Judged {
        let texts = sheet.lines.texts();
        let firsts = texts.iter().filter_map(|text| text.split(' ').next());
        let mut before = known.and_then(|known| known.last.clone());
        for first in firsts {
            let is_later = before.as_deref().is_none_or(|before| before < first);
            self.ensure(is_later, Rule::ListOrder, || (format!("a line after {}", before.clone().unwrap_or_default()), first.to_owned()))?;
            before = Some(first.to_owned());
        }
        Ok(())
    }

    /// The list that a line names, of the kind called for.
    pub(super) fn list_named(&self, named: &ListRef, kind: SheetKind) -> Result<&'a List, Refusal> {
        let Some(known) = self.register.list(&named.list) else {
            return Err(Refusal::new(Rule::ListUnknown, "a list whose sheets are in the record", named.list.to_string()));
        };
        self.ensure(known.kind == kind, Rule::ListKind, || {
            (format!("a list of {kind}"), format!("list {} of {}", named.list, known.kind))
        })?;
        let is_same = (named.count, Some(named.total), named.root) == (known.count, known.total, known.root());
        self.ensure(is_same, Rule::ListRoot, || {
            let total = known.total.map_or("too much".to_owned(), |total| total.to_string());
            (format!("{} {total} {}", known.count, known.root()), format!("{} {} {}", named.count, named.total, named.root))
        })?;
        let is_spent = known.used_seeing.is_some() && matches!(kind, SheetKind::Seats | SheetKind::Results);
        self.ensure(!is_spent, Rule::ListClosed, || {
            (format!("{kind} of this step alone"), format!("list {}, which a step has used", named.list))
        })?;
        Ok(known)
    }

    /// A list step without a posting.
    pub(super) fn judge_list_step(&mut self, step: &'a Step, act: &StepAct) -> Judged {
        let Some(named) = &act.list else { return Ok(()) };
        let seats = act.seats.as_ref();
        let sorted = self.judge_lines(step, named, seats)?;
        if let (Some(quorum), Some(seats)) = (&step.quorum, seats) {
            self.judge_quorum(quorum, seats)?;
        }
        if let Some(rates) = &step.rates {
            self.judge_rates(rates, &sorted)?;
        }
        self.judge_kept(step, &named.list, &sorted, &act.overrides)?;
        if let Some(seats) = seats {
            self.change(Change::Used(seats.list.clone(), self.seen_size()));
        }
        self.finish_list(step, &named.list, sorted, Some(act));
        Ok(())
    }

    /// What is judged of a posting whether it goes up or comes down.
    fn judge_posted(&self, step: &Code, named: &ListRef) -> Result<(&'a Step, Sorted<'a>), Refusal> {
        let step = self.step_named(step, true)?;
        self.judge_offices(step)?;
        self.ensure_count(step)?;
        let sorted = self.judge_lines(step, named, None)?;
        if let Some(rates) = &step.rates {
            self.judge_rates(rates, &sorted)?;
        }
        Ok((step, sorted))
    }

    /// `post-up`.
    pub(super) fn judge_post_up(&mut self, act: &PostUp, at: signer::value::Time) -> Judged {
        let (step, sorted) = self.judge_posted(&act.step, &act.list)?;
        let Some(posting) = &step.posting else { return Ok(()) };
        let places: Vec<&Code> = act.places.iter().map(|(level, _)| level).collect();
        self.ensure(places.iter().copied().eq(&posting.at), Rule::PostingPlace, || {
            (format!("step {}: {}", step.id, list(posting.at.iter())), list(places.iter()))
        })?;
        self.ensure(act.phones == posting.phones, Rule::PostingPhone, || {
            (format!("step {}: {}", step.id, list(posting.phones.iter())), list(act.phones.iter()))
        })?;
        self.ensure_photos(step, &posting.up, &act.photos)?;
        self.judge_kept(step, &act.list.list, &sorted, &act.overrides)?;
        let list = act.list.list.clone();
        let named =
            sorted.kept.iter().map(|(case, _)| (*case).clone()).chain(sorted.dropped.iter().map(|(case, _)| case.clone())).collect();
        self.change(Change::Used(list.clone(), self.seen_size()));
        self.change(Change::Dropped { list: list.clone(), cases: sorted.dropped });
        self.change(Change::Up { list, step: step.id.clone(), at });
        self.change(Change::Named(self.hash, named));
        Ok(())
    }

    /// `post-down`.
    pub(super) fn judge_post_down(&mut self, act: &PostDown, at: signer::value::Time) -> Judged {
        let (step, sorted) = self.judge_posted(&act.step, &act.list)?;
        let Some(posting) = &step.posting else { return Ok(()) };
        self.judge_hanging(step, posting, act, at)?;
        self.judge_kept(step, &act.list.list, &sorted, &act.overrides)?;
        self.change(Change::Down { list: act.list.list.clone(), step: step.id.clone() });
        self.finish_list(step, &act.list.list, sorted, None);
        Ok(())
    }

    /// It hung, was photographed, and long enough.
    fn judge_hanging(&self, step: &Step, posting: &Posting, act: &PostDown, at: signer::value::Time) -> Judged {
        let up = self.register.list(&act.list.list).and_then(|list| list.up.get(&step.id));
        self.ensure(up.is_some(), Rule::PostingDown, || (format!("list {} up in step {}", act.list.list, step.id), "not up".to_owned()))?;
        self.ensure_photos(step, &posting.down, &act.photos)?;
        let Some(since) = up else { return Ok(()) };
        let days = self.programme.calendar.days_between(since.unix_ms(), at.unix_ms(), posting.days.counting);
        self.ensure(days >= posting.days.days, Rule::PostingDays, || {
            (format!("step {}: {} days by its calendar since {since}", step.id, posting.days.days), format!("{days} until {at}"))
        })
    }

    fn ensure_photos(&self, step: &Step, asked: &[Code], photos: &[(Code, signer::value::Commitment)]) -> Judged {
        let found: Vec<&Code> = photos.iter().map(|(code, _)| code).collect();
        self.ensure(found.iter().copied().eq(asked), Rule::PostingPhoto, || {
            (format!("step {}: {}", step.id, list(asked.iter())), list(found.iter()))
        })
    }

    /// Points 1 to 4 of section 8.7.
    fn judge_lines(&self, step: &Step, named: &ListRef, seats: Option<&ListRef>) -> Result<Sorted<'a>, Refusal> {
        let kind = self.kind_called_for(step, named);
        let of = self.list_named(named, kind)?;
        if let Some(seats) = seats {
            self.list_named(seats, SheetKind::Seats)?;
        }
        let rows = rows(of);
        let unit = self.judge_list_unit(step, of, &rows)?;
        let mut sorted = Sorted::default();
        for row in rows.iter().filter(|row| !row.omits) {
            self.judge_row(step, of, &unit, row, &mut sorted)?;
        }
        self.ensure(!sorted.kept.is_empty(), Rule::ListEmpty, || {
            (format!("list {}: a line that can go on", named.list), format!("{} dropped", sorted.dropped.len()))
        })?;
        let period = sorted.kept.iter().map(|(_, file)| file.period).max();
        self.judge_omissions(step, of, &unit, &rows, period)?;
        Ok(sorted)
    }

    fn kind_called_for(&self, step: &Step, named: &ListRef) -> SheetKind {
        // Only a step that locks uses a list of payments that no step has used.
        let is_locked =
            || self.register.list(&named.list).is_some_and(|known| known.kind == SheetKind::Payments && known.used_seeing.is_some());
        if step.locks || is_locked() { SheetKind::Payments } else { SheetKind::Cases }
    }

    /// Every line's case is known, and of one unit of the step's level, which the signers' units cover. A case that left the unit
    /// after the list was written does not stop the others.
    fn judge_list_unit(&self, step: &Step, of: &List, rows: &[Row<'_>]) -> Result<Unit, Refusal> {
        let mut places = Vec::with_capacity(rows.len());
        for row in rows {
            let file = self.file(row.case)?;
            places.push((row.case, file, file.unit.at_depth(step.level)));
        }
        let has_stayed = |file: &CaseFile| file.unit_since < of.seen_size;
        let first = places.iter().find(|(_, file, _)| has_stayed(file)).or(places.first());
        let unit = first.and_then(|(.., of_level)| of_level.clone());
        let other = places.iter().find(|(_, file, of_level)| of_level.is_none() || *of_level != unit && has_stayed(file));
        self.ensure(other.is_none(), Rule::ListUnit, || {
            let level = self.programme.levels.get(step.level).map(ToString::to_string).unwrap_or_default();
            let found = other.map_or_else(String::new, |(case, file, _)| format!("case {case} of unit {}", file.unit));
            (format!("cases of one unit of level {level}: {}", unit.clone().unwrap_or(Unit::whole())), found)
        })?;
        let unit = unit.unwrap_or(Unit::whole());
        let other = self.signers.iter().find(|signer| !signer.by.unit.covers(&unit));
        self.ensure(other.is_none(), Rule::CaseUnit, || {
            let found = other.map_or_else(String::new, |signer| format!("{} of unit {}", signer.by.person, signer.by.unit));
            (format!("signers whose units cover {unit}"), found)
        })?;
        Ok(unit)
    }

    /// One line: kept, dropped, or a reason to refuse the whole.
    fn judge_row(&self, step: &Step, of: &List, unit: &Unit, row: &Row<'_>, sorted: &mut Sorted<'a>) -> Judged {
        // The key of the register's own map lives as long as the state.
        let Some((case, known)) = self.register.case_entry(row.case) else { return Ok(()) };
        let file = self.file(case)?;
        if of.dropped.contains(case) {
            return Ok(());
        }
        let is_current = known.head == *row.hash || of.done_by == Some(known.head);
        if !is_current {
            // Whoever wrote the list names the head that was there to be seen: an old one would blame for the omission who moved the case.
            let is_unseen = self.register.was_head_since(case, row.hash, of.seen_size);
            self.ensure(is_unseen, Rule::CaseHead, || (format!("case {case} {}", known.head), row.hash.to_string()))?;
            // And so would a case that is listed before its turn: it moves when it is brought there.
            let is_known = of.used_seeing.is_none() && file.was_settled_at(of.seen_size) && file.corrected_since < of.seen_size;
            self.ensure(!is_known || self.is_due_at(of.seen_size, step, case, file), Rule::StepOrder, || {
                (format!("case {case}: step {} due when the list was written", step.id), "its turn had not come".to_owned())
            })?;
        }
        if !is_current || file.unit.at_depth(step.level).as_ref() != Some(unit) {
            sorted.dropped.push((case.clone(), known.head));
            return Ok(());
        }
        if let Some(flag) = file.flags.first() {
            sorted.dropped.push((case.clone(), flag.hash));
            return Ok(());
        }
        self.ensure(file.is_open(), Rule::CaseStatus, || (format!("case {case}: open"), status(file)))?;
        self.ensure(file.mark(&step.id).is_none(), Rule::StepRepeated, || {
            (format!("case {case}: step {} not done in {}", step.id, file.period), "done".to_owned())
        })?;
        self.ensure(self.is_for(step, file), Rule::StepOrder, || {
            (format!("step {} on cases that it is for", step.id), format!("case {case}, continuing: {}", file.is_continuing))
        })?;
        self.ensure_order(step, case, file)?;
        if step.locks
            && let Some((fen, account)) = row.pays
        {
            let payment = file.payment.as_ref();
            self.ensure(payment.is_none(), Rule::CasePaid, || {
                let list = payment.map_or_else(String::new, |payment| payment.list.to_string());
                (format!("case {case}: no payment in {}", file.period), format!("one that list {list} locked"))
            })?;
            self.judge_amount(case, file, fen, account)?;
            sorted.payments.push((case.clone(), fen, *account));
        }
        sorted.kept.push((case, file));
        Ok(())
    }

    /// What the standard gives a case, in fen; nothing where there is no standard, no measure, or too much.
    fn amount_due(&self, file: &CaseFile) -> Option<u64> {
        let standard = self.programme.standard(&file.scheme, &file.tier, file.period)?;
        let Some(per) = &standard.per else { return Some(standard.fen) };
        let latest = file.marks.iter().rev().find_map(|mark| mark.measures.iter().find(|(code, _)| code == per));
        latest.and_then(|(_, measure)| standard.fen.checked_mul(*measure)).filter(|fen| *fen <= NUMBER_MAX)
    }

    fn judge_amount(&self, case: &CaseId, file: &CaseFile, fen: u64, account: &AccountToken) -> Judged {
        let due = self.amount_due(file);
        self.ensure(due == Some(fen), Rule::Amount, || {
            let due = due.map_or("a measure".to_owned(), |due| format!("{due} fen"));
            (format!("case {case}: {due} for {} {} in {}", file.scheme, file.tier, file.period), format!("{fen} fen"))
        })?;
        self.ensure(*account == file.account, Rule::AccountOther, || (format!("case {case}: {}", file.account), account.to_string()))
    }

    /// Nobody is left out with nobody responsible.
    fn judge_omissions(&self, step: &Step, of: &List, unit: &Unit, rows: &[Row<'_>], period: Option<Period>) -> Judged {
        // A list that hangs, or will, answers for those whom its first signers could see: nobody stops a posting by applying.
        let first_seeing = of.used_seeing.filter(|_| step.posting.is_some());
        let size = first_seeing.unwrap_or(u64::MAX).min(self.seen_size());
        let named: BTreeMap<&CaseId, &Row<'_>> = rows.iter().map(|row| (row.case, row)).collect();
        for case in self.register.cases_within(unit) {
            let Some((file, head)) = self.register.file(case).zip(self.register.case(case).map(|known| known.head)) else { continue };
            if named.contains_key(case) {
                continue;
            }
            let was_there = file.was_settled_at(size) && (first_seeing.is_none() || file.corrected_since < size);
            let dropped = file.dropped.filter(|(_, entry)| *entry < size && Some(file.period) >= period);
            self.ensure(!was_there || dropped.is_none() && !self.is_awaited(step, file, period), Rule::ListOmits, || {
                let expected = match (self.is_due_at(size, step, case, file), dropped, file.stopped_by()) {
                    (true, ..) => format!("a line {case} {head}: step {} is due", step.id),
                    (false, Some((by, _)), None) => format!("a line {case} {by} omit: that statement dropped it"),
                    (false, _, Some(by)) => format!("a line {case} {by} omit: that statement stopped it"),
                    (false, None, None) => format!("a line {case} {head} omit: it waits before step {}", step.id),
                };
                let used = if of.used_seeing.is_some() { ", which is closed: lay another" } else { "" };
                (expected, format!("no line of it in the list of {unit}{used}"))
            })?;
        }
        if first_seeing.is_some() {
            // Its omissions were judged when it was first used; what has become of their grounds since takes nobody from it.
            return Ok(());
        }
        for row in rows.iter().filter(|row| row.omits) {
            self.judge_omission(step, of, size, row)?;
        }
        Ok(())
    }

    /// An `omit` line has a ground.
    fn judge_omission(&self, step: &Step, of: &List, size: u64, row: &Row<'_>) -> Judged {
        let file = self.file(row.case)?;
        let waits = !(file.mark(&step.id).is_none() && self.is_due_at(size, step, row.case, file));
        let dropped = file.dropped.map(|(by, _)| by).filter(|_| waits);
        let is_founded = waits && self.register.was_head_since(row.case, row.hash, of.seen_size)
            || file.flags.iter().any(|flag| flag.hash == *row.hash)
            || file.stopped_by() == Some(row.hash)
            || dropped == Some(*row.hash)
            || self.recusals(file).any(|hash| hash == row.hash);
        self.ensure(is_founded, Rule::OmitUnfounded, || {
            let flags = file.flags.iter().map(|flag| format!("the {} {}", flag.kind, flag.hash));
            let others = file.stopped_by().map(|by| format!("what stopped it, {by}")).into_iter();
            let others = others.chain(dropped.map(|by| format!("what dropped it, {by}")));
            let others = others.chain(self.recusals(file).map(|hash| format!("the recusal {hash}")));
            let head = self.register.case(row.case).map(|known| known.head).filter(|_| waits);
            let mut grounds: Vec<String> = flags.chain(others).chain(head.map(|head| format!("its head {head}"))).collect();
            if !waits {
                grounds.push(format!("no `omit`, since step {} is due", step.id));
            }
            (format!("case {}: {}", row.case, grounds.join(" or ")), row.hash.to_string())
        })
    }

    /// Recusals of a case by those who sign.
    fn recusals<'f>(&'f self, file: &'f CaseFile) -> impl Iterator<Item = &'f StatementHash> {
        let signs = |person: &PersonId| self.signers.iter().any(|signer| signer.by.person == *person);
        file.recused.iter().filter(move |(person, _)| signs(person)).map(|(_, hash)| hash)
    }

    /// Whether an open case has this step before it, however far away: in its period, or once it is renewed into that of the list.
    fn is_awaited(&self, step: &Step, file: &CaseFile, period: Option<Period>) -> bool {
        let is_before_it = file.mark(&step.id).is_none() && self.is_for(step, file);
        let is_before_it_next = || if self.is_locked(file) { step.for_continuing } else { step.for_new };
        file.is_open() && (is_before_it || Some(file.period) < period && is_before_it_next())
    }

    /// Whether a step was due for a case in a log of this size; where it locks, only for who can be paid.
    fn is_due_at(&self, size: u64, step: &Step, case: &CaseId, file: &CaseFile) -> bool {
        let was_done = file.mark(&step.id).is_some_and(|mark| mark.entry < size);
        let is_payable = || !step.locks || file.payment.is_none() && self.amount_due(file).is_some();
        let is_before_it = file.is_open() && !was_done && self.is_for(step, file) && is_payable();
        file.was_settled_at(size) && is_before_it && self.missing_before(step, case, file, size).is_none()
    }

    fn judge_quorum(&self, quorum: &Quorum, seats: &ListRef) -> Judged {
        let of = self.list_named(seats, SheetKind::Seats)?;
        let lines: Vec<&SeatLine> =
            of.sheets.iter().flat_map(|sheet| if let SheetLines::Seats(lines) = sheet { &lines[..] } else { &[] }).collect();
        let present: Vec<&&SeatLine> = lines.iter().filter(|line| line.vote != Vote::Absent).collect();
        let agree = present.iter().filter(|line| line.vote == Vote::Agree).count() as u64;
        let (due, there) = (lines.len() as u64, present.len() as u64);
        self.ensure(reaches(there, due, quorum.present), Rule::Quorum, || {
            (format!("{} of {due} seats present", quorum.present), there.to_string())
        })?;
        self.ensure(reaches(agree, there, quorum.agree), Rule::Quorum, || {
            (format!("{} of {there} present agreeing", quorum.agree), agree.to_string())
        })?;
        for (category, least) in &quorum.seats {
            let found = present.iter().filter(|line| line.category == *category).count() as u64;
            self.ensure(found >= *least, Rule::Quorum, || (format!("at least {least} present of {category}"), found.to_string()))?;
        }
        Ok(())
    }

    fn judge_rates(&self, rates: &Rates, sorted: &Sorted<'_>) -> Judged {
        // Who drops out of this act counts: an objection to one who was met must not lower the share of the others.
        let dropped = sorted.dropped.iter().filter_map(|(case, _)| self.register.file(case));
        let marks: Vec<_> = sorted.kept.iter().map(|(_, file)| *file).chain(dropped).filter_map(|file| file.mark(&rates.step)).collect();
        for (code, share) in &rates.shares {
            let says_yes = |(asserted, said): &(Code, Assertion)| asserted == code && *said == Assertion::Yes;
            let yes = marks.iter().filter(|mark| mark.asserts.iter().any(says_yes)).count() as u64;
            let all = marks.len() as u64;
            self.ensure(reaches(yes, all, *share), Rule::Rate, || {
                (format!("{code} in {share} of the {all} cases by {}", rates.step), yes.to_string())
            })?;
        }
        Ok(())
    }

    /// Overrides, the rules of each kept case, the due date.
    fn judge_kept(&mut self, step: &Step, of: &Code, sorted: &Sorted<'_>, overrides: &[StatementHash]) -> Judged {
        let is_of = |case: &CaseId| self.register.list(of).is_some_and(|list| rows(list).iter().any(|row| row.case == case));
        self.judge_overrides(overrides, &step.id, |about| match about {
            About::List(list) => list == of,
            About::Case(case) => is_of(case),
        })?;
        for (case, file) in &sorted.kept {
            self.judge_case_rules(step, &Seat::of(case, file), overrides)?;
        }
        if let Some(period) = sorted.kept.iter().map(|(_, file)| file.period).max() {
            self.judge_due(step, period, 0);
        }
        Ok(())
    }

    fn finish_list(&mut self, step: &Step, of: &Code, sorted: Sorted<'_>, act: Option<&StepAct>) {
        let cases: Vec<CaseId> = sorted.kept.iter().map(|(case, _)| (*case).clone()).collect();
        let named = cases.iter().chain(sorted.dropped.iter().map(|(case, _)| case)).cloned().collect();
        let mark = self.mark(step, Some(of.clone()), act);
        self.change(Change::Used(of.clone(), self.seen_size()));
        self.change(Change::Dropped { list: of.clone(), cases: sorted.dropped });
        self.change(Change::Done(Done { mark, cases }));
        if step.locks {
            self.change(Change::Locked { list: of.clone(), payments: sorted.payments });
        }
        self.change(Change::Named(self.hash, named));
        debug_assert!(step.on == On::List);
    }

    /// The latest period of cases.
    pub(super) fn latest_period<'c>(&self, cases: impl Iterator<Item = &'c CaseId>) -> Option<Period> {
        cases.filter_map(|case| self.register.file(case)).map(|file| file.period).max()
    }
}

/// Whether `some` of `all` is at least the share.
fn reaches(some: u64, all: u64, share: signer::value::Share) -> bool {
    u128::from(some) * u128::from(share.denominator) >= u128::from(all) * u128::from(share.numerator)
}
