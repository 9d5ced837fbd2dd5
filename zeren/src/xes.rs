//! XES event logs (IEEE 1849), read as a stream: no document type, no entities of their own.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek as _};
use std::path::Path;

use chrono::{DateTime, FixedOffset};
use flate2::read::MultiGzDecoder;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use sha2::{Digest as _, Sha256};
use signer::value::{CaseId, SourceDigest, Text, Time, TimeMs};

use crate::error::Failure;

/// Largest file, in bytes as it lies on the disk.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Largest log, in bytes of XML.
const XML_BYTES_MAX: u64 = 8 << 30;
/// Most events of a log.
const RECORDS_MAX: usize = 2_000_000;
/// Deepest nesting of elements.
const DEPTH_MAX: usize = 64;

/// One event of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyRecord {
    /// `concept:name` of the trace.
    pub case: CaseId,
    /// Position among the file's events, from 0.
    pub position: u64,
    /// `time:timestamp`.
    pub recorded: TimeMs,
    /// `concept:name`.
    pub activity: Text,
    /// `org:resource`, or `-`.
    pub actor: Text,
    /// `org:group`, or `-`.
    pub group: Text,
    /// `lifecycle:transition`, or `-`.
    pub lifecycle: Text,
}

/// A log read whole.
#[derive(Debug)]
pub struct LegacyLog {
    /// SHA-256 of the file.
    pub source: SourceDigest,
    /// The events, in the order of the file.
    pub records: Vec<LegacyRecord>,
}

/// Reads a log, gzipped or not. Anything that cannot be recorded as it stands refuses the whole file.
pub fn read(path: &Path) -> Result<LegacyLog, Failure> {
    // A pipe would wait for whoever writes into it.
    if !std::fs::metadata(path).map_err(Failure::file(path))?.is_file() {
        return Err(Failure::malformed(format!("{}: not a regular file", path.display())));
    }
    let mut file = File::open(path).map_err(Failure::file(path))?;
    let length = file.metadata().map_err(Failure::file(path))?.len();
    if length > FILE_BYTES_MAX {
        return Err(Failure::malformed(format!("{}: longer than {FILE_BYTES_MAX} bytes", path.display())));
    }
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut start = Vec::new();
    loop {
        let read = file.read(&mut buffer).map_err(Failure::file(path))?;
        if read == 0 {
            break;
        }
        if start.len() < 2 {
            start.extend_from_slice(&buffer[..read.min(2)]);
        }
        digest.update(&buffer[..read]);
    }
    file.rewind().map_err(Failure::file(path))?;
    let records = if start.starts_with(&[0x1F, 0x8B]) {
        read_events(BufReader::new(MultiGzDecoder::new(file).take(XML_BYTES_MAX)))
    } else {
        read_events(BufReader::new(file.take(XML_BYTES_MAX)))
    };
    let records = records.map_err(|what| Failure::malformed(format!("{}: {what}", path.display())))?;
    Ok(LegacyLog { source: SourceDigest(digest.finalize().into()), records })
}

#[derive(Default)]
struct Attributes {
    name: Option<String>,
    timestamp: Option<String>,
    resource: Option<String>,
    group: Option<String>,
    transition: Option<String>,
}

/// What is open around the present element.
#[derive(Default)]
struct Open {
    elements: Vec<String>,
    trace: Attributes,
    event: Attributes,
    /// Events of a trace whose name has not been read yet.
    waiting: Vec<Attributes>,
}

fn read_events(source: impl BufRead) -> Result<Vec<LegacyRecord>, String> {
    let mut reader = Reader::from_reader(source);
    let mut buffer = Vec::new();
    let mut open = Open::default();
    let mut records = Vec::new();
    let mut has_log = false;
    loop {
        let event = reader.read_event_into(&mut buffer);
        let at = reader.buffer_position();
        let place = |what: &str| format!("at byte {at}: {what}");
        match event.map_err(|error| place(&format!("not well-formed XML: {error}")))? {
            Event::DocType(_) => return Err(place("a document type is not read (it could define entities)")),
            Event::Start(element) => {
                has_log |= element.name().as_ref() == "log";
                open.enter(&element).map_err(|what| place(&what))?;
            }
            Event::Empty(element) => {
                open.enter(&element).map_err(|what| place(&what))?;
                open.leave(&mut records).map_err(|what| place(&what))?;
            }
            Event::End(_) => open.leave(&mut records).map_err(|what| place(&what))?,
            Event::Eof => break,
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        buffer.clear();
    }
    if !open.elements.is_empty() {
        return Err("ends in the middle of an element".to_owned());
    }
    if !has_log {
        return Err("not an XES log: no `log` element".to_owned());
    }
    Ok(records)
}

impl Open {
    fn enter(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        if self.elements.len() == DEPTH_MAX {
            return Err("nested too deeply".to_owned());
        }
        let name = element.local_name().as_ref().to_owned();
        let attributes = match self.elements.last().map(String::as_str) {
            Some("event") => Some(&mut self.event),
            Some("trace") if name != "event" => Some(&mut self.trace),
            _ => None,
        };
        if let Some(attributes) = attributes {
            attributes.take(element)?;
        }
        match name.as_str() {
            "trace" => (self.trace, self.waiting) = (Attributes::default(), Vec::new()),
            "event" => self.event = Attributes::default(),
            _ => {}
        }
        self.elements.push(name);
        Ok(())
    }

    fn leave(&mut self, records: &mut Vec<LegacyRecord>) -> Result<(), String> {
        let closed = self.elements.pop().ok_or("an end without a beginning")?;
        let parent = self.elements.last().map(String::as_str);
        if closed == "event" && parent == Some("trace") {
            self.waiting.push(std::mem::take(&mut self.event));
            if records.len() + self.waiting.len() > RECORDS_MAX {
                return Err(format!("more than {RECORDS_MAX} events"));
            }
        }
        if closed == "trace" {
            let name = self.trace.name.take().ok_or("a trace without concept:name")?;
            let case = CaseId::parse(&name).ok_or_else(|| {
                format!(
                    "case `{}` cannot be a case id (letters, digits, . _ -, at most 40, no more than ten digits in a row)",
                    name.escape_debug()
                )
            })?;
            for event in std::mem::take(&mut self.waiting) {
                records.push(event.record(&case, records.len() as u64)?);
            }
        }
        Ok(())
    }
}

impl Attributes {
    /// Takes the value of a direct attribute of a trace or event; nested ones say nothing about it.
    fn take(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        let (mut key, mut value) = (None, None);
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|error| format!("attribute: {error}"))?;
            let read = || {
                attribute
                    .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                    .map(std::borrow::Cow::into_owned)
                    .map_err(|error| format!("attribute: {error}"))
            };
            match attribute.key.as_ref() {
                "key" => key = Some(read()?),
                "value" => value = Some(read()?),
                _ => {}
            }
        }
        let place = match key.as_deref() {
            Some("concept:name") => &mut self.name,
            Some("time:timestamp") => &mut self.timestamp,
            Some("org:resource") => &mut self.resource,
            Some("org:group") => &mut self.group,
            Some("lifecycle:transition") => &mut self.transition,
            _ => return Ok(()),
        };
        if place.is_some() {
            return Err(format!("`{}` twice", key.unwrap_or_default()));
        }
        *place = value;
        Ok(())
    }

    fn record(self, case: &CaseId, position: u64) -> Result<LegacyRecord, String> {
        let place = |what: &str| format!("event {position} of case {case}: {what}");
        let text = |what: &str, value: Option<String>| {
            let value = value.filter(|value| !value.is_empty()).unwrap_or_else(|| "-".to_owned());
            Text::parse(&value).ok_or_else(|| {
                place(&format!("{what} `{}` cannot be recorded as it stands (docs/format.md section 1, text)", value.escape_debug()))
            })
        };
        if self.name.is_none() {
            return Err(place("no concept:name"));
        }
        let timestamp = self.timestamp.ok_or_else(|| place("no time:timestamp"))?;
        let recorded =
            legacy_time(&timestamp).ok_or_else(|| place(&format!("`{}` is no date and time with offset", timestamp.escape_debug())))?;
        Ok(LegacyRecord {
            case: case.clone(),
            position,
            recorded,
            activity: text("concept:name", self.name)?,
            actor: text("org:resource", self.resource)?,
            group: text("org:group", self.group)?,
            lifecycle: text("lifecycle:transition", self.transition)?,
        })
    }
}

/// A date and time of XML Schema with its offset kept, cut to milliseconds.
fn legacy_time(text: &str) -> Option<TimeMs> {
    let parsed: DateTime<FixedOffset> = DateTime::parse_from_rfc3339(text).ok()?;
    let offset_minutes = i16::try_from(parsed.offset().local_minus_utc() / 60).ok()?;
    let millis = u16::try_from(parsed.timestamp_subsec_millis()).ok().filter(|millis| *millis < 1000)?;
    let time = TimeMs { time: Time { unix_seconds: parsed.timestamp(), offset_minutes }, millis };
    // Whatever the format cannot hold (years before 1900, a leap second) is refused, not bent.
    TimeMs::parse(&time.to_string()).filter(|again| *again == time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(inside: &str) -> String {
        format!("<?xml version=\"1.0\"?><log>{inside}</log>")
    }

    const EVENT: &str = r#"<event><string key="concept:name" value="T02 &amp; check"><string key="concept:name" value="nested"/></string><date key="time:timestamp" value="2011-10-11T13:45:40.276+02:00"/></event>"#;

    #[test]
    fn events_are_numbered_over_the_file_and_keep_their_offset() {
        let trace = |name: &str| format!(r#"<trace>{EVENT}<string key="concept:name" value="{name}"/></trace>"#);
        let records = read_events(log(&(trace("a-1") + &trace("a-2"))).as_bytes()).unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!((records[1].case.as_str(), records[1].position), ("a-2", 1));
        assert_eq!(records[0].activity.as_str(), "T02 & check");
        assert_eq!(records[0].recorded.to_string(), "2011-10-11T13:45:40.276+02:00");
        assert_eq!(records[0].actor.as_str(), "-");
    }

    #[test]
    fn a_globals_or_classifiers_attribute_is_nobodys() {
        let inside = format!(
            r#"<global scope="event"><string key="concept:name" value="UNKNOWN"/></global><trace><string key="concept:name" value="c"/>{EVENT}</trace>"#
        );
        assert_eq!(read_events(log(&inside).as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn what_cannot_be_recorded_refuses_the_file() {
        let bomb = "<?xml version=\"1.0\"?><!DOCTYPE log [<!ENTITY a \"b\">]><log/>";
        let named = |name: &str| log(&format!(r#"<trace><string key="concept:name" value="{name}"/>{EVENT}</trace>"#));
        let event = |inside: &str| log(&format!(r#"<trace><string key="concept:name" value="c"/><event>{inside}</event></trace>"#));
        let time = r#"<date key="time:timestamp" value="2011-10-11T13:45:40+02:00"/>"#;
        for (text, why) in [
            (bomb.to_owned(), "document type"),
            ("nonsense".to_owned(), "no `log` element"),
            (log("<trace>"), "not well-formed"),
            (named("110101199003070011"), "case id"),
            (log(&format!("<trace>{EVENT}</trace>")), "without concept:name"),
            (event(time), "no concept:name"),
            (event(r#"<string key="concept:name" value="x"/>"#), "no time:timestamp"),
            (event(&format!(r#"<string key="concept:name" value="a&#x202E;b"/>{time}"#)), "cannot be recorded"),
            (event(&format!(r#"<string key="concept:name" value="&other;"/>{time}"#)), "attribute"),
            (event(r#"<string key="concept:name" value="x"/><date key="time:timestamp" value="yesterday"/>"#), "no date"),
            (event(&format!(r#"<string key="concept:name" value="x"/>{time}{time}"#)), "twice"),
            (log(&"<a>".repeat(80)), "nested too deeply"),
        ] {
            let refused = read_events(text.as_bytes()).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
