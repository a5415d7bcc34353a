"""How a paid order gets to its buyer, parcel by parcel, or is called off before one left."""

from datetime import datetime

import msgspec
from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError

from activities.cancellations import (
    CancellationActivities,
    CancelPaidOrder,
    CancelRest,
    PaidOrderCancelled,
    RestCancelled,
)
from activities.checkout import OrderPlaced
from activities.goods import GiveUpGoods, GoodsActivities, GoodsGivenUp, SwitchGoods
from activities.shipments import NoteArrival, ParcelWeighed, Progress, SendParcel, ShipmentActivities
from models.audit import Author
from models.capture import to_take
from models.credit import least_charge
from models.errors import Refusal
from models.explanation import (
    NOT_SHIPPED,
    PAID_AND_CONFIRMED,
    RESERVED,
    TO_ARRIVE,
    TO_RESERVE,
    TO_SHIP,
    TO_SHIP_REST,
)
from models.money import Money
from models.order import Action, FulfilmentStatus, OrderStatus, buyer_actions, staff_actions
from models.payment import PaymentStatus
from models.refund import workflow_id as refund_id
from models.shipment import ShipItem
from workflows import patience
from workflows.capturing import Capturing
from workflows.collecting import Ending
from workflows.order_messages import AcceptShortage, SwitchLocation
from workflows.refund import Refund, RefundOrder, is_taken_up
from workflows.steadfast import Attention
from workflows.telling import Board


class Fulfilling:
    """The parcels of one order. Commands wait for one another, so that each sees what the one before has done."""

    def __init__(self, board: Board, attention: Attention, capturing: Capturing) -> None:
        self.fulfilment = FulfilmentStatus.UNFULFILLED
        self.turn = capturing.turn
        """Whoever moves the order has it."""
        self._capturing = capturing
        capturing.tell = self.tell
        self._board = board
        self._attention = attention
        self._parcels: dict[int, bool] = {}
        """By number, whether each has arrived."""
        self._carrier = ""
        """Of the last one."""
        self._until: datetime | None = None
        """When a person is told that not all of it is shipped."""
        self._given_up: GoodsGivenUp | None = None
        """The last shortage that was accepted."""

    def must_allow(self, action: Action, wish: str, actor: str | None = None) -> None:
        """Raises: Refusal `wrong_move` when an order that stands where this one does cannot do this, for this actor."""
        stands = self._board.status, self._board.payment_status, self.fulfilment
        staff = staff_actions(*stands, self._attention.needed_for is not None)
        if action not in (buyer_actions(*stands, returnable=False) if actor == "buyer" else staff):
            raise Refusal(
                "wrong_move", f"An order that is {self._board.status} cannot {wish}.", status=self._board.status
            )

    def must_be_under_way(self, n: int | None) -> None:
        """Raises: Refusal `wrong_move` when no such parcel is on its way."""
        underway = [number for number, arrived in self._parcels.items() if not arrived]
        if not underway or (n is not None and n not in underway):
            raise Refusal("wrong_move", "No such parcel is on its way.", status=self._board.status, underway=underway)

    async def ship(
        self, placed: OrderPlaced, carrier: str, tracking: str, items: tuple[ShipItem, ...], location: str | None,
        actor: str, author: Author | None, reason: str | None = None,
    ) -> None:  # fmt: skip
        """A parcel leaves, with these items or with all that is left. Raises: Refusal."""
        async with self.turn:
            self.must_allow(Action.SHIP, "be shipped")
            n = len(self._parcels) + 1
            parcel = SendParcel(placed.order_id, n, carrier, tracking, actor, items, location, author, None, reason)
            if self._capturing.left is None:
                after = await self._send(parcel)
            else:
                after = await self._send_for_money(placed, parcel)
            self._parcels[n] = False
            self._carrier = carrier
            self._note(after)
            all_sent = after.fulfilment is FulfilmentStatus.FULFILLED
            if all_sent:
                self._board.tell(f"Shipped with {carrier}", TO_ARRIVE)
            else:
                self.tell()

    async def _send(self, parcel: SendParcel) -> Progress:
        return await workflow.execute_local_activity_method(
            ShipmentActivities.send_parcel,
            parcel,
            summary=f"Parcel {parcel.n} leaves with {parcel.carrier}",
            **patience.DATABASE,
        )

    async def _send_for_money(self, placed: OrderPlaced, parcel: SendParcel) -> Progress:
        """Take what is in it first; a parcel that may not leave, or whose money is not to be had, takes nothing."""
        await self._capturing.catch_up(placed)  # what was taken unheard counts
        weighed: ParcelWeighed = await workflow.execute_local_activity_method(
            ShipmentActivities.weigh_parcel,
            parcel,
            summary=f"What parcel {parcel.n} has to take",
            **patience.DATABASE,
        )
        taken = await self._capturing.take(placed, weighed.missing)
        try:
            sent = await self._send(msgspec.structs.replace(parcel, taken=taken))
        except FailureError:
            if taken is not None:  # it counts for the next one
                await self._capturing.book(placed, taken)
                await self._capturing.after(placed)
            raise
        await self._capturing.after(placed)
        return sent

    async def capture(
        self, placed: OrderPlaced, amount: Money | None, author: Author | None, reason: str | None = None
    ) -> None:
        """Staff take money of an order before it is sent: so much, or all of it. Raises: Refusal."""
        async with self.turn:
            self.must_allow(Action.CAPTURE, "be captured")
            left = self._capturing.left
            if left is None:
                raise Refusal("wrong_move", "All of its money is taken.", status=self._board.status)
            amount = amount or left
            if amount.currency != left.currency:
                raise Refusal("currency_mismatch", f"This order is in {left.currency}.", currency=left.currency)
            if amount.amount > left.amount:
                raise Refusal("capture_exceeds", f"No more than {left} is left to be taken.", left=left)
            if to_take(amount, left) != amount:
                least = least_charge(left.currency)
                raise Refusal(
                    "charge_impossible", f"No card is charged less than {least}, neither now nor with the rest.",
                    left=left, least=least,
                )  # fmt: skip
            found = await self._capturing.catch_up(placed)
            if found is not None:  # what was asked for before, and taken unheard
                amount -= min(found, amount)
            taken = await self._capturing.take(placed, amount)
            if taken is not None:
                await self._capturing.book(placed, taken, author, reason)
            await self._capturing.after(placed)
            self.tell()

    async def deliver(
        self, placed: OrderPlaced, n: int | None, actor: str, author: Author | None, reason: str | None = None
    ) -> None:
        """A parcel arrives, or all that are under way do. Raises: Refusal."""
        async with self.turn:
            self.must_allow(Action.DELIVER, "be delivered")
            self.must_be_under_way(n)
            after: Progress = await workflow.execute_local_activity_method(
                ShipmentActivities.note_arrival,
                NoteArrival(placed.order_id, actor, n, author, reason),
                summary=f"Parcel {n} arrives" if n else "What is under way arrives",
                **patience.DATABASE,
            )
            for number in self._parcels if n is None else [n]:
                self._parcels[number] = True
            self._note(after)
            if self.is_delivered:
                self._board.tell("Delivered")

    async def switch(self, placed: OrderPlaced, wish: SwitchLocation, fact: str) -> None:
        """What it holds at one location leaves from another. Raises: Refusal."""
        async with self.turn:
            self.must_allow(Action.SWITCH_LOCATION, "be sent from elsewhere")
            await workflow.execute_local_activity_method(
                GoodsActivities.switch_goods,
                SwitchGoods(
                    placed.order_id, fact, wish.source, wish.target, wish.actor, wish.reason, wish.sku, wish.author
                ),
                summary=f"From {wish.target} instead of {wish.source}",
                **patience.DATABASE,
            )

    async def go_without(self, placed: OrderPlaced, wish: AcceptShortage, fact: str) -> None:
        """Some of it is not there: its money goes back, by a process of its own, the rest is sent. Raises: Refusal."""
        async with self.turn:
            self.must_allow(Action.ACCEPT_SHORTAGE, "go without some of its goods")
            given: GoodsGivenUp = await workflow.execute_local_activity_method(
                GoodsActivities.give_up_goods,
                GiveUpGoods(placed.order_id, fact, wish.items, wish.actor, wish.reason, wish.gone, wish.author),
                summary="Go without what is not there: its money reserved to go back",
                **patience.DATABASE,
            )
            self._given_up = given
            if given.refund is not None:
                await self.give_money_back(placed, given.refund, f"Refund {given.refund} of what is not there")
            self.tell()

    async def call_off(self, placed: OrderPlaced, why: Ending) -> None:
        """Nothing more of it is sent, and its money goes back, by a process of its own. Raises: Refusal."""
        async with self.turn:
            self.must_allow(Action.CANCEL, "be cancelled", why.actor)
            reserved = self._capturing.left is not None
            if reserved:
                await self._capturing.look_last(placed)
            if self._parcels:
                await self._call_off_rest(placed, why, reserved)
                return
            ended: PaidOrderCancelled = await workflow.execute_local_activity_method(
                CancellationActivities.cancel_paid_order,
                CancelPaidOrder(
                    placed.order_id, why.reason, why.actor, why.author, placed.promised_at is not None, reserved
                ),
                summary="Cancel: stock and coupons back, money reserved to go back, tell the buyer",
                **patience.DATABASE,
            )
            if ended.refund is not None:
                await self.give_money_back(placed, ended.refund, f"Refund {ended.refund} of a cancelled order")
            if reserved:
                await self._capturing.give_up(placed)
            self._board.move(OrderStatus.CANCELLED, ended.payment_status)
            self._board.tell(f"Cancelled: {why.reason}")

    async def _call_off_rest(self, placed: OrderPlaced, why: Ending, reserved: bool) -> None:
        ended: RestCancelled = await workflow.execute_local_activity_method(
            CancellationActivities.cancel_rest,
            CancelRest(placed.order_id, why.reason, why.actor, why.author, placed.promised_at is not None),
            summary="Cancel what is not sent: stock back, money reserved to go back",
            **patience.DATABASE,
        )
        if ended.refund is not None:
            await self.give_money_back(placed, ended.refund, f"Refund {ended.refund} of what is not sent")
        if reserved:
            await self._capturing.give_up(placed)
            self._board.move(None, ended.payment_status)
        self._note(Progress(ended.status, ended.fulfilment))
        if self.is_delivered:
            self._board.tell("Delivered")
        else:
            self._board.tell(f"Shipped with {self._carrier}", TO_ARRIVE)

    async def give_money_back(self, placed: OrderPlaced, n: int, summary: str) -> None:
        """By the order's `n`-th refund, which is reserved and outlives it. Whoever has begun it does the same."""
        while True:
            try:
                await workflow.start_child_workflow(
                    Refund.run,
                    RefundOrder(placed.order_id, n),
                    id=refund_id(placed.order_id, n),
                    task_queue=patience.ORDERS,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                    static_summary=summary,
                )
            except WorkflowAlreadyStartedError:
                if not await is_taken_up(placed.order_id, n):
                    continue
            return

    async def follow(self, placed: OrderPlaced) -> None:
        """Until the order is delivered or called off. One that is not shipped in time asks for a person; the time
        begins anew when they have looked, or accepted a shortage."""
        while not self._has_left:
            given_up = self._given_up
            promised_at = placed.promised_at if given_up is None else given_up.promised_at
            self._until = workflow.now() + placed.ship_within
            if promised_at is not None:
                self._until = max(self._until, promised_at)
            self.tell()
            try:
                await workflow.wait_condition(
                    lambda given_up=given_up: self._has_left or self._given_up is not given_up,  # type: ignore[misc]
                    timeout=self._until - workflow.now(),
                    timeout_summary="Time to ship it is over",
                )
            except TimeoutError:
                await self._attention.remind(placed.order_id, NOT_SHIPPED, self._waits)
                await workflow.wait_condition(lambda: self._has_left or self._attention.is_answered(NOT_SHIPPED))
                await self._attention.settle(placed.order_id, NOT_SHIPPED)
        await workflow.wait_condition(lambda: self.is_delivered or self._is_called_off)

    @property
    def is_delivered(self) -> bool:
        """Whether all of it arrived."""
        return self._board.status is OrderStatus.DELIVERED

    @property
    def _is_called_off(self) -> bool:
        return self._board.status is OrderStatus.CANCELLED

    @property
    def _has_left(self) -> bool:
        return self.fulfilment is FulfilmentStatus.FULFILLED or self._is_called_off

    @property
    def _waits(self) -> str:
        return TO_SHIP_REST if self._parcels else TO_SHIP

    def tell(self) -> None:
        """What is not sent yet, and until when it has to be."""
        confirmed = RESERVED if self._board.payment_status is PaymentStatus.AUTHORIZED else PAID_AND_CONFIRMED
        if self._capturing.problem is not None:
            self._board.tell(f"Needs attention: {self._capturing.problem}", TO_RESERVE)
        elif self._attention.needed_for is not None:
            self._board.tell(f"Needs attention: {self._attention.needed_for}", self._waits)
        else:
            self._board.tell("Partly shipped" if self._parcels else confirmed, self._waits, self._until)

    def _note(self, after: Progress) -> None:
        self.fulfilment = after.fulfilment
        if after.status is not self._board.status:
            self._board.move(after.status, None)
