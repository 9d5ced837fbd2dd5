//! What a cluster costs: concurrent signers whose statements a majority of servers holds before they are acknowledged, beside the same
//! alone, and beside bare 64 KiB messages to the same servers, one after another.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use ledger::block::Block;
use ledger::quorum::{Alone, Quorum};
use ledger::storage::Folder;
use ledger::{Ledger, Tip};
use serde_json::{Value, json};
use signer::note::note_hash;
use signer::value::{NodeName, Origin, UnixMs};
use tokio::sync::watch;

use super::append::submit_all;
use super::{Scratch, percentile_ms, prepare, valid};
use crate::archive::{Archive, DemoClock};
use crate::cluster::file::ClusterFile;
use crate::cluster::sequence::{Blocks, Sequencer, Signer, append_surely, epoch_block};
use crate::cluster::servers::Servers;
use crate::cluster::stream::{Appended, Stream};
use crate::command::cluster::cluster_failure;
use crate::command::print;
use crate::demo_keys::DemoSeed;
use crate::error::Failure;
use crate::lang::{Lang, thousands};
use crate::secret::{new_key, random};
use crate::writer::{Turn, Writer, read, share};

/// Bare messages that are timed.
const BARE_MESSAGES: u64 = 300;
/// Their length, in bytes.
const BARE_BYTES: usize = 65_536;

/// `zeren bench cluster`
#[derive(Args)]
pub struct ClusterArgs {
    /// The cluster file; the servers keep a small stream of each round, of invented ledgers
    #[arg(long, value_name = "FILE")]
    cluster: PathBuf,
    /// Concurrent signers
    #[arg(long, default_value_t = 64)]
    signers: usize,
    /// Statements of each signer, in each round
    #[arg(long, default_value_t = 500)]
    statements: u64,
    /// Rounds: alone and on the cluster in turn, since a machine is not the same from one second to the next
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// Statements that a signer submits at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    at_once: u16,
    /// Where to make the ledgers: the disk that is measured (default: the system's temporary folder)
    #[arg(long)]
    dir: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

/// Measures.
pub(super) fn run(args: &ClusterArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let file = ClusterFile::read(&args.cluster, lang)?;
    let scratch = Scratch::new(args.dir.as_deref())?;
    let threads = |source| Failure::File { path: "threads".to_owned(), source };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(threads)?;
    let servers = Servers::connect(&file, runtime.handle()).map_err(cluster_failure)?;
    let mut rounds = Vec::new();
    for round in 0..args.rounds {
        let dir = |what: &str| scratch.0.join(format!("{what}-{round}"));
        let alone = measure(args, &dir("alone"), |_| Ok(Box::new(Alone)))?;
        let held = measure(args, &dir("held"), |ledger| {
            Ok(Box::new(sequencer(ledger, &servers, file.replicas, &file.node())?) as Box<dyn Quorum + Send>)
        })?;
        rounds.push(Round { alone, held });
    }
    let bare = bare_rate(&scratch.0.join("bare"), &servers, file.replicas)?;
    let alone = median(rounds.iter().map(|round| round.alone.rate));
    let held = median(rounds.iter().map(|round| round.held.rate));
    let entry_bytes = median(rounds.iter().map(|round| round.held.entry_bytes));
    let limit = bare * (BARE_BYTES as f64 / entry_bytes);
    let ratios = || rounds.iter().map(|round| round.held.rate / round.alone.rate.min(limit));
    let mut latencies: Vec<Duration> = rounds.iter().flat_map(|round| &round.held.latencies).copied().collect();
    latencies.sort_unstable();
    let (name, version) = servers.server();
    let result = json!({
        "signers": args.signers, "statements": latencies.len(), "rounds": rounds.len(), "at_once": args.at_once, "replicas": file.replicas,
        "server": name, "server_version": version, "statements_per_second": held, "p50_ms": percentile_ms(&latencies, 50),
        "p99_ms": percentile_ms(&latencies, 99), "alone_statements_per_second": alone, "bare_messages_per_second": bare,
        "limit_statements_per_second": limit, "entry_bytes": entry_bytes, "ratio_lower": median(ratios()),
        "ratio_lower_least": ratios().fold(f64::INFINITY, f64::min), "ratio_lower_most": ratios().fold(0.0, f64::max),
    });
    print(&if args.json { result.to_string() } else { render(&result, lang) });
    Ok(ExitCode::SUCCESS)
}

struct Round {
    alone: Measured,
    held: Measured,
}

fn median(all: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = all.collect();
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

struct Measured {
    rate: f64,
    entry_bytes: f64,
    latencies: Vec<Duration>,
}

fn measure(
    args: &ClusterArgs,
    dir: &Path,
    quorum: impl FnOnce(&mut Ledger<Folder>) -> Result<Box<dyn Quorum + Send>, Failure>,
) -> Result<Measured, Failure> {
    let mut archive = archive(dir)?;
    let prepared = prepare(&mut archive, args.signers, args.statements)?;
    let Archive { mut ledger, .. } = archive;
    let quorum = quorum(&mut ledger)?;
    let first = ledger.history().size();
    let ledger = share(ledger);
    let (_, turn) = watch::channel(Turn::Ours);
    let (writer, thread) =
        Writer::start_after(Arc::clone(&ledger), || UnixMs(0), watch::Sender::new(0), turn, move |_| Ok(Some(quorum as Box<dyn Quorum>)));
    let start = Instant::now();
    let latencies = submit_all(&writer, prepared, args.at_once.into())?;
    let seconds = start.elapsed().as_secs_f64();
    drop(writer);
    thread.join().map_err(|_| Failure::malformed("the writer panicked"))??;
    let bytes = read(&ledger).entries(first, 256)?;
    let entry_bytes = bytes.iter().map(|entry| entry.len() + 2).sum::<usize>() as f64 / bytes.len().max(1) as f64;
    Ok(Measured { rate: latencies.len() as f64 / seconds, entry_bytes, latencies })
}

/// An archive of a name of its own: the servers may hold streams of earlier runs.
fn archive(dir: &Path) -> Result<Archive, Failure> {
    let run: String = random::<4>()?.iter().map(|byte| format!("{byte:02x}")).collect();
    let origin = valid(&format!("demo.bench-{run}.example/records"), Origin::parse)?;
    Archive::found(dir, &origin, DemoSeed::new("bench"), DemoClock::simulated())
}

fn sequencer(ledger: &mut Ledger<Folder>, servers: &Servers, replicas: usize, node: &NodeName) -> Result<Sequencer, Failure> {
    let stream = Stream::new(servers, ledger.id(), 1);
    stream.create(replicas).map_err(cluster_failure)?;
    stream.judge(replicas).map_err(cluster_failure)?;
    stream.approach_leader();
    let signer = Arc::new(Signer { node: node.clone(), key: new_key()? });
    let (_, stopping) = watch::channel(false);
    let epoch = ledger.next_epoch();
    let bytes = epoch_block(ledger, &Tip::start(1), &signer, ledger.state().received_last())?;
    append_surely(&stream, 1, &bytes, &stopping)?;
    let tip = ledger.follow(&Tip::start(1), &Block::parse(&bytes).map_err(Failure::Refused)?)?;
    Ok(Sequencer::new(stream, signer, epoch, tip, watch::Sender::new(Blocks::default()), stopping))
}

/// Bare messages a second, one after another, each held by the majority.
fn bare_rate(dir: &Path, servers: &Servers, replicas: usize) -> Result<f64, Failure> {
    let archive = archive(dir)?;
    let stream = Stream::new(servers, archive.ledger.id(), 1);
    stream.create(replicas).map_err(cluster_failure)?;
    let start = Instant::now();
    for number in 1..=BARE_MESSAGES {
        // No two are the same: the servers would take the second for the first, sent again.
        let message: Vec<u8> = number.to_be_bytes().into_iter().cycle().take(BARE_BYTES).collect();
        let appended = stream.append(number, &note_hash(&message), &message);
        if appended != Appended::Held {
            return Err(Failure::Remote { what: format!("cluster: {appended:?}") });
        }
    }
    Ok(BARE_MESSAGES as f64 / start.elapsed().as_secs_f64())
}

fn render(result: &Value, lang: Lang) -> String {
    let number = |key: &str| thousands(result[key].as_f64().unwrap_or(0.0) as u64);
    let float = |key: &str| result[key].as_f64().unwrap_or(0.0);
    let of = (number("statements"), &result["signers"], &result["rounds"], &result["at_once"], &result["replicas"]);
    let (statements, signers, rounds, at_once, replicas) = of;
    let (held, p50, p99) = (number("statements_per_second"), float("p50_ms"), float("p99_ms"));
    let (alone, bare, limit) =
        (number("alone_statements_per_second"), number("bare_messages_per_second"), number("limit_statements_per_second"));
    let (ratio, least, most) = (float("ratio_lower"), float("ratio_lower_least"), float("ratio_lower_most"));
    match lang {
        Lang::En => format!(
            "cluster {statements} statements by {signers} signers, {at_once} at once, in {rounds} rounds, each held by a majority of {replicas}: {held} receipts/s, waiting p50 {p50:.1} ms, p99 {p99:.1} ms\n        in turn with it alone: {alone} receipts/s; bare 64 KiB messages: {bare}/s, which would carry {limit} statements/s\n        ratio to the lower of both {ratio:.2} (rounds {least:.2} to {most:.2})"
        ),
        Lang::Zh => format!(
            "集群    {signers} 名签署人每次 {at_once} 份，{rounds} 轮共 {statements} 份，均经 {replicas} 副本多数保存：每秒 {held} 份回执，等待 p50 {p50:.1} 毫秒，p99 {p99:.1} 毫秒\n        与之交替的单机：每秒 {alone} 份；64 KiB 空载消息每秒 {bare} 条，折合每秒 {limit} 份\n        与两者较低者之比 {ratio:.2}（各轮 {least:.2} 至 {most:.2}）"
        ),
    }
}
