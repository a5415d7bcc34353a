"""Changes of an order before anything of it is sent: what may be asked for, and what the order costs then.

Pure sums. A position that stays keeps the unit price it was sold at, also for units that are added to it, and of its
discount the share of the units that stay; a new position costs what it costs today. Shipping and tax are those of the
result. So an edit that is taken back by another one leaves what was before.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from models.address import Address
from models.audit import Author
from models.cart import MOST_A_LINE, MOST_LINES
from models.errors import Refusal
from models.ids import EditId, OrderId, OrderNumber, VariantId
from models.money import Money
from models.pricing import Item, ShippingMethod, TaxRate, quote
from models.refund import share
from models.totals import TaxPart, Totals


class EditStatus(StrEnum):
    """Where one edit stands."""

    PROPOSED = "proposed"
    """Told with its price, what it adds is held; nothing of the order has changed."""
    COMMITTED = "committed"
    """The order is like this now."""
    DROPPED = "dropped"
    """Nobody wants it any more, or the order went on without it."""
    EXPIRED = "expired"
    """Nobody said yes in time."""


_E = EditStatus

EDIT_MOVES: Mapping[EditStatus, frozenset[EditStatus]] = {
    _E.PROPOSED: frozenset({_E.COMMITTED, _E.DROPPED, _E.EXPIRED}),
    _E.COMMITTED: frozenset(),
    _E.DROPPED: frozenset(),
    _E.EXPIRED: frozenset(),
}
"""From each status, where an edit may go next. An empty set is an end."""


class EditItem(msgspec.Struct, frozen=True):
    """How many units of one thing the order shall have; 0: none any more."""

    sku: str
    quantity: int


class EditWish(msgspec.Struct, frozen=True):
    """What somebody wants an order to be like."""

    key: str
    """Names the request: an order has one edit a key, however often it is asked for."""
    digest: str
    """Of the request: another one under the same key was not meant."""
    actor: str
    """For the timeline: `buyer`, or as `author` is named there."""
    items: tuple[EditItem, ...] = ()
    """Positions that are not named stay as they are."""
    shipping_address: Address | None = None
    """None: where it was to go anyway."""
    reason: str = ""
    """Whoever asks says why: kept with the edit alone."""
    author: Author | None = None
    """Who of the staff asks."""


class EditedLine(msgspec.Struct, frozen=True):
    """One position of an order, as it was or as it would be."""

    variant_id: VariantId
    sku: str
    name: str
    quantity: int
    unit_price: Money
    line_total: Money
    """Before the discount."""
    discount: Money
    tax: Money
    line: UUID | None = None
    """Its row; None: it is new, and has none yet."""


class Content(msgspec.Struct, frozen=True):
    """What an order is made of, and what that costs."""

    lines: tuple[EditedLine, ...]
    totals: Totals
    taxes: tuple[TaxPart, ...] = ()
    """What the tax is made of, by the places of the lines."""


class OrderEdit(msgspec.Struct, frozen=True):
    """One edit of an order, as Postgres holds it."""

    id: EditId
    order_id: OrderId
    order_number: OrderNumber
    n: int
    """Counts the edits of the order, from 1."""
    key: str
    digest: str
    status: EditStatus
    before: Content
    after: Content
    difference: Money
    """What the order would cost more; negative: less."""
    expires_at: datetime
    """Until when it can be said yes to, and what it adds is held."""
    created_at: datetime
    actor: str
    reason: str = ""
    shipping_address: Address | None = None
    """None: it stays."""
    settled_at: datetime | None = None
    """When it was over, whatever way."""
    refund: int | None = None
    """Number of the order's refund that gives the difference back."""


class EditOutline(msgspec.Struct, frozen=True):
    """An edit as people read it beside its order."""

    n: int
    status: EditStatus
    before: Content
    after: Content
    difference: Money
    shipping_address: Address | None
    expires_at: datetime
    created_at: datetime
    settled_at: datetime | None
    refund: int | None
    actor: str
    """For staff."""
    reason: str
    """For staff."""


class Offer(msgspec.Struct, frozen=True):
    """What the catalogue says of a variant now."""

    variant_id: VariantId
    sku: str
    name: str
    weight: int
    """Grams a unit."""
    tax_category: str
    price: Money | None
    """None: it is not sold in the order's currency."""
    on_sale: bool


class Sold(msgspec.Struct, frozen=True):
    """On which terms a position was sold first: so many units with this discount."""

    quantity: int
    discount: Money

    def discount_of(self, units: int) -> Money:
        """What of the discount is for so many units of the position; more units have no more of it."""
        return share(self.discount, self.quantity, min(units, self.quantity))


def edited(
    before: Content, items: Mapping[str, int], offers: Mapping[str, Offer], sold: Mapping[UUID, Sold],
    methods: Sequence[ShippingMethod], rates: Sequence[TaxRate], to: Address, shipping_method: str,
) -> Content:  # fmt: skip
    """What the order would be like. `items`: units by SKU; `offers`: of its positions and of what is named, by SKU;
    `sold`: of positions that earlier edits have changed.

    Raises: Refusal `unknown_sku`, `out_of_stock`, `not_sold_in_currency`, `quantity_out_of_range`, `cart_full`,
    `edit_leaves_nothing`, `no_shipping`, `shipping_method_unknown`.
    """
    lines = [*_kept(before, items, offers, sold), *_new(before, items, offers)]
    if not lines:
        raise Refusal("edit_leaves_nothing", "Nothing would be left of the order: cancel it instead.")
    if len(lines) > MOST_LINES:
        raise Refusal("cart_full", f"An order holds at most {MOST_LINES} different items.", most=MOST_LINES)
    goods = [Item(line.quantity, line.unit_price, offers[line.sku].weight, offers[line.sku].tax_category)
             for line in lines]  # fmt: skip
    discounts = [line.discount for line in lines]
    priced = quote(goods, methods, rates, to.country, to.region, shipping_method, discounts).priced
    taxed = [msgspec.structs.replace(line, tax=tax) for line, tax in zip(lines, priced.line_taxes, strict=True)]
    return Content(tuple(taxed), priced.totals, priced.taxes)


def _kept(
    before: Content, items: Mapping[str, int], offers: Mapping[str, Offer], sold: Mapping[UUID, Sold]
) -> list[EditedLine]:
    """Positions that stay, with other numbers of units where that is asked for."""
    kept = []
    for line in before.lines:
        units = items.get(line.sku, line.quantity)
        if not units:
            continue
        if units > line.quantity:
            _must_be_sold(offers[line.sku], units)
        assert line.line is not None
        terms = sold.get(line.line) or Sold(line.quantity, line.discount)
        kept.append(
            msgspec.structs.replace(
                line, quantity=units, line_total=line.unit_price * units, discount=terms.discount_of(units)
            )
        )
    return kept


def _new(before: Content, items: Mapping[str, int], offers: Mapping[str, Offer]) -> list[EditedLine]:
    """Positions that the order has not had."""
    known, currency = {line.sku for line in before.lines}, before.totals.total.currency
    added = []
    for sku, units in items.items():
        if sku in known or not units:
            continue
        offer = offers.get(sku)
        if offer is None:
            raise Refusal("unknown_sku", f"There is no product with SKU {sku!r}.", sku=sku)
        if offer.price is None:
            raise Refusal("not_sold_in_currency", f"{sku} is not sold in {currency}.", sku=sku, currency=currency)
        _must_be_sold(offer, units)
        nothing, worth = Money.zero(currency), offer.price * units
        added.append(EditedLine(offer.variant_id, sku, offer.name, units, offer.price, worth, nothing, nothing))
    return added


def _must_be_sold(offer: Offer, units: int) -> None:
    """Raises: Refusal."""
    if not offer.on_sale:
        gone = [{"sku": offer.sku, "requested": units, "available": 0}]
        raise Refusal("out_of_stock", "Some items are no longer sold.", items=gone)
    if units > MOST_A_LINE:
        raise Refusal(
            "quantity_out_of_range", f"Between 1 and {MOST_A_LINE} units of an item can be ordered.", most=MOST_A_LINE
        )


def changes(before: Content, after: Content) -> dict[VariantId, int]:
    """Units by variant that come (positive) or go (negative); what stays is not in it."""
    units = {line.variant_id: -line.quantity for line in before.lines}
    for line in after.lines:
        units[line.variant_id] = units.get(line.variant_id, 0) + line.quantity
    return {variant: by for variant, by in units.items() if by}
