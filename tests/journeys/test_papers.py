"""Invoices and credit notes over HTTP, in the running house: written once, and the same file for ever."""

import asyncio
import hashlib
import io
from typing import Any

import anyio
import httpx
from pypdf import PdfReader

from models.database import Database
from models.roles import Role
from tests.books import Books
from tests.desk import Clerk
from tests.journeys.test_editing import Changer
from tests.journeys.test_signed_in import member
from tests.premises import House, Shopper

MUG = 1600
"""One unit, its shipping and its tax."""


def usd(amount: int) -> dict[str, Any]:
    """As JSON has it."""
    return {"amount": amount, "currency": "usd"}


async def sold(house: House, shopper: Shopper, units: int = 1) -> tuple[dict[str, Any], Changer]:
    """A guest's order that is paid, and its guest."""
    placed: dict[str, Any] = (await shopper.buy(await house.stock(9), units)).json()["order"]
    await shopper.order_when(placed, "confirmed")
    return placed, Changer(shopper.http, f"/orders/{placed['number']}", {"Order-Token": placed["order_token"]})


async def papers(buyer: Changer, *wanted: tuple[str, int], within: float = 60) -> list[dict[str, Any]]:
    """The order's papers, by kind and total, once these are there."""
    with anyio.fail_after(within):
        while True:
            answer = await buyer.http.get(f"{buyer.path}/papers", headers=buyer.headers)
            assert answer.status_code == 200, answer.text
            found: list[dict[str, Any]] = answer.json()["items"]
            if [(each["kind"], each["total"]["amount"]) for each in found] == list(wanted):
                return found
            await anyio.sleep(0.1)


async def file(buyer: Changer, path: str, **headers: str) -> httpx.Response:
    """One of them, however long printing takes on a busy machine."""
    with anyio.fail_after(60):
        while True:
            answer = await buyer.http.get(f"{buyer.path}/{path}", headers={**buyer.headers, **headers})
            if answer.status_code != 503:
                return answer


def said(answer: httpx.Response) -> str:
    """What is printed."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)


async def test_an_invoice_is_the_same_file_for_everybody_it_concerns(house: House, shopper: Shopper) -> None:
    """Given a paid order, then ten who ask at once for its invoice get one file, which says what the order does; so do
    staff later, and who has it already is told so."""
    placed, buyer = await sold(house, shopper, 2)
    answers = await asyncio.gather(*(file(buyer, "invoice") for _ in range(10)))
    text = said(answers[0])
    assert {answer.content for answer in answers} == {answers[0].content}
    order = await shopper.order(placed)
    for each in (placed["number"], "Ada Lovelace", order["items"][0]["sku"], "$27.00", "$2.00", "$20.00", "$5.00"):
        assert each in text
    [paper] = await papers(buyer, ("invoice", order["totals"]["total"]["amount"]))
    assert (paper["net"], paper["tax"], paper["total"]) == (usd(2500), usd(200), usd(2700))
    assert (paper["kind"], paper["n"], paper["credits"], paper["refund"]) == ("invoice", 1, None, None)
    assert paper["number"] in text
    assert f'filename="{paper["number"]}.pdf"' in answers[0].headers["content-disposition"]

    clerk = await Clerk.hire(house, shopper.http)
    again = await file(Changer(shopper.http, buyer.path, clerk.headers), "invoice", **{"If-None-Match": '"another"'})
    assert again.content == answers[0].content
    cached = await file(buyer, "invoice", **{"If-None-Match": again.headers["etag"]})
    assert (cached.status_code, cached.content) == (304, b"")
    named = await file(buyer, "invoice?n=1")
    assert named.content == again.content


async def test_others_do_not_find_it(house: House, shopper: Shopper, books: Books) -> None:
    """Given an order, then without its token, for another account or who sees no orders, there is none."""
    _, buyer = await sold(house, shopper)
    stranger = await member(house, books)
    clerk = await Clerk.hire(house, shopper.http, Role.CATALOG)
    for headers in ({}, {"Order-Token": "x"}, dict(stranger.http.headers), clerk.headers):
        for path in ("invoice", "papers", "credit-notes/1"):
            answer = await shopper.http.get(f"{buyer.path}/{path}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")
    await stranger.http.aclose()


async def test_there_is_none_before_it_is_paid(house: House, shopper: Shopper) -> None:
    """Given an order whose card was declined, then there is no invoice, and no number is used for one."""
    placed = (await shopper.buy(await house.stock(3), 1, "pm_card_chargeDeclined")).json()["facts"]["order"]
    buyer = Changer(shopper.http, f"/orders/{placed['number']}", {"Order-Token": placed["order_token"]})
    for path, code in (("invoice", "invoice_not_found"), ("credit-notes/1", "credit_note_not_found")):
        answer = await buyer.http.get(f"{buyer.path}/{path}", headers=buyer.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert await papers(buyer) == []
    assert (await shopper.pay(placed, "pm_card_visa")).status_code == 200
    await shopper.order_when(placed, "confirmed")
    assert "$16.00" in said(await file(buyer, "invoice"))


async def test_papers_come_by_themselves(house: House, shopper: Shopper) -> None:
    """Given an order that is paid, and then partly paid back, then invoice and credit note are written and printed
    without anybody asking for them."""
    placed, buyer = await sold(house, shopper)
    await papers(buyer, ("invoice", MUG))
    clerk = await Clerk.hire(house, shopper.http)
    answer = await clerk.do(placed["number"], "refund", amount=usd(600), reason="scratched")
    assert answer.status_code == 201, answer.text
    invoice, note = await papers(buyer, ("invoice", MUG), ("credit_note", 600))
    assert (note["credits"], note["refund"], note["n"]) == (invoice["number"], 1, 1)
    text = said(await file(buyer, "credit-notes/1"))
    assert note["number"] in text
    assert invoice["number"] in text
    database = house.database()
    with anyio.fail_after(60):
        while not await _all_printed(database, placed["number"]):
            await anyio.sleep(0.1)
    await database.close()


async def _all_printed(database: Database, number: str) -> bool:
    rows = await database.fetch(
        "SELECT bool_and(p.sha256 IS NOT NULL) AS printed FROM papers p JOIN orders o ON o.id = p.order_id "
        "WHERE o.number = $1", number,
    )  # fmt: skip
    return bool(rows[0]["printed"])


async def test_a_changed_order_has_another_invoice(house: House, shopper: Shopper) -> None:
    """Given an invoice and the order becomes smaller, then the first is cancelled by a credit note, the second is the
    one that counts, and the first is still the same file."""
    placed, buyer = await sold(house, shopper, 2)
    first = await file(buyer, "invoice")
    sku = (await buyer.read())["items"][0]["sku"]
    assert (await buyer.propose(items=[{"sku": sku, "quantity": 1}])).status_code == 201
    assert (await buyer.commit()).status_code == 200
    second = await file(buyer, "invoice")
    assert "$16.00" in said(second)
    found = await papers(buyer, ("invoice", 2700), ("credit_note", 2700), ("invoice", MUG))
    assert [each["n"] for each in found] == [1, 1, 2]
    assert (found[1]["refund"], found[1]["credits"]) == (None, found[0]["number"])
    assert (await file(buyer, "invoice?n=1")).content == first.content
    assert (await file(buyer, "invoice?n=2")).content == second.content
    assert (await file(buyer, "invoice?n=3")).status_code == 404
    await shopper.until_paid_back(placed, "partially_refunded")


async def test_a_packing_slip_says_what_is_in_the_parcel(house: House, shopper: Shopper) -> None:
    """Given two parcels, then each has its slip, without a price, for staff alone; a third one has none."""
    placed, buyer = await sold(house, shopper, 3)
    clerk = await Clerk.hire(house, shopper.http)
    sku = (await buyer.read())["items"][0]["sku"]
    for units, tracking in ((2, "1Z-ONE"), (1, "1Z-TWO")):
        items = [{"sku": sku, "quantity": units}]
        sent = await clerk.do(placed["number"], "ship", carrier="UPS", tracking=tracking, items=items)
        assert sent.status_code == 200, sent.text
    where = f"/admin/orders/{placed['number']}/shipments"
    for n, tracking in ((1, "1Z-ONE"), (2, "1Z-TWO")):
        answer = await shopper.http.get(f"{where}/{n}/packing-slip", headers=clerk.headers)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
        text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
        for each in (placed["number"], tracking, sku, "UPS", "Ada Lovelace"):
            assert each in text
        assert "$" not in text
    answer = await shopper.http.get(f"{where}/3/packing-slip", headers=clerk.headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "shipment_not_found")
    assert (await shopper.http.get(f"{where}/1/packing-slip", headers=buyer.headers)).status_code == 401
