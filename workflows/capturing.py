"""How an order's money is taken as its goods leave, where the shop takes it at shipment: parcel by parcel.

The provider lets go what a capture leaves over, so the rest is reserved anew at once, with the card that paid and
without its buyer. What is reserved lapses, so it is reserved anew in time.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

import msgspec
from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.charges import ChargeActivities, NoteShortfall, SettleCapture
from activities.checkout import OrderPlaced
from activities.payments.money import PaymentActivities
from activities.payments.providers import CapturePayment, ReadPayment, VoidPayment
from models.audit import Author
from models.capture import to_take
from models.charge import Charge, Purpose, Taken
from models.checkout import Purchase
from models.errors import Refusal
from models.explanation import CAPTURE, RESERVE, TO_RESERVE, VOID
from models.ids import PaymentId
from models.money import Money
from models.order import OrderStatus
from models.payment import PaymentStatus, ProviderPayment, Standing
from workflows import patience, telling
from workflows.charging import Charging
from workflows.collecting import REJECTED
from workflows.enduring import surely
from workflows.news import ProviderNews
from workflows.steadfast import LACKING, Attention
from workflows.telling import Board

TELLING = frozenset({"payment_intent.canceled", "reconciliation"})
"""News after which what is reserved may not be there any more; others tell of what we did."""
MONEY = "money"
"""What people are asked about, when money cannot be reserved or taken."""
LOST = "authorization_lost"
"""The provider has let go what was reserved."""
OVER = frozenset({OrderStatus.CANCELLED, OrderStatus.DELIVERED, OrderStatus.COMPLETED})


class Reserved(msgspec.Struct, frozen=True):
    """What can be taken now."""

    id: PaymentId
    """Of the order's payment, or of a charge."""
    n: int
    reference: str
    amount: Money
    until: datetime
    """Then it is reserved anew."""
    charge: Charge | None = None
    """None: it is what the checkout reserved."""


class Capturing:
    """The money of one order that is taken at shipment. Whoever moves it has the order's turn."""

    def __init__(self, purchase: Purchase, board: Board, attention: Attention, charging: Charging) -> None:
        self.turn = asyncio.Lock()
        """Whoever moves the order has it."""
        self._attention = attention
        self._heard = 0
        """How many answers of people it has acted on."""
        self._provider = purchase.payment.provider
        self._board = board
        self._charging = charging
        self._first = ""
        self._reserved: Reserved | None = None
        self._left: Money | None = None
        """Of what the provider takes, what is not taken yet; None: it is taken at once."""
        self._look_at: datetime | None = None
        """When a try that came to nothing, or of which nothing is known, is to be looked at again."""
        self._doubt: tuple[Reserved, Money] | None = None
        """A capture of which nobody knows whether it happened."""
        self._told_buyer = False
        """That their card is needed; they are told again when it was good in between."""
        self.tell: Callable[[], None] = lambda: None
        """Shows where the order stands."""
        self._events: set[str] = set()
        self._unread_news = False

    def begin(self, placed: OrderPlaced, payment: ProviderPayment) -> None:
        """The order is confirmed, and what its checkout reserved is to be taken parcel by parcel."""
        assert payment.reference is not None and placed.reserved_for is not None
        self._first, self._left = payment.reference, placed.due
        until = placed.placed_at + placed.reserved_for
        self._reserved = Reserved(placed.payment_id, 1, payment.reference, placed.due, until)

    @property
    def left(self) -> Money | None:
        """What is still to be taken; None: nothing, all of it is, or was taken at once."""
        return self._left if self._left is not None and self._left.amount else None

    def hear(self, news: ProviderNews) -> None:
        """The provider may have let go what is reserved; whether it has is read from the provider."""
        if self.left is not None and news.type in TELLING and news.event_id not in self._events:
            self._events.add(news.event_id)
            self._unread_news = True

    async def take(self, placed: OrderPlaced, amount: Money) -> Taken | None:
        """So much, now, or the least that a card can be asked for; it is booked by whoever asks. None: nothing was.

        Raises: Refusal `capture_failed`; then nothing has moved, and a person is told.
        """
        while self.left is not None and amount.amount:
            wanted = to_take(amount, self.left)
            taken = await self._take(placed, wanted)
            if wanted <= taken.amount:
                return taken
            # Somebody took less than that by hand: what is missing is taken of the rest, which is free by now.
            await self.book(placed, taken)
            amount = wanted - taken.amount
        return None

    async def _take(self, placed: OrderPlaced, amount: Money) -> Taken:
        reserved: Reserved | None = None
        for last in (False, True):
            reserved = self._reserved or await self._reserve(placed, Purpose.REST)
            if reserved is None:
                raise _refused(f"{self._left} could not be reserved: {(self.problem or '').partition(': ')[2]}")
            try:
                seen = await workflow.execute_activity_method(
                    PaymentActivities.capture_payment,
                    CapturePayment(reserved.id, reserved.reference, amount, self._provider),
                    summary=f"Capture {amount}",
                    **patience.provider(patience.FURTHER),
                )
                break
            except FailureError as failed:
                lost = telling.code(failed) == LOST
                if lost:
                    await self._let_go(placed, reserved)
                elif telling.code(failed) != REJECTED:
                    self._doubt, self._look_at = (reserved, amount), workflow.now() + patience.PAUSE_BEFORE_NEXT_TRY
                if last or not lost:
                    await self._ask(placed, f"{CAPTURE}: {telling.cause(failed)}")
                    raise _refused(f"{amount} could not be taken: {telling.cause(failed)}") from failed
        assert reserved is not None
        await self._attention.settle(placed.order_id, MONEY)
        return self._took(reserved, seen.taken or amount)

    async def book(
        self, placed: OrderPlaced, taken: Taken, author: Author | None = None, reason: str | None = None
    ) -> None:
        """So much was taken without a parcel that would book it."""
        await surely(
            workflow.execute_local_activity_method(
                ChargeActivities.settle_capture,
                SettleCapture(placed.order_id, taken, author, reason),
                summary=f"Book {taken.amount}",
                **patience.DATABASE,
            )
        )

    async def after(self, placed: OrderPlaced) -> None:
        """What was taken is booked: have the rest reserved, or say that all of it is taken."""
        if self._left is not None and not self._left.amount:
            if self._board.payment_status is PaymentStatus.AUTHORIZED:
                self._board.move(None, PaymentStatus.PAID)
        elif self._left is not None and self._reserved is None:
            await self._reserve(placed, Purpose.REST)

    async def give_up(self, placed: OrderPlaced) -> None:
        """The order has ended: what is reserved is the buyer's again, however long that needs."""
        reserved, self._left = self._reserved, None
        if reserved is not None and reserved.charge is not None:
            await self._charging.release(placed, reserved.charge)
        elif reserved is not None:
            await self._void_first(placed, reserved)
        self._reserved = None
        await self._attention.settle(placed.order_id, MONEY)

    async def watch(self, placed: OrderPlaced) -> None:
        """Until all is taken, or the order is over: reserve anew what would lapse, what has, and when somebody asks."""
        while not self._is_over:
            until = self._next_look
            await self._wait(until)
            if self._sooner(until):
                continue
            async with self.turn:
                if not self._is_over:
                    await self._look_after(placed)
                    self.tell()

    async def _wait(self, until: datetime) -> None:
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._is_over or self._unread_news or self._is_answered or self._sooner(until),
                timeout=max(until - workflow.now(), patience.FURTHER), timeout_summary="Reserve the money anew",
            )  # fmt: skip

    @property
    def _next_look(self) -> datetime:
        if self._reserved is None or self._doubt is not None:
            return self._look_at or workflow.now()
        return self._reserved.until

    def _sooner(self, until: datetime) -> bool:
        """Whether a command has left something that is to be looked at before that."""
        return not self._is_over and not self.turn.locked() and self._next_look < until

    @property
    def _is_over(self) -> bool:
        return self.left is None or self._board.status in OVER

    @property
    def _lacks_money(self) -> bool:
        """Whether a person was asked for because nothing could be reserved."""
        return (self.problem or "").startswith(f"{RESERVE}: ")

    @property
    def problem(self) -> str | None:
        """Why a person was asked for money that is to be taken; None: nobody was."""
        return self._attention.problem(MONEY)

    @property
    def _is_answered(self) -> bool:
        return self._attention.answers > self._heard

    async def _look_after(self, placed: OrderPlaced) -> None:
        asked, news = self._is_answered, self._unread_news
        self._heard, self._unread_news = self._attention.answers, False
        try:
            await self.clear_up(placed)
        except Refusal as unknown:
            self._look_at = workflow.now() + patience.PAUSE_BEFORE_NEXT_TRY
            await self._ask(placed, f"{CAPTURE}: {unknown.detail}")
            return
        if self._reserved is not None and news:
            await self._ask_after(placed, self._reserved)
        if self.left is None:
            await self.after(placed)
        elif self._reserved is None:
            await self._reserve(placed, Purpose.REST)
        elif self._reserved.until <= workflow.now() or (asked and self._lacks_money):
            await self._renew(placed, self._reserved)
        elif asked:
            await self._attention.settle(placed.order_id, MONEY)

    async def look_last(self, placed: OrderPlaced) -> None:
        """The order is to end: what was taken that nobody told us of is booked before, and goes back with the rest.

        Raises: Refusal `capture_failed`, as `clear_up`.
        """
        await self.clear_up(placed)
        if self._reserved is not None:
            await self._ask_after(placed, self._reserved)

    async def _ask_after(self, placed: OrderPlaced, reserved: Reserved) -> None:
        """Whether the provider has it still."""
        seen = await self._read(reserved)
        if seen is not None and seen.standing is Standing.CANCELED:
            await self._let_go(placed, reserved)
        elif seen is not None and seen.standing is Standing.CAPTURED:  # by hand, at the provider
            await self.book(placed, self._took(reserved, seen.taken or reserved.amount))

    async def _renew(self, placed: OrderPlaced, old: Reserved) -> None:
        """Reserve anew before the old one lapses; the old one is kept until the new one is there."""
        if await self._reserve(placed, Purpose.RENEWAL) is None:
            assert self._look_at is not None
            # It may still be good for a while, and the provider says when it is not.
            self._reserved = msgspec.structs.replace(old, until=self._look_at)
        elif old.charge is not None:
            await self._charging.release(placed, old.charge)
        else:
            await self._void_first(placed, old)

    async def _reserve(self, placed: OrderPlaced, purpose: Purpose) -> Reserved | None:
        """What is left, with the card that paid. None: it cannot be had; a person and the buyer are told."""
        assert self._left is not None and placed.reserved_for is not None
        made = await self._charging.reserve(
            placed, purpose, self._left, self._first, lasts=placed.reserved_for
        )  # fmt: skip
        if isinstance(made, ProviderPayment):
            why = made.detail or made.code or made.standing
            silent = made.standing is Standing.UNKNOWN and made.code != REJECTED
            self._look_at = workflow.now() + (patience.PAUSE_BEFORE_NEXT_TRY if silent else patience.RESERVE_AGAIN)
            await self._ask(placed, f"{RESERVE}: {why}")
            if self._told_buyer or made.standing is not Standing.DECLINED:
                return None
            self._told_buyer = True
            await workflow.execute_local_activity_method(
                ChargeActivities.note_shortfall,
                NoteShortfall(placed.order_id, self._charging.count, self._left, made.code),
                summary="Tell the buyer that their card is needed",
                **patience.DATABASE,
            )
            return None
        assert made.lapses_at is not None
        self._told_buyer = False
        self._reserved = Reserved(PaymentId(made.id), made.n, made.reference, made.amount, made.lapses_at, made)
        await self._attention.settle(placed.order_id, MONEY)
        return self._reserved

    async def catch_up(self, placed: OrderPlaced) -> Money | None:
        """`clear_up`, and have the rest reserved where money was taken unheard: how much that was."""
        found = await self.clear_up(placed)
        if found is not None:
            await self.after(placed)
        return found

    async def clear_up(self, placed: OrderPlaced) -> Money | None:
        """Find out what became of a capture that nobody knows of, and book what it took; None: nothing.

        Raises: Refusal `capture_failed`: it is not known.
        """
        if self._doubt is None:
            return None
        reserved, amount = self._doubt
        seen = await self._read(reserved)
        if seen is None:
            raise _refused("The provider cannot be asked what became of the last try to take money.")
        self._doubt = None
        if seen.standing is not Standing.CAPTURED:
            return None
        taken = self._took(reserved, seen.taken or amount)
        await self.book(placed, taken)
        return taken.amount

    async def _read(self, reserved: Reserved) -> ProviderPayment | None:
        """How it stands at the provider; None: it cannot be asked."""
        try:
            return await workflow.execute_activity_method(
                PaymentActivities.read_payment,
                ReadPayment(reserved.id, reserved.reference, provider=self._provider),
                summary="Ask the provider how the money stands",
                **patience.provider(patience.FURTHER),
            )
        except FailureError as failed:
            workflow.logger.warning("the provider cannot be asked: %s", telling.cause(failed))
            return None

    def _took(self, reserved: Reserved, amount: Money) -> Taken:
        assert self._left is not None
        self._left -= amount
        self._reserved = None
        charge = reserved.charge.id if reserved.charge else None
        return Taken(
            PaymentId(reserved.charge.payment_id) if reserved.charge else reserved.id,
            reserved.n, charge, amount, self._provider,
        )  # fmt: skip

    async def _let_go(self, placed: OrderPlaced, reserved: Reserved) -> None:
        """The provider has let it go by itself."""
        self._reserved = None
        if reserved.charge is not None:
            await self._charging.drop(placed, reserved.charge)

    async def _void_first(self, placed: OrderPlaced, reserved: Reserved) -> None:
        await self._attention.steadfast(
            placed.order_id,
            VOID,
            lambda: workflow.execute_activity_method(
                PaymentActivities.void_payment,
                VoidPayment(reserved.id, reserved.reference, self._provider),
                summary="Void what the checkout reserved",
                **patience.provider(),
            ),
        )

    async def _ask(self, placed: OrderPlaced, problem: str) -> None:
        if self.problem != problem:
            await self._attention.remind(placed.order_id, problem, TO_RESERVE, MONEY, LACKING)


def _refused(detail: str) -> Refusal:
    return Refusal("capture_failed", detail)
