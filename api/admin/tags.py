"""Tags: words that products have in common across categories."""

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
from models.records import Slug, TagRecord
from models.roles import Scope
from models.tables.tag import move, records


class NewTag(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A word for products."""

    slug: Slug
    name: Text
    """As shoppers read it."""
    reason: Reason | None = None


class TagChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another name. The slug stays: it is part of addresses."""

    name: Text | msgspec.UnsetType = msgspec.UNSET
    reason: Reason | None = None


class TagRecordList(msgspec.Struct, frozen=True):
    """One page of tags, newest first."""

    items: list[TagRecord]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/tags", operation_id="listTagRecords", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="Tags, for staff",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_tags(
    house: House, words: Words = None, archived: Archived = False, limit: PageSize = 20, place: Place = None
) -> TagRecordList:
    """Those in use, newest first."""
    wanted = [records.has(words)] if words else []
    found = await records.listed(house.database, limit + 1, pages.begin(house, place), archived, *wanted)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last[1].created_at, last[0]))
    return TagRecordList([tag for _, tag in items], more)


@post(
    "/admin/tags", operation_id="createTag", access=Scope.CATALOGUE_WRITE, tags=["Staff"], summary="New tag",
    responses=staff_refuses("slug_taken", "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def create_tag(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewTag], idempotency: IdempotencyKey = None
) -> TagRecord:
    """Slugs are given once for ever: an archived tag keeps its own."""

    async def create(writer: Writer) -> TagRecord:
        await records.insert(writer, data.slug, {"name": data.name})
        made = await records.read(writer, data.slug)
        await write_down(writer, caller, "tag.create", made.slug, after=made, reason=data.reason)
        return made

    scope = scope_of(request, caller, "POST /admin/tags")
    return await once(house, scope, idempotency_key(idempotency), data, TagRecord, create)


@get(
    "/admin/tags/{slug:str}", operation_id="readTagRecord", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="A tag, for staff",
    responses=staff_refuses("tag_not_found"),
)  # fmt: skip
async def read_tag(house: House, slug: SlugInPath) -> TagRecord:
    """Also when it is archived."""
    found = await records.find(house.database, slug)
    if found is None:
        raise _unknown(slug)
    return found


@patch(
    "/admin/tags/{slug:str}", operation_id="changeTag", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Change a tag",
    responses=staff_refuses("tag_not_found", "archived", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_tag(house: House, caller: Caller, slug: SlugInPath, data: JSONBody[TagChange]) -> TagRecord:
    """Shown on all that have it."""
    async with house.database.writing() as writer:
        was = await _locked(writer, slug)
        if was.archived_at is not None:
            raise Refusal("archived", "This tag is archived: restore it first.")
        changed = differences(was, now := msgspec.structs.replace(was, **said(data)))
        if changed is not None:
            before, after = changed
            now = await records.change(writer, slug, after)
            await write_down(writer, caller, "tag.change", slug, before=before, after=after, reason=data.reason)
    return now


@delete(
    "/admin/tags/{slug:str}", operation_id="archiveTag", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Archive a tag",
    responses=staff_refuses("tag_not_found", "invalid"),
)  # fmt: skip
async def archive_tag(house: House, caller: Caller, slug: SlugInPath, reason: WhyAsked = None) -> Response[None]:
    """It is neither shown nor given any more. Once it is archived, doing so again changes nothing."""
    async with house.database.writing() as writer:
        was = await _locked(writer, slug)
        if was.archived_at is None:
            now = await move(writer, slug, archived=True)
            await write_down_move(writer, caller, "tag.archive", slug, was, now, reason)
    return Response(None, status_code=204)


@post(
    "/admin/tags/{slug:str}/restore", operation_id="restoreTag", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Use an archived tag again", status_code=200,
    responses=staff_refuses("tag_not_found", "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def restore_tag(
    request: StrictRequest, house: House, caller: Caller, slug: SlugInPath, reason: WhyAsked = None,
    idempotency: IdempotencyKey = None,
) -> TagRecord:  # fmt: skip
    """On the products that had it, and kept it. One that is in use stays so."""

    async def restore(writer: Writer) -> TagRecord:
        was = await _locked(writer, slug)
        if was.archived_at is None:
            return was
        now = await move(writer, slug, archived=False)
        await write_down_move(writer, caller, "tag.restore", slug, was, now, reason)
        return now

    scope = scope_of(request, caller, f"POST /admin/tags/{slug}/restore")
    return await once(house, scope, idempotency_key(idempotency), reason, TagRecord, restore)


async def _locked(writer: Writer, slug: str) -> TagRecord:
    found = await records.lock(writer, slug)
    if found is None:
        raise _unknown(slug)
    return found


def _unknown(slug: str) -> Refusal:
    return Refusal("tag_not_found", f"There is no tag {slug!r}.", slug=slug)


handlers = [list_tags, create_tag, read_tag, change_tag, archive_tag, restore_tag]
