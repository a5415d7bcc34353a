"""What clients are told of a checkout, or of another try to pay."""

import msgspec
from litestar import Response

from api.context import House
from models import tokens
from models.errors import Refusal
from models.ids import OrderNumber
from models.money import Money
from models.order import Order, OrderStatus
from models.payment import PaymentStatus, ProviderPayment, Standing
from workflows.order_messages import OrderState


class OrderSummary(msgspec.Struct):
    """An order just placed."""

    number: OrderNumber
    order_token: str
    """Opens this order without an account: send it back as header `Order-Token`."""
    status: OrderStatus
    payment_status: PaymentStatus
    total: Money | None
    url: str
    credit: Money | None = None
    """Of the total, what gift cards and store credit pay."""
    due: Money | None = None
    """Of the total, what the payment provider takes."""


class PaymentReply(msgspec.Struct):
    """Where the payment stands."""

    status: str
    """`authorized` or `captured`: done. `action_required`: confirm with `client_secret` (3-D Secure).
    `method_required`: pay with `client_secret`, or on the page `redirect_url`. `declined`: try another method.
    `unknown`: not known yet."""
    client_secret: str | None = None
    redirect_url: str | None = None
    """Send the buyer there: to their bank, or to the provider's page on which they pay."""
    code: str | None = None
    detail: str | None = None


class CheckoutReply(msgspec.Struct):
    """The outcome of a checkout or of another try to pay."""

    order: OrderSummary
    payment: PaymentReply


def reply_to(house: House, number: OrderNumber, answer: OrderState | Order, done: int = 201) -> Response[CheckoutReply]:
    """The outcome as a response: `done`, or 202 while it is open. Raises: Refusal when the business said no."""
    token = tokens.order_token(house.settings.secret_key, number)
    url = f"/api/v1/orders/{number}"
    if isinstance(answer, Order):
        summary = OrderSummary(
            number, token, answer.status, PaymentStatus(answer.payment_status), answer.totals.total, url,
            *_parts(answer.totals.total, answer.credit),
        )  # fmt: skip
        return Response(CheckoutReply(summary, payment_of(answer)), status_code=done, headers={"Location": url})
    if answer.refusal is not None:
        raise Refusal(answer.refusal.code, answer.refusal.detail, **answer.refusal.facts)
    parts = _parts(answer.total, answer.credit) if answer.total else ()
    summary = OrderSummary(number, token, answer.status, answer.payment_status, answer.total, url, *parts)
    seen = answer.payment or ProviderPayment(Standing.UNKNOWN)
    if seen.standing is Standing.DECLINED:
        raise Refusal(
            "payment_declined", seen.detail or "The payment was declined.",
            order=summary, decline_code=seen.code, client_secret=seen.client_secret,
            **({"redirect_url": seen.redirect_url} if seen.redirect_url else {}),
        )  # fmt: skip
    payment = PaymentReply(seen.standing, seen.client_secret, seen.redirect_url, seen.code, seen.detail)
    open_still = seen.standing in (Standing.UNKNOWN, Standing.PROCESSING)
    return Response(
        CheckoutReply(summary, payment),
        status_code=202 if open_still else done,
        headers={"Location": url, **({"Retry-After": "2"} if open_still else {})},
    )


def payment_of(order: Order) -> PaymentReply:
    """The payment as the row tells it."""
    return PaymentReply(order.payment_status, order.client_secret, order.redirect_url, order.payment_error)


def _parts(total: Money, credit: Money | None) -> tuple[Money, Money]:
    """Of the total, what credit pays and what is due."""
    credit = credit or Money.zero(total.currency)
    return credit, total - credit
