//! `zeren verify receipt`: that a note stands in a ledger, offline.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ledger::policy::Policy;
use serde_json::json;
use signer::checkpoint::Receipt;
use signer::rule::Rule;
use signer::{Checkpoint, Refusal};

use crate::command::audit::read_policy;
use crate::command::print;
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS, STALE_OR_OTHER, render_refusal, render_refused};
use crate::files;
use crate::lang::Lang;
use crate::screen::{say, within_line};

/// `zeren verify receipt`
#[derive(Args)]
pub struct ReceiptArgs {
    /// The receipt (C2SP .tlog-proof)
    receipt: PathBuf,
    /// The note that was submitted: a signed statement
    note: PathBuf,
    /// The trust policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ReceiptArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let bytes = files::read(&args.receipt, files::TEXT_BYTES_MAX)?;
    let receipt = Receipt::parse(&bytes)
        .ok_or_else(|| Failure::malformed(format!("{}: {}", args.receipt.display(), lang.pick("not a receipt", "不是回执"))))?;
    let note = files::read(&args.note, files::TEXT_BYTES_MAX)?;
    let policy = read_policy(&args.policy)?;
    let origin = Checkpoint::parse(&receipt.checkpoint.text).map(|checkpoint| checkpoint.origin).unwrap_or_default();
    if policy.log_keys(&origin).next().is_none() {
        say(&format!("{}: {}", within_line(&origin), lang.pick("the policy does not know this ledger", "信任策略中没有该账本")));
        return Ok(ExitCode::from(STALE_OR_OTHER));
    }
    let answer = verify(&receipt, &note, &origin, &policy);
    let verdict = match &answer {
        Ok(_) if policy.accepts(&receipt.checkpoint) => Verdict::Verifies,
        Ok(_) => Verdict::Unanchored,
        Err(_) => Verdict::Broken,
    };
    if args.json {
        print(&to_json(&receipt, &origin, &answer, verdict).to_string());
    } else {
        match &answer {
            Ok(checkpoint) => print(&render(&receipt, checkpoint, verdict, lang)),
            Err(refusal) => say(&render_misfit(refusal, lang)),
        }
    }
    Ok(ExitCode::from(if verdict == Verdict::Verifies { HOLDS } else { DOES_NOT_VERIFY }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Verifies,
    /// Signed by the ledger, but not cosigned as the policy asks.
    Unanchored,
    Broken,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Verdict::Verifies => "verifies",
            Verdict::Unanchored => "unanchored",
            Verdict::Broken => "broken",
        }
    }
}

/// Under any of the keys that the policy names for the ledger. Where none fits, what is said is the furthest that a key came.
fn verify(receipt: &Receipt, note: &[u8], origin: &str, policy: &Policy) -> Result<Checkpoint, Refusal> {
    let mut refused = None;
    for key in policy.log_keys(origin) {
        match receipt.verify(note, origin, key) {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(refusal) if refused.is_none() || refusal.rule != Rule::CheckpointSignature => refused = Some(refusal),
            Err(_) => {}
        }
    }
    Err(refused.unwrap_or_else(|| Refusal::new(Rule::CheckpointSignature, "a key that the policy names", "none")))
}

fn to_json(receipt: &Receipt, origin: &str, answer: &Result<Checkpoint, Refusal>, verdict: Verdict) -> serde_json::Value {
    let verifies = verdict == Verdict::Verifies;
    match answer {
        Ok(checkpoint) => json!({
            "verifies": verifies, "verdict": verdict.as_str(), "ledger": origin, "index": receipt.index, "size": checkpoint.size,
        }),
        Err(refusal) => json!({
            "verifies": verifies, "verdict": verdict.as_str(), "ledger": origin, "rule": refusal.rule.name(),
            "expected": refusal.expected, "found": refusal.found,
        }),
    }
}

fn render(receipt: &Receipt, checkpoint: &Checkpoint, verdict: Verdict, lang: Lang) -> String {
    let (index, size, origin) = (receipt.index, checkpoint.size, &checkpoint.origin);
    match (verdict, lang) {
        (Verdict::Verifies, Lang::En) => format!("VERIFIES: the note is entry {index} of {origin}, under a checkpoint of {size} entries"),
        (Verdict::Verifies, Lang::Zh) => format!("核验通过：该声明是 {origin} 的第 {index} 条，检查点共 {size} 条"),
        (_, Lang::En) => format!(
            "UNANCHORED: the note is in the log by the ledger's signature, but witnesses that the policy asks for have not cosigned this \
             checkpoint\n  entry {index} of {origin}, {size} entries\n  what to do: submit the same statement again once they have \
             cosigned, and verify the receipt that comes back"
        ),
        (_, Lang::Zh) => format!(
            "无锚点：该声明依账本签名已入账，但信任策略要求的见证人尚未副签此检查点\n  {origin} 第 {index} 条，共 {size} 条\n  \
             处理: 待见证人副签后再次提交同一声明，并核验新的回执"
        ),
    }
}

/// A receipt and a note that do not belong together are no damage to the record.
fn render_misfit(refusal: &Refusal, lang: Lang) -> String {
    if refusal.rule != Rule::CheckpointRoot {
        return render_refusal(refusal, lang);
    }
    render_refused(
        lang.pick("DOES NOT VERIFY: this receipt is not one of this note", "核验不通过：回执与该声明不符"),
        refusal,
        lang.pick(
            "Bring the note exactly as it was recorded: N.note, which `zeren submit` writes beside N.tlog-proof.",
            "请使用入账时的原始声明：zeren submit 在 N.tlog-proof 旁写入的 N.note。",
        ),
        lang,
    )
}
