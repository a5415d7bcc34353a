"""Pictures of products: staff send them in, put them in order, and say which variants they show."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, UnsetType

from api.admin.changes import Reason, WhyAsked, write_down
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.filters import Slug
from api.forms import file_of, form_body, read_form, text_of
from api.problems import FieldError, Invalid
from api.repeats import once, scope_of
from models.catalog import ImageSize
from models.database import Writer
from models.errors import Refusal
from models.gallery import MOST_IMAGES, KeptImage, ProductImage
from models.ids import new_id
from models.picture import KINDS, LARGEST_FILE, SUFFIX, Rendition
from models.roles import Scope
from models.storage import PUBLIC_PATH, named_after
from models.tables import gallery as galleries
from models.tables.gallery import Gallery

ALT = 200
"""Characters of the words that stand in for a picture."""
_FORM = form_body(
    f"A picture: {', '.join(KINDS)}, at most {LARGEST_FILE // 2**20} MB.", ["file"],
    file=Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream", description="The picture"),
    alt=Schema(type=OpenAPIType.STRING, max_length=ALT, pattern=r"^[^\x00-\x1f\x7f]*$",
               description="The words that stand in for it", examples=["A stoneware mug, sand"]),
    primary=Schema(type=OpenAPIType.STRING, enum=["true", "false"], description="Whether lists shall show this one"),
)  # fmt: skip


class ImageList(msgspec.Struct, frozen=True):
    """All pictures of one product, the primary one first."""

    items: list[ProductImage]
    next_cursor: None = None
    """There is only one page."""
    total: int | None = None


class ImageChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be different about a picture."""

    alt: Annotated[str, Meta(max_length=ALT, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")] | UnsetType = UNSET
    """"": it only decorates."""
    position: Annotated[int, Meta(ge=0, le=MOST_IMAGES)] | UnsetType = UNSET
    """0: the primary one. Those from there on move back; past the end is the end."""
    variants: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=1000)] | UnsetType = UNSET
    """SKUs of exactly those variants of the product that it shows."""
    reason: Reason | None = None


class _Asked(msgspec.Struct, frozen=True):
    """What makes two uploads the same."""

    url: str
    alt: str
    primary: bool


@get(
    "/admin/products/{slug:str}/images", operation_id="listImages", access=Scope.CATALOGUE_READ,
    tags=["Staff"], summary="Pictures of a product",
    responses=staff_refuses("product_not_found"),
)  # fmt: skip
async def list_images(house: House, slug: Slug) -> ImageList:
    """The primary one first; also an archived product's."""
    async with house.database.reading() as reader:
        found = await galleries.find(reader, slug)
    if found is None:
        raise _unknown(slug)
    return ImageList(found.told(), total=len(found.images))


@post(
    "/admin/products/{slug:str}/images", operation_id="addImage", access=Scope.CATALOGUE_WRITE,
    tags=["Staff"], summary="New picture of a product", takes=_FORM, request_max_body_size=LARGEST_FILE + 65536,
    responses=staff_refuses("product_not_found", "archived", "image_exists", "image_unacceptable", "images_full",
                            "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def add_image(
    request: StrictRequest, house: House, caller: Caller, slug: Slug, idempotency: IdempotencyKey = None
) -> ProductImage:
    """Its kind is told by its bytes, and it is drawn anew as WebP in up to four sizes, without metadata.

    Of a moving one the first frame stays. `image_unacceptable` says by `reason`: `unknown_kind`, `broken`, `too_large`.
    """
    key = idempotency_key(idempotency)
    async with house.database.reading() as reader:
        if await galleries.find(reader, slug) is None:
            raise _unknown(slug)
    form = await read_form(request, "file", "alt", "primary")
    try:
        file, alt = file_of(form, "file"), text_of(form, "alt", ALT)
        primary = text_of(form, "primary", 5) or "false"
        if primary not in ("true", "false"):
            raise Invalid(FieldError("Expected true or false", pointer="/primary"))
        drawn = await house.darkroom.develop(file.file)
    finally:
        await form.close()
    sizes = [await _kept(house, each) for each in drawn]
    asked = _Asked(sizes[-1].url, alt, primary == "true")

    async def add(writer: Writer) -> ProductImage:
        gallery = await _locked(writer, slug)
        if any(image.url == asked.url for image in gallery.images):
            raise Refusal("image_exists", "The product has this very picture already.", url=asked.url)
        if len(gallery.images) >= MOST_IMAGES:
            raise Refusal("images_full", f"A product has at most {MOST_IMAGES} pictures.", most=MOST_IMAGES)
        image = KeptImage(asked.url, alt, new_id(), sizes[-1].width, sizes[-1].height, sizes)
        images = [image, *gallery.images] if asked.primary else [*gallery.images, image]
        await galleries.keep(writer, gallery, images)
        await write_down(writer, caller, "image.create", slug, after={"id": image.key, "url": image.url, "alt": alt})
        return await _told(writer, slug, image.key)

    return await once(house, scope_of(request, caller, f"POST {slug}/images"), key, asked, ProductImage, add)


@patch(
    "/admin/products/{slug:str}/images/{image_id:uuid}", operation_id="changeImage", access=Scope.CATALOGUE_WRITE,
    tags=["Staff"], summary="Change a picture's words or place",
    responses=staff_refuses("product_not_found", "image_not_found", "archived", "unknown_sku", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def change_image(
    house: House, caller: Caller, slug: Slug, image_id: FromPath[UUID], data: JSONBody[ImageChange]
) -> ProductImage:
    """Its words, its place among the others, and which variants it shows."""
    async with house.database.writing() as writer:
        gallery = await _locked(writer, slug)
        image = _found(gallery, image_id)
        was = gallery.told()[gallery.images.index(image)]
        if data.variants is not UNSET:
            await _show(writer, gallery, image_id, data.variants)
        now = image if data.alt is UNSET else msgspec.structs.replace(image, alt=data.alt)
        others = [each for each in gallery.images if each is not image]
        place = was.position if data.position is UNSET else min(data.position, len(others))
        images = [*others[:place], now, *others[place:]]
        if images != gallery.images:
            await galleries.keep(writer, gallery, images)
        told = await _told(writer, slug, image_id)
        changed = [name for name in ("alt", "position", "variants") if getattr(was, name) != getattr(told, name)]
        if changed:
            before, after = ({name: getattr(each, name) for name in changed} for each in (was, told))
            subject = f"{slug}/{image_id}"
            await write_down(writer, caller, "image.change", subject, before=before, after=after, reason=data.reason)
    return told


@delete(
    "/admin/products/{slug:str}/images/{image_id:uuid}", operation_id="removeImage", access=Scope.CATALOGUE_WRITE,
    tags=["Staff"], summary="Take a picture away",
    responses=staff_refuses("product_not_found", "image_not_found", "archived", "invalid"),
)  # fmt: skip
async def remove_image(
    house: House, caller: Caller, slug: Slug, image_id: FromPath[UUID], reason: WhyAsked = None
) -> Response[None]:
    """From the product and its variants. The file itself stays: pages that somebody still has open show it."""
    async with house.database.writing() as writer:
        gallery = await _locked(writer, slug)
        image = _found(gallery, image_id)
        await galleries.keep(writer, gallery, [each for each in gallery.images if each is not image])
        before = {"id": image.key, "url": image.url, "alt": image.alt}
        await write_down(writer, caller, "image.remove", slug, before=before, reason=reason)
    return Response(None, status_code=204)


async def _kept(house: House, drawn: Rendition) -> ImageSize:
    """Under a name that follows from its content: kept twice, it is kept once."""
    name = named_after(drawn.data, SUFFIX)
    await house.storage.put(name, drawn.data)
    return ImageSize(drawn.width, drawn.height, f"{PUBLIC_PATH}/{name}")


async def _show(writer: Writer, gallery: Gallery, image: UUID, skus: list[str]) -> None:
    unknown = sorted(set(skus) - gallery.shown_by.keys())
    if unknown:
        raise Refusal("unknown_sku", "Some of these are no variants of this product.", skus=unknown)
    for sku, ids in gallery.shown_by.items():
        if (sku in skus) != (image in ids):
            shown = [*ids, image] if sku in skus else [each for each in ids if each != image]
            gallery.shown_by[sku] = shown
            await galleries.show(writer, gallery, sku, shown)


async def _locked(writer: Writer, slug: str) -> Gallery:
    found = await galleries.lock(writer, slug)
    if found is None:
        raise _unknown(slug)
    if found.archived:
        raise Refusal("archived", "This product is archived: restore it first.")
    return found


async def _told(writer: Writer, slug: str, image: UUID) -> ProductImage:
    found = await galleries.find(writer, slug)
    assert found is not None
    return next(each for each in found.told() if each.id == image)


def _found(gallery: Gallery, image_id: UUID) -> KeptImage:
    for image in gallery.images:
        if image.key == image_id:
            return image
    raise Refusal("image_not_found", "This product has no such picture.")


def _unknown(slug: str) -> Refusal:
    return Refusal("product_not_found", f"There is no product {slug!r}.", slug=slug)


handlers = [list_images, add_image, change_image, remove_image]
