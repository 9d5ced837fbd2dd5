//! Keys of demonstrations, derived from a seed: whoever knows the seed has them all. Never for a production ledger.

use sha2::{Digest as _, Sha256};
use signer::SecretKey;
use signer::value::{Commitment, IdentityToken, Nonce};
use zeroize::Zeroizing;

/// Name of the file in a demonstration's folder that holds the seed.
pub const SEED_FILE: &str = "demo-seed";

/// The seed of a demonstration.
pub struct DemoSeed(Zeroizing<String>);

impl DemoSeed {
    /// From its text.
    pub fn new(text: &str) -> DemoSeed {
        DemoSeed(Zeroizing::new(text.trim().to_owned()))
    }

    fn bytes(&self, purpose: &str, name: &str) -> [u8; 32] {
        Sha256::digest(format!("zeren demonstration, unsafe\n{purpose}\n{name}\n{}\n", *self.0)).into()
    }

    /// The key of a person, witness or ledger.
    pub fn key(&self, name: &str) -> SecretKey {
        SecretKey::from_seed(&Zeroizing::new(self.bytes("key", name)))
    }

    /// The identity token of an invented person.
    pub fn identity(&self, name: &str) -> IdentityToken {
        IdentityToken(self.bytes("identity", name))
    }

    /// A commitment to something invented.
    pub fn commitment(&self, name: &str) -> Commitment {
        Commitment(self.bytes("commitment", name))
    }

    /// The founding's nonce.
    pub fn nonce(&self) -> Nonce {
        Nonce(self.bytes("nonce", ""))
    }
}
