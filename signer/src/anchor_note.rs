//! Anchor entries: another ledger's signed checkpoint, kept in this one (format.md section 5.19).

use crate::checkpoint::Checkpoint;
use crate::note::{Note, SignatureLine};
use crate::strict::{PublicKey, SecretKey, Signature};
use crate::value::{KeyBytes, LedgerId, TreeRoot, base64, from_base64_array, number};

/// First line of every anchor note.
pub const ANCHOR_KIND: &str = "zeren anchor v1";

/// The text of an anchor entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorNote {
    /// The ledger that keeps it.
    pub ledger: LedgerId,
    /// The ledger whose checkpoint it is.
    pub anchored: LedgerId,
    /// Size of that ledger, at least 1.
    pub size: u64,
    /// Its root at that size.
    pub root: TreeRoot,
    /// The key that signed the checkpoint, not yet known to be a proper key.
    pub key: KeyBytes,
    /// Its signature.
    pub signature: Signature,
}

impl AnchorNote {
    /// From the text, which has exactly five lines.
    pub fn parse(text: &str) -> Option<AnchorNote> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        lines.next().filter(|line| *line == ANCHOR_KIND)?;
        let ledger = LedgerId::parse(lines.next()?.strip_prefix("ledger ")?)?;
        let mut anchored = lines.next()?.strip_prefix("anchored ")?.split(' ');
        let note = AnchorNote {
            ledger,
            anchored: LedgerId::parse(anchored.next()?)?,
            size: number(anchored.next()?).filter(|size| *size > 0)?,
            root: TreeRoot::parse(anchored.next()?)?,
            key: KeyBytes::parse(lines.next()?.strip_prefix("key ")?)?,
            signature: Signature(from_base64_array(lines.next()?.strip_prefix("signature ")?)?),
        };
        (anchored.next().is_none() && lines.next().is_none()).then_some(note)
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        let AnchorNote { ledger, anchored, size, root, key, signature } = self;
        let signature = base64(&signature.0);
        format!("{ANCHOR_KIND}\nledger {ledger}\nanchored {anchored} {size} {root}\nkey {key}\nsignature {signature}\n")
    }

    /// The checkpoint that is anchored.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.anchored.to_string(), size: self.size, root: self.root }
    }

    /// The same as its ledger signed it; nothing where the `key` line is no proper key.
    pub fn signed_checkpoint(&self) -> Option<Note> {
        let (key, text) = (PublicKey::decode(&self.key).ok()?, self.checkpoint().text());
        Some(Note { signatures: vec![SignatureLine::ed25519(self.anchored.as_str(), &key, &self.signature)], text })
    }

    /// Whether the signature is `key`'s over the anchored checkpoint. The `key` line is the caller's to decode.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verifies(self.checkpoint().text().as_bytes(), &self.signature)
    }

    /// Signed with the checkpoint key of the ledger that keeps it.
    pub fn sign(&self, key: &SecretKey) -> Note {
        Note::signed(self.text(), self.ledger.as_str(), key)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::checkpoint::is_signed_by;

    fn anchor() -> AnchorNote {
        let id = |text| LedgerId::parse(text).unwrap();
        let county = SecretKey::from_seed(&Zeroizing::new([9; 32]));
        let mut anchor = AnchorNote {
            ledger: id("demo.province.example/roll/5f0c2a9be41d7703"),
            anchored: id("demo.county.example/archive/9936db9822455a74"),
            size: 17,
            root: TreeRoot([1; 32]),
            key: county.public().bytes(),
            signature: Signature([0; 64]),
        };
        anchor.signature = county.sign(anchor.checkpoint().text().as_bytes());
        anchor
    }

    #[test]
    fn an_anchor_note_reads_as_it_was_written() {
        let text = anchor().text();
        assert_eq!(AnchorNote::parse(&text), Some(anchor()));
        let key = SecretKey::from_seed(&Zeroizing::new([7; 32]));
        let note = Note::parse(anchor().sign(&key).encode().as_bytes()).unwrap();
        assert_eq!(note.text, text);
        assert!(is_signed_by(&note.text, &note.signatures[0], anchor().ledger.as_str(), &key.public()));
    }

    #[test]
    fn the_anchored_signature_is_over_the_other_ledgers_checkpoint() {
        let key = PublicKey::decode(&anchor().key).unwrap();
        assert!(anchor().is_signed_by(&key));
        assert!(!AnchorNote { size: 18, ..anchor() }.is_signed_by(&key));
        assert!(!AnchorNote { anchored: anchor().ledger, ..anchor() }.is_signed_by(&key));
        let checkpoint = anchor().signed_checkpoint().unwrap();
        assert!(is_signed_by(&checkpoint.text, &checkpoint.signatures[0], anchor().anchored.as_str(), &key));
        assert!(AnchorNote { key: KeyBytes([0; 32]), ..anchor() }.signed_checkpoint().is_none());
    }

    #[test]
    fn anything_else_is_no_anchor_note() {
        let text = anchor().text();
        let changed = [
            ("v1", "v2"),
            ("74 17 ", "74 017 "),
            ("74 17 ", "74 0 "),
            ("74 17 ", "74  17 "),
            ("74 17 ", "7 17 "),
            ("\nkey ", " more\nkey "),
            ("key ", "key ed25519 "),
            ("signature ", "signature  "),
            ("==\n", "\n"),
        ];
        for (from, to) in changed {
            assert!(text.contains(from), "{from}");
            assert_eq!(AnchorNote::parse(&text.replace(from, to)), None, "{from}");
        }
        assert_eq!(AnchorNote::parse(&format!("{text}more\n")), None);
        assert_eq!(AnchorNote::parse(text.trim_end()), None);
        let cut: String = text.split_inclusive('\n').take(4).collect();
        assert_eq!(AnchorNote::parse(&cut), None);
    }
}
