"""Matches in the search index that Postgres keeps: pages of them, and how many there are of each kind.

The rank is a whole number for how well a product matches and, behind the point, its score: 3 the query is its name,
2 all words are in its name, 1 likewise but completed, corrected or meant, 0 somewhere. So an order has no ties but by
id, and a page can begin after any row.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from models.database import Database
from models.search import kinds
from models.search.question import Ask, Chosen, Facets, Place, Sort
from models.tables.base import plain_uuid


class Query(NamedTuple):
    """A search as texts for `tsquery`: what must match, by the index, and what puts a match further up, by its name."""

    anywhere: str
    in_name: str
    """In the name, exactly as asked: by the index too."""
    meant_in_name: str
    """The same, as it may have been meant."""
    whole: str
    """The whole name, by the index."""
    named: str
    """In the name, exactly as asked: of a row."""
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
(CASE WHEN NOT d.head @@ {meant} THEN 0 WHEN d.head @@ {name} THEN 3 WHEN d.head @@ {named} THEN 2 ELSE 1 END
 + d.score)::float8
"""
"""Most matches are not in the name at all: asked first."""


class _Arguments:
    """Numbers the values of a statement."""

    def __init__(self) -> None:
        self.values: list[object] = []

    def __call__(self, value: object, kind: str = "") -> str:
        self.values.append(value)
        return f"${len(self.values)}{'::' + kind if kind else ''}"

    def words(self, text: str) -> str:
        """What matches words by their index."""
        return f"{self(text, 'text')}::tsquery"

    def once(self, text: str) -> str:
        """The same for each row that was found: a subquery, since of a planned statement the text would be read anew
        for each."""
        return f"(SELECT {self.words(text)})"


def _where(argument: _Arguments, generation: int, ask: Ask) -> str:
    wanted = ask.filters
    rules = [f"d.generation = {argument(generation)}", f"d.currency = {argument(ask.currency)}"]
    rules += [rule.format(argument(value)) for rule, value in _rules(wanted) if value is not None]
    return " AND ".join(rules)


_OF_KIND = "position({}::bytea IN d.kinds) > 0"


def _rules(wanted: Chosen) -> Sequence[tuple[str, object]]:
    return (
        (_OF_KIND, wanted.category and kinds.category(wanted.category)),
        (_OF_KIND, wanted.vendor and kinds.vendor(wanted.vendor)),
        (_OF_KIND, wanted.tag and kinds.tag(wanted.tag)),
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
    value, down = _value(argument, ask, query)
    where += f" AND d.words @@ {argument.words(query.anywhere)}"
    found = f"SELECT d.product_id, {value} AS value FROM search_documents d WHERE {where}"  # noqa: S608
    sql = f"SELECT * FROM ({found}) f {_end(argument, ask, down)}"  # noqa: S608
    return _places(await database.fetch(sql, *argument.values))


def _value(argument: _Arguments, ask: Ask, query: Query) -> tuple[str, bool]:
    """What matches are ordered by, and whether the most comes first."""
    if ask.sort is not Sort.RELEVANCE:
        return _ORDERS[ask.sort]
    texts = {name: argument.once(getattr(query, name)) for name in ("name", "named", "meant")}
    return _RANK.format(**texts), True


async def best(database: Database, generation: int, ask: Ask, query: Query, *, walk: bool) -> list[Place]:
    """The beginning of the ranked list alone: products with the words in their name, exactly as asked.

    For words that very many products have. walk: the name of very many too, so that the best are soon found by walking
    down the scores; else by the words alone, which Postgres would not know to be few. Fewer rows than asked for: the
    list goes on with the `rest`.
    """
    argument = _Arguments()
    where = _where(argument, generation, ask)
    named, found = _best(argument, where, ask, query, walk=walk)
    return _places(await database.fetch(f"WITH {named} {found}", *argument.values))


def _best(argument: _Arguments, where: str, ask: Ask, query: Query, *, walk: bool) -> tuple[str, str]:
    """What to read first, by name, and how to make the list of it."""
    name = argument.once(query.name)
    after = f"AND {_after(argument, ask.after, True)}" if ask.after else ""
    most = argument(ask.limit)
    row = f"SELECT product_id, (%s + score)::float8 AS value, score FROM search_documents d WHERE {where} AND"  # noqa: S608
    if not walk:
        rank = f"CASE WHEN d.head @@ {name} THEN 3 ELSE 2 END"
        named = f"n AS MATERIALIZED ({row % rank} d.words @@ {argument.words(query.in_name)})"
        order = f"ORDER BY value DESC, product_id DESC LIMIT {most}"
        return named, f"SELECT product_id, value FROM n WHERE true {after} {order}"  # noqa: S608
    named = f"""
         w AS MATERIALIZED ({row % 3} d.words @@ {argument.words(query.whole)}),
         n AS ({row % 2} d.head @@ {argument.once(query.named)} AND NOT d.head @@ {name})
    """
    found = f"""
    SELECT product_id, value FROM (
        (SELECT * FROM w WHERE true {after})
        UNION ALL
        (SELECT * FROM n WHERE true {after} ORDER BY score DESC, product_id DESC LIMIT {most})
    ) f ORDER BY value DESC, product_id DESC LIMIT {most}
    """  # noqa: S608
    return named, found


async def rest(database: Database, generation: int, ask: Ask, query: Query, most: int) -> list[Place]:
    """What comes after the `best`: products that match elsewhere, found by walking down the scores."""
    argument = _Arguments()
    where = _where(argument, generation, ask)
    after = f"AND {_after(argument, ask.after, True)}" if ask.after else ""
    sql = f"""
    SELECT product_id, value FROM (
        SELECT product_id, score::float8 AS value, score FROM search_documents d
        WHERE {where} AND (d.words @@ {argument.once(query.anywhere)}) IS TRUE
        AND NOT d.head @@ {argument.once(query.named)}
    ) f WHERE true {after} ORDER BY score DESC, product_id DESC LIMIT {argument(most)}
    """  # noqa: S608
    return _places(await database.fetch(sql, *argument.values))


class Counted(NamedTuple):
    """How many match, and of what kinds they are."""

    total: int
    named: int
    """Of these: with the words in their name; 0: not asked."""
    facets: Facets
    page: list[Place]
    """The first of all matches in their order, where all are counted: they are read only once. Of a sample with
    `best`: the `best` of all."""


async def count(
    database: Database,
    generation: int,
    ask: Ask,
    query: Query,
    sample: tuple[int, str] | None = None,
    *,
    first: bool = False,
) -> Counted:
    """Count all matches, or estimate their number from the products in a sample; of all, also the first page.

    first: have the `best` of all told with a sample.
    """
    argument = _Arguments()
    where = _where(argument, generation, ask)
    times, anywhere = sample or (1, query.anywhere)
    named, value, also, places = "0::bigint", "NULL::float8", "", ""
    if sample is not None:
        if not first:
            named = f"count(*) FILTER (WHERE head @@ {argument.once(query.named)})"
        else:
            best, places = _best(argument, where, ask, query, walk=False)
            also = f", {best}"
    elif ask.after is None:
        value, down = _value(argument, ask, query)
        places = f"SELECT product_id, value FROM f {_end(argument, ask, down)}"  # noqa: S608
    page = f"UNION ALL SELECT *, NULL::bigint, NULL::bytea FROM ({places}) p" if places else ""  # noqa: S608
    rows = await database.fetch(
        f"""
        WITH f AS MATERIALIZED (
            SELECT d.product_id, d.kinds, {"d.head" if sample and not first else "NULL"} AS head, {value} AS value
            FROM search_documents d WHERE {where} AND d.words @@ {argument.words(anywhere)}
        ) {also}
        SELECT NULL::uuid, count(*)::float8, {named}, string_agg(kinds, '') FROM f
        {page}
        """,  # noqa: S608
        *argument.values,
    )
    [(_, total, in_name, found), *shown] = rows or [(None, 0, 0, None)]
    return Counted(
        int(total) * times, in_name * times, kinds.counted(found or b"", times),
        [Place(value, plain_uuid(id)) for id, value, *_ in shown],
    )  # fmt: skip


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
