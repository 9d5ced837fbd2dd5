//! HTTP without a ledger: connections and their limits, rates, problems. Everything that is served goes through here.

pub mod listener;
pub mod problem;
pub mod proxy;
pub mod rate;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;

use crate::lang::Lang;

impl Lang {
    /// The language that a request asks for: Chinese where `Accept-Language` begins with it, else English.
    pub fn asked(headers: &HeaderMap) -> Lang {
        let asked = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if asked.trim_start().to_ascii_lowercase().starts_with("zh") { Lang::Zh } else { Lang::En }
    }
}

impl<S: Sync> FromRequestParts<S> for Lang {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Lang, Self::Rejection> {
        Ok(Lang::asked(&parts.headers))
    }
}
