"""What it will cost at an address, with the sums that checkout will freeze."""

from typing import Any

import msgspec
import pytest

from models.database import Database
from tests import shop
from tests.api.conftest import Api

QUOTE = "/api/v1/checkout/quote"
NEW_YORK: dict[str, Any] = msgspec.to_builtins(shop.NEW_YORK)
BERLIN: dict[str, Any] = msgspec.to_builtins(shop.BERLIN)


@pytest.fixture
async def buyer(api: Api, database: Database) -> dict[str, str]:
    """Somebody with tea for 10.00 usd in the cart."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "TEA", 5)
    return await api.shopper("TEA")


def amounts(totals: dict[str, Any]) -> dict[str, Any]:
    """Minor units only."""
    return {name: value["amount"] if isinstance(value, dict) else value for name, value in totals.items()}


@pytest.mark.parametrize(
    ("address", "tax", "total", "included"), [(NEW_YORK, 100, 1600, False), (BERLIN, 239, 1500, True)]
)
async def test_totals(
    api: Api, buyer: dict[str, str], address: dict[str, Any], tax: int, total: int, included: bool
) -> None:
    """Without a method: the cheapest. Tax on top in New York, contained in Berlin, each by its own rule."""
    answer = await api.post(QUOTE, json={"shipping_address": address}, headers=buyer)

    assert answer.status_code == 200
    assert answer.json()["shipping_methods"] == [
        {"code": "standard", "name": "Standard", "price": {"amount": 500, "currency": "usd"}, "estimate": "2-4 days"}
    ]
    assert amounts(answer.json()["totals"]) == {
        "subtotal": 1000, "discount": 0, "shipping": 500, "tax": tax, "total": total, "tax_included": included,
        "credit": 0, "due": total,
    }  # fmt: skip
    named = await api.post(QUOTE, json={"shipping_address": address, "shipping_method": "standard"}, headers=buyer)
    assert named.json() == answer.json()


async def test_refusals(api: Api, buyer: dict[str, str], database: Database) -> None:
    """An empty cart, a method nobody offers, a country nobody delivers to."""
    body = {"shipping_address": NEW_YORK}
    empty = await api.post(QUOTE, json=body)
    assert (empty.status_code, empty.json()["code"]) == (409, "cart_empty")
    unknown = await api.post(QUOTE, json={**body, "shipping_method": "drone"}, headers=buyer)
    assert (unknown.status_code, unknown.json()["code"]) == (422, "shipping_method_unknown")
    assert unknown.json()["facts"] == {"shipping_methods": ["standard"]}
    async with database.writing() as writer:
        await writer.exec_driver_sql("UPDATE shipping_zones SET countries = '{DE}'")
    nowhere = await api.post(QUOTE, json=body, headers=buyer)
    assert (nowhere.status_code, nowhere.json()["code"]) == (422, "no_shipping")
    assert nowhere.json()["facts"] == {"country": "US"}
