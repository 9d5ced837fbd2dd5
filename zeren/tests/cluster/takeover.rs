//! A ledger on a cluster of three real servers: nodes, takeovers, and what is left after faults.

use std::time::Duration;

use crate::clustered::{Cluster, until};
use crate::load::{Load, chains, require_all, submit};

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
    let cluster = Cluster::founded();
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

fn cluster_size(cluster: &Cluster, name: &str) -> u64 {
    let storage = ledger::storage::Folder::open_to_read(&cluster.path(name)).unwrap();
    ledger::snapshot::Snapshot::open(storage, &mut |_| {}).map_or(0, |snapshot| snapshot.size())
}
