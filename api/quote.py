"""What the cart will cost at an address: the same tables and sums that checkout freezes, asked without a promise."""

from typing import Annotated

import msgspec
from litestar import post
from litestar.params import JSONBody

from api.access import Access
from api.addresses import AddressBody
from api.checkout import no_store_credit
from api.context import Caller, House
from api.destinations import resolved, shipping_of
from api.problems import refuses
from models import clock, logs
from models.address import Address
from models.cart import Cart
from models.credit import Bill, spend
from models.errors import Refusal
from models.ids import AddressId, UserId
from models.money import total
from models.pricing import ShippingQuote, quote
from models.tables import cart as carts
from models.tables import pricing as price_tables
from models.tables import store_credit


class QuoteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where it would go, and how."""

    shipping_address: AddressBody | None = None
    shipping_address_id: AddressId | None = None
    """Instead of `shipping_address`: one of the account's saved addresses."""
    shipping_method: Annotated[str, msgspec.Meta(min_length=1, max_length=50)] | None = None
    """`code` of a method; left out: the cheapest."""
    store_credit: bool = False
    """Spend the account's store credit too, after the cart's gift cards. Signed in only."""


class QuoteReply(msgspec.Struct, frozen=True):
    """What can carry the cart there, cheapest first, and the sums with the chosen method."""

    shipping_methods: list[ShippingQuote]
    totals: Bill
    """Give `totals.total` to the checkout as `expected_total`, and `totals.due` as `expected_due`."""


@post(
    "/checkout/quote", operation_id="quoteCheckout", access=Access.ANYONE, tags=["Checkout"], status_code=200,
    summary="Shipping methods and totals for an address",
    responses=refuses("address_not_found", "cart_empty", "no_shipping", "shipping_method_unknown", "invalid",
                      "unsupported_media_type", "unavailable"),
)  # fmt: skip
async def quote_checkout(house: House, caller: Caller, data: JSONBody[QuoteBody]) -> QuoteReply:
    """Changes nothing and holds nothing."""
    logs.bind(cart_id=caller.cart)
    choice = shipping_of(data.shipping_address, data.shipping_address_id)
    cart = await carts.read(house.database, caller.cart) if caller.cart else None
    if cart is None or cart.currency is None or not cart.lines:
        raise Refusal("cart_empty", "There is nothing in this cart.")
    to, _ = await resolved(house, caller, choice)
    if data.store_credit and caller.user is None:
        raise no_store_credit("/store_credit")
    spender = caller.user if data.store_credit else None
    return await _quoted(house, cart, cart.currency, to, data.shipping_method, spender)


async def _quoted(
    house: House, cart: Cart, currency: str, to: Address, method: str | None, spender: UserId | None
) -> QuoteReply:
    """`spender`: whose store credit pays too."""
    balances = [card.worth(currency) for card in cart.gift_cards]
    async with house.database.reading() as reader:
        if spender:
            balances.append(await store_credit.balance(reader, spender, currency))
        methods = await price_tables.shipping_methods_for(reader, to.country, currency)
        rates = await price_tables.tax_rates_for(reader, to.country)
    quoted = quote(cart.items, methods, rates, to.country, to.region, method, cart.discounts(clock.now()).lines)
    totals = quoted.priced.totals
    parts = spend(totals.total, balances)
    return QuoteReply(list(quoted.methods), Bill.of(totals, total(parts, currency)))


handlers = [quote_checkout]
