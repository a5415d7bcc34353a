"""A shopper, the provider's controls and the shop's books, for one journey through the shared house."""

from collections.abc import AsyncIterator

import pytest

from dev.stripe.remote import SimulatorControl
from tests.books import Books
from tests.premises import House, Shopper


@pytest.fixture
async def shopper(house: House) -> AsyncIterator[Shopper]:
    """A buyer who has just come in."""
    async with house.client() as client:
        yield Shopper(house, client)


@pytest.fixture
async def provider(house: House) -> AsyncIterator[SimulatorControl]:
    """The payment provider on a good day; what a test orders is forgotten after it."""
    control = house.stripe()
    await control.clear()
    yield control
    await control.clear()
    await control.close()


@pytest.fixture
async def books(house: House) -> AsyncIterator[Books]:
    """The shop's books."""
    opened = Books(house)
    yield opened
    await opened.close()
