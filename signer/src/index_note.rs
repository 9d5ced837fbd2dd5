//! Index entries: what the ledger's own indexes held at their place in the log (format.md section 5.17).

use crate::note::Note;
use crate::strict::SecretKey;
use crate::value::{IndexRoot, LedgerId, number};

/// First line of every index note.
pub const INDEX_KIND: &str = "zeren index v1";

/// The text of an index entry. Each tree is told by its number of leaves and its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexNote {
    /// The ledger.
    pub ledger: LedgerId,
    /// The cases.
    pub cases: (u64, IndexRoot),
    /// The keys.
    pub keys: (u64, IndexRoot),
    /// The refusals.
    pub refusals: (u64, IndexRoot),
}

impl IndexNote {
    /// From the text, which has exactly five lines.
    pub fn parse(text: &str) -> Option<IndexNote> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        lines.next().filter(|line| *line == INDEX_KIND)?;
        let ledger = LedgerId::parse(lines.next()?.strip_prefix("ledger ")?)?;
        let cases = tree(lines.next()?.strip_prefix("cases ")?)?;
        let keys = tree(lines.next()?.strip_prefix("keys ")?)?;
        let refusals = tree(lines.next()?.strip_prefix("refusals ")?)?;
        lines.next().is_none().then_some(IndexNote { ledger, cases, keys, refusals })
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        let trees = [("cases", &self.cases), ("keys", &self.keys), ("refusals", &self.refusals)];
        let trees: String = trees.iter().map(|(name, (size, root))| format!("{name} {size} {root}\n")).collect();
        format!("{INDEX_KIND}\nledger {}\n{trees}", self.ledger)
    }

    /// Signed with the ledger's checkpoint key.
    pub fn sign(&self, key: &SecretKey) -> Note {
        Note::signed(self.text(), self.ledger.as_str(), key)
    }
}

fn tree(value: &str) -> Option<(u64, IndexRoot)> {
    let (size, root) = value.split_once(' ')?;
    Some((number(size)?, IndexRoot::parse(root)?))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::checkpoint::is_signed_by;

    #[test]
    fn an_index_note_reads_as_it_was_written() {
        let ledger = LedgerId::parse("demo.county.example/archive/5f0c2a9be41d7703").unwrap();
        let index = IndexNote { ledger, cases: (3, IndexRoot([1; 32])), keys: (0, IndexRoot([2; 32])), refusals: (9, IndexRoot([3; 32])) };
        let text = index.text();
        assert_eq!(IndexNote::parse(&text), Some(index.clone()));
        let key = SecretKey::from_seed(&Zeroizing::new([7; 32]));
        let note = Note::parse(index.sign(&key).encode().as_bytes()).unwrap();
        assert_eq!(note.text, text);
        assert!(is_signed_by(&note.text, &note.signatures[0], index.ledger.as_str(), &key.public()));
    }

    #[test]
    fn anything_else_is_no_index_note() {
        let ledger = LedgerId::parse("demo.county.example/archive/5f0c2a9be41d7703").unwrap();
        let root = IndexRoot([1; 32]);
        let text = IndexNote { ledger, cases: (3, root), keys: (0, root), refusals: (9, root) }.text();
        for (from, to) in [("v1", "v2"), ("cases 3", "cases 03"), ("keys 0", "keys  0"), ("refusals", "other"), ("archive", "")] {
            assert_eq!(IndexNote::parse(&text.replace(from, to)), None, "{from}");
        }
        assert_eq!(IndexNote::parse(&format!("{text}more\n")), None);
        assert_eq!(IndexNote::parse(text.trim_end()), None);
        let cut: String = text.split_inclusive('\n').take(4).collect();
        assert_eq!(IndexNote::parse(&cut), None);
    }
}
