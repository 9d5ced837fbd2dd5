//! Connections: how many, for how long, with how much in a header. axum's own server has no limits; hyper's has.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

use super::problem::Problem;
use crate::lang::Lang;

/// Connections at a time.
pub const CONNECTIONS_MAX: u32 = 2_048;
/// Connections at a time from one address. Loopback has no limit of its own: there, a proxy asks for everybody.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;
/// Longest header, in bytes, and most of its lines.
pub const HEADER_BYTES_MAX: usize = 16 << 10;
/// Most lines of a header.
pub const HEADER_LINES_MAX: usize = 64;
/// Time for a header to arrive, also on a connection that is kept open.
pub const HEADER_TIME: Duration = Duration::from_secs(10);
/// Time for a body to arrive and the answer to be ready.
pub const REQUEST_TIME: Duration = Duration::from_secs(30);
/// Time after which a connection takes no more requests, streams included.
pub const CONNECTION_TIME: Duration = Duration::from_secs(600);
/// Time that what was accepted has when the service stops, or a connection is over its time.
pub const CLOSING_TIME: Duration = Duration::from_secs(20);
/// Pause after the system has no more descriptors to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Bits of an IPv6 address that a site is given: the rest it makes up as it likes.
const SITE_BITS: u32 = 64;

impl Peer {
    /// The name under which the address has its allowance: an IPv4 address, or the /64 in which an IPv6 address lies.
    pub fn allowance(self) -> String {
        site(self.0).to_string()
    }
}

fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << SITE_BITS)).into(),
        address => address,
    }
}

/// What a listener counts.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections that were taken.
    pub accepted: AtomicU64,
    /// Connections that were closed at once, because there were too many.
    pub turned_away: AtomicU64,
    /// Requests whose time ran out.
    pub timed_out: AtomicU64,
}

struct Shared {
    app: Router,
    counts: Arc<Counts>,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    stop: watch::Receiver<bool>,
}

/// Serves until `stop`; then takes no more connections, and waits for what was accepted.
pub async fn serve(listener: TcpListener, app: Router, counts: Arc<Counts>, stop: impl Future<Output = ()>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let (stopping, stopped) = watch::channel(false);
    let shared = Arc::new(Shared { app, counts, by_address: Mutex::default(), stop: stopped });
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let place = Arc::clone(&slots).try_acquire_owned().ok().and_then(|slot| Place::take(&shared, slot, peer));
        match place {
            Some(place) => {
                shared.counts.accepted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(connection(stream, place));
            }
            None => _ = shared.counts.turned_away.fetch_add(1, Ordering::Relaxed),
        }
    }
    drop(listener);
    let _ = stopping.send(true);
    let _ = tokio::time::timeout(CLOSING_TIME, slots.acquire_many(CONNECTIONS_MAX)).await;
}

/// One of the places for connections; given back when it is dropped.
struct Place {
    shared: Arc<Shared>,
    address: IpAddr,
    _slot: OwnedSemaphorePermit,
}

impl Place {
    fn take(shared: &Arc<Shared>, slot: OwnedSemaphorePermit, peer: SocketAddr) -> Option<Place> {
        let address = peer.ip().to_canonical();
        let mut by_address = shared.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let open = by_address.entry(site(address)).or_default();
        if *open >= CONNECTIONS_PER_ADDRESS_MAX && !address.is_loopback() {
            return None;
        }
        *open += 1;
        Some(Place { shared: Arc::clone(shared), address, _slot: slot })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.shared.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = by_address.get_mut(&site(self.address)) {
            *open -= 1;
            if *open == 0 {
                by_address.remove(&site(self.address));
            }
        }
    }
}

async fn connection(stream: TcpStream, place: Place) {
    // Answers are small and are waited for.
    let _ = stream.set_nodelay(true);
    let shared = Arc::clone(&place.shared);
    let peer = Peer(place.address);
    let service = hyper::service::service_fn(move |request| answer(Arc::clone(&shared), peer, request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_buf_size(HEADER_BYTES_MAX).max_headers(HEADER_LINES_MAX);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let mut stop = place.shared.stop.clone();
    tokio::select! {
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(CONNECTION_TIME) => {}
        _ = stop.wait_for(|is_stopping| *is_stopping) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(CLOSING_TIME, connection).await;
}

async fn answer(shared: Arc<Shared>, peer: Peer, request: hyper::Request<Incoming>) -> Result<Response, std::convert::Infallible> {
    let lang = Lang::asked(request.headers());
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(peer);
    match tokio::time::timeout(REQUEST_TIME, shared.app.clone().oneshot(request)).await {
        Ok(answer) => answer,
        Err(_) => {
            shared.counts.timed_out.fetch_add(1, Ordering::Relaxed);
            let advice = lang.pick("Send the whole request within this time.", "请在该时间内完整发送请求。");
            let seconds = format!("{} {} s", lang.pick("a whole request within", "完整请求，限时"), REQUEST_TIME.as_secs());
            Ok(Problem::new(StatusCode::REQUEST_TIMEOUT, "time", seconds, lang.pick("less", "未完成"), advice).into_response())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A site with IPv6 has 2^64 addresses, and had as many allowances.
    #[test]
    fn a_site_has_one_allowance() {
        let allowance = |address: &str| Peer(address.parse().unwrap()).allowance();
        assert_eq!(allowance("2001:db8:1:2:3:4:5:6"), allowance("2001:db8:1:2:ffff::1"));
        assert_ne!(allowance("2001:db8:1:2::1"), allowance("2001:db8:1:3::1"));
        assert_eq!(allowance("::ffff:192.0.2.1"), "192.0.2.1");
        assert_ne!(allowance("192.0.2.1"), allowance("192.0.2.2"));
        assert!(site("::1".parse().unwrap()) != site("fe80::1".parse().unwrap()));
    }
}
