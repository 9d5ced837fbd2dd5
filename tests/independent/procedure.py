"""A procedure's text (format.md section 7)."""

import datetime
import tomllib
from dataclasses import dataclass

import values as v
from values import Broken, require

ACTS = ("enact", "enrol", "device", "device-end", "appoint", "appoint-end", "rotate", "rekey", "revoke", "relate", "qualify", "import")
RESERVED = ("founder", "self")
TOP = {"format", "id", "version", "title", "valid", "offset", "power", "office", "governance"}


@dataclass
class Procedure:
    """What the rules need of a procedure."""

    id: str
    version: int
    start: int
    powers: set
    offices: dict
    offline_ms: int
    supervising: str
    governance: dict


def _format(condition):
    require(condition, "procedure-format")


def _integer(value, low, high):
    _format(type(value) is int and low <= value <= high)
    return value


def _string(value, grammar):
    _format(type(value) is str and grammar(value) is not None)
    return value


def _title(value):
    return _string(value, lambda text: v.text(text, wide=True))


def _table(value, needed, optional=()):
    _format(type(value) is dict and needed <= value.keys() <= needed | set(optional))
    return value


def _array(value, low, high, item):
    _format(type(value) is list and low <= len(value) <= high)
    return [item(member) for member in value]


def _load(data):
    """TOML 1.0 of at most 50,000 bytes."""
    _format(len(data) <= 50_000)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except Exception:  # an enemy wrote the text: whatever the parser does, it is no procedure
        raise Broken("procedure-format") from None


def _powers(value):
    _format(type(value) is dict and 1 <= len(value) <= 16)
    for name, title in value.items():
        _string(name, v.power)
        _title(title)
    return set(value)


def _office(value, powers):
    _table(value, {"level", "power"}, ("requires",))
    _string(value["level"], v.code)
    _format(type(value["power"]) is str and value["power"] in powers)
    requires = _array(value.get("requires", []), 0, 8, lambda item: _string(item, v.code))
    return value["power"], requires


def _offices(value, powers):
    _format(type(value) is dict and 1 <= len(value) <= 64)
    for name in value:
        _format(v.office(name) is not None and name not in RESERVED)
    return {name: _office(table, powers) for name, table in value.items()}


def _rule(value, offices):
    """One act's table: (any, min, powers)."""
    _table(value, {"any", "min", "powers"})
    known = offices.keys() | set(RESERVED)
    names = _array(value["any"], 1, 64, lambda item: _string(item, lambda name: name if name in known else None))
    _format(len(set(names)) == len(names))
    least = _integer(value["min"], 1, 16)
    return names, least, _integer(value["powers"], 0, least)


def _two_powers(act, rule, offices):
    names, _, powers = rule
    require(powers >= 2 or act not in ("enrol", "appoint", "rekey"), "procedure-two-powers")
    supply = len({offices[name][0] for name in names if name in offices})
    require("founder" in names or supply >= powers, "procedure-two-powers")


def _start(value, offset):
    _table(value, {"from"})
    day = value["from"]
    _format(type(day) is datetime.date and 1900 <= day.year <= 9999)
    _format(type(offset) is str)
    east = v.offset(offset)
    _format(east is not None)
    return v.midnight(day, east)


def parse(data, name, version):
    """Judge a procedure's text; `name` and `version` are those of the `enacts` line."""
    top = _table(_load(data), TOP, ("basis",))
    _format(top["format"] == "procedure/1")
    _format(_string(top["id"], v.code) == name)
    _format(_integer(top["version"], 1, 1_000_000) == version)
    _title(top["title"])
    start = _start(top["valid"], top["offset"])
    _array(top.get("basis", []), 0, 32, _title)
    powers = _powers(top["power"])
    offices = _offices(top["office"], powers)
    governance = _table(top["governance"], {"offline_hours", "supervising", *ACTS})
    offline = _integer(governance["offline_hours"], 1, 720)
    _format(type(governance["supervising"]) is str and governance["supervising"] in powers)
    rules = {act: _rule(governance[act], offices) for act in ACTS}
    for act in ACTS:
        _two_powers(act, rules[act], offices)
    return Procedure(name, version, start, powers, offices, offline * 3_600_000, governance["supervising"], rules)
