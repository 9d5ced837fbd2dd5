"""Tests of the programme's acts: a case driven to its payment, and every rule broken once."""

import copy
import unittest

from forge import hash64, stamp
from forge_programme import DAY, OFFICES, TEXT, ProgrammeForge
from test_verify import BAD_HASH, Case, error, replace


def warning(rule, index):
    return {"rule": rule, "index": index, "level": "warn"}


class Programme(Case):
    """Every helper audits a copy of a ledger with one more act."""

    def bad(self, f, rule, act):
        copied = copy.deepcopy(f)
        act(copied)
        self.last(copied, rule)

    def warns(self, f, rule, act):
        copied = copy.deepcopy(f)
        act(copied)
        self.check(copied, warning(rule, copied.size - 1))

    def good(self, f, act):
        copied = copy.deepcopy(f)
        act(copied)
        self.check(copied)


def surveyed(text=TEXT, cases=("C1", "C2"), **options):
    f = ProgrammeForge(text, **options)
    for case in cases:
        f.apply(case)
        f.visit(case)
        f.survey(case)
    return f


def noticed(text=TEXT, cases=("C1", "C2"), **options):
    f = surveyed(text, cases, **options)
    f.cases_sheet("l", *cases)
    f.meet("l", *cases)
    f.up("l")
    f.days(2)
    f.down("l", *cases)
    return f


def locked(text=TEXT, cases=("C1", "C2"), **options):
    f = noticed(text, cases, **options)
    f.payments_sheet("p", *cases)
    f.lock("p", *cases)
    return f


def ordered(text=TEXT, cases=("C1", "C2"), **options):
    f = locked(text, cases, **options)
    f.opening = f.order("b", "p", len(cases), 300 * len(cases))
    return f


def settled(text=TEXT):
    f = ordered(text)
    f.settle("b", "p", 2, 600, ["C1 paid", "C2 failed closed"], 1, 300)
    return f


class Payment(Programme):
    def test_a_case_is_paid(self):
        f = settled()
        f.slip("C1", "b")
        f.order("b2", "p", 1, 300, more=["repays b"])
        f.settle("b2", "p", 1, 300, ["C2 paid"], 1, 300)
        f.slip("C2", "b2")
        f.days(1)
        f.act("step", "step renew", f.case("C1"), "period 2024", by=f.by("cleo"), moves="C1")
        f.act("step", "step revisit", f.case("C1"), "measure persons 4", by=f.by("cleo"), moves="C1")
        f.survey("C1")
        self.check(f)


if __name__ == "__main__":
    unittest.main()
