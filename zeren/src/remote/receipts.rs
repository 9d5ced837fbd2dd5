//! Submitting to a service: in order, every receipt verified and kept beside the key.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use signer::Rule;
use signer::checkpoint::Receipt;
use signer::draft::Memory;
use signer::note::note_hash;

use super::client::Client;
use super::history;
use crate::error::{Failure, Refusing};
use crate::files;
use crate::lang::Lang;
use crate::screen::say;

/// Notes of one request, and their bytes together.
const NOTES_AT_ONCE: usize = 200;
const BYTES_AT_ONCE: usize = 2 << 20;

/// What came of one note.
pub enum Came {
    /// Recorded, with a receipt that verifies, kept here.
    Recorded {
        /// The entry.
        index: u64,
        /// Whether it was there before.
        is_repeated: bool,
        /// The receipt's file.
        receipt: PathBuf,
    },
    /// Refused.
    Refused(Refusing),
}

/// Where receipts and refusals go.
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// Beside the key.
    pub fn beside(key: &Path) -> Shelf {
        let mut name = key.as_os_str().to_owned();
        name.push(".receipts");
        Shelf { folder: PathBuf::from(name) }
    }

    fn keep(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        fs::create_dir_all(&self.folder).map_err(Failure::file(&self.folder))?;
        let path = self.folder.join(name);
        files::replace(&path, text.as_bytes(), 0o600)?;
        Ok(path)
    }
}

/// Submits notes in their order. What is recorded is verified by the key that is remembered before it counts.
pub fn submit(
    client: &Client,
    notes: &[String],
    memory: &mut Memory,
    memory_path: &Path,
    shelf: &Shelf,
    lang: Lang,
) -> Result<Vec<Came>, Failure> {
    let mut came = Vec::new();
    while came.len() < notes.len() {
        let mut bytes = 0;
        let fits = notes[came.len()..].iter().take(NOTES_AT_ONCE).take_while(|note| {
            bytes += note.len();
            bytes <= BYTES_AT_ONCE
        });
        let some: Vec<&String> = fits.collect();
        let some = if some.is_empty() { vec![&notes[came.len()]] } else { some };
        let answer = client.post("/v1/statements", "application/json", &json!({ "notes": some }).to_string())?.json()?;
        let answers = answer["answers"].as_array().filter(|answers| answers.len() == some.len());
        let answers = answers.ok_or_else(|| Failure::Remote { what: "an answer for every statement was expected".to_owned() })?;
        let mut last = None;
        for (note, answer) in some.into_iter().zip(answers) {
            came.push(take(note, answer, memory, shelf, &mut last, lang)?);
        }
        if let Some(receipt) = last {
            history::follow(client, memory, memory_path, &receipt.checkpoint, lang)?;
        }
    }
    Ok(came)
}

fn take(note: &str, answer: &Value, memory: &Memory, shelf: &Shelf, last: &mut Option<Receipt>, lang: Lang) -> Result<Came, Failure> {
    if answer["recorded"] != json!(true) {
        let refusing = Refusing::of(422, answer).ok_or_else(|| Failure::Remote { what: "an answer without a rule".to_owned() })?;
        if let Some(signed) = &refusing.note {
            let name: String = note_hash(note.as_bytes()).0[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            shelf.keep(&format!("{name}.refusal"), signed)?;
        }
        return Ok(Came::Refused(refusing));
    }
    let receipt = answer["receipt"].as_str().and_then(|text| Receipt::parse(text.as_bytes()));
    let receipt = receipt.ok_or_else(|| Failure::Remote { what: "recorded, it says, but brings no receipt".to_owned() })?;
    let is_repeated = answer["repeated"] == json!(true);
    match receipt.verify(note.as_bytes(), &memory.origin, &memory.key) {
        Ok(_) => {}
        // Recorded before, signed by the same people at another time: their bytes stand in the record, not these.
        Err(_) if is_repeated => {
            say(lang.pick("recorded before with other signature bytes; its receipt is kept", "此前已入账（签名字节不同），回执已保存"))
        }
        Err(refusal) => return Err(Failure::Refused(refusal)),
    }
    let path = shelf.keep(&format!("{}.tlog-proof", receipt.index), &receipt.encode())?;
    shelf.keep(&format!("{}.note", receipt.index), note)?;
    let index = receipt.index;
    if last.as_ref().is_none_or(|last: &Receipt| receipt_size(last) < receipt_size(&receipt)) {
        *last = Some(receipt);
    }
    Ok(Came::Recorded { index, is_repeated, receipt: path })
}

fn receipt_size(receipt: &Receipt) -> u64 {
    signer::Checkpoint::parse(&receipt.checkpoint.text).map_or(0, |checkpoint| checkpoint.size)
}

/// Whether a rule refuses because something moved since the statement was drafted: then drafting it anew helps.
pub fn has_gone_stale(rule: &str) -> bool {
    const STALE: [Rule; 10] = [
        Rule::CaseHead,
        Rule::CaseTaken,
        Rule::CaseStatus,
        Rule::CaseUnit,
        Rule::StepRepeated,
        Rule::AtStale,
        Rule::AppointmentEnded,
        Rule::ProcedureVersion,
        Rule::CounterUsed,
        Rule::ListOmits,
    ];
    STALE.iter().any(|stale| stale.name() == rule)
}
