//! What the admitted entries have made of a programme: cases, lists, batches, steps that wait (format.md section 8.4). Admission
//! asks here and decides on [`Change`]s; the register alone makes them.

pub mod case;
mod change;
pub mod list;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};
use signer::act::{Override, Step, Team};
use signer::statement::{By, Header};
use signer::value::{CaseId, Code, KeyBytes, Period, PersonId, ReportToken, StatementHash, Unit, UnixMs};

pub use self::change::{Cause, Change, Done};

use self::case::{Case, CaseFile, Mark};
use self::list::List;

/// Somebody who signs a step, with what it needs to judge the signature again when a join completes it.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The `by` line.
    pub by: By,
    /// The key.
    pub key: KeyBytes,
    /// `received` of the last entry that the signer had seen.
    pub time_seen: UnixMs,
    /// Number of entries that the signer had seen.
    pub seen_size: u64,
}

/// A step that waits for more signers.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The entry that brought it.
    pub entry: u64,
    /// Its header.
    pub header: Header,
    /// The step.
    pub step: Step,
    /// When it was received.
    pub received: UnixMs,
    /// Everybody who has signed so far.
    pub signings: Vec<Signing>,
}

/// A report that was made.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its statement.
    pub hash: StatementHash,
    /// Who took it down.
    pub signers: Vec<PersonId>,
    /// When it was received.
    pub received: UnixMs,
    /// The case, where it is about one.
    pub case: Option<CaseId>,
    /// When it was answered, and by which statement.
    pub answered: Option<(UnixMs, StatementHash)>,
}

/// A batch of payments.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The locked list.
    pub list: Code,
    /// Number of payments.
    pub count: u64,
    /// Their sum, in fen.
    pub total: u64,
    /// The cases.
    pub cases: Vec<CaseId>,
    /// The batch whose failed payments it pays again.
    pub repays: Option<Code>,
    /// The largest log that a cosigned checkpoint must exceed to cover what is paid.
    pub covers: u64,
    /// Steps done on it; the first opened it.
    pub marks: Vec<std::sync::Arc<Mark>>,
    /// Whether the opening was taken back.
    pub is_void: bool,
}

/// A cosigned entry, as draws and payments use it.
#[derive(Clone, Copy, Debug)]
pub struct CosignedEntry {
    /// Its index.
    pub entry: u64,
    /// Size of its checkpoint.
    pub size: u64,
    /// Number of cosignatures.
    pub witnesses: u64,
    /// SHA-256 of its note: what a sample is drawn by.
    pub digest: [u8; 32],
}

/// Everything of a programme.
#[derive(Clone, Debug, Default)]
pub struct Register {
    cases: HashMap<CaseId, Case>,
    by_unit: BTreeMap<Unit, BTreeSet<CaseId>>,
    /// Statements that moved heads, by entry: cases remember former heads by number.
    moved: BTreeMap<u64, StatementHash>,
    lists: HashMap<Code, List>,
    unused_bytes: HashMap<PersonId, u64>,
    batches: HashMap<Code, Batch>,
    waiting: HashMap<StatementHash, Waiting>,
    flagged: HashMap<StatementHash, CaseId>,
    reports: HashMap<ReportToken, Report>,
    reports_by_hash: HashMap<StatementHash, ReportToken>,
    overrides: HashMap<StatementHash, (u64, Override)>,
    teams: HashMap<(Code, Period), Team>,
    related: HashMap<CaseId, Vec<(PersonId, Code)>>,
    referred: HashMap<StatementHash, CaseId>,
    cosigned: Vec<CosignedEntry>,
}

impl Register {
    /// A case, opened or imported.
    pub fn case(&self, case: &CaseId) -> Option<&Case> {
        self.cases.get(case)
    }

    /// What a case is in the programme; nothing for one that only `import` made.
    pub fn file(&self, case: &CaseId) -> Option<&CaseFile> {
        self.cases.get(case)?.file.as_deref()
    }

    /// Every case.
    pub fn cases(&self) -> impl Iterator<Item = (&CaseId, &Case)> {
        self.cases.iter()
    }

    /// Number of cases.
    pub fn case_count(&self) -> usize {
        self.cases.len()
    }

    /// Whether a hash is the head of a case, or was in a log of this size or a later one.
    pub fn was_head_since(&self, case: &CaseId, hash: &StatementHash, size: u64) -> bool {
        self.cases.get(case).is_some_and(|known| {
            let former = known.file.as_ref().map_or(&[][..], |file| &file.former);
            let until = former.iter().skip(1).chain(std::iter::once(&known.head_entry));
            known.head == *hash || former.iter().zip(until).any(|(from, until)| *until >= size && self.moved.get(from) == Some(hash))
        })
    }

    /// Cases of the units that a unit covers, in byte order.
    pub fn cases_within(&self, unit: &Unit) -> BTreeSet<&CaseId> {
        self.by_unit.iter().filter(|(of, _)| unit.covers(of)).flat_map(|(_, cases)| cases).collect()
    }

    /// A list.
    pub fn list(&self, list: &Code) -> Option<&List> {
        self.lists.get(list)
    }

    /// Bytes of a person's sheets whose lists no step has used.
    pub fn unused_bytes(&self, person: &PersonId) -> u64 {
        self.unused_bytes.get(person).copied().unwrap_or(0)
    }

    /// Every list, in no order.
    pub fn lists(&self) -> impl Iterator<Item = (&Code, &List)> {
        self.lists.iter()
    }

    /// Every batch that was not taken back, in no order.
    pub fn batches(&self) -> impl Iterator<Item = (&Code, &Batch)> {
        self.batches.iter().filter(|(_, batch)| !batch.is_void)
    }

    /// A batch.
    pub fn batch(&self, batch: &Code) -> Option<&Batch> {
        self.batches.get(batch)
    }

    /// A step that waits for signers.
    pub fn waiting(&self, statement: &StatementHash) -> Option<&Waiting> {
        self.waiting.get(statement)
    }

    /// The case on which a statement's flag is open.
    pub fn flagged(&self, statement: &StatementHash) -> Option<&CaseId> {
        self.flagged.get(statement)
    }

    /// A report by its token.
    pub fn report(&self, token: &ReportToken) -> Option<&Report> {
        self.reports.get(token)
    }

    /// A report by its statement.
    pub fn report_of(&self, statement: &StatementHash) -> Option<&Report> {
        self.reports.get(self.reports_by_hash.get(statement)?)
    }

    /// An override, with the entry that brought it.
    pub fn overridden(&self, statement: &StatementHash) -> Option<&(u64, Override)> {
        self.overrides.get(statement)
    }

    /// The team for a step in a period.
    pub fn team(&self, step: &Code, period: Period) -> Option<&Team> {
        self.teams.get(&(step.clone(), period))
    }

    /// The team for a step in the latest period that has one.
    pub fn latest_team(&self, step: &Code) -> Option<&Team> {
        self.teams.values().filter(|team| team.step == *step).max_by_key(|team| team.period)
    }

    /// Who is related to a case, and how.
    pub fn related(&self, case: &CaseId) -> &[(PersonId, Code)] {
        self.related.get(case).map_or(&[], Vec::as_slice)
    }

    /// The cosigned entry of an index.
    pub fn cosigned_at(&self, entry: u64) -> Option<&CosignedEntry> {
        let at = self.cosigned.binary_search_by_key(&entry, |cosigned| cosigned.entry).ok()?;
        self.cosigned.get(at)
    }

    /// The first cosigned entry after an entry.
    pub fn cosigned_after(&self, entry: u64) -> Option<&CosignedEntry> {
        self.cosigned.get(self.cosigned.partition_point(|cosigned| cosigned.entry <= entry))
    }

    /// A case with the id that the register keeps.
    pub fn case_entry(&self, case: &CaseId) -> Option<(&CaseId, &Case)> {
        self.cases.get_key_value(case)
    }

    /// The cases that a list locked, in byte order.
    pub fn locked_by(&self, list: &Code) -> BTreeMap<&CaseId, &CaseFile> {
        let files = self.lists.get(list).into_iter().flat_map(|list| list.cases());
        let files = files.filter_map(|case| self.cases.get_key_value(case)).filter_map(|(id, case)| Some((id, case.file.as_deref()?)));
        files.filter(|(_, file)| file.payment.as_ref().is_some_and(|payment| payment.list == *list)).collect()
    }

    /// The case that a statement referred upward, if it still waits.
    pub fn referred_by(&self, statement: &StatementHash) -> Option<&CaseId> {
        self.referred.get(statement)
    }
}

/// Whether a case is drawn at a share by a cosigned entry: nobody chooses.
pub fn is_drawn(digest: &[u8; 32], case: &CaseId, share: signer::value::Share) -> bool {
    let hash = Sha256::new().chain_update(b"zeren draw v1\n").chain_update(digest).chain_update(case.as_str()).finalize();
    let draw = hash.iter().take(8).fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    draw * u128::from(share.denominator) < (u128::from(share.numerator) << 64)
}
