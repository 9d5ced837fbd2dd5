//! The access log: who was shown what of whom, and who was not. One JSON line each, written before the answer leaves.
//!
//! It grows by what strangers ask, so it has bounds of its own: a line is short, denials of nobody in particular beyond a rate are
//! counted and not written, and nothing is written into the last of the disk, which is the record's.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock;
use crate::http::rate::Rates;
use crate::screen::log;

/// The file's name in the service's folder.
pub const ACCESS_LOG: &str = "access.jsonl";
/// Of a path, so many bytes are written; the longest that names anything here has fewer.
const PATH_BYTES_MAX: usize = 200;
/// Denials without a person that are written at once, and a second after that, whoever they are of: many addresses are not many
/// times as much.
const NOBODY_BURST: u32 = 5_000;
const NOBODY_A_SECOND: u32 = 10;
/// How long a line may lie in the system's memory.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The open log.
pub struct AccessLog {
    path: PathBuf,
    reserve_bytes: u64,
    nobody: Rates,
    writing: Mutex<Writing>,
}

struct Writing {
    file: File,
    /// Whether the last line could be written; whether half of one was.
    is_well: bool,
    is_torn: bool,
    is_synced: bool,
    /// Denials that were counted and not written.
    unwritten: u64,
}

/// One reading, or one that was denied.
pub struct Access<'a> {
    /// The person of the token, if it was good.
    pub person: Option<&'a str>,
    /// From which address.
    pub peer: String,
    /// What was asked for: the path, which names a case by its opaque id.
    pub path: &'a str,
    /// What else was asked for, in so many words.
    pub asked: Option<Value>,
    /// Why it was denied; nothing where it was shown.
    pub denied: Option<&'a str>,
}

impl AccessLog {
    /// Opens the log of a service's folder, to add to it; the first line says that it was opened. Whether that could be written is
    /// what [`AccessLog::is_well`] says.
    ///
    /// # Errors
    /// Those of opening the file.
    pub fn open(folder: &Path, reserve_bytes: u64) -> io::Result<AccessLog> {
        let path = folder.join(ACCESS_LOG);
        let writing = Writing { file: appended(&path)?, is_well: true, is_torn: false, is_synced: true, unwritten: 0 };
        let nobody = Rates::new(NOBODY_BURST, NOBODY_A_SECOND);
        let opened = AccessLog { path, reserve_bytes, nobody, writing: Mutex::new(writing) };
        opened.probe();
        Ok(opened)
    }

    /// Adds a line.
    ///
    /// # Errors
    /// Those of the file: then nothing may be shown.
    pub fn note(&self, access: &Access<'_>) -> io::Result<()> {
        let Access { person, peer, path, asked, denied } = access;
        let mut line = json!({
            "at": clock::device_time().to_string(), "person": person, "peer": peer, "path": cut(path), "shown": denied.is_none(),
            "denied": denied,
        });
        if let Some(asked) = asked {
            line["asked"] = asked.clone();
        }
        self.writing().add(self, &line)
    }

    /// Adds a line of a denial without a person. Where there were too many of those, it is counted, and the next line says how many.
    ///
    /// # Errors
    /// As [`AccessLog::note`].
    pub fn note_nobody(&self, access: &Access<'_>) -> io::Result<()> {
        let now = Instant::now();
        if self.nobody.ask("", now).is_err() {
            self.pass_over();
            return Ok(());
        }
        self.nobody.charge("", 1, now);
        self.note(access)
    }

    /// Counts a denial that is not written.
    pub fn pass_over(&self) {
        self.writing().unwritten += 1;
    }

    /// Whether the last line could be written, and there is room for more.
    pub fn is_well(&self) -> bool {
        self.writing().is_well && has_room(&self.path, self.reserve_bytes)
    }

    /// Brings lines to the disk, says what was only counted, and tries again whether lines can be written, until the service stops.
    pub fn follow(self: &std::sync::Arc<Self>, stopped: watch::Receiver<bool>) -> JoinHandle<()> {
        let access = std::sync::Arc::clone(self);
        spawn(move || {
            loop {
                let is_stopping = *stopped.borrow();
                access.tidy();
                if is_stopping {
                    return;
                }
                sleep(SYNC_EVERY);
            }
        })
    }

    fn tidy(&self) {
        let was_well = self.writing().is_well;
        if !was_well {
            self.probe();
        }
        let mut writing = self.writing();
        if writing.unwritten > 0 {
            let _ = writing.say_unwritten(self);
        }
        if !writing.is_synced {
            writing.is_well = writing.file.sync_data().is_ok();
            writing.is_synced = writing.is_well;
        }
        if was_well && !writing.is_well {
            log("access log", &json!({ "because": "it cannot be written; nothing that needs a token is shown" }));
        }
    }

    /// Writes a line that says nothing but that lines can be written.
    fn probe(&self) {
        let _ = self.writing().add(self, &json!({ "at": clock::device_time().to_string(), "event": "opened" }));
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    fn add(&mut self, of: &AccessLog, line: &Value) -> io::Result<()> {
        if self.unwritten > 0 {
            self.say_unwritten(of)?;
        }
        self.write(of, line)
    }

    fn say_unwritten(&mut self, of: &AccessLog) -> io::Result<()> {
        let at = clock::device_time().to_string();
        self.write(of, &json!({ "at": at, "person": null, "shown": false, "denied": "too-many", "requests": self.unwritten }))?;
        self.unwritten = 0;
        Ok(())
    }

    fn write(&mut self, of: &AccessLog, line: &Value) -> io::Result<()> {
        let written = self.try_write(of, line);
        self.is_well = written.is_ok();
        written
    }

    fn try_write(&mut self, of: &AccessLog, line: &Value) -> io::Result<()> {
        let bytes = self.reopen_if_moved(&of.path)?;
        if !has_room(&of.path, of.reserve_bytes) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // What a failed write left is ended first. One write a line: lines of other processes never mix with it.
        let begin = if self.is_torn { "\n" } else { "" };
        self.is_synced = false;
        let written = self.file.write_all(format!("{begin}{line}\n").as_bytes());
        self.is_torn = match written {
            Ok(()) => false,
            Err(_) => self.is_torn || self.file.metadata().is_ok_and(|now| now.len() > bytes),
        };
        written
    }

    /// Whoever puts the file aside by another name gets no more lines in it. Gives the length.
    fn reopen_if_moved(&mut self, path: &Path) -> io::Result<u64> {
        let open = self.file.metadata()?;
        let is_there = std::fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (open.dev(), open.ino()));
        if is_there {
            return Ok(open.len());
        }
        self.file.sync_data()?;
        self.file = appended(path)?;
        self.is_torn = false;
        Ok(self.file.metadata()?.len())
    }
}

fn appended(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// At most so many bytes, and a sign where there were more.
fn cut(path: &str) -> String {
    let mut end = path.len().min(PATH_BYTES_MAX);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    if end == path.len() { path.to_owned() } else { format!("{}…", &path[..end]) }
}

/// Whether a file system has more room than what is kept for the record; where the system does not say, it has.
pub fn has_room(path: &Path, reserve_bytes: u64) -> bool {
    let folder = path.parent().unwrap_or(path);
    rustix::fs::statvfs(folder).map_or(true, |room| room.f_bavail.saturating_mul(room.f_frsize) >= reserve_bytes)
}
