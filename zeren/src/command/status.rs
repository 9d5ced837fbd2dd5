//! `zeren status`: how far the cases are, what was in time, what was paid, what waits for an answer, what was refused.

mod published;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::answers::Answer;
use projector::counts::{self, Counts, Waits};
use projector::refusals::{Refusals, refusals};
use projector::rows::{DeadlineRow, FlagState, MoneyRow, Sum};
use projector::{Cursor, MemoryRows};
use serde_json::{Value, json};
use signer::value::{Unit, UnixMs};

use self::published::{Difference, Published};
use super::reading::Reading;
use super::trace::{Anchor, print_unanchored, shown_time};
use super::{print, read_ledger};
use crate::as_of::AsOf;
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS};
use crate::lang::Lang;
use crate::own_views::{OwnViews, failed, folded, tell_of_memory};
use crate::progress::Progress;

/// Units that a refusal names at the most.
const UNITS_NAMED_MAX: usize = 30;

/// `zeren status`
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    reading: Reading,
    /// Count the first so many entries, or those received until a date or time
    #[arg(long, value_name = "SIZE|TIME")]
    as_of: Option<AsOf>,
    /// Only cases of this unit and of those within it
    #[arg(long, value_parser = unit)]
    unit: Option<Unit>,
    /// Only this period (default: the latest two)
    #[arg(long, value_name = "YEAR")]
    period: Option<u16>,
    /// Totals that were published, to be compared with what was paid: CSV with the columns scheme, people, fen and perhaps period
    #[arg(long, value_name = "FILE")]
    published: Option<PathBuf>,
}

fn unit(text: &str) -> Result<Unit, String> {
    Unit::parse(text).ok_or_else(|| "a unit, as 07-03".to_owned())
}

/// Everything that is shown.
struct Status {
    at: Cursor,
    of_size: u64,
    counts: Counts,
    units: Units,
    periods: Vec<u16>,
    waits: Vec<Waits>,
    refusals: Refusals,
    differences: Option<Vec<Difference>>,
}

/// Counts, and prints.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let published = args.published.as_deref().map(|path| Published::read(path, lang)).transpose()?;
    let ledger = read_ledger(&args.reading.dir, lang)?;
    let anchor = Anchor::of(ledger.id(), ledger.checkpoint(), args.reading.policy.as_deref())?;
    let status = gather(args, &ledger, published.as_ref(), lang)?;
    if args.reading.json {
        print(&status.to_json(Some(&anchor)).to_string());
    } else {
        tables::show(&status, &anchor, lang);
        print_unanchored(&anchor, lang);
    }
    let is_equal = status.differences.as_ref().is_none_or(Vec::is_empty);
    Ok(ExitCode::from(if is_equal && anchor.is_accepted { HOLDS } else { DOES_NOT_VERIFY }))
}

fn gather(args: &Args, ledger: &Snapshot<Folder>, published: Option<&Published>, lang: Lang) -> Result<Status, Failure> {
    let size = match args.as_of {
        None => ledger.size(),
        Some(as_of) => as_of.size(ledger.history()).map_err(|error| {
            let advice = lang.pick("leave --as-of out to count all", "不加 --as-of 即统计全部");
            Failure::malformed(format!("{}\n  {}: {advice}", error.render(lang), lang.pick("what to do", "处理")))
        })?,
    };
    let rows = open_rows(args, ledger, size, lang)?;
    let Some(answer) = counts::counts(rows.rows()).map_err(failed)? else {
        return Err(Failure::malformed(lang.pick("the ledger has no entries", "账本没有任何条目")));
    };
    // What was refused while the log had this size counts, and what came later does not.
    let until = match args.as_of {
        Some(AsOf::Time(time)) => UnixMs(time.unix_ms().0.saturating_add(999)),
        _ => ledger.history().received(size).map_or(UnixMs::MAX, |next| UnixMs(next.0 - 1)),
    };
    let keys = ledger.state().ring().checkpoint_keys();
    let refusals = refusals(ledger.storage(), ledger.id(), keys, until).map_err(Failure::file(&args.reading.dir))?;
    let units = Units::of(&answer.value, args.unit.clone());
    known_unit(&answer.value, args.unit.as_ref(), lang)?;
    let periods = periods(&answer.value, args.period, lang)?;
    let differences = published.map(|published| published.differences(&answer.value.money));
    let waits = counts::waiting(rows.rows()).map_err(failed)?;
    Ok(Status { at: answer.at, of_size: ledger.size(), counts: answer.value, units, periods, waits, refusals, differences })
}

/// What is not kept by unit: said only to whoever's office covers the whole ledger.
const OF_THE_WHOLE: [&str; 6] = ["deadlines", "answers", "money", "raised", "refusals", "incidents"];

/// Counts as JSON, of views that a service keeps. Without refusals only what is kept by unit is said, within the one that is asked for.
pub fn counted(
    mut answer: Answer<Counts>,
    waits: Vec<Waits>,
    refusals: Option<Refusals>,
    unit: Option<Unit>,
    period: Option<u16>,
    lang: Lang,
) -> Result<Value, Failure> {
    let is_of_the_whole = refusals.is_some();
    if !is_of_the_whole {
        // Which other units and periods there are is not said either.
        let is_within =
            |(of, _, _): &(String, u16, String)| unit.as_ref().is_some_and(|unit| Unit::parse(of).is_some_and(|of| unit.covers(&of)));
        answer.value.standing.retain(|of, _| is_within(of));
        answer.value.funnel.retain(|of, _| is_within(of));
    }
    known_unit(&answer.value, unit.as_ref(), lang)?;
    let (units, periods) = (Units::of(&answer.value, unit), periods(&answer.value, period, lang)?);
    let of_size = answer.at.size;
    let refusals = refusals.unwrap_or_default();
    let status = Status { at: answer.at, of_size, counts: answer.value, units, periods, waits, refusals, differences: None };
    let mut counted = status.to_json(None);
    if let Some(members) = counted.as_object_mut().filter(|_| !is_of_the_whole) {
        OF_THE_WHOLE.iter().for_each(|member| _ = members.remove(*member));
        members.insert("left_out".to_owned(), json!(OF_THE_WHOLE));
    }
    Ok(counted)
}

/// A unit that is asked for has cases.
fn known_unit(counts: &Counts, asked: Option<&Unit>, lang: Lang) -> Result<(), Failure> {
    let Some(asked) = asked else { return Ok(()) };
    let all: BTreeSet<&str> = counts.standing.keys().map(|(unit, ..)| unit.as_str()).collect();
    if all.iter().any(|unit| Unit::parse(unit).is_some_and(|unit| asked.covers(&unit))) {
        return Ok(());
    }
    let first: BTreeSet<&str> = all.iter().filter_map(|unit| unit.split('-').next()).collect();
    let known: Vec<&str> = first.into_iter().take(UNITS_NAMED_MAX).collect();
    let what = lang.pick("no case of this unit; there are", "该辖区没有案件；现有");
    Err(Failure::malformed(format!("--unit {asked}: {what}: {}", known.join(", "))))
}

/// The latest two periods, or the one asked for.
fn periods(counts: &Counts, asked: Option<u16>, lang: Lang) -> Result<Vec<u16>, Failure> {
    let all: BTreeSet<u16> = counts.standing.keys().map(|(_, period, _)| *period).collect();
    match asked {
        None => Ok(all.iter().rev().take(2).rev().copied().collect()),
        Some(period) if all.contains(&period) => Ok(vec![period]),
        Some(period) => {
            let known: Vec<String> = all.iter().map(ToString::to_string).collect();
            let what = lang.pick("no case of this period; periods", "没有该年度的案件；已有年度");
            Err(Failure::malformed(format!("--period {period}: {what}: {}", known.join(", "))))
        }
    }
}

/// Kept rows are of the whole log; those of an earlier size are folded in memory.
fn open_rows(args: &Args, ledger: &Snapshot<Folder>, size: u64, lang: Lang) -> Result<OwnViews, Failure> {
    let mut progress = Progress::new(lang.pick("views", "视图"));
    let mut tell = |done| progress.at(done, size);
    let rows = match args.reading.views.as_deref().filter(|_| size == ledger.size()) {
        Some(folder) => OwnViews::kept(folder, (&args.reading.dir, ledger), &mut tell, lang)?,
        None => {
            tell_of_memory(size, lang);
            OwnViews::InMemory(Box::new(folded(MemoryRows::default(), ledger, size, &mut tell)?))
        }
    };
    progress.done();
    Ok(rows)
}

/// Units by which cases are shown: those of the first level at which there are several, below the one that is asked for.
struct Units {
    within: Option<Unit>,
    parts: usize,
}

impl Units {
    fn of(counts: &Counts, within: Option<Unit>) -> Units {
        let mut units = Units { parts: within.as_ref().map_or(1, |unit| parts(unit.as_str()) + 1), within };
        let all: Vec<&String> = counts.standing.keys().map(|(unit, ..)| unit).filter(|unit| units.covers(unit)).collect();
        let deepest = all.iter().map(|unit| parts(unit)).max().unwrap_or(1);
        while units.parts < deepest && all.iter().map(|unit| units.shown(unit)).collect::<BTreeSet<String>>().len() < 2 {
            units.parts += 1;
        }
        units
    }

    fn covers(&self, unit: &str) -> bool {
        self.within.as_ref().is_none_or(|within| Unit::parse(unit).is_some_and(|unit| within.covers(&unit)))
    }

    /// The unit under which a case's is shown.
    fn shown(&self, unit: &str) -> String {
        unit.split('-').take(self.parts).collect::<Vec<_>>().join("-")
    }
}

fn parts(unit: &str) -> usize {
    if unit == "-" { 0 } else { unit.split('-').count() }
}

impl Status {
    /// Cases of a period by what counts them, each by unit shown.
    fn cases(&self, of: &counts::Cases, period: u16) -> BTreeMap<String, BTreeMap<String, u64>> {
        let mut all: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for ((unit, _, what), cases) in of.iter().filter(|((unit, of, _), cases)| *of == period && **cases > 0 && self.units.covers(unit)) {
            *all.entry(what.clone()).or_default().entry(self.units.shown(unit)).or_default() += cases;
        }
        all
    }

    /// Steps in the procedure's order, then those that only earlier procedures had.
    fn in_order<'a>(&'a self, steps: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
        let rank = |step: &String| self.counts.steps.iter().position(|known| known == step).unwrap_or(usize::MAX);
        let mut steps: Vec<&String> = steps.collect();
        steps.sort_by_key(|step| (rank(step), step.as_str().to_owned()));
        steps
    }

    fn to_json(&self, anchor: Option<&Anchor>) -> Value {
        let sum = |sum: &Sum| json!({ "people": sum.cases, "fen": sum.fen });
        let term = |row: &DeadlineRow| (row.in_time, row.late);
        let money = |((scheme, period), row): (&(String, u16), &MoneyRow)| {
            json!({
                "scheme": scheme, "period": period, "locked": sum(&row.locked), "in_batch": sum(&row.in_batch),
                "paid": sum(&row.paid), "failed": sum(&row.failed),
            })
        };
        let cases = |of: &counts::Cases, name: &str| {
            let shown =
                of.iter().filter(|((unit, period, _), cases)| **cases > 0 && self.units.covers(unit) && self.periods.contains(period));
            shown
                .map(|((unit, period, what), cases)| json!({ "unit": unit, "period": period, name: what, "cases": cases }))
                .collect::<Vec<_>>()
        };
        let terms = |of: &BTreeMap<(String, u16), DeadlineRow>, name: &str, year: &str| {
            let shown = of.iter().filter(|(_, row)| term(row) != (0, 0));
            shown.map(|((what, of), row)| json!({ name: what, year: of, "in_time": row.in_time, "late": row.late })).collect::<Vec<_>>()
        };
        let waits = |waits: &Waits| {
            json!({
                "entry": waits.entry, "kind": waits.row.kind, "case": waits.row.case, "unit": waits.row.unit, "received_ms": waits.row.received_ms,
                "upheld": matches!(waits.row.state, FlagState::Upheld(_)), "awaits": waits.awaits,
                "gone_days": waits.gone, "overdue": waits.is_overdue(), "within": waits.within.map(|within| json!({ "days": within.days, "working": within.are_working })),
            })
        };
        let counts = &self.counts;
        let raised =
            counts.raised.iter().map(|(kind, row)| json!({ "kind": kind, "open": row.open, "upheld": row.upheld, "closed": row.closed }));
        let witnesses = counts.witnesses.iter().map(|(name, last)| {
            json!({
                "name": name, "entry": last.entry, "size": last.size, "unix_seconds": last.unix_seconds,
                "age_seconds": counts.received_last_ms.div_euclid(1000) - last.unix_seconds as i64,
            })
        });
        let incident_last = counts.incident_last.as_ref().map(|(entry, kind, node)| json!({ "entry": entry, "kind": kind, "node": node }));
        let refused = self.refusals.by_rule.iter().map(
            |(rule, refused)| json!({ "rule": rule, "notes": refused.notes, "first_ms": refused.first_ms, "last_ms": refused.last_ms }),
        );
        json!({
            "ledger": self.at.ledger.as_str(), "size": self.at.size, "of_size": self.of_size, "root": self.at.root.to_string(),
            "anchored": anchor.map(|anchor| anchor.is_accepted), "received_last_ms": counts.received_last_ms,
            "received_last": shown_time(counts.received_last_ms), "periods": self.periods, "steps": counts.steps,
            "funnel": cases(&counts.funnel, "step"), "standing": cases(&counts.standing, "status"),
            "deadlines": terms(&counts.deadlines, "step", "period"), "answers": terms(&counts.answers, "kind", "year"),
            "money": counts.money.iter().map(money).collect::<Vec<_>>(),
            "published": self.differences.as_ref().map(|found| json!({
                "equal": found.is_empty(), "differences": found.iter().map(Difference::to_json).collect::<Vec<_>>(),
            })),
            "raised": raised.collect::<Vec<_>>(), "waiting": self.waits.iter().map(waits).collect::<Vec<_>>(),
            "witnesses": witnesses.collect::<Vec<_>>(),
            "incidents": { "count": counts.incidents, "last": incident_last },
            "refusals": { "by_rule": refused.collect::<Vec<_>>(), "unreadable": self.refusals.unreadable, "has_more": self.refusals.has_more },
        })
    }
}
