//! Views as tables: one match over all keys of rows, and every field of every row. A new kind of row, or a new field, does not
//! compile until it stands in a table.

use projector::keys::Key;
use projector::rows::{
    AttemptRow, BatchCasesRow, BatchRow, Blame, CaseEntryRow, CasePart, CaseRow, ConstitutionRow, CosignedRow, DeadlineRow, DownRow,
    EnactmentRow, EntryRow, FileRow, FlagAtRow, FlagRow, FlagState, GrantRow, KeyRow, LedgerRow, LineRow, ListLinesRow, ListRow, MoneyRow,
    OfficeRow, OutcomeRow, PaymentRow, PersonActRow, PersonRow, PostingRow, ProcedureRow, RaisedCountRow, RaisedRow, Row, RowKind,
    SignerRow, StepRow, TallyRow, Votes, WaitingRow, WarningRow,
};
use signer::value::{UnixMs, base64};

use super::deeds::{objects, said};
use crate::tables::sheet::Value;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn number(number: u64) -> Value {
    Value::Number(number)
}

fn hash(hash: &[u8; 32]) -> Value {
    Value::Text(base64(hash))
}

/// A time of receipt or of an office, as the county's clocks show it.
pub fn time(ms: i64) -> Value {
    Value::Text(crate::clock::demo_time(UnixMs(ms)).to_string())
}

fn maybe<T>(value: Option<T>, show: impl Fn(T) -> Value) -> Value {
    value.map_or(Value::Empty, show)
}

fn yes(is_so: bool) -> Value {
    text(if is_so { "yes" } else { "no" })
}

fn words<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Value {
    let all: Vec<String> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
    if all.is_empty() { Value::Empty } else { Value::Text(all.join(" ")) }
}

fn numbers<T: ToString>(numbers: &[T]) -> Value {
    words(numbers.iter().map(ToString::to_string))
}

fn state(state: FlagState) -> [Value; 2] {
    match state {
        FlagState::Open => [text("open"), Value::Empty],
        FlagState::Upheld(entry) => [text("upheld"), number(entry)],
        FlagState::Closed(entry) => [text("closed"), number(entry)],
    }
}

/// Fen as yuan, exactly.
pub fn yuan(fen: u64) -> Value {
    Value::Text(format!("{}.{:02}", fen / 100, fen % 100))
}

/// Lines of tables that a row becomes.
pub type Lines = Vec<(&'static str, Vec<Value>)>;

/// What a row says, as lines of tables; nothing if the row is not of the kind that its key names.
pub fn lines(key: &Key, row: &Row) -> Option<Lines> {
    let one = |view, cells| Some(vec![(view, cells)]);
    match key {
        Key::Ledger => {
            let LedgerRow { founding, purpose, in_force, statements, cosigned, cases, records, persons, incidents, incident_last } =
                RowKind::peek(row)?;
            let counts = [statements, cosigned, cases, records, persons, incidents].map(|count| number(*count));
            let first = vec![number(*founding), text(purpose), number(*in_force)];
            one("ledger", [first, counts.to_vec(), vec![maybe(*incident_last, number)]].concat())
        }
        Key::Entry(entry) => entry_lines(*entry, RowKind::peek(row)?),
        Key::Warning(entry, _) => {
            let WarningRow { rule, line: _, expected, found } = RowKind::peek(row)?;
            one("warnings", [vec![number(*entry)], [rule, expected, found].map(|word| text(word)).to_vec()].concat())
        }
        Key::Constitution(entry) => {
            let ConstitutionRow { hash: statement, threshold, founders, witnesses } = RowKind::peek(row)?;
            let founders = words(founders.iter().map(|(person, power)| format!("{person}:{power}")));
            one("constitutions", vec![number(*entry), number(*threshold), founders, words(witnesses), hash(statement)])
        }
        Key::Enactment(entry) => {
            let EnactmentRow { id, version, digest, starts_ms } = RowKind::peek(row)?;
            one("enactments", vec![number(*entry), text(id), number(*version), time(*starts_ms), hash(digest)])
        }
        Key::Cosigned(entry) => {
            let CosignedRow { size, root, witnesses } = RowKind::peek(row)?;
            let line = |(name, seconds): &(String, u64)| {
                ("cosigned", vec![number(*entry), number(*size), hash(root), text(name), number(*seconds)])
            };
            Some(witnesses.iter().map(line).collect())
        }
        Key::Case(case) => Some(case_lines(case, RowKind::peek(row)?)),
        Key::CaseEntry(case, entry) => {
            let CaseEntryRow { changes_case, part } = RowKind::peek(row)?;
            one("case-entries", [vec![text(case), number(*entry), yes(*changes_case)], part_cells(part).to_vec()].concat())
        }
        Key::Person(..) | Key::PersonAct(..) | Key::PersonKey(..) | Key::PersonOffice(..) => person_lines(key, row),
        Key::PublicKey(..) | Key::Statement(..) | Key::Grant(..) | Key::Flag(..) | Key::Device(..) => lookup_lines(key, row),
        Key::Actor(..) | Key::ActorActivity(..) | Key::Activity(..) | Key::Group(..) => legacy_lines(key, row),
        Key::CaseFlag(case, at) => {
            let FlagRow { hash: statement, entry, kind, state: stands } = RowKind::peek(row)?;
            let [stands, by] = state(*stands);
            one("flags", vec![text(case), number(*at), text(kind), number(*entry), stands, by, hash(statement)])
        }
        Key::List(..) | Key::ListLines(..) | Key::ListDropped(..) | Key::Posting(..) | Key::Waiting(..) => list_lines(key, row),
        Key::Batch(..) | Key::BatchCases(..) | Key::Money(..) => money_lines(key, row),
        Key::Step(..) | Key::Outcome(..) | Key::Procedure(..) => procedure_lines(key, row),
        Key::Responsibility(..) | Key::Workload(..) | Key::Funnel(..) | Key::Standing(..) => count_lines(key, row),
        Key::Deadline(..) | Key::AnswerTerm(..) | Key::Raised(..) | Key::RaisedCount(..) => term_lines(key, row),
    }
}

fn person_lines(key: &Key, row: &Row) -> Option<Lines> {
    let one = |view, cells| Some(vec![(view, cells)]);
    match key {
        Key::Person(person) => {
            let PersonRow { name, enrolled, acts } = RowKind::peek(row)?;
            one("persons", vec![text(person), text(name), number(*enrolled), number(*acts)])
        }
        Key::PersonAct(person, entry) => {
            let PersonActRow { act, detail, received_ms, office, unit, appointment, key } = RowKind::peek(row)?;
            let what = [text(person), number(*entry), text(act), maybe(detail.as_deref(), text), time(*received_ms)];
            one("person-acts", [what.to_vec(), vec![text(office), text(unit), number(*appointment), number(*key)]].concat())
        }
        Key::PersonKey(person, entry) => {
            let KeyRow { key, by, replaced, revoked } = RowKind::peek(row)?;
            let revocation = match revoked {
                None => vec![Value::Empty; 3],
                Some(revoked) => {
                    vec![number(revoked.entry), text(&revoked.reason), maybe(revoked.suspected, |at| Value::Text(at.to_string()))]
                }
            };
            one("keys", [vec![text(person), number(*entry), text(by), hash(key), maybe(*replaced, number)], revocation].concat())
        }
        Key::PersonOffice(person, entry, office) => {
            let OfficeRow { unit, capacity, from_ms, to_ms, ended } = RowKind::peek(row)?;
            let ended = [maybe(ended.as_ref(), |(entry, _)| number(*entry)), maybe(ended.as_ref(), |(_, reason)| text(reason))];
            let held = vec![text(person), number(*entry), text(office), text(unit), text(capacity), time(*from_ms), maybe(*to_ms, time)];
            one("offices", [held, ended.to_vec()].concat())
        }
        _ => None,
    }
}

fn lookup_lines(key: &Key, row: &Row) -> Option<Lines> {
    let one = |view, cells| Some(vec![(view, cells)]);
    match key {
        Key::PublicKey(key) => one("lookups", lookup("key", key, *number_of(row)?)),
        Key::Statement(statement) => one("lookups", lookup("statement", statement, *number_of(row)?)),
        Key::Grant(statement) => {
            let GrantRow { entry, office } = RowKind::peek(row)?;
            one("lookups", vec![text("grant"), hash(statement), number(*entry), text(office), Value::Empty, Value::Empty])
        }
        Key::Device(device) => one("devices", vec![text(device), number(*number_of(row)?)]),
        Key::Flag(statement) => {
            let FlagAtRow { case, number: at } = RowKind::peek(row)?;
            one("lookups", vec![text("flag"), hash(statement), Value::Empty, Value::Empty, text(case), number(*at)])
        }
        _ => None,
    }
}

fn legacy_lines(key: &Key, row: &Row) -> Option<Lines> {
    let one = |view, cells| Some(vec![(view, cells)]);
    match key {
        Key::Actor(actor) => one("legacy", vec![text("actor"), text(actor), Value::Empty, number(*number_of(row)?)]),
        Key::ActorActivity(actor, activity) => {
            one("legacy", vec![text("actor-activity"), text(actor), text(activity), number(*number_of(row)?)])
        }
        Key::Activity(activity) => one("legacy", vec![text("activity"), Value::Empty, text(activity), number(*number_of(row)?)]),
        Key::Group(group) => one("legacy", vec![text("group"), Value::Empty, text(group), number(*number_of(row)?)]),
        _ => None,
    }
}

fn number_of(row: &Row) -> Option<&u64> {
    RowKind::peek(row)
}

fn lookup(kind: &str, of: &[u8; 32], entry: u64) -> Vec<Value> {
    vec![text(kind), hash(of), number(entry), Value::Empty, Value::Empty, Value::Empty]
}

fn entry_lines(entry: u64, row: &EntryRow) -> Option<Lines> {
    // How many warnings there are is seen in their own table.
    let EntryRow { received_ms, hash: statement, at, signers, deed, warnings: _ } = row;
    let (step, outcome) = deed.step_and_outcome();
    let about = objects(deed).into_iter().map(|(kind, id, _)| format!("{kind}:{id}"));
    let cells = vec![
        number(entry),
        time(*received_ms),
        number(u64::try_from(*received_ms).ok()?),
        maybe(*at, |at| Value::Text(at.to_string())),
        text(deed.name()),
        maybe(deed.detail(), text),
        text(step),
        text(&outcome),
        number(deed.cases_done()),
        words(about),
        words(signers.iter().map(|signer| &signer.person)),
        words(said(deed)),
        maybe(statement.as_ref(), hash),
    ];
    let mut lines = vec![("entries", cells)];
    for (place, SignerRow { person, office, unit, appointment, key }) in (1..).zip(signers) {
        let who = vec![number(entry), number(place), text(person), text(office), text(unit), number(*appointment), number(*key)];
        lines.push(("signatures", who));
    }
    Some(lines)
}

fn case_lines(case: &str, row: &CaseRow) -> Lines {
    let CaseRow { head, entries, file } = row;
    let head = [maybe(head.as_ref(), |(_, entry)| number(*entry)), maybe(head.as_ref(), |(statement, _)| hash(statement))];
    let start = [vec![text(case)], head.to_vec(), vec![number(*entries)]].concat();
    let Some(file) = file else { return vec![("cases", [start, vec![Value::Empty; 16]].concat())] };
    let FileRow { unit, scheme, tier, period, stopped, dropped, flags, first_open, payment, marks, referred_ms } = file;
    let stopped = match stopped {
        None => vec![Value::Empty; 4],
        Some(by) => vec![number(by.entry), text(&by.outcome), text(&by.name), time(by.received_ms)],
    };
    let dropped = [maybe(dropped.as_ref(), |(list, _)| text(list)), maybe(dropped.as_ref(), |(_, blame)| number(blame.entry))];
    let done = words(marks.iter().map(|mark| &mark.step));
    let late = words(marks.iter().filter(|mark| mark.is_late == Some(true)).map(|mark| &mark.step));
    let of = vec![text(unit), text(scheme), text(tier), number(u64::from(*period)), text(file.status())];
    let end = vec![number(*flags), number(*first_open), done, late, maybe(u64::try_from(*referred_ms).ok(), number)];
    let mut lines = vec![("cases", [start, of, stopped, dropped.to_vec(), end].concat())];
    let mark = |on: &str, mark: &projector::rows::MarkRow| {
        ("case-steps", vec![text(case), text(on), text(&mark.step), number(mark.entry), maybe(mark.is_late, yes)])
    };
    lines.extend(marks.iter().map(|done| mark("case", done)));
    if let Some(PaymentRow { list, locked, fen, attempts, marks }) = payment {
        lines.extend(marks.iter().map(|done| mark("payment", done)));
        let start = vec![text(case), text(scheme), number(u64::from(*period)), text(list), number(*locked), number(*fen), yuan(*fen)];
        if attempts.is_empty() {
            let waits = vec![Value::Empty, Value::Empty, text("locked"), Value::Empty, Value::Empty];
            lines.push(("case-payments", [start.clone(), waits].concat()));
        }
        for AttemptRow { batch, entry, result } in attempts {
            let result = match result {
                None => vec![text("in batch"), Value::Empty, Value::Empty],
                Some(result) => {
                    let word = if result.failed.is_some() { "failed" } else { "paid" };
                    vec![text(word), number(result.entry), maybe(result.failed.as_deref(), text)]
                }
            };
            lines.push(("case-payments", [start.clone(), vec![text(batch), number(*entry)], result].concat()));
        }
    }
    lines
}

/// The word for a case's part in an entry.
pub fn part_word(part: &CasePart) -> &'static str {
    match part {
        CasePart::Own => "about",
        CasePart::Kept { .. } => "kept",
        CasePart::Dropped(_) => "dropped",
        CasePart::DroppedBefore(_) => "dropped-before",
        CasePart::Omitted(_) => "omitted",
        CasePart::Waits => "waits",
        CasePart::InBatch => "in-batch",
        CasePart::HeldBack(_) => "held-back",
        CasePart::Paid => "paid",
        CasePart::Failed(_) => "failed",
    }
}

fn part_cells(part: &CasePart) -> [Value; 4] {
    let blamed = |Blame { hash: _, entry, act }: &Blame| (Value::Empty, number(*entry), text(act));
    let (fen, because, reason) = match part {
        CasePart::Own | CasePart::Waits | CasePart::InBatch | CasePart::Paid => (Value::Empty, Value::Empty, Value::Empty),
        CasePart::Kept { fen } => (maybe(*fen, number), Value::Empty, Value::Empty),
        CasePart::Dropped(blame) | CasePart::Omitted(blame) | CasePart::HeldBack(blame) => blamed(blame),
        CasePart::DroppedBefore(entry) => (Value::Empty, number(*entry), Value::Empty),
        CasePart::Failed(reason) => (Value::Empty, Value::Empty, text(reason)),
    };
    [text(part_word(part)), fen, because, reason]
}

fn list_lines(key: &Key, row: &Row) -> Option<Lines> {
    let one = |view, cells| Some(vec![(view, cells)]);
    match key {
        Key::List(list) => {
            let ListRow { kind, sheets, rows, votes: Votes { agree, against, absent }, done_by } = RowKind::peek(row)?;
            let counts = [sheets, rows, agree, against, absent].map(|count| number(*count));
            one("lists", [vec![text(list), text(kind)], counts.to_vec(), vec![maybe(done_by.as_ref(), hash)]].concat())
        }
        Key::ListLines(list, at) => {
            let ListLinesRow { entry, lines } = RowKind::peek(row)?;
            let line = |(place, line): (u64, &LineRow)| {
                let cells = match line {
                    LineRow::Case { case, head, fen } => [text(case), text("case"), hash(head), maybe(*fen, number), Value::Empty],
                    LineRow::Omit { case, hash: by } => [text(case), text("omit"), hash(by), Value::Empty, Value::Empty],
                    LineRow::Result { case, failed } => {
                        let word = if failed.is_some() { "failed" } else { "paid" };
                        [text(case), text(word), Value::Empty, Value::Empty, maybe(failed.as_deref(), text)]
                    }
                };
                ("list-lines", [vec![text(list), number(*at), number(place), number(*entry)], cells.to_vec()].concat())
            };
            Some((1..).zip(lines).map(line).collect())
        }
        Key::ListDropped(list, case) => one("list-dropped", vec![text(list), text(case), number(*number_of(row)?)]),
        Key::Posting(list, step) => {
            let PostingRow { up, up_at, times, kept, dropped, days_asked, down } = RowKind::peek(row)?;
            let up = vec![text(list), text(step), number(*up), Value::Text(up_at.to_string())];
            let counts = [times, kept, dropped, days_asked].map(|count| number(*count));
            let down = match down {
                None => vec![Value::Empty; 3],
                Some(DownRow { entry, at, days }) => vec![number(*entry), Value::Text(at.to_string()), number(*days)],
            };
            one("postings", [up, counts.to_vec(), down].concat())
        }
        Key::Waiting(statement) => {
            // The text is the statement's own, in the record.
            let WaitingRow { entry, text: _, signed, persons, offices } = RowKind::peek(row)?;
            one("waiting", vec![hash(statement), number(*entry), numbers(signed), number(*persons), words(offices)])
        }
        _ => None,
    }
}

fn money_lines(key: &Key, row: &Row) -> Option<Lines> {
    let one = |view, cells| Some(vec![(view, cells)]);
    match key {
        Key::Batch(batch) => {
            let BatchRow { list, entry, locked: (first, last), rows, void, marks } = RowKind::peek(row)?;
            let counts = [entry, first, last, rows].map(|count| number(*count));
            let steps = words(marks.iter().map(|(step, _)| step));
            one("batches", [vec![text(batch), text(list)], counts.to_vec(), vec![maybe(*void, number), steps]].concat())
        }
        Key::BatchCases(batch, at) => {
            let BatchCasesRow { cases } = RowKind::peek(row)?;
            let line = |(place, case): (u64, &String)| ("batch-cases", vec![text(batch), number(*at), number(place), text(case)]);
            Some((1..).zip(cases).map(line).collect())
        }
        Key::Money(scheme, period) => {
            let MoneyRow { locked, in_batch, paid, failed } = RowKind::peek(row)?;
            let sums = [locked, in_batch, paid, failed].map(|sum| [number(sum.cases), number(sum.fen)]);
            one("money", [vec![text(scheme), number(u64::from(*period))], sums.concat()].concat())
        }
        _ => None,
    }
}

fn procedure_lines(key: &Key, row: &Row) -> Option<Lines> {
    let one = |view, cells| Some(vec![(view, cells)]);
    match key {
        Key::Step(procedure, step) => {
            let StepRow { offices, min, locks, opens_batch, number: at, due, within, posting } = RowKind::peek(row)?;
            let within = match within {
                None => vec![Value::Empty; 3],
                Some((days, of)) => vec![number(days.days), yes(days.are_working), text(of)],
            };
            let posting = [maybe(*posting, |days| number(days.days)), maybe(*posting, |days| yes(days.are_working))];
            let due = maybe(*due, |(month, day)| Value::Text(format!("{month:02}-{day:02}")));
            let start =
                vec![hash(procedure), text(step), number(*at), words(offices), maybe(*min, number), yes(*locks), yes(*opens_batch), due];
            one("steps", [start, within, posting.to_vec()].concat())
        }
        Key::Outcome(procedure, outcome) => {
            let OutcomeRow { name, to } = RowKind::peek(row)?;
            one("outcomes", vec![hash(procedure), text(outcome), text(name), text(to)])
        }
        Key::Procedure(procedure) => {
            let ProcedureRow { offset_minutes, working, holidays, workdays, answer, opens, locks, answers, releases } = RowKind::peek(row)?;
            let days = [
                Value::Text(offset_minutes.to_string()),
                numbers(working),
                number(holidays.len() as u64),
                number(workdays.len() as u64),
                maybe(*answer, |days| number(days.days)),
                maybe(*answer, |days| yes(days.are_working)),
            ];
            let rest = vec![maybe(opens.as_deref(), text), maybe(locks.as_deref(), text), words(answers), words(releases)];
            one("procedures", [vec![hash(procedure)], days.to_vec(), rest].concat())
        }
        _ => None,
    }
}

fn count_lines(key: &Key, row: &Row) -> Option<Lines> {
    let one = |view, cells| Some(vec![(view, cells)]);
    let tally = |row| {
        let TallyRow { acts, cases, first, last } = RowKind::peek(row)?;
        Some([acts, cases, first, last].map(|count| number(*count)).to_vec())
    };
    match key {
        Key::Responsibility(of) => {
            let who = vec![text(&of.person), text(&of.office), text(&of.step), text(&of.outcome)];
            one("responsibility", [who, tally(row)?].concat())
        }
        Key::Workload(office, unit, year, month) => {
            let of = vec![text(office), text(unit), number(u64::from(*year)), number(u64::from(*month))];
            one("workload", [of, tally(row)?].concat())
        }
        Key::Funnel(unit, period, step) => {
            one("funnel", vec![text(unit), number(u64::from(*period)), text(step), number(*number_of(row)?)])
        }
        Key::Standing(unit, period, status) => {
            one("standing", vec![text(unit), number(u64::from(*period)), text(status), number(*number_of(row)?)])
        }
        _ => None,
    }
}

fn term_lines(key: &Key, row: &Row) -> Option<Lines> {
    let one = |view, cells| Some(vec![(view, cells)]);
    let kept = |kind: &str, of: &str, period: u16| {
        let DeadlineRow { in_time, late } = RowKind::peek(row)?;
        one("deadlines", vec![text(kind), text(of), number(u64::from(period)), number(*in_time), number(*late)])
    };
    match key {
        Key::Deadline(step, period) => kept("step", step, *period),
        Key::AnswerTerm(kind, year) => kept("answer", kind, *year),
        Key::Raised(entry) => {
            let RaisedRow { kind, case, unit, received_ms, procedure, state: stands } = RowKind::peek(row)?;
            let [stands, by] = state(*stands);
            let of = vec![number(*entry), text(kind), maybe(case.as_deref(), text), maybe(unit.as_deref(), text), time(*received_ms)];
            one("raised", [of, vec![stands, by, hash(procedure)]].concat())
        }
        Key::RaisedCount(kind) => {
            let RaisedCountRow { open, upheld, closed } = RowKind::peek(row)?;
            one("raised-counts", [vec![text(kind)], [open, upheld, closed].map(|count| number(*count)).to_vec()].concat())
        }
        _ => None,
    }
}
