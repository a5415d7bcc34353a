"""The three lines that buy something, printed by `make up`, shown in the README, run by the tests: the very same."""

import json
from typing import Any, NamedTuple

import httpx

ADDRESS = {
    "full_name": "Ada Lovelace",
    "line1": "1 Main St",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "country": "US",
}
METHOD = "standard"


class Offer(NamedTuple):
    """One unit of something in stock, and what it costs when sent to `ADDRESS`, in minor units."""

    sku: str
    amount: int
    currency: str


def buying_lines(base_url: str, offer: Offer) -> list[str]:
    """Shell lines that put one unit in a new cart, check it out with a test card and show the order."""
    api = f"{base_url}/api/v1"
    item = {"sku": offer.sku, "quantity": 1}
    checkout = {
        "email": "ada@example.com",
        "shipping_address": ADDRESS,
        "shipping_method": METHOD,
        "expected_total": {"amount": offer.amount, "currency": offer.currency},
        "payment": {"provider": "stripe", "payment_method": "pm_card_visa"},
    }
    number, token = (f'$(echo "$ORDER" | {_pick(field)})' for field in ("number", "order_token"))
    return [
        f"CART=$(curl -s {api}/cart/items {_body(item)} | {_pick('cart_token')})",
        f'ORDER=$(curl -s {api}/checkout -H "Cart-Token: $CART" {_body(checkout)}); echo "$ORDER"',
        # The answer came at the authorization; the money is captured and the order confirmed a moment later.
        f'sleep 1; curl -s {api}/orders/{number} -H "Order-Token: {token}"',
    ]


def find_offer(base_url: str) -> Offer | None:
    """Something the shop has in stock, with its total as the shop quotes it; None if there is nothing to buy."""
    with httpx.Client(base_url=f"{base_url}/api/v1", timeout=60, trust_env=False) as shop:
        listed = shop.get("/products", params={"in_stock": "true", "limit": 20})
        for product in listed.json()["items"] if listed.status_code == 200 else []:
            for variant in shop.get(f"/products/{product['slug']}").json()["variants"]:
                if variant["available"] and (total := _quote(shop, variant["sku"])) is not None:
                    return Offer(variant["sku"], total["amount"], total["currency"])
    return None


def _quote(shop: httpx.Client, sku: str) -> dict[str, Any] | None:
    filled = shop.post("/cart/items", json={"sku": sku, "quantity": 1})
    if filled.status_code != 201:
        return None
    token = {"Cart-Token": filled.json()["cart_token"]}
    address = {"shipping_address": ADDRESS, "shipping_method": METHOD}
    quoted = shop.post("/checkout/quote", headers=token, json=address)
    shop.delete("/cart", headers=token)
    total: dict[str, Any] | None = quoted.json()["totals"]["total"] if quoted.status_code == 200 else None
    return total


def _body(content: object) -> str:
    return f"-H 'Content-Type: application/json' -d '{json.dumps(content, separators=(',', ':'))}'"


def _pick(field: str) -> str:
    return f"""grep -o '"{field}":"[^"]*"' | head -1 | cut -d'"' -f4"""
