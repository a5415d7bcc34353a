"""Gift cards in the cart: they pay at checkout before a card is charged, and change no price."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, post
from litestar.params import FromPath, JSONBody

from api.access import Access
from api.cart import CartReply, reply
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key, sealed
from api.limits import Limit
from api.problems import refuses
from api.repeats import once, scope_of
from models import tokens
from models.database import Writer
from models.ids import CartId, CreditAccountId, new_id
from models.tables import gift_card as gift_cards

Code = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9 -]{1,40}$(?!\n)", examples=["K7QM-2XNF-9TRA-HWPD"])
]  # fmt: skip


class GiftCardBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands on the card."""

    code: Code
    """In capitals or not, with dashes and blanks or without."""


@post(
    "/cart/gift-cards", operation_id="addCartGiftCard", access=Access.ANYONE, limited=Limit.GIFT_CARD,
    tags=["Cart"], summary="Pay with a gift card",
    responses=refuses("gift_card_unknown", "gift_card_expired", "gift_card_empty", "currency_mismatch", "cart_full",
                      "idempotency_key_reused", "invalid", "unsupported_media_type", "too_many_requests",
                      "unavailable"),
)  # fmt: skip
async def add_gift_card(
    request: StrictRequest,
    house: House,
    caller: Caller,
    data: JSONBody[GiftCardBody],
    idempotency: IdempotencyKey = None,
) -> Response[CartReply]:
    """At most five a cart, spent in the order they were added. Nothing is taken before checkout.

    The quote says what they pay; give its `totals.due` to the checkout as `expected_due`.
    """
    cart_id = caller.cart or CartId(new_id())

    async def put(writer: Writer) -> CartReply:
        found = tokens.gift_card_key(house.settings.secret_key, data.code)
        return reply(house, caller, await gift_cards.put_into_cart(writer, cart_id, found, caller.user))

    scope = scope_of(request, caller, "POST /cart/gift-cards")
    answer = await once(house, scope, idempotency_key(idempotency), sealed(house, data), CartReply, put)
    return Response(answer, status_code=201)


@delete(
    "/cart/gift-cards/{card_id:uuid}", operation_id="removeCartGiftCard", access=Access.ANYONE, tags=["Cart"],
    summary="Do not pay with a gift card", status_code=200, responses=refuses("unavailable"),
)  # fmt: skip
async def remove_gift_card(house: House, caller: Caller, card_id: FromPath[UUID]) -> CartReply:
    """Taking out what is not (or no longer) in the cart changes nothing."""
    if caller.cart is None:
        return reply(house, caller, None)
    async with house.database.writing() as writer:
        cart = await gift_cards.take_out_of_cart(writer, caller.cart, CreditAccountId(card_id))
    return reply(house, caller, cart)


handlers = [add_gift_card, remove_gift_card]
