//! A record read entry by entry, without replaying it: each entry that is given lies in the tree of the latest signed checkpoint.
//!
//! Where entries lie and what the tree's hashes are is read from the derived files `bundles` and `hashes/`, which nobody believes:
//! every entry is verified by its way up to the checkpoint's root. What does not verify, or cannot be found, by those files is
//! looked for again with offsets and hashes made anew from the segments; only then is the record damaged.
//!
//! Nothing here says that an entry was rightly admitted: whoever asks verifies its signatures and what they rest on.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::{Mutex, OnceLock, PoisonError};

use signer::checkpoint::is_signed_by;
use signer::merkle::{leaf_hash, node_hash, root_of_inclusion};
use signer::rule::Rule;
use signer::statement::Statement;
use signer::value::{KeyBytes, LedgerId, TreeHash, UnixMs};
use signer::{Checkpoint, Note};

use crate::check::KeyRing;
use crate::entry::Entry;
use crate::error::{LedgerError, storage_error};
use crate::history::{Nodes, Tree, inclusion, root_at};
use crate::ledger::{founded_id, hash_file};
use crate::marker::read_marker;
use crate::parallel::map_all;
use crate::recovery::{damaged, read_slots};
use crate::replay::CHUNK_ENTRIES;
use crate::segment::{EntryReader, Segments, read_bundles};
use crate::storage::{Storage, read_full};

/// Entries at the end of the log that the derived files may lack before everything is made anew.
const BEHIND_MAX: u64 = 65_536;

/// A record under its latest checkpoint.
pub struct Record<S: Storage> {
    storage: S,
    id: LedgerId,
    checkpoint: Checkpoint,
    note: Note,
    ring: KeyRing,
    derived: Option<Derived>,
    anew: OnceLock<(Tree, Segments)>,
}

/// Hashes and offsets as the derived files have them.
struct Derived {
    /// Whole hashes of each level's file that lie within the checkpoint's tree.
    counts: Vec<u64>,
    /// Hashes of the leaves that the files do not have yet.
    edge: Vec<TreeHash>,
    segments: Segments,
    /// Nodes that were read: ways up share their upper ones.
    known: Mutex<HashMap<(usize, u64), TreeHash>>,
    /// Where the entries of bundles lie that were walked through: what an entry rests on lies near other such entries.
    places: Mutex<HashMap<u64, Vec<u64>>>,
}

/// The tree, read from the derived files.
struct FileNodes<'a> {
    derived: &'a Derived,
    storage: &'a dyn Storage,
}

impl Nodes for FileNodes<'_> {
    fn node(&self, level: usize, at: u64) -> Option<TreeHash> {
        let known = || self.derived.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hash) = known().get(&(level, at)) {
            return Some(*hash);
        }
        let hash = if at < self.derived.counts.get(level).copied().unwrap_or(0) {
            let mut hash = [0; 32];
            let read = read_full(self.storage, &hash_file(level), at * 32, &mut hash).ok()?;
            (read == 32).then_some(TreeHash(hash))?
        } else if level == 0 {
            let leaf = at.checked_sub(self.derived.counts.first().copied().unwrap_or(0))?;
            *self.derived.edge.get(usize::try_from(leaf).ok()?)?
        } else {
            node_hash(&self.node(level - 1, 2 * at)?, &self.node(level - 1, 2 * at + 1)?)
        };
        known().insert((level, at), hash);
        Some(hash)
    }
}

impl Derived {
    /// The derived files as far as they go; nothing where they are not fit to read by.
    fn read(storage: &dyn Storage, size: u64) -> Option<Derived> {
        let levels = size.checked_ilog2().map_or(0, |top| top as usize + 1);
        let count = |level: usize| {
            let length = storage.len(&hash_file(level)).ok().flatten().unwrap_or(0);
            (length / 32).min(size >> level)
        };
        let counts: Vec<u64> = (0..levels).map(count).collect();
        let leaves = counts.first().copied().unwrap_or(0);
        // They are written together: a level that lacks what the leaves have is damaged.
        let is_fit = counts.iter().enumerate().all(|(level, count)| *count == leaves >> level);
        if !is_fit || size - leaves > BEHIND_MAX {
            return None;
        }
        let segments = Segments::found(storage.layout(), size, read_bundles(storage, size).ok()?);
        let segments = segments.walked(storage, BEHIND_MAX).ok().flatten()?;
        let mut reader = segments.reader(storage, leaves).ok()?;
        let mut edge = Vec::new();
        while leaves + (edge.len() as u64) < size {
            edge.push(leaf_hash(&reader.next_entry().ok().flatten()?));
        }
        Some(Derived { counts, edge, segments, known: Mutex::default(), places: Mutex::default() })
    }

    /// The bytes that the offsets lead to.
    fn entry(&self, storage: &dyn Storage, index: u64) -> Option<Vec<u8>> {
        let bundle = index / storage.layout().bundle_entries;
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let places = match places.entry(bundle) {
            Slot::Occupied(known) => known.into_mut(),
            Slot::Vacant(new) => new.insert(self.segments.places(storage, bundle, u64::MAX).ok()?),
        };
        self.segments.read_at(storage, index, places).ok()?
    }
}

impl<S: Storage> Record<S> {
    /// Opens a record. `constitutions` are the entries of the founding and its amendments, in order, as the caller knows them: they
    /// say which keys sign checkpoints.
    ///
    /// # Errors
    /// [`LedgerError::NotALedger`]; [`LedgerError::Damaged`] where no slot holds a checkpoint that is signed with the key in force
    /// and has the record's root; storage failures.
    pub fn open(storage: S, constitutions: &[u64]) -> Result<Record<S>, LedgerError> {
        let id = read_marker(&storage)?.ok_or(LedgerError::NotALedger)?;
        let mut slots = read_slots(&storage, &id).map_err(storage_error("reading a checkpoint slot"))?;
        slots.sort_by_key(|slot| slot.checkpoint.size);
        let mut storage = storage;
        let mut first = None;
        while let Some(slot) = slots.pop() {
            let mut record = Record::new(storage, id.clone(), slot.checkpoint, slot.note);
            match record.learn(constitutions) {
                Ok(()) => return Ok(record),
                Err(error) => _ = first.get_or_insert(error),
            }
            storage = record.storage;
        }
        Err(first.unwrap_or_else(|| damaged(0, Rule::CheckpointMissing, "a slot with a signed checkpoint of this ledger", "none")))
    }

    /// The same under a checkpoint that is given, such as that of a [`crate::snapshot::Snapshot`].
    ///
    /// # Errors
    /// As [`Record::open`].
    pub fn under(storage: S, note: &Note, constitutions: &[u64]) -> Result<Record<S>, LedgerError> {
        let id = read_marker(&storage)?.ok_or(LedgerError::NotALedger)?;
        let checkpoint = Checkpoint::parse(&note.text).filter(|checkpoint| checkpoint.origin == id.as_str());
        let none = || damaged(0, Rule::CheckpointMissing, "a checkpoint of this ledger", "another");
        let mut record = Record::new(storage, id, checkpoint.ok_or_else(none)?, note.clone());
        record.learn(constitutions)?;
        Ok(record)
    }

    fn new(storage: S, id: LedgerId, checkpoint: Checkpoint, note: Note) -> Record<S> {
        let derived = Derived::read(&storage, checkpoint.size);
        let ring = KeyRing::new(Some(id.clone()));
        Record { storage, id, checkpoint, note, ring, derived, anew: OnceLock::new() }
    }

    /// The keys that sign checkpoints and witness them; the latest must have signed this one, whose root must be the record's.
    fn learn(&mut self, constitutions: &[u64]) -> Result<(), LedgerError> {
        let size = self.checkpoint.size;
        let mut in_force: Option<KeyBytes> = None;
        for index in constitutions.iter().copied().filter(|index| *index < size) {
            let bytes = self.entry(index)?.unwrap_or_default();
            let at = |refusal| LedgerError::Damaged { index, refusal };
            let entry = Entry::parse(&bytes).map_err(at)?;
            let statement = Statement::parse(&Note::parse(entry.note).map_err(at)?.text).map_err(at)?;
            let other = || damaged(index, Rule::LedgerOther, self.id.as_str(), "the founding of another ledger");
            in_force = match &statement {
                Statement::Founding(_) if founded_id(entry.note).as_ref() != Some(&self.id) => return Err(other()),
                Statement::Founding(founding) => Some(founding.constitution.checkpoint_key),
                Statement::Act { act: signer::act::Act::Amend { constitution, .. }, .. } => Some(constitution.checkpoint_key),
                Statement::Act { .. } => return Err(damaged(index, Rule::FoundingMissing, "a founding or amendment", "another act")),
            };
            self.ring.learn(&statement);
        }
        let key = in_force.and_then(|expected| self.ring.checkpoint_keys().key(&expected));
        let is_signed = |line| key.is_some_and(|key| is_signed_by(&self.note.text, line, self.id.as_str(), key));
        if !self.note.signatures.iter().any(is_signed) {
            return Err(damaged(size, Rule::CheckpointKey, "a checkpoint signed with the key in force", "another"));
        }
        Ok(())
    }

    /// The ledger's id.
    pub fn id(&self) -> &LedgerId {
        &self.id
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// What the checkpoint says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The signed checkpoint.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// The keys that the constitutions name: founders', checkpoint keys, witnesses'.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// The bytes of an entry, which is in the tree of the checkpoint; nothing beyond its end.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] where the record does not hold the entry that is in the tree; storage failures.
    pub fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        if index >= self.size() {
            return Ok(None);
        }
        let by_files = self.derived.as_ref().filter(|_| self.anew.get().is_none()).and_then(|derived| {
            let bytes = derived.entry(&self.storage, index)?;
            self.is_in(index, &bytes, &FileNodes { derived, storage: &self.storage }).then_some(bytes)
        });
        if by_files.is_some() {
            return Ok(by_files);
        }
        let (tree, segments) = self.anew()?;
        let bytes = segments.read(&self.storage, index).map_err(storage_error("reading an entry"))?.unwrap_or_default();
        if self.is_in(index, &bytes, tree) {
            return Ok(Some(bytes));
        }
        Err(damaged(index, Rule::CheckpointRoot, &self.checkpoint.root.to_string(), &format!("entry {index} leads elsewhere")))
    }

    /// When an entry was received.
    ///
    /// # Errors
    /// As [`Record::entry`].
    pub fn received(&self, index: u64) -> Result<Option<UnixMs>, LedgerError> {
        let bytes = self.entry(index)?;
        let entry = bytes.as_deref().map(Entry::parse).transpose().map_err(|refusal| LedgerError::Damaged { index, refusal })?;
        Ok(entry.map(|entry| entry.received))
    }

    fn is_in(&self, index: u64, bytes: &[u8], nodes: &dyn Nodes) -> bool {
        let Checkpoint { size, root, .. } = &self.checkpoint;
        let proof = inclusion(nodes, index, *size);
        proof.is_some_and(|proof| root_of_inclusion(leaf_hash(bytes), index, *size, &proof) == Some(*root))
    }

    /// Hashes and offsets, made from the segments: their root is the checkpoint's.
    fn anew(&self) -> Result<&(Tree, Segments), LedgerError> {
        if let Some(made) = self.anew.get() {
            return Ok(made);
        }
        let size = self.size();
        let (mut tree, mut segments) = (Tree::default(), Segments::new(self.storage.layout()));
        let mut reader = EntryReader::new(&self.storage);
        while tree.size() < size {
            let mut chunk = Vec::new();
            while chunk.len() < CHUNK_ENTRIES && tree.size() + (chunk.len() as u64) < size {
                match reader.next_entry().map_err(storage_error("reading entries"))? {
                    Some(bytes) => chunk.push(bytes),
                    None => break,
                }
            }
            if chunk.is_empty() {
                return Err(damaged(tree.size(), Rule::EntriesMissing, &format!("{size} entries"), &tree.size().to_string()));
            }
            for (leaf, length) in map_all(chunk, |bytes| (leaf_hash(&bytes), bytes.len())) {
                tree.push(leaf);
                segments.note_existing(length);
            }
        }
        match root_at(&tree, size) {
            Some(root) if root == self.checkpoint.root => Ok(self.anew.get_or_init(|| (tree, segments))),
            root => {
                let found = root.map_or("fewer entries".to_owned(), |root| root.to_string());
                Err(damaged(size, Rule::CheckpointRoot, &self.checkpoint.root.to_string(), &found))
            }
        }
    }
}
