//! Proof that whoever receives a key holds it (format.md section 4).

use crate::strict::{PublicKey, SecretKey, Signature};
use crate::value::{IdentityToken, KeyBytes, LedgerId, PersonId};

/// What a new key is for.
#[derive(Clone, Copy, Debug)]
pub enum Occasion {
    /// Enrolment of the person with this identity token.
    Identity(IdentityToken),
    /// In place of this key.
    Replaces(KeyBytes),
}

/// The text that the new key signs.
pub fn text(ledger: &LedgerId, person: &PersonId, occasion: Occasion, key: &KeyBytes) -> String {
    let occasion = match occasion {
        Occasion::Identity(token) => format!("identity {token}"),
        Occasion::Replaces(old) => format!("replaces {old}"),
    };
    format!("zeren possession v1\nledger {ledger}\nperson {person}\n{occasion}\nkey ed25519 {key}\n")
}

/// Signs the text with the new key.
pub fn prove(ledger: &LedgerId, person: &PersonId, occasion: Occasion, key: &SecretKey) -> Signature {
    key.sign(text(ledger, person, occasion, &key.public().bytes()).as_bytes())
}

/// Whether the proof is the new key's.
#[must_use]
pub fn verifies(ledger: &LedgerId, person: &PersonId, occasion: Occasion, key: &PublicKey, proof: &Signature) -> bool {
    key.verifies(text(ledger, person, occasion, &key.bytes()).as_bytes(), proof)
}
