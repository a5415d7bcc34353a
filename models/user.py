"""Somebody with an account: a buyer, a vendor or one of the staff."""

from datetime import datetime
from typing import Annotated

import msgspec

from models.ids import SessionId, UserId
from models.money import Money
from models.roles import Role

_ATOM = r"[^@\s\x00-\x1f\x7f,;:<>()\[\]\\\"]+"
"""What needs no quotes in a mail's address line, where a comma would name a second recipient."""
_LABEL = _ATOM.replace("@", "@.")
Email = Annotated[
    str, msgspec.Meta(pattern=rf"^{_ATOM}@{_LABEL}(\.{_LABEL})+$(?!\n)", max_length=254, examples=["ada@example.com"])
]
"""An address that a mail can go to."""

_SUBTAGS = (
    "[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
    "(-[A-WY-Za-wy-z0-9](-[A-Za-z0-9]{2,8})+)*(-[Xx](-[A-Za-z0-9]{1,8})+)?"
)
Locale = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{_SUBTAGS}$(?!\n)", max_length=35, examples=["de-AT"],
        description="BCP 47: language, and where it matters script and region",
    ),
]  # fmt: skip
"""A language tag as RFC 5646 spells it; whether anybody speaks it is not looked up."""


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
    marketing_consent_at: datetime | None
    """When it was last given or taken back; None: never asked."""
    created_at: datetime
    last_login_at: datetime | None
    archived_at: datetime | None = None
    """Set: staff closed it, or its owner erased it; nobody can sign in."""


class Account(User, frozen=True, kw_only=True):
    """An account as staff see it."""

    has_password: bool
    """False: its owner signs in after a password reset."""
    erasure_asked_at: datetime | None
    """Set: its owner wants to be forgotten. It never opens again."""
    erased_at: datetime | None
    """Set: and is."""
    sessions: int
    """Where it is signed in now."""
    orders: int
    """All of them, cancelled ones too."""
    ordered: list[Money]
    """Total of the orders that were not cancelled, by currency."""


class SignedIn(msgspec.Struct, frozen=True):
    """Who a living session belongs to, asked anew at each request: roles taken away are gone at once."""

    user: UserId
    session: SessionId
    email: str
    roles: frozenset[Role]
    customer: str | None = None
    """The payment provider's id of them, with whom their kept cards are good; None: they keep none."""
    locale: str = "en"
    """BCP 47."""


def spelled(locale: str) -> str:
    """A language tag as RFC 5646 recommends to write it: `de-at` → `de-AT`, `zh-hant` → `zh-Hant`."""
    language, *rest = locale.split("-")
    written, extended = [language.lower()], False
    for part in rest:
        extended = extended or len(part) == 1
        written.append(
            part.lower() if extended or len(part) not in (2, 4) or part[0].isdigit()
            else part.upper() if len(part) == 2 else part.title()
        )  # fmt: skip
    return "-".join(written)
