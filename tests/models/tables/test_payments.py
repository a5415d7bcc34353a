"""Payments and the money ledger on real rows: each move once, each operation once, and always balanced."""

import asyncio
from uuid import UUID

import pytest
import sqlalchemy as sa

from models.ids import OrderId, PaymentId, new_id
from models.money import Money
from models.payment import PAYMENT_MOVES, PaymentStatus
from models.tables import payment as payments
from tests.models.tables.shelf import Shelf

ENTRIES = "SELECT account, amount, currency FROM money_entries ORDER BY account"


async def move(shelf: Shelf, payment: PaymentId, to: PaymentStatus, **values: object) -> bool:
    """One move in a transaction of its own."""
    async with shelf.database.writing() as writer:
        return await payments.move(writer, payment, to, **values)


async def book(shelf: Shelf, order: OrderId, operation: str, amounts: dict[str, Money]) -> None:
    """One operation in a transaction of its own."""
    async with shelf.database.writing() as writer:
        await payments.book(writer, order, operation, amounts)


@pytest.mark.parametrize("start", PaymentStatus)
async def test_only_permitted_moves_are_made(shelf: Shelf, start: PaymentStatus) -> None:
    """Given a payment anywhere, then it goes exactly where its moves allow, and stays put otherwise."""
    _, payment = await shelf.order()
    for to in PaymentStatus:
        await shelf.tell("UPDATE payments SET status = :status, error = NULL", status=start.value)
        moved = await move(shelf, payment, to, error="seen")
        assert moved is (to in PAYMENT_MOVES[start])
        assert await shelf.ask("SELECT status, error FROM payments") == [
            (to.value, "seen") if moved else (start.value, None)
        ]


async def test_one_of_many_makes_the_move(shelf: Shelf) -> None:
    """Given ten that authorize and void one payment at once, then the moves made form one permitted way."""
    _, payment = await shelf.order()
    ends = [PaymentStatus.AUTHORIZED, PaymentStatus.VOIDED] * 5
    moved = [to for to, done in zip(ends, await asyncio.gather(*(move(shelf, payment, to) for to in ends)), strict=True)
             if done]  # fmt: skip
    assert sorted(moved) in (["voided"], ["authorized", "voided"])


async def test_an_unknown_payment_does_not_move(shelf: Shelf) -> None:
    """Given an id that no payment has, then there is nothing to move, and no error either."""
    assert await move(shelf, PaymentId(new_id()), PaymentStatus.PAID) is False


async def test_a_note_changes_no_status(shelf: Shelf) -> None:
    """Given the provider's reference, then it is kept beside the status, and finds the payment again."""
    _, payment = await shelf.order()
    async with shelf.database.writing() as writer:
        await payments.note(writer, payment, reference="pi_1", client_secret="s")
    async with shelf.database.reading() as reader:
        assert await payments.status_by_reference(reader, "pi_1") is PaymentStatus.PENDING
        assert await payments.status_by_reference(reader, "pi_2") is None


async def test_one_intent_belongs_to_one_payment(shelf: Shelf) -> None:
    """Given a provider's intent that a payment has, then no second payment can have it."""
    for payment in ((await shelf.order())[1], (await shelf.order())[1]):
        try:
            await move(shelf, payment, PaymentStatus.AUTHORIZED, reference="pi_1")
        except sa.exc.IntegrityError as refused:
            assert "uq_payments_reference" in str(refused)
    assert await shelf.ask("SELECT count(*)::int FROM payments WHERE status = 'authorized'") == [(1,)]


async def test_an_order_has_one_payment(shelf: Shelf) -> None:
    """Given an order with a payment, then a second one is refused by the table."""
    order, _ = await shelf.order()
    with pytest.raises(sa.exc.IntegrityError, match="uq_payments_order_id"):
        async with shelf.database.writing() as writer:
            await payments.open_payment(writer, PaymentId(new_id()), order, Money(1, "usd"), "stripe")


async def test_an_operation_is_booked_once(shelf: Shelf) -> None:
    """Given one capture booked five times at once, then the ledger has it once."""
    order, _ = await shelf.order()
    capture = {"provider:stripe": Money(1000, "usd"), "sales": Money(-1000, "usd")}
    await asyncio.gather(*(book(shelf, order, "capture/1", capture) for _ in range(5)))
    assert await shelf.ask(ENTRIES) == [("provider:stripe", 1000, "usd"), ("sales", -1000, "usd")]
    await book(shelf, order, "capture/2", capture)
    assert await shelf.ask("SELECT sum(amount)::int, count(*)::int FROM money_entries") == [(0, 4)]


@pytest.mark.parametrize(
    "amounts",
    [
        {}, {"a": Money(1, "usd")}, {"a": Money(1, "usd"), "b": Money(1, "usd")},
        {"a": Money(1, "usd"), "b": Money(-2, "usd")}, {"a": Money(1, "usd"), "b": Money(-1, "eur")},
    ],
    ids=["nothing", "one side", "same signs", "different sums", "two currencies"],
)  # fmt: skip
async def test_what_does_not_balance_is_not_booked(shelf: Shelf, amounts: dict[str, Money]) -> None:
    """Given entries that do not sum to zero in one currency, then none is written."""
    order, _ = await shelf.order()
    with pytest.raises(ValueError, match="does not balance"):
        await book(shelf, order, "capture/1", amounts)
    assert await shelf.ask(ENTRIES) == []


async def test_money_is_booked_for_an_order_that_exists(shelf: Shelf) -> None:
    """Given an order id that no order has, then nothing is booked under it."""
    with pytest.raises(sa.exc.IntegrityError, match="fk_money_entries_order_id_orders"):
        await book(shelf, OrderId(UUID(int=1)), "x", {"a": Money(1, "usd"), "b": Money(-1, "usd")})


async def test_a_status_is_one_of_its_words(shelf: Shelf) -> None:
    """Given raw SQL with a word of nobody's, then the table refuses it."""
    await shelf.order()
    with pytest.raises(sa.exc.IntegrityError, match="status_known"):
        await shelf.tell("UPDATE payments SET status = 'captured'")
