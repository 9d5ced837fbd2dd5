//! `zeren demo`: an invented county's year, built, audited and told.

mod chain;
mod copies;
mod payments;
mod telling;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::ValueEnum as _;
use ledger::audit::Verdict;
use serde_json::json;
use signer::keyfile;

use self::payments::{Payments, Total};
use self::telling::Telling;
use super::init::CHECKPOINT_KEY_FILE;
use super::{audit, print, read_ledger};
use crate::county::{self, County, Large, Profile};
use crate::demo_keys::{DemoSeed, SEED_FILE};
use crate::error::Failure;
use crate::files;
use crate::lang::Lang;
use crate::progress::Progress;

/// The plant that lies in copies alone.
const COPIES_PLANT: u8 = 17;
/// What was planted, beside the ledger and never in it.
const GROUND_TRUTH_FILE: &str = "ground-truth.json";
/// What registers outside the record would say.
const REGISTERS_FILE: &str = "outside-registers.json";
/// What the county published, for `zeren status --published`.
const PUBLISHED_FILE: &str = "published.csv";
/// The case whose chain is drawn.
const DRAWN: &str = "07-05-003";

/// `zeren demo`
#[derive(clap::Args)]
pub struct Args {
    /// Size of the county
    #[arg(long, value_enum, default_value = "m")]
    profile: Profile,
    /// What everything is derived from: the same seed makes the same bytes
    #[arg(long, default_value = "1")]
    seed: String,
    /// New folder for the ledger
    #[arg(long, default_value = "zeren-demo")]
    dir: PathBuf,
    /// Also make the copies that somebody with the disk has edited, cut and rewritten, in a folder beside the ledger
    #[arg(long)]
    copies: bool,
    /// With --profile l: how many people apply (default: 36,000)
    #[arg(long)]
    people: Option<usize>,
    /// With --profile l: how many years are lived, from 2013 on (default: 14)
    #[arg(long)]
    years: Option<u64>,
    /// Serve nothing afterwards, which is so anyway: for scripts that say it
    #[arg(long, hide = true)]
    no_serve: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    fn large(&self) -> Result<Large, Failure> {
        if self.profile != Profile::L && (self.people.is_some() || self.years.is_some()) {
            return Err(Failure::malformed("--people and --years are for --profile l: the other profiles are what they are".to_owned()));
        }
        if self.profile == Profile::L && self.copies {
            return Err(Failure::malformed("--copies is for --profile s and m: the large county is for growth".to_owned()));
        }
        let Large { people, years } = Large::default();
        let large = Large { people: self.people.unwrap_or(people), years: self.years.unwrap_or(years) };
        if !(220..=250_000).contains(&large.people) || !(1..=60).contains(&large.years) {
            return Err(Failure::malformed(format!(
                "--people from 220, one in each village, to 250,000; --years from 1 to 60: found {} and {}",
                large.people, large.years
            )));
        }
        Ok(large)
    }
}

/// Builds, audits, tells.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let mut county = county::found(&args.dir, DemoSeed::new(&args.seed), args.profile, args.large()?)?;
    let copies = args.copies.then(|| copies::Copies::beside(&args.dir)).transpose()?;
    let mut progress = Progress::new(lang.pick("a county's year", "一县一年"));
    let mut at_chapter = |done, of| progress.at(done, of);
    let told = county::live_a_year(&mut county, &mut |done, of| {
        at_chapter(done, of);
        // Who cuts the tail puts the folder of an earlier day back.
        match &copies {
            Some(copies) if done + 2 == of => copies.keep_early(),
            _ => Ok(()),
        }
    })?;
    progress.done();
    let policy = args.dir.join("trust-policy");
    files::write_new(&policy, county.policy().as_bytes())?;
    files::write_secret(&args.dir.join(SEED_FILE), format!("{}\n", args.seed).as_bytes())?;
    let key = keyfile::plain(&county.seed.key("checkpoint"))
        .map_err(|source| Failure::KeyFile { path: CHECKPOINT_KEY_FILE.to_owned(), source })?;
    files::write_secret(&args.dir.join(CHECKPOINT_KEY_FILE), key.as_bytes())?;
    let payments = Payments::of(&county.ledger)?;
    let totals = payments.totals();
    let truth = write_truth(args, &mut county, &payments)?;
    write_published(args)?;
    let built = started.elapsed().as_secs_f64();
    let applicants = county.applicant_count();
    let County { warnings, refused, ledger, .. } = county;
    drop(ledger);
    if let Some(copies) = &copies {
        copies.edit_and_rewrite(&args.seed, args.profile)?;
    }
    let (report, audited) = audit::report(&args.dir, Some(&policy), &[], lang)?;
    let text = if args.json {
        let totals: Vec<_> =
            totals.iter().map(|total| json!({ "scheme": total.scheme, "people": total.people, "fen": total.fen })).collect();
        json!({
            "profile": args.profile.to_possible_value().map(|value| value.get_name().to_owned()), "dir": args.dir, "origin": report.origin, "entries": report.entries, "signatures": report.signatures,
            "totals": totals, "warnings": warnings, "refused": refused, "planted": truth.map(|(plants, twins)| json!({ "frauds": plants, "twins": twins })), "audit": audit::to_json(&report),
        })
        .to_string()
    } else {
        let ledger = read_ledger(&args.dir, lang)?;
        Telling {
            args,
            report: &report,
            totals: &totals,
            told: &told,
            applicants,
            chain: chain::drawn(&ledger, DRAWN, lang)?,
            refused: &refused,
            planted: truth,
            built,
            audited,
            lang,
        }
        .render()
    };
    print(&text);
    Ok(if report.verdict == Verdict::Holds { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Writes what was planted and what registers outside would show, if anything was planted; how many frauds and twins.
fn write_truth(args: &Args, county: &mut County, payments: &Payments) -> Result<Option<(usize, usize)>, Failure> {
    if county.truth.is_empty() {
        return Ok(None);
    }
    if !args.copies {
        county.truth.forget(COPIES_PLANT);
    }
    let paid = payments.by_case();
    let truth = county.truth.to_json(county.ledger.id().as_str(), &args.seed, &|case| paid.get(case).copied().unwrap_or(0));
    for (file, value) in [(GROUND_TRUTH_FILE, truth), (REGISTERS_FILE, county.outside_registers())] {
        let text = serde_json::to_string_pretty(&value).map_err(|error| Failure::malformed(error.to_string()))?;
        files::write_new(&args.dir.join(file), (text + "\n").as_bytes())?;
    }
    Ok(Some(county.truth.counts()))
}

/// Writes what the county published, if it published anything.
fn write_published(args: &Args) -> Result<(), Failure> {
    let published = args.profile.published();
    if published.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = published.iter().map(|one| format!("{},{},{}\n", one.scheme, one.people, one.fen)).collect();
    files::write_new(&args.dir.join(PUBLISHED_FILE), format!("scheme,people,fen\n{}", lines.concat()).as_bytes())
}
