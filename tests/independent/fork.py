#!/usr/bin/env python3
"""A fork proof verified without any ledger (format.md section 22): `fork.py [--policy FILE] PROOF...` prints one JSON object a line."""

import argparse
import json
import re
import sys
from dataclasses import dataclass

import acts
import ed25519
import folder as files
import note as notes
import policy as policies
import receipt as receipts
import values
from tree import node_hash
from values import Broken, require

KIND = "zeren fork proof v1"
LIMIT, LINES, PARTS, HASHES = 4 << 20, 20_000, 128, 63
TYPES = {"1": notes.SIGNATURE, "4": notes.COSIGNATURE}


@dataclass(frozen=True)
class Key:
    name: str
    kind: bytes
    key: bytes


@dataclass
class Document:
    """A note and what it says of a ledger; `persons` are those of a statement's `by` lines, None for a checkpoint."""

    note: notes.Note
    ledger: str
    size: int
    root: bytes
    chain: bytes | None = None
    persons: list | None = None


class _Reader:
    def __init__(self, data):
        require(len(data) <= LIMIT and data.endswith(b"\n"), "fork-format")
        try:
            self.lines = data.decode("utf-8")[:-1].split("\n")
        except UnicodeDecodeError:
            raise Broken("fork-format") from None

    def after(self, name):
        """What follows `name` on the next line if that begins with it, else None."""
        if self.lines and self.lines[0].startswith(name):
            return self.lines.pop(0)[len(name):]
        return None

    def take(self, count, most):
        count = None if count is None else values.number(count)
        require(count is not None and count <= most and count <= len(self.lines), "fork-format")
        taken, self.lines = self.lines[:count], self.lines[count:]
        return taken

    def part(self, name):
        return "".join(line + "\n" for line in self.take(self.after(name), LINES)).encode()


def _key(rest):
    words = rest.split(" ")
    require(len(words) == 3 and words[1] in TYPES, "fork-format")
    key = values.hash32(words[2])
    require(words[0] and not notes._NOT_IN_NAMES.search(words[0]) and key is not None and ed25519.key_ok(key), "fork-format")
    return Key(words[0], TYPES[words[1]], key)


def document(data):
    note = notes.parse(data)
    if note.lines[0].startswith("zeren statement "):
        statement = acts.parse(note)
        require(statement.act != "found", "fork-document")
        size, root, chain = statement["seen"]
        return Document(note, statement["ledger"], size, root, chain, [line[0] for line in statement["by"]])
    require(len(note.lines) >= 3, "fork-document")
    size, root = values.number(note.lines[1]), values.hash32(note.lines[2])
    require(size and root is not None, "fork-document")
    return Document(note, note.lines[0], size, root)


def parse(data):
    """(keys, documents, prefix, grounds); prefix is (root, hashes) or None, a ground (note's bytes, receipt's bytes)."""
    reader = _Reader(data)
    require(reader.lines.pop(0) == KIND, "fork-format")
    keys = []
    while (rest := reader.after("key ")) is not None:
        keys.append(_key(rest))
    require(1 <= len(keys) <= PARTS, "fork-format")
    documents = [document(reader.part("document ")) for _ in range(2)]
    prefix = None
    if (rest := reader.after("prefix ")) is not None:
        root, _, count = rest.partition(" ")
        root, hashes = values.hash32(root), [values.hash32(line) for line in reader.take(count, HASHES)]
        require(root is not None and None not in hashes, "fork-format")
        prefix = root, hashes
    grounds = []
    while reader.lines:
        grounds.append((reader.part("ground "), reader.part("receipt ")))
    require(len(grounds) <= PARTS, "fork-format")
    return keys, documents, prefix, grounds


def signers(one, keys):
    """The keys under which lines of the document verify; one that is named and does not verify spoils the proof."""
    found = []
    for line in one.note.signatures:
        for key in keys:
            if line.name != key.name or line.key_id != notes.key_id(key.name, key.kind, key.key):
                continue
            if key.kind == notes.COSIGNATURE:
                if one.persons is not None:
                    continue
                require(notes.cosignature_time(line, key.key, one.note.text) is not None, "fork-signature")
            else:
                if key.name not in (one.persons if one.persons is not None else [one.ledger]):
                    continue
                require(notes.signs(line, key.name, key.key, one.note.text), "fork-signature")
            if key not in found:
                found.append(key)
    return found


def consistent(old, old_root, new, new_root, proof):
    """Whether the hashes lead from one root to the other, 0 < old < new (RFC 9162 section 2.1.4.2)."""
    rest = list(proof)
    if old & (old - 1) == 0:
        rest.insert(0, old_root)
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    if not rest:
        return False
    one = other = rest.pop(0)
    for sibling in rest:
        if last == 0:
            return False
        if node & 1 or node == last:
            one, other = node_hash(sibling, one), node_hash(sibling, other)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            other = node_hash(other, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and one == old_root and other == new_root


def contradiction(documents, prefix):
    smaller, larger = sorted(documents, key=lambda one: one.size)
    if smaller.size == larger.size:
        require(prefix is None, "fork-none")
        if smaller.root != larger.root:
            return "roots"
        require(smaller.chain and larger.chain and smaller.chain != larger.chain, "fork-none")
        return "chain-heads"
    require(prefix and prefix[0] != smaller.root, "fork-none")
    require(consistent(smaller.size, prefix[0], larger.size, larger.root, prefix[1]), "fork-proof")
    return "prefix"


def _made_known(statement, ledger):
    """The keys that a statement makes known."""
    if statement.act in ("found", "amend"):
        keys = [Key(ledger, notes.SIGNATURE, statement["checkpoint-key"])]
        keys += [Key(name, notes.COSIGNATURE, key) for name, key in statement["witness"]]
        founders = statement["founder"] if statement.act == "found" else []
        return [key for key in keys + [Key(line[0], notes.SIGNATURE, line[3]) for line in founders] if ed25519.key_ok(key.key)]
    if statement.act in ("enrol", "rotate", "rekey"):
        return [Key(statement["person"], notes.SIGNATURE, statement["key"])] if ed25519.key_ok(statement["key"]) else []
    return []


def vouched(ledger, keys, grounds, policy):
    """The keys that the policy, the founding or a logged statement vouches for."""
    known = set()
    if policy:
        known |= {Key(ledger, notes.SIGNATURE, key) for key in policy.log_keys(ledger)}
        known |= {Key(name, notes.COSIGNATURE, key) for name, key in policy.witnesses.values()}
    logged = []
    for data, receipt in grounds:
        statement = acts.parse(notes.parse(data))
        if not receipt:
            require(statement.act == "found" and f"{statement['ledger']}/{statement.hash.hex()[:16]}" == ledger, "fork-ground")
            known |= set(_made_known(statement, ledger))
            continue
        made = _made_known(statement, ledger)
        require(statement.act != "found" and statement["ledger"] == ledger and made, "fork-ground")
        under = {key for key in keys if key.name == ledger and key.kind == notes.SIGNATURE and _proves(receipt, data, key.key, ledger)}
        require(under, "fork-ground")
        logged.append((under, made))
    while good := [made for under, made in logged if under & known and not known.issuperset(made)]:
        known.update(key for made in good for key in made)
    return known


def _proves(receipt, note, key, ledger):
    try:
        return receipts.verify(receipt, note, key)["ledger"] == ledger
    except Broken:
        return False


def verify(data, policy=None):
    """What the proof shows, as a dict; raises `Broken` if it is not good."""
    keys, documents, prefix, grounds = parse(data)
    ledger = documents[0].ledger
    require(documents[1].ledger == ledger, "fork-other")
    sides = [signers(one, keys) for one in documents]
    require(all(sides), "fork-unsigned")
    shown = contradiction(documents, prefix)
    known = vouched(ledger, keys, grounds, policy)
    proven = all(any(key in known for key in side) for side in sides)
    return {"fork": True, "proven": proven, "ledger": ledger, "contradiction": shown, "signers": [len(side) for side in sides]}


def main(arguments):
    parser = argparse.ArgumentParser(prog="fork.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("proofs", nargs="+")
    parser.add_argument("--policy")
    given = parser.parse_args(arguments)
    try:
        policy = policies.parse(files.read_bounded(given.policy, policies.LIMIT + 1) or b"") if given.policy else None
    except policies.Malformed as malformed:
        print(json.dumps({"fork": False, "error": str(malformed)}))
        return 2
    code = 1
    for path in given.proofs:
        try:
            result = verify(files.read_bounded(path, LIMIT + 1) or b"", policy)
        except Broken as broken:
            result, code = {"fork": False, "rule": broken.rule}, 2
        print(json.dumps(result), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
