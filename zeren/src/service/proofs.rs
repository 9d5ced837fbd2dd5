//! What the latest daily index says of a case or of a person's key, as a file that verifies without this service
//! (docs/format.md section 19).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use ledger::evidence::{MapEvidence, Subject};
use signer::value::{CaseId, PersonId};

use super::Service;
use super::programme::{named, require_case, require_person};
use super::reader::Reader;
use super::record::failed;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer;

/// `GET /v1/cases/CASE/proof`
pub async fn case(State(service): State<Arc<Service>>, Path(id): Path<String>, lang: Lang, reader: Reader) -> Result<Response, Problem> {
    let case = named(&id, CaseId::parse, lang.pick("a case's id", "案件编号"), lang)?;
    let read = service.blocking(lang, move |service| {
        require_case(service, &reader, &case, lang)?;
        shown(service, &reader, Subject::Case(case), lang)
    });
    read.await.map(as_text)
}

/// `GET /v1/persons/PERSON/proof`: of the latest key.
pub async fn person(State(service): State<Arc<Service>>, Path(id): Path<String>, lang: Lang, reader: Reader) -> Result<Response, Problem> {
    let person = named(&id, PersonId::parse, lang.pick("a person's id", "人员编号"), lang)?;
    let read = service.blocking(lang, move |service| {
        require_person(service, &reader, &person, lang)?;
        let latest = writer::read(&service.ledger).state().person(&person).and_then(|known| known.latest_key()).map(|known| known.key);
        let key = latest.ok_or_else(|| Problem::not_found(lang.pick("a person", "人员"), person.as_str(), lang))?;
        shown(service, &reader, Subject::Key(person, key), lang)
    });
    read.await.map(as_text)
}

fn shown(service: &Service, reader: &Reader, subject: Subject, lang: Lang) -> Result<String, Problem> {
    let id = subject.id();
    let (evidence, is_indexed) = {
        let ledger = writer::read(&service.ledger);
        (ledger.prove(subject).map_err(|error| failed(&error, lang))?, ledger.state().indexed_last().is_some())
    };
    let evidence = evidence.ok_or_else(|| missing(is_indexed, lang))?;
    // A path to nothing ends at another's leaf, which tells an id to whoever guesses it: for those who may see every case.
    if evidence.value.is_none() && !reader.covers_all() {
        return Err(not_yet(&evidence, &id, lang));
    }
    reader.note(service, None, lang)?;
    Ok(evidence.encode())
}

/// What came into the record after the latest index entry.
fn not_yet(evidence: &MapEvidence, id: &str, lang: Lang) -> Problem {
    let index = evidence.receipt.index;
    let expected = match lang {
        Lang::En => format!("something that was in the record before index entry {index}"),
        Lang::Zh => format!("第 {index} 条索引之前已入账的事项"),
    };
    let advice = lang.pick(
        "The next index entry, before the next day's first entry, will have it. Until then its entries' receipts prove them.",
        "下一日首条记录之前的索引将予收录；此前可凭各条目回执证明。",
    );
    Problem::new(StatusCode::NOT_FOUND, "not-indexed", expected, id, advice)
}

fn missing(is_indexed: bool, lang: Lang) -> Problem {
    if is_indexed {
        return Problem::failed(lang.pick("an index entry that cannot be proved from now", "索引条目暂不能出具证明"), lang);
    }
    let expected = lang.pick("a ledger with an index entry", "有索引条目的账本");
    let advice = lang.pick("Its procedure does not ask for any yet ([index] daily).", "其办法尚未要求每日索引（[index] daily）。");
    Problem::new(StatusCode::NOT_FOUND, "not-indexed", expected, lang.pick("none", "无"), advice)
}

fn as_text(proof: String) -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")], proof).into_response()
}
