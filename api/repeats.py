"""A request sent twice under one Idempotency-Key: done once, answered twice alike."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from api.context import House, Identity, StrictRequest, digest
from models.database import Writer
from models.tables import checkout as requests

T = TypeVar("T")


def scope_of(request: StrictRequest, caller: Identity, operation: str) -> str:
    """Whose keys these are, and for what: two people, or two operations, may use the same key."""
    if caller.user is not None:
        return f"user/{caller.user}/{operation}"
    return f"cart/{caller.cart}/{operation}" if caller.cart else f"new/{_browser(request)}/{operation}"


async def once(
    house: House, scope: str, key: str | None, body: object, kind: type[T], work: Callable[[Writer], Awaitable[T]]
) -> T:
    """Do `work` in one transaction and answer with what it returns; under a known `key`, with what it returned then.

    Raises: Refusal `idempotency_key_reused` when the key came with another body; whatever `work` refuses with, and
    then nothing is kept: a refused request may be sent again under its key.
    """
    async with house.database.writing() as writer:
        if key is None:
            return await work(writer)
        known = await requests.first_time(writer, scope, key, digest(body))
        if known is not None:
            return msgspec.convert(known, kind)
        answer = await work(writer)
        await requests.keep_answer(writer, scope, key, answer)
        return answer


def _browser(request: StrictRequest) -> str:
    """Keeps two strangers apart who happen to begin with the same poor key."""
    return digest([request.headers.get("user-agent"), request.headers.get("accept-language")])[:16]
