"""Clicks, tabs and clients that ask again: the same is bought once, and everybody gets the same answer."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.books import Books
from tests.premises import BERLIN, House, Shopper

SAME, OWN, NONE = "one key", "a key each", "no key"


@pytest.mark.parametrize("keys", [SAME, OWN, NONE])
async def test_five_clicks_buy_once(house: House, shopper: Shopper, books: Books, keys: str) -> None:
    """Five at once, then again while the order runs and after it is done: one order, one charge, equal answers."""
    sku = await house.stock(9)
    await shopper.put(sku, 2)
    form = shopper.order_form(await shopper.quote())
    key = _keys(keys, 7)

    answers = list(await asyncio.gather(*(shopper.check_out(form, key[index]) for index in range(5))))
    placed = answers[0].json()["order"]
    answers.append(await shopper.check_out(form, key[5]))
    await shopper.order_when(placed, "confirmed")
    answers.append(await shopper.check_out(form, key[6]))

    assert [answer.status_code for answer in answers] == [201] * 7, [answer.text for answer in answers]
    if keys == SAME:
        assert len({answer.text for answer in answers}) == 1
    # Asked under keys of their own, later ones may see that the money is taken meanwhile.
    assert {(o["number"], o["order_token"], o["total"]["amount"]) for o in _orders(answers)} == {
        (placed["number"], placed["order_token"], 2700)
    }
    assert {order["payment_status"] for order in _orders(answers)} <= {"authorized", "paid"}
    assert await books.orders_of(sku) == [placed["number"]]
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}
    assert await books.stock(sku) == (9, 2)


@pytest.mark.parametrize("keys", [SAME, OWN, NONE])
async def test_five_clicks_with_a_bad_card_are_declined_once(
    house: House, shopper: Shopper, books: Books, keys: str
) -> None:
    """Five equal refusals, one order that waits, one hold; it is payable as if there had been one click."""
    sku = await house.stock(9)
    await shopper.put(sku, 2)
    form = shopper.order_form(await shopper.quote(), "pm_card_chargeDeclined")
    key = _keys(keys, 5)

    answers = await asyncio.gather(*(shopper.check_out(form, key[index]) for index in range(5)))

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(402, "payment_declined")] * 5
    assert len({answer.text for answer in answers}) == 1
    placed = answers[0].json()["facts"]["order"]
    assert await books.stock(sku) == (9, 2)
    assert (await shopper.pay(placed, "pm_card_visa")).status_code == 200
    await shopper.order_when(placed, "confirmed")
    assert await books.orders_of(sku) == [placed["number"]]
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}


async def test_two_tabs_with_different_wishes_make_one_order(house: House, shopper: Shopper, books: Books) -> None:
    """Two addresses for one cart at once: one is bought, the other tab is told that this cart is taken."""
    sku = await house.stock(9)
    await shopper.put(sku)
    total = await shopper.quote()
    forms = [shopper.order_form(total, email=f"tab{tab}@example.com") for tab in range(2)]

    answers = await asyncio.gather(*(shopper.check_out(form, uuid4().hex) for form in forms))

    won = next(answer for answer in answers if answer.status_code == 201)
    [lost] = [answer for answer in answers if answer is not won]
    assert (lost.status_code, lost.json()["code"]) in {(409, "order_open"), (409, "cart_empty")}
    await shopper.order_when(won.json()["order"], "confirmed")
    assert await books.orders_of(sku) == [won.json()["order"]["number"]]


async def test_a_key_means_one_checkout(house: House, shopper: Shopper, books: Books) -> None:
    """The same key with another body is 422, before and after the order is done; nothing more is bought."""
    sku = await house.stock(9)
    await shopper.put(sku)
    form, key = shopper.order_form(await shopper.quote()), uuid4().hex
    placed = (await shopper.check_out(form, key)).json()["order"]

    other = await shopper.check_out({**form, "email": "eve@example.com"}, key)
    await shopper.order_when(placed, "confirmed")
    later = await shopper.check_out({**form, "shipping_address": BERLIN}, key)

    assert [(answer.status_code, answer.json()["code"]) for answer in (other, later)] == [
        (422, "idempotency_key_reused")
    ] * 2
    assert await books.orders_of(sku) == [placed["number"]]


async def test_a_refused_checkout_answers_its_key_the_same(house: House, shopper: Shopper) -> None:
    """Out of stock under a key stays so for that key; a new key looks again."""
    sku = await house.stock(1)
    await shopper.put(sku, 2)
    form, key = shopper.order_form(await shopper.quote()), uuid4().hex

    first, again = await shopper.check_out(form, key), await shopper.check_out(form, key)

    assert (first.status_code, first.json()["code"], first.json()) == (409, "out_of_stock", again.json())
    [line] = (await shopper.cart())["items"]
    await shopper.http.patch(
        f"/cart/items/{line['id']}", json={"quantity": 1}, headers={"Cart-Token": shopper.cart_token}
    )
    fresh = await shopper.check_out(shopper.order_form(await shopper.quote()), uuid4().hex)
    assert fresh.status_code == 201, fresh.text
    await shopper.order_when(fresh.json()["order"], "confirmed")


async def test_a_key_answers_the_same_after_the_end(house: House, shopper: Shopper, books: Books) -> None:
    """An order was declined and cancelled: both answers are given again under their keys, and nothing begins anew."""
    await shopper.put(await house.stock(9))
    form, key = shopper.order_form(await shopper.quote(), "pm_card_chargeDeclined"), uuid4().hex
    declined = await shopper.check_out(form, key)
    placed = declined.json()["facts"]["order"]
    token = {"Order-Token": placed["order_token"], "Idempotency-Key": key}
    cancelled = await shopper.http.post(f"/orders/{placed['number']}/cancel", json={}, headers=token)
    before = await books.count()

    again = await shopper.check_out(form, key)
    once_more = await shopper.http.post(f"/orders/{placed['number']}/cancel", json={}, headers=token)

    assert (declined.status_code, again.status_code, again.text) == (402, 402, declined.text)
    assert (cancelled.status_code, once_more.status_code, once_more.text) == (200, 200, cancelled.text)
    assert await books.count() == before


async def test_the_same_key_of_two_buyers_is_two_keys(house: House, shopper: Shopper, books: Books) -> None:
    """Keys belong to a cart: a poor one such as "1" meets nobody else's order."""
    sku = await house.stock(9)
    async with house.client() as client:
        other = Shopper(house, client)
        for buyer in (shopper, other):
            await buyer.put(sku)
        form = shopper.order_form(await shopper.quote())

        placed = [(await buyer.check_out(form, "1")).json()["order"] for buyer in (shopper, other)]

    numbers = [each["number"] for each in placed]
    for each in placed:
        await shopper.order_when(each, "confirmed")
    assert sorted(await books.orders_of(sku)) == sorted(numbers)
    assert await books.agree(numbers) == dict.fromkeys(numbers, "confirmed")


async def test_an_item_is_added_once_a_key(house: House, shopper: Shopper) -> None:
    """The same key adds once, five times at once too; another body is 422; without a key adding again sums up."""
    sku = await house.stock(50)
    await shopper.put(sku)
    key = uuid4().hex

    async def add(quantity: int, key: str | None) -> httpx.Response:
        headers = {"Cart-Token": shopper.cart_token, **({"Idempotency-Key": key} if key else {})}
        return await shopper.http.post("/cart/items", json={"sku": sku, "quantity": quantity}, headers=headers)

    answers = await asyncio.gather(*(add(2, key) for _ in range(5)))
    reused = await add(3, key)
    summed = await add(4, None)

    assert {answer.status_code for answer in answers} == {201}
    assert [answer.json() for answer in answers] == [answers[0].json()] * 5
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert summed.json()["items"][0]["quantity"] == 1 + 2 + 4


async def test_the_first_item_of_a_cart_is_added_once_a_key(house: House) -> None:
    """A new visitor's double click makes one cart."""
    sku, key = await house.stock(50), uuid4().hex
    async with house.client() as client:
        answers = await asyncio.gather(
            *(client.post("/cart/items", json={"sku": sku, "quantity": 2}, headers={"Idempotency-Key": key})
              for _ in range(3))
        )  # fmt: skip

    assert len({answer.json()["cart_token"] for answer in answers}) == 1
    assert {answer.json()["items"][0]["quantity"] for answer in answers} == {2}


async def test_a_card_is_tried_once_a_key(house: House, shopper: Shopper, books: Books) -> None:
    """Paying: the same key gets the first answer, another card under it is 422, a new key tries again."""
    placed = (await shopper.buy(await house.stock(9), 1, "pm_card_chargeDeclined")).json()["facts"]["order"]
    key = uuid4().hex

    declined = await asyncio.gather(*(shopper.pay(placed, "pm_card_visa_chargeDeclined", key) for _ in range(3)))
    reused = await shopper.pay(placed, "pm_card_visa", key)
    paid = await shopper.pay(placed, "pm_card_visa", uuid4().hex)

    assert ({answer.status_code for answer in declined}, len({answer.text for answer in declined})) == ({402}, 1)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert paid.status_code == 200, paid.text
    await shopper.order_when(placed, "confirmed")
    assert (await shopper.events(placed)).count("payment_declined") == 2
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}


async def test_five_clicks_on_pay_charge_once(house: House, shopper: Shopper, books: Books) -> None:
    """Without keys each click is a wish of its own; the order is charged once all the same."""
    placed = (await shopper.buy(await house.stock(9), 1, "pm_card_chargeDeclined")).json()["facts"]["order"]

    answers = await asyncio.gather(*(shopper.pay(placed, "pm_card_visa") for _ in range(5)))

    seen = {(answer.status_code, answer.json().get("code")) for answer in answers}
    assert (200, None) in seen
    assert seen <= {(200, None), (409, "wrong_move")}
    await shopper.order_when(placed, "confirmed")
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}


def _orders(answers: list[httpx.Response]) -> list[dict[str, Any]]:
    return [answer.json()["order"] for answer in answers]


def _keys(kind: str, count: int) -> list[str | None]:
    if kind == NONE:
        return [None] * count
    one = uuid4().hex
    return [one if kind == SAME else uuid4().hex for _ in range(count)]
