"""Changing an order that is paid and not sent: proposed with its price, then made, or let go; each one transaction."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from temporalio import activity

from models.allocation import RULES, Allocation
from models.audit import Author
from models.credit import least_charge
from models.database import Database, Writer
from models.edit import Content, EditItem, EditStatus, EditWish, OrderEdit, changes, edited
from models.errors import Refusal
from models.exchange import SHIPPING_CODE
from models.ids import ChargeId, EditId, OrderId, new_id
from models.money import Money, share_out
from models.order import Action, UsedCoupon, staff_actions
from models.payment import TERMS
from models.refund import Refund, RefundWish
from models.tables import backorder as backorders
from models.tables import edit_hold as holds
from models.tables import order as orders
from models.tables import order_desk as desk
from models.tables import order_edit as edits
from models.tables import outbox
from models.tables import payment as payments
from models.tables import pricing as price_tables
from models.tables import refund as refunds
from models.tables import shipment as shipments
from models.tables.order_edit import Standing

EDIT_WINDOW = timedelta(minutes=15)


class OpenEdit(msgspec.Struct, frozen=True):
    """Say what a change would cost, and hold what it adds."""

    order_id: OrderId
    wish: EditWish
    asked_at: datetime


class MakeEdit(msgspec.Struct, frozen=True):
    """Make the order what its `n`-th edit says."""

    order_id: OrderId
    n: int
    actor: str
    author: Author | None = None
    charge: ChargeId | None = None
    """What it costs more, reserved; None: it costs no more."""


class EndEdit(msgspec.Struct, frozen=True):
    """Nobody wants the order's `n`-th edit any more, or nobody said yes in time."""

    order_id: OrderId
    n: int
    to: EditStatus
    actor: str = "order"
    author: Author | None = None


class EditMade(msgspec.Struct, frozen=True):
    """The order is another now."""

    total: Money
    credit: Money | None
    """Of the total, what gift cards and store credit pay; None: nothing."""
    refund: int | None = None
    """Number of the refund that is reserved now, and has to be carried out; None: nothing goes back."""


class EditActivities:
    """Needs Postgres, how long an edit may wait for a yes, and from where its goods come."""

    def __init__(
        self, database: Database, window: timedelta = EDIT_WINDOW, allocation: Allocation = Allocation.FEWEST_PARCELS
    ) -> None:
        self._database = database
        self._window = window
        self._allocate = RULES[allocation]

    @activity.defn
    async def open_edit(self, request: OpenEdit) -> OrderEdit:
        """Price a change of an order and hold what it adds, or refuse; of the order itself nothing changes.

        Changes: edit, holds, stock, its ledger, timeline, audit log.
        Again: the edit is there already, under its key, and is answered wherever it stands.
        Undo: `end_edit`.
        """
        order, wish = request.order_id, request.wish
        async with self._database.writing() as writer:
            stands = await shipments.lock(writer, order)
            known = await edits.find_by_key(writer, order, wish.key)
            if known is not None:
                return known
            _must_allow(stands)
            awaited = await backorders.waiting(writer, order)
            if awaited:
                raise Refusal("on_backorder", "Some of it has still to come in: it can be changed then.", items=awaited)
            now = await edits.stand(writer, order)
            if now.shipping.code == SHIPPING_CODE:
                raise Refusal("wrong_move", "What is sent in exchange for other goods cannot be changed.")
            other = await edits.open_one(writer, order)
            if other is not None:
                raise Refusal("edit_open", "Another change of this order waits for a yes: drop it first.", n=other)
            after = edits.with_rows(await _priced(writer, now, wish))
            _must_change(now, after, wish)
            difference = after.totals.total - now.content.totals.total
            _must_be_there(now, after, difference)
            _must_be_chargeable(now, difference)
            edit = EditId(new_id())
            n, until = await edits.next_number(writer, order), request.asked_at + self._window
            actor, author = wish.actor, wish.author
            await edits.open(writer, edit, order, n, wish, now.content, after, until)
            await orders.tell(
                writer, order, f"edit/{n}/proposed", "edit_proposed", actor,
                n=n, difference=difference, until=until, **_shown(now.content, after, wish),
            )  # fmt: skip
            was, becomes = {"total": now.content.totals.total}, {"edit": n, "total": after.totals.total}
            await desk.write_down(writer, order, author, "order.edit_proposed", was, becomes, wish.reason)
            # Last, because the rows of a hot product stay locked from here to the commit.
            added = {variant: by for variant, by in changes(now.content, after).items() if by > 0}
            if added:
                to = wish.shipping_address or now.to
                await holds.hold(writer, edit, order, added, until, to, self._allocate)
            made = await edits.find(writer, order, n)
            assert made is not None
            return made

    @activity.defn
    async def commit_edit(self, request: MakeEdit) -> EditMade:
        """Make an order what a proposed edit says, wholly or not at all; what it costs less is reserved to go back.

        Changes: edit, order, positions, refund, payment, credit, holds, stock, its ledger, timeline, outbox, audit log.
        Again: the edit is committed already, and is answered as it was.
        Undo: nothing; another edit can be made.
        """
        order, n = request.order_id, request.n
        async with self._database.writing() as writer:
            stands = await shipments.lock(writer, order)
            edit = await edits.find(writer, order, n)
            if edit is None:
                raise Refusal("edit_not_found", "This order has no such edit.")
            if edit.status is EditStatus.COMMITTED:
                return EditMade(edit.after.totals.total, await orders.credit_of(writer, order), edit.refund)
            if edit.status is not EditStatus.PROPOSED:
                raise Refusal("edit_over", f"This edit is {edit.status}: ask for another one.", status=edit.status)
            _must_allow(stands)
            more = max(edit.difference.amount, 0)
            if more and request.charge is None:
                raise Refusal("charge_impossible", "What the order costs more is not reserved.")
            now = await edits.stand(writer, order)
            _must_be_there(now, edit.after, edit.difference)
            refund = await _reserve(writer, edit, request.actor) if edit.difference.amount < 0 else None
            await edits.move(writer, edit.id, EditStatus.COMMITTED, refund.n if refund else None)
            credit = await edits.rewrite(
                writer, edit, _coupons(now, edit.after),
                refund.from_credit if refund else Money.zero(edit.difference.currency),
            )  # fmt: skip
            if more:
                await payments.ask_more(writer, order, more)
            facts = _shown(now.content, edit.after, edit)
            await orders.tell(
                writer, order, f"edit/{n}/committed", "order_edited", request.actor,
                n=n, difference=edit.difference, total=edit.after.totals.total, **facts,
            )  # fmt: skip
            words = {"back": refund.amount if refund else None, "charged": edit.difference if more else None}
            await outbox.write_letter(writer, "order_edited", order, str(n), words)
            was = {"total": now.content.totals.total, "items": _units(now.content)}
            after = {"total": edit.after.totals.total, "items": _units(edit.after), "edit": n}
            await desk.write_down(writer, order, request.author, "order.edit", was, after, edit.reason or None)
            await holds.commit(writer, edit.id, order, changes(now.content, edit.after))
        return EditMade(edit.after.totals.total, credit if credit.amount else None, refund.n if refund else None)

    @activity.defn
    async def end_edit(self, request: EndEdit) -> EditStatus:
        """Let an edit go that nobody said yes to: what it holds is for sale again. Where it stands then.

        Changes: edit, holds, stock, its ledger, timeline, audit log.
        Again: it is over already.
        Undo: nothing; another edit can be asked for.
        """
        order, n = request.order_id, request.n
        async with self._database.writing() as writer:
            await orders.lock(writer, order)
            edit = await edits.find(writer, order, n)
            if edit is None:
                raise Refusal("edit_not_found", "This order has no such edit.")
            if not await edits.move(writer, edit.id, request.to):
                return edit.status
            kind = f"edit_{request.to}"
            await orders.tell(writer, order, f"edit/{n}/{request.to}", kind, request.actor, n=n)
            was, now = {"edit": n, "status": edit.status}, {"edit": n, "status": request.to}
            await desk.write_down(writer, order, request.author, f"order.{kind}", was, now, None)
            await holds.release(writer, edit.id, order, kind)
        return request.to


def _must_allow(stands: shipments.Standing) -> None:
    """Raises: Refusal `wrong_move`."""
    if Action.EDIT not in staff_actions(stands.status, stands.payment, stands.fulfilment, stands.attention):
        raise Refusal("wrong_move", f"An order that is {stands.status} cannot be changed.", status=stands.status)


def _must_change(now: Standing, after: Content, wish: EditWish) -> None:
    """Raises: Refusal `edit_changes_nothing`."""
    if not changes(now.content, after) and wish.shipping_address in (None, now.to):
        raise Refusal("edit_changes_nothing", "The order is like this already.")


def _must_be_there(now: Standing, after: Content, difference: Money) -> None:
    """Raises: Refusal `refund_exceeds` for units that a refund has named, and for more money than is left."""
    units = _units(after)
    again = [
        {"sku": line.sku, "requested": units.get(line.sku, 0), "left": line.quantity}
        for line in now.content.lines
        if line.sku in now.named and units.get(line.sku, 0) != line.quantity
    ]
    if again:
        raise Refusal("refund_exceeds", "Money of these items has gone back already.", left=now.left, items=again)
    if -difference.amount > now.left.amount:
        raise Refusal("refund_exceeds", f"No more than {now.left} can go back.", left=now.left)


def _must_be_chargeable(now: Standing, difference: Money) -> None:
    """Raises: Refusal `charge_impossible` for more that whoever took the money cannot take."""
    terms, least = TERMS.get(now.provider), least_charge(difference.currency)
    if difference.amount > 0 and (terms is None or not terms.captures_apart):
        raise Refusal("charge_impossible", "This order was not paid by card: it cannot become dearer.",
                      difference=difference)  # fmt: skip
    if 0 < difference.amount < least.amount:
        raise Refusal("charge_impossible", f"No card is charged less than {least}.", difference=difference, least=least)


async def _priced(writer: Writer, now: Standing, wish: EditWish) -> Content:
    """What the order would be. Raises: Refusal."""
    items = {item.sku: item.quantity for item in wish.items}
    kind, to = now.content.totals.total.currency, wish.shipping_address or now.to
    offers = await edits.offers(writer, [line.variant_id for line in now.content.lines], list(items), kind)
    methods = await price_tables.shipping_methods_for(writer, to.country, kind)
    rates = await price_tables.tax_rates_for(writer, to.country)
    known = {line.variant_id: line.sku for line in now.content.lines}
    # A position keeps the SKU that it was sold under, whatever the catalogue calls it today.
    by_sku = {known.get(offer.variant_id, sku): offer for sku, offer in offers.items()}
    return edited(now.content, items, by_sku, now.sold, methods, rates, to, now.shipping.code)


async def _reserve(writer: Writer, edit: OrderEdit, actor: str) -> Refund:
    """What the order costs less. Raises: Refusal, as when the buyer's bank has taken the money back."""
    return await refunds.open(
        writer, edit.order_id, RefundWish(f"edit/{edit.id}", "order_edited", actor, amount=-edit.difference)
    )


def _coupons(now: Standing, after: Content) -> list[UsedCoupon]:
    """What each coupon takes off by now."""
    if not now.coupons:
        return []
    shares = share_out(after.totals.discount, [each.discount.amount for each in now.coupons])
    return [UsedCoupon(each.code, part) for each, part in zip(now.coupons, shares, strict=True)]


def _units(content: Content) -> Mapping[str, int]:
    return {line.sku: line.quantity for line in content.lines}


def _shown(before: Content, after: Content, edit: EditWish | OrderEdit) -> dict[str, object]:
    """For the timeline: which positions get other numbers of units, and whether it goes elsewhere. Where, it is not
    told: the timeline is never edited, and people may be forgotten."""
    was, becomes = _units(before), _units(after)
    named = [EditItem(sku, becomes.get(sku, 0)) for sku in {**was, **becomes} if was.get(sku) != becomes.get(sku)]
    return {"items": named, "address": edit.shipping_address is not None}
