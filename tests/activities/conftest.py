"""An open shop on real Postgres, the provider's stand-in, and the surroundings an activity runs in."""

import dataclasses
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import pytest
from temporalio.testing import ActivityEnvironment

from activities.payments import money
from activities.payments.intents import StripeProvider
from activities.payments.money import PaymentActivities
from dev.stack import Stack
from models.database import Database
from tests import shop
from tests.activities.till import Till
from tests.models.swept import database, database_url, swept_url

__all__ = ["database", "database_url", "swept_url"]


class Try(Protocol):
    """Makes the surroundings of an activity's n-th attempt."""

    def __call__(self, attempt: int = 1) -> ActivityEnvironment: ...


@pytest.fixture
def attempt() -> Try:
    """The surroundings of an activity; its first attempt unless said otherwise."""

    def surroundings(attempt: int = 1) -> ActivityEnvironment:
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, attempt=attempt)
        return environment

    return surroundings


@pytest.fixture
async def till(database: Database) -> Till:
    """A shop that sells MUG at 10.00 usd, 9.00 eur and 1,000 jpy, and CUP at 10.00 usd; ten units each."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
        mug = await shop.stock_product(writer, "MUG", 10, {"usd": 1000, "eur": 900, "jpy": 1000})
        cup = await shop.stock_product(writer, "CUP", 10)
    return Till(database, mug, cup)


@pytest.fixture
async def payments(simulators: Stack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PaymentActivities]:
    """The one place that speaks to Stripe; a buyer who waits has patience with it, unless a test says otherwise."""
    monkeypatch.setattr(money, "QUICK_ANSWER", 60)
    environment = simulators.environment()
    opened = PaymentActivities(StripeProvider(environment["STRIPE_SECRET_KEY"], environment["STRIPE_API_BASE"]))
    yield opened
    await opened.close()


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port of this machine that is taken, but where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
