//! The ledger that one process has open: founding, opening again, appending. One commit point: `Ledger::commit`.

mod append;
mod follow;

pub use self::append::{Reach, append_through, leave_through};

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use signer::checkpoint::Receipt;
use signer::rule::{Refusal, Rule};
use signer::statement::{Seen, Statement, statement_hash};
use signer::value::{KeyBytes, LedgerId, TreeRoot, UnixMs};
use signer::{Checkpoint, Note, SecretKey};

use crate::admit::admit;
use crate::check::{KeyRing, check};
use crate::entry::SealedEntry;
use crate::error::{LedgerError, storage_error};
use crate::evidence::{self, MapEvidence, Subject};
use crate::history::History;
use crate::marker::{encode_marker, read_marker};
use crate::recovery::Replayed;
use crate::refusal_note::REFUSALS;
use crate::replay::{Admitted, AdmittedEntry};
use crate::segment::{BUNDLES, SLOTS, Segments, encode_slot};
use crate::state::{State, ledger_id};
use crate::storage::{MARKER, Storage, read_whole, write_whole};

/// Folder of the derived hashes.
pub const HASHES: &str = "hashes";

/// The answer to one submission.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It is in the record.
    Recorded {
        /// Proof of it.
        receipt: Box<Receipt>,
        /// Whether it was there before.
        is_repeated: bool,
        /// Rules of the procedure that it breaks without being refused.
        warnings: Vec<Refusal>,
    },
    /// It is not, and nothing was changed.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The same, signed; absent where a rule of format.md section 12 refused.
        note: Option<Box<Note>>,
    },
}

/// What opening found above the last durable checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Entries that had no checkpoint and have one now.
    pub kept: u64,
    /// Whether bytes were cut that are no admissible entries.
    pub has_cut: bool,
}

/// An open ledger.
pub struct Ledger<S: Storage> {
    storage: S,
    keys: Vec<SecretKey>,
    state: State,
    history: History,
    segments: Segments,
    checkpoint: Arc<Note>,
    checkpoint_size: u64,
    next_slot: usize,
    hashes_written: Vec<u64>,
    bundles_written: usize,
    /// Rules that only warn, by the entry that broke them.
    warnings: BTreeMap<u64, Vec<Refusal>>,
    refused_today: HashMap<(KeyBytes, i64), u32>,
    read_only: Option<Refusal>,
    is_poisoned: bool,
}

impl<S: Storage> Ledger<S> {
    /// Founds a ledger in an empty storage.
    ///
    /// # Errors
    /// [`LedgerError::Exists`], [`LedgerError::Founding`], [`LedgerError::OtherCheckpointKey`], or a storage failure, after
    /// which the storage holds no ledger that could be opened, or, where only the last sync failed, the whole of this one.
    pub fn init(storage: S, founding: &[u8], key: SecretKey, clock: UnixMs) -> Result<Self, LedgerError> {
        let exists = storage.len(MARKER).map_err(storage_error("looking for a ledger"))?.is_some();
        if exists || !storage.list("segments").map_err(storage_error("looking for segments"))?.is_empty() {
            return Err(LedgerError::Exists);
        }
        let mut state = State::new(None);
        let verified = check(founding, state.ring()).map_err(LedgerError::Founding)?;
        let admission = admit(&state, &verified, clock, None).map_err(LedgerError::Founding)?;
        let sealed = SealedEntry::new(signer::value::ChainHead::EMPTY, clock, founding);
        state.apply(&verified, clock, admission);
        let id = state.ring().ledger().cloned().ok_or(LedgerError::NotALedger)?;
        let mut history = History::default();
        history.push(sealed.leaf, sealed.chain, clock);
        let mut ledger = Ledger {
            checkpoint: Arc::new(Note { text: String::new(), signatures: Vec::new() }),
            checkpoint_size: 0,
            segments: Segments::new(storage.layout()),
            hashes_written: Vec::new(),
            bundles_written: 0,
            warnings: BTreeMap::new(),
            refused_today: HashMap::new(),
            read_only: None,
            is_poisoned: false,
            next_slot: 0,
            keys: vec![key],
            storage,
            state,
            history,
        };
        ledger.require_key()?;
        ledger.commit(&[sealed])?;
        write_whole(&mut ledger.storage, "", MARKER, encode_marker(&id).as_bytes()).map_err(storage_error("writing the file `ledger`"))?;
        Ok(ledger)
    }

    /// Opens a ledger: reads everything, keeps what is whole, cuts what a crash left behind.
    ///
    /// # Errors
    /// [`LedgerError::NotALedger`]; [`LedgerError::Damaged`] where the record below the last durable checkpoint is not what
    /// was signed; [`LedgerError::OtherCheckpointKey`]; [`LedgerError::OnACluster`] where something would be signed for that perhaps
    /// nobody else holds; storage failures.
    pub fn open(storage: S, keys: Vec<SecretKey>, progress: &mut dyn FnMut(u64)) -> Result<(Self, Recovered), LedgerError> {
        Ledger::open_as(storage, keys, true, progress)
    }

    /// Closes and opens a ledger of a cluster again: after a block that could not be taken whole.
    ///
    /// # Errors
    /// Those of [`Ledger::open_node`].
    pub fn reopen_node(self) -> Result<Self, LedgerError> {
        Ok(Ledger::open_node(self.storage, self.keys, &mut |_| {})?.0)
    }

    /// Opens a ledger of a cluster, with the checkpoint key or without. What no checkpoint covers is cut: either others hold it, and it
    /// comes again, or nobody does, and then it must not.
    ///
    /// # Errors
    /// As [`Ledger::open`], but for the key.
    pub fn open_node(storage: S, keys: Vec<SecretKey>, progress: &mut dyn FnMut(u64)) -> Result<(Self, Recovered), LedgerError> {
        Ledger::open_as(storage, keys, false, progress)
    }

    fn open_as(storage: S, keys: Vec<SecretKey>, keeps: bool, progress: &mut dyn FnMut(u64)) -> Result<(Self, Recovered), LedgerError> {
        let id = read_marker(&storage)?.ok_or(LedgerError::NotALedger)?;
        let (replayed, slot) = Replayed::read(&storage, &id, keeps, progress)?;
        let recovered = Recovered { kept: replayed.kept.len() as u64, has_cut: replayed.has_tail };
        let Replayed { state, history, segments, kept, segments_kept, warnings, .. } = replayed;
        if !kept.is_empty() && state.epoch().is_some() {
            return Err(LedgerError::OnACluster);
        }
        let mut ledger = Ledger {
            hashes_written: Vec::new(),
            bundles_written: 0,
            warnings,
            refused_today: HashMap::new(),
            read_only: None,
            is_poisoned: false,
            next_slot: 1 - slot.number,
            checkpoint_size: slot.checkpoint.size,
            checkpoint: Arc::new(slot.note),
            storage,
            keys,
            state,
            history,
            segments,
        };
        // Nothing is changed for somebody who could not go on.
        if keeps {
            ledger.require_key()?;
        }
        ledger.settle_slot(SLOTS[slot.number]).map_err(storage_error("making the last checkpoint durable"))?;
        ledger.settle_segments(&segments_kept, recovered.has_cut || !keeps).map_err(storage_error("cutting what a crash left"))?;
        if !kept.is_empty() {
            // The kept entries may never have become durable: they are written again, and only then signed for.
            ledger.commit(&kept)?;
        }
        // Derived files may fail: whoever reads them gets the hashes made anew.
        let _ = ledger.remake_hashes().and_then(|()| ledger.remake_bundles());
        Ok((ledger, recovered))
    }

    /// The last checkpoint was read, but perhaps from memory: a process before this one may have failed to sync it, and then a
    /// second sync would write nothing. So it is written again, in place, before the other slot may be overwritten. Should that be
    /// torn, either it was durable and these are the same bytes, or the other slot is the durable one.
    fn settle_slot(&mut self, slot: &str) -> io::Result<()> {
        self.storage.write_at(slot, 0, &encode_slot(&self.checkpoint))?;
        self.storage.sync(slot)?;
        self.storage.sync_folder("")
    }

    /// Cuts what follows the entries that are kept.
    fn settle_segments(&mut self, kept: &Segments, cuts: bool) -> io::Result<()> {
        if cuts {
            kept.cut(&mut self.storage)?;
        }
        self.segments.keep_allocated(&self.storage)
    }

    /// The ledger's id.
    pub fn id(&self) -> &LedgerId {
        // A ledger is only ever made from an admitted founding, which gives it its id.
        self.state.ring().ledger().unwrap_or_else(|| unreachable!("a ledger without founding"))
    }

    /// What the entries have made true.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Tree, chain heads and times.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Keys to check submissions with.
    pub fn ring(&self) -> &KeyRing {
        self.state.ring()
    }

    /// The storage.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// Gives the storage back.
    pub fn into_storage(self) -> S {
        self.storage
    }

    /// The latest signed checkpoint.
    pub fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }

    /// Size, root and chain head of the latest checkpoint, for a `seen` line.
    pub fn seen(&self) -> Option<Seen> {
        self.history.seen_at(self.checkpoint_size)
    }

    /// The bytes of an entry.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        self.segments.read(&self.storage, index).map_err(storage_error("reading an entry"))
    }

    /// The bytes of up to `most` durable entries from one on, in order: a bundle of tiles.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn entries(&self, from: u64, most: u64) -> Result<Vec<Vec<u8>>, LedgerError> {
        let reading = storage_error("reading entries");
        let mut reader = self.segments.reader(&self.storage, from).map_err(&reading)?;
        let mut entries = Vec::new();
        while (entries.len() as u64) < most.min(self.checkpoint_size.saturating_sub(from)) {
            let Some(entry) = reader.next_entry().map_err(&reading)? else { break };
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Shows every durable entry from one on, in order, until there are no more or `visit` breaks: what views are made of.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] where the storage no longer holds what was admitted; storage failures.
    pub fn admitted(&self, from: u64, visit: &mut dyn FnMut(&AdmittedEntry<'_>) -> ControlFlow<()>) -> Result<(), LedgerError> {
        self.admitted_before(from, u64::MAX, visit)
    }

    /// The same of those before an index: no more is read than that.
    ///
    /// # Errors
    /// The same.
    pub fn admitted_before(
        &self,
        from: u64,
        end: u64,
        visit: &mut dyn FnMut(&AdmittedEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        let Self { storage, segments, history, warnings, .. } = self;
        let size = self.seen().map_or(0, |seen| seen.size).min(end);
        Admitted { storage, segments, history, size, warnings, ring: self.ring() }.visit(from, visit)
    }

    /// Adds a checkpoint key that an amendment will put in force.
    pub fn hold_key(&mut self, key: SecretKey) {
        self.keys.push(key);
    }

    /// Shows the ledger a checkpoint of its own that somebody else holds. One that is larger than the log, or contradicts
    /// it, makes the ledger read-only.
    ///
    /// # Errors
    /// The refusal with which everything is answered from now on; or one that says that the note is no checkpoint of this ledger.
    pub fn show(&mut self, note: &Note) -> Result<(), Refusal> {
        let checkpoint = Checkpoint::parse(&note.text)
            .ok_or_else(|| Refusal::new(Rule::CheckpointFormat, "a checkpoint of three lines", note.text.replace('\n', " / ")))?;
        if checkpoint.origin != self.id().as_str() {
            return Err(Refusal::new(Rule::KnownOther, self.id().to_string(), checkpoint.origin));
        }
        if !self.ring().checkpoint_keys().signed(note) {
            return Err(Refusal::new(Rule::KnownSignature, "a signature by a checkpoint key of this ledger", "none that verifies"));
        }
        let refusal = match self.history.tree().root_at(checkpoint.size) {
            None => Refusal::new(Rule::Rollback, format!("at least {} entries", checkpoint.size), self.history.size().to_string()),
            Some(root) if root != checkpoint.root => Refusal::new(Rule::Fork, root.to_string(), checkpoint.root.to_string()),
            Some(_) => return Ok(()),
        };
        self.read_only = Some(Refusal::new(Rule::ReadOnly, "a ledger that holds every checkpoint it signed", refusal.to_string()));
        Err(refusal)
    }

    /// The refusal with which everything is answered since a later or another checkpoint was shown, if one was.
    pub const fn read_only(&self) -> Option<&Refusal> {
        self.read_only.as_ref()
    }

    /// Does something after whose failure the log in memory may be longer than on the disk.
    pub(crate) fn or_poisoned<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        if self.is_poisoned {
            return Err(LedgerError::Poisoned);
        }
        let done = act(self);
        self.is_poisoned = done.is_err();
        done
    }

    /// Keeps a signed refusal. The first refusal of a note stays; later ones are answered, not kept.
    pub(crate) fn write_refusal(&mut self, name: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        let is_kept = self.storage.len(&format!("{REFUSALS}/{name}")).map_err(storage_error("looking for a refusal"))?.is_some();
        let written = if is_kept {
            // Perhaps by a process that failed before its name was durable, and so kept the answer back.
            self.storage.sync_folder(REFUSALS).and_then(|()| self.storage.sync_folder(""))
        } else {
            write_whole(&mut self.storage, REFUSALS, name, bytes)
        };
        written.map_err(storage_error("writing a refusal"))
    }

    /// Proof that an entry is in the log of the latest checkpoint.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn receipt(&self, index: u64) -> Result<Option<Receipt>, LedgerError> {
        Ok(self.history.receipt(index, self.checkpoint_size, &self.checkpoint))
    }

    /// What the latest durable index entry says of a case or key, with proof; nothing where there is none.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn prove(&self, subject: Subject) -> Result<Option<MapEvidence>, LedgerError> {
        let entry = |index| self.entry(index);
        evidence::latest(&self.state, &self.history, (self.checkpoint_size, &self.checkpoint), &entry, subject)
    }

    /// Makes entries, and the checkpoint that covers them, durable. Only after this returns may receipts leave.
    fn commit(&mut self, entries: &[SealedEntry]) -> Result<(), LedgerError> {
        // 1. The entries, durable: a checkpoint never covers what might be lost.
        self.write_entries(entries)?;
        // 2. The checkpoint.
        self.sign_for_all()
    }

    /// Signs a checkpoint of everything, which is durable, and makes that durable.
    fn sign_for_all(&mut self) -> Result<(), LedgerError> {
        let size = self.history.size();
        let root: TreeRoot = self.history.tree().root_at(size).ok_or(LedgerError::Poisoned)?;
        let checkpoint = Checkpoint { origin: self.id().to_string(), size, root }.sign(self.key_in_force()?);
        self.cover(checkpoint, size)
    }

    /// Makes entries durable; no checkpoint covers them yet.
    pub(crate) fn write_entries(&mut self, entries: &[SealedEntry]) -> Result<(), LedgerError> {
        self.segments.append(&mut self.storage, entries).map_err(storage_error("writing entries"))
    }

    /// Makes a checkpoint durable, in the slot that does not hold the last one: a torn write leaves that one whole.
    pub(crate) fn cover(&mut self, checkpoint: Note, size: u64) -> Result<(), LedgerError> {
        let slot = SLOTS[self.next_slot];
        let is_new = self.storage.len(slot).map_err(storage_error("looking for a checkpoint slot"))?.is_none();
        self.storage.write_at(slot, 0, &encode_slot(&checkpoint)).map_err(storage_error("writing the checkpoint"))?;
        let synced = self.storage.sync(slot).and_then(|()| if is_new { self.storage.sync_folder("") } else { Ok(()) });
        synced.map_err(storage_error("making the checkpoint durable"))?;
        // The commit point: entries and checkpoint are durable.
        self.checkpoint = Arc::new(checkpoint);
        self.checkpoint_size = size;
        self.next_slot = 1 - self.next_slot;
        // Derived files may fail: they are made anew when the ledger is opened.
        let _ = self.append_hashes().and_then(|()| self.append_bundles());
        Ok(())
    }

    fn key_in_force(&self) -> Result<&SecretKey, LedgerError> {
        self.key_at(self.state.size())
    }

    fn key_at(&self, size: u64) -> Result<&SecretKey, LedgerError> {
        let expected = self.state.checkpoint_key_at(size).copied();
        self.keys.iter().find(|key| Some(key.public().bytes()) == expected).ok_or_else(|| LedgerError::OtherCheckpointKey {
            expected: expected.map_or_else(String::new, |key| key.to_string()),
            found: self.keys.iter().map(|key| key.public().bytes().to_string()).collect::<Vec<_>>().join(", "),
        })
    }

    fn require_key(&self) -> Result<(), LedgerError> {
        self.key_in_force().map(|_| ())
    }

    /// Appends to the derived hash files, a full tile at a time: they are no part of the commit, and small writes cost as much as it.
    fn append_hashes(&mut self) -> io::Result<()> {
        const TILE_HASHES: u64 = 256;
        if self.history.size() - self.hashes_written.first().copied().unwrap_or(0) < TILE_HASHES {
            return Ok(());
        }
        for (level, nodes) in self.history.tree().levels().iter().enumerate() {
            if self.hashes_written.len() == level {
                self.hashes_written.push(0);
            }
            let from = self.hashes_written[level];
            if (nodes.len() as u64) > from {
                let bytes: Vec<u8> = nodes[from as usize..].iter().flat_map(|hash| hash.0).collect();
                self.storage.write_at(&hash_file(level), from * 32, &bytes)?;
                self.hashes_written[level] = nodes.len() as u64;
            }
        }
        Ok(())
    }

    /// Appends the offsets of bundles that were begun, where there are any.
    fn append_bundles(&mut self) -> io::Result<()> {
        let bundles = self.segments.bundles();
        if bundles.len() > self.bundles_written {
            let bytes: Vec<u8> = bundles[self.bundles_written..].iter().flat_map(|offset| offset.to_be_bytes()).collect();
            self.storage.write_at(BUNDLES, self.bundles_written as u64 * 8, &bytes)?;
            self.bundles_written = bundles.len();
        }
        Ok(())
    }

    /// Writes the file of offsets if it differs.
    fn remake_bundles(&mut self) -> io::Result<()> {
        let expected: Vec<u8> = self.segments.bundles().iter().flat_map(|offset| offset.to_be_bytes()).collect();
        let found = read_whole(&self.storage, BUNDLES, expected.len() as u64).unwrap_or_default();
        if found.as_deref() != Some(&expected[..]) {
            self.storage.write_at(BUNDLES, 0, &expected)?;
            self.storage.set_len(BUNDLES, expected.len() as u64)?;
        }
        self.bundles_written = self.segments.bundles().len();
        Ok(())
    }

    /// Writes what differs of the derived hash files.
    fn remake_hashes(&mut self) -> io::Result<()> {
        self.hashes_written.clear();
        for (level, nodes) in self.history.tree().levels().iter().enumerate() {
            let expected: Vec<u8> = nodes.iter().flat_map(|hash| hash.0).collect();
            let found = read_whole(&self.storage, &hash_file(level), expected.len() as u64).unwrap_or_default();
            if found.as_deref() != Some(&expected[..]) {
                self.storage.write_at(&hash_file(level), 0, &expected)?;
                self.storage.set_len(&hash_file(level), expected.len() as u64)?;
            }
            self.hashes_written.push(nodes.len() as u64);
        }
        Ok(())
    }
}

/// Name of the file of a level's hashes.
pub fn hash_file(level: usize) -> String {
    format!("{HASHES}/{level}")
}

/// The id that a founding note gives its ledger, if it is one.
pub fn founded_id(founding: &[u8]) -> Option<LedgerId> {
    let note = Note::parse(founding).ok()?;
    match Statement::parse(&note.text).ok()? {
        Statement::Founding(found) => ledger_id(&found.origin, &statement_hash(&note.text)),
        Statement::Act { .. } => None,
    }
}
