"""Makes cached answers old, when what they are about has changed."""

from uuid import uuid4

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError
from temporalio import activity

from models import cache
from models.errors import Unavailable

PATIENCE = 1.0
"""Seconds for a command."""


class DropAnswers(msgspec.Struct, frozen=True):
    """These have changed, in the words of `models/cache.py`."""

    about: tuple[str, ...]


class AnswerActivities:
    """Needs Redis."""

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url

    @activity.defn
    async def drop_answers(self, request: DropAnswers) -> None:
        """Let no cached answer be given again that is about one of these; all others stay.

        Changes: versions in Redis.
        Again: answers made meanwhile are made once more.
        Undo: nothing.
        """
        new, kept = uuid4().hex, int(cache.VERSIONS_KEPT.total_seconds())
        try:
            async with (
                Redis.from_url(self._url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE) as redis,
                redis.pipeline(transaction=False) as commands,
            ):
                for about in request.about:
                    commands.set(cache.version(about), new, ex=kept)
                await commands.execute()
        except (RedisError, OSError, TimeoutError) as away:
            raise Unavailable("redis", str(away)) from away
