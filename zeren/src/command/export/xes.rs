//! Cases as an XES event log (IEEE 1849): a trace for each case, an event for each entry that acts on it.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use projector::rows::{CaseEntryRow, Deed, EntryRow, PAGE_ROWS_MAX, RowKind};
use projector::{Key, Prefix};
use quick_xml::escape::escape;
use serde_json::{Value, json};
use signer::value::{UnixMs, base64};

use super::deeds::{activity, lifecycle};
use super::views::part_word;
use super::{Source, write_new};
use crate::error::Failure;
use crate::lang::Lang;
use crate::own_views::failed;
use crate::tables::sheet::View;

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
  <global scope="trace">
    <string key="concept:name" value="-"/>
  </global>
  <global scope="event">
    <string key="concept:name" value="-"/>
    <date key="time:timestamp" value="1970-01-01T00:00:00+00:00"/>
    <string key="org:resource" value="-"/>
    <string key="lifecycle:transition" value="complete"/>
  </global>
  <classifier name="Activity" keys="concept:name"/>
  <classifier name="Activity and lifecycle" keys="concept:name lifecycle:transition"/>
"#;

#[derive(Default)]
struct Counts {
    traces: u64,
    events: u64,
    activities: BTreeSet<String>,
    resources: BTreeSet<String>,
}

/// Writes the log.
pub fn write(source: &Source, _: &[&'static View], output: &Path, _: Lang) -> Result<Value, Failure> {
    let mut counts = Counts::default();
    write_new(output, |file| {
        let written = |result: std::io::Result<()>| result.map_err(Failure::file(output));
        written(file.write_all(HEAD.as_bytes()))?;
        let about = [("zeren:ledger", source.at.ledger.as_str().to_owned()), ("zeren:root", source.at.root.to_string())];
        written(about.iter().try_for_each(|(key, value)| attribute(file, "  ", "string", key, value)))?;
        written(attribute(file, "  ", "int", "zeren:size", &source.at.size.to_string()))?;
        let mut after: Option<Key> = None;
        loop {
            let page = source.rows().page(&Prefix::cases(), after.as_ref(), PAGE_ROWS_MAX).map_err(failed)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, _) in &page {
                if let Key::Case(case) = key {
                    trace(source, case, file, output, &mut counts)?;
                }
            }
        }
        written(file.write_all(b"</log>\n"))
    })?;
    let Counts { traces, events, activities, resources } = counts;
    Ok(json!({ "traces": traces, "events": events, "activities": activities.len(), "resources": resources.len() }))
}

fn trace(source: &Source, case: &str, file: &mut impl Write, output: &Path, counts: &mut Counts) -> Result<(), Failure> {
    let written = |result: std::io::Result<()>| result.map_err(Failure::file(output));
    counts.traces += 1;
    written(file.write_all(b"  <trace>\n"))?;
    written(attribute(file, "    ", "string", "concept:name", case))?;
    let mut after: Option<Key> = None;
    loop {
        let page = source.rows().page(&Prefix::case_entries(case), after.as_ref(), PAGE_ROWS_MAX).map_err(failed)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (key, row) in &page {
            let Key::CaseEntry(_, entry) = key else { continue };
            let part: &CaseEntryRow = RowKind::peek(row).ok_or_else(|| Failure::Views(format!("{key}: a row of another kind")))?;
            let row = source.entry(*entry)?;
            written(event(*entry, &row, part, file, counts))?;
        }
    }
    written(file.write_all(b"  </trace>\n"))
}

fn event(entry: u64, row: &EntryRow, part: &CaseEntryRow, file: &mut impl Write, counts: &mut Counts) -> std::io::Result<()> {
    counts.events += 1;
    let signers: Vec<&str> = row.signers.iter().map(|signer| signer.person.as_str()).collect();
    let first = row.signers.first();
    let mut attributes: Vec<(&str, &str, String)> =
        vec![("string", "concept:name", activity(&row.deed)), ("string", "lifecycle:transition", lifecycle(&row.deed).to_owned())];
    match &row.deed {
        // Whom the old system names did it; the archivist who signs vouches for the transcription.
        Deed::Import(record) => attributes.extend([
            ("date", "time:timestamp", record.recorded.clone()),
            ("string", "org:resource", record.actor.clone()),
            ("string", "org:group", record.group.clone()),
        ]),
        _ => {
            let received = || crate::clock::demo_time(UnixMs(row.received_ms)).to_string();
            let at = row.at.map_or_else(received, |at| at.to_string());
            attributes.push(("date", "time:timestamp", at));
            attributes.push(("string", "org:resource", first.map_or("-", |signer| signer.person.as_str()).to_owned()));
            attributes.push(("string", "org:role", first.map_or("-", |signer| signer.office.as_str()).to_owned()));
            attributes.push(("string", "org:group", first.map_or("-", |signer| signer.unit.as_str()).to_owned()));
        }
    }
    counts.activities.insert(attributes[0].2.clone());
    counts.resources.extend(attributes.iter().filter(|(_, key, _)| *key == "org:resource").map(|(.., value)| value.clone()));
    attributes.push(("string", "zeren:act", row.deed.name().to_owned()));
    attributes.push(("string", "zeren:part", part_word(&part.part).to_owned()));
    attributes.push(("string", "zeren:signers", signers.join(" ")));
    attributes.push(("int", "zeren:entry", entry.to_string()));
    attributes.push(("date", "zeren:received", crate::clock::demo_time(UnixMs(row.received_ms)).to_string()));
    attributes.extend(row.hash.map(|hash| ("string", "zeren:hash", base64(&hash))));
    file.write_all(b"    <event>\n")?;
    attributes.iter().try_for_each(|(kind, key, value)| attribute(file, "      ", kind, key, value))?;
    file.write_all(b"    </event>\n")
}

fn attribute(file: &mut impl Write, indent: &str, kind: &str, key: &str, value: &str) -> std::io::Result<()> {
    writeln!(file, "{indent}<{kind} key=\"{key}\" value=\"{}\"/>", escape(value))
}
