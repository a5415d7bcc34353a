"""Another try of what needs a person: a word to every workflow of the order that may be waiting for one."""

import asyncio

from api.commands import command, send
from api.context import House
from models.database import Writer
from models.errors import Refusal
from models.order import Order
from models.refund import RefundStatus, workflow_id
from models.tables import attention
from models.tables import order as orders
from models.tables import order_desk as desk
from workflows.late_payment import LatePayment, late_payment_id
from workflows.order import Order as Owner
from workflows.refund import Refund
from workflows.steadfast import RetryStep


async def again(house: House, order: Order, wish: RetryStep, id: str) -> bool:
    """Ask the order's owner, its refunds that are open, and who waits for its late money. False: still under way.

    Raises: Refusal `wrong_move` when none of them waits for a person; Unavailable when that is not known of one.
    """
    over = Refusal("wrong_move", "Nothing here needs a retry.", status=order.status)
    under_way = [each.n for each in order.refunds if each.status is RefundStatus.OPEN]
    asked = await asyncio.gather(
        command(house, order, Owner.retry, wish, id),
        send(house, late_payment_id(order.workflow_id), LatePayment.retry, wish, id, over),
        *(send(house, workflow_id(order.id, n), Refund.retry, wish, id, over) for n in under_way),
        return_exceptions=True,
    )
    for each in asked:
        if isinstance(each, BaseException) and not (isinstance(each, Refusal) and each.code == "wrong_move"):
            raise each
    taken = [each for each in asked if not isinstance(each, BaseException)]
    if not taken:
        raise over
    return taken[0] is not None


async def looked(writer: Writer, order: Order, wish: RetryStep, id: str) -> None:
    """Nothing waits to be tried again, but a person was asked for: they have looked, and nobody else has to.

    Nothing more where the same request had been taken by a workflow that has ended since.

    Raises: Refusal `wrong_move` when nobody was asked for, or something else needs a person by now.
    """
    assert wish.author is not None
    if await desk.did(writer, order.id, f"retry/{id}"):
        return
    why = order.attention
    if why is None or not await attention.settle_shown(writer, order.id, why):
        raise Refusal("wrong_move", "Nothing here needs a retry.", status=order.status)
    await desk.staff_did(writer, order.id, f"retry/{id}", "retry_asked", wish.author, wish.reason)
    await orders.tell(writer, order.id, f"retry/{id}/settled", "attention_settled", wish.actor, reason=None)
