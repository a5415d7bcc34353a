"""Invoices and credit notes on real rows: numbers without a gap, one paper a cause, and no paper is ever edited."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from models.database import Database
from models.ids import OrderId, new_id
from models.invoice import PaperKind
from models.money import Money
from models.papers.paper import Printed, Shop, Tender
from models.refund import Refund, RefundedItem, RefundWish
from models.tables import paper as papers
from models.tables import refund as refunds
from models.tables import refund_end
from tests.models.tables.shelf import Shelf

SHOP = Shop("Holdfast Ltd", ("1 High Street", "London"), "GB123456789")


async def sold(shelf: Shelf, units: int = 1) -> OrderId:
    """An order of mugs that is confirmed and paid."""
    order, _ = await shelf.order({shelf.mug: units}, locale="de-AT")
    await shelf.tell("UPDATE orders SET status = 'confirmed' WHERE id = :order", order=order)
    await shelf.tell(
        "UPDATE payments SET status = 'paid', captured = amount, reference = :name WHERE order_id = :order",
        order=order, name=f"pi_{order}",
    )  # fmt: skip
    return order


async def issue(database: Database, *orders: OrderId) -> int:
    """Write what is missing of these orders, in one transaction; how many papers that were."""
    async with database.writing() as writer:
        await papers.lock(writer, orders)
        return sum([len(await papers.issue(writer, order, SHOP)) for order in orders])


async def give_back(shelf: Shelf, order: OrderId, wish: RefundWish) -> Refund:
    """Money of an order, there and back."""
    async with shelf.database.writing() as writer:
        refund = await refunds.open(writer, order, wish)
        await refund_end.succeed(writer, refund, f"re_{refund.id}")
    return refund


async def numbers(shelf: Shelf, kind: PaperKind) -> list[int]:
    rows = await shelf.ask("SELECT number FROM papers WHERE kind = $1 ORDER BY number", kind)
    return [number for (number,) in rows]


class Lost(Exception):
    """What a transaction that never commits ends with."""


async def test_two_hundred_invoices_at_once(shelf: Shelf, database_url: str) -> None:
    """Given 200 orders whose invoices are written at once by two workers, each order by both, and a third of the
    transactions fails after it has its numbers, then there is one invoice an order, numbered 1 to 200 without a gap.
    """
    orders = [await sold(shelf) for _ in range(200)]
    other = Database(database_url, size=5)
    gate = asyncio.Semaphore(10)

    async def write(database: Database, place: int, order: OrderId) -> None:
        async with gate:
            if place % 3 == 0:
                with pytest.raises(Lost):
                    async with database.writing() as writer:
                        await papers.lock(writer, [order])
                        await papers.issue(writer, order, SHOP)
                        raise Lost
            await issue(database, order)

    await asyncio.gather(*(
        write(database, place, order)
        for place, order in enumerate(orders) for database in (shelf.database, other)
    ))  # fmt: skip
    await other.close()
    assert await numbers(shelf, PaperKind.INVOICE) == list(range(1, 201))
    assert await shelf.ask("SELECT count(DISTINCT order_id) FROM papers") == [(200,)]
    assert await shelf.ask("SELECT max(last) FROM paper_series") == [(200,)]
    assert await shelf.ask(
        "SELECT count(*) FROM papers p JOIN orders o ON o.id = p.order_id "
        "WHERE p.total = o.total AND p.tax = o.tax AND p.currency = o.currency"
    ) == [(200,)]  # fmt: skip


async def test_batches_that_overlap_wait_for_each_other(shelf: Shelf) -> None:
    """Given the same orders in several batches, some with refunds, then none waits for ever, and nothing is written
    twice."""
    orders = [await sold(shelf) for _ in range(6)]
    assert await issue(shelf.database, *orders[:3]) == 3
    for order in orders[::2]:
        await give_back(shelf, order, RefundWish("a", "broken", "staff", amount=Money(300, "usd")))
    batches = [orders, orders[::-1], orders[3:] + orders[:3], orders[::2]]
    written = await asyncio.gather(*(issue(shelf.database, *batch) for batch in batches))
    assert sum(written) == 6
    assert await numbers(shelf, PaperKind.INVOICE) == list(range(1, 7))
    assert await numbers(shelf, PaperKind.CREDIT_NOTE) == [1, 2, 3]


async def test_an_invoice_says_what_was_sold(shelf: Shelf) -> None:
    """Given a paid order, then its invoice has its rows, the shop, the buyer, and how it was paid."""
    order = await sold(shelf, units=2)
    assert await issue(shelf.database, order) == 1
    [outline] = await papers.of_order(shelf.database, order)
    async with shelf.database.reading() as reader:
        paper = await papers.read(reader, outline.id)
    assert (paper.kind, paper.n, paper.locale, paper.shop) == (PaperKind.INVOICE, 1, "de-AT", SHOP)
    assert (paper.buyer.full_name, paper.ship_to.full_name) == ("Grace Hopper", "Ada Lovelace")
    assert [(row.sku, row.quantity, row.amount) for row in paper.sums.rows] == [("SKU-0", 2, Money(2000, "usd"))]
    assert paper.sums.total == outline.total == Money(2000, "usd")
    assert paper.paid == (Tender("stripe", Money(2000, "usd")),)
    assert paper.number == outline.number == f"INV-{paper.issued_at.year}-000001"


@pytest.mark.parametrize(
    ("status", "payment"),
    [("pending", "pending"), ("on_hold", "authorized"), ("confirmed", "authorized"), ("cancelled", "voided"),
     ("cancelled", "refunded")],
)  # fmt: skip
async def test_an_order_that_is_not_paid_or_over_has_no_invoice(shelf: Shelf, status: str, payment: str) -> None:
    """Given an order that is not paid yet, or was called off before anybody invoiced it, then nothing is written."""
    order, _ = await shelf.order()
    await shelf.tell("UPDATE orders SET status = :status", status=status)
    await shelf.tell("UPDATE payments SET status = :status", status=payment)
    assert await issue(shelf.database, order) == 0
    assert await shelf.ask("SELECT name FROM paper_series") == []


async def test_a_refund_is_credited_once(shelf: Shelf) -> None:
    """Given an invoice and a refund of one of two units, then one credit note, however often it is asked for."""
    order = await sold(shelf, units=2)
    await issue(shelf.database, order)
    await give_back(shelf, order, RefundWish("a", "broken", "staff", items=(RefundedItem("SKU-0", 1),)))
    assert sum(await asyncio.gather(*(issue(shelf.database, order) for _ in range(5)))) == 1
    notes = (await papers.of_order(shelf.database, order))[1:]
    invoice = (await papers.of_order(shelf.database, order))[0]
    assert [(note.kind, note.n, note.total, note.refund, note.of) for note in notes] == [
        (PaperKind.CREDIT_NOTE, 1, Money(1000, "usd"), 1, invoice.number)
    ]
    assert notes[0].number == f"CN-{notes[0].issued_at.year}-000001"


async def test_a_refund_under_way_is_not_credited(shelf: Shelf) -> None:
    """Given a refund that has not arrived yet, then there is no credit note; when it has, there is."""
    order = await sold(shelf)
    async with shelf.database.writing() as writer:
        refund = await refunds.open(writer, order, RefundWish("a", "broken", "staff", amount=Money(300, "usd")))
    assert await issue(shelf.database, order) == 1
    async with shelf.database.writing() as writer:
        await refund_end.succeed(writer, refund, "re_1")
    assert await issue(shelf.database, order) == 1
    assert [paper.total.amount for paper in await papers.of_order(shelf.database, order)] == [1000, 300]


async def test_a_refund_that_overtakes_an_edit_s_is_credited(shelf: Shelf) -> None:
    """Given an edit whose money is still on its way back, then another refund that arrives first is credited whole, and
    what the edit gave back is said by its invoice alone."""
    order = await sold(shelf, units=3)
    await issue(shelf.database, order)
    async with shelf.database.writing() as writer:
        wish = RefundWish("edit", "order_edited", "staff", amount=Money(1000, "usd"))
        edit = await refunds.open(writer, order, wish)
    await shelf.tell(
        "INSERT INTO order_edits (id, order_id, n, key, digest, status, actor, reason, before, after, difference, "
        "refund_n, expires_at, settled_at) VALUES (uuidv7(), :order, 1, 'k', 'd', 'committed', 'staff', 'less', '{}', "
        "'{}', -1000, :n, now(), now())", order=order, n=edit.n,
    )  # fmt: skip
    await shelf.tell("UPDATE order_lines SET quantity = 2, line_total = 2000 WHERE order_id = :order", order=order)
    await shelf.tell("UPDATE orders SET subtotal = 2000, total = 2000 WHERE id = :order", order=order)
    assert await issue(shelf.database, order) == 2
    await give_back(shelf, order, RefundWish("a", "sorry", "staff", amount=Money(1300, "usd")))
    assert await issue(shelf.database, order) == 1
    async with shelf.database.writing() as writer:
        await refund_end.succeed(writer, edit, "re_edit")
    assert await issue(shelf.database, order) == 0
    told = [(paper.kind.value, paper.total.amount) for paper in await papers.of_order(shelf.database, order)]
    assert told == [("invoice", 3000), ("credit_note", 3000), ("invoice", 2000), ("credit_note", 1300)]


async def test_a_paper_is_one_file_for_ever(shelf: Shelf) -> None:
    """Given a paper that was printed, then another print of it is not taken."""
    order = await sold(shelf)
    await issue(shelf.database, order)
    [paper] = await papers.to_print(shelf.database, 10)
    async with shelf.database.writing() as writer:
        assert await papers.to_print_of(writer, order) == [paper]
        assert await papers.file(writer, paper, Printed("a" * 64, 1))
        assert not await papers.file(writer, paper, Printed("b" * 64, 2))
        assert await papers.to_print_of(writer, order) == []
    assert [each.sha256 for each in await papers.of_order(shelf.database, order)] == ["a" * 64]
    assert await papers.to_print(shelf.database, 10) == []


@pytest.mark.parametrize(
    "edit",
    ["DELETE FROM papers", "TRUNCATE papers", "UPDATE papers SET total = total + 1, net = net + 1",
     "UPDATE papers SET number = 7", "UPDATE papers SET sums = '{}'", "UPDATE papers SET sha256 = 'b'"],
)  # fmt: skip
async def test_papers_are_never_edited(shelf: Shelf, edit: str) -> None:
    """Given a printed paper, then Postgres itself refuses to change or delete it, whoever asks."""
    order = await sold(shelf)
    await issue(shelf.database, order)
    [paper] = await papers.to_print(shelf.database, 10)
    async with shelf.database.writing() as writer:
        await papers.file(writer, paper, Printed("a" * 64, 1))
    with pytest.raises(DBAPIError, match="papers stay"):
        await shelf.tell(edit)


async def test_writing_papers_never_waits_for_an_order(shelf: Shelf) -> None:
    """Given somebody at work on an order, its row locked, then its invoice is written meanwhile."""
    order = await sold(shelf)
    async with shelf.database.writing() as writer:
        await writer.exec_driver_sql("SELECT FROM orders WHERE id = $1 FOR NO KEY UPDATE", (order,))
        async with asyncio.timeout(timedelta(seconds=60).total_seconds()):
            assert await issue(shelf.database, order) == 1


async def test_nobody_writes_an_order_that_is_none(shelf: Shelf) -> None:
    """Given an id that no order has, then nothing is written."""
    assert await issue(shelf.database, OrderId(new_id())) == 0
