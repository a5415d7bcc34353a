"""Refunds on real rows: never more than was paid, whoever asks and however often; parts that add up; balanced books."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import Refusal
from models.ids import OrderId, new_id
from models.money import Money, share_out
from models.order import OrderLine
from models.payment import PaymentStatus
from models.refund import Refund, RefundedItem, RefundWish
from models.tables import credit, refund_end
from models.tables import order as orders
from models.tables import payment as payments
from models.tables import refund as refunds
from models.tables.credit import credit_accounts, credit_entries, credit_holds
from models.totals import Totals
from tests.models.tables.shelf import Shelf


def usd(amount: int) -> Money:
    """Dollars."""
    return Money(amount, "usd")


def wish(amount: int | None = None, **changes: Any) -> RefundWish:
    """What is to go back; everything when nothing is said."""
    values: dict[str, Any] = {"key": new_id().hex, "reason": "broken", "actor": "staff"}
    if amount is not None:
        values["amount"] = usd(amount)
    return RefundWish(**{**values, **changes})


async def paid(
    shelf: Shelf, *, units: int = 3, discount: int = 0, tax: int = 0, shipping: int = 0, shipping_tax: int = 0,
    credit: int = 0,
) -> tuple[OrderId, int]:  # fmt: skip
    """An order of mugs and a cup that is paid, of this `credit` by a gift card; and its total."""
    full = [1000 * units, 1000]
    discounts, taxes = share_out(usd(discount), full), share_out(usd(tax), full)
    total = sum(full) - discount + shipping + tax + shipping_tax
    lines = tuple(
        OrderLine(variant, sku, sku, quantity, usd(1000), usd(1000 * quantity), taxes[place], discounts[place])
        for place, (variant, sku, quantity) in enumerate([(shelf.mug, "MUG", units), (shelf.cup, "CUP", 1)])
    )
    sums = Totals(usd(sum(full)), usd(discount), usd(shipping), usd(tax + shipping_tax), usd(total))
    row = shelf.row({shelf.mug: units, shelf.cup: 1}, lines=lines, totals=sums, credit=usd(credit) if credit else None)
    async with shelf.database.writing() as writer:
        await orders.insert(writer, row)
        payment = new_id()
        await payments.open_payment(writer, payment, row.id, usd(total - credit), "stripe")  # type: ignore[arg-type]
        await writer.execute(
            sa.update(payments.payments)
            .where(payments.payments.c.order_id == row.id)
            .values(status="paid", captured=total - credit, reference=f"pi_{row.id}")
        )
        booked = {"provider:stripe": usd(total - credit), "sales": usd(-total)}
        if credit:
            booked["gift_card"] = usd(credit)
            card = new_id()
            await writer.execute(
                sa.insert(credit_accounts).values(
                    id=card, kind="gift_card", code_key=card.hex, currency="usd", balance=0
                )
            )
            for what, amount in (("issue", credit), (f"hold/{row.id}", -credit)):
                await writer.execute(
                    sa.insert(credit_entries).values(
                        id=new_id(), account_id=card, operation=what, amount=amount, actor="test", reason="test"
                    )
                )
            await writer.execute(
                sa.insert(credit_holds).values(
                    order_id=row.id, account_id=card, status="committed", amount=credit, currency="usd"
                )
            )
        await payments.book(writer, row.id, f"capture/{payment}", booked)
    return row.id, total


async def opened(shelf: Shelf, order: OrderId, asked: RefundWish, n: int | None = None) -> Refund:
    """Reserve one, in a transaction of its own."""
    async with shelf.database.writing() as writer:
        return await refunds.open(writer, order, asked, n)


async def succeeded(shelf: Shelf, refund: Refund) -> bool:
    """Its money went back."""
    async with shelf.database.writing() as writer:
        return await refund_end.succeed(writer, refund, f"re_{refund.id}")


async def failed(shelf: Shelf, refund: Refund) -> bool:
    """It did not."""
    async with shelf.database.writing() as writer:
        return await refund_end.fail(writer, refund, None, "no")


async def came_back(shelf: Shelf, refund: Refund) -> bool:
    """It did, and came back."""
    async with shelf.database.writing() as writer:
        return await refund_end.come_back(writer, refund, "no")


async def drift(shelf: Shelf) -> list[Any]:
    """Where rows and ledgers differ."""
    async with shelf.database.reading() as reader:
        return [tuple(row) for row in [*await refund_end.drift(reader), *await credit.drift(reader)]]


async def status(shelf: Shelf, order: OrderId) -> str:
    """The payment's."""
    [(found,)] = await shelf.ask("SELECT status FROM payments WHERE order_id = $1", order)
    return str(found)


async def refused(shelf: Shelf, order: OrderId, asked: RefundWish, n: int | None = None) -> Refusal:
    """The refusal of a wish, which left every row as it was."""
    state = "SELECT (SELECT array_agg(r::text) FROM refunds r), (SELECT array_agg(p::text) FROM payments p)"
    before = await shelf.ask(state)
    with pytest.raises(Refusal) as no:
        await opened(shelf, order, asked, n)
    assert await shelf.ask(state) == before
    return no.value


async def test_twenty_at_once_give_back_what_was_paid_and_no_more(shelf: Shelf) -> None:
    """Given twenty refunds of 3.00 of an order of 40.00 at once, then thirteen are reserved and seven refused."""
    order, total = await paid(shelf)
    assert total == 4000

    outcomes = await asyncio.gather(*(opened(shelf, order, wish(300)) for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(each, Refund) for each in outcomes) == 13
    assert {each.code for each in outcomes if isinstance(each, Refusal)} == {"refund_exceeds"}
    assert await shelf.ask("SELECT refunded FROM payments") == [(3900,)]
    assert sorted(each.n for each in outcomes if isinstance(each, Refund)) == list(range(1, 14))
    assert await drift(shelf) == []


async def test_the_table_itself_refuses_more_than_was_captured(shelf: Shelf) -> None:
    """Given raw SQL, then neither payment nor gift card can give back more than it paid."""
    order, _ = await paid(shelf, credit=500)
    with pytest.raises(sa.exc.IntegrityError, match="never_over_refunded"):
        await shelf.tell("UPDATE payments SET refunded = 3501 WHERE order_id = :order", order=order)
    with pytest.raises(sa.exc.IntegrityError, match="never_over_refunded"):
        await shelf.tell("UPDATE credit_holds SET refunded = 501")
    with pytest.raises(sa.exc.IntegrityError, match="never_over_refunded"):
        await shelf.tell("UPDATE payments SET captured = amount + 1")


async def test_one_key_is_one_refund(shelf: Shelf) -> None:
    """Given one request five times at once, and again when it is over, then one refund, answered as it stands."""
    order, _ = await paid(shelf)
    asked = wish(300)
    made = await asyncio.gather(*(opened(shelf, order, asked) for _ in range(5)))
    assert len({each.id for each in made}) == 1
    assert await succeeded(shelf, made[0])
    assert (await opened(shelf, order, asked)).status == "succeeded"
    assert await shelf.ask("SELECT refunded FROM payments") == [(300,)]


async def test_a_number_is_one_refund_s(shelf: Shelf) -> None:
    """Given two that both want to be the first, then the second is told that it is not, and nothing moved."""
    order, _ = await paid(shelf)
    await opened(shelf, order, wish(300), 1)
    assert (await refused(shelf, order, wish(300), 1)).code == "refund_superseded"
    assert (await refused(shelf, order, wish(300), 3)).code == "refund_superseded"
    assert (await opened(shelf, order, wish(300), 2)).n == 2


async def test_units_go_back_once_and_shipping_too(shelf: Shelf) -> None:
    """Given three mugs for 29.99 and shipping with its tax, then each part is exact, and none goes back twice."""
    order, total = await paid(shelf, discount=1, shipping=500, shipping_tax=37)
    one = await opened(shelf, order, wish(items=(RefundedItem("MUG", 1),)))
    two = await opened(shelf, order, wish(items=(RefundedItem("MUG", 2),)))
    carriage = await opened(shelf, order, wish(shipping=True))
    assert [each.amount.amount for each in (one, two, carriage)] == [1000, 1999, 537]
    no = await refused(shelf, order, wish(items=(RefundedItem("MUG", 1),)))
    assert (no.code, no.facts["items"]) == ("refund_exceeds", [{"sku": "MUG", "requested": 1, "left": 0}])
    assert (await refused(shelf, order, wish(shipping=True))).code == "refund_exceeds"
    assert await failed(shelf, two)
    again = await opened(shelf, order, wish(items=(RefundedItem("MUG", 1), RefundedItem("MUG", 1))))
    assert again.amount == usd(1999)
    assert (await opened(shelf, order, wish())).amount == usd(total - 1000 - 1999 - 537)
    assert await drift(shelf) == []


@pytest.mark.parametrize("start", [each for each in PaymentStatus if each not in refunds.REFUNDABLE])
async def test_what_is_not_paid_has_nothing_to_give_back(shelf: Shelf, start: PaymentStatus) -> None:
    """Given a payment of which nothing is captured, then a refund is refused."""
    order, _ = await paid(shelf)
    await shelf.tell("UPDATE payments SET status = :status", status=start.value)
    assert (await refused(shelf, order, wish(1))).code == "wrong_move"
    assert (await refused(shelf, OrderId(new_id()), wish(1))).code == "order_not_found"


async def test_ends_are_written_once(shelf: Shelf) -> None:
    """Given ends told five times at once, then each is booked once; late news find nothing to change."""
    order, _ = await paid(shelf, credit=1000)
    refund = await opened(shelf, order, wish(3500))
    assert sorted(await asyncio.gather(*(succeeded(shelf, refund) for _ in range(5)))) == [False] * 4 + [True]
    assert not await failed(shelf, refund)
    assert await status(shelf, order) == "partially_refunded"
    assert await shelf.ask("SELECT sum(balance)::int FROM credit_accounts") == [(500,)]
    assert await drift(shelf) == []
    rest = await opened(shelf, order, wish())
    assert (rest.amount, rest.from_provider) == (usd(500), usd(0))
    assert await succeeded(shelf, rest)
    assert await status(shelf, order) == "refunded"
    assert sorted(await asyncio.gather(*(came_back(shelf, refund) for _ in range(5)))) == [False] * 4 + [True]
    assert await status(shelf, order) == "partially_refunded"
    assert not await succeeded(shelf, refund)
    assert await shelf.ask("SELECT refunded FROM payments") == [(0,)]
    assert await drift(shelf) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_refunds_keep_the_books(shelf: Shelf, data: st.DataObject) -> None:
    """Given any order and refunds by amount and by units, which arrive, fail or come back, then all sums agree.

    Never more goes back than was paid; and what is left at the end, given back at once, brings it to exactly all.
    """
    numbers = st.integers(0, 997)
    credit_part = data.draw(st.integers(0, 1000))
    order, total = await paid(
        shelf, units=data.draw(st.integers(1, 7)), discount=data.draw(numbers), tax=data.draw(numbers),
        shipping=data.draw(numbers), shipping_tax=data.draw(st.integers(0, 99)), credit=credit_part,
    )  # fmt: skip
    ends = st.sampled_from([succeeded, succeeded, failed, came_back, None])
    wishes = st.one_of(
        st.integers(1, 3000).map(wish),
        st.integers(1, 4).map(lambda units: wish(items=(RefundedItem("MUG", units),))),
        st.just(None).map(lambda _: wish(items=(RefundedItem("CUP", 1),), shipping=True)),
    )
    for asked, end in data.draw(st.lists(st.tuples(wishes, ends), max_size=8)):
        try:
            refund = await opened(shelf, order, RefundWish(**{**_said(asked), "key": new_id().hex}))
        except Refusal as no:
            assert no.code == "refund_exceeds"
            continue
        if end is came_back:
            await succeeded(shelf, refund)
        if end is not None:
            await end(shelf, refund)
        assert await drift(shelf) == []
    [(left,)] = await shelf.ask(_LEFT, order)
    if left:
        assert await succeeded(shelf, await opened(shelf, order, wish()))
    assert await shelf.ask(_LEFT, order) == [(0,)]
    for refund in [each for each in await refunds.of_order(shelf.database, order) if each.status == "open"]:
        assert await succeeded(shelf, refund)
    assert await status(shelf, order) == "refunded"
    assert await shelf.ask(
        "SELECT sum(amount)::int FROM money_entries WHERE order_id = $1 GROUP BY account", order
    ) == [(0,) for _ in range(3 if credit_part else 2)]
    assert await drift(shelf) == []
    assert total > 0


_LEFT = """
SELECT (p.captured - p.refunded + coalesce((SELECT sum(h.amount - h.refunded) FROM credit_holds h
        WHERE h.order_id = p.order_id), 0))::int FROM payments p WHERE p.order_id = $1
"""


def _said(asked: RefundWish) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in asked.__struct_fields__}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_all_lines_and_shipping_are_the_order(shelf: Shelf, data: st.DataObject) -> None:
    """Given any order, when all its units go back in any parts, and its shipping, then that is its total exactly."""
    units = data.draw(st.integers(1, 7))
    numbers = st.integers(0, 997)
    order, total = await paid(
        shelf, units=units, discount=data.draw(numbers), tax=data.draw(numbers),
        shipping=data.draw(st.integers(1, 997)), shipping_tax=data.draw(st.integers(0, 99)),
    )  # fmt: skip
    sums = 0
    while units:
        part = data.draw(st.integers(1, units))
        refund = await opened(shelf, order, wish(items=(RefundedItem("MUG", part),)))
        again = data.draw(st.booleans()) and await failed(shelf, refund)
        sums, units = (sums, units) if again else (sums + refund.amount.amount, units - part)
    last = await opened(shelf, order, wish(items=(RefundedItem("CUP", 1),), shipping=True))
    assert sums + last.amount.amount == total
    assert await drift(shelf) == []
