"""How the values of a statement's lines are read (format.md section 3, rule 8)."""

from functools import partial

import values as v
from values import require

ONE, MAYBE, ANY, SOME = "one", "maybe", "any", "some"


def _value(parse, value):
    """A value that is not text: ASCII 20-7E, then its grammar."""
    require(v.in_ascii(value), "character")
    parsed = parse(value)
    require(parsed is not None, "value")
    return parsed


def one(parse):
    return partial(_value, parse)


def split(parsers, value):
    """Values of several parts, exactly one space between."""
    parts = value.split(" ")
    if len(parts) != len(parsers):
        return None
    parsed = tuple(parse(part) for parse, part in zip(parsers, parts))
    return None if None in parsed else parsed


def parts(*parsers):
    return one(partial(split, parsers))


def word(*words):
    return one(lambda value: value if value in words else None)


def instead(literal, parse):
    """The literal, kept as it is, or what `parse` accepts."""
    return one(lambda value: literal if value == literal else parse(value))


def free_text(value):
    require(v.in_repertoire(value), "character")
    require(v.text(value) is not None, "value")
    return value


def founder(value):
    """`<person> <power> <hash> <hash> <text>`: every character is judged by the repertoire, then the five parts."""
    require(v.in_repertoire(value), "character")
    pieces = value.split(" ", 4)
    require(len(pieces) == 5, "value")
    parsed = tuple(parse(piece) for parse, piece in zip((v.person, v.power, v.hash32, v.hash32, v.text), pieces))
    require(None not in parsed, "value")
    return parsed


def procedure_line(value):
    require(v.in_repertoire(value, wide=True), "character")
    return value


def positive(value):
    size = v.number(value)
    return size if size else None


def key_and_name(value):
    return split((v.key_name, v.hash32), value)


def new_or_hash(value):
    return "new" if value == "new" else v.hash32(value)


def period(value):
    """A calendar year, 1900 to 9999."""
    year = v.number(value)
    return year if year is not None and 1900 <= year <= 9999 else None


def about(**parsers):
    """`<word> <value>`, the value by the word's own grammar."""
    def parse(value):
        kind, _, name = value.partition(" ")
        return (kind, name) if kind in parsers and parsers[kind](name) is not None else None
    return one(parse)


def either(*parsers):
    """What one of the parsers accepts."""
    return one(lambda value: next((parsed for parsed in (parse(value) for parse in parsers) if parsed is not None), None))


def exactly(*words):
    """A part of a value: one of the words."""
    return lambda value: value if value in words else None
