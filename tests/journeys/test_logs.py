"""One order followed through the logs of every process, by nothing but its number."""

import json
from typing import Any

import anyio

from tests.desk import Clerk
from tests.premises import House, Shopper

SOON = 60


def lines_of(house: House, part: str, number: str) -> list[dict[str, Any]]:
    """What a process said of an order, oldest first."""
    return [json.loads(line) for line in house.stack.logs(part).splitlines() if number in line and line[-1:] == "}"]


async def until_said(house: House, part: str, number: str, **wanted: Any) -> list[dict[str, Any]]:
    """The same as soon as one line says this."""
    with anyio.fail_after(SOON):
        while not [line for line in lines_of(house, part, number) if wanted.items() <= line.items()]:
            await anyio.sleep(0.1)
    return lines_of(house, part, number)


async def test_an_order_is_followed_by_its_number(house: House, shopper: Shopper) -> None:
    """Given an order that is bought, sent and delivered, then its number finds each request, step and letter of it."""
    placed = (await shopper.buy(await house.stock(5))).json()["order"]
    number = placed["number"]
    await shopper.order_when(placed, "confirmed")
    clerk = await Clerk.hire(house, shopper.http)
    assert (await clerk.do(number, "ship", carrier="UPS", tracking="1Z")).status_code == 200
    assert (await clerk.do(number, "deliver")).status_code == 200

    told = await until_said(house, "worker", number, event="activity done", activity="note_arrival")
    done = [line for line in told if line["event"] == "activity done"]  # beside them, letters that left meanwhile
    steps = [line["activity"] for line in done if line["activity"] in ORDERLY]
    assert list(dict.fromkeys(steps)) == list(ORDERLY)  # a busy machine may have one done again
    assert {line["order"] for line in done} == {number}
    assert all(line["workflow_id"] and line["request_id"] and line["attempt"] for line in done)

    delivered = f"/api/v1/admin/orders/{number}/actions/deliver"
    asked = await until_said(house, "api", number, event="request", path=delivered)
    requests = {(line["method"], line["path"]): line["request_id"] for line in asked if line["event"] == "request"}
    checkout = requests["POST", "/api/v1/checkout"]
    sent = requests["POST", f"/api/v1/admin/orders/{number}/actions/ship"]
    by_step = {line["activity"]: line["request_id"] for line in done}
    assert by_step["place_order"] == checkout
    assert by_step["send_parcel"] == sent != checkout
    for request in set(by_step.values()):  # also those that the provider's news caused
        await until_said(house, "api", number, event="request", request_id=request)

    await until_said(house, "api", number, event="request", path="/api/v1/webhooks/stripe")
    for template in ("order_confirmed", "shipped", "delivered"):
        await until_said(house, "worker", number, event="letter left", template=template)


ORDERLY = (
    "place_order", "authorize_payment_now", "secure_order", "capture_payment", "confirm_order", "send_parcel",
    "note_arrival",
)  # fmt: skip
