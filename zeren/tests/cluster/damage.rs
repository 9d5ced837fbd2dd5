//! Streams that are there and damaged: what somebody wrote into them who may, and streams that were cut under a running node. Everything
//! that was acknowledged before is in the next generation, and nothing has to be deleted first.

use std::fs;
use std::time::Duration;

use ledger::block::{Block, Carried, Header, encode};
use ledger::entry::SealedEntry;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use signer::act::IncidentKind;
use signer::epoch_note::EpochNote;
use signer::value::UnixMs;
use tests::world::key;

use crate::clustered::{Cluster, until};
use crate::faults::{incident, incident_saying, tag};
use crate::load::{Load, chains, require_all};

/// How long a node may take to notice.
const NOTICED: Duration = Duration::from_secs(30);

fn stream(cluster: &Cluster, generation: u64) -> String {
    format!("LEDGER_{}_{generation}", tag(cluster))
}

fn subject(cluster: &Cluster, generation: u64) -> String {
    format!("ledger.{}.{generation}", tag(cluster))
}

/// The block that would come next, by whoever has this key.
fn forged(cluster: &Cluster, node: &str, of: &str, carried: &Carried) -> Vec<u8> {
    let last = cluster.nats.last_message(&stream(cluster, 1));
    let before = Block::parse(&last).unwrap();
    let size = before.size_after();
    let record = Snapshot::open(Folder::open_to_read(&cluster.path("a")).unwrap(), &mut |_| {}).unwrap();
    let root = record.history().tree().root_at(size).unwrap();
    let header = Header { number: before.header.number + 1, previous: before.hash, size, root, ..before.header };
    encode(&header, carried, node, &key(of))
}

/// What is written into the stream, how `status` and the nodes name it, and that it can be repaired.
fn repaired(name: &str, rule: &str, write: impl FnOnce(&Cluster) -> Vec<u8>) {
    let cluster = Cluster::founded();
    let mut first = cluster.node("a");
    first.until_it_sequences();
    let load = Load::begin(chains(&cluster.world, 12), std::slice::from_ref(&first.address));
    until("statements are recorded", NOTICED, || load.count() > 100);
    let acknowledged = load.end();
    assert_eq!(first.stop(), Some(0), "{name}: {}", first.told());
    let message = write(&cluster);
    cluster.nats.publish(&subject(&cluster, 1), &message);
    // Of a node that has everything, and of one that has nothing yet: both name it, and neither says that all is well.
    let mut nodes = [cluster.node("a"), cluster.node("b")];
    for node in &mut nodes {
        assert_eq!(node.exit_code(NOTICED), Some(1), "{name}: {}", node.told());
    }
    let (code, said) = cluster.run(&["cluster", "status", "--dir", "a", "--cluster", "a.toml"]);
    assert!(code == 1 && said.contains("APART") && said.contains(rule), "{name}: {code} {said}");
    // The one that had nothing holds every acknowledged entry by now: what is good in the stream was followed.
    require_all(&cluster.path("b"), &acknowledged);
    // Not without somebody who answers for it: what is not admitted opens nothing, on the first day's entry as on any other.
    let unlike = incident_saying(&cluster, IncidentKind::StreamDamaged, 2, |incident| incident.root.0[0] ^= 1);
    fs::write(cluster.path("incident"), unlike).unwrap();
    let repair = ["cluster", "repair", "--dir", "c", "--cluster", "c.toml", "--incident", "incident", "--policy", "policy"];
    let (code, said) = cluster.run(&repair);
    assert!(code == 4 && said.contains("incident-unlike"), "{name}: {code} {said}");
    assert!(!cluster.nats.has_messages(&stream(&cluster, 2)), "{name}");
    // Nor from a record that lacks what somebody holds.
    fs::write(cluster.path("incident"), incident(&cluster, IncidentKind::StreamDamaged, 2)).unwrap();
    if rule == "block-format" {
        // Also of a record that ends blocks before it.
        let (code, said) = cluster.run(&["cluster", "status", "--dir", "c", "--cluster", "c.toml"]);
        assert!(code == 1 && said.contains("APART") && said.contains(rule), "{name}: {code} {said}");
    }
    let later = signer::Checkpoint { origin: cluster.world.id.to_string(), size: 10_000, root: signer::value::TreeRoot([7; 32]) };
    fs::write(cluster.path("later"), later.sign(&cluster.world.checkpoint_key).encode()).unwrap();
    let (code, said) = cluster.run(&[&repair[..], &["--known", "later"]].concat());
    assert!(code != 0 && said.contains("rollback") && !cluster.nats.has_messages(&stream(&cluster, 2)), "{name}: {code} {said}");
    // A third, whose copy is as old as the stream, repairs.
    let said = cluster.ok(&repair);
    assert!(said.contains(&stream(&cluster, 2)) && said.contains(rule), "{name}: {said}");
    for folder in ["a", "b"] {
        cluster.follow(folder);
    }
    let held: Vec<_> = ["a", "b", "c"].iter().map(|folder| require_all(&cluster.path(folder), &acknowledged)).collect();
    assert!(held.iter().all(|one| *one == held[0]), "{name}: {held:?}");
    cluster.audit("c");
    let node = cluster.node("b");
    node.until_it_sequences();
}

#[test]
fn a_message_that_is_no_block_is_named_and_repaired() {
    repaired("no block", "block-format", |_| b"no block".to_vec());
}

#[test]
fn a_block_of_a_stranger_is_named_and_repaired() {
    repaired("a stranger's", "block-signature", |cluster| forged(cluster, "node-x", "somebody", &Carried::default()));
}

#[test]
fn a_stranger_who_names_himself_in_an_epoch_is_named_and_repaired() {
    repaired("a stranger's epoch", "", |cluster| {
        let before = Block::parse(&cluster.nats.last_message(&stream(cluster, 1))).unwrap();
        let record = Snapshot::open(Folder::open_to_read(&cluster.path("a")).unwrap(), &mut |_| {}).unwrap();
        let (node, epoch) = (signer::value::NodeName::parse("node-x").unwrap(), before.header.epoch + 1);
        let note =
            EpochNote { ledger: cluster.world.id.clone(), epoch, node, key: key("somebody").public().bytes() }.sign(&key("somebody"));
        let size = before.size_after();
        let entry = SealedEntry::new(record.history().chain_at(size).unwrap(), record.state().received_last(), note.encode().as_bytes());
        let root = record.history().tree().root_at(size).unwrap();
        let header = Header { epoch, number: before.header.number + 1, previous: before.hash, size, root, ..before.header };
        encode(&header, &Carried { entries: vec![entry.bytes], ..Carried::default() }, "node-x", &key("somebody"))
    });
}

#[test]
fn a_block_with_what_is_no_entry_is_named_and_repaired() {
    // Signed by the node in force: its key was stolen.
    repaired("no entry", "", |cluster| {
        let previous = signer::value::ChainHead([7; 32]);
        let entry = SealedEntry::new(previous, UnixMs(1), b"nothing").bytes;
        forged(cluster, "node-a", "node a", &Carried { entries: vec![entry], ..Carried::default() })
    });
}

#[test]
fn a_stream_that_is_made_anew_under_an_idle_sequencer_ends_it_by_name() {
    let cluster = Cluster::founded();
    let mut node = cluster.node("a");
    node.until_it_sequences();
    cluster.nats.make_anew(&stream(&cluster, 1));
    assert_eq!(node.exit_code(NOTICED), Some(1), "{}", node.told());
    assert!(node.told().contains("cut or made anew"), "{}", node.told());
}

#[test]
fn a_copy_of_a_node_is_written_to_by_nobody_alone() {
    let cluster = Cluster::founded();
    let first = cluster.node("a");
    first.until_it_sequences();
    let load = Load::begin(chains(&cluster.world, 5), std::slice::from_ref(&first.address));
    until("statements are recorded", NOTICED, || load.count() == 24 * 5);
    let acknowledged = load.end();
    cluster.ok(&["backup", "--dir", "a", "--to", "copy", "--policy", "policy"]);
    fs::copy(cluster.path("a/checkpoint-key.pem"), cluster.path("key.pem")).unwrap();
    let (code, said) = cluster.run(&["restore", "--from", "copy", "--to", "restored", "--policy", "policy"]);
    assert!(code == 0 || code == 5, "{code} {said}");
    // Released, as `zeren restore` tells how: its record still says where it belongs.
    fs::remove_file(cluster.path("restored/RESTORED")).unwrap();
    let (code, said) = cluster.run(&["serve", "--dir", "restored", "--checkpoint-key", "key.pem", "--listen", "127.0.0.1:0"]);
    assert!(code == 4 && said.contains("runs on a cluster") && said.contains("zeren cluster join"), "{code} {said}");
    let (code, said) = cluster.run(&["serve", "--dir", "restored", "--cluster", "d.toml", "--listen", "127.0.0.1:0"]);
    assert!(code == 2 && said.contains("zeren cluster join"), "{code} {said}");
    // As it says: then it is a node like any other.
    cluster.ok(&["cluster", "join", "--from", "copy", "--to", "d"]);
    cluster.follow("d");
    require_all(&cluster.path("d"), &acknowledged);
}

#[test]
fn what_was_shown_to_a_restored_copy_is_owed_by_the_node_that_is_made_of_it() {
    let cluster = Cluster::founded();
    cluster.ok(&["backup", "--dir", "a", "--to", "copy", "--policy", "policy"]);
    let mut first = cluster.node("a");
    first.until_it_sequences();
    let load = Load::begin(chains(&cluster.world, 5), std::slice::from_ref(&first.address));
    until("statements are recorded", NOTICED, || load.count() == 24 * 5);
    let acknowledged = load.end();
    assert_eq!(first.stop(), Some(0), "{}", first.told());
    let record = Snapshot::open(Folder::open_to_read(&cluster.path("a")).unwrap(), &mut |_| {}).unwrap();
    let size = record.size();
    let root = record.history().tree().root_at(size).unwrap();
    let held = signer::Checkpoint { origin: cluster.world.id.to_string(), size, root };
    fs::write(cluster.path("held"), held.sign(&cluster.world.checkpoint_key).encode()).unwrap();
    // A backup that is older than what somebody holds.
    let (code, said) = cluster.run(&["restore", "--from", "copy", "--to", "restored", "--policy", "policy"]);
    assert!(code == 0 || code == 5, "{code} {said}");
    fs::write(cluster.path("statement"), &chains(&cluster.world, 1)[0][0]).unwrap();
    fs::copy(cluster.path("a/checkpoint-key.pem"), cluster.path("restored/checkpoint-key.pem")).unwrap();
    // Anybody hands in anything: what the ledger did not sign says nothing of it.
    let forged = signer::Checkpoint { size: size + 9, ..held };
    fs::write(cluster.path("forged"), forged.sign(&key("somebody")).encode()).unwrap();
    let (code, said) = cluster.run(&["submit", "statement", "--dir", "restored", "--known", "held", "--known", "forged"]);
    assert!(code == 5 && said.contains("rollback"), "{code} {said}");
    cluster.join_from("restored", "d");
    let line = format!("\nowed {size} {root}\n");
    let owed = |name: &str| fs::read_to_string(cluster.path(name)).unwrap();
    assert!(owed("d/CLUSTER").contains(&line) && owed("d/CLUSTER").matches("\nowed ").count() == 1, "{}", owed("d/CLUSTER"));
    // Also by a node that is made of that one, and of its backup.
    cluster.join_from("d", "e");
    cluster.ok(&["backup", "--dir", "d", "--to", "copy-of-d", "--policy", "policy"]);
    cluster.join_from("copy-of-d", "f");
    assert!(owed("e/CLUSTER").contains(&line) && owed("f/CLUSTER").contains(&line));
    let status = |name: &str| cluster.run(&["cluster", "status", "--dir", name, "--cluster", "d.toml"]);
    let (code, said) = status("d");
    assert!(code == 0 && said.contains("OWES") && said.contains(&size.to_string()), "{code} {said}");
    // A line that cannot be read is no debt forgotten.
    fs::write(cluster.path("f/CLUSTER"), owed("f/CLUSTER").replace("\nowed ", "\nowed x")).unwrap();
    let (code, said) = status("f");
    assert!(code == 2 && said.contains("owed x"), "{code} {said}");
    // The stream is gone, and so is what this record lacks: nothing is opened from it.
    cluster.nats.delete_stream(&stream(&cluster, 1));
    fs::write(cluster.path("incident"), incident(&cluster, IncidentKind::StreamLost, 2)).unwrap();
    let repair = |folder: &str| {
        let file = format!("{folder}.toml");
        cluster.run(&["cluster", "repair", "--dir", folder, "--cluster", &file, "--incident", "incident", "--policy", "policy"])
    };
    let (code, said) = repair("d");
    assert!(code == 5 && said.contains("rollback") && said.contains(&size.to_string()), "{code} {said}");
    assert!(!cluster.nats.has_messages(&stream(&cluster, 2)));
    let (code, said) = repair("a");
    assert_eq!(code, 0, "{said}");
    // A copy that is older than the new stream's first block cannot follow; one that has everything owes nothing and takes over.
    let mut older = cluster.node("d");
    assert_eq!(older.exit_code(NOTICED), Some(1), "{}", older.told());
    fs::remove_dir_all(cluster.path("d")).unwrap();
    cluster.join_from("a", "d");
    let mut text = fs::read_to_string(cluster.path("d/CLUSTER")).unwrap();
    text = text.replacen("\n\n", &format!("\nowed {size} {root}\n\n"), 1);
    fs::write(cluster.path("d/CLUSTER"), text).unwrap();
    cluster.node("d").until_it_sequences();
    require_all(&cluster.path("d"), &acknowledged);
}

#[test]
fn what_a_service_kept_and_its_views_counted_is_owed_by_whoever_repairs() {
    let cluster = Cluster::founded();
    cluster.ok(&["backup", "--dir", "a", "--to", "copy", "--policy", "policy"]);
    let mut first = cluster.node("a");
    first.until_it_sequences();
    let load = Load::begin(chains(&cluster.world, 5), std::slice::from_ref(&first.address));
    until("statements are recorded", NOTICED, || load.count() == 24 * 5);
    load.end();
    assert_eq!(first.stop(), Some(0), "{}", first.told());
    // Node a's record is set back, and the stream is gone. Its service's folder knows.
    fs::rename(cluster.path("a"), cluster.path("lost")).unwrap();
    cluster.ok(&["cluster", "join", "--from", "copy", "--to", "a"]);
    fs::copy(cluster.path("lost/checkpoint-key.pem"), cluster.path("a/checkpoint-key.pem")).unwrap();
    cluster.nats.delete_stream(&stream(&cluster, 1));
    fs::write(cluster.path("incident"), incident(&cluster, IncidentKind::StreamLost, 2)).unwrap();
    let repair =
        || cluster.run(&["cluster", "repair", "--dir", "a", "--cluster", "a.toml", "--incident", "incident", "--policy", "policy"]);
    let refused = |why: &str| {
        let (code, said) = repair();
        assert!(code == 5 && said.contains("rollback") && !cluster.nats.has_messages(&stream(&cluster, 2)), "{why}: {code} {said}");
    };
    refused("the checkpoint that was kept");
    fs::remove_file(cluster.path("a-service/checkpoint")).unwrap();
    refused("what the views counted");
    // Views that are made anew do not make it forget.
    let mut node = cluster.node("a");
    assert_eq!(node.exit_code(NOTICED), Some(1), "{}", node.told());
    fs::remove_dir_all(cluster.path("a-service")).unwrap();
    refused("what they counted before");
    // The record that has it is repaired from.
    fs::remove_dir_all(cluster.path("a")).unwrap();
    fs::rename(cluster.path("lost"), cluster.path("a")).unwrap();
    let (code, said) = repair();
    assert_eq!(code, 0, "{said}");
}
