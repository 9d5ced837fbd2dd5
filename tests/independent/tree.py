"""The tree of RFC 6962 with SHA-256, and its inclusion proof (format.md section 6)."""

import hashlib

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """`levels[L]` holds the hashes of the complete subtrees of 2^L leaves, in order."""

    def __init__(self):
        self.levels = [[]]

    @property
    def size(self):
        return len(self.levels[0])

    def append(self, leaf):
        node, level = leaf, 0
        self.levels[0].append(leaf)
        while len(self.levels[level]) % 2 == 0:
            node = node_hash(self.levels[level][-2], self.levels[level][-1])
            level += 1
            if level == len(self.levels):
                self.levels.append([])
            self.levels[level].append(node)

    def root(self, size):
        """The root of the first `size` leaves."""
        result = None
        for level in range(len(self.levels)):
            if size >> level & 1:
                node = self.levels[level][(size >> level) - 1]
                result = node if result is None else node_hash(node, result)
        return EMPTY_ROOT if result is None else result


def root_of(leaves):
    """The root over these leaf hashes."""
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root(tree.size)


def root_from_proof(leaf, index, size, proof):
    """The root that an inclusion proof leads to, or None where its length is wrong (RFC 6962 section 2.1.1)."""
    if index >= size:
        return None
    node, last, rest = leaf, size - 1, list(proof)
    while last:
        if index & 1 or index != last:
            if not rest:
                return None
            other = rest.pop(0)
            node = node_hash(other, node) if index & 1 else node_hash(node, other)
        index, last = index >> 1, last >> 1
    return None if rest else node
