//! What the log was at each size: tree, chain heads, times. Grows by 104 bytes an entry (format.md section 17).

use std::sync::Arc;

use signer::Note;
use signer::checkpoint::Receipt;
use signer::merkle::{empty_root, node_hash};
use signer::statement::Seen;
use signer::value::{ChainHead, TreeHash, TreeRoot, UnixMs};

use crate::entry::entry_head;

/// RFC 6962 tree with proofs at any sizes.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// `levels[l][i]` is the hash of the complete subtree over leaves i·2^l to (i + 1)·2^l.
    levels: Vec<Vec<TreeHash>>,
}

impl Tree {
    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: TreeHash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[level];
            nodes.push(hash);
            match nodes.as_slice() {
                [.., left, right] if nodes.len().is_multiple_of(2) => hash = node_hash(left, right),
                _ => return,
            }
        }
    }

    /// The arrays of complete subtrees' hashes, leaves first: what the files `hashes/L` hold.
    pub fn levels(&self) -> &[Vec<TreeHash>] {
        &self.levels
    }

    /// Root of the first `size` leaves, or nothing if there are fewer.
    pub fn root_at(&self, size: u64) -> Option<TreeRoot> {
        root_at(self, size)
    }

    /// Inclusion proof of a leaf in the tree of the first `size` leaves, the leaf's sibling first.
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<TreeHash>> {
        inclusion(self, index, size)
    }

    /// Consistency proof between the trees of two sizes.
    pub fn consistency(&self, old: u64, new: u64) -> Option<Vec<TreeHash>> {
        if old > new || new > self.size() {
            return None;
        }
        let mut proof = Vec::new();
        if old > 0 && old < new {
            subproof(self, old, (0, new), true, &mut proof)?;
        }
        Some(proof)
    }
}

/// Wherever the hashes of complete subtrees come from.
pub(crate) trait Nodes {
    /// The hash over leaves at·2^level to (at + 1)·2^level; nothing where it is not to be had.
    fn node(&self, level: usize, at: u64) -> Option<TreeHash>;
}

impl Nodes for Tree {
    fn node(&self, level: usize, at: u64) -> Option<TreeHash> {
        self.levels.get(level)?.get(usize::try_from(at).ok()?).copied()
    }
}

/// Root of the first `size` leaves.
pub(crate) fn root_at(nodes: &dyn Nodes, size: u64) -> Option<TreeRoot> {
    if size == 0 { Some(empty_root()) } else { Some(TreeRoot(range(nodes, 0, size)?.0)) }
}

/// Inclusion proof of a leaf in the tree of the first `size` leaves, the leaf's sibling first.
pub(crate) fn inclusion(nodes: &dyn Nodes, index: u64, size: u64) -> Option<Vec<TreeHash>> {
    if index >= size {
        return None;
    }
    let mut proof = Vec::with_capacity(size.ilog2() as usize + 1);
    path(nodes, index, (0, size), &mut proof)?;
    // Of a tree of one leaf the proof is empty, and says nothing of whether the leaf is there.
    nodes.node(0, index).map(|_| proof)
}

/// Hash over leaves `start..end`, where `start` is a multiple of the smallest power of two that is not below their number.
fn range(nodes: &dyn Nodes, start: u64, end: u64) -> Option<TreeHash> {
    let count = end - start;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return nodes.node(level as usize, start >> level);
    }
    let middle = start + split(count);
    Some(node_hash(&range(nodes, start, middle)?, &range(nodes, middle, end)?))
}

fn path(nodes: &dyn Nodes, index: u64, (start, end): (u64, u64), proof: &mut Vec<TreeHash>) -> Option<()> {
    if end - start == 1 {
        return Some(());
    }
    let middle = start + split(end - start);
    if index < middle {
        path(nodes, index, (start, middle), proof)?;
        proof.push(range(nodes, middle, end)?);
    } else {
        path(nodes, index, (middle, end), proof)?;
        proof.push(range(nodes, start, middle)?);
    }
    Some(())
}

/// SUBPROOF of RFC 6962 section 2.1.2.
fn subproof(nodes: &dyn Nodes, old: u64, (start, end): (u64, u64), known: bool, proof: &mut Vec<TreeHash>) -> Option<()> {
    if old == end {
        if !known {
            proof.push(range(nodes, start, end)?);
        }
        return Some(());
    }
    let middle = start + split(end - start);
    if old <= middle {
        subproof(nodes, old, (start, middle), known, proof)?;
        proof.push(range(nodes, middle, end)?);
    } else {
        subproof(nodes, old, (middle, end), false, proof)?;
        proof.push(range(nodes, start, middle)?);
    }
    Some(())
}

/// The largest power of two below `count`.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// What an entry says of the log before it is judged against this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Size, root and chain head of the log at the size that the entry names.
    pub seen: Seen,
    /// `received` of the last entry of that log.
    pub received_last: UnixMs,
    /// `received` of the entry that follows, where there is one.
    pub received_next: Option<UnixMs>,
}

/// Tree, chain heads and times of every size.
#[derive(Clone, Debug, Default)]
pub struct History {
    tree: Tree,
    chains: Vec<ChainHead>,
    received: Vec<UnixMs>,
}

impl History {
    /// Appends an entry's leaf hash, chain head and time.
    pub fn push(&mut self, leaf: TreeHash, chain: ChainHead, received: UnixMs) {
        self.tree.push(leaf);
        self.chains.push(chain);
        self.received.push(received);
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The tree.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Chain head after `size` entries.
    pub fn chain_at(&self, size: u64) -> Option<ChainHead> {
        match size.checked_sub(1) {
            None => Some(ChainHead::EMPTY),
            Some(last) => self.chains.get(usize::try_from(last).ok()?).copied(),
        }
    }

    /// `received` of an entry.
    pub fn received(&self, index: u64) -> Option<UnixMs> {
        self.received.get(usize::try_from(index).ok()?).copied()
    }

    /// Size, root and chain head at a size.
    pub fn seen_at(&self, size: u64) -> Option<Seen> {
        Some(Seen { size, root: self.tree.root_at(size)?, chain: self.chain_at(size)? })
    }

    /// Proof that an entry is in the log of a checkpoint of this size.
    pub fn receipt(&self, index: u64, size: u64, checkpoint: &Arc<Note>) -> Option<Receipt> {
        let entry_head = entry_head(self.chain_at(index)?, self.received(index)?);
        Some(Receipt { entry_head, index, proof: self.tree.inclusion(index, size)?, checkpoint: Arc::clone(checkpoint) })
    }

    /// What an entry that names this size is judged against.
    pub fn context(&self, size: u64) -> Option<Context> {
        let seen = self.seen_at(size)?;
        Some(Context { seen, received_last: self.received(size.checked_sub(1)?)?, received_next: self.received(size) })
    }
}

#[cfg(test)]
mod tests {
    use signer::merkle::{leaf_hash, root_of_inclusion, verifies_consistency};

    use super::*;

    /// MTH of RFC 6962 section 2.1, word for word.
    fn naive_root(leaves: &[TreeHash]) -> TreeHash {
        match leaves {
            [one] => *one,
            _ => {
                let middle = leaves.len().next_power_of_two() / 2;
                node_hash(&naive_root(&leaves[..middle]), &naive_root(&leaves[middle..]))
            }
        }
    }

    #[test]
    fn roots_and_proofs_verify_at_every_pair_of_sizes() {
        let leaves: Vec<TreeHash> = (0..70u8).map(|n| leaf_hash(&[n])).collect();
        let mut tree = Tree::default();
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        for size in 1..=70 {
            let root = tree.root_at(size).unwrap();
            assert_eq!(root.0, naive_root(&leaves[..size as usize]).0);
            for index in 0..size {
                let proof = tree.inclusion(index, size).unwrap();
                assert_eq!(root_of_inclusion(leaves[index as usize], index, size, &proof), Some(root));
                let other = (index + 1) % size;
                assert!(size == 1 || root_of_inclusion(leaves[index as usize], other, size, &proof) != Some(root));
            }
            for old in 0..=size {
                let old_root = tree.root_at(old).unwrap();
                let proof = tree.consistency(old, size).unwrap();
                assert!(verifies_consistency(old, &old_root, size, &root, &proof), "{old} {size}");
                let wrong = TreeRoot([7; 32]);
                assert!(!verifies_consistency(old, &wrong, size, &root, &proof));
                if old > 0 && old < size {
                    let mut longer = proof.clone();
                    longer.push(leaf_hash(b"x"));
                    assert!(!verifies_consistency(old, &old_root, size, &root, &longer));
                }
            }
        }
        assert_eq!(tree.root_at(0), Some(empty_root()));
        assert_eq!(tree.root_at(71), None);
        assert_eq!(tree.inclusion(70, 70), None);
        assert_eq!(tree.consistency(3, 71), None);
    }
}
