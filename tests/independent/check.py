"""The check of a statement that needs no order (format.md section 8.2)."""

import hashlib
from dataclasses import dataclass

import acts
import ed25519
import note as notes
import procedure
import values
from values import require


@dataclass
class Checked:
    """The signers' keys (of the state; none for `found`) and, for `enact`, the procedure."""

    keys: list
    procedure: object = None


def possession(ledger, person, label, value, public):
    """The text of section 4."""
    lines = ("zeren possession v1", f"ledger {ledger}", f"person {person}",
             f"{label} {values.encode_base64(value)}", f"key ed25519 {values.encode_base64(public)}")
    return "".join(line + "\n" for line in lines).encode("ascii")


def check(ledger, state, statement, note):
    """Judge in the order that section 8.2 gives in full."""
    founding = statement.act == "found"
    require(founding or statement["ledger"] == ledger, "ledger-other")
    _signature_set(statement, note)
    require(all(ed25519.key_ok(key) for key in acts.keys_of(statement)), "key-encoding")
    publics, keys = _founders(statement, note) if founding else _known(state, note)
    for public, line in zip(publics, note.signatures):
        require(any(ed25519.verify(key, note.text, line.payload) for key in public), "signature")
    _proof(statement)
    return Checked(keys, _procedure(statement))


def _signature_set(statement, note):
    require([line.name for line in note.signatures] == acts.signers(statement), "signature-set")
    require(all(len(line.payload) == 64 for line in note.signatures), "signature-set")


def _founders(statement, note):
    """For `found`: the keys of its own founder lines."""
    known = {}
    for person, _, _, public, _ in statement["founder"]:
        known.setdefault((person, notes.key_id(person, notes.SIGNATURE, public)), []).append(public)
    pairs = [(line.name, line.key_id) for line in note.signatures]
    require(all(pair in known for pair in pairs), "key-unknown")
    return [known[pair] for pair in pairs], []


def _known(state, note):
    keys = [state.pairs.get((line.name, line.key_id)) for line in note.signatures]
    require(None not in keys, "key-unknown")
    return [[key.public] for key in keys], keys


def _proof(statement):
    """The proof of possession of `enrol`, `rotate` and `rekey`."""
    if "proof" not in statement.fields:
        return
    label = "identity" if statement.act == "enrol" else "replaces"
    text = possession(statement["ledger"], statement["person"], label, statement[label], statement["key"])
    require(ed25519.verify(statement["key"], text, statement["proof"]), "proof")


def _procedure(statement):
    if statement.act != "enact":
        return None
    name, version, digest = statement["enacts"]
    text = "".join(line + "\n" for line in statement["|"]).encode("utf-8")
    require(hashlib.sha256(text).digest() == digest, "procedure-digest")
    return procedure.parse(text, name, version)
