//! Projectors: killed, paused, set back, moved, their views thrown away, they end where everybody else is, and say how far behind they are.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::clustered::{Cluster, until};
use crate::load::{Load, chains, require_all};
use serde_json::Value;

/// How long anything may take.
const MOST: Duration = Duration::from_secs(90);

fn project(cluster: &Cluster, folder: &str, views: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_zeren"))
        .args(["project", "--dir", folder, "--views", views, "--cluster", "d.toml"])
        .current_dir(cluster.folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn kill(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

fn signal(process: &Child, signal: &str) {
    Command::new("kill").args([&format!("-{signal}"), &process.id().to_string()]).status().unwrap();
}

fn json(cluster: &Cluster, args: &[&str]) -> Value {
    let said = cluster.ok(args);
    serde_json::from_str(said.lines().next().unwrap()).unwrap_or_else(|_| panic!("{said}"))
}

/// How many blocks the projector has not acknowledged, as its own user may ask.
fn behind(cluster: &Cluster, folder: &str) -> Option<u64> {
    json(cluster, &["cluster", "status", "--json", "--dir", folder, "--cluster", "d.toml"])["consumers"][0]["behind"].as_u64()
}

/// What the views say, beside what the record says without them.
fn same_counts(cluster: &Cluster, folder: &str, views: &str) -> u64 {
    let kept = json(cluster, &["status", "--json", "--dir", folder, "--views", views, "--policy", "policy"]);
    let folded = json(cluster, &["status", "--json", "--dir", folder, "--policy", "policy"]);
    assert_eq!(kept, folded);
    kept["at"]["size"].as_u64().or_else(|| kept["size"].as_u64()).or_else(|| kept["entries"].as_u64()).unwrap_or_else(|| panic!("{kept}"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &target) } else { _ = fs::copy(entry.path(), target).unwrap() }
    }
}

#[test]
fn each_block_has_its_effect_once_whatever_happens_to_the_projector() {
    let cluster = Cluster::founded();
    cluster.join("d", false);
    let node = cluster.node("a");
    node.until_it_sequences();
    let mut all = chains(&cluster.world, 120);
    let later: Vec<_> = all.iter_mut().map(|notes| notes.split_off(60)).collect();
    let load = Load::begin(all, std::slice::from_ref(&node.address));
    // Killed while it reads, again and again.
    for round in 0..6 {
        let projector = project(&cluster, "d", "d-views");
        sleep(Duration::from_millis(150 + 130 * round));
        kill(projector);
    }
    until("the first half is recorded", MOST, || load.count() == 24 * 60);
    let mut acknowledged = load.end();
    // A copy of now, which will be put in place when everybody is further.
    copy(&cluster.path("d"), &cluster.path("old"));
    copy(&cluster.path("d-views"), &cluster.path("old-views"));
    let projector = project(&cluster, "d", "d-views");
    until("it has caught up", MOST, || behind(&cluster, "d") == Some(0));
    // Paused it falls behind, and that is shown; nobody waits for it.
    signal(&projector, "STOP");
    let load = Load::begin(later, std::slice::from_ref(&node.address));
    until("the second half is recorded", MOST, || load.count() == 24 * 60);
    acknowledged.extend(load.end());
    assert!(behind(&cluster, "d").is_some_and(|blocks| blocks > 0));
    signal(&projector, "CONT");
    until("it has caught up again", MOST, || behind(&cluster, "d") == Some(0));
    let size = |name: &str| json(&cluster, &["cluster", "status", "--json", "--dir", name, "--cluster", "d.toml"])["entries"].as_u64();
    until("a beat has brought the last checkpoint", MOST, || size("d") == size("a"));
    signal(&projector, "TERM");
    assert_eq!(projector.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(require_all(&cluster.path("d"), &acknowledged), require_all(&cluster.path("a"), &acknowledged));
    let counted = same_counts(&cluster, "d", "d-views");
    // Moved to another machine from the old copy, under the same name: what was acknowledged then is asked for again.
    let moved = project(&cluster, "old", "old-views");
    until("the old copy has caught up", MOST, || size("old") == size("a"));
    sleep(Duration::from_millis(300));
    kill(moved);
    assert_eq!(same_counts(&cluster, "old", "old-views"), counted);
    require_all(&cluster.path("old"), &acknowledged);
    // Views are nobody's property: thrown away they are made anew.
    fs::remove_dir_all(cluster.path("d-views")).unwrap();
    cluster.ok(&["project", "--once", "--dir", "d", "--views", "d-views", "--cluster", "d.toml"]);
    assert_eq!(same_counts(&cluster, "d", "d-views"), counted);
    cluster.audit("d");
}
