"""Somebody with an account buys: no address typed twice, no token kept, and nobody else sees any of it."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from models.ids import UserId, new_id
from models.tables.address import addresses
from tests import people
from tests.books import Books
from tests.premises import BERLIN, NEW_YORK, House, Shopper


class Member(Shopper):
    """A buyer who is signed in."""

    def __init__(self, house: House, client: httpx.AsyncClient, user: UserId, books: Books) -> None:
        super().__init__(house, client)
        self.user = user
        self.books = books

    async def save(self, address: Mapping[str, str] = NEW_YORK, kind: str = "shipping") -> str:
        """An address in the book; its id."""
        identity = new_id()
        async with self.books.database.writing() as writer:
            row = {"id": identity, "user_id": self.user, "kind": kind, **address}
            await writer.execute(sa.insert(addresses).values(**row))
        return str(identity)

    def form(self, total: Any, address: str, method: str | None = "pm_card_visa", **changes: Any) -> dict[str, Any]:
        """The body of a checkout that names a saved address and no mail."""
        form = {**self.order_form(total, method), "shipping_address_id": address, **changes}
        return {name: value for name, value in form.items() if name not in ("email", "shipping_address")}

    async def read(self, number: str, path: str = "") -> httpx.Response:
        """One's own order, by its number alone."""
        return await self.http.get(f"/orders/{number}{path}")

    async def list(self, **query: Any) -> dict[str, Any]:
        """One's own orders."""
        answer = await self.http.get("/orders", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def member(house: House, books: Books) -> Member:
    """Somebody new, signed in."""
    async with books.database.writing() as writer:
        user = await people.account(writer)
        headers = await people.signed_in(writer, house.environment["SECRET_KEY"].encode(), user=user)
    return Member(house, house.client(**headers), user, books)


@pytest.fixture
async def ada(house: House, books: Books) -> AsyncIterator[Member]:
    """A buyer with an account."""
    found = await member(house, books)
    yield found
    await found.http.aclose()


@pytest.fixture
async def bob(house: House, books: Books) -> AsyncIterator[Member]:
    """Another one."""
    found = await member(house, books)
    yield found
    await found.http.aclose()


async def test_a_saved_address_and_no_mail_buy(house: House, ada: Member, bob: Member, books: Books) -> None:
    """Given an account with two addresses, then both ids make an order that its owner reads without a token.

    The mail goes to the account's address; to another account and to a guest the order is not there.
    """
    sku, home, office = await house.stock(5), await ada.save(), await ada.save(BERLIN, "billing")
    await ada.put(sku, 2)
    quoted = await ada.http.post("/checkout/quote", json={"shipping_address_id": home})
    assert quoted.json()["totals"]["total"] == {"amount": 2700, "currency": "usd"}

    answer = await ada.check_out(ada.form(quoted.json()["totals"]["total"], home, billing_address_id=office))

    assert answer.status_code == 201, answer.text
    placed = answer.json()["order"]
    order = await ada.order_when(placed, "confirmed")
    assert order["addresses"] == {"shipping": NEW_YORK, "billing": BERLIN}
    mine, timeline = await ada.read(placed["number"]), await ada.read(placed["number"], "/events")
    assert (mine.status_code, mine.json()) == (200, order)
    assert [event["type"] for event in timeline.json()["items"]][-1] == "order_confirmed"
    rows = await books.database.fetch("SELECT customer_id, email FROM orders WHERE number = $1", placed["number"])
    email = (await books.database.fetch("SELECT email FROM users WHERE id = $1", ada.user))[0]["email"]
    assert (rows[0]["customer_id"], rows[0]["email"]) == (ada.user, email)
    [letter] = await house.letters_when(placed["number"], 1)
    assert letter["to"] == [email]
    async with house.client() as guest:
        for client in (bob.http, guest):
            for path in ("", "/events"):
                stranger = await client.get(f"/orders/{placed['number']}{path}")
                assert (stranger.status_code, stranger.json()["code"]) == (404, "order_not_found")
            for command, body in (("pay", {"payment": {"payment_method": "pm_card_visa"}}), ("cancel", {})):
                stranger = await client.post(f"/orders/{placed['number']}/{command}", json=body)
                assert (stranger.status_code, stranger.json()["code"]) == (404, "order_not_found")
        with_token = await guest.get(f"/orders/{placed['number']}", headers={"Order-Token": placed["order_token"]})
        assert with_token.json() == order


async def test_what_a_checkout_needs_is_given_once(house: House, ada: Member, bob: Member, books: Books) -> None:
    """Both ways at once, neither, another's address, a guest's wish for one or without a mail: refused, none moves."""
    home, theirs, total = await ada.save(), await bob.save(), {"amount": 1600, "currency": "usd"}
    async with house.client() as client:
        guest = Shopper(house, client)
        for buyer in (ada, guest):
            await buyer.put(await house.stock(3))
        before = await books.count()
        asked: list[tuple[Shopper, dict[str, Any], int, str, str | None]] = [
            (ada, {"shipping_address": NEW_YORK, "shipping_address_id": home}, 422, "invalid", "/shipping_address_id"),
            (ada, {}, 422, "invalid", "/shipping_address"),
            (ada, {"shipping_address_id": theirs}, 404, "address_not_found", None),
            (ada, {"shipping_address_id": str(uuid4())}, 404, "address_not_found", None),
            (ada, {"shipping_address_id": "1"}, 422, "invalid", "/shipping_address_id"),
            (ada, {"shipping_address_id": home, "billing_address_id": theirs}, 404, "address_not_found", None),
            (ada, {"shipping_address_id": home, "billing_address_id": home, "billing_address": BERLIN},
             422, "invalid", "/billing_address_id"),
            (guest, {"shipping_address_id": home, "email": "ada@example.com"}, 404, "address_not_found", None),
            (guest, {"shipping_address": NEW_YORK}, 422, "invalid", "/email"),
        ]  # fmt: skip
        for buyer, given, status, code, pointer in asked:
            form = {**given, "shipping_method": "standard", "expected_total": total,
                    "payment": {"payment_method": "pm_card_visa"}}  # fmt: skip
            answer = await buyer.check_out(form)
            assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
            assert [error["pointer"] for error in answer.json().get("errors", [])] == ([pointer] if pointer else [])
            if pointer != "/email" and "billing_address_id" not in given:
                wish = {name: value for name, value in given.items() if name != "email"}
                headers = {"Cart-Token": buyer.cart_token}
                quoted = await buyer.http.post("/checkout/quote", json=wish, headers=headers)
                assert (quoted.status_code, quoted.json()["code"]) == (status, code), quoted.text
        assert await books.count() == before


async def test_a_repeat_stays_the_same_request_when_its_address_changes(
    house: House, ada: Member, books: Books
) -> None:
    """Given a declined checkout by a saved address, when that is changed and then deleted, then its key still
    answers alike; without the key it is another order, which the open one keeps off."""
    home, key = await ada.save(), uuid4().hex
    await ada.put(await house.stock(3))
    form = ada.form({"amount": 1600, "currency": "usd"}, home, "pm_card_chargeDeclined")
    first = await ada.check_out(form, key)
    assert first.status_code == 402
    before = await books.count()
    async with books.database.writing() as writer:
        await writer.execute(sa.update(addresses).where(addresses.c.id == UUID(home)).values(line1="2 Side St"))

    changed, fresh, other = (
        await ada.check_out(form, key), await ada.check_out(form, uuid4().hex), await ada.check_out(form),
    )  # fmt: skip
    reused = await ada.check_out({**form, "shipping_address_id": await ada.save()}, key)
    async with books.database.writing() as writer:
        await writer.execute(sa.delete(addresses).where(addresses.c.id == UUID(home)))
    gone, unknown = await ada.check_out(form, key), await ada.check_out(form)

    assert [(answer.status_code, answer.text) for answer in (changed, gone)] == [(402, first.text)] * 2
    assert [(answer.status_code, answer.json()["code"]) for answer in (fresh, other)] == [(409, "order_open")] * 2
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "address_not_found")
    assert await books.count() == before
    number = first.json()["facts"]["order"]["number"]
    assert (await ada.read(number)).json()["addresses"]["shipping"] == NEW_YORK


async def test_a_refused_checkout_is_read_by_its_owner(house: House, ada: Member, bob: Member, books: Books) -> None:
    """Given a refused checkout, then its number shows its owner why; an unborn one is awaited; others see neither."""
    home = await ada.save()
    await ada.put(await house.stock(1), 2)
    refused = await ada.check_out(ada.form({"amount": 2700, "currency": "usd"}, home))
    assert (refused.status_code, refused.json()["code"]) == (409, "out_of_stock")
    [row] = await books.database.fetch("SELECT number FROM checkouts WHERE cart_id = $1", ada.user)

    mine, theirs = await ada.read(row["number"]), await bob.read(row["number"])

    assert (mine.status_code, mine.json()["status"], mine.json()["cancel_reason"]) == (200, "cancelled", "out_of_stock")
    assert (theirs.status_code, theirs.json()["code"]) == (404, "order_not_found")
    assert await ada.list() == {"items": [], "next_cursor": None, "total": None}


async def test_ones_own_orders(house: House, ada: Member, bob: Member) -> None:
    """Given three orders, then they are listed newest first, page by page, by status, and to their buyer alone."""
    home = await ada.save()
    skus = [await house.stock(9) for _ in range(4)]
    numbers = []
    for count in (1, 4):
        for sku in skus[:count]:
            await ada.put(sku, 2)
        total = {"amount": 2000 * count + 200 * count + 500, "currency": "usd"}
        placed = (await ada.check_out(ada.form(total, home))).json()["order"]
        await ada.order_when(placed, "confirmed")
        numbers.append(placed["number"])
    await ada.put(skus[0])
    declined = await ada.check_out(ada.form({"amount": 1600, "currency": "usd"}, home, "pm_card_chargeDeclined"))
    numbers.append(declined.json()["facts"]["order"]["number"])

    first = await ada.list(limit=2)
    second = await ada.list(limit=2, cursor=first["next_cursor"])

    assert [order["number"] for order in first["items"] + second["items"]] == numbers[::-1]
    assert second["next_cursor"] is None
    pending, many = first["items"]
    assert (pending["status"], pending["payment_status"], pending["can"]) == ("pending", "failed", ["cancel", "pay"])
    assert {name: value for name, value in many.items() if name != "placed_at"} == {
        "number": numbers[1], "status": "confirmed", "payment_status": "paid", "fulfilment_status": "unfulfilled",
        "total": {"amount": 9300, "currency": "usd"}, "item_count": 8, "can": ["cancel", "edit"],
        "items": [{"sku": sku, "name": sku.title(), "quantity": 2} for sku in skus[:3]],
    }  # fmt: skip
    assert [order["number"] for order in (await ada.list(status="pending"))["items"]] == numbers[2:]
    assert (await bob.list())["items"] == []
    for query, status, code in (
        ({"status": "lost"}, 422, "invalid"), ({"limit": 101}, 422, "invalid"), ({"cursor": "x"}, 400, "cursor_unknown")
    ):  # fmt: skip
        answer = await ada.http.get("/orders", params=query)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    async with house.client() as guest:
        assert (await guest.get("/orders")).status_code == 401
    cancelled = await ada.http.post(f"/orders/{numbers[2]}/cancel", json={})
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")


async def test_the_buyer_is_told_of_every_turn(house: House, ada: Member, bob: Member) -> None:
    """Given a declined and then paid order and one that is given up, then each turn is one notification of its buyer's,
    none of a guest's order, and the bell counts what is not read."""
    home = await ada.save()
    await ada.put(await house.stock(3))
    total = {"amount": 1600, "currency": "usd"}
    declined = await ada.check_out(ada.form(total, home, "pm_card_chargeDeclined"))
    first = declined.json()["facts"]["order"]
    assert (await ada.pay(first, "pm_card_visa")).status_code == 200
    await ada.order_when(first, "confirmed")
    await ada.put(await house.stock(3))
    second = (await ada.check_out(ada.form(total, home, None))).json()["order"]
    assert (await ada.cancel(second)).status_code == 200
    async with house.client() as client:
        guest = Shopper(house, client)
        await guest.order_when((await guest.buy(await house.stock(1))).json()["order"], "confirmed")

    told = (await ada.http.get("/notifications")).json()["items"]

    assert [(each["kind"], each["order_number"]) for each in told] == [
        ("order_cancelled", second["number"]), ("order_confirmed", first["number"]),
        ("payment_failed", first["number"]),
    ]  # fmt: skip
    assert told[0]["text"] == f"Your order {second['number']} was cancelled: you called it off."
    assert told[1]["text"] == f"Your order {first['number']} of $16.00 is confirmed. Thank you!"
    assert (await ada.http.get("/notifications/unread-count")).json() == {"count": 3}
    assert (await ada.http.post(f"/notifications/{told[0]['id']}/read")).status_code == 200
    assert (await ada.http.post("/notifications/read-all")).json() == {"count": 2}
    assert (await bob.http.get("/notifications")).json()["items"] == []
