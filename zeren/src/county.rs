//! An invented county that lives through a year: what `zeren demo` records. Everybody in it is made up, every key comes from the
//! seed, and nothing here knows a rule: what the county does is admitted or refused like anybody's acts.

mod decades;
mod lists;
mod money;
mod people;
mod plan;
mod planted;
mod plants;
mod rounds;
mod truth;
mod words;
mod year;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ledger::check::check_all;
use ledger::policy::Policy;
use ledger::storage::Folder;
use ledger::{Answer, Ledger};
use rayon::prelude::*;
use signer::act::Act;
use signer::statement::{By, Header, ProcedureName, statement_hash};
use signer::value::{AccountToken, CaseId, Code, Commitment, DeviceId, Period, Scheme, StatementHash, Unit, UnixMs, midnight};
use signer::{Refusal, Rule, Statement};

use self::words::{device, office, person, unit};
use crate::archive::{WITNESS, cosign_latest};
use crate::clock::demo_time;
use crate::demo_keys::DemoSeed;
use crate::error::Failure;
use crate::files;
use crate::scribe::sign;

pub use self::decades::Large;
pub use self::plan::{Profile, Published};
pub use self::truth::Truth;
pub use self::year::{Told, live_a_year};

/// The procedure that the county enacts.
pub const PROCEDURE: &str = include_str!("../../deploy/procedures/award-county.toml");
/// The code of the report that the hotline takes down in the demonstration.
pub const REPORT_CODE: &str = "demo-plum-blossom-17";

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Somebody who signs.
#[derive(Clone, Debug)]
struct Official {
    office: &'static str,
    unit: Unit,
    appointment: StatementHash,
    enrolled: StatementHash,
    device: DeviceId,
}

/// A case as the county knows it.
#[derive(Clone, Debug)]
struct Applicant {
    unit: Unit,
    scheme: Scheme,
    tier: Code,
    fen: u64,
    account: AccountToken,
    fate: plan::Fate,
    head: Option<StatementHash>,
}

/// The county, with its ledger.
pub struct County {
    /// From which everything is derived.
    pub seed: DemoSeed,
    /// The record.
    pub ledger: Ledger<Folder>,
    /// Warnings that admission gave, by the rule's name.
    pub warnings: BTreeMap<&'static str, u64>,
    /// Acts that it refused, by the rule's name.
    pub refused: BTreeMap<&'static str, u64>,
    /// Whether somebody with the ledger's key writes the year anew, with another account for one case.
    pub rewrites: bool,
    profile: Profile,
    large: Large,
    procedure: Option<ProcedureName>,
    officials: HashMap<String, Official>,
    counters: HashMap<DeviceId, u64>,
    applicants: BTreeMap<CaseId, Applicant>,
    batch: Vec<(String, Vec<String>)>,
    /// Midnight of the day.
    day: UnixMs,
    /// What the clock of the devices says.
    clock: UnixMs,
    /// The latest that any device's clock has said: the ledger receives nothing before it.
    latest: UnixMs,
    /// The device on which everything is signed while it is set, instead of the first signer's own.
    device: Option<DeviceId>,
    plants: plants::Plants,
    /// What was planted.
    pub truth: Truth,
}

/// How an official signs.
#[derive(Clone, Copy)]
enum As {
    Office,
    Oneself,
}

impl County {
    /// A statement by officials in their offices, for the next commit; gives its hash.
    fn act(&mut self, by: &[&str], act: Act) -> Result<StatementHash, Failure> {
        self.write(by, As::Office, act)
    }

    /// A statement by somebody as a person, not in an office.
    fn act_as_oneself(&mut self, by: &str, act: Act) -> Result<StatementHash, Failure> {
        self.write(&[by], As::Oneself, act)
    }

    fn write(&mut self, by: &[&str], capacity: As, act: Act) -> Result<StatementHash, Failure> {
        self.clock = self.clock.plus_ms(1_000);
        self.latest = self.latest.max(self.clock);
        let signers: Result<Vec<(String, Official)>, Failure> = by
            .iter()
            .map(|id| {
                let official = self.officials.get(*id).cloned().ok_or_else(|| Failure::malformed(format!("no official {id}")))?;
                Ok(((*id).to_owned(), official))
            })
            .collect();
        let signers = signers?;
        let own = signers.first().map(|(_, official)| official.device.clone()).ok_or_else(|| Failure::malformed("nobody signs"))?;
        let device = self.device.clone().unwrap_or(own);
        let line = |(id, official): &(String, Official)| match capacity {
            As::Office => {
                By { person: person(id), office: office(official.office), unit: official.unit.clone(), appointment: official.appointment }
            }
            As::Oneself => By { person: person(id), office: office("self"), unit: Unit::whole(), appointment: official.enrolled },
        };
        let counter = self.counters.entry(device.clone()).or_insert(0);
        *counter += 1;
        let header = Header {
            procedure: self.procedure.clone(),
            by: signers.iter().map(line).collect(),
            device,
            counter: *counter,
            at: demo_time(self.clock),
            seen: self.ledger.seen().ok_or_else(|| Failure::malformed("an empty ledger"))?,
        };
        let text = Statement::Act { ledger: self.ledger.id().clone(), header, act }.encode();
        let hash = statement_hash(&text);
        self.batch.push((text, signers.into_iter().map(|(id, _)| id).collect()));
        Ok(hash)
    }

    /// Signs what was written, on all cores, and puts it into the ledger: every statement must be admitted.
    fn commit(&mut self) -> Result<(), Failure> {
        let seed = &self.seed;
        let signed: Vec<Vec<u8>> = std::mem::take(&mut self.batch)
            .into_par_iter()
            .map(|(text, signers)| {
                let signers: Vec<_> = signers.iter().map(|id| (person(id), seed.key(id))).collect();
                sign(text, &signers.iter().map(|(id, key)| (id, key)).collect::<Vec<_>>()).encode().into_bytes()
            })
            .collect();
        let verified: Result<Vec<_>, Refusal> = check_all(signed, self.ledger.ring()).into_iter().collect();
        for answer in self.ledger.append(verified.map_err(Failure::Refused)?, self.latest)? {
            match answer {
                Answer::Recorded { warnings, .. } => {
                    for warning in warnings {
                        *self.warnings.entry(warning.rule.name()).or_default() += 1;
                    }
                }
                Answer::Refused { refusal, .. } => return Err(Failure::Refused(refusal)),
            }
        }
        Ok(())
    }

    /// Lets an act be refused by a rule, as it should be: the refusal is signed and kept. Gives the statement's hash.
    fn refuses(&mut self, by: &[&str], act: Act, rule: Rule) -> Result<StatementHash, Failure> {
        self.commit()?;
        let hash = self.act(by, act)?;
        match self.commit() {
            Err(Failure::Refused(refusal)) if refusal.rule == rule => {
                *self.refused.entry(rule.name()).or_default() += 1;
                Ok(hash)
            }
            Err(other) => Err(other),
            Ok(()) => Err(Failure::malformed(format!("something was admitted that rule {} should refuse", rule.name()))),
        }
    }

    /// From now on devices say that it is so many minutes after midnight of the day.
    fn at_minute(&mut self, minute: i64) {
        self.clock = self.day.plus_ms(minute * MINUTE_MS);
        self.latest = self.latest.max(self.clock);
    }

    /// Everything until the next call is signed on this device; nothing: on the first signer's own.
    fn on_device(&mut self, id: Option<&str>) {
        self.device = id.map(device);
    }

    /// The morning of a day: what was written before is committed, and the witness cosigns what there is.
    fn morning(&mut self, year: i64, month: i64, day: i64) -> Result<(), Failure> {
        self.later(year, month, day, 0)
    }

    /// The morning so many days after a date.
    fn later(&mut self, year: i64, month: i64, day: i64, days: i64) -> Result<(), Failure> {
        self.commit()?;
        let start = midnight(year, month, day, 480).ok_or_else(|| Failure::malformed("no such date"))?;
        self.day = start.plus_ms(24 * days * HOUR_MS);
        self.clock = self.day.plus_ms(8 * HOUR_MS);
        self.latest = self.latest.max(self.clock);
        cosign_latest(&mut self.ledger, &self.seed, self.latest)
    }

    /// How many statements are written and not committed.
    fn written(&self) -> usize {
        self.batch.len()
    }

    /// What was written from a place on waits on its device; nothing of it is in the record until it is brought.
    fn hold_back(&mut self, from: usize) -> Vec<(String, Vec<String>)> {
        self.batch.split_off(from)
    }

    fn bring(&mut self, held: Vec<(String, Vec<String>)>) {
        self.batch.extend(held);
    }

    /// How many applied.
    pub fn applicant_count(&self) -> usize {
        self.applicants.len()
    }

    fn commitment(&self, of: &str) -> Commitment {
        self.seed.commitment(of)
    }

    /// What an auditor is given: the checkpoint key, and the witness.
    pub fn policy(&self) -> String {
        let witness = (WITNESS.to_owned(), self.seed.key(WITNESS).public().bytes());
        Policy::write(self.ledger.id().as_str(), &self.seed.key("checkpoint").public().bytes(), &[witness], 1)
    }

    fn applicant(&self, case: &CaseId) -> Result<&Applicant, Failure> {
        self.applicants.get(case).ok_or_else(|| Failure::malformed(format!("no case {case}")))
    }

    fn head(&self, case: &CaseId) -> Result<StatementHash, Failure> {
        self.applicant(case)?.head.ok_or_else(|| Failure::malformed(format!("case {case} was not opened")))
    }

    fn moved<'a>(&mut self, cases: impl Iterator<Item = &'a CaseId>, head: StatementHash) {
        for case in cases {
            if let Some(applicant) = self.applicants.get_mut(case) {
                applicant.head = Some(head);
            }
        }
    }

    /// The cases of a unit, in order.
    fn cases_of(&self, of: &str) -> Vec<CaseId> {
        let of = unit(of);
        self.applicants.iter().filter(|(_, applicant)| of.covers(&applicant.unit)).map(|(case, _)| case.clone()).collect()
    }
}

/// Founds the county in a new folder, with everybody in office.
pub fn found(dir: &Path, seed: DemoSeed, profile: Profile, large: Large) -> Result<County, Failure> {
    let storage = files::make_ledger_folder(dir)?;
    files::or_unmake(dir, people::found(storage, seed, profile, large))
}

/// The period of the demonstration.
fn year_2013() -> Period {
    words::period("2013")
}

fn first_device() -> DeviceId {
    device("d-county")
}
