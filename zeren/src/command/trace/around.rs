//! Ties: what else shares a list, a pair of visitors and a day, an account, a device and a day, a relative; with whom a person
//! signed. A tie is a place to look, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use ledger::check::Content;
use projector::answers::{self, CaseAnswer, PersonAnswer, SignedBy};
use projector::course;
use projector::rows::{Deed, LineRow, Moment, Subject};
use serde_json::{Value, json};
use signer::Statement;
use signer::act::{Act, PaymentLine, RelatedTo, SheetLines};
use signer::statement::Header;
use signer::value::{AccountToken, PersonId, Time};

use super::entry::{Told, list_of};
use super::list::SHOWN_MAX;
use super::scene::Scene;
use super::{PAGE, print_part};
use crate::columns::wrapped;
use crate::command::print;
use crate::error::Failure;
use crate::lang::{Lang, thousands};
use crate::own_views::failed;

/// One tie: to what, by what, and the entries that show it.
struct Tie {
    to: String,
    by: String,
    entries: BTreeSet<u64>,
    /// Of a person: acts signed together, days with case steps together, and the most on one day.
    counts: Option<(u64, u64, u64)>,
}

/// Ties of one kind.
struct Group {
    key: &'static str,
    title: (&'static str, &'static str),
    ties: Vec<Tie>,
}

/// The ties of a case or person.
pub struct Around {
    groups: Vec<Group>,
    failed: usize,
}

/// What an entry of the log is looked at for.
#[derive(Default)]
struct Wanted {
    accounts: BTreeSet<AccountToken>,
    /// Device and day.
    devices: BTreeSet<(String, String)>,
    relatives: BTreeSet<String>,
}

impl Around {
    /// The ties of a case.
    pub fn of_case(scene: &mut Scene<'_>, answer: &CaseAnswer, told: &[Told]) -> Result<Around, Failure> {
        let case = &answer.case;
        let mut groups = vec![
            Group { key: "lists", title: ("same list or meeting", "同一名册、同次评议"), ties: same_lists(scene, case, told)? },
            Group {
                key: "pair_day", title: ("same pair of signers on the same day", "同日同组经办"), ties: same_pair(scene, case, told)?
            },
        ];
        let found = look_through(scene, &Wanted::of(told), case)?;
        let titles = [
            ("account", ("same account", "同一账户")),
            ("device_day", ("same device on the same day", "同日同一设备")),
            ("relative", ("same relative on record, declared or attested", "同一在案亲属关系（申报或证明）")),
        ];
        groups.extend(titles.into_iter().zip(found).map(|((key, title), ties)| Group { key, title, ties }));
        Around::verified(scene, groups)
    }

    /// With whom a person signed.
    pub fn of_person(scene: &mut Scene<'_>, answer: &PersonAnswer) -> Result<Around, Failure> {
        let mut together: BTreeMap<(String, String), BTreeMap<String, BTreeSet<u64>>> = BTreeMap::new();
        let mut all: BTreeMap<(String, String), BTreeSet<u64>> = BTreeMap::new();
        for act in &answer.acts {
            let entry = scene.answer(act.entry)?;
            for other in entry.signed_by.iter().filter(|other| other.person != answer.person) {
                let who = (other.person.clone(), other.name.clone());
                all.entry(who.clone()).or_default().insert(act.entry);
                if case_of_step(&entry.row.deed).is_some() {
                    let day = day_of(entry.row.at);
                    together.entry(who).or_default().entry(day).or_default().insert(act.entry);
                }
            }
        }
        let mut ties: Vec<Tie> = Vec::new();
        for ((person, name), entries) in all {
            let days = together.remove(&(person.clone(), name.clone())).unwrap_or_default();
            let busiest = days.iter().max_by_key(|(_, entries)| entries.len());
            let counts = Some((entries.len() as u64, days.len() as u64, busiest.map_or(0, |(_, entries)| entries.len() as u64)));
            let by = busiest.map(|(day, _)| day.clone()).unwrap_or_default();
            ties.push(Tie { to: format!("{person} {name}"), by, entries, counts });
        }
        ties.sort_by_key(|tie| core::cmp::Reverse(tie.entries.len()));
        Around::verified(scene, vec![Group { key: "signed_with", title: ("signed together with", "共同签署"), ties }])
    }

    fn verified(scene: &mut Scene<'_>, groups: Vec<Group>) -> Result<Around, Failure> {
        let mut failed = 0;
        for entry in groups.iter().flat_map(|group| &group.ties).flat_map(|tie| &tie.entries) {
            failed += usize::from(scene.witness.vouches(*entry)?.is_err());
        }
        Ok(Around { groups, failed })
    }

    /// Entries of ties that do not verify.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Prints the ties.
    pub fn print(&self, lang: Lang) {
        print_part(lang.pick("Ties (a place to look; a tie is no finding)", "关联线索（仅供查阅，不构成认定）"));
        for group in &self.groups {
            let title = lang.pick(group.title.0, group.title.1);
            print(&format!("  {title}{}{}", lang.pick(": ", "："), thousands(group.ties.len() as u64)));
            group.ties.iter().take(SHOWN_MAX).for_each(|tie| print(&wrapped(&tie.text(lang), "    ", "      ")));
            if group.ties.len() > SHOWN_MAX {
                let more = group.ties.len() - SHOWN_MAX;
                print(&match lang {
                    Lang::En => format!("    … and {more} more (--json)"),
                    Lang::Zh => format!("    …另有 {more} 项（--json 全部列出）"),
                });
            }
        }
        if self.failed > 0 {
            print(&format!("  ✗ {}{}", lang.pick("entries of ties that do not verify: ", "核验不通过的关联条目："), self.failed));
        }
    }

    /// For a program.
    pub fn json(&self) -> Value {
        let groups = self.groups.iter().map(|group| (group.key.to_owned(), group.ties.iter().map(Tie::json).collect::<Value>()));
        let mut object: serde_json::Map<String, Value> = groups.collect();
        object.insert("broken".to_owned(), json!(self.failed));
        Value::Object(object)
    }
}

impl Tie {
    fn text(&self, lang: Lang) -> String {
        if let Some((acts, days, most)) = self.counts {
            let visits = match (most, lang) {
                (0, _) => String::new(),
                (_, Lang::En) => format!("; case steps together on {days} days, at most {most} on one ({})", self.by),
                (_, Lang::Zh) => format!("；同日同组经办案件 {days} 天，单日最多 {most} 件（{}）", self.by),
            };
            return match lang {
                Lang::En => format!("{}: {} acts{visits}", self.to, thousands(acts)),
                Lang::Zh => format!("{}：共同签署 {} 项{visits}", self.to, thousands(acts)),
            };
        }
        let entries: Vec<String> = self.entries.iter().take(4).map(u64::to_string).collect();
        let more = if self.entries.len() > entries.len() { lang.pick(", …", "、…") } else { "" };
        let by = if self.by.is_empty() { String::new() } else { format!("{}{}", lang.pick("; ", "；"), self.by) };
        match lang {
            Lang::En => format!("{}  (entries {}{more}{by})", self.to, entries.join(", ")),
            Lang::Zh => format!("{}（第 {} 条{more}{by}）", self.to, entries.join("、")),
        }
    }

    fn json(&self) -> Value {
        let (acts, days, most) = self.counts.map_or((None, None, None), |(acts, days, most)| (Some(acts), Some(days), Some(most)));
        json!({ "to": self.to, "by": self.by, "entries": self.entries, "acts": acts, "days": days, "most_on_one_day": most })
    }
}

impl Wanted {
    fn of(told: &[Told]) -> Wanted {
        let mut wanted = Wanted::default();
        for told in told {
            let is_on_case = case_of_step(&told.entry.row.deed).is_some();
            for paper in told.papers.values() {
                wanted.accounts.extend(paper.account);
                if let Some((device, _)) = paper.device.as_ref().filter(|_| is_on_case) {
                    wanted.devices.insert((device.clone(), day_of(told.entry.row.at)));
                }
            }
            match &told.entry.row.deed {
                Deed::Relate { person, .. } => _ = wanted.relatives.insert(person.clone()),
                Deed::Recuse { .. } => wanted.relatives.extend(told.entry.signed_by.iter().map(|signed| signed.person.clone())),
                _ => {}
            }
        }
        wanted
    }
}

/// Every list that the case was on, with how many other cases were on it.
fn same_lists(scene: &Scene<'_>, case: &str, told: &[Told]) -> Result<Vec<Tie>, Failure> {
    let mut lists: BTreeMap<String, (BTreeSet<String>, BTreeSet<u64>)> = BTreeMap::new();
    for told in told {
        let deed = &told.entry.row.deed;
        let Some(list) = list_of(deed).filter(|_| super::entry::batch_of(deed).is_none()) else { continue };
        let (meetings, entries) = lists.entry(list.to_owned()).or_default();
        entries.insert(told.entry.entry);
        if let Some(Subject::List { seats: Some(seats), .. }) = told.step().map(|step| &step.on) {
            meetings.insert(seats.list.clone());
        }
    }
    let mut ties = Vec::new();
    for (list, (meetings, entries)) in lists {
        let others: BTreeSet<String> = course::lines(scene.rows, &list)
            .map_err(failed)?
            .into_iter()
            .filter_map(|(_, line)| if let LineRow::Case { case, .. } | LineRow::Omit { case, .. } = line { Some(case) } else { None })
            .filter(|other| other != case)
            .collect();
        let meeting = meetings.into_iter().collect::<Vec<_>>().join(", ");
        let to = match scene.lang {
            Lang::En => format!("list {list}: {} other cases", thousands(others.len() as u64)),
            Lang::Zh => format!("名册 {list}：另有 {} 案", thousands(others.len() as u64)),
        };
        let by = match scene.lang {
            _ if meeting.is_empty() => String::new(),
            Lang::En => format!("meeting {meeting}"),
            Lang::Zh => format!("评议会 {meeting}"),
        };
        ties.push(Tie { to, by, entries, counts: None });
    }
    Ok(ties)
}

/// Other cases on which the same two or more persons signed a step on the same day, by the clocks of their devices.
fn same_pair(scene: &Scene<'_>, case: &str, told: &[Told]) -> Result<Vec<Tie>, Failure> {
    let mut wanted: BTreeMap<String, BTreeSet<(Vec<String>, String)>> = BTreeMap::new();
    for told in told.iter().filter(|told| case_of_step(&told.entry.row.deed).is_some()) {
        let signers = signers(&told.entry.signed_by);
        if signers.len() > 1 {
            wanted.entry(signers[0].clone()).or_default().insert((signers, day_of(told.entry.row.at)));
        }
    }
    let mut ties: BTreeMap<(String, String), BTreeSet<u64>> = BTreeMap::new();
    for (first, pairs) in wanted {
        let Some(person) = PersonId::parse(&first) else { continue };
        let mut after = None;
        while let Some(page) = answers::person(scene.rows, &person, after, PAGE).map_err(failed)? {
            for act in page.value.acts.iter().filter(|act| act.row.act == "step" || act.row.act == "join") {
                let entry = scene.answer(act.entry)?;
                let Some(other) = case_of_step(&entry.row.deed).filter(|other| *other != case) else { continue };
                let key = (signers(&entry.signed_by), day_of(entry.row.at));
                if pairs.contains(&key) {
                    let by = format!("{} {}", key.0.join(" + "), key.1);
                    ties.entry((other.to_owned(), by)).or_default().insert(act.entry);
                }
            }
            after = page.value.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(ties.into_iter().map(|((to, by), entries)| Tie { to, by, entries, counts: None }).collect())
}

/// Reads the log once up to the size that is looked at, for accounts, devices and relatives: no view holds them.
fn look_through(scene: &Scene<'_>, wanted: &Wanted, case: &str) -> Result<[Vec<Tie>; 3], Failure> {
    let mut found: [BTreeMap<(String, String), BTreeSet<u64>>; 3] = Default::default();
    let size = scene.size;
    scene.replayed()?.admitted(0, &mut |entry| {
        if let Content::Statement { statement, .. } = &entry.verified.content
            && let Statement::Act { header, act, .. } = statement.as_ref()
        {
            for (group, other, by) in shared(wanted, header, act) {
                if other != case {
                    found[group].entry((other, by)).or_default().insert(entry.index);
                }
            }
        }
        if entry.index + 1 >= size { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(found.map(|ties| ties.into_iter().map(|((to, by), entries)| Tie { to, by, entries, counts: None }).collect()))
}

/// What an act shares with what is wanted: of which group, with which case, by what.
fn shared(wanted: &Wanted, header: &Header, act: &Act) -> Vec<(usize, String, String)> {
    let account = |case: &str, token: &AccountToken| wanted.accounts.contains(token).then(|| (0, case.to_owned(), String::new()));
    match act {
        Act::Step(step) => {
            let Some((case, _)) = &step.case else { return Vec::new() };
            let day = day_of(Some(header.at.into()));
            let device = (header.device.to_string(), day);
            let by_device = wanted.devices.contains(&device).then(|| (1, case.to_string(), format!("{} {}", device.0, device.1)));
            step.open.as_ref().and_then(|opening| account(case.as_str(), &opening.account)).into_iter().chain(by_device).collect()
        }
        Act::Account(act) => account(act.case.case.as_str(), &act.account).into_iter().collect(),
        Act::Sheet(sheet) => match &sheet.lines {
            SheetLines::Payments(lines) => lines
                .iter()
                .filter_map(
                    |line| if let PaymentLine::Pays { case, account: token, .. } = line { account(case.as_str(), token) } else { None },
                )
                .collect(),
            _ => Vec::new(),
        },
        Act::Relate { person, to: RelatedTo::Case(case), relation, .. } if wanted.relatives.contains(person.as_str()) => {
            vec![(2, case.to_string(), format!("{person} {relation}"))]
        }
        Act::Recuse(act) => {
            let aside = header.by.iter().filter(|by| wanted.relatives.contains(by.person.as_str()));
            aside.map(|by| (2, act.case.case.to_string(), format!("{} {}", by.person, act.relation))).collect()
        }
        _ => Vec::new(),
    }
}

/// The case that a step is on.
fn case_of_step(deed: &Deed) -> Option<&str> {
    match deed.step_done().map(|step| &step.on) {
        Some(Subject::Case { case, .. }) => Some(case),
        _ => None,
    }
}

fn signers(signed_by: &[SignedBy]) -> Vec<String> {
    let mut persons: Vec<String> = signed_by.iter().map(|signed| signed.person.clone()).collect();
    persons.sort();
    persons.dedup();
    persons
}

/// The date on a device's clock.
fn day_of(at: Option<Moment>) -> String {
    at.map(|at| Time::from(at).to_string()).and_then(|at| at.get(..10).map(ToOwned::to_owned)).unwrap_or_default()
}
