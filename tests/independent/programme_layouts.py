"""Layouts of the acts of format.md sections 5.11 to 5.16 and 5.20 after their header, and the lines of a sheet."""

from functools import partial

import values as v
from grammar import ANY, MAYBE, ONE, SOME, about, either, exactly, instead, new_or_hash, one, parts, period, split, word

LIST = parts(v.code, v.number, v.number, v.hash32)
CODE_AND_HASH = parts(v.code, v.hash32)
CASE = ("case", parts(v.case, v.hash32), ONE)
REASON = ("reason", one(v.code), ONE)
EVIDENCE = ("evidence", one(v.hash32), ONE)
MAYBE_EVIDENCE = ("evidence", instead("none", v.hash32), ONE)
OVERRIDES = ("override", one(v.hash32), ANY)
PHOTOS = ("photo", CODE_AND_HASH, ANY)
STEP = ("step", one(v.code), ONE)
STEP_AND_LIST = (STEP, ("list", LIST, ONE))


def _line(*parsers):
    return partial(split, parsers)


def sheet_line(_):
    """Stands for the one of `SHEET_LINES` that the sheet's kind asks for."""
    raise AssertionError("a sheet's line is read by its kind")


SHEET_LINES = {
    "cases": either(_line(v.case, v.hash32), _line(v.case, v.hash32, exactly("omit"))),
    "payments": either(_line(v.case, v.hash32, v.number, v.hash32), _line(v.case, v.hash32, exactly("omit"))),
    "seats": parts(v.code, v.code, exactly("agree", "against", "absent")),
    "results": either(_line(v.case, exactly("paid")), _line(v.case, exactly("failed"), v.code)),
}

BODIES = {
    "step": (
        STEP,
        ("case", parts(v.case, new_or_hash), MAYBE),
        ("open", parts(v.unit, v.scheme, v.code, period, v.hash32), MAYBE),
        ("period", one(period), MAYBE),
        ("list", LIST, MAYBE),
        ("seats", LIST, MAYBE),
        ("batch", parts(v.code, v.code, v.number, v.number), MAYBE),
        ("repays", one(v.code), MAYBE),
        ("less", parts(v.case, v.hash32), ANY),
        ("payment", parts(v.case, v.code), MAYBE),
        ("results", LIST, MAYBE),
        ("cosigned", one(v.number), MAYBE),
        ("total", parts(v.code, v.number, v.number), ANY),
        ("assert", parts(v.code, exactly("yes", "no", "unclear")), ANY),
        ("measure", parts(v.code, v.number), ANY),
        OVERRIDES,
        ("evidence", CODE_AND_HASH, ANY),
    ),
    "join": (("joins", one(v.hash32), ONE),),
    "sheet": (
        ("list", one(v.code), ONE), ("kind", word(*SHEET_LINES), ONE), ("part", one(v.number), ONE), ("|", sheet_line, SOME),
    ),
    "post-up": (*STEP_AND_LIST, ("place", CODE_AND_HASH, SOME), ("phone", one(v.code), ANY), PHOTOS, OVERRIDES),
    "post-down": (*STEP_AND_LIST, PHOTOS, OVERRIDES),
    "outcome": (CASE, ("outcome", one(v.code), ONE), REASON, ("evidence", CODE_AND_HASH, ANY)),
    "correct": (("case", parts(v.case, v.hash32), MAYBE), ("batch", one(v.code), MAYBE), ("of", one(v.hash32), ONE), REASON, EVIDENCE),
    "transfer": (CASE, ("from", one(v.unit), ONE), ("to", one(v.unit), ONE), REASON),
    "account": (CASE, ("account", one(v.hash32), ONE), REASON, EVIDENCE),
    "objection": (CASE, REASON, MAYBE_EVIDENCE),
    "dissent": (CASE, ("of", one(v.hash32), ONE), REASON, MAYBE_EVIDENCE),
    "report": (("report", one(v.hash32), ONE), ("about", about(case=v.case, unit=v.unit), ONE), REASON, MAYBE_EVIDENCE),
    "appeal": (CASE, ("of", one(v.hash32), ONE), MAYBE_EVIDENCE),
    "answer": (("answers", one(v.hash32), ONE), ("outcome", word("upheld", "dismissed"), ONE), EVIDENCE),
    "recuse": (CASE, ("relation", one(v.code), ONE)),
    "hold": (CASE, REASON, EVIDENCE),
    "release": (CASE, ("releases", one(v.hash32), ONE), EVIDENCE),
    "override": (STEP, ("rule", one(v.code), ONE), ("about", about(case=v.case, list=v.code), ONE), REASON, EVIDENCE),
    "ruling": (
        ("clause", about(step=v.code, outcome=v.code, rule=v.code, scheme=v.scheme), ONE), ("issuer", one(v.code), ONE),
        ("document", one(v.hash32), ONE), ("answers", instead("none", v.hash32), ONE),
    ),
    "incident": (
        ("incident", word("stream-lost", "stream-damaged", "segments-damaged", "node-restored", "other"), ONE), ("node", one(v.node), ONE),
        ("generation", one(v.number), ONE), ("size", one(v.number), ONE), ("root", one(v.hash32), ONE), ("document", one(v.hash32), ONE),
    ),
    "team": (
        STEP, ("period", one(period), ONE), ("member", parts(v.code, v.code, v.person), SOME), ("area", parts(v.code, v.unit), ANY),
    ),
}
