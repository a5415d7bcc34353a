"""Orders divided between vendors as news of them come: each once, whoever takes them, and none holds the others up."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.payouts import MendBooks, PayoutActivities
from activities.vendor_parts import DivideAgain, DivideOrders, OrdersDivided, VendorPartActivities
from models import clock
from models.ids import OrderId
from models.money import Money
from models.order import OrderStatus
from models.refund import RefundWish
from models.tables import order as orders
from models.tables import refund as refunds
from models.tables import refund_end
from tests import sellers
from tests.activities.till import Till
from tests.models.tables.shelf import Shelf
from workflows.split_orders import READER, TYPES

WHOLE = {"captured": -1000, "vendor/anna": 1000}


@pytest.fixture
async def shelf(till: Till) -> Shelf:
    """Anna sells mugs."""
    async with till.database.writing() as writer:
        await sellers.seller(writer, "anna", till.mug)
    return Shelf(till.database, till.mug, till.cup)


async def confirmed(shelf: Shelf, count: int) -> list[OrderId]:
    """So many orders of one mug each, paid, and told of."""
    found = []
    for _ in range(count):
        order, payment = await shelf.order(status=OrderStatus.CONFIRMED)
        async with shelf.database.writing() as writer:
            await sellers.take(writer, order, payment, 1000)
            await orders.tell(writer, order, "confirmed", "order_confirmed", "order")
        found.append(order)
    return found


async def divide(shelf: Shelf, most: int = 50) -> OrdersDivided:
    """One step."""
    steps = VendorPartActivities(shelf.database)
    done: OrdersDivided = await ActivityEnvironment().run(steps.divide_orders, DivideOrders(READER, TYPES, most))
    return done


async def divide_all(shelf: Shelf, count: int, workers: int = 1) -> list[OrdersDivided]:
    """Steps until so many news were taken: they come to light when whoever began before them has ended."""
    found: list[OrdersDivided] = []
    async with asyncio.timeout(60):
        while sum(done.taken for done in found) < count:
            found += await asyncio.gather(*(divide(shelf, 3) for _ in range(workers)))
    return found


async def test_workers_side_by_side_divide_each_order_once(shelf: Shelf) -> None:
    """Given ten orders and four workers that take their news at once, then each is divided once, and all are."""
    made = await confirmed(shelf, 10)
    done = await divide_all(shelf, 10, workers=4)
    assert sum(each.taken for each in done) == 10
    for order in made:
        assert await sellers.said(shelf.database, order) == WHOLE
    assert await shelf.ask("SELECT count(DISTINCT operation), count(*) FROM payout_entries") == [(10, 20)]
    assert (await divide(shelf)).taken == 0


async def test_what_cannot_be_divided_is_told_and_made_up_for(shelf: Shelf) -> None:
    """Given one of three orders with terms that make no sense, then it is named, others are divided; mended, it is."""
    first, bad, last = await confirmed(shelf, 3)
    [line] = await sellers.line_ids(shelf.database, bad)
    async with shelf.database.writing() as writer:
        await writer.exec_driver_sql(
            "INSERT INTO line_terms (order_line_id, order_id, vendor_id, ppm, fixed) "
            "SELECT $1, $2, id, -900000, 0 FROM vendors", (line, bad),
        )  # fmt: skip
    [failed] = [each for done in await divide_all(shelf, 3) for each in done.failed]
    assert (failed.order, failed.cause) == (bad, "order_confirmed")
    assert [await sellers.said(shelf.database, each) for each in (first, bad, last)] == [WHOLE, {}, WHOLE]
    steps = VendorPartActivities(shelf.database)
    again = DivideAgain((failed,))
    assert (await ActivityEnvironment().run(steps.divide_again, again)).failed == (failed,)
    await shelf.tell("UPDATE line_terms SET ppm = 0 WHERE ppm < 0")
    for _ in range(2):
        assert (await ActivityEnvironment().run(steps.divide_again, again)).failed == ()
        assert await sellers.said(shelf.database, bad) == WHOLE


async def test_books_that_cannot_be_mended_hold_up_no_payout(shelf: Shelf) -> None:
    """Given two refunds nobody heard of, and terms of the first order that make no sense, then the other is mended."""
    bad, good = await confirmed(shelf, 2)
    await divide_all(shelf, 2)
    await shelf.tell("UPDATE line_terms SET ppm = -900000 WHERE order_id = :bad", bad=bad)
    async with shelf.database.writing() as writer:
        for order in (bad, good):
            refund = await refunds.open(writer, order, RefundWish("k", "sorry", "staff", amount=Money(400, "usd")))
            await refund_end.succeed(writer, refund, f"re_{order}")
    steps, asked = PayoutActivities(shelf.database, {}), MendBooks(clock.now() - timedelta(days=1))
    assert await ActivityEnvironment().run(steps.mend_books, asked) == 1
    assert await sellers.said(shelf.database, bad) == WHOLE
    assert await sellers.said(shelf.database, good) == {**WHOLE, "refunded": 400, "vendor/anna": 600}
    assert await ActivityEnvironment().run(steps.mend_books, asked) == 0


async def test_a_shop_without_vendors_writes_nothing(till: Till) -> None:
    """Given orders in a shop that has no vendors, then their news are passed over, and not a row is written."""
    shelf = Shelf(till.database, till.mug, till.cup)
    await confirmed(shelf, 2)
    await divide_all(shelf, 2)
    for table in ("line_terms", "vendor_parts", "payout_entries"):
        assert await shelf.ask(f"SELECT count(*) FROM {table}") == [(0,)]
