"""Products that go with a product, or that somebody may like next, out of what `study` has kept."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from models.catalog import ProductCard
from models.database import Database
from models.ids import CartId, UserId
from models.order import SOLD
from models.recommendation import HAS, NEXT, SAYS, SIMILAR, Kind, Known, Related, blended, interleaved
from models.tables.base import plain_uuid
from models.tables.listing import cards

MOST_KNOWN = 60
"""Products that speak for somebody's taste: the strongest evidence, the latest first."""
SPARE = 3
"""Times as many are looked at as are asked for: some are out of stock, or not sold in the currency."""

_RELATED = """
SELECT p.id, p.category_id, r.kind, r.ids, r.scores
FROM products p LEFT JOIN related_products r ON r.product_id = p.id AND r.kind = ANY ($2::text[])
WHERE p.slug = $1 AND p.archived_at IS NULL
"""
_RELATED_TO = "SELECT product_id, kind, ids, scores FROM related_products WHERE product_id = ANY ($1::uuid[])"
_SOLD = ", ".join(f"'{status.value}'" for status in SOLD)
_KNOWN = f"""
(SELECT v.product_id, 'bought' AS how
 FROM (SELECT id, placed_at FROM orders WHERE customer_id = $1 AND status IN ({_SOLD})
       ORDER BY placed_at DESC, id DESC LIMIT 20) o
 JOIN order_lines l ON l.order_id = o.id JOIN variants v ON v.id = l.variant_id
 ORDER BY o.placed_at DESC, v.product_id)
UNION ALL
(SELECT v.product_id, 'in_cart' FROM cart_items i JOIN variants v ON v.id = i.variant_id WHERE i.cart_id = $2
 ORDER BY i.added_at DESC, v.product_id)
UNION ALL
(SELECT product_id, 'wished' FROM wishlist_items WHERE user_id = $1 ORDER BY added_at DESC, product_id LIMIT 50)
UNION ALL
(SELECT product_id, 'viewed' FROM product_views WHERE visitor = ANY ($3::uuid[])
 ORDER BY viewed_at DESC, product_id LIMIT 50)
"""  # noqa: S608
_IN_CATEGORY = """
SELECT product_id FROM listings
WHERE currency = $1 AND category_ids @> ARRAY[$2::uuid] AND product_id <> $3 AND in_stock
ORDER BY popularity DESC, product_id DESC LIMIT $4
"""
_POPULAR = """
SELECT product_id FROM listings WHERE currency = $1 AND in_stock ORDER BY popularity DESC, product_id DESC LIMIT $2
"""
_NEW = """
SELECT product_id FROM listings WHERE currency = $1 AND in_stock ORDER BY created_at DESC, product_id DESC LIMIT $2
"""


async def similar(database: Database, slug: str, currency: str, limit: int) -> list[ProductCard] | None:
    """What can be bought instead of a product; None: there is no such product.

    One that is too new to have been studied is followed by what sells in its category.
    """
    rows = await database.fetch(_RELATED, slug, list(SIMILAR))
    if not rows:
        return None
    wanted = blended([(1.0, related) for related in _related(rows)], SIMILAR)
    found = await _shown(database, currency, wanted, limit)
    if len(found) < limit and not any(row["kind"] == Kind.ALIKE for row in rows):
        more = await database.fetch(_IN_CATEGORY, currency, rows[0]["category_id"], rows[0]["id"], limit * SPARE)
        found = await _shown(database, currency, [*wanted, *_ids(more)], limit)
    return found


async def together(database: Database, slug: str, currency: str, limit: int) -> list[ProductCard] | None:
    """What is bought in one order with a product, by more than one person; None: there is no such product."""
    rows = await database.fetch(_RELATED, slug, [Kind.TOGETHER])
    if not rows:
        return None
    wanted = [product for related in _related(rows) for product in related.products]
    return await _shown(database, currency, wanted, limit)


async def recommended(
    database: Database, currency: str, user: UserId | None, cart: CartId | None, visitors: Sequence[UUID], limit: int
) -> list[ProductCard]:
    """What somebody may like next, and does not have; for want of evidence, what is popular or new, in turn."""
    has, taste = await _known(database, user, cart, visitors)
    wanted = [product for product in await _tasted(database, taste) if product not in has]
    found = await _shown(database, currency, wanted, limit)
    if len(found) < limit:
        most = limit * SPARE + len(has)
        popular = _ids(await database.fetch(_POPULAR, currency, most))
        new = _ids(await database.fetch(_NEW, currency, most))
        rest = [product for product in interleaved(popular, new) if product not in has]
        found = await _shown(database, currency, [*wanted, *rest], limit)
    return found


async def _known(
    database: Database, user: UserId | None, cart: CartId | None, visitors: Sequence[UUID]
) -> tuple[set[UUID], dict[UUID, float]]:
    """What somebody has, and how much each product that they know says about their taste."""
    if cart is None:
        return set(), {}
    has: set[UUID] = set()
    taste: dict[UUID, float] = {}
    place = dict.fromkeys(Known, 0)
    for row in await database.fetch(_KNOWN, user, cart, list(visitors)):
        product, how = plain_uuid(row["product_id"]), Known(row["how"])
        says = SAYS[how] * 0.97 ** place[how]
        place[how] += 1
        taste[product] = max(taste.get(product, 0.0), says)
        if how in HAS:
            has.add(product)
    strongest = sorted(taste, key=lambda each: -taste[each])[:MOST_KNOWN]
    return has, {product: taste[product] for product in strongest}


async def _tasted(database: Database, taste: dict[UUID, float]) -> list[UUID]:
    if not taste:
        return []
    rows = await database.fetch(_RELATED_TO, list(taste))
    return blended(
        [(taste[plain_uuid(row["product_id"])], related) for row, related in zip(rows, _related(rows), strict=True)],
        NEXT,
    )


async def _shown(database: Database, currency: str, wanted: Collection[UUID], limit: int) -> list[ProductCard]:
    """The first of them that can be bought."""
    first = list(dict.fromkeys(wanted))[: limit * SPARE]
    found = await cards(database, currency, first) if first else []
    return [card for card in found if card.available][:limit]


def _related(rows: Sequence[Any]) -> list[Related]:
    return [
        Related(Kind(row["kind"]), _uuids(row["ids"]), row["scores"]) for row in rows if row["kind"] is not None
    ]  # fmt: skip


def _ids(rows: Sequence[Any]) -> list[UUID]:
    return _uuids(row["product_id"] for row in rows)


def _uuids(values: Any) -> list[UUID]:
    return [plain_uuid(value) for value in values]
