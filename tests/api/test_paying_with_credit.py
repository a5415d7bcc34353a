"""What quote and checkout say of credit before an order begins: no order is placed here, Temporal is away."""

from typing import Any

import msgspec
import pytest

from models.database import Database
from models.ids import UserId
from models.money import Money
from models.tables import store_credit
from tests import people, purse, shop
from tests.api.conftest import Api

QUOTE, CHECKOUT = "/api/v1/checkout/quote", "/api/v1/checkout"
NEW_YORK: dict[str, Any] = msgspec.to_builtins(shop.NEW_YORK)


def money(amount: int) -> dict[str, Any]:
    """As JSON has it."""
    return {"amount": amount, "currency": "usd"}


@pytest.fixture
async def ada(api: Api, database: Database) -> UserId:
    """Somebody with an account and 5.00 usd and 70.00 eur of store credit."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "TEA", 5)
        user = await people.account(writer)
        await store_credit.adjust(writer, user, Money(500, "usd"), "test", "goodwill")
        await store_credit.adjust(writer, user, Money(7000, "eur"), "test", "goodwill")
    return user


@pytest.fixture
async def signed_in(api: Api, ada: UserId) -> dict[str, str]:
    """Her headers; there is tea for 10.00 usd in her cart."""
    headers = await api.sign_in(user=ada)
    put = await api.post("/api/v1/cart/items", json={"sku": "TEA", "quantity": 1}, headers=headers)
    assert put.status_code == 201
    return headers


async def with_card(api: Api, database: Database, headers: dict[str, str], amount: int) -> purse.Card:
    """A gift card in the caller's cart."""
    async with database.writing() as writer:
        card = await purse.gift_card(writer, amount)
    put = await api.post("/api/v1/cart/gift-cards", json={"code": card.code}, headers=headers)
    assert put.status_code == 201
    return card


def form(**changes: Any) -> dict[str, Any]:
    """A checkout."""
    return {
        "email": "ada@example.com", "shipping_address": NEW_YORK, "shipping_method": "standard",
        "expected_total": money(1600), "payment": {}, **changes,
    }  # fmt: skip


async def test_the_quote_says_what_is_due(api: Api, database: Database, signed_in: dict[str, str]) -> None:
    """Given a gift card of 6.00 and store credit of 5.00, then a quote counts the second only when it is asked to."""
    await with_card(api, database, signed_in, 600)
    seen = []
    for wish in ({}, {"store_credit": False}, {"store_credit": True}):
        answer = await api.post(QUOTE, json={"shipping_address": NEW_YORK, **wish}, headers=signed_in)
        totals = answer.json()["totals"]
        seen.append((totals["total"], totals["credit"], totals["due"]))
    assert seen == [(money(1600), money(600), money(1000))] * 2 + [(money(1600), money(1100), money(500))]
    [(left,)] = [tuple(row) for row in await database.fetch("SELECT count(*) FROM credit_entries WHERE amount < 0")]
    assert left == 0


async def test_a_guest_has_no_store_credit(api: Api, database: Database, ada: UserId) -> None:
    """Given a guest, then store credit is refused at quote and checkout."""
    guest = await api.shopper("TEA")
    bodies = (
        (QUOTE, {"shipping_address": NEW_YORK, "store_credit": True}),
        (CHECKOUT, form(payment={"store_credit": True}, expected_due=money(1600))),
    )
    for path, body in bodies:
        answer = await api.post(path, json=body, headers=guest)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert answer.json()["errors"][0]["pointer"].endswith("/store_credit")


@pytest.mark.parametrize("how", ["gift card", "store credit"])
async def test_whoever_pays_with_credit_says_what_they_were_shown(
    api: Api, database: Database, signed_in: dict[str, str], how: str
) -> None:
    """Given credit, when a checkout does not say what is due, then 422 at that field; told, it goes on."""
    if how == "gift card":
        await with_card(api, database, signed_in, 600)
    told = form(payment={"store_credit": how == "store credit"})
    answer = await api.post(CHECKOUT, json=told, headers=signed_in)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/expected_due"]
    on = await api.post(CHECKOUT, json={**told, "expected_due": money(1000)}, headers=signed_in)
    assert (on.status_code, on.json()["code"]) == (503, "unavailable")  # Temporal is away: it went on
    assert await database.fetch("SELECT 1 FROM checkouts") == []
