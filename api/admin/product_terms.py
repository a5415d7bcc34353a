"""Products and variants as staff write them, and what can be said of such terms by themselves."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.admin.changes import Reason, said
from models.address import Text
from models.records import (
    MOST_VARIANTS,
    RESERVED,
    AttributeName,
    AttributeValue,
    PriceRecord,
    ProductOption,
    Prose,
    SaleWindow,
    Slug,
    must_be_a_price,
    must_be_a_window,
)
from models.tables.variant import NewRow

Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-27T00:00:00Z"])]
Sku = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)", examples=["MUG-SAND-M"],
        description="Given once for ever: it is printed on labels",
    ),
]  # fmt: skip
Attributes = Annotated[
    dict[AttributeName, AttributeValue],
    Meta(max_length=10, examples=[{"size": "M", "colour": "sand"}],
         description="With options: exactly one value of each"),
]  # fmt: skip
Weight = Annotated[int, Meta(ge=0, le=10**7, description="Grams")]
Position = Annotated[
    int, Meta(ge=0, le=10**6, description="Place among the product's variants, from 0; too high: the last")
]
Units = Annotated[int, Meta(ge=0, le=10**6, description="In the house from the start, as a movement of the ledger")]
TaxCategory = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,49}$(?!\n)", description="As tax rates name it")]
Tags = Annotated[list[Slug], Meta(max_length=50, description="Slugs", examples=[["new"]])]
Options = Annotated[
    list[ProductOption],
    Meta(max_length=10, description="What variants differ in; none: their attributes are free",
         examples=[[{"name": "size", "values": ["S", "M"]}, {"name": "colour", "values": ["sand"]}]]),
]  # fmt: skip


class SaleTerms(SaleWindow, frozen=True, forbid_unknown_fields=True):
    """A lower price from one moment to another."""

    starts_at: Moment
    ends_at: Moment

    def __post_init__(self) -> None:
        must_be_a_window(self.starts_at, self.ends_at)


class PriceTerms(PriceRecord, frozen=True, forbid_unknown_fields=True):
    """What a variant costs in one currency. Before a sale begins and after it ends `price` counts."""

    sale: SaleTerms | None = None

    def __post_init__(self) -> None:
        must_be_a_price(self)


_EXAMPLE = {
    "price": {"amount": 2400, "currency": "usd"},
    "sale": {
        "price": {"amount": 1900, "currency": "usd"},
        "starts_at": "2026-11-27T00:00:00Z", "ends_at": "2026-12-01T00:00:00Z",
    },
}  # fmt: skip
Prices = Annotated[list[PriceTerms], Meta(max_length=200, description="One a currency", examples=[[_EXAMPLE]])]


class NewVariant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that can be put into a cart."""

    sku: Sku
    weight: Weight
    attributes: Attributes = {}
    prices: Prices = []
    """None: not sold yet."""
    units: Units = 0

    def __post_init__(self) -> None:
        _each_once(self.prices)

    def row(self) -> NewRow:
        """As the tables take it."""
        return NewRow(self.sku, self.attributes, prices_of(self.prices), self.weight, self.units)


class VariantOfProduct(NewVariant, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another variant of a product."""

    reason: Reason | None = None


class VariantSomewhere(VariantOfProduct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A variant, and of which product."""

    product: Slug


class VariantChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. SKU and product always do."""

    attributes: Attributes | UnsetType = UNSET
    prices: Prices | UnsetType = UNSET
    """All that there shall be: they take the place of those before."""
    weight: Weight | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    reason: Reason | None = None

    def __post_init__(self) -> None:
        _each_once(self.prices or [])

    def wanted(self) -> dict[str, Any]:
        """What is said, as it is kept."""
        wanted = said(self)
        if "prices" in wanted:
            wanted["prices"] = prices_of(wanted["prices"])
        return wanted


class NewProduct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A product, with as many of its variants as are known yet. Without a priced variant no list shows it."""

    slug: Slug
    name: Text
    category: Slug
    description: Prose = ""
    vendor: Slug | None = None
    """Left out: the shop's own."""
    tags: Tags = []
    options: Options = []
    featured: bool = False
    tax_category: TaxCategory = "standard"
    variants: Annotated[list[NewVariant], Meta(max_length=MOST_VARIANTS)] = []
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if self.slug in RESERVED:
            raise ValueError(f"no product is called {self.slug}: something else has that address")
        if len({variant.sku for variant in self.variants}) < len(self.variants):
            raise ValueError("a SKU is named twice")
        _each_option_once(self.options)

    def values(self) -> dict[str, Any]:
        """As the tables take it."""
        fields = said(self)
        return {name: fields[name] for name in fields.keys() - {"slug", "variants"}}


class ProductChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. The slug always does: it is part of addresses."""

    name: Text | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    category: Slug | UnsetType = UNSET
    vendor: Slug | UnsetType | None = UNSET
    """Null: the shop's own."""
    tags: Tags | UnsetType = UNSET
    """All that it shall have: they take the place of those before."""
    options: Options | UnsetType = UNSET
    """The same; every variant that is sold must fit them."""
    featured: bool | UnsetType = UNSET
    tax_category: TaxCategory | UnsetType = UNSET
    reason: Reason | None = None

    def __post_init__(self) -> None:
        _each_option_once(self.options or [])

    def wanted(self) -> dict[str, Any]:
        """What is said, as it is kept."""
        wanted = said(self)
        if "tags" in wanted:
            wanted["tags"] = sorted(set(wanted["tags"]))
        return wanted


def prices_of(terms: list[PriceTerms]) -> list[PriceRecord]:
    """Prices as they are kept: by currency, moments in UTC."""
    return [
        PriceRecord(
            each.price, each.compare_at_price,
            SaleWindow(each.sale.price, each.sale.starts_at.astimezone(UTC), each.sale.ends_at.astimezone(UTC))
            if each.sale else None,
        )
        for each in sorted(terms, key=lambda each: each.price.currency)
    ]  # fmt: skip


def _each_once(prices: list[PriceTerms]) -> None:
    if len({each.price.currency for each in prices}) < len(prices):
        raise ValueError("prices has one a currency")


def _each_option_once(options: list[ProductOption]) -> None:
    if len({option.name for option in options}) < len(options):
        raise ValueError("an option is named twice")
