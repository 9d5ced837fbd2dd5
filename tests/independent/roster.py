"""Appointments under a procedure's rules, and whether a roster can satisfy its steps (format.md sections 8.9 and 8.10)."""

import math

from values import DAY, require


def judge(context, made):
    """What section 8.9 adds to `appoint`."""
    procedure = context.governing.procedure
    level = procedure.offices[made.office][2]
    if level in procedure.levels:
        require(procedure.level(made.unit) == procedure.levels.index(level), "appointment-unit")
    acting, exclusive = procedure.rule("acting"), procedure.rule("exclusive_powers")
    if acting and made.capacity != "regular":
        open_end = made.end == math.inf
        context.rule(open_end or made.end > made.start + acting.max_days * DAY, "acting-days", acting.severity)
    if acting and made.capacity == "delegated":
        again = any(signer.held.capacity == "delegated" for signer in context.signers)
        context.rule(acting.max_depth == 0 or again, "acting-depth", acting.severity)
    if exclusive:
        context.rule(_exclusive(context, exclusive, made), "exclusive-powers", exclusive.severity)


def _exclusive(context, rule, made):
    procedure = context.governing.procedure
    own = procedure.power(made.office)
    others = set(rule.powers) - {own}
    held = context.state.roster.get(made.person, ())
    overlapping = (one for one in held if one.ended is None and one.start < made.end and made.start < one.end)
    return own in rule.powers and any(procedure.power(one.office) in others for one in overlapping)


def held(context, person, offices):
    """The person's appointments to one of the offices that are in force at r."""
    own = context.state.roster.get(person, ())
    return [one for one in own if one.office in offices and one.in_force(context.received)]


def is_satisfiable(context, procedure, team_step=None, groups=1):
    """Whether the roster has enough persons for every step; a team's step needs `mixed` rules met by each sub-group."""
    return all(_step(context, procedure, step, groups if step.id == team_step else 1) for step in procedure.steps.values())


def _step(context, procedure, step, groups):
    holders = {person: held(context, person, step.offices) for person in context.state.roster}
    holders = {person: own for person, own in holders.items() if own}
    if step.least is not None and len(holders) < step.least:
        return False
    if step.least is None and {one.office for own in holders.values() for one in own} != set(step.offices):
        return False
    for rule in procedure.rules:
        if rule.kind == "mixed" and step.id in rule.steps:
            fit = sum(any(procedure.level(one.home) == rule.number for one in own) for own in holders.values())
            if fit < groups * rule.least:
                return False
    return True
