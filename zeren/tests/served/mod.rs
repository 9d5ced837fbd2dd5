//! A service of the small sample county, in a process of its own.
#![allow(dead_code, reason = "each file of tests uses a part of it")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;

/// The county, made once for all tests of a file.
static COUNTY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let made = zeren(folder.path(), &["demo", "--profile", "s", "--dir", "county"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder
});

/// The binary under test.
pub fn zeren(folder: &Path, args: &[&str]) -> Output {
    // English, unless the arguments say otherwise.
    let lang: &[&str] = if args.first() == Some(&"--lang") { &[] } else { &["--lang", "en"] };
    Command::new(env!("CARGO_BIN_EXE_zeren")).args(lang).args(args).current_dir(folder).output().unwrap()
}

/// A service, with a folder in which its users work.
pub struct Served {
    pub folder: tempfile::TempDir,
    pub address: String,
    process: Child,
}

/// An answer.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &target) } else { _ = fs::copy(entry.path(), target).unwrap() }
    }
}

impl Served {
    pub fn start(more: &[&str]) -> Served {
        let folder = tempfile::tempdir().unwrap();
        copy(&COUNTY.path().join("county"), &folder.path().join("county"));
        Served::again(folder, more)
    }

    /// The service of a folder that is there.
    pub fn again(folder: tempfile::TempDir, more: &[&str]) -> Served {
        let mut process = Command::new(env!("CARGO_BIN_EXE_zeren"))
            .args(["serve", "--dir", "county", "--listen", "127.0.0.1:0"])
            .args(more)
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        // From here on whatever fails ends the process too.
        let mut served = Served { folder, address: String::new(), process };
        let mut address = None;
        while address.is_none() {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "the service ended before it served");
            // What opening the ledger says, as after a crash, comes before the log and is for people.
            let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
            address = event["more"]["address"].as_str().filter(|_| event["event"] == "serving").map(str::to_owned);
        }
        // Somebody must read the log, or the service waits for it.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        served.address = address.unwrap();
        served
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn run(&self, args: &[&str]) -> (i32, String) {
        let output = zeren(self.folder.path(), args);
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap(), said)
    }

    pub fn ok(&self, args: &[&str]) -> String {
        let (code, said) = self.run(args);
        assert_eq!(code, 0, "{args:?}\n{said}");
        said
    }

    /// The key of an invented official, once written.
    pub fn key(&self, person: &str) -> String {
        let name = format!("{person}.pem");
        if !self.path(&name).exists() {
            self.ok(&["key", "demo", person, "--dir", "county", "-o", &name]);
        }
        name
    }

    /// The same, to sign with here.
    #[allow(dead_code, reason = "not every file of tests signs by itself")]
    pub fn secret(&self, person: &str) -> signer::SecretKey {
        let file = fs::read(self.path(&self.key(person))).unwrap();
        signer::keyfile::read(&file, None).unwrap()
    }

    pub fn token(&self, person: &str) -> String {
        let ledger = self.get("/v1/ledger", None).json()["ledger"].as_str().unwrap().to_owned();
        let key = self.key(person);
        self.ok(&["token", "--key", &key, "--person", person, "--ledger", &ledger]).trim().to_owned()
    }

    pub fn get(&self, path: &str, token: Option<&str>) -> Answered {
        self.ask("GET", path, token, "text/plain", b"")
    }

    pub fn ask(&self, method: &str, path: &str, token: Option<&str>, media: &str, body: &[u8]) -> Answered {
        let token = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: zeren\r\nConnection: close\r\n{token}Content-Type: {media}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat())
    }

    /// Bytes on a connection, and everything that comes back.
    pub fn raw(&self, request: &[u8]) -> Answered {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // A service that refuses early may close before it has read everything.
        let _ = stream.write_all(request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let body = bytes[at..].to_vec();
        let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") { unchunked(&body) } else { body };
        Answered { status, head, body }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until the process ends; gives its folder.
    pub fn wait(mut self) -> (Option<i32>, tempfile::TempDir) {
        let code = self.process.wait().unwrap().code();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        (code, folder)
    }

    pub fn access_log(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.path("county-service/access.jsonl")).unwrap();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(at) = body.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(&String::from_utf8_lossy(&body[..at]), 16).unwrap_or(0);
        if length == 0 || body.len() < at + 2 + length {
            break;
        }
        whole.extend(&body[at + 2..at + 2 + length]);
        body = body.get(at + 4 + length..).unwrap_or_default();
    }
    whole
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
