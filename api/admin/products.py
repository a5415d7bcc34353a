"""Products: staff put them on the shelves, change them, and take them off; what orders refer to is never deleted."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter

from api import pages
from api.admin.changes import WhyAsked, differences, write_down, write_down_move
from api.admin.product_terms import NewProduct, ProductChange
from api.admin.refusals import staff_refuses
from api.admin.shelving import Archived, SlugInPath
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.records import SLUG, ProductRecord, ProductSheet
from models.roles import Scope
from models.tables import product as products
from models.tables.product import records

Words = Annotated[
    str | None,
    QueryParameter(
        name="q", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Part of the slug, of the name, or of a variant's SKU; case does not matter",
    ),
]  # fmt: skip
InCategory = Annotated[
    str | None,
    QueryParameter(name="category", pattern=SLUG, description="`slug` of a category; those below it count in"),
]
OfVendor = Annotated[str | None, QueryParameter(name="vendor", pattern=SLUG, description="`slug` of a vendor")]
Tagged = Annotated[str | None, QueryParameter(name="tag", pattern=SLUG, description="`slug` of a tag")]
Featured = Annotated[bool | None, QueryParameter(description="Only those that are featured, or only the others")]


class ProductRecordList(msgspec.Struct, frozen=True):
    """One page of products, newest first."""

    items: list[ProductRecord]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/products", operation_id="listProductRecords", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="Products, for staff",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_products(
    house: House,
    words: Words = None,
    category: InCategory = None,
    vendor: OfVendor = None,
    tag: Tagged = None,
    featured: Featured = None,
    archived: Archived = False,
    limit: PageSize = 20,
    place: Place = None,
) -> ProductRecordList:
    """Those that are not archived, newest first, also what no shopper sees yet. Filters add up."""
    wanted = [
        *([products.called(words)] if words else []),
        *([products.in_category(category)] if category else []),
        *([products.of_vendor(vendor)] if vendor else []),
        *([products.tagged(tag)] if tag else []),
        *([products.is_featured(featured)] if featured is not None else []),
    ]
    found = await records.listed(house.database, limit + 1, pages.begin(house, place), archived, *wanted)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last[1].created_at, last[0]))
    return ProductRecordList([product for _, product in items], more)


@post(
    "/admin/products", operation_id="createProduct", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="New product",
    responses=staff_refuses("slug_taken", "sku_taken", "archived", "variants_alike", "category_unknown",
                            "vendor_unknown", "tag_unknown", "options_mismatch", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def create_product(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewProduct], idempotency: IdempotencyKey = None
) -> ProductSheet:
    """With its variants, their prices and first units, all or nothing. On sale at once, as far as it is priced."""

    async def create(writer: Writer) -> ProductSheet:
        new = [variant.row() for variant in data.variants]
        made = await products.create(writer, data.slug, data.values(), new, str(caller.account))
        await write_down(writer, caller, "product.create", data.slug, after=made, reason=data.reason)
        return made

    scope = scope_of(request, caller, "POST /admin/products")
    return await once(house, scope, idempotency_key(idempotency), data, ProductSheet, create)


@get(
    "/admin/products/{slug:str}", operation_id="readProductRecord", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="A product, for staff",
    responses=staff_refuses("product_not_found"),
)  # fmt: skip
async def read_product(house: House, slug: SlugInPath) -> ProductSheet:
    """With all its variants, also when it is archived."""
    found = await products.find(house.database, slug)
    if found is None:
        raise unknown(slug)
    return found


@patch(
    "/admin/products/{slug:str}", operation_id="changeProduct", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Change a product",
    responses=staff_refuses("product_not_found", "archived", "variants_alike", "category_unknown", "vendor_unknown",
                            "tag_unknown", "options_mismatch", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_product(house: House, caller: Caller, slug: SlugInPath, data: JSONBody[ProductChange]) -> ProductSheet:
    """For shoppers from now on; placed orders keep the words they were placed with."""
    wanted = data.wanted()
    async with house.database.writing() as writer:
        product, was = await locked(writer, slug)
        if was.archived_at is not None:
            raise Refusal("archived", "This product is archived: restore it first.")
        changed = differences(was, msgspec.structs.replace(was, **wanted))
        if changed is not None:
            before, after = changed
            await products.change(writer, product, was, {name: wanted[name] for name in after})
            await write_down(writer, caller, "product.change", slug, before=before, after=after, reason=data.reason)
        return await products.read(writer, slug)


@delete(
    "/admin/products/{slug:str}", operation_id="archiveProduct", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Take a product off sale",
    responses=staff_refuses("product_not_found", "invalid"),
)  # fmt: skip
async def archive_product(house: House, caller: Caller, slug: SlugInPath, reason: WhyAsked = None) -> Response[None]:
    """With all its variants. Carts say so, placed orders go on. Once it is archived, doing so again changes nothing."""
    async with house.database.writing() as writer:
        _, was = await locked(writer, slug)
        if was.archived_at is None:
            now = await records.move(writer, slug, archived=True)
            await write_down_move(writer, caller, "product.archive", slug, was, now, reason)
    return Response(None, status_code=204)


@post(
    "/admin/products/{slug:str}/restore", operation_id="restoreProduct", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Put an archived product on sale again", status_code=200,
    responses=staff_refuses("product_not_found", "archived", "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def restore_product(
    request: StrictRequest, house: House, caller: Caller, slug: SlugInPath, reason: WhyAsked = None,
    idempotency: IdempotencyKey = None,
) -> ProductSheet:  # fmt: skip
    """As it was, unless its category is archived. One that is on sale stays so."""

    async def restore(writer: Writer) -> ProductSheet:
        _, was = await locked(writer, slug)
        if was.archived_at is not None:
            now = await products.restore(writer, was)
            await write_down_move(writer, caller, "product.restore", slug, was, now, reason)
        return await products.read(writer, slug)

    scope = scope_of(request, caller, f"POST /admin/products/{slug}/restore")
    return await once(house, scope, idempotency_key(idempotency), reason, ProductSheet, restore)


async def locked(writer: Writer, slug: str) -> tuple[UUID, ProductRecord]:
    """A product of which nobody else changes anything to the end. Raises: Refusal `product_not_found`."""
    found = await records.lock_with_id(writer, slug)
    if found is None:
        raise unknown(slug)
    return found


def unknown(slug: str) -> Refusal:
    """There is none of this name."""
    return Refusal("product_not_found", f"There is no product {slug!r}.", slug=slug)


handlers = [list_products, create_product, read_product, change_product, archive_product, restore_product]
