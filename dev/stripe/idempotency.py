"""Idempotency keys as Stripe keeps them: the first answer, replayed for 24 hours."""

import hashlib
from typing import NamedTuple

from dev.stripe.call import DAY
from dev.stripe.errors import StripeError, invalid
from dev.stripe.store import Store

LONGEST = 255


class Stored(NamedTuple):
    """An answer given before under this key."""

    status: int
    body: bytes
    request_id: str


def fingerprint(method: str, path: str, body: str) -> str:
    """What a key was used for: same endpoint, same parameters in any order."""
    parameters = "&".join(sorted(body.split("&")))
    return f"{method} {path} {hashlib.blake2b(parameters.encode(), digest_size=16).hexdigest()}"


class IdempotencyKeys:
    """Which keys were used for what; the ones in use right now live in memory only."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.in_use: set[str] = set()

    def acquire(self, key: str, used_for: str, now: int) -> Stored | None:
        """The answer stored under the key, or None and the key is the caller's until `release`.

        Raises: StripeError idempotency_error (400) for another endpoint or other parameters,
            idempotency_key_in_use (409) while a first request is still running.
        """
        name = key.partition(":")[2]
        if len(name) > LONGEST:
            raise invalid(f"Idempotency keys can be at most {LONGEST} characters long.")
        if key in self.in_use:
            raise StripeError(
                409,
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {name}. Please try again later.",
                type="idempotency_error",
                code="idempotency_key_in_use",
                executed=False,
                retry=True,
            )
        sql = "SELECT fingerprint, at, request_id, status, body FROM idempotency WHERE key = ?"
        for before, at, request_id, status, body in self.store.rows(sql, key):
            if now - at >= DAY:
                break
            if before != used_for:
                raise mismatch(name, before, used_for)
            return Stored(status, body, request_id)
        self.in_use.add(key)
        return None

    def release(self, key: str) -> None:
        self.in_use.discard(key)

    def forget_old(self, now: int) -> None:
        """Drop the answers nobody can ask for any more."""
        self.store.db.execute("DELETE FROM idempotency WHERE at <= ?", (now - DAY,))

    def keep(self, key: str, used_for: str, now: int, answer: Stored) -> None:
        """Store the answer with the effects it tells of, in the same transaction."""
        self.store.write(
            "INSERT OR REPLACE INTO idempotency (key, fingerprint, at, request_id, status, body) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            *(key, used_for, now, answer.request_id, answer.status, answer.body),
        )


def mismatch(name: str, before: str, now: str) -> StripeError:
    old_path, new_path = before.split(" ")[1], now.split(" ")[1]
    if old_path != new_path:
        message = (
            "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{new_path}' vs '{old_path}'). Try using a key other than '{name}' if you meant to execute a different "
            "request."
        )
    else:
        message = (
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
            f"using a key other than '{name}' if you meant to execute a different request."
        )
    return StripeError(400, message, type="idempotency_error", executed=False)
