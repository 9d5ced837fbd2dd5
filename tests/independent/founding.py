"""The founding and its amendments (format.md sections 5.1 and 5.2)."""

import math

from state import Appointment, Device, Founding
from values import require


def _distinct(values):
    values = list(values)
    return len(set(values)) == len(values)


def _threshold(statement):
    require(2 <= statement["threshold"] <= len(statement["founder"]), "threshold")


def _two_powers(statement):
    require(len({line[1] for line in statement["founder"]}) >= 2, "founder-powers")


def _witnesses(statement):
    names = [name for name, _ in statement["witness"]]
    keys = [key for _, key in statement["witness"]]
    require(_distinct(names) and _distinct([*keys, statement["checkpoint-key"]]), "witness-repeated")


def _record(statement, index, received):
    powers = {line[0]: line[1] for line in statement["founder"]}
    return Founding(index, received, statement.hash, statement["threshold"], statement["checkpoint-key"],
                    dict(statement["witness"]), powers)


def found(state, statement, index, received):
    """Section 5.1 in its order, then what a founding does."""
    founders = statement["founder"]
    demonstration = statement["ledger"].startswith("demo.")
    require(demonstration == (statement["purpose"] == "demonstration"), "purpose")
    _threshold(statement)
    _two_powers(statement)
    require(_distinct(line[0] for line in founders), "person-taken")
    require(_distinct(line[2] for line in founders), "identity-taken")
    require(_distinct(line[3] for line in founders), "key-taken")
    _witnesses(statement)
    for person, _, identity, public, _ in founders:
        state.add_person(person, identity, public, index)
    for keys in state.persons.values():
        keys[0].joint = received
    state.births[statement.hash] = [Appointment(line[0], "self", "-", index, received, math.inf) for line in founders]
    state.devices[statement["device"]] = Device(index, {0})
    state.add_founding(_record(statement, index, received))


def amend(context):
    """Section 5.2, then what an amendment does."""
    statement, state = context.statement, context.state
    persons = [person for person, _ in statement["founder"]]
    require(all(person in state.persons for person in persons), "person-unknown")
    require(_distinct(persons), "person-taken")
    _threshold(statement)
    _two_powers(statement)
    _witnesses(statement)
    context.accept()
    state.add_founding(_record(statement, context.index, context.received))
