"""The webhook inbox: an event is stored once, byte for byte, and asked about until it is settled."""

import asyncio

from models.database import Database
from models.tables import inbox

BODY = '{"id": "evt_1",  "ü": "\\u00fc"}\n'


async def receive(database: Database, event: str = "evt_1", provider: str = "stripe", body: str = BODY) -> bool:
    """An event arrives."""
    async with database.writing() as writer:
        return await inbox.receive(writer, provider, event, "payment_intent.succeeded", body, "order/1/1")


async def test_an_event_is_new_until_it_is_settled(database: Database) -> None:
    """Given an event delivered again before its owner was told, then it is still to be told; afterwards it is not."""
    assert [await receive(database) for _ in range(2)] == [True, True]
    async with database.writing() as writer:
        await inbox.settle(writer, "stripe", "evt_1", "told order/1/1")
    assert await receive(database) is False
    assert [tuple(row) for row in await database.fetch("SELECT note, settled_at IS NOT NULL FROM webhook_events")] == [
        ("told order/1/1", True)
    ]


async def test_five_deliveries_at_once_are_one_event(database: Database) -> None:
    """Given one event delivered five times at once, then one row has its body as it first came."""
    await asyncio.gather(*(receive(database) for _ in range(5)))
    await receive(database, body="{}")
    assert [tuple(row) for row in await database.fetch("SELECT body, workflow_id FROM webhook_events")] == [
        (BODY, "order/1/1")
    ]


async def test_two_providers_may_use_the_same_id(database: Database) -> None:
    """Given the same event id from two providers, then these are two events, and one settled leaves the other."""
    await receive(database)
    await receive(database, provider="other")
    async with database.writing() as writer:
        await inbox.settle(writer, "stripe", "evt_1", "done")
    assert await receive(database, provider="other") is True
