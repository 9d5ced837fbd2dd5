//! What views say of cases, held against what admission knows of them.

use std::sync::Arc;

use ledger::programme::Register;
use ledger::programme::case::{Case, PaymentResult, Status};
use projector::rows::{CasePart, CaseRow, Deed, FlagRow, FlagState, MarkRow, Row, Rows};
use projector::{Key, Prefix};

/// Every case of the register is in the rows, at the same head, with the same standing, flags, payment and number of acts.
pub fn assert_agree(rows: &dyn Rows, register: &Register) {
    for (id, case) in register.cases() {
        let Some(Row::Case(row)) = rows.row(&Key::Case(id.to_string())).unwrap() else { panic!("no case {id}") };
        assert_eq!(row.head, Some((case.head.0, case.head_entry)), "{id}");
        assert_eq!(acts(rows, id.as_str()), case.acts, "{id}");
        agrees(rows, id.as_str(), &row, case);
    }
}

fn agrees(rows: &dyn Rows, id: &str, row: &CaseRow, case: &Case) {
    let (Some(file), Some(known)) = (&row.file, &case.file) else {
        assert_eq!(row.file.is_some(), case.file.is_some(), "{id}");
        return;
    };
    assert_eq!((&*file.unit, file.period), (known.unit.as_str(), known.period.year()), "{id}");
    let stopped = match &known.status {
        Status::Open => None,
        Status::Stopped { to, outcome, .. } => Some((to.as_str().to_owned(), outcome.to_string(), known.status_since)),
    };
    assert_eq!(file.stopped.clone().map(|stopped| (stopped.to, stopped.outcome, stopped.entry)), stopped, "{id}");
    assert_eq!(file.dropped.as_ref().map(|(_, blame)| blame.hash), known.dropped.map(|(hash, _)| hash.0), "{id}");
    let marks = |marks: &[Arc<MarkRow>]| marks.iter().map(|mark| (mark.step.clone(), mark.entry)).collect::<Vec<_>>();
    assert_eq!(marks(&file.marks), known.marks.iter().map(|mark| (mark.step.to_string(), mark.entry)).collect::<Vec<_>>(), "{id}");
    assert_eq!(file.referred_ms, known.referred_ms, "{id}");
    let open: Vec<([u8; 32], bool)> = (0..file.flags)
        .filter_map(|number| match rows.row(&Key::CaseFlag(id.to_owned(), number)).unwrap().unwrap() {
            Row::Flag(FlagRow { hash, state, .. }) => match state {
                FlagState::Closed(_) => None,
                FlagState::Open => Some((hash, false)),
                FlagState::Upheld(_) => Some((hash, true)),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    let flags: Vec<([u8; 32], bool)> = known.flags.iter().map(|flag| (flag.hash.0, flag.is_upheld)).collect();
    assert_eq!(open, flags, "{id}");
    let payment = known.payment.as_ref().map(|payment| {
        let attempts = payment.attempts.iter().map(|(batch, result)| match result {
            PaymentResult::Pending => (batch.to_string(), None),
            PaymentResult::Paid => (batch.to_string(), Some(None)),
            PaymentResult::Failed(reason) => (batch.to_string(), Some(Some(reason.to_string()))),
        });
        (payment.list.to_string(), payment.fen, payment.locked, attempts.collect::<Vec<_>>())
    });
    let shown = file.payment.clone().map(|payment| {
        let attempts = payment.attempts.into_iter().map(|attempt| (attempt.batch, attempt.result.map(|result| result.failed)));
        (payment.list, payment.fen, payment.locked, attempts.collect::<Vec<_>>())
    });
    assert_eq!(shown, payment, "{id}");
}

/// The statements that name a case as format.md section 18 counts them.
fn acts(rows: &dyn Rows, id: &str) -> u64 {
    let mut acts = 0;
    for (key, row) in rows.page(&Prefix::case_entries(id), None, usize::MAX).unwrap() {
        let (Key::CaseEntry(_, entry), Row::CaseEntry(row)) = (key, row) else { panic!("a row of another kind") };
        let Some(Row::Entry(held)) = rows.row(&Key::Entry(entry)).unwrap() else { panic!("no entry {entry}") };
        acts += match (&row.part, &held.deed) {
            (CasePart::DroppedBefore(_) | CasePart::Omitted(_) | CasePart::Waits | CasePart::HeldBack(_), _) => 0,
            // The step and the join.
            (_, Deed::Join { .. }) => 2,
            _ => 1,
        };
    }
    acts
}
