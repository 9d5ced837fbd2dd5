//! A person: offices from when to when, keys, everything that the person signed by step and month, and what became of it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use projector::answers::{self, PersonAct, PersonAnswer};
use projector::course::Kind;
use serde_json::{Value, json};
use signer::value::{Commitment, PersonId};

use super::around::Around;
use super::fates::{Fate, Fates, case_of};
use super::list::SHOWN_MAX;
use super::nearest::unknown;
use super::scene::{Scene, with};
use super::since::Since;
use super::{PAGE, exit, fault_lines, not_proved, print_end, print_part, shown_date, shown_time, words};
use crate::columns::{padded, right, wrapped};
use crate::command::print;
use crate::error::Failure;
use crate::grounds::Verdict;
use crate::lang::{Lang, thousands};
use crate::own_views::failed;

/// An act, verified, and what became of it.
struct Act {
    act: PersonAct,
    verdict: Verdict,
    fate: Fate,
    case: Option<String>,
}

/// Acts of one kind, in one office and month.
struct Run<'a> {
    month: String,
    acts: Vec<&'a Act>,
}

struct Person {
    answer: PersonAnswer,
    acts: Vec<Act>,
    /// Whether enrolment, offices and keys verify.
    standing: Verdict,
}

/// Traces a person.
pub fn trace(mut scene: Scene<'_>, is_around: bool) -> Result<ExitCode, Failure> {
    let id = scene.asked.id.clone();
    let parsed = PersonId::parse(&id);
    let answer = match &parsed {
        Some(person) => answers::person(scene.rows, person, None, PAGE).map_err(failed)?.map(|answer| answer.value),
        None => None,
    };
    let (Some(person), Some(answer)) = (parsed.as_ref(), answer) else {
        let began = match (scene.later, &parsed) {
            (Some(later), Some(person)) => answers::person(later, person, None, 1).map_err(failed)?.map(|answer| answer.value.enrolled),
            _ => None,
        };
        return Err(unknown(&scene, Kind::Person, &id, began)?);
    };
    let traced = Person::read(&mut scene, person, answer)?;
    let told: Vec<(u64, bool)> = traced.acts.iter().map(|act| (act.act.entry, act.act.disputed.is_some())).collect();
    let since = Since::of_person(&scene, person, &told)?;
    let around = if is_around { Some(Around::of_person(&mut scene, &traced.answer)?) } else { None };
    let failed = traced.failed() + around.as_ref().map_or(0, Around::failed);
    if scene.asked.reading.json {
        print(&traced.json(since.as_ref(), around.as_ref(), &scene).to_string());
    } else {
        traced.print(since.as_ref(), around.as_ref(), &scene);
    }
    Ok(exit(failed, &scene.anchor))
}

impl Person {
    fn read(scene: &mut Scene<'_>, person: &PersonId, mut answer: PersonAnswer) -> Result<Person, Failure> {
        while let Some(after) = answer.next {
            let Some(page) = answers::person(scene.rows, person, Some(after), PAGE).map_err(failed)? else { break };
            answer.next = page.value.next;
            answer.acts.extend(page.value.acts);
        }
        let mut fates = Fates::default();
        let mut acts = Vec::with_capacity(answer.acts.len());
        for act in answer.acts.iter().cloned() {
            let verdict = scene.witness.vouches(act.entry)?;
            let fate = fates.of(scene.rows, act.entry)?;
            let row = projector::course::entry_row(scene.rows, act.entry).map_err(failed)?;
            acts.push(Act { act, verdict, fate, case: row.and_then(|row| case_of(&row.deed)) });
        }
        let standing = scene.witness.vouches_for_all(grounds(&answer))?;
        Ok(Person { answer, acts, standing })
    }

    fn failed(&self) -> usize {
        self.acts.iter().filter(|act| act.verdict.is_err()).count() + usize::from(self.standing.is_err())
    }

    fn print(&self, since: Option<&Since>, around: Option<&Around>, scene: &Scene<'_>) {
        let lang = scene.lang;
        print(&scene.heading(lang.pick("person", "人员"), &format!("{} {}", self.answer.person, self.answer.name)));
        self.print_offices(lang);
        self.print_keys(lang);
        if let Err(fault) = &self.standing {
            print(&format!("    ✗ {} {}: {}", lang.pick("entry", "条目"), fault.entry, fault_lines(fault, fault.entry, lang)));
        }
        self.print_acts(lang);
        if let Some(around) = around {
            around.print(lang);
        }
        print("");
        if let Some(since) = since {
            since.print(lang);
        }
        print_end(false, self.acts.len(), self.acts.iter().filter(|act| act.verdict.is_err()).count(), scene);
    }

    fn print_offices(&self, lang: Lang) {
        print_part(lang.pick("Offices", "任职"));
        for held in &self.answer.offices {
            let capacity = words::capacity_in_full(&held.row.capacity, lang);
            let unit = if held.row.unit == "-" { String::new() } else { format!(" {}", held.row.unit) };
            print(&format!("  {}{unit}  {capacity}", held.office));
            let to = held.row.to_ms.map_or_else(|| lang.pick("open", "至今").to_owned(), shown_time);
            print(&match lang {
                Lang::En => format!("    {} – {to}  by entry {}", shown_time(held.row.from_ms), held.entry),
                Lang::Zh => format!("    {} – {to}  见第 {} 条", shown_time(held.row.from_ms), held.entry),
            });
            if let Some((entry, reason)) = &held.row.ended {
                print(&match lang {
                    Lang::En => format!("    ENDED by entry {entry}: {reason}"),
                    Lang::Zh => format!("    已由第 {entry} 条终止：{reason}"),
                });
            }
        }
        if self.answer.offices.is_empty() {
            print(lang.pick("  none", "  无"));
        }
    }

    fn print_keys(&self, lang: Lang) {
        print_part(lang.pick("Keys", "密钥"));
        for (entry, key) in &self.answer.keys {
            let fate = match (&key.revoked, key.replaced) {
                (Some(revoked), _) => format!("{} {} ({})", lang.pick("revoked in entry", "吊销于第"), revoked.entry, revoked.reason),
                (None, Some(replaced)) => format!("{} {replaced}", lang.pick("replaced in entry", "更换于第")),
                (None, None) => lang.pick("in use", "使用中").to_owned(),
            };
            print(&format!("  {}  {} {entry}, {fate}", Commitment(key.key), lang.pick("since entry", "始于第")));
        }
    }

    /// Acts of one kind, office and month are one line: nobody reads eight thousand.
    fn print_acts(&self, lang: Lang) {
        print_part(lang.pick("Acts signed, and what became of them", "签署行为及其结果"));
        let mut month = String::new();
        for run in self.runs() {
            if month != run.month {
                month.clone_from(&run.month);
                print(&format!("  {month}"));
            }
            run.lines(lang).iter().for_each(|line| print(line));
        }
        let apart: Vec<&Act> = self.acts.iter().filter(|act| !act.is_plain()).collect();
        if !apart.is_empty() {
            print_part(lang.pick("Of these, apart", "其中须单独说明"));
            apart.iter().take(SHOWN_MAX).for_each(|act| print(&act.text(lang)));
            if apart.len() > SHOWN_MAX {
                let more = apart.len() - SHOWN_MAX;
                print(&match lang {
                    Lang::En => format!("  … and {more} more (--json)"),
                    Lang::Zh => format!("  …另有 {more} 项（--json 全部列出）"),
                });
            }
        }
        if let Some((act, fault)) = self.acts.iter().find_map(|act| Some((act, act.verdict.as_ref().err()?))) {
            print(&format!("  ✗ {} {}: {}", lang.pick("entry", "条目"), act.act.entry, fault_lines(fault, act.act.entry, lang)));
        }
    }

    fn runs(&self) -> Vec<Run<'_>> {
        let mut runs: BTreeMap<_, Run<'_>> = BTreeMap::new();
        for act in &self.acts {
            let row = &act.act.row;
            let month = shown_date(row.received_ms).get(..7).unwrap_or_default().to_owned();
            let key = (month.clone(), &row.act, &row.detail, &row.office, row.appointment);
            runs.entry(key).or_insert_with(|| Run { month, acts: Vec::new() }).acts.push(act);
        }
        let mut runs: Vec<Run<'_>> = runs.into_values().collect();
        runs.sort_by_key(|run| run.acts.first().map(|act| act.act.entry));
        runs
    }

    fn json(&self, since: Option<&Since>, around: Option<&Around>, scene: &Scene<'_>) -> Value {
        let answer = &self.answer;
        let person = json!({
            "person": answer.person, "name": answer.name, "enrolled_entry": answer.enrolled, "verified": self.failed() == 0,
            "offices_and_keys_verified": self.standing.is_ok(), "broken_entry": self.standing.as_ref().err().map(|fault| fault.entry),
            "offices": answer.offices.iter().map(|held| json!({
                "office": held.office, "unit": held.row.unit, "capacity": held.row.capacity, "entry": held.entry,
                "from_ms": held.row.from_ms, "to_ms": held.row.to_ms,
                "ended": held.row.ended.as_ref().map(|(entry, reason)| json!({ "entry": entry, "reason": reason })),
            })).collect::<Vec<_>>(),
            "keys": answer.keys.iter().map(|(entry, key)| json!({
                "key": Commitment(key.key).to_string(), "entry": entry, "replaced_entry": key.replaced, "revoked_entry": key.revoked.as_ref().map(|revoked| revoked.entry),
            })).collect::<Vec<_>>(),
            "runs": self.runs().iter().map(Run::json).collect::<Vec<_>>(), "acts": self.acts.iter().map(Act::json).collect::<Vec<_>>(),
            "around": around.map(Around::json), "since_then": Since::json(since), "not_proved": not_proved(Lang::En),
        });
        with(scene.heading_json(), person)
    }
}

/// Entries that a person's enrolment, offices and keys stand in.
fn grounds(answer: &PersonAnswer) -> Vec<u64> {
    let offices = answer.offices.iter().flat_map(|held| [Some(held.entry), held.row.ended.as_ref().map(|(entry, _)| *entry)]);
    let keys = answer.keys.iter().flat_map(|(entry, key)| [Some(*entry), key.replaced, key.revoked.as_ref().map(|revoked| revoked.entry)]);
    std::iter::once(Some(answer.enrolled)).chain(offices).chain(keys).flatten().collect()
}

impl Act {
    fn is_plain(&self) -> bool {
        matches!(self.fate, Fate::Paid | Fate::Stands) && self.act.disputed.is_none()
    }

    fn what(&self, lang: Lang) -> String {
        let detail = self.act.row.detail.as_ref().map_or_else(String::new, |detail| format!(" {detail}"));
        format!("{}{detail}", words::act(&self.act.row.act, lang))
    }

    fn text(&self, lang: Lang) -> String {
        let of = self.case.as_ref().map_or_else(String::new, |case| format!("{}{case}", lang.pick(" of ", "，案件 ")));
        let disputed = self.act.disputed.as_ref().map_or_else(String::new, |revoked| match lang {
            Lang::En => format!("; DISPUTED: the key was revoked in entry {}", revoked.entry),
            Lang::Zh => format!("；存疑：密钥已吊销（第 {} 条）", revoked.entry),
        });
        let (entry, date) = (words::entry(self.act.entry, lang), shown_date(self.act.row.received_ms));
        wrapped(&format!("{date}  {entry}  {}{of}: {}{disputed}", self.what(lang), self.fate.shown(lang)), "  ", "    ")
    }

    fn json(&self) -> Value {
        json!({
            "entry": self.act.entry, "act": self.act.row.act, "detail": self.act.row.detail, "office": self.act.row.office, "unit": self.act.row.unit,
            "received_ms": self.act.row.received_ms, "case": self.case, "became": self.fate.json(),
            "disputed_by_entry": self.act.disputed.as_ref().map(|revoked| revoked.entry), "verified": self.verdict.is_ok(),
        })
    }
}

impl Run<'_> {
    /// How many acts of the run had each fate.
    fn fates(&self) -> BTreeMap<&'static str, u64> {
        let mut fates = BTreeMap::new();
        self.acts.iter().for_each(|act| *fates.entry(act.fate.word()).or_default() += 1);
        fates
    }

    fn lines(&self, lang: Lang) -> Vec<String> {
        let (Some(first), Some(last)) = (self.acts.first(), self.acts.last()) else { return Vec::new() };
        let (from, to) = (first.act.entry, last.act.entry);
        let entries = match lang {
            Lang::En if from == to => format!("entry {from}"),
            Lang::En => format!("entries {from}–{to}"),
            Lang::Zh if from == to => format!("第 {from} 条"),
            Lang::Zh => format!("第 {from}–{to} 条"),
        };
        let unit = if first.act.row.unit == "-" { String::new() } else { format!(" {}", first.act.row.unit) };
        let office = if first.act.row.office == "self" { lang.pick("as a person", "本人") } else { &first.act.row.office };
        let count = right(&thousands(self.acts.len() as u64), 6);
        let what = padded(&first.what(lang), 20);
        let line = wrapped(&format!("{what}  {office}{unit}  {entries}"), &format!("  {count} × "), "           ");
        let fates: Vec<String> = self.fates().into_iter().map(|(fate, count)| words::counted_fate(fate, count, lang)).collect();
        vec![line, wrapped(&fates.join(lang.pick(", ", "，")), "           ", "           ")]
    }

    fn json(&self) -> Value {
        let first = self.acts.first().map(|act| &act.act);
        json!({
            "month": self.month, "act": first.map(|act| &act.row.act), "detail": first.map(|act| &act.row.detail),
            "office": first.map(|act| &act.row.office), "unit": first.map(|act| &act.row.unit), "acts": self.acts.len(),
            "first_entry": first.map(|act| act.entry), "last_entry": self.acts.last().map(|act| act.act.entry), "became": self.fates(),
        })
    }
}
