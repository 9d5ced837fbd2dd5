//! The ground truth: what was planted in the county, what merely looks like it, and how each is there. It lies beside the ledger,
//! never in it: whoever builds detections tests them against it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use signer::value::{CaseId, StatementHash, UnixMs};

use super::plants::PLANTS;
use crate::clock::demo_time;

/// How a plant is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Its acts are admitted, and no rule warns.
    Admitted,
    /// Its acts are admitted with a warning on record.
    Warned,
    /// Admission refused it; the signed refusal is kept.
    Refused,
    /// Somebody who has the disk changes a copy of the ledger.
    Copy,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Admitted => "admitted",
            Mode::Warned => "warned",
            Mode::Refused => "refused",
            Mode::Copy => "copy",
        }
    }
}

/// What is said of a plant and of its honest twin before anything happens.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its number.
    pub number: u8,
    /// How it is there.
    pub mode: Mode,
    /// In English.
    pub en: &'static str,
    /// In Chinese.
    pub zh: &'static str,
    /// What shows it: a rule by name, a question to the record, or a register outside.
    pub known_by: &'static str,
    /// The twin, in English.
    pub twin_en: &'static str,
    /// The twin, in Chinese.
    pub twin_zh: &'static str,
}

/// What became of a kind in this county.
#[derive(Clone, Debug, Default)]
struct Found {
    cases: BTreeSet<CaseId>,
    persons: BTreeSet<String>,
    keys_of: BTreeSet<String>,
    lists: BTreeSet<String>,
    statements: Vec<StatementHash>,
    refused: Vec<(StatementHash, &'static str)>,
    since: Option<UnixMs>,
}

/// Plants and twins by number.
#[derive(Clone, Debug, Default)]
pub struct Truth(BTreeMap<(u8, bool), Found>);

/// A plant, or its twin, to which facts are added.
pub(super) struct Entry<'a>(&'a mut Found);

impl Truth {
    pub(super) fn plant(&mut self, number: u8) -> Entry<'_> {
        Entry(self.0.entry((number, false)).or_default())
    }

    pub(super) fn twin(&mut self, number: u8) -> Entry<'_> {
        Entry(self.0.entry((number, true)).or_default())
    }

    /// Takes a plant out that is not there after all.
    pub fn forget(&mut self, number: u8) {
        self.0.remove(&(number, false));
    }

    /// Whether anything was planted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of kinds of plants, and of honest twins.
    pub fn counts(&self) -> (usize, usize) {
        let twins = self.0.keys().filter(|(_, is_twin)| *is_twin).count();
        (self.0.len() - twins, twins)
    }

    /// The file. `fen` gives what was paid to a case.
    pub fn to_json(&self, ledger: &str, seed: &str, fen: &dyn Fn(&CaseId) -> u64) -> Value {
        let plants = PLANTS.iter().flat_map(|kind| [(kind, false), (kind, true)]);
        let plants: Vec<Value> = plants
            .filter_map(|(kind, is_twin)| {
                let found = self.0.get(&(kind.number, is_twin))?;
                let (en, zh) = if is_twin { (kind.twin_en, kind.twin_zh) } else { (kind.en, kind.zh) };
                Some(json!({
                    "number": kind.number,
                    "is_twin": is_twin,
                    "mode": if is_twin { "honest" } else { kind.mode.name() },
                    "name": { "en": en, "zh": zh },
                    "known_by": if is_twin { "" } else { kind.known_by },
                    "cases": found.cases.iter().map(CaseId::as_str).collect::<Vec<_>>(),
                    "persons": found.persons,
                    "keys_of": found.keys_of,
                    "lists": found.lists,
                    "statements": found.statements.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    "refused": found.refused.iter().map(|(hash, rule)| json!({ "statement": hash.to_string(), "rule": rule })).collect::<Vec<_>>(),
                    "fen": found.cases.iter().map(fen).sum::<u64>(),
                    "since": found.since.map(|since| demo_time(since).to_string()),
                }))
            })
            .collect();
        json!({ "ledger": ledger, "seed": seed, "plants": plants })
    }
}

impl Entry<'_> {
    pub(super) fn case(self, case: &CaseId) -> Self {
        self.0.cases.insert(case.clone());
        self
    }

    pub(super) fn persons(self, persons: &[&str]) -> Self {
        self.0.persons.extend(persons.iter().map(|person| (*person).to_owned()));
        self
    }

    /// Persons whose keys were used, who need not have known of it.
    pub(super) fn keys_of(self, persons: &[&str]) -> Self {
        self.0.keys_of.extend(persons.iter().map(|person| (*person).to_owned()));
        self
    }

    pub(super) fn list(self, list: &str) -> Self {
        self.0.lists.insert(list.to_owned());
        self
    }

    /// A statement of it, signed at a time.
    pub(super) fn statement(self, hash: StatementHash, at: UnixMs) -> Self {
        self.0.statements.push(hash);
        self.since(at)
    }

    pub(super) fn refused(self, hash: StatementHash, rule: &'static str, at: UnixMs) -> Self {
        self.0.refused.push((hash, rule));
        self.since(at)
    }

    /// From when it could be known.
    pub(super) fn since(self, at: UnixMs) -> Self {
        self.0.since = Some(self.0.since.map_or(at, |since| since.min(at)));
        self
    }
}
