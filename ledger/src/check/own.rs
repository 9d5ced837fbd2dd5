//! Notes that the ledger alone writes, each with the one signature of its checkpoint key: index entries (format.md section
//! 5.17), epoch entries (5.18) and anchor entries (5.19).

use signer::PublicKey;
use signer::anchor_note::{ANCHOR_KIND, AnchorNote};
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

/// An anchor entry's note.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// What it says.
    pub note: AnchorNote,
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
        ANCHOR_KIND => AnchorNote::parse(&note.text)
            .filter(|anchor| is_own(note, &anchor.ledger))
            .map(ParsedContent::Anchor)
            .ok_or_else(|| refused(Rule::AnchorFormat, "ledger, anchored, key and signature, then one signature")),
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

/// Reads the key and both signatures of an anchor note; the closures say which of the ledger's own is accepted, and whether the
/// anchored checkpoint's is.
pub(super) fn read_anchor(
    note: &Note,
    anchor: AnchorNote,
    ring: &KeyRing,
    accepts: impl Fn(&SignatureLine, &str, &PublicKey) -> bool,
    accepts_anchored: impl Fn(&AnchorNote, &PublicKey) -> bool,
) -> Result<Anchor, Refusal> {
    judge_ledger(&anchor.ledger, ring)?;
    let anchored_by = PublicKey::decode(&anchor.key)?;
    let key = signer(note, &anchor.ledger, ring, Rule::AnchorSignature, accepts)?;
    if !accepts_anchored(&anchor, &anchored_by) {
        let expected = format!("a signature by {} of the checkpoint of {} at size {}", anchor.key, anchor.anchored, anchor.size);
        return Err(Refusal::new(Rule::AnchorSignature, expected, "a `signature` line that does not verify"));
    }
    Ok(Anchor { note: anchor, key })
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
