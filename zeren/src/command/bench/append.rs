//! What appending costs: concurrent signers, beside raw verification and two bare syncs a commit.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use ledger::Answer;
use serde_json::{Value, json};
use signer::value::UnixMs;
use tokio::sync::watch;

use super::{RAW_SIGNATURES, Scratch, Signed, demo_archive, percentile_ms, prepare, raw, raw_rate};
use crate::archive::Archive;
use crate::command::print;
use crate::error::Failure;
use crate::lang::{Lang, thousands};
use crate::writer::{Writer, read, share};

/// Threads on which the signers of `bench append` wait.
const SIGNER_THREADS: usize = 1;
/// Rounds of bare syncing that are timed.
const SYNC_ROUNDS: u32 = 200;

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

pub(super) fn run(args: &AppendArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let scratch = Scratch::new(args.dir.as_deref())?;
    let mut archive = demo_archive(&scratch.0.join("ledger"))?;
    let prepared = prepare(&mut archive, args.signers, args.statements)?;
    let signed: Vec<Signed> = prepared.iter().flatten().filter_map(|bytes| raw(bytes, &archive.seed)).take(RAW_SIGNATURES).collect();
    let syncs = sync_rounds_per_second(&scratch.0).map_err(Failure::file(&scratch.0))?;
    let verifications = raw_rate(&signed);
    let Archive { ledger, .. } = archive;
    let ledger = share(ledger);
    let (writer, thread) = Writer::start(Arc::clone(&ledger), || UnixMs(0), watch::Sender::new(0));
    let start = Instant::now();
    let latencies = submit_all(&writer, prepared, 1)?;
    let seconds = start.elapsed().as_secs_f64();
    drop(writer);
    thread.join().map_err(|_| Failure::malformed("the writer panicked"))??;
    let syncs_after = sync_rounds_per_second(&scratch.0).map_err(Failure::file(&scratch.0))?;
    let statements = latencies.len() as u64;
    let rate = statements as f64 / seconds;
    let syncs = (syncs + syncs_after) / 2.0;
    let limit = (syncs * args.signers as f64).min(verifications);
    let result = json!({
        "signers": args.signers, "statements": statements, "entries": read(&ledger).history().size(), "seconds": seconds, "statements_per_second": rate,
        "double_fdatasync_per_second": syncs, "raw_verify_strict_per_second": verifications, "limit_per_second": limit, "ratio": rate / limit,
        "p50_ms": percentile_ms(&latencies, 50), "p99_ms": percentile_ms(&latencies, 99),
    });
    print(&if args.json { result.to_string() } else { render_append(&result, lang) });
    Ok(ExitCode::SUCCESS)
}

/// Each signer, a task, submits so many statements at once, and the next when it has their receipts. Gives the waiting time of each
/// statement, sorted.
pub(super) fn submit_all(writer: &Writer, prepared: Vec<Vec<Vec<u8>>>, at_once: usize) -> Result<Vec<Duration>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(SIGNER_THREADS).build();
    let runtime = runtime.map_err(|error| Failure::malformed(error.to_string()))?;
    let signers: Vec<_> = prepared.into_iter().map(|notes| runtime.spawn(submit_each(writer.clone(), notes, at_once))).collect();
    let mut all = Vec::new();
    for signer in signers {
        all.extend(runtime.block_on(signer).map_err(|_| Failure::malformed("a signer panicked"))??);
    }
    all.sort_unstable();
    Ok(all)
}

async fn submit_each(writer: Writer, mut notes: Vec<Vec<u8>>, at_once: usize) -> Result<Vec<Duration>, Failure> {
    let mut waited = Vec::with_capacity(notes.len());
    while !notes.is_empty() {
        let some = notes.drain(..at_once.clamp(1, notes.len())).collect();
        let start = Instant::now();
        for answer in writer.submit_all(some).await.map_err(|error| Failure::malformed(error.to_string()))? {
            match answer {
                Answer::Recorded { .. } => waited.push(start.elapsed()),
                Answer::Refused { refusal, .. } => return Err(Failure::Refused(refusal)),
            }
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
