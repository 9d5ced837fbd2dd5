"""Whether an entry is admitted (format.md section 8): the first rule broken is the answer."""

import math

import acts
import check
import cosigned
import founding
import note as notes
import rules
from state import THREE_DAYS, State
from values import DAY, require

SKEW = 300_000
NO_ID = "-"


class Log:
    """The log as found, and the state that its admitted entries make."""

    def __init__(self, ledger, tree, heads):
        self.ledger = ledger
        self.tree = tree
        self.heads = heads
        self.received = []
        self.state = State()

    def judge(self, index, received, data):
        """Judge the note of an entry and, if it is admitted, let it take effect. Raises `Broken`."""
        note = notes.parse(data)
        if note.lines[0] == self.ledger != NO_ID:
            cosigned.judge(self, index, received, note)
        else:
            self._judge_statement(index, received, note)

    def _judge_statement(self, index, received, note):
        statement = acts.parse(note)
        require(index > 0 or statement.act == "found", "founding-missing")
        checked = check.check(self.ledger, self.state, statement, note)
        self.check_entry(index, received, statement.act)
        if statement.act == "found":
            founding.found(self.state, statement, index, received)
            return
        context = Context(self, index, received, statement, checked)
        context.judge()
        rules.RULES[statement.act](context)

    def received_before(self, size):
        """`received` of entry size - 1."""
        return self.received[size - 1]

    def check_entry(self, index, received, act, own_time=-math.inf):
        """Section 8.1."""
        require(index == 0 or received >= self.received[index - 1], "received-order")
        require(index > 0 or act == "found", "founding-missing")
        require(index == 0 or act != "found", "founding-repeated")
        force = self.state.founding
        if force and force.witnesses and act != "amend":
            witnessed = max(force.received, self.state.cosigned_time, own_time)
            require(received <= witnessed + DAY, "unwitnessed")


class Context:
    """A statement other than `found` under judgement (section 8.3)."""

    def __init__(self, log, index, received, statement, checked):
        self.log, self.state = log, log.state
        self.index, self.received = index, received
        self.statement, self.act = statement, statement.act
        self.keys, self.procedure = checked.keys, checked.procedure
        self.appointments = []

    def judge(self):
        """Steps 1 to 7."""
        self._seen()
        self._at()
        self._governing()
        self._device()
        self._signers()
        self._governance()

    def accept(self):
        """What every admitted statement does: its counter is used, its keys have signed together."""
        name, counter = self.statement["device"]
        self.state.devices[name].counters.add(counter)
        if len(self.keys) > 1:
            for key in self.keys:
                key.joint = self.received

    def still_good(self, ended):
        """Something that ended at an entry is still good for a covered statement that had not seen it."""
        return self.covered and self.size <= ended

    def reaches(self, start):
        """Whether a beginning is past at r, or for a covered statement at s."""
        return start <= self.received or (self.covered and start <= self.time_seen)

    def within(self, start, end):
        return start <= self.received < end or (self.covered and start <= self.time_seen < end)

    def _seen(self):
        """Steps 1 and 2."""
        self.size, root, head = self.statement["seen"]
        require(self.size <= self.index, "seen-ahead")
        require((root, head) == (self.log.tree.root(self.size), self.log.heads[self.size]), "seen-unlike")
        self.time_seen = self.log.received_before(self.size)
        self.in_force = self.state.in_force(self.received)
        self.allowance = self.in_force.procedure.offline_ms if self.in_force else THREE_DAYS
        self.covered = self.received - self.time_seen <= self.allowance

    def _at(self):
        """Step 3."""
        at = self.statement["at"]
        require(at <= self.received + SKEW, "at-future")
        require(self.received - at <= self.allowance, "at-stale")

    def _governing(self):
        """Step 4."""
        good = [self.in_force]
        if self.covered:
            good.append(self.state.in_force(self.time_seen, self.size))
        named = self.statement["procedure"]
        self.governing = None
        if named != "none":
            self.governing = next((one for one in self.state.enacted if one.triple == named), None)
            require(self.governing, "procedure-unknown")
        require(any(self.governing is one for one in good), "procedure-version")
        require(self.governing or self.act in ("amend", "enact"), "procedure-version")

    def _device(self):
        """Step 5."""
        name, counter = self.statement["device"]
        device = self.state.devices.get(name)
        require(device and device.index < self.size, "device-unknown")
        ended_well = device.reason in ("retired", "other")
        require(device.ended is None or (ended_well and self.still_good(device.ended)), "device-ended")
        require(counter not in device.counters, "counter-used")

    def _signers(self):
        """Step 6."""
        persons = set()
        for key, line in zip(self.keys, self.statement["by"]):
            require(line[0] not in persons, "signer-repeated")
            persons.add(line[0])
            self._key(key)
            self._appointment(*line)
            self._office(line[0], line[1])

    def _key(self, key):
        require(key.index < self.size, "key-not-yet")
        require(key.revoked is None, "key-revoked")
        latest = key is self.state.latest_key(key.person)
        graced = self.act not in ("rotate", "revoke") and key.rotated is not None and self.still_good(key.rotated)
        require(latest or graced, "key-superseded")

    def _appointment(self, person, office, unit, reference):
        source = self.state.births if office == "self" else self.state.appointments
        named = source.get(reference)
        require(named and named[0].index < self.size, "appointment-unknown")
        held = next((one for one in named if (one.person, one.office, one.unit) == (person, office, unit)), None)
        require(held, "appointment-mismatch")
        require(self.reaches(held.start), "appointment-not-yet")
        kept = held.ended is None or (held.reason != "dismissed" and self.still_good(held.ended))
        unexpired = self.received < held.end or (self.covered and self.time_seen < held.end)
        require(kept and unexpired, "appointment-ended")
        self.appointments.append(held)

    def _office(self, person, office):
        """Qualifications for the office, and that the governing procedure has it."""
        if office in ("founder", "self"):
            return
        offices = self.governing.procedure.offices if self.governing else {}
        for needed in offices[office][1] if office in offices else ():
            held = self.state.qualifications.get((person, needed), ())
            good = any(one.index < self.size and self.within(one.start, one.end) for one in held)
            require(good, "qualification-missing")
        require(office in offices, "office-unknown")

    def powers(self):
        """The powers of the signers' offices: a founder's as its founding says, `self` none."""
        result = set()
        for held in self.appointments:
            if held.office == "founder":
                result.add(held.power)
            elif held.office != "self":
                result.add(self.governing.procedure.offices[held.office][0])
        return result

    def _governance(self):
        """Step 7."""
        offices = [held.office for held in self.appointments]
        if self.act == "amend" or (self.act == "enact" and not self.governing):
            require(all(office == "founder" for office in offices), "governance-office")
            require(len(offices) >= self.state.founding.threshold, "governance-count")
            return
        allowed, least, powers = self.governing.procedure.governance[self.act]
        require(all(office in allowed for office in offices), "governance-office")
        require(len(offices) >= least, "governance-count")
        require(len(self.powers()) >= powers, "governance-powers")
