"""Matches in the search index that Postgres keeps: pages of them, and how many there are of each kind.

The rank is a whole number for how well a product matches and, behind the point, its score: 3 the query is its name,
2 all words are in its name, 1 likewise but completed, corrected or meant, 0 somewhere. So an order has no ties but by
id, and a page can begin after any row.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from models.database import Database
from models.search.question import Ask, Chosen, Facets, Place, Sort
from models.tables.base import plain_uuid


class Query(NamedTuple):
    """A search as texts for `tsquery`: what must match, and what puts a match further up."""

    anywhere: str
    named: str
    """In the name, exactly as asked."""
    meant: str
    """In the name, as it may have been meant."""
    name: str
    """The whole name."""
    samples: Sequence[tuple[int, str]]
    """Shares of the products, the smallest first: one in so many; `anywhere` in it."""


_ORDERS = {
    Sort.NEWEST: ("(extract(epoch FROM d.created_at) * 1000000)::float8", True),
    Sort.PRICE: ("d.amount::float8", False),
    Sort.PRICE_DOWN: ("d.amount::float8", True),
    Sort.RATING: ("d.rating", True),
    Sort.POPULARITY: ("d.popularity::float8", True),
}
_RANK = """
(CASE WHEN d.head @@ {name}::tsquery THEN 3 WHEN d.head @@ {named}::tsquery THEN 2
      WHEN d.head @@ {meant}::tsquery THEN 1 ELSE 0 END + d.score)::float8
"""


class _Arguments:
    """Numbers the values of a statement."""

    def __init__(self) -> None:
        self.values: list[object] = []

    def __call__(self, value: object, kind: str = "") -> str:
        self.values.append(value)
        return f"${len(self.values)}{'::' + kind if kind else ''}"


def _where(argument: _Arguments, generation: int, ask: Ask) -> str:
    wanted = ask.filters
    rules = [f"d.generation = {argument(generation)}", f"d.currency = {argument(ask.currency)}"]
    rules += [rule.format(argument(value)) for rule, value in _rules(wanted) if value is not None]
    return " AND ".join(rules)


def _rules(wanted: Chosen) -> Sequence[tuple[str, object]]:
    return (
        ("d.category_ids @> ARRAY[{}::uuid]", wanted.category),
        ("d.vendor_id = {}", wanted.vendor),
        ("d.tag_ids @> ARRAY[{}::uuid]", wanted.tag),
        ("d.amount >= {}", wanted.min_price),
        ("d.amount <= {}", wanted.max_price),
        ("d.rating >= {}", wanted.min_rating),
        ("d.in_stock = {}", wanted.in_stock),
        ("d.featured = {}", wanted.featured),
        ("d.on_sale = {}", wanted.on_sale),
    )


async def page(database: Database, generation: int, ask: Ask, query: Query) -> list[Place]:
    """One page of all that matches, ranked or in the order asked for: each row's own place."""
    argument = _Arguments()
    where = _where(argument, generation, ask)
    if ask.sort is Sort.RELEVANCE:
        texts = {name: argument(getattr(query, name), "text") for name in ("name", "named", "meant")}
        value, down = _RANK.format(**texts), True
    else:
        value, down = _ORDERS[ask.sort]
    where += f" AND d.words @@ {argument(query.anywhere, 'text')}::tsquery"
    found = f"SELECT d.product_id, {value} AS value FROM search_documents d WHERE {where}"  # noqa: S608
    sql = f"SELECT * FROM ({found}) f {_end(argument, ask, down)}"  # noqa: S608
    return _places(await database.fetch(sql, *argument.values))


async def best(database: Database, generation: int, ask: Ask, query: Query, *, walk: bool) -> list[Place]:
    """The beginning of the ranked list alone: products with the words in their name, exactly as asked.

    For words that very many products have. walk: the name of very many too, so that the best are soon found by walking
    down the scores. Fewer rows than asked for: the list goes on with the `rest`.
    """
    argument = _Arguments()
    where = _where(argument, generation, ask)
    name, named = argument(query.name, "text"), argument(query.named, "text")
    after = f"AND {_after(argument, ask.after, True)}" if ask.after else ""
    most = argument(ask.limit)
    row = "SELECT product_id, (%s + score)::float8 AS value, score FROM search_documents d WHERE"
    other = f"d.head @@ {named}::tsquery" if walk else f"d.words @@ {named}::tsquery"
    sql = f"""
    SELECT product_id, value FROM (
        (SELECT * FROM ({row % 3} {where} AND d.words @@ {name}::tsquery) f WHERE true {after})
        UNION ALL
        (SELECT * FROM ({row % 2} {where} AND {other} AND NOT d.head @@ {name}::tsquery) f
         WHERE true {after} ORDER BY score DESC, product_id DESC LIMIT {most})
    ) f ORDER BY value DESC, product_id DESC LIMIT {most}
    """  # noqa: S608
    return _places(await database.fetch(sql, *argument.values))


async def rest(database: Database, generation: int, ask: Ask, query: Query, most: int) -> list[Place]:
    """What comes after the `best`: products that match elsewhere, found by walking down the scores."""
    argument = _Arguments()
    where = _where(argument, generation, ask)
    anywhere, named = argument(query.anywhere, "text"), argument(query.named, "text")
    after = f"AND {_after(argument, ask.after, True)}" if ask.after else ""
    sql = f"""
    SELECT product_id, value FROM (
        SELECT product_id, score::float8 AS value, score FROM search_documents d
        WHERE {where} AND (d.words @@ {anywhere}::tsquery) IS TRUE AND NOT d.head @@ {named}::tsquery
    ) f WHERE true {after} ORDER BY score DESC, product_id DESC LIMIT {argument(most)}
    """  # noqa: S608
    return _places(await database.fetch(sql, *argument.values))


class Counted(NamedTuple):
    """How many match, and of what kinds they are."""

    total: int
    named: int
    """Of these: with the words in their name."""
    facets: Facets
    page: list[Place]
    """The first of all matches, ranked, where they were asked for with the numbers: they are read only once."""


MOST_VALUES = 100
"""Of one facet, those with most products."""


async def count(
    database: Database,
    generation: int,
    ask: Ask,
    query: Query,
    steps: Sequence[int],
    sample: tuple[int, str] | None = None,
) -> Counted:
    """Count all matches, or estimate their number from the products in a sample; of all, also the first by rank."""
    argument = _Arguments()
    where = _where(argument, generation, ask)
    times, anywhere = sample or (1, query.anywhere)
    match, named = argument(anywhere, "text"), argument(query.named, "text")
    prices = argument(list(steps), "bigint[]")
    rank, page = "NULL::float8", ""
    if sample is None and ask.sort is Sort.RELEVANCE and ask.after is None:
        texts = {"named": named, **{each: argument(getattr(query, each), "text") for each in ("name", "meant")}}
        rank = _RANK.format(**texts)
        page = f"""UNION ALL SELECT * FROM (
            SELECT 'place', product_id, NULL::int, NULL::bigint, rank FROM f
            ORDER BY rank DESC, product_id DESC LIMIT {argument(ask.limit)}
        ) p"""  # noqa: S608
    rows = await database.fetch(
        f"""
        WITH f AS MATERIALIZED (
            SELECT d.category_id, d.vendor_id, d.tag_ids, width_bucket(d.amount, {prices}) AS price,
                   floor(d.rating)::int AS stars, d.in_stock, d.head @@ {named}::tsquery AS named,
                   d.product_id, {rank} AS rank
            FROM search_documents d WHERE {where} AND d.words @@ {match}::tsquery
        ), g AS (
            SELECT category_id, vendor_id, price, stars, in_stock, named, count(*) AS n, GROUPING(category_id) AS c,
                   GROUPING(vendor_id) AS v, GROUPING(price) AS p, GROUPING(stars) AS r, GROUPING(in_stock) AS s,
                   GROUPING(named) AS m
            FROM f GROUP BY GROUPING SETS ((category_id), (vendor_id), (price), (stars), (in_stock), (named))
        )
        SELECT CASE 0 WHEN p THEN 'price' WHEN r THEN 'stars' WHEN s THEN 'stock' ELSE 'named' END AS kind,
               NULL::uuid AS id, CASE 0 WHEN p THEN price WHEN r THEN stars WHEN s THEN in_stock::int
               ELSE named::int END AS value, n, NULL::float8 AS rank FROM g WHERE c = 1 AND v = 1
        UNION ALL SELECT * FROM (
            SELECT 'vendor', vendor_id, NULL::int, n, NULL::float8 FROM g WHERE v = 0 AND vendor_id IS NOT NULL
            ORDER BY n DESC, vendor_id LIMIT {MOST_VALUES}
        ) m
        UNION ALL SELECT * FROM (
            SELECT 'category', up.id, NULL::int, sum(n)::bigint, NULL::float8
            FROM g JOIN categories k ON k.id = g.category_id, unnest(k.lineage) AS up (id) WHERE c = 0
            GROUP BY up.id ORDER BY 4 DESC, up.id LIMIT {MOST_VALUES}
        ) k
        UNION ALL SELECT * FROM (
            SELECT 'tag', tag.id, NULL::int, count(*), NULL::float8 FROM f, unnest(f.tag_ids) AS tag (id)
            GROUP BY tag.id ORDER BY 4 DESC, tag.id LIMIT {MOST_VALUES}
        ) t
        {page}
        """,  # noqa: S608
        *argument.values,
    )
    found: dict[str, dict[Any, int]] = {}
    places: list[Place] = []
    for kind, id, value, n, rank in rows:
        if kind == "place":
            places.append(Place(rank, plain_uuid(id)))
        else:
            found.setdefault(kind, {})[value if id is None else plain_uuid(id)] = n * times
    stock, names = found.get("stock", {}), found.get("named", {})
    facets = Facets(
        found.get("category", {}), found.get("vendor", {}), found.get("tag", {}), found.get("price", {}),
        found.get("stars", {}), stock.get(1, 0), stock.get(0, 0),
    )  # fmt: skip
    return Counted(sum(names.values()), names.get(1, 0), facets, places)


def _end(argument: _Arguments, ask: Ask, down: bool) -> str:
    order = "DESC" if down else "ASC"
    after = f"WHERE {_after(argument, ask.after, down)} " if ask.after else ""
    return f"{after}ORDER BY value {order}, product_id {order} LIMIT {argument(ask.limit)}"


def _after(argument: _Arguments, place: Place, down: bool) -> str:
    return (
        f"(value, product_id) {'<' if down else '>'} ({argument(place.value, 'float8')}, {argument(place.id, 'uuid')})"
    )


def _places(rows: Sequence[Any]) -> list[Place]:
    return [Place(row["value"], plain_uuid(row["product_id"])) for row in rows]


def either(*words: str) -> str:
    """Any of these words, as a text for `tsquery`."""
    return "(" + " | ".join(words) + ")"


def quoted(word: str, *, begins: bool = False) -> str:
    """One word as a text for `tsquery`. It has letters and digits and our signs only; a quote would end it early."""
    return "'" + word.replace("\\", "").replace("'", "") + "'" + (":*" if begins else "")
