//! A batch: its list, what it pays and holds back, every act on it, what the bank said.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use projector::Rows;
use projector::answers;
use projector::course::{self, Kind};
use projector::rows::{BatchDeed, BatchRow, CasePart, Deed, LineRow, Subject};
use serde_json::{Value, json};

use super::entry::{Told, batch_of, part_json};
use super::list::SHOWN_MAX;
use super::nearest::unknown;
use super::scene::{Scene, with};
use super::since::Since;
use super::vouchers::Vouchers;
use super::{exit, not_proved, print_end, print_line, print_part, words};
use crate::columns::wrapped;
use crate::command::print;
use crate::error::Failure;
use crate::grounds::Verdict;
use crate::lang::{Lang, thousands};
use crate::own_views::failed;

/// A case of the batch, or one that is held back from it.
struct Line {
    case: String,
    part: CasePart,
    fen: Option<u64>,
    verdict: Verdict,
}

struct Batch {
    id: String,
    row: BatchRow,
    opening: BatchDeed,
    lines: Vec<Line>,
    /// Acts on the whole batch, in order.
    acts: Vec<Told>,
    /// Acts on single payments of it, by step: how many, and entries that do not verify.
    notices: BTreeMap<String, (u64, u64)>,
}

/// Traces a batch.
pub fn trace(mut scene: Scene<'_>, is_whole: bool) -> Result<ExitCode, Failure> {
    let batch = Batch::read(&mut scene)?;
    let later = match scene.later {
        Some(later) => acts_on(later, &batch.id)?,
        None => BTreeSet::new(),
    };
    let since = Since::of_acts(&scene, &later.into_iter().collect::<Vec<u64>>(), &batch.acts)?;
    if scene.asked.reading.json {
        print(&batch.json(since.as_ref(), &scene).to_string());
    } else {
        batch.print(is_whole, since.as_ref(), &scene);
    }
    Ok(exit(batch.failed(), &scene.anchor))
}

/// Entries that act on a batch or on a payment of it, its opening and its correction included.
fn acts_on(rows: &dyn Rows, batch: &str) -> Result<BTreeSet<u64>, Failure> {
    let mut seen = BTreeSet::new();
    for case in course::batch_cases(rows, batch).map_err(failed)? {
        seen.extend(course::parts(rows, &case).map_err(failed)?.into_iter().map(|(entry, _)| entry));
    }
    let opening = answers::batch(rows, batch).map_err(failed)?.map(|answer| answer.value.entry);
    seen.extend(opening);
    let mut acts = BTreeSet::new();
    for entry in seen {
        let Some(row) = course::entry_row(rows, entry).map_err(failed)? else { continue };
        let takes_back = matches!(&row.deed, Deed::Correct { batch: Some(of), .. } if of == batch);
        if takes_back || batch_of(&row.deed) == Some(batch) {
            acts.insert(entry);
        }
    }
    Ok(acts)
}

impl Batch {
    fn read(scene: &mut Scene<'_>) -> Result<Batch, Failure> {
        let id = scene.asked.id.clone();
        let Some(row) = answers::batch(scene.rows, &id).map_err(failed)?.map(|answer| answer.value) else {
            let began = match scene.later {
                Some(later) => answers::batch(later, &id).map_err(failed)?.map(|answer| answer.value.entry),
                None => None,
            };
            return Err(unknown(scene, Kind::Batch, &id, began)?);
        };
        let (mut acts, mut notices): (Vec<Told>, BTreeMap<String, (u64, u64)>) = (Vec::new(), BTreeMap::new());
        for entry in acts_on(scene.rows, &id)? {
            let deed = scene.answer(entry)?.row.deed;
            match deed.step_done().map(|step| (&step.on, &step.step)) {
                Some((Subject::Payment { .. }, step)) => {
                    let (count, broken) = notices.entry(step.clone()).or_default();
                    *count += 1;
                    *broken += u64::from(scene.witness.vouches(entry)?.is_err());
                }
                _ => acts.push(scene.tell_entry(entry)?),
            }
        }
        let opening = acts.iter().find(|told| told.entry.entry == row.entry).and_then(|told| match told.step().map(|step| &step.on) {
            Some(Subject::Batch(batch)) => Some(batch.clone()),
            _ => None,
        });
        let opening = opening.ok_or_else(|| Failure::Views(format!("batch {id}: no opening")))?;
        let lines = read_lines(scene, &id, &row, &acts)?;
        Ok(Batch { id, row, opening, lines, acts, notices })
    }

    fn failed(&self) -> usize {
        let entries = self.acts.iter().filter(|told| told.verdict.is_err()).count();
        let notices: u64 = self.notices.values().map(|(_, broken)| broken).sum();
        entries + notices as usize + self.lines.iter().filter(|line| line.verdict.is_err()).count()
    }

    fn print(&self, is_whole: bool, since: Option<&Since>, scene: &Scene<'_>) {
        let lang = scene.lang;
        print(&scene.heading(lang.pick("batch", "批次"), &self.id));
        print_part(lang.pick("Payments", "款项"));
        self.summary(lang).iter().for_each(|line| print_line(line));
        let shown: Vec<&Line> =
            self.lines.iter().filter(|line| is_whole || !matches!(line.part, CasePart::Paid | CasePart::InBatch)).collect();
        let most = if is_whole { usize::MAX } else { SHOWN_MAX };
        shown.iter().take(most).for_each(|line| print(&line.text(lang)));
        if shown.len() > most {
            print(&format!("  … {} (--lines)", shown.len() - most));
        }
        print_part(lang.pick("Acts on it", "对批次的行为"));
        for (at, told) in self.acts.iter().enumerate() {
            if at > 0 {
                print("");
            }
            print(&told.text(lang));
        }
        Vouchers::of(self.acts.iter()).print(lang);
        print("");
        if let Some(since) = since {
            since.print(lang);
        }
        print_end(true, self.acts.len(), self.acts.iter().filter(|told| told.verdict.is_err()).count(), scene);
    }

    fn summary(&self, lang: Lang) -> Vec<String> {
        let (count, sum) = (thousands(self.opening.count), words::yuan(self.opening.fen, lang));
        let mut lines = vec![match lang {
            Lang::En => format!("{count} payments, {sum}, of list {} locked in {}", self.opening.list, self.locked(lang)),
            Lang::Zh => format!("共 {count} 笔，{sum}，依名册 {}，锁定见{}", self.opening.list, self.locked(lang)),
        }];
        lines.extend(self.opening.repays.as_ref().map(|repays| match lang {
            Lang::En => format!("pays again what failed in batch {repays}"),
            Lang::Zh => format!("重新发放批次 {repays} 中失败的款项"),
        }));
        lines.extend(self.row.void.map(|by| match lang {
            Lang::En => format!("TAKEN BACK by entry {by}"),
            Lang::Zh => format!("已由第 {by} 条更正撤回"),
        }));
        let held = self.lines.iter().filter(|line| matches!(line.part, CasePart::HeldBack(_))).count();
        let paid = self.lines.iter().filter(|line| matches!(line.part, CasePart::Paid)).count();
        let failed = self.lines.iter().filter(|line| matches!(line.part, CasePart::Failed(_))).count();
        lines.push(match (paid + failed, lang) {
            (0, Lang::En) => format!("the bank has not answered; {held} held back"),
            (0, Lang::Zh) => format!("银行尚未回执；暂扣 {held} 笔"),
            (_, Lang::En) => format!("the bank: {} paid, {} failed; {held} held back", thousands(paid as u64), thousands(failed as u64)),
            (_, Lang::Zh) => format!("银行回执：成功 {} 笔，失败 {} 笔；暂扣 {held} 笔", thousands(paid as u64), thousands(failed as u64)),
        });
        for (step, (count, broken)) in &self.notices {
            let fault = if *broken == 0 { "✓".to_owned() } else { format!("✗ {broken}") };
            lines.push(match lang {
                Lang::En => {
                    format!("{step}: {} of {count_of} payments {fault}", thousands(*count), count_of = thousands(self.opening.count))
                }
                Lang::Zh => format!("{step}：{} 笔（共 {} 笔）{fault}", thousands(*count), thousands(self.opening.count)),
            });
        }
        lines
    }

    fn locked(&self, lang: Lang) -> String {
        match self.row.locked {
            (first, last) if first == last => words::entry(first, lang),
            (first, last) => format!("{} – {}", words::entry(first, lang), words::entry(last, lang)),
        }
    }

    fn json(&self, since: Option<&Since>, scene: &Scene<'_>) -> Value {
        let batch = json!({
            "batch": self.id, "list": self.opening.list, "count": self.opening.count, "fen": self.opening.fen, "repays": self.opening.repays,
            "opened_entry": self.row.entry, "locked_entries": [self.row.locked.0, self.row.locked.1], "void_entry": self.row.void,
            "payments": self.lines.iter().map(Line::json).collect::<Vec<_>>(), "acts": self.acts.iter().map(Told::json).collect::<Vec<_>>(),
            "payment_acts": self.notices.iter().map(|(step, (count, broken))| json!({ "step": step, "count": count, "broken": broken })).collect::<Vec<_>>(),
            "verified": self.failed() == 0, "vouched": Vouchers::of(self.acts.iter()).json(), "since_then": Since::json(since),
            "not_proved": not_proved(Lang::En),
        });
        with(scene.heading_json(), batch)
    }
}

/// Every case of the batch as the last act on the whole of it left it, then those that its opening held back.
fn read_lines(scene: &mut Scene<'_>, id: &str, row: &BatchRow, acts: &[Told]) -> Result<Vec<Line>, Failure> {
    // A correction takes the batch back and says nothing of payments.
    let on_batch = |told: &&Told| told.step().is_some();
    let settled = acts
        .iter()
        .rev()
        .filter(on_batch)
        .find(|told| matches!(told.step().map(|step| &step.on), Some(Subject::Batch(batch)) if batch.results.is_some()));
    let last = settled.or_else(|| acts.iter().rev().find(on_batch));
    let Some(opening) = acts.iter().find(|told| told.entry.entry == row.entry) else { return Ok(Vec::new()) };
    let amounts: BTreeMap<String, u64> = course::lines(scene.rows, &row.list)
        .map_err(failed)?
        .into_iter()
        .filter_map(|(_, line)| if let LineRow::Case { case, fen: Some(fen), .. } = line { Some((case, fen)) } else { None })
        .collect();
    let in_batch = course::batch_cases(scene.rows, id).map_err(failed)?;
    let known: BTreeSet<&String> = in_batch.iter().collect();
    let held = amounts.keys().filter(|case| !known.contains(case));
    let named = in_batch.iter().map(|case| (case, last.unwrap_or(opening))).chain(held.map(|case| (case, opening)));
    let mut lines = Vec::new();
    for (case, told) in named {
        let Some(of_case) = course::part(scene.rows, case, told.entry.entry).map_err(failed)? else { continue };
        let verdict = scene.witness.vouches_for_part(&told.entry, case, &of_case.part)?;
        lines.push(Line { case: case.clone(), part: of_case.part, fen: amounts.get(case).copied(), verdict });
    }
    Ok(lines)
}

impl Line {
    fn text(&self, lang: Lang) -> String {
        let fen = self.fen.map_or_else(String::new, |fen| format!("  {}", words::yuan(fen, lang)));
        let fault = if self.verdict.is_err() { "  ✗" } else { "" };
        wrapped(&format!("{}{fen}  {}{fault}", self.case, words::line_fate(&self.part, lang)), "    ", "      ")
    }

    fn json(&self) -> Value {
        json!({ "case": self.case, "fen": self.fen, "part": part_json(&self.part), "verified": self.verdict.is_ok() })
    }
}
