//! A cluster in memory: a ledger that sequences, the blocks that it seals, and followers that read them. No servers, no network.

use std::io;

use ledger::audit::{Finding, Question, audit};
use ledger::block::{Block, Carried, Header, encode, parts};
use ledger::entry::SealedEntry;
use ledger::layout::Layout;
use ledger::policy::Policy;
use ledger::quorum::{Before, Quorum};
use ledger::storage::{Storage as _, read_whole};
use ledger::{Answer, Ledger, LedgerError, Tip};
use signer::Note;
use signer::value::{TreeRoot, UnixMs};

use crate::World;
use crate::cluster::node;
use crate::crowd::{Crowd, SIGNERS};
use crate::disk::Disk;
use crate::world::key;

/// Small enough that a batch crosses every border several times.
pub const LAYOUT: Layout = Layout { segment_entries: 8, bundle_entries: 4, prewritten_bytes: 4_096 };

/// Where the quorum fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// No server takes the entries.
    Entries,
    /// They hold the entries, and nobody hears of it.
    EntriesHeld,
    /// No server takes the refusals.
    Refusals,
    /// They hold the refusals, and nobody hears of it.
    RefusalsHeld,
    /// Somebody else has the number of the entries' block.
    Deposed,
}

/// The blocks of a stream, and whoever seals them now.
pub struct Sealer {
    /// The stream.
    pub blocks: Vec<Vec<u8>>,
    /// Its last block.
    pub tip: Tip,
    /// The sequencer's epoch.
    pub epoch: u64,
    /// Its node, and the name of its key.
    pub node: String,
    /// What fails next.
    pub fails: Option<Fails>,
    /// What waiting will say.
    failed: Option<LedgerError>,
}

impl Sealer {
    fn seal(&mut self, before: &Before<'_>, size: u64, carried: &Carried) {
        let root = before.history.tree().root_at(size).unwrap();
        let Tip { generation, number, hash, .. } = self.tip;
        let header =
            Header { ledger: before.ledger.clone(), generation, epoch: self.epoch, number: number + 1, previous: hash, size, root };
        let bytes = encode(&header, carried, &self.node, &key(&self.node));
        self.tip = self.tip.after(&Block::parse(&bytes).unwrap());
        self.blocks.push(bytes);
    }

    /// Whether this step is the one that fails: whoever waits hears of it, as from servers.
    fn fails(&mut self, step: Fails) -> bool {
        if self.fails != Some(step) {
            return false;
        }
        self.failed = Some(match step {
            Fails::Deposed => LedgerError::Deposed("block of epoch 2, node node-2".to_owned()),
            _ => LedgerError::Storage { step: "publishing a block", source: io::Error::other("no majority answers") },
        });
        true
    }
}

impl Quorum for Sealer {
    fn send_entries(&mut self, before: &Before<'_>, entries: &[SealedEntry]) -> Result<(), LedgerError> {
        if self.fails(Fails::Deposed) || self.fails(Fails::Entries) {
            return Ok(());
        }
        let mut size = before.size;
        for part in parts(entries, |entry| entry.bytes.len()) {
            let entries = part.iter().map(|entry| entry.bytes.clone()).collect();
            self.seal(before, size, &Carried { checkpoint: Some(before.checkpoint.clone()), entries, refusals: Vec::new() });
            size += part.len() as u64;
        }
        self.fails(Fails::EntriesHeld);
        Ok(())
    }

    fn send_refusals(&mut self, before: &Before<'_>, refusals: &[Note]) -> Result<(), LedgerError> {
        if self.fails(Fails::Refusals) {
            return Ok(());
        }
        let refusals = refusals.iter().map(|note| note.encode().into_bytes()).collect();
        self.seal(before, before.size, &Carried { checkpoint: Some(before.checkpoint.clone()), entries: Vec::new(), refusals });
        self.fails(Fails::RefusalsHeld);
        Ok(())
    }

    fn wait(&mut self) -> Result<(), LedgerError> {
        self.failed.take().map_or(Ok(()), Err)
    }
}

/// Holds nothing, and may begin an epoch: what stands behind the door when nobody submits the epoch entry but the node itself.
pub struct Begins;

impl Quorum for Begins {
    fn send_entries(&mut self, _: &Before<'_>, _: &[SealedEntry]) -> Result<(), LedgerError> {
        Ok(())
    }

    fn send_refusals(&mut self, _: &Before<'_>, _: &[Note]) -> Result<(), LedgerError> {
        Ok(())
    }

    fn wait(&mut self) -> Result<(), LedgerError> {
        Ok(())
    }

    fn begins_epoch(&self) -> bool {
        true
    }
}

/// A ledger on a cluster, and its stream.
pub struct Cluster {
    /// The disk on which everybody began: the founded world, before the first block.
    pub start: Disk,
    /// The sequencer's ledger.
    pub ledger: Ledger<Disk>,
    /// Its stream.
    pub stream: Sealer,
}

impl Cluster {
    /// A world's ledger, and the first epoch of its stream.
    pub fn of(world: &World, first: &str) -> Cluster {
        let start = Disk::holding(world, LAYOUT);
        let (ledger, _) = Ledger::open_node(start.fork(), vec![key("checkpoint")], &mut |_| {}).unwrap();
        let stream = Sealer { blocks: Vec::new(), tip: Tip::start(1), epoch: 0, node: String::new(), fails: None, failed: None };
        let mut cluster = Cluster { start, ledger, stream };
        cluster.begin(first);
        cluster
    }

    /// A node begins the next epoch, as a follower that takes over does.
    pub fn begin(&mut self, name: &str) {
        let clock = self.ledger.state().received_last();
        let entry = self.ledger.epoch_entry(&node(name), key(name).public().bytes(), clock).unwrap();
        (self.stream.epoch, self.stream.node) = (self.ledger.next_epoch(), name.to_owned());
        let tip = self.stream.tip;
        let size = self.ledger.history().size();
        let before = Before { ledger: self.ledger.id(), history: self.ledger.history(), size, checkpoint: self.ledger.checkpoint() };
        let carried = Carried { checkpoint: Some(self.ledger.checkpoint().clone()), entries: vec![entry.bytes], refusals: Vec::new() };
        self.stream.seal(&before, size, &carried);
        let block = Block::parse(self.stream.blocks.last().unwrap()).unwrap();
        self.ledger.follow(&tip, &block).unwrap();
    }

    /// A short life under two nodes: an epoch, entries and refusals, a batch that crosses segments, another epoch,
    /// and the same once more.
    pub fn lived() -> Cluster {
        let mut cluster = Cluster::of(&Crowd::founded(), "node-1");
        cluster.record(5, 2);
        cluster.record(SIGNERS, 0);
        cluster.begin("node-2");
        cluster.record(3, 1);
        cluster
    }

    /// Submits so many records, and after them so many that name counters which are used by then: those are refused.
    pub fn record(&mut self, recorded: usize, refused: usize) {
        let (mut late, clock) = Crowd::of(&self.ledger).batch(&self.ledger);
        let notes: Vec<Vec<u8>> = late.drain(..recorded).collect();
        let mut stale = Crowd::of(&self.ledger);
        self.submit(&notes, clock).unwrap();
        let (again, clock) = stale.batch(&self.ledger);
        let answers = self.submit(&again[..refused], clock).unwrap();
        assert!(answers.iter().all(|answer| matches!(answer, Answer::Refused { note: Some(_), .. })), "{answers:?}");
    }

    /// Submits notes together.
    ///
    /// # Errors
    /// Those of the ledger and of the stream.
    pub fn submit(&mut self, notes: &[Vec<u8>], clock: UnixMs) -> Result<Vec<Answer>, LedgerError> {
        let verified = notes.iter().map(|note| ledger::check(note, self.ledger.ring()).unwrap()).collect();
        ledger::append_through(&mut self.ledger, verified, clock, &mut self.stream)
    }

    /// A block, counted from 1 as in the stream.
    pub fn block(&self, number: u64) -> Block {
        Block::parse(&self.stream.blocks[number as usize - 1]).unwrap()
    }

    /// A block that says something else and is signed all the same, with the key of that name.
    pub fn forged(&self, number: u64, signer: &str, edit: impl FnOnce(&mut Header, &mut Carried)) -> Vec<u8> {
        let Block { mut header, mut carried, .. } = self.block(number);
        edit(&mut header, &mut carried);
        encode(&header, &carried, signer, &key(signer))
    }

    /// The sequencer's root at a size.
    pub fn root_at(&self, size: u64) -> TreeRoot {
        self.ledger.history().tree().root_at(size).unwrap()
    }

    /// The stream's tip after so many blocks.
    pub fn tip(&self, blocks: u64) -> Tip {
        (1..=blocks).fold(Tip::start(1), |tip, number| tip.after(&self.block(number)))
    }
}

/// A node that follows.
pub struct Follower {
    /// Its ledger.
    pub ledger: Ledger<Disk>,
    /// The last block that it took.
    pub tip: Tip,
    has_key: bool,
}

impl Follower {
    /// Opens a folder, with the checkpoint key or without, before the first block.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn open(disk: &Disk, has_key: bool) -> Result<Follower, LedgerError> {
        let keys = if has_key { vec![key("checkpoint")] } else { Vec::new() };
        let (ledger, _) = Ledger::open_node(disk.clone(), keys, &mut |_| {})?;
        Ok(Follower { ledger, tip: Tip::start(1), has_key })
    }

    /// The same, placed before the block that brought the last entry.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn placed(disk: &Disk, has_key: bool, blocks: &[Vec<u8>]) -> Result<Follower, LedgerError> {
        let mut follower = Follower::open(disk, has_key)?;
        let size = follower.ledger.history().size();
        let blocks = blocks.iter().map(|bytes| Block::parse(bytes).unwrap());
        follower.tip = blocks.take_while(|block| block.size_after() < size).fold(Tip::start(1), |tip, block| tip.after(&block));
        Ok(follower)
    }

    /// Whether it holds the checkpoint key.
    pub fn has_key(&self) -> bool {
        self.has_key
    }

    /// Takes a block as a node does: it, and then the checkpoint that came with it.
    ///
    /// # Errors
    /// Those of the ledger; a message that is no block.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), LedgerError> {
        let block = Block::parse(bytes).map_err(|refusal| LedgerError::Block { number: self.tip.number + 1, refusal })?;
        self.tip = self.ledger.follow(&self.tip, &block)?;
        block.carried.checkpoint.map_or(Ok(false), |checkpoint| self.ledger.cover_with(&checkpoint))?;
        Ok(())
    }

    /// Takes all blocks after its last.
    ///
    /// # Errors
    /// The same.
    pub fn take_all(&mut self, blocks: &[Vec<u8>]) -> Result<(), LedgerError> {
        blocks.iter().skip(self.tip.number as usize).try_for_each(|bytes| self.take(bytes))
    }

    /// Size and root of what it has.
    pub fn stands(&self) -> (u64, TreeRoot) {
        let size = self.ledger.history().size();
        (size, self.ledger.history().tree().root_at(size).unwrap())
    }

    /// Size of what is signed for.
    pub fn covered(&self) -> u64 {
        self.ledger.seen().unwrap().size
    }
}

/// The refusals that a disk keeps: name and bytes.
pub fn refusals(disk: &Disk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list("refusals").unwrap();
    names.into_iter().map(|name| (name.clone(), read_whole(disk, &format!("refusals/{name}"), 65_000).unwrap().unwrap())).collect()
}

/// What an auditor with the ledger's policy finds in a folder.
pub fn findings(disk: &Disk, policy: &str) -> Vec<Finding> {
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let question = Question { storage: disk, policy: Some(&policy), is_policy_inside: false, known: &[] };
    audit(&question, &mut |_, _| {}).unwrap().findings
}
