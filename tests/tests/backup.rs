//! Copies of a ledger on a disk that fails at every operation; ledgers that contradict their copies.
#![allow(clippy::unwrap_used, reason = "a test that fails should fail loudly")]

use std::collections::BTreeMap;

use ledger::audit::{Level, Question, Report, Verdict, audit};
use ledger::backup::{BACKUP, BackupError, Copied, Notice, copy};
use ledger::layout::Layout;
use ledger::segment::SLOTS;
use ledger::storage::{MARKER, Storage, read_whole};
use ledger::{Ledger, LedgerError};
use signer::rule::Rule;
use signer::value::UnixMs;
use tests::World;
use tests::disk::{Disk, Fault, Kept, Mode};
use tests::script::{Left, Script, keys};

const LAYOUT: Layout = Layout { segment_entries: 8, bundle_entries: 4, prewritten_bytes: 4_096 };

fn back_up(source: &Disk, target: &Disk) -> Result<Copied, BackupError> {
    let text = |copied: Option<&Copied>| copied.map_or("begun\n".to_owned(), |copied| format!("of {}\n", copied.checkpoint.size));
    copy(source, &mut target.clone(), &Notice { name: BACKUP, text: &text }, &mut |_, _| {})
}

/// The ledger after each batch, founding first.
fn stages(script: &Script) -> Vec<Disk> {
    let disk = Disk::new(LAYOUT);
    let mut ledger = script.init(disk.clone()).unwrap();
    let mut stages = vec![disk.fork()];
    for batch in &script.batches {
        let answers = ledger.append(batch.verified.clone(), batch.clock).unwrap();
        Left::default().take(batch, answers);
        stages.push(disk.fork());
    }
    stages
}

fn audited(disk: &Disk, script: &Script) -> Report {
    let policy = script.policy(false);
    audit(&Question { storage: disk, policy: Some(&policy), is_policy_inside: false, known: &[] }, &mut |_, _| {}).unwrap()
}

fn size_of(disk: &Disk, script: &Script) -> u64 {
    let report = audited(disk, script);
    let errors: Vec<_> = report.findings.iter().filter(|finding| finding.level == Level::Error).collect();
    assert!(errors.is_empty() && report.verdict == Verdict::Holds, "{errors:?}");
    report.entries
}

/// Every file of the record but the slots, which alternate; of these the latest.
fn content(disk: &Disk) -> BTreeMap<String, Vec<u8>> {
    let is_derived = |name: &str| name.starts_with("hashes/") || name == "bundles";
    let is_other = |name: &str| SLOTS.contains(&name) || name == "unfinished" || name == BACKUP;
    let named = |name: &String| !is_derived(name) && !is_other(name);
    let read = |name: &String| read_whole(disk, name, 1 << 24).unwrap().unwrap();
    let mut files: BTreeMap<String, Vec<u8>> = disk.names().into_iter().filter(named).map(|name| (name.clone(), read(&name))).collect();
    // Zeros after the last entry, of which there may be more or fewer.
    for (name, bytes) in &mut files {
        if name.starts_with("segments/") {
            let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
            bytes.truncate(end);
        }
    }
    files.retain(|_, bytes| !bytes.is_empty());
    files
}

fn rule_of(error: &BackupError) -> Option<Rule> {
    match error {
        BackupError::Contradicted { refusal, .. } | BackupError::OtherLedger(refusal) => Some(refusal.rule),
        BackupError::Ledger(LedgerError::Damaged { refusal, .. }) | BackupError::Copy(LedgerError::Damaged { refusal, .. }) => {
            Some(refusal.rule)
        }
        _ => None,
    }
}

#[test]
fn a_copy_that_was_added_to_is_the_copy_that_is_made_at_once() {
    let script = Script::new();
    let grown = Disk::new(LAYOUT);
    let mut from = 0;
    for (number, stage) in stages(&script).iter().enumerate() {
        let copied = back_up(stage, &grown).unwrap();
        assert_eq!((copied.entries_new, copied.findings.len()), (copied.checkpoint.size - from, 0), "stage {number}");
        from = copied.checkpoint.size;
        assert_eq!(size_of(&grown, &script), from);
        let fresh = Disk::new(LAYOUT);
        back_up(stage, &fresh).unwrap();
        assert!(content(&grown) == content(&fresh), "stage {number}");
        assert!(content(&grown) == content(stage), "stage {number}");
        // And nothing is left to do.
        let again = back_up(stage, &grown).unwrap();
        assert_eq!((again.entries_new, again.refusals_new, again.bytes_new), (0, 0, 0));
    }
    assert_eq!(from, script.world.size());
    // The copy goes on as the ledger would have.
    let (ledger, recovered) = Ledger::open(grown, keys(), &mut |_| {}).unwrap();
    assert_eq!((ledger.seen().unwrap().root, recovered.kept, recovered.has_cut), (script.root(), 0, false));
}

/// From an empty folder, and from the copy of the stage before: every operation fails in every way, then the process or the
/// machine ends. What is left is the copy of before, the new one, or nobody's ledger; and the next run makes it whole.
#[test]
fn whatever_fails_the_copy_is_an_older_copy() {
    let script = Script::new();
    let stages = stages(&script);
    let last = stages.last().unwrap();
    let (mut met, mut older, mut unfinished) = (0, 0, 0);
    // Into nothing; over a border of segments, with refusals; over the change of the checkpoint's key.
    for (before, after) in [(None, 5), (None, 10), (Some(3), 5), (Some(6), 8), (Some(8), 10)] {
        let start = Disk::new(LAYOUT);
        let size_before = before.map_or(0, |stage: usize| back_up(&stages[stage], &start).unwrap().checkpoint.size);
        let (source, whole) = (&stages[after], start.fork());
        whole.plan(None);
        let size_after = back_up(source, &whole).unwrap().checkpoint.size;
        let operations = whole.operations();
        for (at, operation) in operations.iter().enumerate() {
            for mode in Mode::of(operation.kind) {
                for end in 0..4 {
                    let disk = start.fork();
                    let fault = Fault { at: at as u64, mode: *mode, seed: (at * 7 + end) as u64 };
                    disk.plan(Some(fault));
                    let answer = back_up(source, &disk);
                    assert!(disk.has_fired(), "{operation:?}");
                    assert!(answer.is_err(), "{operation:?} {mode:?} failed and nothing was said");
                    match end {
                        0 => disk.restart(),
                        1 => disk.crash(Kept::Nothing),
                        2 => disk.crash(Kept::Everything),
                        _ => disk.crash(Kept::Some(at as u64)),
                    }
                    met += 1;
                    if disk.len(MARKER).unwrap().is_some() {
                        let size = size_of(&disk, &script);
                        assert!(size == size_before || size == size_after, "{operation:?} {mode:?}: {size}");
                        older += u64::from(size == size_before);
                    } else {
                        assert!(before.is_none(), "the marker is gone: {operation:?} {mode:?}");
                        unfinished += 1;
                    }
                    back_up(source, &disk).unwrap_or_else(|error| panic!("{operation:?} {mode:?} {end}: {error}"));
                    disk.crash(Kept::Nothing);
                    assert_eq!(size_of(&disk, &script), size_after);
                    assert!(content(&disk) == content(source), "{operation:?} {mode:?} {end}");
                    back_up(last, &disk).unwrap();
                }
            }
        }
    }
    assert!(met > 2_000 && older > 100 && unfinished > 100, "{met} {older} {unfinished}");
}

#[test]
fn a_full_disk_leaves_the_copy_of_before() {
    let script = Script::new();
    let stages = stages(&script);
    for spare in [0, 100, 4_000, 9_000, 20_000] {
        let target = Disk::new(LAYOUT);
        let size = back_up(&stages[4], &target).unwrap().checkpoint.size;
        target.set_capacity(Some(target.used() + spare));
        let error = back_up(&stages[10], &target).unwrap_err();
        let is_full =
            matches!(&error, BackupError::Copy(LedgerError::Storage { source, .. }) if source.kind() == std::io::ErrorKind::StorageFull);
        assert!(is_full, "{error}");
        assert_eq!(size_of(&target, &script), size);
        target.set_capacity(None);
        back_up(&stages[10], &target).unwrap();
        assert!(content(&target) == content(&stages[10]));
    }
}

/// The first entries of a ledger; from one on, if asked for, each received a second later: another history under the same key.
fn history(world: &World, size: usize, forked_at: usize) -> Disk {
    let late = |(index, (received, note)): (usize, (UnixMs, Vec<u8>))| (received.plus_ms(if index < forked_at { 0 } else { 1_000 }), note);
    let notes: Vec<(UnixMs, Vec<u8>)> = world.notes().into_iter().take(size).enumerate().map(late).collect();
    Disk::holding(&world.rewritten(&notes), LAYOUT)
}

fn refuses(source: &Disk, target: &Disk, expected: Rule) -> BackupError {
    let before = content(target);
    let error = back_up(source, target).unwrap_err();
    assert_eq!(rule_of(&error), Some(expected), "{error}");
    assert!(content(target) == before, "the copy was touched");
    error
}

#[test]
fn a_ledger_that_contradicts_its_copy_is_refused_with_both_signatures() {
    let mut world = World::staffed();
    (0..12).for_each(|record| _ = world.import("case-0", record));
    let all = world.entries.len();
    let copied = Disk::new(LAYOUT);
    let own = back_up(&history(&world, all - 4, all), &copied).unwrap().checkpoint.size;
    for size in [1, 8, all - 5] {
        let error = refuses(&history(&world, size, all), &copied, Rule::Rollback);
        let BackupError::Contradicted { ledger, copy, .. } = error else { unreachable!() };
        let sizes = [ledger, copy].map(|note| signer::Checkpoint::parse(&note.text).filter(|_| world.is_signed(&note)).unwrap().size);
        assert_eq!(sizes, [size as u64, own]);
    }
    // Shorter, as long, longer than the copy; unlike it from early on, or from its last entry on.
    for forked_at in [2, 8, 9, own as usize - 1] {
        for size in [all - 6, all - 4, all - 3, all] {
            if size > forked_at {
                refuses(&history(&world, size, forked_at), &copied, Rule::Fork);
            }
        }
    }
    // What forks after the copy continues it.
    back_up(&history(&world, all, own as usize), &copied.fork()).unwrap();
    back_up(&history(&world, all, all), &copied).unwrap();
    let another = Disk::new(LAYOUT);
    let mut world = World::unwitnessed();
    world.import("case-1", 1);
    let there = Disk::holding(&world, LAYOUT);
    refuses(&there, &copied, Rule::KnownOther);
    back_up(&there, &another).unwrap();
}

#[test]
fn damage_is_named_and_does_not_reach_the_copy() {
    let script = Script::new();
    let stages = stages(&script);
    // Before the checkpoint's key changes; after that the whole ledger must be read, to learn it.
    let (old, new) = (&stages[4], &stages[8]);
    let copied = Disk::new(LAYOUT);
    let own = back_up(old, &copied).unwrap().checkpoint.size;
    // A flipped byte in every entry that is new.
    let mut reader = ledger::segment::EntryReader::new(new);
    let mut index = 0;
    loop {
        let (segment, offset) = reader.position();
        let Some(entry) = reader.next_entry().unwrap() else { break };
        let damaged = new.fork();
        let (segment, offset) = if offset > 0 && index % 8 == 0 { (segment + 1, 0) } else { (segment, offset) };
        damaged.tamper(&ledger::segment::segment_name(segment), |file| file[offset as usize + 2 + entry.len() / 2] ^= 1);
        if index >= own {
            let before = content(&copied);
            let error = back_up(&damaged, &copied).unwrap_err();
            let BackupError::Ledger(LedgerError::Damaged { index: at, .. }) = &error else { panic!("entry {index}: {error}") };
            // The chain shows it at the next entry, the root at the end.
            assert!(*at == index + 1 || *at == size_of(new, &script), "entry {index}: {error}");
            assert!(content(&copied) == before);
        } else {
            // What is copied already is not read again.
            assert_eq!(back_up(&damaged, &copied.fork()).unwrap().checkpoint.size, size_of(new, &script));
        }
        let rekeyed = stages[10].fork();
        rekeyed.tamper(&ledger::segment::segment_name(segment), |file| file[offset as usize + 2 + entry.len() / 2] ^= 1);
        let error = back_up(&rekeyed, &copied.fork()).unwrap_err();
        assert!(matches!(error, BackupError::Ledger(LedgerError::Damaged { index: at, .. }) if at == index + 1 || index == 0), "{error}");
        let fresh = Disk::new(LAYOUT);
        assert!(back_up(&damaged, &fresh).is_err() && fresh.len(MARKER).unwrap().is_none(), "entry {index}");
        index += 1;
    }
    assert!(index > own + 4);
    // Damage of the copy is said of the copy.
    let rotten = copied.fork();
    rotten.tamper("segments/000000", |file| file[500] ^= 1);
    assert!(matches!(back_up(new, &rotten), Err(BackupError::Copy(LedgerError::Damaged { .. }))));
    for slot in SLOTS {
        rotten.tamper(slot, |file| file[10] ^= 1);
    }
    assert!(matches!(back_up(new, &rotten), Err(BackupError::Copy(LedgerError::Damaged { .. }))));
}

#[test]
fn refusals_are_added_and_one_that_is_gone_is_a_finding() {
    let script = Script::new();
    let stages = stages(&script);
    let copied = Disk::new(LAYOUT);
    let first = back_up(&stages[4], &copied).unwrap();
    let (old, new) = (stages[4].clone(), stages[10].fork());
    let name = old.names().into_iter().find(|name| name.starts_with("refusals/")).unwrap();
    assert_eq!(first.refusals_new, 1);
    let kept = read_whole(&copied, &name, 65_000).unwrap();
    new.tamper(&name, |file| file[100] ^= 1);
    assert_eq!(back_up(&new, &copied).unwrap().findings[0].rule, Rule::RefusalsUnlike);
    new.remove(&name);
    let mut writer = new.clone();
    writer.write_at("refusals/note to self", 0, b"not a refusal").unwrap();
    let copied_again = back_up(&new, &copied).unwrap();
    assert_eq!((copied_again.findings.len(), copied_again.refusals_left), (1, 1));
    assert_eq!(read_whole(&copied, &name, 65_000).unwrap(), kept, "the copy keeps its own");
    assert_eq!(size_of(&copied, &script), script.world.size(), "and goes on");
}

#[test]
fn entries_without_a_checkpoint_and_keys_are_not_copied() {
    let script = Script::new();
    let source = stages(&script)[10].fork();
    let covered = size_of(&stages(&script)[9], &script);
    // A commit that stopped before its checkpoint.
    let newest = SLOTS.iter().find(|slot| {
        let other = source.fork();
        other.remove(slot);
        size_of(&other, &script) == covered
    });
    source.remove(newest.unwrap());
    let mut writer = source.clone();
    for name in ["checkpoint-key.pem", "demo-seed", "lock", "hashes/0", "views"] {
        writer.write_at(name, 0, b"secret").unwrap();
    }
    writer.write_at("trust-policy", 0, b"policy\n").unwrap();
    let target = Disk::new(LAYOUT);
    assert_eq!(back_up(&source, &target).unwrap().checkpoint.size, covered);
    let names: Vec<String> = target.names().into_iter().filter(|name| !name.contains('/')).collect();
    assert_eq!(names, ["BACKUP", "checkpoint.0", "ledger", "trust-policy"]);
    assert!(target.names().iter().all(|name| !name.starts_with("hashes")));
    assert_eq!(audited(&target, &script).findings, vec![]);
}

#[test]
fn a_folder_that_is_no_copy_is_left_alone() {
    let script = Script::new();
    let stages = stages(&script);
    // A ledger, perhaps in use; anything else.
    let ledger = stages[4].fork();
    let other = Disk::new(LAYOUT);
    other.clone().write_at("letter.txt", 0, b"dear").unwrap();
    for disk in [&ledger, &other] {
        let before = disk.fingerprint();
        assert!(matches!(back_up(&stages[10], disk), Err(BackupError::NotACopy(_))));
        assert_eq!(disk.fingerprint(), before);
    }
}
