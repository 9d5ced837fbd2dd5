//! A ledger on a cluster of three real servers: nodes, takeovers, and what is left after faults.

use std::time::Duration;

use ledger::policy::verifier_key;
use signer::act::{Founding, Purpose};
use signer::note::TYPE_ED25519;
use signer::value::{Origin, UnixMs};
use tests::crowd::Crowd;
use tests::world::founding;

use crate::clustered::{Cluster, until};
use crate::load::{Load, chains, require_all, submit};
use crate::nats::Nats;
use crate::witnesses::WitnessProcess;

/// How long a takeover may take, of which five to six and a half seconds are listening.
const TAKEOVER: Duration = Duration::from_secs(30);

#[test]
fn a_second_node_follows_takes_over_and_the_first_steps_down() {
    let cluster = Cluster::founded();
    let chains = chains(&cluster.world, 40);
    let mut first = cluster.node("a");
    first.until_it_sequences();
    let second = cluster.node("b");
    let load = Load::begin(chains, &[first.address.clone(), second.address.clone()]);
    until("statements are recorded", TAKEOVER, || load.count() > 200);
    // The first is paused: it neither knows nor can say that it is gone.
    first.signal("STOP");
    let took = until("b takes over", TAKEOVER, || !second.events("sequencing").is_empty());
    let before = load.count();
    until("b records", TAKEOVER, || load.count() > before + 100);
    first.signal("CONT");
    // It wakes with submissions in hand; whatever it publishes is refused, and it ends.
    let note = crate::load::chains(&cluster.world, 1)[0][0].clone();
    until("a is told", TAKEOVER, || {
        let _ = submit(&first.address, &note);
        !first.is_running()
    });
    assert_eq!(first.exit_code(TAKEOVER), Some(7), "{}", first.told());
    until("everything is recorded", Duration::from_secs(120), || load.count() == 24 * 40);
    let silence = load.longest_silence();
    let acknowledged = load.end();
    // As a follower again it catches up.
    let mut first = cluster.node("a");
    let mut third = cluster.node("c");
    let roots = |name: &str| require_all(&cluster.path(name), &acknowledged);
    until("all hold the same", TAKEOVER, || {
        let sizes: Vec<u64> = ["a", "b", "c"].iter().map(|name| cluster_size(&cluster, name)).collect();
        sizes.iter().all(|size| *size == sizes[0])
    });
    assert_eq!(first.stop(), Some(0), "{}", first.told());
    assert_eq!(third.stop(), Some(0), "{}", third.told());
    drop(second);
    let roots: Vec<_> = ["a", "b", "c"].iter().map(|name| roots(name)).collect();
    assert!(roots.iter().all(|root| *root == roots[0]), "{roots:?}");
    for name in ["a", "b", "c"] {
        cluster.audit(name);
    }
    println!(
        "took over after {took:?} of silence; {} statements, lost 0, duplicated 0; at most {silence:?} without an answer",
        acknowledged.len()
    );
}

#[test]
fn a_sequencer_that_nobody_submits_to_notices_that_it_is_no_more() {
    let cluster = Cluster::unfounded();
    // What was never on a cluster is not called damaged.
    let (code, said) = cluster.run(&["cluster", "status", "--dir", "a", "--cluster", "a.toml"]);
    assert!(code == 2 && said.contains("zeren cluster found") && !said.contains("APART"), "{code} {said}");
    cluster.ok(&["cluster", "found", "--dir", "a", "--cluster", "a.toml"]);
    cluster.join("b", true);
    let mut first = cluster.node("a");
    first.until_it_sequences();
    let mut second = cluster.node("b");
    first.signal("STOP");
    second.until_it_sequences();
    first.signal("CONT");
    // Nobody asks it anything: it looks by itself.
    assert_eq!(first.exit_code(TAKEOVER), Some(7), "{}", first.told());
    // And where the stream is gone under an idle sequencer, it ends and says so.
    cluster.nats.delete_stream(&format!("LEDGER_{}_1", cluster.world.id.as_str().rsplit('/').next().unwrap()));
    assert_eq!(second.exit_code(TAKEOVER), Some(1), "{}", second.told());
}

#[test]
fn a_node_whose_copy_is_older_than_what_it_signed_reads_what_it_lacks_and_goes_on() {
    let cluster = Cluster::founded();
    let chains = chains(&cluster.world, 20);
    // A copy of the beginning.
    let old = cluster.path("old");
    let copied = std::process::Command::new("cp").arg("-r").args([&cluster.path("a"), &old]).status().unwrap();
    assert!(copied.success());
    let mut first = cluster.node("a");
    first.until_it_sequences();
    let load = Load::begin(chains.clone(), &[first.address.clone()]);
    until("statements are recorded", TAKEOVER, || load.count() > 200);
    load.end();
    assert_eq!(first.stop(), Some(0), "{}", first.told());
    let kept = std::fs::read_to_string(cluster.path("a-service/checkpoint")).unwrap();
    std::fs::remove_dir_all(cluster.path("a")).unwrap();
    std::fs::rename(&old, cluster.path("a")).unwrap();
    // Its service's folder knows of more: alone that would be a rollback. The stream has it.
    let mut again = cluster.node("a");
    again.until_it_sequences();
    let load = Load::begin(chains, &[again.address.clone()]);
    until("everything is recorded", TAKEOVER, || load.count() == 24 * 20);
    let acknowledged = load.end();
    assert_eq!(again.stop(), Some(0), "{}", again.told());
    require_all(&cluster.path("a"), &acknowledged);
    let later = std::fs::read_to_string(cluster.path("a-service/checkpoint")).unwrap();
    let size = |note: &str| note.lines().nth(1).unwrap().parse::<u64>().unwrap();
    assert!(size(&later) > size(&kept), "{kept}\n{later}");
}

#[test]
fn a_node_that_lacks_what_was_signed_begins_no_epoch() {
    let cluster = Cluster::founded();
    // Signed with the ledger's own key, and neither in the record nor in the stream.
    let later = signer::Checkpoint { origin: cluster.world.id.to_string(), size: 10_000, root: signer::value::TreeRoot([7; 32]) };
    std::fs::write(cluster.path("later.checkpoint"), later.sign(&cluster.world.checkpoint_key).encode()).unwrap();
    let mut node = cluster.node_with("a", &["--known", "later.checkpoint"]);
    until("it says what it lacks", TAKEOVER, || !node.events("not sequencing").is_empty());
    assert!(node.events("sequencing").is_empty() && node.events("not sequencing")[0]["more"]["lacking"] == 10_000, "{}", node.told());
    assert_eq!(submit(&node.address, &chains(&cluster.world, 1)[0][0]), None);
    assert_eq!(node.stop(), Some(0), "{}", node.told());
}

#[test]
fn whoever_sequences_asks_the_witnesses_and_nobody_else_has_anything_cosigned() {
    // A demonstration lives in a time of its own, which no witness knows.
    let founding = Founding { origin: Origin::parse("tests.example/archive").unwrap(), purpose: Purpose::Production, ..founding() };
    let mut cluster = Cluster::of(Crowd::founded_with(founding), Nats::start()).with_nodes();
    let room = cluster.folder.path().to_owned();
    WitnessProcess::make(&room, "w1.example", &tests::world::key("w1"));
    let key = verifier_key(cluster.world.id.as_str(), TYPE_ED25519, &cluster.world.checkpoint_key.public().bytes());
    let witness = WitnessProcess::start(&room, "w1.example", &["--log", &key]);
    let named = format!("w1.example={}", witness.url);
    let asking = ["--witness", named.as_str(), "--witness-every", "1"];
    let mut first = cluster.node_with("a", &asking);
    first.until_it_sequences();
    let mut second = cluster.node_with("b", &asking);
    // Months without a witness: until one has cosigned, everything would be refused.
    until("a has it cosigned", TAKEOVER, || !first.events("cosigned").is_empty());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    cluster.world.clock = UnixMs(now.as_millis() as i64);
    let load = Load::begin(chains(&cluster.world, 40), &[first.address.clone(), second.address.clone()]);
    until("a has more cosigned", TAKEOVER, || load.count() > 100 && first.events("cosigned").len() > 1);
    assert!(second.events("cosigned").is_empty(), "{}", second.told());
    first.kill();
    second.until_it_sequences();
    until("b has it cosigned", TAKEOVER, || !second.events("cosigned").is_empty());
    until("everything is recorded", Duration::from_secs(120), || load.count() == 24 * 40);
    let acknowledged = load.end();
    // As a follower again it is behind what the witness knows, and that is no rollback.
    let mut first = cluster.node_with("a", &asking);
    until("a follows", TAKEOVER, || cluster_size(&cluster, "a") == cluster_size(&cluster, "b"));
    for node in [&mut first, &mut second] {
        assert_eq!(node.stop(), Some(0), "{}", node.told());
        assert!(node.events("READ ONLY").is_empty() && node.events("witness contradicts").is_empty(), "{}", node.told());
        require_all(&cluster.path(&node.name), &acknowledged);
    }
}

#[test]
fn a_stream_that_is_changed_under_its_nodes_ends_them_by_name() {
    let cluster = Cluster::founded();
    let mut first = cluster.node("a");
    first.until_it_sequences();
    let mut second = cluster.node("b");
    let name = format!("LEDGER_{}_1", cluster.world.id.as_str().rsplit('/').next().unwrap());
    cluster.nats.update_stream(&name, "discard", serde_json::json!("old"));
    for node in [&mut first, &mut second] {
        assert_eq!(node.exit_code(TAKEOVER), Some(4), "{}", node.told());
        assert!(node.told().contains("discard"), "{}", node.told());
    }
    // Measured all the same, on streams of its own.
    let said = cluster.ok(&["bench", "cluster", "--cluster", "c.toml", "--signers", "4", "--statements", "5", "--json"]);
    let measured: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(measured["statements"], 20);
    assert!(measured["ratio_lower"].as_f64().unwrap() > 0.0, "{measured}");
}

fn cluster_size(cluster: &Cluster, name: &str) -> u64 {
    let storage = ledger::storage::Folder::open_to_read(&cluster.path(name)).unwrap();
    ledger::snapshot::Snapshot::open(storage, &mut |_| {}).map_or(0, |snapshot| snapshot.size())
}
