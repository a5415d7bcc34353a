"""How an order is divided: on which terms each position was sold, and what each vendor's part of the order comes to."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.commission import Part, Terms, terms_for
from models.database import Writer
from models.ids import OrderId, new_id
from models.tables import commission
from models.tables.base import currency, key, metadata, minor_units, now_column, plain_uuid, reference

line_terms = sa.Table(
    "line_terms", metadata,
    sa.Column("order_line_id", pg.UUID(as_uuid=True), primary_key=True, comment="an edit can take the position away"),
    reference("order_id", "orders.id", index=True),
    reference("vendor_id", "vendors.id", nullable=True, comment="who sold it; null: the shop itself"),
    sa.Column("ppm", sa.Integer, nullable=False, comment="of what its goods cost, the shop's"),
    minor_units("fixed", comment="besides"),
)  # fmt: skip

vendor_parts = sa.Table(
    "vendor_parts", metadata,
    key(),
    reference("order_id", "orders.id"),
    reference("vendor_id", "vendors.id"),
    currency(),
    minor_units("goods", comment="what the buyer pays for them, discount and tax taken off"),
    minor_units("tax", comment="the shop's, which owes it"),
    minor_units("commission", comment="of the goods, the shop's"),
    minor_units("share", comment="of the goods, the vendor's"),
    now_column(),
    sa.UniqueConstraint("order_id", "vendor_id"),
    sa.CheckConstraint("goods = commission + share AND commission >= 0 AND share >= 0", name="adds_up"),
    sa.Index("ix_vendor_parts_newest", "vendor_id", sa.text("created_at DESC"), sa.text("id DESC")),
)  # fmt: skip

_ANY_VENDOR = "SELECT EXISTS (SELECT FROM vendors)"
_NEW_LINES = """
SELECT l.id, l.order_id, CASE WHEN p.vendor_id < l.id THEN p.vendor_id END AS vendor_id, c.lineage, o.currency
FROM order_lines l JOIN orders o ON o.id = l.order_id JOIN variants v ON v.id = l.variant_id
JOIN products p ON p.id = v.product_id JOIN categories c ON c.id = p.category_id
WHERE l.order_id = ANY ($1::uuid[]) AND NOT EXISTS (SELECT FROM line_terms t WHERE t.order_line_id = l.id)
"""
"""Who sells a position's product, if there was such a vendor when it was bought: ids sort by time. Of what the shop
sold before it had vendors nothing was written down."""
_FREEZE = """
INSERT INTO line_terms (order_line_id, order_id, vendor_id, ppm, fixed)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::bigint[]) ON CONFLICT DO NOTHING
"""
_DIVIDED = """
SELECT DISTINCT order_id FROM line_terms WHERE order_id = ANY ($1::uuid[]) AND vendor_id IS NOT NULL
UNION SELECT order_id FROM vendor_parts WHERE order_id = ANY ($1)
"""
_WRITE = """
WITH sold AS (
    SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
             AS s (id, vendor_id, goods, tax, commission, share)
), emptied AS (
    UPDATE vendor_parts p SET goods = 0, tax = 0, commission = 0, share = 0
    WHERE p.order_id = $1::uuid AND p.goods + p.tax > 0 AND NOT p.vendor_id = ANY ($4)
)
INSERT INTO vendor_parts AS known (id, order_id, vendor_id, currency, goods, tax, commission, share)
SELECT id, $1, vendor_id, $2, goods, tax, commission, share FROM sold
ON CONFLICT (order_id, vendor_id) DO UPDATE
SET goods = excluded.goods, tax = excluded.tax, commission = excluded.commission, share = excluded.share
WHERE (known.goods, known.tax, known.commission) <> (excluded.goods, excluded.tax, excluded.commission)
"""


async def any_vendor(writer: Writer) -> bool:
    """Whether the shop has vendors at all, or had."""
    return bool((await writer.exec_driver_sql(_ANY_VENDOR)).scalar_one())


async def freeze(writer: Writer, orders: Sequence[OrderId]) -> None:
    """Write down who sold each position of these orders, and on which terms: later rules never reach it.

    A shop without any vendor has nothing to write down. Again: what is written stays.
    """
    if not await any_vendor(writer):
        return
    rows = (await writer.exec_driver_sql(_NEW_LINES, (list(orders),))).all()
    rules = await commission.all_rules(writer) if any(row.vendor_id for row in rows) else []
    found: list[tuple[UUID, UUID, UUID | None, Terms]] = [
        (plain_uuid(row.id), plain_uuid(row.order_id), *_sold(rules, row)) for row in rows
    ]
    if found:
        await writer.exec_driver_sql(
            _FREEZE,
            (
                [line for line, _, _, _ in found], [order for _, order, _, _ in found],
                [vendor for _, _, vendor, _ in found], [terms.ppm for _, _, _, terms in found],
                [terms.fixed for _, _, _, terms in found],
            ),
        )  # fmt: skip


async def divided(writer: Writer, orders: Sequence[OrderId]) -> list[OrderId]:
    """Which of these a vendor sold something of, or did before they were changed; in their order."""
    rows = await writer.exec_driver_sql(_DIVIDED, (list(orders),))
    found = {plain_uuid(row.order_id) for row in rows}
    return [order for order in orders if order in found]


async def write_parts(writer: Writer, order: OrderId, kind: str, sold: Mapping[UUID, Part]) -> None:
    """What each vendor's part of an order comes to; who has nothing in it any more keeps an empty one."""
    columns = [
        [getattr(part, name) for part in sold.values()] for name in ("goods", "tax", "commission", "share")
    ]  # fmt: skip
    await writer.exec_driver_sql(_WRITE, (order, kind, [new_id() for _ in sold], list(sold), *columns))


def _sold(rules: Sequence[Any], row: Any) -> tuple[UUID | None, Terms]:
    if row.vendor_id is None:
        return None, Terms()
    vendor = plain_uuid(row.vendor_id)
    return vendor, terms_for(rules, vendor, [plain_uuid(each) for each in row.lineage], row.currency)
