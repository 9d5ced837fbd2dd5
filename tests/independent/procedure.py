"""A procedure's text (format.md section 7)."""

import datetime
import tomllib
from dataclasses import dataclass, field

import procedure_rules
import procedure_steps
import shape
import values as v
from calendar_days import Calendar
from shape import well
from values import Broken, require

ACTS = ("enact", "enrol", "device", "device-end", "appoint", "appoint-end", "rotate", "rekey", "revoke", "relate", "qualify", "import")
RESERVED = ("founder", "self")
TOP = {"format", "id", "version", "title", "valid", "offset", "power", "office", "governance"}
OPTIONAL_ACTS = ("ruling", "team", "objection", "dissent", "report", "appeal", "answer", "recuse", "hold", "release", "correct", "override",
                  "transfer", "account", "incident")
PROGRAMME = ("levels", "calendar", "index", "answer", "standard", "step", "outcome", "rule")


@dataclass
class Procedure:
    """What the rules need of a procedure; `offices` are (power, requires, level) by name."""

    id: str
    version: int
    start: int
    east: int
    powers: set
    offices: dict
    offline_ms: int
    supervising: str
    governance: dict
    levels: list = field(default_factory=list)
    calendar: Calendar = field(default_factory=Calendar)
    daily: bool = False
    answer: tuple | None = None
    standards: list = field(default_factory=list)
    steps: dict = field(default_factory=dict)
    outcomes: dict = field(default_factory=dict)
    rules: list = field(default_factory=list)

    def standard(self, scheme, tier, period):
        """The standard for a scheme, tier and period, or None."""
        fits = (one for one in self.standards if (one.scheme, one.tier) == (scheme, tier) and one.first <= period <= one.last)
        return next(fits, None)

    def rule(self, kind):
        """The rule of a kind of which there is at most one, or None."""
        return next((one for one in self.rules if one.kind == kind), None)

    def power(self, office):
        """The power of an office, None where there is no such office."""
        return self.offices[office][0] if office in self.offices else None

    def level(self, unit):
        """The number of a unit's level, None where it has none."""
        number = len(parts(unit))
        return number if number < len(self.levels) else None


def parts(unit):
    """A unit's parts; those of the whole ledger are none."""
    return [] if unit == "-" else unit.split("-")


def _load(data):
    """TOML 1.0 of at most 50,000 bytes."""
    well(len(data) <= 50_000)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except Exception:  # an enemy wrote the text: whatever the parser does, it is no procedure
        raise Broken("procedure-format") from None


def _powers(value):
    well(type(value) is dict and 1 <= len(value) <= 16)
    for name, title in value.items():
        shape.string(name, v.power)
        shape.title(title)
    return set(value)


def _office(value, powers):
    shape.table(value, {"level", "power"}, ("requires",))
    shape.string(value["level"], v.code)
    well(type(value["power"]) is str and value["power"] in powers)
    requires = shape.array(value.get("requires", []), 0, 8, lambda item: shape.string(item, v.code))
    return value["power"], requires, value["level"]


def _offices(value, powers):
    well(type(value) is dict and 1 <= len(value) <= 64)
    for name in value:
        well(v.office(name) is not None and name not in RESERVED)
    return {name: _office(table, powers) for name, table in value.items()}


def _rule(value, offices):
    """One act's table: (any, min, powers)."""
    shape.table(value, {"any", "min", "powers"})
    known = offices.keys() | set(RESERVED)
    names = shape.array(value["any"], 1, 64, lambda item: shape.string(item, lambda name: name if name in known else None))
    well(len(set(names)) == len(names))
    least = shape.integer(value["min"], 1, 16)
    return names, least, shape.integer(value["powers"], 0, least)


def _two_powers(act, rule, offices):
    names, _, powers = rule
    require(powers >= 2 or act not in ("enrol", "appoint", "rekey"), "procedure-two-powers")
    supply = len({offices[name][0] for name in names if name in offices})
    require("founder" in names or supply >= powers, "procedure-two-powers")


def _start(value, east):
    shape.table(value, {"from"})
    day = value["from"]
    well(type(day) is datetime.date and 1900 <= day.year <= 9999)
    return v.midnight(day, east)


def _east(value):
    well(type(value) is str)
    east = v.offset(value)
    well(east is not None)
    return east


def _programme(top, hours):
    """The keys of section 7.1 but for what their names refer to."""
    found = {}
    if "levels" in top:
        found["levels"] = shape.distinct(top["levels"], shape.code, 1, 6)
    if "calendar" in top:
        found["calendar"] = procedure_rules.calendar(top["calendar"])
    if "index" in top:
        found["daily"] = shape.boolean(shape.table(top["index"], {"daily"})["daily"])
    if "answer" in top:
        found["answer"] = procedure_rules.answer(top["answer"])
    found["standards"] = procedure_rules.standards(top.get("standard", []))
    found["steps"] = procedure_steps.steps(top.get("step", []), hours)
    found["outcomes"] = procedure_rules.outcomes(top.get("outcome", {}))
    found["rules"] = procedure_rules.rules(top.get("rule", []))
    return found


def _refer(procedure):
    """What the names of section 7.1 refer to, `procedure-reference` where there is nothing."""
    procedure_steps.refer(procedure.steps, procedure.offices, procedure.levels)
    procedure_rules.refer_outcomes(procedure.outcomes, procedure.steps, procedure.offices)
    procedure_rules.refer_rules(procedure.rules, procedure.steps, procedure.powers, procedure.levels)


def parse(data, name, version):
    """Judge a procedure's text; `name` and `version` are those of the `enacts` line."""
    top = shape.table(_load(data), TOP, ("basis", *PROGRAMME))
    well(top["format"] == "procedure/1")
    well(shape.string(top["id"], v.code) == name)
    well(shape.integer(top["version"], 1, 1_000_000) == version)
    shape.title(top["title"])
    east = _east(top["offset"])
    start = _start(top["valid"], east)
    shape.array(top.get("basis", []), 0, 32, shape.title)
    powers = _powers(top["power"])
    offices = _offices(top["office"], powers)
    governance = shape.table(top["governance"], {"offline_hours", "supervising", *ACTS}, OPTIONAL_ACTS)
    offline = shape.integer(governance["offline_hours"], 1, 720)
    well(type(governance["supervising"]) is str and governance["supervising"] in powers)
    rules = {act: _rule(governance[act], offices) for act in (*ACTS, *OPTIONAL_ACTS) if act in governance}
    programme = _programme(top, offline)
    procedure = Procedure(name, version, start, east, powers, offices, offline * 3_600_000, governance["supervising"], rules, **programme)
    _refer(procedure)
    for act, rule in rules.items():
        _two_powers(act, rule, offices)
    return procedure
