"""What somebody sends who means no good, to every operation there is: a clear 4xx, and never a trace of ours."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from models.database import Database
from models.roles import Role
from tests import people, shop
from tests.api.conftest import DOWN_IS_AN_ANSWER, Api, StartApi, everything
from tests.premises import NEW_YORK

TEXTS = (
    "'; DROP TABLE users; --", "\\' OR 1=1 --", "%' UNION SELECT email FROM users --", "${jndi:ldap://x/a}", "{{7*7}}",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "../../../../etc/passwd", "\x00", "a\x00b",
    "\r\nX-Evil: 1",
    "\u202egnp.exe", "مرحبا بالعالم", "שלום", "👩‍👩‍👧‍👦🏴‍☠️", "Z\u0336a\u0336l\u0336g\u0336o\u0336", "\ufeff", "\u2028",
    "ﷺ" * 50, "\U0010ffff", "%00", "%s%n%x", "NaN", "null", "-1", "9" * 400, " ", "a" * 4000,
)  # fmt: skip
"""SQL, HTML, templates, control characters, bytes that end strings, right to left, emoji, and too much of anything."""
NUMBERS = ("-1", "0", "-0", "1.5", "2.0", "1e400", "-1e400", "NaN", "Infinity", "9223372036854775808", "1" * 400, '"1"',
           "true", "[]", "{}")  # fmt: skip
NESTED = ("[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000, '{"a":' * 10_000)
TEN_MB = 10 * 1024 * 1024


class Operation(NamedTuple):
    """One operation as the OpenAPI has it."""

    method: str
    path: str
    told: dict[str, Any]
    fields: dict[str, Any]
    """Of the body."""

    def address(self, text: str) -> str:
        """With `text` wherever the address asks for something, or the id or number of nothing where it must be one."""
        told = {each["name"]: each["schema"] for each in self.told.get("parameters", ()) if each["in"] == "path"}

        def value(name: str) -> str:
            if told[name].get("format") == "uuid":
                return str(uuid4())
            return "7" if told[name].get("type") == "integer" else quote(text, safe="") or "-"

        return re.sub(r"\{(\w+)\}", lambda name: value(name[1]), self.path)

    def named(self, where: str) -> list[str]:
        """Its parameters in the query or the headers."""
        return [each["name"] for each in self.told.get("parameters", ()) if each["in"] == where]


def operations(schema: dict[str, Any]) -> Iterator[Operation]:
    """All of them, with the fields that their bodies have."""
    for path, methods in schema["paths"].items():
        for method, told in methods.items():
            body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            reference = re.search(r'"#/components/schemas/(\w+)"', json.dumps(body))
            fields = schema["components"]["schemas"][reference[1]]["properties"] if reference else {}
            yield Operation(method.upper(), path, told, fields)


def wrong_with(answer: httpx.Response) -> str | None:
    """Why this is no answer to give to a stranger."""
    if answer.request.url.path == DOWN_IS_AN_ANSWER:
        return None  # there is no worker in this house, which is what it says
    if answer.status_code >= 500:
        return f"{answer.status_code}: {answer.text[:300]}"
    if answer.status_code >= 400 and answer.headers["content-type"] != "application/problem+json":
        return f"{answer.status_code} as {answer.headers['content-type']}"
    if re.search(r"Traceback|asyncpg|sqlalchemy|SELECT [^%]* WHERE|/site-packages/", answer.text):
        return f"leaks: {answer.text[:300]}"
    return None


class Stranger:
    """An admin gone bad: nothing is refused for want of a scope."""

    def __init__(self, api: Api, headers: dict[str, str], schema: dict[str, Any]) -> None:
        self.api = api
        self.headers = headers
        self.operations = [each for each in operations(schema) if "webhooks" not in each.path]
        self.found: list[str] = []

    async def send(self, operation: Operation, body: str | bytes | None, **more: Any) -> httpx.Response:
        """Send, and remember what was wrong with the answer."""
        mine = await self.api.sign_in(Role.ADMIN) if "/auth/" in operation.path else self.headers  # it may end
        headers = {**mine, **more.pop("headers", {})}
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        address = more.pop("address", operation.address("none"))
        answer = await self.api.ask(operation.method, address, content=body, headers=headers, **more)
        wrong = wrong_with(answer)
        if wrong is not None:
            self.found.append(f"{operation.method} {operation.path} given {str(body or more)[:80]!r}: {wrong}")
        return answer


@pytest.fixture
async def stranger(start_api: StartApi, parts: dict[str, str], database: Database) -> AsyncIterator[Stranger]:
    """One who can reach everything; and after whom the shop still stands, with all its tables."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
        await shop.stock_product(writer, "MUG", 10)
    api = await start_api(TEMPORAL_ADDRESS=parts["TEMPORAL_ADDRESS"], CHECKOUT_ANSWER_BUDGET="0.5")
    tables = set(await everything(database))
    schema = (await api.get("/docs/openapi.json")).json()
    yield Stranger(api, await api.sign_in(Role.ADMIN), schema)
    assert set(await everything(database)) == tables
    assert (await api.get("/api/v1/products/mug")).status_code == 200


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[1:24])
async def test_texts(stranger: Stranger, text: str) -> None:
    """Given a bad text in the address, in each parameter and in all fields, or one, then each operation answers."""
    sendable = text.encode("latin-1", "ignore").replace(b"\r", b"").replace(b"\n", b"").replace(b"\x00", b"")
    for operation in stranger.operations:
        headers = dict.fromkeys(operation.named("header"), sendable.decode("latin-1").strip() or "-")
        body = json.dumps(dict.fromkeys(operation.fields, text)) if operation.fields else None
        alone = [json.dumps({name: text}) for name in list(operation.fields)[TEXTS.index(text) % 5 :: 5]]
        for content in (body, *alone):
            await stranger.send(
                operation, content, address=operation.address(text), headers=headers,
                params=dict.fromkeys(operation.named("query"), text),
            )  # fmt: skip
    assert stranger.found == []


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:20])
async def test_numbers(stranger: Stranger, number: str) -> None:
    """Given a bad number in each parameter and each field, then each operation answers."""
    for operation in stranger.operations:
        bodies = (
            ["{" + ", ".join(f'"{name}": {number}' for name in operation.fields) + "}"] if operation.fields else [None]
        )
        for body in bodies:
            await stranger.send(operation, body, params=dict.fromkeys(operation.named("query"), number))
    assert stranger.found == []


async def test_what_is_too_large_or_too_deep(stranger: Stranger) -> None:
    """Given ten megabytes of one text, then 413; ten thousand levels of nesting are refused as well, wherever there is
    a body.
    """
    for operation in stranger.operations:
        if operation.fields:
            name = next(iter(operation.fields))
            large = await stranger.send(operation, json.dumps({name: "x" * TEN_MB}))
            assert (large.status_code, large.json()["code"]) == (413, "body_too_large"), operation.path
            for body in NESTED:
                deep = await stranger.send(operation, body)
                assert deep.status_code in (400, 401, 422), operation.path
                deep = await stranger.send(operation, f'{{"{name}": {body}}}')
                assert deep.status_code in (400, 401, 404, 422), operation.path
    assert stranger.found == []


ADD = Operation("POST", "/api/v1/cart/items", {}, {})
GOOD = b'{"sku": "MUG", "quantity": 2}'


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (GOOD, {"Content-Type": "application/json; charset=utf-8"}, 201),
        (GOOD, {"Content-Type": "APPLICATION/JSON"}, 201),
        (GOOD, {"Content-Type": "application/vnd.shop+json"}, 201),
        (GOOD, {"Content-Type": "text/json"}, 415), (GOOD, {"Content-Type": b"\xff/\xfe"}, 415),
        (GOOD, {"Content-Type": "multipart/form-data"}, 415), (GOOD, {"Content-Type": "json"}, 415),
        (GOOD, {"Content-Encoding": "gzip"}, 201), (GOOD.decode().encode("utf-16"), {}, 400),
        (b"\xef\xbb\xbf" + GOOD, {}, 400), (GOOD + GOOD, {}, 400), (GOOD + b"\x00", {}, 400),
        (b"\x1f\x8b\x08", {}, 400),
        (b'{"sku": "MUG", "quantity": 1, "quantity": 2}', {}, 201), (b'{"quantity": 2, "\\u0073ku": "MUG"}', {}, 201),
        (b'{"sku": "MUG", "quantity": 2, "__proto__": {}}', {}, 422), (b'{"sku": "M\\udc00", "quantity": 2}', {}, 400),
        (b"sku=MUG&quantity=2", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)  # fmt: skip
async def test_encodings(stranger: Stranger, body: bytes, headers: dict[str, Any], status: int) -> None:
    """Given a body in a strange dress, then it is either read as what it is, or refused and nothing is put anywhere; of
    a field that comes twice the last one counts.
    """
    answer = await stranger.send(ADD, body, headers=headers, address=ADD.path)
    assert answer.status_code == status, answer.text
    cart = (await stranger.api.get("/api/v1/cart", headers=stranger.headers)).json()
    assert [item["quantity"] for item in cart["items"]] == ([2] if status == 201 else [])
    assert stranger.found == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/products/%00", 404), ("/api/v1/products/a%00b", 404), ("/api/v1/products/%ff%fe", 404),
        ("/api/v1/products/%2e%2e%2f%2e%2e%2fadmin", 404), ("/api/v1/products/" + "x" * 6000, 404),
        ("/api/v1//products", 200), ("/api/v1/products/", 200), ("/api/v1/products//", 200),
        ("/api/v1/products?%00=1", 200),
        ("/api/v1/products?category=%00", 422), ("/api/v1/products?limit=%00", 422), ("/api/v1/cart/items/%00", 405),
        ("/api/v1/orders/%00", 404), ("/api/v1/%E2%80%AE", 404), ("/media/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/media/%00", 404), ("/media/..%2f..%2fetc%2fpasswd", 404), ("/docs/%00", 404), ("/docs/swagger/%00", 404),
        ("/docs/start/%00", 200),
    ],
)  # fmt: skip
async def test_addresses(stranger: Stranger, path: str, status: int) -> None:
    """Given an address that tries to be another, then there is nothing; too many slashes are forgiven."""
    answer = await stranger.api.get(path, headers=stranger.headers)
    assert answer.status_code == status, answer.text
    if status >= 400 and not path.startswith("/docs"):
        assert wrong_with(answer) is None


@pytest.mark.parametrize("method", ["PUT", "TRACE", "CONNECT", "PROPFIND", "get", "X" * 3000])
async def test_methods(stranger: Stranger, method: str) -> None:
    """Given a method that an address does not take, then 405, and which it does take."""
    answer = await stranger.api.client.request(method, "/api/v1/cart", headers=stranger.headers)
    if method == "get":
        return
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert {"GET", "DELETE"} <= set(answer.headers["Allow"].split(", "))


async def test_options(stranger: Stranger) -> None:
    """Given an address of the API, then OPTIONS says what it takes, whoever asks."""
    answer = await stranger.api.client.request("OPTIONS", "/api/v1/cart")
    assert (answer.status_code, answer.headers["Allow"]) == (204, "DELETE, GET, HEAD, OPTIONS")
    item = await stranger.api.client.request("OPTIONS", f"/api/v1/cart/items/{uuid4()}")
    assert (item.status_code, item.headers["Allow"]) == (204, "DELETE, OPTIONS, PATCH")


async def test_what_can_be_printed_is_kept_as_it_is(api: Api) -> None:
    """Given names that look like code, or are written in other scripts, then they come back letter by letter."""
    mine = await api.sign_in()
    printed = [text for text in TEXTS if len(text) <= 200 and not re.search(r"[\x00-\x1f\x7f]", text)]
    assert len(printed) > 15
    for text in printed:
        kept = await api.post(
            "/api/v1/addresses", json={**NEW_YORK, "full_name": text, "kind": "shipping"}, headers=mine
        )
        assert kept.status_code == 201, kept.text
        read = await api.get(f"/api/v1/addresses/{kept.json()['id']}", headers=mine)
        assert read.json()["full_name"] == text
        assert (read.headers["content-type"], read.headers["x-content-type-options"]) == ("application/json", "nosniff")


async def test_what_belongs_to_another_does_not_exist(stranger: Stranger, database: Database) -> None:
    """Given somebody's address, cart, session and more, when another buyer or nobody reaches for it by its id, then it
    does not exist, exactly as what never existed; and not one row has moved.
    """
    api = stranger.api
    async with database.writing() as writer:
        user = await people.account(writer)
    ada = await api.sign_in(user=user)
    item = (await api.post("/api/v1/cart/items", json={"sku": "MUG", "quantity": 1}, headers=ada)).json()["items"][0][
        "id"
    ]
    address = (await api.post("/api/v1/addresses", json={**NEW_YORK, "kind": "shipping"}, headers=ada)).json()["id"]
    sign_in = (await api.get("/api/v1/auth/sessions", headers=ada)).json()["items"][0]["id"]
    bob, nobody = await api.sign_in(), await api.shopper("MUG")
    tries: list[tuple[str, str, dict[str, Any] | None]] = [
        ("PATCH", f"/cart/items/{item}", {"quantity": 5}), ("GET", f"/addresses/{address}", None),
        ("PATCH", f"/addresses/{address}", {"city": "Hell"}), ("DELETE", f"/addresses/{address}", None),
        ("DELETE", f"/auth/sessions/{sign_in}", None),
        ("POST", "/checkout/quote", {"shipping_address_id": address}),
    ]  # fmt: skip
    assert (await api.post("/api/v1/cart/items", json={"sku": "MUG", "quantity": 1}, headers=bob)).status_code == 201
    before = await everything(database)
    for method, path, body in tries:
        theirs = await api.client.request(method, f"/api/v1{path}", json=body, headers=bob)
        never = re.sub(r"[0-9a-f-]{36}", str(uuid4()), path)
        other = {"shipping_address_id": str(uuid4())} if body and "shipping_address_id" in body else body
        missing = await api.client.request(method, f"/api/v1{never}", json=other, headers=bob)
        assert (theirs.status_code, theirs.json()["code"]) == (404, missing.json()["code"]), path
        assert theirs.json()["detail"] == missing.json()["detail"], path
        stranger_s = await api.client.request(method, f"/api/v1{path}", json=body, headers=nobody)
        assert stranger_s.status_code in (401, 404, 422), path
    gone = await api.client.delete(f"/api/v1/cart/items/{item}", headers=bob)
    assert [line["id"] for line in gone.json()["items"]] != [item]
    assert await everything(database) == before
    assert (await api.get("/api/v1/cart", headers=ada)).json()["items"][0]["quantity"] == 1
