//! Answers that read much of the ledger: a few are made at a time, so that everybody else is served meanwhile.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use signer::value::PersonId;
use tokio::sync::Semaphore;

use super::Service;
use crate::http::problem::Problem;
use crate::lang::Lang;

/// Answers over the whole ledger (a desk, the counts) that are made at once, of all readers together.
const AT_ONCE: usize = 2;
/// What one of them costs its reader, where a reading of a case costs one.
const COST: u32 = 100;

/// Those that are being made.
pub struct Large {
    places: Arc<Semaphore>,
    of: Mutex<HashSet<PersonId>>,
}

impl Default for Large {
    fn default() -> Large {
        Large { places: Arc::new(Semaphore::new(AT_ONCE)), of: Mutex::default() }
    }
}

impl Service {
    /// Makes a large answer, as text: a few at a time of everybody, one of a person, for a price. The text is made in there too, so
    /// that no more of them are in memory as objects than are made.
    pub async fn large<T: serde::Serialize>(
        self: &Arc<Self>,
        lang: Lang,
        person: PersonId,
        make: impl FnOnce(&Service) -> Result<T, Problem> + Send + 'static,
    ) -> Result<Response, Problem> {
        if !self.large.of.lock().unwrap_or_else(PoisonError::into_inner).insert(person.clone()) {
            let what = lang.pick("one desk or one status of a person at a time", "同一人员同时只能获取一份工作台或统计");
            return Err(Problem::too_many(what, Duration::from_secs(1), lang));
        }
        let making = Making { service: Arc::clone(self), person };
        let place = Arc::clone(&self.large.places).acquire_owned().await;
        let place = place.map_err(|_| Problem::failed(lang.pick("a service that stops", "服务正在停止"), lang))?;
        self.rates.charge(making.person.as_str(), COST - 1, Instant::now());
        let made = self.blocking(lang, move |service| {
            let text = serde_json::to_string(&make(service)?);
            // Also where nobody waits for it any more, its place is taken until it is made.
            drop((making, place));
            text.map_err(|_| Problem::failed(lang.pick("an answer that could not be written", "答复无法生成"), lang))
        });
        Ok(([(CONTENT_TYPE, "application/json")], made.await?).into_response())
    }
}

/// That a person has a large answer made.
struct Making {
    service: Arc<Service>,
    person: PersonId,
}

impl Drop for Making {
    fn drop(&mut self) {
        self.service.large.of.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.person);
    }
}
