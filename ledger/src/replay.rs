//! Reading the log again: entries in chunks, hashed, parsed and checked on all cores, ahead of their turn. `Ledger::open` and
//! the audit share it. What they admitted is handed out again, in order, to whoever makes views of it: [`AdmittedEntry`].

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;

use signer::rule::{Refusal, Rule};
use signer::value::{ChainHead, LedgerId, UnixMs};

use crate::check::{KeyRing, Parsed, Verified, parse, trust, verify_parsed};
use crate::entry::{Entry, SealedEntry};
use crate::error::LedgerError;
use crate::history::History;
use crate::parallel::{grouped, map_all};
use crate::segment::{EntryReader, Segments};
use crate::storage::Storage;

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
    map_all(grouped(chunk), |group| check_group(group, ring)).into_iter().flatten().collect()
}

fn check_group(group: Vec<Read>, ring: &KeyRing) -> Vec<Checked> {
    let (places, parsed): (Vec<_>, Vec<_>) = group.into_iter().map(|read| ((read.sealed, read.head), read.parsed)).unzip();
    let checked = |((sealed, head), verified)| Checked { sealed, head, verified };
    places.into_iter().zip(verify_parsed(parsed, ring)).map(checked).collect()
}

/// An entry that was admitted.
#[derive(Clone, Copy, Debug)]
pub struct AdmittedEntry<'a> {
    /// Its place in the log.
    pub index: u64,
    /// When the ledger received it.
    pub received: UnixMs,
    /// What it says, and the keys that signed it.
    pub verified: &'a Verified,
    /// Rules that only warn and that it broke, as admission judged it.
    pub warnings: &'a [Refusal],
}

/// What is known of a log whose entries were all admitted, and where they lie.
pub(crate) struct Admitted<'a> {
    pub storage: &'a dyn Storage,
    pub segments: &'a Segments,
    pub history: &'a History,
    /// Number of entries that are shown: in an open ledger those that are durable.
    pub size: u64,
    /// Rules that only warn, by the entry that broke them.
    pub warnings: &'a BTreeMap<u64, Vec<Refusal>>,
    /// The keys of the whole log. No pair of name and key id is given twice, so they are right for every entry.
    pub ring: &'a KeyRing,
}

impl Admitted<'_> {
    /// Shows every entry from one on, in order, until there are no more or `visit` breaks.
    ///
    /// Signatures are not verified again: what is shown has the chain head that it had when it was admitted, so it is the same bytes.
    pub fn visit(&self, from: u64, visit: &mut dyn FnMut(&AdmittedEntry<'_>) -> ControlFlow<()>) -> Result<(), LedgerError> {
        let size = self.size;
        let reading = |source| LedgerError::Storage { step: "reading entries again", source };
        let mut reader = self.segments.reader(self.storage, from).map_err(reading)?;
        let mut index = from;
        while index < size {
            let chunk = read_chunk(&mut reader, self.ring.ledger(), size - index).map_err(reading)?;
            if chunk.is_empty() {
                let refusal = Refusal::new(Rule::EntriesMissing, format!("{size} entries"), index.to_string());
                return Err(LedgerError::Damaged { index, refusal });
            }
            let trusted = map_all(chunk, |read| (read.sealed.chain, read.head, read.parsed.and_then(|parsed| trust(parsed, self.ring))));
            for (chain, head, verified) in trusted {
                let damaged = |refusal| LedgerError::Damaged { index, refusal };
                if self.history.chain_at(index + 1) != Some(chain) {
                    return Err(damaged(Refusal::new(
                        Rule::Chain,
                        "the entry that was admitted",
                        format!("another, of chain head {chain}"),
                    )));
                }
                let (_, received) = head.map_err(damaged)?;
                let verified = verified.map_err(damaged)?;
                let warnings = self.warnings.get(&index).map_or(&[][..], Vec::as_slice);
                if visit(&AdmittedEntry { index, received, verified: &verified, warnings }).is_break() {
                    return Ok(());
                }
                index += 1;
            }
        }
        Ok(())
    }
}
