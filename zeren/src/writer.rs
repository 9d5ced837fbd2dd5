//! The way into an open ledger for many at once. Two threads: one checks what has arrived on all cores, one owns the ledger and
//! commits. While a commit is under way the next batch is checked; whatever arrives meanwhile shares the one after.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{JoinHandle, spawn};

use ledger::check::{Content, KeyRing, Verified, check_all};
use ledger::storage::Folder;
use ledger::{Answer, Ledger, LedgerError};
use signer::ActName;
use signer::value::UnixMs;

/// Submissions that may wait.
const QUEUE_MAX: usize = 4_096;
/// Submissions that share a commit.
const BATCH_MAX: usize = 1_024;

type Waiting = SyncSender<Result<Answer, WriterError>>;
type Ring = RwLock<Arc<KeyRing>>;

struct Submission {
    note: Vec<u8>,
    waiting: Waiting,
}

/// Why the writer gives no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriterError {
    /// The writer has stopped: nothing of this submission is acknowledged.
    #[error("the ledger stopped: {0}")]
    Stopped(String),
}

/// The way to the threads. Cloned for every submitter.
#[derive(Clone)]
pub struct Writer {
    queue: SyncSender<Submission>,
}

impl Writer {
    /// Starts the threads. They end, and the ledger comes back, when every [`Writer`] is dropped or the storage fails.
    pub fn start(ledger: Ledger<Folder>, clock: fn() -> UnixMs) -> (Writer, JoinHandle<Result<Ledger<Folder>, LedgerError>>) {
        let (queue, submissions) = sync_channel(QUEUE_MAX);
        let (verified, checked) = sync_channel(QUEUE_MAX);
        let ring = Arc::new(RwLock::new(Arc::new(ledger.ring().clone())));
        let checkers_ring = Arc::clone(&ring);
        spawn(move || check_batches(&submissions, &verified, &checkers_ring));
        (Writer { queue }, spawn(move || write_batches(ledger, &checked, &ring, clock)))
    }

    /// Waits until a note is durable or refused.
    pub fn submit(&self, note: Vec<u8>) -> Result<Answer, WriterError> {
        let (waiting, answer) = sync_channel(1);
        let stopped = || WriterError::Stopped("no writer".to_owned());
        self.queue.send(Submission { note, waiting }).map_err(|_| stopped())?;
        answer.recv().map_err(|_| stopped())?
    }
}

type Checked = (Verified, Waiting);

fn check_batches(submissions: &Receiver<Submission>, verified: &SyncSender<Checked>, ring: &Ring) {
    while let Ok(first) = submissions.recv() {
        let mut batch = vec![first];
        batch.extend(submissions.try_iter().take(BATCH_MAX - 1));
        let (notes, waiting): (Vec<_>, Vec<_>) = batch.into_iter().map(|submission| (submission.note, submission.waiting)).unzip();
        let ring = Arc::clone(&ring.read().unwrap_or_else(PoisonError::into_inner));
        for (answer, waiting) in check_all(notes, &ring).into_iter().zip(waiting) {
            match answer {
                // Without a writer the waiting is dropped, which tells the submitter.
                Ok(note) => _ = verified.send((note, waiting)),
                // A submitter that has gone away needs no answer.
                Err(refusal) => _ = waiting.send(Ok(Answer::Refused { refusal, note: None })),
            }
        }
    }
}

fn write_batches(
    mut ledger: Ledger<Folder>,
    checked: &Receiver<Checked>,
    ring: &Ring,
    clock: fn() -> UnixMs,
) -> Result<Ledger<Folder>, LedgerError> {
    while let Ok(first) = checked.recv() {
        let mut batch = vec![first];
        batch.extend(checked.try_iter().take(BATCH_MAX - 1));
        let (verified, waiting): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let brings_keys = verified.iter().any(brings_keys);
        match ledger.append(verified, clock()) {
            Ok(answers) => {
                if brings_keys {
                    *ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ledger.ring().clone());
                }
                for (answer, waiting) in answers.into_iter().zip(waiting) {
                    let _ = waiting.send(Ok(answer));
                }
            }
            Err(error) => {
                for waiting in waiting {
                    let _ = waiting.send(Err(WriterError::Stopped(error.to_string())));
                }
                return Err(error);
            }
        }
    }
    Ok(ledger)
}

fn brings_keys(verified: &Verified) -> bool {
    match &verified.content {
        Content::Statement { statement, .. } => {
            matches!(statement.act_name(), ActName::Amend | ActName::Enrol | ActName::Rotate | ActName::Rekey)
        }
        Content::Cosigned(_) => false,
    }
}
