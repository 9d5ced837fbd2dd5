"""Signed refusals (format.md section 10)."""

import re

import note as notes
import values
from values import Broken

RULES = frozenset("""
note-too-long note-utf8 character note-shape blank-line key-encoding statement-kind statement-too-long line-missing act-unknown
line-unknown line-repeated line-order value purpose threshold founder-powers person-taken identity-taken key-taken witness-repeated
person-unknown procedure-digest procedure-format procedure-two-powers procedure-sequence proof device-taken device-unknown
device-ended office-unknown period appointment-unknown appointment-mismatch appointment-ended person-other key-unknown key-revoked
key-active suspected-bound suspected-supervisor case-head record-used checkpoint-format checkpoint-signature witness-unknown
witness-signature checkpoint-ahead checkpoint-unlike checkpoint-old witness-time entry-format chain received-order founding-missing
founding-repeated unwitnessed ledger-other signature-set signature seen-ahead seen-unlike at-future at-stale procedure-unknown
procedure-version counter-used signer-repeated key-not-yet key-superseded appointment-not-yet qualification-missing
governance-office governance-count governance-powers marker refusal-format refusal-signature refusal-unlike slot checkpoint-missing
entries-missing uncovered tail checkpoint-root checkpoint-key hash-file known-other known-signature rollback fork other-ledger
policy-unmet policy-inside submission-limit read-only checkpoint-key-absent
""".split())


def _fields(note, ledger, name):
    """(size, root, head) of a refusal in its right form and under its right name, else None."""
    keys = ("ledger", "submitted", "statement", "rule", "received", "seen")
    if len(note.lines) != 7 or note.lines[0] != "zeren refusal v1":
        return None
    split = [line.partition(" ") for line in note.lines[1:]]
    if tuple(key for key, _, _ in split) != keys:
        return None
    found_ledger, submitted, statement, rule, received, seen = (value for _, _, value in split)
    submitted, seen = values.hash32(submitted), seen.split(" ")
    if found_ledger != ledger or submitted is None or submitted.hex().encode() != name:
        return None
    if values.hash32(statement) is None or rule not in RULES or values.number(received) is None or len(seen) != 3:
        return None
    fields = (values.number(seen[0]), values.hash32(seen[1]), values.hash32(seen[2]))
    return None if None in fields else fields


def judge(data, name, ledger, keys, limit, tree, heads):
    """The rule that a refusal file breaks, or None; sizes above `limit` are not compared (section 11, step 5)."""
    try:
        note = notes.parse(data)
    except Broken:
        return "refusal-format"
    fields = _fields(note, ledger, name) if re.fullmatch(rb"[0-9a-f]{64}", name) else None
    if fields is None:
        return "refusal-format"
    if not notes.signing_keys(note, ledger, keys):
        return "refusal-signature"
    size, root, head = fields
    if size <= limit and (root, head) != (tree.root(size), heads[size]):
        return "refusal-unlike"
    return None
