"""Sheets, list lines, list steps and postings (format.md section 8.7)."""

import case_rules
from calendar_days import days_between, is_past
from case_steps import mark_of, next_cohort, signers_cover
from programme import Payment, Sheets, level_unit
from tree import leaf_hash, root_of
from values import MAX_NUMBER, require

SHEET_BYTES, LIST_LINES = 2_097_152, 20_000
OMITTING = ("cases", "payments")  # a result may have failed for a reason called omit


def sheet(context):
    """One part of a list."""
    statement, programme = context.statement, context.programme
    steps = context.governing.procedure.steps.values()
    offices = {office for step in steps if step.on == "list" or step.settles for office in step.offices}
    require(all(signer.office in offices for signer in context.signers), "step-office")
    name, owner = statement["list"], context.persons[0]
    found = programme.lists.get(name) or Sheets(name, statement["kind"], owner)
    require(found.owner == owner, "list-taken")
    require(name not in programme.used and found.kind == statement["kind"], "list-closed")
    require(statement["part"] == found.parts, "list-part")
    firsts = [line[0] for line in found.lines[-1:] + statement["|"]]
    require(all(one < other for one, other in zip(firsts, firsts[1:])), "list-order")
    size = len(statement.text) + programme.unused_bytes(owner)
    require(size <= SHEET_BYTES and len(found.lines) + len(statement["|"]) <= LIST_LINES, "list-limit")
    context.accept()
    found.parts += 1
    found.seen = max(found.seen, context.view.size)
    found.size += len(statement.text)
    found.lines += statement["|"]
    found.leaves += [leaf_hash(line) for line in _raw_lines(statement.text)]
    programme.lists[name] = found


def _raw_lines(text):
    """A sheet's lines without `|`, the space after it, and the newline."""
    return [line[2:] for line in text.split(b"\n") if line.startswith(b"| ")]


def is_omit(line):
    return line[-1] == "omit"


def named_list(context, reference, kind=None):
    """The list of a `list`, `seats` or `results` line; without a kind, the one that its steps so far call for."""
    name, count, total, root = reference
    found = context.programme.lists.get(name)
    require(found, "list-unknown")
    require(found.kind == (kind or ("payments" if found.locked else "cases")), "list-kind")
    kept = [line for line in found.lines if found.kind not in OMITTING or not is_omit(line)]
    fen = sum(line[2] for line in kept) if found.kind == "payments" else 0
    require((len(kept), fen, root_of(found.leaves)) == (count, total, root), "list-root")
    require(found.kind not in ("seats", "results") or name not in context.programme.used, "list-closed")
    return found


def perform(context, step):
    """A list step, `post-up` or `post-down`."""
    statement = context.statement
    found = named_list(context, statement["list"], "payments" if step.locks else None)
    seats = named_list(context, statement["seats"], "seats") if step.quorum else None
    cases = {line[0] for line in found.lines}
    unit = _unit(context, step, found)
    kept, dropped = _lines(context, step, found, unit)
    period = max(case.period for case, _ in kept)
    _omitted(context, step, found, unit, cases, period)
    if seats:
        _quorum(step.quorum, seats)
    if step.rates:
        _rates(step.rates, kept + dropped)
    if step.posting:
        _posting(context, step, found)
    lifted = case_rules.overridden(context, step, cases, found.id)
    for case, _ in kept:
        case_rules.of_case(context, step, case, lifted, case.marks.values(), found.id)
    context.rule(is_past(context.governing.procedure, step.due, period, context.received), "late", "warn")
    _effect(context, step, found, seats, kept, dropped)


def _unit(context, step, found):
    """Point 2: all cases but those that left after the list was written are of one level unit, which the signers' units cover."""
    cases = [context.programme.case(line[0]) for line in found.lines]
    staying = [case for case in cases if case.unit_entry < found.seen]
    unit = level_unit((staying or cases)[0].unit, step.level)
    for case in cases:
        own = level_unit(case.unit, step.level)
        require(own is not None and (own == unit or case.unit_entry >= found.seen), "list-unit")
    signers_cover(context, unit)
    return unit


def _lines(context, step, found, unit):
    """Point 3: (case, line) of the lines kept, (case, hash responsible) of those dropped."""
    kept, dropped = [], []
    for line in found.lines:
        if is_omit(line):
            continue
        case = context.programme.case(line[0])
        if case.id in found.dropped:
            continue
        current = case.head in (line[1], found.done)
        if not current:
            require(case.was_head_since(line[1], found.seen), "case-head")
            known = found.id not in context.programme.used and _is_settled(case, found.seen) and case.corrected < found.seen
            require(not known or _is_due(context, step, case, found.seen), "step-order")
        if not current or level_unit(case.unit, step.level) != unit:
            dropped.append((case, case.head))
        elif case.flags:
            dropped.append((case, next(iter(case.flags))))
        else:
            _keep(context, step, case, line)
            kept.append((case, line))
    require(kept, "list-empty")
    return kept, dropped


def _keep(context, step, case, line):
    require(case.status.name == "open", "case-status")
    require(step.id not in case.marks, "step-repeated")
    require(case.cohort in step.cohorts and case_rules.all_satisfied(context, case, step), "step-order")
    if step.locks:
        require(case.payment is None, "case-paid")
        require(_amount(context, case) == line[2], "amount")
        require(case.account == line[3], "account-other")


def _amount(context, case):
    """What the standard gives the case, or None."""
    standard = context.governing.procedure.standard(case.scheme, case.tier, case.period)
    if standard is None:
        return None
    measure = 1
    if standard.per is not None:
        marks = [mark for mark in case.marks.values() if standard.per in mark.measures]
        if not marks:
            return None
        measure = max(marks, key=lambda mark: mark.entry).measures[standard.per]
    product = standard.fen * measure
    return product if product <= MAX_NUMBER else None


def _omitted(context, step, found, unit, cases, period):
    """Point 4: nobody who was there is left out, and who is omitted is so for a reason."""
    first = context.programme.used.get(found.id) if step.posting else None
    size = context.view.size if first is None else min(first, context.view.size)
    for case in context.programme.cases.values():
        if case.unit is None or case.id in cases or level_unit(case.unit, step.level) != unit:
            continue
        there = _is_settled(case, size) and (first is None or case.corrected < size)
        dropped = case.dropped is not None and case.dropped_entry < size and case.period >= period
        require(not (there and (dropped or _is_awaited(context, step, case, period))), "list-omits")
    if first is not None:
        return
    for line in found.lines:
        if is_omit(line):
            case = context.programme.case(line[0])
            status = case.status.hash if case.status.name != "open" else None
            recused = any(line[1] in hashes for person, hashes in case.recused.items() if person in context.persons)
            waits = step.id in case.marks or not _is_due(context, step, case, size)
            waiting = waits and (line[1] == case.dropped or case.was_head_since(line[1], found.seen))
            require(waiting or recused or line[1] in case.flags or line[1] == status, "omit-unfounded")


def _is_settled(case, size):
    """Whether unit, status and period are those of a log of this size."""
    return max(case.unit_entry, case.status.entry, case.period_entry) < size


def _is_awaited(context, step, case, period):
    """Whether the step is before the case: in its period, or after a renewal into the list's."""
    if case.status.name != "open":
        return False
    own = step.id not in case.marks and case.cohort in step.cohorts
    return own or (case.period < period and next_cohort(context.governing.procedure.steps, case) in step.cohorts)


def _is_due(context, step, case, size):
    """Whether the step was due in a log of this size; where it locks, only for who can be paid."""
    if not _is_settled(case, size) or case.status.name != "open":
        return False
    mark = case.marks.get(step.id)
    if (mark and mark.entry < size) or case.cohort not in step.cohorts:
        return False
    if step.locks and (case.payment is not None or _amount(context, case) is None):
        return False
    return case_rules.all_satisfied(context, case, step, size)


def _quorum(quorum, seats):
    votes = [vote for _, _, vote in seats.lines]
    present, agree = len(votes) - votes.count("absent"), votes.count("agree")
    (first, second), (part, whole) = quorum.present, quorum.agree
    require(present * second >= len(votes) * first and agree * whole >= present * part, "quorum")
    for category, least in quorum.seats.items():
        require(sum(own == category and vote != "absent" for _, own, vote in seats.lines) >= least, "quorum")


def _rates(rates, kept):
    step, shares = rates
    marks = [case.marks[step] for case, _ in kept if step in case.marks]
    for code, (first, second) in shares.items():
        agreed = sum(mark.asserts.get(code) == "yes" for mark in marks)
        require(agreed * second >= len(marks) * first, "rate")


def _posting(context, step, found):
    """Point 6."""
    statement, posting = context.statement, step.posting
    photos = [code for code, _ in statement["photo"]]
    if context.act == "post-up":
        require([level for level, _ in statement["place"]] == posting.at, "posting-place")
        require(statement["phone"] == posting.phones, "posting-phone")
        require(photos == posting.up, "posting-photo")
        return
    require(step.id in found.up, "posting-down")
    require(photos == posting.down, "posting-photo")
    days = days_between(context.governing.procedure, found.up[step.id], statement["at"], posting.calendar)
    require(days >= posting.days, "posting-days")


def _effect(context, step, found, seats, kept, dropped):
    statement = context.statement
    context.programme.used.setdefault(found.id, context.view.size)
    if seats:
        context.programme.used.setdefault(seats.id, context.view.size)
    context.named.update(case.id for case, _ in kept + dropped)
    for case, responsible in dropped:
        case.dropped = found.dropped[case.id] = responsible
        case.dropped_entry = context.index
    if context.act == "post-up":
        found.up[step.id] = statement["at"]
        return
    found.up.pop(step.id, None)
    found.done = statement.hash
    mark = mark_of(context, step, found.id)
    for case, line in kept:
        case.marks[step.id] = mark
        case.move(statement.hash, context.index)
        case.dropped = None
        if step.locks:
            case.payment = Payment(case, found.id, line[2], line[3])
    if step.locks:
        found.locked[step.id] = mark
