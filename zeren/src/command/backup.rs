//! `zeren backup`: a verified copy of a ledger that somebody else may be writing to.

mod evidence;
mod notice;
mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::ValueEnum;
use ledger::audit::{Report, Verdict};
use ledger::backup::{BACKUP, BackupError, Copied, Notice, copy};
use ledger::policy::Policy;
use serde_json::{Value, json};
use signer::rule::{Refusal, Rule};

use super::audit::{self, read_policy};
use super::trace::shown_time;
use super::{open_folder, print};
use crate::clock;
use crate::cluster::folder;
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS, render_refused};
use crate::lang::{Lang, thousands};
use crate::progress::Progress;

/// How far a copy is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Verify {
    /// Chain, root and checkpoint, read from the copy
    Copy,
    /// The same, and an audit of the copy
    Full,
}

/// `zeren backup`
#[derive(clap::Args)]
pub struct Args {
    /// The ledger's folder; another process may have it open
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// The backup's folder: a new one, or the one of last time, to which what is new is added. Better on another disk
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// The trust policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// How far the copy is verified
    #[arg(long, value_enum, default_value = "copy")]
    verify: Verify,
    #[arg(long)]
    json: bool,
}

/// Copies, verifies, says what there is now.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let began = Instant::now();
    let copied = back_up(&args.dir, &args.to, lang)?;
    let is_signed = policy.as_ref().map(|policy| is_signed_for(policy, &copied)).transpose()?;
    let report = match args.verify {
        Verify::Copy => None,
        Verify::Full => Some(audit::report(&args.to, args.policy.as_deref(), &[], lang)?.0),
    };
    let seconds = began.elapsed().as_secs_f64();
    let report = report.as_ref();
    if args.json {
        print(&to_json(&copied, is_signed, report, seconds).to_string());
    } else {
        print(&render(&copied, is_signed, report, seconds, lang));
    }
    let is_sound = copied.findings.is_empty() && is_signed != Some(false) && !report.is_some_and(|report| fails(report, policy.is_some()));
    Ok(ExitCode::from(if is_sound { HOLDS } else { DOES_NOT_VERIFY }))
}

/// Without a policy nothing can be anchored, and that is said; it is the copy that is judged here.
fn fails(report: &Report, has_policy: bool) -> bool {
    match report.verdict {
        Verdict::Holds => false,
        Verdict::Unanchored => has_policy,
        Verdict::Stale | Verdict::OtherLedger | Verdict::Broken => true,
    }
}

/// Brings the folder up to the ledger's latest checkpoint.
fn back_up(dir: &Path, to: &Path, lang: Lang) -> Result<Copied, Failure> {
    let source = open_folder(dir, lang)?;
    let owed = folder::owed_of_copy(dir)?;
    let opened = target::Target::open(to, dir, lang)?;
    let text = |copied: Option<&Copied>| notice::backup(copied, &owed, &clock::device_time().to_string());
    let notice = Notice { name: BACKUP, text: &text };
    let mut progress = Progress::new(lang.pick("copying", "备份"));
    let copied = opened.fill(|storage| copy(&source, storage, &notice, &mut |done, of| progress.at(done, of)));
    progress.done();
    copied.map_err(|error| failure(error, to, lang))
}

/// What stopped a copy, for who reads the terminal. Two histories are kept beside the copy.
pub fn failure(error: BackupError, copy: &Path, lang: Lang) -> Failure {
    match error {
        BackupError::Ledger(error) => Failure::Ledger(error),
        BackupError::Copy(error) => Failure::Copy(error),
        BackupError::OtherLedger(refusal) => Failure::Contradicted { refusal, evidence: String::new() },
        BackupError::Contradicted { refusal, ledger, copy: own } => match evidence::keep(copy, &ledger, &own) {
            Ok(evidence) => Failure::Contradicted { refusal, evidence },
            Err(failure) => failure,
        },
        BackupError::NotACopy(name) => {
            let place = crate::screen::within_line(&copy.display().to_string());
            let name = crate::screen::within_line(&name);
            Failure::malformed(match lang {
                Lang::En => format!("{place}: holds something that is no backup ({name}): nothing is written over it; name another folder"),
                Lang::Zh => format!("{place}：内有非备份内容（{name}），不予覆盖，请另选文件夹"),
            })
        }
    }
}

/// Whether a key that the policy names signed the checkpoint. How far witnesses vouch an audit says.
fn is_signed_for(policy: &Policy, copied: &Copied) -> Result<bool, Failure> {
    let name = copied.id.as_str();
    if policy.log_keys(name).next().is_none() {
        let named: Vec<&str> = policy.log_names().collect();
        let refusal = Refusal::new(Rule::OtherLedger, format!("a log line for {name}"), named.join(", "));
        return Err(Failure::Contradicted { refusal, evidence: String::new() });
    }
    let note = &copied.note;
    let is_signed = |line| policy.log_keys(name).any(|key| signer::checkpoint::is_signed_by(&note.text, line, name, key));
    Ok(note.signatures.iter().any(is_signed))
}

fn to_json(copied: &Copied, is_signed: Option<bool>, report: Option<&Report>, seconds: f64) -> Value {
    let finding = |refusal: &Refusal| json!({ "rule": refusal.rule.name(), "expected": refusal.expected, "found": refusal.found, "advice": refusal.rule.advice() });
    json!({
        "ledger": copied.id.as_str(), "entries": copied.checkpoint.size, "root": copied.checkpoint.root.to_string(),
        "received_last": copied.received_last.0, "entries_new": copied.entries_new, "refusals_new": copied.refusals_new,
        "bytes_new": copied.bytes_new, "files_left": copied.refusals_left, "policy_key_signed": is_signed,
        "findings": copied.findings.iter().map(finding).collect::<Vec<_>>(),
        "audit": report.map(audit::to_json), "seconds": seconds,
    })
}

fn render(copied: &Copied, is_signed: Option<bool>, report: Option<&Report>, seconds: f64, lang: Lang) -> String {
    let (size, root) = (thousands(copied.checkpoint.size), copied.checkpoint.root);
    let (new, refusals, bytes) = (thousands(copied.entries_new), thousands(copied.refusals_new), thousands(copied.bytes_new));
    let at = shown_time(copied.received_last.0);
    let anchor = match is_signed {
        Some(true) => lang.pick("its checkpoint is signed by the key that your policy names", "检查点由信任策略所列密钥签署"),
        Some(false) => lang.pick("ITS CHECKPOINT IS NOT SIGNED BY THE KEY THAT YOUR POLICY NAMES", "检查点并非由信任策略所列密钥签署"),
        None => lang.pick("anchored to nothing: bring a trust policy (--policy)", "无锚点：请用 --policy 提供信任策略"),
    };
    let mut lines = vec![match lang {
        Lang::En => format!(
            "backup of {}\n  {size} entries, root {root}\n  the last received {at}\n  copied now: entries {new}, refusals {refusals}, bytes {bytes}; {seconds:.1} s\n  read again from the copy: every entry, chain and root agree\n  {anchor}",
            copied.id
        ),
        Lang::Zh => format!(
            "账本备份 {}\n  共 {size} 条，根值 {root}\n  末条收于 {at}\n  本次复制：{new} 条，拒绝通知 {refusals} 份，{bytes} 字节；用时 {seconds:.1} 秒\n  已从备份中逐条重新读出，哈希链与根值相符\n  {anchor}",
            copied.id
        ),
    }];
    if copied.refusals_left > 0 {
        let left = copied.refusals_left;
        lines.push(match lang {
            Lang::En => format!("  left where they are: {left} files in `refusals` that cannot be refusals"),
            Lang::Zh => format!("  未复制：refusals 文件夹中 {left} 个不属于拒绝通知的文件"),
        });
    }
    for refusal in &copied.findings {
        let advice = lang.pick(refusal.rule.advice(), refusal.rule.advice_zh());
        lines.push(render_refused(lang.pick("finding", "问题"), refusal, advice, lang).trim_end().to_owned());
    }
    if let Some(report) = report {
        lines.push(format!("  {}", audit::brief(report, lang)));
    }
    lines.push(
        lang.pick(
            "  not in it: the checkpoint key. Keep a copy of it apart from this one: who has both can sign.",
            "  备份不含检查点密钥。密钥请另行保管：两者兼有者即可签署检查点。",
        )
        .to_owned(),
    );
    lines.join("\n")
}
