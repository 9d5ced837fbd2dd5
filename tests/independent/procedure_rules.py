"""Calendar, standards, outcomes and rules of a procedure (format.md sections 7.1 and 7.3)."""

from dataclasses import dataclass, field

import shape
import values as v
from calendar_days import Calendar
from shape import well
from values import require

CLOSED = ("suspended", "rejected", "revoked", "exited", "referred")
KINDS = {
    "exclusive_powers": {"powers"}, "distinct": {"steps"}, "not_own_unit": {"steps"}, "mixed": {"steps", "level", "min"},
    "recuse": {"steps", "relations"}, "independent": set(), "acting": {"max_days", "max_depth"},
}
SINGLE = ("exclusive_powers", "independent", "acting")


@dataclass
class Standard:
    """What a scheme's tier pays from period to period, for each of a measure where `per` says so."""

    scheme: str
    tier: str
    fen: int
    first: int
    last: int
    per: str | None


@dataclass
class Outcome:
    offices: list
    least: int
    to: str
    reasons: list | None
    back_to: str | None
    appeal_ms: int | None


@dataclass
class Rule:
    id: str
    kind: str
    severity: str = "refuse"
    override: bool = False
    powers: list = field(default_factory=list)
    steps: list = field(default_factory=list)
    level: str | None = None
    number: int | None = None
    least: int = 0
    relations: list = field(default_factory=list)
    max_days: int = 0
    max_depth: int = 0


def _refer(condition):
    require(condition, "procedure-reference")


def calendar(value):
    shape.table(value, set(), ("working", "holidays", "workdays"))
    weekday = lambda item: shape.integer(item, 1, 7)
    dates = lambda name: frozenset(shape.distinct(value.get(name, []), shape.date, high=1000))
    return Calendar(frozenset(shape.distinct(value.get("working", [1, 2, 3, 4, 5]), weekday)), dates("holidays"), dates("workdays"))


def answer(value):
    """(days, calendar)."""
    shape.table(value, {"days", "calendar"})
    return shape.integer(value["days"], 0, 3650), shape.one_of("natural", "working")(value["calendar"])


def _standard(value):
    shape.table(value, {"scheme", "tier", "fen", "from"}, ("to", "per"))
    first = shape.integer(value["from"], 1900, 9999)
    last = shape.integer(value["to"], first, 9999) if "to" in value else 9999
    per = shape.code(value["per"]) if "per" in value else None
    fen = shape.integer(value["fen"], 1, 10**12)
    return Standard(shape.string(value["scheme"], v.scheme), shape.code(value["tier"]), fen, first, last, per)


def standards(value):
    """`[[standard]]`: no scheme and tier has two for one period."""
    found = shape.array(value, 0, 500, _standard)
    latest = {}
    for one in sorted(found, key=lambda one: one.first):
        well(latest.get((one.scheme, one.tier), 0) < one.first)
        latest[one.scheme, one.tier] = one.last
    return found


def _outcome(value):
    shape.table(value, {"name", "by", "to"}, ("min", "reasons", "back_to", "appeal_days"))
    shape.title(value["name"])
    offices = shape.distinct(value["by"], lambda name: shape.string(name, v.office), low=1)
    to = shape.one_of(*CLOSED)(value["to"])
    well(("back_to" in value) == (to == "suspended"))
    well("appeal_days" not in value or to not in ("suspended", "referred"))
    back_to = shape.code(value["back_to"]) if "back_to" in value else None
    appeal = shape.integer(value["appeal_days"], 0, 3650) * v.DAY if "appeal_days" in value else None
    reasons = shape.distinct(value["reasons"], shape.code) if "reasons" in value else None
    return Outcome(offices, shape.integer(value.get("min", 1), 1, 16), to, reasons, back_to, appeal)


def outcomes(value):
    shape.entries(value, 0, 32)
    return {shape.code(name): _outcome(table) for name, table in value.items()}


def refer_outcomes(found, steps, offices):
    for one in found.values():
        _refer(all(name in offices for name in one.offices))
        _refer(one.back_to is None or (one.back_to in steps and steps[one.back_to].on == "case"))


def _rule(value):
    well(type(value) is dict and "kind" in value)
    kind = shape.one_of(*KINDS)(value["kind"])
    shape.table(value, {"id", "kind"} | KINDS[kind], ("severity", "override"))
    rule = Rule(shape.code(value["id"]), kind)
    rule.severity = shape.one_of("refuse", "warn")(value.get("severity", "refuse"))
    rule.override = shape.boolean(value.get("override", False))
    well(not rule.override or (rule.severity == "refuse" and kind not in SINGLE))
    if kind == "exclusive_powers":
        rule.powers = shape.distinct(value["powers"], lambda name: shape.string(name, v.power), low=2)
    if "steps" in value:
        rule.steps = shape.distinct(value["steps"], shape.code, low=2 if kind == "distinct" else 1)
    if kind == "mixed":
        rule.level, rule.least = shape.code(value["level"]), shape.integer(value["min"], 1, 16)
    if kind == "recuse":
        rule.relations = shape.distinct(value["relations"], shape.code, low=1)
    if kind == "acting":
        rule.max_days, rule.max_depth = shape.integer(value["max_days"], 1, 3650), shape.integer(value["max_depth"], 0, 1)
    return rule


def rules(value):
    found = shape.array(value, 0, 64, _rule)
    well(len({one.id for one in found}) == len(found))
    well(all(sum(one.kind == kind for one in found) <= 1 for kind in SINGLE))
    return found


def refer_rules(found, steps, powers, levels):
    for one in found:
        _refer(all(name in powers for name in one.powers))
        _refer(all(name in steps for name in one.steps))
        if one.level is not None:
            _refer(one.level in levels)
            one.number = levels.index(one.level)
