"""Orders on real rows: as they were frozen, moved only where they may go, and with a timeline of facts."""

import asyncio
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from models.ids import CartId, OrderId, OrderNumber, new_id
from models.money import Money
from models.order import ORDER_MOVES, FulfilmentStatus, Order, OrderStatus
from models.payment import PaymentStatus
from models.tables import attention
from models.tables import order as orders
from models.tables import payment as payments
from models.totals import Totals
from tests.models.tables.shelf import Shelf


async def move(shelf: Shelf, order: OrderId, to: OrderStatus, **values: Any) -> bool:
    """One move in a transaction of its own."""
    async with shelf.database.writing() as writer:
        return await orders.move(writer, order, to, **values)


async def test_an_order_is_read_as_it_was_frozen(shelf: Shelf) -> None:
    """Given an order, then it is found by number and by attempt, equal in every field, with its payment's facts."""
    row = shelf.row({shelf.cup: 3, shelf.mug: 2})
    _, payment = await shelf.order({shelf.cup: 3, shelf.mug: 2}, **msgspec.structs.asdict(row))
    async with shelf.database.writing() as writer:
        await payments.move(writer, payment, PaymentStatus.FAILED, reference="pi_1", client_secret="s", error="expired")
    expected = msgspec.structs.replace(
        row, payment_status="failed", payment_reference="pi_1", client_secret="s", payment_error="expired"
    )
    assert _plain(await orders.find(shelf.database, row.number)) == _plain(expected)
    assert _plain(await orders.find_attempt(shelf.database, row.cart_id, 1)) == _plain(expected)


async def test_an_unknown_order_is_none(shelf: Shelf) -> None:
    """Given a number or an attempt that nobody placed, then there is no order."""
    order = shelf.row({shelf.mug: 1})
    await shelf.order(**msgspec.structs.asdict(order))
    assert await orders.find(shelf.database, OrderNumber("HF-NOBOD-YBUYS")) is None
    assert await orders.find_attempt(shelf.database, order.cart_id, 2) is None
    assert await orders.find_attempt(shelf.database, CartId(new_id()), 1) is None


@pytest.mark.parametrize("start", OrderStatus)
async def test_only_permitted_moves_are_made(shelf: Shelf, start: OrderStatus) -> None:
    """Given an order anywhere, then it goes exactly where its moves allow, and nothing is written otherwise."""
    order, _ = await shelf.order()
    for to in OrderStatus:
        await shelf.tell("UPDATE orders SET status = :status, cancel_reason = NULL", status=start.value)
        moved = await move(shelf, order, to, cancel_reason="why")
        assert moved is (to in ORDER_MOVES[start])
        assert await shelf.ask("SELECT status, cancel_reason FROM orders") == [
            (to.value, "why") if moved else (start.value, None)
        ]


async def test_one_of_many_makes_the_move(shelf: Shelf) -> None:
    """Given ten that ship one order at once, then one of them did."""
    order, _ = await shelf.order(status=OrderStatus.CONFIRMED)
    shipped = await asyncio.gather(
        *(move(shelf, order, OrderStatus.SHIPPED, fulfilment_status=FulfilmentStatus.FULFILLED) for _ in range(10))
    )
    assert sum(shipped) == 1
    assert await shelf.ask("SELECT status, fulfilment_status FROM orders") == [("shipped", "fulfilled")]


async def test_a_move_touches_one_order(shelf: Shelf) -> None:
    """Given two orders, when one is cancelled, then the other is still pending."""
    (order, _), _ = await shelf.order(), await shelf.order()
    assert await move(shelf, order, OrderStatus.CANCELLED)
    assert await shelf.ask("SELECT status FROM orders ORDER BY status") == [("cancelled",), ("pending",)]


async def test_a_flag_comes_and_goes(shelf: Shelf) -> None:
    """Given an order that needs a person, then it says why until nobody is needed."""
    order, _ = await shelf.order()
    async with shelf.database.writing() as writer:
        await attention.ask(writer, order, "attention", "capture: timeout")
    assert await shelf.ask("SELECT attention FROM orders") == [("capture: timeout",)]
    async with shelf.database.writing() as writer:
        await attention.settle(writer, order, "attention")
    assert await shelf.ask("SELECT attention FROM orders") == [(None,)]


async def test_who_settles_what_they_asked_for_leaves_what_others_did(shelf: Shelf) -> None:
    """Given an order of which three ask for a person, then it shows its owner's, and what is left when that is over."""
    order, _ = await shelf.order()
    for topic, why in (
        ("attention", "not shipped in time"), ("refund/1/money", "refund 1 is back"), ("papers", "papers"),
    ):  # fmt: skip
        async with shelf.database.writing() as writer:
            await attention.ask(writer, order, topic, why)
    assert await shelf.ask("SELECT attention FROM orders") == [("not shipped in time",)]
    for settled, shown in (("attention", "papers"), ("papers", "refund 1 is back"), ("refund/%/money", None)):
        async with shelf.database.writing() as writer:
            await attention.settle(writer, order, settled)
        assert await shelf.ask("SELECT attention FROM orders") == [(shown,)]
    assert await shelf.ask("SELECT * FROM attentions") == []


async def test_what_is_asked_for_twice_is_one_thing(shelf: Shelf) -> None:
    """Given a step that fails again, then it is asked for once, since the first time; told twice, it counts once."""
    order, _ = await shelf.order()
    for fact in ("attention/1", "attention/2", "attention/2"):
        async with shelf.database.writing() as writer:
            await attention.ask(writer, order, "attention", "capture the payment: no", fact)
    assert await shelf.ask("SELECT kind, step, times, asked_at < told_at FROM attentions") == [
        ("stuck", "capture the payment", 2, True)
    ]


async def test_a_fact_is_told_once_and_in_order(shelf: Shelf) -> None:
    """Given facts of one moment, one of them told twice, then the timeline has each once, as they happened."""
    order, _ = await shelf.order()
    async with shelf.database.writing() as writer:
        await orders.tell(writer, order, "captured", "payment_captured", "provider", amount=Money(5, "usd"))
        await orders.tell(writer, order, "confirmed", "order_confirmed", "order")
        await orders.tell(writer, order, "captured", "payment_captured", "somebody else", amount=Money(6, "usd"))
        await orders.tell(writer, order, "shipped", "order_shipped", "warehouse", tracking="1Z")
    told = await orders.timeline(shelf.database, order)
    assert [(event.type, event.actor, event.facts) for event in told] == [
        ("payment_captured", "provider", {"amount": {"amount": 5, "currency": "usd"}}),
        ("order_confirmed", "order", {}),
        ("order_shipped", "warehouse", {"tracking": "1Z"}),
    ]
    assert told[0].at.tzinfo is not None


async def test_two_orders_tell_the_same_fact(shelf: Shelf) -> None:
    """Given two orders, then each has its own `placed`."""
    for order in ((await shelf.order())[0], (await shelf.order())[0]):
        async with shelf.database.writing() as writer:
            await orders.tell(writer, order, "placed", "order_placed", "buyer")
        assert len(await orders.timeline(shelf.database, order)) == 1


@pytest.mark.parametrize(
    ("totals", "fine"),
    [
        ((1000, 0, 500, 150, 1650, False), True), ((1000, 100, 500, 150, 1400, True), True),
        ((1000, 0, 500, 150, 1651, False), False), ((1000, 0, 500, 150, 1650, True), False),
    ],
)  # fmt: skip
async def test_postgres_itself_adds_up(shelf: Shelf, totals: tuple[int, int, int, int, int, bool], fine: bool) -> None:
    """Given sums that make the total or do not, then the table takes the first and refuses the second."""
    *amounts, included = totals
    subtotal, discount, shipping, tax, total = (Money(amount, "usd") for amount in amounts)
    changed = Totals(subtotal, discount, shipping, tax, total, included)
    if fine:
        await shelf.order(totals=changed)
    else:
        with pytest.raises(sa.exc.IntegrityError, match="total_adds_up"):
            await shelf.order(totals=changed)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE order_lines SET line_total = line_total + 1", "line_adds_up"),
        ("UPDATE order_lines SET quantity = 0, line_total = 0", "line_adds_up"),
        ("UPDATE orders SET status = 'lost'", "status_known"),
        ("UPDATE orders SET fulfilment_status = 'lost'", "fulfilment_status_known"),
    ],
)
async def test_postgres_itself_refuses_nonsense(shelf: Shelf, statement: str, constraint: str) -> None:
    """Given raw SQL that breaks a sum or uses a word of nobody's, then the table refuses it."""
    await shelf.order()
    with pytest.raises(sa.exc.IntegrityError, match=constraint):
        await shelf.tell(statement)


async def test_one_checkout_makes_one_order(shelf: Shelf) -> None:
    """Given an order of a cart's attempt, then a second one of the same attempt, number or workflow is refused."""
    first = shelf.row({shelf.mug: 1})
    await shelf.order(**msgspec.structs.asdict(first))
    for same in ({"cart_id": first.cart_id}, {"number": first.number}, {"workflow_id": first.workflow_id}):
        with pytest.raises(sa.exc.IntegrityError, match="uq_orders"):
            await shelf.order(**same)


def _plain(order: Order | None) -> Any:
    return msgspec.to_builtins(order)
