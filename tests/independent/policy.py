"""A trust policy (C2SP tlog-policy), read strictly."""

import re
from dataclasses import dataclass, field

import ed25519
import note as notes
import values


LIMIT = 65_536


class Malformed(Exception):
    """A policy or known checkpoint that is none."""


@dataclass
class Policy:
    """`logs`: (name, key); `witnesses` and `groups` by the policy's own names; `quorum`: a name or None."""

    logs: list = field(default_factory=list)
    witnesses: dict = field(default_factory=dict)
    groups: dict = field(default_factory=dict)
    quorum: bytes | None = None

    def log_keys(self, name):
        return [key for log, key in self.logs if log == name]

    def satisfied(self, note):
        """Whether the note's cosignatures satisfy the quorum."""
        if self.quorum is None:
            return True
        met = {name for name, (key_name, key) in self.witnesses.items() if _cosigned(note, key_name, key)}
        for name, (least, members) in self.groups.items():
            if sum(member in met for member in members) >= least:
                met.add(name)
        return self.quorum in met


def _cosigned(note, name, key):
    key_id = notes.key_id(name, notes.COSIGNATURE, key)
    lines = [line for line in note.signatures if line.name == name and line.key_id == key_id]
    return any(notes.cosignature_time(line, key, note.text) is not None for line in lines)


def _require(condition, line):
    if not condition:
        raise Malformed("policy: " + repr(line))


def _vkey(data, kind, line):
    """`name+keyid+base64(type ‖ key)`: (name, key)."""
    pieces = data.split(b"+", 2)
    _require(len(pieces) == 3, line)
    try:
        name, given, encoded = (piece.decode("utf-8") for piece in pieces)
    except UnicodeDecodeError:
        raise Malformed("policy: " + repr(line)) from None
    key = values.decode_base64(encoded)
    _require(name and re.fullmatch("[0-9a-f]{8}", given) and key and len(key) == 33 and key[:1] == kind, line)
    _require(notes.key_id(name, kind, key[1:]).hex() == given and ed25519.key_ok(key[1:]), line)
    return name, key[1:]


class _Reader:
    def __init__(self):
        self.policy = Policy()
        self.members = set()
        self.quorums = 0

    def defined(self, name):
        return name in self.policy.witnesses or name in self.policy.groups

    def log(self, line, words):
        _require(len(words) in (2, 3), line)
        name, key = _vkey(words[1], notes.SIGNATURE, line)
        _require(key not in [other for _, other in self.policy.logs], line)
        self.policy.logs.append((name, key))

    def _new_name(self, line, name):
        _require(name != b"none" and not self.defined(name), line)

    def witness(self, line, words):
        _require(len(words) in (3, 4), line)
        self._new_name(line, words[1])
        name, key = _vkey(words[2], notes.COSIGNATURE, line)
        _require(key not in [other for _, other in self.policy.witnesses.values()], line)
        self.policy.witnesses[words[1]] = (name, key)

    def group(self, line, words):
        _require(len(words) >= 4, line)
        name, least, members = words[1], words[2], words[3:]
        self._new_name(line, name)
        for member in members:
            _require(self.defined(member) and member not in self.members, line)
            self.members.add(member)
        if least in (b"all", b"any"):
            count = len(members) if least == b"all" else 1
        else:
            _require(re.fullmatch(rb"[1-9][0-9]{0,8}", least), line)
            count = int(least)
        _require(count <= len(members), line)
        self.policy.groups[name] = (count, members)

    def quorum_line(self, line, words):
        _require(len(words) == 2 and self.quorums == 0, line)
        self.quorums = 1
        _require(words[1] == b"none" or self.defined(words[1]), line)
        self.policy.quorum = None if words[1] == b"none" else words[1]


def parse(data):
    """The policy of a file's bytes, or `Malformed`."""
    if len(data) > LIMIT:
        raise Malformed("policy: too long")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("policy: no UTF-8") from None
    if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data):
        raise Malformed("policy: a control character")
    reader = _Reader()
    kinds = {b"log": reader.log, b"witness": reader.witness, b"group": reader.group, b"quorum": reader.quorum_line}
    for line in data.split(b"\n"):
        words = [word for word in re.split(rb"[ \t]+", line) if word]
        if not words or words[0].startswith(b"#"):
            continue
        _require(words[0] in kinds, line)
        kinds[words[0]](line, words)
    if reader.quorums != 1:
        raise Malformed("policy: no quorum line")
    return reader.policy
