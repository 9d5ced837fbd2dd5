//! Every route, with what the document says of it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::middleware::{Next, from_fn, map_request_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::Service;
use super::drafts::DRAFT_BODY_BYTES_MAX;
use super::openapi::{Api, Operation, count, object, objects, text, view};
use super::statements::{NOTES_BODY_BYTES_MAX, NOTES_MAX};
use super::{desk, drafts, events, metrics, programme, proofs, record, refusals, statements};
use crate::http::problem::{PROBLEM_JSON, Problem};
use crate::http::proxy;
use crate::lang::Lang;
use crate::writer::{self, Turn};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
const BYTES: &str = "application/octet-stream";

/// Longest body of all, in bytes.
const BODY_BYTES_MAX: usize = if NOTES_BODY_BYTES_MAX > DRAFT_BODY_BYTES_MAX { NOTES_BODY_BYTES_MAX } else { DRAFT_BODY_BYTES_MAX };
/// Of an address that is shown, so many characters.
const SHOWN_MAX: usize = 200;

/// The service's routes.
pub fn router(service: Arc<Service>) -> Router {
    let (router, document) = api().finish();
    let document = document.to_string();
    router
        .route("/v1/openapi.json", get(move || async { ([(CONTENT_TYPE, JSON)], document) }))
        .fallback(unknown_address)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(as_problem))
        .layer(map_request_with_state(Arc::clone(&service), as_forwarded))
        .with_state(service)
}

async fn unknown_address(lang: Lang, uri: axum::http::Uri) -> Problem {
    Problem::not_found(lang.pick("an address of this service", "本服务的接口地址"), uri.path(), lang)
}

fn api() -> Api {
    of_proofs(of_programme(of_drafts(of_statements(of_record(of_machine(Api::new()))))))
}

fn of_machine(api: Api) -> Api {
    let alive =
        Operation::public("Whether the process answers.").giving(200, JSON, object(&[("alive", json!({ "type": "boolean" }))]), "It does.");
    let standing = json!({
        "type": ["object", "null"],
        "description": "Of a node of a cluster: whether it sequences, who does, the epoch, the stream's last block that it knows, and how many milliseconds ago a majority of its servers was there.",
    });
    let ready = Operation::public(
        "Whether it can record and show: the writer runs, the views are near, the access log can be written, the disk has room.",
    )
    .giving(
        200,
        JSON,
        object(&[("ready", json!({ "type": "boolean" })), ("entries", count()), ("views", count()), ("cluster", standing)]),
        "It can.",
    );
    let counted = Operation::public("What the service counts, for Prometheus; to this machine only.").giving(200, TEXT, text(), "Samples.");
    api.route("/health", get(|| async { Json(json!({ "alive": true })) }), vec![("get", alive)])
        .route("/ready", get(readiness), vec![("get", ready)])
        .route("/metrics", get(metrics::metrics), vec![("get", counted)])
}

fn of_record(api: Api) -> Api {
    let number = || json!({ "type": "string", "pattern": "^(0|[1-9][0-9]{0,15})$" });
    let checkpoint = Operation::public("The latest signed checkpoint (C2SP tlog-checkpoint).").giving(200, TEXT, text(), "A signed note.");
    let tile = Operation::public(
        "A tile of hashes, or a bundle of entries (C2SP tlog-tiles). Entries need a token unless the service says otherwise.",
    )
    .at("level", json!({ "type": "string", "enum": ["0", "1", "2", "3", "4", "5", "6", "7", "entries"] }), "Level, or `entries`.")
    .at(
        "number",
        json!({ "type": "string", "pattern": "^[0-9]{3}$" }),
        "Number, as tlog-tiles writes it; with `.p/WIDTH` for a partial one.",
    )
    .giving(200, BYTES, json!({ "type": "string", "format": "binary" }), "The tile.");
    let facts = Operation::public("The ledger's own facts.").giving(
        200,
        JSON,
        object(&[
            ("ledger", text()),
            ("size", count()),
            ("root", text()),
            ("chain", text()),
            ("checkpoint", text()),
            ("checkpoint_key", text()),
        ]),
        "Facts.",
    );
    let sizes = object(&[("size", count()), ("root", text())]);
    let consistency = Operation::public("Proof that one size of the log continues another (RFC 6962).")
        .asking("old", true, count(), "The smaller size.")
        .asking("new", true, count(), "The larger size.")
        .giving(
            200,
            JSON,
            object(&[("old", sizes.clone()), ("new", sizes), ("proof", json!({ "type": "array", "items": text() }))]),
            "The proof.",
        );
    let events =
        Operation::public("Each new checkpoint, as server-sent events.").giving(200, "text/event-stream", text(), "Events `checkpoint`.");
    let receipt = Operation::by_token("An entry's receipt (C2SP tlog-proof).").at("index", number(), "The entry's index.").giving(
        200,
        TEXT,
        text(),
        "The receipt.",
    );
    let entry = Operation::by_token("An entry: its note, and its receipt.").at("index", number(), "The entry's index.").giving(
        200,
        JSON,
        object(&[("entry", count()), ("note", text()), ("receipt", text())]),
        "The entry.",
    );
    let counties = Operation::public(
        "Other ledgers that this one anchors: how far each is followed, what of it is anchored, and why one is not followed.",
    )
    .giving(200, JSON, object(&[("counties", objects())]), "In the order of their ids; none where this service follows none.");
    api.route("/v1/counties", get(record::counties), vec![("get", counties)])
        .route("/checkpoint", get(record::checkpoint), vec![("get", checkpoint)])
        .route_as("/tile/{*path}", "/tile/{level}/{number}", get(record::tile), vec![("get", tile)])
        .route("/v1/ledger", get(record::facts), vec![("get", facts)])
        .route("/v1/consistency", get(record::consistency), vec![("get", consistency)])
        .route("/v1/events", get(events::events), vec![("get", events)])
        .route("/v1/receipts/{index}", get(record::receipt), vec![("get", receipt)])
        .route("/v1/entries/{index}", get(record::entry), vec![("get", entry)])
}

fn of_statements(api: Api) -> Api {
    let recorded = object(&[
        ("recorded", json!({ "type": "boolean" })),
        ("index", count()),
        ("repeated", json!({ "type": "boolean" })),
        ("receipt", text()),
        ("warnings", objects()),
    ]);
    let many = object(&[("recorded", count()), ("answers", objects())]);
    let notes = json!({
        "type": "object", "required": ["notes"], "additionalProperties": false,
        "properties": { "notes": { "type": "array", "minItems": 1, "maxItems": NOTES_MAX, "items": text() } },
    });
    let submit = Operation::public(
        "Submit a signed statement, or many in their order. The same statement again is answered with its first receipt.",
    )
    .taking(&[(TEXT, text()), (JSON, notes)])
    .giving(201, JSON, recorded, "Recorded, durable, with a receipt.")
    .giving(
        200,
        JSON,
        json!({ "anyOf": [{ "type": "object", "required": ["index", "receipt", "note"] }, many] }),
        "Recorded before, with the note as it is in the record; or the answers to many.",
    );
    let hash = || json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
    let refused =
        || object(&[("submitted", text()), ("statement", text()), ("rule", text()), ("received_ms", count()), ("refusal", text())]);
    let refusal = Operation::by_token("The refusal, signed by the ledger, of a note that was submitted.")
        .at("hash", hash(), "SHA-256 of the note as it was submitted, in hexadecimal: who does not have the note does not know it.")
        .giving(200, JSON, refused(), "The refusal.");
    let refusals = Operation::by_token("Refusals in the order of their hashes, to whoever's office covers the whole ledger.")
        .asking("after", false, hash(), "The last hash of the page before.")
        .asking("limit", false, json!({ "type": "integer", "minimum": 1, "maximum": 1000 }), "Refusals of a page.")
        .giving(200, JSON, object(&[("refusals", json!({ "type": "array", "items": refused() }))]), "Refusals.");
    api.route("/v1/statements", post(statements::submit), vec![("post", submit)])
        .route("/v1/refusals", get(refusals::refusals), vec![("get", refusals)])
        .route("/v1/refusals/{hash}", get(refusals::refusal), vec![("get", refusal)])
}

fn of_drafts(api: Api) -> Api {
    let id = || json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
    let draft = || {
        object(&[
            ("draft", text()),
            ("statements", count()),
            ("signers", json!({ "type": "array", "items": text() })),
            ("wanting", json!({ "type": "array", "items": text() })),
        ])
    };
    let leave = Operation::public("Leave a draft for its co-signers, or add signatures to it.")
        .taking(&[(TEXT, text())])
        .giving(201, JSON, draft(), "It waits.")
        .giving(200, JSON, draft(), "Its signatures were added.");
    let mine = Operation::by_token("Drafts in which the reader is named.").giving(200, JSON, object(&[("drafts", objects())]), "Drafts.");
    let take = Operation::by_token("A draft, for whoever is named in it.").at("draft", id(), "Its id.").giving(
        200,
        TEXT,
        text(),
        "zeren draft v1.",
    );
    let withdraw = Operation::by_token("Withdraw a draft.").at("draft", id(), "Its id.").giving(204, "", Value::Null, "It is gone.");
    let desk = Operation::by_token("What drafting needs, within the reader's offices (docs/format.md section 23).")
        .asking("unit", false, json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9-]{0,15}$" }), "Only cases of this unit.")
        .asking("with", false, person_id(), "A co-signer; may be repeated.")
        .asking(
            "device",
            false,
            json!({ "type": "string" }),
            "A device whose counter is wanted; may be repeated. Those that the signers or their unit used last are there in any case.",
        )
        .asking("remembered", false, count(), "A size of which a proof is wanted; may be repeated.")
        .giving(200, JSON, object(&[("kind", text()), ("ledger", text()), ("checkpoint", text())]), "The desk.");
    api.route("/v1/desk", get(desk::desk), vec![("get", desk)])
        .route("/v1/drafts", get(drafts::mine).post(drafts::leave), vec![("get", mine), ("post", leave)])
        .route("/v1/drafts/{draft}", get(drafts::take).delete(drafts::withdraw), vec![("get", take), ("delete", withdraw)])
}

/// A person's id, as docs/format.md says.
fn person_id() -> Value {
    json!({ "type": "string", "pattern": "^[a-z][a-z0-9-]{0,31}$" })
}

/// A case's id, as docs/format.md says: no run of more than ten digits.
fn case_id() -> Value {
    json!({ "type": "string", "pattern": "^(?!.*[0-9]{11})[A-Za-z0-9][A-Za-z0-9._-]{0,39}$" })
}

fn of_proofs(api: Api) -> Api {
    let proved = |what| {
        Operation::by_token(what).giving(200, TEXT, text(), "zeren map proof v1: `zeren verify proof` verifies it without this service.")
    };
    let case_proof = proved(
        "What the latest daily index says of a case, and that nothing else exists for it; that nothing exists at all, for offices that cover the whole ledger (docs/format.md section 19).",
    );
    let person_proof = proved("The same of a person's latest key.");
    let (case_proof, person_proof) = (case_proof.at("case", case_id(), "The case."), person_proof.at("person", person_id(), "The person."));
    api.route("/v1/cases/{case}/proof", get(proofs::case), vec![("get", case_proof)]).route(
        "/v1/persons/{person}/proof",
        get(proofs::person),
        vec![("get", person_proof)],
    )
}

fn of_programme(api: Api) -> Api {
    let code = || json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,39}$" });
    let limit = || json!({ "type": "integer", "minimum": 1, "maximum": 1000 });
    let case = Operation::by_token("What was done on a case, by whom, and how it stands.")
        .at("case", case_id(), "The case.")
        .asking("after", false, count(), "The last entry of the page before.")
        .asking("limit", false, limit(), "Entries of a page.")
        .giving(
            200,
            JSON,
            view(&[("case", text()), ("entries", objects()), ("entries_total", count()), ("flags", objects())]),
            "The case.",
        );
    let cases = Operation::by_token("Cases that the reader's offices cover.")
        .asking(
            "unit",
            false,
            json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9-]{0,15}$" }),
            "Only of this unit and those within it.",
        )
        .asking("after", false, case_id(), "The last case of the page before.")
        .asking("limit", false, limit(), "Cases of a page.")
        .giving(200, JSON, view(&[("cases", objects())]), "Cases.");
    let person = Operation::by_token("A person's keys, offices and acts.")
        .at("person", person_id(), "The person.")
        .asking("after", false, count(), "The last entry of the page before.")
        .asking("limit", false, limit(), "Acts of a page.")
        .giving(200, JSON, view(&[("person", text()), ("offices", objects()), ("acts", objects())]), "The person.");
    let list = Operation::by_token("A list with its lines.").at("list", code(), "The list.").giving(
        200,
        JSON,
        view(&[("list", text()), ("lines", objects())]),
        "The list.",
    );
    let batch = Operation::by_token("A batch of payments.").at("batch", code(), "The batch.").giving(
        200,
        JSON,
        view(&[("batch", text()), ("list", text())]),
        "The batch.",
    );
    let status = Operation::by_token(
        "Counts: funnel, standing, what waits; to whoever's office covers the whole ledger also deadlines, answers, money, flags, refusals, incidents.",
    )
        .asking("unit", false, json!({ "type": "string", "pattern": "^(-|[A-Za-z0-9][A-Za-z0-9-]{0,15})$" }), "Of this unit.")
        .asking("period", false, json!({ "type": "integer", "minimum": 1900, "maximum": 9999 }), "Of this period.")
        .giving(200, JSON, object(&[("ledger", text()), ("size", count()), ("funnel", objects()), ("standing", objects()), ("waiting", objects())]), "Counts; in `left_out` what is not kept by unit.");
    let postings = Operation::public("Which list hung for which step from when to when.").giving(
        200,
        JSON,
        view(&[("postings", objects())]),
        "Postings.",
    );
    let report = Operation::public("Whether the report of a code is in the record, and was answered.")
        .at(
            "hash",
            json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
            "SHA-256 as docs/format.md says for `report`, in hexadecimal.",
        )
        .giving(200, JSON, object(&[("received_ms", count()), ("answered", json!({ "type": "boolean" }))]), "Its state.");
    api.route("/v1/cases", get(programme::cases), vec![("get", cases)])
        .route("/v1/cases/{case}", get(programme::case), vec![("get", case)])
        .route("/v1/persons/{person}", get(programme::person), vec![("get", person)])
        .route("/v1/lists/{list}", get(programme::list), vec![("get", list)])
        .route("/v1/batches/{batch}", get(programme::batch), vec![("get", batch)])
        .route("/v1/status", get(programme::status), vec![("get", status)])
        .route("/v1/postings", get(programme::postings), vec![("get", postings)])
        .route("/v1/reports/{hash}", get(programme::report), vec![("get", report)])
}

/// Entries that the views may be behind while the service still calls itself ready.
const READY_BEHIND_MAX: u64 = 100_000;

async fn readiness(State(service): State<Arc<Service>>, lang: Lang) -> Result<Json<Value>, Problem> {
    let read = service.blocking(lang, move |service| {
        let entries = writer::read(&service.ledger).seen().map_or(0, |seen| seen.size);
        let views = service.views.ask(lang, |rows| Ok(rows.cursor()?.map_or(0, |cursor| cursor.size)))?;
        let is_read_only = writer::read(&service.ledger).read_only().is_some();
        // A node that follows is ready to: statements go to another.
        let is_ours = service.writer.turn() == Turn::Ours;
        let is_shut = is_read_only || (is_ours && service.gate.ask(Instant::now(), lang).is_err());
        let can_record = !service.writer.has_stopped() && !*service.stopping.borrow() && !is_shut;
        let (can_show, has_room) = (service.access.is_well(), service.has_room());
        if can_record && can_show && has_room && entries.saturating_sub(views) <= READY_BEHIND_MAX {
            return Ok(json!({ "ready": true, "entries": entries, "views": views, "cluster": service.standing_in_cluster() }));
        }
        let found = format!("recording: {can_record}, entries {entries}, views {views}, access log: {can_show}, room: {has_room}");
        let expected = lang.pick(
            "a writer that runs, views that are near, an access log that can be written, room on the disk",
            "写入线程运行正常、视图接近账本、查阅记录可写、磁盘有余量",
        );
        let advice = lang.pick("See the service's log.", "请查看服务日志。");
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", expected, found, advice))
    });
    read.await.map(Json)
}

async fn as_forwarded(State(service): State<Arc<Service>>, request: Request) -> Request {
    proxy::as_forwarded(service.is_behind_proxy, request)
}

/// What the framework refuses by itself is a problem like any other, in the reader's language.
async fn as_problem(lang: Lang, request: Request, next: Next) -> Response {
    let asked = format!("{} {}", request.method(), request.uri().path());
    let response = next.run(request).await;
    let status = response.status();
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|media| media.as_bytes() == PROBLEM_JSON.as_bytes());
    if !(status.is_client_error() || status.is_server_error()) || is_problem {
        return response;
    }
    let (parts, body) = response.into_parts();
    let (expected, found) = match status {
        // Which methods, is said by whom this passes on its way out.
        StatusCode::METHOD_NOT_ALLOWED => (
            lang.pick("a method that the header Allow names", "响应头 Allow 所列的方法").to_owned(),
            asked.chars().take(SHOWN_MAX).collect(),
        ),
        StatusCode::PAYLOAD_TOO_LARGE => {
            (format!("{} {BODY_BYTES_MAX}", lang.pick("bytes, at most", "字节数至多")), lang.pick("more", "更多").to_owned())
        }
        _ => {
            let said = axum::body::to_bytes(body, 4_096).await.unwrap_or_default();
            let expected = lang.pick("a request as GET /v1/openapi.json says", "符合 GET /v1/openapi.json 说明的请求");
            (expected.to_owned(), String::from_utf8_lossy(&said).into_owned())
        }
    };
    let mut answer = Problem::malformed(expected, found, lang).status(status).into_response();
    if let Some(allow) = parts.headers.get(ALLOW) {
        answer.headers_mut().insert(ALLOW, allow.clone());
    }
    answer
}
