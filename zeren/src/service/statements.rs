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
use serde::Deserialize;
use serde_json::{Value, json};
use signer::{Refusal, Rule};

use super::Service;
use crate::http::listener::Peer;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer::WriterError;

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
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("text/plain");
    match media.split(';').next().unwrap_or_default().trim() {
        "text/plain" => one(&service, peer, body.into(), lang).await,
        "application/json" => many(&service, peer, &body, lang).await,
        other => {
            let expected = "text/plain with a note, or application/json with {\"notes\": [...]}";
            Err(Problem::malformed(expected, other, lang).status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
        }
    }
}

async fn one(service: &Arc<Service>, peer: Peer, note: Vec<u8>, lang: Lang) -> Result<Response, Problem> {
    if note.len() > NOTE_BODY_BYTES_MAX {
        return Err(too_large(NOTE_BODY_BYTES_MAX, note.len(), lang));
    }
    let signers = signers_of(&note);
    ask(service, peer, &signers, lang)?;
    let answer = service.writer.submit(note).await.map_err(|error| stopped(&error, lang))?;
    charge(service, peer, &signers, &answer);
    Ok(match answer {
        Answer::Recorded { is_repeated, .. } => {
            let status = if is_repeated { StatusCode::OK } else { StatusCode::CREATED };
            (status, Json(answer_json(&answer, lang))).into_response()
        }
        Answer::Refused { refusal, note } => refused(&refusal, note.map(|note| note.encode()), lang).into_response(),
    })
}

async fn many(service: &Arc<Service>, peer: Peer, body: &[u8], lang: Lang) -> Result<Response, Problem> {
    let Notes { notes } =
        serde_json::from_slice(body).map_err(|error| Problem::malformed("{\"notes\": [\"a note\", ...]}", error.to_string(), lang))?;
    if notes.is_empty() || notes.len() > NOTES_MAX {
        return Err(Problem::malformed(format!("1 to {NOTES_MAX} notes"), notes.len().to_string(), lang));
    }
    let notes: Vec<Vec<u8>> = notes.into_iter().map(String::into_bytes).collect();
    let signers: Vec<Vec<String>> = notes.iter().map(|note| signers_of(note)).collect();
    signers.iter().try_for_each(|signers| ask(service, peer, signers, lang))?;
    let mut answers = service.writer.submit_all(notes.clone()).await.map_err(|error| stopped(&error, lang))?;
    for (answer, note) in answers.iter_mut().zip(notes) {
        // A key that a statement before it enrolled was not known when all were checked together.
        if matches!(answer, Answer::Refused { refusal, note: None } if refusal.rule == Rule::KeyUnknown) {
            *answer = service.writer.submit(note).await.map_err(|error| stopped(&error, lang))?;
        }
    }
    answers.iter().zip(&signers).for_each(|(answer, signers)| charge(service, peer, signers, answer));
    let recorded = answers.iter().filter(|answer| matches!(answer, Answer::Recorded { .. })).count();
    let answers: Vec<Value> = answers.iter().map(|answer| answer_json(answer, lang)).collect();
    Ok(Json(json!({ "recorded": recorded, "answers": answers })).into_response())
}

/// One answer of many.
fn answer_json(answer: &Answer, lang: Lang) -> Value {
    match answer {
        Answer::Recorded { receipt, is_repeated, warnings } => {
            let warnings: Vec<Value> = warnings.iter().map(|warning| refusal_json(warning, lang)).collect();
            json!({ "recorded": true, "index": receipt.index, "repeated": is_repeated, "receipt": receipt.encode(), "warnings": warnings })
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

fn ask(service: &Service, peer: Peer, signers: &[String], lang: Lang) -> Result<(), Problem> {
    let what = lang.pick("fewer notes that do not verify", "未通过核验的提交不得过多");
    service.strangers.ask(&peer.0.to_string(), Instant::now()).map_err(|wait| Problem::too_many(what, wait, lang))?;
    signers.iter().try_for_each(|signer| service.ask_rate(signer, lang))
}

/// Charges the signers of a note that verified; of one that did not, the address it came from.
fn charge(service: &Service, peer: Peer, signers: &[String], answer: &Answer) {
    let now = Instant::now();
    service.metrics.count(answer);
    match answer {
        Answer::Refused { note: None, .. } => service.strangers.charge(&peer.0.to_string(), 1, now),
        _ => signers.iter().for_each(|signer| service.rates.charge(signer, 1, now)),
    }
}

fn too_large(most: usize, found: usize, lang: Lang) -> Problem {
    Problem::malformed(format!("at most {most} bytes"), format!("{found} bytes"), lang).status(StatusCode::PAYLOAD_TOO_LARGE)
}

fn stopped(error: &WriterError, lang: Lang) -> Problem {
    match error {
        WriterError::Elsewhere(node) => Problem::elsewhere(node, lang),
        WriterError::Stopped(_) => {
            crate::screen::log("not acknowledged", &json!({ "because": error.to_string() }));
            Problem::failed("a ledger that has stopped: whether it is in the record shows when it is submitted again", lang)
        }
    }
}
