"""What is known of products by what people did: purchases and looks, counted, and set in relation to each other.

Written by `StudyShelves` alone, in steps of some products each; read by lists and recommendations.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.database import Writer
from models.ids import first_id
from models.order import SOLD
from models.recommendation import (
    AT_LEAST,
    MOST_OF_ONE,
    MOST_PEOPLE,
    MOST_RELATED,
    PURCHASES_COUNT,
    UNIT_WEIGHS,
    VIEWS_COUNT,
    Kind,
)
from models.tables.base import metadata, moment, one_of, plain_uuid

purchases = sa.Table(
    "purchases", metadata,
    sa.Column("order_id", pg.UUID(as_uuid=True), sa.ForeignKey("orders.id"), primary_key=True),
    sa.Column("product_id", pg.UUID(as_uuid=True), sa.ForeignKey("products.id"), primary_key=True),
    sa.Column("buyer", pg.UUID(as_uuid=True), nullable=False,
              comment="the account; the order itself for a guest, or who is forgotten"),
    sa.Column("units", sa.Integer, nullable=False),
    moment("bought_at"),
    sa.Index("ix_purchases_product", "product_id", sa.text("bought_at DESC")),
    sa.Index("ix_purchases_buyer", "buyer", sa.text("bought_at DESC")),
    sa.Index("ix_purchases_bought_at", "bought_at"),
)  # fmt: skip

product_reach = sa.Table(
    "product_reach", metadata,
    sa.Column("product_id", pg.UUID(as_uuid=True), sa.ForeignKey("products.id"), primary_key=True),
    sa.Column("buyers", sa.Integer, nullable=False, comment="people who bought it in the last 90 days"),
    sa.Column("viewers", sa.Integer, nullable=False, comment="people who looked at it in the last 30 days"),
    moment("changed_at", server_default=sa.func.now()),
)  # fmt: skip

related_products = sa.Table(
    "related_products", metadata,
    sa.Column("product_id", pg.UUID(as_uuid=True), sa.ForeignKey("products.id"), primary_key=True),
    *one_of("kind", Kind, primary_key=True),
    sa.Column("ids", pg.ARRAY(pg.UUID(as_uuid=True)), nullable=False, comment="the closest first"),
    sa.Column("scores", pg.ARRAY(sa.Float), nullable=False, comment="0 to 1, of each of them"),
    moment("computed_at", server_default=sa.func.now()),
)  # fmt: skip

START = UUID(int=0)
_SOLD = ", ".join(f"'{status.value}'" for status in SOLD)
_BOUGHT_DAYS, _VIEWED_DAYS = PURCHASES_COUNT.days, VIEWS_COUNT.days

_FROM = f"""
SELECT greatest(now() - interval '{_BOUGHT_DAYS} days', (SELECT max(bought_at) FROM purchases) - interval '7 days')
"""  # noqa: S608
"""An order may be paid days after it was placed: a week before the newest known one, all are looked at again."""
_GATHER = f"""
WITH batch AS (
    SELECT id, customer_id, placed_at, status FROM orders WHERE id > $1 ORDER BY id LIMIT $2
), kept AS (
    INSERT INTO purchases (order_id, product_id, buyer, units, bought_at)
    SELECT b.id, v.product_id, coalesce(u.id, b.id), sum(l.quantity), b.placed_at
    FROM batch b JOIN order_lines l ON l.order_id = b.id JOIN variants v ON v.id = l.variant_id
    LEFT JOIN users u ON u.id = b.customer_id AND u.erasure_asked_at IS NULL
    WHERE b.status IN ({_SOLD})
    GROUP BY b.id, v.product_id, u.id, b.placed_at
    ON CONFLICT (order_id, product_id) DO NOTHING
)
SELECT count(*) AS seen, (SELECT id FROM batch ORDER BY id DESC LIMIT 1) AS last FROM batch
"""  # noqa: S608
_FORGET = tuple(
    f"""
DELETE FROM {table} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM {table} WHERE {at} < now() - interval '{days} days' ORDER BY {at} LIMIT $1
)) RETURNING 1
"""  # noqa: S608
    for table, at, days in (("purchases", "bought_at", _BOUGHT_DAYS), ("product_views", "viewed_at", _VIEWED_DAYS))
)

_COUNTED = f"""
WITH sales AS (
    SELECT product_id, count(DISTINCT buyer) AS buyers, sum(units) AS sold,
           coalesce(sum(units) FILTER (WHERE bought_at > now() - interval '30 days'), 0) AS month,
           coalesce(sum(units) FILTER (WHERE bought_at > now() - interval '7 days'), 0) AS week
    FROM purchases WHERE product_id = ANY ($1) AND bought_at > now() - interval '{_BOUGHT_DAYS} days'
    GROUP BY product_id
), looks AS (
    SELECT product_id, count(DISTINCT visitor) AS viewers, count(*) AS month,
           count(*) FILTER (WHERE viewed_at > now() - interval '7 days') AS week
    FROM product_views WHERE product_id = ANY ($1) AND viewed_at > now() - interval '{_VIEWED_DAYS} days'
    GROUP BY product_id
), counted AS (
    SELECT id, coalesce(s.buyers, 0) AS buyers, coalesce(k.viewers, 0) AS viewers, coalesce(s.sold, 0) AS sold,
           coalesce(k.month, 0) + {UNIT_WEIGHS} * coalesce(s.month, 0) AS month,
           coalesce(k.week, 0) + {UNIT_WEIGHS} * coalesce(s.week, 0) AS week
    FROM unnest($1::uuid[]) AS id LEFT JOIN sales s ON s.product_id = id LEFT JOIN looks k ON k.product_id = id
)
"""  # noqa: S608
_REACH = f"""
{_COUNTED}
INSERT INTO product_reach AS r (product_id, buyers, viewers)
SELECT id, buyers, viewers FROM counted
WHERE buyers + viewers > 0 OR id IN (SELECT product_id FROM product_reach)
ON CONFLICT (product_id) DO UPDATE SET buyers = excluded.buyers, viewers = excluded.viewers, changed_at = now()
WHERE (r.buyers, r.viewers) <> (excluded.buyers, excluded.viewers)
"""  # noqa: S608
_FIGURES = f"""
{_COUNTED}
, usual AS (SELECT *, (month - week) * 7 / 23.0 AS before FROM counted)
INSERT INTO product_figures AS f (product_id, sold, popularity, trend)
SELECT id, sold, month, greatest(0, round((week - before) / sqrt(before + {UNIT_WEIGHS}), 3)) FROM usual
WHERE sold + month > 0 OR id IN (SELECT product_id FROM product_figures)
ON CONFLICT (product_id) DO UPDATE SET
    sold = excluded.sold, popularity = excluded.popularity, trend = excluded.trend, computed_at = now()
WHERE (f.sold, f.popularity, f.trend) <> (excluded.sold, excluded.popularity, excluded.trend)
"""  # noqa: S608
"""Trend: by how much the last week is above what the three weeks before let expect, in the measure of its chance."""

_DUE = """
SELECT p.id FROM products p
LEFT JOIN product_reach h ON h.product_id = p.id
LEFT JOIN related_products r ON r.product_id = p.id AND r.kind = 'alike'
WHERE p.id > $1 AND p.archived_at IS NULL
  AND (r.computed_at IS NULL OR r.computed_at < greatest(now() - interval '1 day', h.changed_at, p.updated_at))
ORDER BY p.id LIMIT $2
"""
_KEEP = f"""
INSERT INTO related_products (product_id, kind, ids, scores)
SELECT id, '{{kind}}', (array_agg(other ORDER BY score DESC, other))[1:{MOST_RELATED}],
       (array_agg(score ORDER BY score DESC, other))[1:{MOST_RELATED}]
FROM ({{scored}}) found GROUP BY id
ON CONFLICT (product_id, kind) DO UPDATE SET ids = excluded.ids, scores = excluded.scores, computed_at = now()
"""  # noqa: S608
_PAIRS = f"""
SELECT pair.id, other, least(1, n * greatest(pair.reach / {MOST_PEOPLE}.0, 1) / sqrt(pair.reach::float * h.{{reach}})
                                * n / (n + 2.0)) AS score
FROM (
    SELECT a.product_id AS id, a.{{reach}} AS reach, theirs.product_id AS other, count(*) AS n
    FROM product_reach a
    CROSS JOIN LATERAL (
        SELECT DISTINCT {{who}} FROM (
            SELECT {{who}} FROM {{source}} WHERE product_id = a.product_id ORDER BY {{at}} DESC LIMIT {MOST_PEOPLE}
        ) latest
    ) person
    CROSS JOIN LATERAL (
        SELECT DISTINCT product_id FROM (
            SELECT product_id FROM {{source}} WHERE {{who}} = person.{{who}} ORDER BY {{at}} DESC LIMIT {MOST_OF_ONE}
        ) latest
    ) theirs
    WHERE a.product_id = ANY ($1) AND theirs.product_id <> a.product_id
    GROUP BY a.product_id, a.{{reach}}, theirs.product_id HAVING count(*) >= {AT_LEAST}
) pair
JOIN product_reach h ON h.product_id = other AND h.{{reach}} > 0
WHERE pair.reach > 0
"""  # noqa: S608
"""The cosine of two products over the people who had both, less sure where these are few."""
_ALIKE = """
SELECT a.product_id AS id, c.product_id AS other,
       0.5 * (SELECT count(*) FROM unnest(a.category_ids) x WHERE x = ANY (c.category_ids))
           / greatest(cardinality(a.category_ids), cardinality(c.category_ids))
       + 0.3 * coalesce((SELECT count(*) FILTER (WHERE x = ANY (a.tag_ids) AND x = ANY (c.tag_ids))::float / count(*)
                         FROM (SELECT DISTINCT unnest(a.tag_ids || c.tag_ids) AS x) u HAVING count(*) > 0), 0)
       + CASE WHEN a.vendor_id = c.vendor_id THEN 0.1 ELSE 0 END
       + 0.1 * least(a.amount, c.amount)::float / greatest(a.amount, c.amount, 1) AS score
FROM (
    SELECT DISTINCT ON (product_id) * FROM listings WHERE product_id = ANY ($1) ORDER BY product_id, currency DESC
) a
CROSS JOIN LATERAL (
    (SELECT * FROM listings n WHERE n.currency = a.currency AND n.category_ids @> a.category_ids
     ORDER BY popularity DESC, product_id DESC LIMIT 100)
    UNION
    (SELECT * FROM listings n WHERE n.currency = a.currency AND n.tag_ids && a.tag_ids
     ORDER BY popularity DESC, product_id DESC LIMIT 100)
    UNION
    (SELECT * FROM listings n WHERE n.currency = a.currency
     AND n.category_ids @> a.category_ids[1:greatest(1, cardinality(a.category_ids) - 1)]
     ORDER BY popularity DESC, product_id DESC LIMIT 50)
) c
WHERE c.product_id <> a.product_id
"""
_STUDIES = (
    *(
        _KEEP.format(kind=kind, scored=_PAIRS.format(source=source, who=who, at=at, reach=reach))
        for kind, source, who, at, reach in (
            (Kind.BOUGHT, "purchases", "buyer", "bought_at", "buyers"),
            (Kind.TOGETHER, "purchases", "order_id", "bought_at", "buyers"),
            (Kind.VIEWED, "product_views", "visitor", "viewed_at", "viewers"),
        )
    ),
    _KEEP.format(kind=Kind.ALIKE, scored=_ALIKE),
    # Also for what is like nothing: it says when it was looked for.
    """INSERT INTO related_products AS r (product_id, kind, ids, scores) SELECT id, 'alike', '{}', '{}'
       FROM unnest($1::uuid[]) id
       ON CONFLICT (product_id, kind) DO UPDATE SET ids = '{}', scores = '{}', computed_at = now()
       WHERE r.computed_at < now()""",
    # What this study did not find any more.
    "DELETE FROM related_products WHERE product_id = ANY ($1) AND computed_at < now()",
)


async def begin(writer: Writer) -> UUID:
    """Where the orders begin that may hold purchases not gathered yet."""
    return first_id((await writer.exec_driver_sql(_FROM)).scalar_one())


async def gather(writer: Writer, after: UUID, most: int) -> UUID | None:
    """Keep what was bought with the next orders; where the ones after those begin, None: there are none yet.

    Again: changes nothing.
    """
    seen = (await writer.exec_driver_sql(_GATHER, (after, most))).one()
    return plain_uuid(seen.last) if seen.seen == most else None


async def forget(writer: Writer, most: int) -> bool:
    """Forget purchases and looks that are too old to count, some at a time; whether there may be more."""
    gone = [len((await writer.exec_driver_sql(statement, (most,))).all()) for statement in _FORGET]
    return max(gone) == most


async def figure(writer: Writer, after: UUID, most: int) -> UUID | None:
    """Count what the next products came to; where the ones after those begin, None: these were the last.

    Changes only what is different, and with it the listings of these products.
    """
    found = await writer.exec_driver_sql("SELECT id FROM products WHERE id > $1 ORDER BY id LIMIT $2", (after, most))
    products = list(found.scalars())
    if products:
        await writer.exec_driver_sql(_REACH, (products,))
        await writer.exec_driver_sql(_FIGURES, (products,))
    return plain_uuid(products[-1]) if len(products) == most else None


async def relate(writer: Writer, after: UUID, most: int) -> UUID | None:
    """Find what belongs to the next products about which something is new, or that were not looked at for a day.

    Where the ones after those begin; None: these were the last.
    """
    products = list((await writer.exec_driver_sql(_DUE, (after, most))).scalars())
    if products:
        for study in _STUDIES:
            await writer.exec_driver_sql(study, (products,))
    return plain_uuid(products[-1]) if len(products) == most else None
