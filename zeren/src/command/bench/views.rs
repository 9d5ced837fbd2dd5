//! What views cost: folding a county's year into rows, and how large the rows are.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use ledger::check::Verified;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::follow::BATCH_ENTRIES;
use projector::views::{Views, fold};
use projector::{AdmittedEntry, AdmittedLog as _, Cursor, MemoryRows, Projection, ProjectorError, Rows};
use serde_json::{Value, json};
use signer::Refusal;
use signer::value::UnixMs;

use super::Scratch;
use crate::command::print;
use crate::county::{self, Large, Profile};
use crate::demo_keys::DemoSeed;
use crate::error::Failure;
use crate::lang::{Lang, thousands};

/// Times that each is done; the best counts, since others use the machine as well.
const ROUNDS: usize = 5;

/// `zeren bench views`
#[derive(Args)]
pub struct ViewsArgs {
    /// Size of the invented county whose year is folded
    #[arg(long, value_enum, default_value = "s")]
    profile: Profile,
    /// Where to make the ledger (default: the system's temporary folder)
    #[arg(long)]
    dir: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ViewsArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let scratch = Scratch::new(args.dir.as_deref())?;
    let dir = scratch.0.join("ledger");
    let mut county = county::found(&dir, DemoSeed::new("bench"), args.profile, Large::default())?;
    county::live_a_year(&mut county, &mut |_, _| Ok(()))?;
    drop(county);
    let log = Snapshot::open(Folder::open_to_read(&dir).map_err(Failure::file(&dir))?, &mut |_| {})?;
    let mut entries: Vec<(Verified, UnixMs, Vec<Refusal>)> = Vec::new();
    log.admitted(0, &mut |entry| {
        entries.push((entry.verified.clone(), entry.received, entry.warnings.to_vec()));
        ControlFlow::Continue(())
    })?;
    let failed = |error: ProjectorError| Failure::Views(error.to_string());
    let (mut best, mut rows) = (f64::MAX, MemoryRows::default());
    for _ in 0..ROUNDS {
        rows = MemoryRows::default();
        let start = Instant::now();
        fold_all(&log, &entries, &mut rows).map_err(failed)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    let size = projector::store::size(&rows).map_err(failed)?;
    let start = Instant::now();
    drop(Projection::open(&scratch.0.join("views"), &log, &mut |_| {}).map_err(failed)?);
    let stored = start.elapsed().as_secs_f64();
    let count = entries.len() as f64;
    let result = json!({
        "entries": entries.len(), "seconds": best, "entries_per_second": count / best,
        "rows": size.rows, "bytes": size.bytes, "rows_per_entry": size.rows as f64 / count, "bytes_per_entry": size.bytes as f64 / count,
        "row_bytes_max": size.row_bytes_max, "store_seconds": stored, "stored_entries_per_second": count / stored,
    });
    print(&if args.json { result.to_string() } else { render(&result, lang) });
    Ok(ExitCode::SUCCESS)
}

/// Folds what was verified before, in batches as a store is followed.
fn fold_all(log: &Snapshot<Folder>, entries: &[(Verified, UnixMs, Vec<Refusal>)], rows: &mut MemoryRows) -> Result<(), ProjectorError> {
    let mut views = Views::of(rows)?;
    for (index, (verified, received, warnings)) in (0..).zip(entries) {
        fold(&mut views, rows, &AdmittedEntry { index, received: *received, verified, warnings })?;
        if views.pending() >= BATCH_ENTRIES || views.next() == log.size() {
            let size = views.next();
            let root = log.root_at(size).ok_or(ProjectorError::NotShown { entry: size })?;
            rows.commit(views.take_changes(), Cursor { ledger: log.id().clone(), size, root })?;
        }
    }
    Ok(())
}

fn render(result: &Value, lang: Lang) -> String {
    let float = |key: &str| result[key].as_f64().unwrap_or(0.0);
    let count = |key: &str| thousands(float(key) as u64);
    match lang {
        Lang::En => format!(
            "views   {} verified entries folded in {:.1} ms: {} entries/s\n        {} rows, {:.1} an entry; {} bytes, {:.0} an entry; the longest row {} bytes\n        read again, folded and kept in a store: {:.2} s, {} entries/s",
            count("entries"),
            float("seconds") * 1e3,
            count("entries_per_second"),
            count("rows"),
            float("rows_per_entry"),
            count("bytes"),
            float("bytes_per_entry"),
            count("row_bytes_max"),
            float("store_seconds"),
            count("stored_entries_per_second"),
        ),
        Lang::Zh => format!(
            "视图    已核验的 {} 条，推演用时 {:.1} 毫秒：每秒 {} 条\n        共 {} 行，每条 {:.1} 行；{} 字节，每条 {:.0} 字节；最长一行 {} 字节\n        重新读取、推演并存盘：{:.2} 秒，每秒 {} 条",
            count("entries"),
            float("seconds") * 1e3,
            count("entries_per_second"),
            count("rows"),
            float("rows_per_entry"),
            count("bytes"),
            float("bytes_per_entry"),
            count("row_bytes_max"),
            float("store_seconds"),
            count("stored_entries_per_second"),
        ),
    }
}
