"""Proves that the numbers of the stock are what their rows add up to."""

import msgspec
import structlog
from temporalio import activity

from models import clock
from models.database import Database
from models.inventory import Drifted
from models.tables import inventory

log = structlog.get_logger()

SHOWN = 20
"""Numbers that are named; all are counted."""


class StockProof(msgspec.Struct, frozen=True):
    """How many numbers are not what their rows add up to, and the first of them."""

    drifted: int
    first: list[Drifted]


class StockActivities:
    """Needs Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def find_drift(self) -> StockProof:
        """Hold levels against ledger and holds, and sums against levels.

        Changes: nothing; the gauge `holdfast_stock_drift` says how many numbers are wrong, the log names them.
        Again: looks again.
        Undo: nothing.
        """
        async with self._database.reading() as reader:
            found = await inventory.drift(reader)
        meter = activity.metric_meter()
        meter.create_gauge("holdfast_stock_drift", "Numbers of the stock that nothing explains").set(len(found))
        meter.create_gauge_float("holdfast_stock_proved_at_seconds", "When this worker proved them, since 1970").set(
            clock.now().timestamp()
        )
        for each in found[:SHOWN]:
            log.error("stock drifted", **msgspec.structs.asdict(each))
        return StockProof(len(found), found[:SHOWN])
