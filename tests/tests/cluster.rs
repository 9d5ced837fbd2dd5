//! A ledger that is opened, and to which epochs and anchors are appended: what its state says of them, and what the same note
//! once again is answered with.
#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene should fail loudly")]

use std::path::Path;

use ledger::check::check;
use ledger::state::{Anchored, Epoch};
use ledger::storage::Folder;
use ledger::{Answer, Ledger, append_through};
use tests::cluster::{county, node, on_a_cluster};
use tests::stream::Begins;
use tests::world::{World, key};

fn open(place: &Path) -> Ledger<Folder> {
    Ledger::open(Folder::open(place).unwrap(), vec![key("checkpoint")], &mut |_| {}).unwrap().0
}

fn append(ledger: &mut Ledger<Folder>, world: &World, note: &signer::Note) -> Answer {
    let verified = check(note.encode().as_bytes(), ledger.ring()).unwrap();
    append_through(ledger, vec![verified], world.clock, &mut Begins).unwrap().remove(0)
}

#[test]
fn the_state_knows_the_epoch_in_force_and_the_latest_of_each_anchored_ledger() {
    let world = on_a_cluster();
    let place = tempfile::tempdir().unwrap();
    world.write(place.path());
    // Once as it was appended and covered, once more from what the first opening left.
    for _ in 0..2 {
        let ledger = open(place.path());
        let state = ledger.state();
        let epochs: Vec<u64> = (0..world.size()).filter(|index| begins(&world, *index, "zeren epoch v1")).collect();
        let anchors: Vec<u64> = (0..world.size()).filter(|index| begins(&world, *index, "zeren anchor v1")).collect();
        let in_force = Epoch { number: 3, node: node("node-1"), key: key("node-1").public().bytes(), entry: epochs[2] };
        assert_eq!(state.epoch(), Some(&in_force));
        let note = world.anchor_note(18);
        let last = Anchored { size: 18, root: note.root, key: note.key, entry: anchors[1] };
        assert_eq!(state.anchors().collect::<Vec<_>>(), [(&county(), &last)]);
        assert_eq!(state.anchored(&world.id), None);
    }
}

fn begins(world: &World, index: u64, kind: &str) -> bool {
    world.notes()[index as usize].1.starts_with(kind.as_bytes())
}

#[test]
fn the_same_note_once_again_is_answered_with_its_first_receipt() {
    let world = World::staffed();
    let place = tempfile::tempdir().unwrap();
    world.write(place.path());
    let mut ledger = open(place.path());
    assert_eq!(ledger.state().epoch(), None);
    for note in [world.epoch_note(1, "node-1").sign(&world.checkpoint_key), world.anchor_note(17).sign(&world.checkpoint_key)] {
        let size = ledger.state().size();
        let Answer::Recorded { receipt, is_repeated: false, .. } = append(&mut ledger, &world, &note) else { unreachable!("recorded") };
        assert_eq!(receipt.index, size);
        let Answer::Recorded { receipt: again, is_repeated: true, .. } = append(&mut ledger, &world, &note) else {
            unreachable!("recorded before")
        };
        assert_eq!((again.index, ledger.state().size()), (size, size + 1));
    }
    // Another node under the same number is another note.
    let other = world.epoch_note(1, "node-2").sign(&world.checkpoint_key);
    assert!(matches!(append(&mut ledger, &world, &other), Answer::Refused { note: None, .. }), "nothing is written of it");
}
