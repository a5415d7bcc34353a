"""The addresses that an account keeps, with one default a kind."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from api import pages
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.problems import SIGNED_IN, refuses
from api.repeats import once, scope_of
from models.address import (
    Address,
    AddressKind,
    City,
    Country,
    FullName,
    Line,
    Phone,
    PostalCode,
    Region,
    SavedAddress,
    Text,
    must_exist,
)  # fmt: skip
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.ids import AddressId
from models.roles import Scope
from models.tables import address as addresses

OfKind = Annotated[AddressKind | None, QueryParameter(name="kind", description="Only addresses of this kind")]


class AddressBody(Address, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where parcels and bills go. A misspelt field is refused: a lost `region` would change the tax."""


class NewAddress(AddressBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address to keep."""

    kind: AddressKind
    is_default: bool = False
    """The first address of a kind is its default anyway."""


class AddressChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be different. A field left out stays; null empties one that may be empty."""

    kind: AddressKind | UnsetType = UNSET
    full_name: FullName | UnsetType = UNSET
    line1: Line | UnsetType = UNSET
    line2: Text | UnsetType | None = UNSET
    city: City | UnsetType = UNSET
    region: Region | UnsetType | None = UNSET
    postal_code: PostalCode | UnsetType = UNSET
    country: Country | UnsetType = UNSET
    phone: Phone | UnsetType | None = UNSET
    is_default: bool | UnsetType = UNSET
    """True: instead of the one that is it now."""

    def __post_init__(self) -> None:
        if self.country is not UNSET:
            must_exist(self.country)


class AddressReply(Address, frozen=True, kw_only=True, omit_defaults=False):
    """An address of the account's book."""

    id: AddressId
    kind: AddressKind
    is_default: bool
    """The one of its kind that a storefront should propose; exactly one a kind."""
    created_at: datetime


class AddressList(msgspec.Struct, frozen=True):
    """One page of the book, newest first."""

    items: list[AddressReply]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/addresses", operation_id="listAddresses", access=Scope.ACCOUNT, tags=["Accounts"], summary="Saved addresses",
    responses=refuses(*SIGNED_IN, "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_addresses(
    house: House, caller: Caller, kind: OfKind = None, limit: PageSize = 20, place: Place = None
) -> AddressList:
    """Newest first. Give the `id` of one to quote and checkout as `shipping_address_id` or `billing_address_id`."""
    found = await addresses.page(house.database, caller.account, limit + 1, kind, pages.begin(house, place))
    shown, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return AddressList([_reply(address) for address in shown], more)


@post(
    "/addresses", operation_id="saveAddress", access=Scope.ACCOUNT, tags=["Accounts"], summary="Save an address",
    responses=refuses(*SIGNED_IN, "address_book_full", "idempotency_key_reused", "invalid",
                      "unsupported_media_type"),
)  # fmt: skip
async def save_address(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewAddress], idempotency: IdempotencyKey = None
) -> AddressReply:
    """At most 50 an account. The first of a kind becomes its default."""

    async def save(writer: Writer) -> AddressReply:
        address = msgspec.convert(data, Address, from_attributes=True)
        return _reply(await addresses.add(writer, caller.account, data.kind, address, default=data.is_default))

    scope = scope_of(request, caller, "POST /addresses")
    return await once(house, scope, idempotency_key(idempotency), data, AddressReply, save)


@get(
    "/addresses/{address_id:uuid}", operation_id="readAddress", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="A saved address",
    responses=refuses(*SIGNED_IN, "address_not_found"),
)  # fmt: skip
async def read_address(house: House, caller: Caller, address_id: FromPath[UUID]) -> AddressReply:
    """One of one's own."""
    found = (await addresses.find(house.database, caller.account, [address_id])).get(address_id)
    if found is None:
        raise no_such_address(address_id)
    return _reply(found)


@patch(
    "/addresses/{address_id:uuid}", operation_id="changeAddress", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="Change a saved address",
    responses=refuses(*SIGNED_IN, "address_not_found", "default_address_needed", "invalid",
                      "unsupported_media_type"),
)  # fmt: skip
async def change_address(
    house: House, caller: Caller, address_id: FromPath[UUID], data: JSONBody[AddressChange]
) -> AddressReply:
    """Orders keep the address that they were placed with. `is_default` moves the default; it cannot just be dropped."""
    fields = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
    async with house.database.writing() as writer:
        changed = await addresses.change(writer, caller.account, address_id, fields)
    if changed is None:
        raise no_such_address(address_id)
    return _reply(changed)


@delete(
    "/addresses/{address_id:uuid}", operation_id="deleteAddress", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="Forget a saved address", status_code=204,
    responses=refuses(*SIGNED_IN, "address_not_found"),
)  # fmt: skip
async def delete_address(house: House, caller: Caller, address_id: FromPath[UUID]) -> None:
    """Orders keep it. When it was the default, the newest other one of its kind becomes it."""
    async with house.database.writing() as writer:
        gone = await addresses.remove(writer, caller.account, address_id)
    if not gone:
        raise no_such_address(address_id)


def no_such_address(address: UUID) -> Refusal:
    """It is not there, or it is somebody else's."""
    return Refusal("address_not_found", "There is no such address in your address book.", id=str(address))


def _reply(saved: SavedAddress) -> AddressReply:
    return AddressReply(
        id=saved.id, kind=saved.kind, is_default=saved.is_default, created_at=saved.created_at,
        **msgspec.structs.asdict(saved.address),
    )  # fmt: skip


handlers = [list_addresses, save_address, read_address, change_address, delete_address]
