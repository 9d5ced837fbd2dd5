//! Copying a record while somebody else writes to it, and copying it back (docs/decisions/0017). The copy is a ledger's folder.

mod record;
mod refusals;

use signer::rule::{Refusal, Rule};
use signer::value::{LedgerId, UnixMs};
use signer::{Checkpoint, Note};

use self::record::{Record, slots};
use crate::checkpoint_keys::CheckpointKeys;
use crate::error::{LedgerError, storage_error};
use crate::marker::{encode_marker, read_marker};
use crate::recovery::{LatestSlot, damaged};
use crate::refusal_note::REFUSALS;
use crate::segment::{SEGMENTS, SLOTS, encode_slot};
use crate::storage::{MARKER, Storage, UNFINISHED, read_whole, write_whole};

/// The file that says that a folder is a backup. Nothing opens such a folder for writing but the next backup.
pub const BACKUP: &str = "BACKUP";
/// The file that says that a ledger was restored from one, and whether it may be written to.
pub const RESTORED: &str = "RESTORED";
/// A demonstration's policy, copied where it is there.
const POLICY: &str = "trust-policy";
/// Longest policy, in bytes (format.md section 11).
const POLICY_BYTES_MAX: u64 = 65_536;
/// Longest notice that is read, in bytes.
pub const NOTICE_BYTES_MAX: u64 = 65_536;

/// The file that says what the copy is: the first that it has, and the last that is written.
pub struct Notice<'a> {
    /// Its name: [`BACKUP`] or [`RESTORED`].
    pub name: &'a str,
    /// Its text, before anything is copied, and for what was.
    pub text: &'a dyn Fn(Option<&Copied>) -> String,
}

/// What a copy holds now.
#[derive(Clone, Debug)]
pub struct Copied {
    /// The ledger.
    pub id: LedgerId,
    /// The checkpoint that covers all of it.
    pub checkpoint: Checkpoint,
    /// The same, signed.
    pub note: Note,
    /// When its last entry was received.
    pub received_last: UnixMs,
    /// Checkpoint keys that its entries name.
    pub keys: CheckpointKeys,
    /// Entries that were copied now.
    pub entries_new: u64,
    /// Bytes of entries and refusals that were copied now.
    pub bytes_new: u64,
    /// Refusals that were copied now.
    pub refusals_new: u64,
    /// Files among the refusals that cannot be refusals and were left.
    pub refusals_left: u64,
    /// Refusals of the copy that the ledger has no more, or not as they were.
    pub findings: Vec<Refusal>,
}

/// Why there is no new copy. One that was there before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// What is copied from cannot be read, or is damaged.
    #[error(transparent)]
    Ledger(LedgerError),
    /// What is copied to cannot be written, or is damaged.
    #[error("the copy: {0}")]
    Copy(LedgerError),
    /// The ledger is older than the copy, or another history.
    #[error("{refusal}")]
    Contradicted {
        /// `rollback` or `fork`.
        refusal: Refusal,
        /// The ledger's checkpoint.
        ledger: Box<Note>,
        /// The copy's.
        copy: Box<Note>,
    },
    /// The copy is of another ledger.
    #[error("{0}")]
    OtherLedger(Refusal),
    /// The folder holds something else.
    #[error("the folder holds something that is no backup: {0}")]
    NotACopy(String),
}

/// Brings a copy up to the latest checkpoint of a ledger; a new one if the target is empty.
///
/// # Errors
/// [`BackupError`]; whatever it is, the copy is what it was, or of a new one there is no marker.
pub fn copy(
    source: &dyn Storage,
    target: &mut dyn Storage,
    notice: &Notice<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Copied, BackupError> {
    let id = read_marker(source).map_err(BackupError::Ledger)?.ok_or(BackupError::Ledger(LedgerError::NotALedger))?;
    let is_finished = require_copy(target, &id, notice)?;
    let mut copy = Target::open(target, &id, is_finished, progress).map_err(BackupError::Copy)?;
    let latest = copy.latest_of(source).map_err(BackupError::Ledger)?;
    let from = copy.record.size();
    copy.judge(&latest)?;
    let entry_bytes = copy.extend(source, &latest, progress)?;
    // Refusals after slots and entries: whatever a covered index entry counts is there by now.
    let refusals = refusals::copy(source, copy.storage)?;
    copy_policy(source, copy.storage)?;
    let keys = copy.record.keys().clone();
    let received_last = copy.record.received_last();
    copy.commit(&latest).map_err(copying("writing the checkpoint"))?;
    let copied = Copied {
        checkpoint: latest.checkpoint.clone(),
        note: latest.note,
        received_last,
        keys,
        entries_new: latest.checkpoint.size - from,
        bytes_new: entry_bytes + refusals.bytes,
        refusals_new: refusals.copied,
        refusals_left: refusals.left,
        findings: refusals.findings,
        id,
    };
    // From here on it is a ledger's folder.
    if !is_finished {
        write_whole(target, "", MARKER, encode_marker(&copied.id).as_bytes()).map_err(copying("writing the file `ledger`"))?;
    }
    write_whole(target, "", notice.name, (notice.text)(Some(&copied)).as_bytes()).map_err(copying("writing the notice"))?;
    Ok(copied)
}

fn copying(step: &'static str) -> impl Fn(std::io::Error) -> BackupError {
    move |source| BackupError::Copy(LedgerError::Storage { step, source })
}

/// Whether the target is a finished copy of this ledger. It may be an unfinished one or empty, and then it gets the notice first.
fn require_copy(target: &mut dyn Storage, id: &LedgerId, notice: &Notice<'_>) -> Result<bool, BackupError> {
    let looking = copying("looking at the copy");
    let marked = read_marker(target).map_err(BackupError::Copy)?;
    if target.len(notice.name).map_err(&looking)?.is_none() {
        let mut there = target.list("").map_err(&looking)?;
        there.extend(target.list(SEGMENTS).map_err(&looking)?);
        there.extend(target.list(REFUSALS).map_err(&looking)?);
        if let Some(name) = there.into_iter().find(|name| ![UNFINISHED, "lock"].contains(&name.as_str())) {
            return Err(BackupError::NotACopy(name));
        }
        write_whole(target, "", notice.name, (notice.text)(None).as_bytes()).map_err(copying("writing the notice"))?;
    }
    match marked {
        Some(marked) if marked != *id => Err(BackupError::OtherLedger(Refusal::new(Rule::KnownOther, marked.to_string(), id.to_string()))),
        Some(_) => Ok(true),
        None if target.len(MARKER).map_err(&looking)?.is_some() => {
            Err(BackupError::Copy(damaged(0, Rule::Marker, &encode_marker(id).replace('\n', " "), "a malformed file `ledger`")))
        }
        None => Ok(false),
    }
}

/// The copy, read and verified.
struct Target<'s> {
    storage: &'s mut dyn Storage,
    id: LedgerId,
    record: Record,
    slot: Option<LatestSlot>,
}

impl<'s> Target<'s> {
    /// Reads the copy, and cuts what an interrupted run left above its checkpoint.
    fn open(
        storage: &'s mut dyn Storage,
        id: &LedgerId,
        is_finished: bool,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Target<'s>, LedgerError> {
        let (mut record, slot) = match Record::read(storage, id, progress)? {
            Ok((record, slot)) => (record, Some(slot)),
            Err(unsound) if is_finished => return Err(unsound),
            Err(_) => (Record::new(storage, id), None),
        };
        let settling = storage_error("cutting what an interrupted backup left");
        let reader = record.segments.reader(storage, record.size()).map_err(&settling)?;
        if reader.has_tail().map_err(&settling)? {
            record.segments.cut(storage).map_err(&settling)?;
        }
        record.segments.keep_allocated(storage).map_err(&settling)?;
        if let Some(slot) = &slot {
            // As in opening a ledger: perhaps it was only ever in memory, and the other slot will be overwritten.
            write_slot(storage, slot.number, &slot.note).map_err(storage_error("making the last checkpoint durable"))?;
        }
        Ok(Target { storage, id: id.clone(), record, slot })
    }

    /// The ledger's latest checkpoint. Where the largest is signed by no key that the copy knows, it may be torn, forged, or of a
    /// key that a later entry puts in force: then the whole ledger is read.
    fn latest_of(&self, source: &dyn Storage) -> Result<LatestSlot, LedgerError> {
        let slots = slots(source, &self.id)?;
        let mut founding = Record::new(source, &self.id);
        if self.record.size() == 0 {
            founding.read_to(source, 1, &mut |_, _| {})?;
        }
        let is_signed = |slot: &LatestSlot| self.record.is_signed(&slot.note) || founding.is_signed(&slot.note);
        match slots.into_iter().next().filter(is_signed) {
            Some(latest) => Ok(latest),
            None => Record::read(source, &self.id, &mut |_, _| {})?.map(|(_, slot)| slot),
        }
    }

    /// A ledger that is not longer than the copy is the copy, or contradicts it.
    fn judge(&self, latest: &LatestSlot) -> Result<(), BackupError> {
        let Some(slot) = &self.slot else { return Ok(()) };
        let (size, own) = (latest.checkpoint.size, self.record.size());
        match self.record.root_at(size) {
            Some(root) if root != latest.checkpoint.root => {
                Err(contradicted(fork(size, &slot.checkpoint, &latest.checkpoint), slot, latest))
            }
            Some(_) if size < own => {
                let refusal = Refusal::new(Rule::Rollback, format!("at least {own} entries"), size.to_string());
                Err(contradicted(refusal, slot, latest))
            }
            _ => Ok(()),
        }
    }

    /// Copies what is new, and reads it again. The copy is a prefix byte for byte: the next entry lies in the ledger where the copy
    /// ends. That old and new entries together have the root that was signed for proves that it is one.
    fn extend(&mut self, source: &dyn Storage, latest: &LatestSlot, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, BackupError> {
        let from = self.record.size();
        let settled = self.record.segments.clone();
        let mut bytes = 0;
        let mut reader =
            settled.reader(source, from).map_err(|source| BackupError::Ledger(LedgerError::Storage { step: "reading entries", source }))?;
        while self.record.size() < latest.checkpoint.size {
            match self.record.next_of(&mut reader, latest.checkpoint.size) {
                Ok(portion) => {
                    self.record.segments.append(self.storage, &portion).map_err(copying("writing entries"))?;
                    bytes += portion.iter().map(|sealed| sealed.bytes.len() as u64).sum::<u64>();
                    progress(self.record.size(), latest.checkpoint.size);
                }
                Err(error) => return Err(self.take_back(&settled, source, latest, error)),
            }
        }
        if let Err(error) = self.record.judge_root(latest) {
            return Err(self.take_back(&settled, source, latest, error));
        }
        self.record.judge_stored(self.storage, from).map_err(BackupError::Copy)?;
        Ok(bytes)
    }

    /// Cuts what was written, and says why the ledger does not continue the copy.
    fn take_back(
        &mut self,
        settled: &crate::segment::Segments,
        source: &dyn Storage,
        latest: &LatestSlot,
        error: LedgerError,
    ) -> BackupError {
        let is_storage = matches!(error, LedgerError::Storage { .. });
        if let Err(source) = settled.cut(self.storage) {
            return copying("cutting what is not signed for")(source);
        }
        let Some(slot) = self.slot.as_ref().filter(|_| !is_storage) else { return BackupError::Ledger(error) };
        // A whole ledger of another history is a fork; one that is not whole says itself where.
        match Record::read(source, &self.id, &mut |_, _| {}) {
            Ok(Ok((ledger, _))) if ledger.root_at(slot.checkpoint.size).is_some_and(|root| root != slot.checkpoint.root) => {
                contradicted(fork(slot.checkpoint.size, &slot.checkpoint, &latest.checkpoint), slot, latest)
            }
            Err(error) | Ok(Err(error)) => BackupError::Ledger(error),
            Ok(Ok(_)) => BackupError::Ledger(error),
        }
    }

    /// The commit: entries and refusals are durable, now the checkpoint that covers them, in the slot that does not hold the last one.
    fn commit(&mut self, latest: &LatestSlot) -> std::io::Result<()> {
        match &self.slot {
            Some(slot) if slot.checkpoint.size == latest.checkpoint.size => Ok(()),
            slot => write_slot(self.storage, slot.as_ref().map_or(0, |slot| 1 - slot.number), &latest.note),
        }
    }
}

fn write_slot(storage: &mut dyn Storage, number: usize, note: &Note) -> std::io::Result<()> {
    storage.write_at(SLOTS[number], 0, &encode_slot(note))?;
    storage.sync(SLOTS[number])?;
    storage.sync_folder("")
}

fn fork(size: u64, copy: &Checkpoint, ledger: &Checkpoint) -> Refusal {
    let shown = |checkpoint: &Checkpoint| format!("root {} over {} entries", checkpoint.root, checkpoint.size);
    Refusal::new(Rule::Fork, format!("one history up to {size}: {}", shown(copy)), shown(ledger))
}

fn contradicted(refusal: Refusal, copy: &LatestSlot, ledger: &LatestSlot) -> BackupError {
    BackupError::Contradicted { refusal, ledger: Box::new(ledger.note.clone()), copy: Box::new(copy.note.clone()) }
}

fn copy_policy(source: &dyn Storage, target: &mut dyn Storage) -> Result<(), BackupError> {
    let read = |storage: &dyn Storage| match read_whole(storage, POLICY, POLICY_BYTES_MAX) {
        // No audit accepts a longer one.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Ok(None),
        other => other,
    };
    let there = read(source).map_err(|source| BackupError::Ledger(LedgerError::Storage { step: "reading the policy", source }))?;
    match there {
        Some(bytes) if read(target).map_err(copying("reading the copy's policy"))?.as_deref() != Some(&bytes[..]) => {
            write_whole(target, "", POLICY, &bytes).map_err(copying("writing the policy"))
        }
        _ => Ok(()),
    }
}
