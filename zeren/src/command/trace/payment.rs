//! A payment, from the bank's answer back to everyone who vouched for it: batch, locked line with its way to the root that was
//! signed, lists, case.

use std::process::ExitCode;

use projector::rows::CasePart;
use serde_json::{Value, json};
use signer::Refusal;
use signer::rule::Rule;
use signer::value::{Commitment, ListRoot, StatementHash};

use super::case::{Act, Acts};
use super::entry::{Told, batch_of, list_of};
use super::scene::{Scene, with};
use super::since::Since;
use super::vouchers::Vouchers;
use super::{exit, not_proved, print_end, print_line, print_part, words};
use crate::command::print;
use crate::error::{Failure, render_refusal};
use crate::grounds::LineProof;
use crate::lang::{Lang, thousands};

/// What the bank said.
enum Answered {
    Nothing,
    Paid(u64),
    Failed(u64, String),
    /// The batch was taken back before it was paid.
    TakenBack(u64),
}

/// A payment with everything that it rests on.
pub struct Payment {
    case: String,
    batch: String,
    list: String,
    fen: u64,
    /// The entry that locked it.
    lock: u64,
    answered: Answered,
    line: Line,
    /// Sheet, batch, list and case acts that it rests on, in order of entries.
    told: Vec<Told>,
    /// The acts on the case that came after it and are no part of it.
    later_acts: usize,
}

/// The locked line.
struct Line {
    proof: LineProof,
    /// The root that was signed with the lock.
    root: ListRoot,
    verdict: Result<(), Refusal>,
    /// The entry whose statement the line names as the case's head.
    head: Option<u64>,
}

/// Traces a payment.
pub fn trace(mut scene: Scene<'_>) -> Result<ExitCode, Failure> {
    let (payment, since) = read(&mut scene)?;
    if scene.asked.reading.json {
        print(&payment.json(since.as_ref(), &scene).to_string());
    } else {
        payment.print(since.as_ref(), &scene);
    }
    Ok(exit(payment.failed(), &scene.anchor))
}

/// Reads a payment and verifies everything that it rests on.
pub fn read(scene: &mut Scene<'_>) -> Result<(Payment, Option<Since>), Failure> {
    let asked = scene.asked.id.clone();
    let (case, batch) = asked.split_once('@').map_or((asked.as_str(), None), |(case, batch)| (case, Some(batch)));
    let acts = Acts::read(scene, case)?;
    let batch = chosen(&acts, batch, scene.lang)?;
    // What comes after the last act on the batch belongs to a later period or payment.
    let last = acts.all.iter().filter(|act| act.is_of(&batch)).map(|act| act.entry.entry).max().unwrap_or(0);
    let (answered, all) = (answered(&acts, &batch), acts.all.len());
    // What came since then is asked of all of them.
    let (answer, mut told) = acts.tell_until(scene, if scene.later.is_some() { u64::MAX } else { last })?;
    let since = Since::of_case(scene, case, &told)?;
    told.retain(|told| told.entry.entry <= last);
    let later_acts = all - told.len();
    let payment = Payment::read(scene, (answer.case, batch), answered, told, later_acts)?;
    scene.settle(payment.failed())?;
    Ok((payment, since))
}

impl Act {
    fn is_of(&self, batch: &str) -> bool {
        batch_of(&self.entry.row.deed) == Some(batch)
    }
}

/// Batches that the case was put into, in order.
fn batches(course: &Acts) -> Vec<&str> {
    let mut batches: Vec<&str> = Vec::new();
    for told in &course.all {
        let is_in = matches!(told.of_case.part, CasePart::InBatch | CasePart::Paid | CasePart::Failed(_));
        batches.extend(batch_of(&told.entry.row.deed).filter(|batch| is_in && !batches.contains(batch)));
    }
    batches
}

fn chosen(course: &Acts, asked: Option<&str>, lang: Lang) -> Result<String, Failure> {
    let (case, known) = (&course.answer.case, batches(course));
    match (asked, known.as_slice()) {
        (Some(asked), _) if known.contains(&asked) => return Ok(asked.to_owned()),
        (None, [only]) => return Ok((*only).to_owned()),
        _ => {}
    }
    let what = match (asked, known.is_empty(), lang) {
        (_, true, Lang::En) => format!("{case}: no payment of this case is in a batch; see zeren trace case {case}"),
        (_, true, Lang::Zh) => format!("{case}：此案没有进入任何批次的款项；见 zeren trace case {case}"),
        (Some(asked), false, Lang::En) => format!("{case}: not in batch {}", asked.escape_debug()),
        (Some(asked), false, Lang::Zh) => format!("{case}：不在批次 {} 中", asked.escape_debug()),
        (None, false, Lang::En) => format!("{case}: {} payments; say which", known.len()),
        (None, false, Lang::Zh) => format!("{case}：有 {} 笔款项，请指明", known.len()),
    };
    let offered: String =
        known.iter().map(|batch| format!("\n  zeren trace payment {case}@{batch}{}", fate(course, batch, lang))).collect();
    Err(Failure::malformed(format!("{what}{offered}")))
}

fn fate(course: &Acts, batch: &str, lang: Lang) -> String {
    match answered(course, batch) {
        Answered::Nothing => lang.pick("  (no answer yet)", "（待回执）").to_owned(),
        Answered::Paid(_) => lang.pick("  (paid)", "（已发放）").to_owned(),
        Answered::TakenBack(_) => lang.pick("  (batch taken back)", "（批次已撤回）").to_owned(),
        Answered::Failed(_, reason) => format!("{}{reason}{}", lang.pick("  (failed: ", "（发放失败："), lang.pick(")", "）")),
    }
}

fn answered(course: &Acts, batch: &str) -> Answered {
    let of_batch = course.all.iter().rev().filter(|act| act.is_of(batch));
    for told in of_batch {
        if let Some(by) = told.taken_back {
            return Answered::TakenBack(by);
        }
        match &told.of_case.part {
            CasePart::Paid => return Answered::Paid(told.entry.entry),
            CasePart::Failed(reason) => return Answered::Failed(told.entry.entry, reason.clone()),
            _ => {}
        }
    }
    Answered::Nothing
}

impl Payment {
    fn read(
        scene: &mut Scene<'_>,
        (case, batch): (String, String),
        answered: Answered,
        mut told: Vec<Told>,
        later_acts: usize,
    ) -> Result<Payment, Failure> {
        let is_of_batch = |told: &Told| batch_of(&told.entry.row.deed) == Some(&batch);
        let broken = |what: &str| Failure::Views(format!("payment {case}@{batch}: {what}"));
        let first = told.iter().find(|told| is_of_batch(told)).ok_or_else(|| broken("no opening"))?;
        let list = list_of(&first.entry.row.deed).ok_or_else(|| broken("no list"))?.to_owned();
        let opened = first.entry.entry;
        let locks = |told: &&Told| {
            let is_of_list = list_of(&told.entry.row.deed) == Some(&list) && told.entry.entry < opened;
            if let CasePart::Kept { fen: Some(fen) } = told.of_case.part { is_of_list.then_some((told.entry.entry, fen)) } else { None }
        };
        let (lock, fen) = told.iter().rev().find_map(|told| locks(&told)).ok_or_else(|| broken("no lock"))?;
        let line = Line::read(scene, &case, &list, lock)?;
        told.push(scene.tell_entry(line.proof.sheet)?);
        told.sort_by_key(|told| told.entry.entry);
        Ok(Payment { case, batch, list, fen, lock, answered, line, told, later_acts })
    }

    /// Entries that are told of it.
    pub fn entries(&self) -> usize {
        self.told.len()
    }

    fn failed(&self) -> usize {
        self.told.iter().filter(|told| told.verdict.is_err()).count() + usize::from(self.line.verdict.is_err())
    }

    /// Acts on the batch; on lists; on the case alone. The latest first: this is a way back.
    fn parts(&self) -> [Vec<&Told>; 3] {
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        for told in self.told.iter().rev().filter(|told| told.entry.entry != self.line.proof.sheet) {
            let deed = &told.entry.row.deed;
            let is_list = list_of(deed).is_some() && batch_of(deed).is_none();
            let at = if batch_of(deed).is_some() {
                0
            } else if is_list {
                1
            } else {
                2
            };
            parts[at].push(told);
        }
        parts
    }

    fn print(&self, since: Option<&Since>, scene: &Scene<'_>) {
        let lang = scene.lang;
        print(&scene.heading(lang.pick("payment", "款项"), &format!("{}@{}", self.case, self.batch)));
        print_part(lang.pick("Payment", "款项"));
        print_line(&self.told_answer(lang));
        self.line.print(self, lang);
        if let Some(sheet) = self.told.iter().find(|told| told.entry.entry == self.line.proof.sheet) {
            print_part(lang.pick("Its sheet", "所在名册页"));
            print(&sheet.text(lang));
        }
        let titles = [
            lang.pick("Batch, from the last act back", "批次（由近及远）"),
            lang.pick("Lists, from the lock back", "名册（自锁定回溯）"),
            lang.pick("Case, back to the application", "案件（回溯至申报）"),
        ];
        for (title, part) in titles.into_iter().zip(self.parts()) {
            print_part(title);
            for (at, told) in part.into_iter().enumerate() {
                if at > 0 {
                    print("");
                }
                print(&told.text(lang));
            }
        }
        Vouchers::of(self.told.iter()).print(lang);
        print("");
        if self.later_acts > 0 {
            print(&match lang {
                Lang::En => {
                    format!("Later acts on the case, no part of this payment: {} (zeren trace case {})", self.later_acts, self.case)
                }
                Lang::Zh => format!("此后另有 {} 项与本笔款项无关的行为，见 zeren trace case {}", self.later_acts, self.case),
            });
        }
        if let Some(since) = since {
            since.print(lang);
        }
        print_end(true, self.told.len(), self.told.iter().filter(|told| told.verdict.is_err()).count(), scene);
    }

    fn told_answer(&self, lang: Lang) -> String {
        let sum = words::yuan(self.fen, lang);
        match (&self.answered, lang) {
            (Answered::Paid(entry), Lang::En) => format!("{sum}, PAID in batch {}, says the bank (entry {entry})", self.batch),
            (Answered::Paid(entry), Lang::Zh) => format!("{sum}，批次 {} 已发放（银行回执见第 {entry} 条）", self.batch),
            (Answered::Failed(entry, reason), Lang::En) => format!("{sum}, NOT PAID in batch {}: {reason} (entry {entry})", self.batch),
            (Answered::Failed(entry, reason), Lang::Zh) => format!("{sum}，批次 {} 发放失败：{reason}（第 {entry} 条）", self.batch),
            (Answered::TakenBack(entry), Lang::En) => format!("{sum}, NOT PAID: batch {} was taken back (entry {entry})", self.batch),
            (Answered::TakenBack(entry), Lang::Zh) => format!("{sum}，未发放：批次 {} 已撤回（第 {entry} 条）", self.batch),
            (Answered::Nothing, Lang::En) => format!("{sum}, in batch {}; the bank has not answered", self.batch),
            (Answered::Nothing, Lang::Zh) => format!("{sum}，在批次 {} 中，银行尚未回执", self.batch),
        }
    }

    fn json(&self, since: Option<&Since>, scene: &Scene<'_>) -> Value {
        let (paid, answer_entry, failed) = match &self.answered {
            Answered::Nothing => (None, None, None),
            Answered::Paid(entry) => (Some(true), Some(entry), None),
            Answered::Failed(entry, reason) => (Some(false), Some(entry), Some(reason.as_str())),
            Answered::TakenBack(entry) => (Some(false), Some(entry), Some("taken-back")),
        };
        let [batch, lists, case] = self.parts().map(|part| part.into_iter().map(Told::json).collect::<Vec<_>>());
        let sheet = self.told.iter().find(|told| told.entry.entry == self.line.proof.sheet).map(Told::json);
        let payment = json!({
            "payment": format!("{}@{}", self.case, self.batch), "case": self.case, "batch": self.batch, "list": self.list, "fen": self.fen,
            "paid": paid, "answer_entry": answer_entry, "failed": failed, "lock_entry": self.lock, "line": self.line.json(), "sheet": sheet,
            "batch_acts": batch, "list_acts": lists, "case_acts": case, "later_acts": self.later_acts, "verified": self.failed() == 0,
            "vouched": Vouchers::of(self.told.iter()).json(), "since_then": Since::json(since), "not_proved": not_proved(Lang::En),
        });
        with(scene.heading_json(), payment)
    }
}

impl Line {
    /// The line of a case in a locked list, proved against the root that the lock's signers signed.
    fn read(scene: &mut Scene<'_>, case: &str, list: &str, lock: u64) -> Result<Line, Failure> {
        let views = |what: &str| Failure::Views(format!("list {list}: {what}"));
        let proof = scene.witness.list(list)?.and_then(|lines| lines.proof(case)).ok_or_else(|| views("no line of the case"))?;
        // The statement that locks may be one that others joined: the root stands in it.
        let signed: Vec<u64> = scene.answer(lock)?.signed_by.iter().map(|signed| signed.entry).chain([lock]).collect();
        let mut root = None;
        for entry in signed {
            let paper = scene.witness.paper(entry)?;
            root = root.or_else(|| paper.lists.iter().find(|(named, _)| named == list).map(|(_, root)| *root));
        }
        let root = root.ok_or_else(|| views("no root was signed"))?;
        let verdict = match proof.leads_to(&root) {
            true => Ok(()),
            false => Err(Refusal::new(Rule::ListRoot, format!("a way from the line to {root}"), "a way that leads elsewhere")),
        };
        let head = proof.text.split(' ').nth(1).and_then(StatementHash::parse);
        let head =
            head.map(|head| projector::answers::statement(scene.rows, &head)).transpose().map_err(crate::own_views::failed)?.flatten();
        Ok(Line { proof, root, verdict, head })
    }

    fn print(&self, payment: &Payment, lang: Lang) {
        let LineProof { index, of, sheet, path, text } = &self.proof;
        let (line, of) = (thousands(index + 1), thousands(*of));
        print_part(lang.pick("Locked line", "锁定的名册行"));
        print_line(&match lang {
            Lang::En => format!("line {line} of {of} in list {}, on the sheet of entry {sheet}", payment.list),
            Lang::Zh => format!("名册 {} 第 {line} 行（共 {of} 行），名册页见第 {sheet} 条", payment.list),
        });
        let parts: Vec<&str> = text.split(' ').collect();
        if let [case, head, fen, account] = parts.as_slice() {
            let of_entry = self.head.map_or_else(String::new, |entry| match lang {
                Lang::En => format!(" (entry {entry})"),
                Lang::Zh => format!("（第 {entry} 条）"),
            });
            print(&format!("    {}  {case}", lang.pick("case   ", "案件      ")));
            print(&format!("    {}  {head}{of_entry}", lang.pick("head   ", "最近声明  ")));
            print(&format!("    {}  {fen}", lang.pick("fen    ", "金额（分）")));
            print(&format!("    {}  {account}", lang.pick("account", "账户标识  ")));
        }
        let verdict = match &self.verdict {
            Ok(()) => "✓".to_owned(),
            Err(refusal) => format!("✗ {}", render_refusal(refusal, lang).trim_end()),
        };
        print_line(&match lang {
            Lang::En => format!("way of {} hashes to the root that the lock signed, entry {} {verdict}", path.len(), payment.lock),
            Lang::Zh => format!("经 {} 个哈希到达锁定时所签根值（第 {} 条）{verdict}", path.len(), payment.lock),
        });
        path.iter().for_each(|hash| print(&format!("    {}", Commitment(hash.0))));
        print(&format!("    {}  {}", self.root, lang.pick("the root", "根值")));
    }

    fn json(&self) -> Value {
        json!({
            "text": self.proof.text, "sheet_entry": self.proof.sheet, "index": self.proof.index, "of": self.proof.of,
            "path": self.proof.path.iter().map(|hash| Commitment(hash.0).to_string()).collect::<Vec<_>>(), "root": self.root.to_string(),
            "head_entry": self.head, "verified": self.verdict.is_ok(),
        })
    }
}
