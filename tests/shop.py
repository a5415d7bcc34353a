"""Builders: a shelf of goods, a filled cart, a purchase; each with only what a test has to say."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.address import Address
from models.checkout import PaymentChoice, Purchase
from models.database import Database, Writer, fetching
from models.ids import CartId, OrderNumber, VariantId, new_id
from models.money import Money
from models.tables import cart as carts
from models.tables import inventory
from models.tables.catalog import categories, prices, products, variants
from models.tables.pricing import shipping_bands, shipping_methods, shipping_zones, tax_rates

NEW_YORK = Address(
    full_name="Ada Lovelace", line1="1 Main St", city="New York", postal_code="10001", country="US", region="NY"
)
BERLIN = Address(full_name="Grace Hopper", line1="Chausseestr. 1", city="Berlin", postal_code="10115", country="DE")

SHIPPING = {"usd": 500, "eur": 400, "jpy": 600, "etb": 50_000}
"""What `standard` costs in this shop, minor units."""


async def open_shop(writer: Writer) -> None:
    """One shipping method to everywhere, 10 % tax on top in New York, 19 % contained in Germany."""
    method, zone = new_id(), new_id()
    await writer.execute(
        sa.insert(shipping_methods).values(id=method, code="standard", name="Standard", min_days=2, max_days=4)
    )
    await writer.execute(sa.insert(shipping_zones).values(id=zone, code="world", countries=["*"]))
    await writer.execute(
        sa.insert(shipping_bands),
        [
            {"id": new_id(), "method_id": method, "zone_id": zone, "currency": currency, "price": amount}
            for currency, amount in SHIPPING.items()
        ],
    )
    await writer.execute(
        sa.insert(tax_rates),
        [
            {"id": new_id(), "country": "US", "region": "NY", "name": "Sales tax", "ppm": 100_000, "inclusive": False,
             "on_shipping": False},
            {"id": new_id(), "country": "DE", "region": None, "name": "USt", "ppm": 190_000, "inclusive": True,
             "on_shipping": True},
        ],
    )  # fmt: skip
    await writer.execute(sa.insert(categories).values(id=new_id(), slug="all", name="All"))


async def stock_product(
    writer: Writer, sku: str, units: int, price: Mapping[str, int] | None = None, weight: int = 300
) -> VariantId:
    """A product of one variant on the shelf. Default price: 10.00 usd."""
    category = (await writer.execute(sa.select(categories.c.id).limit(1))).scalar_one()
    product, variant = new_id(), VariantId(new_id())
    await writer.execute(
        sa.insert(products).values(id=product, slug=sku.lower(), name=sku.title(), category_id=category)
    )
    await writer.execute(sa.insert(variants).values(id=variant, product_id=product, sku=sku, weight=weight))
    await writer.execute(
        sa.insert(prices),
        [{"variant_id": variant, "currency": currency, "amount": amount}
         for currency, amount in (price or {"usd": 1000}).items()],
    )  # fmt: skip
    await inventory.receive(writer, variant, units, "test", "first stock")
    return variant


async def set_price(writer: Writer, variant: VariantId, amount: int, currency: str = "usd") -> None:
    """Another price from now on."""
    await writer.execute(
        pg.insert(prices).values(variant_id=variant, currency=currency, amount=amount)
        .on_conflict_do_update(index_elements=["variant_id", "currency"], set_={"amount": amount})
    )  # fmt: skip


async def fill_cart(database: Database, wanted: Mapping[str, int], currency: str = "usd") -> CartId:
    """A cart with these units of these SKUs."""
    cart = CartId(new_id())
    async with database.writing() as writer:
        for sku, quantity in wanted.items():
            await carts.add(fetching(writer), cart, sku, quantity, currency, currency)
    return cart


def purchase(cart: CartId, total: Money, **changes: Any) -> Purchase:
    """A checkout of `cart`, shipped to New York, paid with a good card."""
    number = OrderNumber(f"HF-{new_id().hex[-10:-5].upper()}-{new_id().hex[-5:].upper()}")
    values: dict[str, Any] = {
        "number": number, "cart_id": cart, "attempt": 1, "email": "ada@example.com", "shipping_address": NEW_YORK,
        "billing_address": NEW_YORK, "shipping_method": "standard", "expected_total": total,
        "payment": PaymentChoice(method="pm_card_visa"), "digest": "digest", "key": "key",
    }  # fmt: skip
    return Purchase(**{**values, **changes})


async def stock_of(database: Database, variant: VariantId | UUID) -> tuple[int, int]:
    """(on hand, held)."""
    rows = await database.fetch("SELECT on_hand, held FROM stock WHERE variant_id = $1", variant)
    return rows[0]["on_hand"], rows[0]["held"]


async def money_booked(database: Database) -> dict[str, int]:
    """Sum of each account's entries, minor units."""
    rows = await database.fetch("SELECT account, sum(amount)::int AS sum FROM money_entries GROUP BY 1")
    return {row["account"]: row["sum"] for row in rows}
