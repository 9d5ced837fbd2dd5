//! Verifying proofs of the RFC 6962 tree. Making them is `ledger`'s work.

use sha2::{Digest as _, Sha256};

use crate::value::{TreeHash, TreeRoot};

/// Hash of a leaf.
pub fn leaf_hash(entry: &[u8]) -> TreeHash {
    TreeHash(Sha256::new().chain_update([0x00]).chain_update(entry).finalize().into())
}

/// Hash of an inner node.
pub fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    let mut bytes = [0u8; 65];
    bytes[0] = 0x01;
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    TreeHash(Sha256::digest(bytes).into())
}

/// Root of the tree without leaves.
pub fn empty_root() -> TreeRoot {
    TreeRoot(Sha256::digest([]).into())
}

/// The root to which an inclusion proof leads, or nothing if it has the wrong length.
pub fn root_of_inclusion(leaf: TreeHash, index: u64, size: u64, proof: &[TreeHash]) -> Option<TreeRoot> {
    if index >= size {
        return None;
    }
    let (mut hash, mut node, mut last) = (leaf, index, size - 1);
    let mut proof = proof.iter();
    while last > 0 {
        // A node without right sibling moves up unhashed.
        if node % 2 == 1 {
            hash = node_hash(proof.next()?, &hash);
        } else if node < last {
            hash = node_hash(&hash, proof.next()?);
        }
        node /= 2;
        last /= 2;
    }
    proof.next().is_none().then_some(TreeRoot(hash.0))
}

/// Whether the tree of `old_size` leaves is a prefix of the one of `new_size` (RFC 9162 section 2.1.4.2).
#[must_use]
pub fn verifies_consistency(old_size: u64, old_root: &TreeRoot, new_size: u64, new_root: &TreeRoot, proof: &[TreeHash]) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    consistent_roots(old_size, old_root, new_size, proof).is_some_and(|(old, new)| old == *old_root && new == *new_root)
}

fn consistent_roots(old_size: u64, old_root: &TreeRoot, new_size: u64, proof: &[TreeHash]) -> Option<(TreeRoot, TreeRoot)> {
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    let mut proof = proof.iter();
    while node % 2 == 1 {
        node /= 2;
        last /= 2;
    }
    let first = if node == 0 { TreeHash(old_root.0) } else { *proof.next()? };
    let (mut old, mut new) = (first, first);
    while last > 0 {
        if node % 2 == 1 {
            let sibling = proof.next()?;
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
        } else if node < last {
            new = node_hash(&new, proof.next()?);
        }
        node /= 2;
        last /= 2;
    }
    proof.next().is_none().then_some((TreeRoot(old.0), TreeRoot(new.0)))
}
