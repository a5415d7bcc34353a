"""Somebody buys, takes all that is known about them along, and is forgotten: over HTTP, in the running house."""

from typing import Any
from uuid import UUID, uuid4

import anyio
import httpx
import msgspec
from temporalio.client import Client

from models.export import Export
from models.ids import CartId, UserId
from models.order import workflow_id
from tests import traces
from tests.books import Books
from tests.premises import House, Shopper
from tests.traces import Person
from workflows.erase_account import EraseAccount
from workflows.order import Order
from workflows.order_messages import DeliverOrder, ShipOrder

PASSWORD = "correct horse battery staple"


def stranger() -> Person:
    """Words that no other test uses."""
    mark = uuid4().hex[:10]
    return Person(f"Z{mark}", f"Q{mark}", f"zq-{mark}@traces.example", f"{mark} Lane", f"+49 {uuid4().int % 10**12}")


async def register(house: House, person: Person) -> dict[str, Any]:
    """Their account, as anybody opens one."""
    async with house.client() as client:
        form = {
            "email": person.email, "password": PASSWORD, "first_name": person.first, "last_name": person.last,
            "phone": person.phone,
        }  # fmt: skip
        while (answer := await client.post("/auth/register", json=form)).status_code == 429:
            await anyio.sleep(float(answer.headers["retry-after"]))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def mails(house: House, address: str, subject: str) -> list[dict[str, Any]]:
    """What arrived there so far under this subject."""
    async with httpx.AsyncClient(base_url=house.stack.urls["mails"], timeout=60) as client:
        found = (await client.get("/messages")).json()["items"]
    return [mail for mail in found if subject == mail["subject"] and address in str(mail)]


async def until_erased(books: Books, user: UserId, temporal: Client, within: float = 90) -> None:
    """Wait until it is written down that they are forgotten; somebody of the staff is impatient meanwhile."""
    with anyio.fail_after(within):
        while not await books.database.fetch("SELECT 1 FROM users WHERE id = $1 AND erased_at IS NOT NULL", user):
            await temporal.get_workflow_handle(f"erasure/{user}").signal(EraseAccount.look_now)
            await anyio.sleep(0.5)


async def test_somebody_leaves(house: House, books: Books) -> None:
    """Given an account with an order, then its file has all of it; forgotten, nothing is left and the books agree."""
    person, sku = stranger(), await house.stock(5)
    me = await register(house, person)
    user = UserId(UUID(me["user"]["id"]))
    async with house.client(Authorization=f"Bearer {me['access_token']}") as client:
        saved = {"kind": "shipping", **msgspec.to_builtins(person.address)}
        assert (await client.post("/addresses", json=saved)).status_code == 201
        shopper = Shopper(house, client)
        await shopper.put(sku, 2)
        form = shopper.order_form(await shopper.quote(), "pm_card_visa", email=person.email)
        form["shipping_address"] = msgspec.to_builtins(person.address)
        bought = await shopper.check_out(form)
        assert bought.status_code == 201, bought.text
        number = bought.json()["order"]["number"]
        await shopper.order_when(bought.json()["order"], "confirmed")
        temporal = await house.temporal()
        order = temporal.get_workflow_handle(workflow_id(CartId(user), 1))
        shipped: Any = await order.execute_update(Order.ship, ShipOrder("bob", "UPS", "1Z"))
        assert shipped.status == "shipped"

        answer = await client.get("/auth/me/export")
        file = msgspec.json.decode(answer.content, type=Export)
        assert (file.account.email, file.addresses[0].address) == (person.email, person.address)
        [kept] = file.orders
        assert (kept.number, kept.email, kept.shipping_address) == (number, person.email, person.address)
        assert [(line.sku, line.quantity) for line in kept.lines] == [(sku, 2)]
        assert kept.payment is not None
        assert (kept.payment.status, kept.payment.amount) == ("paid", kept.totals.total)
        assert [event.type for event in kept.events][:2] == ["order_placed", "payment_authorized"]

        begun = await client.request("DELETE", "/auth/me")
        assert (begun.status_code, begun.json()) == (202, {"status": "begun"})
        assert (await client.get("/auth/me")).status_code == 401
        assert (await client.request("DELETE", "/auth/me")).status_code == 401

    again = await register(house, person)
    assert again["user"]["id"] != str(user)
    async with house.client(Authorization=f"Bearer {again['access_token']}") as client:
        assert (await client.get("/orders")).json()["items"] == []
        assert (await client.request("DELETE", "/auth/me")).status_code == 202

    money = await books.database.fetch("SELECT account, sum(amount) FROM money_entries GROUP BY 1 ORDER BY 1")
    delivered: Any = await order.execute_update(Order.deliver, DeliverOrder("bob"))
    assert delivered.status == "delivered"
    for one in (user, UserId(UUID(again["user"]["id"]))):
        await until_erased(books, one, temporal)
    assert await traces.found(books.database, person) == {}
    [row] = await books.database.fetch("SELECT status, email FROM orders WHERE number = $1", number)
    assert tuple(row) == ("delivered", f"erased-{user}@invalid")
    assert await books.database.fetch("SELECT account, sum(amount) FROM money_entries GROUP BY 1 ORDER BY 1") == money
    assert len(await mails(house, person.email, "Your account is closed")) == 2
