//! Views of a command's own. Those that lie beside a ledger are whoever's who gave it: what they say is not read, and nothing is
//! written into a folder that is evidence.

use std::path::Path;

use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::{MemoryRows, Opened, Projection, ProjectorError, Rows, UpTo, follow};

use crate::error::Failure;
use crate::files;
use crate::lang::{Lang, thousands};
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
    pub fn kept(
        folder: &Path,
        (dir, ledger): (&Path, &Snapshot<Folder>),
        tell: &mut dyn FnMut(u64),
        lang: Lang,
    ) -> Result<OwnViews, Failure> {
        refuse_inside(folder, dir, lang)?;
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

/// Views are written nowhere inside a ledger's folder: it is evidence.
pub fn refuse_inside(folder: &Path, dir: &Path, lang: Lang) -> Result<(), Failure> {
    if !files::lies_inside(folder, dir) {
        return Ok(());
    }
    let advice = lang.pick(
        "lies in the ledger's folder, which is evidence: name a folder outside of it",
        "位于账本文件夹内，属证据，不得写入：请另选文件夹",
    );
    Err(Failure::malformed(format!("--views {}: {advice}", folder.display())))
}

/// Entries above which somebody is told what views in memory cost.
const FEW: u64 = 200_000;
/// What an entry takes in memory while its rows are folded, in bytes: measured on the large sample county.
const BYTES_AN_ENTRY: u64 = 8_000;

/// Says, where it matters, that views in memory are large and that there is another way.
pub fn tell_of_memory(size: u64, lang: Lang) {
    if size > FEW {
        let (entries, gigabytes) = (thousands(size), size * BYTES_AN_ENTRY / 1_000_000_000);
        say(&match lang {
            Lang::En => format!(
                "views of {entries} entries take about {gigabytes} GB of memory; --views DIR keeps them on disk, also for the next time"
            ),
            Lang::Zh => format!("{entries} 条的视图约占内存 {gigabytes} GB；用 --views 文件夹 可存于磁盘，下次亦可使用"),
        });
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
