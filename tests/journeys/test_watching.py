"""Buyers watch their orders in the running house; and an API that is told to stop does not wait for them."""

import asyncio
import json

import anyio

from dev.stack import embedded
from tests.premises import House, Shopper


async def test_a_buyer_watches_the_order_until_it_is_over(house: House, shopper: Shopper) -> None:
    """Given an order that waits for a card, when its buyer takes it back, then who watches hears it, and the end."""
    placed = (await shopper.buy(await house.stock(5), method=None)).json()["order"]
    headers, lines = {"Order-Token": placed["order_token"]}, list[str]()
    with anyio.fail_after(60):
        async with shopper.http.stream("GET", f"/orders/{placed['number']}/stream", headers=headers) as watched:
            assert watched.status_code == 200
            async for line in watched.aiter_lines():
                lines.append(line)
                if "payment_method_required" in line:
                    assert (await shopper.cancel(placed)).status_code == 200
    facts = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert [each["type"] for each in facts[:-1]] == await shopper.events(placed)
    assert ("event: end" in lines, facts[-1]) == (True, {"status": "cancelled"})
    again = await shopper.http.get(
        f"/orders/{placed['number']}/stream",
        headers={**headers, "Last-Event-ID": [line for line in lines if line.startswith("id: ")][-1][4:]},
    )
    assert again.status_code == 204


async def test_an_api_that_stops_does_not_wait_for_who_watches(house: House, shopper: Shopper) -> None:
    """Given buyers who watch, when the process is told to stop, then they are let go and it ends, long before the
    server would end it by force after ten seconds.
    """
    placed = (await shopper.buy(await house.stock(5), method=None)).json()["order"]
    headers = {"Order-Token": placed["order_token"]}
    with embedded({"api"}, given=house.environment) as stack:
        url = f"{stack.urls['api']}/api/v1/orders/{placed['number']}/stream"
        came, begun = list[str](), asyncio.Event()

        async def watch() -> None:
            async with shopper.http.stream("GET", url, headers=headers) as watched:
                async for line in watched.aiter_lines():
                    came.append(line)
                    if "payment_method_required" in line:
                        begun.set()

        watching = asyncio.create_task(watch())
        async with asyncio.timeout(60):
            await begun.wait()
        stopping = asyncio.create_task(asyncio.to_thread(stack.stop, "api"))
        async with asyncio.timeout(60):
            await watching  # ended whole, not cut off: else the client raises
        assert await stopping == []  # nobody had to be ended by force
    assert (await shopper.cancel(placed)).status_code == 200
