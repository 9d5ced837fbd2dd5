//! The crash table: a scripted run fails at every operation, in every way, and is recovered.
//!
//! After each failure the ledger has answered rightly or is poisoned. Then the process restarts, or power fails with nothing,
//! everything or some of what was not synced on the disk. Whatever is left must open and keep every promise: see [`Promises`].
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails should fail loudly")]

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ledger::audit::{Level, Question, Verdict, audit};
use ledger::layout::Layout;
use ledger::refusal_note::RefusalNote;
use ledger::{Ledger, LedgerError};
use signer::Checkpoint;
use signer::Note;
use signer::merkle::verifies_consistency;
use signer::rule::Rule;
use tests::disk::{Disk, Fault, Kept, Kind, Mode};
use tests::script::{Left, Script, keys};

/// Small enough that twenty entries cross every border several times.
const LAYOUT: Layout = Layout { segment_entries: 8, bundle_entries: 4, prewritten_bytes: 4_096 };

fn seed() -> u64 {
    std::env::var("ZEREN_SEED").ok().map_or(1, |seed| seed.parse().unwrap())
}

/// How a run ends after its failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Restart,
    PowerLoss(Kept),
}

impl End {
    fn all(mode: Mode, seed: u64) -> Vec<End> {
        let losses = [Kept::Nothing, Kept::Everything, Kept::Some(seed)].map(End::PowerLoss);
        let restart = if mode == Mode::PowerCut { None } else { Some(End::Restart) };
        restart.into_iter().chain(losses).collect()
    }

    fn meet(self, disk: &Disk) {
        match self {
            End::Restart => disk.restart(),
            End::PowerLoss(kept) => disk.crash(kept),
        }
    }
}

/// What a ledger has promised so far, and a disk must keep.
struct Promises<'a> {
    script: &'a Script,
    left: Left,
    /// Whether the founding may be missing.
    may_be_none: bool,
}

impl<'a> Promises<'a> {
    fn also(&self) -> Promises<'a> {
        Promises { script: self.script, left: self.left.clone(), may_be_none: self.may_be_none }
    }

    /// Opens what is left; nothing if it is rightly no ledger.
    fn open(&self, disk: &Disk) -> Option<Ledger<Disk>> {
        match Ledger::open(disk.clone(), keys(), &mut |_| {}) {
            Ok((ledger, _)) => Some(ledger),
            Err(LedgerError::NotALedger) if self.may_be_none => None,
            Err(error) => panic!("does not open: {error}"),
        }
    }

    /// Every receipt that left verifies and its entry is there; every refusal that left is kept; every checkpoint that was ever
    /// signed agrees with the log.
    fn judge(&self, ledger: &Ledger<Disk>) {
        let keys = keys();
        let id = self.script.world.id.as_str();
        for (note, receipt) in &self.left.receipts {
            assert!(keys.iter().any(|key| receipt.verify(note, id, &key.public()).is_ok()), "receipt {}", receipt.index);
            let entry = ledger.entry(receipt.index).unwrap().expect("an acknowledged entry");
            assert_eq!(entry, [receipt.entry_head.as_bytes(), note].concat());
        }
        for refusal in &self.left.refusals {
            let name = RefusalNote::parse(&refusal.text).unwrap().file_name();
            let kept =
                ledger::storage::read_whole(ledger.storage(), &format!("refusals/{name}"), 65_000).unwrap().expect("an answered refusal");
            let kept = Note::parse(&kept).unwrap();
            assert!(keys.iter().any(|key| RefusalNote::parse(&kept.text).unwrap().is_signed(&kept, &key.public())));
        }
        let tree = ledger.history().tree();
        let root = tree.root_at(tree.size()).unwrap();
        for slot in ledger.storage().slots_written() {
            let end = slot.iter().rposition(|b| *b != b'\n').unwrap() + 2;
            let signed = Checkpoint::parse(&Note::parse(&slot[..end]).unwrap().text).unwrap();
            let proof = tree.consistency(signed.size, tree.size()).expect("as many entries as were ever signed for");
            assert!(verifies_consistency(signed.size, &signed.root, tree.size(), &root, &proof), "checkpoint of {}", signed.size);
        }
    }

    /// Takes the script up again: the log ends as if nothing had happened, and survives the loss of all that is not synced.
    fn resume(&self, disk: &Disk, ledger: &mut Ledger<Disk>) -> Promises<'a> {
        let mut kept = Promises { may_be_none: false, ..self.also() };
        self.script.run(ledger, &mut kept.left).unwrap();
        kept.judge(ledger);
        disk.crash(Kept::Nothing);
        let ledger = kept.open(disk).unwrap();
        kept.judge(&ledger);
        assert_eq!(ledger.history().tree().root_at(ledger.history().size()), Some(self.script.root()));
        kept
    }

    /// The audit holds, with no findings but notes of these rules.
    fn audit(&self, disk: &Disk, with_witness: bool, notes: &[Rule]) {
        let policy = self.script.policy(with_witness);
        let question = Question { storage: disk, policy: Some(&policy), is_policy_inside: false, known: &[] };
        let report = audit(&question, &mut |_, _| {}).unwrap();
        let others: Vec<_> =
            report.findings.iter().filter(|finding| finding.level == Level::Error || !notes.contains(&finding.refusal.rule)).collect();
        assert!(others.is_empty() && report.verdict == Verdict::Holds, "{others:?}");
    }
}

/// What an auditor may note of a ledger that failed and was not opened since.
const NOTES_OF_A_CRASH: [Rule; 5] = [Rule::Slot, Rule::Tail, Rule::Uncovered, Rule::HashFile, Rule::BundlesFile];
/// And of one that was: a torn slot stays until its turn comes.
const NOTES_AFTER_RECOVERY: [Rule; 1] = [Rule::Slot];

/// Runs the script until it ends or fails.
fn run<'a>(script: &'a Script, disk: &Disk) -> Promises<'a> {
    let mut left = Left::default();
    let mut ledger = match script.init(disk.clone()) {
        Ok(ledger) => ledger,
        Err(error) => {
            assert!(matches!(error, LedgerError::Storage { .. }), "{error}");
            return Promises { script, left, may_be_none: true };
        }
    };
    if script.run(&mut ledger, &mut left).is_err() {
        let poisoned = ledger.append(Vec::new(), script.world.clock);
        assert!(matches!(poisoned, Err(LedgerError::Poisoned)), "a failure does not stop the ledger");
    }
    Promises { script, left, may_be_none: false }
}

/// Cases that ran, by kind and mode, and those that failed.
#[derive(Default)]
struct Table {
    counts: BTreeMap<(Kind, Mode), [u64; 3]>,
    broken: Vec<String>,
    /// Counts what was chosen in turn.
    turn: u64,
}

/// Columns of the table.
const FAILURES: usize = 0;
const RECOVERIES: usize = 1;
const SECOND_FAILURES: usize = 2;

impl Table {
    fn count(&mut self, kind: Kind, mode: Mode, column: usize) {
        self.counts.entry((kind, mode)).or_default()[column] += 1;
    }

    /// Runs one case; one that breaks a promise does not keep the others from running.
    fn case<T>(&mut self, name: impl FnOnce() -> String, run: impl FnOnce() -> T) -> Option<T> {
        let result = catch_unwind(AssertUnwindSafe(run));
        result.map_err(|_| self.broken.push(name())).ok()
    }

    fn print(&self) {
        println!("ZEREN_SEED={}", seed());
        println!("{:<12}{:<12}{:>10}{:>12}{:>16}", "operation", "fails", "failures", "recoveries*", "second failures");
        let mut total = [0; 3];
        for ((kind, mode), counts) in &self.counts {
            println!("{:<12}{:<12}{:>10}{:>12}{:>16}", format!("{kind:?}"), format!("{mode:?}"), counts[0], counts[1], counts[2]);
            (0..3).for_each(|column| total[column] += counts[column]);
        }
        println!("{:<24}{:>10}{:>12}{:>16}", "all", total[0], total[1], total[2]);
        println!("* of disks and promises that no earlier case had left just so");
        assert!(self.broken.is_empty(), "{} cases broke a promise:\n{}", self.broken.len(), self.broken.join("\n"));
    }
}

/// Every operation of the script fails in every way, and what each end leaves is recovered.
fn each_failure(script: &Script, table: &mut Table, mut recovering: impl FnMut(&mut Table, &Promises<'_>, &Disk)) {
    let disk = Disk::new(LAYOUT);
    run(script, &disk);
    assert_eq!(disk.names().iter().filter(|name| name.starts_with("segments/")).count(), 3, "borders are crossed");
    let mut known = HashSet::new();
    for (at, operation) in disk.operations().iter().enumerate() {
        for mode in Mode::of(operation.kind) {
            let fault = Fault { at: at as u64, mode: *mode, seed: seed().wrapping_mul(1_000_003) + at as u64 };
            let name = || format!("{operation:?}, {fault:?}");
            let disk = Disk::new(LAYOUT);
            disk.plan(Some(fault));
            let Some(promises) = table.case(name, || run(script, &disk)) else { continue };
            assert!(disk.has_fired());
            table.count(operation.kind, *mode, FAILURES);
            for end in End::all(*mode, fault.seed) {
                let disk = disk.fork();
                end.meet(&disk);
                if known.insert((disk.fingerprint(), promises.left.receipts.len(), promises.left.refusals.len())) {
                    table.count(operation.kind, *mode, RECOVERIES);
                    table.case(|| format!("{}, {end:?}", name()), || recover(&promises, &disk));
                    recovering(table, &promises, &disk);
                }
            }
        }
    }
}

fn recover(promises: &Promises<'_>, disk: &Disk) {
    let disk = disk.fork();
    if promises.open(&disk.fork()).is_none() {
        return;
    }
    // An auditor who comes before the operator finds nothing wrong either.
    promises.audit(&disk, false, &NOTES_OF_A_CRASH);
    let mut ledger = promises.open(&disk).unwrap();
    promises.judge(&ledger);
    promises.audit(&disk, false, &NOTES_AFTER_RECOVERY);
    promises.resume(&disk, &mut ledger).audit(&disk, true, &NOTES_AFTER_RECOVERY);
}

/// The recovery fails too, at every operation that changes something, and at every other where asked for; then it is tried once more.
fn recover_twice(table: &mut Table, promises: &Promises<'_>, disk: &Disk, with_reads: bool) {
    let whole = disk.fork();
    whole.plan(None);
    if !matches!(table.case(|| "the recovery itself".to_owned(), || promises.open(&whole).is_some()), Some(true)) {
        return;
    }
    for (at, operation) in whole.operations().iter().enumerate().filter(|(_, operation)| with_reads || operation.kind != Kind::Read) {
        // One mode for each case, another for the next: all of them come to each operation of the recovery.
        let modes = Mode::of(operation.kind);
        let mode = modes[(table.turn as usize + at) % modes.len()];
        let ends = End::all(mode, table.turn);
        let end = ends[(table.turn as usize / 2 + at) % ends.len()];
        let fault = Fault { at: at as u64, mode, seed: seed().wrapping_mul(7_919) + table.turn };
        table.turn += 1;
        table.count(operation.kind, mode, SECOND_FAILURES);
        table.case(
            || format!("then {operation:?}, {fault:?}, {end:?}"),
            || {
                let disk = disk.fork();
                disk.plan(Some(fault));
                let mut promises = promises.also();
                if let Ok((ledger, _)) = Ledger::open(disk.clone(), keys(), &mut |_| {}) {
                    promises.may_be_none = false;
                    // Only what is derived may fail quietly.
                    assert!(operation.name.starts_with("hashes/") || operation.name == "bundles", "a failure is passed over");
                    if mode != Mode::PowerCut {
                        promises.judge(&ledger);
                    }
                }
                assert!(disk.has_fired());
                end.meet(&disk);
                if let Some(mut ledger) = promises.open(&disk) {
                    promises.judge(&ledger);
                    promises.resume(&disk, &mut ledger);
                }
            },
        );
    }
}

#[test]
fn whatever_fails_a_ledger_keeps_its_promises() {
    let script = Script::new();
    let mut table = Table::default();
    let share = share_of_second_failures();
    let mut recoveries = 0;
    each_failure(&script, &mut table, |table, promises, disk| {
        recoveries += 1;
        if recoveries % share == 0 {
            recover_twice(table, promises, disk, recoveries % (share * share) == 0);
        }
    });
    table.print();
}

/// Of so many recoveries one is made to fail; `ZEREN_CRASH=all` makes all of them.
fn share_of_second_failures() -> u64 {
    if std::env::var("ZEREN_CRASH").is_ok_and(|value| value == "all") { 1 } else { 4 }
}
