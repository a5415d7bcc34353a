"""Every metric and label that dashboards and alerts ask for is told by a running house."""

import asyncio
import re
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from dev.stripe.remote import SimulatorControl
from models.roles import Role
from tests.desk import Clerk
from tests.premises import House, Shopper
from tests.promql import Told, missing
from workflows.patience import ORDERS
from workflows.prove_stock import PROVE_STOCK_ID

SOON = 120

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? \S+$", re.MULTILINE)
"""As they stand there: the library's own reader gives counters other names."""
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@pytest.fixture
async def eventful(house: House, shopper: Shopper, provider: SimulatorControl) -> AsyncIterator[House]:
    """A house in which a payment failed, was made and given back, a workflow cannot go on, and stock was proved."""
    await provider.fault("error_before", method="POST", path="/v1/payment_intents", times=3)
    placed = (await shopper.buy(await house.stock(5))).json()["order"]
    await shopper.order_when(placed, "confirmed")
    clerk = await Clerk.hire(house, shopper.http, Role.FINANCE)
    given_back = await clerk.do(placed["number"], "refund", reason="broken", amount={"amount": 1000, "currency": "usd"})
    assert given_back.status_code == 201, given_back.text
    temporal = await house.temporal()
    await temporal.get_schedule_handle(PROVE_STOCK_ID).trigger()
    unknown = await temporal.start_workflow("NobodyKnowsIt", id=f"unknown-{placed['number']}", task_queue=ORDERS)
    yield house
    await unknown.terminate("the test is over")


async def told(house: House) -> Told:
    """Samples by name: the labels of each."""
    found: Told = {}
    async with httpx.AsyncClient(timeout=60) as client:
        for place in ("metrics", "worker_metrics"):
            for name, labels in _SAMPLE.findall((await client.get(house.stack.urls[place])).text):
                found.setdefault(name, []).append(dict(_LABEL.findall(labels)))
    return found


async def test_what_is_asked_for_is_told(eventful: House) -> None:
    """Given dashboards and alerts, then a running house tells each metric, each label and each value they name."""
    problems = ["not looked"]
    with anyio.move_on_after(SOON):  # numbers of how the shop stands come every 15 s
        while problems := missing(await told(eventful)):
            await asyncio.sleep(1)
    assert problems == []
