//! Everything that was done on a case.

use std::collections::BTreeMap;
use std::process::ExitCode;

use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::answers::{self, CaseAnswer, EntryAnswer, SignedBy};
use projector::rows::{CaseEntryRow, CasePart, Deed, FlagState, Subject};
use projector::{ProjectorError, Rows};
use serde_json::{Value, json};
use signer::value::{CaseId, Commitment, Time};

use super::{Anchor, PAGE, Subject as Asked, exit, fault_lines, heading, print_unanchored, shown_time, words};
use crate::command::print;
use crate::error::Failure;
use crate::grounds::{Verdict, Witness};
use crate::lang::Lang;

/// Traces a case.
pub fn trace(asked: &Asked, rows: &dyn Rows, mut witness: Witness<'_>, anchor: &Anchor, lang: Lang) -> Result<ExitCode, Failure> {
    let views = |error: ProjectorError| Failure::Views(error.to_string());
    let Some(case) = CaseId::parse(&asked.id) else {
        return Err(Failure::malformed(format!(
            "{}: {}",
            asked.id.escape_debug(),
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
    for (entry, row) in &answer.entries {
        verdicts.push(witness.vouches_for_part(entry, &answer.case, &row.part)?);
    }
    let failed = verdicts.iter().filter(|verdict| verdict.is_err()).count();
    if asked.json {
        print(&case_json(&answer, &verdicts, witness.ledger(), anchor).to_string());
    } else {
        print_case(&answer, &verdicts, witness.ledger(), anchor, lang);
    }
    Ok(exit(failed, anchor))
}

fn no_such_case(rows: &dyn Rows, case: &CaseId, lang: Lang) -> Result<Failure, Failure> {
    const SHOWN: usize = 3;
    let views = |error: ProjectorError| Failure::Views(error.to_string());
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
    let taken_back = taken_back(answer);
    for ((entry, row), verdict) in answer.entries.iter().zip(verdicts) {
        print("");
        print(&deed_lines(entry, &row.part, lang));
        if let Some(by) = taken_back.get(&entry.entry) {
            print(&format!("    {}", words::taken_back(*by, lang)));
        }
        for signed in &entry.signed_by {
            print(&signature_lines(signed, entry, lang));
            signed_by.insert((signed.person.clone(), signed.office.clone()), signed.name.clone());
        }
        print(&verdict_line(entry, verdict, lang));
    }
    print("");
    if let Some(standing) = standing(answer, lang) {
        print(&format!("{}\n  {}\n", lang.pick("Present standing", "现状"), standing.join("\n  ")));
    }
    print(&summary(answer, verdicts, &signed_by, lang));
    print_unanchored(anchor, lang);
}

/// Entries whose effect a correction took back, each with the correction's: the step that was a mistake, and the steps that
/// were done on the case after it.
fn taken_back(answer: &CaseAnswer) -> BTreeMap<u64, u64> {
    let mut taken = BTreeMap::new();
    for (correction, _) in &answer.entries {
        let Deed::Correct { of, batch, .. } = &correction.row.deed else { continue };
        let between = answer.entries.iter().filter(|(entry, row)| match batch {
            Some(_) => entry.entry == *of,
            None => {
                let is_step = entry.row.deed.step_done().is_some() || matches!(entry.row.deed, Deed::PostDown { .. });
                is_step && row.changes_case && entry.entry >= *of && entry.entry < correction.entry
            }
        });
        taken.extend(between.map(|(entry, _)| (entry.entry, correction.entry)));
    }
    taken
}

/// What was done, and by whom if it is a transcription.
fn deed_lines(entry: &EntryAnswer, part: &CasePart, lang: Lang) -> String {
    if let Deed::Import(record) = &entry.row.deed {
        let group = if record.group == "-" { String::new() } else { format!(" ({})", record.group) };
        return format!(
            "  {}  {}\n    {}  {}{group}",
            legacy_time(&record.recorded),
            record.activity,
            lang.pick("the old record names", "原记录所列经办人  "),
            record.actor
        );
    }
    let (title, more) = words::told(entry, part, lang);
    let more: String = more.iter().map(|line| format!("\n    {line}")).collect();
    format!("  {}  {title}{more}", shown_time(entry.row.received_ms))
}

/// Who signed, when by the own clock, and what makes the office and the key good.
fn signature_lines(signed: &SignedBy, entry: &EntryAnswer, lang: Lang) -> String {
    let unit = if signed.unit == "-" { String::new() } else { format!("{} {}", lang.pick(", unit", "，单位"), signed.unit) };
    let at = signed.at.map(|at| Time::from(at).to_string()).unwrap_or_default();
    let what = match entry.row.deed {
        Deed::Import(_) => lang.pick("vouched for by      ", "转录并签名          "),
        _ => lang.pick("signed by", "签名"),
    };
    let office = match signed.office.as_str() {
        "self" => lang.pick("as a person", "本人"),
        office => office,
    };
    let grounds = match lang {
        Lang::En => format!("office by entry {}, key by entry {}", signed.appointment, signed.key_entry),
        Lang::Zh => format!("任职见第 {} 条，密钥见第 {} 条", signed.appointment, signed.key_entry),
    };
    let elsewhere = match lang {
        _ if signed.entry == entry.entry => String::new(),
        Lang::En => format!(", in entry {}", signed.entry),
        Lang::Zh => format!("，见第 {} 条", signed.entry),
    };
    let disputed = signed
        .disputed
        .as_ref()
        .map(|revoked| format!("\n    {} {}", lang.pick("DISPUTED: the key was revoked in entry", "存疑：密钥已吊销，见第"), revoked.entry))
        .unwrap_or_default();
    let capacity = words::capacity(&signed.capacity, lang);
    let (comma, semicolon) = (lang.pick(", ", "，"), lang.pick("; ", "；"));
    format!(
        "    {what}  {} {}{comma}{office}{capacity}{unit}{elsewhere}\n      {at}{semicolon}{grounds}{disputed}",
        signed.name, signed.person
    )
}

fn verdict_line(entry: &EntryAnswer, verdict: &Verdict, lang: Lang) -> String {
    match verdict {
        Ok(()) => format!("    {} {} ✓", lang.pick("entry", "条目"), entry.entry),
        Err(fault) => format!("    {} {} ✗ {}", lang.pick("entry", "条目"), entry.entry, fault_lines(fault, entry.entry, lang)),
    }
}

/// Where the case stands; nothing for one that no step opened.
fn standing(answer: &CaseAnswer, lang: Lang) -> Option<Vec<String>> {
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
    lines.extend(payments(answer, lang));
    Some(lines)
}

/// What was paid in any period, and what is on its way.
fn payments(answer: &CaseAnswer, lang: Lang) -> Vec<String> {
    let mut lines = Vec::new();
    let mut locked = None;
    for (entry, row) in &answer.entries {
        match (&row.part, entry.row.deed.step_done().map(|step| &step.on)) {
            (CasePart::Kept { fen: Some(fen) }, _) => locked = Some(*fen),
            (CasePart::Paid, Some(Subject::Batch(batch))) => {
                let sum = locked.map_or_else(String::new, |fen| words::yuan(fen, lang));
                lines.push(match lang {
                    Lang::En => format!("{sum} paid in batch {} (entry {})", batch.batch, entry.entry),
                    Lang::Zh => format!("批次 {} 已发放 {sum}（第 {} 条）", batch.batch, entry.entry),
                });
            }
            _ => {}
        }
    }
    let Some(payment) = answer.file.as_ref().and_then(|file| file.payment.as_ref()) else { return lines };
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

fn summary(answer: &CaseAnswer, verdicts: &[Verdict], signed_by: &BTreeMap<(String, String), String>, lang: Lang) -> String {
    let good = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
    let names: Vec<String> = signed_by.iter().map(|((person, office), name)| format!("{name} {person} ({office})")).collect();
    let only_imports = answer.entries.iter().all(|(entry, _)| matches!(entry.row.deed, Deed::Import(_)));
    let lists = answer.entries.iter().any(|(_, row)| !matches!(row.part, CasePart::Own | CasePart::Waits));
    let mut lines = vec![match lang {
        Lang::En => format!(
            "{} entries, {good} verified: bytes in the tree, signatures, appointments and keys\ndown to the founding{}.",
            verdicts.len(),
            if lists { "; lines of lists against the roots that were signed" } else { "" }
        ),
        Lang::Zh => format!(
            "共 {} 条，核验通过 {good} 条\n（字节、签名，直至创设的任职与密钥{}）。",
            verdicts.len(),
            if lists { "，以及名册各行与所签根值" } else { "" }
        ),
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
            "Not proved: that what the records say happened, or that anybody is eligible.",
            "本页不证明：记录所述之事确已发生，或申请人符合条件。",
        ),
        lang.pick(
            "Not proved here: that nothing else was recorded of it; an audit replays all.",
            "本页不证明：此案没有其他记录；须以全账本审计（zeren audit）为准。",
        ),
    ]
}

fn legacy_time(recorded: &str) -> String {
    recorded.replacen('T', " ", 1)
}

fn signed_json(signed: &SignedBy) -> Value {
    json!({
        "person": signed.person, "name": signed.name, "office": signed.office, "unit": signed.unit, "capacity": signed.capacity,
        "entry": signed.entry, "at": signed.at.map(|at| Time::from(at).to_string()), "appointment_entry": signed.appointment,
        "key_entry": signed.key_entry, "key": Commitment(signed.key).to_string(), "disputed_by_entry": signed.disputed.as_ref().map(|revoked| revoked.entry),
    })
}

fn part_json(part: &CasePart) -> Value {
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

fn entry_json(entry: &EntryAnswer, row: &CaseEntryRow, verdict: &Verdict, taken_back: Option<&u64>) -> Value {
    let deed = &entry.row.deed;
    let legacy = match deed {
        Deed::Import(record) => json!({
            "recorded": record.recorded, "activity": record.activity, "actor": record.actor, "group": record.group, "lifecycle": record.lifecycle,
            "source": Commitment(record.source).to_string(), "record": record.record, "actor_signed": false,
        }),
        _ => Value::Null,
    };
    let (list, batch) = match (deed, deed.step_done().map(|step| &step.on)) {
        (Deed::PostUp { list, .. } | Deed::PostDown { list, .. }, _) | (_, Some(Subject::List { list, .. })) => (Some(&list.list), None),
        (_, Some(Subject::Batch(batch))) => (Some(&batch.list), Some(&batch.batch)),
        (_, Some(Subject::Payment { batch, .. })) => (None, Some(batch)),
        _ => (None, None),
    };
    let (title, more) = words::told(entry, &row.part, Lang::En);
    let asserts: Vec<Value> =
        deed.step_done().map_or_else(Vec::new, |step| step.asserts.iter().map(|(code, said)| json!([code, said])).collect());
    json!({
        "entry": entry.entry, "taken_back_by_entry": taken_back, "act": deed.name(), "detail": deed.detail(), "received_ms": entry.row.received_ms,
        "at": entry.row.at.map(|at| Time::from(at).to_string()), "told": std::iter::once(title).chain(more).collect::<Vec<_>>(),
        "part": part_json(&row.part), "changes_case": row.changes_case, "list": list, "batch": batch, "asserts": asserts,
        "legacy": legacy, "signed_by": entry.signed_by.iter().map(signed_json).collect::<Vec<_>>(), "verified": verdict.is_ok(),
        "rule": verdict.as_ref().err().map(|fault| fault.refusal.rule.name()), "broken_entry": verdict.as_ref().err().map(|fault| fault.entry),
    })
}

fn standing_json(answer: &CaseAnswer) -> Value {
    let Some(file) = &answer.file else { return Value::Null };
    json!({
        "unit": file.unit, "scheme": file.scheme, "tier": file.tier, "period": file.period,
        "status": file.stopped.as_ref().map_or("open", |stopped| &stopped.to), "status_entry": file.stopped.as_ref().map(|stopped| stopped.entry),
        "flags": answer.flags.iter().map(|flag| json!({
            "act": flag.kind, "entry": flag.entry, "upheld": matches!(flag.state, FlagState::Upheld(_)),
        })).collect::<Vec<_>>(),
        "dropped_from": file.dropped.as_ref().map(|(list, _)| list), "payments": payments(answer, Lang::En),
    })
}

fn case_json(answer: &CaseAnswer, verdicts: &[Verdict], ledger: &Snapshot<Folder>, anchor: &Anchor) -> Value {
    let taken = taken_back(answer);
    json!({
        "case": answer.case, "ledger": ledger.id().as_str(), "size": ledger.size(), "policy": anchor.has_policy, "policy_accepts": anchor.is_accepted, "anchored": anchor.is_accepted,
        "verified": verdicts.iter().all(Result::is_ok), "standing": standing_json(answer),
        "entries": answer.entries.iter().zip(verdicts).map(|((entry, row), verdict)| entry_json(entry, row, verdict, taken.get(&entry.entry))).collect::<Vec<_>>(),
        "not_proved": not_proved(Lang::En),
    })
}
