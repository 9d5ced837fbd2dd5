"""The state that admitted entries make (format.md sections 5 and 8)."""

import math
from dataclasses import dataclass, field

import note as notes
from programme import Programme
from sparse_map import CaseLeaves

THREE_DAYS = 72 * 3_600_000


@dataclass
class Key:
    """A person's key. `index` is the entry that made it known; the two others are entries that ended it."""

    person: str
    public: bytes
    index: int
    rotated: int | None = None
    revoked: int | None = None
    joint: int | None = None  # `received` of the last entry signed with it together with another person's


@dataclass
class Founding:
    """The founding or an amendment: what it names, and since when."""

    index: int
    received: int
    hash: bytes
    threshold: int
    checkpoint_key: bytes
    witnesses: dict
    powers: dict


@dataclass
class Appointment:
    """An office held. Of a founding or amendment there is one a founder; `power` is a founder's."""

    person: str
    office: str
    unit: str
    index: int
    start: int
    end: float
    power: str | None = None
    capacity: str = "regular"
    home: str = "-"
    ended: int | None = None
    reason: str | None = None

    def in_force(self, moment):
        return self.ended is None and self.start <= moment < self.end


@dataclass
class Device:
    index: int
    counters: set = field(default_factory=set)
    ended: int | None = None
    reason: str | None = None


@dataclass
class Qualification:
    index: int
    start: int
    end: float


@dataclass
class Enacted:
    """A procedure and the statement that enacted it."""

    index: int
    triple: tuple
    start: int
    procedure: object


class State:
    """Everything known after the entries admitted so far."""

    def __init__(self):
        self.foundings = []
        self.persons = {}
        self.pairs = {}
        self.publics = set()
        self.identities = set()
        self.devices = {}
        self.appointments = {}
        self.births = {}
        self.enacted = []
        self.qualifications = {}
        self.roster = {}  # what `appoint` acts gave, by person
        self.programme = Programme()
        self.case_leaves = CaseLeaves()
        self.indexed = None  # `received` of the last index entry
        self.indexes = []  # (entry, received, refusals) of each index entry
        self.epochs = []  # (node, key, entry) of each epoch, in order
        self.anchored = {}  # size of the latest checkpoint of each other ledger that is anchored
        self.records = set()
        self.cosigned_size = 0
        self.cosigned_time = -math.inf
        self.anchors = []

    @property
    def founding(self):
        """The founding or amendment in force, or None."""
        return self.foundings[-1] if self.foundings else None

    def founding_at(self, size):
        """The founding or amendment in force after that many entries, or None."""
        return next((one for one in reversed(self.foundings) if one.index < size), None)

    def checkpoint_keys(self):
        return list(dict.fromkeys(one.checkpoint_key for one in self.foundings))

    def witness_keys(self, name, key_id):
        """Keys of witnesses named so far under this name and key id."""
        keys = [one.witnesses[name] for one in self.foundings if name in one.witnesses]
        return [key for key in dict.fromkeys(keys) if notes.key_id(name, notes.COSIGNATURE, key) == key_id]

    def latest_key(self, person):
        return self.persons[person][-1] if person in self.persons else None

    def in_force(self, moment, before=math.inf):
        """The latest procedure enacted by an entry of index < before whose start is <= the moment, or None."""
        return next((one for one in reversed(self.enacted) if one.index < before and one.start <= moment), None)

    # What acts do.

    def add_person(self, person, identity, public, index):
        self.persons[person] = []
        self.identities.add(identity)
        self.add_key(person, public, index)

    def add_key(self, person, public, index):
        key = Key(person, public, index)
        self.persons[person].append(key)
        self.publics.add(public)
        self.pairs[person, notes.key_id(person, notes.SIGNATURE, public)] = key

    def add_founding(self, founding):
        """A founding or amendment ends the founders' offices of the one before."""
        if self.foundings:
            for appointment in self.appointments[self.founding.hash]:
                appointment.ended, appointment.reason = founding.index, "dismissed"
        self.foundings.append(founding)
        self.appointments[founding.hash] = [
            Appointment(person, "founder", "-", founding.index, founding.received, math.inf, power)
            for person, power in founding.powers.items()
        ]
