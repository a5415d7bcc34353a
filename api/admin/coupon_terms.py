"""Coupons as staff write them, what can be said of such terms by themselves, and the terms as they are kept."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.admin.changes import Reason
from api.problems import FieldError, Invalid
from models import clock
from models.money import Money
from models.pricing import PPM
from models.records import must_be_a_moment, must_be_a_window

MOST_AT_ONCE = 1000
LARGEST_AMOUNT = 10**12
"""Minor units."""
_BULK = "BULK"
"""No code: it would be hidden behind the address at which many are made."""

Code = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{2,39}$(?!\n)", examples=["SPRING25"],
        description="Kept in upper case; buyers may type it in any",
    ),
]  # fmt: skip
Prefix = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,19}$(?!\n)", description="Of every code", examples=["SPRING"])
]
Ppm = Annotated[int, Meta(ge=1, le=PPM, description="Parts per million: 100000 is 10 %", examples=[100_000, 88_750])]
Amounts = Annotated[list[Money], Meta(min_length=1, max_length=200, examples=[[{"amount": 500, "currency": "usd"}]])]
Minimums = Annotated[list[Money], Meta(max_length=200, examples=[[{"amount": 5000, "currency": "usd"}]])]
Slugs = Annotated[
    list[Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$(?!\n)")]], Meta(max_length=200, examples=[["mugs"]])
]
Words200 = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)", examples=["Welcome: 10 % off"])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-03-01T00:00:00Z"])]
Count = Annotated[int, Meta(ge=1, le=10**9)]


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a coupon promises: a percentage (`ppm`) or fixed `amounts`, and the conditions."""

    description: Words200 = ""
    """As buyers read it on their cart."""
    ppm: Ppm | None = None
    amounts: Amounts | None = None
    """One a currency; where a currency is missing the coupon cannot be used in it."""
    min_subtotals: Minimums = []
    """What a cart's goods must be worth before any discount, one a currency; where it is missing: anything."""
    products: Slugs = []
    """For these, and what is in `categories`; both empty: for all goods."""
    categories: Slugs = []
    """With everything below them."""
    starts_at: Moment | None = None
    """Left out: now."""
    ends_at: Moment | None = None
    """Not counted in; left out: never."""
    max_per_buyer: Count | None = None
    first_order_only: bool = False
    stackable: bool = False
    """May stand beside others that are stackable too."""
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if (self.ppm is None) == (self.amounts is None):
            raise ValueError("give either ppm or amounts")
        _check(self.amounts, self.min_subtotals, self.starts_at, self.ends_at)


class NewCoupon(Terms, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A coupon with a code of one's choice."""

    code: Code
    max_redemptions: Count | None = None
    """How many orders may use it; left out: any number."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.code.upper() == _BULK:
            raise ValueError("this code is not possible")


class ManyCoupons(Terms, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Coupons of the same terms, each for one order, with codes that nobody guesses."""

    prefix: Prefix
    count: Annotated[int, Meta(ge=1, le=MOST_AT_ONCE)]


class CouponChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays; null takes a limit or the end away. `ppm` and `amounts` replace each other."""

    description: Words200 | UnsetType = UNSET
    ppm: Ppm | UnsetType = UNSET
    amounts: Amounts | UnsetType = UNSET
    min_subtotals: Minimums | UnsetType = UNSET
    products: Slugs | UnsetType = UNSET
    categories: Slugs | UnsetType = UNSET
    starts_at: Moment | UnsetType = UNSET
    ends_at: Moment | UnsetType | None = UNSET
    max_redemptions: Count | UnsetType | None = UNSET
    """Not fewer than orders use it already."""
    max_per_buyer: Count | UnsetType | None = UNSET
    first_order_only: bool | UnsetType = UNSET
    stackable: bool | UnsetType = UNSET
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if self.ppm is not UNSET and self.amounts is not UNSET:
            raise ValueError("give either ppm or amounts")
        _check(self.amounts or None, self.min_subtotals or [], self.starts_at or None, self.ends_at or None)


def terms_of(data: Terms) -> dict[str, Any]:
    """Terms of a new coupon, as the table takes them."""
    said = msgspec.structs.asdict(data)
    for name in ("reason", "code", "prefix", "count"):
        said.pop(name, None)
    starts_at = said["starts_at"] or clock.now()
    if said["ends_at"] is not None and said["ends_at"] <= starts_at:
        raise Invalid(FieldError("ends_at is later than starts_at, which is now", pointer="/ends_at"))
    return {**said, "starts_at": starts_at}


def wanted_of(data: CouponChange) -> dict[str, Any]:
    """What is said of a coupon, as it is kept."""
    wanted = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
    wanted.pop("reason")
    if "ppm" in wanted:
        wanted["amounts"] = None
    if "amounts" in wanted and wanted["amounts"] is not None:
        wanted["ppm"] = None
    for name in ("amounts", "min_subtotals"):
        if wanted.get(name) is not None:
            wanted[name] = sorted(wanted[name], key=lambda each: each.currency)
    for name in ("products", "categories"):
        if name in wanted:
            wanted[name] = sorted(set(wanted[name]))
    for name in ("starts_at", "ends_at"):
        if wanted.get(name) is not None:
            wanted[name] = wanted[name].astimezone(UTC)
    return wanted


def _check(
    amounts: list[Money] | None, minimums: list[Money], starts_at: datetime | None, ends_at: datetime | None
) -> None:
    """What can be said of terms by themselves. Raises: ValueError."""
    for name, sums, least in (("amounts", amounts or [], 1), ("min_subtotals", minimums, 0)):
        if len({each.currency for each in sums}) < len(sums):
            raise ValueError(f"{name} has one sum a currency")
        if any(not least <= each.amount <= LARGEST_AMOUNT for each in sums):
            raise ValueError(f"each of {name} lies between {least} and {LARGEST_AMOUNT} minor units")
    for moment in (starts_at, ends_at):
        if moment is not None:
            must_be_a_moment(moment)
    if starts_at is not None and ends_at is not None:
        must_be_a_window(starts_at, ends_at)
