"""A house of its own, servers and all, that may be broken: whatever a test kills stands again before the next."""

from collections.abc import Iterator

import pytest

from dev.parts import FOUNDATIONS, PARTS
from dev.stack import embedded
from tests.premises import House, open_house

PAYMENT_WINDOW = 30
"""Seconds that an unpaid order waits: longer than any recovery here, short enough to see it close."""


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
    stack.await_ready(*PARTS)
    return frail_house
