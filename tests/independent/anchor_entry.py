"""Anchor entries (format.md section 5.19): another ledger's signed checkpoint."""

import ed25519
import own_note
import values
from values import require

KIND = "zeren anchor v1"


def judge(log, index, received, note):
    """Judge in the order of section 5.19, then what an anchor entry does."""
    named, other, size, root, key, signature = read(note)
    require(named == log.ledger, "ledger-other")
    require(ed25519.key_ok(key), "key-encoding")
    own = own_note.signer(log, note, "anchor-signature")
    text = f"{other}\n{size}\n{values.encode_base64(root)}\n".encode("ascii")
    require(ed25519.verify(key, text, signature), "anchor-signature")
    own_note.in_force(log, index, received, "anchor", own, "anchor-signature")
    require(other != log.ledger, "anchor-own")
    require(size > log.state.anchored.get(other, 0), "anchor-old")
    log.state.anchored[other] = size


def read(note):
    """(ledger, anchored ledger, size, root, key, signature)."""
    named, anchored, key, signature = own_note.fields(note, ["ledger", "anchored", "key", "signature"], "anchor-format")
    parts = anchored.split(" ")
    require(len(parts) == 3, "anchor-format")
    other, size, root = values.ledger_id(parts[0]), values.number(parts[1]), values.hash32(parts[2])
    key, signature = values.hash32(key), values.signature64(signature)
    require(other and size and None not in (root, key, signature), "anchor-format")
    return named, other, size, root, key, signature
