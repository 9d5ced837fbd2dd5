//! Reads the programme of a procedure from TOML: shapes first, then references (format.md section 7.1).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use signer::rule::{Refusal, Rule};
use signer::value::{Code, Office, Period, Power, Scheme, Share, UnixMs, midnight};

use super::calendar::{Calendar, Counting, Day, Days};
use super::programme::{On, Outcome, OutcomeTo, Programme, Standard};
use super::read_rules::{RawRule, judge_rule};
use super::read_steps::{RawStep, StepReader};
use super::{OfficeRule, SIGNERS_MIN_MAX, parsed, ranged, text, wrong};

const LEVELS_MAX: u64 = 6;
const DATES_MAX: u64 = 1_000;
pub(super) const DAYS_MAX: u64 = 3_650;
const STANDARDS_MAX: u64 = 500;
const FEN_MAX: u64 = 1_000_000_000_000;
const STEPS_MAX: u64 = 64;
const OUTCOMES_MAX: u64 = 32;
const RULES_MAX: u64 = 64;
pub(super) const CODES_MAX: u64 = 64;

/// What the rest of the procedure has.
pub(super) struct Roster<'a> {
    pub(super) powers: &'a BTreeMap<Power, String>,
    pub(super) offices: &'a BTreeMap<Office, OfficeRule>,
    pub(super) offline_hours: u64,
    pub(super) offset_minutes: i16,
}

/// The programme's keys as TOML has them.
pub(super) struct RawProgramme {
    pub(super) levels: Vec<String>,
    pub(super) calendar: Option<RawCalendar>,
    pub(super) index: Option<RawIndex>,
    pub(super) answer: Option<RawDays>,
    pub(super) standards: Vec<RawStandard>,
    pub(super) steps: Vec<RawStep>,
    pub(super) outcomes: BTreeMap<String, RawOutcome>,
    pub(super) rules: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCalendar {
    working: Option<Vec<u64>>,
    #[serde(default)]
    holidays: Vec<toml::value::Datetime>,
    #[serde(default)]
    workdays: Vec<toml::value::Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIndex {
    daily: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDays {
    days: u64,
    calendar: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStandard {
    scheme: String,
    tier: String,
    fen: u64,
    from: u64,
    to: Option<u64>,
    per: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOutcome {
    name: String,
    by: Vec<String>,
    min: Option<u64>,
    to: String,
    #[serde(default)]
    reasons: Vec<String>,
    back_to: Option<String>,
    appeal_days: Option<u64>,
}

impl RawProgramme {
    /// The programme, or what is wrong with it: [`Rule::ProcedureFormat`] or [`Rule::ProcedureReference`].
    pub(super) fn judge(self, roster: &Roster<'_>) -> Result<Programme, Refusal> {
        ranged("number of levels", self.levels.len() as u64, 0, LEVELS_MAX)?;
        ranged("number of standards", self.standards.len() as u64, 0, STANDARDS_MAX)?;
        ranged("number of steps", self.steps.len() as u64, 0, STEPS_MAX)?;
        ranged("number of outcomes", self.outcomes.len() as u64, 0, OUTCOMES_MAX)?;
        ranged("number of rules", self.rules.len() as u64, 0, RULES_MAX)?;
        let mut programme = Programme {
            levels: codes("levels", &self.levels)?,
            calendar: judge_calendar(self.calendar, roster.offset_minutes)?,
            is_indexed_daily: self.index.is_some_and(|index| index.daily),
            answer: self.answer.map(|raw| days("answer", raw.days, &raw.calendar)).transpose()?,
            standards: judge_standards(self.standards)?,
            ..Programme::default()
        };
        for raw in self.steps {
            let step = StepReader { roster, programme: &programme }.judge(raw)?;
            programme.steps.push(step);
        }
        for (id, raw) in self.outcomes {
            let outcome = judge_outcome(&id, raw, roster, &programme)?;
            programme.outcomes.insert(parsed("outcome", &id, Code::parse)?, outcome);
        }
        for raw in self.rules {
            let rule = judge_rule(raw, roster, &programme)?;
            programme.rules.push(rule);
        }
        Ok(programme)
    }
}

pub(super) fn unknown(expected: impl Into<String>, found: impl Into<String>) -> Refusal {
    Refusal::new(Rule::ProcedureReference, expected, found)
}

pub(super) fn codes(what: &str, raw: &[String]) -> Result<Vec<Code>, Refusal> {
    all_once(what, raw, |text| parsed(what, text, Code::parse))
}

pub(super) fn all_once<T: PartialEq>(what: &str, raw: &[String], read: impl Fn(&str) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
    ranged(what, raw.len() as u64, 0, CODES_MAX)?;
    let mut all = Vec::new();
    for text in raw {
        let one = read(text)?;
        if all.contains(&one) {
            return Err(wrong(format!("{what}: each once"), text.clone()));
        }
        all.push(one);
    }
    Ok(all)
}

pub(super) fn some<T>(what: &str, all: Vec<T>) -> Result<Vec<T>, Refusal> {
    if all.is_empty() { Err(wrong(format!("{what}: at least one"), "none")) } else { Ok(all) }
}

pub(super) fn share(what: &str, raw: &str) -> Result<Share, Refusal> {
    parsed(what, raw, Share::parse)
}

pub(super) fn days(what: &str, days: u64, calendar: &str) -> Result<Days, Refusal> {
    ranged(what, days, 0, DAYS_MAX)?;
    let counting = match calendar {
        "natural" => Counting::Natural,
        "working" => Counting::Working,
        other => return Err(wrong(format!("{what}: calendar \"natural\" or \"working\""), other)),
    };
    Ok(Days { days, counting })
}

fn period(raw: u64) -> Result<Period, Refusal> {
    parsed("period", &raw.to_string(), Period::parse)
}

fn date(raw: toml::value::Datetime) -> Result<Day, Refusal> {
    let date = match raw {
        toml::value::Datetime { date: Some(date), time: None, offset: None } => date,
        other => return Err(wrong("a local date such as 2013-01-01", other.to_string())),
    };
    let start = midnight(i64::from(date.year), i64::from(date.month), i64::from(date.day), 0);
    start.map(|UnixMs(ms)| ms.div_euclid(86_400_000)).ok_or_else(|| wrong("a date of the years 1900 to 9999", raw.to_string()))
}

fn judge_calendar(raw: Option<RawCalendar>, offset_minutes: i16) -> Result<Calendar, Refusal> {
    let raw = raw.unwrap_or(RawCalendar { working: None, holidays: Vec::new(), workdays: Vec::new() });
    let mut working = BTreeSet::new();
    for weekday in raw.working.unwrap_or((1..=5).collect()) {
        ranged("calendar.working", weekday, 1, 7)?;
        if !working.insert(weekday as u8) {
            return Err(wrong("calendar.working: each once", weekday.to_string()));
        }
    }
    let dates = |what: &str, raw: Vec<toml::value::Datetime>| -> Result<BTreeSet<Day>, Refusal> {
        ranged(what, raw.len() as u64, 0, DATES_MAX)?;
        let mut all = BTreeSet::new();
        for one in raw {
            if !all.insert(date(one)?) {
                return Err(wrong(format!("{what}: each once"), one.to_string()));
            }
        }
        Ok(all)
    };
    let (holidays, workdays) = (dates("calendar.holidays", raw.holidays)?, dates("calendar.workdays", raw.workdays)?);
    Ok(Calendar { offset_minutes, working, holidays, workdays })
}

fn judge_standards(raw: Vec<RawStandard>) -> Result<Vec<Standard>, Refusal> {
    let mut all: Vec<Standard> = Vec::new();
    for raw in raw {
        ranged("fen", raw.fen, 1, FEN_MAX)?;
        let standard = Standard {
            scheme: parsed("scheme", &raw.scheme, Scheme::parse)?,
            tier: parsed("tier", &raw.tier, Code::parse)?,
            fen: raw.fen,
            from: period(raw.from)?,
            to: raw.to.map(period).transpose()?,
            per: raw.per.as_deref().map(|per| parsed("per", per, Code::parse)).transpose()?,
        };
        let name = format!("{} {} from {}", raw.scheme, raw.tier, raw.from);
        if standard.to.is_some_and(|to| to < standard.from) {
            return Err(wrong("a last period not before the first", name));
        }
        let overlaps = |other: &Standard| {
            (&other.scheme, &other.tier) == (&standard.scheme, &standard.tier)
                && other.to.is_none_or(|to| standard.from <= to)
                && standard.to.is_none_or(|to| other.from <= to)
        };
        if all.iter().any(overlaps) {
            return Err(wrong("one standard for a scheme, tier and period", name));
        }
        all.push(standard);
    }
    Ok(all)
}

pub(super) fn offices(what: &str, raw: &[String], roster: &Roster<'_>) -> Result<Vec<Office>, Refusal> {
    let all = all_once(what, raw, |text| {
        let office = parsed(what, text, Office::parse)?;
        if roster.offices.contains_key(&office) { Ok(office) } else { Err(unknown("an office of [office]", text)) }
    })?;
    some(what, all)
}

pub(super) fn level(raw: &str, programme: &Programme) -> Result<usize, Refusal> {
    let level = parsed("level", raw, Code::parse)?;
    programme.levels.iter().position(|known| *known == level).ok_or_else(|| unknown("a level of `levels`", raw))
}

fn judge_outcome(id: &str, raw: RawOutcome, roster: &Roster<'_>, programme: &Programme) -> Result<Outcome, Refusal> {
    text("outcome", &raw.name)?;
    let to = match raw.to.as_str() {
        "suspended" => OutcomeTo::Suspended,
        "rejected" => OutcomeTo::Rejected,
        "revoked" => OutcomeTo::Revoked,
        "exited" => OutcomeTo::Exited,
        "referred" => OutcomeTo::Referred,
        other => return Err(wrong("to = \"suspended\", \"rejected\", \"revoked\", \"exited\" or \"referred\"", other)),
    };
    if raw.back_to.is_some() != (to == OutcomeTo::Suspended) {
        return Err(wrong("back_to for an outcome that suspends, and only there", id));
    }
    if raw.appeal_days.is_some() && matches!(to, OutcomeTo::Suspended | OutcomeTo::Referred) {
        return Err(wrong("appeal_days for an outcome that is final", id));
    }
    let back_to = raw.back_to.map(|raw| {
        let id = parsed("back_to", &raw, Code::parse)?;
        let step = programme.step(&id).filter(|step| step.on == On::Case && !step.opens && !step.renews);
        step.map(|step| step.id.clone()).ok_or_else(|| unknown("back_to: a case step that neither opens nor renews", raw))
    });
    ranged("appeal_days", raw.appeal_days.unwrap_or(0), 0, DAYS_MAX)?;
    let min = raw.min.unwrap_or(1);
    ranged("min", min, 1, SIGNERS_MIN_MAX)?;
    Ok(Outcome {
        name: raw.name,
        by: offices("by", &raw.by, roster)?,
        min,
        to,
        reasons: codes("reasons", &raw.reasons)?,
        back_to: back_to.transpose()?,
        appeal_days: raw.appeal_days,
    })
}
