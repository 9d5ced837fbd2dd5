//! Messages of a stream.

use ledger::block::{BLOCK_BYTES_MAX, Block, encode};
use sha2::{Digest as _, Sha256};
use signer::note::note_hash;
use signer::value::base64;

use crate::world::key;

/// What reads as a block has the digest and the hash that it claims, and its contents make the same payload again. Since a change
/// to a good block hardly ever gets past the digest, the message is read once more with the right one.
pub fn block(data: &[u8]) {
    read(data);
    if let Some(resealed) = with_right_digest(data) {
        read(&resealed);
    }
}

fn read(data: &[u8]) {
    let Ok(block) = Block::parse(data) else { return };
    assert!(data.len() <= BLOCK_BYTES_MAX && block.hash == note_hash(data));
    assert_eq!(block.size_after(), block.header.size + block.carried.entries.len() as u64);
    let (header, payload) = parts(data).unwrap();
    let digest = base64(&Sha256::digest(payload));
    assert!(header.windows(digest.len()).any(|part| part == digest.as_bytes()));
    // Read, written by another node and read again it says the same.
    let sealed = encode(&block.header, &block.carried, "other", &key("other"));
    assert_eq!(parts(&sealed).unwrap().1, payload);
    let again = Block::parse(&sealed).unwrap();
    assert_eq!((&again.header, &again.carried), (&block.header, &block.carried));
    assert!(again.is_signed("other", &key("other").public()) && !block.is_signed("other", &key("other").public()));
}

/// Header and payload.
fn parts(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn with_right_digest(data: &[u8]) -> Option<Vec<u8>> {
    let (header, payload) = parts(data)?;
    let text = core::str::from_utf8(header).ok()?;
    let carries = text.lines().find(|line| line.starts_with("carries "))?;
    let (counts, _) = carries.rsplit_once(' ')?;
    let text = text.replacen(carries, &format!("{counts} {}", base64(&Sha256::digest(payload))), 1);
    let length = u16::try_from(text.len()).ok()?;
    Some([&length.to_be_bytes()[..], text.as_bytes(), payload].concat())
}
