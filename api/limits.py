"""How often somebody may ask, counted in Redis so that all API processes together keep to it.

The general limit is spent from blocks of permits that a process takes ahead, so that Redis is asked once a block. The
limits at the doors to an account are exact: counted one by one, for the address and for the account that is tried.
"""

import asyncio
import hmac
import math
import time
from collections.abc import Callable
from contextvars import ContextVar
from enum import Enum
from functools import lru_cache, partial
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import structlog
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from models.environment import Rate
from models.errors import Refusal, Unavailable
from models.ids import SessionId
from models.session import read_refresh_token
from models.settings import ApiSettings

log = structlog.get_logger()
_asking: ContextVar[Callable[[], str] | None] = ContextVar("asking", default=None)
AWAY = (RedisError, OSError, TimeoutError)

REDIS_PAUSE = 5.0
"""Seconds without asking Redis for permits after it failed; meanwhile everybody passes."""
ATTEMPT_PATIENCE = 1.0
"""Seconds that an attempt waits for Redis, and that the next ones are refused at once when it did not answer: longer
than a read would wait, because nobody passes without."""
ATTEMPT_CONNECTIONS = 8
"""A crowd at the doors waits for one of these, instead of opening as many as it is."""
LARGEST_BLOCK = 1000
"""Permits that a process takes ahead at most."""
BLOCKS = 20
"""Into how many blocks a general limit is cut: what processes hold and do not need is lost to the others."""
MOST_HELD = 50_000
"""Callers whose permits are in memory at most, some 15 MB."""
HEADERS_IN_SCOPE = "holdfast.rate_limit"
"""Where the headers of an answer wait for `api/door.py`, in the request's ASGI scope."""


class Limit(Enum):
    """What is counted by itself. An operation names its own as `limited=`, beside the general one that all have.

    Its body then names the account that is tried, as `email` or as `refresh_token`, unless it is that of who is signed
    in; it is counted once it is read.
    """

    UNCOUNTED = "uncounted"
    """Not even the general one: for machines that prove themselves."""
    REGISTER = "register"
    LOGIN = "login"
    FORGOT = "forgot"
    OTP = "otp"
    REFRESH = "refresh"
    GIFT_CARD = "gift_card"
    """Codes of gift cards tried: whoever guesses one has its money."""

    @property
    def closed_without_redis(self) -> bool:
        """Whether nobody passes while nobody can count: a code of six digits is guessed in no time."""
        return self is not Limit.REFRESH


class _Permits:
    """What one caller may still do in this window, as far as this process took it from Redis."""

    __slots__ = ("exhausted", "held", "lock", "rest")

    def __init__(self) -> None:
        self.held = 0
        self.rest = 0
        """What was left for all processes when Redis was last asked."""
        self.exhausted = False
        self.lock = asyncio.Lock()


class Limits:
    """The counts of one process, and the way to the others' through Redis."""

    def __init__(self, redis: Redis, settings: ApiSettings) -> None:
        self._key = settings.secret_key
        self._hops = settings.forwarded_hops
        self._general = settings.rate_limits.general
        rates = {limit: getattr(settings.rate_limits, limit.value, None) for limit in Limit}
        self._items = {
            limit: RateLimitItemPerSecond(rate.amount, rate.seconds) for limit, rate in rates.items() if rate
        }
        self._doors = BlockingConnectionPool.from_url(
            settings.redis_url, max_connections=ATTEMPT_CONNECTIONS, timeout=ATTEMPT_PATIENCE,
            socket_timeout=ATTEMPT_PATIENCE, socket_connect_timeout=ATTEMPT_PATIENCE, retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self._storage = _storage(redis.connection_pool)
        self._moving = MovingWindowRateLimiter(_storage(self._doors))
        self._permits_from = self._attempts_from = 0.0
        self._window = 0
        self._permits: dict[str, _Permits] = {}

    async def pass_by(self, scope: Any, session: SessionId | None) -> None:
        """Count a request for its sign-in, or for its address without one. Raises: Refusal `too_many_requests`."""
        _asking.set(partial(self.address, scope))
        rate = self._general
        if rate is None:
            return
        now = time.time()
        window, into = divmod(now, rate.seconds)
        who = session.hex if session else self.address(scope)
        permits = self._permits_of(who, int(window))
        if permits.held < 1 and not permits.exhausted:
            async with permits.lock:
                if permits.held < 1 and not permits.exhausted:
                    await self._take(permits, rate, f"general/{who}/{int(window)}")
        wait = math.ceil(rate.seconds - into)
        if permits.held < 1:
            _tell(scope, rate.amount, rate.seconds, 0, wait)
            raise _refusal("general", rate.amount, rate.seconds, wait)
        permits.held -= 1
        _tell(scope, rate.amount, rate.seconds, permits.held + permits.rest, wait)

    async def attempt(self, scope: Any, limit: Limit, body: object, signed_in: object = None) -> None:
        """Count an attempt at a door to an account: for the address first, so that one who is refused there spends
        nothing of the account's. Raises: Refusal `too_many_requests`; Unavailable when nobody can count.
        """
        item = self._items.get(limit)
        if item is None:
            return
        seconds = item.get_expiry()
        least, wait = item.amount, 0
        for subject in (f"address/{self.address(scope)}", self._account(body, signed_in)):
            if subject is None:
                continue
            counted = await self._count(item, limit.value, subject)
            if counted is None:
                if limit.closed_without_redis:
                    raise Unavailable("redis", "attempts cannot be counted")
                return
            passed, left, until = counted
            if left <= least:
                least, wait = left, until
            if not passed:
                _tell(scope, item.amount, seconds, 0, until)
                raise _refusal(limit.value, item.amount, seconds, until)
        _tell(scope, item.amount, seconds, least, wait)

    async def _count(self, item: RateLimitItem, *name: str) -> tuple[bool, int, int] | None:
        """Whether one more is within the limit, how many are left, and the seconds until there is one more.

        None: Redis is away.
        """
        if time.monotonic() < self._attempts_from:
            return None
        try:
            passed = await self._moving.hit(item, *name)
            stats = await self._moving.get_window_stats(item, *name)
        except AWAY as error:
            self._attempts_from = time.monotonic() + ATTEMPT_PATIENCE
            log.warning("redis is away", reason=str(error), pause=ATTEMPT_PATIENCE)
            return None
        return passed, stats.remaining if passed else 0, max(1, math.ceil(stats.reset_time - time.time()))

    async def close(self) -> None:
        """Hang up."""
        await self._doors.aclose()

    def address(self, scope: Any) -> str:
        """Whom the request comes from: the socket's other end, or what the proxies that we trust have seen.

        The network of an IPv6 address: whoever has one address of it has them all.
        """
        client = scope.get("client")
        found = client[0] if client else ""
        if self._hops:
            seen = [
                part.strip()
                for name, value in scope["headers"] if name == b"x-forwarded-for"
                for part in value.decode("latin-1").split(",")
            ]  # fmt: skip
            if seen:
                return _network(seen[-min(self._hops, len(seen))]) or _network(found) or "unknown"
        return _network(found) or "unknown"

    def _permits_of(self, who: str, window: int) -> _Permits:
        if window != self._window:  # nobody's permits outlive their window
            self._window = window
            self._permits.clear()
        found = self._permits.get(who)
        if found is None:
            if len(self._permits) >= MOST_HELD:
                del self._permits[next(iter(self._permits))]
            found = self._permits[who] = _Permits()
        return found

    async def _take(self, permits: _Permits, rate: Rate, key: str) -> None:
        block = max(1, min(rate.amount // BLOCKS, LARGEST_BLOCK))
        if time.monotonic() < self._permits_from:
            permits.held, permits.rest = 1, rate.amount - 1
            return
        try:
            taken = await self._storage.incr(key, rate.seconds, block)
        except AWAY as error:
            self._permits_from = time.monotonic() + REDIS_PAUSE
            log.warning("redis is away", reason=str(error), pause=REDIS_PAUSE)
            taken = block
        permits.held = max(0, min(block, rate.amount - taken + block))
        permits.rest = max(0, rate.amount - taken)
        permits.exhausted = permits.rest == 0

    def _account(self, body: object, signed_in: object) -> str | None:
        email = getattr(body, "email", None) or getattr(signed_in, "email", None)
        if isinstance(email, str):
            return f"account/{hmac.digest(self._key, b'rate limit ' + email.casefold().encode(), sha256).hex()[:32]}"
        token = getattr(body, "refresh_token", None)
        try:
            return f"session/{read_refresh_token(self._key, token).session.hex}" if isinstance(token, str) else None
        except Refusal:
            return None  # forged: nobody's


def asking_from() -> str | None:
    """Where the request that is answered now comes from; None: it is none that was let pass."""
    address = _asking.get()
    return address() if address else None


def _storage(pool: ConnectionPool) -> RedisStorage:
    options: dict[str, Any] = {"connection_pool": pool}
    return RedisStorage("redis://", implementation="redispy", key_prefix="limits", **options)


def _refusal(name: str, amount: int, seconds: int, wait: int) -> Refusal:
    return Refusal(
        "too_many_requests", f"At most {amount} requests in {seconds} s: try again in {wait} s.",
        limit=name, most=amount, seconds=seconds, retry_after=wait,
    )  # fmt: skip


def _tell(scope: Any, amount: int, seconds: int, left: int, wait: int) -> None:
    """Have the answer say it, in the words of draft-ietf-httpapi-ratelimit-headers-07."""
    scope[HEADERS_IN_SCOPE] = [
        (b"ratelimit-limit", b"%d" % amount), (b"ratelimit-policy", b"%d;w=%d" % (amount, seconds)),
        (b"ratelimit-remaining", b"%d" % left), (b"ratelimit-reset", b"%d" % wait),
    ]  # fmt: skip


@lru_cache(10_000)
def _network(text: str) -> str | None:
    """An address as it is counted; None: it is none. Some proxies add the port."""
    host = text[1:].partition("]")[0] if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ip_address(host)
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((int(found), 64), strict=False))
    return str(found)
