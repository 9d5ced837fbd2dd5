//! Sequencing: blocks of what was judged here, appended and held by a majority before anything is signed for.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use ledger::block::{Carried, Header, encode, parts};
use ledger::entry::SealedEntry;
use ledger::quorum::{Before, Quorum};
use ledger::storage::Storage;
use ledger::{Ledger, LedgerError, Tip};
use serde_json::json;
use signer::note::note_hash;
use signer::value::{NodeName, NoteHash, UnixMs};
use signer::{Note, SecretKey};
use tokio::sync::watch;

use super::beat::Beat;
use super::place::{stream_gone, unreachable_quorum};
use super::servers::{Asked, ServersError};
use super::stream::{Appended, Stream, beat_subject};
use crate::screen::log;

/// What was being done when servers would not have a block.
pub const PUBLISHING: &str = "publishing a block";
/// First pause before the same block is tried again, and the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// The longest.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long the servers may take to hear that a sequencer leaves.
const LEAVING: Duration = Duration::from_secs(1);
/// How long nothing may arrive before a block is sealed: much less than it takes, and whoever was just answered comes again meanwhile.
const GATHERING: Duration = Duration::from_micros(150);

/// Who signs blocks.
pub struct Signer {
    /// The node.
    pub node: NodeName,
    /// Its key.
    pub key: SecretKey,
}

/// How far a sequencer's blocks are, for beats, and for seeing whether somebody else's come after them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// The last that the servers hold.
    pub held: u64,
    /// The last that was sent.
    pub sent: u64,
}

/// The sequencer of an epoch.
pub struct Sequencer {
    stream: Stream,
    signer: Arc<Signer>,
    epoch: u64,
    /// After all that was sent.
    tip: Tip,
    under_way: VecDeque<UnderWay>,
    blocks: watch::Sender<Blocks>,
    /// Beats of the epoch so far.
    beats: Arc<AtomicU64>,
    stopping: watch::Receiver<bool>,
}

/// A block that nobody has acknowledged.
struct UnderWay {
    number: u64,
    hash: NoteHash,
    bytes: Vec<u8>,
    /// The first try, if it was made.
    asked: Option<Asked>,
}

impl Sequencer {
    /// A sequencer whose epoch block is the last of the stream.
    pub fn new(
        stream: Stream,
        signer: Arc<Signer>,
        epoch: u64,
        tip: Tip,
        blocks: watch::Sender<Blocks>,
        stopping: watch::Receiver<bool>,
    ) -> Sequencer {
        blocks.send_replace(Blocks { held: tip.number, sent: tip.number });
        Sequencer { stream, signer, epoch, tip, under_way: VecDeque::new(), blocks, beats: Arc::default(), stopping }
    }

    /// The count of beats, for whoever beats.
    pub fn beats(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.beats)
    }

    /// Seals a block, and sends it if it is the next: the servers take the one after it only when they hold it.
    fn send(&mut self, before: &Before<'_>, size: u64, carried: &Carried) -> Result<(), LedgerError> {
        let root = before.history.tree().root_at(size).ok_or(LedgerError::Poisoned)?;
        let Tip { generation, number, hash, .. } = self.tip;
        let number = number + 1;
        let header = Header { ledger: before.ledger.clone(), generation, epoch: self.epoch, number, previous: hash, size, root };
        let bytes = encode(&header, carried, self.signer.node.as_str(), &self.signer.key);
        let hash = note_hash(&bytes);
        self.tip = Tip { generation, number, hash, size: Some(size + carried.entries.len() as u64) };
        self.blocks.send_modify(|blocks| blocks.sent = number);
        let asked = self.under_way.is_empty().then(|| self.stream.begin_append(number, &hash, &bytes));
        self.under_way.push_back(UnderWay { number, hash, bytes, asked });
        Ok(())
    }
}

impl Quorum for Sequencer {
    fn send_entries(&mut self, before: &Before<'_>, entries: &[SealedEntry]) -> Result<(), LedgerError> {
        let mut size = before.size;
        let mut checkpoint = Some(before.checkpoint.clone());
        for part in parts(entries, |entry| entry.bytes.len()) {
            let entries = part.iter().map(|entry| entry.bytes.clone()).collect();
            let carried = Carried { checkpoint: checkpoint.take(), entries, refusals: Vec::new() };
            self.send(before, size, &carried)?;
            size += part.len() as u64;
        }
        Ok(())
    }

    fn send_refusals(&mut self, before: &Before<'_>, refusals: &[Note]) -> Result<(), LedgerError> {
        // A batch that is refused whole is more than a block.
        let refusals: Vec<Vec<u8>> = refusals.iter().map(|note| note.encode().into_bytes()).collect();
        parts(&refusals, Vec::len).into_iter().try_for_each(|part| {
            let carried = Carried { checkpoint: Some(before.checkpoint.clone()), entries: Vec::new(), refusals: part.to_vec() };
            self.send(before, before.size, &carried)
        })
    }

    fn wait(&mut self) -> Result<(), LedgerError> {
        while let Some(UnderWay { number, hash, bytes, asked }) = self.under_way.pop_front() {
            let asked = asked.unwrap_or_else(|| self.stream.begin_append(number, &hash, &bytes));
            held_surely(&self.stream, asked, number, &hash, &bytes, &self.stopping)?;
            self.blocks.send_modify(|blocks| blocks.held = number);
        }
        Ok(())
    }

    fn leave(&mut self, after: &Before<'_>) {
        let beat = Beat {
            ledger: after.ledger.clone(),
            generation: self.tip.generation,
            epoch: self.epoch,
            number: self.tip.number,
            // More than any that is being sent at this moment.
            count: self.beats.fetch_add(2, Ordering::Relaxed) + 2,
            leaves: true,
            checkpoint: after.checkpoint.clone(),
        };
        let client = self.stream.servers().client();
        let told = async {
            client.publish(beat_subject(after.ledger), beat.encode(&self.signer.node, &self.signer.key).into()).await.map_err(drop)?;
            client.flush().await.map_err(drop)
        };
        // Whoever hears nothing waits as after a crash.
        let _ = self.stream.servers().wait(async { tokio::time::timeout(LEAVING, told).await });
    }

    fn patience(&self) -> Duration {
        GATHERING
    }
}

/// Appends a block, trying the same bytes again until somebody answers. Gives its hash.
///
/// # Errors
/// [`LedgerError::Deposed`] where another block has its number; [`LedgerError::Storage`] where the servers refuse, or this process was
/// told to stop before anybody answered.
pub fn append_surely(stream: &Stream, number: u64, bytes: &[u8], stopping: &watch::Receiver<bool>) -> Result<NoteHash, LedgerError> {
    let hash = note_hash(bytes);
    held_surely(stream, stream.begin_append(number, &hash, bytes), number, &hash, bytes, stopping).map(|()| hash)
}

/// The same of a block that was sent once.
fn held_surely(
    stream: &Stream,
    asked: Asked,
    number: u64,
    hash: &NoteHash,
    bytes: &[u8],
    stopping: &watch::Receiver<bool>,
) -> Result<(), LedgerError> {
    let failed = |because: String| LedgerError::Storage { step: PUBLISHING, source: io::Error::other(because) };
    let mut pause = PAUSE_FIRST;
    let mut appended = stream.appended(asked, number, bytes);
    loop {
        match appended {
            Appended::Held => return Ok(()),
            Appended::Taken(theirs) => return Err(LedgerError::Deposed(told(number, &theirs))),
            Appended::Failed(because) => return Err(failed(because)),
            Appended::Gone => return Err(stream_gone(stream, number - 1)),
            Appended::Forbidden(subject) => return Err(unreachable_quorum(ServersError::Forbidden { subject })),
            Appended::Unknown(because) if *stopping.borrow() => {
                return Err(failed(format!("told to stop before a majority answered: {because}")));
            }
            Appended::Unknown(because) => {
                log("no quorum", &json!({ "block": number, "because": because, "advice": "the same block is tried again" }));
                sleep(pause);
                pause = (pause * 2).min(PAUSE_MAX);
                appended = stream.append(number, hash, bytes);
            }
        }
    }
}

fn told(number: u64, theirs: &[u8]) -> String {
    match ledger::block::Block::parse(theirs) {
        Ok(block) => format!("block {number} is of epoch {}, node {}", block.header.epoch, block.node()),
        Err(refusal) => format!("message {number} of the stream is no block: {refusal}"),
    }
}

/// The block that begins an epoch after `tip`: the epoch entry, as this ledger would admit it now, and nothing else.
///
/// # Errors
/// Those of [`Ledger::epoch_entry`].
pub fn epoch_block<S: Storage>(ledger: &Ledger<S>, tip: &Tip, signer: &Signer, clock: UnixMs) -> Result<Vec<u8>, LedgerError> {
    let entry = ledger.epoch_entry(&signer.node, signer.key.public().bytes(), clock)?;
    let size = ledger.history().size();
    let root = ledger.history().tree().root_at(size).ok_or(LedgerError::Poisoned)?;
    let Tip { generation, number, hash, .. } = *tip;
    let (epoch, ledger_id) = (ledger.next_epoch(), ledger.id().clone());
    let header = Header { ledger: ledger_id, generation, epoch, number: number + 1, previous: hash, size, root };
    let carried = Carried { checkpoint: Some(ledger.checkpoint().clone()), entries: vec![entry.bytes], refusals: Vec::new() };
    Ok(encode(&header, &carried, signer.node.as_str(), &signer.key))
}
