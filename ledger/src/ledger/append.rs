//! Appending a batch: judged, sent to those who must hold it, written, signed for, answered. While others are waited for the ledger is
//! let go, and can be read as it was before.

use std::sync::{PoisonError, RwLock};

use signer::Note;
use signer::act::Act;
use signer::index_note::IndexNote;
use signer::note::note_hash;
use signer::rule::{Refusal, Rule};
use signer::statement::{Statement, statement_hash};
use signer::value::{StatementHash, UnixMs};

use super::{Answer, Ledger};
use crate::admit::{Admission, admit, judge_witnessed};
use crate::check::{Anchor, Content, Verified, check};
use crate::entry::{Entry, SealedEntry};
use crate::error::{LedgerError, storage_error};
use crate::quorum::{Alone, Before, Quorum};
use crate::refusal_note::{KeptRefusals, REFUSALS_PER_KEY_AND_DAY_MAX, RefusalNote};
use crate::storage::Storage;

/// How the ledger is reached for each step of a batch.
pub trait Reach<S: Storage> {
    /// Does a step.
    fn with<T>(&mut self, step: impl FnOnce(&mut Ledger<S>) -> T) -> T;
}

/// Whoever owns it.
impl<S: Storage> Reach<S> for &mut Ledger<S> {
    fn with<T>(&mut self, step: impl FnOnce(&mut Ledger<S>) -> T) -> T {
        step(self)
    }
}

/// Whoever shares it with readers. The lock is not poisoned by a panic: the ledger says itself whether it can go on.
impl<S: Storage> Reach<S> for &RwLock<Ledger<S>> {
    fn with<T>(&mut self, step: impl FnOnce(&mut Ledger<S>) -> T) -> T {
        step(&mut self.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Judges a batch in order, appends what is admitted, makes it durable, and answers each. What is appended is sent to the quorum before it
/// is written here, and signed for when both hold it. Until then readers see the checkpoint before, and what the new entries make true.
///
/// # Errors
/// [`LedgerError::Poisoned`], [`LedgerError::Deposed`] and storage failures: then nothing of the batch is acknowledged, nothing can be
/// appended any more, and whether it is in the record will be seen when the ledger is opened again.
pub fn append_through<S: Storage>(
    mut reach: impl Reach<S>,
    batch: Vec<Verified>,
    clock: UnixMs,
    quorum: &mut dyn Quorum,
) -> Result<Vec<Answer>, LedgerError> {
    let mut judged = reach.with(|ledger| ledger.begin(batch, clock, quorum))?;
    quorum.wait()?;
    reach.with(|ledger| ledger.sign(&mut judged, quorum))?;
    quorum.wait()?;
    reach.with(|ledger| ledger.answer(judged))
}

/// Tells the quorum that nothing more will come.
pub fn leave_through<S: Storage>(mut reach: impl Reach<S>, quorum: &mut dyn Quorum) {
    reach.with(|ledger| quorum.leave(&ledger.before(ledger.history.size())));
}

/// A batch that was judged.
struct Judged {
    outcomes: Vec<Outcome>,
    received: UnixMs,
    appended: bool,
    /// Signed refusals, in order.
    refusals: Vec<Note>,
}

impl<S: Storage> Ledger<S> {
    /// Judges a batch in order, appends what is admitted, makes it durable, and answers each.
    ///
    /// # Errors
    /// [`LedgerError::Poisoned`] and storage failures: then nothing of the batch is acknowledged, and whether it is in the
    /// record will be seen when the ledger is opened again.
    pub fn append(&mut self, batch: Vec<Verified>, clock: UnixMs) -> Result<Vec<Answer>, LedgerError> {
        append_through(self, batch, clock, &mut Alone)
    }

    fn begin(&mut self, batch: Vec<Verified>, clock: UnixMs, quorum: &mut dyn Quorum) -> Result<Judged, LedgerError> {
        // What is in memory is longer than what was signed for until the batch is answered: should that never come, nothing more does.
        if core::mem::replace(&mut self.is_poisoned, true) {
            return Err(LedgerError::Poisoned);
        }
        let received = self.state.received_last().max(clock);
        let size = self.history.size();
        let mut pending: Vec<SealedEntry> = Vec::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for verified in batch {
            if matches!(verified.content, Content::Epoch(_)) && !quorum.begins_epoch() {
                let found = "an epoch entry that somebody submitted";
                outcomes.push(Outcome::Unsigned(Refusal::new(Rule::EpochOrder, "an epoch begun by the node that sequences", found)));
                continue;
            }
            outcomes.push(self.judge(verified, received, &mut pending)?);
        }
        if !pending.is_empty() {
            quorum.send_entries(&self.before(size), &pending)?;
            // Written while they are under way. A node that finds them without a checkpoint later cuts them: they come from the others, or
            // nobody has them.
            self.write_entries(&pending)?;
        }
        Ok(Judged { outcomes, received, appended: !pending.is_empty(), refusals: Vec::new() })
    }

    fn sign(&mut self, judged: &mut Judged, quorum: &mut dyn Quorum) -> Result<(), LedgerError> {
        if judged.appended {
            self.sign_for_all()?;
        }
        judged.refusals = self.sign_refusals(&judged.outcomes, judged.received)?;
        if judged.refusals.is_empty() { Ok(()) } else { quorum.send_refusals(&self.before(self.history.size()), &judged.refusals) }
    }

    fn answer(&mut self, judged: Judged) -> Result<Vec<Answer>, LedgerError> {
        let mut refusals = judged.refusals.into_iter();
        let answers: Result<Vec<Answer>, _> = judged.outcomes.into_iter().map(|outcome| self.answer_one(outcome, &mut refusals)).collect();
        self.is_poisoned = answers.is_err();
        answers
    }

    fn before(&self, size: u64) -> Before<'_> {
        Before { ledger: self.id(), history: &self.history, size, checkpoint: &self.checkpoint }
    }

    fn judge(&mut self, verified: Verified, received: UnixMs, pending: &mut Vec<SealedEntry>) -> Result<Outcome, LedgerError> {
        // Checked against an older ring, a key may have been learnt since, and one may not.
        let verified = if self.ring().agrees(&verified) {
            verified
        } else {
            match check(&verified.bytes, self.ring()) {
                Ok(verified) => verified,
                Err(refusal) => return Ok(Outcome::Unsigned(refusal)),
            }
        };
        if let Some(index) = self.recorded_before(&verified, pending)? {
            return Ok(Outcome::Recorded { index, is_repeated: true, warnings: Vec::new() });
        }
        if let Some(refusal) = self.refuse_at_the_door(&verified) {
            return Ok(Outcome::Unsigned(refusal));
        }
        if matches!(verified.content, Content::Statement { .. }) && self.state.index_due(received).is_some() {
            self.index(received, pending)?;
        }
        let context = verified.names_size().and_then(|size| self.history.context(size));
        match admit(&self.state, &verified, received, context.as_ref()) {
            Err(refusal) => Ok(self.refused(&verified, refusal, received)),
            Ok(mut admission) => {
                let warnings = std::mem::take(&mut admission.warnings);
                let index = self.take(&verified, admission, received, pending);
                if !warnings.is_empty() {
                    self.warnings.insert(index, warnings.clone());
                }
                Ok(Outcome::Recorded { index, is_repeated: false, warnings })
            }
        }
    }

    /// The index entry of the day, before its first entry. Where it cannot be admitted, the statement will say why.
    fn index(&mut self, received: UnixMs, pending: &mut Vec<SealedEntry>) -> Result<(), LedgerError> {
        // Asking for roots moves the maps on: only for an entry that will be there, or the last one could be proved no more.
        if judge_witnessed(&self.state, received, None).is_err() {
            return Ok(());
        }
        let kept = KeptRefusals::read(&self.storage, self.id().as_str(), self.ring().checkpoint_keys())
            .map_err(storage_error("reading refusals"))?;
        let since = self.state.indexed_last().map(|(_, last)| last).or_else(|| self.history.received(0)).unwrap_or(received);
        let (cases, keys) = self.state.index_roots();
        let note = IndexNote { ledger: self.id().clone(), cases, keys, refusals: kept.between(since, received) };
        let signed = note.sign(self.key_in_force()?).encode();
        let Ok(verified) = check(signed.as_bytes(), self.ring()) else { return Ok(()) };
        if let Ok(admission) = admit(&self.state, &verified, received, None) {
            self.take(&verified, admission, received, pending);
        }
        Ok(())
    }

    fn take(&mut self, verified: &Verified, admission: Admission, received: UnixMs, pending: &mut Vec<SealedEntry>) -> u64 {
        let index = self.state.size();
        let previous = self.history.chain_at(index).unwrap_or(signer::value::ChainHead::EMPTY);
        let sealed = SealedEntry::new(previous, received, &verified.bytes);
        self.history.push(sealed.leaf, sealed.chain, received);
        self.state.apply(verified, received, admission);
        pending.push(sealed);
        index
    }

    /// The entry that holds the same text, if it was recorded before: found by device and counter.
    fn recorded_before(&self, verified: &Verified, pending: &[SealedEntry]) -> Result<Option<u64>, LedgerError> {
        let index = match &verified.content {
            // Only the ledger itself makes these.
            Content::Index(_) => None,
            Content::Epoch(epoch) => self.state.epoch().filter(|known| known.number == epoch.note.epoch).map(|known| known.entry),
            Content::Anchor(Anchor { note, .. }) => {
                self.state.anchored(&note.anchored).filter(|known| known.size == note.size).map(|known| known.entry)
            }
            Content::Cosigned(cosigned) => self.state.cosigned_entry(cosigned.checkpoint.size),
            Content::Statement { statement, .. } => match statement.as_ref() {
                Statement::Founding(_) => Some(0),
                Statement::Act { header, .. } => {
                    self.state.device(&header.device).and_then(|device| device.counters.get(&header.counter)).copied()
                }
            },
        };
        let Some(index) = index else { return Ok(None) };
        let durable = self.history.size() - pending.len() as u64;
        let bytes = match index.checked_sub(durable) {
            Some(at) => pending.get(at as usize).map(|sealed| sealed.bytes.clone()),
            None => self.entry(index)?,
        };
        let known = bytes.as_deref().and_then(|bytes| Entry::parse(bytes).ok()).map(|entry| entry.note);
        let is_same = match (&verified.content, known) {
            // The same checkpoint with other cosignatures says something else.
            (Content::Cosigned(_) | Content::Epoch(_) | Content::Anchor(_), Some(note)) => note == verified.bytes,
            (Content::Statement { hash, .. }, Some(note)) => Note::parse(note).is_ok_and(|note| statement_hash(&note.text) == *hash),
            (Content::Index(_), _) | (_, None) => false,
        };
        Ok(is_same.then_some(index))
    }

    fn refuse_at_the_door(&self, verified: &Verified) -> Option<Refusal> {
        if let Some(refusal) = &self.read_only {
            return Some(refusal.clone());
        }
        let Content::Statement { statement, .. } = &verified.content else { return None };
        let Statement::Act { act: Act::Amend { constitution, .. }, .. } = statement.as_ref() else { return None };
        let new = constitution.checkpoint_key;
        let held = self.keys.iter().any(|key| key.public().bytes() == new);
        (!held).then(|| Refusal::new(Rule::CheckpointKeyAbsent, "the new checkpoint key in the ledger's hands", new.to_string()))
    }

    fn refused(&mut self, verified: &Verified, refusal: Refusal, received: UnixMs) -> Outcome {
        let Content::Statement { statement, hash, keys, .. } = &verified.content else { return Outcome::Unsigned(refusal) };
        // A founding brings its own keys: a stranger could have any number of refusals signed and kept.
        if statement.act_name() == signer::ActName::Found {
            return Outcome::Unsigned(refusal);
        }
        let day = received.0.div_euclid(86_400_000);
        self.refused_today.retain(|(_, of), _| *of == day);
        let count = keys.first().map(|key| self.refused_today.entry((key.bytes(), day)).or_default());
        match count {
            Some(count) if *count < REFUSALS_PER_KEY_AND_DAY_MAX => {
                *count += 1;
                Outcome::Refused(Refused { refusal, statement: *hash, bytes: verified.bytes.clone(), size: self.state.size() })
            }
            _ => {
                let expected = format!("at most {REFUSALS_PER_KEY_AND_DAY_MAX} refusals of a key in a day");
                Outcome::Unsigned(Refusal::new(Rule::SubmissionLimit, expected, refusal.to_string()))
            }
        }
    }

    fn answer_one(&mut self, outcome: Outcome, refusals: &mut dyn Iterator<Item = Note>) -> Result<Answer, LedgerError> {
        match outcome {
            Outcome::Unsigned(refusal) => Ok(Answer::Refused { refusal, note: None }),
            Outcome::Recorded { index, is_repeated, warnings } => {
                Ok(Answer::Recorded { receipt: Box::new(self.receipt(index)?.ok_or(LedgerError::Poisoned)?), is_repeated, warnings })
            }
            Outcome::Refused(refused) => {
                let note = refusals.next().ok_or(LedgerError::Poisoned)?;
                self.write_refusal(&RefusalNote::file_name_of(&refused.bytes), note.encode().as_bytes())?;
                Ok(Answer::Refused { refusal: refused.refusal, note: Some(Box::new(note)) })
            }
        }
    }

    /// Signs the refusals of a batch, in order.
    fn sign_refusals(&self, outcomes: &[Outcome], received: UnixMs) -> Result<Vec<Note>, LedgerError> {
        let refused = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Refused(refused) => Some(refused),
            Outcome::Recorded { .. } | Outcome::Unsigned(_) => None,
        });
        refused
            .map(|Refused { refusal, statement, bytes, size }| {
                let seen = self.history.seen_at(*size).ok_or(LedgerError::Poisoned)?;
                let (ledger, submitted) = (self.id().clone(), note_hash(bytes));
                let note = RefusalNote { ledger, submitted, statement: *statement, rule: refusal.rule, received, seen };
                Ok(note.sign(self.key_at(*size)?))
            })
            .collect()
    }
}

/// What came of judging one note, before anything is durable.
enum Outcome {
    Recorded { index: u64, is_repeated: bool, warnings: Vec<Refusal> },
    Refused(Refused),
    Unsigned(Refusal),
}

/// A refusal that will be signed.
struct Refused {
    refusal: Refusal,
    statement: StatementHash,
    bytes: Vec<u8>,
    /// Size of the log against which it was judged.
    size: u64,
}
