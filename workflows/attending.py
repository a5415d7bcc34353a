"""Attending to all orders: waiting for what happens to them, and trying again what could not be done about it."""

from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.order_feed import AwaitNews, OrderFeedActivities
from workflows import patience

POLL = 0.5
"""Seconds between two looks."""
LONGEST = timedelta(seconds=60)
"""How long one wait is; each costs the Temporal server as much as an order's step."""


async def news(reader: str, types: Sequence[str]) -> bool:
    """Whether something of these types happened that `reader` has not taken; no, after a minute or when unreadable."""
    try:
        return await workflow.execute_activity_method(
            OrderFeedActivities.await_news,
            AwaitNews(reader, tuple(types), seconds=LONGEST.total_seconds(), poll=POLL),
            summary="Wait for news of orders",
            **patience.FEED,
        )
    except ActivityError as failed:
        workflow.logger.warning("news of orders cannot be read: %s", failed)
        return False
