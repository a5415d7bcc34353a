"""Many buyers at once: stock is sold to the last unit and not beyond, and nobody waits for ever."""

import asyncio
from contextlib import AsyncExitStack

import anyio
import httpx

from models.tables import inventory
from tests.books import Books
from tests.premises import House, Shopper

CROWD, UNITS, PAIRS = 100, 10, 20


async def _crowd(house: House, baskets: list[list[str]], stack: AsyncExitStack) -> list[Shopper]:
    """Shoppers with full baskets, ready to pay."""
    # The answers come late when a hundred ask at once; what is asked here is that they are right.
    client = await stack.enter_async_context(
        httpx.AsyncClient(base_url=house.api, timeout=90, limits=httpx.Limits(max_connections=len(baskets)))
    )
    shoppers = [Shopper(house, client) for _ in baskets]

    async def fill(shopper: Shopper, basket: list[str]) -> None:
        for sku in basket:
            await shopper.put(sku)

    await asyncio.gather(*(fill(*pair) for pair in zip(shoppers, baskets, strict=True)))
    return shoppers


async def _outcome(shopper: Shopper, answer: httpx.Response) -> tuple[int, str]:
    """(status, code or the order's number), also of a checkout that took longer than its answer."""
    body = answer.json()
    if answer.status_code != 202:
        return answer.status_code, body.get("code") or body["order"]["number"]
    with anyio.fail_after(60):
        while (order := await shopper.order(body["order"]))["status"] == "pending":
            await anyio.sleep(0.2)
    return (201, order["number"]) if order["status"] != "cancelled" else (409, order["cancel_reason"])


async def test_a_hundred_buyers_for_ten_units(house: House, books: Books) -> None:
    """Ten orders, stock 0 and never negative, ninety clear refusals, ten captures and not one more."""
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
            *(shopper.check_out(form) for shopper, form in zip(shoppers, forms, strict=True))
        )
        outcomes = [await _outcome(*pair) for pair in zip(shoppers, answers, strict=True)]
        placed = [one.json()["order"] for one in answers if one.status_code == 201]
        for order in placed:
            await shoppers[0].order_when(order, "confirmed", within=60)
        watching.cancel()

    assert [one for one in answers if one.status_code >= 500] == []
    sold = [number for status, number in outcomes if status == 201]
    assert (len(sold), outcomes.count((409, "out_of_stock"))) == (UNITS, CROWD - UNITS)
    assert (min(lowest), await books.stock(sku)) == (0, (0, 0))
    assert sorted(await books.orders_of(sku)) == sorted(sold)
    assert await books.agree(sold) == dict.fromkeys(sold, "confirmed")
    after = await books.count()
    assert (after["orders"] - before["orders"], after["intents"] - before["intents"]) == (UNITS, UNITS)


async def test_baskets_filled_in_opposite_order_never_lock_each_other_out(house: House, books: Books) -> None:
    """Forty buyers, half with [A, B] and half with [B, A]: all are served."""
    one, two = await house.stock(2 * PAIRS), await house.stock(2 * PAIRS)

    async with AsyncExitStack() as stack:
        shoppers = await _crowd(house, [[one, two], [two, one]] * PAIRS, stack)
        form = shoppers[0].order_form(await shoppers[0].quote())
        answers = await asyncio.gather(*(shopper.check_out(form) for shopper in shoppers))
        outcomes = [await _outcome(*pair) for pair in zip(shoppers, answers, strict=True)]
        for answer in answers:
            await shoppers[0].order_when(answer.json()["order"], "confirmed", within=60)

    assert {status for status, _ in outcomes} == {201}, outcomes
    numbers = [number for _, number in outcomes]
    assert await books.agree(numbers) == dict.fromkeys(numbers, "confirmed")
    assert [await books.stock(sku) for sku in (one, two)] == [(0, 0), (0, 0)]
    async with books.database.reading() as reader:
        assert await inventory.drift(reader) == []
