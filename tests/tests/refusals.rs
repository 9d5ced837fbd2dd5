//! The same bad inputs at the real door: each is refused by the rule that an audit would find, helpfully, and changes nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot set its scene should fail loudly")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ledger::audit::{Question, Verdict, audit};
use ledger::check::check;
use ledger::policy::Policy;
use ledger::refusal_note::{REFUSALS_PER_KEY_AND_DAY_MAX, RefusalNote};
use ledger::storage::Folder;
use ledger::{Answer, Ledger, LedgerError, append_through};
use signer::act::Constitution;
use signer::note::note_hash;
use signer::rule::Refusal;
use signer::value::{TreeRoot, UnixMs};
use signer::{Checkpoint, Note, Rule};
use tests::rules::acts::amendment;
use tests::stream::Begins;
use tests::trial::{Image, Submission, Trial};
use tests::world::{World, constitution, copy, key};

fn lay(image: &Image, place: &Path) {
    for (name, bytes) in image {
        let path = place.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Every file of a folder but the lock and the refusals.
fn record(place: &Path) -> Image {
    let mut image = BTreeMap::new();
    for folder in ["", "segments", "hashes"] {
        for entry in fs::read_dir(place.join(folder)).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_file() && name != "/lock" {
                image.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    image
}

fn open(place: &Path) -> Ledger<Folder> {
    let keys = vec![key("checkpoint"), key("checkpoint-2")];
    Ledger::open(Folder::open(place).unwrap(), keys, &mut |_| {}).unwrap().0
}

/// Checks a note and, if it passes, submits it; an epoch entry as the node does that begins it.
fn submit(ledger: &mut Ledger<Folder>, note: &[u8], clock: UnixMs) -> Answer {
    match check(note, ledger.ring()) {
        Ok(verified) => append_through(ledger, vec![verified], clock, &mut Begins).unwrap().remove(0),
        Err(refusal) => Answer::Refused { refusal, note: None },
    }
}

fn recorded(answer: &Answer) -> (u64, bool) {
    match answer {
        Answer::Recorded { receipt, is_repeated, .. } => (receipt.index, *is_repeated),
        Answer::Refused { refusal, .. } => panic!("refused: {refusal}"),
    }
}

fn refused(answer: &Answer) -> (&Refusal, Option<&Note>) {
    match answer {
        Answer::Refused { refusal, note } => (refusal, note.as_deref()),
        Answer::Recorded { receipt, .. } => panic!("recorded as {}", receipt.index),
    }
}

/// What is wrong with how the door answered, if anything is.
fn judge(trial: &Trial, submission: &Submission) -> Option<String> {
    let place = tempfile::tempdir().unwrap();
    let expected = trial.expected.first().map(|(rule, _)| *rule);
    if submission.before.is_empty() {
        let folder = place.path().join("ledger");
        let answer = Ledger::init(Folder::create(&folder).unwrap(), &submission.note, key("checkpoint"), submission.clock);
        return match (answer, expected) {
            (Ok(_), None) => None,
            (Err(LedgerError::Founding(refusal)), Some(rule)) if refusal.rule == rule && is_helpful(&refusal) => {
                let left: Vec<_> = fs::read_dir(&folder).unwrap().flatten().filter(|entry| entry.file_name() != "lock").collect();
                (!left.is_empty()).then(|| format!("{}: files are left behind: {left:?}", trial.name))
            }
            (answer, _) => Some(format!("{}: expected {expected:?}, found {:?}", trial.name, answer.map(|_| "a ledger"))),
        };
    }
    lay(&submission.before, place.path());
    let mut ledger = open(place.path());
    let (before, size) = (record(place.path()), ledger.state().size());
    let answer = submit(&mut ledger, &submission.note, submission.clock);
    // A text that is in the log already is answered with its receipt: that is no refusal, though an audit would find a copy.
    let is_copy = matches!(&answer, Answer::Recorded { is_repeated: true, .. });
    let answered = match (&answer, expected) {
        (Answer::Recorded { warnings, .. }, None) => {
            let warned: Vec<Rule> = warnings.iter().map(|warning| warning.rule).collect();
            warned == trial.warned.iter().map(|(rule, _)| *rule).collect::<Vec<_>>() && warnings.iter().all(is_helpful)
        }
        (Answer::Recorded { .. }, Some(Rule::CounterUsed | Rule::FoundingRepeated | Rule::EpochOrder | Rule::AnchorOld)) => {
            is_copy && trial.name.contains("again")
        }
        // Link and time of receipt are the door's own: there they cannot be wrong.
        (Answer::Recorded { .. }, Some(Rule::ReceivedOrder | Rule::Chain)) => return None,
        // So is the day's index entry, which it writes before the statement.
        (Answer::Recorded { .. }, Some(Rule::IndexMissing)) => return None,
        (Answer::Refused { refusal, .. }, Some(rule)) => refusal.rule == rule && is_helpful(refusal),
        (Answer::Recorded { .. }, Some(_)) | (Answer::Refused { .. }, None) => false,
    };
    if !answered {
        return Some(format!("{}: expected {expected:?}, found {answer:?}", trial.name));
    }
    let is_changed = record(place.path()) != before || ledger.state().size() != size;
    if is_changed != expected.is_none() {
        return Some(format!("{}: the record {}", trial.name, if is_changed { "changed" } else { "did not change" }));
    }
    let Answer::Refused { refusal, note: Some(note) } = &answer else { return None };
    judge_refusal_note(&ledger, submission, refusal, note).map(|wrong| format!("{}: {wrong}", trial.name))
}

fn is_helpful(refusal: &Refusal) -> bool {
    !refusal.expected.is_empty() && !refusal.found.is_empty() && !refusal.rule.advice().is_empty() && !refusal.rule.advice_zh().is_empty()
}

fn judge_refusal_note(ledger: &Ledger<Folder>, submission: &Submission, refusal: &Refusal, note: &Note) -> Option<String> {
    let Some(read) = RefusalNote::parse(&note.text) else { return Some("a refusal note that cannot be read".into()) };
    let says = read.rule == refusal.rule && read.submitted == note_hash(&submission.note) && Some(read.seen) == ledger.seen();
    let is_signed = ledger.ring().checkpoint_keys().signed(note);
    (!says || !is_signed).then(|| format!("a refusal note that says something else: {note:?}"))
}

#[test]
fn the_door_refuses_what_an_audit_would_find_and_admits_the_rest() {
    let trials = tests::rules::trials();
    let submitted: Vec<(&Trial, &Submission)> = trials.iter().filter_map(|trial| Some((trial, trial.door.as_ref()?))).collect();
    assert!(submitted.len() > 300, "{} submissions", submitted.len());
    let wrong: Vec<String> = submitted.iter().filter_map(|(trial, submission)| judge(trial, submission)).collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// What the door must refuse at the least, by the names of the trials above.
const AT_LEAST: &[(&str, Rule)] = &[
    ("no empty line before the signature", Rule::NoteShape),
    ("control character: carriage return", Rule::Character),
    ("a bidi character in a person's name", Rule::Character),
    ("an empty line inside the text", Rule::BlankLine),
    ("no `actor` line", Rule::LineMissing),
    ("a second `actor` line", Rule::LineRepeated),
    ("two lines changed places", Rule::LineOrder),
    ("a line of no act", Rule::LineUnknown),
    ("a statement one byte too long", Rule::StatementTooLong),
    ("value: free text of 121 characters", Rule::Value),
    ("a statement replayed from another ledger of the same origin", Rule::LedgerOther),
    ("a key that nobody enrolled", Rule::KeyUnknown),
    ("another person's key under the signer's name", Rule::KeyUnknown),
    ("enrolment with a key of torsion of order 8", Rule::KeyEncoding),
    ("enrolment with a key of an encoding that is not canonical", Rule::KeyEncoding),
    ("a signature dropped", Rule::SignatureSet),
    ("a signature added", Rule::SignatureSet),
    ("a revoked key signs", Rule::KeyRevoked),
    ("a person who had not seen the own enrolment", Rule::KeyNotYet),
    ("an office by no statement", Rule::AppointmentUnknown),
    ("another unit than appointed to", Rule::AppointmentMismatch),
    ("the same natural person under another id", Rule::IdentityTaken),
    ("a counter used twice", Rule::CounterUsed),
    ("a device's clock a year ahead", Rule::AtFuture),
    ("a head that the case has left", Rule::CaseHead),
    ("another root", Rule::SeenUnlike),
    ("one entry more than there is", Rule::SeenAhead),
];

#[test]
fn the_bad_inputs_that_anybody_would_try_are_among_them() {
    let trials = tests::rules::trials();
    for (name, rule) in AT_LEAST {
        let trial = trials.iter().find(|trial| trial.name == *name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(trial.expected[0].0, *rule, "{name}");
        assert!(trial.door.is_some(), "{name}");
    }
}

/// A ledger at work, with what writes statements for it.
fn at_work(place: &Path) -> (World, Ledger<Folder>) {
    let world = World::staffed();
    lay(&world.files(), place);
    let ledger = open(place);
    (world, ledger)
}

fn next_record(world: &mut World, case: &str, number: u64) -> Vec<u8> {
    let act = world.record(case, number);
    let statement = world.statement(&["a1"], act);
    world.sign(&statement)
}

fn holds(place: &Path, world: &World) {
    let storage = Folder::open_to_read(place).unwrap();
    let policy = Policy::parse(world.policy(false).as_bytes()).unwrap();
    let report =
        audit(&Question { storage: &storage, policy: Some(&policy), is_policy_inside: false, known: &[] }, &mut |_, _| {}).unwrap();
    assert_eq!((report.findings, report.verdict), (vec![], Verdict::Holds));
}

#[test]
fn the_same_text_again_is_answered_with_the_first_receipt() {
    let place = tempfile::tempdir().unwrap();
    let (mut world, mut ledger) = at_work(place.path());
    let note = next_record(&mut world, "case-1", 1);
    let first = recorded(&submit(&mut ledger, &note, world.clock));
    assert_eq!(first, (11, false));
    let before = record(place.path());
    assert_eq!(recorded(&submit(&mut ledger, &note, world.clock.plus_ms(60_000))), (11, true));
    // Within one batch, too.
    let other = next_record(&mut world, "case-2", 2);
    let batch = vec![check(&other, ledger.ring()).unwrap(), check(&other, ledger.ring()).unwrap(), check(&note, ledger.ring()).unwrap()];
    assert_eq!(record(place.path()), before);
    let answers: Vec<(u64, bool)> = ledger.append(batch, world.clock).unwrap().iter().map(recorded).collect();
    assert_eq!(answers, [(12, false), (12, true), (11, true)]);
    // And after the ledger was opened again.
    drop(ledger);
    let mut ledger = open(place.path());
    assert_eq!(recorded(&submit(&mut ledger, &note, world.clock)), (11, true));
    holds(place.path(), &world);
}

#[test]
fn a_clock_that_goes_back_dates_a_receipt_with_the_entry_before() {
    let place = tempfile::tempdir().unwrap();
    let (mut world, mut ledger) = at_work(place.path());
    let last = ledger.state().received_last();
    let note = next_record(&mut world, "case-1", 1);
    // Signed by a device whose clock is right, within the five minutes that clocks may differ.
    recorded(&submit(&mut ledger, &note, last.plus_ms(-60_000)));
    assert_eq!(ledger.history().received(11), Some(last));
    holds(place.path(), &world);
}

#[test]
fn a_shown_rollback_or_fork_makes_the_ledger_read_only() {
    for (size, rule) in [(40, Rule::Rollback), (7, Rule::Fork)] {
        let place = tempfile::tempdir().unwrap();
        let (mut world, mut ledger) = at_work(place.path());
        let known = next_record(&mut world, "case-1", 1);
        recorded(&submit(&mut ledger, &known, world.clock));
        let checkpoint = Checkpoint { origin: world.id.to_string(), size, root: TreeRoot([7; 32]) };
        let refusal = ledger.show(&checkpoint.sign(&world.checkpoint_key)).unwrap_err();
        assert_eq!(refusal.rule, rule);
        let before = record(place.path());
        let note = next_record(&mut world, "case-2", 2);
        let answer = submit(&mut ledger, &note, world.clock);
        let (refusal, signed) = refused(&answer);
        assert_eq!((refusal.rule, signed), (Rule::ReadOnly, None));
        assert!(refusal.found.contains(rule.name()), "{refusal}");
        assert_eq!(record(place.path()), before);
        // What is in the record is still answered.
        assert_eq!(recorded(&submit(&mut ledger, &known, world.clock)), (11, true));
    }
}

#[test]
fn a_checkpoint_that_agrees_or_is_not_the_ledgers_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let (mut world, mut ledger) = at_work(place.path());
    ledger.show(&world.checkpoint_at(7)).unwrap();
    ledger.show(&world.checkpoint_at(11)).unwrap();
    let root = TreeRoot([7; 32]);
    let thief = Checkpoint { origin: world.id.to_string(), size: 90, root }.sign(&key("thief"));
    assert_eq!(ledger.show(&thief).unwrap_err().rule, Rule::KnownSignature);
    let other = Checkpoint { origin: "demo.tests.example/archive/0123456789abcdef".into(), size: 90, root }.sign(&key("checkpoint"));
    assert_eq!(ledger.show(&other).unwrap_err().rule, Rule::KnownOther);
    let note = next_record(&mut world, "case-1", 1);
    recorded(&submit(&mut ledger, &note, world.clock));
}

#[test]
fn refusals_are_signed_and_kept_and_an_audit_accepts_them() {
    let place = tempfile::tempdir().unwrap();
    let (mut world, mut ledger) = at_work(place.path());
    for number in 0..3 {
        // A head that no case has.
        world.heads.insert("case-1".into(), signer::value::StatementHash([number; 32]));
        let note = next_record(&mut world, "case-1", u64::from(number));
        let answer = submit(&mut ledger, &note, world.clock);
        let (refusal, signed) = refused(&answer);
        assert_eq!(refusal.rule, Rule::CaseHead);
        let read = RefusalNote::parse(&signed.unwrap().text).unwrap();
        assert_eq!(fs::read_to_string(place.path().join("refusals").join(read.file_name())).unwrap(), signed.unwrap().encode());
        // The log goes on in between, and the refusal stays true of what it was.
        world.heads.remove("case-1");
        let good = next_record(&mut world, "case-2", 10 + u64::from(number));
        let hash = signer::statement::statement_hash(&Note::parse(&good).unwrap().text);
        recorded(&submit(&mut ledger, &good, world.clock));
        world.push(&good);
        world.heads.insert("case-2".into(), hash);
    }
    assert_eq!(fs::read_dir(place.path().join("refusals")).unwrap().count(), 3);
    holds(place.path(), &world);
}

#[test]
fn what_needs_no_enrolled_key_causes_no_refusal_note() {
    let place = tempfile::tempdir().unwrap();
    let (mut world, mut ledger) = at_work(place.path());
    let stranger = World::founded_with(signer::act::Founding { nonce: signer::value::Nonce([3; 32]), ..tests::world::founding() });
    let mut forged = Note::parse(&next_record(&mut world, "case-1", 1)).unwrap();
    forged.signatures[0].payload[50] ^= 1;
    let forged = forged.encode().into_bytes();
    // A checkpoint with a witness's line can be shown again by anybody who saw it: the same is answered with the same entry, and
    // the same checkpoint with another line says nothing new.
    let cosigned = world.cosigned_at(11).encode().into_bytes();
    let (index, _) = recorded(&submit(&mut ledger, &cosigned, world.clock));
    assert_eq!(recorded(&submit(&mut ledger, &cosigned, world.clock)), (index, true));
    world.clock = world.clock.plus_ms(2_000);
    let later = world.cosigned_at(11).encode().into_bytes();
    let founding = stranger.notes().remove(0).1;
    for (note, rule) in [(founding, Rule::FoundingRepeated), (forged, Rule::Signature), (later, Rule::CheckpointOld)] {
        let answer = submit(&mut ledger, &note, world.clock);
        let (refusal, signed) = refused(&answer);
        assert_eq!((refusal.rule, signed), (rule, None));
    }
    assert!(!place.path().join("refusals").exists());
}

/// What a list lacks, and what it says without a ground, is answered with the line to write.
#[test]
fn a_refused_list_is_told_which_line_to_write() {
    let trials = tests::rules::trials();
    let told = |name: &str| {
        let trial = trials.iter().find(|trial| trial.name == name).unwrap_or_else(|| panic!("no trial `{name}`"));
        let submission = trial.door.as_ref().unwrap();
        let place = tempfile::tempdir().unwrap();
        lay(&submission.before, place.path());
        match submit(&mut open(place.path()), &submission.note, submission.clock) {
            Answer::Refused { refusal, .. } => format!("{} / {}", refusal.expected, refusal.found),
            Answer::Recorded { .. } => panic!("{name}: admitted"),
        }
    };
    let waits = told("attack: a victim whom nobody visited is left off the meeting's list");
    assert!(waits.starts_with("a line p4 ") && waits.contains(" omit: it waits before step deliberate / no line of it"), "{waits}");
    let due = told("attack: the victim is on no line of the meeting's list");
    assert!(due.starts_with("a line p4 ") && due.contains(": step deliberate is due / no line of it in the list of 07-01"), "{due}");
    let excused = told("attack: the list says of a victim who was visited that the case waits");
    assert!(excused.contains("case p4: no `omit`, since step deliberate is due"), "{excused}");
    let early = told("attack: a victim is listed before the visit, so that the visitors are named for the dropping");
    assert!(early.contains("case p4: step deliberate due when the list was written / its turn had not come"), "{early}");
}

#[test]
fn a_key_has_a_thousand_refusals_a_day() {
    let place = tempfile::tempdir().unwrap();
    let (mut world, mut ledger) = at_work(place.path());
    world.heads.insert("case-1".into(), signer::value::StatementHash([9; 32]));
    let clock = world.clock;
    let bad = next_record(&mut world, "case-1", 1);
    for _ in 0..REFUSALS_PER_KEY_AND_DAY_MAX {
        let answer = submit(&mut ledger, &bad, clock);
        let (refusal, signed) = refused(&answer);
        assert_eq!(refusal.rule, Rule::CaseHead);
        assert!(signed.is_some());
    }
    let another = next_record(&mut world, "case-1", 2);
    let answer = submit(&mut ledger, &another, clock);
    let (refusal, signed) = refused(&answer);
    assert_eq!((refusal.rule, signed), (Rule::SubmissionLimit, None));
    assert!(refusal.found.contains("case-head"), "the cause is said all the same: {refusal}");
    // Other keys are not concerned, nor is what is right, nor the next day.
    let by_another = world.record("case-1", 3);
    let statement = world.statement(&["c1"], by_another);
    let answer = submit(&mut ledger, &world.sign(&statement), clock);
    assert!(refused(&answer).1.is_some());
    let good = next_record(&mut world, "case-2", 4);
    recorded(&submit(&mut ledger, &good, clock));
    let answer = submit(&mut ledger, &another, clock.plus_ms(86_400_000));
    assert!(refused(&answer).1.is_some());
    holds(place.path(), &world);
}

#[test]
fn an_amendment_needs_the_new_checkpoint_key_at_hand() {
    let place = tempfile::tempdir().unwrap();
    let world = World::staffed();
    lay(&world.files(), place.path());
    let mut world = world.rewritten(&world.notes());
    world.counter = 11;
    let (mut ledger, _) = Ledger::open(Folder::open(place.path()).unwrap(), vec![copy(&world.checkpoint_key)], &mut |_| {}).unwrap();
    let act = amendment(Constitution { checkpoint_key: key("checkpoint-2").public().bytes(), ..constitution() });
    let statement = world.statement(&["f1", "f2"], act);
    let note = world.sign(&statement);
    let before = record(place.path());
    let answer = submit(&mut ledger, &note, world.clock);
    assert_eq!((refused(&answer).0.rule, refused(&answer).1), (Rule::CheckpointKeyAbsent, None));
    assert_eq!(record(place.path()), before);
    ledger.hold_key(key("checkpoint-2"));
    recorded(&submit(&mut ledger, &note, world.clock));
    world.push(&note);
    world.checkpoint_key = key("checkpoint-2");
    assert_eq!(*ledger.checkpoint(), world.checkpoint_at(12));
    let more = next_record(&mut world, "case-1", 1);
    recorded(&submit(&mut ledger, &more, world.clock));
    drop(ledger);
    let opened = Ledger::open(Folder::open(place.path()).unwrap(), vec![key("checkpoint")], &mut |_| {});
    assert!(matches!(opened.map(|_| ()), Err(LedgerError::OtherCheckpointKey { .. })));
    open(place.path());
}
