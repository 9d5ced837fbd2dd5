"""Statements: layouts of the acts and the judging of a note's text (format.md sections 3 and 5)."""

import hashlib
from dataclasses import dataclass
from functools import partial

import programme_layouts
import values as v
from grammar import (ANY, MAYBE, ONE, SOME, about, founder, free_text, instead, key_and_name, new_or_hash, one, parts, positive,
                     procedure_line, split, word)
from values import require

KIND = "zeren statement v1"
LONG = ("enact", "sheet")


@dataclass
class Statement:
    """A statement that has passed section 3: single lines by key as values, repeated ones as lists."""

    act: str
    fields: dict
    text: bytes
    hash: bytes

    def __getitem__(self, key):
        return self.fields[key]


HEADER = (
    ("ledger", one(v.ledger_id), ONE),
    ("act", one(lambda value: value), ONE),
    ("procedure", instead("none", partial(split, (v.code, v.number, v.hash32))), ONE),
    ("by", parts(v.person, v.office, v.unit, v.hash32), SOME),
    ("device", parts(v.device, v.number), ONE),
    ("at", one(v.time), ONE),
    ("seen", parts(positive, v.hash32, v.hash32), ONE),
)
PERSON = ("person", one(v.person), ONE)
KEY = ("key", one(v.ed25519), ONE)
PROOF = ("proof", one(v.signature64), ONE)
PERIOD = (("from", one(v.time), ONE), ("to", instead("open", v.time), ONE))
REPLACEMENT = (PERSON, ("replaces", one(v.hash32), ONE), KEY, PROOF)
GOVERNANCE = (
    ("threshold", one(v.number), ONE),
    ("checkpoint-key", one(v.ed25519), ONE),
    ("witness", one(key_and_name), ANY),
)

LAYOUTS = {
    "found": (
        ("ledger", one(v.origin), ONE),
        ("act", one(lambda value: value), ONE),
        ("nonce", one(v.hash32), ONE),
        ("purpose", word("production", "demonstration"), ONE),
        ("at", one(v.time), ONE),
        ("device", one(v.device), ONE),
        ("identity", one(v.code), ONE),
        *GOVERNANCE,
        ("founder", founder, SOME),
    ),
    "amend": (*HEADER, *GOVERNANCE, ("founder", parts(v.person, v.power), SOME)),
    "enact": (*HEADER, ("enacts", parts(v.code, v.number, v.hash32), ONE), ("|", procedure_line, SOME)),
    "enrol": (*HEADER, PERSON, ("name", free_text, ONE), ("identity", one(v.hash32), ONE), KEY, PROOF),
    "device": (*HEADER, ("enrols", one(v.device), ONE), ("unit", one(v.unit), ONE)),
    "device-end": (*HEADER, ("ends", one(v.device), ONE), ("reason", word("retired", "lost", "stolen", "other"), ONE)),
    "appoint": (
        *HEADER, PERSON, ("office", one(v.office), ONE), ("unit", one(v.unit), ONE),
        ("capacity", word("regular", "acting", "delegated"), ONE), ("home", one(v.unit), ONE), *PERIOD,
        ("instrument", one(v.hash32), ONE),
    ),
    "appoint-end": (
        *HEADER, PERSON, ("appointment", one(v.hash32), ONE),
        ("reason", word("transferred", "retired", "resigned", "expired", "died", "dismissed", "other"), ONE),
    ),
    "rotate": (*HEADER, *REPLACEMENT),
    "rekey": (*HEADER, *REPLACEMENT),
    "revoke": (
        *HEADER, PERSON, KEY, ("reason", word("compromised", "lost", "retired", "died", "other"), ONE),
        ("suspected", instead("none", v.time), ONE),
    ),
    "relate": (
        *HEADER, PERSON, ("relation", one(v.code), ONE), ("to", about(case=v.case, person=v.person), ONE),
        ("basis", word("declared", "attested", "ordered"), ONE), ("evidence", instead("none", v.hash32), ONE),
    ),
    "qualify": (*HEADER, PERSON, ("qualification", one(v.code), ONE), *PERIOD, ("evidence", one(v.hash32), ONE)),
    "import": (
        *HEADER, ("case", parts(v.case, new_or_hash), ONE), ("source", parts(v.hash32, v.number), ONE),
        ("recorded", one(v.time_ms), ONE), ("activity", free_text, ONE), ("actor", free_text, ONE),
        ("group", free_text, ONE), ("lifecycle", free_text, ONE),
    ),
    **{act: (*HEADER, *body) for act, body in programme_layouts.BODIES.items()},
}


def _key_and_value(line):
    key, _, value = line.partition(" ")
    return key, value


def _check_keys(keys, layout):
    """Rules 4 to 7 of section 3."""
    order = {name: place for place, (name, _, _) in enumerate(layout)}
    require(all(key in order for key in keys), "line-unknown")
    require(all(many not in (ONE, MAYBE) or keys.count(name) <= 1 for name, _, many in layout), "line-repeated")
    require(all(many in (ANY, MAYBE) or name in keys for name, _, many in layout), "line-missing")
    places = [order[key] for key in keys]
    require(places == sorted(places), "line-order")


def _fields(lines, layout):
    """Rule 8 of section 3, line by line."""
    shape = {name: (parse, many) for name, parse, many in layout}
    fields = {name: [] if many in (ANY, SOME) else None for name, _, many in layout if many != ONE}
    for line in lines:
        key, value = _key_and_value(line)
        parse, many = shape[key]
        require(line != "| ", "value")
        if parse is programme_layouts.sheet_line:
            parse = programme_layouts.SHEET_LINES[fields["kind"]]
        if many in (ONE, MAYBE):
            fields[key] = parse(value)
        else:
            fields[key].append(parse(value))
    return fields


def parse(note):
    """Judge a note's text by section 3, in its order."""
    lines = note.lines
    require(lines[0] == KIND, "statement-kind")
    act = next((value for key, value in map(_key_and_value, lines[1:]) if key == "act"), None)
    require(len(note.text) <= (60_000 if act in LONG else 2_000), "statement-too-long")
    require(act is not None, "line-missing")
    require(act in LAYOUTS, "act-unknown")
    layout = LAYOUTS[act]
    _check_keys([_key_and_value(line)[0] for line in lines[1:]], layout)
    return Statement(act, _fields(lines[1:], layout), note.text, hashlib.sha256(note.text).digest())


def signers(statement):
    """The persons who sign, in order (section 3; section 5.1)."""
    return [line[0] for line in statement["founder" if statement.act == "found" else "by"]]


def keys_of(statement):
    """The public keys that the statement brings; `revoke` only names one (section 8.2)."""
    fields, keys = statement.fields, []
    if statement.act == "found":
        keys += [line[3] for line in fields["founder"]]
    keys += [fields[name] for name in ("checkpoint-key",) if name in fields]
    keys += [key for _, key in fields.get("witness", ())]
    return keys + [fields[name] for name in ("key",) if name in fields and statement.act != "revoke"]
