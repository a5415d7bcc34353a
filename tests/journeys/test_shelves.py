"""The running house: staff put goods on the shelves over HTTP, and shoppers find, buy and miss them within seconds."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest

from models.roles import Role
from tests import people
from tests.books import Books
from tests.premises import House, Shopper

BOUND = 25.0
"""Seconds from the answer to staff until no shopper is told otherwise, on a busy machine."""
BUYERS, UNITS = 20, 12


@pytest.fixture
async def staff(house: House, books: Books) -> AsyncIterator[httpx.AsyncClient]:
    """A connection of who keeps the shelf."""
    async with books.database.writing() as writer:
        headers = await people.signed_in(writer, house.environment["SECRET_KEY"].encode(), Role.CATALOG)
    async with house.client(**headers) as client:
        yield client


def priced(amount: int) -> list[dict[str, Any]]:
    """What a variant costs."""
    return [{"price": {"amount": amount, "currency": "usd"}}]


def goods(name: str, variants: int, units: int) -> dict[str, Any]:
    """A product as staff write it, at 10.00 usd."""
    return {
        "slug": name, "name": name.title(), "category": "all",
        "variants": [
            {"sku": f"{name.upper()}-{number}", "weight": 300, "units": units,
             "prices": priced(1000)}
            for number in range(variants)
        ],
    }  # fmt: skip


async def test_from_the_shelf_to_the_buyer(
    house: House,
    books: Books,
    staff: httpx.AsyncClient,
    shopper: Shopper,
    record_property: Callable[[str, object], None],
) -> None:
    """Given a new product, then it is listed, reduced, bought, withdrawn: each is soon seen; its order stays."""
    name, took = f"lamp-{uuid4().hex[:8]}", list[float]()

    async def seen(look: Callable[[], Awaitable[bool]]) -> None:
        begun = time.monotonic()
        with anyio.fail_after(60):
            while not await look():
                await anyio.sleep(0.1)
        took.append(time.monotonic() - begun)

    async def price() -> int | None:
        page = await shopper.http.get(f"/products/{name}")
        amount: int | None = page.json()["price"]["amount"] if page.status_code == 200 else None
        return amount

    async def listed(amount: int | None) -> bool:
        items = (await shopper.http.get("/categories/all/products")).json()["items"]
        found = [item["price"]["amount"] for item in items if item["slug"] == name]
        return (found, await price()) == ([] if amount is None else [amount], amount)

    assert await listed(None)
    assert (await staff.post("/admin/products", json=goods(name, 1, 3))).status_code == 201
    await seen(lambda: listed(1000))
    cheaper = {"products": [name], "prices": {"ppm": -200_000}}
    assert (await staff.post("/admin/products/bulk", json=cheaper)).status_code == 200
    await seen(lambda: listed(800))
    answer = await shopper.buy(f"{name.upper()}-0")
    assert answer.status_code == 201, answer.text
    placed = answer.json()["order"]
    await shopper.order_when(placed, "confirmed")
    assert (await staff.delete(f"/admin/products/{name}")).status_code == 204
    await seen(lambda: listed(None))

    order = await shopper.order(placed)
    assert [(item["sku"], item["unit_price"]["amount"]) for item in order["items"]] == [(f"{name.upper()}-0", 800)]
    assert await books.stock(f"{name.upper()}-0") == (3, 1)
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}
    record_property("measured", f"shoppers saw what staff did after {', '.join(f'{each:.1f}' for each in took)} s")
    assert max(took) < BOUND


async def test_staff_are_busy_while_people_buy_the_last_ones(
    house: House, books: Books, staff: httpx.AsyncClient
) -> None:
    """Given prices, words and places that change all the time, when many buy the last units, then all is in order.

    Every order is for what its buyer was shown, no unit is sold twice, nobody waits for each other in a circle, and in
    the end the shelf says what is true.
    """
    name = f"rush-{uuid4().hex[:8]}"
    assert (await staff.post("/admin/products", json=goods(name, 2, UNITS // 2))).status_code == 201
    assert (await staff.post("/admin/categories", json={"slug": f"at-{name}", "name": "At"})).status_code == 201
    skus = [f"{name.upper()}-{number}" for number in range(2)]
    edits: Counter[int] = Counter()

    async def edit(step: int) -> None:
        answers = [
            await staff.post("/admin/products/bulk", json={"products": [name], "featured": step % 2 == 0}),
            await staff.patch(f"/admin/products/{name}", json={"category": "all" if step % 2 else f"at-{name}"}),
            await staff.patch(f"/admin/variants/{skus[step % 2]}", json={"prices": priced(1000 + step // 10)}),
            await staff.patch(f"/admin/categories/at-{name}", json={"name": f"At {step}"}),
        ]
        edits.update(answer.status_code for answer in answers)

    async def keep_editing() -> None:
        for step in range(1000):
            await edit(step)

    async def buy(shopper: Shopper, sku: str) -> httpx.Response:
        await shopper.put(sku)
        with anyio.fail_after(120):
            while True:
                form, key = shopper.order_form(await shopper.quote()), uuid4().hex
                while (answer := await shopper.check_out(form, key)).status_code in (202, 503):
                    await anyio.sleep(0.2)
                if answer.status_code != 409 or answer.json()["code"] != "price_changed":
                    return answer

    async with AsyncExitStack() as stack:
        shoppers = [Shopper(house, await stack.enter_async_context(house.client())) for _ in range(BUYERS)]
        editing = asyncio.create_task(keep_editing())
        answers = await asyncio.gather(*(buy(each, skus[n % 2]) for n, each in enumerate(shoppers)))
        editing.cancel()
        placed = [answer.json()["order"] for answer in answers if answer.status_code == 201]
        for order in placed:
            await shoppers[0].order_when(order, "confirmed", within=60)
    assert set(edits) == {200}, edits
    told = Counter(answer.json()["code"] for answer in answers if answer.status_code >= 400)
    assert (len(placed), dict(told)) == (UNITS, {"out_of_stock": BUYERS - UNITS})
    assert await books.agree([order["number"] for order in placed]) == {each["number"]: "confirmed" for each in placed}
    assert [await books.stock(sku) for sku in skus] == [(UNITS // 2, UNITS // 2)] * 2
    rows = await books.database.fetch(
        "SELECT l.in_stock, l.amount = (SELECT min(r.price_now) FROM prices r JOIN variants v ON v.id = r.variant_id"
        " WHERE v.product_id = p.id) AS right FROM listings l JOIN products p ON p.id = l.product_id WHERE p.slug = $1",
        name,
    )
    assert [tuple(row) for row in rows] == [(False, True)]
