//! A list: its sheets and lines, every act on it, how long it hung, what became of its cases.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use projector::Rows;
use projector::answers::{self, ListAnswer};
use projector::course::{self, Kind};
use projector::rows::{CasePart, Deed, LineRow, Subject};
use serde_json::{Value, json};
use signer::value::{Code, Time};

use super::entry::{Told, batch_of, list_of, part_json};
use super::fates::{Standing, standings};
use super::nearest::unknown;
use super::scene::{Scene, with};
use super::since::Since;
use super::vouchers::Vouchers;
use super::{exit, not_proved, print_end, print_line, print_part, words};
use crate::columns::wrapped;
use crate::command::print;
use crate::error::Failure;
use crate::grounds::{Fault, Verdict};
use crate::lang::{Lang, thousands};
use crate::own_views::failed;

/// Lines that left the list and are shown without `--lines`.
pub const SHOWN_MAX: usize = 20;

/// A line, with what its last act made of it.
struct Line {
    number: usize,
    case: String,
    fen: Option<u64>,
    /// Why a result's payment failed.
    failed: Option<String>,
    part: CasePart,
    verdict: Verdict,
}

/// From when to when it hung.
struct Hung {
    step: String,
    up: (u64, Option<Time>),
    down: Option<(u64, Option<Time>)>,
    /// Days by the calendar of the procedure, and how many it asks for.
    days: Option<(u64, u64)>,
}

struct List {
    id: String,
    answer: ListAnswer,
    sheets: Vec<Told>,
    lines: Vec<Line>,
    acts: Vec<Told>,
    batches: Vec<String>,
    hung: Vec<Hung>,
    standings: BTreeMap<Standing, u64>,
}

/// Traces a list.
pub fn trace(mut scene: Scene<'_>, is_whole: bool) -> Result<ExitCode, Failure> {
    let list = List::read(&mut scene)?;
    let later = match scene.later {
        Some(later) => acts_on(later, &list.id, &list.answer.row.kind, list.answer.sheets.first().copied())?,
        None => BTreeSet::new(),
    };
    let since = Since::of_acts(&scene, &later.into_iter().collect::<Vec<u64>>(), &list.acts)?;
    if scene.asked.reading.json {
        print(&list.json(since.as_ref(), &scene).to_string());
    } else {
        list.print(is_whole, since.as_ref(), &scene);
    }
    Ok(exit(list.failed(), &scene.anchor))
}

/// Entries that act on a list.
fn acts_on(rows: &dyn Rows, list: &str, kind: &str, first: Option<u64>) -> Result<BTreeSet<u64>, Failure> {
    let mut acts = BTreeSet::new();
    if kind == "cases" || kind == "payments" {
        for (_, line) in course::lines(rows, list).map_err(failed)? {
            let (LineRow::Case { case, .. } | LineRow::Omit { case, .. } | LineRow::Result { case, .. }) = line;
            acts.extend(course::parts(rows, &case).map_err(failed)?.into_iter().map(|(entry, _)| entry));
        }
        let mut on_list = BTreeSet::new();
        for entry in acts {
            let deed = course::entry_row(rows, entry).map_err(failed)?.map(|row| row.deed);
            if deed.is_some_and(|deed| list_of(&deed) == Some(list)) {
                on_list.insert(entry);
            }
        }
        return Ok(on_list);
    }
    // Seats and results have no cases that name them: whatever came after their first sheet is looked through.
    course::entries(rows, first.unwrap_or_default(), &mut |entry, row| {
        let names = row.deed.step_done().is_some_and(|step| match &step.on {
            Subject::List { seats: Some(seats), .. } => seats.list == list,
            Subject::Batch(batch) => batch.results.as_ref().is_some_and(|(results, ..)| results == list),
            _ => false,
        });
        if names {
            acts.insert(entry);
        }
    })
    .map_err(failed)?;
    Ok(acts)
}

impl List {
    fn read(scene: &mut Scene<'_>) -> Result<List, Failure> {
        let id = scene.asked.id.clone();
        let Some(answer) = answers::list(scene.rows, &id).map_err(failed)?.map(|answer| answer.value) else {
            let began = match scene.later {
                Some(later) => answers::list(later, &id).map_err(failed)?.and_then(|answer| answer.value.sheets.first().copied()),
                None => None,
            };
            return Err(unknown(scene, Kind::List, &id, began)?);
        };
        let sheets = answer.sheets.iter().map(|sheet| scene.tell_entry(*sheet)).collect::<Result<Vec<Told>, Failure>>()?;
        let (mut acts, mut batches) = (Vec::new(), Vec::new());
        for entry in acts_on(scene.rows, &id, &answer.row.kind, answer.sheets.first().copied())? {
            let told = scene.tell_entry(entry)?;
            match batch_of(&told.entry.row.deed).filter(|_| answer.row.kind == "payments") {
                Some(batch) if batches.iter().any(|known| known == batch) => {}
                Some(batch) => batches.push(batch.to_owned()),
                None => acts.push(told),
            }
        }
        let lines = read_lines(scene, &id, acts.last())?;
        let from = acts.first().map(|told| told.entry.entry).or(answer.sheets.first().copied()).unwrap_or_default();
        let standings = standings(scene.rows, lines.iter().map(|line| line.case.as_str()), from)?;
        let hung = hung(scene, &acts);
        Ok(List { id, answer, sheets, lines, acts, batches, hung, standings })
    }

    fn failed(&self) -> usize {
        let entries = self.sheets.iter().chain(&self.acts).filter(|told| told.verdict.is_err()).count();
        entries + self.lines.iter().filter(|line| line.verdict.is_err()).count()
    }

    fn count(&self, is: fn(&CasePart) -> bool) -> usize {
        self.lines.iter().filter(|line| is(&line.part)).count()
    }

    fn print(&self, is_whole: bool, since: Option<&Since>, scene: &Scene<'_>) {
        let lang = scene.lang;
        print(&scene.heading(lang.pick("list", "名册"), &format!("{} ({})", self.id, self.answer.row.kind)));
        self.print_lines(is_whole, lang);
        if !self.hung.is_empty() {
            print_part(lang.pick("Hung", "公示"));
            self.hung.iter().for_each(|hung| print_line(&hung.text(lang)));
        }
        if !self.standings.is_empty() {
            print_part(lang.pick("What became of its cases", "所列案件去向"));
            for (standing, count) in &self.standings {
                print(&format!("  {:>6}  {}", thousands(*count), standing.shown(lang)));
            }
        }
        if !self.batches.is_empty() {
            print_line(&format!("{}{}", lang.pick("paid by batches: ", "发放批次："), self.batches.join(lang.pick(", ", "、"))));
        }
        for (title, told) in [(lang.pick("Sheets", "名册页"), &self.sheets), (lang.pick("Acts on it", "对名册的行为"), &self.acts)]
        {
            print_part(title);
            for (at, told) in told.iter().enumerate() {
                if at > 0 {
                    print("");
                }
                print(&told.text(lang));
            }
        }
        if self.acts.is_empty() {
            print(lang.pick("  none: no step has used it", "  无：尚无步骤使用本名册"));
        }
        Vouchers::of(self.sheets.iter().chain(&self.acts)).print(lang);
        print("");
        if let Some(since) = since {
            since.print(lang);
        }
        let entries = self.sheets.iter().chain(&self.acts);
        let failed = entries.clone().filter(|told| told.verdict.is_err()).count();
        print_end(true, entries.count(), failed, scene);
    }

    fn print_lines(&self, is_whole: bool, lang: Lang) {
        print_part(lang.pick("Lines", "名册行"));
        let votes = self.answer.row.votes;
        print_line(&match (self.answer.row.kind.as_str(), lang) {
            ("seats", Lang::En) => format!("{} agree, {} against, {} absent", votes.agree, votes.against, votes.absent),
            ("seats", Lang::Zh) => format!("同意 {}，反对 {}，缺席 {}", votes.agree, votes.against, votes.absent),
            _ => self.counts(lang),
        });
        let is_left = |line: &&Line| is_whole || !matches!(line.part, CasePart::Kept { .. } | CasePart::Own | CasePart::Paid);
        let shown: Vec<&Line> = self.lines.iter().filter(is_left).collect();
        let most = if is_whole { usize::MAX } else { SHOWN_MAX };
        shown.iter().take(most).for_each(|line| print(&line.text(lang)));
        if shown.len() > most {
            let more = shown.len() - most;
            print(&match lang {
                Lang::En => format!("  … and {more} more (--lines)"),
                Lang::Zh => format!("  …另有 {more} 行（--lines 全部列出）"),
            });
        }
    }

    fn counts(&self, lang: Lang) -> String {
        let kept = self.count(|part| matches!(part, CasePart::Kept { .. }));
        let dropped = self.count(|part| matches!(part, CasePart::Dropped(_) | CasePart::DroppedBefore(_)));
        let omitted = self.count(|part| matches!(part, CasePart::Omitted(_)));
        let (paid, failed) = (self.count(|part| matches!(part, CasePart::Paid)), self.count(|part| matches!(part, CasePart::Failed(_))));
        let fen: u64 = self.lines.iter().filter(|line| matches!(line.part, CasePart::Kept { .. })).filter_map(|line| line.fen).sum();
        let sum = if fen == 0 { String::new() } else { format!("{}{}", lang.pick(", ", "，"), words::yuan(fen, lang)) };
        let of = self.lines.len();
        match (self.answer.row.kind == "results", self.acts.is_empty(), lang) {
            (true, _, Lang::En) => format!("{of} lines: {paid} paid, {failed} failed"),
            (true, _, Lang::Zh) => format!("共 {of} 行：发放成功 {paid}，失败 {failed}"),
            (false, true, Lang::En) => format!("{of} lines"),
            (false, true, Lang::Zh) => format!("共 {of} 行"),
            (false, false, Lang::En) => format!("{of} lines: {kept} kept{sum}, {omitted} omitted, {dropped} dropped"),
            (false, false, Lang::Zh) => format!("共 {of} 行：保留 {kept}{sum}，未列入 {omitted}，剔除 {dropped}"),
        }
    }

    fn json(&self, since: Option<&Since>, scene: &Scene<'_>) -> Value {
        let votes = self.answer.row.votes;
        let list = json!({
            "list": self.id, "kind": self.answer.row.kind, "verified": self.failed() == 0,
            "votes": { "agree": votes.agree, "against": votes.against, "absent": votes.absent },
            "sheets": self.sheets.iter().map(Told::json).collect::<Vec<_>>(), "acts": self.acts.iter().map(Told::json).collect::<Vec<_>>(),
            "lines": self.lines.iter().map(Line::json).collect::<Vec<_>>(), "hung": self.hung.iter().map(Hung::json).collect::<Vec<_>>(),
            "batches": self.batches, "cases": self.standings.iter().map(|(standing, count)| (standing.word().to_owned(), json!(count))).collect::<serde_json::Map<_, _>>(),
            "vouched": Vouchers::of(self.sheets.iter().chain(&self.acts)).json(), "since_then": Since::json(since), "not_proved": not_proved(Lang::En),
        });
        with(scene.heading_json(), list)
    }
}

/// Every line, as the last act on the list left it.
fn read_lines(scene: &mut Scene<'_>, list: &str, last: Option<&Told>) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for (at, (_, row)) in course::lines(scene.rows, list).map_err(failed)?.into_iter().enumerate() {
        let (case, fen, failed) = match row {
            LineRow::Case { case, fen, .. } => (case, fen, None),
            LineRow::Omit { case, .. } => (case, None, None),
            LineRow::Result { case, failed } => (case, None, failed),
        };
        let part = match last {
            Some(told) => {
                course::part(scene.rows, &case, told.entry.entry).map_err(crate::own_views::failed)?.map_or(CasePart::Own, |part| part.part)
            }
            None => CasePart::Own,
        };
        let verdict = match last {
            Some(told) => scene.witness.vouches_for_part(&told.entry, &case, &part)?,
            None => Ok(()),
        };
        lines.push(Line { number: at + 1, case, fen, failed, part, verdict });
    }
    Ok(lines)
}

/// Postings: each that went up, with the first that came down in the same step after it.
fn hung(scene: &Scene<'_>, acts: &[Told]) -> Vec<Hung> {
    let mut all: Vec<Hung> = Vec::new();
    for told in acts {
        let at = told.entry.row.at.map(Time::from);
        match &told.entry.row.deed {
            Deed::PostUp { step, .. } => all.push(Hung { step: step.clone(), up: (told.entry.entry, at), down: None, days: None }),
            Deed::PostDown { step, .. } => {
                if let Some(hung) = all.iter_mut().rev().find(|hung| hung.step == *step && hung.down.is_none()) {
                    hung.down = Some((told.entry.entry, at));
                    hung.days = days(scene, told.entry.entry, step, hung.up.1, at);
                }
            }
            _ => {}
        }
    }
    all
}

/// Days by the calendar of the procedure in force, as admission counts them: by the clocks of the signers' devices.
fn days(scene: &Scene<'_>, entry: u64, step: &str, up: Option<Time>, down: Option<Time>) -> Option<(u64, u64)> {
    let (up, down) = (up?.unix_ms(), down?.unix_ms());
    let enacted = scene.replayed().ok()?.state().procedure_at(entry, down)?;
    let programme = &enacted.procedure.programme;
    let asked = programme.step(&Code::parse(step)?)?.posting.as_ref()?.days;
    Some((programme.calendar.days_between(up, down, asked.counting), asked.days))
}

impl Hung {
    fn text(&self, lang: Lang) -> String {
        let shown = |(entry, at): (u64, Option<Time>)| {
            let at = at.map_or_else(String::new, |at| at.to_string().replace('T', " "));
            match lang {
                Lang::En => format!("{at} (entry {entry})"),
                Lang::Zh => format!("{at}（第 {entry} 条）"),
            }
        };
        let days = self.days.map_or_else(String::new, |(days, asked)| match lang {
            Lang::En => format!(": {days} days, at least {asked} asked"),
            Lang::Zh => format!("：公示 {days} 天，规定不少于 {asked} 天"),
        });
        match (self.down, lang) {
            (Some(down), Lang::En) => format!("{} from {} to {}{days}", self.step, shown(self.up), shown(down)),
            (Some(down), Lang::Zh) => format!("{} 自 {} 至 {}{days}", self.step, shown(self.up), shown(down)),
            (None, Lang::En) => format!("{} from {}, still up", self.step, shown(self.up)),
            (None, Lang::Zh) => format!("{} 自 {}，尚未撤榜", self.step, shown(self.up)),
        }
    }

    fn json(&self) -> Value {
        json!({
            "step": self.step, "up_entry": self.up.0, "up_at": self.up.1.map(|at| at.to_string()), "down_entry": self.down.map(|down| down.0),
            "down_at": self.down.and_then(|down| down.1).map(|at| at.to_string()), "days": self.days.map(|(days, _)| days),
            "days_asked": self.days.map(|(_, asked)| asked),
        })
    }
}

impl Line {
    fn text(&self, lang: Lang) -> String {
        let fen = self.fen.map_or_else(String::new, |fen| format!("  {}", words::yuan(fen, lang)));
        let fate = match (&self.failed, words::line_fate(&self.part, lang)) {
            (Some(reason), _) => format!("  {}{reason}", lang.pick("FAILED: ", "失败：")),
            (None, fate) if fate.is_empty() => String::new(),
            (None, fate) => format!("  {fate}"),
        };
        let fault = match &self.verdict {
            Ok(()) => String::new(),
            Err(Fault { entry, refusal }) => format!("  ✗ {} ({} {entry})", refusal.rule, lang.pick("entry", "条目")),
        };
        wrapped(&format!("{}{fen}{fate}{fault}", self.case), &format!("  {:>6}  ", thousands(self.number as u64)), "          ")
    }

    fn json(&self) -> Value {
        json!({
            "line": self.number, "case": self.case, "fen": self.fen, "failed": self.failed, "part": part_json(&self.part),
            "verified": self.verdict.is_ok(),
        })
    }
}
