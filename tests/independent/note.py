"""C2SP signed notes and checkpoints (format.md sections 2 and 6)."""

import hashlib
import re
from dataclasses import dataclass

import ed25519
import values
from values import Broken, require

SIGNATURE, COSIGNATURE = b"\x01", b"\x04"
_FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_NOT_IN_NAMES = re.compile("[+\x09-\x0d \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


@dataclass
class Line:
    """A signature line: key name, key id and what follows it."""

    name: str
    key_id: bytes
    payload: bytes


@dataclass
class Note:
    """A note that has passed section 2. `text` holds its final newline."""

    text: bytes
    lines: list
    signatures: list


def key_id(name, kind, key):
    return hashlib.sha256(name.encode("utf-8") + b"\n" + kind + key).digest()[:4]


def _signature_line(line):
    require(line.startswith("\u2014 "), "note-shape")
    name, _, encoded = line[2:].partition(" ")
    data = values.decode_base64(encoded)
    require(name and not _NOT_IN_NAMES.search(name) and data is not None and len(data) >= 5, "note-shape")
    return Line(name, data[:4], data[4:])


def parse(data):
    """Judge a note by the five rules of section 2, in their order."""
    require(len(data) <= 65_000, "note-too-long")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Broken("note-utf8") from None
    require(not _FORBIDDEN.search(whole), "character")
    cut = whole.rfind("\n\n")
    require(whole.endswith("\n") and cut > 0, "note-shape")
    text, rest = whole[:cut + 1], whole[cut + 2:]
    require(rest, "note-shape")
    signatures = rest[:-1].split("\n")
    require(len(signatures) <= 64, "note-shape")
    signatures = [_signature_line(line) for line in signatures]
    lines = text[:-1].split("\n")
    require("" not in lines, "blank-line")
    return Note(text.encode("utf-8"), lines, signatures)


def checkpoint(note):
    """(origin, size, root) of a note whose text is three lines of a checkpoint, else None (section 6)."""
    if len(note.lines) != 3:
        return None
    size, root = values.number(note.lines[1]), values.hash32(note.lines[2])
    return None if size is None or root is None else (note.lines[0], size, root)


def signs(line, name, key, text):
    """Whether a line of type 0x01 of this name and key verifies over the text."""
    return (line.name == name and len(line.payload) == 64 and line.key_id == key_id(name, SIGNATURE, key)
            and ed25519.verify(key, text, line.payload))


def signing_keys(note, name, keys):
    """Those of the keys under which some line named `name` verifies."""
    return [key for key in keys if any(signs(line, name, key, note.text) for line in note.signatures)]


def cosignature_time(line, key, text):
    """The seconds of a cosignature that verifies under the witness's key, else None (section 5.10)."""
    if len(line.payload) != 72:
        return None
    seconds = int.from_bytes(line.payload[:8], "big")
    message = b"cosignature/v1\ntime %d\n" % seconds + text
    return seconds if ed25519.verify(key, message, line.payload[8:]) else None
