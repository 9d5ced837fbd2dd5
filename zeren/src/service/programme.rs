//! What the views say, to whoever's offices reach so far; postings and reports to everybody.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use ledger::Ledger;
use ledger::storage::Folder;
use projector::answers::Answer;
use projector::refusals::Refusals;
use projector::rows::{CaseRow, LineRow, ListLinesRow, PAGE_ROWS_MAX, Rows};
use projector::{Prefix, ProjectorError, counts};
use serde::Deserialize;
use serde_json::{Value, json};
use signer::value::{CaseId, Code, PersonId, ReportToken, Unit};

use super::Service;
use super::answers::{self, with_cursor};
use super::reader::Reader;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer;

/// Rows of a page, where nothing else is asked for, and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1_000;
/// Cases that are looked through for one page: those of other units are passed over.
const LOOKED_AT_MAX: usize = 20_000;

/// A query, or what is wrong with it.
pub type Asked<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// A page of something.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Page {
    after: Option<u64>,
    limit: Option<usize>,
}

/// A page of cases.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct CasesPage {
    after: Option<String>,
    limit: Option<usize>,
    unit: Option<String>,
}

/// What is counted.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    unit: Option<String>,
    period: Option<u16>,
}

/// What is asked for.
pub fn query<T>(asked: Asked<T>, lang: Lang) -> Result<T, Problem> {
    asked
        .map(|Query(asked)| asked)
        .map_err(|error| Problem::malformed(lang.pick("a query as the document says", "接口文档规定的查询参数"), error.body_text(), lang))
}

/// Rows of a page.
pub fn limited(limit: Option<usize>, lang: Lang) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(PAGE);
    if (1..=PAGE_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::malformed(format!("limit: 1 {} {PAGE_MAX}", lang.pick("to", "至")), limit.to_string(), lang))
    }
}

pub(super) fn named<T>(text: &str, parse: impl Fn(&str) -> Option<T>, what: &str, lang: Lang) -> Result<T, Problem> {
    parse(text).ok_or_else(|| Problem::malformed(what, text, lang))
}

/// `GET /v1/cases/CASE`
pub async fn case(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    lang: Lang,
    reader: Reader,
    page: Asked<Page>,
) -> Result<Json<Value>, Problem> {
    let (page, case) = (query(page, lang)?, named(&id, CaseId::parse, lang.pick("a case's id", "案件编号"), lang)?);
    let limit = limited(page.limit, lang)?;
    let read = service.blocking(lang, move |service| {
        require_case(service, &reader, &case, lang)?;
        let answer = service.views.ask(lang, |rows| projector::answers::case(rows, &case, page.after, limit))?;
        let Answer { at, value } = answer.ok_or_else(|| Problem::not_found(lang.pick("a case", "案件"), case.as_str(), lang))?;
        reader.note(service, None, lang)?;
        Ok(with_cursor(answers::case(&value, lang), &at))
    });
    read.await.map(Json)
}

/// `GET /v1/cases`: those that the reader's offices cover.
pub async fn cases(
    State(service): State<Arc<Service>>,
    lang: Lang,
    reader: Reader,
    page: Asked<CasesPage>,
) -> Result<Json<Value>, Problem> {
    let page = query(page, lang)?;
    let within = page.unit.as_deref().map(|unit| named(unit, Unit::parse, lang.pick("a unit", "辖区编号"), lang)).transpose()?;
    let after = page.after.as_deref().map(|case| named(case, CaseId::parse, lang.pick("a case's id", "案件编号"), lang)).transpose()?;
    let most = limited(page.limit, lang)?;
    let reader = reader.asking(json!({ "unit": page.unit }));
    let read = service.blocking(lang, move |service| {
        let is_shown = |row: &CaseRow| {
            let unit = row.file.as_ref().map_or("-", |file| file.unit.as_str());
            let is_within = within.as_ref().is_none_or(|within| Unit::parse(unit).is_some_and(|unit| within.covers(&unit)));
            is_within && reader.covers(unit)
        };
        let (mut shown, mut looked_at, mut after) = (Vec::new(), 0, after);
        let mut next = None;
        let at = loop {
            let answer = service.views.ask(lang, |rows| projector::answers::cases(rows, after.as_ref(), PAGE_MAX))?;
            let Some(Answer { at, value }) = answer else {
                return Err(Problem::not_found(lang.pick("a case", "案件"), lang.pick("none", "无"), lang));
            };
            for (case, row) in &value.cases {
                looked_at += 1;
                after = CaseId::parse(case);
                next = Some(case.clone());
                if is_shown(row) {
                    shown.push(json!({ "case": case, "file": row.file.as_ref().map(answers::file), "entries_total": row.entries }));
                }
                if shown.len() == most {
                    break;
                }
            }
            if !value.has_more && shown.len() < most {
                next = None;
            }
            if !value.has_more || shown.len() == most || looked_at >= LOOKED_AT_MAX {
                break at;
            }
        };
        reader.note(service, None, lang)?;
        Ok(with_cursor(json!({ "cases": shown, "next": next }), &at))
    });
    read.await.map(Json)
}

/// A case whose unit one of the reader's offices covers, by what the ledger says now.
pub(super) fn require_case(service: &Service, reader: &Reader, case: &CaseId, lang: Lang) -> Result<(), Problem> {
    let ledger = writer::read(&service.ledger);
    let unit = ledger.state().register().file(case).map(|file| file.unit.clone());
    drop(ledger);
    // Whether a case of another's exists is not said either.
    let covers = reader.covers_all() || unit.as_ref().is_some_and(|unit| reader.covers(unit.as_str()));
    if covers {
        Ok(())
    } else {
        Err(reader.denied(service, lang.pick("an office that covers the case's unit", "任职范围包含该案件单位的岗位"), lang))
    }
}

/// Oneself, or somebody who holds or held office where the reader does.
pub(super) fn require_person(service: &Service, reader: &Reader, person: &PersonId, lang: Lang) -> Result<(), Problem> {
    let is_covered = {
        let ledger = writer::read(&service.ledger);
        ledger.state().offices_of(person).any(|held| held.office.as_str() != "self" && reader.covers(held.unit.as_str()))
    };
    if *person == reader.person || is_covered || reader.covers_all() {
        Ok(())
    } else {
        let expected = lang.pick("oneself, or an office that covers one of the person's", "本人，或任职范围包含该人员岗位的人员");
        Err(reader.denied(service, expected, lang))
    }
}

/// `GET /v1/persons/PERSON`: oneself, or whoever holds or held office where the reader does.
pub async fn person(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    lang: Lang,
    reader: Reader,
    page: Asked<Page>,
) -> Result<Json<Value>, Problem> {
    let (page, person) = (query(page, lang)?, named(&id, PersonId::parse, lang.pick("a person's id", "人员编号"), lang)?);
    let limit = limited(page.limit, lang)?;
    let read = service.blocking(lang, move |service| {
        require_person(service, &reader, &person, lang)?;
        let answer = service.views.ask(lang, |rows| projector::answers::person(rows, &person, page.after, limit))?;
        let Answer { at, value } = answer.ok_or_else(|| Problem::not_found(lang.pick("a person", "人员"), person.as_str(), lang))?;
        reader.note(service, None, lang)?;
        Ok(with_cursor(answers::person(&value), &at))
    });
    read.await.map(Json)
}

/// Whether the reader's offices cover every case of a list; a list of seats has none, and is the whole ledger's.
fn covers_list(ledger: &Ledger<Folder>, reader: &Reader, list: &Code) -> bool {
    let register = ledger.state().register();
    let Some(known) = register.list(list) else { return reader.covers_all() };
    let mut cases = known.cases().peekable();
    let has_cases = cases.peek().is_some();
    reader.covers_all() || has_cases && cases.all(|case| register.file(case).is_some_and(|file| reader.covers(file.unit.as_str())))
}

/// `GET /v1/lists/LIST`
pub async fn list(State(service): State<Arc<Service>>, Path(id): Path<String>, lang: Lang, reader: Reader) -> Result<Json<Value>, Problem> {
    let list = named(&id, Code::parse, lang.pick("a list's id", "名册编号"), lang)?;
    let read = service.blocking(lang, move |service| {
        if !covers_list(&writer::read(&service.ledger), &reader, &list) {
            return Err(reader.denied(
                service,
                lang.pick("an office that covers every case of the list", "任职范围覆盖名册全部案件的岗位"),
                lang,
            ));
        }
        let (answer, lines) =
            service.views.ask(lang, |rows| Ok((projector::answers::list(rows, list.as_str())?, lines(rows, list.as_str())?)))?;
        let Answer { at, value } = answer.ok_or_else(|| Problem::not_found(lang.pick("a list", "名册"), list.as_str(), lang))?;
        let root = writer::read(&service.ledger).state().register().list(&list).map(|list| list.root().to_string());
        reader.note(service, None, lang)?;
        let lines: Vec<Value> = lines.iter().map(answers::line).collect();
        Ok(with_cursor(
            json!({ "list": list.as_str(), "kind": value.row.kind, "sheet_entries": value.sheets, "root": root, "lines": lines }),
            &at,
        ))
    });
    read.await.map(Json)
}

fn lines(rows: &dyn Rows, list: &str) -> Result<Vec<LineRow>, ProjectorError> {
    let prefix = Prefix::list_lines(list);
    let mut lines = Vec::new();
    let mut after = None;
    loop {
        let page = rows.page(&prefix, after.as_ref(), PAGE_ROWS_MAX)?;
        let Some((last, _)) = page.last() else { return Ok(lines) };
        after = Some(last.clone());
        for (key, row) in page {
            lines.extend(projector::rows::typed::<ListLinesRow>(&key, row)?.lines);
        }
    }
}

/// `GET /v1/batches/BATCH`
pub async fn batch(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    lang: Lang,
    reader: Reader,
) -> Result<Json<Value>, Problem> {
    let batch = named(&id, Code::parse, lang.pick("a batch's id", "批次编号"), lang)?;
    let read = service.blocking(lang, move |service| {
        let (list, cases) = {
            let ledger = writer::read(&service.ledger);
            let known = ledger.state().register().batch(&batch);
            let list = known.map(|known| known.list.clone());
            let covers = list.as_ref().is_some_and(|list| covers_list(&ledger, &reader, list));
            let cases: Vec<String> = known.map(|known| known.cases.iter().map(ToString::to_string).collect()).unwrap_or_default();
            (list.filter(|_| covers || reader.covers_all()), cases)
        };
        if list.is_none() && !reader.covers_all() {
            return Err(reader.denied(
                service,
                lang.pick("an office that covers every case of the batch", "任职范围覆盖批次全部案件的岗位"),
                lang,
            ));
        }
        let answer = service.views.ask(lang, |rows| projector::answers::batch(rows, batch.as_str()))?;
        let Answer { at, value } = answer.ok_or_else(|| Problem::not_found(lang.pick("a batch", "批次"), batch.as_str(), lang))?;
        reader.note(service, None, lang)?;
        let mut shown = answers::batch(&value);
        shown["batch"] = json!(batch.as_str());
        shown["cases"] = json!(cases);
        Ok(with_cursor(shown, &at))
    });
    read.await.map(Json)
}

/// `GET /v1/status`: the counts, within the unit that is asked for, or that the reader's office covers; what is not kept by unit to
/// whoever's office covers the whole ledger.
pub async fn status(State(service): State<Arc<Service>>, lang: Lang, reader: Reader, asked: Asked<Counted>) -> Result<Response, Problem> {
    let asked = query(asked, lang)?;
    let unit = asked.unit.as_deref().map(|unit| named(unit, Unit::parse, lang.pick("a unit", "辖区编号"), lang)).transpose()?;
    let person = reader.person.clone();
    let made = service.large(lang, person, move |service| {
        let unit = unit.or_else(|| reader.units.first().cloned()).unwrap_or_else(Unit::whole);
        let reader = reader.asking(json!({ "unit": unit.as_str() }));
        if !reader.covers(unit.as_str()) {
            return Err(reader.denied(service, lang.pick("an office that covers the unit", "任职范围包含该单位的岗位"), lang));
        }
        reader.note(service, None, lang)?;
        let refusals = reader.covers_all().then(|| refusals(service, lang)).transpose()?;
        let counted = service.views.ask(lang, |rows| Ok((counts::counts(rows)?, counts::waiting(rows)?)))?;
        let (Some(answer), mut waits) = counted else {
            return Err(Problem::not_found(lang.pick("entries", "账本条目"), lang.pick("none", "无"), lang));
        };
        let within = Some(unit).filter(|unit| *unit != Unit::whole());
        waits.retain(|waits| {
            let of = waits.row.unit.as_deref().unwrap_or("-");
            reader.covers_all() || within.as_ref().is_some_and(|within| Unit::parse(of).is_some_and(|of| within.covers(&of)))
        });
        let counted = crate::command::status::counted(answer, waits, refusals, within, asked.period, lang);
        counted
            .map_err(|error| Problem::malformed(lang.pick("a unit and a period with cases", "有案件的辖区和年度"), error.to_string(), lang))
    });
    made.await
}

fn refusals(service: &Service, lang: Lang) -> Result<Refusals, Problem> {
    let ledger = writer::read(&service.ledger);
    let keys = ledger.ring().checkpoint_keys();
    let read = projector::refusals::refusals(ledger.storage(), ledger.id(), keys, service.clock.now());
    read.map_err(|_| Problem::failed(lang.pick("refusals that cannot be read", "拒绝通知无法读取"), lang))
}

/// `GET /v1/postings`, for everybody: which list hung for which step from when to when.
pub async fn postings(State(service): State<Arc<Service>>, lang: Lang) -> Result<Json<Value>, Problem> {
    let read = service.blocking(lang, move |service| {
        let (at, postings) = service.views.ask(lang, |rows| Ok((rows.cursor()?, counts::postings(rows)?)))?;
        let at = at.ok_or_else(|| Problem::not_found(lang.pick("entries", "账本条目"), lang.pick("none", "无"), lang))?;
        let postings: Vec<Value> = postings.iter().map(|(key, row)| answers::posting(key, row)).collect();
        Ok(with_cursor(json!({ "postings": postings }), &at))
    });
    read.await.map(Json)
}

/// `GET /v1/reports/HASH`, for whoever holds the code: whether the report is in the record, and was answered.
pub async fn report(State(service): State<Arc<Service>>, Path(hex): Path<String>, lang: Lang) -> Result<Json<Value>, Problem> {
    let expected = lang.pick("64 hexadecimal digits: SHA-256 of the code", "64 位十六进制：举报编码的 SHA-256");
    let token = named(&hex, |hex| from_hex(hex).map(ReportToken), expected, lang)?;
    let ledger = writer::read(&service.ledger);
    let report = ledger
        .state()
        .register()
        .report(&token)
        .ok_or_else(|| Problem::not_found(lang.pick("a report of this code", "该编码的举报"), &hex, lang))?;
    Ok(Json(json!({
        "received_ms": report.received.0, "answered": report.answered.is_some(),
        "answered_ms": report.answered.as_ref().map(|(at, _)| at.0), "answer": report.answered.as_ref().map(|(_, hash)| hash.to_string()),
    })))
}

/// 32 bytes from 64 hexadecimal digits.
pub fn from_hex(hex: &str) -> Option<[u8; 32]> {
    let is_hex = hex.len() == 64 && hex.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2).filter(|_| is_hex)?, 16).ok()?;
    }
    Some(bytes)
}
