"""The three lines that buy something, printed by `make up`, shown in the README, run by the tests: the very same."""

import httpx

_ADDRESS = (
    '{"full_name":"Ada Lovelace","line1":"1 Main St","city":"Portland","region":"OR",'
    '"postal_code":"97201","country":"US"}'
)


def buying_lines(base_url: str, sku: str) -> list[str]:
    """Shell lines that put one unit in a new cart, check it out with a test card and show the order."""
    api = f"{base_url}/api/v1"
    json = "-H 'Content-Type: application/json'"
    checkout = (
        f'{{"email":"ada@example.com","shipping_address":{_ADDRESS},"shipping_method":"standard",'
        '"payment":{"provider":"stripe","payment_method":"pm_card_visa"}}'
    )
    number, token = (f'$(echo "$ORDER" | {_pick(field)})' for field in ("number", "order_token"))
    return [
        f"""CART=$(curl -s {api}/cart/items {json} -d '{{"sku":"{sku}","quantity":1}}' | {_pick("cart_token")})""",
        f"""ORDER=$(curl -s {api}/checkout {json} -H "Cart-Token: $CART" -d '{checkout}'); echo "$ORDER\"""",
        f"""curl -s {api}/orders/{number} -H "Order-Token: {token}\"""",
    ]


def something_to_buy(base_url: str) -> str | None:
    """The sku of something in stock; None if the shop is empty."""
    with httpx.Client(base_url=f"{base_url}/api/v1", timeout=10, trust_env=False) as shop:
        listed = shop.get("/products", params={"in_stock": "true", "limit": 20})
        for product in listed.json()["items"] if listed.status_code == 200 else []:
            for variant in shop.get(f"/products/{product['slug']}").json()["variants"]:
                if variant["available"]:
                    return str(variant["sku"])
    return None


def _pick(field: str) -> str:
    return f"""grep -o '"{field}":"[^"]*"' | head -1 | cut -d'"' -f4"""
