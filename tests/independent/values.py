"""Values and their grammars (format.md section 1). Nothing here trusts `int`, `strip` or `splitlines`."""

import base64
import binascii
import datetime
import re

MAX_NUMBER = 9007199254740991
DAY = 86_400_000


class Broken(Exception):
    """The first rule that something breaks; `rule` is a name of format.md."""

    def __init__(self, rule):
        super().__init__(rule)
        self.rule = rule


def require(condition, rule):
    """Raise `Broken(rule)` unless the condition holds."""
    if not condition:
        raise Broken(rule)


def decode_base64(text):
    """RFC 4648 section 4, padded, unused bits zero; None for anything else."""
    if not re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text):
        return None
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if encode_base64(data) == text else None


def encode_base64(data):
    return base64.b64encode(data).decode("ascii")


def number(text):
    """A number of section 1, or None."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,15}", text):
        return None
    value = int(text)
    return value if value <= MAX_NUMBER else None


def hash32(text):
    """base64 of 32 bytes, or None."""
    data = decode_base64(text) if len(text) == 44 else None
    return data if data is not None and len(data) == 32 else None


def signature64(text):
    data = decode_base64(text) if len(text) == 88 else None
    return data if data is not None and len(data) == 64 else None


def ed25519(text):
    """`ed25519 <hash>`: the 32 bytes, or None."""
    return hash32(text[8:]) if text.startswith("ed25519 ") else None


def _matcher(pattern):
    compiled = re.compile(pattern)
    return lambda text: text if compiled.fullmatch(text) else None


code = _matcher(r"[a-z0-9][a-z0-9-]{0,39}")
node = _matcher(r"[a-z][a-z0-9.-]{0,63}")
person = device = _matcher(r"[a-z][a-z0-9-]{0,31}")
office = _matcher(r"[a-z][a-z0-9_]{0,31}")
power = _matcher(r"[A-Z]{1,4}")
unit = _matcher(r"-|[A-Za-z0-9][A-Za-z0-9-]{0,15}")
scheme = _matcher(r"[A-Za-z0-9][A-Za-z0-9-]{0,15}")
key_name = _matcher(r"[!-*,-~]{1,120}")
_case = _matcher(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_origin = _matcher(r"[a-z0-9.-]+(/[a-z0-9._-]+)+")
_sixteen_hex = _matcher(r"/[0-9a-f]{16}")


def share(text):
    """`<number>/<number>` as a pair, the first at most the second, the second 1 to 1000; or None."""
    first, _, second = text.partition("/")
    first, second = number(first), number(second)
    return None if first is None or second is None or not first <= second or not 1 <= second <= 1000 else (first, second)


def case(text):
    """A case: at most ten decimal digits in a row."""
    return None if re.search(r"[0-9]{11}", text) else _case(text)


def origin(text):
    return _origin(text) if len(text) <= 120 else None


def ledger_id(text):
    """origin, a slash, 16 lowercase hex digits."""
    return text if origin(text[:-17]) and _sixteen_hex(text[-17:]) else None


_OFFSET = r"([+-])(0[0-9]|1[0-4]):([0-5][0-9])"
_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(\.[0-9]{3})?" + _OFFSET)


def _offset_ms(sign, hours, minutes):
    """Milliseconds east of UTC; None for `-00:00`."""
    value = (int(hours) * 60 + int(minutes)) * 60_000
    if sign == "-":
        return -value if value else None
    return value


def offset(text):
    """`±HH:MM` as in a time: milliseconds, or None."""
    match = re.fullmatch(_OFFSET, text)
    return _offset_ms(*match.groups()) if match else None


def midnight(day, east):
    """Unix milliseconds of 00:00 of a date at an offset."""
    return (day.toordinal() - 719163) * DAY - east


def _time(text, fraction):
    match = _TIME.fullmatch(text)
    if not match or (match[7] is not None) != fraction:
        return None
    try:
        day = datetime.date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
    east = _offset_ms(match[8], match[9], match[10])
    if day.year < 1900 or east is None:
        return None
    clock = (int(match[4]) * 60 + int(match[5])) * 60_000 + int(match[6]) * 1000
    return midnight(day, east) + clock + (int(match[7][1:]) if fraction else 0)


def time(text):
    """A time, as Unix milliseconds, or None."""
    return _time(text, False)


def time_ms(text):
    return _time(text, True)


REPERTOIRE = """20–7E B7 C0–D6 D8–F6 F8–131 134–13E 141–148 14A–17E 391–3A1 3A3–3A9 3B1–3C9 400–45F 48A–52F 621–63A 641–64A 671–674
679–6D3 6D5 2014 2018 2019 201C 201D 3001 3002 3007–3011 3014 3015 3041–3096 30A1–30FA 30FC 3400–4DBF 4E00–9FFF A000–A48C
AC00–D7A3 20000–2A6DF 2A700–2B738 2B740–2B81D 2B820–2CEA1 2CEB0–2EBE0 30000–3134A"""
FULL_WIDTH = "FF01 FF08 FF09 FF0C FF1A FF1B FF1F"


def _character_class(table):
    ranges = []
    for item in table.split():
        ends = [int(end, 16) for end in item.split("–")]
        ranges.append(f"\\U{ends[0]:08x}-\\U{ends[-1]:08x}")
    return "[" + "".join(ranges) + "]*"


_NARROW = re.compile(_character_class(REPERTOIRE))
_WIDE = re.compile(_character_class(REPERTOIRE + " " + FULL_WIDTH))
_ASCII = re.compile(r"[ -~]*")


def in_ascii(text):
    return _ASCII.fullmatch(text) is not None


def in_repertoire(text, wide=False):
    """Whether every character is of the repertoire (with the full-width forms of procedures if `wide`)."""
    return (_WIDE if wide else _NARROW).fullmatch(text) is not None


def text(value, wide=False):
    """Free text: 1 to 120 characters, no space first or last, no two in a row; None otherwise."""
    good = 1 <= len(value) <= 120 and value[0] != " " != value[-1] and "  " not in value and in_repertoire(value, wide)
    return value if good else None
