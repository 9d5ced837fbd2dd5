//! What is left after faults: a cluster of three real servers and three nodes, under load, to which things happen at random moments.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::clustered::{Cluster, Node, until};
use crate::load::{Acknowledged, Load, chains, require_all};
use crate::nats::block_files;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use signer::act::{Act, Incident, IncidentKind};
use signer::value::{Commitment, NodeName};
use tests::World;
use tests::disk::Random;

/// Faults of the short campaign that runs every time.
const FAULTS_SMOKE: u64 = FAULTS.len() as u64;
/// Within which a server that says nothing is left: six seconds, and the next is found.
const LEFT: Duration = Duration::from_secs(30);
/// How long a cluster may take to record again after a fault.
const AGAIN: Duration = Duration::from_secs(90);
/// Statements of each signer that are prepared for a fault.
const EACH_A_FAULT: u64 = 400;
/// The nodes that stand by.
const NODES: [&str; 3] = ["a", "b", "c"];

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |value| value.parse().unwrap())
}

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Fault {
    KillServer,
    PauseServer,
    KillSequencer,
    PauseSequencer,
    KillStandby,
    PauseStandby,
    KillProjector,
    PauseProjector,
    StopSequencer,
    /// A server is lost while the sequencer is.
    KillBoth,
}

const FAULTS: [Fault; 10] = [
    Fault::KillSequencer,
    Fault::KillServer,
    Fault::PauseSequencer,
    Fault::KillStandby,
    Fault::PauseServer,
    Fault::KillProjector,
    Fault::StopSequencer,
    Fault::PauseStandby,
    Fault::PauseProjector,
    Fault::KillBoth,
];

/// A cluster at work.
struct Campaign {
    cluster: Cluster,
    nodes: Vec<Node>,
    projector: std::process::Child,
    random: Random,
    told: Vec<String>,
}

impl Campaign {
    fn begin(seed: u64) -> Campaign {
        let cluster = Cluster::founded();
        cluster.join("d", false);
        let nodes: Vec<Node> = NODES.iter().map(|name| cluster.node(name)).collect();
        let projector = projector(&cluster);
        Campaign { cluster, nodes, projector, random: Random::new(seed), told: Vec::new() }
    }

    fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.address.clone()).collect()
    }

    /// The node that said last that it sequences, and still runs.
    fn sequencer(&mut self) -> Option<usize> {
        let epoch = |node: &Node| node.events("sequencing").last().and_then(|event| event["more"]["epoch"].as_u64());
        let running: Vec<usize> = (0..self.nodes.len()).filter(|at| self.nodes[*at].is_running()).collect();
        running.into_iter().filter_map(|at| Some((epoch(&self.nodes[at])?, at))).max().map(|(_, at)| at)
    }

    /// Starts every node that has ended, as a service manager would.
    fn revive(&mut self) {
        for (node, name) in self.nodes.iter_mut().zip(NODES) {
            if !node.is_running() {
                *node = self.cluster.node(name);
            }
        }
        if self.projector.try_wait().unwrap().is_some() {
            self.projector = projector(&self.cluster);
        }
    }

    fn random(&mut self, below: u64) -> usize {
        self.random.below(below) as usize
    }

    /// A node that does not sequence.
    fn standby(&mut self) -> usize {
        let sequencer = self.sequencer();
        let others: Vec<usize> = (0..NODES.len()).filter(|at| Some(*at) != sequencer).collect();
        others[self.random(others.len() as u64)]
    }

    /// Lets a fault happen, heals it, and waits until statements are recorded again.
    fn suffer(&mut self, fault: Fault, load: &Load) {
        sleep(Duration::from_millis(200 + self.random(1_500) as u64));
        let lasting = Duration::from_millis(500 + self.random(9_000) as u64);
        let (begun, before) = (Instant::now(), load.count());
        let what = self.happen(fault, lasting);
        let healed = load.count();
        until(&format!("statements are recorded again after: {what}\n{}", self.log()), AGAIN, || {
            self.revive();
            load.serve_at(&self.addresses());
            load.count() > healed + 20
        });
        self.told.push(format!("{what}; {} before, {} when healed; recorded again {:?} after", before, healed, begun.elapsed()));
        println!("  {}", self.told.last().unwrap());
    }

    /// Lets a fault happen, and heals what lasts. Says what it was.
    fn happen(&mut self, fault: Fault, lasting: Duration) -> String {
        match fault {
            Fault::KillServer => {
                let server = self.random(3);
                self.cluster.nats.kill(server);
                sleep(lasting);
                self.cluster.nats.start_one(server);
                format!("server {server} killed for {lasting:?}")
            }
            Fault::PauseServer => {
                let server = self.random(3);
                self.cluster.nats.signal(server, "STOP");
                sleep(lasting);
                self.cluster.nats.signal(server, "CONT");
                format!("server {server} paused for {lasting:?}")
            }
            Fault::KillSequencer | Fault::StopSequencer | Fault::PauseSequencer => match self.sequencer() {
                Some(at) => self.happen_to_sequencer(fault, at, lasting),
                None => "no sequencer".to_owned(),
            },
            Fault::KillStandby => {
                let at = self.standby();
                self.nodes[at].kill();
                format!("standby {} killed", NODES[at])
            }
            Fault::PauseStandby => {
                let at = self.standby();
                self.nodes[at].signal("STOP");
                sleep(lasting);
                self.nodes[at].signal("CONT");
                format!("standby {} paused for {lasting:?}", NODES[at])
            }
            Fault::PauseProjector => {
                let process = self.projector.id().to_string();
                let signal = |name: &str| std::process::Command::new("kill").args([name, &process]).status().unwrap();
                signal("-STOP");
                sleep(lasting);
                signal("-CONT");
                format!("projector paused for {lasting:?}")
            }
            Fault::KillBoth => {
                let server = self.random(3);
                let sequencer = self.sequencer();
                self.cluster.nats.kill(server);
                sequencer.iter().for_each(|at| self.nodes[*at].kill());
                sleep(lasting);
                self.cluster.nats.start_one(server);
                format!("server {server} and sequencer {:?} killed, the server for {lasting:?}", sequencer.map(|at| NODES[at]))
            }
            Fault::KillProjector => {
                self.projector.kill().unwrap();
                self.projector.wait().unwrap();
                "projector killed".to_owned()
            }
        }
    }

    fn happen_to_sequencer(&mut self, fault: Fault, at: usize, lasting: Duration) -> String {
        let (node, name) = (&mut self.nodes[at], NODES[at]);
        match fault {
            Fault::StopSequencer => {
                let code = node.stop();
                assert!(matches!(code, Some(0 | 3)), "{code:?} {}", node.told());
                format!("sequencer {name} told to stop, {code:?}")
            }
            Fault::PauseSequencer => {
                // Long enough for another to take over.
                let lasting = lasting + Duration::from_secs(4);
                node.signal("STOP");
                sleep(lasting);
                node.signal("CONT");
                format!("sequencer {name} paused for {lasting:?}")
            }
            _ => {
                node.kill();
                format!("sequencer {name} killed")
            }
        }
    }

    fn log(&self) -> String {
        self.nodes.iter().map(Node::told).collect()
    }

    /// Lets everything come to rest; every acknowledged statement is there, once, at its place, on every node.
    fn settle(mut self, acknowledged: &[Acknowledged]) -> u64 {
        let sequencer = self.sequencer().map(|at| self.nodes[at].name.clone());
        let mut nodes = std::mem::take(&mut self.nodes);
        let size =
            |name: &str| Snapshot::open(Folder::open_to_read(&self.cluster.path(name)).unwrap(), &mut |_| {}).map_or(0, |open| open.size());
        until("all nodes hold the same", AGAIN, || {
            let sizes: Vec<u64> = ["a", "b", "c", "d"].iter().map(|name| size(name)).collect();
            sizes.iter().all(|size| *size == sizes[0])
        });
        // Whoever sequences last: another would begin an epoch when it leaves.
        nodes.sort_by_key(|node| Some(node.name.as_str()) == sequencer.as_deref());
        for node in &mut nodes {
            assert!(matches!(node.stop(), Some(0)), "{}", node.told());
        }
        std::process::Command::new("kill").arg(self.projector.id().to_string()).status().unwrap();
        assert_eq!(self.projector.wait().unwrap().code(), Some(0));
        let held: Vec<(u64, String)> =
            ["a", "b", "c", "d"].iter().map(|name| require_all(&self.cluster.path(name), acknowledged)).collect();
        assert!(held.iter().all(|one| *one == held[0]), "{held:?}");
        for name in ["a", "b", "c", "d"] {
            self.cluster.audit(name);
            self.cluster.ok(&["cluster", "status", "--deep", "--dir", name, "--cluster", &format!("{name}.toml")]);
        }
        held[0].0
    }
}

fn projector(cluster: &Cluster) -> std::process::Child {
    std::process::Command::new(env!("CARGO_BIN_EXE_zeren"))
        .args(["project", "--dir", "d", "--cluster", "d.toml", "--views", "d-views"])
        .current_dir(cluster.folder.path())
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn whatever_is_killed_or_paused_nothing_acknowledged_is_lost() {
    let (faults, seed) = (number("ZEREN_FAULTS", FAULTS_SMOKE), number("ZEREN_SEED", 1));
    println!("seed {seed}, {faults} faults");
    let mut campaign = Campaign::begin(seed);
    let chains = chains(&campaign.cluster.world, EACH_A_FAULT * faults);
    let load = Load::begin(chains, &campaign.addresses());
    until("the first statements", AGAIN, || load.count() > 50);
    for round in 0..faults {
        // Each kind once, then at random.
        let fault = if (round as usize) < FAULTS.len() { FAULTS[round as usize] } else { FAULTS[campaign.random(FAULTS.len() as u64)] };
        campaign.suffer(fault, &load);
    }
    let acknowledged = load.end();
    let size = campaign.settle(&acknowledged);
    println!(
        "seed {seed}: {faults} faults, {} statements acknowledged, lost 0, duplicated 0, {size} entries on each of 4 nodes",
        acknowledged.len()
    );
}

/// An incident as a founder signs it, of what node a holds.
pub fn incident(cluster: &Cluster, kind: IncidentKind, generation: u64) -> Vec<u8> {
    incident_saying(cluster, kind, generation, |_| {})
}

/// The same, where the founder says something else.
pub fn incident_saying(cluster: &Cluster, kind: IncidentKind, generation: u64, say: impl FnOnce(&mut Incident)) -> Vec<u8> {
    incident_of(&cluster.world, &cluster.path("a"), kind, generation, say)
}

/// The same of any ledger's folder.
pub fn incident_of(world: &World, folder: &Path, kind: IncidentKind, generation: u64, say: impl FnOnce(&mut Incident)) -> Vec<u8> {
    let snapshot = Snapshot::open(Folder::open_to_read(folder).unwrap(), &mut |_| {}).unwrap();
    let seen = snapshot.history().seen_at(snapshot.size()).unwrap();
    let mut world = world.rewritten(&world.notes());
    let node = NodeName::parse("node-a").unwrap();
    let mut said = Incident { kind, node, generation, size: seen.size, root: seen.root, document: Commitment([9; 32]) };
    say(&mut said);
    let mut statement = world.statement(&["f1"], Act::Incident(said));
    if let signer::Statement::Act { header, .. } = &mut statement {
        header.seen = seen;
        header.counter = 9_000_000 + generation;
    }
    world.sign(&statement)
}

#[test]
fn a_stream_that_an_administrator_deletes_is_repaired_from_segments() {
    let cluster = Cluster::founded();
    // The one that sequences holds whatever was acknowledged.
    let first = cluster.node("a");
    first.until_it_sequences();
    let mut nodes = [first, cluster.node("b")];
    let addresses: Vec<String> = nodes.iter().map(|node| node.address.clone()).collect();
    let load = Load::begin(chains(&cluster.world, 50), &addresses);
    until("statements are recorded", AGAIN, || load.count() > 300);
    cluster.nats.delete_stream(&format!("LEDGER_{}_1", tag(&cluster)));
    // Everybody stops, and says why.
    for node in &mut nodes {
        let code = node.exit_code(AGAIN);
        assert!(matches!(code, Some(1 | 3)), "{code:?} {}", node.told());
    }
    let acknowledged = load.end();
    let (code, said) = cluster.run(&["cluster", "status", "--dir", "a", "--cluster", "a.toml"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("APART") && said.contains("block-order") && said.contains("none"), "{said}");
    // Nobody begins anew what must be answered for.
    let (code, said) = cluster.run(&["cluster", "found", "--dir", "a", "--cluster", "a.toml"]);
    assert!(code == 4 && said.contains("zeren cluster repair"), "{code} {said}");
    // Whichever node holds most is repaired from.
    let size = |name: &str| Snapshot::open(Folder::open_to_read(&cluster.path(name)).unwrap(), &mut |_| {}).unwrap().size();
    assert!(size("a") >= size("b"));
    fs::write(cluster.path("incident"), incident(&cluster, IncidentKind::StreamLost, 1)).unwrap();
    let (code, said) =
        cluster.run(&["cluster", "repair", "--dir", "a", "--cluster", "a.toml", "--incident", "incident", "--policy", "policy"]);
    assert_eq!(code, 4, "the first generation again: {said}");
    fs::write(cluster.path("incident"), incident(&cluster, IncidentKind::StreamLost, 2)).unwrap();
    let said = cluster.ok(&["cluster", "repair", "--dir", "a", "--cluster", "a.toml", "--incident", "incident", "--policy", "policy"]);
    assert!(said.contains("LEDGER_") && said.contains("_2"), "{said}");
    let again = cluster.run(&["cluster", "repair", "--dir", "a", "--cluster", "a.toml", "--incident", "incident", "--policy", "policy"]);
    assert_eq!(again.0, 2, "nothing to repair: {}", again.1);
    for name in ["b", "c"] {
        let (code, said) = cluster.run(&["cluster", "follow", "--once", "--dir", name, "--cluster", &format!("{name}.toml")]);
        match name {
            // It had everything that the record had, or nearly.
            "b" if code == 0 => {}
            // Its copy is older than the new generation: it says so, and is made anew.
            _ => {
                assert!(code == 1 && said.contains("copy a folder"), "{name}: {code} {said}");
                fs::remove_dir_all(cluster.path(name)).unwrap();
                cluster.join(name, true);
                cluster.follow(name);
            }
        }
    }
    let held: Vec<_> = ["a", "b", "c"].iter().map(|name| require_all(&cluster.path(name), &acknowledged)).collect();
    assert!(held.iter().all(|one| *one == held[0]), "{held:?}");
    cluster.audit("a");
    // And it goes on.
    let node = cluster.node("c");
    until("c sequences in the second generation", AGAIN, || !node.events("sequencing").is_empty());
}

pub fn tag(cluster: &Cluster) -> String {
    cluster.world.id.as_str().rsplit('/').next().unwrap().to_owned()
}

#[test]
fn a_byte_that_changes_on_one_servers_disk_changes_no_record() {
    let mut cluster = Cluster::founded();
    let mut node = cluster.node("a");
    let load = Load::begin(chains(&cluster.world, 30), std::slice::from_ref(&node.address));
    until("all is recorded", AGAIN, || load.count() == 24 * 30);
    let acknowledged = load.end();
    assert_eq!(node.stop(), Some(0));
    cluster.nats.kill(0);
    let files = block_files(&cluster.nats.store(0));
    let largest = files.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).expect("the stream's blocks");
    let file = fs::OpenOptions::new().read(true).write(true).open(largest).unwrap();
    let middle = file.metadata().unwrap().len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], middle).unwrap();
    cluster.nats.start_one(0);
    // That very server hands out the stream to one of them.
    cluster.nats.let_lead(&format!("LEDGER_{}_1", tag(&cluster)), 0);
    // Another node follows everything anew: what it takes is what was acknowledged, or it stops and says so.
    for name in ["b", "c"] {
        cluster.follow(name);
        require_all(&cluster.path(name), &acknowledged);
        cluster.audit(name);
    }
}

#[test]
fn full_disks_of_the_servers_refuse_and_lose_nothing() {
    let mut cluster = Cluster::on(crate::nats::Nats::start_with("2MB"));
    cluster.ok(&["cluster", "found", "--dir", "a", "--cluster", "a.toml"]);
    let mut node = cluster.node("a");
    let load = Load::begin(chains(&cluster.world, 200), std::slice::from_ref(&node.address));
    // The servers have no room for a block: the node says so and ends; nothing of that block is acknowledged.
    let code = node.exit_code(AGAIN);
    assert_eq!(code, Some(3), "{}", node.told());
    let before = load.count();
    assert!(before > 200, "{before}");
    cluster.nats.enlarge("64MB");
    let mut node = cluster.node("a");
    load.serve_at(std::slice::from_ref(&node.address));
    until("the rest is recorded", AGAIN, || load.count() == 24 * 200);
    let acknowledged = load.end();
    assert_eq!(node.stop(), Some(0), "{}", node.told());
    require_all(&cluster.path("a"), &acknowledged);
    cluster.audit("a");
    cluster.ok(&["cluster", "status", "--deep", "--dir", "a", "--cluster", "a.toml"]);
    println!("full after {before} statements; {} acknowledged in the end, lost 0", acknowledged.len());
}

#[test]
fn a_sequencer_that_is_cut_off_with_a_minority_acknowledges_nothing_and_steps_down() {
    let cluster = Cluster::on(crate::nats::Nats::start_linked());
    let urls = cluster.nats.urls();
    cluster.write_file_for("a", &urls[..1]);
    cluster.write_file_for("b", &urls[1..]);
    cluster.ok(&["cluster", "found", "--dir", "a", "--cluster", "a.toml"]);
    cluster.join("b", true);
    let mut first = cluster.node("a");
    first.until_it_sequences();
    let second = cluster.node("b");
    let load = Load::begin(chains(&cluster.world, 300), &[first.address.clone(), second.address.clone()]);
    until("statements are recorded", AGAIN, || load.count() > 300);
    // Node a and its server live on, and hear nobody. Its server may still take proposals: no majority acknowledges them.
    cluster.nats.part(0, true);
    let took = until("b takes over", AGAIN, || !second.events("sequencing").is_empty());
    let before = load.count();
    until("b records", AGAIN, || load.count() > before + 200);
    assert!(first.is_running(), "{}", first.told());
    cluster.nats.part(0, false);
    // What it could not publish is not the next block any more.
    let code = first.exit_code(AGAIN);
    assert_eq!(code, Some(7), "{}", first.told());
    until("the rest is recorded", AGAIN, || load.count() == 24 * 300);
    let acknowledged = load.end();
    cluster.follow("a");
    let roots: Vec<_> = ["a", "b"].iter().map(|name| require_all(&cluster.path(name), &acknowledged)).collect();
    assert_eq!(roots[0], roots[1]);
    cluster.audit("a");
    cluster.audit("b");
    println!("cut off; b took over after {took:?}; {} statements, lost 0, duplicated 0", acknowledged.len());
}

#[test]
fn whoever_sequences_is_at_the_server_that_leads_and_leaves_it_when_nothing_comes_from_it() {
    let cluster = Cluster::on(crate::nats::Nats::start());
    cluster.ok(&["cluster", "found", "--dir", "a", "--cluster", "a.toml"]);
    let ways = cluster.nats.ways();
    let urls: Vec<String> = ways.iter().map(|way| format!("nats://127.0.0.1:{}", way.port)).collect();
    cluster.write_file_for("a", &urls);
    // Not the first that it would go to.
    cluster.nats.let_lead(&format!("LEDGER_{}_1", tag(&cluster)), 2);
    let node = cluster.node("a");
    node.until_it_sequences();
    assert_eq!(node.events("sequencing")[0]["more"]["server"], "n2", "{}", node.told());
    let load = Load::begin(chains(&cluster.world, 300), std::slice::from_ref(&node.address));
    until("statements are recorded", AGAIN, || load.count() > 300);
    // Not even the end of the connection comes this way any more. The other servers hear it as before, and it leads still.
    ways[2].cut();
    let before = load.count();
    let took = until("statements are recorded again", LEFT, || load.count() > before + 200);
    until("the rest is recorded", AGAIN, || load.count() == 24 * 300);
    require_all(&cluster.path("a"), &load.end());
    println!("a server that says nothing was left after {took:?}");
}
