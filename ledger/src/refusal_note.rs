//! Signed refusals (format.md section 10).

use std::io;

use sha2::{Digest as _, Sha256};
use signer::checkpoint::is_signed_by;
use signer::merkle::leaf_hash;
use signer::note::{Note, note_hash};
use signer::rule::{Refusal, Rule};
use signer::statement::Seen;
use signer::value::{ChainHead, IndexRoot, LedgerId, NoteHash, StatementHash, TreeRoot, UnixMs, number};
use signer::{PublicKey, SecretKey};

use crate::checkpoint_keys::CheckpointKeys;
use crate::history::{History, Tree};
use crate::storage::{Storage, read_whole};

/// The refusals' folder.
pub const REFUSALS: &str = "refusals";
/// Refusals that a key can cause in a day.
pub const REFUSALS_PER_KEY_AND_DAY_MAX: u32 = 1_000;

/// Longest file in the refusals' folder that is read, in bytes.
pub(crate) const REFUSAL_BYTES_MAX: u64 = 65_000;

/// The refusals that a folder keeps, in the order of their files' names.
pub struct KeptRefusals(Vec<(UnixMs, [u8; 32])>);

impl KeptRefusals {
    /// Reads the folder of the ledger of this name; what is no refusal note of its own, by its name and signed by one of these keys,
    /// is passed over.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn read(storage: &dyn Storage, ledger: &str, keys: &CheckpointKeys) -> io::Result<KeptRefusals> {
        let mut kept = Vec::new();
        for file in storage.list(REFUSALS)? {
            if let Ok((refusal, digest)) = read_kept(storage, &file, ledger, keys)? {
                kept.push((refusal.received, digest));
            }
        }
        Ok(KeptRefusals(kept))
    }

    /// Number and root of those received at or after one moment and before another.
    pub fn between(&self, from: UnixMs, until: UnixMs) -> (u64, IndexRoot) {
        let mut tree = Tree::default();
        let of_the_time = self.0.iter().filter(|(received, _)| from <= *received && *received < until);
        of_the_time.for_each(|(_, digest)| tree.push(leaf_hash(digest)));
        (tree.size(), IndexRoot(tree.root_at(tree.size()).map_or([0; 32], |root| root.0)))
    }
}

/// Reads one file of the folder of refusals, with the digest of its bytes: a refusal note of the ledger of this name, under its
/// own file name, signed by one of these keys. Inside, why it is none.
///
/// # Errors
/// Those of the storage.
pub fn read_kept(
    storage: &dyn Storage,
    file: &str,
    ledger: &str,
    keys: &CheckpointKeys,
) -> io::Result<Result<(RefusalNote, [u8; 32]), Refusal>> {
    let bytes = match read_whole(storage, &format!("{REFUSALS}/{file}"), REFUSAL_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
        other => other?,
    };
    let bytes = bytes.unwrap_or_default();
    Ok(judge_kept(&bytes, file, ledger, keys).map(|refusal| (refusal, Sha256::digest(&bytes).into())))
}

pub(crate) fn judge_kept(bytes: &[u8], file: &str, ledger: &str, keys: &CheckpointKeys) -> Result<RefusalNote, Refusal> {
    let format = |found: &str| Refusal::new(Rule::RefusalFormat, format!("a refusal note of this ledger, named {file}"), found);
    let note = Note::parse(bytes).map_err(|refusal| format(&refusal.to_string()))?;
    let refusal = RefusalNote::parse(&note.text).ok_or_else(|| format("other lines"))?;
    if refusal.ledger.as_str() != ledger || refusal.file_name() != file {
        return Err(format(&format!("ledger {}, submitted {}", refusal.ledger, refusal.file_name())));
    }
    if !keys.signed(&note) {
        return Err(Refusal::new(Rule::RefusalSignature, "a signature by a checkpoint key of this ledger", "none that verifies"));
    }
    Ok(refusal)
}

/// What a ledger signs when it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalNote {
    /// Which ledger.
    pub ledger: LedgerId,
    /// The note as submitted.
    pub submitted: NoteHash,
    /// The statement.
    pub statement: StatementHash,
    /// The rule.
    pub rule: Rule,
    /// When.
    pub received: UnixMs,
    /// Against which log.
    pub seen: Seen,
}

impl RefusalNote {
    /// Signed with the checkpoint key.
    pub fn sign(&self, key: &SecretKey) -> Note {
        let RefusalNote { ledger, submitted, statement, rule, received, seen } = self;
        let text = format!(
            "zeren refusal v1\nledger {ledger}\nsubmitted {submitted}\nstatement {statement}\nrule {rule}\nreceived {}\nseen {} {} {}\n",
            received.0, seen.size, seen.root, seen.chain
        );
        Note::signed(text, ledger.as_str(), key)
    }

    /// From a note's text.
    pub fn parse(text: &str) -> Option<RefusalNote> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        lines.next().filter(|line| *line == "zeren refusal v1")?;
        let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ');
        let ledger = LedgerId::parse(value("ledger")?)?;
        let submitted = NoteHash::parse(value("submitted")?)?;
        let statement = StatementHash::parse(value("statement")?)?;
        let rule = Rule::named(value("rule")?)?;
        let received = UnixMs(number(value("received")?)? as i64);
        let mut seen = value("seen")?.split(' ');
        let (size, root, chain) = (number(seen.next()?)?, TreeRoot::parse(seen.next()?)?, ChainHead::parse(seen.next()?)?);
        let ends = seen.next().is_none() && lines.next().is_none();
        ends.then_some(RefusalNote { ledger, submitted, statement, rule, received, seen: Seen { size, root, chain } })
    }

    /// Whether it tells the log as it was, where that is long enough to say.
    pub(crate) fn judge_seen(&self, history: &History) -> Result<(), Refusal> {
        match history.seen_at(self.seen.size) {
            Some(seen) if seen != self.seen => {
                Err(Refusal::new(Rule::RefusalUnlike, format!("root {} at size {}", seen.root, seen.size), self.seen.root.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// The name of its file.
    pub fn file_name(&self) -> String {
        hex(&self.submitted)
    }

    /// The name of the file of a refusal of this note.
    pub fn file_name_of(submitted: &[u8]) -> String {
        hex(&note_hash(submitted))
    }

    /// Whether a key signed the note.
    #[must_use]
    pub fn is_signed(&self, note: &Note, key: &PublicKey) -> bool {
        note.signatures.iter().any(|line| is_signed_by(&note.text, line, self.ledger.as_str(), key))
    }
}

fn hex(hash: &NoteHash) -> String {
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}
