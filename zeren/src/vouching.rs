//! What makes keys known to whoever is to believe a fork proof: a policy, and what a ledger at hand says of keys.

use std::collections::BTreeSet;

use ledger::entry::Entry;
use ledger::fork::{Document, Ground, Key, made_known};
use ledger::policy::Policy;
use ledger::snapshot::Snapshot;
use ledger::storage::Folder;
use signer::Note;
use signer::value::PersonId;

use crate::error::Failure;

/// Keys, and what made them known.
#[derive(Clone, Debug, Default)]
pub struct Vouching {
    /// The keys.
    pub keys: Vec<Key>,
    /// Statements that made them known.
    pub grounds: Vec<Ground>,
}

impl Vouching {
    /// Adds what a policy says of a ledger.
    pub fn add_policy(&mut self, policy: &Policy, ledger: &str) {
        self.keys.extend(policy.log_keys(ledger).map(|key| Key::signs(ledger, key.clone())));
        self.keys.extend(policy.witness_keys().map(|(name, key)| Key::cosigns(name, key.clone())));
    }

    /// Adds what a ledger says: its own keys, its witnesses', and those of whoever signed these documents.
    pub fn add_ledger(&mut self, ledger: &Snapshot<Folder>, documents: &[&Document]) -> Result<(), Failure> {
        let state = ledger.state();
        let names = documents.iter().flat_map(|document| &document.note.signatures).map(|line| line.name.as_str());
        let persons: BTreeSet<PersonId> = names.filter_map(PersonId::parse).collect();
        let keys = persons.iter().filter_map(|person| state.person(person)).flat_map(|person| &person.keys).map(|key| key.since);
        // Founders hold their office by the founding or an amendment, which also name checkpoint keys and witnesses.
        let founders = state.all_appointments().filter(|(_, held)| held.office.as_str() == "founder").map(|(_, held)| held.since);
        let entries: BTreeSet<u64> = keys.chain(founders).chain([0]).collect();
        for index in entries {
            let bytes = ledger.entry(index)?.unwrap_or_default();
            let note = Entry::parse(&bytes).and_then(|entry| Note::parse(entry.note)).map_err(Failure::Refused)?;
            self.keys.extend(made_known(&note));
            let receipt = if index == 0 { None } else { ledger.receipt(index) };
            self.grounds.push(Ground { note, receipt });
        }
        Ok(())
    }
}
