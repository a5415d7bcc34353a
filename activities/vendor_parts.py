"""Divides orders between the vendors who sold something of them, and keeps the payout ledger as their money goes."""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import structlog
from temporalio import activity

from models.database import Database, Writer, apart
from models.ids import OrderId
from models.tables import order_feed, vendor_part
from models.tables import payout_ledger as ledger

log = structlog.get_logger()


class DivideOrders(msgspec.Struct, frozen=True):
    """Take the next news of orders, and divide those that they are of."""

    reader: str
    types: tuple[str, ...]
    most: int


class NotDivided(msgspec.Struct, frozen=True):
    """An order that could not be divided."""

    order: OrderId
    cause: str
    """What had happened to it."""
    why: str


class OrdersDivided(msgspec.Struct, frozen=True):
    """How many news there were, and what could not be done."""

    taken: int
    failed: tuple[NotDivided, ...] = ()


class DivideAgain(msgspec.Struct, frozen=True):
    """Try what could not be done before."""

    failed: tuple[NotDivided, ...]


class VendorPartActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def divide_orders(self, request: DivideOrders) -> OrdersDivided:
        """Divide orders that something happened to: who sold what, on which terms, and whose the money is by now.

        Changes: line_terms, vendor_parts, payout_entries, how far the reader is.
        Again: news are taken once, with what they bring about; and the books of an order follow from its rows.
        Undo: nothing; what changes later is appended then.
        """
        async with self._database.writing() as writer:
            told = await order_feed.take(writer, request.reader, request.types, request.most)
            causes = {each.order: each.type for each in told}
            return OrdersDivided(len(told), await _divide(writer, causes))

    @activity.defn
    async def divide_again(self, request: DivideAgain) -> OrdersDivided:
        """Try orders again that could not be divided before.

        Changes: line_terms, vendor_parts, payout_entries.
        Again: the books of an order follow from its rows.
        Undo: nothing; what changes later is appended then.
        """
        async with self._database.writing() as writer:
            causes = {each.order: each.cause for each in request.failed}
            return OrdersDivided(len(causes), await _divide(writer, causes))


async def _divide(writer: Writer, causes: dict[OrderId, str]) -> tuple[NotDivided, ...]:
    """Each apart: what one of them cannot be, does not hold up the others. A shop without vendors has nothing to do."""
    if not causes or not await vendor_part.any_vendor(writer):
        return ()
    wrong: dict[OrderId, Exception] = {}
    if await apart(writer, partial(vendor_part.freeze, writer, list(causes))) is not None:
        for order in causes:
            await _try(writer, order, wrong, partial(vendor_part.freeze, writer, [order]))
    for order in await vendor_part.divided(writer, [each for each in causes if each not in wrong]):
        await _try(writer, order, wrong, partial(ledger.keep, writer, order, causes[order]))
    return tuple(
        NotDivided(order, causes[order], f"{type(error).__name__}: {error}"[:500]) for order, error in wrong.items()
    )


async def _try(
    writer: Writer, order: OrderId, wrong: dict[OrderId, Exception], work: Callable[[], Awaitable[object]]
) -> None:  # fmt: skip
    error = await apart(writer, work)
    if error is not None:
        log.error("order not divided", order=str(order), error=str(error))
        wrong[order] = error
