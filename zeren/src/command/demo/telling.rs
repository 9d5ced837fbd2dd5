//! What the demonstration says.

use std::collections::BTreeMap;
use std::path::Path;

use ledger::audit::{Report, Verdict};

use super::{Args, DRAWN, GROUND_TRUTH_FILE, Total};
use crate::columns::wrapped;
use crate::county::{self, Profile, Published, Told};
use crate::lang::{Lang, thousands};

/// Everything that there is to say.
pub struct Telling<'a> {
    /// What was asked for.
    pub args: &'a Args,
    /// The audit.
    pub report: &'a Report,
    /// What was paid.
    pub totals: &'a [Total],
    /// Stories of the year.
    pub told: &'a [Told],
    /// How many applied.
    pub applicants: usize,
    /// A case's chain.
    pub chain: Vec<String>,
    /// Refused acts, by rule.
    pub refused: &'a BTreeMap<&'static str, u64>,
    /// Frauds and honest twins.
    pub planted: Option<(usize, usize)>,
    /// Seconds that building took.
    pub built: f64,
    /// Seconds that the audit took.
    pub audited: f64,
    /// The language.
    pub lang: Lang,
}

impl Telling<'_> {
    /// The whole text.
    pub fn render(&self) -> String {
        let parts = [self.title(), self.money(), self.chain(), self.stories(), self.found(), self.next()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
    }

    fn title(&self) -> String {
        let (entries, signatures) = (thousands(self.report.entries), thousands(self.report.signatures));
        let (applicants, villages) = (thousands(self.applicants as u64), self.args.profile.village_count());
        let (built, audited) = (self.built, self.audited);
        match (self.lang, self.args.profile) {
            (Lang::En, profile) => {
                let of = if profile == Profile::S { "township" } else { "county" };
                format!(
                    "责任 Zeren · an invented {of}'s year 2013\n  {applicants} applicants in {villages} villages; {entries} entries, {signatures} signatures\n  built in {built:.1} s, audited from its bytes in {audited:.1} s\n  every key comes from the seed: unsafe, for show; nobody in it is real"
                )
            }
            (Lang::Zh, profile) => {
                let of = if profile == Profile::S { "乡" } else { "县" };
                format!(
                    "责任 Zeren · 虚构{of}的 2013 年\n  {villages} 个村，{applicants} 名申报对象；共 {entries} 条，{signatures} 个签名\n  生成 {built:.1} 秒，逐字节审计 {audited:.1} 秒\n  密钥均由种子导出，仅供演示；人名地名均属虚构"
                )
            }
        }
    }

    fn money(&self) -> String {
        let published = self.args.profile.published();
        let mut lines = vec![match published.is_empty() {
            true => self.lang.pick("Paid, from the bank's results", "实发金额（据银行回执）").to_owned(),
            false => self
                .lang
                .pick("Paid, from the bank's results, beside what the county published", "实发金额（据银行回执）与县公布数对照")
                .to_owned(),
        }];
        for total in self.totals {
            let beside = published.iter().find(|one| one.scheme == total.scheme);
            lines.push(format!("  {:<7} {}{}", total.scheme, self.sum(total.people, total.fen), self.beside(total, beside)));
        }
        lines.join("\n")
    }

    fn sum(&self, people: u64, fen: u64) -> String {
        let yuan = format!("{}.{:02}", thousands(fen / 100), fen % 100);
        match self.lang {
            Lang::En => format!("{:>6} people {yuan:>13} yuan", thousands(people)),
            Lang::Zh => format!("{:>6} 人 {yuan:>13} 元", thousands(people)),
        }
    }

    fn beside(&self, total: &Total, published: Option<&Published>) -> String {
        let Some(Published { people, fen, .. }) = published else { return String::new() };
        let is_equal = (total.people, total.fen) == (*people, *fen);
        let verdict = match is_equal {
            true => self.lang.pick("equal", "一致"),
            false => self.lang.pick("NOT EQUAL", "不一致"),
        };
        let said = self.lang.pick("published", "公布");
        // Ten thousand yuan are a million fen; the county publishes one decimal.
        match self.lang {
            Lang::En => {
                format!("   {said} {}: {verdict}", self.sum(*people, *fen).trim_start()).replace(" people", "").replace(" yuan", "")
            }
            Lang::Zh => format!("　{said} {} 人 {}.{} 万元，{verdict}", thousands(*people), fen / 1_000_000, fen % 1_000_000 / 100_000),
        }
    }

    fn chain(&self) -> String {
        let title = match self.lang {
            Lang::En => format!("Who is responsible for case {DRAWN}  (● signed  ○ stood aside or against)"),
            Lang::Zh => format!("案件 {DRAWN} 责任链（● 签署　○ 回避或异议）"),
        };
        std::iter::once(title).chain(self.chain.iter().cloned()).collect::<Vec<_>>().join("\n")
    }

    fn stories(&self) -> String {
        if self.planted.is_some() {
            return String::new();
        }
        let mut lines = vec![self.lang.pick("What happened on the way", "过程中的情况").to_owned()];
        let told = self.told.iter().map(|told| wrapped(self.lang.pick(told.en, told.zh), &format!("  {}  ", told.case), "              "));
        lines.extend(told);
        lines.join("\n")
    }

    fn found(&self) -> String {
        let mut warned: BTreeMap<&'static str, u64> = BTreeMap::new();
        for finding in &self.report.findings {
            *warned.entry(finding.refusal.rule.name()).or_default() += 1;
        }
        let counted = |by_rule: &BTreeMap<&'static str, u64>| {
            by_rule.iter().map(|(rule, count)| format!("{rule}×{}", thousands(*count))).collect::<Vec<_>>().join(", ")
        };
        let verdict = match self.report.verdict == Verdict::Holds {
            true => self.lang.pick("The audit holds.", "审计：核验通过。"),
            false => self.lang.pick("THE AUDIT DOES NOT HOLD.", "审计：核验不通过。"),
        };
        let mut lines = vec![verdict.to_owned()];
        if !warned.is_empty() {
            lines.push(format!("  {} {}", self.lang.pick("warnings on record, by rule:", "在案警示（按规则）："), counted(&warned)));
        }
        if !self.refused.is_empty() {
            let refused = self.lang.pick("refused, and the refusal kept:", "已拒绝并留存：");
            lines.push(wrapped(&format!("{refused} {}", counted(self.refused)), "  ", "    "));
        }
        if let Some((frauds, twins)) = self.planted {
            let file = shown(&self.args.dir.join(GROUND_TRUTH_FILE));
            lines.push(match self.lang {
                Lang::En => format!("  planted: {frauds} frauds and {twins} honest twins that look like them; which, says\n    {file}"),
                Lang::Zh => format!("  预埋舞弊 {frauds} 种、形似而守规者 {twins} 种，详见\n    {file}"),
            });
        }
        lines.join("\n")
    }

    fn next(&self) -> String {
        let dir = shown(&self.args.dir);
        let policy = format!("--policy {dir}/trust-policy");
        let published = if self.args.profile.published().is_empty() { String::new() } else { format!(" --published {dir}/published.csv") };
        let mut tries = vec![
            format!("zeren trace payment {DRAWN} --dir {dir} {policy}"),
            format!("zeren status --dir {dir} {policy}{published}"),
            format!("zeren verify report {} --dir {dir} {policy}", county::REPORT_CODE),
        ];
        if self.args.copies {
            tries.push(format!("zeren audit {dir}-copies/rewritten {policy} --known {dir}/checkpoint.0"));
        }
        let title = self.lang.pick("Try next (zeren is target/release/zeren)", "接下来可以试（zeren 即 target/release/zeren）");
        // A command that takes more than a line goes on behind a backslash, so that it can be copied.
        let lines = tries.iter().map(|command| wrapped(command, "  ", "    ").replace('\n', " \\\n"));
        std::iter::once(title.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
    }
}

fn shown(path: &Path) -> String {
    crate::screen::within_line(&path.display().to_string())
}
