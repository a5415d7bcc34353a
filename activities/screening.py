"""An order that looks like fraud is held until a person has looked, and what that person decides."""

from datetime import datetime

import msgspec
from temporalio import activity

from models.audit import Author
from models.database import Database
from models.ids import CartId, OrderId, PaymentId
from models.money import Money
from models.order import OrderStatus
from models.payment import ProviderPayment, Standing
from models.screening import Screening, ScreeningDecision
from models.tables import inventory, outbox, screening, securing
from models.tables import order as orders
from models.tables import order_desk as desk


class HoldOrder(msgspec.Struct, frozen=True):
    """The money is authorized, and a person has to look before it is taken."""

    order_id: OrderId
    payment_id: PaymentId
    cart_id: CartId
    attempt: int
    payment: ProviderPayment
    screening: Screening
    until: datetime
    """When the order ends, if nobody decides."""
    credit: Money | None = None
    """What gift cards and store credit pay; None: nothing."""
    coupons: bool = False
    """Whether it used any up."""


class DecideReview(msgspec.Struct, frozen=True):
    """Somebody has looked, or nobody did in time, or the order ends for another reason."""

    order_id: OrderId
    decision: ScreeningDecision
    actor: str
    reason: str | None = None
    author: Author | None = None
    """Who of the staff decided."""


_TOLD = {
    ScreeningDecision.APPROVED: "order_approved",
    ScreeningDecision.REJECTED: "order_rejected",
    ScreeningDecision.EXPIRED: "review_expired",
}


class ScreeningActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def hold_order(self, request: HoldOrder) -> None:
        """Hold an order whose money is authorized until a person has looked; its buyer is told that somebody does.

        Changes: order, payment, cart with its gift cards and coupons, screening, how long its stock is held, timeline,
        notification, outbox.
        Again: the move is made once, and all else with it.
        Undo: `cancel_order`, or `decide_review` that approves it.
        """
        order, judged = request.order_id, request.screening
        async with self._database.writing() as writer:
            await securing.secure(
                writer, order, request.payment_id, request.cart_id, request.attempt, request.payment,
                credit=request.credit is not None, coupons=request.coupons,
            )  # fmt: skip
            if not await orders.move(writer, order, OrderStatus.ON_HOLD, only=frozenset({OrderStatus.PENDING})):
                return
            await screening.hold(writer, order, judged, request.until)
            facts = {"score": judged.score, "limit": judged.limit, "signs": judged.signs}
            await orders.tell_all(
                writer, order, orders.Fact("screened", "order_screened", "order", facts),
                orders.Fact("on_hold", "order_on_hold", "order", {"until": request.until}),
            )  # fmt: skip
            paid = request.payment.standing is Standing.CAPTURED
            await outbox.write_letter(writer, "on_hold", order, facts={"paid": True} if paid else None)
            await inventory.keep(writer, order, request.until)

    @activity.defn
    async def decide_review(self, request: DecideReview) -> None:
        """Write down what was decided of an order that is held; an approved one goes on.

        Changes: screening, order, timeline, audit log.
        Again: it is decided once, and all else with it.
        Undo: nothing; an order that is not to go on is cancelled by `cancel_order`.
        """
        order, decision = request.order_id, request.decision
        async with self._database.writing() as writer:
            await orders.lock(writer, order)
            if not await screening.decide(writer, order, decision, request.actor, request.reason):
                return
            if decision is ScreeningDecision.APPROVED:
                await orders.move(writer, order, OrderStatus.PENDING, only=frozenset({OrderStatus.ON_HOLD}))
            if decision in _TOLD:
                await orders.tell(writer, order, "reviewed", _TOLD[decision], request.actor)
            was, now = {"status": OrderStatus.ON_HOLD}, {"decision": decision}
            action = "order.approve" if decision is ScreeningDecision.APPROVED else "order.reject"
            await desk.write_down(writer, order, request.author, action, was, now, request.reason)
