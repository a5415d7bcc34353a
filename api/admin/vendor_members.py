"""Who acts for a vendor: staff let accounts do so, which gives them the role, and end it, which takes it away."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, JSONBody

from api.admin.changes import Reason, WhyAsked, write_down
from api.admin.readings import write_down_reading
from api.admin.refusals import staff_refuses
from api.admin.shelving import SlugInPath
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.repeats import once, scope_of
from models.database import Reader, Writer
from models.errors import Refusal
from models.ids import UserId
from models.roles import Scope
from models.tables import vendor_member as members
from models.tables.vendor import id_of
from models.vendor import Member


class NewMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account that is to act for the vendor."""

    user_id: Annotated[UUID, msgspec.Meta(description="Of an account that is open")]
    reason: Reason | None = None


class MemberList(msgspec.Struct, frozen=True):
    """Everybody who acts for a vendor, the longest first."""

    items: list[Member]
    next_cursor: str | None = None
    """Null: these are all."""
    total: int | None = None
    """How many they are."""


class Added(msgspec.Struct, frozen=True):
    """Whose account it was. All that is kept for a repeat: nothing that its owner may want forgotten."""

    user: UserId


@get(
    "/admin/vendors/{slug:str}/members", operation_id="listVendorMembers", access=Scope.USERS_READ, tags=["Staff"],
    summary="Who acts for a vendor", responses=staff_refuses("vendor_not_found"),
)  # fmt: skip
async def list_members(house: House, caller: Caller, slug: SlugInPath) -> MemberList:
    """All of them."""
    async with house.database.reading() as reader:
        found = await members.of_vendor(reader, await _vendor(reader, slug))
    await write_down_reading(house, caller, "vendor_member.read", [slug])
    return MemberList(found, total=len(found))


@post(
    "/admin/vendors/{slug:str}/members", operation_id="addVendorMember", access=Scope.USERS_WRITE, tags=["Staff"],
    summary="Let an account act for a vendor",
    responses=staff_refuses("vendor_not_found", "user_not_found", "archived", "member_elsewhere",
                            "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def add_member(
    request: StrictRequest, house: House, caller: Caller, slug: SlugInPath, data: JSONBody[NewMember],
    idempotency: IdempotencyKey = None,
) -> Member:  # fmt: skip
    """It gets the role `vendor`, and sees that vendor's rows with its next request. An account acts for one at most."""
    user = UserId(data.user_id)

    async def add(writer: Writer) -> Added:
        vendor = await _vendor(writer, slug)
        if await members.add(writer, vendor, user):
            await write_down(
                writer, caller, "vendor.add_member", slug, after={"user": user}, reason=data.reason
            )  # fmt: skip
        return Added(user)

    scope = scope_of(request, caller, f"POST /admin/vendors/{slug}/members")
    done = await once(house, scope, idempotency_key(idempotency), data, Added, add)
    async with house.database.reading() as reader:
        found = await members.find(reader, await _vendor(reader, slug), done.user)
    if found is None:  # ended since then
        raise _no_member()
    await write_down_reading(house, caller, "vendor_member.read", [slug])
    return found


@delete(
    "/admin/vendors/{slug:str}/members/{user_id:uuid}", operation_id="removeVendorMember", access=Scope.USERS_WRITE,
    tags=["Staff"], summary="End that an account acts for a vendor",
    responses=staff_refuses("vendor_not_found", "member_not_found", "invalid"),
)  # fmt: skip
async def remove_member(
    house: House, caller: Caller, slug: SlugInPath, user_id: FromPath[UUID], reason: WhyAsked = None
) -> Response[None]:
    """It loses the role, and sees nothing of the vendor's with its next request."""
    user = UserId(user_id)
    async with house.database.writing() as writer:
        if not await members.remove(writer, await _vendor(writer, slug), user):
            raise _no_member()
        await write_down(writer, caller, "vendor.remove_member", slug, before={"user": user}, reason=reason)
    return Response(None, status_code=204)


async def _vendor(reader: Reader, slug: str) -> UUID:
    found = await id_of(reader, slug)
    if found is None:
        raise Refusal("vendor_not_found", f"There is no vendor {slug!r}.", slug=slug)
    return found


def _no_member() -> Refusal:
    return Refusal("member_not_found", "This account does not act for this vendor.")


handlers = [list_members, add_member, remove_member]
