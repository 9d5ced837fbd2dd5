//! Three NATS servers on free ports of loopback, which sync always.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use self::links::Link;
use super::until;

#[path = "links.rs"]
mod links;

/// Servers of a cluster.
const SERVERS: usize = 3;

/// The servers.
pub struct Nats {
    folder: tempfile::TempDir,
    program: PathBuf,
    ports: Vec<u16>,
    processes: Vec<Option<Child>>,
    disk: String,
    /// From each server to each other, where they can be cut.
    links: Vec<Vec<Option<Link>>>,
}

/// The server's program: on PATH, or where Python's packages put programs. Without one the tests fail: they must not pass for lack of it.
fn program() -> PathBuf {
    let scripts = Command::new("python3").args(["-c", "import sysconfig; print(sysconfig.get_path('scripts'))"]).output();
    let scripts = scripts.ok().map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).join("nats-server"));
    let given = std::env::var_os("ZEREN_NATS_SERVER").map(PathBuf::from);
    let on_path = std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let candidates = given.into_iter().chain(on_path.map(|folder| folder.join("nats-server"))).chain(scripts);
    let fits = |program: &PathBuf| {
        let version =
            Command::new(program).arg("--version").output().ok().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let number = version.as_deref().and_then(|text| text.rsplit('v').next()).unwrap_or_default().trim().to_owned();
        let mut parts = number.split('.').map(|part| part.parse::<u64>().unwrap_or(0));
        (parts.next(), parts.next()) >= (Some(2), Some(12))
    };
    candidates
        .into_iter()
        .find(fits)
        .unwrap_or_else(|| panic!("these tests need nats-server 2.12 or later: python3 -m pip install -r tests/cluster/requirements.txt"))
}

fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

impl Nats {
    pub fn start() -> Nats {
        Nats::start_with("8GB")
    }

    /// Servers between which links can be cut.
    pub fn start_linked() -> Nats {
        let ports = free_ports(SERVERS * 2);
        let link = |from: usize, to: usize| (from != to).then(|| Link::to(ports[SERVERS + to]));
        let links = (0..SERVERS).map(|from| (0..SERVERS).map(|to| link(from, to)).collect()).collect();
        Nats::begin(ports, "8GB", links)
    }

    /// Servers whose streams may take so much of the disk.
    pub fn start_with(disk: &str) -> Nats {
        Nats::begin(free_ports(SERVERS * 2), disk, Vec::new())
    }

    fn begin(ports: Vec<u16>, disk: &str, links: Vec<Vec<Option<Link>>>) -> Nats {
        let (folder, disk) = (tempfile::tempdir().unwrap(), disk.to_owned());
        let mut nats = Nats { folder, program: program(), ports, processes: Vec::new(), disk, links };
        for server in 0..SERVERS {
            nats.write_configuration(server);
            nats.processes.push(None);
            nats.start_one(server);
        }
        // Servers that can answer may still elect who places streams.
        let leader = |text: String| {
            text.contains("JetStream cluster new metadata leader") || text.contains("Self is new JetStream cluster metadata leader")
        };
        until("a metadata leader", Duration::from_secs(60), || (0..SERVERS).any(|server| leader(nats.log(server))));
        nats
    }

    fn write_configuration(&self, server: usize) {
        let linked = self.links.get(server).map(|links| links.iter().flatten().map(|link| link.port).collect());
        let ports: Vec<u16> = linked.unwrap_or_else(|| self.ports[SERVERS..].to_vec());
        let routes: Vec<String> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        // Servers tell each other where others are; they must not find a way around a link.
        let advertise = if self.links.is_empty() { "" } else { "advertise: \"127.0.0.1:1\", " };
        let text = format!(
            "server_name: n{server}\nserver_tags: [\"sync:always\"]\nlisten: \"127.0.0.1:{}\"\nmax_payload: 1MB\nlog_file: \"{}\"\njetstream {{ store_dir: \"{}\", sync_interval: always, max_file_store: {} }}\ncluster {{ name: zeren, {advertise}listen: \"127.0.0.1:{}\", routes: [{}] }}\n",
            self.ports[server],
            self.path(&format!("n{server}.log")).display(),
            self.store(server).display(),
            self.disk,
            self.ports[SERVERS + server],
            routes.join(", "),
        );
        fs::write(self.path(&format!("n{server}.conf")), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A client's own way to each server, which can be cut.
    pub fn ways(&self) -> Vec<Link> {
        self.ports[..SERVERS].iter().map(|port| Link::to(*port)).collect()
    }

    /// Cuts a server off from the others, or lets it come back. Its clients stay.
    pub fn part(&self, server: usize, is_cut: bool) {
        let ends = |from: usize, to: usize| from == server || to == server;
        for (from, links) in self.links.iter().enumerate() {
            for (_, link) in links.iter().enumerate().filter(|(to, _)| ends(from, *to)) {
                let act = if is_cut { Link::cut } else { Link::mend };
                link.iter().for_each(act);
            }
        }
    }

    /// Gives the streams more of the disk: servers are restarted one by one.
    pub fn enlarge(&mut self, disk: &str) {
        self.disk = disk.to_owned();
        for server in 0..SERVERS {
            self.kill(server);
            self.write_configuration(server);
            self.start_one(server);
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// The servers' processes.
    pub fn processes(&self) -> Vec<u32> {
        self.processes.iter().flatten().map(Child::id).collect()
    }

    /// Where a server keeps its streams.
    pub fn store(&self, server: usize) -> PathBuf {
        self.path(&format!("store{server}"))
    }

    fn log(&self, server: usize) -> String {
        fs::read_to_string(self.path(&format!("n{server}.log"))).unwrap_or_default()
    }

    pub fn urls(&self) -> Vec<String> {
        self.ports[..SERVERS].iter().map(|port| format!("nats://127.0.0.1:{port}")).collect()
    }

    pub fn start_one(&mut self, server: usize) {
        let configuration = self.path(&format!("n{server}.conf"));
        let process = Command::new(&self.program).arg("-c").arg(configuration).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.processes[server] = Some(process);
    }

    pub fn kill(&mut self, server: usize) {
        if let Some(mut process) = self.processes[server].take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// STOP or CONT.
    pub fn signal(&self, server: usize, signal: &str) {
        if let Some(process) = &self.processes[server] {
            Command::new("kill").args([&format!("-{signal}"), &process.id().to_string()]).status().unwrap();
        }
    }

    /// One request as a client sends it, and what came back within a moment.
    fn ask(&self, subject: &str, payload: &str) -> String {
        String::from_utf8_lossy(&self.asked(subject, payload.as_bytes())).into_owned()
    }

    fn asked(&self, subject: &str, payload: &[u8]) -> Vec<u8> {
        // Whichever server is there: one may have been killed a moment ago.
        let mut stream = self.ports[..SERVERS].iter().find_map(|port| TcpStream::connect(("127.0.0.1", *port)).ok()).expect("a server");
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let request = format!("CONNECT {{\"verbose\":false}}\r\nSUB answer 1\r\nPUB {subject} answer {}\r\n", payload.len());
        stream.write_all(&[request.as_bytes(), payload, b"\r\nPING\r\n"].concat()).unwrap();
        let (mut said, mut part) = (Vec::new(), [0; 4_096]);
        while let Ok(read @ 1..) = stream.read(&mut part) {
            said.extend(&part[..read]);
        }
        said
    }

    /// What JetStream's interface answers, as JSON.
    fn answer(&self, verb: &str, question: &str) -> serde_json::Value {
        let told = self.ask(&format!("$JS.API.{verb}"), question);
        let body = told.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{told}"));
        serde_json::from_str(body).unwrap()
    }

    /// Puts a message into a stream, as whoever may publish can.
    pub fn publish(&self, subject: &str, message: &[u8]) {
        until("a majority takes it", Duration::from_secs(30), || {
            String::from_utf8_lossy(&self.asked(subject, message)).contains("\"seq\":")
        });
    }

    /// Sends a message that nobody stores.
    pub fn send(&self, subject: &str, message: &[u8]) {
        self.asked(subject, message);
    }

    /// The next message of a subject.
    pub fn heard(&self, subject: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.ports[0])).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(format!("CONNECT {{\"verbose\":false}}\r\nSUB {subject} 1\r\nPING\r\n").as_bytes()).unwrap();
        let (mut said, mut part) = (Vec::new(), [0; 16_384]);
        loop {
            let read = stream.read(&mut part).unwrap();
            said.extend(&part[..read]);
            let Some(at) = said.windows(4).position(|four| four == b"MSG ") else { continue };
            let Some(end) = said[at..].iter().position(|byte| *byte == b'\n').map(|end| at + end + 1) else { continue };
            let line = String::from_utf8_lossy(&said[at..end]).into_owned();
            let length: usize = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
            if said.len() >= end + length {
                return said[end..end + length].to_vec();
            }
        }
    }

    /// Consumers of a stream.
    pub fn consumers(&self, name: &str) -> u64 {
        self.answer(&format!("STREAM.INFO.{name}"), "")["state"]["consumer_count"].as_u64().unwrap()
    }

    /// Whether a stream is there and holds anything.
    pub fn has_messages(&self, name: &str) -> bool {
        self.answer(&format!("STREAM.INFO.{name}"), "")["state"]["messages"].as_u64().is_some_and(|messages| messages > 0)
    }

    /// The last message of a stream.
    pub fn last_message(&self, name: &str) -> Vec<u8> {
        let last = self.answer(&format!("STREAM.INFO.{name}"), "")["state"]["last_seq"].as_u64().unwrap();
        let told = self.answer(&format!("STREAM.MSG.GET.{name}"), &format!("{{\"seq\":{last}}}"));
        signer::value::from_base64(told["message"]["data"].as_str().unwrap()).unwrap()
    }

    /// Lets others step down until this server leads a stream.
    pub fn let_lead(&self, name: &str, server: usize) {
        until("it leads", Duration::from_secs(90), || {
            // While they elect nobody answers.
            let told = self.ask(&format!("$JS.API.STREAM.INFO.{name}"), "");
            let info = told.lines().find_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()).unwrap_or_default();
            let leader = info["cluster"]["leader"].as_str().map(str::to_owned);
            if leader.as_ref() != Some(&format!("n{server}")) {
                self.ask(&format!("$JS.API.STREAM.LEADER.STEPDOWN.{name}"), &format!("{{\"placement\":{{\"preferred\":\"n{server}\"}}}}"));
                std::thread::sleep(Duration::from_secs(1));
            }
            leader == Some(format!("n{server}"))
        });
    }

    /// Deletes a stream and makes one of the same name and configuration.
    pub fn make_anew(&self, name: &str) {
        let config = self.answer(&format!("STREAM.INFO.{name}"), "")["config"].clone();
        self.delete_stream(name);
        let said = self.answer(&format!("STREAM.CREATE.{name}"), &config.to_string());
        assert!(said["config"].is_object(), "{said}");
    }

    /// Changes a stream's configuration, as an administrator may.
    pub fn update_stream(&self, name: &str, field: &str, value: serde_json::Value) {
        let mut config = self.answer(&format!("STREAM.INFO.{name}"), "")["config"].clone();
        config[field] = value;
        let said = self.ask(&format!("$JS.API.STREAM.UPDATE.{name}"), &config.to_string());
        assert!(said.contains("\"did_create\"") || said.contains("\"config\""), "{said}");
    }

    /// As an administrator may.
    pub fn delete_stream(&self, name: &str) {
        until("the stream is deleted", Duration::from_secs(30), || {
            let said = self.ask(&format!("$JS.API.STREAM.DELETE.{name}"), "");
            said.contains("\"success\":true") || said.contains("stream not found")
        });
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        (0..self.processes.len()).for_each(|server| self.kill(server));
    }
}

/// Block files of a server's streams.
pub fn block_files(store: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "blk") {
                found.push(path);
            }
        }
    }
    found
}
