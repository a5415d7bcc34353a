"""The running house: what changes on the shelves is found within seconds, by whoever asks next."""

import time
from typing import Any

import anyio
import sqlalchemy as sa

from models.tables.catalog import products
from tests.premises import House, Shopper

BOUND = 25.0
"""Seconds from the change to the next answer that knows it: the index's second, and what an answer may be old; on a
machine that is busy with other tests."""


async def until_found(shopper: Shopper, q: str, slugs: list[str]) -> float:
    """Wait until a search finds these and nothing else; how long that took."""
    begun = time.monotonic()
    found: Any = None
    with anyio.move_on_after(60):
        while True:
            answer = await shopper.http.get("/search", params={"q": q})
            assert answer.status_code == 200, answer.text
            found = [item["slug"] for item in answer.json()["items"]]
            if found == slugs:
                return time.monotonic() - begun
            await anyio.sleep(0.1)
    raise AssertionError(f"found {found}, not {slugs}")


async def test_searches_follow_the_shelves(house: House, shopper: Shopper, record_property: Any) -> None:
    """Given a product that is new, renamed, withdrawn, then the kept answers of searches change within the bound."""
    sku = await house.stock(3)
    number = sku.removeprefix("T-").lower()
    word = "".join(chr(ord("a") + int(letter, 16)) for letter in number)
    slug, took = sku.lower(), []
    took.append(await until_found(shopper, sku, [slug]))
    await until_found(shopper, word, [])
    database = house.database()
    for change, q, found in (
        ({"name": f"Kettle {word}"}, word, [slug]),
        ({"archived_at": sa.func.now()}, word, []),
    ):
        async with database.writing() as writer:
            await writer.execute(sa.update(products).where(products.c.slug == slug).values(**change))
        took.append(await until_found(shopper, q, found))
    await database.close()

    record_property("measured", f"searches followed the shelves after {', '.join(f'{each:.1f}' for each in took)} s")
    assert max(took) < BOUND
