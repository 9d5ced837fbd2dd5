//! Submitting to a service: in order, every receipt verified and kept beside the key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use signer::checkpoint::Receipt;
use signer::draft::Memory;
use signer::note::Note;
use signer::statement::statement_hash;
use signer::value::StatementHash;
use signer::{Refusal, Rule};

use super::client::Client;
use super::history;
use super::shelf::{Held, Shelf};
use crate::error::{Failure, REFUSED_BY_RECORD, Refusing};
use crate::lang::Lang;

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
        /// What the record keeps as a warning beside it.
        warnings: Vec<Refusing>,
    },
    /// Refused.
    Refused(Refusing),
}

/// Who submits, with what is remembered, and where receipts go.
pub struct Submitter<'a> {
    /// The service.
    pub client: &'a Client,
    /// What was seen of the ledger.
    pub memory: &'a mut Memory,
    /// Where that is kept.
    pub memory_path: &'a Path,
    /// Where receipts go.
    pub shelf: &'a Shelf,
    /// In which language something is said.
    pub lang: Lang,
}

impl Submitter<'_> {
    /// Submits notes in their order, those excepted of which a receipt is there that verifies. What is recorded is verified by the key
    /// that is remembered before it counts. `told` hears of each note, by its number, as soon as it is answered.
    ///
    /// # Errors
    /// Of what was not told, nothing is known: the same again is answered as the first time.
    pub fn submit(&mut self, notes: &[String], told: &mut dyn FnMut(usize, Came)) -> Result<(), Failure> {
        let there = self.shelf.notes();
        let mut wanting = Vec::new();
        for (at, note) in notes.iter().enumerate() {
            match self.held(&there, note) {
                Some(Held { receipt, path, .. }) => {
                    told(at, Came::Recorded { index: receipt.index, is_repeated: true, receipt: path, warnings: Vec::new() });
                }
                None => wanting.push((at, note.as_str())),
            }
        }
        let mut rest = wanting.as_slice();
        while !rest.is_empty() {
            let (some, after) = rest.split_at(fitting(rest));
            self.submit_some(some, told)?;
            rest = after;
        }
        Ok(())
    }

    /// A receipt for the same text under a checkpoint that is part of what was seen.
    fn held(&self, there: &BTreeMap<StatementHash, Vec<PathBuf>>, note: &str) -> Option<Held> {
        let text = Note::parse(note.as_bytes()).ok()?.text;
        let seen = self.memory.seen.map_or(0, |(size, _)| size);
        let mut all = there.get(&statement_hash(&text))?.iter().filter_map(|path| self.shelf.held_as(path, self.memory));
        all.find(|held| size_of(&held.receipt) <= seen)
    }

    /// One request.
    fn submit_some(&mut self, some: &[(usize, &str)], told: &mut dyn FnMut(usize, Came)) -> Result<(), Failure> {
        let notes: Vec<&str> = some.iter().map(|(_, note)| *note).collect();
        let answer = self.client.post("/v1/statements", "application/json", &json!({ "notes": notes }).to_string())?.json()?;
        let answers = answer["answers"].as_array().filter(|answers| answers.len() == some.len());
        let answers = answers.ok_or_else(|| Failure::Remote { what: "an answer for every statement was expected".to_owned() })?;
        let mut last = None;
        let mut take_all = || {
            for ((at, note), answer) in some.iter().zip(answers) {
                told(*at, self.take(note, answer, &mut last)?);
            }
            Ok(())
        };
        let taken = take_all();
        // Also before a failure is told: what was kept is part of what was seen.
        if let Some(receipt) = last {
            history::follow(self.client, self.memory, self.memory_path, &receipt.checkpoint, self.lang)?;
        }
        taken
    }

    fn take(&self, note: &str, answer: &Value, last: &mut Option<Receipt>) -> Result<Came, Failure> {
        if answer["recorded"] != json!(true) {
            let refusing =
                Refusing::of(REFUSED_BY_RECORD, answer).ok_or_else(|| Failure::Remote { what: "an answer without a rule".to_owned() })?;
            if let Some(signed) = &refusing.note {
                self.shelf.keep_refusal(note, signed)?;
            }
            return Ok(Came::Refused(refusing));
        }
        let is_repeated = answer["repeated"] == json!(true);
        let (receipt, stands) = recorded(note, answer, is_repeated, self.memory).map_err(|refusal| Failure::Unproven { refusal })?;
        let path = self.shelf.keep_receipt(&receipt, stands, self.memory)?;
        let warnings =
            answer["warnings"].as_array().into_iter().flatten().filter_map(|warning| Refusing::of(REFUSED_BY_RECORD, warning)).collect();
        let index = receipt.index;
        if last.as_ref().is_none_or(|last: &Receipt| size_of(last) < size_of(&receipt)) {
            *last = Some(receipt);
        }
        Ok(Came::Recorded { index, is_repeated, receipt: path, warnings })
    }
}

/// How many of them one request holds; at least one.
fn fitting(rest: &[(usize, &str)]) -> usize {
    let mut bytes = 0;
    let fits = rest.iter().take(NOTES_AT_ONCE).take_while(|(_, note)| {
        bytes += note.len();
        bytes <= BYTES_AT_ONCE
    });
    fits.count().max(1)
}

/// The receipt, and the note that stands in the record. That is the one that was sent; or, if it had been recorded before and was
/// signed then with other bytes, one of the same text, which the service has to show: a receipt by itself may be of anything.
fn recorded<'a>(note: &'a str, answer: &'a Value, is_repeated: bool, memory: &Memory) -> Result<(Receipt, &'a str), Refusal> {
    let receipt = answer["receipt"].as_str().and_then(|text| Receipt::parse(text.as_bytes()));
    let receipt = receipt.ok_or_else(|| Refusal::new(Rule::CheckpointFormat, "a receipt of what is said to be recorded", "none"))?;
    let Err(refusal) = receipt.verify(note.as_bytes(), &memory.origin, &memory.key) else { return Ok((receipt, note)) };
    let Some(other) = answer["note"].as_str().filter(|_| is_repeated) else { return Err(refusal) };
    let text = |note: &str| Note::parse(note.as_bytes()).ok().map(|note| note.text);
    if text(other).is_none() || text(other) != text(note) {
        return Err(Refusal::new(Rule::CheckpointRoot, "a receipt of the statement that was sent", "one of another statement"));
    }
    receipt.verify(other.as_bytes(), &memory.origin, &memory.key)?;
    Ok((receipt, other))
}

fn size_of(receipt: &Receipt) -> u64 {
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
