//! Drafts: statements on their way to their signers, with the checkpoint that they name and proofs that it continues what
//! each signer remembers (format.md section 16).

use crate::checkpoint::{Checkpoint, is_signed_by};
use crate::merkle::verifies_consistency;
use crate::note::{Note, SignatureLine};
use crate::rule::Refusal;
use crate::statement::Statement;
use crate::strict::{PublicKey, SecretKey};
use crate::value::{ChainHead, PersonId, TreeHash, TreeRoot, number};

/// First line of a draft.
pub const DRAFT_KIND: &str = "zeren draft v1";
/// Longest draft, in bytes.
pub const DRAFT_BYTES_MAX: usize = 64 << 20;

/// A consistency proof between two sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The smaller size.
    pub old: u64,
    /// The larger size.
    pub new: u64,
    /// The proof.
    pub proof: Vec<TreeHash>,
}

/// The log that the drafted statements name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftedFrom {
    /// The signed checkpoint.
    pub checkpoint: Note,
    /// Chain head at its size.
    pub chain: ChainHead,
    /// Proofs between its size and those that signers remember.
    pub consistency: Vec<Consistency>,
}

/// A statement and the signatures it has so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftStatement {
    /// The text that is signed.
    pub text: String,
    /// Signatures so far, in the order of the signers.
    pub signatures: Vec<SignatureLine>,
}

/// A file of statements to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The log that they name; a founding names none.
    pub from: Option<DraftedFrom>,
    /// The statements.
    pub statements: Vec<DraftStatement>,
}

/// Why a draft cannot be read or signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// Not a draft.
    #[error("line {line}: expected {expected}")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// A statement that breaks a rule.
    #[error("statement {number} breaks a rule: {refusal}")]
    Statement {
        /// Which, from 1.
        number: usize,
        /// The rule.
        refusal: Refusal,
    },
    /// The person is not among the signers.
    #[error("statement {number} names no signer {person}")]
    NotASigner {
        /// Which, from 1.
        number: usize,
        /// Who would sign.
        person: String,
    },
    /// The draft's checkpoint is not the ledger's.
    #[error("the draft's checkpoint is not signed by the ledger's key that you trust")]
    OtherKey,
    /// A statement names another checkpoint than the draft brings.
    #[error("statement {number} does not name the checkpoint that the draft brings")]
    OtherSeen {
        /// Which, from 1.
        number: usize,
    },
    /// The draft's history is not the one that this signer saw.
    #[error(
        "the draft's checkpoint (size {drafted}) and the one that you saw (size {remembered}) are of two different histories: sign nothing, keep this file, tell the auditors"
    )]
    OtherHistory {
        /// Size of the checkpoint remembered.
        remembered: u64,
        /// Size of the draft's.
        drafted: u64,
    },
    /// No proof in the draft fits what this signer remembers.
    #[error(
        "the draft brings no proof between size {remembered}, which you saw, and size {drafted}: ask for it with `zeren draft --remembered {remembered}`"
    )]
    ProofMissing {
        /// Size of the checkpoint remembered.
        remembered: u64,
        /// Size of the draft's.
        drafted: u64,
    },
}

/// What a signer remembers of a ledger: its key, and the largest checkpoint seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The ledger's id.
    pub origin: String,
    /// Its checkpoint key.
    pub key: PublicKey,
    /// Size and root seen last, if any.
    pub seen: Option<(u64, TreeRoot)>,
}

impl Memory {
    /// Checks that a draft's checkpoint and the one remembered are prefixes of one history, whichever is older, and that its
    /// statements name that checkpoint. Gives what is to be remembered now.
    ///
    /// # Errors
    /// See [`DraftError`]; nothing may be signed then.
    pub fn follow(&self, draft: &Draft) -> Result<Memory, DraftError> {
        let Some(from) = &draft.from else { return Ok(self.clone()) };
        let checkpoint =
            Checkpoint::parse(&from.checkpoint.text).filter(|checkpoint| checkpoint.origin == self.origin).ok_or(DraftError::OtherKey)?;
        if !from.checkpoint.signatures.iter().any(|line| is_signed_by(&from.checkpoint.text, line, &self.origin, &self.key)) {
            return Err(DraftError::OtherKey);
        }
        self.judge_history(&checkpoint, from)?;
        for (at, statement) in draft.statements.iter().enumerate() {
            judge_seen(&statement.text, &checkpoint, from.chain, at + 1)?;
        }
        let seen = match self.seen {
            Some(seen) if seen.0 > checkpoint.size => seen,
            _ => (checkpoint.size, checkpoint.root),
        };
        Ok(Memory { seen: Some(seen), ..self.clone() })
    }

    fn judge_history(&self, checkpoint: &Checkpoint, from: &DraftedFrom) -> Result<(), DraftError> {
        let Some((size, root)) = self.seen else { return Ok(()) };
        let (remembered, drafted) = (size, checkpoint.size);
        let other_history = DraftError::OtherHistory { remembered, drafted };
        if size == checkpoint.size {
            return if root == checkpoint.root { Ok(()) } else { Err(other_history) };
        }
        let ((old, old_root), (new, new_root)) = if size < checkpoint.size {
            ((size, root), (checkpoint.size, checkpoint.root))
        } else {
            ((checkpoint.size, checkpoint.root), (size, root))
        };
        let proof = from.consistency.iter().find(|proof| (proof.old, proof.new) == (old, new));
        let proof = proof.ok_or(DraftError::ProofMissing { remembered, drafted })?;
        if verifies_consistency(old, &old_root, new, &new_root, &proof.proof) { Ok(()) } else { Err(other_history) }
    }
}

fn judge_seen(text: &str, checkpoint: &Checkpoint, chain: ChainHead, number: usize) -> Result<(), DraftError> {
    match Statement::parse(text).map_err(|refusal| DraftError::Statement { number, refusal })? {
        Statement::Act { header, .. }
            if header.seen.size == checkpoint.size && header.seen.root == checkpoint.root && header.seen.chain == chain =>
        {
            Ok(())
        }
        _ => Err(DraftError::OtherSeen { number }),
    }
}

impl Draft {
    /// Reads a draft.
    ///
    /// # Errors
    /// [`DraftError::Malformed`], [`DraftError::Statement`].
    pub fn parse(bytes: &[u8]) -> Result<Draft, DraftError> {
        let malformed = |line, expected| DraftError::Malformed { line, expected };
        let text = core::str::from_utf8(bytes).map_err(|_| malformed(1, "UTF-8"))?;
        let body = text
            .strip_suffix('\n')
            .filter(|_| bytes.len() <= DRAFT_BYTES_MAX)
            .ok_or(malformed(1, "a draft of at most 64 MiB that ends in a line break"))?;
        let mut lines = DraftLines { lines: body.split('\n').collect(), next: 0 };
        if lines.take() != Some(DRAFT_KIND) {
            return Err(malformed(1, "`zeren draft v1`"));
        }
        let from = lines.read_from()?;
        let mut statements = Vec::new();
        while let Some(line) = lines.take() {
            let count =
                line.strip_prefix("statement ").and_then(number).ok_or(malformed(lines.next, "`statement` and its number of lines"))?;
            let text = lines.block(count)?;
            Statement::parse(&text).map_err(|refusal| DraftError::Statement { number: statements.len() + 1, refusal })?;
            let signatures = lines
                .take()
                .and_then(|line| number(line.strip_prefix("signatures ")?))
                .ok_or(malformed(lines.next, "`signatures` and their number"))?;
            let signatures = lines.many(signatures, "a signature line", SignatureLine::parse)?;
            statements.push(DraftStatement { text, signatures });
        }
        if statements.is_empty() {
            return Err(malformed(lines.next + 1, "at least one statement"));
        }
        Ok(Draft { from, statements })
    }

    /// The draft's bytes.
    pub fn encode(&self) -> String {
        let mut out = format!("{DRAFT_KIND}\n");
        if let Some(from) = &self.from {
            let note = from.checkpoint.encode();
            out.push_str(&format!("checkpoint {}\n{note}chain {}\n", note.matches('\n').count(), from.chain));
            for proof in &from.consistency {
                out.push_str(&format!("consistency {} {} {}\n", proof.old, proof.new, proof.proof.len()));
                proof.proof.iter().for_each(|hash| out.push_str(&format!("{hash}\n")));
            }
        }
        for statement in &self.statements {
            out.push_str(&format!(
                "statement {}\n{}signatures {}\n",
                statement.text.matches('\n').count(),
                statement.text,
                statement.signatures.len()
            ));
            statement.signatures.iter().for_each(|line| out.push_str(&format!("{}\n", line.encode())));
        }
        out
    }

    /// Signs every statement as this person, in the person's place among the signers.
    ///
    /// # Errors
    /// [`DraftError::NotASigner`], [`DraftError::Statement`].
    pub fn sign(&mut self, person: &PersonId, key: &SecretKey) -> Result<(), DraftError> {
        for (at, draft) in self.statements.iter_mut().enumerate() {
            let statement = Statement::parse(&draft.text).map_err(|refusal| DraftError::Statement { number: at + 1, refusal })?;
            let order: Vec<&str> = statement.signers().iter().map(|signer| signer.as_str()).collect();
            if !order.contains(&person.as_str()) {
                return Err(DraftError::NotASigner { number: at + 1, person: person.to_string() });
            }
            draft.signatures.retain(|line| line.name != person.as_str());
            draft.signatures.push(SignatureLine::ed25519(person.as_str(), &key.public(), &key.sign(draft.text.as_bytes())));
            draft.signatures.sort_by_key(|line| order.iter().position(|name| *name == line.name));
        }
        Ok(())
    }
}

impl DraftStatement {
    /// The signers whose signatures are still wanting.
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub fn wanting(&self) -> Result<Vec<PersonId>, Refusal> {
        let statement = Statement::parse(&self.text)?;
        let has_signed = |person: &&PersonId| self.signatures.iter().any(|line| line.name == person.as_str());
        Ok(statement.signers().into_iter().filter(|person| !has_signed(person)).cloned().collect())
    }

    /// The note.
    pub fn note(&self) -> Note {
        Note { text: self.text.clone(), signatures: self.signatures.clone() }
    }
}

struct DraftLines<'a> {
    lines: Vec<&'a str>,
    next: usize,
}

impl<'a> DraftLines<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let line = self.lines.get(self.next).copied();
        self.next += 1;
        line
    }

    fn malformed(&self, expected: &'static str) -> DraftError {
        DraftError::Malformed { line: self.next, expected }
    }

    fn block(&mut self, count: u64) -> Result<String, DraftError> {
        let end = usize::try_from(count).ok().and_then(|count| self.next.checked_add(count));
        let block = end.and_then(|end| self.lines.get(self.next..end)).ok_or_else(|| self.malformed("as many lines as announced"))?;
        self.next += block.len();
        Ok(block.join("\n") + "\n")
    }

    fn many<T>(&mut self, count: u64, expected: &'static str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, DraftError> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(self.take().and_then(&read).ok_or_else(|| self.malformed(expected))?);
        }
        Ok(all)
    }

    fn read_from(&mut self) -> Result<Option<DraftedFrom>, DraftError> {
        let Some(count) = self.lines.get(self.next).and_then(|line| line.strip_prefix("checkpoint ")) else { return Ok(None) };
        let count = number(count).ok_or_else(|| self.malformed("`checkpoint` and its number of lines"))?;
        self.next += 1;
        let note = self.block(count)?;
        let checkpoint = Note::parse(note.as_bytes()).map_err(|_| self.malformed("a checkpoint note"))?;
        let chain = self
            .take()
            .and_then(|line| ChainHead::parse(line.strip_prefix("chain ")?))
            .ok_or_else(|| self.malformed("`chain` and the chain head"))?;
        let mut consistency = Vec::new();
        while let Some(sizes) = self.lines.get(self.next).and_then(|line| line.strip_prefix("consistency ")) {
            self.next += 1;
            let parts: Option<Vec<u64>> = sizes.split(' ').map(number).collect();
            let Some([old, new, count]) = parts.as_deref() else { return Err(self.malformed("old size, new size, number of hashes")) };
            consistency.push(Consistency { old: *old, new: *new, proof: self.many(*count, "a hash", TreeHash::parse)? });
        }
        Ok(Some(DraftedFrom { checkpoint, chain, consistency }))
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::merkle::{empty_root, leaf_hash, node_hash};
    use crate::value::base64;

    fn key(n: u8) -> SecretKey {
        SecretKey::from_seed(&Zeroizing::new([n; 32]))
    }

    const ORIGIN: &str = "demo.county.example/archive/5f0c2a9be41d7703";

    fn roots() -> (TreeRoot, TreeRoot, TreeHash) {
        let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
        (TreeRoot(a.0), TreeRoot(node_hash(&a, &b).0), b)
    }

    fn draft(size: u64, root: TreeRoot, consistency: Vec<Consistency>) -> Draft {
        let hash = base64(&[3; 32]);
        let text = format!(
            "zeren statement v1\nledger {ORIGIN}\nact device\nprocedure none\nby p1 founder - {hash}\nby p2 founder - {hash}\ndevice d1 7\nat 2013-03-11T09:14:05+08:00\nseen {size} {root} {hash}\nenrols d2\nunit 07\n"
        );
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root }.sign(&key(9));
        let from = DraftedFrom { checkpoint, chain: ChainHead([3; 32]), consistency };
        Draft { from: Some(from), statements: vec![DraftStatement { text, signatures: Vec::new() }] }
    }

    fn memory(seen: Option<(u64, TreeRoot)>) -> Memory {
        Memory { origin: ORIGIN.to_owned(), key: key(9).public(), seen }
    }

    #[test]
    fn signers_sign_in_any_order_and_stand_in_theirs() {
        let mut draft = draft(2, roots().1, Vec::new());
        let person = |id| PersonId::parse(id).unwrap();
        draft.sign(&person("p2"), &key(2)).unwrap();
        assert_eq!(draft.statements[0].wanting().unwrap(), [person("p1")]);
        draft.sign(&person("p1"), &key(1)).unwrap();
        draft.sign(&person("p2"), &key(2)).unwrap();
        let names: Vec<&str> = draft.statements[0].signatures.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["p1", "p2"]);
        assert_eq!(Draft::parse(draft.encode().as_bytes()).unwrap(), draft);
        assert!(matches!(draft.sign(&person("p3"), &key(3)), Err(DraftError::NotASigner { .. })));
    }

    #[test]
    fn a_signer_follows_one_history_forwards_and_backwards() {
        let (one, two, b) = roots();
        let proof = vec![Consistency { old: 1, new: 2, proof: vec![b] }];
        assert_eq!(memory(None).follow(&draft(2, two, Vec::new())).unwrap().seen, Some((2, two)));
        assert_eq!(memory(Some((1, one))).follow(&draft(2, two, proof.clone())).unwrap().seen, Some((2, two)));
        // An older draft is good, and what was seen is not forgotten.
        assert_eq!(memory(Some((2, two))).follow(&draft(1, one, proof.clone())).unwrap().seen, Some((2, two)));
        let other = empty_root();
        assert_eq!(
            memory(Some((2, other))).follow(&draft(2, two, proof.clone())),
            Err(DraftError::OtherHistory { remembered: 2, drafted: 2 })
        );
        assert_eq!(
            memory(Some((1, other))).follow(&draft(2, two, proof.clone())),
            Err(DraftError::OtherHistory { remembered: 1, drafted: 2 })
        );
        assert_eq!(memory(Some((2, other))).follow(&draft(1, one, proof)), Err(DraftError::OtherHistory { remembered: 2, drafted: 1 }));
        assert_eq!(memory(Some((1, one))).follow(&draft(2, two, Vec::new())), Err(DraftError::ProofMissing { remembered: 1, drafted: 2 }));
    }

    #[test]
    fn a_draft_must_bring_the_checkpoint_that_its_statements_name() {
        let (one, two, _) = roots();
        let mut wrong_key = memory(None);
        wrong_key.key = key(8).public();
        assert_eq!(wrong_key.follow(&draft(2, two, Vec::new())), Err(DraftError::OtherKey));
        let mut other = draft(2, two, Vec::new());
        other.statements[0].text = draft(1, one, Vec::new()).statements[0].text.clone();
        assert_eq!(memory(None).follow(&other), Err(DraftError::OtherSeen { number: 1 }));
        let mut other = draft(2, two, Vec::new());
        if let Some(from) = &mut other.from {
            from.chain = ChainHead([4; 32]);
        }
        assert_eq!(memory(None).follow(&other), Err(DraftError::OtherSeen { number: 1 }));
    }
}
