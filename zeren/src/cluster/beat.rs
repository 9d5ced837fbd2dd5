//! The beat: once a second a sequencer says that it is there, and up to where (format.md section 25). Not stored; a hint.

use signer::checkpoint::is_signed_by;
use signer::note::Note;
use signer::value::{LedgerId, NodeName, number};
use signer::{PublicKey, SecretKey};

/// First line of every beat.
const BEAT_KIND: &str = "zeren beat v1";
/// What whoever sequences is doing.
const SEQUENCING: &str = "sequencing";
/// What it does when it was told to stop.
const LEAVING: &str = "leaving";
/// Longest beat, in bytes.
const BEAT_BYTES_MAX: usize = 16_384;

/// What a sequencer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The ledger.
    pub ledger: LedgerId,
    /// The stream.
    pub generation: u64,
    /// The sequencer's epoch.
    pub epoch: u64,
    /// The last block.
    pub number: u64,
    /// Which beat of the epoch, from 1: one that was heard before is a copy.
    pub count: u64,
    /// Whether it is the last: whoever sequenced was told to stop, and another may begin at once.
    pub leaves: bool,
    /// The latest signed checkpoint.
    pub checkpoint: Note,
}

impl Beat {
    /// The bytes, signed by the node. The checkpoint has a signature of its own.
    pub fn encode(&self, node: &NodeName, key: &SecretKey) -> Vec<u8> {
        let Beat { ledger, generation, epoch, number, count, leaves, checkpoint } = self;
        let state = if *leaves { LEAVING } else { SEQUENCING };
        let place = format!("ledger {ledger}\ngeneration {generation}\nepoch {epoch}\nnumber {number}\n");
        let text = format!("{BEAT_KIND}\n{place}count {count}\nstate {state}\n");
        let note = Note::signed(text, node.as_str(), key).encode();
        [&(note.len() as u16).to_be_bytes()[..], note.as_bytes(), checkpoint.encode().as_bytes()].concat()
    }

    /// A beat of a ledger by the node of this name and key.
    pub fn parse(bytes: &[u8], node: &NodeName, key: &PublicKey) -> Option<Beat> {
        let (length, rest) = bytes.split_first_chunk::<2>().filter(|_| bytes.len() <= BEAT_BYTES_MAX)?;
        let (note, checkpoint) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let note = Note::parse(note).ok()?;
        if !note.signatures.iter().any(|line| is_signed_by(&note.text, line, node.as_str(), key)) {
            return None;
        }
        let mut lines = note.text.strip_suffix('\n')?.split('\n');
        lines.next().filter(|line| *line == BEAT_KIND)?;
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let ledger = LedgerId::parse(value("ledger")?)?;
        let (generation, epoch, order) = (number(value("generation")?)?, number(value("epoch")?)?, number(value("number")?)?);
        let count = number(value("count")?)?;
        let leaves = match value("state")? {
            SEQUENCING => false,
            LEAVING => true,
            _ => return None,
        };
        let beat = Beat { ledger, generation, epoch, number: order, count, leaves, checkpoint: Note::parse(checkpoint).ok()? };
        lines.next().is_none().then_some(beat)
    }
}

#[cfg(test)]
mod tests {
    use signer::Checkpoint;
    use signer::value::TreeRoot;
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn a_beat_reads_as_it_was_written_and_only_from_its_node() {
        let key = |seed| SecretKey::from_seed(&Zeroizing::new([seed; 32]));
        let ledger = LedgerId::parse("demo.county.example/archive/5f0c2a9be41d7703").unwrap();
        let checkpoint = Checkpoint { origin: ledger.to_string(), size: 7, root: TreeRoot([3; 32]) }.sign(&key(1));
        let beat = Beat { ledger, generation: 2, epoch: 5, number: 11, count: 40, leaves: false, checkpoint };
        let node = NodeName::parse("node-a").unwrap();
        let bytes = beat.encode(&node, &key(2));
        assert_eq!(Beat::parse(&bytes, &node, &key(2).public()), Some(beat.clone()));
        let last = Beat { leaves: true, count: 41, ..beat };
        assert_eq!(Beat::parse(&last.encode(&node, &key(2)), &node, &key(2).public()), Some(last));
        assert_eq!(Beat::parse(&bytes, &node, &key(3).public()), None);
        assert_eq!(Beat::parse(&bytes, &NodeName::parse("node-b").unwrap(), &key(2).public()), None);
        assert_eq!(Beat::parse(&bytes[..9], &node, &key(2).public()), None);
    }
}
