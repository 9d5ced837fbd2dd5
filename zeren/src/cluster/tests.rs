//! Streams on three real servers: who wins a race, and what is refused as unfit.

use std::time::{Duration, Instant};

use serde_json::json;
use signer::note::note_hash;
use signer::value::LedgerId;
use tokio::runtime::{Builder, Runtime};

use super::file::ClusterFile;
use super::servers::{Servers, ServersError};
use super::stream::{Appended, Stream};
use crate::lang::Lang;

#[path = "../../tests/cluster/nats.rs"]
#[allow(dead_code, reason = "each test uses its part")]
mod nats;

use self::nats::Nats;

/// Writers of a race, and races.
const WRITERS: usize = 8;
/// Races.
const ROUNDS: u64 = 40;

fn until(what: &str, most: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < most, "not in {most:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn connect(nats: &Nats, runtime: &Runtime) -> Servers {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.toml");
    let servers: Vec<String> = nats.urls().iter().map(|url| format!("\"{url}\"")).collect();
    std::fs::write(&path, format!("servers = [{}]\nnode = \"node\"\nservers_sync_always = true\n", servers.join(", "))).unwrap();
    Servers::connect(&ClusterFile::read(&path, Lang::En).unwrap(), runtime.handle()).unwrap()
}

fn ledger() -> LedgerId {
    LedgerId::parse("demo.race.example/archive/0123456789abcdef").unwrap()
}

#[test]
fn of_eight_who_append_at_once_exactly_one_wins_forty_times() {
    let nats = Nats::start();
    let runtime = runtime();
    let writers: Vec<Stream> = (0..WRITERS).map(|_| Stream::new(&connect(&nats, &runtime), &ledger(), 1)).collect();
    writers[0].create(3).unwrap();
    writers[0].judge(3).unwrap();
    for number in 1..=ROUNDS {
        let came: Vec<(Vec<u8>, Appended)> = std::thread::scope(|scope| {
            let threads: Vec<_> = writers
                .iter()
                .enumerate()
                .map(|(writer, stream)| {
                    scope.spawn(move || {
                        let block = format!("block {number} of writer {writer}").into_bytes();
                        let mut came = stream.append(number, &note_hash(&block), &block);
                        while let Appended::Unknown(_) = came {
                            came = stream.append(number, &note_hash(&block), &block);
                        }
                        (block, came)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let held: Vec<&Vec<u8>> = came.iter().filter(|(_, came)| *came == Appended::Held).map(|(block, _)| block).collect();
        assert_eq!(held.len(), 1, "round {number}: {came:?}");
        // Each of the others was shown the winner's block, and the servers keep it.
        let others: Vec<&Appended> = came.iter().map(|(_, came)| came).filter(|came| **came != Appended::Held).collect();
        assert!(others.iter().all(|came| **came == Appended::Taken(held[0].clone())), "round {number}: {others:?}");
        assert_eq!(writers[3].read(number).unwrap().as_ref(), Some(held[0]));
    }
    // The same block again is held, not held twice; one after the next is no block yet.
    let block = writers[0].read(ROUNDS).unwrap().unwrap();
    assert_eq!(writers[5].append(ROUNDS, &note_hash(&block), &block), Appended::Held);
    assert_eq!(writers[0].last().unwrap(), ROUNDS);
    assert_eq!(writers[0].read(ROUNDS + 1).unwrap(), None);
}

#[test]
fn a_stream_that_could_lose_or_hand_out_stale_blocks_is_refused_by_name() {
    let nats = Nats::start();
    let runtime = runtime();
    let servers = connect(&nats, &runtime);
    let stream = Stream::new(&servers, &ledger(), 1);
    assert!(stream.judge(3).unwrap_err().is_absent());
    let unlike = [
        ("discard", json!("old")),
        ("deny_delete", json!(false)),
        ("deny_purge", json!(false)),
        ("allow_direct", json!(true)),
        ("allow_rollup_hdrs", json!(true)),
        ("max_age", json!(86_400_000_000_000_u64)),
        ("max_msgs", json!(10)),
        ("storage", json!("memory")),
        ("num_replicas", json!(1)),
        ("retention", json!("interest")),
        ("duplicate_window", json!(1_000_000_000)),
        ("allow_atomic", json!(true)),
        ("allow_msg_ttl", json!(true)),
        ("republish", json!({ "src": ">", "dest": "copy.>" })),
        ("placement", json!(null)),
    ];
    for (field, value) in unlike {
        let mut config = stream.config(3);
        config["placement"] = json!({ "tags": ["sync:always"] });
        config[field] = value;
        // Rolling up is not to be had with deny_purge.
        if field == "allow_rollup_hdrs" {
            config["deny_purge"] = json!(false);
        }
        // Servers that have not found each other yet have no place for it.
        until(&format!("a stream with another {field}"), Duration::from_secs(30), || {
            let made = servers.ask(&format!("STREAM.CREATE.{}", stream.name()), &config);
            let is_early = matches!(made, Err(ServersError::Refused { code: 10_005, .. }));
            assert!(made.is_ok() || is_early, "{field}: {:?}", made.err());
            made.is_ok()
        });
        let error = stream.judge(3).unwrap_err();
        let expected = if field == "allow_rollup_hdrs" { "rollup|purge" } else { field };
        let said = error.to_string();
        assert!(matches!(error, ServersError::Unfit { .. }) && expected.split('|').any(|part| said.contains(part)), "{field}: {said}");
        servers.ask(&format!("STREAM.DELETE.{}", stream.name()), &json!({})).unwrap();
    }
    stream.create(3).unwrap();
    stream.judge(3).unwrap();
    // A limit that was lowered later is found as well.
    let mut config = stream.config(3);
    config["placement"] = json!({ "tags": ["sync:always"] });
    config["max_msgs"] = json!(5);
    servers.ask(&format!("STREAM.UPDATE.{}", stream.name()), &config).unwrap();
    assert!(stream.judge(3).unwrap_err().to_string().contains("max_msgs"));
}
