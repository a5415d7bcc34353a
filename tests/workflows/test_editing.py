"""An order that is changed before it is sent: proposed, held, made or let go; the books agree, whoever moves it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.edits import EDIT_WINDOW
from models.address import Address
from models.database import fetching
from models.edit import EditItem, EditWish
from models.errors import refusal_of
from models.exchange import SHIPPING_CODE
from models.explanation import NOT_SHIPPED
from models.money import Money
from models.order import OrderStatus
from models.tables import cart as carts
from models.tables import credit, inventory, refund_end
from models.tables import order as orders
from models.tables.base import as_json
from tests import coupons, purse, shop
from tests.flow import Flow, Handle
from tests.workflows.stories import MUG, TWO_MUGS, Shelf, edit_refused_late, kept_card
from workflows import amending
from workflows.order import Order
from workflows.order_messages import CancelCheckout, CommitEdit, DropEdit, OrderState, ProposeEdit, ShipOrder

NEVER_MIND = CancelCheckout("never mind", "changed my mind", "buyer")
PARCEL = ShipOrder("warehouse", "UPS", "1Z")
YES = CommitEdit("yes", 1, "buyer")


GIVEN_UP = (EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT, EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED)
FOUR_MUGS = 4000 + 500 + 400


async def two_mugs(shelf: Shelf, **changes: Any) -> Handle:
    """Bought and paid."""
    async with shelf.flow.database.writing() as writer:
        await carts.add(fetching(writer), shelf.cart, shelf.sku, 1, None, "usd")
    handle, _ = await shelf.flow.buy(shelf.cart, TWO_MUGS, number=shelf.number, **changes)
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    return handle


def wish(shelf: Shelf, units: int | None = None, key: str = "one", **changes: Any) -> ProposeEdit:
    """So many mugs instead, or as many as there are."""
    items = () if units is None else (EditItem(shelf.sku, units),)
    return ProposeEdit(key, EditWish(f"buyer/{key}", key, "buyer", items, **changes))


async def refused(asked: Any) -> tuple[str, dict[str, object]]:
    """Code and facts of the refusal that an update is answered with."""
    with pytest.raises(WorkflowUpdateFailedError) as no:
        await asked
    assert isinstance(no.value.cause, ApplicationError | Exception)
    refusal = refusal_of(no.value.cause)
    assert refusal is not None
    return refusal.code, dict(refusal.facts)


async def edits(shelf: Shelf) -> list[tuple[int, str, int]]:
    """Number, status and difference of each edit of the order."""
    rows = await shelf.flow.database.fetch(
        "SELECT e.n, e.status, e.difference FROM order_edits e JOIN orders o ON o.id = e.order_id "
        "WHERE o.number = $1 ORDER BY e.n", shelf.number,
    )  # fmt: skip
    return [(row["n"], row["status"], row["difference"]) for row in rows]


async def paid(shelf: Shelf) -> int:
    """What the provider has for the order after all that it has sent back."""
    return sum(each["captured"] - each["refunded"] for each in await shelf.flow.intents(shelf.number))


async def settled(shelf: Shelf, total: int, held: int, within: float = 60) -> None:
    """Wait until the provider has what the order costs; then all books have to say the same."""
    async with asyncio.timeout(within):
        while await paid(shelf) != total or await _open_refunds(shelf):
            await asyncio.sleep(0.05)
    assert (await shelf.left())[1] == held
    async with shelf.flow.database.reading() as reader:
        assert await inventory.drift(reader) == []
        assert await refund_end.drift(reader) == []
    booked = await shelf.flow.database.fetch(
        "SELECT m.account, sum(m.amount)::int AS sum FROM money_entries m JOIN orders o ON o.id = m.order_id "
        "WHERE o.number = $1 GROUP BY 1 ORDER BY 1", shelf.number,
    )  # fmt: skip
    assert [tuple(row) for row in booked] == [("provider:stripe", total), ("sales", -total)]
    moved = await shelf.flow.database.fetch(
        "SELECT coalesce(sum(m.held), 0)::int AS held FROM stock_movements m JOIN orders o ON o.id = m.order_id "
        "WHERE o.number = $1", shelf.number,
    )  # fmt: skip
    assert moved[0]["held"] == held


async def _open_refunds(shelf: Shelf) -> bool:
    rows = await shelf.flow.database.fetch(
        "SELECT FROM refunds r JOIN orders o ON o.id = r.order_id WHERE o.number = $1 AND r.status = 'open'",
        shelf.number,
    )
    return bool(rows)


async def test_fewer_units_and_the_difference_goes_back(shelf: Shelf) -> None:
    """Given two mugs, when one is enough, then nothing changes before the yes, and all of it with the yes, once."""
    handle = await two_mugs(shelf)

    await shelf.ask(handle, Order.propose_edit, wish(shelf, 1))

    assert await edits(shelf) == [(1, "proposed", -1100)]
    assert ((await shelf.row())["total"], await shelf.left()) == (TWO_MUGS, (5, 2))
    first, second = await asyncio.gather(
        shelf.ask(handle, Order.commit_edit, YES, "a"), shelf.ask(handle, Order.commit_edit, YES, "b")
    )
    assert (first.total, second.total) == (Money(MUG, "usd"), Money(MUG, "usd"))
    assert await edits(shelf) == [(1, "committed", -1100)]
    await settled(shelf, MUG, held=1)
    order = await orders.find(shelf.flow.database, shelf.number)
    assert order is not None
    assert [(line.quantity, line.line_total.amount, line.tax.amount) for line in order.lines] == [(1, 1000, 100)]
    assert [(refund.n, refund.amount.amount) for refund in order.refunds] == [(1, 1100)]
    assert (order.edits[0].refund, order.totals.total.amount) == (1, MUG)
    assert await shelf.letters() == ["order_confirmed", "order_edited", "refund"]
    assert (await shelf.facts())[-4:] == ["edit_proposed", "refund_started", "order_edited", "refund_succeeded"]
    await shelf.ask(handle, Order.ship, PARCEL)
    assert await shelf.left() == (4, 0)


async def test_who_asks_on_and_on_does_not_keep_the_order_from_being_sent(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given somebody who asks for one change after the other, then at some time none is taken, and nothing is held for
    it; the order is sent all the same."""
    monkeypatch.setattr(amending, "MOST_ASKED", 3)
    handle = await two_mugs(shelf)
    nothing = wish(shelf, key="same")
    code, _ = await refused(shelf.ask(handle, Order.propose_edit, nothing))
    assert code == "edit_changes_nothing"
    await shelf.ask(handle, Order.propose_edit, wish(shelf, 3))
    await shelf.ask(handle, Order.drop_edit, DropEdit("no", 1, "buyer"))
    await shelf.ask(handle, Order.propose_edit, wish(shelf, 3, "two"))
    for asked, message in ((Order.propose_edit, wish(shelf, 1, "three")), (Order.commit_edit, CommitEdit("y", 2, "b"))):
        code, facts = await refused(shelf.ask(handle, asked, message))
        assert (code, facts["status"]) == ("wrong_move", "confirmed")
    assert [(n, status) for n, status, _ in await edits(shelf)] == [(1, "dropped"), (2, "proposed")]
    await shelf.ask(handle, Order.ship, PARCEL)
    assert [(n, status) for n, status, _ in await edits(shelf)] == [(1, "dropped"), (2, "dropped")]
    assert await shelf.left() == (3, 0)


async def test_another_thing_instead_for_less(shelf: Shelf) -> None:
    """Given two mugs, when they become a cup of half the price, then cup and money change places with the mugs."""
    handle = await two_mugs(shelf)
    sku = f"CUP{shelf.sku[3:]}"
    async with shelf.flow.database.writing() as writer:
        cup = await shop.stock_product(writer, sku, 5, {"usd": 500})
    items = EditItem(shelf.sku, 0), EditItem(sku, 1)

    await shelf.ask(handle, Order.propose_edit, ProposeEdit("cup", EditWish("buyer/cup", "cup", "buyer", items)))

    assert (await shelf.left(), await shop.stock_of(shelf.flow.database, cup)) == ((5, 2), (5, 1))
    await shelf.ask(handle, Order.commit_edit, YES)
    assert (await shelf.left(), await shop.stock_of(shelf.flow.database, cup)) == ((5, 0), (5, 1))
    order = await orders.find(shelf.flow.database, shelf.number)
    assert order is not None
    assert [(line.sku, line.quantity) for line in order.lines] == [(sku, 1)]
    assert order.totals.total.amount == 500 + 500 + 50
    await shelf.ask(handle, Order.ship, PARCEL)
    assert await shop.stock_of(shelf.flow.database, cup) == (4, 0)


async def test_another_address(shelf: Shelf) -> None:
    """Given a parcel for New York, when it shall go to Berlin, then the tax is Berlin's, and so is the parcel."""
    handle = await two_mugs(shelf)
    to: Address = shop.BERLIN
    await shelf.ask(handle, Order.propose_edit, wish(shelf, shipping_address=to))
    assert await edits(shelf) == [(1, "proposed", -200)]
    await shelf.ask(handle, Order.commit_edit, YES)
    await settled(shelf, 2500, held=2)
    order = await orders.find(shelf.flow.database, shelf.number)
    assert order is not None
    assert (order.shipping_address, order.billing_address) == (to, shop.NEW_YORK)
    assert (order.totals.tax_included, order.totals.tax.amount) == (True, 399)


async def test_what_an_edit_adds_is_held_until_it_expires(shelf: Shelf) -> None:
    """Given an edit that adds two, when nobody says yes in time, then they are for sale, and a yes is too late."""
    handle = await two_mugs(shelf)
    await shelf.ask(handle, Order.propose_edit, wish(shelf, 4))
    assert await shelf.left() == (5, 4)

    await shelf.flow.fast_forward(handle, EDIT_WINDOW + timedelta(minutes=1))

    async with asyncio.timeout(60):
        while (await edits(shelf))[0][1] != "expired":
            await asyncio.sleep(0.05)
    assert await refused(shelf.ask(handle, Order.commit_edit, YES)) == ("edit_over", {"status": "expired"})
    await settled(shelf, TWO_MUGS, held=2)
    assert (await shelf.facts())[-1] == "edit_expired"


async def test_an_edit_that_is_dropped_leaves_nothing(shelf: Shelf) -> None:
    """Given an edit, when it is dropped, twice, then its units are for sale and the next edit can be asked for."""
    handle = await two_mugs(shelf)
    await shelf.ask(handle, Order.propose_edit, wish(shelf, 5))
    assert await refused(shelf.ask(handle, Order.propose_edit, wish(shelf, 1, "other"))) == ("edit_open", {"n": 1})

    for _ in range(2):
        await shelf.ask(handle, Order.drop_edit, DropEdit("no", 1, "buyer"))

    await settled(shelf, TWO_MUGS, held=2)
    await shelf.ask(handle, Order.propose_edit, wish(shelf, 1, "other"))
    assert await edits(shelf) == [(1, "dropped", 3300), (2, "proposed", -1100)]


async def test_the_same_request_is_one_edit(shelf: Shelf) -> None:
    """Given one request sent by two ways at once, then there is one edit, and it holds what it adds once."""
    handle = await two_mugs(shelf)
    await asyncio.gather(*(shelf.ask(handle, Order.propose_edit, wish(shelf, 3), key) for key in "ab"))
    assert await edits(shelf) == [(1, "proposed", 1100)]
    assert await shelf.left() == (5, 3)


@pytest.mark.parametrize(
    ("units", "code"),
    [(6, "out_of_stock"), (0, "edit_leaves_nothing"), (2, "edit_changes_nothing"), (1000, "quantity_out_of_range")],
)
async def test_what_cannot_be_is_refused(shelf: Shelf, units: int, code: str) -> None:
    """Given a wish that cannot be met, then it is refused with its reason, and nothing moves."""
    handle = await two_mugs(shelf)
    assert (await refused(shelf.ask(handle, Order.propose_edit, wish(shelf, units))))[0] == code
    assert (await edits(shelf), await shelf.left()) == ([], (5, 2))
    assert (await shelf.facts())[-1] == "order_confirmed"


@pytest.mark.parametrize("end", ["ship", "cancel"])
async def test_whoever_ships_or_cancels_goes_before_a_proposed_edit(shelf: Shelf, end: str) -> None:
    """Given an edit that waits for a yes, when the order is sent or cancelled as it is, then the edit is let go."""
    handle = await two_mugs(shelf)
    await shelf.ask(handle, Order.propose_edit, wish(shelf, 4))

    await (shelf.ask(handle, Order.ship, PARCEL) if end == "ship" else shelf.ask(handle, Order.cancel, NEVER_MIND))

    assert await edits(shelf) == [(1, "dropped", 2200)]
    assert await shelf.left() == ((3, 0) if end == "ship" else (5, 0))
    if end == "cancel":
        assert (await asyncio.wait_for(handle.result(), 60)).status is OrderStatus.CANCELLED


def done_or_refused(answer: object) -> bool:
    """Whether somebody who asked while others did has a proper answer: also that the order has ended meanwhile."""
    if isinstance(answer, RPCError):
        return answer.status is RPCStatusCode.NOT_FOUND
    return isinstance(answer, OrderState | WorkflowUpdateFailedError)


async def test_of_a_yes_a_parcel_and_a_cancellation_at_once_one_order_comes_out(flow: Flow) -> None:
    """Given all three at the same moment, then the parcel has what the order says and costs, or nothing is left."""
    ways = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    shelves = [await Shelf.open(flow) for _ in ways]
    for shelf, way in zip(shelves, ways, strict=True):
        handle = await two_mugs(shelf)
        await shelf.ask(handle, Order.propose_edit, wish(shelf, 1))
        asked = (
            shelf.ask(handle, Order.commit_edit, YES), shelf.ask(handle, Order.ship, PARCEL),
            shelf.ask(handle, Order.cancel, NEVER_MIND),
        )  # fmt: skip
        answers = await asyncio.gather(*(asked[index] for index in way), return_exceptions=True)
        assert all(done_or_refused(each) for each in answers), answers
        by = dict(zip(way, answers, strict=True))
        yes, sent, ended = (isinstance(by[index], OrderState) for index in range(3))
        assert sent is not ended, by
        [(_, status, _)] = await edits(shelf)
        assert status == ("committed" if yes else "dropped")
        row = await shelf.row()
        assert (row["status"], row["total"]) == ("shipped" if sent else "cancelled", MUG if yes else TWO_MUGS)
        units = 1 if yes else 2
        await settled(shelf, row["total"] if sent else 0, held=0)
        assert await shelf.left() == ((5 - units if sent else 5), 0)


async def intents(shelf: Shelf) -> list[tuple[str, int, int]]:
    """Status, what was taken and what is reserved of each payment at the provider, the oldest first."""
    found = await shelf.flow.intents(shelf.number)
    return [(each["status"], each["captured"], each["held"]) for each in found]


async def test_more_units_and_the_card_that_paid_pays_them(shelf: Shelf) -> None:
    """Given two mugs and a card that was kept, when two more are wanted, then it is charged for them, once."""
    handle = await two_mugs(shelf, **await kept_card(shelf))
    await shelf.ask(handle, Order.propose_edit, wish(shelf, 4))

    first, second = await asyncio.gather(*(shelf.ask(handle, Order.commit_edit, YES, key) for key in "ab"))

    assert (first.total, second.total) == (Money(FOUR_MUGS, "usd"), Money(FOUR_MUGS, "usd"))
    assert await edits(shelf) == [(1, "committed", 2200)]
    await settled(shelf, FOUR_MUGS, held=4)
    assert sorted(await intents(shelf)) == [("succeeded", 2200, 0), ("succeeded", TWO_MUGS, 0)]
    assert (await shelf.facts())[-4:] == ["edit_proposed", "charge_authorized", "order_edited", "payment_captured"]
    assert await shelf.letters() == ["order_confirmed", "order_edited"]
    assert (await shelf.row())["payment_status"] == "paid"
    await shelf.ask(handle, Order.cancel, NEVER_MIND)
    await settled(shelf, 0, held=0)
    assert (await shelf.row())["payment_status"] == "refunded"


async def test_an_edit_and_back(shelf: Shelf) -> None:
    """Given an order that became dearer, when that is taken back, then it costs what it did, and all books agree."""
    handle = await two_mugs(shelf, **await kept_card(shelf))
    for n, units in ((1, 3), (2, 2)):
        await shelf.ask(handle, Order.propose_edit, wish(shelf, units, str(n)))
        await shelf.ask(handle, Order.commit_edit, CommitEdit("yes", n, "buyer"))
    await settled(shelf, TWO_MUGS, held=2)
    assert await edits(shelf) == [(1, "committed", 1100), (2, "committed", -1100)]
    order = await orders.find(shelf.flow.database, shelf.number)
    assert order is not None
    assert (order.totals.total.amount, [line.quantity for line in order.lines]) == (TWO_MUGS, [2])


async def test_who_is_asked_for_a_parcel_is_asked_for_it_after_an_edit_too(shelf: Shelf) -> None:
    """Given an order that was not sent in time, when it is made dearer, then it is still to be sent."""
    handle = await two_mugs(shelf, **await kept_card(shelf))
    await shelf.flow.fast_forward(handle, timedelta(days=3, hours=1))
    assert await shelf.attention(handle) == NOT_SHIPPED
    await shelf.ask(handle, Order.propose_edit, wish(shelf, 3))
    await shelf.ask(handle, Order.commit_edit, YES)
    await settled(shelf, TWO_MUGS + 1100, held=3)
    assert (await shelf.attention(handle), (await shelf.row())["attention"]) == (NOT_SHIPPED, NOT_SHIPPED)


async def test_a_declined_card_leaves_the_edit_open(shelf: Shelf) -> None:
    """Given a dearer edit, when a card is declined, then nothing changes, and another card says yes all the same."""
    handle = await two_mugs(shelf)
    await shelf.ask(handle, Order.propose_edit, wish(shelf, 3))

    bad = CommitEdit("bad card", 1, "buyer", "pm_card_chargeDeclined")
    code, facts = await refused(shelf.ask(handle, Order.commit_edit, bad))

    assert (code, facts["difference"]) == ("payment_declined", {"amount": 1100, "currency": "usd"})
    assert ((await shelf.row())["total"], await shelf.left()) == (TWO_MUGS, (5, 3))
    assert await edits(shelf) == [(1, "proposed", 1100)]
    assert sum(held for _, _, held in await intents(shelf)) == 0
    # A guest's card was not kept, and nobody may charge it again while they are away.
    assert (await refused(shelf.ask(handle, Order.commit_edit, YES)))[0] == "payment_declined"
    await shelf.ask(handle, Order.commit_edit, CommitEdit("good card", 1, "buyer", "pm_card_visa"))
    await settled(shelf, 2700 + 1100, held=3)
    assert sorted(await intents(shelf))[-2:] == [("succeeded", 1100, 0), ("succeeded", TWO_MUGS, 0)]


async def test_what_was_reserved_goes_back_when_the_order_cannot_be_changed(shelf: Shelf) -> None:
    """Given a dearer edit, when money of its mug goes back meanwhile, then the yes is refused, nobody charged."""
    handle = await edit_refused_late(shelf)
    assert await edits(shelf) == [(1, "dropped", 1100)]
    assert sorted(await intents(shelf)) == [("canceled", 0, 0), ("succeeded", MUG, 0)]
    assert ((await shelf.row())["total"], await shelf.left()) == (MUG, (4, 0))
    assert (await shelf.facts())[-3:] == ["charge_authorized", "order_shipped", "edit_dropped"]
    await handle.terminate("the test is over")


async def test_of_a_dearer_yes_a_parcel_and_a_cancellation_at_once_one_order_comes_out(flow: Flow) -> None:
    """Given all three at the same moment, then what was sent is paid for, and of what was not nothing is kept."""
    ways = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 0, 1)]
    for way in ways:
        shelf = await Shelf.open(flow)
        handle = await two_mugs(shelf, **await kept_card(shelf))
        await shelf.ask(handle, Order.propose_edit, wish(shelf, 4))
        asked = (
            shelf.ask(handle, Order.commit_edit, YES), shelf.ask(handle, Order.ship, PARCEL),
            shelf.ask(handle, Order.cancel, NEVER_MIND),
        )  # fmt: skip
        answers = await asyncio.gather(*(asked[index] for index in way), return_exceptions=True)
        assert all(done_or_refused(each) for each in answers), answers
        by = dict(zip(way, answers, strict=True))
        yes, sent, ended = (isinstance(by[index], OrderState) for index in range(3))
        assert sent is not ended, by
        assert [status for _, status, _ in await edits(shelf)] == ["committed" if yes else "dropped"]
        total, units = (FOUR_MUGS, 4) if yes else (TWO_MUGS, 2)
        await settled(shelf, total if sent else 0, held=0)
        assert await shelf.left() == ((5 - units if sent else 5), 0)
        assert sum(held for _, _, held in await intents(shelf)) == 0


async def test_what_a_gift_card_paid_goes_back_to_it(shelf: Shelf) -> None:
    """Given two mugs, most of them paid with a gift card, then what one costs goes to the bank card, then to it."""
    gift = await purse.card_in_cart(shelf.flow.database, shelf.cart, 2000)
    handle = await two_mugs(shelf, expected_due=Money(TWO_MUGS - 2000, "usd"))
    await shelf.ask(handle, Order.propose_edit, wish(shelf, 1))

    done = await shelf.ask(handle, Order.commit_edit, YES)

    assert (done.total, done.credit) == (Money(MUG, "usd"), Money(MUG, "usd"))
    async with asyncio.timeout(60):
        while await _open_refunds(shelf):
            await asyncio.sleep(0.05)
    assert (await paid(shelf), await purse.balance(shelf.flow.database, gift.id)) == (0, 400)
    assert (await shelf.row())["credit"] == MUG
    async with shelf.flow.database.reading() as reader:
        assert await refund_end.drift(reader) == []
        assert await credit.drift(reader) == []
    await shelf.ask(handle, Order.cancel, NEVER_MIND)
    async with asyncio.timeout(60):
        while await purse.balance(shelf.flow.database, gift.id) != 2000:
            await asyncio.sleep(0.05)


async def test_coupons_keep_their_share(shelf: Shelf) -> None:
    """Given two mugs with a tenth off, when they become one and two again, then the coupon takes off what it did."""
    async with shelf.flow.database.writing() as writer:
        await coupons.coupon(writer, "TENTH")
        await carts.add(fetching(writer), shelf.cart, shelf.sku, 1, None, "usd")
    await coupons.on_cart(shelf.flow.database, shelf.cart, "TENTH")
    whole = TWO_MUGS - 200 - 20
    handle, _ = await shelf.flow.buy(shelf.cart, whole, number=shelf.number, **await kept_card(shelf))
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    for n, units, total, off in ((1, 1, 1490, 100), (2, 2, whole, 200)):
        await shelf.ask(handle, Order.propose_edit, wish(shelf, units, str(n)))
        await shelf.ask(handle, Order.commit_edit, CommitEdit("yes", n, "buyer"))
        await settled(shelf, total, held=units)
        order = await orders.find(shelf.flow.database, shelf.number)
        assert order is not None
        assert [(each.code, each.discount.amount) for each in order.coupons] == [("TENTH", off)]
        assert (order.totals.total.amount, order.totals.discount.amount) == (total, off)


async def test_a_provider_that_is_silent_charges_nobody(shelf: Shelf) -> None:
    """Given a provider that is away, then a yes to what costs more is answered so, and can be said again."""
    handle = await two_mugs(shelf, **await kept_card(shelf))
    await shelf.ask(handle, Order.propose_edit, wish(shelf, 3))
    await shelf.flow.stripe.fault("error_before", status=503, path="/v1/payment_intents", times=None)
    yes = asyncio.create_task(shelf.ask(handle, Order.commit_edit, YES))
    await shelf.until_card(handle, "Reserving what edit 1 costs more")

    await shelf.flow.fast_forward(handle, timedelta(minutes=2))
    async with asyncio.timeout(60):
        while not any(event.event_type in GIVEN_UP for event in (await handle.fetch_history()).events):
            await asyncio.sleep(0.05)
    await shelf.flow.stripe.clear()
    await shelf.flow.fast_forward(handle, timedelta(minutes=3))

    assert await refused(yes) == ("unavailable", {"retry_after": 30})
    assert (await edits(shelf), (await shelf.row())["total"]) == ([(1, "proposed", 1100)], TWO_MUGS)
    await shelf.ask(handle, Order.commit_edit, CommitEdit("again", 1, "buyer"))
    await settled(shelf, TWO_MUGS + 1100, held=3)


@pytest.mark.parametrize(("units", "price"), [(3, 1000), (2, 1)], ids=["covered by credit", "less than a card takes"])
async def test_what_nobody_could_charge_is_refused_when_it_is_asked_for(shelf: Shelf, units: int, price: int) -> None:
    """Given an order that credit paid, or a difference of a cent, then the wish is refused, and nothing is held."""
    if units == 3:
        handle, _ = await shelf.buy(None, **await shelf.credit(MUG))
        await shelf.flow.until(handle, OrderStatus.CONFIRMED)
        asked = wish(shelf, 3)
    else:
        handle = await two_mugs(shelf)
        sku = f"PIN{shelf.sku[3:]}"
        async with shelf.flow.database.writing() as writer:
            await shop.stock_product(writer, sku, 5, {"usd": price})
        asked = ProposeEdit("pin", EditWish("buyer/pin", "pin", "buyer", (EditItem(sku, 1),)))
    before = await shelf.left()
    assert (await refused(shelf.ask(handle, Order.propose_edit, asked)))[0] == "charge_impossible"
    assert (await edits(shelf), await shelf.left()) == ([], before)


async def test_what_is_sent_in_exchange_stays_what_it_is(shelf: Shelf) -> None:
    """Given an order that is sent instead of goods that came back, then it is not changed, and nothing is held."""
    handle = await two_mugs(shelf)
    await shelf.flow.database.fetch(
        "UPDATE orders SET shipping_method = shipping_method || $2::jsonb WHERE number = $1",
        shelf.number, as_json({"code": SHIPPING_CODE}),
    )  # fmt: skip
    assert (await refused(shelf.ask(handle, Order.propose_edit, wish(shelf, 3))))[0] == "wrong_move"
    assert (await edits(shelf), await shelf.left()) == ([], (5, 2))
