//! Proof for somebody who holds no ledger: what the record says of one case or key, and that nothing else exists for it
//! (format.md section 19).

use sha2::{Digest as _, Sha256};
use signer::checkpoint::Receipt;
use signer::index_note::IndexNote;
use signer::rule::{Refusal, Rule};
use signer::value::{CaseId, KeyBytes, PersonId};
use signer::{Checkpoint, Note};

use crate::index::{key_id, key_text};
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
    /// Makes the proof from the state right before the index entry, whose note and receipt these are.
    pub fn make(state: &State, subject: Subject, note: Note, receipt: Receipt) -> MapEvidence {
        // The maps are brought up to this state.
        let _ = state.index_roots();
        let (value, proof) = match &subject {
            Subject::Case(case) => (state.register().case(case).map(|known| known.index_text(case)), state.index_maps().prove_case(case)),
            Subject::Key(person, key) => {
                let known = state.person(person).and_then(|known| known.key(key));
                (known.map(|known| key_text(person, known)), state.index_maps().prove_key(person, key))
            }
        };
        MapEvidence { subject, value, proof, note, receipt }
    }

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
        let origin = Checkpoint::parse(&self.receipt.checkpoint.text).map(|checkpoint| checkpoint.origin).unwrap_or_default();
        let index = IndexNote::parse(&self.note.text).filter(|index| index.ledger.as_str() == origin);
        let index = index.ok_or_else(|| Refusal::new(Rule::IndexFormat, format!("an index entry of {origin}"), "another note"))?;
        let note = self.note.encode();
        let mut answer = Err(Refusal::new(Rule::OtherLedger, format!("a log line for {origin}"), "none"));
        for key in policy.log_keys(&origin) {
            answer = self.receipt.verify(note.as_bytes(), &origin, key);
            if answer.is_ok() {
                break;
            }
        }
        answer?;
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
        Ok(Shown { ledger: origin, index: self.receipt.index, is_anchored: policy.accepts(&self.receipt.checkpoint) })
    }
}
