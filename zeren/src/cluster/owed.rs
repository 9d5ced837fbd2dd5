//! What a node's record must hold before the node may sequence: checkpoints of this ledger that it signed or followed once, or that
//! somebody showed, and that are later than its record. A ledger on one machine that lacks such a thing was set back; a node may be
//! behind, and reads what it lacks from the stream. So it follows, and begins no epoch until nothing is owed any more.

use std::sync::{Arc, Mutex, PoisonError};

use ledger::following::Record;
use signer::value::TreeRoot;
use signer::{Checkpoint, Note, Refusal, Rule};

/// Sizes and roots, shared by whoever learns of them and whoever must know.
#[derive(Clone, Debug, Default)]
pub struct Owed(Arc<Mutex<Vec<(u64, TreeRoot)>>>);

impl Owed {
    /// These sizes and roots.
    pub fn new(all: Vec<(u64, TreeRoot)>) -> Owed {
        Owed(Arc::new(Mutex::new(all)))
    }

    /// Adds a checkpoint that is later than the record, if it is signed by a checkpoint key that the record knows. Whether it was: any
    /// other says something else.
    pub fn take(&self, note: &Note, record: &dyn Record) -> bool {
        record.state().ring().checkpoint_keys().signed(note) && self.take_own(note, record)
    }

    /// The same of a checkpoint that this program kept: the record may lack the amendment that made its key known.
    pub fn take_own(&self, note: &Note, record: &dyn Record) -> bool {
        match Checkpoint::parse(&note.text) {
            Some(Checkpoint { origin, size, root }) if origin == record.id().as_str() && size > record.history().size() => {
                self.add(size, root);
                true
            }
            _ => false,
        }
    }

    /// Adds a size and the root at it.
    pub fn add(&self, size: u64, root: TreeRoot) {
        let mut owed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !owed.contains(&(size, root)) {
            owed.push((size, root));
        }
    }

    /// Forgets what the record holds by now. Gives the largest size that it still lacks.
    ///
    /// # Errors
    /// The record went on to another root: what was signed once is not part of it.
    pub fn settle(&self, record: &dyn Record) -> Result<Option<u64>, Refusal> {
        let mut owed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = record.history().tree();
        for (size, root) in owed.iter() {
            if let Some(found) = tree.root_at(*size).filter(|found| found != root) {
                return Err(Refusal::new(Rule::Fork, root.to_string(), found.to_string()));
            }
        }
        owed.retain(|(size, _)| tree.root_at(*size).is_none());
        Ok(owed.iter().map(|(size, _)| *size).max())
    }
}
