"""Coupons: staff make them one by one or by the hundred, see how they are used, change and withdraw them."""

from typing import Annotated

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from api import pages
from api.admin.changes import WhyAsked, differences, write_down
from api.admin.coupon_terms import CouponChange, ManyCoupons, NewCoupon, terms_of, wanted_of
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, Identity, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.problems import FieldError, Invalid
from api.repeats import once, scope_of
from models.coupon import code_of
from models.coupon_terms import CouponReport, CouponTerms, random_code
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.roles import Scope
from models.tables import coupon_terms as terms

CodeInPath = Annotated[str, PathParameter(max_length=100, description="In any case")]
Words = Annotated[
    str | None,
    QueryParameter(
        name="q", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Part of the code or of the description; case does not matter",
    ),
]  # fmt: skip
Active = Annotated[
    bool | None,
    QueryParameter(description="True: those that can be used now; false: those that cannot. Left out: both"),
]
Archived = Annotated[bool, QueryParameter(description="True: those that are archived, and only those")]


class CouponList(msgspec.Struct, frozen=True):
    """One page of coupons, newest first."""

    items: list[CouponTerms]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class CodesMade(msgspec.Struct, frozen=True):
    """The codes of coupons just made."""

    codes: list[str]


@get(
    "/admin/coupons", operation_id="listCoupons", access=Scope.COUPONS_READ, tags=["Staff"], summary="Coupons",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_coupons(
    house: House,
    words: Words = None,
    active: Active = None,
    archived: Archived = False,
    limit: PageSize = 20,
    place: Place = None,
) -> CouponList:
    """Newest first. Filters add up."""
    found = await terms.listed(house.database, limit + 1, words, active, archived, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last[1].created_at, last[0]))
    return CouponList([coupon for _, coupon in items], more)


@post(
    "/admin/coupons", operation_id="createCoupon", access=Scope.COUPONS_WRITE, tags=["Staff"], summary="New coupon",
    responses=staff_refuses("code_taken", "coupon_scope_unknown", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def create_coupon(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewCoupon], idempotency: IdempotencyKey = None
) -> CouponTerms:
    """Codes are given once for ever: an archived coupon keeps its code."""
    code = data.code.upper()

    async def create(writer: Writer) -> CouponTerms:
        if not await terms.create(writer, [code], terms_of(data)):
            raise Refusal("code_taken", f"There is a coupon {code}, maybe an archived one.", code=code)
        made = await terms.read(writer, code)
        await write_down(writer, caller, "coupon.create", code, after=made, reason=data.reason)
        return made

    scope = scope_of(request, caller, "POST /admin/coupons")
    return await once(house, scope, idempotency_key(idempotency), data, CouponTerms, create)


@post(
    "/admin/coupons/bulk", operation_id="createCoupons", access=Scope.COUPONS_WRITE,
    tags=["Staff"], summary="Many coupons for one order each",
    responses=staff_refuses("coupon_scope_unknown", "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def create_coupons(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[ManyCoupons],
    idempotency: IdempotencyKey = None,
) -> CodesMade:  # fmt: skip
    """All or none, at most a thousand; each can be used by one order, changed and archived by itself."""
    prefix = data.prefix.upper()

    async def create(writer: Writer) -> CodesMade:
        values = {**terms_of(data), "max_redemptions": 1}
        codes: list[str] = []
        while len(codes) < data.count:
            codes += await terms.create(writer, [random_code(prefix) for _ in range(data.count - len(codes))], values)
        said = msgspec.to_builtins(data)
        said.pop("reason")
        await write_down(writer, caller, "coupon.create_many", prefix, after=said, reason=data.reason)
        return CodesMade(codes)

    scope = scope_of(request, caller, "POST /admin/coupons/bulk")
    return await once(house, scope, idempotency_key(idempotency), data, CodesMade, create)


@get(
    "/admin/coupons/{code:str}", operation_id="readCoupon", access=Scope.COUPONS_READ,
    tags=["Staff"], summary="A coupon and its use",
    responses=staff_refuses("coupon_not_found"),
)  # fmt: skip
async def read_coupon(house: House, code: CodeInPath) -> CouponReport:
    """Also when it is archived."""
    known = code_of(code)
    found = await terms.find(house.database, known) if known else None
    if found is None:
        raise _unknown()
    return found


@patch(
    "/admin/coupons/{code:str}", operation_id="changeCoupon", access=Scope.COUPONS_WRITE,
    tags=["Staff"], summary="Change a coupon",
    responses=staff_refuses("coupon_not_found", "archived", "coupon_limit_too_low", "coupon_scope_unknown", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def change_coupon(house: House, caller: Caller, code: CodeInPath, data: JSONBody[CouponChange]) -> CouponTerms:
    """For carts and quotes from now on; placed orders keep their discount."""
    async with house.database.writing() as writer:
        was = await _locked(writer, code)
        if was.archived_at is not None:
            raise Refusal("archived", "This coupon is archived: restore it first.")
        wanted = wanted_of(data)
        now = msgspec.structs.replace(was, **wanted)
        _must_fit(now)
        if differences(was, now) is not None:
            now = await terms.change(writer, was.code, wanted)
            before, after = differences(was, msgspec.structs.replace(now, updated_at=was.updated_at)) or ({}, {})
            await write_down(writer, caller, "coupon.change", was.code, before=before, after=after, reason=data.reason)
    return now


@delete(
    "/admin/coupons/{code:str}", operation_id="archiveCoupon", access=Scope.COUPONS_WRITE,
    tags=["Staff"], summary="Withdraw a coupon",
    responses=staff_refuses("coupon_not_found", "invalid"),
)  # fmt: skip
async def archive_coupon(house: House, caller: Caller, code: CodeInPath, reason: WhyAsked = None) -> Response[None]:
    """On no cart it takes anything off any more; placed orders keep their discount. Again changes nothing."""
    async with house.database.writing() as writer:
        was = await _locked(writer, code)
        if was.archived_at is None:
            await _move(writer, caller, "coupon.archive", was, reason)
    return Response(None, status_code=204)


@post(
    "/admin/coupons/{code:str}/restore", operation_id="restoreCoupon", access=Scope.COUPONS_WRITE,
    tags=["Staff"], summary="Offer an archived coupon again", status_code=200,
    responses=staff_refuses("coupon_not_found", "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def restore_coupon(
    request: StrictRequest, house: House, caller: Caller, code: CodeInPath, reason: WhyAsked = None,
    idempotency: IdempotencyKey = None,
) -> CouponTerms:  # fmt: skip
    """With the terms and the count it had. One that is not archived stays as it is."""

    async def restore(writer: Writer) -> CouponTerms:
        was = await _locked(writer, code)
        return was if was.archived_at is None else await _move(writer, caller, "coupon.restore", was, reason)

    scope = scope_of(request, caller, f"POST /admin/coupons/{code_of(code)}/restore")
    return await once(house, scope, idempotency_key(idempotency), reason, CouponTerms, restore)


def _must_fit(now: CouponTerms) -> None:
    """Raises: Invalid or Refusal when terms that are each possible are not so together."""
    if now.ends_at is not None and now.ends_at <= now.starts_at:
        raise Invalid(FieldError("ends_at is later than starts_at", pointer="/ends_at"))
    if now.max_redemptions is not None and now.max_redemptions < now.redeemed:
        detail = f"{now.redeemed} orders use this coupon already."
        raise Refusal("coupon_limit_too_low", detail, redeemed=now.redeemed)


async def _locked(writer: Writer, code: str) -> CouponTerms:
    known = code_of(code)
    found = await terms.lock(writer, known) if known else None
    if found is None:
        raise _unknown()
    return found


async def _move(writer: Writer, caller: Identity, action: str, was: CouponTerms, reason: str | None) -> CouponTerms:
    now = await terms.move(writer, was.code, archived=was.archived_at is None)
    before, after = {"archived_at": was.archived_at}, {"archived_at": now.archived_at}
    await write_down(writer, caller, action, was.code, before=before, after=after, reason=reason)
    return now


def _unknown() -> Refusal:
    return Refusal("coupon_not_found", "There is no such coupon.")


handlers = [
    list_coupons, create_coupon, create_coupons, read_coupon, change_coupon, archive_coupon, restore_coupon,
]  # fmt: skip
