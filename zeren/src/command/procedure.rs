//! `zeren procedure`: a procedure before it is enacted: well-formed, and whether the people in office can fill it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ledger::admit::{Shortfall, shortfalls};
use ledger::procedure::programme::{On, Step, StepBy};
use ledger::procedure::{PROCEDURE_BYTES_MAX, Procedure, procedure_digest};
use serde_json::json;
use signer::value::{Office, UnixMs};

use super::{print, read_ledger};
use crate::clock;
use crate::error::{Failure, HOLDS};
use crate::files;
use crate::lang::Lang;
use crate::screen::within_line;

/// What can be done with a procedure.
#[derive(Subcommand)]
pub enum Command {
    /// Check a procedure file, and against a ledger's roster whether its steps can be done at all
    Check(CheckArgs),
}

/// `zeren procedure check`
#[derive(Args)]
pub struct CheckArgs {
    /// The procedure (TOML, docs/format.md section 7)
    file: PathBuf,
    /// A ledger whose roster is asked
    #[arg(long)]
    dir: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

/// Checks.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    let Command::Check(args) = command;
    let bytes = files::read(&args.file, PROCEDURE_BYTES_MAX as u64)?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::malformed(format!("{}: not UTF-8", args.file.display())))?;
    let procedure = Procedure::parse(&text).map_err(Failure::Refused)?;
    let short = match &args.dir {
        None => None,
        Some(dir) => {
            let ledger = read_ledger(dir, lang)?;
            // A demonstration lives in its own time.
            let is_demonstration = ledger.id().as_str().starts_with("demo.");
            let at: UnixMs = if is_demonstration { ledger.state().received_last() } else { clock::now() };
            let teams = ledger.state().register();
            Some(shortfalls(&procedure, ledger.state(), at, |step| teams.latest_team(step)))
        }
    };
    if args.json {
        let shortfall = |short: &Shortfall| json!({ "expected": short.expected, "found": short.found });
        let short = short.as_ref().map(|all| all.iter().map(shortfall).collect::<Vec<_>>());
        print(
            &json!({
                "id": procedure.id.as_str(), "version": procedure.version, "digest": procedure_digest(&text).to_string(),
                "steps": procedure.programme.steps.iter().map(|step| step.id.as_str()).collect::<Vec<_>>(), "shortfalls": short,
            })
            .to_string(),
        );
    } else {
        print(&render(&procedure, &procedure_digest(&text).to_string(), short.as_deref(), lang));
    }
    Ok(ExitCode::from(if short.is_none_or(|short| short.is_empty()) { HOLDS } else { crate::error::DOES_NOT_VERIFY }))
}

fn render(procedure: &Procedure, digest: &str, short: Option<&[Shortfall]>, lang: Lang) -> String {
    let programme = &procedure.programme;
    let (steps, outcomes, rules) = (programme.steps.len(), programme.outcomes.len(), programme.rules.len());
    let (offices, powers) = (procedure.offices.len(), procedure.powers.len());
    let mut lines = vec![
        format!("{} {}  {}", procedure.id, procedure.version, procedure.title),
        format!("  {} {digest}", lang.pick("digest", "摘要")),
        match lang {
            Lang::En => format!("  {steps} steps, {outcomes} outcomes, {rules} rules, {offices} offices of {powers} powers"),
            Lang::Zh => format!("  {steps} 个步骤，{outcomes} 种结果，{rules} 条规则，{offices} 个岗位分属 {powers} 项权力"),
        },
        String::new(),
    ];
    lines.extend(procedure.programme.steps.iter().map(|step| step_line(step, lang)));
    match short {
        None => lines.push(format!(
            "\n{}",
            lang.pick("Well-formed. With --dir the roster of a ledger is asked too.", "格式正确。加 --dir 可核对账本中的现有人员。")
        )),
        Some([]) => {
            lines.push(format!("\n{}", lang.pick("Well-formed, and the roster can fill every step.", "格式正确，现有人员能满足每个步骤。")))
        }
        Some(short) => {
            lines.push(format!("\n{}", lang.pick("Well-formed, but the roster cannot fill all of it:", "格式正确，但现有人员无法满足：")));
            for Shortfall { expected, found } in short {
                lines.push(format!("  {}: {}", lang.pick("asked", "要求"), within_line(expected)));
                lines.push(format!("  {}: {found}", lang.pick("there ", "现有")));
            }
        }
    }
    lines.join("\n")
}

/// One step: on what, after what, by whom.
fn step_line(step: &Step, lang: Lang) -> String {
    let offices = |offices: &[Office], between: &str| offices.iter().map(Office::as_str).collect::<Vec<_>>().join(between);
    let by = match (&step.by, lang) {
        (StepBy::Any(any, min), Lang::En) => format!("{min} of {}", offices(any, ", ")),
        (StepBy::Any(any, min), Lang::Zh) => format!("{} 中 {min} 人", offices(any, "、")),
        (StepBy::Each(each), _) => offices(each, " + "),
    };
    let on = match step.on {
        On::Case => lang.pick("case", "个案"),
        On::List => lang.pick("list", "名册"),
        On::Batch => lang.pick("batch", "批次"),
        On::Payment => lang.pick("payment", "款项"),
    };
    format!("  {:<12} {on:<8} {by}", step.id.as_str())
}
