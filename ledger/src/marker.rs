//! The file that says that a folder is a ledger, and which (format.md section 9).

use std::io;

use signer::value::{LedgerId, number};

use crate::error::{LedgerError, storage_error};
use crate::storage::{MARKER, Storage, read_whole};

/// First line of the file, whatever the version.
const KIND: &str = "zeren ledger v";
/// The version of the format that this program reads and writes (format.md section 20).
pub const FORMAT_VERSION: u32 = 1;
const MARKER_BYTES_MAX: u64 = 1_024;

/// The file's text.
pub(crate) fn encode_marker(id: &LedgerId) -> String {
    format!("{KIND}{FORMAT_VERSION}\n{id}\n")
}

/// The id in the file `ledger`, or nothing if that is absent or malformed.
///
/// # Errors
/// [`LedgerError::OtherFormat`] for a ledger of another version; storage failures.
pub(crate) fn read_marker(storage: &dyn Storage) -> Result<Option<LedgerId>, LedgerError> {
    let bytes = match read_whole(storage, MARKER, MARKER_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
        other => other.map_err(storage_error("reading the file `ledger`"))?,
    };
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((version, rest)) = text.as_deref().and_then(|text| text.strip_prefix(KIND)?.split_once('\n')) else { return Ok(None) };
    match number(version) {
        Some(version) if version == u64::from(FORMAT_VERSION) => Ok(rest.strip_suffix('\n').and_then(LedgerId::parse)),
        Some(version) => Err(LedgerError::OtherFormat { found: version }),
        None => Ok(None),
    }
}
