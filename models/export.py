"""Everything that the shop holds about somebody, in the shape in which they get it."""

from datetime import datetime
from typing import Any

import msgspec

from models.address import Address, AddressKind
from models.money import Money
from models.order import Shipping, UsedCoupon
from models.totals import Totals
from models.user import User


class ExportedAddress(msgspec.Struct, frozen=True):
    """An entry of the address book."""

    kind: AddressKind
    address: Address
    is_default: bool
    created_at: datetime


class ExportedItem(msgspec.Struct, frozen=True):
    """Something in the cart."""

    sku: str
    name: str
    quantity: int
    added_at: datetime


class ExportedCart(msgspec.Struct, frozen=True):
    """The cart as it is; null: nothing was ever put in."""

    currency: str
    items: list[ExportedItem]
    coupons: list[str]
    """Codes."""
    gift_cards: list[str]
    """The last four characters of each code."""
    updated_at: datetime


class ExportedWish(msgspec.Struct, frozen=True):
    """Something on the wishlist."""

    slug: str
    name: str
    added_at: datetime


class ExportedReview(msgspec.Struct, frozen=True):
    """What they said of a product."""

    slug: str
    stars: int
    title: str | None
    body: str
    status: str
    rejection_reason: str | None
    verified_purchase: bool
    created_at: datetime
    edited_at: datetime | None


class ExportedVote(msgspec.Struct, frozen=True):
    """A review of somebody else that they found helpful."""

    slug: str
    """Of the product it is about."""
    created_at: datetime


class ExportedLook(msgspec.Struct, frozen=True):
    """A product that they looked at, once a day, in the last 30 days."""

    slug: str
    viewed_at: datetime


class ExportedCard(msgspec.Struct, frozen=True):
    """A card that is kept, or was."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool
    created_at: datetime
    removed_at: datetime | None


class ExportedSession(msgspec.Struct, frozen=True):
    """A sign-in."""

    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_for: str | None
    user_agent: str | None


class ExportedNotification(msgspec.Struct, frozen=True):
    """Something that they were told inside the shop."""

    kind: str
    order_number: str | None
    facts: dict[str, Any]
    created_at: datetime
    read_at: datetime | None


class ExportedLetter(msgspec.Struct, frozen=True):
    """A mail about the account; those about orders follow from what happened to them."""

    template: str
    created_at: datetime
    settled_at: datetime | None
    """When it was sent, or given up for what `error` says."""
    error: str | None


class ExportedEntry(msgspec.Struct, frozen=True):
    """A movement of the store credit."""

    amount: Money
    """Negative: taken."""
    operation: str
    reason: str
    at: datetime


class ExportedLine(msgspec.Struct, frozen=True):
    """A position of an order."""

    sku: str
    name: str
    quantity: int
    unit_price: Money
    line_total: Money
    discount: Money
    tax: Money


class ExportedPayment(msgspec.Struct, frozen=True):
    """What was paid for an order, beside gift cards and store credit."""

    provider: str
    reference: str | None
    """The provider's id of it."""
    status: str
    amount: Money
    refunded: Money
    """Of it, given back or on its way."""
    error: str | None
    created_at: datetime


class ExportedRefund(msgspec.Struct, frozen=True):
    """Money of an order that went back."""

    n: int
    status: str
    amount: Money
    store_credit: bool
    """As store credit, however it was paid."""
    created_at: datetime
    settled_at: datetime | None


class ExportedReturnItem(msgspec.Struct, frozen=True):
    """Units that come back."""

    sku: str
    quantity: int


class ExportedReturn(msgspec.Struct, frozen=True):
    """Goods of an order that come back."""

    n: int
    status: str
    reason: str
    """As they said it."""
    items: list[ExportedReturnItem]
    requested_at: datetime
    settled_at: datetime | None


class ExportedEvent(msgspec.Struct, frozen=True):
    """Something that happened to an order."""

    type: str
    actor: str
    at: datetime
    facts: dict[str, Any]


class ExportedOrder(msgspec.Struct, frozen=True):
    """An order."""

    number: str
    status: str
    fulfilment_status: str
    email: str
    shipping_method: Shipping
    shipping_address: Address
    billing_address: Address
    totals: Totals
    credit: Money
    """Of the total, paid with gift cards and store credit."""
    coupons: list[UsedCoupon]
    placed_at: datetime
    cancel_reason: str | None
    lines: list[ExportedLine]
    payment: ExportedPayment | None
    refunds: list[ExportedRefund]
    returns: list[ExportedReturn]
    events: list[ExportedEvent]


class Export(msgspec.Struct, frozen=True):
    """Everything. What proves who somebody is, passwords and codes, is nobody's to read."""

    exported_at: datetime
    account: User
    provider_customer: str | None
    """As whom the payment provider knows them."""
    cart: ExportedCart | None
    addresses: list[ExportedAddress]
    wishlist: list[ExportedWish]
    reviews: list[ExportedReview]
    review_votes: list[ExportedVote]
    views: list[ExportedLook]
    payment_methods: list[ExportedCard]
    sessions: list[ExportedSession]
    store_credit: list[ExportedEntry]
    notifications: list[ExportedNotification]
    letters: list[ExportedLetter]
    orders: list[ExportedOrder]
