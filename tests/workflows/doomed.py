"""A worker that is to be killed: told on stdin what shall befall it, it says on stdout when that strikes, and waits.

`python -m tests.workflows.doomed`; the first line is its settings, each one after that a trouble to come.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import IO, Any, cast

import msgspec
import uvloop
from temporalio.exceptions import ApplicationError

from models.database import Database
from models.settings import WorkerSettings
from tests.flow import at_work, connected
from tests.workflows.trouble import Kind, Trouble
from workflows import patience

_VOICE: IO[bytes]


class Woe(msgspec.Struct, frozen=True):
    """What shall befall a step of a workflow."""

    workflow: str
    step: str
    kind: str
    """One of `Kind`, or `permanent`."""

    @property
    def planned(self) -> BaseException | Kind:
        """As `Trouble` is told of it."""
        if self.kind == "permanent":
            return ApplicationError("planned, for good", type="provider_rejected", non_retryable=True)
        return cast(Kind, self.kind)


@contextlib.contextmanager
def hurried() -> Any:
    """Short timeouts: an answer that never comes is missed within seconds."""
    import pytest

    usual = patience.provider
    with pytest.MonkeyPatch.context() as patch:
        for step in (patience.DATABASE, patience.PROVIDER_NOW):
            patch.setitem(step, "start_to_close_timeout", timedelta(seconds=2))
        patch.setattr(patience, "SEARCH_LAG", timedelta(seconds=1))
        patch.setattr(
            patience,
            "provider",
            lambda *given: {**usual(*given), "start_to_close_timeout": timedelta(seconds=3)},
        )
        yield


class LastHours(Trouble):
    """Nothing more is done of a workflow that has met its trouble; the news of it go to stdout."""

    def __init__(self) -> None:
        super().__init__()
        self._over: set[str] = set()

    async def around(self, where: tuple[str, str]) -> BaseException | Kind | None:
        if where[0] in self._over:
            await asyncio.Event().wait()
        return await super().around(where)

    def strikes(self, where: tuple[str, str]) -> None:
        super().strikes(where)
        self._over.add(where[0])
        _say("struck", where)


class Doomed:
    """The other end: this process as its parent sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._heard: dict[tuple[str, str, str], asyncio.Event] = {}
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    @contextlib.asynccontextmanager
    async def begun(cls, settings: WorkerSettings) -> AsyncIterator["Doomed"]:
        """Start it; it is dead at the end at the latest."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.workflows.doomed", stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        doomed = cls(process)
        try:
            await doomed._tell(settings)
            yield doomed
        finally:
            await doomed.kill()

    async def plan(self, woe: Woe) -> None:
        """Let this befall."""
        for word in ("planned", "struck"):
            self._heard[word, woe.workflow, woe.step] = asyncio.Event()
        await self._tell(woe)
        await self._heard["planned", woe.workflow, woe.step].wait()

    async def struck(self, woe: Woe) -> None:
        """Wait until it has."""
        await self._heard["struck", woe.workflow, woe.step].wait()

    async def kill(self) -> None:
        """`kill -9`."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._listening

    async def _tell(self, word: msgspec.Struct) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(word, enc_hook=str) + b"\n")
        await self._process.stdin.drain()

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._heard[msgspec.json.decode(line, type=tuple[str, str, str])].set()


def _say(word: str, where: tuple[str, str]) -> None:
    _VOICE.write(msgspec.json.encode((word, *where)) + b"\n")
    _VOICE.flush()


async def main() -> None:
    """Work until it is killed, or its parent is gone."""
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    settings = msgspec.json.decode(
        await orders.readline(), type=WorkerSettings, dec_hook=lambda kind, value: kind(value)
    )
    trouble, database = LastHours(), Database(settings.database_url)
    options = {"interceptors": [trouble], "workflow_failure_exception_types": ()}
    with hurried():
        async with at_work(await connected(settings), settings, database, options):
            async for line in orders:
                woe = msgspec.json.decode(line, type=Woe)
                trouble.plan(woe.workflow, woe.step, woe.planned)
                _say("planned", (woe.workflow, woe.step))


if __name__ == "__main__":
    _VOICE = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    for stream in (sys.stdout, sys.stderr):  # its logs are of no use to anybody
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    uvloop.run(main())
