//! One entry as every trace tells it: what was done, on what evidence, against which warnings, by whom in which capacity on which
//! device, and whether it verifies.

use std::collections::{BTreeMap, BTreeSet};

use projector::answers::{self, EntryAnswer, SignedBy};
use projector::rows::{CaseEntryRow, CasePart, Deed, Moment, StepDeed, Subject};
use serde_json::{Value, json};
use signer::Refusal;
use signer::value::{Commitment, Time};

use super::scene::Scene;
use super::{fault_lines, shown_time, words};
use crate::columns::{padded, wrapped};
use crate::error::Failure;
use crate::grounds::{Paper, Verdict};
use crate::lang::Lang;
use crate::own_views::failed;
use crate::screen::within_line;

/// An entry, verified, with everything that is told of it.
pub struct Told {
    /// What the views say of it.
    pub entry: EntryAnswer,
    /// The part that the case has in it; [`CasePart::Own`] where it is told of no case.
    pub of_case: CaseEntryRow,
    /// Whether it verifies.
    pub verdict: Verdict,
    /// What the entries say that its signatures stand in.
    pub papers: BTreeMap<u64, Paper>,
    /// Rules that only warned.
    pub warnings: Vec<Refusal>,
    /// The overrides that it rests on.
    pub overrides: Vec<EntryAnswer>,
    /// The correction that took it back.
    pub taken_back: Option<u64>,
}

impl Scene<'_> {
    /// An entry as the part that a case has in it.
    pub fn tell_of_case(&mut self, entry: EntryAnswer, case: &str, of_case: CaseEntryRow) -> Result<Told, Failure> {
        let verdict = self.witness.vouches_for_part(&entry, case, &of_case.part)?;
        self.tell(entry, of_case, verdict)
    }

    /// An entry for itself.
    pub fn tell_entry(&mut self, entry: u64) -> Result<Told, Failure> {
        let answer = self.answer(entry)?;
        let verdict = self.witness.vouches(entry)?;
        self.tell(answer, CaseEntryRow { changes_case: false, part: CasePart::Own }, verdict)
    }

    /// What the views say of an entry.
    pub fn answer(&self, entry: u64) -> Result<EntryAnswer, Failure> {
        let answer = answers::entry(self.rows, entry).map_err(failed)?;
        Ok(answer.ok_or_else(|| Failure::Views(format!("entry {entry} is not counted")))?.value)
    }

    fn tell(&mut self, entry: EntryAnswer, of_case: CaseEntryRow, verdict: Verdict) -> Result<Told, Failure> {
        let signed: BTreeSet<u64> = entry.signed_by.iter().map(|signed| signed.entry).chain([entry.entry]).collect();
        let mut papers = BTreeMap::new();
        for paper in signed {
            papers.insert(paper, self.witness.paper(paper)?);
        }
        let mut overrides = Vec::new();
        for by in overrides_of(&entry.row.deed) {
            overrides.push(self.answer(*by)?);
        }
        let warnings = answers::warnings(self.rows, entry.entry).map_err(failed)?;
        Ok(Told { entry, of_case, verdict, papers, warnings, overrides, taken_back: None })
    }
}

fn overrides_of(deed: &Deed) -> &[u64] {
    match deed {
        Deed::PostUp { overrides, .. } | Deed::PostDown { overrides, .. } => overrides,
        _ => deed.step_done().map_or(&[], |step| &step.overrides),
    }
}

/// The list that an act is on.
pub fn list_of(deed: &Deed) -> Option<&str> {
    match (deed, deed.step_done().map(|step| &step.on)) {
        (Deed::PostUp { list, .. } | Deed::PostDown { list, .. }, _) | (_, Some(Subject::List { list, .. })) => Some(&list.list),
        (_, Some(Subject::Batch(batch))) => Some(&batch.list),
        _ => None,
    }
}

/// The batch that an act is on.
pub fn batch_of(deed: &Deed) -> Option<&str> {
    match deed.step_done().map(|step| &step.on) {
        Some(Subject::Batch(batch)) => Some(&batch.batch),
        Some(Subject::Payment { batch, .. }) => Some(batch),
        _ => None,
    }
}

/// Entries whose effect on a case a correction took back, each with the correction's: the step that was a mistake, and the
/// steps that were done on the case after it.
pub fn taken_back<'a>(course: impl Iterator<Item = (u64, &'a Deed, bool)> + Clone) -> BTreeMap<u64, u64> {
    let mut taken = BTreeMap::new();
    for (correction, deed, _) in course.clone() {
        let Deed::Correct { of, batch, .. } = deed else { continue };
        let between = course.clone().filter(|(entry, deed, changes_case)| match batch {
            Some(_) => entry == of,
            None => {
                let is_step = deed.step_done().is_some() || matches!(deed, Deed::PostDown { .. });
                is_step && *changes_case && entry >= of && *entry < correction
            }
        });
        taken.extend(between.map(|(entry, ..)| (entry, correction)));
    }
    taken
}

impl Told {
    /// The step that was done.
    pub fn step(&self) -> Option<&StepDeed> {
        self.entry.row.deed.step_done()
    }

    /// As the terminal shows it.
    pub fn text(&self, lang: Lang) -> String {
        let mut lines = vec![deed_lines(&self.entry, &self.of_case.part, lang)];
        lines
            .extend(self.papers.values().flat_map(|paper| &paper.evidence).map(|(code, commitment)| evidence_line(code, commitment, lang)));
        lines.extend(self.overrides.iter().map(|by| override_line(by, lang)));
        lines.extend(self.warnings.iter().map(|warning| warning_line(warning, lang)));
        lines.extend(self.taken_back.map(|by| format!("    {}", words::taken_back(by, lang))));
        lines.extend(self.entry.signed_by.iter().map(|signed| self.signature_lines(signed, lang)));
        lines.push(self.verdict_line(lang));
        lines.join("\n")
    }

    fn verdict_line(&self, lang: Lang) -> String {
        let entry = self.entry.entry;
        match &self.verdict {
            Ok(()) => format!("    {} {entry} ✓", lang.pick("entry", "条目")),
            Err(fault) => format!("    {} {entry} ✗ {}", lang.pick("entry", "条目"), fault_lines(fault, entry, lang)),
        }
    }

    /// Who signed, in which capacity, on which device at which time, and what makes the office and the key good.
    fn signature_lines(&self, signed: &SignedBy, lang: Lang) -> String {
        let what = match self.entry.row.deed {
            Deed::Import(_) => lang.pick("vouched for by      ", "转录并签名          "),
            _ => lang.pick("signed by", "签名"),
        };
        let elsewhere = match lang {
            _ if signed.entry == self.entry.entry => String::new(),
            Lang::En => format!(", in entry {}", signed.entry),
            Lang::Zh => format!("，见第 {} 条", signed.entry),
        };
        let grounds = match lang {
            Lang::En => format!("office by entry {}, key by entry {}", signed.appointment, signed.key_entry),
            Lang::Zh => format!("任职见第 {} 条，密钥见第 {} 条", signed.appointment, signed.key_entry),
        };
        let disputed = signed.disputed.as_ref().map_or_else(String::new, |revoked| {
            format!("\n    {} {}", lang.pick("DISPUTED: the key was revoked in entry", "存疑：密钥已吊销，见第"), revoked.entry)
        });
        let who = format!("{what}  {} {}{}", signed.name, signed.person, office(signed, lang));
        let device = self.device_line(signed, lang).map_or_else(String::new, |line| format!("\n{line}"));
        format!("{}{device}\n      {grounds}{disputed}", wrapped(&format!("{who}{elsewhere}"), "    ", "      "))
    }

    fn device_line(&self, signed: &SignedBy, lang: Lang) -> Option<String> {
        let at = signed.at?;
        let (device, _) = self.papers.get(&signed.entry)?.device.as_ref()?;
        let received_ms = if signed.entry == self.entry.entry { Some(self.entry.row.received_ms) } else { None };
        let shown = Time::from(at).to_string().replace('T', " ");
        let text = match (received_ms, lang) {
            (Some(received), Lang::En) => format!("on {device} at {shown}, received {}", lapse(at, received, lang)),
            (Some(received), Lang::Zh) => format!("设备 {device}，时间 {shown}，{}收到", lapse(at, received, lang)),
            (None, Lang::En) => format!("on {device} at {shown}"),
            (None, Lang::Zh) => format!("设备 {device}，时间 {shown}"),
        };
        Some(wrapped(&text, "      ", "      "))
    }

    /// For a program.
    pub fn json(&self) -> Value {
        let deed = &self.entry.row.deed;
        let (title, more) = words::told(&self.entry, &self.of_case.part, Lang::En);
        let step = self.step();
        let asserts = step.map_or_else(Vec::new, |step| step.asserts.iter().map(|(code, said)| json!([code, said])).collect());
        let measures = step.map_or_else(Vec::new, |step| step.measures.iter().map(|(code, measure)| json!([code, measure])).collect());
        let evidence = self.papers.values().flat_map(|paper| &paper.evidence);
        let fault = self.verdict.as_ref().err();
        json!({
            "entry": self.entry.entry, "act": deed.name(), "detail": deed.detail(),
            "received_ms": self.entry.row.received_ms, "at": self.entry.row.at.map(|at| Time::from(at).to_string()),
            "told": std::iter::once(title).chain(more).collect::<Vec<_>>(), "part": part_json(&self.of_case.part),
            "changes_case": self.of_case.changes_case, "list": list_of(deed), "batch": batch_of(deed), "asserts": Value::Array(asserts),
            "measures": Value::Array(measures),
            "evidence": evidence.map(|(code, commitment)| json!({ "code": code, "commitment": commitment.to_string() })).collect::<Vec<_>>(),
            "warnings": self.warnings.iter().map(warning_json).collect::<Vec<_>>(),
            "overrides": self.overrides.iter().map(|by| json!({
                "entry": by.entry, "rule": rule_of(by), "signed_by": by.signed_by.iter().map(|signed| &signed.person).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "taken_back_by_entry": self.taken_back, "legacy": legacy_json(deed),
            "signed_by": self.entry.signed_by.iter().map(|signed| self.signed_json(signed)).collect::<Vec<_>>(),
            "verified": fault.is_none(), "rule": fault.map(|fault| fault.refusal.rule.name()), "broken_entry": fault.map(|fault| fault.entry),
        })
    }

    fn signed_json(&self, signed: &SignedBy) -> Value {
        let paper = self.papers.get(&signed.entry);
        let device = paper.and_then(|paper| paper.device.as_ref());
        json!({
            "person": signed.person, "name": signed.name, "office": signed.office, "unit": signed.unit, "capacity": signed.capacity,
            "entry": signed.entry, "device": device.map(|(device, _)| device), "counter": device.map(|(_, counter)| counter),
            "at": signed.at.map(|at| Time::from(at).to_string()), "seen_size": paper.and_then(|paper| paper.seen),
            "appointment_entry": signed.appointment, "key_entry": signed.key_entry, "key": Commitment(signed.key).to_string(),
            "disputed_by_entry": signed.disputed.as_ref().map(|revoked| revoked.entry),
        })
    }
}

/// In which office, capacity and unit: `, village_head (ACTING), unit 07-05`.
pub fn office(signed: &SignedBy, lang: Lang) -> String {
    let comma = lang.pick(", ", "，");
    let office = match signed.office.as_str() {
        "self" => lang.pick("as a person", "本人"),
        office => office,
    };
    let unit = if signed.unit == "-" { String::new() } else { format!("{} {}", lang.pick(", unit", "，单位"), signed.unit) };
    format!("{comma}{office}{}{unit}", words::capacity(&signed.capacity, lang))
}

/// How long after a device's clock the ledger received it.
fn lapse(at: Moment, received_ms: i64, lang: Lang) -> String {
    let seconds = received_ms.div_euclid(1000) - at.unix_seconds;
    let after = match (seconds.signum(), lang) {
        (0, _) => return lang.pick("at once", "即时").to_owned(),
        (1, Lang::En) => " later",
        (1, Lang::Zh) => "后",
        (_, Lang::En) => " EARLIER by the ledger's clock",
        (_, Lang::Zh) => "前（以账本时钟计）",
    };
    let seconds = seconds.abs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let text = match (days, hours, minutes, lang) {
        (0, 0, 0, Lang::En) => format!("{seconds} s"),
        (0, 0, 0, Lang::Zh) => format!("{seconds} 秒"),
        (0, 0, _, Lang::En) => format!("{minutes} min"),
        (0, 0, _, Lang::Zh) => format!("{minutes} 分钟"),
        (0, _, _, Lang::En) => format!("{hours} h {minutes} min"),
        (0, _, _, Lang::Zh) => format!("{hours} 小时 {minutes} 分"),
        (_, _, _, Lang::En) => format!("{days} d {hours} h"),
        (_, _, _, Lang::Zh) => format!("{days} 天 {hours} 小时"),
    };
    format!("{text}{after}")
}

/// What was done, and by whom if it is a transcription.
fn deed_lines(entry: &EntryAnswer, part: &CasePart, lang: Lang) -> String {
    if let Deed::Import(record) = &entry.row.deed {
        let group = if record.group == "-" { String::new() } else { format!(" ({})", record.group) };
        return format!(
            "  {}  {}\n    {}  {}{group}",
            record.recorded.replacen('T', " ", 1),
            record.activity,
            lang.pick("the old record names", "原记录所列经办人  "),
            record.actor
        );
    }
    let (title, more) = words::told(entry, part, lang);
    let more: String = more.iter().map(|line| format!("\n{}", wrapped(line, "    ", "    "))).collect();
    format!("{}{more}", wrapped(&title, &format!("  {}  ", shown_time(entry.row.received_ms)), "    "))
}

fn evidence_line(code: &str, commitment: &Commitment, lang: Lang) -> String {
    format!("    {}  {}  {commitment}", lang.pick("evidence", "材料"), padded(code, 16))
}

fn rule_of(by: &EntryAnswer) -> Option<&str> {
    if let Deed::Override { rule, .. } = &by.row.deed { Some(rule) } else { None }
}

fn override_line(by: &EntryAnswer, lang: Lang) -> String {
    let who: Vec<String> = by.signed_by.iter().map(|signed| format!("{} {}{}", signed.name, signed.person, office(signed, lang))).collect();
    let who = who.join(lang.pick("; ", "；"));
    let Deed::Override { rule, reason, .. } = &by.row.deed else { return String::new() };
    let text = match lang {
        Lang::En => format!("OVERRODE rule {rule} ({reason}, entry {}): {who}", by.entry),
        Lang::Zh => format!("破例人（规则 {rule}，理由 {reason}，第 {} 条）：{who}", by.entry),
    };
    wrapped(&text, "    ", "      ")
}

fn warning_line(warning: &Refusal, lang: Lang) -> String {
    let (expected, found) = (within_line(&warning.expected), within_line(&warning.found));
    let text = match lang {
        Lang::En => format!("WARNED by rule {}: expected {expected}; found {found}", warning.rule),
        Lang::Zh => format!("规则 {} 提示：应为 {expected}；实为 {found}", warning.rule),
    };
    wrapped(&text, "    ", "      ")
}

fn warning_json(warning: &Refusal) -> Value {
    json!({ "rule": warning.rule.name(), "expected": warning.expected, "found": warning.found })
}

fn legacy_json(deed: &Deed) -> Value {
    let Deed::Import(record) = deed else { return Value::Null };
    json!({
        "recorded": record.recorded, "activity": record.activity, "actor": record.actor, "group": record.group, "lifecycle": record.lifecycle,
        "source": Commitment(record.source).to_string(), "record": record.record, "actor_signed": false,
    })
}

/// What became of a case in an entry.
pub fn part_json(part: &CasePart) -> Value {
    match part {
        CasePart::Own => json!({ "is": "own" }),
        CasePart::Waits => json!({ "is": "waits" }),
        CasePart::InBatch => json!({ "is": "in-batch" }),
        CasePart::Paid => json!({ "is": "paid" }),
        CasePart::Failed(reason) => json!({ "is": "failed", "reason": reason }),
        CasePart::Kept { fen } => json!({ "is": "kept", "fen": fen }),
        CasePart::DroppedBefore(entry) => json!({ "is": "dropped-before", "entry": entry }),
        CasePart::Dropped(blame) => json!({ "is": "dropped", "by_entry": blame.entry, "by_act": blame.act }),
        CasePart::Omitted(blame) => json!({ "is": "omitted", "by_entry": blame.entry, "by_act": blame.act }),
        CasePart::HeldBack(blame) => json!({ "is": "held-back", "by_entry": blame.entry, "by_act": blame.act }),
    }
}
