//! Views that follow the ledger while it is written: on a thread of their own, a few hundred entries at a time, so that neither
//! writers nor readers wait long for them.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use ledger::LedgerError;
use ledger::check::Verified;
use projector::{AdmittedEntry, AdmittedLog, Opened, Projection, ProjectorError, Rows, UpTo};
use serde_json::json;
use signer::value::{LedgerId, TreeRoot, UnixMs};
use signer::{Refusal, Rule};
use tokio::sync::watch;

use crate::cluster::owed::Owed;
use crate::error::Failure;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::screen::log;
use crate::writer::{self, Shared};

/// Entries that are folded while readers of the views wait.
const STRIDE: u64 = 1_024;
/// Entries that are read while the writer waits.
const READ_AT_ONCE: usize = 256;
/// How long the views rest before they look for more.
const PAUSE: Duration = Duration::from_millis(50);
/// How long they rest after an error, which may be the disk's and pass.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(5);

/// The views.
pub struct Views(Arc<RwLock<Projection>>);

impl Views {
    /// Opens the kept views of a ledger, or makes them.
    ///
    /// # Errors
    /// [`Failure::Contradicted`]: the views count entries that were committed, and this ledger has not. Else those of
    /// [`Projection::open`].
    pub fn open(folder: &Path, ledger: &Shared) -> Result<Views, Failure> {
        let log_of = SharedLog::of(ledger);
        let opened = Projection::open_of_writer(folder, &log_of, &mut |_| {});
        opened.map(Views::of).map_err(|error| unlike(error, log_of.size, folder))
    }

    /// The same of a node of a cluster. Its record may be behind what they counted, in a copy that was restored, and reads what it
    /// lacks: then that is owed, and they are made anew.
    ///
    /// # Errors
    /// [`Failure::Contradicted`]: the record has another history. Else those of [`Projection::open`].
    pub fn open_of_node(folder: &Path, ledger: &Shared, owed: &Owed, dir: &Path) -> Result<Views, Failure> {
        let log_of = SharedLog::of(ledger);
        match Projection::open_of_writer(folder, &log_of, &mut |_| {}) {
            Ok(opened) => Ok(Views::of(opened)),
            Err(ProjectorError::OtherHistory { size, found, .. }) if size > log_of.size => {
                if let Some(root) = TreeRoot::parse(&found) {
                    // Written down first: views that are made anew count it no more.
                    crate::cluster::folder::owe(dir, writer::read(ledger).id(), size, root)?;
                    owed.add(size, root);
                }
                Views::open_of_follower(folder, ledger)
            }
            Err(error) => Err(unlike(error, log_of.size, folder)),
        }
    }

    /// The same for whoever follows a ledger and never writes it: views that are unlike it are made anew.
    ///
    /// # Errors
    /// Those of [`Projection::open`].
    pub fn open_of_follower(folder: &Path, ledger: &Shared) -> Result<Views, Failure> {
        let opened = Projection::open(folder, &SharedLog::of(ledger), &mut |_| {});
        opened.map(Views::of).map_err(|error| Failure::Views(error.to_string()))
    }

    fn of((projection, opened): (Projection, Opened)) -> Views {
        if let Opened::Rebuilt { because } = opened {
            log("views rebuilt", &json!({ "because": because.to_string() }));
        }
        Views(Arc::new(RwLock::new(projection)))
    }

    /// Follows the ledger until the service stops; then once more, to its end.
    pub fn follow(&self, ledger: Shared, committed: watch::Receiver<u64>, stopped: watch::Receiver<bool>) -> JoinHandle<()> {
        let projection = Arc::clone(&self.0);
        spawn(move || {
            let mut counted = *committed.borrow();
            loop {
                let is_stopping = *stopped.borrow();
                match catch_up(&projection, &ledger, &mut counted) {
                    Ok(()) if is_stopping => return,
                    Ok(()) => sleep(PAUSE),
                    Err(error) => {
                        log("views behind", &json!({ "entries": counted, "because": error.to_string() }));
                        if is_stopping {
                            return;
                        }
                        sleep(PAUSE_AFTER_ERROR);
                    }
                }
            }
        })
    }

    /// Folds everything that the ledger holds under a checkpoint.
    ///
    /// # Errors
    /// Those of [`Projection::follow`].
    pub fn fold(&self, ledger: &Shared) -> Result<(), ProjectorError> {
        let cursor = self.0.read().unwrap_or_else(PoisonError::into_inner).rows().cursor()?;
        let mut counted = cursor.map_or(0, |cursor| cursor.size);
        catch_up(&self.0, ledger, &mut counted)
    }

    /// Asks the rows something.
    ///
    /// # Errors
    /// A problem where they cannot be read.
    pub fn ask<T>(&self, lang: Lang, ask: impl FnOnce(&dyn Rows) -> Result<T, ProjectorError>) -> Result<T, Problem> {
        let projection = self.0.read().unwrap_or_else(PoisonError::into_inner);
        ask(projection.rows()).map_err(|error| {
            log("views unreadable", &json!({ "because": error.to_string() }));
            Problem::failed(lang.pick("views that cannot be read", "视图无法读取"), lang)
        })
    }
}

/// Views that are ahead of their ledger are a rollback of it, views of another history a fork: they followed what was committed.
fn unlike(error: ProjectorError, entries: u64, folder: &Path) -> Failure {
    let ProjectorError::OtherHistory { size, expected, found } = error else { return Failure::Views(error.to_string()) };
    let refusal = if entries < size {
        Refusal::new(Rule::Rollback, format!("at least {size} entries, which its views count"), entries.to_string())
    } else {
        Refusal::new(Rule::Fork, expected, found)
    };
    Failure::Contradicted { refusal, evidence: folder.display().to_string() }
}

fn catch_up(projection: &RwLock<Projection>, ledger: &Shared, counted: &mut u64) -> Result<(), ProjectorError> {
    let log_of = SharedLog::of(ledger);
    while *counted < log_of.size {
        let next = log_of.size.min(*counted + STRIDE);
        let mut projection = projection.write().unwrap_or_else(PoisonError::into_inner);
        projection.follow(&UpTo::new(&log_of, next), &mut |_| {})?;
        *counted = next;
    }
    Ok(())
}

/// An entry that was read while the lock was held.
type Read = (u64, UnixMs, Verified, Vec<signer::Refusal>);

/// A shared ledger as views follow it: locked for a few entries at a time.
struct SharedLog {
    ledger: Shared,
    id: LedgerId,
    size: u64,
}

impl SharedLog {
    fn of(shared: &Shared) -> SharedLog {
        let ledger = writer::read(shared);
        SharedLog { ledger: Arc::clone(shared), id: ledger.id().clone(), size: AdmittedLog::size(&*ledger) }
    }

    fn some(&self, from: u64) -> Result<Vec<Read>, LedgerError> {
        let mut entries = Vec::with_capacity(READ_AT_ONCE);
        writer::read(&self.ledger).admitted_before(from, from + READ_AT_ONCE as u64, &mut |entry| {
            entries.push((entry.index, entry.received, entry.verified.clone(), entry.warnings.to_vec()));
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }
}

impl AdmittedLog for SharedLog {
    fn id(&self) -> &LedgerId {
        &self.id
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn root_at(&self, size: u64) -> Option<TreeRoot> {
        writer::read(&self.ledger).history().tree().root_at(size)
    }

    fn admitted(&self, from: u64, visit: &mut dyn FnMut(&AdmittedEntry<'_>) -> ControlFlow<()>) -> Result<(), LedgerError> {
        let mut next = from;
        while next < self.size {
            let entries = self.some(next)?;
            if entries.is_empty() {
                return Ok(());
            }
            for (index, received, verified, warnings) in &entries {
                let entry = AdmittedEntry { index: *index, received: *received, verified, warnings };
                if visit(&entry).is_break() {
                    return Ok(());
                }
                next = index + 1;
            }
        }
        Ok(())
    }
}
