//! The way into an open ledger for many at once. Two threads: one checks what has arrived on all cores, one owns the ledger and
//! commits. While a commit is under way the next batch is checked; whatever arrives meanwhile shares the one after.

use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{JoinHandle, spawn, yield_now};

use ledger::check::{Content, KeyRing, Verified, check_all};
use ledger::storage::Folder;
use ledger::{Answer, Ledger, LedgerError};
use signer::ActName;
use signer::value::UnixMs;
use tokio::sync::{mpsc, oneshot};

/// Submissions that may wait.
const QUEUE_MAX: usize = 4_096;
/// Submissions that share a commit.
const BATCH_MAX: usize = 1_024;
/// Times that the checker steps back for submitters before it checks a batch.
const GATHER_ROUNDS: usize = 4;

type Waiting = oneshot::Sender<Result<Answer, WriterError>>;
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
    queue: mpsc::Sender<Submission>,
}

impl Writer {
    /// Starts the threads. They end, and the ledger comes back, when every [`Writer`] is dropped or the storage fails.
    pub fn start(ledger: Ledger<Folder>, clock: fn() -> UnixMs) -> (Writer, JoinHandle<Result<Ledger<Folder>, LedgerError>>) {
        let (queue, submissions) = mpsc::channel(QUEUE_MAX);
        let (verified, checked) = mpsc::channel(QUEUE_MAX);
        let ring = Arc::new(RwLock::new(Arc::new(ledger.ring().clone())));
        let checkers_ring = Arc::clone(&ring);
        spawn(move || check_batches(submissions, &verified, &checkers_ring));
        (Writer { queue }, spawn(move || write_batches(ledger, checked, &ring, clock)))
    }

    /// Waits until a note is durable or refused.
    pub async fn submit(&self, note: Vec<u8>) -> Result<Answer, WriterError> {
        let (waiting, answer) = oneshot::channel();
        let stopped = || WriterError::Stopped("no writer".to_owned());
        self.queue.send(Submission { note, waiting }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

type Checked = (Verified, Waiting);

fn check_batches(mut submissions: mpsc::Receiver<Submission>, verified: &mpsc::Sender<Checked>, ring: &Ring) {
    let mut batch = Vec::new();
    while submissions.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        gather(&mut submissions, &mut batch);
        let (notes, waiting): (Vec<_>, Vec<_>) = batch.drain(..).map(|submission| (submission.note, submission.waiting)).unzip();
        let ring = Arc::clone(&ring.read().unwrap_or_else(PoisonError::into_inner));
        for (answer, waiting) in check_all(notes, &ring).into_iter().zip(waiting) {
            match answer {
                // Without a writer the waiting is dropped, which tells the submitter.
                Ok(note) => _ = verified.blocking_send((note, waiting)),
                // A submitter that has gone away needs no answer.
                Err(refusal) => _ = waiting.send(Ok(Answer::Refused { refusal, note: None })),
            }
        }
    }
}

/// Adds what submitters that are ready to run are about to submit: answers wake many at once, and the first should not be checked
/// alone.
fn gather(submissions: &mut mpsc::Receiver<Submission>, batch: &mut Vec<Submission>) {
    for _ in 0..GATHER_ROUNDS {
        yield_now();
        batch.extend(std::iter::from_fn(|| submissions.try_recv().ok()).take(BATCH_MAX.saturating_sub(batch.len())));
    }
}

fn write_batches(
    mut ledger: Ledger<Folder>,
    mut checked: mpsc::Receiver<Checked>,
    ring: &Ring,
    clock: fn() -> UnixMs,
) -> Result<Ledger<Folder>, LedgerError> {
    let mut batch = Vec::new();
    while checked.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        let (verified, waiting): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
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
        Content::Cosigned(_) | Content::Index(_) => false,
    }
}
