"""What becomes of a return on our own rows: asked for, decided, received, inspected, over; each in one transaction."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from temporalio import activity

from models import clock
from models.audit import Author
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import LocationId, OrderId, ReturnId, VariantId, new_id
from models.inventory import MAIN
from models.order import Action, FulfilmentStatus, buyer_actions
from models.position import Taken
from models.returns import (
    WITHIN,
    InspectionWish,
    Return,
    ReturnItem,
    ReturnStatus,
    ReturnWish,
    Sorted,
    choose,
    pays,
    sort_out,
    summed,
)
from models.tables import exchange as exchanges
from models.tables import inventory, outbox
from models.tables import order as orders
from models.tables import order_desk as desk
from models.tables import refund as refunds
from models.tables import returns as rows
from models.tables import shipment as shipments


class OpenReturn(msgspec.Struct, frozen=True):
    """Set apart what a buyer wants to send back."""

    order_id: OrderId
    n: int
    wish: ReturnWish


class ReturnRefused(msgspec.Struct, frozen=True):
    """The business said no."""

    code: str
    detail: str
    facts: dict[str, object]


class ReturnOpened(msgspec.Struct, frozen=True):
    """Exactly one of the two is set."""

    goods: Return | None = None
    refusal: ReturnRefused | None = None


class DecideReturn(msgspec.Struct, frozen=True):
    """Somebody looked at the wish."""

    order_id: OrderId
    n: int
    approved: bool
    actor: str
    reason: str
    send_until: datetime
    author: Author | None = None


class NoteReturned(msgspec.Struct, frozen=True):
    """A parcel with goods came."""

    order_id: OrderId
    n: int
    actor: str
    items: tuple[ReturnItem, ...] = ()
    """None: all that was asked for."""
    author: Author | None = None


class InspectGoods(msgspec.Struct, frozen=True):
    """Somebody looked into the parcel."""

    order_id: OrderId
    n: int
    wish: InspectionWish


class EndReturn(msgspec.Struct, frozen=True):
    """A return is over."""

    order_id: OrderId
    n: int


class ReturnActivities:
    """Needs Postgres, how long goods can be returned, and the key that numbers of exchanges follow from."""

    def __init__(self, database: Database, within: timedelta = WITHIN, secret_key: bytes = b"") -> None:
        self._database = database
        self._within = within
        self._key = secret_key

    @activity.defn
    async def open_return(self, request: OpenReturn) -> ReturnOpened:
        """Set the units of a return apart, or refuse: no unit comes back twice, and none after its time.

        Changes: return with its lines, positions, timeline.
        Again: the return is there already, under its key, and is answered wherever it stands.
        Undo: `decide_return`, or `expire_return`.
        """
        order, wish = request.order_id, request.wish
        try:
            async with self._database.writing() as writer:
                stands = await shipments.lock(writer, order)
                known = await rows.find_by_key(writer, order, wish.key)
                if known is None:
                    if await rows.next_number(writer, order) != request.n:
                        raise Refusal("return_superseded", "Another return of this order was begun meanwhile.")
                    await self._must_be_returnable(writer, order, stands)
                    chosen = choose(await rows.out(writer, order), summed(wish.items))
                    instead = await _instead(writer, order, wish)
                    await rows.open(writer, ReturnId(new_id()), order, request.n, wish, chosen, instead)
                    known = await _read(writer, order, request.n)
                    await orders.tell(
                        writer, order, f"return/{known.n}", "return_requested", wish.actor,
                        n=known.n, items=_items(chosen),
                    )  # fmt: skip
                if known.n != request.n:
                    raise Refusal("return_superseded", "This return has another number.")
                return ReturnOpened(known)
        except Refusal as refusal:
            return ReturnOpened(refusal=ReturnRefused(refusal.code, refusal.detail, dict(refusal.facts)))

    async def _must_be_returnable(self, writer: Writer, order: OrderId, stands: shipments.Standing) -> None:
        """Raises: Refusal `wrong_move`, `return_window_closed`."""
        if Action.RETURN not in buyer_actions(stands.status, stands.payment, stands.fulfilment, True):
            raise Refusal("wrong_move", f"Nothing of an order that is {stands.status} can be returned.",
                          status=stands.status)  # fmt: skip
        last = await rows.last_parcel(writer, order)
        assert last is not None
        if clock.now() > last + self._within:
            raise Refusal("return_window_closed", "The time in which this order can be returned is over.",
                          closed_at=last + self._within)  # fmt: skip

    @activity.defn
    async def decide_return(self, request: DecideReturn) -> Return:
        """Let the buyer send the goods, or not: then they are theirs again.

        Changes: return, positions, timeline, notification, outbox, audit log.
        Again: the move is made once, and the rest with it.
        Undo: nothing; one that was approved and never comes expires.
        """
        to = ReturnStatus.APPROVED if request.approved else ReturnStatus.REJECTED
        values: dict[str, object] = (
            {"send_until": request.send_until} if request.approved else {"decision": request.reason}
        )
        facts = {"until": request.send_until} if request.approved else {"reason": request.reason}
        async with self._database.writing() as writer:
            goods = await _begin(writer, request.order_id, request.n)
            if not await _move(writer, goods, to, **values):
                return goods
            if not request.approved:
                await rows.give_back(writer, goods.id)
            await _tell(writer, goods, to, request.actor, **facts)
            await _write_letter(writer, goods, to, **facts)
            await _log(writer, goods, "approve" if request.approved else "reject", to, request.author, request.reason)
            return await _read(writer, request.order_id, request.n)

    @activity.defn
    async def receive_return(self, request: NoteReturned) -> Return:
        """Write down what came; what did not is its buyer's, as if it had not been asked for.

        Changes: return, positions, timeline, audit log.
        Again: the move is made once, and the rest with it.
        Undo: nothing, it is history.
        """
        async with self._database.writing() as writer:
            goods = await _begin(writer, request.order_id, request.n)
            if not await _move(writer, goods, ReturnStatus.RECEIVED):
                return goods
            asked = await rows.asked(writer, goods.id)
            came = choose(asked, summed(request.items)) if request.items else [(each, each.left) for each in asked]
            await rows.receive(writer, goods.id, came)
            await _tell(writer, goods, ReturnStatus.RECEIVED, request.actor, items=_items(came))
            await _log(writer, goods, "receive", ReturnStatus.RECEIVED, request.author, None, items=_items(came))
            return await _read(writer, request.order_id, request.n)

    @activity.defn
    async def inspect_return(self, request: InspectGoods) -> Return:
        """Put what is good back on the shelf, write off what is not, and reserve the money to go back.

        Changes: return, order, refund, payment, credit, stock, its ledger, timeline, audit log.
        Again: the move is made once, and the rest with it.
        Undo: nothing, final; its refund only goes forward.
        """
        wish = request.wish
        async with self._database.writing() as writer:
            goods = await _begin(writer, request.order_id, request.n)
            if not await _move(writer, goods, ReturnStatus.INSPECTED):
                return goods
            found = sort_out(await rows.arrived(writer, goods.id), wish)
            places = await _places(writer, goods.id, found, wish.location)
            await rows.inspect(writer, goods.id, found)
            refund = await _reserve(writer, goods, found, wish, self._key)
            await rows.put(writer, goods.id, wish.fee.amount if wish.fee else 0, refund)
            if await rows.is_all_back(writer, goods.order_id):
                await orders.settle_fulfilment(writer, goods.order_id, FulfilmentStatus.RETURNED)
            told = [{"sku": each.sku, "restocked": good, "written_off": bad} for each, good, bad in found]
            facts = {"items": told, "fee": wish.fee, "refund": refund}
            await _tell(writer, goods, ReturnStatus.INSPECTED, wish.actor, **facts)
            await _log(writer, goods, "inspect", ReturnStatus.INSPECTED, wish.author, wish.reason or None, **facts)
            done = await _read(writer, request.order_id, request.n)
            if done.exchange is not None:
                await exchanges.tell(writer, done)
            # Last, because the rows of a hot product stay locked from here to the commit.
            await _shelve(writer, goods, found, places, wish)
            return done

    @activity.defn
    async def settle_return(self, request: EndReturn) -> Return:
        """Write down that a return is over: its money is on its way back, or none was to go.

        Changes: return, timeline, outbox where no refund tells the buyer.
        Again: the move is made once, and the rest with it.
        Undo: nothing, it is history.
        """
        return await self._end(request, ReturnStatus.SETTLED)

    @activity.defn
    async def expire_return(self, request: EndReturn) -> Return:
        """Write down that the goods never came: they are their buyer's.

        Changes: return, positions, timeline, notification, outbox.
        Again: the move is made once, and the rest with it.
        Undo: nothing; another return can be asked for while there is time.
        """
        return await self._end(request, ReturnStatus.EXPIRED)

    async def _end(self, request: EndReturn, to: ReturnStatus) -> Return:
        async with self._database.writing() as writer:
            goods = await _begin(writer, request.order_id, request.n)
            if not await _move(writer, goods, to):
                return goods
            if to is ReturnStatus.EXPIRED:
                await rows.give_back(writer, goods.id)
            await _tell(writer, goods, to, "order", refund=goods.refund)
            if goods.refund is None:
                await _write_letter(writer, goods, to)
            return await _read(writer, request.order_id, request.n)


async def _begin(writer: Writer, order: OrderId, n: int) -> Return:
    """The return, its order locked."""
    await orders.lock(writer, order)
    return await _read(writer, order, n)


async def _read(writer: Writer, order: OrderId, n: int) -> Return:
    goods = await rows.find(writer, order, n)
    assert goods is not None
    return goods


async def _move(writer: Writer, goods: Return, to: ReturnStatus, **values: object) -> bool:
    """Whether it moved now; False: it was there, or further, before. Raises: Refusal `wrong_move` from elsewhere."""
    if await rows.move(writer, goods.id, to, **values):
        return True
    if goods.status is to or (goods.status is ReturnStatus.SETTLED and to is ReturnStatus.INSPECTED):
        return False
    raise Refusal("wrong_move", f"A return that is {goods.status} cannot become {to}.", status=goods.status)


async def _tell(writer: Writer, goods: Return, to: ReturnStatus, actor: str, **facts: object) -> None:
    await orders.tell(
        writer, goods.order_id, f"return/{goods.n}/{to}", f"return_{to}", actor, n=goods.n, **facts
    )  # fmt: skip


async def _write_letter(writer: Writer, goods: Return, to: ReturnStatus, **facts: object) -> None:
    told = {"n": goods.n, "outcome": to, "items": goods.lines, "until": None, "reason": None, **facts}
    await outbox.write_letter(writer, "return", goods.order_id, f"{goods.n}/{to}", told)


async def _log(
    writer: Writer, goods: Return, action: str, to: ReturnStatus, author: Author | None, reason: str | None,
    **facts: object,
) -> None:  # fmt: skip
    was, now = {"return": goods.n, "status": goods.status}, {"return": goods.n, "status": to, **facts}
    await desk.write_down(writer, goods.order_id, author, f"return.{action}", was, now, reason)


def _items(chosen: Taken) -> list[ReturnItem]:
    return [ReturnItem(each.sku, units) for each, units in chosen]


async def _places(writer: Writer, id: ReturnId, found: Sorted, code: str | None) -> Mapping[object, LocationId]:
    """By position, where its goods are put. Raises: Refusal `location_unknown`."""
    if code is not None:
        named = await rows.place(writer, code)
        return dict.fromkeys((each.line for each, _, _ in found), named)
    whence = await rows.whence(writer, id)
    return {each.line: LocationId(whence.get(each.line, MAIN)) for each, _, _ in found}


async def _instead(writer: Writer, order: OrderId, wish: ReturnWish) -> Mapping[str, VariantId]:
    """By SKU of what comes back, the variant that is wanted for it."""
    wanted = {item.sku: item.exchange_sku for item in wish.items if item.exchange_sku is not None}
    if not wanted:
        return {}
    found = await exchanges.offers(writer, list(wanted.values()), await rows.currency_of(writer, order))
    return {sku: found[instead] for sku, instead in wanted.items()}


async def _reserve(
    writer: Writer, goods: Return, found: Sorted, wish: InspectionWish, key: bytes
) -> int | None:  # fmt: skip
    """Number of the refund; None: nothing of it is left to go back, or the buyer's bank took it back already."""
    asked = pays(goods, found, wish)
    try:
        if goods.wants_goods:
            return await exchanges.begin(writer, goods, asked, key)
        return (await refunds.open(writer, goods.order_id, asked)).n
    except Refusal as refusal:
        if refusal.code not in ("refund_exceeds", "charge_disputed"):
            raise
        return None


async def _shelve(
    writer: Writer, goods: Return, found: Sorted, places: Mapping[object, LocationId], wish: InspectionWish
) -> None:
    """All of it comes back into the books; what is written off leaves them at once."""
    await rows.lock_shelves(writer, [each.variant for each, _, _ in found])
    order, why = goods.order_id, wish.reason or f"return {goods.n} of {goods.order_number}"
    for each, good, bad in found:
        variant: VariantId = each.variant
        where = places[each.line]
        await inventory.take_back(
            writer, f"return/{goods.id}", order, variant, where, good + bad, wish.actor, why
        )  # fmt: skip
        if bad:
            await inventory.write_off(writer, f"write_off/{goods.id}", order, variant, where, bad, wish.actor, why)
