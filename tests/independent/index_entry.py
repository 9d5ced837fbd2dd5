"""Index entries (format.md section 5.17): the state of all cases and keys under the ledger's own signature."""

import own_note
import sparse_map
import values
from values import require

KIND = "zeren index v1"


def judge(log, index, received, note):
    """Judge in the order of section 5.17, then what an index entry does."""
    named, cases, keys, refusals = read(note)
    require(named == log.ledger, "ledger-other")
    own_note.in_force(log, index, received, "index", own_note.signer(log, note, "index-signature"), "index-signature")
    leaves = log.state.case_leaves.leaves(log.state.programme)
    require(cases == (len(leaves), sparse_map.root(leaves)), "index-unlike")
    leaves = sparse_map.key_leaves(log.state.persons)
    require(keys == (len(leaves), sparse_map.root(leaves)), "index-unlike")
    log.state.indexed = received
    log.state.indexes.append((index, received, refusals))


def _pair(value):
    """`<number> <hash>`."""
    number, _, root = value.partition(" ")
    number, root = values.number(number), values.hash32(root)
    return None if number is None or root is None else (number, root)


def read(note):
    """(ledger, cases, keys, refusals)."""
    named, *pairs = own_note.fields(note, ["ledger", "cases", "keys", "refusals"], "index-format")
    pairs = [_pair(value) for value in pairs]
    require(None not in pairs, "index-format")
    return (named, *pairs)
