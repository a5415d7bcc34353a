"""The receiver of docs/webhooks.md, run as it stands there: it takes what is genuine, once, and nothing else."""

import asyncio
import json
import os
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from dev.ports import Ports
from models.outgoing import TOLD, Topic
from models.tables import webhook_delivery as deliveries
from tests.activities.outside import Outside
from tests.activities.till import Till
from tests.models.tables.shelf import Shelf

MANUAL = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()


def code(language: str) -> str:
    """The manual's first block of it."""
    found = re.search(rf"^```{language}\n(.*?)^```", MANUAL, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_it_is_as_short_as_it_says() -> None:
    """Given the manual's receiver, then it has some twenty lines."""
    assert len([line for line in code("python").splitlines() if line.strip()]) <= 22


@pytest.mark.parametrize("topic", [*Topic])
def test_every_topic_is_explained(topic: Topic) -> None:
    """Given a topic, then the manual's table has it."""
    assert f"`{topic}`" in MANUAL


def test_the_message_is_shaped_as_shown() -> None:
    """Given the manual's message, then it has what a message has, and its topic exists."""
    shown = json.loads(code("json"))
    assert list(shown) == ["id", "type", "timestamp", "data"] and shown["type"] in TOLD.values()
    assert list(shown["data"]) == ["order", "fact", "actor"]


async def test_it_takes_what_is_genuine_once(till: Till, tmp_path: Path) -> None:
    """Given the receiver as a process, then it keeps each message once, and refuses what is forged or old."""
    outside = Outside(Shelf(till.database, till.mug, till.cup))
    port = Ports.free().api
    url = f"http://127.0.0.1:{port}/"
    await outside.subscribe(url)
    order = await outside.order()
    await outside.tell(order, "order_shipped", carrier="DHL")
    await outside.enlisted(2)
    script, book = tmp_path / "receiver.py", tmp_path / "book.db"
    script.write_text(code("python"))
    environment = {**os.environ, "WEBHOOK_SECRET": outside.secret()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), str(port), str(book), env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _until_it_listens(port)
        await outside.until("delivered", 2)
        async with outside.database.writing() as writer:
            first = (await outside.rows())[0]
            assert await deliveries.replay(writer, outside.endpoint, first["event_id"], outside.now())
        await outside.until("delivered", 2)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as stranger:
            forged = await stranger.post(
                url, content=b'{"type": "order.cancelled"}',
                headers={"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,eA=="},
            )  # fmt: skip
        assert forged.status_code == 401
    finally:
        process.terminate()
        await process.wait()
    with closing(sqlite3.connect(book)) as opened:
        kept = opened.execute("SELECT id, type FROM messages ORDER BY rowid").fetchall()
    assert kept == list(zip(await outside.committed(), ["order.confirmed", "order.shipped"], strict=True))


async def _until_it_listens(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
