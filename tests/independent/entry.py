"""An entry's three parts (format.md section 6)."""

from dataclasses import dataclass

import values
from values import require

LAST_RECEIVED = 253402300799999


@dataclass
class Entry:
    """`previous` is SM3 of the entry before, `received` Unix milliseconds of the ledger's clock."""

    previous: bytes
    received: int
    note: bytes


def _line(line, key, parse):
    """The value of a line `key value`, or None."""
    try:
        found, value = line.decode("ascii").split(" ")
    except ValueError:
        return None
    return parse(value) if found == key else None


def parse(data):
    """`previous <hash>\\n` then `received <number>\\n` then the note, or `entry-format`."""
    pieces = data.split(b"\n", 2)
    require(len(data) <= 65_535 and len(pieces) == 3, "entry-format")
    previous = _line(pieces[0], "previous", values.hash32)
    received = _line(pieces[1], "received", values.number)
    require(previous is not None and received is not None and received <= LAST_RECEIVED, "entry-format")
    return Entry(previous, received, pieces[2])
