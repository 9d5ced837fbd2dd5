//! Checkpoints (C2SP tlog-checkpoint), their cosignatures, and receipts (C2SP tlog-proof); format.md section 6.

use std::sync::Arc;

use sm3::{Digest as _, Sm3};

use crate::merkle::{leaf_hash, root_of_inclusion};
use crate::note::{Note, SignatureLine, TYPE_COSIGNATURE, TYPE_ED25519, key_id};
use crate::rule::{Refusal, Rule};
use crate::strict::{PublicKey, SecretKey, Signature};
use crate::value::{ChainHead, TreeHash, TreeRoot, base64, from_base64, number};

/// Size and root of the log at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ledger's id.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: TreeRoot,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// From the text, which has exactly three lines.
    pub fn parse(text: &str) -> Option<Checkpoint> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = lines.next().filter(|line| !line.is_empty())?.to_owned();
        let size = number(lines.next()?)?;
        let root = TreeRoot::parse(lines.next()?)?;
        lines.next().is_none().then_some(Checkpoint { origin, size, root })
    }

    /// From a checkpoint of any log: lines that are not empty may follow the three.
    pub fn of_any_log(text: &str) -> Option<Checkpoint> {
        let end = text.match_indices('\n').nth(2)?.0;
        let (head, more) = text.split_at(end + 1);
        let is_whole = more.is_empty() || (more.ends_with('\n') && more.split_terminator('\n').all(|line| !line.is_empty()));
        Checkpoint::parse(head).filter(|_| is_whole)
    }

    /// Signed with the ledger's checkpoint key.
    pub fn sign(&self, key: &SecretKey) -> Note {
        Note::signed(self.text(), &self.origin, key)
    }
}

/// Whether a line is the signature of `key`, named `name`, over the text.
#[must_use]
pub fn is_signed_by(text: &str, line: &SignatureLine, name: &str, key: &PublicKey) -> bool {
    line.name == name
        && line.key_id == key_id(name, TYPE_ED25519, &key.bytes().0)
        && line.signature().is_some_and(|signature| key.verifies(text.as_bytes(), &signature))
}

/// A witness's cosignature of a checkpoint's text at a time in Unix seconds (C2SP tlog-cosignature).
pub fn cosign(text: &str, name: &str, key: &SecretKey, unix_seconds: u64) -> SignatureLine {
    let signature = key.sign(cosigned_message(text, unix_seconds).as_bytes());
    let payload = unix_seconds.to_be_bytes().into_iter().chain(signature.0).collect();
    SignatureLine { name: name.to_owned(), key_id: key_id(name, TYPE_COSIGNATURE, &key.public().bytes().0), payload }
}

/// Whether a cosignature fits a checkpoint's text.
#[must_use]
pub fn cosignature_verifies(text: &str, key: &PublicKey, unix_seconds: u64, signature: &Signature) -> bool {
    key.verifies(cosigned_message(text, unix_seconds).as_bytes(), signature)
}

fn cosigned_message(text: &str, unix_seconds: u64) -> String {
    format!("cosignature/v1\ntime {unix_seconds}\n{text}")
}

/// SM3 of an entry: the chain head after it.
pub fn chain_head(entry: &[u8]) -> ChainHead {
    ChainHead(Sm3::digest(entry).into())
}

/// Proof that a note stands in the log at an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The entry's first two lines.
    pub entry_head: String,
    /// The entry's index.
    pub index: u64,
    /// Inclusion proof, the leaf's sibling first.
    pub proof: Vec<TreeHash>,
    /// The signed checkpoint, which every receipt of a commit shares.
    pub checkpoint: Arc<Note>,
}

const RECEIPT_KIND: &str = "c2sp.org/tlog-proof@v1";
/// More hashes than any tree of 2^53 leaves needs.
const PROOF_HASHES_MAX: usize = 63;

impl Receipt {
    /// The `.tlog-proof` file.
    pub fn encode(&self) -> String {
        let hashes: String = self.proof.iter().map(|hash| format!("{hash}\n")).collect();
        let extra = base64(self.entry_head.as_bytes());
        format!("{RECEIPT_KIND}\nextra {extra}\nindex {}\n{hashes}\n{}", self.index, self.checkpoint.encode())
    }

    /// Reads a `.tlog-proof` file that has an `extra` line.
    pub fn parse(bytes: &[u8]) -> Option<Receipt> {
        let text = core::str::from_utf8(bytes).ok()?;
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        lines.next().filter(|line| *line == RECEIPT_KIND)?;
        let extra = from_base64(lines.next()?.strip_prefix("extra ")?)?;
        let index = number(lines.next()?.strip_prefix("index ")?)?;
        let proof: Option<Vec<TreeHash>> = lines.map(TreeHash::parse).collect();
        let proof = proof.filter(|hashes| hashes.len() <= PROOF_HASHES_MAX)?;
        let checkpoint = Arc::new(Note::parse(checkpoint.as_bytes()).ok()?);
        Some(Receipt { entry_head: String::from_utf8(extra).ok()?, index, proof, checkpoint })
    }

    /// Verifies offline that the note is in the log of the ledger `origin` whose checkpoint key this is.
    ///
    /// # Errors
    /// A [`Refusal`] naming what does not fit.
    pub fn verify(&self, note: &[u8], origin: &str, key: &PublicKey) -> Result<Checkpoint, Refusal> {
        let checkpoint = Checkpoint::parse(&self.checkpoint.text)
            .ok_or_else(|| Refusal::new(Rule::CheckpointFormat, "a checkpoint of three lines", self.checkpoint.text.clone()))?;
        if checkpoint.origin != origin {
            return Err(Refusal::new(Rule::KnownOther, origin, checkpoint.origin));
        }
        let signed = self.checkpoint.signatures.iter().any(|line| is_signed_by(&self.checkpoint.text, line, origin, key));
        if !signed {
            return Err(Refusal::new(Rule::CheckpointSignature, format!("a signature by {}", key.bytes()), "none that verifies"));
        }
        let entry: Vec<u8> = self.entry_head.bytes().chain(note.iter().copied()).collect();
        let root = root_of_inclusion(leaf_hash(&entry), self.index, checkpoint.size, &self.proof);
        if root != Some(checkpoint.root) {
            let found = root.map_or("a proof of the wrong length".to_owned(), |root| root.to_string());
            return Err(Refusal::new(Rule::CheckpointRoot, checkpoint.root.to_string(), found));
        }
        Ok(checkpoint)
    }
}
