"""Gift cards and store credit through the whole house: what is charged, in two tabs, and what comes back."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import anyio
import httpx
import pytest

from dev.stripe.remote import SimulatorControl
from models.ids import UserId
from models.money import Money
from models.tables import store_credit
from tests import people, purse
from tests.books import Books
from tests.premises import NEW_YORK, House, Shopper


def usd(amount: int) -> dict[str, Any]:
    """As JSON has it."""
    return {"amount": amount, "currency": "usd"}


async def card(books: Books, amount: int) -> purse.Card:
    """A gift card of this house."""
    async with books.database.writing() as writer:
        return await purse.gift_card(writer, amount, key=books.house.environment["SECRET_KEY"].encode())


async def pay_with(shopper: Shopper, code: str) -> dict[str, Any]:
    """Put the card into the cart; what a quote says then."""
    headers = {"Cart-Token": shopper.cart_token}
    put = await shopper.http.post("/cart/gift-cards", json={"code": code}, headers=headers)
    assert put.status_code == 201, put.text
    return await quote(shopper, headers)


async def quote(shopper: Shopper, headers: dict[str, str], **wish: Any) -> dict[str, Any]:
    """The totals, and what is due."""
    answer = await shopper.http.post("/checkout/quote", json={"shipping_address": NEW_YORK, **wish}, headers=headers)
    assert answer.status_code == 200, answer.text
    totals: dict[str, Any] = answer.json()["totals"]
    return totals


async def test_a_gift_card_and_a_bank_card(house: House, shopper: Shopper, books: Books) -> None:
    """Given a gift card of 6.00, then 10.00 are charged, the letter says both, and the same request answers alike."""
    gift = await card(books, 600)
    await shopper.put(await house.stock(5))
    totals = await pay_with(shopper, gift.code)
    form = shopper.order_form(totals["total"], expected_due=totals["due"])

    answer = await shopper.check_out(form, "one")

    placed = answer.json()["order"]
    assert (answer.status_code, placed["total"], placed["credit"], placed["due"]) == (
        201, usd(1600), usd(600), usd(1000),
    )  # fmt: skip
    order = await shopper.order_when(placed, "confirmed")
    assert (order["totals"]["total"], order["totals"]["credit"], order["totals"]["due"]) == (
        usd(1600), usd(600), usd(1000),
    )  # fmt: skip
    again = await shopper.check_out(form, "one")
    assert (again.status_code, again.json()["order"]["number"], again.json()["order"]["due"]) == (
        201, placed["number"], usd(1000),
    )  # fmt: skip
    [intent] = await books.intents(placed["number"])
    assert intent["captured"] == 1000
    assert await books.money(placed["number"]) == {"provider:stripe": 1000, "gift_card": 600, "sales": -1600}
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}
    assert (await shopper.cart())["gift_cards"] == []
    [letter] = await house.letters_when(placed["number"], 1)
    for said in ("Total   $16.00", "By gift card or store credit   $6.00", "The rest   $10.00"):
        assert said in letter["text"]


async def test_all_by_credit_nobody_is_charged(house: House, shopper: Shopper, books: Books) -> None:
    """Given a gift card that covers it all, then no card is needed, and the provider never hears of the order."""
    gift = await card(books, 2000)
    await shopper.put(await house.stock(5))
    totals = await pay_with(shopper, gift.code)
    assert totals["due"] == usd(0)

    answer = await shopper.check_out(shopper.order_form(totals["total"], None, expected_due=totals["due"]))

    assert (answer.status_code, answer.json()["payment"]["status"]) == (201, "authorized")
    placed = answer.json()["order"]
    assert (placed["payment_status"], placed["due"]) == ("authorized", usd(0))
    order = await shopper.order_when(placed, "confirmed")
    assert (order["payment_status"], order["can"]) == ("paid", ["cancel", "edit"])
    assert await books.intents(placed["number"]) == []
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}
    assert await purse.balance(books.database, gift.id) == 400
    refused = await shopper.pay(placed, "pm_card_visa")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_move")


async def test_store_credit_of_an_account(house: House, shopper: Shopper, books: Books) -> None:
    """Given an account with 5.00, then its checkout spends them when asked to, and 11.00 are charged."""
    async with books.database.writing() as writer:
        user: UserId = await people.account(writer)
        await store_credit.adjust(writer, user, Money(500, "usd"), "test", "goodwill")
        mine = await people.signed_in(writer, house.environment["SECRET_KEY"].encode(), user=user)
    sku = await house.stock(5)
    await shopper.http.post("/cart/items", json={"sku": sku, "quantity": 1}, headers=mine)
    totals = await quote(shopper, mine, store_credit=True)
    assert (totals["credit"], totals["due"]) == (usd(500), usd(1100))
    form = shopper.order_form(
        totals["total"], expected_due=totals["due"],
        payment={"payment_method": "pm_card_visa", "store_credit": True},
    )  # fmt: skip

    placed = (await shopper.http.post("/checkout", json=form, headers=mine)).json()["order"]

    await shopper.order_when(placed, "confirmed")
    assert await books.money(placed["number"]) == {"provider:stripe": 1100, "store_credit": 500, "sales": -1600}
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}


async def test_declined_and_cancelled_it_is_back(house: House, shopper: Shopper, books: Books) -> None:
    """Given a declined bank card, when the buyer cancels, then the gift card has its money, in the cart, to be used."""
    gift = await card(books, 600)
    await shopper.put(await house.stock(5))
    totals = await pay_with(shopper, gift.code)
    form = shopper.order_form(totals["total"], "pm_card_chargeDeclined", expected_due=totals["due"])
    declined = await shopper.check_out(form)
    placed = declined.json()["facts"]["order"]
    assert (declined.status_code, placed["due"]) == (402, usd(1000))
    assert await purse.balance(books.database, gift.id) == 0

    assert (await shopper.cancel(placed)).status_code == 200

    assert await books.agree([placed["number"]]) == {placed["number"]: "cancelled"}
    [shown] = (await shopper.cart())["gift_cards"]
    assert (shown["balance"], shown["applied"]) == (usd(600), usd(600))
    letters = await house.letters_when(placed["number"], 2)
    assert "The credit of $6.00 that you used" in letters[-1]["text"]


async def settled(tab: Shopper, form: dict[str, Any]) -> httpx.Response:
    """The answer to a checkout, asked for again while a crowd makes it late."""
    with anyio.fail_after(120):
        while (answer := await tab.check_out(form)).status_code in (202, 503):
            await anyio.sleep(0.5)
    return answer


@pytest.mark.parametrize(("worth", "covered"), [(1600, 1), (3200, 2)])
async def test_two_tabs_spend_one_gift_card(
    house: House, books: Books, provider: SimulatorControl, worth: int, covered: int
) -> None:
    """Given one card in two tabs that buy at once, then it pays for as many orders as it can; the other tab is told
    what it would cost now, and no bank card was charged for it."""
    gift, sku = await card(books, worth), await house.stock(5)
    async with AsyncExitStack() as stack:
        tabs = [Shopper(house, await stack.enter_async_context(house.client())) for _ in range(2)]
        forms = []
        for tab in tabs:
            await tab.put(sku)
            totals = await pay_with(tab, gift.code)
            forms.append(tab.order_form(totals["total"], expected_due=totals["due"]))
        answers = await asyncio.gather(*(settled(*pair) for pair in zip(tabs, forms, strict=True)))
        good = [answer.json()["order"] for answer in answers if answer.status_code == 201]
        told = [answer.json() for answer in answers if answer.status_code != 201]
        assert len(good) == covered
        for refused in told:
            assert (refused["status"], refused["code"]) == (409, "price_changed")
            assert refused["facts"] == {
                "total": usd(1600), "expected_total": usd(1600), "credit": usd(0), "due": usd(1600),
                "expected_due": usd(0),
            }  # fmt: skip
        for placed in good:
            await tabs[0].order_when(placed, "confirmed")
    numbers = [placed["number"] for placed in good]
    assert set(await books.orders_of(sku)) == set(numbers)
    assert set((await books.agree(numbers)).values()) == {"confirmed"}
    assert await purse.balance(books.database, gift.id) == worth - 1600 * covered
    assert await books.stock(sku) == (5, covered)


async def test_fifty_tabs_and_a_card_worth_ten_orders(house: House, books: Books) -> None:
    """Given fifty carts with one card, bought at once, then ten orders are paid with it, forty are told, none more."""
    gift, sku = await card(books, 16_000), await house.stock(50)
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(base_url=house.api, timeout=90, limits=limits) as client:
        tabs = [Shopper(house, client) for _ in range(50)]

        async def fill(tab: Shopper) -> dict[str, Any]:
            await tab.put(sku)
            totals = await pay_with(tab, gift.code)
            return tab.order_form(totals["total"], None, expected_due=totals["due"])

        forms = [await fill(tab) for tab in tabs]
        answers = await asyncio.gather(*(settled(*pair) for pair in zip(tabs, forms, strict=True)))
        told = [answer.json() for answer in answers]
        assert sorted(body.get("code", "placed") for body in told) == ["placed"] * 10 + ["price_changed"] * 40
        for body in told:
            if "order" in body:
                await tabs[0].order_when(body["order"], "confirmed", within=60)
    numbers = await books.orders_of(sku)
    assert len(numbers) == 10
    assert set((await books.agree(numbers)).values()) == {"confirmed"}
    assert await purse.balance(books.database, gift.id) == 0
    assert await books.stock(sku) == (50, 10)
