"""Categories: how the shop is divided, as a tree that staff grow, move and prune."""

from typing import Annotated

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from msgspec import UNSET, Meta, UnsetType

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
from models.records import SLUG, CategoryRecord, Prose, Slug
from models.roles import Scope
from models.tables import category_tree as tree
from models.tables.category import below, records

Position = Annotated[
    int, Meta(ge=0, le=10**6, description="Place among those of the same parent, from 0; too high: the last")
]
Below = Annotated[
    str | None,
    QueryParameter(name="below", pattern=SLUG, description="`slug` of a category: what stands in it, at any depth"),
]


class NewCategory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A category of products and of other categories."""

    slug: Slug
    name: Text
    """As shoppers read it."""
    description: Prose = ""
    parent: Slug | None = None
    """What it stands in; left out: outermost."""
    position: Position | None = None
    """Left out: behind the others of its parent."""
    reason: Reason | None = None


class CategoryChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. The slug always does: it is part of addresses."""

    name: Text | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    parent: Slug | UnsetType | None = UNSET
    """Null: outermost. Everything below it comes along."""
    position: Position | UnsetType = UNSET
    """With another `parent` and left out: behind the others there."""
    reason: Reason | None = None


class CategoryRecordList(msgspec.Struct, frozen=True):
    """One page of categories, newest first."""

    items: list[CategoryRecord]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/categories", operation_id="listCategoryRecords", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="Categories, for staff",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_categories(
    house: House,
    words: Words = None,
    of: Below = None,
    archived: Archived = False,
    limit: PageSize = 20,
    place: Place = None,
) -> CategoryRecordList:
    """Those in use, newest first. Filters add up. As a tree: `GET /categories`."""
    wanted = ([records.has(words)] if words else []) + ([below(of)] if of else [])
    found = await records.listed(house.database, limit + 1, pages.begin(house, place), archived, *wanted)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last[1].created_at, last[0]))
    return CategoryRecordList([category for _, category in items], more)


@post(
    "/admin/categories", operation_id="createCategory", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="New category",
    responses=staff_refuses("slug_taken", "category_unknown", "category_too_deep", "archived",
                            "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def create_category(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewCategory],
    idempotency: IdempotencyKey = None,
) -> CategoryRecord:  # fmt: skip
    """Slugs are given once for ever: an archived category keeps its own."""

    async def create(writer: Writer) -> CategoryRecord:
        made = await tree.create(writer, data.slug, data.name, data.description, data.parent, data.position)
        await write_down(writer, caller, "category.create", made.slug, after=made, reason=data.reason)
        return made

    scope = scope_of(request, caller, "POST /admin/categories")
    return await once(house, scope, idempotency_key(idempotency), data, CategoryRecord, create)


@get(
    "/admin/categories/{slug:str}", operation_id="readCategoryRecord", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="A category, for staff",
    responses=staff_refuses("category_not_found"),
)  # fmt: skip
async def read_category(house: House, slug: SlugInPath) -> CategoryRecord:
    """Also when it is archived."""
    found = await records.find(house.database, slug)
    if found is None:
        raise _unknown(slug)
    return found


@patch(
    "/admin/categories/{slug:str}", operation_id="changeCategory", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Change or move a category",
    responses=staff_refuses("category_not_found", "archived", "category_cycle", "category_unknown",
                            "category_too_deep", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_category(
    house: House, caller: Caller, slug: SlugInPath, data: JSONBody[CategoryChange]
) -> CategoryRecord:
    """Its place too: in another category, or in another order. What stands in it comes along."""
    async with house.database.writing() as writer:
        was = await _locked(writer, slug)
        if was.archived_at is not None:
            raise Refusal("archived", "This category is archived: restore it first.")
        now = await tree.change(writer, was, said(data))
        changed = differences(was, now)
        if changed is not None:
            before, after = changed
            await write_down(writer, caller, "category.change", slug, before=before, after=after, reason=data.reason)
    return now


@delete(
    "/admin/categories/{slug:str}", operation_id="archiveCategory", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Archive a category",
    responses=staff_refuses("category_not_found", "category_in_use", "invalid"),
)  # fmt: skip
async def archive_category(house: House, caller: Caller, slug: SlugInPath, reason: WhyAsked = None) -> Response[None]:
    """Only when all that stands in it is archived too. Once it is archived, doing so again changes nothing."""
    async with house.database.writing() as writer:
        was = await _locked(writer, slug)
        if was.archived_at is None:
            now = await tree.archive(writer, was)
            await write_down_move(writer, caller, "category.archive", slug, was, now, reason)
    return Response(None, status_code=204)


@post(
    "/admin/categories/{slug:str}/restore", operation_id="restoreCategory", access=Scope.CATALOGUE_WRITE,
    tags=["Staff"], summary="Use an archived category again", status_code=200,
    responses=staff_refuses("category_not_found", "archived", "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def restore_category(
    request: StrictRequest, house: House, caller: Caller, slug: SlugInPath, reason: WhyAsked = None,
    idempotency: IdempotencyKey = None,
) -> CategoryRecord:  # fmt: skip
    """Where it stood, behind the others there. One that is in use stays so."""

    async def restore(writer: Writer) -> CategoryRecord:
        was = await _locked(writer, slug)
        if was.archived_at is None:
            return was
        now = await tree.restore(writer, was)
        await write_down_move(writer, caller, "category.restore", slug, was, now, reason)
        return now

    scope = scope_of(request, caller, f"POST /admin/categories/{slug}/restore")
    return await once(house, scope, idempotency_key(idempotency), reason, CategoryRecord, restore)


async def _locked(writer: Writer, slug: str) -> CategoryRecord:
    found = await tree.lock(writer, slug)
    if found is None:
        raise _unknown(slug)
    return found


def _unknown(slug: str) -> Refusal:
    return Refusal("category_not_found", f"There is no category {slug!r}.", slug=slug)


handlers = [list_categories, create_category, read_category, change_category, archive_category, restore_category]
