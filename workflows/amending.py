"""How an order is changed before anything of it is sent: proposed with its price, then made what the edit says, or not.

At most one edit waits for a yes. Whoever ships or cancels the order meanwhile goes first: the edit is let go then.
"""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.checkout import OrderPlaced
from activities.edits import EditActivities, EditMade, EndEdit, MakeEdit, OpenEdit
from models.audit import Author
from models.charge import Charge, Purpose
from models.edit import EditStatus, EditWish
from models.errors import Refusal
from models.explanation import PROVIDER
from models.money import Money
from models.order import Action
from models.payment import Standing, is_page
from workflows import patience, telling
from workflows.charging import Charging
from workflows.collecting import REJECTED
from workflows.fulfilling import Fulfilling
from workflows.order_messages import CommitEdit, DropEdit
from workflows.telling import Board

RETRY_AFTER = 30
"""Seconds after which a yes that met a silent provider may be said again."""

MOST_ASKED = 200
"""Proposals and yeses, refused ones among them, that one order takes: the server takes two thousand messages for one
workflow and no more, and this one has to be sent, delivered or cancelled yet."""


class Amending:
    """The edits of one order. Each takes its turn among the commands that move the order."""

    def __init__(self, board: Board, fulfilling: Fulfilling, charging: Charging) -> None:
        self.made: EditMade | None = None
        """What the order is since it was changed last; None: what it was placed as."""
        self._board = board
        self._fulfilling = fulfilling
        self._charging = charging
        self._ends: dict[int, EditStatus] = {}
        """By number, where each edit stands."""
        self._difference: dict[int, Money] = {}
        """And what the order would cost more."""
        self._asked = 0
        """How many proposals and yeses there were."""
        self._watch: asyncio.Task[None] | None = None
        """Waits for the end of the one that is proposed."""

    def must_know(self, n: int) -> None:
        """Raises: Refusal `edit_not_found`."""
        if n not in self._ends:
            raise Refusal("edit_not_found", "This order has no such edit.")

    def must_have_room(self) -> None:
        """Raises: Refusal `wrong_move` when somebody has asked for so many changes that the order takes no more."""
        if self._asked >= MOST_ASKED:
            raise Refusal("wrong_move", "This order was asked for too many changes.", status=self._board.status)

    async def propose(self, placed: OrderPlaced, wish: EditWish) -> None:
        """Say what the order would cost, and hold what it adds for a while. Raises: Refusal."""
        self._asked += 1
        async with self._fulfilling.turn:
            self._fulfilling.must_allow(Action.EDIT, "be changed")
            edit = await workflow.execute_local_activity_method(
                EditActivities.open_edit,
                OpenEdit(placed.order_id, wish, workflow.now()),
                summary="Price a change of the order, hold what it adds",
                **patience.DATABASE,
            )
            if edit.n not in self._ends:
                self._ends[edit.n], self._difference[edit.n] = edit.status, edit.difference
                self._watch = asyncio.create_task(self._expire(placed, edit.n, edit.expires_at))

    async def commit(self, placed: OrderPlaced, wish: CommitEdit, first: str | None) -> None:
        """Make the order what the edit says, or refuse, and then it stays as it is. Again: nothing.

        What it costs more is reserved before, and taken after that. `first`: the provider's id of what paid the order.
        Raises: Refusal.
        """
        self._asked += 1
        async with self._fulfilling.turn:
            stands = self._ends[wish.n]
            if stands is EditStatus.COMMITTED:
                return
            if stands is not EditStatus.PROPOSED:
                raise Refusal("edit_over", f"This edit is {stands}: ask for another one.", status=stands)
            self._fulfilling.must_allow(Action.EDIT, "be changed")
            more = self._difference[wish.n]
            charge = await self._reserve(placed, wish, more, first) if more.amount > 0 else None
            made = await self._make(placed, wish, charge)
            self._ends[wish.n], self.made = EditStatus.COMMITTED, made
            if charge is not None:
                self._board.tell(f"Taking what edit {wish.n} costs more", PROVIDER)
                await self._charging.capture(placed, charge, more)
            if made.refund is not None:
                await self._fulfilling.give_money_back(placed, made.refund, f"Refund {made.refund} of a changed order")
            self._fulfilling.tell()

    async def _reserve(self, placed: OrderPlaced, wish: CommitEdit, more: Money, first: str | None) -> Charge:
        """What the order costs more, on the card that paid it or another one. Raises: Refusal; nothing is reserved."""
        if first is None or is_page(first):
            raise Refusal("charge_impossible", "This order was not paid by card: it cannot become dearer.")
        self._board.tell(f"Reserving what edit {wish.n} costs more", PROVIDER)
        got = await self._charging.reserve(placed, Purpose.EDIT, more, first, wish.method, wish.customer)
        if isinstance(got, Charge):
            return got
        self._fulfilling.tell()
        if got.standing is Standing.UNKNOWN and got.code == REJECTED:
            raise Refusal("charge_impossible", "The payment provider does not take more for this order.")
        if got.standing is Standing.UNKNOWN:
            raise Refusal(
                "unavailable", "The payment provider does not answer: nothing was charged.", retry_after=RETRY_AFTER
            )
        raise Refusal(
            "payment_declined", got.detail or "The payment was declined.", decline_code=got.code, difference=more
        )

    async def _make(self, placed: OrderPlaced, wish: CommitEdit, charge: Charge | None) -> EditMade:
        """Rewrite the order. Raises: FailureError with the Refusal; what was reserved for it is let go then."""
        try:
            return await workflow.execute_local_activity_method(
                EditActivities.commit_edit,
                MakeEdit(placed.order_id, wish.n, wish.actor, wish.author, charge.id if charge else None),
                summary=f"Make the order what edit {wish.n} says",
                **patience.DATABASE,
            )
        except FailureError:
            if charge is not None:
                self._board.tell(f"Giving back what edit {wish.n} would have cost more", PROVIDER)
                await self._charging.release(placed, charge)
                self._fulfilling.tell()
            raise

    async def drop(self, placed: OrderPlaced, wish: DropEdit) -> None:
        """Nobody wants it any more. Again: the same. Raises: Refusal `edit_over` for one that is committed."""
        async with self._fulfilling.turn:
            if self._ends[wish.n] is EditStatus.PROPOSED:
                await self._end(placed, wish.n, EditStatus.DROPPED, wish.actor, wish.author)
            if self._ends[wish.n] is EditStatus.COMMITTED:
                raise Refusal("edit_over", "This edit is committed: ask for another one.", status="committed")

    async def overtaken(self, placed: OrderPlaced) -> None:
        """The order was shipped or cancelled: an edit that waited for a yes cannot be made any more."""
        for n in [n for n, status in self._ends.items() if status is EditStatus.PROPOSED]:
            async with self._fulfilling.turn:
                if self._ends[n] is EditStatus.PROPOSED:
                    await self._end(placed, n, EditStatus.DROPPED, "order", None)

    async def _expire(self, placed: OrderPlaced, n: int, until: datetime) -> None:
        """Nobody says yes in time: what the edit holds is for sale again."""
        try:
            await workflow.wait_condition(
                lambda: self._ends[n] is not EditStatus.PROPOSED,
                timeout=max(until - workflow.now(), timedelta(0)),
                timeout_summary=f"Edit {n} can be said yes to",
            )
        except TimeoutError:
            while self._ends[n] is EditStatus.PROPOSED:
                await self._lapse(placed, n)

    async def _lapse(self, placed: OrderPlaced, n: int) -> None:
        """Nobody hears what fails beside the order's story: so it is tried again until it is done."""
        try:
            async with self._fulfilling.turn:
                if self._ends[n] is EditStatus.PROPOSED:
                    await self._end(placed, n, EditStatus.EXPIRED, "order", None)
        except FailureError as failed:
            workflow.logger.error("edit %s cannot be ended: %s", n, telling.cause(failed))
            await workflow.sleep(patience.PAUSE_BEFORE_NEXT_TRY, summary=f"Pause before the next try to end edit {n}")

    async def _end(self, placed: OrderPlaced, n: int, to: EditStatus, actor: str, author: Author | None) -> None:
        self._ends[n] = await workflow.execute_local_activity_method(
            EditActivities.end_edit,
            EndEdit(placed.order_id, n, to, actor, author),
            summary=f"Edit {n} is {to}: what it held is for sale again",
            **patience.DATABASE,
        )
