"""Carts and their lines. A read is one round trip, a write one transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.cart import MOST_A_LINE, MOST_LINES, Cart, CartLine
from models.database import Database, Fetch, Writer
from models.errors import Refusal
from models.ids import CartId, CartItemId, OrderId, SessionId, UserId, VariantId, new_id
from models.money import Money
from models.tables import coupon as coupons
from models.tables import credit as credits
from models.tables.base import currency, key, metadata, minor_units, moment, now_column, reference
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
    # Of ranges of pages, not of rows: a cart that changes stays where it is and no index has to follow.
    sa.Index("ix_carts_updated_at", "updated_at", postgresql_using="brin"),
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
       p.name, p.tax_category, p.archived_at IS NULL AND v.archived_at IS NULL AS on_sale, r.price_now AS amount,
       coalesce(s.sellable, 0) AS available, coalesce(s.on_hand - s.held, 0) AS here, s.backorder_days,
       (SELECT gift_cards_of_cart(x.cart_id) FROM cart_gift_cards x WHERE x.cart_id = $1 LIMIT 1)::text AS gift_cards,
       (SELECT coupons_of_cart(x.cart_id) FROM cart_coupons x WHERE x.cart_id = $1 LIMIT 1)::text AS coupons
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
    """The cart, its row locked to the end of the transaction.

    First of the locks: cart, order, payment, credit, coupon, stock.
    """
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
            backorder_days=row["backorder_days"] if row["here"] < row["quantity"] <= row["available"] else None,
            on_sale=row["on_sale"] and row["amount"] is not None,
        )
        for row in rows
        if row["id"] is not None
    )  # fmt: skip
    cards, held = rows[0]["gift_cards"], rows[0]["coupons"]
    return Cart(
        cart, kind, rows[0]["attempt"], lines,
        credits.in_cart(cards) if cards else (), coupons.in_cart(held) if held else (),
    )  # fmt: skip


def _uuid(value: UUID) -> UUID:
    """A plain UUID: the driver's own subclass is not one that every encoder knows."""
    return value if type(value) is UUID else UUID(int=value.int)


async def add(
    fetch: Fetch,
    cart: CartId,
    sku: str,
    quantity: int,
    currency: str | None,
    default: str,
    user: UserId | None = None,
) -> Cart:
    """Put `quantity` more units of `sku` into the cart, which begins with its first item and takes its currency.

    Three statements, because this is the shop's commonest write: lock, put in, read for the answer.
    Raises: Refusal `unknown_sku`, `currency_mismatch`, `not_sold_in_currency`, `quantity_out_of_range`, `cart_full`.
    """
    _check_quantity(quantity)
    # A statement of its own: the next one then sees the lines as whoever held the lock before left them.
    (opened,) = await fetch(_OPEN, cart, currency or default, user)
    kind = opened["currency"]
    (tried,) = await fetch(_ADD, cart, sku, quantity, currency, kind, new_id(), MOST_A_LINE, MOST_LINES)
    if tried["variant_id"] is None:
        raise Refusal("unknown_sku", f"There is no product with SKU {sku!r}.", sku=sku)
    if currency and currency != kind and tried["lines"]:
        raise Refusal("currency_mismatch", f"This cart is in {kind}.", currency=kind)
    if tried["amount"] is None:
        wanted = currency or kind
        raise Refusal("not_sold_in_currency", f"{sku} is not sold in {wanted}.", sku=sku, currency=wanted)
    _check_quantity(tried["already"] + quantity)
    if tried["put"] is None:
        raise Refusal("cart_full", f"A cart holds at most {MOST_LINES} different items.", most=MOST_LINES)
    return _cart(cart, await fetch(_READ, cart))


NEXT_ATTEMPT = "(SELECT coalesce(max(attempt), 0) + 1 FROM checkouts WHERE cart_id = $1)"
"""Of a cart `$1` that begins: one that was removed and comes back goes on counting where it was."""
BEING_BOUGHT = "SELECT FROM orders o WHERE o.cart_id = c.id AND o.attempt = c.attempt"
"""An order of the cart `c` that is neither paid nor over."""
_OPEN = f"""
INSERT INTO carts (id, currency, user_id, attempt) VALUES ($1, $2, $3, {NEXT_ATTEMPT})
ON CONFLICT (id) DO UPDATE SET updated_at = now() RETURNING currency
"""  # noqa: S608
_ADD = """
WITH held AS (
    SELECT count(*) AS lines, coalesce(max(i.quantity) FILTER (WHERE v.sku = $2), 0) AS already
    FROM cart_items i JOIN variants v ON v.id = i.variant_id WHERE i.cart_id = $1
),
turned AS (UPDATE carts SET currency = $4 FROM held WHERE id = $1 AND held.lines = 0 AND currency <> $4),
offer AS (
    SELECT v.id, r.price_now AS amount FROM variants v
    JOIN products p ON p.id = v.product_id AND p.archived_at IS NULL
    LEFT JOIN prices r ON r.variant_id = v.id AND r.currency = coalesce($4, $5)
    WHERE v.sku = $2 AND v.archived_at IS NULL
),
put AS (
    INSERT INTO cart_items (id, cart_id, variant_id, quantity, seen_price)
    SELECT $6, $1, offer.id, $3::int, offer.amount FROM offer, held
    WHERE offer.amount IS NOT NULL AND ($4::text IS NULL OR $4 = $5 OR held.lines = 0)
      AND held.already + $3 <= $7 AND (held.already > 0 OR held.lines < $8)
    ON CONFLICT (cart_id, variant_id)
    DO UPDATE SET quantity = cart_items.quantity + excluded.quantity, seen_price = excluded.seen_price
    RETURNING quantity
)
SELECT held.lines, held.already, offer.id AS variant_id, offer.amount, put.quantity AS put
FROM held LEFT JOIN offer ON true LEFT JOIN put ON true
"""
"""Puts the units in where it may be done, and tells what stood in the way where it may not."""


async def set_quantity(writer: Writer, cart: CartId, item: CartItemId, quantity: int) -> None:
    """Change a line's quantity. Raises: Refusal `cart_item_not_found`, `quantity_out_of_range`."""
    held = await lock(writer, cart)
    line = next((line for line in held.lines if line.id == item), None) if held else None
    if line is None:
        raise Refusal("cart_item_not_found", "This cart has no such item.")
    _check_quantity(quantity)
    await writer.exec_driver_sql(_SET_QUANTITY, (cart, item, quantity, line.unit_price.amount))


_SET_QUANTITY = """
WITH line AS (UPDATE cart_items SET quantity = $3, seen_price = $4 WHERE id = $2 AND cart_id = $1)
UPDATE carts SET updated_at = now() WHERE id = $1
"""


async def remove(writer: Writer, cart: CartId, item: CartItemId) -> None:
    """Take a line out; again: changes nothing."""
    await writer.exec_driver_sql(
        f"{_TOUCH} AND EXISTS (SELECT FROM cart_items WHERE id = $2 AND cart_id = $1)", (cart, item)
    )
    await writer.execute(sa.delete(cart_items).where(cart_items.c.id == item, cart_items.c.cart_id == cart))


async def clear(writer: Writer, cart: CartId) -> None:
    """Take every line and every coupon out; again: changes nothing."""
    await writer.exec_driver_sql(_TOUCH_FULL, (cart,))
    await writer.exec_driver_sql(_CLEAR, (cart,))


_TOUCH_FULL = """
UPDATE carts SET updated_at = now() WHERE id = $1
AND (EXISTS (SELECT FROM cart_items WHERE cart_id = $1) OR EXISTS (SELECT FROM cart_coupons WHERE cart_id = $1))
"""
_CLEAR = """
WITH gone AS (DELETE FROM cart_coupons WHERE cart_id = $1) DELETE FROM cart_items WHERE cart_id = $1
"""


async def touch(writer: Writer, cart: CartId) -> None:
    """Note, before it is done, that the content changes: a cart that nobody touches is reminded of, and removed."""
    await writer.exec_driver_sql(_TOUCH, (cart,))


_TOUCH = "UPDATE carts SET updated_at = now() WHERE id = $1"
"""Comes before the change of a line, so that the cart's row is locked first here as everywhere."""


async def open_next_attempt(writer: Writer, cart: CartId, attempt: int) -> None:
    """End checkout number `attempt`: the next one gets a workflow of its own. Again: changes nothing."""
    await writer.exec_driver_sql(_NEXT_ATTEMPT, (cart, attempt))


async def take_out_bought(writer: Writer, cart: CartId, attempt: int, order: OrderId) -> bool:
    """Take out what an order bought; what was added meanwhile stays. Again: False, and changes nothing."""
    moved = await writer.exec_driver_sql(_BOUGHT, (cart, attempt))
    if moved.rowcount == 1:
        # Not in the same statement: one that had to wait for the cart would see its lines as they were before.
        await writer.exec_driver_sql(_TAKE_OUT, (cart, order))
    return moved.rowcount == 1


_NEXT_ATTEMPT = "UPDATE carts SET attempt = attempt + 1 WHERE id = $1 AND attempt = $2"
_BOUGHT = "UPDATE carts SET attempt = attempt + 1, updated_at = now() WHERE id = $1 AND attempt = $2"
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
