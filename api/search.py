"""Finding products by words: results with facets, what a query may become while it is typed, and what was clicked."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody, QueryParameter

from api.access import Access
from api.context import House, Premises, StrictRequest
from api.filters import FILTERS, Currency, Narrowed
from api.finding import Page, begin, of, seek
from api.pages import PageSize, Place
from api.problems import refuses
from api.shelf import Answer, answer_of
from models import cache
from models.catalog import Filters, ProductCard
from models.money import EXPONENTS, Money
from models.search import tally
from models.search.highlight import Piece, excerpt, pieces
from models.search.kinds import MOST_VALUES
from models.search.question import Ask, Facets, Found, price_steps
from models.search.text import LONGEST_QUERY, asked, tidy
from models.tables import search_tally, search_text

Q = Annotated[
    str, QueryParameter(name="q", min_length=1, max_length=LONGEST_QUERY, description="What to look for, in any words")
]
SearchOrder = Annotated[
    Literal["relevance", "newest", "price", "-price", "rating", "popularity"],
    QueryParameter(name="sort", description="What matches best first, unless said otherwise"),
]
Suggestions = Annotated[int, QueryParameter(name="limit", ge=1, le=20, description="Suggestions at most")]
_encode = msgspec.json.Encoder().encode
_ALL = Filters()
_EMPTY = b'{"items":[],'


class Highlights(msgspec.Struct, frozen=True):
    """Where a product matches: its texts in pieces, never HTML. Join them for the text."""

    name: list[Piece]
    description: list[Piece]
    """Around the first match; empty: nothing in it matches."""


class FoundProduct(ProductCard, frozen=True, kw_only=True):
    """A product in a list, with what of it matched."""

    highlights: Highlights


class FacetValue(msgspec.Struct, frozen=True, gc=False):
    """Something to filter by, and how many products would be left."""

    slug: str
    name: str
    count: int


class PriceRange(msgspec.Struct, frozen=True, gc=False):
    """Prices from `min` to below `max`; null: no upper end."""

    min: Money
    max: Money | None
    count: int


class RatingStep(msgspec.Struct, frozen=True, gc=False):
    """Products with a mean of at least so many stars."""

    min: int
    count: int


class SearchFacets(msgspec.Struct, frozen=True):
    """How many of all matches, not only of this page, there are of each kind; filters are counted in."""

    category: list[FacetValue]
    """With what is below each."""
    vendor: list[FacetValue]
    tag: list[FacetValue]
    price: list[PriceRange]
    rating: list[RatingStep]
    in_stock: int
    sold_out: int


class SearchResults(msgspec.Struct, frozen=True):
    """One page of what was found."""

    items: list[FoundProduct]
    next_cursor: str | None
    """Give it as `cursor`, with the same query, filters and order, for the next page; null: this was the last."""
    total: int | None
    """Matches on all pages; null on pages after the first."""
    estimated: bool
    """Hundreds match: `total` and `facets` are those of a sample, multiplied."""
    searched_instead: str | None
    """What was looked for, because nothing knows the words of the query; null: the query itself."""
    facets: SearchFacets | None
    """Null on pages after the first."""


class Suggestion(msgspec.Struct, frozen=True):
    """A way to go on from what is being typed."""

    kind: Literal["category", "vendor", "tag", "product"]
    slug: str
    text: list[Piece]
    """Its name in pieces; join them for the text."""


class SuggestionList(msgspec.Struct, frozen=True):
    """What a query may become: categories, vendors and tags by name, then products."""

    items: list[Suggestion]
    next_cursor: str | None = None
    """Always null."""
    total: int | None = None
    """Not counted."""


class SearchClick(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody went from the results of a search to a product."""

    q: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_QUERY, description="As it was searched for")]
    slug: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$", description="Of the product")]


@get(
    "/search", operation_id="searchProducts", access=Access.PUBLIC, dependencies=FILTERS,
    tags=["Catalogue"], summary="Find products by words",
    responses=refuses("cursor_unknown", "invalid", "unavailable"),
)  # fmt: skip
async def search_products(
    request: StrictRequest,
    house: House,
    filters: Narrowed,
    q: Q,
    sort: SearchOrder = "relevance",
    currency: Currency = None,
    limit: PageSize = 20,
    place: Place = None,
) -> Response[SearchResults]:
    """Forgives typos, case and accents; the last word may be unfinished; words that mean the same find each other.

    All words must match. Filters are those of the list of products. The index follows the shelves within seconds;
    prices and stock of what is shown are of now.
    """
    kind, query = currency or house.settings.default_currency, tidy(q)
    which = of(query, sort, kind, filters)
    after = begin(house, which, place)

    async def make() -> bytes:
        page = await seek(house, query, sort, kind, filters, limit, after, counted=after is None)
        return _encode(await _results(house, page, kind))

    answer = await _answer(request, house, cache.search(which, limit, place), (cache.SEARCH,), make)
    if after is None:
        house.tallies.searched(query, empty=answer.body.startswith(_EMPTY) and filters == _ALL)
    return _given(request, answer)


@get(
    "/search/suggestions", operation_id="suggestSearches", access=Access.PUBLIC,
    tags=["Catalogue"], summary="What a query may become",
    responses=refuses("invalid", "unavailable"),
)  # fmt: skip
async def suggest_searches(
    request: StrictRequest, house: House, q: Q, currency: Currency = None, limit: Suggestions = 8
) -> Response[SuggestionList]:
    """While it is typed: the last word may be unfinished, or mistyped."""
    kind, query = currency or house.settings.default_currency, tidy(q)

    async def make() -> bytes:
        return _encode(SuggestionList(await _suggestions(house, query, kind, limit)))

    about = (cache.SEARCH, cache.CATEGORIES, cache.TAGS, cache.VENDORS)
    return _given(request, await _answer(request, house, cache.suggestions(query, kind, limit), about, make))


@post(
    "/search/clicks", operation_id="noteSearchClick", access=Access.PUBLIC, tags=["Catalogue"], status_code=204,
    summary="Say that a search led to a product",
    responses=refuses("invalid", "unsupported_media_type", "unavailable"),
)  # fmt: skip
async def note_search_click(house: House, data: JSONBody[SearchClick]) -> Response[None]:
    """Counted by day and query, without whom. A query that nobody searched for today or yesterday counts nothing."""
    await house.tallies.write()
    query = tally.remembered(data.q)
    async with house.database.writing_by_driver() as fetch:
        await search_tally.click(fetch, query)
    return Response(None, status_code=204)


async def _results(house: Premises, page: Page, currency: str) -> SearchResults:
    found = page.found
    items = [
        FoundProduct(
            **msgspec.structs.asdict(card),
            highlights=Highlights(
                pieces(card.name, found.words, found.beginnings), excerpt(description, found.words, found.beginnings)
            ),
        )
        for card, description in await search_text.shown(house.database, currency, page.products)
    ]
    facets = await _facets(house, found, currency) if found.facets else None
    return SearchResults(items, page.next_cursor, found.total, found.estimated, found.instead, facets)


async def _facets(house: Premises, found: Found, currency: str) -> SearchFacets:
    assert found.facets is not None
    facets: Facets = found.facets
    names = await house.names.by_tail()

    def values(counts: dict[int, int]) -> list[FacetValue]:
        known = [(-count, name.name, name.slug) for id, count in counts.items() if (name := names.get(id))]
        known.sort()
        return [FacetValue(slug, name, -less) for less, name, slug in known[:MOST_VALUES]]

    steps = [0, *price_steps(EXPONENTS.get(currency, 2))]
    ends = [*steps[1:], None]
    prices = [
        PriceRange(Money(steps[at], currency), None if (end := ends[at]) is None else Money(end, currency), count)
        for at, count in sorted(facets.prices.items())
    ]
    ratings = [RatingStep(least, sum(count for stars, count in facets.ratings.items() if stars >= least))
               for least in (4, 3, 2, 1)]  # fmt: skip
    return SearchFacets(
        values(facets.categories), values(facets.vendors), values(facets.tags), prices,
        [step for step in ratings if step.count], facets.in_stock, facets.sold_out,
    )  # fmt: skip


async def _suggestions(house: Premises, query: str, currency: str, limit: int) -> list[Suggestion]:
    words = asked(query)
    names = await house.names.beginning(words, max(limit // 2, 1))
    typed = frozenset(words[:-1]), frozenset(words[-1:])
    found = [Suggestion(name.kind, name.slug, pieces(name.name, *typed)) for name in names]  # type: ignore[arg-type]
    if len(found) == limit:
        return found
    matches = await house.search.search(Ask(query, currency, limit - len(found), counted=False, glance=True))
    marks = matches.words, matches.beginnings
    titles = await search_text.titles(house.database, currency, matches.products)
    return found + [Suggestion("product", title.slug, pieces(title.name, *marks)) for title in titles]


async def _answer(request: StrictRequest, house: Premises, key: str, about: tuple[str, ...], make: Any) -> Answer:
    if "no-cache" in request.headers.get("cache-control", ""):
        return answer_of(await make())
    return await house.shelf.get(key, about, make)


def _given(request: StrictRequest, answer: Answer) -> Response[Any]:
    """Not put where the next one is given it unseen, see `Shelf.put_ready`: each search is counted."""
    if_none_match = request.headers.get("if-none-match")
    if if_none_match is not None and answer.matches(if_none_match):
        return Response(None, status_code=304, headers=answer.validators)
    return Response(answer.body, media_type="application/json", headers=answer.validators)


handlers = [search_products, suggest_searches, note_search_click]
