"""Vendors as sellers: who acts for one, what of an order is theirs, and how they are paid out."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from models.address import Address
from models.ids import OrderNumber, PayoutId, UserId, VendorId
from models.money import Money
from models.order import OrderStatus, Shipping
from models.shipment import ShipItem

PayoutAccount = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^acct_[A-Za-z0-9]{1,100}$(?!\n)", examples=["acct_1Nv0FGQ9RKHgCVdK"],
        description="The vendor's connected account at Stripe",
    ),
]  # fmt: skip


class Member(msgspec.Struct, frozen=True):
    """Somebody who acts for a vendor."""

    user: UserId
    email: str
    first_name: str | None
    last_name: str | None
    created_at: datetime
    """Since when."""


class CommissionRule(msgspec.Struct, frozen=True):
    """What the shop keeps of what vendors sell, where no more specific rule says another thing."""

    id: UUID
    vendor: str | None
    """Slug; null: of whatever vendor."""
    category: str | None
    """Slug, with all that stands in it; null: of whatever category."""
    currency: str | None
    """Null: in whatever currency."""
    ppm: int
    """Of what the goods cost without tax, parts per million."""
    fixed: int
    """Besides, minor units of `currency` a position."""
    created_at: datetime


class PayoutStatus(StrEnum):
    """Where one payout stands."""

    OPEN = "open"
    """Its amount is fixed, and taken out of what is owed; it is on its way."""
    PAID = "paid"
    FAILED = "failed"
    """The provider said no: it is owed again, and in the next payout."""


PAYOUT_MOVES: Mapping[PayoutStatus, frozenset[PayoutStatus]] = {
    PayoutStatus.OPEN: frozenset({PayoutStatus.PAID, PayoutStatus.FAILED}),
    PayoutStatus.PAID: frozenset(),
    PayoutStatus.FAILED: frozenset(),
}
"""From each status, where a payout may go next."""


class Payout(msgspec.Struct, frozen=True):
    """Money that a vendor gets at once, for all that was owed."""

    id: PayoutId
    vendor_id: VendorId
    vendor: str
    """Slug."""
    amount: Money
    day: date
    destination: str
    """The vendor's account at the provider."""
    status: PayoutStatus
    created_at: datetime
    reference: str | None = None
    """The provider's id of the transfer."""
    error: str | None = None
    """Why it failed."""
    settled_at: datetime | None = None

    @property
    def group(self) -> str:
        """As the provider lists it: it is looked for by this before it is sent."""
        return f"payout/{self.id}"

    @property
    def workflow_id(self) -> str:
        """Of its owner."""
        return workflow_id(self.vendor_id, self.amount.currency, self.day)


class ProviderTransfer(msgspec.Struct, frozen=True):
    """What the provider says of a transfer."""

    reference: str | None
    """Its id of it; None: it refuses, and will again."""
    code: str | None = None
    detail: str | None = None

    @property
    def why(self) -> str:
        """Why it refuses."""
        return self.detail or self.code or "the provider does not say why"


class Balance(msgspec.Struct, frozen=True):
    """What the shop owes a vendor in one currency."""

    owed: Money
    """What the next payout is made of; negative: more went back to buyers than was owed, and the next sales make up."""
    paid: Money
    """Paid out so far, and on its way."""


class VendorOrderItem(msgspec.Struct, frozen=True):
    """A position of an order that the vendor sold."""

    sku: str
    name: str
    quantity: int
    shipped: int
    """Units that have left."""
    cancelled: int
    """Units that never will."""
    returned: int
    """Units that came back, or are to."""
    unit_price: Money
    line_total: Money
    """Before the discount."""
    discount: Money
    tax: Money


class VendorParcel(msgspec.Struct, frozen=True):
    """A parcel with something of the vendor's in it."""

    n: int
    carrier: str
    tracking: str
    items: tuple[ShipItem, ...]
    """The vendor's alone."""
    shipped_at: datetime
    delivered_at: datetime | None


class Earning(msgspec.Struct, frozen=True):
    """What the vendor's part of an order comes to."""

    goods: Money
    """What the buyer pays for the goods, discount and tax taken off."""
    commission: Money
    """Of that, the shop's."""
    share: Money
    """Of that, the vendor's, once all of it is paid."""
    earned: Money
    """Of their share, what is theirs now: what was taken of the buyer, and has not gone back."""


class VendorOrderCard(msgspec.Struct, frozen=True):
    """An order in a vendor's list: the vendor's part of it."""

    id: UUID
    number: OrderNumber
    status: OrderStatus
    units: int
    """Of the vendor's goods."""
    open_units: int
    """Of these, still to be sent."""
    placed_at: datetime
    created_at: datetime
    """When the vendor got it."""
    earning: Earning


class VendorOrder(msgspec.Struct, frozen=True):
    """The vendor's part of an order."""

    number: OrderNumber
    status: OrderStatus
    """Of the order as a whole."""
    items: tuple[VendorOrderItem, ...]
    shipments: tuple[VendorParcel, ...]
    shipping_address: Address
    shipping_method: Shipping
    placed_at: datetime
    earning: Earning
    workflow_id: str = ""
    """Of the order's owner; never shown."""


def workflow_id(vendor: UUID, currency: str, day: date) -> str:
    """The id of the workflow that pays a vendor out on one day."""
    return f"payout/{vendor}/{currency}/{day.isoformat()}"


_MINIMA = re.compile(r"([a-z]{3}):(\d{1,12})", re.ASCII)


def minima(text: str) -> dict[str, int] | None:
    """`usd:2500,eur:2500` as minor units by currency; None: it does not look like that."""
    found = [_MINIMA.fullmatch(each.strip()) for each in text.split(",")] if text.strip() else []
    if not all(found) or len({each[1] for each in found if each}) != len(found):
        return None
    return {each[1]: int(each[2]) for each in found if each}
