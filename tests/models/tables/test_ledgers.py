"""Ledgers: rows are added, and nobody, with whatever rights the application has, changes or removes one."""

import pytest
import sqlalchemy as sa

from models.audit import Author
from models.commission import Account
from models.ids import UserId, new_id
from models.money import Money
from models.tables import audit, inventory, payout_ledger
from models.tables import order as orders
from models.tables import payment as payments
from models.tables.credit import credit_accounts, credit_entries
from tests.models.tables.shelf import Shelf

LEDGERS = ("money_entries", "stock_movements", "order_events", "credit_entries", "audit_log",
           "audit_readings", "payout_entries")  # fmt: skip


@pytest.mark.parametrize("ledger", LEDGERS)
@pytest.mark.parametrize("edit", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_a_ledger_refuses_edits(shelf: Shelf, ledger: str, edit: str) -> None:
    """Given a ledger with rows, when somebody changes, deletes or empties them, then Postgres says no, and why."""
    order, _ = await shelf.order()
    async with shelf.database.writing() as writer:
        await orders.tell(writer, order, "placed", "order_placed", "buyer")
        await payments.book(writer, order, "capture/1", {"a": Money(1, "usd"), "b": Money(-1, "usd")})
        await inventory.receive(writer, shelf.mug, 1, "test", "more")
        await payout_ledger.append(
            writer, "order/1", {(Account.CAPTURED, None): -1, (Account.SHOP, None): 1}, "usd", cause="test", order=order
        )
        await audit.append(writer, None, "coupon.create", "SAVE10", after={"code": "SAVE10"})
        card = new_id()
        await writer.execute(
            sa.insert(credit_accounts).values(id=card, kind="gift_card", code_key="hash", currency="usd", balance=1)
        )
        await writer.execute(
            sa.insert(credit_entries).values(
                id=new_id(), account_id=card, operation="issue", amount=1, actor="test", reason="test"
            )
        )
    await audit.append_readings(shelf.database, Author(UserId(new_id())), "order.read", ["HF-AAAAA-BBBBB"])
    before = await shelf.ask(f"SELECT * FROM {ledger} ORDER BY id")
    with pytest.raises(sa.exc.DBAPIError, match=f"{ledger} is a ledger: append a correcting row instead"):
        await shelf.tell(edit.format(ledger))
    assert await shelf.ask(f"SELECT * FROM {ledger} ORDER BY id") == before != []


async def test_these_are_all_the_ledgers(shelf: Shelf) -> None:
    """Given the tables that are guarded, then they are those that hold money, stock and history."""
    guarded = await shelf.ask(
        "SELECT DISTINCT event_object_table FROM information_schema.triggers "
        "WHERE trigger_name = 'append_only' ORDER BY 1"
    )
    assert [name for (name,) in guarded] == sorted(LEDGERS)
