"""Bad days on order: which call is to be slow, refused, broken, or done without an answer."""

import asyncio
import fnmatch
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Literal

import msgspec

from dev.stripe.store import Store

Kind = Literal["latency", "error_before", "error_after", "answer_lost", "rate_limit"]


class Match(msgspec.Struct, forbid_unknown_fields=True):
    """Which calls a fault is for; what is left out matches all."""

    method: str | None = None
    path: str | None = None  # a glob: /v1/payment_intents/*/capture
    metadata: dict[str, str] | None = None  # of the request, or of the object its path names


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One ordered fault; `times` None keeps it until cleared."""

    kind: Kind
    match: Match = msgspec.field(default_factory=Match)
    status: int = 500
    seconds: float = 0.0
    times: int | None = 1
    probability: float = 1.0

    def __post_init__(self) -> None:
        if self.kind == "latency" and self.seconds <= 0:
            raise ValueError("latency needs seconds")
        if not 0 < self.probability <= 1 or self.seconds < 0 or (self.times is not None and self.times < 1):
            raise ValueError("probability is in (0, 1], seconds at least 0, times at least 1")

    def fits(self, method: str, path: str, metadata: Callable[[], Mapping[str, str]]) -> bool:
        wanted = self.match
        if wanted.method is not None and wanted.method.upper() != method:
            return False
        if wanted.path is not None and not fnmatch.fnmatchcase(path, wanted.path):
            return False
        if wanted.metadata is not None and not wanted.metadata.items() <= metadata().items():
            return False
        return self.probability == 1 or random.random() < self.probability


class Faults:
    """The faults still to come, kept across restarts."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.waiting = msgspec.convert(store.setting("faults", []), list[Fault])
        self._over = asyncio.Event()

    def order(self, faults: list[Fault]) -> None:
        self.waiting += faults
        self.save()

    def clear(self) -> None:
        """Nothing more goes wrong, and calls that are being delayed go on."""
        self._over.set()
        self._over = asyncio.Event()
        self.waiting = []
        self.save()

    async def delay(self, seconds: float) -> None:
        """So long, or until the faults are cleared."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    def save(self) -> None:
        self.store.keep("faults", self.waiting)

    def take(self, method: str, path: str, metadata: Callable[[], Mapping[str, str]]) -> tuple[float, Fault | None]:
        """How long this call is delayed (all fitting latencies), and the first other fault that befalls it."""
        seconds, chosen = 0.0, None
        for fault in list(self.waiting):
            if (fault.kind != "latency" and chosen is not None) or not fault.fits(method, path, metadata):
                continue
            seconds += fault.seconds
            chosen = chosen if fault.kind == "latency" else fault
            self.spend(fault)
        return seconds, chosen

    def spend(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if not fault.times:
            self.waiting.remove(fault)
        self.save()
