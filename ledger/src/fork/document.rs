//! What can stand on one side of a fork: a checkpoint, or a statement with its `seen` line.

use signer::checkpoint::{Checkpoint, cosignature_verifies, is_signed_by};
use signer::note::{Note, SignatureLine, TYPE_COSIGNATURE, TYPE_ED25519};
use signer::value::{ChainHead, TreeRoot};
use signer::{Refusal, Statement};

use super::Key;

/// What a document says of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its id; of another log, its origin.
    pub ledger: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: TreeRoot,
    /// Chain head, where it is a statement's `seen` line.
    pub chain: Option<ChainHead>,
}

/// A note that says something of a ledger's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The note.
    pub note: Note,
    /// What it says.
    pub claim: Claim,
    /// Persons of the `by` lines, where it is a statement.
    persons: Option<Vec<String>>,
}

/// Why a note is no such document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Not a note, or not a proper statement.
    #[error("{0}")]
    Refused(Refusal),
    /// Neither a checkpoint nor a statement.
    #[error("neither a checkpoint nor a statement")]
    Unknown,
    /// It says nothing of any history.
    #[error("it names no entries: an empty log or a founding")]
    Empty,
}

impl Document {
    /// Reads a note.
    ///
    /// # Errors
    /// What it is not.
    pub fn parse(bytes: &[u8]) -> Result<Document, DocumentError> {
        Document::of(Note::parse(bytes).map_err(DocumentError::Refused)?)
    }

    /// From a note that was read.
    ///
    /// # Errors
    /// What it is not.
    pub fn of(note: Note) -> Result<Document, DocumentError> {
        if note.text.starts_with("zeren statement ") {
            return match Statement::parse(&note.text).map_err(DocumentError::Refused)? {
                Statement::Founding(_) => Err(DocumentError::Empty),
                Statement::Act { ledger, header, .. } => {
                    let seen = header.seen;
                    let claim = Claim { ledger: ledger.to_string(), size: seen.size, root: seen.root, chain: Some(seen.chain) };
                    let persons = header.by.iter().map(|by| by.person.to_string()).collect();
                    Ok(Document { note, claim, persons: Some(persons) })
                }
            };
        }
        let Checkpoint { origin, size, root } = Checkpoint::of_any_log(&note.text).ok_or(DocumentError::Unknown)?;
        if size == 0 {
            return Err(DocumentError::Empty);
        }
        Ok(Document { note, claim: Claim { ledger: origin, size, root, chain: None }, persons: None })
    }

    /// Whether it is a statement.
    #[must_use]
    pub fn is_statement(&self) -> bool {
        self.persons.is_some()
    }

    /// Whether a signature of this key says anything here.
    pub(super) fn counts(&self, key: &Key) -> bool {
        match &self.persons {
            Some(persons) => key.signature_type == TYPE_ED25519 && persons.contains(&key.name),
            None => key.signature_type == TYPE_COSIGNATURE || key.name == self.claim.ledger,
        }
    }

    /// Whether a line verifies under a key; for a witness, with its time.
    pub(super) fn verifies(&self, line: &SignatureLine, key: &Key) -> Option<Option<u64>> {
        if key.signature_type == TYPE_ED25519 {
            return is_signed_by(&self.note.text, line, &key.name, &key.key).then_some(None);
        }
        let (seconds, signature) = line.cosignature()?;
        cosignature_verifies(&self.note.text, &key.key, seconds, &signature).then_some(Some(seconds))
    }
}
