//! `Ed25519-strict-1`: the one signature rule (format.md section 2).
//!
//! Everything this accepts, every conforming verifier accepts. Batch verification is not used: it accepts signatures that
//! single verification refuses.

use core::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint, VartimeEdwardsPrecomputation};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimePrecomputedMultiscalarMul as _;
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

use crate::rule::{Refusal, Rule};
use crate::value::KeyBytes;

/// 64 bytes of an Ed25519 signature, R ‖ S.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl Signature {
    /// R and S.
    fn halves(&self) -> ([u8; 32], [u8; 32]) {
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.copy_from_slice(&self.0[..32]);
        s.copy_from_slice(&self.0[32..]);
        (r, s)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", crate::value::base64(&self.0))
    }
}

/// A public key that decodes canonically, is not of small order and is free of torsion. Cheap to clone.
#[derive(Clone)]
pub struct PublicKey(Arc<Decoded>);

struct Decoded {
    bytes: KeyBytes,
    minus_key: EdwardsPoint,
    /// Multiples of the base point and of the key, for keys that verify often: about 40 KiB.
    table: OnceLock<VartimeEdwardsPrecomputation>,
    /// Verifications so far. Keys that hostile logs name by the thousand are never used that often, and get no table.
    uses: AtomicU32,
}

/// Verifications after which a key gets its table, which costs as much as a few and nearly halves each.
const USES_BEFORE_TABLE: u32 = 32;

impl PublicKey {
    /// Admits the bytes of a key, or refuses them by [`Rule::KeyEncoding`].
    pub fn decode(bytes: &KeyBytes) -> Result<PublicKey, Refusal> {
        let refuse = |found: &str| Refusal::new(Rule::KeyEncoding, "a canonical Ed25519 key of prime order", format!("{bytes}: {found}"));
        let point = CompressedEdwardsY(bytes.0).decompress().ok_or_else(|| refuse("no point of the curve"))?;
        if point.compress().0 != bytes.0 {
            return Err(refuse("not the canonical encoding"));
        }
        if point.is_small_order() {
            return Err(refuse("of small order"));
        }
        if !point.is_torsion_free() {
            return Err(refuse("with torsion"));
        }
        Ok(PublicKey(Arc::new(Decoded { bytes: *bytes, minus_key: -point, table: OnceLock::new(), uses: AtomicU32::new(0) })))
    }

    /// The key's 32 bytes.
    pub fn bytes(&self) -> KeyBytes {
        self.0.bytes
    }

    fn prepare(&self) -> &VartimeEdwardsPrecomputation {
        self.0.table.get_or_init(|| VartimeEdwardsPrecomputation::new([ED25519_BASEPOINT_POINT, self.0.minus_key]))
    }

    /// Whether the signature is this key's over the message.
    ///
    /// The set that is accepted is that of `ed25519_dalek::VerifyingKey::verify_strict`, with which the tests compare it. It
    /// decompresses R in order to refuse small order; here the point that must equal R is at hand, so that is asked instead.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        self.claim(message, signature).is_some_and(|claim| claim.settles(claim.expected.compress()))
    }

    /// The same up to its last step, the encoding of a point, which [`settle`] does for many at once.
    /// Nothing if S is not canonical, so that the signature is refused already.
    pub fn claim(&self, message: &[u8], signature: &Signature) -> Option<Claim> {
        let (r, s) = signature.halves();
        let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(s))?;
        let k = Sha512::new().chain_update(r).chain_update(self.0.bytes.0).chain_update(message).finalize();
        let k = Scalar::from_bytes_mod_order_wide(&k.into());
        let expected = match self.0.uses.fetch_add(1, Ordering::Relaxed) {
            uses if uses >= USES_BEFORE_TABLE => self.prepare().vartime_multiscalar_mul([s, k]),
            _ => EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &self.0.minus_key, &s),
        };
        Some(Claim { expected, r })
    }
}

/// A signature that is good if a point, computed from it, is encoded as its R.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    expected: EdwardsPoint,
    r: [u8; 32],
}

impl Claim {
    fn settles(&self, encoded: CompressedEdwardsY) -> bool {
        encoded.0 == self.r && !self.expected.is_small_order()
    }
}

/// Decides each claim on its own; the points are encoded together, for one inversion in the field instead of one each.
pub fn settle(claims: &[Claim]) -> Vec<bool> {
    let points: Vec<EdwardsPoint> = claims.iter().map(|claim| claim.expected).collect();
    claims.iter().zip(EdwardsPoint::compress_batch_alloc(&points)).map(|(claim, encoded)| claim.settles(encoded)).collect()
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for PublicKey {}

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

    /// The public key: a multiple of the base point, so always canonical and free of torsion.
    pub fn public(&self) -> PublicKey {
        let key = self.0.verifying_key();
        PublicKey(Arc::new(Decoded {
            bytes: KeyBytes(key.to_bytes()),
            minus_key: -key.to_edwards(),
            table: OnceLock::new(),
            uses: AtomicU32::new(0),
        }))
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
    use curve25519_dalek::constants::EIGHT_TORSION;

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
            0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0x10,
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

    /// Both ways of computing accept what `verify_strict` accepts, on signatures that are honest, flipped, of small order, with
    /// torsion in R, and with S beyond the group order.
    #[test]
    fn the_accepted_set_is_that_of_verify_strict() {
        let (mut accepted, mut refused) = (0, 0);
        for n in 0..40u8 {
            let key = secret(n);
            let message = [n; 9];
            let honest = key.sign(&message);
            let dalek = ed25519_dalek::VerifyingKey::from_bytes(&key.public().bytes().0).unwrap();
            let prepared = key.public();
            prepared.0.uses.store(USES_BEFORE_TABLE, Ordering::Relaxed);
            let all = candidates(&honest);
            let claims: Vec<Option<Claim>> = all.iter().map(|candidate| prepared.claim(&message, candidate)).collect();
            let mut settled = settle(&claims.iter().flatten().copied().collect::<Vec<_>>()).into_iter();
            for (candidate, claim) in all.into_iter().zip(claims) {
                let together = claim.is_some() && settled.next().unwrap();
                let strict = dalek.verify_strict(&message, &ed25519_dalek::Signature::from_bytes(&candidate.0)).is_ok();
                assert_eq!(key.public().verifies(&message, &candidate), strict);
                assert_eq!(prepared.verifies(&message, &candidate), strict);
                assert_eq!(together, strict);
                accepted += u32::from(strict);
                refused += u32::from(!strict);
            }
        }
        assert_eq!(accepted, 40);
        assert!(refused > 2_000);
    }

    fn candidates(honest: &Signature) -> Vec<Signature> {
        let mut all = vec![*honest];
        for byte in 0..64 {
            let mut flipped = *honest;
            flipped.0[byte] ^= 1 << (byte % 8);
            all.push(flipped);
        }
        let r = CompressedEdwardsY(honest.halves().0).decompress().unwrap();
        for torsion in EIGHT_TORSION {
            let mut mixed = *honest;
            mixed.0[..32].copy_from_slice(&(r + torsion).compress().0);
            if mixed != *honest {
                all.push(mixed);
            }
            let mut small = *honest;
            small.0[..32].copy_from_slice(&torsion.compress().0);
            all.push(small);
        }
        all
    }

    /// With a secret scalar of zero for R, S = k·a: R is the identity, the equation holds, and only the order of R refuses it.
    #[test]
    fn an_identity_r_that_fits_the_equation_is_refused() {
        let scalar = Scalar::from(12_345u64);
        let public = PublicKey::decode(&KeyBytes((ED25519_BASEPOINT_POINT * scalar).compress().0)).unwrap();
        let r = EIGHT_TORSION[0].compress().0;
        let k = Sha512::new().chain_update(r).chain_update(public.bytes().0).chain_update(b"m").finalize();
        let s = Scalar::from_bytes_mod_order_wide(&k.into()) * scalar;
        let mut forged = [0u8; 64];
        forged[..32].copy_from_slice(&r);
        forged[32..].copy_from_slice(s.as_bytes());
        let dalek = ed25519_dalek::VerifyingKey::from_bytes(&public.bytes().0).unwrap();
        let signature = ed25519_dalek::Signature::from_bytes(&forged);
        assert!(
            ed25519_dalek::Verifier::verify(&dalek, b"m", &signature).is_ok(),
            "the lax rule accepts it, so it is the order that refuses"
        );
        assert!(dalek.verify_strict(b"m", &signature).is_err());
        assert!(!public.verifies(b"m", &Signature(forged)));
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let key = secret(5);
        assert!(!format!("{key:?}").contains(&crate::value::base64(&key.seed()[..])));
    }
}
