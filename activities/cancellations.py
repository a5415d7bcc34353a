"""The end of an order that was paid: of which nothing was sent, everything is given back, once; else what was not."""

import msgspec
from temporalio import activity

from models.audit import Author
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import OrderId
from models.order import Action, FulfilmentStatus, OrderStatus, staff_actions
from models.payment import PaymentStatus
from models.refund import RefundedItem, RefundWish
from models.tables import backorder as backorders
from models.tables import inventory, outbox, parcel_worth, refund_end
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


class CancelRest(msgspec.Struct, frozen=True):
    """Send no more of an order of which a part has left."""

    order_id: OrderId
    reason: str
    actor: str
    author: Author | None = None
    """Who of the staff asked for it."""
    waits: bool = False
    """Whether some of its goods had still to come in."""


class RestCancelled(msgspec.Struct, frozen=True):
    """All that will be sent of it has left."""

    status: OrderStatus
    fulfilment: FulfilmentStatus
    payment_status: PaymentStatus
    refund: int | None
    """Number of the refund that is reserved now, and has to be carried out; None: no more was paid than was sent."""


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
                return PaidOrderCancelled(
                    await _known(writer, order, _key(order)), stands.payment if request.reserved else None
                )
            allowed = staff_actions(stands.status, stands.payment, stands.fulfilment, stands.attention)
            if stands.status is not OrderStatus.CONFIRMED or Action.CANCEL not in allowed:
                raise Refusal("wrong_move", f"An order that is {stands.status} cannot be cancelled any more.",
                              status=stands.status)  # fmt: skip
            await orders.move(writer, order, OrderStatus.CANCELLED, cancel_reason=request.reason)
            await shipments.call_off(writer, order)
            payment = None
            if stands.payment is PaymentStatus.AUTHORIZED:
                payment = await payments.end_reserved(writer, order)
            wish = RefundWish(_key(order), why, request.actor)
            refund = await refunds.reserve(writer, order, wish, payment is PaymentStatus.VOIDED)
            await redemptions.give_back(writer, order)
            await orders.tell(writer, order, "cancelled", "order_cancelled", request.actor, reason=why)
            facts = {"refund": refund.amount if refund else None, "reserved": payment is not None}
            await outbox.write_letter(writer, "order_cancelled_paid", order, facts=facts)
            was, now = {"status": stands.status}, {"status": OrderStatus.CANCELLED}
            await desk.write_down(writer, order, request.author, "order.cancel", was, now, request.reason)
            if request.waits:
                await backorders.give_up(writer, order)
            await inventory.release(writer, order, why)
        return PaidOrderCancelled(refund.n if refund else None, payment)

    @activity.defn
    async def cancel_rest(self, request: CancelRest) -> RestCancelled:
        """Send no more of an order: the stock of what is left is given back, and the money for it reserved to go back.

        Changes: order, positions, refund, payment, credit, holds, stock, its ledger, backorders, timeline, outbox,
        audit log.
        Again: nothing is left to be sent already, and its refund is answered again.
        Undo: nothing, final; its refund only goes forward.
        """
        order = request.order_id
        async with self._database.writing() as writer:
            stands = await shipments.lock(writer, order)
            if stands.fulfilment is not FulfilmentStatus.PARTIAL:
                return RestCancelled(
                    stands.status, stands.fulfilment, stands.payment, await _known(writer, order, _rest_key(order))
                )
            allowed = staff_actions(stands.status, stands.payment, stands.fulfilment, stands.attention)
            if Action.CANCEL not in allowed:
                raise Refusal("wrong_move", f"An order that is {stands.status} cannot be cancelled any more.",
                              status=stands.status)  # fmt: skip
            left = [line for line in await shipments.left(writer, order) if line.left]
            unsent = await parcel_worth.unsent(writer, order)
            payment = stands.payment
            if payment is PaymentStatus.AUTHORIZED:
                await payments.end_reserved(writer, order, sent=True)
                payment = await refund_end.restate(writer, order)
            items = tuple(RefundedItem(line.sku, line.left) for line in left)
            wish = RefundWish(
                _rest_key(order), request.reason, request.actor, items=items, up_to=True, at_most=unsent
            )  # fmt: skip
            refund = await refunds.reserve(writer, order, wish)
            await shipments.call_off(writer, order)
            await orders.move(writer, order, OrderStatus.SHIPPED, fulfilment_status=FulfilmentStatus.FULFILLED)
            status = OrderStatus.SHIPPED
            told = {"reason": request.reason, "items": items, "refund": refund.amount if refund else None}
            facts = [orders.Fact("rest_cancelled", "rest_cancelled", request.actor, told)]
            if not await shipments.underway(writer, order):
                status = OrderStatus.DELIVERED
                await orders.move(writer, order, status)
                facts.append(orders.Fact("delivered", "order_delivered", request.actor))
            await orders.tell_all(writer, order, *facts)
            reserved = stands.payment is PaymentStatus.AUTHORIZED
            await outbox.write_letter(writer, "rest_cancelled", order, facts={**told, "reserved": reserved})
            was, now = {"status": stands.status}, {"status": status, "items": items}
            await desk.write_down(writer, order, request.author, "order.cancel_rest", was, now, request.reason)
            if request.waits:
                await backorders.give_up(writer, order)
            await inventory.release(writer, order, request.reason)
        return RestCancelled(status, FulfilmentStatus.FULFILLED, payment, refund.n if refund else None)


def _key(order: OrderId) -> str:
    return f"cancel/{order}"


def _rest_key(order: OrderId) -> str:
    return f"cancel_rest/{order}"


async def _known(writer: Writer, order: OrderId, key: str) -> int | None:
    """The refund of an order that an earlier run has cancelled."""
    wanted = await refunds.find_by_key(writer, order, key)
    return wanted.n if wanted else None
