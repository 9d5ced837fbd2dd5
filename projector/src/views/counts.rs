//! Counts: who did what how often, how far cases are, what was paid, what was in time, what waits for an answer. Whatever is
//! taken back is counted no more; whoever did it stays responsible for having done it.

use std::sync::Arc;

use ledger::procedure::calendar::{Calendar, Counting};
use signer::value::{Time, UnixMs, midnight};

use super::{Facts, Fold, Result};
use crate::keys::{Key, Responsibility};
use crate::rows::{
    AttemptRow, CaseRow, DaysRow, DeadlineRow, Deed, FileRow, FlagState, MarkRow, MoneyRow, PaymentRow, ProcedureRow, RaisedCountRow,
    RaisedRow, SignerRow, StepRow, Sum, TallyRow,
};

/// What the fold remembers of the procedure that governed last: every entry asks for it.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(super) digest: [u8; 32],
    pub(super) row: ProcedureRow,
    pub(super) calendar: Calendar,
}

impl Terms {
    pub(crate) fn of(digest: [u8; 32], row: ProcedureRow) -> Arc<Terms> {
        let calendar = Calendar {
            offset_minutes: row.offset_minutes,
            working: row.working.iter().copied().collect(),
            holidays: row.holidays.iter().copied().collect(),
            workdays: row.workdays.iter().copied().collect(),
        };
        Arc::new(Terms { digest, row, calendar })
    }

    pub(super) fn exceeds(&self, from: i64, to: UnixMs, limit: DaysRow) -> bool {
        self.days(from, to, limit.are_working) > limit.days
    }

    pub(crate) fn days(&self, from: i64, to: UnixMs, are_working: bool) -> u64 {
        let counting = if are_working { Counting::Working } else { Counting::Natural };
        self.calendar.days_between(UnixMs(from), to, counting)
    }
}

/// Where the marks of a case are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    unit: String,
    period: u16,
}

impl Place {
    pub(super) fn of(file: &FileRow) -> Place {
        Place { unit: file.unit.clone(), period: file.period }
    }
}

/// The count that a payment has besides `locked`.
fn counted_as(payment: &PaymentRow) -> Option<fn(&mut MoneyRow) -> &mut Sum> {
    fn in_batch(money: &mut MoneyRow) -> &mut Sum {
        &mut money.in_batch
    }
    fn paid(money: &mut MoneyRow) -> &mut Sum {
        &mut money.paid
    }
    fn failed(money: &mut MoneyRow) -> &mut Sum {
        &mut money.failed
    }
    payment.attempts.last().map(|AttemptRow { result, .. }| match result {
        None => in_batch as fn(&mut MoneyRow) -> &mut Sum,
        Some(result) if result.failed.is_none() => paid,
        Some(_) => failed,
    })
}

fn gains(sum: &mut Sum, fen: u64) {
    (sum.cases, sum.fen) = (sum.cases + 1, sum.fen.saturating_add(fen));
}

fn loses(sum: &mut Sum, fen: u64) {
    (sum.cases, sum.fen) = (sum.cases.saturating_sub(1), sum.fen.saturating_sub(fen));
}

impl Fold<'_> {
    /// What the governing procedure says besides steps and outcomes; nothing where none governs.
    pub(super) fn terms(&mut self, governing: Option<[u8; 32]>) -> Result<Option<Arc<Terms>>> {
        let Some(digest) = governing else { return Ok(None) };
        if let Some(known) = self.terms.as_ref().filter(|known| known.digest == digest) {
            return Ok(Some(Arc::clone(known)));
        }
        let known = Terms::of(digest, self.require(&Key::Procedure(digest))?);
        self.terms = Some(Arc::clone(&known));
        Ok(Some(known))
    }

    fn tally(&mut self, key: Key, cases: u64) -> Result<()> {
        let entry = self.views.next;
        self.update(key, TallyRow { first: entry, ..TallyRow::default() }, |tally: &mut TallyRow| {
            tally.acts += 1;
            tally.cases += cases;
            tally.last = entry;
        })
    }

    fn add(&mut self, key: Key, by: i64) -> Result<()> {
        self.update(key, 0, |count: &mut u64| *count = count.saturating_add_signed(by))
    }

    /// A mark appears at a place, or goes from it.
    fn count_mark(&mut self, place: &Place, mark: &MarkRow, by: i64) -> Result<()> {
        self.add(Key::Funnel(place.unit.clone(), place.period, mark.step.clone()), by)?;
        let Some(is_late) = mark.is_late else { return Ok(()) };
        self.update(Key::Deadline(mark.step.clone(), place.period), DeadlineRow::default(), |row: &mut DeadlineRow| {
            let count = if is_late { &mut row.late } else { &mut row.in_time };
            *count = count.saturating_add_signed(by);
        })
    }

    fn take_back(&mut self, place: &Place, marks: &[Arc<MarkRow>]) -> Result<()> {
        marks.iter().try_for_each(|mark| self.count_mark(place, mark, -1))
    }

    /// A step was done on a case.
    pub(super) fn mark_case(&mut self, case: &str, mark: &Arc<MarkRow>) -> Result<()> {
        let place = self.amend_file(case, |file| {
            file.marks.push(Arc::clone(mark));
            Place::of(file)
        })?;
        place.map_or(Ok(()), |place| self.count_mark(&place, mark, 1))
    }

    /// A step was done on a payment, or on the batch that it is in.
    pub(super) fn mark_payment(&mut self, case: &str, mark: &Arc<MarkRow>) -> Result<()> {
        let place = self.amend_file(case, |file| {
            file.payment.as_mut()?.marks.push(Arc::clone(mark));
            Some(Place::of(file))
        })?;
        place.flatten().map_or(Ok(()), |place| self.count_mark(&place, mark, 1))
    }

    /// Marks from an entry on are forgotten.
    pub(super) fn forget_from(&mut self, case: &str, entry: u64) -> Result<()> {
        self.forget(case, |mark| mark.entry >= entry)
    }

    fn forget(&mut self, case: &str, is_gone: impl Fn(&MarkRow) -> bool) -> Result<()> {
        let gone = self.amend_file(case, |file| {
            let gone: Vec<Arc<MarkRow>> = file.marks.extract_if(.., |mark| is_gone(mark)).collect();
            (Place::of(file), gone)
        })?;
        gone.map_or(Ok(()), |(place, gone)| self.take_back(&place, &gone))
    }

    /// A payment that is not made is taken away, and the mark of the step that locked it.
    pub(super) fn unlock(&mut self, case: &str, locks: Option<&str>) -> Result<()> {
        let taken = self.amend_file(case, |file| {
            let is_paid = |payment: &PaymentRow| {
                let last = payment.attempts.last();
                last.is_some_and(|last| last.result.as_ref().is_some_and(|result| result.failed.is_none()))
            };
            let payment = file.payment.take_if(|payment| !is_paid(payment))?;
            Some((Place::of(file), file.scheme.clone(), payment))
        })?;
        let Some((place, scheme, payment)) = taken.flatten() else { return Ok(()) };
        self.take_back(&place, &payment.marks)?;
        self.update(Key::Money(scheme, place.period), MoneyRow::default(), |money: &mut MoneyRow| {
            loses(&mut money.locked, payment.fen);
            counted_as(&payment).into_iter().for_each(|count| loses(count(money), payment.fen));
        })?;
        self.forget(case, |mark| locks == Some(&mark.step))
    }

    /// What is paid to a case is fixed.
    pub(super) fn lock(&mut self, case: &str, payment: PaymentRow) -> Result<()> {
        let fen = payment.fen;
        let of = self.amend_file(case, |file| {
            file.payment = Some(payment);
            (file.scheme.clone(), file.period)
        })?;
        let Some((scheme, period)) = of else { return Ok(()) };
        self.update(Key::Money(scheme, period), MoneyRow::default(), |money: &mut MoneyRow| gains(&mut money.locked, fen))
    }

    /// Changes a payment: it is put into a batch, taken out, made or not. Steps of a batch that is not paid or no more are taken
    /// back.
    pub(super) fn amend_payment(&mut self, case: &str, change: impl FnOnce(&mut PaymentRow)) -> Result<()> {
        let changed = self.amend_file(case, |file| {
            let (place, scheme) = (Place::of(file), file.scheme.clone());
            let payment = file.payment.as_mut()?;
            let before = counted_as(payment);
            change(payment);
            let is_on_its_way = payment.attempts.last().is_some_and(|last| last.result.as_ref().is_none_or(|said| said.failed.is_none()));
            let gone = if is_on_its_way { Vec::new() } else { core::mem::take(&mut payment.marks) };
            Some((place, scheme, payment.fen, before, counted_as(payment), gone))
        })?;
        let Some((place, scheme, fen, before, after, gone)) = changed.flatten() else { return Ok(()) };
        self.take_back(&place, &gone)?;
        self.update(Key::Money(scheme, place.period), MoneyRow::default(), |money: &mut MoneyRow| {
            before.into_iter().for_each(|count| loses(count(money), fen));
            after.into_iter().for_each(|count| gains(count(money), fen));
        })
    }

    /// Changes where a case stands: its status, its unit, or its period. What an earlier period counts stays; a new one begins
    /// with the marks that the case keeps.
    pub(super) fn amend_standing(&mut self, case: &str, change: impl FnOnce(&mut FileRow)) -> Result<()> {
        let changed = self.amend_file(case, |file| {
            let before = (Place::of(file), file.status().to_owned());
            change(file);
            let after = (Place::of(file), file.status().to_owned());
            let moves = before.0 != after.0;
            let marks = if moves { file.marks.clone() } else { Vec::new() };
            (before, after, marks)
        })?;
        let Some((before, after, marks)) = changed else { return Ok(()) };
        if before == after {
            return Ok(());
        }
        if before.0.period == after.0.period {
            self.add(Key::Standing(before.0.unit.clone(), before.0.period, before.1), -1)?;
            marks.iter().try_for_each(|mark| self.count_mark(&before.0, mark, -1))?;
        }
        marks.iter().try_for_each(|mark| self.count_mark(&after.0, mark, 1))?;
        self.add(Key::Standing(after.0.unit, after.0.period, after.1), 1)
    }

    /// A case is opened.
    pub(super) fn open_case(&mut self, case: &str, file: FileRow) -> Result<()> {
        self.add(Key::Standing(file.unit.clone(), file.period, file.status().to_owned()), 1)?;
        self.amend(Key::Case(case.to_owned()), |row: &mut CaseRow| row.file = Some(file))
    }

    /// A flag or report changes its state.
    pub(super) fn settle_raised(&mut self, entry: u64, state: FlagState) -> Result<()> {
        let (kind, before) =
            self.amend(Key::Raised(entry), |row: &mut RaisedRow| (row.kind.clone(), core::mem::replace(&mut row.state, state)))?;
        self.amend(Key::RaisedCount(kind), |count: &mut RaisedCountRow| {
            *count.of(before) = count.of(before).saturating_sub(1);
            *count.of(state) += 1;
        })
    }
}

impl Facts<'_> {
    /// Who did what, and how much each office did.
    pub(super) fn count_signers(&self, fold: &mut Fold<'_>, signers: &[SignerRow], deed: &Deed) -> Result<()> {
        let offset_minutes = fold.terms(self.governing)?.map_or(0, |terms| terms.calendar.offset_minutes);
        let (year, month, _) = Time { unix_seconds: self.received.0.div_euclid(1_000), offset_minutes }.date();
        let ((step, outcome), cases) = (deed.step_and_outcome(), deed.cases_done());
        for (number, SignerRow { person, office, unit, .. }) in signers.iter().enumerate() {
            let (person, step) = (person.clone(), step.to_owned());
            let of = Responsibility { person, office: office.clone(), step, outcome: outcome.to_string() };
            fold.tally(Key::Responsibility(Box::new(of)), cases)?;
            let is_again = signers[..number].iter().any(|before| before.office == *office && before.unit == *unit);
            if !is_again {
                fold.tally(Key::Workload(office.clone(), unit.clone(), year, month), cases)?;
            }
        }
        Ok(())
    }

    /// Whether a step on cases of a period, the latest of theirs, comes after its date; `stood_still_ms` does not count.
    pub(super) fn is_overdue(&self, fold: &mut Fold<'_>, step: &StepRow, period: u16, stood_still_ms: i64) -> Result<Option<bool>> {
        const DAY_MS: i64 = 86_400_000;
        let Some((month, day)) = step.due else { return Ok(None) };
        let Some(terms) = fold.terms(self.governing)? else { return Ok(None) };
        let due = midnight(i64::from(period), i64::from(month), i64::from(day), terms.calendar.offset_minutes);
        let today = terms.calendar.day(self.received);
        Ok(due.map(|due| today - stood_still_ms.div_euclid(DAY_MS) > terms.calendar.day(due)))
    }

    /// Whether it comes too long after another step, by when those before it were received.
    pub(super) fn is_too_long_after(&self, fold: &mut Fold<'_>, step: &StepRow, marks: &[(String, i64)]) -> Result<Option<bool>> {
        let Some((limit, of)) = &step.within else { return Ok(None) };
        let Some(terms) = fold.terms(self.governing)? else { return Ok(None) };
        let before = marks.iter().find(|(step, _)| step == of);
        Ok(before.map(|(_, received_ms)| terms.exceeds(*received_ms, self.received, *limit)))
    }

    /// Something is raised that waits for an answer or a release.
    pub(super) fn note_raised(&self, fold: &mut Fold<'_>, kind: &str, case: Option<&str>, unit: Option<&str>) -> Result<()> {
        let row = RaisedRow {
            kind: kind.to_owned(),
            case: case.map(ToOwned::to_owned),
            unit: unit.map(ToOwned::to_owned),
            received_ms: self.received.0,
            procedure: self.governing.unwrap_or_default(),
            state: FlagState::Open,
        };
        fold.put(Key::Raised(self.entry), row);
        fold.update(Key::RaisedCount(kind.to_owned()), RaisedCountRow::default(), |count: &mut RaisedCountRow| count.open += 1)
    }

    /// Something is answered, in time or late.
    pub(super) fn count_answer(&self, fold: &mut Fold<'_>, kind: &str, raised_ms: i64) -> Result<()> {
        let Some(terms) = fold.terms(self.governing)? else { return Ok(()) };
        let Some(limit) = terms.row.answer else { return Ok(()) };
        let offset_minutes = terms.calendar.offset_minutes;
        let (year, ..) = Time { unix_seconds: self.received.0.div_euclid(1_000), offset_minutes }.date();
        let is_late = terms.exceeds(raised_ms, self.received, limit);
        fold.update(
            Key::AnswerTerm(kind.to_owned(), year),
            DeadlineRow::default(),
            |row: &mut DeadlineRow| {
                if is_late { row.late += 1 } else { row.in_time += 1 }
            },
        )
    }
}
