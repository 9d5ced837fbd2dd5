//! One thread owns the open ledger; everybody else sends it what was checked, and waits. Submissions that arrive while a
//! commit is under way share the next one.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use ledger::check::{KeyRing, Verified};
use ledger::storage::Folder;
use ledger::{Answer, Ledger, LedgerError};
use signer::Refusal;
use signer::value::UnixMs;

/// Submissions that may wait for the writer.
const QUEUE_MAX: usize = 4_096;
/// Submissions that share a commit.
const BATCH_MAX: usize = 1_024;

struct Submission {
    verified: Verified,
    answer: SyncSender<Result<Answer, WriterError>>,
}

/// Why the writer gives no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriterError {
    /// The writer has stopped: nothing of this submission is acknowledged.
    #[error("the ledger stopped: {0}")]
    Stopped(String),
}

/// The way to the writing thread. Cloned for every submitter.
#[derive(Clone)]
pub struct Writer {
    queue: SyncSender<Submission>,
    ring: Arc<RwLock<Arc<KeyRing>>>,
}

impl Writer {
    /// Starts the thread. It ends, and gives the ledger back, when every [`Writer`] is dropped or the storage fails.
    pub fn start(ledger: Ledger<Folder>, clock: fn() -> UnixMs) -> (Writer, JoinHandle<Result<Ledger<Folder>, LedgerError>>) {
        let (queue, submissions) = sync_channel(QUEUE_MAX);
        let ring = Arc::new(RwLock::new(Arc::new(ledger.ring().clone())));
        let thread = {
            let ring = Arc::clone(&ring);
            std::thread::spawn(move || write(ledger, &submissions, &ring, clock))
        };
        (Writer { queue, ring }, thread)
    }

    /// Checks a note here, on the submitter's thread, and waits until it is durable or refused.
    pub fn submit(&self, note: &[u8]) -> Result<Answer, WriterError> {
        let ring = Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner));
        let verified = match ledger::check(note, &ring) {
            Ok(verified) => verified,
            Err(refusal) => return Ok(unsigned(refusal)),
        };
        let (answer, waiting) = sync_channel(1);
        let stopped = || WriterError::Stopped("no writer".to_owned());
        self.queue.send(Submission { verified, answer }).map_err(|_| stopped())?;
        waiting.recv().map_err(|_| stopped())?
    }
}

fn unsigned(refusal: Refusal) -> Answer {
    Answer::Refused { refusal, note: None }
}

fn write(
    mut ledger: Ledger<Folder>,
    submissions: &Receiver<Submission>,
    ring: &RwLock<Arc<KeyRing>>,
    clock: fn() -> UnixMs,
) -> Result<Ledger<Folder>, LedgerError> {
    while let Ok(first) = submissions.recv() {
        let mut batch = vec![first];
        batch.extend(submissions.try_iter().take(BATCH_MAX - 1));
        let (verified, waiting): (Vec<_>, Vec<_>) = batch.into_iter().map(|submission| (submission.verified, submission.answer)).unzip();
        let brings_keys = verified.iter().any(brings_keys);
        match ledger.append(verified, clock()) {
            Ok(answers) => {
                if brings_keys {
                    *ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ledger.ring().clone());
                }
                // A submitter that has gone away needs no answer.
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
    use ledger::check::Content;
    use signer::ActName;
    match &verified.content {
        Content::Statement { statement, .. } => {
            matches!(statement.act_name(), ActName::Amend | ActName::Enrol | ActName::Rotate | ActName::Rekey)
        }
        Content::Cosigned(_) => false,
    }
}
