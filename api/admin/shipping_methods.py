"""Shipping methods: how parcels travel, how long that takes, and what it costs to which zone."""

from typing import Annotated

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from api import pages
from api.admin.changes import Reason, WhyAsked, differences, write_down
from api.admin.refusals import staff_refuses
from api.admin.shipping_zones import Code, CodeInPath
from api.context import Caller, House, IdempotencyKey, Identity, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.problems import FieldError, Invalid
from api.repeats import once, scope_of
from models.address import Text
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.roles import Scope
from models.tables import shipping
from models.tariff import ShippingPrice, ShippingTariff, ZonePrices, in_order

DEAREST = 10**12
"""No shipping price exceeds so many minor units, so that no order's sum leaves what money can hold."""
_LONGEST = 365

Days = Annotated[int, Meta(ge=0, le=_LONGEST)]
Archived = Annotated[bool, QueryParameter(description="True: those that are archived, and only those")]
_DISORDER = f"max_days lies between min_days and {_LONGEST}"


class PriceBody(ShippingPrice, frozen=True, forbid_unknown_fields=True):
    """What parcels of one weight and one worth cost. Lower bounds count in, upper ones do not; null: no bound."""

    def __post_init__(self) -> None:
        if not 0 <= self.price.amount <= DEAREST:
            raise ValueError(f"a shipping price lies between 0 and {DEAREST} minor units")
        if self.max_weight is not None and self.max_weight <= self.min_weight:
            raise ValueError("max_weight does not count in, so it must be more than min_weight")
        if self.max_subtotal is not None and self.max_subtotal <= self.min_subtotal:
            raise ValueError("max_subtotal does not count in, so it must be more than min_subtotal")


class ZoneBody(ZonePrices, frozen=True, forbid_unknown_fields=True):
    """What a method costs to the countries of one zone. Where several prices fit a parcel, the cheapest is charged."""

    zone: Code
    prices: Annotated[tuple[PriceBody, ...], Meta(min_length=1, max_length=100)]

    def __post_init__(self) -> None:
        if len({price.parcels for price in self.prices}) < len(self.prices):
            raise ValueError("two prices for exactly the same parcels: only the cheaper one would ever be charged")


_EXAMPLE = [
    {
        "zone": "europe",
        "prices": [
            {"price": {"amount": 690, "currency": "eur"}, "max_weight": 5000},
            {"price": {"amount": 1650, "currency": "eur"}, "min_weight": 5000, "max_weight": 20000},
            {"price": {"amount": 0, "currency": "eur"}, "max_weight": 5000, "min_subtotal": 8900},
        ],
    }
]
Zones = Annotated[
    list[ZoneBody],
    Meta(
        min_length=1, max_length=50, examples=[_EXAMPLE], description="Each zone once; what is not said is not served"
    ),
]


class NewMethod(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way to send a parcel."""

    code: Code
    name: Annotated[Text, Meta(description="As buyers read it", examples=["Standard delivery"])]
    min_days: Days
    max_days: Days
    zones: Zones
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if self.max_days < self.min_days:
            raise ValueError(_DISORDER)
        _each_once(self.zones)


class MethodChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays."""

    name: Text | UnsetType = UNSET
    min_days: Days | UnsetType = UNSET
    max_days: Days | UnsetType = UNSET
    zones: Zones | UnsetType = UNSET
    """All prices there shall be: they take the place of those before."""
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if self.zones is not UNSET:
            _each_once(self.zones)


class MethodList(msgspec.Struct, frozen=True):
    """One page of methods, newest first."""

    items: list[ShippingTariff]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/shipping-methods", operation_id="listShippingMethods", access=Scope.SHIPPING_READ,
    tags=["Staff"], summary="Shipping methods",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_methods(
    house: House, archived: Archived = False, limit: PageSize = 20, place: Place = None
) -> MethodList:
    """Those that are offered, newest first, with all their prices."""
    found = await shipping.list_methods(house.database, limit + 1, archived, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last[1].created_at, last[0]))
    return MethodList([method for _, method in items], more)


@post(
    "/admin/shipping-methods", operation_id="createShippingMethod", access=Scope.SHIPPING_WRITE,
    tags=["Staff"], summary="New shipping method",
    responses=staff_refuses("code_taken", "shipping_zone_unknown", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def create_method(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewMethod], idempotency: IdempotencyKey = None
) -> ShippingTariff:
    """Offered from the next quote on."""

    async def create(writer: Writer) -> ShippingTariff:
        days = (data.min_days, data.max_days)
        made = await shipping.create_method(writer, data.code, data.name, days, data.zones)
        await write_down(writer, caller, "shipping_method.create", made.code, after=made, reason=data.reason)
        return made

    scope = scope_of(request, caller, "POST /admin/shipping-methods")
    return await once(house, scope, idempotency_key(idempotency), data, ShippingTariff, create)


@get(
    "/admin/shipping-methods/{code:str}", operation_id="readShippingMethod", access=Scope.SHIPPING_READ,
    tags=["Staff"], summary="A shipping method",
    responses=staff_refuses("shipping_method_not_found"),
)  # fmt: skip
async def read_method(house: House, code: CodeInPath) -> ShippingTariff:
    """With all its prices, also when it is archived."""
    found = await shipping.find_method(house.database, code)
    if found is None:
        raise _unknown(code)
    return found


@patch(
    "/admin/shipping-methods/{code:str}", operation_id="changeShippingMethod", access=Scope.SHIPPING_WRITE,
    tags=["Staff"], summary="Change a shipping method",
    responses=staff_refuses("shipping_method_not_found", "shipping_zone_unknown", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def change_method(house: House, caller: Caller, code: CodeInPath, data: JSONBody[MethodChange]) -> ShippingTariff:
    """From the next quote on; placed orders keep what they were charged."""
    async with house.database.writing() as writer:
        was = await _locked(writer, code)
        wanted = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
        wanted.pop("reason")
        if data.zones is not UNSET:
            wanted["zones"] = in_order(data.zones)
        now = msgspec.structs.replace(was, **wanted)
        if now.max_days < now.min_days:
            raise Invalid(FieldError(_DISORDER, pointer="/max_days"))
        changed = differences(was, now)
        if changed is not None:
            before, after = changed
            await shipping.change_method(writer, now, prices="zones" in after)
            await write_down(
                writer, caller, "shipping_method.change", code, before=before, after=after, reason=data.reason
            )
    return now


@delete(
    "/admin/shipping-methods/{code:str}", operation_id="archiveShippingMethod", access=Scope.SHIPPING_WRITE,
    tags=["Staff"], summary="Offer a shipping method no longer",
    responses=staff_refuses("shipping_method_not_found", "invalid"),
)  # fmt: skip
async def archive_method(house: House, caller: Caller, code: CodeInPath, reason: WhyAsked = None) -> Response[None]:
    """From the next quote on; once it is archived, doing so again changes nothing."""
    async with house.database.writing() as writer:
        was = await _locked(writer, code)
        if was.archived_at is None:
            await shipping.archive_method(writer, code)
            await _write_down_move(writer, caller, "shipping_method.archive", was, reason)
    return Response(None, status_code=204)


@post(
    "/admin/shipping-methods/{code:str}/restore", operation_id="restoreShippingMethod", access=Scope.SHIPPING_WRITE,
    tags=["Staff"], summary="Offer a shipping method again", status_code=200,
    responses=staff_refuses("shipping_method_not_found", "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def restore_method(
    request: StrictRequest, house: House, caller: Caller, code: CodeInPath, reason: WhyAsked = None,
    idempotency: IdempotencyKey = None,
) -> ShippingTariff:  # fmt: skip
    """At the prices it had; one that is offered stays so."""

    async def restore(writer: Writer) -> ShippingTariff:
        was = await _locked(writer, code)
        if was.archived_at is None:
            return was
        await shipping.restore_method(writer, code)
        return await _write_down_move(writer, caller, "shipping_method.restore", was, reason)

    scope = scope_of(request, caller, f"POST /admin/shipping-methods/{code}/restore")
    return await once(house, scope, idempotency_key(idempotency), reason, ShippingTariff, restore)


async def _write_down_move(
    writer: Writer, caller: Identity, action: str, was: ShippingTariff, reason: str | None
) -> ShippingTariff:
    now = await _locked(writer, was.code)
    moved = {"archived_at": was.archived_at}, {"archived_at": now.archived_at}
    await write_down(writer, caller, action, was.code, before=moved[0], after=moved[1], reason=reason)
    return now


async def _locked(writer: Writer, code: str) -> ShippingTariff:
    found = await shipping.lock_method(writer, code)
    if found is None:
        raise _unknown(code)
    return found


def _each_once(zones: list[ZoneBody]) -> None:
    if len({zone.zone for zone in zones}) < len(zones):
        raise ValueError("a zone is named twice")


def _unknown(code: str) -> Refusal:
    return Refusal("shipping_method_not_found", f"There is no shipping method {code!r}.", code=code)


handlers = [list_methods, create_method, read_method, change_method, archive_method, restore_method]
