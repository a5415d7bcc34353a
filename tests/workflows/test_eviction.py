"""Nothing needs the worker's memory: with nothing cached every step is replayed from history.

Only of workflows that run alone: of two at a time, a worker with one place mislays a task until the server gives it
out anew ten seconds later, or for good (temporalio/sdk-rust#886). Orders with refunds and returns beside them are
replayed whole, from their histories, like all others.
"""

from typing import Any

import pytest

from tests.flow import Flow
from tests.workflows import ledgers, stories, wallets


@pytest.fixture
def worker_options() -> dict[str, Any]:
    """Forget a workflow after each of its steps. (Such a worker holds one at a time.)"""
    return {"max_cached_workflows": 0}


ALONE = (
    stories.delivered, stories.sent_in_two_parcels, stories.paid_with_another_card, stories.window_closed,
    stories.given_longer, stories.cancelled_by_buyer, stories.confirmed_at_the_bank, stories.webhook_lost,
    stories.captured_late, stories.paid_partly_with_credit, stories.covered_by_credit, stories.card_kept,
    stories.edit_refused_late, stories.edit_expired, stories.refused,
)  # fmt: skip
"""Stories of orders beside which nothing else runs."""


async def test_orders_live_without_a_cache(flow: Flow) -> None:
    """These stories, one by one, each task replayed from the first event on."""
    for story in ALONE:
        await story(await stories.Shelf.open(flow))

    assert await ledgers.disagreements(flow) == []


async def test_cards_live_without_a_cache(flow: Flow) -> None:
    """Every story, one by one, each task replayed from the first event on."""
    for story in wallets.ALL:
        buyer = await wallets.Buyer.open(flow)
        await story(buyer)
        assert await buyer.agrees()
