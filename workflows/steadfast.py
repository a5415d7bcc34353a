"""Steps that must succeed: tried with patience, then a person is told, and they go on; never lost, never skipped."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec
from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.orders import FlagOrder, OrderActivities, RecordCommand
from models.audit import Author
from models.errors import Refusal
from models.explanation import RETRY
from models.ids import OrderId
from workflows import patience, telling

T = TypeVar("T")


class RetryStep(msgspec.Struct, frozen=True):
    """Try the step that needs attention again, now: the update `retry` of whatever has one."""

    actor: str
    reason: str
    digest: str = ""
    author: Author | None = None
    """Who of the staff asks."""


class Shown(Protocol):
    """What people see of a workflow."""

    def ask(self, attention: bool) -> None: ...

    def tell(self, step: str, waiting_for: str | None = None, until: datetime | None = None) -> None: ...


class Attention:
    """What a person has to know about one order, and their word to try again."""

    def __init__(self, board: Shown, fact: str = "attention") -> None:
        self.needed_for: str | None = None
        """The step that could not be done and why; None: nobody has to look."""
        self._board = board
        self._fact = fact
        self._reminded: str | None = None
        """What was not done in time, until it is settled: steps that succeed meanwhile have nothing to do with it."""
        self._flags = 0
        self._retry = False

    def may_retry(self, **facts: object) -> None:
        """Raises: Refusal, with these `facts`, when nobody was asked for."""
        if self.needed_for is None:
            raise Refusal("wrong_move", "Nothing here needs a retry.", **facts)

    async def retry(self, order: OrderId | None, request: RetryStep) -> None:
        """A person says: try again, now. Written down where one of the staff asks."""
        self._retry = True
        workflow.logger.info("retry asked for by %s: %s", request.actor, request.reason)
        if order is not None and request.author is not None:
            info = workflow.current_update_info()
            assert info is not None
            await workflow.execute_local_activity_method(
                OrderActivities.record_command,
                RecordCommand(order, f"retry/{info.id}", "retry_asked", request.author, request.reason),
                summary="Write down who asked for another try",
                **patience.DATABASE,
            )

    async def steadfast(self, order: OrderId, step: str, do: Callable[[], Awaitable[T]]) -> T:
        """Do a step that must succeed. Past its patience a person is told, and it is tried again every hour."""
        self._retry = False
        while True:
            try:
                result = await do()
            except FailureError as failed:
                await self.ask(order, f"{step}: {telling.cause(failed)}")
                await self._pause(step)
            else:
                if self._reminded is None:
                    await self.settle(order)
                elif self.needed_for != self._reminded:
                    await self._flag(order, self._reminded)
                return result

    async def ask(self, order: OrderId, problem: str) -> None:
        """Tell people that a step could not be done."""
        self._board.tell(
            f"Needs attention: could not {problem}",
            RETRY,
            workflow.now() + patience.PAUSE_BEFORE_NEXT_TRY,
        )
        await self._flag(order, problem)

    async def remind(self, order: OrderId, problem: str, waiting_for: str) -> None:
        """Tell people that something that is theirs to do was not done in time."""
        self._retry = False
        self._reminded = problem
        self._board.tell(f"Needs attention: {problem}", waiting_for)
        await self._flag(order, problem)

    def is_answered(self) -> bool:
        """Whether a person has said, since they were asked, that they have looked."""
        return self._retry

    def take_answer(self) -> bool:
        """The same, for whoever acts on it: it is asked again from here on."""
        answered, self._retry = self._retry, False
        return answered

    async def settle(self, order: OrderId) -> None:
        """Nobody has to look any more."""
        self._reminded = None
        if self.needed_for is not None:
            await self._flag(order, None)

    async def _pause(self, step: str) -> None:
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._retry,
                timeout=patience.PAUSE_BEFORE_NEXT_TRY,
                timeout_summary=f"Pause before the next try to {step}",
            )
        self._retry = False

    async def _flag(self, order: OrderId, problem: str | None) -> None:
        settled, self.needed_for = self.needed_for, problem
        self._flags += 1
        self._board.ask(problem is not None)
        await workflow.execute_local_activity_method(
            OrderActivities.flag_order,
            FlagOrder(order, f"{self._fact}/{self._flags}", problem, instead_of=None if problem else settled),
            summary="Ask for attention" if problem else "Attention no longer needed",
            **patience.DATABASE,
        )
