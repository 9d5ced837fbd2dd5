//! The way into an open ledger for many at once. Two threads: one checks what has arrived on all cores, one commits. While a commit
//! is under way the next batch is checked; whatever arrives meanwhile shares the one after. Others may read the ledger between
//! commits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{JoinHandle, spawn, yield_now};
use std::time::{Duration, Instant};

use ledger::check::{Content, KeyRing, Verified, check_all};
use ledger::quorum::{Alone, Quorum};
use ledger::storage::Folder;
use ledger::{Answer, Ledger, LedgerError, append_through, leave_through};
use signer::value::UnixMs;
use signer::{ActName, Refusal, Rule};
use tokio::sync::{mpsc, oneshot, watch};

/// Submissions that may wait.
const QUEUE_MAX: usize = 4_096;
/// Submissions that share a commit.
const BATCH_MAX: usize = 1_024;
/// Submissions for which the journey of a block is well spent: more are not waited for.
const ENOUGH: usize = 256;
/// Longest time that a batch is waited for once it has begun to come.
const GATHER_MAX: Duration = Duration::from_millis(2);
/// Times that the checker steps back for submitters before it checks a batch.
const GATHER_ROUNDS: usize = 4;

type Waiting = oneshot::Sender<Result<Answer, WriterError>>;
type Ring = RwLock<Arc<KeyRing>>;

/// An open ledger that one thread writes and others read.
pub type Shared = Arc<RwLock<Ledger<Folder>>>;

/// A ledger to be shared.
pub fn share(ledger: Ledger<Folder>) -> Shared {
    Arc::new(RwLock::new(ledger))
}

/// Reads a shared ledger, for one bounded answer. The lock is not poisoned by a panic: the ledger says itself whether it can go on.
pub fn read(shared: &Shared) -> RwLockReadGuard<'_, Ledger<Folder>> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

struct Submission {
    note: Vec<u8>,
    waiting: Waiting,
}

/// Who writes the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// This process.
    Ours,
    /// Another node of the cluster; its name, empty where none has begun.
    Elsewhere(String),
    /// It was this process's, and is no more: it must end.
    Over(Over),
}

/// Why it is no more this process's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// The stream goes on after this process's last block.
    Overtaken {
        /// That block.
        sent: u64,
        /// The stream's last.
        last: u64,
    },
    /// The stream holds less than it acknowledged.
    StreamCut {
        /// The last block that it acknowledged.
        held: u64,
        /// The stream's last.
        last: u64,
    },
    /// The stream is gone.
    StreamGone(String),
    /// The stream was changed: it might lose what it acknowledges.
    Unfit(String),
}

impl From<Over> for LedgerError {
    fn from(over: Over) -> LedgerError {
        match over {
            Over::Overtaken { sent, last } => LedgerError::Deposed(format!(
                "block {sent} was this node's last, and the stream goes on to {last}: another node's, or somebody's who may write to it; `zeren cluster status` says which"
            )),
            Over::StreamCut { held, last } => LedgerError::Block {
                number: held,
                refusal: Refusal::new(
                    Rule::BlockOrder,
                    format!("{held} blocks, as the servers acknowledged"),
                    format!("{last}: the stream was cut or made anew"),
                ),
            },
            Over::Unfit(what) => LedgerError::Unfit(what),
            Over::StreamGone(name) => LedgerError::Block {
                number: 0,
                refusal: Refusal::new(Rule::BlockOrder, format!("the stream {name}"), "no such stream: it was deleted"),
            },
        }
    }
}

/// Why the writer gives no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriterError {
    /// Another node writes the log: nothing was taken.
    #[error("another node sequences: {0}")]
    Elsewhere(String),
    /// The writer has stopped: nothing of this submission is acknowledged.
    #[error("the ledger stopped: {0}")]
    Stopped(String),
}

impl WriterError {
    fn gone() -> WriterError {
        WriterError::Stopped("no writer".to_owned())
    }
}

/// The way to the threads. Cloned for every submitter.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Submission>,
    /// Submissions that are not checked yet.
    arriving: Arc<AtomicUsize>,
    turn: watch::Receiver<Turn>,
}

impl Writer {
    /// Starts the threads of a ledger that this process alone writes. They end when every [`Writer`] is dropped or the storage fails.
    /// Each commit tells the size of its checkpoint.
    pub fn start(
        ledger: Shared,
        clock: impl Fn() -> UnixMs + Send + 'static,
        committed: watch::Sender<u64>,
    ) -> (Writer, JoinHandle<Result<(), LedgerError>>) {
        let (_, turn) = watch::channel(Turn::Ours);
        Writer::start_after(ledger, clock, committed, turn, |_| Ok(Some(Box::new(Alone))))
    }

    /// The same where it is not this process's turn from the start: `wait` gives what stands between judging and commit once it is, or
    /// nothing when it is told to stop. Until then submissions are answered with who writes.
    pub fn start_after(
        ledger: Shared,
        clock: impl Fn() -> UnixMs + Send + 'static,
        committed: watch::Sender<u64>,
        turn: watch::Receiver<Turn>,
        wait: impl FnOnce(&dyn Fn() -> UnixMs) -> Result<Option<Box<dyn Quorum>>, LedgerError> + Send + 'static,
    ) -> (Writer, JoinHandle<Result<(), LedgerError>>) {
        let (queue, submissions) = mpsc::channel(QUEUE_MAX);
        let (verified, checked) = sync_channel(QUEUE_MAX);
        let arriving = Arc::new(AtomicUsize::new(0));
        let ring = Arc::new(RwLock::new(Arc::new(read(&ledger).ring().clone())));
        let checkers_ring = Arc::clone(&ring);
        let checkers_count = Arc::clone(&arriving);
        spawn(move || check_batches(submissions, &verified, &checkers_ring, &checkers_count));
        let writers_count = Arc::clone(&arriving);
        let writing = move || {
            let Some(mut quorum) = wait(&clock)? else { return Ok(()) };
            // Keys may have come while others wrote.
            *ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read(&ledger).ring().clone());
            write_batches(&ledger, Gathering::new(checked, writers_count), &ring, clock, &committed, &mut *quorum)
        };
        (Writer { queue, arriving, turn }, spawn(writing))
    }

    /// Waits until a note is durable or refused.
    pub async fn submit(&self, note: Vec<u8>) -> Result<Answer, WriterError> {
        self.enqueue(note).await?.await.map_err(|_| WriterError::gone())?
    }

    /// The same for notes in their order; many of them may share a commit.
    pub async fn submit_all(&self, notes: Vec<Vec<u8>>) -> Result<Vec<Answer>, WriterError> {
        let mut waiting = Vec::with_capacity(notes.len());
        for note in notes {
            waiting.push(self.enqueue(note).await?);
        }
        let mut answers = Vec::with_capacity(waiting.len());
        for answer in waiting {
            answers.push(answer.await.map_err(|_| WriterError::gone())??);
        }
        Ok(answers)
    }

    /// Whether nothing can be submitted any more.
    pub fn has_stopped(&self) -> bool {
        self.queue.is_closed()
    }

    /// Who writes the log now.
    pub fn turn(&self) -> Turn {
        self.turn.borrow().clone()
    }

    /// The same, to be watched.
    pub fn turns(&self) -> watch::Receiver<Turn> {
        self.turn.clone()
    }

    async fn enqueue(&self, note: Vec<u8>) -> Result<oneshot::Receiver<Result<Answer, WriterError>>, WriterError> {
        match self.turn() {
            Turn::Ours => {}
            Turn::Elsewhere(node) => return Err(WriterError::Elsewhere(node)),
            Turn::Over(_) => return Err(WriterError::Elsewhere(String::new())),
        }
        let (waiting, answer) = oneshot::channel();
        let place = self.queue.reserve().await.map_err(|_| WriterError::gone())?;
        self.arriving.fetch_add(1, Ordering::Relaxed);
        place.send(Submission { note, waiting });
        Ok(answer)
    }
}

type Checked = (Verified, Waiting);

fn check_batches(mut submissions: mpsc::Receiver<Submission>, verified: &SyncSender<Checked>, ring: &Ring, arriving: &AtomicUsize) {
    let mut batch = Vec::new();
    while submissions.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        gather(&mut submissions, &mut batch);
        let (notes, waiting): (Vec<_>, Vec<_>) = batch.drain(..).map(|submission| (submission.note, submission.waiting)).unzip();
        let ring = Arc::clone(&ring.read().unwrap_or_else(PoisonError::into_inner));
        for (answer, waiting) in check_all(notes, &ring).into_iter().zip(waiting) {
            match answer {
                // Without a writer the waiting is dropped, which tells the submitter.
                Ok(note) => _ = verified.send((note, waiting)),
                // A submitter that has gone away needs no answer.
                Err(refusal) => _ = waiting.send(Ok(Answer::Refused { refusal, note: None })),
            }
            arriving.fetch_sub(1, Ordering::Relaxed);
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

/// What was checked, on its way into a batch.
struct Gathering {
    checked: Receiver<Checked>,
    arriving: Arc<AtomicUsize>,
    /// The next batch, as far as it was checked while the last one was committed.
    begun: Vec<Checked>,
    /// How many the next batch may have.
    expected: usize,
}

impl Gathering {
    fn new(checked: Receiver<Checked>, arriving: Arc<AtomicUsize>) -> Gathering {
        Gathering { checked, arriving, begun: Vec::new(), expected: 0 }
    }

    /// Before so many are answered: whoever came while they were committed is here, and whoever is answered may come again at once.
    fn expect(&mut self, answered: usize) {
        self.begun.extend(self.checked.try_iter().take(BATCH_MAX));
        self.expected = self.begun.len() + self.arriving.load(Ordering::Relaxed) + answered;
    }

    /// The next batch: what is there, and with patience what comes until there are as many as expected, or nothing has come for so long;
    /// empty when nothing comes any more.
    fn next(&mut self, patience: Duration) -> Vec<Checked> {
        let mut batch = core::mem::take(&mut self.begun);
        if batch.is_empty() {
            batch.extend(self.checked.recv());
        }
        let begun = Instant::now();
        while !batch.is_empty() {
            batch.extend(self.checked.try_iter().take(BATCH_MAX.saturating_sub(batch.len())));
            let none_arrives = self.arriving.load(Ordering::Relaxed) == 0;
            let is_full = batch.len() >= ENOUGH || (none_arrives && batch.len() >= self.expected);
            if patience.is_zero() || is_full || begun.elapsed() > GATHER_MAX {
                break;
            }
            match self.checked.recv_timeout(patience) {
                Ok(one) => batch.push(one),
                Err(RecvTimeoutError::Timeout) if self.arriving.load(Ordering::Relaxed) > 0 => {}
                Err(_) => break,
            }
        }
        batch
    }
}

fn write_batches(
    ledger: &Shared,
    mut gathering: Gathering,
    ring: &Ring,
    clock: impl Fn() -> UnixMs,
    committed: &watch::Sender<u64>,
    quorum: &mut dyn Quorum,
) -> Result<(), LedgerError> {
    loop {
        let (verified, waiting): (Vec<_>, Vec<_>) = gathering.next(quorum.patience()).into_iter().unzip();
        if verified.is_empty() {
            leave_through(&**ledger, quorum);
            return Ok(());
        }
        let brings_keys = verified.iter().any(brings_keys);
        match append_through(&**ledger, verified, clock(), quorum) {
            Ok(answers) => {
                gathering.expect(answers.len());
                let ledger = read(ledger);
                if brings_keys {
                    *ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ledger.ring().clone());
                }
                let size = ledger.seen().map_or(0, |seen| seen.size);
                drop(ledger);
                committed.send_if_modified(|known| core::mem::replace(known, size) != size);
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
}

fn brings_keys(verified: &Verified) -> bool {
    match &verified.content {
        Content::Statement { statement, .. } => {
            matches!(statement.act_name(), ActName::Amend | ActName::Enrol | ActName::Rotate | ActName::Rekey)
        }
        Content::Cosigned(_) | Content::Index(_) | Content::Epoch(_) | Content::Anchor(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A statement that is checked again and again: what it says does not matter here.
    fn checked(ledger: &Ledger<Folder>) -> Checked {
        let note = ledger.entry(0).unwrap().unwrap();
        let note = ledger::entry::Entry::parse(&note).unwrap().note.to_vec();
        (ledger::check(&note, &KeyRing::new(None)).unwrap(), oneshot::channel().0)
    }

    /// After a batch of so many was answered.
    fn gathering(answered: usize) -> (SyncSender<Checked>, Gathering) {
        let (sender, checked) = sync_channel(QUEUE_MAX);
        let mut gathering = Gathering::new(checked, Arc::new(AtomicUsize::new(0)));
        gathering.expect(answered);
        (sender, gathering)
    }

    #[test]
    fn a_batch_waits_for_those_who_come_again_and_no_longer() {
        let place = tempfile::tempdir().unwrap();
        let origin = signer::value::Origin::parse("demo.batches.example/records").unwrap();
        let seed = crate::demo_keys::DemoSeed::new("batches");
        let archive =
            crate::archive::Archive::found(&place.path().join("ledger"), &origin, seed, crate::archive::DemoClock::simulated()).unwrap();
        let send = |sender: &SyncSender<Checked>, count| (0..count).for_each(|_| sender.send(checked(&archive.ledger)).unwrap());
        let long = Duration::from_secs(60);

        // Alone a commit takes what is there.
        let (sender, mut gathering_alone) = gathering(8);
        send(&sender, 3);
        assert_eq!(gathering_alone.next(Duration::ZERO).len(), 3);

        // As many as were answered are enough, whatever the patience.
        let (sender, mut full) = gathering(3);
        send(&sender, 3);
        assert_eq!(full.next(long).len(), 3);

        // Fewer wait until nothing more comes, and then are the new measure.
        let (sender, mut fewer) = gathering(8);
        send(&sender, 2);
        assert_eq!(fewer.next(Duration::from_millis(1)).len(), 2);
        fewer.expect(2);
        send(&sender, 2);
        assert_eq!(fewer.next(long).len(), 2);

        // Whoever came while a batch was committed is in the next, and those who come again are waited for beside them.
        let (sender, mut both) = gathering(0);
        send(&sender, 2);
        both.expect(3);
        let come_again = std::thread::spawn({
            let again: Vec<Checked> = (0..3).map(|_| checked(&archive.ledger)).collect();
            move || again.into_iter().for_each(|one| sender.send(one).unwrap())
        });
        assert_eq!(both.next(long).len(), 5);
        come_again.join().unwrap();

        // What is being checked is waited for, but not for ever.
        let (sender, mut more) = gathering(1);
        more.arriving.store(1, Ordering::Relaxed);
        send(&sender, 1);
        let begun = Instant::now();
        assert_eq!(more.next(Duration::from_micros(100)).len(), 1);
        assert!(begun.elapsed() >= GATHER_MAX);
        drop(sender);
        assert!(more.next(long).is_empty(), "nothing comes any more");
    }
}
