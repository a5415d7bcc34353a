"""What clients are told of an edit of an order."""

from datetime import datetime

import msgspec

from models.address import Address
from models.edit import Content, EditOutline, EditStatus, OrderEdit
from models.money import Money
from models.totals import Totals


class EditedItem(msgspec.Struct, frozen=True):
    """One position of the order, as it would be."""

    sku: str
    name: str
    quantity: int
    unit_price: Money
    line_total: Money
    """Before the discount."""
    discount: Money
    tax: Money


class BothTotals(msgspec.Struct, frozen=True):
    """What the order cost, and what it costs then."""

    before: Totals
    after: Totals


class EditReply(msgspec.Struct, frozen=True):
    """A change of an order that was asked for before it was sent."""

    n: int
    """Counts the edits of the order."""
    status: EditStatus
    """`proposed`: it waits for a yes. `committed`: the order is like this. `dropped`, `expired`: it never was."""
    items: list[EditedItem]
    """All positions, as the order would be."""
    shipping_address: Address | None
    """Where it would go; null: that stays."""
    totals: BothTotals
    difference: Money
    """What the order would cost more; negative: so much goes back."""
    expires_at: datetime
    """Until when it can be committed, and what it adds is held."""
    refund: int | None
    """Number of the order's refund that gives the difference back."""
    created_at: datetime
    settled_at: datetime | None
    """When it was over, whatever way."""


class DeskEdit(EditReply, frozen=True, kw_only=True):
    """The same, as staff see it."""

    actor: str
    """Who asked for it."""
    reason: str
    """And why."""


def edit_reply(edit: EditOutline | OrderEdit) -> EditReply:
    """An edit as the buyer sees it."""
    return EditReply(*_told(edit))


def desk_edit(edit: EditOutline | OrderEdit) -> DeskEdit:
    """An edit as staff see it."""
    return DeskEdit(*_told(edit), actor=edit.actor, reason=edit.reason)


def _told(edit: EditOutline | OrderEdit) -> tuple[
    int, EditStatus, list[EditedItem], Address | None, BothTotals, Money, datetime, int | None, datetime,
    datetime | None,
]:  # fmt: skip
    return (
        edit.n, edit.status, _items(edit.after), edit.shipping_address,
        BothTotals(edit.before.totals, edit.after.totals), edit.difference, edit.expires_at, edit.refund,
        edit.created_at, edit.settled_at,
    )  # fmt: skip


def _items(content: Content) -> list[EditedItem]:
    return [
        EditedItem(line.sku, line.name, line.quantity, line.unit_price, line.line_total, line.discount, line.tax)
        for line in content.lines
    ]
