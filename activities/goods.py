"""Goods of an order that are not where they should be: it leaves from another location, or without them."""

from datetime import datetime

import msgspec
from temporalio import activity

from models.audit import Author
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import LocationId, OrderId, VariantId
from models.order import Action, staff_actions
from models.refund import RefundedItem, RefundWish
from models.shipment import ShipItem, without
from models.tables import backorder as backorders
from models.tables import goods_desk, inventory, outbox, stockroom
from models.tables import order as orders
from models.tables import order_desk as desk
from models.tables import refund as refunds
from models.tables import shipment as shipments
from models.tables.stockroom import Spot


class SwitchGoods(msgspec.Struct, frozen=True):
    """What an order holds at one location it is to hold at another; `fact` names who asked, and when."""

    order_id: OrderId
    fact: str
    source: str
    """Code of the location."""
    target: str
    actor: str
    reason: str
    sku: str | None = None
    """None: all that it holds there."""
    author: Author | None = None
    """Who of the staff asked for it."""


class GiveUpGoods(msgspec.Struct, frozen=True):
    """Units that are not there: the order goes without them; `fact` names who asked, and when."""

    order_id: OrderId
    fact: str
    items: tuple[ShipItem, ...]
    actor: str
    reason: str
    gone: bool = True
    """Nobody has them: they are taken off the stock, too."""
    author: Author | None = None
    """Who of the staff asked for it."""


class GoodsGivenUp(msgspec.Struct, frozen=True):
    """The rest of it can be sent."""

    refund: int | None
    """Number of the refund that is reserved now, and has to be carried out; None: nothing is left to give back."""
    promised_at: datetime | None = None
    """By when what was not here when it was sold is sent; None: nothing of that is to be sent any more."""


class GoodsActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def switch_goods(self, request: SwitchGoods) -> None:
        """Have units of an order leave from another location, all that it holds of them at the first, or none.

        Changes: holds, stock, its ledger, timeline, audit log.
        Again: the timeline has it already.
        Undo: nothing; they can be switched back.
        """
        order = request.order_id
        async with self._database.writing() as writer:
            stands = await shipments.lock(writer, order)
            if await desk.did(writer, order, request.fact):
                return
            _must_allow(stands, Action.SWITCH_LOCATION, "be sent from elsewhere")
            source, target = await _place(writer, request.source), await _place(writer, request.target)
            skus = {line.variant: line.sku for line in await shipments.left(writer, order)}
            if request.sku is not None and request.sku not in skus.values():
                raise Refusal("unknown_sku", "There is no such position.", skus=[request.sku])
            units = {
                each.variant: each.open
                for each in await inventory.holds_of(writer, order)
                if each.location == source and each.open and request.sku in (None, skus[each.variant])
            }
            if not units or source == target:
                raise Refusal("not_held", f"The order holds nothing at {request.source} that could go elsewhere.",
                              items=[])  # fmt: skip
            await _must_be_there(writer, units, skus, source, target)
            items = [ShipItem(skus[variant], quantity) for variant, quantity in units.items()]
            told = {"from": request.source, "to": request.target, "items": items}
            await orders.tell(writer, order, request.fact, "location_switched", request.actor, **told)
            was, now = {"location": request.source}, {"location": request.target, "items": items}
            await desk.write_down(writer, order, request.author, "order.switch_location", was, now, request.reason)
            await goods_desk.switch(writer, order, units, source, target, request.fact, request.actor, request.reason)

    @activity.defn
    async def give_up_goods(self, request: GiveUpGoods) -> GoodsGivenUp:
        """Have an order go without units that are not there; their money is reserved to go back, the rest is sent.

        Changes: positions, refund, payment, credit, holds, stock, its ledger, backorders, timeline, outbox, audit log.
        Again: the timeline has it already, and its refund is answered again.
        Undo: nothing, final; its refund only goes forward.
        """
        order = request.order_id
        async with self._database.writing() as writer:
            stands = await shipments.lock(writer, order)
            if await desk.did(writer, order, request.fact):
                known = await refunds.find_by_key(writer, order, request.fact)
                return GoodsGivenUp(known.n if known else None, await backorders.promised(writer, order))
            _must_allow(stands, Action.ACCEPT_SHORTAGE, "go without some of its goods")
            missing = {item.sku: item.quantity for item in request.items}
            given = without(await shipments.left(writer, order), missing)
            items = tuple(RefundedItem(item.sku, item.quantity) for item in request.items)
            wish = RefundWish(request.fact, request.reason, request.actor, items=items, up_to=True)
            refund = await refunds.reserve(writer, order, wish)
            await goods_desk.never(writer, given)
            told = {"reason": request.reason, "items": items, "refund": refund.amount if refund else None}
            await orders.tell(writer, order, request.fact, "shortage_accepted", request.actor, **told)
            await outbox.write_letter(writer, "shortage", order, request.fact, told)
            after = {"items": items, "gone": request.gone, "refund": refund.amount if refund else None}
            await desk.write_down(writer, order, request.author, "order.accept_shortage", None, after, request.reason)
            # Last, because the rows of a hot product stay locked from here to the commit.
            variants: dict[VariantId, int] = {}
            for line, units in given:
                variants[line.variant] = variants.get(line.variant, 0) + units
            await goods_desk.give_up(
                writer, order, variants, request.fact, request.actor, request.reason, request.gone
            )  # fmt: skip
            return GoodsGivenUp(refund.n if refund else None, await backorders.promised(writer, order))


def _must_allow(stands: shipments.Standing, action: Action, wish: str) -> None:
    """Raises: Refusal `wrong_move`."""
    if action not in staff_actions(stands.status, stands.payment, stands.fulfilment, stands.attention):
        raise Refusal("wrong_move", f"An order that is {stands.status} cannot {wish}.", status=stands.status)


async def _place(writer: Writer, code: str) -> LocationId:
    """Raises: Refusal `location_unknown`."""
    found = await shipments.place(writer, code)
    if found is None:
        raise Refusal("location_unknown", f"There is no location {code}.")
    return found


async def _must_be_there(
    writer: Writer, units: dict[VariantId, int], skus: dict[VariantId, str], source: LocationId, target: LocationId
) -> None:
    """Locks both levels. Raises: Refusal `archived`, `out_of_stock` with what the other location has."""
    lying = await stockroom.lock(writer, [Spot(variant, place) for variant in units for place in (source, target)])
    free = {variant: lying[Spot(variant, target)] for variant in units}
    short = [
        {"sku": skus[variant], "requested": quantity, "available": free[variant].on_hand - free[variant].held}
        for variant, quantity in units.items()
        if free[variant].on_hand - free[variant].held < quantity
    ]
    if short:
        raise Refusal("out_of_stock", "There is not enough of it at that location.", items=short)
