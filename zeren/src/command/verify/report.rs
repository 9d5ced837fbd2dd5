//! `zeren verify report`: what became of a report from the public, for whoever holds its code.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ledger::check::Content;
use ledger::programme::Report;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use serde_json::json;
use signer::Statement;
use signer::act::{Act, report_token};
use signer::statement::By;
use signer::value::{StatementHash, UnixMs};

use crate::clock::demo_time;
use crate::command::{audit, print, read_ledger};
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS};
use crate::lang::Lang;

/// `zeren verify report`
#[derive(Args)]
pub struct ReportArgs {
    /// The code that the hotline gave the reporter
    code: String,
    /// The ledger's folder, or a copy of it
    #[arg(long)]
    dir: PathBuf,
    /// The trust policy; without one the answer rests on the ledger's word
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

/// A statement of the record.
struct Recorded {
    entry: u64,
    received: UnixMs,
    by: Vec<By>,
    outcome: Option<String>,
}

pub(super) fn run(args: &ReportArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let (audited, _) = audit::report(&args.dir, args.policy.as_deref(), &[], lang)?;
    let holds = audited.verdict == ledger::audit::Verdict::Holds;
    let ledger = read_ledger(&args.dir, lang)?;
    let state = ledger.state();
    let found = state.register().report(&report_token(&args.code));
    let told = match found {
        Some(report) => Some(Told::of(&ledger, report)?),
        None => None,
    };
    if args.json {
        print(&to_json(told.as_ref(), audited.verdict.as_str()).to_string());
    } else {
        print(&render(told.as_ref(), lang));
        print(&match (holds, lang) {
            (true, Lang::En) => "The whole record was audited against your policy and holds.".to_owned(),
            (true, Lang::Zh) => "全部记录已按您的信任策略审计，核验通过。".to_owned(),
            (false, _) => audit::verdict(audited.verdict, lang).to_owned(),
        });
    }
    Ok(ExitCode::from(if holds && told.is_some() { HOLDS } else { DOES_NOT_VERIFY }))
}

struct Told {
    case: Option<String>,
    report: Recorded,
    answer: Option<Recorded>,
    /// Days that the answer took, or that it is waited for, and how many it may take.
    days: u64,
    limit: Option<u64>,
}

impl Told {
    fn of(ledger: &Snapshot<Folder>, report: &Report) -> Result<Told, Failure> {
        let answered = report.answered.map(|(_, hash)| hash);
        let mut recorded = find(ledger, &[Some(report.hash), answered])?;
        let answer = recorded.pop().flatten();
        let asked = recorded.pop().flatten().ok_or_else(|| Failure::malformed("a report without an entry"))?;
        let until = answer.as_ref().map_or(ledger.state().received_last(), |answer| answer.received);
        let enacted = ledger.state().procedure_at(ledger.size(), until).map(|enacted| &enacted.procedure.programme);
        let limit = enacted.and_then(|programme| programme.answer);
        let counting = limit.map_or(ledger::procedure::calendar::Counting::Natural, |limit| limit.counting);
        let days = enacted.map_or(0, |programme| programme.calendar.days_between(report.received, until, counting));
        Ok(Told { case: report.case.as_ref().map(ToString::to_string), report: asked, answer, days, limit: limit.map(|limit| limit.days) })
    }

    fn is_in_time(&self) -> bool {
        self.limit.is_none_or(|limit| self.days <= limit)
    }
}

/// The statements of these hashes, as the record has them.
fn find(ledger: &Snapshot<Folder>, hashes: &[Option<StatementHash>]) -> Result<Vec<Option<Recorded>>, Failure> {
    let mut found: Vec<Option<Recorded>> = hashes.iter().map(|_| None).collect();
    ledger.admitted(0, &mut |entry| {
        if let Content::Statement { statement, hash, .. } = &entry.verified.content
            && let Some(at) = hashes.iter().position(|wanted| wanted.as_ref() == Some(hash))
            && let Statement::Act { header, act, .. } = statement.as_ref()
        {
            let outcome = if let Act::Answer(answer) = act { Some(answer.outcome.to_string()) } else { None };
            found[at] = Some(Recorded { entry: entry.index, received: entry.received, by: header.by.clone(), outcome });
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

fn signers(recorded: &Recorded) -> String {
    recorded.by.iter().map(|by| format!("{} ({})", by.person, by.office)).collect::<Vec<_>>().join(", ")
}

fn to_json(told: Option<&Told>, verdict: &str) -> serde_json::Value {
    let Some(told) = told else { return json!({ "recorded": false, "audit": verdict }) };
    let shown = |recorded: &Recorded| json!({ "entry": recorded.entry, "received_ms": recorded.received.0, "by": recorded.by.iter().map(|by| by.person.as_str()).collect::<Vec<_>>(), "outcome": recorded.outcome });
    json!({
        "recorded": true, "audit": verdict, "case": told.case, "report": shown(&told.report), "answer": told.answer.as_ref().map(shown),
        "days": told.days, "limit_days": told.limit, "in_time": told.is_in_time(),
    })
}

fn render(told: Option<&Told>, lang: Lang) -> String {
    let Some(told) = told else {
        return lang
            .pick(
                "NOT IN THE RECORD: no report has this code. Check the code; if it is right, the report was never recorded:\nkeep the code and tell the inspectors.",
                "账本中没有此编码的举报。请核对编码；如无误，说明举报从未入账：请保留编码并向纪检部门反映。",
            )
            .to_owned();
    };
    let report = &told.report;
    let about = told.case.clone().unwrap_or_else(|| lang.pick("a unit", "某单位").to_owned());
    let limit = told.limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
    let time = |at: UnixMs| demo_time(at).to_string();
    let first = match lang {
        Lang::En => {
            format!("IN THE RECORD: entry {}, {}\n  about {about}, taken down by {}", report.entry, time(report.received), signers(report))
        }
        Lang::Zh => format!("已入账：第 {} 条，{}\n  关于 {about}，登记人 {}", report.entry, time(report.received), signers(report)),
    };
    let (days, in_time) = (told.days, told.is_in_time());
    let second = match (&told.answer, lang) {
        (Some(answer), Lang::En) => format!(
            "ANSWERED {}: {} by {}\n  entry {}, {}, after {days} of at most {limit} days",
            if in_time { "in time" } else { "LATE" },
            answer.outcome.clone().unwrap_or_default(),
            signers(answer),
            answer.entry,
            time(answer.received)
        ),
        (Some(answer), Lang::Zh) => format!(
            "{}答复：{}，答复人 {}\n  第 {} 条，{}，用时 {days} 天（限 {limit} 天）",
            if in_time { "按期" } else { "逾期" },
            if answer.outcome.as_deref() == Some("upheld") { "属实" } else { "不属实" },
            signers(answer),
            answer.entry,
            time(answer.received)
        ),
        (None, Lang::En) => format!("NOT ANSWERED{}: {days} of at most {limit} days", if in_time { " yet" } else { ", and late" }),
        (None, Lang::Zh) => format!("尚未答复{}：已 {days} 天（限 {limit} 天）", if in_time { "" } else { "，且已逾期" }),
    };
    format!("{first}\n{second}")
}
