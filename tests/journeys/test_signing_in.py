"""Signing in while something is under way: what an order has bought stays its own, the rest comes along."""

from typing import Any
from uuid import uuid4

import anyio

from tests.books import Books
from tests.premises import House, Shopper


async def enter(house: House, **headers: str) -> dict[str, str]:
    """Open an account; the headers of its owner."""
    body = {"email": f"{uuid4().hex[:12]}@example.com", "password": "correct horse battery staple"}
    async with house.client(**headers) as client:
        answer = await client.post("/auth/register", json=body)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def quantities(cart: dict[str, Any]) -> dict[str, int]:
    """Units by SKU."""
    return {item["sku"]: item["quantity"] for item in cart["items"]}


async def test_an_order_that_waits_for_its_payment_is_not_bought_twice(
    house: House, shopper: Shopper, books: Books
) -> None:
    """Given a declined order and more goods in its cart, when its buyer registers, then only those come along.

    The order is paid as before, and nothing of what it bought is left in either cart.
    """
    bought, other = await house.stock(5), await house.stock(5)
    declined = await shopper.buy(bought, 2, "pm_card_chargeDeclined")
    placed = declined.json()["facts"]["order"]
    await shopper.put(other, 1)
    await shopper.put(bought, 1)

    me = await enter(house, **{"Cart-Token": shopper.cart_token})

    async with house.client(**me) as account:
        assert quantities((await account.get("/cart")).json()) == {other: 1, bought: 1}
        assert quantities(await shopper.cart()) == {bought: 2}
        assert (await shopper.pay(placed, "pm_card_visa")).status_code == 200
        await shopper.order_when(placed, "confirmed")
        with anyio.fail_after(60):
            while (await shopper.cart())["items"]:
                await anyio.sleep(0.05)
        assert quantities((await account.get("/cart")).json()) == {other: 1, bought: 1}
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}
    assert await books.stock(bought) == (5, 2)
