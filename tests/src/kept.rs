//! Ledgers of every version of the format, kept for ever in `tests/ledgers/`: a folder `ledger`, the `policy`, and what an audit
//! says, `expected`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use ledger::Ledger;
use ledger::audit::{Question, audit};
use ledger::marker::FORMAT_VERSION;
use ledger::policy::Policy;
use ledger::segment::{SEGMENTS, SLOTS};
use ledger::storage::Folder;

use crate::World;
use crate::cluster::on_a_cluster;
use crate::every_act::{every_act, whole_programme};
use crate::script::{Left, Script, keys};

/// Where all versions lie.
pub fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ledgers")
}

/// Every ledger that is kept.
pub fn all() -> Vec<PathBuf> {
    let folders = |path: &Path| {
        let mut found: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
        found.sort();
        found
    };
    folders(&place()).iter().flat_map(|version| folders(version)).collect()
}

/// What an audit says, in lines.
pub fn said(folder: &Path) -> String {
    let policy = Policy::parse(&fs::read(folder.join("policy")).unwrap()).unwrap();
    let storage = Folder::open_to_read(&folder.join("ledger")).unwrap();
    let report =
        audit(&Question { storage: &storage, policy: Some(&policy), is_policy_inside: false, known: &[] }, &mut |_, _| {}).unwrap();
    let mut text = format!("verdict {}\nentries {}\nroot {}\n", report.verdict.as_str(), report.entries, report.root);
    for finding in &report.findings {
        writeln!(text, "{} {} {}", finding.level.as_str(), finding.refusal.rule, finding.index).unwrap();
    }
    text
}

/// Writes the ledgers of the present version into a folder that must not exist.
pub fn write(place: &Path) -> std::io::Result<PathBuf> {
    let version = place.join(format!("v{FORMAT_VERSION}"));
    fs::create_dir_all(place)?;
    fs::create_dir(&version)?;
    let script = Script::new();
    // Founded and no more; with refusals, a cosigned checkpoint and another checkpoint key; the same as a crash left it.
    run(&version.join("founded"), &script, 0);
    run(&version.join("refusals"), &script, script.batches.len());
    run(&version.join("unfinished"), &script, script.batches.len());
    leave_unfinished(&version.join("unfinished/ledger"), &version.join("refusals/ledger"));
    // Every act of the registry; every act of a programme, with warnings and index entries.
    lay(&version.join("registry"), &every_act().world);
    lay(&version.join("programme"), &whole_programme());
    // Epochs, anchors and incidents.
    lay(&version.join("cluster"), &on_a_cluster());
    for folder in fs::read_dir(&version)? {
        let folder = folder?.path();
        fs::write(folder.join("expected"), said(&folder))?;
    }
    Ok(version)
}

/// By the program's own writer.
fn run(folder: &Path, script: &Script, batches: usize) {
    fs::create_dir(folder).unwrap();
    let mut ledger = script.init(Folder::create(&folder.join("ledger")).unwrap()).unwrap();
    for batch in &script.batches[..batches] {
        let answers = ledger.append(batch.verified.clone(), batch.clock).unwrap();
        Left::default().take(batch, answers);
    }
    drop(ledger);
    // Opening makes the derived files whole.
    drop(Ledger::open(Folder::open(&folder.join("ledger")).unwrap(), keys(), &mut |_| {}).unwrap());
    fs::remove_file(folder.join("ledger/lock")).unwrap();
    trim(&folder.join("ledger").join(SEGMENTS).join("000000"));
    let keys = ["checkpoint", "checkpoint-2"];
    fs::write(folder.join("policy"), script.world.policy_naming(&keys)).unwrap();
}

/// Zeros at a segment's end may be fewer: a mebibyte of them is too much to keep.
fn trim(segment: &Path) {
    let bytes = fs::read(segment).unwrap();
    let end = bytes.iter().rposition(|b| *b != 0).unwrap() + 1;
    fs::write(segment, &bytes[..bytes.len().min(end.next_multiple_of(4_096))]).unwrap();
}

/// The last commit's checkpoint never reached its slot, and of one more entry only a part the disk.
fn leave_unfinished(folder: &Path, whole: &Path) {
    let size = |slot: &str| {
        let text = fs::read_to_string(folder.join(slot)).unwrap();
        text.lines().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let newest = SLOTS.into_iter().max_by_key(|slot| size(slot)).unwrap();
    fs::write(folder.join(newest), vec![b'\n'; 8_192]).unwrap();
    let segment = folder.join(SEGMENTS).join("000000");
    let mut bytes = fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|b| *b != 0).unwrap() + 1;
    bytes.truncate(end);
    bytes.extend([0x02, 0x58]);
    bytes.extend(&fs::read(whole.join(SEGMENTS).join("000000")).unwrap()[2..300]);
    bytes.resize(bytes.len().next_multiple_of(4_096), 0);
    fs::write(&segment, bytes).unwrap();
}

fn lay(folder: &Path, world: &World) {
    fs::create_dir(folder).unwrap();
    world.write(&folder.join("ledger"));
    fs::write(folder.join("policy"), world.policy(true)).unwrap();
}
