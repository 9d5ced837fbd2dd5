//! A second judge of a programme's acts, written from format.md sections 8.1 to 8.10 alone: naive and slow, so that it can be read
//! against the page. It knows nothing of signatures, of the form of entries, of index entries, nor how most acts on the roster are
//! judged.

mod case_acts;
pub mod county;
mod header;
mod lists;
mod money;
mod record;
pub mod run;
mod steps;
mod warrants;
pub mod wishes;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use ledger::history::Context;
use ledger::procedure::Procedure;
use ledger::procedure::calendar::Counting;
use ledger::procedure::programme::{On, RuleOf, Severity};
use signer::Rule;
use signer::act::{Act, Capacity};
use signer::statement::Header;
use signer::value::{Code, KeyBytes, Office, PersonId, StatementHash, Unit, UnixMs};

pub use self::record::{Batch, Case, Entry, Flag, FlagKind, List, Mark, Model, Payment, Result_, Waiting, What};

/// What is done to the model when an act is admitted.
pub type Effect = Box<dyn FnOnce(&mut Model)>;
/// Nothing against it, or the rule.
pub type Judged = Result<(), Rule>;

/// A statement to be judged.
#[derive(Clone, Debug)]
pub struct Submission {
    /// When it came.
    pub received: UnixMs,
    /// Its header.
    pub header: Header,
    /// What is done.
    pub act: Act,
    /// SHA-256 of its text.
    pub hash: StatementHash,
    /// Length of its text.
    pub bytes: u64,
    /// The keys that signed.
    pub keys: Vec<KeyBytes>,
    /// The procedure that it enacts.
    pub procedure: Option<Arc<Procedure>>,
}

/// A signer and the appointment that was named.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Who.
    pub person: PersonId,
    /// In which office.
    pub office: Office,
    /// Of which unit.
    pub unit: Unit,
    /// From which home.
    pub home: Unit,
    /// In which capacity.
    pub capacity: Capacity,
    /// Since when.
    pub from: UnixMs,
    /// A founder's power.
    pub power: Option<signer::value::Power>,
}

/// One act before the judge.
pub struct Bench<'a> {
    /// All that was admitted.
    pub model: &'a Model,
    /// The governing procedure.
    pub g: &'a Procedure,
    /// When it came.
    pub r: UnixMs,
    /// Its index.
    pub i: u64,
    /// The size that it names.
    pub z: u64,
    /// The statement's hash: of a step that is joined, the step's.
    pub hash: StatementHash,
    /// Who signed.
    pub signers: Vec<Signer>,
    /// Warnings so far.
    pub warnings: RefCell<BTreeSet<Rule>>,
}

/// Refuses by a rule unless it holds.
pub fn ensure(holds: bool, rule: Rule) -> Judged {
    if holds { Ok(()) } else { Err(rule) }
}

impl Bench<'_> {
    /// Applies the severity of a rule of the procedure.
    pub fn by_severity(&self, rule_of: &RuleOf, holds: bool, rule: Rule) -> Judged {
        if !holds && rule_of.severity == Severity::Warn {
            self.warnings.borrow_mut().insert(rule);
            return Ok(());
        }
        ensure(holds, rule)
    }

    /// Warns unless it holds.
    pub fn warn_unless(&self, holds: bool, rule: Rule) {
        if !holds {
            self.warnings.borrow_mut().insert(rule);
        }
    }

    /// The days between two times, counted one by one.
    pub fn days_between(&self, first: UnixMs, second: UnixMs, counting: Counting) -> u64 {
        let calendar = &self.g.programme.calendar;
        let counts = |day: &i64| {
            let weekday = ((day + 3).rem_euclid(7) + 1) as u8;
            let works = calendar.workdays.contains(day) || calendar.working.contains(&weekday);
            counting == Counting::Natural || works && !calendar.holidays.contains(day)
        };
        (self.day(first) + 1..=self.day(second)).filter(counts).count() as u64
    }

    /// The date of a time in the procedure's offset.
    pub fn day(&self, at: UnixMs) -> i64 {
        (at.0 + i64::from(self.g.programme.calendar.offset_minutes) * 60_000).div_euclid(86_400_000)
    }

    /// Whether every signer's unit covers this one.
    pub fn all_cover(&self, unit: &Unit) -> bool {
        self.signers.iter().all(|signer| covers(&signer.unit, unit))
    }

    /// Persons of the signers.
    pub fn persons(&self) -> Vec<PersonId> {
        self.signers.iter().map(|signer| signer.person.clone()).collect()
    }
}

/// Unit u covers v if u is `-`, or u = v, or v begins with u and `-`.
pub fn covers(u: &Unit, v: &Unit) -> bool {
    u.as_str() == "-" || u == v || v.as_str().starts_with(&format!("{u}-"))
}

/// The level unit of v at a level's number.
pub fn level_unit(v: &Unit, level: usize) -> Option<Unit> {
    let parts: Vec<&str> = if v.as_str() == "-" { Vec::new() } else { v.as_str().split('-').collect() };
    match level {
        0 => Some(Unit::whole()),
        _ if parts.len() < level => None,
        _ => Unit::parse(&parts[..level].join("-")),
    }
}

/// Number of a unit's level.
pub fn level_number(v: &Unit) -> usize {
    if v.as_str() == "-" { 0 } else { v.as_str().split('-').count() }
}

impl Model {
    /// The verdict on a submission as the next entry: warnings and what it does, or the rule that refuses.
    pub fn judge(&self, sub: &Submission, context: Option<&Context>) -> Result<(BTreeSet<Rule>, Effect), Rule> {
        self.judge_every_entry(sub.received, None)?;
        let (bench, governing) = self.judge_header(sub, context)?;
        let effect = match &sub.act {
            Act::Step(_) | Act::PostUp(_) | Act::PostDown(_) => bench.step(&sub.act, sub, false)?,
            Act::Join { joins } => bench.join(joins, sub)?,
            Act::Sheet(sheet) => bench.sheet(sheet, sub)?,
            Act::Appoint { .. } | Act::AppointEnd { .. } | Act::Relate { .. } | Act::Qualify { .. } | Act::Enact { .. } => {
                bench.roster(sub, governing)?
            }
            Act::Rotate(_) | Act::Revoke { .. } | Act::DeviceEnd { .. } => bench.keys_and_devices(sub)?,
            act => bench.case_act(act)?,
        };
        Ok((bench.warnings.into_inner(), effect))
    }

    /// Section 8.1.
    pub fn judge_every_entry(&self, r: UnixMs, own_cosignature: Option<UnixMs>) -> Judged {
        ensure(self.entries.last().is_none_or(|last| r >= last.received), Rule::ReceivedOrder)?;
        let named = self.entries.iter().filter_map(|entry| match &entry.what {
            What::Founding(..) => Some(entry.received),
            What::Cosigned { time, .. } => Some(*time),
            _ => None,
        });
        let latest = named.chain(own_cosignature).max();
        ensure(latest.is_none_or(|latest| r.0 <= latest.0 + 86_400_000), Rule::Unwitnessed)
    }

    /// Adds an admitted act.
    pub fn admit(&mut self, sub: &Submission, effect: Effect) {
        let Submission { received, header, act, hash, keys, procedure, .. } = sub.clone();
        let what = What::Act { hash, header, act, keys, procedure };
        self.entries.push(Arc::new(Entry { index: self.size(), received, what }));
        effect(self);
    }

    /// Adds an entry that has no effect.
    pub fn blank(&mut self, received: UnixMs) {
        self.entries.push(Arc::new(Entry { index: self.size(), received, what: What::Blank }));
    }

    /// Adds an admitted cosigned entry.
    pub fn cosigned(&mut self, received: UnixMs, size: u64, witnesses: u64, time: UnixMs, digest: [u8; 32]) {
        let what = What::Cosigned { size, witnesses, time, digest };
        self.entries.push(Arc::new(Entry { index: self.size(), received, what }));
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.entries.len() as u64
    }
}

/// Whether a step is on what a list does: its cases' rules take overrides about the list.
pub fn is_on_list(on: On) -> bool {
    on == On::List
}

/// The codes of pairs.
pub fn codes_of<T>(pairs: &[(Code, T)]) -> Vec<&Code> {
    pairs.iter().map(|(code, _)| code).collect()
}
