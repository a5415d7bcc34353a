"""Other goods instead of the money, over HTTP: asked for by a guest, steered by staff, paid where they cost more."""

from typing import Any

import anyio
import pytest

from models.roles import Role
from tests.books import Books
from tests.desk import Clerk
from tests.journeys.test_chapa import CHAPA, Guest, guest
from tests.journeys.test_returns import Sender, agree
from tests.premises import House, Shopper

__all__ = ["guest"]


async def exchanged(sender: Sender, wanted: str) -> dict[str, Any]:
    """What the order says of its exchange, once somebody has looked into the parcel."""
    asked = await sender.ask(items=[{"sku": sender.sku, "quantity": 1, "exchange_sku": wanted}])
    assert asked.status_code == 201, asked.text
    assert (asked.json()["items"][0]["exchange_sku"], asked.json()["exchange_order"]) == (wanted, None)
    for done in (await sender.do("approve"), await sender.do("receive"), await sender.do("inspect", reason="good")):
        assert done.status_code == 200, done.text
    found: dict[str, Any] = (await sender.order())["returns"][0]["exchange_order"]
    return found


async def placed_when(shopper: Shopper, other: dict[str, Any], page: bool = False) -> dict[str, Any]:
    """An exchange's order, as soon as it can be paid; `page`: on a page."""
    headers = {"Order-Token": other["order_token"]}
    with anyio.fail_after(60):
        while True:
            answer = await shopper.http.get(f"/orders/{other['number']}", headers=headers)
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            if found["placed_at"] is not None and found["payment"] and (not page or found["payment"]["redirect_url"]):
                return found
            await anyio.sleep(0.05)


async def until_done(sender: Sender, status: str) -> dict[str, Any]:
    """Wait until the return is over; what became of the exchange."""
    await sender.settled()
    found: dict[str, Any] = (await sender.order())["returns"][0]["exchange_order"]
    assert found["status"] == status
    return found


async def test_a_guest_gets_another_for_it(house: House, shopper: Shopper, books: Books) -> None:
    """Given another product of the same price, then its order is there at once, and both orders say so."""
    sender = await Sender.open(house, shopper)
    wanted = await house.stock(2)
    exchange = await exchanged(sender, wanted)
    assert (exchange["due"]["amount"], exchange["why"]) == (0, None)
    other = {"number": exchange["number"], "order_token": exchange["order_token"]}

    placed = await shopper.order_when(other, "confirmed")

    assert (placed["exchange_of"], placed["payment_status"]) == (sender.number, "paid")
    assert [(each["sku"], each["quantity"]) for each in placed["items"]] == [(wanted, 1)]
    assert (placed["totals"]["shipping"]["amount"], placed["totals"]["due"]["amount"]) == (0, 0)
    await until_done(sender, "done")
    assert (await sender.at_desk())["exchange"]["number"] == exchange["number"]
    assert (await sender.order())["exchange_of"] is None
    await agree(books.database)


async def test_a_dearer_one_is_paid_for(house: House, shopper: Shopper, books: Books) -> None:
    """Given one that costs 5.00 more, then its order waits for 5.50, a card pays them, and it is confirmed."""
    sender = await Sender.open(house, shopper)
    exchange = await exchanged(sender, await house.stock(2, {"usd": 1500}))
    assert (exchange["status"], exchange["due"]) == ("open", {"amount": 550, "currency": "usd"})
    other = {"number": exchange["number"], "order_token": exchange["order_token"]}
    assert (await placed_when(shopper, other))["can"] == ["cancel", "pay"]

    paid = await shopper.pay(other, "pm_card_visa")

    assert paid.status_code == 200, paid.text
    placed = await shopper.order_when(other, "confirmed")
    assert (placed["totals"]["total"]["amount"], placed["totals"]["due"]["amount"]) == (1650, 550)
    [intent] = await books.stripe.ledger(order=exchange["number"])
    assert intent["captured"] == 550
    await until_done(sender, "done")
    await agree(books.database)


async def test_a_dearer_one_is_paid_for_on_chapas_page(house: House, guest: Guest, books: Books) -> None:
    """Given birr that were paid to Chapa, then the order of a dearer one tells where its rest is paid, as any would."""
    sku, shopper = await house.stock(5, {"etb": 100_000}), guest.shopper
    await shopper.put(sku, currency="etb")
    bought = await shopper.check_out(shopper.order_form(await shopper.quote(), payment=CHAPA))
    assert bought.status_code == 201, bought.text
    await guest.on_the_page(bought.json()["payment"]["redirect_url"], asks="1600.00 ETB")
    sender = Sender(shopper, await Clerk.hire(house, shopper.http, Role.SUPPORT), bought.json()["order"], sku)
    await shopper.order_when(sender.placed, "confirmed")
    sent = await sender.clerk.do(sender.number, "ship", carrier="UPS", tracking="1Z")
    assert sent.status_code == 200, sent.text

    exchange = await exchanged(sender, await house.stock(2, {"etb": 150_000}))
    assert (exchange["status"], exchange["due"]) == ("open", {"amount": 55_000, "currency": "etb"})
    other = {"number": exchange["number"], "order_token": exchange["order_token"]}
    placed = await placed_when(shopper, other, page=True)
    assert (placed["can"], placed["payment"]["status"]) == (["cancel", "pay"], "pending")
    letter = await house.letter_when("ada@example.com", f"ETB 550.00 to pay for your exchange of order {sender.number}")
    assert f"find order {other['number']}" in letter["text"]
    body = {"payment": {"return_url": CHAPA["return_url"]}}
    again = await shopper.http.post(
        f"/orders/{other['number']}/pay", json=body, headers={"Order-Token": other["order_token"]}
    )
    assert (again.status_code, again.json()["payment"]["status"]) == (200, "method_required"), again.text
    assert again.json()["payment"]["redirect_url"] != placed["payment"]["redirect_url"]

    paid = await guest.on_the_page(again.json()["payment"]["redirect_url"], asks="550.00 ETB")

    assert (paid.status_code, paid.headers["location"]) == (303, CHAPA["return_url"])
    assert (await shopper.order_when(other, "confirmed"))["payment_status"] == "paid"
    assert await guest.booked(other["number"]) == {"provider:chapa": 55_000, "gift_card": 110_000, "sales": -165_000}
    await until_done(sender, "done")
    await agree(books.database)


async def test_it_is_sold_out(house: House, shopper: Shopper, books: Books) -> None:
    """Given that nothing is left of it, then the money goes back instead, and the buyer is told."""
    sender = await Sender.open(house, shopper)
    exchange = await exchanged(sender, await house.stock(0))
    assert (exchange["status"], exchange["number"], exchange["why"]) == ("refunded", None, "out_of_stock")
    await sender.settled()
    assert [each["amount"]["amount"] for each in (await sender.order())["refunds"]] == [1100]
    subject = f"Your money goes back for what you returned of order {sender.number}"
    letter = await house.letter_when("ada@example.com", subject)
    assert "no longer there" in letter["text"]
    await agree(books.database)


@pytest.mark.parametrize(
    ("items", "pointer"),
    [
        ([{"exchange_sku": "X"}, {}], "/items/1/exchange_sku"),
        ([{"exchange_sku": "X"}, {"exchange_sku": "Y"}], "/items/1/sku"),
        ([{"exchange_sku": "a\u0000b"}], "/items/0/exchange_sku"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    house: House, shopper: Shopper, items: list[dict[str, str]], pointer: str
) -> None:
    """422 names the field, and no return is asked for."""
    sender = await Sender.open(house, shopper)
    refused = await sender.ask(items=[{"sku": sender.sku, "quantity": 1, **each} for each in items])
    assert (refused.status_code, [each["pointer"] for each in refused.json()["errors"]]) == (422, [pointer])
    unknown = await sender.ask(items=[{"sku": sender.sku, "quantity": 1, "exchange_sku": "NO-SUCH-THING"}])
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_sku"), unknown.text
    assert (await sender.order())["returns"] == []
