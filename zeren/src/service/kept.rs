//! What the service knows of its ledger from before it was started: the last checkpoint that it committed, and those by which
//! witnesses contradicted it. Both lie in the service's own folder, so that a ledger whose folder was set back is not set back with
//! what would tell it (docs/decisions/0018).

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use ledger::Ledger;
use ledger::following::Record;
use ledger::storage::Folder;
use projector::Kept;
use serde_json::json;
use signer::note::NOTE_BYTES_MAX;
use signer::{Checkpoint, Note, Refusal, Rule};
use tokio::sync::watch;

use crate::cluster::owed::Owed;
use crate::error::Failure;
use crate::files;
use crate::lang::Lang;
use crate::screen::log;
use crate::writer::{self, Shared};

/// The last checkpoint, in the service's folder.
const CHECKPOINT: &str = "checkpoint";
/// Folder of the checkpoints that contradicted the ledger, and how their names end.
const EVIDENCE: &str = "evidence";
const EXTENSION: &str = "checkpoint";
/// Time between two looks whether something was committed: what is kept is never much older than what was acknowledged.
const PAUSE: Duration = Duration::from_millis(500);
/// The same after a failure, which may be the disk's and pass.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(5);
/// How often somebody looks whether the service stops.
const LOOK: Duration = Duration::from_millis(50);

/// Shows a ledger everything that was kept. A checkpoint of its own that it does not hold is the end; what a witness once showed
/// makes it read only, again. A node of a cluster that is behind any of that owes it, and follows until it has it.
///
/// # Errors
/// [`Failure::Contradicted`]: the ledger is not the one of which this was kept. [`Failure::NotKept`]: what was kept is damaged.
pub fn show(folder: &Path, ledger: &mut Ledger<Folder>, node: Option<&Owed>, lang: Lang) -> Result<(), Failure> {
    let path = folder.join(CHECKPOINT);
    if path.exists() {
        let evidence = path.display().to_string();
        let note = read(&path, lang)?;
        if !node.is_some_and(|owed| owed.take_own(&note, ledger)) {
            // Also one that no key of this ledger has signed: this program wrote it, so the ledger has lost the amendment.
            ledger.show(&note).map_err(|refusal| Failure::Contradicted { refusal, evidence })?;
        }
    }
    for path in evidence(folder)? {
        let note = read(&path, lang)?;
        if node.is_some_and(|owed| owed.take(&note, ledger)) {
            continue;
        }
        match ledger.show(&note) {
            Ok(()) => {}
            Err(refusal) if is_contradiction(&refusal) => tell_read_only(None, &refusal, Some(&path)),
            Err(refusal) => {
                log("evidence not judged", &json!({ "file": path.display().to_string(), "rule": refusal.rule.name() }));
            }
        }
    }
    Ok(())
}

/// What a service's folder knows that a record lacks: the last checkpoint, witnesses' evidence, what the views counted. For whoever acts
/// for the node while its service does not run; a folder that is not there knows nothing.
///
/// # Errors
/// [`Failure::NotKept`]: what was kept is damaged.
pub fn owe(folder: &Path, record: &dyn Record, owed: &Owed, lang: Lang) -> Result<(), Failure> {
    let path = folder.join(CHECKPOINT);
    if path.exists() {
        let note = read(&path, lang)?;
        // Compared where the record has as much, owed where it has less.
        if let Some(kept) = Checkpoint::parse(&note.text).filter(|kept| kept.origin == record.id().as_str()) {
            owed.add(kept.size, kept.root);
        }
    }
    for path in evidence(folder)? {
        owed.take(&read(&path, lang)?, record);
    }
    let counted = Kept::open(&folder.join("views")).and_then(|kept| kept.rows().cursor().ok().flatten());
    if let Some(cursor) = counted.filter(|cursor| cursor.ledger == *record.id()) {
        owed.add(cursor.size, cursor.root);
    }
    Ok(())
}

/// Whether a checkpoint that was shown is later than the ledger, or of another history.
pub fn is_contradiction(refusal: &Refusal) -> bool {
    matches!(refusal.rule, Rule::Rollback | Rule::Fork)
}

/// Says that the ledger takes nothing any more.
pub fn tell_read_only(witness: Option<&str>, refusal: &Refusal, evidence: Option<&Path>) {
    log(
        "READ ONLY",
        &json!({
            "witness": witness, "rule": refusal.rule.name(), "evidence": evidence.map(|path| path.display().to_string()),
            "advice": "this ledger is behind or beside what it signed: restore a later copy, or show auditors the evidence",
        }),
    );
}

/// Keeps what a witness showed, for whoever looks, and for the next start.
pub fn keep_evidence(folder: &Path, witness: &str, note: &Note) -> Option<PathBuf> {
    let folder = folder.join(EVIDENCE);
    let path = folder.join(format!("{}.{EXTENSION}", witness.replace('/', "-")));
    fs::create_dir_all(&folder).ok()?;
    files::replace(&path, note.encode().as_bytes(), 0o600).ok()?;
    Some(path)
}

fn evidence(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let folder = folder.join(EVIDENCE);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&folder).map_err(Failure::file(&folder))?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(Failure::file(&folder))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    paths.sort_unstable();
    Ok(paths)
}

fn read(path: &Path, lang: Lang) -> Result<Note, Failure> {
    let note = files::read(path, NOTE_BYTES_MAX as u64)?;
    Note::parse(&note).map_err(|_| Failure::NotKept {
        what: format!(
            "{}: {}",
            path.display(),
            lang.pick(
            "no checkpoint, though the service kept one here: ask the witnesses for theirs before you move it away (docs/operations.md section 13)",
            "此处应为服务留存的检查点，但内容已损坏：移走前请先向见证方索取其检查点（docs/operations.md 第 13 节）"
        )
        ),
    })
}

/// Keeps the last checkpoint, and gives its size. It is read after its commit, so it may be older than the record that the ledger
/// finds after a crash, and is never newer. While a node owes something, what was kept before is later and stays.
///
/// # Errors
/// Those of the folder: the one that was kept before stays.
pub fn keep(folder: &Path, ledger: &Shared, owed: &Owed) -> Result<u64, Failure> {
    let (note, size, is_whole) = {
        let ledger = writer::read(ledger);
        let is_whole = matches!(owed.settle(&*ledger), Ok(None));
        (ledger.checkpoint().encode(), ledger.seen().map_or(0, |seen| seen.size), is_whole)
    };
    if is_whole {
        files::replace(&folder.join(CHECKPOINT), note.as_bytes(), 0o600)?;
    }
    Ok(size)
}

/// Keeps it after each commit, on a thread of its own: nobody's receipt waits for a second file to be durable.
pub fn follow(folder: PathBuf, ledger: Shared, owed: Owed, mut kept: u64, stopped: watch::Receiver<bool>) -> JoinHandle<()> {
    spawn(move || {
        let mut next = Instant::now();
        while !*stopped.borrow() {
            sleep(LOOK);
            let size = writer::read(&ledger).seen().map_or(0, |seen| seen.size);
            if size == kept || Instant::now() < next {
                continue;
            }
            next = Instant::now() + PAUSE;
            match keep(&folder, &ledger, &owed) {
                Ok(size) => kept = size,
                Err(error) => {
                    log("checkpoint not kept", &json!({ "because": error.to_string() }));
                    next += PAUSE_AFTER_ERROR;
                }
            }
        }
    })
}
