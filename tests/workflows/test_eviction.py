"""Nothing needs the worker's memory: with nothing cached every step is replayed from history."""

from typing import Any

import pytest

from tests.flow import Flow
from tests.workflows import ledgers, refunding, returning, stories, wallets


@pytest.fixture
def worker_options() -> dict[str, Any]:
    """Forget a workflow after each of its steps. (Such a worker holds one at a time.)"""
    return {"max_cached_workflows": 0}


async def test_orders_live_without_a_cache(flow: Flow) -> None:
    """Every story, one by one, each task replayed from the first event on."""
    for story in stories.ALL:
        await story(await stories.Shelf.open(flow))

    assert await ledgers.disagreements(flow) == []


async def test_cards_live_without_a_cache(flow: Flow) -> None:
    """Every story, one by one, each task replayed from the first event on."""
    for story in wallets.ALL:
        buyer = await wallets.Buyer.open(flow)
        await story(buyer)
        assert await buyer.agrees()


async def test_refunds_live_without_a_cache(flow: Flow) -> None:
    """Every story, one by one, each task replayed from the first event on."""
    for story in refunding.ALL:
        await story(flow)

    assert await refunding.disagreements(flow) == []


async def test_exchanges_live_without_a_cache(flow: Flow) -> None:
    """The return, its order and its refund side by side, each task replayed from the first event on."""
    for story in (returning.exchanged, returning.exchange_not_paid):
        await story(flow)

    assert await refunding.disagreements(flow) == []
