//! Witnesses and a ledger end to end: a production ledger with two witnesses in processes of their own, payments that wait for both,
//! a rollback, a fork, and the proofs of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::too_many_lines, reason = "a test that cannot be set up should fail loudly")]

mod witnesses;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ledger::entry::Entry;
use ledger::policy::{Policy, verifier_key};
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use signer::act::{Act, Purpose, Step, Witness};
use signer::draft::{Consistency, Draft, DraftStatement, DraftedFrom};
use signer::note::TYPE_ED25519;
use signer::value::{DeviceId, KeyName, Origin, UnixMs};
use signer::{Checkpoint, Note};
use tests::World;
use tests::programme::{CASES, PROGRAMME, Stage};
use tests::world::{founding, key as named_key, unit};
use witnesses::{WitnessProcess, run, write_key, zeren_in};

const ONE: &str = "w1.example";
const TWO: &str = "w2.example";

fn now() -> UnixMs {
    UnixMs(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap())
}

/// A room with a ledger of the programme, its list locked months ago and nothing cosigned since.
struct Room {
    folder: tempfile::TempDir,
    world: World,
}

impl Room {
    fn new() -> Room {
        let mut founding = founding();
        founding.origin = Origin::parse("tests.example/payments").unwrap();
        founding.purpose = Purpose::Production;
        let two = Witness { name: KeyName::parse(TWO).unwrap(), key: named_key("w2").public().bytes() };
        founding.constitution.witnesses.push(two);
        let procedure = PROGRAMME.replace("cosigned = 1", "cosigned = 2");
        let mut world = World::programme_on(&procedure, World::founded_with(founding));
        world.run_on(Stage::Staffed, Stage::Confirmed);
        world.payments(&["t1"], "l3", CASES);
        let lock = world.lock("l3");
        world.list_step(&["t1", "t2"], lock, CASES);
        let room = Room { folder: tempfile::tempdir().unwrap(), world };
        room.world.write(&room.path("ledger"));
        write_key(&room.path("ledger/checkpoint-key.pem"), &room.world.checkpoint_key);
        let witnesses = [(ONE.to_owned(), named_key("w1").public().bytes()), (TWO.to_owned(), named_key("w2").public().bytes())];
        let policy = Policy::write(room.world.id.as_str(), &room.world.checkpoint_key.public().bytes(), &witnesses, 2);
        fs::write(room.path("policy"), policy).unwrap();
        WitnessProcess::make(room.folder.path(), ONE, &named_key("w1"));
        WitnessProcess::make(room.folder.path(), TWO, &named_key("w2"));
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> (i32, String) {
        run(self.folder.path(), args)
    }

    fn start(&self, name: &str) -> WitnessProcess {
        WitnessProcess::start(self.folder.path(), name, &["--logs", "policy"])
    }

    fn ask(&self, dir: &str, witnesses: &[(&str, &str)]) -> (i32, String) {
        let named: Vec<String> = witnesses.iter().map(|(name, url)| format!("{name}={url}")).collect();
        let fixed = ["witness", "ask", "--dir", dir];
        self.run(&fixed.iter().copied().chain(named.iter().map(String::as_str)).collect::<Vec<_>>())
    }

    /// Takes up what the ledger has recorded since.
    fn follow(&mut self) {
        let ledger = Snapshot::open(Folder::open_to_read(&self.path("ledger")).unwrap(), &mut |_| {}).unwrap();
        for index in self.world.size()..ledger.size() {
            let bytes = ledger.entry(index).unwrap().unwrap();
            let entry = Entry::parse(&bytes).unwrap();
            self.world.clock = entry.received;
            self.world.push(entry.note);
        }
        assert_eq!(self.world.history.tree().root_at(self.world.size()), ledger.history().tree().root_at(ledger.size()));
        self.world.clock = now();
    }

    /// A statement signed now by these persons, in a file; not submitted.
    fn statement(&mut self, name: &str, by: &[&str], act: Act) -> PathBuf {
        let statement = self.world.statement(by, act);
        let path = self.path(name);
        fs::write(&path, self.world.sign(&statement)).unwrap();
        path
    }

    fn submit(&mut self, name: &str, by: &[&str], act: Act) -> (i32, String) {
        let path = self.statement(name, by, act);
        self.run(&["submit", "--dir", "ledger", path.to_str().unwrap()])
    }

    fn device(name: &str) -> Act {
        Act::Device { enrols: DeviceId::parse(name).unwrap(), unit: unit("07") }
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// What the verifier written from the format page says of proofs.
fn second_verifier(room: &Room, proofs: &[String]) -> Vec<serde_json::Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/independent/fork.py");
    let output =
        Command::new("python3").arg(script).args(["--policy", "policy"]).args(proofs).current_dir(room.folder.path()).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn json(said: &str) -> serde_json::Value {
    serde_json::from_str(said.lines().next().unwrap()).unwrap()
}

#[test]
fn no_production_payment_without_the_quorum() {
    let mut room = Room::new();
    room.world.clock = now();
    // Months without a witness: nothing is admitted.
    let (code, said) = room.submit("d7.note", &["r1"], Room::device("d7"));
    assert!(code == 4 && said.contains("unwitnessed"), "{said}");
    let (code, said) = room.run(&["audit", "ledger", "--policy", "policy"]);
    assert!(code == 1 && said.contains("UNANCHORED"), "{said}");

    // One witness is up. The other's port is nobody's.
    let one = room.start(ONE);
    let gone = "http://127.0.0.1:9";
    let (code, said) = room.ask("ledger", &[(ONE, &one.url), (TWO, gone)]);
    assert!(code == 3 && said.contains("✓ w1.example") && said.contains("✗ w2.example: no answer"), "{said}");
    let (code, said) = room.ask("ledger", &[(TWO, gone)]);
    assert!(code == 3 && said.contains("NOT COSIGNED") && said.contains("nothing was logged"), "{said}");
    room.follow();
    let cosigned = room.world.size() - 1;
    // Business goes on, payments do not.
    let (code, said) = room.submit("d7.note", &["r1"], Room::device("d7"));
    assert_eq!(code, 0, "{said}");
    room.follow();
    let fund = Step { cosigned: Some(cosigned), ..room.world.fund("b1", "l3") };
    let (code, said) = room.submit("fund.note", &["t1", "s1"], Act::Step(Box::new(fund)));
    assert!(code == 4 && said.contains("cosigned-missing") && said.contains("with 1 witnesses"), "{said}");
    let (code, said) = room.run(&["audit", "ledger", "--policy", "policy"]);
    assert!(code == 1 && said.contains("UNANCHORED"), "{said}");

    // Both are up.
    let two = room.start(TWO);
    let (code, said) = room.ask("ledger", &[(ONE, &one.url), (TWO, &two.url)]);
    assert!(code == 0 && said.contains("cosigned: ") && said.contains("✓ w2.example"), "{said}");
    room.follow();
    let fund = Step { cosigned: Some(room.world.size() - 1), ..room.world.fund("b1", "l3") };
    let (code, said) = room.submit("fund2.note", &["t1", "s1"], Act::Step(Box::new(fund)));
    assert_eq!(code, 0, "{said}");
    let (code, said) = room.run(&["audit", "ledger", "--policy", "policy"]);
    assert!(code == 0 && said.contains("HOLDS"), "{said}");
    assert_eq!((one.stop(), two.stop()), (0, 0));

    // A witness that nobody named, an address that is none.
    let (code, said) = room.ask("ledger", &[("w9.example", gone)]);
    assert!(code == 2 && said.contains("no witness that the founding"), "{said}");
    let (code, _) = room.ask("ledger", &[(ONE, "127.0.0.1:9")]);
    assert_eq!(code, 2);
}

/// A copy taken, the ledger went on, the copy put in its place went on otherwise.
#[test]
fn a_fork_is_refused_and_proved_by_whatever_two_people_hold() {
    let mut room = Room::new();
    room.world.clock = now();
    let (one, two) = (room.start(ONE), room.start(TWO));
    let both = [(ONE, one.url.as_str()), (TWO, two.url.as_str())];
    assert_eq!(room.ask("ledger", &both).0, 0);
    room.follow();
    copy(&room.path("ledger"), &room.path("copy"));
    let mut copied = World { clock: now(), ..room.world.fork() };
    copied.counter = room.world.counter;

    // The true history: a device, cosigned.
    let (code, said) = room.submit("d7.note", &["r1"], Room::device("d7"));
    assert_eq!(code, 0, "{said}");
    room.follow();
    assert_eq!(room.ask("ledger", &both).0, 0);
    room.follow();

    // The copy is behind: a rollback, and what the witness has is kept for the audit.
    let (code, said) = room.ask("copy", &both);
    assert!(code == 1 && said.contains("ROLLBACK") && said.contains("w1.example.checkpoint"), "{said}");
    let (code, said) = room.run(&["audit", "copy", "--policy", "policy", "--known", "w1.example.checkpoint"]);
    assert!(code == 5 && said.contains("rollback"), "{said}");

    // The copy goes on otherwise: as many entries, then more.
    let other = room.path("other.note");
    for name in ["d8", "d9"] {
        let statement = copied.statement(&["r1"], Room::device(name));
        fs::write(&other, copied.sign(&statement)).unwrap();
        let (code, said) = room.run(&["submit", "--dir", "copy", other.to_str().unwrap()]);
        assert_eq!(code, 0, "{said}");
        let at = Snapshot::open(Folder::open_to_read(&room.path("copy")).unwrap(), &mut |_| {}).unwrap();
        let bytes = at.entry(at.size() - 1).unwrap().unwrap();
        copied.clock = Entry::parse(&bytes).unwrap().received;
        copied.push(Entry::parse(&bytes).unwrap().note);
        copied.clock = now();
        let (code, said) = room.ask("copy", &both);
        assert!(code == 1 && (said.contains("FORK") || said.contains("ROLLBACK")), "{said}");
        assert!(said.contains("nothing was logged"), "{said}");
    }
    // Each witness has a proof of its own, and the asker's is another: all verify without ledger and witness.
    let mut proofs = vec!["w1.example.fork".to_owned(), "w2.example.fork".to_owned()];
    for name in [ONE, TWO] {
        let kept: Vec<_> = fs::read_dir(room.path(name).join("forks")).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!kept.is_empty());
        proofs.extend(kept.iter().map(|path| path.to_str().unwrap().to_owned()));
    }
    for (proof, theirs) in proofs.iter().zip(second_verifier(&room, &proofs)) {
        let (code, said) = room.run(&["verify", "fork", proof, "--policy", "policy", "--json"]);
        let ours = json(&said);
        assert!(code == 1 && ours["proven"] == true, "{said}");
        assert_eq!((&ours["contradiction"], &ours["proven"]), (&theirs["contradiction"], &theirs["proven"]), "{said}");
    }

    // Two checkpoints of one size, from slots of either folder; a receipt and a statement's pin.
    let folder = room.folder.path().to_owned();
    let pin = |world: &mut World, name: &str| {
        let statement = world.statement(&["r1"], Room::device("d5"));
        fs::write(folder.join(name), world.sign(&statement)).unwrap();
    };
    pin(&mut room.world, "true.note");
    pin(&mut copied, "false.note");
    assert_eq!(room.world.size(), copied.size());
    fs::write(room.path("true.checkpoint"), room.world.checkpoint_at(room.world.size()).encode()).unwrap();
    fs::write(room.path("false.checkpoint"), copied.checkpoint_at(copied.size()).encode()).unwrap();
    let (receipts, proof) = (format!("d7.note.receipts/{}.tlog-proof", room.world.size() - 2), "out.fork");
    for (at, (a, b, more)) in [
        ("true.checkpoint", "false.checkpoint", vec!["--policy", "policy"]),
        ("true.checkpoint", "false.note", vec!["--policy", "policy", "--dir", "ledger"]),
        ("true.note", "false.note", vec!["--dir", "ledger"]),
        (receipts.as_str(), "false.checkpoint", vec!["--dir", "copy"]),
        ("false.note", "", vec!["--dir", "ledger"]),
        ("true.checkpoint", "", vec!["--dir", "copy"]),
    ]
    .into_iter()
    .enumerate()
    {
        let _ = fs::remove_file(room.path(proof));
        let mut args = vec!["verify", "fork", a];
        args.extend((!b.is_empty()).then_some(b));
        args.extend(more);
        args.extend(["-o", proof]);
        let (code, said) = room.run(&args);
        assert!(code == 1 && said.contains("FORK: two histories of tests.example/payments/"), "{at}: {said}");
        // Carried to somebody who has the policy alone.
        let (code, said) = room.run(&["verify", "fork", proof, "--policy", "policy", "--json"]);
        let (ours, theirs) = (json(&said), second_verifier(&room, &[proof.to_owned()]).remove(0));
        assert!(code == 1 && ours["proven"] == true && theirs["proven"] == true, "{at}: {said} {theirs}");
        // And to somebody who has nothing: the founding in it vouches for the ledger's key.
        let (_, said) = room.run(&["verify", "fork", proof, "--json"]);
        assert_eq!(json(&said)["proven"], !args.contains(&"--policy") || args.contains(&"--dir"), "{at}: {said}");
    }

    // A draft of the copy leads from a smaller size, by its own consistency proof; for a power of two it names no root.
    let smaller = room.world.size() - 1;
    fs::write(room.path("smaller.checkpoint"), room.world.checkpoint_at(smaller).encode()).unwrap();
    let statement = copied.statement(&["r1"], Room::device("d6")).encode();
    let from = DraftedFrom {
        checkpoint: copied.checkpoint_at(copied.size()),
        chain: copied.chain(),
        consistency: vec![Consistency {
            old: smaller,
            new: copied.size(),
            proof: copied.history.tree().consistency(smaller, copied.size()).unwrap(),
        }],
    };
    let draft = Draft { from: Some(from), statements: vec![DraftStatement { text: statement, signatures: Vec::new() }] };
    fs::write(room.path("copy.draft"), draft.encode()).unwrap();
    let (code, said) = room.run(&["verify", "fork", "copy.draft", "smaller.checkpoint", "--policy", "policy", "-o", "draft.fork"]);
    if smaller.is_power_of_two() {
        assert!(code == 0 && said.contains("NOTHING SHOWN"), "{said}");
    } else {
        assert!(code == 1 && said.contains("had another root at the smaller size"), "{said}");
        assert_eq!(second_verifier(&room, &["draft.fork".to_owned()])[0]["contradiction"], "prefix");
    }

    // Nobody at hand has the officials' keys: a conflict, and no proof.
    let (code, said) = room.run(&["verify", "fork", "true.note", "false.note"]);
    assert!(code == 1 && said.contains("CONFLICT, NOT PROVEN") && said.contains("a key") && said.contains("not shown here"), "{said}");
    // No conflict, and nothing to compare.
    let (code, said) = room.run(&["verify", "fork", "true.note", "true.checkpoint", "--dir", "ledger"]);
    assert!(code == 0 && said.contains("NO CONFLICT") && said.contains("proves nothing more"), "{said}");
    let (code, said) = room.run(&["verify", "fork", &receipts, "false.checkpoint"]);
    assert!(code == 0 && said.contains("NOTHING SHOWN"), "{said}");
    let chinese = zeren_in("zh", room.folder.path(), &["verify", "fork", "true.note", "false.note", "--dir", "ledger", "-o", "zh.fork"]);
    let said = witnesses::said(&chinese);
    assert!(said.contains("账本分叉") && said.contains("经办人 r1 签名") && said.contains("条登记"), "{said}");

    // Damaged proofs, other ledgers, other files.
    let good = fs::read(room.path(proof)).unwrap();
    fs::write(room.path("cut.fork"), &good[..good.len() / 2]).unwrap();
    assert_eq!(room.run(&["verify", "fork", "cut.fork"]).0, 2);
    assert_eq!(room.run(&["verify", "fork", proof, "true.note"]).0, 2);
    assert_eq!(room.run(&["verify", "fork", "policy", "true.note"]).0, 2);
    assert_eq!(room.run(&["verify", "fork", "true.note"]).0, 2);
    let other = verifier_key("tests.example/other/0000000000000000", TYPE_ED25519, &named_key("x").public().bytes());
    fs::write(room.path("other-policy"), format!("log {other}\nquorum none\n")).unwrap();
    assert_eq!(room.run(&["verify", "fork", proof, "--policy", "other-policy"]).0, 5);
    assert_eq!(room.run(&["verify", "fork", "true.note", "false.note", "--policy", "other-policy"]).0, 5);
    mangled_proofs_are_judged_alike(&room, &good);
}

fn mangled_proofs_are_judged_alike(room: &Room, good: &[u8]) {
    let names: Vec<String> = (0..60).map(|at| format!("flipped-{at}.fork")).collect();
    for (at, name) in names.iter().enumerate() {
        let mut flipped = good.to_vec();
        flipped[at * good.len() / 60] ^= 1;
        fs::write(room.path(name), flipped).unwrap();
    }
    let theirs = second_verifier(room, &names);
    assert_eq!(theirs.len(), names.len());
    let mut kept = 0;
    for (name, theirs) in names.iter().zip(&theirs) {
        let (code, said) = room.run(&["verify", "fork", name, "--policy", "policy", "--json"]);
        assert_eq!(code == 1, theirs["fork"] == true, "{name}: {said} {theirs}");
        if code == 1 {
            assert_eq!(json(&said)["proven"], theirs["proven"], "{name}: {said} {theirs}");
            kept += 1;
        }
    }
    assert!(kept < 30, "{kept} flips of 60 changed nothing");
}

/// A service of the room's ledger, with its log.
struct Service {
    process: Child,
    log: BufReader<ChildStderr>,
    url: String,
}

impl Service {
    fn start(room: &Room, dir: &str, witnesses: &[(&str, &str)]) -> Service {
        let mut service = Service::spawn(room, dir, witnesses);
        service.url = format!("http://{}", service.wait_for("serving")["address"].as_str().unwrap());
        service
    }

    fn spawn(room: &Room, dir: &str, witnesses: &[(&str, &str)]) -> Service {
        let named: Vec<String> = witnesses.iter().map(|(name, url)| format!("{name}={url}")).collect();
        let mut process = Command::new(env!("CARGO_BIN_EXE_zeren"))
            .args(["--lang", "en", "serve", "--dir", dir, "--listen", "127.0.0.1:0", "--witness-every", "1"])
            .args(named.iter().flat_map(|named| ["--witness", named]))
            .current_dir(room.folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        Service { process, log, url: String::new() }
    }

    /// With which code, and with which words, a service ends that does not serve.
    fn refused(room: &Room, dir: &str) -> (i32, String) {
        let (mut service, mut said) = (Service::spawn(room, dir, &[]), String::new());
        while service.log.read_line(&mut said).unwrap() > 0 {
            assert!(!said.contains("\"serving\""), "it serves: {said}");
        }
        (service.process.wait().unwrap().code().unwrap(), said)
    }

    /// Waits until statements are taken.
    fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while witnesses::request(&self.url, "GET", "/ready", b"").is_none_or(|answer| answer.status != 200) {
            assert!(Instant::now() < deadline, "it does not get ready");
        }
    }

    /// Asks it to stop, and waits.
    fn stop(mut self) {
        assert!(Command::new("kill").arg(self.process.id().to_string()).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }

    /// The next event of this name in the log.
    fn wait_for(&mut self, event: &str) -> serde_json::Value {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the service ended before `{event}`");
            let found: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            if found["event"] == event {
                return found["more"].clone();
            }
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_service_asks_its_witnesses_and_stops_where_they_know_more() {
    let mut room = Room::new();
    room.world.clock = now();
    copy(&room.path("ledger"), &room.path("older"));
    let (one, two) = (room.start(ONE), room.start(TWO));
    let mut service = Service::start(&room, "ledger", &[(ONE, &one.url), (TWO, &two.url)]);
    // Months without a witness: the service asks before anybody submits, and from then on everything is admitted again.
    let first = service.wait_for("cosigned");
    assert_eq!(first["size"], room.world.size());
    room.follow();
    let note = room.statement("d7.note", &["r1"], Room::device("d7"));
    service.wait_until_ready();
    let (url, note) = (service.url.clone(), note.to_str().unwrap().to_owned());
    let upload = move |room: &Room, url: &str| room.run(&["submit", "--to", url, "--key", "clerk.pem", "--policy", "policy", &note]);
    let (code, said) = upload(&room, &url);
    assert!(code == 0 && said.contains("1 recorded"), "{said}");
    // What was recorded is cosigned in its turn; a cosigned entry alone is not.
    let second = service.wait_for("cosigned");
    assert!(second["size"].as_u64() > first["size"].as_u64());
    drop(service);
    let (code, said) = room.run(&["audit", "ledger", "--policy", "policy"]);
    assert!(code == 0 && said.contains("HOLDS"), "{said}");
    // A copy from before: the witnesses know more, and it takes nothing.
    let mut restored = Service::start(&room, "older", &[(ONE, &one.url), (TWO, &two.url)]);
    let stopped = restored.wait_for("READ ONLY");
    assert_eq!(stopped["rule"], "rollback");
    assert!(fs::read_to_string(room.path(stopped["evidence"].as_str().unwrap())).unwrap().starts_with("tests.example/payments"));
    // The clerk's memory notices by itself; somebody without one gets the ledger's answer.
    let (code, said) = upload(&room, &restored.url);
    assert!(code == 5 && said.contains("does not continue"), "{said}");
    fs::remove_file(
        fs::read_dir(room.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_string_lossy().contains("clerk.pem.seen"))
            .unwrap(),
    )
    .unwrap();
    let (code, said) = upload(&room, &restored.url);
    assert!(code == 4 && said.contains("read-only"), "{said}");
}

/// Found with witnesses, served, copied, gone on with, and the copy put back: what tells it is the service's own folder, and without
/// that the witnesses.
#[test]
fn a_ledger_that_was_set_back_is_not_gone_on_with() {
    let mut room = Room::new();
    room.world.clock = now();
    let (one, two) = (room.start(ONE), room.start(TWO));
    let both = [(ONE, one.url.as_str()), (TWO, two.url.as_str())];
    let mut service = Service::start(&room, "ledger", &both);
    service.wait_for("cosigned");
    service.stop();
    room.follow();
    copy(&room.path("ledger"), &room.path("older"));
    let mut copied = World { clock: now(), ..room.world.fork() };
    copied.counter = room.world.counter;
    // What was recorded, and acknowledged, after the copy was taken.
    let note = room.statement("d7.note", &["r1"], Room::device("d7"));
    let mut service = Service::start(&room, "ledger", &both);
    service.wait_until_ready();
    let upload = |room: &Room, url: &str, key: &str, note: &Path| {
        room.run(&["submit", "--to", url, "--key", key, "--policy", "policy", note.to_str().unwrap()])
    };
    let (code, said) = upload(&room, &service.url, "clerk.pem", &note);
    assert!(code == 0 && said.contains("1 recorded"), "{said}");
    service.wait_for("cosigned");
    // Killed, and so nothing was put in order at the end.
    let deadline = Instant::now() + Duration::from_secs(20);
    let size = |room: &Room| {
        let note = Note::parse(&fs::read(room.path("ledger-service/checkpoint")).unwrap()).unwrap();
        Checkpoint::parse(&note.text).unwrap().size
    };
    let behind = room.world.size();
    while size(&room) <= behind {
        assert!(Instant::now() < deadline, "the last checkpoint is not kept");
    }
    drop(service);
    fs::rename(room.path("ledger"), room.path("true")).unwrap();
    let set_back = |room: &Room| {
        let _ = fs::remove_dir_all(room.path("ledger"));
        copy(&room.path("older"), &room.path("ledger"));
    };
    set_back(&room);

    let (code, said) = Service::refused(&room, "ledger");
    assert!(code == 5 && said.contains("rollback") && said.contains("ledger-service/checkpoint"), "{code} {said}");
    // Its views know it too, and are not made anew to forget it.
    fs::remove_file(room.path("ledger-service/checkpoint")).unwrap();
    for _ in 0..2 {
        let (code, said) = Service::refused(&room, "ledger");
        assert!(code == 5 && said.contains("rollback") && said.contains("ledger-service/views"), "{code} {said}");
    }
    // With nothing kept, the witnesses know it, although nothing is there that they should cosign.
    fs::remove_dir_all(room.path("ledger-service")).unwrap();
    let statement = copied.statement(&["r1"], Room::device("d8"));
    let forking = room.path("fork.note");
    fs::write(&forking, copied.sign(&statement)).unwrap();
    let mut service = Service::start(&room, "ledger", &both);
    let stopped = service.wait_for("READ ONLY");
    assert_eq!(stopped["rule"], "rollback");
    let (code, said) = upload(&room, &service.url, "other.pem", &forking);
    assert!(code == 4 && said.contains("read-only"), "{code} {said}");
    let ready = witnesses::request(&service.url, "GET", "/ready", b"").unwrap();
    assert_eq!(ready.status, 503, "{ready:?}");
    service.stop();

    // The right one back in its place: what was kept of the wrong one is a part of it.
    fs::remove_dir_all(room.path("ledger")).unwrap();
    copy(&room.path("true"), &room.path("ledger"));
    let service = Service::start(&room, "ledger", &both);
    service.wait_until_ready();
    room.follow();
    let note = room.statement("d9.note", &["r1"], Room::device("d9"));
    let (code, said) = upload(&room, &service.url, "clerk.pem", &note);
    assert!(code == 0 && said.contains("1 recorded"), "{code} {said}");
    // A crash may leave an older checkpoint than the record has: that is no contradiction.
    drop(service);
    fs::write(room.path("ledger-service/checkpoint"), copied.checkpoint_at(copied.size()).encode()).unwrap();
    Service::start(&room, "ledger", &[]).stop();
    assert!(size(&room) > copied.size());
    // One that is damaged is not passed over.
    fs::write(room.path("ledger-service/checkpoint"), "").unwrap();
    let (code, said) = Service::refused(&room, "ledger");
    assert!(code == 1 && said.contains("ledger-service/checkpoint"), "{code} {said}");
}

#[test]
fn what_a_witness_showed_is_not_forgotten_by_a_restart() {
    let mut room = Room::new();
    room.world.clock = now();
    let one = room.start(ONE);
    let mut service = Service::start(&room, "ledger", &[(ONE, &one.url)]);
    service.wait_for("cosigned");
    service.stop();
    copy(&room.path("ledger"), &room.path("older"));
    room.follow();
    let (code, said) = room.submit("d7.note", &["r1"], Room::device("d7"));
    assert_eq!(code, 0, "{said}");
    assert_eq!(room.ask("ledger", &[(ONE, &one.url)]).0, 0);
    let mut service = Service::start(&room, "older", &[(ONE, &one.url)]);
    service.wait_for("READ ONLY");
    service.stop();
    // Nobody is asked any more, and it is known all the same.
    let (mut service, mut said) = (Service::spawn(&room, "older", &[]), String::new());
    while !said.contains("\"serving\"") {
        said.clear();
        assert!(service.log.read_line(&mut said).unwrap() > 0);
        let found = json(&said);
        if found["event"] == "READ ONLY" {
            assert_eq!((&found["more"]["rule"], found["more"]["witness"].is_null()), (&serde_json::json!("rollback"), true));
        }
    }
    service.url = format!("http://{}", json(&said)["more"]["address"].as_str().unwrap());
    let note = fs::read(room.path("d7.note")).unwrap();
    let answer = witnesses::request(&service.url, "POST", "/v1/statements", &note).unwrap();
    assert_eq!((answer.status, json(&answer.body)["rule"].as_str()), (422, Some("read-only")), "{answer:?}");
    service.stop();
    // The ledger that holds what was shown goes on.
    fs::rename(room.path("older"), room.path("wrong")).unwrap();
    copy(&room.path("ledger"), &room.path("older"));
    let service = Service::start(&room, "older", &[]);
    let answer = witnesses::request(&service.url, "POST", "/v1/statements", &note).unwrap();
    assert_eq!((answer.status, json(&answer.body)["repeated"].as_bool()), (200, Some(true)), "{answer:?}");
}

/// It is said of a ledger that it is read-only when it is, and not whenever a witness is confused.
#[test]
fn a_witness_that_shows_nothing_new_makes_no_ledger_read_only() {
    let mut room = Room::new();
    room.world.clock = now();
    let one = room.start(ONE);
    let cosigned = room.world.size();
    assert_eq!(room.ask("ledger", &[(ONE, &one.url)]).0, 0);
    // Whatever it is asked, it says that it has another tree of the size that it is known to have; and shows a part of this one.
    let url = one.url.clone();
    let confused = false_witness(move |asked| {
        let (status, media, body) = if asked.starts_with("POST") {
            ("409 Conflict", "text/x.tlog.size", format!("{cosigned}\n"))
        } else {
            ("200 OK", "text/plain", witnesses::request(&url, "GET", asked.split(' ').nth(1).unwrap(), b"").unwrap().body)
        };
        let length = body.len();
        Some(format!("HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"))
    });
    let mut service = Service::start(&room, "ledger", &[(ONE, &confused)]);
    let told = service.wait_for("witness");
    assert!(told["because"].as_str().unwrap().contains("of another history"), "{told}");
    service.wait_until_ready();
    assert!(Command::new("kill").arg(service.process.id().to_string()).status().unwrap().success());
    let mut rest = String::new();
    service.log.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("READ ONLY"), "{rest}");
}

/// A witness of a test: answers each request as it is told, or takes it and says nothing.
fn false_witness(answer: impl Fn(&str) -> Option<String> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut request = String::new();
            while reader.read_line(&mut request).unwrap_or(0) > 0 && !request.ends_with("\r\n\r\n") {}
            match answer(&request) {
                Some(answer) => {
                    let length = request.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                    let _ = reader.read_exact(&mut vec![0; length.unwrap_or(0)]);
                    let _ = (&stream).write_all(answer.as_bytes());
                }
                None => held.push(stream),
            }
        }
    });
    url
}

#[test]
fn nothing_is_taken_before_the_witnesses_were_asked_nor_while_one_contradicts() {
    let room = Room::new();
    let rule = |service: &Service| {
        let answer = witnesses::request(&service.url, "POST", "/v1/statements", b"x").unwrap();
        (answer.status, json(&answer.body)["rule"].as_str().unwrap().to_owned())
    };
    // One that is silent: what is there can be read, and nothing comes in yet.
    let silent = false_witness(|_| None);
    let service = Service::start(&room, "ledger", &[(ONE, &silent)]);
    assert_eq!(rule(&service), (503, "witnesses-first".to_owned()));
    assert_eq!(witnesses::request(&service.url, "GET", "/checkpoint", b"").unwrap().status, 200);
    assert_eq!(witnesses::request(&service.url, "GET", "/ready", b"").unwrap().status, 503);
    drop(service);
    // One that is down keeps nobody waiting.
    let service = Service::start(&room, "ledger", &[(ONE, "http://127.0.0.1:9")]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while rule(&service) != (422, "note-shape".to_owned()) {
        assert!(Instant::now() < deadline, "{:?}", rule(&service));
    }
    drop(service);
    // One that says that it has cosigned more, and shows nothing: nothing comes in, and the ledger is not called read-only for it.
    let is_gone = Arc::new(AtomicBool::new(false));
    let goes = Arc::clone(&is_gone);
    let boastful = false_witness(move |request| {
        if goes.load(Ordering::SeqCst) {
            return Some(String::new());
        }
        let (status, media, body) = match request.starts_with("POST") {
            true => ("409 Conflict", "text/x.tlog.size", "999999\n"),
            false => ("404 Not Found", "text/plain", ""),
        };
        let length = body.len();
        Some(format!("HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"))
    });
    let mut service = Service::start(&room, "ledger", &[(ONE, &boastful)]);
    assert_eq!(service.wait_for("witness contradicts")["witness"], ONE);
    let deadline = Instant::now() + Duration::from_secs(20);
    while rule(&service) != (503, "witness-contradicts".to_owned()) {
        assert!(Instant::now() < deadline, "{:?}", rule(&service));
    }
    // When it is gone, it has taken nothing back; of two rounds the first is over.
    is_gone.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        while !service.wait_for("witness")["because"].as_str().unwrap().starts_with("no answer") {}
    }
    assert_eq!(rule(&service), (503, "witness-contradicts".to_owned()));
}
