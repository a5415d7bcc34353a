"""A workflow that is always told to its end: neither a cancel from outside nor an unforeseen failure cuts it short."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

T = TypeVar("T")


class Parked(RuntimeError):
    """A step failed in a way that nobody foresaw. Temporal tries the task again until a fix is deployed."""


async def surely(step: Awaitable[T]) -> T:
    """A step of ours in the middle of what a message asked for, when money has moved: it is done before anything else.

    Raises: Parked. A message that fails would leave behind what it had begun.
    """
    try:
        return await step
    except FailureError as unforeseen:
        raise Parked(f"unforeseen: {unforeseen}") from unforeseen


async def to_its_end(story: Coroutine[object, object, None], called_off: Callable[[], None]) -> None:
    """Run `story` to its end. Temporal's own cancel reaches it as the message `called_off`, not as an exception.

    Raises: Parked. A failed workflow would leave its holds behind, and nobody would be told.
    """
    task = asyncio.create_task(story)
    try:
        await workflow.wait([task])
    except asyncio.CancelledError:
        if workflow.cancellation_reason() is None:
            raise  # this worker only forgets the workflow, to remember it when it goes on
        called_off()
    try:
        await task
    except FailureError as unforeseen:
        raise Parked(f"unforeseen: {unforeseen}") from unforeseen
