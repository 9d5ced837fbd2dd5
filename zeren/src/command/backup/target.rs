//! The folder that a copy goes to: a new one, an empty one, or the one of last time.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use ledger::storage::{Folder, Storage};

use crate::error::Failure;
use crate::files;
use crate::lang::Lang;
use crate::screen::within_line;

/// The folder, locked against a second backup.
pub struct Target {
    path: PathBuf,
    storage: Folder,
    is_made: bool,
}

impl Target {
    /// Opens or makes it.
    pub fn open(path: &Path, ledger: &Path, lang: Lang) -> Result<Target, Failure> {
        if files::lies_inside(path, ledger) || files::lies_inside(ledger, path) {
            return Err(refused(
                path,
                lang,
                "lies in the ledger's folder or around it: name a folder apart",
                "与账本文件夹互相包含，请另选文件夹",
            ));
        }
        files::require_parent(path, lang)?;
        if !path.exists() {
            return Ok(Target { path: path.to_owned(), storage: files::make_ledger_folder(path)?, is_made: true });
        }
        if !path.is_dir() {
            return Err(refused(path, lang, "no folder", "不是文件夹"));
        }
        if let Some(link) = link_in(path) {
            return Err(refused(&link, lang, "a symbolic link, through which nothing is written", "为符号链接，不经其写入"));
        }
        let is_empty = fs::read_dir(path).map_err(Failure::file(path))?.next().is_none();
        if is_empty {
            // A folder that somebody made for it: the lock says whose it is now.
            let lock = path.join("lock");
            OpenOptions::new().write(true).create_new(true).open(&lock).map_err(Failure::file(&lock))?;
        }
        let storage = Folder::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                refused(path, lang, "holds something that is no backup: name another folder", "内有非备份内容，请另选文件夹")
            }
            _ => Failure::file(path)(error),
        })?;
        Ok(Target { path: path.to_owned(), storage, is_made: false })
    }

    /// Fills it. What fails takes a folder that it made away again.
    pub fn fill<T, E>(mut self, fill: impl FnOnce(&mut dyn Storage) -> Result<T, E>) -> Result<T, E> {
        let filled = fill(&mut self.storage);
        if filled.is_err() && self.is_made {
            let _ = fs::remove_dir_all(&self.path);
        }
        filled
    }
}

fn refused(path: &Path, lang: Lang, en: &str, zh: &str) -> Failure {
    Failure::malformed(format!("{}: {}", within_line(&path.display().to_string()), lang.pick(en, zh)))
}

/// A symbolic link where files or folders of a copy go.
fn link_in(path: &Path) -> Option<PathBuf> {
    let folders = [path.to_owned(), path.join(ledger::segment::SEGMENTS), path.join(ledger::refusal_note::REFUSALS)];
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    entries.map(|entry| entry.path()).find(|path| path.is_symlink())
}
