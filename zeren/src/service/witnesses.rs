//! Asking the witnesses: once before anything is taken, then whenever something was recorded since they cosigned last, and now and
//! then all the same, so that what they vouch for is never old. What they answer is logged like any entry. A witness that shows a
//! later or another history of this ledger makes it read-only: it must not go on from where it is.
//!
//! A node of a cluster asks as well, so that it hears early of what its record lacks, but what it knows may only be late: later
//! checkpoints are owed until it has followed so far (`cluster::owed`), and it has nothing cosigned. When it is its turn to sequence it
//! asks anew, before anything is taken.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use ledger::Answer;
use serde_json::json;
use signer::Note;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::clock::ServiceClock;
use super::gate::Gate;
use super::kept;
use crate::cluster::owed::Owed;
use crate::remote::witness::{AskError, Asked, ask, latest};
use crate::screen::log;
use crate::writer::{self, Shared, Turn, Writer};

/// Age of the last cosignature after which witnesses are asked although nothing was recorded, in milliseconds: a ledger stops
/// after a day without.
const STALE_MS: i64 = 6 * 3_600_000;
/// How often somebody looks whether there is anything to ask.
const LOOK: Duration = Duration::from_millis(200);

/// Who is asked, and how often at most.
pub struct Witnesses {
    /// The witnesses, with their addresses.
    pub asked: Vec<Asked>,
    /// Time between two askings.
    pub every: Duration,
    /// The service's own folder, where evidence goes.
    pub folder: PathBuf,
}

/// The ledger, the way into it, and what shuts that.
pub struct Asking {
    pub ledger: Shared,
    pub writer: Writer,
    pub clock: Arc<ServiceClock>,
    pub gate: Arc<Gate>,
    /// What this node must have before it sequences, if the ledger runs on a cluster.
    pub node: Option<Owed>,
}

/// What came of asking all, besides cosignatures.
#[derive(Default)]
struct Round {
    /// Those who contradict, and do not show what could be judged.
    contradicting: Vec<String>,
    /// Those who gave no answer of their own: none came, or another's in their place.
    silent: Vec<String>,
}

impl Witnesses {
    /// Asks on a thread of its own until the service stops.
    pub fn follow(self, asking: Asking, runtime: Handle, stopped: watch::Receiver<bool>) -> JoinHandle<()> {
        spawn(move || {
            let names = || -> Vec<String> { self.asked.iter().map(|asked| asked.name.clone()).collect() };
            let mut last: Option<Instant> = None;
            let mut unheard = names();
            let mut contradicting: Vec<String> = Vec::new();
            let mut was_ours = asking.node.is_none();
            while !*stopped.borrow() {
                let is_ours = asking.is_ours();
                if is_ours && !was_ours {
                    asking.gate.begin(Instant::now());
                    (last, unheard, contradicting) = (None, names(), Vec::new());
                }
                was_ours = is_ours;
                let may_ask = last.is_none_or(|last| last.elapsed() >= self.every);
                // Each until it was heard once, in any case: a ledger that was set back has nothing to be cosigned, as far as it
                // knows. And as long as one contradicts, until it says otherwise.
                let must_ask = !unheard.is_empty() || !contradicting.is_empty();
                let is_due = is_ours && asking.is_due();
                if may_ask && (must_ask || is_due) {
                    last = Some(Instant::now());
                    let round = self.ask_all(&asking, &runtime, is_due);
                    unheard.retain(|name| round.silent.contains(name));
                    // Who contradicted and is silent now has taken nothing back.
                    contradicting.retain(|name| round.silent.contains(name));
                    contradicting.extend(round.contradicting);
                    if is_ours {
                        asking.gate.asked(contradicting.clone());
                    }
                }
                sleep(LOOK);
            }
        })
    }

    /// Asks all at once; what came is logged together, if it is due.
    fn ask_all(&self, asking: &Asking, runtime: &Handle, is_due: bool) -> Round {
        let (checkpoint, last_known) = {
            let ledger = writer::read(&asking.ledger);
            (ledger.checkpoint().clone(), ledger.state().cosigned_size())
        };
        let Some(size) = signer::Checkpoint::parse(&checkpoint.text).map(|checkpoint| checkpoint.size) else { return Round::default() };
        let consistency = |old| writer::read(&asking.ledger).history().tree().consistency(old, size);
        let answers = std::thread::scope(|scope| {
            let threads: Vec<_> =
                self.asked.iter().map(|one| (one, scope.spawn(|| ask(one, &checkpoint, last_known, consistency)))).collect();
            threads.into_iter().map(|(one, thread)| (one, thread.join())).collect::<Vec<_>>()
        });
        let (mut note, mut round): (Note, Round) = (checkpoint, Round::default());
        for (asked, answer) in answers {
            match answer {
                Ok(Ok(line)) => note.signatures.push(line),
                Ok(Err(error)) => {
                    log("witness", &json!({ "witness": asked.name, "because": error.to_string() }));
                    if self.contradicts(asking, asked, &error) {
                        round.contradicting.push(asked.name.clone());
                    }
                    // A witness that is there and does not know this ledger says so with 4xx; 5xx is its trouble, or a proxy's.
                    let is_answer = error.is_evidence() || matches!(error, AskError::Refused { status: 400..=499, .. });
                    if !is_answer {
                        round.silent.push(asked.name.clone());
                    }
                }
                Err(_) => {
                    log("witness", &json!({ "witness": asked.name, "because": "the asking thread failed" }));
                    round.silent.push(asked.name.clone());
                }
            }
        }
        let is_cosigned = note.signatures.iter().any(|line| self.asked.iter().any(|asked| asked.name == line.name));
        if is_cosigned && is_due && round.contradicting.is_empty() {
            match runtime.block_on(asking.writer.submit(note.encode().into_bytes())) {
                Ok(Answer::Recorded { receipt, .. }) => log("cosigned", &json!({ "size": size, "entry": receipt.index })),
                Ok(Answer::Refused { refusal, .. }) => log("cosignature refused", &json!({ "rule": refusal.rule.name() })),
                Err(error) => log("cosignature not logged", &json!({ "because": error.to_string() })),
            }
        }
        round
    }

    /// Whether a witness contradicts this ledger without showing what can be judged. One that shows a checkpoint which a key of the
    /// ledger has signed is judged here: either this asking was late, or the ledger takes nothing any more.
    fn contradicts(&self, asking: &Asking, asked: &Asked, error: &AskError) -> bool {
        // Somebody else may have asked for a later checkpoint meanwhile: then it is this asking that was late.
        let size = writer::read(&asking.ledger).seen().map_or(0, |seen| seen.size);
        let is_late = matches!(error, AskError::KnowsLarger { known, .. } if *known <= size);
        if !error.is_evidence() || is_late {
            return false;
        }
        let origin = writer::read(&asking.ledger).id().as_str().to_owned();
        let theirs = match latest(asked, &origin) {
            Ok(theirs) => theirs,
            Err(error) => {
                log("witness contradicts", &json!({ "witness": asked.name, "because": error.to_string() }));
                return true;
            }
        };
        if asking.node.as_ref().is_some_and(|owed| owed.take(&theirs, &*writer::read(&asking.ledger))) {
            // Somebody sequenced on, and this node is late to hear of it or was set back: it has it, or nothing is taken here.
            log("witness knows more", &json!({ "witness": asked.name, "because": error.to_string() }));
            if asking.is_ours() {
                kept::keep_evidence(&self.folder, &asked.name, &theirs);
            }
            return true;
        }
        let shown = asking.ledger.write().unwrap_or_else(PoisonError::into_inner).show(&theirs);
        let Err(refusal) = shown else { return false };
        let path = kept::keep_evidence(&self.folder, &asked.name, &theirs);
        if kept::is_contradiction(&refusal) {
            kept::tell_read_only(Some(&asked.name), &refusal, path.as_deref());
            return false;
        }
        // Signed by nobody that this ledger knows: made up, or of a time after an amendment that it has lost.
        let evidence = path.map(|path| path.display().to_string());
        log("witness contradicts", &json!({ "witness": asked.name, "rule": refusal.rule.name(), "evidence": evidence }));
        true
    }
}

impl Asking {
    /// Whether this process writes the log.
    fn is_ours(&self) -> bool {
        self.writer.turn() == Turn::Ours
    }

    /// Whether something was recorded since the witnesses cosigned last, or that is long ago.
    fn is_due(&self) -> bool {
        let ledger = writer::read(&self.ledger);
        let state = ledger.state();
        let size = ledger.seen().map_or(0, |seen| seen.size);
        let after = state.cosigned_entry(state.cosigned_size()).map_or(0, |entry| entry + 1);
        let age = state.witness_time().map_or(i64::MAX, |time| self.clock.now().0.saturating_sub(time.0));
        size > after || age > STALE_MS
    }
}
