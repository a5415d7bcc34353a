"""Cards that a buyer keeps with the payment provider: what people recognise them by, never a number."""

from datetime import datetime

import msgspec

MOST_KEPT = 20
"""Payment methods of one account."""


class KeptCard(msgspec.Struct, frozen=True):
    """A card as the provider keeps it."""

    reference: str
    """The provider's id: `pm_…`."""
    customer: str
    """The provider's id of whose it is: `cus_…`."""
    brand: str
    last4: str
    exp_month: int
    exp_year: int


class SavedCard(msgspec.Struct, frozen=True):
    """A card as its owner sees it."""

    reference: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool
    saved_at: datetime


class Wallet(msgspec.Struct, frozen=True):
    """What an account keeps with the provider."""

    customer: str | None
    """The provider's id of the account; None: it has kept nothing yet."""
    kept: int
    """How many cards."""
    is_open: bool
    """False: the account is closed, nothing is kept for it any more."""
