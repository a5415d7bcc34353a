"""Asks the search engine on behalf of lists and searches, and has what it found as products of now."""

from typing import NamedTuple
from uuid import UUID

import msgspec

from api.context import Premises
from models import cursor
from models.catalog import Filters, ProductCard
from models.cursor import Rank
from models.search.question import Ask, Chosen, Found, Place, Sort
from models.tables import shelf
from models.tables.listing import cards
from models.tables.shelf import Named

_encode = msgspec.json.Encoder().encode
NOTHING = Found([], [], total=0)


class Matches(NamedTuple):
    """One page of what was found. What is no longer sold since the index last followed is left out of the cards."""

    found: Found
    cards: list[ProductCard]
    next_cursor: str | None


class Page(NamedTuple):
    """The same before anything is read of it: ids of its products."""

    found: Found
    products: list[UUID]
    next_cursor: str | None


def of(query: str, order: str, currency: str, filters: Filters) -> str:
    """Which search this is, for its cursors and for keeping its answers."""
    return _encode(["search", query, order, currency, filters]).decode()


def begin(house: Premises, which: str, place: str | None) -> Place | None:
    """Where the page begins that a client asks for. Raises: Refusal `cursor_unknown`."""
    if not place:
        return None
    rank = cursor.read_rank(house.settings.secret_key, place, which, float)
    return Place(float(rank.value), rank.id)  # type: ignore[arg-type]


async def find(
    house: Premises, query: str, order: str, currency: str, filters: Filters, limit: int, after: Place | None,
    *, counted: bool,
) -> Matches:  # fmt: skip
    """`limit` products that match and pass all filters; with `counted`, also how many of which kind there are."""
    page = await seek(house, query, order, currency, filters, limit, after, counted=counted)
    made = await cards(house.database, currency, page.products) if page.products else []
    return Matches(page.found, made, page.next_cursor)


async def seek(
    house: Premises, query: str, order: str, currency: str, filters: Filters, limit: int, after: Place | None,
    *, counted: bool,
) -> Page:  # fmt: skip
    """The same, for who reads the products otherwise than as cards."""
    named = await shelf.look_up(house.database, filters)
    if named is None:
        return Page(NOTHING, [], None)
    ask = Ask(query, currency, limit + 1, chosen(filters, named), Sort(order), after, counted)
    found = await house.search.search(ask)
    more = None
    if len(found.products) > limit:
        place = found.places[limit - 1]
        which = of(query, order, currency, filters)
        more = cursor.write_rank(house.settings.secret_key, Rank(float(place.value), place.id), which)
    return Page(found, found.products[:limit], more)


def chosen(filters: Filters, named: Named) -> Chosen:
    """The filters of a list as the index knows them; what a list does not filter by is None there."""
    return Chosen(
        named.category, named.vendor, named.tag, filters.min_price, filters.max_price, filters.min_rating,
        filters.in_stock or None, filters.featured or None, filters.on_sale or None,
    )  # fmt: skip
