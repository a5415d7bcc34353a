"""A partner outside, through the running house: registered, tested, told of a sale, told again, and left in peace."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from models.roles import Role
from tests import receiver as receivers
from tests.desk import Clerk
from tests.premises import House, Shopper
from tests.receiver import Receiver

ENDPOINTS = "/admin/webhook-endpoints"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Listens, and answers well."""
    async with receivers.listening() as opened:
        yield opened


async def until_told(receiver: Receiver, number: str, count: int, within: float = 60) -> list[str]:
    """Topics of one order, as soon as there are so many."""
    with anyio.fail_after(within):
        while len(told := receiver.of_order(number)) < count:
            await anyio.sleep(0.05)
    return told


async def test_a_partner_is_told_of_a_sale(house: House, shopper: Shopper, receiver: Receiver) -> None:
    """Given a receiver, when an order is bought, sent and arrives, then it hears of each as its buyer sees it."""
    clerk = await Clerk.hire(house, shopper.http, Role.ADMIN)
    topics = ["order.confirmed", "order.shipped", "order.delivered"]
    made = await clerk.http.post(ENDPOINTS, json={"url": receiver.url, "topics": topics}, headers=clerk.headers)
    assert made.status_code == 201, made.text
    place, secret = f"{ENDPOINTS}/{made.json()['id']}", made.json()["secret"]

    async def ask(what: str, **body: Any) -> None:
        answer = await clerk.http.post(f"{place}/{what}", json=body, headers=clerk.headers)
        assert answer.status_code in (200, 201), answer.text

    await ask("test")
    with anyio.fail_after(60):
        await receiver.arrived.wait()
    assert receiver.got[0].verified(secret)["type"] == "test"
    receiver.got.clear()
    receiver.took.clear()

    placed = (await shopper.buy(await house.stock(5))).json()["order"]
    await shopper.order_when(placed, "confirmed")
    number = placed["number"]
    assert await until_told(receiver, number, 1) == topics[:1]
    for action, body, status in (
        ("ship", {"carrier": "DHL", "tracking": "1Z"}, "shipped"),
        ("deliver", {}, "delivered"),
    ):
        done = await clerk.do(number, action, **body)
        assert done.status_code == 200, done.text
        await shopper.order_when(placed, status)
    assert await until_told(receiver, number, 3) == topics
    last = [got for got in receiver.got if number in got.body.decode()][-1].verified(secret)
    seen = await shopper.order(placed)
    shared = set(last["data"]["order"]) & set(seen)
    assert {"items", "totals", "addresses", "shipments", "status"} < shared
    assert {name: last["data"]["order"][name] for name in shared - {"refunds", "returns"}} == {
        name: seen[name] for name in shared - {"refunds", "returns"}
    }

    with anyio.fail_after(60):  # it has heard of it before that is written down
        while True:
            listed = await clerk.http.get(f"{place}/deliveries", params={"order": number}, headers=clerk.headers)
            items = list(reversed(listed.json()["items"]))
            if all(each["status"] == "delivered" for each in items):
                break
            await anyio.sleep(0.05)
    assert [each["topic"] for each in items] == topics
    before = len(receiver.got)
    await ask("replay", event=items[-1]["event"])
    with anyio.fail_after(60):
        while len(receiver.got) == before:
            await anyio.sleep(0.05)
    assert receiver.got[-1].id == items[-1]["event"]
    assert (await clerk.http.delete(place, headers=clerk.headers)).status_code == 204
