//! Those who submit: each on a connection that is kept open, one request after another, each answer read.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpStream;

use crate::error::Failure;

/// How every receipt begins (C2SP tlog-proof).
const RECEIPT: &str = "c2sp.org/tlog-proof@v1\n";

/// A request's body: a note as text, or many as JSON.
pub struct Body {
    media: &'static str,
    bytes: Bytes,
    notes: usize,
}

impl Body {
    /// Of these notes.
    pub fn of(notes: &[Vec<u8>]) -> Body {
        let (media, bytes) = match notes {
            [note] => ("text/plain", note.clone()),
            notes => {
                let texts: Vec<Cow<'_, str>> = notes.iter().map(|note| String::from_utf8_lossy(note)).collect();
                ("application/json", json!({ "notes": texts }).to_string().into_bytes())
            }
        };
        Body { media, bytes: bytes.into(), notes: notes.len() }
    }
}

/// What a round took.
pub struct Round {
    /// Statements that were recorded, each with its receipt.
    pub statements: u64,
    /// How long the whole took.
    pub seconds: f64,
    /// How long each request waited for its answer, sorted.
    pub waited: Vec<Duration>,
}

impl Round {
    /// Statements a second.
    pub fn rate(&self) -> f64 {
        self.statements as f64 / self.seconds
    }
}

/// An answer, as far as it is read.
#[derive(Deserialize)]
struct Recorded<'a> {
    recorded: bool,
    #[serde(borrow, default)]
    receipt: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Many<'a> {
    recorded: usize,
    #[serde(borrow)]
    answers: Vec<Recorded<'a>>,
}

/// Submits everything, each list on a connection of its own.
pub async fn submit(address: SocketAddr, lists: Vec<Vec<Body>>) -> Result<Round, Failure> {
    let statements = lists.iter().flatten().map(|body| body.notes as u64).sum();
    let mut clerks = Vec::new();
    for bodies in lists {
        clerks.push((connect(address).await?, bodies));
    }
    let start = Instant::now();
    let clerks: Vec<_> = clerks.into_iter().map(|(connection, bodies)| tokio::spawn(submit_each(connection, bodies))).collect();
    let mut waited = Vec::new();
    for clerk in clerks {
        waited.extend(clerk.await.map_err(|_| Failure::malformed("a connection's task panicked"))??);
    }
    let seconds = start.elapsed().as_secs_f64();
    waited.sort_unstable();
    Ok(Round { statements, seconds, waited })
}

/// The size that the service's checkpoint says.
pub async fn size(address: SocketAddr) -> Result<u64, Failure> {
    let mut connection = connect(address).await?;
    let request = Request::get("/checkpoint").header("host", "zeren").body(Full::default()).map_err(unsendable)?;
    let (_, answer) = ask(&mut connection, request).await?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.lines().nth(1).and_then(|size| size.parse().ok()).ok_or_else(|| Failure::malformed(format!("no checkpoint: {text}")))
}

async fn submit_each(mut connection: SendRequest<Full<Bytes>>, bodies: Vec<Body>) -> Result<Vec<Duration>, Failure> {
    let mut waited = Vec::with_capacity(bodies.len());
    for Body { media, bytes, notes } in bodies {
        let request = Request::post("/v1/statements").header("host", "zeren").header(CONTENT_TYPE, media).body(Full::new(bytes));
        let start = Instant::now();
        let (status, answer) = ask(&mut connection, request.map_err(unsendable)?).await?;
        waited.push(start.elapsed());
        if !is_all_recorded(status, &answer, notes) {
            return Err(Failure::malformed(format!("{status}: {}", String::from_utf8_lossy(&answer))));
        }
    }
    Ok(waited)
}

fn is_all_recorded(status: StatusCode, answer: &[u8], notes: usize) -> bool {
    let is_recorded = |answer: &Recorded<'_>| answer.recorded && answer.receipt.starts_with(RECEIPT);
    if notes == 1 {
        return status == StatusCode::CREATED && serde_json::from_slice(answer).is_ok_and(|answer| is_recorded(&answer));
    }
    let many = serde_json::from_slice::<Many<'_>>(answer);
    status == StatusCode::OK
        && many.is_ok_and(|many| many.recorded == notes && many.answers.len() == notes && many.answers.iter().all(is_recorded))
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let system = |source| Failure::File { path: address.to_string(), source };
    let stream = TcpStream::connect(address).await.map_err(system)?;
    stream.set_nodelay(true).map_err(system)?;
    let (requests, connection) = handshake(TokioIo::new(stream)).await.map_err(unsendable)?;
    tokio::spawn(connection);
    Ok(requests)
}

async fn ask(connection: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Failure> {
    connection.ready().await.map_err(unsendable)?;
    let answer = connection.send_request(request).await.map_err(unsendable)?;
    let status = answer.status();
    Ok((status, answer.into_body().collect().await.map_err(unsendable)?.to_bytes()))
}

fn unsendable(error: impl std::fmt::Display) -> Failure {
    Failure::malformed(format!("a request got no answer: {error}"))
}
