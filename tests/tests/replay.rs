//! Entries that were admitted are shown again, from any entry on.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail loudly")]

use std::ops::ControlFlow;

use ledger::entry::SealedEntry;
use ledger::layout::{Layout, SEGMENT_ENTRIES};
use ledger::segment::Segments;
use ledger::snapshot::Snapshot;
use ledger::storage::{Folder, Storage};
use ledger::{Ledger, LedgerError};
use signer::rule::Rule;
use tests::World;
use tests::disk::Disk;
use tests::every_act::every_act;
use tests::world::key;

/// Indexes and statement hashes of what is shown.
fn shown(
    show: impl Fn(&mut dyn FnMut(&ledger::replay::AdmittedEntry<'_>) -> ControlFlow<()>) -> Result<(), LedgerError>,
) -> Vec<(u64, i64, Vec<u8>)> {
    let mut all = Vec::new();
    show(&mut |entry| {
        all.push((entry.index, entry.received.0, entry.verified.bytes.clone()));
        ControlFlow::Continue(())
    })
    .unwrap();
    all
}

/// That a snapshot and a ledger opened on the same record show the same, whichever entry comes first.
fn shows_from_every_entry(world: &World, to_read: impl Storage, to_open: impl Storage) {
    let snapshot = Snapshot::open(to_read, &mut |_| {}).unwrap();
    let (opened, _) = Ledger::open(to_open, vec![key("checkpoint")], &mut |_| {}).unwrap();
    let all = shown(|visit| snapshot.admitted(0, visit));
    assert_eq!(all.len() as u64, world.history.size());
    for (index, (shown, entry)) in all.iter().zip(&world.entries).enumerate() {
        assert_eq!(shown.0, index as u64);
        assert!(entry.bytes.ends_with(&shown.2));
        assert_eq!(Some(shown.1), world.history.received(index as u64).map(|received| received.0));
    }
    for from in 0..=world.history.size() + 1 {
        let rest = all.get(from as usize..).unwrap_or_default();
        assert_eq!(shown(|visit| snapshot.admitted(from, visit)), rest);
        assert_eq!(shown(|visit| opened.admitted(from, visit)), rest);
    }
}

#[test]
fn an_open_ledger_and_a_snapshot_show_the_same_from_every_entry_on() {
    let world = every_act().world;
    let folder = tempfile::tempdir().unwrap();
    world.write(folder.path());
    shows_from_every_entry(&world, Folder::open_to_read(folder.path()).unwrap(), Folder::open(folder.path()).unwrap());
}

#[test]
fn the_same_across_many_segments() {
    // More entries than a bundle of the format has, so that its numbers would be wrong here.
    let mut world = World::staffed();
    (0..280).for_each(|record| _ = world.import("c-1", record));
    let disk = Disk::holding(&world, Layout { segment_entries: 8, bundle_entries: 4, prewritten_bytes: 512 });
    shows_from_every_entry(&world, disk.fork(), disk);
}

#[test]
fn what_changed_since_the_audit_is_not_shown() {
    let world = World::staffed();
    let folder = tempfile::tempdir().unwrap();
    world.write(folder.path());
    let audited = Snapshot::open(Folder::open_to_read(folder.path()).unwrap(), &mut |_| {}).unwrap();
    let segment = folder.path().join("segments/000000");
    let mut bytes = std::fs::read(&segment).unwrap();
    let last = bytes.iter().rposition(|b| *b != 0).unwrap();
    // The last letter of the last signature: still a note of the right shape.
    bytes[last - 10] = if bytes[last - 10] == b'A' { b'B' } else { b'A' };
    std::fs::write(&segment, &bytes).unwrap();
    let mut seen = 0;
    let error = audited.admitted(0, &mut |_| {
        seen += 1;
        ControlFlow::Continue(())
    });
    let last_entry = world.history.size() - 1;
    assert!(matches!(error, Err(LedgerError::Damaged { index, refusal }) if index == last_entry && refusal.rule == Rule::Chain));
    assert_eq!(seen, last_entry);
    let again = Snapshot::open(Folder::open_to_read(folder.path()).unwrap(), &mut |_| {}).map(|_| ());
    assert!(matches!(again, Err(LedgerError::Damaged { refusal, .. }) if refusal.rule == Rule::CheckpointRoot));
}

#[test]
fn a_reader_begins_at_any_entry_of_any_segment() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = Folder::create(&folder.path().join("ledger")).unwrap();
    let mut segments = Segments::default();
    let total = SEGMENT_ENTRIES + 600;
    let entries: Vec<SealedEntry> =
        (0..total).map(|n| SealedEntry::of(format!("entry {n}{}", "x".repeat(n as usize % 50)).into_bytes())).collect();
    segments.append(&mut storage, &entries).unwrap();
    for from in [
        0,
        1,
        255,
        256,
        257,
        511,
        65_279,
        SEGMENT_ENTRIES - 1,
        SEGMENT_ENTRIES,
        SEGMENT_ENTRIES + 1,
        SEGMENT_ENTRIES + 256,
        total - 1,
        total,
        total + 5_000,
    ] {
        let mut reader = segments.reader(&storage, from).unwrap();
        let mut expected = entries.iter().skip(from as usize);
        while let Some(found) = reader.next_entry().unwrap() {
            assert_eq!(Some(&found), expected.next().map(|entry| &entry.bytes), "from {from}");
        }
        assert_eq!(expected.count(), 0, "from {from}");
        assert!(from >= total || reader.count() == total);
    }
}
