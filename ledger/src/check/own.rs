//! Notes that the ledger alone writes, each with the one signature of its checkpoint key: index entries (format.md section
//! 5.17) and epoch entries (5.18).

use signer::PublicKey;
use signer::epoch_note::{EPOCH_KIND, EpochNote};
use signer::index_note::{INDEX_KIND, IndexNote};
use signer::note::{Note, SignatureLine};
use signer::rule::{Refusal, Rule};
use signer::value::LedgerId;

use super::{KeyRing, ParsedContent, judge_ledger};

/// An index entry's note.
#[derive(Clone, Debug)]
pub struct Index {
    /// What it says.
    pub note: IndexNote,
    /// The checkpoint key that signed.
    pub key: PublicKey,
}

/// An epoch entry's note.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// What it says.
    pub note: EpochNote,
    /// The checkpoint key that signed.
    pub key: PublicKey,
}

/// Reads a note whose first line is that of one of these; nothing for any other.
pub(super) fn parse(note: &Note, first_line: &str) -> Option<Result<ParsedContent, Refusal>> {
    let refused = |rule, expected: &str| Refusal::new(rule, expected, note.text.replace('\n', " / "));
    Some(match first_line {
        INDEX_KIND => IndexNote::parse(&note.text)
            .filter(|index| is_own(note, &index.ledger))
            .map(ParsedContent::Index)
            .ok_or_else(|| refused(Rule::IndexFormat, "ledger, cases, keys and refusals, then one signature")),
        EPOCH_KIND => EpochNote::parse(&note.text)
            .filter(|epoch| is_own(note, &epoch.ledger))
            .map(ParsedContent::Epoch)
            .ok_or_else(|| refused(Rule::EpochFormat, "ledger, epoch from 1 and node, then one signature")),
        _ => return None,
    })
}

/// Whether the note has one signature line, of the length of a signature and named as the ledger that the text names.
fn is_own(note: &Note, ledger: &LedgerId) -> bool {
    match &note.signatures[..] {
        [line] => line.name == ledger.as_str() && line.payload.len() == 64,
        _ => false,
    }
}

/// Reads the signature of an index note; the closure says which is accepted.
pub(super) fn read_index(
    note: &Note,
    index: IndexNote,
    ring: &KeyRing,
    accepts: impl Fn(&SignatureLine, &str, &PublicKey) -> bool,
) -> Result<Index, Refusal> {
    judge_ledger(&index.ledger, ring)?;
    let key = signer(note, &index.ledger, ring, Rule::IndexSignature, accepts)?;
    Ok(Index { note: index, key })
}

/// Reads the node's key and the signature of an epoch note; the closure says which is accepted.
pub(super) fn read_epoch(
    note: &Note,
    epoch: EpochNote,
    ring: &KeyRing,
    accepts: impl Fn(&SignatureLine, &str, &PublicKey) -> bool,
) -> Result<Epoch, Refusal> {
    judge_ledger(&epoch.ledger, ring)?;
    PublicKey::decode(&epoch.key)?;
    let key = signer(note, &epoch.ledger, ring, Rule::EpochSignature, accepts)?;
    Ok(Epoch { note: epoch, key })
}

/// The checkpoint key, of those named so far, that signed.
fn signer(
    note: &Note,
    ledger: &LedgerId,
    ring: &KeyRing,
    rule: Rule,
    accepts: impl Fn(&SignatureLine, &str, &PublicKey) -> bool,
) -> Result<PublicKey, Refusal> {
    let line = &note.signatures[0];
    let key = ring.checkpoint_keys.named(line.key_id).find(|key| accepts(line, ledger.as_str(), key)).cloned();
    key.ok_or_else(|| Refusal::new(rule, "a signature by the ledger's checkpoint key", line.encode()))
}
