//! Backups while somebody writes, killed backups, and what a restored ledger may do, as the commands answer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ledger::Ledger;
use ledger::storage::Folder;
use serde_json::Value;
use signer::value::{TreeRoot, UnixMs};
use signer::{Checkpoint, keyfile};
use tests::World;
use tests::disk::Random;

struct Room {
    folder: tempfile::TempDir,
    world: World,
}

impl Room {
    /// A ledger of some records in `ledger`, its policy and checkpoint key.
    fn new() -> Room {
        let mut world = World::unwitnessed();
        (0..20).for_each(|record| _ = world.import(&format!("case-{}", record % 3), record));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        world.clock = UnixMs(now);
        let room = Room { folder: tempfile::tempdir().unwrap(), world };
        room.world.write(&room.path("ledger"));
        fs::write(room.path("policy"), room.world.policy(false)).unwrap();
        fs::write(room.path("checkpoint.pem"), keyfile::plain(&room.world.checkpoint_key).unwrap().as_bytes()).unwrap();
        fs::copy(room.path("checkpoint.pem"), room.path("ledger/checkpoint-key.pem")).unwrap();
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn zeren(&self, args: &[&str]) -> (i32, String) {
        let output =
            Command::new(env!("CARGO_BIN_EXE_zeren")).args(["--lang", "en"]).args(args).current_dir(self.folder.path()).output().unwrap();
        (output.status.code().unwrap(), said(&output))
    }

    fn succeeds(&self, args: &[&str]) -> String {
        let (code, said) = self.zeren(args);
        assert_eq!(code, 0, "{args:?}\n{said}");
        said
    }

    fn fails(&self, code: i32, words: &str, args: &[&str]) {
        let (found, said) = self.zeren(args);
        assert!(found == code && said.contains(words), "{args:?}: {found}, expected {code} and `{words}`\n{said}");
    }

    fn back_up(&self) -> Value {
        serde_json::from_str(&self.succeeds(&["backup", "--dir", "ledger", "--to", "backup", "--policy", "policy", "--json"])).unwrap()
    }

    /// The ledger gets longer by one record.
    fn import(&mut self, record: u64) {
        self.world.import("case-0", record);
        self.world.write(&self.path("ledger"));
    }

    /// A statement that continues the ledger as it is now, not recorded in it.
    fn next(&mut self, record: u64) -> Vec<u8> {
        let act = self.world.record(&format!("case-new-{record}"), record);
        let statement = self.world.statement(&["a1"], act);
        self.world.sign(&statement)
    }

    fn write_checkpoint(&self, name: &str, size: u64) {
        fs::write(self.path(name), self.world.checkpoint_at(size).encode()).unwrap();
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Every file below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_ledger_is_copied_while_another_process_writes_to_it() {
    let mut room = Room::new();
    let ended = AtomicBool::new(false);
    let dir = room.path("ledger");
    let mut world = std::mem::replace(&mut room.world, World::founded());
    let mut told = Vec::new();
    let world = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let keys = vec![tests::world::copy(&world.checkpoint_key)];
            let mut ledger = Ledger::open(Folder::open(&dir).unwrap(), keys, &mut |_| {}).unwrap().0;
            let mut record = 1_000;
            while !ended.load(Ordering::Relaxed) {
                let received = world.clock;
                world.import("case-0", record);
                record += 1;
                let note = world.notes().pop().unwrap().1;
                let verified = ledger::check(&note, ledger.ring()).unwrap();
                assert!(matches!(ledger.append(vec![verified], received).unwrap()[..], [ledger::Answer::Recorded { .. }]));
            }
            world
        });
        for _ in 0..12 {
            told.push(room.back_up());
            let audit: Value = serde_json::from_str(&room.succeeds(&["audit", "backup", "--policy", "policy", "--json"])).unwrap();
            assert_eq!((&audit["entries"], &audit["root"]), (&told.last().unwrap()["entries"], &told.last().unwrap()["root"]));
        }
        ended.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    let sizes: Vec<u64> = told.iter().map(|told| told["entries"].as_u64().unwrap()).collect();
    assert!(sizes.is_sorted() && sizes[11] > sizes[0] + 10, "nobody wrote: {sizes:?}");
    for told in &told {
        let root = world.history.tree().root_at(told["entries"].as_u64().unwrap()).unwrap();
        assert_eq!(told["root"], root.to_string());
        assert_eq!(told["policy_key_signed"], true);
    }
    // Added to, or made at once: the same record. And not the key, nor what is made anew.
    room.back_up();
    room.succeeds(&["backup", "--dir", "ledger", "--to", "fresh"]);
    let segments = |name: &str| files(&room.path(name).join("segments"));
    assert!(segments("backup") == segments("fresh"));
    let names: Vec<String> = files(&room.path("fresh")).keys().map(|path| path.display().to_string()).collect();
    assert_eq!(names, ["BACKUP", "checkpoint.0", "ledger", "lock", "segments/000000"]);
}

#[test]
fn a_killed_backup_is_an_older_one() {
    let room = Room::new();
    let seed = std::env::var("ZEREN_SEED").ok().map_or(1, |seed| seed.parse().unwrap());
    let mut random = Random::new(seed);
    let mut world = World::unwitnessed();
    world.tick_ms = 1;
    let (mut interrupted, mut unfinished) = (0, 0);
    for round in 0..40_u64 {
        (0..150).for_each(|record| _ = world.import("case-0", round * 1_000 + record));
        world.write(&room.path("large"));
        if round % 10 == 0 {
            let _ = fs::remove_dir_all(room.path("backup"));
        }
        let args = ["backup", "--dir", "large", "--to", "backup"];
        let mut child =
            Command::new(env!("CARGO_BIN_EXE_zeren")).args(args).current_dir(room.folder.path()).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(random.below(25_000)));
        let _ = child.kill();
        interrupted += u64::from(!child.wait().unwrap().success());
        if room.path("backup/ledger").exists() {
            fs::write(room.path("large-policy"), world.policy(false)).unwrap();
            let audit = room.succeeds(&["audit", "backup", "--policy", "large-policy"]);
            assert!(audit.contains("HOLDS"), "{audit}");
        } else {
            unfinished += 1;
        }
        if round % 3 == 0 {
            room.succeeds(&args);
        }
    }
    room.succeeds(&["backup", "--dir", "large", "--to", "backup"]);
    assert!(files(&room.path("backup/segments")).len() == 1 && interrupted > 10, "{interrupted} interrupted, {unfinished} unfinished");
    let audit: Value = serde_json::from_str(&room.zeren(&["audit", "backup", "--json"]).1).unwrap();
    assert_eq!(audit["root"], world.history.tree().root_at(world.size()).unwrap().to_string());
}

#[test]
fn a_contradiction_is_kept_beside_the_copy() {
    let mut room = Room::new();
    let older = files(&room.path("ledger"));
    let size = room.world.size();
    room.import(100);
    room.back_up();
    let copy = files(&room.path("backup"));
    for (name, bytes) in &older {
        fs::write(room.path("ledger").join(name), bytes).unwrap();
    }
    room.fails(5, "finding: rollback", &["backup", "--dir", "ledger", "--to", "backup"]);
    assert!(files(&room.path("backup")) == copy);
    let evidence = files(&room.path("backup.evidence"));
    let sizes: Vec<String> = evidence.values().map(|note| String::from_utf8_lossy(note).lines().nth(1).unwrap().to_owned()).collect();
    assert_eq!(sizes, [(size + 1).to_string(), size.to_string()]);
    // Each is a checkpoint that an auditor can bring.
    for name in evidence.keys() {
        let known = format!("backup.evidence/{}", name.display());
        room.succeeds(&["audit", "backup", "--known", &known]);
    }
    // Another ledger; a damaged entry.
    World::staffed().write(&room.path("other"));
    room.fails(5, "known-other", &["backup", "--dir", "other", "--to", "backup"]);
    room.import(101);
    let mut segment = fs::read(room.path("ledger/segments/000000")).unwrap();
    let last = segment.iter().rposition(|b| *b != 0).unwrap();
    segment[last - 40] ^= 1;
    fs::write(room.path("ledger/segments/000000"), &segment).unwrap();
    room.fails(1, "damaged at", &["backup", "--dir", "ledger", "--to", "backup"]);
    room.succeeds(&["audit", "backup", "--policy", "policy"]);
    let (copied, after) = (&copy[Path::new("checkpoint.0")], fs::read(room.path("backup/checkpoint.0")).unwrap());
    assert_eq!(*copied, after);
}

#[test]
fn nothing_is_written_where_it_should_not_be() {
    let room = Room::new();
    let ledger = files(&room.path("ledger"));
    for to in ["ledger", "ledger/backup", "ledger/segments/x", "."] {
        room.fails(2, "folder apart", &["backup", "--dir", "ledger", "--to", to]);
    }
    fs::create_dir(room.path("full")).unwrap();
    fs::write(room.path("full/letter"), "dear").unwrap();
    room.fails(2, "no backup", &["backup", "--dir", "ledger", "--to", "full"]);
    room.fails(2, "no folder", &["backup", "--dir", "ledger", "--to", "full/letter"]);
    World::staffed().write(&room.path("other"));
    room.fails(2, "no backup", &["backup", "--dir", "ledger", "--to", "other"]);
    room.fails(2, "no ledger", &["backup", "--dir", "full", "--to", "new"]);
    room.fails(2, "no such folder", &["backup", "--dir", "nowhere", "--to", "new"]);
    assert!(!room.path("new").exists());
    // Where a disk is not mounted, nothing is written to the one beneath.
    room.fails(2, "that disk is not mounted", &["backup", "--dir", "ledger", "--to", "disk/county/new"]);
    assert!(!room.path("disk").exists());
    room.back_up();
    room.fails(2, "mkdir -p disk", &["restore", "--from", "backup", "--to", "disk/new"]);
    assert!(!room.path("disk").exists());
    // Links that somebody laid in the copy, to files and to folders.
    for link in ["checkpoint.1", "refusals", "segments/000001", "unfinished"] {
        symlink(room.path("full"), room.path("backup").join(link)).unwrap();
        room.fails(2, "symbolic link", &["backup", "--dir", "ledger", "--to", "backup"]);
        fs::remove_file(room.path("backup").join(link)).unwrap();
    }
    fs::create_dir(room.path("empty")).unwrap();
    room.succeeds(&["backup", "--dir", "ledger", "--to", "empty"]);
    assert!(files(&room.path("ledger")) == ledger, "the ledger was touched");
    assert_eq!(files(&room.path("full")).len(), 1);
}

#[test]
fn a_restored_ledger_waits_for_what_people_hold() {
    let mut room = Room::new();
    let size = room.world.size();
    room.back_up();
    let note = room.next(500);
    fs::write(room.path("next.note"), &note).unwrap();
    room.write_checkpoint("held-1", size);
    room.write_checkpoint("held-2", size - 3);
    let submit = |room: &Room, dir: &str, known: &[&str]| {
        let mut args = vec!["submit", "next.note", "--dir", dir, "--checkpoint-key", "checkpoint.pem", "--receipts", "receipts"];
        known.iter().for_each(|known| args.extend(["--known", known]));
        room.zeren(&args)
    };
    // Nothing writes to the backup itself.
    let backup = files(&room.path("backup"));
    let (code, said) = submit(&room, "backup", &["held-1"]);
    assert!(code == 4 && said.contains("this is a backup"), "{code} {said}");
    assert!(files(&room.path("backup")) == backup);
    room.fails(2, "no backup", &["restore", "--from", "ledger", "--to", "new"]);
    room.fails(2, "folder apart", &["restore", "--from", "backup", "--to", "backup/new"]);
    // Restored with nothing shown: held, until everybody's checkpoints were.
    let said = room.succeeds(&["restore", "--from", "backup", "--to", "waits", "--policy", "policy"]);
    assert!(said.contains("HELD") && said.contains("checkpoint key"), "{said}");
    assert!(!room.path("waits/checkpoint-key.pem").exists() && !room.path("waits/BACKUP").exists());
    room.fails(2, "", &["restore", "--from", "backup", "--to", "waits", "--policy", "policy"]);
    let (code, said) = submit(&room, "waits", &[]);
    assert!(code == 4 && said.contains("held"), "{code} {said}");
    let (code, said) = submit(&room, "waits", &["held-1", "held-2"]);
    assert!(code == 0 && said.contains("released") && said.contains(&format!("entry {size}")), "{code} {said}");
    let (code, said) = submit(&room, "waits", &[]);
    assert!(code == 0 && said.contains("was recorded before"), "it goes on: {said}");
    room.succeeds(&["audit", "waits", "--policy", "policy", "--known", "held-1"]);
    // A receipt that somebody holds has a checkpoint in it, later than the backup.
    let receipt = format!("receipts/{size}.tlog-proof");
    room.succeeds(&["audit", "waits", "--policy", "policy", "--known", &receipt]);
    room.fails(5, "rollback", &["audit", "backup", "--policy", "policy", "--known", &receipt]);
    room.fails(5, "rollback", &["restore", "--from", "backup", "--to", "again", "--known", &receipt]);
    room.fails(2, "no checkpoint, and no receipt", &["audit", "waits", "--policy", "policy", "--known", "next.note"]);
    let (code, said) = submit(&room, "waits", &[&receipt]);
    assert!(code == 0 && said.contains("was recorded before"), "{said}");
    // Shown at once.
    let told = room.succeeds(&["restore", "--from", "backup", "--to", "shown", "--known", "held-1", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["standing"], &told["entries"]), (&"released".into(), &size.into()));
    assert_eq!(submit(&room, "shown", &[]).0, 0);
    // And should somebody turn up with a later one after all.
    for record in 100..103 {
        room.import(record);
    }
    room.write_checkpoint("later", size + 3);
    let (code, said) = submit(&room, "shown", &["later"]);
    assert!(said.contains("by rule: rollback"), "{code} {said}");
    let (code, said) = submit(&room, "shown", &["held-1"]);
    assert!(code == 4 && said.contains("read-only"), "{code} {said}");
}

#[test]
fn a_backup_that_is_older_than_what_people_hold_never_signs_again() {
    let mut room = Room::new();
    let size = room.world.size();
    room.back_up();
    let note = room.next(500);
    fs::write(room.path("next.note"), &note).unwrap();
    room.import(100);
    room.write_checkpoint("later", size + 1);
    room.write_checkpoint("earlier", size);
    let other = Checkpoint { origin: room.world.id.to_string(), size, root: TreeRoot([9; 32]) }.sign(&room.world.checkpoint_key);
    fs::write(room.path("forked"), other.encode()).unwrap();
    for (known, rule) in [("later", "finding: rollback"), ("forked", "finding: fork")] {
        room.fails(5, rule, &["restore", "--from", "backup", "--to", "new", "--known", "earlier", "--known", known]);
        assert!(!room.path("new").exists());
        let (code, said) = room.zeren(&["restore", "--from", "backup", "--to", "new", "--known", known, "--read-only"]);
        assert!(code == 5 && said.contains("READ ONLY"), "{code} {said}");
        let submit = ["submit", "next.note", "--dir", "new", "--checkpoint-key", "checkpoint.pem", "--known", "earlier"];
        room.fails(4, "read-only", &submit);
        room.succeeds(&["audit", "new", "--policy", "policy"]);
        // Held, and shown it later.
        room.succeeds(&["restore", "--from", "backup", "--to", "held", "--policy", "policy"]);
        let submit = ["submit", "next.note", "--dir", "held", "--checkpoint-key", "checkpoint.pem", "--known"];
        room.fails(5, rule, &[&submit[..], &[known]].concat());
        room.fails(4, "read-only", &[&submit[..], &["earlier"]].concat());
        let audit: Value = serde_json::from_str(&room.zeren(&["audit", "held", "--json"]).1).unwrap();
        assert_eq!(audit["entries"], size);
        fs::remove_dir_all(room.path("new")).unwrap();
        fs::remove_dir_all(room.path("held")).unwrap();
    }
}

#[test]
fn the_drill_says_what_a_restoration_would() {
    let room = Room::new();
    room.back_up();
    fs::create_dir(room.path("room")).unwrap();
    let drill = ["restore", "--from", "backup", "--drill", "--in", "room"];
    let said = room.succeeds(&[&drill[..], &["--policy", "policy", "--case", "case-1"]].concat());
    let size = room.world.size();
    assert!(
        said.contains(&format!("restored {size} entries")) && said.contains("audit holds") && said.contains("case case-1: 7 of 7"),
        "{said}"
    );
    room.fails(1, "UNANCHORED", &drill);
    let output = room.succeeds(&[&drill[..], &["--policy", "policy", "--json"]].concat());
    let told: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((&told["audit"]["holds"], &told["case"]["failed"]), (&true.into(), &0.into()));
    room.write_checkpoint("known", size);
    room.succeeds(&[&drill[..], &["--known", "known"]].concat());
    // Damage, anywhere in the entries.
    for at in [700, 9_000] {
        let path = room.path("backup/segments/000000");
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        room.fails(1, "damaged at", &[&drill[..], &["--policy", "policy"]].concat());
        room.fails(1, "damaged at", &["restore", "--from", "backup", "--to", "new"]);
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
    }
    assert!(!room.path("new").exists());
    assert_eq!(fs::read_dir(room.path("room")).unwrap().count(), 0, "the folder of a drill stays");
    room.succeeds(&["backup", "--dir", "ledger", "--to", "backup", "--policy", "policy", "--verify", "full"]);
}
