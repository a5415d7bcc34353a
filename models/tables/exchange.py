"""Exchanges: the order that is made of goods that came back, and the gift card by which they pay for it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models import tokens
from models.address import Address
from models.cart import MOST_A_LINE
from models.checkout import PaymentChoice, Purchase
from models.credit import PROVIDER
from models.database import Database, Reader, Writer
from models.errors import Refusal
from models.exchange import (
    SHIPPING_CODE,
    ExchangeFor,
    ExchangeStanding,
    ExchangeStatus,
    Wanted,
    missing,
    weigh,
)
from models.ids import CartId, CreditAccountId, OrderNumber, UserId, VariantId, new_id
from models.money import Money
from models.order import SOLD, OrderStatus, workflow_id
from models.payment import STRIPE, takes
from models.pricing import price
from models.refund import Refund, RefundWish
from models.returns import Return
from models.tables import gift_card as cards
from models.tables import order as orders
from models.tables import outbox
from models.tables import pricing as price_tables
from models.tables import refund as refunds
from models.tables.base import currency, metadata, minor_units, moment, now_column, one_of, plain_uuid
from models.tables.cart import NEXT_ATTEMPT

exchanges = sa.Table(
    "exchanges", metadata,
    sa.Column("return_id", pg.UUID(as_uuid=True), sa.ForeignKey("returns.id"), primary_key=True),
    sa.Column("cart_id", pg.UUID(as_uuid=True), unique=True, comment="of which the order is made; null: none is"),
    sa.Column("number", sa.Text, unique=True, comment="of that order"),
    sa.Column("card_id", pg.UUID(as_uuid=True), sa.ForeignKey("credit_accounts.id"), unique=True,
              comment="pays for it what the goods are worth that came back"),
    sa.Column("refund_id", pg.UUID(as_uuid=True), sa.ForeignKey("refunds.id"), unique=True,
              comment="reserves that on the order of which they came back"),
    sa.Column("rest_n", sa.Integer, comment="number of the refund of what they are worth more"),
    *one_of("status", ExchangeStatus),
    minor_units("price", server_default="0", comment="of the goods wanted"),
    minor_units("paid", server_default="0", comment="of that, by the card"),
    currency(),
    sa.Column("why", sa.Text, comment="the money goes back instead"),
    now_column(),
    moment("settled_at", nullable=True),
    sa.CheckConstraint("paid BETWEEN 0 AND price", name="paid_within_price"),
)  # fmt: skip

_OFFERS = """
SELECT v.id, v.sku, r.price_now AS amount FROM variants v
JOIN products p ON p.id = v.product_id AND p.archived_at IS NULL
LEFT JOIN prices r ON r.variant_id = v.id AND r.currency = $2
WHERE v.sku = ANY ($1::text[]) AND v.archived_at IS NULL
"""
_WANTED = """
SELECT v.id, v.sku, sum(x.restocked + x.written_off)::int AS units, coalesce(s.sellable, 0) AS available,
       v.weight, p.tax_category,
       CASE WHEN p.archived_at IS NULL AND v.archived_at IS NULL THEN r.price_now END AS amount
FROM return_lines x JOIN variants v ON v.id = x.exchange_variant_id JOIN products p ON p.id = v.product_id
LEFT JOIN prices r ON r.variant_id = v.id AND r.currency = $2 LEFT JOIN stock s ON s.variant_id = v.id
WHERE x.return_id = $1 GROUP BY v.id, p.id, r.price_now, s.sellable
HAVING sum(x.restocked + x.written_off) > 0 ORDER BY v.id
"""
_HOME = "SELECT currency, shipping_address FROM orders WHERE id = $1"
_CART = f"""
WITH opened AS (INSERT INTO carts (id, currency, attempt) VALUES ($1::uuid, $2, {NEXT_ATTEMPT})),
carried AS (INSERT INTO cart_gift_cards (cart_id, account_id) VALUES ($1, $3::uuid))
INSERT INTO cart_items (id, cart_id, variant_id, quantity, seen_price)
SELECT uuidv7(), $1, w.variant_id, w.units, w.amount
FROM unnest($4::uuid[], $5::int[], $6::bigint[]) AS w (variant_id, units, amount)
"""  # noqa: S608 - only our own words are put in
_WRITE = """
INSERT INTO exchanges (return_id, cart_id, number, card_id, refund_id, rest_n, status, price, paid, currency, why,
                       settled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text, CASE WHEN $11 IS NOT NULL THEN now() END)
"""
_PURCHASE = """
SELECT e.*, o.number AS origin, o.email, o.customer_id, o.locale, o.shipping_address, o.billing_address, r.n
FROM exchanges e JOIN returns r ON r.id = e.return_id JOIN orders o ON o.id = r.order_id
WHERE r.order_id = $1 AND r.n = $2
"""
_PAID_BY = """
WITH RECURSIVE back AS (
    SELECT o.number, p.provider, 1 AS step FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.id = $1
    UNION ALL
    SELECT o.number, p.provider, back.step + 1 FROM back JOIN exchanges e ON e.number = back.number
    JOIN returns r ON r.id = e.return_id JOIN orders o ON o.id = r.order_id JOIN payments p ON p.order_id = o.id
    WHERE back.provider = $2
)
SELECT provider FROM back ORDER BY step DESC LIMIT 1
"""
"""Of an order that was paid by what came back for it: who was paid for that."""
_STANDING = """
SELECT o.status, o.cancel_reason, c.outcome -> 'refusal' ->> 'code' AS refused,
       EXISTS (SELECT FROM credit_holds h WHERE h.order_id = o.id AND h.status = 'committed') AS spent
FROM exchanges e JOIN returns r ON r.id = e.return_id
LEFT JOIN checkouts c ON c.cart_id = e.cart_id AND c.attempt = 1
LEFT JOIN orders o ON o.cart_id = e.cart_id AND o.attempt = 1
WHERE r.order_id = $1 AND r.n = $2
"""
_END = """
UPDATE exchanges e SET status = $2, why = $3, settled_at = now() WHERE return_id = $1 AND status = 'open'
"""
_LOCK_PAYMENT = "SELECT FROM payments WHERE order_id = $1 FOR NO KEY UPDATE"
_TAKE_BACK = """
WITH mine AS (SELECT * FROM exchanges WHERE return_id = $1::uuid),
turned AS (
    UPDATE refunds f SET gift_card = false, card_id = NULL FROM mine
    WHERE f.id = mine.refund_id AND f.status = 'open'
), emptied AS (
    UPDATE credit_accounts a SET balance = a.balance - mine.paid, archived_at = now() FROM mine
    WHERE a.id = mine.card_id RETURNING a.id
)
INSERT INTO credit_entries (id, account_id, operation, amount, actor, reason)
SELECT uuidv7(), emptied.id, 'adjust/' || mine.refund_id::text, -mine.paid, 'order', $2 FROM emptied, mine
"""
_WAITS = "SELECT EXISTS (SELECT FROM exchanges WHERE refund_id = $1 AND status = 'open')"
_CARD = """
SELECT c.account_id AS id, c.amount FROM refund_credits c JOIN exchanges e ON e.card_id = c.account_id
WHERE c.refund_id = $1 LIMIT 1
"""
_ORIGIN = """
SELECT o.number FROM exchanges e JOIN returns r ON r.id = e.return_id JOIN orders o ON o.id = r.order_id
WHERE e.number = $1
"""


async def offers(writer: Writer, skus: list[str], kind: str) -> Mapping[str, VariantId]:
    """Variants that a buyer may want instead, by their SKUs. Raises: Refusal `unknown_sku`, `not_sold_in_currency`."""
    rows = (await writer.exec_driver_sql(_OFFERS, (skus, kind))).all()
    unknown = sorted(set(skus) - {row.sku for row in rows})
    if unknown:
        raise Refusal("unknown_sku", "There is no such product.", skus=unknown)
    for row in rows:
        if row.amount is None:
            raise Refusal("not_sold_in_currency", f"{row.sku} is not sold in {kind}.", sku=row.sku, currency=kind)
    return {row.sku: VariantId(plain_uuid(row.id)) for row in rows}


async def begin(writer: Writer, goods: Return, asked: RefundWish, key: bytes) -> int | None:
    """Reserve what came back for what is wanted instead; the order is made of a cart with a gift card of that worth.

    Returns the number of the refund that reserves it, or of an ordinary one where the goods cannot be had; None:
    nothing is left to go back. Raises: Refusal, as a refund does.
    """
    worth = await refunds.worth(writer, goods.order_id, asked)
    home = (await writer.exec_driver_sql(_HOME, (goods.order_id,))).mappings().one()
    wanted = await _wanted(writer, goods, home["currency"])
    why = missing(wanted) if worth is not None else "nothing_to_exchange"
    if any(each.units > MOST_A_LINE for each in wanted):
        why = "out_of_stock"
    if why is None and worth is not None:
        total = await _price(writer, wanted, home)
        paid, rest = weigh(worth, total)
        if paid.amount:
            return await _reserve(writer, goods, asked, key, wanted, total, paid, rest)
        why = "nothing_to_exchange"
    kind = home["currency"]
    await writer.exec_driver_sql(
        _WRITE, (goods.id, None, None, None, None, None, ExchangeStatus.REFUNDED, 0, 0, kind, why)
    )
    return (await refunds.open(writer, goods.order_id, asked)).n if worth is not None else None


async def _reserve(
    writer: Writer, goods: Return, asked: RefundWish, key: bytes, wanted: list[Wanted], total: Money, paid: Money,
    rest: Money,
) -> int:  # fmt: skip
    cart, card = CartId(new_id()), CreditAccountId(new_id())
    number = tokens.order_number(key, workflow_id(cart, 1))
    code = tokens.gift_card_code(key, card)
    await cards.issue(
        writer, card, tokens.gift_card_key(key, code), code[-4:], paid, None, "order",
        f"return {goods.n} of {goods.order_number}",
    )  # fmt: skip
    made = await refunds.open(writer, goods.order_id, msgspec.structs.replace(asked, card=card, at_most=paid))
    left = None
    if rest.amount:
        more = RefundWish(f"{asked.key}/rest", asked.reason, asked.actor, amount=rest)
        left = (await refunds.open(writer, goods.order_id, more)).n
    prices = [each.price.amount for each in wanted if each.price is not None]
    columns = [each.variant for each in wanted], [each.units for each in wanted], prices
    await writer.exec_driver_sql(_CART, (cart, total.currency, card, *columns))
    row = (goods.id, cart, number, card, made.id, left, ExchangeStatus.OPEN, total.amount, paid.amount, total.currency)
    await writer.exec_driver_sql(_WRITE, (*row, None))
    return made.n


async def _wanted(writer: Writer, goods: Return, kind: str) -> list[Wanted]:
    rows = await writer.exec_driver_sql(_WANTED, (goods.id, kind))
    return [
        Wanted(VariantId(plain_uuid(row.id)), row.sku, row.units, row.available, row.weight, row.tax_category,
               Money(row.amount, kind) if row.amount is not None else None)
        for row in rows
    ]  # fmt: skip


async def _price(writer: Writer, wanted: list[Wanted], home: Any) -> Money:
    """What they cost at the buyer's, sent for nothing."""
    to = _address(home["shipping_address"])
    rates = await price_tables.tax_rates_for(writer, to.country)
    return price(
        [each.item for each in wanted], Money.zero(home["currency"]), rates, to.country, to.region
    ).totals.total  # fmt: skip


async def purchase(reader: Reader, order: UUID, n: int, pay_within: timedelta) -> Purchase | None:
    """The checkout that sends the goods wanted instead; None: there is none."""
    row = (await reader.exec_driver_sql(_PURCHASE, (order, n))).mappings().one_or_none()
    if row is None or row["cart_id"] is None:
        return None
    total, paid = Money(row["price"], row["currency"]), Money(row["paid"], row["currency"])
    key, provider = f"return/{order}/{n}", await _asks_for_the_rest(reader, order, total.currency)
    return Purchase(
        number=OrderNumber(row["number"]), cart_id=CartId(plain_uuid(row["cart_id"])), attempt=1, email=row["email"],
        shipping_address=_address(row["shipping_address"]), billing_address=_address(row["billing_address"]),
        shipping_method=SHIPPING_CODE, expected_total=total, payment=PaymentChoice(provider), digest=key, key=key,
        customer_id=UserId(plain_uuid(row["customer_id"])) if row["customer_id"] else None, expected_due=total - paid,
        exchange=ExchangeFor(OrderNumber(row["origin"]), n, pay_within), locale=row["locale"],
    )  # fmt: skip


async def _asks_for_the_rest(reader: Reader, order: UUID, currency: str) -> str:
    """Whoever was paid for what came back: that is how its buyer can pay in this currency."""
    provider = str((await reader.exec_driver_sql(_PAID_BY, (order, PROVIDER))).scalar_one())
    return provider if takes(provider, currency) else STRIPE


async def standing(reader: Reader, order: UUID, n: int) -> tuple[ExchangeStanding, str | None]:
    """How far the order is that an exchange made, and why it ended, if it did."""
    row = (await reader.exec_driver_sql(_STANDING, (order, n))).one()
    if row.refused is not None:
        return ExchangeStanding.ENDED, row.refused
    if row.status in SOLD or row.spent:
        return ExchangeStanding.SOLD, None
    if row.status == OrderStatus.CANCELLED:
        return ExchangeStanding.ENDED, row.cancel_reason
    return ExchangeStanding.WAITING, None


async def end(writer: Writer, goods: Return, why: str | None) -> bool:
    """The buyer has the new goods, or, where `why` says, their money goes back. False: that was decided before."""
    await writer.exec_driver_sql(_LOCK_PAYMENT, (goods.order_id,))
    to = ExchangeStatus.DONE if why is None else ExchangeStatus.REFUNDED
    if (await writer.exec_driver_sql(_END, (goods.id, to, why))).rowcount != 1:
        return False
    if why is not None:
        await writer.exec_driver_sql(_TAKE_BACK, (goods.id, f"no exchange: {why}"))
    return True


async def waits_with(reader: Reader, refund: Refund) -> bool:
    """Whether a refund reserves what an exchange is paid with of which it is not known yet how it ends.

    Then it is its return's alone to carry out: which way the money goes is not decided.
    """
    return bool((await reader.exec_driver_sql(_WAITS, (refund.id,))).scalar_one())


async def hand_over_card(writer: Writer, refund: Refund) -> None:
    """Write to the buyer of an exchange whose money came back to the card that paid for it: now the card is theirs."""
    row: Any = (await writer.exec_driver_sql(_CARD, (refund.id,))).one_or_none()
    if row is not None:
        told = {"gift_card": str(row.id), "amount": Money(row.amount, refund.amount.currency)}
        await outbox.write_letter(writer, "exchange_card", refund.order_id, str(refund.n), told)


async def tell(writer: Writer, goods: Return) -> None:
    """Let the buyer hear of an exchange: what there is to pay, or that nothing comes of it."""
    exchange = goods.exchange
    assert exchange is not None
    facts = {
        "n": goods.n, "number": exchange.number, "price": exchange.price, "paid": exchange.paid, "why": exchange.why,
    }  # fmt: skip
    named = f"return/{goods.n}/exchange/{exchange.status}"
    await orders.tell(writer, goods.order_id, named, f"exchange_{exchange.status}", "order", **facts)
    due = exchange.price - exchange.paid if exchange.price and exchange.paid else None
    if exchange.why is not None or (exchange.status is ExchangeStatus.OPEN and due and due.amount):
        told = {"n": goods.n, "other": exchange.number, "price": exchange.price, "due": due,
                "why": exchange.why, "back": goods.refund is not None}  # fmt: skip
        await outbox.write_letter(writer, "exchange", goods.order_id, f"{goods.n}/{exchange.status}", told)


async def origin(database: Database, number: str) -> str | None:
    """Number of the order whose goods came back for this one; None: it is an order like any."""
    rows = await database.fetch(_ORIGIN, number)
    return str(rows[0]["number"]) if rows else None


def _address(value: Any) -> Address:
    return msgspec.json.decode(value, type=Address) if isinstance(value, str) else msgspec.convert(value, Address)
