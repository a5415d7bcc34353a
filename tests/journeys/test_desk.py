"""Staff steer orders over HTTP, in the running house: each command is done once, and written down with who and why."""

import asyncio

from tests.desk import Clerk
from tests.premises import House, Shopper


async def test_staff_cancel_an_unpaid_order(house: House, shopper: Shopper) -> None:
    """Given an unpaid order cancelled twice under one key, then it ends once, its buyer is told, the log has who."""
    placed = (await shopper.buy(await house.stock(5), method=None)).json()["order"]
    clerk = await Clerk.hire(house, shopper.http)
    assert (await clerk.see(placed["number"]))["actions"] == ["cancel", "note"]

    first, second = await asyncio.gather(
        *(clerk.do(placed["number"], "cancel", "c-1", reason="out of season") for _ in range(2))
    )

    assert (first.status_code, second.status_code) == (200, 200), first.text + second.text
    seen = await clerk.see(placed["number"])
    assert (seen["status"], seen["payment_status"], seen["actions"]) == ("cancelled", "voided", ["note"])
    assert (await shopper.order(placed))["cancel_reason"] == "out of season"
    database = house.database()
    log = await database.fetch("SELECT action, reason FROM audit_log WHERE subject = $1", placed["number"])
    told = await database.fetch(
        "SELECT e.actor FROM order_events e JOIN orders o ON o.id = e.order_id "
        "WHERE o.number = $1 AND e.type = 'order_cancelled'", placed["number"],
    )  # fmt: skip
    await database.close()
    assert [tuple(row) for row in log] == [("order.cancel", "out of season")]
    assert [row["actor"].partition("/")[0] for row in told] == ["staff"]


async def test_what_cannot_be_done_is_refused_with_what_can(house: House, shopper: Shopper) -> None:
    """Given an order that is over, then every command is refused with the actions that are left, and nothing moves."""
    placed = (await shopper.buy(await house.stock(5), method=None)).json()["order"]
    clerk = await Clerk.hire(house, shopper.http)
    assert (await shopper.cancel(placed)).status_code == 200
    before = await clerk.see(placed["number"])

    for action in ("cancel", "retry"):
        refused = await clerk.do(placed["number"], action, reason="again")
        assert (refused.status_code, refused.json()["code"]) == (409, "wrong_move"), refused.text
        assert refused.json()["facts"] == {"status": "cancelled", "actions": ["note"]}

    assert await clerk.see(placed["number"]) == before
    assert (await shopper.events(placed))[-1] == "order_cancelled"
