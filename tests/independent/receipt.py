"""A receipt verified offline (format.md section 6): RECEIPT, the signer's NOTE and the checkpoint key."""

import acts
import ed25519
import index_entry
import note as notes
import values
from tree import leaf_hash, root_from_proof
from values import Broken, require
import entry as entries


def verify(receipt, note, key):
    """What the receipt proves, as a dict; raises `Broken` with the rule it fails by."""
    require(ed25519.key_ok(key), "key-encoding")
    extra, index, proof, signed = _parse(receipt)
    checkpoint_note = notes.parse(signed)
    checkpoint = notes.checkpoint(checkpoint_note)
    require(checkpoint and values.ledger_id(checkpoint[0]), "checkpoint-format")
    ledger, size, root = checkpoint
    require(notes.signing_keys(checkpoint_note, ledger, [key]), "checkpoint-signature")
    require(_ledger_of(notes.parse(note)) == ledger, "ledger-other")
    received = entries.parse(extra + note).received
    require(root_from_proof(leaf_hash(extra + note), index, size, proof) == root, "checkpoint-root")
    return {"ledger": ledger, "index": index, "size": size, "received": received}


def _ledger_of(note):
    """The ledger that a statement, an index or a cosigned checkpoint belongs to."""
    if note.lines[0] == index_entry.KIND:
        return index_entry.read(note)[0]
    if note.lines[0] != acts.KIND:
        return note.lines[0]
    statement = acts.parse(note)
    if statement.act == "found":
        return f"{statement['ledger']}/{statement.hash.hex()[:16]}"
    return statement["ledger"]


def _parse(data):
    """(extra, index, proof, checkpoint note) of a C2SP tlog-proof with its `extra` line."""
    head, empty, signed = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Broken("receipt-format") from None
    require(empty and 3 <= len(lines) <= 67 and lines[0] == "c2sp.org/tlog-proof@v1", "receipt-format")
    require(lines[1].startswith("extra ") and lines[2].startswith("index "), "receipt-format")
    extra, index = values.decode_base64(lines[1][6:]), values.number(lines[2][6:])
    proof = [values.hash32(line) for line in lines[3:]]
    require(extra is not None and index is not None and None not in proof, "receipt-format")
    require(extra.count(b"\n") == 2 and extra.endswith(b"\n"), "receipt-format")
    return extra, index, proof, signed
