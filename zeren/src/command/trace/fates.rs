//! What became of cases, and of acts.

use std::collections::BTreeMap;

use projector::Rows;
use projector::course::{self, Passage};
use projector::rows::{CasePart, Deed, FlagState, Subject};
use serde_json::{Value, json};
use signer::value::StatementHash;

use super::entry::taken_back;
use super::words;
use crate::error::Failure;
use crate::lang::Lang;
use crate::own_views::failed;

/// How a case stands with its money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Paid.
    Paid,
    /// In a batch, or locked.
    Locked,
    /// The bank sent it back.
    Failed,
    /// Open, nothing locked.
    Open,
    /// Lost by a list and not listed again.
    Dropped,
    /// An outcome stopped it.
    Stopped,
}

impl Standing {
    /// How a case stood at the end of the period in which an entry falls.
    pub fn after(passages: &[Passage], from: u64) -> Standing {
        let mut standing = Standing::Open;
        for passage in passages {
            let renews = matches!(passage.row.deed.step_done().map(|step| &step.on), Some(Subject::Case { renews: Some(_), .. }));
            if renews && passage.entry > from {
                break;
            }
            standing = match (&passage.of_case.part, &passage.row.deed) {
                _ if renews => Standing::Open,
                (CasePart::Paid, _) => Standing::Paid,
                // What was paid stays paid, whatever is found out later.
                _ if standing == Standing::Paid => Standing::Paid,
                (CasePart::Failed(_), _) => Standing::Failed,
                (CasePart::InBatch | CasePart::Kept { fen: Some(_) }, _) => Standing::Locked,
                (CasePart::Dropped(_), _) => Standing::Dropped,
                (_, Deed::Outcome { .. }) => Standing::Stopped,
                (CasePart::Kept { fen: None }, _) => Standing::Open,
                (CasePart::Own, Deed::Step(_) | Deed::Join { .. }) if passage.of_case.changes_case => Standing::Open,
                _ => standing,
            };
        }
        standing
    }

    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Standing::Paid => "paid",
            Standing::Locked => "locked",
            Standing::Failed => "failed",
            Standing::Open => "open",
            Standing::Dropped => "dropped",
            Standing::Stopped => "stopped",
        }
    }

    /// The word on the screen.
    pub fn shown(self, lang: Lang) -> &'static str {
        match self {
            Standing::Paid => lang.pick("paid", "已发放"),
            Standing::Locked => lang.pick("locked, not yet paid", "已锁定待发放"),
            Standing::Failed => lang.pick("sent back by the bank", "银行退回"),
            Standing::Open => lang.pick("open, nothing locked", "办理中，未锁定"),
            Standing::Dropped => lang.pick("dropped from its list", "已剔除"),
            Standing::Stopped => lang.pick("stopped by an outcome", "已由处理结果终止"),
        }
    }
}

/// How many cases stood how at the end of the period in which an entry falls.
pub fn standings<'a>(rows: &dyn Rows, cases: impl Iterator<Item = &'a str>, from: u64) -> Result<BTreeMap<Standing, u64>, Failure> {
    let mut counts = BTreeMap::new();
    for case in cases {
        let passages = course::course(rows, case).map_err(failed)?;
        *counts.entry(Standing::after(&passages, from)).or_default() += 1;
    }
    Ok(counts)
}

/// What became of an act that somebody signed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It stands, and the case was paid after it.
    Paid,
    /// It stands.
    Stands,
    /// An outcome stopped the case after it: what it made of it, and the entry.
    Stopped(String, u64),
    /// A correction took it back.
    TakenBack(u64),
    /// It was found right, by this entry.
    Upheld(u64),
    /// It was dismissed, by this entry.
    Dismissed(u64),
    /// It ended with this entry: a hold released, an upheld one acted on.
    Ended(u64),
    /// It waits for an answer.
    Waits,
}

impl Fate {
    /// The word in JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Fate::Paid => "paid",
            Fate::Stands => "stands",
            Fate::Stopped(..) => "stopped",
            Fate::TakenBack(_) => "taken-back",
            Fate::Upheld(_) => "upheld",
            Fate::Dismissed(_) => "dismissed",
            Fate::Ended(_) => "ended",
            Fate::Waits => "waits",
        }
    }

    /// The entry that made it so.
    pub const fn entry(&self) -> Option<u64> {
        match self {
            Fate::Stopped(_, entry) | Fate::TakenBack(entry) | Fate::Upheld(entry) | Fate::Dismissed(entry) | Fate::Ended(entry) => {
                Some(*entry)
            }
            Fate::Paid | Fate::Stands | Fate::Waits => None,
        }
    }

    /// In words.
    pub fn shown(&self, lang: Lang) -> String {
        let by = |what: &str, entry: &u64| match lang {
            Lang::En => format!("{what} by entry {entry}"),
            Lang::Zh => format!("{what}（第 {entry} 条）"),
        };
        match self {
            Fate::Paid => lang.pick("case paid", "已发放").to_owned(),
            Fate::Stands => lang.pick("stands", "有效").to_owned(),
            Fate::Stopped(to, entry) => match lang {
                Lang::En => format!("case {} later, entry {entry}", words::status(to, lang)),
                Lang::Zh => format!("本案后经第 {entry} 条{}", words::status(to, lang)),
            },
            Fate::TakenBack(entry) => by(lang.pick("TAKEN BACK", "已更正撤回"), entry),
            Fate::Upheld(entry) => by(lang.pick("UPHELD", "认定成立"), entry),
            Fate::Dismissed(entry) => by(lang.pick("DISMISSED", "被驳回"), entry),
            Fate::Ended(entry) => by(lang.pick("ended", "已了结"), entry),
            Fate::Waits => lang.pick("WAITS for an answer", "待答复").to_owned(),
        }
    }

    /// For a program.
    pub fn json(&self) -> Value {
        let to = if let Fate::Stopped(to, _) = self { Some(to) } else { None };
        json!({ "is": self.word(), "entry": self.entry(), "to": to })
    }
}

/// Reads what became of acts, each case once.
#[derive(Default)]
pub struct Fates {
    courses: BTreeMap<String, (Vec<Passage>, BTreeMap<u64, u64>)>,
}

impl Fates {
    /// What became of an act.
    pub fn of(&mut self, rows: &dyn Rows, entry: u64) -> Result<Fate, Failure> {
        let Some(row) = course::entry_row(rows, entry).map_err(failed)? else { return Ok(Fate::Stands) };
        if let (true, Some(hash)) = (is_flag(&row.deed), row.hash)
            && let Some(flag) = course::flag(rows, &StatementHash(hash)).map_err(failed)?
        {
            return self.of_flag(rows, &row.deed, entry, flag.state);
        }
        let Some(case) = case_of(&row.deed) else { return Ok(Fate::Stands) };
        let (passages, taken) = self.course(rows, &case)?;
        if let Some(by) = taken.get(&entry) {
            return Ok(Fate::TakenBack(*by));
        }
        for later in passages.iter().filter(|passage| passage.entry > entry) {
            match (&later.row.deed, &later.of_case.part) {
                (_, CasePart::Paid) => return Ok(Fate::Paid),
                (Deed::Outcome { to, .. }, _) => return Ok(Fate::Stopped(to.clone(), later.entry)),
                _ => {}
            }
        }
        Ok(Fate::Stands)
    }

    fn of_flag(&mut self, rows: &dyn Rows, deed: &Deed, entry: u64, state: FlagState) -> Result<Fate, Failure> {
        let ended = match state {
            FlagState::Open => return Ok(Fate::Waits),
            FlagState::Upheld(by) => return Ok(Fate::Upheld(by)),
            FlagState::Closed(by) => by,
        };
        let Some(case) = case_of(deed) else { return Ok(Fate::Ended(ended)) };
        let (passages, _) = self.course(rows, &case)?;
        let answer = passages.iter().find_map(|passage| match &passage.row.deed {
            Deed::Answer { answers, outcome, .. } if *answers == entry => Some((passage.entry, outcome == "upheld")),
            _ => None,
        });
        Ok(match answer {
            Some((by, true)) => Fate::Upheld(by),
            Some((by, false)) => Fate::Dismissed(by),
            None => Fate::Ended(ended),
        })
    }

    fn course(&mut self, rows: &dyn Rows, case: &str) -> Result<&(Vec<Passage>, BTreeMap<u64, u64>), Failure> {
        if !self.courses.contains_key(case) {
            let passages = course::course(rows, case).map_err(failed)?;
            let taken = taken_back(passages.iter().map(|passage| (passage.entry, &passage.row.deed, passage.of_case.changes_case)));
            self.courses.insert(case.to_owned(), (passages, taken));
        }
        self.courses.get(case).ok_or_else(|| Failure::Views(format!("case {case} was not read")))
    }
}

fn is_flag(deed: &Deed) -> bool {
    matches!(deed, Deed::Objection { .. } | Deed::Dissent { .. } | Deed::Report { .. } | Deed::Appeal { .. } | Deed::Hold { .. })
}

/// The one case that an act is about.
pub fn case_of(deed: &Deed) -> Option<String> {
    if let Some(step) = deed.step_done() {
        return match &step.on {
            Subject::Case { case, .. } | Subject::Payment { case, .. } => Some(case.clone()),
            Subject::List { .. } | Subject::Batch(_) => None,
        };
    }
    match deed {
        Deed::Outcome { case, .. } | Deed::Transfer { case, .. } | Deed::Account { case, .. } | Deed::Objection { case, .. } => {
            Some(case.clone())
        }
        Deed::Dissent { case, .. } | Deed::Appeal { case, .. } | Deed::Hold { case, .. } | Deed::Release { case, .. } => Some(case.clone()),
        Deed::Recuse { case, .. } => Some(case.clone()),
        Deed::Report { about, .. } => about.strip_prefix("case ").map(ToOwned::to_owned),
        _ => None,
    }
}
