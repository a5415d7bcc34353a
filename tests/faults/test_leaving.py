"""SIGTERM in the middle of a rush: a process finishes what it has in hand, goes by itself, and nothing is lost."""

import time
from collections.abc import Callable

import anyio
import pytest

from tests.books import Books
from tests.faults.rush import GOOD, Rush, start
from tests.premises import House


@pytest.mark.parametrize("name", ["worker", "api"])
async def test_a_process_leaves_in_the_middle_of_a_rush(
    house: House, books: Books, record_property: Callable[[str, object], None], name: str
) -> None:
    """It ends with code 0 within its grace; another takes over, and every buyer gets what they asked for."""
    async with Rush.of(house, [GOOD] * 16) as rush:
        rush.go()
        await rush.under_way(books, 3)

        began, leaving = time.monotonic(), house.stack.child(name)
        leaving.ask_to_stop()
        with anyio.fail_after(leaving.grace):
            while leaving.alive:
                await anyio.sleep(0.02)
        left = time.monotonic() - began
        await start(house, name)

        assert await rush.end(books) == {"confirmed": 16}
        assert leaving.exit_code == 0
        assert "Traceback" not in house.stack.logs(name)[-20_000:]
        record_property("measured", f"{name} asked to leave amid 16 checkouts left in {left:.1f} s: {rush.waits()}")
