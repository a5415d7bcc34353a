"""Locations: where goods lie and are sent from."""

from typing import Annotated

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody

from api import pages
from api.admin.changes import Reason, WhyAsked, differences, said, write_down, write_down_move
from api.admin.refusals import staff_refuses
from api.admin.shelving import Archived, SlugInPath
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models.address import Country, PostalCode, Region, Text, must_exist
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.ids import LocationId
from models.records import Slug
from models.roles import Scope
from models.stock import LocationRecord, Priority
from models.tables import location as locations

Code = Annotated[Slug, msgspec.Meta(examples=["berlin"])]


class NewLocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A warehouse, or a shop that sends."""

    code: Code
    name: Text
    country: Country | None = None
    region: Region | None = None
    """As addresses say it."""
    postal_code: PostalCode | None = None
    priority: Priority = 100
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if self.country is not None:
            must_exist(self.country)


class LocationChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays, null clears. The code stays: files and people call it so."""

    name: Text | msgspec.UnsetType = msgspec.UNSET
    country: Country | msgspec.UnsetType | None = msgspec.UNSET
    region: Region | msgspec.UnsetType | None = msgspec.UNSET
    postal_code: PostalCode | msgspec.UnsetType | None = msgspec.UNSET
    priority: Priority | msgspec.UnsetType = msgspec.UNSET
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if isinstance(self.country, str):
            must_exist(self.country)


class LocationList(msgspec.Struct, frozen=True):
    """One page of locations, newest first."""

    items: list[LocationRecord]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/locations", operation_id="listLocations", access=Scope.INVENTORY_READ, tags=["Staff"], summary="Locations",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_locations(
    house: House, archived: Archived = False, limit: PageSize = 20, place: Place = None
) -> LocationList:
    """Those in use, newest first. Every shop has `main`."""
    found = await locations.listed(house.database, limit + 1, pages.begin(house, place), archived)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last[1].created_at, last[0]))
    return LocationList([location for _, location in items], more)


@post(
    "/admin/locations", operation_id="createLocation", access=Scope.INVENTORY_WRITE, tags=["Staff"],
    summary="New location",
    responses=staff_refuses("code_taken", "locations_full", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def create_location(
    request: StrictRequest,
    house: House,
    caller: Caller,
    data: JSONBody[NewLocation],
    idempotency: IdempotencyKey = None,
) -> LocationRecord:
    """Empty at first: receive goods there, or transfer them."""

    async def create(writer: Writer) -> LocationRecord:
        values = {name: getattr(data, name) for name in ("name", "country", "region", "postal_code", "priority")}
        made = await locations.insert(writer, data.code, values)
        await write_down(writer, caller, "location.create", made.code, after=made, reason=data.reason)
        return made

    scope = scope_of(request, caller, "POST /admin/locations")
    return await once(house, scope, idempotency_key(idempotency), data, LocationRecord, create)


@get(
    "/admin/locations/{code:str}", operation_id="readLocation", access=Scope.INVENTORY_READ, tags=["Staff"],
    summary="A location",
    responses=staff_refuses("location_not_found"),
)  # fmt: skip
async def read_location(house: House, code: SlugInPath) -> LocationRecord:
    """Also when it is archived."""
    async with house.database.reading() as reader:
        found = await locations.find(reader, code)
    if found is None:
        raise _unknown(code)
    return found[1]


@patch(
    "/admin/locations/{code:str}", operation_id="changeLocation", access=Scope.INVENTORY_WRITE, tags=["Staff"],
    summary="Change a location",
    responses=staff_refuses("location_not_found", "archived", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_location(
    house: House, caller: Caller, code: SlugInPath, data: JSONBody[LocationChange]
) -> LocationRecord:
    """From the next order on; what is promised stays where it is."""
    async with house.database.writing() as writer:
        _, was = await _locked(writer, code)
        if was.archived_at is not None:
            raise Refusal("archived", "This location is archived: restore it first.")
        changed = differences(was, now := msgspec.structs.replace(was, **said(data)))
        if changed is not None:
            before, after = changed
            now = await locations.change(writer, code, after)
            await write_down(
                writer, caller, "location.change", code, before=before, after=after, reason=data.reason
            )  # fmt: skip
    return now


@delete(
    "/admin/locations/{code:str}", operation_id="archiveLocation", access=Scope.INVENTORY_WRITE, tags=["Staff"],
    summary="Use a location no more",
    responses=staff_refuses("location_not_found", "location_in_use", "invalid"),
)  # fmt: skip
async def archive_location(house: House, caller: Caller, code: SlugInPath, reason: WhyAsked = None) -> Response[None]:
    """Only when nothing lies there any more; `main` always stays. Doing so again changes nothing."""
    async with house.database.writing() as writer:
        id, was = await _locked(writer, code)
        if was.archived_at is None:
            now = await locations.archive(writer, id, code)
            await write_down_move(writer, caller, "location.archive", code, was, now, reason)
    return Response(None, status_code=204)


@post(
    "/admin/locations/{code:str}/restore", operation_id="restoreLocation", access=Scope.INVENTORY_WRITE,
    tags=["Staff"], summary="Use an archived location again", status_code=200,
    responses=staff_refuses("location_not_found", "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def restore_location(
    request: StrictRequest, house: House, caller: Caller, code: SlugInPath, reason: WhyAsked = None,
    idempotency: IdempotencyKey = None,
) -> LocationRecord:  # fmt: skip
    """Doing so again changes nothing."""

    async def restore(writer: Writer) -> LocationRecord:
        _, was = await _locked(writer, code)
        if was.archived_at is None:
            return was
        now = await locations.change(writer, code, {"archived_at": None})
        await write_down_move(writer, caller, "location.restore", code, was, now, reason)
        return now

    scope = scope_of(request, caller, f"POST /admin/locations/{code}/restore")
    return await once(house, scope, idempotency_key(idempotency), reason, LocationRecord, restore)


async def _locked(writer: Writer, code: str) -> tuple[LocationId, LocationRecord]:
    found = await locations.lock(writer, code)
    if found is None:
        raise _unknown(code)
    return found


def _unknown(code: str) -> Refusal:
    return Refusal("location_not_found", f"There is no location {code!r}.", code=code)


handlers = [list_locations, create_location, read_location, change_location, archive_location, restore_location]
