"""Ends what needs nobody any more: delivered orders that cannot be returned by now."""

from datetime import UTC, datetime, timedelta

import msgspec
from temporalio import activity

from models.database import Database
from models.tables import order_completion


class CompleteOrders(msgspec.Struct, frozen=True):
    """How many at most."""

    most: int


class Completed(msgspec.Struct, frozen=True):
    """How many there were."""

    orders: int


class CompletionActivities:
    """Needs Postgres."""

    def __init__(self, database: Database, return_within: timedelta) -> None:
        self._database = database
        self._return_within = return_within

    @activity.defn
    async def complete_orders(self, request: CompleteOrders) -> Completed:
        """Complete the oldest orders that arrived so long ago that no return can be asked for.

        Changes: orders, timelines.
        Again: goes on with the next ones.
        Undo: nothing, final.
        """
        async with self._database.writing() as writer:
            arrived = datetime.now(UTC) - self._return_within
            return Completed(await order_completion.complete(writer, arrived, request.most))
