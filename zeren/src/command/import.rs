//! `zeren import`: take over the records of an older system, vouched for by an archivist.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ledger::Ledger;
use ledger::storage::Folder;
use rayon::prelude::*;
use serde_json::json;
use signer::act::{Act, Import};
use signer::keyfile;
use signer::value::{DeviceId, Origin, PersonId, UnixMs};
use signer::{Note, SecretKey};

use super::init::CHECKPOINT_KEY_FILE;
use super::print;
use super::submit::{checkpoint_keys, open_ledger};
use crate::archive::{ARCHIVIST, ARCHIVIST_DEVICE, Archive, DemoClock};
use crate::demo_keys::{DemoSeed, SEED_FILE};
use crate::error::Failure;
use crate::lang::{Lang, thousands};
use crate::progress::Progress;
use crate::scribe::{Scribe, append};
use crate::secret::{PassphraseSource, open_key, random};
use crate::xes::{self, LegacyLog};
use crate::{clock, files};

/// Statements that are signed, checked and committed together.
const BATCH: usize = 1_024;

/// What can be imported.
#[derive(Subcommand)]
pub enum Command {
    /// An XES event log (IEEE 1849), gzipped or not
    Xes(XesArgs),
}

/// `zeren import xes`
#[derive(Args)]
pub struct XesArgs {
    /// The log
    file: PathBuf,
    /// Found a demonstration ledger in this new folder; its keys come from a seed kept there, so they are unsafe
    #[arg(long, value_name = "NEW", required_unless_present = "into", conflicts_with = "into")]
    dir: Option<PathBuf>,
    /// Append to the ledger in this folder
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// With --into: the archivist's key file (default: the demonstration's)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// With --into: who the archivist is
    #[arg(long, default_value = ARCHIVIST)]
    person: String,
    /// With --into: the archivist's device
    #[arg(long, default_value = ARCHIVIST_DEVICE)]
    device: String,
    /// With --into: the checkpoint key's file (default: the one in the folder)
    #[arg(long, value_name = "FILE")]
    checkpoint_key: Vec<PathBuf>,
    /// With --dir: what the ledger is called
    #[arg(long, default_value = "demo.archive.example/records")]
    origin: String,
    /// With --dir: a seed; the same seed and file give the same bytes (the clock is simulated then)
    #[arg(long)]
    seed: Option<String>,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Imports.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    let Command::Xes(args) = command;
    // Read whole before anything is made: a log that cannot be recorded changes nothing.
    let log = xes::read(&args.file)?;
    match (&args.dir, &args.into) {
        (Some(dir), _) => into_new(args, dir, &log, lang),
        (None, Some(dir)) => into_existing(args, dir, &log, lang),
        (None, None) => Err(Failure::malformed("--dir or --into")),
    }
}

fn into_new(args: &XesArgs, dir: &Path, log: &LegacyLog, lang: Lang) -> Result<ExitCode, Failure> {
    if dir.exists() {
        return Err(ledger::LedgerError::Exists.into());
    }
    let origin = Origin::parse(&args.origin).filter(Origin::is_demonstration);
    let origin = origin.ok_or_else(|| {
        Failure::malformed(format!(
            "--origin {}: {}",
            args.origin,
            lang.pick("a demonstration's starts with `demo.`", "演示账本名称须以 demo. 开头")
        ))
    })?;
    let (seed, clock) = match &args.seed {
        // With the file's digest, so that two files under one seed do not found two ledgers of one id.
        Some(seed) => (format!("{seed} {}", log.source), DemoClock::simulated()),
        None => (signer::value::base64(&random::<32>()?), DemoClock::Machine),
    };
    let mut archive = Archive::found(dir, &origin, DemoSeed::new(&seed), clock)?;
    files::or_unmake(dir, fill(&mut archive, dir, &seed, log, lang))?;
    report(args, dir, log, &archive.ledger, lang)
}

/// Keys and policy of a new demonstration, and every record.
fn fill(archive: &mut Archive, dir: &Path, seed: &str, log: &LegacyLog, lang: Lang) -> Result<(), Failure> {
    files::write_secret(&dir.join(SEED_FILE), format!("{seed}\n").as_bytes())?;
    let key = keyfile::plain(&archive.seed.key("checkpoint"))
        .map_err(|source| Failure::KeyFile { path: CHECKPOINT_KEY_FILE.to_owned(), source })?;
    files::write_secret(&dir.join(CHECKPOINT_KEY_FILE), key.as_bytes())?;
    files::write_new(&dir.join("trust-policy"), archive.policy().as_bytes())?;
    let key = archive.seed.key(ARCHIVIST);
    let person = PersonId::parse(ARCHIVIST).ok_or_else(|| Failure::malformed(ARCHIVIST))?;
    let device = DeviceId::parse(ARCHIVIST_DEVICE).ok_or_else(|| Failure::malformed(ARCHIVIST_DEVICE))?;
    let mut at = archive.clock;
    record(&mut archive.ledger, log, &Archivist { person, device, key }, &mut || at.tick(), lang)?;
    archive.clock = at;
    archive.cosign()
}

fn into_existing(args: &XesArgs, dir: &Path, log: &LegacyLog, lang: Lang) -> Result<ExitCode, Failure> {
    let person = PersonId::parse(&args.person).ok_or_else(|| Failure::malformed(format!("--person {}", args.person)))?;
    let device = DeviceId::parse(&args.device).ok_or_else(|| Failure::malformed(format!("--device {}", args.device)))?;
    let key = match &args.key {
        Some(path) => open_key(path, &args.passphrase, lang)?,
        None if dir.join(SEED_FILE).exists() => DemoSeed::new(&files::read_text(&dir.join(SEED_FILE), 1_024)?).key(person.as_str()),
        None => return Err(Failure::malformed(lang.pick("--key: the archivist's key file", "请用 --key 指定档案员密钥文件"))),
    };
    let mut ledger = open_ledger(dir, checkpoint_keys(dir, &args.checkpoint_key, &args.passphrase, lang)?, lang)?;
    let repeated = log.records.iter().find(|record| ledger.state().is_record_used(&log.source, record.position));
    if let Some(record) = repeated {
        let found = format!("record {} of case {}", record.position, record.case);
        return Err(Failure::Refused(signer::Refusal::new(signer::Rule::RecordUsed, "a file of which no record was imported", found)));
    }
    record(&mut ledger, log, &Archivist { person, device, key }, &mut clock::now, lang)?;
    report(args, dir, log, &ledger, lang)
}

struct Archivist {
    person: PersonId,
    device: DeviceId,
    key: SecretKey,
}

/// Transcribes every record, batch by batch. A batch is committed whole or refused at its first record.
fn record(
    ledger: &mut Ledger<Folder>,
    log: &LegacyLog,
    archivist: &Archivist,
    clock: &mut dyn FnMut() -> UnixMs,
    lang: Lang,
) -> Result<(), Failure> {
    let mut progress = Progress::new(lang.pick("recording", "录入"));
    let mut heads = std::collections::HashMap::new();
    for (done, batch) in log.records.chunks(BATCH).enumerate() {
        let now = clock();
        let mut scribe = Scribe::new(ledger.state(), ledger.history(), ledger.id(), &archivist.device, clock::at_offset(now, 480))?;
        let mut texts = Vec::with_capacity(batch.len());
        for record in batch {
            let head = heads.get(&record.case).copied().or_else(|| ledger.state().case_head(&record.case).copied());
            let act = Act::Import(Import {
                case: record.case.clone(),
                head,
                source: log.source,
                record: record.position,
                recorded: record.recorded,
                activity: record.activity.clone(),
                actor: record.actor.clone(),
                group: record.group.clone(),
                lifecycle: record.lifecycle.clone(),
            });
            let statement = scribe.statement(&[(&archivist.person, "archivist")], act)?.encode();
            heads.insert(record.case.clone(), signer::statement::statement_hash(&statement));
            texts.push(statement);
        }
        let notes: Vec<Note> =
            texts.into_par_iter().map(|text| crate::scribe::sign(text, &[(&archivist.person, &archivist.key)])).collect();
        append(ledger, &notes, now)?;
        progress.at(((done + 1) * BATCH).min(log.records.len()) as u64, log.records.len() as u64);
    }
    progress.done();
    Ok(())
}

fn report(args: &XesArgs, dir: &Path, log: &LegacyLog, ledger: &Ledger<Folder>, lang: Lang) -> Result<ExitCode, Failure> {
    let distinct = |of: fn(&xes::LegacyRecord) -> &str| log.records.iter().map(of).collect::<std::collections::BTreeSet<_>>().len();
    let cases = distinct(|record| record.case.as_str());
    let (actors, activities) = (distinct(|record| record.actor.as_str()), distinct(|record| record.activity.as_str()));
    let events = log.records.len();
    if args.json {
        print(
            &json!({
                "ledger": ledger.id().as_str(), "dir": dir.display().to_string(), "cases": cases, "events": events, "actors": actors,
                "activities": activities, "entries": ledger.history().size(), "source": log.source.to_string(),
            })
            .to_string(),
        );
        return Ok(ExitCode::SUCCESS);
    }
    let (cases, events) = (thousands(cases as u64), thousands(events as u64));
    let first = log.records.first().map_or("CASE", |record| record.case.as_str());
    let place = dir.display();
    print(&match lang {
        Lang::En => format!(
            "recorded {events} events of {cases} cases ({actors} persons named, {activities} activities)\n\
             as {} entries of {}\n\
             The archivist vouches for the transcription; nobody named in the old records signed anything.\n\n\
             try   zeren audit {place} --policy {place}/trust-policy\n      zeren trace case {first} --dir {place} --policy {place}/trust-policy",
            thousands(ledger.history().size()),
            ledger.id()
        ),
        Lang::Zh => format!(
            "已录入 {cases} 个案件的 {events} 条记录（涉及经办人 {actors} 名、环节 {activities} 种）\n\
             账本 {}，共 {} 条\n\
             档案员仅对转录负责；原记录所列人员并未签名。\n\n\
             试试  zeren audit {place} --policy {place}/trust-policy\n      zeren trace case {first} --dir {place} --policy {place}/trust-policy",
            ledger.id(),
            thousands(ledger.history().size())
        ),
    });
    Ok(ExitCode::SUCCESS)
}
