//! The stream of one ledger: what it must be, reading blocks by number, appending one after another.

use std::thread::sleep;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use serde_json::{Value, json};
use signer::value::{LedgerId, NoteHash, from_base64};

use super::servers::{Asked, Servers, ServersError};

/// Generations that a ledger's stream can have: as many as permissions name.
pub const GENERATIONS_MAX: u64 = 9;
/// JetStream's code for a stream that has not the expected last sequence, with and without the number.
const WRONG_LAST_SEQUENCE: [u64; 2] = [10_071, 10_164];
/// JetStream's code for a message whose like has been proposed and not decided: a leader that is cut off from its majority says so.
const IN_PROCESS: u64 = 10_158;
/// JetStream's code for a stream for which there are no servers.
const NO_PLACE: u64 = 10_005;
/// How long servers may take to find each other, and the pause between two tries.
const PLACE_TIME: Duration = Duration::from_secs(10);
/// The pause.
const PLACE_PAUSE: Duration = Duration::from_millis(200);
/// JetStream's code for a stream that is not there.
pub const NO_STREAM: u64 = 10_059;
/// JetStream's code for a sequence that holds no message.
const NO_MESSAGE: u64 = 10_037;
/// How long a leader may not have heard of a server that still counts.
const UNHEARD: Duration = Duration::from_secs(5);
/// How long the servers remember a block's hash, in nanoseconds.
const DUPLICATES_NS: u64 = 120_000_000_000;
/// The servers' tag that the stream is placed by.
const SYNC_TAG: &str = "sync:always";

/// What a block's publication came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// The stream holds it at its number.
    Held,
    /// The stream holds something else at that number.
    Taken(Vec<u8>),
    /// Nobody answered: the same may be tried again.
    Unknown(String),
    /// The servers will not have it now: they are full, or fail.
    Failed(String),
    /// There is no stream any more.
    Gone,
    /// This user may not write to it.
    Forbidden(String),
}

/// Whether a stream's leader says that it hears a majority of those who hold it. Without a leader any server answers, for itself alone.
pub fn has_majority(info: &Value) -> bool {
    let cluster = &info["cluster"];
    if cluster.is_object() && cluster["leader"].as_str().is_none_or(str::is_empty) {
        return false;
    }
    // Zero is said of a server that was never heard.
    let hears = |replica: &&Value| replica["active"].as_u64().is_some_and(|active| active > 0 && Duration::from_nanos(active) < UNHEARD);
    let heard = cluster["replicas"].as_array().into_iter().flatten().filter(hears).count() as u64;
    2 * (1 + heard) > info["config"]["num_replicas"].as_u64().unwrap_or(1)
}

/// One generation of a ledger's stream.
#[derive(Clone)]
pub struct Stream {
    servers: Servers,
    name: String,
    subject: String,
    /// Which generation.
    pub generation: u64,
}

/// The part of a ledger's id that names its streams: the hash of its founding.
pub fn tag(ledger: &LedgerId) -> &str {
    ledger.as_str().rsplit('/').next().unwrap_or_default()
}

/// Where beats go.
pub fn beat_subject(ledger: &LedgerId) -> String {
    format!("ledger.{}.beat", tag(ledger))
}

impl Stream {
    /// A generation, whether it is there or not.
    pub fn new(servers: &Servers, ledger: &LedgerId, generation: u64) -> Stream {
        let tag = tag(ledger);
        let (name, subject) = (format!("LEDGER_{tag}_{generation}"), format!("ledger.{tag}.{generation}"));
        Stream { servers: servers.clone(), name, subject, generation }
    }

    /// The highest generation that the servers hold.
    ///
    /// # Errors
    /// Those of the servers.
    pub fn latest(servers: &Servers, ledger: &LedgerId) -> Result<Option<Stream>, ServersError> {
        for generation in (1..=GENERATIONS_MAX).rev() {
            let stream = Stream::new(servers, ledger, generation);
            match stream.info() {
                Ok(_) => return Ok(Some(stream)),
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The servers.
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// What the servers say of it.
    ///
    /// # Errors
    /// Those of the servers.
    pub fn info(&self) -> Result<Value, ServersError> {
        self.servers.ask(&format!("STREAM.INFO.{}", self.name), &json!({}))
    }

    /// Connects to the server that leads it now, for whoever will write.
    pub fn approach_leader(&self) {
        if let Some(leader) = self.info().ok().and_then(|info| info["cluster"]["leader"].as_str().map(str::to_owned)) {
            self.servers.approach(&leader);
        }
    }

    /// Makes it.
    ///
    /// # Errors
    /// Those of the servers.
    pub fn create(&self, replicas: usize) -> Result<(), ServersError> {
        let mut config = self.config(replicas);
        // The tag is the servers' own word that they sync always; a demonstration on one server does without.
        if replicas >= 3 {
            config["placement"] = json!({ "tags": [SYNC_TAG] });
        }
        let begun = Instant::now();
        loop {
            match self.servers.ask(&format!("STREAM.CREATE.{}", self.name), &config) {
                // Servers that have just started may not have found each other; or no server has the tag, and that is said after a while.
                Err(ServersError::Refused { code: NO_PLACE, .. }) if begun.elapsed() < PLACE_TIME => sleep(PLACE_PAUSE),
                made => return made.map(drop),
            }
        }
    }

    /// What it must be.
    pub(super) fn config(&self, replicas: usize) -> Value {
        json!({
            "name": self.name, "subjects": [self.subject], "retention": "limits", "storage": "file", "num_replicas": replicas, "discard": "new",
            "max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_msgs_per_subject": -1, "max_consumers": -1,
            "max_msg_size": ledger::block::BLOCK_BYTES_MAX + 4_096, "duplicate_window": DUPLICATES_NS, "deny_delete": true, "deny_purge": true,
            "allow_direct": false, "allow_rollup_hdrs": false,
        })
    }

    /// Judges its configuration: nothing may make the servers lose, reorder, replace or hand out stale what they acknowledged. Gives the
    /// number of its last block.
    ///
    /// # Errors
    /// [`ServersError::Unfit`] with the first thing that differs; those of the servers.
    pub fn judge(&self, replicas_min: usize) -> Result<u64, ServersError> {
        self.judge_told(&self.info()?, replicas_min)
    }

    /// The same, and whether a majority of its servers was there when they were asked: a leader that is cut off answers for a while.
    ///
    /// # Errors
    /// The same.
    pub fn judge_now(&self, replicas_min: usize) -> Result<(u64, bool), ServersError> {
        let info = self.info()?;
        Ok((self.judge_told(&info, replicas_min)?, has_majority(&info)))
    }

    /// The same of what the servers have told. Gives the number of its last block.
    ///
    /// # Errors
    /// [`ServersError::Unfit`].
    pub fn judge_told(&self, info: &Value, replicas_min: usize) -> Result<u64, ServersError> {
        let found = &info["config"];
        let replicas = found["num_replicas"].as_u64().unwrap_or(0);
        let unfit = |what: &str, expected: String, found: String| {
            Err(ServersError::unfit(format!("stream {}, {what}", self.name), expected, found))
        };
        if replicas < replicas_min as u64 {
            return unfit("num_replicas", format!("at least {replicas_min}"), replicas.to_string());
        }
        let expected = self.config(replicas as usize);
        for (key, expected) in expected.as_object().into_iter().flatten() {
            let is_default = found.get(key).is_none() && (*expected == json!(false) || *expected == json!(0));
            // More consumers or bytes are no danger; fewer bytes mean refusal, never loss.
            let is_free = key == "max_consumers" || key == "max_bytes";
            if found[key] != *expected && !is_default && !is_free {
                return unfit(key, expected.to_string(), found[key].to_string());
            }
        }
        // Whatever else the servers know, and may learn to know, is switched off or absent.
        let harmless = ["description", "metadata", "placement", "compression", "consumer_limits", "first_seq", "sealed"];
        for (key, value) in found.as_object().into_iter().flatten() {
            let is_off = [json!(false), json!(0), json!(null), json!({}), json!(""), json!("none"), json!("default")].contains(value);
            if expected.get(key).is_none() && !harmless.contains(&key.as_str()) && !is_off {
                return unfit(key, "absent, or switched off".to_owned(), value.to_string());
            }
        }
        if found["compression"].as_str().is_some_and(|kind| kind != "none") || found["first_seq"].as_u64().is_some_and(|first| first > 1) {
            return unfit("compression and first_seq", "none".to_owned(), format!("{} and {}", found["compression"], found["first_seq"]));
        }
        let tags = found["placement"]["tags"].as_array();
        if replicas_min >= 3 && !tags.is_some_and(|tags| tags.iter().any(|tag| tag == SYNC_TAG)) {
            return unfit("placement", format!("servers with the tag {SYNC_TAG}"), found["placement"].to_string());
        }
        let state = &info["state"];
        let (first, last) = (state["first_seq"].as_u64().unwrap_or(0), state["last_seq"].as_u64().unwrap_or(0));
        if first > 1 || state["messages"].as_u64() != Some(last) {
            return unfit("messages", format!("all from 1 to {last}"), format!("{} from {first}", state["messages"]));
        }
        Ok(last)
    }

    /// The number of its last block.
    ///
    /// # Errors
    /// Those of the servers.
    pub fn last(&self) -> Result<u64, ServersError> {
        let info = self.info()?;
        info["state"]["last_seq"].as_u64().ok_or_else(|| ServersError::Nonsense("no last_seq".to_owned()))
    }

    /// What the servers say of it, for somebody who does not wait: nothing where nobody answers; inside, nothing where there is no stream.
    pub async fn told_or_gone(&self) -> Option<Option<Value>> {
        let asked = self.servers.client().request(format!("$JS.API.STREAM.INFO.{}", self.name), "{}".into()).await;
        let answer: Value = serde_json::from_slice(&asked.ok()?.payload).ok()?;
        match answer["error"]["err_code"].as_u64() {
            Some(NO_STREAM) => Some(None),
            Some(_) => None,
            None => Some(Some(answer)),
        }
    }

    /// The message of a number, from the stream's leader; nothing where there is none.
    ///
    /// # Errors
    /// Those of the servers.
    pub fn read(&self, number: u64) -> Result<Option<Vec<u8>>, ServersError> {
        let answer = match self.servers.ask(&format!("STREAM.MSG.GET.{}", self.name), &json!({ "seq": number })) {
            Err(ServersError::Refused { code: NO_MESSAGE, .. }) => return Ok(None),
            other => other?,
        };
        let data = answer["message"]["data"].as_str().unwrap_or_default();
        from_base64(data).map(Some).ok_or_else(|| ServersError::Nonsense("message data".to_owned()))
    }

    /// Appends a block as the next message, if the stream ends right before it.
    pub fn append(&self, number: u64, hash: &NoteHash, block: &[u8]) -> Appended {
        self.appended(self.begin_append(number, hash, block), number, block)
    }

    /// Sends a block, and does not wait for the answer.
    pub fn begin_append(&self, number: u64, hash: &NoteHash, block: &[u8]) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Stream", self.name.as_str());
        headers.insert("Nats-Expected-Last-Sequence", (number - 1).to_string().as_str());
        headers.insert("Nats-Msg-Id", hash.to_string().as_str());
        self.servers.begin(&self.subject, headers, block.to_vec())
    }

    /// Waits for the answer to it.
    pub fn appended(&self, asked: Asked, number: u64, block: &[u8]) -> Appended {
        match self.servers.answer(asked) {
            Ok(answer) => match (answer["seq"].as_u64(), answer["duplicate"].as_bool().unwrap_or(false)) {
                (Some(seq), false) if seq == number => Appended::Held,
                // An earlier try landed: what is there decides.
                _ => self.compare(number, block),
            },
            Err(ServersError::Refused { code, .. }) if WRONG_LAST_SEQUENCE.contains(&code) => self.compare(number, block),
            // The stream has no leader, for now; or an earlier try still waits for its majority.
            Err(ServersError::Refused { code: 10_008 | 503 | IN_PROCESS, description }) => Appended::Unknown(description),
            Err(ServersError::Forbidden { subject }) => Appended::Forbidden(subject),
            Err(error @ (ServersError::Refused { .. } | ServersError::Unfit { .. } | ServersError::Connect(_))) => {
                Appended::Failed(error.to_string())
            }
            Err(error) => match self.last() {
                // Nobody answers for a subject without a stream: that is no outage.
                Err(gone) if gone.is_absent() => Appended::Gone,
                // The answer was lost, or another was faster.
                Ok(last) if last >= number => self.compare(number, block),
                _ => Appended::Unknown(error.to_string()),
            },
        }
    }

    fn compare(&self, number: u64, block: &[u8]) -> Appended {
        match self.read(number) {
            Ok(Some(found)) if found == block => Appended::Held,
            Ok(Some(found)) => Appended::Taken(found),
            Ok(None) => Appended::Unknown(format!("no block {number} yet")),
            Err(error) => Appended::Unknown(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_is_what_a_leader_hears() {
        let told = |leader: &str, active: &[u64]| {
            let replicas: Vec<Value> = active.iter().map(|active| json!({ "active": active })).collect();
            json!({ "config": { "num_replicas": active.len() + 1 }, "cluster": { "leader": leader, "replicas": replicas } })
        };
        let (near, far) = (200_000_000, 6_000_000_000);
        assert!(has_majority(&told("n1", &[near, near])) && has_majority(&told("n1", &[near, far])) && has_majority(&told("n1", &[])));
        assert!(!has_majority(&told("n1", &[far, far])) && !has_majority(&told("n1", &[0, 0])) && !has_majority(&told("", &[near, near])));
        // As a server that is cut off answers for a stream without a leader.
        let mut alone = told("", &[near, 0, 0]);
        alone["cluster"]["leader"].take();
        assert!(!has_majority(&alone));
        assert!(has_majority(&json!({ "config": { "num_replicas": 1 } })));
    }
}
