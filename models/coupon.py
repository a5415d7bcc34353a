"""What coupons take off a cart, or why they do not: pure sums, the same for cart, quote and order.

Coupons are judged in the order in which they were added. Those that count take percentages first, each of what the
ones before it left, then fixed amounts, so that the order of typing changes no total by more than a rounded unit.
A minimum looks at all goods of the cart at full price. A coupon's amount is rounded once, half a unit up, and shared
out over its lines; no line is ever discounted by more than it costs.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from models.errors import Refusal
from models.ids import CouponId, VariantId
from models.money import Money, share_out, total
from models.pricing import PPM

MOST_COUPONS = 10
"""Most coupons on one cart."""
_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{2,39}", re.ASCII)


class Coupon(msgspec.Struct, frozen=True):
    """A coupon as a cart meets it: its terms, and what is known of this cart's goods and buyer.

    Exactly one of `ppm` (a percentage) and `amounts` (fixed) is set.
    """

    id: CouponId
    code: str
    starts_at: datetime
    description: str = ""
    ppm: int | None = None
    """Parts per million: 100_000 is 10 %."""
    amounts: dict[str, int] | None = None
    """Minor units by currency; in a currency that is missing here the coupon cannot be used."""
    min_subtotals: dict[str, int] = {}
    """Minor units by currency; a currency that is missing here asks for no minimum."""
    ends_at: datetime | None = None
    """Not counted in."""
    max_redemptions: int | None = None
    redeemed: int = 0
    max_per_buyer: int | None = None
    first_order_only: bool = False
    stackable: bool = False
    archived: bool = False
    goods: frozenset[VariantId] | None = None
    """Which variants of this cart it is for; None: all."""
    used_by_buyer: int = 0
    """How often this buyer has used it. A guest is known by the e-mail address, so not before checkout."""
    ordered_before: bool = False
    """Whether this buyer has an earlier order."""

    @property
    def asks_who_buys(self) -> bool:
        """Whether it depends on the buyer's earlier orders."""
        return self.max_per_buyer is not None or self.first_order_only


class Goods(msgspec.Struct, frozen=True):
    """One line of a cart at its full price."""

    variant_id: VariantId
    price: Money


class Judged(msgspec.Struct, frozen=True):
    """What one coupon does for a cart."""

    coupon: Coupon
    discount: Money
    refusal: Refusal | None = None
    """Why it takes nothing off; None: it counts."""


class Discounts(msgspec.Struct, frozen=True):
    """What all coupons of a cart do together."""

    coupons: tuple[Judged, ...] = ()
    """In the order in which they were added."""
    lines: tuple[Money, ...] = ()
    """Each line's discount; empty without coupons."""

    @property
    def used(self) -> tuple[Judged, ...]:
        """Those that take something off: an order uses up no other."""
        return tuple(each for each in self.coupons if each.discount.amount)

    @property
    def refusal(self) -> Refusal | None:
        """Why the first one that does not count does not; None: all count."""
        return next((each.refusal for each in self.coupons if each.refusal is not None), None)

    def of(self, coupon: CouponId) -> Judged:
        """What became of one coupon of the cart."""
        return next(each for each in self.coupons if each.coupon.id == coupon)


NO_DISCOUNTS = Discounts()
"""Of a cart without coupons."""


def code_of(typed: str) -> str | None:
    """The code that somebody means, in upper case and without blanks around it; None: no coupon is called so."""
    code = typed.strip().upper()
    return code if _CODE.fullmatch(code) else None


def unknown(typed: str) -> Refusal:
    """There is no such coupon."""
    return Refusal("coupon_unknown", "There is no coupon with this code.", coupon=typed.strip()[:40])


def discounts(coupons: Iterable[Coupon], goods: Sequence[Goods], currency: str, now: datetime) -> Discounts:
    """What `coupons`, in the order in which they were added, take off `goods`, and why some of them do not."""
    subtotal = total([each.price for each in goods], currency)
    counting: list[Coupon] = []
    refusals: dict[CouponId, Refusal] = {}
    coupons = list(coupons)
    for coupon in coupons:
        why = why_not(coupon, goods, subtotal, now) or _not_beside(coupon, counting)
        if why is None:
            counting.append(coupon)
        else:
            refusals[coupon.id] = why
    left = [each.price for each in goods]
    taken: dict[CouponId, Money] = {}
    for coupon in sorted(counting, key=lambda each: each.ppm is None):
        shares = _shares(coupon, goods, left, currency)
        left = [before - share for before, share in zip(left, shares, strict=True)]
        taken[coupon.id] = total(shares, currency)
    nothing = Money.zero(currency)
    return Discounts(
        tuple(Judged(each, taken.get(each.id, nothing), refusals.get(each.id)) for each in coupons),
        tuple(each.price - rest for each, rest in zip(goods, left, strict=True)) if coupons else (),
    )


def why_not(coupon: Coupon, goods: Sequence[Goods], subtotal: Money, now: datetime) -> Refusal | None:
    """Why `coupon` on its own does not count for goods worth `subtotal` at full price; None: it does."""
    code, currency = coupon.code, subtotal.currency
    if coupon.archived or (coupon.ends_at is not None and coupon.ends_at <= now):
        ended = None if coupon.archived else coupon.ends_at
        return Refusal("coupon_expired", f"{code} is no longer valid.", coupon=code, ended_at=ended)
    if now < coupon.starts_at:
        return Refusal("coupon_not_started", f"{code} is not valid yet.", coupon=code, starts_at=coupon.starts_at)
    if coupon.max_redemptions is not None and coupon.redeemed >= coupon.max_redemptions:
        return Refusal("coupon_used_up", f"{code} has been used as often as it may be.", coupon=code)
    if coupon.amounts is not None and currency not in coupon.amounts:
        known = sorted(coupon.amounts)
        detail = f"{code} cannot be used for a cart in {currency}."
        return Refusal("coupon_not_in_currency", detail, coupon=code, currency=currency, currencies=known)
    if not any(_is_for(coupon, each) for each in goods):
        return Refusal("coupon_not_for_these_goods", f"{code} is for none of the goods in this cart.", coupon=code)
    minimum = Money(coupon.min_subtotals.get(currency, 0), currency)
    if subtotal < minimum:
        missing = minimum - subtotal
        detail = f"{code} is for carts worth {minimum} or more: {missing} is missing."
        return Refusal("coupon_minimum_not_met", detail, coupon=code, minimum=minimum, missing=missing)
    if coupon.max_per_buyer is not None and coupon.used_by_buyer >= coupon.max_per_buyer:
        detail = f"You have used {code} as often as one buyer may."
        return Refusal("coupon_used_by_you", detail, coupon=code, most=coupon.max_per_buyer)
    if coupon.first_order_only and coupon.ordered_before:
        return Refusal("coupon_first_order_only", f"{code} is for first orders only.", coupon=code)
    return None


def _not_beside(coupon: Coupon, others: Sequence[Coupon]) -> Refusal | None:
    """Why `coupon` does not count beside `others`, which do."""
    against = [other.code for other in others if not (coupon.stackable and other.stackable)]
    if not against:
        return None
    detail = f"{coupon.code} cannot be combined with {' and '.join(against)}."
    return Refusal("coupon_not_combinable", detail, coupon=coupon.code, others=against)


def _shares(coupon: Coupon, goods: Sequence[Goods], left: Sequence[Money], currency: str) -> list[Money]:
    """What `coupon` takes off each line, of which only `left` is still to be paid."""
    base = [rest.amount if _is_for(coupon, each) else 0 for each, rest in zip(goods, left, strict=True)]
    if coupon.ppm is not None:
        amount = (2 * sum(base) * coupon.ppm + PPM) // (2 * PPM)
    else:
        amount = min((coupon.amounts or {}).get(currency, 0), sum(base))
    return share_out(Money(amount, currency), base)


def _is_for(coupon: Coupon, goods: Goods) -> bool:
    return coupon.goods is None or goods.variant_id in coupon.goods
