"""SIGTERM in the middle of a rush: a process finishes what it has in hand, goes by itself, and nothing is lost."""

import time
from collections.abc import Callable

import anyio
import pytest

from dev.stripe.remote import SimulatorControl
from tests.books import Books
from tests.faults.rush import GOOD, Rush, start
from tests.premises import House

pytestmark = pytest.mark.timeout(600)
BUYERS = 12


@pytest.mark.parametrize("name", ["worker", "api"])
async def test_a_process_leaves_in_the_middle_of_a_rush(
    house: House, books: Books, provider: SimulatorControl, record_property: Callable[[str, object], None], name: str
) -> None:
    """It answers who is waiting and ends with code 0 within its grace; another takes over what is left."""
    # All buyers wait for the provider when the process is told to go.
    await provider.fault("latency", method="POST", path="/v1/payment_intents", seconds=1.5, times=BUYERS)
    async with Rush.of(house, [GOOD] * BUYERS) as rush:
        rush.go()
        await rush.under_way(books, BUYERS)

        began, leaving, said_before = time.monotonic(), house.stack.child(name), len(house.stack.logs(name))
        leaving.ask_to_stop()
        with anyio.fail_after(leaving.grace):
            while leaving.alive:
                await anyio.sleep(0.02)
        left = time.monotonic() - began
        answered = [buyer for buyer in rush.buyers if buyer.answered_at]
        assert leaving.exit_code == 0
        await start(house, name)

        assert await rush.end(books) == {"confirmed": BUYERS}
        if name == "api":
            assert sum(buyer.unavailable + buyer.broken for buyer in rush.buyers) == 0
        assert "Traceback" not in house.stack.logs(name)[said_before:]
        said = f"{name} asked to leave amid {BUYERS} checkouts left in {left:.1f} s, {len(answered)} answered by then"
        record_property("measured", f"{said}; {rush.waits()}")
