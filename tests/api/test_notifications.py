"""What buyers are told inside the shop: listed, counted, read once, and nobody else's."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from models import clock
from models.database import Database
from models.ids import UserId, new_id
from models.tables.notification import notifications
from tests import people
from tests.api.conftest import Api

LIST = "/api/v1/notifications"
NUMBER = "HF-7KQ2M-4XWPD"


class Reader:
    """Somebody with an account and what it was told."""

    def __init__(self, api: Api, database: Database, user: UserId, headers: dict[str, str]) -> None:
        self.api = api
        self.database = database
        self.user = user
        self.headers = headers
        self._born = clock.now() - timedelta(days=1)

    async def told(self, kind: str = "order_delivered", **facts: Any) -> str:
        """Something more to read; its id."""
        identity = new_id()
        self._born += timedelta(seconds=1)
        row = {"id": identity, "user_id": self.user, "cause": str(identity), "kind": kind, "order_number": NUMBER,
               "facts": facts, "created_at": self._born}  # fmt: skip
        async with self.database.writing() as writer:
            await writer.execute(sa.insert(notifications).values(**row))
        return str(identity)

    async def ask(self, path: str = "", method: str = "GET", key: str | None = None, **query: Any) -> Any:
        """Any operation."""
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        return await self.api.client.request(method, LIST + path, params=query, headers=headers)

    async def ids(self, **query: Any) -> list[str]:
        """What is listed."""
        answer = await self.ask(**query)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    async def unread(self) -> int:
        """The figure on the bell."""
        answer = await self.ask("/unread-count")
        assert (answer.status_code, list(answer.json())) == (200, ["count"])
        count: int = answer.json()["count"]
        return count


async def reader(api: Api, database: Database) -> Reader:
    """Somebody new."""
    async with database.writing() as writer:
        user = await people.account(writer)
    return Reader(api, database, user, await api.sign_in(user=user))


@pytest.fixture
async def ada(api: Api, database: Database) -> Reader:
    """Somebody who was told nothing yet."""
    return await reader(api, database)


async def test_a_notification_has_facts_and_words(ada: Reader) -> None:
    """Given a parcel that left, then it is told in facts and in words, unread; and nothing else is there."""
    identity = await ada.told("order_shipped", carrier="UPS", tracking="1Z")
    answer = (await ada.ask()).json()
    [told] = answer["items"]
    assert {name: told[name] for name in told.keys() - {"created_at"}} == {
        "id": identity, "kind": "order_shipped", "order_number": NUMBER, "read_at": None, "title": "Order shipped",
        "facts": {"carrier": "UPS", "tracking": "1Z"},
        "text": f"Your order {NUMBER} is on its way with UPS, tracking number 1Z.",
    }  # fmt: skip
    assert (answer["next_cursor"], answer["total"]) == (None, None)


@pytest.mark.parametrize(
    ("account", "browser", "title"),
    [("de-AT", "fr", "Bestellung angekommen"), ("ja", "fr-CH, en;q=0.5", "Commande livrée"),
     ("am", None, "ትዕዛዝ ደርሷል"), ("ja", "zh", "Order delivered"), ("en", "de", "Order delivered")],
)  # fmt: skip
async def test_it_is_told_in_the_reader_s_language(ada: Reader, account: str, browser: str | None, title: str) -> None:
    """Given an account's language and a browser's, then words are in the account's, if it is one of ours."""
    identity = await ada.told("order_delivered")
    changed = await ada.api.client.patch("/api/v1/auth/me", json={"locale": account}, headers=ada.headers)
    assert changed.status_code == 200, changed.text
    headers = ada.headers = {**ada.headers, **({"Accept-Language": browser} if browser else {})}
    [told] = (await ada.ask()).json()["items"]
    read = await ada.api.client.post(f"{LIST}/{identity}/read", headers=headers)
    assert (told["title"], read.json()["title"]) == (title, title)
    assert NUMBER in told["text"]


async def test_the_newest_comes_first(ada: Reader) -> None:
    """Given five, then pages are newest first, and one that comes in between shifts nothing."""
    ids = [await ada.told() for _ in range(5)]
    first = (await ada.ask(limit=2)).json()
    newest = await ada.told()
    second = (await ada.ask(limit=2, cursor=first["next_cursor"])).json()
    third = (await ada.ask(limit=2, cursor=second["next_cursor"])).json()
    assert [item["id"] for page in (first, second, third) for item in page["items"]] == ids[::-1]
    assert third["next_cursor"] is None
    assert (await ada.ids())[0] == newest


async def test_what_is_read_is_read_once(ada: Reader) -> None:
    """Given three unread, when one is read twice, then it is since the first time, and two are left."""
    ids = [await ada.told() for _ in range(3)]
    assert (await ada.unread(), await ada.ids(unread="true")) == (3, ids[::-1])
    first, again = await ada.ask(f"/{ids[1]}/read", "POST"), await ada.ask(f"/{ids[1]}/read", "POST")
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert first.json()["read_at"] is not None
    assert (await ada.unread(), await ada.ids(unread="true")) == (2, [ids[2], ids[0]])
    assert await ada.ids() == await ada.ids(unread="false") == ids[::-1]


async def test_all_are_read_at_once(ada: Reader) -> None:
    """Given four unread of five, when all are read, by clicks at once, then four are counted once."""
    ids = [await ada.told() for _ in range(5)]
    kept = (await ada.ask(f"/{ids[0]}/read", "POST")).json()["read_at"]
    answers = await asyncio.gather(*(ada.ask("/read-all", "POST") for _ in range(3)))
    assert sorted(answer.json()["count"] for answer in answers) == [0, 0, 4]
    assert {answer.status_code for answer in answers} == {200}
    assert (await ada.unread(), await ada.ids(unread="true")) == (0, [])
    assert (await ada.ask()).json()["items"][-1]["read_at"] == kept


async def test_a_repeat_under_a_key_is_answered_alike(ada: Reader) -> None:
    """Given a key, then its first answer is given again, whatever came meanwhile; for another one it is refused."""
    one, other = await ada.told(), await ada.told()
    counted = await ada.ask("/read-all", "POST", "k")
    await ada.told()
    assert (await ada.ask("/read-all", "POST", "k")).json() == counted.json() == {"count": 2}
    assert await ada.unread() == 1
    read = await ada.ask(f"/{one}/read", "POST", "r")
    assert (await ada.ask(f"/{one}/read", "POST", "r")).json() == read.json()
    reused = await ada.ask(f"/{other}/read", "POST", "r")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_kind_of_a_newer_version_is_shown(ada: Reader) -> None:
    """Given a kind that this version does not know, then it is told all the same."""
    await ada.told("points_granted", points=7)
    [told] = (await ada.ask()).json()["items"]
    assert (told["kind"], told["title"], told["facts"]) == ("points_granted", "Points granted", {"points": 7})


async def test_everybody_reads_their_own(api: Api, database: Database, ada: Reader) -> None:
    """Given two accounts, then neither lists, counts or reads what the other was told; a guest nothing at all."""
    bob = await reader(api, database)
    theirs = await bob.told()
    assert (await ada.ids(), await ada.unread()) == ([], 0)
    for identity in (theirs, str(new_id())):
        answer = await ada.ask(f"/{identity}/read", "POST")
        assert (answer.status_code, answer.json()["code"]) == (404, "notification_not_found")
    assert (await ada.ask("/1/read", "POST")).status_code == 404
    assert (await ada.ask("/read-all", "POST")).json() == {"count": 0}
    assert await bob.unread() == 1
    for method, path in (("GET", ""), ("GET", "/unread-count"), ("POST", f"/{theirs}/read"), ("POST", "/read-all")):
        assert (await api.client.request(method, LIST + path)).status_code == 401
    for query, status in (({"unread": "perhaps"}, 422), ({"limit": 0}, 422), ({"cursor": "x"}, 400)):
        assert (await ada.ask(**query)).status_code == status
