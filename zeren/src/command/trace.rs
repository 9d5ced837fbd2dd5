//! `zeren trace`: who did what when, each entry verified from the record as it is printed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::answers::{self, CaseAnswer, EntryAnswer, PersonAnswer, SignedBy};
use projector::rows::Deed;
use projector::{MemoryRows, Opened, Projection, Rows, follow};
use serde_json::{Value, json};
use signer::value::{CaseId, Commitment, PersonId, Time, UnixMs};

use super::audit::read_policy;
use super::{print, read_ledger};
use crate::error::{DOES_NOT_VERIFY, Failure, HOLDS, render_refusal};
use crate::grounds::{Fault, Verdict, Witness};
use crate::lang::{Lang, thousands};
use crate::progress::Progress;
use crate::screen::say;

/// Entries that are read from the views at a time.
const PAGE: usize = 500;
/// Offset of times of receipt on the screen, in minutes: the programme's.
const SHOWN_OFFSET_MINUTES: i16 = 480;

/// What can be traced.
#[derive(Subcommand)]
pub enum Command {
    /// Everything that was done on a case
    Case(Subject),
    /// Everything that a person signed, with the person's keys and offices
    Person(Subject),
}

/// `zeren trace case|person`
#[derive(Args)]
pub struct Subject {
    /// The case or person
    id: String,
    /// The ledger's folder
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// The trust policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Keep the views in this folder of your own for the next time; without it, they are built in memory
    #[arg(long, value_name = "DIR")]
    views: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

/// Traces.
pub fn run(command: &Command, lang: Lang) -> Result<ExitCode, Failure> {
    let (subject, is_case) = match command {
        Command::Case(subject) => (subject, true),
        Command::Person(subject) => (subject, false),
    };
    let ledger = read_ledger(&subject.dir, lang)?;
    let views = open_views(subject.views.as_deref(), &ledger, lang)?;
    let rows = views.rows();
    let anchor = Anchor::of(&ledger, subject.policy.as_deref())?;
    let witness = Witness::new(&ledger, rows)?;
    if is_case { trace_case(subject, rows, witness, &anchor, lang) } else { trace_person(subject, rows, witness, &anchor, lang) }
}

/// Views of the trace's own. Those that lie beside a ledger are whoever's who gave it: what they say is not read, and nothing
/// is written into a folder that is evidence.
enum OwnViews {
    InMemory(Box<MemoryRows>),
    Kept(Box<Projection>),
}

impl OwnViews {
    fn rows(&self) -> &dyn Rows {
        match self {
            OwnViews::InMemory(rows) => rows.as_ref(),
            OwnViews::Kept(projection) => projection.rows(),
        }
    }
}

fn open_views(folder: Option<&Path>, ledger: &Snapshot<Folder>, lang: Lang) -> Result<OwnViews, Failure> {
    let failed = |error: projector::ProjectorError| Failure::Views(error.to_string());
    let mut progress = Progress::new(lang.pick("views", "视图"));
    let of = ledger.size();
    let mut tell = |done| progress.at(done, of);
    let Some(folder) = folder else {
        let mut rows = MemoryRows::default();
        follow::follow(&mut rows, ledger, &mut tell).map_err(failed)?;
        progress.done();
        return Ok(OwnViews::InMemory(Box::new(rows)));
    };
    let (views, opened) = Projection::open(folder, ledger, &mut tell).map_err(failed)?;
    progress.done();
    if let Opened::Rebuilt { because } = opened {
        say(&format!("{}: {because}", lang.pick("views were in doubt and have been built anew", "视图存疑，已重建")));
    }
    Ok(OwnViews::Kept(Box::new(views)))
}

/// What the checkpoint under which everything is verified rests on.
struct Anchor {
    has_policy: bool,
    is_accepted: bool,
}

impl Anchor {
    fn of(ledger: &Snapshot<Folder>, policy: Option<&Path>) -> Result<Anchor, Failure> {
        let Some(path) = policy else { return Ok(Anchor { has_policy: false, is_accepted: false }) };
        let policy = read_policy(path)?;
        let name = ledger.id().as_str();
        if policy.log_keys(name).next().is_none() {
            return Err(Failure::malformed(format!("{}: no log line for {name}", path.display())));
        }
        // The latest checkpoint need not be cosigned yet; an audit says how far witnesses vouch.
        let note = ledger.checkpoint();
        let is_accepted = note
            .signatures
            .iter()
            .any(|line| policy.log_keys(name).any(|key| signer::checkpoint::is_signed_by(&note.text, line, name, key)));
        Ok(Anchor { has_policy: true, is_accepted })
    }

    fn line(&self, lang: Lang) -> &'static str {
        match (self.has_policy, self.is_accepted) {
            (true, true) => lang.pick("checkpoint signed by the key that your policy names", "检查点由信任策略所列密钥签署"),
            (true, false) => lang.pick("CHECKPOINT NOT SIGNED BY THE KEY THAT YOUR POLICY NAMES", "检查点并非由信任策略所列密钥签署"),
            (false, _) => {
                lang.pick("no policy given: verified against the ledger's own checkpoint only", "未提供信任策略：仅以账本自身检查点核验")
            }
        }
    }
}

fn trace_case(subject: &Subject, rows: &dyn Rows, mut witness: Witness<'_>, anchor: &Anchor, lang: Lang) -> Result<ExitCode, Failure> {
    let views = |error: projector::ProjectorError| Failure::Views(error.to_string());
    let Some(case) = CaseId::parse(&subject.id) else {
        return Err(Failure::malformed(format!(
            "{}: {}",
            subject.id.escape_debug(),
            lang.pick("cannot be a case id (docs/format.md section 1)", "不是有效的案件编号")
        )));
    };
    let Some(mut answer) = answers::case(rows, &case, None, PAGE).map_err(views)? else {
        return Err(no_such_case(rows, &case, lang)?);
    };
    let mut value = std::mem::take(&mut answer.value.entries);
    let mut next = answer.value.next;
    while let Some(after) = next {
        let page = answers::case(rows, &case, Some(after), PAGE).map_err(views)?;
        let Some(page) = page else { break };
        value.extend(page.value.entries);
        next = page.value.next;
    }
    let answer = CaseAnswer { entries: value, ..answer.value };
    let mut verdicts = Vec::with_capacity(answer.entries.len());
    for (entry, _) in &answer.entries {
        verdicts.push(witness.vouches(entry.entry)?);
    }
    let failed = verdicts.iter().filter(|verdict| verdict.is_err()).count();
    if subject.json {
        print(&case_json(&answer, &verdicts, witness.ledger(), anchor).to_string());
    } else {
        print_case(&answer, &verdicts, witness.ledger(), anchor, lang);
    }
    Ok(exit(failed, anchor))
}

fn exit(failed: usize, anchor: &Anchor) -> ExitCode {
    ExitCode::from(if failed > 0 || !anchor.is_accepted { DOES_NOT_VERIFY } else { HOLDS })
}

fn no_such_case(rows: &dyn Rows, case: &CaseId, lang: Lang) -> Result<Failure, Failure> {
    const SHOWN: usize = 3;
    let views = |error: projector::ProjectorError| Failure::Views(error.to_string());
    let mut near = answers::cases(rows, Some(case), SHOWN).map_err(views)?.map(|answer| answer.value.cases).unwrap_or_default();
    if near.is_empty() {
        near = answers::cases(rows, None, SHOWN).map_err(views)?.map(|answer| answer.value.cases).unwrap_or_default();
    }
    let near: Vec<String> = near.into_iter().map(|(case, _)| case).collect();
    let hint = if near.is_empty() {
        String::new()
    } else {
        format!("; {} {}", lang.pick("cases near it:", "相近的案件："), near.join(", "))
    };
    Ok(Failure::malformed(format!("{case}: {}{hint}", lang.pick("no such case in this ledger", "账本中没有此案件"))))
}

fn print_case(answer: &CaseAnswer, verdicts: &[Verdict], ledger: &Snapshot<Folder>, anchor: &Anchor, lang: Lang) {
    print(&heading(&answer.case, lang.pick("case", "案件"), ledger, anchor, lang));
    let mut signed_by: BTreeMap<(String, String), String> = BTreeMap::new();
    for ((entry, _), verdict) in answer.entries.iter().zip(verdicts) {
        print("");
        print(&deed_lines(entry, lang));
        for signed in &entry.signed_by {
            print(&signature_line(signed, entry, lang));
            signed_by.insert((signed.person.clone(), signed.office.clone()), signed.name.clone());
        }
        print(&verdict_line(entry, verdict, lang));
    }
    print("");
    print(&summary(answer, verdicts, &signed_by, lang));
    print_unanchored(anchor, lang);
}

/// Without an anchor nothing is green: the last line says so.
fn print_unanchored(anchor: &Anchor, lang: Lang) {
    if !anchor.is_accepted {
        print(match anchor.has_policy {
            true => lang.pick(
                "UNANCHORED: the key that your policy names has not signed this ledger's checkpoint",
                "无锚点：账本检查点并非由信任策略所列密钥签署",
            ),
            false => lang.pick(
                "UNANCHORED: self-consistent, anchored to nothing. Bring a trust policy from outside: --policy",
                "无锚点：账本自洽，但没有外部依据。请用 --policy 提供外部取得的信任策略",
            ),
        });
    }
}

fn heading(id: &str, what: &str, ledger: &Snapshot<Folder>, anchor: &Anchor, lang: Lang) -> String {
    let size = thousands(ledger.size());
    let of = match lang {
        Lang::En => format!("as of {size} entries"),
        Lang::Zh => format!("截至第 {size} 条"),
    };
    format!("{what} {id}\n  {}\n  {of}; {}", ledger.id(), anchor.line(lang))
}

/// What was done, and by whom if it is a transcription.
fn deed_lines(entry: &EntryAnswer, lang: Lang) -> String {
    match &entry.row.deed {
        Deed::Import(record) => {
            let group = if record.group == "-" { String::new() } else { format!(" ({})", record.group) };
            format!(
                "  {}  {}\n    {}  {}{group}",
                legacy_time(&record.recorded),
                record.activity,
                lang.pick("the old record names", "原记录所列经办人  "),
                record.actor
            )
        }
        other => format!("  {}  {}", shown_time(entry.row.received_ms), other.name()),
    }
}

fn signature_line(signed: &SignedBy, entry: &EntryAnswer, lang: Lang) -> String {
    let unit = if signed.unit == "-" { String::new() } else { format!(", {} {}", lang.pick("unit", "单位"), signed.unit) };
    let at = entry.row.at.map(|at| Time::from(at).to_string()).unwrap_or_default();
    let what = match entry.row.deed {
        Deed::Import(_) => lang.pick("vouched for by      ", "转录并签名          "),
        _ => lang.pick("signed by           ", "签名                "),
    };
    let disputed = signed
        .disputed
        .as_ref()
        .map(|revoked| format!("\n    {} {}", lang.pick("DISPUTED: the key was revoked in entry", "存疑：密钥已吊销，见第"), revoked.entry))
        .unwrap_or_default();
    format!("    {what}  {} {}, {}{unit}  {at}{disputed}", signed.name, signed.person, signed.office)
}

fn verdict_line(entry: &EntryAnswer, verdict: &Verdict, lang: Lang) -> String {
    match verdict {
        Ok(()) => {
            let grounds: Vec<String> = entry
                .signed_by
                .iter()
                .map(|signed| match lang {
                    Lang::En => format!("office by entry {}, key by entry {}", signed.appointment, signed.key_entry),
                    Lang::Zh => format!("任职见第 {} 条，密钥见第 {} 条", signed.appointment, signed.key_entry),
                })
                .collect();
            format!("    {} {} ✓  {}", lang.pick("entry", "条目"), entry.entry, grounds.join("; "))
        }
        Err(fault) => format!("    {} {} ✗ {}", lang.pick("entry", "条目"), entry.entry, fault_lines(fault, entry.entry, lang)),
    }
}

/// Which entry breaks which rule.
fn fault_lines(fault: &Fault, asked: u64, lang: Lang) -> String {
    let rests = match lang {
        _ if fault.entry == asked => String::new(),
        Lang::En => format!(": it rests on entry {}", fault.entry),
        Lang::Zh => format!("：其依据第 {} 条", fault.entry),
    };
    format!("{}{rests}\n{}", lang.pick("DOES NOT VERIFY", "核验不通过"), render_refusal(&fault.refusal, lang).trim_end())
}

fn summary(answer: &CaseAnswer, verdicts: &[Verdict], signed_by: &BTreeMap<(String, String), String>, lang: Lang) -> String {
    let good = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
    let names: Vec<String> = signed_by.iter().map(|((person, office), name)| format!("{name} {person} ({office})")).collect();
    let only_imports = answer.entries.iter().all(|(entry, _)| matches!(entry.row.deed, Deed::Import(_)));
    let mut lines = vec![match lang {
        Lang::En => format!(
            "{} entries, {good} verified: bytes in the tree, signatures, appointments and keys down to the founding.",
            verdicts.len()
        ),
        Lang::Zh => format!("共 {} 条，核验通过 {good} 条（字节、签名，以及直至创设的任职与密钥）。", verdicts.len()),
    }];
    if only_imports {
        lines.push(match lang {
            Lang::En => format!(
                "Signed by {}, who vouches for the transcription.\nNobody whom the old records name signed anything here.",
                names.join(", ")
            ),
            Lang::Zh => format!("签名人：{}，仅对转录负责。\n原记录所列人员均未在此签名。", names.join("、")),
        });
    }
    lines.push(not_proved(lang).join("\n"));
    lines.join("\n")
}

fn not_proved(lang: Lang) -> [&'static str; 2] {
    [
        lang.pick(
            "Not proved: that what the records say happened, or that the applicant is eligible.",
            "本页不证明：记录所述之事确已发生，或申请人符合条件。",
        ),
        lang.pick(
            "Not proved here: that nothing else was recorded of this case; an audit replays everything.",
            "本页不证明：此案没有其他记录；须以全账本审计（zeren audit）为准。",
        ),
    ]
}

fn shown_time(ms: i64) -> String {
    crate::clock::at_offset(UnixMs(ms), SHOWN_OFFSET_MINUTES).to_string().replace('T', " ")
}

fn legacy_time(recorded: &str) -> String {
    recorded.replacen('T', " ", 1)
}

fn signed_json(signed: &SignedBy) -> Value {
    json!({
        "person": signed.person, "name": signed.name, "office": signed.office, "unit": signed.unit, "appointment_entry": signed.appointment,
        "key_entry": signed.key_entry, "key": Commitment(signed.key).to_string(), "disputed_by_entry": signed.disputed.as_ref().map(|revoked| revoked.entry),
    })
}

fn entry_json(entry: &EntryAnswer, verdict: &Verdict) -> Value {
    let legacy = match &entry.row.deed {
        Deed::Import(record) => json!({
            "recorded": record.recorded, "activity": record.activity, "actor": record.actor, "group": record.group, "lifecycle": record.lifecycle,
            "source": Commitment(record.source).to_string(), "record": record.record, "actor_signed": false,
        }),
        _ => Value::Null,
    };
    json!({
        "entry": entry.entry, "act": entry.row.deed.name(), "received_ms": entry.row.received_ms, "at": entry.row.at.map(|at| Time::from(at).to_string()),
        "legacy": legacy, "signed_by": entry.signed_by.iter().map(signed_json).collect::<Vec<_>>(), "verified": verdict.is_ok(),
        "rule": verdict.as_ref().err().map(|fault| fault.refusal.rule.name()), "broken_entry": verdict.as_ref().err().map(|fault| fault.entry),
    })
}

fn case_json(answer: &CaseAnswer, verdicts: &[Verdict], ledger: &Snapshot<Folder>, anchor: &Anchor) -> Value {
    json!({
        "case": answer.case, "ledger": ledger.id().as_str(), "size": ledger.size(), "policy": anchor.has_policy, "policy_accepts": anchor.is_accepted, "anchored": anchor.is_accepted,
        "verified": verdicts.iter().all(Result::is_ok),
        "entries": answer.entries.iter().zip(verdicts).map(|((entry, _), verdict)| entry_json(entry, verdict)).collect::<Vec<_>>(),
        "not_proved": not_proved(Lang::En),
    })
}

fn trace_person(subject: &Subject, rows: &dyn Rows, mut witness: Witness<'_>, anchor: &Anchor, lang: Lang) -> Result<ExitCode, Failure> {
    let views = |error: projector::ProjectorError| Failure::Views(error.to_string());
    let unknown = || {
        Failure::malformed(format!(
            "{}: {}",
            subject.id.escape_debug(),
            lang.pick("nobody of that id is enrolled in this ledger", "账本中没有此人员编号")
        ))
    };
    let person = PersonId::parse(&subject.id).ok_or_else(unknown)?;
    let answer = answers::person(rows, &person, None, PAGE).map_err(views)?.ok_or_else(unknown)?.value;
    let mut acts = answer.acts.clone();
    let mut next = answer.next;
    while let Some(after) = next {
        let Some(page) = answers::person(rows, &person, Some(after), PAGE).map_err(views)? else { break };
        next = page.value.next;
        acts.extend(page.value.acts);
    }
    let answer = PersonAnswer { acts, ..answer };
    let mut verdicts = Vec::with_capacity(answer.acts.len());
    for act in &answer.acts {
        verdicts.push(witness.vouches(act.entry)?);
    }
    let standing = witness.vouches_for_all(standing(&answer))?;
    let failed = verdicts.iter().filter(|verdict| verdict.is_err()).count() + usize::from(standing.is_err());
    if subject.json {
        print(&person_json(&answer, &standing, &verdicts, witness.ledger(), anchor).to_string());
    } else {
        print_person(&answer, &standing, &verdicts, witness.ledger(), anchor, lang);
    }
    Ok(exit(failed, anchor))
}

fn print_person(answer: &PersonAnswer, standing: &Verdict, verdicts: &[Verdict], ledger: &Snapshot<Folder>, anchor: &Anchor, lang: Lang) {
    let id = format!("{} {}", answer.person, answer.name);
    print(&heading(&id, lang.pick("person", "人员"), ledger, anchor, lang));
    print(&format!("\n  {}", lang.pick("offices", "任职")));
    for held in &answer.offices {
        let to = held.row.ended.as_ref().map_or_else(
            || held.row.to_ms.map_or_else(|| lang.pick("open", "至今").to_owned(), shown_time),
            |(entry, reason)| format!("{} {entry}: {reason}", lang.pick("ended by entry", "终止于第")),
        );
        print(&format!(
            "    {} {}  {} – {to}  ({} {})",
            held.office,
            held.row.unit,
            shown_time(held.row.from_ms),
            lang.pick("entry", "条目"),
            held.entry
        ));
    }
    print(&format!("\n  {}", lang.pick("keys", "密钥")));
    for (entry, key) in &answer.keys {
        let fate = match (&key.revoked, key.replaced) {
            (Some(revoked), _) => format!("{} {} ({})", lang.pick("revoked in entry", "吊销于第"), revoked.entry, revoked.reason),
            (None, Some(replaced)) => format!("{} {replaced}", lang.pick("replaced in entry", "更换于第")),
            (None, None) => lang.pick("in use", "使用中").to_owned(),
        };
        print(&format!("    {}  {} {entry}, {fate}", Commitment(key.key), lang.pick("since entry", "始于第")));
    }
    if let Err(fault) = standing {
        print(&format!("    ✗ {} {}: {}", lang.pick("entry", "条目"), fault.entry, fault_lines(fault, fault.entry, lang)));
    }
    print_acts(answer, verdicts, lang);
    print_unanchored(anchor, lang);
}

/// Entries that a person's enrolment, offices and keys stand in.
fn standing(answer: &PersonAnswer) -> Vec<u64> {
    let offices = answer.offices.iter().flat_map(|held| [Some(held.entry), held.row.ended.as_ref().map(|(entry, _)| *entry)]);
    let keys = answer.keys.iter().flat_map(|(entry, key)| [Some(*entry), key.replaced, key.revoked.as_ref().map(|revoked| revoked.entry)]);
    std::iter::once(Some(answer.enrolled)).chain(offices).chain(keys).flatten().collect()
}

fn print_acts(answer: &PersonAnswer, verdicts: &[Verdict], lang: Lang) {
    print(&format!("\n  {}", lang.pick("acts signed", "签署行为")));
    // Runs of the same act in the same office are one line: nobody reads eight thousand.
    for run in answer.acts.chunk_by(|a, b| a.row.act == b.row.act && a.row.office == b.row.office && a.disputed == b.disputed) {
        let (first, last) = (&run[0], &run[run.len() - 1]);
        let entries = if run.len() == 1 { first.entry.to_string() } else { format!("{}–{}", first.entry, last.entry) };
        let disputed = if first.disputed.is_some() { lang.pick("  DISPUTED", "  存疑") } else { "" };
        print(&format!(
            "    {} × {}  {} {}  {} {entries}{disputed}",
            thousands(run.len() as u64),
            first.row.act,
            first.row.office,
            first.row.unit,
            lang.pick("entries", "条目")
        ));
    }
    let good = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
    if let Some((act, fault)) = answer.acts.iter().zip(verdicts).find_map(|(act, verdict)| Some((act, verdict.as_ref().err()?))) {
        print(&format!("    ✗ {} {}: {}", lang.pick("entry", "条目"), act.entry, fault_lines(fault, act.entry, lang)));
    }
    print(&match lang {
        Lang::En => {
            format!(
                "\n{} acts, {} verified: bytes in the tree, signatures, appointments and keys down to the founding.",
                thousands(verdicts.len() as u64),
                thousands(good as u64)
            )
        }
        Lang::Zh => format!(
            "\n共 {} 项行为，核验通过 {} 项（字节、签名，以及直至创设的任职与密钥）。",
            thousands(verdicts.len() as u64),
            thousands(good as u64)
        ),
    });
}

fn person_json(answer: &PersonAnswer, standing: &Verdict, verdicts: &[Verdict], ledger: &Snapshot<Folder>, anchor: &Anchor) -> Value {
    json!({
        "person": answer.person, "name": answer.name, "ledger": ledger.id().as_str(), "size": ledger.size(), "policy": anchor.has_policy,
        "policy_accepts": anchor.is_accepted, "anchored": anchor.is_accepted, "enrolled_entry": answer.enrolled, "verified": standing.is_ok() && verdicts.iter().all(Result::is_ok),
        "offices_and_keys_verified": standing.is_ok(), "broken_entry": standing.as_ref().err().map(|fault| fault.entry),
        "offices": answer.offices.iter().map(|held| json!({
            "office": held.office, "unit": held.row.unit, "entry": held.entry, "from_ms": held.row.from_ms, "to_ms": held.row.to_ms,
            "ended": held.row.ended.as_ref().map(|(entry, reason)| json!({ "entry": entry, "reason": reason })),
        })).collect::<Vec<_>>(),
        "keys": answer.keys.iter().map(|(entry, key)| json!({
            "key": Commitment(key.key).to_string(), "entry": entry, "replaced_entry": key.replaced, "revoked_entry": key.revoked.as_ref().map(|revoked| revoked.entry),
        })).collect::<Vec<_>>(),
        "acts": answer.acts.iter().zip(verdicts).map(|(act, verdict)| json!({
            "entry": act.entry, "act": act.row.act, "office": act.row.office, "unit": act.row.unit, "received_ms": act.row.received_ms,
            "disputed_by_entry": act.disputed.as_ref().map(|revoked| revoked.entry), "verified": verdict.is_ok(),
        })).collect::<Vec<_>>(),
    })
}
