"""What every operation of the API has: a name, its words, its codes, and a key under which it is done only once."""

import json
import re
from typing import Any

import msgspec
import pytest

from api.access import Access
from api.app import BASE, create_app
from api.limits import Limit
from models.settings import api_settings
from tests.routes import AT_THE_DESK, ROUTES

APP = create_app(
    api_settings(
        {
            "DATABASE_URL": "postgresql://nowhere", "REDIS_URL": "redis://nowhere", "TEMPORAL_ADDRESS": "nowhere:1",
            "SECRET_KEY": "s" * 32, "STRIPE_WEBHOOK_SECRET": "whsec_1", "MEDIA_DIR": "/nonexistent",
        }
    )
)  # fmt: skip
SCHEMA: dict[str, Any] = APP.openapi_schema.to_schema()
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, operations in SCHEMA["paths"].items() for method, operation in operations.items()
}  # fmt: skip
OURS = sorted(name for name in OPERATIONS if f" {BASE}/" in name)
POSTS = [name for name in OURS if name.startswith("POST")]

WITHOUT_A_KEY = {
    "POST /api/v1/webhooks/stripe": "the provider's event has an id, under which it is taken in once",
    "POST /api/v1/webhooks/chapa": "the same event is taken in once",
    "POST /api/v1/checkout/quote": "changes nothing",
    "POST /api/v1/admin/mail-templates/{template}/{language}/preview": "changes nothing",
    "POST /api/v1/admin/codec/decode": "changes nothing",
    "POST /api/v1/admin/codec/encode": "changes nothing",
    "POST /api/v1/auth/token/verify": "changes nothing",
    "POST /api/v1/search/clicks": "adds one to a sum of many",
    "POST /api/v1/auth/logout": "a session ends once, and again is as good",
    "POST /api/v1/unsubscribe/{token}": "a mail program posts it (RFC 8058), and again is as good",
}
"""POSTs that take no Idempotency-Key, each with its reason."""


def test_every_route_says_whom_it_is_for() -> None:
    """Given the app, then each route has its row in tests/routes.py, and each row its route."""
    routes = {
        f"{method} {route.path}"
        for route in APP.routes for method in getattr(route, "methods", ()) if method not in ("OPTIONS", "HEAD")
    }  # fmt: skip
    assert routes == set(ROUTES) | set(AT_THE_DESK)


def test_every_schema_is_the_decoder_s_own() -> None:
    """Given the schemas, then each is used, each that is used exists, and none was renamed because two share a name."""
    known = set(SCHEMA["components"]["schemas"])
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(SCHEMA))) == known
    assert {name for name in known if not name.isidentifier()} == set()
    assert SCHEMA["components"]["schemas"]["AddItem"]["additionalProperties"] is False


@pytest.mark.parametrize("name", POSTS)
def test_what_is_posted_is_done_once(name: str) -> None:
    """Given a POST, then it takes an Idempotency-Key, unless it stands above with its reason."""
    headers = {each["name"] for each in OPERATIONS[name].get("parameters", ()) if each["in"] == "header"}
    assert ("Idempotency-Key" in headers) is not (name in WITHOUT_A_KEY)


def test_exceptions_exist() -> None:
    """Given the exceptions, then each is an operation."""
    assert WITHOUT_A_KEY.keys() - set(POSTS) == set()


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_has_its_words(name: str) -> None:
    """Given an operation, then its id is a verb phrase, its tag one that the document explains, its summary a line."""
    operation = OPERATIONS[name]
    assert re.fullmatch(r"[a-z]+([A-Z][a-z0-9]*)*", operation["operationId"])
    assert (
        [tag for tag in operation["tags"] if tag in {tag["name"] for tag in SCHEMA["tags"]}] == operation["tags"] != []
    )
    assert re.fullmatch(r"[A-Z].{3,80}[^.]", operation["summary"]), operation["summary"]
    assert re.search(r"[.?]$", operation["description"].split("\n")[0]), operation["description"]


def test_ids_are_unique() -> None:
    """Given all operations, then no two share an id: clients are generated from them."""
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", OURS)
def test_an_operation_tells_its_codes(name: str) -> None:
    """Given an operation, then it documents one success at least, and each refusal as a problem with its codes."""
    responses = OPERATIONS[name]["responses"]
    assert [status for status in responses if status.startswith("2")] != []
    for status, response in responses.items():
        if status >= "4":
            content = response["content"]
            assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}, status
            assert re.fullmatch(r"`\w+`(, `\w+`)*", response["description"]), status
    taken = OPERATIONS[name].get("requestBody") is not None
    assert {"413", "415", "422"} <= responses.keys() or not taken
    assert {"400", "503"} <= responses.keys()


def test_what_is_limited_names_an_account() -> None:
    """Given an operation with a limit of its own, then its body, or a sign-in, tells which account is counted too."""
    limited = {
        handler.operation_id: handler
        for route in APP.routes for handler in getattr(route, "route_handlers", ())
        if isinstance(handler.opt.get("limited"), Limit) and handler.opt["limited"] is not Limit.UNCOUNTED
    }  # fmt: skip
    for name, handler in limited.items():
        body = handler.parsed_data_field
        fields = {field.name for field in msgspec.structs.fields(body.annotation)} if body else set()
        assert fields & {"email", "refresh_token"} or handler.opt["access"] is not Access.PUBLIC, name
