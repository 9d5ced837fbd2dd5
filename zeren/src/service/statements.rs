//! The way in: statements, one or many. No account: a valid signature is the credential.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use ledger::Answer;
use ledger::entry::Entry;
use serde::Deserialize;
use serde_json::{Value, json};
use signer::{Refusal, Rule};

use super::Service;
use crate::http::listener::Peer;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer::{self, Turn, WriterError};

/// Longest body with one note, in bytes: somewhat more than a note, so that the rule about notes can answer.
pub const NOTE_BODY_BYTES_MAX: usize = 66_000;
/// Longest body with many, in bytes.
pub const NOTES_BODY_BYTES_MAX: usize = 4 << 20;
/// Most notes of one request.
pub const NOTES_MAX: usize = 1_000;

/// Many notes, in their order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Notes {
    notes: Vec<String>,
}

/// `POST /v1/statements`: a note as text, or many as JSON.
pub async fn submit(
    State(service): State<Arc<Service>>,
    Extension(peer): Extension<Peer>,
    lang: Lang,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    if let Turn::Elsewhere(node) = service.writer.turn() {
        return Err(Problem::elsewhere(&node, lang));
    }
    service.gate.ask(Instant::now(), lang)?;
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("text/plain");
    match media.split(';').next().unwrap_or_default().trim() {
        "text/plain" => one(&service, peer, body.into(), lang).await,
        "application/json" => many(&service, peer, &body, lang).await,
        other => {
            let expected = lang.pick(
                "text/plain with a note, or application/json with {\"notes\": [...]}",
                "text/plain 的单份声明，或 application/json 的 {\"notes\": [...]}",
            );
            Err(Problem::malformed(expected, other, lang).status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
        }
    }
}

async fn one(service: &Arc<Service>, peer: Peer, note: Vec<u8>, lang: Lang) -> Result<Response, Problem> {
    if note.len() > NOTE_BODY_BYTES_MAX {
        return Err(too_large(NOTE_BODY_BYTES_MAX, note.len(), lang));
    }
    let signers = signers_of(&note);
    ask(service, peer, &note, &signers, lang)?;
    let answer = service.writer.submit(note.clone()).await.map_err(|error| stopped(&error, lang))?;
    charge(service, peer, &note, &signers, &answer);
    let stands = stands(service, &answer, lang).await?;
    Ok(match answer {
        Answer::Recorded { is_repeated, .. } => {
            let status = if is_repeated { StatusCode::OK } else { StatusCode::CREATED };
            (status, Json(answer_json(&answer, stands, lang))).into_response()
        }
        Answer::Refused { refusal, note } => refused(&refusal, note.map(|note| note.encode()), lang).into_response(),
    })
}

async fn many(service: &Arc<Service>, peer: Peer, body: &[u8], lang: Lang) -> Result<Response, Problem> {
    let Notes { notes } =
        serde_json::from_slice(body).map_err(|error| Problem::malformed("{\"notes\": [\"a note\", ...]}", error.to_string(), lang))?;
    if notes.is_empty() || notes.len() > NOTES_MAX {
        return Err(Problem::malformed(format!("1 {} {NOTES_MAX}", lang.pick("to", "至")), notes.len().to_string(), lang));
    }
    let notes: Vec<Vec<u8>> = notes.into_iter().map(String::into_bytes).collect();
    let signers: Vec<Vec<String>> = notes.iter().map(|note| signers_of(note)).collect();
    notes.iter().zip(&signers).try_for_each(|(note, signers)| ask(service, peer, note, signers, lang))?;
    let mut answers = service.writer.submit_all(notes.clone()).await.map_err(|error| stopped(&error, lang))?;
    for (answer, note) in answers.iter_mut().zip(&notes) {
        // A key that a statement before it enrolled was not known when all were checked together.
        if matches!(answer, Answer::Refused { refusal, note: None } if refusal.rule == Rule::KeyUnknown) {
            *answer = service.writer.submit(note.clone()).await.map_err(|error| stopped(&error, lang))?;
        }
    }
    let answered = answers.iter().zip(&notes).zip(&signers);
    answered.for_each(|((answer, note), signers)| charge(service, peer, note, signers, answer));
    let recorded = answers.iter().filter(|answer| matches!(answer, Answer::Recorded { .. })).count();
    let mut documents = Vec::with_capacity(answers.len());
    for answer in &answers {
        documents.push(answer_json(answer, stands(service, answer, lang).await?, lang));
    }
    Ok(Json(json!({ "recorded": recorded, "answers": documents })).into_response())
}

/// Of what was recorded before, the note as it was then: it may have been signed with other bytes, and only over these the receipt
/// verifies. Whoever sent the statement has its text.
async fn stands(service: &Arc<Service>, answer: &Answer, lang: Lang) -> Result<Option<String>, Problem> {
    let Answer::Recorded { receipt, is_repeated: true, .. } = answer else { return Ok(None) };
    let index = receipt.index;
    let read = service.blocking(lang, move |service| {
        let bytes = writer::read(&service.ledger).entry(index).ok().flatten();
        let note = bytes.as_deref().and_then(|bytes| String::from_utf8(Entry::parse(bytes).ok()?.note.to_vec()).ok());
        note.ok_or_else(|| Problem::failed(lang.pick("an entry that cannot be read", "账本条目无法读取"), lang))
    });
    read.await.map(Some)
}

/// One answer of many.
fn answer_json(answer: &Answer, stands: Option<String>, lang: Lang) -> Value {
    match answer {
        Answer::Recorded { receipt, is_repeated, warnings } => {
            let warnings: Vec<Value> = warnings.iter().map(|warning| refusal_json(warning, lang)).collect();
            let mut document = json!({
                "recorded": true, "index": receipt.index, "repeated": is_repeated, "receipt": receipt.encode(), "warnings": warnings,
            });
            if let Some(note) = stands {
                document["note"] = json!(note);
            }
            document
        }
        Answer::Refused { refusal, note } => {
            let mut answer = refused(refusal, note.as_ref().map(|note| note.encode()), lang).to_json();
            answer["recorded"] = json!(false);
            answer
        }
    }
}

/// A rule with what it expected and found.
pub fn refusal_json(refusal: &Refusal, lang: Lang) -> Value {
    json!({
        "rule": refusal.rule.name(), "line": refusal.line, "expected": refusal.expected, "found": refusal.found,
        "advice": lang.pick(refusal.rule.advice(), refusal.rule.advice_zh()),
    })
}

/// A refusal by the record's rules, with the note that the ledger signed of it, if it did.
fn refused(refusal: &Refusal, note: Option<String>, lang: Lang) -> Problem {
    let problem = Problem::refused(refusal, lang);
    match note {
        Some(note) => problem.with("refusal", json!(note)),
        None => problem,
    }
}

/// Whom a note claims as signers: the names on its last lines. What is claimed is only asked, never charged.
fn signers_of(note: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(note);
    let lines = text.trim_end_matches('\n').rsplit('\n').map_while(|line| line.strip_prefix("— "));
    lines.take(ledger::check::COSIGNATURES_MAX).filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
}

fn ask(service: &Service, peer: Peer, note: &[u8], signers: &[String], lang: Lang) -> Result<(), Problem> {
    service.ask_stranger(peer, note, lang.pick("fewer notes that do not verify", "未通过核验的提交不得过多"), lang)?;
    service.ask_repeated(peer, note, lang.pick("fewer notes that were recorded before", "重复提交不得过多"), lang)?;
    signers.iter().try_for_each(|signer| service.ask_rate(signer, lang))
}

/// Charges the signers of a note that verified; of one that did not, the address it came from. To send again what was recorded is
/// nobody's act: anybody who has the note can, so the signers are not charged, and the address not as for what is false.
fn charge(service: &Service, peer: Peer, submitted: &[u8], signers: &[String], answer: &Answer) {
    let now = Instant::now();
    service.metrics.count(answer);
    match answer {
        Answer::Refused { note: None, .. } => service.charge_stranger(peer, submitted),
        Answer::Recorded { is_repeated: true, .. } => service.charge_repeated(peer, submitted),
        _ => signers.iter().for_each(|signer| service.rates.charge(signer, 1, now)),
    }
}

fn too_large(most: usize, found: usize, lang: Lang) -> Problem {
    Problem::malformed(format!("{} {most}", lang.pick("bytes, at most", "字节数至多")), found.to_string(), lang)
        .status(StatusCode::PAYLOAD_TOO_LARGE)
}

fn stopped(error: &WriterError, lang: Lang) -> Problem {
    match error {
        WriterError::Elsewhere(node) => Problem::elsewhere(node, lang),
        WriterError::Stopped(_) => {
            crate::screen::log("not acknowledged", &json!({ "because": error.to_string() }));
            let what = lang.pick(
                "a ledger that has stopped: whether it is in the record shows when it is submitted again",
                "账本已停止写入：是否已入账，重新提交即知",
            );
            Problem::failed(what, lang)
        }
    }
}
