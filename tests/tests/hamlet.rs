//! Views of a programme: at every prefix of the log they say of each case what admission knows, and rebuilt they are the same.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail loudly")]

use ledger::audit::{Question, audit};
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::answers::{self, CaseAnswer};
use projector::follow::{Projection, follow, follow_in_batches};
use projector::rows::{CasePart, Deed, MemoryRows, Subject, Wait, dump};
use tests::hamlet::{case, hamlet};
use tests::recount::recount;
use tests::views::assert_agree;

fn snapshot(world: &tests::World) -> (tempfile::TempDir, Snapshot<Folder>) {
    let folder = tempfile::tempdir().unwrap();
    world.write(folder.path());
    let snapshot = Snapshot::open(Folder::open_to_read(folder.path()).unwrap(), &mut |_| {}).unwrap();
    (folder, snapshot)
}

#[test]
fn at_every_prefix_views_say_what_admission_knows() {
    let world = hamlet(None).world;
    let notes = world.notes();
    let mut followed = MemoryRows::default();
    let kept = tempfile::tempdir().unwrap();
    for size in 1..=notes.len() {
        let (_folder, log) = snapshot(&world.rewritten(&notes[..size]));
        assert_eq!(log.size(), size as u64);
        assert_eq!(follow(&mut followed, &log, &mut |_| {}).unwrap(), 1);
        assert_agree(&followed, log.state().register());
        recount(&log, log.size()).assert_agrees(&followed);
        let mut rebuilt = MemoryRows::default();
        follow_in_batches(&mut rebuilt, &log, 7, &mut |_| {}).unwrap();
        assert_eq!(dump(&followed).unwrap(), dump(&rebuilt).unwrap(), "at {size}");
        if size % 10 == 0 || size == notes.len() {
            let (views, _) = Projection::open(&kept.path().join("views"), &log, &mut |_| {}).unwrap();
            assert_eq!(dump(views.rows()).unwrap(), dump(&rebuilt).unwrap(), "at {size}");
        }
    }
}

fn history(rows: &MemoryRows, id: &str) -> CaseAnswer {
    answers::case(rows, &case(id), None, 1_000).unwrap().unwrap().value
}

/// Acts on a case, each with its part, in a word.
fn told(answer: &CaseAnswer) -> Vec<String> {
    let part = |part: &CasePart| match part {
        CasePart::Own => String::new(),
        CasePart::Kept { fen } => fen.map_or(" kept".to_owned(), |fen| format!(" kept {fen}")),
        CasePart::Dropped(blame) => format!(" dropped by {}", blame.act),
        CasePart::DroppedBefore(_) => " dropped before".to_owned(),
        CasePart::Omitted(blame) => format!(" omitted by {}", blame.act),
        CasePart::Waits => " waits".to_owned(),
        CasePart::InBatch => " in batch".to_owned(),
        CasePart::HeldBack(blame) => format!(" held back by {}", blame.act),
        CasePart::Paid => " paid".to_owned(),
        CasePart::Failed(reason) => format!(" failed {reason}"),
    };
    let name = |deed: &Deed| match deed {
        Deed::Step(step) => step.step.clone(),
        Deed::Answer { to, outcome, .. } => format!("{to} {outcome}"),
        other => other.name().to_owned(),
    };
    answer.entries.iter().map(|(entry, row)| format!("{}{}", name(&entry.row.deed), part(&row.part))).collect()
}

#[test]
fn a_case_has_everything_that_names_it() {
    let hamlet = hamlet(None);
    let (folder, log) = snapshot(&hamlet.world);
    let storage = Folder::open_to_read(folder.path()).unwrap();
    let report = audit(&Question { storage: &storage, policy: None, is_policy_inside: false, known: &[] }, &mut |_, _| {}).unwrap();
    let errors: Vec<_> = report.findings.iter().filter(|finding| finding.level == ledger::audit::Level::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut rows = MemoryRows::default();
    follow(&mut rows, &log, &mut |_| {}).unwrap();
    let paid = ["meet waits", "join kept", "post-up kept", "post-down kept", "lock kept 60000"];
    let first = ["apply", "visit", "correct", "visit", "dissent", "report", "report dismissed", "dissent dismissed"];
    let last = ["fund in batch", "correct in batch", "fund in batch", "pay in batch", "settle paid", "notice", "again"];
    assert_eq!(told(&history(&rows, "h-1")), [&first[..], &paid, &last].concat());
    let first = ["apply", "override", "visit", "outcome", "visit", "relate", "recuse"];
    let last = ["fund in batch", "correct in batch", "fund in batch", "pay in batch", "settle failed ac04"];
    let again = ["fund in batch", "pay in batch", "settle paid", "notice"];
    assert_eq!(told(&history(&rows, "h-2")), [&first[..], &paid, &last, &again].concat());
    let first = ["apply", "visit waits", "join"];
    let last =
        ["hold", "fund held back by hold", "fund held back by hold", "release", "fund in batch", "pay in batch", "settle paid", "notice"];
    assert_eq!(told(&history(&rows, "h-3")), [&first[..], &paid, &last].concat());
    let objected = ["apply", "visit", "meet waits", "objection", "join dropped by objection", "objection upheld"];
    let after = ["post-up dropped before", "post-down dropped before", "lock omitted by objection", "outcome"];
    assert_eq!(told(&history(&rows, "h-4")), [&objected[..], &after].concat());
    let stopped = ["apply", "visit", "outcome", "appeal", "appeal upheld", "outcome", "ruling", "meet waits", "join kept"];
    let after = ["post-up kept", "account", "post-down dropped by account", "lock omitted by account", "transfer"];
    assert_eq!(told(&history(&rows, "h-5")), [&stopped[..], &after].concat());
    assert_eq!(answers::case(&rows, &case("no-case"), None, 10).unwrap(), None);
}

#[test]
fn whoever_joined_counts_as_a_signer_with_an_own_entry() {
    let (_folder, log) = snapshot(&hamlet(None).world);
    let mut rows = MemoryRows::default();
    follow(&mut rows, &log, &mut |_| {}).unwrap();
    let answer = history(&rows, "h-3");
    let of = |act: &str| answer.entries.iter().find(|(entry, _)| entry.row.deed.name() == act).unwrap();
    let (join, part) = of("join");
    let waited = answer.entries.iter().find(|(_, row)| row.part == CasePart::Waits).unwrap();
    assert!(part.changes_case && !waited.1.changes_case);
    let signers: Vec<(&str, u64)> = join.signed_by.iter().map(|signed| (signed.person.as_str(), signed.entry)).collect();
    assert_eq!(signers, [("t1", waited.0.entry), ("t2", join.entry)]);
    let Deed::Step(step) = &waited.0.row.deed else { panic!("{:?}", waited.0.row.deed) };
    assert_eq!((step.wait, step.measures.as_slice()), (Wait::CompletedBy(join.entry), &[("months".to_owned(), 12)][..]));
    let met = history(&rows, "h-4");
    let joined =
        met.entries.iter().find_map(|(entry, _)| entry.row.deed.step_done().filter(|step| step.step == "meet" && step.wait == Wait::No));
    let Subject::List { list, seats } = &joined.unwrap().on else { panic!("a list step") };
    assert_eq!((list.kept, list.dropped, list.omitted), (4, 1, 0));
    let votes = seats.as_ref().unwrap().votes;
    assert_eq!((votes.agree, votes.against, votes.absent), (2, 1, 1));
    let acts = answers::person(&rows, &tests::world::person("t2"), None, 100).unwrap().unwrap().value.acts;
    assert!(acts.iter().any(|act| act.row.act == "join" && act.row.detail.as_deref() == Some("visit")));
}
