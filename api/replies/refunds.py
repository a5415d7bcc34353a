"""What buyers are told of money that went back."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from models.money import Money
from models.refund import RefundedItem, RefundOutline, RefundStatus


class RefundReply(msgspec.Struct, frozen=True):
    """Money of an order that went back."""

    n: int
    """Counts the refunds of the order."""
    status: RefundStatus
    """`open`: on its way. `failed`: it did not arrive; the shop sees to it."""
    amount: Money
    to_provider: Money
    """Of it, to the card or account that was paid with."""
    to_credit: Money
    """Of it, to gift cards or store credit."""
    items: list[RefundedItem]
    """What it is for; empty where an amount went back without naming what for."""
    created_at: datetime
    settled_at: datetime | None
    """When it arrived, or failed."""
    gift_card: bool = False
    """All of it is on a new gift card, whose code was mailed; or it pays for what is sent in exchange."""


def refund_replies(refunds: Iterable[RefundOutline]) -> list[RefundReply]:
    """Refunds as the buyer sees them: without what staff wrote."""
    return [
        RefundReply(each.n, each.status, each.amount, each.to_provider, each.to_credit, list(each.items),
                    each.created_at, each.settled_at, each.gift_card)
        for each in refunds
    ]  # fmt: skip
