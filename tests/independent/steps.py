"""Steps and postings: their form, who does them, and joins (format.md section 8.5)."""

import batches
import case_steps
import lists
from programme import Waiting
from values import require

PERFORM = {"case": case_steps.perform, "list": lists.perform, "batch": batches.perform, "payment": batches.pay}
LINES = ("case", "open", "period", "list", "seats", "batch", "repays", "less", "payment", "results", "cosigned", "total")


def step(context):
    """Section 8.5, then what the step is on; or it waits for more signers."""
    chosen = context.governing.procedure.steps.get(context.statement["step"])
    require(chosen and chosen.posting is None, "step-unknown")
    _form(context, chosen)
    if _reached(context, chosen):
        PERFORM[chosen.on](context, chosen)
    else:
        context.programme.waiting[context.statement.hash] = Waiting(context.statement, context.received, context.signers)
        context.named = set()
    context.accept()


def post(context):
    """`post-up` and `post-down`."""
    chosen = context.governing.procedure.steps.get(context.statement["step"])
    require(chosen and chosen.posting, "step-unknown")
    require(_reached(context, chosen), "step-count")
    lists.perform(context, chosen)
    context.accept()


def join(context):
    """Somebody who was absent signs a step that waits."""
    reference = context.statement["joins"]
    waiting = context.programme.waiting.get(reference)
    require(waiting, "join-unknown")
    chosen = context.governing.procedure.steps.get(waiting.statement["step"])
    require(chosen and chosen.posting is None and chosen.join_ms is not None, "step-unknown")
    require(context.received <= waiting.received + chosen.join_ms, "join-expired")
    signed = {signer.person for signer in waiting.signing}
    require(not signed & set(context.persons), "signer-repeated")
    require(len(context.signers) == 1 and context.signers[0].office in chosen.offices, "step-office")
    if chosen.reached([signer.office for signer in waiting.signing + context.signers]):
        whole = context.completed(waiting)
        whole.judge_signers()
        _form(whole, chosen)
        require(_reached(whole, chosen), "step-count")
        PERFORM[chosen.on](whole, chosen)
        context.counts_as(whole)
        del context.programme.waiting[reference]
    else:
        waiting.signing = waiting.signing + context.signers
    context.accept()


def _called_for(chosen):
    """The lines that a step must have, and those that it may have."""
    if chosen.on == "case":
        return {"case"} | ({"open"} if chosen.opens else set()) | ({"period"} if chosen.renews else set()), set()
    if chosen.on == "list":
        return {"list"} | ({"seats"} if chosen.quorum else set()), set()
    if chosen.on == "payment":
        return {"payment"}, set()
    needed = {"batch"} | ({"results"} if chosen.settles else set()) | ({"cosigned"} if chosen.cosigned else set())
    return needed, {"total", "repays", "less"} if chosen.opening else {"total"}


def _form(context, chosen):
    fields = context.statement.fields
    present = {name for name in LINES if fields[name] not in (None, [])}
    needed, allowed = _called_for(chosen)
    require(needed <= present <= needed | allowed, "step-lines")
    require(chosen.on != "case" or (fields["case"][1] == "new") == chosen.opens, "step-lines")
    asserts = fields["assert"]
    require([code for code, _ in asserts] == chosen.asserts, "step-asserts")
    require(chosen.counted or all(answer == "yes" for _, answer in asserts), "step-asserts")
    require([code for code, _ in fields["measure"]] == chosen.measures, "step-measures")
    require([code for code, _ in fields["evidence"]] == chosen.evidence, "step-evidence")


def _reached(context, chosen):
    """Who signs: `step-office`, and whether they are enough; `step-count` where the step does not wait."""
    offices = [signer.office for signer in context.signers]
    require(all(office in chosen.offices for office in offices), "step-office")
    enough = chosen.reached(offices)
    require(enough or chosen.join_ms is not None, "step-count")
    return enough
