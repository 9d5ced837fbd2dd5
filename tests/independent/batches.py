"""Batches and payments (format.md section 8.8)."""

import case_rules
from calendar_days import days_between, is_past
from case_steps import mark_of, signers_cover
from lists import is_omit, named_list
from programme import Batch
from values import require


def perform(context, step):
    """A batch step: it opens a batch, or goes on with one."""
    batch = _opened(context, step) if step.opening else _known(context, step)
    cases = [payment.case for payment in batch.payments.values()]
    for case in cases:
        signers_cover(context, case.unit)
    if step.cosigned is not None:
        found = context.programme.cosigned_at(context.statement["cosigned"])
        require(found and found.size > batch.base and found.cosignatures >= step.cosigned, "cosigned-missing")
    results = _results(context, batch) if step.settles else None
    _totals(context, step, batch, results)
    lifted = case_rules.overridden(context, step, {case.id for case in cases})
    for case in cases:
        case_rules.of_case(context, step, case, lifted, [*case.marks.values(), *batch.marks.values()])
    _late(context, step, max(case.period for case in cases), _marks(context, step, batch))
    _effect(context, step, batch, results)


def _marks(context, step, batch):
    """The marks that `within` may name: of the batch, or where it is opened those that locked its list."""
    return context.programme.lists[batch.list].locked if step.opening else batch.marks


def _late(context, step, period, marks):
    procedure = context.governing.procedure
    late = period is not None and is_past(procedure, step.due, period, context.received)
    if step.within and step.within.of in marks:
        since = marks[step.within.of].received
        late = late or days_between(procedure, since, context.received, step.within.calendar) > step.within.days
    context.rule(late, "late", "warn")


def _opened(context, step):
    programme, statement = context.programme, context.statement
    name, list_id, count, total = statement["batch"]
    require(name not in programme.batch_ids, "batch-taken")
    found = programme.lists.get(list_id)
    cases = [programme.cases.get(line[0]) for line in found.lines if not is_omit(line)] if found and found.kind == "payments" else []
    lock = step.after[0]
    require(any(case and lock in case.marks and case.marks[lock].list == list_id for case in cases), "list-unknown")
    repaid = None
    if statement["repays"] is not None:
        repaid = programme.batches.get(statement["repays"])
        require(repaid and repaid.settled is not None and repaid.list == list_id, "list-unknown")
    payable = {payment.case.id: payment for payment in _payable(cases, list_id, repaid)}
    _less(statement["less"], payable)
    payments = {case: payment for case, payment in payable.items() if case not in dict(statement["less"])}
    require((len(payments), sum(payment.fen for payment in payments.values())) == (count, total), "batch-match")
    require(payments, "list-empty")
    base = repaid.settled if repaid else found.locked[lock].entry
    return Batch(name, list_id, count, total, statement.hash, payments, base, repaid)


def _payable(cases, list_id, repaid):
    """The list's payments that are in no batch, or those that failed in the batch that is repaid."""
    for case in cases:
        payment = case.payment if case else None
        if payment and payment.list == list_id and payment.batch is repaid and (repaid is None or payment.paid is False):
            yield payment


def _holds(case):
    return {flag.hash for flag in case.flags.values() if flag.kind == "hold"}


def _less(lines, payable):
    """Every payable case that is on hold is left out by name, and no other."""
    names = [name for name, _ in lines]
    require(all(one < other for one, other in zip(names, names[1:])), "hold-unnamed")
    require(all(name in payable and hold in _holds(payable[name].case) for name, hold in lines), "hold-unnamed")
    require(all(case in names or not _holds(payment.case) for case, payment in payable.items()), "hold-unnamed")


def _known(context, step):
    name, list_id, count, total = context.statement["batch"]
    batch = context.programme.batches.get(name)
    require(batch, "batch-unknown")
    require((batch.list, batch.count, batch.total) == (list_id, count, total), "batch-match")
    require(step.id not in batch.marks, "step-repeated")
    require(all(other in batch.marks for other in step.after), "step-order")
    held = any(_holds(payment.case) for payment in batch.payments.values())
    require(step.settles or not held, "flag-open")
    return batch


def _results(context, batch):
    """The list of results: its cases are exactly the batch's."""
    found = named_list(context, context.statement["results"], "results")
    require([line[0] for line in found.lines] == list(batch.payments), "results-lines")
    return found


def _totals(context, step, batch, results):
    paid = [line[0] for line in results.lines if line[1] == "paid"] if results else []
    amounts = {"batch": (batch.count, batch.total), "paid": (len(paid), sum(batch.payments[case].fen for case in paid))}
    asked = [(code, *amounts[step.match[code]]) for code in sorted(step.match)]
    require(context.statement["total"] == asked, "totals")


def _effect(context, step, batch, results):
    programme = context.programme
    programme.used.setdefault(batch.list, context.view.size)
    context.named.update(batch.payments)
    if step.opening:
        programme.batches[batch.id] = batch
        programme.batch_ids.add(batch.id)
        for payment in batch.payments.values():
            payment.batch, payment.paid = batch, None
    batch.marks[step.id] = mark_of(context, step)
    if results:
        programme.used.setdefault(results.id, context.view.size)
        batch.settled = context.index
        for line in results.lines:
            batch.payments[line[0]].paid = line[1] == "paid"


def pay(context, step):
    """A payment step."""
    name, batch_id = context.statement["payment"]
    batch = context.programme.batches.get(batch_id)
    payment = batch.payments.get(name) if batch else None
    require(payment and payment.batch is batch and payment.paid is True, "payment-unknown")
    require(step.id not in payment.marks, "step-repeated")
    signers_cover(context, payment.case.unit)
    lifted = case_rules.overridden(context, step, {name})
    case_rules.of_case(context, step, payment.case, lifted, [*payment.case.marks.values(), *batch.marks.values()])
    _late(context, step, None, batch.marks)
    payment.marks.add(step.id)
