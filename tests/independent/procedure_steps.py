"""Steps of a procedure (format.md section 7.2): their keys, and what their names refer to."""

import datetime
import re
from dataclasses import dataclass, field

import shape
import values as v
from shape import well
from values import require

HOUR, DAY = 3_600_000, v.DAY
COHORTS = ("new", "continuing")
COMMON = {"after", "offline_hours"}
KEYS = {
    "case": {"opens", "renews", "for", "asserts", "counted", "measures", "evidence", "due", "join_days", "cover", "team"},
    "list": {"for", "evidence", "due", "join_days", "rates", "quorum", "posting", "locks"},
    "batch": {"evidence", "due", "within", "cosigned", "match", "settles"},
    "payment": {"evidence", "within"},
}
NOT_WITH_POSTING = {"evidence", "join_days", "quorum", "locks"}


@dataclass
class Within:
    days: int
    calendar: str
    of: str


@dataclass
class Quorum:
    present: tuple
    agree: tuple
    seats: dict


@dataclass
class Posting:
    at: list
    days: int
    calendar: str
    up: list
    down: list
    phones: list


@dataclass
class Step:
    """A step as its table says; `opening` marks a batch step that opens batches, `level` is a list step's level by number."""

    id: str
    on: str
    offices: list
    least: int | None  # with `any`; None with `each`
    after: list = field(default_factory=list)
    opens: bool = False
    renews: bool = False
    cohorts: tuple = COHORTS
    asserts: list = field(default_factory=list)
    counted: bool = False
    measures: list = field(default_factory=list)
    evidence: list = field(default_factory=list)
    due: tuple | None = None
    within: Within | None = None
    offline_ms: int | None = None
    join_ms: int | None = None
    cover: dict | None = None
    team: bool = False
    lists: str | None = None
    level: int | None = None
    rates: tuple | None = None
    quorum: Quorum | None = None
    posting: Posting | None = None
    locks: bool = False
    cosigned: int | None = None
    match: dict = field(default_factory=dict)
    settles: bool = False
    opening: bool = False

    def reached(self, offices):
        """Whether signers of these offices, one a signer, are enough."""
        if self.least is not None:
            return len(offices) >= self.least
        return set(self.offices) <= set(offices)


def _by(value):
    """(offices, min): min is None for `each`."""
    well(type(value) is dict)
    office = lambda name: shape.string(name, v.office)
    if "each" in value:
        shape.table(value, {"each"})
        return shape.distinct(value["each"], office, low=1), None
    shape.table(value, {"any", "min"})
    return shape.distinct(value["any"], office, low=1), shape.integer(value["min"], 1, 16)


def _codes(value):
    return shape.distinct(value, shape.code)


def _due(value):
    """`MM-DD`, not 02-29."""
    well(type(value) is str and re.fullmatch(r"[0-9]{2}-[0-9]{2}", value))
    try:
        day = datetime.date(2001, int(value[:2]), int(value[3:]))
    except ValueError:
        well(False)
    return day.month, day.day


def _days(table):
    return shape.integer(table["days"], 0, 3650), shape.one_of("natural", "working")(table["calendar"])


def _within(value):
    shape.table(value, {"days", "calendar", "of"})
    return Within(*_days(value), shape.code(value["of"]))


def _cover(value):
    shape.table(value, set(), ("new", "continuing", "related"))
    return {name: shape.share(value.get(name, "1/1")) for name in ("new", "continuing", "related")}


def _rates(value):
    """(step, shares by assert)."""
    shape.table(value, {"step", "shares"})
    shares = shape.entries(value["shares"], 0, 50_000)
    return shape.code(value["step"]), {shape.code(name): shape.share(part) for name, part in shares.items()}


def _quorum(value):
    shape.table(value, {"present", "agree", "seats"})
    seats = shape.entries(value["seats"], 0, 50_000)
    seats = {shape.code(name): shape.integer(count, 1, 100) for name, count in seats.items()}
    return Quorum(shape.share(value["present"]), shape.share(value["agree"]), seats)


def _posting(value):
    shape.table(value, {"at", "days", "calendar", "up", "down", "phones"})
    return Posting(shape.distinct(value["at"], shape.code, low=1), *_days(value), _codes(value["up"]), _codes(value["down"]), _codes(value["phones"]))


def _match(value, settles):
    shape.entries(value, 0, 8)
    what = shape.one_of(*(("batch", "paid") if settles else ("batch",)))
    return {shape.code(name): what(kind) for name, kind in value.items()}


def _for(value):
    return tuple(shape.distinct(value, shape.one_of(*COHORTS), low=1))


PARSERS = {
    "after": _codes, "opens": shape.true, "renews": shape.true, "asserts": _codes, "counted": shape.boolean, "measures": _codes,
    "evidence": _codes, "due": _due, "within": _within, "cover": _cover, "team": shape.true, "rates": _rates, "quorum": _quorum,
    "posting": _posting, "locks": shape.true, "cosigned": lambda value: shape.integer(value, 1, 16), "settles": shape.true,
}


def step(value, offline):
    """One table of `[[step]]`, everything but what its names refer to."""
    well(type(value) is dict and "on" in value)
    on = shape.one_of(*KEYS)(value["on"])
    needed = {"id", "on", "by"} | ({"lists"} if on == "list" else set())
    shape.table(value, needed, COMMON | KEYS[on])
    well("posting" not in value or not NOT_WITH_POSTING & value.keys())
    result = Step(shape.code(value["id"]), on, *_by(value["by"]))
    for key, parse in PARSERS.items():
        if key in value:
            setattr(result, key, parse(value[key]))
    if "offline_hours" in value:
        result.offline_ms = shape.integer(value["offline_hours"], 1, offline) * HOUR
    if "join_days" in value:
        result.join_ms = shape.integer(value["join_days"], 1, 60) * DAY
    if "match" in value:
        result.match = _match(value["match"], result.settles)
    if on == "list":
        result.lists = shape.code(value["lists"])
    _cohorts(result, value)
    well(bool(result.after) != (result.opens or result.renews))
    return result


def _cohorts(result, value):
    well(not (result.opens and result.renews))
    well(not (result.renews and "for" in value))
    if "for" in value:
        result.cohorts = _for(value["for"])
        well(not result.opens or result.cohorts == ("new",))
    elif result.opens:
        result.cohorts = ("new",)


def steps(value, offline):
    """`[[step]]`: the steps by id, in order."""
    found = shape.array(value, 0, 64, lambda item: step(item, offline))
    result = {one.id: one for one in found}
    well(len(result) == len(found) and sum(one.opens for one in found) <= 1 and sum(one.locks for one in found) <= 1)
    return result


def _refer(condition):
    require(condition, "procedure-reference")


def refer(steps_by_id, offices, levels):
    """Resolve the names in all steps, or `procedure-reference`."""
    before = {}
    for one in steps_by_id.values():
        _refer(all(name in offices for name in one.offices))
        _refer(all(name in before for name in one.after))
        _after(one, [before[name] for name in one.after])
        _refer(one.within is None or one.within.of in one.after)
        if one.lists is not None:
            _refer(one.lists in levels)
            one.level = levels.index(one.lists)
        _refer(one.posting is None or all(level in levels for level in (*one.posting.at, *one.posting.phones)))
        if one.rates is not None:
            name, shares = one.rates
            _refer(name in before and before[name].counted)
            _refer(all(code in before[name].asserts for code in shares))
        before[one.id] = one


def _after(one, steps_before):
    """That the steps of `after` are of the kind asked for."""
    if one.on in ("case", "list"):
        _refer(all(other.on in ("case", "list") for other in steps_before))
    elif one.on == "payment":
        _refer(all(other.on == "batch" and other.settles for other in steps_before))
    else:
        one.opening = len(steps_before) == 1 and steps_before[0].locks
        _refer(one.opening or all(other.on == "batch" for other in steps_before))
