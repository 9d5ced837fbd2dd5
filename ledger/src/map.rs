//! A sparse Merkle map, of cases or of keys: 32 bytes for each id, one root over all, and a short proof for any id that it has
//! this value or that it has none (format.md section 18).
//!
//! The tree is kept without its one-sided nodes: a branch is where leaves part, so there is one branch fewer than leaves. The
//! nodes between two branches have one empty side each; their hashes are made when they are needed.
//!
//! Why a proof proves: SHA-256 of what begins with 0x00, SHA-256 of what begins with 0x01 and 32 zero bytes never meet, so from a
//! root down every hash is that of one leaf, of one pair, or of nothing. Two proofs for one key take the same way down; where the
//! shorter ends, in a leaf or in nothing, the longer cannot go on. So no root, not even one made up, has two answers for a key,
//! and the root of a map has the map's. This needs the one-sided nodes: without their hashes, a pair could be shown on either
//! side of the level above.

use sha2::{Digest as _, Sha256};
use signer::value::{base64, from_base64_array};

/// Levels of the tree, and the most siblings of a proof.
pub const DEPTH_MAX: usize = 256;
/// What stands for a subtree without leaves; the root of the empty map.
pub const EMPTY: [u8; 32] = [0; 32];

/// Where an id stands: SHA-256 of its text.
pub fn key_of(id: &str) -> [u8; 32] {
    Sha256::digest(id).into()
}

/// A key and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Where it stands.
    pub key: [u8; 32],
    /// What it says.
    pub value: [u8; 32],
}

impl Leaf {
    fn hash(&self) -> [u8; 32] {
        hash(0x00, &self.key, &self.value)
    }
}

/// Where leaves part: both sides have some.
#[derive(Clone, Copy, Debug)]
struct Branch {
    /// Of this node, at its own depth; not true while `dirty`.
    hash: [u8; 32],
    children: [Link; 2],
    /// The bit of the key that tells left from right: the node's depth.
    bit: u8,
    /// A leaf below has changed since `hash` was made. All branches above are dirty too.
    dirty: bool,
}

/// Index of a leaf, or of a branch with the highest bit set.
#[derive(Clone, Copy, Debug)]
struct Link(u32);

enum Node {
    Leaf(usize),
    Branch(usize),
}

impl Link {
    const BRANCH: u32 = 1 << 31;

    fn leaf(index: usize) -> Link {
        assert!(index < Self::BRANCH as usize, "a map holds fewer than 2^31 leaves");
        Link(index as u32)
    }

    /// There are fewer branches than leaves, so the index fits.
    fn branch(index: usize) -> Link {
        Link(index as u32 | Self::BRANCH)
    }

    fn node(self) -> Node {
        let index = (self.0 & !Self::BRANCH) as usize;
        if self.0 & Self::BRANCH == 0 { Node::Leaf(index) } else { Node::Branch(index) }
    }
}

/// The map. Setting marks what changed; hashes are made when a root or proof is asked for, each once however many leaves below
/// it changed.
///
/// A leaf takes 108 bytes: 64 for key and value and 44 for the branch that came with it; with the room to grow, at most 122. A
/// million cases are set in 0.6 s and hashed in 0.6 s; two thousand changed among them take 2 ms and 7 ms; a proof has 21
/// siblings, seldom more than 30.
#[derive(Clone, Debug, Default)]
pub struct SparseMap {
    leaves: Vec<Leaf>,
    branches: Vec<Branch>,
    top: Option<Link>,
}

impl SparseMap {
    /// Number of leaves.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether there is no leaf.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// The key's value.
    pub fn get(&self, key: &[u8; 32]) -> Option<[u8; 32]> {
        self.nearest(key).map(|index| &self.leaves[index]).filter(|leaf| leaf.key == *key).map(|leaf| leaf.value)
    }

    /// Gives a key its value, its first or another.
    ///
    /// # Panics
    ///
    /// At 2^31 leaves, which would take more than 200 GB.
    pub fn set(&mut self, key: [u8; 32], value: [u8; 32]) {
        let Some(nearest) = self.nearest(&key) else {
            self.top = Some(self.push_leaf(Leaf { key, value }));
            return;
        };
        let leaf = &mut self.leaves[nearest];
        match first_difference(&leaf.key, &key) {
            Some(fork) => self.insert(Leaf { key, value }, fork),
            None if leaf.value == value => {}
            None => {
                leaf.value = value;
                self.mark(&key, u8::MAX);
            }
        }
    }

    /// The root over all leaves.
    pub fn root(&mut self) -> [u8; 32] {
        let Some(top) = self.top else { return EMPTY };
        self.refresh(top);
        self.hash_at(top, 0)
    }

    /// Proof against [`SparseMap::root`] of what the key has.
    pub fn proof(&mut self, key: &[u8; 32]) -> MapProof {
        let mut siblings = Vec::new();
        let (Some(mut link), Some(nearest)) = (self.top, self.nearest(key)) else { return MapProof { siblings, leaf: None } };
        self.refresh(link);
        let nearest = self.leaves[nearest];
        let fork = first_difference(&nearest.key, key).map_or(DEPTH_MAX, usize::from);
        while let Node::Branch(index) = link.node() {
            let branch = &self.branches[index];
            let bit = usize::from(branch.bit);
            if fork < bit {
                // The key leaves the way that all leaves below this link go together.
                siblings.resize(fork, EMPTY);
                siblings.push(self.hash_at(link, fork + 1));
                return MapProof { siblings, leaf: None };
            }
            let side = side(key, bit);
            siblings.resize(bit, EMPTY);
            siblings.push(self.hash_at(branch.children[1 - side], bit + 1));
            link = branch.children[side];
        }
        MapProof { siblings, leaf: Some(nearest) }
    }

    /// The leaf that agrees with the key in the most bits before the first in which they differ, or one of them.
    fn nearest(&self, key: &[u8; 32]) -> Option<usize> {
        let mut link = self.top?;
        loop {
            match link.node() {
                Node::Leaf(index) => return Some(index),
                Node::Branch(index) => {
                    let branch = &self.branches[index];
                    link = branch.children[side(key, usize::from(branch.bit))];
                }
            }
        }
    }

    /// Puts a leaf where its key and the nearest leaf's part.
    fn insert(&mut self, leaf: Leaf, fork: u8) {
        let above = self.mark(&leaf.key, fork);
        let new = self.push_leaf(leaf);
        let link = Link::branch(self.branches.len());
        let place = match above {
            Some((branch, side)) => &mut self.branches[branch].children[side],
            None => self.top.get_or_insert(new),
        };
        let old = std::mem::replace(place, link);
        let children = if side(&leaf.key, usize::from(fork)) == 0 { [new, old] } else { [old, new] };
        push(&mut self.branches, Branch { hash: EMPTY, children, bit: fork, dirty: true });
    }

    /// Marks the branches on the key's way that are not below a depth: the last of them, and the side to which the way goes on.
    fn mark(&mut self, key: &[u8; 32], depth: u8) -> Option<(usize, usize)> {
        let mut last = None;
        let mut link = self.top?;
        while let Node::Branch(index) = link.node() {
            let branch = &mut self.branches[index];
            if branch.bit > depth {
                break;
            }
            branch.dirty = true;
            let side = side(key, usize::from(branch.bit));
            last = Some((index, side));
            link = branch.children[side];
        }
        last
    }

    fn push_leaf(&mut self, leaf: Leaf) -> Link {
        let link = Link::leaf(self.leaves.len());
        push(&mut self.leaves, leaf);
        link
    }

    /// Makes the hashes of dirty branches, from below. As deep as the tree: at most 256 calls.
    fn refresh(&mut self, link: Link) {
        let Node::Branch(index) = link.node() else { return };
        let Branch { children: [left, right], bit, dirty, .. } = self.branches[index];
        if !dirty {
            return;
        }
        self.refresh(left);
        self.refresh(right);
        let below = usize::from(bit) + 1;
        let hash = inner(&self.hash_at(left, below), &self.hash_at(right, below));
        let branch = &mut self.branches[index];
        branch.hash = hash;
        branch.dirty = false;
    }

    /// Hash of the subtree at a depth whose leaves are those below a link: a leaf's own, or that of the one-sided nodes from the
    /// depth down to the branch.
    fn hash_at(&self, link: Link, depth: usize) -> [u8; 32] {
        match link.node() {
            Node::Leaf(index) => self.leaves[index].hash(),
            Node::Branch(index) => {
                let branch = &self.branches[index];
                let bit = usize::from(branch.bit);
                if bit == depth {
                    return branch.hash;
                }
                let key = self.any_key(branch);
                (depth..bit).rev().fold(branch.hash, |node, depth| parent(key, depth, &node, &EMPTY))
            }
        }
    }

    /// The key of a leaf below a branch: above the branch, all go the same way.
    fn any_key<'a>(&'a self, mut branch: &'a Branch) -> &'a [u8; 32] {
        loop {
            match branch.children[0].node() {
                Node::Leaf(index) => return &self.leaves[index].key,
                Node::Branch(index) => branch = &self.branches[index],
            }
        }
    }
}

/// What a proof shows of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proved {
    /// It has this value.
    Present([u8; 32]),
    /// It has none.
    Absent,
}

/// Proof of what a key has in a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapProof {
    /// Hashes of the subtrees beside the key's way, from the root down to where the key's subtree holds one leaf or none.
    pub siblings: Vec<[u8; 32]>,
    /// That leaf: the key's own, or the one that stands where the key's would.
    pub leaf: Option<Leaf>,
}

impl MapProof {
    /// What the proof shows of the key in the map with this root; nothing if it is no proof.
    pub fn verify(&self, root: &[u8; 32], key: &[u8; 32]) -> Option<Proved> {
        let depth = self.siblings.len();
        let stands_here = |leaf: &Leaf| first_difference(&leaf.key, key).is_none_or(|fork| usize::from(fork) >= depth);
        if depth > DEPTH_MAX || !self.leaf.as_ref().is_none_or(stands_here) {
            return None;
        }
        let end = self.leaf.map_or(EMPTY, |leaf| leaf.hash());
        let made = self.siblings.iter().enumerate().rev().fold(end, |node, (depth, sibling)| parent(key, depth, &node, sibling));
        let proved = match self.leaf {
            Some(leaf) if leaf.key == *key => Proved::Present(leaf.value),
            _ => Proved::Absent,
        };
        (made == *root).then_some(proved)
    }

    /// As text: a line of base64 for each sibling, then `leaf <key> <value>` if there is a leaf.
    pub fn encode(&self) -> String {
        let mut text: String = self.siblings.iter().map(|sibling| base64(sibling) + "\n").collect();
        if let Some(leaf) = &self.leaf {
            text += &format!("leaf {} {}\n", base64(&leaf.key), base64(&leaf.value));
        }
        text
    }

    /// From its text, which has one spelling; at most 256 siblings.
    pub fn parse(text: &str) -> Option<MapProof> {
        let mut proof = MapProof { siblings: Vec::new(), leaf: None };
        let mut rest = text;
        while let Some((line, after)) = rest.split_once('\n') {
            if proof.leaf.is_some() {
                return None;
            }
            rest = after;
            if let Some(fields) = line.strip_prefix("leaf ") {
                let (key, value) = fields.split_once(' ')?;
                proof.leaf = Some(Leaf { key: from_base64_array(key)?, value: from_base64_array(value)? });
            } else if proof.siblings.len() < DEPTH_MAX {
                proof.siblings.push(from_base64_array(line)?);
            } else {
                return None;
            }
        }
        rest.is_empty().then_some(proof)
    }
}

/// The side to which a key goes at a depth: 0 is left.
fn side(key: &[u8; 32], depth: usize) -> usize {
    usize::from(key[depth / 8] >> (7 - depth % 8) & 1)
}

/// The first bit in which two keys differ.
fn first_difference(a: &[u8; 32], b: &[u8; 32]) -> Option<u8> {
    let byte = a.iter().zip(b).position(|(a, b)| a != b)?;
    Some((byte * 8) as u8 + (a[byte] ^ b[byte]).leading_zeros() as u8)
}

/// Hash of the node at a depth on a key's way, from its child on the way and the other.
fn parent(key: &[u8; 32], depth: usize, child: &[u8; 32], other: &[u8; 32]) -> [u8; 32] {
    if side(key, depth) == 0 { inner(child, other) } else { inner(other, child) }
}

fn inner(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    hash(0x01, left, right)
}

fn hash(prefix: u8, first: &[u8; 32], second: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([prefix]).chain_update(first).chain_update(second).finalize().into()
}

/// Appends, with an eighth of room to grow instead of the double.
fn push<T>(items: &mut Vec<T>, item: T) {
    if items.len() == items.capacity() {
        items.reserve_exact(items.len() / 8 + 8);
    }
    items.push(item);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Section 18 as it is written: the hash of a subtree at a depth from its leaves.
    fn plain_hash(leaves: &[Leaf], depth: usize) -> [u8; 32] {
        match leaves {
            [] => EMPTY,
            [leaf] => Sha256::digest([&[0], &leaf.key[..], &leaf.value[..]].concat()).into(),
            _ => {
                let (left, right) = plain_split(leaves, depth);
                Sha256::digest([&[1], &plain_hash(left, depth + 1)[..], &plain_hash(right, depth + 1)[..]].concat()).into()
            }
        }
    }

    /// Keys in order: the left come first.
    fn plain_split(leaves: &[Leaf], depth: usize) -> (&[Leaf], &[Leaf]) {
        leaves.split_at(leaves.partition_point(|leaf| leaf.key[depth / 8] & (0x80 >> (depth % 8)) == 0))
    }

    fn plain_proof(leaves: &[Leaf], key: &[u8; 32]) -> MapProof {
        let mut subtree = leaves;
        let mut siblings = Vec::new();
        while subtree.len() > 1 {
            let depth = siblings.len();
            let (left, right) = plain_split(subtree, depth);
            let (way, other) = if key[depth / 8] & (0x80 >> (depth % 8)) == 0 { (left, right) } else { (right, left) };
            siblings.push(plain_hash(other, depth + 1));
            subtree = way;
        }
        MapProof { siblings, leaf: subtree.first().copied() }
    }

    /// Keys spread as SHA-256 spreads them, and keys that agree in many bits as nobody can make them.
    fn key() -> impl Strategy<Value = [u8; 32]> {
        let close = (0..3u8, 0..=255u8, 0..=255u8).prop_map(|(fill, one, other)| {
            let mut key = [[0x00, 0xFF, 0x5A][usize::from(fill)]; 32];
            for bit in [one, other] {
                key[usize::from(bit / 8)] ^= 0x80 >> (bit % 8);
            }
            key
        });
        prop_oneof![any::<[u8; 32]>(), close]
    }

    fn entries(most: usize) -> impl Strategy<Value = Vec<([u8; 32], [u8; 32])>> {
        // Few values, so that some are set again and some leaves share theirs.
        prop::collection::vec((key(), (0..4u8).prop_map(|byte| [byte; 32])), 0..most)
    }

    fn map_of(entries: &[([u8; 32], [u8; 32])]) -> SparseMap {
        let mut map = SparseMap::default();
        entries.iter().for_each(|(key, value)| map.set(*key, *value));
        map
    }

    fn plain_of(entries: &[([u8; 32], [u8; 32])]) -> Vec<Leaf> {
        let sorted: BTreeMap<_, _> = entries.iter().copied().collect();
        sorted.into_iter().map(|(key, value)| Leaf { key, value }).collect()
    }

    /// Every proof that differs from one in a bit or a line.
    fn mutations(proof: &MapProof) -> Vec<MapProof> {
        let mut all = Vec::new();
        let mut add = |change: &dyn Fn(&mut MapProof)| {
            let mut changed = proof.clone();
            change(&mut changed);
            all.push(changed);
        };
        for index in 0..proof.siblings.len() {
            (0..256).for_each(|bit| add(&|p| p.siblings[index][bit / 8] ^= 0x80 >> (bit % 8)));
            add(&|p| {
                p.siblings.remove(index);
            });
            add(&|p| p.siblings.truncate(index));
            add(&|p| {
                let end = p.siblings.len();
                p.siblings[index..end].rotate_left(1)
            });
        }
        for index in 0..=proof.siblings.len() {
            add(&|p| p.siblings.insert(index, EMPTY));
            add(&|p| p.siblings.insert(index, [7; 32]));
        }
        for bit in 0..256 {
            add(&|p| p.leaf.iter_mut().for_each(|leaf| leaf.key[bit / 8] ^= 0x80 >> (bit % 8)));
            add(&|p| p.leaf.iter_mut().for_each(|leaf| leaf.value[bit / 8] ^= 0x80 >> (bit % 8)));
        }
        add(&|p| p.leaf = if p.leaf.is_some() { None } else { Some(Leaf { key: [1; 32], value: [2; 32] }) });
        all.retain(|changed| changed != proof);
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn roots_and_proofs_are_those_of_the_page(entries in entries(40), others in prop::collection::vec(key(), 8)) {
            let mut map = map_of(&entries);
            let leaves = plain_of(&entries);
            let root = map.root();
            prop_assert_eq!(root, plain_hash(&leaves, 0));
            prop_assert_eq!((map.len(), map.is_empty()), (leaves.len(), leaves.is_empty()));
            for key in leaves.iter().map(|leaf| leaf.key).chain(others) {
                let value = leaves.iter().find(|leaf| leaf.key == key).map(|leaf| leaf.value);
                let proof = map.proof(&key);
                prop_assert_eq!(map.get(&key), value);
                prop_assert_eq!(&proof, &plain_proof(&leaves, &key));
                prop_assert_eq!(proof.verify(&root, &key), Some(value.map_or(Proved::Absent, Proved::Present)));
                prop_assert_eq!(MapProof::parse(&proof.encode()), Some(proof));
            }
        }

        #[test]
        fn order_does_not_matter(mut entries in entries(40), turn in any::<prop::sample::Index>()) {
            entries.sort_unstable();
            entries.dedup_by_key(|entry| entry.0);
            let root = map_of(&entries).root();
            entries.reverse();
            prop_assert_eq!(map_of(&entries).root(), root);
            let middle = turn.index(entries.len().max(1));
            entries.rotate_left(middle);
            prop_assert_eq!(map_of(&entries).root(), root);
        }

        #[test]
        fn changed_is_as_made_anew(entries in entries(40), asked in any::<u64>()) {
            let mut map = SparseMap::default();
            for (index, (key, value)) in entries.iter().enumerate() {
                map.set(*key, *value);
                if asked >> index & 1 == 1 {
                    prop_assert_eq!(map.root(), map_of(&entries[..=index]).root());
                }
            }
            prop_assert_eq!(map.root(), plain_hash(&plain_of(&entries), 0));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_changed_proof_proves_nothing(entries in entries(12), other in key()) {
            let mut map = map_of(&entries);
            let root = map.root();
            for key in entries.iter().map(|entry| entry.0).take(2).chain([other]) {
                for changed in mutations(&map.proof(&key)) {
                    prop_assert_eq!(changed.verify(&root, &key), None);
                }
            }
        }

        #[test]
        fn a_proof_is_of_one_root(entries in entries(12), other in key()) {
            let mut map = map_of(&entries);
            let proof = map.proof(&other);
            let root = map.root();
            for bit in 0..256 {
                let mut wrong = root;
                wrong[bit / 8] ^= 0x80 >> (bit % 8);
                prop_assert_eq!(proof.verify(&wrong, &other), None);
            }
            map.set(other, [9; 32]);
            prop_assert_eq!(proof.verify(&map.root(), &other), None);
        }
    }

    /// A thousand ids as the ledger has them.
    fn cases() -> SparseMap {
        let mut map = SparseMap::default();
        (0..1000).for_each(|n| map.set(key_of(&format!("case-{n}")), [n as u8; 32]));
        map
    }

    #[test]
    fn a_proof_for_one_key_does_not_serve_another() {
        let mut map = cases();
        let root = map.root();
        let keys: Vec<_> = (0..1100).map(|n| key_of(&format!("case-{n}"))).collect();
        for key in keys.iter().step_by(50) {
            let proof = map.proof(key);
            for other in keys.iter().filter(|other| *other != key) {
                let proved = proof.verify(&root, other);
                match (map.get(key), map.get(other)) {
                    (Some(_), Some(_)) => assert_eq!(proved, None),
                    // Where both go to the same leaf or to the same nothing, the proof is of both, and true of both.
                    (_, value) => assert!(proved.is_none() || proved == Some(value.map_or(Proved::Absent, Proved::Present))),
                }
            }
        }
    }

    #[test]
    fn a_changed_text_proves_nothing() {
        let mut map = cases();
        let root = map.root();
        for id in ["case-7", "case-1007"] {
            let key = key_of(id);
            let text = map.proof(&key).encode();
            for index in 0..text.len() {
                for bit in 0..7 {
                    let mut bytes = text.clone().into_bytes();
                    bytes[index] ^= 1 << bit;
                    let changed = MapProof::parse(std::str::from_utf8(&bytes).unwrap());
                    assert_eq!(changed.and_then(|proof| proof.verify(&root, &key)), None, "{id} {index} {bit}");
                }
                let changed = MapProof::parse(&text[..index]);
                assert_eq!(changed.and_then(|proof| proof.verify(&root, &key)), None, "{id} {index}");
            }
        }
    }

    #[test]
    fn a_leaf_stands_on_its_own_way() {
        let (low, high) = (Leaf { key: [0x00; 32], value: [1; 32] }, Leaf { key: [0xFF; 32], value: [2; 32] });
        let wrong_way = inner(&high.hash(), &low.hash());
        let proof = MapProof { siblings: vec![low.hash()], leaf: Some(high) };
        assert_eq!(proof.verify(&wrong_way, &low.key), None);
        assert_eq!(proof.verify(&wrong_way, &high.key), None);
    }

    #[test]
    fn a_one_sided_node_is_hashed_with_its_empty_side() {
        // All three keys begin with 0, and two with 00; made with another program.
        let mut map = SparseMap::default();
        for key in ["07-0213", "07-0214", "07-0216"].map(key_of) {
            map.set(key, Sha256::digest(key).into());
        }
        assert_eq!(base64(&map.root()), "FIfGLSK8RAM9BgPfI3P8VmyEwz/gKNoS9dCW47SgGM0=");
        let absent = map.proof(&[0xFF; 32]);
        assert_eq!((absent.siblings.len(), absent.leaf), (1, None));
        // The proof that would hide all three if the node were left out: nothing on the left, all on the right.
        let hidden = MapProof { siblings: absent.siblings, leaf: None };
        assert_eq!(hidden.verify(&map.root(), &key_of("07-0213")), None);
    }

    #[test]
    fn the_smallest_maps() {
        let key = key_of("07-0213");
        let mut map = SparseMap::default();
        assert_eq!(map.root(), EMPTY);
        assert_eq!(map.proof(&key).encode(), "");
        assert_eq!(MapProof::parse("").unwrap().verify(&EMPTY, &key), Some(Proved::Absent));
        map.set(key, [3; 32]);
        assert_eq!(map.root(), Leaf { key, value: [3; 32] }.hash());
        assert_eq!(map.proof(&key).verify(&map.root(), &key), Some(Proved::Present([3; 32])));
        assert_eq!(map.proof(&[0; 32]).verify(&map.root(), &[0; 32]), Some(Proved::Absent));
    }

    #[test]
    fn the_deepest_map() {
        let mut last = [0; 32];
        last[31] = 1;
        let mut map = map_of(&[([0; 32], [1; 32]), (last, [2; 32])]);
        let proof = map.proof(&last);
        assert_eq!(proof.siblings.len(), DEPTH_MAX);
        assert_eq!(MapProof::parse(&proof.encode()).unwrap().verify(&map.root(), &last), Some(Proved::Present([2; 32])));
        let longer = MapProof { siblings: vec![EMPTY; 257], leaf: None };
        assert_eq!(longer.verify(&map.root(), &last), None);
        assert_eq!(MapProof::parse(&longer.encode()), None);
        // A branch at every depth.
        (0..=255).for_each(|bit: u8| {
            let mut key = [0; 32];
            key[usize::from(bit / 8)] = 0x80 >> (bit % 8);
            map.set(key, [bit; 32]);
        });
        assert_eq!(map.len(), 257);
        assert_eq!(map.proof(&[0; 32]).verify(&map.root(), &[0; 32]), Some(Proved::Present([1; 32])));
    }

    #[test]
    fn texts_have_one_spelling() {
        let hash = base64(&[5; 32]);
        let leaf = format!("leaf {hash} {hash}\n");
        assert!(MapProof::parse(&format!("{hash}\n{hash}\n{leaf}")).is_some());
        for text in [
            "\n".to_owned(),
            hash.clone(),
            format!("{hash}\n\n"),
            format!("{hash}\r\n"),
            format!(" {hash}\n"),
            format!("{leaf}{hash}\n"),
            format!("{leaf}{leaf}"),
            format!("leaf {hash}\n"),
            format!("leaf  {hash} {hash}\n"),
            format!("leaf {hash} {hash} \n"),
            format!("leaf {hash} {hash}"),
        ] {
            assert_eq!(MapProof::parse(&text), None, "{text:?}");
        }
    }

    #[test]
    fn a_leaf_takes_what_is_said() {
        assert_eq!(size_of::<Leaf>() + size_of::<Branch>(), 108);
        let map = cases();
        let bytes = map.leaves.capacity() * size_of::<Leaf>() + map.branches.capacity() * size_of::<Branch>();
        assert!(bytes <= 122 * map.len() + 8 * 108, "{bytes}");
    }
}
