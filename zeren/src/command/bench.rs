//! `zeren bench`: what this machine does, beside the limits that it cannot exceed, in the same run.

mod append;
mod cluster;
mod procedure;
mod serve;
mod trace;
mod views;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use ledger::audit::{Question, Verdict, audit};
use ledger::entry::Entry;
use ledger::policy::Policy;
use ledger::segment::EntryReader;
use ledger::storage::Folder;
use rayon::prelude::*;
use serde_json::{Value, json};
use signer::act::{Act, Import};
use signer::value::{CaseId, DeviceId, Origin, PersonId, SourceDigest, Text, TimeMs, Unit, UnixMs};
use signer::{Note, SecretKey};

use super::audit::read_policy;
use super::print;
use crate::archive::{ARCHIVIST, ARCHIVIST_DEVICE, Archive, DemoClock};
use crate::clock::demo_time;
use crate::demo_keys::DemoSeed;
use crate::error::Failure;
use crate::files;
use crate::lang::{Lang, thousands};
use crate::scribe::{Scribe, append, sign};

/// Statements that are built and committed together.
const BATCH: u64 = 4_096;
/// Raw verifications that are timed.
const RAW_SIGNATURES: usize = 40_000;

/// What can be measured.
#[derive(Subcommand)]
pub enum Command {
    /// Audit of a ledger, beside raw verification of its signatures on all cores
    Audit(AuditArgs),
    /// Appending with concurrent signers, beside raw verification and two bare syncs a commit
    Append(append::AppendArgs),
    /// The same on a cluster, beside the same alone and bare messages
    Cluster(cluster::ClusterArgs),
    /// The whole service over HTTP, beside raw verification, and under hostile connections
    Serve(serve::ServeArgs),
    /// A programme's rules: admission beside the whole audit, and the daily index
    Procedure(procedure::ProcedureArgs),
    /// Folding a county's year into views, and how large they are
    Views(views::ViewsArgs),
    /// Tracing a payment from kept views: opening, and following it
    Trace(trace::TraceArgs),
}

/// `zeren bench audit`
#[derive(Args)]
pub struct AuditArgs {
    /// Statements of the ledger that is made for it
    #[arg(long, default_value_t = 100_000)]
    entries: u64,
    /// Audit this many more ledgers, each ten times as large, to show growth
    #[arg(long, default_value_t = 0)]
    growth: u32,
    /// Where to make it (default: the system's temporary folder)
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Measure a ledger that is there: how the command measures in a process of its own, whose memory holds nothing else
    #[arg(long, hide = true)]
    measure: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

/// Measures.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    match command {
        Command::Audit(args) => bench_audit(args, lang),
        Command::Append(args) => append::run(args, lang),
        Command::Cluster(args) => cluster::run(args, lang),
        Command::Serve(args) => serve::run(args, lang),
        Command::Procedure(args) => procedure::run(args, lang),
        Command::Views(args) => views::run(args, lang),
        Command::Trace(args) => trace::run(args, lang),
    }
}

/// A folder of its own that goes away with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(under: Option<&Path>) -> Result<Scratch, Failure> {
        let under = under.map_or_else(std::env::temp_dir, Path::to_owned);
        let path = under.join(format!("zeren-bench-{}", std::process::id()));
        fs::create_dir(&path).map_err(Failure::file(&path))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn bench_audit(args: &AuditArgs, lang: Lang) -> Result<ExitCode, Failure> {
    if let Some(scratch) = &args.measure {
        print(&measure_audit(&scratch.join("ledger"), &read_policy(&scratch.join("policy"))?)?.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    let mut all = Vec::new();
    for step in 0..=args.growth {
        let scratch = Scratch::new(args.dir.as_deref())?;
        let entries = args.entries.saturating_mul(10u64.saturating_pow(step));
        let policy = build(&scratch.0.join("ledger"), entries)?;
        files::write_new(&scratch.0.join("policy"), policy.as_bytes())?;
        let result = measure_elsewhere(&scratch.0)?;
        if !args.json {
            print(&render_audit(&result, lang));
        }
        all.push(result);
    }
    if args.json {
        print(&json!(all).to_string());
    }
    Ok(ExitCode::SUCCESS)
}

fn measure_elsewhere(scratch: &Path) -> Result<Value, Failure> {
    let program = std::env::current_exe().map_err(Failure::file(Path::new("zeren")))?;
    let output = Process::new(program)
        .args(["bench", "audit", "--measure"])
        .arg(scratch)
        .stderr(Stdio::inherit())
        .output()
        .map_err(Failure::file(scratch))?;
    serde_json::from_slice(&output.stdout).map_err(|_| Failure::malformed("the measuring process printed no result"))
}

/// A ledger of import statements, one signature each; gives its policy.
fn build(dir: &Path, entries: u64) -> Result<String, Failure> {
    let mut archive = demo_archive(dir)?;
    let key = archive.seed.key(ARCHIVIST);
    let person = valid(ARCHIVIST, PersonId::parse)?;
    let device = valid(ARCHIVIST_DEVICE, DeviceId::parse)?;
    let mut heads = std::collections::HashMap::new();
    let mut done = 0;
    while done < entries {
        let now = archive.clock.tick();
        let mut scribe = Scribe::new(archive.ledger.state(), archive.ledger.history(), archive.ledger.id(), &device, demo_time(now))?;
        let mut texts = Vec::new();
        for record in done..entries.min(done + BATCH) {
            let case = valid(&format!("case-{}", record / 8), CaseId::parse)?;
            let act = legacy(&case, heads.get(&case).copied(), record, now)?;
            let text = scribe.statement(&[(&person, "archivist")], act)?.encode();
            heads.insert(case, signer::statement::statement_hash(&text));
            texts.push(text);
        }
        done += texts.len() as u64;
        let notes: Vec<Note> = texts.into_par_iter().map(|text| sign(text, &[(&person, &key)])).collect();
        append(&mut archive.ledger, &notes, now)?;
    }
    archive.cosign()?;
    Ok(archive.policy())
}

fn demo_archive(dir: &Path) -> Result<Archive, Failure> {
    Archive::found(dir, &valid("demo.bench.example/records", Origin::parse)?, DemoSeed::new("bench"), DemoClock::simulated())
}

fn valid<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
    parse(text).ok_or_else(|| Failure::malformed(text.to_owned()))
}

fn legacy(case: &CaseId, head: Option<signer::value::StatementHash>, record: u64, now: UnixMs) -> Result<Act, Failure> {
    let text = |text: &str| valid(text, Text::parse);
    Ok(Act::Import(Import {
        case: case.clone(),
        head,
        source: SourceDigest([1; 32]),
        record,
        recorded: TimeMs { time: demo_time(now), millis: 0 },
        activity: text("Check confirmation of receipt")?,
        actor: text("Resource21")?,
        group: text("Group 1")?,
        lifecycle: text("complete")?,
    }))
}

fn measure_audit(dir: &Path, policy: &Policy) -> Result<Value, Failure> {
    let storage = Folder::open_to_read(dir).map_err(Failure::file(dir))?;
    let signed = signed_texts(&storage, RAW_SIGNATURES).map_err(Failure::file(dir))?;
    // Before and after, so that a machine whose speed drifts does not flatter either.
    let before = raw_rate(&signed);
    reset_peak_memory();
    let start = Instant::now();
    let report = audit(&Question { storage: &storage, policy: Some(policy), is_policy_inside: false, known: &[] }, &mut |_, _| {})?;
    let seconds = start.elapsed().as_secs_f64();
    let peak = peak_memory_bytes();
    let after = raw_rate(&signed);
    if report.verdict != Verdict::Holds {
        return Err(Failure::malformed("the ledger that was measured does not hold"));
    }
    let raw = (before + after) / 2.0;
    let rate = report.signatures as f64 / seconds;
    Ok(json!({
        "entries": report.entries, "signatures": report.signatures, "seconds": seconds, "signatures_per_second": rate,
        "raw_verify_strict_per_second": raw, "ratio": rate / raw, "peak_memory_bytes": peak, "peak_memory_bytes_per_entry": peak.map(|peak| peak / report.entries),
        "cores": rayon::current_num_threads(),
    }))
}

type Signed = (ed25519_dalek::VerifyingKey, Vec<u8>, ed25519_dalek::Signature);

/// Texts of the ledger with their signatures, for raw verification.
fn signed_texts(storage: &Folder, most: usize) -> std::io::Result<Vec<Signed>> {
    let seed = DemoSeed::new("bench");
    let mut reader = EntryReader::new(storage);
    let mut signed = Vec::new();
    while let Some(bytes) = reader.next_entry()? {
        signed.extend(Entry::parse(&bytes).ok().and_then(|entry| raw(entry.note, &seed)));
        if signed.len() == most {
            break;
        }
    }
    Ok(signed)
}

/// Signatures a second by `verify_strict` on all cores, and nothing else.
fn raw_rate(signed: &[Signed]) -> f64 {
    let start = Instant::now();
    let valid = signed.par_iter().filter(|(key, text, signature)| key.verify_strict(text, signature).is_ok()).count();
    assert_eq!(valid, signed.len(), "signatures of the ledger that was just made");
    signed.len() as f64 / start.elapsed().as_secs_f64()
}

fn reset_peak_memory() {
    // 5 resets the high-water mark (proc(5)); where it cannot, the peak of the whole run is shown.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn peak_memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn render_audit(result: &Value, lang: Lang) -> String {
    let number = |key: &str| thousands(result[key].as_f64().unwrap_or(0.0) as u64);
    let (ratio, seconds) = (result["ratio"].as_f64().unwrap_or(0.0), result["seconds"].as_f64().unwrap_or(0.0));
    let mib = result["peak_memory_bytes"].as_u64().unwrap_or(0) >> 20;
    match lang {
        Lang::En => format!(
            "audit   {} entries in {seconds:.2} s\n        {} signatures/s audited, {} signatures/s raw verify_strict on {} cores: ratio {ratio:.2}\n        peak memory {mib} MiB, {} bytes an entry",
            number("entries"),
            number("signatures_per_second"),
            number("raw_verify_strict_per_second"),
            result["cores"],
            number("peak_memory_bytes_per_entry")
        ),
        Lang::Zh => format!(
            "审计    {} 条，用时 {seconds:.2} 秒\n        审计每秒 {} 个签名；{} 核单纯验签每秒 {} 个；比值 {ratio:.2}\n        内存峰值 {mib} MiB，每条 {} 字节",
            number("entries"),
            number("signatures_per_second"),
            result["cores"],
            number("raw_verify_strict_per_second"),
            number("peak_memory_bytes_per_entry")
        ),
    }
}

/// Signs in advance what each signer will submit: records of an own case, on an own device.
fn prepare(archive: &mut Archive, signers: usize, statements: u64) -> Result<Vec<Vec<Vec<u8>>>, Failure> {
    let devices: Result<Vec<DeviceId>, Failure> = (0..signers).map(|n| valid(&format!("bench-{n}"), DeviceId::parse)).collect();
    let devices = devices?;
    for device in &devices {
        archive.founders_act(Act::Device { enrols: device.clone(), unit: valid("00", Unit::parse)? })?;
    }
    let now = archive.clock.tick();
    let key = archive.seed.key(ARCHIVIST);
    let person = valid(ARCHIVIST, PersonId::parse)?;
    let archive = &*archive;
    devices.par_iter().enumerate().map(|(n, device)| prepare_one(archive, device, n as u64, statements, now, &person, &key)).collect()
}

fn prepare_one(
    archive: &Archive,
    device: &DeviceId,
    n: u64,
    count: u64,
    now: UnixMs,
    person: &PersonId,
    key: &SecretKey,
) -> Result<Vec<Vec<u8>>, Failure> {
    let ledger = &archive.ledger;
    let mut scribe = Scribe::new(ledger.state(), ledger.history(), ledger.id(), device, demo_time(now))?;
    let case = valid(&format!("case-{n}"), CaseId::parse)?;
    let mut head = None;
    let mut notes = Vec::new();
    for record in n * count..(n + 1) * count {
        let text = scribe.statement(&[(person, "archivist")], legacy(&case, head, record, now)?)?.encode();
        head = Some(signer::statement::statement_hash(&text));
        notes.push(sign(text, &[(person, key)]).encode().into_bytes());
    }
    Ok(notes)
}

fn raw(note: &[u8], seed: &DemoSeed) -> Option<Signed> {
    let note = Note::parse(note).ok().filter(|note| note.signatures[0].name == ARCHIVIST)?;
    let signature = ed25519_dalek::Signature::from_bytes(&note.signatures[0].signature()?.0);
    let key = ed25519_dalek::VerifyingKey::from_bytes(&seed.key(ARCHIVIST).public().bytes().0).ok()?;
    Some((key, note.text.into_bytes(), signature))
}

/// A percentile of sorted waiting times, in milliseconds.
fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).map_or(0.0, |waited| waited.as_secs_f64() * 1e3)
}
