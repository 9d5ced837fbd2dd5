//! Views are disposable: deleted, killed, damaged or built anew they are the same, at every prefix of the log.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ledger::audit::{Question, audit};
use ledger::replay::AdmittedEntry;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use ledger::{Ledger, LedgerError};
use projector::follow::{AdmittedLog, Opened, Projection, UpTo, follow, follow_in_batches};
use projector::rows::{Changes, DeadlineRow, MemoryRows, MoneyRow, Row, Sum, TallyRow, dump};
use projector::store::{Store, tamper};
use projector::views::{Views, fold};
use projector::{Cursor, Key, Prefix, ProjectorError, Rows};
use signer::ActName;
use signer::value::{LedgerId, TreeRoot};
use tests::World;
use tests::cluster::on_a_cluster;
use tests::every_act::{every_act, every_act_of, whole_programme};
use tests::recount::recount;
use tests::world::{bytes, founding, key};

fn with_log(world: &World, test: impl FnOnce(&dyn AdmittedLog)) {
    let folder = tempfile::tempdir().unwrap();
    world.write(folder.path());
    let storage = Folder::open_to_read(folder.path()).unwrap();
    let report = audit(&Question { storage: &storage, policy: None, is_policy_inside: false, known: &[] }, &mut |_, _| {}).unwrap();
    assert_eq!(report.findings, vec![]);
    test(&Snapshot::open(Folder::open_to_read(folder.path()).unwrap(), &mut |_| {}).unwrap());
}

fn with_snapshot(world: &World, test: impl FnOnce(&Snapshot<Folder>)) {
    let folder = tempfile::tempdir().unwrap();
    world.write(folder.path());
    test(&Snapshot::open(Folder::open_to_read(folder.path()).unwrap(), &mut |_| {}).unwrap());
}

fn in_memory(log: &dyn AdmittedLog) -> String {
    let mut rows = MemoryRows::default();
    follow_in_batches(&mut rows, log, 64, &mut |_| {}).unwrap();
    dump(&rows).unwrap()
}

fn open(path: &Path, log: &dyn AdmittedLog) -> (Projection, Opened) {
    Projection::open(path, log, &mut |_| {}).unwrap()
}

/// The folder of the generation in use.
fn generation(path: &Path) -> PathBuf {
    let pointer = fs::read_to_string(path.join("current")).unwrap();
    path.join(format!("generation-{:0>6}", pointer.lines().nth(1).unwrap()))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Folders of stores below the views' folder.
fn stores(path: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    names.filter(|entry| entry.file_type().unwrap().is_dir()).map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn the_ledgers_of_these_tests_have_every_act() {
    let world = every_act().world;
    assert!((140..170).contains(&world.history.size()), "{}", world.history.size());
    let mut names: BTreeSet<String> = BTreeSet::new();
    for world in [world, whole_programme(), on_a_cluster()] {
        with_log(&world, |log| {
            let mut rows = MemoryRows::default();
            follow(&mut rows, log, &mut |_| {}).unwrap();
            let entries = rows.page(&Prefix::entries(), None, 1_000).unwrap();
            assert_eq!(entries.len() as u64, world.history.size());
            let named =
                entries.iter().filter_map(|(_, row)| if let Row::Entry(row) = row { Some(row.deed.name().to_owned()) } else { None });
            names.extend(named);
        });
    }
    let expected: BTreeSet<String> =
        ActName::ALL.iter().map(|act| act.as_str()).chain(["cosigned", "index", "epoch", "anchor"]).map(str::to_owned).collect();
    assert_eq!(names, expected);
}

#[test]
fn built_anew_is_followed_entry_by_entry_at_every_prefix() {
    for world in [every_act().world, whole_programme(), on_a_cluster()] {
        with_log(&world, followed_at_every_prefix);
    }
}

fn followed_at_every_prefix(log: &dyn AdmittedLog) {
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views");
        let mut memory = MemoryRows::default();
        let (mut kept, opened) = open(&path, &UpTo::new(log, 0));
        assert!(matches!(opened, Opened::New));
        let mut dumps = BTreeSet::new();
        for size in 0..=log.size() {
            let prefix = UpTo::new(log, size);
            let rebuilt = in_memory(&prefix);
            assert_eq!(follow(&mut memory, &prefix, &mut |_| {}).unwrap(), u64::from(size > 0));
            assert_eq!(kept.behind(&prefix).unwrap(), u64::from(size > 0));
            kept.follow(&prefix, &mut |_| {}).unwrap();
            assert_eq!(dump(&memory).unwrap(), rebuilt, "at {size}");
            assert_eq!(dump(kept.rows()).unwrap(), rebuilt, "at {size}");
            assert!(dumps.insert(rebuilt), "entry {size} changed nothing");
        }
        kept.rebuild(log, &mut |_| {}).unwrap();
        assert_eq!(dump(kept.rows()).unwrap(), dump(&memory).unwrap());
        assert_eq!(stores(&path), ["aside", "generation-000002"].map(str::to_owned).into());
    }
}

/// Every act there is, with suspensions, corrections, failed payments, joins and answers, counted by another way.
#[test]
fn counts_are_those_that_are_counted_without_the_views() {
    let least_of_cluster = [0, 0, 0, 0, 0, 3, 1, 0];
    for (world, least) in [
        (every_act().world, [0, 0, 0, 0, 0, 10, 3, 0]),
        (whole_programme(), [10, 1, 2, 4, 4, 50, 10, 0]),
        (on_a_cluster(), least_of_cluster),
    ] {
        with_snapshot(&world, |log| {
            let mut rows = MemoryRows::default();
            for size in 1..=log.size() {
                follow(&mut rows, &UpTo::new(log, size), &mut |_| {}).unwrap();
                if size.is_multiple_of(5) || size == log.size() {
                    recount(log, size).assert_agrees(&rows);
                }
            }
            let lengths = recount(log, log.size()).lengths();
            assert!(lengths.iter().zip(least).all(|(found, least)| *found >= least), "{lengths:?}");
        });
    }
}

/// The counts are looked at one by one: a row that is off by one is found.
#[test]
fn a_count_that_is_off_by_one_is_found() {
    with_snapshot(&whole_programme(), |log| {
        let mut rows = MemoryRows::default();
        follow(&mut rows, log, &mut |_| {}).unwrap();
        let counted = recount(log, log.size());
        let mut found = 0;
        for (key, row) in rows.page(&Prefix::all(), None, usize::MAX).unwrap() {
            let wrong = match (&key, row) {
                (Key::Funnel(..) | Key::Standing(..), Row::Number(n)) => Row::Number(n + 1),
                (Key::Money(..), Row::Money(row)) => Row::Money(MoneyRow { paid: Sum { fen: row.paid.fen + 1, ..row.paid }, ..row }),
                (Key::Deadline(..), Row::Deadline(row)) => Row::Deadline(DeadlineRow { late: row.late + 1, ..row }),
                (Key::Responsibility(..) | Key::Workload(..), Row::Tally(row)) => Row::Tally(TallyRow { acts: row.acts + 1, ..row }),
                _ => continue,
            };
            let mut wrong_rows = rows.clone();
            let cursor = rows.cursor().unwrap().unwrap();
            wrong_rows
                .commit(Changes { from: cursor.size, to: cursor.size, rows: [(key, Box::new(wrong))].into_iter().collect() }, cursor)
                .unwrap();
            assert!(!counted.differences(&wrong_rows).is_empty());
            found += 1;
        }
        assert!(found > 80, "{found}");
    });
}

#[test]
fn a_store_built_anew_at_every_prefix_is_the_same() {
    with_log(&every_act().world, |log| {
        for size in (0..=log.size()).step_by(7).chain([log.size()]) {
            let folder = tempfile::tempdir().unwrap();
            let prefix = UpTo::new(log, size);
            let (views, _) = open(&folder.path().join("views"), &prefix);
            assert_eq!(dump(views.rows()).unwrap(), in_memory(&prefix), "at {size}");
        }
    });
}

/// A crash leaves whatever had reached the disk: the files are copied while the store is open and nothing was flushed.
#[test]
fn killed_at_any_entry_it_goes_on_from_some_entry_before() {
    for world in [every_act().world, whole_programme()] {
        with_log(&world, killed_at_random_entries);
    }
}

fn killed_at_random_entries(log: &dyn AdmittedLog) {
    {
        let expected = in_memory(log);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views");
        drop(open(&path, &UpTo::new(log, 0)));
        let mut store = Store::open(&generation(&path)).unwrap();
        let mut random = 0x2545_f491_4f6c_dd1du64;
        let mut found = BTreeSet::new();
        for size in 1..=log.size() {
            commit_next(&mut store, log);
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            if random.is_multiple_of(8) {
                store.flush().unwrap();
            }
            if random.is_multiple_of(5) {
                let image = folder.path().join(format!("image {size}"));
                copy(&path, &image);
                let prefix = UpTo::new(log, size);
                let (views, opened) = open(&image, &prefix);
                let Opened::Continued { from } = opened else { panic!("a crash is no damage: {opened:?}") };
                assert!(from <= size);
                found.insert(from);
                assert_eq!(dump(views.rows()).unwrap(), in_memory(&prefix), "killed at {size}, found {from}");
                drop(views);
                let (views, _) = open(&image, log);
                assert_eq!(dump(views.rows()).unwrap(), expected);
            }
        }
        assert!(found.len() > 5, "{found:?}");
    }
}

/// Folds and commits one entry, without making it durable.
fn commit_next(rows: &mut dyn Rows, log: &dyn AdmittedLog) {
    let mut views = Views::of(rows).unwrap();
    log.admitted(views.next(), &mut |entry| {
        fold(&mut views, rows, entry).unwrap();
        ControlFlow::Break(())
    })
    .unwrap();
    let size = views.next();
    rows.commit(views.take_changes(), Cursor { ledger: log.id().clone(), size, root: log.root_at(size).unwrap() }).unwrap();
}

/// Whatever is cut from or changed in the files, the views are right afterwards.
#[test]
fn torn_and_flipped_files_are_found_or_harmless() {
    with_log(&every_act().world, |log| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views");
        drop(open(&path, &UpTo::new(log, 0)));
        // One entry a batch, so that much can be lost of it or little.
        (0..100).for_each(|_| commit_next(&mut Store::open(&generation(&path)).unwrap(), log));
        drop(open(&path, &UpTo::new(log, 100)));
        let expected = in_memory(log);
        let whole = fs::read(generation(&path).join("db")).unwrap();
        let used = whole.iter().rposition(|b| *b != 0).unwrap() + 1;
        let mut harmed = 0;
        for (number, cut) in (0..24).map(|n| used * n / 24).chain([used - 1, used - 7, used - 300]).enumerate() {
            for is_cut in [true, false] {
                let image = folder.path().join(format!("image {number} {is_cut}"));
                copy(&path, &image);
                let mut damaged = whole.clone();
                if is_cut {
                    damaged[cut..].fill(0);
                } else {
                    damaged[cut] ^= 0x20;
                }
                fs::write(generation(&image).join("db"), damaged).unwrap();
                let (views, opened) = open(&image, log);
                assert_eq!(dump(views.rows()).unwrap(), expected, "cut {is_cut} at {cut}: {opened:?}");
                harmed += usize::from(!matches!(opened, Opened::Continued { from: 100 }));
                drop(views);
                assert!(stores(&image).len() <= 2);
                let (views, again) = open(&image, log);
                assert_eq!(dump(views.rows()).unwrap(), expected, "cut {is_cut} at {cut}: {opened:?}, then {again:?}");
                drop(views);
                // Damage where nothing was read, in what the engine knows of free pages, may do harm later: found at the next opening.
                let last = if matches!(again, Opened::Rebuilt { .. }) { open(&image, log).1 } else { again };
                assert!(
                    matches!(last, Opened::Continued { from } if from == log.size()),
                    "cut {is_cut} at {cut}: {opened:?}, then {last:?}"
                );
            }
        }
        assert!(harmed > 10, "{harmed} harmed");
    });
}

/// Of a batch that was being written when the power failed everything is there or nothing, whichever of its pages had reached the
/// disk: rows and cursor are one transaction.
#[test]
fn a_half_written_batch_was_never_written() {
    const PAGE_BYTES: usize = 4096;
    with_log(&every_act().world, |log| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views");
        drop(open(&path, &UpTo::new(log, 60)));
        let mut store = Store::open(&generation(&path)).unwrap();
        let before = folder.path().join("before");
        copy(&path, &before);
        follow(&mut store, &UpTo::new(log, 140), &mut |_| {}).unwrap();
        let written = fs::read(generation(&path).join("db")).unwrap();
        let mut old = fs::read(generation(&before).join("db")).unwrap();
        // A file that grew is as long as it became: the length is no page.
        old.resize(written.len(), 0);
        let pages = (0..written.len() / PAGE_BYTES).map(|page| page * PAGE_BYTES..(page + 1) * PAGE_BYTES);
        let changed: Vec<_> = pages.filter(|page| old[page.clone()] != written[page.clone()]).collect();
        assert!(changed.len() > 20, "{}", changed.len());
        let mut random = 0x2545_f491_4f6c_dd1du64;
        let mut found = BTreeSet::new();
        for n in 0..40 {
            let mut torn = old.clone();
            for (at, page) in changed.iter().enumerate() {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                // None, all, all but one, all but the first, only the first, some.
                let has_reached = match n {
                    0 => false,
                    1 => true,
                    2..10 => at != changed.len() * (n - 2) / 8,
                    10 => at > 0,
                    11 => at == 0,
                    _ => random % 16 < n as u64 % 16,
                };
                if has_reached {
                    torn[page.clone()].copy_from_slice(&written[page.clone()]);
                }
            }
            let image = folder.path().join(format!("image {n}"));
            copy(&before, &image);
            fs::write(generation(&image).join("db"), torn).unwrap();
            let (views, opened) = open(&image, log);
            let Opened::Continued { from } = opened else { panic!("a crash is no damage: {opened:?}, {n}") };
            found.insert(from);
            assert_eq!(dump(views.rows()).unwrap(), in_memory(log));
        }
        assert_eq!(found, [60, 140].into());
    });
}

/// A store that counts fewer entries than it once had durable: somebody, or a disk, put an older one in its place.
#[test]
fn an_older_store_in_its_place_is_found() {
    with_log(&every_act().world, |log| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views");
        drop(open(&path, &UpTo::new(log, 60)));
        let older = fs::read(generation(&path).join("db")).unwrap();
        drop(open(&path, log));
        fs::write(generation(&path).join("db"), older).unwrap();
        assert!(matches!(reopened(&path, log), ProjectorError::Lost { found: 60, .. }));
    });
}

/// Opens views that were tampered with; says why they were built anew.
fn reopened(path: &Path, log: &dyn AdmittedLog) -> ProjectorError {
    let (views, opened) = open(path, log);
    assert_eq!(dump(views.rows()).unwrap(), in_memory(log));
    drop(views);
    let again = open(path, log).1;
    assert!(matches!(again, Opened::Continued { from } if from == log.size()), "{opened:?}, then {again:?}");
    let Opened::Rebuilt { because } = opened else { panic!("{opened:?}") };
    *because
}

#[test]
fn views_of_another_schema_ledger_or_history_are_put_aside_once() {
    let ours = every_act().world;
    let other = every_act_of(signer::act::Founding { nonce: signer::value::Nonce(bytes("another nonce")), ..founding() }).world;
    let mut fork = World::staffed();
    (0..9).for_each(|record| _ = fork.import("c-1", record));
    with_log(&ours, |log| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views");
        drop(open(&path, log));
        let ours_then = generation(&path);
        with_log(&other, |other| {
            assert!(matches!(reopened(&path, other), ProjectorError::OtherLedger { expected, .. } if expected == other.id().as_str()));
        });
        assert!(!ours_then.exists());
        assert!(matches!(reopened(&path, log), ProjectorError::OtherLedger { .. }));
        let schema_next = (projector::rows::SCHEMA + 1).to_be_bytes();
        tamper::edit(&generation(&path), |rows| rows.get_mut(tamper::CURSOR_KEY).unwrap()[..4].copy_from_slice(&schema_next)).unwrap();
        assert!(matches!(reopened(&path, log), ProjectorError::Schema { expected, found } if found == expected + 1));
        // The same ledger, shorter; then another history of it.
        assert!(matches!(reopened(&path, &UpTo::new(log, 90)), ProjectorError::OtherHistory { size, .. } if size == log.size()));
        with_log(&fork, |fork| {
            assert_eq!(fork.id(), log.id());
            assert!(matches!(reopened(&path, fork), ProjectorError::OtherHistory { .. }));
        });
        assert!(matches!(reopened(&path, log), ProjectorError::OtherHistory { .. }));
        assert_eq!(stores(&path).len(), 2);
    });
}

#[test]
fn rows_changed_by_hand_are_found() {
    with_log(&every_act().world, |log| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views");
        drop(open(&path, log));
        let case = Key::Case("c-1".to_owned()).encode();
        let entry = Key::Entry(20).encode();
        type Edit<'a> = &'a dyn Fn(&mut BTreeMap<Vec<u8>, Vec<u8>>);
        let (moved, spare) = (entry.clone(), Key::Entry(21).encode());
        let edits: [(&str, Edit<'_>); 10] = [
            ("one count more", &|rows| *rows.get_mut(&case).unwrap().last_mut().unwrap() += 1),
            ("a row of another key", &|rows| _ = rows.insert(moved.clone(), rows[&spare].clone())),
            ("two rows changed places", &|rows| {
                let (a, b) = (rows[&moved].clone(), rows[&spare].clone());
                rows.extend([(moved.clone(), b), (spare.clone(), a)]);
            }),
            ("one row less", &|rows| _ = rows.remove(&entry)),
            ("one count more behind a new seal", &|rows| {
                let mut row = tamper::row_of(&rows[&case]).to_vec();
                *row.last_mut().unwrap() ^= 1;
                rows.insert(case.clone(), tamper::sealed(&case, &row));
            }),
            ("one row more behind a seal", &|rows| {
                let (key, row) = (Key::Entry(5_000).encode(), tamper::row_of(&rows[&entry]).to_vec());
                rows.insert(key.clone(), tamper::sealed(&key, &row));
            }),
            ("one row more", &|rows| _ = rows.insert(Key::Entry(5_000).encode(), rows[&entry].clone())),
            ("no row at all", &|rows| _ = rows.insert(entry.clone(), vec![0xff; 40])),
            ("a key that is none", &|rows| _ = rows.insert(b"nonsense".to_vec(), rows[&entry].clone())),
            ("no cursor", &|rows| _ = rows.remove(tamper::CURSOR_KEY)),
        ];
        for (what, edit) in edits {
            tamper::edit(&generation(&path), edit).unwrap();
            let because = reopened(&path, log);
            assert!(matches!(because, ProjectorError::Seal { .. } | ProjectorError::Row { .. }), "{what}: {because}");
        }
        // A store that nobody changed stays.
        tamper::edit(&generation(&path), |_| {}).unwrap();
        assert!(matches!(open(&path, log).1, Opened::Continued { .. }));
    });
}

#[test]
fn whatever_is_deleted_comes_back() {
    with_log(&every_act().world, |log| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views");
        drop(open(&path, log));
        fs::remove_dir_all(generation(&path)).unwrap();
        assert!(matches!(reopened(&path, log), ProjectorError::Incomplete { .. }));
        fs::write(path.join("current"), "zeren views v1\nseven\n").unwrap();
        assert!(matches!(reopened(&path, log), ProjectorError::Incomplete { .. }));
        fs::write(path.join("current"), vec![b'7'; 100]).unwrap();
        assert!(matches!(reopened(&path, log), ProjectorError::Incomplete { .. }));
        // What a build that was killed leaves is removed.
        copy(&generation(&path), &path.join("generation-000077"));
        assert!(matches!(open(&path, log).1, Opened::Continued { .. }));
        assert!(!path.join("generation-000077").exists());
        fs::remove_file(path.join("current")).unwrap();
        let (views, opened) = open(&path, log);
        assert!(matches!(opened, Opened::New));
        assert_eq!(dump(views.rows()).unwrap(), in_memory(log));
        drop(views);
        fs::remove_dir_all(&path).unwrap();
        let (views, opened) = open(&path, log);
        assert!(matches!(opened, Opened::New));
        assert_eq!(dump(views.rows()).unwrap(), in_memory(log));
    });
}

#[test]
fn a_second_process_is_told_and_changes_nothing() {
    with_log(&every_act().world, |log| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views");
        let (views, _) = open(&path, log);
        let before = stores(&path);
        assert!(matches!(Projection::open(&path, log, &mut |_| {}), Err(ProjectorError::InUse)));
        assert_eq!(stores(&path), before);
        assert_eq!(dump(views.rows()).unwrap(), in_memory(log));
        let nowhere = folder.path().join("no").join("views");
        assert!(matches!(Projection::open(&nowhere, log, &mut |_| {}), Err(ProjectorError::Storage { .. })));
    });
}

/// Rows that fail at one reading or one commit.
struct Faulty {
    rows: MemoryRows,
    reads_left: std::cell::Cell<u64>,
    commits_left: u64,
}

fn fault<T>() -> Result<T, ProjectorError> {
    Err(ProjectorError::Storage { step: "failing as asked", source: std::io::Error::other("a fault") })
}

impl Rows for Faulty {
    fn cursor(&self) -> Result<Option<Cursor>, ProjectorError> {
        self.rows.cursor()
    }

    fn row(&self, key: &Key) -> Result<Option<Row>, ProjectorError> {
        if self.reads_left.get() == 0 {
            return fault();
        }
        self.reads_left.set(self.reads_left.get() - 1);
        self.rows.row(key)
    }

    fn page(&self, prefix: &Prefix, after: Option<&Key>, most: usize) -> Result<Vec<(Key, Row)>, ProjectorError> {
        self.rows.page(prefix, after, most)
    }

    fn commit(&mut self, changes: Changes, cursor: Cursor) -> Result<(), ProjectorError> {
        if self.commits_left == 0 {
            return fault();
        }
        self.commits_left -= 1;
        self.rows.commit(changes, cursor)
    }

    fn flush(&mut self) -> Result<(), ProjectorError> {
        self.rows.flush()
    }
}

#[test]
fn a_fault_stops_before_the_entry_and_skips_none() {
    with_log(&every_act().world, |log| {
        let expected = in_memory(log);
        let mut stops = BTreeSet::new();
        for (reads, commits, batch) in (0..60).map(|n| (n * 23, u64::MAX, 1 + n % 9)).chain((0..30).map(|n| (u64::MAX, n, 1 + n % 7))) {
            let mut faulty = Faulty { rows: MemoryRows::default(), reads_left: reads.into(), commits_left: commits };
            let error = follow_in_batches(&mut faulty, log, batch, &mut |_| {}).map(|_| ());
            let at = faulty.rows.cursor().unwrap().map_or(0, |cursor| cursor.size);
            match error {
                Err(ProjectorError::Behind { at: told, of, .. }) => {
                    assert_eq!((told, of), (at, log.size()));
                    stops.insert(at);
                }
                other => assert!(other.is_ok() && at == log.size(), "{other:?} after {reads} readings, {commits} commits"),
            }
            assert_eq!(dump(&faulty.rows).unwrap(), in_memory(&UpTo::new(log, at)));
            let mut rows = faulty.rows;
            follow(&mut rows, log, &mut |_| {}).unwrap();
            assert_eq!(dump(&rows).unwrap(), expected);
        }
        assert!(stops.len() > 30, "{stops:?}");
    });
}

/// A log that leaves an entry out, shows one twice, or ends too early.
struct Wrong<'a> {
    log: &'a dyn AdmittedLog,
    entry: u64,
    shows: u64,
}

impl AdmittedLog for Wrong<'_> {
    fn id(&self) -> &LedgerId {
        self.log.id()
    }

    fn size(&self) -> u64 {
        self.log.size()
    }

    fn root_at(&self, size: u64) -> Option<TreeRoot> {
        self.log.root_at(size)
    }

    fn admitted(&self, from: u64, visit: &mut dyn FnMut(&AdmittedEntry<'_>) -> ControlFlow<()>) -> Result<(), LedgerError> {
        self.log.admitted(from, &mut |entry| {
            let times = if entry.index == self.entry { self.shows } else { 1 };
            (0..times).try_for_each(|_| visit(entry))
        })
    }
}

#[test]
fn an_entry_left_out_or_shown_twice_stops_the_views_where_they_are() {
    with_log(&every_act().world, |log| {
        for (entry, shows) in [(0, 0), (0, 2), (40, 0), (40, 2), (log.size() - 1, 0), (log.size() - 1, 2)] {
            let wrong = Wrong { log, entry, shows };
            let right = entry + u64::from(shows > 0);
            let mut rows = MemoryRows::default();
            let error = follow_in_batches(&mut rows, &wrong, 16, &mut |_| {});
            assert!(
                matches!(error, Err(ProjectorError::Behind { at, of, .. }) if at == right && of == log.size()) || right == log.size(),
                "{error:?}"
            );
            assert_eq!(rows.cursor().unwrap().map_or(0, |cursor| cursor.size), right);
            assert_eq!(dump(&rows).unwrap(), in_memory(&UpTo::new(log, right)));
            // The store is not at fault, and stays.
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("views");
            drop(open(&path, &UpTo::new(log, entry)));
            let before = stores(&path);
            assert!(Projection::open(&path, &wrong, &mut |_| {}).is_err());
            assert_eq!(stores(&path), before);
        }
    });
}

/// An open ledger shows what is durable; views follow it as it grows.
#[test]
fn views_follow_an_open_ledger() {
    let mut world = World::staffed();
    let folder = tempfile::tempdir().unwrap();
    world.write(folder.path());
    let views = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::open(Folder::open(folder.path()).unwrap(), vec![key("checkpoint")], &mut |_| {}).unwrap();
    let (mut projection, _) = open(&views.path().join("views"), &ledger);
    for record in 0..5 {
        let clock = world.clock;
        world.import("c-1", record);
        let note = ledger::entry::Entry::parse(&world.entries.last().unwrap().bytes).unwrap().note.to_vec();
        let verified = ledger::check(&note, ledger.ring()).unwrap();
        ledger.append(vec![verified], clock).unwrap();
        assert_eq!(ledger.history().size(), world.history.size());
        assert_eq!(projection.behind(&ledger).unwrap(), 1);
        assert_eq!(projection.follow(&ledger, &mut |_| {}).unwrap(), 1);
        assert_eq!(dump(projection.rows()).unwrap(), in_memory(&ledger));
    }
    assert_eq!(projection.follow(&ledger, &mut |_| {}).unwrap(), 0);
}
