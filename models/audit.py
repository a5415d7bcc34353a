"""What staff changed, and what of people they read, as it is told."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from models.ids import UserId
from models.roles import Role

PERSONAL = "personal"
"""Stands in the log for what a field of a person's holds."""


class Actor(msgspec.Struct, frozen=True):
    """Who changed something."""

    id: UserId
    email: str | None
    """As it is now; null once the account was erased."""


class Author(msgspec.Struct, frozen=True):
    """Who of the staff asks for something that is done later, in a transaction of its own."""

    user: UserId
    request_id: str | None = None
    address: str | None = None
    """Where they ask from."""
    roles: tuple[Role, ...] = ()
    """What they may act as while they ask, in the order of their definition."""

    @property
    def actor(self) -> str:
        """How timelines and ledgers name them; buyers are told the word before the slash."""
        return f"staff/{self.user}"


class Change(msgspec.Struct, frozen=True):
    """One thing that staff changed or read."""

    id: UUID
    at: datetime
    actor: Actor | None
    """Null: a command at the server itself."""
    roles: list[Role]
    """What they had then, whatever they have now: they acted as one of these. Empty: a command at the server itself."""
    action: str
    """What was done to what: `coupon.create`, `user.archive`; `order.read`: somebody looked at it, that hour."""
    subject: str
    """What was changed: a code, a number, or an account's id."""
    before: Any
    """The fields that changed, as they were; null: it is new."""
    after: Any
    """The fields that changed, as they are since; null: it is gone."""
    reason: str | None
    request_id: str | None
    """The `X-Request-Id` of the request that did it: the logs have it too."""
    address: str | None = None
    """Where it was asked from: an address, or the network of one of IPv6; null: nobody knows."""
