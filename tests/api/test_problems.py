"""Every error is problem+json with a code, says what to do, and leaks nothing."""

import ast
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api import problems
from api.statuses import STATUSES
from models.database import Database
from models.errors import Refusal
from tests import shop
from tests.api.conftest import NOBODY, Api, StartApi

ROOT = Path(problems.__file__).parent.parent


def codes_raised() -> set[str]:
    """Every literal code of a Refusal in the house."""
    return {
        call.args[0].value
        for room in ("api", "workflows", "activities", "models")
        for file in (ROOT / room).rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, "id", None) == "Refusal" and call.args
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    }


def test_every_refusal_has_a_status() -> None:
    """A new code without a line in the table would answer 422 by accident."""
    assert {"unknown_sku", "cart_empty", "out_of_stock"} <= codes_raised()
    assert codes_raised() - STATUSES.keys() == set()


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        (".variants[0].attributes[...]", "/variants/0/attributes"),
        ("", ""),
        (".sku", "/sku"),
        (".items[0].sku", "/items/0/sku"),
        (".a[12][3].b", "/a/12/3/b"),
        (".x~y/z", "/x~0y~1z"),
    ],
)
def test_pointer(path: str, pointer: str) -> None:
    """msgspec's paths become RFC 6901 pointers."""
    assert problems.pointer_of(path) == pointer


def test_a_refusal_that_crossed_temporal_keeps_code_and_facts() -> None:
    """Its class is lost on the way, its meaning is not."""
    crossed = ApplicationError("Sold out.", {"left": 0}, type="out_of_stock", non_retryable=True)

    answer = problems.on_temporal_error(None, WorkflowUpdateFailedError(crossed))  # type: ignore[arg-type]

    assert answer.status_code == 409
    problem = msgspec.json.decode(answer.content)
    assert problem == {
        "type": "urn:holdfast:problem:out_of_stock",
        "title": "Out of stock",
        "status": 409,
        "detail": "Sold out.",
        "code": "out_of_stock",
        "facts": {"left": 0},
    }


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (RPCStatusCode.UNAVAILABLE, "unavailable"),
        (RPCStatusCode.DEADLINE_EXCEEDED, "unavailable"),
        (RPCStatusCode.UNKNOWN, "unavailable"),  # "transport error": the server died while it was asked
        (RPCStatusCode.INTERNAL, "unavailable"),
        (RPCStatusCode.INVALID_ARGUMENT, "internal_error"),
    ],
)
def test_temporal_away(status: RPCStatusCode, code: str) -> None:
    """Only what another try can mend is 503."""
    answer = problems.on_temporal_error(None, RPCError("secret address", status, b""))  # type: ignore[arg-type]

    assert msgspec.json.decode(answer.content)["code"] == code
    assert b"secret" not in answer.content


def test_a_code_of_a_newer_worker_is_a_refusal() -> None:
    """A rolling deployment brings codes this process does not know yet."""
    assert problems.on_temporal_error(None, Refusal("brand_new", "No.")).status_code == 422  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        (b"", 400, "malformed", ""),
        (b"{", 400, "malformed", None),
        (b"\xff", 400, "malformed", None),
        (b'{"sku": "\\ud800", "quantity": 1}', 400, "malformed", None),
        (b"[" * 100_000, 422, "invalid", ""),
        (b"null", 422, "invalid", ""),
        (b"[]", 422, "invalid", ""),
        (b"{}", 422, "invalid", "/sku"),
        (b'{"sku": "A"}', 422, "invalid", "/quantity"),
        (b'{"sku": "", "quantity": 1}', 422, "invalid", "/sku"),
        (b'{"sku": "A\\u0000", "quantity": 1}', 422, "invalid", "/sku"),
        (b'{"sku": 1, "quantity": 1}', 422, "invalid", "/sku"),
        (b'{"sku": "A", "quantity": 0}', 422, "invalid", "/quantity"),
        (b'{"sku": "A", "quantity": -1}', 422, "invalid", "/quantity"),
        (b'{"sku": "A", "quantity": 1000000000}', 422, "invalid", "/quantity"),
        (b'{"sku": "A", "quantity": 1e400}', 422, "invalid", "/quantity"),
        (b'{"sku": "A", "quantity": 123456789012345678901234567890}', 422, "invalid", "/quantity"),
        (b'{"sku": "A", "quantity": 1.5}', 422, "invalid", "/quantity"),
        (b'{"sku": "A", "quantity": "1"}', 422, "invalid", "/quantity"),
        (b'{"sku": "A", "quantity": true}', 422, "invalid", "/quantity"),
        (b'{"sku": "A", "quantity": 1, "qty": 2}', 422, "invalid", "/qty"),
        (b'{"sku": "A", "quantity": 1, "currency": "USD"}', 422, "invalid", "/currency"),
    ],
)
async def test_bad_bodies(
    api: Api, database: Database, body: bytes, status: int, code: str, pointer: str | None
) -> None:
    """Each is a clear 4xx that points at the field, and nothing is written."""
    answer = await api.post("/api/v1/cart/items", content=body, headers={"Content-Type": "application/json"})

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error.get("pointer") for error in problem.get("errors", [])] == ([] if pointer is None else [pointer])
    assert await database.fetch("SELECT FROM carts") == []


async def test_another_media_type(api: Api) -> None:
    """A form is told to be JSON."""
    answer = await api.post("/api/v1/cart/items", data={"sku": "A", "quantity": "1"})

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_nested_pointer(api: Api) -> None:
    """Inside an address, too: missing and unknown fields are named."""
    address = msgspec.to_builtins(shop.NEW_YORK)
    headers = {"Content-Type": "application/json"}
    for change, pointer in (({"country": None}, "country"), ({"regoin": "NY"}, "regoin"), ({"country": "XX"}, None)):
        body = msgspec.json.encode({"shipping_address": {**address, **change}})

        answer = await api.post("/api/v1/checkout/quote", content=body, headers=headers)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/shipping_address" + (f"/{pointer}" if pointer else "")


async def test_too_large(api: Api) -> None:
    """One byte over a megabyte is too much, announced or not."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 65536

    for content in (b" " * (1024 * 1024 + 1), chunks()):
        answer = await api.post("/api/v1/cart/items", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_nothing_there(api: Api) -> None:
    """Unknown paths, paths that cannot be, and methods that are not."""
    for path in ("/nothing", "/api/v1/nothing", "/api/v1/cart/items", "/api/v1/products/UPPER CASE"):
        answer = await api.get(path)
        assert answer.json()["code"] == ("method_not_allowed" if path.endswith("items") else "not_found")
    refused = await api.client.put("/api/v1/cart")
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    assert set(refused.headers["allow"].split(", ")) == {"GET", "DELETE", "OPTIONS"}


async def test_parameters(api: Api) -> None:
    """Query and header parameters are named, not pointed at."""
    for path, parameter in (
        ("/api/v1/products?limit=0", "limit"),
        ("/api/v1/products?limit=101", "limit"),
        ("/api/v1/products?limit=ten", "limit"),
        ("/api/v1/products?currency=DOLLAR", "currency"),
    ):
        answer = await api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"caf\xe9", b"a\x01b"])
async def test_bad_idempotency_key(api: Api, key: bytes) -> None:
    """1 to 255 printable ASCII characters."""
    answer = await api.post("/api/v1/cart/items", json={"sku": "A", "quantity": 1}, headers=[(b"idempotency-key", key)])

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"


async def test_a_defect_leaks_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gets an id to quote, not our trace."""

    def broken(*_: object) -> None:
        raise KeyError("hunter2")

    monkeypatch.setattr("api.cart.reply", broken)

    answer = await api.get("/api/v1/cart", headers={"X-Request-Id": "quote-me-1"})

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "hunter2" not in answer.text
    assert answer.headers["x-request-id"] == "quote-me-1"


async def test_postgres_away(start_api: StartApi) -> None:
    """503 with Retry-After, and who is missing."""
    api = await start_api(DATABASE_URL=f"postgresql://nobody@{NOBODY}/nothing")

    for answer in (
        await api.get("/api/v1/products"),
        await api.post("/api/v1/cart/items", json={"sku": "A", "quantity": 1}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.json()["facts"] == {"neighbour": "postgres"}
        assert answer.headers["retry-after"] == "2"
