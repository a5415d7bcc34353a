"""`kill -9` in the middle of an import: another worker goes on, and each row counts once."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from models.database import Writer
from tests import goods
from tests.faults.rush import start
from tests.journeys.test_product_files import Desk
from tests.journeys.test_product_files import desk as desk
from tests.premises import House

ROWS = 2000
"""Seven batches."""
FAR = 1500
"""Of this row somebody else is writing the product until the worker is dead: the import cannot be done before."""


@pytest.mark.timeout(400)
async def test_the_worker_is_killed_in_the_middle_of_an_import(
    house: House, desk: Desk, record_property: Callable[[str, object], None]
) -> None:
    """Given some rows imported, when the worker dies, then a new one imports the rest, and all are there once."""
    data = desk.file(*(desk.row(f"p{number}", f"S{number}") for number in range(ROWS)))
    async with desk.database.reading() as taking_back:  # no transaction of ours is committed through this door
        await goods.product(Writer(taking_back), f"{desk.mark}-p{FAR}")
        known = (await desk.send(data)).json()
        with anyio.fail_after(120):
            while not (seen := await counted(desk, known["id"]))["products_created"]:
                await anyio.sleep(0.02)

        house.stack.kill("worker")
        left = await counted(desk, known["id"])
    await start(house, "worker")
    done = await desk.over(known, within=250)  # the step that was lost is noticed after half a minute

    assert (seen["status"], left["status"]) == ("importing", "importing")
    assert 0 < seen["rows"] <= left["rows"] < ROWS
    assert left["products_created"] == left["variants_created"] == left["rows"]
    assert {name: done[name] for name in ("status", "rows", "done", "problems")} == {
        "status": "imported", "rows": ROWS, "done": len(data), "problems": 0,
    }  # fmt: skip
    assert (done["products_created"], done["products_changed"]) == (ROWS, 0)
    assert (done["variants_created"], done["variants_changed"]) == (ROWS, 0)
    [there] = await desk.database.fetch(
        "SELECT count(DISTINCT p.id) AS products, count(DISTINCT v.id) AS variants, count(r.amount) AS prices, "
        "count(l.amount) AS listed FROM products p JOIN variants v ON v.product_id = p.id "
        "JOIN prices r ON r.variant_id = v.id AND r.currency = 'usd' AND r.amount = 1000 "
        "JOIN listings l ON l.product_id = p.id AND l.currency = 'usd' AND l.amount = 1000 WHERE p.slug LIKE $1",
        f"{desk.mark}-%",
    )
    assert dict(there) == dict.fromkeys(("products", "variants", "prices", "listed"), ROWS)
    logged = await desk.database.fetch("SELECT action FROM audit_log WHERE subject = $1", known["id"])
    assert [row["action"] for row in logged] == ["product.import"]
    record_property("measured", f"worker killed after {left['rows']} of {ROWS} rows of an import")


async def counted(desk: Desk, id: str) -> dict[str, Any]:
    """How far an import has come, whoever is up."""
    [row] = await desk.database.fetch(
        "SELECT status, rows, products_created, variants_created FROM product_imports WHERE id = $1", id
    )
    return dict(row)
