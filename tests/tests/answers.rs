//! What the views say of a ledger in which every act occurs, against what was put into it.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail loudly")]

use std::collections::BTreeMap;

use ledger::audit::{Question, audit};
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::MemoryRows;
use projector::answers::{case, cases, entry, ledger, legacy, person};
use projector::follow::follow;
use projector::rows::{CaseEntryRow, Deed, Related};
use signer::value::CaseId;
use tests::every_act::{EveryAct, case_of, every_act, legacy as legacy_of};
use tests::world::{key, person as person_id, time};

/// Records that the ledger of these tests imports.
const RECORDS: u64 = 120;

fn views(every: &EveryAct) -> MemoryRows {
    let folder = tempfile::tempdir().unwrap();
    every.world.write(folder.path());
    let storage = Folder::open_to_read(folder.path()).unwrap();
    let report = audit(&Question { storage: &storage, policy: None, is_policy_inside: false, known: &[] }, &mut |_, _| {}).unwrap();
    assert_eq!(report.findings, vec![]);
    let mut rows = MemoryRows::default();
    follow(&mut rows, &Snapshot::open(Folder::open_to_read(folder.path()).unwrap(), &mut |_| {}).unwrap(), &mut |_| {}).unwrap();
    rows
}

fn case_id(id: &str) -> CaseId {
    CaseId::parse(id).unwrap()
}

#[test]
fn a_case_says_who_did_what_in_which_office_with_which_key() {
    let every = every_act();
    let rows = views(&every);
    let answer = case(&rows, &case_id("c-10"), None, 1_000).unwrap().unwrap();
    assert_eq!((answer.at.size, &answer.at.ledger), (every.world.history.size(), &every.world.id));
    assert_eq!(Some(answer.at.root), every.world.history.tree().root_at(answer.at.size));
    let found = answer.value;
    assert_eq!((found.entries_total, found.next), (found.entries.len() as u64, None));
    let mut records = (0..RECORDS).filter(|n| case_of(*n) == "c-10");
    let mut related = every.related.iter();
    let mut last = None;
    for (entry, CaseEntryRow { changes_case, .. }) in &found.entries {
        assert!(last < Some(entry.entry));
        last = Some(entry.entry);
        assert_eq!(Some(entry.row.received_ms), every.world.history.received(entry.entry).map(|received| received.0));
        let [signed] = &entry.signed_by[..] else { panic!("one signs") };
        match &entry.row.deed {
            Deed::Import(record) => {
                assert!(changes_case);
                assert_eq!(Some(record.record), records.next());
                let (actor, activity, group) = legacy_of(record.record);
                assert_eq!((&*record.actor, &*record.activity, &*record.group, &*record.lifecycle), (actor, activity, group, "complete"));
                assert_eq!((&*signed.person, &*signed.name, &*signed.office, &*signed.unit), ("a1", "甲子·a1", "archivist", "00"));
                assert_eq!(signed.appointment, every.archivist_appointed);
                let is_second = entry.entry > every.rekeyed;
                assert_eq!(signed.key_entry, if is_second { every.rekeyed } else { every.archivist_enrolled });
                assert_eq!(signed.key, key(if is_second { "a1 again" } else { "a1" }).public().bytes().0);
                let is_disputed = (every.disputed_from..every.revoked).contains(&entry.entry);
                assert_eq!(
                    signed.disputed.as_ref().map(|revoked| revoked.entry),
                    is_disputed.then_some(every.revoked),
                    "entry {}",
                    entry.entry
                );
                assert_eq!(entry.is_disputed(), is_disputed);
            }
            Deed::Relate { person, to, .. } => {
                assert!(!changes_case);
                assert_eq!(Some(&entry.entry), related.next());
                assert_eq!((&**person, to), ("c1", &Related::Case("c-10".to_owned())));
                assert_eq!((&*signed.person, &*signed.office), ("s1", "overseer"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((records.next(), related.next()), (None, None));
    // A relation does not move the head, though it may come last.
    let head = found.entries.iter().rfind(|(_, part)| part.changes_case).map(|(entry, _)| (entry.row.hash.unwrap(), entry.entry));
    assert_eq!(found.head, head);
    assert_eq!(found.head.map(|(hash, _)| hash), Some(every.world.heads["c-10"].0));
}

#[test]
fn some_records_are_disputed_and_some_of_the_same_key_are_not() {
    let every = every_act();
    let rows = views(&every);
    let archivist = person(&rows, &person_id("a1"), None, 1_000).unwrap().unwrap().value;
    let disputed: Vec<u64> = archivist.acts.iter().filter(|act| act.disputed.is_some()).map(|act| act.entry).collect();
    assert_eq!(disputed, (every.disputed_from..every.revoked).collect::<Vec<_>>());
    assert_eq!(archivist.acts_total, RECORDS);
    let [(first_entry, first), (second_entry, second)] = &archivist.keys[..] else { panic!("two keys") };
    assert_eq!((*first_entry, *second_entry), (every.archivist_enrolled, every.rekeyed));
    assert_eq!((&*first.by, &*second.by), ("enrol", "rekey"));
    let revoked = first.revoked.as_ref().unwrap();
    assert_eq!((revoked.entry, &*revoked.reason), (every.revoked, "compromised"));
    let suspected = every.world.history.received(every.disputed_from).unwrap();
    assert_eq!(revoked.suspected.map(|moment| moment.to_string()), Some(time(suspected).to_string()));
    assert_eq!((&second.revoked, second.replaced, first.replaced), (&None, None, None));
}

#[test]
fn a_person_says_which_keys_and_offices_when() {
    let every = every_act();
    let rows = views(&every);
    let newcomer = person(&rows, &person_id("p9"), None, 10).unwrap().unwrap().value;
    let [(enrolled, first), (rotated, second)] = &newcomer.keys[..] else { panic!("two keys") };
    assert_eq!((*enrolled, *rotated, first.replaced), (every.rotated - 1, every.rotated, Some(every.rotated)));
    assert_eq!((&*second.by, newcomer.enrolled), ("rotate", every.rotated - 1));
    // The rotation is signed with the key that it replaces, what follows with the new one.
    let keys: Vec<(&str, &str, u64)> = newcomer.acts.iter().map(|act| (&*act.row.act, &*act.row.office, act.row.key)).collect();
    assert_eq!(keys, [("rotate", "self", *enrolled), ("relate", "self", *rotated)]);
    assert!(newcomer.offices.is_empty());

    let clerk = person(&rows, &person_id("c1"), None, 10).unwrap().unwrap().value;
    let [office] = &clerk.offices[..] else { panic!("one office") };
    assert_eq!((office.entry, &*office.office, &*office.row.unit, &*office.row.capacity), (every.clerk.0, "clerk", "07", "regular"));
    assert_eq!(office.row.ended, Some((every.clerk.1, "transferred".to_owned())));

    for (founder, kept) in [("f1", true), ("f3", false)] {
        let founder = person(&rows, &person_id(founder), None, 100).unwrap().unwrap().value;
        let offices: Vec<_> = founder.offices.iter().map(|office| (office.entry, &*office.office, office.row.ended.clone())).collect();
        let first = (0, "founder", Some((every.amended, "amended".to_owned())));
        assert_eq!(offices, [vec![first], if kept { vec![(every.amended, "founder", None)] } else { vec![] }].concat());
        let last = founder.acts.last().unwrap();
        assert_eq!(last.row.appointment, if kept { every.amended } else { 0 });
    }
    assert_eq!(person(&rows, &person_id("nobody"), None, 10).unwrap(), None);
}

#[test]
fn pages_put_together_are_the_whole() {
    let every = every_act();
    let rows = views(&every);
    let whole = case(&rows, &case_id("x"), None, 1_000).unwrap().unwrap().value.entries;
    let acts = person(&rows, &person_id("a1"), None, 1_000).unwrap().unwrap().value.acts;
    for most in [1, 2, 7, whole.len(), acts.len()] {
        let (mut entries, mut after) = (Vec::new(), None);
        loop {
            let page = case(&rows, &case_id("x"), after, most).unwrap().unwrap().value;
            assert!(page.entries.len() <= most);
            entries.extend(page.entries);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(entries, whole);
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = person(&rows, &person_id("a1"), after, most).unwrap().unwrap().value;
            paged.extend(page.acts);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(paged, acts);
    }
    let all = cases(&rows, None, 100).unwrap().unwrap().value;
    let names: Vec<&str> = all.cases.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["07-0213", "X", "c-1", "c-1.a", "c-10", "x"]);
    let first = cases(&rows, None, 2).unwrap().unwrap().value;
    let rest = cases(&rows, Some(&case_id("X")), 100).unwrap().unwrap().value;
    assert!(first.has_more && !rest.has_more);
    assert_eq!([first.cases, rest.cases].concat(), all.cases);
}

#[test]
fn legacy_actors_are_counted_as_the_records_have_them() {
    let every = every_act();
    let rows = views(&every);
    let (mut actors, mut pairs, mut activities, mut groups) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for n in 0..RECORDS {
        let (actor, activity, group) = legacy_of(n);
        *actors.entry(actor.to_owned()).or_insert(0) += 1;
        *pairs.entry((actor.to_owned(), activity.to_owned())).or_insert(0) += 1;
        *activities.entry(activity.to_owned()).or_insert(0) += 1;
        *groups.entry(group.to_owned()).or_insert(0) += 1;
    }
    let found = legacy(&rows).unwrap().unwrap().value;
    assert_eq!((found.actors, found.actor_activities), (actors, pairs));
    assert_eq!((found.activities, found.groups), (activities, groups));
}

#[test]
fn the_ledgers_own_facts() {
    let every = every_act();
    let rows = views(&every);
    let found = ledger(&rows).unwrap().unwrap().value;
    let cosigned: Vec<u64> = found.cosigned.iter().map(|(entry, _)| *entry).collect();
    assert_eq!(cosigned.len(), 3);
    assert_eq!((found.ledger.founding, &*found.ledger.purpose, found.ledger.in_force), (0, "demonstration", every.amended));
    assert_eq!((found.ledger.statements, found.ledger.cosigned), (every.world.history.size() - 3, 3));
    assert_eq!((found.ledger.cases, found.ledger.records, found.ledger.persons), (6, RECORDS, 8));
    let enacted: Vec<(u64, u64)> = found.enactments.iter().map(|(entry, row)| (*entry, row.version)).collect();
    assert_eq!(enacted, [(every.enacted.0, 1), (every.enacted.1, 2)]);
    let founders: Vec<(u64, usize)> = found.constitutions.iter().map(|(entry, row)| (*entry, row.founders.len())).collect();
    assert_eq!(founders, [(0, 3), (every.amended, 2)]);
    for (at, row) in &found.cosigned {
        assert_eq!((row.size, Some(row.root)), (*at, every.world.history.tree().root_at(row.size).map(|root| root.0)));
        assert_eq!(row.witnesses.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["w1.example"]);
        let same = entry(&rows, *at).unwrap().unwrap().value;
        assert_eq!((same.row.deed, same.row.hash, same.signed_by.len()), (Deed::Cosigned { size: row.size }, None, 0));
    }
    assert_eq!(entry(&rows, every.world.history.size()).unwrap(), None);
    assert_eq!(entry(&MemoryRows::default(), 0).unwrap(), None);
}
