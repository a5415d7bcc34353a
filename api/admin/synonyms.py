"""Synonyms: terms of which each finds what the others find."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from api import pages
from api.admin.changes import Reason, WhyAsked, write_down
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.roles import Scope
from models.search.text import words
from models.tables import search_synonym as synonyms
from models.tables.search_synonym import Synonyms

LONGEST_TERM = 3
"""Words."""
Term = Annotated[
    str, msgspec.Meta(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)", examples=["french press"])
]
Terms = Annotated[list[Term], msgspec.Meta(min_length=2, max_length=20, description="Of one to three words each")]


class NewSynonyms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Terms that mean the same."""

    terms: Terms
    reason: Reason | None = None

    def __post_init__(self) -> None:
        check(self.terms)


class SynonymsChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What they are from now on."""

    terms: Terms
    reason: Reason | None = None

    def __post_init__(self) -> None:
        check(self.terms)


class SynonymsList(msgspec.Struct, frozen=True):
    """One page of groups, newest first."""

    items: list[Synonyms]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


def check(terms: list[str]) -> None:
    """Raises: ValueError for a term that is no words, too many, or there twice."""
    compared = [tuple(words(term)) for term in terms]
    if not all(1 <= len(term) <= LONGEST_TERM for term in compared):
        raise ValueError(f"each term must have one to {LONGEST_TERM} words of letters or digits")
    if len(set(compared)) < len(compared):
        raise ValueError("the same term is there twice: case and accents do not count")


@get(
    "/admin/search/synonyms", operation_id="listSynonyms", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="Synonyms of searches",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_synonyms(house: House, limit: PageSize = 20, place: Place = None) -> SynonymsList:
    """Newest first."""
    found = await synonyms.listed(house.database, limit + 1, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return SynonymsList(items, more)


@post(
    "/admin/search/synonyms", operation_id="createSynonyms", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="New synonyms",
    responses=staff_refuses("synonyms_full", "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def create_synonyms(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewSynonyms],
    idempotency: IdempotencyKey = None,
) -> Synonyms:  # fmt: skip
    """Searches follow within seconds."""

    async def create(writer: Writer) -> Synonyms:
        made = await synonyms.create(writer, data.terms)
        await write_down(writer, caller, "synonyms.create", made.id, after=made, reason=data.reason)
        return made

    scope = scope_of(request, caller, "POST /admin/search/synonyms")
    return await once(house, scope, idempotency_key(idempotency), data, Synonyms, create)


@get(
    "/admin/search/synonyms/{group_id:uuid}", operation_id="readSynonyms", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="A group of synonyms",
    responses=staff_refuses("synonyms_not_found"),
)  # fmt: skip
async def read_synonyms(house: House, group_id: FromPath[UUID]) -> Synonyms:
    """With all its terms."""
    async with house.database.reading() as reader:
        found = await synonyms.find(reader, group_id)
    if found is None:
        raise _unknown()
    return found


@patch(
    "/admin/search/synonyms/{group_id:uuid}", operation_id="changeSynonyms", access=Scope.CATALOGUE_WRITE,
    tags=["Staff"], summary="Change a group of synonyms",
    responses=staff_refuses("synonyms_not_found", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_synonyms(
    house: House, caller: Caller, group_id: FromPath[UUID], data: JSONBody[SynonymsChange]
) -> Synonyms:
    """Searches follow within seconds."""
    async with house.database.writing() as writer:
        was = await synonyms.find(writer, group_id, lock=True)
        if was is None:
            raise _unknown()
        now = msgspec.structs.replace(was, terms=data.terms)
        if now != was:
            await synonyms.change(writer, group_id, data.terms)
            await write_down(
                writer, caller, "synonyms.change", group_id, before={"terms": was.terms}, after={"terms": now.terms},
                reason=data.reason,
            )  # fmt: skip
    return now


@delete(
    "/admin/search/synonyms/{group_id:uuid}", operation_id="removeSynonyms", access=Scope.CATALOGUE_WRITE,
    tags=["Staff"], summary="Remove a group of synonyms",
    responses=staff_refuses("synonyms_not_found", "invalid"),
)  # fmt: skip
async def remove_synonyms(
    house: House, caller: Caller, group_id: FromPath[UUID], reason: WhyAsked = None
) -> Response[None]:
    """They mean the same no longer."""
    async with house.database.writing() as writer:
        was = await synonyms.find(writer, group_id, lock=True)
        if was is None:
            raise _unknown()
        await synonyms.remove(writer, group_id)
        await write_down(writer, caller, "synonyms.remove", group_id, before=was, reason=reason)
    return Response(None, status_code=204)


def _unknown() -> Refusal:
    return Refusal("synonyms_not_found", "There is no such group of synonyms.")


handlers = [list_synonyms, create_synonyms, read_synonyms, change_synonyms, remove_synonyms]
