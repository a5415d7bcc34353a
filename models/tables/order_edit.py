"""Edits of orders: what was asked for and told, and the one statement each in which an order becomes another."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from models.address import Address
from models.database import Database, Reader, Writer
from models.edit import EDIT_MOVES, Content, EditedLine, EditOutline, EditStatus, EditWish, Offer, OrderEdit, Sold
from models.ids import EditId, OrderId, OrderNumber, VariantId, new_id
from models.money import Money
from models.order import Shipping, UsedCoupon
from models.tables.base import Json, as_json, key, metadata, minor_units, moment, now_column, one_of, plain_uuid
from models.tables.base import reference as reference_to
from models.totals import TaxPart, Totals

order_edits = sa.Table(
    "order_edits", metadata,
    key(),
    reference_to("order_id", "orders.id"),
    sa.Column("n", sa.Integer, nullable=False, comment="counts the edits of the order, from 1"),
    sa.Column("key", sa.Text, nullable=False, comment="names the request, so that it is done once"),
    sa.Column("digest", sa.Text, nullable=False, comment="of the request: another one under its key was not meant"),
    *one_of("status", EditStatus),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, comment="the words of whoever asked"),
    sa.Column("before", Json, nullable=False, comment="positions and totals that the order had"),
    sa.Column("after", Json, nullable=False, comment="and those that it gets"),
    sa.Column("shipping_address", Json, comment="where it is to go; null: that stays"),
    minor_units("difference", comment="of the totals; negative: something goes back"),
    sa.Column("refund_n", sa.Integer, comment="number of the order's refund that gives the difference back"),
    moment("expires_at", comment="until then it can be committed, and what it adds is held"),
    now_column(),
    moment("settled_at", nullable=True, comment="over, whatever way"),
    sa.UniqueConstraint("order_id", "n"),
    sa.UniqueConstraint("order_id", "key"),
    sa.ForeignKeyConstraint(["order_id", "refund_n"], ["refunds.order_id", "refunds.n"], name="fk_order_edits_refund"),
    sa.CheckConstraint("n > 0", name="counted_from_one"),
    sa.CheckConstraint("(status = 'proposed') = (settled_at IS NULL)", name="settled_when_over"),
    sa.Index("ix_order_edits_made", "settled_at", postgresql_where=sa.text("status = 'committed'")),
    sa.Index("ux_order_edits_one_open", "order_id", unique=True, postgresql_where=sa.text("status = 'proposed'")),
)  # fmt: skip


class Standing(msgspec.Struct, frozen=True):
    """What an order is, for who wants it to be another; its row is locked."""

    content: Content
    to: Address
    shipping: Shipping
    coupons: tuple[UsedCoupon, ...]
    provider: str
    left: Money
    """What was paid and has not gone back."""
    named: frozenset[str]
    """SKUs that a refund has named, or of which some will not be sent: their money went back, or was to."""
    sold: Mapping[UUID, Sold]
    """On which terms positions were sold that edits have changed since."""


_ORDER = """
SELECT o.currency, o.subtotal, o.discount, o.shipping, o.tax, o.total, o.tax_included, o.taxes, o.shipping_address,
       o.shipping_method, o.coupons, p.provider, p.captured - p.refunded + coalesce((
           SELECT sum(h.amount - h.refunded) FROM credit_holds h WHERE h.order_id = o.id AND h.status = 'committed'
       ), 0)::bigint AS left
FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.id = $1
"""
_LINES = """
SELECT l.*, l.cancelled > 0 OR EXISTS (SELECT FROM refund_lines x WHERE x.order_line_id = l.id) AS named
FROM order_lines l WHERE l.order_id = $1 ORDER BY l.position
"""
_FORMER = "SELECT before FROM order_edits WHERE order_id = $1 AND status = 'committed' ORDER BY n"
_OFFERS = """
SELECT v.id, v.sku, v.weight, p.name, p.tax_category,
       p.archived_at IS NULL AND v.archived_at IS NULL AS on_sale, r.price_now AS amount
FROM variants v JOIN products p ON p.id = v.product_id
LEFT JOIN prices r ON r.variant_id = v.id AND r.currency = $3
WHERE v.id = ANY ($1::uuid[]) OR v.sku = ANY ($2::text[])
"""
_OPEN = """
INSERT INTO order_edits (id, order_id, n, key, digest, status, actor, reason, before, after, shipping_address,
                         difference, expires_at)
VALUES ($1, $2, $3, $4, $5, 'proposed', $6, $7, $8::jsonb, $9::jsonb, $10::jsonb, $11, $12)
"""
_MOVE = """
UPDATE order_edits SET status = $2, settled_at = now(), refund_n = coalesce($3::int, refund_n)
WHERE id = $1 AND status = ANY ($4::text[])
"""
_FIND = """
SELECT e.*, o.number, o.currency FROM order_edits e JOIN orders o ON o.id = e.order_id WHERE e.order_id = $1 AND {}
"""
_BY_N, _BY_KEY = _FIND.format("e.n = $2"), _FIND.format("e.key = $2")
_OPEN_ONE = "SELECT n FROM order_edits WHERE order_id = $1 AND status = 'proposed'"
_NEXT = "SELECT coalesce(max(n), 0) + 1 AS n FROM order_edits WHERE order_id = $1"
_DROP_LINES = "DELETE FROM order_lines WHERE order_id = $1 AND NOT id = ANY ($2::uuid[])"
_PUT_LINES = """
INSERT INTO order_lines (id, order_id, variant_id, position, sku, name, quantity, unit_price, line_total, tax, discount)
SELECT line.id, $1::uuid, line.variant_id, line.nth - 1, line.sku, line.name, line.quantity, line.unit_price,
       line.line_total, line.tax, line.discount
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::int[], $7::bigint[], $8::bigint[], $9::bigint[],
            $10::bigint[])
     WITH ORDINALITY AS line (id, variant_id, sku, name, quantity, unit_price, line_total, tax, discount, nth)
ON CONFLICT (id) DO UPDATE SET position = excluded.position, quantity = excluded.quantity,
    line_total = excluded.line_total, tax = excluded.tax, discount = excluded.discount
"""
_PUT_ORDER = """
UPDATE orders SET subtotal = $2, discount = $3, shipping = $4, tax = $5, total = $6, tax_included = $7,
       shipping_address = coalesce($8::jsonb, shipping_address), coupons = $9::jsonb, credit = credit - $10::bigint,
       taxes = $11::jsonb
WHERE id = $1 RETURNING credit
"""


EDITS = """(
    SELECT jsonb_agg(
        jsonb_build_object(
            'n', e.n, 'status', e.status, 'before', e.before, 'after', e.after,
            'difference', jsonb_build_object('amount', e.difference, 'currency', o.currency),
            'shipping_address', e.shipping_address, 'expires_at', e.expires_at, 'created_at', e.created_at,
            'settled_at', e.settled_at, 'refund', e.refund_n, 'actor', e.actor, 'reason', e.reason
        ) ORDER BY e.n
    ) FROM order_edits e WHERE e.order_id = o.id
)"""
"""All edits of the order `o` as one JSON value, null without one: read in the statement that reads the order."""

outlines = msgspec.json.Decoder(tuple[EditOutline, ...]).decode


async def stand(reader: Reader, order: OrderId) -> Standing:
    """What the order is now."""
    row = (await reader.exec_driver_sql(_ORDER, (order,))).one()
    kind = row.currency
    lines = (await reader.exec_driver_sql(_LINES, (order,))).all()
    sold: dict[UUID, Sold] = {}
    for former in (await reader.exec_driver_sql(_FORMER, (order,))).scalars():
        for line in msgspec.convert(former, Content).lines:
            assert line.line is not None
            sold.setdefault(line.line, Sold(line.quantity, line.discount))
    return Standing(
        Content(
            tuple(
                EditedLine(
                    VariantId(plain_uuid(line.variant_id)), line.sku, line.name, line.quantity,
                    Money(line.unit_price, kind), Money(line.line_total, kind), Money(line.discount, kind),
                    Money(line.tax, kind), plain_uuid(line.id),
                )
                for line in lines
            ),
            Totals(
                Money(row.subtotal, kind), Money(row.discount, kind), Money(row.shipping, kind), Money(row.tax, kind),
                Money(row.total, kind), row.tax_included,
            ),
            msgspec.convert(row.taxes, tuple[TaxPart, ...]),
        ),
        msgspec.convert(row.shipping_address, Address), msgspec.convert(row.shipping_method, Shipping),
        tuple(UsedCoupon(each["code"], Money(each["discount"], kind)) for each in row.coupons),
        row.provider, Money(row.left, kind), frozenset(line.sku for line in lines if line.named), sold,
    )  # fmt: skip


async def offers(reader: Reader, variants: Sequence[VariantId], skus: Sequence[str], currency: str) -> dict[str, Offer]:
    """What the catalogue says of these variants and of these SKUs now, by SKU."""
    rows = await reader.exec_driver_sql(_OFFERS, (list(variants), list(skus), currency))
    return {
        row.sku: Offer(
            VariantId(plain_uuid(row.id)), row.sku, row.name, row.weight, row.tax_category,
            None if row.amount is None else Money(row.amount, currency), row.on_sale and row.amount is not None,
        )
        for row in rows
    }  # fmt: skip


async def open_one(reader: Reader, order: OrderId) -> int | None:
    """Number of the order's edit that waits for a yes; None: none does."""
    n: int | None = (await reader.exec_driver_sql(_OPEN_ONE, (order,))).scalar()
    return n


async def next_number(reader: Reader, order: OrderId) -> int:
    """The number that the order's next edit gets."""
    n: int = (await reader.exec_driver_sql(_NEXT, (order,))).scalar_one()
    return n


async def open(
    writer: Writer, edit: EditId, order: OrderId, n: int, wish: EditWish, before: Content, after: Content,
    until: datetime,
) -> None:  # fmt: skip
    """Write an edit down."""
    await writer.exec_driver_sql(
        _OPEN,
        (
            edit, order, n, wish.key, wish.digest, wish.actor, wish.reason, as_json(before), as_json(after),
            as_json(wish.shipping_address) if wish.shipping_address else None,
            (after.totals.total - before.totals.total).amount, until,
        ),
    )  # fmt: skip


async def move(writer: Writer, edit: EditId, to: EditStatus, refund: int | None = None) -> bool:
    """Bring an edit to `to` if its moves allow it. False: it is over already."""
    sources = [status for status, ends in EDIT_MOVES.items() if to in ends]
    return (await writer.exec_driver_sql(_MOVE, (edit, to, refund, sources))).rowcount == 1


async def rewrite(writer: Writer, edit: OrderEdit, coupons: Sequence[UsedCoupon], credit: Money) -> Money:
    """The order becomes what the edit says, and is paid with so much less `credit`; how much of it is left then."""
    lines, sums = edit.after.lines, edit.after.totals
    await writer.exec_driver_sql(_DROP_LINES, (edit.order_id, [line.line for line in lines]))
    await writer.exec_driver_sql(
        _PUT_LINES,
        (
            edit.order_id, [line.line for line in lines], [line.variant_id for line in lines],
            [line.sku for line in lines], [line.name for line in lines], [line.quantity for line in lines],
            [line.unit_price.amount for line in lines], [line.line_total.amount for line in lines],
            [line.tax.amount for line in lines], [line.discount.amount for line in lines],
        ),
    )  # fmt: skip
    put = await writer.exec_driver_sql(
        _PUT_ORDER,
        (
            edit.order_id, sums.subtotal.amount, sums.discount.amount, sums.shipping.amount, sums.tax.amount,
            sums.total.amount, sums.tax_included, as_json(edit.shipping_address) if edit.shipping_address else None,
            as_json([{"code": each.code, "discount": each.discount.amount} for each in coupons]), credit.amount,
            as_json(edit.after.taxes),
        ),
    )  # fmt: skip
    return Money(put.scalar_one(), sums.total.currency)


def with_rows(content: Content) -> Content:
    """The same, and each new position knows the row that it will be."""
    return msgspec.structs.replace(
        content,
        lines=tuple(
            line if line.line is not None else msgspec.structs.replace(line, line=new_id()) for line in content.lines
        ),
    )


async def find(reader: Reader, order: OrderId, n: int) -> OrderEdit | None:
    """An order's `n`-th edit."""
    return await _one(reader, _BY_N, order, n)


async def find_by_key(reader: Reader, order: OrderId, key: str) -> OrderEdit | None:
    """The edit that was asked for under this key, within a transaction."""
    return await _one(reader, _BY_KEY, order, key)


async def by_key(database: Database, order: OrderId, key: str) -> OrderEdit | None:
    """The edit that was asked for under this key."""
    rows = await database.fetch(_BY_KEY, order, key)
    return _edit(rows[0]) if rows else None


async def by_number(database: Database, order: OrderId, n: int) -> OrderEdit | None:
    """An order's `n`-th edit, outside a transaction."""
    rows = await database.fetch(_BY_N, order, n)
    return _edit(rows[0]) if rows else None


async def _one(reader: Reader, query: str, order: OrderId, value: object) -> OrderEdit | None:
    row = (await reader.exec_driver_sql(query, (order, value))).mappings().one_or_none()
    return None if row is None else _edit(row)


def _read(value: Any, kind: Any) -> Any:
    """The driver gives JSON as text, SQLAlchemy as what it means."""
    return msgspec.json.decode(value, type=kind) if isinstance(value, str) else msgspec.convert(value, kind)


def _edit(row: Any) -> OrderEdit:
    return OrderEdit(
        id=EditId(plain_uuid(row["id"])), order_id=OrderId(plain_uuid(row["order_id"])),
        order_number=OrderNumber(row["number"]), n=row["n"], key=row["key"], digest=row["digest"],
        status=EditStatus(row["status"]), before=_read(row["before"], Content), after=_read(row["after"], Content),
        difference=Money(row["difference"], row["currency"]), expires_at=row["expires_at"],
        created_at=row["created_at"], actor=row["actor"], reason=row["reason"],
        shipping_address=_read(row["shipping_address"], Address | None), settled_at=row["settled_at"],
        refund=row["refund_n"],
    )  # fmt: skip
