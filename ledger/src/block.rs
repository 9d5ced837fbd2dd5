//! Blocks: what one node tells the others, one message of a stream each (format.md section 25). A block is transport: what it
//! carries is judged again by whoever reads it.

use core::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use signer::checkpoint::is_signed_by;
use signer::note::{Note, note_hash};
use signer::rule::{Refusal, Rule};
use signer::value::{LedgerId, NodeName, NoteHash, TreeRoot, number};
use signer::{PublicKey, SecretKey};

use crate::entry::ENTRY_BYTES_MAX;

/// First line of every block's header.
pub const BLOCK_KIND: &str = "zeren block v1";
/// Longest block, in bytes: below the servers' usual limit of 1 MiB a message.
pub const BLOCK_BYTES_MAX: usize = 786_432;
/// Most bytes of entries and refusals, with their lengths, in one block.
pub const CARRIED_BYTES_MAX: usize = 524_288;
/// Longest header or checkpoint note, in bytes.
pub const HEADER_BYTES_MAX: usize = 8_192;

/// Where a block stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The ledger.
    pub ledger: LedgerId,
    /// The stream: 1, and one more with every repair.
    pub generation: u64,
    /// The sequencer's epoch.
    pub epoch: u64,
    /// The block's number in its stream, from 1: the stream's sequence.
    pub number: u64,
    /// SHA-256 of the block before; zeros for the first.
    pub previous: NoteHash,
    /// Entries of the log before this block.
    pub size: u64,
    /// Root of the tree over them.
    pub root: TreeRoot,
}

/// What a block carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The latest signed checkpoint, of at most the header's size.
    pub checkpoint: Option<Note>,
    /// Entries' bytes, in order.
    pub entries: Vec<Vec<u8>>,
    /// Signed refusals' bytes (section 10).
    pub refusals: Vec<Vec<u8>>,
}

/// A block that was read: its form is right, nothing else is known of it.
#[derive(Clone, Debug)]
pub struct Block {
    /// Where it stands.
    pub header: Header,
    /// What it carries.
    pub carried: Carried,
    /// SHA-256 of its bytes.
    pub hash: NoteHash,
    note: Note,
}

impl Block {
    /// The node that says that it made the block.
    pub fn node(&self) -> &str {
        self.note.signatures.first().map_or("", |line| line.name.as_str())
    }

    /// Whether the node of this name and key made the block.
    #[must_use]
    pub fn is_signed(&self, node: &str, key: &PublicKey) -> bool {
        self.note.signatures.iter().any(|line| is_signed_by(&self.note.text, line, node, key))
    }

    /// Size of the log after the block.
    pub fn size_after(&self) -> u64 {
        self.header.size + self.carried.entries.len() as u64
    }

    /// Reads a block.
    ///
    /// # Errors
    /// `block-format`, with what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Block, Refusal> {
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(format(format!("at most {BLOCK_BYTES_MAX} bytes"), bytes.len().to_string()));
        }
        let mut rest = bytes;
        let header = take(&mut rest).filter(|header| header.len() <= HEADER_BYTES_MAX);
        let header = header.ok_or_else(|| format("a header and its length", "no whole header"))?;
        let note = parse_note(header)?;
        let [line] = &note.signatures[..] else {
            return Err(format("one signature line", note.signatures.len().to_string()));
        };
        if NodeName::parse(&line.name).is_none() || line.signature().is_none() {
            return Err(format("a signature line of a node, of type 0x01", line.encode()));
        }
        let (header, carries) =
            parse_header(&note.text).ok_or_else(|| format("the lines of a block's header", note.text.replace('\n', " / ")))?;
        let digest = NoteHash(Sha256::digest(rest).into());
        if digest != carries.digest {
            return Err(format(format!("bytes of SHA-256 {}", carries.digest), digest.to_string()));
        }
        let whole = |part: &str| format(format!("whole {part}"), "fewer bytes");
        let checkpoint = match take(&mut rest).ok_or_else(|| whole("checkpoint"))? {
            [] => None,
            bytes if bytes.len() <= HEADER_BYTES_MAX => Some(parse_note(bytes)?),
            bytes => return Err(format(format!("a checkpoint of at most {HEADER_BYTES_MAX} bytes"), bytes.len().to_string())),
        };
        let entries = take_many(&mut rest, carries.entries).ok_or_else(|| whole("entries"))?;
        let refusals = take_many(&mut rest, carries.refusals).ok_or_else(|| whole("refusals"))?;
        if !rest.is_empty() {
            return Err(format("nothing after the last refusal", format!("{} bytes", rest.len())));
        }
        Ok(Block { header, carried: Carried { checkpoint, entries, refusals }, hash: note_hash(bytes), note })
    }
}

/// A block's bytes, signed by a node.
pub fn encode(header: &Header, carried: &Carried, node: &str, key: &SecretKey) -> Vec<u8> {
    let mut payload = Vec::new();
    let checkpoint = carried.checkpoint.as_ref().map(Note::encode).unwrap_or_default();
    put(&mut payload, checkpoint.as_bytes());
    carried.entries.iter().chain(&carried.refusals).for_each(|bytes| put(&mut payload, bytes));
    let Header { ledger, generation, epoch, number, previous, size, root } = header;
    let mut text = format!("{BLOCK_KIND}\nledger {ledger}\ngeneration {generation}\nepoch {epoch}\nnumber {number}\nprevious {previous}\n");
    let digest = NoteHash(Sha256::digest(&payload).into());
    let (entries, refusals) = (carried.entries.len(), carried.refusals.len());
    let _ = write!(text, "size {size} {root}\ncarries {entries} {refusals} {digest}\n");
    let mut bytes = Vec::new();
    put(&mut bytes, Note::signed(text, node, key).encode().as_bytes());
    bytes.extend(payload);
    bytes
}

/// Parts of what is carried that fit a block each, in order, by the bytes of each thing. One thing always fits.
pub fn parts<T>(all: &[T], bytes_of: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, one) in all.iter().enumerate() {
        let more = bytes_of(one) + 2;
        if bytes + more > CARRIED_BYTES_MAX {
            parts.push(&all[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += more;
    }
    if start < all.len() {
        parts.push(&all[start..]);
    }
    parts
}

struct Carries {
    entries: u64,
    refusals: u64,
    digest: NoteHash,
}

/// A note in a block: what is none makes the whole no block.
fn parse_note(bytes: &[u8]) -> Result<Note, Refusal> {
    Note::parse(bytes).map_err(|refusal| format("a note", refusal.to_string()))
}

fn parse_header(text: &str) -> Option<(Header, Carries)> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    lines.next().filter(|line| *line == BLOCK_KIND)?;
    let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ');
    let ledger = LedgerId::parse(value("ledger")?)?;
    let generation = number(value("generation")?).filter(|number| *number > 0)?;
    let epoch = number(value("epoch")?).filter(|number| *number > 0)?;
    let order = number(value("number")?).filter(|number| *number > 0)?;
    let previous = NoteHash::parse(value("previous")?)?;
    let (size, root) = value("size")?.split_once(' ')?;
    let (size, root) = (number(size)?, TreeRoot::parse(root)?);
    let mut carries = value("carries")?.split(' ');
    let (entries, refusals) = (number(carries.next()?)?, number(carries.next()?)?);
    let digest = NoteHash::parse(carries.next()?)?;
    let ends = carries.next().is_none() && lines.next().is_none();
    let header = Header { ledger, generation, epoch, number: order, previous, size, root };
    ends.then_some((header, Carries { entries, refusals, digest }))
}

fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    // Entries, notes and headers have limits below this.
    debug_assert!(part.len() <= ENTRY_BYTES_MAX);
    bytes.extend((part.len() as u16).to_be_bytes());
    bytes.extend(part);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<2>()?;
    let (part, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    *rest = after;
    Some(part)
}

/// So many parts; their number was said by a stranger, so nothing is set aside for them beforehand. None is empty.
fn take_many(rest: &mut &[u8], count: u64) -> Option<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    for _ in 0..count {
        parts.push(take(rest).filter(|part| !part.is_empty())?.to_vec());
    }
    Some(parts)
}

fn format(expected: impl Into<String>, found: impl Into<String>) -> Refusal {
    Refusal::new(Rule::BlockFormat, expected, found)
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use signer::note::SignatureLine;

    use super::*;
    use crate::entry::SealedEntry;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&Zeroizing::new([seed; 32]))
    }

    fn header() -> Header {
        Header {
            ledger: LedgerId::parse("demo.county.example/archive/5f0c2a9be41d7703").unwrap(),
            generation: 1,
            epoch: 3,
            number: 9,
            previous: NoteHash([4; 32]),
            size: 100,
            root: TreeRoot([5; 32]),
        }
    }

    fn block() -> Vec<u8> {
        let carried = Carried { checkpoint: None, entries: vec![vec![1; 300], vec![2; 9]], refusals: vec![vec![3; 20]] };
        encode(&header(), &carried, "node-a", &key(7))
    }

    #[test]
    fn a_block_reads_as_it_was_written() {
        let block = Block::parse(&block()).unwrap();
        assert_eq!(block.header, header());
        assert_eq!(block.carried.entries, [vec![1; 300], vec![2; 9]]);
        assert_eq!(block.carried.refusals, [vec![3; 20]]);
        assert_eq!((block.node(), block.size_after()), ("node-a", 102));
        assert!(block.is_signed("node-a", &key(7).public()));
        assert!(!block.is_signed("node-b", &key(7).public()) && !block.is_signed("node-a", &key(8).public()));
    }

    #[test]
    fn no_byte_of_a_block_can_be_changed_cut_or_added() {
        let whole = block();
        let good = |bytes: &[u8]| Block::parse(bytes).is_ok_and(|block| block.is_signed("node-a", &key(7).public()));
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(!good(&changed), "byte {at}");
            assert!(!good(&whole[..at]), "cut at {at}");
        }
        assert!(!good(&[&whole[..], &[0, 0]].concat()));
        assert!(good(&whole));
    }

    #[test]
    fn what_is_no_note_or_no_nodes_is_no_block() {
        let of = |name: &str| encode(&header(), &Carried::default(), name, &key(7));
        assert!(Block::parse(&of("node-a")).is_ok());
        assert_eq!(Block::parse(&of("Node")).unwrap_err().rule, Rule::BlockFormat);
        let note = |text: &str| [&(text.len() as u16).to_be_bytes()[..], text.as_bytes(), &[0, 0]].concat();
        for text in ["", "no note", "zeren block v1\n\n\u{2014} n AAAA\n"] {
            assert_eq!(Block::parse(&note(text)).unwrap_err().rule, Rule::BlockFormat, "{text}");
        }
    }

    #[test]
    fn a_number_of_entries_that_are_not_there_is_refused_before_anything_is_set_aside() {
        let text = format!(
            "{BLOCK_KIND}\nledger demo.county.example/archive/5f0c2a9be41d7703\ngeneration 1\nepoch 1\nnumber 1\nprevious {0}\nsize 0 {0}\ncarries 9007199254740991 0 {1}\n",
            NoteHash([0; 32]),
            NoteHash(Sha256::digest([0, 0]).into())
        );
        let line = SignatureLine::ed25519("n", &key(1).public(), &key(1).sign(text.as_bytes()));
        let mut bytes = Vec::new();
        put(&mut bytes, Note { text, signatures: vec![line] }.encode().as_bytes());
        bytes.extend([0, 0]);
        assert_eq!(Block::parse(&bytes).unwrap_err().rule, Rule::BlockFormat);
    }

    #[test]
    fn a_large_batch_goes_in_parts_that_fit() {
        let entries: Vec<SealedEntry> = (0..40).map(|_| SealedEntry::of(vec![0; 65_000])).collect();
        let parts = parts(&entries, |entry| entry.bytes.len());
        assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), 40);
        assert!(parts.iter().all(|part| part.len() == 8));
    }
}
