//! One case: what it is, what was done, what stands against it.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use signer::act::Assertion;
use signer::value::{AccountToken, Code, Period, PersonId, Scheme, StatementHash, Unit, UnixMs};

use crate::procedure::programme::OutcomeTo;

/// A step that was done.
#[derive(Clone, Debug)]
pub struct Mark {
    /// The step.
    pub step: Code,
    /// The entry that completed it.
    pub entry: u64,
    /// The step's statement.
    pub hash: StatementHash,
    /// When it was completed.
    pub received: UnixMs,
    /// Everybody who signed it.
    pub signers: Vec<PersonId>,
    /// What was asserted.
    pub asserts: Vec<(Code, Assertion)>,
    /// What was measured.
    pub measures: Vec<(Code, u64)>,
    /// The list by which it was done, for a list step.
    pub list: Option<Code>,
}

/// What a flag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagKind {
    /// Somebody objects.
    Objection,
    /// A participant disagrees.
    Dissent,
    /// The public reported something.
    Report,
    /// The applicant appeals.
    Appeal,
    /// The payment is held.
    Hold,
}

impl core::fmt::Display for FlagKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            FlagKind::Objection => "objection",
            FlagKind::Dissent => "dissent",
            FlagKind::Report => "report",
            FlagKind::Appeal => "appeal",
            FlagKind::Hold => "hold",
        })
    }
}

/// Something that stands open against a case.
#[derive(Clone, Debug)]
pub struct Flag {
    /// What.
    pub kind: FlagKind,
    /// Its statement.
    pub hash: StatementHash,
    /// Who signed that.
    pub signers: Vec<PersonId>,
    /// When it was received.
    pub received: UnixMs,
    /// Whether it was found right: then only an outcome or correction closes it.
    pub is_upheld: bool,
}

/// Where a case stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It goes on.
    Open,
    /// An outcome stopped it.
    Stopped {
        /// What it became.
        to: OutcomeTo,
        /// The outcome's id.
        outcome: Code,
        /// The statement that said so.
        statement: StatementHash,
        /// When that was received.
        received: UnixMs,
    },
}

/// What the bank said of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentResult {
    /// Nothing yet.
    Pending,
    /// It was made.
    Paid,
    /// It failed.
    Failed(Code),
}

/// What is paid to a case in its period.
#[derive(Clone, Debug)]
pub struct Payment {
    /// The locked list.
    pub list: Code,
    /// Amount, in fen.
    pub fen: u64,
    /// To which account.
    pub account: AccountToken,
    /// The entry that locked it.
    pub locked: u64,
    /// Batches that it was put into, the latest last, with what became of it there.
    pub attempts: Vec<(Code, PaymentResult)>,
    /// Steps done on it.
    pub marks: Vec<Arc<Mark>>,
}

impl Payment {
    /// Whether it failed in a batch and is in no later one.
    pub fn failed_in(&self, batch: &Code) -> bool {
        self.attempts.last().is_some_and(|(id, result)| id == batch && matches!(result, PaymentResult::Failed(_)))
    }

    /// Whether it is in a batch that is not settled.
    pub fn is_pending(&self) -> bool {
        self.attempts.last().is_some_and(|(_, result)| *result == PaymentResult::Pending)
    }

    /// Whether it was paid.
    pub fn is_paid(&self) -> bool {
        self.attempts.last().is_some_and(|(_, result)| *result == PaymentResult::Paid)
    }

    /// Whether it was paid in a batch.
    pub fn paid_in(&self, batch: &Code) -> bool {
        self.attempts.iter().any(|(id, result)| id == batch && *result == PaymentResult::Paid)
    }
}

/// A case of the programme.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// Its unit.
    pub unit: Unit,
    /// The entry that set the unit.
    pub unit_since: u64,
    /// The scheme.
    pub scheme: Scheme,
    /// The tier.
    pub tier: Code,
    /// The period.
    pub period: Period,
    /// The entry that set the period.
    pub period_since: u64,
    /// The account.
    pub account: AccountToken,
    /// Whether it was confirmed in an earlier period.
    pub is_continuing: bool,
    /// Where it stands.
    pub status: Status,
    /// The entry that set the status.
    pub status_since: u64,
    /// How long its clock stood still in this period, in milliseconds.
    pub referred_ms: i64,
    /// Entries of the statements that were its head before.
    pub former: Vec<u64>,
    /// Steps done in this period.
    pub marks: Vec<Arc<Mark>>,
    /// What stands open against it.
    pub flags: Vec<Flag>,
    /// Who stepped aside, and by which statement.
    pub recused: Vec<(PersonId, StatementHash)>,
    /// The entry that last took a mark back.
    pub corrected_since: u64,
    /// The statement responsible for its being dropped from a list, and the entry that dropped it, until it is listed again.
    pub dropped: Option<(StatementHash, u64)>,
    /// What is paid in this period.
    pub payment: Option<Payment>,
}

impl CaseFile {
    /// The mark of a step, if it was done in this period.
    pub fn mark(&self, step: &Code) -> Option<&Arc<Mark>> {
        self.marks.iter().find(|mark| mark.step == *step)
    }

    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        self.status == Status::Open
    }

    /// Whether unit, status and period were what they are in a log of this size.
    pub fn was_settled_at(&self, size: u64) -> bool {
        self.unit_since.max(self.status_since).max(self.period_since) < size
    }

    /// Whether it is suspended.
    pub fn is_suspended(&self) -> bool {
        matches!(self.status, Status::Stopped { to: OutcomeTo::Suspended, .. })
    }

    /// The holds on its payment.
    pub fn holds(&self) -> impl Iterator<Item = &Flag> {
        self.flags.iter().filter(|flag| flag.kind == FlagKind::Hold)
    }

    /// The statement that set the status, where it is not open.
    pub fn stopped_by(&self) -> Option<&StatementHash> {
        match &self.status {
            Status::Open => None,
            Status::Stopped { statement, .. } => Some(statement),
        }
    }

    /// Forgets a mark and all of later entry.
    pub fn forget_from(&mut self, entry: u64) {
        self.marks.retain(|mark| mark.entry < entry);
    }
}

/// A case, opened by a step or made by imports.
#[derive(Clone, Debug)]
pub struct Case {
    /// The statement that changed it last.
    pub head: StatementHash,
    /// The entry of that statement.
    pub head_entry: u64,
    /// Number of statements that name it.
    pub acts: u64,
    /// Running hash of them.
    pub running: [u8; 32],
    /// What it is in the programme; nothing for one that only `import` made.
    pub file: Option<Box<CaseFile>>,
}

impl Case {
    /// A case that no statement has named.
    pub fn new(head: StatementHash, head_entry: u64, file: Option<Box<CaseFile>>) -> Case {
        Case { head, head_entry, acts: 0, running: [0; 32], file }
    }

    /// Counts a statement that names it.
    pub fn name(&mut self, statement: &StatementHash) {
        self.acts += 1;
        self.running = Sha256::new().chain_update(self.running).chain_update(statement.0).finalize().into();
    }

    /// Its value in the index (format.md section 18).
    pub fn index_value(&self, id: &signer::value::CaseId) -> [u8; 32] {
        Sha256::digest(self.index_text(id)).into()
    }

    /// The text that its value in the index is the hash of.
    pub fn index_text(&self, id: &signer::value::CaseId) -> String {
        let running = StatementHash(self.running);
        let mut flags: Vec<String> = self.file.iter().flat_map(|file| &file.flags).map(|flag| flag.hash.to_string()).collect();
        flags.sort_unstable();
        let flags: String = flags.iter().map(|flag| format!("flag {flag}\n")).collect();
        format!("case {id}\nhead {}\nacts {} {running}\n{flags}", self.head, self.acts)
    }
}
