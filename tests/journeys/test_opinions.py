"""What buyers do for the next ones: they review what they bought, and what they bought together is told to others."""

from typing import Any

import anyio
from temporalio.client import ScheduleOverlapPolicy

from dev.stripe.remote import SimulatorControl
from tests import people
from tests.premises import House, Shopper
from workflows.study_shelves import STUDY_SHELVES_ID


async def told(shopper: Shopper, path: str, wanted: list[str], within: float = 60) -> Any:
    """A list of products, as soon as it is what is wanted."""
    seen = None
    with anyio.move_on_after(within):
        while seen != wanted:
            answer = await shopper.http.get(path)
            assert answer.status_code == 200, answer.text
            seen = [card["slug"] for card in answer.json()["items"]]
            await anyio.sleep(0.1)
    assert seen == wanted
    return seen


async def test_what_buyers_leave_behind(house: House, provider: SimulatorControl) -> None:
    """Given two buyers of the same pair, then their reviews are verified and counted, and others are shown the pair."""
    skus = [await house.stock(10), await house.stock(10)]
    slugs = [sku.lower() for sku in skus]
    database, key = house.database(), house.environment["SECRET_KEY"].encode()
    for stars in (5, 2):
        async with database.writing() as writer:
            headers = await people.signed_in(writer, key)
        async with house.client(**headers) as client:
            buyer = Shopper(house, client)
            for sku in skus:
                await buyer.put(sku)
            form = buyer.order_form(await buyer.quote())
            del form["email"]
            placed = (await buyer.check_out(form)).json()["order"]
            await buyer.order_when(placed, "confirmed")
            written = await client.post(f"/products/{slugs[0]}/reviews", json={"stars": stars})
            assert (written.status_code, written.json()["verified_purchase"]) == (201, True)
            assert (await client.post(f"/products/{slugs[0]}/views")).status_code == 204
    await database.close()
    temporal = await house.temporal()
    await temporal.get_schedule_handle(STUDY_SHELVES_ID).trigger(overlap=ScheduleOverlapPolicy.BUFFER_ONE)
    async with house.client() as client:
        stranger = Shopper(house, client)
        await told(stranger, f"/products/{slugs[0]}/frequently-bought-together", slugs[1:])
        await stranger.put(skus[0])
        suggested = await client.get("/recommendations?limit=1", headers={"Cart-Token": stranger.cart_token})
        assert [card["slug"] for card in suggested.json()["items"]] == slugs[1:]
        with anyio.fail_after(60):
            while (page := (await client.get(f"/products/{slugs[0]}")).json())["rating"] != 3.5:
                await anyio.sleep(0.1)
        assert page["ratings"] == 2
