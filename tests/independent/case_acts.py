"""Outcome, correction, transfer and change of account (format.md section 8.6)."""

from case_steps import named
from programme import Status, covers
from values import require


def _open(case, *also):
    require(case.status.name in ("open", *also), "case-status")


def outcome(context):
    statement = context.statement
    chosen = context.governing.procedure.outcomes.get(statement["outcome"])
    require(chosen, "outcome-unknown")
    require(all(signer.office in chosen.offices for signer in context.signers), "step-office")
    require(len(context.signers) >= chosen.least, "step-count")
    require(chosen.reasons is None or statement["reason"] in chosen.reasons, "reason")
    case = named(context, statement["case"])
    _open(case, *(() if chosen.to == "suspended" else ("suspended",)))
    require(not case.recused.keys() & set(context.persons), "recused")
    batch = case.payment.batch if case.payment else None
    require(batch is None or batch.settled is not None, "case-paid")
    context.accept()
    case.set_status(Status(chosen.to, context.index, statement.hash, context.received, statement["outcome"]))
    if case.payment is None or case.payment.paid is not True:
        case.unlock(context.governing.procedure.steps)
    case.close_upheld()
    case.move(statement.hash, context.index)


def correct(context):
    fields = context.statement.fields
    require((fields["case"] is None) != (fields["batch"] is None), "step-lines")
    if fields["batch"] is None:
        _correct_case(context)
    else:
        _correct_batch(context)


def _correct_case(context):
    statement = context.statement
    case = named(context, statement["case"])
    _open(case)
    steps = context.governing.procedure.steps
    begins = {name for name, step in steps.items() if step.opens or step.renews}
    mark = next((mark for name, mark in case.marks.items() if mark.hash == statement["of"] and name not in begins), None)
    require(mark, "of-unknown")
    require(case.payment is None or case.payment.batch is None, "case-paid")
    context.accept()
    case.marks, case.corrected = case.marks_before(mark.entry), context.index
    case.unlock(context.governing.procedure.steps)
    case.close_upheld()
    case.move(statement.hash, context.index)


def _correct_batch(context):
    statement, batches = context.statement, context.programme.batches
    batch = batches.get(statement["batch"])
    require(batch, "batch-unknown")
    require(batch.hash == statement["of"], "of-unknown")
    require(len(batch.marks) == 1, "case-paid")
    context.accept()
    context.named.update(batch.payments)
    for payment in batch.payments.values():
        payment.batch, payment.paid = batch.repays, False if batch.repays else None
    del batches[batch.id]


def transfer(context):
    statement = context.statement
    name, head = statement["case"]
    case = context.programme.case(name)
    require(case.head == head, "case-head")
    old, new = statement["from"], statement["to"]
    require(old == case.unit and old != new, "transfer-units")
    giving = {signer.person for signer in context.signers if covers(signer.unit, old)}
    taking = {signer.person for signer in context.signers if covers(signer.unit, new)}
    require(giving and taking and len(giving | taking) >= 2, "case-unit")
    _open(case)
    require(case.payment is None, "case-paid")
    context.accept()
    case.unit, case.unit_entry = new, context.index
    case.move(statement.hash, context.index)


def account(context):
    statement = context.statement
    case = named(context, statement["case"])
    _open(case, "suspended")
    require(case.payment is None, "case-paid")
    context.accept()
    case.account = statement["account"]
    case.move(statement.hash, context.index)
