//! The drill: everything that a restoration does, in a folder that goes away again.

use std::process::ExitCode;
use std::time::Instant;

use ledger::audit::Verdict;
use serde_json::json;
use signer::rule::{Refusal, Rule};

use super::{Args, exit_of};
use crate::command::audit;
use crate::command::{print, trace};
use crate::error::{DOES_NOT_VERIFY, Failure};
use crate::lang::{Lang, thousands};

/// Restores, audits, compares, traces, removes, says in one line what came of it.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    let place = args.place.clone().unwrap_or_else(std::env::temp_dir);
    let room = tempfile::Builder::new().prefix("zeren-drill-").tempdir_in(&place).map_err(Failure::file(&place))?;
    let to = room.path().join("ledger");
    let copied = super::copy_back(&args.from, &to, lang)?;
    let (report, _) = audit::report(&to, args.policy.as_deref(), &args.known, lang)?;
    if report.root != copied.checkpoint.root {
        let (expected, found) = (copied.checkpoint.root.to_string(), report.root.to_string());
        let refusal = Refusal::new(Rule::CheckpointRoot, expected, found);
        return Err(Failure::Copy(ledger::LedgerError::Damaged { index: report.entries, refusal }));
    }
    let traced = trace::verify_case(&to, args.case.as_deref(), args.policy.as_deref(), &room.path().join("views"), lang)?;
    let is_removed = room.close().map_err(Failure::file(&place));
    let took = began.elapsed().as_secs_f64();
    if args.json {
        let case = traced.as_ref().map(|(case, of, failed)| json!({ "case": case, "entries": of, "failed": failed }));
        print(&json!({ "audit": audit::to_json(&report), "case": case, "seconds": took }).to_string());
    } else {
        print(&audit::brief(&report, lang));
        print(&line(&report, traced.as_ref(), took, lang));
    }
    is_removed?;
    match &traced {
        Some((_, _, failed)) if *failed > 0 => Ok(ExitCode::from(DOES_NOT_VERIFY)),
        _ => Ok(exit_of(&report)),
    }
}

fn line(report: &ledger::audit::Report, traced: Option<&(String, usize, usize)>, took: f64, lang: Lang) -> String {
    let (entries, root, verdict) = (thousands(report.entries), report.root, word(report.verdict, lang));
    let case = match (traced, lang) {
        (None, _) => lang.pick("no case to trace", "没有可追溯的案件").to_owned(),
        (Some((case, of, failed)), Lang::En) => format!("case {case}: {} of {of} entries verified down to the founding", of - failed),
        (Some((case, of, failed)), Lang::Zh) => format!("案件 {case}：{of} 条中 {} 条逐级核验至创设", of - failed),
    };
    match lang {
        Lang::En => {
            format!("drill: restored {entries} entries, root {root}, audit {verdict}, {case}; took {took:.1} seconds, folder removed")
        }
        Lang::Zh => format!("演练：已恢复 {entries} 条，根值 {root}，审计结论 {verdict}，{case}；用时 {took:.1} 秒，临时文件夹已删除"),
    }
}

/// The verdict in a word.
fn word(verdict: Verdict, lang: Lang) -> &'static str {
    match (verdict, lang) {
        (Verdict::Holds, Lang::Zh) => "通过",
        (_, Lang::Zh) => "未通过",
        (verdict, Lang::En) => verdict.as_str(),
    }
}
