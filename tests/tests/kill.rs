//! A ledger's process is killed, again and again, at any moment; whatever it acknowledged is in the record.
//!
//! `ZEREN_KILLS=5000 cargo test -p tests --test kill` for a long campaign; `ZEREN_SEED` for other moments.
#![allow(clippy::unwrap_used, reason = "a test that fails should fail loudly")]

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use ledger::Ledger;
use ledger::audit::{Level, Question, Verdict, audit};
use ledger::entry::Entry;
use ledger::policy::Policy;
use ledger::storage::Folder;
use signer::Note;
use signer::statement::statement_hash;
use tests::World;
use tests::crowd::Crowd;
use tests::disk::Random;
use tests::world::key;

/// A folder is left for a new one after so many kills, so that opening it stays quick.
const KILLS_A_FOLDER: u64 = 20;
/// Longest life of a process, in microseconds.
const LIFE_US_MAX: u64 = 80_000;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |value| value.parse().unwrap())
}

/// Lets the process live for that long; gives what it printed, whole lines only.
fn live_and_die(folder: &Path, life: Duration) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_append_forever")).arg(folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut printed = Vec::new();
        out.read_to_end(&mut printed).unwrap();
        printed
    });
    sleep(life);
    assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
    child.kill().unwrap();
    child.wait().unwrap();
    let printed = String::from_utf8(reader.join().unwrap()).unwrap();
    printed[..printed.rfind('\n').map_or(0, |end| end + 1)].to_owned()
}

#[derive(Default)]
struct Campaign {
    kills: u64,
    acknowledged: u64,
    /// Lives that ended before the ledger was open.
    unopened: u64,
    kept: u64,
    cut: u64,
}

impl Campaign {
    /// Takes what a life printed; gives the acknowledged statements.
    fn take(&mut self, printed: &str) -> Vec<(u64, String)> {
        self.kills += 1;
        self.unopened += u64::from(printed.is_empty());
        let mut acknowledged = Vec::new();
        for line in printed.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["opened", _, "kept", kept, "cut", cut] => {
                    self.kept += kept.parse::<u64>().unwrap();
                    self.cut += u64::from(cut == "true");
                }
                [index, hash] => acknowledged.push((index.parse().unwrap(), hash.to_owned())),
                _ => panic!("{line}"),
            }
        }
        self.acknowledged += acknowledged.len() as u64;
        acknowledged
    }
}

/// Every acknowledged statement is at its index, and the audit holds.
fn judge(folder: &Path, acknowledged: &[(u64, String)], policy: &Policy) {
    let storage = Folder::open_to_read(folder).unwrap();
    let report = audit(&Question { storage: &storage, policy: Some(policy), is_policy_inside: false, known: &[] }, &mut |_, _| {}).unwrap();
    let errors: Vec<_> = report.findings.iter().filter(|finding| finding.level == Level::Error).collect();
    assert!(errors.is_empty() && report.verdict == Verdict::Holds, "{errors:?}");
    let (ledger, _) = Ledger::open(Folder::open(folder).unwrap(), vec![key("checkpoint")], &mut |_| {}).unwrap();
    for (index, hash) in acknowledged {
        let entry = ledger.entry(*index).unwrap().unwrap_or_else(|| panic!("entry {index} was acknowledged and is gone"));
        let note = Note::parse(Entry::parse(&entry).unwrap().note).unwrap();
        let found: String = statement_hash(&note.text).0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, *hash, "entry {index}");
    }
}

#[test]
fn whatever_a_killed_process_acknowledged_is_in_the_record() {
    let kills = number("ZEREN_KILLS", 200);
    let seed = number("ZEREN_SEED", 1);
    let mut random = Random::new(seed);
    let mut campaign = Campaign::default();
    let world: World = Crowd::founded();
    let policy = Policy::parse(world.policy(false).as_bytes()).unwrap();
    while campaign.kills < kills {
        let folder = tempfile::tempdir().unwrap();
        world.write(folder.path());
        let mut acknowledged = Vec::new();
        for _ in 0..KILLS_A_FOLDER.min(kills - campaign.kills) {
            let printed = live_and_die(folder.path(), Duration::from_micros(random.below(LIFE_US_MAX)));
            let new = campaign.take(&printed);
            // After most kills the next process recovers what the last one left; after some we look at it first.
            acknowledged.extend(new);
            if random.below(4) == 0 {
                judge(folder.path(), &acknowledged, &policy);
            }
        }
        judge(folder.path(), &acknowledged, &policy);
    }
    let Campaign { kills, acknowledged, unopened, kept, cut } = campaign;
    println!(
        "ZEREN_SEED={seed}: {kills} kills, {acknowledged} entries acknowledged and found; {unopened} before the ledger was open; {kept} entries kept and {cut} tails cut on the way"
    );
    assert!(acknowledged > kills, "the processes hardly lived");
}
