//! Sheets, list steps and postings: which lines are kept and which are dropped, as format.md section 8.7 says.

use std::sync::Arc;

use signer::act::{CaseLine, ListRef, PaymentLine, ResultLine, Sheet, SheetLines, Vote};
use signer::value::StatementHash;

use super::{Facts, Fold, Result};
use crate::keys::Key;
use crate::rows::{
    Blame, CasePart, CaseRow, Deed, EntryRow, FlagRow, FlagState, LIST_ROW_LINES_MAX, LineRow, ListDeed, ListLinesRow, ListRow, MarkRow,
    PaymentRow, SeatsDeed, StepRow,
};

/// A step that a statement does on a list.
pub(super) struct Doing<'a> {
    pub(super) step: &'a str,
    pub(super) rule: &'a StepRow,
    pub(super) hash: StatementHash,
}

impl Fold<'_> {
    /// All lines of a list, in order; none of seats.
    pub(super) fn lines(&self, list: &str) -> Result<Vec<LineRow>> {
        let known: ListRow = self.require(&Key::List(list.to_owned()))?;
        let mut lines = Vec::new();
        for n in 0..known.rows {
            let row: ListLinesRow = self.require(&Key::ListLines(list.to_owned(), n))?;
            lines.extend(row.lines);
        }
        Ok(lines)
    }

    /// What a list of seats says; nothing of seats where a step that waits names a list that is not there.
    pub(super) fn seats(&self, seats: Option<&ListRef>) -> Result<Option<SeatsDeed>> {
        let Some(seats) = seats else { return Ok(None) };
        let known: ListRow = self.find(&Key::List(seats.list.to_string()))?.unwrap_or_default();
        Ok(Some(SeatsDeed { list: seats.list.to_string(), root: seats.root.0, votes: known.votes }))
    }

    /// The entries of statements that are named; a step that waits may name what is none.
    pub(super) fn entries_of(&self, hashes: &[StatementHash]) -> Result<Vec<u64>> {
        let entries = hashes.iter().map(|hash| self.find(&Key::Statement(hash.0))).collect::<Result<Vec<Option<u64>>>>()?;
        Ok(entries.into_iter().flatten().collect())
    }

    /// Who is responsible, by a statement's hash.
    pub(super) fn blame(&self, hash: [u8; 32]) -> Result<Blame> {
        let entry: u64 = self.require(&Key::Statement(hash))?;
        let key = Key::Entry(entry);
        let act = self.look(&key, |row: &EntryRow| row.deed.name().to_owned())?.ok_or_else(|| self.missing(&key))?;
        Ok(Blame { hash, entry, act })
    }

    /// A flag of a case, if it is open.
    fn open_flag(&self, case: &str, number: Option<u64>) -> Result<Option<FlagRow>> {
        let Some(number) = number else { return Ok(None) };
        let flag: FlagRow = self.require(&Key::CaseFlag(case.to_owned(), number))?;
        Ok(Some(flag).filter(|flag| !matches!(flag.state, FlagState::Closed(_))))
    }
}

impl Facts<'_> {
    /// A sheet: its lines in rows of their own, so that no row grows with the list.
    pub(super) fn sheet(&self, fold: &mut Fold<'_>, sheet: &Sheet) -> Result<Deed> {
        let list = sheet.list.to_string();
        let key = Key::List(list.clone());
        let mut known: ListRow = fold.find(&key)?.unwrap_or_default();
        known.kind = sheet.kind.to_string();
        known.sheets += 1;
        if let SheetLines::Seats(seats) = &sheet.lines {
            for seat in seats {
                match seat.vote {
                    Vote::Agree => known.votes.agree += 1,
                    Vote::Against => known.votes.against += 1,
                    Vote::Absent => known.votes.absent += 1,
                }
            }
        }
        let lines = rows_of(&sheet.lines);
        let mut put = |lines: &[LineRow]| {
            let row = ListLinesRow { entry: self.entry, lines: lines.to_vec() };
            fold.put(Key::ListLines(list.clone(), known.rows), row);
            known.rows += 1;
        };
        lines.chunks(LIST_ROW_LINES_MAX).for_each(&mut put);
        if lines.is_empty() {
            // Of seats: the row says which entry brought them.
            put(&[]);
        }
        fold.put(key, known);
        let (kind, part) = (sheet.kind.to_string(), sheet.part);
        Ok(Deed::Sheet { list, kind, part, lines: sheet.lines.len() as u64 })
    }

    /// A step on a list, or a list that comes down, done by the statement of this hash: each line is kept or dropped.
    pub(super) fn do_list(&self, fold: &mut Fold<'_>, named: &ListRef, doing: &Doing<'_>) -> Result<ListDeed> {
        let deed = self.sort_lines(fold, named, Some(doing))?;
        let hash = doing.hash.0;
        fold.amend(Key::List(named.list.to_string()), |list: &mut ListRow| list.done_by = Some(hash))?;
        Ok(deed)
    }

    /// A list goes up: lines are kept or dropped, and no head moves.
    pub(super) fn put_up(&self, fold: &mut Fold<'_>, named: &ListRef) -> Result<ListDeed> {
        self.sort_lines(fold, named, None)
    }

    fn sort_lines(&self, fold: &mut Fold<'_>, named: &ListRef, doing: Option<&Doing<'_>>) -> Result<ListDeed> {
        let list = named.list.to_string();
        let done_by = fold.require::<ListRow>(&Key::List(list.clone()))?.done_by;
        let mut deed = ListDeed { list: list.clone(), root: named.root.0, kept: 0, dropped: 0, omitted: 0 };
        let (mut sorted, mut latest) = (Vec::new(), None);
        for line in fold.lines(&list)? {
            let (case, part) = match line {
                LineRow::Omit { case, hash } => (case, CasePart::Omitted(fold.blame(hash)?)),
                LineRow::Case { case, head, fen } => {
                    let (part, period) = self.sort_line(fold, &list, &case, (head, done_by), fen)?;
                    latest = latest.max(period);
                    (case, part)
                }
                LineRow::Result { .. } => continue,
            };
            match &part {
                CasePart::Omitted(_) => deed.omitted += 1,
                CasePart::Kept { .. } => deed.kept += 1,
                _ => deed.dropped += 1,
            }
            sorted.push((case, part));
        }
        // Whether the step is late is known once all lines are: by the latest period of those that are kept.
        let mark = doing.map(|doing| self.mark_of_list(fold, doing, latest)).transpose()?;
        for (case, part) in sorted {
            let is_kept = matches!(part, CasePart::Kept { .. });
            self.note_line(fold, &list, &case, &part, doing.zip(mark.as_ref()))?;
            let head = doing.filter(|_| is_kept).map(|doing| doing.hash);
            self.act_on_case(fold, &case, head, part)?;
        }
        Ok(deed)
    }

    fn mark_of_list(&self, fold: &mut Fold<'_>, doing: &Doing<'_>, latest: Option<u16>) -> Result<Arc<MarkRow>> {
        let is_late = match latest {
            Some(period) => self.is_overdue(fold, doing.rule, period, 0)?,
            None => None,
        };
        Ok(Arc::new(MarkRow { step: doing.step.to_owned(), entry: self.entry, is_late }))
    }

    /// Section 8.7 point 3, and of a line that is kept the case's period. `heads` are the line's own and the last statement that
    /// did this list's cases.
    fn sort_line(
        &self,
        fold: &Fold<'_>,
        list: &str,
        case: &str,
        heads: ([u8; 32], Option<[u8; 32]>),
        fen: Option<u64>,
    ) -> Result<(CasePart, Option<u16>)> {
        if let Some(before) = fold.find(&Key::ListDropped(list.to_owned(), case.to_owned()))? {
            return Ok((CasePart::DroppedBefore(before), None));
        }
        let key = Key::Case(case.to_owned());
        let known = fold.look(&key, |row: &CaseRow| {
            let file = row.file.as_ref();
            let first_open = file.filter(|file| file.first_open < file.flags).map(|file| file.first_open);
            (row.head, first_open, file.map(|file| file.period))
        })?;
        let (present, first_open, period) = known.ok_or_else(|| fold.missing(&key))?;
        let (head, done_by) = heads;
        let Some((present, _)) = present else { return self.unfinished("a line of a case without head") };
        if present != head && Some(present) != done_by {
            return Ok((CasePart::Dropped(fold.blame(present)?), None));
        }
        match fold.open_flag(case, first_open)? {
            Some(flag) => Ok((CasePart::Dropped(Blame { hash: flag.hash, entry: flag.entry, act: flag.kind }), None)),
            None => Ok((CasePart::Kept { fen }, period)),
        }
    }

    /// What a line makes of its case besides the head. Lists that go up drop cases, and only lists that are done take one back.
    fn note_line(
        &self,
        fold: &mut Fold<'_>,
        list: &str,
        case: &str,
        part: &CasePart,
        done: Option<(&Doing<'_>, &Arc<MarkRow>)>,
    ) -> Result<()> {
        match (part, done) {
            (CasePart::Dropped(blame), _) => {
                fold.put(Key::ListDropped(list.to_owned(), case.to_owned()), self.entry);
                fold.amend_file(case, |file| file.dropped = Some((list.to_owned(), blame.clone()))).map(drop)
            }
            (CasePart::Kept { fen }, Some((doing, mark))) => {
                fold.amend_file(case, |file| file.dropped = None)?;
                fold.mark_case(case, mark)?;
                let Some(fen) = fen.filter(|_| doing.rule.locks) else { return Ok(()) };
                let (attempts, marks) = (Vec::new(), Vec::new());
                fold.lock(case, PaymentRow { list: list.to_owned(), locked: self.entry, fen, attempts, marks })
            }
            _ => Ok(()),
        }
    }
}

fn rows_of(lines: &SheetLines) -> Vec<LineRow> {
    match lines {
        SheetLines::Cases(lines) => lines
            .iter()
            .map(|CaseLine { case, hash, omit }| match omit {
                true => LineRow::Omit { case: case.to_string(), hash: hash.0 },
                false => LineRow::Case { case: case.to_string(), head: hash.0, fen: None },
            })
            .collect(),
        SheetLines::Payments(lines) => lines
            .iter()
            .map(|line| match line {
                PaymentLine::Pays { case, head, fen, .. } => LineRow::Case { case: case.to_string(), head: head.0, fen: Some(*fen) },
                PaymentLine::Omits { case, hash } => LineRow::Omit { case: case.to_string(), hash: hash.0 },
            })
            .collect(),
        SheetLines::Results(lines) => lines
            .iter()
            .map(|ResultLine { case, failed }| LineRow::Result { case: case.to_string(), failed: failed.as_ref().map(ToString::to_string) })
            .collect(),
        SheetLines::Seats(_) => Vec::new(),
    }
}
