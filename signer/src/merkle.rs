//! Verifying proofs of the RFC 6962 tree, and the roots of lists. Making proofs is `ledger`'s work.

use sha2::{Digest as _, Sha256};

use crate::value::{ListRoot, TreeHash, TreeRoot};

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

/// Root over all lines of a list, each without `| ` and line break.
pub fn list_root(lines: impl IntoIterator<Item = impl AsRef<[u8]>>) -> ListRoot {
    let mut complete: Vec<TreeHash> = Vec::new();
    for (count, line) in lines.into_iter().enumerate() {
        let mut hash = leaf_hash(line.as_ref());
        // This leaf completes one subtree for each trailing one of the number of leaves before it.
        for left in complete.split_off(complete.len() - count.trailing_ones() as usize).iter().rev() {
            hash = node_hash(left, &hash);
        }
        complete.push(hash);
    }
    let root = complete.into_iter().rev().reduce(|right, left| node_hash(&left, &right));
    ListRoot(root.map_or(empty_root().0, |root| root.0))
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

/// The root at a smaller size that a consistency proof shows for the tree of `new_root`, if it leads there. Nothing where the
/// smaller size is a power of two: then the proof leaves it out.
pub fn prefix_root(old_size: u64, new_size: u64, new_root: &TreeRoot, proof: &[TreeHash]) -> Option<TreeRoot> {
    if old_size == 0 || old_size >= new_size || old_size.is_power_of_two() {
        return None;
    }
    // The root that is passed is read for powers of two alone.
    consistent_roots(old_size, new_root, new_size, proof).filter(|(_, new)| new == new_root).map(|(old, _)| old)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962 section 2.1, word for word.
    fn root(lines: &[String]) -> TreeHash {
        match lines {
            [] => TreeHash(empty_root().0),
            [line] => leaf_hash(line.as_bytes()),
            _ => {
                let (left, right) = lines.split_at(lines.len().next_power_of_two() / 2);
                node_hash(&root(left), &root(right))
            }
        }
    }

    #[test]
    fn a_list_has_the_root_of_the_rfc() {
        for size in 0..20_u64 {
            let lines: Vec<String> = (0..size).map(|n| format!("case-{n} paid")).collect();
            assert_eq!(list_root(&lines).0, root(&lines).0, "{size} lines");
        }
    }
}
