//! A province's process: it follows the ledgers of its counties, each into a record and views of its own, and anchors their checkpoints
//! in the province's ledger. Counties say by their beats when there is something to read; one that cannot be followed is left, with
//! the reason, and the others go on.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use futures_util::StreamExt as _;
use futures_util::stream::{SelectAll, select_all};
use ledger::block::Block;
use ledger::{Answer, LedgerError, Tip};
use serde_json::{Value, json};
use signer::value::LedgerId;
use signer::{Note, PublicKey};
use tokio::sync::watch;

use super::beat::Beat;
use super::folder::CLUSTER;
use super::place::{self, unreachable_quorum};
use super::servers::{Servers, ServersError};
use super::stream::{Stream, beat_subject};
use crate::error::Failure;
use crate::lang::Lang;
use crate::screen::log;
use crate::service::views::Views;
use crate::writer::{self, Shared, Turn, Writer};

/// Most counties of one process.
const COUNTIES_MAX: usize = 4_096;
/// How long beats are waited for at once.
const WAIT: Duration = Duration::from_secs(1);
/// How often every county's stream is looked into, beats or not.
const LOOK_ALL: Duration = Duration::from_secs(60);

/// A county that is followed.
struct County {
    id: LedgerId,
    ledger: Shared,
    views: Views,
    stream: Option<Stream>,
    tip: Tip,
    /// Why it is followed no more.
    halted: Option<String>,
    anchored: Option<Instant>,
    /// When its stream was last read to the end.
    reached: Option<Instant>,
}

/// How a county stands, for whoever asks.
#[derive(Clone, Debug, Default)]
pub struct CountyStanding {
    entries: u64,
    block: u64,
    anchored: u64,
    reached: Option<Instant>,
    halted: Option<String>,
}

/// The counties, before they are followed.
pub struct Counties {
    /// The servers.
    pub servers: Servers,
    /// Least replicas of their streams.
    pub replicas: usize,
    /// Least time between two anchors of a county.
    pub every: Duration,
    counties: Vec<County>,
    /// Folders that cannot be opened, and why: the others go on.
    closed: Vec<(String, String)>,
}

/// How all stand.
pub type Standings = Arc<Mutex<BTreeMap<String, CountyStanding>>>;

/// How many there are, and how many are followed no more.
pub fn counted(standings: &Standings) -> (u64, u64) {
    let standings = standings.lock().unwrap_or_else(PoisonError::into_inner);
    (standings.len() as u64, standings.values().filter(|standing| standing.halted.is_some()).count() as u64)
}

/// The same as JSON.
pub fn told(standings: &Standings) -> Vec<Value> {
    let standings = standings.lock().unwrap_or_else(PoisonError::into_inner);
    let one = |(ledger, standing): (&String, &CountyStanding)| {
        json!({
            "ledger": ledger, "entries": standing.entries, "block": standing.block, "anchored_size": standing.anchored, "halted": standing.halted,
            "reached_ms": standing.reached.map(|reached| reached.elapsed().as_millis() as u64),
        })
    };
    standings.iter().map(one).collect()
}

impl Counties {
    /// Opens every node's folder in a folder; their views lie beside them, in folders with `-views` after the name.
    ///
    /// # Errors
    /// A folder that cannot be read, or in which no county can be opened.
    pub fn open(folder: &Path, servers: Servers, replicas: usize, every: Duration, lang: Lang) -> Result<Counties, Failure> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(Failure::file(folder))? {
            let path = entry.map_err(Failure::file(folder))?.path();
            if path.join(CLUSTER).exists() {
                folders.push(path);
            }
        }
        if folders.is_empty() || folders.len() > COUNTIES_MAX {
            let place = crate::screen::within_line(&folder.display().to_string());
            return Err(Failure::malformed(match lang {
                Lang::En => format!("{place}: 1 to {COUNTIES_MAX} folders made by `zeren cluster join`, found {}", folders.len()),
                Lang::Zh => format!("{place}：应有 1 至 {COUNTIES_MAX} 个由 zeren cluster join 建立的文件夹，实有 {} 个", folders.len()),
            }));
        }
        folders.sort();
        let open = |path: &PathBuf| {
            let ledger = super::folder::open(path, Vec::new(), lang)?;
            let id = ledger.id().clone();
            let ledger = writer::share(ledger);
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push("-views");
            let views = Views::open_of_follower(&path.with_file_name(name), &ledger)?;
            Ok(County { id, ledger, views, stream: None, tip: Tip::start(1), halted: None, anchored: None, reached: None })
        };
        let (mut counties, mut closed) = (Vec::new(), Vec::new());
        for path in &folders {
            match open(path) {
                Ok(county) => counties.push(county),
                Err(error) if folders.len() == 1 => return Err(error),
                Err(error) => {
                    let (place, because) = (path.display().to_string(), error.to_string());
                    log("county", &json!({ "folder": place, "because": because, "halted": true }));
                    closed.push((place, because));
                }
            }
        }
        Ok(Counties { servers, replicas, every, counties, closed })
    }

    /// Follows on a thread of its own until the service stops.
    pub fn follow(mut self, own: Shared, writer: Writer, stopping: watch::Receiver<bool>) -> (JoinHandle<()>, Standings) {
        let halted = |because: &String| CountyStanding { halted: Some(because.clone()), ..CountyStanding::default() };
        let closed = self.closed.iter().map(|(place, because)| (place.clone(), halted(because))).collect();
        let standings = Arc::new(Mutex::new(closed));
        let kept = Arc::clone(&standings);
        let thread = spawn(move || {
            let mut beats = self.listen();
            let by_subject: HashMap<String, usize> =
                self.counties.iter().enumerate().map(|(at, county)| (beat_subject(&county.id), at)).collect();
            let mut looked: Option<Instant> = None;
            while !*stopping.borrow() {
                if looked.is_none_or(|looked| looked.elapsed() >= LOOK_ALL) {
                    looked = Some(Instant::now());
                    for at in 0..self.counties.len() {
                        self.read(at, None, &own, &writer, &kept);
                        if *stopping.borrow() {
                            return;
                        }
                    }
                }
                let next = self.servers.wait(async { tokio::time::timeout(WAIT, beats.next()).await });
                if let Ok(Some(message)) = next
                    && let Some(at) = by_subject.get(message.subject.as_str())
                {
                    self.read(*at, Some(&message.payload), &own, &writer, &kept);
                }
            }
        });
        (thread, standings)
    }

    fn listen(&self) -> SelectAll<Subscriber> {
        let subscribe = |county: &County| {
            let subscribed = self.servers.wait(self.servers.client().subscribe(beat_subject(&county.id)));
            subscribed
                .inspect_err(|error| log("county without beats", &json!({ "ledger": county.id.as_str(), "because": error.to_string() })))
        };
        select_all(self.counties.iter().filter_map(|county| subscribe(county).ok()))
    }

    /// Reads what a county has that is new, if its beat says that there is something, and anchors it.
    fn read(&mut self, at: usize, beat: Option<&[u8]>, own: &Shared, writer: &Writer, standings: &Standings) {
        let (servers, replicas, every) = (self.servers.clone(), self.replicas, self.every);
        let county = &mut self.counties[at];
        // What halted is tried again from the start now and then: it may have been repaired.
        if county.halted.is_none() || beat.is_none() {
            if county.halted.is_some() {
                county.stream = None;
            }
            county.halted = match county.read(beat, &servers, replicas) {
                Ok(()) => None,
                // Half of a block was taken: this process cannot go on with it.
                Err(LedgerError::Poisoned) if county.halted.is_some() => county.halted.take(),
                Err(error) => {
                    let halts = matches!(
                        error,
                        LedgerError::Block { .. } | LedgerError::Damaged { .. } | LedgerError::Poisoned | LedgerError::Unfit(_)
                    );
                    let because = error.to_string();
                    if county.halted.as_ref() != Some(&because) {
                        log("county", &json!({ "ledger": county.id.as_str(), "because": because, "halted": halts }));
                    }
                    halts.then_some(because)
                }
            };
        }
        // Another node sequences, or nobody yet: this one anchors when it is its turn.
        let is_due = writer.turn() == Turn::Ours && county.anchored.is_none_or(|anchored| anchored.elapsed() >= every);
        let anchored = if is_due {
            county.anchored = Some(Instant::now());
            county.anchor(own, writer, &servers)
        } else {
            writer::read(own).state().anchored(&county.id).map_or(0, |known| known.size)
        };
        let entries = writer::read(&county.ledger).seen().map_or(0, |seen| seen.size);
        let standing =
            CountyStanding { entries, block: county.tip.number, anchored, reached: county.reached, halted: county.halted.clone() };
        standings.lock().unwrap_or_else(PoisonError::into_inner).insert(county.id.to_string(), standing);
    }
}

impl County {
    fn read(&mut self, beat: Option<&[u8]>, servers: &Servers, replicas: usize) -> Result<(), LedgerError> {
        let stream = match &self.stream {
            Some(stream) => stream.clone(),
            None => {
                let ledger = writer::read(&self.ledger);
                let stream = place::latest(&*ledger, servers, replicas)?;
                self.tip = place::locate(&*ledger, &stream)?;
                self.stream = Some(stream.clone());
                stream
            }
        };
        let beat = beat.and_then(|bytes| self.beat(bytes));
        if beat.is_none() {
            self.look(&stream, servers, replicas)?;
        }
        // Without a beat it is looked whether there is something; with one it says up to where.
        while beat.as_ref().is_none_or(|beat| beat.number > self.tip.number) {
            let number = self.tip.number + 1;
            let Some(bytes) = stream.read(number).map_err(|error| self.gone(error))? else { break };
            let block = Block::parse(&bytes).map_err(|refusal| LedgerError::Block { number, refusal })?;
            let mut ledger = self.ledger.write().unwrap_or_else(PoisonError::into_inner);
            self.tip = ledger.follow(&self.tip, &block)?;
            if let Some(checkpoint) = &block.carried.checkpoint {
                ledger.cover_with(checkpoint)?;
            }
        }
        if let Some(beat) = beat {
            self.ledger.write().unwrap_or_else(PoisonError::into_inner).cover_with(&beat.checkpoint)?;
        }
        self.reached = Some(Instant::now());
        if let Err(error) = self.views.fold(&self.ledger) {
            log("views behind", &json!({ "ledger": self.id.as_str(), "because": error.to_string() }));
        }
        Ok(())
    }

    /// Whether the stream is still what it was and must be, and the latest of this county.
    fn look(&mut self, stream: &Stream, servers: &Servers, replicas: usize) -> Result<(), LedgerError> {
        let last = stream.judge(replicas).map_err(|error| self.gone(error))?;
        if last < self.tip.number {
            return Err(place::stream_cut(self.tip.number, last));
        }
        // After a repair it goes on in the next generation: that is compared with the record as when the process started.
        match Stream::new(servers, &self.id, stream.generation + 1).read(1) {
            Ok(Some(_)) => self.stream = None,
            Ok(None) => {}
            Err(error) if error.is_absent() => {}
            Err(error) => return Err(unreachable_quorum(error)),
        }
        Ok(())
    }

    fn gone(&self, error: ServersError) -> LedgerError {
        if !error.is_absent() {
            return unreachable_quorum(error);
        }
        let refusal = signer::Refusal::new(signer::Rule::BlockOrder, format!("the stream of {}", self.id), "none: it was deleted");
        LedgerError::Block { number: self.tip.number, refusal }
    }

    fn beat(&self, bytes: &[u8]) -> Option<Beat> {
        let ledger = writer::read(&self.ledger);
        let epoch = ledger.state().epoch()?;
        let beat = Beat::parse(bytes, &epoch.node, &PublicKey::decode(&epoch.key).ok()?)?;
        (beat.ledger == self.id && beat.generation == self.tip.generation && beat.epoch == epoch.number).then_some(beat)
    }

    /// Logs the county's latest checkpoint in the province's ledger. Gives the size that is anchored.
    fn anchor(&self, own: &Shared, writer: &Writer, servers: &Servers) -> u64 {
        let (checkpoint, key): (Note, Option<PublicKey>) = {
            let ledger = writer::read(&self.ledger);
            let size = ledger.seen().map_or(0, |seen| seen.size);
            let key = ledger.state().checkpoint_key_at(size).and_then(|key| PublicKey::decode(key).ok());
            (ledger.checkpoint().clone(), key)
        };
        let note = key.and_then(|key| writer::read(own).anchor_note(&self.id, &checkpoint, &key).transpose());
        match note {
            None => {}
            Some(Err(error)) => log("not anchored", &json!({ "ledger": self.id.as_str(), "because": error.to_string() })),
            Some(Ok(note)) => match servers.wait(writer.submit(note.encode().into_bytes())) {
                Ok(Answer::Recorded { receipt, .. }) => log("anchored", &json!({ "ledger": self.id.as_str(), "entry": receipt.index })),
                Ok(Answer::Refused { refusal, .. }) => {
                    log("anchor refused", &json!({ "ledger": self.id.as_str(), "rule": refusal.rule.name() }))
                }
                Err(error) => log("not anchored", &json!({ "ledger": self.id.as_str(), "because": error.to_string() })),
            },
        }
        writer::read(own).state().anchored(&self.id).map_or(0, |known| known.size)
    }
}
