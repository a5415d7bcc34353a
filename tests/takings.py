"""A shop's trade as raw rows at moments that a test says, and what was sold of it, computed from the rows one by one.

Nothing here shares a line with models/tables/sales.py: sums that are equal to these were found in two ways.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from models.database import Database, Writer
from models.edit import Content, EditedLine
from models.ids import VariantId, new_id
from models.money import Money, share_out
from models.tables.base import as_json
from models.tables.catalog import categories, products, variants
from models.totals import Totals

Sums = dict[str, int]
CURRENCIES = ("usd", "eur", "jpy")
FIGURES = ("orders", "gross", "discounts", "shipping", "tax", "tax_on_top", "total", "cancelled", "refunds")


async def stock_shelves(writer: Writer, count: int = 7) -> list[VariantId]:
    """Products of one or two variants in three categories."""
    places = [new_id() for _ in range(3)]
    await writer.execute(
        sa.insert(categories), [{"id": id, "slug": f"place-{n}", "name": f"Place {n}"} for n, id in enumerate(places)]
    )
    made = []
    for n in range(count):
        product = new_id()
        values = {"id": product, "slug": f"thing-{n}", "name": f"=Thing {n}", "category_id": places[n % 3]}
        await writer.execute(sa.insert(products).values(values))
        for size in range(1 + n % 2):
            variant = VariantId(new_id())
            await writer.execute(
                sa.insert(variants).values(id=variant, product_id=product, sku=f"T{n}-{size}", weight=1)
            )
            made.append(variant)
    return made


def content(random: Random, shelves: Sequence[VariantId], currency: str, included: bool) -> Content:
    """What an order could be made of; its sums are right."""
    lines = []
    for n, variant in enumerate(random.sample(shelves, random.randint(1, 3))):
        units, price = random.randint(1, 4), random.randint(1, 9999)
        worth = units * price
        lines.append(
            EditedLine(
                variant, f"S{n}", f"Line {n}", units, Money(price, currency), Money(worth, currency),
                Money(random.choice([0, worth // 7, worth]), currency), Money(worth // 13, currency), new_id(),
            )
        )  # fmt: skip
    subtotal, discount = sum(x.line_total.amount for x in lines), sum(x.discount.amount for x in lines)
    shipping, tax = random.choice([0, 499, 1250]), sum(x.tax.amount for x in lines) + random.choice([0, 17])
    total = subtotal - discount + shipping + (0 if included else tax)
    return Content(tuple(lines), totals(currency, subtotal, discount, shipping, tax, total, included))


def totals(kind: str, subtotal: int, discount: int, shipping: int, tax: int, total: int, included: bool) -> Totals:
    """Sums in minor units."""
    return Totals(
        subtotal=Money(subtotal, kind), discount=Money(discount, kind), shipping=Money(shipping, kind),
        tax=Money(tax, kind), total=Money(total, kind), tax_included=included,
    )  # fmt: skip


async def sold(
    writer: Writer, made: Content, at: datetime | None, placed: datetime, captured: int | None = None, credit: int = 0
) -> UUID:
    """An order of this content, confirmed then, or never; `captured`: what the provider took, all of it unless said."""
    order, sums = new_id(), made.totals
    await writer.exec_driver_sql(
        """INSERT INTO orders (id, number, workflow_id, cart_id, attempt, email, status, fulfilment_status, currency,
                               subtotal, discount, shipping, tax, total, tax_included, credit, shipping_method,
                               shipping_address, billing_address, placed_at, pay_until)
           VALUES ($1::uuid, 'HF-' || ($1::uuid)::text, 'order/' || ($1::uuid)::text, $1, 1, 'ada@example.com', $2,
                   'unfulfilled', $3, $4, $5, $6, $7, $8, $9, $10, '{}', '{}', '{}', $11, $11)""",
        (
            order, "confirmed" if at else "pending", sums.total.currency, sums.subtotal.amount, sums.discount.amount,
            sums.shipping.amount, sums.tax.amount, sums.total.amount, sums.tax_included, credit, placed,
        ),
    )  # fmt: skip
    await put_lines(writer, order, made)
    asked = sums.total.amount - credit
    await writer.exec_driver_sql(
        """INSERT INTO payments (id, order_id, provider, status, amount, captured, currency)
           VALUES (uuidv7(), $1, 'stripe', 'paid', $2, $3, $4)""",
        (order, asked, (asked if captured is None else captured) if at else 0, sums.total.currency),
    )
    if at:
        await tell(writer, order, "confirmed", at)
    return order


async def put_lines(writer: Writer, order: UUID, made: Content) -> None:
    """The order has these lines, and no others."""
    await writer.exec_driver_sql("DELETE FROM order_lines WHERE order_id = $1", (order,))
    for n, line in enumerate(made.lines):
        await writer.exec_driver_sql(
            """INSERT INTO order_lines (id, order_id, variant_id, position, sku, name, quantity, unit_price, line_total,
                                        discount, tax) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
            (
                line.line, order, line.variant_id, n, line.sku, line.name, line.quantity, line.unit_price.amount,
                line.line_total.amount, line.discount.amount, line.tax.amount,
            ),
        )  # fmt: skip


async def tell(writer: Writer, order: UUID, key: str, at: datetime) -> None:
    """A fact of the order's timeline."""
    await writer.exec_driver_sql(
        """INSERT INTO order_events (id, order_id, key, type, actor, facts, at)
           VALUES (uuidv7(), $1, $2, 'order_' || $2, 'order', '{}', $3)""",
        (order, key, at),
    )


async def edited(writer: Writer, order: UUID, n: int, before: Content, after: Content, at: datetime) -> None:
    """The order became another; what it costs less is a refund of its own."""
    sums = after.totals
    await writer.exec_driver_sql(
        """INSERT INTO order_edits (id, order_id, n, key, digest, status, actor, reason, before, after, difference,
                                    expires_at, settled_at)
           VALUES (uuidv7(), $1, $2, $3, 'd', 'committed', 'buyer', '', $4::jsonb, $5::jsonb, $6, $7, $7)""",
        (order, n, str(n), as_json(before), as_json(after), (sums.total - before.totals.total).amount, at),
    )
    await put_lines(writer, order, after)
    await writer.exec_driver_sql(
        """UPDATE orders SET subtotal = $2, discount = $3, shipping = $4, tax = $5, total = $6, tax_included = $7
           WHERE id = $1""",
        (
            order, sums.subtotal.amount, sums.discount.amount, sums.shipping.amount, sums.tax.amount,
            sums.total.amount, sums.tax_included,
        ),
    )  # fmt: skip


async def booked(writer: Writer, order: UUID, operation: str, amount: Money, at: datetime) -> None:
    """So much went back, or came back where it is negative, by the provider."""
    for account, moved in (("sales", amount.amount), ("provider:stripe", -amount.amount)):
        await writer.exec_driver_sql(
            """INSERT INTO money_entries (id, operation, account, amount, currency, order_id, at)
               VALUES (uuidv7(), $1, $2, $3, $4, $5, $6)""",
            (operation, account, moved, amount.currency, order, at),
        )


async def trade(
    writer: Writer, shelves: Sequence[VariantId], moments: Sequence[datetime], seed: int, many: int
) -> None:
    """Orders of every kind and what became of them, at these moments and close to them."""
    random = Random(seed)

    def some_time() -> datetime:
        return random.choice(moments) + random.choice([0, 0, -1, 1, 3_600_000_000]) * timedelta(microseconds=1)

    for _ in range(many):
        currency, included = random.choice(CURRENCIES), random.random() < 0.5
        made, at = content(random, shelves, currency, included), some_time()
        total = made.totals.total.amount
        fate = random.choice(["kept", "kept", "never", "edited", "refunded", "let go", "rest let go", "never paid"])
        if fate in ("never", "never paid"):
            order = await sold(writer, made, None, at)
            if fate == "never paid":
                await tell(writer, order, "cancelled", some_time())
            continue
        credit = 0 if fate == "edited" else random.choice([0, total // 3])
        captured = {"let go": 0, "rest let go": (total - credit) // 2}.get(fate)
        order = await sold(writer, made, at, at - timedelta(days=random.randint(0, 40)), captured, credit)
        if fate.endswith("let go"):
            await tell(writer, order, "cancelled" if fate == "let go" else "rest_cancelled", some_time())
        elif fate == "edited":
            for n in range(1, random.randint(2, 4)):
                after = content(random, shelves, currency, random.random() < 0.5)
                when = some_time()
                await edited(writer, order, n, made, after, when)
                less = made.totals.total.amount - after.totals.total.amount
                if less > 0:
                    await booked(writer, order, f"refund/{new_id()}", Money(less, currency), when)
                made = after
        elif fate == "refunded" and total:
            for part in share_out(Money(total, currency), [1, 2]):
                refund, when = new_id(), some_time()
                await booked(writer, order, f"refund/{refund}", part, when)
                if random.random() < 0.3:
                    await booked(writer, order, f"refund_failed/{refund}", -part, some_time())


async def computed(database: Database, starts: datetime, ends: datetime) -> tuple[dict[str, Sums], dict[str, Any]]:
    """Figures by currency, and by currency and product's slug (units, gross, discounts), from the rows themselves."""
    rows = {
        name: [dict(row) for row in await database.fetch(f"SELECT * FROM {name}")]
        for name in ("orders", "order_lines", "order_events", "order_edits", "money_entries", "payments")
    }
    slugs = {
        row["id"]: row["slug"]
        for row in await database.fetch("SELECT v.id, p.slug FROM variants v JOIN products p ON p.id = v.product_id")
    }
    orders = {row["id"]: row for row in rows["orders"]}
    payments = {row["order_id"]: row for row in rows["payments"]}
    made = sorted((row for row in rows["order_edits"] if row["status"] == "committed"), key=lambda row: row["n"])
    sums: dict[str, Sums] = defaultdict(lambda: dict.fromkeys(FIGURES, 0))
    goods: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))

    def count(was: Content, sign: int = 1) -> None:
        paid, found = was.totals, sums[was.totals.total.currency]
        for name, money in (("gross", paid.subtotal), ("discounts", paid.discount), ("shipping", paid.shipping),
                            ("tax", paid.tax), ("total", paid.total)):  # fmt: skip
            found[name] += sign * money.amount
        if not paid.tax_included:
            found["tax_on_top"] += sign * paid.tax.amount
        for line in was.lines:
            thing = goods[paid.total.currency][slugs[line.variant_id]]
            for place, value in enumerate((line.quantity, line.line_total.amount, line.discount.amount)):
                thing[place] += sign * value

    confirmed = {row["order_id"] for row in rows["order_events"] if row["key"] == "confirmed"}
    for event in rows["order_events"]:
        order = orders[event["order_id"]]
        if not starts <= event["at"] < ends:
            continue
        if event["key"] == "confirmed":
            sums[order["currency"]]["orders"] += 1
            first = [edit for edit in made if edit["order_id"] == order["id"]][:1]
            count(_content(first[0]["before"]) if first else as_it_is(order, rows["order_lines"]))
        elif event["key"] in ("cancelled", "rest_cancelled") and event["order_id"] in confirmed:
            payment = payments[event["order_id"]]
            sums[order["currency"]]["cancelled"] += payment["amount"] - payment["captured"]
    for edit in made:
        if edit["difference"] >= 0 and starts <= edit["settled_at"] < ends:
            count(_content(edit["after"]))
            count(_content(edit["before"]), -1)
    for entry in rows["money_entries"]:
        if entry["account"] == "sales" and entry["operation"].startswith("refund") and starts <= entry["at"] < ends:
            sums[entry["currency"]]["refunds"] += entry["amount"]
    return (
        {currency: found for currency, found in sorted(sums.items()) if any(found.values())},
        {
            currency: {slug: tuple(three) for slug, three in things.items() if any(three)}
            for currency, things in goods.items()
        },
    )


def _content(value: str) -> Content:
    return msgspec.json.decode(value, type=Content)


def as_it_is(order: dict[str, Any], lines: Sequence[dict[str, Any]]) -> Content:
    """What rows say that an order is."""
    kind = order["currency"]
    return Content(
        tuple(
            EditedLine(
                line["variant_id"], line["sku"], line["name"], line["quantity"], Money(line["unit_price"], kind),
                Money(line["line_total"], kind), Money(line["discount"], kind), Money(line["tax"], kind), line["id"],
            )
            for line in lines if line["order_id"] == order["id"]
        ),
        totals(kind, *(order[name] for name in ("subtotal", "discount", "shipping", "tax", "total", "tax_included"))),
    )  # fmt: skip
