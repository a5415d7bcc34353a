"""Somebody with an account: a buyer, a vendor or one of the staff."""

from datetime import datetime

import msgspec

from models.ids import SessionId, UserId
from models.roles import Role


class User(msgspec.Struct, frozen=True):
    """An account as Postgres holds it, without what proves who it is."""

    id: UserId
    email: str
    roles: tuple[Role, ...]
    first_name: str | None
    last_name: str | None
    phone: str | None
    locale: str
    """BCP 47: `en`, `de-AT`."""
    marketing_consent: bool
    created_at: datetime
    archived_at: datetime | None = None
    """Set: staff closed it, or its owner erased it; nobody can sign in."""


class SignedIn(msgspec.Struct, frozen=True):
    """Who a living session belongs to, asked anew at each request: roles taken away are gone at once."""

    user: UserId
    session: SessionId
    email: str
    roles: frozenset[Role]
