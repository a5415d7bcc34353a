"""Money back over HTTP, in the running house: once a click, never more than was paid, and everybody is told."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from dev.stripe.remote import SimulatorControl
from models.database import Database
from models.roles import Role
from models.tables import credit, refund_end
from tests import people
from tests.books import Books
from tests.desk import Clerk
from tests.premises import House, Shopper

MUG = 1600
"""One unit, its shipping and its tax."""


def usd(amount: int) -> dict[str, Any]:
    """As JSON has it."""
    return {"amount": amount, "currency": "usd"}


async def sold(house: House, shopper: Shopper, units: int = 1, method: str = "pm_card_visa") -> dict[str, Any]:
    """An order that is paid."""
    answer = await shopper.buy(await house.stock(5), units, method)
    placed: dict[str, Any] = answer.json()["order"]
    await shopper.order_when(placed, "confirmed")
    return placed


async def given_back(books: Books, number: str) -> int:
    """What the provider sent back."""
    return sum(each["refunded"] for each in await books.intents(number))


async def agree(database: Database) -> None:
    """Rows and ledgers tell one story."""
    async with database.reading() as reader:
        assert [tuple(row) for row in await refund_end.drift(reader)] == []
        assert await credit.drift(reader) == []


async def until(shopper: Shopper, placed: dict[str, Any], *statuses: str) -> dict[str, Any]:
    """The order as its buyer sees it, once its refunds stand there."""
    with anyio.fail_after(60):
        while True:
            order = await shopper.order(placed)
            if [each["status"] for each in order["refunds"]] == list(statuses):
                return order
            await anyio.sleep(0.05)


async def test_ten_clicks_are_one_refund(house: House, shopper: Shopper, books: Books) -> None:
    """Given one request ten times at once under one key, then one refund; another body under it is refused."""
    placed = await sold(house, shopper)
    clerk = await Clerk.hire(house, shopper.http)

    answers = await asyncio.gather(
        *(clerk.do(placed["number"], "refund", "r-1", amount=usd(1000), reason="broken") for _ in range(10))
    )

    assert {answer.status_code for answer in answers} <= {201, 202}, [answer.text for answer in answers]
    order = await until(shopper, placed, "succeeded")
    again = await clerk.do(placed["number"], "refund", "r-1", amount=usd(1000), reason="broken")
    assert (again.status_code, again.json()) == (201, {
        "order_number": placed["number"], "n": 1, "status": "succeeded", "amount": usd(1000), "to_provider": usd(1000),
        "to_credit": usd(0),
    })  # fmt: skip
    assert (order["payment_status"], order["refunds"][0]["amount"]) == ("partially_refunded", usd(1000))
    other = await clerk.do(placed["number"], "refund", "r-1", amount=usd(1001), reason="broken")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await given_back(books, placed["number"]) == 1000
    [letter] = [each for each in await house.letters_when(placed["number"], 2) if "went back" in each["subject"]]
    assert "$10.00 went back to the card" in letter["text"]
    log = await books.database.fetch(
        "SELECT action, after ->> 'refund' AS n, reason FROM audit_log WHERE subject = $1", placed["number"]
    )
    assert [tuple(row) for row in log] == [("order.refund", "1", "broken")]
    await agree(books.database)


async def test_ten_refunds_at_once_give_back_what_was_paid_and_no_more(
    house: House, shopper: Shopper, books: Books
) -> None:
    """Given ten of 3.00 under ten keys at once, of 16.00 paid, then five are made, five refused with what is left."""
    placed = await sold(house, shopper)
    clerk = await Clerk.hire(house, shopper.http, Role.FINANCE)

    answers = await asyncio.gather(
        *(clerk.do(placed["number"], "refund", f"r-{n}", amount=usd(300), reason="late") for n in range(10))
    )

    codes = sorted(answer.status_code if answer.status_code >= 400 else 201 for answer in answers)
    assert codes == [201] * 5 + [409] * 5, [answer.text for answer in answers]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {each["code"] for each in refused} == {"refund_exceeds"}
    assert {each["facts"]["left"]["amount"] for each in refused} == {100}
    await until(shopper, placed, *["succeeded"] * 5)
    assert await given_back(books, placed["number"]) == 1500
    await agree(books.database)


async def test_units_and_shipping_are_the_whole_order(house: House, shopper: Shopper, books: Books) -> None:
    """Given two units, when they go back one by one and the shipping after them, then the order is refunded."""
    placed = await sold(house, shopper, 2)
    clerk = await Clerk.hire(house, shopper.http)
    [item] = (await shopper.order(placed))["items"]
    one: dict[str, Any] = {"items": [{"sku": item["sku"], "quantity": 1}], "reason": "came back"}

    for _ in range(2):
        assert (await clerk.do(placed["number"], "refund", **one)).status_code in (201, 202)
    third = await clerk.do(placed["number"], "refund", **one)
    assert (third.status_code, third.json()["code"]) == (409, "refund_exceeds")
    assert third.json()["facts"]["items"] == [{"sku": item["sku"], "requested": 1, "left": 0}]
    assert (await clerk.do(placed["number"], "refund", shipping=True, reason="ours to pay")).status_code in (201, 202)

    order = await until(shopper, placed, "succeeded", "succeeded", "succeeded")
    assert [each["amount"]["amount"] for each in order["refunds"]] == [1100, 1100, 500]
    assert order["refunds"][0]["items"] == [{"sku": item["sku"], "quantity": 1}]
    assert order["payment_status"] == "refunded"
    seen = await clerk.see(placed["number"])
    assert "refund" not in seen["actions"]
    assert [each["reason"] for each in seen["refunds"]] == ["came back", "came back", "ours to pay"]
    over = await clerk.do(placed["number"], "refund", amount=usd(1), reason="more")
    assert (over.status_code, over.json()["code"]) == (409, "refund_exceeds")
    assert await given_back(books, placed["number"]) == 2700
    await agree(books.database)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""), ({"amount": usd(1), "shipping": True}, ""), ({"amount": usd(0)}, "/amount/amount"),
        ({"amount": usd(-5)}, "/amount/amount"), ({"items": [{"sku": "A", "quantity": 0}]}, "/items/0/quantity"),
        ({"items": [{"sku": "A\x00", "quantity": 1}]}, "/items/0/sku"), ({"shipping": True, "to": "me"}, "/to"),
        ({"amount": {"amount": 10**30, "currency": "usd"}}, "/amount"), ({"amount": usd(1), "extra": 1}, "/extra"),
    ],
)  # fmt: skip
async def test_a_wish_that_says_nothing_or_nonsense(
    house: House, shopper: Shopper, books: Books, body: dict[str, Any], pointer: str
) -> None:
    """Given a body that is not what a refund takes, then 422 says where, and nothing moves."""
    clerk = await Clerk.hire(house, shopper.http)
    answer = await clerk.do("HF-22222-22222", "refund", reason="why", **body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)


async def test_what_is_not_paid_is_refused_with_what_can_be_done(house: House, shopper: Shopper) -> None:
    """Given an order that waits for its payment, then a refund is refused with the actions that are possible."""
    placed = (await shopper.buy(await house.stock(5), method=None)).json()["order"]
    clerk = await Clerk.hire(house, shopper.http)
    answer = await clerk.do(placed["number"], "refund", amount=usd(1), reason="why")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_move"), answer.text
    assert answer.json()["facts"]["actions"] == ["cancel", "extend_hold", "note"]
    assert (await clerk.do("HF-22222-22222", "refund", amount=usd(1), reason="why")).status_code == 404


async def test_a_guest_spends_what_came_back_as_a_gift_card(house: House, shopper: Shopper, books: Books) -> None:
    """Given a refund as a gift card, then its code is in the mail, and pays the next order."""
    placed = await sold(house, shopper)
    clerk = await Clerk.hire(house, shopper.http)

    yes = await clerk.do(placed["number"], "refund", amount=usd(MUG), reason="as asked", to="gift_card")

    assert (yes.status_code, yes.json()["to_credit"], yes.json()["to_provider"]) == (201, usd(MUG), usd(0)), yes.text
    assert [each["gift_card"] for each in (await shopper.order(placed))["refunds"]] == [True]
    _, mail = await house.letters_when(placed["number"], 2)
    [code] = re.findall(r"new gift card.*?^ +([2-9A-Z-]{19})\s*$", mail["text"], re.MULTILINE | re.DOTALL)
    put = await shopper.http.post("/cart/gift-cards", json={"code": code}, headers={"Cart-Token": shopper.cart_token})
    assert put.status_code == 201, put.text
    assert put.json()["gift_cards"][0]["balance"] == usd(MUG)
    assert await given_back(books, placed["number"]) == 0
    await agree(books.database)


async def test_the_provider_says_no_and_store_credit_is_another_way(
    house: House, shopper: Shopper, books: Books, provider: SimulatorControl
) -> None:
    """Given a disputed charge of somebody with an account: 409 says so, a person is asked, and credit is granted."""
    async with books.database.writing() as writer:
        headers = await people.signed_in(writer, house.environment["SECRET_KEY"].encode())
    async with house.client(**headers) as client:
        buyer = Shopper(house, client)
        placed = await sold(house, buyer)
        [paid_by] = await books.database.fetch(
            "SELECT p.reference FROM payments p JOIN orders o ON o.id = p.order_id WHERE o.number = $1",
            placed["number"],
        )
        clerk = await Clerk.hire(house, shopper.http)
        await provider.webhooks(hold=True)
        try:
            dispute = await provider.dispute(paid_by["reference"])

            no = await clerk.do(placed["number"], "refund", amount=usd(MUG), reason="why")

            assert (no.status_code, no.json()["code"]) == (409, "refund_failed"), no.text
            assert "charged back" in (await clerk.see(placed["number"]))["attention"]
        finally:
            await provider.release()
        with anyio.fail_after(60):
            while "answer it at the provider" not in (seen := await clerk.see(placed["number"]))["attention"]:
                await anyio.sleep(0.05)
        [shown] = seen["disputes"]
        assert (shown["reference"], shown["status"], shown["withdrawn"]) == (dispute["id"], "open", usd(MUG))
        no = await clerk.do(placed["number"], "refund", amount=usd(MUG), reason="why")
        assert (no.status_code, no.json()["code"]) == (409, "charge_disputed"), no.text
        assert no.json()["facts"] == {"dispute": dispute["id"]}
        yes = await clerk.do(placed["number"], "refund", amount=usd(MUG), reason="why", to="store_credit")
        assert (yes.status_code, yes.json()["to_credit"]) == (201, usd(MUG)), yes.text
        await provider.close_dispute(dispute["id"], "lost")
        with anyio.fail_after(60):
            while (seen := await clerk.see(placed["number"]))["attention"] is not None:
                await anyio.sleep(0.05)
        assert [each["status"] for each in seen["disputes"]] == ["lost"]
        assert [each["type"] for each in seen["events"]][-1] == "dispute_lost"
        assert "dispute_lost" not in await shopper.events(placed)
        mine = (await client.get("/store-credit")).json()
        assert mine["balances"] == [usd(MUG)]
        paid = (await client.get("/payments")).json()
        assert [each["order_number"] for each in paid["items"]] == [placed["number"]]
        one: httpx.Response = await client.get(f"/payments/{paid['items'][0]['id']}")
        assert one.json() == paid["items"][0]
        told = (await client.get("/notifications")).json()["items"]
        assert [each["title"] for each in told][:1] == ["Money back"]
    assert await given_back(books, placed["number"]) == 0
    await agree(books.database)


async def test_staff_have_a_refund_that_waits_tried_again(
    house: House, shopper: Shopper, books: Books, provider: SimulatorControl
) -> None:
    """Given a refund that the provider rejects, when staff say retry, twice clicked, then it is sent, once."""
    placed = await sold(house, shopper)
    clerk = await Clerk.hire(house, shopper.http)
    about = {"order": placed["number"]}
    await provider.fault("error_before", status=400, method="POST", path="/v1/refunds", metadata=about)
    begun = await clerk.do(placed["number"], "refund", amount=usd(700), reason="late")
    assert (begun.status_code, begun.json()["status"]) == (202, "open"), begun.text
    with anyio.fail_after(60):
        while (seen := await clerk.see(placed["number"]))["attention"] is None:
            await anyio.sleep(0.05)
    assert seen["attention"].startswith("send refund 1 of 7.00 USD: ")
    assert "retry" in seen["actions"]

    again = [await clerk.do(placed["number"], "retry", "t-1", reason="they mended it") for _ in range(2)]
    order = await until(shopper, placed, "succeeded")
    again.append(await clerk.do(placed["number"], "retry", "t-1", reason="they mended it"))

    assert [each.status_code for each in again] == [200] * 3, [each.text for each in again]
    assert order["payment_status"] == "partially_refunded"
    assert await given_back(books, placed["number"]) == 700
    seen = await clerk.see(placed["number"])
    assert (seen["attention"], "retry" in seen["actions"]) == (None, False)
    late = await clerk.do(placed["number"], "retry", "t-2", reason="once more")
    assert (late.status_code, late.json()["code"]) == (409, "wrong_move")
    log = await books.database.fetch(
        "SELECT reason FROM audit_log WHERE subject = $1 AND action = 'order.retry_asked'", placed["number"]
    )
    assert [row["reason"] for row in log] == ["they mended it"]
    await agree(books.database)


async def test_staff_have_looked_at_a_refund_that_failed(
    house: House, shopper: Shopper, books: Books, provider: SimulatorControl
) -> None:
    """Given a refund that failed for good, when staff say retry, then nothing is sent: nobody else has to look."""
    placed = await sold(house, shopper, method="pm_card_pendingRefund")
    clerk = await Clerk.hire(house, shopper.http)
    begun = await clerk.do(placed["number"], "refund", amount=usd(700), reason="late")
    assert begun.status_code == 202, begun.text
    await became(books, provider, placed["number"], "failed")
    await until(shopper, placed, "failed")
    assert "retry" in (await clerk.see(placed["number"]))["actions"]

    again = [await clerk.do(placed["number"], "retry", "t-1", reason="called the buyer") for _ in range(2)]

    assert [each.status_code for each in again] == [200] * 2, [each.text for each in again]
    seen = await clerk.see(placed["number"])
    assert (seen["attention"], "retry" in seen["actions"]) == (None, False)
    assert [each["status"] for each in seen["refunds"]] == ["failed"]
    late = await clerk.do(placed["number"], "retry", "t-2", reason="called again")
    assert (late.status_code, late.json()["code"]) == (409, "wrong_move")
    assert [each for each in await shopper.events(placed) if "attention" in each] == ["attention_settled"]
    assert await given_back(books, placed["number"]) == 0


async def became(books: Books, provider: SimulatorControl, number: str, status: str) -> None:
    """The buyer's bank says what became of the one refund of an order."""
    [row] = await books.database.fetch(
        "SELECT p.reference FROM payments p JOIN orders o ON o.id = p.order_id WHERE o.number = $1", number
    )
    answer = await provider.http.get(
        "/v1/refunds", params={"payment_intent": row["reference"]},
        headers={"Authorization": "Bearer sk_test_dashboard"},
    )  # fmt: skip
    [refund] = answer.raise_for_status().json()["data"]
    await provider.refund_becomes(refund["id"], status)


@pytest.fixture
async def twice(provider: SimulatorControl) -> AsyncIterator[None]:
    """Every webhook comes twice."""
    await provider.webhooks(double=1.0)
    yield
    await provider.webhooks(double=0.0)


@pytest.mark.usefixtures("twice")
async def test_webhooks_tell_a_refund_what_its_bank_did(
    house: House, shopper: Shopper, books: Books, provider: SimulatorControl
) -> None:
    """Given a pending refund, whose news come twice: first it arrived, and then it comes back; each is booked once."""
    placed = await sold(house, shopper, method="pm_card_pendingRefund")
    clerk = await Clerk.hire(house, shopper.http)
    begun = await clerk.do(placed["number"], "refund", amount=usd(700), reason="late")
    assert (begun.status_code, begun.json()["status"]) == (202, "open"), begun.text

    await became(books, provider, placed["number"], "succeeded")
    order = await until(shopper, placed, "succeeded")
    assert order["payment_status"] == "partially_refunded"

    await became(books, provider, placed["number"], "failed")
    order = await until(shopper, placed, "failed")
    assert order["payment_status"] == "paid"
    assert "did not arrive" in (await clerk.see(placed["number"]))["attention"]
    told = [each for each in await shopper.events(placed) if each.startswith("refund_")]
    assert told == ["refund_started", "refund_succeeded", "refund_returned"]
    assert await given_back(books, placed["number"]) == 0
    assert await books.money(placed["number"]) == {"provider:stripe": MUG, "sales": -MUG}
    await agree(books.database)
