"""Pictures of products: a list on the product's row, of which each variant may name some."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from models.database import Reader, Writer
from models.gallery import KeptImage, ProductImage
from models.ids import ProductId
from models.tables.base import as_json, plain_uuid

_PRODUCT = "SELECT id, images::text, archived_at IS NOT NULL AS archived FROM products WHERE slug = $1"
_VARIANTS = "SELECT sku, images::text FROM variants WHERE product_id = $1 ORDER BY position, sku"
_images = msgspec.json.Decoder(list[KeptImage]).decode
_ids = msgspec.json.Decoder(list[UUID]).decode


class Gallery(msgspec.Struct, frozen=True):
    """All pictures of one product, the primary one first, and which of its variants each shows."""

    product: ProductId
    archived: bool
    images: list[KeptImage]
    shown_by: dict[str, list[UUID]]
    """By SKU of every variant, in the order in which it shows them."""

    def told(self) -> list[ProductImage]:
        """As staff see them."""
        return [
            ProductImage(
                image.key, position, image.url, image.alt, image.width, image.height, image.sizes,
                [sku for sku, ids in self.shown_by.items() if image.key in ids],
            )
            for position, image in enumerate(self.images)
        ]  # fmt: skip


async def find(reader: Reader, slug: str) -> Gallery | None:
    """A product's pictures, also an archived one's; None: there is no such product."""
    return await _gallery(reader, _PRODUCT, slug)


async def lock(writer: Writer, slug: str) -> Gallery | None:
    """The same, and nobody else changes them to the end of the transaction."""
    return await _gallery(writer, f"{_PRODUCT} FOR NO KEY UPDATE", slug)


async def keep(writer: Writer, gallery: Gallery, images: Sequence[KeptImage]) -> None:
    """Give a locked product these pictures, in this order; its variants forget those that are gone."""
    stays = {image.key for image in images}
    for sku, ids in gallery.shown_by.items():
        if not stays.issuperset(ids):
            await show(writer, gallery, sku, [each for each in ids if each in stays])
    rows = [msgspec.structs.replace(image, id=image.key) for image in images]
    await writer.exec_driver_sql(
        "UPDATE products SET images = $2::jsonb, updated_at = now() WHERE id = $1", (gallery.product, as_json(rows))
    )


async def show(writer: Writer, gallery: Gallery, sku: str, ids: Sequence[UUID]) -> None:
    """Let a variant of a locked product show these of its pictures."""
    await writer.exec_driver_sql(
        "UPDATE variants SET images = $3::jsonb WHERE product_id = $1 AND sku = $2",
        (gallery.product, sku, as_json(list(ids))),
    )


async def _gallery(reader: Reader, query: str, slug: str) -> Gallery | None:
    row = (await reader.exec_driver_sql(query, (slug,))).one_or_none()
    if row is None:
        return None
    product = ProductId(plain_uuid(row.id))
    variants = await reader.exec_driver_sql(_VARIANTS, (product,))
    shown_by = {variant.sku: _ids(variant.images) for variant in variants}
    return Gallery(product, row.archived, _images(row.images), shown_by)
