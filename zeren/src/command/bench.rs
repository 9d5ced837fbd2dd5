//! `zeren bench`: what this machine does, beside the limits that it cannot exceed, in the same run.

mod procedure;
mod trace;
mod views;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use ledger::Answer;
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
use tokio::sync::watch;

use super::audit::read_policy;
use super::print;
use crate::archive::{ARCHIVIST, ARCHIVIST_DEVICE, Archive, DemoClock};
use crate::clock::demo_time;
use crate::demo_keys::DemoSeed;
use crate::error::Failure;
use crate::files;
use crate::lang::{Lang, thousands};
use crate::scribe::{Scribe, append, sign};
use crate::writer::{Writer, read, share};

/// Statements that are built and committed together.
const BATCH: u64 = 4_096;
/// Threads on which the signers of `bench append` wait.
const SIGNER_THREADS: usize = 1;
/// Raw verifications that are timed.
const RAW_SIGNATURES: usize = 40_000;
/// Rounds of bare syncing that are timed.
const SYNC_ROUNDS: u32 = 200;

/// What can be measured.
#[derive(Subcommand)]
pub enum Command {
    /// Audit of a ledger, beside raw verification of its signatures on all cores
    Audit(AuditArgs),
    /// Appending with concurrent signers, beside raw verification and two bare syncs a commit
    Append(AppendArgs),
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

/// `zeren bench append`
#[derive(Args)]
pub struct AppendArgs {
    /// Concurrent signers
    #[arg(long, default_value_t = 64)]
    signers: usize,
    /// Statements of each signer
    #[arg(long, default_value_t = 1500)]
    statements: u64,
    /// Where to make the ledger: the disk that is measured (default: the system's temporary folder)
    #[arg(long)]
    dir: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

/// Measures.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    match command {
        Command::Audit(args) => bench_audit(args, lang),
        Command::Append(args) => bench_append(args, lang),
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

fn bench_append(args: &AppendArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let scratch = Scratch::new(args.dir.as_deref())?;
    let mut archive = demo_archive(&scratch.0.join("ledger"))?;
    let prepared = prepare(&mut archive, args)?;
    let signed: Vec<Signed> = prepared.iter().flatten().filter_map(|bytes| raw(bytes, &archive.seed)).take(RAW_SIGNATURES).collect();
    let syncs = sync_rounds_per_second(&scratch.0).map_err(Failure::file(&scratch.0))?;
    let verifications = raw_rate(&signed);
    let Archive { ledger, .. } = archive;
    let ledger = share(ledger);
    let (writer, thread) = Writer::start(Arc::clone(&ledger), || UnixMs(0), watch::Sender::new(0));
    let start = Instant::now();
    let latencies = submit_all(&writer, prepared)?;
    let seconds = start.elapsed().as_secs_f64();
    drop(writer);
    thread.join().map_err(|_| Failure::malformed("the writer panicked"))??;
    let syncs_after = sync_rounds_per_second(&scratch.0).map_err(Failure::file(&scratch.0))?;
    let statements = latencies.len() as u64;
    let rate = statements as f64 / seconds;
    let syncs = (syncs + syncs_after) / 2.0;
    let limit = (syncs * args.signers as f64).min(verifications);
    let percentile = |p: usize| latencies[(latencies.len() * p / 100).min(latencies.len() - 1)].as_secs_f64() * 1000.0;
    let result = json!({
        "signers": args.signers, "statements": statements, "entries": read(&ledger).history().size(), "seconds": seconds, "statements_per_second": rate,
        "double_fdatasync_per_second": syncs, "raw_verify_strict_per_second": verifications, "limit_per_second": limit, "ratio": rate / limit,
        "p50_ms": percentile(50), "p99_ms": percentile(99),
    });
    print(&if args.json { result.to_string() } else { render_append(&result, lang) });
    Ok(ExitCode::SUCCESS)
}

/// Signs in advance what each signer will submit: records of an own case, on an own device.
fn prepare(archive: &mut Archive, args: &AppendArgs) -> Result<Vec<Vec<Vec<u8>>>, Failure> {
    let devices: Result<Vec<DeviceId>, Failure> = (0..args.signers).map(|n| valid(&format!("bench-{n}"), DeviceId::parse)).collect();
    let devices = devices?;
    for device in &devices {
        archive.founders_act(Act::Device { enrols: device.clone(), unit: valid("00", Unit::parse)? })?;
    }
    let now = archive.clock.tick();
    let key = archive.seed.key(ARCHIVIST);
    let person = valid(ARCHIVIST, PersonId::parse)?;
    let archive = &*archive;
    devices.par_iter().enumerate().map(|(n, device)| prepare_one(archive, device, n as u64, args.statements, now, &person, &key)).collect()
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

/// Each signer, a task, submits one statement after another and waits for each receipt. Gives the waiting times, sorted.
fn submit_all(writer: &Writer, prepared: Vec<Vec<Vec<u8>>>) -> Result<Vec<Duration>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(SIGNER_THREADS).build();
    let runtime = runtime.map_err(|error| Failure::malformed(error.to_string()))?;
    let signers: Vec<_> = prepared.into_iter().map(|notes| runtime.spawn(submit_each(writer.clone(), notes))).collect();
    let mut all = Vec::new();
    for signer in signers {
        all.extend(runtime.block_on(signer).map_err(|_| Failure::malformed("a signer panicked"))??);
    }
    all.sort_unstable();
    Ok(all)
}

async fn submit_each(writer: Writer, notes: Vec<Vec<u8>>) -> Result<Vec<Duration>, Failure> {
    let mut waited = Vec::with_capacity(notes.len());
    for note in notes {
        let start = Instant::now();
        match writer.submit(note).await {
            Ok(Answer::Recorded { .. }) => waited.push(start.elapsed()),
            Ok(Answer::Refused { refusal, .. }) => return Err(Failure::Refused(refusal)),
            Err(error) => return Err(Failure::malformed(error.to_string())),
        }
    }
    Ok(waited)
}

/// Rounds a second of: write a batch's worth, sync, write a slot, sync; on files that do not grow.
fn sync_rounds_per_second(dir: &Path) -> std::io::Result<f64> {
    let open = |name: &str| OpenOptions::new().create(true).truncate(false).write(true).open(dir.join(name));
    let (segment, slot) = (open("bare-segment")?, open("bare-slot")?);
    segment.write_all_at(&vec![0; 1 << 20], 0)?;
    slot.write_all_at(&[0; 8_192], 0)?;
    segment.sync_all()?;
    slot.sync_all()?;
    let start = Instant::now();
    for round in 0..SYNC_ROUNDS {
        segment.write_all_at(&[round as u8; 4_096], u64::from(round % 256) * 4_096)?;
        segment.sync_data()?;
        slot.write_all_at(&[round as u8; 8_192], 0)?;
        slot.sync_data()?;
    }
    Ok(f64::from(SYNC_ROUNDS) / start.elapsed().as_secs_f64())
}

fn render_append(result: &Value, lang: Lang) -> String {
    let number = |key: &str| thousands(result[key].as_f64().unwrap_or(0.0) as u64);
    let float = |key: &str| result[key].as_f64().unwrap_or(0.0);
    match lang {
        Lang::En => format!(
            "append  {} statements by {} signers in {:.2} s: {} receipts/s, waiting p50 {:.1} ms, p99 {:.1} ms\n        limits in this run: {} bare double fdatasync/s × {} signers, {} verify_strict/s on all cores\n        ratio to the lower limit {:.2}",
            number("statements"),
            result["signers"],
            float("seconds"),
            number("statements_per_second"),
            float("p50_ms"),
            float("p99_ms"),
            number("double_fdatasync_per_second"),
            result["signers"],
            number("raw_verify_strict_per_second"),
            float("ratio")
        ),
        Lang::Zh => format!(
            "入账    {} 名签署人共 {} 份，用时 {:.2} 秒：每秒 {} 份回执，等待 p50 {:.1} 毫秒，p99 {:.1} 毫秒\n        本次上限：双次 fdatasync 每秒 {} 轮 × {} 人；全部核心验签每秒 {} 个\n        与较低上限之比 {:.2}",
            result["signers"],
            number("statements"),
            float("seconds"),
            number("statements_per_second"),
            float("p50_ms"),
            float("p99_ms"),
            number("double_fdatasync_per_second"),
            result["signers"],
            number("raw_verify_strict_per_second"),
            float("ratio")
        ),
    }
}
