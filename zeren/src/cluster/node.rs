//! A node: it follows the stream with a record of its own, and where it may, sequences when nobody else does.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use futures_util::StreamExt as _;
use ledger::block::Block;
use ledger::{LedgerError, Tip};
use serde_json::json;
use signer::value::UnixMs;
use signer::{Note, PublicKey};
use tokio::sync::watch;

use super::beat::Beat;
use super::owed::Owed;
use super::place::{self, unreachable_quorum};
use super::sequence::{Blocks, Sequencer, Signer, append_surely, epoch_block};
use super::servers::{Servers, ServersError};
use super::stream::{Stream, beat_subject, has_majority};
use crate::screen::log;
use crate::secret::random;
use crate::writer::{self, Over, Shared, Turn};

/// How often a sequencer says that it is there.
const BEAT: Duration = Duration::from_secs(1);
/// Least time between two beats.
const BEAT_MIN: Duration = Duration::from_millis(25);
/// How often a sequencer looks whether it still is the one.
const LOOK_WHETHER_OVER: Duration = Duration::from_secs(5);
/// How long a node listens before it looks into the stream itself.
const LOOK: Duration = Duration::from_millis(1_000);
/// How long nothing may be heard of the sequencer before another takes over.
const SILENCE: Duration = Duration::from_secs(5);
/// What each node waits more, at most, in milliseconds.
const SILENCE_MORE_MS: u64 = 1_500;
/// What each node waits, at most, when the sequencer has said that it leaves, in milliseconds.
const LEFT_MS: u64 = 500;

/// A node, before its first block.
pub struct Node {
    /// The servers.
    pub servers: Servers,
    /// Least replicas of the stream.
    pub replicas: usize,
    /// With what it signs blocks, if it may.
    pub signer: Option<Arc<Signer>>,
    /// Whether it takes over.
    pub stands_by: bool,
}

/// What a node shares with the service around it.
#[derive(Clone)]
pub struct Around {
    /// The ledger.
    pub ledger: Shared,
    /// Size of the latest checkpoint.
    pub committed: watch::Sender<u64>,
    /// Who sequences.
    pub turn: watch::Sender<Turn>,
    /// What the record must hold before this node sequences.
    pub owed: Owed,
    /// How far the stream was read, or held what was sent, and when.
    pub heard: watch::Sender<Heard>,
    /// Whether to stop.
    pub stopping: watch::Receiver<bool>,
}

/// What was last heard of the stream from a majority of its servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    /// Its last block.
    pub block: u64,
    /// When; nothing before the first answer.
    pub at: Option<Instant>,
}

impl Heard {
    fn now(block: u64) -> Heard {
        Heard { block, at: Some(Instant::now()) }
    }
}

impl Node {
    /// Follows the stream until this node sequences, or is told to stop: then nothing.
    ///
    /// # Errors
    /// [`LedgerError::Block`] where stream and record differ or the stream is not as it must be; [`LedgerError::Damaged`]; failures of
    /// the storage.
    pub fn follow(self, around: &Around, clock: &dyn Fn() -> UnixMs) -> Result<Option<Sequencer>, LedgerError> {
        let begun = place::when_reached(&around.stopping, || {
            let ledger = writer::read(&around.ledger);
            let stream = place::latest(&*ledger, &self.servers, self.replicas)?;
            let tip = place::locate(&*ledger, &stream)?;
            Ok((stream, tip))
        })?;
        let Some((stream, tip)) = begun else { return Ok(None) };
        let subject = beat_subject(writer::read(&around.ledger).id());
        let beats = self.servers.wait(self.servers.client().subscribe(subject));
        let beats = beats.map_err(|error| unreachable_quorum(ServersError::Connect(error.to_string())))?;
        log("following", &json!({ "stream": stream.name(), "block": tip.number }));
        let (node, around) = (self, around.clone());
        Follower { patience: patience(), heard: Instant::now(), counted: (0, 0), node, around, stream, tip, beats }.run(clock)
    }
}

fn patience() -> Duration {
    SILENCE + in_turn(SILENCE_MORE_MS)
}

/// A moment of at most so many milliseconds: so that not all begin at once.
fn in_turn(most: u64) -> Duration {
    Duration::from_millis(random::<2>().map_or(0, |bytes| u64::from(u16::from_be_bytes(bytes)) % most))
}

/// A node that follows.
struct Follower {
    node: Node,
    around: Around,
    stream: Stream,
    tip: Tip,
    beats: Subscriber,
    heard: Instant,
    /// The last beat's epoch and count.
    counted: (u64, u64),
    patience: Duration,
}

impl Follower {
    fn run(mut self, clock: &dyn Fn() -> UnixMs) -> Result<Option<Sequencer>, LedgerError> {
        while !*self.around.stopping.borrow() {
            let beat = self.listen();
            let reached = match self.catch_up() {
                Ok(has_majority) => {
                    if has_majority {
                        self.around.heard.send_replace(Heard::now(self.tip.number));
                    }
                    true
                }
                Err(Trouble::Servers(error)) => {
                    log("no quorum", &json!({ "because": error.to_string(), "advice": "the stream is asked again" }));
                    false
                }
                Err(Trouble::Ledger(error)) => return Err(error),
            };
            if let Some(beat) = beat {
                self.heard = Instant::now();
                self.patience = if beat.leaves { in_turn(LEFT_MS) } else { patience() };
                self.cover(&beat.checkpoint)?;
            }
            self.tell();
            let lacking = self.lacking()?;
            if reached && self.may_take_over() {
                if let Some(size) = lacking {
                    log(
                        "not sequencing",
                        &json!({
                            "lacking": size, "entries": writer::read(&self.around.ledger).history().size(),
                            "advice": "this record and the stream end before what was signed: another copy may have it (docs/operations-cluster.md section 11)",
                        }),
                    );
                    self.heard = Instant::now();
                    continue;
                }
                match self.take_over(clock)? {
                    ControlFlow::Break(sequencer) => return Ok(Some(sequencer)),
                    ControlFlow::Continue(()) => self.heard = Instant::now(),
                }
            }
        }
        Ok(None)
    }

    /// The next beat of the sequencer in force, if one comes soon.
    fn listen(&mut self) -> Option<Beat> {
        let Follower { beats, node, .. } = self;
        let message = node.servers.wait(async { tokio::time::timeout(LOOK, beats.next()).await }).ok().flatten()?;
        let ledger = writer::read(&self.around.ledger);
        let epoch = ledger.state().epoch()?;
        let beat = Beat::parse(&message.payload, &epoch.node, &PublicKey::decode(&epoch.key).ok()?)?;
        let is_theirs = beat.ledger == *ledger.id() && beat.generation == self.tip.generation && beat.epoch == epoch.number;
        drop(ledger);
        // A copy of an earlier one, sent by whoever recorded it, says nothing.
        let is_new = (beat.epoch, beat.count) > self.counted;
        (is_theirs && is_new).then(|| {
            self.counted = (beat.epoch, beat.count);
            beat
        })
    }

    /// Takes every block that the stream has after the last. Whether a majority of servers was there.
    fn catch_up(&mut self) -> Result<bool, Trouble> {
        while !*self.around.stopping.borrow() {
            let number = self.tip.number + 1;
            let Some(bytes) = self.stream.read(number).map_err(|error| self.trouble(error))? else { break };
            let block = Block::parse(&bytes).map_err(|refusal| LedgerError::Block { number, refusal })?;
            self.take(&block)?;
        }
        // Whether the stream is still what it must be is asked as often as whether it goes on.
        let (last, has_majority) = self.stream.judge_now(self.node.replicas).map_err(|error| self.trouble(error))?;
        if last < self.tip.number { Err(place::stream_cut(self.tip.number, last).into()) } else { Ok(has_majority) }
    }

    /// A stream that is gone or changed is no outage, and neither is what this user may not ask.
    fn trouble(&self, error: ServersError) -> Trouble {
        match unreachable_quorum(error.clone()) {
            _ if error.is_absent() => Trouble::Ledger(place::stream_gone(&self.stream, self.tip.number)),
            found @ LedgerError::Unfit(_) => Trouble::Ledger(found),
            _ => Trouble::Servers(error),
        }
    }

    fn take(&mut self, block: &Block) -> Result<(), LedgerError> {
        self.tip = self.around.ledger.write().unwrap_or_else(PoisonError::into_inner).follow(&self.tip, block)?;
        self.heard = Instant::now();
        if let Some(checkpoint) = &block.carried.checkpoint {
            self.cover(checkpoint)?;
        }
        self.tell();
        Ok(())
    }

    /// A checkpoint that somebody else signed: what a node without the checkpoint key waits for.
    fn cover(&self, checkpoint: &Note) -> Result<(), LedgerError> {
        self.around.ledger.write().unwrap_or_else(PoisonError::into_inner).cover_with(checkpoint).map(drop)
    }

    /// The size that was signed and that this record does not reach, if there is one.
    fn lacking(&self) -> Result<Option<u64>, LedgerError> {
        let ledger = writer::read(&self.around.ledger);
        self.around.owed.settle(&*ledger).map_err(LedgerError::OtherHistory)
    }

    /// Tells the service how far the record is, and who sequences.
    fn tell(&self) {
        let ledger = writer::read(&self.around.ledger);
        let size = ledger.seen().map_or(0, |seen| seen.size);
        let node = ledger.state().epoch().map_or_else(String::new, |epoch| epoch.node.to_string());
        self.around.committed.send_if_modified(|known| core::mem::replace(known, size) != size);
        let turn = Turn::Elsewhere(node);
        self.around.turn.send_if_modified(|known| {
            if *known == turn {
                false
            } else {
                *known = turn.clone();
                true
            }
        });
    }

    fn may_take_over(&self) -> bool {
        self.node.stands_by
            && self.node.signer.is_some()
            && self.heard.elapsed() >= self.patience
            && writer::read(&self.around.ledger).can_sign()
    }

    /// Begins an epoch, if nobody else does first.
    fn take_over(&mut self, clock: &dyn Fn() -> UnixMs) -> Result<ControlFlow<Sequencer>, LedgerError> {
        let Some(signer) = self.node.signer.clone() else { return Ok(ControlFlow::Continue(())) };
        let (epoch, bytes) = {
            let ledger = writer::read(&self.around.ledger);
            (ledger.next_epoch(), epoch_block(&ledger, &self.tip, &signer, clock())?)
        };
        log(
            "taking over",
            &json!({ "epoch": epoch, "after_block": self.tip.number, "silent_ms": self.heard.elapsed().as_millis() as u64 }),
        );
        match append_surely(&self.stream, self.tip.number + 1, &bytes, &self.around.stopping) {
            Ok(_) => {}
            Err(LedgerError::Deposed(by)) => {
                log("another took over", &json!({ "by": by }));
                return Ok(ControlFlow::Continue(()));
            }
            Err(error) => return Err(error),
        }
        let block = Block::parse(&bytes).map_err(|refusal| LedgerError::Block { number: self.tip.number + 1, refusal })?;
        self.take(&block)?;
        self.stream.approach_leader();
        let (telling, blocks) = watch::channel(Blocks::default());
        let sequencer = Sequencer::new(self.stream.clone(), Arc::clone(&signer), epoch, self.tip, telling, self.around.stopping.clone());
        let beats = Beats {
            around: self.around.clone(),
            stream: self.stream.clone(),
            signer,
            epoch,
            replicas: self.node.replicas,
            blocks,
            count: sequencer.beats(),
            was_short: false,
        };
        self.node.servers.spawn(beats.run());
        self.around.turn.send_replace(Turn::Ours);
        let (server, _) = self.stream.servers().server();
        log("sequencing", &json!({ "epoch": epoch, "block": self.tip.number, "server": server }));
        Ok(ControlFlow::Break(sequencer))
    }
}

/// Why a follower cannot go on now, or at all.
enum Trouble {
    Servers(ServersError),
    Ledger(LedgerError),
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Trouble {
        Trouble::Ledger(error)
    }
}

/// The beats of a sequencer, for as long as it sequences.
struct Beats {
    around: Around,
    stream: Stream,
    signer: Arc<Signer>,
    epoch: u64,
    /// Least replicas of the stream.
    replicas: usize,
    /// Its blocks; closed when the sequencer is gone.
    blocks: watch::Receiver<Blocks>,
    count: Arc<AtomicU64>,
    /// Whether the servers held less than they had acknowledged when they were asked last.
    was_short: bool,
}

impl Beats {
    async fn run(mut self) {
        let mut committed = self.around.committed.subscribe();
        let mut stopping = self.around.stopping.clone();
        let mut checkpoint = None;
        let mut looked = Instant::now();
        while !*stopping.borrow() {
            if looked.elapsed() >= LOOK_WHETHER_OVER {
                looked = Instant::now();
                if let Some(over) = self.over().await {
                    log("no more sequencing", &json!({ "epoch": self.epoch, "because": LedgerError::from(over.clone()).to_string() }));
                    self.around.turn.send_replace(Turn::Over(over));
                    return;
                }
            }
            // While a batch is judged or written the ledger is locked: then the last checkpoint is said again.
            if let Ok(ledger) = self.around.ledger.try_read() {
                checkpoint = Some((ledger.id().clone(), ledger.checkpoint().clone()));
            }
            if let Some((ledger, checkpoint)) = &checkpoint {
                let subject = beat_subject(ledger);
                let beat = Beat {
                    ledger: ledger.clone(),
                    generation: self.stream.generation,
                    epoch: self.epoch,
                    number: self.blocks.borrow().held,
                    count: self.count.fetch_add(1, Ordering::Relaxed) + 1,
                    leaves: false,
                    checkpoint: checkpoint.clone(),
                };
                let _ = self.stream.servers().client().publish(subject, beat.encode(&self.signer.node, &self.signer.key).into()).await;
            }
            tokio::time::sleep(BEAT_MIN).await;
            tokio::select! {
                () = tokio::time::sleep(BEAT) => {}
                changed = committed.changed() => if changed.is_err() { return },
                changed = self.blocks.changed() => match changed {
                    Ok(()) => _ = self.around.heard.send_replace(Heard::now(self.blocks.borrow_and_update().held)),
                    Err(_) => return,
                },
                _ = stopping.changed() => {}
            }
        }
    }

    /// Whether the stream holds a block after ours, holds less than it had, or is gone: a sequencer that nobody submits to would not notice
    /// otherwise.
    async fn over(&mut self) -> Option<Over> {
        let held = self.blocks.borrow().held;
        let Some(told) = self.stream.told_or_gone().await? else { return Some(Over::StreamGone(self.stream.name().to_owned())) };
        if has_majority(&told) {
            self.around.heard.send_replace(Heard::now(held));
        }
        // Read after the answer: what the servers have beyond it was never sent from here.
        let sent = self.blocks.borrow().sent;
        let last = match self.stream.judge_told(&told, self.replicas) {
            Err(error) => return Some(Over::Unfit(error.to_string())),
            Ok(last) => last,
        };
        // Once may be a server that is behind and does not know it.
        let is_short = last < held;
        if is_short && core::mem::replace(&mut self.was_short, is_short) {
            return Some(Over::StreamCut { held, last });
        }
        self.was_short = is_short;
        (last > sent).then_some(Over::Overtaken { sent, last })
    }
}
