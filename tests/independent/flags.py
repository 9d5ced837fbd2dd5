"""Objections, dissents, reports, appeals and holds, and how they are answered (format.md section 8.6)."""

from calendar_days import days_between
from programme import Flag, Status
from values import require


def _case(context):
    """The case of a line whose head may be a former one."""
    name, head = context.statement["case"]
    case = context.programme.case(name)
    require(head == case.head or head in case.former, "case-head")
    return case


def _raise(context, case):
    context.accept()
    flag = Flag(context.act, context.statement.hash, tuple(context.persons), context.received, case)
    context.programme.flags[flag.hash] = flag
    if case:
        case.flags[flag.hash] = flag


def raise_flag(context):
    """`objection` and `hold`."""
    _raise(context, _case(context))


def dissent(context):
    case = _case(context)
    require(any(mark.hash == context.statement["of"] for mark in case.marks.values()), "of-unknown")
    _raise(context, case)


def report(context):
    reported, (kind, name) = context.statement["report"], context.statement["about"]
    require(reported not in context.programme.reported, "report-taken")
    case = context.programme.case(name) if kind == "case" else None
    _raise(context, case)
    context.programme.reported.add(reported)


def appeal(context):
    case, outcomes = _case(context), context.governing.procedure.outcomes
    outcome = outcomes.get(case.status.outcome)
    require(case.status.hash == context.statement["of"] and outcome and outcome.appeal_ms is not None, "of-unknown")
    require(context.received <= case.status.received + outcome.appeal_ms, "appeal-late")
    _raise(context, case)


def recuse(context):
    case = _case(context)
    require(len(context.signers) == 1, "person-other")
    context.accept()
    case.recused.setdefault(context.signers[0].person, set()).add(context.statement.hash)


def release(context):
    case = _case(context)
    flag = case.flags.get(context.statement["releases"])
    require(flag and flag.kind == "hold", "flag-unknown")
    context.accept()
    del case.flags[flag.hash]


def _open_flag(context):
    """The flag that an answer names: no hold, still open and not answered."""
    flag = context.programme.flags.get(context.statement["answers"])
    require(flag and flag.kind != "hold" and not flag.upheld, "flag-unknown")
    return flag


def answer(context):
    flag, procedure = _open_flag(context), context.governing.procedure
    rule = procedure.rule("independent")
    if rule:
        involved = set(flag.signers)
        if flag.case:
            involved |= {person for mark in flag.case.marks.values() for person in mark.signers}
        context.rule(bool(involved & set(context.persons)), "independent", rule.severity)
    if procedure.answer:
        days, kind = procedure.answer
        context.rule(days_between(procedure, flag.received, context.received, kind) > days, "late", "warn")
    context.accept()
    if flag.case:
        context.named.add(flag.case.id)
    upheld = context.statement["outcome"] == "upheld"
    if upheld and flag.case and flag.kind != "appeal":
        flag.upheld = True
        return
    del context.programme.flags[flag.hash]
    if flag.case:
        flag.case.flags.pop(flag.hash, None)
    if upheld and flag.kind == "appeal":
        flag.case.set_status(Status("open", context.index, context.statement.hash, context.received))
        flag.case.move(context.statement.hash, context.index)
