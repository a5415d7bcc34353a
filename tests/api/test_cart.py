"""Carts: opened by a token, priced at every look, and the same answer to the same request."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from models.database import Database
from models.tables.catalog import products
from tests import shop
from tests.api.conftest import Api

ITEMS = "/api/v1/cart/items"
CART = "/api/v1/cart"


async def rows(database: Database) -> tuple[int, int]:
    """Carts and their lines."""
    counted = await database.fetch("SELECT (SELECT count(*) FROM carts), (SELECT count(*) FROM cart_items)")
    return tuple(counted[0])


def money(amount: int, currency: str = "usd") -> dict[str, Any]:
    """As JSON has it."""
    return {"amount": amount, "currency": currency}


@pytest.fixture(autouse=True)
async def shelves(api: Api, database: Database) -> None:
    """Tea for 10.00 usd or 9.00 eur, five packets; a cup for 4.50 usd, two of them."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "TEA", 5, {"usd": 1000, "eur": 900})
        await shop.stock_product(writer, "CUP", 2, {"usd": 450})


@pytest.mark.parametrize("token", [None, "", "nonsense", "A" * 43])
async def test_a_stranger_gets_an_empty_cart(api: Api, database: Database, token: str | None) -> None:
    """With a token of its own, and no row is written before something is put in."""
    headers = {} if token is None else {"Cart-Token": token}

    cart = (await api.get(CART, headers=headers)).json()

    assert cart["items"] == []
    assert cart["coupon"] is None
    assert cart["totals"]["total"] == money(0)
    assert cart["cart_token"] not in (token, "")
    again = (await api.get(CART, headers={"Cart-Token": cart["cart_token"]})).json()
    assert (again["id"], again["cart_token"]) == (cart["id"], cart["cart_token"])
    assert await rows(database) == (0, 0)


async def test_add_sums_up(api: Api) -> None:
    """Twice two is four, in one line, and the token stays."""
    first = await api.post(ITEMS, json={"sku": "TEA", "quantity": 2})
    headers = {"Cart-Token": first.json()["cart_token"]}
    second = await api.post(ITEMS, json={"sku": "TEA", "quantity": 2}, headers=headers)
    third = await api.post(ITEMS, json={"sku": "CUP", "quantity": 1}, headers=headers)

    cart = (await api.get(CART, headers=headers)).json()

    assert [answer.status_code for answer in (first, second, third)] == [201, 201, 201]
    assert third.json() == cart
    line = cart["items"][0]
    assert line == {
        "id": line["id"], "sku": "TEA", "name": "Tea", "quantity": 4, "unit_price": money(1000),
        "line_total": money(4000), "available": 5, "backorder_days": None,
    }  # fmt: skip
    assert cart["totals"] == {
        "subtotal": money(4450), "discount": money(0), "shipping": money(0), "tax": money(0), "total": money(4450),
        "tax_included": False, "credit": money(0), "due": money(4450),
    }  # fmt: skip
    assert cart["cart_token"] == headers["Cart-Token"]
    assert cart["warnings"] == []


async def test_change_and_take_out(api: Api) -> None:
    """Every answer is the cart; taking out twice is once."""
    headers = await api.shopper("TEA", "CUP")
    tea, cup = (item["id"] for item in (await api.get(CART, headers=headers)).json()["items"])

    changed = await api.patch(f"{ITEMS}/{tea}", json={"quantity": 5}, headers=headers)
    assert (changed.status_code, changed.json()["totals"]["subtotal"]) == (200, money(5450))
    for _ in range(2):
        left = await api.delete(f"{ITEMS}/{cup}", headers=headers)
        assert (left.status_code, [item["sku"] for item in left.json()["items"]]) == (200, ["TEA"])
    for _ in range(2):
        cleared = await api.delete(CART, headers=headers)
        assert (cleared.status_code, cleared.json()["items"]) == (200, [])
        assert cleared.json()["cart_token"] == headers["Cart-Token"]


async def test_other_peoples_items(api: Api) -> None:
    """Nobody reaches into another cart, and nobody learns what is in it."""
    mine, yours = await api.shopper("TEA"), await api.shopper("CUP")
    item = (await api.get(CART, headers=yours)).json()["items"][0]["id"]

    for headers in (mine, {}):
        refused = await api.patch(f"{ITEMS}/{item}", json={"quantity": 2}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (404, "cart_item_not_found")
        assert (await api.delete(f"{ITEMS}/{item}", headers=headers)).status_code == 200
    assert (await api.get(CART, headers=yours)).json()["items"][0]["quantity"] == 1


@pytest.mark.parametrize("item", ["01900000-0000-7000-8000-000000000000", "17"])
async def test_unknown_item(api: Api, item: str) -> None:
    """404, whatever it looks like."""
    assert (await api.patch(f"{ITEMS}/{item}", json={"quantity": 1})).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"sku": "NOTHING", "quantity": 1}, 422, "unknown_sku"),
        ({"sku": "CUP", "quantity": 1, "currency": "eur"}, 422, "not_sold_in_currency"),
        ({"sku": "CUP", "quantity": 1, "currency": "zzz"}, 422, "not_sold_in_currency"),
        ({"sku": "TEA", "quantity": 1000}, 422, "invalid"),
    ],
)
async def test_refused_and_nothing_moved(
    api: Api, database: Database, body: dict[str, Any], status: int, code: str
) -> None:
    """No cart, no line, and the key can be used again."""
    answer = await api.post(ITEMS, json=body, headers={"Idempotency-Key": "k"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await rows(database) == (0, 0)
    assert (
        await api.post(ITEMS, json={"sku": "TEA", "quantity": 1}, headers={"Idempotency-Key": "k"})
    ).status_code == 201


async def test_too_many_in_sum(api: Api) -> None:
    """999 of one kind, and not one more."""
    headers = await api.shopper("TEA")

    answer = await api.post(ITEMS, json={"sku": "TEA", "quantity": 999}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "quantity_out_of_range")
    assert answer.json()["facts"] == {"most": 999}
    assert (await api.get(CART, headers=headers)).json()["items"][0]["quantity"] == 1


async def test_one_currency_a_cart(api: Api) -> None:
    """The first item decides; an empty cart may decide anew."""
    cart = (await api.post(ITEMS, json={"sku": "TEA", "quantity": 1, "currency": "eur"})).json()
    headers = {"Cart-Token": cart["cart_token"]}
    assert (cart["currency"], cart["totals"]["total"]) == ("eur", money(900, "eur"))

    mixed = await api.post(ITEMS, json={"sku": "TEA", "quantity": 1, "currency": "usd"}, headers=headers)
    assert (mixed.status_code, mixed.json()["code"]) == (409, "currency_mismatch")
    same = await api.post(ITEMS, json={"sku": "TEA", "quantity": 1}, headers=headers)
    assert same.json()["totals"]["total"] == money(1800, "eur")
    await api.delete(CART, headers=headers)
    anew = await api.post(ITEMS, json={"sku": "CUP", "quantity": 1, "currency": "usd"}, headers=headers)
    assert anew.json()["totals"]["total"] == money(450)


async def test_warnings(api: Api, database: Database) -> None:
    """A price that moved, too little stock, and what is no longer sold."""
    headers = await api.shopper("TEA", "CUP")
    added = await api.post(ITEMS, json={"sku": "CUP", "quantity": 2}, headers=headers)
    assert [warning["code"] for warning in added.json()["warnings"]] == ["not_enough_stock"]
    async with database.writing() as writer:
        tea = (await writer.execute(sa.text("SELECT id FROM variants WHERE sku = 'TEA'"))).scalar_one()
        await shop.set_price(writer, tea, 1200)

    cart = (await api.get(CART, headers=headers)).json()

    assert cart["warnings"] == [
        {"code": "price_changed", "sku": "TEA", "detail": "Tea now costs 12.00 USD, before 10.00 USD.",
         "facts": {"was": money(1000), "now": money(1200)}},
        {"code": "not_enough_stock", "sku": "CUP", "detail": "Only 2 of Cup are left.",
         "facts": {"quantity": 3, "available": 2}},
    ]  # fmt: skip
    assert cart["totals"]["total"] == money(1200 + 3 * 450)
    async with database.writing() as writer:
        await writer.execute(sa.update(products).where(products.c.slug == "tea").values(archived_at=sa.func.now()))
    gone = (await api.get(CART, headers=headers)).json()
    assert (gone["warnings"][0]["code"], gone["items"][0]["available"]) == ("not_on_sale", 0)


@pytest.mark.parametrize("known", [True, False])
async def test_same_key_same_answer(api: Api, database: Database, known: bool) -> None:
    """Five at once under one key put two units into one cart, whether or not the cart was there before."""
    headers = {**(await api.shopper("CUP") if known else {}), "Idempotency-Key": str(uuid4())}
    body = {"sku": "TEA", "quantity": 2}

    answers = await asyncio.gather(*(api.post(ITEMS, json=body, headers=headers) for _ in range(5)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await rows(database) == (1, 2 if known else 1)
    cart = (await api.get(CART, headers={"Cart-Token": answers[0].json()["cart_token"]})).json()
    assert [item["quantity"] for item in cart["items"] if item["sku"] == "TEA"] == [2]
    other = await api.post(ITEMS, json={**body, "quantity": 3}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_blanks_in_the_body_do_not_make_another_request(api: Api) -> None:
    """The same meaning is the same request."""
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    first = await api.post(ITEMS, content=b'{"sku":"TEA","quantity":2}', headers=headers)
    second = await api.post(ITEMS, content=b'{ "quantity": 2, "sku": "TEA" }', headers=headers)

    assert first.json() == second.json()


async def test_keys_of_two_carts_and_two_browsers_do_not_meet(api: Api, database: Database) -> None:
    """A poor key such as `1` opens nobody else's cart."""
    one, two = await api.shopper("CUP"), await api.shopper("CUP")
    body = {"sku": "TEA", "quantity": 1}
    callers: list[dict[str, str]] = [one, two, {"User-Agent": "a"}, {"User-Agent": "b"}]

    tokens = {
        (await api.post(ITEMS, json=body, headers={**headers, "Idempotency-Key": "1"})).json()["cart_token"]
        for headers in callers
    }

    assert len(tokens) == 4
    assert await rows(database) == (4, 6)
