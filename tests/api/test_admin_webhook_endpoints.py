"""Receivers of webhooks as staff keep them: their secret is seen once, and their address leads outside."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from models import clock
from models.database import Database
from models.outgoing import TOLD, Topic, secret
from models.roles import Role
from models.tables import order as orders
from models.tables import webhook_delivery as deliveries
from models.tables import webhook_endpoint as endpoints
from tests import shop
from tests.api.conftest import Api, StartApi
from tests.api.staff import ADMIN, log, state
from tests.models.tables.shelf import Shelf

LIST = f"{ADMIN}/webhook-endpoints"
URL = "https://erp.example.com/hooks"


async def made(api: Api, staff: dict[str, str], **body: Any) -> dict[str, Any]:
    """A receiver of everything, unless said otherwise."""
    answer = await api.post(LIST, json={"url": URL, "topics": ["*"], **body}, headers=staff)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_receiver_is_made_and_shows_its_secret_once(api: Api, database: Database) -> None:
    """Given a new receiver, also when it is asked for twice, then its secret is in that answer and nowhere else."""
    staff = await api.sign_in(Role.ADMIN)
    keyed = {**staff, "Idempotency-Key": "k-1"}
    body = {"url": URL, "topics": ["order.confirmed", "order.shipped"], "description": "The ERP", "reason": "#1"}

    answers = await asyncio.gather(*(api.post(LIST, json=body, headers=keyed) for _ in range(3)))

    assert [each.status_code for each in answers] == [201] * 3, answers[0].text
    first = answers[0].json()
    assert all(each.json() == first for each in answers)
    assert first["secret"].startswith("whsec_") and len(first["secret"]) == 50
    assert (first["status"], first["topics"], first["waiting"]) == ("active", body["topics"], 0)
    without = {name: value for name, value in first.items() if name != "secret"}
    assert (await api.get(f"{LIST}/{first['id']}", headers=staff)).json() == without
    assert (await api.get(LIST, headers=staff)).json()["items"] == [without]
    for rows in await state(database, "webhook_endpoints", "idempotent_requests"):
        assert first["secret"] not in rows
    after = {"url": URL, "topics": body["topics"], "description": "The ERP"}
    assert await log(database) == [("webhook_endpoint.create", first["id"], None, after, "#1")]


@pytest.mark.parametrize(
    "url",
    ["http://erp.example.com/x", "https://127.0.0.1/x", "https://10.1.2.3", "https://[::1]/x", "https://[::ffff:10.0.0.1]/",
     "https://192.168.0.1:8443/", "https://169.254.169.254/latest/meta-data", "https://[fd00::1]/", "https://0.0.0.0/",
     "https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/", "https://user:pw@erp.example.com/",
     "https://erp.example.com/#x", "https://100.64.0.1/", "https://224.0.0.1/", "https://[fe80::1]/"],
)  # fmt: skip
async def test_an_address_must_lead_outside(api: Api, database: Database, url: str) -> None:
    """Given an address inside, without TLS, or with a user, then it is refused, and nothing is kept."""
    staff = await api.sign_in(Role.ADMIN)
    known = await made(api, staff)
    before = await state(database, "webhook_endpoints")
    for answer in (
        await api.post(LIST, json={"url": url, "topics": ["*"]}, headers=staff),
        await api.patch(f"{LIST}/{known['id']}", json={"url": url}, headers=staff),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "webhook_url_unacceptable"), answer.text
    assert await state(database, "webhook_endpoints") == before


async def test_private_networks_may_be_allowed(start_api: StartApi) -> None:
    """Given the setting for developing, then a receiver may be on this machine."""
    api = await start_api(OUTGOING_PRIVATE="yes")
    staff = await api.sign_in(Role.ADMIN)
    assert (await made(api, staff, url="http://127.0.0.1:9000/hook"))["url"] == "http://127.0.0.1:9000/hook"


@pytest.mark.parametrize(
    "body",
    [{}, {"url": URL}, {"url": URL, "topics": []}, {"url": URL, "topics": ["order.paid"]},
     {"url": URL, "topics": ["*", "order.shipped"]}, {"url": URL, "topics": ["order.shipped", "order.shipped"]},
     {"url": "ftp://x", "topics": ["*"]}, {"url": "https://x y", "topics": ["*"]},
     {"url": "https://x\n", "topics": ["*"]},
     {"url": "https://" + "x" * 1000, "topics": ["*"]}, {"url": URL, "topics": ["*"], "secret": "mine"},
     {"url": URL, "topics": ["*"], "description": "a\0b"}, {"url": "https://[::1", "topics": ["*"]},
     {"url": "https://x:99999", "topics": ["*"]}, {"url": "https://\u00e4\ud7ff..example", "topics": ["*"]},
     {"url": "https://" + "\u00e4" * 70 + ".example", "topics": ["*"]}],
)  # fmt: skip
async def test_what_is_no_receiver_is_refused(api: Api, database: Database, body: dict[str, Any]) -> None:
    """Given a body that makes no sense, then it is refused as such, and nothing is kept."""
    staff = await api.sign_in(Role.ADMIN)
    before = await state(database, "webhook_endpoints")
    answer = await api.post(LIST, json=body, headers=staff)
    assert answer.status_code == 422, answer.text
    assert await state(database, "webhook_endpoints") == before


async def test_a_receiver_is_changed_and_archived(api: Api, database: Database) -> None:
    """Given changes, then what differs is written down; once archived, it can be looked at, and nothing else."""
    staff = await api.sign_in(Role.ADMIN)
    one = await made(api, staff, description="The ERP")
    place = f"{LIST}/{one['id']}"
    changed = await api.patch(place, json={"topics": ["order.shipped"], "description": None}, headers=staff)
    assert (changed.status_code, changed.json()["topics"], changed.json()["description"]) == (
        200,
        ["order.shipped"],
        None,
    )
    assert changed.json()["url"] == URL and "secret" not in changed.json()
    same = await api.patch(place, json={"topics": ["order.shipped"]}, headers=staff)
    assert same.json() == changed.json()
    assert (await api.delete(place, params={"reason": "gone"}, headers=staff)).status_code == 204
    assert (await api.delete(place, headers=staff)).status_code == 204
    assert (await api.get(place, headers=staff)).json()["status"] == "archived"
    assert (await api.get(LIST, headers=staff)).json()["items"] == []
    assert len((await api.get(LIST, params={"status": "archived"}, headers=staff)).json()["items"]) == 1
    refused = [await api.patch(place, json={"url": URL}, headers=staff)]
    refused += [
        await api.post(f"{place}/{what}", json={}, headers=staff) for what in ("rotate", "test", "pause", "resume")
    ]
    refused += [await api.post(f"{place}/replay", json={"status": "dead"}, headers=staff)]
    assert [(each.status_code, each.json()["code"]) for each in refused] == [(409, "archived")] * 6
    assert [(action, before, after, why) for action, _, before, after, why in await log(database)][1:] == [
        ("webhook_endpoint.change", {"topics": ["*"], "description": "The ERP"},
         {"topics": ["order.shipped"], "description": None}, None),
        ("webhook_endpoint.archive", {"status": "active"}, {"status": "archived"}, "gone"),
    ]  # fmt: skip


async def test_a_rotation_is_made_once(api: Api, database: Database) -> None:
    """Given a rotation sent twice, then there is one new secret, and the one before is good for as long as was said."""
    staff = await api.sign_in(Role.ADMIN)
    one = await made(api, staff)
    key: bytes = api.app.state.house.settings.secret_key
    keyed = {**staff, "Idempotency-Key": "k-2"}
    place = f"{LIST}/{one['id']}/rotate"
    answers = [await api.post(place, json={"overlap_hours": 48}, headers=keyed) for _ in range(2)]
    assert [each.status_code for each in answers] == [200] * 2, answers[0].text
    assert answers[0].json() == answers[1].json() != one
    assert answers[0].json()["secret"] == secret(key, (await endpoints.all_open(database))[0], 2) != one["secret"]
    assert answers[0].json()["previous_secret_until"] is not None
    at_once = await api.post(place, json={"overlap_hours": 0}, headers=staff)
    assert at_once.json()["secret"] not in (one["secret"], answers[0].json()["secret"])
    assert (await api.post(place, json={"overlap_hours": 169}, headers=staff)).status_code == 422
    assert [before for _, _, before, _, _ in await log(database)][1:] == [{"secret": 1}, {"secret": 2}]


async def test_pausing_and_resuming(api: Api, database: Database) -> None:
    """Given a pause and a resume, each twice, then each is made and written down once."""
    staff = await api.sign_in(Role.ADMIN)
    one = await made(api, staff)
    place = f"{LIST}/{one['id']}"
    for what, status, why in (("pause", "paused", "maintenance"), ("resume", "active", None)):
        for _ in range(2):
            answer = await api.post(f"{place}/{what}", json={"reason": "maintenance"}, headers=staff)
            assert (answer.status_code, answer.json()["status"], answer.json()["paused_reason"]) == (200, status, why)
    assert [action for action, *_ in await log(database)] == [
        "webhook_endpoint.create", "webhook_endpoint.pause", "webhook_endpoint.resume",
    ]  # fmt: skip


@pytest.fixture
async def shelf(api: Api, database: Database) -> Shelf:
    """An order can be made of it."""
    async with database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 10)
    return Shelf(database, mug, mug)


async def enlisted(database: Database, shelf: Shelf, *types: str) -> list[str]:
    """An order to which these happened, in the queue of every receiver; ids of what is told."""
    order, _ = await shelf.order()
    async with database.writing() as writer:
        for type in types:
            await orders.tell(writer, order, type.removeprefix("order_"), type, "order")
    rows = await database.fetch("SELECT id, type FROM order_events WHERE order_id = $1 ORDER BY id", order)
    async with database.writing() as writer:
        await deliveries.enlist(writer, {row["id"]: TOLD[row["type"]] for row in rows}, clock.now())
    return [str(row["id"]) for row in rows]


async def test_what_a_receiver_was_told_is_listed(api: Api, database: Database, shelf: Shelf) -> None:
    """Given deliveries, then filters and pages find them; one by itself has the message."""
    staff = await api.sign_in(Role.SUPPORT)
    one = await made(api, await api.sign_in(Role.ADMIN))
    place = f"{LIST}/{one['id']}/deliveries"
    events = await enlisted(database, shelf, "order_confirmed", "order_shipped")
    other = await enlisted(database, shelf, "order_confirmed")
    await database.fetch("UPDATE webhook_deliveries SET status = 'dead', settled_at = now(), body = '{}' "
                         "WHERE event_id = $1 RETURNING id", other[0])  # fmt: skip

    async def seen(**filters: Any) -> list[str]:
        found, more = [], dict[str, Any]()
        while True:
            answer = await api.get(place, params={"limit": 1, **filters, **more}, headers=staff)
            assert answer.status_code == 200, answer.text
            found += [each["event"] for each in answer.json()["items"]]
            if answer.json()["next_cursor"] is None:
                return found
            more = {"cursor": answer.json()["next_cursor"]}

    assert sorted(await seen()) == sorted([*events, *other])
    assert await seen(status="dead") == other
    assert sorted(await seen(status="waiting")) == sorted(events)
    assert await seen(topic=Topic.ORDER_SHIPPED) == events[1:]
    [dead] = (await api.get(place, params={"status": "dead"}, headers=staff)).json()["items"]
    assert sorted(await seen(order=dead["order"])) == other
    assert dead["next_try_at"] is None and "body" not in dead
    whole = await api.get(f"{place}/{dead['id']}", headers=staff)
    assert whole.json() == {**dead, "body": "{}"}
    assert (await api.get(f"{place}/{uuid4()}", headers=staff)).json()["code"] == "webhook_delivery_not_found"
    nowhere = f"{LIST}/{uuid4()}"
    assert (await api.get(f"{nowhere}/deliveries", headers=staff)).json()["code"] == "webhook_endpoint_not_found"
    assert (await api.get(nowhere, headers=staff)).json()["code"] == "webhook_endpoint_not_found"


async def test_replaying(api: Api, database: Database, shelf: Shelf) -> None:
    """Given what was taken and what is dead, then each of three wishes brings back what it names, under its ids."""
    staff = await api.sign_in(Role.ADMIN)
    one = await made(api, staff)
    place = f"{LIST}/{one['id']}/replay"
    events = await enlisted(database, shelf, "order_confirmed", "order_shipped", "order_delivered")

    async def all_are(status: str) -> None:
        await database.fetch(
            "UPDATE webhook_deliveries SET status = $1, settled_at = now(), tries = 3 RETURNING id", status
        )

    async def waiting() -> list[str]:
        rows = await database.fetch(
            "SELECT event_id FROM webhook_deliveries WHERE status = 'waiting' AND tries = 0 ORDER BY xid, event_id"
        )
        return [str(row["event_id"]) for row in rows]

    for status, wish, expected in (
        ("delivered", {"event": events[1]}, events[1:2]), ("delivered", {"status": "dead"}, []),
        ("dead", {"status": "dead"}, events), ("delivered", {"since": "2020-01-01T00:00:00Z"}, events),
        ("delivered", {"since": "2999-01-01T00:00:00Z"}, []),
        ("delivered", {"since": "9999-12-31T23:59:59-23:59"}, []),
        ("delivered", {"since": "0001-01-01T00:00:00+23:59"}, events),
    ):  # fmt: skip
        await all_are(status)
        answer = await api.post(place, json=wish, headers=staff)
        assert (answer.status_code, answer.json()) == (200, {"waiting": len(expected)}), answer.text
        assert await waiting() == expected
    unknown = await api.post(place, json={"event": str(uuid4())}, headers=staff)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "webhook_delivery_not_found")
    for body in ({}, {"event": events[0], "status": "dead"}, {"status": "waiting"}, {"since": "2020-01-01T00:00:00"},
                 {"since": "yesterday"}):  # fmt: skip
        assert (await api.post(place, json=body, headers=staff)).status_code == 422


async def test_a_test_is_queued_once(api: Api, database: Database) -> None:
    """Given a test asked for twice under one key, then one message of no order waits."""
    staff = await api.sign_in(Role.ADMIN)
    one = await made(api, staff)
    keyed = {**staff, "Idempotency-Key": "k-3"}
    answers = [await api.post(f"{LIST}/{one['id']}/test", json={}, headers=keyed) for _ in range(2)]
    assert [each.status_code for each in answers] == [201] * 2
    listed = (await api.get(f"{LIST}/{one['id']}/deliveries", headers=staff)).json()["items"]
    assert [(each["topic"], each["order"], each["event"]) for each in listed] == [
        ("test", None, answers[0].json()["event"])
    ]


async def test_there_are_not_too_many(api: Api, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given as many receivers as there may be, then there is no other until one is archived."""
    monkeypatch.setattr(endpoints, "MOST", 1)
    staff = await api.sign_in(Role.ADMIN)
    one = await made(api, staff)
    answer = await api.post(LIST, json={"url": URL, "topics": ["*"]}, headers=staff)
    assert (answer.status_code, answer.json()["code"]) == (422, "webhook_endpoints_full")
    await api.delete(f"{LIST}/{one['id']}", headers=staff)
    await made(api, staff)
