"""What clients get wrong, told apart: each a clear problem with a code, and the proof that nothing moved."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.books import Books
from tests.premises import NEW_YORK, House, Shopper

JSON = {"Content-Type": "application/json"}
USD = {"amount": 1600, "currency": "usd"}


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that it is a problem as the contract has it; the problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert len(answer.headers["X-Request-Id"]) >= 8
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code), problem
    assert problem["type"].endswith(code)
    assert problem["title"] and problem["detail"]
    assert "Traceback" not in answer.text
    assert ("errors" in problem) == (code == "invalid") or code == "malformed", problem
    return problem


@pytest.fixture
async def full(house: House, shopper: Shopper) -> Shopper:
    """A shopper with one item of 10.00 in the cart."""
    await shopper.put(await house.stock(5))
    return shopper


@pytest.fixture
async def unmoved(full: Shopper, books: Books) -> AsyncIterator[None]:
    """Counts all rows, units and intents before and after."""
    before = await books.count()
    yield
    assert await books.count() == before


ITEMS: list[tuple[str, Any, int, str, str | None]] = [
    ("unknown SKU", {"sku": "NO-SUCH"}, 422, "unknown_sku", None),
    ("SKU of another case", {"sku": "no-such"}, 422, "unknown_sku", None),
    ("no SKU", {"sku": ...}, 422, "invalid", "/sku"),
    ("empty SKU", {"sku": ""}, 422, "invalid", "/sku"),
    ("null byte in SKU", {"sku": "T-\0"}, 422, "invalid", "/sku"),
    ("line end in SKU", {"sku": "T-1\n"}, 422, "invalid", "/sku"),
    ("SKU beyond measure", {"sku": "T" * 101}, 422, "invalid", "/sku"),
    ("SQL as SKU", {"sku": "'; DROP TABLE orders; --"}, 422, "unknown_sku", None),
    ("emoji as SKU", {"sku": "🧦"}, 422, "unknown_sku", None),
    ("lone surrogate", {"sku": "\ud800"}, 400, "malformed", None),
    ("no quantity", {"quantity": ...}, 422, "invalid", "/quantity"),
    ("nothing", {"quantity": 0}, 422, "invalid", "/quantity"),
    ("less than nothing", {"quantity": -1}, 422, "invalid", "/quantity"),
    ("a billion", {"quantity": 10**9}, 422, "invalid", "/quantity"),
    ("beyond any integer", {"quantity": 10**40}, 422, "invalid", "/quantity"),
    ("a fraction", {"quantity": 1.5}, 422, "invalid", "/quantity"),
    ("a whole fraction", {"quantity": 1e999}, 400, "malformed", None),
    ("a string", {"quantity": "2"}, 422, "invalid", "/quantity"),
    ("true", {"quantity": True}, 422, "invalid", "/quantity"),
    ("null", {"quantity": None}, 422, "invalid", "/quantity"),
    ("a list", {"quantity": [1]}, 422, "invalid", "/quantity"),
    ("another currency", {"currency": "eur"}, 409, "currency_mismatch", None),
    ("upper case currency", {"currency": "USD"}, 422, "invalid", "/currency"),
    ("no currency at all", {"currency": "zzz"}, 409, "currency_mismatch", None),
    ("a field we do not know", {"price": 1}, 422, "invalid", "/price"),
]


@pytest.mark.parametrize(
    ("change", "status", "code", "pointer"), [row[1:] for row in ITEMS], ids=[row[0] for row in ITEMS]
)
@pytest.mark.usefixtures("unmoved")
async def test_an_item_that_cannot_be_added(
    house: House, full: Shopper, change: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    """Each is refused with the field at fault, and the cart is as it was."""
    body = {"sku": "T-1", "quantity": 1, **change}
    if "currency" in change:
        body["sku"] = (await full.cart())["items"][0]["sku"]

    answer = await full.http.post("/cart/items", content=_json(body), headers={**JSON, "Cart-Token": full.cart_token})

    problem = refused(answer, status, code)
    if code == "invalid":
        assert [error["pointer"] for error in problem["errors"]] == [pointer], problem


def _address(**change: Any) -> dict[str, Any]:
    return {"shipping_address": {**NEW_YORK, **change}}


CHECKOUTS: list[tuple[str, Any, int, str, str | None]] = [
    ("wrong currency", {"expected_total": {"amount": 1600, "currency": "eur"}}, 409, "currency_mismatch", None),
    ("unknown currency", {"expected_total": {**USD, "currency": "zzz"}}, 422, "invalid", "/expected_total"),
    ("upper case currency", {"expected_total": {**USD, "currency": "USD"}}, 422, "invalid", "/expected_total"),
    ("money as a float", {"expected_total": {**USD, "amount": 16.0}}, 422, "invalid", "/expected_total/amount"),
    ("money as a string", {"expected_total": {**USD, "amount": "1600"}}, 422, "invalid", "/expected_total/amount"),
    ("money without bounds", {"expected_total": {**USD, "amount": 10**30}}, 422, "invalid", "/expected_total"),
    ("money beyond measure", {"expected_total": {**USD, "amount": 10**16}}, 422, "invalid", "/expected_total"),
    ("money as a number", {"expected_total": 1600}, 422, "invalid", "/expected_total"),
    ("no total", {"expected_total": ...}, 422, "invalid", "/expected_total"),
    ("no address", {"shipping_address": ...}, 422, "invalid", "/shipping_address"),
    ("no country", _address(country=...), 422, "invalid", "/shipping_address/country"),
    ("a country that is none", _address(country="XX"), 422, "invalid", "/shipping_address"),
    ("country in lower case", _address(country="us"), 422, "invalid", "/shipping_address/country"),
    ("country by name", _address(country="United States"), 422, "invalid", "/shipping_address/country"),
    ("no name", _address(full_name=""), 422, "invalid", "/shipping_address/full_name"),
    ("null byte", _address(line1="1 Main\0St"), 422, "invalid", "/shipping_address/line1"),
    ("control character", _address(city="New\x1bYork"), 422, "invalid", "/shipping_address/city"),
    ("line end", _address(city="New York\n"), 422, "invalid", "/shipping_address/city"),
    ("a novel", _address(line2="x" * 201), 422, "invalid", "/shipping_address/line2"),
    ("misspelt field", _address(zip="10001"), 422, "invalid", "/shipping_address/zip"),
    ("billing without country", {"billing_address": {**NEW_YORK, "country": ...}}, 422, "invalid",
     "/billing_address/country"),
    ("no mail address", {"email": "ada"}, 422, "invalid", "/email"),
    ("two mail addresses", {"email": "eve@example.com,ada@example.com"}, 422, "invalid", "/email"),
    ("another recipient", {"email": "eve,ada@example.com"}, 422, "invalid", "/email"),
    ("mail header", {"email": "ada@example.com\nBcc: eve@example.com"}, 422, "invalid", "/email"),
    ("null byte in mail", {"email": "ada@exam\0ple.com"}, 422, "invalid", "/email"),
    ("unknown shipping", {"shipping_method": "drone"}, 422, "shipping_method_unknown", None),
    ("null byte in shipping", {"shipping_method": "drone\0"}, 422, "shipping_method_unknown", None),
    ("no shipping", {"shipping_method": ""}, 422, "invalid", "/shipping_method"),
    ("no payment", {"payment": ...}, 422, "invalid", "/payment"),
    ("unknown provider", {"payment": {"provider": "barter"}}, 422, "invalid", "/payment/provider"),
    ("a card number", {"payment": {"payment_method": "4242 4242 4242 4242"}}, 422, "invalid",
     "/payment/payment_method"),
    ("path as payment method", {"payment": {"payment_method": "../../refunds"}}, 422, "invalid",
     "/payment/payment_method"),
    ("a field we do not know", {"coupon": "FREE"}, 422, "invalid", "/coupon"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "status", "code", "pointer"), [row[1:] for row in CHECKOUTS], ids=[row[0] for row in CHECKOUTS]
)
async def test_a_checkout_that_cannot_be(
    full: Shopper, books: Books, change: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    """Each is refused with the field at fault; no order, no hold, no intent, and the cart is as it was."""
    before = await books.count()

    answer = await full.http.post(
        "/checkout", content=_json(full.order_form(USD, **change)), headers={**JSON, "Cart-Token": full.cart_token}
    )

    problem = refused(answer, status, code)
    if code == "invalid":
        assert [error["pointer"] for error in problem["errors"]] == [pointer], problem
    # What the order's owner refused is remembered, so that a repeat is answered alike.
    after = await books.count()
    assert after == {**before, "checkouts": after["checkouts"]}
    right = await full.check_out(full.order_form(await full.quote()))
    assert right.status_code == 201, right.text
    await full.order_when(right.json()["order"], "confirmed")


@pytest.mark.parametrize("amount", [0, -1600, 1599, 10**15])
async def test_a_stale_total_is_told(full: Shopper, books: Books, amount: int) -> None:
    """Whatever total the buyer names, the right one is told and nothing is taken."""
    before = await books.count()

    answer = await full.check_out(full.order_form({**USD, "amount": amount}))

    assert refused(answer, 409, "price_changed")["facts"]["total"] == USD
    assert await books.count() == {**before, "checkouts": before["checkouts"] + 1}


async def test_an_empty_cart_is_not_bought(house: House, full: Shopper, books: Books) -> None:
    """Never filled, emptied, without a token, or with one that we never gave out: there is nothing to buy."""
    async with house.client() as client:
        stranger = Shopper(house, client)
        stranger.cart_token = (await client.get("/cart")).json()["cart_token"]
        other = Shopper(house, client)
        await other.put(await house.stock(1))
        before = await books.count()
        altered = other.cart_token[:-1] + ("E" if other.cart_token.endswith("A") else "A")
        tokens = [stranger.cart_token, "", "nonsense", "A" * 43, altered, other.cart_token * 2]
        bodies = {"/checkout": full.order_form(USD), "/checkout/quote": {"shipping_address": NEW_YORK}}
        answers = [
            await client.post(path, json=body, headers={"Cart-Token": token} if token else {})
            for path, body in bodies.items()
            for token in tokens
        ]
        assert await books.count() == before
    await full.http.delete("/cart", headers={"Cart-Token": full.cart_token})
    answers.append(await full.check_out(full.order_form(USD)))

    assert len({refused(answer, 409, "cart_empty")["detail"] for answer in answers}) == 1


COMMANDS: list[tuple[str, str, Any, str]] = [
    ("pay with nothing", "pay", {}, "/payment"),
    ("pay without a method", "pay", {"payment": {}}, "/payment/payment_method"),
    ("pay with null", "pay", {"payment": {"payment_method": None}}, "/payment/payment_method"),
    ("pay with a path", "pay", {"payment": {"payment_method": "pm/../refunds"}}, "/payment/payment_method"),
    ("pay by barter", "pay", {"payment": {"payment_method": "pm_card_visa", "provider": "barter"}},
     "/payment/provider"),
    ("pay with a field too many", "pay", {"payment": {"payment_method": "pm_card_visa"}, "amount": 1}, "/amount"),
    ("cancel for no reason", "cancel", {"reason": ""}, "/reason"),
    ("cancel with a novel", "cancel", {"reason": "x" * 501}, "/reason"),
    ("cancel with a null byte", "cancel", {"reason": "too\0expensive"}, "/reason"),
    ("cancel with an escape", "cancel", {"reason": "too\x1bexpensive"}, "/reason"),
    ("cancel with a number", "cancel", {"reason": 1}, "/reason"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "body", "pointer"), [row[1:] for row in COMMANDS], ids=[row[0] for row in COMMANDS]
)
async def test_a_command_that_makes_no_sense(
    full: Shopper, books: Books, command: str, body: dict[str, Any], pointer: str
) -> None:
    """The order stays as it is, and still takes a sensible one."""
    declined = await full.check_out(full.order_form(USD, "pm_card_chargeDeclined"))
    placed = declined.json()["facts"]["order"]
    before = await books.count()

    answer = await full.http.post(
        f"/orders/{placed['number']}/{command}", json=body, headers={"Order-Token": placed["order_token"]}
    )

    assert [error["pointer"] for error in refused(answer, 422, "invalid")["errors"]] == [pointer]
    assert await books.count() == before
    assert (await full.cancel(placed, "zu teuer: 🙈\nund zu spät")).json()["status"] == "cancelled"


BODIES: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("nothing", b"", JSON, 400, "malformed"),
    ("no JSON", b"sku=T-1&quantity=1", JSON, 400, "malformed"),
    ("truncated", b'{"sku": "T-1", "quant', JSON, 400, "malformed"),
    ("two values", b'{"sku": "T-1", "quantity": 1}{}', JSON, 400, "malformed"),
    ("no UTF-8", b'{"sku": "\xff\xfe", "quantity": 1}', JSON, 400, "malformed"),
    ("NaN", b'{"sku": "T-1", "quantity": NaN}', JSON, 400, "malformed"),
    ("comment", b'{"sku": "T-1", /* one */ "quantity": 1}', JSON, 400, "malformed"),
    ("nested beyond measure", b'{"sku": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON, 422, "invalid"),
    ("a list", b"[]", JSON, 422, "invalid"),
    ("null", b"null", JSON, 422, "invalid"),
    ("two megabytes", b'{"sku": "' + b"x" * 2_000_000 + b'", "quantity": 1}', JSON, 413, "body_too_large"),
    ("a form", b"sku=T-1", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
    ("XML", b"<sku/>", {"Content-Type": "application/xml"}, 415, "unsupported_media_type"),
    ("parts", b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}, 415, "unsupported_media_type"),
]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES]
)
@pytest.mark.usefixtures("unmoved")
async def test_a_body_that_cannot_be_read(
    full: Shopper, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """What is not JSON, too large or not an object is refused before anybody looks into it."""
    answer = await full.http.post("/cart/items", content=body, headers={**headers, "Cart-Token": full.cart_token})

    refused(answer, status, code)


@pytest.mark.usefixtures("unmoved")
async def test_a_body_without_an_end_is_cut_off(full: Shopper) -> None:
    """Sent in chunks, without a length to judge it by: refused as soon as it is too much."""

    async def without_end() -> AsyncIterator[bytes]:
        yield b'{"sku": "'
        for _ in range(2000):
            yield b"x" * 1000
        yield b'", "quantity": 1}'

    answer = await full.http.post("/cart/items", content=without_end(), headers=JSON)

    refused(answer, 413, "body_too_large")


@pytest.mark.usefixtures("unmoved")
async def test_a_key_twice_in_one_object_counts_once(full: Shopper) -> None:
    """The last one counts, as everywhere in JSON, and it is judged like any other."""
    body = b'{"sku": "T-1", "quantity": 1, "quantity": -5}'

    answer = await full.http.post("/cart/items", content=body, headers={**JSON, "Cart-Token": full.cart_token})

    refused(answer, 422, "invalid")


@pytest.mark.parametrize("path", ["/cart/items", "/checkout", "/orders/{number}/pay", "/orders/{number}/cancel"])
@pytest.mark.parametrize("key", ["", "x" * 256, "clé", "tab\tstop"], ids=["empty", "long", "not ASCII", "control"])
async def test_a_key_that_is_none(house: House, shopper: Shopper, books: Books, path: str, key: str) -> None:
    """An Idempotency-Key outside its alphabet or length is refused, everywhere alike."""
    placed = (await shopper.buy(await house.stock(5), 1, "pm_card_chargeDeclined")).json()["facts"]["order"]
    before = await books.count()
    bodies = {
        "/cart/items": {"sku": await house.stock(1), "quantity": 1}, "/checkout": shopper.order_form(USD),
        "/orders/{number}/pay": {"payment": {"payment_method": "pm_card_visa"}}, "/orders/{number}/cancel": {},
    }  # fmt: skip
    headers = {
        b"Cart-Token": shopper.cart_token.encode(), b"Order-Token": placed["order_token"].encode(),
        b"Idempotency-Key": key.encode(),
    }  # fmt: skip

    answer = await shopper.http.post(path.format(number=placed["number"]), json=bodies[path], headers=headers)

    problem = refused(answer, 422, "invalid")
    assert [error["parameter"] for error in problem["errors"]] == ["Idempotency-Key"]
    after = await books.count()
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == (
        {"stock_movements": 1, "on_hand": 1}  # the goods this test put on the shelf
    )


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("cursor=nonsense", 400, "cursor_unknown"),
        ("cursor=" + "A" * 64, 400, "cursor_unknown"),
        ("cursor=%00", 400, "cursor_unknown"),
        ("limit=0", 422, "invalid"),
        ("limit=101", 422, "invalid"),
        ("limit=-1", 422, "invalid"),
        ("limit=x", 422, "invalid"),
        ("currency=USD", 422, "invalid"),
        ("category=%27%20OR%201=1", 422, "invalid"),
    ],
)
@pytest.mark.usefixtures("unmoved")
async def test_a_page_that_cannot_be_turned(full: Shopper, query: str, status: int, code: str) -> None:
    """A forged cursor or a limit out of bounds."""
    refused(await full.http.get(f"/products?{query}"), status, code)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404), ("GET", "/orders/HF-1", 404), ("GET", "/orders/HF-OOOOO-11111", 404),
        ("GET", "/products/%00", 404), ("GET", "/products/No-Such", 404), ("GET", "/products/no-such", 404),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404), ("GET", "/categories/no-such", 404),
        ("PATCH", "/cart/items/not-an-id", 404), ("DELETE", "/checkout", 405), ("GET", "/checkout", 405),
        ("PUT", "/cart", 405), ("POST", "/products", 405), ("GET", "/webhooks/stripe", 405),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("unmoved")
async def test_an_address_that_leads_nowhere(full: Shopper, method: str, path: str, status: int) -> None:
    """Unknown paths and methods, in the same words as all other problems."""
    answer = await full.http.request(method, full.house.api + path)

    code = answer.json()["code"]
    refused(answer, status, code)
    if status == 405:
        assert answer.headers["Allow"]


async def test_a_look_costs_nothing(house: House, full: Shopper, books: Books) -> None:
    """HEAD answers as GET without a body, OPTIONS says what is possible, and a slash at the end is no other address."""
    before = await books.count()
    head = await full.http.head("/products")
    options = await full.http.options("/checkout")
    slashed = [await full.http.get("/products/"), await full.http.get("/cart/")]
    quoted = await full.http.post(
        "/checkout/quote/", json={"shipping_address": NEW_YORK}, headers={"Cart-Token": full.cart_token}
    )

    assert (head.status_code, head.content) == (200, b"")
    assert options.status_code in (200, 204)
    assert [answer.status_code for answer in slashed] == [200, 200]
    assert quoted.json()["totals"]["total"] == USD
    assert await books.count() == before


async def test_names_of_all_peoples_are_printed_as_given(house: House, full: Shopper) -> None:
    """Emoji, accents, right-to-left and CJK go through order and mail unharmed."""
    names = {"full_name": "Zoë 🦉 O'Brien-Łukasz", "line1": "שדרות רוטשילד 1", "line2": "東京タワー", "city": "القاهرة"}

    answer = await full.check_out(full.order_form(USD, shipping_address={**NEW_YORK, **names}, email="zoë@exämple.com"))

    assert answer.status_code == 201, answer.text
    order = await full.order_when(answer.json()["order"], "confirmed")
    assert {name: order["addresses"]["shipping"][name] for name in names} == names
    [letter] = await house.letters_when(order["number"], 1)
    for name in names.values():
        assert name in letter["text"]


def _json(body: Any) -> bytes:
    """As JSON; fields that are `...` are left out."""
    return json.dumps(_present(body)).encode()


def _present(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _present(field) for name, field in value.items() if field is not ...}
    return value
