"""One page of a list of products: any filters together, in one of a few orders, from any place on.

A list without a filter walks its order's index and looks each product's card up on the way. With filters Postgres
picks ids first, planned for these very values: few products of a small category are gathered and sorted, a big
category is walked in order until the page is full.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from models.catalog import Filters, ProductCard
from models.cursor import Rank
from models.database import Database
from models.tables.base import plain_uuid
from models.tables.listing import CARD, OFFER, Cards, cards


class Sort(NamedTuple):
    """An order of listings that an index has."""

    column: str
    descending: bool
    kind: type[int] | type[float] | type[datetime]
    only: str = ""
    """What has no place in it."""


SORTS: Mapping[str, Sort] = {
    "newest": Sort("created_at", True, datetime),
    "price": Sort("amount", False, int),
    "-price": Sort("amount", True, int),
    "rating": Sort("rating", True, float),
    "popularity": Sort("popularity", True, int),
    "sold": Sort("sold", True, int, "l.sold > 0"),
    "trend": Sort("trend", True, float, "l.trend > 0"),
    "sale_end": Sort("sale_ends_at", False, datetime, "l.sale_ends_at > now()"),
}


class Page(NamedTuple):
    """Cards, and where the next page begins; None: this was the last."""

    cards: list[ProductCard]
    next: Rank | None
    total: int | None = None


class Named(NamedTuple):
    """What the names of filters stand for."""

    category: UUID | None
    tag: UUID | None
    vendor: UUID | None


_IDS = """
SELECT (SELECT id FROM categories WHERE slug = $1::text AND archived_at IS NULL) AS category,
       (SELECT id FROM tags WHERE slug = $2::text AND archived_at IS NULL) AS tag,
       (SELECT id FROM vendors WHERE slug = $3::text AND archived_at IS NULL) AS vendor
"""
_NOBODY = Named(None, None, None)

ALL = Filters()
"""None at all."""


async def page(
    database: Database, currency: str, filters: Filters, order: str, limit: int, after: Rank | None, count: bool = False
) -> Page:
    """`limit` products that are sold in `currency` and pass all `filters`; with `count`, how many there are."""
    sort = SORTS[order]
    if filters == ALL:
        found = await _walk(database, currency, sort, limit, after)
        return found._replace(total=await _count(database, currency, sort, ALL, _NOBODY)) if count else found
    chosen = await look_up(database, filters)
    if chosen is None:
        return Page([], None, 0 if count else None)
    found = await _pick(database, currency, filters, chosen, sort, limit, after)
    return found._replace(total=await _count(database, currency, sort, filters, chosen)) if count else found


async def look_up(database: Database, filters: Filters) -> Named | None:
    """The ids of what is filtered by; None when there is no such category, tag or vendor, and so no product in it."""
    wanted = (filters.category, filters.tag, filters.vendor)
    if wanted == (None, None, None):
        return _NOBODY
    (row,) = await database.fetch(_IDS, *wanted)
    found = Named(*(None if id is None else plain_uuid(id) for id in row))
    return None if any(slug and not id for slug, id in zip(wanted, found, strict=True)) else found


async def _walk(database: Database, currency: str, sort: Sort, limit: int, after: Rank | None) -> Page:
    rest: Sequence[object] = () if after is None else (after.value, after.id)
    rows = await database.fetch(_WALKS[sort, after is not None], currency, limit + 1, *rest)
    made = Cards(currency)
    return Page(
        [made.card(*row[2:]) for row in rows[:limit]],
        Rank(rows[limit - 1][0], plain_uuid(rows[limit - 1][1])) if len(rows) > limit else None,
    )


def _walk_sql(sort: Sort, after: bool) -> str:
    only = f" AND {sort.only}" if sort.only else ""
    beyond = f" AND {_after(sort, 3)}" if after else ""
    return f"""
        SELECT l.{sort.column}, l.product_id, {CARD} FROM (
            SELECT l.* FROM listings l WHERE l.currency = $1{only}{beyond}
            ORDER BY {_in_order(sort)} LIMIT $2
        ) l {OFFER} ORDER BY {_in_order(sort)}
    """  # noqa: S608 - words of ours


async def _pick(
    database: Database, currency: str, filters: Filters, chosen: Named, sort: Sort, limit: int, after: Rank | None
) -> Page:
    where, arguments = _conditions(currency, sort, filters, chosen)
    if after is not None:
        where += f" AND {_after(sort, len(arguments) + 1)}"
        arguments += [after.value, after.id]
    arguments.append(limit + 1)
    rows = await database.fetch_planned(
        f"SELECT l.product_id, l.{sort.column} FROM listings l WHERE {where} "  # noqa: S608
        f"ORDER BY {_in_order(sort)} LIMIT ${len(arguments)}",
        *arguments,
    )
    ids = [plain_uuid(id) for id, _ in rows[:limit]]
    more = Rank(rows[limit - 1][1], ids[-1]) if len(rows) > limit else None
    return Page(await cards(database, currency, ids) if ids else [], more)


async def _count(database: Database, currency: str, sort: Sort, filters: Filters, chosen: Named) -> int:
    where, arguments = _conditions(currency, sort, filters, chosen)
    rows = await database.fetch_planned(f"SELECT count(*) FROM listings l WHERE {where}", *arguments)  # noqa: S608
    return int(rows[0][0])


def _conditions(currency: str, sort: Sort, filters: Filters, chosen: Named) -> tuple[str, list[Any]]:
    """What listings must be, as SQL and its arguments; the same filters always make the same text."""
    arguments: list[Any] = [currency]
    where = ["l.currency = $1", *([sort.only] if sort.only else ())]
    for condition, value in (
        ("l.category_ids @> ARRAY[{}::uuid]", chosen.category), ("l.tag_ids @> ARRAY[{}::uuid]", chosen.tag),
        ("l.vendor_id = {}", chosen.vendor), ("l.amount >= {}", filters.min_price),
        ("l.amount <= {}", filters.max_price), ("l.rating >= {}", filters.min_rating),
    ):  # fmt: skip
        if value is not None:
            arguments.append(value)
            where.append(condition.format(f"${len(arguments)}"))
    for condition, wanted in (
        ("l.in_stock", filters.in_stock), ("l.featured", filters.featured),
        ("l.sale_ends_at > now()", filters.on_sale),
    ):  # fmt: skip
        if wanted:
            where.append(condition)
    return " AND ".join(where), arguments


def _in_order(sort: Sort) -> str:
    way = " DESC" if sort.descending else ""
    return f"l.{sort.column}{way}, l.product_id{way}"


def _after(sort: Sort, first: int) -> str:
    return f"(l.{sort.column}, l.product_id) {'<' if sort.descending else '>'} (${first}, ${first + 1})"


_WALKS = {(sort, after): _walk_sql(sort, after) for sort in SORTS.values() for after in (False, True)}
