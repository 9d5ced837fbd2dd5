//! An audit of honest ledgers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

use ledger::audit::{Question, Verdict, audit};
use ledger::policy::Policy;
use ledger::storage::Folder;
use tests::World;

fn world() -> World {
    let mut world = World::staffed();
    for record in 0..20 {
        world.import(&format!("case-{}", record % 4), record);
    }
    world.cosign();
    world.import("case-0", 20);
    world
}

#[test]
fn an_honest_ledger_holds_against_its_policy() {
    let world = world();
    let folder = tempfile::tempdir().unwrap();
    world.write(folder.path());
    let policy = Policy::parse(world.policy(true).as_bytes()).unwrap();
    let storage = Folder::open_to_read(folder.path()).unwrap();
    let question = Question { storage: &storage, policy: Some(&policy), is_policy_inside: false, known: &[] };
    let report = audit(&question, &mut |_, _| {}).unwrap();
    assert_eq!(report.findings, vec![]);
    assert_eq!(report.verdict, Verdict::Holds);
    assert_eq!(report.entries, world.history.size());
    assert_eq!(report.anchored, Some(world.history.size() - 2));
}

#[test]
fn without_an_anchor_it_is_only_self_consistent() {
    let world = world();
    let folder = tempfile::tempdir().unwrap();
    world.write(folder.path());
    let storage = Folder::open_to_read(folder.path()).unwrap();
    let question = Question { storage: &storage, policy: None, is_policy_inside: false, known: &[] };
    let report = audit(&question, &mut |_, _| {}).unwrap();
    assert_eq!(report.findings, vec![]);
    assert_eq!(report.verdict, Verdict::Unanchored);
}
