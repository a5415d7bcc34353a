"""Variants: what is actually sold, at which prices. Each belongs to its product for ever."""

from typing import Annotated

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from api import pages
from api.admin.changes import WhyAsked, differences, write_down, write_down_move
from api.admin.product_terms import VariantChange, VariantOfProduct, VariantSomewhere
from api.admin.products import locked as locked_product
from api.admin.products import unknown as unknown_product
from api.admin.refusals import staff_refuses
from api.admin.shelving import Archived, SlugInPath
from api.context import Caller, House, IdempotencyKey, Identity, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.records import SLUG, VariantRecord
from models.roles import Scope
from models.tables import variant as variants
from models.tables.product import records as products
from models.tables.variant import Shelved

SkuInPath = Annotated[str, PathParameter(max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Words = Annotated[
    str | None,
    QueryParameter(
        name="q", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Part of the SKU or of the product's name; case does not matter",
    ),
]  # fmt: skip
OfProduct = Annotated[str | None, QueryParameter(name="product", pattern=SLUG, description="`slug` of a product")]


class VariantRecordList(msgspec.Struct, frozen=True):
    """One page of variants, newest first."""

    items: list[VariantRecord]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/variants", operation_id="listVariants", access=Scope.CATALOGUE_READ, tags=["Staff"], summary="Variants",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_variants(
    house: House,
    words: Words = None,
    product: OfProduct = None,
    archived: Archived = False,
    limit: PageSize = 20,
    place: Place = None,
) -> VariantRecordList:
    """Those that are not archived, newest first, with prices and stock. Filters add up."""
    return await _page(house, words, product, archived, limit, place)


@get(
    "/admin/products/{slug:str}/variants", operation_id="listProductVariants", access=Scope.CATALOGUE_READ,
    tags=["Staff"], summary="Variants of a product",
    responses=staff_refuses("product_not_found", "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_product_variants(
    house: House, slug: SlugInPath, archived: Archived = False, limit: PageSize = 20, place: Place = None
) -> VariantRecordList:
    """Those that are not archived, newest first. In their order: with the product itself."""
    found = await _page(house, None, slug, archived, limit, place)
    if not found.items and await products.find(house.database, slug) is None:
        raise unknown_product(slug)
    return found


@post(
    "/admin/variants", operation_id="createVariant", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="New variant",
    responses=staff_refuses("product_not_found", "archived", "sku_taken", "variants_alike", "variants_full",
                            "options_mismatch", "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def create_variant(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[VariantSomewhere],
    idempotency: IdempotencyKey = None,
) -> VariantRecord:  # fmt: skip
    """Behind those that its product has. SKUs are given once for ever: an archived variant keeps its own."""
    scope = scope_of(request, caller, "POST /admin/variants")
    return await _made(house, caller, scope, data.product, data, idempotency)


@post(
    "/admin/products/{slug:str}/variants", operation_id="createProductVariant", access=Scope.CATALOGUE_WRITE,
    tags=["Staff"], summary="New variant of a product",
    responses=staff_refuses("product_not_found", "archived", "sku_taken", "variants_alike", "variants_full",
                            "options_mismatch", "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def create_product_variant(
    request: StrictRequest, house: House, caller: Caller, slug: SlugInPath, data: JSONBody[VariantOfProduct],
    idempotency: IdempotencyKey = None,
) -> VariantRecord:  # fmt: skip
    """Behind those that it has. SKUs are given once for ever: an archived variant keeps its own."""
    scope = scope_of(request, caller, f"POST /admin/products/{slug}/variants")
    return await _made(house, caller, scope, slug, data, idempotency)


@get(
    "/admin/variants/{sku:str}", operation_id="readVariant", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="A variant",
    responses=staff_refuses("variant_not_found"),
)  # fmt: skip
async def read_variant(house: House, sku: SkuInPath) -> VariantRecord:
    """Also when it is archived."""
    found = await variants.find(house.database, sku)
    if found is None:
        raise _unknown(sku)
    return found


@patch(
    "/admin/variants/{sku:str}", operation_id="changeVariant", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Change a variant",
    responses=staff_refuses("variant_not_found", "archived", "variants_alike", "options_mismatch", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def change_variant(house: House, caller: Caller, sku: SkuInPath, data: JSONBody[VariantChange]) -> VariantRecord:
    """Prices count from now on: carts say what changed, placed orders keep what they were placed at."""
    wanted = data.wanted()
    async with house.database.writing() as writer:
        shelved = await _locked(writer, sku)
        was = shelved.record
        _must_be_in_use(shelved)
        if differences(was, msgspec.structs.replace(was, **wanted)) is None:
            return was
        now = await variants.change(writer, shelved, wanted)
        changed = differences(was, now)
        if changed is not None:  # the last of all may be told to go behind itself
            before, after = changed
            await write_down(writer, caller, "variant.change", sku, before=before, after=after, reason=data.reason)
    return now


@delete(
    "/admin/variants/{sku:str}", operation_id="archiveVariant", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Take a variant off sale",
    responses=staff_refuses("variant_not_found", "invalid"),
)  # fmt: skip
async def archive_variant(house: House, caller: Caller, sku: SkuInPath, reason: WhyAsked = None) -> Response[None]:
    """Carts say so, placed orders go on. Once it is archived, doing so again changes nothing."""
    async with house.database.writing() as writer:
        shelved = await _locked(writer, sku)
        if shelved.record.archived_at is None:
            now = await variants.archive(writer, shelved)
            await write_down_move(writer, caller, "variant.archive", sku, shelved.record, now, reason)
    return Response(None, status_code=204)


@post(
    "/admin/variants/{sku:str}/restore", operation_id="restoreVariant", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Put an archived variant on sale again", status_code=200,
    responses=staff_refuses("variant_not_found", "archived", "variants_alike", "variants_full", "options_mismatch",
                            "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def restore_variant(
    request: StrictRequest, house: House, caller: Caller, sku: SkuInPath, reason: WhyAsked = None,
    idempotency: IdempotencyKey = None,
) -> VariantRecord:  # fmt: skip
    """At the prices it had, behind the others; it must fit the product's options of now. One on sale stays so."""

    async def restore(writer: Writer) -> VariantRecord:
        shelved = await _locked(writer, sku)
        if shelved.record.archived_at is None:
            return shelved.record
        if shelved.product_archived:
            raise _product_archived(shelved.record.product)
        now = await variants.restore(writer, shelved)
        await write_down_move(writer, caller, "variant.restore", sku, shelved.record, now, reason)
        return now

    scope = scope_of(request, caller, f"POST /admin/variants/{sku}/restore")
    return await once(house, scope, idempotency_key(idempotency), reason, VariantRecord, restore)


async def _page(
    house: House, words: str | None, product: str | None, archived: bool, limit: int, place: str | None
) -> VariantRecordList:
    after = pages.begin(house, place)
    found = await variants.listed(house.database, limit + 1, after, archived, words, product)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last[1].created_at, last[0]))
    return VariantRecordList([variant for _, variant in items], more)


async def _made(
    house: House, caller: Identity, scope: str, slug: str, data: VariantOfProduct, key: str | None
) -> VariantRecord:
    async def create(writer: Writer) -> VariantRecord:
        id, product = await locked_product(writer, slug)
        if product.archived_at is not None:
            raise _product_archived(slug)
        await variants.insert(writer, id, product.options, [data.row()], str(caller.account))
        await products.change(writer, slug, {})
        made = await variants.read(writer, data.sku)
        await write_down(writer, caller, "variant.create", data.sku, after=made, reason=data.reason)
        return made

    return await once(house, scope, idempotency_key(key), data, VariantRecord, create)


async def _locked(writer: Writer, sku: str) -> Shelved:
    found = await variants.lock(writer, sku)
    if found is None:
        raise _unknown(sku)
    return found


def _must_be_in_use(shelved: Shelved) -> None:
    if shelved.product_archived:
        raise _product_archived(shelved.record.product)
    if shelved.record.archived_at is not None:
        raise Refusal("archived", "This variant is archived: restore it first.")


def _product_archived(slug: str) -> Refusal:
    return Refusal("archived", f"The product {slug!r} is archived: restore it first.", products=[slug])


def _unknown(sku: str) -> Refusal:
    return Refusal("variant_not_found", f"There is no variant {sku!r}.", sku=sku)


handlers = [
    list_variants, list_product_variants, create_variant, create_product_variant, read_variant, change_variant,
    archive_variant, restore_variant,
]  # fmt: skip
