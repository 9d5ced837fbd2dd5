//! A whole folder whose files were changed behind everybody's back.

use std::sync::LazyLock;

use ledger::audit::{FINDINGS_MAX, Level, Question, audit as judge};
use ledger::layout::Layout;
use ledger::ledger::Ledger;
use ledger::policy::Policy;
use ledger::snapshot::Snapshot;
use ledger::storage::Storage as _;

use super::WORLD;
use crate::disk::Disk;
use crate::script::{Left, Script, keys};
use crate::world::key;

/// Changes of a run.
const CHANGES_MAX: usize = 6;

/// With refusals, an amendment and several segments.
static DISK: LazyLock<(Disk, Policy)> = LazyLock::new(|| {
    let script = Script::new();
    let disk = Disk::new(Layout { segment_entries: 8, bundle_entries: 4, prewritten_bytes: 512 });
    let mut ledger = script.init(disk.clone()).unwrap();
    script.run(&mut ledger, &mut Left::default()).unwrap();
    (disk, script.policy(true))
});

/// Whatever was changed, an audit ends with findings; and a record that opens is one that an audit finds nothing wrong with,
/// refusals apart, which nobody needs to open it.
pub fn audit(data: &[u8]) {
    let (whole, policy) = &*DISK;
    let disk = whole.fork();
    let mut is_refusal_touched = false;
    for change in data.chunks_exact(6).take(CHANGES_MAX) {
        let names = disk.names();
        let name = &names[usize::from(change[0]) % names.len()];
        is_refusal_touched |= name.starts_with("refusals/");
        change_file(&disk, name, change);
    }
    for policy in [None, Some(policy)] {
        let known = [WORLD.checkpoint_at(2)];
        let report = judge(
            &Question { storage: &disk, policy, is_policy_inside: false, known: if policy.is_some() { &[] } else { &known } },
            &mut |_, _| {},
        )
        .unwrap();
        assert!(report.findings.len() <= FINDINGS_MAX);
        assert_eq!(report.findings_omitted, 0);
    }
    let _ = Snapshot::open(disk.clone(), &mut |_| {});
    if Ledger::open(disk.clone(), keys(), &mut |_| {}).is_ok() && !is_refusal_touched {
        let report =
            judge(&Question { storage: &disk, policy: Some(policy), is_policy_inside: false, known: &[] }, &mut |_, _| {}).unwrap();
        let errors: Vec<_> = report.findings.iter().filter(|finding| finding.level == Level::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    let _ = Ledger::open(disk, vec![key("somebody")], &mut |_| {});
}

fn change_file(disk: &Disk, name: &str, change: &[u8]) {
    let at = usize::from(u16::from_be_bytes([change[2], change[3]]));
    let (value, length) = (change[4], usize::from(change[5]));
    match change[1] % 8 {
        0 => disk.remove(name),
        1 => disk.tamper(name, |file| {
            if let Some(at) = at.checked_rem(file.len()) {
                file[at] ^= value.max(1)
            }
        }),
        2 => disk.tamper(name, |file| file.truncate(at)),
        3 => disk.tamper(name, |file| file.extend(vec![value; length])),
        4 => disk.tamper(name, |file| {
            let at = at.min(file.len());
            file.splice(at..at, vec![value; length]);
        }),
        5 => disk.tamper(name, |file| {
            let at = at.min(file.len());
            file.drain(at..(at + length).min(file.len()));
        }),
        6 => disk.tamper(name, |file| file.fill(value)),
        _ => {
            let names = disk.names();
            let other = names[length % names.len()].clone();
            let content = ledger::storage::read_whole(disk, &other, 1 << 20).unwrap().unwrap_or_default();
            disk.clone().write_at(name, 0, &content).unwrap();
        }
    }
}
