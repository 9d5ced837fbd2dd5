//! Drafts that wait for co-signers. The service signs nothing and submits nothing: it keeps them until whoever is named has signed.

mod judge;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
use signer::draft::Draft;
use signer::value::{DeviceId, PersonId};

use self::judge::{Rejected, judge};
use super::Service;
use super::reader::Reader;
use crate::error::Failure;
use crate::files;
use crate::http::listener::Peer;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer::{self, Shared};

/// Longest draft that is kept, in bytes.
pub const DRAFT_BODY_BYTES_MAX: usize = 4 << 20;
/// Drafts that are kept at a time, and of one who signed them.
const DRAFTS_MAX: usize = 5_000;
const DRAFTS_OF_ONE_MAX: usize = 100;
/// Bytes of all of them, and of those of one who signed them.
const BYTES_MAX: usize = 1 << 30;
const BYTES_OF_ONE_MAX: usize = 32 << 20;
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
    /// Those who signed every statement: whose it is.
    keepers: Vec<PersonId>,
    counters: Vec<(DeviceId, u64)>,
    bytes: usize,
}

impl Known {
    fn of(draft: &Draft, bytes: usize) -> Option<Known> {
        let mut known =
            Known { acts: Vec::new(), signers: Vec::new(), wanting: Vec::new(), keepers: Vec::new(), counters: Vec::new(), bytes };
        for drafted in &draft.statements {
            let statement = Statement::parse(&drafted.text).ok()?;
            known.acts.push(statement.act_name().as_str());
            let signed: Vec<PersonId> = drafted.signatures.iter().filter_map(|line| PersonId::parse(&line.name)).collect();
            match known.counters.is_empty() {
                true => known.keepers = signed,
                false => known.keepers.retain(|person| signed.contains(person)),
            }
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
    fn keep(&self, mut draft: Draft, ledger: &Shared, lang: Lang) -> Result<Kept, Problem> {
        let id = id_of(&draft);
        let mut known = self.known();
        let there = known.get(&id).and_then(|_| self.read(&id));
        let is_new = there.is_none();
        let adds = there.is_none_or(|there| merge(&mut draft, there));
        let encoded = draft.encode();
        let of = Known::of(&draft, encoded.len()).ok_or_else(|| {
            Problem::malformed(lang.pick("a draft of acts", "由行为声明组成的草稿"), lang.pick("another", "其他内容"), lang)
        })?;
        if let Err(problem) = room_for(&known, &id, &of, lang) {
            // Perhaps there is, without what the record holds by now.
            self.tidy(&mut known, ledger);
            room_for(&known, &id, &of, lang).map_err(|_| problem)?;
        }
        let written = files::replace(&self.path(&id), encoded.as_bytes(), 0o600);
        written.map_err(|_| Problem::failed(lang.pick("a draft that cannot be kept", "草稿无法保存"), lang))?;
        known.insert(id.clone(), of.clone());
        Ok(Kept { id, of, is_new, adds })
    }

    /// Forgets what the record holds by now, and what has waited too long. Drafts are locked before the ledger, never after.
    fn tidy(&self, known: &mut BTreeMap<String, Known>, ledger: &Shared) {
        let ledger = writer::read(ledger);
        known.retain(|id, of| {
            let path = self.path(id);
            let age = fs::metadata(&path).and_then(|metadata| metadata.modified()).map(|modified| modified.elapsed().unwrap_or_default());
            let stays = !of.is_recorded(ledger.state()) && age.is_ok_and(|age| age < WAITS);
            if !stays {
                let _ = fs::remove_file(path);
            }
            stays
        });
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_signer(&self, person: &PersonId, ledger: &Shared) -> Vec<Value> {
        let mut known = self.known();
        self.tidy(&mut known, ledger);
        known.iter().filter(|(_, of)| of.signers.contains(person)).map(|(id, of)| of.to_json(id)).collect()
    }

    fn is_signer(&self, id: &str, person: &PersonId) -> Option<bool> {
        self.known().get(id).map(|of| of.signers.contains(person))
    }

    fn withdraw(&self, id: &str) {
        self.known().remove(id);
        let _ = fs::remove_file(self.path(id));
    }
}

/// What became of a draft that was left.
struct Kept {
    id: String,
    of: Known,
    is_new: bool,
    /// Whether it brought a signature that was not there.
    adds: bool,
}

/// Whether there is room for a draft: among all, and among those of everybody who signed it whole. Who is only named pays nothing for
/// it, and what others of the signers wait for does not count.
fn room_for(known: &BTreeMap<String, Known>, id: &str, of: &Known, lang: Lang) -> Result<(), Problem> {
    let others = || known.iter().filter(|(other, _)| *other != id).map(|(_, other)| other);
    let is_new = !known.contains_key(id);
    let full = |who: &str, found: String, most: (usize, usize)| {
        let advice = lang.pick("Sign, submit or withdraw those that wait.", "请先签署、提交或撤回待办草稿。");
        let expected = match lang {
            Lang::En => format!("of {who} at most {} drafts and {} bytes", most.0, most.1),
            Lang::Zh => format!("{who}的草稿至多 {} 份、{} 字节", most.0, most.1),
        };
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "drafts", expected, found, advice)
    };
    let found = |count: usize, bytes: usize| match lang {
        Lang::En => format!("{count} waiting, {bytes} bytes with this one"),
        Lang::Zh => format!("已有 {count} 份待签，连同本份共 {bytes} 字节"),
    };
    let (count, bytes) = (others().count(), others().map(|other| other.bytes).sum::<usize>() + of.bytes);
    if is_new && count >= DRAFTS_MAX || bytes > BYTES_MAX {
        return Err(full(lang.pick("everybody", "全部人员"), found(count, bytes), (DRAFTS_MAX, BYTES_MAX)));
    }
    for person in &of.keepers {
        let theirs = || others().filter(|other| other.keepers.contains(person));
        let (count, bytes) = (theirs().count(), theirs().map(|other| other.bytes).sum::<usize>() + of.bytes);
        if is_new && (count >= DRAFTS_OF_ONE_MAX || bytes > BYTES_OF_ONE_MAX) {
            return Err(full(person.as_str(), found(count, bytes), (DRAFTS_OF_ONE_MAX, BYTES_OF_ONE_MAX)));
        }
    }
    Ok(())
}

/// The name of a draft: SHA-256 of its statements' texts, in hexadecimal. Signatures do not change it.
pub fn id_of(draft: &Draft) -> String {
    let mut digest = Sha256::new();
    draft.statements.iter().for_each(|statement| digest.update(statement.text.as_bytes()));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Adds the signatures of a draft of the same texts; in the order of the signers. Says whether the draft has some that were not there.
fn merge(draft: &mut Draft, there: Draft) -> bool {
    let mut adds = false;
    for (own, other) in draft.statements.iter_mut().zip(there.statements) {
        adds |= own.signatures.iter().any(|line| !other.signatures.iter().any(|known| known.name == line.name));
        for line in other.signatures {
            if !own.signatures.iter().any(|known| known.name == line.name) {
                own.signatures.push(line);
            }
        }
        let order: Vec<String> =
            Statement::parse(&own.text).map(|s| s.signers().iter().map(ToString::to_string).collect()).unwrap_or_default();
        own.signatures.sort_by_key(|line| order.iter().position(|name| *name == line.name));
    }
    adds
}

/// `POST /v1/drafts`: leave one there, or add signatures to it.
pub async fn leave(
    Served(service): Served<Arc<Service>>,
    Extension(peer): Extension<Peer>,
    lang: Lang,
    body: Bytes,
) -> Result<Response, Problem> {
    service.ask_stranger(peer, &body, lang.pick("fewer drafts that do not verify", "未通过核验的草稿不得过多"), lang)?;
    let left = body.clone();
    let kept = service.blocking(lang, move |service| Ok(leave_there(service, &left, lang))).await?;
    // Whoever leaves what is nobody's pays for it; signers pay for what is theirs. The same again costs the address, by whomever it
    // is left: everybody who was shown it can send it.
    if kept.as_ref().map_or_else(|rejected| rejected.is_nobodys, |kept| !kept.adds) {
        service.charge_stranger(peer, &body);
    }
    let kept = kept.map_err(|rejected| rejected.problem)?;
    let (id, of, is_new) = (kept.id, kept.of, kept.is_new);
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(of.to_json(&id))).into_response())
}

fn leave_there(service: &Service, body: &[u8], lang: Lang) -> Result<Kept, Rejected> {
    let draft = Draft::parse(body);
    let draft = draft.map_err(|error| Rejected::nobodys(Problem::malformed("zeren draft v1", error.to_string(), lang)))?;
    let keepers = {
        let ledger = writer::read(&service.ledger);
        judge(&draft, ledger.state(), ledger.history(), ledger.id(), lang)?
    };
    keepers.iter().try_for_each(|person| service.ask_rate(person.as_str(), lang)).map_err(Rejected::known)?;
    if !service.has_room() {
        let few = lang.pick("a disk with too little room for drafts", "磁盘余量不足，暂不存放草稿");
        return Err(Rejected::known(Problem::failed(few, lang)));
    }
    let kept = service.drafts.keep(draft, &service.ledger, lang).map_err(Rejected::known)?;
    if kept.adds {
        keepers.iter().for_each(|person| service.rates.charge(person.as_str(), 1, Instant::now()));
    }
    Ok(kept)
}

/// `GET /v1/drafts`: those in which the reader is named.
pub async fn mine(Served(service): Served<Arc<Service>>, lang: Lang, reader: Reader) -> Result<Json<Value>, Problem> {
    let listed = service.blocking(lang, move |service| {
        reader.note(service, None, lang)?;
        Ok(service.drafts.of_signer(&reader.person, &service.ledger))
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
        service.drafts.read(&id).ok_or_else(|| Problem::not_found(lang.pick("a draft that waits", "待签草稿"), &id, lang))
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
        None => Err(Problem::not_found(lang.pick("a draft that waits", "待签草稿"), id, lang)),
    }
}
