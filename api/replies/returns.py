"""What buyers are told of goods that they send back."""

from datetime import datetime

import msgspec

from api.context import House
from models import tokens
from models.exchange import Exchange, ExchangeStatus
from models.ids import OrderNumber
from models.money import Money
from models.returns import Return, ReturnStatus


class ReturnedItem(msgspec.Struct, frozen=True):
    """Units of one thing that come back."""

    sku: str
    quantity: int
    received: int
    """Of these, came."""
    exchange_sku: str | None = None
    """Wanted instead; null: the money."""


class ExchangeOrder(msgspec.Struct, frozen=True):
    """What is sent instead of goods that came back: an order like any."""

    status: ExchangeStatus
    """`open`: see the order whether something is left to pay. `done`. `refunded`: the money goes back instead."""
    number: OrderNumber | None
    """Null: none could be made."""
    order_token: str | None
    """Opens that order without an account."""
    due: Money | None
    """What was to be paid besides what came back."""
    why: str | None
    """Why the money goes back: `out_of_stock`, `payment_window_closed` …"""


class ReturnReply(msgspec.Struct, frozen=True):
    """Goods of an order that its buyer sends back."""

    n: int
    """Counts the returns of the order."""
    status: ReturnStatus
    """`approved`: send them. `expired`: they never came. `settled`: it is over, see `refund`."""
    items: list[ReturnedItem]
    reason: str
    """As its buyer said it."""
    decision: str | None
    """Why it was rejected."""
    send_until: datetime | None
    """Once approved: they have to be there by then."""
    fee: Money | None
    """Kept of what they cost."""
    refund: int | None
    """Number of the order's refund that gives the money back."""
    requested_at: datetime
    settled_at: datetime | None
    """When it was over, whatever way."""
    exchange_order: ExchangeOrder | None = None
    """Once somebody has looked into the parcel, when other goods are wanted."""


def return_reply(house: House, goods: Return) -> ReturnReply:
    """A return as its buyer sees it."""
    items = [ReturnedItem(each.sku, each.quantity, each.received, each.exchange_sku) for each in goods.lines]
    return ReturnReply(
        goods.n, goods.status, items, goods.reason, goods.decision, goods.send_until, goods.fee, goods.refund,
        goods.requested_at, goods.settled_at, _exchange_order(house, goods.exchange) if goods.exchange else None,
    )  # fmt: skip


def _exchange_order(house: House, exchange: Exchange) -> ExchangeOrder:
    token = tokens.order_token(house.settings.secret_key, exchange.number) if exchange.number else None
    due = exchange.price - exchange.paid if exchange.price and exchange.paid else None
    return ExchangeOrder(exchange.status, exchange.number, token, due, exchange.why)
