"""The end of an order that was paid and of which nothing was sent: everything given back, once."""

import msgspec
from temporalio import activity

from models.audit import Author
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import OrderId
from models.order import Action, OrderStatus, staff_actions
from models.payment import PaymentStatus
from models.refund import Refund, RefundWish
from models.tables import backorder as backorders
from models.tables import inventory, outbox
from models.tables import order as orders
from models.tables import order_desk as desk
from models.tables import payment as payments
from models.tables import redemption as redemptions
from models.tables import refund as refunds
from models.tables import shipment as shipments


class CancelPaidOrder(msgspec.Struct, frozen=True):
    """End an order that is paid and not sent."""

    order_id: OrderId
    reason: str
    actor: str
    author: Author | None = None
    """Who of the staff asked for it."""
    waits: bool = False
    """Whether some of its goods have still to come in."""
    reserved: bool = False
    """Some of its money is only reserved."""


class PaidOrderCancelled(msgspec.Struct, frozen=True):
    """It is over."""

    refund: int | None
    """Number of the refund that is reserved now, and has to be carried out; None: nothing is left to give back."""
    payment_status: PaymentStatus | None = None
    """Where money was only reserved, what its payment is now: what is left of it is to be voided."""


class CancellationActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def cancel_paid_order(self, request: CancelPaidOrder) -> PaidOrderCancelled:
        """End a paid order before anything of it is sent: stock and coupons back, its money reserved to go back.

        Changes: order, positions, refund, payment, credit, coupons, holds, stock, its ledger, timeline, notification,
        outbox, audit log.
        Again: the order is cancelled already, and its refund is answered again.
        Undo: nothing, final; its refund only goes forward.
        """
        order = request.order_id
        # A buyer's own words are kept with the order alone: ledgers are never edited, and people may be forgotten.
        why = "cancelled_by_buyer" if request.actor == "buyer" else request.reason
        async with self._database.writing() as writer:
            stands = await shipments.lock(writer, order)
            if stands.status is OrderStatus.CANCELLED:
                return PaidOrderCancelled(await _known(writer, order), stands.payment if request.reserved else None)
            allowed = staff_actions(stands.status, stands.payment, stands.fulfilment, stands.attention)
            if stands.status is not OrderStatus.CONFIRMED or Action.CANCEL not in allowed:
                raise Refusal("wrong_move", f"An order that is {stands.status} cannot be cancelled any more.",
                              status=stands.status)  # fmt: skip
            await orders.move(writer, order, OrderStatus.CANCELLED, cancel_reason=request.reason)
            await shipments.call_off(writer, order)
            payment = None
            if stands.payment is PaymentStatus.AUTHORIZED:
                payment = await payments.end_reserved(writer, order)
            refund = await _reserve(writer, request, why, payment is PaymentStatus.VOIDED)
            await redemptions.give_back(writer, order)
            await orders.tell(writer, order, "cancelled", "order_cancelled", request.actor, reason=why)
            facts = {"refund": str(refund.amount) if refund else None, "reserved": payment is not None}
            await outbox.write_letter(writer, "order_cancelled_paid", order, facts=facts)
            was, now = {"status": stands.status}, {"status": OrderStatus.CANCELLED}
            await desk.write_down(writer, order, request.author, "order.cancel", was, now, request.reason)
            if request.waits:
                await backorders.give_up(writer, order)
            await inventory.release(writer, order, why)
        return PaidOrderCancelled(refund.n if refund else None, payment)


def _key(order: OrderId) -> str:
    return f"cancel/{order}"


async def _known(writer: Writer, order: OrderId) -> int | None:
    """The refund of an order that an earlier run has cancelled."""
    wanted = await refunds.find_by_key(writer, order, _key(order))
    return wanted.n if wanted else None


async def _reserve(writer: Writer, request: CancelPaidOrder, why: str, voided: bool) -> Refund | None:
    """All that is left of what was paid; None: it has gone back already, nothing was to be paid, or the buyer's bank
    took it back, and whoever is told how that ended decides."""
    wish = RefundWish(_key(request.order_id), why, request.actor)
    try:
        return await refunds.open(writer, request.order_id, wish)
    except Refusal as refusal:
        if refusal.code not in ("refund_exceeds", "charge_disputed", *(("wrong_move",) if voided else ())):
            raise
        return None
