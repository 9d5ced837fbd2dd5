//! Who vouched: every person once, with every capacity and step; whoever objected, dissented, stepped aside, held back or
//! overrode a rule stands in the same table, and whether they were overruled.

use std::collections::BTreeMap;

use projector::answers::SignedBy;
use projector::rows::{CasePart, Deed};
use serde_json::{Value, json};

use super::entry::{Told, office};
use super::{print_part, words};
use crate::columns::wrapped;
use crate::command::print;
use crate::lang::Lang;

/// How somebody stands to what was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stance {
    /// Objected, dissented, reported, appealed, held back.
    Against,
    /// Stepped aside.
    Aside,
    /// Overrode a rule.
    Overrode,
    /// Signed a step, a posting, a sheet.
    Vouched,
    /// Decided: an outcome, an answer, a correction.
    Decided,
}

impl Stance {
    fn of(deed: &Deed) -> Option<Stance> {
        Some(match deed {
            Deed::Objection { .. } | Deed::Dissent { .. } | Deed::Report { .. } | Deed::Appeal { .. } | Deed::Hold { .. } => {
                Stance::Against
            }
            Deed::Recuse { .. } => Stance::Aside,
            Deed::Override { .. } => Stance::Overrode,
            Deed::Outcome { .. } | Deed::Answer { .. } | Deed::Correct { .. } | Deed::Release { .. } => Stance::Decided,
            Deed::Ruling { .. } | Deed::Incident { .. } => Stance::Decided,
            Deed::Index | Deed::Epoch { .. } | Deed::Anchor { .. } | Deed::Cosigned { .. } | Deed::Relate { .. } => return None,
            _ => Stance::Vouched,
        })
    }

    const fn word(self) -> &'static str {
        match self {
            Stance::Against => "against",
            Stance::Aside => "aside",
            Stance::Overrode => "overrode",
            Stance::Vouched => "vouched",
            Stance::Decided => "decided",
        }
    }

    fn shown(self, lang: Lang) -> &'static str {
        match self {
            Stance::Against => lang.pick("AGAINST ", "反对"),
            Stance::Aside => lang.pick("ASIDE   ", "回避"),
            Stance::Overrode => lang.pick("OVERRODE", "破例"),
            Stance::Vouched => lang.pick("signed  ", "签署"),
            Stance::Decided => lang.pick("decided ", "处理"),
        }
    }
}

/// One act of a person.
struct Deeds {
    stance: Stance,
    what: String,
    entry: u64,
    /// Said no or unclear, or had the line dropped.
    notes: Vec<String>,
    /// The entry that dismissed it, and who signed that.
    overruled: Option<(u64, String)>,
    taken_back: Option<u64>,
}

struct Person {
    name: String,
    offices: Vec<SignedBy>,
    deeds: Vec<Deeds>,
}

/// The table.
pub struct Vouchers {
    persons: Vec<(String, Person)>,
}

impl Vouchers {
    /// Everyone who signed one of these entries.
    pub fn of<'a>(told: impl Iterator<Item = &'a Told> + Clone) -> Vouchers {
        let overruled = overruled(told.clone());
        let mut persons: BTreeMap<String, (u64, Person)> = BTreeMap::new();
        for told in told {
            for signed in &told.entry.signed_by {
                // Of a join, whoever signed before stands under the own entry.
                let is_own = signed.entry == told.entry.entry;
                let Some(stance) = Stance::of(&told.entry.row.deed).filter(|_| is_own) else { continue };
                let (_, person) = persons
                    .entry(signed.person.clone())
                    .or_insert_with(|| (told.entry.entry, Person { name: signed.name.clone(), offices: Vec::new(), deeds: Vec::new() }));
                let held =
                    |known: &SignedBy| (&known.office, &known.capacity, &known.unit) == (&signed.office, &signed.capacity, &signed.unit);
                if !person.offices.iter().any(held) {
                    person.offices.push(signed.clone());
                }
                person.deeds.push(Deeds {
                    stance,
                    what: what(&told.entry.row.deed),
                    entry: told.entry.entry,
                    notes: notes(told),
                    overruled: overruled.get(&told.entry.entry).cloned(),
                    taken_back: told.taken_back,
                });
            }
        }
        let mut persons: Vec<(String, (u64, Person))> = persons.into_iter().collect();
        // Whoever stood against it comes first; then in order of the first signature.
        persons.sort_by_key(|(_, (first, person))| (person.deeds.iter().map(|deed| deed.stance).min() >= Some(Stance::Vouched), *first));
        Vouchers { persons: persons.into_iter().map(|(id, (_, person))| (id, person)).collect() }
    }

    /// Prints the table.
    pub fn print(&self, lang: Lang) {
        print_part(lang.pick("Who vouched, and who did not", "担责一览（含异议、回避与破例）"));
        print(&wrapped(&self.counts(lang), "  ", "  "));
        for (id, person) in &self.persons {
            let separator = lang.pick("; ", "；");
            let offices: Vec<String> =
                person.offices.iter().map(|signed| office(signed, lang).trim_start_matches([',', ' ', '，']).to_owned()).collect();
            print(&wrapped(&format!("{} {id}  {}", person.name, offices.join(separator)), "  ", "    "));
            for line in person.lines(lang) {
                print(&line);
            }
        }
    }

    fn counts(&self, lang: Lang) -> String {
        let having = |is: &dyn Fn(&Deeds) -> bool| self.persons.iter().filter(|(_, person)| person.deeds.iter().any(is)).count();
        let (signed, against) = (having(&|deed| deed.stance == Stance::Vouched), having(&|deed| deed.stance == Stance::Against));
        let overruled = having(&|deed| deed.overruled.is_some());
        let (aside, overrode) = (having(&|deed| deed.stance == Stance::Aside), having(&|deed| deed.stance == Stance::Overrode));
        let of = self.persons.len();
        match lang {
            Lang::En => format!(
                "{of} persons: {signed} signed, {against} stood against ({overruled} overruled), {aside} stepped aside, {overrode} overrode a rule"
            ),
            Lang::Zh => {
                format!(
                    "共 {of} 人：签署 {signed} 人，提出异议 {against} 人（其中被驳回 {overruled} 人），回避 {aside} 人，破例 {overrode} 人"
                )
            }
        }
    }

    /// For a program.
    pub fn json(&self) -> Value {
        let deed = |deed: &Deeds| {
            json!({
                "stance": deed.stance.word(), "what": deed.what, "entry": deed.entry, "notes": deed.notes,
                "overruled_by_entry": deed.overruled.as_ref().map(|(entry, _)| entry), "taken_back_by_entry": deed.taken_back,
            })
        };
        self.persons
            .iter()
            .map(|(id, person)| {
                json!({
                    "person": id, "name": person.name, "acts": person.deeds.iter().map(deed).collect::<Vec<_>>(),
                    "offices": person.offices.iter().map(|signed| json!({
                        "office": signed.office, "capacity": signed.capacity, "unit": signed.unit, "appointment_entry": signed.appointment,
                    })).collect::<Vec<_>>(),
                })
            })
            .collect()
    }
}

impl Person {
    /// One line for each stance; what needs more words, a line of its own.
    fn lines(&self, lang: Lang) -> Vec<String> {
        let mut lines = Vec::new();
        for stance in [Stance::Against, Stance::Aside, Stance::Overrode, Stance::Vouched, Stance::Decided] {
            let first = format!("    {}  ", stance.shown(lang));
            let (plain, marked): (Vec<&Deeds>, Vec<&Deeds>) =
                self.deeds.iter().filter(|deed| deed.stance == stance).partition(|deed| deed.is_plain());
            lines.extend(marked.iter().map(|deed| wrapped(&deed.told(lang), &first, "      ")));
            let all: Vec<String> = plain.iter().map(|deed| deed.told(lang)).collect();
            if !all.is_empty() {
                lines.push(wrapped(&all.join(lang.pick(", ", "，")), &first, "      "));
            }
        }
        lines
    }
}

impl Deeds {
    fn is_plain(&self) -> bool {
        self.stance >= Stance::Vouched && self.notes.is_empty() && self.taken_back.is_none()
    }

    fn told(&self, lang: Lang) -> String {
        let shown = |note: &String| if note == NOT_LISTED { lang.pick(NOT_LISTED, "未列入").to_owned() } else { note.clone() };
        let notes: String = self.notes.iter().map(|note| format!(" ({})", shown(note))).collect();
        let taken = self.taken_back.map_or_else(String::new, |by| format!(" ({})", words::taken_back(by, lang)));
        let overruled = match (&self.overruled, lang) {
            (None, _) => String::new(),
            (Some((entry, who)), Lang::En) => format!(": OVERRULED by {who} (entry {entry})"),
            (Some((entry, who)), Lang::Zh) => format!("：被驳回，{who}（第 {entry} 条）"),
        };
        format!("{} {}{notes}{taken}{overruled}", self.what, self.entry)
    }
}

/// What an act is called in the table: the step's code, or the act's name with its kind.
fn what(deed: &Deed) -> String {
    match (deed, deed.detail()) {
        (Deed::Step(_), Some(step)) => step.to_owned(),
        (_, Some(detail)) => format!("{} {detail}", deed.name()),
        (_, None) => deed.name().to_owned(),
    }
}

/// A note: the act left the case off its list.
const NOT_LISTED: &str = "not listed";

/// What was asserted other than yes.
fn notes(told: &Told) -> Vec<String> {
    let said = told.step().into_iter().flat_map(|step| &step.asserts).filter(|(_, said)| said != "yes");
    let mut notes: Vec<String> = said.map(|(code, said)| format!("{code}: {said}")).collect();
    if let CasePart::Dropped(_) | CasePart::Omitted(_) = told.of_case.part {
        notes.push(NOT_LISTED.to_owned());
    }
    notes
}

/// Acts that were answered with a dismissal, each with the answer's entry and who signed it.
fn overruled<'a>(told: impl Iterator<Item = &'a Told>) -> BTreeMap<u64, (u64, String)> {
    let answered = told.filter_map(|told| {
        let Deed::Answer { answers, outcome, .. } = &told.entry.row.deed else { return None };
        let who: Vec<String> = told.entry.signed_by.iter().map(|signed| format!("{} {}", signed.name, signed.person)).collect();
        (outcome == "dismissed").then(|| (*answers, (told.entry.entry, who.join(", "))))
    });
    answered.collect()
}
