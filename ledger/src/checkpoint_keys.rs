//! The checkpoint keys that a ledger's founding and amendments name: found by id, since a hostile log may name very many.

use std::collections::HashMap;

use signer::PublicKey;
use signer::checkpoint::is_signed_by;
use signer::note::{KeyId, Note, SignatureLine, TYPE_ED25519, key_id};
use signer::value::KeyBytes;

/// Checkpoint keys under a ledger's name.
#[derive(Clone, Debug, Default)]
pub struct CheckpointKeys {
    name: String,
    by_id: HashMap<KeyId, Vec<PublicKey>>,
}

impl CheckpointKeys {
    /// None yet, for the ledger of this name.
    pub fn new(name: &str) -> CheckpointKeys {
        CheckpointKeys { name: name.to_owned(), by_id: HashMap::new() }
    }

    /// The same keys under another name.
    #[must_use]
    pub fn renamed(&self, name: &str) -> CheckpointKeys {
        let mut renamed = CheckpointKeys::new(name);
        self.by_id.values().flatten().for_each(|key| renamed.learn(key.clone()));
        renamed
    }

    /// Adds a key.
    pub fn learn(&mut self, key: PublicKey) {
        let known = self.by_id.entry(key_id(&self.name, TYPE_ED25519, &key.bytes().0)).or_default();
        if !known.contains(&key) {
            known.push(key);
        }
    }

    /// The key of these bytes, if it is one of them.
    pub fn key(&self, bytes: &KeyBytes) -> Option<&PublicKey> {
        self.named(key_id(&self.name, TYPE_ED25519, &bytes.0)).find(|key| key.bytes() == *bytes)
    }

    /// Keys of an id.
    pub fn named(&self, id: KeyId) -> impl Iterator<Item = &PublicKey> {
        self.by_id.get(&id).into_iter().flatten()
    }

    /// The key that made a signature line over a text.
    pub fn signer(&self, text: &str, line: &SignatureLine) -> Option<&PublicKey> {
        self.named(line.key_id).find(|key| is_signed_by(text, line, &self.name, key))
    }

    /// Whether one of the keys signed a note.
    #[must_use]
    pub fn signed(&self, note: &Note) -> bool {
        note.signatures.iter().any(|line| self.signer(&note.text, line).is_some())
    }
}
