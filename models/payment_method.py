"""Cards that a buyer keeps with the payment provider: what people recognise them by, never a number."""

import re
from datetime import datetime
from enum import StrEnum

import msgspec

from models.ids import UserId

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
    is_erased: bool = False
    """Its owner wanted to be forgotten, by the provider too."""

    @property
    def is_full(self) -> bool:
        """Whether nothing more is kept."""
        return self.kept >= MOST_KEPT


class SetupStanding(StrEnum):
    """What the provider says of a card that somebody wants to save."""

    SAVED = "saved"
    DECLINED = "declined"
    """The bank refused it, or it is none that can be kept."""
    ACTION_REQUIRED = "action_required"
    """The buyer has to confirm with their bank (3-D Secure)."""
    METHOD_REQUIRED = "method_required"
    """The buyer's browser has still to send a card that works."""
    PROCESSING = "processing"
    CANCELED = "canceled"
    CUSTOMER_GONE = "customer_gone"
    """Somebody deleted the buyer's customer at the provider."""


class ProviderSetup(msgspec.Struct, frozen=True):
    """The saving of a card as the provider sees it."""

    standing: SetupStanding
    reference: str | None = None
    """The provider's id: `seti_…`."""
    client_secret: str | None = None
    """Lets the buyer's browser finish it."""
    redirect_url: str | None = None
    code: str | None = None
    """The provider's decline code."""
    detail: str | None = None
    """The provider's words for the buyer."""
    kept: KeptCard | None = None


def saving_workflow_id(user: UserId, key: str) -> str:
    """The id of the workflow that saves a card: the same request sent again meets the same one."""
    return f"payment-method/{user}/{key}"


_SAVING = re.compile(r"payment-method/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/[ -~]{1,255}", re.ASCII)


def is_saving_workflow_id(name: str) -> bool:
    """Whether `name`, which came from outside, is made as `saving_workflow_id` makes them."""
    return _SAVING.fullmatch(name) is not None


def removal_workflow_id(user: UserId, method: str) -> str:
    """The id of the workflow that gives a card up, here and at the provider."""
    return f"payment-method-removal/{user}/{method}"
