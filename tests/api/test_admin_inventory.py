"""Stock at staff's desk: every change is a row with who and why, nothing goes below what orders hold."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models import clock
from models.database import Database
from models.ids import OrderId, VariantId, new_id
from models.roles import Role
from models.tables import inventory
from tests import shop
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log, made, state

PATH = f"{ADMIN}/inventory"
BOOKS = ("stock", "stock_levels", "stock_movements", "stock_holds")


@pytest.fixture
async def staff(api: Api) -> dict[str, str]:
    """The headers of who keeps the stock."""
    return await api.sign_in(Role.CATALOG)


@pytest.fixture
async def mug(api: Api, staff: dict[str, str], database: Database) -> VariantId:
    """Ten mugs in `main`, and a second house, `berlin`."""
    async with database.writing() as writer:
        variant = await shop.stock_product(writer, "MUG", 10)
    await made(api, staff, "locations", code="berlin", name="Berlin", country="DE")
    return variant


async def hold(database: Database, variant: VariantId, quantity: int) -> OrderId:
    """An order takes units."""
    order = OrderId(new_id())
    async with database.writing() as writer:
        await inventory.hold(writer, order, {variant: quantity}, clock.now() + timedelta(minutes=30), shop.NEW_YORK)
    return order


async def sheet(api: Api, staff: dict[str, str], sku: str = "MUG") -> dict[str, Any]:
    """All about one variant."""
    answer = await api.get(f"{PATH}/{sku}", headers=staff)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def level(location: str, on_hand: int, held: int = 0, **more: Any) -> dict[str, Any]:
    """As a sheet shows it."""
    return {
        "location": location, "on_hand": on_hand, "held": held, "available": on_hand - held, "reorder_point": None,
        "reorder_quantity": None, "suggested": 0, **more,
    }  # fmt: skip


async def test_goods_come_in_and_are_counted(
    api: Api, staff: dict[str, str], database: Database, mug: VariantId
) -> None:
    """Given ten mugs, when five come to the other house and seven are counted in the first, then sheet, ledger and
    audit log say so."""
    await made(
        api, staff, "inventory/MUG/adjustments", location="berlin", change=5, kind="receive", reason="delivery 7"
    )
    seen = await made(api, staff, "inventory/MUG/adjustments", counted=7, reason="stock-take")
    assert seen == await sheet(api, staff)
    assert (seen["sku"], seen["on_hand"], seen["held"], seen["available"]) == ("MUG", 12, 0, 12)
    assert seen["levels"] == [level("main", 7), level("berlin", 5)]
    moves = [(each["kind"], each["location"], each["on_hand"], each["reason"]) for each in seen["movements"]]
    assert moves == [
        ("adjust", "main", -3, "stock-take"), ("receive", "berlin", 5, "delivery 7"),
        ("receive", "main", 10, "first stock"),
    ]  # fmt: skip
    assert seen["movements"][0]["actor"].startswith("staff/") and seen["movements"][0]["order"] is None
    assert (await log(database))[1:] == [
        ("stock.receive", "MUG/berlin", {"on_hand": 0}, {"on_hand": 5}, "delivery 7"),
        ("stock.adjust", "MUG/main", {"on_hand": 10}, {"on_hand": 7}, "stock-take"),
    ]
    assert await shop.stock_of(database, mug) == (12, 0)


async def test_adjustments_are_listed_without_what_orders_do(
    api: Api, staff: dict[str, str], database: Database, mug: VariantId
) -> None:
    """Given goods that came in, a count, and an order, then the variant's adjustments are the first two, page by page;
    those of another variant are its own, and an unknown one has none."""
    await made(api, staff, "inventory/MUG/adjustments", location="berlin", change=5, kind="receive", reason="delivery")
    await hold(database, mug, 2)
    await made(api, staff, "inventory/MUG/adjustments", counted=9, reason="count")
    async with database.writing() as writer:
        await shop.stock_product(writer, "CUP", 4)
    seen, cursor = [], None
    for _ in range(3):
        answer = await api.get(f"{PATH}/MUG/adjustments", headers=staff, params={"limit": 1, "cursor": cursor or ""}
                               if cursor else {"limit": 1})  # fmt: skip
        assert answer.status_code == 200, answer.text
        [row], cursor = answer.json()["items"], answer.json()["next_cursor"]
        seen.append((row["kind"], row["location"], row["on_hand"], row["reason"]))
    assert seen == [("adjust", "main", -1, "count"), ("receive", "berlin", 5, "delivery"),
                    ("receive", "main", 10, "first stock")]  # fmt: skip
    assert cursor is None
    unknown = await api.get(f"{PATH}/NOTHING/adjustments", headers=staff)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "variant_not_found")


async def test_what_orders_hold_stays(api: Api, staff: dict[str, str], database: Database, mug: VariantId) -> None:
    """Given six of ten mugs held, then no change, count or transfer leaves fewer, and the refusal says why."""
    await hold(database, mug, 6)
    before = await state(database, *BOOKS)
    facts = {"on_hand": 10, "held": 6, "change": -5}
    for path, body in (
        ("MUG/adjustments", {"change": -5, "reason": "broken"}), ("MUG/adjustments", {"counted": 5, "reason": "count"}),
        ("transfers", {"from": "main", "to": "berlin", "items": [{"sku": "MUG", "quantity": 5}], "reason": "balance"}),
    ):  # fmt: skip
        refused = await api.post(f"{PATH}/{path}", json=body, headers=staff)
        assert (refused.status_code, refused.json()["code"], refused.json()["facts"]) == (409, "stock_is_held", facts)
    assert await state(database, *BOOKS) == before
    seen = await made(api, staff, "inventory/MUG/adjustments", change=-4, reason="broken")
    assert seen["levels"] == [level("main", 6, 6)]


async def test_goods_go_to_another_house(api: Api, staff: dict[str, str], database: Database, mug: VariantId) -> None:
    """Given ten mugs, when four go to the other house, then the sum stays and the ledger has both rows."""
    body = {"from": "main", "to": "berlin", "items": [{"sku": "MUG", "quantity": 4}], "reason": "balance"}
    gone = await made(api, staff, "inventory/transfers", **body)
    assert {**gone, "id": ""} == {**body, "id": ""}
    seen = await sheet(api, staff)
    assert (seen["on_hand"], seen["levels"]) == (10, [level("main", 6), level("berlin", 4)])
    rows = (await api.get(f"{PATH}/ledger", params={"kind": "transfer"}, headers=staff)).json()["items"]
    assert sorted((row["location"], row["on_hand"], row["operation"]) for row in rows) == [
        ("berlin", 4, f"transfer/{gone['id']}"), ("main", -4, f"transfer/{gone['id']}"),
    ]  # fmt: skip
    assert (await log(database))[-1][:2] == ("stock.transfer", gone["id"])


async def test_under_one_key_once(api: Api, staff: dict[str, str], database: Database, mug: VariantId) -> None:
    """Given the same change sent ten times at once under one key, then it is made once, and answered alike."""
    headers = {**staff, "Idempotency-Key": "delivery-7"}
    body = {"change": 5, "kind": "receive", "reason": "delivery 7"}
    answers = await asyncio.gather(
        *(api.post(f"{PATH}/MUG/adjustments", json=body, headers=headers) for _ in range(10))
    )
    assert {each.status_code for each in answers} == {201}
    assert len({each.text for each in answers}) == 1
    assert await shop.stock_of(database, mug) == (15, 0)


async def test_the_ledger_is_narrowed_down(api: Api, staff: dict[str, str], database: Database, mug: VariantId) -> None:
    """Given movements of two variants, then the ledger is by SKU, place, kind and page, empty for an unknown order."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "CUP", 3)
    await hold(database, mug, 2)
    await made(api, staff, "inventory/CUP/adjustments", location="berlin", change=1, reason="found")

    async def rows(**params: Any) -> list[tuple[str, str]]:
        answer = await api.get(f"{PATH}/ledger", params=params, headers=staff)
        assert answer.status_code == 200, answer.text
        return [(row["sku"], row["kind"]) for row in answer.json()["items"]]

    assert await rows() == [("CUP", "adjust"), ("MUG", "hold"), ("CUP", "receive"), ("MUG", "receive")]
    assert await rows(sku="MUG") == [("MUG", "hold"), ("MUG", "receive")]
    assert await rows(location="berlin") == [("CUP", "adjust")]
    assert await rows(kind="receive", sku="CUP") == [("CUP", "receive")]
    assert await rows(order="HF-AAAAA-AAAAA") == []
    first = (await api.get(f"{PATH}/ledger", params={"limit": 3}, headers=staff)).json()
    assert await rows(cursor=first["next_cursor"]) == [("MUG", "receive")]


async def test_the_list(api: Api, staff: dict[str, str], database: Database, mug: VariantId) -> None:
    """Given two variants, then the list has their sums, at a location what lies there, and finds by words and SKU."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "CUP", 3)
    await hold(database, mug, 2)
    await made(api, staff, "inventory/MUG/adjustments", location="berlin", change=5, reason="found")

    async def rows(**params: Any) -> list[tuple[str, int, int, int, bool]]:
        answer = await api.get(PATH, params=params, headers=staff)
        assert answer.status_code == 200, answer.text
        names = ("sku", "on_hand", "held", "available", "low")
        return [tuple(row[name] for name in names) for row in answer.json()["items"]]

    both = [("CUP", 3, 0, 3, False), ("MUG", 15, 2, 13, False)]
    assert await rows() == both
    assert await rows(q="mu") == await rows(sku="MUG") == both[1:]
    assert await rows(location="berlin") == [("MUG", 5, 0, 5, False)]
    assert (await rows(low=True), await rows(low=False)) == ([], both)
    first = (await api.get(PATH, params={"limit": 1}, headers=staff)).json()
    assert await rows(cursor=first["next_cursor"]) == both[1:]


async def test_what_is_running_out(api: Api, staff: dict[str, str], database: Database, mug: VariantId) -> None:
    """Given a reorder point, then the variant is low as soon as fewer are available, with whole lots to order."""
    watch = {"reorder_point": 8, "reorder_quantity": 6, "reason": "season"}
    for _ in range(2):
        seen = await api.patch(f"{PATH}/MUG", json=watch, headers=staff)
        assert seen.status_code == 200, seen.text
    assert seen.json()["levels"] == [level("main", 10, reorder_point=8, reorder_quantity=6)]
    assert (await api.get(f"{PATH}/low-stock", headers=staff)).json()["items"] == []
    order = await hold(database, mug, 9)
    low = (await api.get(f"{PATH}/low-stock", headers=staff)).json()["items"]
    assert [(each["sku"], each["levels"]) for each in low] == [
        ("MUG", [level("main", 10, 9, reorder_point=8, reorder_quantity=6, suggested=12)])
    ]
    assert [each["sku"] for each in (await api.get(PATH, params={"low": True}, headers=staff)).json()["items"]] == [
        "MUG"
    ]
    assert (await api.get(f"{PATH}/low-stock", params={"location": "berlin"}, headers=staff)).json()["items"] == []
    async with database.writing() as writer:
        await inventory.release(writer, order, "test")
    assert (await api.get(f"{PATH}/low-stock", headers=staff)).json()["items"] == []
    cleared = await api.patch(f"{PATH}/MUG", json={"reorder_point": None}, headers=staff)
    assert cleared.json()["levels"] == [level("main", 10, reorder_quantity=6)]
    assert [entry[0] for entry in await log(database) if entry[1] == "MUG/main"] == ["stock.watch"] * 2


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("MUG/adjustments", {"reason": "x"}, "invalid"), ("MUG/adjustments", {"change": 1}, "invalid"),
        ("MUG/adjustments", {"change": 1, "counted": 2, "reason": "x"}, "invalid"),
        ("MUG/adjustments", {"change": 0, "reason": "x"}, "invalid"),
        ("MUG/adjustments", {"change": 10**30, "reason": "x"}, "invalid"),
        ("MUG/adjustments", {"change": 10**7, "reason": "x"}, "quantity_out_of_range"),
        ("MUG/adjustments", {"change": -1, "kind": "receive", "reason": "x"}, "invalid"),
        ("MUG/adjustments", {"counted": 1, "kind": "receive", "reason": "x"}, "invalid"),
        ("MUG/adjustments", {"change": 1, "kind": "commit", "reason": "x"}, "invalid"),
        ("MUG/adjustments", {"change": 1, "reason": "\x00"}, "invalid"),
        ("MUG/adjustments", {"change": 1, "reason": "x", "location": "nowhere"}, "location_unknown"),
        ("JUG/adjustments", {"change": 1, "reason": "x"}, "variant_not_found"),
        ("transfers", {"from": "main", "to": "main", "items": [{"sku": "MUG", "quantity": 1}], "reason": "x"},
         "invalid"),
        ("transfers", {"from": "main", "to": "berlin", "items": [], "reason": "x"}, "invalid"),
        ("transfers", {"from": "main", "to": "berlin", "items": [{"sku": "MUG", "quantity": 1}] * 2, "reason": "x"},
         "invalid"),
        ("transfers", {"from": "main", "to": "nowhere", "items": [{"sku": "MUG", "quantity": 1}], "reason": "x"},
         "location_unknown"),
        ("transfers", {"from": "main", "to": "berlin", "items": [{"sku": "MUG", "quantity": 1},
                                                                 {"sku": "JUG", "quantity": 1}], "reason": "x"},
         "unknown_sku"),
    ],
)  # fmt: skip
async def test_what_is_refused(
    api: Api, staff: dict[str, str], database: Database, mug: VariantId, path: str, body: dict[str, Any], code: str
) -> None:
    """Given a change that cannot be, then it is refused by name and nothing moved."""
    before = await state(database, *BOOKS)
    answer = await api.post(f"{PATH}/{path}", json=body, headers=staff)
    assert (answer.status_code, answer.json()["code"]) == (404 if code == "variant_not_found" else 422, code)
    assert await state(database, *BOOKS) == before


async def test_what_is_not_there(api: Api, staff: dict[str, str]) -> None:
    """Given names of nothing, then each look says so."""
    assert (await api.get(f"{PATH}/JUG", headers=staff)).json()["code"] == "variant_not_found"
    for path in ("", "/ledger", "/low-stock"):
        answer = await api.get(f"{PATH}{path}", params={"location": "nowhere"}, headers=staff)
        assert (answer.status_code, answer.json()["code"]) == (422, "location_unknown")
