//! What the ledger would say of statements that nobody has signed yet: each is judged by the one `admit`, against what those
//! before it would do. Nothing is written anywhere.

use ledger::admit::{Admission, admit};
use ledger::check::{Content, Cosignature, Cosigned, Index, Verified};
use ledger::history::Context;
use ledger::snapshot::Snapshot;
use ledger::state::State;
use ledger::storage::Folder;
use signer::checkpoint::Checkpoint;
use signer::index_note::IndexNote;
use signer::rule::{Refusal, Rule};
use signer::statement::{Statement, statement_hash};
use signer::value::{IndexRoot, KeyName, UnixMs};
use signer::{PublicKey, SecretKey};
use zeroize::Zeroizing;

/// A copy of the state that lives on as if everything drafted were admitted.
pub struct Rehearsal {
    state: State,
    context: Option<Context>,
    received: UnixMs,
}

impl Rehearsal {
    /// As if today's index were written and a witness had just cosigned: the ledger does that by itself, and no row is to blame.
    pub fn of(ledger: &Snapshot<Folder>, received: UnixMs) -> Rehearsal {
        let context = ledger.history().context(ledger.size());
        let mut rehearsal = Rehearsal { state: ledger.state().clone(), context, received };
        let key = SecretKey::from_seed(&Zeroizing::new([0; 32])).public();
        rehearsal.suppose(Content::Cosigned(Cosigned {
            // Between two sizes of the log, so that it stands for no entry that is there.
            checkpoint: Checkpoint { origin: ledger.id().to_string(), size: ledger.state().cosigned_size() + 1, root: empty_root() },
            key: key.clone(),
            cosignatures: cosignature(&key, received).into_iter().collect(),
        }));
        let nothing = (0, IndexRoot([0; 32]));
        let note = IndexNote { ledger: ledger.id().clone(), cases: nothing, keys: nothing, refusals: nothing };
        rehearsal.suppose(Content::Index(Index { note, key }));
        rehearsal
    }

    fn suppose(&mut self, content: Content) {
        self.state.apply(&Verified { bytes: Vec::new(), content }, self.received, Admission::default());
    }

    /// Judges the next statement, and lets it have its effect; gives the warnings.
    pub fn judge(&mut self, text: &str) -> Result<Vec<Refusal>, Refusal> {
        let statement = Statement::parse(text)?;
        let mut keys: Vec<PublicKey> = Vec::new();
        for signer in statement.signers() {
            let latest = self.state.person(signer).and_then(|person| person.latest_key());
            let latest = latest.ok_or_else(|| Refusal::new(Rule::KeyUnknown, "an enrolled signer", signer.to_string()))?;
            keys.push(PublicKey::decode(&latest.key)?);
        }
        let content = Content::Statement { hash: statement_hash(text), statement: Box::new(statement), keys, procedure: None };
        let verified = Verified { bytes: text.as_bytes().to_vec(), content };
        let admission = admit(&self.state, &verified, self.received, self.context.as_ref())?;
        let warnings = admission.warnings.clone();
        self.state.apply(&verified, self.received, admission);
        Ok(warnings)
    }
}

fn cosignature(key: &PublicKey, received: UnixMs) -> Option<Cosignature> {
    let unix_seconds = u64::try_from(received.0.div_euclid(1000)).ok()?;
    Some(Cosignature { name: KeyName::parse("rehearsal")?, key: key.clone(), unix_seconds })
}

fn empty_root() -> signer::value::TreeRoot {
    signer::merkle::empty_root()
}

/// Whether a refusal is about what all statements share (device, clock, who signs), not about what one of them says.
pub fn is_of_all(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::DeviceUnknown
            | Rule::DeviceEnded
            | Rule::AtFuture
            | Rule::AtStale
            | Rule::ProcedureVersion
            | Rule::ProcedureUnknown
            | Rule::GovernanceNone
            | Rule::GovernanceOffice
            | Rule::GovernanceCount
            | Rule::GovernancePowers
            | Rule::SignerRepeated
            | Rule::Unwitnessed
            | Rule::IndexMissing
    )
}
