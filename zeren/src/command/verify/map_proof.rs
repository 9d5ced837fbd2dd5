//! `zeren verify proof`: a map proof, offline.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ledger::evidence::{MapEvidence, Shown};
use serde_json::json;

use crate::command::audit::read_policy;
use crate::command::print;
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS, render_refusal};
use crate::files;
use crate::lang::Lang;
use crate::screen::say;

/// `zeren verify proof`
#[derive(Args)]
pub struct ProofArgs {
    /// The file that `zeren prove` wrote
    proof: PathBuf,
    /// The trust policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ProofArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let bytes = files::read(&args.proof, files::TEXT_BYTES_MAX)?;
    let evidence = MapEvidence::parse(&bytes)
        .ok_or_else(|| Failure::malformed(format!("{}: {}", args.proof.display(), lang.pick("not a map proof", "不是索引证明"))))?;
    let policy = read_policy(&args.policy)?;
    match evidence.verify(&policy) {
        Ok(shown) => {
            if args.json {
                print(&to_json(&evidence, &shown).to_string());
            } else {
                print(&render(&evidence, &shown, lang));
            }
            Ok(ExitCode::from(if shown.is_anchored { HOLDS } else { DOES_NOT_VERIFY }))
        }
        Err(refusal) => {
            say(&format!("{}\n{}", lang.pick("DOES NOT VERIFY", "核验不通过"), render_refusal(&refusal, lang)));
            Ok(ExitCode::from(DOES_NOT_VERIFY))
        }
    }
}

fn to_json(evidence: &MapEvidence, shown: &Shown) -> serde_json::Value {
    json!({
        "verifies": shown.is_anchored, "ledger": shown.ledger, "index": shown.index, "id": evidence.subject.id(),
        "exists": evidence.value.is_some(), "value": evidence.value,
    })
}

fn render(evidence: &MapEvidence, shown: &Shown, lang: Lang) -> String {
    let (id, index) = (evidence.subject.id(), shown.index);
    let verdict = match (shown.is_anchored, lang) {
        (true, Lang::En) => format!("VERIFIES: up to entry {index} of {}", shown.ledger),
        (true, Lang::Zh) => format!("核验通过：截至 {} 第 {index} 条", shown.ledger),
        (false, Lang::En) => format!("UNANCHORED: by the ledger's own signature only, up to entry {index} of {}", shown.ledger),
        (false, Lang::Zh) => format!("无锚点：仅有账本自身签名，截至 {} 第 {index} 条", shown.ledger),
    };
    let says = match &evidence.value {
        Some(value) => {
            let lines: String = value.lines().map(|line| format!("  {line}\n")).collect();
            format!("{}\n{}", lines.trim_end(), lang.pick("  and nothing else exists for it", "  除此之外没有其他记载"))
        }
        None => format!("  {id}: {}", lang.pick("nothing exists for it in the record", "账本中没有任何记载")),
    };
    let rests = lang.pick(
        "That the index was recomputed rests on the witnesses; what an auditor's own copy says weighs more.",
        "索引是否经重新计算取决于见证方；审计人员自有副本的证明力更强。",
    );
    format!("{verdict}\n{says}\n{rests}")
}
