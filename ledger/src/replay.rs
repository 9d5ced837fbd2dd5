//! Reading the log again: entries in chunks, hashed, parsed and checked on all cores, ahead of their turn. `Ledger::open` and
//! the audit share it.

use std::io;

use signer::rule::Refusal;
use signer::value::{ChainHead, LedgerId, UnixMs};

use crate::check::{KeyRing, Parsed, Verified, parse, verify};
use crate::entry::{Entry, SealedEntry};
use crate::segment::EntryReader;

/// Entries of a chunk: enough to keep the cores busy, little enough to forget.
pub(crate) const CHUNK_ENTRIES: usize = 2_048;

/// An entry read again.
pub(crate) struct Read {
    /// Bytes, leaf hash, chain head.
    pub sealed: SealedEntry,
    /// What its first two lines say, or why they say nothing.
    pub head: Result<(ChainHead, UnixMs), Refusal>,
    /// The note read, or the rule that it breaks.
    pub parsed: Result<Parsed, Refusal>,
}

impl Read {
    fn of(bytes: Vec<u8>, ledger: Option<&LedgerId>) -> Read {
        let (head, parsed) = match Entry::parse(&bytes) {
            Ok(entry) => (Ok((entry.previous, entry.received)), parse(entry.note, ledger)),
            Err(refusal) => (Err(refusal.clone()), Err(refusal)),
        };
        Read { head, parsed, sealed: SealedEntry::of(bytes) }
    }

    /// The note's bytes.
    pub fn note(&self) -> &[u8] {
        Entry::parse(&self.sealed.bytes).map_or(&[], |entry| entry.note)
    }
}

/// The next chunk of at most `CHUNK_ENTRIES` and `most` entries; empty at the end.
pub(crate) fn read_chunk(reader: &mut EntryReader<'_>, ledger: Option<&LedgerId>, most: u64) -> io::Result<Vec<Read>> {
    let mut entries = Vec::new();
    while (entries.len() as u64) < most.min(CHUNK_ENTRIES as u64) {
        match reader.next_entry()? {
            Some(bytes) => entries.push(bytes),
            None => break,
        }
    }
    Ok(map_all(entries, |bytes| Read::of(bytes, ledger)))
}

/// A chunk whose signatures were checked with the keys of all entries so far, admitted or not.
pub(crate) struct Checked {
    pub sealed: SealedEntry,
    pub head: Result<(ChainHead, UnixMs), Refusal>,
    pub verified: Result<Verified, Refusal>,
}

/// Learns the keys that a chunk brings, then checks it on all cores.
pub(crate) fn check_chunk(chunk: Vec<Read>, candidates: &mut KeyRing) -> Vec<Checked> {
    for read in &chunk {
        if let Some(statement) = read.parsed.as_ref().ok().and_then(Parsed::statement) {
            candidates.learn(statement);
        }
    }
    let ring = &*candidates;
    map_all(chunk, |read| Checked { sealed: read.sealed, head: read.head, verified: read.parsed.and_then(|parsed| verify(parsed, ring)) })
}

/// Maps on all cores, order kept.
#[cfg(feature = "parallel")]
pub(crate) fn map_all<T: Send, U: Send>(all: Vec<T>, map: impl Fn(T) -> U + Sync + Send) -> Vec<U> {
    use rayon::prelude::*;
    all.into_par_iter().with_min_len(16).map(map).collect()
}

/// Maps on the one core there is.
#[cfg(not(feature = "parallel"))]
pub(crate) fn map_all<T, U>(all: Vec<T>, map: impl Fn(T) -> U) -> Vec<U> {
    all.into_iter().map(map).collect()
}

/// Does two things at once.
#[cfg(feature = "parallel")]
pub(crate) fn both<A: Send, B: Send>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B + Send) -> (A, B) {
    rayon::join(one, other)
}

/// Does two things in turn.
#[cfg(not(feature = "parallel"))]
pub(crate) fn both<A, B>(one: impl FnOnce() -> A, other: impl FnOnce() -> B) -> (A, B) {
    (one(), other())
}
