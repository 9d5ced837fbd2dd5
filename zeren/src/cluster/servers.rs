//! The connection to the NATS servers: who they are, whether they can keep the promise, and their JetStream interface.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{Client, ConnectOptions, Event, HeaderMap, Message, ReconnectToServer, RequestError, RequestErrorKind};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::file::ClusterFile;
use super::stream::NO_STREAM;

/// Oldest server that can keep the promise (docs/decisions/0019).
pub const VERSION_MIN: (u64, u64) = (2, 12);
/// Its level of the JetStream interface.
const LEVEL_MIN: u64 = 2;
/// Least `max_payload` that servers must have, in bytes.
const PAYLOAD_MIN: usize = 1 << 20;
/// JetStream's code for a cluster that has no leader yet.
const NO_LEADER: u64 = 10_008;
/// How long servers may take to be ready.
const START_TIME: Duration = Duration::from_secs(30);
/// Time between two looks whether they are.
const START_PAUSE: Duration = Duration::from_millis(200);
/// How long one question may take.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// Connections that are tried until the one to the leader is found.
const APPROACHES: usize = 8;
/// Time between two looks whether there is another connection.
const APPROACH_PAUSE: Duration = Duration::from_millis(5);
/// How often a server must show that it is there. From one that was cut off nothing comes, not even an end: after three of these the next
/// is tried.
const PING: Duration = Duration::from_secs(2);
/// How long connecting may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// What a server answered that is no success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServersError {
    /// Nobody answered in time, or nobody is there: whether something was done is not known.
    #[error("no answer: {0}")]
    Silent(String),
    /// The server says no.
    #[error("refused by the server: {description} ({code})")]
    Refused {
        /// JetStream's error code, or the HTTP-like code where there is none.
        code: u64,
        /// What it says.
        description: String,
    },
    /// A server that cannot keep the promise, or is set up so that it does not.
    #[error("{what}: expected {expected}, found {found}")]
    Unfit {
        /// Of what.
        what: String,
        /// What is needed.
        expected: String,
        /// What is there.
        found: String,
    },
    /// This user may not do that.
    #[error("no permission for {subject}")]
    Forbidden {
        /// What the servers said of it.
        subject: String,
    },
    /// The connection cannot be made.
    #[error("connecting: {0}")]
    Connect(String),
    /// An answer that cannot be understood.
    #[error("an answer that cannot be understood: {0}")]
    Nonsense(String),
}

impl ServersError {
    /// A server or stream that is not as it must be.
    pub fn unfit(what: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> ServersError {
        ServersError::Unfit { what: what.into(), expected: expected.into(), found: found.into() }
    }

    /// Whether there is no such stream.
    pub fn is_absent(&self) -> bool {
        matches!(self, ServersError::Refused { code: NO_STREAM, .. })
    }
}

/// A request that is under way.
pub struct Asked {
    subject: String,
    answer: JoinHandle<Result<Message, RequestError>>,
}

/// The servers, reached from a thread that may wait.
#[derive(Clone)]
pub struct Servers {
    client: Client,
    runtime: Handle,
    /// The last thing that this user was denied. A request that is denied is not answered.
    denied: Arc<Mutex<Option<String>>>,
}

impl Servers {
    /// Connects and probes.
    ///
    /// # Errors
    /// No connection; servers that cannot keep the promise.
    pub fn connect(file: &ClusterFile, runtime: &Handle) -> Result<Servers, ServersError> {
        let mut options =
            ConnectOptions::new().connection_timeout(CONNECT_TIME).request_timeout(Some(REQUEST_TIME)).ping_interval(PING).name(&file.node);
        if let Some(authority) = &file.authority {
            options = options.add_root_certificates(file.path(authority));
        }
        if let (Some(certificate), Some(key)) = (&file.certificate, &file.certificate_key) {
            options = options.add_client_certificate(file.path(certificate), file.path(key)).require_tls(true);
        }
        if let Some(inbox) = &file.inbox {
            options = options.custom_inbox_prefix(inbox);
        }
        // One after another, in their order: so each is reached by whoever goes on.
        let turns = AtomicUsize::new(0);
        let options = options.reconnect_to_server_callback(move |servers, _| {
            let turn = turns.fetch_add(1, Ordering::Relaxed);
            let next = servers.get(turn % servers.len().max(1)).map(|server| server.addr.clone());
            async move { next.map(|addr| ReconnectToServer { addr, delay: None }) }
        });
        // What the servers say of themselves to clients is not taken up: the file names them.
        let denied = Arc::new(Mutex::new(None));
        let noting = Arc::clone(&denied);
        let options = options.event_callback(move |event| {
            let denied = match event {
                Event::ServerError(error) => Some(error.to_string()).filter(|text| text.to_lowercase().contains("permissions violation")),
                _ => None,
            };
            if let Some(text) = denied {
                *noting.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
            }
            async {}
        });
        let connecting = options.ignore_discovered_servers().connect(&file.servers[..]);
        let client = runtime.block_on(connecting).map_err(|error| ServersError::Connect(error.to_string()))?;
        let servers = Servers { client, runtime: runtime.clone(), denied };
        let begun = Instant::now();
        loop {
            match servers.probe() {
                // Servers that were started together with this process may still elect.
                Err(ServersError::Silent(_) | ServersError::Refused { code: NO_LEADER, .. }) if begun.elapsed() < START_TIME => {
                    std::thread::sleep(START_PAUSE);
                }
                probed => return probed.map(|()| servers),
            }
        }
    }

    /// Whether the servers are new enough and take messages of the size of a block.
    fn probe(&self) -> Result<(), ServersError> {
        let info = self.client.server_info();
        let (major, minor) = VERSION_MIN;
        if version(&info.version).is_none_or(|found| found < VERSION_MIN) {
            let why =
                format!("nats-server {major}.{minor} or later: earlier ones acknowledge what is not yet durable, or let two write at once");
            return Err(ServersError::unfit("version", why, info.version));
        }
        if info.max_payload < PAYLOAD_MIN {
            return Err(ServersError::unfit("max_payload", format!("at least {PAYLOAD_MIN}"), info.max_payload.to_string()));
        }
        let account = self.ask("INFO", &json!({}))?;
        let level = account["api"]["level"].as_u64().unwrap_or(0);
        if level < LEVEL_MIN {
            return Err(ServersError::unfit("level of the JetStream interface", format!("at least {LEVEL_MIN}"), level.to_string()));
        }
        Ok(())
    }

    /// The server that this connection has, and its version.
    pub fn server(&self) -> (String, String) {
        let info = self.client.server_info();
        (info.server_name, info.version)
    }

    /// The client, for what is not asked and answered.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Connects to the server of that name, if it is one of the file's: whoever leads a stream then has its blocks at first hand. Where it
    /// cannot be reached, another does as well.
    pub fn approach(&self, name: &str) {
        let connection = || {
            let info = self.client.server_info();
            (info.server_id, info.client_id)
        };
        for _ in 0..APPROACHES {
            if self.client.server_info().server_name == name {
                return;
            }
            let (before, begun) = (connection(), Instant::now());
            if self.wait(self.client.force_reconnect()).is_err() {
                return;
            }
            while connection() == before && begun.elapsed() < CONNECT_TIME {
                std::thread::sleep(APPROACH_PAUSE);
            }
        }
    }

    /// Waits for something.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Lets something run beside.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(future);
    }

    /// One question to JetStream's interface.
    ///
    /// # Errors
    /// [`ServersError::Silent`], [`ServersError::Refused`].
    pub fn ask(&self, verb: &str, question: &Value) -> Result<Value, ServersError> {
        self.request(&format!("$JS.API.{verb}"), HeaderMap::new(), question.to_string().into_bytes())
    }

    /// Why something about a subject was not answered: a request that is denied is not, and neither is one whose answer may not be heard.
    pub fn unanswered(&self, subject: &str, because: String) -> ServersError {
        match self.denied() {
            Some(denied) if self.was_denied(subject) => ServersError::Forbidden { subject: denied },
            _ => ServersError::Silent(format!("{subject}: {because}")),
        }
    }

    fn denied(&self) -> Option<String> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the servers denied a request, or the hearing of answers.
    fn was_denied(&self, subject: &str) -> bool {
        self.denied().is_some_and(|text| text.contains(subject) || text.to_lowercase().contains("subscription"))
    }

    /// One request that is answered with JSON.
    ///
    /// # Errors
    /// The same.
    pub fn request(&self, subject: &str, headers: HeaderMap, payload: Vec<u8>) -> Result<Value, ServersError> {
        self.answer(self.begin(subject, headers, payload))
    }

    /// Sends a request, and does not wait for the answer.
    pub fn begin(&self, subject: &str, headers: HeaderMap, payload: Vec<u8>) -> Asked {
        let (client, to) = (self.client.clone(), subject.to_owned());
        let answer = self.runtime.spawn(async move { client.request_with_headers(to, headers, payload.into()).await });
        Asked { subject: subject.to_owned(), answer }
    }

    /// Waits for the answer to it.
    ///
    /// # Errors
    /// The same.
    pub fn answer(&self, Asked { subject, answer }: Asked) -> Result<Value, ServersError> {
        let answer = self.wait(answer).map_err(|ended| ServersError::Silent(format!("{subject}: {ended}")))?;
        let message = answer.map_err(|error| match error.kind() {
            RequestErrorKind::TimedOut | RequestErrorKind::NoResponders | RequestErrorKind::Other => {
                self.unanswered(&subject, error.to_string())
            }
            kind => ServersError::Refused { code: 0, description: format!("{subject}: {kind}") },
        })?;
        let answer: Value =
            serde_json::from_slice(&message.payload).map_err(|error| ServersError::Nonsense(format!("{subject}: {error}")))?;
        let error = &answer["error"];
        if error.is_object() {
            let code = error["err_code"].as_u64().or_else(|| error["code"].as_u64()).unwrap_or(0);
            return Err(ServersError::Refused { code, description: error["description"].as_str().unwrap_or("no reason").to_owned() });
        }
        Ok(answer)
    }
}

/// Major and minor number of a version.
fn version(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(version("2.9.10").is_some_and(|found| found < VERSION_MIN));
        assert!(version("2.12.0").is_some_and(|found| found >= VERSION_MIN));
        assert!(version("2.15.1-beta").is_some_and(|found| found >= VERSION_MIN));
        assert!(version("dev").is_none());
    }
}
