//! Drafts that wait for co-signers. The service signs nothing and submits nothing: it keeps them until whoever is named has signed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State as Served};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use ledger::state::State;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use signer::Statement;
use signer::draft::{Draft, DraftStatement};
use signer::value::{DeviceId, LedgerId, PersonId};

use super::Service;
use super::reader::Reader;
use crate::error::Failure;
use crate::http::listener::Peer;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::{files, writer};

/// Longest draft that is kept, in bytes.
pub const DRAFT_BODY_BYTES_MAX: usize = 4 << 20;
/// Drafts that are kept at a time, and of one first signer.
const DRAFTS_MAX: usize = 5_000;
const DRAFTS_OF_ONE_MAX: usize = 200;
/// How long a draft waits after its last signature.
const WAITS: Duration = Duration::from_secs(30 * 86_400);
const EXTENSION: &str = "draft";

/// The drafts of a folder.
pub struct Drafts {
    folder: PathBuf,
    known: Mutex<BTreeMap<String, Known>>,
}

/// What is known of a draft without reading it again.
#[derive(Clone, Debug)]
struct Known {
    acts: Vec<&'static str>,
    signers: Vec<PersonId>,
    wanting: Vec<PersonId>,
    counters: Vec<(DeviceId, u64)>,
    bytes: usize,
}

impl Known {
    fn of(draft: &Draft, bytes: usize) -> Option<Known> {
        let mut known = Known { acts: Vec::new(), signers: Vec::new(), wanting: Vec::new(), counters: Vec::new(), bytes };
        for drafted in &draft.statements {
            let statement = Statement::parse(&drafted.text).ok()?;
            known.acts.push(statement.act_name().as_str());
            known.signers.extend(statement.signers().into_iter().cloned());
            known.wanting.extend(drafted.wanting().ok()?);
            let Statement::Act { header, .. } = statement else { return None };
            known.counters.push((header.device, header.counter));
        }
        for all in [&mut known.signers, &mut known.wanting] {
            all.sort_unstable();
            all.dedup();
        }
        known.acts.dedup();
        Some(known)
    }

    /// Whether the record holds something under every counter that it would use.
    fn is_recorded(&self, state: &State) -> bool {
        self.counters.iter().all(|(device, counter)| state.device(device).is_some_and(|known| known.counters.contains_key(counter)))
    }

    fn to_json(&self, id: &str) -> Value {
        let names = |all: &[PersonId]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        json!({
            "draft": id, "statements": self.counters.len(), "acts": self.acts, "signers": names(&self.signers),
            "wanting": names(&self.wanting), "bytes": self.bytes,
        })
    }
}

impl Drafts {
    /// Opens the folder, or makes it; what is no draft there is passed over.
    ///
    /// # Errors
    /// Those of the folder.
    pub fn open(folder: &Path) -> Result<Drafts, Failure> {
        fs::create_dir_all(folder).map_err(Failure::file(folder))?;
        let mut known = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(Failure::file(folder))? {
            let path = entry.map_err(Failure::file(folder))?.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            let bytes = files::read(&path, DRAFT_BODY_BYTES_MAX as u64).unwrap_or_default();
            let draft = Draft::parse(&bytes).ok().filter(|draft| id_of(draft) == id);
            known.extend(draft.and_then(|draft| Known::of(&draft, bytes.len())).map(|of| (id, of)));
        }
        Ok(Drafts { folder: folder.to_owned(), known: Mutex::new(known) })
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(id).with_extension(EXTENSION)
    }

    fn read(&self, id: &str) -> Option<Draft> {
        Draft::parse(&files::read(&self.path(id), DRAFT_BODY_BYTES_MAX as u64).ok()?).ok()
    }

    /// Keeps a draft, with the signatures that are there already.
    fn keep(&self, mut draft: Draft, lang: Lang) -> Result<(String, Known, bool), Problem> {
        let id = id_of(&draft);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !known.contains_key(&id);
        if let Some(there) = self.read(&id).filter(|_| !is_new) {
            merge(&mut draft, there);
        }
        let encoded = draft.encode();
        let of = Known::of(&draft, encoded.len()).ok_or_else(|| Problem::malformed("a draft of acts", "another", lang))?;
        let first = of.signers.first().cloned();
        let of_one = known.values().filter(|other| other.signers.first() == first.as_ref()).count();
        if is_new && (known.len() >= DRAFTS_MAX || of_one >= DRAFTS_OF_ONE_MAX) {
            let advice = lang.pick("Sign, submit or withdraw those that wait.", "请先签署、提交或撤回待办草稿。");
            let found = format!("{} {}", known.len(), lang.pick("waiting", "份待签"));
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "drafts", format!("at most {DRAFTS_OF_ONE_MAX}"), found, advice));
        }
        let written = files::replace(&self.path(&id), encoded.as_bytes(), 0o600);
        written.map_err(|_| Problem::failed("a draft that cannot be kept", lang))?;
        known.insert(id.clone(), of.clone());
        Ok((id, of, is_new))
    }

    /// Forgets what the record holds by now, and what has waited too long.
    fn tidy(&self, state: &State) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|id, of| {
            let path = self.path(id);
            let age = fs::metadata(&path).and_then(|metadata| metadata.modified()).map(|modified| modified.elapsed().unwrap_or_default());
            let stays = !of.is_recorded(state) && age.is_ok_and(|age| age < WAITS);
            if !stays {
                let _ = fs::remove_file(path);
            }
            stays
        });
    }

    fn of_signer(&self, person: &PersonId) -> Vec<Value> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter(|(_, of)| of.signers.contains(person)).map(|(id, of)| of.to_json(id)).collect()
    }

    fn is_signer(&self, id: &str, person: &PersonId) -> Option<bool> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).map(|of| of.signers.contains(person))
    }

    fn withdraw(&self, id: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        let _ = fs::remove_file(self.path(id));
    }
}

/// The name of a draft: SHA-256 of its statements' texts, in hexadecimal. Signatures do not change it.
pub fn id_of(draft: &Draft) -> String {
    let mut digest = Sha256::new();
    draft.statements.iter().for_each(|statement| digest.update(statement.text.as_bytes()));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Adds the signatures of a draft of the same texts; in the order of the signers.
fn merge(draft: &mut Draft, there: Draft) {
    for (own, other) in draft.statements.iter_mut().zip(there.statements) {
        for line in other.signatures {
            if !own.signatures.iter().any(|known| known.name == line.name) {
                own.signatures.push(line);
            }
        }
        let order: Vec<String> =
            Statement::parse(&own.text).map(|s| s.signers().iter().map(ToString::to_string).collect()).unwrap_or_default();
        own.signatures.sort_by_key(|line| order.iter().position(|name| *name == line.name));
    }
}

/// Every signature is a signer's and verifies, and there is one under every statement.
fn judge(draft: &Draft, state: &State, ledger: &LedgerId, lang: Lang) -> Result<Vec<String>, Problem> {
    let mut signed = Vec::new();
    for (at, drafted) in draft.statements.iter().enumerate() {
        let number = at + 1;
        let statement =
            Statement::parse(&drafted.text).map_err(|refusal| Problem::refused(&refusal, lang).with("statement", json!(number)))?;
        let is_for_this = matches!(&statement, Statement::Act { ledger: of, .. } if of == ledger);
        if !is_for_this || !is_signed(drafted, &statement, state) {
            let expected =
                lang.pick("statements for this ledger, each with at least one signature, all good", "本账本的声明，每份至少一个有效签名");
            let advice = lang.pick("Sign it with `zeren sign` first, then leave it here.", "请先用 zeren sign 签署，再存放于此。");
            let found = format!("{} {number}", lang.pick("statement", "声明"));
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "draft-signature", expected, found, advice));
        }
        signed.extend(drafted.signatures.iter().map(|line| line.name.clone()));
    }
    signed.sort_unstable();
    signed.dedup();
    Ok(signed)
}

fn is_signed(drafted: &DraftStatement, statement: &Statement, state: &State) -> bool {
    let verifies = |line: &signer::note::SignatureLine| {
        let person = statement.signers().into_iter().find(|person| person.as_str() == line.name);
        let key = person.and_then(|person| state.ring().person(person, line.key_id));
        key.is_some_and(|key| signer::checkpoint::is_signed_by(&drafted.text, line, &line.name, key))
    };
    !drafted.signatures.is_empty() && drafted.signatures.iter().all(verifies)
}

/// `POST /v1/drafts`: leave one there, or add signatures to it.
pub async fn leave(
    Served(service): Served<Arc<Service>>,
    Extension(peer): Extension<Peer>,
    lang: Lang,
    body: Bytes,
) -> Result<Response, Problem> {
    let what = lang.pick("fewer drafts that do not verify", "未通过核验的草稿不得过多");
    let stranger = peer.0.to_string();
    service.strangers.ask(&stranger, Instant::now()).map_err(|wait| Problem::too_many(what, wait, lang))?;
    let kept = service.blocking(lang, move |service| {
        let draft = Draft::parse(&body).map_err(|error| Problem::malformed("zeren draft v1", error.to_string(), lang))?;
        let signed = {
            let ledger = writer::read(&service.ledger);
            judge(&draft, ledger.state(), ledger.id(), lang)?
        };
        signed.iter().try_for_each(|person| service.ask_rate(person, lang))?;
        signed.iter().for_each(|person| service.rates.charge(person, 1, Instant::now()));
        if !service.has_room() {
            return Err(Problem::failed(lang.pick("a disk with too little room for drafts", "磁盘余量不足，暂不存放草稿"), lang));
        }
        service.drafts.keep(draft, lang)
    });
    // Whoever leaves what does not verify pays for it; signers pay for what does.
    let (id, of, is_new) = kept.await.inspect_err(|_| service.strangers.charge(&stranger, 1, Instant::now()))?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(of.to_json(&id))).into_response())
}

/// `GET /v1/drafts`: those in which the reader is named.
pub async fn mine(Served(service): Served<Arc<Service>>, lang: Lang, reader: Reader) -> Result<Json<Value>, Problem> {
    let listed = service.blocking(lang, move |service| {
        service.drafts.tidy(writer::read(&service.ledger).state());
        Ok(service.drafts.of_signer(&reader.person))
    });
    Ok(Json(json!({ "drafts": listed.await? })))
}

/// `GET /v1/drafts/ID`: the draft, for whoever is named in it.
pub async fn take(
    Served(service): Served<Arc<Service>>,
    UrlPath(id): UrlPath<String>,
    lang: Lang,
    reader: Reader,
) -> Result<Response, Problem> {
    let draft = service.blocking(lang, move |service| {
        require_signer(service, &id, &reader, lang)?;
        reader.note(service, None, lang)?;
        service.drafts.read(&id).ok_or_else(|| Problem::not_found("a draft that waits", &id, lang))
    });
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], draft.await?.encode()).into_response())
}

/// `DELETE /v1/drafts/ID`: withdraw it; whoever is named in it may.
pub async fn withdraw(
    Served(service): Served<Arc<Service>>,
    UrlPath(id): UrlPath<String>,
    lang: Lang,
    reader: Reader,
) -> Result<StatusCode, Problem> {
    let withdrawn = service.blocking(lang, move |service| {
        require_signer(service, &id, &reader, lang)?;
        reader.note(service, None, lang)?;
        service.drafts.withdraw(&id);
        Ok(StatusCode::NO_CONTENT)
    });
    withdrawn.await
}

fn require_signer(service: &Service, id: &str, reader: &Reader, lang: Lang) -> Result<(), Problem> {
    match service.drafts.is_signer(id, &reader.person) {
        Some(true) => Ok(()),
        Some(false) => Err(reader.denied(service, lang.pick("somebody who is named in the draft", "草稿所列签署人"), lang)),
        None => Err(Problem::not_found("a draft that waits", id, lang)),
    }
}
