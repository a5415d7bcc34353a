"""The cart: anonymous, opened by a signed token, priced anew at every look. Only a first item writes a row."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from api.access import Access, prove
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.problems import refuses
from api.repeats import once, scope_of
from models import clock, logs, tokens
from models.cart import MOST_A_LINE, MOST_SHOWN, Cart, CartLine
from models.coupon import NO_DISCOUNTS
from models.credit import Bill, spend
from models.database import Fetch, fetching
from models.errors import Refusal
from models.ids import CartId, CartItemId, CreditAccountId, new_id
from models.money import Money, total
from models.session import Claims
from models.tables import cart as carts
from models.totals import Totals

Sku = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=MOST_A_LINE)]


class AddItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More units of a variant."""

    sku: Sku
    quantity: Quantity
    currency: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{3}$")] | None = None
    """ISO 4217, lower case. The first item decides it for the whole cart; left out: the shop's own, or the cart's."""


class ChangeItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another number of units."""

    quantity: Quantity


class CartItem(msgspec.Struct, frozen=True):
    """One line of a cart at today's price."""

    id: CartItemId
    sku: str
    name: str
    quantity: int
    unit_price: Money
    line_total: Money
    available: int
    """Units that can be bought now, capped at 100."""
    backorder_days: int | None
    """Not all of it is here: what is not is sent within so many days; null: all of it is, or it cannot be bought."""


class CartWarning(msgspec.Struct, frozen=True):
    """Something the buyer should see before paying.

    `code`: `price_changed`, `not_enough_stock`, `not_on_sale`, `coupon_not_applied`.
    """

    code: str
    sku: str | None
    """Null where it is about no single item."""
    detail: str
    facts: dict[str, Any] = {}
    """`price_changed`: `was`, `now`; `not_enough_stock`: `quantity`, `available`; `coupon_not_applied`: `coupon`,
    `reason` (the code with which `POST /cart/coupon` would refuse it) and that reason's own facts."""


class CartCoupon(msgspec.Struct, frozen=True):
    """A coupon on the cart."""

    code: str
    description: str
    discount: Money
    """What it takes off: nothing while a warning tells why."""


class CartGiftCard(msgspec.Struct, frozen=True):
    """A gift card that pays for the cart, before those added after it."""

    id: CreditAccountId
    """Takes it out again: `DELETE /cart/gift-cards/{id}`."""
    last4: str
    """Of its code."""
    balance: Money
    applied: Money
    """What it pays of `totals.total`: nothing once it has expired, or when it is of another currency."""
    expired: bool


class CartReply(msgspec.Struct, frozen=True):
    """A cart. Shipping and tax are zero here: `POST /checkout/quote` knows them for an address."""

    id: CartId
    cart_token: str | None
    """Send it back as header `Cart-Token`: whoever holds it holds the cart. None: the cart of who is signed in."""
    currency: str
    items: list[CartItem]
    coupon: str | None
    """`code` of the first of `coupons`."""
    coupons: list[CartCoupon]
    """In the order in which they were added."""
    gift_cards: list[CartGiftCard]
    totals: Bill
    warnings: list[CartWarning]


@get(
    "/cart", operation_id="readCart", access=Access.PROVEN_BY_QUERY,
    tags=["Cart"], summary="The cart", responses=refuses("unavailable")
)  # fmt: skip
async def read_cart(house: House, caller: Caller) -> CartReply:
    """At today's prices. Without a `Cart-Token` that we gave out, and not signed in: a new, empty cart."""
    cart = await carts.read(house.database, caller.cart, caller.session) if caller.cart else None
    if cart is None and caller.user and caller.session:
        await prove(house, Claims(caller.user, caller.session))  # no cart yet, or no session any more
    return reply(house, caller, cart)


@delete(
    "/cart", operation_id="clearCart", access=Access.ANYONE, tags=["Cart"], summary="Empty the cart", status_code=200,
    responses=refuses("unavailable"),
)  # fmt: skip
async def clear_cart(house: House, caller: Caller) -> CartReply:
    """The cart stays, and so does its token."""
    if caller.cart is None:
        return reply(house, caller, None)
    async with house.database.writing() as writer:
        await carts.clear(writer, caller.cart)
        cart = await carts.lock(writer, caller.cart)
    return reply(house, caller, cart)


@post(
    "/cart/items", operation_id="addCartItem", access=Access.ANYONE,
    tags=["Cart"], summary="Put something into the cart",
    responses=refuses("currency_mismatch", "unknown_sku", "not_sold_in_currency", "quantity_out_of_range",
                      "cart_full", "idempotency_key_reused", "invalid", "unsupported_media_type", "unavailable"),
)  # fmt: skip
async def add_item(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[AddItem], idempotency: IdempotencyKey = None
) -> Response[CartReply]:
    """Adding again sums up. Stock is not held: that happens at checkout."""
    cart_id = caller.cart or CartId(new_id())

    async def put(fetch: Fetch) -> CartReply:
        default = house.settings.default_currency
        cart = await carts.add(fetch, cart_id, data.sku, data.quantity, data.currency, default, caller.user)
        return reply(house, caller, cart)

    key = idempotency_key(idempotency)
    if key is None:
        async with house.database.writing_by_driver() as fetch:
            return Response(await put(fetch), status_code=201)
    scope = scope_of(request, caller, "POST /cart/items")
    answer = await once(house, scope, key, data, CartReply, lambda writer: put(fetching(writer)))
    return Response(answer, status_code=201)


@patch(
    "/cart/items/{item_id:uuid}", operation_id="changeCartItem", access=Access.ANYONE,
    tags=["Cart"], summary="Change a quantity",
    responses=refuses("cart_item_not_found", "invalid", "unsupported_media_type", "unavailable"),
)  # fmt: skip
async def change_item(house: House, caller: Caller, item_id: FromPath[UUID], data: JSONBody[ChangeItem]) -> CartReply:
    """The line gets this quantity, at today's price."""
    cart_id = caller.cart or CartId(new_id())
    async with house.database.writing() as writer:
        await carts.set_quantity(writer, cart_id, CartItemId(item_id), data.quantity)
        cart = await carts.lock(writer, cart_id)
    return reply(house, caller, cart)


@delete(
    "/cart/items/{item_id:uuid}", operation_id="removeCartItem", access=Access.ANYONE,
    tags=["Cart"], summary="Take something out",
    status_code=200, responses=refuses("unavailable"),
)  # fmt: skip
async def remove_item(house: House, caller: Caller, item_id: FromPath[UUID]) -> CartReply:
    """Taking out what is not (or no longer) in the cart changes nothing."""
    if caller.cart is None:
        return reply(house, caller, None)
    async with house.database.writing() as writer:
        await carts.remove(writer, caller.cart, CartItemId(item_id))
        cart = await carts.lock(writer, caller.cart)
    return reply(house, caller, cart)


def reply(house: House, caller: Caller, cart: Cart | None) -> CartReply:
    """The cart as its buyer sees it; None: nothing was ever put in."""
    cart = cart or Cart(caller.cart or CartId(new_id()), None, 1)
    logs.bind(cart_id=cart.id)
    currency = cart.currency or house.settings.default_currency
    subtotal, nothing = total([line.unit_price * line.quantity for line in cart.lines], currency), Money.zero(currency)
    found = cart.discounts(clock.now()) if cart.coupons else NO_DISCOUNTS
    discount = total([each.discount for each in found.coupons], currency)
    parts = spend(subtotal - discount, [card.worth(currency) for card in cart.gift_cards])
    return CartReply(
        id=cart.id, currency=currency,
        cart_token=None if caller.user else caller.cart_token or tokens.cart_token(house.settings.secret_key, cart.id),
        items=[
            CartItem(line.id, line.sku, line.name, line.quantity, line.unit_price, line.unit_price * line.quantity,
                     min(line.available, MOST_SHOWN) if line.on_sale else 0,
                     line.backorder_days if line.on_sale else None)
            for line in cart.lines
        ],
        coupon=cart.coupons[0].code if cart.coupons else None,
        coupons=[CartCoupon(each.coupon.code, each.coupon.description, each.discount) for each in found.coupons],
        gift_cards=[
            CartGiftCard(card.id, card.last4, card.balance, part, card.expired)
            for card, part in zip(cart.gift_cards, parts, strict=True)
        ],
        totals=Bill.of(Totals(subtotal, discount, nothing, nothing, subtotal - discount), total(parts, currency)),
        warnings=[
            *(warning for line in cart.lines for warning in _warnings(line)),
            *(_not_applied(each.refusal) for each in found.coupons if each.refusal is not None),
        ],
    )  # fmt: skip


def _warnings(line: CartLine) -> list[CartWarning]:
    if not line.on_sale:
        return [CartWarning("not_on_sale", line.sku, f"{line.name} is no longer sold.")]
    found = []
    if line.unit_price != line.seen_price:
        detail = f"{line.name} now costs {line.unit_price}, before {line.seen_price}."
        found.append(CartWarning("price_changed", line.sku, detail, {"was": line.seen_price, "now": line.unit_price}))
    if line.available < line.quantity:
        left = min(line.available, MOST_SHOWN)
        detail = f"Only {left} of {line.name} are left." if left else f"{line.name} is sold out."
        facts = {"quantity": line.quantity, "available": left}
        found.append(CartWarning("not_enough_stock", line.sku, detail, facts))
    return found


def _not_applied(why: Refusal) -> CartWarning:
    return CartWarning("coupon_not_applied", None, why.detail, {"reason": why.code, **why.facts})


handlers = [read_cart, clear_cart, add_item, change_item, remove_item]
