"""The first step of every order: freeze what the cart costs and hold its stock, or refuse and leave no trace."""

from datetime import datetime, timedelta

import msgspec
from temporalio import activity

from models import clock
from models.allocation import RULES, Allocation
from models.cart import Cart
from models.checkout import Purchase
from models.coupon import Discounts
from models.credit import PROVIDER, spend
from models.database import Database, Writer
from models.errors import Refusal, Unavailable
from models.exchange import SHIPPING_CODE
from models.ids import OrderId, PaymentId, new_id
from models.money import Money
from models.money import total as sum_of
from models.order import FulfilmentStatus, Order, OrderLine, OrderStatus, Shipping, UsedCoupon, workflow_id
from models.payment import TERMS, PaymentStatus
from models.pricing import Priced, price, quote
from models.screening import Screening, Subject, judge
from models.tables import cart as carts
from models.tables import checkout as checkouts
from models.tables import credit as credits
from models.tables import inventory, screening
from models.tables import order as orders
from models.tables import payment as payments
from models.tables import pricing as price_tables
from models.tables import redemption as redemptions

SHIP_WITHIN = timedelta(days=3)
TRIES = 5
"""How often an order looks again at a coupon that others keep using up and giving back."""


class PlaceOrder(msgspec.Struct, frozen=True):
    """Make an order of a cart."""

    purchase: Purchase


class Refused(msgspec.Struct, frozen=True):
    """The business said no."""

    code: str
    detail: str
    facts: dict[str, object]


class OrderPlaced(msgspec.Struct, frozen=True):
    """The order as frozen.

    Its ids are chosen in the transaction that writes them: were they the workflow's, a first task that is lost after
    the commit and run again would choose others.
    """

    order_id: OrderId
    payment_id: PaymentId
    total: Money
    units: int
    placed_at: datetime
    pay_until: datetime
    credit: Money | None = None
    """Of the total, what gift cards and store credit pay; None: nothing."""
    coupons: bool = False
    """Whether it used any up, which its end settles."""
    ship_within: timedelta = SHIP_WITHIN
    """How long it may wait, once paid, to be shipped before a person is told."""
    screening: Screening | None = None
    """How it was judged; None: this shop does not screen."""
    promised_at: datetime | None = None
    """By when the last of what was not here is sent; None: all of it was."""
    reserved_for: timedelta | None = None
    """Its money is taken parcel by parcel, and reserved anew after so long; None: it is taken at once."""

    @property
    def due(self) -> Money:
        """What the payment provider takes; nothing: then it is not asked."""
        return self.total - self.credit if self.credit else self.total


class PlacingOutcome(msgspec.Struct, frozen=True):
    """Exactly one of the two is set."""

    placed: OrderPlaced | None = None
    refusal: Refused | None = None


class CheckoutActivities:
    """Needs Postgres, how long an order may wait for its payment and its parcel, and from where its goods come."""

    def __init__(
        self, database: Database, payment_window: timedelta, allocation: Allocation = Allocation.FEWEST_PARCELS,
        ship_within: timedelta = SHIP_WITHIN, screening: Screening | None = None,
        reserved_for: timedelta | None = None,
    ) -> None:  # fmt: skip
        """`screening`: its limit, and how long somebody may take to look; None: no order is screened."""
        self._database = database
        self._payment_window = payment_window
        self._ship_within = ship_within
        self._screening = screening
        self._reserved_for = reserved_for
        self._allocate = RULES[allocation]

    @activity.defn
    async def place_order(self, request: PlaceOrder) -> PlacingOutcome:
        """Price the cart, freeze the order and hold its stock, or refuse.

        Changes: order, lines, payment, credit, coupons, holds, stock, timeline; all in one transaction, or none.
        Again: the outcome of the first run stands in `checkouts` and is answered again.
        Undo: `cancel_order`.
        """
        purchase = request.purchase
        for _ in range(TRIES):
            try:
                async with self._database.writing() as writer:
                    cart = await carts.lock(writer, purchase.cart_id)
                    if (known := await _known(writer, purchase)) is not None:
                        return known
                    outcome = PlacingOutcome(placed=await self._place(writer, cart, purchase))
                    await checkouts.remember(writer, purchase, outcome)
                    return outcome
            except Refusal as refusal:
                return await self._refuse(purchase, refusal)
            except redemptions.Overtaken:
                continue  # judged anew from the start, it is refused with the reason
        raise Unavailable("postgres", "a coupon kept changing")

    async def _refuse(self, purchase: Purchase, refusal: Refusal) -> PlacingOutcome:
        """A transaction of its own, when what was begun is rolled back: only refusals pay for it, no order does."""
        async with self._database.writing() as writer:
            await carts.lock(writer, purchase.cart_id)
            if (known := await _known(writer, purchase)) is not None:
                return known
            outcome = PlacingOutcome(refusal=Refused(refusal.code, refusal.detail, dict(refusal.facts)))
            await carts.open_next_attempt(writer, purchase.cart_id, purchase.attempt)
            await checkouts.remember(writer, purchase, outcome)
            return outcome

    async def _place(self, writer: Writer, cart: Cart | None, purchase: Purchase) -> OrderPlaced:
        order_id, payment_id, now = OrderId(new_id()), PaymentId(new_id()), clock.now()
        if cart is None or not cart.lines:
            raise Refusal("cart_empty", "There is nothing in this cart.")
        if cart.attempt != purchase.attempt:
            raise Refusal("checkout_superseded", "This cart has been checked out meanwhile; look at it again.")
        withdrawn = [line.sku for line in cart.lines if not line.on_sale]
        if withdrawn:
            gone = [{"sku": sku, "requested": 0, "available": 0} for sku in withdrawn]
            raise Refusal("out_of_stock", "Some items are no longer sold.", items=gone)
        known = await redemptions.for_buyer(writer, cart.coupons, order_id, purchase.customer_id, purchase.email)
        discounts = msgspec.structs.replace(cart, coupons=known).discounts(now)
        shipping, priced = await _priced(writer, cart, purchase, discounts)
        if purchase.expected_total.currency != cart.currency:
            raise Refusal("currency_mismatch", f"This cart is in {cart.currency}.", currency=cart.currency)
        _must_still_count(discounts, priced, purchase)
        credit = await _paid_by_credit(writer, order_id, cart, purchase, priced.totals.total)
        due = priced.totals.total - credit if credit else priced.totals.total
        order = Order(
            id=order_id, number=purchase.number, workflow_id=workflow_id(purchase.cart_id, purchase.attempt),
            cart_id=purchase.cart_id, attempt=purchase.attempt, customer_id=purchase.customer_id,
            email=purchase.email, locale=purchase.locale, status=OrderStatus.PENDING,
            payment_status=PaymentStatus.PENDING,
            fulfilment_status=FulfilmentStatus.UNFULFILLED, totals=priced.totals, shipping=shipping,
            shipping_address=purchase.shipping_address, billing_address=purchase.billing_address,
            lines=tuple(
                OrderLine(line.variant_id, line.sku, line.name, line.quantity, line.unit_price,
                          line.unit_price * line.quantity, tax, discount)
                for line, tax, discount in zip(cart.lines, priced.line_taxes, priced.line_discounts, strict=True)
            ),
            placed_at=now, credit=credit,
            pay_until=now + (purchase.exchange.pay_within if purchase.exchange else self._payment_window),
            coupons=tuple(UsedCoupon(each.coupon.code, each.discount) for each in discounts.used),
            taxes=priced.taxes,
        )  # fmt: skip
        await orders.insert(writer, order)
        provider = purchase.payment.provider if due.amount else PROVIDER
        await payments.open_payment(writer, payment_id, order.id, due, provider)
        paid = {"credit": credit, "due": due} if credit else {}
        await orders.tell(writer, order.id, "placed", "order_placed", "buyer", total=priced.totals.total, **paid)
        judged = await self._screened(writer, order) if purchase.exchange is None else None
        if discounts.used:
            await redemptions.redeem(writer, order, discounts.used)
        # Last, because the rows of a hot product stay locked from here to the commit.
        wanted = {line.variant_id: line.quantity for line in cart.lines}
        awaited = await inventory.hold(
            writer, order.id, wanted, order.pay_until, purchase.shipping_address, self._allocate, beyond=True
        )
        if awaited:
            facts = {"skus": sorted(line.sku for line in cart.lines if line.variant_id in awaited)}
            until = max(awaited.values())
            await orders.tell(writer, order.id, "awaited", "goods_awaited", "order", **facts, promised_at=until)
        units, used = sum(line.quantity for line in cart.lines), bool(discounts.used)
        total = priced.totals.total
        terms = TERMS.get(provider)
        return OrderPlaced(
            order.id, payment_id, total, units, order.placed_at, order.pay_until, credit, used, self._ship_within,
            judged, max(awaited.values(), default=None),
            self._reserved_for if terms is not None and terms.captures_apart else None,
        )  # fmt: skip

    async def _screened(self, writer: Writer, order: Order) -> Screening | None:
        """How an order is judged by what is known of who buys; only shops that screen ask."""
        if self._screening is None:
            return None
        subject = Subject(
            order.email, order.shipping_address, order.billing_address, order.totals.total, order.placed_at
        )
        facts = await screening.facts_of(writer, order.id, order.customer_id, subject)
        return msgspec.structs.replace(self._screening, signs=judge(subject, facts))


async def _known(writer: Writer, purchase: Purchase) -> PlacingOutcome | None:
    """What an earlier run of the same step answered."""
    known = await checkouts.outcome_of(writer, purchase.cart_id, purchase.attempt)
    return None if known is None else msgspec.convert(known, PlacingOutcome)


def _must_still_count(discounts: Discounts, priced: Priced, purchase: Purchase) -> None:
    """Raises: Refusal with the reason of a coupon without which the order costs more than the buyer was shown."""
    why, total, expected = discounts.refusal, priced.totals.total, purchase.expected_total
    if why is not None and expected < total:
        raise Refusal(why.code, why.detail, **{**why.facts, "total": total, "expected_total": expected})


async def _priced(writer: Writer, cart: Cart, purchase: Purchase, discounts: Discounts) -> tuple[Shipping, Priced]:
    """The chosen shipping and the totals. Raises: Refusal `no_shipping`, `shipping_method_unknown`."""
    assert cart.currency is not None
    to = purchase.shipping_address
    if purchase.exchange is not None:
        rates, free = await price_tables.tax_rates_for(writer, to.country), Money.zero(cart.currency)
        return Shipping(SHIPPING_CODE, "Exchange", "3-5 days"), price(cart.items, free, rates, to.country, to.region)
    methods = await price_tables.shipping_methods_for(writer, to.country, cart.currency)
    rates = await price_tables.tax_rates_for(writer, to.country)
    quoted = quote(cart.items, methods, rates, to.country, to.region, purchase.shipping_method, discounts.lines)
    return Shipping(quoted.chosen.code, quoted.chosen.name, quoted.chosen.estimate), quoted.priced


async def _paid_by_credit(writer: Writer, order: OrderId, cart: Cart, purchase: Purchase, total: Money) -> Money | None:
    """What gift cards and store credit pay of `total`, taken from them now; None: nothing.

    Nobody's card is charged more, or less, than they were shown. Raises: Refusal `price_changed`.
    """
    cards, user = [card.id for card in cart.gift_cards], purchase.customer_id if purchase.store_credit else None
    purses = await credits.lock(writer, cards, user, total.currency) if cards or user else []
    parts = spend(total, [purse.balance for purse in purses])
    credit = sum_of(parts, total.currency)
    expected_due = purchase.expected_due or purchase.expected_total
    if (total, total - credit) != (purchase.expected_total, expected_due):
        facts = {"credit": credit, "due": total - credit, "expected_due": expected_due}
        raise Refusal(
            "price_changed", "The total is no longer what you were shown.",
            total=total, expected_total=purchase.expected_total, **facts if purses or purchase.expected_due else {},
        )  # fmt: skip
    if not credit.amount:
        return None
    await credits.hold(
        writer, order, {purse.id: part for purse, part in zip(purses, parts, strict=True) if part.amount}
    )
    return credit
