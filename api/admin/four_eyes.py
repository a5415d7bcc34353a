"""Two people for much money: the first one's request is kept as a question, and nothing is done until another says yes.

How much is much: `FOUR_EYES_ABOVE`. Where it is asked: `second`, before anything is sent to an owner.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
from litestar import Response
from litestar.openapi import ResponseSpec

from api.admin.changes import write_down
from api.context import House, Identity, digest, idempotency_key
from models.approval import ApprovalRecord, ApprovalStatus, Guarded, needs_two
from models.database import Writer
from models.errors import Refusal
from models.ids import OrderId
from models.money import Money
from models.tables import approval as approvals
from models.tables import order as orders
from models.tables.approval import Question

UNDER_WAY = frozenset({ApprovalStatus.APPROVED, ApprovalStatus.DONE})
"""Somebody else has said yes: the same request meets what became of it."""


_QUESTION = "a question to a second person: nothing is done until they agree"
WAITING = {
    202: ResponseSpec(ApprovalRecord, generate_examples=False, description=f"When it is much money: {_QUESTION}")
}
"""For an operation's documentation."""


class Guard(msgspec.Struct, frozen=True):
    """What is about to be done, and how much money it would move."""

    action: Guarded
    subject: str
    data: msgspec.Struct
    """The request."""
    reason: str
    at_stake: Callable[[Writer], Awaitable[Money | None]]
    """None: it moves no money, or cannot be done."""
    order: OrderId | None = None
    until: datetime | None = None
    """It cannot be done any more then, and nobody has to be asked."""


async def second(house: House, caller: Identity, guard: Guard, idempotency: str | None) -> ApprovalRecord | None:
    """The question to a second person that this request is: a new one, or the one that it was before.

    None: one person will do. Raises: Refusal `approval_over` when somebody said no, or nobody yes in time;
    `idempotency_key_reused`.
    """
    limits = house.settings.four_eyes_above
    if not limits:
        return None
    question = Question(
        guard.action, guard.subject, caller.account, guard.data, digest(guard.data), guard.reason, guard.order,
        idempotency_key(idempotency), guard.until,
    )  # fmt: skip
    async with house.database.writing() as writer:
        await approvals.lock_subject(writer, guard.subject)
        known = await approvals.known(writer, question)
        if known is not None and known.digest != question.digest:
            raise Refusal("idempotency_key_reused", "This Idempotency-Key was used with another request.")
        if known is not None:
            return _going(known.approval)
        amount = await guard.at_stake(writer)
        if amount is None or not needs_two(limits, amount):
            return None
        made = await approvals.ask(writer, question, amount, house.settings.approval_within)
        after = {"approval": made.id, "action": guard.action, "amount": amount}
        await write_down(writer, caller, "approval.ask", guard.subject, after=after, reason=guard.reason)
        if guard.order is not None:
            await tell(writer, guard.order, made, "asked", caller)
    return made


async def tell(writer: Writer, order: OrderId, approval: ApprovalRecord, what: str, by: Identity) -> None:
    """Append to the order's timeline what became of a question; its buyer is not told."""
    await orders.tell(
        writer, order, f"approval/{approval.id}/{what}", f"approval_{what}", by.author.actor,
        action=approval.action, amount=approval.amount,
    )  # fmt: skip


def _going(approval: ApprovalRecord) -> ApprovalRecord:
    """Raises: Refusal `approval_over`."""
    if approval.status is ApprovalStatus.PENDING or approval.status in UNDER_WAY:
        return approval
    raise over(approval)


def over(approval: ApprovalRecord) -> Refusal:
    """Nobody can say yes to it any more."""
    return Refusal(
        "approval_over", f"This question is {approval.status}: ask anew, with another Idempotency-Key.",
        status=approval.status, decision=approval.decision, approval=approval.id,
    )  # fmt: skip


def kept(approval: ApprovalRecord) -> Response[Any]:
    """What the first person is answered: nothing is done yet."""
    return Response(approval, status_code=202, headers={"Location": f"/api/v1/admin/approvals/{approval.id}"})


def waiting(answer: Any) -> dict[int, ResponseSpec]:
    """For the documentation of an operation that may need longer itself."""
    words = f"Under way; or, when it is much money, {_QUESTION}"
    return {202: ResponseSpec(answer | ApprovalRecord, generate_examples=False, description=words)}


def name_of(approval: ApprovalRecord) -> str:
    """The id under which what was agreed to is done once, whoever says so how often."""
    return f"approval/{approval.id}"
