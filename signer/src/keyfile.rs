//! Key files: PKCS#8 version 1 in PEM, encrypted with PBES2 (scrypt, AES-256-CBC), as OpenSSL writes and reads them.

use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::pem::PemLabel as _;
use pkcs8::der::{Decode as _, Encode as _, SecretDocument, pem};
use pkcs8::pkcs5::pbes2;
use pkcs8::pkcs5::scrypt;
use pkcs8::{AlgorithmIdentifierRef, EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use crate::strict::SecretKey;

/// Work factor of scrypt for officials' keys: N = 2^14, r = 8, p = 5, about a quarter of a second.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 5;
/// Largest key file that is read, in bytes.
pub const KEY_FILE_BYTES_MAX: usize = 8_192;
/// What a file may ask for: memory of scrypt in bytes, its passes, and iterations of PBKDF2. The file says what it costs to open,
/// and it may come from anybody.
const SCRYPT_BYTES_MAX: u64 = 256 << 20;
const SCRYPT_P_MAX: u16 = 16;
const PBKDF2_ITERATIONS_MAX: u32 = 10_000_000;
/// Shortest passphrase, in characters.
pub const PASSPHRASE_CHARS_MIN: usize = 8;

const ID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Why a key file could not be read or made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// Neither of the two PEM labels of PKCS#8.
    #[error("not a PKCS#8 PEM file (expected `BEGIN ENCRYPTED PRIVATE KEY` or `BEGIN PRIVATE KEY`)")]
    NotPkcs8,
    /// The file is encrypted and no passphrase came with it.
    #[error("the key file is encrypted: a passphrase is needed")]
    PassphraseNeeded,
    /// Wrong passphrase, or a damaged file.
    #[error("the passphrase does not open the key file, or the file is damaged")]
    WrongPassphrase,
    /// A key of another algorithm.
    #[error("not an Ed25519 key")]
    OtherAlgorithm,
    /// Too short to protect anything.
    #[error("the passphrase has fewer than {PASSPHRASE_CHARS_MIN} characters")]
    PassphraseTooShort,
    /// Larger than any key file.
    #[error("larger than a key file can be ({KEY_FILE_BYTES_MAX} bytes)")]
    TooLarge,
    /// It asks for more memory or time than a key file of anybody's needs.
    #[error("opening the key file would take more memory or time than is allowed")]
    TooCostly,
    /// The encoder refused; a bug.
    #[error("could not encode the key")]
    Encoding,
}

/// Salt and initialisation vector, from the caller's randomness.
pub struct Randomness {
    /// Salt of scrypt.
    pub salt: [u8; 16],
    /// Initialisation vector of AES-256-CBC.
    pub iv: [u8; 16],
}

/// An encrypted key file.
///
/// # Errors
/// [`KeyFileError::PassphraseTooShort`]; [`KeyFileError::Encoding`] never in practice.
pub fn encrypt(key: &SecretKey, passphrase: &Zeroizing<String>, randomness: &Randomness) -> Result<Zeroizing<String>, KeyFileError> {
    if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
        return Err(KeyFileError::PassphraseTooShort);
    }
    let params = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P).map_err(|_| KeyFileError::Encoding)?;
    let params =
        pbes2::Parameters::generate_scrypt_aes256cbc(params, &randomness.salt, randomness.iv).map_err(|_| KeyFileError::Encoding)?;
    let plain = plain_document(key)?;
    let ciphertext = params.encrypt(passphrase.as_bytes(), plain.as_bytes()).map_err(|_| KeyFileError::Encoding)?;
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: params.into(),
        encrypted_data: OctetStringRef::new(&ciphertext).map_err(|_| KeyFileError::Encoding)?,
    };
    let document = SecretDocument::encode_msg(&info).map_err(|_| KeyFileError::Encoding)?;
    document.to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, pem::LineEnding::LF).map_err(|_| KeyFileError::Encoding)
}

/// A key file without encryption: for the ledger's checkpoint key and for demonstrations, never for an official's key.
///
/// # Errors
/// [`KeyFileError::Encoding`] never in practice.
pub fn plain(key: &SecretKey) -> Result<Zeroizing<String>, KeyFileError> {
    plain_document(key)?.to_pem(PrivateKeyInfoRef::PEM_LABEL, pem::LineEnding::LF).map_err(|_| KeyFileError::Encoding)
}

/// Whether a file asks for a passphrase.
pub fn is_encrypted(file: &[u8]) -> bool {
    file.windows(PEM_ENCRYPTED.len()).any(|window| window == PEM_ENCRYPTED)
}

const PEM_ENCRYPTED: &[u8] = b"BEGIN ENCRYPTED PRIVATE KEY";

/// Reads a key file.
///
/// # Errors
/// See [`KeyFileError`].
pub fn read(file: &[u8], passphrase: Option<&Zeroizing<String>>) -> Result<SecretKey, KeyFileError> {
    if file.len() > KEY_FILE_BYTES_MAX {
        return Err(KeyFileError::TooLarge);
    }
    let text = core::str::from_utf8(file).map_err(|_| KeyFileError::NotPkcs8)?;
    let (label, document) = SecretDocument::from_pem(text).map_err(|_| KeyFileError::NotPkcs8)?;
    if label == PrivateKeyInfoRef::PEM_LABEL {
        return seed_of(document.as_bytes());
    }
    if label != EncryptedPrivateKeyInfoRef::PEM_LABEL {
        return Err(KeyFileError::NotPkcs8);
    }
    let passphrase = passphrase.ok_or(KeyFileError::PassphraseNeeded)?;
    let info = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|_| KeyFileError::NotPkcs8)?;
    if !is_affordable(&info) {
        return Err(KeyFileError::TooCostly);
    }
    let plain = info.decrypt(passphrase.as_bytes()).map_err(|_| KeyFileError::WrongPassphrase)?;
    seed_of(plain.as_bytes())
}

fn is_affordable(info: &EncryptedPrivateKeyInfoRef<'_>) -> bool {
    let Some(parameters) = info.encryption_algorithm.pbes2() else { return true };
    match &parameters.kdf {
        pbes2::Kdf::Scrypt(scrypt) => {
            let bytes = scrypt.cost_parameter.checked_mul(128 * u64::from(scrypt.block_size));
            bytes.is_some_and(|bytes| bytes <= SCRYPT_BYTES_MAX) && scrypt.parallelization <= SCRYPT_P_MAX
        }
        pbes2::Kdf::Pbkdf2(pbkdf2) => pbkdf2.iteration_count <= PBKDF2_ITERATIONS_MAX,
        _ => true,
    }
}

/// `OneAsymmetricKey` of RFC 8410 in version 1: without the public key, which OpenSSL 3.0 cannot read.
fn plain_document(key: &SecretKey) -> Result<SecretDocument, KeyFileError> {
    let seed = key.seed();
    let inner = Zeroizing::new(OctetStringRef::new(&seed[..]).and_then(|octets| octets.to_der()).map_err(|_| KeyFileError::Encoding)?);
    let algorithm = AlgorithmIdentifierRef { oid: ID_ED25519, parameters: None };
    let inner = OctetStringRef::new(&inner).map_err(|_| KeyFileError::Encoding)?;
    SecretDocument::encode_msg(&PrivateKeyInfoRef::new(algorithm, inner)).map_err(|_| KeyFileError::Encoding)
}

fn seed_of(der: &[u8]) -> Result<SecretKey, KeyFileError> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| KeyFileError::WrongPassphrase)?;
    if info.algorithm.oid != ID_ED25519 {
        return Err(KeyFileError::OtherAlgorithm);
    }
    let octets = <&OctetStringRef>::from_der(info.private_key.as_bytes()).map_err(|_| KeyFileError::OtherAlgorithm)?;
    let seed: [u8; 32] = octets.as_bytes().try_into().map_err(|_| KeyFileError::OtherAlgorithm)?;
    Ok(SecretKey::from_seed(&Zeroizing::new(seed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[test]
    fn a_key_file_opens_with_its_passphrase_only() {
        let key = SecretKey::from_seed(&Zeroizing::new([9; 32]));
        let file = encrypt(&key, &passphrase("correct horse"), &Randomness { salt: [1; 16], iv: [2; 16] }).unwrap();
        assert!(is_encrypted(file.as_bytes()));
        assert_eq!(read(file.as_bytes(), Some(&passphrase("correct horse"))).unwrap().public(), key.public());
        assert_eq!(read(file.as_bytes(), None).unwrap_err(), KeyFileError::PassphraseNeeded);
        assert_eq!(read(file.as_bytes(), Some(&passphrase("incorrect horse"))).unwrap_err(), KeyFileError::WrongPassphrase);
        assert_eq!(
            encrypt(&key, &passphrase("short"), &Randomness { salt: [1; 16], iv: [2; 16] }).unwrap_err(),
            KeyFileError::PassphraseTooShort
        );
    }

    /// A file named a scrypt cost of 2^40: opening it took all memory, and the process died.
    #[test]
    fn a_key_file_that_asks_for_too_much_is_refused_at_once() {
        let key = SecretKey::from_seed(&Zeroizing::new([9; 32]));
        let file = encrypt(&key, &passphrase("correct horse"), &Randomness { salt: [1; 16], iv: [2; 16] }).unwrap();
        let (_, document) = SecretDocument::from_pem(&file).unwrap();
        let info = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes()).unwrap();
        for cost in [1 << 19, 1 << 40, u64::MAX] {
            let mut parameters = info.encryption_algorithm.pbes2().unwrap().clone();
            if let pbes2::Kdf::Scrypt(scrypt) = &mut parameters.kdf {
                scrypt.cost_parameter = cost;
            }
            let costly = EncryptedPrivateKeyInfoRef { encryption_algorithm: parameters.into(), encrypted_data: info.encrypted_data };
            let document = SecretDocument::encode_msg(&costly).unwrap();
            let file = document.to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, pem::LineEnding::LF).unwrap();
            assert_eq!(read(file.as_bytes(), Some(&passphrase("correct horse"))).unwrap_err(), KeyFileError::TooCostly);
        }
    }

    #[test]
    fn a_plain_key_file_is_rfc_8410() {
        let key = SecretKey::from_seed(&Zeroizing::new([9; 32]));
        let file = plain(&key).unwrap();
        assert!(!is_encrypted(file.as_bytes()));
        assert_eq!(read(file.as_bytes(), None).unwrap().public(), key.public());
        assert_eq!(read(b"nonsense", None).unwrap_err(), KeyFileError::NotPkcs8);
        assert_eq!(read(&[b'a'; KEY_FILE_BYTES_MAX + 1], None).unwrap_err(), KeyFileError::TooLarge);
    }
}
