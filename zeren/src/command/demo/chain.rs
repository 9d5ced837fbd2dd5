//! One case's chain of responsibility, a line for each act: who signed, and who stepped aside.

use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use projector::MemoryRows;
use projector::answers::{self, EntryAnswer};
use projector::rows::{CasePart, Deed};
use signer::value::{CaseId, UnixMs};

use crate::columns::{LINE_COLUMNS, columns, padded};
use crate::command::trace::words;
use crate::error::Failure;
use crate::lang::Lang;
use crate::own_views::{failed, folded};

/// Columns of what was done.
const TITLE_COLUMNS: usize = 38;
/// Offset of the county's clock, in minutes.
const OFFSET_MINUTES: i16 = 480;
/// Entries that are drawn at the most.
const DRAWN_MAX: usize = 60;

/// The chain of a case, drawn in lines of at most eighty columns.
pub fn drawn(ledger: &Snapshot<Folder>, case: &str, lang: Lang) -> Result<Vec<String>, Failure> {
    let rows = folded(MemoryRows::default(), ledger, ledger.size(), &mut |_| {})?;
    let id = CaseId::parse(case).ok_or_else(|| Failure::malformed(format!("no case id: {case}")))?;
    let answer = answers::case(&rows, &id, None, DRAWN_MAX).map_err(failed)?;
    let entries = answer.map(|answer| answer.value.entries).unwrap_or_default();
    Ok(entries.iter().map(|(entry, row)| line(entry, &row.part, lang)).collect())
}

fn line(entry: &EntryAnswer, part: &CasePart, lang: Lang) -> String {
    let day = crate::clock::at_offset(UnixMs(entry.row.received_ms), OFFSET_MINUTES).to_string();
    let day = day.get(..10).unwrap_or(&day);
    let stands_aside = matches!(entry.row.deed, Deed::Recuse { .. } | Deed::Dissent { .. } | Deed::Objection { .. });
    let sign = if stands_aside { '○' } else { '●' };
    let title = padded(&cut(&words::told(entry, part, lang).0, TITLE_COLUMNS), TITLE_COLUMNS);
    let mut text = format!("  {day}  {title} ");
    for signer in &entry.signed_by {
        let acting = if signer.capacity == "acting" { lang.pick(" acting", "（代理）") } else { "" };
        let name = format!(" {sign} {}{acting}", signer.name);
        if columns(&text) + columns(&name) > LINE_COLUMNS {
            text.push('…');
            break;
        }
        text.push_str(&name);
    }
    text
}

/// A text in at most so many columns.
fn cut(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        if columns(&cut) + columns(&c.to_string()) + 1 > most {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}
