//! A province: fifty small counties on one cluster, each followed into a record and views of its own and anchored in the province's
//! ledger. Prints what each costs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::clustered::{until, zeren};
use crate::faults::incident_of;
use crate::nats::Nats;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use serde_json::Value;
use signer::act::IncidentKind;
use signer::keyfile;
use signer::value::Origin;
use tests::World;
use tests::world::{founding, key};

/// Counties on the cluster.
const COUNTIES: usize = 50;
/// Counties that are founded at the same time.
const FOUNDING_AT_ONCE: usize = 4;
/// Those whose nodes run, and record.
const AT_WORK: usize = 3;
/// How long anything may take.
const MOST: Duration = Duration::from_secs(120);

fn world(name: &str) -> World {
    let mut founding = founding();
    founding.origin = Origin::parse(&format!("demo.{name}.example/archive")).unwrap();
    World::staffed_with(founding)
}

fn ok(folder: &Path, args: &[&str]) -> String {
    let output = zeren(folder, args);
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}\n{said}");
    said
}

fn write_ledger(folder: &Path, world: &World) {
    world.write(folder);
    fs::write(folder.join("checkpoint-key.pem"), keyfile::plain(&key("checkpoint")).unwrap().as_bytes()).unwrap();
}

fn bytes_of(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // The servers write and remove files meanwhile.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { bytes_of(&entry.path()) } else { metadata.len() };
    }
    bytes
}

fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024
}

/// A process that does not outlive the test.
struct Serving(std::process::Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(folder: &Path, args: &[&str], log: &str) -> Serving {
    let process = std::process::Command::new(env!("CARGO_BIN_EXE_zeren"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(args)
        .current_dir(folder)
        .stderr(fs::File::create(folder.join(log)).unwrap())
        .spawn()
        .unwrap();
    Serving(process)
}

fn events(folder: &Path, log: &str, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(log)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).filter(|event| event["event"] == name).collect()
}

#[test]
fn a_province_follows_and_anchors_fifty_counties() {
    let nats = Nats::start();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("counties")).unwrap();
    fs::write(at.join("node.pem"), keyfile::plain(&key("node")).unwrap().as_bytes()).unwrap();
    let servers: Vec<String> = nats.urls().iter().map(|url| format!("\"{url}\"")).collect();
    let file = format!("servers = [{}]\nnode = \"node\"\nnode_key = \"node.pem\"\nservers_sync_always = true\n", servers.join(", "));
    fs::write(at.join("cluster.toml"), file).unwrap();
    write_ledger(&at.join("province"), &world("province"));
    let memory = |nats: &Nats| nats.processes().iter().map(|process| resident(*process)).sum::<u64>();
    let (memory_before, disk_before) = (memory(&nats), (0..3).map(|server| bytes_of(&nats.store(server))).sum::<u64>());
    let names: Vec<String> = (0..COUNTIES).map(|number| format!("county-{number}")).collect();
    std::thread::scope(|scope| {
        for some in names.chunks(COUNTIES.div_ceil(FOUNDING_AT_ONCE)) {
            scope.spawn(move || {
                for name in some {
                    write_ledger(&at.join(name), &world(name));
                    ok(at, &["cluster", "found", "--dir", name, "--cluster", "cluster.toml"]);
                    ok(at, &["cluster", "join", "--from", name, "--to", &format!("counties/{name}")]);
                }
            });
        }
    });
    // One folder is damaged: the others go on without it.
    ok(at, &["cluster", "join", "--from", &names[0], "--to", "counties/damaged"]);
    let segment = at.join("counties/damaged/segments/000000");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[200] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let mut working: Vec<_> =
        names[..AT_WORK].iter().map(|name| serve(at, &["--dir", name, "--cluster", "cluster.toml"], &format!("{name}.log"))).collect();
    let mut province = serve(
        at,
        &["--dir", "province", "--counties", "counties", "--counties-cluster", "cluster.toml", "--anchor-every", "1"],
        "province.log",
    );
    let anchored = || events(at, "province.log", "anchored");
    until("every county is anchored", MOST, || anchored().len() >= COUNTIES);
    // The nodes that run have begun an epoch each: that is one entry more, and another anchor.
    until("those at work are anchored again", MOST, || {
        names[..AT_WORK].iter().all(|name| {
            anchored().iter().filter(|event| event["more"]["ledger"].as_str().is_some_and(|id| id.contains(&format!("{name}.")))).count()
                >= 2
        })
    });
    let (memory_after, disk_after) = (memory(&nats), (0..3).map(|server| bytes_of(&nats.store(server))).sum::<u64>());
    let own = resident(province.0.id());
    let consumers: u64 = names.iter().map(|name| nats.consumers(&format!("LEDGER_{}_1", tag(name)))).sum();
    working.push(lose_and_repair(&nats, at, &names[COUNTIES - 1]));
    for process in working.iter_mut().chain([&mut province]) {
        std::process::Command::new("kill").arg(process.0.id().to_string()).status().unwrap();
        assert!(process.0.wait().unwrap().success());
    }
    // The province's record holds a signed checkpoint of each, and audits.
    fs::write(at.join("policy"), world("province").policy(false)).unwrap();
    ok(at, &["audit", "province", "--policy", "policy"]);
    require_anchor_of_use(at, &names[COUNTIES - 1]);
    for name in &names[..AT_WORK] {
        fs::write(at.join("policy"), world(name).policy(false)).unwrap();
        let (record, views) = (format!("counties/{name}"), format!("counties/{name}-views"));
        ok(at, &["status", "--dir", &record, "--views", &views, "--policy", "policy"]);
    }
    let each = |after: u64, before: u64| (after.saturating_sub(before)) / COUNTIES as u64 / 1_024;
    println!(
        "each of {COUNTIES} counties: {} KiB memory and {} KiB disk of all three servers, {consumers} consumers; {} KiB memory of the province's process ({} MiB in all)",
        each(memory_after, memory_before),
        each(disk_after, disk_before),
        own / COUNTIES as u64 / 1_024,
        own >> 20,
    );
}

#[test]
fn an_office_whose_own_ledger_is_on_a_cluster_anchors_when_it_sequences() {
    let nats = Nats::start();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("counties")).unwrap();
    fs::write(at.join("node.pem"), keyfile::plain(&key("node")).unwrap().as_bytes()).unwrap();
    let servers: Vec<String> = nats.urls().iter().map(|url| format!("\"{url}\"")).collect();
    let file = format!("servers = [{}]\nnode = \"node\"\nnode_key = \"node.pem\"\nservers_sync_always = true\n", servers.join(", "));
    fs::write(at.join("cluster.toml"), file).unwrap();
    for name in ["province", "county"] {
        write_ledger(&at.join(name), &world(name));
        ok(at, &["cluster", "found", "--dir", name, "--cluster", "cluster.toml"]);
    }
    ok(at, &["cluster", "join", "--from", "county", "--to", "counties/county"]);
    // Long before the hour after which it would try again.
    let args = ["--dir", "province", "--cluster", "cluster.toml", "--counties", "counties", "--counties-cluster", "cluster.toml"];
    let _province = serve(at, &args, "province.log");
    until("the county is anchored", MOST, || !events(at, "province.log", "anchored").is_empty());
    assert!(events(at, "province.log", "not anchored").is_empty());
}

/// What is anchored is what an auditor of the county needs: no word of the province is.
fn require_anchor_of_use(at: &Path, county: &str) {
    ok(at, &["prove", "anchor", world(county).id.as_str(), "--dir", "province", "--out", "anchored"]);
    fs::write(at.join("policy"), world(county).policy(false)).unwrap();
    ok(at, &["audit", county, "--policy", "policy", "--known", "anchored"]);
    let refused = zeren(at, &["prove", "anchor", world("province").id.as_str(), "--dir", "province", "--out", "none"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("anchors no such ledger"), "{said}");
}

/// Deletes a county's stream under the province and repairs it: meanwhile that county is left, and the others go on. Gives the county's
/// node.
fn lose_and_repair(nats: &Nats, at: &Path, lost: &str) -> Serving {
    nats.delete_stream(&format!("LEDGER_{}_1", tag(lost)));
    let address = events(at, "province.log", "serving")[0]["more"]["address"].as_str().unwrap().to_owned();
    let standing = || -> Value { serde_json::from_str(&get(&address, "/v1/counties")).unwrap() };
    let halted = || -> Vec<String> {
        let standing = standing();
        let all = standing["counties"].as_array().unwrap();
        assert_eq!(all.len(), COUNTIES + 1);
        all.iter().filter(|one| one["halted"].is_string()).map(|one| one["ledger"].as_str().unwrap().to_owned()).collect()
    };
    let (is_lost, is_damaged) = (|one: &String| one.contains(&tag(lost)), |one: &String| one.ends_with("damaged"));
    until("it is said which counties are left", MOST, || halted().iter().any(is_lost));
    assert!(halted().len() == 2 && halted().iter().any(is_damaged), "{:?}", halted());
    assert!(get(&address, "/metrics").contains("zeren_counties_halted 2\n"));
    // Repaired, it is followed again, into the next generation.
    let incident = incident_of(&world(lost), &at.join(lost), IncidentKind::StreamLost, 2, |_| {});
    fs::write(at.join("incident"), incident).unwrap();
    ok(at, &["cluster", "repair", "--dir", lost, "--cluster", "cluster.toml", "--incident", "incident"]);
    until("the repaired county is followed again", MOST, || !halted().iter().any(is_lost));
    let node = serve(at, &["--dir", lost, "--cluster", "cluster.toml"], "lost.log");
    let copy = at.join("counties").join(lost);
    until("what the repair began, and what came after, is in the province's copy", MOST, || {
        let record = Snapshot::open(Folder::open_to_read(&copy).unwrap(), &mut |_| {}).unwrap();
        record.state().epoch().map(|epoch| epoch.number) == Some(3)
    });
    node
}

fn tag(name: &str) -> String {
    world(name).id.as_str().rsplit('/').next().unwrap().to_owned()
}

fn get(address: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: zeren\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
