//! Procedures: what may be done, as data (format.md section 7). Powers, offices and governance here; steps, outcomes and rules in
//! [`programme`].

pub mod calendar;
pub mod programme;
mod read;
mod read_rules;
mod read_steps;

use std::collections::BTreeMap;

use self::programme::Programme;
use self::read::{RawCalendar, RawDays, RawIndex, RawOutcome, RawProgramme, RawStandard, Roster};
use self::read_rules::RawRule;
use self::read_steps::RawStep;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use signer::ActName;
use signer::act::Act;
use signer::rule::{Refusal, Rule};
use signer::value::{Code, Office, Power, ProcedureDigest, TEXT_CHARS_MAX, UnixMs, is_procedure_character, midnight, parse_offset};

/// Longest procedure, in bytes.
pub const PROCEDURE_BYTES_MAX: usize = 50_000;
const VERSION_MAX: u64 = 1_000_000;
const BASIS_MAX: usize = 32;
const POWERS_MAX: usize = 16;
const OFFICES_MAX: usize = 64;
const REQUIRES_MAX: usize = 8;
const SIGNERS_MIN_MAX: u64 = 16;
const OFFLINE_HOURS_MAX: u64 = 720;

/// Acts that `[governance]` must rule.
pub const GOVERNED: &[ActName] = &[
    ActName::Enact,
    ActName::Enrol,
    ActName::Device,
    ActName::DeviceEnd,
    ActName::Appoint,
    ActName::AppointEnd,
    ActName::Rotate,
    ActName::Rekey,
    ActName::Revoke,
    ActName::Relate,
    ActName::Qualify,
    ActName::Import,
];
/// Acts that `[governance]` may rule. One of a programme that it does not cannot be done; an `incident` is then the founders'.
pub const GOVERNED_AT_WILL: &[ActName] = &[
    ActName::Ruling,
    ActName::Team,
    ActName::Objection,
    ActName::Dissent,
    ActName::Report,
    ActName::Appeal,
    ActName::Answer,
    ActName::Recuse,
    ActName::Hold,
    ActName::Release,
    ActName::Correct,
    ActName::Override,
    ActName::Transfer,
    ActName::Account,
    ActName::Incident,
];
/// Acts that make or remake a person's standing: two powers at least.
const TWO_POWERS: &[ActName] = &[ActName::Enrol, ActName::Appoint, ActName::Rekey];

/// SHA-256 of a procedure's text.
pub fn procedure_digest(text: &str) -> ProcedureDigest {
    ProcedureDigest(Sha256::digest(text).into())
}

/// An office of the procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfficeRule {
    /// Level of government.
    pub level: Code,
    /// The power that it holds.
    pub power: Power,
    /// Qualifications without which it cannot sign.
    pub requires: Vec<Code>,
}

/// Who may do an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Governance {
    /// Offices that may sign.
    pub any: Vec<Office>,
    /// Fewest signers.
    pub min: u64,
    /// Fewest distinct powers among them.
    pub powers: u64,
}

/// A procedure that is well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Procedure {
    /// Its id.
    pub id: Code,
    /// Its version.
    pub version: u64,
    /// Its title.
    pub title: String,
    /// When it may come into force.
    pub valid_from: UnixMs,
    /// Powers and what they are called.
    pub powers: BTreeMap<Power, String>,
    /// Offices.
    pub offices: BTreeMap<Office, OfficeRule>,
    /// How long something signed offline may wait, in hours.
    pub offline_hours: u64,
    /// The power that countersigns suspected times.
    pub supervising: Power,
    /// Who may do what.
    pub governance: BTreeMap<ActName, Governance>,
    /// Steps, outcomes, rules: empty in a procedure that governs nothing but the roster.
    pub programme: Programme,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProcedure {
    format: String,
    id: String,
    version: u64,
    title: String,
    valid: RawValid,
    #[serde(default)]
    basis: Vec<String>,
    offset: String,
    power: BTreeMap<String, String>,
    office: BTreeMap<String, RawOffice>,
    governance: BTreeMap<String, toml::Value>,
    #[serde(default)]
    levels: Vec<String>,
    calendar: Option<RawCalendar>,
    index: Option<RawIndex>,
    answer: Option<RawDays>,
    #[serde(default)]
    standard: Vec<RawStandard>,
    #[serde(default)]
    step: Vec<RawStep>,
    #[serde(default)]
    outcome: BTreeMap<String, RawOutcome>,
    #[serde(default)]
    rule: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawValid {
    from: toml::value::Datetime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOffice {
    level: String,
    power: String,
    #[serde(default)]
    requires: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGovernance {
    any: Vec<String>,
    min: u64,
    powers: u64,
}

impl Procedure {
    /// Reads a procedure, or refuses it by [`Rule::ProcedureFormat`] or [`Rule::ProcedureTwoPowers`].
    pub fn parse(text: &str) -> Result<Procedure, Refusal> {
        if text.len() > PROCEDURE_BYTES_MAX {
            return Err(wrong(format!("at most {PROCEDURE_BYTES_MAX} bytes"), text.len().to_string()));
        }
        let raw: RawProcedure = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let refusal = wrong("the keys and values of format.md section 7", error.message());
            line.map_or(refusal.clone(), |line| refusal.at_line(line))
        })?;
        let procedure = raw.judge()?;
        procedure.judge_powers()?;
        Ok(procedure)
    }

    /// How long after the log that its signers had seen an act may arrive, in milliseconds.
    pub fn allowance_ms(&self, act: &Act) -> i64 {
        let step = match act {
            Act::Step(act) => Some(&act.step),
            Act::PostUp(act) => Some(&act.step),
            Act::PostDown(act) => Some(&act.step),
            _ => None,
        };
        let own = step.and_then(|id| self.programme.step(id)).and_then(|step| step.offline_hours);
        own.unwrap_or(self.offline_hours) as i64 * 3_600_000
    }

    fn judge_powers(&self) -> Result<(), Refusal> {
        for (act, rule) in &self.governance {
            let asked = rule.powers.max(if TWO_POWERS.contains(act) { 2 } else { 0 });
            let found = format!(
                "governance.{}: {} powers from {}",
                act.as_str(),
                rule.powers,
                rule.any.iter().map(Office::as_str).collect::<Vec<_>>().join(", ")
            );
            if rule.powers < asked || self.powers_within_reach(&rule.any) < asked {
                return Err(Refusal::new(Rule::ProcedureTwoPowers, format!("offices of at least {asked} powers together"), found));
            }
        }
        Ok(())
    }

    fn powers_within_reach(&self, any: &[Office]) -> u64 {
        if any.iter().any(|office| office.as_str() == "founder") {
            return u64::MAX;
        }
        let powers: std::collections::BTreeSet<&Power> =
            any.iter().filter_map(|office| self.offices.get(office)).map(|office| &office.power).collect();
        powers.len() as u64
    }
}

impl RawProcedure {
    fn judge(self) -> Result<Procedure, Refusal> {
        if self.format != "procedure/1" {
            return Err(wrong("format = \"procedure/1\"", self.format));
        }
        let offset = parse_offset(&self.offset).ok_or_else(|| wrong("an offset such as \"+08:00\"", self.offset.clone()))?;
        let valid_from = local_midnight(self.valid.from, offset)?;
        ranged("version", self.version, 1, VERSION_MAX)?;
        ranged("number of basis texts", self.basis.len() as u64, 0, BASIS_MAX as u64)?;
        for basis in &self.basis {
            text("basis", basis)?;
        }
        text("title", &self.title)?;
        let powers = judge_powers(self.power)?;
        let offices = judge_offices(self.office, &powers)?;
        let (offline_hours, supervising, governance) = judge_governance(self.governance, &powers, &offices)?;
        let raw = RawProgramme {
            levels: self.levels,
            calendar: self.calendar,
            index: self.index,
            answer: self.answer,
            standards: self.standard,
            steps: self.step,
            outcomes: self.outcome,
            rules: self.rule,
        };
        let programme = raw.judge(&Roster { powers: &powers, offices: &offices, offline_hours, offset_minutes: offset })?;
        Ok(Procedure {
            id: parsed("id", &self.id, Code::parse)?,
            version: self.version,
            title: self.title,
            valid_from,
            powers,
            offices,
            offline_hours,
            supervising,
            governance,
            programme,
        })
    }
}

fn judge_powers(raw: BTreeMap<String, String>) -> Result<BTreeMap<Power, String>, Refusal> {
    ranged("number of powers", raw.len() as u64, 1, POWERS_MAX as u64)?;
    raw.into_iter()
        .map(|(power, name)| {
            text("power", &name)?;
            Ok((parsed("power", &power, Power::parse)?, name))
        })
        .collect()
}

fn judge_offices(raw: BTreeMap<String, RawOffice>, powers: &BTreeMap<Power, String>) -> Result<BTreeMap<Office, OfficeRule>, Refusal> {
    ranged("number of offices", raw.len() as u64, 1, OFFICES_MAX as u64)?;
    raw.into_iter()
        .map(|(name, raw)| {
            let office = parsed("office", &name, Office::parse)?;
            if office.is_reserved() {
                return Err(wrong("an office that is not reserved", name));
            }
            ranged("number of requirements", raw.requires.len() as u64, 0, REQUIRES_MAX as u64)?;
            let requires: Result<Vec<Code>, Refusal> = raw.requires.iter().map(|code| parsed("requires", code, Code::parse)).collect();
            let rule = OfficeRule {
                level: parsed("level", &raw.level, Code::parse)?,
                power: known_power(&raw.power, powers)?,
                requires: requires?,
            };
            Ok((office, rule))
        })
        .collect()
}

type GovernanceParts = (u64, Power, BTreeMap<ActName, Governance>);

fn judge_governance(
    mut raw: BTreeMap<String, toml::Value>,
    powers: &BTreeMap<Power, String>,
    offices: &BTreeMap<Office, OfficeRule>,
) -> Result<GovernanceParts, Refusal> {
    let missing = |key: &str| wrong(format!("governance.{key}"), "nothing");
    let hours = raw.remove("offline_hours").ok_or_else(|| missing("offline_hours"))?;
    let hours = hours
        .as_integer()
        .and_then(|hours| u64::try_from(hours).ok())
        .ok_or_else(|| wrong("governance.offline_hours, a whole number", format!("{hours:?}")))?;
    ranged("offline_hours", hours, 1, OFFLINE_HOURS_MAX)?;
    let supervising = raw.remove("supervising").ok_or_else(|| missing("supervising"))?;
    let supervising = known_power(supervising.as_str().unwrap_or_default(), powers)?;
    let mut governance = BTreeMap::new();
    for act in GOVERNED.iter().chain(GOVERNED_AT_WILL) {
        let value = match raw.remove(act.as_str()) {
            Some(value) => value,
            None if GOVERNED_AT_WILL.contains(act) => continue,
            None => return Err(missing(act.as_str())),
        };
        let rule: RawGovernance = value
            .try_into()
            .map_err(|error: toml::de::Error| wrong(format!("governance.{} = {{ any, min, powers }}", act.as_str()), error.message()))?;
        governance.insert(*act, judge_rule(*act, rule, offices)?);
    }
    match raw.into_keys().next() {
        Some(other) => Err(wrong("an act that this version governs", format!("governance.{other}"))),
        None => Ok((hours, supervising, governance)),
    }
}

fn judge_rule(act: ActName, raw: RawGovernance, offices: &BTreeMap<Office, OfficeRule>) -> Result<Governance, Refusal> {
    let name = act.as_str();
    ranged(name, raw.any.len() as u64, 1, OFFICES_MAX as u64)?;
    ranged(name, raw.min, 1, SIGNERS_MIN_MAX)?;
    ranged(name, raw.powers, 0, raw.min)?;
    let mut any = Vec::new();
    for office in &raw.any {
        let parsed = parsed("office", office, Office::parse)?;
        if !parsed.is_reserved() && !offices.contains_key(&parsed) {
            return Err(wrong(format!("offices of this procedure in governance.{name}"), office.clone()));
        }
        if any.contains(&parsed) {
            return Err(wrong(format!("each office once in governance.{name}"), office.clone()));
        }
        any.push(parsed);
    }
    Ok(Governance { any, min: raw.min, powers: raw.powers })
}

fn wrong(expected: impl Into<String>, found: impl Into<String>) -> Refusal {
    Refusal::new(Rule::ProcedureFormat, expected, found)
}

fn parsed<T>(what: &str, text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Refusal> {
    parse(text).ok_or_else(|| wrong(format!("a valid {what}"), text))
}

fn known_power(text: &str, powers: &BTreeMap<Power, String>) -> Result<Power, Refusal> {
    Power::parse(text).filter(|power| powers.contains_key(power)).ok_or_else(|| wrong("a power of [power]", text))
}

fn ranged(what: &str, found: u64, least: u64, most: u64) -> Result<(), Refusal> {
    if (least..=most).contains(&found) { Ok(()) } else { Err(wrong(format!("{what}: {least} to {most}"), found.to_string())) }
}

fn text(what: &str, found: &str) -> Result<(), Refusal> {
    let length = found.chars().count();
    let spaced_well = !found.starts_with(' ') && !found.ends_with(' ') && !found.contains("  ");
    let good = (1..=TEXT_CHARS_MAX).contains(&length) && spaced_well && found.chars().all(is_procedure_character);
    if good { Ok(()) } else { Err(wrong(format!("{what}: free text of 1 to {TEXT_CHARS_MAX} characters"), found)) }
}

fn local_midnight(date: toml::value::Datetime, offset_minutes: i16) -> Result<UnixMs, Refusal> {
    match date {
        toml::value::Datetime { date: Some(day), time: None, offset: None } => {
            midnight(i64::from(day.year), i64::from(day.month), i64::from(day.day), offset_minutes)
                .ok_or_else(|| wrong("a date of the years 1900 to 9999", date.to_string()))
        }
        _ => Err(wrong("valid.from, a local date such as 2013-01-01", date.to_string())),
    }
}
