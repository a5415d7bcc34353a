"""What a vendor sees and does: own rows, and of no route anything of another's."""

import json
from datetime import date
from typing import Any

import pytest

from models.commission import Terms
from models.database import Database
from models.ids import OrderId
from models.roles import Role
from models.tables import payout as payouts
from models.tables import vendor_member as members
from tests import sellers, shop
from tests.api.conftest import Api, everything
from tests.models.tables.shelf import Shelf
from tests.routes import TABLE
from tests.sellers import Seller

VENDOR = "/api/v1/vendor"
TENTH = Terms(100_000)
NOT_ANNA_S = ("CUP", "SKU-1", "ben", "acct_ben", "ada@example.com", '"amount": 3000', "tr_ben")
"""Words of Ben's, and of the order as a whole."""


class Market:
    """Anna sells mugs, Ben cups; an order of two mugs and a cup, and payouts to both."""

    def __init__(self, api: Api, shelf: Shelf, anna: Seller, ben: Seller, order: OrderId, number: str) -> None:
        self.api, self.shelf, self.anna, self.ben, self.order, self.number = api, shelf, anna, ben, order, number
        self.headers: dict[str, dict[str, str]] = {}

    async def get(self, path: str, who: str = "anna", **params: Any) -> Any:
        """What somebody is answered."""
        answer = await self.api.get(f"{VENDOR}{path}", headers=self.headers[who], params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def market(api: Api, database: Database) -> Market:
    """An order that is paid, both payouts sent."""
    async with database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 10)
        cup = await shop.stock_product(writer, "CUP", 10)
        anna = await sellers.seller(writer, "anna", mug, terms=TENTH)
        ben = await sellers.seller(writer, "ben", cup)
        await writer.exec_driver_sql("UPDATE vendors SET payout_account = 'acct_' || slug")
    shelf = Shelf(database, mug, cup)
    order = await sellers.sold(shelf, {mug: 2, cup: 1}, number="HF-22222-33333")
    async with database.writing() as writer:
        for each in (anna, ben):
            payout = await payouts.fix(writer, each.id, "usd", date(2026, 11, 22), 0)
            assert payout is not None
            await payouts.paid(writer, payout, f"tr_{each.slug}")
    made = Market(api, shelf, anna, ben, order, "HF-22222-33333")
    made.headers = {each.slug: await api.sign_in(user=each.user) for each in (anna, ben)}
    return made


def usd(amount: int) -> dict[str, Any]:
    """Dollars."""
    return {"amount": amount, "currency": "usd"}


async def test_own_products(market: Market) -> None:
    """Given products of two vendors, then each sees their own, whole, and the other's is not there."""
    assert [each["slug"] for each in (await market.get("/products"))["items"]] == ["mug"]
    assert [each["slug"] for each in (await market.get("/products", "ben"))["items"]] == ["cup"]
    assert (await market.get("/products", q="CUP"))["items"] == []
    assert (await market.get("/products", archived=True))["items"] == []
    sheet = await market.get("/products/mug")
    assert (sheet["vendor"], [each["on_hand"] for each in sheet["variants"]]) == ("anna", [10])


async def test_one_s_part_of_an_order(market: Market) -> None:
    """Given an order of both, then each sees their positions, where they go and what they come to, and nothing else."""
    [line] = (await market.get("/orders"))["items"]
    part = {"goods": usd(2000), "commission": usd(200), "share": usd(1800), "earned": usd(1800)}
    placed = line.pop("placed_at")
    assert line == {
        "number": market.number, "status": "confirmed", "units": 2, "open_units": 2, "earning": part,
    }  # fmt: skip
    found = await market.get(f"/orders/{market.number}")
    assert found == {
        "number": market.number, "status": "confirmed", "shipments": [], "earning": part, "placed_at": placed,
        "items": [
            {"sku": "SKU-0", "name": "Thing", "quantity": 2, "shipped": 0, "cancelled": 0, "returned": 0,
             "unit_price": usd(1000), "line_total": usd(2000), "discount": usd(0), "tax": usd(0)}
        ],
        "shipping_address": {
            "full_name": "Ada Lovelace", "line1": "1 Main St", "city": "New York", "postal_code": "10001",
            "country": "US", "region": "NY",
        },
        "shipping_method": {"code": "standard", "name": "Standard", "estimate": "2-4 days"},
    }  # fmt: skip
    assert [each["units"] for each in (await market.get("/orders", "ben"))["items"]] == [1]
    assert [each["number"] for each in (await market.get("/orders", open=True))["items"]] == [market.number]
    assert (await market.get("/orders", open=False))["items"] == []


async def test_what_an_edit_took_off_is_nothing_to_them_any_more(market: Market) -> None:
    """Given an order whose buyer does not want the mugs after all, then Anna sees neither it nor where it goes."""
    async with market.shelf.database.writing() as writer:
        await writer.exec_driver_sql("DELETE FROM order_lines WHERE order_id = $1 AND sku = 'SKU-0'", (market.order,))
    assert (await market.get("/orders"))["items"] == []
    answer = await market.api.get(f"{VENDOR}/orders/{market.number}", headers=market.headers["anna"])
    assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")
    assert [each["units"] for each in (await market.get("/orders", "ben"))["items"]] == [1]


async def test_payouts_and_balances(market: Market) -> None:
    """Given a payout of all that was owed, then it is listed and read, and nothing is owed any more."""
    found = await market.get("/payouts")
    assert found["balances"] == [{"owed": usd(0), "paid": usd(1800)}]
    [payout] = found["items"]
    assert {name: payout[name] for name in ("amount", "day", "status", "destination", "reference")} == {
        "amount": usd(1800), "day": "2026-11-22", "status": "paid", "destination": "acct_anna", "reference": "tr_anna",
    }  # fmt: skip
    assert await market.get(f"/payouts/{payout['id']}") == payout


async def test_lists_go_on(market: Market) -> None:
    """Given more than a page of orders and of payouts, then the next is behind the cursor, and nothing is twice."""
    for number in ("HF-22222-44444", "HF-22222-55555"):
        await sellers.sold(market.shelf, {market.shelf.mug: 1}, number=number)
    first = await market.get("/orders", limit=2)
    rest = await market.get("/orders", limit=2, cursor=first["next_cursor"])
    assert [each["number"][-5:] for each in first["items"] + rest["items"]] == ["55555", "44444", "33333"]
    assert rest["next_cursor"] is None
    async with market.shelf.database.writing() as writer:
        await payouts.fix(writer, market.anna.id, "usd", date(2026, 11, 23), 0)
    newest = await market.get("/payouts", limit=1)
    before = await market.get("/payouts", limit=1, cursor=newest["next_cursor"])
    assert [each["day"] for each in newest["items"] + before["items"]] == ["2026-11-23", "2026-11-22"]
    assert (newest["items"][0]["status"], before["next_cursor"]) == ("open", None)


async def test_no_route_tells_of_another_s_rows(market: Market) -> None:
    """Given every route of vendors', asked for another's, then none of it is there, and nothing moves."""
    database = market.shelf.database
    only_ben = await sellers.sold(market.shelf, {market.shelf.cup: 1}, number="HF-22222-66666")
    [theirs] = (await market.get("/payouts", "ben"))["items"]
    body = {"carrier": "UPS", "tracking": "1Z", "items": [{"sku": "SKU-1", "quantity": 1}]}
    tried = {
        "GET /vendor/products": ("/products", None, 200, None),
        "GET /vendor/products/{slug:str}": ("/products/cup", None, 404, "product_not_found"),
        "GET /vendor/orders": ("/orders", None, 200, None),
        "GET /vendor/orders/{number:str}": ("/orders/HF-22222-66666", None, 404, "order_not_found"),
        "POST /vendor/orders/{number:str}/ship": ("/orders/HF-22222-66666/ship", body, 404, "order_not_found"),
        "GET /vendor/payouts": ("/payouts", None, 200, None),
        "GET /vendor/payouts/{payout_id:uuid}": (f"/payouts/{theirs['id']}", None, 404, "payout_not_found"),
    }
    assert set(tried) == {route for route in TABLE if " /vendor/" in route}
    before = await everything(database)
    headers = market.headers["anna"]
    for route, (path, sent, status, code) in tried.items():
        answer = await market.api.client.request(route.split()[0], f"{VENDOR}{path}", headers=headers, json=sent)
        assert (answer.status_code, answer.json().get("code")) == (status, code), route
        told = json.dumps({**answer.json(), "detail": "", "facts": ""})
        assert [word for word in NOT_ANNA_S if word in told] == [], route
        assert "HF-22222-66666" not in told
        assert theirs["id"] not in told
    mine = await market.get(f"/orders/{market.number}")
    assert [word for word in NOT_ANNA_S if word in json.dumps(mine)] == []
    # A position of another's in an order that one has a part of is as unknown as one that nobody has.
    for sku in ("SKU-1", "NONE"):
        refused = await market.api.post(
            f"{VENDOR}/orders/{market.number}/ship", headers=headers,
            json={**body, "items": [{"sku": "SKU-0", "quantity": 1}, {"sku": sku, "quantity": 1}]},
        )  # fmt: skip
        assert (refused.status_code, refused.json()["code"], refused.json()["facts"]) == (
            422, "unknown_sku", {"sku": sku},
        )  # fmt: skip
    assert await everything(database) == before
    assert only_ben


async def test_a_role_alone_opens_nothing(market: Market) -> None:
    """Given somebody with the role who acts for no vendor, and an admin, then there is nothing for them anywhere."""
    for role in (Role.VENDOR, Role.ADMIN):
        headers = await market.api.sign_in(role)
        for path in ("/products", "/products/mug", "/orders", f"/orders/{market.number}", "/payouts"):
            answer = await market.api.get(f"{VENDOR}{path}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "vendor_not_found"), path


async def test_who_acts_no_more_is_shut_out_at_once(market: Market) -> None:
    """Given a member who is removed, then the next request is refused."""
    async with market.shelf.database.writing() as writer:
        assert await members.remove(writer, market.anna.id, market.anna.user)
    answer = await market.api.get(f"{VENDOR}/orders", headers=market.headers["anna"])
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"items": []}, "/items"), ({"items": None}, "/items"),
        ({"items": [{"sku": "A\x00", "quantity": 1}]}, "/items/0/sku"),
        ({"items": [{"sku": "A", "quantity": 0}]}, "/items/0/quantity"),
        ({"items": [{"sku": "A", "quantity": 2**70}]}, "/items/0/quantity"), ({"carrier": ""}, "/carrier"),
        ({"tracking": "x" * 201}, "/tracking"), ({"location": "\n"}, "/location"), ({"all": True}, "/all"),
    ],
)  # fmt: skip
async def test_a_parcel_that_is_none(market: Market, change: dict[str, Any], pointer: str) -> None:
    """Given a parcel that cannot be, then 422 points at what is wrong."""
    body = {"carrier": "UPS", "tracking": "1Z", "items": [{"sku": "SKU-0", "quantity": 1}], **change}
    answer = await market.api.post(
        f"{VENDOR}/orders/{market.number}/ship", headers=market.headers["anna"], json=body
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
