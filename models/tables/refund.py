"""Refunds: money reserved before it goes back, so that no two of them, whoever asks, give back more than was paid."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.ids import CreditAccountId, OrderId, OrderNumber, RefundId, new_id
from models.money import LARGEST, Money
from models.order import FulfilmentStatus
from models.payment import PaymentStatus
from models.refund import Refund, RefundStatus, RefundWish, share, split
from models.tables import audit, refund_part, store_credit
from models.tables import charge as charges
from models.tables import order as orders
from models.tables.base import currency, key, metadata, minor_units, now_column, one_of, plain_uuid, reference

refunds = sa.Table(
    "refunds", metadata,
    key(),
    reference("order_id", "orders.id"),
    sa.Column("n", sa.Integer, nullable=False, comment="counts the refunds of the order, from 1"),
    sa.Column("key", sa.Text, nullable=False, comment="names the request, so that it is done once"),
    sa.Column("digest", sa.Text, nullable=False, comment="of the request: another one under its key was not meant"),
    *one_of("status", RefundStatus),
    minor_units("amount"),
    currency(),
    minor_units("from_provider", comment="of what the payment provider took"),
    minor_units("from_credit", comment="of what gift cards and store credit paid"),
    minor_units("shipping", server_default="0", comment="of the amount, what was asked for as shipping"),
    sa.Column("store_credit", sa.Boolean, nullable=False, comment="all of it goes to the buyer's store credit"),
    sa.Column("gift_card", sa.Boolean, nullable=False, server_default="false", comment="all of it: a new gift card"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("actor_id", pg.UUID(as_uuid=True), comment="who of staff"),
    sa.Column("reference", sa.Text, unique=True, comment="the provider's id of the refund"),
    sa.Column("error", sa.Text, comment="why it failed"),
    now_column(),
    sa.Column("settled_at", sa.DateTime(timezone=True), comment="succeeded, or failed"),
    sa.Column("returned_at", sa.DateTime(timezone=True), comment="came back after it had succeeded"),
    sa.Column("card_id", pg.UUID(as_uuid=True), sa.ForeignKey("credit_accounts.id"),
              comment="all of it pays for an exchange, by this gift card"),
    sa.UniqueConstraint("order_id", "n"),
    sa.UniqueConstraint("order_id", "key"),
    sa.CheckConstraint("amount > 0 AND amount = from_provider + from_credit", name="parts_add_up"),
    sa.CheckConstraint("from_provider >= 0 AND from_credit >= 0 AND shipping >= 0", name="parts_not_negative"),
    sa.CheckConstraint("NOT (store_credit AND gift_card)", name="one_way_to_go"),
    sa.Index("ix_refunds_open", "created_at", postgresql_where=sa.text("status = 'open'")),
)  # fmt: skip

refund_lines = sa.Table(
    "refund_lines", metadata,
    sa.Column("refund_id", pg.UUID(as_uuid=True), sa.ForeignKey("refunds.id"), primary_key=True),
    sa.Column("order_line_id", pg.UUID(as_uuid=True), sa.ForeignKey("order_lines.id"), primary_key=True, index=True),
    sa.Column("quantity", sa.Integer, nullable=False),
    minor_units("amount"),
    sa.CheckConstraint("quantity > 0", name="quantity_positive"),
)  # fmt: skip

refund_credits = sa.Table(
    "refund_credits", metadata,
    sa.Column("refund_id", pg.UUID(as_uuid=True), sa.ForeignKey("refunds.id"), primary_key=True),
    sa.Column("account_id", pg.UUID(as_uuid=True), sa.ForeignKey("credit_accounts.id"), primary_key=True),
    minor_units("amount", comment="of what this account paid of the order"),
    sa.CheckConstraint("amount > 0", name="amount_positive"),
)  # fmt: skip


_FIND = """
SELECT r.*, o.number, p.provider, p.reference AS payment_reference, {} AS parts
FROM refunds r JOIN orders o ON o.id = r.order_id JOIN payments p ON p.order_id = r.order_id
WHERE r.order_id = $1 AND {} ORDER BY r.n
"""
_BY_KEY, _BY_N, _ALL = [_FIND.format(refund_part.PARTS, which) for which in ("r.key = $2", "r.n = $2", "true")]
_NEXT = "SELECT coalesce(max(n), 0) + 1 AS n FROM refunds WHERE order_id = $1"
_LOCK = "SELECT FROM payments WHERE order_id = $1 FOR NO KEY UPDATE"
_FACTS = f"""
SELECT o.number, o.currency, o.total, o.customer_id, o.fulfilment_status, p.status,
       p.captured - p.refunded AS captured, ({_NEXT}) AS n,
       (SELECT min(d.reference) FROM disputes d WHERE d.payment_id = p.id AND d.status <> 'won' AND d.withdrawn > 0)
       AS dispute, EXISTS (SELECT FROM charges c WHERE c.payment_id = p.id AND c.captured > 0) AS several
FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.id = $1
"""  # noqa: S608
_CREDIT = """
SELECT account_id, amount - refunded AS left FROM credit_holds
WHERE order_id = $1 AND status = 'committed' ORDER BY account_id FOR NO KEY UPDATE
"""
_LINES = """
SELECT l.id, l.sku, l.quantity, l.line_total - l.discount + CASE WHEN o.tax_included THEN 0 ELSE l.tax END AS worth,
       coalesce(sum(g.quantity), 0)::int AS units, coalesce(sum(g.amount), 0)::bigint AS given
FROM order_lines l JOIN orders o ON o.id = l.order_id
LEFT JOIN (
    SELECT x.* FROM refund_lines x JOIN refunds r ON r.id = x.refund_id WHERE r.order_id = $1 AND r.status <> 'failed'
) g ON g.order_line_id = l.id
WHERE l.order_id = $1 GROUP BY l.id, o.id ORDER BY l.position
"""
_SHIPPING = """
SELECT coalesce(sum(shipping), 0)::bigint FROM refunds WHERE order_id = $1 AND status <> 'failed'
"""
_OPEN = """
WITH paid AS (UPDATE payments SET refunded = refunded + $8::bigint WHERE order_id = $2::uuid),
parts AS (SELECT * FROM unnest($17::uuid[], $18::bigint[]) AS part (account_id, amount)),
credit AS (
    UPDATE credit_holds h SET refunded = h.refunded + parts.amount FROM parts
    WHERE h.order_id = $2 AND h.account_id = parts.account_id
), made AS (
    INSERT INTO refunds (id, order_id, n, key, digest, status, amount, currency, from_provider, from_credit, shipping,
                         store_credit, reason, actor, actor_id, gift_card, card_id)
    VALUES ($1::uuid, $2, $3, $4, $5, 'open', $6, $7, $8, $9, $10, $11, $12, $13, $14::uuid, $20, $21::uuid)
), credited AS (
    INSERT INTO refund_credits (refund_id, account_id, amount) SELECT $1, account_id, amount FROM parts
)
INSERT INTO refund_lines (refund_id, order_line_id, quantity, amount)
SELECT $1, line.id, line.quantity, line.amount
FROM unnest($15::uuid[], $16::int[], $19::bigint[]) AS line (id, quantity, amount)
"""

REFUNDABLE = (PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)


def _is_refundable(facts: Any) -> bool:
    """Where money is taken parcel by parcel, what was taken can go back before the rest is there."""
    parcel_by_parcel = facts.status == PaymentStatus.AUTHORIZED and facts.fulfilment_status == FulfilmentStatus.PARTIAL
    return facts.status in REFUNDABLE or parcel_by_parcel


async def open(writer: Writer, order: OrderId, wish: RefundWish, n: int | None = None) -> Refund:
    """Reserve the money of a refund and write it down. Again, under the same key: the refund that there is by now.

    `n`: the number that it is to have; None: the next one. Locks the payment, then the order's credit.
    Raises: Refusal `order_not_found`, `wrong_move` (nothing was paid), `refund_exceeds`, `currency_mismatch`,
    `unknown_sku`, `fee_exceeds`, `charge_disputed`, `no_store_credit`, `account_erased`, `credit_too_much`;
    `refund_superseded`: `n` is another refund's.
    """
    await writer.exec_driver_sql(_LOCK, (order,))
    known = await _one(writer, _BY_KEY, order, wish.key)
    if known is not None:
        return known
    facts = (await writer.exec_driver_sql(_FACTS, (order,))).one_or_none()
    if facts is None:
        raise Refusal("order_not_found", "There is no such order.")
    if n not in (None, facts.n):
        raise Refusal("refund_superseded", "Another refund of this order was begun meanwhile.")
    kind: str = facts.currency
    captured = Money(facts.captured, kind)
    credit = await _credit_left(writer, order, kind)
    # Credit is spent when an order is confirmed; what was only reserved on a card beside it is voided, not refunded.
    if not _is_refundable(facts) and not (facts.status == PaymentStatus.VOIDED and credit):
        raise Refusal("wrong_move", "Nothing of this order is paid that could go back.", payment_status=facts.status)
    left = sum((part.amount for part in credit.values()), captured.amount)
    lines, shipping, amount = await _asked(writer, order, facts, wish, left)
    if amount > left or not amount:
        raise _exceeds(Money(left, kind))
    if wish.store_credit:
        await _must_take_credit(writer, facts.customer_id, Money(amount, kind))
    parts = split(Money(amount, kind), captured, credit)
    if facts.dispute is not None and parts.provider.amount and not (wish.store_credit or wish.gift_card):
        raise Refusal("charge_disputed", "The buyer's bank took this money back: until the dispute is won, it can go "
                      "back another way only, such as store credit.", dispute=facts.dispute)  # fmt: skip
    refund = RefundId(new_id())
    # Before the payment's own sum moves, which the first one's share is what is left of.
    sources = await charges.sources(writer, order) if facts.several and parts.provider.amount else []
    await writer.exec_driver_sql(
        _OPEN,
        (
            refund, order, facts.n, wish.key, wish.digest, amount, kind, parts.provider.amount,
            amount - parts.provider.amount, shipping, wish.store_credit, wish.reason, wish.actor,
            wish.author.user if wish.author else None,
            [line for line, _, _ in lines], [quantity for _, quantity, _ in lines],
            list(parts.credit), [part.amount for part in parts.credit.values()], [worth for _, _, worth in lines],
            wish.gift_card or wish.card is not None, wish.card,
        ),
    )  # fmt: skip
    if sources:
        await refund_part.reserve(writer, refund, parts.provider, sources)
    made = await _one(writer, _BY_KEY, order, wish.key)
    assert made is not None
    await orders.tell(writer, order, f"refund/{made.n}", "refund_started", wish.actor, n=made.n, amount=made.amount)
    if wish.author is not None:
        after = {
            "refund": made.n,
            "amount": made.amount,
            "store_credit": made.store_credit,
            "gift_card": made.gift_card,
        }
        await audit.append(writer, wish.author, "order.refund", made.order_number, after=after, reason=wish.reason)
    return made


async def reserve(writer: Writer, order: OrderId, wish: RefundWish, nothing_paid: bool = False) -> Refund | None:
    """What is left of what was paid for it; None: it has gone back already, nothing was to be paid, or the buyer's bank
    took it back, and whoever is told how that ended decides."""
    try:
        return await open(writer, order, wish)
    except Refusal as refusal:
        if refusal.code not in ("refund_exceeds", "charge_disputed", *(("wrong_move",) if nothing_paid else ())):
            raise
        return None


async def worth(writer: Writer, order: OrderId, wish: RefundWish) -> Money | None:
    """What a refund would reserve now; None: nothing is left that could go back, or the buyer's bank took it back.

    Nobody changes that to the end of the transaction. Raises: Refusal, as `open` does.
    """
    await writer.exec_driver_sql(_LOCK, (order,))
    facts = (await writer.exec_driver_sql(_FACTS, (order,))).one()
    if not _is_refundable(facts) or facts.dispute is not None:
        return None
    credit = await _credit_left(writer, order, facts.currency)
    left = sum((part.amount for part in credit.values()), facts.captured)
    _, _, amount = await _asked(writer, order, facts, wish, left)
    return Money(amount, facts.currency) if 0 < amount <= left else None


async def _credit_left(writer: Writer, order: OrderId, kind: str) -> dict[CreditAccountId, Money]:
    """What of an order's credit could go back, by account."""
    rows = await writer.exec_driver_sql(_CREDIT, (order,))
    return {CreditAccountId(plain_uuid(row.account_id)): Money(row.left, kind) for row in rows}


async def find(reader: Reader, order: OrderId, n: int) -> Refund | None:
    """An order's `n`-th refund."""
    return await _one(reader, _BY_N, order, n)


async def find_by_key(reader: Reader, order: OrderId, key: str) -> Refund | None:
    """The refund that was asked for under this key, within a transaction."""
    return await _one(reader, _BY_KEY, order, key)


async def by_key(database: Database, order: OrderId, key: str) -> Refund | None:
    """The refund that was asked for under this key."""
    rows = await database.fetch(_BY_KEY, order, key)
    return _refund(rows[0]) if rows else None


async def by_number(database: Database, order: OrderId, n: int) -> Refund | None:
    """An order's `n`-th refund, outside a transaction."""
    rows = await database.fetch(_BY_N, order, n)
    return _refund(rows[0]) if rows else None


async def of_order(database: Database, order: OrderId) -> list[Refund]:
    """All refunds of an order, oldest first."""
    return [_refund(row) for row in await database.fetch(_ALL, order)]


async def next_number(database: Database, order: OrderId) -> int:
    """The number that the order's next refund gets."""
    n: int = (await database.fetch(_NEXT, order))[0]["n"]
    return n


async def _asked(
    reader: Reader, order: OrderId, facts: Any, wish: RefundWish, left: int
) -> tuple[list[tuple[Any, int, int]], int, int]:
    """What was asked for in minor units: lines with their units and worth, shipping, and the whole."""
    if wish.amount is not None:
        if wish.amount.currency != facts.currency:
            raise Refusal("currency_mismatch", f"This order is in {facts.currency}.", currency=facts.currency)
        return [], 0, wish.amount.amount
    if not wish.items and not wish.shipping:
        return [], 0, left
    known = {row.sku: row for row in await reader.exec_driver_sql(_LINES, (order,))}
    lines = []
    for sku, units in _summed(wish).items():
        row = known.get(sku)
        if row is None:
            raise Refusal("unknown_sku", f"This order has no {sku}.", sku=sku)
        free = row.quantity - row.units
        units = min(units, free) if wish.up_to else units
        if not units:
            continue
        if units > free:
            raise _exceeds(Money(left, facts.currency), items=[{"sku": sku, "requested": units, "left": free}])
        worth = share(Money(row.worth - row.given, facts.currency), free, units)
        lines.append((row.id, units, worth.amount))
    shipping = 0
    if wish.shipping:
        given: int = (await reader.exec_driver_sql(_SHIPPING, (order,))).scalar_one()
        shipping = facts.total - sum(row.worth for row in known.values()) - given
    amount = shipping + sum(worth for _, _, worth in lines)
    if wish.fee is not None:
        amount = _less(Money(amount, facts.currency), wish.fee)
    if wish.at_most is not None:
        amount = min(amount, wish.at_most.amount)
    return lines, shipping, min(amount, left) if wish.up_to else amount


def _less(worth: Money, fee: Money) -> int:
    """Raises: Refusal when the fee is more than what it is kept of, or in another currency."""
    if fee.currency != worth.currency:
        raise Refusal("currency_mismatch", f"This order is in {worth.currency}.", currency=worth.currency)
    if fee.amount > worth.amount:
        raise Refusal("fee_exceeds", f"A fee cannot be more than {worth}, which the goods cost.", worth=worth)
    return worth.amount - fee.amount


def _summed(wish: RefundWish) -> Mapping[str, int]:
    """Units by SKU, should one be named twice."""
    units: dict[str, int] = {}
    for item in wish.items:
        units[item.sku] = units.get(item.sku, 0) + item.quantity
    return units


def _exceeds(left: Money, **facts: Sequence[object]) -> Refusal:
    detail = f"No more than {left} can go back." if left.amount else "Everything has gone back already."
    return Refusal("refund_exceeds", detail if not facts else "Not that many units are left.", left=left, **facts)


async def _must_take_credit(reader: Reader, customer: Any, amount: Money) -> None:
    """Raises: Refusal when the buyer has no account that could have store credit, or has too much."""
    if customer is None:
        raise Refusal("no_store_credit", "A guest has no store credit: give it back the way it was paid.")
    await store_credit.must_exist(reader, customer, living=True)
    if (has := await store_credit.balance(reader, customer, amount.currency)).amount + amount.amount > LARGEST:
        raise Refusal("credit_too_much", "No balance may grow that large.", balance=has)


async def _one(reader: Reader, query: str, order: OrderId, value: object) -> Refund | None:
    row = (await reader.exec_driver_sql(query, (order, value))).mappings().one_or_none()
    return None if row is None else _refund(row)


def _refund(row: Any) -> Refund:
    kind = row["currency"]
    return Refund(
        id=RefundId(plain_uuid(row["id"])), order_id=OrderId(plain_uuid(row["order_id"])),
        order_number=OrderNumber(row["number"]), n=row["n"], key=row["key"], digest=row["digest"],
        status=RefundStatus(row["status"]), amount=Money(row["amount"], kind),
        from_provider=Money(row["from_provider"], kind), from_credit=Money(row["from_credit"], kind),
        store_credit=row["store_credit"], provider=row["provider"], payment_reference=row["payment_reference"],
        created_at=row["created_at"], reason=row["reason"], reference=row["reference"], error=row["error"],
        settled_at=row["settled_at"], returned_at=row["returned_at"], gift_card=row["gift_card"],
        parts=refund_part.decode(row["parts"]) if row["parts"] else (),
        card=CreditAccountId(plain_uuid(row["card_id"])) if row["card_id"] else None,
    )  # fmt: skip
