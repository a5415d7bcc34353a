"""Steps that must succeed: tried with patience, then a person is told, and they go on; never lost, never skipped."""

import asyncio
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

    def ask(self, attention: bool, step: str | None = None) -> None: ...

    def tell(self, step: str, waiting_for: str | None = None, until: datetime | None = None) -> None: ...


class _Need(msgspec.Struct, frozen=True):
    """One thing that a person is asked for."""

    problem: str
    step: str | None
    """What could not be done; None: it is theirs to do."""
    weight: int
    """Of several, the heaviest is shown, and of these the last."""
    heard: int
    """How many answers there were when they were asked."""


LATE, LACKING, FAILED = range(3)
"""Weights: something was not done in time, money is lacking, a step failed."""
GIVEN_UP = "given up"
"""About a step that failed and is not tried any more, until a later one succeeds."""


class Attention:
    """What a person has to know about one order, and their word to try again.

    There may be several things at once, each until it is settled; the order is out of the list when all of them are.
    """

    def __init__(self, board: Shown, fact: str = "attention") -> None:
        self._board = board
        self._fact = fact
        self._needs: dict[str, _Need] = {}
        self._shown: str | None = None
        self._flags = 0
        self._turn = asyncio.Lock()
        """What is told last is what is so last."""
        self._steps = 0
        self.answers = 0
        """How often a person has said: try again."""

    @property
    def needed_for(self) -> str | None:
        """The most pressing thing, and why; None: nobody has to look."""
        need = self._heaviest
        return None if need is None else need.problem

    def problem(self, about: str) -> str | None:
        """What people were asked for about this; None: nothing."""
        return self._needs[about].problem if about in self._needs else None

    def may_retry(self, **facts: object) -> None:
        """Raises: Refusal, with these `facts`, when nobody was asked for."""
        if not self._needs:
            raise Refusal("wrong_move", "Nothing here needs a retry.", **facts)

    async def retry(self, order: OrderId | None, request: RetryStep) -> None:
        """A person says: try again, now. Written down where one of the staff asks."""
        self.answers += 1
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
        self._steps += 1
        mine, heard = f"{step}/{self._steps}", self.answers
        while True:
            try:
                result = await do()
            except FailureError as failed:
                await self._fail(order, mine, step, f"{step}: {telling.cause(failed)}")
                heard = await self._pause(step, heard)
            else:
                await self.settle(order, mine, GIVEN_UP)
                return result

    async def ask(self, order: OrderId, step: str, why: str) -> None:
        """Tell people that a step could not be done, until a later one is."""
        await self._fail(order, GIVEN_UP, step, f"{step}: {why}", LATE)

    async def remind(
        self, order: OrderId, problem: str, waiting_for: str, about: str | None = None, weight: int = LATE
    ) -> None:
        """Tell people that something is theirs to do: about one thing, once; nothing said: about this."""
        if self._is_most_pressing(about or problem, _Need(problem, None, weight, self.answers)):
            self._board.tell(f"Needs attention: {problem}", waiting_for)
            await self._flag(order)

    def is_answered(self, about: str) -> bool:
        """Whether a person has said, since they were asked about this, that they have looked."""
        return about in self._needs and self.answers > self._needs[about].heard

    async def settle(self, order: OrderId, *about: str) -> None:
        """Nobody has to look because of these any more."""
        for each in about:
            self._needs.pop(each, None)
        if self._shown is not None and self.needed_for != self._shown:
            await self._flag(order)

    async def _fail(self, order: OrderId, about: str, step: str, problem: str, weight: int = FAILED) -> None:
        until = workflow.now() + patience.PAUSE_BEFORE_NEXT_TRY
        self._board.tell(f"Needs attention: could not {problem}", RETRY, until)
        if self._is_most_pressing(about, _Need(problem, step, weight, self.answers)):
            await self._flag(order)

    def _is_most_pressing(self, about: str, need: _Need) -> bool:
        """Whether this, which is from now on, is what people are to see."""
        self._needs.pop(about, None)
        self._needs[about] = need
        return self._heaviest is need

    @property
    def _heaviest(self) -> _Need | None:
        return max(reversed(self._needs.values()), key=lambda need: need.weight, default=None)

    async def _pause(self, step: str, heard: int) -> int:
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self.answers > heard,
                timeout=patience.PAUSE_BEFORE_NEXT_TRY,
                timeout_summary=f"Pause before the next try to {step}",
            )
        return self.answers

    async def _flag(self, order: OrderId) -> None:
        """Have rows and search attributes say what is most pressing now."""
        async with self._turn:
            need, was = self._heaviest, self._shown
            if need is None and was is None:
                return
            self._shown = None if need is None else need.problem
            self._flags += 1
            self._board.ask(need is not None, None if need is None else need.step)
            await workflow.execute_local_activity_method(
                OrderActivities.flag_order,
                FlagOrder(order, f"{self._fact}/{self._flags}", self._shown),
                summary="Ask for attention" if need else "Attention no longer needed",
                **patience.DATABASE,
            )
