//! Views of a command's own. Those that lie beside a ledger are whoever's who gave it: what they say is not read, and nothing is
//! written into a folder that is evidence.

use std::path::Path;

use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::{MemoryRows, Opened, Projection, ProjectorError, Rows, UpTo, follow};

use crate::error::Failure;
use crate::lang::Lang;
use crate::screen::say;

/// Rows in memory, or kept in a folder that the user names.
pub enum OwnViews {
    /// Folded for this answer.
    InMemory(Box<MemoryRows>),
    /// Kept for the next one; always of the whole log.
    Kept(Box<Projection>),
}

impl OwnViews {
    /// Opens the kept views of a ledger, or makes them; says so where they had to be built anew.
    pub fn kept(folder: &Path, ledger: &Snapshot<Folder>, tell: &mut dyn FnMut(u64), lang: Lang) -> Result<OwnViews, Failure> {
        let (views, opened) = Projection::open(folder, ledger, tell).map_err(failed)?;
        if let Opened::Rebuilt { because } = opened {
            say(&format!("{}: {because}", lang.pick("views were in doubt and have been built anew", "视图存疑，已重建")));
        }
        Ok(OwnViews::Kept(Box::new(views)))
    }

    /// The rows.
    pub fn rows(&self) -> &dyn Rows {
        match self {
            OwnViews::InMemory(rows) => rows.as_ref(),
            OwnViews::Kept(projection) => projection.rows(),
        }
    }
}

/// Folds rows on to a size of the log.
pub fn folded(mut rows: MemoryRows, ledger: &Snapshot<Folder>, size: u64, tell: &mut dyn FnMut(u64)) -> Result<MemoryRows, Failure> {
    follow::follow(&mut rows, &UpTo::new(ledger, size), tell).map_err(failed)?;
    Ok(rows)
}

/// Views that cannot be read.
pub fn failed(error: ProjectorError) -> Failure {
    Failure::Views(error.to_string())
}
