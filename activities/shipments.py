"""Parcels leave and arrive: each one transaction, with the goods, the order and what is told of it."""

from collections.abc import Mapping, Sequence

import msgspec
from temporalio import activity

from models.audit import Author
from models.charge import Taken
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import LocationId, OrderId, VariantId, new_id
from models.inventory import Held
from models.money import Money
from models.order import Action, FulfilmentStatus, OrderStatus, staff_actions
from models.position import Position
from models.position import Taken as Packed
from models.shipment import ShipItem, must_hold, origin, pack
from models.tables import backorder as backorders
from models.tables import charge as charges
from models.tables import inventory, outbox, parcel_worth
from models.tables import order as orders
from models.tables import order_desk as desk
from models.tables import shipment as shipments
from models.tables.shipment import Standing


class SendParcel(msgspec.Struct, frozen=True):
    """The order's `n`-th parcel was handed over."""

    order_id: OrderId
    n: int
    carrier: str
    tracking: str
    actor: str
    items: tuple[ShipItem, ...] = ()
    """None: all that is left."""
    location: str | None = None
    """Code of where it came from; None: from where all of it lies."""
    author: Author | None = None
    taken: Taken | None = None
    """What was taken for it just now; None: nothing had to be."""
    reason: str | None = None


class ParcelWeighed(msgspec.Struct, frozen=True):
    """A parcel that may leave."""

    missing: Money
    """What has to be taken before it does."""


class NoteArrival(msgspec.Struct, frozen=True):
    """A parcel arrived."""

    order_id: OrderId
    actor: str
    n: int | None = None
    """Which; None: all that are under way."""
    author: Author | None = None
    reason: str | None = None


class Progress(msgspec.Struct, frozen=True):
    """Where the order stands afterwards."""

    status: OrderStatus
    fulfilment: FulfilmentStatus


class ShipmentActivities:
    """Needs Postgres alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def weigh_parcel(self, request: SendParcel) -> ParcelWeighed:
        """What has to be taken before a parcel leaves. Refused as `send_parcel` would be.

        Changes: nothing.
        Again: harmless.
        Undo: nothing.
        """
        order = request.order_id
        async with self._database.writing() as writer:
            stands = await shipments.lock(writer, order)
            if await shipments.is_sent(writer, order, request.n):
                return ParcelWeighed((await parcel_worth.of_parcel(writer, order, {})).missing)
            _must_allow(stands, Action.SHIP, "be shipped")
            lines, held = await shipments.left(writer, order), await inventory.holds_of(writer, order)
            location, packed = await _packed(writer, request, lines, held)
            must_hold(held, location, _by_variant(packed))
            worth = await parcel_worth.of_parcel(writer, order, {line.line: units for line, units in packed})
        return ParcelWeighed(worth.missing)

    @activity.defn
    async def send_parcel(self, request: SendParcel) -> Progress:
        """Write down that a parcel left: what is in it is sold, and no longer in the house.

        Changes: shipment, positions, order, holds, stock, its ledger, timeline, notification, outbox, audit log; what
        was taken for it: payment, charge, ledger of money.
        Again: the order's `n`-th parcel leaves once.
        Undo: none; goods that come back are a return.
        """
        order = request.order_id
        async with self._database.writing() as writer:
            stands = await shipments.lock(writer, order)
            if await shipments.is_sent(writer, order, request.n):
                return Progress(stands.status, stands.fulfilment)
            _must_allow(stands, Action.SHIP, "be shipped")
            lines, held = await shipments.left(writer, order), await inventory.holds_of(writer, order)
            location, packed = await _packed(writer, request, lines, held)
            units = _by_variant(packed)
            if request.taken is not None:
                await charges.book(writer, order, request.taken)
            left = sum(line.left for line in lines) - sum(units.values())
            now = Progress(*_AFTER[left > 0])
            if now.status is not stands.status:
                await orders.move(writer, order, now.status, fulfilment_status=now.fulfilment)
            shipment = new_id()
            await shipments.send(
                writer, shipment, order, request.n, location, request.carrier, request.tracking, request.actor, packed
            )
            items = [ShipItem(line.sku, quantity) for line, quantity in packed]
            parcel = {
                "shipment": request.n, "carrier": request.carrier, "tracking": request.tracking, "items": items,
                "all": left == 0,
            }  # fmt: skip
            await orders.tell(writer, order, f"shipped/{request.n}", "order_shipped", request.actor, **parcel)
            await outbox.write_letter(writer, "shipped", order, str(request.n), parcel)
            was = {"status": stands.status}
            after = {"status": now.status, **parcel}
            await desk.write_down(writer, order, request.author, "order.ship", was, after, request.reason)
            # Last, because the rows of a hot product stay locked from here to the commit.
            await inventory.ship(writer, order, shipment, location, units)
        return now

    @activity.defn
    async def note_arrival(self, request: NoteArrival) -> Progress:
        """Write down that a parcel arrived; with the last one of all, the order is delivered.

        Changes: shipments, order, timeline, notification, outbox, audit log.
        Again: a parcel arrives once.
        Undo: nothing, it is history.
        """
        order = request.order_id
        async with self._database.writing() as writer:
            stands = await shipments.lock(writer, order)
            arrived = await shipments.arrive(writer, order, request.n)
            if not arrived:
                return Progress(stands.status, stands.fulfilment)
            status = stands.status
            all_sent = stands.fulfilment in (FulfilmentStatus.FULFILLED, FulfilmentStatus.RETURNED)
            done = all_sent and not await shipments.underway(writer, order)
            if done and await orders.move(writer, order, OrderStatus.DELIVERED):
                status = OrderStatus.DELIVERED
            facts = [orders.Fact(f"arrived/{n}", "parcel_delivered", request.actor, {"shipment": n}) for n in arrived]
            if status is OrderStatus.DELIVERED:
                facts.append(orders.Fact("delivered", "order_delivered", request.actor))
            await orders.tell_all(writer, order, *facts)
            if status is OrderStatus.DELIVERED:
                await outbox.write_letter(writer, "delivered", order)
            after = {"status": status, "shipments": arrived}
            await desk.write_down(
                writer, order, request.author, "order.deliver", {"status": stands.status}, after, request.reason
            )
        return Progress(status, stands.fulfilment)


_AFTER = {
    True: (OrderStatus.PROCESSING, FulfilmentStatus.PARTIAL),
    False: (OrderStatus.SHIPPED, FulfilmentStatus.FULFILLED),
}
"""Where an order stands after a parcel, by whether something is left."""


def _must_allow(stands: Standing, action: Action, wish: str) -> None:
    """Raises: Refusal `wrong_move` when the rows say that it cannot be done, whatever the order's owner believed."""
    if action not in staff_actions(stands.status, stands.payment, stands.fulfilment, stands.attention):
        raise Refusal("wrong_move", f"An order that is {stands.status} cannot {wish}.", status=stands.status)


async def _packed(
    writer: Writer, request: SendParcel, lines: Sequence[Position], held: Sequence[Held]
) -> tuple[LocationId, Packed]:  # fmt: skip
    """From where it leaves, and what is in it. Raises: Refusal."""
    location = await _from_where(writer, request, lines, held)
    wanted = {item.sku: item.quantity for item in request.items} or _all_at(location, lines, held)
    return location, pack(lines, wanted)


def _by_variant(packed: Packed) -> dict[VariantId, int]:
    units = {line.variant: 0 for line, _ in packed}
    for line, quantity in packed:
        units[line.variant] += quantity
    return units


async def _from_where(
    writer: Writer, request: SendParcel, lines: Sequence[Position], held: Sequence[Held]
) -> LocationId:
    """Raises: Refusal `location_unknown`; `location_needed` with what lies where, when it lies at several."""
    if request.location is not None:
        named = await shipments.place(writer, request.location)
        if named is None:
            raise Refusal("location_unknown", f"There is no location {request.location}.")
        return named
    variants = {line.sku: line.variant for line in lines}
    wanted = {variants[item.sku]: item.quantity for item in request.items if item.sku in variants}
    found = origin(held, wanted or None)
    if found is not None:
        return found
    pack(lines, {item.sku: item.quantity for item in request.items})  # the order may not have so much at all
    await _must_be_here(writer, request.order_id, wanted, held)
    raise await _several(writer, lines, held)


async def _must_be_here(writer: Writer, order: OrderId, wanted: Mapping[VariantId, int], held: Sequence[Held]) -> None:
    """Raises: Refusal `on_backorder` with what has still to come in, when that is why it cannot be sent."""
    here = {variant: sum(each.open for each in held if each.variant == variant) for variant in wanted}
    lacking = any(here[variant] < units for variant, units in wanted.items()) or not any(each.open for each in held)
    waiting = await backorders.waiting(writer, order) if lacking else []
    if waiting:
        raise Refusal("on_backorder", "Some of it has still to come in.", items=waiting)


async def _several(writer: Writer, lines: Sequence[Position], held: Sequence[Held]) -> Refusal:
    codes = await shipments.codes(writer, [each.location for each in held if each.open])
    skus = {line.variant: line.sku for line in lines}
    places = [
        {"location": codes[each.location], "sku": skus[each.variant], "quantity": each.open}
        for each in held if each.open
    ]  # fmt: skip
    return Refusal("location_needed", "It does not lie at one location: send a parcel from each.", held=places)


def _all_at(location: LocationId, lines: Sequence[Position], held: Sequence[Held]) -> dict[str, int]:
    """All that the order holds there. Raises: Refusal `nothing_left` when that is nothing."""
    skus = {line.variant: line.sku for line in lines}
    there = {skus[each.variant]: each.open for each in held if each.location == location and each.open}
    if not there:
        raise Refusal("nothing_left", "Nothing of the order lies there.", items=[])
    return there
