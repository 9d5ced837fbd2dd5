"""The map of an index: a sparse Merkle tree over SHA-256 of ids (format.md section 18)."""

import bisect
import hashlib

from tree import node_hash
from values import encode_base64

EMPTY = bytes(32)


def key_of(name):
    return hashlib.sha256(name.encode("ascii")).digest()


def leaf(key, value):
    return hashlib.sha256(b"\0" + key + value).digest()


def _first_difference(one, other):
    """The number of the first bit that differs, from the most significant of the first byte."""
    return 256 - (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_length()


def _bit(key, place):
    return key[place // 8] >> (7 - place % 8) & 1


def root(leaves):
    """The root over {key: leaf hash}. A leaf alone in its subtree is hashed no further; where leaves are two or more, every level is."""
    keys = sorted(leaves)

    def node(low, high, depth):
        """The hash of the subtree of that depth that holds the leaves from low to high."""
        if high - low == 1:
            return leaves[keys[low]]
        fork = _first_difference(keys[low], keys[high - 1])
        middle = bisect.bisect_left(keys, 1, low, high, key=lambda key: _bit(key, fork))
        result = node_hash(node(low, middle, fork + 1), node(middle, high, fork + 1))
        for place in reversed(range(depth, fork)):
            result = node_hash(EMPTY, result) if _bit(keys[low], place) else node_hash(result, EMPTY)
        return result

    return node(0, len(keys), 0) if keys else EMPTY


class CaseLeaves:
    """Leaves of cases; a leaf is hashed again only where its case has changed."""

    def __init__(self):
        self.known = {}

    def leaves(self, programme):
        result = {}
        for case in programme.cases.values():
            count, acts = programme.acts[case.id]
            state = (case.head, count, acts, tuple(case.flags))
            known = self.known.get(case.id)
            if known is None or known[0] != state:
                key = key_of(case.id)
                known = self.known[case.id] = (state, key, leaf(key, hashlib.sha256(_case_text(case.id, *state)).digest()))
            result[known[1]] = known[2]
        return result


def _case_text(name, head, count, acts, flags):
    lines = [f"case {name}", f"head {encode_base64(head)}", f"acts {count} {encode_base64(acts)}"]
    lines += ["flag " + flag for flag in sorted(encode_base64(flag) for flag in flags)]
    return "".join(line + "\n" for line in lines).encode("ascii")


def key_leaves(persons):
    """Leaves of all persons' keys."""
    result = {}
    for person, keys in persons.items():
        for key in keys:
            status = "revoked" if key.revoked is not None else "active" if key is keys[-1] else "replaced"
            public = encode_base64(key.public)
            text = f"key {person} {public}\nstatus {status}\n"
            name = key_of(f"{person} {public}")
            result[name] = leaf(name, hashlib.sha256(text.encode("ascii")).digest())
    return result
