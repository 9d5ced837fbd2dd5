"""Overrides, rulings and teams (format.md section 8.6)."""

import roster
from programme import Override, Status, Team
from values import require


def override(context):
    statement, procedure = context.statement, context.governing.procedure
    require(statement["step"] in procedure.steps, "step-unknown")
    rule = next((rule for rule in procedure.rules if rule.id == statement["rule"]), None)
    require(rule and rule.override, "override-rule")
    require(procedure.supervising in context.powers(), "override-supervisor")
    context.accept()
    made = Override(context.index, statement["step"], statement["rule"], statement["about"])
    context.programme.overrides[statement.hash] = made


def ruling(context):
    statement, procedure = context.statement, context.governing.procedure
    kind, name = statement["clause"]
    clauses = {
        "step": procedure.steps, "outcome": procedure.outcomes, "rule": {rule.id for rule in procedure.rules},
        "scheme": {standard.scheme for standard in procedure.standards},
    }
    require(name in clauses[kind], "clause-unknown")
    answered = None
    if statement["answers"] != "none":
        cases = context.programme.cases.values()
        answered = next((case for case in cases if _referred_by(case, statement["answers"])), None)
        require(answered, "of-unknown")
    context.accept()
    if answered:
        context.named.add(answered.id)
        answered.set_status(Status("open", context.index, statement.hash, context.received))


def _referred_by(case, reference):
    return case.status is not None and case.status.name == "referred" and case.status.hash == reference


def team(context):
    statement, procedure = context.statement, context.governing.procedure
    step = procedure.steps.get(statement["step"])
    require(step and step.team, "step-unknown")
    persons = [person for _, _, person in statement["member"]]
    require(all(person in context.state.persons for person in persons), "person-unknown")
    require(len(set(persons)) == len(persons), "person-taken")
    held = {person: roster.held(context, person, step.offices) for person in persons}
    require(all(held.values()), "team-member")
    groups = {person: group for _, group, person in statement["member"]}
    units = [unit for _, unit in statement["area"]]
    require(all(group in groups.values() for group, _ in statement["area"]) and len(set(units)) == len(units), "team-area")
    _mixed(context, step, groups, held)
    context.rule(not roster.is_satisfiable(context, procedure, step.id, len(set(groups.values()))), "satisfiable", "warn")
    context.accept()
    context.programme.teams[step.id, statement["period"]] = Team(groups, statement["area"])


def _mixed(context, step, groups, held):
    """The rules `mixed` that name the step, for each sub-group."""
    procedure = context.governing.procedure
    for rule in procedure.rules:
        if rule.kind != "mixed" or step.id not in rule.steps:
            continue
        for group in dict.fromkeys(groups.values()):
            members = [person for person, own in groups.items() if own == group]
            count = sum(any(procedure.level(one.home) == rule.number for one in held[person]) for person in members)
            context.rule(count < rule.least, "mixed", rule.severity)
