//! Server-sent events: each new checkpoint, to whoever waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::sync::watch;

use super::Service;
use crate::http::listener::Peer;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer;

/// Streams at a time.
pub const STREAMS_MAX: usize = 256;
/// Streams at a time of one address, so that nobody takes all. Loopback has no limit of its own: there, a proxy asks for everybody.
pub const STREAMS_PER_ADDRESS_MAX: usize = 8;
/// How often a quiet stream shows that it is alive.
const ALIVE: std::time::Duration = std::time::Duration::from_secs(15);

/// `GET /v1/events`: the checkpoint now, and every later one; commits that come faster than they are read are told together.
pub async fn events(State(service): State<Arc<Service>>, Extension(peer): Extension<Peer>, lang: Lang) -> Result<Response, Problem> {
    let place = Place::take(&service, peer).ok_or_else(|| {
        let advice = lang.pick("Ask GET /checkpoint now and then instead.", "请改为定时查询 GET /checkpoint。");
        let expected = match lang {
            Lang::En => format!("at most {STREAMS_PER_ADDRESS_MAX} streams of one address, and {STREAMS_MAX} in all"),
            Lang::Zh => format!("每个地址至多 {STREAMS_PER_ADDRESS_MAX} 个推送流，总共至多 {STREAMS_MAX} 个"),
        };
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "streams", expected, lang.pick("one more", "又一个"), advice)
    })?;
    let committed = service.committed.clone();
    let stopping = service.stopping.clone();
    let stream =
        futures_util::stream::unfold((place, committed, stopping, true), |(place, mut committed, mut stopping, is_first)| async move {
            let text = next(&place.service, &mut committed, &mut stopping, is_first).await?;
            Some((Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(text))), (place, committed, stopping, false)))
        });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::new(StreamBody::new(stream))).into_response())
}

async fn next(
    service: &Arc<Service>,
    committed: &mut watch::Receiver<u64>,
    stopping: &mut watch::Receiver<bool>,
    is_first: bool,
) -> Option<String> {
    if !is_first {
        tokio::select! {
            _ = stopping.wait_for(|is_stopping| *is_stopping) => return None,
            changed = committed.changed() => changed.ok()?,
            () = tokio::time::sleep(ALIVE) => return Some(": alive\n\n".to_owned()),
        }
    }
    let size = *committed.borrow_and_update();
    let checkpoint = service.blocking(Lang::En, |service| Ok(writer::read(&service.ledger).checkpoint().encode())).await.ok()?;
    let data: String = checkpoint.lines().map(|line| format!("data: {line}\n")).collect();
    Some(format!("event: checkpoint\nid: {size}\n{data}\n"))
}

/// Streams that are open, by the address that reads them.
#[derive(Debug, Default)]
pub struct Streams(Mutex<HashMap<String, usize>>);

/// A place among the streams; given back when the stream ends.
struct Place {
    service: Arc<Service>,
    address: String,
}

impl Place {
    fn take(service: &Arc<Service>, peer: Peer) -> Option<Place> {
        let address = peer.allowance();
        let mut streams = service.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (streams.values().sum::<usize>(), streams.get(&address).copied().unwrap_or(0));
        if all >= STREAMS_MAX || own >= STREAMS_PER_ADDRESS_MAX && !peer.0.is_loopback() {
            return None;
        }
        streams.insert(address.clone(), own + 1);
        Some(Place { service: Arc::clone(service), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut streams = self.service.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = streams.get_mut(&self.address) {
            *open -= 1;
            if *open == 0 {
                streams.remove(&self.address);
            }
        }
    }
}
