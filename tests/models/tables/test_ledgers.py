"""Ledgers: rows are added, and nobody, with whatever rights the application has, changes or removes one."""

import pytest
import sqlalchemy as sa

from models.money import Money
from models.tables import inventory
from models.tables import order as orders
from models.tables import payment as payments
from tests.models.tables.shelf import Shelf

LEDGERS = ("money_entries", "stock_movements", "order_events")


@pytest.mark.parametrize("ledger", LEDGERS)
@pytest.mark.parametrize("edit", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_a_ledger_refuses_edits(shelf: Shelf, ledger: str, edit: str) -> None:
    """Given a ledger with rows, when somebody changes, deletes or empties them, then Postgres says no, and why."""
    order, _ = await shelf.order()
    async with shelf.database.writing() as writer:
        await orders.tell(writer, order, "placed", "order_placed", "buyer")
        await payments.book(writer, order, "capture/1", {"a": Money(1, "usd"), "b": Money(-1, "usd")})
        await inventory.receive(writer, shelf.mug, 1, "test", "more")
    before = await shelf.ask(f"SELECT * FROM {ledger} ORDER BY id")
    with pytest.raises(sa.exc.DBAPIError, match=f"{ledger} is a ledger: append a correcting row instead"):
        await shelf.tell(edit.format(ledger))
    assert await shelf.ask(f"SELECT * FROM {ledger} ORDER BY id") == before != []


async def test_these_are_all_the_ledgers(shelf: Shelf) -> None:
    """Given the tables that are guarded, then they are the three that hold money, stock and history."""
    guarded = await shelf.ask("SELECT DISTINCT event_object_table FROM information_schema.triggers ORDER BY 1")
    assert [name for (name,) in guarded] == sorted(LEDGERS)
