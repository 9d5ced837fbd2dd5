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
    let said = cluster.ok(&["bench", "cluster", "--cluster", "c.toml", "--signers", "4", "--statements", "5", "--rounds", "2", "--json"]);
    let measured: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!((&measured["statements"], &measured["rounds"]), (&40.into(), &2.into()));
    assert!(measured["ratio_lower"].as_f64().unwrap() > 0.0, "{measured}");
}

fn cluster_size(cluster: &Cluster, name: &str) -> u64 {
    let storage = ledger::storage::Folder::open_to_read(&cluster.path(name)).unwrap();
    ledger::snapshot::Snapshot::open(storage, &mut |_| {}).map_or(0, |snapshot| snapshot.size())
}

/// One request, and the body of its answer.
fn get(address: &str, path: &str) -> Option<(u16, String)> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(ANSWERED)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n").as_bytes()).ok()?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said).ok()?;
    let said = String::from_utf8_lossy(&said).into_owned();
    let code = said.split(' ').nth(1)?.parse().ok()?;
    Some((code, said.split_once("\r\n\r\n")?.1.to_owned()))
}

/// How long a reader may wait.
const ANSWERED: Duration = Duration::from_secs(5);

#[test]
fn while_no_majority_answers_readers_are_answered_and_told_how_old_it_is() {
    let mut cluster = Cluster::founded();
    let mut node = cluster.node("a");
    node.until_it_sequences();
    cluster.nats.kill(0);
    cluster.nats.kill(1);
    // Somebody waits for a receipt, which nobody can give.
    let load = Load::begin(chains(&cluster.world, 3), std::slice::from_ref(&node.address));
    std::thread::sleep(Duration::from_secs(3));
    // Many more readers than there are threads, of everything that reads the ledger.
    let readers: Vec<_> = (0..32)
        .map(|reader| {
            let address = node.address.clone();
            let path = ["/checkpoint", "/v1/ledger", "/ready", "/metrics", "/health", "/tile/0/000.p/1"][reader % 6];
            std::thread::spawn(move || (path, get(&address, path)))
        })
        .collect();
    for reader in readers {
        let (path, answer) = reader.join().unwrap();
        assert_eq!(answer.as_ref().map(|(code, _)| *code), Some(200), "{path}: {answer:?}");
    }
    let ready =
        |node: &crate::clustered::Node| -> serde_json::Value { serde_json::from_str(&get(&node.address, "/ready").unwrap().1).unwrap() };
    until("it is said that nothing was heard", Duration::from_secs(60), || ready(&node)["cluster"]["heard_ms"].as_u64() > Some(8_000));
    let told = ready(&node);
    assert_eq!((told["cluster"]["role"].as_str(), told["cluster"]["sequencer"].as_str()), (Some("sequencing"), Some("node-a")), "{told}");
    assert!(get(&node.address, "/metrics").unwrap().1.contains("zeren_cluster_heard_seconds "));
    cluster.nats.start_one(0);
    cluster.nats.start_one(1);
    until("all is recorded when they are back", Duration::from_secs(90), || load.count() == 24 * 3);
    let acknowledged = load.end();
    until("it is heard again", TAKEOVER, || ready(&node)["cluster"]["heard_ms"].as_u64() < Some(8_000));
    assert_eq!(node.stop(), Some(0), "{}", node.told());
    require_all(&cluster.path("a"), &acknowledged);
}

#[test]
fn who_is_told_to_stop_says_so_and_copies_of_its_beats_hold_nobody_up() {
    let cluster = Cluster::founded();
    let mut nodes: Vec<_> = ["a", "b"].iter().map(|name| cluster.node(name)).collect();
    until("one sequences", TAKEOVER, || nodes.iter().any(|node| !node.events("sequencing").is_empty()));
    nodes.sort_by_key(|node| node.events("sequencing").is_empty());
    let mut standby = nodes.pop().unwrap();
    let mut first = nodes.pop().unwrap();
    until("the other follows", TAKEOVER, || !standby.events("following").is_empty());
    std::thread::sleep(Duration::from_secs(2));
    let subject = format!("ledger.{}.beat", cluster.world.id.as_str().rsplit('/').next().unwrap());
    let beat = cluster.nats.heard(&subject);
    // A planned stop is no outage.
    assert_eq!(first.stop(), Some(0), "{}", first.told());
    let took = until("the standby sequences", TAKEOVER, || !standby.events("sequencing").is_empty());
    assert!(took < Duration::from_secs(4), "{took:?} {}", standby.told());
    // After a crash, whoever recorded a beat and sends it again and again keeps nobody waiting.
    let again = cluster.node(&first.name);
    until("the first follows", TAKEOVER, || !again.events("following").is_empty());
    let second = cluster.nats.heard(&subject);
    std::thread::sleep(Duration::from_secs(2));
    standby.kill();
    let begun = std::time::Instant::now();
    while again.events("sequencing").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "copies hold it up: {}", again.told());
        [&beat, &second].iter().for_each(|copy| cluster.nats.send(&subject, copy));
        std::thread::sleep(Duration::from_millis(300));
    }
}
