//! Asking the witnesses: whenever something was recorded since they cosigned last, and now and then all the same, so that what they
//! vouch for is never old. What they answer is logged like any entry. A witness that knows a later or another history of this ledger
//! makes it read-only: it must not go on from where it is.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use ledger::Answer;
use serde_json::json;
use signer::Note;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::clock::ServiceClock;
use crate::files;
use crate::remote::witness::{AskError, Asked, ask, latest};
use crate::screen::log;
use crate::writer::{self, Shared, Writer};

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
    /// Where evidence goes.
    pub folder: PathBuf,
}

/// The ledger and the way into it.
pub struct Asking {
    pub ledger: Shared,
    pub writer: Writer,
    pub clock: Arc<ServiceClock>,
}

impl Witnesses {
    /// Asks on a thread of its own until the service stops.
    pub fn follow(self, asking: Asking, runtime: Handle, stopped: watch::Receiver<bool>) -> JoinHandle<()> {
        spawn(move || {
            let mut last: Option<Instant> = None;
            while !*stopped.borrow() {
                let may_ask = last.is_none_or(|last| last.elapsed() >= self.every);
                if may_ask && asking.is_due() {
                    last = Some(Instant::now());
                    self.ask_all(&asking, &runtime);
                }
                sleep(LOOK);
            }
        })
    }

    /// Asks all at once; what came is logged together.
    fn ask_all(&self, asking: &Asking, runtime: &Handle) {
        let (checkpoint, last_known) = {
            let ledger = writer::read(&asking.ledger);
            (ledger.checkpoint().clone(), ledger.state().cosigned_size())
        };
        let Some(size) = signer::Checkpoint::parse(&checkpoint.text).map(|checkpoint| checkpoint.size) else { return };
        let consistency = |old| writer::read(&asking.ledger).history().tree().consistency(old, size);
        let answers = std::thread::scope(|scope| {
            let threads: Vec<_> =
                self.asked.iter().map(|one| (one, scope.spawn(|| ask(one, &checkpoint, last_known, consistency)))).collect();
            threads.into_iter().map(|(one, thread)| (one, thread.join())).collect::<Vec<_>>()
        });
        let mut note: Note = checkpoint;
        for (asked, answer) in answers {
            match answer {
                Ok(Ok(line)) => note.signatures.push(line),
                Ok(Err(error)) => self.judge(asking, asked, &error),
                Err(_) => log("witness", &json!({ "witness": asked.name, "because": "the asking thread failed" })),
            }
        }
        if note.signatures.iter().any(|line| self.asked.iter().any(|asked| asked.name == line.name)) {
            match runtime.block_on(asking.writer.submit(note.encode().into_bytes())) {
                Ok(Answer::Recorded { receipt, .. }) => log("cosigned", &json!({ "size": size, "entry": receipt.index })),
                Ok(Answer::Refused { refusal, .. }) => log("cosignature refused", &json!({ "rule": refusal.rule.name() })),
                Err(error) => log("cosignature not logged", &json!({ "because": error.to_string() })),
            }
        }
    }

    fn judge(&self, asking: &Asking, asked: &Asked, error: &AskError) {
        log("witness", &json!({ "witness": asked.name, "because": error.to_string() }));
        // Somebody else may have asked for a later checkpoint meanwhile: then it is this asking that was late.
        let size = writer::read(&asking.ledger).seen().map_or(0, |seen| seen.size);
        let is_late = matches!(error, AskError::KnowsLarger { known, .. } if *known <= size);
        if !error.is_evidence() || is_late {
            return;
        }
        let origin = writer::read(&asking.ledger).id().as_str().to_owned();
        let Ok(theirs) = latest(asked, &origin) else { return };
        let kept = keep(&self.folder, &asked.name, &theirs);
        let shown = asking.ledger.write().unwrap_or_else(PoisonError::into_inner).show(&theirs);
        let rule = shown.err().map(|refusal| refusal.rule.name());
        log(
            "READ ONLY",
            &json!({
                "witness": asked.name, "rule": rule, "evidence": kept.map(|path| path.display().to_string()),
                "advice": "this ledger is behind or beside what it signed: restore a later copy, or show auditors the evidence",
            }),
        );
    }
}

impl Asking {
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

fn keep(folder: &Path, name: &str, note: &Note) -> Option<PathBuf> {
    let path = folder.join(format!("{}.checkpoint", name.replace('/', "-")));
    std::fs::create_dir_all(folder).ok()?;
    files::replace(&path, note.encode().as_bytes(), 0o600).ok()?;
    Some(path)
}
