"""Index entries (format.md section 5.17): the state of all cases and keys under the ledger's own signature."""

import note as notes
import sparse_map
import values
from values import require

KIND = "zeren index v1"


def judge(log, index, received, note):
    """Judge in the order of section 5.17, then what an index entry does."""
    named, cases, keys, refusals = read(note)
    require(named == log.ledger, "ledger-other")
    line = note.signatures[0]
    key = next((key for key in log.state.checkpoint_keys() if notes.signs(line, log.ledger, key, note.text)), None)
    require(key is not None, "index-signature")
    log.check_entry(index, received, "index")
    require(key == log.state.founding.checkpoint_key, "index-signature")
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
    lines = [line.partition(" ") for line in note.lines[1:]]
    require([key for key, _, _ in lines] == ["ledger", "cases", "keys", "refusals"], "index-format")
    named = values.ledger_id(lines[0][2])
    pairs = [_pair(value) for _, _, value in lines[1:]]
    require(named and None not in pairs, "index-format")
    require(len(note.signatures) == 1, "index-format")
    line = note.signatures[0]
    require(line.name == named and len(line.payload) == 64, "index-format")
    return (named, *pairs)
