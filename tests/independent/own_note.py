"""What index, epoch and anchor entries share: one signature line of the ledger's own (format.md sections 5.17 to 5.19)."""

import note as notes
import values
from values import require


def fields(note, keys, rule):
    """The values of the lines after the first, which have these keys in order; the first names the ledger, which signs alone."""
    lines = [line.partition(" ") for line in note.lines[1:]]
    require([key for key, _, _ in lines] == keys, rule)
    read = [value for _, _, value in lines]
    require(values.ledger_id(read[0]) and len(note.signatures) == 1, rule)
    line = note.signatures[0]
    require(line.name == read[0] and len(line.payload) == 64, rule)
    return read


def signer(log, note, rule):
    """The checkpoint key, of those named so far, that signed."""
    line = note.signatures[0]
    key = next((key for key in log.state.checkpoint_keys() if notes.signs(line, log.ledger, key, note.text)), None)
    require(key is not None, rule)
    return key


def in_force(log, index, received, kind, key, rule):
    """Section 8.1, and that the key is the one in force."""
    log.check_entry(index, received, kind)
    require(key == log.state.founding.checkpoint_key, rule)
