//! Following without any network: what a sequencer seals, followers take, byte for byte the same record; and everything that is not
//! the next block of it is refused by its rule, and changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails should fail loudly")]

use std::collections::BTreeSet;
use std::sync::RwLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use ledger::audit::Finding;
use ledger::block::{Block, Carried, Header, encode};
use ledger::entry::{Entry, SealedEntry};
use ledger::quorum::{Before, Quorum};
use ledger::refusal_note::RefusalNote;
use ledger::{Answer, Ledger, LedgerError, Tip, append_through};
use signer::act::Act;
use signer::note::SignatureLine;
use signer::rule::{Refusal, Rule};
use signer::statement::Seen;
use signer::value::{ChainHead, DeviceId, LedgerId, NoteHash, TreeRoot};
use signer::{Checkpoint, Note, Statement};
use tests::World;
use tests::cluster::node;
use tests::crowd::{Crowd, SIGNERS};
use tests::disk::{Disk, Kept};
use tests::programme::{PROGRAMME, Stage};
use tests::stream::{Cluster, Fails, Follower, LAYOUT, findings, refusals};
use tests::world::{founding, key, time, unit};

/// Blocks of [`Cluster::lived`]: the first epoch, five entries, two refusals, twenty-four entries, the second epoch, three entries, a
/// refusal.
const FIVE: u64 = 2;
const REFUSED: u64 = 3;
const MANY: u64 = 4;
const SECOND_EPOCH: u64 = 5;
const THREE: u64 = 6;

fn follower(cluster: &Cluster, has_key: bool, blocks: u64) -> Follower {
    let mut follower = Follower::open(&cluster.start.fork(), has_key).unwrap();
    follower.take_all(&cluster.stream.blocks[..blocks as usize]).unwrap();
    follower
}

fn rule_of(result: Result<(), LedgerError>) -> Rule {
    match result {
        Err(LedgerError::Block { refusal: Refusal { rule, .. }, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

/// An auditor finds nothing, not even to note.
fn assert_sound(disk: &Disk, world: &World) {
    let found: Vec<Finding> = findings(disk, &world.policy(false));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn followers_hold_the_same_record_after_each_block() {
    let world = Crowd::founded();
    let cluster = Cluster::lived();
    assert_eq!(cluster.stream.blocks.len(), 7);
    let mut with_key = follower(&cluster, true, 0);
    let mut without = follower(&cluster, false, 0);
    for (bytes, number) in cluster.stream.blocks.iter().zip(1..) {
        let block = cluster.block(number);
        let size = block.size_after();
        for one in [&mut with_key, &mut without] {
            one.take(bytes).unwrap();
            assert_eq!(one.stands(), (size, cluster.root_at(size)));
            assert_eq!((one.tip.number, one.tip.size), (number, Some(size)));
        }
        // Whoever holds the key signs the very bytes; whoever does not knows what came with the block, and no more.
        let signed = Checkpoint { origin: world.id.to_string(), size, root: cluster.root_at(size) }.sign(&key("checkpoint"));
        assert_eq!(*with_key.ledger.checkpoint(), signed);
        assert_eq!(Some(without.ledger.checkpoint()), block.carried.checkpoint.as_ref());
    }
    // The last block brought the refusals of what was signed for by then.
    assert!(!without.ledger.cover_with(cluster.ledger.checkpoint()).unwrap());
    assert_eq!(refusals(cluster.ledger.storage()).len(), 3);
    for one in [with_key, without] {
        let has_key = one.has_key();
        let disk = one.ledger.into_storage();
        disk.crash(Kept::Nothing);
        assert_eq!(refusals(&disk), refusals(cluster.ledger.storage()));
        // Opening makes the derived files whole.
        let again = Follower::open(&disk, has_key).unwrap();
        assert_eq!(
            (again.stands(), again.covered()),
            ((cluster.ledger.history().size(), cluster.root_at(again.stands().0)), again.stands().0)
        );
        assert_sound(&disk, &world);
    }
}

/// A programme whose days begin with an index entry, in which the refusals of the day before stand.
#[test]
fn index_entries_find_the_refusals_that_they_speak_of() {
    let mut founding = founding();
    founding.constitution.witnesses.clear();
    let mut world = World::programme_on(&PROGRAMME.replace("daily = false", "daily = true"), World::founded_with(founding));
    world.run_on(Stage::Staffed, Stage::Opened);
    let mut cluster = Cluster::of(&world, "node-1");
    let mut device = |cluster: &mut Cluster, name: &str| {
        let enrols = DeviceId::parse(name).unwrap();
        let mut statement = world.statement(&["f1"], Act::Device { enrols, unit: unit("07") });
        if let Statement::Act { header, .. } = &mut statement {
            (header.seen, header.at) = (cluster.ledger.seen().unwrap(), time(world.clock));
        }
        let note = world.sign(&statement);
        let answer = cluster.submit(&[note], world.clock).unwrap().remove(0);
        world.clock = world.clock.plus_ms(60_000);
        if name.ends_with("of-the-day") {
            world.clock = world.clock.plus_ms(86_400_000);
        }
        match answer {
            Answer::Recorded { .. } => None,
            Answer::Refused { refusal, note } => note.map(|_| refusal.rule),
        }
    };
    assert_eq!(device(&mut cluster, "tablet"), None);
    assert_eq!(device(&mut cluster, "tablet"), Some(Rule::DeviceTaken));
    assert_eq!(device(&mut cluster, "last-of-the-day"), None);
    assert_eq!(device(&mut cluster, "next"), None);
    let last = cluster.block(cluster.stream.tip.number);
    let indexed = Entry::parse(&last.carried.entries[0]).unwrap();
    let text = String::from_utf8(indexed.note.to_vec()).unwrap();
    assert!(text.starts_with("zeren index v1\n") && text.contains("\nrefusals 1 "), "{text}");

    for has_key in [true, false] {
        let mut one = follower(&cluster, has_key, cluster.stream.tip.number);
        one.ledger.cover_with(cluster.ledger.checkpoint()).unwrap();
        assert_eq!(one.stands().1, cluster.root_at(one.stands().0));
        let disk = one.ledger.into_storage();
        drop(Follower::open(&disk, has_key).unwrap());
        let policy = world.policy(false);
        assert_eq!(findings(&disk, &policy).len(), 0);
        // A follower that had not kept them would be found out.
        disk.remove(&format!("refusals/{}", refusals(&disk)[0].0));
        let rules: Vec<Rule> = findings(&disk, &policy).iter().map(|finding| finding.refusal.rule).collect();
        assert_eq!(rules, [Rule::RefusalsUnlike]);
    }
}

#[test]
fn without_the_key_nothing_is_signed_for_but_what_the_ledger_signed() {
    let cluster = Cluster::lived();
    let mut one = Follower::open(&cluster.start.fork(), false).unwrap();
    let before = one.covered();
    let mut tip = one.tip;
    for number in 1..=MANY {
        tip = one.ledger.follow(&tip, &cluster.block(number)).unwrap();
    }
    assert!(!one.ledger.can_sign());
    let (size, root) = one.stands();
    assert_eq!((one.covered(), size), (before, before + 30));
    assert!(one.ledger.receipt(before).unwrap().is_none(), "no receipt over what no checkpoint covers");
    let slots = one.ledger.storage().slots_written().len();

    let checkpoint = |origin: &str, size, root, signer: &str| Checkpoint { origin: origin.to_owned(), size, root }.sign(&key(signer));
    let id = cluster.ledger.id().as_str();
    let other = TreeRoot([7; 32]);
    for (name, note) in [
        ("another key", checkpoint(id, size, root, "thief")),
        ("the node's key", checkpoint(id, size, root, "node-1")),
        ("another key, another root", checkpoint(id, size, other, "thief")),
        ("beyond the log", checkpoint(id, size + 1, cluster.root_at(size + 1), "checkpoint")),
        ("no later than the latest", checkpoint(id, before, root, "checkpoint")),
        ("another ledger's", checkpoint("other.example/x/0123456789abcdef", size, root, "checkpoint")),
        ("no checkpoint", Note { text: "zeren beat v1\n".to_owned(), ..checkpoint(id, size, root, "checkpoint") }),
        (
            "a signature of something else",
            Note { text: checkpoint(id, size, root, "thief").text, ..checkpoint(id, size, other, "checkpoint") },
        ),
    ] {
        assert!(!one.ledger.cover_with(&note).unwrap(), "{name}");
    }
    let fork = one.ledger.cover_with(&checkpoint(id, size, other, "checkpoint"));
    assert!(matches!(&fork, Err(LedgerError::Damaged { refusal, .. }) if refusal.rule == Rule::Fork), "{fork:?}");
    assert_eq!((one.covered(), one.ledger.storage().slots_written().len()), (before, slots));

    // What nobody signed for is not kept either: it comes again.
    let lost = Follower::placed(&one.ledger.storage().fork(), false, &cluster.stream.blocks).unwrap();
    assert_eq!((lost.stands().0, lost.tip.number), (before, 0));

    let good = checkpoint(id, size, root, "checkpoint");
    assert!(one.ledger.cover_with(&good).unwrap());
    assert!(!one.ledger.cover_with(&good).unwrap(), "it is the latest already");
    assert_eq!((one.covered(), one.ledger.checkpoint()), (size, &good));
    assert!(one.ledger.receipt(before).unwrap().is_some());
}

/// Whoever may send beats can put lines of his own beside the ledger's: more of them than a slot has room for.
#[test]
fn other_peoples_signature_lines_are_not_kept() {
    let cluster = Cluster::lived();
    let mut one = follower(&cluster, false, THREE);
    let mut padded = cluster.ledger.checkpoint().clone();
    let line = |number| SignatureLine::ed25519(&format!("{number}{}", "x".repeat(200)), &key("thief").public(), &key("thief").sign(b""));
    padded.signatures.splice(0..0, (0..60).map(line));
    assert!(padded.encode().len() > 8_192);
    assert!(one.ledger.cover_with(&padded).unwrap());
    assert_eq!(one.ledger.checkpoint(), cluster.ledger.checkpoint());
    let again = Follower::open(&one.ledger.into_storage(), false).unwrap();
    assert_eq!(again.covered(), cluster.ledger.history().size());
}

#[test]
fn no_byte_of_a_block_can_be_changed_or_missing() {
    let mut cluster = Cluster::of(&Crowd::founded(), "node-1");
    cluster.record(2, 1);
    for (number, has_key) in [(1, true), (2, true), (2, false), (3, false)] {
        let mut one = follower(&cluster, has_key, number - 1);
        let (disk, stands, tip) = (one.ledger.storage().fingerprint(), one.stands(), one.tip);
        let whole = &cluster.stream.blocks[number as usize - 1];
        let mut rules = BTreeSet::new();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            rules.insert(rule_of(one.take(&changed)));
            assert_eq!(rule_of(one.take(&whole[..at])), Rule::BlockFormat, "cut at {at}");
        }
        assert_eq!(rule_of(one.take(&[whole, &[0u8][..]].concat())), Rule::BlockFormat);
        let of_blocks = [Rule::BlockFormat, Rule::BlockSignature, Rule::BlockOrder, Rule::BlockUnlike];
        assert!(rules.len() > 1 && rules.iter().all(|rule| of_blocks.contains(rule)), "{rules:?}");
        assert_eq!((one.ledger.storage().fingerprint(), one.stands(), one.tip), (disk, stands, tip));
        one.take_all(&cluster.stream.blocks).unwrap();
        assert_eq!(one.stands().0, cluster.ledger.history().size());
    }
}

/// A block that is refused: after so many blocks, for this rule.
type Wrong = (&'static str, u64, Vec<u8>, Rule);

fn out_of_place(cluster: &Cluster) -> Vec<Wrong> {
    let raw = |number: u64| cluster.stream.blocks[number as usize - 1].clone();
    let forged = |number, edit: fn(&mut Header, &mut Carried)| cluster.forged(number, "node-1", edit);
    vec![
        ("a gap", FIVE - 1, raw(MANY), Rule::BlockOrder),
        ("the last once more", FIVE, raw(FIVE), Rule::BlockOrder),
        ("an earlier one", MANY, raw(1), Rule::BlockOrder),
        ("two in the wrong order", FIVE, raw(MANY), Rule::BlockOrder),
        ("its number alone", FIVE, forged(MANY, |header, _| header.number = REFUSED), Rule::BlockOrder),
        ("another generation", MANY - 1, forged(MANY, |header, _| header.generation = 2), Rule::BlockOrder),
        ("another block before", MANY - 1, forged(MANY, |header, _| header.previous = NoteHash([9; 32])), Rule::BlockOrder),
        ("a first block after the first", 1, forged(1, |header, _| header.number = 2), Rule::BlockOrder),
        (
            "another ledger",
            MANY - 1,
            forged(MANY, |header, _| header.ledger = LedgerId::parse("demo.tests.example/archive/0123456789abcdef").unwrap()),
            Rule::BlockOrder,
        ),
        ("another root", MANY - 1, forged(MANY, |header, _| header.root = TreeRoot([9; 32])), Rule::BlockUnlike),
        ("a size beyond", MANY - 1, forged(MANY, |header, _| header.size += 1), Rule::BlockOrder),
        ("a size beyond, in the first block", 0, forged(1, |header, _| header.size += 1), Rule::BlockOrder),
        ("a first block that begins no epoch", 0, forged(1, |_, carried| carried.entries.clear()), Rule::BlockOrder),
    ]
}

fn of_other_hands(cluster: &Cluster) -> Vec<Wrong> {
    let forged = |number, signer, edit: fn(&mut Header, &mut Carried)| cluster.forged(number, signer, edit);
    let whole = |number| cluster.block(number);
    let renamed = |number: u64| {
        let Block { header, carried, .. } = whole(number);
        encode(&header, &carried, "node-2", &key("node-1"))
    };
    let nothing = |_: &mut Header, _: &mut Carried| {};
    let lower = |header: &mut Header, _: &mut Carried| header.epoch = 1;
    // What a node that was deposed, or anybody, could say without saying anything new.
    let mut empty = whole(THREE);
    (empty.carried, empty.header.size) = (Carried::default(), empty.header.size - 1);
    empty.header.root = cluster.root_at(empty.header.size);
    let mut repeated = whole(THREE);
    repeated.header.size -= 1;
    repeated.header.root = cluster.root_at(repeated.header.size);
    repeated.carried.entries = whole(SECOND_EPOCH).carried.entries;
    vec![
        ("a stranger's", MANY - 1, forged(MANY, "thief", nothing), Rule::BlockSignature),
        ("the next node's, too early", MANY - 1, forged(MANY, "node-2", nothing), Rule::BlockSignature),
        ("the deposed node's", THREE - 1, forged(THREE, "node-1", nothing), Rule::BlockSignature),
        ("the deposed node's, in its own epoch", THREE - 1, forged(THREE, "node-1", lower), Rule::BlockOrder),
        ("the deposed node's, in the name of the next", THREE - 1, renamed(THREE), Rule::BlockSignature),
        ("a lower epoch, by the node in force", THREE - 1, forged(THREE, "node-2", lower), Rule::BlockOrder),
        ("an epoch that nobody began", MANY - 1, forged(MANY, "node-1", |header, _| header.epoch = 2), Rule::BlockOrder),
        ("an epoch under another's number", 4, forged(SECOND_EPOCH, "node-2", lower), Rule::BlockOrder),
        ("an epoch, signed by the node before", 4, forged(SECOND_EPOCH, "node-1", nothing), Rule::BlockSignature),
        ("an empty one of old", THREE - 1, encode(&empty.header, &empty.carried, "node-1", &key("node-1")), Rule::BlockOrder),
        ("old entries", THREE - 1, encode(&repeated.header, &repeated.carried, "thief", &key("thief")), Rule::BlockOrder),
        ("refusals alone, a stranger's", REFUSED - 1, forged(REFUSED, "thief", nothing), Rule::BlockSignature),
    ]
}

/// A refusal that the ledger signed, of another log at this size.
fn unlike(refusal: &[u8], size: u64) -> Vec<u8> {
    let refusal = RefusalNote::parse(&Note::parse(refusal).unwrap().text).unwrap();
    let seen = Seen { size, root: TreeRoot([8; 32]), ..refusal.seen };
    RefusalNote { seen, ..refusal }.sign(&key("checkpoint")).encode().into_bytes()
}

fn of_other_contents(cluster: &Cluster) -> Vec<Wrong> {
    let epoch = cluster.block(SECOND_EPOCH).carried.entries[0].clone();
    let in_the_middle = cluster.forged(MANY, "node-1", |_, carried| carried.entries.insert(3, epoch.clone()));
    let last = cluster.forged(MANY, "node-1", |_, carried| carried.entries.push(epoch.clone()));
    let two = cluster.forged(SECOND_EPOCH, "node-2", |_, carried| carried.entries.push(epoch.clone()));
    let unsigned = cluster.forged(REFUSED, "node-1", |_, carried| {
        let note = Note::parse(&carried.refusals[0]).unwrap();
        let text = note.text.replace("rule counter-used", "rule case-head");
        assert_ne!(text, note.text);
        carried.refusals[1] = Note { text, ..note }.encode().into_bytes();
    });
    let other = cluster.forged(REFUSED, "node-1", |_, carried| carried.refusals[0] = b"no note".to_vec());
    let unlike = cluster.forged(REFUSED, "node-1", |header, carried| carried.refusals[0] = unlike(&carried.refusals[0], header.size));
    vec![
        ("an epoch in the middle", MANY - 1, in_the_middle, Rule::BlockOrder),
        ("an epoch at the end", MANY - 1, last, Rule::BlockOrder),
        ("two epochs", SECOND_EPOCH - 1, two, Rule::BlockOrder),
        ("a refusal for another reason", REFUSED - 1, unsigned, Rule::RefusalSignature),
        ("a refusal that saw another log", REFUSED - 1, unlike, Rule::RefusalUnlike),
        ("a refusal that is none", REFUSED - 1, other, Rule::RefusalFormat),
    ]
}

#[test]
fn what_is_not_the_next_block_is_refused_by_its_rule_and_changes_nothing() {
    let cluster = Cluster::lived();
    let wrong = [out_of_place(&cluster), of_other_hands(&cluster), of_other_contents(&cluster)].concat();
    for (name, after, bytes, rule) in wrong {
        for has_key in [true, false] {
            let mut one = follower(&cluster, has_key, after);
            let (disk, stands, tip) = (one.ledger.storage().fingerprint(), one.stands(), one.tip);
            let refused = one.take(&bytes);
            let LedgerError::Block { refusal, .. } = refused.expect_err(name) else { panic!("{name}: the ledger is stopped") };
            assert_eq!(refusal.rule, rule, "{name}: {refusal}");
            assert_eq!((one.ledger.storage().fingerprint(), one.stands(), one.tip), (disk, stands, tip), "{name}");
            one.take_all(&cluster.stream.blocks).unwrap();
            assert_eq!(one.stands(), (cluster.ledger.history().size(), cluster.root_at(one.stands().0)), "{name}");
        }
    }
}

/// Also where the stream is made anew and the node in force goes on.
#[test]
fn each_generation_begins_an_epoch() {
    let cluster = Cluster::lived();
    let again = |header: &mut Header, carried: &mut Carried| {
        (header.generation, header.number, header.previous) = (2, 1, NoteHash([0; 32]));
        (header.size, header.root) = (cluster.ledger.history().size(), cluster.root_at(cluster.ledger.history().size()));
        carried.refusals.clear();
    };
    let mut one = follower(&cluster, true, 7);
    let stands = one.stands();
    one.tip = Tip::start(2);
    assert_eq!(rule_of(one.take(&cluster.forged(7, "node-2", again))), Rule::BlockOrder);
    let clock = one.ledger.state().received_last();
    let entry = one.ledger.epoch_entry(&node("node-2"), key("node-2").public().bytes(), clock).unwrap();
    let begun = cluster.forged(7, "node-2", |header, carried| {
        again(header, carried);
        (header.epoch, carried.entries) = (3, vec![entry.bytes]);
    });
    one.take(&begun).unwrap();
    assert_eq!((one.stands().0, one.tip), (stands.0 + 1, Tip::start(2).after(&Block::parse(&begun).unwrap())));
}

#[test]
fn nobody_submits_an_epoch() {
    let mut cluster = Cluster::lived();
    let note = Crowd::founded().epoch_note(3, "node-1").sign(&key("checkpoint")).encode().into_bytes();
    let (size, blocks) = (cluster.ledger.history().size(), cluster.stream.blocks.len());
    let clock = cluster.ledger.state().received_last();
    let verified = ledger::check(&note, cluster.ledger.ring()).unwrap();
    let alone = cluster.ledger.append(vec![verified], clock).unwrap().remove(0);
    for answer in [cluster.submit(&[note], clock).unwrap().remove(0), alone] {
        assert!(matches!(&answer, Answer::Refused { refusal, note: None } if refusal.rule == Rule::EpochOrder), "{answer:?}");
    }
    assert_eq!((cluster.ledger.history().size(), cluster.stream.blocks.len()), (size, blocks));
}

/// Entries that a node in force signed for, and that no ledger would admit.
fn inadmissible(cluster: &Cluster) -> Vec<(&'static str, Vec<u8>, Rule)> {
    let entries = cluster.block(MANY).carried.entries;
    let before = Entry::parse(&entries[1]).unwrap();
    let sealed = |note: &[u8]| SealedEntry::new(before.previous, before.received, note).bytes;
    let recorded = cluster.block(FIVE).carried.entries[0].clone();
    let recorded = Entry::parse(&recorded).unwrap().note.to_vec();
    let mut unsigned = before.note.to_vec();
    let at = unsigned.len() - 20;
    unsigned[at] = if unsigned[at] == b'A' { b'B' } else { b'A' };
    let early = SealedEntry::new(before.previous, before.received.plus_ms(-5_000), before.note).bytes;
    let elsewhere = SealedEntry::new(ChainHead([3; 32]), before.received, before.note).bytes;
    let epoch = |number, signer: &str| Crowd::founded().epoch_note(number, "node-1").sign(&key(signer)).encode().into_bytes();
    let refusal = cluster.block(REFUSED).carried.refusals.remove(0);
    let seeing_another = cluster
        .forged(MANY, "node-1", |header, carried| carried.refusals = vec![unlike(&refusal, header.size + carried.entries.len() as u64)]);
    let second = |entry: Vec<u8>| cluster.forged(MANY, "node-1", |_, carried| carried.entries[1] = entry);
    let first_epoch = |number, signer| {
        let first = Entry::parse(&entries[0]).unwrap();
        let entry = SealedEntry::new(first.previous, first.received, &epoch(number, signer)).bytes;
        cluster.forged(MANY, "node-1", |header, carried| (header.epoch, carried.entries) = (number, vec![entry]))
    };
    vec![
        ("a record that is there already", second(sealed(&recorded)), Rule::CounterUsed),
        ("a signature that does not verify", second(sealed(&unsigned)), Rule::Signature),
        ("an entry of another place", second(elsewhere), Rule::Chain),
        ("an entry of before", second(early), Rule::ReceivedOrder),
        ("no entry", second(b"no entry".to_vec()), Rule::EntryFormat),
        ("a refusal that saw another log than came with it", seeing_another, Rule::RefusalUnlike),
        ("an epoch that is not the next", first_epoch(7, "checkpoint"), Rule::EpochOrder),
        ("an epoch that the ledger did not sign", first_epoch(2, "thief"), Rule::EpochSignature),
    ]
}

#[test]
fn an_entry_that_is_not_admitted_stops_the_follower() {
    let cluster = Cluster::lived();
    for (name, bytes, rule) in inadmissible(&cluster) {
        for has_key in [true, false] {
            let mut one = follower(&cluster, has_key, MANY - 1);
            let (disk, stands, covered) = (one.ledger.storage().fingerprint(), one.stands(), one.covered());
            let stopped = one.take(&bytes);
            assert!(matches!(&stopped, Err(LedgerError::Damaged { refusal, .. }) if refusal.rule == rule), "{name}: {stopped:?}");
            let next = one.take(&cluster.stream.blocks[MANY as usize - 1]);
            assert!(matches!(next, Err(LedgerError::Poisoned)), "{name}: {next:?}");
            let later = Checkpoint { origin: cluster.ledger.id().to_string(), size: stands.0 + 1, root: TreeRoot([7; 32]) };
            let answer = one.ledger.cover_with(&later.sign(&key("checkpoint")));
            assert!(matches!(answer, Err(LedgerError::Poisoned)), "{name}: what was not taken accuses nobody: {answer:?}");
            let clock = one.ledger.state().received_last();
            assert!(matches!(one.ledger.append(Vec::new(), clock), Err(LedgerError::Poisoned)), "{name}");
            // Nothing of the block is on the disk: the true one can be followed.
            assert_eq!(one.ledger.storage().fingerprint(), disk, "{name}");
            let mut again = Follower::placed(&one.ledger.into_storage(), has_key, &cluster.stream.blocks).unwrap();
            assert_eq!(again.covered(), covered, "{name}");
            again.take_all(&cluster.stream.blocks).unwrap();
            assert_eq!(again.stands().1, cluster.root_at(cluster.ledger.history().size()), "{name}");
        }
    }
}

#[test]
fn a_follower_that_lost_its_end_follows_from_the_block_that_brought_it() {
    let cluster = Cluster::lived();
    for has_key in [true, false] {
        // In the middle of a block: so far the same node had brought it, in a shorter one.
        let shorter = cluster.forged(MANY, "node-1", |_, carried| carried.entries.truncate(10));
        let mut one = follower(&cluster, has_key, MANY - 1);
        one.take(&shorter).unwrap();
        let middle = cluster.block(MANY).header.size + 10;
        let signed = Checkpoint { origin: cluster.ledger.id().to_string(), size: middle, root: cluster.root_at(middle) };
        assert_eq!(one.ledger.cover_with(&signed.sign(&key("checkpoint"))).unwrap(), !has_key);
        let disk = one.ledger.into_storage();
        disk.crash(Kept::Nothing);
        let mut again = Follower::placed(&disk, has_key, &cluster.stream.blocks).unwrap();
        assert_eq!((again.stands().0, again.tip.number), (middle, MANY - 1));
        again.take_all(&cluster.stream.blocks).unwrap();
        assert_eq!(again.stands().1, cluster.root_at(cluster.ledger.history().size()));
        // From the start of the stream, what is there is compared and nothing is written twice.
        let mut whole = Follower::open(&disk, has_key).unwrap();
        whole.take_all(&cluster.stream.blocks).unwrap();
        assert_eq!(whole.stands().1, again.stands().1);
    }
    // Entries that no checkpoint covered are lost in a crash without the key; their block brings them again.
    let one = follower(&cluster, false, THREE);
    let (size, covered) = (one.stands().0, one.covered());
    let disk = one.ledger.into_storage();
    disk.crash(Kept::Everything);
    let mut again = Follower::placed(&disk, false, &cluster.stream.blocks).unwrap();
    assert_eq!((again.stands().0, size - covered, again.tip.number), (covered, 3, SECOND_EPOCH - 1));
    again.take_all(&cluster.stream.blocks).unwrap();
    assert_eq!(again.stands().1, cluster.root_at(cluster.ledger.history().size()));
}

#[test]
fn segments_that_differ_by_one_byte_are_told_from_the_stream() {
    let cluster = Cluster::lived();
    let first = cluster.block(MANY).header.size;
    for (entry, at) in [(0, 10), (5, 60), (9, 300)] {
        let shorter = cluster.forged(MANY, "node-1", |_, carried| carried.entries.truncate(10));
        let mut one = follower(&cluster, true, MANY - 1);
        let tip = one.tip;
        one.take(&shorter).unwrap();
        let index = first + entry;
        let bytes = one.ledger.entry(index).unwrap().unwrap();
        one.ledger.storage().tamper(&ledger::segment::segment_name(index / 8), |file| {
            let found = file.windows(bytes.len()).position(|part| part == bytes).unwrap();
            file[found + at] ^= 1;
        });
        let (disk, stands) = (one.ledger.storage().fingerprint(), one.stands());
        one.tip = tip;
        assert_eq!(rule_of(one.take(&cluster.stream.blocks[MANY as usize - 1])), Rule::BlockUnlike, "entry {index}");
        assert_eq!((one.ledger.storage().fingerprint(), one.stands(), one.tip), (disk, stands, tip));
    }
}

#[test]
fn what_no_quorum_holds_is_neither_acknowledged_nor_signed_for() {
    for (step, held, kept) in
        [(Fails::Entries, 0, 0), (Fails::Deposed, 0, 0), (Fails::EntriesHeld, 1, 0), (Fails::Refusals, 1, 2), (Fails::RefusalsHeld, 2, 2)]
    {
        let mut cluster = Cluster::of(&Crowd::founded(), "node-1");
        cluster.record(2, 1);
        let mut stale = Crowd::of(&cluster.ledger);
        cluster.record(2, 0);
        let (blocks, size, refused) =
            (cluster.stream.blocks.len(), cluster.ledger.history().size(), refusals(cluster.ledger.storage()).len());
        // Two that will be recorded and one that will be refused, together.
        let (mut notes, clock) = Crowd::of(&cluster.ledger).batch(&cluster.ledger);
        notes.truncate(2);
        notes.extend(stale.batch(&cluster.ledger).0.into_iter().take(1));
        cluster.stream.fails = Some(step);
        let answer = cluster.submit(&notes, clock);
        assert!(matches!(answer, Err(LedgerError::Storage { .. } | LedgerError::Deposed(_))), "{step:?}: {answer:?}");
        assert_eq!(cluster.stream.blocks.len() - blocks, held, "{step:?}");
        cluster.stream.fails = None;
        let answer = cluster.submit(&notes, clock);
        assert!(matches!(answer, Err(LedgerError::Poisoned)), "{step:?}: {answer:?}");

        let end = cluster.block(cluster.stream.tip.number).size_after();
        let disk = cluster.ledger.into_storage();
        for slot in disk.slots_written() {
            let end_of_note = slot.iter().rposition(|byte| *byte != b'\n').unwrap() + 2;
            let signed = Checkpoint::parse(&Note::parse(&slot[..end_of_note]).unwrap().text).unwrap();
            assert!(signed.size <= end, "{step:?}: a checkpoint of {} where the stream ends at {end}", signed.size);
        }
        assert_eq!(refusals(&disk).len(), refused, "{step:?}: no refusal is kept that nobody was told of");
        // One machine alone would sign for what perhaps nobody holds: it is not let.
        let alone = Ledger::open(disk.fork(), vec![key("checkpoint")], &mut |_| {}).map(|_| ());
        assert_eq!(matches!(alone, Err(LedgerError::OnACluster)), kept == 0, "{step:?}: {alone:?}");
        let mut again = Follower::placed(&disk, true, &cluster.stream.blocks).unwrap();
        assert_eq!((again.stands().0, again.covered()), (size + kept, size + kept), "{step:?}");
        // Whoever follows then has what the stream holds: entries that nobody heard of are in the record all the same.
        again.take_all(&cluster.stream.blocks).unwrap();
        assert_eq!((again.stands().0, refusals(&disk).len()), (end, refused + held / 2), "{step:?}");
        assert_sound(&disk, &Crowd::founded());
    }
}

#[test]
fn a_tip_says_where_the_next_block_begins() {
    let cluster = Cluster::lived();
    assert_eq!(cluster.tip(7), cluster.stream.tip);
    assert_eq!(Tip::start(1).size, None);
    assert_eq!(cluster.stream.tip.size, Some(cluster.ledger.history().size()));
}

/// Servers that take their time: it says when somebody waits, and lets go when it is told to.
struct Slow {
    waits: Sender<()>,
    go_on: Receiver<()>,
}

impl Quorum for Slow {
    fn send_entries(&mut self, _: &Before<'_>, _: &[SealedEntry]) -> Result<(), LedgerError> {
        Ok(())
    }

    fn send_refusals(&mut self, _: &Before<'_>, _: &[Note]) -> Result<(), LedgerError> {
        Ok(())
    }

    fn wait(&mut self) -> Result<(), LedgerError> {
        self.waits.send(()).unwrap();
        self.go_on.recv().unwrap();
        Ok(())
    }
}

#[test]
fn while_others_are_waited_for_the_ledger_is_read_as_it_was_signed_for() {
    let disk = Disk::holding(&Crowd::founded(), LAYOUT);
    let (ledger, _) = Ledger::open_node(disk, vec![key("checkpoint")], &mut |_| {}).unwrap();
    let (notes, clock) = Crowd::of(&ledger).batch(&ledger);
    let verified: Vec<_> = notes.iter().map(|note| ledger::check(note, ledger.ring()).unwrap()).collect();
    let signed_for = ledger.seen().unwrap();
    let ledger = RwLock::new(ledger);
    let ((waits, waiting), (going, go_on)) = (channel(), channel());
    std::thread::scope(|scope| {
        let mut slow = Slow { waits, go_on };
        let reached = &ledger;
        let appending = scope.spawn(move || append_through(reached, verified, clock, &mut slow).unwrap());
        waiting.recv().unwrap();
        {
            let read = ledger.try_read().expect("nobody holds the ledger meanwhile");
            assert_eq!(read.seen(), Some(signed_for));
            assert_eq!(read.entries(0, u64::MAX).unwrap().len() as u64, signed_for.size);
            assert!(read.receipt(signed_for.size).unwrap().is_none(), "no receipt before it is held");
        }
        // Nobody else may append in between.
        let second = ledger.write().unwrap().append(Vec::new(), clock);
        assert!(matches!(second, Err(LedgerError::Poisoned)), "{second:?}");
        going.send(()).unwrap();
        // For refusals, of which there are none.
        waiting.recv().unwrap();
        going.send(()).unwrap();
        assert!(appending.join().unwrap().iter().all(|answer| matches!(answer, Answer::Recorded { is_repeated: false, .. })));
    });
    assert_eq!(ledger.read().unwrap().seen().unwrap().size, signed_for.size + SIGNERS as u64);
    assert_eq!(ledger.write().unwrap().append(Vec::new(), clock).unwrap().len(), 0);
}
