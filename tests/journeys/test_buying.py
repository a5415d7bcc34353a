"""A guest buys: from the first item in the cart to the mail, in each currency, and what the cart is afterwards."""

from typing import Any

import pytest

from tests import shop
from tests.books import Books
from tests.premises import BERLIN, NEW_YORK, TOKYO, House, Shopper

CONFIRMED = ["order_placed", "payment_authorized", "payment_captured", "order_confirmed"]


async def test_a_guest_buys(house: House, shopper: Shopper, books: Books) -> None:
    """Cart, quote, checkout: the order is confirmed and paid, its stock kept, money is booked, the mail came."""
    sku = await house.stock(5)
    await shopper.put(sku, 2)
    total = await shopper.quote()

    answer = await shopper.check_out(shopper.order_form(total))

    assert (answer.status_code, total) == (201, {"amount": 2000 + 500 + 200, "currency": "usd"})
    placed = answer.json()["order"]
    assert answer.headers["Location"] == placed["url"] == f"/api/v1/orders/{placed['number']}"
    order = await shopper.order_when(placed, "confirmed")
    assert (order["payment_status"], order["fulfilment_status"], order["can"]) == (
        "paid", "unfulfilled", ["cancel", "edit"],
    )  # fmt: skip
    assert [(item["sku"], item["quantity"], item["line_total"]["amount"]) for item in order["items"]] == [
        (sku, 2, 2000)
    ]
    assert {name: sum["amount"] for name, sum in order["totals"].items() if name != "tax_included"} == {
        "subtotal": 2000, "discount": 0, "shipping": 500, "tax": 200, "total": 2700, "credit": 0, "due": 2700,
    }  # fmt: skip
    assert order["addresses"]["shipping"] == order["addresses"]["billing"] == NEW_YORK
    assert await shopper.events(placed) == CONFIRMED
    assert await books.stock(sku) == (5, 2)
    assert await books.money(placed["number"]) == {"provider:stripe": 2700, "sales": -2700}
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}


async def test_the_buyer_gets_one_letter(house: House, shopper: Shopper) -> None:
    """The confirmation names the order, the goods, every sum and the address."""
    sku = await house.stock(5)

    placed = (await shopper.buy(sku, 3)).json()["order"]

    [letter] = await house.letters_when(placed["number"], 1)
    assert letter["to"] == ["ada@example.com"]
    assert letter["subject"] == f"Your order {placed['number']} is confirmed"
    for said in (sku.title(), "$30.00", "$5.00", "$3.00", "$38.00", "Ada Lovelace", "10001"):
        assert said in letter["text"], letter["text"]


@pytest.mark.parametrize(
    ("currency", "price", "address", "totals"),
    [
        # 19 % is contained in goods and shipping: 4400 × 19/119.
        ("eur", 2000, BERLIN, {"subtotal": 4000, "shipping": 400, "tax": 703, "total": 4400, "tax_included": True}),
        # No tax rate is known for Japan; the yen has no minor unit.
        ("jpy", 1980, TOKYO, {"subtotal": 3960, "shipping": 600, "tax": 0, "total": 4560, "tax_included": False}),
        ("usd", 999, NEW_YORK, {"subtotal": 1998, "shipping": 500, "tax": 200, "total": 2698, "tax_included": False}),
    ],
)
async def test_every_currency_is_summed_and_charged_in_its_own_units(
    house: House, shopper: Shopper, books: Books, currency: str, price: int, address: dict[str, str],
    totals: dict[str, Any],
) -> None:  # fmt: skip
    """Inclusive tax is not added, yen have no cents, and the provider charges exactly the total shown."""
    sku = await house.stock(5, {currency: price})
    await shopper.put(sku, 2, currency=currency)
    shown = await shopper.quote(address)

    answer = await shopper.check_out(shopper.order_form(shown, shipping_address=address))

    assert answer.status_code == 201, answer.text
    order = await shopper.order_when(answer.json()["order"], "confirmed")
    plain = {name: sum["amount"] if isinstance(sum, dict) else sum for name, sum in order["totals"].items()}
    assert plain == {"discount": 0, "credit": 0, "due": totals["total"], **totals}
    [intent] = await books.intents(order["number"])
    assert (intent["currency"], intent["captured"]) == (currency, totals["total"])


async def test_a_changed_price_is_told_and_then_accepted(house: House, shopper: Shopper, books: Books) -> None:
    """The total the buyer saw is no longer true: 409 with the new one, nothing moved; then it succeeds with that."""
    sku = await house.stock(5)
    await shopper.put(sku)
    seen = await shopper.quote()
    async with books.database.writing() as writer:
        variant = (await books.database.fetch("SELECT id FROM variants WHERE sku = $1", sku))[0]["id"]
        await shop.set_price(writer, variant, 1200)
    before = await books.count()

    refused = await shopper.check_out(shopper.order_form(seen), key="first")

    assert (refused.status_code, refused.json()["code"]) == (409, "price_changed")
    new = refused.json()["facts"]["total"]
    assert (new, refused.json()["facts"]["expected_total"]) == ({"amount": 1820, "currency": "usd"}, seen)
    assert await books.count() == {**before, "checkouts": before["checkouts"] + 1}
    accepted = await shopper.check_out(shopper.order_form(new), key="second")
    assert accepted.status_code == 201, accepted.text
    await shopper.order_when(accepted.json()["order"], "confirmed")


async def test_what_is_left_is_told(house: House, shopper: Shopper, books: Books) -> None:
    """Two of three items are short: 409 names each with what was wanted and what is left, and holds nothing."""
    plenty, few, none = await house.stock(9), await house.stock(2), await house.stock(0)
    await shopper.put(plenty, 3)
    await shopper.put(few, 3)
    await shopper.put(none, 1)
    total = await shopper.quote()

    refused = await shopper.check_out(shopper.order_form(total))

    assert (refused.status_code, refused.json()["code"]) == (409, "out_of_stock")
    short = {item["sku"]: (item["requested"], item["available"]) for item in refused.json()["facts"]["items"]}
    assert short == {few: (3, 2), none: (1, 0)}
    assert [await books.stock(sku) for sku in (plenty, few, none)] == [(9, 0), (2, 0), (0, 0)]
    assert {item["sku"] for item in (await shopper.cart())["items"]} == {plenty, few, none}


async def test_a_strangers_order_does_not_exist(house: House, shopper: Shopper) -> None:
    """Without the order's token, with another order's or with nonsense: 404, the same as for a number never given."""
    mine = (await shopper.buy(await house.stock(2))).json()["order"]
    async with house.client() as client:
        theirs = (await Shopper(house, client).buy(await house.stock(2))).json()["order"]
    answers = []
    for token in (None, "", "nonsense", "é", theirs["order_token"], mine["order_token"][:-2], mine["order_token"] * 9):
        headers = {} if token is None else {"Order-Token": token.encode()}
        for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/pay"), ("POST", "/cancel")):
            body: dict[str, Any] = {"payment": {"payment_method": "pm_card_visa"}} if path == "/pay" else {}
            url = f"/orders/{mine['number']}{path}"
            content = {"json": body} if method == "POST" else {}
            answers.append(await shopper.http.request(method, url, headers=headers, **content))  # type: ignore[arg-type]

    answers.append(await shopper.http.get("/orders/HF-22222-22222", headers={"Order-Token": mine["order_token"]}))

    seen = {(answer.status_code, answer.json()["code"], answer.json()["detail"]) for answer in answers}
    assert {(status, code) for status, code, _ in seen} == {(404, "order_not_found")}
    assert len(seen) == 1
    assert (await shopper.order_when(mine, "confirmed"))["number"] == mine["number"]


async def test_the_bought_cart_is_empty_and_can_be_bought_from_again(
    house: House, shopper: Shopper, books: Books
) -> None:
    """After a purchase the same cart makes a second order with a number, a hold and a payment of its own."""
    sku = await house.stock(5)
    first = (await shopper.buy(sku, 2)).json()["order"]
    await shopper.order_when(first, "confirmed")
    assert (await shopper.cart())["items"] == []

    second = (await shopper.buy(sku, 1)).json()["order"]

    await shopper.order_when(second, "confirmed")
    assert second["number"] != first["number"]
    assert await books.stock(sku) == (5, 3)
    assert sorted((await books.agree([first["number"], second["number"]])).values()) == ["confirmed", "confirmed"]


async def test_what_is_added_before_the_payment_stays_in_the_cart(house: House, shopper: Shopper) -> None:
    """Checkout, a declined card, more goods into the cart, then a good card: bought is what was checked out."""
    bought, later = await house.stock(9), await house.stock(9)
    declined = await shopper.buy(bought, 2, "pm_card_chargeDeclined")
    placed = declined.json()["facts"]["order"]
    await shopper.put(later, 1)
    await shopper.put(bought, 3)

    paid = await shopper.pay(placed, "pm_card_visa")

    assert paid.status_code == 200, paid.text
    order = await shopper.order_when(placed, "confirmed")
    assert [(item["sku"], item["quantity"]) for item in order["items"]] == [(bought, 2)]
    left = {item["sku"]: item["quantity"] for item in (await shopper.cart())["items"]}
    assert left == {bought: 3, later: 1}
