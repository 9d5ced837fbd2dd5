//! What came after the size that is looked at, told apart from it in one line.

use std::collections::BTreeSet;

use projector::Rows;
use projector::answers;
use projector::course;
use serde_json::{Value, json};
use signer::value::PersonId;

use super::entry::{Told, taken_back};
use super::scene::Scene;
use super::{shown_time, time_json};
use crate::columns::wrapped;
use crate::command::print;
use crate::error::Failure;
use crate::lang::{Lang, thousands};
use crate::own_views::failed;

/// What came later.
#[derive(Default)]
pub struct Since {
    /// Later acts on what is traced: how many, and the first, with its time of receipt in Unix milliseconds.
    acts: u64,
    first: Option<(u64, i64)>,
    /// Entries of the trace that a later revocation puts in dispute.
    disputed: BTreeSet<u64>,
    /// Entries of the trace that a later correction took back.
    taken_back: BTreeSet<u64>,
}

impl Since {
    /// What became later of a case and of the entries told; nothing where the whole log is looked at.
    pub fn of_case(scene: &Scene<'_>, case: &str, told: &[Told]) -> Result<Option<Since>, Failure> {
        let Some(later) = scene.later else { return Ok(None) };
        let course = course::course(later, case).map_err(failed)?;
        let mut since = Since::default();
        for passage in course.iter().filter(|passage| passage.entry >= scene.size) {
            since.count(passage.entry, passage.row.received_ms);
        }
        let taken = taken_back(course.iter().map(|passage| (passage.entry, &passage.row.deed, passage.of_case.changes_case)));
        let is_news = |told: &&Told| told.taken_back.is_none() && taken.contains_key(&told.entry.entry);
        since.taken_back = told.iter().filter(is_news).map(|told| told.entry.entry).collect();
        since.dispute(later, told)?;
        Ok(Some(since))
    }

    /// The same for a person: later acts, and what later revocations say of earlier ones.
    pub fn of_person(scene: &Scene<'_>, person: &PersonId, acts: &[(u64, bool)]) -> Result<Option<Since>, Failure> {
        let Some(later) = scene.later else { return Ok(None) };
        let mut since = Since::default();
        let mut after = None;
        while let Some(page) = answers::person(later, person, after, super::PAGE).map_err(failed)? {
            for act in &page.value.acts {
                if act.entry >= scene.size {
                    since.count(act.entry, act.row.received_ms);
                } else if act.disputed.is_some() && acts.contains(&(act.entry, false)) {
                    since.disputed.insert(act.entry);
                }
            }
            after = page.value.next;
            if after.is_none() {
                break;
            }
        }
        Ok(Some(since))
    }

    /// The same for acts that a trace of a list or batch tells.
    pub fn of_acts(scene: &Scene<'_>, later_acts: &[u64], told: &[Told]) -> Result<Option<Since>, Failure> {
        let Some(later) = scene.later else { return Ok(None) };
        let mut since = Since::default();
        for entry in later_acts.iter().filter(|entry| **entry >= scene.size) {
            since.count(*entry, scene.received_ms(*entry)?);
        }
        since.dispute(later, told)?;
        Ok(Some(since))
    }

    fn count(&mut self, entry: u64, received_ms: i64) {
        self.acts += 1;
        self.first.get_or_insert((entry, received_ms));
    }

    fn dispute(&mut self, later: &dyn Rows, told: &[Told]) -> Result<(), Failure> {
        for told in told {
            let Some(now) = answers::entry(later, told.entry.entry).map_err(failed)? else { continue };
            if now.value.is_disputed() && !told.entry.is_disputed() {
                self.disputed.insert(told.entry.entry);
            }
        }
        Ok(())
    }

    /// Prints the line.
    pub fn print(&self, lang: Lang) {
        let mut said = Vec::new();
        if let Some((entry, received_ms)) = self.first {
            said.push(match lang {
                Lang::En => format!("{} more acts, the first entry {entry} of {}", thousands(self.acts), shown_time(received_ms)),
                Lang::Zh => format!("另有 {} 项行为，首项为第 {entry} 条（{}）", thousands(self.acts), shown_time(received_ms)),
            });
        }
        let entries = |entries: &BTreeSet<u64>| entries.iter().map(u64::to_string).collect::<Vec<_>>().join(lang.pick(", ", "、"));
        if !self.taken_back.is_empty() {
            said.push(format!("{} {}", lang.pick("taken back: entries", "已更正撤回：条目"), entries(&self.taken_back)));
        }
        if !self.disputed.is_empty() {
            said.push(format!("{} {}", lang.pick("in dispute by a revocation: entries", "因密钥吊销存疑：条目"), entries(&self.disputed)));
        }
        if said.is_empty() {
            said.push(lang.pick("nothing more", "无").to_owned());
        }
        print(&wrapped(&format!("{}{}", lang.pick("Since then: ", "此后："), said.join(lang.pick("; ", "；"))), "", "  "));
    }

    /// For a program; null where the whole log is looked at.
    pub fn json(since: Option<&Since>) -> Value {
        let Some(since) = since else { return Value::Null };
        json!({
            "acts": since.acts, "first_entry": since.first.map(|(entry, _)| entry),
            "first_received": since.first.map(|(_, ms)| time_json(ms)), "taken_back_entries": since.taken_back, "disputed_entries": since.disputed,
        })
    }
}
