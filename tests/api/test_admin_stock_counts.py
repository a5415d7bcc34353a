"""Stock-takes as CSV: every bad row is told, and the books are put right by all counts or by none."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from models import clock
from models.database import Database
from models.ids import OrderId, new_id
from models.roles import Role
from models.tables import inventory
from tests import shop
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log, made, state

PATH = f"{ADMIN}/inventory/counts"
BOOKS = ("stock", "stock_levels", "stock_movements")


@pytest.fixture
async def staff(api: Api, database: Database) -> dict[str, str]:
    """The headers of who keeps the stock: ten mugs and three cups in `main`, four mugs of them held, and `berlin`."""
    headers = await api.sign_in(Role.CATALOG)
    await made(api, headers, "locations", code="berlin", name="Berlin")
    async with database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 10)
        await shop.stock_product(writer, "CUP", 3)
        until = clock.now() + timedelta(minutes=30)
        await inventory.hold(writer, OrderId(new_id()), {mug: 4}, until, shop.NEW_YORK)
    return headers


async def take(
    api: Api, staff: dict[str, str], text: str | bytes, key: str | None = None, **params: Any
) -> httpx.Response:
    """Send a stock-take."""
    headers = {**staff, "Content-Type": "text/csv", **({"Idempotency-Key": key} if key else {})}
    return await api.post(PATH, content=text, params={"reason": "stock-take", **params}, headers=headers)


async def test_the_books_are_put_right(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given counts of two places, first as a dry run, then levels, ledger and audit log are as counted, once."""
    counts = "sku;counted;location\r\nMUG;8;\r\nCUP;3;main\r\nCUP;2;berlin\r\n"
    before = await state(database, *BOOKS)
    told = {"dry_run": True, "rows": 3, "right": 1, "change": 0, "problems": []}
    dry = await take(api, staff, counts, dry_run=True)
    assert (dry.status_code, dry.json()) == (200, told)
    assert await state(database, *BOOKS) == before
    answers = [await take(api, staff, counts, "2026-11") for _ in range(2)]
    assert [(each.status_code, each.json()) for each in answers] == [(200, {**told, "dry_run": False})] * 2
    rows = await database.fetch(
        "SELECT v.sku, o.code, m.on_hand, m.reason FROM stock_movements m JOIN variants v ON v.id = m.variant_id "
        "JOIN locations o ON o.id = m.location_id WHERE m.operation LIKE 'count/%' ORDER BY 1, 2"
    )
    assert [tuple(row) for row in rows] == [
        ("CUP", "berlin", 2, "stock-take"), ("CUP", "main", 0, "stock-take"), ("MUG", "main", -2, "stock-take"),
    ]  # fmt: skip
    action, _, _, after, why = (await log(database))[-1]
    assert (action, after, why) == ("stock.count", {"rows": 3, "right": 1, "change": 0}, "stock-take")
    async with database.reading() as reader:
        assert await inventory.drift(reader) == []


async def test_every_bad_row_is_told(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given bad rows among good ones, then all are named by line and column, and nothing is changed."""
    await api.delete(f"{ADMIN}/locations/berlin", headers=staff)
    counts = (
        "sku,location,counted\nCUP,main,5\nJUG,main,1\nMUG,nowhere,1\nMUG,berlin,1\nMUG,main,3\nCUP,main,4\n"
        "MUG,,-1\nMUG,,1.5\nMUG,,99999999\n,,1\nMUG,1\n"
    )
    whole = "is no whole number from 0 to 10000000"
    problems = [
        (3, "sku", "there is no variant 'JUG'"), (4, "location", "there is no location 'nowhere'"),
        (5, "location", "archived is the location 'berlin'"), (6, "counted", "orders hold 4"),
        (7, "sku", "counted in line 2 already"), (8, "counted", whole), (9, "counted", whole), (10, "counted", whole),
        (11, "sku", "names no variant"), (12, None, "has 2 cells, not 3"),
    ]  # fmt: skip
    before = await state(database, *BOOKS)
    dry = (await take(api, staff, counts, dry_run=True)).json()
    assert [(each["line"], each["column"], each["reason"]) for each in dry["problems"]] == problems
    refused = await take(api, staff, counts)
    assert (refused.status_code, refused.json()["code"]) == (422, "counts_refused")
    assert refused.json()["facts"] == {"count": 10, "problems": dry["problems"]}
    assert await state(database, *BOOKS) == before


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\n", b"sku\nMUG\n", b"sku,counted,colour\nMUG,1,red\n", b"sku,sku,counted\nMUG,MUG,1\n", b"\xff\xfe\x00",
        b"sku,counted\n" + b"MUG,1\n" * 10_001,
    ],
)  # fmt: skip
async def test_what_is_no_stock_take(api: Api, staff: dict[str, str], database: Database, text: bytes) -> None:
    """Given a body that is no table of counts, then it is refused and nothing is changed."""
    before = await state(database, *BOOKS)
    answer = await take(api, staff, text)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert await state(database, *BOOKS) == before


async def test_strange_cells_are_bad_rows(api: Api, staff: dict[str, str]) -> None:
    """Given null bytes, quotes without an end and what is no UTF-8, then they are told as rows like any other."""
    text = b'sku,location,counted\n\x00,main,1\nMUG,\x00,1\n\xff,main,1\nCUP,main,"1\n'
    answer = await take(api, staff, text, dry_run=True)
    assert (answer.status_code, [each["line"] for each in answer.json()["problems"]]) == (200, [2, 3, 4, 5])


async def test_another_kind_of_body(api: Api, staff: dict[str, str]) -> None:
    """Given JSON, then it is told what is wanted; and without a reason nothing goes into the ledger."""
    answer = await api.post(PATH, json={}, params={"reason": "x"}, headers=staff)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    headers = {**staff, "Content-Type": "text/csv"}
    answer = await api.post(PATH, content="sku,counted\nMUG,9\n", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
