"""What an exchange asks of our own rows: the checkout it makes, how far that order is, and how the exchange ends."""

from datetime import timedelta

import msgspec
from temporalio import activity

from models.checkout import Purchase
from models.database import Database
from models.exchange import PAY_WITHIN, ExchangeStanding
from models.ids import OrderId
from models.returns import Return
from models.tables import exchange as exchanges
from models.tables import order as orders
from models.tables import returns


class ExchangeStep(msgspec.Struct, frozen=True):
    """Which exchange: of an order's `n`-th return."""

    order_id: OrderId
    n: int


class ExchangeSeen(msgspec.Struct, frozen=True):
    """How far its order is."""

    standing: ExchangeStanding
    why: str | None = None
    """Why it ended."""


class EndExchange(msgspec.Struct, frozen=True):
    """The buyer has other goods, or, where `why` says, gets money."""

    order_id: OrderId
    n: int
    why: str | None = None


class ExchangeActivities:
    """Needs Postgres, and how long an exchange waits for what is to be paid besides."""

    def __init__(self, database: Database, pay_within: timedelta = PAY_WITHIN) -> None:
        self._database = database
        self._pay_within = pay_within

    @activity.defn
    async def prepare_exchange(self, request: ExchangeStep) -> Purchase | None:
        """The checkout that sends the goods that are wanted; None: there is none, the money goes back.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        async with self._database.reading() as reader:
            return await exchanges.purchase(reader, request.order_id, request.n, self._pay_within)

    @activity.defn
    async def read_exchange(self, request: ExchangeStep) -> ExchangeSeen:
        """How far the order is that an exchange made.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        async with self._database.reading() as reader:
            return ExchangeSeen(*await exchanges.standing(reader, request.order_id, request.n))

    @activity.defn
    async def end_exchange(self, request: EndExchange) -> Return:
        """Write down that an exchange is done, or that the money goes back instead.

        Then the refund that paid for it becomes one like any, and the gift card that carried it is empty and withdrawn.

        Changes: exchange, refund, gift card, credit ledger, timeline, outbox.
        Again: it is decided once, and the rest with it.
        Undo: nothing, final.
        """
        async with self._database.writing() as writer:
            await orders.lock(writer, request.order_id)
            goods = await returns.find(writer, request.order_id, request.n)
            assert goods is not None
            if await exchanges.end(writer, goods, request.why):
                goods = await returns.find(writer, request.order_id, request.n)
                assert goods is not None
                await exchanges.tell(writer, goods)
            return goods
