"""The documentation draws itself from this house alone, and says what the API does."""

import re
from typing import Any

import pytest

from tests.api.conftest import Api


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/docs/redoc"])
async def test_pages_need_no_foreign_host(api: Api, path: str) -> None:
    """Everything a page loads is served here, and nothing stands inline."""
    page = await api.get(path)

    assert page.headers["content-type"].startswith("text/html")
    assert "://" not in page.text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) >= 2
    assert re.findall(r"<script(?! src=)", page.text) == []
    for address in loaded:
        file = await api.get(address)
        assert (file.status_code, file.content != b"") == (200, True)
        assert file.headers["content-type"].split(";")[0] in ("text/css", "text/javascript", "application/javascript")


async def test_schema(api: Api) -> None:
    """Every operation has an id, a tag, a summary, and its errors as problems."""
    schema = (await api.get("/docs/openapi.json")).json()

    operations: dict[str, dict[str, Any]] = {
        f"{method.upper()} {path}": operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }
    assert {
        "GET /api/v1/products", "GET /api/v1/products/{slug}", "GET /api/v1/categories", "GET /api/v1/cart",
        "POST /api/v1/cart/items", "PATCH /api/v1/cart/items/{item_id}", "POST /api/v1/checkout/quote",
        "POST /api/v1/checkout", "GET /api/v1/orders/{number}", "POST /api/v1/webhooks/stripe", "GET /health/ready",
        "GET /metrics", "GET /api/v1/orders", "POST /api/v1/addresses", "PATCH /api/v1/addresses/{address_id}",
        "POST /api/v1/wishlist/{product_slug}", "POST /api/v1/notifications/{notification_id}/read",
    } <= operations.keys()  # fmt: skip
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)
    for name, operation in operations.items():
        assert operation["tags"], name
        assert operation["summary"], name
    for status in ("409", "422", "503"):
        content = operations["POST /api/v1/cart/items"]["responses"][status]["content"]
        assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    body = operations["POST /api/v1/cart/items"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/AddItem"}
    quantity = schema["components"]["schemas"]["AddItem"]["properties"]["quantity"]
    assert (quantity["type"], quantity["minimum"], quantity["maximum"]) == ("integer", 1, 999)
