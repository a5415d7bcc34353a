"""Vendors: who makes or sells what is on the shelves."""

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody

from api import pages
from api.admin.changes import Reason, WhyAsked, differences, said, write_down, write_down_move
from api.admin.refusals import staff_refuses
from api.admin.shelving import Archived, SlugInPath, Words
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models.address import Text
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.records import Prose, Slug, VendorRecord
from models.roles import Scope
from models.tables.vendor import records


class NewVendor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who makes or sells products."""

    slug: Slug
    name: Text
    description: Prose = ""
    reason: Reason | None = None


class VendorChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. The slug always does: it is part of addresses."""

    name: Text | msgspec.UnsetType = msgspec.UNSET
    description: Prose | msgspec.UnsetType = msgspec.UNSET
    reason: Reason | None = None


class VendorRecordList(msgspec.Struct, frozen=True):
    """One page of vendors, newest first."""

    items: list[VendorRecord]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/vendors", operation_id="listVendorRecords", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="Vendors, for staff",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_vendors(
    house: House, words: Words = None, archived: Archived = False, limit: PageSize = 20, place: Place = None
) -> VendorRecordList:
    """Those in use, newest first."""
    wanted = [records.has(words)] if words else []
    found = await records.listed(house.database, limit + 1, pages.begin(house, place), archived, *wanted)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last[1].created_at, last[0]))
    return VendorRecordList([vendor for _, vendor in items], more)


@post(
    "/admin/vendors", operation_id="createVendor", access=Scope.CATALOGUE_WRITE, tags=["Staff"], summary="New vendor",
    responses=staff_refuses("slug_taken", "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def create_vendor(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewVendor], idempotency: IdempotencyKey = None
) -> VendorRecord:
    """Slugs are given once for ever: an archived vendor keeps its own."""

    async def create(writer: Writer) -> VendorRecord:
        await records.insert(writer, data.slug, {"name": data.name, "description": data.description})
        made = await records.read(writer, data.slug)
        await write_down(writer, caller, "vendor.create", made.slug, after=made, reason=data.reason)
        return made

    scope = scope_of(request, caller, "POST /admin/vendors")
    return await once(house, scope, idempotency_key(idempotency), data, VendorRecord, create)


@get(
    "/admin/vendors/{slug:str}", operation_id="readVendorRecord", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="A vendor, for staff",
    responses=staff_refuses("vendor_not_found"),
)  # fmt: skip
async def read_vendor(house: House, slug: SlugInPath) -> VendorRecord:
    """Also when it is archived."""
    found = await records.find(house.database, slug)
    if found is None:
        raise _unknown(slug)
    return found


@patch(
    "/admin/vendors/{slug:str}", operation_id="changeVendor", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Change a vendor",
    responses=staff_refuses("vendor_not_found", "archived", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_vendor(house: House, caller: Caller, slug: SlugInPath, data: JSONBody[VendorChange]) -> VendorRecord:
    """Shown with all its products."""
    async with house.database.writing() as writer:
        was = await _locked(writer, slug)
        if was.archived_at is not None:
            raise Refusal("archived", "This vendor is archived: restore it first.")
        changed = differences(was, now := msgspec.structs.replace(was, **said(data)))
        if changed is not None:
            before, after = changed
            now = await records.change(writer, slug, after)
            await write_down(writer, caller, "vendor.change", slug, before=before, after=after, reason=data.reason)
    return now


@delete(
    "/admin/vendors/{slug:str}", operation_id="archiveVendor", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Archive a vendor",
    responses=staff_refuses("vendor_not_found", "invalid"),
)  # fmt: skip
async def archive_vendor(house: House, caller: Caller, slug: SlugInPath, reason: WhyAsked = None) -> Response[None]:
    """It has no page any more, its products stay. Once it is archived, doing so again changes nothing."""
    async with house.database.writing() as writer:
        was = await _locked(writer, slug)
        if was.archived_at is None:
            now = await records.move(writer, slug, archived=True)
            await write_down_move(writer, caller, "vendor.archive", slug, was, now, reason)
    return Response(None, status_code=204)


@post(
    "/admin/vendors/{slug:str}/restore", operation_id="restoreVendor", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Use an archived vendor again", status_code=200,
    responses=staff_refuses("vendor_not_found", "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def restore_vendor(
    request: StrictRequest, house: House, caller: Caller, slug: SlugInPath, reason: WhyAsked = None,
    idempotency: IdempotencyKey = None,
) -> VendorRecord:  # fmt: skip
    """With the products that it had. One that is in use stays so."""

    async def restore(writer: Writer) -> VendorRecord:
        was = await _locked(writer, slug)
        if was.archived_at is None:
            return was
        now = await records.move(writer, slug, archived=False)
        await write_down_move(writer, caller, "vendor.restore", slug, was, now, reason)
        return now

    scope = scope_of(request, caller, f"POST /admin/vendors/{slug}/restore")
    return await once(house, scope, idempotency_key(idempotency), reason, VendorRecord, restore)


async def _locked(writer: Writer, slug: str) -> VendorRecord:
    found = await records.lock(writer, slug)
    if found is None:
        raise _unknown(slug)
    return found


def _unknown(slug: str) -> Refusal:
    return Refusal("vendor_not_found", f"There is no vendor {slug!r}.", slug=slug)


handlers = [list_vendors, create_vendor, read_vendor, change_vendor, archive_vendor, restore_vendor]
