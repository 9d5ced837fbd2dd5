//! Proof for somebody who holds no ledger: what the record says of one case or key, and that nothing else exists for it
//! (format.md section 19).

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use signer::checkpoint::Receipt;
use signer::index_note::IndexNote;
use signer::rule::{Refusal, Rule};
use signer::value::{CaseId, KeyBytes, PersonId};
use signer::{Checkpoint, Note, PublicKey};

use crate::entry::Entry;
use crate::error::LedgerError;
use crate::history::History;
use crate::index::key_id;
use crate::map::{MapProof, Proved, key_of};
use crate::policy::Policy;
use crate::state::State;

const KIND: &str = "zeren map proof v1";
/// Longest file that is read, in bytes.
pub const MAP_EVIDENCE_BYTES_MAX: usize = 1 << 20;

/// Longest part of it, in lines.
const LINES_MAX: u64 = 20_000;

/// Of what something is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A case.
    Case(CaseId),
    /// A person's key.
    Key(PersonId, KeyBytes),
}

impl Subject {
    /// The id in the map.
    pub fn id(&self) -> String {
        match self {
            Subject::Case(case) => case.to_string(),
            Subject::Key(person, key) => key_id(person, key),
        }
    }

    fn line(&self) -> String {
        match self {
            Subject::Case(case) => format!("case {case}"),
            Subject::Key(person, key) => format!("key {person} {key}"),
        }
    }

    fn parse(line: &str) -> Option<Subject> {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["case", case] => CaseId::parse(case).map(Subject::Case),
            ["key", person, key] => Some(Subject::Key(PersonId::parse(person)?, KeyBytes::parse(key)?)),
            _ => None,
        }
    }
}

/// The proof.
#[derive(Clone, Debug)]
pub struct MapEvidence {
    /// Of what.
    pub subject: Subject,
    /// What the map's value is the hash of; nothing where the record has no such case or key.
    pub value: Option<String>,
    /// Path in the map.
    pub proof: MapProof,
    /// The index entry's note.
    pub note: Note,
    /// Proof that it stands in the log.
    pub receipt: Receipt,
}

/// The proof by the latest index entry that a signed checkpoint covers, from the state that all entries made: the maps are as of that
/// entry, and what changed since is remembered as it was. Under the largest checkpoint that the log holds cosigned if that covers the
/// entry: what a policy with witnesses asks for.
pub(crate) fn latest(
    state: &State,
    history: &History,
    (size, checkpoint): (u64, &Arc<Note>),
    entry: &dyn Fn(u64) -> Result<Option<Vec<u8>>, LedgerError>,
    subject: Subject,
) -> Result<Option<MapEvidence>, LedgerError> {
    let noted = |index| {
        let bytes = entry(index)?.unwrap_or_default();
        Ok::<_, LedgerError>(Entry::parse(&bytes).ok().and_then(|entry| Note::parse(entry.note).ok()))
    };
    let Some((index, _)) = state.indexed_last().filter(|(index, _)| *index < size) else { return Ok(None) };
    let Some(note) = noted(index)? else { return Ok(None) };
    let cosigned = state.cosigned_size();
    let cosigning = match state.cosigned_entry(cosigned).filter(|entry| index < cosigned && *entry < size) {
        Some(entry) => noted(entry)?.map(Arc::new),
        None => None,
    };
    let receipt = match cosigning {
        Some(cosigning) => history.receipt(index, cosigned, &cosigning),
        None => history.receipt(index, size, checkpoint),
    };
    let Some(receipt) = receipt else { return Ok(None) };
    let (value, proof) = match &subject {
        Subject::Case(case) => state.index_maps().prove_case(state, case),
        Subject::Key(person, key) => state.index_maps().prove_key(state, person, key),
    };
    let evidence = MapEvidence { subject, value, proof, note, receipt };
    // Nothing leaves that would not verify: maps that have moved on would have another root.
    let fits = IndexNote::parse(&evidence.note.text).is_some_and(|index| evidence.judge_path(&index).is_ok());
    Ok(fits.then_some(evidence))
}

/// What was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The ledger.
    pub ledger: String,
    /// The entry up to which nothing else exists.
    pub index: u64,
    /// Whether the witnesses that the policy asks for vouch.
    pub is_anchored: bool,
}

impl MapEvidence {
    /// The file.
    pub fn encode(&self) -> String {
        let part = |name: &str, text: &str| format!("{name} {}\n{text}", text.lines().count());
        [
            format!("{KIND}\nof {}\n", self.subject.line()),
            part("value", self.value.as_deref().unwrap_or_default()),
            part("proof", &self.proof.encode()),
            part("note", &self.note.encode()),
            part("receipt", &self.receipt.encode()),
        ]
        .concat()
    }

    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Option<MapEvidence> {
        let text = core::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAP_EVIDENCE_BYTES_MAX)?;
        let mut lines = text.strip_suffix('\n')?.split('\n');
        lines.next().filter(|line| *line == KIND)?;
        let subject = Subject::parse(lines.next()?.strip_prefix("of ")?)?;
        let mut part = |name: &str| -> Option<String> {
            let count = lines.next()?.strip_prefix(name)?.strip_prefix(' ')?;
            let count = signer::value::number(count).filter(|count| *count <= LINES_MAX)?;
            (0..count).map(|_| lines.next().map(|line| format!("{line}\n"))).collect()
        };
        let value = part("value")?;
        let proof = MapProof::parse(&part("proof")?)?;
        let note = Note::parse(part("note")?.as_bytes()).ok()?;
        let receipt = Receipt::parse(part("receipt")?.as_bytes())?;
        let value = Some(value).filter(|value| !value.is_empty());
        lines.next().is_none().then_some(MapEvidence { subject, value, proof, note, receipt })
    }

    /// Verifies offline, under the keys and witnesses of a policy.
    ///
    /// # Errors
    /// A [`Refusal`] naming what does not fit.
    pub fn verify(&self, policy: &Policy) -> Result<Shown, Refusal> {
        let ledger = self.origin();
        let mut answer = Err(Refusal::new(Rule::OtherLedger, format!("a log line for {ledger}"), "none"));
        for key in policy.log_keys(&ledger) {
            answer = self.verify_under(&ledger, key);
            if answer.is_ok() {
                break;
            }
        }
        answer?;
        Ok(Shown { ledger, index: self.receipt.index, is_anchored: policy.accepts(&self.receipt.checkpoint) })
    }

    /// Verifies under one checkpoint key of a ledger: the checkpoint that the receipt leads to.
    ///
    /// # Errors
    /// A [`Refusal`] naming what does not fit.
    pub fn verify_under(&self, ledger: &str, key: &PublicKey) -> Result<Checkpoint, Refusal> {
        let index = IndexNote::parse(&self.note.text).filter(|index| index.ledger.as_str() == ledger);
        let index = index.ok_or_else(|| Refusal::new(Rule::IndexFormat, format!("an index entry of {ledger}"), "another note"))?;
        let checkpoint = self.receipt.verify(self.note.encode().as_bytes(), ledger, key)?;
        self.judge_path(&index).map(|()| checkpoint)
    }

    /// The ledger that the receipt's checkpoint names.
    fn origin(&self) -> String {
        Checkpoint::parse(&self.receipt.checkpoint.text).map(|checkpoint| checkpoint.origin).unwrap_or_default()
    }

    /// That the index entry's root commits to this value, or to none.
    fn judge_path(&self, index: &IndexNote) -> Result<(), Refusal> {
        let (_, root) = match &self.subject {
            Subject::Case(_) => index.cases,
            Subject::Key(..) => index.keys,
        };
        let found = self.proof.verify(&root.0, &key_of(&self.subject.id()));
        let expected = match &self.value {
            Some(value) => Proved::Present(Sha256::digest(value).into()),
            None => Proved::Absent,
        };
        if found != Some(expected) {
            return Err(Refusal::new(Rule::IndexUnlike, format!("a path to root {root}"), "one that leads elsewhere"));
        }
        Ok(())
    }
}
