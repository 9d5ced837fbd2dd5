//! A projector: a follower with views of its own and a durable consumer of its own name. A block is acknowledged when segments and
//! views hold it; so killed, moved or set back it goes on where it was, and each block has its effect once.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy};
use futures_util::StreamExt as _;
use ledger::block::Block;
use ledger::{LedgerError, Tip};
use serde_json::json;
use signer::PublicKey;
use tokio::sync::watch;

use super::beat::Beat;
use super::place::{self, read_block, unreachable_quorum};
use super::servers::{Servers, ServersError};
use super::stream::{Stream, beat_subject};
use crate::screen::log;
use crate::service::views::Views;
use crate::writer::{self, Shared};

/// How long blocks are waited for at once.
const WAIT: Duration = Duration::from_secs(2);
/// Blocks that are asked for at once.
const AT_ONCE: usize = 64;
/// After this time a block that was not acknowledged is sent again.
const ACKNOWLEDGE: Duration = Duration::from_secs(30);
/// How often it is looked whether the stream is still what it must be.
const LOOK: Duration = Duration::from_secs(20);
/// How long is paused after the servers did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// A projector, open.
pub struct Projector {
    /// The record.
    pub ledger: Shared,
    /// The views; without, it only follows.
    pub views: Option<Views>,
    /// The servers.
    pub servers: Servers,
    /// Least replicas of the stream.
    pub replicas: usize,
    /// Name of the consumer, which is the user's.
    pub name: String,
    /// Whether to stop.
    pub stopping: watch::Receiver<bool>,
}

/// How far a projector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The last block that record and views hold.
    pub block: u64,
    /// Entries under a checkpoint.
    pub entries: u64,
}

impl Projector {
    /// Follows until it is told to stop, or until the end of the stream as it is now if `to_end`.
    ///
    /// # Errors
    /// [`LedgerError::Block`] where stream and record differ; [`LedgerError::Damaged`]; the storage's failures.
    pub fn run(&self, to_end: bool) -> Result<Place, LedgerError> {
        let begun = place::when_reached(&self.stopping, || {
            let ledger = writer::read(&self.ledger);
            let stream = place::latest(&*ledger, &self.servers, self.replicas)?;
            let tip = place::locate(&*ledger, &stream)?;
            let consumer = self.consumer(&stream, tip)?;
            Ok((stream, tip, consumer))
        })?;
        let Some((stream, mut tip, mut consumer)) = begun else { return Ok(self.place(&Tip::start(1))) };
        let subject = beat_subject(writer::read(&self.ledger).id());
        let beats = self.servers.wait(self.servers.client().subscribe(subject));
        let mut beats = beats.map_err(|error| unreachable_quorum(ServersError::Connect(error.to_string())))?;
        log("projecting", &json!({ "stream": stream.name(), "consumer": self.name, "block": tip.number }));
        let Some(end) = place::when_reached(&self.stopping, || stream.last().map_err(unreachable_quorum))? else {
            return Ok(self.place(&tip));
        };
        // What was acknowledged by a folder that was lost, or is not under a checkpoint here, does not come again by itself.
        while tip.number < end {
            let Some(block) = place::when_reached(&self.stopping, || read_block(&stream, tip.number + 1))? else { break };
            self.take(&mut tip, &block)?;
        }
        let mut looked: Option<Instant> = None;
        while !*self.stopping.borrow() {
            if let Err(error) = self.take_some(&stream, &consumer, &mut tip)? {
                log("no quorum", &json!({ "because": error.to_string(), "advice": "the stream is asked again" }));
                std::thread::sleep(PAUSE);
                // Perhaps it is the consumer that is gone, or the stream.
                looked = None;
                if let Some(made) = place::when_reached(&self.stopping, || self.consumer(&stream, tip))? {
                    consumer = made;
                }
            }
            if looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
                looked = Some(Instant::now());
                self.look(&stream, &tip)?;
            }
            // Without the checkpoint key it is the beat that brings the checkpoint over the last blocks.
            while let Some(message) = self.servers.wait(async { tokio::time::timeout(Duration::ZERO, beats.next()).await }).ok().flatten() {
                self.cover(&message.payload)?;
            }
            self.fold();
            if to_end && tip.number >= end {
                break;
            }
        }
        Ok(self.place(&tip))
    }

    /// Whether the stream is still there, and what it must be.
    fn look(&self, stream: &Stream, tip: &Tip) -> Result<(), LedgerError> {
        match stream.judge(self.replicas) {
            Ok(last) if last < tip.number => Err(place::stream_cut(tip.number, last)),
            Err(error) if error.is_absent() => Err(place::stream_gone(stream, tip.number)),
            Err(error @ (ServersError::Unfit { .. } | ServersError::Forbidden { .. })) => Err(unreachable_quorum(error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn place(&self, tip: &Tip) -> Place {
        Place { block: tip.number, entries: writer::read(&self.ledger).seen().map_or(0, |seen| seen.size) }
    }

    fn consumer(&self, stream: &Stream, tip: Tip) -> Result<Consumer<Config>, LedgerError> {
        // What this user may not ask, or is gone, is said by name before the library asks for it.
        self.look(stream, &tip)?;
        let config = Config {
            durable_name: Some(self.name.clone()),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: tip.number + 1 },
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACKNOWLEDGE,
            max_ack_pending: AT_ONCE as i64,
            ..Config::default()
        };
        let made = async {
            let stream =
                jetstream::new(self.servers.client().clone()).get_stream_no_info(stream.name()).await.map_err(|error| error.to_string())?;
            stream.get_or_create_consumer(&self.name, config).await.map_err(|error| error.to_string())
        };
        self.servers.wait(made).map_err(|because| unreachable_quorum(self.servers.unanswered("CONSUMER", because)))
    }

    /// Takes what the consumer has, and acknowledges it when record and views hold it. Inside, what the servers said instead.
    fn take_some(&self, stream: &Stream, consumer: &Consumer<Config>, tip: &mut Tip) -> Result<Result<(), ServersError>, LedgerError> {
        let fetched = async {
            let mut messages = consumer.fetch().max_messages(AT_ONCE).expires(WAIT).messages().await.map_err(|error| error.to_string())?;
            let mut taken = Vec::new();
            while let Some(message) = messages.next().await {
                taken.push(message.map_err(|error| error.to_string())?);
            }
            Ok::<_, String>(taken)
        };
        let messages = match self.servers.wait(fetched) {
            Ok(messages) => messages,
            Err(because) => return Ok(Err(ServersError::Silent(because))),
        };
        for message in &messages {
            let Ok(number) = message.info().map(|info| info.stream_sequence) else { continue };
            // Redelivered: it had its effect.
            if number <= tip.number {
                continue;
            }
            // Sent out of order, or to somebody else of the same name.
            while tip.number + 1 < number {
                let missed = read_block(stream, tip.number + 1)?;
                self.take(tip, &missed)?;
            }
            let block = Block::parse(&message.payload).map_err(|refusal| LedgerError::Block { number, refusal })?;
            self.take(tip, &block)?;
        }
        self.fold();
        let acknowledged = async {
            for message in &messages {
                message.ack().await.map_err(|error| error.to_string())?;
            }
            Ok::<_, String>(())
        };
        Ok(self.servers.wait(acknowledged).map_err(ServersError::Silent))
    }

    fn take(&self, tip: &mut Tip, block: &Block) -> Result<(), LedgerError> {
        let mut ledger = self.ledger.write().unwrap_or_else(PoisonError::into_inner);
        *tip = ledger.follow(tip, block)?;
        match &block.carried.checkpoint {
            Some(checkpoint) => ledger.cover_with(checkpoint).map(drop),
            None => Ok(()),
        }
    }

    fn cover(&self, beat: &[u8]) -> Result<(), LedgerError> {
        let mut ledger = self.ledger.write().unwrap_or_else(PoisonError::into_inner);
        let beat = ledger.state().epoch().and_then(|epoch| Beat::parse(beat, &epoch.node, &PublicKey::decode(&epoch.key).ok()?));
        match beat {
            Some(beat) => ledger.cover_with(&beat.checkpoint).map(drop),
            None => Ok(()),
        }
    }

    /// Views that fail stay behind, and say so; the record goes on.
    fn fold(&self) {
        if let Some(Err(error)) = self.views.as_ref().map(|views| views.fold(&self.ledger)) {
            log("views behind", &json!({ "because": error.to_string() }));
        }
    }
}
