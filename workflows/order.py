"""One order, from checkout until it is delivered or cancelled. Nobody else changes it; everybody sends it messages.

Id: `order/<cart>/<attempt>`. Here are its story and its messages; how it gets its money is in `collecting.py`, how its
goods get to the buyer in `fulfilling.py`, how it is held for a person in `reviewing.py`, how it is changed before it is
sent in `amending.py`, how its money is taken as goods leave in `capturing.py`, how a step that must succeed is done in
`steadfast.py`, what it shows to people in `telling.py`.
"""

import asyncio

from temporalio import workflow

from activities.checkout import CheckoutActivities, OrderPlaced, PlaceOrder, Refused
from activities.orders import CancelOrder, ConfirmOrder, OrderActivities, SecureOrder
from activities.payments.money import PaymentActivities
from activities.payments.providers import CapturePayment
from models.checkout import PaymentChoice, Purchase
from models.errors import Refusal
from models.explanation import A_MOMENT, CAPTURE, PAID, PROVIDER, Whereabouts
from models.order import Action, OrderStatus
from models.payment import PaymentStatus
from models.screening import ScreeningDecision
from models.shipment import shortage
from workflows import patience
from workflows.amending import Amending
from workflows.capturing import Capturing
from workflows.charging import Charging
from workflows.collecting import Collecting, Ending
from workflows.enduring import to_its_end
from workflows.fulfilling import Fulfilling
from workflows.news import ProviderNews, tell_return_that_it_is_sold
from workflows.order_messages import (
    AcceptShortage,
    ApproveOrder,
    AwaitCheckout,
    CancelCheckout,
    CaptureOrder,
    CommitEdit,
    DeliverOrder,
    DropEdit,
    ExtendWait,
    OrderState,
    PayOrder,
    ProposeEdit,
    RejectOrder,
    ShipOrder,
    SwitchLocation,
)
from workflows.reviewing import Reviewing, Verdict
from workflows.steadfast import GIVEN_UP, Attention, RetryStep
from workflows.telling import Board
from workflows.undo import UndoStack

MONEY_IN = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.PAID})


@workflow.defn
class Order:
    """Price, freeze and hold; authorize; from there on only forward: capture, confirm, ship, deliver.

    Where credit pays for everything the provider is not asked: there is nothing to authorize, capture or void.
    Waits: for a payment that works, until the payment window closes (30 minutes unless set otherwise, or until when
    staff say);
    where it looks like fraud, for a person to approve or reject it, a day unless set otherwise, then it ends;
    after a step that exhausted its patience, an hour or until somebody says retry;
    for a yes to a proposed edit, a quarter of an hour unless set otherwise;
    for shipment, three days unless set otherwise, then a person is told and it goes on waiting;
    for delivery, without a limit.
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
        self._reviewing = Reviewing(purchase, self._board, self._attention, self._collecting)
        self._undo = UndoStack()
        self._charging = Charging(purchase, self._attention)
        self._capturing = Capturing(purchase, self._board, self._attention, self._charging)
        self._fulfilling = Fulfilling(self._board, self._attention, self._capturing)
        self._amending = Amending(self._board, self._fulfilling, self._charging)
        self._board.tell("Freezing prices and holding stock", A_MOMENT)

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
            if await self._collecting.collect(placed) and await self._reviewing.clears(placed):
                await self._secure(placed)  # the point of no return
                if placed.reserved_for is not None and self._collecting.is_reserved:
                    await self._confirm(placed, PaymentStatus.AUTHORIZED)
                    await self._take_as_it_is_sent(placed)
                else:
                    if placed.due.amount and self._collecting.terms.captures_apart:
                        await self._capture(placed)
                    await self._confirm(placed, PaymentStatus.PAID)
                    await self._fulfilling.follow(placed)
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
            if placed.due.amount and not self._collecting.terms.captures_apart:
                self._undo.push(lambda: self._collecting.watch(placed))
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
        if placed.due.amount and placed.reserved_for is None and self._collecting.terms.captures_apart:
            self._board.tell("Taking the authorized money", PROVIDER)
        elif placed.due.amount:
            self._board.tell(PAID, A_MOMENT)
        else:
            self._board.tell("Nothing is left to pay: confirming", A_MOMENT)
        self._collecting.answer()

    async def _capture(self, placed: OrderPlaced) -> None:
        authorized = self._collecting.payment
        assert authorized is not None and authorized.reference is not None
        request = CapturePayment(placed.payment_id, authorized.reference, placed.due, self._purchase.payment.provider)
        self._collecting.payment = await self._attention.steadfast(
            placed.order_id,
            CAPTURE,
            lambda: workflow.execute_activity_method(
                PaymentActivities.capture_payment,
                request,
                summary=f"Capture {request.amount}",
                **patience.provider(),
            ),
        )

    async def _take_as_it_is_sent(self, placed: OrderPlaced) -> None:
        assert self._collecting.payment is not None
        self._capturing.begin(placed, self._collecting.payment)
        # What nobody foresaw in one of them parks the order at once: told only at the end, it could not be tried again.
        await asyncio.gather(self._fulfilling.follow(placed), self._capturing.watch(placed))

    async def _confirm(self, placed: OrderPlaced, payment: PaymentStatus) -> None:
        await workflow.execute_local_activity_method(
            OrderActivities.confirm_order,
            ConfirmOrder(
                placed.order_id,
                placed.payment_id,
                self._purchase.payment.provider,
                placed.due,
                placed.credit,
                placed.coupons,
                placed.promised_at is not None,
                payment is PaymentStatus.AUTHORIZED,
            ),
            summary="Confirm: stock kept for it, money booked, letter written",
            **patience.DATABASE,
        )
        self._board.move(OrderStatus.CONFIRMED, payment)
        await self._attention.settle(placed.order_id, GIVEN_UP)
        if self._purchase.exchange is not None:
            await tell_return_that_it_is_sold()

    async def _cancel_order(self, placed: OrderPlaced) -> None:
        """Undoes `_place`."""
        why = self._collecting.ending
        assert why is not None
        await workflow.execute_local_activity_method(
            OrderActivities.cancel_order,
            CancelOrder(
                placed.order_id, placed.payment_id, self._purchase.cart_id, self._purchase.attempt,
                why.reason, why.actor, placed.credit, placed.coupons, why.author, self._reviewing.was_held,
                placed.promised_at is not None,
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
        choice = PaymentChoice(
            self._purchase.payment.provider, request.method, request.save, request.customer, request.return_url,
            request.hosted,
        )  # fmt: skip
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

    @workflow.update(description="Buyer or staff: end an order; staff, what is left of it. What was paid goes back.")
    async def cancel(self, request: CancelCheckout) -> OrderState:
        if self._collecting.is_sure and self._placed is not None:
            why = Ending(request.reason, request.actor, request.author)
            await self._fulfilling.call_off(self._placed, why)
            await self._amending.overtaken(self._placed)
            return self._state(request.digest)
        self._collecting.call_off(request.reason, request.actor, request.author)
        await workflow.wait_condition(lambda: self._is_cancelled or self._is_settled)
        if not self._is_cancelled:
            raise Refusal("wrong_move", "The payment went through before the cancellation.", status=self._board.status)
        return self._state(request.digest)

    @cancel.validator
    def _may_cancel(self, request: CancelCheckout) -> None:
        if self._refusal is not None:
            raise Refusal("wrong_move", "This order cannot be cancelled any more.", status=self._board.status)
        if self._collecting.is_sure:
            self._fulfilling.must_allow(Action.CANCEL, "be cancelled", request.actor)

    @workflow.update(description="Staff: an order that is not paid waits longer, and keeps its goods as long.")
    async def extend_hold(self, request: ExtendWait) -> OrderState:
        assert self._placed is not None
        await self._collecting.window.extend(self._placed, request)
        return self._state(request.digest)

    @extend_hold.validator
    def _may_extend(self, request: ExtendWait) -> None:
        if self._placed is None:
            raise Refusal("wrong_move", "This order waits for no payment.", status=self._board.status)
        self._collecting.window.longer(self._placed, request)

    @workflow.update(description="Staff: an order that is held goes on.")
    async def approve(self, request: ApproveOrder) -> OrderState:
        verdict = Verdict(ScreeningDecision.APPROVED, request.actor, request.reason, request.author)
        self._reviewing.decide(Action.APPROVE, verdict)
        await workflow.wait_condition(self._has_gone_on)
        if self._collecting.ending is not None:
            raise Refusal("wrong_move", "The order ended before it was approved.", status=self._board.status)
        return self._state(request.digest)

    @approve.validator
    def _may_approve(self, request: ApproveOrder) -> None:
        self._reviewing.must_be_open(Action.APPROVE)

    @workflow.update(description="Staff: an order that is held ends; a reservation or payment goes back.")
    async def reject(self, request: RejectOrder) -> OrderState:
        verdict = Verdict(ScreeningDecision.REJECTED, request.actor, request.reason, request.author)
        self._reviewing.decide(Action.REJECT, verdict)
        await workflow.wait_condition(self._has_gone_on)
        return self._state(request.digest)

    @reject.validator
    def _may_reject(self, request: RejectOrder) -> None:
        self._reviewing.must_be_open(Action.REJECT)

    @workflow.signal(description="The payment provider's webhook: look at the payment again.")
    async def provider_news(self, news: ProviderNews) -> None:
        self._collecting.hear(news.event_id)
        self._capturing.hear(news)

    @workflow.update(description="Buyer or staff: what would a change of the order cost? What it adds is held.")
    async def propose_edit(self, request: ProposeEdit) -> OrderState:
        assert self._placed is not None
        await self._amending.propose(self._placed, request.wish)
        return self._state(request.digest)

    @propose_edit.validator
    def _may_propose(self, request: ProposeEdit) -> None:
        self._fulfilling.must_allow(Action.EDIT, "be changed")
        self._amending.must_have_room()

    @workflow.update(description="Buyer or staff: make the order what the edit says.")
    async def commit_edit(self, request: CommitEdit) -> OrderState:
        assert self._placed is not None
        paid = self._collecting.payment
        await self._amending.commit(self._placed, request, paid.reference if paid else None)
        return self._state(request.digest)

    @commit_edit.validator
    def _may_commit(self, request: CommitEdit) -> None:
        self._amending.must_know(request.n)
        self._amending.must_have_room()

    @workflow.update(description="Buyer or staff: nobody wants the edit any more.")
    async def drop_edit(self, request: DropEdit) -> OrderState:
        assert self._placed is not None
        await self._amending.drop(self._placed, request)
        return self._state(request.digest)

    @drop_edit.validator
    def _may_drop(self, request: DropEdit) -> None:
        self._amending.must_know(request.n)

    @workflow.update(description="Warehouse: a parcel was handed to the carrier.")
    async def ship(self, request: ShipOrder) -> OrderState:
        assert self._placed is not None
        await self._fulfilling.ship(
            self._placed, request.carrier, request.tracking, request.items, request.location, request.actor,
            request.author, request.reason,
        )  # fmt: skip
        await self._amending.overtaken(self._placed)
        return self._state(request.digest)

    @ship.validator
    def _may_ship(self, request: ShipOrder) -> None:
        self._fulfilling.must_allow(Action.SHIP, "be shipped")

    @workflow.update(description="Staff: take money that is reserved before it is sent; nothing said: all of it.")
    async def capture(self, request: CaptureOrder) -> OrderState:
        assert self._placed is not None
        await self._fulfilling.capture(self._placed, request.amount, request.author, request.reason)
        return self._state(request.digest)

    @capture.validator
    def _may_capture(self, request: CaptureOrder) -> None:
        self._fulfilling.must_allow(Action.CAPTURE, "be captured")

    @workflow.update(description="Carrier or staff: a parcel arrived.")
    async def deliver(self, request: DeliverOrder) -> OrderState:
        assert self._placed is not None
        await self._fulfilling.deliver(self._placed, request.shipment, request.actor, request.author, request.reason)
        return self._state(request.digest)

    @deliver.validator
    def _may_deliver(self, request: DeliverOrder) -> None:
        self._fulfilling.must_allow(Action.DELIVER, "be delivered")
        self._fulfilling.must_be_under_way(request.shipment)

    @workflow.update(description="Staff: what it holds at one location leaves from another one.")
    async def switch_location(self, request: SwitchLocation) -> OrderState:
        assert self._placed is not None
        await self._fulfilling.switch(self._placed, request, f"switched/{_this()}")
        return self._state(request.digest)

    @switch_location.validator
    def _may_switch(self, request: SwitchLocation) -> None:
        self._fulfilling.must_allow(Action.SWITCH_LOCATION, "be sent from elsewhere")

    @workflow.update(description="Staff: go without units that are not there. Their money goes back, the rest is sent.")
    async def accept_shortage(self, request: AcceptShortage) -> OrderState:
        assert self._placed is not None
        await self._fulfilling.go_without(self._placed, request, shortage(_this()))
        await self._amending.overtaken(self._placed)
        return self._state(request.digest)

    @accept_shortage.validator
    def _may_go_without(self, request: AcceptShortage) -> None:
        self._fulfilling.must_allow(Action.ACCEPT_SHORTAGE, "go without some of its goods")

    @workflow.update(description="Staff: try the step that needs attention again, now.")
    async def retry(self, request: RetryStep) -> OrderState:
        await self._attention.retry(self._placed.order_id if self._placed else None, request)
        return self._state(request.digest)

    @retry.validator
    def _may_retry(self, request: RetryStep) -> None:
        self._attention.may_retry(status=self._board.status)

    @workflow.query(description="What the order does now, what it waits for and until when.")
    def told(self) -> Whereabouts:
        return self._board.as_told()

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

    @property
    def _is_settled(self) -> bool:
        return self._is_paid and self._collecting.is_sure

    def _has_gone_on(self) -> bool:
        """Whether the order has moved on from a review, or cannot and asks for a person again."""
        moved = self._board.status in (OrderStatus.CONFIRMED, OrderStatus.CANCELLED)
        return self._reviewing.is_over and (moved or self._attention.needed_for is not None)

    def _state(self, digest: str | None = None) -> OrderState:
        stands = self._amending.made or self._placed
        return OrderState(
            self._purchase.number, digest or self._purchase.digest, self._board.status, self._board.payment_status,
            stands.total if stands else None, self._collecting.payment, self._refusal,
            self._attention.needed_for, stands.credit if stands else None,
        )  # fmt: skip


def _this() -> str:
    """The id of the message that is being handled: what it does is done once."""
    info = workflow.current_update_info()
    assert info is not None
    return info.id
