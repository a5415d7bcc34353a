"""Many buyers at once: stock is sold to the last unit and not beyond, and nobody waits for ever."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import anyio
import httpx

from models.ids import new_id
from models.tables import inventory
from models.tables import redemption as redemptions
from tests.books import Books
from tests.coupons import coupon, redeemed
from tests.premises import House, Shopper, served

CROWD, UNITS, PAIRS = 100, 10, 20


async def _crowd(house: House, baskets: list[list[str]], stack: AsyncExitStack) -> list[Shopper]:
    """Shoppers with full baskets, ready to pay."""
    # The answers come late when a hundred ask at once; what is asked here is that they are right.
    client = await stack.enter_async_context(
        httpx.AsyncClient(base_url=house.api, timeout=90, limits=httpx.Limits(max_connections=len(baskets)))
    )
    shoppers = [Shopper(house, client, of_a_crowd=True) for _ in baskets]

    async def fill(shopper: Shopper, basket: list[str]) -> None:
        for sku in basket:
            await shopper.put(sku)

    await asyncio.gather(*(fill(*pair) for pair in zip(shoppers, baskets, strict=True)))
    return shoppers


async def _check_out(shopper: Shopper, form: dict[str, Any]) -> httpx.Response:
    return await served(lambda: shopper.check_out(form))


async def _outcome(shopper: Shopper, answer: httpx.Response) -> tuple[int, str]:
    """(status, code or the order's number), also of a checkout that took longer than its answer."""
    body = answer.json()
    if answer.status_code != 202:
        return answer.status_code, body.get("code") or body["order"]["number"]
    with anyio.fail_after(120):
        while (order := await shopper.order(body["order"]))["status"] == "pending":
            await anyio.sleep(0.2)
    return (201, order["number"]) if order["status"] != "cancelled" else (409, order["cancel_reason"])


async def test_a_hundred_buyers_for_ten_units(house: House, books: Books) -> None:
    """Ten orders, none left and never less, ninety clear refusals, ten captures and not one more."""
    sku = await house.stock(UNITS)
    before = await books.count()
    lowest: list[int] = []

    async def watch() -> None:
        while True:
            on_hand, held = await books.stock(sku)
            lowest.append(min(on_hand, held, on_hand - held))
            await anyio.sleep(0.02)

    async with AsyncExitStack() as stack:
        shoppers = await _crowd(house, [[sku]] * CROWD, stack)
        forms = [shopper.order_form(await shopper.quote()) for shopper in shoppers]
        watching = asyncio.create_task(watch())
        answers = await asyncio.gather(
            *(_check_out(shopper, form) for shopper, form in zip(shoppers, forms, strict=True))
        )
        outcomes = [await _outcome(*pair) for pair in zip(shoppers, answers, strict=True)]
        placed = [one.json()["order"] for one in answers if one.status_code == 201]
        for order in placed:
            await shoppers[0].order_when(order, "confirmed", within=60)
        watching.cancel()

    assert [one for one in answers if one.status_code >= 500] == []
    sold = [number for status, number in outcomes if status == 201]
    assert (len(sold), outcomes.count((409, "out_of_stock"))) == (UNITS, CROWD - UNITS)
    assert (min(lowest), await books.stock(sku)) == (0, (UNITS, UNITS))
    assert sorted(await books.orders_of(sku)) == sorted(sold)
    assert await books.agree(sold) == dict.fromkeys(sold, "confirmed")
    after = await books.count()
    assert (after["orders"] - before["orders"], after["intents"] - before["intents"]) == (UNITS, UNITS)


async def test_a_hundred_buyers_for_ten_discounts(house: House, books: Books) -> None:
    """Ten orders with the discount and ten uses, ninety told that the coupon is used up, and none of them charged."""
    sku, code = await house.stock(CROWD), f"FIRST-{new_id().hex[-8:].upper()}"
    async with books.database.writing() as writer:
        await coupon(writer, code, max_redemptions=UNITS)
    before = await books.count()
    async with AsyncExitStack() as stack:
        shoppers = await _crowd(house, [[sku]] * CROWD, stack)
        await asyncio.gather(*(shopper.add_coupon(code) for shopper in shoppers))
        form = shoppers[0].order_form(await shoppers[0].quote())
        answers = await asyncio.gather(
            *(_check_out(shopper, {**form, "email": f"{n}@example.com"}) for n, shopper in enumerate(shoppers))
        )
        outcomes = [await _outcome(*pair) for pair in zip(shoppers, answers, strict=True)]
        placed = [one.json()["order"] for one in answers if one.status_code in (201, 202)]
        orders = [await shoppers[0].order(order) for order in placed]
        for number, order in [(each["number"], each) for each in placed]:
            if (201, number) in outcomes:
                await shoppers[0].order_when(order, "confirmed", within=60)

    assert form["expected_total"]["amount"] == 900 + 500 + 90
    assert [one.text for one in answers if one.status_code >= 500] == []
    sold = [number for status, number in outcomes if status == 201]
    assert (len(sold), outcomes.count((409, "coupon_used_up"))) == (UNITS, CROWD - UNITS)
    discounts = {order["number"]: order["totals"]["discount"]["amount"] for order in orders if order["totals"]}
    assert discounts == dict.fromkeys(sold, 100)
    assert await redeemed(books.database, code) == UNITS
    assert await books.agree(sold) == dict.fromkeys(sold, "confirmed")
    after = await books.count()
    assert (after["orders"] - before["orders"], after["intents"] - before["intents"]) == (UNITS, UNITS)
    async with books.database.reading() as reader:
        assert await redemptions.drift(reader) == []


async def test_ten_tabs_of_one_buyer_get_one_discount(house: House, books: Books) -> None:
    """Ten carts of one address with a coupon for one use a buyer, paid at once: one order, nine refusals."""
    sku, name = await house.stock(10), new_id().hex[-8:]
    async with books.database.writing() as writer:
        await coupon(writer, f"ONCE-{name.upper()}", max_per_buyer=1)
    async with AsyncExitStack() as stack:
        tabs = await _crowd(house, [[sku]] * 10, stack)
        await asyncio.gather(*(tab.add_coupon(f"once-{name}") for tab in tabs))
        form = tabs[0].order_form(await tabs[0].quote(), email=f"{name}@example.com")
        answers = await asyncio.gather(*(_check_out(tab, form) for tab in tabs))
        outcomes = [await _outcome(*pair) for pair in zip(tabs, answers, strict=True)]

    assert [code for status, code in outcomes if status == 409] == ["coupon_used_by_you"] * 9
    assert [status for status, _ in outcomes].count(201) == 1
    assert len(await books.orders_of(sku)) == 1
    assert await redeemed(books.database, f"ONCE-{name.upper()}") == 1


async def test_baskets_filled_in_opposite_order_never_lock_each_other_out(house: House, books: Books) -> None:
    """Forty buyers, half with [A, B] and half with [B, A]: all are served."""
    one, two = await house.stock(2 * PAIRS), await house.stock(2 * PAIRS)

    async with AsyncExitStack() as stack:
        shoppers = await _crowd(house, [[one, two], [two, one]] * PAIRS, stack)
        form = shoppers[0].order_form(await shoppers[0].quote())
        answers = await asyncio.gather(*(_check_out(shopper, form) for shopper in shoppers))
        outcomes = [await _outcome(*pair) for pair in zip(shoppers, answers, strict=True)]
        for answer in answers:
            await shoppers[0].order_when(answer.json()["order"], "confirmed", within=60)

    assert {status for status, _ in outcomes} == {201}, outcomes
    numbers = [number for _, number in outcomes]
    assert await books.agree(numbers) == dict.fromkeys(numbers, "confirmed")
    assert [await books.stock(sku) for sku in (one, two)] == [(2 * PAIRS, 2 * PAIRS)] * 2
    async with books.database.reading() as reader:
        assert await inventory.drift(reader) == []
