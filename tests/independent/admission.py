"""Whether an entry is admitted (format.md section 8): the first rule broken is the answer."""

import math
from dataclasses import dataclass

import acts
import anchor_entry
import case_rules
import check
import cosigned
import epoch_entry
import founding
import index_entry
import note as notes
import rules
from calendar_days import day_number
from state import THREE_DAYS, State
from values import DAY, Broken, require

SKEW = 300_000
NO_ID = "-"
OF_FOUNDERS = (("founder",), 1, 0)
NO_TABLE = ("step", "post-up", "post-down", "join", "sheet", "outcome")
OWN = {own.KIND: own for own in (index_entry, epoch_entry, anchor_entry)}
ALLOWED_BY_STEP = ("step", "post-up", "post-down")


class Log:
    """The log as found, and the state that its admitted entries make."""

    def __init__(self, ledger, tree, heads):
        self.ledger = ledger
        self.tree = tree
        self.heads = heads
        self.received = []
        self.state = State()

    def judge(self, index, received, data):
        """Judge the note of an entry and, if it is admitted, let it take effect: the warnings. Raises `Broken`."""
        note = notes.parse(data)
        if note.lines[0] == self.ledger != NO_ID:
            cosigned.judge(self, index, received, note, data)
        elif note.lines[0] in OWN and self.ledger != NO_ID:
            OWN[note.lines[0]].judge(self, index, received, note)
        else:
            return self._judge_statement(index, received, note)
        return []

    def _judge_statement(self, index, received, note):
        statement = acts.parse(note)
        require(index > 0 or statement.act == "found", "founding-missing")
        checked = check.check(self.ledger, self.state, statement, note)
        self.check_entry(index, received, statement.act)
        if statement.act == "found":
            founding.found(self.state, statement, index, received)
            return []
        context = Context(self, index, received, statement, checked)
        context.judge()
        rules.RULES[statement.act](context)
        self.state.programme.count(context.named, context.counted)
        return context.warnings

    def received_before(self, size):
        """`received` of entry size - 1."""
        return self.received[size - 1]

    def check_entry(self, index, received, act, own_time=-math.inf):
        """Section 8.1."""
        require(index == 0 or received >= self.received[index - 1], "received-order")
        require(index > 0 or act == "found", "founding-missing")
        require(index == 0 or act != "found", "founding-repeated")
        force = self.state.founding
        if force and force.witnesses and act not in ("amend", "epoch"):
            witnessed = max(force.received, self.state.cosigned_time, own_time)
            require(received <= witnessed + DAY, "unwitnessed")
        if act not in ("found", "amend", "index", "epoch", "anchor", "cosigned"):
            self._index_of_the_day(received)

    def _index_of_the_day(self, received):
        """Section 18: once a day an index entry comes first, but on the day on which the procedure came into force."""
        force = self.state.in_force(received)
        if force is None or not force.procedure.daily:
            return
        today = day_number(received, force.procedure.east)
        days = [day_number(moment, force.procedure.east) for moment in (self.state.indexed, force.start) if moment is not None]
        require(any(day >= today for day in days), "index-missing")


@dataclass
class View:
    """What signers could know: the size that they had seen, when that was, and whether they are still covered."""

    received: int
    size: int
    time_seen: int
    covered: bool

    def still_good(self, ended):
        """Something that ended at an entry is still good for a covered statement that had not seen it."""
        return self.covered and self.size <= ended

    def reaches(self, start):
        """Whether a beginning is past at r, or for a covered statement at s."""
        return start <= self.received or (self.covered and start <= self.time_seen)

    def within(self, start, end):
        return start <= self.received < end or (self.covered and start <= self.time_seen < end)


@dataclass
class Signer:
    """A signer's key, `by` line and view, and the appointment that the line names."""

    key: object
    line: tuple
    view: View
    held: object = None

    @property
    def person(self):
        return self.line[0]

    @property
    def office(self):
        return self.line[1]

    @property
    def unit(self):
        return self.line[2]


class Context:
    """A statement other than `found` under judgement (section 8.3)."""

    def __init__(self, log, index, received, statement, checked):
        self.log, self.state = log, log.state
        self.index, self.received = index, received
        self.statement, self.act = statement, statement.act
        self.keys, self.procedure = checked.keys, checked.procedure
        self.programme = log.state.programme
        self.signers = []
        self.warnings, self.named, self.counted = [], own_cases(statement), [statement.hash]

    def judge(self):
        """Steps 1 to 7."""
        self._seen()
        self._at()
        self._governing()
        self._device()
        self.signers = [Signer(key, line, self.view) for key, line in zip(self.keys, self.statement["by"])]
        self.judge_signers()
        self._governance()

    def judge_signers(self):
        """Step 6, and for the programme's acts the rules of signers after it."""
        persons = set()
        for signer in self.signers:
            require(signer.person not in persons, "signer-repeated")
            persons.add(signer.person)
            self._key(signer)
            self._appointment(signer)
            self._office(signer)
        if self.act in rules.PROGRAMME:
            case_rules.of_signers(self)

    def completed(self, waiting):
        """A step that waited, with the signers of its joins and this one's, judged as if received now."""
        whole = Context(self.log, self.index, self.received, waiting.statement, check.Checked([]))
        whole.in_force, whole.governing = self.in_force, self.governing
        whole.signers = [Signer(signer.key, signer.line, self.view_of(signer.view.size)) for signer in waiting.signing + self.signers]
        whole.view = whole.signers[0].view
        whole.warnings = self.warnings
        return whole

    def counts_as(self, whole):
        """A join that completes a step: the cases are the step's, and count it before the join."""
        self.named, self.counted = whole.named, whole.counted + self.counted

    def rule(self, broken, name, severity="refuse"):
        """A rule that refuses or, if it is broken and its severity says so, warns."""
        if not broken:
            return
        if severity == "refuse":
            raise Broken(name)
        if name not in self.warnings:
            self.warnings.append(name)

    def accept(self):
        """What every admitted statement does: its counter is used, its keys have signed together."""
        name, counter = self.statement["device"]
        self.state.devices[name].counters.add(counter)
        if len(self.keys) > 1:
            for key in self.keys:
                key.joint = self.received

    @property
    def persons(self):
        return [signer.person for signer in self.signers]

    def allowance(self, step_id=None):
        """Step 2: of the procedure in force at r, or of a step in it."""
        if self.in_force is None:
            return THREE_DAYS
        step = self.in_force.procedure.steps.get(step_id)
        return self.in_force.procedure.offline_ms if step is None or step.offline_ms is None else step.offline_ms

    def view_of(self, size, step_id=None):
        """The view of a statement that has seen this size."""
        time_seen = self.log.received_before(size)
        return View(self.received, size, time_seen, self.received - time_seen <= self.allowance(step_id))

    @property
    def own_step(self):
        """The step whose allowance is the statement's, if it has one of its own."""
        return self.statement["step"] if self.act in ALLOWED_BY_STEP else None

    def _seen(self):
        """Steps 1 and 2."""
        size, root, head = self.statement["seen"]
        require(size <= self.index, "seen-ahead")
        require((root, head) == (self.log.tree.root(size), self.log.heads[size]), "seen-unlike")
        self.in_force = self.state.in_force(self.received)
        self.view = self.view_of(size, self.own_step)

    def _at(self):
        """Step 3."""
        at = self.statement["at"]
        require(at <= self.received + SKEW, "at-future")
        require(self.received - at <= self.allowance(self.own_step), "at-stale")

    def _governing(self):
        """Step 4."""
        good = [self.in_force]
        if self.view.covered:
            good.append(self.state.in_force(self.view.time_seen, self.view.size))
        named = self.statement["procedure"]
        self.governing = None
        if named != "none":
            self.governing = next((one for one in self.state.enacted if one.triple == named), None)
            require(self.governing, "procedure-unknown")
        require(any(self.governing is one for one in good), "procedure-version")
        require(self.governing or self.act in ("amend", "enact", "incident"), "procedure-version")

    def _device(self):
        """Step 5."""
        name, counter = self.statement["device"]
        device = self.state.devices.get(name)
        require(device and device.index < self.view.size, "device-unknown")
        ended_well = device.reason in ("retired", "other")
        require(device.ended is None or (ended_well and self.view.still_good(device.ended)), "device-ended")
        require(counter not in device.counters, "counter-used")

    def _key(self, signer):
        key, view = signer.key, signer.view
        require(key.index < view.size, "key-not-yet")
        require(key.revoked is None, "key-revoked")
        latest = key is self.state.latest_key(key.person)
        graced = self.act not in ("rotate", "revoke") and key.rotated is not None and view.still_good(key.rotated)
        require(latest or graced, "key-superseded")

    def _appointment(self, signer):
        (person, office, unit, reference), view = signer.line, signer.view
        source = self.state.births if office == "self" else self.state.appointments
        named = source.get(reference)
        require(named and named[0].index < view.size, "appointment-unknown")
        held = next((one for one in named if (one.person, one.office, one.unit) == (person, office, unit)), None)
        require(held, "appointment-mismatch")
        require(view.reaches(held.start), "appointment-not-yet")
        kept = held.ended is None or (held.reason != "dismissed" and view.still_good(held.ended))
        unexpired = self.received < held.end or (view.covered and view.time_seen < held.end)
        require(kept and unexpired, "appointment-ended")
        signer.held = held

    def _office(self, signer):
        """Qualifications for the office, and that the governing procedure has it."""
        office, view = signer.office, signer.view
        if office in ("founder", "self"):
            return
        offices = self.governing.procedure.offices if self.governing else {}
        for needed in offices[office][1] if office in offices else ():
            held = self.state.qualifications.get((signer.person, needed), ())
            good = any(one.index < view.size and view.within(one.start, one.end) for one in held)
            require(good, "qualification-missing")
        require(office in offices, "office-unknown")

    def powers(self):
        """The powers of the signers' offices: a founder's as its founding says, `self` none."""
        result = set()
        for held in (signer.held for signer in self.signers):
            if held.office == "founder":
                result.add(held.power)
            elif held.office != "self":
                result.add(self.governing.procedure.power(held.office))
        return result

    def _governance(self):
        """Step 7."""
        if self.act in NO_TABLE:
            return
        offices = [signer.office for signer in self.signers]
        if self.act == "amend" or (self.act == "enact" and not self.governing):
            require(all(office == "founder" for office in offices), "governance-office")
            require(len(offices) >= self.state.founding.threshold, "governance-count")
            return
        tables = self.governing.procedure.governance if self.governing else {}
        require(self.act in tables or self.act == "incident", "governance-none")
        allowed, least, powers = tables.get(self.act, OF_FOUNDERS)
        require(all(office in allowed for office in offices), "governance-office")
        require(len(offices) >= least, "governance-count")
        require(len(self.powers()) >= powers, "governance-powers")


def own_cases(statement):
    """The cases that a statement names in lines of its own; other acts add those of their list, batch or answer (section 18)."""
    fields = statement.fields
    cases = {fields[key][0] for key in ("case", "payment") if fields.get(key)}
    return cases | {fields[key][1] for key in ("about", "to") if type(fields.get(key)) is tuple and fields[key][0] == "case"}
