"""Ledgers of a programme for the tests: a small procedure, its offices, and a case driven to its payment."""

import hashlib

import sparse_map
from forge import OPEN, Forge, encode_base64, hash64, key64, sign, stamp
from tree import leaf_hash, root_of

DAY = 86_400_000

TEXT = """format = "procedure/1"
id = "aid"
version = 1
title = "Aid"
valid.from = 2020-01-01
offset = "+08:00"
levels = ["county", "town", "village"]

[power]
ADM = "Administration"
REG = "Registration"
TOW = "Town"
FIN = "Finance"

[office.registrar]
level = "county"
power = "ADM"

[office.clerk]
level = "village"
power = "REG"

[office.chief]
level = "town"
power = "TOW"

[office.cashier]
level = "county"
power = "FIN"

[governance]
offline_hours = 24
supervising = "ADM"
enact = { any = ["founder"], min = 2, powers = 2 }
enrol = { any = ["founder"], min = 2, powers = 2 }
device = { any = ["founder"], min = 1, powers = 1 }
device-end = { any = ["founder"], min = 1, powers = 1 }
appoint = { any = ["founder", "chief", "registrar"], min = 2, powers = 2 }
appoint-end = { any = ["founder"], min = 1, powers = 1 }
rotate = { any = ["self"], min = 1, powers = 0 }
rekey = { any = ["founder"], min = 2, powers = 2 }
revoke = { any = ["founder"], min = 1, powers = 0 }
relate = { any = ["self", "founder"], min = 1, powers = 0 }
qualify = { any = ["founder"], min = 1, powers = 1 }
import = { any = ["founder"], min = 1, powers = 1 }
ruling = { any = ["registrar"], min = 1, powers = 1 }
team = { any = ["registrar"], min = 1, powers = 1 }
objection = { any = ["self"], min = 1, powers = 0 }
dissent = { any = ["self"], min = 1, powers = 0 }
report = { any = ["self"], min = 1, powers = 0 }
appeal = { any = ["self"], min = 1, powers = 0 }
answer = { any = ["self"], min = 1, powers = 0 }
recuse = { any = ["self"], min = 1, powers = 0 }
hold = { any = ["self"], min = 1, powers = 0 }
release = { any = ["self"], min = 1, powers = 0 }
correct = { any = ["clerk", "chief", "cashier"], min = 1, powers = 1 }
override = { any = ["registrar", "chief"], min = 1, powers = 1 }
transfer = { any = ["clerk", "chief"], min = 1, powers = 1 }
account = { any = ["clerk"], min = 1, powers = 1 }

[answer]
days = 5
calendar = "natural"

[[standard]]
scheme = "S"
tier = "one"
fen = 100
from = 2023
per = "persons"

[[step]]
id = "apply"
on = "case"
by = { any = ["clerk"], min = 1 }
opens = true
for = ["new"]
evidence = ["form"]

[[step]]
id = "visit"
on = "case"
by = { any = ["clerk", "chief"], min = 2 }
after = ["apply"]
for = ["new"]
asserts = ["resident"]
measures = ["persons"]
join_days = 10

[[step]]
id = "renew"
on = "case"
by = { any = ["clerk"], min = 1 }
renews = true

[[step]]
id = "revisit"
on = "case"
by = { any = ["clerk", "chief"], min = 1 }
after = ["renew"]
for = ["continuing"]
measures = ["persons"]

[[step]]
id = "survey"
on = "case"
by = { any = ["clerk", "chief"], min = 1 }
after = ["visit", "revisit"]
asserts = ["poor"]
counted = true
cover = { new = "1/1" }

[[step]]
id = "meeting"
on = "list"
by = { any = ["clerk", "chief"], min = 1 }
after = ["survey"]
lists = "village"
quorum = { present = "2/3", agree = "1/2", seats = { elder = 1 } }
rates = { step = "survey", shares = { poor = "1/2" } }

[[step]]
id = "notice"
on = "list"
by = { any = ["clerk", "chief"], min = 1 }
after = ["meeting"]
lists = "village"
posting = { at = ["village"], days = 2, calendar = "natural", up = ["wall"], down = ["wall"], phones = ["town"] }

[[step]]
id = "lock"
on = "list"
by = { any = ["clerk", "chief"], min = 1 }
after = ["notice"]
lists = "village"
locks = true

[[step]]
id = "order"
on = "batch"
by = { each = ["cashier"] }
after = ["lock"]
cosigned = 1
match = { bank = "batch" }

[[step]]
id = "settle"
on = "batch"
by = { any = ["cashier"], min = 1 }
after = ["order"]
settles = true
match = { bank = "paid" }
within = { days = 3, calendar = "natural", of = "order" }

[[step]]
id = "slip"
on = "payment"
by = { any = ["cashier"], min = 1 }
after = ["settle"]
within = { days = 3, calendar = "natural", of = "settle" }

[outcome.pause]
name = "Pause"
by = ["clerk"]
to = "suspended"
back_to = "visit"

[outcome.refuse]
name = "Refuse"
by = ["clerk", "chief"]
min = 2
to = "rejected"
reasons = ["income"]
appeal_days = 30

[outcome.ask]
name = "Ask"
by = ["clerk"]
to = "referred"
"""

OFFICES = (("cleo", "clerk", "T1-V1"), ("cora", "clerk", "T1-V1"), ("chen", "chief", "T1"), ("cash", "cashier", "-"), ("rita", "registrar", "-"))
WITNESS = (("wit.example/a", "wa"),)


class ProgrammeForge(Forge):
    """A ledger with the procedure and its offices. `lists` are the lines of each list, `cases` the heads."""

    def __init__(self, text=TEXT, offices=OFFICES, **options):
        super().__init__(witnesses=options.pop("witnesses", WITNESS), **options)
        self.held, self.lists, self.kinds = {}, {}, {}
        self.found()
        self.enact(text, name="aid")
        for person in dict.fromkeys(name for name, _, _ in offices):
            self.enrol(person)
        for person, office, unit in offices:
            self.post_to(person, office, unit)

    def post_to(self, person, office, unit, capacity="regular", home="-", end=OPEN, start=None, **options):
        """Appoint; the `by` line is kept under the person."""
        body = [f"person {person}", f"office {office}", f"unit {unit}", f"capacity {capacity}", f"home {home}",
                f"from {start or stamp(self.now - 1000)}", f"to {end}", f"instrument {hash64('letter')}"]
        self.held[person] = (person, office, unit, self.statement("appoint", body, **options))
        return self.held[person]

    def by(self, *persons):
        return [self.held[person] for person in persons]

    def selves(self, *persons):
        return [self.own(person) for person in persons]

    def days(self, count):
        """Let days pass; the witnesses cosign on each."""
        for _ in range(count):
            self.now += DAY - 1000
            self.cosigned()

    # Acts. `act` moves the head of the case that its `case` line names, if it is asked to.

    def act(self, act, *body, by, moves=None, **options):
        reference = self.statement(act, list(body), by=by, **options)
        if moves:
            self.cases[moves] = reference
        return reference

    def case(self, name):
        return f"case {name} {self.cases[name]}"

    def apply(self, name, unit="T1-V1", period=2023, scheme="S", by=("cleo",), **options):
        body = ["step apply", f"case {name} new", f"open {unit} {scheme} one {period} {hash64('account ' + name)}", f"evidence form {hash64('form')}"]
        return self.act("step", *body, by=self.by(*by), moves=name, **options)

    def visit(self, name, by=("cleo", "chen"), persons=3, **options):
        body = ["step visit", self.case(name), "assert resident yes", f"measure persons {persons}"]
        return self.act("step", *body, by=self.by(*by), **{"moves": name, **options})

    def renew(self, name, period, by=("cleo",), **options):
        return self.act("step", "step renew", self.case(name), f"period {period}", by=self.by(*by), **{"moves": name, **options})

    def revisit(self, name, persons=3, by=("cleo",), **options):
        return self.act("step", "step revisit", self.case(name), f"measure persons {persons}", by=self.by(*by), **{"moves": name, **options})

    def survey(self, name, answer="yes", by=("chen",), **options):
        body = ["step survey", self.case(name), f"assert poor {answer}"]
        return self.act("step", *body, by=self.by(*by), **{"moves": name, **options})

    def sheet(self, name, kind, lines, part=0, by=("cleo",), **options):
        self.lists[name] = (self.lists[name] if part else []) + list(lines)
        self.kinds[name] = kind
        return self.act("sheet", f"list {name}", f"kind {kind}", f"part {part}", *("| " + line for line in lines), by=self.by(*by), **options)

    def line(self, key, name):
        """A `list`, `seats` or `results` line."""
        lines = self.lists[name]
        kept = [line.split(" ") for line in lines if self.kinds[name] == "results" or not line.endswith(" omit")]
        total = sum(int(parts[2]) for parts in kept) if self.kinds[name] == "payments" else 0
        return f"{key} {name} {len(kept)} {total} {encode_base64(root_of([leaf_hash(line.encode()) for line in lines]))}"

    def cases_sheet(self, name, *cases, **options):
        return self.sheet(name, "cases", [f"{case} {self.cases[case]}" for case in sorted(cases)], **options)

    def payments_sheet(self, name, *cases, fen=300, **options):
        lines = [f"{case} {self.cases[case]} {fen} {hash64('account ' + case)}" for case in sorted(cases)]
        return self.sheet(name, "payments", lines, **options)

    def did(self, reference, *cases):
        self.cases.update({case: reference for case in cases})
        return reference

    def meet(self, name, *cases, seats=("a elder agree", "b other agree", "c other absent"), by=("cleo",), extra=(), **options):
        if name + "-seats" not in self.lists:
            self.sheet(name + "-seats", "seats", seats)
        return self.did(self.act("step", "step meeting", self.line("list", name), self.line("seats", name + "-seats"), *extra, by=self.by(*by), **options), *cases)

    def up(self, name, places=("village",), phones=("town",), photos=("wall",), by=("cleo",), step="notice", extra=(), **options):
        body = [f"place {level} {hash64('place')}" for level in places] + [f"phone {level}" for level in phones]
        body += [f"photo {code} {hash64('photo')}" for code in photos]
        return self.act("post-up", f"step {step}", self.line("list", name), *body, *extra, by=self.by(*by), **options)

    def down(self, name, *cases, photos=("wall",), by=("cleo",), step="notice", **options):
        body = [f"photo {code} {hash64('photo')}" for code in photos]
        return self.did(self.act("post-down", f"step {step}", self.line("list", name), *body, by=self.by(*by), **options), *cases)

    def lock(self, name, *cases, by=("chen",), extra=(), **options):
        return self.did(self.act("step", "step lock", self.line("list", name), *extra, by=self.by(*by), **options), *cases)

    def order(self, batch, name, count, total, by=("cash",), cosigned=None, more=(), totals=None, last=(), **options):
        cosigned = f"cosigned {self.cosigned() if cosigned is None else cosigned}"
        totals = [f"total bank {count} {total}"] if totals is None else totals
        return self.act("step", "step order", f"batch {batch} {name} {count} {total}", *more, cosigned, *totals, *last, by=self.by(*by), **options)

    def settle(self, batch, name, count, total, results, paid, fen, by=("cash",), **options):
        """Settle by the list of results `<batch>-results`."""
        if batch + "-results" not in self.lists:
            self.sheet(batch + "-results", "results", results, by=by)
        body = ["step settle", f"batch {batch} {name} {count} {total}", self.line("results", batch + "-results"), f"total bank {paid} {fen}"]
        return self.act("step", *body, by=self.by(*by), **options)

    def slip(self, case, batch, by=("cash",), **options):
        return self.act("step", "step slip", f"payment {case} {batch}", by=self.by(*by), **options)

    def flag(self, act, case, *body, by=("rita",), **options):
        """An objection or hold, with its reason, or a dissent or appeal, with what it is about."""
        body = list(body) or ["reason other"]
        return self.act(act, self.case(case), *body, f"evidence {hash64('letter')}", by=self.selves(*by), **options)

    def answer(self, flag, outcome="dismissed", by=("rita",), **options):
        return self.act("answer", f"answers {flag}", f"outcome {outcome}", f"evidence {hash64('letter')}", by=self.selves(*by), **options)

    def end(self, case, outcome, reason="income", by=("cleo",), **options):
        return self.act("outcome", self.case(case), f"outcome {outcome}", f"reason {reason}", by=self.by(*by), **{"moves": case, **options})

    def correct(self, what, of, by=("cleo",), **options):
        return self.act("correct", what, f"of {of}", "reason slip", f"evidence {hash64('memo')}", by=self.by(*by), **options)

    def override(self, step, rule, about, by=("rita",), **options):
        body = [f"step {step}", f"rule {rule}", f"about {about}", "reason need", f"evidence {hash64('memo')}"]
        return self.act("override", *body, by=self.by(*by), **options)

    def team(self, step, period, members, areas, by=("rita",), **options):
        body = [f"step {step}", f"period {period}"] + [f"member {line}" for line in members] + [f"area {line}" for line in areas]
        return self.act("team", *body, by=self.by(*by), **options)

    def release(self, case, hold, by=("rita",), **options):
        return self.act("release", self.case(case), f"releases {hold}", f"evidence {hash64('letter')}", by=self.selves(*by), **options)

    def ruling(self, answers="none", clause="scheme S", by=("rita",), **options):
        return self.act("ruling", f"clause {clause}", "issuer board", f"document {hash64('letter')}", f"answers {answers}", by=self.by(*by), **options)

    # Index entries.

    def index_text(self, cases=None, keys=None, refusals=None, ledger=None):
        empty = f"0 {encode_base64(root_of([]))}"
        return (f"zeren index v1\nledger {ledger or self.id}\ncases {cases or '0 ' + encode_base64(sparse_map.EMPTY)}\n"
                f"keys {keys or self.keys_pair()}\nrefusals {refusals or empty}\n")

    def keys_pair(self):
        """All keys so far, taken to be active."""
        leaves = {}
        for person, seed in self.seeds.items():
            name = sparse_map.key_of(f"{person} {key64(seed)}")
            text = f"key {person} {key64(seed)}\nstatus active\n"
            leaves[name] = sparse_map.leaf(name, hashlib.sha256(text.encode()).digest())
        return f"{len(leaves)} {encode_base64(sparse_map.root(leaves))}"

    def index(self, seed=None, edit=None, signer=None, received=None, **options):
        text = self.index_text(**options)
        note = (text + "\n" + sign(text, signer or self.id, seed or self.checkpoint_seed)).encode()
        return self.append(edit(note) if edit else note, received)
