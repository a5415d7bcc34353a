"""`kill -9` in the middle of a rush, of one process and then of all at once: nothing is lost or done twice."""

from collections.abc import Callable

import anyio
import pytest

from dev.parts import FOUNDATIONS, PARTS
from dev.stripe.remote import SimulatorControl
from tests.books import Books
from tests.faults.rush import BAD, BANK, GOOD, Rush, start
from tests.premises import House

pytestmark = pytest.mark.timeout(600)
Record = Callable[[str, object], None]


async def test_the_worker_is_killed_in_the_middle_of_fifty_checkouts(
    house: House, books: Books, provider: SimulatorControl, record_property: Record
) -> None:
    """A new worker takes over: 38 good cards are charged once, 12 others end cancelled with their stock released."""
    # Every other capture takes a moment, so that some are on their way when the worker dies.
    await provider.fault("latency", path="/v1/payment_intents/*/capture", seconds=1, times=None, probability=0.5)
    async with Rush.of(house, [GOOD] * 38 + [BAD] * 8 + [BANK] * 4) as rush:
        rush.go()
        await rush.under_way(books, 12)

        house.stack.kill("worker")
        await start(house, "worker")

        assert await rush.end(books) == {"cancelled": 12, "confirmed": 38}
        record_property("measured", f"worker killed in the middle of 50 checkouts: {rush.waits()}")


@pytest.mark.parametrize("name", ["api", "postgres", "temporal"])
async def test_one_process_is_killed_in_the_middle_of_a_rush(
    house: House, books: Books, record_property: Record, name: str
) -> None:
    """It is started again at once, and every buyer who asked gets exactly what they asked for."""
    async with Rush.of(house, [GOOD] * 16) as rush:
        rush.go()
        await rush.under_way(books, 4)

        house.stack.kill(name)
        await start(house, name)

        assert await rush.end(books) == {"confirmed": 16}
        record_property("measured", f"{name} killed in the middle of 16 checkouts: {rush.waits()}")


async def test_everything_is_killed_in_the_middle_of_a_rush(
    house: House, books: Books, record_property: Record
) -> None:
    """A power cut: all processes at once, the provider among them. On the same state it all goes on."""
    async with Rush.of(house, [GOOD] * 20 + [BAD] * 4) as rush:
        rush.go()
        await rush.under_way(books, 8)

        for name in PARTS:
            house.stack.kill(name)
        await anyio.sleep(0.5)
        await start(house, *FOUNDATIONS)
        await start(house, "worker", "api")

        ended = await rush.end(books)
        assert sum(ended.values()) == 24
        assert ended["cancelled"] >= 4
        record_property("measured", f"everything killed in the middle of 24 checkouts: {rush.waits()}")
