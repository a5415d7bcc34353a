"""One order, from checkout until it is delivered or cancelled. Nobody else changes it; everybody sends it messages.

Id: `order/<cart>/<attempt>`. Here are its story and its messages; how it gets its money is in `collecting.py`, how a
step that must succeed is done in `steadfast.py`, what it shows to people in `telling.py`.
"""

import msgspec
from temporalio import workflow

from activities.checkout import CheckoutActivities, OrderPlaced, PlaceOrder, Refused
from activities.orders import CancelOrder, ConfirmOrder, OrderActivities, RecordProgress, SecureOrder
from activities.payments.money import PaymentActivities
from activities.payments.providers import CapturePayment
from models.checkout import PaymentChoice, Purchase
from models.errors import Refusal
from models.ids import OrderNumber
from models.money import Money
from models.order import FulfilmentStatus, OrderStatus
from models.payment import PaymentStatus, ProviderPayment
from workflows import patience
from workflows.collecting import Collecting
from workflows.enduring import to_its_end
from workflows.news import ProviderNews
from workflows.steadfast import Attention
from workflows.telling import Board
from workflows.undo import UndoStack

MONEY_IN = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.PAID})


class AwaitCheckout(msgspec.Struct, frozen=True):
    """Ask for the outcome of the checkout; `digest` names the request that the asker means."""

    digest: str


class PayOrder(msgspec.Struct, frozen=True):
    """Pay with another method. `digest` of the request travels back with the answer."""

    digest: str
    method: str
    save: bool = False
    customer: str | None = None
    """The provider's id of who pays, when they are signed in and have one."""


class CancelCheckout(msgspec.Struct, frozen=True):
    """End an order that is not paid."""

    digest: str
    reason: str
    actor: str


class ShipOrder(msgspec.Struct, frozen=True):
    """The parcel was handed over."""

    actor: str
    carrier: str
    tracking: str


class DeliverOrder(msgspec.Struct, frozen=True):
    """The parcel arrived."""

    actor: str


class RetryStep(msgspec.Struct, frozen=True):
    """Try the step that needs attention again, now."""

    actor: str
    reason: str


class OrderState(msgspec.Struct, frozen=True):
    """Where an order stands: what every command answers and the `state` query tells."""

    number: OrderNumber
    digest: str
    """Of the request that this answers: another one under the same key was not meant."""
    status: OrderStatus
    payment_status: PaymentStatus
    total: Money | None = None
    payment: ProviderPayment | None = None
    refusal: Refused | None = None
    """Set when the checkout was refused: then there is no order."""
    attention: str | None = None
    credit: Money | None = None
    """Of the total, what gift cards and store credit pay."""


@workflow.defn
class Order:
    """Price, freeze and hold; authorize; from there on only forward: capture, confirm, ship, deliver.

    Where credit pays for everything the provider is not asked: there is nothing to authorize, capture or void.
    Waits: for a payment that works, until the payment window closes (30 minutes unless set otherwise);
    after a step that exhausted its patience, an hour or until somebody says retry;
    for shipment and delivery, without a limit.
    Temporal's own cancel is an operator's `cancel`: undone while unpaid, without effect afterwards.
    """

    @workflow.init
    def __init__(self, purchase: Purchase) -> None:
        self._purchase = purchase
        self._placed: OrderPlaced | None = None
        self._refusal: Refused | None = None
        self._board = Board(purchase.number)
        self._attention = Attention(self._board)
        self._collecting = Collecting(purchase, self._board, self._attention)
        self._undo = UndoStack()
        self._shipment: ShipOrder | None = None
        self._delivery: DeliverOrder | None = None
        self._board.tell("Freezing prices and holding stock", "a moment")

    @workflow.run
    async def run(self, purchase: Purchase) -> OrderState:
        await to_its_end(
            self._story(), called_off=lambda: self._collecting.call_off("cancelled_by_operator", "operator")
        )
        return self._state()

    # The story, step by step.

    async def _story(self) -> None:
        placed = await self._place()
        if placed is not None:
            if await self._collecting.collect(placed):
                await self._secure(placed)  # the point of no return
                if placed.due.amount:
                    await self._capture(placed)
                await self._confirm(placed)
                await self._fulfil(placed)
            else:
                await self._undo.unwind()
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _place(self) -> OrderPlaced | None:
        """The order, from here on with undos; None: it was refused, which left nothing to undo."""
        outcome = await workflow.execute_local_activity_method(
            CheckoutActivities.place_order,
            PlaceOrder(self._purchase),
            summary="Freeze prices and hold stock",
            **patience.DATABASE,
        )
        placed = self._placed = outcome.placed
        if placed is not None:
            self._undo.push(lambda: self._cancel_order(placed))
            if placed.due.amount:
                self._undo.push(lambda: self._collecting.void(placed))
        elif outcome.refusal is not None:
            self._refusal = outcome.refusal
            self._collecting.call_off(outcome.refusal.code, "order")
            self._board.move(OrderStatus.CANCELLED, PaymentStatus.VOIDED)
            self._board.tell(f"Refused: {outcome.refusal.detail}")
        return placed

    async def _secure(self, placed: OrderPlaced) -> None:
        assert self._collecting.payment is not None
        self._undo.pass_the_point_of_no_return()
        await workflow.execute_local_activity_method(
            OrderActivities.secure_order,
            SecureOrder(
                placed.order_id, placed.payment_id, self._purchase.cart_id, self._purchase.attempt,
                self._collecting.payment, self._purchase.customer_id, placed.credit, placed.coupons,
            ),
            summary="Write down that the money is authorized",
            **patience.DATABASE,
        )  # fmt: skip
        self._board.move(None, PaymentStatus.AUTHORIZED)
        if placed.due.amount:
            self._board.tell("Taking the authorized money", "the payment provider")
        else:
            self._board.tell("Nothing is left to pay: confirming", "a moment")
        self._collecting.answer()

    async def _capture(self, placed: OrderPlaced) -> None:
        authorized = self._collecting.payment
        assert authorized is not None and authorized.reference is not None
        request = CapturePayment(placed.payment_id, authorized.reference, placed.due, self._purchase.payment.provider)
        self._collecting.payment = await self._attention.steadfast(
            placed.order_id,
            "capture the payment",
            lambda: workflow.execute_activity_method(
                PaymentActivities.capture_payment,
                request,
                summary=f"Capture {request.amount}",
                **patience.provider(),
            ),
        )

    async def _confirm(self, placed: OrderPlaced) -> None:
        await workflow.execute_local_activity_method(
            OrderActivities.confirm_order,
            ConfirmOrder(
                placed.order_id,
                placed.payment_id,
                self._purchase.payment.provider,
                placed.due,
                placed.credit,
                placed.coupons,
            ),
            summary="Confirm: stock sold, money booked, letter written",
            **patience.DATABASE,
        )
        self._board.move(OrderStatus.CONFIRMED, PaymentStatus.PAID)

    async def _fulfil(self, placed: OrderPlaced) -> None:
        self._board.tell("Paid and confirmed", "the warehouse to ship it")
        await workflow.wait_condition(lambda: self._shipment is not None)
        assert self._shipment is not None
        parcel = {"carrier": self._shipment.carrier, "tracking": self._shipment.tracking}
        await self._progress(placed, OrderStatus.SHIPPED, self._shipment.actor, parcel)
        self._board.tell(f"Shipped with {self._shipment.carrier}", "the parcel to arrive")
        await workflow.wait_condition(lambda: self._delivery is not None)
        assert self._delivery is not None
        await self._progress(placed, OrderStatus.DELIVERED, self._delivery.actor, {})
        self._board.tell("Delivered")

    async def _progress(self, placed: OrderPlaced, to: OrderStatus, actor: str, facts: dict[str, str]) -> None:
        await workflow.execute_local_activity_method(
            OrderActivities.record_progress,
            RecordProgress(placed.order_id, to, FulfilmentStatus.FULFILLED, actor, facts),
            summary=f"Write down: {to}",
            **patience.DATABASE,
        )
        self._board.move(to, None)

    async def _cancel_order(self, placed: OrderPlaced) -> None:
        """Undoes `_place`."""
        why = self._collecting.ending
        assert why is not None
        await workflow.execute_local_activity_method(
            OrderActivities.cancel_order,
            CancelOrder(
                placed.order_id, placed.payment_id, self._purchase.cart_id, self._purchase.attempt,
                why.reason, why.actor, placed.credit, placed.coupons,
            ),
            summary="Cancel: release stock, free the cart, tell the buyer",
            **patience.DATABASE,
        )  # fmt: skip
        self._board.move(OrderStatus.CANCELLED, PaymentStatus.VOIDED)
        self._board.tell(f"Cancelled: {why.reason}")

    # Messages.

    @workflow.update(description="Answers with the checkout's outcome as soon as the buyer can be told.")
    async def await_checkout(self, request: AwaitCheckout) -> OrderState:
        await workflow.wait_condition(lambda: self._collecting.is_answered or self._is_cancelled)
        return self._state()

    @workflow.update(description="Buyer: pay with another method, while the order waits for payment.")
    async def pay(self, request: PayOrder) -> OrderState:
        choice = PaymentChoice(method=request.method, save=request.save, customer=request.customer)
        wish = self._collecting.wish(choice)
        await workflow.wait_condition(lambda: wish.answered or self._is_cancelled or self._is_paid)
        if not wish.answered:
            raise Refusal(
                "wrong_move", "The order was settled before this card was charged.", status=self._board.status
            )
        return self._state(request.digest)

    @pay.validator
    def _may_pay(self, request: PayOrder) -> None:
        if self._refusal is not None or not self._collecting.is_open:
            raise Refusal("wrong_move", "This order cannot be paid any more.", status=self._board.status)

    @workflow.update(description="Buyer or staff: end an order that is not paid yet.")
    async def cancel(self, request: CancelCheckout) -> OrderState:
        self._collecting.call_off(request.reason, request.actor)
        await workflow.wait_condition(lambda: self._is_cancelled or self._is_paid)
        if not self._is_cancelled:
            raise Refusal("wrong_move", "The payment went through before the cancellation.", status=self._board.status)
        return self._state(request.digest)

    @cancel.validator
    def _may_cancel(self, request: CancelCheckout) -> None:
        if self._refusal is not None or self._collecting.is_sure:
            raise Refusal("wrong_move", "This order cannot be cancelled any more.", status=self._board.status)

    @workflow.signal(description="The payment provider's webhook: look at the payment again.")
    async def provider_news(self, news: ProviderNews) -> None:
        self._collecting.hear(news.event_id)

    @workflow.update(description="Warehouse: the parcel was handed to the carrier.")
    async def ship(self, request: ShipOrder) -> OrderState:
        self._shipment = request
        await workflow.wait_condition(lambda: self._board.status in (OrderStatus.SHIPPED, OrderStatus.DELIVERED))
        return self._state()

    @ship.validator
    def _may_ship(self, request: ShipOrder) -> None:
        self._only_at(OrderStatus.CONFIRMED, "be shipped", self._shipment is None)

    @workflow.update(description="Carrier or staff: the parcel arrived.")
    async def deliver(self, request: DeliverOrder) -> OrderState:
        self._delivery = request
        await workflow.wait_condition(lambda: self._board.status is OrderStatus.DELIVERED)
        return self._state()

    @deliver.validator
    def _may_deliver(self, request: DeliverOrder) -> None:
        self._only_at(OrderStatus.SHIPPED, "be delivered", self._delivery is None)

    @workflow.update(description="Staff: try the step that needs attention again, now.")
    async def retry(self, request: RetryStep) -> OrderState:
        self._attention.retry()
        workflow.logger.info("retry asked for by %s: %s", request.actor, request.reason)
        return self._state()

    @retry.validator
    def _may_retry(self, request: RetryStep) -> None:
        if self._attention.needed_for is None:
            raise Refusal("wrong_move", "Nothing here needs a retry.", status=self._board.status)

    @workflow.query(description="Where the order stands.")
    def state(self) -> OrderState:
        return self._state()

    # Small words.

    @property
    def _is_cancelled(self) -> bool:
        return self._board.status is OrderStatus.CANCELLED

    @property
    def _is_paid(self) -> bool:
        return self._board.payment_status in MONEY_IN

    def _state(self, digest: str | None = None) -> OrderState:
        return OrderState(
            self._purchase.number, digest or self._purchase.digest, self._board.status, self._board.payment_status,
            self._placed.total if self._placed else None, self._collecting.payment, self._refusal,
            self._attention.needed_for, self._placed.credit if self._placed else None,
        )  # fmt: skip

    def _only_at(self, status: OrderStatus, wish: str, first: bool) -> None:
        if self._board.status is not status or not first:
            raise Refusal(
                "wrong_move", f"An order that is {self._board.status} cannot {wish}.", status=self._board.status
            )
