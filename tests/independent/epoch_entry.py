"""Epoch entries (format.md section 5.18): which node of a cluster sequences."""

import ed25519
import own_note
import values
from values import require

KIND = "zeren epoch v1"


def judge(log, index, received, note):
    """Judge in the order of section 5.18, then what an epoch entry does."""
    named, number, node, key = read(note)
    require(named == log.ledger, "ledger-other")
    require(ed25519.key_ok(key), "key-encoding")
    own_note.in_force(log, index, received, "epoch", own_note.signer(log, note, "epoch-signature"), "epoch-signature")
    require(number == len(log.state.epochs) + 1, "epoch-order")
    log.state.epochs.append((node, key, index))


def read(note):
    """(ledger, number, node, key)."""
    named, number, value = own_note.fields(note, ["ledger", "epoch", "node"], "epoch-format")
    number = values.number(number)
    node, _, key = value.partition(" ")
    node, key = values.node(node), values.hash32(key)
    require(number and node and key is not None, "epoch-format")
    return named, number, node, key
