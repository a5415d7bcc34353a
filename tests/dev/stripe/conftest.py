"""A simulator on a free port, the real SDK in front of it, and a receiver for its webhooks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import stripe

from dev.stripe.app import create_app, serving
from dev.stripe.remote import SimulatorControl
from dev.stripe.server import listening
from tests.dev.stripe.wire import Receiver, sdk


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The SDK hands httpx its form as `data`, which httpx deprecates; that is for the SDK to mend."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    async with listening(found.handle, "127.0.0.1", 0) as url:
        found.url = f"{url}/webhooks/stripe"
        yield found


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A simulator that sends no webhooks."""
    async with serving(create_app()) as found:
        yield found


@pytest.fixture
async def client(url: str) -> AsyncIterator[stripe.StripeClient]:
    async with sdk(url) as found:
        yield found


@pytest.fixture
async def control(url: str) -> AsyncIterator[SimulatorControl]:
    async with SimulatorControl(url) as found:
        yield found
