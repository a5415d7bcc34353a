"""Tags and vendors as shoppers see them: what `tag=` and `vendor=` of a list may be, and each vendor's page."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from litestar import Response, get

from api.access import Access
from api.context import House, StrictRequest
from api.filters import Slug
from api.pages import PageSize, Place
from api.problems import refuses
from api.products import published
from models import cache, cursor
from models.catalog import TagName, Vendor
from models.cursor import Rank
from models.database import Database
from models.errors import Refusal
from models.tables import browse

T = TypeVar("T", TagName, Vendor)


class TagList(msgspec.Struct, frozen=True):
    """One page of tags, by name."""

    items: list[TagName]
    next_cursor: str | None
    """Give it as `cursor` for the next page; None: this was the last."""
    total: int | None = None
    """Not counted."""


class VendorList(msgspec.Struct, frozen=True):
    """One page of vendors, by name."""

    items: list[Vendor]
    next_cursor: str | None
    """Give it as `cursor` for the next page; None: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/tags", operation_id="listTags", access=Access.PUBLIC, tags=["Catalogue"], summary="Tags, by name",
    responses=refuses("cursor_unknown", "invalid", "unavailable"),
)  # fmt: skip
async def list_tags(
    request: StrictRequest, house: House, limit: PageSize = 20, place: Place = None
) -> Response[TagList]:
    """Words that products of different categories have in common."""
    return await _page(request, house, cache.TAGS, browse.tags, TagList, limit, place)


@get(
    "/vendors", operation_id="listVendors", access=Access.PUBLIC, tags=["Catalogue"], summary="Vendors, by name",
    responses=refuses("cursor_unknown", "invalid", "unavailable"),
)  # fmt: skip
async def list_vendors(
    request: StrictRequest, house: House, limit: PageSize = 20, place: Place = None
) -> Response[VendorList]:
    """Who makes or sells what is on the shelves."""
    return await _page(request, house, cache.VENDORS, browse.vendors, VendorList, limit, place)


@get(
    "/vendors/{slug:str}", operation_id="readVendor", access=Access.PUBLIC, tags=["Catalogue"], summary="A vendor",
    responses=refuses("vendor_not_found", "unavailable"),
)  # fmt: skip
async def read_vendor(request: StrictRequest, house: House, slug: Slug) -> Response[Vendor]:
    """What it sells: `/products?vendor=`."""

    async def make() -> bytes:
        found = await browse.vendor(house.database, slug)
        if found is None:
            raise Refusal("vendor_not_found", f"There is no vendor {slug!r}.", slug=slug)
        return msgspec.json.encode(found)

    return await published(request, house, cache.vendor(slug), (cache.VENDORS,), make)


async def _page(
    request: StrictRequest,
    house: House,
    word: str,
    read: Callable[[Database, int, UUID | None], Awaitable[list[tuple[UUID, T]]]],
    kind: Callable[[list[T], str | None], Any],
    limit: int,
    place: str | None,
) -> Response[Any]:
    key = house.settings.secret_key
    after = cursor.read_rank(key, place, word, int).id if place else None

    async def make() -> bytes:
        found = await read(house.database, limit + 1, after)
        more = cursor.write_rank(key, Rank(0, found[limit - 1][0]), word) if len(found) > limit else None
        return msgspec.json.encode(kind([item for _, item in found[:limit]], more))

    return await published(request, house, cache.names(word, limit, place), (word,), make)


handlers = [list_tags, list_vendors, read_vendor]
