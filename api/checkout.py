"""Checkout: one message to the workflow that owns the order, and its answer in the words of HTTP. Writes no row."""

from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Literal, Protocol, cast

import msgspec
from litestar import Response, post
from litestar.params import JSONBody
from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import TemporalError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.access import Access
from api.addresses import AddressBody
from api.context import Browser, Caller, House, IdempotencyKey, Identity, digest, idempotency_key
from api.coupons import REASONS
from api.destinations import billing_of, resolved, shipping_of
from api.problems import FieldError, Invalid, refuses
from api.replies.checkout import CheckoutReply, reply_to
from models import clock, logs, tokens
from models.address import Address
from models.cart import Cart
from models.checkout import PaymentChoice, Purchase, same_body
from models.errors import Refusal, Unavailable, refusal_of
from models.ids import AddressId, CartId
from models.money import Money
from models.order import Order as OrderRow
from models.order import workflow_id
from models.payment import CHAPA, TERMS, takes
from models.tables import cart as carts
from models.tables import checkout as checkouts
from models.tables import order as orders
from models.tables.checkout import PastCheckout
from models.user import Email
from models.wording.languages import reader
from workflows import visibility
from workflows.order import Order
from workflows.order_messages import AwaitCheckout, OrderState
from workflows.patience import ORDERS

Provider = Literal["stripe", "chapa"]
PaymentMethod = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_]{3,255}$(?!\n)")]


ReturnUrl = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^https?://[!-~]{1,500}$(?!\n)", max_length=510, examples=["https://shop.example.com/thank-you"]
    ),
]


class PaymentBody(msgspec.Struct, forbid_unknown_fields=True):
    """How to pay. Without `payment_method` the answer's `client_secret` lets the browser finish the payment; with
    Chapa, or `hosted`, the answer's `redirect_url` is the page on which the buyer pays."""

    provider: Provider = "stripe"
    payment_method: PaymentMethod | None = None
    """The provider's id of a payment method, as Stripe.js gives it; never a card number. Not needed when `due` is 0."""
    save: bool = False
    """Keep the method for later purchases; for buyers who are signed in."""
    return_url: ReturnUrl | None = None
    """Where the provider's page sends the buyer afterwards; left out: to the shop."""
    hosted: bool = False
    """Pay on Stripe's own page instead of with a `payment_method`. Chapa is always paid on its page."""
    store_credit: bool = False
    """Spend the account's store credit too, after the cart's gift cards; for buyers who are signed in."""


class CheckoutBody(msgspec.Struct, forbid_unknown_fields=True):
    """Everything the order needs that is not in the cart."""

    shipping_method: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    expected_total: Money
    """The total that the buyer was shown; another one answers 409 `price_changed`."""
    payment: PaymentBody
    expected_due: Money | None = None
    """What a card is charged, as the quote's `totals.due` says; another sum answers 409 `price_changed`. Required when
    the cart has gift cards or store credit is to be spent."""
    email: Email | None = None
    """Left out: the account's. A guest has to give one."""
    shipping_address: AddressBody | None = None
    shipping_address_id: AddressId | None = None
    """Instead of `shipping_address`: one of the account's saved addresses, as it is now."""
    billing_address: AddressBody | None = None
    """Left out, and no `billing_address_id`: the shipping address."""
    billing_address_id: AddressId | None = None


ATTEMPTS = 3
"""How often a checkout looks at its cart again when another one moved it on meanwhile."""


@post(
    "/checkout",
    operation_id="checkOut", access=Access.ANYONE,
    tags=["Checkout"], summary="Buy what is in the cart", status_code=201,
    responses=refuses("address_not_found", "cart_empty", "checkout_superseded", "currency_mismatch", "order_open",
                      "out_of_stock", "price_changed", "payment_declined", "no_shipping", "shipping_method_unknown",
                      *REASONS, "idempotency_key_reused", "invalid", "unsupported_media_type", "unavailable"),
)  # fmt: skip
async def check_out(
    house: House,
    caller: Caller,
    data: JSONBody[CheckoutBody],
    idempotency: IdempotencyKey = None,
    language: Browser = None,
) -> Response[CheckoutReply]:
    """Answers 201 as soon as the outcome is known, 202 with the order's URL when it is not known within the budget.

    Send the same request again as often as you like: the same cart is bought once.
    """
    cart_id, key, email = caller.cart, idempotency_key(idempotency), data.email or caller.email
    if email is None:
        raise Invalid(FieldError("A guest has to give one", pointer="/email"))
    if data.payment.save and caller.user is None:
        raise no_wallet()
    must_suit(house, data.payment.provider, data.payment, data.expected_total.currency)
    if cart_id is None:
        raise Refusal("cart_empty", "There is nothing in this cart.")
    if data.payment.store_credit and caller.user is None:
        raise no_store_credit("/payment/store_credit")
    if data.payment.store_credit and data.expected_due is None:
        raise _due_not_told()
    shipping, billing, meant = await _resolved(house, caller, cart_id, key, data)
    for _ in range(ATTEMPTS):
        cart, attempt = await _attempt(house, cart_id, key, meant, data.expected_due)
        number = tokens.order_number(house.settings.secret_key, workflow_id(cart_id, attempt))
        logs.bind(order=number)
        purchase = Purchase(
            number=number, cart_id=cart_id, attempt=attempt, email=email,
            shipping_address=shipping, billing_address=billing,
            shipping_method=data.shipping_method, expected_total=data.expected_total,
            payment=PaymentChoice(
                data.payment.provider, data.payment.payment_method, data.payment.save, caller.customer,
                data.payment.return_url, data.payment.hosted,
            ),
            digest=meant, key=key or f"body:{meant}", customer_id=caller.user,
            store_credit=data.payment.store_credit, expected_due=data.expected_due,
            locale=reader(caller.locale, language),
        )  # fmt: skip
        answer = await _ask_owner(house, purchase, cart)
        if answer is not None:
            if isinstance(answer, OrderState) and answer.digest != meant:
                await _must_be_meant(house, purchase)
            return reply_to(house, number, answer)
    raise Unavailable("checkout", "this cart is being checked out by someone else; try again")


class HowToPay(Protocol):
    """What a checkout and another try say of the same payment."""

    payment_method: str | None
    save: bool
    return_url: str | None
    hosted: bool


def must_suit(house: House, provider: str, choice: HowToPay, currency: str) -> None:
    """Raises: Invalid when this shop is not paid like that, or not in this currency."""
    terms = TERMS[provider]
    wrong = None
    if provider == CHAPA and house.settings.chapa_webhook_secret is None:
        wrong = FieldError("This shop is not paid with Chapa", pointer="/payment/provider")
    elif not takes(provider, currency):
        known = ", ".join(sorted(terms.currencies or ()))
        wrong = FieldError(f"{provider} takes {known}, not {currency}", pointer="/payment/provider")
    elif terms.hosted and choice.payment_method is not None:
        wrong = FieldError(f"{provider} takes none: the buyer chooses on its page", pointer="/payment/payment_method")
    elif terms.hosted and choice.save:
        wrong = FieldError(f"{provider} keeps no payment methods", pointer="/payment/save")
    elif choice.hosted and choice.payment_method is not None:
        wrong = FieldError(
            "The buyer chooses on the page: leave it out, or `hosted`", pointer="/payment/payment_method"
        )
    elif not (terms.hosted or choice.hosted) and choice.return_url is not None:
        wrong = FieldError(f"{provider} sends nobody back, unless `hosted`", pointer="/payment/return_url")
    if wrong is not None:
        raise Invalid(wrong)


def no_store_credit(pointer: str) -> Invalid:
    """Store credit is an account's, and nobody is signed in."""
    return Invalid(FieldError("Only a buyer who is signed in has store credit", pointer=pointer))


def no_wallet() -> Invalid:
    """A card is kept for an account, and nobody is signed in, or not its buyer."""
    return Invalid(FieldError("Only a buyer who is signed in can keep a payment method", pointer="/payment/save"))


async def _resolved(
    house: House, caller: Identity, cart_id: CartId, key: str | None, data: CheckoutBody
) -> tuple[Address, Address, str]:
    """Shipping and billing address, and what makes this the same request as another one.

    That is its body, and what a saved address says now: whoever changed it after a declined card means another order.
    Only under the key that was sent before the body alone counts, even when the address is gone by now.
    """
    shipping = shipping_of(data.shipping_address, data.shipping_address_id)
    billing = billing_of(data.billing_address, data.billing_address_id)
    said = digest(data)
    if shipping.saved is None and billing.saved is None:
        return *await resolved(house, caller, shipping, billing), said
    try:
        found = await resolved(house, caller, shipping, billing)
    except Refusal:
        past = await checkouts.by_key(house.database, cart_id, key) if key else None
        if past is None or not same_body(past.digest, said):
            raise
        order = await orders.find_attempt(house.database, cart_id, past.attempt)
        if order is None:
            raise _refused(past) from None
        found = order.shipping_address, order.billing_address
    return *found, f"{said}.{digest(found)}"


async def _attempt(
    house: House, cart_id: CartId, key: str | None, meant: str, due: Money | None
) -> tuple[Cart | None, int]:
    """The cart and the number of the checkout that this request means: the one it began before, or the next one.

    Raises: Refusal `idempotency_key_reused`, `cart_empty`, or what an earlier try under the same key was refused for;
    Invalid when a new one does not say what is `due` besides its gift cards.
    """
    cart = await carts.read(house.database, cart_id)
    past = await checkouts.by_key(house.database, cart_id, key) if key else None
    if past is None and cart is not None and not cart.lines:
        # Bought a moment ago, by a click before this one or by one whose answer got lost on the way.
        past = await checkouts.by_attempt(house.database, cart_id, cart.attempt - 1)
        past = past if past and past.digest == meant else None
    if past is not None:
        if not same_body(past.digest, meant):
            raise Refusal("idempotency_key_reused", "This Idempotency-Key was used with another checkout.")
        if past.refusal:
            raise _refused(past)
        return cart, past.attempt
    if cart is None or not cart.lines:
        raise Refusal("cart_empty", "There is nothing in this cart.")
    if cart.gift_cards and due is None:
        raise _due_not_told()
    return cart, cart.attempt


def _due_not_told() -> Invalid:
    """Without it, a balance that shrank meanwhile would charge a card more than its owner was shown."""
    return Invalid(FieldError("Required when credit pays: the quote's `totals.due`", pointer="/expected_due"))


async def _ask_owner(house: House, purchase: Purchase, cart: Cart | None) -> OrderState | OrderRow | None:
    """Start the order's workflow, or meet the one that runs, and wait for its answer.

    An order without a known outcome (budget spent, it goes on by itself) answers with its state so far.
    None: that checkout ended meanwhile without an order, look at the cart again.
    """
    owner = workflow_id(purchase.cart_id, purchase.attempt)
    start = WithStartWorkflowOperation(
        Order.run, purchase, id=owner, task_queue=ORDERS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary=_summary(purchase, cart), static_details=_basket(cart),
        search_attributes=visibility.at_start(purchase, clock.now()),
    )  # fmt: skip
    try:
        return await _answered(house, start, purchase)
    except WorkflowUpdateFailedError as failed:
        refusal = refusal_of(failed.cause)
        if refusal is not None:
            raise refusal from failed
        return await orders.find_attempt(house.database, purchase.cart_id, purchase.attempt)
    except WorkflowAlreadyStartedError:
        return await orders.find_attempt(house.database, purchase.cart_id, purchase.attempt)
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        await _must_have_started(house, owner)
        return OrderState(purchase.number, purchase.digest, *visibility.BEGINNING)
    except RPCError as stuck:
        if stuck.status is not RPCStatusCode.FAILED_PRECONDITION:
            raise
        # It meets a defect, again and again: Temporal hands it no message until that is mended, and then it goes on.
        await _must_have_started(house, owner)
        return OrderState(purchase.number, purchase.digest, *visibility.BEGINNING)


async def _answered(
    house: House, start: WithStartWorkflowOperation[Order, OrderState], purchase: Purchase
) -> OrderState:
    """One update-with-start."""
    try:
        answer = await house.temporal.execute_update_with_start_workflow(
            Order.await_checkout,
            AwaitCheckout(purchase.digest),
            start_workflow_operation=start,
            id=purchase.key,
            rpc_timeout=house.settings.answer_budget,
        )
        return cast(OrderState, answer)  # the SDK's types say coroutine for an update that has a description
    except TemporalError:
        with suppress(TemporalError):  # it failed alike; unread it would be logged as never retrieved
            await start.workflow_handle()
        raise


async def _must_have_started(house: House, owner: str) -> None:
    """The order is durable, so 202 is the truth. Raises: Unavailable when that cannot be said."""
    try:
        seen = await house.temporal.get_workflow_handle(owner).describe(rpc_timeout=timedelta(seconds=1))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise Unavailable("temporal", "the checkout was not begun; send it again") from error
        raise Unavailable("temporal", "send the same request again, it is bought once") from error
    if seen.status is not WorkflowExecutionStatus.RUNNING:
        raise Unavailable("temporal", "the checkout just ended; send the same request again for its outcome")


def _refused(past: PastCheckout) -> Refusal:
    """What a checkout was refused for, once more."""
    assert past.refusal is not None
    return Refusal(past.refusal["code"], past.refusal["detail"], **past.refusal["facts"])


async def _must_be_meant(house: House, purchase: Purchase) -> None:
    """This cart is being bought already. Raises: Refusal when that was asked for by another request than this one."""
    past = await checkouts.by_attempt(house.database, purchase.cart_id, purchase.attempt)
    if past is not None and past.key == purchase.key:
        if same_body(past.digest, purchase.digest):
            return
        raise Refusal("idempotency_key_reused", "This Idempotency-Key was used with another checkout.")
    raise Refusal(
        "order_open", "An order of this cart waits for its payment: pay it or cancel it first.",
        number=purchase.number, order_token=tokens.order_token(house.settings.secret_key, purchase.number),
    )  # fmt: skip


def _summary(purchase: Purchase, cart: Cart | None) -> str:
    """One line for the list of orders in the Temporal UI: number, basket, total. No personal data."""
    goods = ", ".join(f"{line.quantity} × {line.name}" for line in cart.lines[:3]) if cart else ""
    more = f" and {len(cart.lines) - 3} more" if cart and len(cart.lines) > 3 else ""
    return f"{purchase.number} · {goods}{more} · {purchase.expected_total}"[:200]


def _basket(cart: Cart | None) -> str:
    """The basket as a Markdown table, for the order's page in the Temporal UI."""
    if cart is None:
        return ""
    rows = "\n".join(
        f"| {line.quantity} | {line.name.replace('|', '/')} | `{line.sku}` | {line.unit_price * line.quantity} |"
        for line in cart.lines[:20]
    )
    return f"| Units | Item | SKU | Price |\n|---|---|---|---|\n{rows}"


handlers = [check_out]
