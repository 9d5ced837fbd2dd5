#!/usr/bin/env python3
"""The second verifier of Zeren ledgers, written from docs/format.md alone. See README.md for its uses."""

import argparse
import json
import os
import sys

import folder as files
import policy as policies
import receipt as receipts
import values
from audit import Audit, read_known
from values import Broken

EXIT = {"holds": 0, "broken": 1, "unanchored": 1, "stale": 5, "other-ledger": 5, "usage": 2}
FILE_LIMIT = 1_000_000


def _read(path):
    """A file's bytes, at most FILE_LIMIT of them."""
    data = files.read_bounded(path, FILE_LIMIT + 1)
    if data is None or len(data) > FILE_LIMIT:
        raise policies.Malformed(f"cannot read {path}")
    return data


def audit(folder, policy_path=None, known_paths=()):
    """Audit one folder; malformed policies and known checkpoints give the verdict `usage`."""
    try:
        policy = policies.parse(_read(policy_path)) if policy_path is not None else None
        known = [read_known(_read(path)) for path in known_paths]
    except policies.Malformed as malformed:
        return {"holds": False, "verdict": "usage", "error": str(malformed)}
    try:
        return Audit(folder, policy, policy_path, known).run()
    except Exception as error:  # a last net: an enemy wrote the folder, and JSON is owed for any bytes
        finding = {"rule": "internal", "index": 0, "level": "error"}
        return {"holds": False, "verdict": "broken", "origin": "-", "entries": 0, "root": "", "anchored": None,
                "findings": [finding], "error": repr(error)}


def audit_many(lines):
    """One result a line `DIR<TAB>POLICY or -<TAB>KNOWN,KNOWN or -`."""
    for line in lines:
        pieces = line.rstrip(b"\n").split(b"\t")
        if len(pieces) != 3:
            yield {"holds": False, "verdict": "usage", "error": "three fields with tabs between are needed"}
            continue
        folder, policy, known = (os.fsdecode(piece) for piece in pieces)
        yield audit(folder, None if policy == "-" else policy, [] if known == "-" else known.split(","))


def verify_receipt(receipt_path, note_path, encoded_key):
    """Verify a receipt offline."""
    key = values.hash32(encoded_key)
    try:
        if key is None:
            raise policies.Malformed("--key is not base64 of 32 bytes")
        receipt, note = _read(receipt_path), _read(note_path)
    except policies.Malformed as malformed:
        return {"holds": False, "verdict": "usage", "error": str(malformed)}
    try:
        return {"holds": True, "verdict": "holds", **receipts.verify(receipt, note, key)}
    except Broken as broken:
        return {"holds": False, "verdict": "broken", "rule": broken.rule}


def main(arguments):
    parser = argparse.ArgumentParser(prog="verify.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--policy")
    parser.add_argument("--known", action="append", default=[])
    parser.add_argument("--many", action="store_true")
    parser.add_argument("--receipt", nargs=2, metavar=("RECEIPT", "NOTE"))
    parser.add_argument("--key")
    given = parser.parse_args(arguments)
    if (given.folder is not None) + given.many + (given.receipt is not None) != 1 or (given.receipt and not given.key):
        parser.error("give a folder, --many, or --receipt with --key")
    if given.many:
        for result in audit_many(sys.stdin.buffer):
            print(json.dumps(result), flush=True)
        return 0
    result = verify_receipt(*given.receipt, given.key) if given.receipt else audit(given.folder, given.policy, given.known)
    print(json.dumps(result))
    return EXIT[result["verdict"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
