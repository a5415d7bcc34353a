"""Goods back over HTTP, in the running house: asked for by the buyer, steered by staff, paid back, told to all."""

import asyncio
from typing import Any
from uuid import uuid4

import anyio
import httpx

from models.database import Database
from models.roles import Role
from models.tables import inventory, refund_end
from tests.books import Books
from tests.desk import Clerk
from tests.premises import House, Shopper

MUG_ALONE = 1100
"""One unit and its tax, without shipping."""


def usd(amount: int) -> dict[str, Any]:
    """As JSON has it."""
    return {"amount": amount, "currency": "usd"}


class Sender:
    """A guest whose parcel left, and who wants to send some of it back."""

    def __init__(self, shopper: Shopper, clerk: Clerk, placed: dict[str, Any], sku: str) -> None:
        self.shopper = shopper
        self.clerk = clerk
        self.placed = placed
        self.number: str = placed["number"]
        self.sku = sku

    @classmethod
    async def open(cls, house: House, shopper: Shopper, units: int = 1, role: Role = Role.SUPPORT) -> "Sender":
        """They bought so many units, and all of them were sent."""
        sku = await house.stock(5)
        placed: dict[str, Any] = (await shopper.buy(sku, units)).json()["order"]
        await shopper.order_when(placed, "confirmed")
        clerk = await Clerk.hire(house, shopper.http, role)
        sent = await clerk.do(placed["number"], "ship", carrier="UPS", tracking="1Z")
        assert sent.status_code == 200, sent.text
        return cls(shopper, clerk, placed, sku)

    async def ask(self, units: int = 1, key: str | None = None, **body: Any) -> httpx.Response:
        """Ask for a return."""
        headers = {"Order-Token": self.placed["order_token"], **({"Idempotency-Key": key} if key else {})}
        wish = {"items": [{"sku": self.sku, "quantity": units}], "reason": "Too small.", **body}
        return await self.shopper.http.post(f"/orders/{self.number}/returns", json=wish, headers=headers)

    async def order(self) -> dict[str, Any]:
        """The order as its buyer sees it."""
        return await self.shopper.order(self.placed)

    async def at_desk(self) -> dict[str, Any]:
        """The last return as staff see it."""
        answer = await self.clerk.http.get(
            "/admin/returns", params={"order": self.number}, headers=self.clerk.headers
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["items"][0]
        return found

    async def do(self, action: str, key: str | None = None, **body: Any) -> httpx.Response:
        """One action of staff's on the last return."""
        headers = {**self.clerk.headers, **({"Idempotency-Key": key} if key else {})}
        path = f"/admin/returns/{(await self.at_desk())['id']}/actions/{action}"
        return await self.clerk.http.post(path, json=body, headers=headers)

    async def settled(self) -> dict[str, Any]:
        """The last return, once it is over."""
        with anyio.fail_after(60):
            while (goods := await self.at_desk())["settled_at"] is None:
                await anyio.sleep(0.05)
        return goods


async def agree(database: Database) -> None:
    """Rows and ledgers tell one story."""
    async with database.reading() as reader:
        assert [tuple(row) for row in await refund_end.drift(reader)] == []
        assert await inventory.drift(reader) == []


async def explained(sender: Sender, waits_for: str) -> None:
    """Wait until the order's explanation says what its return waits for; a busy worker may be late to answer."""
    with anyio.fail_after(60):
        while True:
            said = await sender.clerk.explain(sender.number)
            told = [each["told"] for each in said["processes"] if each["kind"] == "return"]
            if [each and each["waiting_for"] for each in told] == [waits_for]:
                return
            await anyio.sleep(0.1)


async def test_a_guest_sends_goods_back_and_is_paid(house: House, shopper: Shopper, books: Books) -> None:
    """Given two units that were sent, when both come back, one of them broken, then both are paid, less a fee."""
    sender = await Sender.open(house, shopper, 2)
    assert "return" in (await sender.order())["can"]

    asked = await sender.ask(2)
    assert asked.status_code == 201, asked.text
    assert (asked.json()["n"], asked.json()["status"], asked.json()["reason"]) == (1, "requested", "Too small.")
    assert "return" not in (await sender.order())["can"]
    await explained(sender, "staff to approve or reject it")
    verdict = [{"sku": sender.sku, "restock": 1, "write_off": 1}]
    for done in (
        await sender.do("approve"), await sender.do("receive"),
        await sender.do("inspect", items=verdict, fee=usd(300), reason="worn"),
    ):  # fmt: skip
        assert done.status_code == 200, done.text
    goods = await sender.settled()

    assert (goods["status"], goods["actions"], goods["refund_status"]) == ("settled", [], "succeeded")
    assert goods["items"] == [
        {"sku": sender.sku, "name": goods["items"][0]["name"], "quantity": 2, "received": 2, "restocked": 1,
         "written_off": 1, "exchange_sku": None}
    ]  # fmt: skip
    order = await sender.order()
    assert (order["status"], order["fulfilment_status"], order["payment_status"]) == (
        "shipped", "returned", "partially_refunded",
    )  # fmt: skip
    [mine] = order["returns"]
    assert (mine["status"], mine["fee"], mine["refund"]) == ("settled", usd(300), 1)
    assert mine["items"] == [{"sku": sender.sku, "quantity": 2, "received": 2, "exchange_sku": None}]
    assert [each["amount"] for each in order["refunds"]] == [usd(2 * MUG_ALONE - 300)]
    seen = await sender.clerk.see(sender.number)
    assert [each["returned"] for each in seen["items"]] == [2]
    assert [each["id"] for each in seen["returns"]] == [goods["id"]]
    told = [each for each in await shopper.events(sender.placed) if each.startswith("return_")]
    assert told == ["return_requested", "return_approved", "return_received", "return_inspected", "return_settled"]
    log = await books.database.fetch(
        "SELECT action, reason FROM audit_log WHERE subject = $1 AND action LIKE 'return.%' ORDER BY at, id",
        sender.number,
    )
    assert [tuple(row) for row in log] == [
        ("return.approve", "as asked"), ("return.receive", None), ("return.inspect", "worn"),
    ]  # fmt: skip
    subjects = [each["subject"] for each in await house.letters_when(sender.number, 4)]
    assert f"Please send back what you want to return of order {sender.number}" in subjects
    assert sum(each["refunded"] for each in await books.intents(sender.number)) == 2 * MUG_ALONE - 300
    await agree(books.database)


async def test_ten_clicks_are_one_return(house: House, shopper: Shopper) -> None:
    """Given one request ten times at once under one key, then one return; another body under it is refused."""
    sender = await Sender.open(house, shopper, 2)

    answers = await asyncio.gather(*(sender.ask(1, "k-1") for _ in range(10)))

    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert {answer.json()["n"] for answer in answers} == {1}
    other = await sender.ask(2, "k-1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused"), other.text
    assert [each["n"] for each in (await sender.order())["returns"]] == [1]
    again = await asyncio.gather(*(sender.do("reject", "r-1", reason="worn") for _ in range(3)))
    assert {answer.status_code for answer in again} == {200}, [answer.text for answer in again]
    reused = await sender.do("reject", "r-1", reason="something else")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused"), reused.text
    assert (await sender.order())["returns"][0]["decision"] == "worn"


async def test_one_unit_comes_back_once(house: House, shopper: Shopper) -> None:
    """Given six who ask for one unit under six keys at once, then one is taken on, five are refused with why."""
    sender = await Sender.open(house, shopper)

    answers = await asyncio.gather(*(sender.ask(1, f"k-{n}") for n in range(6)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5, [each.text for each in answers]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {each["code"] for each in refused} == {"nothing_to_return"}
    assert refused[0]["facts"]["items"] == [{"sku": sender.sku, "requested": 1, "left": 0}]
    assert len((await sender.order())["returns"]) == 1


async def test_out_of_turn_is_refused_with_what_can_be_done(house: House, shopper: Shopper) -> None:
    """Given a return at each of its turns, then what is not its turn is refused with what is, and nothing moves."""
    sender = await Sender.open(house, shopper)
    await sender.ask()
    early = await sender.do("inspect", reason="curious")
    assert (early.status_code, early.json()["code"]) == (409, "wrong_move"), early.text
    assert early.json()["facts"] == {"status": "requested", "actions": ["approve", "reject"]}
    assert (await sender.do("reject", reason="worn")).status_code == 200
    late = await sender.do("approve")
    assert (late.status_code, late.json()["code"]) == (409, "wrong_move"), late.text
    assert late.json()["facts"] == {"status": "rejected", "actions": []}
    assert "return" in (await sender.order())["can"]
    missing = await sender.clerk.http.get(f"/admin/returns/{uuid4()}", headers=sender.clerk.headers)
    assert (missing.status_code, missing.json()["code"]) == (404, "return_not_found")


async def test_what_cannot_come_back(house: House, shopper: Shopper) -> None:
    """Given an order that was not sent, goods that are not in it, and nobody's order, then each is refused."""
    sku = await house.stock(5)
    placed = (await shopper.buy(sku)).json()["order"]
    await shopper.order_when(placed, "confirmed")
    sender = Sender(shopper, await Clerk.hire(house, shopper.http), placed, sku)
    assert "return" not in (await sender.order())["can"]
    unsent = await sender.ask()
    assert (unsent.status_code, unsent.json()["code"]) == (409, "wrong_move"), unsent.text
    assert (await sender.clerk.do(sender.number, "ship", carrier="UPS", tracking="1Z")).status_code == 200
    foreign = await sender.ask(items=[{"sku": "NONE", "quantity": 1}])
    assert (foreign.status_code, foreign.json()["code"]) == (422, "unknown_sku"), foreign.text
    nothing = await sender.ask(items=[])
    assert nothing.status_code == 422
    stranger = await shopper.http.post(
        f"/orders/{sender.number}/returns", json={"items": [{"sku": sku, "quantity": 1}], "reason": "mine"}
    )
    assert (stranger.status_code, stranger.json()["code"]) == (404, "order_not_found"), stranger.text
    assert (await sender.order())["returns"] == []


async def test_staff_find_returns(house: House, shopper: Shopper) -> None:
    """Given two returns of one order, then they are found newest first, page by page, and by status."""
    sender = await Sender.open(house, shopper, 2)
    for _ in range(2):
        assert (await sender.ask()).status_code == 201
    assert (await sender.do("reject", reason="worn")).status_code == 200

    async def found(**filters: Any) -> dict[str, Any]:
        params = {"order": sender.number, **filters}
        answer = await sender.clerk.http.get("/admin/returns", params=params, headers=sender.clerk.headers)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    first = await found(limit=1)
    second = await found(limit=1, cursor=first["next_cursor"])
    assert [each["n"] for each in [*first["items"], *second["items"]]] == [2, 1]
    assert second["next_cursor"] is None
    assert [each["n"] for each in (await found(status="rejected"))["items"]] == [2]
    assert (await found(status="settled"))["items"] == []
