"""What was sold: sums over orders, edits and refunds by the moments at which they happened, for reports and for staff.

An order counts when it was confirmed, with the totals that it had then; an edit that added something when it was made;
money that went back when it did, as the ledger has it. What happened stays where it happened: no later event changes
the sums of a day that is over.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from models.database import Fetch
from models.reports.days import Span
from models.reports.report import average

T = TypeVar("T")

NEVER_TAKEN = ("cancelled", "rest_cancelled")
"""Keys of the facts with which money that was only reserved is let go."""

_BUCKETS = "unnest($1::timestamptz[], $2::timestamptz[]) WITH ORDINALITY AS b (starts_at, ends_at, nth)"
_IN = "{0} >= b.starts_at AND {0} < b.ends_at"
_CONFIRMED = f"""
SELECT b.nth, o.*, f.before FROM {_BUCKETS}
JOIN order_events e ON e.key = 'confirmed' AND {_IN.format("e.at")}
JOIN orders o ON o.id = e.order_id
LEFT JOIN LATERAL (
    SELECT x.before FROM order_edits x WHERE x.order_id = o.id AND x.status = 'committed' ORDER BY x.n LIMIT 1
) f ON true
"""  # noqa: S608
_ADDED = f"""
SELECT b.nth, o.currency, x.before, x.after FROM {_BUCKETS}
JOIN order_edits x ON x.status = 'committed' AND x.difference >= 0 AND {_IN.format("x.settled_at")}
JOIN orders o ON o.id = x.order_id
"""  # noqa: S608


def _amount(of: str, name: str) -> str:
    return f"({of} #>> '{{totals,{name},amount}}')::bigint"


def _on_top(of: str) -> str:
    return f"CASE WHEN ({of} #>> '{{totals,tax_included}}')::boolean THEN 0 ELSE {_amount(of, 'tax')} END"


_PARTS = ("subtotal", "discount", "shipping", "tax", "total")
_SUMS = f"""
WITH confirmed AS ({_CONFIRMED}), added AS ({_ADDED}),
parts AS (
    SELECT nth, currency, 1 AS orders, {
    ", ".join(f"coalesce({_amount('before', name)}, {name}) AS {name}" for name in _PARTS)
}, CASE WHEN before IS NULL THEN CASE WHEN tax_included THEN 0 ELSE tax END ELSE {_on_top("before")} END AS on_top,
        0::bigint AS cancelled, 0::bigint AS refunds
    FROM confirmed
    UNION ALL
    SELECT nth, currency, 0, {", ".join(f"{_amount('after', name)} - {_amount('before', name)}" for name in _PARTS)},
        {_on_top("after")} - {_on_top("before")}, 0, 0
    FROM added
    UNION ALL
    SELECT b.nth, p.currency, 0, 0, 0, 0, 0, 0, 0, p.amount - p.captured, 0 FROM {_BUCKETS}
    JOIN order_events e ON e.key IN {NEVER_TAKEN} AND {_IN.format("e.at")}
    JOIN payments p ON p.order_id = e.order_id
    WHERE EXISTS (SELECT FROM order_events c WHERE c.order_id = e.order_id AND c.key = 'confirmed')
    UNION ALL
    SELECT b.nth, e.currency, 0, 0, 0, 0, 0, 0, 0, 0, e.amount FROM {_BUCKETS}
    JOIN money_entries e ON e.account = 'sales' AND e.operation LIKE 'refund%' AND {_IN.format("e.at")}
)
SELECT nth::int AS nth, currency, sum(orders)::int AS orders, sum(subtotal)::bigint AS gross,
       sum(discount)::bigint AS discounts, sum(shipping)::bigint AS shipping, sum(tax)::bigint AS tax,
       sum(on_top)::bigint AS tax_on_top, sum(total)::bigint AS total, sum(cancelled)::bigint AS cancelled,
       sum(refunds)::bigint AS refunds
FROM parts GROUP BY nth, currency
HAVING sum(orders) > 0 OR bool_or(total <> 0 OR cancelled <> 0 OR refunds <> 0 OR subtotal <> 0)
ORDER BY nth, currency
"""  # noqa: S608 - our own words
_LINES = f"""
WITH confirmed AS ({_CONFIRMED}), added AS ({_ADDED}),
lines AS (
    SELECT c.nth, c.currency, l.variant_id, l.quantity::bigint AS units, l.line_total AS gross, l.discount
    FROM confirmed c JOIN order_lines l ON l.order_id = c.id WHERE c.before IS NULL
    UNION ALL
    SELECT k.nth, k.currency, (l ->> 'variant_id')::uuid, k.sign * (l ->> 'quantity')::bigint,
           k.sign * (l #>> '{{line_total,amount}}')::bigint, k.sign * (l #>> '{{discount,amount}}')::bigint
    FROM (
        SELECT nth, currency, before AS content, 1 AS sign FROM confirmed WHERE before IS NOT NULL
        UNION ALL SELECT nth, currency, after, 1 FROM added
        UNION ALL SELECT nth, currency, before, -1 FROM added
    ) k CROSS JOIN LATERAL jsonb_array_elements(k.content -> 'lines') l
), sums AS (
    SELECT l.currency, v.product_id, sum(l.units)::bigint AS units, sum(l.gross)::bigint AS gross,
           sum(l.discount)::bigint AS discounts
    FROM lines l JOIN variants v ON v.id = l.variant_id GROUP BY l.currency, v.product_id
)
"""  # noqa: S608
_PRODUCTS = f"""{_LINES}
SELECT * FROM (
    SELECT s.currency, p.slug, p.name, s.units, s.gross, s.discounts, s.gross - s.discounts AS revenue,
           row_number() OVER (PARTITION BY s.currency ORDER BY s.gross - s.discounts DESC, p.slug) AS place
    FROM sums s JOIN products p ON p.id = s.product_id WHERE s.units <> 0 OR s.gross <> 0 OR s.discounts <> 0
) ranked WHERE place <= $3 ORDER BY currency, place
"""  # noqa: S608
_CATEGORIES = f"""{_LINES}
SELECT * FROM (
    SELECT s.currency, c.slug, c.name, sum(s.units)::bigint AS units, sum(s.gross)::bigint AS gross,
           sum(s.discounts)::bigint AS discounts, sum(s.gross - s.discounts)::bigint AS revenue,
           row_number() OVER (PARTITION BY s.currency ORDER BY sum(s.gross - s.discounts) DESC, c.slug) AS place
    FROM sums s JOIN products p ON p.id = s.product_id JOIN categories c ON c.id = p.category_id
    WHERE s.units <> 0 OR s.gross <> 0 OR s.discounts <> 0 GROUP BY s.currency, c.id
) ranked WHERE place <= $3 ORDER BY currency, place
"""  # noqa: S608

TOP = 20
"""Products and categories of a currency that a report names."""


class Sales(msgspec.Struct, frozen=True):
    """What was sold in one currency, minor units. docs/reports.md defines each."""

    nth: int
    """Of the spans that were asked for, which, from 1."""
    currency: str
    orders: int
    gross: int
    discounts: int
    shipping: int
    tax: int
    """All of it, also where prices contain it."""
    tax_on_top: int
    """Of it, what came on top of the prices."""
    total: int
    cancelled: int
    refunds: int

    @property
    def net(self) -> int:
        """What of it stays with the shop."""
        return self.total - self.cancelled - self.refunds

    @property
    def average(self) -> int | None:
        """What an order came to."""
        return average(self.total, self.orders)


def nothing(currency: str) -> Sales:
    """In a time in which nothing was sold."""
    return Sales(0, currency, *[0] * 9)


def added(some: Sequence[Sales]) -> Sales:
    """Several of one currency together."""
    first, *rest = some
    names = [name for name in Sales.__struct_fields__ if name not in ("nth", "currency")]
    sums = {name: sum((getattr(each, name) for each in rest), getattr(first, name)) for name in names}
    return Sales(0, first.currency, **sums)


class Seller(msgspec.Struct, frozen=True):
    """What was sold of a product, or in a category, in one currency; minor units."""

    currency: str
    slug: str
    name: str
    units: int
    gross: int
    discounts: int
    revenue: int
    """Gross less discounts."""
    place: int
    """1: it brought most."""


async def sums(fetch: Fetch, spans: Sequence[Span]) -> list[Sales]:
    """Each span's figures, a row a currency, in their order; none of a span in which nothing happened."""
    return _read(await fetch(_SUMS, *_moments(spans)), Sales)


async def products(fetch: Fetch, span: Span, most: int = TOP) -> list[Seller]:
    """Which products brought most, by currency."""
    return _read(await fetch(_PRODUCTS, *_moments([span]), most), Seller)


async def categories(fetch: Fetch, span: Span, most: int = TOP) -> list[Seller]:
    """Which categories brought most, by currency; a product's is the one that it stands in now."""
    return _read(await fetch(_CATEGORIES, *_moments([span]), most), Seller)


def _moments(spans: Sequence[Span]) -> tuple[list[datetime], list[datetime]]:
    return [span.starts_at for span in spans], [span.ends_at for span in spans]


def _read(rows: Sequence[Any], kind: type[T]) -> list[T]:
    return [msgspec.convert(dict(row), kind) for row in rows]
