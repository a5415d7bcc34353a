"""The cart that somebody filled before they signed in, over HTTP: it is there afterwards, whole and once."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from models.database import Database
from tests import shop
from tests.api.conftest import Api, StartApi

AUTH = "/api/v1/auth"
ITEMS = "/api/v1/cart/items"
CART = "/api/v1/cart"
ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}


@pytest.fixture
async def api(start_api: StartApi, database: Database) -> Api:
    """A shop with plenty of tea and five cups, without limits."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
        await shop.stock_product(writer, "TEA", 500, {"usd": 1000, "eur": 900})
        await shop.stock_product(writer, "CUP", 5)
    return await start_api(RATE_LIMIT_REGISTER="off", RATE_LIMIT_LOGIN="off")


async def enter(api: Api, operation: str, headers: dict[str, str] | None = None, **changes: Any) -> dict[str, str]:
    """Register or log in; the headers of who did."""
    answer = await api.post(f"{AUTH}/{operation}", json={**ADA, **changes}, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def put(api: Api, headers: dict[str, str], sku: str = "TEA", quantity: int = 1, **more: Any) -> httpx.Response:
    """Put something into a cart."""
    answer = await api.post(ITEMS, json={"sku": sku, "quantity": quantity, **more}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer


async def quantities(api: Api, headers: dict[str, str]) -> dict[str, int]:
    """Units by SKU."""
    cart = (await api.get(CART, headers=headers)).json()
    return {item["sku"]: item["quantity"] for item in cart["items"]}


@pytest.mark.parametrize("operation", ["register", "login"])
async def test_the_cart_comes_along(api: Api, operation: str) -> None:
    """Given a filled cart, when its holder registers or signs in with its token, then it is the account's."""
    if operation == "login":
        await put(api, await enter(api, "register"), "TEA", 2)
    guest = await api.shopper("TEA", "CUP")
    ada = await enter(api, operation, guest)
    assert await quantities(api, ada) == {"TEA": 3 if operation == "login" else 1, "CUP": 1}
    assert (await api.get(CART, headers=ada)).json()["cart_token"] is None
    assert await quantities(api, guest) == {}


async def test_what_does_not_fit_does_not_keep_anybody_out(api: Api) -> None:
    """Given four cups here and four there of which five are left, then the sign-in goes well, with five in the cart."""
    await put(api, await enter(api, "register"), "CUP", 4)
    guest = {"Cart-Token": (await put(api, {}, "CUP", 4)).json()["cart_token"]}
    ada = await enter(api, "login", guest)
    cart = (await api.get(CART, headers=ada)).json()
    assert [(item["quantity"], item["available"]) for item in cart["items"]] == [(5, 5)]
    assert cart["warnings"] == []


async def test_two_currencies_become_one(api: Api) -> None:
    """Given a cart of the account in euros and one in dollars, then all is in euros, and cups are not sold in those."""
    await put(api, await enter(api, "register"), "TEA", 1, currency="eur")
    ada = await enter(api, "login", await api.shopper("TEA", "CUP"))
    cart = (await api.get(CART, headers=ada)).json()
    assert [(item["sku"], item["quantity"], item["line_total"]) for item in cart["items"]] == [
        ("TEA", 2, {"amount": 1800, "currency": "eur"})
    ]


async def test_a_refused_sign_in_moves_nothing(api: Api) -> None:
    """Given a wrong password or a taken address, then both carts are as they were."""
    mine = await enter(api, "register")
    await put(api, mine, "CUP", 1)
    guest = await api.shopper("TEA")
    wrong = await api.post(f"{AUTH}/login", json={**ADA, "password": "wrong horse"}, headers=guest)
    taken = await api.post(f"{AUTH}/register", json=ADA, headers=guest)
    assert (wrong.status_code, taken.status_code) == (401, 409)
    assert await quantities(api, mine) == {"CUP": 1}
    assert await quantities(api, guest) == {"TEA": 1}


@pytest.mark.parametrize("token", ["nonsense", "A" * 43])
async def test_a_token_of_no_cart_keeps_nobody_out(api: Api, token: str) -> None:
    """Given a Cart-Token that we never gave out, then it is as if there were none."""
    ada = await enter(api, "register", {"Cart-Token": token})
    assert await quantities(api, ada) == {}


async def test_signing_in_five_times_at_once_merges_once(api: Api) -> None:
    """Given the same cart's token in five sign-ins at once, with and without a key, then its goods are there once."""
    await enter(api, "register")
    guest = await api.shopper("TEA", "CUP")
    same = {**guest, "Idempotency-Key": str(uuid4())}
    entered = await asyncio.gather(*(enter(api, "login", headers) for headers in (guest, guest, guest, same, same)))
    assert await quantities(api, entered[0]) == {"TEA": 1, "CUP": 1}


@pytest.mark.parametrize("operation", ["register", "login"])
async def test_twenty_adds_race_with_the_sign_in(api: Api, operation: str) -> None:
    """Given twenty adds to a guest's cart while its holder signs in, then every unit is there, and none twice."""
    if operation == "login":
        await put(api, await enter(api, "register"), "TEA", 1)
    guest = {"Cart-Token": (await put(api, {}, "TEA", 1)).json()["cart_token"]}
    entering = asyncio.create_task(enter(api, operation, guest))
    await asyncio.gather(*(put(api, guest) for _ in range(20)))
    ada = await entering
    own, left = await quantities(api, ada), await quantities(api, guest)
    wanted = 22 if operation == "login" else 21
    assert own["TEA"] + left.get("TEA", 0) == wanted
    again = await enter(api, "login", guest)
    assert await quantities(api, again) == {"TEA": wanted}
    assert await quantities(api, guest) == {}
