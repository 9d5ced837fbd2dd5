//! Asking a witness for its cosignature (C2SP tlog-witness, the client's part). Blocking; nothing is believed that was not verified.

use std::time::Duration;

use ledger::fork::{Document, ForkProof, Ground, Key, Prefix};
use signer::checkpoint::{Checkpoint, cosignature_verifies};
use signer::note::{NOTE_BYTES_MAX, Note, SignatureLine, TYPE_COSIGNATURE, key_id};
use signer::value::{TreeHash, number};
use signer::{PublicKey, Refusal};

use super::authorities::Authorities;
use crate::screen::within_line;
use crate::witness::request::AddCheckpoint;
use crate::witness::store::file_name;

/// Time for a connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Time for a whole request.
const REQUEST_TIME: Duration = Duration::from_secs(15);
/// Longest answer to `add-checkpoint` that is read, in bytes: cosignatures of several keys.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// Requests for one cosignature: the first guess, what the witness says, and twice more if others ask it meanwhile.
const REQUESTS_MAX: usize = 4;
/// Longest part of a witness's words that is repeated, in characters.
const WORDS_MAX: usize = 200;

/// A witness to be asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its submission prefix: `http://…` or `https://…`; also its monitoring prefix.
    pub url: String,
    /// Name on its cosignatures.
    pub name: String,
    /// Its key.
    pub key: PublicKey,
    /// Who may vouch for the address.
    pub authorities: Authorities,
}

/// Why there is no cosignature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No answer, or none that could be read.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// An answer that is no cosignature.
    #[error("answered {status}: {words}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The beginning of what it said.
        words: String,
    },
    /// An answer that does not verify under the key.
    #[error("answered with no cosignature that verifies under the key {0}")]
    WrongSignature(String),
    /// It has cosigned a larger tree: this ledger was rolled back, or asks with an old checkpoint.
    #[error("has cosigned {known} entries; the checkpoint has {asked}")]
    KnowsLarger {
        /// Size that it has cosigned.
        known: u64,
        /// Size that was asked for.
        asked: u64,
    },
    /// It has cosigned another history: this ledger was restored and went on, or somebody forks it.
    #[error("has cosigned {known} entries of another history")]
    KnowsOther {
        /// Size that it has cosigned.
        known: u64,
    },
    /// The asker cannot prove that it continues what the witness has.
    #[error("no consistency proof from {0} entries")]
    ProofMissing(u64),
}

impl AskError {
    /// Whether this is evidence of a fork or a rollback, and no trouble of the network.
    #[must_use]
    pub fn is_evidence(&self) -> bool {
        matches!(self, AskError::KnowsLarger { .. } | AskError::KnowsOther { .. })
    }
}

/// Asks for a cosignature of a checkpoint. `last_known` is the size that the witness is thought to have, 0 if unknown;
/// `consistency` gives the proof from a smaller size to the checkpoint's.
///
/// # Errors
/// [`AskError`], told apart.
pub fn ask(
    asked: &Asked,
    checkpoint: &Note,
    last_known: u64,
    consistency: impl Fn(u64) -> Option<Vec<TreeHash>>,
) -> Result<SignatureLine, AskError> {
    let size = Checkpoint::of_any_log(&checkpoint.text).ok_or(AskError::ProofMissing(last_known))?.size;
    let mut old = last_known.min(size);
    let mut answer = None;
    for _ in 0..REQUESTS_MAX {
        let proof = if old == 0 || old == size { Vec::new() } else { consistency(old).ok_or(AskError::ProofMissing(old))? };
        match post(asked, &AddCheckpoint::encode(old, &proof, checkpoint))? {
            Said::Lines(lines) => return cosignature(asked, checkpoint, &lines),
            Said::Size(known) if known > size => return Err(AskError::KnowsLarger { known, asked: size }),
            // It has this size, and yet does not take it: another root.
            Said::Size(known) if known == old => return Err(AskError::KnowsOther { known }),
            Said::Size(known) => old = known,
            // What it has is not the beginning of ours: our own proof is sound.
            Said::Refused { status: 422, .. } if old > 0 => return Err(AskError::KnowsOther { known: old }),
            Said::Refused { status, words } => return Err(AskError::Refused { status, words }),
        }
        answer = Some(old);
    }
    Err(AskError::Refused { status: 409, words: format!("another size at each request, last {}", answer.unwrap_or(old)) })
}

/// The checkpoint that a witness has cosigned last for an origin, its cosignature verified.
///
/// # Errors
/// [`AskError`], told apart.
pub fn latest(asked: &Asked, origin: &str) -> Result<Note, AskError> {
    let url = format!("{}/{}/checkpoint", asked.url.trim_end_matches('/'), file_name(origin));
    let response = agent(asked).get(url).call().map_err(unreachable)?;
    let (status, body) = read(response, NOTE_BYTES_MAX as u64)?;
    if status != 200 {
        return Err(AskError::Refused { status, words: words(&body) });
    }
    let unreadable = |refusal: Refusal| AskError::Unreachable(format!("a checkpoint that cannot be read: {}", refusal.rule));
    let note = Note::parse(&body).map_err(unreadable)?;
    let lines: Vec<SignatureLine> = note.signatures.clone();
    verified(asked, &note.text, &lines).map(|_| note)
}

/// After [`AskError::KnowsOther`]: the proof that two histories exist, from what the witness has. `prefix` gives this ledger's root
/// at a smaller size and the consistency proof.
///
/// # Errors
/// The witness's answer, or why the two documents prove nothing.
pub fn fork(
    asked: &Asked,
    checkpoint: &Note,
    ledger_keys: &[Key],
    grounds: &[Ground],
    prefix: impl Fn(u64) -> Option<Prefix>,
) -> Result<ForkProof, String> {
    let ours = Document::of(checkpoint.clone()).map_err(|error| error.to_string())?;
    let theirs = latest(asked, &ours.claim.ledger).map_err(|error| error.to_string())?;
    let theirs = Document::of(theirs).map_err(|error| error.to_string())?;
    let prefix = if theirs.claim.size < ours.claim.size { prefix(theirs.claim.size) } else { None };
    let mut keys = ledger_keys.to_vec();
    keys.push(Key::cosigns(asked.name.clone(), asked.key.clone()));
    ForkProof::make([theirs, ours], prefix, &keys, grounds).map_err(|error| error.to_string())
}

enum Said {
    Lines(Vec<u8>),
    Size(u64),
    Refused { status: u16, words: String },
}

fn agent(asked: &Asked) -> ureq::Agent {
    // A witness is one address: what sends elsewhere is no answer of its own.
    let config = ureq::Agent::config_builder()
        .tls_config(asked.authorities.tls())
        .timeout_connect(Some(CONNECT_TIME))
        .timeout_global(Some(REQUEST_TIME))
        .max_redirects(0)
        .http_status_as_error(false);
    config.build().into()
}

fn unreachable(error: ureq::Error) -> AskError {
    AskError::Unreachable(within_line(&error.to_string()))
}

fn read(mut response: ureq::http::Response<ureq::Body>, bytes_max: u64) -> Result<(u16, Vec<u8>), AskError> {
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(bytes_max).read_to_vec().map_err(unreachable)?;
    Ok((status, body))
}

fn post(asked: &Asked, body: &str) -> Result<Said, AskError> {
    let url = format!("{}/add-checkpoint", asked.url.trim_end_matches('/'));
    let response = agent(asked).post(url).header("content-type", "text/plain; charset=utf-8").send(body).map_err(unreachable)?;
    let is_size =
        response.headers().get("content-type").is_some_and(|media| media.as_bytes() == crate::witness::serve::TLOG_SIZE.as_bytes());
    let (status, body) = read(response, ANSWER_BYTES_MAX)?;
    let size = core::str::from_utf8(&body).ok().and_then(|text| number(text.strip_suffix('\n')?));
    Ok(match (status, size) {
        (200, _) => Said::Lines(body),
        (409, Some(size)) if is_size => Said::Size(size),
        _ => Said::Refused { status, words: words(&body) },
    })
}

/// The beginning of what a stranger said, fit for a line of ours.
fn words(body: &[u8]) -> String {
    within_line(&String::from_utf8_lossy(body).chars().take(WORDS_MAX).collect::<String>())
}

fn cosignature(asked: &Asked, checkpoint: &Note, body: &[u8]) -> Result<SignatureLine, AskError> {
    let text = String::from_utf8_lossy(body);
    let lines: Vec<SignatureLine> = text.split_terminator('\n').filter_map(SignatureLine::parse).collect();
    verified(asked, &checkpoint.text, &lines)
}

/// The line of the witness's key, if it verifies; lines of other keys are passed over.
fn verified(asked: &Asked, text: &str, lines: &[SignatureLine]) -> Result<SignatureLine, AskError> {
    let id = key_id(&asked.name, TYPE_COSIGNATURE, &asked.key.bytes().0);
    let is_good = |line: &&SignatureLine| {
        line.name == asked.name
            && line.key_id == id
            && line.cosignature().is_some_and(|(seconds, signature)| cosignature_verifies(text, &asked.key, seconds, &signature))
    };
    lines.iter().find(is_good).cloned().ok_or_else(|| AskError::WrongSignature(asked.key.bytes().to_string()))
}

#[cfg(test)]
mod tests;
