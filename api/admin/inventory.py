"""Stock at staff's desk: what lies where, what moved it, what is running out, and corrections of it."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, patch, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from api import pages
from api.admin.changes import Reason, said, write_down
from api.admin.refusals import staff_refuses
from api.admin.variants import SkuInPath
from api.context import Caller, House, IdempotencyKey, Identity, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.problems import FieldError, Invalid
from api.repeats import once, scope_of
from models.address import Text
from models.cursor import Cursor
from models.database import Reader, Writer
from models.errors import Refusal
from models.ids import LocationId, OrderNumber, VariantId, new_id
from models.inventory import MOST_ON_LEVEL, Movement
from models.records import SLUG, Slug
from models.roles import Scope
from models.stock import LowStock, MovementRecord, Reorder, StockCard, StockSheet
from models.tables import backorder as backorders
from models.tables import location as locations
from models.tables import stock_desk as desk
from models.tables import stockroom

MAIN_CODE = "main"
Units = Annotated[int, Meta(ge=1, le=10**6)]
Sku = Annotated[str, Meta(max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)", examples=["MUG-S"])]
Why = Annotated[
    Text, Meta(description="Why, for the ledger, which is never edited: name no person", examples=["stock-take"])
]
Words = Annotated[
    str | None,
    QueryParameter(
        name="q", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Part of the SKU or of the product's name; case does not matter",
    ),
]  # fmt: skip
OfSku = Annotated[
    str | None,
    QueryParameter(name="sku", max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$", description="Only of this variant"),
]
At = Annotated[str | None, QueryParameter(name="location", pattern=SLUG, description="Only at this location")]
Low = Annotated[bool | None, QueryParameter(name="low", description="True: only what is below its reorder point")]
OfOrder = Annotated[
    str | None,
    QueryParameter(name="order", max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$", description="Only of this order"),
]
OfKind = Annotated[Movement | None, QueryParameter(name="kind", description="Only such movements")]


class StockList(msgspec.Struct, frozen=True):
    """One page of variants with their stock, newest first."""

    items: list[StockCard]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class Ledger(msgspec.Struct, frozen=True):
    """One page of movements, newest first."""

    items: list[MovementRecord]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class LowList(msgspec.Struct, frozen=True):
    """One page of what is running out, the newest variants first."""

    items: list[LowStock]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class Adjustment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Goods that came in, or a count that was put right. Say either `change` or what was `counted`."""

    reason: Why
    location: Slug = MAIN_CODE
    change: Annotated[int, Meta(ge=-MOST_ON_LEVEL, le=MOST_ON_LEVEL)] | None = None
    """So many more, or fewer."""
    counted: Annotated[int, Meta(ge=0, le=MOST_ON_LEVEL)] | None = None
    """So many lie there, those that orders hold among them."""
    kind: Annotated[Movement, Meta(description="`adjust` or `receive`")] = Movement.ADJUST

    def __post_init__(self) -> None:
        if (self.change is None) is (self.counted is None):
            raise ValueError("say either change or counted")
        if self.change == 0:
            raise ValueError("a change of 0 changes nothing")
        if self.kind not in (Movement.ADJUST, Movement.RECEIVE):
            raise ValueError("kind is adjust or receive")
        if self.kind is Movement.RECEIVE and (self.change is None or self.change < 0):
            raise ValueError("what is received is a change of more than 0")


class Going(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of one variant."""

    sku: Sku
    quantity: Units


class Transfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from", "target": "to"}):
    """Goods that go from one location to another."""

    source: Slug
    target: Slug
    items: Annotated[list[Going], Meta(min_length=1, max_length=100)]
    reason: Why

    def __post_init__(self) -> None:
        if self.source == self.target:
            raise ValueError("from and to are two locations")
        if len({item.sku for item in self.items}) < len(self.items):
            raise ValueError("each sku stands once among the items")


class Transferred(msgspec.Struct, frozen=True):
    """What went where."""

    id: UUID
    """Its rows in the ledger have the operation `transfer/<id>`."""
    source: str = msgspec.field(name="from")
    target: str = msgspec.field(name="to")
    items: list[Going]
    reason: str


class Watch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When it is time to order more. What is left out stays, null clears."""

    location: Slug = MAIN_CODE
    reorder_point: Reorder | msgspec.UnsetType | None = msgspec.UNSET
    """Fewer available: it is time."""
    reorder_quantity: Units | msgspec.UnsetType | None = msgspec.UNSET
    """How many are ordered at a time."""
    reason: Reason | None = None


class BackorderWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a variant is sold before it is here."""

    limit: Annotated[int, Meta(ge=0, le=10**6, examples=[50])]
    """So many units may be waited for at a time; 0: none, only what is here is sold."""
    days: Annotated[int, Meta(ge=1, le=365, examples=[14])] | None = None
    """Within so many they are sent. Left out: as before."""
    reason: Reason | None = None


@get(
    "/admin/inventory", operation_id="listStock", access=Scope.INVENTORY_READ, tags=["Staff"],
    summary="Stock of all variants",
    responses=staff_refuses("location_unknown", "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_stock(
    house: House, words: Words = None, sku: OfSku = None, at: At = None, low: Low = None, limit: PageSize = 20,
    place: Place = None,
) -> StockList:  # fmt: skip
    """Newest first; at a location only what ever lay there. Filters add up."""
    sought = desk.Sought(words, sku, await _named(house, at), low)
    found = await desk.listed(house.database, limit + 1, pages.begin(house, place), sought)
    items, more = pages.cut(house, found, limit, lambda last: last[0])
    return StockList([card for _, card in items], more)


@get(
    "/admin/inventory/ledger", operation_id="readStockLedger", access=Scope.INVENTORY_READ, tags=["Staff"],
    summary="Every movement of stock",
    responses=staff_refuses("location_unknown", "cursor_unknown", "invalid"),
)  # fmt: skip
async def read_ledger(
    house: House, sku: OfSku = None, at: At = None, order: OfOrder = None, kind: OfKind = None, limit: PageSize = 20,
    place: Place = None,
) -> Ledger:  # fmt: skip
    """Newest first, with who did it and why. Filters add up."""
    number = None if order is None else OrderNumber(order)
    after = pages.begin(house, place)
    found = await desk.ledger(
        house.database, limit + 1, after, sku, await _named(house, at), number, [kind] if kind else ()
    )
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.at, last.id))
    return Ledger(items, more)


@get(
    "/admin/inventory/low-stock", operation_id="listLowStock", access=Scope.INVENTORY_READ, tags=["Staff"],
    summary="What is running out",
    responses=staff_refuses("location_unknown", "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_low_stock(house: House, at: At = None, limit: PageSize = 20, place: Place = None) -> LowList:
    """Variants on sale of which somewhere fewer are available than the reorder point, with how many to order."""
    found = await desk.running_out(house.database, limit + 1, pages.begin(house, place), await _named(house, at))
    items, more = pages.cut(house, found, limit, lambda last: last[0])
    return LowList([low for _, low in items], more)


@get(
    "/admin/inventory/{sku:str}", operation_id="readStock", access=Scope.INVENTORY_READ, tags=["Staff"],
    summary="Stock of a variant",
    responses=staff_refuses("variant_not_found"),
)  # fmt: skip
async def read_stock(house: House, sku: SkuInPath) -> StockSheet:
    """By location, with the last movements; also of an archived variant."""
    async with house.database.reading() as reader:
        return await _sheet(reader, sku)


@patch(
    "/admin/inventory/{sku:str}", operation_id="watchStock", access=Scope.INVENTORY_WRITE, tags=["Staff"],
    summary="When to order more",
    responses=staff_refuses("variant_not_found", "location_unknown", "archived", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def watch_stock(house: House, caller: Caller, sku: SkuInPath, data: JSONBody[Watch]) -> StockSheet:
    """The reorder point of a variant at one location, and how many are ordered then."""
    async with house.database.writing() as writer:
        spot = await _spot(writer, sku, data.location)
        wanted = {name: value for name, value in said(data).items() if name != "location"}
        await stockroom.lock(writer, [spot])
        was = await stockroom.watched(writer, spot)
        changed = {name: value for name, value in wanted.items() if was[name] != value}
        if changed:
            await stockroom.watch(writer, spot, {**was, **changed})
            before = {name: was[name] for name in changed}
            subject = f"{sku}/{data.location}"
            await write_down(writer, caller, "stock.watch", subject, before=before, after=changed, reason=data.reason)
        return await _sheet(writer, sku)


@patch(
    "/admin/inventory/{sku:str}/backorder", operation_id="allowBackorder", access=Scope.INVENTORY_WRITE,
    tags=["Staff"], summary="Sell a variant before it is here",
    responses=staff_refuses("variant_not_found", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def allow_backorder(house: House, caller: Caller, sku: SkuInPath, data: JSONBody[BackorderWish]) -> StockSheet:
    """How many units may be waited for at a time, and within how many days they are sent. What was promised stays."""
    async with house.database.writing() as writer:
        variant = await desk.variant_of(writer, sku)
        if variant is None:
            raise _no_variant(sku)
        was = await backorders.terms(writer, variant, lock=True)
        now = msgspec.structs.replace(was, limit=data.limit, days=data.days or was.days)
        if now.limit and not now.days:
            raise Invalid(FieldError("Required: within so many days they are sent", pointer="/days"))
        if now != was:
            await backorders.allow(writer, variant, now.limit, now.days)
            before, after = ({"limit": each.limit, "days": each.days} for each in (was, now))
            await write_down(writer, caller, "stock.backorder", sku, before=before, after=after, reason=data.reason)
        return await _sheet(writer, sku)


@get(
    "/admin/inventory/{sku:str}/adjustments", operation_id="listAdjustments", access=Scope.INVENTORY_READ,
    tags=["Staff"], summary="What came in or was corrected of a variant",
    responses=staff_refuses("variant_not_found", "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_adjustments(house: House, sku: SkuInPath, limit: PageSize = 20, place: Place = None) -> Ledger:
    """Newest first; what orders did with it is in the ledger. Also of an archived variant."""
    after = pages.begin(house, place)
    async with house.database.reading() as reader:
        if await desk.variant_of(reader, sku) is None:
            raise _no_variant(sku)
    found = await desk.ledger(house.database, limit + 1, after, sku, None, None, (Movement.ADJUST, Movement.RECEIVE))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.at, last.id))
    return Ledger(items, more)


@post(
    "/admin/inventory/{sku:str}/adjustments", operation_id="adjustStock", access=Scope.INVENTORY_WRITE, tags=["Staff"],
    summary="Receive goods, or correct a count",
    responses=staff_refuses("variant_not_found", "location_unknown", "archived", "stock_is_held",
                            "quantity_out_of_range", "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def adjust_stock(
    request: StrictRequest, house: House, caller: Caller, sku: SkuInPath, data: JSONBody[Adjustment],
    idempotency: IdempotencyKey = None,
) -> StockSheet:  # fmt: skip
    """A row of the ledger, with who and why. Never fewer than orders hold; a count that was right is written down."""

    async def adjust(writer: Writer) -> StockSheet:
        spot = await _spot(writer, sku, data.location)
        lying = await stockroom.lock(writer, [spot])
        by = data.change if data.counted is None else data.counted - lying[spot].on_hand
        assert by is not None
        deed = stockroom.Deed(f"{data.kind}/{new_id()}", data.kind, _actor(caller), data.reason)
        await stockroom.change(writer, deed, lying, {spot: by})
        was = lying[spot].on_hand
        await write_down(
            writer, caller, f"stock.{data.kind}", f"{sku}/{data.location}",
            before={"on_hand": was}, after={"on_hand": was + by}, reason=data.reason,
        )  # fmt: skip
        await backorders.fill(writer)
        return await _sheet(writer, sku)

    scope = scope_of(request, caller, f"POST /admin/inventory/{sku}/adjustments")
    return await once(house, scope, idempotency_key(idempotency), data, StockSheet, adjust)


@post(
    "/admin/inventory/transfers", operation_id="transferStock", access=Scope.INVENTORY_WRITE, tags=["Staff"],
    summary="Move goods to another location",
    responses=staff_refuses("location_unknown", "unknown_sku", "archived", "stock_is_held", "quantity_out_of_range",
                            "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def transfer_stock(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[Transfer], idempotency: IdempotencyKey = None
) -> Transferred:
    """All of it or none. What orders hold stays where it is."""

    async def move(writer: Writer) -> Transferred:
        source, target = [await _location(writer, code) for code in (data.source, data.target)]
        units: dict[VariantId, int] = {}
        for item in data.items:
            variant = await desk.variant_of(writer, item.sku)
            if variant is None:
                raise Refusal("unknown_sku", f"There is no variant {item.sku!r}.", sku=item.sku)
            units[variant] = item.quantity
        id = new_id()
        await stockroom.transfer(writer, f"transfer/{id}", source, target, units, _actor(caller), data.reason)
        moved = Transferred(id, data.source, data.target, data.items, data.reason)
        await write_down(writer, caller, "stock.transfer", id, after=moved, reason=data.reason)
        return moved

    scope = scope_of(request, caller, "POST /admin/inventory/transfers")
    return await once(house, scope, idempotency_key(idempotency), data, Transferred, move)


def _actor(caller: Identity) -> str:
    return caller.author.actor


async def _named(house: House, code: str | None) -> LocationId | None:
    if code is None:
        return None
    async with house.database.reading() as reader:
        return await _location(reader, code)


async def _location(reader: Reader, code: str) -> LocationId:
    found = await locations.find(reader, code)
    if found is None:
        raise Refusal("location_unknown", f"There is no location {code!r}.", location=code)
    return found[0]


async def _spot(reader: Reader, sku: str, code: str) -> stockroom.Spot:
    variant = await desk.variant_of(reader, sku)
    if variant is None:
        raise _no_variant(sku)
    return stockroom.Spot(variant, await _location(reader, code))


async def _sheet(reader: Reader, sku: str) -> StockSheet:
    found = await desk.sheet(reader, sku)
    if found is None:
        raise _no_variant(sku)
    return found


def _no_variant(sku: str) -> Refusal:
    return Refusal("variant_not_found", f"There is no variant {sku!r}.", sku=sku)


handlers = [
    list_stock, read_ledger, list_low_stock, read_stock, watch_stock, allow_backorder, list_adjustments, adjust_stock,
    transfer_stock,
]  # fmt: skip
