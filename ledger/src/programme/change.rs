//! What an admitted statement changes in a programme. Admission decides, [`Register::apply`] does it: nothing is judged twice.

use std::sync::Arc;

use signer::act::{Opening, Override, SheetKind, SheetLines, Team};
use signer::value::{AccountToken, CaseId, Code, Period, PersonId, ReportToken, StatementHash, Time, Unit, UnixMs};

use super::case::{Case, CaseFile, Flag, Mark, Payment, PaymentResult, Status};
use super::list::List;
use super::{Batch, CosignedEntry, Register, Report, Signing, Waiting};
use crate::procedure::programme::OutcomeTo;

/// A step that is done on cases.
#[derive(Clone, Debug)]
pub struct Done {
    /// The mark that each gets.
    pub mark: Arc<Mark>,
    /// The cases.
    pub cases: Vec<CaseId>,
}

/// One change.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the variants' names and fields are the words of format.md sections 8.4 to 8.8")]
pub enum Change {
    /// The statement names these cases.
    Named(StatementHash, Vec<CaseId>),
    Opened {
        case: CaseId,
        opening: Opening,
    },
    Imported(CaseId),
    Related {
        case: CaseId,
        person: PersonId,
        relation: Code,
    },
    /// Marks are forgotten but that of the step that opened the case.
    Renewed {
        case: CaseId,
        period: Period,
        is_continuing: bool,
        keeps: Option<Code>,
    },
    /// The case goes on; marks from this entry on are forgotten.
    Resumed {
        case: CaseId,
        forgets_from: Option<u64>,
    },
    Done(Done),
    Locked {
        list: Code,
        payments: Vec<(CaseId, u64, AccountToken)>,
    },
    Dropped {
        list: Code,
        cases: Vec<(CaseId, StatementHash)>,
    },
    Up {
        list: Code,
        step: Code,
        at: Time,
    },
    Down {
        list: Code,
        step: Code,
    },
    Used(Code, u64),
    Stopped {
        case: CaseId,
        to: OutcomeTo,
        outcome: Code,
    },
    /// The payment, locked in no batch, is taken away with the marks of these steps.
    Unlocked {
        case: CaseId,
        steps: Vec<Code>,
    },
    /// A mark and all of later entry are taken back.
    TakenBack {
        case: CaseId,
        from: u64,
    },
    Moved {
        case: CaseId,
        to: Unit,
    },
    Account {
        case: CaseId,
        account: AccountToken,
    },
    /// The case's head is this statement now.
    Head(CaseId),
    Flagged {
        case: CaseId,
        flag: Flag,
    },
    FlagClosed {
        case: CaseId,
        flag: StatementHash,
    },
    FlagUpheld {
        case: CaseId,
        flag: StatementHash,
    },
    UpheldClosed(CaseId),
    Recused {
        case: CaseId,
        person: PersonId,
    },
    Reported {
        token: ReportToken,
        report: Report,
    },
    ReportAnswered(StatementHash),
    Sheet {
        list: Code,
        owner: PersonId,
        kind: SheetKind,
        lines: SheetLines,
        bytes: u64,
        seen_size: u64,
    },
    BatchOpened {
        id: Code,
        batch: Batch,
    },
    BatchMarked {
        batch: Code,
        mark: Arc<Mark>,
    },
    Settled {
        results: Vec<(CaseId, PaymentResult)>,
    },
    BatchVoid(Code),
    PaymentMarked {
        case: CaseId,
        mark: Arc<Mark>,
    },
    Waits(Box<Waiting>),
    Joined {
        step: StatementHash,
        signings: Vec<Signing>,
    },
    Completed(StatementHash),
    Overridden(Override),
    Teamed(Team),
    Cosigned {
        size: u64,
        witnesses: u64,
        digest: [u8; 32],
    },
}

/// The entry that makes changes.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    /// Its index.
    pub entry: u64,
    /// Its statement.
    pub hash: StatementHash,
    /// When it was received.
    pub received: UnixMs,
}

impl Register {
    /// Makes one change.
    pub(crate) fn apply(&mut self, change: Change, cause: &Cause) {
        match change {
            Change::Named(hash, cases) => cases.iter().for_each(|case| {
                if let Some(known) = self.cases.get_mut(case) {
                    known.name(&hash);
                }
            }),
            Change::Opened { case, opening } => self.open(case, opening, cause),
            Change::Imported(case) => self.import(case, cause),
            Change::Related { case, person, relation } => self.related.entry(case).or_default().push((person, relation)),
            Change::Renewed { .. }
            | Change::Resumed { .. }
            | Change::Stopped { .. }
            | Change::Unlocked { .. }
            | Change::TakenBack { .. } => {
                self.apply_to_course(change, cause);
            }
            Change::Moved { .. } | Change::Account { .. } | Change::Head(_) | Change::Recused { .. } => self.apply_to_case(change, cause),
            Change::Flagged { .. } | Change::FlagClosed { .. } | Change::FlagUpheld { .. } | Change::UpheldClosed(_) => {
                self.apply_to_flags(change);
            }
            Change::Done(done) => self.done(&done, cause),
            Change::Locked { .. }
            | Change::Dropped { .. }
            | Change::Up { .. }
            | Change::Down { .. }
            | Change::Used(..)
            | Change::Sheet { .. } => self.apply_to_list(change, cause),
            Change::BatchOpened { .. }
            | Change::BatchMarked { .. }
            | Change::Settled { .. }
            | Change::BatchVoid(_)
            | Change::PaymentMarked { .. } => self.apply_to_batch(change),
            Change::Reported { token, report } => {
                self.reports_by_hash.insert(report.hash, token);
                self.reports.insert(token, report);
            }
            Change::ReportAnswered(hash) => {
                let token = self.reports_by_hash.get(&hash);
                if let Some(report) = token.and_then(|token| self.reports.get_mut(token)) {
                    report.answered = Some((cause.received, cause.hash));
                }
            }
            Change::Waits(waiting) => _ = self.waiting.insert(cause.hash, *waiting),
            Change::Joined { step, signings } => {
                if let Some(waiting) = self.waiting.get_mut(&step) {
                    waiting.signings.extend(signings);
                }
            }
            Change::Completed(step) => _ = self.waiting.remove(&step),
            Change::Overridden(one) => _ = self.overrides.insert(cause.hash, (cause.entry, one)),
            Change::Teamed(team) => _ = self.teams.insert((team.step.clone(), team.period), team),
            Change::Cosigned { size, witnesses, digest } => {
                self.cosigned.push(CosignedEntry { entry: cause.entry, size, witnesses, digest });
            }
        }
    }

    fn file_mut(&mut self, case: &CaseId) -> Option<&mut CaseFile> {
        self.cases.get_mut(case)?.file.as_deref_mut()
    }

    fn open(&mut self, case: CaseId, opening: Opening, cause: &Cause) {
        let file = CaseFile {
            unit: opening.unit.clone(),
            unit_since: cause.entry,
            scheme: opening.scheme,
            tier: opening.tier,
            period: opening.period,
            period_since: cause.entry,
            account: opening.account,
            is_continuing: false,
            status: Status::Open,
            status_since: cause.entry,
            referred_ms: 0,
            former: Vec::new(),
            marks: Vec::new(),
            flags: Vec::new(),
            recused: Vec::new(),
            corrected_since: cause.entry,
            dropped: None,
            payment: None,
        };
        self.by_unit.entry(opening.unit).or_default().insert(case.clone());
        self.cases.insert(case, Case::new(cause.hash, cause.entry, Some(Box::new(file))));
    }

    fn import(&mut self, case: CaseId, cause: &Cause) {
        let known = self.cases.entry(case).or_insert_with(|| Case::new(cause.hash, cause.entry, None));
        (known.head, known.head_entry) = (cause.hash, cause.entry);
        known.name(&cause.hash);
    }

    fn set_head(&mut self, case: &CaseId, hash: StatementHash, entry: u64) {
        self.moved.insert(entry, hash);
        let Some(known) = self.cases.get_mut(case) else { return };
        if known.head_entry != entry {
            let before = known.head_entry;
            known.file.iter_mut().for_each(|file| file.former.push(before));
        }
        (known.head, known.head_entry) = (hash, entry);
    }

    fn done(&mut self, done: &Done, cause: &Cause) {
        for case in &done.cases {
            self.set_head(case, done.mark.hash, cause.entry);
            if let Some(file) = self.file_mut(case) {
                file.marks.push(Arc::clone(&done.mark));
            }
        }
        let Some(list) = done.mark.list.as_ref() else { return };
        for case in &done.cases {
            if let Some(file) = self.file_mut(case) {
                file.dropped = None;
            }
        }
        if let Some(list) = self.lists.get_mut(list) {
            list.done_by = Some(done.mark.hash);
        }
    }

    fn apply_to_course(&mut self, change: Change, cause: &Cause) {
        match change {
            Change::Renewed { case, period, is_continuing, keeps } => {
                if let Some(file) = self.file_mut(&case) {
                    file.period = period;
                    file.period_since = cause.entry;
                    file.is_continuing = is_continuing;
                    file.referred_ms = 0;
                    file.marks.retain(|mark| keeps.as_ref() == Some(&mark.step));
                    file.payment = None;
                }
            }
            Change::Resumed { case, forgets_from } => {
                if let Some(statement) = self.file_mut(&case).and_then(|file| file.stopped_by().copied()) {
                    self.referred.remove(&statement);
                }
                if let Some(file) = self.file_mut(&case) {
                    if let Status::Stopped { to: OutcomeTo::Referred, received, .. } = file.status {
                        file.referred_ms += cause.received.0 - received.0;
                    }
                    file.status = Status::Open;
                    file.status_since = cause.entry;
                    if let Some(entry) = forgets_from {
                        file.forget_from(entry);
                    }
                }
            }
            Change::Stopped { case, to, outcome } => {
                if let Some(file) = self.file_mut(&case) {
                    file.status = Status::Stopped { to, outcome, statement: cause.hash, received: cause.received };
                    file.status_since = cause.entry;
                }
                if to == OutcomeTo::Referred {
                    self.referred.insert(cause.hash, case);
                }
            }
            Change::Unlocked { case, steps } => {
                if let Some(file) = self.file_mut(&case) {
                    file.payment = None;
                    file.marks.retain(|mark| !steps.contains(&mark.step));
                }
            }
            Change::TakenBack { case, from } => {
                if let Some(file) = self.file_mut(&case) {
                    file.corrected_since = cause.entry;
                    file.forget_from(from);
                }
            }
            _ => {}
        }
    }

    fn apply_to_case(&mut self, change: Change, cause: &Cause) {
        match change {
            Change::Moved { case, to } => {
                if let Some(file) = self.file_mut(&case) {
                    let from = std::mem::replace(&mut file.unit, to.clone());
                    file.unit_since = cause.entry;
                    if let Some(cases) = self.by_unit.get_mut(&from) {
                        cases.remove(&case);
                    }
                    self.by_unit.entry(to).or_default().insert(case);
                }
            }
            Change::Account { case, account } => {
                if let Some(file) = self.file_mut(&case) {
                    file.account = account;
                }
            }
            Change::Head(case) => self.set_head(&case, cause.hash, cause.entry),
            Change::Recused { case, person } => {
                if let Some(file) = self.file_mut(&case) {
                    file.recused.push((person, cause.hash));
                }
            }
            _ => {}
        }
    }

    fn apply_to_flags(&mut self, change: Change) {
        match change {
            Change::Flagged { case, flag } => {
                self.flagged.insert(flag.hash, case.clone());
                if let Some(file) = self.file_mut(&case) {
                    file.flags.push(flag);
                }
            }
            Change::FlagClosed { case, flag } => {
                self.flagged.remove(&flag);
                if let Some(file) = self.file_mut(&case) {
                    file.flags.retain(|open| open.hash != flag);
                }
            }
            Change::FlagUpheld { case, flag } => {
                let flags = self.file_mut(&case).map(|file| &mut file.flags);
                flags.into_iter().flatten().filter(|open| open.hash == flag).for_each(|open| open.is_upheld = true);
            }
            Change::UpheldClosed(case) => {
                let closed: Vec<StatementHash> = self.file_mut(&case).map_or_else(Vec::new, |file| {
                    let closed = file.flags.iter().filter(|flag| flag.is_upheld).map(|flag| flag.hash).collect();
                    file.flags.retain(|flag| !flag.is_upheld);
                    closed
                });
                closed.iter().for_each(|flag| _ = self.flagged.remove(flag));
            }
            _ => {}
        }
    }

    fn apply_to_list(&mut self, change: Change, cause: &Cause) {
        match change {
            Change::Locked { list, payments } => {
                for (case, fen, account) in payments {
                    if let Some(file) = self.file_mut(&case) {
                        let (attempts, marks) = (Vec::new(), Vec::new());
                        file.payment = Some(Payment { list: list.clone(), fen, account, locked: cause.entry, attempts, marks });
                    }
                }
            }
            Change::Dropped { list, cases } => {
                for (case, responsible) in cases {
                    if let Some(file) = self.file_mut(&case) {
                        file.dropped = Some((responsible, cause.entry));
                    }
                    if let Some(list) = self.lists.get_mut(&list) {
                        list.dropped.insert(case);
                    }
                }
            }
            Change::Up { list, step, at } => {
                if let Some(list) = self.lists.get_mut(&list) {
                    list.up.insert(step, at);
                }
            }
            Change::Down { list, step } => {
                if let Some(list) = self.lists.get_mut(&list) {
                    list.up.remove(&step);
                }
            }
            Change::Used(list, seen_size) => {
                if let Some(list) = self.lists.get_mut(&list)
                    && list.used_seeing.is_none()
                {
                    list.used_seeing = Some(seen_size);
                    if let Some(unused) = self.unused_bytes.get_mut(&list.owner) {
                        *unused = unused.saturating_sub(list.unused_bytes);
                    }
                }
            }
            Change::Sheet { list, owner, kind, lines, bytes, seen_size } => {
                *self.unused_bytes.entry(owner.clone()).or_default() += bytes;
                self.lists.entry(list).or_insert_with(|| List::new(owner, kind)).push(&lines, bytes, seen_size);
            }
            _ => {}
        }
    }

    fn payment_mut(&mut self, case: &CaseId) -> Option<&mut Payment> {
        self.file_mut(case)?.payment.as_mut()
    }

    fn apply_to_batch(&mut self, change: Change) {
        match change {
            Change::BatchOpened { id, batch } => {
                for case in &batch.cases {
                    if let Some(payment) = self.payment_mut(case) {
                        payment.attempts.push((id.clone(), PaymentResult::Pending));
                    }
                }
                self.batches.insert(id, batch);
            }
            Change::BatchMarked { batch, mark } => {
                if let Some(batch) = self.batches.get_mut(&batch) {
                    batch.marks.push(mark);
                }
            }
            Change::Settled { results } => {
                for (case, result) in results {
                    if let Some((_, last)) = self.payment_mut(&case).and_then(|payment| payment.attempts.last_mut()) {
                        *last = result;
                    }
                }
            }
            Change::BatchVoid(id) => {
                let Some(batch) = self.batches.get_mut(&id) else { return };
                batch.is_void = true;
                for case in batch.cases.clone() {
                    if let Some(payment) = self.payment_mut(&case) {
                        payment.attempts.pop();
                    }
                }
            }
            Change::PaymentMarked { case, mark } => {
                if let Some(payment) = self.payment_mut(&case) {
                    payment.marks.push(mark);
                }
            }
            _ => {}
        }
    }
}
