//! Refusals that the ledger signed and keeps beside its log (docs/format.md section 10): one by the hash of the note that was
//! submitted, which only its signers and whoever they gave it to can know; all of them to whoever's office covers the whole ledger.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use ledger::Ledger;
use ledger::refusal_note::{REFUSALS, RefusalNote, read_kept};
use ledger::storage::{Folder, Storage as _, read_whole};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Service;
use super::programme::{self, Asked};
use super::reader::Reader;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer;

/// Longest refusal that is read, in bytes, as elsewhere.
const REFUSAL_BYTES_MAX: u64 = 65_000;

/// A page of refusals.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct RefusalsPage {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/refusals/HASH`
pub async fn refusal(
    State(service): State<Arc<Service>>,
    Path(hex): Path<String>,
    lang: Lang,
    reader: Reader,
) -> Result<Json<Value>, Problem> {
    let file = named(&hex, lang)?;
    let read = service.blocking(lang, move |service| {
        reader.note(service, None, lang)?;
        let ledger = writer::read(&service.ledger);
        let unknown = || Problem::not_found(lang.pick("a refusal of a note of this hash", "该哈希对应的拒绝通知"), &file, lang);
        kept(&ledger, &file, lang)?.ok_or_else(unknown)
    });
    read.await.map(Json)
}

/// `GET /v1/refusals`, in the order of their hashes.
pub async fn refusals(
    State(service): State<Arc<Service>>,
    lang: Lang,
    reader: Reader,
    page: Asked<RefusalsPage>,
) -> Result<Json<Value>, Problem> {
    let page = programme::query(page, lang)?;
    let after = page.after.as_deref().map(|hex| named(hex, lang)).transpose()?;
    let most = programme::limited(page.limit, lang)?;
    let read = service.blocking(lang, move |service| {
        if !reader.covers_all() {
            return Err(reader.denied(service, lang.pick("an office that covers the whole ledger", "任职范围覆盖全账本的岗位"), lang));
        }
        reader.note(service, None, lang)?;
        let ledger = writer::read(&service.ledger);
        let files = ledger.storage().list(REFUSALS).map_err(|_| unreadable(lang))?;
        let mut later = files.into_iter().filter(|file| after.as_ref().is_none_or(|after| file > after)).peekable();
        let (mut shown, mut next) = (Vec::new(), None);
        while let Some(file) = later.next_if(|_| shown.len() < most) {
            shown.extend(kept(&ledger, &file, lang)?);
            next = Some(file);
        }
        Ok(json!({ "refusals": shown, "next": next.filter(|_| later.peek().is_some()) }))
    });
    read.await.map(Json)
}

fn named(hex: &str, lang: Lang) -> Result<String, Problem> {
    let expected = lang.pick("64 hexadecimal digits: SHA-256 of the note that was submitted", "64 位十六进制：所提交内容的 SHA-256");
    programme::from_hex(hex).map(|_| hex.to_owned()).ok_or_else(|| Problem::malformed(expected, hex, lang))
}

/// A refusal of this name, if the ledger keeps one that it signed.
fn kept(ledger: &Ledger<Folder>, file: &str, lang: Lang) -> Result<Option<Value>, Problem> {
    let storage = ledger.storage();
    let read = read_kept(storage, file, ledger.id().as_str(), ledger.ring().checkpoint_keys()).map_err(|_| unreadable(lang))?;
    let Ok((RefusalNote { statement, rule, received, seen, .. }, _)) = read else { return Ok(None) };
    let note = read_whole(storage, &format!("{REFUSALS}/{file}"), REFUSAL_BYTES_MAX).map_err(|_| unreadable(lang))?.unwrap_or_default();
    Ok(Some(json!({
        "submitted": file, "statement": statement.to_string(), "rule": rule.name(), "received_ms": received.0, "size": seen.size,
        "advice": lang.pick(rule.advice(), rule.advice_zh()), "refusal": String::from_utf8_lossy(&note),
    })))
}

fn unreadable(lang: Lang) -> Problem {
    Problem::failed(lang.pick("refusals that cannot be read", "拒绝通知无法读取"), lang)
}
