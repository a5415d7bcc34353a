"""The codec endpoint: staff read sealed payloads by role, each reading is written down, and only the UI may ask."""

import base64
import json
from typing import Any

import httpx
import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import WorkflowSerializationContext

from models import clock
from models.database import Database
from models.roles import Role
from models.sealing import Keyring, Sealer
from models.session import desk_token, read_access_token
from tests.api.conftest import Api, StartApi, everything

DECODE, ENCODE = "/api/v1/admin/codec/decode", "/api/v1/admin/codec/encode"
PURCHASE = {
    "email": "ada@example.com", "number": "HF-AAAAA-BBBBB", "shipping_address": {"full_name": "Ada", "line1": "1 Main"},
    "reference": "pi_3Abcdefgh1234", "client_secret": "pi_3Abcdefgh1234_secret_xyz", "quantity": 2,
    "reason": "because Ada said so", "digest": "0f", "placed_at": "2026-01-02T03:04:05Z",
}  # fmt: skip
MASK = "•••"
ORDER = "order/01a203ac-dd1e-7732-9808-183b76c349b4/1"


def json_of(payload: Payload) -> dict[str, Any]:
    """As the Temporal UI sends it."""
    return {
        "metadata": {name: base64.b64encode(value).decode() for name, value in payload.metadata.items()},
        "data": base64.b64encode(payload.data).decode(),
    }


def plain(value: object) -> Payload:
    """As our converter makes it."""
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


def sealed(api: Api, value: object, of: str = ORDER) -> dict[str, Any]:
    """As it lies at Temporal."""
    sealer = Sealer(api.app.state.house.settings.payload_keys)
    context = WorkflowSerializationContext(namespace="default", workflow_id=of)
    return json_of(sealer.with_context(context).sealed([plain(value)])[0])


async def read(api: Api, headers: dict[str, str], *payloads: dict[str, Any]) -> list[Any]:
    """What the UI shows."""
    answer = await api.post(DECODE, json={"payloads": list(payloads)}, headers=headers)
    assert answer.status_code == 200, answer.text
    shown = answer.json()["payloads"]
    assert [base64.b64decode(each["metadata"]["encoding"]) for each in shown] == [b"json/plain"] * len(payloads)
    return [json.loads(base64.b64decode(each["data"])) for each in shown]


ALWAYS = {"number": "HF-AAAAA-BBBBB", "client_secret": MASK, "quantity": 2, "digest": "0f",
          "placed_at": "2026-01-02T03:04:05Z"}  # fmt: skip
PEOPLE = {"email": "ada@example.com", "shipping_address": PURCHASE["shipping_address"], "reason": PURCHASE["reason"]}
NOBODY = {"email": MASK, "shipping_address": {"full_name": MASK, "line1": MASK}, "reason": MASK}
MASKED, OPEN = {"reference": f"pi_{MASK}1234"}, {"reference": "pi_3Abcdefgh1234"}


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        (Role.ADMIN, ALWAYS | PEOPLE | OPEN), (Role.SUPPORT, ALWAYS | PEOPLE | MASKED),
        (Role.FINANCE, ALWAYS | NOBODY | OPEN), (Role.CATALOG, ALWAYS | NOBODY | MASKED),
    ],
)  # fmt: skip
async def test_each_role_reads_what_it_may(api: Api, role: Role, seen: dict[str, Any]) -> None:
    """Given a sealed checkout, then support reads people, finance payments, admins both, the others neither."""
    staff = await api.sign_in(role)
    [shown] = await read(api, staff, sealed(api, PURCHASE))
    assert shown == seen
    [as_plain] = await read(api, staff, json_of(plain(PURCHASE)))
    assert as_plain == seen


async def test_who_is_no_staff_reads_nothing(api: Api, database: Database) -> None:
    """Given nobody, a buyer or a vendor, then 401 or 403, no word of it, and nothing is written."""
    payload = sealed(api, PURCHASE)
    for headers, status in (
        ({}, 401), (await api.sign_in(Role.CUSTOMER), 403), (await api.sign_in(Role.VENDOR), 403),
    ):  # fmt: skip
        before = await everything(database)
        for path in (DECODE, ENCODE):
            answer = await api.post(path, json={"payloads": [payload]}, headers=headers)
            assert answer.status_code == status
            assert "payloads" not in answer.json()
        assert await everything(database) == before
        assert await database.fetch("SELECT FROM audit_readings") == []


async def test_readings_are_written_down_once_an_hour(api: Api, database: Database) -> None:
    """Given two who read two orders again and again, then the log has who, which and where from, four rows."""
    ada, bob = await api.sign_in(Role.SUPPORT), await api.sign_in(Role.FINANCE)
    for reader in (ada, bob):
        for _ in range(3):
            await read(api, reader, sealed(api, "a"), sealed(api, "b", "refund/x/1"), sealed(api, "c"))
    rows = await database.fetch("SELECT * FROM audit_readings ORDER BY id")
    hours = {row["at"].replace(minute=0, second=0, microsecond=0) for row in rows}
    distinct = {(row["actor_id"], row["action"], row["subject"]) for row in rows}
    assert len(distinct) == 4
    assert 4 <= len(rows) <= 4 * len(hours)
    assert {(row["action"], row["subject"]) for row in rows} == {
        ("payload.read", ORDER),
        ("payload.read", "refund/x/1"),
    }
    assert {row["shown"] for row in rows} == {"people", "payments"}
    assert all(row["address"] == "127.0.0.1" and row["request_id"] for row in rows)
    answer = await api.get(
        "/api/v1/admin/audit",
        params={"action": "payload.read", "subject": ORDER},
        headers=await api.sign_in(Role.ADMIN),
    )
    assert {item["address"] for item in answer.json()["items"]} == {"127.0.0.1"}


async def test_what_cannot_be_opened_says_why(api: Api) -> None:
    """Given a payload of another key between two, then it alone says so, and nothing of it is shown."""
    [other] = Sealer(Keyring({"lost": b"l" * 32}, "lost")).sealed([plain("secret")])
    one, lost, two = await read(
        api, await api.sign_in(Role.ADMIN), sealed(api, 1), json_of(other), sealed(api, {"step": "Confirmed"})
    )
    assert (one, two) == (1, {"step": "Confirmed"})
    assert lost == f"{MASK} sealed with the key b'lost', which is not in PAYLOAD_KEYS"


async def test_what_is_sent_is_sealed(api: Api) -> None:
    """Given a message typed into the UI, then it comes back sealed with our key, and opens to the same."""
    answer = await api.post(
        ENCODE, json={"payloads": [json_of(plain({"actor": "bob"}))]}, headers=await api.sign_in(Role.SUPPORT)
    )
    assert answer.status_code == 200
    [back] = answer.json()["payloads"]
    payload = Payload(
        metadata={name: base64.b64decode(value) for name, value in back["metadata"].items()},
        data=base64.b64decode(back["data"]),
    )
    assert payload.metadata["encoding"] == b"binary/encrypted"
    assert Sealer(api.app.state.house.settings.payload_keys).opened([payload]) == [plain({"actor": "bob"})]


@pytest.mark.parametrize(
    "payload",
    [
        {}, {"metadata": None, "data": None}, {"data": "bm8="}, {"metadata": {"encoding": "////"}, "data": "AAAA"},
        {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "ew=="}, {"metadata": {}, "data": "", "more": [1]},
        {"metadata": {"encoding": "YmluYXJ5L2VuY3J5cHRlZA=="}}, {"metadata": {"encoding": "YmluYXJ5L2VuY3J5cHRlZA==",
         "encryption-key-id": "/w=="}, "data": "AAAA"},
        {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": base64.b64encode(b"[" * 100_000).decode()},
        {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": base64.b64encode(b'"\\ud800"').decode()},
        {"metadata": {"encoding": "anNvbi9wbGFpbg==", "\u0000": "AA=="}, "data": "MQ=="},
    ],
    ids=range(11),
)  # fmt: skip
async def test_whatever_is_sent_gets_an_answer(api: Api, payload: dict[str, Any]) -> None:
    """Given what no client of Temporal's sends, then there is an answer, with as many payloads as were sent."""
    for role in (Role.ADMIN, Role.FINANCE):
        headers = await api.sign_in(role)
        for path in (DECODE, ENCODE):
            answer = await api.post(path, json={"payloads": [payload, payload]}, headers=headers)
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["payloads"]) == 2


@pytest.mark.parametrize(
    "body", [[], {"payloads": None}, {"payloads": [1]}, {"payloads": [{"data": "%"}]},
             {"payloads": [{"metadata": {"encoding": 1}}]}, {"payloads": [{}] * 2001}], ids=range(6),
)  # fmt: skip
async def test_what_is_no_list_of_payloads_is_refused(api: Api, body: Any) -> None:
    """Given another body, then 422."""
    answer = await api.post(DECODE, json=body, headers=await api.sign_in(Role.ADMIN))
    assert answer.status_code == 422


async def test_nothing_is_sent_as_nothing(api: Api) -> None:
    """Given an empty object, as the command line sends it with a query that is told nothing, then no payload comes."""
    for path in (DECODE, ENCODE):
        answer = await api.post(path, json={}, headers=await api.sign_in(Role.ADMIN))
        assert (answer.status_code, answer.json()) == (200, {"payloads": []})


UI = "https://temporal.shop.test"


async def test_only_the_ui_s_pages_may_ask(start_api: StartApi) -> None:
    """Given the UI's origin, then a browser lets its pages read answers; given any other, not, nor with a star."""
    api = await start_api(TEMPORAL_UI_URL=f"{UI}/base/")
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-namespace"}
    staff = await api.sign_in(Role.ADMIN)
    for origin, may in ((UI, UI), ("https://evil.test", None), ("https://temporal.shop.test.evil.test", None)):
        preflight = await api.client.request("OPTIONS", DECODE, headers={"Origin": origin, **asks})
        answer = await api.post(DECODE, json={"payloads": []}, headers={"Origin": origin, **staff})
        assert (preflight.status_code, answer.status_code) == (204, 200)
        for each in (preflight, answer):
            assert each.headers.get("access-control-allow-origin") == may
            assert each.headers.get("access-control-allow-credentials") == ("true" if may else None)
            assert each.headers["vary"] == "Origin"
        assert "X-Namespace" in preflight.headers["access-control-allow-headers"]
    without = await start_api(TEMPORAL_UI_URL="none")
    answer = await without.post(
        DECODE, json={"payloads": []}, headers={"Origin": "", **await without.sign_in(Role.ADMIN)}
    )
    assert "access-control-allow-origin" not in answer.headers


async def test_a_browser_at_the_desk_reads_in_the_ui(start_api: StartApi) -> None:
    """Given the desk's cookie, then the UI's pages read by its owner's roles; other pages do not."""
    api = await start_api(TEMPORAL_UI_URL=f"{UI}/base/")
    key = api.app.state.house.settings.secret_key

    async def ask(role: Role, origin: str | None, path: str = DECODE) -> httpx.Response:
        bearer = (await api.sign_in(role))["Authorization"].removeprefix("Bearer ")
        cookie = desk_token(key, read_access_token(key, bearer).session, clock.now())
        headers = {"Cookie": f"holdfast-desk={cookie}", **({"Origin": origin} if origin else {})}
        return await api.post(path, json={"payloads": [sealed(api, PURCHASE)]}, headers=headers)

    answer = await ask(Role.SUPPORT, UI)
    assert answer.status_code == 200, answer.text
    [shown] = answer.json()["payloads"]
    assert json.loads(base64.b64decode(shown["data"])) == ALWAYS | PEOPLE | MASKED
    assert answer.headers["access-control-allow-credentials"] == "true"
    for role, origin, path, status in (
        (Role.SUPPORT, None, DECODE, 401), (Role.SUPPORT, "https://evil.test", DECODE, 401),
        (Role.SUPPORT, "http://shop.test", DECODE, 401), (Role.CUSTOMER, UI, DECODE, 401),
        (Role.CATALOG, UI, ENCODE, 403), (Role.FINANCE, UI, ENCODE, 200),
    ):  # fmt: skip
        assert (await ask(role, origin, path)).status_code == status, (role, origin, path)
    forged = await api.post(DECODE, json={"payloads": []}, headers={"Cookie": "holdfast-desk=forged", "Origin": UI})
    assert forged.status_code == 401
