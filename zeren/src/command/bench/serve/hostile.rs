//! Those who do harm: connections that are held open for nothing, and opened again when the service closes them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::error::Failure;

/// Time between two bytes of a body that trickles.
const TRICKLE: Duration = Duration::from_secs(1);
/// Time until all of them must be connected, and time that they then have to fill what can be filled.
const BEGINNING: Duration = Duration::from_secs(10);
const SETTLING: Duration = Duration::from_secs(2);
/// Pause before a connection that failed is tried again, and between looks at how many there are.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes of answers that the system takes for one who never reads.
const UNREAD_BYTES: u32 = 4_096;
/// Requests that one who never reads sends with one write.
const REQUESTS_A_WRITE: usize = 1_000;

const HALF_HEADER: &[u8] = b"POST /v1/statements HTTP/1.1\r\nHost: zeren\r\nContent-Ty";
const HEADER: &[u8] = b"POST /v1/statements HTTP/1.1\r\nHost: zeren\r\nContent-Type: text/plain\r\nContent-Length: 60000\r\n\r\n";
const REQUEST: &[u8] = b"GET /v1/openapi.json HTTP/1.1\r\nHost: zeren\r\n\r\n";

/// What one of them does.
#[derive(Clone, Copy)]
enum Manner {
    SendsNothing,
    SendsHalfAHeader,
    TricklesItsBody,
    NeverReads,
}

const MANNERS: [Manner; 4] = [Manner::SendsNothing, Manner::SendsHalfAHeader, Manner::TricklesItsBody, Manner::NeverReads];

/// All of them; they end when it is dropped.
pub struct Attack {
    counts: Arc<Counts>,
    _all: JoinSet<()>,
}

#[derive(Default)]
struct Counts {
    opened: AtomicU64,
    open: AtomicU64,
}

impl Attack {
    /// Nobody.
    pub fn none() -> Attack {
        Attack { counts: Arc::default(), _all: JoinSet::new() }
    }

    /// Begins; gives it when all are connected, equally many of each manner.
    pub async fn begin(address: SocketAddr, count: u64) -> Result<Attack, Failure> {
        let counts = Arc::<Counts>::default();
        let mut all = JoinSet::new();
        for (_, manner) in (0..count).zip(MANNERS.into_iter().cycle()) {
            all.spawn(harm(address, manner, Arc::clone(&counts)));
        }
        let connected = async {
            while counts.open.load(Ordering::Relaxed) < count {
                sleep(PAUSE).await;
            }
        };
        let connected = tokio::time::timeout(BEGINNING, connected).await;
        connected.map_err(|_| Failure::malformed(format!("{count} hostile connections could not be opened at once")))?;
        sleep(SETTLING).await;
        Ok(Attack { counts, _all: all })
    }

    /// Connections that were opened so far.
    pub fn opened(&self) -> u64 {
        self.counts.opened.load(Ordering::Relaxed)
    }
}

async fn harm(address: SocketAddr, manner: Manner, counts: Arc<Counts>) {
    loop {
        if let Ok(mut stream) = connect(address).await {
            counts.opened.fetch_add(1, Ordering::Relaxed);
            counts.open.fetch_add(1, Ordering::Relaxed);
            // It ends with an error when the service has had enough.
            let _ = hold(&mut stream, manner).await;
            counts.open.fetch_sub(1, Ordering::Relaxed);
        }
        sleep(PAUSE).await;
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(UNREAD_BYTES)?;
    socket.connect(address).await
}

async fn hold(stream: &mut TcpStream, manner: Manner) -> io::Result<()> {
    match manner {
        Manner::SendsNothing => until_closed(stream).await,
        Manner::SendsHalfAHeader => {
            stream.write_all(HALF_HEADER).await?;
            until_closed(stream).await
        }
        Manner::TricklesItsBody => {
            stream.write_all(HEADER).await?;
            loop {
                stream.write_all(b"a").await?;
                sleep(TRICKLE).await;
            }
        }
        Manner::NeverReads => {
            // Many a write: what it costs the one who does harm would be counted here, since the cores are shared.
            let requests = REQUEST.repeat(REQUESTS_A_WRITE);
            loop {
                stream.write_all(&requests).await?;
            }
        }
    }
}

async fn until_closed(stream: &mut TcpStream) -> io::Result<()> {
    let mut bytes = [0; 512];
    while stream.read(&mut bytes).await? > 0 {}
    Ok(())
}
