"""Stock, holds and the ledger of movements. Overselling is refused here, whatever code path asks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Reader, Writer
from models.errors import Refusal
from models.ids import OrderId, VariantId, new_id
from models.inventory import HoldStatus, Movement
from models.tables.base import key, metadata, moment, now_column, one_of, reference
from models.tables.catalog import variants

stock = sa.Table(
    "stock", metadata,
    sa.Column("variant_id", pg.UUID(as_uuid=True), sa.ForeignKey("variants.id"), primary_key=True),
    sa.Column("on_hand", sa.Integer, nullable=False, comment="units in the house"),
    sa.Column("held", sa.Integer, nullable=False, server_default="0", comment="of these, promised to open orders"),
    sa.CheckConstraint("on_hand >= 0", name="on_hand_not_negative"),
    sa.CheckConstraint("held >= 0", name="held_not_negative"),
    sa.CheckConstraint("held <= on_hand", name="never_oversold"),
)  # fmt: skip

holds = sa.Table(
    "stock_holds", metadata,
    sa.Column("order_id", pg.UUID(as_uuid=True), primary_key=True, comment="no foreign key: held before the order row"),
    sa.Column("variant_id", pg.UUID(as_uuid=True), sa.ForeignKey("variants.id"), primary_key=True),
    sa.Column("quantity", sa.Integer, nullable=False),
    *one_of("status", HoldStatus),
    moment("until"),
    sa.CheckConstraint("quantity > 0", name="quantity_positive"),
)  # fmt: skip

movements = sa.Table(
    "stock_movements", metadata,
    key(),
    reference("variant_id", "variants.id", index=True),
    *one_of("kind", Movement),
    sa.Column("on_hand", sa.Integer, nullable=False, comment="change of on hand"),
    sa.Column("held", sa.Integer, nullable=False, comment="change of held"),
    sa.Column("order_id", pg.UUID(as_uuid=True)),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    now_column("at"),
    sa.UniqueConstraint("order_id", "variant_id", "kind"),
)  # fmt: skip


_LOCK = """
SELECT s.variant_id, v.sku, s.on_hand - s.held AS available
FROM stock s JOIN variants v ON v.id = s.variant_id
WHERE s.variant_id = ANY ($1) ORDER BY s.variant_id FOR UPDATE OF s
"""
_HOLD = """
WITH wanted AS (SELECT * FROM unnest($2::uuid[], $3::int[]) AS w (variant_id, quantity)),
held AS (
    INSERT INTO stock_holds (order_id, variant_id, quantity, status, until)
    SELECT $1::uuid, variant_id, quantity, 'held', $4::timestamptz FROM wanted
), counted AS (
    UPDATE stock SET held = stock.held + wanted.quantity FROM wanted WHERE stock.variant_id = wanted.variant_id
)
INSERT INTO stock_movements (id, variant_id, kind, on_hand, held, order_id, actor, reason)
SELECT uuidv7(), variant_id, 'hold', 0, quantity, $1, 'order', 'checkout' FROM wanted
"""
_SETTLE = """
WITH settled AS (
    UPDATE stock_holds SET status = $2 WHERE order_id = $1::uuid AND status = 'held' RETURNING variant_id, quantity
), locked AS (
    SELECT s.variant_id FROM stock s JOIN settled USING (variant_id) ORDER BY s.variant_id FOR UPDATE OF s
), counted AS (
    UPDATE stock SET on_hand = stock.on_hand - $4::int * settled.quantity, held = stock.held - settled.quantity
    FROM settled JOIN locked USING (variant_id) WHERE stock.variant_id = settled.variant_id
)
INSERT INTO stock_movements (id, variant_id, kind, on_hand, held, order_id, actor, reason)
SELECT uuidv7(), variant_id, $3, -$4::int * quantity, -quantity, $1, 'order', $5 FROM settled
RETURNING -held AS quantity
"""
"""Numbers change with the ledger rows that explain them in one statement: one round trip while a hot row is locked."""


async def hold(writer: Writer, order: OrderId, wanted: Mapping[VariantId, int], until: datetime) -> None:
    """Promise units to an order, all or none. Rows are locked in one order everywhere, so two buyers never deadlock.

    Raises: Refusal `out_of_stock` with `items: [{sku, requested, available}]`; nothing is held then.
    """
    rows = await writer.exec_driver_sql(_LOCK, (list(wanted),))
    left = {row.variant_id: row for row in rows}
    short = [
        {"sku": left[variant].sku if variant in left else "", "requested": quantity,
         "available": max(left[variant].available, 0) if variant in left else 0}
        for variant, quantity in wanted.items()
        if variant not in left or left[variant].available < quantity
    ]  # fmt: skip
    if short:
        raise Refusal("out_of_stock", "Some items are no longer available in the quantity you want.", items=short)
    await writer.exec_driver_sql(_HOLD, (order, list(wanted), list(wanted.values()), until))


async def settle_holds(writer: Writer, order: OrderId, end: HoldStatus, reason: str) -> int:
    """Turn an order's open holds into sales (COMMITTED) or give them back (RELEASED); again: changes nothing.

    Returns the number of units settled now.
    """
    sold = end is HoldStatus.COMMITTED
    kind = Movement.COMMIT if sold else Movement.RELEASE
    rows = await writer.exec_driver_sql(_SETTLE, (order, end, kind, int(sold), reason))
    return sum(row.quantity for row in rows)


async def receive(writer: Writer, variant: VariantId, quantity: int, actor: str, reason: str) -> None:
    """Goods came in."""
    await writer.execute(
        pg.insert(stock).values(variant_id=variant, on_hand=quantity)
        .on_conflict_do_update(index_elements=["variant_id"], set_={"on_hand": stock.c.on_hand + quantity})
    )  # fmt: skip
    await writer.execute(
        sa.insert(movements).values(
            id=new_id(), variant_id=variant, kind=Movement.RECEIVE, on_hand=quantity, held=0, actor=actor, reason=reason
        )
    )


async def drift(reader: Reader) -> list[Any]:
    """Stock numbers that are not the sum of their movements: (sku, on_hand, held, both sums). Normally none."""
    total = sa.func.sum
    sums = (
        sa.select(
            movements.c.variant_id, total(movements.c.on_hand).label("on_hand"), total(movements.c.held).label("held")
        )
        .group_by(movements.c.variant_id)
        .subquery()
    )
    booked_on_hand, booked_held = sa.func.coalesce(sums.c.on_hand, 0), sa.func.coalesce(sums.c.held, 0)
    found = await reader.execute(
        sa.select(variants.c.sku, stock.c.on_hand, stock.c.held, booked_on_hand, booked_held)
        .join(variants, variants.c.id == stock.c.variant_id)
        .outerjoin(sums, sums.c.variant_id == stock.c.variant_id)
        .where((stock.c.on_hand != booked_on_hand) | (stock.c.held != booked_held))
    )
    return list(found)
