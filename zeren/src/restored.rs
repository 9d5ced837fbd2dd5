//! What may be written to. A backup: nothing. A ledger restored from one: nothing until it was shown checkpoints that people
//! hold, and nothing ever again once one of them is later (docs/decisions/0017): it must not sign a second history.

use std::path::{Path, PathBuf};

use ledger::audit::{Level, Report, Verdict};
use ledger::backup::{BACKUP, Copied, RESTORED};
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use signer::rule::Rule;
use signer::value::{TreeRoot, number};
use signer::{Checkpoint, Note, Refusal};

use crate::cluster::folder::CLUSTER;
use crate::command::audit::{read_known, report};
use crate::command::trace::shown_time;
use crate::error::Failure;
use crate::files;
use crate::lang::Lang;
use crate::screen::{say, within_line};

/// What a restored ledger may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has shown it a checkpoint yet.
    Held,
    /// Everything that it was shown is part of it.
    Released,
    /// It was shown one that is not: it is read only for good.
    ReadOnly,
}

impl Standing {
    /// The word in the file `RESTORED`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Held => "held",
            Standing::Released => "released",
            Standing::ReadOnly => "read-only",
        }
    }
}

/// First lines of the file `RESTORED`, before and after the standing.
const KIND: &str = "zeren restored v1\nstanding ";

/// How a line begins that says what it was shown.
const SHOWN: &str = "shown ";
/// Longest notice with such lines, in bytes.
const SHOWN_BYTES_MAX: u64 = 1 << 20;

/// The file `RESTORED` of a ledger that is restored now.
pub fn notice(copied: Option<&Copied>, owed: &[(u64, TreeRoot)], now: &str) -> String {
    let owed: String = owed.iter().map(|(size, root)| format!("{SHOWN}{size} {root}\n")).collect();
    let held = copied.map(|copied| {
        let (id, checkpoint) = (&copied.id, &copied.checkpoint);
        format!("ledger {id}\nentries {}\nroot {}\nreceived {}\n", checkpoint.size, checkpoint.root, shown_time(copied.received_last.0))
    });
    format!(
        "{KIND}{}\n{owed}restored {now} by zeren {}\n{}
This ledger was restored from a backup. While its standing is `held`, nothing writes to it:
 1. put the checkpoint key in place;
 2. ask everybody for the latest checkpoint they hold (receipts, drafts, witnesses, auditors);
 3. show them all:  zeren submit FILE --dir THIS_FOLDER --known CHECKPOINT --known CHECKPOINT …
If all are part of it, it is `released`. If one is later, entries are missing, and it is
`read-only` for good: to go on would be to sign a second history.

本账本由备份恢复。状态为 held（暂停）时不得写入：
 1. 将检查点密钥放回原处；
 2. 向各方（回执、草稿、见证方、审计）索取其所持最新检查点；
 3. 一并出示：zeren submit 文件 --dir 本文件夹 --known 检查点 --known 检查点 ……
全部相符则转为 released（可用）。如有晚于本账本者，说明条目缺失，即永久转为 read-only（只读）：
继续记账等于签署另一段历史。
",
        Standing::Held.as_str(),
        env!("CARGO_PKG_VERSION"),
        held.unwrap_or_else(|| "not finished: remove this folder and restore again\n".to_owned()),
    )
}

/// How a folder stands, if it was restored from a backup.
pub fn standing(folder: &Path) -> Result<Option<Standing>, Failure> {
    let path = folder.join(RESTORED);
    if !path.exists() {
        return Ok(None);
    }
    let text = files::read_text(&path, SHOWN_BYTES_MAX)?;
    let word = text.strip_prefix(KIND).and_then(|rest| rest.lines().next());
    // Whatever cannot be read holds.
    let all = [Standing::Released, Standing::ReadOnly];
    Ok(Some(all.into_iter().find(|standing| Some(standing.as_str()) == word).unwrap_or(Standing::Held)))
}

/// The checkpoints that a restored ledger was shown, part of it or not.
pub fn shown(folder: &Path) -> Result<Vec<(u64, TreeRoot)>, Failure> {
    sizes_and_roots(&folder.join(RESTORED), SHOWN)
}

/// The lines of a notice that begin so; none where there is no notice.
///
/// # Errors
/// One that begins so and cannot be read.
pub fn sizes_and_roots(path: &Path, begin: &str) -> Result<Vec<(u64, TreeRoot)>, Failure> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = files::read_text(path, SHOWN_BYTES_MAX)?;
    let read = |line: &str| {
        let (size, root) = line.split_once(' ')?;
        Some((number(size)?, TreeRoot::parse(root)?))
    };
    let unread = |line: &str| Failure::malformed(format!("{}: {begin}{line}", path.display()));
    text.lines().filter_map(|line| line.strip_prefix(begin)).map(|line| read(line).ok_or_else(|| unread(line))).collect()
}

/// Refuses folders to which nothing may be written but by somebody else.
pub fn require_writable(folder: &Path, lang: Lang) -> Result<(), Failure> {
    let place = within_line(&folder.display().to_string());
    if folder.join(CLUSTER).exists() {
        return Err(Failure::Held(match lang {
            Lang::En => format!(
                "{place}: this ledger runs on a cluster; an entry that the other nodes do not hold would be a second history\n  what to do: submit to the service (`zeren submit --to URL`); on this machine `zeren serve --cluster FILE` runs the node"
            ),
            Lang::Zh => format!(
                "{place}：本账本运行于集群，其他节点没有的条目等于另一段历史\n  处理: 请向服务提交（zeren submit --to 网址）；本机以 zeren serve --cluster 文件 运行节点"
            ),
        }));
    }
    require_copy_writable(folder, lang)
}

/// Refuses backups, and ledgers restored from one that may not go on.
pub fn require_copy_writable(folder: &Path, lang: Lang) -> Result<(), Failure> {
    let place = within_line(&folder.display().to_string());
    if folder.join(BACKUP).exists() {
        return Err(Failure::Held(match lang {
            Lang::En => format!(
                "{place}: this is a backup; only `zeren backup` writes to it\n  what to do: zeren restore --from {place} --to NEW_FOLDER"
            ),
            Lang::Zh => format!("{place}：此为备份，除 zeren backup 外不得写入\n  处理: zeren restore --from {place} --to 新文件夹"),
        }));
    }
    match standing(folder)? {
        None | Some(Standing::Released) => Ok(()),
        Some(Standing::Held) => Err(Failure::Held(match lang {
            Lang::En => format!(
                "{place}: restored from a backup, and held: it has been shown no checkpoint yet\n  what to do: ask everybody for the latest checkpoint they hold, and give them all to `zeren submit` with --known; the file RESTORED says more"
            ),
            Lang::Zh => format!(
                "{place}：由备份恢复，暂停写入：尚未出示任何检查点\n  处理: 向各方索取其所持最新检查点，用 zeren submit 的 --known 一并出示；详见 RESTORED 文件"
            ),
        })),
        Some(Standing::ReadOnly) => Err(Failure::Refused(Refusal::new(
            Rule::ReadOnly,
            "a ledger that holds every checkpoint it signed",
            "one restored from a backup that lacks entries (the file RESTORED)",
        ))),
    }
}

/// Shows a held ledger checkpoints that people hold; releases it, or makes it read-only. Others are left as they are.
pub fn show(folder: &Path, known: &[PathBuf], lang: Lang) -> Result<(), Failure> {
    if known.is_empty() || standing(folder)? != Some(Standing::Held) {
        return Ok(());
    }
    let (report, _) = report(folder, None, known, lang)?;
    settle(folder, known, &report, lang)?;
    match report.verdict {
        Verdict::Holds => {
            say(lang.pick(
                "released: everything that was shown is part of this restored ledger",
                "已转为可用：所出示的检查点均与本恢复账本相符",
            ));
            Ok(())
        }
        _ => Err(refused(&report)),
    }
}

/// Writes down what came of showing checkpoints.
pub fn settle(folder: &Path, known: &[PathBuf], report: &Report, lang: Lang) -> Result<(), Failure> {
    let standing = match report.verdict {
        Verdict::Holds if !known.is_empty() => Standing::Released,
        _ if contradiction(report).is_some() => Standing::ReadOnly,
        _ => return Ok(()),
    };
    let notes: Result<Vec<Note>, Failure> = known.iter().map(|path| read_known(path, lang)).collect();
    let mut notes = notes?;
    // Anybody may hand in anything: what this ledger did not sign says nothing of it.
    let record = Folder::open_to_read(folder).ok().and_then(|storage| Snapshot::open(storage, &mut |_| {}).ok());
    notes.retain(|note| {
        let is_of = |record: &Snapshot<Folder>| {
            Checkpoint::parse(&note.text).is_some_and(|checkpoint| checkpoint.origin == record.id().as_str())
                && record.state().ring().checkpoint_keys().signed(note)
        };
        record.as_ref().is_some_and(is_of)
    });
    write(folder, standing, &notes)
}

/// Writes down that a checkpoint contradicts a ledger, if that was restored: also one that was released is read only from now on.
pub fn contradicted(folder: &Path, note: &Note, refusal: &Refusal) -> Result<(), Failure> {
    match standing(folder)? {
        Some(_) if is_contradiction(refusal) => write(folder, Standing::ReadOnly, core::slice::from_ref(note)),
        _ => Ok(()),
    }
}

fn write(folder: &Path, standing: Standing, shown: &[Note]) -> Result<(), Failure> {
    let path = folder.join(RESTORED);
    let text = files::read_text(&path, SHOWN_BYTES_MAX)?;
    let line = |checkpoint: Checkpoint| format!("{SHOWN}{} {}\n", checkpoint.size, checkpoint.root);
    let shown: String = shown.iter().filter_map(|note| Checkpoint::parse(&note.text)).map(line).collect();
    let rest = text.strip_prefix(KIND).and_then(|rest| rest.split_once('\n')).map_or(text.as_str(), |(_, rest)| rest);
    files::replace(&path, format!("{KIND}{}\n{shown}{rest}", standing.as_str()).as_bytes(), 0o644)
}

fn is_contradiction(refusal: &Refusal) -> bool {
    matches!(refusal.rule, Rule::Rollback | Rule::Fork)
}

/// A checkpoint that is later than the record, or of another history.
pub fn contradiction(report: &Report) -> Option<&Refusal> {
    report.findings.iter().map(|finding| &finding.refusal).find(|refusal| is_contradiction(refusal))
}

/// What an audit that does not hold stops with.
pub fn refused(report: &Report) -> Failure {
    let first = || report.findings.iter().find(|finding| finding.level == Level::Error).map(|finding| (finding.index, &finding.refusal));
    match (contradiction(report), first()) {
        (Some(refusal), _) => Failure::Contradicted { refusal: refusal.clone(), evidence: String::new() },
        (None, Some((_, refusal))) if report.verdict == Verdict::OtherLedger => {
            Failure::Contradicted { refusal: refusal.clone(), evidence: String::new() }
        }
        (None, Some((index, refusal))) => Failure::Ledger(ledger::LedgerError::Damaged { index, refusal: refusal.clone() }),
        (None, None) => Failure::Ledger(ledger::LedgerError::NotALedger),
    }
}
