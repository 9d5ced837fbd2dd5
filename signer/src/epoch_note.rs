//! Epoch entries: which node sequences a ledger that runs on a cluster (format.md section 5.18).

use crate::note::Note;
use crate::strict::SecretKey;
use crate::value::{KeyBytes, LedgerId, NodeName, number};

/// First line of every epoch note.
pub const EPOCH_KIND: &str = "zeren epoch v1";

/// The text of an epoch entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochNote {
    /// The ledger.
    pub ledger: LedgerId,
    /// The number, from 1.
    pub epoch: u64,
    /// The node that sequences from here on.
    pub node: NodeName,
    /// The node's key, not yet known to be a proper key.
    pub key: KeyBytes,
}

impl EpochNote {
    /// From the text, which has exactly four lines.
    pub fn parse(text: &str) -> Option<EpochNote> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        lines.next().filter(|line| *line == EPOCH_KIND)?;
        let ledger = LedgerId::parse(lines.next()?.strip_prefix("ledger ")?)?;
        let epoch = number(lines.next()?.strip_prefix("epoch ")?).filter(|epoch| *epoch > 0)?;
        let (node, key) = lines.next()?.strip_prefix("node ")?.split_once(' ')?;
        let note = EpochNote { ledger, epoch, node: NodeName::parse(node)?, key: KeyBytes::parse(key)? };
        lines.next().is_none().then_some(note)
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{EPOCH_KIND}\nledger {}\nepoch {}\nnode {} {}\n", self.ledger, self.epoch, self.node, self.key)
    }

    /// Signed with the ledger's checkpoint key.
    pub fn sign(&self, key: &SecretKey) -> Note {
        Note::signed(self.text(), self.ledger.as_str(), key)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::checkpoint::is_signed_by;

    fn epoch() -> EpochNote {
        let ledger = LedgerId::parse("demo.county.example/archive/5f0c2a9be41d7703").unwrap();
        EpochNote { ledger, epoch: 3, node: NodeName::parse("node-2.county").unwrap(), key: KeyBytes([5; 32]) }
    }

    #[test]
    fn an_epoch_note_reads_as_it_was_written() {
        let text = epoch().text();
        assert_eq!(EpochNote::parse(&text), Some(epoch()));
        let key = SecretKey::from_seed(&Zeroizing::new([7; 32]));
        let note = Note::parse(epoch().sign(&key).encode().as_bytes()).unwrap();
        assert_eq!(note.text, text);
        assert!(is_signed_by(&note.text, &note.signatures[0], epoch().ledger.as_str(), &key.public()));
    }

    #[test]
    fn anything_else_is_no_epoch_note() {
        let text = epoch().text();
        let changed = [
            ("v1", "v2"),
            ("epoch 3", "epoch 03"),
            ("epoch 3", "epoch 0"),
            ("node-2", "Node-2"),
            ("node node", "node 2node"),
            ("county BQ", "county  BQ"),
            ("BQ", ""),
            ("archive", ""),
        ];
        for (from, to) in changed {
            assert!(text.contains(from), "{from}");
            assert_eq!(EpochNote::parse(&text.replace(from, to)), None, "{from}");
        }
        assert_eq!(EpochNote::parse(&format!("{text}more\n")), None);
        assert_eq!(EpochNote::parse(text.trim_end()), None);
        let cut: String = text.split_inclusive('\n').take(3).collect();
        assert_eq!(EpochNote::parse(&cut), None);
    }
}
