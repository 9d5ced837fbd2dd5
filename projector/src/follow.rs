//! Following a log: whatever it has that the views do not count yet is folded, next entry by next entry, and committed.

use std::ops::ControlFlow;
use std::path::Path;

use ledger::replay::AdmittedEntry;
use ledger::snapshot::Snapshot;
use ledger::storage::Storage;
use ledger::{Ledger, LedgerError};
use signer::value::{LedgerId, TreeRoot};

use crate::ProjectorError;
use crate::generations::{Current, Generations};
use crate::rows::{Cursor, Rows};
use crate::store::Store;
use crate::views::{Views, fold};

/// Entries whose rows are written in one batch: counters that all of them change, and pages that their rows share, are written once.
pub const BATCH_ENTRIES: u64 = 4_096;

/// A log whose entries were admitted: an open ledger, or a snapshot of one.
pub trait AdmittedLog {
    /// The ledger's id.
    fn id(&self) -> &LedgerId;

    /// Number of entries.
    fn size(&self) -> u64;

    /// Root of the first `size` entries, or nothing if there are fewer.
    fn root_at(&self, size: u64) -> Option<TreeRoot>;

    /// Shows entries from one on, in order, until there are no more or `visit` breaks.
    ///
    /// # Errors
    /// Those of the ledger.
    fn admitted(&self, from: u64, visit: &mut dyn FnMut(&AdmittedEntry<'_>) -> ControlFlow<()>) -> Result<(), LedgerError>;
}

impl<S: Storage> AdmittedLog for Ledger<S> {
    fn id(&self) -> &LedgerId {
        Ledger::id(self)
    }

    fn size(&self) -> u64 {
        self.seen().map_or(0, |seen| seen.size)
    }

    fn root_at(&self, size: u64) -> Option<TreeRoot> {
        self.history().tree().root_at(size)
    }

    fn admitted(&self, from: u64, visit: &mut dyn FnMut(&AdmittedEntry<'_>) -> ControlFlow<()>) -> Result<(), LedgerError> {
        Ledger::admitted(self, from, visit)
    }
}

impl<S: Storage> AdmittedLog for Snapshot<S> {
    fn id(&self) -> &LedgerId {
        Snapshot::id(self)
    }

    fn size(&self) -> u64 {
        Snapshot::size(self)
    }

    fn root_at(&self, size: u64) -> Option<TreeRoot> {
        self.history().tree().root_at(size)
    }

    fn admitted(&self, from: u64, visit: &mut dyn FnMut(&AdmittedEntry<'_>) -> ControlFlow<()>) -> Result<(), LedgerError> {
        Snapshot::admitted(self, from, visit)
    }
}

/// A log as it was at an earlier size: views of it are what they were then.
pub struct UpTo<'a> {
    log: &'a dyn AdmittedLog,
    size: u64,
}

impl<'a> UpTo<'a> {
    /// The first `size` entries of a log, or all of them if there are no more.
    pub fn new(log: &'a dyn AdmittedLog, size: u64) -> UpTo<'a> {
        UpTo { log, size: size.min(log.size()) }
    }
}

impl AdmittedLog for UpTo<'_> {
    fn id(&self) -> &LedgerId {
        self.log.id()
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn root_at(&self, size: u64) -> Option<TreeRoot> {
        self.log.root_at(size).filter(|_| size <= self.size)
    }

    fn admitted(&self, from: u64, visit: &mut dyn FnMut(&AdmittedEntry<'_>) -> ControlFlow<()>) -> Result<(), LedgerError> {
        self.log.admitted(from, &mut |entry| if entry.index < self.size { visit(entry) } else { ControlFlow::Break(()) })
    }
}

/// Brings rows up to date with a log; gives the number of entries folded. `progress` is told how many entries are counted.
///
/// # Errors
/// [`ProjectorError::Behind`]: the entries before the one that failed are counted, that one and the later ones are not.
/// [`ProjectorError::OtherLedger`] and [`ProjectorError::OtherHistory`]: these are not the rows of this log, and stay as they are.
pub fn follow(rows: &mut dyn Rows, log: &dyn AdmittedLog, progress: &mut dyn FnMut(u64)) -> Result<u64, ProjectorError> {
    follow_in_batches(rows, log, BATCH_ENTRIES, progress)
}

/// The same with so many entries in one batch.
///
/// # Errors
/// As [`follow`].
pub fn follow_in_batches(
    rows: &mut dyn Rows,
    log: &dyn AdmittedLog,
    batch_entries: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, ProjectorError> {
    judge_history(rows, log)?;
    let before = size_of(rows)?;
    let followed = catch_up(rows, log, batch_entries.max(1), progress);
    let flushed = rows.flush();
    let at = size_of(rows)?;
    let of = log.size();
    match followed.and(flushed) {
        Ok(()) if at >= of => Ok(at - before),
        Ok(()) => Err(ProjectorError::Behind { at, of, source: Box::new(ProjectorError::NotShown { entry: at }) }),
        Err(source) => Err(ProjectorError::Behind { at, of, source: Box::new(source) }),
    }
}

/// Entries that the rows count.
fn size_of(rows: &dyn Rows) -> Result<u64, ProjectorError> {
    Ok(rows.cursor()?.map_or(0, |cursor| cursor.size))
}

fn catch_up(rows: &mut dyn Rows, log: &dyn AdmittedLog, batch_entries: u64, progress: &mut dyn FnMut(u64)) -> Result<(), ProjectorError> {
    let mut views = Views::of(rows)?;
    if views.next() >= log.size() {
        return Ok(());
    }
    let mut stopped = None;
    let read = log.admitted(views.next(), &mut |entry| {
        let mut take = || {
            fold(&mut views, rows, entry)?;
            if views.pending() >= batch_entries {
                commit(rows, &mut views, log)?;
                progress(views.next());
            }
            Ok(())
        };
        match take() {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                stopped = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    // What was folded before a failure is counted: it is right, whatever became of the entry after it. After a failed commit
    // the rows are as they were, and the changes that were taken are gone with `views`.
    if size_of(rows)? + views.pending() == views.next() {
        commit(rows, &mut views, log)?;
        progress(views.next());
    }
    match stopped {
        Some(error) => Err(error),
        None => Ok(read?),
    }
}

fn commit(rows: &mut dyn Rows, views: &mut Views, log: &dyn AdmittedLog) -> Result<(), ProjectorError> {
    if views.pending() == 0 {
        return Ok(());
    }
    let size = views.next();
    let root = log.root_at(size).ok_or(ProjectorError::NotShown { entry: size })?;
    rows.commit(views.take_changes(), Cursor { ledger: log.id().clone(), size, root })
}

/// Whether the rows were made of entries of this log.
fn judge_history(rows: &dyn Rows, log: &dyn AdmittedLog) -> Result<(), ProjectorError> {
    let Some(cursor) = rows.cursor()? else { return Ok(()) };
    if cursor.ledger != *log.id() {
        return Err(ProjectorError::OtherLedger { expected: log.id().to_string(), found: cursor.ledger.to_string() });
    }
    let root = log.root_at(cursor.size);
    if root != Some(cursor.root) {
        let expected = root.map_or_else(|| format!("only {} entries", log.size()), |root| root.to_string());
        return Err(ProjectorError::OtherHistory { size: cursor.size, expected, found: cursor.root.to_string() });
    }
    Ok(())
}

/// What became of the store when it was opened.
#[derive(Debug)]
pub enum Opened {
    /// There was none.
    New,
    /// It was sound, and counted this many entries.
    Continued {
        /// Entries that it counted.
        from: u64,
    },
    /// It was in doubt, was put aside, and built anew.
    Rebuilt {
        /// What was wrong.
        because: Box<ProjectorError>,
    },
}

/// The views of one log, kept in a folder, up to date when they were opened or followed last.
pub struct Projection {
    generations: Generations,
    current: Current,
    store: Store,
}

impl Projection {
    /// Opens the views of a log and brings them up to date. A store that is another ledger's, another schema's, ahead of the log
    /// or unlike it, changed, or damaged is put aside and built anew. `progress` is told how many entries are counted.
    ///
    /// # Errors
    /// [`ProjectorError::InUse`]; [`ProjectorError::Behind`] where the log cannot be read to its end; a storage failure.
    pub fn open(path: &Path, log: &dyn AdmittedLog, progress: &mut dyn FnMut(u64)) -> Result<(Projection, Opened), ProjectorError> {
        Projection::open_unless(path, log, is_of_the_log, progress)
    }

    /// The same for whoever writes the log and has followed it with these views. What they count was in the log then, so views that
    /// are ahead of it or unlike it are not to be built anew: they are what is left of a history that the log has lost.
    ///
    /// # Errors
    /// As [`Projection::open`], and [`ProjectorError::OtherHistory`]; the views stay as they are then.
    pub fn open_of_writer(
        path: &Path,
        log: &dyn AdmittedLog,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Projection, Opened), ProjectorError> {
        let is_final = |error: &ProjectorError| is_of_the_log(error) || matches!(error, ProjectorError::OtherHistory { .. });
        Projection::open_unless(path, log, is_final, progress)
    }

    fn open_unless(
        path: &Path,
        log: &dyn AdmittedLog,
        is_final: impl Fn(&ProjectorError) -> bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Projection, Opened), ProjectorError> {
        let generations = Generations::hold(path)?;
        let because = match generations.current() {
            Ok(None) => None,
            Ok(Some(current)) => match continue_with(&generations, current, log, progress) {
                Ok((store, from)) => {
                    generations.begin(Some(current.number))?;
                    let mut projection = Projection { generations, current, store };
                    projection.note_durable()?;
                    return Ok((projection, Opened::Continued { from }));
                }
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => Some((error, Some(current.number))),
            },
            Err(error) => Some((error, None)),
        };
        let old = because.as_ref().and_then(|(_, old)| *old);
        let (store, current) = build(&generations, old, log, progress)?;
        if let Some(old) = old {
            generations.put_aside(old)?;
        }
        let opened = because.map_or(Opened::New, |(because, _)| Opened::Rebuilt { because: Box::new(because) });
        Ok((Projection { generations, current, store }, opened))
    }

    /// The rows, to be asked by [`crate::answers`].
    pub fn rows(&self) -> &dyn Rows {
        &self.store
    }

    /// Brings the views up to date; gives the number of entries folded.
    ///
    /// # Errors
    /// As [`follow`].
    pub fn follow(&mut self, log: &dyn AdmittedLog, progress: &mut dyn FnMut(u64)) -> Result<u64, ProjectorError> {
        let folded = follow(&mut self.store, log, progress)?;
        self.note_durable()?;
        Ok(folded)
    }

    /// Notes how far the store is durable, after it was flushed.
    fn note_durable(&mut self) -> Result<(), ProjectorError> {
        let size = size_of(&self.store)?;
        if size != self.current.size {
            self.current.size = size;
            self.generations.switch(self.current)?;
        }
        Ok(())
    }

    /// How many entries of the log the views do not count.
    ///
    /// # Errors
    /// Those of the rows.
    pub fn behind(&self, log: &dyn AdmittedLog) -> Result<u64, ProjectorError> {
        Ok(log.size().saturating_sub(size_of(&self.store)?))
    }

    /// Builds the views anew beside the old ones, which answer until the new ones take their place.
    ///
    /// # Errors
    /// As [`follow`]; the old views stay then.
    pub fn rebuild(&mut self, log: &dyn AdmittedLog, progress: &mut dyn FnMut(u64)) -> Result<(), ProjectorError> {
        let (store, current) = build(&self.generations, Some(self.current.number), log, progress)?;
        self.store = store;
        let old = core::mem::replace(&mut self.current, current);
        self.generations.put_aside(old.number)
    }
}

/// Kept views as they lie in their folder, neither followed nor read through: of each row that is read it is known that it was
/// written under its key, of a row that is not found nothing.
pub struct Kept {
    store: Store,
    _generations: Generations,
}

impl Kept {
    /// The views, if there are any that count what was last made durable and nobody else has open. Nothing is made or changed.
    pub fn open(path: &Path) -> Option<Kept> {
        let generations = Some(path).filter(|path| path.is_dir()).and_then(|path| Generations::hold(path).ok())?;
        let current = generations.current().ok()??;
        let store = Store::open_unread(&generations.folder(current.number)).ok()?;
        let is_durable = size_of(&store).is_ok_and(|size| size == current.size);
        is_durable.then_some(Kept { store, _generations: generations })
    }

    /// The rows, to be asked by [`crate::answers`].
    pub fn rows(&self) -> &dyn Rows {
        &self.store
    }
}

fn continue_with(
    generations: &Generations,
    current: Current,
    log: &dyn AdmittedLog,
    progress: &mut dyn FnMut(u64),
) -> Result<(Store, u64), ProjectorError> {
    let mut store = Store::open(&generations.folder(current.number))?;
    let from = size_of(&store)?;
    if from < current.size {
        return Err(ProjectorError::Lost { expected: current.size, found: from });
    }
    follow(&mut store, log, progress)?;
    Ok((store, from))
}

/// Whether the views are right as far as they go, and the log is what failed.
fn is_of_the_log(error: &ProjectorError) -> bool {
    match error {
        ProjectorError::Behind { source, .. } => is_of_the_log(source),
        ProjectorError::Log(_) | ProjectorError::NotShown { .. } | ProjectorError::NotNext { .. } => true,
        _ => false,
    }
}

fn build(
    generations: &Generations,
    old: Option<u64>,
    log: &dyn AdmittedLog,
    progress: &mut dyn FnMut(u64),
) -> Result<(Store, Current), ProjectorError> {
    let number = generations.begin(old)?;
    let mut store = Store::open(&generations.folder(number))?;
    follow(&mut store, log, progress)?;
    let current = Current { number, size: size_of(&store)? };
    generations.switch(current)?;
    Ok((store, current))
}
