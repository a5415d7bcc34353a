"""A neighbour hangs: it takes connections and answers nobody. Every request still ends, and so does every order."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import psutil
import pytest

from tests.books import Books
from tests.faults.rush import AGAIN, insist
from tests.faults.test_away import LONGEST, unavailable
from tests.premises import House, Shopper


@contextmanager
def frozen(house: House, name: str) -> Iterator[None]:
    """The part and its own children stand still."""
    process = psutil.Process(house.stack.pid(name))
    family = [process, *process.children(recursive=True)]
    for each in family:
        each.suspend()
    try:
        yield
    finally:
        for each in family:
            each.resume()


async def test_postgres_hangs(house: House, shopper: Shopper, books: Books) -> None:
    """Everything that needs it is 503 in time; when it wakes up, the same checkout is done once."""
    sku = await house.stock(5)
    await shopper.put(sku)
    form = shopper.order_form(await shopper.quote())
    token = {"Cart-Token": shopper.cart_token}

    with frozen(house, "postgres"):
        answers = await asyncio.gather(
            shopper.http.get("/cart", headers=token),
            shopper.http.post("/cart/items", json={"sku": sku, "quantity": 1}, headers=token),
            shopper.check_out(form, "the same"),
        )

    for answer in answers:
        unavailable(answer)
        assert answer.elapsed.total_seconds() < LONGEST
    [line] = (await insist(lambda: shopper.http.get("/cart", headers=token))).json()["items"]
    form = shopper.order_form(await shopper.quote())
    done = await insist(lambda: shopper.check_out(form, "the same"))
    assert (done.status_code in (201, 202), line["quantity"]) == (True, 1), done.text
    await shopper.order_when(done.json()["order"], "confirmed")
    assert await books.agree(await books.orders_of(sku)) == {done.json()["order"]["number"]: "confirmed"}


EXPECTED = {"temporal": (503,), "worker": (202,), "stripe": (202,), "redis": (201, 202), "mail": (201, 202)}
"""Answers to the checkout; 202 of the last two: beside other tests it takes longer than the budget."""
SELLS_ON = ("redis", "mail")


@pytest.mark.parametrize("name", EXPECTED)
async def test_another_hangs(house: House, shopper: Shopper, books: Books, name: str) -> None:
    """Done while it hangs, 202, or 503 in time; and bought once in the end."""
    sku = await house.stock(5)
    await shopper.put(sku)
    form = shopper.order_form(await shopper.quote())

    with frozen(house, name):
        answer = await shopper.check_out(form, "the same")
        looked = await shopper.http.get(f"/products/{sku.lower()}")
        if name in SELLS_ON:
            with anyio.fail_after(60):
                while (done := await shopper.check_out(form, "the same")).status_code != 201:
                    assert done.status_code == 202, done.text
                    await anyio.sleep(AGAIN)
            await shopper.order_when(done.json()["order"], "confirmed", within=60)

    assert answer.elapsed.total_seconds() < LONGEST
    assert looked.status_code == 200
    assert looked.elapsed.total_seconds() < LONGEST
    assert answer.status_code in EXPECTED[name], answer.text
    again = await insist(lambda: shopper.check_out(form, "the same"))
    assert again.status_code in (201, 202), again.text
    placed = again.json()["order"]
    await shopper.order_when(placed, "confirmed", within=60)
    assert await books.orders_of(sku) == [placed["number"]]
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}
