//! Files that commands read and write: with limits, and never over something.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ledger::storage::Folder;

use crate::error::Failure;
use crate::lang::Lang;
use crate::screen::within_line;

/// Largest text file that is read, in bytes.
pub const TEXT_BYTES_MAX: u64 = 64 << 20;

/// A whole file of at most `bytes_max` bytes.
pub fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    // To open a pipe would wait for whoever writes into it. The descriptors of this process are the caller's own.
    let is_own_descriptor = path.starts_with("/proc/self/fd") || path.starts_with("/dev/fd") || path == Path::new("/dev/stdin");
    if !is_own_descriptor && !fs::metadata(path).map_err(Failure::file(path))?.is_file() {
        return Err(Failure::malformed(format!("{}: not a regular file", path.display())));
    }
    let file = File::open(path).map_err(Failure::file(path))?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(Failure::file(path))?;
    if bytes.len() as u64 > bytes_max {
        return Err(Failure::malformed(format!("{}: longer than {bytes_max} bytes", path.display())));
    }
    Ok(bytes)
}

/// A whole file of UTF-8.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<String, Failure> {
    String::from_utf8(read(path, bytes_max)?).map_err(|_| Failure::malformed(format!("{}: not UTF-8", path.display())))
}

/// Writes a new file; one that exists is refused.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_with(path, bytes, 0o644).map_err(Failure::file(path))
}

/// Writes a new file that only its owner can read.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_with(path, bytes, 0o600).map_err(Failure::file(path))
}

fn write_with(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Replaces a file by another of the same name, whole or not at all; durable when it returns.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let _ = fs::remove_file(partial);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let replaced = write_with(partial, bytes, mode).and_then(|()| fs::rename(partial, path));
    // A name that is not durable in its folder is the old file after a crash.
    replaced.and_then(|()| File::open(folder)?.sync_all()).map_err(Failure::file(path))
}

/// Whether a path, which need not be there yet, lies inside a folder.
pub fn lies_inside(path: &Path, folder: &Path) -> bool {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = absolute.ancestors().find_map(|path| path.canonicalize().ok());
    existing.zip(folder.canonicalize().ok()).is_some_and(|(path, folder)| path.starts_with(folder))
}

/// That the folder in which another is to be made is there. It is not made: where another disk should be and is not, a copy would go to
/// this one without a word.
pub fn require_parent(path: &Path, lang: Lang) -> Result<(), Failure> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.is_dir()) else { return Ok(()) };
    let parent = within_line(&parent.display().to_string());
    Err(Failure::malformed(match lang {
        Lang::En => format!(
            "{parent}: no such folder, and it is not made here: if it is on another disk, that disk is not mounted\n  what to do: mount it, or mkdir -p {parent}"
        ),
        Lang::Zh => {
            format!("{parent}：文件夹不存在，且不予自动建立：如在另一磁盘上，该磁盘尚未挂载\n  处理: 请先挂载，或执行 mkdir -p {parent}")
        }
    }))
}

/// Makes a ledger's folder. If that stops half-way, as on a full disk, no empty folder is in the way of the next try.
pub fn make_ledger_folder(path: &Path) -> Result<Folder, Failure> {
    Folder::create(path).map_err(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            // Only what is empty: the lock holds nothing.
            let _ = fs::remove_file(path.join("lock"));
            let _ = fs::remove_dir(path);
        }
        Failure::file(path)(error)
    })
}

/// What founded a ledger in a folder that this process made: if it failed, the folder goes again and the same command can be run
/// once more. Nobody was given a receipt of it.
pub fn or_unmake<T>(made: &Path, founded: Result<T, Failure>) -> Result<T, Failure> {
    founded.inspect_err(|_| _ = fs::remove_dir_all(made))
}
