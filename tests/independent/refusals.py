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
entries-missing uncovered tail checkpoint-root checkpoint-key hash-file bundles-file known-other known-signature rollback fork other-ledger
policy-unmet policy-inside submission-limit read-only checkpoint-key-absent
procedure-reference governance-none appointment-unit acting-days acting-depth exclusive-powers satisfiable index-format index-signature
index-unlike index-missing refusals-unlike step-unknown step-lines step-asserts step-measures step-evidence totals step-office step-count
join-unknown join-expired case-taken standard-missing case-unknown case-unit case-status flag-open period-order step-repeated step-order
team-other override-unknown recused distinct own-unit mixed recusal independent late outcome-unknown reason case-paid of-unknown
batch-unknown transfer-units appeal-late flag-unknown report-taken override-rule override-supervisor clause-unknown team-member team-area
list-taken list-closed list-part list-order list-limit list-unknown list-kind list-root list-unit list-empty amount account-other
list-omits omit-unfounded quorum rate posting-place posting-phone posting-photo posting-down posting-days batch-taken hold-unnamed
batch-match cosigned-missing results-lines payment-unknown epoch-format epoch-signature epoch-order anchor-format anchor-signature
anchor-own anchor-old incident-unlike block-format block-signature block-order block-unlike
""".split())


def _fields(note, ledger, name):
    """(size, root, head, received) of a refusal in its right form and under its right name, else None."""
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
    if values.hash32(statement) is None or rule not in RULES or len(seen) != 3:
        return None
    fields = (values.number(seen[0]), values.hash32(seen[1]), values.hash32(seen[2]), values.number(received))
    return None if None in fields else fields


def judge(data, name, ledger, keys, limit, tree, heads):
    """(the rule that a refusal file breaks or None, its `received` where it is a signed refusal).

    Sizes above `limit` are not compared (section 11, step 5).
    """
    try:
        note = notes.parse(data)
    except Broken:
        return "refusal-format", None
    fields = _fields(note, ledger, name) if re.fullmatch(rb"[0-9a-f]{64}", name) else None
    if fields is None:
        return "refusal-format", None
    if not notes.signing_keys(note, ledger, keys):
        return "refusal-signature", None
    size, root, head, received = fields
    if size <= limit and (root, head) != (tree.root(size), heads[size]):
        return "refusal-unlike", received
    return None, received
