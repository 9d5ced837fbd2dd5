//! A witness of the commit order: a storage that panics when a checkpoint is written over entries that are not durable, or when
//! an answer would leave before everything that it rests on is.

use std::collections::BTreeSet;
use std::io;

use ledger::layout::Layout;
use ledger::segment::{SEGMENTS, SLOTS};
use ledger::storage::Storage;

use crate::disk::is_segment;

/// A storage that is watched.
pub struct Ordered<S> {
    storage: S,
    /// Files written since their last successful sync.
    unsynced: BTreeSet<String>,
    /// Folders in which a file got a name since their last successful sync.
    unnamed: BTreeSet<String>,
    /// Whether somebody failed: what is half done is then no violation, but no answer may leave.
    has_failed: bool,
}

fn folder_of(name: &str) -> String {
    name.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
}

/// Derived files may be behind.
fn is_record(name: &str) -> bool {
    !name.starts_with("hashes/") && name != "bundles"
}

impl<S: Storage> Ordered<S> {
    /// Watches a storage whose files are durable.
    pub fn new(storage: S) -> Ordered<S> {
        Ordered { storage, unsynced: BTreeSet::new(), unnamed: BTreeSet::new(), has_failed: false }
    }

    /// Called where an answer leaves.
    ///
    /// # Panics
    /// If anything of the record is not durable.
    pub fn answer_leaves(&self) {
        assert!(!self.has_failed, "an answer leaves after a failure");
        assert!(self.unsynced.is_empty(), "an answer leaves before these are synced: {:?}", self.unsynced);
        assert!(self.unnamed.is_empty(), "an answer leaves before names in these folders are: {:?}", self.unnamed);
    }

    fn named(&mut self, name: &str) -> io::Result<()> {
        if is_record(name) && self.storage.len(name)?.is_none() {
            let folder = folder_of(name);
            if !folder.is_empty() && self.storage.list(&folder)?.is_empty() {
                self.unnamed.insert(String::new());
            }
            self.unnamed.insert(folder);
        }
        Ok(())
    }

    fn noting<T>(&mut self, name: &str, result: io::Result<T>) -> io::Result<T> {
        self.has_failed |= result.is_err() && is_record(name);
        result
    }
}

impl<S: Storage> Storage for Ordered<S> {
    fn len(&self, name: &str) -> io::Result<Option<u64>> {
        self.storage.len(name)
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.storage.read_at(name, offset, buffer)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.storage.list(folder)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if SLOTS.contains(&name) {
            let segments: Vec<&String> = self.unsynced.iter().filter(|name| is_segment(name)).collect();
            assert!(segments.is_empty(), "{name} is written before these are synced: {segments:?}");
            assert!(!self.unnamed.contains(SEGMENTS), "{name} is written before a segment's name is durable");
            let other = SLOTS.iter().find(|slot| **slot != name && self.unsynced.contains(**slot));
            assert!(other.is_none(), "{name} is written while {other:?} is not durable either");
        }
        let named = self.named(name);
        self.noting(name, named)?;
        if is_record(name) {
            self.unsynced.insert(name.to_owned());
        }
        let written = self.storage.write_at(name, offset, bytes);
        self.noting(name, written)
    }

    fn set_len(&mut self, name: &str, length: u64) -> io::Result<()> {
        if is_record(name) {
            self.unsynced.insert(name.to_owned());
        }
        let done = self.storage.set_len(name, length);
        self.noting(name, done)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let synced = self.storage.sync(name);
        self.noting(name, synced)?;
        self.unsynced.remove(name);
        Ok(())
    }

    fn sync_folder(&mut self, folder: &str) -> io::Result<()> {
        let synced = self.storage.sync_folder(folder);
        self.noting(folder, synced)?;
        self.unnamed.remove(folder);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        assert!(!self.unsynced.contains(from), "{from} is renamed before it is synced");
        let named = self.named(to);
        self.noting(to, named)?;
        self.unnamed.insert(folder_of(to));
        let done = self.storage.rename(from, to);
        self.noting(to, done)
    }

    fn layout(&self) -> Layout {
        self.storage.layout()
    }
}
