//! The service: one process that owns a ledger's folder and answers over HTTP (docs/decisions/0015).

mod access;
mod allowance;
mod answers;
pub mod clock;
mod desk;
mod drafts;
mod events;
mod gate;
pub mod kept;
mod large;
mod metrics;
mod openapi;
mod programme;
mod proofs;
mod reader;
mod record;
mod refusals;
mod routes;
mod statements;
pub mod views;
mod witnesses;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ledger::quorum::Quorum;
use ledger::storage::Folder;
use ledger::{Ledger, LedgerError};
use serde_json::json;
use signer::value::UnixMs;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;

use self::access::AccessLog;
use self::clock::ServiceClock;
use self::drafts::Drafts;
use self::events::Streams;
use self::gate::Gate;
use self::large::Large;
use self::metrics::Metrics;
use self::views::Views;
use self::witnesses::{Asking, Witnesses};
use crate::cluster::counties::{Counties, Standings};
use crate::cluster::node::{Around, Heard, Node};
use crate::cluster::owed::Owed;
use crate::error::Failure;
use crate::http::listener;
use crate::http::problem::Problem;
use crate::http::rate::Rates;
use crate::lang::Lang;
use crate::remote::witness::Asked;
use crate::screen::log;
use crate::writer::{self, Shared, Turn, Writer};

/// Statements and readings of one person at once, and a second after that.
pub const PERSON_BURST: u32 = 2_000;
/// The same a second.
pub const PERSON_A_SECOND: u32 = 20;
/// Notes of one address that do not verify and requests without a good token, at once, and a second after that.
pub const STRANGER_BURST: u32 = 200;
/// The same a second.
pub const STRANGER_A_SECOND: u32 = 2;
/// Notes of one address that were recorded before, at once: whoever lost the answer to a long upload sends it again.
pub const REPEATED_BURST: u32 = 20_000;
/// The same a second.
pub const REPEATED_A_SECOND: u32 = 200;
/// Room on the disk that is kept for the record, in MiB.
pub const RESERVE_MIB: u64 = 256;

/// What is asked for when a service is started.
pub struct Options {
    /// Views, drafts and the access log lie here; never in the ledger's folder.
    pub folder: PathBuf,
    /// The witnesses that are asked, and how long at least between two askings.
    pub witnesses: Vec<Asked>,
    /// The time between.
    pub witness_every: Duration,
    /// Whether loopback is a proxy that says for whom it asks.
    pub is_behind_proxy: bool,
    /// Whether `/tile/entries` is for everybody.
    pub has_public_entries: bool,
    /// Statements and readings of one person at once, and a second after that.
    pub person_rate: (u32, u32),
    /// Requests without a good token, and notes that do not verify, of one address at once, and a second after that.
    pub stranger_rate: (u32, u32),
    /// The last of the disk, which neither drafts nor the access log take, in bytes: it is the record's.
    pub reserve_bytes: u64,
    /// The cluster that the ledger runs on, if it does.
    pub node: Option<Node>,
    /// What a node's record must hold before it sequences, as far as it is known already.
    pub owed: Owed,
    /// Counties whose ledgers this one anchors.
    pub counties: Option<Counties>,
}

/// What every request can reach.
pub struct Service {
    ledger: Shared,
    writer: Writer,
    gate: Arc<Gate>,
    clock: Arc<ServiceClock>,
    views: Views,
    access: Arc<AccessLog>,
    reserve_bytes: u64,
    folder: PathBuf,
    drafts: Drafts,
    rates: Rates,
    strangers: Rates,
    repeats: Rates,
    claims: Rates,
    large: Large,
    committed: watch::Receiver<u64>,
    streams: Streams,
    connections: Arc<listener::Counts>,
    metrics: Metrics,
    counties: Option<Standings>,
    /// Of a node: what was last heard of the stream.
    heard: Option<watch::Receiver<Heard>>,
    has_public_entries: bool,
    is_behind_proxy: bool,
    stopping: watch::Receiver<bool>,
}

/// How a service ended.
pub enum Ended {
    /// It was asked to stop, and everything that it had taken was answered.
    Stopped,
    /// The storage failed, or another node has taken over: nothing is acknowledged that is not durable.
    Failed(LedgerError),
}

impl Service {
    /// Whether there is more room on the disk than what is kept for the record.
    fn has_room(&self) -> bool {
        access::has_room(&self.folder.join(access::ACCESS_LOG), self.reserve_bytes)
    }

    /// Of a node: whether it sequences, who does, and when a majority of the servers was last there; nothing of a ledger on one machine.
    fn standing_in_cluster(&self) -> Option<serde_json::Value> {
        let heard = *self.heard.as_ref()?.borrow();
        let (role, epoch) = {
            let ledger = writer::read(&self.ledger);
            let role = match self.writer.turn() {
                Turn::Ours => "sequencing",
                Turn::Elsewhere(_) => "following",
                Turn::Over(_) => "over",
            };
            (role, ledger.state().epoch().map(|epoch| (epoch.number, epoch.node.to_string())))
        };
        Some(json!({
            "role": role, "epoch": epoch.as_ref().map(|epoch| epoch.0), "sequencer": epoch.map(|epoch| epoch.1), "block": heard.block,
            "heard_ms": heard.at.map(|at| at.elapsed().as_millis() as u64),
        }))
    }

    fn ask_rate(&self, person: &str, lang: Lang) -> Result<(), Problem> {
        let what = lang.pick("no more requests of one person than a person makes", "同一人员的请求频率不超过正常办理所需");
        self.rates.ask(person, Instant::now()).map_err(|wait| Problem::too_many(what, wait, lang))
    }

    /// Runs something that reads the ledger or the views, off the threads that serve.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        lang: Lang,
        read: impl FnOnce(&Service) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let service = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || read(&service));
        read.await.unwrap_or_else(|_| Err(Problem::failed(lang.pick("a request that could not be answered", "请求未能答复"), lang)))
    }
}

/// Serves an open ledger until `stop`.
///
/// # Errors
/// Folders that cannot be used, views that cannot be built.
pub async fn serve(
    ledger: Ledger<Folder>,
    dir: &Path,
    options: Options,
    listening: TcpListener,
    stop: impl Future<Output = ()>,
    lang: Lang,
) -> Result<Ended, Failure> {
    crate::own_views::refuse_inside(&options.folder, dir, lang)?;
    let (stopping, stopped) = watch::channel(false);
    let (service, threads) = begin(ledger, dir, options, stopped, lang)?;
    let address = listening.local_addr().map_err(|source| Failure::File { path: "listener".to_owned(), source })?;
    {
        let ledger = writer::read(&service.ledger);
        let size = ledger.seen().map_or(0, |seen| seen.size);
        log("serving", &json!({ "address": address.to_string(), "ledger": ledger.id().as_str(), "entries": size }));
    }
    let app = routes::router(Arc::clone(&service));
    // The writer ends by itself only when the storage failed: then nothing can be acknowledged any more.
    let turns = service.writer.turns();
    let failed = async {
        while !threads.writing.is_finished() && !matches!(*turns.borrow(), Turn::Over(_)) {
            tokio::time::sleep(clock::WRITER_LOOK).await;
        }
    };
    let ending = async {
        tokio::select! { () = stop => {} () = failed => {} }
        log("stopping", &json!({}));
        let _ = stopping.send(true);
    };
    listener::serve(listening, app, Arc::clone(&service.connections), ending).await;
    let at_last = Arc::clone(&service.ledger);
    // Whoever still holds the service lets go of it when its connection is closed; the writer ends with the last.
    drop(service);
    let ended = threads.ended(at_last, lang).await?;
    Ok(match (ended, &*turns.borrow()) {
        (Ended::Stopped, Turn::Over(over)) => Ended::Failed(over.clone().into()),
        (ended, _) => ended,
    })
}

/// Opens everything that lies beside the ledger, shows the ledger what was kept of it, and starts the threads.
fn begin(
    mut ledger: Ledger<Folder>,
    dir: &Path,
    options: Options,
    stopped: watch::Receiver<bool>,
    lang: Lang,
) -> Result<(Arc<Service>, Threads), Failure> {
    let folder = options.folder;
    std::fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let access = Arc::new(AccessLog::open(&folder, options.reserve_bytes).map_err(Failure::file(&folder))?);
    let drafts = Drafts::open(&folder.join("drafts"))?;
    let (is_node, owed) = (options.node.is_some(), options.owed);
    kept::show(&folder, &mut ledger, is_node.then_some(&owed), lang)?;
    let clock = Arc::new(ServiceClock::of(ledger.state()));
    let (committing, committed) = watch::channel(ledger.seen().map_or(0, |seen| seen.size));
    let ledger = writer::share(ledger);
    let views = folder.join("views");
    let views = if is_node { Views::open_of_node(&views, &ledger, &owed, dir)? } else { Views::open(&views, &ledger)? };
    let kept = kept::keep(&folder, &ledger, &owed)?;
    let (hearing, heard) = watch::channel(Heard::default());
    let around = (committing, owed.clone(), hearing, stopped.clone());
    let (writer, writing) = start_writer(&ledger, &clock, options.node, around);
    let follower = views.follow(Arc::clone(&ledger), committed.clone(), stopped.clone());
    let keeper = kept::follow(folder.clone(), Arc::clone(&ledger), owed.clone(), kept, stopped.clone());
    let noting = access.follow(stopped.clone());
    let has_witnesses = !options.witnesses.is_empty();
    let gate = Arc::new(Gate::new(has_witnesses, is_node, Instant::now()));
    let asking = Asking {
        ledger: Arc::clone(&ledger),
        writer: writer.clone(),
        clock: Arc::clone(&clock),
        gate: Arc::clone(&gate),
        node: is_node.then(|| owed.clone()),
    };
    let witnesses = Witnesses { asked: options.witnesses, every: options.witness_every, folder: folder.clone() };
    let asker = has_witnesses.then(|| witnesses.follow(asking, Handle::current(), stopped.clone()));
    let counties = options.counties.map(|counties| counties.follow(Arc::clone(&ledger), writer.clone(), stopped.clone()));
    let (anchoring, counties) = counties.unzip();
    let threads = Threads { writing, follower, keeper, noting, asker, anchoring, folder: folder.clone(), owed };
    let service = Service {
        ledger,
        writer,
        gate,
        clock,
        views,
        access,
        reserve_bytes: options.reserve_bytes,
        folder,
        drafts,
        rates: Rates::new(options.person_rate.0, options.person_rate.1),
        strangers: Rates::new(options.stranger_rate.0, options.stranger_rate.1),
        repeats: Rates::new(REPEATED_BURST, REPEATED_A_SECOND),
        claims: Rates::new(allowance::CLAIMED_BURST, allowance::CLAIMED_A_SECOND),
        large: Large::default(),
        committed,
        streams: Streams::default(),
        connections: Arc::default(),
        metrics: Metrics::default(),
        counties,
        heard: is_node.then_some(heard),
        has_public_entries: options.has_public_entries,
        is_behind_proxy: options.is_behind_proxy,
        stopping: stopped,
    };
    Ok((Arc::new(service), threads))
}

/// Starts the writer: at once, or of a node of a cluster when it is its turn.
fn start_writer(
    ledger: &Shared,
    clock: &Arc<ServiceClock>,
    node: Option<Node>,
    (committing, owed, heard, stopping): (watch::Sender<u64>, Owed, watch::Sender<Heard>, watch::Receiver<bool>),
) -> (Writer, JoinHandle<Result<(), LedgerError>>) {
    let clock = Arc::clone(clock);
    let now = move || clock.now();
    let Some(node) = node else { return Writer::start(Arc::clone(ledger), now, committing) };
    let (turning, turn) = watch::channel(Turn::Elsewhere(String::new()));
    let around = Around { ledger: Arc::clone(ledger), committed: committing.clone(), turn: turning, owed, heard, stopping };
    let wait = move |clock: &dyn Fn() -> UnixMs| {
        let sequencer = node.follow(&around, clock)?;
        Ok(sequencer.map(|sequencer| Box::new(sequencer) as Box<dyn Quorum>))
    };
    Writer::start_after(Arc::clone(ledger), now, committing, turn, wait)
}

/// What goes on beside the requests.
struct Threads {
    writing: JoinHandle<Result<(), LedgerError>>,
    follower: JoinHandle<()>,
    keeper: JoinHandle<()>,
    noting: JoinHandle<()>,
    asker: Option<JoinHandle<()>>,
    anchoring: Option<JoinHandle<()>>,
    folder: PathBuf,
    owed: Owed,
}

impl Threads {
    /// Waits for them, and keeps the last checkpoint once more.
    async fn ended(self, ledger: Shared, lang: Lang) -> Result<Ended, Failure> {
        let ended = tokio::task::spawn_blocking(move || {
            _ = self.asker.map(JoinHandle::join);
            _ = self.anchoring.map(JoinHandle::join);
            _ = self.noting.join();
            let ended = (self.follower.join(), self.keeper.join(), self.writing.join());
            // After the last commit: it may be older than that, but need not.
            if let Err(error) = kept::keep(&self.folder, &ledger, &self.owed) {
                log("checkpoint not kept", &json!({ "because": error.to_string() }));
            }
            ended
        });
        let Ok(ended) = tokio::time::timeout(listener::CLOSING_TIME, ended).await else {
            // What was acknowledged is durable; whoever still holds a connection gets no more.
            log("closed", &json!({ "because": "connections that would not end" }));
            return Ok(Ended::Stopped);
        };
        match ended {
            Ok((Ok(()), Ok(()), Ok(Ok(())))) => Ok(Ended::Stopped),
            Ok((_, _, Ok(Err(error)))) => Ok(Ended::Failed(error)),
            _ => Err(Failure::malformed(lang.pick("a thread of the service failed", "服务线程异常终止"))),
        }
    }
}
