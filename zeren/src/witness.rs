//! A witness (C2SP tlog-witness 1.0.0): it remembers the largest checkpoint of each log and cosigns none that does not continue it.

pub mod request;
pub mod serve;
pub mod store;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ledger::fork::{Document, ForkProof, Key, Prefix};
use signer::checkpoint::{Checkpoint, cosign, is_signed_by};
use signer::merkle::{empty_root, prefix_root, verifies_consistency};
use signer::note::{NOTE_BYTES_MAX, Note, SignatureLine, TYPE_COSIGNATURE, TYPE_ED25519, key_id};
use signer::value::TreeRoot;
use signer::{PublicKey, SecretKey};

use self::request::AddCheckpoint;
use self::store::Store;
use crate::error::Failure;

/// A clock may be put back by so many seconds before the witness signs nothing.
const CLOCK_BACK_SECONDS_MAX: u64 = 300;

/// A witness.
pub struct Witness {
    name: String,
    key: SecretKey,
    store: Store,
    logs: BTreeMap<String, Log>,
}

/// A log that it knows.
struct Log {
    keys: Vec<PublicKey>,
    /// Held from the first look at it to its being durable: two requests never see the same one.
    latest: Mutex<Latest>,
}

/// What was cosigned last for a log.
#[derive(Clone, Debug)]
pub struct Latest {
    /// Number of entries; 0 also before anything was cosigned.
    pub size: u64,
    /// Root of the tree.
    pub root: TreeRoot,
    /// Time of the cosignature, in Unix seconds.
    pub seconds: u64,
    /// The note with the log's signatures and this witness's; none before anything was cosigned.
    pub note: Option<Note>,
    /// After a failed write nobody knows what the disk holds.
    pub is_in_doubt: bool,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Answer {
    /// 200: the cosignature line.
    Cosigned(SignatureLine),
    /// 404.
    UnknownOrigin,
    /// 403.
    NotSigned,
    /// 400: `old` is above the checkpoint's size.
    OldAbove,
    /// 400: the note with the cosignature would be longer than any note.
    TooLong,
    /// 409: `old` is not the size that was cosigned last, which is this.
    OtherOld(u64),
    /// 409: another root of the size that was cosigned last.
    OtherRoot(u64),
    /// 422.
    ProofUnlike(&'static str),
    /// 503: the clock went back by so many seconds.
    ClockBack(u64),
    /// 503: what was cosigned could not be kept.
    NotKept,
}

/// An answer, and what is said of it in the log of this machine.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The file of the fork proof that the request made possible.
    pub fork: Option<Result<String, String>>,
}

impl Witness {
    /// Takes up what the folder holds.
    ///
    /// # Errors
    /// A file that is damaged or missing: the witness does not begin again at 0.
    pub fn open(store: Store, name: &str, key: SecretKey, logs: Vec<(String, PublicKey)>) -> Result<Witness, Failure> {
        let mut keys: BTreeMap<String, Vec<PublicKey>> = BTreeMap::new();
        for (origin, key) in logs {
            keys.entry(origin).or_default().push(key);
        }
        let mut known = BTreeMap::new();
        for (origin, keys) in keys {
            let latest = Mutex::new(store.latest(&origin, &keys, &Key::cosigns(name, key.public()))?);
            known.insert(origin, Log { keys, latest });
        }
        Ok(Witness { name: name.to_owned(), key, store, logs: known })
    }

    /// The note that was cosigned last for the log of this file name (SHA-256 of the origin).
    pub fn checkpoint(&self, file_name: &str) -> Option<Note> {
        let log = self.logs.iter().find(|(origin, _)| store::file_name(origin) == file_name)?.1;
        log.latest.lock().unwrap_or_else(PoisonError::into_inner).note.clone()
    }

    /// Judges a request in the order of the specification; what is cosigned is durable before it returns.
    pub fn add_checkpoint(&self, request: &AddCheckpoint, now_seconds: u64) -> Answered {
        let alone = |answer| Answered { answer, fork: None };
        let shown = &request.checkpoint;
        let Some(log) = self.logs.get(&shown.origin) else { return alone(Answer::UnknownOrigin) };
        let Some(signatures) = trusted_signatures(&request.note, &shown.origin, &log.keys) else { return alone(Answer::NotSigned) };
        let mut latest = log.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.is_in_doubt {
            return alone(Answer::NotKept);
        }
        let fork = self.fork(log, &latest, request).map(|proof| self.store.keep_fork(&proof));
        let answer = match judge(&latest, request) {
            Some(refused) => refused,
            None => self.cosign(&mut latest, request, signatures, now_seconds),
        };
        Answered { answer, fork }
    }

    fn cosign(&self, latest: &mut Latest, request: &AddCheckpoint, signatures: Vec<SignatureLine>, now_seconds: u64) -> Answer {
        let back = latest.seconds.saturating_sub(now_seconds);
        if back > CLOCK_BACK_SECONDS_MAX {
            return Answer::ClockBack(back);
        }
        let seconds = now_seconds.max(latest.seconds);
        let (text, Checkpoint { origin, size, root }) = (&request.note.text, &request.checkpoint);
        let line = cosign(text, &self.name, &self.key, seconds);
        let mut note = Note { text: text.clone(), signatures };
        note.signatures.push(line.clone());
        // What is kept must be read again at the next start.
        if note.encode().len() > NOTE_BYTES_MAX {
            return Answer::TooLong;
        }
        // Asked again within the second: the very same line, which is durable already.
        if latest.note.as_ref() != Some(&note) {
            if self.store.keep(origin, &note).is_err() {
                latest.is_in_doubt = true;
                return Answer::NotKept;
            }
            // The commit point: from here on nothing smaller and nothing else is cosigned.
            *latest = Latest { size: *size, root: *root, seconds, note: Some(note), is_in_doubt: false };
        }
        Answer::Cosigned(line)
    }

    /// A proof that the log forked, where what is shown and what was cosigned make one.
    fn fork(&self, log: &Log, latest: &Latest, request: &AddCheckpoint) -> Option<ForkProof> {
        let shown = &request.checkpoint;
        let prefix = if shown.size > latest.size && request.old == latest.size {
            let root = prefix_root(latest.size, shown.size, &shown.root, &request.proof).filter(|root| *root != latest.root)?;
            Some(Prefix { root, proof: request.proof.clone() })
        } else if shown.size == latest.size && shown.root != latest.root {
            None
        } else {
            return None;
        };
        let documents = [Document::of(latest.note.clone()?).ok()?, Document::of(request.note.clone()).ok()?];
        let mut keys: Vec<Key> = log.keys.iter().map(|key| Key::signs(&shown.origin, key.clone())).collect();
        keys.push(Key::cosigns(&self.name, self.key.public()));
        ForkProof::make(documents, prefix, &keys, &[]).ok()
    }
}

/// The lines of the log's trusted keys; nothing if there is none, or one of them does not verify.
fn trusted_signatures(note: &Note, origin: &str, keys: &[PublicKey]) -> Option<Vec<SignatureLine>> {
    if keys.iter().any(|key| has_false_line(note, origin, key)) {
        return None;
    }
    let mut trusted: Vec<SignatureLine> = Vec::new();
    for line in note.signatures.iter().filter(|line| keys.iter().any(|key| is_signed_by(&note.text, line, origin, key))) {
        if !trusted.contains(line) {
            trusted.push(line.clone());
        }
    }
    (!trusted.is_empty()).then_some(trusted)
}

/// Whether a line says that it is a key's and is not.
fn has_false_line(note: &Note, origin: &str, key: &PublicKey) -> bool {
    let id = key_id(origin, TYPE_ED25519, &key.bytes().0);
    note.signatures.iter().any(|line| line.name == origin && line.key_id == id && !is_signed_by(&note.text, line, origin, key))
}

/// Why a checkpoint is not cosigned, if it is not.
fn judge(latest: &Latest, request: &AddCheckpoint) -> Option<Answer> {
    let Checkpoint { size, root, .. } = &request.checkpoint;
    if request.old > *size {
        return Some(Answer::OldAbove);
    }
    if request.old != latest.size {
        return Some(Answer::OtherOld(latest.size));
    }
    if *size == 0 && *root != empty_root() {
        return Some(Answer::ProofUnlike("the root of an empty log"));
    }
    if request.old == *size && *root != latest.root {
        return Some(Answer::OtherRoot(latest.size));
    }
    if request.old == 0 && !request.proof.is_empty() {
        return Some(Answer::ProofUnlike("no proof from size 0"));
    }
    let is_consistent = verifies_consistency(latest.size, &latest.root, *size, root, &request.proof);
    (!is_consistent).then_some(Answer::ProofUnlike("a consistency proof from the size and root that were cosigned last"))
}

/// A witness's key as policies name it.
pub fn witness_key(name: &str, key: &PublicKey) -> String {
    ledger::policy::verifier_key(name, TYPE_COSIGNATURE, &key.bytes())
}

#[cfg(test)]
mod tests;
