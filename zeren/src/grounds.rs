//! What an entry rests on, verified from the record down to the founding. A snapshot trusts the signatures of entries under
//! its checkpoint; whoever holds the checkpoint key alone could have written them, so nothing here trusts them.

use std::collections::BTreeMap;

use ledger::check::Content;
use ledger::entry::Entry;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::{Rows, answers};
use signer::merkle::{leaf_hash, root_of_inclusion};
use signer::rule::Rule;
use signer::{Checkpoint, Refusal, Statement};

use crate::error::Failure;

/// The entry that does not verify: the one that was asked for, or one that it rests on.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Its index.
    pub entry: u64,
    /// Which rule it breaks.
    pub refusal: Refusal,
}

/// Whether an entry verifies with everything that it rests on.
pub type Verdict = Result<(), Fault>;

/// Verifies entries, each once.
pub struct Witness<'a> {
    ledger: &'a Snapshot<Folder>,
    rows: &'a dyn Rows,
    checkpoint: Checkpoint,
    constitutions: Vec<u64>,
    /// Of each entry on its own: the entries that it rests on, all of them earlier.
    grounds: BTreeMap<u64, Result<Vec<u64>, Refusal>>,
    verdicts: BTreeMap<u64, Verdict>,
}

impl<'a> Witness<'a> {
    /// A witness of this ledger; the rows say which entries an entry rests on.
    pub fn new(ledger: &'a Snapshot<Folder>, rows: &'a dyn Rows) -> Result<Witness<'a>, Failure> {
        let checkpoint = Checkpoint::parse(&ledger.checkpoint().text)
            .ok_or_else(|| Failure::Refused(Refusal::new(Rule::CheckpointMissing, "a checkpoint", "none")))?;
        let answer = answers::ledger(rows).map_err(|error| Failure::Views(error.to_string()))?;
        let constitutions = answer.map(|answer| answer.value.constitutions).unwrap_or_default();
        let constitutions = constitutions.into_iter().map(|(entry, _)| entry).collect();
        Ok(Witness { ledger, rows, checkpoint, constitutions, grounds: BTreeMap::new(), verdicts: BTreeMap::new() })
    }

    /// The ledger.
    pub fn ledger(&self) -> &'a Snapshot<Folder> {
        self.ledger
    }

    /// An entry with everything that it rests on. A list instead of recursion: a chain of keys may be as long as the log.
    pub fn vouches(&mut self, entry: u64) -> Result<Verdict, Failure> {
        let mut open = vec![entry];
        while let Some(index) = open.last().copied() {
            let verdict = match self.grounds_of(index)? {
                Err(refusal) => Some(Err(Fault { entry: index, refusal })),
                Ok(grounds) => {
                    let unknown: Vec<u64> = grounds.iter().copied().filter(|ground| !self.verdicts.contains_key(ground)).collect();
                    open.extend(&unknown);
                    let fault = || grounds.iter().find_map(|ground| self.verdicts.get(ground)?.clone().err());
                    unknown.is_empty().then(|| fault().map_or(Ok(()), Err))
                }
            };
            if let Some(verdict) = verdict {
                self.verdicts.insert(index, verdict);
                open.pop();
            }
        }
        Ok(self.verdicts.get(&entry).cloned().unwrap_or(Ok(())))
    }

    /// All of these entries: the first fault.
    pub fn vouches_for_all(&mut self, entries: impl IntoIterator<Item = u64>) -> Result<Verdict, Failure> {
        for entry in entries {
            if let Err(fault) = self.vouches(entry)? {
                return Ok(Err(fault));
            }
        }
        Ok(Ok(()))
    }

    fn grounds_of(&mut self, index: u64) -> Result<Result<Vec<u64>, Refusal>, Failure> {
        if let Some(known) = self.grounds.get(&index) {
            return Ok(known.clone());
        }
        let bytes = self.ledger.entry(index)?.unwrap_or_default();
        let grounds = match self.verify(index, &bytes) {
            Err(refusal) => Err(refusal),
            Ok(content) => self.named_by(index, &content)?,
        };
        self.grounds.insert(index, grounds.clone());
        Ok(grounds)
    }

    /// Bytes from the record: in the tree of the checkpoint, and every signature good.
    fn verify(&self, index: u64, bytes: &[u8]) -> Result<Content, Refusal> {
        let proof = self.ledger.history().tree().inclusion(index, self.checkpoint.size).unwrap_or_default();
        let root = root_of_inclusion(leaf_hash(bytes), index, self.checkpoint.size, &proof);
        if root != Some(self.checkpoint.root) {
            return Err(Refusal::new(Rule::CheckpointRoot, self.checkpoint.root.to_string(), format!("entry {index} leads elsewhere")));
        }
        let entry = Entry::parse(bytes)?;
        ledger::check(entry.note, self.ledger.state().ring()).map(|verified| verified.content)
    }

    /// What gave the signers their offices and made their keys known, the constitution, the procedure, the device.
    fn named_by(&self, index: u64, content: &Content) -> Result<Result<Vec<u64>, Refusal>, Failure> {
        let answer = answers::entry(self.rows, index).map_err(|error| Failure::Views(error.to_string()))?;
        let answer = answer.ok_or_else(|| Failure::Views(format!("entry {index} is not counted")))?.value;
        let mut grounds: Vec<u64> = answer.signed_by.iter().flat_map(|signed| [signed.appointment, signed.key_entry]).collect();
        grounds.extend(self.constitutions.iter().rev().find(|entry| **entry < index));
        if let Content::Statement { statement, .. } = content
            && let Statement::Act { header, .. } = statement.as_ref()
        {
            let state = self.ledger.state();
            grounds.extend(state.device(&header.device).map(|device| device.since));
            if let Some(name) = &header.procedure {
                match state.procedure_named(name) {
                    Some(enacted) => grounds.push(enacted.since),
                    None => return Ok(Err(Refusal::new(Rule::ProcedureVersion, "an enacted procedure", name.id.to_string()))),
                }
            }
        }
        // The founding is its own ground; whatever else an admitted entry rests on came before it.
        grounds.retain(|ground| *ground < index);
        grounds.sort_unstable();
        grounds.dedup();
        Ok(Ok(grounds))
    }
}
