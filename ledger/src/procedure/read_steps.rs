//! Reads the steps of a programme from TOML (format.md section 7.2).

use std::collections::BTreeMap;

use serde::Deserialize;
use signer::rule::Refusal;
use signer::value::{Code, Share, midnight};

use super::programme::{Cover, MatchOf, On, Posting, Programme, Quorum, Rates, Step, StepBy, Within};
use super::read::{Roster, all_once, codes, days, level, offices, share, some, unknown};
use super::{SIGNERS_MIN_MAX, parsed, ranged, wrong};

const SEATS_MAX: u64 = 100;
const JOIN_DAYS_MAX: u64 = 60;
const MATCHES_MAX: u64 = 8;

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

/// Reads one step, those before it being read.
pub(super) struct StepReader<'a> {
    pub(super) roster: &'a Roster<'a>,
    pub(super) programme: &'a Programme,
}

impl StepReader<'_> {
    pub(super) fn judge(&self, raw: RawStep) -> Result<Step, Refusal> {
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
        if raw.locks.is_some() && self.programme.locking().next().is_some() {
            return Err(wrong("one step that locks", raw.id.clone()));
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
        let levels =
            |what: &str, raw: &[String]| all_once(what, raw, |text| self.level(text).map(|number| self.programme.levels[number].clone()));
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
