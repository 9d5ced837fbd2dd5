//! The service: one process that owns a ledger's folder and answers over HTTP (docs/decisions/0015).

mod access;
mod answers;
pub mod clock;
mod desk;
mod drafts;
mod events;
mod metrics;
mod openapi;
mod programme;
mod reader;
mod record;
mod routes;
mod statements;
pub mod views;
mod witnesses;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use ledger::quorum::Quorum;
use ledger::storage::Folder;
use ledger::{Ledger, LedgerError};
use projector::ProjectorError;
use serde_json::json;
use signer::value::UnixMs;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;

use self::access::AccessLog;
use self::clock::ServiceClock;
use self::drafts::Drafts;
use self::metrics::Metrics;
use self::views::Views;
use self::witnesses::{Asking, Witnesses};
use crate::cluster::counties::{Counties, Standings};
use crate::cluster::node::{Around, Node};
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
/// Notes of one address that do not verify, at once, and a second after that.
pub const STRANGER_BURST: u32 = 200;
/// The same a second.
pub const STRANGER_A_SECOND: u32 = 2;

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
    /// The cluster that the ledger runs on, if it does.
    pub node: Option<Node>,
    /// Counties whose ledgers this one anchors.
    pub counties: Option<Counties>,
}

/// What every request can reach.
pub struct Service {
    ledger: Shared,
    writer: Writer,
    clock: Arc<ServiceClock>,
    views: Views,
    access: AccessLog,
    drafts: Drafts,
    rates: Rates,
    strangers: Rates,
    committed: watch::Receiver<u64>,
    streams: AtomicUsize,
    connections: Arc<listener::Counts>,
    metrics: Metrics,
    counties: Option<Standings>,
    has_public_entries: bool,
    is_behind_proxy: bool,
    stopping: watch::Receiver<bool>,
}

/// How a service ended.
pub enum Ended {
    /// It was asked to stop, and everything that it had taken was answered.
    Stopped,
    /// The storage failed: nothing is acknowledged that is not durable.
    Failed(LedgerError),
}

impl Service {
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
        read.await.unwrap_or_else(|_| Err(Problem::failed("a request that could not be answered", lang)))
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
    std::fs::create_dir_all(&options.folder).map_err(Failure::file(&options.folder))?;
    let access = AccessLog::open(&options.folder).map_err(Failure::file(&options.folder))?;
    let drafts = Drafts::open(&options.folder.join("drafts"))?;
    let clock = Arc::new(ServiceClock::of(ledger.state()));
    let size = ledger.seen().map_or(0, |seen| seen.size);
    let ledger = writer::share(ledger);
    let (committing, committed) = watch::channel(size);
    let views = Views::open(&options.folder.join("views"), &ledger).map_err(|error: ProjectorError| Failure::Views(error.to_string()))?;
    let writers_clock = Arc::clone(&clock);
    let (stopping, stopped) = watch::channel(false);
    let (writer, writing) = match options.node {
        None => Writer::start(Arc::clone(&ledger), move || writers_clock.now(), committing),
        Some(node) => {
            let (turning, turn) = watch::channel(Turn::Elsewhere(String::new()));
            let around = Around { ledger: Arc::clone(&ledger), committed: committing.clone(), turn: turning, stopping: stopped.clone() };
            let wait = move |clock: &dyn Fn() -> UnixMs| {
                let sequencer = node.follow(&around, clock)?;
                Ok(sequencer.map(|sequencer| Box::new(sequencer) as Box<dyn Quorum>))
            };
            Writer::start_after(Arc::clone(&ledger), move || writers_clock.now(), committing, turn, wait)
        }
    };
    let follower = views.follow(Arc::clone(&ledger), committed.clone(), stopped.clone());
    let asking = Asking { ledger: Arc::clone(&ledger), writer: writer.clone(), clock: Arc::clone(&clock) };
    let witnesses = Witnesses { asked: options.witnesses, every: options.witness_every, folder: options.folder.join("evidence") };
    let has_witnesses = !witnesses.asked.is_empty();
    let asker = has_witnesses.then(|| witnesses.follow(asking, Handle::current(), stopped.clone()));
    let (county_follower, standings) = match options.counties {
        None => (None, None),
        Some(counties) => {
            let (thread, standings) = counties.follow(Arc::clone(&ledger), writer.clone(), stopped.clone());
            (Some(thread), Some(standings))
        }
    };
    let service = Arc::new(Service {
        counties: standings,
        ledger,
        writer,
        clock,
        views,
        access,
        drafts,
        rates: Rates::new(options.person_rate.0, options.person_rate.1),
        strangers: Rates::new(STRANGER_BURST, STRANGER_A_SECOND),
        committed,
        streams: AtomicUsize::new(0),
        connections: Arc::default(),
        metrics: Metrics::default(),
        has_public_entries: options.has_public_entries,
        is_behind_proxy: options.is_behind_proxy,
        stopping: stopped,
    });
    let address = listening.local_addr().map_err(|source| Failure::File { path: "listener".to_owned(), source })?;
    log("serving", &json!({ "address": address.to_string(), "ledger": writer::read(&service.ledger).id().as_str(), "entries": size }));
    let app = routes::router(Arc::clone(&service));
    // The writer ends by itself only when the storage failed: then nothing can be acknowledged any more.
    let turns = service.writer.turns();
    let failed = async {
        while !writing.is_finished() && !matches!(*turns.borrow(), Turn::Over(_)) {
            tokio::time::sleep(clock::WRITER_LOOK).await;
        }
    };
    let ending = async {
        tokio::select! { () = stop => {} () = failed => {} }
        log("stopping", &json!({}));
        let _ = stopping.send(true);
    };
    listener::serve(listening, app, Arc::clone(&service.connections), ending).await;
    // Whoever still holds the service lets go of it when its connection is closed; the writer ends with the last.
    drop(service);
    let ended = tokio::task::spawn_blocking(move || {
        _ = asker.map(std::thread::JoinHandle::join);
        _ = county_follower.map(std::thread::JoinHandle::join);
        (follower.join(), writing.join())
    });
    let Ok(ended) = tokio::time::timeout(listener::CLOSING_TIME, ended).await else {
        // What was acknowledged is durable; whoever still holds a connection gets no more.
        log("closed", &json!({ "because": "connections that would not end" }));
        return Ok(Ended::Stopped);
    };
    let over = match &*turns.borrow() {
        Turn::Over(over) => Some(LedgerError::from(over.clone())),
        Turn::Ours | Turn::Elsewhere(_) => None,
    };
    match ended {
        Ok((Ok(()), Ok(Ok(())))) => Ok(over.map_or(Ended::Stopped, Ended::Failed)),
        Ok((_, Ok(Err(error)))) => Ok(Ended::Failed(error)),
        _ => Err(Failure::malformed(lang.pick("a thread of the service failed", "服务线程异常终止"))),
    }
}
