//! What the crash table led to, one story each; the commit order, watched; full disks; the format's own borders; folders.
#![allow(clippy::unwrap_used, reason = "a test that fails should fail loudly")]

use std::fs;
use std::io;

use ledger::audit::{Question, Report, Verdict, audit};
use ledger::layout::Layout;
use ledger::segment::{SLOTS, encode_slot, segment_name};
use ledger::snapshot::Snapshot;
use ledger::storage::{Folder, Storage};
use ledger::{Ledger, LedgerError};
use signer::Checkpoint;
use signer::rule::Rule;
use signer::value::TreeRoot;
use tests::World;
use tests::disk::{Disk, Fault, Kept, Kind, Mode};
use tests::order::Ordered;
use tests::script::{Left, Script, keys};
use tests::world::{FOUNDED, key};

const LAYOUT: Layout = Layout { segment_entries: 8, bundle_entries: 4, prewritten_bytes: 4_096 };

fn complete() -> (Script, Disk) {
    let script = Script::new();
    let disk = Disk::new(LAYOUT);
    let mut ledger = script.init(disk.clone()).unwrap();
    script.run(&mut ledger, &mut Left::default()).unwrap();
    disk.crash(Kept::Nothing);
    (script, disk)
}

fn open<S: Storage>(storage: S) -> Result<Ledger<S>, LedgerError> {
    Ledger::open(storage, keys(), &mut |_| {}).map(|(ledger, _)| ledger)
}

fn audited(disk: &Disk, script: &Script) -> Report {
    let policy = script.policy(true);
    audit(&Question { storage: disk, policy: Some(&policy), is_policy_inside: false, known: &[] }, &mut |_, _| {}).unwrap()
}

#[test]
fn no_answer_leaves_before_all_that_it_rests_on_is_durable() {
    let script = Script::new();
    let mut ledger = script.init(Ordered::new(Disk::new(LAYOUT))).unwrap();
    ledger.storage().answer_leaves();
    for batch in &script.batches {
        let answers = ledger.append(batch.verified.clone(), batch.clock).unwrap();
        ledger.storage().answer_leaves();
        Left::default().take(batch, answers);
    }
    // And so after every recovery, whatever part of the last commit was kept.
    let (_, disk) = complete();
    for slot in SLOTS {
        let disk = disk.fork();
        disk.remove(slot);
        let ledger = open(Ordered::new(disk)).unwrap();
        ledger.storage().answer_leaves();
    }
}

/// Ledgers that break the order in one place each.
fn commit_wrongly(order: &[(&str, &str)]) {
    let mut storage = Ordered::new(Disk::default());
    let segment = segment_name(0);
    for (step, file) in order {
        match (*step, *file) {
            ("write", "segment") => storage.write_at(&segment, 0, b"entry").unwrap(),
            ("sync", "segment") => storage.sync(&segment).unwrap(),
            ("name", "segment") => storage.sync_folder("segments").and_then(|()| storage.sync_folder("")).unwrap(),
            ("write", "slot") => storage.write_at(SLOTS[0], 0, b"checkpoint").unwrap(),
            ("sync", "slot") => storage.sync(SLOTS[0]).and_then(|()| storage.sync_folder("")).unwrap(),
            _ => unreachable!(),
        }
    }
    storage.answer_leaves();
}

const RIGHT: [(&str, &str); 5] = [("write", "segment"), ("sync", "segment"), ("name", "segment"), ("write", "slot"), ("sync", "slot")];

#[test]
fn the_witness_of_the_order_lets_the_right_one_pass() {
    commit_wrongly(&RIGHT);
}

#[test]
fn the_witness_of_the_order_stops_every_other() {
    for left_out in [1, 2, 4] {
        let mut order = RIGHT.to_vec();
        let step = order.remove(left_out);
        assert!(std::panic::catch_unwind(|| commit_wrongly(&order)).is_err(), "without {step:?}");
    }
    let early = [RIGHT[0], RIGHT[3], RIGHT[1], RIGHT[2], RIGHT[4]];
    assert!(std::panic::catch_unwind(|| commit_wrongly(&early)).is_err(), "the checkpoint before its entries are synced");
}

/// A read failed while the third statement of a batch was judged. The first two were in memory's log by then and in no file,
/// and the ledger went on: its next checkpoint signed for entries that were nowhere.
#[test]
fn a_failed_read_in_the_middle_of_a_batch_stops_the_ledger() {
    let script = Script::new();
    let disk = Disk::new(LAYOUT);
    let mut ledger = script.init(disk.clone()).unwrap();
    for batch in &script.batches[..3] {
        ledger.append(batch.verified.clone(), batch.clock).unwrap();
    }
    let (new, again) = (&script.batches[3], &script.batches[0]);
    disk.plan(Some(Fault { at: 0, mode: Mode::Failed, seed: 0 }));
    let batch = vec![new.verified[0].clone(), again.verified[0].clone()];
    assert!(matches!(ledger.append(batch, new.clock), Err(LedgerError::Storage { .. })));
    assert_eq!(disk.operations()[0].kind, Kind::Read);
    assert!(matches!(ledger.append(Vec::new(), new.clock), Err(LedgerError::Poisoned)));
    let mut ledger = open(disk).unwrap();
    script.run(&mut ledger, &mut Left::default()).unwrap();
}

/// The newest slot was torn: its text named the new size, its signature was still half the old one. The ledger took the largest
/// size for the last durable checkpoint and called itself damaged, with the older slot sound beside it.
#[test]
fn a_torn_or_forged_slot_is_passed_over() {
    let (script, disk) = complete();
    let size = script.world.history.size();
    let forge = |size: u64, root: TreeRoot, signer: &str| {
        let forged = Checkpoint { origin: script.world.id.to_string(), size, root }.sign(&key(signer));
        encode_slot(&forged)
    };
    let newest = (0..2).find(|slot| Snapshot::open(without(&disk, 1 - slot), &mut |_| {}).unwrap().size() == size).unwrap();
    let root = script.root();
    let torn = |file: &mut Vec<u8>| file[300..330].fill(b'A');
    let changes: [(&str, Change<'_>); 6] = [
        ("torn", Box::new(torn)),
        ("of another key", Box::new(|file| *file = forge(size, root, "somebody"))),
        ("larger, of another key", Box::new(|file| *file = forge(size + 7, root, "somebody"))),
        ("enormous, of another key", Box::new(|file| *file = forge((1 << 53) - 1, root, "somebody"))),
        ("short", Box::new(|file| file.truncate(100))),
        ("zeros", Box::new(|file| file.fill(0))),
    ];
    for (name, change) in changes {
        let disk = disk.fork();
        disk.tamper(SLOTS[newest], change);
        assert!(Snapshot::open(disk.clone(), &mut |_| {}).unwrap().size() < size, "{name}");
        let ledger = open(disk.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(ledger.history().size(), size, "{name}");
        assert_eq!(ledger.seen().unwrap().root, root, "{name}");
        assert_eq!(audited(&disk, &script).verdict, Verdict::Holds, "{name}");
    }
}

/// A change of a file.
type Change<'a> = Box<dyn Fn(&mut Vec<u8>) + 'a>;

fn without(disk: &Disk, slot: usize) -> Disk {
    let disk = disk.fork();
    disk.remove(SLOTS[slot]);
    disk
}

/// What the ledger's own key signed is never passed over: a checkpoint that the entries contradict stops everything.
#[test]
fn a_signed_checkpoint_that_the_record_contradicts_is_damage() {
    let (script, disk) = complete();
    let size = script.world.history.size();
    for (size, expected) in [(size, Rule::CheckpointRoot), (size + 1, Rule::EntriesMissing)] {
        let other = Checkpoint { origin: script.world.id.to_string(), size, root: TreeRoot([7; 32]) }.sign(&script.world.checkpoint_key);
        for slot in SLOTS {
            let disk = disk.fork();
            disk.tamper(slot, |file| *file = encode_slot(&other));
            let Err(LedgerError::Damaged { refusal, .. }) = open(disk) else { panic!("opened") };
            assert_eq!(refusal.rule, expected);
        }
    }
}

/// Opening with the wrong key cut the tail of the record before it said that the key was wrong.
#[test]
fn opening_with_another_key_changes_nothing() {
    let (_, disk) = complete();
    disk.tamper("segments/000002", |file| *file.last_mut().unwrap() = 1);
    let before = disk.fingerprint();
    let other = Ledger::open(disk.clone(), vec![key("somebody")], &mut |_| {}).map(|_| ());
    assert!(matches!(other, Err(LedgerError::OtherCheckpointKey { .. })));
    assert_eq!(disk.fingerprint(), before);
}

/// Cutting what a crash left also emptied whatever else lay in the segments' folder under a name that sorts behind.
#[test]
fn cutting_touches_segments_only() {
    let (_, mut disk) = complete();
    disk.write_at("segments/README", 0, b"moved to the new machine").unwrap();
    disk.write_at("segments/000007", 0, b"\0\x05stale").unwrap();
    let (ledger, recovered) = Ledger::open(disk.clone(), keys(), &mut |_| {}).unwrap();
    assert!(recovered.has_cut);
    assert_eq!(ledger.storage().len("segments/README").unwrap(), Some(24));
    assert_eq!(ledger.storage().len("segments/000007").unwrap(), Some(0));
}

#[test]
fn hash_files_that_are_lost_or_stale_are_made_anew() {
    let (script, disk) = complete();
    open(disk.clone()).unwrap();
    let levels: Vec<String> = disk.names().into_iter().filter(|name| name.starts_with("hashes/")).collect();
    assert!(levels.len() >= 4);
    for level in &levels {
        for way in 0..4 {
            let disk = disk.fork();
            match way {
                0 => disk.remove(level),
                1 => disk.tamper(level, |file| file[5] ^= 1),
                2 => disk.tamper(level, |file| file.truncate(3)),
                _ => disk.tamper(level, |file| file.extend([9; 64])),
            }
            open(disk.clone()).unwrap();
            let report = audited(&disk, &script);
            assert_eq!((report.verdict, report.findings), (Verdict::Holds, vec![]), "{level}");
        }
    }
}

/// A full disk kept a ledger from being opened, because its derived hash files could not be written.
#[test]
fn a_full_disk_stops_appending_and_nothing_else() {
    let script = Script::new();
    let reference = complete().1;
    for spare in [0, 1, 100, 2_000, 4_095, 5_000, 9_000] {
        let disk = Disk::new(LAYOUT);
        let mut ledger = script.init(disk.clone()).unwrap();
        let mut left = Left::default();
        ledger.append(script.batches[0].verified.clone(), script.batches[0].clock).unwrap();
        disk.set_capacity(Some(disk.used() + spare));
        let error = script.run(&mut ledger, &mut left).expect_err("more than fits");
        assert!(matches!(&error, LedgerError::Storage { source, .. } if source.kind() == io::ErrorKind::StorageFull), "{error}");
        for level in 0..3 {
            disk.remove(&format!("hashes/{level}"));
        }
        // Still full: what is there can be opened, read and proved.
        let mut ledger = open(disk.clone()).unwrap();
        for (note, receipt) in &left.receipts {
            let kept = ledger.receipt(receipt.index).unwrap().unwrap();
            assert!(keys().iter().any(|key| kept.verify(note, ledger.id().as_str(), &key.public()).is_ok()));
        }
        assert!(script.run(&mut ledger, &mut Left::default()).is_err());
        // Space returns.
        disk.set_capacity(None);
        let mut ledger = open(disk.clone()).unwrap();
        script.run(&mut ledger, &mut Left::default()).unwrap();
        assert_eq!(ledger.history().tree().root_at(ledger.history().size()), Some(script.root()));
        assert_eq!(audited(&disk, &script).verdict, Verdict::Holds);
        assert!(reference.names().iter().all(|name| disk.names().contains(name)));
    }
}

/// The refusal of a statement said that it was judged against the log after its batch, not against the one that refused it.
#[test]
fn a_refusal_names_the_log_that_it_was_judged_against() {
    let script = Script::new();
    let mut ledger = script.init(Disk::new(LAYOUT)).unwrap();
    for batch in &script.batches[..3] {
        ledger.append(batch.verified.clone(), batch.clock).unwrap();
    }
    let mut batch = script.batches[3].verified.clone();
    let refused = batch.pop().unwrap();
    // After the first of three entries.
    batch.insert(1, refused);
    let answers = ledger.append(batch, script.batches[3].clock).unwrap();
    let note = answers.iter().find_map(|answer| match answer {
        ledger::Answer::Refused { note, .. } => note.as_deref(),
        ledger::Answer::Recorded { .. } => None,
    });
    let refusal = ledger::refusal_note::RefusalNote::parse(&note.unwrap().text).unwrap();
    assert_eq!(ledger.history().size(), 7);
    assert_eq!(Some(refusal.seen), ledger.history().seen_at(5));
}

/// Twenty procedures of 50,000 bytes bring a segment of the format's own layout to its first border of 1 MiB.
fn large_world() -> World {
    let mut world = World::founded();
    for version in 1..=20 {
        world.enact(&large_procedure(version));
    }
    world
}

fn large_procedure(version: u32) -> String {
    let text = tests::world::PROCEDURE.replace("version = 1\n", &format!("version = {version}\n"));
    let filler = format!("# {}\n", "x".repeat(97));
    let lines = (49_990 - text.len()) / filler.len();
    text + &filler.repeat(lines)
}

#[test]
fn a_prewritten_mebibyte_is_crossed_whatever_fails() {
    let world = large_world();
    let start = Disk::holding(&world, Layout::FORMAT);
    let script = Script::after(world, |world| {
        (21..=22)
            .map(|version| {
                world.enact(&large_procedure(version));
                note_of(world)
            })
            .collect()
    });
    let whole = cross(&start, script, 1);
    assert!(start.used() < 1 << 21 && whole.used() > 1 << 21, "no border is crossed");
}

/// The crash table crosses the borders of small segments; this crosses the format's own.
#[test]
fn a_full_segment_of_the_format_is_crossed_whatever_fails() {
    let mut world = World::staffed();
    world.tick_ms = 1;
    while world.entries.len() < 65_534 {
        let record = world.entries.len() as u64;
        world.import(&format!("case-{}", record % 500), record);
    }
    let start = Disk::holding(&world, Layout::FORMAT);
    let script = Script::after(world, |world| {
        (0..4)
            .map(|record| {
                world.import("case-0", 70_000 + record);
                note_of(world)
            })
            .collect()
    });
    let whole = cross(&start, script, 2);
    assert!(!start.names().contains(&segment_name(1)) && whole.names().contains(&segment_name(1)), "no border is crossed");
}

/// Runs a script from this disk on, failing at every operation that changes something, in every so-manieth way; gives the disk
/// that no failure came to.
fn cross(start: &Disk, script: Script, step: usize) -> Disk {
    let whole = start.fork();
    whole.plan(None);
    let mut ledger = open(whole.clone()).unwrap();
    let script = script.checked_with(ledger.ring());
    let opening = whole.operations().len();
    script.run(&mut ledger, &mut Left::default()).unwrap();
    let operations = whole.operations();
    for (at, operation) in operations.iter().enumerate().skip(opening).filter(|(_, operation)| operation.kind != Kind::Read) {
        for mode in Mode::of(operation.kind).iter().skip(at % step).step_by(step) {
            let disk = start.fork();
            let mut ledger = open(disk.clone()).unwrap();
            disk.plan(Some(Fault { at: (at - opening) as u64, mode: *mode, seed: at as u64 }));
            let has_failed = script.run(&mut ledger, &mut Left::default()).is_err();
            assert!(has_failed || operation.name.starts_with("hashes/") || operation.name == "bundles");
            disk.crash(Kept::Some(at as u64));
            let mut ledger = open(disk.clone()).unwrap();
            script.run(&mut ledger, &mut Left::default()).unwrap();
            assert_eq!(ledger.history().tree().root_at(ledger.history().size()), Some(script.root()), "{operation:?} {mode:?}");
        }
    }
    whole
}

fn note_of(world: &World) -> Vec<u8> {
    ledger::entry::Entry::parse(&world.entries.last().unwrap().bytes).unwrap().note.to_vec()
}

/// A mistyped path left a file `lock` in a folder that was no ledger.
#[test]
fn opening_a_mistyped_path_makes_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let missing = parent.path().join("ledgr");
    assert_eq!(Folder::open(&missing).map(|_| ()).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(Folder::open(parent.path()).map(|_| ()).unwrap_err().kind(), io::ErrorKind::NotFound);
    let storage = Folder::open_to_read(parent.path()).unwrap();
    assert!(matches!(Snapshot::open(storage, &mut |_| {}), Err(LedgerError::NotALedger)));
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_has_one_writer() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("ledger");
    let script = Script::new();
    let ledger = script.init(Folder::create(&path).unwrap()).unwrap();
    let error = Folder::open(&path).map(|_| ()).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::WouldBlock, "another process has this ledger open for writing"));
    assert_eq!(Folder::create(&path).map(|_| ()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(Snapshot::open(Folder::open_to_read(&path).unwrap(), &mut |_| {}).unwrap().size(), 1);
    drop(ledger);
    assert!(matches!(Ledger::init(Folder::open(&path).unwrap(), &script.founding, key("checkpoint"), FOUNDED), Err(LedgerError::Exists)));
    let mut ledger = open(Folder::open(&path).unwrap()).unwrap();
    script.run(&mut ledger, &mut Left::default()).unwrap();
}

/// An audited folder had a file where a folder belongs, and a pipe where a file does: the audit stopped with an error, or waited
/// for ever for somebody to write into the pipe.
#[test]
fn whatever_lies_in_a_folder_an_audit_reports() {
    let parent = tempfile::tempdir().unwrap();
    let world = World::staffed();
    for name in ["hashes", "refusals", "segments", "ledger", "checkpoint.0"] {
        for kind in ["file", "folder", "pipe"] {
            let path = parent.path().join(format!("{name}-{kind}"));
            world.write(&path);
            let place = path.join(name);
            let _ = fs::remove_dir_all(&place);
            let _ = fs::remove_file(&place);
            match kind {
                "file" => fs::write(&place, "text").unwrap(),
                "folder" => fs::create_dir(&place).unwrap(),
                _ => assert!(std::process::Command::new("mkfifo").arg(&place).status().unwrap().success()),
            }
            let storage = Folder::open_to_read(&path).unwrap();
            let question = Question { storage: &storage, policy: None, is_policy_inside: false, known: &[] };
            audit(&question, &mut |_, _| {}).unwrap_or_else(|error| panic!("{name} is a {kind}: {error}"));
        }
    }
}
