"""An order changed before it is sent, over HTTP, in the running house: by a guest, by an account, by staff."""

import asyncio
from typing import Any

import anyio
import httpx
import pytest

from models.tables import inventory, refund_end
from tests.books import Books
from tests.desk import Clerk
from tests.journeys.test_signed_in import member
from tests.premises import House, Shopper

ELSEWHERE = {
    "full_name": "Ada Lovelace", "line1": "2 Side St", "city": "New York", "postal_code": "10002", "country": "US",
    "region": "NY",
}  # fmt: skip


def usd(amount: int) -> dict[str, Any]:
    """As JSON has it."""
    return {"amount": amount, "currency": "usd"}


class Changer:
    """Whoever changes one order."""

    def __init__(self, client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> None:
        self.http = client
        self.path = path
        self.headers = headers

    async def propose(self, key: str | None = None, **body: Any) -> httpx.Response:
        """What would it cost?"""
        return await self.http.post(f"{self.path}/edits", json=body, headers=self._headers(key))

    async def commit(self, n: int = 1, key: str | None = None, **body: Any) -> httpx.Response:
        """Yes."""
        return await self.http.post(f"{self.path}/edits/{n}/commit", json=body, headers=self._headers(key))

    async def drop(self, n: int = 1) -> httpx.Response:
        """No."""
        return await self.http.delete(f"{self.path}/edits/{n}", headers=self.headers)

    async def read(self) -> dict[str, Any]:
        """The order as they see it."""
        answer = await self.http.get(self.path, headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _headers(self, key: str | None) -> dict[str, str]:
        return {**self.headers, **({"Idempotency-Key": key} if key else {})}


async def bought(shopper: Shopper, sku: str, units: int = 2) -> tuple[dict[str, Any], Changer]:
    """A guest's order, paid, and its guest."""
    placed: dict[str, Any] = (await shopper.buy(sku, units)).json()["order"]
    await shopper.order_when(placed, "confirmed")
    return placed, Changer(shopper.http, f"/orders/{placed['number']}", {"Order-Token": placed["order_token"]})


async def paid_back(changer: Changer, within: float = 60) -> dict[str, Any]:
    """The order once every refund of it has arrived."""
    with anyio.fail_after(within):
        order = await changer.read()
        while any(each["status"] == "open" for each in order["refunds"]):
            await anyio.sleep(0.05)
            order = await changer.read()
    return order


async def agree(books: Books) -> None:
    """Rows and ledgers tell one story."""
    async with books.database.reading() as reader:
        assert [tuple(row) for row in await refund_end.drift(reader)] == []
        assert await inventory.drift(reader) == []


async def test_a_guest_takes_a_thing_off_an_order_and_is_paid(house: House, shopper: Shopper, books: Books) -> None:
    """Given two units, when one is enough, then the guest is told the price, says yes often, and is paid once."""
    sku = await house.stock(5)
    placed, guest = await bought(shopper, sku)
    assert (await guest.read())["can"] == ["cancel", "edit"]

    first, again = await asyncio.gather(*(
        guest.propose("key", items=[{"sku": sku, "quantity": 1}], reason="one is enough") for _ in range(2)
    ))  # fmt: skip

    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert first.json() == again.json()
    told = first.json()
    assert (told["n"], told["status"], told["difference"]) == (1, "proposed", usd(-1100))
    assert [(each["sku"], each["quantity"]) for each in told["items"]] == [(sku, 1)]
    assert (told["totals"]["before"]["total"], told["totals"]["after"]["total"]) == (usd(2700), usd(1600))
    reused = await guest.propose("key", items=[{"sku": sku, "quantity": 3}])
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert (await guest.read())["totals"]["total"] == usd(2700)

    answers = await asyncio.gather(*(guest.commit(key="yes") for _ in range(2)))

    assert [each.status_code for each in answers] == [200, 200], answers[0].text
    assert (await guest.commit(key="later")).status_code == 200
    order = await paid_back(guest)
    assert (order["totals"]["total"], order["payment_status"]) == (usd(1600), "partially_refunded")
    assert [(each["quantity"], each["line_total"]) for each in order["items"]] == [(1, usd(1000))]
    assert [(each["n"], each["amount"]) for each in order["refunds"]] == [(1, usd(1100))]
    assert [(each["n"], each["status"], each["refund"]) for each in order["edits"]] == [(1, "committed", 1)]
    assert await books.stock(sku) == (5, 1)
    assert await books.money(placed["number"]) == {"provider:stripe": 1600, "sales": -1600}
    subjects = [letter["subject"] for letter in await house.letters_when(placed["number"], 3)]
    assert subjects.count(f"Order {placed['number']} was changed") == 1
    assert (await guest.drop()).json()["code"] == "edit_over"
    await agree(books)


async def test_an_account_sends_its_order_elsewhere(house: House, books: Books) -> None:
    """Given an address with the same tax, then nothing is to be paid, and the parcel's address is another one."""
    ada, bob = await member(house, books), await member(house, books)
    placed = (await ada.buy(await house.stock(5))).json()["order"]
    await ada.order_when(placed, "confirmed")
    changer = Changer(ada.http, f"/orders/{placed['number']}", {})

    told = await changer.propose(shipping_address=ELSEWHERE)
    assert (told.status_code, told.json()["difference"], told.json()["shipping_address"]) == (201, usd(0), ELSEWHERE)
    stranger = Changer(bob.http, changer.path, {})
    for foreign in (await stranger.propose(shipping_address=ELSEWHERE), await stranger.commit(), await stranger.drop()):
        assert (foreign.status_code, foreign.json()["code"]) == (404, "order_not_found")
    assert (await changer.commit()).status_code == 200

    order = await changer.read()
    assert order["addresses"]["shipping"] == ELSEWHERE != order["addresses"]["billing"]
    assert (order["refunds"], order["payment_status"]) == ([], "paid")
    await agree(books)
    await ada.http.aclose()
    await bob.http.aclose()


async def test_staff_change_an_order_with_a_reason(house: House, shopper: Shopper, books: Books) -> None:
    """Given staff who change an order, then its buyer sees it without their words, and the audit log has it once."""
    sku = await house.stock(5)
    placed, guest = await bought(shopper, sku)
    clerk = await Clerk.hire(house, shopper.http)
    staff = Changer(shopper.http, f"/admin/orders/{placed['number']}", clerk.headers)

    assert (await staff.propose(items=[{"sku": sku, "quantity": 1}])).status_code == 422
    told = await staff.propose(items=[{"sku": sku, "quantity": 1}], reason="#4711")
    assert (told.status_code, told.json()["reason"]) == (201, "#4711")
    done = await staff.commit()

    assert (done.status_code, done.json()["totals"]["total"]) == (200, usd(1600))
    assert [(each["reason"], each["status"]) for each in done.json()["edits"]] == [("#4711", "committed")]
    [mine] = (await paid_back(guest))["edits"]
    assert "reason" not in mine and "actor" not in mine
    log = await books.database.fetch(
        "SELECT action, reason, count(*)::int FROM audit_log WHERE subject = $1 GROUP BY 1, 2 ORDER BY 1",
        placed["number"],
    )
    assert [tuple(row) for row in log] == [("order.edit", "#4711", 1), ("order.edit_proposed", "#4711", 1)]
    sent = await clerk.do(placed["number"], "ship", carrier="UPS", tracking="1Z")
    assert sent.status_code == 200
    late = await staff.propose(items=[{"sku": sku, "quantity": 1}], reason="#4712")
    assert (late.status_code, late.json()["code"]) == (409, "wrong_move")
    assert late.json()["facts"]["actions"] == ["deliver", "refund", "note"]
    await agree(books)


async def test_what_an_edit_adds_is_held_and_given_back_when_it_is_dropped(
    house: House, shopper: Shopper, books: Books
) -> None:
    """Given an edit that adds two units, when it is dropped, twice, then they are for sale again."""
    sku = await house.stock(5)
    _, guest = await bought(shopper, sku)
    assert (await guest.propose(items=[{"sku": sku, "quantity": 4}])).status_code == 201
    assert await books.stock(sku) == (5, 4)
    other = await guest.propose(items=[{"sku": sku, "quantity": 1}])
    assert (other.status_code, other.json()["code"], other.json()["facts"]["n"]) == (409, "edit_open", 1)
    assert [(await guest.drop()).status_code for _ in range(2)] == [204, 204]
    assert await books.stock(sku) == (5, 2)
    assert [each["status"] for each in (await guest.read())["edits"]] == ["dropped"]
    late = await guest.commit()
    assert (late.status_code, late.json()["code"]) == (409, "edit_over")


REFUSED = [
    ({"items": [{"sku": "T-NONE", "quantity": 1}]}, 422, "unknown_sku"),
    ({"items": [{"sku": "{sku}", "quantity": 6}]}, 409, "out_of_stock"),
    ({"items": [{"sku": "{sku}", "quantity": 0}]}, 422, "edit_leaves_nothing"),
    ({"items": [{"sku": "{sku}", "quantity": 2}]}, 422, "edit_changes_nothing"),
    ({}, 422, "edit_changes_nothing"),
    ({"items": [{"sku": "{sku}", "quantity": -1}]}, 422, "invalid"),
    ({"items": [{"sku": "{sku}", "quantity": 10**30}]}, 422, "invalid"),
    ({"items": [{"sku": "a\u0000b", "quantity": 1}]}, 422, "invalid"),
    ({"items": [{"sku": "{sku}", "quantity": 1}, {"sku": "{sku}", "quantity": 2}]}, 422, "invalid"),
    ({"shipping_address": {**ELSEWHERE, "country": "XX"}}, 422, "invalid"),
    ({"reason": "\u0007"}, 422, "invalid"),
    ({"things": []}, 422, "invalid"),
]


@pytest.mark.parametrize(("body", "status", "code"), REFUSED, ids=range(len(REFUSED)))
async def test_what_cannot_be_is_refused_and_moves_nothing(
    house: House, shopper: Shopper, books: Books, body: dict[str, Any], status: int, code: str
) -> None:
    """Given a wish that cannot be met, or is none, then it is refused with its code, and the order stays as it is."""
    sku = await house.stock(5)
    _, guest = await bought(shopper, sku)
    before = await guest.read()
    items = [{**each, "sku": each["sku"].replace("{sku}", sku)} for each in body.get("items", [])]
    refused = await guest.propose(**{**body, **({"items": items} if items else {})})
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert await guest.read() == before
    assert await books.stock(sku) == (5, 2)
    for missing in (await guest.commit(7), await guest.drop(7)):
        assert (missing.status_code, missing.json()["code"]) == (404, "edit_not_found")
    assert (await guest.commit(10**30)).status_code in (404, 422)


async def test_a_guest_adds_a_thing_and_pays_it_with_a_card_they_name(
    house: House, shopper: Shopper, books: Books
) -> None:
    """Given an order that becomes dearer, then a declined card leaves it as it is, and a good one is charged."""
    sku, cup = await house.stock(5), await house.stock(5, {"usd": 700})
    placed, guest = await bought(shopper, sku, 1)
    told = await guest.propose(items=[{"sku": cup, "quantity": 1}])
    assert (told.status_code, told.json()["difference"]) == (201, usd(770)), told.text

    declined = await guest.commit(key="bad", payment_method="pm_card_chargeDeclined")
    assert (declined.status_code, declined.json()["code"]) == (402, "payment_declined"), declined.text
    assert declined.json()["facts"]["difference"] == usd(770)
    assert (await guest.commit(key="bad", payment_method="pm_card_chargeDeclined")).status_code == 402
    before = await guest.read()
    assert (before["totals"]["total"], before["edits"][0]["status"]) == (usd(1600), "proposed")
    done = await guest.commit(key="good", payment_method="pm_card_visa")

    assert (done.status_code, done.json()["totals"]["total"]) == (200, usd(1600 + 770)), done.text
    assert [(each["sku"], each["quantity"]) for each in done.json()["items"]] == [(sku, 1), (cup, 1)]
    assert await books.money(placed["number"]) == {"provider:stripe": 2370, "sales": -2370}
    assert sum(each["captured"] for each in await books.intents(placed["number"])) == 2370
    assert (await books.stock(sku), await books.stock(cup)) == ((5, 1), (5, 1))
    changed = [each for each in await house.letters_when(placed["number"], 2) if "changed" in each["subject"]]
    assert "$7.70 were charged besides." in changed[0]["text"]
    assert (await shopper.cancel(placed)).status_code == 200
    assert (await paid_back(guest))["payment_status"] == "refunded"
    assert await books.money(placed["number"]) == {"provider:stripe": 0, "sales": 0}
    await agree(books)


async def test_staff_add_a_thing_for_an_account_whose_card_is_kept(house: House, books: Books) -> None:
    """Given an account that keeps its card, when staff add a thing for it, then that card pays the difference."""
    ada = await member(house, books)
    sku = await house.stock(5)
    await ada.put(sku)
    form = ada.order_form(await ada.quote())
    form["payment"]["save"] = True
    placed = (await ada.check_out(form)).json()["order"]
    await ada.order_when(placed, "confirmed")
    clerk = await Clerk.hire(house, ada.http)
    async with house.client() as http:
        staff = Changer(http, f"/admin/orders/{placed['number']}", clerk.headers)
        told = await staff.propose(items=[{"sku": sku, "quantity": 2}], reason="#4711")
        assert (told.status_code, told.json()["difference"]) == (201, usd(1100)), told.text
        done = await staff.commit()
        assert (done.status_code, done.json()["totals"]["total"]) == (200, usd(2700)), done.text
    assert await books.money(placed["number"]) == {"provider:stripe": 2700, "sales": -2700}
    await agree(books)
    await ada.http.aclose()
