"""Orders, their lines and their timeline."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.address import Address
from models.database import Database, Writer
from models.ids import CartId, OrderId, OrderNumber, new_id
from models.money import Money
from models.notification import NEWS
from models.order import (
    FULFILMENT_MOVES,
    ORDER_MOVES,
    FulfilmentStatus,
    Order,
    OrderEvent,
    OrderLine,
    OrderStatus,
    Shipping,
    UsedCoupon,
)
from models.tables import order_edit as edits
from models.tables.base import (
    Json,
    TransactionId,
    as_json,
    currency,
    key,
    metadata,
    minor_units,
    moment,
    now_column,
    one_of,
    reference,
)  # fmt: skip
from models.tables.notification import TELL_BUYER
from models.tables.payment_history import REFUNDS, outlines
from models.totals import TaxPart, Totals

orders = sa.Table(
    "orders", metadata,
    key(),
    sa.Column("number", sa.Text, nullable=False, unique=True),
    sa.Column("workflow_id", sa.Text, nullable=False, unique=True),
    sa.Column("cart_id", pg.UUID(as_uuid=True), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("customer_id", pg.UUID(as_uuid=True), comment="the account that bought; null: a guest"),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("locale", sa.Text, nullable=False, server_default="en", comment="BCP 47: its buyer's language"),
    *one_of("status", OrderStatus),
    *one_of("fulfilment_status", FulfilmentStatus),
    currency(),
    minor_units("subtotal"),
    minor_units("discount"),
    minor_units("shipping"),
    minor_units("tax"),
    minor_units("total"),
    minor_units("credit", server_default="0", comment="of the total, paid by gift cards and store credit"),
    sa.Column("coupons", Json, nullable=False, server_default="[]", comment='[{"code": "SAVE10", "discount": 500}]'),
    sa.Column("tax_included", sa.Boolean, nullable=False),
    sa.Column("taxes", Json, nullable=False, server_default="[]", comment="rates that make up the tax, as charged"),
    sa.Column("shipping_method", Json, nullable=False),
    sa.Column("shipping_address", Json, nullable=False),
    sa.Column("billing_address", Json, nullable=False),
    moment("placed_at"),
    moment("pay_until"),
    sa.Column("cancel_reason", sa.Text),
    sa.Column("attention", sa.Text, comment="why a person has to look; null: nobody has to"),
    sa.UniqueConstraint("cart_id", "attempt"),
    sa.CheckConstraint(
        "total = subtotal - discount + shipping + CASE WHEN tax_included THEN 0 ELSE tax END", name="total_adds_up"
    ),
    sa.CheckConstraint("credit BETWEEN 0 AND total", name="credit_within_total"),
    sa.Index("ix_orders_email", sa.text("lower(email)")),
    sa.Index("ix_orders_newest", sa.text("placed_at DESC"), sa.text("id DESC")),
    sa.Index("ix_orders_attention", sa.text("placed_at DESC"), sa.text("id DESC"),
             postgresql_where=sa.text("attention IS NOT NULL")),
    sa.Index("ix_orders_open", "status",
             postgresql_where=sa.text("status NOT IN ('delivered', 'completed', 'cancelled')")),
    sa.Index("ix_orders_delivered", "placed_at", "id", postgresql_where=sa.text("status = 'delivered'")),
    sa.Index("ix_orders_customer", "customer_id", sa.text("placed_at DESC"), sa.text("id DESC"),
             postgresql_where=sa.text("customer_id IS NOT NULL")),
)  # fmt: skip

order_lines = sa.Table(
    "order_lines", metadata,
    key(),
    reference("order_id", "orders.id", index=True),
    reference("variant_id", "variants.id", index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    minor_units("unit_price"),
    minor_units("line_total", comment="before the discount"),
    minor_units("discount", server_default="0"),
    minor_units("tax"),
    sa.Column("shipped", sa.Integer, nullable=False, server_default="0", comment="units that have left"),
    sa.Column("cancelled", sa.Integer, nullable=False, server_default="0", comment="units that never will"),
    sa.Column("returned", sa.Integer, nullable=False, server_default="0", comment="of what left, asked to come back"),
    sa.CheckConstraint(
        "shipped >= 0 AND cancelled >= 0 AND shipped + cancelled <= quantity", name="no_unit_is_sent_twice"
    ),
    sa.CheckConstraint("returned BETWEEN 0 AND shipped", name="no_unit_comes_back_twice"),
    sa.CheckConstraint("discount BETWEEN 0 AND line_total", name="discount_within_line"),
    sa.CheckConstraint("quantity > 0 AND line_total = unit_price * quantity", name="line_adds_up"),
)  # fmt: skip

order_events = sa.Table(
    "order_events", metadata,
    key(),
    reference("order_id", "orders.id"),
    sa.Column("key", sa.Text, nullable=False, comment="names the fact, so that it is written once"),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("facts", Json, nullable=False),
    now_column("at"),
    sa.Column("xid", TransactionId, nullable=False, server_default=sa.func.pg_current_xact_id(),
              comment="who follows all orders goes by it: see order_feed"),
    sa.UniqueConstraint("order_id", "key"),
    sa.Index("ix_order_events_feed", "xid", "id"),
    sa.Index("ix_order_events_sold", "at",
             postgresql_where=sa.text("key IN ('confirmed', 'cancelled', 'rest_cancelled')")),
)  # fmt: skip


_INSERT = """
WITH made AS (
    INSERT INTO orders (id, number, workflow_id, cart_id, attempt, customer_id, email, status, fulfilment_status,
                        currency, subtotal, discount, shipping, tax, total, tax_included,
                        shipping_method, shipping_address, billing_address, placed_at, pay_until, credit, coupons,
                        taxes, locale)
    VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17::jsonb, $18::jsonb,
            $19::jsonb, $20, $21, $31, $32::jsonb, $33::jsonb, $34)
)
INSERT INTO order_lines (id, order_id, variant_id, position, sku, name, quantity, unit_price, line_total, tax,
                         discount)
SELECT line.id, $1, line.variant_id, line.nth - 1, line.sku, line.name, line.quantity, line.unit_price,
       line.line_total, line.tax, line.discount
FROM unnest($22::uuid[], $23::uuid[], $24::text[], $25::text[], $26::int[], $27::bigint[], $28::bigint[], $29::bigint[],
            $30::bigint[])
     WITH ORDINALITY AS line (id, variant_id, sku, name, quantity, unit_price, line_total, tax, discount, nth)
"""
_TELL = """
INSERT INTO order_events (id, order_id, key, type, actor, facts)
SELECT told.id, $1::uuid, told.key, told.type, told.actor, told.facts
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[]) AS told (id, key, type, actor, facts)
ON CONFLICT (order_id, key) DO NOTHING
"""
_TELL_BUYER = f"WITH told AS ({_TELL} RETURNING type, facts) {TELL_BUYER}"


class Fact(msgspec.Struct, frozen=True):
    """One thing that happened to an order; `key` names it, so that it is written once."""

    key: str
    type: str
    actor: str
    facts: Mapping[str, object] = {}


async def insert(writer: Writer, order: Order) -> None:
    """Write a new order and its lines."""
    sums, lines = order.totals, order.lines
    await writer.exec_driver_sql(
        _INSERT,
        (
            order.id, order.number, order.workflow_id, order.cart_id, order.attempt, order.customer_id, order.email,
            order.status, order.fulfilment_status, sums.total.currency, sums.subtotal.amount, sums.discount.amount,
            sums.shipping.amount, sums.tax.amount, sums.total.amount, sums.tax_included, as_json(order.shipping),
            as_json(order.shipping_address), as_json(order.billing_address), order.placed_at, order.pay_until,
            [new_id() for _ in lines], [line.variant_id for line in lines], [line.sku for line in lines],
            [line.name for line in lines], [line.quantity for line in lines],
            [line.unit_price.amount for line in lines], [line.line_total.amount for line in lines],
            [line.tax.amount for line in lines], [line.discount.amount for line in lines],
            order.credit.amount if order.credit else 0,
            as_json([{"code": each.code, "discount": each.discount.amount} for each in order.coupons]),
            as_json(order.taxes),
            order.locale,
        ),
    )  # fmt: skip


async def move(
    writer: Writer, order: OrderId, to: OrderStatus, *, only: frozenset[OrderStatus] | None = None, **values: Any
) -> bool:
    """Bring an order to `to` if its moves allow it. False: it is not where it could go from, nothing changed.

    `only`: of the statuses that allow it, from these. `values` (fulfilment_status, cancel_reason, attention) are
    written along with the move.
    """
    moved = await writer.execute(_moving(to, only, tuple(values)), {"order": order, **values})
    return moved.rowcount == 1


@cache
def _moving(to: OrderStatus, only: frozenset[OrderStatus] | None, columns: tuple[str, ...]) -> sa.Update:
    """The statement of a move; made once, because building one costs more than running it."""
    sources = [status for status, ends in ORDER_MOVES.items() if to in ends and (only is None or status in only)]
    return (
        sa.update(orders)
        .where(orders.c.id == sa.bindparam("order"), orders.c.status.in_(sources))
        .values(status=to, **{name: sa.bindparam(name) for name in columns})
    )


async def settle_fulfilment(writer: Writer, order: OrderId, to: FulfilmentStatus) -> None:
    """Bring an order's goods to `to`, if their moves allow it; the order as a whole stays where it is."""
    sources = [status for status, ends in FULFILMENT_MOVES.items() if to in ends]
    await writer.exec_driver_sql(
        "UPDATE orders SET fulfilment_status = $2 WHERE id = $1 AND fulfilment_status = ANY ($3::text[])",
        (order, to, sources),
    )


_WAIT_LONGER = """
UPDATE orders o SET pay_until = $2 FROM payments p
WHERE o.id = $1 AND p.order_id = o.id AND o.status = 'pending' AND p.status IN ('pending', 'failed')
  AND o.pay_until < $2
RETURNING old.pay_until
"""


async def wait_longer(writer: Writer, order: OrderId, until: datetime) -> datetime | None:
    """Let an unpaid order wait for its payment until then; until when it did. None: it does not wait, or as long."""
    was: datetime | None = (await writer.exec_driver_sql(_WAIT_LONGER, (order, until))).scalar()
    return was


async def lock(writer: Writer, order: OrderId) -> None:
    """Nobody else changes the order to the end of the transaction; taken before its payment's row, everywhere."""
    await writer.exec_driver_sql("SELECT FROM orders WHERE id = $1 FOR NO KEY UPDATE", (order,))


async def credit_of(writer: Writer, order: OrderId) -> Money | None:
    """Of an order's total, what gift cards and store credit pay; None: nothing."""
    row = (await writer.exec_driver_sql(_CREDIT, (order,))).one()
    return Money(row.credit, row.currency) if row.credit else None


async def tell(writer: Writer, order: OrderId, fact: str, type: str, actor: str, **facts: object) -> None:
    """Append to an order's timeline; a fact that is told already is not told again."""
    await tell_all(writer, order, Fact(fact, type, actor, facts))


async def tell_all(writer: Writer, order: OrderId, *told: Fact) -> None:
    """Append several facts, in this order; a buyer with an account is told those that are news to them."""
    await writer.exec_driver_sql(
        _TELL_BUYER if any(fact.type in NEWS for fact in told) else _TELL,
        (
            order, [new_id() for _ in told], [fact.key for fact in told], [fact.type for fact in told],
            [fact.actor for fact in told], [as_json(fact.facts) for fact in told],
        ),
    )  # fmt: skip


_CREDIT = "SELECT credit, currency FROM orders WHERE id = $1"
_FIND = f"""
SELECT o.*, p.status AS payment_status, p.reference, p.client_secret, p.redirect_url, p.error, p.provider,
       {REFUNDS} AS refunds, {edits.EDITS} AS edits
FROM orders o JOIN payments p ON p.order_id = o.id WHERE {{}}
"""  # noqa: S608
_BY_NUMBER = _FIND.format("o.number = $1")
_BY_ID = _FIND.format("o.id = $1")
_BY_ATTEMPT = _FIND.format("o.cart_id = $1 AND o.attempt = $2")
_LINES = """
SELECT l.*, CASE WHEN b.given_up < b.quantity THEN b.promised_at END AS promised_at,
       coalesce(b.quantity - b.filled - b.given_up, 0) AS waiting
FROM order_lines l LEFT JOIN backorders b ON b.order_id = l.order_id AND b.variant_id = l.variant_id
WHERE l.order_id = $1 ORDER BY l.position
"""
_tax_parts = msgspec.json.Decoder(tuple[TaxPart, ...]).decode
_EVENTS = "SELECT type, actor, at, facts FROM order_events WHERE order_id = $1 ORDER BY id"


async def find(database: Database, number: OrderNumber) -> Order | None:
    """The order people know by `number`."""
    rows = await database.fetch(_BY_NUMBER, number)
    return await _order(database, rows[0]) if rows else None


async def find_by_id(database: Database, id: OrderId) -> Order:
    """The order that rows name by `id`: there is one."""
    [row] = await database.fetch(_BY_ID, id)
    return await _order(database, row)


async def find_attempt(database: Database, cart: CartId, attempt: int) -> Order | None:
    """The order that came of checkout number `attempt` of a cart."""
    rows = await database.fetch(_BY_ATTEMPT, cart, attempt)
    return await _order(database, rows[0]) if rows else None


async def timeline(database: Database, order: OrderId) -> list[OrderEvent]:
    """What happened, oldest first."""
    rows = await database.fetch(_EVENTS, order)
    return [OrderEvent(row["type"], row["actor"], row["at"], msgspec.json.decode(row["facts"])) for row in rows]


async def _order(database: Database, row: Any) -> Order:
    kind = row["currency"]
    lines = await database.fetch(_LINES, row["id"])
    return Order(
        id=OrderId(row["id"]), number=OrderNumber(row["number"]), workflow_id=row["workflow_id"],
        cart_id=CartId(row["cart_id"]), attempt=row["attempt"], customer_id=row["customer_id"], email=row["email"],
        locale=row["locale"],
        status=OrderStatus(row["status"]), payment_status=row["payment_status"],
        fulfilment_status=FulfilmentStatus(row["fulfilment_status"]),
        totals=Totals(
            subtotal=Money(row["subtotal"], kind),
            discount=Money(row["discount"], kind),
            shipping=Money(row["shipping"], kind),
            tax=Money(row["tax"], kind),
            total=Money(row["total"], kind),
            tax_included=row["tax_included"],
        ),
        shipping=msgspec.json.decode(row["shipping_method"], type=Shipping),
        shipping_address=msgspec.json.decode(row["shipping_address"], type=Address),
        billing_address=msgspec.json.decode(row["billing_address"], type=Address),
        lines=tuple(
            OrderLine(line["variant_id"], line["sku"], line["name"], line["quantity"],
                      Money(line["unit_price"], kind), Money(line["line_total"], kind), Money(line["tax"], kind),
                      Money(line["discount"], kind), line["shipped"], line["cancelled"], line["returned"],
                      line["waiting"], line["promised_at"])
            for line in lines
        ),
        placed_at=row["placed_at"], pay_until=row["pay_until"], cancel_reason=row["cancel_reason"],
        attention=row["attention"], payment_reference=row["reference"], client_secret=row["client_secret"],
        payment_error=row["error"], provider=row["provider"], redirect_url=row["redirect_url"],
        credit=Money(row["credit"], kind) if row["credit"] else None,
        coupons=tuple(
            UsedCoupon(each["code"], Money(each["discount"], kind)) for each in msgspec.json.decode(row["coupons"])
        ),
        refunds=outlines(row["refunds"] or "[]"), edits=edits.outlines(row["edits"] or "[]"),
        taxes=_tax_parts(row["taxes"]),
    )  # fmt: skip
