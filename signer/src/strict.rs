//! `Ed25519-strict-1`: the one signature rule (format.md section 2).
//!
//! Everything this accepts, every conforming verifier accepts. Batch verification is not used: it accepts signatures that
//! single verification refuses.

use core::fmt;

use ed25519_dalek::{Signature as DalekSignature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::rule::{Refusal, Rule};
use crate::value::KeyBytes;

/// 64 bytes of an Ed25519 signature, R ‖ S.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", crate::value::base64(&self.0))
    }
}

/// A public key that decodes canonically, is not of small order and is free of torsion.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Admits the bytes of a key, or refuses them by [`Rule::KeyEncoding`].
    pub fn decode(bytes: &KeyBytes) -> Result<PublicKey, Refusal> {
        let refuse = |found: &str| Refusal::new(Rule::KeyEncoding, "a canonical Ed25519 key of prime order", format!("{bytes}: {found}"));
        let key = VerifyingKey::from_bytes(&bytes.0).map_err(|_| refuse("no point of the curve"))?;
        let point = key.to_edwards();
        if point.compress().0 != bytes.0 {
            return Err(refuse("not the canonical encoding"));
        }
        if point.is_small_order() {
            return Err(refuse("of small order"));
        }
        if !point.is_torsion_free() {
            return Err(refuse("with torsion"));
        }
        Ok(PublicKey(key))
    }

    /// The key's 32 bytes.
    pub fn bytes(&self) -> KeyBytes {
        KeyBytes(self.0.to_bytes())
    }

    /// Whether the signature is this key's over the message.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        self.0.verify_strict(message, &DalekSignature::from_bytes(&signature.0)).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.bytes())
    }
}

/// A secret key. Never printed; wiped when dropped.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// From 32 bytes of randomness, which the caller brings.
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> SecretKey {
        SecretKey(SigningKey::from_bytes(seed))
    }

    /// The seed, for a key file.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public key: of an honest seed always proper.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(public {})", self.public().bytes())
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
    use curve25519_dalek::scalar::Scalar;

    use super::*;

    fn secret(n: u8) -> SecretKey {
        SecretKey::from_seed(&Zeroizing::new([n; 32]))
    }

    #[test]
    fn honest_keys_and_signatures_are_accepted() {
        let key = secret(1);
        let public = PublicKey::decode(&key.public().bytes()).unwrap();
        let signature = key.sign(b"text\n");
        assert!(public.verifies(b"text\n", &signature));
        assert!(!public.verifies(b"text", &signature));
        assert!(!secret(2).public().verifies(b"text\n", &signature));
    }

    #[test]
    fn keys_of_small_order_or_with_torsion_are_refused() {
        for torsion in EIGHT_TORSION {
            assert!(PublicKey::decode(&KeyBytes(torsion.compress().0)).is_err());
        }
        for torsion in &EIGHT_TORSION[1..] {
            let mixed = ED25519_BASEPOINT_POINT * Scalar::from(7u64) + torsion;
            let refusal = PublicKey::decode(&KeyBytes(mixed.compress().0)).unwrap_err();
            assert_eq!(refusal.rule, Rule::KeyEncoding);
        }
    }

    #[test]
    fn encodings_that_are_not_canonical_are_refused() {
        // y = p + 3 encodes the same point as y = 3 where that is one.
        for low in 0..19u8 {
            let mut bytes = [0xFF; 32];
            bytes[0] = 0xED + low.min(18);
            bytes[31] = 0x7F;
            assert!(PublicKey::decode(&KeyBytes(bytes)).is_err(), "p + {low}");
        }
        let mut one_with_sign = [0u8; 32];
        one_with_sign[0] = 1;
        one_with_sign[31] = 0x80;
        assert!(PublicKey::decode(&KeyBytes(one_with_sign)).is_err());
    }

    #[test]
    fn malleable_and_small_order_signatures_are_refused() {
        let key = secret(3);
        let mut signature = key.sign(b"m");
        // S + ℓ, little endian.
        let order = [
            0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0x10,
        ];
        let mut carry = 0u16;
        for (byte, add) in signature.0[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + add;
            *byte = carry as u8;
            carry >>= 8;
        }
        assert!(!key.public().verifies(b"m", &signature));
        for torsion in EIGHT_TORSION {
            let mut forged = [0u8; 64];
            forged[..32].copy_from_slice(&torsion.compress().0);
            assert!(!key.public().verifies(b"m", &Signature(forged)));
        }
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let key = secret(5);
        assert!(!format!("{key:?}").contains(&crate::value::base64(&key.seed()[..])));
    }
}
