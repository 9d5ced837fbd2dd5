//! `zeren audit`: verify a ledger from its bytes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use ledger::audit::{Finding, Level, Question, Report, Verdict, audit};
use ledger::policy::Policy;
use ledger::segment::SEGMENTS;
use ledger::storage::MARKER;
use serde_json::json;
use signer::act::Purpose;
use signer::checkpoint::Receipt;
use signer::{Checkpoint, Note};

use super::{no_ledger, open_folder, print};
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS, STALE_OR_OTHER};
use crate::files;
use crate::lang::{Lang, thousands};
use crate::progress::Progress;
use crate::screen::within_line;

/// How many findings of one rule in a row are shown.
const SHOWN_OF_A_RULE: usize = 3;

/// `zeren audit`
#[derive(clap::Args)]
pub struct Args {
    /// The ledger's folder
    dir: PathBuf,
    /// The trust policy (C2SP tlog-policy), received from somebody other than the ledger's operator
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A checkpoint that you hold, or a receipt: the ledger must continue it
    #[arg(long, value_name = "FILE")]
    known: Vec<PathBuf>,
    #[arg(long)]
    json: bool,
}

/// Audits and prints.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let (report, seconds) = report(&args.dir, args.policy.as_deref(), &args.known, lang)?;
    if args.json {
        print(&to_json(&report).to_string());
    } else {
        print(&render(&report, seconds, lang));
    }
    Ok(exit_code(report.verdict))
}

/// With which code a verdict ends.
pub fn exit_code(verdict: Verdict) -> ExitCode {
    ExitCode::from(match verdict {
        Verdict::Holds => HOLDS,
        Verdict::Unanchored | Verdict::Broken => DOES_NOT_VERIFY,
        Verdict::Stale | Verdict::OtherLedger => STALE_OR_OTHER,
    })
}

/// Reads a policy.
pub fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let bytes = files::read(path, files::TEXT_BYTES_MAX)?;
    Policy::parse(&bytes).map_err(|source| Failure::Policy { path: path.display().to_string(), source })
}

/// Audits a folder; gives the report and how long it took, in seconds.
pub fn report(dir: &Path, policy: Option<&Path>, known: &[PathBuf], lang: Lang) -> Result<(Report, f64), Failure> {
    let storage = open_folder(dir, lang)?;
    // A copy without its marker is still a ledger to be judged; a folder with neither marker nor entries is none.
    if !dir.join(MARKER).exists() && !dir.join(SEGMENTS).exists() {
        return Err(no_ledger(dir, lang));
    }
    let policy_of = policy.map(read_policy).transpose()?;
    let known: Result<Vec<Note>, Failure> = known.iter().map(|path| read_known(path, lang)).collect();
    let question = Question {
        storage: &storage,
        policy: policy_of.as_ref(),
        is_policy_inside: policy.is_some_and(|policy| is_inside(policy, dir)),
        known: &known?,
    };
    let mut progress = Progress::new(lang.pick("verifying", "核验"));
    let report = audit(&question, &mut |done, of| progress.at(done, of))?;
    Ok((report, progress.done()))
}

fn is_inside(policy: &Path, dir: &Path) -> bool {
    match (policy.canonicalize(), dir.canonicalize()) {
        (Ok(policy), Ok(dir)) => policy.starts_with(dir),
        _ => true,
    }
}

/// A checkpoint that the auditor holds, by itself or in a receipt; a copied slot with its padding will do.
pub fn read_known(path: &Path, lang: Lang) -> Result<Note, Failure> {
    let mut bytes = files::read(path, files::TEXT_BYTES_MAX)?;
    while bytes.ends_with(b"\n\n") {
        bytes.pop();
    }
    if let Some(receipt) = Receipt::parse(&bytes) {
        return Ok(Arc::unwrap_or_clone(receipt.checkpoint));
    }
    let note = Note::parse(&bytes).map_err(|refusal| Failure::malformed(format!("{}: {refusal}", path.display())))?;
    match Checkpoint::parse(&note.text) {
        Some(_) => Ok(note),
        None => {
            Err(Failure::malformed(format!("{}: {}", path.display(), lang.pick("no checkpoint, and no receipt", "既非检查点，也非回执"))))
        }
    }
}

/// The documented shape.
pub fn to_json(report: &Report) -> serde_json::Value {
    let finding = |finding: &Finding| {
        let Finding { index, level, refusal } = finding;
        json!({
            "rule": refusal.rule.name(), "index": index, "level": level.as_str(), "line": refusal.line,
            "expected": refusal.expected, "found": refusal.found, "advice": refusal.rule.advice(),
        })
    };
    json!({
        "holds": report.verdict == Verdict::Holds,
        "verdict": report.verdict.as_str(),
        "origin": report.origin,
        "purpose": report.purpose.map(Purpose::as_str),
        "entries": report.entries,
        "root": report.root.to_string(),
        "anchored": report.anchored,
        "signatures": report.signatures,
        "cosigned": report.cosigned,
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "findings_omitted": report.findings_omitted,
    })
}

/// The report as a page.
pub fn render(report: &Report, seconds: f64, lang: Lang) -> String {
    let mut lines = vec![title(report, lang), counts(report, seconds, lang)];
    if report.is_founding_only {
        lines.push(
            lang.pick(
                "  It holds its founding and nothing else: nobody has acted in it yet.",
                "  账本只有创设声明，尚无任何人在其中行事。",
            )
            .to_owned(),
        );
    }
    lines.extend(anchor(report, lang));
    lines.extend(findings(report, lang));
    lines.push(verdict(report.verdict, lang).to_owned());
    lines.join("\n")
}

fn title(report: &Report, lang: Lang) -> String {
    let purpose = match report.purpose {
        Some(Purpose::Demonstration) => lang.pick("a demonstration", "演示账本"),
        Some(Purpose::Production) => lang.pick("a production ledger", "正式账本"),
        None => lang.pick("no founding could be verified", "创设声明无法核验"),
    };
    format!("{}  ({purpose})", report.origin)
}

fn counts(report: &Report, seconds: f64, lang: Lang) -> String {
    let (entries, signatures) = (thousands(report.entries), thousands(report.signatures));
    match lang {
        Lang::En => format!("  {entries} entries, {signatures} signatures of admitted entries verified, {seconds:.1} s"),
        Lang::Zh => format!("  共 {entries} 条，已核验入账条目的签名 {signatures} 个，用时 {seconds:.1} 秒"),
    }
}

fn anchor(report: &Report, lang: Lang) -> Option<String> {
    let anchored = report.anchored?;
    let rest = report.entries.saturating_sub(anchored);
    Some(match (lang, rest) {
        (Lang::En, 0) => format!("  your policy vouches for all {} entries", thousands(anchored)),
        (Lang::En, 1) => format!(
            "  your policy vouches for the first {} entries; the last one rests on the ledger's own key so far",
            thousands(anchored)
        ),
        (Lang::En, _) => format!(
            "  your policy vouches for the first {} entries; the last {} rest on the ledger's own key so far",
            thousands(anchored),
            thousands(rest)
        ),
        (Lang::Zh, 0) => format!("  信任策略涵盖全部 {} 条", thousands(anchored)),
        (Lang::Zh, _) => format!("  信任策略涵盖前 {} 条；最后 {} 条目前仅有账本自身签名", thousands(anchored), thousands(rest)),
    })
}

fn findings(report: &Report, lang: Lang) -> Vec<String> {
    let mut lines = Vec::new();
    // Warnings come last and by rule: they are many, lie all over the record, and do not break it.
    let (mut warnings, mut all): (Vec<&Finding>, Vec<&Finding>) = report.findings.iter().partition(|finding| finding.level == Level::Warn);
    warnings.sort_by_key(|finding| (finding.refusal.rule, finding.index));
    all.extend(warnings);
    for group in all.chunk_by(|a, b| a.refusal.rule == b.refusal.rule) {
        for finding in group.iter().take(SHOWN_OF_A_RULE) {
            lines.push(render_finding(finding, lang));
        }
        if let Some(more) = group.len().checked_sub(SHOWN_OF_A_RULE).filter(|more| *more > 0) {
            let rule = group[0].refusal.rule;
            lines.push(match lang {
                Lang::En => format!("  … and {} more of {rule}, to index {}", thousands(more as u64), group[group.len() - 1].index),
                Lang::Zh => format!("  …… 另有 {} 处 {rule}，至第 {} 条", thousands(more as u64), group[group.len() - 1].index),
            });
        }
    }
    if report.findings_omitted > 0 {
        lines.push(match lang {
            Lang::En => format!("  … and {} findings more", thousands(report.findings_omitted)),
            Lang::Zh => format!("  …… 另有 {} 项", thousands(report.findings_omitted)),
        });
    }
    lines
}

fn render_finding(finding: &Finding, lang: Lang) -> String {
    let Finding { index, level, refusal } = finding;
    let mark = match level {
        Level::Error => lang.pick("finding", "问题"),
        Level::Note => lang.pick("note   ", "提示"),
        Level::Warn => lang.pick("warning", "警示"),
    };
    let line = refusal.line.map(|line| format!(", {} {line}", lang.pick("line", "行"))).unwrap_or_default();
    format!(
        "  {mark} {} {} {index}{line}\n    {}: {}\n    {}: {}\n    {}: {}",
        refusal.rule,
        lang.pick("at", "位置"),
        lang.pick("expected", "应为"),
        within_line(&refusal.expected),
        lang.pick("found   ", "实为"),
        within_line(&refusal.found),
        lang.pick("to do   ", "处理"),
        lang.pick(refusal.rule.advice(), refusal.rule.advice_zh()),
    )
}

/// The verdict in a line, for who asked for something else; what breaks the record is shown whole.
pub fn brief(report: &Report, lang: Lang) -> String {
    let warnings = report.findings.iter().filter(|finding| finding.level != Level::Error).count();
    let mut lines = vec![match lang {
        Lang::En if warnings > 0 => {
            format!("audit: {} ({warnings} warnings and notes: `zeren audit` shows them)", verdict(report.verdict, lang))
        }
        Lang::Zh if warnings > 0 => format!("审计：{}（警示与提示 {warnings} 项，详见 zeren audit）", verdict(report.verdict, lang)),
        _ => format!("{}{}", lang.pick("audit: ", "审计："), verdict(report.verdict, lang)),
    }];
    let errors = report.findings.iter().filter(|finding| finding.level == Level::Error);
    lines.extend(errors.take(SHOWN_OF_A_RULE).map(|finding| render_finding(finding, lang)));
    lines.join("\n")
}

/// What a verdict means, in a line.
pub fn verdict(verdict: Verdict, lang: Lang) -> &'static str {
    match verdict {
        Verdict::Holds => lang.pick("HOLDS", "核验通过"),
        Verdict::Unanchored => lang.pick(
            "UNANCHORED: self-consistent, anchored to nothing. Bring a trust policy or a checkpoint from outside: --policy, --known",
            "无锚点：账本自洽，但没有外部依据。请用 --policy 或 --known 提供外部取得的信任策略或检查点",
        ),
        Verdict::Stale => lang.pick("STALE: this copy is older than a checkpoint that you hold", "陈旧：本副本早于您持有的检查点"),
        Verdict::OtherLedger => lang.pick("OTHER LEDGER: what you brought is for another ledger", "非同一账本：所给依据属于另一账本"),
        Verdict::Broken => lang.pick("BROKEN: the record is not what it should be", "核验不通过：记录与应有内容不符"),
    }
}
