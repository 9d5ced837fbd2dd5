//! What was refused. The log does not hold it: this is read from the signed notes that the ledger keeps beside it, and whoever
//! deletes one leaves no trace here (an audit compares their number with the daily index).

use std::collections::BTreeMap;
use std::io;

use ledger::checkpoint_keys::CheckpointKeys;
use ledger::refusal_note::{REFUSALS, read_kept};
use ledger::storage::Storage;
use signer::value::{LedgerId, UnixMs};

/// Notes that are read at most.
pub const NOTES_MAX: usize = 1_000_000;

/// Refusals by one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// How many.
    pub notes: u64,
    /// When the first was received, in Unix milliseconds.
    pub first_ms: i64,
    /// When the last was.
    pub last_ms: i64,
}

/// Refusals that are kept beside a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// By the rule's name.
    pub by_rule: BTreeMap<&'static str, Refused>,
    /// Files in their folder that are no refusal note of this ledger, or bear no signature of its keys.
    pub unreadable: u64,
    /// Whether there are more notes than are read.
    pub has_more: bool,
}

/// Reads the notes of refusals received until a moment.
///
/// # Errors
/// Those of the storage.
pub fn refusals(storage: &dyn Storage, ledger: &LedgerId, keys: &CheckpointKeys, until: UnixMs) -> io::Result<Refusals> {
    let mut refusals = Refusals::default();
    let files = storage.list(REFUSALS)?;
    refusals.has_more = files.len() > NOTES_MAX;
    for file in files.iter().take(NOTES_MAX) {
        let Ok((note, _)) = read_kept(storage, file, ledger.as_str(), keys)? else {
            refusals.unreadable += 1;
            continue;
        };
        if note.received > until {
            continue;
        }
        let at = note.received.0;
        let of_rule = refusals.by_rule.entry(note.rule.name()).or_insert(Refused { notes: 0, first_ms: at, last_ms: at });
        of_rule.notes += 1;
        (of_rule.first_ms, of_rule.last_ms) = (of_rule.first_ms.min(at), of_rule.last_ms.max(at));
    }
    Ok(refusals)
}
