//! The record as C2SP tools read it (tlog-tiles), its proofs, and its own facts.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts as _, Path, Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use ledger::entry::Entry;
use ledger::policy::verifier_key;
use ledger::storage::Folder;
use ledger::{Ledger, LedgerError};
use serde::Deserialize;
use serde_json::{Value, json};
use signer::note::{TYPE_COSIGNATURE, TYPE_ED25519};
use signer::value::KeyBytes;

use super::Service;
use super::reader::Reader;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer;

/// Hashes of a full tile, and entries of a full bundle (C2SP tlog-tiles).
const TILE_WIDTH: u64 = 256;
/// Levels of hashes that a tile has; its last is the first of the tile above.
const TILE_HEIGHT: u32 = 8;
/// Levels of tiles that a tree can have.
const TILE_LEVELS: u32 = 8;
/// Elements of a tile's path, at most.
const TILE_PATH_ELEMENTS_MAX: usize = 6;

/// What never changes once it is full.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// `GET /checkpoint`
pub async fn checkpoint(State(service): State<Arc<Service>>) -> Response {
    let text = writer::read(&service.ledger).checkpoint().encode();
    ([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-cache")], text).into_response()
}

/// A tile's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tile {
    number: u64,
    width: Option<u64>,
}

impl Tile {
    /// `x001/x234/067` or `x001/x234/067.p/5`.
    fn parse(path: &str) -> Option<Tile> {
        let (path, width) = match path.split_once(".p/") {
            Some((path, width)) => (path, Some(signer::value::number(width).filter(|width| (1..TILE_WIDTH).contains(width))?)),
            None => (path, None),
        };
        let elements: Vec<&str> = path.split('/').collect();
        if elements.len() > TILE_PATH_ELEMENTS_MAX {
            return None;
        }
        let mut number = 0;
        for (at, element) in elements.iter().enumerate() {
            let digits = if at + 1 < elements.len() { element.strip_prefix('x')? } else { element };
            let is_element = digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
            number = number * 1_000 + digits.parse::<u64>().ok().filter(|_| is_element)?;
        }
        // No leading element of nothing but zeros.
        (elements.len() == 1 || number >= 1_000_u64.pow(elements.len() as u32 - 1)).then_some(Tile { number, width })
    }

    /// Where it begins and how many elements it has, of so many that there are.
    fn range(self, of: u64) -> Option<(u64, u64)> {
        let first = self.number.checked_mul(TILE_WIDTH)?;
        let there = of.saturating_sub(first).min(TILE_WIDTH);
        let asked = self.width.unwrap_or(TILE_WIDTH);
        (asked <= there).then_some((first, asked))
    }
}

/// `GET /tile/LEVEL/NUMBER` and `GET /tile/entries/NUMBER`
pub async fn tile(
    State(service): State<Arc<Service>>,
    Path(path): Path<String>,
    lang: Lang,
    request: Request,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found(lang.pick("a tile that the checkpoint covers", "检查点所覆盖的哈希块"), &path, lang);
    let (level, address) = path.split_once('/').ok_or_else(unknown)?;
    let tile = Tile::parse(address).ok_or_else(unknown)?;
    let is_of_entries = level == "entries";
    if is_of_entries && !service.has_public_entries {
        let (mut parts, _) = request.into_parts();
        let reader = Reader::from_request_parts(&mut parts, &service).await?;
        if !reader.covers_all() {
            return Err(reader.denied(&service, lang.pick("an office that covers the whole ledger", "任职范围覆盖全账本的岗位"), lang));
        }
        reader.note(&service, None, lang)?;
    }
    let level = if is_of_entries {
        None
    } else {
        Some(level.parse::<u32>().ok().filter(|l| *l < TILE_LEVELS && l.to_string() == level).ok_or_else(unknown)?)
    };
    let read = service.blocking(lang, move |service| {
        let ledger = writer::read(&service.ledger);
        let bytes = match level {
            Some(level) => Ok(hashes(&ledger, level, tile)),
            None => bundle(&ledger, tile),
        };
        bytes.map_err(|error| failed(&error, lang))
    });
    let bytes = read.await?.ok_or_else(unknown)?;
    let caching = if tile.width.is_none() { IMMUTABLE } else { "public, max-age=60" };
    let caching = if is_of_entries && !service.has_public_entries { "no-store" } else { caching };
    Ok(([(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, caching)], bytes).into_response())
}

fn hashes(ledger: &Ledger<Folder>, level: u32, tile: Tile) -> Option<Vec<u8>> {
    let size = ledger.seen()?.size;
    let (first, width) = tile.range(size >> (level * TILE_HEIGHT))?;
    let nodes = ledger.history().tree().levels().get((level * TILE_HEIGHT) as usize)?;
    let nodes = nodes.get(usize::try_from(first).ok()?..usize::try_from(first + width).ok()?)?;
    Some(nodes.iter().flat_map(|hash| hash.0).collect())
}

fn bundle(ledger: &Ledger<Folder>, tile: Tile) -> Result<Option<Vec<u8>>, LedgerError> {
    let Some((first, width)) = ledger.seen().and_then(|seen| tile.range(seen.size)) else { return Ok(None) };
    let entries = ledger.entries(first, width)?;
    let prefixed = entries.iter().flat_map(|entry| (entry.len() as u16).to_be_bytes().into_iter().chain(entry.iter().copied()));
    Ok(Some(prefixed.collect()))
}

/// `GET /v1/ledger`: its own facts.
pub async fn facts(State(service): State<Arc<Service>>) -> Json<Value> {
    let ledger = writer::read(&service.ledger);
    let state = ledger.state();
    let seen = ledger.seen();
    let key = |name: &str, kind, key: &KeyBytes| verifier_key(name, kind, key);
    let in_force = state.in_force();
    let witnesses = in_force.map(|in_force| {
        in_force.constitution.witnesses.iter().map(|w| key(w.name.as_str(), TYPE_COSIGNATURE, &w.key)).collect::<Vec<String>>()
    });
    let procedure = state.procedure_at(state.size(), service.clock.now());
    Json(json!({
        "ledger": ledger.id().as_str(), "purpose": state.purpose().map(|purpose| purpose.to_string()),
        "size": seen.map(|seen| seen.size), "root": seen.map(|seen| seen.root.to_string()), "chain": seen.map(|seen| seen.chain.to_string()),
        "checkpoint": ledger.checkpoint().encode(), "cosigned_size": state.cosigned_size(), "received_last_ms": state.received_last().0,
        "checkpoint_key": in_force.map(|in_force| key(ledger.id().as_str(), TYPE_ED25519, &in_force.constitution.checkpoint_key)),
        "witnesses": witnesses.unwrap_or_default(),
        "procedure": procedure.map(|enacted| json!({
            "id": enacted.name.id.as_str(), "version": enacted.name.version, "digest": enacted.name.digest.to_string(), "entry": enacted.since,
        })),
        "public_entries": service.has_public_entries, "format": "zeren v1",
    }))
}

/// Two sizes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Between {
    old: u64,
    new: u64,
}

/// `GET /v1/consistency?old=&new=`
pub async fn consistency(
    State(service): State<Arc<Service>>,
    lang: Lang,
    between: Result<Query<Between>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(Between { old, new }) = between.map_err(|error| Problem::malformed("?old=SIZE&new=SIZE", error.body_text(), lang))?;
    let ledger = writer::read(&service.ledger);
    let size = ledger.seen().map_or(0, |seen| seen.size);
    let tree = ledger.history().tree();
    let proof = tree.consistency(old, new).filter(|_| new <= size);
    let proof = proof.ok_or_else(|| Problem::malformed(format!("old <= new <= {size}"), format!("old {old}, new {new}"), lang))?;
    let root = |size| tree.root_at(size).map(|root| root.to_string());
    Ok(Json(json!({
        "old": { "size": old, "root": root(old) }, "new": { "size": new, "root": root(new) },
        "proof": proof.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })))
}

/// `GET /v1/receipts/INDEX`, for anybody who is enrolled: it says nothing of what the entry says.
pub async fn receipt(
    State(service): State<Arc<Service>>,
    Path(index): Path<String>,
    lang: Lang,
    reader: Reader,
) -> Result<Response, Problem> {
    let index = number_of(&index, lang)?;
    reader.note(&service, None, lang)?;
    let receipt = writer::read(&service.ledger).receipt(index).map_err(|error| failed(&error, lang))?;
    let receipt = receipt.ok_or_else(|| {
        Problem::not_found(lang.pick("an entry that the checkpoint covers", "检查点所覆盖的条目"), &index.to_string(), lang)
    })?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], receipt.encode()).into_response())
}

/// `GET /v1/entries/INDEX`: the note, and its receipt.
pub async fn entry(
    State(service): State<Arc<Service>>,
    Path(index): Path<String>,
    lang: Lang,
    reader: Reader,
) -> Result<Json<Value>, Problem> {
    let index = number_of(&index, lang)?;
    let asked = reader.clone();
    let read = service.blocking(lang, move |service| {
        let ledger = writer::read(&service.ledger);
        let unknown =
            || Problem::not_found(lang.pick("an entry that the checkpoint covers", "检查点所覆盖的条目"), &index.to_string(), lang);
        let receipt = ledger.receipt(index).map_err(|error| failed(&error, lang))?.ok_or_else(unknown)?;
        let bytes = ledger.entry(index).map_err(|error| failed(&error, lang))?.unwrap_or_default();
        let entry = Entry::parse(&bytes).map_err(|refusal| Problem::refused(&refusal, lang))?;
        let note = String::from_utf8_lossy(entry.note).into_owned();
        let is_own =
            signer::Note::parse(entry.note).is_ok_and(|note| note.signatures.iter().any(|line| line.name == asked.person.as_str()));
        if !asked.covers_all() && !is_own {
            let expected =
                lang.pick("a signer of the entry, or an office that covers the whole ledger", "该条目的签署人，或任职范围覆盖全账本的岗位");
            return Err(asked.denied(service, expected, lang));
        }
        asked.note(service, None, lang)?;
        Ok(json!({ "entry": index, "note": note, "receipt": receipt.encode() }))
    });
    read.await.map(Json)
}

fn number_of(index: &str, lang: Lang) -> Result<u64, Problem> {
    signer::value::number(index).ok_or_else(|| Problem::malformed(lang.pick("an entry's index", "条目序号"), index, lang))
}

/// A ledger that cannot be read.
pub(super) fn failed(error: &LedgerError, lang: Lang) -> Problem {
    crate::screen::log("ledger unreadable", &json!({ "because": error.to_string() }));
    Problem::failed(lang.pick("a ledger that cannot be read", "账本无法读取"), lang)
}

/// `GET /v1/counties`: other ledgers that this one anchors.
pub async fn counties(State(service): State<Arc<Service>>) -> Json<Value> {
    Json(json!({ "counties": service.counties.as_ref().map(crate::cluster::counties::told).unwrap_or_default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_addressed_as_the_specification_does() {
        let tile = |path| Tile::parse(path).map(|tile| (tile.number, tile.width));
        assert_eq!(tile("x001/x234/067"), Some((1_234_067, None)));
        assert_eq!(tile("067.p/5"), Some((67, Some(5))));
        for wrong in ["67", "x067", "001/067", "x000/067", "067.p/0", "067.p/256", "067.p/05", "", "x001/x234/067.p/", "0x7"] {
            assert_eq!(tile(wrong), None, "{wrong}");
        }
        // Of 70,000 entries: 273 full tiles and one of 112.
        assert_eq!(Tile::parse("272").unwrap().range(70_000), Some((69_632, 256)));
        assert_eq!(Tile::parse("273.p/112").unwrap().range(70_000), Some((69_888, 112)));
        assert_eq!(Tile::parse("273").unwrap().range(70_000), None);
        assert_eq!(Tile::parse("273.p/113").unwrap().range(70_000), None);
    }
}
