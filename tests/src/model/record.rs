//! What the model keeps: all entries, and what cases, lists and batches have become by them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ledger::procedure::Procedure;
use ledger::procedure::programme::OutcomeTo;
use signer::act::{Act, Assertion, Founding, Sheet, SheetKind, SheetLines};
use signer::statement::Header;
use signer::value::{AccountToken, CaseId, Code, KeyBytes, Period, PersonId, Scheme, StatementHash, Unit, UnixMs};

/// An entry of the log.
#[derive(Debug)]
pub struct Entry {
    /// Its index.
    pub index: u64,
    /// When it came.
    pub received: UnixMs,
    /// What it is.
    pub what: What,
}

/// What an entry is.
#[derive(Debug)]
#[allow(missing_docs, reason = "fields are named as in format.md")]
#[allow(clippy::large_enum_variant, reason = "nearly all entries are acts")]
pub enum What {
    /// Not admitted, or nothing that matters here.
    Blank,
    /// The founding.
    Founding(Box<Founding>, StatementHash),
    /// An act.
    Act { hash: StatementHash, header: Header, act: Act, keys: Vec<KeyBytes>, procedure: Option<Arc<Procedure>> },
    /// A cosigned checkpoint.
    Cosigned { size: u64, witnesses: u64, time: UnixMs, digest: [u8; 32] },
}

/// A step done.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named as in format.md")]
pub struct Mark {
    pub step: Code,
    pub entry: u64,
    pub hash: StatementHash,
    pub received: UnixMs,
    pub signers: Vec<PersonId>,
    pub asserts: Vec<(Code, Assertion)>,
    pub measures: Vec<(Code, u64)>,
    pub list: Option<Code>,
}

/// Kind of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in format.md")]
pub enum FlagKind {
    Objection,
    Dissent,
    Report,
    Appeal,
    Hold,
}

/// An open flag.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named as in format.md")]
pub struct Flag {
    pub kind: FlagKind,
    pub hash: StatementHash,
    pub signers: Vec<PersonId>,
    pub received: UnixMs,
    pub upheld: bool,
}

/// What became of a payment in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in format.md")]
pub enum Result_ {
    Pending,
    Paid,
    Failed(Code),
}

/// A payment: its batches in order.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named as in format.md")]
pub struct Payment {
    pub list: Code,
    pub fen: u64,
    pub token: AccountToken,
    pub batches: Vec<(Code, Result_)>,
    pub marks: Vec<Mark>,
}

impl Payment {
    /// Whether it is paid.
    pub fn is_paid(&self) -> bool {
        self.batches.iter().any(|(_, result)| *result == Result_::Paid)
    }

    /// Whether it is in a batch that is not settled.
    pub fn is_pending(&self) -> bool {
        self.batches.iter().any(|(_, result)| *result == Result_::Pending)
    }
}

/// A case.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named as in format.md")]
pub struct Case {
    pub unit: Unit,
    pub unit_entry: u64,
    pub scheme: Scheme,
    pub tier: Code,
    pub period: Period,
    pub period_entry: u64,
    pub account: AccountToken,
    pub is_new: bool,
    /// Nothing where it is open.
    pub status: Option<OutcomeTo>,
    pub status_entry: u64,
    pub status_hash: StatementHash,
    pub status_outcome: Option<Code>,
    pub status_received: UnixMs,
    pub head: StatementHash,
    pub head_entry: u64,
    /// Heads that it had, and the entry that replaced each.
    pub formers: Vec<(StatementHash, u64)>,
    pub marks: Vec<Mark>,
    pub flags: Vec<Flag>,
    pub recused: Vec<PersonId>,
    pub recusals: Vec<(PersonId, StatementHash)>,
    /// The entry that last took a mark back.
    pub corrected: u64,
    pub dropped: Option<(StatementHash, u64)>,
    pub payment: Option<Payment>,
    /// Time spent referred in this period.
    pub referred_ms: i64,
}

impl Case {
    /// The head moves.
    pub fn moves(&mut self, to: StatementHash, entry: u64) {
        self.head_entry = entry;
        let old = std::mem::replace(&mut self.head, to);
        self.formers.push((old, entry));
    }

    /// The mark of a step.
    pub fn mark(&self, step: &Code) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.step == *step)
    }

    /// Whether it ever was the head.
    pub fn had(&self, head: &StatementHash) -> bool {
        self.had_since(head, 0)
    }

    /// Whether it was the head in a log of this size or a later one.
    pub fn had_since(&self, head: &StatementHash, size: u64) -> bool {
        self.head == *head || self.formers.iter().any(|(former, until)| former == head && *until >= size)
    }

    /// An open hold of that statement, or any.
    pub fn has_hold(&self, hash: Option<&StatementHash>) -> bool {
        self.flags.iter().any(|flag| flag.kind == FlagKind::Hold && hash.is_none_or(|hash| flag.hash == *hash))
    }
}

/// A list.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named as in format.md")]
pub struct List {
    pub owner: PersonId,
    pub kind: SheetKind,
    pub parts: Vec<Arc<Sheet>>,
    /// Entry of its last sheet.
    pub since: u64,
    /// The most that the signers of a sheet had seen.
    pub seen: u64,
    pub bytes: u64,
    /// What the signers of the first step that used it had seen.
    pub used: Option<u64>,
    pub is_locked: bool,
    pub dropped: BTreeSet<CaseId>,
    /// The last statement that did its cases.
    pub did: Option<StatementHash>,
    /// Where it is up: the step, and `at` of the statement.
    pub up: Vec<(Code, UnixMs)>,
}

/// A line of a list of cases or payments.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named as in format.md")]
pub struct Line {
    pub case: CaseId,
    pub hash: StatementHash,
    pub omit: bool,
    pub pays: Option<(u64, AccountToken)>,
}

impl List {
    /// All lines' texts.
    pub fn texts(&self) -> Vec<String> {
        self.parts.iter().flat_map(|sheet| sheet.lines.texts()).collect()
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|sheet| sheet.lines.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lines of a list of cases or payments.
    pub fn lines(&self) -> Vec<Line> {
        use signer::act::PaymentLine::{Omits, Pays};
        let mut all = Vec::new();
        for sheet in &self.parts {
            match &sheet.lines {
                SheetLines::Cases(lines) => {
                    all.extend(lines.iter().map(|line| Line { case: line.case.clone(), hash: line.hash, omit: line.omit, pays: None }));
                }
                SheetLines::Payments(lines) => all.extend(lines.iter().map(|line| match line {
                    Pays { case, head, fen, account } => {
                        Line { case: case.clone(), hash: *head, omit: false, pays: Some((*fen, *account)) }
                    }
                    Omits { case, hash } => Line { case: case.clone(), hash: *hash, omit: true, pays: None },
                })),
                _ => {}
            }
        }
        all
    }

    /// Lines of results.
    pub fn results(&self) -> Vec<(CaseId, Option<Code>)> {
        let lines = self.parts.iter().filter_map(|sheet| match &sheet.lines {
            SheetLines::Results(lines) => Some(lines),
            _ => None,
        });
        lines.flatten().map(|line| (line.case.clone(), line.failed.clone())).collect()
    }
}

/// A batch.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named as in format.md")]
pub struct Batch {
    pub list: Code,
    pub count: u64,
    pub total: u64,
    pub repays: Option<Code>,
    pub cases: Vec<CaseId>,
    pub opened_by: StatementHash,
    pub marks: Vec<Mark>,
    /// The entry of the settling.
    pub settled: Option<u64>,
    /// Taken back by a correction: unknown, but its id is taken.
    pub is_gone: bool,
    /// The entry that a cosigned checkpoint must cover.
    pub covers: u64,
}

/// A step that waits for signers.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named as in format.md")]
pub struct Waiting {
    pub step: Box<signer::act::Step>,
    pub received: UnixMs,
    pub z: u64,
    /// Headers and keys of those that signed so far: line of `by`, key, size seen.
    pub signed: Vec<(signer::statement::By, KeyBytes, u64)>,
}

/// A report.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named as in format.md")]
pub struct UnitReport {
    pub hash: StatementHash,
    pub signers: Vec<PersonId>,
    pub received: UnixMs,
}

/// The model's state.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// All entries.
    pub entries: Vec<Arc<Entry>>,
    /// Cases.
    pub cases: BTreeMap<CaseId, Case>,
    /// Lists.
    pub lists: BTreeMap<Code, List>,
    /// Batches.
    pub batches: BTreeMap<Code, Batch>,
    /// Steps that wait.
    pub waiting: BTreeMap<StatementHash, Waiting>,
    /// Unanswered reports about units.
    pub unit_reports: Vec<UnitReport>,
}

impl Model {
    /// All admitted acts with index, receipt and hash.
    pub fn acts(&self) -> impl DoubleEndedIterator<Item = (u64, UnixMs, StatementHash, &Act)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Act { hash, act, .. } => Some((entry.index, entry.received, *hash, act)),
            _ => None,
        })
    }
}
