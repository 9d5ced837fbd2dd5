"""The rules of a procedure as acts are judged by them (format.md sections 7.3 and 8.4), and what satisfies a step."""

import hashlib
import math

from programme import covers
from values import DAY, require

SCALE = 2**64


def of_signers(context):
    """The rules of signers, for each in order."""
    procedure = context.governing.procedure
    acting, exclusive = procedure.rule("acting"), procedure.rule("exclusive_powers")
    for signer in context.signers:
        if acting and signer.held.capacity != "regular":
            last = signer.held.start + acting.max_days * DAY
            context.rule(context.received > last, "acting-days", acting.severity)
        if exclusive:
            held = (one for one in context.state.roster.get(signer.person, ()) if one.in_force(context.received))
            powers = {procedure.power(one.office) for one in held}
            context.rule(len(powers & set(exclusive.powers)) >= 2, "exclusive-powers", exclusive.severity)


def overridden(context, step, cases, of_list=None):
    """`override-unknown`, then the (rule, about) pairs that the statement's overrides lift."""
    lifted = set()
    for reference in context.statement["override"]:
        found = context.programme.overrides.get(reference)
        require(found and found.index < context.view.size and found.step == step.id, "override-unknown")
        kind, name = found.about
        require(name in cases if kind == "case" else name == of_list, "override-unknown")
        lifted.add((found.rule, found.about))
    return lifted


def of_case(context, step, case, lifted, marks, of_list=None):
    """The rules of a case, with the marks that count as the case's here."""
    context.rule(any(person in case.recused for person in context.persons), "recused")
    for rule in context.governing.procedure.rules:
        if step.id not in rule.steps or (rule.id, ("case", case.id)) in lifted or (rule.id, ("list", of_list)) in lifted:
            continue
        name, judge = CASE_RULES[rule.kind]
        context.rule(judge(context, rule, step, case, marks), name, rule.severity)


def _distinct(context, rule, step, case, marks):
    before = {person for mark in marks if mark.step in rule.steps and mark.step != step.id for person in mark.signers}
    return any(person in before for person in context.persons)


def _own_unit(context, rule, step, case, marks):
    return any(signer.held.home != "-" and covers(signer.held.home, case.unit) for signer in context.signers)


def _mixed(context, rule, step, case, marks):
    level = context.governing.procedure.level
    return sum(level(signer.held.home) == rule.number for signer in context.signers) < rule.least


def _recusal(context, rule, step, case, marks):
    related = context.programme.relations.get(case.id, ())
    return any((person, relation) in related for person in context.persons for relation in rule.relations)


CASE_RULES = {
    "distinct": ("distinct", _distinct), "not_own_unit": ("own-unit", _own_unit), "mixed": ("mixed", _mixed),
    "recuse": ("recusal", _recusal),
}


def satisfied(context, case, step, before=math.inf):
    """Whether a step is satisfied for a case; with `before`, as seen by signers who had seen that size."""
    known = {}

    def holds(name):
        if name not in known:
            known[name] = _holds(context, case, context.governing.procedure.steps[name], before, holds)
        return known[name]

    return holds(step)


def all_satisfied(context, case, step, before=math.inf):
    """Whether every step of a step's `after` is satisfied."""
    return all(satisfied(context, case, name, before) for name in step.after)


def _mark(case, name, before):
    mark = case.marks.get(name)
    return mark if mark and mark.entry < before else None


def _holds(context, case, step, before, holds):
    if _mark(case, step.id, before) or case.cohort not in step.cohorts:
        return True
    return step.cover is not None and all(holds(name) for name in step.after) and _undrawn(context, case, step, before)


def _undrawn(context, case, step, before):
    """Whether the draw of a step with `cover` left the case out."""
    marks = [mark for mark in case.marks.values() if mark.entry < before]
    marks = [mark for mark in marks if mark.step in step.after] or marks
    if not marks:
        return False
    draw = context.programme.first_cosigned(max(mark.entry for mark in marks))
    if draw is None or draw.index >= before:
        return False
    first, second = step.cover["related" if context.programme.is_related(case) else case.cohort]
    digest = hashlib.sha256(b"zeren draw v1\n" + draw.digest + case.id.encode("ascii")).digest()
    return int.from_bytes(digest[:8], "big") * second >= first * SCALE
