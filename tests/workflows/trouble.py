"""Trouble for chosen steps of chosen orders: they fail before or after their effect, are silent, or wait."""

import asyncio
from collections import Counter
from typing import Any, Literal

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from models.errors import Unavailable

Kind = Literal["before", "after", "lost", "silent"]
"""`before`: nothing happened. `after`: it happened, and then it failed. `lost`: it happened, and no answer ever comes.
`silent`: nothing happens, and no answer ever comes."""


class Trouble(Interceptor):
    """A worker's interceptor that does as it is told, once an order; everything else passes."""

    def __init__(self) -> None:
        self.runs: Counter[tuple[str, str]] = Counter()
        """How often (workflow id, activity) was tried."""
        self._planned: dict[tuple[str, str], list[BaseException | Kind]] = {}
        self._gates: dict[tuple[str, str], asyncio.Event] = {}
        self._arrived: dict[tuple[str, str], asyncio.Event] = {}
        self._held: list[asyncio.Event] = []
        self._struck: dict[tuple[str, str], asyncio.Event] = {}

    def plan(self, workflow_id: str, step: str, *kinds: Kind | BaseException) -> None:
        """Let the next tries of this step fail, one by one."""
        self._planned.setdefault((workflow_id, step), []).extend(kinds)

    def hold(self, workflow_id: str, step: str) -> tuple[asyncio.Event, asyncio.Event]:
        """Let the next try of this step wait. Returns: an event when it has begun, one to let it go."""
        where = (workflow_id, step)
        self._arrived[where], self._gates[where] = asyncio.Event(), asyncio.Event()
        self._held.append(self._gates[where])
        return self._arrived[where], self._gates[where]

    def let_go(self) -> None:
        """Whatever waits, waits no longer."""
        for gate in self._held:
            gate.set()

    def struck(self, workflow_id: str, step: str) -> asyncio.Event:
        """Set as soon as something that was planned for this step has come."""
        return self._struck.setdefault((workflow_id, step), asyncio.Event())

    def to_come(self) -> list[tuple[str, str]]:
        """What was planned and has not happened."""
        return [where for where, kinds in self._planned.items() if kinds]

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Troubled(next, self)

    async def around(self, where: tuple[str, str]) -> BaseException | Kind | None:
        """What is planned for this try."""
        self.runs[where] += 1
        if gate := self._gates.pop(where, None):
            self._arrived.pop(where).set()
            await gate.wait()
        return self._planned[where].pop(0) if self._planned.get(where) else None

    def strikes(self, where: tuple[str, str]) -> None:
        """What was planned comes now."""
        self.struck(*where).set()


class _Troubled(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, trouble: Trouble) -> None:
        super().__init__(next)
        self._trouble = trouble

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        where = (info.workflow_id or "", info.activity_type)
        planned = await self._trouble.around(where)
        if planned is None:
            return await super().execute_activity(input)
        if planned in ("after", "lost"):
            await super().execute_activity(input)
        self._trouble.strikes(where)
        if isinstance(planned, BaseException):
            raise planned
        if planned in ("lost", "silent"):
            await asyncio.Event().wait()
        raise Unavailable(
            "trouble", "planned, nothing happened" if planned == "before" else "planned, after it happened"
        )
