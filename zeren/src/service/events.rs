//! Server-sent events: each new checkpoint, to whoever waits for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::sync::watch;

use super::Service;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer;

/// Streams at a time.
pub const STREAMS_MAX: usize = 256;
/// How often a quiet stream shows that it is alive.
const ALIVE: std::time::Duration = std::time::Duration::from_secs(15);

/// `GET /v1/events`: the checkpoint now, and every later one; commits that come faster than they are read are told together.
pub async fn events(State(service): State<Arc<Service>>, lang: Lang) -> Result<Response, Problem> {
    let place = Place::take(&service).ok_or_else(|| {
        let advice = lang.pick("Ask GET /checkpoint now and then instead.", "请改为定时查询 GET /checkpoint。");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "streams", format!("at most {STREAMS_MAX} streams"), "one more", advice)
    })?;
    let committed = service.committed.clone();
    let stopping = service.stopping.clone();
    let stream =
        futures_util::stream::unfold((place, committed, stopping, true), |(place, mut committed, mut stopping, is_first)| async move {
            let text = next(&place.0, &mut committed, &mut stopping, is_first).await?;
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

/// A place among the streams; given back when the stream ends.
struct Place(Arc<Service>);

impl Place {
    fn take(service: &Arc<Service>) -> Option<Place> {
        let is_free = |open: usize| (open < STREAMS_MAX).then_some(open + 1);
        service.streams.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_free).ok()?;
        Some(Place(Arc::clone(service)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
