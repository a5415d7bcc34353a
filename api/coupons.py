"""Coupons on the cart: put on by their code, or refused with the reason why they take nothing off."""

from typing import Annotated

import msgspec
from litestar import delete, post
from litestar.params import JSONBody, QueryParameter

from api.access import Access
from api.cart import CartReply, reply
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.problems import refuses
from api.repeats import once, scope_of
from models import clock
from models.database import Writer
from models.ids import CartId, new_id
from models.tables import cart_coupon as cart_coupons

Typed = Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["WELCOME10"])]
OneCode = Annotated[
    str | None, QueryParameter(name="code", max_length=100, description="Of the one to take off; left out: all of them")
]
REASONS = (
    "coupon_expired", "coupon_not_started", "coupon_used_up", "coupon_not_in_currency",
    "coupon_not_for_these_goods", "coupon_minimum_not_met", "coupon_used_by_you", "coupon_first_order_only",
    "coupon_not_combinable",
)  # fmt: skip
"""Why a coupon that there is does not count."""


class CouponBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the buyer typed."""

    code: Typed
    """In capitals or not; blanks around it do not matter."""


@post(
    "/cart/coupon", operation_id="addCartCoupon", access=Access.ANYONE, tags=["Cart"],
    summary="Put a coupon on the cart", status_code=200,
    responses=refuses("coupon_unknown", *REASONS, "cart_empty", "cart_full", "idempotency_key_reused", "invalid",
                      "unsupported_media_type", "unavailable"),
)  # fmt: skip
async def add_coupon(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[CouponBody], idempotency: IdempotencyKey = None
) -> CartReply:
    """Refused with the reason when it would take nothing off; one that is on the cart already stays there.

    What depends on the buyer's earlier orders is known of a guest at checkout only, from the e-mail address.
    """
    cart_id = caller.cart or CartId(new_id())

    async def put(writer: Writer) -> CartReply:
        return reply(house, caller, await cart_coupons.add(writer, cart_id, data.code, clock.now()))

    scope = scope_of(request, caller, "POST /cart/coupon")
    return await once(house, scope, idempotency_key(idempotency), data, CartReply, put)


@delete(
    "/cart/coupon", operation_id="removeCartCoupons", access=Access.ANYONE, tags=["Cart"],
    summary="Take coupons off the cart", status_code=200, responses=refuses("invalid", "unavailable"),
)  # fmt: skip
async def remove_coupons(house: House, caller: Caller, code: OneCode = None) -> CartReply:
    """Taking off what is not (or no longer) on the cart changes nothing."""
    if caller.cart is None:
        return reply(house, caller, None)
    async with house.database.writing() as writer:
        cart = await cart_coupons.remove(writer, caller.cart, code)
    return reply(house, caller, cart)


handlers = [add_coupon, remove_coupons]
