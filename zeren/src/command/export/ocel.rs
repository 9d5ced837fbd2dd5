//! Everything as an OCEL 2.0 event log in JSON: an event for each statement, and the cases, officials, lists, batches, units and
//! devices that it has to do with. Written as it is read; the types come last, when all are known.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use ledger::check::Content;
use projector::rows::{
    BatchCasesRow, BatchRow, CaseEntryRow, CaseRow, EntryRow, LineRow, ListLinesRow, ListRow, PAGE_ROWS_MAX, PersonRow, Row, RowKind,
};
use projector::{Key, Prefix};
use serde_json::{Value, json};
use signer::Statement;
use signer::value::{Time, base64};

use super::deeds::{activity, lifecycle, objects};
use super::views::part_word;
use super::{Source, write_new};
use crate::error::Failure;
use crate::lang::Lang;
use crate::own_views::failed;
use crate::tables::sheet::View;

/// Attributes of each type of objects, with their type.
const OBJECT_TYPES: [(&str, &[(&str, &str)]); 6] = [
    ("batch", &[("list", "string")]),
    ("case", &[("unit", "string"), ("scheme", "string"), ("tier", "string"), ("period", "integer"), ("status", "string")]),
    ("device", &[]),
    ("list", &[("kind", "string")]),
    ("official", &[("name", "string")]),
    ("unit", &[]),
];
/// Attributes of every event, with their type.
const EVENT_ATTRIBUTES: [(&str, &str); 5] =
    [("entry", "integer"), ("act", "string"), ("lifecycle", "string"), ("received", "time"), ("statement", "string")];

/// An object being gathered.
#[derive(Default)]
struct Thing {
    attributes: Vec<(&'static str, Value)>,
    relations: BTreeSet<(String, &'static str)>,
}

/// Which cases an entry acts on, and what part each has in it.
type Parts = HashMap<u64, Vec<(String, &'static str)>>;
/// Objects by type and id.
type Things = BTreeMap<(&'static str, String), Thing>;

/// Writes the log.
pub fn write(source: &Source, _: &[&'static View], output: &Path, _: Lang) -> Result<Value, Failure> {
    let (mut things, parts) = gather(source)?;
    let mut activities: BTreeSet<String> = BTreeSet::new();
    let (mut events, mut relations, mut qualified) = (0_u64, 0_u64, 0_u64);
    let file_failed = Failure::file(output);
    // What objects are is as of the first event: the format dates attributes.
    let mut first: Option<Time> = None;
    write_new(output, |file| {
        file.write_all(b"{\"events\":[").map_err(&file_failed)?;
        let mut stopped: Result<(), Failure> = Ok(());
        source.ledger.admitted(0, &mut |admitted| {
            let Content::Statement { statement, .. } = &admitted.verified.content else { return ControlFlow::Continue(()) };
            if admitted.index >= source.at.size {
                return ControlFlow::Break(());
            }
            stopped = source.entry(admitted.index).and_then(|row| {
                let time = time_of(&row);
                first = first.filter(|first| first.unix_seconds <= time.unix_seconds).or(Some(time));
                let related = related(admitted.index, &row, statement, &parts);
                related.iter().for_each(|(kind, id, _)| _ = things.entry((*kind, id.clone())).or_default());
                let event = event(admitted.index, &row, time, &related);
                activities.insert(activity(&row.deed));
                let comma = if events == 0 { "" } else { "," };
                events += 1;
                qualified += related.len() as u64;
                // Some programs know one relation of an event and an object, whatever it is called.
                relations += related.iter().map(|(kind, id, _)| (kind, id)).collect::<BTreeSet<_>>().len() as u64;
                write!(file, "{comma}\n{event}").map_err(&file_failed)
            });
            if stopped.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        stopped?;
        let time = first.map(utc).unwrap_or_default();
        end(file, &things, &activities, &time).map_err(&file_failed)
    })?;
    let mut by_type: BTreeMap<&str, u64> = OBJECT_TYPES.iter().map(|(kind, _)| (*kind, 0)).collect();
    things.keys().for_each(|(kind, _)| *by_type.entry(kind).or_default() += 1);
    Ok(json!({
        "events": events, "objects": things.len(), "relations": relations, "qualified_relations": qualified, "event_types": activities.len(),
        "object_types": by_type,
    }))
}

/// The device's time, or that of receipt.
fn time_of(row: &EntryRow) -> Time {
    row.at.map_or(Time { unix_seconds: row.received_ms.div_euclid(1000), offset_minutes: 0 }, Time::from)
}

/// In UTC, as the format asks.
fn utc(time: Time) -> String {
    let time = Time { offset_minutes: 0, ..time }.to_string();
    time.trim_end_matches("+00:00").to_owned() + "Z"
}

/// Objects that have rows of their own, and which cases each entry acts on.
fn gather(source: &Source) -> Result<(Things, Parts), Failure> {
    let mut things = Things::new();
    let mut parts = Parts::new();
    let mut after: Option<Key> = None;
    loop {
        let page = source.rows().page(&Prefix::all(), after.as_ref(), PAGE_ROWS_MAX).map_err(failed)?;
        let Some((last, _)) = page.last() else { return Ok((things, parts)) };
        after = Some(last.clone());
        for (key, row) in &page {
            take(key, row, &mut things, &mut parts).ok_or_else(|| Failure::Views(format!("{key}: a row of another kind")))?;
        }
    }
}

fn take(key: &Key, row: &Row, things: &mut Things, parts: &mut Parts) -> Option<()> {
    match key {
        Key::Case(case) => {
            let file = &<CaseRow as RowKind>::peek(row)?.file;
            let thing = things.entry(("case", case.clone())).or_default();
            if let Some(file) = file {
                thing.attributes.extend([
                    ("unit", json!(file.unit)),
                    ("scheme", json!(file.scheme)),
                    ("tier", json!(file.tier)),
                    ("period", json!(file.period)),
                    ("status", json!(file.status())),
                ]);
                thing.relations.insert((named("unit", &file.unit), "in"));
                things.entry(("unit", file.unit.clone())).or_default();
            }
        }
        Key::CaseEntry(case, entry) => {
            let part = &<CaseEntryRow as RowKind>::peek(row)?.part;
            parts.entry(*entry).or_default().push((case.clone(), part_word(part)));
        }
        Key::Person(person) => {
            let name = &<PersonRow as RowKind>::peek(row)?.name;
            things.entry(("official", person.clone())).or_default().attributes.push(("name", json!(name)));
        }
        Key::List(list) => {
            let kind = &<ListRow as RowKind>::peek(row)?.kind;
            things.entry(("list", list.clone())).or_default().attributes.push(("kind", json!(kind)));
        }
        Key::ListLines(list, _) => {
            let listed = <ListLinesRow as RowKind>::peek(row)?.lines.iter().map(|line| match line {
                LineRow::Case { case, .. } => (named("case", case), "lists"),
                LineRow::Omit { case, .. } => (named("case", case), "omits"),
                LineRow::Result { case, .. } => (named("case", case), "results"),
            });
            things.entry(("list", list.clone())).or_default().relations.extend(listed);
        }
        Key::Batch(batch) => {
            let list = &<BatchRow as RowKind>::peek(row)?.list;
            let thing = things.entry(("batch", batch.clone())).or_default();
            thing.attributes.push(("list", json!(list)));
            thing.relations.insert((named("list", list), "of"));
        }
        Key::BatchCases(batch, _) => {
            let cases = <BatchCasesRow as RowKind>::peek(row)?.cases.iter().map(|case| (named("case", case), "pays"));
            things.entry(("batch", batch.clone())).or_default().relations.extend(cases);
        }
        _ => {}
    }
    Some(())
}

fn named(kind: &str, id: &str) -> String {
    format!("{kind}:{id}")
}

/// What an event has to do with, each once: who signed it, where, on which device, and what it is about.
fn related(entry: u64, row: &EntryRow, statement: &Statement, parts: &Parts) -> BTreeSet<(&'static str, String, &'static str)> {
    let mut related = BTreeSet::new();
    for signer in &row.signers {
        related.insert(("official", signer.person.clone(), "signs"));
        related.insert(("unit", signer.unit.clone(), "at"));
    }
    let device = match statement {
        Statement::Founding(founding) => founding.device.to_string(),
        Statement::Act { header, .. } => header.device.to_string(),
    };
    related.insert(("device", device, "on"));
    related.extend(objects(&row.deed).into_iter().filter(|(kind, ..)| *kind != "case").map(|(kind, id, part)| (kind, id.to_owned(), part)));
    // What a case has to do with an entry stands in its own rows: there too where a list names it.
    match parts.get(&entry) {
        Some(parts) => related.extend(parts.iter().map(|(case, part)| ("case", case.clone(), *part))),
        None => related.extend(
            objects(&row.deed).into_iter().filter(|(kind, ..)| *kind == "case").map(|(kind, id, part)| (kind, id.to_owned(), part)),
        ),
    }
    related
}

fn event(entry: u64, row: &EntryRow, time: Time, related: &BTreeSet<(&'static str, String, &'static str)>) -> Value {
    let received = Time { unix_seconds: row.received_ms.div_euclid(1000), offset_minutes: 0 };
    let relationships: Vec<Value> =
        related.iter().map(|(kind, id, part)| json!({ "objectId": named(kind, id), "qualifier": part })).collect();
    json!({
        "id": format!("e{entry}"),
        "type": activity(&row.deed),
        "time": utc(time),
        "attributes": [
            { "name": "entry", "value": entry },
            { "name": "act", "value": row.deed.name() },
            { "name": "lifecycle", "value": lifecycle(&row.deed) },
            { "name": "received", "value": utc(received) },
            { "name": "statement", "value": row.hash.map_or_else(String::new, |hash| base64(&hash)) },
        ],
        "relationships": relationships,
    })
}

/// Objects, and the types of everything.
fn end(file: &mut impl Write, things: &Things, activities: &BTreeSet<String>, time: &str) -> std::io::Result<()> {
    file.write_all(b"],\n\"objects\":[")?;
    let known = |id: &str| {
        id.split_once(':')
            .is_some_and(|(kind, id)| OBJECT_TYPES.iter().any(|(of, _)| *of == kind && things.contains_key(&(*of, id.to_owned()))))
    };
    for (number, ((kind, id), thing)) in things.iter().enumerate() {
        let attributes: Vec<Value> =
            thing.attributes.iter().map(|(name, value)| json!({ "name": name, "time": time, "value": value })).collect();
        let relationships: Vec<Value> =
            thing.relations.iter().filter(|(id, _)| known(id)).map(|(id, part)| json!({ "objectId": id, "qualifier": part })).collect();
        let object = json!({ "id": named(kind, id), "type": kind, "attributes": attributes, "relationships": relationships });
        write!(file, "{}\n{object}", if number == 0 { "" } else { "," })?;
    }
    let attribute = |(name, kind): &(&str, &str)| json!({ "name": name, "type": kind });
    let objects: Vec<Value> = OBJECT_TYPES
        .iter()
        .map(|(name, attributes)| json!({ "name": name, "attributes": attributes.iter().map(attribute).collect::<Vec<_>>() }))
        .collect();
    let of_events: Vec<Value> = EVENT_ATTRIBUTES.iter().map(attribute).collect();
    let events: Vec<Value> = activities.iter().map(|name| json!({ "name": name, "attributes": of_events })).collect();
    write!(file, "],\n\"objectTypes\":{},\n\"eventTypes\":{}}}\n", json!(objects), json!(events))
}
