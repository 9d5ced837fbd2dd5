//! `GET /v1/desk`: what a clerk's machine needs for drafting, as far as the clerk's offices reach.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use serde_json::Value;
use signer::value::{PersonId, Unit, number};

use super::Service;
use super::reader::Reader;
use crate::desk::{Desk, Scope};
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer;

/// Cases on one desk, at most.
const CASES_MAX: usize = 50_000;
/// Co-signers and sizes that one desk takes account of, at most.
const ASKED_MAX: usize = 64;

/// What is asked for.
#[derive(Default)]
struct Asked {
    unit: Option<Unit>,
    persons: Vec<PersonId>,
    remembered: Vec<u64>,
}

impl Asked {
    /// `unit=07&with=t702&remembered=1960`, parts in any number.
    fn parse(query: &str) -> Option<Asked> {
        let mut asked = Asked::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=')? {
                ("unit", unit) if asked.unit.is_none() => asked.unit = Some(Unit::parse(unit)?),
                ("with", person) => asked.persons.push(PersonId::parse(person)?),
                ("remembered", size) => asked.remembered.push(number(size)?),
                _ => return None,
            }
        }
        (asked.persons.len() <= ASKED_MAX && asked.remembered.len() <= ASKED_MAX).then_some(asked)
    }
}

/// `GET /v1/desk`
pub async fn desk(
    State(service): State<Arc<Service>>,
    lang: Lang,
    reader: Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Problem> {
    let query = query.unwrap_or_default();
    let mut asked = Asked::parse(&query).ok_or_else(|| Problem::malformed("unit=UNIT, with=PERSON, remembered=SIZE", query, lang))?;
    let read = service.blocking(lang, move |service| {
        asked.persons.push(reader.person.clone());
        let covers = |unit: &Unit| asked.unit.as_ref().is_none_or(|asked| asked.covers(unit)) && reader.covers(unit.as_str());
        let ledger = writer::read(&service.ledger);
        let size = ledger.seen().map_or(0, |seen| seen.size);
        if let Some(ahead) = asked.remembered.iter().find(|remembered| **remembered > size) {
            return Err(Problem::malformed(format!("sizes up to {size}"), ahead.to_string(), lang));
        }
        let scope = Scope { covers: &covers, persons: &asked.persons, remembered: &asked.remembered };
        let desk = Desk::of(ledger.state(), ledger.history(), ledger.checkpoint(), size, &scope);
        let mut desk = desk.map_err(|error| Problem::failed(&error.to_string(), lang))?;
        desk.simulated_now = service.clock.simulated();
        drop(ledger);
        if desk.heads.len() > CASES_MAX {
            let advice = lang.pick("Ask for one unit: ?unit=", "请按单位获取：?unit=");
            return Err(Problem::new(
                axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                "desk",
                format!("at most {CASES_MAX} cases"),
                desk.heads.len().to_string(),
                advice,
            ));
        }
        reader.note(service, None, lang)?;
        Ok(desk.to_json())
    });
    read.await.map(Json)
}
