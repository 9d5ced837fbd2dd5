"""Steps on a case (format.md section 8.6)."""

import case_rules
from calendar_days import is_past
from programme import Case, Mark, Status, covers
from values import DAY, require


def signers_cover(context, unit):
    """Every signer's unit covers this one, else `case-unit`."""
    require(all(covers(signer.unit, unit) for signer in context.signers), "case-unit")


def named(context, reference):
    """The case of a `case` line: known, its head, in the signers' units."""
    name, head = reference
    case = context.programme.case(name)
    require(case.head == head, "case-head")
    signers_cover(context, case.unit)
    return case


def mark_of(context, step, on_list=None):
    """The mark that the statement makes."""
    statement = context.statement
    return Mark(step.id, context.index, statement.hash, context.received, tuple(context.persons),
                dict(statement.fields.get("assert", ())), dict(statement.fields.get("measure", ())), on_list)


def perform(context, step):
    if step.opens:
        case, period = _opened(context)
    else:
        case = named(context, context.statement["case"])
        _status(context, step, case)
        period = _renewed(context, case) if step.renews else _in_order(context, step, case)
    _team(context, step, case, period)
    lifted = case_rules.overridden(context, step, {case.id})
    case_rules.of_case(context, step, case, lifted)
    late = is_past(context.governing.procedure, step.due, period, context.received, case.referred // DAY)
    context.rule(late, "late", "warn")
    _effect(context, step, case, period)


def _opened(context):
    """A case that this step opens, and its period."""
    name = context.statement["case"][0]
    unit, scheme, tier, period, account = context.statement["open"]
    require(name not in context.programme.cases, "case-taken")
    require(context.governing.procedure.standard(scheme, tier, period), "standard-missing")
    signers_cover(context, unit)
    status = Status("open", context.index, context.statement.hash, context.received)
    case = Case(name, context.statement.hash, unit, context.index, context.index, scheme, tier, period, account, status=status)
    return case, period


def _status(context, step, case):
    outcome = context.governing.procedure.outcomes.get(case.status.outcome)
    back = case.status.name == "suspended" and outcome is not None and outcome.back_to == step.id
    require(case.status.name == "open" or back, "case-status")
    require(not case.flags, "flag-open")


def _renewed(context, case):
    period = context.statement["period"]
    require(period > case.period, "period-order")
    require(context.governing.procedure.standard(case.scheme, case.tier, period), "standard-missing")
    return period


def _in_order(context, step, case):
    require(step.id not in case.marks or case.status.name == "suspended", "step-repeated")
    require(case.cohort in step.cohorts and case_rules.all_satisfied(context, case, step), "step-order")
    return case.period


def _team(context, step, case, period):
    if not step.team:
        return
    team = context.programme.teams.get((step.id, period))
    require(team, "team-other")
    groups = {team.members.get(person) for person in context.persons}
    require(len(groups) == 1 and None not in groups, "team-other")
    require(any(group in groups and covers(unit, case.unit) for group, unit in team.areas), "team-other")


def _effect(context, step, case, period):
    if step.opens:
        context.programme.cases[case.id] = case
    else:
        case.move(context.statement.hash)
    if step.renews:
        steps = context.governing.procedure.steps
        if any(name in steps and steps[name].locks for name in case.marks):
            case.cohort = "continuing"
        case.period, case.marks, case.payment = period, {}, None
    if case.status.name == "suspended":
        case.set_status(Status("open", context.index, context.statement.hash, context.received))
        if step.id in case.marks:
            case.forget_from(case.marks[step.id].entry)
    case.marks[step.id] = mark_of(context, step)
