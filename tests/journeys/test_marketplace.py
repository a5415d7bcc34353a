"""A marketplace over HTTP, from an empty vendor to money on its account, and back when a buyer gets theirs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest

from models.roles import Role
from tests import people
from tests.desk import Clerk
from tests.premises import House, Shopper
from workflows.pay_vendors import PAY_VENDORS_ID


class Stall:
    """A vendor over HTTP: made by an admin, with goods of its own, and somebody signed in who acts for it."""

    def __init__(self, http: httpx.AsyncClient, slug: str, sku: str, headers: dict[str, str]) -> None:
        self.http, self.slug, self.sku, self.headers = http, slug, sku, headers

    @classmethod
    async def open(cls, house: House, admin: Clerk, name: str) -> "Stall":
        """Everything that staff do once."""
        slug, sku = f"{name}-{uuid4().hex[:12]}", await house.stock(5)
        database = house.database()
        async with database.writing() as writer:
            user = await people.account(writer)
            headers = await people.signed_in(writer, house.environment["SECRET_KEY"].encode(), user=user)
        await database.close()
        made: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "/vendors", {"slug": slug, "name": name}),
            ("POST", f"/vendors/{slug}/members", {"user_id": str(user)}),
            ("PATCH", f"/products/{sku.lower()}", {"vendor": slug}),
            ("POST", "/commission-rules", {"vendor": slug, "ppm": 100_000}),
            ("PATCH", f"/vendors/{slug}/payout-account", {"payout_account": f"acct_{uuid4().hex}"}),
        ]  # fmt: skip
        for method, path, body in made:
            answer = await admin.http.request(method, f"/admin{path}", json=body, headers=admin.headers)
            assert answer.status_code in (200, 201), answer.text
        return cls(admin.http, slug, sku, headers)

    async def see(self, path: str) -> httpx.Response:
        """What it is shown."""
        return await self.http.get(f"/vendor{path}", headers=self.headers)

    async def ship(self, number: str, sku: str, quantity: int, key: str | None = None) -> httpx.Response:
        """A parcel."""
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        body = {"carrier": "UPS", "tracking": "1Z", "items": [{"sku": sku, "quantity": quantity}]}
        return await self.http.post(f"/vendor/orders/{number}/ship", json=body, headers=headers)

    async def balance(self) -> tuple[int, int]:
        """(owed, paid)."""
        [found] = (await self.see("/payouts")).json()["balances"]
        return found["owed"]["amount"], found["paid"]["amount"]


async def until(meets: Callable[[], Awaitable[bool]], within: float = 60) -> None:
    """Wait until it is so."""
    with anyio.fail_after(within):
        while not await meets():
            await anyio.sleep(0.1)


@pytest.fixture
async def admin(house: House, shopper: Shopper) -> Clerk:
    """Who may do everything."""
    return await Clerk.hire(house, shopper.http, Role.ADMIN)


async def test_from_a_sale_to_a_payout_and_back(house: House, shopper: Shopper, admin: Clerk) -> None:
    """Given two vendors in one order, then each sends their own, is paid once, and loses what goes back."""
    anna, ben = await Stall.open(house, admin, "anna"), await Stall.open(house, admin, "ben")
    await shopper.put(anna.sku, 2)
    await shopper.put(ben.sku)
    answer = await shopper.check_out(shopper.order_form(await shopper.quote()))
    assert answer.status_code == 201, answer.text
    placed = answer.json()["order"]
    number = placed["number"]

    async def divided() -> bool:
        return all([(await each.see(f"/orders/{number}")).status_code == 200 for each in (anna, ben)])

    await until(divided)
    mine = (await anna.see(f"/orders/{number}")).json()
    assert [(item["sku"], item["quantity"], item["shipped"]) for item in mine["items"]] == [(anna.sku, 2, 0)]
    assert (mine["earning"]["share"]["amount"], mine["shipping_address"]["line1"]) == (1800, "1 Main St")
    assert ben.sku not in str(mine)
    assert "example.com" not in str(mine)

    clicks = await asyncio.gather(*(anna.ship(number, anna.sku, 1, "a-1") for _ in range(3)))
    assert [click.status_code for click in clicks] == [200] * 3, clicks[0].text
    assert [item["shipped"] for item in clicks[0].json()["items"]] == [1]
    too_many = await anna.ship(number, anna.sku, 2)
    assert (too_many.status_code, too_many.json()["code"]) == (409, "nothing_left")
    assert too_many.json()["facts"]["items"] == [{"sku": anna.sku, "requested": 2, "left": 1}]
    theirs = await ben.ship(number, anna.sku, 1)
    assert (theirs.status_code, theirs.json()["code"]) == (422, "unknown_sku")
    assert (await ben.see(f"/orders/{number}")).json()["shipments"] == []
    assert (await ben.ship(number, ben.sku, 1)).status_code == 200
    assert [each["items"] for each in (await ben.see(f"/orders/{number}")).json()["shipments"]] == [
        [{"sku": ben.sku, "quantity": 1}]
    ]
    assert (await shopper.order(placed))["fulfilment_status"] == "partial"
    told = (await admin.see(number))["events"]
    assert {event["actor"].partition("/")[0] for event in told if event["type"] == "order_shipped"} == {"vendor"}

    async def earned() -> bool:
        return (await anna.balance(), await ben.balance()) == ((1800, 0), (900, 0))

    await until(earned)
    temporal = await house.temporal()
    await temporal.get_schedule_handle(PAY_VENDORS_ID).trigger()

    async def paid() -> bool:
        found = [(await each.see("/payouts")).json()["items"] for each in (anna, ben)]
        return [[payout["status"] for payout in each] for each in found] == [["paid"], ["paid"]]

    await until(paid)
    assert (await anna.balance(), await ben.balance()) == ((0, 1800), (0, 900))
    back = await admin.do(number, "refund", items=[{"sku": anna.sku, "quantity": 1}], reason="broken")
    assert back.status_code == 201, back.text

    async def taken_back() -> bool:
        return (await anna.balance(), await ben.balance()) == ((-900, 1800), (0, 900))

    await until(taken_back)
    desk = await admin.http.get(f"/admin/vendors/{anna.slug}/payouts", headers=admin.headers)
    [payout] = desk.json()["items"]
    assert (payout["amount"]["amount"], payout["status"], payout["workflow_id"].split("/")[0]) == (
        1800,
        "paid",
        "payout",
    )
