"""The programme's state: cases, lists, batches and what hangs on them (format.md section 8.4)."""

import bisect
import hashlib
from dataclasses import dataclass, field

from procedure import parts
from values import require


def covers(unit, other):
    """Whether the unit is, or is above, the other."""
    return unit == "-" or unit == other or other.startswith(unit + "-")


def level_unit(unit, number):
    """The unit at a level that holds this one, None where it has fewer parts."""
    pieces = parts(unit)
    if number == 0:
        return "-"
    return "-".join(pieces[:number]) if len(pieces) >= number else None


@dataclass
class Mark:
    """A step done; `list` is the list it was done on, if any."""

    step: str
    entry: int
    hash: bytes
    received: int
    signers: tuple
    asserts: dict = field(default_factory=dict)
    measures: dict = field(default_factory=dict)
    list: str | None = None


@dataclass
class Flag:
    """An objection, dissent, report, appeal or hold; `case` is None for a report about a unit."""

    kind: str
    hash: bytes
    signers: tuple
    received: int
    case: object = None
    upheld: bool = False


@dataclass
class Status:
    """`open`, or where an outcome has put the case; since the entry of a statement."""

    name: str
    entry: int
    hash: bytes
    received: int
    outcome: str | None = None


@dataclass
class Payment:
    """What a step that locks froze; `paid` is None until a batch that holds it is settled."""

    case: object
    list: str
    fen: int
    account: bytes
    batch: object = None
    paid: bool | None = None
    marks: set = field(default_factory=set)


@dataclass
class Case:
    """A case; an imported one has no unit and only a head."""

    id: str
    head: bytes
    unit: str | None = None
    unit_entry: int = 0
    period_entry: int = 0
    scheme: str = ""
    tier: str = ""
    period: int = 0
    account: bytes = b""
    cohort: str = "new"
    status: Status | None = None
    former: dict = field(default_factory=dict)  # head: the entry that replaced it
    head_entry: int = 0
    marks: dict = field(default_factory=dict)
    flags: dict = field(default_factory=dict)
    recused: dict = field(default_factory=dict)
    corrected: int = 0  # the entry that last took a mark back
    dropped: bytes | None = None
    dropped_entry: int = 0
    payment: Payment | None = None
    referred: int = 0

    def move(self, head, entry):
        self.former[self.head] = entry
        self.head, self.head_entry = head, entry

    def was_head_since(self, head, size):
        return head == self.head or self.former.get(head, -1) >= size

    def marks_before(self, entry):
        return {step: mark for step, mark in self.marks.items() if mark.entry < entry}

    def unlock(self, steps):
        """Lose the payment and the marks of steps that lock."""
        self.marks = {step: mark for step, mark in self.marks.items() if not (step in steps and steps[step].locks)}
        self.payment = None

    def close_upheld(self):
        """An outcome or correction closes the flags that were upheld."""
        self.flags = {key: flag for key, flag in self.flags.items() if not flag.upheld}

    def set_status(self, status):
        """Set the status; time that the case was referred is added up when it ends."""
        if self.status.name == "referred":
            self.referred += status.received - self.status.received
        self.status = status


@dataclass
class Sheets:
    """A list, sheet by sheet. `lines` are parsed, `leaves` their hashes; `done` is the last statement that did its cases."""

    id: str
    kind: str
    owner: str
    parts: int = 0
    lines: list = field(default_factory=list)
    leaves: list = field(default_factory=list)
    size: int = 0
    seen: int = 0  # the most that the signers of a sheet had seen
    dropped: dict = field(default_factory=dict)
    done: bytes | None = None
    locked: dict = field(default_factory=dict)  # step: its mark
    up: dict = field(default_factory=dict)  # step: `at` of the post-up


@dataclass
class Batch:
    """A batch: its payments by case id, in order of the list; `base` is the entry that a covering checkpoint must hold."""

    id: str
    list: str
    count: int
    total: int
    hash: bytes
    payments: dict
    base: int
    repays: object = None
    marks: dict = field(default_factory=dict)
    settled: int | None = None


@dataclass
class Waiting:
    """A step that waits for signers; `signing` are its own and then those of its joins."""

    statement: object
    received: int
    signing: list


@dataclass
class Override:
    index: int
    step: str
    rule: str
    about: tuple


@dataclass
class Team:
    """Who is in which sub-group, and the areas of each."""

    members: dict
    areas: list


@dataclass
class Cosigned:
    """An admitted cosigned entry: its checkpoint's size, its cosignatures, SHA-256 of its note."""

    index: int
    size: int
    cosignatures: int
    digest: bytes


class Programme:
    """Everything of the programme that admitted entries made."""

    def __init__(self):
        self.cases = {}
        self.relations = {}  # case id: {(person, relation)}
        self.acts = {}  # case id: [count, running hash], since the case is there
        self.lists = {}
        self.used = {}  # list id: what the signers of the first step that used it had seen
        self.batches = {}
        self.batch_ids = set()
        self.waiting = {}
        self.overrides = {}
        self.teams = {}
        self.flags = {}  # every flag that an answer may close, by its statement's hash
        self.cosigned = []
        self.reported = set()

    def case(self, name):
        """A case that has a unit, or `case-unknown`."""
        found = self.cases.get(name)
        require(found is not None and found.unit is not None, "case-unknown")
        return found

    def first_cosigned(self, entry):
        """The first cosigned entry after this one, or None."""
        place = bisect.bisect_right(self.cosigned, entry, key=lambda one: one.index)
        return self.cosigned[place] if place < len(self.cosigned) else None

    def cosigned_at(self, entry):
        """The cosigned entry of this index, or None."""
        found = self.first_cosigned(entry - 1)
        return found if found and found.index == entry else None

    def unused_bytes(self, owner):
        """The bytes of sheets of a person's lists that no step has used."""
        return sum(one.size for one in self.lists.values() if one.owner == owner and one.id not in self.used)

    def is_related(self, case):
        return case.id in self.relations

    def count(self, names, hashes):
        """One more act for each case named that is there, and for each hash (section 18)."""
        for entry in (self.acts.setdefault(name, [0, bytes(32)]) for name in names if name in self.cases):
            for one in hashes:
                entry[0] += 1
                entry[1] = hashlib.sha256(entry[1] + one).digest()
