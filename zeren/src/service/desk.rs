//! `GET /v1/desk`: what a clerk's machine needs for drafting, as far as the clerk's offices reach.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use ledger::Ledger;
use ledger::entry::Entry;
use ledger::state::Device;
use ledger::storage::Folder;
use serde_json::{Value, json};
use signer::value::{DeviceId, PersonId, Unit, number};
use signer::{Note, Statement};

use super::Service;
use super::reader::Reader;
use crate::desk::{Desk, Scope};
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer;

/// Cases on one desk, at most.
const CASES_MAX: usize = 50_000;
/// Co-signers, devices and sizes that one desk takes account of, at most.
const ASKED_MAX: usize = 64;

/// What is asked for.
#[derive(Default)]
struct Asked {
    unit: Option<Unit>,
    persons: Vec<PersonId>,
    devices: Vec<DeviceId>,
    remembered: Vec<u64>,
}

impl Asked {
    /// `unit=07&with=t702&device=d-07&remembered=1960`, parts in any number.
    fn parse(query: &str) -> Option<Asked> {
        let mut asked = Asked::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=')? {
                ("unit", unit) if asked.unit.is_none() => asked.unit = Some(Unit::parse(unit)?),
                ("with", person) => asked.persons.push(PersonId::parse(person)?),
                ("device", device) => asked.devices.push(DeviceId::parse(device)?),
                ("remembered", size) => asked.remembered.push(number(size)?),
                _ => return None,
            }
        }
        let longest = asked.persons.len().max(asked.devices.len()).max(asked.remembered.len());
        (longest <= ASKED_MAX).then_some(asked)
    }

    fn to_json(&self) -> Value {
        let texts = |all: &[PersonId]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let devices: Vec<String> = self.devices.iter().map(ToString::to_string).collect();
        json!({ "unit": self.unit.as_ref().map(ToString::to_string), "with": texts(&self.persons), "device": devices })
    }
}

/// Whether the last statement of a device is by somebody whose desk this is, or in an office of a unit that the reader covers.
fn was_used_by(ledger: &Ledger<Folder>, known: &Device, reader: &Reader, persons: &[PersonId]) -> bool {
    let last = known.counters.values().next_back().and_then(|entry| ledger.entry(*entry).ok().flatten());
    let statement = last.and_then(|bytes| {
        let note = Note::parse(Entry::parse(&bytes).ok()?.note).ok()?;
        Statement::parse(&note.text).ok()
    });
    let Some(Statement::Act { header, .. }) = statement else { return false };
    header.by.iter().any(|by| persons.contains(&by.person) || reader.covers(by.unit.as_str()))
}

/// `GET /v1/desk`
pub async fn desk(State(service): State<Arc<Service>>, lang: Lang, reader: Reader, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    let mut asked =
        Asked::parse(&query).ok_or_else(|| Problem::malformed("unit=UNIT, with=PERSON, device=DEVICE, remembered=SIZE", query, lang))?;
    let reader = reader.asking(asked.to_json());
    let person = reader.person.clone();
    let made = service.large(lang, person, move |service| {
        asked.persons.push(reader.person.clone());
        let covers = |unit: &Unit| asked.unit.as_ref().is_none_or(|asked| asked.covers(unit)) && reader.covers(unit.as_str());
        let ledger = writer::read(&service.ledger);
        let size = ledger.seen().map_or(0, |seen| seen.size);
        if let Some(ahead) = asked.remembered.iter().find(|remembered| **remembered > size) {
            return Err(Problem::malformed(format!("{} {size}", lang.pick("sizes up to", "条目数不超过")), ahead.to_string(), lang));
        }
        let needs = |device: &DeviceId, known: &Device| {
            reader.covers_all() || asked.devices.contains(device) || was_used_by(&ledger, known, &reader, &asked.persons)
        };
        let scope = Scope { covers: &covers, needs: &needs, persons: &asked.persons, remembered: &asked.remembered };
        let desk = Desk::of(ledger.state(), ledger.history(), ledger.checkpoint(), size, &scope);
        let mut desk = desk.map_err(|error| Problem::failed(&error.to_string(), lang))?;
        desk.simulated_now = service.clock.simulated();
        drop(ledger);
        if desk.heads.len() > CASES_MAX {
            let advice = lang.pick("Ask for one unit: ?unit=", "请按单位获取：?unit=");
            return Err(Problem::new(
                axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                "desk",
                format!("{} {CASES_MAX}", lang.pick("cases, at most", "案件数至多")),
                desk.heads.len().to_string(),
                advice,
            ));
        }
        reader.note(service, None, lang)?;
        Ok(desk.to_json())
    });
    made.await
}
