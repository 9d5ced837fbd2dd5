//! Everything that a person signed, with the person's keys and offices.

use std::process::ExitCode;

use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::Rows;
use projector::answers::{self, PersonAnswer};
use serde_json::{Value, json};
use signer::value::{Commitment, PersonId};

use super::{Anchor, PAGE, Subject, exit, fault_lines, heading, print_unanchored, shown_time, words};
use crate::command::print;
use crate::error::Failure;
use crate::grounds::{Verdict, Witness};
use crate::lang::{Lang, thousands};

/// Traces a person.
pub fn trace(subject: &Subject, rows: &dyn Rows, mut witness: Witness<'_>, anchor: &Anchor, lang: Lang) -> Result<ExitCode, Failure> {
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
    for run in answer.acts.chunk_by(|a, b| {
        (&a.row.act, &a.row.detail) == (&b.row.act, &b.row.detail) && a.row.office == b.row.office && a.disputed == b.disputed
    }) {
        let (first, last) = (&run[0], &run[run.len() - 1]);
        let entries = if run.len() == 1 { first.entry.to_string() } else { format!("{}–{}", first.entry, last.entry) };
        let disputed = if first.disputed.is_some() { lang.pick("  DISPUTED", "  存疑") } else { "" };
        print(&format!(
            "    {} × {}{}  {} {}  {} {entries}{disputed}",
            thousands(run.len() as u64),
            words::act(&first.row.act, lang),
            first.row.detail.as_ref().map_or_else(String::new, |detail| format!(" {detail}")),
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
            "entry": act.entry, "act": act.row.act, "detail": act.row.detail, "office": act.row.office, "unit": act.row.unit, "received_ms": act.row.received_ms,
            "disputed_by_entry": act.disputed.as_ref().map(|revoked| revoked.entry), "verified": verdict.is_ok(),
        })).collect::<Vec<_>>(),
    })
}
