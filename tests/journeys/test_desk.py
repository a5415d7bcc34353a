"""Staff steer orders over HTTP, in the running house: each command is done once, and written down with who and why."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import anyio

from tests.desk import Clerk
from tests.premises import House, Shopper


async def test_staff_cancel_an_unpaid_order(house: House, shopper: Shopper) -> None:
    """Given an unpaid order cancelled twice under one key, then it ends once, its buyer is told, the log has who."""
    placed = (await shopper.buy(await house.stock(5), method=None)).json()["order"]
    clerk = await Clerk.hire(house, shopper.http)
    assert (await clerk.see(placed["number"]))["actions"] == ["cancel", "extend_hold", "note"]

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


async def test_staff_give_an_unpaid_order_longer(house: House, shopper: Shopper) -> None:
    """Given two hours more, clicked thrice under one key, then it has them, once, and every side says until when."""
    sku = await house.stock(5)
    placed = (await shopper.buy(sku, method=None)).json()["order"]
    clerk = await Clerk.hire(house, shopper.http)
    was = datetime.fromisoformat((await clerk.see(placed["number"]))["pay_until"])
    number, why = placed["number"], {"reason": "#4711"}

    clicks = await asyncio.gather(*(clerk.do(number, "extend_hold", "e-1", minutes=120, **why) for _ in range(3)))

    end = was + timedelta(hours=2)
    assert [click.status_code for click in clicks] == [200] * 3, clicks[0].text
    assert [datetime.fromisoformat(click.json()["pay_until"]) for click in clicks] == [end] * 3
    assert datetime.fromisoformat((await shopper.order(placed))["pay_until"]) == end
    with anyio.fail_after(60):  # while the worker is too busy, its rows tell
        while (told := await clerk.explain(number))["told_by"] != "workflow":
            await anyio.sleep(0.2)
    assert datetime.fromisoformat(told["until"]) == end
    events = [event for event in (await clerk.see(number))["events"] if event["type"] == "hold_extended"]
    assert [event["actor"].partition("/")[0] for event in events] == ["staff"]
    database = house.database()
    log = await database.fetch("SELECT action, reason, before, after FROM audit_log WHERE subject = $1", number)
    kept = await database.fetch(
        "SELECT h.until FROM stock_holds h JOIN orders o ON o.id = h.order_id WHERE o.number = $1", number
    )
    await database.close()
    [(action, reason, before, after)] = [tuple(row) for row in log]
    assert (action, reason) == ("order.extend_hold", "#4711")
    assert [datetime.fromisoformat(json.loads(each)["pay_until"]) for each in (before, after)] == [was, end]
    assert [row["until"] for row in kept] == [end]

    other = await clerk.do(number, "extend_hold", "e-1", minutes=60, **why)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    stands = await clerk.see(number)
    for wish in (
        {"until": was.isoformat()}, {"until": end.isoformat()}, {"until": (was + timedelta(hours=25)).isoformat()},
        {"minutes": 24 * 60},
    ):  # fmt: skip
        no = await clerk.do(number, "extend_hold", **wish, **why)
        assert (no.status_code, no.json()["code"]) == (409, "hold_out_of_bounds"), (wish, no.text)
        assert datetime.fromisoformat(no.json()["facts"]["pay_until"]) == end
    assert await clerk.see(number) == stands

    later = await clerk.do(number, "extend_hold", until=(end + timedelta(hours=3)).isoformat(), **why)
    assert datetime.fromisoformat(later.json()["pay_until"]) == end + timedelta(hours=3), later.text
    assert (await shopper.cancel(placed)).status_code == 200
    late = await clerk.do(number, "extend_hold", minutes=5, **why)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_move")


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


async def test_staff_send_an_order_in_two_parcels(house: House, shopper: Shopper) -> None:
    """Given a paid order of two, when staff send one, then the rest, each twice clicked, then its buyer sees both."""
    sku = await house.stock(5)
    placed = (await shopper.buy(sku, 2)).json()["order"]
    await shopper.order_when(placed, "confirmed")
    clerk = await Clerk.hire(house, shopper.http)
    assert (await clerk.see(placed["number"]))["actions"] == [
        "cancel", "edit", "ship", "switch_location", "accept_shortage", "refund", "note",
    ]  # fmt: skip

    form: dict[str, Any] = {"carrier": "UPS", "tracking": "1Z-1", "items": [{"sku": sku, "quantity": 1}]}
    clicks = await asyncio.gather(*(clerk.do(placed["number"], "ship", "s-1", **form) for _ in range(3)))

    assert [click.status_code for click in clicks] == [200] * 3, clicks[0].text
    other = await clerk.do(placed["number"], "ship", "s-1", **{**form, "carrier": "DHL"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    seen = await clerk.see(placed["number"])
    assert (seen["status"], seen["fulfilment_status"]) == ("processing", "partial")
    assert [(item["quantity"], item["shipped"]) for item in seen["items"]] == [(2, 1)]
    assert seen["actions"] == [
        "cancel", "ship", "switch_location", "accept_shortage", "deliver", "refund", "note",
    ]  # fmt: skip
    assert seen["shipments"][0]["location"] == "main"
    refused = await clerk.do(placed["number"], "ship", **{**form, "items": [{"sku": sku, "quantity": 2}]})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_left")

    assert (await clerk.do(placed["number"], "ship", carrier="DHL", tracking="D-2")).status_code == 200
    mine = await shopper.order(placed)
    assert (mine["status"], mine["fulfilment_status"], mine["can"]) == ("shipped", "fulfilled", ["return"])
    assert [
        (each["carrier"], each["tracking"], each["items"], each["delivered_at"]) for each in mine["shipments"]
    ] == [
        ("UPS", "1Z-1", [{"sku": sku, "quantity": 1}], None), ("DHL", "D-2", [{"sku": sku, "quantity": 1}], None),
    ]  # fmt: skip
    late = await clerk.do(placed["number"], "ship", carrier="DHL", tracking="D-3")
    assert (late.status_code, late.json()["facts"]["actions"]) == (409, ["deliver", "refund", "note"])

    assert (await clerk.do(placed["number"], "deliver", shipment=2)).status_code == 200
    assert (await shopper.order(placed))["status"] == "shipped"
    assert (await clerk.do(placed["number"], "deliver")).json()["status"] == "delivered"
    events = await shopper.events(placed)
    assert [kind for kind in events if kind in ("order_shipped", "parcel_delivered", "order_delivered")] == [
        "order_shipped", "order_shipped", "parcel_delivered", "parcel_delivered", "order_delivered",
    ]  # fmt: skip
    letters = await house.letters_when(placed["number"], 4)
    assert sorted(letter["subject"] for letter in letters) == sorted(
        [
            f"Your order {placed['number']} is confirmed", f"Your order {placed['number']} is on its way",
            f"A part of your order {placed['number']} is on its way", f"Your order {placed['number']} has arrived",
        ]
    )  # fmt: skip
    database = house.database()
    log = await database.fetch(
        "SELECT action, count(*)::int FROM audit_log WHERE subject = $1 GROUP BY 1 ORDER BY 1", placed["number"]
    )
    await database.close()
    assert [tuple(row) for row in log] == [("order.deliver", 2), ("order.ship", 2)]


async def test_a_buyer_cancels_what_is_paid_and_not_sent(house: House, shopper: Shopper) -> None:
    """Given a paid order, when its buyer takes it back, then it is over at once, and the money is back soon after."""
    placed = (await shopper.buy(await house.stock(5))).json()["order"]
    paid = await shopper.order_when(placed, "confirmed")
    assert paid["can"] == ["cancel", "edit"]

    cancelled = await shopper.cancel(placed)

    assert (cancelled.status_code, cancelled.json()["status"], cancelled.json()["can"]) == (200, "cancelled", [])
    with anyio.fail_after(60):
        while (seen := await shopper.order(placed))["payment_status"] != "refunded":
            await anyio.sleep(0.05)
    assert seen["cancel_reason"] == "found it cheaper"
    subjects = [letter["subject"] for letter in await house.letters_when(placed["number"], 3)]
    assert subjects.count(f"Order {placed['number']} was cancelled") == 1
    clerk = await Clerk.hire(house, shopper.http)
    late = await clerk.do(placed["number"], "ship", carrier="UPS", tracking="1Z")
    assert (late.status_code, late.json()["code"]) == (409, "wrong_move")
