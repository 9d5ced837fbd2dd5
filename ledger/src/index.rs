//! The maps of an index entry: every case and every key by its id (format.md section 18). Cost follows what changed.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use signer::value::{CaseId, IndexRoot, KeyBytes, PersonId};

use crate::map::{MapProof, SparseMap, key_of};
use crate::state::{KeyStatus, PersonKey, State};

/// Both maps as of the last index entry, and what changed since.
#[derive(Debug, Default)]
pub struct IndexMaps(Mutex<Inner>);

#[derive(Clone, Debug, Default)]
struct Inner {
    is_on: bool,
    cases: SparseMap,
    keys: SparseMap,
    cases_changed: BTreeSet<CaseId>,
    persons_changed: BTreeSet<PersonId>,
}

impl Clone for IndexMaps {
    fn clone(&self) -> Self {
        IndexMaps(Mutex::new(self.inner().clone()))
    }
}

impl IndexMaps {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on changes are followed: a procedure asks for index entries. These are the cases and persons so far.
    pub(crate) fn switch_on<'a>(&mut self, cases: impl Iterator<Item = &'a CaseId>, persons: impl Iterator<Item = &'a PersonId>) {
        let inner = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !inner.is_on {
            inner.is_on = true;
            inner.cases_changed.extend(cases.cloned());
            inner.persons_changed.extend(persons.cloned());
        }
    }

    /// Cases that a statement named.
    pub(crate) fn note_cases<'a>(&mut self, cases: impl Iterator<Item = &'a CaseId>) {
        let inner = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if inner.is_on {
            inner.cases_changed.extend(cases.cloned());
        }
    }

    /// A person with a new key, or with a key of another status.
    pub(crate) fn note_person(&mut self, person: &PersonId) {
        let inner = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if inner.is_on {
            inner.persons_changed.insert(person.clone());
        }
    }

    /// Leaves and root of both maps now.
    pub(crate) fn roots(&self, state: &State) -> ((u64, IndexRoot), (u64, IndexRoot)) {
        let mut inner = self.inner();
        if !inner.is_on {
            // Nothing was followed: everything is new.
            inner.cases_changed = state.register().cases().map(|(id, _)| id.clone()).collect();
            inner.persons_changed = state.persons().map(|(person, _)| person.clone()).collect();
        }
        for case in std::mem::take(&mut inner.cases_changed) {
            if let Some(known) = state.register().case(&case) {
                inner.cases.set(key_of(case.as_str()), known.index_value(&case));
            }
        }
        for person in std::mem::take(&mut inner.persons_changed) {
            for key in state.person(&person).map_or(&[][..], |known| &known.keys) {
                inner.keys.set(key_of(&key_id(&person, &key.key)), key_value(&person, key));
            }
        }
        let cases = (inner.cases.len() as u64, IndexRoot(inner.cases.root()));
        let keys = (inner.keys.len() as u64, IndexRoot(inner.keys.root()));
        (cases, keys)
    }

    /// What the map of cases says of an id, as of the last time that roots were asked for.
    pub fn prove_case(&self, case: &CaseId) -> MapProof {
        self.inner().cases.proof(&key_of(case.as_str()))
    }

    /// What the map of keys says of a person's key, as of the last time that roots were asked for.
    pub fn prove_key(&self, person: &PersonId, key: &KeyBytes) -> MapProof {
        self.inner().keys.proof(&key_of(&key_id(person, key)))
    }
}

/// A key's id in the map.
pub fn key_id(person: &PersonId, key: &KeyBytes) -> String {
    format!("{person} {key}")
}

/// The text that a key's value is the hash of.
pub fn key_text(person: &PersonId, key: &PersonKey) -> String {
    let status = match key.status {
        KeyStatus::Active => "active",
        KeyStatus::Replaced(_) => "replaced",
        KeyStatus::Revoked(..) => "revoked",
    };
    format!("key {person} {}\nstatus {status}\n", key.key)
}

fn key_value(person: &PersonId, key: &PersonKey) -> [u8; 32] {
    Sha256::digest(key_text(person, key)).into()
}
