//! The crash campaign of followers: the disk fails at a chance moment while blocks are taken, in a chance way, and once more while
//! that is recovered. Whatever is left opens, and following again from the start of the stream ends at the same record.
//!
//! `ZEREN_SEED=7` makes other choices; `ZEREN_CRASH=all` fails at every operation, in every way, with every end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails should fail loudly")]

use ledger::LedgerError;
use signer::rule::Rule;
use signer::{Checkpoint, Note};
use tests::crowd::Crowd;
use tests::disk::{Disk, Fault, Kept, Kind, Mode, Op, Random};
use tests::stream::{Cluster, Follower, findings, refusals};

/// Failures of a run of each test, where not all are asked for.
const CASES: u64 = 60;

fn seed() -> u64 {
    std::env::var("ZEREN_SEED").ok().map_or(1, |seed| seed.parse().unwrap())
}

/// What happens to a follower that failed: its process begins again, or power fails.
fn end(disk: &Disk, mode: Mode, random: &mut Random) {
    match random.below(4) {
        0 if mode != Mode::PowerCut => disk.restart(),
        0 | 1 => disk.crash(Kept::Nothing),
        2 => disk.crash(Kept::Everything),
        _ => disk.crash(Kept::Some(random.bits())),
    }
}

struct Campaign {
    cluster: Cluster,
    policy: String,
    has_key: bool,
    /// What following the whole stream does to a disk.
    operations: Vec<Op>,
}

impl Campaign {
    fn new(has_key: bool) -> Campaign {
        let cluster = Cluster::lived();
        let disk = cluster.start.fork();
        let mut follower = Follower::open(&disk, has_key).unwrap();
        disk.plan(None);
        follower.take_all(&cluster.stream.blocks).unwrap();
        Campaign { operations: disk.operations(), policy: Crowd::founded().policy(false), has_key, cluster }
    }

    /// Opens and follows from the start of the stream; a failure is one of the disk, and stops the follower.
    fn follow(&self, disk: &Disk) -> Result<Follower, LedgerError> {
        let mut follower = Follower::open(disk, self.has_key)?;
        let taken = follower.take_all(&self.cluster.stream.blocks);
        if let Err(error) = taken {
            assert!(matches!(error, LedgerError::Storage { .. }), "{error}");
            return Err(error);
        }
        Ok(follower)
    }

    /// Every checkpoint that anybody tried to write is of the sequencer's log.
    fn judge(&self, disk: &Disk) {
        for slot in disk.slots_written() {
            let end = slot.iter().rposition(|byte| *byte != b'\n').unwrap() + 2;
            let signed = Checkpoint::parse(&Note::parse(&slot[..end]).unwrap().text).unwrap();
            assert_eq!(signed.root, self.cluster.root_at(signed.size), "checkpoint of {}", signed.size);
        }
    }

    fn recover(&self, disk: &Disk) {
        self.judge(disk);
        let follower = self.follow(disk).expect("follows when the disk works");
        let size = self.cluster.ledger.history().size();
        assert_eq!((follower.stands(), follower.covered()), ((size, self.cluster.root_at(size)), size));
        assert_eq!(follower.ledger.checkpoint(), self.cluster.ledger.checkpoint());
        drop(follower);
        disk.crash(Kept::Nothing);
        assert_eq!(refusals(disk), refusals(self.cluster.ledger.storage()));
        let again = Follower::placed(disk, self.has_key, &self.cluster.stream.blocks).unwrap();
        assert_eq!((again.stands(), again.covered()), ((size, self.cluster.root_at(size)), size));
        // A torn slot stays until its turn comes.
        let others: Vec<_> = findings(disk, &self.policy).into_iter().filter(|finding| finding.refusal.rule != Rule::Slot).collect();
        assert!(others.is_empty(), "{others:?}");
    }

    /// Fails once while following, as planned, and where asked for once more while recovering.
    fn case(&self, fault: Fault, fails_twice: bool, random: &mut Random) {
        let disk = self.cluster.start.fork();
        let mut follower = Follower::open(&disk, self.has_key).unwrap();
        disk.plan(Some(fault));
        let failed = follower.take_all(&self.cluster.stream.blocks);
        assert!(disk.has_fired());
        match failed {
            Err(LedgerError::Storage { .. }) => {
                let next = follower.ledger.append(Vec::new(), self.cluster.ledger.state().received_last());
                assert!(matches!(next, Err(LedgerError::Poisoned)), "{next:?}");
            }
            // Only what is derived may fail quietly.
            Ok(()) => assert!(self.is_derived(&self.operations[fault.at as usize]), "a failure is passed over"),
            Err(error) => panic!("{error}"),
        }
        end(&disk, fault.mode, random);
        if fails_twice {
            let whole = disk.fork();
            whole.plan(None);
            drop(self.follow(&whole));
            let operations = whole.operations();
            let at = random.below(operations.len() as u64);
            let modes = Mode::of(operations[at as usize].kind);
            let mode = modes[random.below(modes.len() as u64) as usize];
            disk.plan(Some(Fault { at, mode, seed: random.bits() }));
            let second = self.follow(&disk).map(drop);
            assert!(second.is_err() || self.is_derived(&operations[at as usize]), "a second failure is passed over");
            end(&disk, mode, random);
        }
        self.recover(&disk);
    }

    fn is_derived(&self, operation: &Op) -> bool {
        operation.name.starts_with("hashes") || operation.name == "bundles"
    }
}

fn run(has_key: bool) {
    let mut random = Random::new(seed());
    let is_whole = std::env::var("ZEREN_CRASH").is_ok_and(|value| value == "all");
    let campaign = Campaign::new(has_key);
    let count = |kind: Kind| campaign.operations.iter().filter(|operation| operation.kind == kind).count();
    let counts = [Kind::Write, Kind::Sync, Kind::SyncFolder, Kind::Rename, Kind::SetLen].map(count);
    println!("ZEREN_SEED={}, key {has_key}: written, synced, names synced, renamed, cut: {counts:?}", seed());
    assert!(counts.iter().all(|count| *count >= 3), "every kind of operation can fail");
    let all = campaign.operations.len() as u64;
    let chosen: Vec<u64> = if is_whole { (0..all).collect() } else { (0..CASES).map(|_| random.below(all)).collect() };
    let mut cases = 0;
    for at in chosen {
        let modes = Mode::of(campaign.operations[at as usize].kind);
        let one = &modes[random.below(modes.len() as u64) as usize..][..1];
        for mode in if is_whole { modes } else { one } {
            for turn in 0..if is_whole { 6 } else { 1 } {
                let fault = Fault { at, mode: *mode, seed: random.bits() };
                let fails_twice = if is_whole { turn % 2 == 1 } else { random.below(3) == 0 };
                println!("{:?}, {fault:?}, twice {fails_twice}", campaign.operations[at as usize]);
                campaign.case(fault, fails_twice, &mut random);
                cases += 1;
            }
        }
    }
    println!("{cases} cases");
    assert!(cases >= CASES);
}

#[test]
fn whatever_fails_a_follower_with_the_key_ends_at_the_same_record() {
    run(true);
}

#[test]
fn whatever_fails_a_follower_without_the_key_ends_at_the_same_record() {
    run(false);
}
