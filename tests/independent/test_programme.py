"""Tests of the programme's acts: a case driven to its payment, and every rule broken once."""

import copy
import unittest

from forge import hash64, stamp
from forge_programme import DAY, OFFICES, TEXT, ProgrammeForge
from test_verify import BAD_HASH, Case, replace


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
        f.renew("C1", 2024)
        f.revisit("C1", 4)
        f.survey("C1")
        self.check(f)


class Form(Programme):
    """Section 8.5, and governance."""

    def test_governance_none(self):
        f = ProgrammeForge("\n".join(line for line in TEXT.split("\n") if not line.startswith("hold = ")))
        f.apply("C1")
        self.bad(f, "governance-none", lambda f: f.flag("hold", "C1"))

    def test_form(self):
        f = ProgrammeForge()
        f.apply("C1")
        self.bad(f, "step-unknown", lambda f: f.visit("C1", edit=replace("step", "step visits")))
        self.bad(f, "step-unknown", lambda f: f.visit("C1", edit=replace("step", "step notice")))
        self.bad(f, "step-lines", lambda f: f.visit("C1", edit=replace("case", None)))
        self.bad(f, "step-lines", lambda f: f.visit("C1", edit=replace("case", "case C1 new")))
        self.bad(f, "step-lines", lambda f: f.visit("C1", edit=replace("case", [f.case("C1"), "period 2023"])))
        self.bad(f, "step-lines", lambda f: f.apply("C2", edit=replace("open", None)))
        self.bad(f, "step-lines", lambda f: f.visit("C1", edit=replace("assert", ["cosigned 0", "assert resident yes"])))
        self.bad(f, "step-asserts", lambda f: f.visit("C1", edit=replace("assert", None)))
        self.bad(f, "step-asserts", lambda f: f.visit("C1", edit=replace("assert", "assert resident no")))
        self.bad(f, "step-asserts", lambda f: f.visit("C1", edit=replace("assert", "assert resides yes")))
        self.bad(f, "step-measures", lambda f: f.visit("C1", edit=replace("measure", ["measure persons 3", "measure rooms 3"])))
        self.bad(f, "step-evidence", lambda f: f.visit("C1", edit=lambda lines: lines + ["evidence form " + BAD_HASH]))
        self.bad(f, "step-lines", lambda f: f.visit("C1", edit=replace("assert", ["total bank 1 1", "assert resident yes"])))
        self.bad(f, "step-office", lambda f: f.visit("C1", by=("cleo", "rita")))
        alone = ProgrammeForge(TEXT.replace("join_days = 10\n", ""))
        alone.apply("C1")
        self.bad(alone, "step-count", lambda f: f.visit("C1", by=("cleo",)))
        each = ProgrammeForge(TEXT.replace('by = { any = ["clerk"], min = 1 }\nopens', 'by = { each = ["clerk", "chief"] }\nopens'))
        self.bad(each, "step-count", lambda f: f.apply("C1", by=("cleo", "cora")))
        self.good(each, lambda f: f.apply("C1", by=("cleo", "chen", "cora")))
        self.bad(f, "line-repeated", lambda f: f.visit("C1", edit=replace("case", [f.case("C1"), f.case("C1")])))
        self.bad(f, "value", lambda f: f.apply("C2", period=1899))

    def test_posting_form(self):
        f = surveyed()
        f.cases_sheet("l", "C1", "C2")
        f.meet("l", "C1", "C2")
        self.bad(f, "step-unknown", lambda f: f.up("l", step="lock"))
        self.bad(f, "step-office", lambda f: f.up("l", by=("rita",)))

    def test_joins(self):
        f = ProgrammeForge()
        f.apply("C1")
        waiting = f.visit("C1", by=("cleo",), moves=None)
        join = lambda f, *by, **options: f.act("join", f"joins {waiting}", by=f.by(*by), **options)
        self.check(f)
        f.cosigned()
        self.bad(f, "join-unknown", lambda f: f.act("join", "joins " + BAD_HASH, by=f.by("chen")))
        self.bad(f, "signer-repeated", lambda f: join(f, "cleo"))
        self.bad(f, "step-office", lambda f: join(f, "rita"))
        self.bad(f, "step-office", lambda f: join(f, "chen", "cora"))

        def late(f):
            f.days(11)
            join(f, "chen")
        self.bad(f, "join-expired", late)

        def moved(f):
            f.end("C1", "pause")
            join(f, "chen")
        self.bad(f, "case-head", moved)

        def dismissed(f):
            f.appoint_end("cleo", f.held["cleo"][3], "dismissed")
            join(f, "chen")
        self.bad(f, "appointment-ended", dismissed)

        def covered(f, hours):
            f.appoint_end("cora", f.held["cora"][3])
            f.now += hours * 3_600_000
            f.cosigned()
            join(f, "chen")
        f = ProgrammeForge()
        f.apply("C1")
        waiting = f.visit("C1", by=("cora",), moves=None)
        self.good(f, lambda f: covered(f, 23))
        self.bad(f, "appointment-ended", lambda f: covered(f, 24))
        join(f, "chen")
        f.cases["C1"] = waiting
        f.survey("C1")
        self.bad(f, "join-unknown", lambda f: join(f, "cleo"))
        self.check(f)

    def test_a_join_has_the_general_allowance(self):
        """The step's own is two hours; of who signed it three hours ago and has lost the office since, the day's 24 count."""
        f = ProgrammeForge(TEXT.replace("join_days = 10", "join_days = 10\noffline_hours = 2"))
        f.apply("C1")
        waiting = f.visit("C1", by=("cora",), moves=None)
        f.appoint_end("cora", f.held["cora"][3])
        f.now += 3 * 3_600_000
        self.good(f, lambda f: f.act("join", f"joins {waiting}", by=f.by("chen")))
        f.now += 21 * 3_600_000
        f.cosigned()
        self.bad(f, "appointment-ended", lambda f: f.act("join", f"joins {waiting}", by=f.by("chen")))

    def test_a_join_is_judged_under_its_own_procedure(self):
        f = ProgrammeForge()
        f.apply("C1")
        waiting = f.visit("C1", by=("cleo",), moves=None)
        again = TEXT.replace("version = 1", "version = 2")
        join = lambda f: f.act("join", f"joins {waiting}", by=f.by("chen"))

        def under(f, old, new):
            f.enact(again.replace(old, new), "aid", 2)
            join(f)
        self.good(f, lambda f: under(f, "", ""))
        self.bad(f, "step-unknown", lambda f: under(f, "join_days = 10\n", ""))
        self.bad(f, "step-measures", lambda f: under(f, 'measures = ["persons"]\njoin_days', 'measures = ["rooms"]\njoin_days'))
        self.bad(f, "step-office", lambda f: under(f, 'by = { any = ["clerk", "chief"], min = 2', 'by = { any = ["chief", "cashier"], min = 2'))
        self.bad(f, "step-unknown", lambda f: under(f, "visit", "visits"))

        def expired(f):
            f.days(3)
            under(f, "join_days = 10", "join_days = 2")
        self.bad(f, "join-expired", expired)

    def test_allowance_of_a_step(self):
        text = TEXT.replace('after = ["apply"]', 'after = ["apply"]\noffline_hours = 2')
        f = ProgrammeForge(text)
        f.apply("C1")
        seen, head = f.seen(), f.now
        f.appoint_end("chen", f.held["chen"][3])
        f.now = head + 3_600_000
        self.good(f, lambda f: f.visit("C1", seen=seen))
        f.now = head + 3 * 3_600_000
        self.bad(f, "appointment-ended", lambda f: f.visit("C1", seen=seen))
        self.bad(f, "at-stale", lambda f: f.visit("C1", at=stamp(head)))
        self.good(f, lambda f: f.end("C1", "pause", at=stamp(head)))


class CaseSteps(Programme):
    """Section 8.6, steps."""

    def test_opening(self):
        f = ProgrammeForge()
        f.apply("C1")
        self.bad(f, "case-taken", lambda f: f.apply("C1"))
        self.bad(f, "standard-missing", lambda f: f.apply("C2", scheme="T"))
        self.bad(f, "standard-missing", lambda f: f.apply("C2", period=2022))
        self.bad(f, "case-unit", lambda f: f.apply("C2", unit="T1-V2"))
        self.bad(f, "case-unit", lambda f: f.apply("C2", unit="T1"))
        f.import_record("C2", 0)
        self.bad(f, "case-taken", lambda f: f.apply("C2"))
        self.bad(f, "case-unknown", lambda f: f.visit("C2"))
        self.bad(f, "case-head", lambda f: f.import_record("C2", 1, head="new"))
        self.bad(f, "case-head", lambda f: f.import_record("C1", 1, head=BAD_HASH))
        self.bad(f, "case-taken", lambda f: f.import_record("C1", 1, head="new"))
        self.bad(f, "record-used", lambda f: f.import_record("C1", 0, head="new"))
        self.bad(f, "case-head", lambda f: f.import_record("C1", 1, head=f.cases["C1"]))
        self.good(f, lambda f: f.import_record("C2", 1))

    def test_opening_by_a_team_and_late(self):
        """Points 4 and 5 hold for the step that opens, too."""
        f = ProgrammeForge(TEXT.replace("opens = true", "opens = true\nteam = true"))
        self.bad(f, "team-other", lambda f: f.apply("C1"))
        f.team("apply", 2023, ["g one cleo"], ["one T1"])
        self.good(f, lambda f: f.apply("C1"))
        self.bad(f, "team-other", lambda f: f.apply("C1", by=("cora",)))
        self.bad(f, "team-other", lambda f: f.apply("C1", period=2024))
        self.bad(f, "override-unknown", lambda f: f.apply("C1", edit=replace("evidence", ["override " + BAD_HASH, f"evidence form {BAD_HASH}"])))
        f = ProgrammeForge(TEXT.replace("opens = true", 'opens = true\ndue = "11-14"'))
        self.warns(f, "late", lambda f: f.apply("C1"))
        self.good(f, lambda f: f.apply("C1", period=2024))

    def test_order(self):
        f = ProgrammeForge(TEXT, [*OFFICES, ("vera", "clerk", "T1-V2")])
        f.apply("C1")
        self.bad(f, "case-unknown", lambda f: f.visit("C1", edit=replace("case", "case C9 " + BAD_HASH)))
        self.bad(f, "case-head", lambda f: f.visit("C1", edit=replace("case", "case C1 " + BAD_HASH)))
        self.bad(f, "case-unit", lambda f: f.visit("C1", by=("vera", "chen")))
        self.bad(f, "step-order", lambda f: f.survey("C1"))
        self.bad(f, "step-order", lambda f: f.act("step", "step revisit", f.case("C1"), "measure persons 1", by=f.by("cleo")))
        f.visit("C1")
        self.bad(f, "step-repeated", lambda f: f.visit("C1"))
        hold = f.flag("hold", "C1")
        self.bad(f, "flag-open", lambda f: f.survey("C1"))
        f.act("release", f.case("C1"), f"releases {hold}", f"evidence {BAD_HASH}", by=f.selves("rita"))
        self.good(f, lambda f: f.survey("C1"))
        f.end("C1", "pause")
        self.bad(f, "case-status", lambda f: f.survey("C1"))
        f.visit("C1")
        f.survey("C1")
        self.bad(f, "period-order", lambda f: f.renew("C1", 2023))
        self.good(f, lambda f: f.renew("C1", 2024))
        self.check(f)

    def test_renewal_without_standard(self):
        f = ProgrammeForge(TEXT.replace("from = 2023", "from = 2023\nto = 2023"))
        f.apply("C1")
        self.bad(f, "standard-missing", lambda f: f.renew("C1", 2024))

    def test_renewal_keeps_the_opening(self):
        f = ProgrammeForge()
        applied = f.apply("C1")
        visited = f.visit("C1")
        f.renew("C1", 2024)
        self.good(f, lambda f: f.flag("dissent", "C1", f"of {applied}", "reason other"))
        self.bad(f, "of-unknown", lambda f: f.flag("dissent", "C1", f"of {visited}", "reason other"))
        self.bad(f, "step-order", lambda f: f.revisit("C1"))
        self.good(f, lambda f: f.visit("C1"))  # needs the opening's mark

    def test_renewal_needs_what_is_locked_paid(self):
        self.bad(locked(), "case-paid", lambda f: f.renew("C1", 2024))
        self.bad(ordered(), "case-paid", lambda f: f.renew("C1", 2024))
        self.bad(ordered(), "case-paid", lambda f: f.renew("C1", 2023))
        f = settled()
        self.bad(f, "case-paid", lambda f: f.renew("C2", 2024))
        f.renew("C1", 2024)
        self.bad(f, "step-order", lambda f: f.visit("C1"))
        self.good(f, lambda f: f.revisit("C1"))
        f.renew("C1", 2025)  # nothing was locked in 2024
        self.bad(f, "step-order", lambda f: f.revisit("C1"))
        self.good(f, lambda f: f.visit("C1"))

    def test_suspended(self):
        """Back to a step: the cohort is not judged again, `after` is, and `distinct` sees no mark that the case loses."""
        f = settled()
        f.renew("C1", 2024)
        self.bad(f, "step-order", lambda f: f.visit("C1"))
        f.end("C1", "pause")
        self.good(f, lambda f: f.visit("C1"))
        f = ProgrammeForge()
        applied = f.apply("C1")
        self.bad(f, "of-unknown", lambda f: f.correct(f.case("C1"), applied))
        f = ProgrammeForge(TEXT + '\n[[rule]]\nid = "r"\nkind = "distinct"\nsteps = ["apply", "visit", "survey"]\n')
        f.apply("C1")
        f.visit("C1", by=("chen", "cora"))
        f.enrol("dora")
        f.post_to("dora", "clerk", "T1-V1")
        f.survey("C1", by=("dora",))
        f.end("C1", "pause")
        self.bad(f, "distinct", lambda f: f.visit("C1", by=("chen", "cleo")))
        f.visit("C1", by=("chen", "dora"))
        self.bad(f, "distinct", lambda f: f.survey("C1", by=("dora",)))
        self.good(f, lambda f: f.survey("C1", by=("cora",)))

    def test_team(self):
        text = TEXT.replace('after = ["apply"]', 'after = ["apply"]\nteam = true')
        f = ProgrammeForge(text)
        f.apply("C1")
        members = ["g one cleo", "g one chen", "g two cora"]
        team = lambda f, members=members, areas=("one T1-V1", "two T1-V2"), step="visit": f.team(step, 2023, members, areas)
        self.bad(f, "team-other", lambda f: f.visit("C1"))
        self.bad(f, "step-unknown", lambda f: team(f, step="survey"))
        self.bad(f, "person-unknown", lambda f: team(f, ["g one cleo", "g one nina"]))
        self.bad(f, "person-taken", lambda f: team(f, ["g one cleo", "g two cleo"]))
        self.bad(f, "team-member", lambda f: team(f, ["g one cleo", "g one rita"]))
        self.bad(f, "team-area", lambda f: team(f, areas=("three T1-V1",)))
        self.bad(f, "team-area", lambda f: team(f, areas=("one T1-V1", "two T1-V1")))
        team(f)
        self.good(f, lambda f: f.visit("C1"))
        self.bad(f, "team-other", lambda f: f.visit("C1", by=("cora", "chen")))
        team(f, areas=("one T1-V2",))
        self.bad(f, "team-other", lambda f: f.visit("C1"))

    def test_draw(self):
        """With a share of none a case needs no survey once a cosigned entry follows its visit."""
        f = ProgrammeForge(TEXT.replace('cover = { new = "1/1" }', 'cover = { new = "0/1" }'))
        f.apply("C1")
        f.visit("C1")
        f.cases_sheet("l", "C1")
        self.bad(f, "step-order", lambda f: f.meet("l", "C1"))
        seen = f.seen()
        f.cosigned()
        self.good(f, lambda f: f.meet("l", "C1"))
        f.apply("C2")
        f.visit("C2")
        f.cosigned()
        self.bad(f, "list-omits", lambda f: f.meet("l", "C1"))
        self.good(f, lambda f: f.meet("l", "C1", seen=seen))
        f.relate("cleo", to="case C1")
        self.bad(f, "step-order", lambda f: f.meet("l", "C1", seen=seen))

    def test_draw_without_marks_of_after(self):
        """Where a step's `after` left no mark, the draw is made after the case's last mark."""
        text = TEXT.replace('cover = { new = "1/1" }', 'cover = { new = "0/1" }').replace("join_days = 10", 'cover = { new = "0/1" }')
        f = ProgrammeForge(text)
        f.apply("C1")
        f.cases_sheet("l", "C1")
        self.bad(f, "step-order", lambda f: f.meet("l", "C1"))
        f.cosigned()
        self.good(f, lambda f: f.meet("l", "C1"))

    def test_renewal_is_late_whatever_the_last_period_was(self):
        f = ProgrammeForge(TEXT.replace("renews = true", 'renews = true\ndue = "11-15"').replace("from = 2023", "from = 2022"))
        f.apply("C1", period=2022)
        asked = f.end("C1", "ask")
        f.days(1)
        f.ruling(asked)
        self.warns(f, "late", lambda f: f.renew("C1", 2023))
        self.good(f, lambda f: f.renew("C1", 2024))

    def test_referred_in_an_earlier_period(self):
        f = ProgrammeForge(TEXT.replace('after = ["apply"]', 'after = ["apply"]\ndue = "11-15"').replace("from = 2023", "from = 2022"))
        f.apply("C1", period=2022)
        asked = f.end("C1", "ask")
        f.days(1)
        f.ruling(asked)
        f.cases["C1"] = asked
        self.warns(f, "late", lambda f: f.visit("C1"))
        f.renew("C1", 2023)
        self.warns(f, "late", lambda f: f.visit("C1"))  # one day late; the day referred was in 2022's period
        asked = f.end("C1", "ask")
        f.days(1)
        f.ruling(asked)
        self.warns(f, "late", lambda f: f.visit("C1"))
        f = ProgrammeForge(TEXT.replace('after = ["apply"]', 'after = ["apply"]\ndue = "11-15"'))
        f.apply("C1")
        asked = f.end("C1", "ask")
        f.now += DAY
        f.cosigned()
        f.ruling(asked)
        self.good(f, lambda f: f.visit("C1"))

    def test_late(self):
        f = ProgrammeForge(TEXT.replace('after = ["apply"]', 'after = ["apply"]\ndue = "11-15"'))
        f.apply("C1")
        self.good(f, lambda f: f.visit("C1"))  # 2023-11-15 in the offset
        f.days(1)
        self.warns(f, "late", lambda f: f.visit("C1"))
        asked = f.end("C1", "ask")
        f.days(1)
        f.act("ruling", "clause outcome ask", "issuer board", f"document {BAD_HASH}", f"answers {asked}", by=f.by("rita"))
        self.warns(f, "late", lambda f: f.visit("C1"))
        asked = f.end("C1", "ask")
        f.days(1)
        f.act("ruling", "clause outcome ask", "issuer board", f"document {BAD_HASH}", f"answers {asked}", by=f.by("rita"))
        self.warns(f, "late", lambda f: f.visit("C1"))  # three days late, less than two whole days of them referred


class CaseActs(Programme):
    """Section 8.6, other acts."""

    def test_outcome(self):
        f = ProgrammeForge(TEXT, [*OFFICES, ("vera", "clerk", "T1-V2")])
        f.apply("C1")
        self.bad(f, "outcome-unknown", lambda f: f.end("C1", "stop"))
        self.bad(f, "step-office", lambda f: f.end("C1", "pause", by=("chen",)))
        self.bad(f, "step-count", lambda f: f.end("C1", "refuse"))
        self.bad(f, "reason", lambda f: f.end("C1", "refuse", reason="other", by=("cleo", "chen")))
        self.bad(f, "case-unknown", lambda f: f.end("C1", "pause", edit=replace("case", "case C9 " + BAD_HASH)))
        self.bad(f, "case-head", lambda f: f.end("C1", "pause", edit=replace("case", "case C1 " + BAD_HASH)))
        self.bad(f, "case-unit", lambda f: f.end("C1", "pause", by=("vera",)))
        f.end("C1", "pause")
        self.bad(f, "case-status", lambda f: f.end("C1", "pause"))
        self.good(f, lambda f: f.end("C1", "refuse", by=("cleo", "chen")))
        f.act("recuse", f.case("C1"), "relation friend", by=f.selves("cleo"))
        self.bad(f, "recused", lambda f: f.end("C1", "ask"))
        f.end("C1", "refuse", by=("cora", "chen"))
        self.bad(f, "case-status", lambda f: f.end("C1", "ask", by=("cora",)))
        self.check(f)

    def test_outcome_takes_the_payment(self):
        f = locked()
        f.end("C1", "pause")
        self.bad(f, "batch-match", lambda f: f.order("b", "p", 2, 600))
        self.good(f, lambda f: f.order("b", "p", 1, 300))
        self.bad(ordered(), "case-paid", lambda f: f.end("C1", "pause"))

    def test_outcome_once_a_batch_is_settled(self):
        """What was paid stays; what failed is removed, so that nothing pays it again."""
        f = settled()
        f.end("C1", "pause")
        self.good(f, lambda f: f.slip("C1", "b"))
        self.good(f, lambda f: f.order("b2", "p", 1, 300, more=["repays b"]))
        f.end("C2", "pause")
        self.bad(f, "list-empty", lambda f: f.order("b2", "p", 0, 0, more=["repays b"]))
        f.visit("C2")
        self.good(f, lambda f: f.renew("C2", 2024))
        f.order("b3", "p", 0, 0, totals=[])
        self.last(f, "list-empty")

    def test_correct(self):
        f = ProgrammeForge()
        f.apply("C1")
        visited = f.visit("C1")
        self.bad(f, "step-lines", lambda f: f.correct(f.case("C1"), visited, edit=replace("case", None)))
        self.bad(f, "step-lines", lambda f: f.correct(f.case("C1"), visited, edit=replace("case", [f.case("C1"), "batch b"])))
        self.bad(f, "case-unknown", lambda f: f.correct("case C9 " + BAD_HASH, visited))
        self.bad(f, "case-head", lambda f: f.correct("case C1 " + BAD_HASH, visited))
        self.bad(f, "of-unknown", lambda f: f.correct(f.case("C1"), BAD_HASH))
        f.cases["C1"] = f.correct(f.case("C1"), visited)
        self.good(f, lambda f: f.visit("C1"))
        f.end("C1", "pause")
        self.bad(f, "case-status", lambda f: f.correct(f.case("C1"), BAD_HASH))

    def test_correct_paid(self):
        f = ordered()
        self.bad(f, "case-paid", lambda f: f.correct(f.case("C1"), f.cases["C1"]))
        self.bad(f, "batch-unknown", lambda f: f.correct("batch b9", f.opening, by=("cash",)))
        self.bad(f, "of-unknown", lambda f: f.correct("batch b", BAD_HASH, by=("cash",)))
        copied = copy.deepcopy(f)
        f.correct("batch b", f.opening, by=("cash",))
        self.bad(f, "batch-taken", lambda f: f.order("b", "p", 2, 600))
        self.bad(f, "batch-unknown", lambda f: f.settle("b", "p", 2, 600, ["C1 paid", "C2 paid"], 2, 600))
        self.good(f, lambda f: f.order("b2", "p", 2, 600))
        self.good(f, lambda f: f.correct(f.case("C1"), f.cases["C1"]))
        copied.settle("b", "p", 2, 600, ["C1 paid", "C2 failed closed"], 1, 300)
        self.bad(copied, "case-paid", lambda f: f.correct("batch b", f.opening, by=("cash",)))
        again = copied.order("b2", "p", 1, 300, more=["repays b"])
        self.bad(copied, "batch-match", lambda f: f.order("b3", "p", 1, 300, more=["repays b"]))
        copied.correct("batch b2", again, by=("cash",))
        self.good(copied, lambda f: f.order("b3", "p", 1, 300, more=["repays b"]))

    def test_correct_takes_the_lock(self):
        """A step done after the lock is taken back: the lock goes with it, and the case can be locked again."""
        f = ProgrammeForge(TEXT.replace('cover = { new = "1/1" }', 'cover = { new = "0/1" }'))
        f.apply("C1")
        f.visit("C1")
        f.cosigned()
        f.cases_sheet("l", "C1")
        f.meet("l", "C1")
        f.up("l")
        f.days(2)
        f.down("l", "C1")
        f.payments_sheet("p", "C1")
        f.lock("p", "C1")
        surveyed = f.survey("C1")
        f.cases["C1"] = f.correct(f.case("C1"), surveyed)
        self.bad(f, "list-unknown", lambda f: f.order("b", "p", 1, 300))
        f.payments_sheet("p2", "C1")
        f.lock("p2", "C1")
        self.good(f, lambda f: f.order("b", "p2", 1, 300))

    def test_transfer_and_account(self):
        f = ProgrammeForge(TEXT, [*OFFICES, ("vera", "clerk", "T1-V2")])
        f.apply("C1")
        move = lambda f, old="T1-V1", new="T1-V2", by=("cleo", "vera"), **options: f.act(
            "transfer", f.case("C1"), f"from {old}", f"to {new}", "reason moved", by=f.by(*by), **options)
        account = lambda f, by=("cleo",), **options: f.act(
            "account", f.case("C1"), f"account {BAD_HASH}", "reason lost", f"evidence {BAD_HASH}", by=f.by(*by), **options)
        self.bad(f, "case-unknown", lambda f: move(f, edit=replace("case", "case C9 " + BAD_HASH)))
        self.bad(f, "case-head", lambda f: move(f, edit=replace("case", "case C1 " + BAD_HASH)))
        self.bad(f, "transfer-units", lambda f: move(f, new="T1-V1"))
        self.bad(f, "transfer-units", lambda f: move(f, old="T1-V3"))
        self.bad(f, "case-unit", lambda f: move(f, by=("cleo", "cora")))
        self.bad(f, "case-unit", lambda f: move(f, by=("chen",)))
        self.good(f, lambda f: move(f, by=("chen", "cleo")))
        self.bad(f, "case-unit", lambda f: account(f, by=("vera",)))
        self.good(f, account)
        f.end("C1", "pause")
        self.bad(f, "case-status", move)
        self.good(f, account)
        f.end("C1", "ask")
        self.bad(f, "case-status", account)
        f = locked()
        self.bad(f, "case-paid", account)
        f.enrol("vera")
        f.post_to("vera", "clerk", "T1-V2")
        self.bad(f, "case-paid", move)

    def test_flags(self):
        f = ProgrammeForge()
        applied = f.apply("C1")
        visited = f.visit("C1")
        self.bad(f, "case-unknown", lambda f: f.flag("objection", "C1", edit=replace("case", "case C9 " + BAD_HASH)))
        self.bad(f, "case-head", lambda f: f.flag("objection", "C1", edit=replace("case", "case C1 " + BAD_HASH)))
        self.good(f, lambda f: f.flag("objection", "C1", edit=replace("case", f"case C1 {applied}")))
        self.bad(f, "of-unknown", lambda f: f.flag("dissent", "C1", f"of {BAD_HASH}", "reason other"))
        self.good(f, lambda f: f.flag("dissent", "C1", f"of {visited}", "reason other"))
        self.bad(f, "person-other", lambda f: f.act("recuse", f.case("C1"), "relation friend", by=f.selves("cleo", "cora")))
        self.bad(f, "flag-unknown", lambda f: f.act("release", f.case("C1"), f"releases {visited}", f"evidence {BAD_HASH}", by=f.selves("rita")))
        hold, objection = f.flag("hold", "C1"), f.flag("objection", "C1")
        self.bad(f, "flag-unknown", lambda f: f.answer(hold))
        self.bad(f, "flag-unknown", lambda f: f.answer(BAD_HASH))
        f.answer(objection, "upheld")
        self.bad(f, "flag-unknown", lambda f: f.answer(objection))
        f.act("release", f.case("C1"), f"releases {hold}", f"evidence {BAD_HASH}", by=f.selves("rita"))
        self.bad(f, "flag-open", lambda f: f.survey("C1"))
        f.cases["C1"] = f.correct(f.case("C1"), visited)
        self.good(f, lambda f: f.visit("C1"))
        objection = f.flag("objection", "C1")
        f.days(5)
        self.good(f, lambda f: f.answer(objection))
        f.days(1)
        self.warns(f, "late", lambda f: f.answer(objection))

    def test_reports(self):
        f = ProgrammeForge()
        f.apply("C1")
        report = lambda f, about, word="code": f.act("report", f"report {hash64(word)}", f"about {about}", "reason other", "evidence none", by=f.selves("cash"))
        self.bad(f, "case-unknown", lambda f: report(f, "case C9"))
        self.bad(f, "value", lambda f: report(f, "list l"))
        first, second = report(f, "case C1"), report(f, "unit T1", "other")
        self.bad(f, "report-taken", lambda f: report(f, "unit T1"))
        self.bad(f, "flag-open", lambda f: f.visit("C1"))
        f.answer(second, "upheld")
        self.bad(f, "flag-unknown", lambda f: f.answer(second))
        f.answer(first)
        self.good(f, lambda f: f.visit("C1"))

    def test_appeal(self):
        f = ProgrammeForge()
        f.apply("C1")
        appeal = lambda f, of: f.flag("appeal", "C1", f"of {of}")
        self.bad(f, "of-unknown", lambda f: appeal(f, f.cases["C1"]))
        asked = f.end("C1", "ask")
        self.bad(f, "of-unknown", lambda f: appeal(f, asked))
        self.bad(f, "of-unknown", lambda f: f.act("ruling", "clause step visit", "issuer board", f"document {BAD_HASH}", f"answers {BAD_HASH}", by=f.by("rita")))
        for clause in ("step visits", "outcome asks", "rule none", "scheme T"):
            self.bad(f, "clause-unknown", lambda f: f.act("ruling", f"clause {clause}", "issuer board", f"document {BAD_HASH}", "answers none", by=f.by("rita")))
        f.act("ruling", "clause scheme S", "issuer board", f"document {BAD_HASH}", f"answers {asked}", by=f.by("rita"))
        self.good(f, lambda f: f.visit("C1"))
        refused = f.end("C1", "refuse", by=("cleo", "chen"))
        self.bad(f, "of-unknown", lambda f: appeal(f, asked))
        flag = appeal(f, refused)
        f.cases["C1"] = f.answer(flag, "upheld")
        self.good(f, lambda f: f.visit("C1"))
        refused = f.end("C1", "refuse", by=("cleo", "chen"))
        self.good(f, lambda f: appeal(f, refused))
        f.days(31)
        self.bad(f, "appeal-late", lambda f: appeal(f, refused))


if __name__ == "__main__":
    unittest.main()
