//! Entries: chain link, time of receipt, note (format.md section 6).

use signer::checkpoint::chain_head;
use signer::merkle::leaf_hash;
use signer::rule::{Refusal, Rule};
use signer::value::{ChainHead, TreeHash, UnixMs, number};

/// Longest entry, in bytes: an entry bundle's length prefix has two.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// An entry read from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// SM3 of the entry before.
    pub previous: ChainHead,
    /// When the ledger received the note.
    pub received: UnixMs,
    /// The note, byte for byte as it was submitted.
    pub note: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Reads an entry, or says that it is none.
    pub fn parse(bytes: &'a [u8]) -> Result<Entry<'a>, Refusal> {
        let refuse = |found: &str| Refusal::new(Rule::EntryFormat, "`previous` and `received` lines, then a note", found);
        let (previous, rest) = line(bytes, "previous ").ok_or_else(|| refuse("no `previous` line"))?;
        let (received, note) = line(rest, "received ").ok_or_else(|| refuse("no `received` line"))?;
        let previous = ChainHead::parse(previous).ok_or_else(|| refuse(previous))?;
        let received = number(received).map(|ms| UnixMs(ms as i64)).filter(|ms| *ms <= UnixMs::MAX).ok_or_else(|| refuse(received))?;
        Ok(Entry { previous, received, note })
    }
}

fn line<'a>(bytes: &'a [u8], key: &str) -> Option<(&'a str, &'a [u8])> {
    /// The longest value is a hash of 44 characters.
    const VALUE_BYTES_MAX: usize = 44;
    let rest = bytes.strip_prefix(key.as_bytes())?;
    let end = rest.iter().take(VALUE_BYTES_MAX + 1).position(|b| *b == b'\n')?;
    Some((core::str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]))
}

/// The first two lines of an entry.
pub fn entry_head(previous: ChainHead, received: UnixMs) -> String {
    format!("previous {previous}\nreceived {}\n", received.0)
}

/// An entry's bytes with what is derived from them.
#[derive(Clone, Debug)]
pub struct SealedEntry {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// RFC 6962 hash of them.
    pub leaf: TreeHash,
    /// SM3 of them.
    pub chain: ChainHead,
}

impl SealedEntry {
    /// Makes the entry that follows `previous`.
    pub fn new(previous: ChainHead, received: UnixMs, note: &[u8]) -> SealedEntry {
        let bytes = [entry_head(previous, received).as_bytes(), note].concat();
        SealedEntry::of(bytes)
    }

    /// Hashes the bytes of an entry.
    pub fn of(bytes: Vec<u8>) -> SealedEntry {
        SealedEntry { leaf: leaf_hash(&bytes), chain: chain_head(&bytes), bytes }
    }
}
