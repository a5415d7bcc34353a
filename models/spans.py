"""Spans of traces, wherever something takes time: nothing unless `models/tracing.py` was told where to send them.

This room is all that others know of tracing; without an exporter nothing of OpenTelemetry is loaded.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.plugin import SimplePlugin


class Collector(Protocol):
    """Who collects spans."""

    def span(self, name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[Any]:
        """Something that this process waits for, within what it is doing."""

    def watch_engine(self, engine: AsyncEngine) -> None:
        """Its statements become spans."""

    async def watch_connection(self, connection: Any) -> None:
        """The same of a connection of the bare driver."""

    def plugin(self) -> SimplePlugin:
        """What lets a trace travel through Temporal."""


collector: Collector | None = None
_NOTHING = nullcontext()


def span(name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[Any]:
    """Something that this process waits for, within what it is doing; of what nobody traces, nothing."""
    return _NOTHING if collector is None else collector.span(name, attributes)


def plugins() -> list[SimplePlugin]:
    """What a client of Temporal needs, before all its other plugins: their log lines then know the trace."""
    return [] if collector is None else [collector.plugin()]
