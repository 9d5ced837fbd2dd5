//! `zeren verify`: one piece of evidence, offline.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use signer::Checkpoint;
use signer::checkpoint::Receipt;

use super::audit::read_policy;
use super::print;
use crate::error::{DOES_NOT_VERIFY, Failure, STALE_OR_OTHER, render_refusal};
use crate::files;
use crate::lang::Lang;

/// What can be verified.
#[derive(Subcommand)]
pub enum Command {
    /// A receipt: that a note stands in a ledger
    Receipt(ReceiptArgs),
}

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

/// Verifies.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    let Command::Receipt(args) = command;
    let bytes = files::read(&args.receipt, files::TEXT_BYTES_MAX)?;
    let receipt = Receipt::parse(&bytes)
        .ok_or_else(|| Failure::malformed(format!("{}: {}", args.receipt.display(), lang.pick("not a receipt", "不是回执"))))?;
    let note = files::read(&args.note, files::TEXT_BYTES_MAX)?;
    let policy = read_policy(&args.policy)?;
    let origin = Checkpoint::parse(&receipt.checkpoint.text).map(|checkpoint| checkpoint.origin).unwrap_or_default();
    let Some(key) = policy.log_keys(&origin).next() else {
        eprintln!("{origin}: {}", lang.pick("the policy does not know this ledger", "信任策略中没有该账本"));
        return Ok(ExitCode::from(STALE_OR_OTHER));
    };
    match receipt.verify(&note, &origin, key) {
        Ok(checkpoint) => {
            if args.json {
                print(&json!({ "verifies": true, "ledger": origin, "index": receipt.index, "size": checkpoint.size }).to_string());
            } else {
                print(&match lang {
                    Lang::En => format!(
                        "VERIFIES: the note is entry {} of {origin}, under a checkpoint of {} entries",
                        receipt.index, checkpoint.size
                    ),
                    Lang::Zh => format!("核验通过：该声明是 {origin} 的第 {} 条，检查点共 {} 条", receipt.index, checkpoint.size),
                });
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(refusal) => {
            if args.json {
                print(&json!({ "verifies": false, "ledger": origin, "rule": refusal.rule.name(), "expected": refusal.expected, "found": refusal.found }).to_string());
            } else {
                eprint!("{}", render_refusal(&refusal, lang));
            }
            Ok(ExitCode::from(DOES_NOT_VERIFY))
        }
    }
}
