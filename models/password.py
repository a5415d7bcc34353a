"""Passwords: which ones will do, and how one is kept so that nobody, ourselves included, can read it.

The rules are NIST SP 800-63B's: length, and nothing that is guessed first; no rules of composition. Kept as Argon2id
with the parameters of RFC 9106 for machines with little memory, which are argon2-cffi's own.
"""

import asyncio
import base64
import os
import re
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Annotated, TypeVar

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from models.errors import Refusal, Unavailable

T = TypeVar("T")

SHORTEST, LONGEST = 8, 128
"""Characters, once they are written in one way (NFKC)."""
Password = Annotated[
    str,
    msgspec.Meta(
        max_length=1024, examples=["correct horse battery staple"],
        description=f"{SHORTEST} to {LONGEST} characters, any: blanks, umlauts and emoji count like letters.",
    ),
]  # fmt: skip
"""As a client sends it. The schema only keeps novels out: what is too short or too long is told by its reason."""

AT_ONCE = min(max(os.cpu_count() or 1, 2), 4)
"""Passwords hashed side by side; each takes 64 MiB and a tenth of a second."""
MOST_WAITING = 100
"""Passwords that may wait for their turn, some seconds' work; more are sent away."""

_COMMON = frozenset(password for password in FREQUENCY_LISTS["passwords"] if len(password) >= SHORTEST)
_SHOP = "holdfast"
_ADDED = 6
"""Characters that a password needs beside one's own name for that to be no guess."""


def check(password: str, *about: str | None) -> None:
    """Raises: Refusal `password_unacceptable` for one that somebody would guess; `about`: words tied to its owner.

    Facts: `reason` (`too_short`, `too_long`, `common`, `repetitive`, `personal`), `shortest`, `longest`.
    """
    plain = normalized(password)
    folded = plain.casefold()
    if len(plain) < SHORTEST:
        raise _unacceptable("too_short", f"A password has at least {SHORTEST} characters.")
    if len(plain) > LONGEST:
        raise _unacceptable("too_long", f"A password has at most {LONGEST} characters.")
    if folded in _COMMON:
        raise _unacceptable("common", "This password is one of the first that are tried: take another.")
    if _is_repetitive(folded):
        raise _unacceptable("repetitive", "This password only repeats or counts: take another.")
    if _is_personal(folded, *about):
        raise _unacceptable("personal", "This password is little more than a name or an address: take another.")


def normalized(password: str) -> str:
    """One way of writing it: keyboards differ in how they send an accent."""
    return unicodedata.normalize("NFKC", password)


class Passwords:
    """Hashes and compares passwords in threads of its own, a few at a time: the event loop never waits for one."""

    def __init__(self, hasher: PasswordHasher | None = None, at_once: int = AT_ONCE) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(at_once, "passwords")
        self._most = at_once + MOST_WAITING
        self._under_way = 0
        self._nobodys = _cost_of(self._hasher)

    async def hashed(self, password: str) -> str:
        """What is kept of a password. Raises: Unavailable when too many wait."""
        return await self._in_turn(lambda: self._hasher.hash(normalized(password)))

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether `password` is the one kept; None, for an account that is not there, takes as long to say no.

        Raises: Unavailable when too many wait.
        """
        return await self._in_turn(lambda: self._verified(kept or self._nobodys, password))

    def is_outdated(self, kept: str) -> bool:
        """Whether it was kept with other parameters than today's, so that it has to be hashed anew at its next use."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verified(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, normalized(password))
        except VerifyMismatchError:
            return False

    async def _in_turn(self, work: Callable[[], T]) -> T:
        if self._under_way >= self._most:
            raise Unavailable("passwords", "too many are being checked at this moment")
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= 1


def generated() -> str:
    """A password of 120 bits for a machine to make and a person to copy."""
    return secrets.token_urlsafe(15)


def _unacceptable(reason: str, detail: str) -> Refusal:
    return Refusal("password_unacceptable", detail, reason=reason, shortest=SHORTEST, longest=LONGEST)


def _is_repetitive(password: str) -> bool:
    """`abababab`, `11111111`, `abcdefghij`, `87654321`."""
    steps = {ord(later) - ord(earlier) for earlier, later in pairwise(password)}
    repeated = any((password[:unit] * len(password))[: len(password)] == password for unit in (1, 2, 3))
    return repeated or steps in ({1}, {-1})


def _is_personal(password: str, *about: str | None) -> bool:
    """Little is added to a word of these; words of three letters are part of too many others."""
    words = {_SHOP}
    for text in about:
        folded = normalized(text or "").casefold()
        words |= {folded, *re.findall(r"\w{4,}", folded)} - {""}
    return any(word in password and len(password) - len(word) < _ADDED for word in words)


def _cost_of(hasher: PasswordHasher) -> str:
    """A hash of nobody's password, whose comparison costs what a real one's does."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).rstrip(b"=").decode()
        for length in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"
