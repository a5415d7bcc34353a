"""Carts and their lines. A read is one round trip, a write one transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.cart import MOST_A_LINE, MOST_LINES, Cart, CartLine
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import CartId, CartItemId, OrderId, SessionId, UserId, VariantId, new_id
from models.money import Money
from models.tables.base import currency, key, metadata, minor_units, moment, now_column, reference
from models.tables.catalog import prices, products, variants
from models.tables.session import ALIVE

carts = sa.Table(
    "carts", metadata,
    key(),
    currency(comment="one currency a cart, set by the first item"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1",
              comment="number of the next or running checkout; part of the order workflow's id"),
    reference("user_id", "users.id", nullable=True, unique=True, comment="whose cart; null: whoever holds its token"),
    now_column(),
    moment("updated_at", server_default=sa.func.now(), comment="of its content: lines, coupons, gift cards"),
    moment("reminded_at", nullable=True, comment="when its owner was last reminded of it"),
)  # fmt: skip

cart_items = sa.Table(
    "cart_items", metadata,
    key(),
    reference("cart_id", "carts.id"),
    reference("variant_id", "variants.id"),
    sa.Column("quantity", sa.Integer, nullable=False),
    minor_units("seen_price", comment="unit price when the line was last written"),
    now_column("added_at"),
    sa.UniqueConstraint("cart_id", "variant_id"),
    sa.CheckConstraint(f"quantity BETWEEN 1 AND {MOST_A_LINE}", name="quantity_in_range"),
)  # fmt: skip

_READ = """
SELECT c.currency, c.attempt, i.id, i.variant_id, i.quantity, i.seen_price, v.sku, v.weight, v.attributes,
       p.name, p.tax_category, p.archived_at IS NULL AS on_sale, r.amount,
       coalesce(s.on_hand - s.held, 0) AS available
FROM carts c
LEFT JOIN cart_items i ON i.cart_id = c.id
LEFT JOIN variants v ON v.id = i.variant_id
LEFT JOIN products p ON p.id = v.product_id
LEFT JOIN prices r ON r.variant_id = i.variant_id AND r.currency = c.currency
LEFT JOIN stock s ON s.variant_id = i.variant_id
WHERE c.id = $1
ORDER BY i.added_at, i.id
"""
"""A cart with today's prices and stock; one row a line, one row of nulls for an empty cart, none for an unknown one."""
_READ_PROVEN = _READ.replace(
    "WHERE c.id = $1", f"WHERE c.id = $1 AND EXISTS ({ALIVE.format(session='$2')} AND u.id = c.user_id)"
)
_LOCK = "SELECT FROM carts WHERE id = $1 FOR UPDATE"


async def read(database: Database, cart: CartId, session: SessionId | None = None) -> Cart | None:
    """The cart as of now, in one round trip; None when nothing was ever put in.

    With `session`: None also when that session has ended, or is not that of the account whose cart it is.
    """
    rows = await database.fetch(_READ, cart) if session is None else await database.fetch(_READ_PROVEN, cart, session)
    return _cart(cart, rows) if rows else None


async def lock(writer: Writer, cart: CartId) -> Cart | None:
    """The cart, its row locked to the end of the transaction. First of the locks: cart, order, payment, stock."""
    # Two statements: one that had to wait for the lock would see the lines as they were before it waited.
    await writer.exec_driver_sql(_LOCK, (cart,))
    return await _read_locked(writer, cart)


async def _read_locked(writer: Writer, cart: CartId) -> Cart | None:
    rows = (await writer.exec_driver_sql(_READ, (cart,))).mappings().all()
    return _cart(cart, rows) if rows else None


def _cart(cart: CartId, rows: Sequence[Any]) -> Cart:
    kind = rows[0]["currency"]
    lines = tuple(
        CartLine(
            id=CartItemId(_uuid(row["id"])), variant_id=VariantId(_uuid(row["variant_id"])), sku=row["sku"],
            name=row["name"], quantity=row["quantity"],
            unit_price=Money(row["seen_price"] if row["amount"] is None else row["amount"], kind),
            seen_price=Money(row["seen_price"], kind),
            available=max(row["available"], 0), tax_category=row["tax_category"], weight=row["weight"],
            on_sale=row["on_sale"] and row["amount"] is not None,
        )
        for row in rows
        if row["id"] is not None
    )  # fmt: skip
    return Cart(cart, kind, rows[0]["attempt"], lines)


def _uuid(value: UUID) -> UUID:
    """A plain UUID: the driver's own subclass is not one that every encoder knows."""
    return value if type(value) is UUID else UUID(int=value.int)


async def add(
    writer: Writer,
    cart: CartId,
    sku: str,
    quantity: int,
    currency: str | None,
    default: str,
    user: UserId | None = None,
) -> None:
    """Put `quantity` more units of `sku` into the cart, which begins with its first item and takes its currency.

    Raises: Refusal `unknown_sku`, `currency_mismatch`, `not_sold_in_currency`, `quantity_out_of_range`, `cart_full`.
    """
    await writer.execute(
        pg.insert(carts).values(id=cart, currency=currency or default, user_id=user)
        .on_conflict_do_update(index_elements=["id"], set_={"updated_at": sa.func.now()})
    )  # fmt: skip
    held = await _read_locked(writer, cart)
    assert held is not None and held.currency is not None
    if currency and currency != held.currency:
        if held.lines:
            raise Refusal("currency_mismatch", f"This cart is in {held.currency}.", currency=held.currency)
        await writer.execute(sa.update(carts).where(carts.c.id == cart).values(currency=currency))
    kind = currency or held.currency
    row = (
        await writer.execute(
            sa.select(variants.c.id, prices.c.amount)
            .join(products, products.c.id == variants.c.product_id)
            .outerjoin(prices, (prices.c.variant_id == variants.c.id) & (prices.c.currency == kind))
            .where(variants.c.sku == sku, products.c.archived_at.is_(None))
        )
    ).one_or_none()
    if row is None:
        raise Refusal("unknown_sku", f"There is no product with SKU {sku!r}.", sku=sku)
    if row.amount is None:
        raise Refusal("not_sold_in_currency", f"{sku} is not sold in {kind}.", sku=sku, currency=kind)
    already = next((line.quantity for line in held.lines if line.variant_id == row.id), 0)
    _check_quantity(quantity)
    _check_quantity(already + quantity)
    if not already and len(held.lines) >= MOST_LINES:
        raise Refusal("cart_full", f"A cart holds at most {MOST_LINES} different items.", most=MOST_LINES)
    await writer.execute(
        pg.insert(cart_items)
        .values(id=new_id(), cart_id=cart, variant_id=row.id, quantity=quantity, seen_price=row.amount)
        .on_conflict_do_update(
            index_elements=["cart_id", "variant_id"],
            set_={"quantity": cart_items.c.quantity + quantity, "seen_price": row.amount},
        )
    )


async def set_quantity(writer: Writer, cart: CartId, item: CartItemId, quantity: int) -> None:
    """Change a line's quantity. Raises: Refusal `cart_item_not_found`, `quantity_out_of_range`."""
    held = await lock(writer, cart)
    line = next((line for line in held.lines if line.id == item), None) if held else None
    if line is None:
        raise Refusal("cart_item_not_found", "This cart has no such item.")
    _check_quantity(quantity)
    await writer.execute(
        sa.update(cart_items).where(cart_items.c.id == item)
        .values(quantity=quantity, seen_price=line.unit_price.amount)
    )  # fmt: skip


async def remove(writer: Writer, cart: CartId, item: CartItemId) -> None:
    """Take a line out; again: changes nothing."""
    await writer.execute(sa.delete(cart_items).where(cart_items.c.id == item, cart_items.c.cart_id == cart))


async def clear(writer: Writer, cart: CartId) -> None:
    """Take every line out; again: changes nothing."""
    await writer.execute(sa.delete(cart_items).where(cart_items.c.cart_id == cart))


async def open_next_attempt(writer: Writer, cart: CartId, attempt: int) -> None:
    """End checkout number `attempt`: the next one gets a workflow of its own. Again: changes nothing."""
    await writer.exec_driver_sql(_NEXT_ATTEMPT, (cart, attempt))


async def take_out_bought(writer: Writer, cart: CartId, attempt: int, order: OrderId) -> None:
    """Take out what an order bought; what was added meanwhile stays. Again: changes nothing."""
    moved = await writer.exec_driver_sql(_NEXT_ATTEMPT, (cart, attempt))
    if moved.rowcount == 1:
        # Not in the same statement: one that had to wait for the cart would see its lines as they were before.
        await writer.exec_driver_sql(_TAKE_OUT, (cart, order))


_NEXT_ATTEMPT = "UPDATE carts SET attempt = attempt + 1 WHERE id = $1 AND attempt = $2"
_TAKE_OUT = """
WITH bought AS (SELECT variant_id, sum(quantity) AS quantity FROM order_lines WHERE order_id = $2 GROUP BY 1),
gone AS (
    DELETE FROM cart_items item USING bought
    WHERE item.cart_id = $1 AND item.variant_id = bought.variant_id AND item.quantity <= bought.quantity
)
UPDATE cart_items item SET quantity = item.quantity - bought.quantity FROM bought
WHERE item.cart_id = $1 AND item.variant_id = bought.variant_id AND item.quantity > bought.quantity
"""


def _check_quantity(quantity: int) -> None:
    if not 1 <= quantity <= MOST_A_LINE:
        raise Refusal(
            "quantity_out_of_range", f"Between 1 and {MOST_A_LINE} units of an item can be ordered.", most=MOST_A_LINE
        )
