//! Answers of the views as JSON. Each object that is made here names the entries from which it follows: whoever doubts it asks for
//! those.

use projector::Cursor;
use projector::answers::{CaseAnswer, EntryAnswer, PersonAnswer, SignedBy};
use projector::rows::{BatchRow, CasePart, FileRow, FlagRow, FlagState, LineRow, MarkRow, PaymentRow, PostingRow};
use serde_json::{Value, json};
use signer::value::{StatementHash, Time};

use crate::command::trace::entry::part_json;
use crate::command::trace::words;
use crate::lang::Lang;

/// Up to where an answer is right, laid into the answer.
pub fn with_cursor(mut answer: Value, at: &Cursor) -> Value {
    answer["at"] = json!({ "ledger": at.ledger.as_str(), "size": at.size, "root": at.root.to_string() });
    answer
}

fn hash(hash: &[u8; 32]) -> String {
    StatementHash(*hash).to_string()
}

/// An entry, with the part that a case has in it.
pub fn entry(answer: &EntryAnswer, part: &CasePart, lang: Lang) -> Value {
    let (title, more) = words::told(answer, part, lang);
    let row = &answer.row;
    json!({
        "entry": answer.entry, "act": row.deed.name(), "detail": row.deed.detail(), "told": title, "more": more, "part": part_json(part),
        "hash": row.hash.as_ref().map(hash), "received_ms": row.received_ms, "at": row.at.map(|at| Time::from(at).to_string()),
        "disputed": answer.is_disputed(), "signed_by": answer.signed_by.iter().map(signed_by).collect::<Vec<_>>(),
    })
}

fn signed_by(signed: &SignedBy) -> Value {
    json!({
        "person": signed.person, "name": signed.name, "office": signed.office, "unit": signed.unit, "capacity": signed.capacity,
        "entry": signed.entry, "at": signed.at.map(|at| Time::from(at).to_string()), "appointment_entry": signed.appointment,
        "key_entry": signed.key_entry, "disputed_by_entry": signed.disputed.as_ref().map(|revoked| revoked.entry),
    })
}

/// A case.
pub fn case(answer: &CaseAnswer, lang: Lang) -> Value {
    json!({
        "case": answer.case, "head": answer.head.as_ref().map(|(of, entry)| json!({ "hash": hash(of), "entry": entry })),
        "file": answer.file.as_ref().map(file), "flags": answer.flags.iter().map(flag).collect::<Vec<_>>(),
        "entries_total": answer.entries_total, "next": answer.next,
        "entries": answer.entries.iter().map(|(of, row)| entry(of, &row.part, lang)).collect::<Vec<_>>(),
    })
}

/// How a case stands in the programme.
pub fn file(file: &FileRow) -> Value {
    json!({
        "unit": file.unit, "scheme": file.scheme, "tier": file.tier, "period": file.period,
        "status": file.stopped.as_ref().map_or("open", |stopped| &stopped.to), "status_entry": file.stopped.as_ref().map(|stopped| stopped.entry),
        "dropped": file.dropped.as_ref().map(|(list, blame)| json!({ "list": list, "by_entry": blame.entry, "by_act": blame.act })),
        "steps": file.marks.iter().map(|row| mark(row)).collect::<Vec<_>>(), "payment": file.payment.as_ref().map(payment),
    })
}

fn mark(mark: &MarkRow) -> Value {
    json!({ "step": mark.step, "entry": mark.entry, "late": mark.is_late })
}

fn flag(flag: &FlagRow) -> Value {
    json!({ "act": flag.kind, "entry": flag.entry, "hash": hash(&flag.hash), "upheld": matches!(flag.state, FlagState::Upheld(_)) })
}

fn payment(payment: &PaymentRow) -> Value {
    let attempts = payment.attempts.iter().map(|attempt| {
        let result = attempt.result.as_ref();
        json!({
            "batch": attempt.batch, "entry": attempt.entry, "answered_entry": result.map(|result| result.entry),
            "failed": result.and_then(|result| result.failed.clone()),
        })
    });
    json!({ "list": payment.list, "locked_entry": payment.locked, "fen": payment.fen, "attempts": attempts.collect::<Vec<_>>() })
}

/// A person.
pub fn person(answer: &PersonAnswer) -> Value {
    let keys = answer.keys.iter().map(|(entry, key)| {
        let revoked = key.revoked.as_ref().map(|revoked| json!({ "entry": revoked.entry, "reason": revoked.reason }));
        json!({ "entry": entry, "key": hash(&key.key), "by": key.by, "replaced_by_entry": key.replaced, "revoked": revoked })
    });
    let offices = answer.offices.iter().map(|office| {
        let row = &office.row;
        let ended = row.ended.as_ref().map(|(entry, reason)| json!({ "entry": entry, "reason": reason }));
        json!({
            "office": office.office, "entry": office.entry, "unit": row.unit, "capacity": row.capacity, "from_ms": row.from_ms,
            "to_ms": row.to_ms, "ended": ended,
        })
    });
    let acts = answer.acts.iter().map(|act| {
        let row = &act.row;
        json!({
            "entry": act.entry, "act": row.act, "detail": row.detail, "received_ms": row.received_ms, "office": row.office, "unit": row.unit,
            "disputed_by_entry": act.disputed.as_ref().map(|revoked| revoked.entry),
        })
    });
    json!({
        "person": answer.person, "name": answer.name, "enrolled_entry": answer.enrolled, "keys": keys.collect::<Vec<_>>(),
        "offices": offices.collect::<Vec<_>>(), "acts_total": answer.acts_total, "acts": acts.collect::<Vec<_>>(), "next": answer.next,
    })
}

/// A line of a list.
pub fn line(line: &LineRow) -> Value {
    match line {
        LineRow::Case { case, head, fen } => json!({ "case": case, "head": hash(head), "fen": fen }),
        LineRow::Omit { case, hash: of } => json!({ "case": case, "omitted_by": hash(of) }),
        LineRow::Result { case, failed } => json!({ "case": case, "paid": failed.is_none(), "failed": failed }),
    }
}

/// A batch.
pub fn batch(row: &BatchRow) -> Value {
    json!({
        "list": row.list, "entry": row.entry, "locked_entries": [row.locked.0, row.locked.1], "taken_back_by_entry": row.void,
        "steps": row.marks.iter().map(|(step, received_ms)| json!({ "step": step, "received_ms": received_ms })).collect::<Vec<_>>(),
    })
}

/// A posting: what hung for which step, and nobody's case.
pub fn posting((list, step): &(String, String), row: &PostingRow) -> Value {
    json!({
        "list": list, "step": step, "up_entry": row.up, "up_at": Time::from(row.up_at).to_string(), "times": row.times, "kept": row.kept,
        "dropped": row.dropped, "days_asked": row.days_asked,
        "down": row.down.as_ref().map(|down| json!({ "entry": down.entry, "at": Time::from(down.at).to_string(), "days": down.days })),
    })
}
