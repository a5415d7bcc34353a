"""Goods that come back: where a return may stand, who can move it, until when one can be asked for, and its units."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from models.audit import Author
from models.errors import Refusal
from models.exchange import Exchange
from models.ids import OrderId, OrderNumber, ReturnId
from models.money import Money
from models.position import Position, Taken, take
from models.refund import RefundedItem, RefundStatus, RefundWish
from models.shipment import Shipment

WITHIN = timedelta(days=30)
"""How long a return can be asked for, unless the shop says otherwise."""


class ReturnStatus(StrEnum):
    """Where one return stands."""

    REQUESTED = "requested"
    """Asked for: its units are set apart, so that nobody returns them a second time."""
    APPROVED = "approved"
    """The buyer may send the goods."""
    REJECTED = "rejected"
    RECEIVED = "received"
    """A parcel came; nobody has looked into it."""
    INSPECTED = "inspected"
    """Goods are back on the shelf or written off, and the money is reserved to go back."""
    SETTLED = "settled"
    """Its refund is over, or nothing was to be refunded."""
    EXPIRED = "expired"
    """The goods never came."""


_R = ReturnStatus

RETURN_MOVES: Mapping[ReturnStatus, frozenset[ReturnStatus]] = {
    _R.REQUESTED: frozenset({_R.APPROVED, _R.REJECTED}),
    _R.APPROVED: frozenset({_R.RECEIVED, _R.EXPIRED}),
    _R.RECEIVED: frozenset({_R.INSPECTED}),
    _R.INSPECTED: frozenset({_R.SETTLED}),
    _R.REJECTED: frozenset(),
    _R.SETTLED: frozenset(),
    _R.EXPIRED: frozenset(),
}
"""From each status, where a return may go next. An empty set is an end."""


class ReturnAction(StrEnum):
    """What staff can do with a return."""

    APPROVE = "approve"
    REJECT = "reject"
    RECEIVE = "receive"
    INSPECT = "inspect"


RETURN_ACTIONS: Mapping[ReturnAction, ReturnStatus] = {
    ReturnAction.APPROVE: _R.APPROVED,
    ReturnAction.REJECT: _R.REJECTED,
    ReturnAction.RECEIVE: _R.RECEIVED,
    ReturnAction.INSPECT: _R.INSPECTED,
}
"""What each makes of a return; it is possible wherever the moves allow that."""


def return_actions(status: ReturnStatus) -> list[ReturnAction]:
    """What staff can do with a return that stands there."""
    return [action for action, end in RETURN_ACTIONS.items() if end in RETURN_MOVES[status]]


class ReturnItem(msgspec.Struct, frozen=True):
    """Units of one thing."""

    sku: str
    quantity: int
    exchange_sku: str | None = None
    """What is wanted instead; None: the money."""


class InspectedItem(msgspec.Struct, frozen=True):
    """What became of the units of one thing."""

    sku: str
    restocked: int
    written_off: int


class ReturnWish(msgspec.Struct, frozen=True):
    """What somebody wants to send back."""

    key: str
    """Names the request: an order has one return a key, however often it is asked for."""
    reason: str
    """The buyer's own words: kept with the return alone."""
    actor: str
    items: tuple[ReturnItem, ...]
    digest: str = ""
    """Of the request: another one under the same key was not meant."""


class ReturnLine(msgspec.Struct, frozen=True):
    """Units of one position of the order, and what became of them."""

    sku: str
    name: str
    quantity: int
    """Asked for."""
    received: int = 0
    """Of these, came."""
    restocked: int = 0
    """Of what came, for sale again."""
    written_off: int = 0
    """Of what came, not."""
    exchange_sku: str | None = None
    """Wanted instead; null: the money."""


class Return(msgspec.Struct, frozen=True):
    """One return of an order, as Postgres holds it."""

    id: ReturnId
    order_id: OrderId
    order_number: OrderNumber
    n: int
    """Counts the returns of the order, from 1."""
    key: str
    digest: str
    status: ReturnStatus
    reason: str
    lines: tuple[ReturnLine, ...]
    requested_at: datetime
    decision: str | None = None
    """Why it was rejected."""
    decided_at: datetime | None = None
    send_until: datetime | None = None
    """Once approved: the goods have to be there by then."""
    received_at: datetime | None = None
    inspected_at: datetime | None = None
    settled_at: datetime | None = None
    """When it was over, whatever way."""
    fee: Money | None = None
    """Kept of what the goods cost; None: nothing."""
    refund: int | None = None
    """Number of the order's refund that it brought about; None: none."""
    refund_status: RefundStatus | None = None
    exchange: Exchange | None = None
    """Once inspected, what became of the wish for other goods; None: there was none, or not yet."""

    @property
    def wants_goods(self) -> bool:
        """Whether its buyer wants other goods instead of the money."""
        return any(line.exchange_sku is not None for line in self.lines)


class InspectionWish(msgspec.Struct, frozen=True):
    """What somebody found in the parcel."""

    actor: str
    items: tuple[InspectedItem, ...] = ()
    """None: all of it is as good as new."""
    fee: Money | None = None
    location: str | None = None
    """Code of where restocked goods lie; None: where they came from."""
    reason: str = ""
    author: Author | None = None


def choose(positions: Sequence[Position], wanted: Mapping[str, int]) -> Taken:
    """What comes back. `left` of a position is what could.

    Raises: Refusal `unknown_sku` for what is not among them; `nothing_to_return` with
    `items: [{sku, requested, left}]` when fewer units are left.
    """
    return take(positions, wanted, "nothing_to_return", "Not so many units are there that could come back.")


Sorted = list[tuple[Position, int, int]]
"""Positions with their good units and their bad ones."""


def sort_out(arrived: Sequence[Position], wish: InspectionWish) -> Sorted:
    """Raises: Refusal `return_mismatch` when it is not told of every unit that came what became of it."""
    if not wish.items:
        return [(each, each.left, 0) for each in arrived if each.left]
    said = {item.sku: item for item in wish.items}
    came = {each.sku: each.left for each in arrived if each.left}
    wrong = [
        {"sku": sku, "received": came.get(sku, 0),
         "told": said[sku].restocked + said[sku].written_off if sku in said else 0}
        for sku in sorted({*came, *said})
        if sku not in said or said[sku].restocked + said[sku].written_off != came.get(sku, 0)
    ]  # fmt: skip
    if wrong or len(said) != len(wish.items):
        raise Refusal("return_mismatch", "Tell of each unit that came what became of it.", items=wrong)
    return [(each, said[each.sku].restocked, said[each.sku].written_off) for each in arrived if each.left]


def pays(goods: Return, found: Sorted, wish: InspectionWish) -> RefundWish:
    """What goes back for what was found in a parcel."""
    items = tuple(RefundedItem(each.sku, good + bad) for each, good, bad in found)
    return RefundWish(
        f"return/{goods.id}", f"return {goods.n}", wish.actor, items=items, fee=wish.fee, up_to=True, author=wish.author
    )


def summed(items: Sequence[ReturnItem]) -> dict[str, int]:
    """Units by SKU, should one be named twice."""
    units: dict[str, int] = {}
    for item in items:
        units[item.sku] = units.get(item.sku, 0) + item.quantity
    return units


def closes_at(parcels: Sequence[Shipment], within: timedelta) -> datetime | None:
    """Until when a return can be asked for: so long after the last parcel arrived, or left. None: nothing has left."""
    times = [each.delivered_at or each.shipped_at for each in parcels]
    return max(times) + within if times else None


def workflow_id(order: UUID, n: int) -> str:
    """The id of the workflow that owns an order's `n`-th return."""
    return f"return/{order}/{n}"
