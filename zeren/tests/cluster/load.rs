//! Signers who submit one statement after another to whichever node answers, and keep what they were told.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use serde_json::Value;
use signer::checkpoint::Receipt;
use signer::note::note_hash;
use signer::statement::{Statement, statement_hash};
use signer::value::NoteHash;
use tests::World;
use tests::crowd::SIGNERS;

/// How long an answer may take before the same is submitted elsewhere.
const ANSWER: Duration = Duration::from_secs(10);

/// What was acknowledged: its place, and SHA-256 of the note.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    pub index: u64,
    pub note: NoteHash,
    pub at: Instant,
}

/// Signers at work.
pub struct Load {
    nodes: Arc<RwLock<Vec<String>>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
    threads: Vec<JoinHandle<()>>,
}

/// Each signer's statements on a case of the own, one after another.
pub fn chains(world: &World, each: u64) -> Vec<Vec<Vec<u8>>> {
    let seen = world.history.seen_at(world.history.size()).unwrap();
    let (mut counter, mut chains) = (world.counter + 1, Vec::new());
    let clock = world.clock;
    let mut world = world.rewritten(&world.notes());
    world.clock = clock;
    for signer in 0..SIGNERS {
        let case = format!("case-m{signer}");
        let mut notes = Vec::new();
        for _ in 0..each {
            let act = world.record(&case, counter);
            let mut statement = world.statement(&[&format!("m{signer}")], act);
            if let Statement::Act { header, .. } = &mut statement {
                (header.counter, header.seen) = (counter, seen);
            }
            counter += 1;
            world.heads.insert(case.clone(), statement_hash(&statement.encode()));
            notes.push(world.sign(&statement));
        }
        chains.push(notes);
    }
    chains
}

impl Load {
    /// Begins; addresses may change while it runs.
    pub fn begin(chains: Vec<Vec<Vec<u8>>>, addresses: &[String]) -> Load {
        let nodes = Arc::new(RwLock::new(addresses.to_vec()));
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let threads = chains.into_iter().enumerate().map(|(signer, notes)| {
            let (nodes, stop, acknowledged) = (Arc::clone(&nodes), Arc::clone(&stop), Arc::clone(&acknowledged));
            std::thread::spawn(move || {
                let mut turn = signer;
                for note in notes {
                    loop {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let address = {
                            let nodes = nodes.read().unwrap();
                            nodes[turn % nodes.len()].clone()
                        };
                        match submit(&address, &note) {
                            Some(index) => {
                                acknowledged.lock().unwrap().push(Acknowledged { index, note: note_hash(&note), at: Instant::now() });
                                break;
                            }
                            None => {
                                turn += 1;
                                std::thread::sleep(Duration::from_millis(30));
                            }
                        }
                    }
                }
            })
        });
        let threads = threads.collect();
        Load { nodes, stop, acknowledged, threads }
    }

    pub fn serve_at(&self, addresses: &[String]) {
        *self.nodes.write().unwrap() = addresses.to_vec();
    }

    pub fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Longest time without any acknowledgement.
    pub fn longest_silence(&self) -> Duration {
        let acknowledged = self.acknowledged.lock().unwrap();
        let mut times: Vec<Instant> = acknowledged.iter().map(|one| one.at).collect();
        times.sort_unstable();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    /// Lets the signers stop; gives what was acknowledged.
    pub fn end(self) -> Vec<Acknowledged> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        Arc::try_unwrap(self.acknowledged).unwrap().into_inner().unwrap()
    }
}

/// One note to one node: the index of its receipt, which must be of this note. Nothing where the node gave no answer, or is not the one
/// that sequences. A refusal fails the test: every statement here is admissible.
pub fn submit(address: &str, note: &[u8]) -> Option<u64> {
    let (status, body) = post(address, "/v1/statements", note)?;
    let answer: Value = serde_json::from_slice(&body).ok()?;
    if status == 503 || status == 408 || status == 500 {
        return None;
    }
    assert!(status == 200 || status == 201, "{status}: {answer}");
    let index = answer["index"].as_u64().unwrap();
    let receipt = Receipt::parse(answer["receipt"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(receipt.index, index);
    let key = tests::world::key("checkpoint").public();
    let origin = answer["receipt"].as_str().unwrap().lines().find(|line| line.contains("/archive/")).unwrap().to_owned();
    receipt.verify(note, &origin, &key).unwrap_or_else(|refusal| panic!("{refusal}"));
    Some(index)
}

fn post(address: &str, path: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address.parse().unwrap(), Duration::from_secs(2)).ok()?;
    stream.set_read_timeout(Some(ANSWER)).unwrap();
    stream.set_write_timeout(Some(ANSWER)).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: zeren\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer[split + 4..].to_vec()))
}

/// Every acknowledged statement is in the folder, once, at its receipt's index. Gives size and root.
pub fn require_all(folder: &std::path::Path, acknowledged: &[Acknowledged]) -> (u64, String) {
    let snapshot = Snapshot::open(Folder::open_to_read(folder).unwrap(), &mut |_| {}).unwrap();
    let mut places = std::collections::HashMap::<NoteHash, Vec<u64>>::new();
    for index in 0..snapshot.size() {
        let bytes = snapshot.entry(index).unwrap().unwrap();
        let note = ledger::entry::Entry::parse(&bytes).unwrap().note.to_vec();
        places.entry(note_hash(&note)).or_default().push(index);
    }
    for one in acknowledged {
        assert_eq!(places.get(&one.note).map(Vec::as_slice), Some(&[one.index][..]), "{}", folder.display());
    }
    assert!(places.values().all(|at| at.len() == 1), "an entry stands twice in {}", folder.display());
    (snapshot.size(), snapshot.history().tree().root_at(snapshot.size()).unwrap().to_string())
}
