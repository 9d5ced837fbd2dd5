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
    case_rules.of_case(context, step, case, lifted, [] if step.renews else _kept_marks(step, case).values())
    referred = 0 if step.renews else case.referred  # the renewed period begins now
    late = is_past(context.governing.procedure, step.due, period, context.received, referred // DAY)
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
    require(case.payment is None or case.payment.paid is True, "case-paid")
    require(period > case.period, "period-order")
    require(context.governing.procedure.standard(case.scheme, case.tier, period), "standard-missing")
    return period


def _in_order(context, step, case):
    if case.status.name != "suspended":
        require(step.id not in case.marks, "step-repeated")
        require(case.cohort in step.cohorts, "step-order")
    require(case_rules.all_satisfied(context, case, step), "step-order")
    return case.period


def _kept_marks(step, case):
    """The case's marks, but those that a suspended case loses: this step's and all of later entry."""
    if case.status.name != "suspended" or step.id not in case.marks:
        return case.marks
    return case.marks_before(case.marks[step.id].entry)


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
        case.move(context.statement.hash, context.index)
    if step.renews:
        _renew(context.governing.procedure.steps, case, period, context.index)
    if case.status.name == "suspended":
        case.marks = _kept_marks(step, case)
        case.set_status(Status("open", context.index, context.statement.hash, context.received))
    case.marks[step.id] = mark_of(context, step)


def next_cohort(steps, case):
    """The cohort that a renewal makes of a case."""
    locked = any(name in steps and steps[name].locks for name in case.marks)
    return "continuing" if locked else "new"


def _renew(steps, case, period, entry):
    """A new period keeps nothing of the old one but the mark of the opening."""
    case.cohort = next_cohort(steps, case)
    case.period, case.period_entry, case.payment, case.referred = period, entry, None, 0
    case.marks = {name: mark for name, mark in case.marks.items() if name in steps and steps[name].opens}
