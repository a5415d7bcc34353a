"""Coupons as staff keep them: made one by one or by the hundred, changed, withdrawn, each step written down."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from models.database import Database
from models.roles import Role
from tests import shop
from tests.api.conftest import Api
from tests.coupons import change

COUPONS = "/api/v1/admin/coupons"
BULK = f"{COUPONS}/bulk"
TEN = {"code": "Ten", "ppm": 100_000}
FULL: dict[str, Any] = {
    "code": "spring-25", "description": "25 % off tea 🍵", "ppm": 250_000,
    "min_subtotals": [{"amount": 2000, "currency": "usd"}, {"amount": 1800, "currency": "eur"}],
    "products": ["tea"], "categories": ["all"], "starts_at": "2026-01-01T02:00:00+02:00",
    "ends_at": "2100-01-01T00:00:00Z", "max_redemptions": 100, "max_per_buyer": 2, "first_order_only": True,
    "stackable": True, "reason": "spring sale",
}  # fmt: skip


@pytest.fixture(autouse=True)
async def shelves(api: Api, database: Database) -> None:
    """Tea for 10.00."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "TEA", 5)


@pytest.fixture
async def staff(api: Api) -> dict[str, str]:
    """The headers of who keeps the shelf."""
    return await api.sign_in(Role.CATALOG)


async def state(database: Database) -> list[Any]:
    """Every coupon, and every change written down."""
    rows = await database.fetch("SELECT t::text FROM coupons t UNION ALL SELECT a::text FROM audit_log a ORDER BY 1")
    return [row[0] for row in rows]


async def log(database: Database) -> list[tuple[Any, ...]]:
    """(action, subject, before, after, reason), oldest first."""
    rows = await database.fetch("SELECT action, subject, before, after, reason FROM audit_log ORDER BY at")
    return [
        (row["action"], row["subject"], *(msgspec.json.decode(row[name] or "null") for name in ("before", "after")),
         row["reason"])
        for row in rows
    ]  # fmt: skip


async def made(api: Api, staff: dict[str, str], **terms: Any) -> dict[str, Any]:
    """A new coupon."""
    kind = {} if "amounts" in terms else {"ppm": 100_000}
    answer = await api.post(COUPONS, json={**kind, **terms}, headers=staff)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_coupon_is_made_read_changed_archived_and_restored(
    api: Api, staff: dict[str, str], database: Database
) -> None:
    """Given all terms, then each step answers with them as they are, is written down, and again changes nothing."""
    answer = await api.post(COUPONS, json=FULL, headers=staff)
    assert answer.status_code == 201, answer.text
    coupon = answer.json()
    assert {name: coupon[name] for name in coupon.keys() - {"created_at", "updated_at"}} == {
        **{name: value for name, value in FULL.items() if name != "reason"},
        "code": "SPRING-25", "amounts": None, "starts_at": "2026-01-01T00:00:00Z", "redeemed": 0, "archived_at": None,
        "min_subtotals": [{"amount": 1800, "currency": "eur"}, {"amount": 2000, "currency": "usd"}],
    }  # fmt: skip
    path = f"{COUPONS}/spring-25"
    none = {"held": 0, "committed": 0, "released": 0, "discounts": []}
    assert (await api.get(path, headers=staff)).json() == {**coupon, "use": none}

    wish = {"amounts": [{"amount": 500, "currency": "usd"}], "ends_at": None, "categories": [], "reason": "#1"}
    changed = await api.patch(path, json=wish, headers=staff)
    now = changed.json()
    assert changed.status_code == 200, changed.text
    assert now == {
        **coupon, **{name: value for name, value in wish.items() if name != "reason"}, "ppm": None,
        "updated_at": now["updated_at"],
    }  # fmt: skip
    before = await state(database)
    same = await api.patch(path, json=wish, headers=staff)
    assert (same.status_code, same.json()) == (200, now)
    assert await state(database) == before

    for _ in range(2):
        gone = await api.delete(path, params={"reason": "over"}, headers=staff)
        assert (gone.status_code, gone.content) == (204, b"")
    archived = (await api.get(path, headers=staff)).json()
    assert archived["archived_at"] is not None
    refused = await api.patch(path, json={"stackable": False}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "archived")
    taken = await api.post(COUPONS, json=FULL, headers=staff)
    assert (taken.status_code, taken.json()["code"]) == (409, "code_taken")
    for _ in range(2):
        again = await api.post(f"{path}/restore", headers=staff)
        assert (again.status_code, again.json()["archived_at"]) == (200, None)

    written = await log(database)
    assert [entry[:2] for entry in written] == [
        (f"coupon.{step}", "SPRING-25") for step in ("create", "change", "archive", "restore")
    ]
    assert written[0][2:] == (None, coupon, "spring sale")
    assert written[1][2:] == (
        {name: coupon[name] for name in ("amounts", "ppm", "ends_at", "categories")},
        {name: now[name] for name in ("amounts", "ppm", "ends_at", "categories")}, "#1",
    )  # fmt: skip
    assert written[2][2:] == ({"archived_at": None}, {"archived_at": archived["archived_at"]}, "over")


async def test_what_staff_make_buyers_use(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a coupon for tea, then a cart has it by any spelling; changed and archived, the cart says so at once."""
    await made(api, staff, code="TEA-5", amounts=[{"amount": 500, "currency": "usd"}], products=["tea"])
    buyer = await api.shopper("TEA")
    put = await api.post("/api/v1/cart/coupon", json={"code": " tea-5 "}, headers=buyer)
    assert put.json()["totals"]["total"]["amount"] == 500

    async def total() -> tuple[int, list[str]]:
        cart = (await api.get("/api/v1/cart", headers=buyer)).json()
        return cart["totals"]["total"]["amount"], [warning["facts"]["reason"] for warning in cart["warnings"]]

    await api.patch(f"{COUPONS}/TEA-5", json={"ppm": 100_000}, headers=staff)
    assert await total() == (900, [])
    await api.patch(f"{COUPONS}/TEA-5", json={"categories": [], "products": []}, headers=staff)
    assert await total() == (900, [])
    await api.delete(f"{COUPONS}/TEA-5", headers=staff)
    assert await total() == (1000, ["coupon_expired"])
    await api.post(f"{COUPONS}/TEA-5/restore", headers=staff)
    assert await total() == (900, [])


async def test_the_list(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given coupons of every kind, then they are listed newest first, by words, by whether they count, by page."""
    tomorrow, yesterday = (datetime.now(UTC) + timedelta(days=days) for days in (1, -1))
    await made(api, staff, code="OLD", starts_at="2020-01-01T00:00:00Z", ends_at="2020-02-01T00:00:00Z")
    await made(api, staff, code="LATER", starts_at=tomorrow.isoformat())
    await made(api, staff, code="USED", max_redemptions=1)
    await change(database, "USED", redeemed=1)
    await made(api, staff, code="NOW-1", description="100% Tea")
    await made(api, staff, code="NOW-2", starts_at=yesterday.isoformat(), ends_at=tomorrow.isoformat())
    await made(api, staff, code="GONE")
    await api.delete(f"{COUPONS}/GONE", headers=staff)

    async def codes(**wish: Any) -> list[str]:
        answer = await api.get(COUPONS, params=wish, headers=staff)
        assert answer.status_code == 200, answer.text
        return [item["code"] for item in answer.json()["items"]]

    assert await codes() == ["NOW-2", "NOW-1", "USED", "LATER", "OLD"]
    assert await codes(active=True) == ["NOW-2", "NOW-1"]
    assert await codes(active=False) == ["USED", "LATER", "OLD"]
    assert await codes(archived=True) == ["GONE"]
    assert await codes(archived=True, active=True) == []
    assert await codes(q="now-") == ["NOW-2", "NOW-1"]
    assert await codes(q="0% tea") == ["NOW-1"]
    assert await codes(q="%", active=True) == ["NOW-1"]
    assert await codes(q="' OR '1'='1") == []
    first = (await api.get(COUPONS, params={"limit": 3}, headers=staff)).json()
    rest = {"limit": 3, "cursor": first["next_cursor"]}
    await made(api, staff, code="NEWER")
    second = (await api.get(COUPONS, params=rest, headers=staff)).json()
    assert [item["code"] for item in first["items"]] == ["NOW-2", "NOW-1", "USED"]
    assert ([item["code"] for item in second["items"]], second["next_cursor"]) == (["LATER", "OLD"], None)


async def test_its_use(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given orders in every state, then a coupon tells how many use it and what it took off the paid ones."""
    await made(api, staff, code="TEN", max_redemptions=5)
    uses = [("held", 100, "usd"), ("committed", 200, "usd"), ("committed", 300, "usd"), ("committed", 50, "eur"),
            ("released", 900, "usd")]  # fmt: skip
    async with database.writing() as writer:
        for status, amount, currency in uses:
            await writer.execute(
                sa.text(
                    "INSERT INTO coupon_redemptions (order_id, coupon_id, status, email, amount, currency)"
                    " SELECT uuidv7(), id, :status, 'a@b.example', :amount, :currency FROM coupons"
                ),
                {"status": status, "amount": amount, "currency": currency},
            )
    await change(database, "TEN", redeemed=4)
    seen = (await api.get(f"{COUPONS}/ten", headers=staff)).json()
    assert (seen["redeemed"], seen["use"]) == (
        4,
        {"held": 1, "committed": 3, "released": 1,
         "discounts": [{"amount": 50, "currency": "eur"}, {"amount": 500, "currency": "usd"}]},
    )  # fmt: skip
    before = await state(database)
    refused = await api.patch(f"{COUPONS}/ten", json={"max_redemptions": 3}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "coupon_limit_too_low")
    assert refused.json()["facts"] == {"redeemed": 4}
    assert await state(database) == before
    for most in (4, None):
        kept = await api.patch(f"{COUPONS}/ten", json={"max_redemptions": most}, headers=staff)
        assert (kept.status_code, kept.json()["max_redemptions"]) == (200, most)


async def test_many_at_once(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a template, then as many codes as asked for, all different, each for one order; a repeat makes no more."""
    body = {"prefix": "vip", "count": 200, "amounts": [{"amount": 500, "currency": "usd"}], "description": "For you",
            "reason": "#7"}  # fmt: skip
    headers = {**staff, "Idempotency-Key": "k"}
    answers = await asyncio.gather(*(api.post(BULK, json=body, headers=headers) for _ in range(3)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    codes = answers[0].json()["codes"]
    assert len(set(codes)) == 200
    assert all(code.startswith("VIP-") and len(code) == 16 for code in codes)
    rows = await database.fetch("SELECT code FROM coupons WHERE max_redemptions = 1 AND kind = 'fixed'")
    assert {row["code"] for row in rows} == set(codes)
    assert await log(database) == [
        ("coupon.create_many", "VIP", None, (await log(database))[0][3], "#7"),
    ]  # fmt: skip
    assert (await log(database))[0][3]["count"] == 200
    buyer = await api.shopper("TEA")
    put = await api.post("/api/v1/cart/coupon", json={"code": codes[17].lower()}, headers=buyer)
    assert put.json()["totals"]["total"]["amount"] == 500


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"ppm": None}, ""), ({"amounts": [{"amount": 1, "currency": "usd"}]}, ""), ({"ppm": 0}, "/ppm"),
    ({"ppm": 1_000_001}, "/ppm"), ({"ppm": 12.5}, "/ppm"), ({"ppm": "100000"}, "/ppm"), ({"code": "ab"}, "/code"),
    ({"code": "A" * 41}, "/code"), ({"code": "TEN%"}, "/code"), ({"code": "TEN\n"}, "/code"), ({"code": "bulk"}, ""),
    ({"max_redemptions": 0}, "/max_redemptions"), ({"max_per_buyer": 10**10}, "/max_per_buyer"),
    ({"min_subtotals": [{"amount": -1, "currency": "usd"}]}, ""),
    ({"min_subtotals": [{"amount": 10**13, "currency": "usd"}]}, ""),
    ({"min_subtotals": [{"amount": 1, "currency": "zzz"}]}, "/min_subtotals/0"),
    ({"min_subtotals": [{"amount": 1, "currency": "usd"}, {"amount": 2, "currency": "usd"}]}, ""),
    ({"starts_at": "2026-01-01T00:00:00"}, "/starts_at"), ({"starts_at": "0001-01-01T00:00:00+14:00"}, ""),
    ({"ends_at": "9999-12-31T23:59:59-14:00"}, ""), ({"ends_at": "2020-01-01T00:00:00Z"}, "/ends_at"),
    ({"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-02T00:00:00Z"}, ""),
    ({"products": ["no slug"]}, "/products/0"), ({"description": "a\x00b"}, "/description"), ({"extra": 1}, "/extra"),
]  # fmt: skip


@pytest.mark.parametrize(("terms", "pointer"), NONSENSE)
async def test_terms_that_make_no_sense(
    api: Api, staff: dict[str, str], database: Database, terms: dict[str, Any], pointer: str
) -> None:
    """Given terms that no coupon can have, then 422 names the field, and nothing is made."""
    refused = await api.post(COUPONS, json={**TEN, **terms}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert [error.get("pointer", "") for error in refused.json()["errors"]] == [pointer]
    assert await state(database) == []


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"ppm": 1, "amounts": [{"amount": 1, "currency": "usd"}]}, 422, "invalid"), ({"ppm": None}, 422, "invalid"),
        ({"amounts": []}, 422, "invalid"), ({"code": "OTHER"}, 422, "invalid"), ({"starts_at": None}, 422, "invalid"),
        ({"ends_at": "2026-01-01T00:00:00Z"}, 422, "invalid"),
        ({"products": ["tea", "nothing"]}, 422, "coupon_scope_unknown"),
        ({"categories": ["nothing"]}, 422, "coupon_scope_unknown"),
    ],
)  # fmt: skip
async def test_changes_that_make_no_sense(
    api: Api, staff: dict[str, str], database: Database, wish: dict[str, Any], status: int, code: str
) -> None:
    """Given a coupon, when it shall have terms that it cannot have, then it stays as it is."""
    await made(api, staff, code="TEN")
    before = await state(database)
    refused = await api.patch(f"{COUPONS}/TEN", json=wish, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert await state(database) == before


async def test_goods_that_do_not_exist(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given unknown slugs, then all of them are named, for one coupon and for many, and nothing is made."""
    terms = {"ppm": 1, "products": ["tea", "mug", "cup"], "categories": ["hot"]}
    for path, more in ((COUPONS, {"code": "TEN"}), (BULK, {"prefix": "X", "count": 3})):
        refused = await api.post(path, json={**terms, **more}, headers=staff)
        assert (refused.status_code, refused.json()["code"]) == (422, "coupon_scope_unknown")
        assert refused.json()["facts"] == {"products": ["cup", "mug"], "categories": ["hot"]}
    assert await state(database) == []


@pytest.mark.parametrize("count", [0, -1, 1001, 10**30, 1.5, "3", None])
async def test_not_so_many(api: Api, staff: dict[str, str], database: Database, count: object) -> None:
    """Given a number that is none from 1 to 1000, then 422, and nothing is made."""
    refused = await api.post(BULK, json={"prefix": "X", "count": count, "ppm": 1}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert await state(database) == []


@pytest.mark.parametrize("code", ["NOTHING", "a", "%00", "💥", "..", "A" * 100, "' OR 1=1"])
async def test_unknown_codes(api: Api, staff: dict[str, str], code: str) -> None:
    """Given a code that no coupon has, then 404 at every door."""
    path = f"{COUPONS}/{code}"
    for answer in (
        await api.get(path, headers=staff), await api.patch(path, json={}, headers=staff),
        await api.delete(path, headers=staff), await api.post(f"{path}/restore", headers=staff),
    ):  # fmt: skip
        assert answer.status_code == 404, answer.text


async def test_two_make_the_same_at_once(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given one code from two desks at once, then one makes it, the other is told, and one entry says so."""
    answers = await asyncio.gather(*(api.post(COUPONS, json=TEN, headers=staff) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert [entry[:2] for entry in await log(database)] == [("coupon.create", "TEN")]
