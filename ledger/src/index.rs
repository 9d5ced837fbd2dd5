//! The maps of an index entry: every case and every key by its id (format.md section 18). Cost follows what changed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use signer::value::{CaseId, IndexRoot, KeyBytes, PersonId};

use crate::map::{MapProof, SparseMap, key_of};
use crate::programme::Register;
use crate::state::{KeyStatus, Person, PersonKey, State};

/// Both maps as of the last index entry, and what changed since, with what it was then: so that the last index entry can be proved
/// from until the next, however much has happened meanwhile. A case takes about 230 bytes from its first change of a day on; the
/// next index entry frees them.
#[derive(Debug, Default)]
pub struct IndexMaps(Mutex<Inner>);

#[derive(Clone, Debug, Default)]
struct Inner {
    is_on: bool,
    /// Roots were asked for: from then on it matters what something was before it changed.
    has_roots: bool,
    cases: SparseMap,
    keys: SparseMap,
    /// Cases with the text of their value when roots were asked for last; nothing for those that were not there.
    cases_changed: BTreeMap<CaseId, Option<Box<str>>>,
    /// Persons with their keys at that time.
    persons_changed: BTreeMap<PersonId, Vec<PersonKey>>,
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
            inner.cases_changed.extend(cases.map(|case| (case.clone(), None)));
            inner.persons_changed.extend(persons.map(|person| (person.clone(), Vec::new())));
        }
    }

    /// Cases that a statement names, before it changes them.
    pub(crate) fn note_cases<'a>(&mut self, cases: impl Iterator<Item = &'a CaseId>, register: &Register) {
        let inner = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !inner.is_on {
            return;
        }
        for case in cases {
            if !inner.cases_changed.contains_key(case) {
                let known = register.case(case).filter(|_| inner.has_roots);
                inner.cases_changed.insert(case.clone(), known.map(|known| known.index_text(case).into()));
            }
        }
    }

    /// A person who gets a new key, or whose key gets another status, before that.
    pub(crate) fn note_person(&mut self, person: &PersonId, known: Option<&Person>) {
        let inner = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if inner.is_on && !inner.persons_changed.contains_key(person) {
            let keys = known.filter(|_| inner.has_roots).map_or_else(Vec::new, |known| known.keys.clone());
            inner.persons_changed.insert(person.clone(), keys);
        }
    }

    /// Leaves and root of both maps now.
    pub(crate) fn roots(&self, state: &State) -> ((u64, IndexRoot), (u64, IndexRoot)) {
        let mut inner = self.inner();
        if !inner.is_on {
            // Nothing was followed: everything is new.
            inner.cases_changed = state.register().cases().map(|(id, _)| (id.clone(), None)).collect();
            inner.persons_changed = state.persons().map(|(person, _)| (person.clone(), Vec::new())).collect();
        }
        inner.has_roots = inner.is_on;
        for case in std::mem::take(&mut inner.cases_changed).into_keys() {
            if let Some(known) = state.register().case(&case) {
                inner.cases.set(key_of(case.as_str()), known.index_value(&case));
            }
        }
        for person in std::mem::take(&mut inner.persons_changed).into_keys() {
            for key in state.person(&person).map_or(&[][..], |known| &known.keys) {
                inner.keys.set(key_of(&key_id(&person, &key.key)), key_value(&person, key));
            }
        }
        let cases = (inner.cases.len() as u64, IndexRoot(inner.cases.root()));
        let keys = (inner.keys.len() as u64, IndexRoot(inner.keys.root()));
        (cases, keys)
    }

    /// What the map of cases says of an id, as of the last time that roots were asked for, and the text that it has for it.
    pub(crate) fn prove_case(&self, state: &State, case: &CaseId) -> (Option<String>, MapProof) {
        let mut inner = self.inner();
        let text = match inner.cases_changed.get(case) {
            Some(then) => then.as_deref().map(str::to_owned),
            None => state.register().case(case).map(|known| known.index_text(case)),
        };
        (text, inner.cases.proof(&key_of(case.as_str())))
    }

    /// The same for a person's key.
    pub(crate) fn prove_key(&self, state: &State, person: &PersonId, key: &KeyBytes) -> (Option<String>, MapProof) {
        let mut inner = self.inner();
        let now = || state.person(person).map_or(&[][..], |known| &known.keys);
        let keys = inner.persons_changed.get(person).map_or_else(now, Vec::as_slice);
        let text = keys.iter().find(|known| known.key == *key).map(|known| key_text(person, known));
        (text, inner.keys.proof(&key_of(&key_id(person, key))))
    }
}

/// A key's id in the map.
pub fn key_id(person: &PersonId, key: &KeyBytes) -> String {
    format!("{person} {key}")
}

/// The text that a key's value is the hash of.
fn key_text(person: &PersonId, key: &PersonKey) -> String {
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
