//! Signed refusals (format.md section 10).

use signer::checkpoint::is_signed_by;
use signer::note::{Note, SignatureLine};
use signer::rule::Rule;
use signer::statement::Seen;
use signer::value::{ChainHead, LedgerId, NoteHash, StatementHash, TreeRoot, UnixMs, number};
use signer::{PublicKey, SecretKey};

/// The refusals' folder.
pub const REFUSALS: &str = "refusals";
/// Refusals that a key can cause in a day.
pub const REFUSALS_PER_KEY_AND_DAY_MAX: u32 = 1_000;

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
        let line = SignatureLine::ed25519(ledger.as_str(), &key.public(), &key.sign(text.as_bytes()));
        Note { text, signatures: vec![line] }
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

    /// The name of its file.
    pub fn file_name(&self) -> String {
        self.submitted.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether a key signed the note.
    #[must_use]
    pub fn is_signed(&self, note: &Note, key: &PublicKey) -> bool {
        note.signatures.iter().any(|line| is_signed_by(&note.text, line, self.ledger.as_str(), key))
    }
}
