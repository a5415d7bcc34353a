"""What the cart will cost at an address: the same tables and sums that checkout freezes, asked without a promise."""

from typing import Annotated

import msgspec
from litestar import post
from litestar.params import JSONBody

from api.addresses import AddressBody
from api.context import Caller, House
from api.problems import refuses
from models import logs
from models.cart import Cart
from models.errors import Refusal
from models.money import total
from models.pricing import Item, ShippingQuote, Totals, price, shipping_quotes
from models.tables import cart as carts
from models.tables import pricing as price_tables


class QuoteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where it would go, and how."""

    shipping_address: AddressBody
    shipping_method: Annotated[str, msgspec.Meta(min_length=1, max_length=50)] | None = None
    """`code` of a method; left out: the cheapest."""


class QuoteReply(msgspec.Struct, frozen=True):
    """What can carry the cart there, cheapest first, and the sums with the chosen method."""

    shipping_methods: list[ShippingQuote]
    totals: Totals
    """Give `totals.total` to the checkout as `expected_total`."""


@post(
    "/checkout/quote", operation_id="quoteCheckout", tags=["Checkout"], status_code=200,
    summary="Shipping methods and totals for an address",
    responses=refuses("cart_empty", "no_shipping", "shipping_method_unknown", "invalid",
                      "unsupported_media_type", "unavailable"),
)  # fmt: skip
async def quote_checkout(house: House, caller: Caller, data: JSONBody[QuoteBody]) -> QuoteReply:
    """Changes nothing and holds nothing."""
    logs.bind(cart_id=caller.cart)
    cart = await carts.read(house.database, caller.cart) if caller.cart else None
    if cart is None or cart.currency is None or not cart.lines:
        raise Refusal("cart_empty", "There is nothing in this cart.")
    return await _quoted(house, cart, cart.currency, data)


async def _quoted(house: House, cart: Cart, currency: str, wish: QuoteBody) -> QuoteReply:
    to = wish.shipping_address
    items = [Item(line.quantity, line.unit_price, line.weight, line.tax_category) for line in cart.lines]
    weight = sum(item.weight * item.quantity for item in items)
    subtotal = total([item.unit_price * item.quantity for item in items], currency)
    async with house.database.reading() as reader:
        methods = await price_tables.shipping_methods_for(reader, to.country, currency)
        rates = await price_tables.tax_rates_for(reader, to.country)
    quotes = shipping_quotes(methods, to.country, weight, subtotal)
    if not quotes:
        raise Refusal("no_shipping", f"Nothing in this cart can be sent to {to.country}.", country=to.country)
    wanted = wish.shipping_method or quotes[0].code
    chosen = next((quote for quote in quotes if quote.code == wanted), None)
    if chosen is None:
        codes = [quote.code for quote in quotes]
        raise Refusal("shipping_method_unknown", "This shipping method is not offered here.", shipping_methods=codes)
    return QuoteReply(quotes, price(items, chosen.price, rates, to.country, to.region).totals)


handlers = [quote_checkout]
