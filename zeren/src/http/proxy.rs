//! Who asks, where a proxy on this machine asks for others.

use axum::extract::Request;

use super::listener::Peer;

/// The request as of whom the proxy says that it asks for: the last address of `X-Forwarded-For` is the proxy's own word, those before it
/// anybody's. Only loopback is believed.
pub fn as_forwarded(is_behind_proxy: bool, mut request: Request) -> Request {
    let is_from_proxy = request.extensions().get::<Peer>().is_some_and(|peer| peer.0.is_loopback());
    if is_behind_proxy && is_from_proxy {
        let said = request.headers().get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
        if let Some(address) = said.and_then(|said| said.rsplit(',').next()?.trim().parse().ok()) {
            request.extensions_mut().insert(Peer(address));
        }
    }
    request
}
