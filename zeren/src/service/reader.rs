//! Who reads, and how far the person's offices let the person see. Nothing here is configured: it is what the ledger says now.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use ledger::state::{KeyStatus, State};
use serde_json::Value;
use signer::PublicKey;
use signer::note::SignatureLine;
use signer::token::{Token, TokenError};
use signer::value::{PersonId, Unit, UnixMs};

use super::Service;
use super::access::Access;
use crate::clock;
use crate::http::listener::Peer;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer;

/// Somebody with a good token.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The person.
    pub person: PersonId,
    /// Units of the offices that the person holds now.
    pub units: Vec<Unit>,
    peer: Peer,
    path: String,
    asked: Option<Value>,
}

impl Reader {
    /// Whether one of the offices covers a unit.
    pub fn covers(&self, unit: &str) -> bool {
        Unit::parse(unit).is_some_and(|unit| self.units.iter().any(|own| own.covers(&unit)))
    }

    /// Whether one of the offices covers the whole ledger.
    pub fn covers_all(&self) -> bool {
        self.units.contains(&Unit::whole())
    }

    /// With what is asked for beside the path, for the log.
    #[must_use]
    pub fn asking(mut self, asked: Value) -> Reader {
        self.asked = Some(asked);
        self
    }

    /// Notes that this was shown, or that it was denied and why.
    ///
    /// # Errors
    /// The problem with which everything is answered if it cannot be noted.
    pub fn note(&self, service: &Service, denied: Option<&str>, lang: Lang) -> Result<(), Problem> {
        let access = Access {
            person: Some(self.person.as_str()),
            peer: self.peer.0.to_string(),
            path: &self.path,
            asked: self.asked.clone(),
            denied,
        };
        service.access.note(&access).map_err(|_| unwritten(lang))
    }

    /// Notes and says that the reader's offices do not reach so far.
    pub fn denied(&self, service: &Service, expected: &str, lang: Lang) -> Problem {
        match self.note(service, Some("scope"), lang) {
            Err(problem) => problem,
            Ok(()) => {
                let units: Vec<&str> = self.units.iter().map(Unit::as_str).collect();
                let found = match (units.is_empty(), lang) {
                    (true, Lang::En) => format!("{}, who holds no office now", self.person),
                    (true, Lang::Zh) => format!("{} 现无任职", self.person),
                    (false, Lang::En) => format!("{}, of unit {}", self.person, units.join(", ")),
                    (false, Lang::Zh) => format!("{}，任职单位 {}", self.person, units.join("、")),
                };
                let advice = lang.pick(
                    "Ask somebody whose office covers it. This request was logged.",
                    "请由任职范围包含该事项的人员查询。本次请求已记录。",
                );
                Problem::new(StatusCode::FORBIDDEN, "scope", expected, found, advice)
            }
        }
    }
}

fn unwritten(lang: Lang) -> Problem {
    Problem::failed(lang.pick("an access log that cannot be written", "查阅记录无法写入"), lang)
}

/// A request without a good token. It costs its address something and the log a line, so that neither is for nothing: whoever has
/// no allowance left gets neither a line nor an answer that took work.
fn refuse(service: &Service, peer: Peer, path: &str, rule: &str, found: String, lang: Lang) -> Problem {
    let (stranger, now) = (peer.allowance(), Instant::now());
    if let Err(wait) = service.strangers.ask(&stranger, now) {
        service.access.pass_over();
        return Problem::too_many(lang.pick("fewer requests without a good token", "无有效令牌的请求不得过多"), wait, lang);
    }
    service.strangers.charge(&stranger, 1, now);
    let access = Access { person: None, peer: peer.0.to_string(), path, asked: None, denied: Some(rule) };
    if service.access.note_nobody(&access).is_err() {
        return unwritten(lang);
    }
    let expected = lang.pick("Authorization: Bearer and a reading token", "Authorization: Bearer 加查询令牌");
    let advice = lang.pick(
        "Make one with `zeren token`: signed with your own enrolled key, for this ledger, for at most an hour.",
        "请用 zeren token 生成：以本人已登记密钥签署，限本账本，有效期不超过一小时。",
    );
    Problem::new(StatusCode::UNAUTHORIZED, rule, expected, found, advice)
}

impl FromRequestParts<Arc<Service>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Reader, Problem> {
        let Ok(lang) = Lang::from_request_parts(parts, service).await;
        let peer = peer_of(parts);
        let path = parts.uri.path().to_owned();
        let now = clock::now();
        let reader = match sent(&parts.headers) {
            None => Err(("token-missing", lang.pick("none", "无").to_owned())),
            Some(sent) => verify(service, sent, now).map_err(|error| (error.rule(), told(error, lang))),
        };
        match reader {
            Ok(token) => {
                service.ask_rate(token.person.as_str(), lang)?;
                service.rates.charge(token.person.as_str(), 1, Instant::now());
                let units = units_of(writer::read(&service.ledger).state(), &token.person, service.clock.now());
                Ok(Reader { person: token.person, units, peer, path, asked: None })
            }
            Err((rule, found)) => Err(refuse(service, peer, &path, rule, found, lang)),
        }
    }
}

/// What is wrong with a token, in the reader's language.
fn told(error: TokenError, lang: Lang) -> String {
    let zh = match error {
        TokenError::Format => "不是查询令牌",
        TokenError::OtherLedger => "为其他账本的令牌",
        TokenError::Duration => "有效期超过一小时，或为零",
        TokenError::Time => "已过有效期，或尚未生效",
        TokenError::Signature => "并非以该人员本人密钥签署",
    };
    match lang {
        Lang::En => error.to_string(),
        Lang::Zh => zh.to_owned(),
    }
}

/// Who asks; a request that came by no connection came from here.
pub fn peer_of(parts: &Parts) -> Peer {
    parts.extensions.get::<Peer>().copied().unwrap_or(Peer(std::net::Ipv4Addr::LOCALHOST.into()))
}

fn sent(headers: &HeaderMap) -> Option<&str> {
    // The scheme's name may be written in any case (RFC 9110, section 11.1).
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn verify(service: &Service, sent: &str, now: UnixMs) -> Result<Token, TokenError> {
    let ledger = writer::read(&service.ledger);
    let seconds = u64::try_from(now.0.div_euclid(1_000)).unwrap_or(0);
    Token::verify(sent, ledger.id(), seconds, |person, line| key_of(ledger.state(), person, line))
}

/// The person's key that made this line, if it signs now: one that was replaced or revoked opens nothing.
pub fn key_of(state: &State, person: &PersonId, line: &SignatureLine) -> Option<PublicKey> {
    let key = state.ring().person(person, line.key_id)?;
    let known = state.person(person)?.key(&key.bytes())?;
    (known.status == KeyStatus::Active).then(|| key.clone())
}

fn units_of(state: &State, person: &PersonId, now: UnixMs) -> Vec<Unit> {
    let in_force = state.offices_of(person).filter(|held| held.office.as_str() != "self" && held.is_in_force(now));
    let mut units: Vec<Unit> = in_force.map(|held| held.unit.clone()).collect();
    units.sort_unstable();
    units.dedup();
    units
}
