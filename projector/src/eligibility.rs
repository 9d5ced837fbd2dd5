//! Whether a case stands to be paid: never a stored opinion. It follows from what was done on the case and not taken back, and the
//! answer names the entries from which.

use signer::value::CaseId;

use crate::ProjectorError;
use crate::answers::{self, Answer};
use crate::rows::{FlagRow, MarkRow, Rows};

/// How a case stands in its period. The record shows what officials vouched for, not that it is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eligibility {
    /// Steps are still to be done.
    UnderWay,
    /// Something stands open against it: nothing goes on until it is closed.
    Questioned,
    /// A list lost it, and none has taken it up since.
    Dropped,
    /// An outcome stopped it.
    Stopped,
    /// Confirmed and locked for payment.
    Confirmed,
    /// Confirmed, and paid.
    Paid,
}

/// From what it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grounds {
    /// How the case stands.
    pub is: Eligibility,
    /// The period.
    pub period: u16,
    /// Steps that were done on it and not taken back, in order.
    pub marks: Vec<MarkRow>,
    /// What stands open against it.
    pub flags: Vec<FlagRow>,
    /// The entry of the outcome that stopped it.
    pub stopped_by: Option<u64>,
    /// The entry responsible for its being dropped from a list.
    pub dropped_by: Option<u64>,
    /// The entry that locked its payment.
    pub locked_by: Option<u64>,
    /// The entry that brought the bank's answer that it was paid.
    pub paid_by: Option<u64>,
}

/// How a case stands, and from which entries that follows. Nothing for a case that no step opened.
///
/// # Errors
/// Those of the rows.
pub fn eligibility(rows: &dyn Rows, case: &CaseId) -> Result<Option<Answer<Grounds>>, ProjectorError> {
    let Some(Answer { at, value }) = answers::case(rows, case, None, 1)? else { return Ok(None) };
    let Some(file) = value.file else { return Ok(None) };
    let payment = file.payment.as_ref();
    let result = payment.and_then(|payment| payment.attempts.last()).and_then(|last| last.result.as_ref());
    let paid_by = result.filter(|result| result.failed.is_none()).map(|result| result.entry);
    let grounds = Grounds {
        is: Eligibility::UnderWay,
        period: file.period,
        marks: file.marks.iter().chain(payment.iter().flat_map(|payment| &payment.marks)).map(|mark| MarkRow::clone(mark)).collect(),
        flags: value.flags,
        stopped_by: file.stopped.as_ref().map(|stopped| stopped.entry),
        dropped_by: file.dropped.as_ref().map(|(_, blame)| blame.entry),
        locked_by: payment.map(|payment| payment.locked),
        paid_by,
    };
    let is = match &grounds {
        Grounds { stopped_by: Some(_), .. } => Eligibility::Stopped,
        Grounds { paid_by: Some(_), .. } => Eligibility::Paid,
        Grounds { flags, .. } if !flags.is_empty() => Eligibility::Questioned,
        Grounds { dropped_by: Some(_), .. } => Eligibility::Dropped,
        Grounds { locked_by: Some(_), .. } => Eligibility::Confirmed,
        _ => Eligibility::UnderWay,
    };
    Ok(Some(Answer { at, value: Grounds { is, ..grounds } }))
}
