//! The file that says that a folder is a ledger, and which (format.md section 9).

use std::io;

use signer::value::LedgerId;

use crate::error::{LedgerError, storage_error};
use crate::storage::{MARKER, Storage, read_whole};

const MARKER_KIND: &str = "zeren ledger v1";
const MARKER_BYTES_MAX: u64 = 1_024;

/// The file's text.
pub(crate) fn encode_marker(id: &LedgerId) -> String {
    format!("{MARKER_KIND}\n{id}\n")
}

/// The id in the file `ledger`, or nothing if that is absent or malformed.
pub(crate) fn read_marker(storage: &dyn Storage) -> Result<Option<LedgerId>, LedgerError> {
    let bytes = match read_whole(storage, MARKER, MARKER_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
        other => other.map_err(storage_error("reading the file `ledger`"))?,
    };
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(text.and_then(|text| LedgerId::parse(text.strip_prefix(MARKER_KIND)?.strip_prefix('\n')?.strip_suffix('\n')?)))
}
