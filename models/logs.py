"""Structured logs: one JSON object a line, carrying whichever of request, order and workflow ids are known."""

import logging
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog

_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
_encode = msgspec.json.Encoder(enc_hook=str).encode


def configure(level: str = "info", form: str = "json", more: Sequence[Any] = ()) -> None:
    """Point structlog and the standard library's loggers at standard output. Call it first thing in a process.

    `more`: processors that add to a line what they know.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        *more,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    if form == "json":
        ending: list[Any] = [structlog.processors.format_exc_info, _render]
        factory: Any = structlog.BytesLoggerFactory(sys.stdout.buffer)
    else:
        # Its own tracebacks would show what the variables held, such as a password.
        ending = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        factory = structlog.PrintLoggerFactory(sys.stdout)
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forward()], level=max(number, logging.INFO), force=True)
    for noisy in ("httpx", "httpcore", "stripe", "granian.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("temporalio.activity").setLevel(logging.ERROR)  # models/correlation.py says it with ids


def bind(**ids: Any) -> None:
    """Ids that every later line of this task shall carry."""
    structlog.contextvars.bind_contextvars(**{key: value for key, value in ids.items() if value is not None})


def bound(name: str) -> str | None:
    """One of the ids that were bound; None: it was not."""
    value = structlog.contextvars.get_contextvars().get(name)
    return None if value is None else str(value)


def _render(_: Any, __: str, event: Any) -> bytes:
    if (line := _encoded(event)) is not None:
        return line
    return _encode({key: value if _encoded(value) is not None else ascii(value) for key, value in event.items()})


def _encoded(value: Any) -> bytes | None:
    """None for half a surrogate pair, or what contains itself: that must not cost the line."""
    try:
        return _encode(value)
    except (UnicodeEncodeError, RecursionError):
        return None


class _Forward(logging.Handler):
    """Lines of libraries join ours, in the same shape."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        extra = {"exc_info": record.exc_info} if record.exc_info else {}
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        level = max(level for level in _LEVELS if level <= max(record.levelno, logging.DEBUG))
        log.log(level, message, logger=record.name, **extra)
