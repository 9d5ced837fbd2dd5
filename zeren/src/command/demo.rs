//! `zeren demo`: an invented county's year, built, audited and told.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::ValueEnum;
use ledger::Ledger;
use ledger::audit::{Report, Verdict};
use ledger::check::Content;
use ledger::storage::Folder;
use serde_json::json;
use signer::act::{Act, PaymentLine, Sheet, SheetLines};
use signer::value::{CaseId, Code, Scheme};
use signer::{Statement, keyfile};

use super::init::CHECKPOINT_KEY_FILE;
use super::{audit, print};
use crate::county::{self, County, Profile, Told};
use crate::demo_keys::{DemoSeed, SEED_FILE};
use crate::error::Failure;
use crate::files;
use crate::lang::{Lang, thousands};
use crate::progress::Progress;

/// `zeren demo`
#[derive(clap::Args)]
pub struct Args {
    /// Size of the county
    #[arg(long, value_enum, default_value = "s")]
    profile: Profile,
    /// What everything is derived from: the same seed makes the same bytes
    #[arg(long, default_value = "1")]
    seed: String,
    /// New folder for the ledger
    #[arg(long, default_value = "zeren-demo")]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// People and money of a scheme.
struct Total {
    scheme: String,
    people: u64,
    fen: u64,
}

/// Builds, audits, tells.
pub fn run(args: &Args, lang: Lang) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let mut county = county::found(&args.dir, DemoSeed::new(&args.seed), args.profile)?;
    let mut progress = Progress::new(lang.pick("a county's year", "一县一年"));
    let told = county::live_a_year(&mut county, &mut |done, of| progress.at(done, of))?;
    progress.done();
    let policy = args.dir.join("trust-policy");
    files::write_new(&policy, county.policy().as_bytes())?;
    files::write_secret(&args.dir.join(SEED_FILE), format!("{}\n", args.seed).as_bytes())?;
    let key = keyfile::plain(&county.seed.key("checkpoint"))
        .map_err(|source| Failure::KeyFile { path: CHECKPOINT_KEY_FILE.to_owned(), source })?;
    files::write_secret(&args.dir.join(CHECKPOINT_KEY_FILE), key.as_bytes())?;
    let totals = Payments::of(&county.ledger)?.totals();
    let built = started.elapsed().as_secs_f64();
    let (applicants, villages) = (county.applicant_count(), args.profile.village_count());
    let County { warnings, ledger, .. } = county;
    drop(ledger);
    let (report, _) = audit::report(&args.dir, Some(&policy), &[], lang)?;
    let text = if args.json {
        let totals: Vec<_> =
            totals.iter().map(|total| json!({ "scheme": total.scheme, "people": total.people, "fen": total.fen })).collect();
        json!({
            "profile": args.profile.to_possible_value().map(|value| value.get_name().to_owned()), "dir": args.dir, "origin": report.origin, "entries": report.entries, "signatures": report.signatures,
            "totals": totals, "warnings": warnings, "audit": audit::to_json(&report),
        })
        .to_string()
    } else {
        Telling {
            args,
            report: &report,
            totals: &totals,
            told: &told,
            applicants,
            villages,
            built,
            seconds: started.elapsed().as_secs_f64(),
            lang,
        }
        .render()
    };
    print(&text);
    Ok(if report.verdict == Verdict::Holds { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// What was paid, from the entries alone: locked lines that the bank's results call paid.
#[derive(Default)]
struct Payments {
    schemes: HashMap<CaseId, Scheme>,
    locked: HashMap<Code, HashMap<CaseId, u64>>,
    results: HashMap<Code, Vec<CaseId>>,
    paid: Vec<(Scheme, u64)>,
}

impl Payments {
    fn of(ledger: &Ledger<Folder>) -> Result<Payments, Failure> {
        let mut payments = Payments::default();
        ledger.admitted(0, &mut |entry| {
            if let Content::Statement { statement, .. } = &entry.verified.content
                && let Statement::Act { act, .. } = statement.as_ref()
            {
                payments.read(act);
            }
            ControlFlow::Continue(())
        })?;
        Ok(payments)
    }

    fn read(&mut self, act: &Act) {
        match act {
            Act::Sheet(Sheet { list, lines: SheetLines::Payments(lines), .. }) => {
                let locked = self.locked.entry(list.clone()).or_default();
                for line in lines {
                    if let PaymentLine::Pays { case, fen, .. } = line {
                        locked.insert(case.clone(), *fen);
                    }
                }
            }
            Act::Sheet(Sheet { list, lines: SheetLines::Results(lines), .. }) => {
                let paid = lines.iter().filter(|line| line.failed.is_none()).map(|line| line.case.clone());
                self.results.entry(list.clone()).or_default().extend(paid);
            }
            Act::Step(step) => {
                if let (Some((case, _)), Some(opening)) = (&step.case, &step.open) {
                    self.schemes.insert(case.clone(), opening.scheme.clone());
                }
                if let (Some(batch), Some(results)) = (&step.batch, &step.results) {
                    let (locked, paid) = (self.locked.get(&batch.list), self.results.get(&results.list));
                    for case in paid.into_iter().flatten() {
                        let fen = locked.and_then(|locked| locked.get(case));
                        if let (Some(scheme), Some(fen)) = (self.schemes.get(case), fen) {
                            self.paid.push((scheme.clone(), *fen));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn totals(&self) -> Vec<Total> {
        let mut totals: BTreeMap<&str, Total> = BTreeMap::new();
        for (scheme, fen) in &self.paid {
            let total = totals.entry(scheme.as_str()).or_insert_with(|| Total { scheme: scheme.to_string(), people: 0, fen: 0 });
            (total.people, total.fen) = (total.people + 1, total.fen + fen);
        }
        totals.into_values().collect()
    }
}

struct Telling<'a> {
    args: &'a Args,
    report: &'a Report,
    totals: &'a [Total],
    told: &'a [Told],
    applicants: usize,
    villages: usize,
    built: f64,
    seconds: f64,
    lang: Lang,
}

impl Telling<'_> {
    fn render(&self) -> String {
        [self.title(), self.money(), self.stories(), self.verdict(), self.next()].join("\n\n")
    }

    fn title(&self) -> String {
        let (entries, signatures) = (thousands(self.report.entries), thousands(self.report.signatures));
        let (applicants, villages) = (thousands(self.applicants as u64), self.villages);
        match self.lang {
            Lang::En => format!(
                "责任 Zeren · an invented county's year 2013\n  {applicants} applicants in {villages} villages; {entries} entries, {signatures} signatures\n  built in {:.1} s, audited from its bytes in {:.1} s. Every key comes from the seed: unsafe, for show",
                self.built,
                self.seconds - self.built
            ),
            Lang::Zh => format!(
                "责任 Zeren · 虚构县的 2013 年\n  {villages} 个村，{applicants} 名申报对象；共 {entries} 条，{signatures} 个签名\n  生成 {:.1} 秒，逐字节审计 {:.1} 秒。密钥均由种子导出，仅供演示",
                self.built,
                self.seconds - self.built
            ),
        }
    }

    fn money(&self) -> String {
        let mut lines = vec![self.lang.pick("Paid, from the bank's results", "实发金额（据银行回执）").to_owned()];
        let yuan = |fen: u64| format!("{}.{:02}", thousands(fen / 100), fen % 100);
        for total in self.totals {
            lines.push(match self.lang {
                Lang::En => format!("  {:<8}{:>6} people {:>16} yuan", total.scheme, total.people, yuan(total.fen)),
                Lang::Zh => format!("  {:<8}{:>6} 人 {:>16} 元", total.scheme, total.people, yuan(total.fen)),
            });
        }
        lines.join("\n")
    }

    fn stories(&self) -> String {
        let mut lines = vec![self.lang.pick("What happened on the way", "过程中的情况").to_owned()];
        lines.extend(self.told.iter().map(|told| format!("  {}  {}", told.case, self.lang.pick(told.en, told.zh))));
        lines.join("\n")
    }

    fn verdict(&self) -> String {
        let mut rules: Vec<(&str, u64)> = Vec::new();
        for finding in &self.report.findings {
            let name = finding.refusal.rule.name();
            match rules.iter_mut().find(|(rule, _)| *rule == name) {
                Some((_, count)) => *count += 1,
                None => rules.push((name, 1)),
            }
        }
        let found: Vec<String> = rules.iter().map(|(rule, count)| format!("{rule} × {count}")).collect();
        let holds = self.report.verdict == Verdict::Holds;
        let verdict = match holds {
            true => self.lang.pick("The audit holds.", "审计：核验通过。"),
            false => self.lang.pick("THE AUDIT DOES NOT HOLD.", "审计：核验不通过。"),
        };
        let warned = self.lang.pick("Warnings on record", "在案警示");
        if found.is_empty() { verdict.to_owned() } else { format!("{verdict} {warned}: {}", found.join(", ")) }
    }

    fn next(&self) -> String {
        let dir = shown(&self.args.dir);
        format!(
            "{}\n  zeren audit {dir} --policy {dir}/trust-policy\n  zeren trace case 07-05-003 --dir {dir} --policy {dir}/trust-policy\n  zeren verify report {} --dir {dir}",
            self.lang.pick("Try next", "接下来可以试"),
            county::REPORT_CODE
        )
    }
}

fn shown(dir: &Path) -> String {
    crate::screen::within_line(&dir.display().to_string())
}
