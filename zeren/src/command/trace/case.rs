//! Everything that was done on a case.

use std::collections::BTreeMap;
use std::process::ExitCode;

use projector::answers::{self, CaseAnswer, EntryAnswer};
use projector::course::{self, Kind};
use projector::eligibility::{self, Grounds};
use projector::rows::{CaseEntryRow, CasePart, Deed, FlagState, Subject};
use serde_json::{Value, json};
use signer::value::CaseId;

use super::around::Around;
use super::entry::{Told, taken_back};
use super::nearest::unknown;
use super::scene::{Scene, with};
use super::since::Since;
use super::vouchers::Vouchers;
use super::{PAGE, exit, not_proved, print_end, print_part, words};
use crate::columns::wrapped;
use crate::command::print;
use crate::error::Failure;
use crate::lang::Lang;
use crate::own_views::failed;

/// A case with every entry that acts on it, verified.
pub struct Course {
    /// How it stands.
    pub answer: CaseAnswer,
    /// From what its eligibility follows; nothing for a case that no step opened.
    pub grounds: Option<Grounds>,
    /// Its entries, in order.
    pub told: Vec<Told>,
}

/// An entry that acts on a case as the rows tell it, not verified yet.
pub struct Act {
    /// What the views say of it.
    pub entry: EntryAnswer,
    /// The part that the case has in it.
    pub of_case: CaseEntryRow,
    /// The correction that took it back.
    pub taken_back: Option<u64>,
}

/// A case with every entry that acts on it, as the rows tell them.
pub struct Acts {
    /// How it stands.
    pub answer: CaseAnswer,
    /// Its entries, in order.
    pub all: Vec<Act>,
}

impl Acts {
    /// Reads everything that was done on a case.
    pub fn read(scene: &Scene<'_>, id: &str) -> Result<Acts, Failure> {
        let Some(case) = CaseId::parse(id) else {
            return Err(Failure::malformed(format!(
                "{}: {}",
                id.escape_debug(),
                scene.lang.pick("cannot be a case id (docs/format.md section 1)", "不是有效的案件编号")
            )));
        };
        let Some(mut answer) = answers::case(scene.rows, &case, None, PAGE).map_err(failed)? else {
            let began = match scene.later {
                Some(later) => course::course(later, id).map_err(failed)?.first().map(|passage| passage.entry),
                None => None,
            };
            return Err(unknown(scene, Kind::Case, id, began)?);
        };
        let mut entries = std::mem::take(&mut answer.value.entries);
        let mut next = answer.value.next;
        while let Some(after) = next {
            let Some(page) = answers::case(scene.rows, &case, Some(after), PAGE).map_err(failed)? else { break };
            entries.extend(page.value.entries);
            next = page.value.next;
        }
        let (found, counted) = (entries.len() as u64, answer.value.entries_total);
        if found != counted {
            return Err(Failure::Views(format!("case {id}: {found} entries act on it where {counted} are counted")));
        }
        let taken = taken_back(entries.iter().map(|(entry, row)| (entry.entry, &entry.row.deed, row.changes_case)));
        let act = |(entry, of_case): (EntryAnswer, CaseEntryRow)| Act { taken_back: taken.get(&entry.entry).copied(), entry, of_case };
        let all = entries.into_iter().map(act).collect();
        Ok(Acts { answer: answer.value, all })
    }

    /// Those up to an entry, verified; the others only count.
    pub fn tell_until(self, scene: &mut Scene<'_>, last: u64) -> Result<(CaseAnswer, Vec<Told>), Failure> {
        let mut told = Vec::with_capacity(self.all.len());
        for Act { entry, of_case, taken_back } in self.all.into_iter().take_while(|act| act.entry.entry <= last) {
            let act = scene.tell_of_case(entry, &self.answer.case, of_case)?;
            told.push(Told { taken_back, ..act });
        }
        Ok((self.answer, told))
    }
}

impl Course {
    /// Reads and verifies everything that was done on a case.
    pub fn read(scene: &mut Scene<'_>, id: &str) -> Result<Course, Failure> {
        let (answer, told) = Acts::read(scene, id)?.tell_until(scene, u64::MAX)?;
        let case = CaseId::parse(&answer.case);
        let grounds = case.map(|case| eligibility::eligibility(scene.rows, &case).map_err(failed)).transpose()?.flatten();
        Ok(Course { answer, grounds: grounds.map(|answer| answer.value), told })
    }

    /// Entries that do not verify.
    pub fn failed(&self) -> usize {
        self.told.iter().filter(|told| told.verdict.is_err()).count()
    }
}

/// Traces a case.
pub fn trace(mut scene: Scene<'_>, is_around: bool) -> Result<ExitCode, Failure> {
    let asked = scene.asked;
    let course = Course::read(&mut scene, &asked.id)?;
    let since = Since::of_case(&scene, &course.answer.case, &course.told)?;
    let around = if is_around { Some(Around::of_case(&mut scene, &course.answer, &course.told)?) } else { None };
    let failed = course.failed() + around.as_ref().map_or(0, Around::failed);
    scene.settle(failed)?;
    if scene.asked.reading.json {
        print(&case_json(&course, since.as_ref(), around.as_ref(), &scene).to_string());
    } else {
        print_case(&course, since.as_ref(), around.as_ref(), &scene);
    }
    Ok(exit(failed, &scene.anchor))
}

fn print_case(course: &Course, since: Option<&Since>, around: Option<&Around>, scene: &Scene<'_>) {
    let lang = scene.lang;
    print(&scene.heading(lang.pick("case", "案件"), &course.answer.case));
    for told in &course.told {
        print("");
        print(&told.text(lang));
    }
    if let Some(mut standing) = standing(course, lang) {
        standing.extend(course.grounds.as_ref().map(|grounds| words::eligibility(grounds, lang)));
        print_part(lang.pick(if scene.later.is_some() { "Standing then" } else { "Present standing" }, "现状"));
        standing.iter().for_each(|line| print(&wrapped(line, "  ", "    ")));
    }
    let only_imports = course.told.iter().all(|told| matches!(told.entry.row.deed, Deed::Import(_)));
    if !only_imports {
        Vouchers::of(course.told.iter()).print(lang);
    }
    if let Some(around) = around {
        around.print(lang);
    }
    print("");
    if let Some(since) = since {
        since.print(lang);
    }
    if only_imports {
        print(&transcribed(&course.told, lang));
    }
    let has_lists = course.told.iter().any(|told| !matches!(told.of_case.part, CasePart::Own | CasePart::Waits));
    print_end(has_lists, course.told.len(), course.failed(), scene);
}

/// Of a case that only old records name: who vouches for what.
fn transcribed(told: &[Told], lang: Lang) -> String {
    let mut signed_by: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for signed in told.iter().flat_map(|told| &told.entry.signed_by) {
        signed_by.insert((&signed.person, &signed.office), &signed.name);
    }
    let names: Vec<String> = signed_by.iter().map(|((person, office), name)| format!("{name} {person} ({office})")).collect();
    match lang {
        Lang::En => format!(
            "Signed by {}, who vouches for the transcription.\nNobody whom the old records name signed anything here.",
            names.join(", ")
        ),
        Lang::Zh => format!("签名人：{}，仅对转录负责。\n原记录所列人员均未在此签名。", names.join("、")),
    }
}

/// Where the case stands; nothing for one that no step opened.
fn standing(course: &Course, lang: Lang) -> Option<Vec<String>> {
    let answer = &course.answer;
    let file = answer.file.as_ref()?;
    let mut lines = vec![match lang {
        Lang::En => format!("unit {}, scheme {} {}, period {}", file.unit, file.scheme, file.tier, file.period),
        Lang::Zh => format!("单位 {}，项目 {} {}，{} 年度", file.unit, file.scheme, file.tier, file.period),
    }];
    lines.push(match (&file.stopped, lang) {
        (None, _) => lang.pick("open", "办理中").to_owned(),
        (Some(stopped), Lang::En) => {
            format!("{} by outcome {} in entry {}", words::status(&stopped.to, lang), stopped.outcome, stopped.entry)
        }
        (Some(stopped), Lang::Zh) => format!("{}：第 {} 条处理结果 {}", words::status(&stopped.to, lang), stopped.entry, stopped.outcome),
    });
    for flag in &answer.flags {
        let upheld = matches!(flag.state, FlagState::Upheld(_));
        lines.push(match lang {
            Lang::En => format!("{} of entry {} {}", flag.kind, flag.entry, if upheld { "UPHELD and not yet acted on" } else { "OPEN" }),
            Lang::Zh => {
                format!("第 {} 条{}{}", flag.entry, words::act(&flag.kind, lang), if upheld { "成立，待处理" } else { "未了结" })
            }
        });
    }
    if let Some((list, blame)) = file.dropped.as_ref().filter(|_| file.stopped.is_none()) {
        lines.push(match lang {
            Lang::En => format!("DROPPED from list {list} because of the {} of entry {}", blame.act, blame.entry),
            Lang::Zh => format!("自名册 {list} 剔除，因第 {} 条{}", blame.entry, words::act(&blame.act, lang)),
        });
    }
    lines.extend(payments(course, lang));
    Some(lines)
}

/// What was paid in any period, and what is on its way.
fn payments(course: &Course, lang: Lang) -> Vec<String> {
    let mut lines = Vec::new();
    let mut locked = None;
    for told in &course.told {
        match (&told.of_case.part, told.step().map(|step| &step.on)) {
            (CasePart::Kept { fen: Some(fen) }, _) => locked = Some(*fen),
            (CasePart::Paid, Some(Subject::Batch(batch))) => {
                let sum = locked.map_or_else(String::new, |fen| words::yuan(fen, lang));
                lines.push(match lang {
                    Lang::En => format!("{sum} paid in batch {} (entry {})", batch.batch, told.entry.entry),
                    Lang::Zh => format!("批次 {} 已发放 {sum}（第 {} 条）", batch.batch, told.entry.entry),
                });
            }
            _ => {}
        }
    }
    let Some(payment) = course.answer.file.as_ref().and_then(|file| file.payment.as_ref()) else { return lines };
    let sum = words::yuan(payment.fen, lang);
    match (payment.attempts.last(), lang) {
        (None, Lang::En) => lines.push(format!("{sum} locked by list {} (entry {})", payment.list, payment.locked)),
        (None, Lang::Zh) => lines.push(format!("{sum} 已由名册 {} 锁定（第 {} 条）", payment.list, payment.locked)),
        (Some(last), _) => match (&last.result, lang) {
            (None, Lang::En) => lines.push(format!("{sum} on its way in batch {} (entry {})", last.batch, last.entry)),
            (None, Lang::Zh) => lines.push(format!("{sum} 在批次 {} 中待发放（第 {} 条）", last.batch, last.entry)),
            (Some(result), _) => {
                lines.extend(result.failed.as_ref().map(|reason| match lang {
                    Lang::En => format!("{sum} FAILED in batch {} (entry {}): {reason}", last.batch, result.entry),
                    Lang::Zh => format!("{sum} 在批次 {} 发放失败（第 {} 条）：{reason}", last.batch, result.entry),
                }));
            }
        },
    }
    lines
}

fn standing_json(course: &Course) -> Value {
    let answer = &course.answer;
    let Some(file) = &answer.file else { return Value::Null };
    json!({
        "unit": file.unit, "scheme": file.scheme, "tier": file.tier, "period": file.period,
        "status": file.stopped.as_ref().map_or("open", |stopped| &stopped.to), "status_entry": file.stopped.as_ref().map(|stopped| stopped.entry),
        "flags": answer.flags.iter().map(|flag| json!({
            "act": flag.kind, "entry": flag.entry, "upheld": matches!(flag.state, FlagState::Upheld(_)),
        })).collect::<Vec<_>>(),
        "dropped_from": file.dropped.as_ref().map(|(list, _)| list), "payments": payments(course, Lang::En),
    })
}

fn case_json(course: &Course, since: Option<&Since>, around: Option<&Around>, scene: &Scene<'_>) -> Value {
    let of_case = json!({
        "case": course.answer.case, "verified": course.failed() == 0, "standing": standing_json(course),
        "entries": course.told.iter().map(Told::json).collect::<Vec<_>>(), "vouched": Vouchers::of(course.told.iter()).json(),
        "around": around.map(Around::json), "since_then": Since::json(since), "not_proved": not_proved(Lang::En),
    });
    with(scene.heading_json(), of_case)
}
