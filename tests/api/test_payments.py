"""One's own payments: page by page, with what went back, and nobody else's."""

import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from models.database import Database
from models.ids import OrderNumber, UserId
from models.refund import RefundedItem, RefundWish
from models.tables import refund as refunds
from models.tables import refund_end
from models.tables.payment import payments
from tests import people, shop
from tests.activities.till import MUG_TO_NEW_YORK, Till
from tests.api.conftest import Api

PAYMENTS = "/api/v1/payments"


@pytest.fixture
async def till(api: Api, database: Database) -> Till:
    """Mugs and cups, and what makes orders of them."""
    async with database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 50)
        cup = await shop.stock_product(writer, "CUP", 50)
    return Till(database, mug, cup)


async def buyer(database: Database) -> UserId:
    """Somebody with an account."""
    async with database.writing() as writer:
        return await people.account(writer)


async def bought(till: Till, user: UserId, number: str, *, paid: bool = True) -> uuid.UUID:
    """An order of one mug; its id."""
    placed = await till.placed(await till.cart(), number=OrderNumber(number), customer_id=user)
    if paid:
        async with till.database.writing() as writer:
            await writer.execute(
                sa.update(payments).where(payments.c.id == placed.payment_id)
                .values(status="paid", captured=MUG_TO_NEW_YORK)
            )  # fmt: skip
    return placed.order_id


def usd(amount: int) -> dict[str, Any]:
    """As JSON has it."""
    return {"amount": amount, "currency": "usd"}


async def test_a_payment_tells_what_went_back(api: Api, till: Till) -> None:
    """Given a refunded mug, then the list, the payment and the order say so alike, without what staff wrote."""
    user = await buyer(till.database)
    order = await bought(till, user, "HF-PAYSA-AAAAA")
    async with till.database.writing() as writer:
        wish = RefundWish("k", "the courier's fault", "order", items=(RefundedItem("MUG", 1),))
        made = await refunds.open(writer, order, wish)  # type: ignore[arg-type]
        await refund_end.succeed(writer, made, "re_1")
    headers = await api.sign_in(user=user)

    listed = await api.get(PAYMENTS, headers=headers)

    [item] = listed.json()["items"]
    assert (item["status"], item["amount"], item["captured"], item["refunded"], item["credit"]) == (
        "partially_refunded", usd(1600), usd(1600), usd(1100), usd(0),
    )  # fmt: skip
    [back] = item["refunds"]
    assert (back["n"], back["status"], back["amount"], back["to_provider"], back["to_credit"], back["items"]) == (
        1, "succeeded", usd(1100), usd(1100), usd(0), [{"sku": "MUG", "quantity": 1}],
    )  # fmt: skip
    assert "courier" not in listed.text
    assert (await api.get(f"{PAYMENTS}/{item['id']}", headers=headers)).json() == item
    shown = await api.get(f"/api/v1/orders/{item['order_number']}", headers=headers)
    assert shown.json()["refunds"] == item["refunds"]


async def test_page_by_page_newest_first(api: Api, till: Till) -> None:
    """Given three payments, then pages of one bring each once, and the last says that it is."""
    user = await buyer(till.database)
    numbers = [f"HF-PAYSA-{letter * 5}" for letter in "ABC"]
    for number in numbers:
        await bought(till, user, number, paid=False)
    headers, seen, cursor = await api.sign_in(user=user), [], None
    for _ in numbers:
        page = (await api.get(PAYMENTS, params={"limit": 1, **({"cursor": cursor} if cursor else {})},
                              headers=headers)).json()  # fmt: skip
        seen += [item["order_number"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert (seen, cursor) == (numbers[::-1], None)


async def test_nobody_sees_anothers(api: Api, till: Till) -> None:
    """Given somebody else's payment, or none, then there is none; and without a sign-in, 401."""
    await bought(till, await buyer(till.database), "HF-PAYSA-AAAAA")
    [row] = await till.database.fetch("SELECT id FROM payments")
    headers = await api.sign_in()
    assert (await api.get(PAYMENTS, headers=headers)).json()["items"] == []
    for payment in (row["id"], uuid.uuid4()):
        answer = await api.get(f"{PAYMENTS}/{payment}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "payment_not_found")
    assert (await api.get(PAYMENTS)).status_code == 401
    assert (await api.get(PAYMENTS, params={"cursor": "nonsense"}, headers=headers)).status_code == 400
