"""One order, from checkout until it is delivered or cancelled. Nobody else changes it; everybody sends it messages.

Id: `order/<cart>/<attempt>`. The story is `Order.run`; what it says to people is in `workflows/telling.py`.
"""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.checkout import CheckoutActivities, OrderPlaced, PlaceOrder, Refused
from activities.orders import (
    CancelOrder,
    ConfirmOrder,
    FlagOrder,
    OrderActivities,
    RecordAttempt,
    RecordProgress,
    SecureOrder,
)
from activities.payments import (
    AuthorizePayment,
    CapturePayment,
    PaymentActivities,
    ReadPayment,
    VoidPayment,
)
from models.checkout import Purchase
from models.errors import Refusal
from models.ids import OrderId, OrderNumber, PaymentId
from models.money import Money
from models.order import FulfilmentStatus, OrderStatus
from models.payment import PaymentStatus, ProviderPayment, Standing
from workflows import patience, telling, visibility
from workflows.undo import UndoStack

T = TypeVar("T")

AT_THE_BANK = frozenset({Standing.ACTION_REQUIRED, Standing.METHOD_REQUIRED, Standing.PROCESSING, Standing.UNKNOWN})
"""The buyer, their bank or the provider can finish the payment without another message to us."""
MONEY_IS_SURE = frozenset({Standing.AUTHORIZED, Standing.CAPTURED})


class AwaitCheckout(msgspec.Struct, frozen=True):
    """Ask for the outcome of the checkout; `digest` names the request that the asker means."""

    digest: str


class PayOrder(msgspec.Struct, frozen=True):
    """Pay with another method. `digest` of the request travels back with the answer."""

    digest: str
    method: str
    save: bool = False


class CancelCheckout(msgspec.Struct, frozen=True):
    """End an order that is not paid."""

    digest: str
    reason: str
    actor: str


class ProviderNews(msgspec.Struct, frozen=True):
    """The provider says that something happened to the payment; what it was is read from the provider."""

    event_id: str
    type: str


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


@workflow.defn
class Order:
    """Price, freeze and hold; authorize; from there on only forward: capture, confirm, ship, deliver.

    Waits: for a payment that works, until the payment window closes (30 minutes unless set otherwise);
    after a step that exhausted its patience, an hour or until somebody says retry;
    for shipment and delivery, without a limit.
    """

    @workflow.init
    def __init__(self, purchase: Purchase) -> None:
        self._purchase = purchase
        self._order_id = OrderId(workflow.uuid7())
        self._payment_id = PaymentId(workflow.uuid7())
        self._status = OrderStatus.PENDING
        self._payment_status = PaymentStatus.PENDING
        self._placed: OrderPlaced | None = None
        self._refusal: Refused | None = None
        self._payment: ProviderPayment | None = None
        self._answered = False
        """The outcome of the checkout is known."""
        self._wishes: list[PayOrder] = []
        self._wishes_done = 0
        self._attempts = 0
        self._noted: tuple[int, ProviderPayment] | None = None
        self._news: set[str] = set()
        self._unread_news = False
        self._cancel: CancelCheckout | None = None
        self._collecting = True
        """False: whether money will come is decided."""
        self._undo = UndoStack()
        self._attention: str | None = None
        self._flags = 0
        self._retry = False
        self._shipment: ShipOrder | None = None
        self._delivery: DeliverOrder | None = None
        self._tell("Freezing prices and holding stock", "a moment", None)

    @workflow.run
    async def run(self, purchase: Purchase) -> OrderState:
        if await self._place():
            if await self._collect_payment():
                await self._secure()  # the point of no return
                await self._capture()
                await self._confirm()
                await self._fulfil()
            else:
                await self._undo.unwind()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._state()

    # The story, step by step.

    async def _place(self) -> bool:
        """Whether there is an order now; if not, the refusal is the checkout's answer."""
        self._undo.push(self._cancel_order)
        outcome = await workflow.execute_local_activity_method(
            CheckoutActivities.place_order,
            PlaceOrder(self._order_id, self._payment_id, self._purchase),
            summary="Freeze prices and hold stock",
            **patience.DATABASE,
        )
        self._placed, self._refusal = outcome.placed, outcome.refusal
        if outcome.refusal:
            self._collecting = False
            self._move(OrderStatus.CANCELLED, PaymentStatus.VOIDED)
            self._tell(f"Refused: {outcome.refusal.detail}", None, None)
            self._answered = True
        return outcome.placed is not None

    async def _collect_payment(self) -> bool:
        """Whether the money is sure. Goes round once for each card, each news and each look of our own."""
        self._undo.push(self._void_payment)
        choice = self._purchase.payment
        seen = await self._authorize(choice.method, choice.save, at_once=True)
        look = patience.FIRST_LOOK
        while seen.standing not in MONEY_IS_SURE:
            await self._note_attempt(seen)
            await self._wait_for_buyer(seen, look)
            if seen.standing is Standing.CANCELED:
                self._cancel = self._cancel or CancelCheckout("", "canceled_at_provider", "provider")
            if self._wishes_done < len(self._wishes) and not self._cancel:
                wish = self._wishes[self._wishes_done]
                seen = await self._authorize(wish.method, wish.save, at_once=False)
                self._wishes_done += 1
                continue
            over = self._cancel is not None or self._time_left() <= timedelta(0)
            self._unread_news = False
            look *= 2
            # Also at the end: the buyer may have paid while the news of it was lost.
            seen = await self._read_payment(seen)
            if over and seen.standing not in MONEY_IS_SURE:
                self._collecting = False
                return False
        self._payment = seen
        self._collecting = False
        return True

    async def _secure(self) -> None:
        assert self._payment is not None
        self._undo.pass_the_point_of_no_return()
        await workflow.execute_local_activity_method(
            OrderActivities.secure_order,
            SecureOrder(
                self._order_id, self._payment_id, self._purchase.cart_id, self._purchase.attempt, self._payment
            ),
            summary="Write down that the money is authorized",
            **patience.DATABASE,
        )
        self._move(None, PaymentStatus.AUTHORIZED)
        self._tell("Taking the authorized money", "the payment provider", None)
        self._answered = True

    async def _capture(self) -> None:
        assert self._payment is not None and self._payment.reference is not None and self._placed is not None
        request = CapturePayment(self._payment_id, self._payment.reference, self._placed.total)
        self._payment = await self._steadfast(
            "capture the payment",
            lambda: workflow.execute_activity_method(
                PaymentActivities.capture_payment,
                request,
                summary=f"Capture {request.amount}",
                **patience.provider(),
            ),
        )

    async def _confirm(self) -> None:
        assert self._placed is not None
        await workflow.execute_local_activity_method(
            OrderActivities.confirm_order,
            ConfirmOrder(self._order_id, self._payment_id, self._purchase.payment.provider, self._placed.total),
            summary="Confirm: stock sold, money booked, letter written",
            **patience.DATABASE,
        )
        self._move(OrderStatus.CONFIRMED, PaymentStatus.PAID)

    async def _fulfil(self) -> None:
        self._tell("Paid and confirmed", "the warehouse to ship it", None)
        await workflow.wait_condition(lambda: self._shipment is not None)
        assert self._shipment is not None
        parcel = {"carrier": self._shipment.carrier, "tracking": self._shipment.tracking}
        await self._progress(OrderStatus.SHIPPED, self._shipment.actor, parcel)
        self._tell(f"Shipped with {self._shipment.carrier}", "the parcel to arrive", None)
        await workflow.wait_condition(lambda: self._delivery is not None)
        assert self._delivery is not None
        await self._progress(OrderStatus.DELIVERED, self._delivery.actor, {})
        self._tell("Delivered", None, None)

    # Messages.

    @workflow.update(description="Answers with the checkout's outcome as soon as the buyer can be told.")
    async def await_checkout(self, request: AwaitCheckout) -> OrderState:
        await workflow.wait_condition(lambda: self._answered)
        return self._state()

    @workflow.update(description="Buyer: pay with another method, while the order waits for payment.")
    async def pay(self, request: PayOrder) -> OrderState:
        self._wishes.append(request)
        mine = len(self._wishes)
        # Done is not yet recorded: until then the state would still be the one before.
        await workflow.wait_condition(lambda: (self._wishes_done >= mine and self._answered) or not self._collecting)
        if self._wishes_done < mine:
            raise Refusal("wrong_move", "The order was settled before this card was tried.", status=self._status)
        await workflow.wait_condition(lambda: self._answered)
        return self._state(request.digest)

    @pay.validator
    def _may_pay(self, request: PayOrder) -> None:
        self._only_while_collecting("pay")

    @workflow.update(description="Buyer or staff: end an order that is not paid yet.")
    async def cancel(self, request: CancelCheckout) -> OrderState:
        self._cancel = self._cancel or request
        await workflow.wait_condition(
            lambda: self._status is OrderStatus.CANCELLED or self._payment_status in telling.MONEY_IN
        )
        self._only_when_cancelled()
        return self._state(request.digest)

    @cancel.validator
    def _may_cancel(self, request: CancelCheckout) -> None:
        self._only_while_collecting("cancel")

    @workflow.signal(description="The payment provider's webhook: look at the payment again.")
    async def provider_news(self, news: ProviderNews) -> None:
        if news.event_id not in self._news:
            self._news.add(news.event_id)
            self._unread_news = True

    @workflow.update(description="Warehouse: the parcel was handed to the carrier.")
    async def ship(self, request: ShipOrder) -> OrderState:
        self._shipment = self._shipment or request
        await workflow.wait_condition(lambda: self._status in (OrderStatus.SHIPPED, OrderStatus.DELIVERED))
        return self._state()

    @ship.validator
    def _may_ship(self, request: ShipOrder) -> None:
        self._only_at(OrderStatus.CONFIRMED, "ship")

    @workflow.update(description="Carrier or staff: the parcel arrived.")
    async def deliver(self, request: DeliverOrder) -> OrderState:
        self._delivery = self._delivery or request
        await workflow.wait_condition(lambda: self._status is OrderStatus.DELIVERED)
        return self._state()

    @deliver.validator
    def _may_deliver(self, request: DeliverOrder) -> None:
        self._only_at(OrderStatus.SHIPPED, "deliver")

    @workflow.update(description="Staff: try the step that needs attention again, now.")
    async def retry(self, request: RetryStep) -> OrderState:
        self._retry = True
        workflow.logger.info("retry asked for by %s: %s", request.actor, request.reason)
        return self._state()

    @retry.validator
    def _may_retry(self, request: RetryStep) -> None:
        if self._attention is None:
            raise Refusal("wrong_move", "Nothing here needs a retry.", status=self._status)

    @workflow.query(description="Where the order stands.")
    def state(self) -> OrderState:
        return self._state()

    # Steps that several parts of the story take.

    async def _authorize(self, method: str | None, save: bool, *, at_once: bool) -> ProviderPayment:
        """One try to reserve the money: at once while the buyer waits, then patiently until the window closes."""
        assert self._placed is not None
        self._attempts += 1
        self._answered = self._answered and at_once
        self._unread_news = False
        request = AuthorizePayment(
            self._payment_id, self._purchase.number, workflow.info().workflow_id, self._placed.total,
            self._attempts, workflow.now(), method, self._payment.reference if self._payment else None, save,
        )  # fmt: skip
        summary = f"Authorize {request.amount}, card {self._attempts}"
        self._tell("Authorizing the payment", "the payment provider", self._placed.pay_until)
        try:
            if at_once:
                seen = await workflow.execute_local_activity_method(
                    PaymentActivities.authorize_payment_now, request, summary=summary, **patience.PROVIDER_NOW
                )
                if seen.standing is not Standing.UNKNOWN:
                    return seen
            return await workflow.execute_activity_method(
                PaymentActivities.authorize_payment, request, summary=summary, **patience.provider(self._time_left())
            )
        except ActivityError as failed:
            why = telling.cause(failed)
            await self._flag(f"authorize the payment: {why}")
            rejected = telling.kind(failed) == "provider_rejected"
            standing = Standing.DECLINED if rejected else Standing.UNKNOWN
            return ProviderPayment(standing, request.reference, code=telling.kind(failed), detail=why)

    async def _read_payment(self, known: ProviderPayment) -> ProviderPayment:
        """How the payment stands at the provider; what we know already, when it cannot be asked."""
        reference = known.reference or (self._payment.reference if self._payment else None)
        if reference is None:
            return known
        try:
            return await workflow.execute_activity_method(
                PaymentActivities.read_payment,
                ReadPayment(self._payment_id, reference),
                summary="Ask the provider how the payment stands",
                **patience.provider(),
            )
        except ActivityError as failed:
            workflow.logger.warning("the provider cannot be asked: %s", telling.cause(failed))
            return known

    async def _note_attempt(self, seen: ProviderPayment) -> None:
        """Write down what came of a try, once, and let whoever waits for it know."""
        if self._noted != (self._attempts, seen):
            self._noted = (self._attempts, seen)
            self._payment = seen
            await workflow.execute_local_activity_method(
                OrderActivities.record_payment_attempt,
                RecordAttempt(self._order_id, self._payment_id, self._attempts, seen),
                summary=f"Write down: {seen.standing}",
                **patience.DATABASE,
            )
            declined = seen.standing is Standing.DECLINED
            self._move(None, PaymentStatus.FAILED if declined else PaymentStatus.PENDING)
        self._answered = True

    async def _wait_for_buyer(self, seen: ProviderPayment, look: timedelta) -> None:
        """Until there is a wish, news or a cancel, it is time for a look of our own, or the window closes."""
        assert self._placed is not None
        waiting, timer = telling.waiting_for(seen)
        self._tell(f"Not paid: {seen.code or seen.standing}", waiting, self._placed.pay_until)
        left = self._time_left()
        wait = min(left, look) if seen.standing in AT_THE_BANK else left
        try:
            await workflow.wait_condition(
                lambda: self._wishes_done < len(self._wishes) or self._unread_news or self._cancel is not None
                or seen.standing is Standing.CANCELED,
                timeout=max(wait, timedelta(0)),
                timeout_summary=timer,
            )  # fmt: skip
        except TimeoutError:
            return

    async def _void_payment(self) -> None:
        reference = self._payment.reference if self._payment else None
        self._tell("Giving the payment up", "the payment provider", None)
        if reference is None:
            await workflow.sleep(patience.SEARCH_LAG, summary="Let the provider's search catch up")
        await self._steadfast(
            "void the payment",
            lambda: workflow.execute_activity_method(
                PaymentActivities.void_payment,
                VoidPayment(self._payment_id, reference),
                summary="Void the payment",
                **patience.provider(),
            ),
        )

    async def _cancel_order(self) -> None:
        why = self._cancel or CancelCheckout("", "payment_window_closed", "order")
        await workflow.execute_local_activity_method(
            OrderActivities.cancel_order,
            CancelOrder(
                self._order_id, self._payment_id, self._purchase.cart_id, self._purchase.attempt, why.reason, why.actor
            ),
            summary="Cancel: release stock, free the cart, tell the buyer",
            **patience.DATABASE,
        )
        self._move(OrderStatus.CANCELLED, PaymentStatus.VOIDED)
        self._tell(f"Cancelled: {why.reason}", None, None)

    async def _progress(self, to: OrderStatus, actor: str, facts: dict[str, str]) -> None:
        await workflow.execute_local_activity_method(
            OrderActivities.record_progress,
            RecordProgress(self._order_id, to, FulfilmentStatus.FULFILLED, actor, facts),
            summary=f"Write down: {to}",
            **patience.DATABASE,
        )
        self._move(to, None)

    async def _steadfast(self, step: str, do: Callable[[], Awaitable[T]]) -> T:
        """A step that must succeed. Past its patience a person is told and it goes on: never lost, never skipped."""
        while True:
            try:
                result = await do()
            except ActivityError as failed:
                await self._flag(f"{step}: {telling.cause(failed)}")
                with contextlib.suppress(TimeoutError):
                    await workflow.wait_condition(
                        lambda: self._retry,
                        timeout=patience.PAUSE_BEFORE_NEXT_TRY,
                        timeout_summary=f"Pause before the next try to {step}",
                    )
                self._retry = False
            else:
                if self._attention:
                    await self._flag(None)
                return result

    async def _flag(self, attention: str | None) -> None:
        self._attention = attention
        self._flags += 1
        workflow.upsert_search_attributes([visibility.NEEDS_ATTENTION.value_set(attention is not None)])
        if attention:
            self._tell(f"Needs attention: could not {attention}", "a retry by staff, or the next try by itself", None)
        await workflow.execute_local_activity_method(
            OrderActivities.flag_order,
            FlagOrder(self._order_id, f"attention/{self._flags}", attention),
            summary="Ask for attention" if attention else "Attention no longer needed",
            **patience.DATABASE,
        )

    # Small words.

    def _time_left(self) -> timedelta:
        assert self._placed is not None
        return self._placed.pay_until - workflow.now()

    def _move(self, status: OrderStatus | None, payment: PaymentStatus | None) -> None:
        self._status = status or self._status
        self._payment_status = payment or self._payment_status
        workflow.upsert_search_attributes(
            [
                visibility.ORDER_STATUS.value_set(self._status),
                visibility.PAYMENT_STATUS.value_set(self._payment_status),
            ]
        )

    def _tell(self, step: str, waiting_for: str | None, until: datetime | None) -> None:
        workflow.set_current_details(
            telling.card(self._purchase.number, self._status, self._payment_status, step, waiting_for, until)
        )

    def _state(self, digest: str | None = None) -> OrderState:
        return OrderState(
            self._purchase.number, digest or self._purchase.digest, self._status, self._payment_status,
            self._placed.total if self._placed else None, self._payment, self._refusal, self._attention,
        )  # fmt: skip

    def _only_while_collecting(self, wish: str) -> None:
        if not self._collecting:
            raise Refusal("wrong_move", f"This order cannot {wish} any more.", status=self._status)

    def _only_when_cancelled(self) -> None:
        if self._status is not OrderStatus.CANCELLED:
            raise Refusal("wrong_move", "The payment went through before the cancellation.", status=self._status)

    def _only_at(self, status: OrderStatus, wish: str) -> None:
        if self._status is not status:
            raise Refusal("wrong_move", f"An order that is {self._status} cannot {wish}.", status=self._status)
