"""Staff find orders, read them whole, write notes, and are told what can be done."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from models.database import Database
from models.ids import OrderNumber
from models.order import OrderStatus
from models.payment import PaymentStatus
from models.roles import Role
from models.tables.order import orders
from models.tables.payment import payments
from tests import people, shop
from tests.activities.till import Till
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log, state

LIST = f"{ADMIN}/orders"


@pytest.fixture
async def till(api: Api, database: Database) -> Till:
    """Mugs and cups, and what makes orders of them."""
    async with database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 50)
        cup = await shop.stock_product(writer, "CUP", 50)
    return Till(database, mug, cup)


async def bought(till: Till, sku: str = "MUG", **changes: Any) -> str:
    """An order of one; its number."""
    [row] = await till.database.fetch("SELECT count(*) AS orders FROM orders")
    number = OrderNumber(f"HF-SHELF-{chr(ord('A') + row['orders']) * 5}")
    await till.placed(await till.cart({sku: 1}), number=number, **changes)
    return number


async def put(till: Till, number: str, status: OrderStatus, payment: PaymentStatus, **values: Any) -> None:
    """Where the order stands from now on."""
    async with till.database.writing() as writer:
        mine = sa.select(orders.c.id).where(orders.c.number == number).scalar_subquery()
        await writer.execute(sa.update(orders).where(orders.c.number == number).values(status=status, **values))
        await writer.execute(sa.update(payments).where(payments.c.order_id == mine).values(status=payment))


async def found(api: Api, staff: dict[str, str], **filters: Any) -> list[str]:
    """Numbers in the list, page by page."""
    numbers, more = [], dict[str, Any]()
    while True:
        answer = await api.get(LIST, params={**filters, **more}, headers=staff)
        assert answer.status_code == 200, answer.text
        numbers += [item["number"] for item in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            return numbers
        more = {"cursor": answer.json()["next_cursor"]}


async def test_orders_are_listed_newest_first(api: Api, till: Till) -> None:
    """Given three orders, then they come newest first, page by page, each with what staff look for."""
    first, second, third = [await bought(till) for _ in range(3)]
    staff = await api.sign_in(Role.SUPPORT)
    assert await found(api, staff, limit=1) == [third, second, first]
    answer = await api.get(LIST, params={"limit": 1}, headers=staff)
    [item] = answer.json()["items"]
    assert {name: item[name] for name in item.keys() - {"placed_at"}} == {
        "number": third, "status": "pending", "payment_status": "pending", "fulfilment_status": "unfulfilled",
        "attention": None, "customer_id": None, "email": "ada@example.com", "name": "Ada Lovelace",
        "total": {"amount": 1600, "currency": "usd"}, "item_count": 1,
        "items": [{"sku": "MUG", "name": "Mug", "quantity": 1}], "actions": ["cancel", "extend_hold", "note"],
    }  # fmt: skip


async def test_filters_add_up(api: Api, till: Till) -> None:
    """Given orders that differ in everything, then each filter finds its own, and together they find both's."""
    async with till.database.writing() as writer:
        user = await people.account(writer)
    plain = await bought(till)
    cup = await bought(till, "CUP", email="Grace@Example.org", customer_id=user)
    sent = await bought(till, shipping_address=shop.BERLIN, billing_address=shop.BERLIN, amount=1500)
    await put(till, sent, OrderStatus.SHIPPED, PaymentStatus.PAID, fulfilment_status="fulfilled", attention="look")
    staff = await api.sign_in(Role.FINANCE)
    assert await found(api, staff, status="shipped") == [sent]
    assert await found(api, staff, payment_status="paid") == [sent]
    assert await found(api, staff, fulfilment_status="unfulfilled") == [cup, plain]
    assert await found(api, staff, attention="true") == [sent]
    assert await found(api, staff, attention="false") == [cup, plain]
    assert await found(api, staff, customer=str(user)) == [cup]
    for words, wanted in {
        plain.lower(): [plain], "cup": [cup], "grace@EXAMPLE": [cup], "hopper": [sent], "%": [], "\\": [], "_": [],
    }.items():  # fmt: skip
        assert await found(api, staff, q=words) == wanted, words
    assert await found(api, staff, q="mug", status="pending") == [plain]
    [row] = await till.database.fetch("SELECT placed_at FROM orders WHERE number = $1", cup)
    at = row["placed_at"].isoformat()
    assert await found(api, staff, placed_from=at) == [sent, cup]
    assert await found(api, staff, placed_to=at) == [plain]


@pytest.mark.parametrize(
    "params",
    [
        {"status": "gone"},
        {"q": ""},
        {"q": "a\x00"},
        {"placed_from": "soon"},
        {"placed_to": "0.5"},
        {"placed_to": "2026-11-01T00:00:00"},
        {"placed_from": "0001-01-01T00:00:00+14:00"},
        {"customer": "me"},
        {"cursor": "x"},
    ],
)
async def test_filters_that_mean_nothing_are_refused(api: Api, till: Till, params: dict[str, str]) -> None:
    """Given a filter that cannot be read, then it is refused, and no list is given for it."""
    answer = await api.get(LIST, params=params, headers=await api.sign_in(Role.ADMIN))
    assert answer.status_code in (400, 422), answer.text


async def test_an_order_is_read_whole(api: Api, till: Till) -> None:
    """Given an order, then staff read what its buyer reads, and its events, its owner, its payment."""
    number = await bought(till)
    answer = await api.get(f"{LIST}/{number}", headers=await api.sign_in(Role.SUPPORT))
    assert answer.status_code == 200, answer.text
    seen = answer.json()
    assert (seen["email"], seen["status"]) == ("ada@example.com", "pending")
    assert seen["actions"] == ["cancel", "extend_hold", "note"]
    assert seen["addresses"]["shipping"]["full_name"] == "Ada Lovelace"
    assert seen["payment"] == {"status": "pending", "reference": None, "error": None}
    assert seen["totals"]["total"] == {"amount": 1600, "currency": "usd"}
    assert [item["sku"] for item in seen["items"]] == ["MUG"]
    assert [event["type"] for event in seen["events"]] == ["order_placed"]
    assert seen["workflow_id"].startswith("order/")
    unknown = await api.get(f"{LIST}/HF-22222-22222", headers=await api.sign_in(Role.SUPPORT))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "order_not_found")


async def test_a_note_is_for_staff_alone(api: Api, till: Till) -> None:
    """Given a note sent twice under one key, then it stands once, with who wrote it, and its buyer never sees it."""
    async with till.database.writing() as writer:
        buyer, clerk = await people.account(writer), await people.account(writer, Role.SUPPORT)
    number = await bought(till, customer_id=buyer)
    staff = {**await api.sign_in(user=clerk), "Idempotency-Key": "n-1"}
    address, body = f"{LIST}/{number}/actions/note", {"text": "Leave it with the neighbour.\nRing twice."}

    answers = await asyncio.gather(*(api.post(address, json=body, headers=staff) for _ in range(3)))

    assert [answer.status_code for answer in answers] == [200] * 3
    for answer in answers:
        assert [event["type"] for event in answer.json()["events"]] == ["order_placed", "note"]
    note = answers[0].json()["events"][-1]
    assert (note["actor"], note["facts"]) == (f"staff/{clerk}", body)
    assert await log(till.database) == [("order.note", number, None, {"text": "personal"}, None)]
    other = await api.post(address, json={"text": "something else"}, headers=staff)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    seen = await api.get(f"/api/v1/orders/{number}/events", headers=await api.sign_in(user=buyer))
    assert [event["type"] for event in seen.json()["items"]] == ["order_placed"]
    taken_along = await api.get("/api/v1/auth/me/export", headers=await api.sign_in(user=buyer))
    assert "neighbour" not in taken_along.text and str(clerk) not in taken_along.text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"minutes": 60}, 422, "invalid"), ({"reason": "#1"}, 422, "invalid"),
        ({"reason": "#1", "minutes": 60, "until": "2026-11-22T12:00:00Z"}, 422, "invalid"),
        ({"reason": "#1", "minutes": 0}, 422, "invalid"), ({"reason": "#1", "minutes": 1441}, 422, "invalid"),
        ({"reason": "#1", "minutes": "soon"}, 422, "invalid"), ({"reason": "#1", "until": "soon"}, 422, "invalid"),
        ({"reason": "#1", "until": "2026-11-22T12:00:00"}, 422, "invalid"),
        ({"reason": "#1", "until": "0001-01-01T00:00:00+14:00"}, 422, "invalid"),
        ({"reason": "#1", "until": "9999-12-31T23:59:59-14:00"}, 422, "invalid"),
        ({"reason": "a\x00", "minutes": 60}, 422, "invalid"), ({"reason": "#1", "minutes": 60}, 503, "unavailable"),
    ],
)  # fmt: skip
async def test_longer_that_means_nothing_is_refused(
    api: Api, till: Till, body: dict[str, Any], status: int, code: str
) -> None:
    """Given a wish that cannot be read, or that its owner cannot hear, then it is refused, and nothing moves."""
    number = await bought(till)
    before = await state(till.database, "orders", "order_events", "stock_holds")
    answer = await api.post(f"{LIST}/{number}/actions/extend_hold", json=body, headers=await api.sign_in(Role.SUPPORT))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await state(till.database, "orders", "order_events", "stock_holds") == before


async def test_an_action_that_is_none_is_not_there(api: Api, till: Till) -> None:
    """Given a word that is no action, or an order that is none, then 404."""
    number = await bought(till)
    staff = await api.sign_in(Role.ADMIN)
    answer = await api.post(f"{LIST}/{number}/actions/explode", headers=staff)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for action, body in (("note", {"text": "x"}), ("cancel", {"reason": "x"}), ("retry", {"reason": "x"})):
        answer = await api.post(f"{LIST}/HF-22222-22222/actions/{action}", json=body, headers=staff)
        assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found"), action


async def test_a_command_that_temporal_does_not_take_is_sent_again(api: Api, till: Till) -> None:
    """Given Temporal is away, then a command is answered 503, and nothing moves."""
    number = await bought(till)
    before = await state(till.database, "orders", "order_events", "stock")
    answer = await api.post(
        f"{LIST}/{number}/actions/cancel", json={"reason": "#1"}, headers=await api.sign_in(Role.SUPPORT)
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert await state(till.database, "orders", "order_events", "stock") == before
