"""The time in which one order may be paid, and how staff give it longer."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

from activities.checkout import OrderPlaced
from activities.holds import ExtendHold, HoldActivities
from models.window import extended
from workflows import patience
from workflows.order_messages import ExtendWait
from workflows.telling import Board


class Window:
    """How long one order waits for its payment. `must_be_wanted` refuses when it waits for none any more."""

    def __init__(self, board: Board, must_be_wanted: Callable[[], None]) -> None:
        self._board = board
        self._must_be_wanted = must_be_wanted
        self._longer: datetime | None = None
        """What staff have said; None: nothing."""
        self._moving = asyncio.Lock()

    def until(self, placed: OrderPlaced) -> datetime:
        """When it closes."""
        return self._longer or placed.pay_until

    def left(self, placed: OrderPlaced) -> timedelta:
        """How long it is still open; less than nothing: it is over."""
        return self.until(placed) - workflow.now()

    async def is_over(self, placed: OrderPlaced) -> bool:
        """Whether it has closed. Who gives it longer in this moment is waited for."""
        async with self._moving:
            return self.left(placed) <= timedelta(0)

    def longer(self, placed: OrderPlaced, request: ExtendWait) -> datetime:
        """When it would close then. Raises: Refusal `wrong_move`, or `hold_out_of_bounds`."""
        self._must_be_wanted()
        return extended(self.until(placed), workflow.now(), request.minutes, request.until)

    async def extend(self, placed: OrderPlaced, request: ExtendWait) -> None:
        """Whoever wants to pay has longer, and the goods are kept for them. Raises: Refusal, as `longer`."""
        async with self._moving:
            until, was = self.longer(placed, request), self.until(placed)
            info = workflow.current_update_info()
            assert info is not None
            fact = f"extended/{info.id}"
            await workflow.execute_local_activity_method(
                HoldActivities.extend_hold,
                ExtendHold(placed.order_id, fact, until, request.actor, request.reason, request.author),
                summary=f"Wait for the payment until {until:%Y-%m-%d %H:%M} UTC",
                **patience.DATABASE,
            )
            self._longer = until
            if self._board.told.until == was:
                self._board.tell(self._board.told.step, self._board.told.waiting_for, until)
