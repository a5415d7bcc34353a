"""What every answer carries, whichever way it left."""

import re

import pytest

from models.database import Database
from tests import shop
from tests.api.conftest import Api, StartApi

EVERY_WAY = ["/api/v1/products", "/api/v1/cart", "/api/v1/nothing", "/health", "/media/nothing.png", "/docs"]


@pytest.mark.parametrize("path", EVERY_WAY)
async def test_guards(api: Api, path: str) -> None:
    """A request id and the headers that guard a browser, also from the shelf and on errors."""
    for _ in range(2):
        answer = await api.get(path)
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert ("script-src 'self'" in policy) == (path == "/docs")
        assert answer.headers.get("access-control-allow-origin") == ("*" if path[:3] in ("/ap", "/me") else None)
        assert "strict-transport-security" not in answer.headers


async def test_over_https(start_api: StartApi) -> None:
    """Where buyers come over https they are told to stay there."""
    api = await start_api(PUBLIC_URL="https://shop.example")

    assert (await api.get("/health")).headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("given", "kept"), [("storefront-42", True), ("short", False), ("x" * 129, False), ("a\tb" * 4, False)]
)
@pytest.mark.parametrize("path", ["/health", "/api/v1/products"])
async def test_request_id(api: Api, path: str, given: str, kept: bool) -> None:
    """A sane one is taken over, anything else is replaced."""
    await api.get(path)  # the second answer for products comes from the shelf

    answer = await api.get(path, headers={"X-Request-Id": given})

    assert (answer.headers["x-request-id"] == given) is kept


async def test_personal_answers_are_not_stored(api: Api) -> None:
    """A cart belongs into no cache, a product list into every one."""
    assert (await api.get("/api/v1/cart")).headers["cache-control"] == "no-store"
    assert (await api.get("/api/v1/products")).headers["cache-control"] == "public, max-age=5"


async def test_preflight(api: Api) -> None:
    """A storefront on another origin may send our headers, and never cookies."""
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}

    answer = await api.client.options("/api/v1/cart/items", headers=asked)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Cart-Token" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers


async def test_head(api: Api) -> None:
    """As GET, without the body."""
    full, head = await api.get("/api/v1/products"), await api.client.head("/api/v1/products")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == full.headers["etag"]
    assert head.headers["content-length"] == str(len(full.content))


@pytest.mark.parametrize("path", ["/health/", "/api/v1/products/", "/api/v1/cart/", "/api/v1/categories/"])
async def test_trailing_slash(api: Api, path: str) -> None:
    """Accepted everywhere."""
    assert (await api.get(path)).status_code == 200


async def test_metrics(start_api: StartApi, database: Database) -> None:
    """Counted by route, never by path: whoever tries addresses cannot fill the memory."""
    api = await start_api(SECRET_KEY="an application that has counted nothing yet")
    async with database.writing() as writer:
        await shop.open_shop(writer)
        await shop.stock_product(writer, "TEAPOT", 1)
    for path in ("products/teapot", "products/teapot", "products/nothing", "who/are/you"):
        await api.get(f"/api/v1/{path}")
    await api.client.request("BREW", "/api/v1/products")

    text = (await api.get("/metrics")).text

    counted = dict(re.findall(r"^holdfast_http_requests_total\{(.+)\} (.+)$", text, re.MULTILINE))
    assert counted == {
        'method="GET",route="/api/v1/products/{slug}",status="200"': "2.0",
        'method="GET",route="/api/v1/products/{slug}",status="404"': "1.0",
        'method="GET",route="unmatched",status="404"': "1.0",
        'method="other",route="unmatched",status="405"': "1.0",
    }
    assert "holdfast_http_requests_in_flight 1.0" in text
    assert 'holdfast_http_request_duration_seconds_count{method="GET",route="/api/v1/products/{slug}"} 3.0' in text
