"""What an unpaid order keeps for its buyer, and for how long."""

from datetime import datetime

import msgspec
from temporalio import activity

from models.audit import Author
from models.database import Database
from models.errors import Refusal
from models.ids import OrderId
from models.tables import inventory
from models.tables import order as orders
from models.tables import order_desk as desk


class ExtendHold(msgspec.Struct, frozen=True):
    """An unpaid order waits longer for its payment; `fact` names who asked, and when."""

    order_id: OrderId
    fact: str
    until: datetime
    actor: str
    reason: str
    author: Author | None = None
    """Who of the staff asked for it."""


class HoldActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def extend_hold(self, request: ExtendHold) -> None:
        """Keep what an unpaid order holds until then, and let its buyer pay until then.

        Changes: order, how long its stock is held, timeline, audit log.
        Again: the end is moved once, and all else with it.
        Undo: none; the order is called off, or waits.
        Raises: Refusal `wrong_move`: it is not unpaid any more.
        """
        order, until = request.order_id, request.until
        async with self._database.writing() as writer:
            was = await orders.wait_longer(writer, order, until)
            if was is None:
                if await desk.did(writer, order, request.fact):
                    return
                raise Refusal("wrong_move", "This order does not wait for a payment any more.")
            before, after = {"pay_until": was}, {"pay_until": until}
            await orders.tell(writer, order, request.fact, "hold_extended", request.actor, until=until, was=was)
            await inventory.keep(writer, order, until)
            await desk.write_down(writer, order, request.author, "order.extend_hold", before, after, request.reason)
