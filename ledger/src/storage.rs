//! The narrow door to the disk. Two implementations: a folder here, and one in `tests/` that fails at every step.

use std::io;

use crate::layout::Layout;

/// The file that says that a folder is a ledger, and which.
pub const MARKER: &str = "ledger";

/// Named files below one folder. Names use `/`. What was written is durable after [`Storage::sync`]; that a file exists, or
/// has a name, after [`Storage::sync_folder`].
pub trait Storage: Send + Sync {
    /// Length of a file in bytes, or nothing if there is none.
    fn len(&self, name: &str) -> io::Result<Option<u64>>;
    /// Reads up to `buffer.len()` bytes from `offset`; fewer only at the end of the file.
    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Names of the regular files of a folder, without the folder, sorted by their bytes. An absent folder has none.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    /// Writes all bytes at `offset`; makes the file and its folder if absent, and fills gaps with zeros.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts or extends a file.
    fn set_len(&mut self, name: &str, length: u64) -> io::Result<()>;
    /// Makes a file's content durable.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Makes the names in a folder durable; `""` is the ledger's own folder.
    fn sync_folder(&mut self, folder: &str) -> io::Result<()>;
    /// Gives a file another name, replacing what had it; makes the folder if absent.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// How entries lie in segments: the format's, but for simulated disks.
    fn layout(&self) -> Layout {
        Layout::FORMAT
    }
}

/// A whole file of at most `bytes_max` bytes, or nothing if there is none.
///
/// # Errors
/// Those of the storage; `InvalidData` if the file is longer.
pub fn read_whole(storage: &dyn Storage, name: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(length) = storage.len(name)? else { return Ok(None) };
    if length > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{name}: longer than {bytes_max} bytes")));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let read = read_full(storage, name, 0, &mut bytes)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Reads until the buffer is full or the file ends.
pub(crate) fn read_full(storage: &dyn Storage, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match storage.read_at(name, offset + filled as u64, &mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// What a file is called while it is not whole. It lies beside the folders of the record: in one of them, a file that a crash left
/// would be taken for part of the record.
pub(crate) const UNFINISHED: &str = "unfinished";

/// Writes a file under another name, makes it durable, and gives it its own: it is there whole or not at all.
pub(crate) fn write_whole(storage: &mut dyn Storage, folder: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    storage.write_at(UNFINISHED, 0, bytes)?;
    storage.set_len(UNFINISHED, bytes.len() as u64)?;
    storage.sync(UNFINISHED)?;
    if folder.is_empty() {
        storage.rename(UNFINISHED, name)?;
    } else {
        storage.rename(UNFINISHED, &format!("{folder}/{name}"))?;
        storage.sync_folder(folder)?;
    }
    // The folder's own name too.
    storage.sync_folder("")
}

#[cfg(feature = "folder")]
pub use folder::Folder;

#[cfg(feature = "folder")]
mod folder {
    use std::collections::HashMap;
    use std::fs::{self, File, OpenOptions};
    use std::io;
    use std::os::unix::fs::FileExt as _;
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, Mutex, PoisonError};

    use super::{MARKER, Storage};
    use crate::refusal_note::REFUSALS;

    /// The file whose lock a writer holds.
    const LOCK: &str = "lock";

    /// A folder of a POSIX file system.
    pub struct Folder {
        path: PathBuf,
        is_writable: bool,
        files: Mutex<HashMap<String, Arc<File>>>,
        /// Held while the ledger is open for writing.
        _lock: Option<File>,
    }

    impl Folder {
        /// Makes a new folder for a new ledger.
        ///
        /// # Errors
        /// `AlreadyExists` if there is anything of that name, whatever it is.
        pub fn create(path: &Path) -> io::Result<Folder> {
            fs::create_dir(path)?;
            // What is durable in a folder that is not helps nobody.
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(parent)?.sync_all()?;
            Folder::with_lock(path)
        }

        /// An existing folder, for one writer at a time. Makes nothing in a folder that is not a ledger's.
        ///
        /// # Errors
        /// `NotFound` if there is none, or none with a ledger in it; `WouldBlock` if another process has it open for writing.
        pub fn open(path: &Path) -> io::Result<Folder> {
            if !path.is_dir() {
                return Err(io::Error::new(io::ErrorKind::NotFound, format!("{}: no such folder", path.display())));
            }
            if !path.join(LOCK).exists() && !path.join(MARKER).exists() {
                return Err(io::Error::new(io::ErrorKind::NotFound, format!("{}: no ledger in this folder", path.display())));
            }
            // A copy of a ledger may have come without its lock.
            Folder::with_lock(path)
        }

        /// An existing folder, to be read only; what others write meanwhile may be seen or not.
        ///
        /// # Errors
        /// `NotFound` if there is none.
        pub fn open_to_read(path: &Path) -> io::Result<Folder> {
            if !path.is_dir() {
                return Err(io::Error::new(io::ErrorKind::NotFound, format!("{}: no such folder", path.display())));
            }
            Ok(Folder { path: path.to_owned(), is_writable: false, files: Mutex::default(), _lock: None })
        }

        fn with_lock(path: &Path) -> io::Result<Folder> {
            let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK))?;
            lock.try_lock().map_err(|error| match error {
                fs::TryLockError::WouldBlock => {
                    io::Error::new(io::ErrorKind::WouldBlock, "another process has this ledger open for writing")
                }
                fs::TryLockError::Error(error) => error,
            })?;
            Ok(Folder { path: path.to_owned(), is_writable: true, files: Mutex::default(), _lock: Some(lock) })
        }

        fn existing(&self, name: &str) -> io::Result<Option<Arc<File>>> {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(file) = files.get(name) {
                return Ok(Some(Arc::clone(file)));
            }
            let path = self.path.join(name);
            // What is read may be a link that somebody laid; what is written must stay in this folder.
            if self.is_writable && fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{name}: a symbolic link, through which nothing is written"),
                ));
            }
            // Something that is no file holds nothing; to open a pipe would wait for whoever writes into it.
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => {}
                Ok(_) => return Ok(None),
                Err(error) if is_absent(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
            let file = Arc::new(OpenOptions::new().read(true).write(self.is_writable).open(path)?);
            // A refusal is read once, and there may be more of them than a process may have files open.
            if !name.starts_with(REFUSALS) {
                files.insert(name.to_owned(), Arc::clone(&file));
            }
            Ok(Some(file))
        }

        fn required(&self, name: &str) -> io::Result<Arc<File>> {
            self.existing(name)?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{name}: no such file")))
        }

        fn created(&self, name: &str) -> io::Result<Arc<File>> {
            if let Some(file) = self.existing(name)? {
                return Ok(file);
            }
            let path = self.path.join(name);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            drop(OpenOptions::new().create_new(true).write(true).open(&path)?);
            self.required(name)
        }
    }

    /// A file below something that is no folder is absent too.
    fn is_absent(error: &io::Error) -> bool {
        matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    }

    impl Storage for Folder {
        fn len(&self, name: &str) -> io::Result<Option<u64>> {
            self.existing(name)?.map(|file| Ok(file.metadata()?.len())).transpose()
        }

        fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            self.required(name)?.read_at(buffer, offset)
        }

        fn list(&self, folder: &str) -> io::Result<Vec<String>> {
            let entries = match fs::read_dir(self.path.join(folder)) {
                Ok(entries) => entries,
                Err(error) if is_absent(&error) => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            let mut names = Vec::new();
            for entry in entries {
                let entry = entry?;
                if fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file()) {
                    names.push(entry.file_name().to_string_lossy().into_owned());
                }
            }
            names.sort_unstable();
            Ok(names)
        }

        fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
            self.created(name)?.write_all_at(bytes, offset)
        }

        fn set_len(&mut self, name: &str, length: u64) -> io::Result<()> {
            self.required(name)?.set_len(length)
        }

        fn sync(&mut self, name: &str) -> io::Result<()> {
            self.required(name)?.sync_data()
        }

        fn sync_folder(&mut self, folder: &str) -> io::Result<()> {
            File::open(self.path.join(folder))?.sync_all()
        }

        fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            files.remove(from);
            files.remove(to);
            if let Some(folder) = self.path.join(to).parent() {
                fs::create_dir_all(folder)?;
            }
            fs::rename(self.path.join(from), self.path.join(to))
        }
    }
}
