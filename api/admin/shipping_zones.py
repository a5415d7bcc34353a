"""Shipping zones: countries that have their shipping prices in common, whichever method carries the parcel."""

from typing import Annotated

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, PathParameter
from msgspec import Meta

from api import pages
from api.admin.changes import Reason, WhyAsked, differences, write_down
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models.address import COUNTRIES
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.pricing import EVERYWHERE
from models.roles import Scope
from models.tables import shipping
from models.tariff import ShippingZone

CODE = r"^[a-z0-9][a-z0-9-]{0,49}$"
Code = Annotated[str, Meta(pattern=rf"{CODE}(?!\n)", description="Lower case letters, digits and dashes")]
CodeInPath = Annotated[str, PathParameter(pattern=CODE, description="Lower case letters, digits and dashes")]
Country = Annotated[str, Meta(pattern=r"^([A-Z]{2}|\*)$(?!\n)")]
Countries = Annotated[
    list[Country],
    Meta(
        min_length=1, max_length=len(COUNTRIES), examples=[["AT", "DE"], [EVERYWHERE]],
        description="ISO 3166-1 alpha-2, each once; `*` alone: every country for which a method has no price "
        "in a zone that names it",
    ),
]  # fmt: skip


class NewZone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Countries that shall have prices in common."""

    code: Code
    countries: Countries
    reason: Reason | None = None

    def __post_init__(self) -> None:
        _must_be_countries(self.countries)


class ZoneChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Other countries."""

    countries: Countries
    reason: Reason | None = None

    def __post_init__(self) -> None:
        _must_be_countries(self.countries)


class ZoneList(msgspec.Struct, frozen=True):
    """One page of zones, newest first."""

    items: list[ShippingZone]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/shipping-zones", operation_id="listShippingZones", access=Scope.SHIPPING_READ,
    tags=["Staff"], summary="Shipping zones",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_zones(house: House, limit: PageSize = 20, place: Place = None) -> ZoneList:
    """Newest first."""
    found = await shipping.list_zones(house.database, limit + 1, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last[1].created_at, last[0]))
    return ZoneList([zone for _, zone in items], more)


@post(
    "/admin/shipping-zones", operation_id="createShippingZone", access=Scope.SHIPPING_WRITE,
    tags=["Staff"], summary="New shipping zone",
    responses=staff_refuses("code_taken", "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def create_zone(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewZone], idempotency: IdempotencyKey = None
) -> ShippingZone:
    """It counts once a shipping method has prices for it."""

    async def create(writer: Writer) -> ShippingZone:
        made = await shipping.create_zone(writer, data.code, sorted(data.countries))
        await write_down(writer, caller, "shipping_zone.create", made.code, after=made, reason=data.reason)
        return made

    scope = scope_of(request, caller, "POST /admin/shipping-zones")
    return await once(house, scope, idempotency_key(idempotency), data, ShippingZone, create)


@get(
    "/admin/shipping-zones/{code:str}", operation_id="readShippingZone", access=Scope.SHIPPING_READ,
    tags=["Staff"], summary="A shipping zone",
    responses=staff_refuses("shipping_zone_not_found"),
)  # fmt: skip
async def read_zone(house: House, code: CodeInPath) -> ShippingZone:
    """Its countries."""
    found = await shipping.find_zone(house.database, code)
    if found is None:
        raise _unknown(code)
    return found


@patch(
    "/admin/shipping-zones/{code:str}", operation_id="changeShippingZone", access=Scope.SHIPPING_WRITE,
    tags=["Staff"], summary="Change a shipping zone",
    responses=staff_refuses("shipping_zone_not_found", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_zone(house: House, caller: Caller, code: CodeInPath, data: JSONBody[ZoneChange]) -> ShippingZone:
    """For every method that has prices for it, from the next quote on."""
    async with house.database.writing() as writer:
        was = await shipping.lock_zone(writer, code)
        if was is None:
            raise _unknown(code)
        changed = differences(was, now := msgspec.structs.replace(was, countries=sorted(data.countries)))
        if changed is not None:
            before, after = changed
            now = await shipping.change_zone(writer, code, now.countries)
            await write_down(
                writer, caller, "shipping_zone.change", code, before=before, after=after, reason=data.reason
            )
    return now


@delete(
    "/admin/shipping-zones/{code:str}", operation_id="deleteShippingZone", access=Scope.SHIPPING_WRITE,
    tags=["Staff"], summary="Delete a shipping zone",
    responses=staff_refuses("shipping_zone_not_found", "shipping_zone_in_use", "invalid"),
)  # fmt: skip
async def delete_zone(house: House, caller: Caller, code: CodeInPath, reason: WhyAsked = None) -> Response[None]:
    """One for which no method has prices, archived methods included."""
    async with house.database.writing() as writer:
        was = await shipping.lock_zone(writer, code)
        if was is None:
            raise _unknown(code)
        await shipping.delete_zone(writer, code)
        await write_down(writer, caller, "shipping_zone.delete", code, before=was, reason=reason)
    return Response(None, status_code=204)


def _must_be_countries(countries: list[str]) -> None:
    if len(set(countries)) < len(countries):
        raise ValueError("a country is named twice")
    if EVERYWHERE in countries:
        if len(countries) > 1:
            raise ValueError(f"{EVERYWHERE!r} stands alone: it means all countries that no other zone names")
        return
    unknown = set(countries) - COUNTRIES
    if unknown:
        raise ValueError(f"unknown country {min(unknown)!r}: use an ISO 3166-1 alpha-2 code")


def _unknown(code: str) -> Refusal:
    return Refusal("shipping_zone_not_found", f"There is no shipping zone {code!r}.", code=code)


handlers = [list_zones, create_zone, read_zone, change_zone, delete_zone]
