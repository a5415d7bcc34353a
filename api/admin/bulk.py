"""What staff do to hundreds of products at once: all of it, or nothing and the list of what stood in the way."""

from typing import Annotated

import msgspec
from litestar import post
from litestar.params import JSONBody
from msgspec import UNSET, Meta, UnsetType

from api.admin.changes import Reason, said, write_down_all
from api.admin.product_terms import Tags
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.repeats import once, scope_of
from models.bulk import MOST_AT_ONCE, PriceShift, SaleOff
from models.database import Writer
from models.records import Slug
from models.roles import Scope
from models.tables import bulk

Products = Annotated[
    list[Slug], Meta(min_length=1, max_length=MOST_AT_ONCE, description="Slugs", examples=[["stone-mugs"]])
]


class BulkChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shall become of all these products; what is left out stays."""

    products: Products
    archived: bool | UnsetType = UNSET
    """True: off sale; false: on sale again."""
    category: Slug | UnsetType = UNSET
    vendor: Slug | UnsetType | None = UNSET
    """Null: the shop's own."""
    featured: bool | UnsetType = UNSET
    add_tags: Tags = []
    remove_tags: Tags = []
    prices: PriceShift | UnsetType = UNSET
    """By a percentage of what they are."""
    sale: SaleOff | UnsetType | None = UNSET
    """Of the new prices; null: no sale is planned any more."""
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if len(set(self.products)) < len(self.products):
            raise ValueError("a product is named twice")
        if set(self.add_tags) & set(self.remove_tags):
            raise ValueError("a tag is either added or removed")
        if not any(value != [] for name, value in said(self).items() if name != "products"):
            raise ValueError("say what shall be done")


class BulkChanged(msgspec.Struct, frozen=True):
    """What became of them, by slug."""

    changed: list[str]
    unchanged: list[str]
    """They were so already."""


@post(
    "/admin/products/bulk", operation_id="changeProducts", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Change many products at once", status_code=200,
    responses=staff_refuses("bulk_refused", "archived", "category_unknown", "vendor_unknown", "tag_unknown",
                            "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_products(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[BulkChange], idempotency: IdempotencyKey = None
) -> BulkChanged:
    """All or nothing: when one stands in the way, `facts.refused` tells of each such `product` its `code` and why.

    Prices are rounded half up to a minor unit. A sale that would not make a price lower leaves that price alone.
    """
    wanted = said(data)
    del wanted["products"]

    async def change(writer: Writer) -> BulkChanged:
        changed = await bulk.change(writer, data.products, wanted)
        told = [(each.slug, each.before, each.after) for each in changed]
        await write_down_all(writer, caller, "product.change", told, data.reason)
        names = {each.slug for each in changed}
        return BulkChanged([each.slug for each in changed], [slug for slug in data.products if slug not in names])

    scope = scope_of(request, caller, "POST /admin/products/bulk")
    return await once(house, scope, idempotency_key(idempotency), data, BulkChanged, change)


handlers = [change_products]
