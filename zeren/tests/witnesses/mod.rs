//! Witnesses as processes, and what is sent to them over a real socket.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use ledger::history::Tree;
use ledger::policy::verifier_key;
use signer::checkpoint::{Checkpoint, cosignature_verifies};
use signer::merkle::{empty_root, leaf_hash};
use signer::note::{Note, SignatureLine, TYPE_ED25519};
use signer::value::{TreeHash, number};
use signer::{SecretKey, keyfile};
use zeroize::Zeroizing;

/// Runs `zeren`.
pub fn zeren(folder: &Path, args: &[&str]) -> Output {
    zeren_in("en", folder, args)
}

/// The same in a language.
pub fn zeren_in(lang: &str, folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zeren")).args(["--lang", lang]).args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

/// What a command said, on both ends.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Its exit code, and what it said.
pub fn run(folder: &Path, args: &[&str]) -> (i32, String) {
    let output = zeren(folder, args);
    (output.status.code().unwrap(), said(&output))
}

/// A key from a number.
pub fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new([n; 32]))
}

/// Writes a key file without passphrase.
pub fn write_key(path: &Path, key: &SecretKey) {
    fs::write(path, keyfile::plain(key).unwrap().as_bytes()).unwrap();
}

/// A running witness.
pub struct WitnessProcess {
    child: Child,
    /// `http://address:port`.
    pub url: String,
    log: PathBuf,
}

impl WitnessProcess {
    /// Makes the folder and the key file of a witness: `<name>` and `<name>.pem` in `folder`.
    pub fn make(folder: &Path, name: &str, key: &SecretKey) {
        let file = format!("{name}.pem");
        write_key(&folder.join(&file), key);
        let (code, said) = run(folder, &["witness", "new", name, "--key", &file, "--name", name]);
        assert_eq!(code, 0, "{said}");
    }

    /// Starts it.
    pub fn start(folder: &Path, name: &str, more: &[&str]) -> WitnessProcess {
        let (file, log) = (format!("{name}.pem"), folder.join(format!("{name}.log")));
        let stderr = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_zeren"))
            .args(["--lang", "en", "witness", "serve", "--dir", name, "--key", &file, "--name", name, "--listen", "127.0.0.1:0"])
            .args(more)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("witness ").unwrap_or_else(|| panic!("{line}{}", fs::read_to_string(&log).unwrap())).to_owned();
        WitnessProcess { child, url, log }
    }

    /// What it said on stderr.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; gives its exit code.
    pub fn stop(mut self) -> i32 {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for WitnessProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// One request over a connection of its own; nothing if the connection broke.
pub fn request(url: &str, method: &str, path: &str, body: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).ok()?;
    let head = format!("{method} {path} HTTP/1.1\r\nhost: w\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).ok()?;
    // A body that is too long may be refused before it has gone out.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
    // Cut by a kill: no answer.
    (length.is_none_or(|length| length == body.len())).then_some(())?;
    Some(Answer { status: head.split(' ').nth(1)?.parse().ok()?, head: head.to_lowercase(), body: body.to_owned() })
}

/// A log that is nobody's ledger.
pub struct Log {
    pub origin: String,
    pub key: SecretKey,
    pub tree: Tree,
}

impl Log {
    /// A history that leaves the common one at entry `fork`.
    pub fn new(origin: &str, key_number: u8, size: u64, fork: u64) -> Log {
        let mut tree = Tree::default();
        (0..size).for_each(|n| tree.push(leaf_hash(format!("{n} {}", n >= fork).as_bytes())));
        Log { origin: origin.to_owned(), key: key(key_number), tree }
    }

    pub fn vkey(&self) -> String {
        verifier_key(&self.origin, TYPE_ED25519, &self.key.public().bytes())
    }

    pub fn checkpoint(&self, size: u64) -> Note {
        let root = self.tree.root_at(size).unwrap_or_else(empty_root);
        Checkpoint { origin: self.origin.clone(), size, root }.sign(&self.key)
    }

    pub fn proof(&self, old: u64, size: u64) -> Vec<TreeHash> {
        if old < size { self.tree.consistency(old, size).unwrap() } else { Vec::new() }
    }

    pub fn body(&self, old: u64, size: u64) -> Vec<u8> {
        body(&format!("old {old}"), &self.proof(old, size), &self.checkpoint(size))
    }

    /// Asks for a cosignature.
    pub fn post(&self, url: &str, old: u64, size: u64) -> Option<Answer> {
        request(url, "POST", "/add-checkpoint", &self.body(old, size))
    }
}

/// A body of `add-checkpoint`.
pub fn body(first: &str, proof: &[TreeHash], note: &Note) -> Vec<u8> {
    let hashes: String = proof.iter().map(|hash| format!("{hash}\n")).collect();
    format!("{first}\n{hashes}\n{}", note.encode()).into_bytes()
}

/// The time of the cosignature in an answer; it must verify.
pub fn cosigned(answer: &Answer, checkpoint: &Note, name: &str, key: &SecretKey) -> u64 {
    assert_eq!(answer.status, 200, "{answer:?}");
    let line = SignatureLine::parse(answer.body.strip_suffix('\n').unwrap()).unwrap();
    let (seconds, signature) = line.cosignature().unwrap();
    assert_eq!(line.name, name);
    assert!(cosignature_verifies(&checkpoint.text, &key.public(), seconds, &signature));
    seconds
}

/// The size in a 409.
pub fn size_of(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(answer.head.contains("content-type: text/x.tlog.size"), "{answer:?}");
    number(answer.body.strip_suffix('\n').unwrap()).unwrap()
}
