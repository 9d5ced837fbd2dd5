//! Proof that two signed documents cannot both be of one append-only log (format.md section 22).

mod document;
mod encoding;

pub use document::{Claim, Document, DocumentError};

use signer::checkpoint::{Receipt, is_signed_by};
use signer::merkle::verifies_consistency;
use signer::note::{KeyId, Note, SignatureLine, TYPE_COSIGNATURE, TYPE_ED25519, key_id};
use signer::statement::statement_hash;
use signer::value::{KeyBytes, TreeHash, TreeRoot};
use signer::{Act, PublicKey, Statement};

use crate::policy::Policy;
use crate::state::ledger_id;

/// Longest fork proof, in bytes.
pub const FORK_BYTES_MAX: usize = 4 << 20;
/// Most `key` lines, and most grounds, of a proof.
pub const PARTS_MAX: usize = 128;

/// A key that signature lines of a document may verify under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Name on signature lines.
    pub name: String,
    /// Type 0x01 for a ledger's or a person's key, 0x04 for a witness's.
    pub signature_type: u8,
    /// The key.
    pub key: PublicKey,
}

impl Key {
    /// Key of a ledger or a person.
    pub fn signs(name: impl Into<String>, key: PublicKey) -> Key {
        Key { name: name.into(), signature_type: TYPE_ED25519, key }
    }

    /// Key of a witness.
    pub fn cosigns(name: impl Into<String>, key: PublicKey) -> Key {
        Key { name: name.into(), signature_type: TYPE_COSIGNATURE, key }
    }

    fn id(&self) -> KeyId {
        key_id(&self.name, self.signature_type, &self.key.bytes().0)
    }

    fn is_of(&self, line: &SignatureLine) -> bool {
        line.name == self.name && line.key_id == self.id()
    }
}

/// What made keys known: a founding, or a logged statement with its receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// The statement's note.
    pub note: Note,
    /// Proof that it is in the log; none for the founding, whose hash is in the ledger's id.
    pub receipt: Option<Receipt>,
}

/// The root that the larger document's tree had at the smaller one's size, and the consistency proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The root.
    pub root: TreeRoot,
    /// From it to the larger document's.
    pub proof: Vec<TreeHash>,
}

/// A fork proof as read; nothing verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkProof {
    /// Keys of the signers.
    pub keys: Vec<Key>,
    /// The two documents.
    pub documents: [Document; 2],
    /// Where they name two sizes.
    pub prefix: Option<Prefix>,
    /// What made the keys known.
    pub grounds: Vec<Ground>,
}

/// In what the two documents contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// One size, two roots.
    Roots,
    /// One size and root, two chain heads.
    ChainHeads,
    /// The larger tree had another root at the smaller size: this one.
    Prefix(TreeRoot),
}

/// Who vouches that a key is whose it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vouched {
    /// The reader's policy.
    Policy,
    /// The founding, to which the ledger's id commits.
    Founding,
    /// The statement logged as this entry.
    Entry(u64),
}

/// Somebody whose signature under a document verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key.
    pub key: Key,
    /// Unix seconds, for a witness.
    pub seconds: Option<u64>,
    /// Who vouches for the key, if anybody does.
    pub vouched: Option<Vouched>,
}

impl Signer {
    /// Whether this signature line is one that verified under the signer's key.
    #[must_use]
    pub fn is_line(&self, line: &SignatureLine) -> bool {
        self.key.is_of(line)
    }

    fn ask(&mut self, vouched: &[(Key, Vouched)]) {
        self.vouched = vouched.iter().find(|(key, _)| *key == self.key).map(|(_, by)| *by);
    }
}

/// A good fork proof, as its reader sees it.
#[derive(Clone, Debug)]
pub struct Fork {
    /// In what.
    pub contradiction: Contradiction,
    /// Who signed each document.
    pub signers: [Vec<Signer>; 2],
}

impl Fork {
    /// Whether both sides have a signer whose key somebody vouches for.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.signers.iter().all(|side| side.iter().any(|signer| signer.vouched.is_some()))
    }
}

/// Why there is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// Not the form of section 22.
    #[error("line {line}: expected {expected}")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// A document that names nothing.
    #[error("document {number}: {source}")]
    Document {
        /// 1 or 2.
        number: usize,
        /// What is wrong with it.
        source: DocumentError,
    },
    /// Two ledgers.
    #[error("two ledgers: {0} and {1}")]
    OtherLedger(String, String),
    /// A signature that does not verify under the key that it names.
    #[error("document {number}: the signature named {name} does not verify under the key {key}")]
    Signature {
        /// 1 or 2.
        number: usize,
        /// Name on the line.
        name: String,
        /// The key.
        key: KeyBytes,
    },
    /// No signature verifies under any key that was brought.
    #[error("document {number}: no signature under a key that was brought")]
    Unsigned {
        /// 1 or 2.
        number: usize,
    },
    /// Both can be of one log.
    #[error("the two documents do not contradict each other by what was brought")]
    NoConflict,
    /// A consistency proof that leads elsewhere.
    #[error("the consistency proof does not lead from the prefix to the larger tree")]
    ProofUnlike,
    /// A ground that makes no key of this ledger known.
    #[error("ground {number}: {why}")]
    Ground {
        /// From 1.
        number: usize,
        /// Why not.
        why: &'static str,
    },
}

impl ForkProof {
    /// Puts a proof together from two documents, keeping of the keys and grounds those that serve.
    ///
    /// # Errors
    /// What is wrong with it, above all [`ForkError::NoConflict`] and [`ForkError::Unsigned`].
    pub fn make(documents: [Document; 2], prefix: Option<Prefix>, keys: &[Key], grounds: &[Ground]) -> Result<ForkProof, ForkError> {
        let serves = |key: &&Key| documents.iter().any(|document| document.note.signatures.iter().any(|line| key.is_of(line)));
        let mut served: Vec<Key> = Vec::new();
        for key in keys.iter().filter(serves) {
            if !served.contains(key) {
                served.push(key.clone());
            }
        }
        let ledger = documents[0].claim.ledger.clone();
        let mut kept: Vec<Ground> = Vec::new();
        for ground in grounds {
            let serves = made_known(&ground.note).iter().any(|key| served.contains(key));
            // The founding vouches for the ledger's key, and that for every receipt.
            if (serves || ground.receipt.is_none()) && !kept.contains(ground) {
                kept.push(ground.clone());
            }
        }
        // Keys under which the receipts of the grounds verify.
        for key in keys.iter().filter(|key| key.name == ledger && key.signature_type == TYPE_ED25519) {
            if !served.contains(key)
                && kept.iter().filter_map(|ground| ground.receipt.as_ref()).any(|receipt| is_checkpoint_of(receipt, key))
            {
                served.push(key.clone());
            }
        }
        let proof = ForkProof { keys: served, documents, prefix, grounds: kept };
        proof.verify(None).map(|_| proof)
    }

    /// The ledger that the first document names.
    pub fn ledger(&self) -> &str {
        &self.documents[0].claim.ledger
    }

    /// Verifies it; a policy, if there is one, vouches for keys and can refuse nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify(&self, policy: Option<&Policy>) -> Result<Fork, ForkError> {
        let [first, second] = &self.documents;
        if first.claim.ledger != second.claim.ledger {
            return Err(ForkError::OtherLedger(first.claim.ledger.clone(), second.claim.ledger.clone()));
        }
        let mut signers = [signers_of(first, &self.keys, 1)?, signers_of(second, &self.keys, 2)?];
        for (at, side) in signers.iter().enumerate() {
            if side.is_empty() {
                return Err(ForkError::Unsigned { number: at + 1 });
            }
        }
        let contradiction = contradiction(&first.claim, &second.claim, self.prefix.as_ref())?;
        let vouched = vouched(self.ledger(), &self.keys, &self.grounds, policy)?;
        signers.iter_mut().flatten().for_each(|signer| signer.ask(&vouched));
        Ok(Fork { contradiction, signers })
    }
}

/// In what two claims about one ledger contradict each other.
///
/// # Errors
/// [`ForkError::NoConflict`], [`ForkError::ProofUnlike`].
pub fn contradiction(first: &Claim, second: &Claim, prefix: Option<&Prefix>) -> Result<Contradiction, ForkError> {
    let (smaller, larger) = if first.size <= second.size { (first, second) } else { (second, first) };
    if smaller.size == larger.size {
        let has_two_heads = matches!((smaller.chain, larger.chain), (Some(one), Some(other)) if one != other);
        return match prefix {
            None if smaller.root != larger.root => Ok(Contradiction::Roots),
            None if has_two_heads => Ok(Contradiction::ChainHeads),
            _ => Err(ForkError::NoConflict),
        };
    }
    let prefix = prefix.filter(|prefix| prefix.root != smaller.root).ok_or(ForkError::NoConflict)?;
    if !verifies_consistency(smaller.size, &prefix.root, larger.size, &larger.root, &prefix.proof) {
        return Err(ForkError::ProofUnlike);
    }
    Ok(Contradiction::Prefix(prefix.root))
}

/// Whose signatures under a document verify, of those whose keys are known, and who vouches for the keys.
///
/// # Errors
/// [`ForkError::Signature`] for one that does not verify; [`ForkError::Ground`].
pub fn signers_vouched(
    document: &Document,
    number: usize,
    keys: &[Key],
    grounds: &[Ground],
    policy: Option<&Policy>,
) -> Result<Vec<Signer>, ForkError> {
    let mut signers = signers_of(document, keys, number)?;
    let vouched = vouched(&document.claim.ledger, keys, grounds, policy)?;
    signers.iter_mut().for_each(|signer| signer.ask(&vouched));
    Ok(signers)
}

fn signers_of(document: &Document, keys: &[Key], number: usize) -> Result<Vec<Signer>, ForkError> {
    let mut signers: Vec<Signer> = Vec::new();
    for line in &document.note.signatures {
        for key in keys.iter().filter(|key| key.is_of(line) && document.counts(key)) {
            let seconds = document.verifies(line, key).ok_or_else(|| ForkError::Signature {
                number,
                name: line.name.clone(),
                key: key.key.bytes(),
            })?;
            let signer = Signer { key: key.clone(), seconds, vouched: None };
            if !signers.contains(&signer) {
                signers.push(signer);
            }
        }
    }
    Ok(signers)
}

/// The keys that somebody vouches for.
fn vouched(ledger: &str, keys: &[Key], grounds: &[Ground], policy: Option<&Policy>) -> Result<Vec<(Key, Vouched)>, ForkError> {
    let mut vouched: Vec<(Key, Vouched)> = policy.map_or(Vec::new(), |policy| {
        let logs = policy.log_keys(ledger).map(|key| Key::signs(ledger, key.clone()));
        let witnesses = policy.witness_keys().map(|(name, key)| Key::cosigns(name, key.clone()));
        logs.chain(witnesses).map(|key| (key, Vouched::Policy)).collect()
    });
    let mut logged = Vec::new();
    for (at, ground) in grounds.iter().enumerate() {
        let wrong = |why| ForkError::Ground { number: at + 1, why };
        match ground.receipt.as_ref() {
            None if is_founding_of(&ground.note, ledger) => {
                vouched.extend(made_known(&ground.note).into_iter().map(|key| (key, Vouched::Founding)));
            }
            None => return Err(wrong("not the founding that this ledger's id names, and without receipt")),
            Some(receipt) => {
                if !is_act_of(&ground.note, ledger) {
                    return Err(wrong("makes no key of this ledger known"));
                }
                let note = ground.note.encode();
                let under: Vec<&Key> = (keys.iter())
                    .filter(|key| key.name == ledger && key.signature_type == TYPE_ED25519)
                    .filter(|key| receipt.verify(note.as_bytes(), ledger, &key.key).is_ok())
                    .collect();
                if under.is_empty() {
                    return Err(wrong("its receipt does not verify under a key of the ledger that the proof brings"));
                }
                logged.push((receipt.index, under, made_known(&ground.note)));
            }
        }
    }
    // Each round vouches for at least one more ground, or is the last.
    loop {
        let (good, rest): (Vec<_>, Vec<_>) =
            logged.into_iter().partition(|(_, under, _)| under.iter().any(|key| vouched.iter().any(|(known, _)| known == *key)));
        if good.is_empty() {
            return Ok(vouched);
        }
        vouched.extend(good.into_iter().flat_map(|(index, _, keys)| keys.into_iter().map(move |key| (key, Vouched::Entry(index)))));
        logged = rest;
    }
}

fn is_checkpoint_of(receipt: &Receipt, key: &Key) -> bool {
    let note = &receipt.checkpoint;
    note.signatures.iter().any(|line| is_signed_by(&note.text, line, &key.name, &key.key))
}

fn is_founding_of(note: &Note, ledger: &str) -> bool {
    match Statement::parse(&note.text) {
        Ok(Statement::Founding(founding)) => {
            ledger_id(&founding.origin, &statement_hash(&note.text)).is_some_and(|id| id.as_str() == ledger)
        }
        _ => false,
    }
}

fn is_act_of(note: &Note, ledger: &str) -> bool {
    matches!(Statement::parse(&note.text), Ok(Statement::Act { ledger: named, .. }) if named.as_str() == ledger)
        && !made_known(note).is_empty()
}

/// The keys that a statement makes known: of a ledger, its witnesses, persons. None for most acts.
pub fn made_known(note: &Note) -> Vec<Key> {
    let (ledger, constitution, persons) = match Statement::parse(&note.text) {
        Ok(Statement::Founding(founding)) => {
            let ledger = ledger_id(&founding.origin, &statement_hash(&note.text)).map(|id| id.to_string());
            let founders = founding.founders.into_iter().map(|founder| (founder.person, founder.key)).collect();
            (ledger, Some(founding.constitution), founders)
        }
        Ok(Statement::Act { ledger, act, .. }) => match act {
            Act::Amend { constitution, .. } => (Some(ledger.to_string()), Some(constitution), Vec::new()),
            Act::Enrol { person, key, .. } => (None, None, vec![(person, key)]),
            Act::Rotate(new) | Act::Rekey(new) => (None, None, vec![(new.person, new.key)]),
            _ => return Vec::new(),
        },
        Err(_) => return Vec::new(),
    };
    let mut keys: Vec<Key> = Vec::new();
    let mut add = |name: String, bytes: &KeyBytes, make: fn(String, PublicKey) -> Key| {
        keys.extend(PublicKey::decode(bytes).ok().map(|key| make(name, key)));
    };
    if let (Some(ledger), Some(constitution)) = (ledger, constitution) {
        add(ledger, &constitution.checkpoint_key, Key::signs);
        constitution.witnesses.iter().for_each(|witness| add(witness.name.to_string(), &witness.key, Key::cosigns));
    }
    persons.iter().for_each(|(person, key)| add(person.to_string(), key, Key::signs));
    keys
}

#[cfg(test)]
mod tests;
