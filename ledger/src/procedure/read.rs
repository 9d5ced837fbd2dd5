//! Reads the programme of a procedure from TOML: shapes first, then references (format.md sections 7.1 to 7.3).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use signer::rule::{Refusal, Rule};
use signer::value::{Code, Office, Period, Power, Scheme, Share, UnixMs, midnight};

use super::calendar::{Calendar, Counting, Day, Days};
use super::programme::{
    Cover, MatchOf, On, Outcome, OutcomeTo, Posting, Programme, Quorum, Rates, RuleKind, RuleOf, Severity, Standard, Step, StepBy, Within,
};
use super::{OfficeRule, SIGNERS_MIN_MAX, parsed, ranged, text, wrong};

const LEVELS_MAX: u64 = 6;
const DATES_MAX: u64 = 1_000;
const DAYS_MAX: u64 = 3_650;
const STANDARDS_MAX: u64 = 500;
const FEN_MAX: u64 = 1_000_000_000_000;
const STEPS_MAX: u64 = 64;
const OUTCOMES_MAX: u64 = 32;
const RULES_MAX: u64 = 64;
const CODES_MAX: u64 = 64;
const SEATS_MAX: u64 = 100;
const JOIN_DAYS_MAX: u64 = 60;
const MATCHES_MAX: u64 = 8;

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
struct RawBy {
    any: Option<Vec<String>>,
    min: Option<u64>,
    each: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWithin {
    days: u64,
    calendar: String,
    of: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCover {
    new: Option<String>,
    continuing: Option<String>,
    related: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRates {
    step: String,
    shares: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQuorum {
    present: String,
    agree: String,
    seats: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPosting {
    at: Vec<String>,
    days: u64,
    calendar: String,
    #[serde(default)]
    up: Vec<String>,
    #[serde(default)]
    down: Vec<String>,
    #[serde(default)]
    phones: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    id: String,
    on: String,
    #[serde(default)]
    after: Vec<String>,
    by: RawBy,
    opens: Option<bool>,
    renews: Option<bool>,
    r#for: Option<Vec<String>>,
    asserts: Option<Vec<String>>,
    counted: Option<bool>,
    measures: Option<Vec<String>>,
    evidence: Option<Vec<String>>,
    due: Option<String>,
    within: Option<RawWithin>,
    offline_hours: Option<u64>,
    join_days: Option<u64>,
    cover: Option<RawCover>,
    team: Option<bool>,
    lists: Option<String>,
    rates: Option<RawRates>,
    quorum: Option<RawQuorum>,
    posting: Option<RawPosting>,
    locks: Option<bool>,
    cosigned: Option<u64>,
    r#match: Option<BTreeMap<String, String>>,
    settles: Option<bool>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    id: String,
    kind: String,
    severity: Option<String>,
    #[serde(default)]
    r#override: bool,
    powers: Option<Vec<String>>,
    steps: Option<Vec<String>>,
    level: Option<String>,
    min: Option<u64>,
    relations: Option<Vec<String>>,
    max_days: Option<u64>,
    max_depth: Option<u64>,
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

fn unknown(expected: impl Into<String>, found: impl Into<String>) -> Refusal {
    Refusal::new(Rule::ProcedureReference, expected, found)
}

fn codes(what: &str, raw: &[String]) -> Result<Vec<Code>, Refusal> {
    all_once(what, raw, |text| parsed(what, text, Code::parse))
}

fn all_once<T: PartialEq>(what: &str, raw: &[String], read: impl Fn(&str) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
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

fn some<T>(what: &str, all: Vec<T>) -> Result<Vec<T>, Refusal> {
    if all.is_empty() { Err(wrong(format!("{what}: at least one"), "none")) } else { Ok(all) }
}

fn share(what: &str, raw: &str) -> Result<Share, Refusal> {
    parsed(what, raw, Share::parse)
}

fn days(what: &str, days: u64, calendar: &str) -> Result<Days, Refusal> {
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

fn offices(what: &str, raw: &[String], roster: &Roster<'_>) -> Result<Vec<Office>, Refusal> {
    let all = all_once(what, raw, |text| {
        let office = parsed(what, text, Office::parse)?;
        if roster.offices.contains_key(&office) { Ok(office) } else { Err(unknown("an office of [office]", text)) }
    })?;
    some(what, all)
}

/// Reads one step, those before it being read.
struct StepReader<'a> {
    roster: &'a Roster<'a>,
    programme: &'a Programme,
}

impl StepReader<'_> {
    fn judge(&self, raw: RawStep) -> Result<Step, Refusal> {
        let id = parsed("step", &raw.id, Code::parse)?;
        if self.programme.step(&id).is_some() {
            return Err(wrong("each step once", raw.id));
        }
        let on = match raw.on.as_str() {
            "case" => On::Case,
            "list" => On::List,
            "batch" => On::Batch,
            "payment" => On::Payment,
            other => return Err(wrong("on = \"case\", \"list\", \"batch\" or \"payment\"", other)),
        };
        self.judge_keys(&raw, on)?;
        let after = all_once("after", &raw.after, |text| {
            let before = parsed("after", text, Code::parse)?;
            let is_before = self.programme.step(&before).is_some();
            if is_before { Ok(before) } else { Err(unknown(format!("in `after` of {id}: a step that stands before it"), text)) }
        })?;
        let (for_new, for_continuing) = cohorts(&raw)?;
        let step = Step {
            by: self.by(&raw)?,
            within: raw.within.as_ref().map(|within| self.within(within, &after)).transpose()?,
            level: raw.lists.as_deref().map_or(Ok(0), |level| self.level(level))?,
            rates: raw.rates.as_ref().map(|rates| self.rates(rates)).transpose()?,
            quorum: raw.quorum.as_ref().map(quorum).transpose()?,
            posting: raw.posting.as_ref().map(|posting| self.posting(posting)).transpose()?,
            matches: matches(raw.r#match.as_ref(), raw.settles == Some(true))?,
            cover: raw.cover.as_ref().map(cover).transpose()?,
            due: raw.due.as_deref().map(due).transpose()?,
            asserts: codes("asserts", raw.asserts.as_deref().unwrap_or_default())?,
            measures: codes("measures", raw.measures.as_deref().unwrap_or_default())?,
            evidence: codes("evidence", raw.evidence.as_deref().unwrap_or_default())?,
            id,
            on,
            after,
            opens: raw.opens == Some(true),
            renews: raw.renews == Some(true),
            for_new,
            for_continuing,
            is_counted: raw.counted == Some(true),
            offline_hours: raw.offline_hours,
            join_days: raw.join_days,
            has_team: raw.team == Some(true),
            locks: raw.locks == Some(true),
            cosigned: raw.cosigned,
            settles: raw.settles == Some(true),
        };
        self.judge_numbers(&step)?;
        self.judge_after(&step)?;
        Ok(step)
    }

    /// Which keys a step on this may have.
    fn judge_keys(&self, raw: &RawStep, on: On) -> Result<(), Refusal> {
        let posts = raw.posting.is_some();
        let allowed = [
            ("opens", raw.opens.is_some(), on == On::Case),
            ("renews", raw.renews.is_some(), on == On::Case),
            ("for", raw.r#for.is_some(), matches!(on, On::Case | On::List)),
            ("asserts", raw.asserts.is_some(), on == On::Case),
            ("counted", raw.counted.is_some(), on == On::Case),
            ("measures", raw.measures.is_some(), on == On::Case),
            ("evidence", raw.evidence.is_some(), !posts),
            ("due", raw.due.is_some(), on != On::Payment),
            ("within", raw.within.is_some(), matches!(on, On::Batch | On::Payment)),
            ("join_days", raw.join_days.is_some(), on == On::Case || (on == On::List && !posts)),
            ("cover", raw.cover.is_some(), on == On::Case),
            ("team", raw.team.is_some(), on == On::Case),
            ("lists", raw.lists.is_some(), on == On::List),
            ("rates", raw.rates.is_some(), on == On::List),
            ("quorum", raw.quorum.is_some(), on == On::List && !posts),
            ("posting", posts, on == On::List),
            ("locks", raw.locks.is_some(), on == On::List && !posts),
            ("cosigned", raw.cosigned.is_some(), on == On::Batch),
            ("match", raw.r#match.is_some(), on == On::Batch),
            ("settles", raw.settles.is_some(), on == On::Batch),
        ];
        if let Some((key, ..)) = allowed.iter().find(|(_, has, may)| *has && !*may) {
            return Err(wrong(format!("keys that step {} on {} may have", raw.id, raw.on), *key));
        }
        let flags = [raw.opens, raw.renews, raw.team, raw.locks, raw.settles];
        if flags.contains(&Some(false)) {
            return Err(wrong("opens, renews, team, locks and settles: true or absent", "false"));
        }
        if on == On::List && raw.lists.is_none() {
            return Err(wrong(format!("`lists` in step {}", raw.id), "nothing"));
        }
        if raw.opens.is_some() && (raw.renews.is_some() || self.programme.steps.iter().any(|step| step.opens)) {
            return Err(wrong("one step that opens, and not the same that renews", raw.id.clone()));
        }
        Ok(())
    }

    fn by(&self, raw: &RawStep) -> Result<StepBy, Refusal> {
        match &raw.by {
            RawBy { any: Some(any), min: Some(min), each: None } => {
                ranged("by.min", *min, 1, SIGNERS_MIN_MAX)?;
                Ok(StepBy::Any(offices("by.any", any, self.roster)?, *min))
            }
            RawBy { any: None, min: None, each: Some(each) } => Ok(StepBy::Each(offices("by.each", each, self.roster)?)),
            _ => Err(wrong("by = { any, min } or { each }", format!("step {}", raw.id))),
        }
    }

    fn within(&self, raw: &RawWithin, after: &[Code]) -> Result<Within, Refusal> {
        let of = parsed("within.of", &raw.of, Code::parse)?;
        if !after.contains(&of) {
            return Err(unknown("within.of: a step of `after`", raw.of.clone()));
        }
        Ok(Within { days: days("within", raw.days, &raw.calendar)?, of })
    }

    fn level(&self, raw: &str) -> Result<usize, Refusal> {
        level(raw, self.programme)
    }

    fn rates(&self, raw: &RawRates) -> Result<Rates, Refusal> {
        let step = parsed("rates.step", &raw.step, Code::parse)?;
        let step = self.programme.step(&step).filter(|step| step.is_counted);
        let step = step.ok_or_else(|| unknown("rates.step: a counted step that stands before", raw.step.clone()))?;
        let mut shares = BTreeMap::new();
        for (code, raw) in &raw.shares {
            let named = parsed("rates.shares", code, Code::parse)?;
            let asserted = step.asserts.iter().find(|asserted| **asserted == named);
            let asserted = asserted.ok_or_else(|| unknown(format!("rates.shares: an assert of {}", step.id), code.clone()))?;
            shares.insert(asserted.clone(), share("rates.shares", raw)?);
        }
        Ok(Rates { step: step.id.clone(), shares })
    }

    fn posting(&self, raw: &RawPosting) -> Result<Posting, Refusal> {
        let levels = |what: &str, raw: &[String]| {
            all_once(what, raw, |text| self.level(text).map(|number| self.programme.levels[number].clone()))
        };
        Ok(Posting {
            at: some("posting.at", levels("posting.at", &raw.at)?)?,
            days: days("posting", raw.days, &raw.calendar)?,
            up: codes("posting.up", &raw.up)?,
            down: codes("posting.down", &raw.down)?,
            phones: levels("posting.phones", &raw.phones)?,
        })
    }

    fn judge_numbers(&self, step: &Step) -> Result<(), Refusal> {
        if let Some(hours) = step.offline_hours {
            ranged("offline_hours", hours, 1, self.roster.offline_hours)?;
        }
        if let Some(days) = step.join_days {
            ranged("join_days", days, 1, JOIN_DAYS_MAX)?;
        }
        if let Some(witnesses) = step.cosigned {
            ranged("cosigned", witnesses, 1, SIGNERS_MIN_MAX)?;
        }
        Ok(())
    }

    fn judge_after(&self, step: &Step) -> Result<(), Refusal> {
        let before: Vec<&Step> = step.after.iter().filter_map(|id| self.programme.step(id)).collect();
        let begins = step.opens || step.renews;
        if begins != before.is_empty() {
            return Err(wrong("`after`: none for a step that opens or renews, at least one for every other", format!("step {}", step.id)));
        }
        let fits = match step.on {
            On::Case | On::List => before.iter().all(|before| matches!(before.on, On::Case | On::List)),
            On::Batch if before.iter().any(|before| before.locks) => before.len() == 1,
            On::Batch => before.iter().all(|before| before.on == On::Batch),
            On::Payment => before.iter().all(|before| before.settles),
        };
        let expected = match step.on {
            On::Case | On::List => "case and list steps",
            On::Batch => "one step that locks, or batch steps",
            On::Payment => "batch steps that settle",
        };
        let names = || step.after.iter().map(Code::as_str).collect::<Vec<_>>().join(", ");
        if fits { Ok(()) } else { Err(unknown(format!("in `after` of {}: {expected}", step.id), names())) }
    }
}

fn level(raw: &str, programme: &Programme) -> Result<usize, Refusal> {
    let level = parsed("level", raw, Code::parse)?;
    programme.levels.iter().position(|known| *known == level).ok_or_else(|| unknown("a level of `levels`", raw))
}

fn cohorts(raw: &RawStep) -> Result<(bool, bool), Refusal> {
    let Some(named) = &raw.r#for else { return Ok((true, raw.opens.is_none())) };
    let named = some("for", codes("for", named)?)?;
    if let Some(other) = named.iter().find(|cohort| !matches!(cohort.as_str(), "new" | "continuing")) {
        return Err(wrong("for: \"new\", \"continuing\"", other.as_str()));
    }
    let has = |cohort: &str| named.iter().any(|named| named.as_str() == cohort);
    if raw.renews.is_some() || (raw.opens.is_some() && has("continuing")) {
        return Err(wrong("for: [\"new\"] for a step that opens, absent for one that renews", raw.id.clone()));
    }
    Ok((has("new"), has("continuing")))
}

fn due(raw: &str) -> Result<(u8, u8), Refusal> {
    let numbers = raw.split_once('-').filter(|_| raw.len() == 5 && raw.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
    let numbers = numbers.and_then(|(month, day)| Some((month.parse::<u8>().ok()?, day.parse::<u8>().ok()?)));
    // A year without 29 February: a due date exists in every period.
    let real = numbers.filter(|(month, day)| midnight(2013, i64::from(*month), i64::from(*day), 0).is_some());
    real.ok_or_else(|| wrong("due = \"MM-DD\", a date of every year", raw))
}

fn cover(raw: &RawCover) -> Result<Cover, Refusal> {
    let of = |raw: Option<&String>| raw.map(|raw| share("cover", raw)).transpose();
    let whole = Share { numerator: 1, denominator: 1 };
    Ok(Cover {
        new: of(raw.new.as_ref())?.unwrap_or(whole),
        continuing: of(raw.continuing.as_ref())?.unwrap_or(whole),
        related: of(raw.related.as_ref())?.unwrap_or(whole),
    })
}

fn quorum(raw: &RawQuorum) -> Result<Quorum, Refusal> {
    let mut seats = BTreeMap::new();
    for (category, least) in &raw.seats {
        ranged("quorum.seats", *least, 1, SEATS_MAX)?;
        seats.insert(parsed("quorum.seats", category, Code::parse)?, *least);
    }
    Ok(Quorum { present: share("quorum.present", &raw.present)?, agree: share("quorum.agree", &raw.agree)?, seats })
}

fn matches(raw: Option<&BTreeMap<String, String>>, settles: bool) -> Result<BTreeMap<Code, MatchOf>, Refusal> {
    let Some(raw) = raw else { return Ok(BTreeMap::new()) };
    ranged("match", raw.len() as u64, 0, MATCHES_MAX)?;
    raw.iter()
        .map(|(code, of)| {
            let of = match of.as_str() {
                "batch" => MatchOf::Batch,
                "paid" if settles => MatchOf::Paid,
                other => return Err(wrong("match: \"batch\", or \"paid\" in a step that settles", other)),
            };
            Ok((parsed("match", code, Code::parse)?, of))
        })
        .collect()
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

fn judge_rule(raw: RawRule, roster: &Roster<'_>, programme: &Programme) -> Result<RuleOf, Refusal> {
    let id = parsed("rule", &raw.id, Code::parse)?;
    if programme.rules.iter().any(|rule| rule.id == id) {
        return Err(wrong("each rule once", raw.id));
    }
    let severity = match raw.severity.as_deref() {
        None | Some("refuse") => Severity::Refuse,
        Some("warn") => Severity::Warn,
        Some(other) => return Err(wrong("severity = \"refuse\" or \"warn\"", other)),
    };
    judge_rule_keys(&raw)?;
    let kind = judge_rule_kind(&raw, roster, programme)?;
    let is_single = matches!(kind, RuleKind::ExclusivePowers(_) | RuleKind::Independent | RuleKind::Acting { .. });
    if raw.r#override && (severity == Severity::Warn || is_single) {
        return Err(wrong("override only where a rule of a step refuses", raw.id));
    }
    let same = |rule: &RuleOf| std::mem::discriminant(&rule.kind) == std::mem::discriminant(&kind);
    if is_single && programme.rules.iter().any(same) {
        return Err(wrong(format!("one rule of kind {}", raw.kind), raw.id));
    }
    Ok(RuleOf { id, severity, may_override: raw.r#override, kind })
}

/// A rule has the keys of its kind and no others.
fn judge_rule_keys(raw: &RawRule) -> Result<(), Refusal> {
    let expected: &[&str] = match raw.kind.as_str() {
        "exclusive_powers" => &["powers"],
        "distinct" | "not_own_unit" => &["steps"],
        "mixed" => &["steps", "level", "min"],
        "recuse" => &["steps", "relations"],
        "independent" => &[],
        "acting" => &["max_days", "max_depth"],
        other => return Err(wrong("a kind of rule of format.md section 7.3", other)),
    };
    let found = [
        ("powers", raw.powers.is_some()),
        ("steps", raw.steps.is_some()),
        ("level", raw.level.is_some()),
        ("min", raw.min.is_some()),
        ("relations", raw.relations.is_some()),
        ("max_days", raw.max_days.is_some()),
        ("max_depth", raw.max_depth.is_some()),
    ];
    match found.iter().find(|(key, has)| *has != expected.contains(key)) {
        Some((key, _)) => Err(wrong(format!("the keys {} in rule {}", expected.join(", "), raw.id), *key)),
        None => Ok(()),
    }
}

fn judge_rule_kind(raw: &RawRule, roster: &Roster<'_>, programme: &Programme) -> Result<RuleKind, Refusal> {
    let steps = |least: u64| -> Result<Vec<Code>, Refusal> {
        let all = all_once("steps", raw.steps.as_deref().unwrap_or_default(), |text| {
            let step = parsed("steps", text, Code::parse)?;
            if programme.step(&step).is_some() { Ok(step) } else { Err(unknown(format!("in rule {}: a step", raw.id), text)) }
        })?;
        ranged("number of steps", all.len() as u64, least, CODES_MAX)?;
        Ok(all)
    };
    Ok(match raw.kind.as_str() {
        "exclusive_powers" => {
            let powers = all_once("powers", raw.powers.as_deref().unwrap_or_default(), |text| {
                let power = parsed("power", text, Power::parse)?;
                if roster.powers.contains_key(&power) { Ok(power) } else { Err(unknown("a power of [power]", text)) }
            })?;
            ranged("number of powers", powers.len() as u64, 2, CODES_MAX)?;
            RuleKind::ExclusivePowers(powers)
        }
        "distinct" => RuleKind::Distinct(steps(2)?),
        "not_own_unit" => RuleKind::NotOwnUnit(steps(1)?),
        "mixed" => {
            let named = raw.level.as_deref().unwrap_or_default();
            let min = raw.min.unwrap_or(0);
            ranged("min", min, 1, SIGNERS_MIN_MAX)?;
            RuleKind::Mixed { level: level(named, programme)?, min, steps: steps(1)? }
        }
        "recuse" => {
            let relations = some("relations", codes("relations", raw.relations.as_deref().unwrap_or_default())?)?;
            RuleKind::Recuse { steps: steps(1)?, relations }
        }
        "independent" => RuleKind::Independent,
        _ => {
            let (max_days, max_depth) = (raw.max_days.unwrap_or(0), raw.max_depth.unwrap_or(0));
            ranged("max_days", max_days, 1, DAYS_MAX)?;
            ranged("max_depth", max_depth, 0, 1)?;
            RuleKind::Acting { max_days, max_depth }
        }
    })
}
