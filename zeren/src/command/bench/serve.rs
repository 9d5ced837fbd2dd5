//! What the whole service does: statements over HTTP with their receipts, beside raw verification; and what is left of it while a
//! thousand others hold connections open to do harm. The load runs in the same process and shares its cores.

mod hostile;
mod load;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use self::hostile::Attack;
use self::load::{Body, Round};
use super::{RAW_SIGNATURES, Scratch, Signed, demo_archive, peak_memory_bytes, percentile_ms, prepare, raw, raw_rate, reset_peak_memory};
use crate::archive::Archive;
use crate::cluster::owed::Owed;
use crate::command::print;
use crate::error::Failure;
use crate::lang::{Lang, thousands};
use crate::service::{self, Ended, Options};

/// Threads of the load; the rest of the cores is the service's.
const LOAD_THREADS: usize = 1;
/// Rounds of statements: quiet, under attack, quiet again, so that a machine whose speed drifts does not flatter.
const ROUNDS: usize = 3;
/// Time that a round may take.
const ROUND_TIME: Duration = Duration::from_secs(300);
/// Descriptors of everything that is no connection.
const DESCRIPTORS_BESIDE: u64 = 256;
/// Requests of one person a second: no limit that would be met.
const UNLIMITED: u32 = u32::MAX;

/// `zeren bench serve`
#[derive(Args)]
pub struct ServeArgs {
    /// Connections that submit statements
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// Statements of each connection in each of three rounds
    #[arg(long, default_value_t = 1_536, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    statements: u32,
    /// Statements of one request; 1 sends each by itself, as text
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    at_once: u16,
    /// Hostile connections of the second round
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(0..=1_500))]
    hostile: u16,
    /// Where to make the ledger: the disk that is measured (default: the system's temporary folder)
    #[arg(long)]
    dir: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ServeArgs, lang: Lang) -> Result<ExitCode, Failure> {
    allow_descriptors(args, lang)?;
    let scratch = Scratch::new(args.dir.as_deref())?;
    let dir = scratch.0.join("ledger");
    let mut archive = demo_archive(&dir)?;
    let prepared = prepare(&mut archive, args.connections.into(), u64::from(args.statements) * ROUNDS as u64)?;
    let signed: Vec<Signed> = prepared.iter().flatten().filter_map(|note| raw(note, &archive.seed)).take(RAW_SIGNATURES).collect();
    let rounds = bodies(&prepared, args);
    drop(prepared);
    let before = raw_rate(&signed);
    let options = Options {
        folder: scratch.0.join("service"),
        witnesses: Vec::new(),
        witness_every: Duration::from_secs(60),
        is_behind_proxy: false,
        has_public_entries: false,
        person_rate: (UNLIMITED, UNLIMITED),
        stranger_rate: (UNLIMITED, UNLIMITED),
        reserve_bytes: 0,
        node: None,
        owed: Owed::default(),
        counties: None,
    };
    let Archive { ledger, .. } = archive;
    let (serving, loading) =
        (runtime(&mut Builder::new_multi_thread())?, runtime(Builder::new_multi_thread().worker_threads(LOAD_THREADS))?);
    let system = |source| Failure::File { path: "127.0.0.1".to_owned(), source };
    let listening = serving.block_on(TcpListener::bind("127.0.0.1:0")).map_err(system)?;
    let address = listening.local_addr().map_err(system)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let service = serving.spawn(async move {
        let stopped = async { _ = stopped.await };
        service::serve(ledger, &dir, options, listening, stopped, lang).await
    });
    let measured = loading.block_on(measure(address, rounds, args.hostile));
    drop(stop);
    let ended = serving.block_on(service).map_err(|_| Failure::malformed("the service panicked"))?;
    let (measured, ended) = (measured?, ended?);
    if !matches!(ended, Ended::Stopped) {
        return Err(Failure::malformed("the service ended by itself"));
    }
    let raw = f64::midpoint(before, raw_rate(&signed));
    let result = summed_up(args, &measured, raw);
    print(&if args.json { result.to_string() } else { render(&result, lang) });
    Ok(ExitCode::SUCCESS)
}

fn runtime(builder: &mut Builder) -> Result<Runtime, Failure> {
    builder.enable_all().build().map_err(|error| Failure::malformed(error.to_string()))
}

/// Lets this process open both ends of every connection.
fn allow_descriptors(args: &ServeArgs, lang: Lang) -> Result<(), Failure> {
    let needed = 2 * (u64::from(args.connections) + u64::from(args.hostile)) + DESCRIPTORS_BESIDE;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    limit.current = Some(needed);
    setrlimit(Resource::Nofile, limit).map_err(|error| {
        let most = limit.maximum.map_or_else(|| "?".to_owned(), |most| most.to_string());
        Failure::malformed(match lang {
            Lang::En => format!(
                "both ends of every connection are in this process: expected {needed} open descriptors, found at most {most} ({error}); raise `ulimit -Hn`, or ask for fewer with --hostile and --connections"
            ),
            Lang::Zh => format!(
                "每条连接的两端都在本进程内：需要 {needed} 个文件描述符，系统最多允许 {most} 个（{error}）；请提高 ulimit -Hn，或用 --hostile、--connections 减少连接数"
            ),
        })
    })
}

/// What each connection sends in each round.
fn bodies(prepared: &[Vec<Vec<u8>>], args: &ServeArgs) -> Vec<Vec<Vec<Body>>> {
    let each = args.statements as usize;
    let of_one = |notes: &[Vec<u8>]| notes.chunks(args.at_once.into()).map(Body::of).collect();
    (0..ROUNDS).map(|round| prepared.iter().map(|notes| of_one(&notes[round * each..(round + 1) * each])).collect()).collect()
}

/// A round with how much memory the process, load included, took at most.
struct Measured {
    round: Round,
    peak_memory_bytes: Option<u64>,
    /// Hostile connections that were opened, again and again as the service closed them.
    opened: u64,
}

async fn measure(address: SocketAddr, rounds: Vec<Vec<Vec<Body>>>, hostile: u16) -> Result<Vec<Measured>, Failure> {
    let (before, mut sent) = (load::size(address).await?, 0);
    let mut measured = Vec::new();
    for (n, bodies) in rounds.into_iter().enumerate() {
        let attack = if n == 1 { Attack::begin(address, hostile.into()).await? } else { Attack::none() };
        reset_peak_memory();
        let round = tokio::time::timeout(ROUND_TIME, load::submit(address, bodies)).await;
        let round = round.map_err(|_| Failure::malformed(format!("a round was not over after {} s", ROUND_TIME.as_secs())))??;
        sent += round.statements;
        measured.push(Measured { round, peak_memory_bytes: peak_memory_bytes(), opened: attack.opened() });
    }
    let grown = load::size(address).await? - before;
    if grown != sent {
        return Err(Failure::malformed(format!("{sent} receipts, but the record grew by {grown} entries")));
    }
    Ok(measured)
}

fn summed_up(args: &ServeArgs, measured: &[Measured], raw: f64) -> Value {
    let rate = |at: usize| measured.get(at).map_or(0.0, |measured| measured.round.rate());
    let quiet = f64::midpoint(rate(0), rate(2));
    let rounds = measured.iter().map(|Measured { round, peak_memory_bytes, opened }| {
        json!({
            "seconds": round.seconds, "statements_per_second": round.rate(), "p50_ms": percentile_ms(&round.waited, 50),
            "p99_ms": percentile_ms(&round.waited, 99), "peak_memory_bytes": peak_memory_bytes, "hostile_opened": opened,
        })
    });
    json!({
        "connections": args.connections, "statements": u64::from(args.statements) * u64::from(args.connections), "at_once": args.at_once,
        "raw_verify_strict_per_second": raw, "cores": rayon::current_num_threads(), "statements_per_second": quiet, "ratio": quiet / raw,
        "hostile": args.hostile, "loss_percent": (1.0 - rate(1) / quiet) * 100.0, "rounds": rounds.collect::<Vec<_>>(),
    })
}

fn render(result: &Value, lang: Lang) -> String {
    let number = |key: &str| thousands(result[key].as_f64().unwrap_or(0.0) as u64);
    let float = |key: &str| result[key].as_f64().unwrap_or(0.0);
    let (ratio, loss) = (float("ratio"), float("loss_percent"));
    let (connections, at_once, cores, hostile) = (&result["connections"], &result["at_once"], &result["cores"], number("hostile"));
    let names = [lang.pick("quiet", "平时"), lang.pick("under attack", "受攻击时"), lang.pick("quiet again", "再次平时")];
    let rounds = result["rounds"].as_array().into_iter().flatten().zip(names).map(|(round, name)| {
        let float = |key: &str| round[key].as_f64().unwrap_or(0.0);
        let (rate, mib) = (thousands(float("statements_per_second") as u64), round["peak_memory_bytes"].as_u64().unwrap_or(0) >> 20);
        let (p50, p99) = (float("p50_ms"), float("p99_ms"));
        match lang {
            Lang::En => format!(
                "        {name}: {rate} receipts/s, a request p50 {p50:.1} ms, p99 {p99:.1} ms; peak memory with the load {mib} MiB"
            ),
            Lang::Zh => {
                format!("        {name}：每秒 {rate} 份回执，每次请求 p50 {p50:.1} 毫秒，p99 {p99:.1} 毫秒；内存峰值（含压测端）{mib} MiB")
            }
        }
    });
    let rounds = rounds.collect::<Vec<_>>().join("\n");
    let (statements, rate, raw) = (number("statements"), number("statements_per_second"), number("raw_verify_strict_per_second"));
    match lang {
        Lang::En => format!(
            "serve   {statements} statements a round over {connections} connections, {at_once} a request\n{rounds}\n        {rate} receipts/s, {raw} verify_strict/s on {cores} cores in this run: ratio {ratio:.2}\n        {hostile} hostile connections cost {loss:.1} %"
        ),
        Lang::Zh => format!(
            "服务    每轮 {statements} 份，{connections} 条连接，每次请求 {at_once} 份\n{rounds}\n        每秒 {rate} 份回执；本次 {cores} 核单纯验签每秒 {raw} 个；比值 {ratio:.2}\n        {hostile} 条恶意连接使处理量下降 {loss:.1} %"
        ),
    }
}
