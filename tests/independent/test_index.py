"""Tests of index entries and their map, and of ledgers of mangled programme acts."""

import base64
import copy
import hashlib
import random
import unittest

import receipt as receipts
import sparse_map
import test_verify
from forge import encode_base64, hash64, key64, public, stamp
from forge_programme import DAY, TEXT, ProgrammeForge
from test_programme import Programme, locked, settled, surveyed
from test_verify import BAD_HASH, error, swap
from tree import leaf_hash, root_of


def slow_root(leaves, depth=0):
    """The root as section 18 says it, bit by bit."""
    if not leaves:
        return sparse_map.EMPTY
    if len(leaves) == 1:
        return next(iter(leaves.values()))
    sides = [{}, {}]
    for key, leaf in leaves.items():
        sides[int.from_bytes(key, "big") >> (255 - depth) & 1][key] = leaf
    left, right = (slow_root(side, depth + 1) for side in sides)
    return hashlib.sha256(b"\1" + left + right).digest()


def pair(leaves):
    return f"{len(leaves)} {encode_base64(sparse_map.root(leaves))}"


class Map(unittest.TestCase):
    def test_root(self):
        self.assertEqual(sparse_map.root({}), bytes(32))
        dice = random.Random(7)
        for size in (1, 2, 3, 17, 100):
            leaves = {sparse_map.key_of(str(number)): dice.randbytes(32) for number in range(size)}
            self.assertEqual(sparse_map.root(leaves), slow_root(leaves))
        near = {bytes(31) + bytes([last]): bytes([last]) * 32 for last in (0, 1, 3)}
        self.assertEqual(sparse_map.root(near), slow_root(near))

    def test_empty_halves_are_hashed(self):
        """Two leaves that part at the third bit: two levels above with an empty half, on the right and on the left."""
        low, high = b"\x40" + bytes(31), b"\x60" + bytes(31)
        one, other = bytes([1]) * 32, bytes([2]) * 32
        node = lambda left, right: hashlib.sha256(b"\1" + left + right).digest()
        self.assertEqual(sparse_map.root({low: one, high: other}), node(node(bytes(32), node(one, other)), bytes(32)))


class Index(Programme):
    def case_leaf(self, name, head, hashes, flags=()):
        running = bytes(32)
        for one in hashes:
            running = hashlib.sha256(running + one).digest()
        text = f"case {name}\nhead {head}\nacts {len(hashes)} {encode_base64(running)}\n" + "".join(f"flag {flag}\n" for flag in sorted(flags))
        key = hashlib.sha256(name.encode()).digest()
        return {key: hashlib.sha256(b"\0" + key + hashlib.sha256(text.encode()).digest()).digest()}

    def raw(self, *references):
        return [base64.b64decode(reference) for reference in references]

    def test_keys(self):
        f = ProgrammeForge()
        f.index()
        self.check(f)
        self.bad(f, "index-unlike", lambda f: f.index(keys=f"1 {BAD_HASH}"))
        self.bad(f, "index-unlike", lambda f: f.index(cases=f"0 {BAD_HASH}"))
        self.bad(f, "index-unlike", lambda f: (f.rotate("cleo", "cleo-2"), f.index()))
        f.now += 1000
        f.index()
        self.check(f)

    def test_statuses_of_keys(self):
        f = ProgrammeForge()
        f.rotate("cleo", "cleo-2")
        f.revoke("cora")
        f.rekey("cora", "cora-2")
        f.revoke("chen")
        leaves = {}
        for person, seed, status in (("ada", "ada", "active"), ("bob", "bob", "active"), ("cleo", "cleo", "replaced"),
            ("cleo", "cleo-2", "active"), ("cora", "cora", "revoked"),
                                     ("cora", "cora-2", "active"), ("chen", "chen", "revoked"), ("cash", "cash", "active"),
                                     ("rita", "rita", "active")):
            name = hashlib.sha256(f"{person} {key64(seed)}".encode()).digest()
            value = hashlib.sha256(f"key {person} {key64(seed)}\nstatus {status}\n".encode()).digest()
            leaves[name] = hashlib.sha256(b"\0" + name + value).digest()
        f.index(keys=f"9 {encode_base64(slow_root(leaves))}")
        self.check(f)

    def test_cases(self):
        f = ProgrammeForge()
        f.relate("cora", to="case C1")  # before the case is there: not counted
        applied = f.apply("C1")
        waiting = f.visit("C1", by=("cleo",), moves=None)
        self.good(f, lambda f: f.index(cases=pair(self.case_leaf("C1", applied, self.raw(applied)))))
        joined = f.act("join", f"joins {waiting}", by=f.by("chen"))
        f.cases["C1"] = waiting
        hold, objection = f.flag("hold", "C1"), f.flag("objection", "C1")
        related = f.relate("cleo", to="case C1")
        other = f.import_record("C2", 0)
        leaves = {**self.case_leaf("C1", waiting, self.raw(applied, waiting, joined, hold, objection, related), (hold, objection)),
                  **self.case_leaf("C2", other, self.raw(other))}
        self.good(f, lambda f: f.index(cases=pair(leaves)))
        self.bad(f, "index-unlike", lambda f: f.index(cases=pair(self.case_leaf("C2", other, self.raw(other)))))
        answered = f.answer(objection)
        leaves.update(self.case_leaf("C1", waiting, self.raw(applied, waiting, joined, hold, objection, related, answered), (hold,)))
        self.good(f, lambda f: f.index(cases=pair(leaves)))

    def test_other_joins_do_not_count(self):
        f = ProgrammeForge(TEXT.replace('any = ["clerk", "chief"], min = 2', 'any = ["clerk", "chief"], min = 3'))
        applied = f.apply("C1")
        waiting = f.visit("C1", by=("cleo",), moves=None)
        f.act("join", f"joins {waiting}", by=f.by("cora"))
        self.good(f, lambda f: f.index(cases=pair(self.case_leaf("C1", applied, self.raw(applied)))))
        flag = f.flag("hold", "C1")
        released = f.act("release", f.case("C1"), f"releases {flag}", f"evidence {BAD_HASH}", by=f.selves("rita"))
        last = f.act("join", f"joins {waiting}", by=f.by("chen"))
        f.index(cases=pair(self.case_leaf("C1", waiting, self.raw(applied, flag, released, waiting, last))))
        self.check(f)

    def test_acts_about_a_case(self):
        f = ProgrammeForge(TEXT + '\n[[rule]]\nid = "r"\nkind = "distinct"\nsteps = ["visit", "survey"]\noverride = true\n')
        acts = [f.apply("C1"), f.override("survey", "r", "case C1")]
        f.override("survey", "r", "list c1")
        acts.append(f.act("report", f"report {hash64('x')}", "about case C1", "reason other", "evidence none", by=f.selves("cash")))
        acts.append(f.answer(acts[-1]))
        unit = f.act("report", f"report {hash64('y')}", "about unit T1", "reason other", "evidence none", by=f.selves("cash"))
        f.answer(unit)
        asked = f.end("C1", "ask")
        ruled = f.act("ruling", "clause scheme S", "issuer board", f"document {BAD_HASH}", f"answers {asked}", by=f.by("rita"))
        f.act("ruling", "clause scheme S", "issuer board", f"document {BAD_HASH}", "answers none", by=f.by("rita"))
        f.index(cases=pair(self.case_leaf("C1", asked, self.raw(*acts, asked, ruled))))
        self.check(f)

    def test_acts_in_lists(self):
        f = ProgrammeForge()
        acts = [f.apply("C1"), f.visit("C1"), f.survey("C1")]
        f.cases_sheet("l", "C1")
        acts += [f.meet("l", "C1"), f.up("l")]
        f.days(2)
        acts.append(f.down("l", "C1"))
        f.payments_sheet("p", "C1")
        acts.append(f.lock("p", "C1"))
        head = acts[-1]
        acts += [f.order("b", "p", 1, 300), f.settle("b", "p", 1, 300, ["C1 paid"], 1, 300), f.slip("C1", "b")]
        f.index(cases=pair(self.case_leaf("C1", head, self.raw(*acts))))
        self.check(f)

    def test_acts_in_batches(self):
        """`less` lines are not counted, a correction of a batch is, and a dropped line once."""
        f = locked()
        before = {case: self.counted(f, case) for case in ("C1", "C2")}
        hold = f.flag("hold", "C1")
        opened = f.order("b", "p", 1, 300, more=[f"less C1 {hold}"])
        corrected = f.correct("batch b", opened, by=("cash",))
        leaves = {**self.case_leaf("C1", f.cases["C1"], before["C1"] + self.raw(hold), (hold,)),
                  **self.case_leaf("C2", f.cases["C2"], before["C2"] + self.raw(opened, corrected))}
        f.index(cases=pair(leaves))
        self.check(f)

    def test_dropped_lines_count_once(self):
        f = surveyed()
        f.cases_sheet("l", "C1", "C2")
        before = {case: self.counted(f, case) for case in ("C1", "C2")}
        hold = f.flag("hold", "C2")
        met, up = f.meet("l", "C1"), f.up("l")  # the second skips the line of C2
        leaves = {**self.case_leaf("C1", f.cases["C1"], before["C1"] + self.raw(met, up)),
                  **self.case_leaf("C2", f.cases["C2"], before["C2"] + self.raw(hold, met), (hold,))}
        f.index(cases=pair(leaves))
        self.check(f)

    def counted(self, f, case):
        """Hashes of the statements so far that have a line of their own for the case, or name a list: all lists hold it."""
        keys = (b"case " + case.encode() + b" ", b"list ")
        texts = [entry.split(b"\n", 2)[2].rpartition(b"\n\n")[0] + b"\n" for entry in f.entries]
        return [hashlib.sha256(text).digest() for text in texts
                if b"\nact sheet\n" not in text and any(line.startswith(keys) for line in text.split(b"\n"))]

    def test_format(self):
        f = ProgrammeForge()
        text = f.index_text()
        for edit in (lambda text: text.replace("keys", "key"), lambda text: text + "more 1\n", lambda text: text.replace("cases 0", "cases 00"),
                     lambda text: text.replace("ledger ", "ledger  "), lambda text: text.replace("cases 0 ", "cases 0  ")):
            copied = copy.deepcopy(f)
            copied.index_text = lambda **options: edit(text)
            copied.index()
            self.last(copied, "index-format")
        self.bad(f, "index-format", lambda f: f.index(edit=lambda note: note + note[note.index("\u2014".encode()):]))
        self.bad(f, "index-format", lambda f: f.index(signer="other"))
        other = "example.org/others/0123456789abcdef"
        self.bad(f, "ledger-other", lambda f: f.index(ledger=other, signer=other))
        self.bad(f, "index-signature", lambda f: f.index(seed="log-9"))
        self.bad(f, "index-signature", lambda f: f.index(edit=swap(b"refusals 0", b"refusals 1")))
        self.bad(f, "received-order", lambda f: f.index(received=f.now - 5000))
        f.amend(key="log-2")
        self.bad(f, "index-signature", lambda f: f.index(seed="log"))
        self.good(f, lambda f: f.index())

    def test_receipt(self):
        f = ProgrammeForge()
        receipt, note = test_verify.Receipts.receipt(self, f, f.index())
        self.assertEqual(receipts.verify(receipt, note, public("log"))["index"], f.size - 1)

    def test_unwitnessed(self):
        f = ProgrammeForge()
        f.now += 2 * DAY
        self.bad(f, "unwitnessed", lambda f: f.index())

    def test_missing(self):
        f = ProgrammeForge(TEXT + "\n[index]\ndaily = true\n")
        self.check(f)
        f.apply("C1")
        f.days(1)
        self.bad(f, "index-missing", lambda f: f.visit("C1"))
        self.bad(f, "index-missing", lambda f: f.device("desk-2"))
        self.good(f, lambda f: f.cosigned())
        self.good(f, lambda f: f.amend())
        leaves = self.case_leaf("C1", f.cases["C1"], self.raw(f.cases["C1"]))
        f.index(cases=pair(leaves))
        f.visit("C1")
        self.check(f)
        self.good(f, lambda f: (setattr(f, "now", 1700150399000), f.survey("C1")))  # the last second of the offset's day
        f.now = 1700150400000
        self.bad(f, "index-missing", lambda f: f.survey("C1"))

    def test_missing_but_on_the_date_of_coming_into_force(self):
        f = ProgrammeForge()
        text = TEXT.replace("version = 1", "version = 2").replace("2020-01-01", "2023-11-17") + "\n[index]\ndaily = true\n"
        first = f.procedure
        f.enact(text, "aid", 2)
        second, f.procedure = f.procedure, first
        f.days(1)
        f.apply("C1")
        f.days(1)
        f.procedure = second
        f.visit("C1")
        self.check(f)
        f.days(1)
        self.bad(f, "index-missing", lambda f: f.survey("C1"))

    def test_refusals_of_none(self):
        """An index entry is judged by its refusals also where there are none, and no directory."""
        f = ProgrammeForge()
        f.index(refusals=f"0 {BAD_HASH}")
        self.check(f, error("refusals-unlike", f.size - 1))

    def test_refusals(self):
        f = ProgrammeForge()
        root = lambda *names: f"{len(names)} " + encode_base64(root_of([leaf_hash(hashlib.sha256(f.refusals[name]).digest()) for name in sorted(names)]))
        names = []
        for word in (b"one", b"two"):
            f.refusal(word)
            names.append(hashlib.sha256(word).hexdigest())
        f.now += 1000
        f.index(refusals=root(*names))
        f.now += 1000
        f.refusal(b"three")
        f.now += 1000
        f.index(refusals=root(hashlib.sha256(b"three").hexdigest()))
        f.index()
        self.check(f)
        copied = copy.deepcopy(f)
        del copied.refusals[names[0]]
        self.check(copied, error("refusals-unlike", f.size - 3))
        copied.refusals = {}
        self.check(copied, *(error("refusals-unlike", place) for place in (f.size - 3, f.size - 2)))
        f.refusals[names[0]] = b"spoilt\n"
        place = sorted(f.refusals).index(names[0])
        self.check(f, error("refusal-format", place), error("refusals-unlike", f.size - 3))

    def test_refused_rules(self):
        f = ProgrammeForge()
        for number, rule in enumerate(("case-head", "index-missing", "procedure-reference", "list-omits")):
            f.refusal(bytes([number]), rule)
        self.check(f)


class Mangled(Programme):
    def test_noise(self):
        """Programme acts with mangled values, rightly signed: whatever they say, the verifier answers."""
        dice = random.Random(8)
        words = ["none", "new", "C1", "C2", "l", "p", "b", "0", "1", "300", "9007199254740991", BAD_HASH, "yes", "no", "cleo", "chen", "visit", "survey", "lock", "order",
                 "notice", "apply", "2023", "2024", "T1-V1", "T1", "-", "S", "one", "omit", "paid", stamp(1_700_000_000_000), ""]

        def mangle(lines):
            lines = list(lines)
            if dice.random() < 0.5:
                return lines
            place = dice.randrange(8, len(lines))
            parts = lines[place].split(" ")
            parts[dice.randrange(len(parts))] = dice.choice(words)
            lines[place] = " ".join(parts)
            if dice.random() < 0.2:
                lines.pop(dice.randrange(8, len(lines)))
            return lines

        everyone = ("cleo", "chen", "cash", "rita")
        for _ in range(30):
            f = settled()
            text = hash64("nothing")
            for _ in range(40):
                case = dice.choice(("C1", "C2", "C3"))
                f.cases.setdefault(case, BAD_HASH)
                who = (dice.choice(everyone),)
                known = dice.choice([*f.cases.values(), f.opening, text])
                act = dice.choice([
                    lambda: f.apply(case, edit=mangle), lambda: f.visit(case, edit=mangle),
                    lambda: f.visit(case, by=who, moves=None, edit=mangle),
                    lambda: f.survey(case, edit=mangle), lambda: f.cases_sheet("l", "C1", "C2", edit=mangle),
                    lambda: f.payments_sheet("p2", "C1", "C2", edit=mangle), lambda: f.meet("l", edit=mangle), lambda: f.up("l", edit=mangle),
                    lambda: f.down("l", edit=mangle), lambda: f.lock("p", edit=mangle),
                    lambda: f.order("b", "p", 1, 300, more=["repays b"], edit=mangle),
                    lambda: f.settle("b", "p", 2, 600, ["C1 paid", "C2 paid"], 2, 600, edit=mangle), lambda: f.slip(case, "b", edit=mangle),
                    lambda: f.flag(dice.choice(("objection", "hold")), case, edit=mangle),
                    lambda: f.answer(known, dice.choice(("upheld", "dismissed")), edit=mangle),
                    lambda: f.end(case, dice.choice(("pause", "ask")), edit=mangle), lambda: f.correct(f.case(case), known, edit=mangle),
                    lambda: f.correct("batch b", known, by=("cash",), edit=mangle), lambda: f.flag("appeal", case, f"of {known}", edit=mangle),
                    lambda: f.team("visit", 2023, ["g one cleo"], ["one T1"], edit=mangle),
                    lambda: f.override("survey", "r", "case C1", edit=mangle),
                    lambda: f.act("join", f"joins {known}", by=f.by(*who), edit=mangle),
                    lambda: f.act("step", "step renew", f.case(case), "period 2024", by=f.by("cleo"), moves=case, edit=mangle),
                    lambda: f.act("ruling", "clause step visit", "issuer board", f"document {BAD_HASH}", f"answers {known}", by=f.by("rita"), edit=mangle),
                ])
                known = act()
                text = known if isinstance(known, str) else text
            self.assertNotIn("error", self.audit(f.files()))


if __name__ == "__main__":
    unittest.main()
