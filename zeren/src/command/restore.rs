//! `zeren restore`: a ledger from a backup, verified before it answers; and the drill that shows that it would work.

mod drill;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use ledger::audit::{Report, Verdict};
use ledger::backup::{BACKUP, Copied, Notice, RESTORED, copy};
use serde_json::json;

use super::audit;
use super::{backup, open_folder, print, require_folder};
use crate::cluster::folder;
use crate::error::{Failure, STALE_OR_OTHER};
use crate::files;
use crate::lang::{Lang, thousands};
use crate::progress::Progress;
use crate::screen::within_line;
use crate::{clock, restored};

/// `zeren restore`
#[derive(clap::Args)]
pub struct Args {
    /// The backup's folder
    #[arg(long, value_name = "BACKUP")]
    from: PathBuf,
    /// The folder to make; one that exists is refused
    #[arg(long, value_name = "NEWFOLDER", required_unless_present = "drill")]
    to: Option<PathBuf>,
    /// A checkpoint that somebody holds, or a receipt: if it is later than the backup, nothing is restored
    #[arg(long, value_name = "FILE")]
    known: Vec<PathBuf>,
    /// The trust policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Restore also what a known checkpoint contradicts, to be read and never written to
    #[arg(long, requires = "known")]
    read_only: bool,
    /// Try it: restore into a temporary folder, audit, trace a case, remove the folder
    #[arg(long, conflicts_with_all = ["to", "read_only"])]
    drill: bool,
    /// Where the temporary folder of a drill is made (default: the system's place)
    #[arg(long = "in", value_name = "FOLDER", requires = "drill")]
    place: Option<PathBuf>,
    /// The case that a drill traces (default: any)
    #[arg(long, value_name = "CASE", requires = "drill")]
    case: Option<String>,
    #[arg(long)]
    json: bool,
}

/// Restores, or tries.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    require_folder(&args.from, lang)?;
    if !args.from.join(BACKUP).exists() {
        let place = within_line(&args.from.display().to_string());
        return Err(Failure::malformed(match lang {
            Lang::En => format!("{place}: no backup in this folder; `zeren backup` makes one"),
            Lang::Zh => format!("{place}：此文件夹中没有备份；备份由 zeren backup 建立"),
        }));
    }
    match &args.to {
        Some(to) => restore(args, to, lang),
        None => drill::run(args, lang),
    }
}

fn restore(args: &Args, to: &Path, lang: Lang) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    if files::lies_inside(to, &args.from) {
        let place = within_line(&to.display().to_string());
        let words = lang.pick("lies in the backup: name a folder apart", "位于备份文件夹内，请另选文件夹");
        return Err(Failure::malformed(format!("{place}: {words}")));
    }
    let copied = copy_back(&args.from, to, lang)?;
    let report = files::or_unmake(to, verified(args, to, lang))?;
    let seconds = began.elapsed().as_secs_f64();
    let standing = restored::standing(to)?.unwrap_or(restored::Standing::Held);
    if args.json {
        let mut told = audit::to_json(&report);
        if let Some(told) = told.as_object_mut() {
            told.insert("standing".to_owned(), json!(standing.as_str()));
            told.insert("seconds".to_owned(), json!(seconds));
        }
        print(&told.to_string());
    } else {
        print(&render(&copied, &report, standing, to, seconds, lang));
    }
    Ok(exit_of(&report))
}

/// As an audit; two histories are what they are, also where it calls the record broken.
fn exit_of(report: &Report) -> ExitCode {
    match restored::contradiction(report) {
        Some(_) => ExitCode::from(STALE_OR_OTHER),
        None => audit::exit_code(report.verdict),
    }
}

/// The same copy that makes a backup, the other way.
fn copy_back(from: &Path, to: &Path, lang: Lang) -> Result<Copied, Failure> {
    let source = open_folder(from, lang)?;
    let owed = folder::owed_of_copy(from)?;
    files::require_parent(to, lang)?;
    let mut storage = files::make_ledger_folder(to)?;
    let text = |copied: Option<&Copied>| restored::notice(copied, &owed, &clock::device_time().to_string());
    let notice = Notice { name: RESTORED, text: &text };
    let mut progress = Progress::new(lang.pick("restoring", "恢复"));
    let copied = copy(&source, &mut storage, &notice, &mut |done, of| progress.at(done, of));
    progress.done();
    files::or_unmake(to, copied.map_err(|error| backup::failure(error, to, lang)))
}

/// Audits what was restored. Nothing is left of what does not verify, nor of what is contradicted, unless that was asked for.
fn verified(args: &Args, to: &Path, lang: Lang) -> Result<Report, Failure> {
    let (report, _) = audit::report(to, args.policy.as_deref(), &args.known, lang)?;
    let has_anchor = args.policy.is_some() || !args.known.is_empty();
    let is_contradicted = restored::contradiction(&report).is_some();
    match report.verdict {
        Verdict::Holds => {}
        Verdict::Unanchored if !has_anchor => {}
        Verdict::Stale | Verdict::Broken if is_contradicted && args.read_only => {}
        _ => return Err(restored::refused(&report)),
    }
    restored::settle(to, &args.known, &report, lang)?;
    Ok(report)
}

fn render(copied: &Copied, report: &Report, standing: restored::Standing, to: &Path, seconds: f64, lang: Lang) -> String {
    let (size, root) = (thousands(copied.checkpoint.size), copied.checkpoint.root);
    let place = within_line(&to.display().to_string());
    let head = match lang {
        Lang::En => format!("restored {} to {place}\n  {size} entries, root {root}; {seconds:.1} s", copied.id),
        Lang::Zh => format!("账本 {} 已恢复至 {place}\n  共 {size} 条，根值 {root}；用时 {seconds:.1} 秒", copied.id),
    };
    [head, audit::brief(report, lang), next(standing, lang).to_owned()].join("\n")
}

/// What must happen before it serves.
fn next(standing: restored::Standing, lang: Lang) -> &'static str {
    match standing {
        restored::Standing::Held => lang.pick(
            "HELD: before it serves,\n  1. put the checkpoint key in place (it is in no backup);\n  2. ask everybody for the latest checkpoint they hold: receipts, drafts, witnesses, auditors;\n  3. show them all with --known to the first `zeren submit`. If one is later, entries are missing,\n     and this ledger must not go on.",
            "暂停写入。启用之前：\n  1. 将检查点密钥放回原处（备份从不包含密钥）；\n  2. 向各方索取其所持最新检查点：回执、草稿、见证方、审计；\n  3. 首次 zeren submit 时用 --known 一并出示。如有晚于本账本者，说明条目缺失，本账本不得继续记账。",
        ),
        restored::Standing::Released => lang.pick(
            "RELEASED: every checkpoint that was shown is part of it. Put the checkpoint key in place; then it serves.",
            "可用：所出示的检查点均与之相符。将检查点密钥放回原处即可启用。",
        ),
        restored::Standing::ReadOnly => lang.pick(
            "READ ONLY, for good: entries are missing that were signed for. It can be read, traced and audited.\n  Look for a newer copy; keep the later checkpoint as evidence, and tell the auditors.",
            "永久只读：已签署的条目有缺失。可供读取、追溯与审计。\n  请寻找较新的副本，保留较晚的检查点作为证据，并报告审计。",
        ),
    }
}
