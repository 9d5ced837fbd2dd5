//! Refusals beside the log: what is new is copied; what was copied must still be there.

use std::collections::BTreeSet;
use std::io;

use signer::rule::{Refusal, Rule};

use super::{BackupError, copying};
use crate::error::LedgerError;
use crate::refusal_note::{REFUSAL_BYTES_MAX, REFUSALS};
use crate::storage::{Storage, read_whole, write_whole};

/// What was done.
#[derive(Default)]
pub(super) struct CopiedRefusals {
    pub copied: u64,
    pub bytes: u64,
    /// Files that cannot be refusals: of another name, or too long.
    pub left: u64,
    pub findings: Vec<Refusal>,
}

/// Copies new refusals; names those that the source lost or changed. The copy keeps its own.
pub(super) fn copy(source: &dyn Storage, target: &mut dyn Storage) -> Result<CopiedRefusals, BackupError> {
    let reading = |source| BackupError::Ledger(LedgerError::Storage { step: "reading refusals", source });
    let mut done = CopiedRefusals::default();
    let there: BTreeSet<String> = source.list(REFUSALS).map_err(reading)?.into_iter().collect();
    let held: BTreeSet<String> = target.list(REFUSALS).map_err(copying("reading the copy's refusals"))?.into_iter().collect();
    for file in held.difference(&there) {
        done.findings.push(unlike(file, "none"));
    }
    for file in &there {
        let Some(bytes) = read(source, file).map_err(reading)? else {
            done.left += 1;
            continue;
        };
        if held.contains(file) {
            if read(target, file).map_err(copying("reading the copy's refusals"))?.as_ref() != Some(&bytes) {
                done.findings.push(unlike(file, "other bytes"));
            }
            continue;
        }
        write_whole(target, REFUSALS, file, &bytes).map_err(copying("writing a refusal"))?;
        done.copied += 1;
        done.bytes += bytes.len() as u64;
    }
    if !held.is_empty() {
        // Perhaps copied by a run that failed before their names were durable.
        target.sync_folder(REFUSALS).and_then(|()| target.sync_folder("")).map_err(copying("making refusals durable"))?;
    }
    Ok(done)
}

fn unlike(file: &str, found: &str) -> Refusal {
    Refusal::new(Rule::RefusalsUnlike, format!("{REFUSALS}/{file} as the copy has it"), found)
}

/// A file named like a refusal, if it is not too long for one.
fn read(storage: &dyn Storage, file: &str) -> io::Result<Option<Vec<u8>>> {
    let is_name = file.len() == 64 && file.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_name {
        return Ok(None);
    }
    match read_whole(storage, &format!("{REFUSALS}/{file}"), REFUSAL_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        other => other,
    }
}
