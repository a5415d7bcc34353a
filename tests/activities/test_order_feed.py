"""Waiting for what happens to orders: as long as asked for, and no longer than until something did."""

import asyncio

from temporalio.testing import ActivityEnvironment

from activities.order_feed import AwaitNews, OrderFeedActivities
from models.tables import order_feed
from tests.activities.till import Till

PLACED = ("order_placed",)


async def news(till: Till, seconds: float, types: tuple[str, ...] = PLACED) -> bool:
    """What `await_news` answers."""
    found: bool = await ActivityEnvironment().run(
        OrderFeedActivities(till.database).await_news, AwaitNews("tests", types, seconds, 0.02)
    )
    return found


async def test_nothing_happened(till: Till) -> None:
    """Given no order, or one that did something else, then the wait ends without news."""
    assert not await news(till, 0)
    await till.placed(await till.cart())
    assert not await news(till, 0.1, ("order_shipped",))


async def test_news_end_the_wait(till: Till) -> None:
    """Given an order that is placed meanwhile, then the wait ends with news, until they are taken."""
    waiting = asyncio.create_task(news(till, 60))
    await till.placed(await till.cart())
    assert await waiting
    assert await news(till, 60)
    async with till.database.writing() as writer:
        [told] = await order_feed.take(writer, "tests", PLACED, 10)
    assert told.type == "order_placed"
    assert not await news(till, 0)


async def test_what_is_none_of_a_readers_business_is_passed_over(till: Till) -> None:
    """Given a reader, when its wait ends without news, then its place is past everything that has happened."""
    async with till.database.writing() as writer:
        assert await order_feed.take(writer, "tests", ("order_shipped",), 10) == []
    await till.placed(await till.cart())
    async with asyncio.timeout(60):
        while await till.ask("SELECT FROM order_events e, order_readers r WHERE r.xid <= e.xid"):
            assert not await news(till, 0, ("order_shipped",))
