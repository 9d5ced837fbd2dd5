//! What a witness answers over HTTP: `POST /add-checkpoint`, `GET /<SHA-256 of the origin>/checkpoint`.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

use super::request::{AddCheckpoint, BODY_BYTES_MAX};
use super::{Answer, Answered, Witness};
use crate::clock;
use crate::http::listener::Peer;
use crate::http::problem::Problem;
use crate::http::proxy::as_forwarded;
use crate::http::rate::Rates;
use crate::lang::Lang;
use crate::screen::say;

/// Media type of the size in a 409.
pub const TLOG_SIZE: &str = "text/x.tlog.size";
const TEXT: &str = "text/plain; charset=utf-8";

/// Requests of one address at once, and a second after that. A log asks once after what it records, and a few times more when others
/// ask meanwhile; each asking waits for the disk.
const ADDRESS_BURST: u32 = 120;
const ADDRESS_A_SECOND: u32 = 2;

/// Who may ask how often.
struct Door {
    rates: Rates,
    is_behind_proxy: bool,
}

/// The routes. Behind a proxy that says for whom it asks, addresses are those that it says.
pub fn routes(witness: Arc<Witness>, is_behind_proxy: bool) -> Router {
    let door = Arc::new(Door { rates: Rates::new(ADDRESS_BURST, ADDRESS_A_SECOND), is_behind_proxy });
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)))
        .route("/{origin}/checkpoint", get(checkpoint))
        .fallback(unknown)
        .layer(from_fn_with_state(door, at_the_door))
        .with_state(witness)
}

/// An address that asks too often waits, before anything is read of what it sends. Loopback asks for itself, or is a proxy that does not
/// say for whom it asks: to hold it up would be to hold up every log.
async fn at_the_door(State(door): State<Arc<Door>>, lang: Lang, request: Request, next: Next) -> Response {
    let request = as_forwarded(door.is_behind_proxy, request);
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0).filter(|address| !address.is_loopback());
    if let Some(address) = peer {
        let (address, now) = (address.to_string(), Instant::now());
        if let Err(wait) = door.rates.ask(&address, now) {
            let what = lang.pick("no more requests of one address than a log makes", "同一地址的请求频率不超过账本正常所需");
            return Problem::too_many(what, wait, lang).into_response();
        }
        door.rates.charge(&address, 1, now);
    }
    next.run(request).await
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, lang: Lang, body: Result<Bytes, BytesRejection>) -> Response {
    let advice = lang.pick("Send a body as C2SP tlog-witness describes it.", "请按 C2SP tlog-witness 的规定提交。");
    let body = match body {
        Ok(body) => body,
        Err(rejected) => {
            let (status, expected) = (rejected.status(), format!("at most {BODY_BYTES_MAX} bytes, all of them"));
            return Problem::new(status, "body", expected, rejected.body_text(), advice).into_response();
        }
    };
    let request = match AddCheckpoint::parse(&body) {
        Ok(request) => request,
        Err(expected) => return Problem::new(StatusCode::BAD_REQUEST, "malformed", expected, "something else", advice).into_response(),
    };
    // It waits for a disk.
    let judged = tokio::task::spawn_blocking(move || {
        let now = u64::try_from(clock::now().0.div_euclid(1000)).unwrap_or(0);
        let answered = witness.add_checkpoint(&request, now);
        report(&request, &answered);
        answered.answer
    });
    match judged.await {
        Ok(answer) => respond(answer, lang),
        Err(_) => Problem::failed("an answer that was not finished", lang).into_response(),
    }
}

fn respond(answer: Answer, lang: Lang) -> Response {
    let status = status(&answer);
    let problem = |rule: &str, expected: &str, found: &str, en: &'static str, zh: &'static str| {
        Problem::new(status, rule, expected, found, lang.pick(en, zh)).into_response()
    };
    match answer {
        Answer::Cosigned(line) => (status, [(CONTENT_TYPE, TEXT)], format!("{}\n", line.encode())).into_response(),
        Answer::OtherOld(size) | Answer::OtherRoot(size) => (status, [(CONTENT_TYPE, TLOG_SIZE)], format!("{size}\n")).into_response(),
        Answer::UnknownOrigin => problem(
            "unknown-origin",
            "a log that this witness knows",
            "another",
            "Ask whoever runs this witness to add the log's key.",
            "请联系见证方管理人员登记该账本的密钥。",
        ),
        Answer::NotSigned => problem(
            "not-signed",
            "a signature by a key of the log that this witness trusts, and none of those false",
            "none",
            "After an amendment tell the witness the new checkpoint key.",
            "检查点密钥变更后，请告知见证方新的密钥。",
        ),
        Answer::OldAbove => problem(
            "old-above",
            "an old size not above the checkpoint's",
            "a larger one",
            "Send the size from which the proof leads.",
            "请提交证明起点的条数。",
        ),
        Answer::TooLong => problem(
            "note-too-long",
            "a note that is at most 65,000 bytes with the cosignature",
            "a longer one",
            "Leave out extension lines and needless signatures.",
            "请去掉扩展行和多余的签名。",
        ),
        Answer::ProofUnlike(expected) => problem(
            "proof",
            expected,
            "another",
            "If this log was restored from a copy, its history is not the one that was cosigned: audit it.",
            "如账本系由副本恢复，其历史与已共签者不一致，请进行审计。",
        ),
        Answer::ClockBack(_) => problem(
            "clock",
            "a clock that goes forward",
            "one that went back by more than five minutes",
            "Ask whoever runs this witness to set its clock.",
            "请联系见证方管理人员校正时钟。",
        ),
        Answer::NotKept => Problem::failed("a checkpoint that could not be kept", lang).into_response(),
    }
}

fn status(answer: &Answer) -> StatusCode {
    match answer {
        Answer::Cosigned(_) => StatusCode::OK,
        Answer::OldAbove | Answer::TooLong => StatusCode::BAD_REQUEST,
        Answer::NotSigned => StatusCode::FORBIDDEN,
        Answer::UnknownOrigin => StatusCode::NOT_FOUND,
        Answer::OtherOld(_) | Answer::OtherRoot(_) => StatusCode::CONFLICT,
        Answer::ProofUnlike(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Answer::ClockBack(_) | Answer::NotKept => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// One JSON line on stderr for each request that could be read. It names sizes and roots, which are public, and nothing else.
fn report(request: &AddCheckpoint, answered: &Answered) {
    let shown = &request.checkpoint;
    let mut line = json!({
        "time_ms": clock::now().0, "event": "add-checkpoint", "status": status(&answered.answer).as_u16(),
        "origin": shown.origin, "old": request.old, "size": shown.size, "root": shown.root.to_string(),
    });
    match &answered.answer {
        Answer::OtherOld(size) if shown.size < *size => line["behind"] = json!(size),
        Answer::OtherOld(size) => line["cosigned"] = json!(size),
        Answer::OtherRoot(_) => line["alarm"] = json!("another root of the size that was cosigned"),
        Answer::ProofUnlike(_) => line["alarm"] = json!("the log signed a checkpoint that was not shown to continue the one cosigned"),
        Answer::ClockBack(seconds) => line["alarm"] = json!(format!("the clock went back by {seconds} s")),
        Answer::NotKept => line["alarm"] = json!("not durable: restart this witness once its disk is mended"),
        _ => {}
    }
    match &answered.fork {
        Some(Ok(path)) => line["fork"] = json!(path),
        Some(Err(why)) => line["fork_not_kept"] = json!(why),
        None => {}
    }
    say(&line.to_string());
}

async fn checkpoint(State(witness): State<Arc<Witness>>, lang: Lang, Path(origin): Path<String>) -> Response {
    // It waits for whoever is writing.
    match tokio::task::spawn_blocking(move || witness.checkpoint(&origin)).await.unwrap_or_default() {
        Some(note) => ([(CONTENT_TYPE, TEXT), (CACHE_CONTROL, "no-cache")], note.encode()).into_response(),
        None => nothing_there("a log of which something was cosigned", lang).into_response(),
    }
}

async fn unknown(lang: Lang) -> Problem {
    nothing_there("POST /add-checkpoint or GET /<SHA-256 of the origin>/checkpoint", lang)
}

fn nothing_there(expected: &str, lang: Lang) -> Problem {
    let advice =
        lang.pick("Check the address: the hash is 64 lowercase hexadecimal digits.", "请核对地址：散列值为 64 位小写十六进制数字。");
    Problem::new(StatusCode::NOT_FOUND, "unknown", expected, "another", advice)
}
