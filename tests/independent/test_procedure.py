"""Tests of procedures with a programme: what they may say, their rules, appointments under them, and their calendar."""

import datetime
import random
import unittest

import calendar_days
import values
from calendar_days import Calendar, days_between, is_past
from forge import hash64, stamp
from forge_programme import DAY, OFFICES, TEXT, ProgrammeForge
from procedure import parse
from test_programme import Programme, ordered, surveyed
from test_verify import BAD_HASH

MORE = """
[calendar]
working = [1, 2, 3, 4, 5, 6]
holidays = [2023-11-16]
workdays = [2023-11-19]

[index]
daily = false

[[rule]]
id = "apart"
kind = "exclusive_powers"
powers = ["REG", "FIN"]

[[rule]]
id = "others"
kind = "distinct"
steps = ["visit", "survey"]
override = true

[[rule]]
id = "strangers"
kind = "not_own_unit"
steps = ["survey"]
severity = "warn"

[[rule]]
id = "both"
kind = "mixed"
steps = ["visit"]
level = "town"
min = 1

[[rule]]
id = "kin"
kind = "recuse"
steps = ["survey"]
relations = ["sibling"]

[[rule]]
id = "free"
kind = "independent"

[[rule]]
id = "deputies"
kind = "acting"
max_days = 90
max_depth = 1
"""

LATER = """
[[step]]
id = "later"
on = "case"
by = { any = ["clerk"], min = 1 }
after = ["apply"]
asserts = ["poor"]
counted = true
"""


def rule(kind, *lines):
    return TEXT + f'\n[[rule]]\nid = "r"\nkind = "{kind}"\n' + "".join(line + "\n" for line in lines)


class Format(Programme):
    def read(self, text):
        return parse(text.encode(), "aid", 1)

    def refused(self, rule, old, new, text=TEXT + MORE):
        self.assertIn(old, text)
        with self.assertRaises(values.Broken) as caught:
            self.read(text.replace(old, new, 1))
        self.assertEqual(caught.exception.rule, rule, new)

    def test_whole(self):
        found = self.read(TEXT + MORE)
        self.assertEqual([step.id for step in found.steps.values() if step.opening], ["order"])
        self.assertEqual((found.steps["meeting"].level, found.level("-"), found.level("T1"), found.level("a-b-c")), (2, 0, 1, None))
        self.assertEqual((found.steps["apply"].cohorts, found.steps["renew"].cohorts), (("new",), ("new", "continuing")))

    def test_malformed(self):
        for old, new in (
            ('levels = ["county", "town", "village"]', "levels = []"), ('levels = ["county"', 'levels = ["county", "county"'),
            ("working = [1, 2", "working = [0, 2"), ("working = [1, 2", "working = [2, 2"), ("[2023-11-16]", '["2023-11-16"]'),
            ("daily = false", "daily = 0"), ("daily = false", ""), ("days = 5", "days = 3651"), ("days = 5", "days = -1"),
            ('calendar = "natural"', 'calendar = "lunar"'), ("fen = 100", "fen = 0"), ("fen = 100", "fen = 1000000000001"),
            ("from = 2023", "from = 1899"), ("from = 2023", "from = 2023\nto = 2022"), ('scheme = "S"', 'scheme = "S.1"'),
            ("[[step]]\nid = \"apply\"", '[[standard]]\nscheme = "S"\ntier = "one"\nfen = 1\nfrom = 2030\n[[step]]\nid = "apply"'),
            ('id = "visit"', 'id = "apply"'), ('on = "case"', 'on = "person"'), ("opens = true", "opens = false"),
            ("opens = true", "opens = true\nrenews = true"), ("renews = true", 'opens = true\nfor = ["new"]'),
            ('for = ["new"]', 'for = ["continuing"]'), ("renews = true", 'renews = true\nfor = ["new"]'), ('for = ["new"]', 'for = ["old"]'),
            ("counted = true", 'counted = "yes"'), ("join_days = 10", "join_days = 61"), ("join_days = 10", "offline_hours = 25"),
            ("join_days = 10", 'due = "02-29"'), ("join_days = 10", 'due = "2-28"'), ("join_days = 10", 'due = "13-01"'),
            ("join_days = 10", "team = false"),
            ("join_days = 10", "cosigned = 1"), ('new = "1/1"', 'new = "2/1"'), ('new = "1/1"', 'new = "0/0"'),
            ('new = "1/1"', 'new = "1/1001"'),
            ('new = "1/1"', 'old = "1/1"'), ('lists = "village"', ""), ("elder = 1", "elder = 0"), ('poor = "1/2"', 'Rich = "1/2"'),
            ('present = "2/3", ', ""), ("phones = ", "calls = "), ("locks = true", "locks = false"), ("cosigned = 1", "cosigned = 17"),
            ('bank = "batch"', 'bank = "paid"'), ("settles = true", "settles = 1"), ('after = ["survey"]\n', ""), ('after = ["settle"]\n', ""),
            ('after = ["lock"]\n', ""), ('by = { each = ["cashier"] }', 'by = { each = ["cashier"], min = 1 }'),
            ('by = { each = ["cashier"] }', 'by = { any = ["cashier"] }'), ("min = 2 }\nafter", "min = 17 }\nafter"),
            ('["clerk", "chief"]', '["clerk", "clerk"]'),
            ('name = "Pause"', 'name = " Pause"'), ('to = "suspended"', 'to = "paused"'), ('back_to = "visit"\n', ""),
            ('to = "rejected"', 'to = "rejected"\nback_to = "visit"'), ('to = "referred"', 'to = "referred"\nappeal_days = 3'),
            ("appeal_days = 30", "appeal_days = 3651"), ('id = "both"', 'id = "kin"'), ('kind = "mixed"', 'kind = "mix"'),
            ("min = 1\n\n[[rule]]", "min = 0\n\n[[rule]]"),
            ('powers = ["REG", "FIN"]', 'powers = ["REG"]'), ('steps = ["visit", "survey"]', 'steps = ["visit"]'),
            ('severity = "warn"', 'severity = "note"'),
            ('severity = "warn"', 'severity = "warn"\noverride = true'), ('kind = "independent"', 'kind = "independent"\noverride = true'),
            ("max_depth = 1", "max_depth = 2"), ("max_days = 90", "max_days = 0"), ('relations = ["sibling"]', ""),
            ('kind = "independent"', 'kind = "acting"\nmax_days = 1\nmax_depth = 0'),
            ("[calendar]", "[calender]"), ('posting = {', 'evidence = ["form"]\nposting = {'),
            ('match = { bank = "batch" }', 'match = { bank = "batch", Bank = "batch" }'),
            ('hold = { any = ["self"], min = 1', 'hold = { any = ["clerks"], min = 1'), ('hold = {', 'holds = {'),
            ('by = { each = ["cashier"] }', 'by = { each = [] }'), ('by = { any = ["clerk"], min = 1 }', 'by = { any = [], min = 1 }'),
            ('by = ["clerk"]', "by = []"), ('relations = ["sibling"]', "relations = []"), ('for = ["new"]', "for = []"),
            ('at = ["village"]', "at = []"), ('steps = ["survey"]', "steps = []"), ('steps = ["visit"]', "steps = []"),
            ('steps = ["survey"]\nrelations', "steps = []\nrelations"), ("opens = true", 'opens = true\nafter = ["visit"]'),
            ('back_to = "visit"', 'back_to = "Visit"'), ('after = ["apply"]', 'after = ["Apply"]'), ('by = ["clerk"]', 'by = ["Clerk"]'),
            ('powers = ["REG", "FIN"]', 'powers = ["REG", "fin"]'), ('lists = "village"', 'lists = "Village"'),
        ):
            self.refused("procedure-format", old, new)
        for old, new in (('asserts = ["resident"]', "asserts = []"), ('up = ["wall"]', "up = []"), ('measures = ["persons"]', "measures = []"),
                         ('reasons = ["income"]', "reasons = []"), ("[1, 2, 3, 4, 5, 6]", "[]"), ('shares = { poor = "1/2" }', "shares = {}")):
            self.read((TEXT + MORE).replace(old, new, 1))
        self.refused("procedure-two-powers", 'team = { any = ["registrar"], min = 1, powers = 1 }', 'team = { any = ["registrar"], min = 2, powers = 2 }')

    def test_references(self):
        for old, new in (
            ('after = ["apply"]', 'after = ["survey"]'), ('after = ["apply"]', 'after = ["none"]'),
            ('after = ["survey"]', 'after = ["apply", "nothing"]'),
            ('by = { each = ["cashier"] }', 'by = { each = ["bank"] }'), ('by = { each = ["cashier"] }', 'by = { each = ["founder"] }'),
            ('lists = "village"', 'lists = "street"'), ('at = ["village"]', 'at = ["street"]'), ('step = "survey"', 'step = "visit"'),
            ('step = "survey"', 'step = "none"'),
            ('after = ["lock"]', 'after = ["notice"]'), ('after = ["settle"]', 'after = ["order"]'),
            ('after = ["order"]', 'after = ["order", "lock"]'),
            ('of = "order"', 'of = "lock"'), ('back_to = "visit"', 'back_to = "lock"'), ('back_to = "visit"', 'back_to = "none"'),
            ('by = ["clerk"]', 'by = ["bank"]'), ('powers = ["REG", "FIN"]', 'powers = ["REG", "XXX"]'),
            ('steps = ["survey"]', 'steps = ["none"]'), ('poor = "1/2"', 'rich = "1/2"'), ('rates = { step = "survey"', 'rates = { step = "later"'),
            ('level = "town"\nmin', 'level = "street"\nmin'),
        ):
            self.refused("procedure-reference", old, new, TEXT + MORE + LATER)
        both = TEXT.replace('hold = { any = ["self"], min = 1, powers = 0', 'hold = { any = ["self"], min = 1, powers = 1')
        self.refused("procedure-two-powers", "", "", both)
        self.refused("procedure-reference", 'back_to = "visit"', 'back_to = "none"', both)

    def test_enacted(self):
        f = ProgrammeForge()
        self.bad(f, "procedure-reference", lambda f: f.enact(TEXT.replace('after = ["apply"]', 'after = ["none"]').replace("version = 1", "version = 2"), "aid", 2))
        f.post_to("chen", "chief", "T1", home="T1")
        f.enact((TEXT + MORE).replace("version = 1", "version = 2"), "aid", 2)
        self.check(f)

    def test_noise(self):
        dice = random.Random(5)
        words = ["[]", "{}", "true", "1.5", "1979-05-27", '""', "[[]]", "[{}]", "-1", '"ADM"', '"new"', '["visit"]', '["clerk"]', '"1/2"', "{a={b=1}}"]
        lines = (TEXT + MORE).split("\n")
        for _ in range(2000):
            copied = list(lines)
            place = dice.randrange(len(copied))
            if " = " in copied[place] and dice.random() < 0.8:
                pieces = copied[place].split(" = ")
                pieces[dice.randrange(1, len(pieces))] = dice.choice(words)
                copied[place] = " = ".join(pieces)
            else:
                copied[place] = dice.choice(["[[step]]", "[[rule]]", "[outcome.x]", "", "on = 1", dice.choice(lines)])
            try:
                self.read("\n".join(copied))
            except values.Broken as broken:
                self.assertIn(broken.rule, ("procedure-format", "procedure-reference", "procedure-two-powers"))


class Rules(Programme):
    """Sections 7.3 and 8.4."""

    def started(self, text, offices=OFFICES):
        f = ProgrammeForge(text, offices)
        f.apply("C1")
        f.visit("C1")
        return f

    def test_distinct(self):
        f = self.started(rule("distinct", 'steps = ["visit", "survey"]', "override = true"))
        self.bad(f, "distinct", lambda f: f.survey("C1"))
        self.good(f, lambda f: f.survey("C1", by=("cora",)))
        renewed = self.started(rule("distinct", 'steps = ["apply", "renew", "survey"]'))
        renewed.renew("C1", 2024)  # by who opened it: no mark counts here
        renewed.visit("C1")
        self.bad(renewed, "distinct", lambda f: f.survey("C1", by=("cleo",)))  # who signed the opening, and the renewal
        self.good(renewed, lambda f: f.survey("C1"))
        seen = f.seen()
        lifted = f.override("survey", "r", "case C1")
        other = f.override("survey", "r", "case C9")
        use = lambda f, which, **options: f.survey("C1", edit=lambda lines: lines + [f"override {which}"], **options)
        self.good(f, lambda f: use(f, lifted))
        self.bad(f, "override-unknown", lambda f: use(f, lifted, seen=seen))
        self.bad(f, "override-unknown", lambda f: use(f, other))
        self.bad(f, "override-unknown", lambda f: use(f, BAD_HASH))
        visit = f.override("visit", "r", "case C1")
        self.bad(f, "override-unknown", lambda f: use(f, visit))
        self.bad(f, "step-unknown", lambda f: f.override("none", "r", "case C1"))
        self.bad(f, "override-rule", lambda f: f.override("survey", "q", "case C1"))
        self.bad(f, "override-supervisor", lambda f: f.override("survey", "r", "case C1", by=("chen",)))
        warned = self.started(rule("distinct", 'steps = ["visit", "survey"]', 'severity = "warn"'))
        self.warns(warned, "distinct", lambda f: f.survey("C1"))
        self.bad(warned, "override-rule", lambda f: f.override("survey", "r", "case C1"))

    def test_distinct_in_lists(self):
        f = surveyed(rule("distinct", 'steps = ["survey", "meeting"]', "override = true"))
        f.cases_sheet("l", "C1", "C2")
        self.bad(f, "distinct", lambda f: f.meet("l", by=("chen",)))
        lifted = f.override("meeting", "r", "list l")
        self.good(f, lambda f: f.meet("l", by=("chen",), extra=(f"override {lifted}",)))
        one = f.override("meeting", "r", "case C1")
        self.bad(f, "distinct", lambda f: f.meet("l", by=("chen",), extra=(f"override {one}",)))
        third = f.override("meeting", "r", "case C3")
        self.bad(f, "override-unknown", lambda f: f.meet("l", extra=(f"override {third}",)))
        two = f.override("meeting", "r", "case C2")
        self.good(f, lambda f: f.meet("l", by=("chen",), extra=(f"override {one}", f"override {two}")))
        other = f.override("meeting", "r", "list m")
        self.bad(f, "override-unknown", lambda f: f.meet("l", by=("chen",), extra=(f"override {other}",)))

    def test_distinct_in_batches(self):
        f = ordered(rule("distinct", 'steps = ["order", "settle", "slip"]'))
        self.bad(f, "distinct", lambda f: f.settle("b", "p", 2, 600, ["C1 paid", "C2 paid"], 2, 600))
        f.enrol("coin")
        f.post_to("coin", "cashier", "-")
        f.settle("b", "p", 2, 600, ["C1 paid", "C2 paid"], 2, 600, by=("coin",))
        self.bad(f, "distinct", lambda f: f.slip("C1", "b"))

    def test_own_unit(self):
        f = ProgrammeForge(rule("not_own_unit", 'steps = ["apply"]'))
        f.post_to("cora", "clerk", "T1-V1", home="T1")
        self.bad(f, "own-unit", lambda f: f.apply("C1", by=("cora",)))
        self.good(f, lambda f: f.apply("C1"))
        f.post_to("cora", "clerk", "T1-V1", home="T1-V2")
        self.good(f, lambda f: f.apply("C1", by=("cora",)))

    def test_mixed(self):
        f = ProgrammeForge(rule("mixed", 'steps = ["visit"]', 'level = "town"', "min = 1"))
        f.apply("C1")
        self.bad(f, "mixed", lambda f: f.visit("C1"))
        f.post_to("chen", "chief", "T1", home="T1")
        self.good(f, lambda f: f.visit("C1"))

    def test_mixed_team(self):
        text = rule("mixed", 'steps = ["visit"]', 'level = "town"', "min = 1").replace('after = ["apply"]', 'after = ["apply"]\nteam = true')
        f = ProgrammeForge(text)
        members = ["g one cleo", "g one chen"]
        self.bad(f, "mixed", lambda f: f.team("visit", 2023, members, ["one T1"]))
        f.post_to("chen", "chief", "T1", home="T1")
        self.good(f, lambda f: f.team("visit", 2023, members, ["one T1"]))
        self.bad(f, "mixed", lambda f: f.team("visit", 2023, members + ["g two cora"], ["one T1"]))
        warned = ProgrammeForge(text + 'severity = "warn"\n')
        copied = warned
        copied.team("visit", 2023, members + ["g two cora"], ["one T1"])
        self.check(copied, *({"rule": name, "index": copied.size - 1, "level": "warn"} for name in ("mixed", "satisfiable")))

    def test_recusal(self):
        f = self.started(rule("recuse", 'steps = ["survey"]', 'relations = ["sibling"]'))
        f.relate("cora", to="person chen")
        self.good(f, lambda f: f.survey("C1", by=("cora",)))
        f.relate("cora", to="case C1")
        self.bad(f, "recusal", lambda f: f.survey("C1", by=("cora",)))
        f.act("recuse", f.case("C1"), "relation friend", by=f.selves("cora"))
        self.bad(f, "recused", lambda f: f.survey("C1", by=("cora",)))

    def test_independent(self):
        f = self.started(rule("independent"))
        flag = f.flag("objection", "C1", by=("rita",))
        self.bad(f, "independent", lambda f: f.answer(flag, by=("rita",)))
        self.bad(f, "independent", lambda f: f.answer(flag, by=("chen",)))
        self.good(f, lambda f: f.answer(flag, by=("cash",)))
        report = f.act("report", f"report {hash64('x')}", "about unit T1", "reason other", "evidence none", by=f.selves("cash"))
        self.bad(f, "independent", lambda f: f.answer(report, by=("cash",)))
        self.good(f, lambda f: f.answer(report, by=("chen",)))

    def test_warnings_are_no_errors(self):
        f = self.started(rule("independent", 'severity = "warn"'))
        flag = f.flag("objection", "C1", by=("rita",))
        f.days(6)
        f.answer(flag, by=("rita", "chen"))
        found = [{"rule": name, "index": f.size - 1, "level": "warn"} for name in ("independent", "late")]
        self.assertEqual(self.check(f, *found, policy=self.policy(f))["verdict"], "holds")


class Roster(Programme):
    """Sections 8.9 and 8.10, and the rules of signers."""

    def test_units(self):
        f = ProgrammeForge()
        for office, unit in (("clerk", "T1"), ("clerk", "-"), ("chief", "T1-V1"), ("registrar", "T1"), ("clerk", "T1-V1-H1")):
            self.bad(f, "appointment-unit", lambda f: f.post_to("cora", office, unit))

    def test_acting(self):
        f = ProgrammeForge(rule("acting", "max_days = 10", "max_depth = 1"))
        f.enrol("dora")
        end = stamp(f.now + 9 * DAY)
        self.bad(f, "acting-days", lambda f: f.post_to("dora", "clerk", "T1-V1", "acting"))
        self.bad(f, "acting-days", lambda f: f.post_to("dora", "clerk", "T1-V1", "acting", end=stamp(f.now + 11 * DAY)))
        f.post_to("dora", "registrar", "-", "delegated", end=end)
        self.bad(f, "acting-depth", lambda f: f.post_to("cora", "clerk", "T1-V1", "delegated", end=end, by=[*f.by("dora", "chen")]))
        self.good(f, lambda f: f.post_to("cora", "clerk", "T1-V1", "acting", end=end, by=[*f.by("dora", "chen")]))
        none = ProgrammeForge(rule("acting", "max_days = 10", "max_depth = 0"))
        self.bad(none, "acting-depth", lambda f: f.post_to("cora", "clerk", "T1-V1", "delegated", end=end))
        warned = ProgrammeForge(rule("acting", "max_days = 10", "max_depth = 0", 'severity = "warn"'))
        self.warns(warned, "acting-depth", lambda f: f.post_to("cora", "clerk", "T1-V1", "delegated", end=end))

    def test_acting_too_long(self):
        f = ProgrammeForge(rule("acting", "max_days = 2", "max_depth = 1", 'severity = "warn"'))
        start = f.now
        f.post_to("cleo", "clerk", "T1-V1", "acting", end=stamp(start + 30 * DAY))
        warned = f.size - 1
        f.days(2)
        f.apply("C1")
        self.check(f, {"rule": "acting-days", "index": warned, "level": "warn"},
                   {"rule": "acting-days", "index": f.size - 1, "level": "warn"})

    def test_exclusive_powers(self):
        f = ProgrammeForge(rule("exclusive_powers", 'powers = ["REG", "FIN"]'))
        self.bad(f, "exclusive-powers", lambda f: f.post_to("cleo", "cashier", "-"))
        self.good(f, lambda f: f.post_to("cleo", "chief", "T1"))
        self.good(f, lambda f: f.post_to("cleo", "clerk", "T1-V2"))
        f.appoint_end("cleo", f.held["cleo"][3])
        self.good(f, lambda f: f.post_to("cleo", "cashier", "-"))
        warned = ProgrammeForge(rule("exclusive_powers", 'powers = ["REG", "FIN"]', 'severity = "warn"'))
        clerk = warned.held["cleo"]
        warned.post_to("cleo", "cashier", "-")
        index, warned.held["cleo"] = warned.size - 1, clerk
        warned.apply("C1")
        self.check(warned, *({"rule": "exclusive-powers", "index": place, "level": "warn"} for place in (index, warned.size - 1)))

    def test_satisfiable(self):
        f = ProgrammeForge()
        again = TEXT.replace("version = 1", "version = 2")
        self.good(f, lambda f: f.enact(again, "aid", 2))
        self.warns(f, "satisfiable", lambda f: f.enact(again.replace('any = ["clerk", "chief"], min = 2', 'any = ["clerk", "chief"], min = 4'), "aid", 2))
        self.warns(f, "satisfiable", lambda f: f.enact(again + '\n[[rule]]\nid = "r"\nkind = "mixed"\nsteps = ["visit"]\nlevel = "town"\nmin = 1\n', "aid", 2))
        f.appoint_end("cash", f.held["cash"][3])
        self.warns(f, "satisfiable", lambda f: f.enact(again, "aid", 2))


class Calendars(unittest.TestCase):
    def test_between(self):
        day = lambda text: calendar_days.day_of_year(*map(int, text.split("-")))
        calendar = Calendar(frozenset((1, 2, 3, 4, 5)), frozenset({day("2023-11-16")}), frozenset({day("2023-11-18"), day("2023-11-16")}))
        friday = day("2023-11-17")
        self.assertEqual(calendar.between(friday, friday, "working"), 0)
        self.assertEqual(calendar.between(friday, friday - 9, "natural"), 0)
        self.assertEqual(calendar.between(friday, friday + 3, "natural"), 3)
        self.assertEqual(calendar.between(friday, friday + 3, "working"), 2)  # Saturday by name, Monday
        self.assertEqual(calendar.between(friday - 3, friday, "working"), 2)  # Wednesday, Friday

    def test_naive_count(self):
        dice = random.Random(6)
        for _ in range(300):
            pick = lambda: frozenset(dice.randrange(-40, 40) for _ in range(dice.randrange(9)))
            calendar = Calendar(frozenset(dice.sample(range(1, 8), dice.randrange(8))), pick(), pick())
            first, second = dice.randrange(-40, 40), dice.randrange(-40, 40)
            epoch = datetime.date(1970, 1, 1).toordinal()
            counts = lambda day: day not in calendar.holidays and (
                day in calendar.workdays or datetime.date.fromordinal(epoch + day).isoweekday() in calendar.working)
            self.assertEqual(calendar.between(first, second, "working"), sum(map(counts, range(first + 1, second + 1))))

    def test_offset(self):
        found = parse(TEXT.encode(), "aid", 1)
        evening = values.time("2023-11-14T15:59:59+00:00")
        self.assertEqual(days_between(found, evening, evening + 1000, "natural"), 1)
        self.assertEqual(days_between(found, evening + 1000, evening + DAY, "natural"), 0)
        self.assertFalse(is_past(found, (11, 14), 2023, evening))
        self.assertTrue(is_past(found, (11, 14), 2023, evening + 1000))
        self.assertFalse(is_past(found, (11, 14), 2023, evening + 1000, 1))


if __name__ == "__main__":
    unittest.main()
