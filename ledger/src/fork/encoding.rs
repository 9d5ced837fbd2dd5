//! The file of a fork proof, written and read.

use signer::PublicKey;
use signer::checkpoint::Receipt;
use signer::note::{Note, TYPE_COSIGNATURE, TYPE_ED25519};
use signer::value::{KeyBytes, TreeHash, TreeRoot, number};

use super::{Document, FORK_BYTES_MAX, ForkError, ForkProof, Ground, Key, PARTS_MAX, Prefix};

/// First line of a fork proof.
pub const FORK_KIND: &str = "zeren fork proof v1";
/// Longest part, in lines.
const LINES_MAX: u64 = 20_000;
/// Most hashes of a consistency proof.
const HASHES_MAX: u64 = 63;

impl ForkProof {
    /// The file.
    pub fn encode(&self) -> String {
        let mut out = format!("{FORK_KIND}\n");
        for key in &self.keys {
            out.push_str(&format!("key {} {} {}\n", key.name, key.signature_type, key.key.bytes()));
        }
        for document in &self.documents {
            push_part(&mut out, "document", &document.note.encode());
        }
        if let Some(prefix) = &self.prefix {
            out.push_str(&format!("prefix {} {}\n", prefix.root, prefix.proof.len()));
            prefix.proof.iter().for_each(|hash| out.push_str(&format!("{hash}\n")));
        }
        for ground in &self.grounds {
            push_part(&mut out, "ground", &ground.note.encode());
            push_part(&mut out, "receipt", &ground.receipt.as_ref().map(Receipt::encode).unwrap_or_default());
        }
        out
    }

    /// Whether these bytes begin as a fork proof does.
    #[must_use]
    pub fn is_begun_by(bytes: &[u8]) -> bool {
        bytes.strip_prefix(FORK_KIND.as_bytes()).is_some_and(|rest| rest.starts_with(b"\n"))
    }

    /// Reads a file; nothing is verified.
    ///
    /// # Errors
    /// [`ForkError::Malformed`], [`ForkError::Document`].
    pub fn parse(bytes: &[u8]) -> Result<ForkProof, ForkError> {
        let malformed = |line, expected| ForkError::Malformed { line, expected };
        let text = core::str::from_utf8(bytes).map_err(|_| malformed(1, "UTF-8"))?;
        let body = text.strip_suffix('\n').filter(|_| bytes.len() <= FORK_BYTES_MAX);
        let body = body.ok_or(malformed(1, "a fork proof of at most 4 MiB that ends in a line break"))?;
        let mut lines = Lines { lines: body.split('\n').collect(), next: 0 };
        if lines.take() != Some(FORK_KIND) {
            return Err(malformed(1, "`zeren fork proof v1`"));
        }
        let mut keys = Vec::new();
        while let Some(rest) = lines.take_after("key ") {
            keys.push(read_key(rest).filter(|_| keys.len() < PARTS_MAX).ok_or(malformed(lines.next, "`key`, name, 1 or 4, and key"))?);
        }
        if keys.is_empty() {
            return Err(malformed(lines.next + 1, "a `key` line"));
        }
        let documents = [lines.document(1)?, lines.document(2)?];
        let prefix = match lines.take_after("prefix ") {
            Some(rest) => Some(lines.prefix(rest)?),
            None => None,
        };
        let mut grounds = Vec::new();
        while lines.next < lines.lines.len() {
            grounds.push(lines.ground()?);
            if grounds.len() > PARTS_MAX {
                return Err(malformed(lines.next, "at most 128 grounds"));
            }
        }
        Ok(ForkProof { keys, documents, prefix, grounds })
    }
}

fn push_part(out: &mut String, name: &str, text: &str) {
    out.push_str(&format!("{name} {}\n{text}", text.matches('\n').count()));
}

fn read_key(rest: &str) -> Option<Key> {
    let words: Vec<&str> = rest.split(' ').collect();
    let [name, signature_type, key] = words[..] else { return None };
    let signature_type = match signature_type {
        "1" => TYPE_ED25519,
        "4" => TYPE_COSIGNATURE,
        _ => return None,
    };
    let is_named = !name.is_empty() && !name.contains('+') && !name.contains(char::is_whitespace);
    let key = PublicKey::decode(&KeyBytes::parse(key)?).ok()?;
    is_named.then(|| Key { name: name.to_owned(), signature_type, key })
}

struct Lines<'a> {
    lines: Vec<&'a str>,
    next: usize,
}

impl<'a> Lines<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let line = self.lines.get(self.next).copied()?;
        self.next += 1;
        Some(line)
    }

    /// What follows `name` on the next line, if the line begins with it.
    fn take_after(&mut self, name: &str) -> Option<&'a str> {
        let rest = self.lines.get(self.next)?.strip_prefix(name)?;
        self.next += 1;
        Some(rest)
    }

    fn part(&mut self, name: &str, expected: &'static str) -> Result<String, ForkError> {
        let malformed = |line| ForkError::Malformed { line, expected };
        let count = self.take_after(name).and_then(number).filter(|count| *count <= LINES_MAX).ok_or(malformed(self.next + 1))?;
        let lines: Option<String> = (0..count).map(|_| self.take().map(|line| format!("{line}\n"))).collect();
        lines.ok_or(malformed(self.next))
    }

    fn document(&mut self, number: usize) -> Result<Document, ForkError> {
        let text = self.part("document ", "`document` and its number of lines")?;
        Document::parse(text.as_bytes()).map_err(|source| ForkError::Document { number, source })
    }

    fn prefix(&mut self, rest: &str) -> Result<Prefix, ForkError> {
        let malformed = |line| ForkError::Malformed { line, expected: "`prefix`, a root, the number of hashes, and these" };
        let (root, count) = rest.split_once(' ').ok_or(malformed(self.next))?;
        let root = TreeRoot::parse(root).ok_or(malformed(self.next))?;
        let count = number(count).filter(|count| *count <= HASHES_MAX).ok_or(malformed(self.next))?;
        let proof: Option<Vec<TreeHash>> = (0..count).map(|_| self.take().and_then(TreeHash::parse)).collect();
        Ok(Prefix { root, proof: proof.ok_or(malformed(self.next))? })
    }

    fn ground(&mut self) -> Result<Ground, ForkError> {
        let malformed = |line, expected| ForkError::Malformed { line, expected };
        let note = self.part("ground ", "`ground` and its number of lines")?;
        let note = Note::parse(note.as_bytes()).map_err(|_| malformed(self.next, "a note"))?;
        let receipt = self.part("receipt ", "`receipt` and its number of lines")?;
        let receipt =
            if receipt.is_empty() { None } else { Some(Receipt::parse(receipt.as_bytes()).ok_or(malformed(self.next, "a receipt"))?) };
        Ok(Ground { note, receipt })
    }
}
