"""The address book: one's own alone, with exactly one default a kind, whatever happens at once."""

import asyncio
from typing import Any

import msgspec
import pytest

from models.address import MOST_SAVED
from models.database import Database
from models.ids import UserId, new_id
from tests import people, shop
from tests.api.conftest import Api

BOOK = "/api/v1/addresses"
HOME: dict[str, Any] = {"kind": "shipping", **msgspec.to_builtins(shop.NEW_YORK)}
OFFICE: dict[str, Any] = {"kind": "billing", **msgspec.to_builtins(shop.BERLIN)}


class Owner:
    """Somebody with an account and its book."""

    def __init__(self, api: Api, database: Database, user: UserId, headers: dict[str, str]) -> None:
        self.api = api
        self.database = database
        self.user = user
        self.headers = headers

    async def save(self, **fields: Any) -> dict[str, Any]:
        """A shipping address more."""
        answer = await self.api.post(BOOK, json={**HOME, **fields}, headers=self.headers)
        assert answer.status_code == 201, answer.text
        saved: dict[str, Any] = answer.json()
        return saved

    async def change(self, saved: dict[str, Any], **fields: Any) -> Any:
        """A PATCH of it."""
        return await self.api.patch(f"{BOOK}/{saved['id']}", json=fields, headers=self.headers)

    async def book(self, **query: Any) -> dict[str, Any]:
        """The book."""
        answer = await self.api.get(BOOK, params=query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def defaults(self, kind: str = "shipping") -> list[str]:
        """Ids of the defaults of a kind."""
        return [each["id"] for each in (await self.book(kind=kind, limit=100))["items"] if each["is_default"]]

    async def rows(self) -> list[str]:
        """The book as Postgres has it."""
        rows = await self.database.fetch(
            "SELECT a::text AS row FROM addresses a WHERE user_id = $1 ORDER BY 1", self.user
        )
        return sorted(row["row"] for row in rows)


async def owner(api: Api, database: Database) -> Owner:
    """Somebody new."""
    async with database.writing() as writer:
        user = await people.account(writer)
    return Owner(api, database, user, await api.sign_in(user=user))


@pytest.fixture
async def ada(api: Api, database: Database) -> Owner:
    """Somebody with an empty book."""
    return await owner(api, database)


async def test_an_address_is_kept_as_it_was_given(ada: Owner) -> None:
    """Given an address, then it is answered whole, read by its id and found in the list; the first is the default."""
    given = {**HOME, "line2": "Apt 4 🦉", "phone": "+1 (212) 555-0100"}
    saved = await ada.save(**given)
    assert {name: saved[name] for name in saved.keys() - {"id", "created_at"}} == {**given, "is_default": True}
    read = await ada.api.get(f"{BOOK}/{saved['id']}", headers=ada.headers)
    assert (read.status_code, read.json()) == (200, saved)
    assert await ada.book() == {"items": [saved], "next_cursor": None, "total": None}
    bare = await ada.save(**{**OFFICE, "region": None})
    assert (bare["line2"], bare["region"], bare["phone"], bare["is_default"]) == (None, None, None, True)


async def test_the_book_is_leafed_through_by_kind(ada: Owner) -> None:
    """Given three shipping and one billing address, then pages are newest first, of one kind when asked."""
    ids = [(await ada.save(line1=f"{number} Main St"))["id"] for number in range(3)]
    office = await ada.save(**OFFICE)
    first = await ada.book(kind="shipping", limit=2)
    await ada.save(line1="new")
    second = await ada.book(kind="shipping", limit=2, cursor=first["next_cursor"])
    assert [each["id"] for each in first["items"] + second["items"]] == ids[::-1]
    assert second["next_cursor"] is None
    assert [each["id"] for each in (await ada.book(kind="billing"))["items"]] == [office["id"]]
    for query, status, code in (
        ({"kind": "summer"}, 422, "invalid"), ({"limit": 0}, 422, "invalid"), ({"cursor": "x"}, 400, "cursor_unknown"),
    ):  # fmt: skip
        answer = await ada.api.get(BOOK, params=query, headers=ada.headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_change_touches_only_what_it_names(ada: Owner) -> None:
    """Given an address, when fields are changed, then the others stay; null empties; {} changes nothing."""
    saved = await ada.save(line2="Apt 4", phone="+1 212")
    changed = await ada.change(saved, line1="2 Side St", line2=None, country="CA", region="ON")
    assert changed.status_code == 200
    assert changed.json() == {**saved, "line1": "2 Side St", "line2": None, "country": "CA", "region": "ON"}
    assert (await ada.change(saved)).json() == changed.json()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"full_name": None}, "/full_name"), ({"city": ""}, "/city"), ({"line1": "a\0b"}, "/line1"),
        ({"line2": "x" * 201}, "/line2"), ({"postal_code": "1" * 21}, "/postal_code"), ({"country": "usa"}, "/country"),
        ({"country": "XX"}, ""), ({"phone": "call me"}, "/phone"), ({"kind": "summer"}, "/kind"),
        ({"is_default": "yes"}, "/is_default"), ({"user_id": str(new_id())}, "/user_id"), ({"id": "1"}, "/id"),
    ],
)  # fmt: skip
async def test_what_is_no_address_is_not_kept(ada: Owner, fields: dict[str, Any], pointer: str) -> None:
    """Given a field that cannot be, when it is saved or changed, then 422 names it and the book stays as it is."""
    saved = await ada.save()
    before = await ada.rows()
    created = await ada.api.post(BOOK, json={**HOME, **fields}, headers=ada.headers)
    for answer in (created, await ada.change(saved, **fields)):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await ada.rows() == before


async def test_there_is_one_default_a_kind(ada: Owner) -> None:
    """Given several addresses, then the first is the default until another is made it, and it is never dropped."""
    first, second = await ada.save(), await ada.save(line1="2")
    office = await ada.save(**OFFICE)
    assert (await ada.defaults(), await ada.defaults("billing")) == ([first["id"]], [office["id"]])
    third = await ada.save(line1="3", is_default=True)
    assert (third["is_default"], await ada.defaults()) == (True, [third["id"]])
    moved = await ada.change(second, is_default=True)
    assert (moved.json()["is_default"], await ada.defaults()) == (True, [second["id"]])
    before = await ada.rows()
    dropped = await ada.change(second, is_default=False)
    assert (dropped.status_code, dropped.json()["code"]) == (409, "default_address_needed")
    assert await ada.rows() == before
    assert (await ada.change(third, is_default=False)).status_code == 200
    assert (await ada.defaults(), await ada.defaults("billing")) == ([second["id"]], [office["id"]])


async def test_a_default_that_goes_is_followed_by_the_newest(ada: Owner) -> None:
    """Given the default is deleted, then the newest other one of its kind becomes it, and after the last one none."""
    saved = [await ada.save(line1=str(number)) for number in range(3)]
    for gone, expected in ((0, 2), (1, 2)):
        answer = await ada.api.delete(f"{BOOK}/{saved[gone]['id']}", headers=ada.headers)
        assert (answer.status_code, answer.content) == (204, b"")
        assert await ada.defaults() == [saved[expected]["id"]]
    await ada.api.delete(f"{BOOK}/{saved[2]['id']}", headers=ada.headers)
    assert await ada.book() == {"items": [], "next_cursor": None, "total": None}
    again = await ada.api.delete(f"{BOOK}/{saved[2]['id']}", headers=ada.headers)
    assert (again.status_code, again.json()["code"]) == (404, "address_not_found")


async def test_an_address_changes_its_kind(ada: Owner) -> None:
    """Given the default moves to the other kind, then each kind has exactly one: no second, none missing."""
    first, second = await ada.save(), await ada.save(line1="2")
    office = await ada.save(**OFFICE)
    moved = await ada.change(first, kind="billing")
    assert (moved.json()["kind"], moved.json()["is_default"]) == ("billing", False)
    assert (await ada.defaults(), await ada.defaults("billing")) == ([second["id"]], [office["id"]])
    assert (await ada.change(second, kind="billing", is_default=True)).json()["is_default"]
    assert (await ada.defaults(), await ada.defaults("billing")) == ([], [second["id"]])
    assert (await ada.change(office, kind="shipping", is_default=False)).json()["is_default"], "it is the only one"


async def test_ten_defaults_at_once_leave_one(ada: Owner) -> None:
    """Given ten addresses, when all are made the default at once while more are saved, then exactly one is."""
    saved = [await ada.save(line1=str(number)) for number in range(10)]
    answers = await asyncio.gather(
        *(ada.change(address, is_default=True) for address in saved),
        *(ada.api.post(BOOK, json={**HOME, "is_default": True}, headers=ada.headers) for _ in range(5)),
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [201] * 5
    assert len(await ada.defaults()) == 1
    gone = await asyncio.gather(
        *(ada.api.delete(f"{BOOK}/{address['id']}", headers=ada.headers) for address in saved),
        *(ada.change(address, is_default=True) for address in saved),
    )
    assert {answer.status_code for answer in gone} <= {200, 204, 404}
    assert len((await ada.book())["items"]) == 5
    assert len(await ada.defaults()) == 1


async def test_a_book_has_an_end(ada: Owner) -> None:
    """Given room for two more, when five are saved at once, then two are, and the others hear that it is full."""
    async with ada.database.writing() as writer:
        await writer.exec_driver_sql(
            "INSERT INTO addresses (id, user_id, kind, full_name, line1, city, postal_code, country) "
            "SELECT gen_random_uuid(), $1, 'billing', 'A', 'B', 'C', '1', 'DE' FROM generate_series(1, $2)",
            (ada.user, MOST_SAVED - 2),
        )
    answers = await asyncio.gather(*(ada.api.post(BOOK, json=HOME, headers=ada.headers) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 422, 422, 422]
    refused = next(answer.json() for answer in answers if answer.status_code == 422)
    assert (refused["code"], refused["facts"]) == ("address_book_full", {"most": 50})
    assert len(await ada.rows()) == MOST_SAVED


async def test_an_address_is_saved_once_a_key(ada: Owner) -> None:
    """Given a double click, then one address and one answer; another body under the key is refused."""
    headers = {**ada.headers, "Idempotency-Key": "k"}
    answers = await asyncio.gather(*(ada.api.post(BOOK, json=HOME, headers=headers) for _ in range(3)))
    other = await ada.api.post(BOOK, json={**HOME, "line1": "2"}, headers=headers)
    assert [(answer.status_code, answer.json()) for answer in answers] == [(201, answers[0].json())] * 3
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(await ada.rows()) == 1


async def test_another_ones_address_does_not_exist(api: Api, database: Database, ada: Owner) -> None:
    """Given somebody else's id, or one never given, then 404 for everything, and their book stays as it is."""
    bob = await owner(api, database)
    theirs = await bob.save()
    before = await bob.rows()
    for identity in (theirs["id"], str(new_id())):
        for method, body in (("GET", None), ("PATCH", {"line1": "mine"}), ("DELETE", None)):
            answer = await api.client.request(method, f"{BOOK}/{identity}", json=body, headers=ada.headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "address_not_found"), method
    assert (await api.get(f"{BOOK}/1", headers=ada.headers)).status_code == 404
    assert (await bob.rows(), (await ada.book())["items"]) == (before, [])
    for method in ("GET", "POST"):
        answer = await api.client.request(method, BOOK)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_the_schema_shows_an_address(api: Api) -> None:
    """Given the documentation, then bodies have examples, and a change may leave everything out."""
    schemas = (await api.get("/docs/openapi.json")).json()["components"]["schemas"]
    assert schemas["NewAddress"]["properties"]["city"]["examples"] == ["New York"]
    assert set(schemas["NewAddress"]["required"]) == {"kind", "full_name", "line1", "city", "postal_code", "country"}
    assert "required" not in schemas["AddressChange"] or schemas["AddressChange"]["required"] == []
