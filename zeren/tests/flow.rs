//! A production ledger from the first key to the audit, typed as its people would type it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const PASSPHRASE: &str = "eine lange Nacht\n";

struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Room {
        Room { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `zeren` in the room, with the passphrase on standard input.
    fn zeren(&self, args: &[&str]) -> Output {
        self.zeren_in("en", args)
    }

    fn zeren_in(&self, lang: &str, args: &[&str]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_zeren"))
            .args(["--lang", lang])
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that needs no passphrase may have ended already.
        let _ = child.stdin.take().unwrap().write_all(PASSPHRASE.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn succeeds(&self, args: &[&str]) -> String {
        let output = self.zeren(args);
        assert!(output.status.success(), "{args:?}\n{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs what must fail: gives the exit code and what was said.
    fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.zeren(args);
        assert!(!output.status.success(), "{args:?} should fail\n{}", text(&output.stdout));
        (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
    }

    fn new_key(&self, file: &str) -> String {
        let shown = self.succeeds(&["key", "new", file, "--passphrase-fd", "0"]);
        shown.trim().rsplit(' ').next().unwrap().to_owned()
    }

    fn sign(&self, draft: &str, person: &str) -> String {
        let key = format!("{person}.pem");
        self.succeeds(&["sign", draft, "--key", &key, "--person", person, "--policy", "policy", "--yes", "--passphrase-fd", "0"])
    }

    /// Drafts an act by these persons on device d0.
    fn draft(&self, ledger: &str, by: &[&str], output: &str, args: &[&str]) {
        let mut command = vec!["draft", args[0], "--dir", ledger, "--device", "d0", "-o", output];
        by.iter().for_each(|person| command.extend(["--by", person]));
        command.extend(&args[1..]);
        self.succeeds(&command);
    }

    /// Drafts an act by founders p1 and p2, lets both sign, submits.
    fn founders_act(&self, draft: &str, args: &[&str]) -> String {
        self.draft("ledger", &["p1", "p2"], draft, args);
        assert!(self.sign(draft, "p2").contains("still to sign: p1"));
        assert!(self.sign(draft, "p1").contains("all signatures are there"));
        let output = self.zeren(&["submit", "--dir", "ledger", "--checkpoint-key", "checkpoint.pem", draft]);
        assert!(output.status.success(), "{draft}: {}", text(&output.stderr));
        text(&output.stderr)
    }

    /// Three people found a production ledger.
    fn founded() -> Room {
        let room = Room::new();
        room.succeeds(&["key", "new", "checkpoint.pem", "--plain"]);
        let key_of = |shown: String| shown.trim().rsplit(' ').next().unwrap().to_owned();
        let checkpoint = key_of(room.succeeds(&["key", "show", "checkpoint.pem"]));
        let founder = |id: &str, power: &str, name: &str| {
            let key = room.new_key(&format!("{id}.pem"));
            let token = base64_word(id);
            format!("founder {id} {power} {token} {key} {name}")
        };
        let founders = [founder("p1", "E", "甲子·001"), founder("p2", "S", "乙丑·002"), founder("p3", "S", "丙寅·003")];
        let mut args = vec!["draft", "found", "-o", "founding.draft", "ledger county.example/archive", "purpose production", "device d0"];
        args.extend(["identity civil-registry", "threshold 2"]);
        let checkpoint = format!("checkpoint-key ed25519 {checkpoint}");
        args.push(&checkpoint);
        args.extend(founders.iter().map(String::as_str));
        room.succeeds(&args);
        for person in ["p1", "p2", "p3"] {
            let shown = room.succeeds(&[
                "sign",
                "founding.draft",
                "--key",
                &format!("{person}.pem"),
                "--person",
                person,
                "--yes",
                "--passphrase-fd",
                "0",
            ]);
            assert!(
                shown.contains("zeren statement v1\nledger county.example/archive\nact found\n"),
                "the text that is signed is shown: {shown}"
            );
        }
        room.succeeds(&["init", "ledger", "--founding", "founding.draft", "--checkpoint-key", "checkpoint.pem", "--policy-out", "policy"]);
        room
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Any 32 bytes in base64, different for each word.
fn base64_word(word: &str) -> String {
    let mut text = format!("{word:A<43}");
    text.replace_range(42..43, "A");
    text + "="
}

fn procedure() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/procedures/archive.toml")
}

#[test]
fn from_the_first_key_to_the_audit() {
    let room = Room::founded();
    let shown = room.succeeds(&["audit", "ledger", "--policy", "policy"]);
    assert!(
        shown.contains("holds its founding and nothing else") && shown.contains("HOLDS") && shown.contains("a production ledger"),
        "{shown}"
    );

    room.founders_act("enact.draft", &["enact", "--procedure", procedure().to_str().unwrap()]);
    let ledger = fs::read_to_string(room.path("ledger/ledger")).unwrap().lines().nth(1).unwrap().to_owned();
    room.new_key("p9.pem");
    let token = base64_word("p9");
    let lines =
        room.succeeds(&["key", "prove", "p9.pem", "--ledger", &ledger, "--person", "p9", "--identity", &token, "--passphrase-fd", "0"]);
    fs::write(room.path("p9.lines"), lines).unwrap();
    room.founders_act("enrol.draft", &["enrol", "person p9", "name 丁卯·009", &format!("identity {token}"), "--lines-from", "p9.lines"]);
    let letter = format!("instrument {}", base64_word("letter"));
    let appoint = [
        "appoint",
        "person p9",
        "office archivist",
        "unit 00",
        "capacity regular",
        "home 00",
        "from 2026-01-01T00:00:00+08:00",
        "to open",
        &letter,
    ];
    room.founders_act("appoint.draft", &appoint);

    let source = format!("source {} 0", base64_word("file"));
    let record = [
        "case c-1",
        &source,
        "recorded 2011-10-11T13:45:40.276+02:00",
        "activity Check",
        "actor Resource21",
        "group -",
        "lifecycle complete",
    ];
    let mut draft = vec!["draft", "import", "--dir", "ledger", "--by", "p9", "--device", "d0", "-o", "import.draft"];
    draft.extend(record);
    room.succeeds(&draft);
    room.sign("import.draft", "p9");
    let submitted = room.zeren(&["submit", "--dir", "ledger", "--checkpoint-key", "checkpoint.pem", "import.draft"]);
    assert!(text(&submitted.stderr).contains("recorded as entry 4"), "{}", text(&submitted.stderr));

    // The same again is answered with the same entry.
    let again = room.zeren(&["submit", "--dir", "ledger", "--checkpoint-key", "checkpoint.pem", "import.draft"]);
    assert!(text(&again.stderr).contains("was recorded before, as entry 4"), "{}", text(&again.stderr));

    let shown = room.succeeds(&["audit", "ledger", "--policy", "policy", "--known", "ledger/checkpoint.0", "--json"]);
    assert!(shown.contains("\"verdict\":\"holds\"") && shown.contains("\"entries\":5"), "{shown}");
}

/// One founder says from what the record goes on; what the signer sees need not be typed.
#[test]
fn an_incident_is_drafted_signed_and_seen() {
    let room = Room::founded();
    let report = format!("document {}", base64_word("report"));
    let lines = ["incident", "incident stream-lost", "node node-1.county", "generation 2", &report];
    let incident = |draft: &str| {
        room.draft("ledger", &["p2"], draft, &lines);
        assert!(room.sign(draft, "p2").contains("all signatures are there"));
        room.succeeds(&["submit", "--dir", "ledger", "--checkpoint-key", "checkpoint.pem", draft]);
    };
    // Before a procedure; under one that has no table for it; under one that has.
    incident("first.draft");
    let text_of = fs::read_to_string(procedure()).unwrap();
    let silent: String = text_of.split_inclusive('\n').filter(|line| !line.starts_with("incident ")).collect();
    assert_ne!(silent, text_of);
    fs::write(room.path("silent.toml"), silent).unwrap();
    room.founders_act("silent.draft", &["enact", "--procedure", "silent.toml"]);
    incident("second.draft");
    fs::write(room.path("next.toml"), text_of.replace("version = 1", "version = 2").replace("version    = 1", "version = 2")).unwrap();
    room.founders_act("next.draft", &["enact", "--procedure", "next.toml"]);
    incident("third.draft");

    let shown = room.succeeds(&["status", "--dir", "ledger", "--policy", "policy"]);
    assert!(shown.contains("Incidents: 3, the last at node node-1.county: stream-lost (entry 5)"), "{shown}");
    let shown = text(&room.zeren_in("zh", &["status", "--dir", "ledger", "--policy", "policy"]).stdout);
    assert!(shown.contains("事件：3 起，最近一起在节点 node-1.county：消息流丢失（第 5 条）"), "{shown}");
    let shown = room.succeeds(&["status", "--dir", "ledger", "--policy", "policy", "--json"]);
    assert!(shown.contains(r#""incidents":{"count":3,"last":{"entry":5,"kind":"stream-lost","node":"node-1.county"}}"#), "{shown}");
    let shown = room.succeeds(&["trace", "person", "p2", "--dir", "ledger", "--policy", "policy"]);
    assert!(shown.contains("3 × incident stream-lost  founder  entries 1–5"), "{shown}");
    room.succeeds(&["audit", "ledger", "--policy", "policy"]);

    // At another size than the signer saw: refused, and what to do is said.
    let other = [&lines[..], &["size 4"]].concat();
    room.draft("ledger", &["p2"], "other.draft", &other);
    room.sign("other.draft", "p2");
    let (_, said) = room.fails(&["submit", "--dir", "ledger", "--checkpoint-key", "checkpoint.pem", "other.draft"]);
    assert!(said.contains("incident-unlike"), "{said}");
}

#[test]
fn a_receipt_verifies_without_the_ledger() {
    let room = Room::founded();
    room.founders_act("enact.draft", &["enact", "--procedure", procedure().to_str().unwrap()]);
    let (receipt, note) = ("enact.draft.receipts/1.tlog-proof", "enact.draft.receipts/1.note");
    fs::rename(room.path("ledger"), room.path("gone")).unwrap();
    let shown = room.succeeds(&["verify", "receipt", receipt, note, "--policy", "policy"]);
    assert!(shown.contains("VERIFIES: the note is entry 1 of county.example/archive/"), "{shown}");
    // A policy may name more than one key of the ledger: the one that signed is found.
    let other = room.new_key("other.pem");
    let policy = fs::read_to_string(room.path("policy")).unwrap();
    let origin = policy.split(['+', ' ']).nth(1).unwrap();
    let line = |key: &str| {
        let key = signer::value::KeyBytes(signer::value::from_base64(key).unwrap().try_into().unwrap());
        format!("log {}\n", ledger::policy::verifier_key(origin, signer::note::TYPE_ED25519, &key))
    };
    fs::write(room.path("two"), line(&other) + &policy).unwrap();
    room.succeeds(&["verify", "receipt", receipt, note, "--policy", "two"]);
    // A policy that asks for a witness, who has not cosigned.
    let witness = signer::value::KeyBytes(signer::value::from_base64(&other).unwrap().try_into().unwrap());
    let witness = ledger::policy::verifier_key("w.example", signer::note::TYPE_COSIGNATURE, &witness);
    let strict = policy.replace("quorum none", &format!("witness w {witness}\nquorum w"));
    fs::write(room.path("strict"), strict).unwrap();
    let (code, said) = room.fails(&["verify", "receipt", receipt, note, "--policy", "strict"]);
    assert!(code == 1 && said.contains("have not cosigned this checkpoint"), "{code} {said}");
    let (code, said) = room.fails(&["verify", "receipt", receipt, note, "--policy", "strict", "--json"]);
    assert!(code == 1 && said.contains("\"verdict\":\"unanchored\""), "{code} {said}");
    let changed = fs::read_to_string(room.path(note)).unwrap().replacen("version = 1", "version = 2", 1);
    fs::write(room.path(note), changed).unwrap();
    let (code, said) = room.fails(&["verify", "receipt", receipt, note, "--policy", "policy"]);
    assert!(code == 1 && said.contains("checkpoint-root") && said.contains("exactly as it was recorded"), "{code} {said}");
}

#[test]
fn names_move_no_cursor_and_pipes_do_not_hang() {
    let room = Room::founded();
    for args in [&["audit", "no\u{1b}[31mwhere"][..], &["trace", "case", "c", "--dir", "no\u{1b}[2J"], &["audit\u{1b}[31m"]] {
        let (code, said) = room.fails(args);
        assert!(code == 2 && !said.contains('\u{1b}'), "{code} {said:?}");
    }
    fs::write(room.path("ledger/segments/\u{1b}[2J\n HOLDS"), "").unwrap();
    fs::create_dir(room.path("ledger/refusals")).unwrap_or_default();
    fs::write(room.path("ledger/refusals/\u{1b}[2J\nHOLDS"), "x").unwrap();
    let said = text(&room.zeren(&["audit", "ledger", "--policy", "policy"]).stdout);
    assert!(!said.contains('\u{1b}') && !said.contains("\n HOLDS"), "{said:?}");
    assert!(Command::new("mkfifo").arg(room.path("fifo")).status().unwrap().success());
    let (code, said) = room.fails(&["audit", "ledger", "--policy", "fifo"]);
    assert!(code == 2 && said.contains("not a regular file"), "{code} {said}");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let audit = Command::new(env!("CARGO_BIN_EXE_zeren")).args(["audit", "ledger"]).current_dir(room.folder.path()).stdout(full).output();
    assert_eq!(audit.unwrap().status.code(), Some(3));
}

#[test]
fn openssl_opens_the_key_files() {
    let room = Room::new();
    let public = room.new_key("p1.pem");
    let openssl = |args: &[&str]| {
        let output = Command::new("openssl")
            .args(args)
            .current_dir(room.folder.path())
            .output()
            .expect("openssl is installed (apt-get install openssl)");
        assert!(output.status.success(), "{}", text(&output.stderr));
        output.stdout
    };
    fs::write(room.path("pass"), PASSPHRASE).unwrap();
    let spki = openssl(&["pkey", "-in", "p1.pem", "-passin", "file:pass", "-pubout", "-outform", "DER"]);
    assert_eq!(spki.len(), 44);
    fs::write(room.path("spki"), &spki[12..]).unwrap();
    assert_eq!(text(&openssl(&["base64", "-in", "spki"])).trim(), public);
    // And the other way: a key that OpenSSL made and encrypted.
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", "plain.pem"]);
    openssl(&["pkcs8", "-topk8", "-in", "plain.pem", "-out", "theirs.pem", "-scrypt", "-passout", "file:pass"]);
    let shown = room.succeeds(&["key", "show", "theirs.pem", "--passphrase-fd", "0"]);
    fs::write(room.path("spki"), &openssl(&["pkey", "-in", "plain.pem", "-pubout", "-outform", "DER"])[12..]).unwrap();
    assert!(shown.trim().ends_with(text(&openssl(&["base64", "-in", "spki"])).trim()), "{shown}");
    let mode = fs::metadata(room.path("p1.pem")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
}

/// A ledger of two entries in `ledger`; in `forked` the same ledger, which went another way after its founding. p2 signed in both
/// when they had one entry.
fn forked() -> Room {
    let room = Room::founded();
    let done = Command::new("cp").args(["-r", "ledger", "forked"]).current_dir(room.folder.path()).status().unwrap();
    assert!(done.success());
    room.founders_act("enact.draft", &["enact", "--procedure", procedure().to_str().unwrap()]);
    let lax = fs::read_to_string(procedure()).unwrap().replace("offline_hours = 72", "offline_hours = 700");
    fs::write(room.path("lax.toml"), lax).unwrap();
    room.draft("forked", &["p3", "p2"], "lax.draft", &["enact", "--procedure", "lax.toml"]);
    room.sign("lax.draft", "p3");
    // p2 remembers size 1, of which both are continuations: no contradiction can be seen yet.
    room.sign("lax.draft", "p2");
    room.succeeds(&["submit", "--dir", "forked", "--checkpoint-key", "checkpoint.pem", "lax.draft"]);
    room
}

#[test]
fn a_signer_signs_nothing_on_another_history() {
    let room = forked();
    room.draft("ledger", &["p1", "p2"], "true.draft", &["device", "enrols d7", "unit 00"]);
    room.sign("true.draft", "p2");
    // Now p2 remembers the true history of size 2; the other one of size 2 is refused.
    room.draft("forked", &["p3", "p2"], "fork.draft", &["device", "enrols d8", "unit 00"]);
    let (code, said) = room.fails(&["sign", "fork.draft", "--key", "p2.pem", "--person", "p2", "--yes", "--passphrase-fd", "0"]);
    assert!(code == 5 && said.contains("two different histories"), "{code} {said}");
    assert!(!fs::read_to_string(room.path("fork.draft")).unwrap().contains("— p2"));
}

#[test]
fn a_signer_asks_for_the_proof_that_is_wanting() {
    let room = forked();
    // p2 remembers size 2 from a draft that was never submitted, so the ledger does not know of it.
    room.draft("ledger", &["p1", "p2"], "never.draft", &["device", "enrols d7", "unit 00"]);
    room.sign("never.draft", "p2");
    let second = fs::read_to_string(procedure()).unwrap().replace("version = 1", "version = 2");
    fs::write(room.path("second.toml"), second).unwrap();
    room.draft("ledger", &["p1", "p3"], "second.draft", &["enact", "--procedure", "second.toml"]);
    room.sign("second.draft", "p1");
    room.sign("second.draft", "p3");
    room.succeeds(&["submit", "--dir", "ledger", "--checkpoint-key", "checkpoint.pem", "second.draft"]);
    room.draft("ledger", &["p2"], "bare.draft", &["device", "enrols d9", "unit 00"]);
    let (code, said) = room.fails(&["sign", "bare.draft", "--key", "p2.pem", "--person", "p2", "--yes", "--passphrase-fd", "0"]);
    assert!(code == 4 && said.contains("--remembered 2"), "{code} {said}");
    room.draft("ledger", &["p2"], "full.draft", &["device", "--remembered", "2", "enrols d9", "unit 00"]);
    room.sign("full.draft", "p2");
}

#[test]
fn mistakes_are_answered_and_change_nothing() {
    let room = Room::founded();
    let (code, said) = room.fails(&["audit", "ledgr"]);
    assert!(code == 2 && said.contains("no such folder"), "{said}");
    assert!(!room.path("ledgr").exists(), "a mistyped path makes no ledger");
    fs::create_dir(room.path("empty")).unwrap();
    let (code, said) = room.fails(&["submit", "--dir", "empty", "--checkpoint-key", "checkpoint.pem", "founding.draft"]);
    assert!(code == 2 && said.contains("no ledger in this folder"), "{said}");
    assert!(!room.path("empty/segments").exists());
    let (code, said) = room.fails(&["audit", "empty", "--policy", "policy"]);
    assert!(code == 2 && said.contains("no ledger in this folder"), "{code} {said}");
    let (code, _) = room.fails(&["submit", "--dir", "ledger", "--checkpoint-key", "checkpoint.pem"]);
    assert_eq!(code, 2, "nothing to submit");
    let (code, said) = room.fails(&["submit", "--dir", "nosuch", "founding.draft"]);
    assert!(code == 2 && said.contains("no such folder: nosuch"), "{said}");
    let (code, said) = room.fails(&["init", "ledger", "--founding", "founding.draft", "--checkpoint-key", "checkpoint.pem"]);
    assert!(code == 2 && said.contains("already"), "{said}");
    let (code, said) = room.fails(&["draft", "appont", "-o", "x"]);
    assert!(code == 2 && said.contains("appoint-end"), "{said}");
    let (code, said) = room.fails(&["draft", "enrol", "--dir", "ledger", "--by", "p1", "--device", "d0", "-o", "x", "person p9"]);
    assert!(code == 2 && said.contains("name, identity, key, proof"), "{said}");
    let (code, said) = room.fails(&["key", "new", "p1.pem", "--passphrase-fd", "0"]);
    assert!(code == 2 && said.contains("never overwritten"), "{said}");
    // No procedure is in force: only founders act, and only to amend or enact.
    room.succeeds(&[
        "draft",
        "device",
        "--dir",
        "ledger",
        "--by",
        "p1",
        "--by",
        "p2",
        "--device",
        "d0",
        "-o",
        "early.draft",
        "enrols d1",
        "unit 00",
    ]);
    room.sign("early.draft", "p1");
    room.sign("early.draft", "p2");
    let before = fs::read(room.path("ledger/segments/000000")).unwrap();
    let (code, said) = room.fails(&["submit", "--dir", "ledger", "--checkpoint-key", "checkpoint.pem", "early.draft"]);
    assert!(code == 4 && said.contains("procedure-version") && said.contains("to do"), "{said}");
    assert_eq!(fs::read(room.path("ledger/segments/000000")).unwrap(), before);
    // The refusal is a signed note, and the audit accepts it.
    assert!(said.contains("the refusal, signed by the ledger"), "{said}");
    room.succeeds(&["audit", "ledger", "--policy", "policy"]);
    // A founder who has not signed.
    room.succeeds(&[
        "draft",
        "enact",
        "--dir",
        "ledger",
        "--by",
        "p1",
        "--by",
        "p2",
        "--device",
        "d0",
        "--procedure",
        procedure().to_str().unwrap(),
        "-o",
        "half.draft",
    ]);
    room.sign("half.draft", "p1");
    let (code, said) = room.fails(&["submit", "--dir", "ledger", "--checkpoint-key", "checkpoint.pem", "half.draft"]);
    assert!(code == 4 && said.contains("signature-set"), "{said}");
}

#[test]
fn a_founding_that_fails_takes_its_folder_away_again() {
    let room = Room::founded();
    let again = ["init", "again", "--founding", "founding.draft", "--checkpoint-key", "checkpoint.pem", "--policy-out", "again.policy"];
    fs::write(room.path("again.policy"), "in the way").unwrap();
    room.fails(&again);
    assert!(!room.path("again").exists() && room.path("ledger/ledger").exists());
    fs::remove_file(room.path("again.policy")).unwrap();
    room.succeeds(&again);
}

#[test]
fn chinese_is_spoken_where_asked_for() {
    let room = Room::founded();
    let output = room.zeren_in("zh", &["audit", "ledger"]);
    assert!(text(&output.stdout).contains("无锚点"), "{}", text(&output.stdout));
    let output = room.zeren_in("zh", &["init", "ledger", "--founding", "founding.draft", "--checkpoint-key", "checkpoint.pem"]);
    assert!(text(&output.stderr).contains("处理: 请另选新文件夹"), "{}", text(&output.stderr));
}
