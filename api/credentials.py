"""What proves an account's owner: a password, compared outside of any transaction because that takes a while."""

from urllib.parse import urlsplit

import msgspec

from api.context import House
from models.ids import UserId
from models.password import check
from models.tables import user as users


class Proof(msgspec.Struct, frozen=True):
    """A password that was right."""

    user: UserId
    kept: str
    """The hash it was compared with."""
    rehashed: str | None
    """What to keep from now on, where the other was made with parameters of old."""


class Outdated(Exception):
    """The account got another password, or was closed, while one was being compared."""


def must_be_good(house: House, password: str, *about: str | None) -> None:
    """Raises: Refusal `password_unacceptable` for one that a stranger would guess, knowing the shop and `about`."""
    check(password, *about, urlsplit(house.settings.public_url).hostname)


async def proof_of(house: House, who: str | UserId, password: str) -> Proof | None:
    """Whether this is the password of an address or account; None, as late as for a wrong one, if there is no account.

    Raises: Unavailable when too many are being compared.
    """
    kept = await users.kept_of(house.database, who)
    secret = kept.password_hash if kept else None
    right = await house.passwords.matches(secret, password)
    if kept is None or secret is None or not right:
        return None
    outdated = house.passwords.is_outdated(secret)
    return Proof(kept.user, secret, await house.passwords.hashed(password) if outdated else None)
