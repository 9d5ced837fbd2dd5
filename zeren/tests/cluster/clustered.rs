//! A cluster on this machine: three real NATS servers, nodes of one ledger in processes of their own, and signers who submit to
//! whichever node answers.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use signer::keyfile;
use tests::World;
use tests::crowd::Crowd;
use tests::world::key;

use crate::nats::Nats;

/// The binary under test.
pub fn zeren(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zeren")).args(["--lang", "en"]).args(args).current_dir(folder).output().unwrap()
}

/// A node's process, with what it logged.
pub struct Node {
    pub name: String,
    pub address: String,
    process: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Node {
    /// Events of that name so far.
    pub fn events(&self, name: &str) -> Vec<Value> {
        self.events.lock().unwrap().iter().filter(|event| event["event"] == name).cloned().collect()
    }

    /// Everything logged, for a test that fails.
    pub fn told(&self) -> String {
        self.events.lock().unwrap().iter().map(|event| format!("{}: {event}\n", self.name)).collect()
    }

    /// Waits until this node sequences.
    pub fn until_it_sequences(&self) {
        let begun = Instant::now();
        while self.events("sequencing").is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(90), "it does not sequence\n{}", self.told());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// The exit code, once it has ended.
    pub fn exit_code(&mut self, most: Duration) -> Option<i32> {
        let begun = Instant::now();
        while begun.elapsed() < most {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([&format!("-{signal}"), &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// SIGTERM, and the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.exit_code(Duration::from_secs(30))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A paused process dies as well.
        self.kill();
    }
}

/// Servers, and the folders of nodes.
pub struct Cluster {
    pub folder: tempfile::TempDir,
    pub nats: Nats,
    pub world: World,
}

impl Cluster {
    /// Three servers, and the ledger of a crowd on them, founded by node `a`. Folders `a`, `b`, `c` hold copies of it.
    pub fn founded() -> Cluster {
        Cluster::unfounded().with_nodes()
    }

    /// The same of a cluster that is not founded.
    pub fn with_nodes(self) -> Cluster {
        let cluster = self;
        cluster.ok(&["cluster", "found", "--dir", "a", "--cluster", "a.toml"]);
        for other in ["b", "c"] {
            cluster.join(other, true);
        }
        cluster
    }

    /// The same before the stream is made: a ledger in folder `a`.
    pub fn unfounded() -> Cluster {
        Cluster::on(Nats::start())
    }

    /// The same on these servers.
    pub fn on(nats: Nats) -> Cluster {
        Cluster::of(Crowd::founded(), nats)
    }

    /// The same of another ledger.
    pub fn of(world: World, nats: Nats) -> Cluster {
        let folder = tempfile::tempdir().unwrap();
        let cluster = Cluster { folder, nats, world };
        cluster.world.write(&cluster.path("a"));
        fs::write(cluster.path("a/checkpoint-key.pem"), keyfile::plain(&key("checkpoint")).unwrap().as_bytes()).unwrap();
        fs::write(cluster.path("policy"), cluster.world.policy(false)).unwrap();
        for name in ["a", "b", "c", "d"] {
            cluster.write_file(name);
        }
        cluster
    }

    fn write_file(&self, name: &str) {
        fs::write(self.path(&format!("{name}.pem")), keyfile::plain(&key(&format!("node {name}"))).unwrap().as_bytes()).unwrap();
        self.write_file_for(name, &self.nats.urls());
    }

    /// The cluster file of a node that knows these servers alone.
    pub fn write_file_for(&self, name: &str, urls: &[String]) {
        let servers: Vec<String> = urls.iter().map(|url| format!("\"{url}\"")).collect();
        let text =
            format!("servers = [{}]\nnode = \"node-{name}\"\nnode_key = \"{name}.pem\"\nservers_sync_always = true\n", servers.join(", "));
        fs::write(self.path(&format!("{name}.toml")), text).unwrap();
    }

    /// A folder for another node, with the checkpoint key or without.
    pub fn join(&self, name: &str, with_key: bool) {
        if with_key {
            self.join_from("a", name);
        } else {
            self.ok(&["cluster", "join", "--from", "a", "--to", name]);
        }
    }

    /// The same of another copy, with the checkpoint key.
    pub fn join_from(&self, from: &str, name: &str) {
        self.ok(&["cluster", "join", "--from", from, "--to", name]);
        fs::copy(self.path("a/checkpoint-key.pem"), self.path(&format!("{name}/checkpoint-key.pem"))).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn run(&self, args: &[&str]) -> (i32, String) {
        let output = zeren(self.folder.path(), args);
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap_or(-1), said)
    }

    pub fn ok(&self, args: &[&str]) -> String {
        let (code, said) = self.run(args);
        assert_eq!(code, 0, "{args:?}\n{said}");
        said
    }

    pub fn node(&self, name: &str) -> Node {
        self.node_with(name, &[])
    }

    pub fn node_with(&self, name: &str, more: &[&str]) -> Node {
        let (file, state) = (format!("{name}.toml"), format!("{name}-service"));
        let mut process = Command::new(env!("CARGO_BIN_EXE_zeren"))
            .args(["serve", "--dir", name, "--cluster", &file, "--state", &state, "--listen", "127.0.0.1:0"])
            .args(["--person-burst", "4000000", "--person-rate", "4000000"])
            .args(more)
            .current_dir(self.folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let events = Arc::new(Mutex::new(Vec::new()));
        let mut address = None;
        while address.is_none() {
            let line = log.next().unwrap_or_else(|| panic!("{name} ended: {:?}", events.lock().unwrap())).unwrap();
            let event: Value = serde_json::from_str(&line).unwrap_or(Value::String(line));
            address = event["more"]["address"].as_str().filter(|_| event["event"] == "serving").map(str::to_owned);
            events.lock().unwrap().push(event);
        }
        let kept = Arc::clone(&events);
        std::thread::spawn(move || {
            for line in log.map_while(Result::ok) {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        Node { name: name.to_owned(), address: address.unwrap(), process, events }
    }

    /// Lets a folder follow to the end of the stream; servers may still elect, anything else that goes wrong fails the test.
    pub fn follow(&self, name: &str) {
        let file = format!("{name}.toml");
        until("it follows", Duration::from_secs(90), || {
            let (code, said) = self.run(&["cluster", "follow", "--once", "--dir", name, "--cluster", &file]);
            assert!(matches!(code, 0 | 3), "{code} {said}");
            code == 0
        });
    }

    /// Audits a folder with the second look of another process.
    pub fn audit(&self, name: &str) -> Value {
        let (code, said) = self.run(&["audit", name, "--policy", "policy", "--json"]);
        let report: Value = serde_json::from_str(said.lines().next().unwrap_or_default()).unwrap_or(Value::String(said.clone()));
        assert_eq!((code, report["verdict"].as_str()), (0, Some("holds")), "{name}: {said}");
        report
    }
}

/// Waits until something is so.
pub fn until(what: &str, most: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < most, "not in {most:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}
