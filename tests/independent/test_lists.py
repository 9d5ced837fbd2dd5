"""Tests of sheets, list steps, postings, batches and payments: every rule broken once."""

import unittest
from unittest import mock

import lists
from forge_programme import OFFICES, TEXT, ProgrammeForge
from test_programme import Programme, locked, noticed, ordered, settled, surveyed
from test_verify import BAD_HASH, replace

DUE = 'rates = { step = "survey", shares = { poor = "1/2" } }'


class Sheets(Programme):
    def test_rules(self):
        f = surveyed()
        line = lambda case: f"{case} {f.cases[case]}"
        self.bad(f, "step-office", lambda f: f.sheet("l", "cases", [line("C1")], by=("rita",)))
        self.bad(f, "list-part", lambda f: f.sheet("l", "cases", [line("C1")], edit=replace("part", "part 1")))
        self.bad(f, "list-order", lambda f: f.sheet("l", "cases", [line("C2"), line("C1")]))
        self.bad(f, "list-order", lambda f: f.sheet("l", "cases", [line("C1"), line("C1")]))
        f.sheet("l", "cases", [line("C1")])
        self.bad(f, "list-taken", lambda f: f.sheet("l", "cases", [line("C2")], part=1, by=("cora",)))
        self.good(f, lambda f: f.sheet("l", "cases", [line("C2")], part=1, by=("cleo", "cora")))
        self.bad(f, "list-closed", lambda f: f.sheet("l", "seats", ["a b agree"], part=1))
        self.bad(f, "list-part", lambda f: f.sheet("l", "cases", [line("C2")], part=2))
        self.bad(f, "list-order", lambda f: f.sheet("l", "cases", [line("C1")], part=1))
        f.sheet("l", "cases", [line("C2")], part=1)
        f.meet("l", "C1", "C2")
        self.bad(f, "list-closed", lambda f: f.sheet("l", "cases", ["C3 " + BAD_HASH], part=2))

    def test_values(self):
        f = ProgrammeForge()
        for kind, bad in (("cases", "C1"), ("cases", f"C1 {BAD_HASH} omitted"), ("cases", f"C1 {BAD_HASH} 1 {BAD_HASH}"),
                          ("payments", f"C1 {BAD_HASH}"), ("seats", "a b yes"), ("results", "C1 paid late"), ("results", "C1 failed"),
                          ("cases", "")):
            self.bad(f, "value", lambda f: f.sheet("l", kind, [bad]))
        self.bad(f, "value", lambda f: f.sheet("l", "names", ["C1 " + BAD_HASH]))
        self.bad(f, "character", lambda f: f.sheet("l", "cases", ["C1 王"]))
        self.bad(f, "statement-too-long", lambda f: f.sheet("l", "cases", [f"C{number:06} {BAD_HASH}" for number in range(1150)]))

    def test_limits(self):
        f = surveyed()
        f.cases_sheet("l", "C1")
        with mock.patch.object(lists, "LIST_LINES", 2):
            self.good(f, lambda f: f.sheet("l", "cases", ["C2 " + BAD_HASH], part=1))
            self.bad(f, "list-limit", lambda f: f.sheet("l", "cases", ["C2 " + BAD_HASH, "C3 " + BAD_HASH], part=1))
        with mock.patch.object(lists, "SHEET_BYTES", 1000):
            self.good(f, lambda f: f.sheet("m", "cases", ["C2 " + BAD_HASH]))
            self.bad(f, "list-limit", lambda f: f.sheet("m", "cases", [f"C{number} {BAD_HASH}" for number in range(2, 9)]))
            self.good(f, lambda f: f.sheet("m", "cases", [f"C{number} {BAD_HASH}" for number in range(2, 9)], by=("cora",)))


class ListLines(Programme):
    def test_list_line(self):
        f = surveyed()
        f.cases_sheet("l", "C1", "C2")
        self.bad(f, "list-unknown", lambda f: f.meet("l", edit=replace("list", f"list m 2 0 {BAD_HASH}")))
        self.bad(f, "list-unknown", lambda f: f.meet("l", edit=replace("seats", f"seats m 2 0 {BAD_HASH}")))
        self.bad(f, "list-root", lambda f: f.meet("l", edit=replace("list", f"list l 2 0 {BAD_HASH}")))
        self.bad(f, "list-root", lambda f: f.meet("l", edit=replace("list", f.line("list", "l").replace("l 2 0", "l 1 0"))))
        self.bad(f, "list-root", lambda f: f.meet("l", edit=replace("list", f.line("list", "l").replace("l 2 0", "l 2 1"))))
        self.bad(f, "list-kind", lambda f: f.meet("l", edit=replace("list", f"list l-seats 3 0 {BAD_HASH}")))
        self.bad(f, "step-lines", lambda f: f.meet("l", edit=replace("seats", None)))
        f.payments_sheet("p", "C1", "C2")
        self.bad(f, "list-kind", lambda f: f.meet("p"))
        self.bad(f, "list-kind", lambda f: f.lock("l"))

    def test_units(self):
        f = surveyed(offices=[*OFFICES, ("vera", "clerk", "T1-V2"), ("tom", "chief", "T2")])
        f.apply("C3", unit="T1-V2", by=("vera",))
        f.sheet("l", "cases", [f"C1 {f.cases['C1']}", f"C3 {f.cases['C3']}"])
        self.bad(f, "list-unit", lambda f: f.meet("l"))
        f.cases_sheet("m", "C1", "C2")
        self.bad(f, "case-unit", lambda f: f.meet("m", by=("tom",)))
        self.good(f, lambda f: f.meet("m", by=("chen",)))
        f.sheet("n", "cases", [f"C1 {f.cases['C1']}", "C9 " + BAD_HASH])
        self.bad(f, "case-unknown", lambda f: f.meet("n"))

    def test_lines(self):
        f = surveyed()
        f.cases_sheet("l", "C1", "C2")
        f.sheet("wrong", "cases", [f"C1 {BAD_HASH}", f"C2 {f.cases['C2']}"])
        self.bad(f, "case-head", lambda f: f.meet("wrong"))
        self.bad(f, "step-order", lambda f: f.up("l"))
        f.meet("l", "C1", "C2")
        self.bad(f, "list-closed", lambda f: f.meet("l"))
        f.cases_sheet("m", "C1", "C2")
        self.bad(f, "step-repeated", lambda f: f.meet("m"))
        f.end("C1", "pause")
        self.bad(f, "list-empty", lambda f: _all_stale(f))
        f.cases_sheet("n", "C1", "C2")
        self.bad(f, "case-status", lambda f: f.up("n"))

    def test_due_and_omitted(self):
        f = surveyed()
        f.cases_sheet("l", "C1")
        self.bad(f, "list-omits", lambda f: f.meet("l"))
        seen = f.seen(f.size - 2)  # before the survey of C2
        self.bad(f, "list-omits", lambda f: f.meet("l", seen=seen))
        hold = f.flag("hold", "C2")
        f.sheet("m", "cases", [f"C1 {f.cases['C1']}", f"C2 {hold} omit"])
        self.good(f, lambda f: f.meet("m", "C1"))
        f.sheet("n", "cases", [f"C1 {f.cases['C1']}", f"C2 {BAD_HASH} omit"])
        self.bad(f, "omit-unfounded", lambda f: f.meet("n"))
        f.sheet("o", "cases", [f"C1 {f.cases['C1']}", f"C2 {f.cases['C2']} omit"])
        self.bad(f, "omit-unfounded", lambda f: f.meet("o"))
        f.end("C2", "pause")
        self.bad(f, "omit-unfounded", lambda f: f.meet("n"))
        f.sheet("q", "cases", [f"C1 {f.cases['C1']}", f"C2 {f.cases['C2']} omit"])
        self.good(f, lambda f: f.meet("q", "C1"))

    def test_waiting(self):
        """A case for which the step is not due is named by its head, and by none that its writer saw replaced."""
        f = surveyed(cases=("C1",))
        f.apply("C2")
        applied = f.cases["C2"]
        f.cases_sheet("l", "C1")
        self.bad(f, "list-omits", lambda f: f.meet("l"))
        f.sheet("m", "cases", [f"C1 {f.cases['C1']}", f"C2 {applied} omit"])
        self.good(f, lambda f: f.meet("m", "C1"))
        seen = f.seen()
        f.visit("C2")
        self.good(f, lambda f: f.meet("m", "C1"))
        f.sheet("n", "cases", [f"C1 {f.cases['C1']}", f"C2 {applied} omit"])
        self.bad(f, "omit-unfounded", lambda f: f.meet("n", "C1"))
        f.survey("C2")
        self.bad(f, "omit-unfounded", lambda f: f.meet("m", "C1"))
        self.good(f, lambda f: f.meet("m", "C1", seen=seen))

    def test_newcomers(self):
        """A list answers for those who were there when a step first used it."""
        f = surveyed()
        f.cases_sheet("l", "C1", "C2")
        f.apply("C3")
        self.bad(f, "list-omits", lambda f: f.meet("l", "C1", "C2"))
        f = surveyed()
        f.cases_sheet("l", "C1", "C2")
        f.meet("l", "C1", "C2")
        f.apply("C3")
        self.good(f, lambda f: f.up("l"))

    def test_dropped(self):
        """A case with an open flag drops; a later list names it, or says why not."""
        f = surveyed()
        f.cases_sheet("l", "C1", "C2")
        hold = f.flag("hold", "C2")
        f.meet("l", "C1")
        self.good(f, lambda f: f.up("l"))
        f.cases_sheet("m", "C1")
        self.bad(f, "list-omits", lambda f: f.up("m"))
        f.sheet("n", "cases", [f"C1 {f.cases['C1']}", f"C2 {hold} omit"])
        self.good(f, lambda f: f.up("n"))
        f.act("release", f.case("C2"), f"releases {hold}", f"evidence {BAD_HASH}", by=f.selves("rita"))
        f.up("l")
        self.good(f, lambda f: f.up("n"))
        f.cases_sheet("again", "C2")
        f.meet("again", "C2")
        f.days(2)
        f.down("l", "C1")
        self.check(f)

    def test_a_dropped_line_is_skipped_first(self):
        """A line dropped before is skipped even if its case has moved on: the hash responsible stays."""
        f = surveyed()
        f.cases_sheet("l", "C1", "C2")
        hold = f.flag("hold", "C2")
        f.meet("l", "C1")
        f.release("C2", hold)
        f.cases["C2"] = f.act("account", f.case("C2"), f"account {BAD_HASH}", "reason lost", f"evidence {BAD_HASH}", by=f.by("cleo"))
        f.up("l")
        f.sheet("m", "cases", [f"C1 {f.cases['C1']}", f"C2 {f.cases['C2']} omit"])
        self.good(f, lambda f: f.up("m"))  # it waits for the meeting
        f.sheet("n", "cases", [f"C1 {f.cases['C1']}", f"C2 {hold} omit"])
        self.good(f, lambda f: f.up("n"))

    def test_dropped_in_an_earlier_period(self):
        f = surveyed()
        f.cases_sheet("l", "C1", "C2")
        hold = f.flag("hold", "C2")
        f.meet("l", "C1")
        f.release("C2", hold)
        f.renew("C1", 2024)
        f.visit("C1")
        f.survey("C1")
        f.sheet("m", "cases", [f"C1 {f.cases['C1']}", f"C2 {hold} omit"])
        self.bad(f, "omit-unfounded", lambda f: f.meet("m", "C1"))  # due again
        again = f.flag("hold", "C2")
        f.sheet("m2", "cases", [f"C1 {f.cases['C1']}", f"C2 {again} omit"])
        f.meet("m2", "C1")
        f.release("C2", again)
        f.cases_sheet("n", "C1")
        self.bad(f, "list-omits", lambda f: f.up("n"))  # not dropped in this period, but it waits for its renewal
        f.sheet("o", "cases", [f"C1 {f.cases['C1']}", f"C2 {f.cases['C2']} omit"])
        self.good(f, lambda f: f.up("o"))
        f.renew("C2", 2024)
        self.bad(f, "list-omits", lambda f: f.up("n"))
        f.renew("C2", 2025)
        self.bad(f, "list-omits", lambda f: f.up("n"))

    def test_stale_line_drops(self):
        f = surveyed()
        f.cases_sheet("l", "C1", "C2")
        f.cases["C2"] = f.act("account", f.case("C2"), f"account {BAD_HASH}", "reason lost", f"evidence {BAD_HASH}", by=f.by("cleo"))
        f.meet("l", "C1")
        f.sheet("n", "cases", [f"C1 {f.cases['C1']}", f"C2 {f.cases['C2']} omit"])
        self.good(f, lambda f: f.up("n"))

    def test_quorum_and_rates(self):
        f = surveyed()
        f.cases_sheet("l", "C1", "C2")
        self.bad(f, "quorum", lambda f: f.meet("l", seats=("a elder agree", "b other absent", "c other absent")))
        self.bad(f, "quorum", lambda f: f.meet("l", seats=("a elder agree", "b other against", "c other against")))
        self.bad(f, "quorum", lambda f: f.meet("l", seats=("a elder absent", "b other agree", "c other agree")))
        f = ProgrammeForge()
        for case, answer in (("C1", "yes"), ("C2", "no"), ("C3", "unclear")):
            f.apply(case)
            f.visit(case)
            f.survey(case, answer)
        f.cases_sheet("l", "C1", "C2", "C3")
        self.bad(f, "rate", lambda f: f.meet("l"))

    def test_postings(self):
        f = surveyed()
        f.cases_sheet("l", "C1", "C2")
        f.meet("l", "C1", "C2")
        self.bad(f, "posting-place", lambda f: f.up("l", places=("town",)))
        self.bad(f, "posting-phone", lambda f: f.up("l", phones=()))
        self.bad(f, "posting-photo", lambda f: f.up("l", photos=("wall", "door")))
        self.bad(f, "posting-down", lambda f: f.down("l"))
        f.up("l")
        f.days(1)
        self.bad(f, "posting-days", lambda f: f.down("l"))
        self.good(f, lambda f: (f.days(1), f.down("l")))
        f.up("l")
        f.days(1)
        self.bad(f, "posting-days", lambda f: f.down("l"))
        f.days(1)
        self.bad(f, "posting-photo", lambda f: f.down("l", photos=()))
        self.good(f, lambda f: f.down("l"))

    def test_locks(self):
        f = noticed()
        f.payments_sheet("p", "C1", "C2", fen=200)
        self.bad(f, "amount", lambda f: f.lock("p"))
        f.sheet("q", "payments", [f"{case} {f.cases[case]} 300 {BAD_HASH}" for case in ("C1", "C2")])
        self.bad(f, "account-other", lambda f: f.lock("q"))
        flat = noticed(TEXT.replace('per = "persons"\n', ""))
        flat.payments_sheet("p", "C1", "C2", fen=100)
        self.good(flat, lambda f: f.lock("p"))
        rooms = noticed(TEXT.replace('per = "persons"', 'per = "rooms"'))
        rooms.payments_sheet("p", "C1", "C2")
        self.bad(rooms, "amount", lambda f: f.lock("p"))

    def test_late(self):
        f = surveyed(TEXT.replace(DUE, DUE + '\ndue = "11-14"'))
        f.cases_sheet("l", "C1", "C2")
        self.warns(f, "late", lambda f: f.meet("l"))

    def test_waiting_list(self):
        f = surveyed(TEXT.replace(DUE, DUE + "\njoin_days = 2").replace(
            'id = "meeting"\non = "list"\nby = { any = ["clerk", "chief"], min = 1 }', 'id = "meeting"\non = "list"\nby = { each = ["clerk", "chief"] }'))
        f.cases_sheet("l", "C1", "C2")
        waiting = f.meet("l", "C1", "C2")
        self.good(f, lambda f: f.sheet("l", "cases", ["C3 " + BAD_HASH], part=1))  # a step that waits uses no list

        def changed(f):
            f.sheet("l", "cases", ["C3 " + BAD_HASH], part=1)
            f.act("join", f"joins {waiting}", by=f.by("chen"))
        self.bad(f, "list-root", changed)
        self.bad(f, "step-office", lambda f: f.act("join", f"joins {waiting}", by=f.by("cash")))
        f.act("join", f"joins {waiting}", by=f.by("cora"))
        self.bad(f, "step-order", lambda f: f.up("l"))
        f.act("join", f"joins {waiting}", by=f.by("chen"))
        self.bad(f, "list-closed", lambda f: f.sheet("l", "cases", ["C3 " + BAD_HASH], part=1))
        f.up("l")
        self.check(f)


def _all_stale(f):
    """Both cases of the list have moved on."""
    f.cases["C2"] = f.act("account", f.case("C2"), f"account {BAD_HASH}", "reason lost", f"evidence {BAD_HASH}", by=f.by("cleo"))
    f.up("l")


class Batches(Programme):
    def test_opening(self):
        f = locked()
        self.bad(f, "step-lines", lambda f: f.order("b", "p", 2, 600, edit=replace("cosigned", None)))
        self.bad(f, "list-unknown", lambda f: f.order("b", "l", 2, 600))
        self.bad(f, "list-unknown", lambda f: f.order("b", "p", 2, 600, more=["repays c"]))
        self.bad(f, "batch-match", lambda f: f.order("b", "p", 2, 601))
        self.bad(f, "batch-match", lambda f: f.order("b", "p", 1, 600))
        self.bad(f, "cosigned-missing", lambda f: f.order("b", "p", 2, 600, cosigned=f.size - 1))
        early = f.cosigned(size=f.size - 1)  # all entries but the one that locked
        self.bad(f, "cosigned-missing", lambda f: f.order("b", "p", 2, 600, cosigned=early))
        self.bad(f, "totals", lambda f: f.order("b", "p", 2, 600, totals=[]))
        self.bad(f, "totals", lambda f: f.order("b", "p", 2, 600, totals=["total bank 2 599"]))
        self.bad(f, "totals", lambda f: f.order("b", "p", 2, 600, totals=["total cash 2 600"]))
        self.bad(f, "step-office", lambda f: f.order("b", "p", 2, 600, by=("cash", "rita")))
        f.order("b", "p", 2, 600)
        self.bad(f, "batch-taken", lambda f: f.order("b", "p", 2, 600))
        self.bad(f, "list-empty", lambda f: f.order("b2", "p", 0, 0))

    def test_cosignatures(self):
        f = locked(TEXT.replace("cosigned = 1", "cosigned = 2"))
        self.bad(f, "cosigned-missing", lambda f: f.order("b", "p", 2, 600))

    def test_holds(self):
        f = locked()
        hold = f.flag("hold", "C1")
        self.bad(f, "hold-unnamed", lambda f: f.order("b", "p", 2, 600))
        self.bad(f, "hold-unnamed", lambda f: f.order("b", "p", 1, 300, more=[f"less C1 {BAD_HASH}"]))
        self.bad(f, "hold-unnamed", lambda f: f.order("b", "p", 1, 300, more=[f"less C1 {hold}", f"less C1 {hold}"]))
        self.bad(f, "hold-unnamed", lambda f: f.order("b", "p", 1, 300, more=[f"less C1 {hold}", f"less C2 {hold}"]))
        f.order("b", "p", 1, 300, more=[f"less C1 {hold}"])
        f.flag("hold", "C2")
        self.good(f, lambda f: f.settle("b", "p", 1, 300, ["C2 paid"], 1, 300))
        f.act("release", f.case("C1"), f"releases {hold}", f"evidence {BAD_HASH}", by=f.selves("rita"))
        self.good(f, lambda f: f.order("b2", "p", 1, 300))

    def test_settling(self):
        f = ordered()
        good = ["C1 paid", "C2 failed closed"]
        self.bad(f, "batch-unknown", lambda f: f.settle("b9", "p", 2, 600, good, 1, 300))
        self.bad(f, "batch-match", lambda f: f.settle("b", "l", 2, 600, good, 1, 300))
        self.bad(f, "batch-match", lambda f: f.settle("b", "p", 2, 601, good, 1, 300))
        self.bad(f, "results-lines", lambda f: f.settle("b", "p", 2, 600, ["C1 paid"], 1, 300))
        self.bad(f, "totals", lambda f: f.settle("b", "p", 2, 600, good, 2, 600))
        self.bad(f, "list-kind", lambda f: f.settle("b", "p", 2, 600, good, 1, 300, edit=replace("results", f.line("results", "p"))))
        self.bad(f, "list-unknown", lambda f: f.settle("b", "p", 2, 600, good, 1, 300, edit=replace("results", f"results x 2 0 {BAD_HASH}")))
        self.bad(f, "step-lines", lambda f: f.settle("b", "p", 2, 600, good, 1, 300, edit=replace("results", None)))
        self.bad(f, "step-office", lambda f: f.slip("C1", "b", by=("rita",)))
        self.warns(f, "late", lambda f: (f.days(4), f.settle("b", "p", 2, 600, good, 1, 300)))
        self.good(f, lambda f: (f.days(3), f.settle("b", "p", 2, 600, good, 1, 300)))
        self.good(f, lambda f: f.settle("b", "p", 2, 600, ["C1 paid", "C2 failed omit"], 1, 300))
        f.settle("b", "p", 2, 600, good, 1, 300)
        self.bad(f, "step-repeated", lambda f: f.settle("b", "p", 2, 600, good, 1, 300))

    def test_step_order(self):
        text = TEXT + """
[[step]]
id = "audit"
on = "batch"
by = { any = ["cashier"], min = 1 }
after = ["settle"]
"""
        audit = lambda f: f.act("step", "step audit", "batch b p 2 600", by=f.by("cash"))
        self.bad(ordered(text), "step-order", audit)
        self.good(settled(text), audit)
        self.bad(settled(text), "step-lines", lambda f: f.act("step", "step audit", "batch b p 2 600", "repays b", by=f.by("cash")))

    def test_units(self):
        f = locked(offices=[*OFFICES, ("tara", "chief", "T2")], text=TEXT.replace(
            'by = { each = ["cashier"] }', 'by = { any = ["cashier", "chief"], min = 1 }'))
        self.good(f, lambda f: f.order("b", "p", 2, 600, by=("chen",)))
        self.bad(f, "case-unit", lambda f: f.order("b", "p", 2, 600, by=("tara",)))

    def test_payment(self):
        f = settled()
        self.bad(f, "payment-unknown", lambda f: f.slip("C2", "b"))
        self.bad(f, "payment-unknown", lambda f: f.slip("C1", "b9"))
        self.bad(f, "payment-unknown", lambda f: f.slip("C9", "b"))
        self.warns(f, "late", lambda f: (f.days(4), f.slip("C1", "b")))
        f.slip("C1", "b")
        self.bad(f, "step-repeated", lambda f: f.slip("C1", "b"))
        self.bad(f, "batch-match", lambda f: f.order("b2", "p", 2, 600, more=["repays b"]))
        self.bad(f, "cosigned-missing", lambda f: f.order("b2", "p", 1, 300, more=["repays b"], cosigned=f.size - 5))

    def test_payment_unit(self):
        text = TEXT.replace('id = "slip"\non = "payment"\nby = { any = ["cashier"]', 'id = "slip"\non = "payment"\nby = { any = ["cashier", "chief"]')
        f = settled(text)
        f.enrol("tara")
        f.post_to("tara", "chief", "T2")
        self.bad(f, "case-unit", lambda f: f.slip("C1", "b", by=("tara",)))
        self.good(f, lambda f: f.slip("C1", "b", by=("chen",)))


if __name__ == "__main__":
    unittest.main()
