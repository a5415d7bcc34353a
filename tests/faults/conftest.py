"""A house of its own, servers and all, that may be broken: whatever a test kills stands again before the next."""

import time
from collections.abc import AsyncIterator, Iterator

import pytest

from dev.parts import FOUNDATIONS, PARTS
from dev.stack import embedded
from dev.stripe.remote import SimulatorControl
from tests.premises import House, open_house

PAYMENT_WINDOW = 600
"""Seconds that an unpaid order waits: longer than any recovery here, also on a machine that is busy."""


@pytest.fixture(scope="session")
def frail_house() -> Iterator[House]:
    """Postgres, Temporal, Redis, Stripe, mail, worker and API, all of them this process's own."""
    given = {"PAYMENT_WINDOW": str(PAYMENT_WINDOW), "CHECKOUT_ANSWER_BUDGET": "4"}
    with embedded(set(PARTS), given=given) as stack:
        url = stack.environment()["DATABASE_URL"]
        open_house(url)
        yield House(stack, url)


@pytest.fixture
def house(frail_house: House) -> House:
    """All of it running and ready, whatever the test before did."""
    stack = frail_house.stack
    down = [name for name in PARTS if name not in stack.running or not stack.child(name).alive]
    stack.start(*(name for name in down if name in FOUNDATIONS))
    stack.start(*(name for name in down if name not in FOUNDATIONS))
    deadline = time.monotonic() + 180
    while waiting := [name for name in PARTS if not stack.is_ready(name)]:
        assert time.monotonic() < deadline, (waiting, stack.logs(waiting[0])[-2000:])
        time.sleep(0.05)
    return frail_house


@pytest.fixture
async def provider(house: House) -> AsyncIterator[SimulatorControl]:
    """The payment provider, which a test may have killed meanwhile; what it ordered is forgotten."""
    control = house.stripe()
    await control.clear()
    yield control
    if not house.stack.child("stripe").alive:
        house.stack.start("stripe")
    await control.clear()
    await control.close()
