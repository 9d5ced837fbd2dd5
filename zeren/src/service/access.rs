//! The access log: who was shown what of whom, and who was not. One JSON line each, written before the answer leaves.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::clock;

/// The file's name in the service's folder.
pub const ACCESS_LOG: &str = "access.jsonl";

/// The open log.
pub struct AccessLog(Mutex<File>);

/// One reading, or one that was denied.
pub struct Access<'a> {
    /// The person of the token, if it was good.
    pub person: Option<&'a str>,
    /// From which address.
    pub peer: String,
    /// What was asked for: the path, which names a case by its opaque id.
    pub path: &'a str,
    /// Why it was denied; nothing where it was shown.
    pub denied: Option<&'a str>,
}

impl AccessLog {
    /// Opens the log of a service's folder, to add to it.
    ///
    /// # Errors
    /// Those of the file.
    pub fn open(folder: &Path) -> io::Result<AccessLog> {
        OpenOptions::new().create(true).append(true).mode(0o600).open(folder.join(ACCESS_LOG)).map(|file| AccessLog(Mutex::new(file)))
    }

    /// Adds a line.
    ///
    /// # Errors
    /// Those of the file: then nothing may be shown.
    pub fn note(&self, access: &Access<'_>) -> io::Result<()> {
        let Access { person, peer, path, denied } = access;
        let line = json!({
            "at": clock::device_time().to_string(), "person": person, "peer": peer, "path": path,
            "shown": denied.is_none(), "denied": denied,
        });
        // One write a line: lines of other processes never mix with it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(format!("{line}\n").as_bytes())
    }
}
