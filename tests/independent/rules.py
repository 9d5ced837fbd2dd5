"""The acts' own rules and effects (format.md sections 5.2 to 5.9 and 5.20), one function an act."""

import math

import case_acts
import flags
import founding
import lists
import note as notes
import roster
import steps
import supervision
from programme import Case
from state import Appointment, Device, Enacted, Qualification
from values import require


def _end(value):
    return math.inf if value == "open" else value


def _known_person(context, person):
    require(person in context.state.persons, "person-unknown")


def _new_key(context, person, public):
    pair = (person, notes.key_id(person, notes.SIGNATURE, public))
    require(public not in context.state.publics and pair not in context.state.pairs, "key-taken")


def enact(context):
    name, version, digest = context.statement["enacts"]
    before = context.state.enacted
    require(all(one.procedure.id == name and one.procedure.version < version for one in before), "procedure-sequence")
    founders = context.state.founding.powers.values()
    require(all(power in context.procedure.powers for power in founders), "founder-powers")
    context.accept()
    start = max(context.received, context.procedure.start)
    if context.governing:
        context.rule(not roster.is_satisfiable(context, context.procedure), "satisfiable", "warn")
    before.append(Enacted(context.index, (name, version, digest), start, context.procedure))


def enrol(context):
    statement, state = context.statement, context.state
    person = statement["person"]
    require(person not in state.persons, "person-taken")
    require(statement["identity"] not in state.identities, "identity-taken")
    _new_key(context, person, statement["key"])
    context.accept()
    state.add_person(person, statement["identity"], statement["key"], context.index)
    state.births[statement.hash] = [Appointment(person, "self", "-", context.index, context.received, math.inf)]


def device(context):
    name = context.statement["enrols"]
    require(name not in context.state.devices, "device-taken")
    context.accept()
    context.state.devices[name] = Device(context.index)


def device_end(context):
    found = context.state.devices.get(context.statement["ends"])
    require(found, "device-unknown")
    require(found.ended is None, "device-ended")
    context.accept()
    found.ended, found.reason = context.index, context.statement["reason"]


def appoint(context):
    statement = context.statement
    person, office, unit = statement["person"], statement["office"], statement["unit"]
    _known_person(context, person)
    require(office in context.governing.procedure.offices, "office-unknown")
    start, end = statement["from"], _end(statement["to"])
    require(start < end, "period")
    made = Appointment(person, office, unit, context.index, start, end, None, statement["capacity"], statement["home"])
    roster.judge(context, made)
    context.accept()
    context.state.appointments[statement.hash] = [made]
    context.state.roster.setdefault(person, []).append(made)


def appoint_end(context):
    statement = context.statement
    named = context.state.appointments.get(statement["appointment"])
    require(named and named[0].office != "founder", "appointment-unknown")
    require(named[0].person == statement["person"], "appointment-mismatch")
    require(named[0].ended is None, "appointment-ended")
    context.accept()
    named[0].ended, named[0].reason = context.index, statement["reason"]


def _replace(context):
    """What `rotate` and `rekey` share."""
    statement, state = context.statement, context.state
    person, rotation = statement["person"], context.act == "rotate"
    _known_person(context, person)
    latest = state.latest_key(person)
    require(latest.public == statement["replaces"], "key-unknown")
    if rotation:
        require(latest.revoked is None, "key-revoked")
    else:
        require(latest.revoked is not None, "key-active")
    _new_key(context, person, statement["key"])
    context.accept()
    if rotation:
        latest.rotated = context.index
    state.add_key(person, statement["key"], context.index)


def rotate(context):
    require([line[0] for line in context.statement["by"]] == [context.statement["person"]], "person-other")
    _replace(context)


def revoke(context):
    statement = context.statement
    latest = context.state.latest_key(statement["person"])
    require(latest and latest.public == statement["key"], "key-unknown")
    require(latest.revoked is None, "key-revoked")
    suspected = statement["suspected"]
    if suspected != "none":
        after = latest.joint is None or latest.joint <= suspected
        require(after and suspected <= context.received, "suspected-bound")
        require(context.governing.procedure.supervising in context.powers(), "suspected-supervisor")
    context.accept()
    latest.revoked = context.index


def relate(context):
    statement = context.statement
    kind, other = statement["to"]
    _known_person(context, statement["person"])
    if kind == "person":
        _known_person(context, other)
    signers = [line[0] for line in statement["by"]]
    require(statement["basis"] != "declared" or statement["person"] in signers, "person-other")
    context.accept()
    if kind == "case":
        context.programme.relations.setdefault(other, set()).add((statement["person"], statement["relation"]))


def qualify(context):
    statement = context.statement
    _known_person(context, statement["person"])
    start, end = statement["from"], _end(statement["to"])
    require(start < end, "period")
    context.accept()
    held = context.state.qualifications.setdefault((statement["person"], statement["qualification"]), [])
    held.append(Qualification(context.index, start, end))


def import_record(context):
    statement, state = context.statement, context.state
    case, head = statement["case"]
    known = state.programme.cases.get(case)
    imported = known is not None and known.unit is None
    require((known.head if imported else "new") == head, "case-head")
    require(statement["source"] not in state.records, "record-used")
    require(known is None or known.unit is None, "case-taken")
    context.accept()
    if known:
        known.move(statement.hash, context.index)
    else:
        state.programme.cases[case] = Case(case, statement.hash)
    state.records.add(statement["source"])


def incident(context):
    """Section 5.20: what is named is what the signers had seen."""
    size, root, _ = context.statement["seen"]
    require((context.statement["size"], context.statement["root"]) == (size, root), "incident-unlike")
    context.accept()


PROGRAMME = {
    "step": steps.step, "join": steps.join, "sheet": lists.sheet, "post-up": steps.post, "post-down": steps.post,
    "outcome": case_acts.outcome, "correct": case_acts.correct, "transfer": case_acts.transfer, "account": case_acts.account,
    "objection": flags.raise_flag, "dissent": flags.dissent, "report": flags.report, "appeal": flags.appeal, "answer": flags.answer,
    "recuse": flags.recuse, "hold": flags.raise_flag, "release": flags.release,
    "override": supervision.override, "ruling": supervision.ruling, "team": supervision.team,
}
RULES = {
    **PROGRAMME,
    "amend": founding.amend, "enact": enact, "enrol": enrol, "device": device, "device-end": device_end,
    "appoint": appoint, "appoint-end": appoint_end, "rotate": rotate, "rekey": _replace, "revoke": revoke,
    "relate": relate, "qualify": qualify, "import": import_record, "incident": incident,
}
