"""What differs between payment providers and the books, as staff see and close it."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from models import clock
from models.database import Database
from models.reconciliation import CaseKind, Finding
from models.roles import Role
from models.tables import case as cases
from models.tables import reconciliation
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log

LIST = f"{ADMIN}/cases"


def finding(object: str, kind: CaseKind = CaseKind.REFUND_UNKNOWN, status: str = "pending") -> Finding:
    """Something that differs."""
    return Finding(kind, object, "stripe", clock.now(), {"provider": {"standing": status}, "ours": None})


async def opened(database: Database, *found: Finding) -> int:
    """What came of a comparison that found these."""
    async with database.writing() as writer:
        return await cases.settle(writer, found, clock.now() - timedelta(days=1))


async def test_cases_are_listed_newest_first(api: Api, database: Database) -> None:
    """Given three cases, of which one agrees again, then filters and pages find each where it belongs."""
    assert await opened(database, finding("re_1")) == 1
    assert await opened(database, finding("re_1"), finding("re_2")) == 2
    assert await opened(database, finding("re_2"), finding("pi_1", CaseKind.PAYMENT_TWICE)) == 2
    staff = await api.sign_in(Role.SUPPORT)

    async def seen(**filters: Any) -> list[str]:
        found, more = [], dict[str, Any]()
        while True:
            answer = await api.get(LIST, params={"limit": 1, **filters, **more}, headers=staff)
            assert answer.status_code == 200, answer.text
            found += [each["object"] for each in answer.json()["items"]]
            if answer.json()["next_cursor"] is None:
                return found
            more = {"cursor": answer.json()["next_cursor"]}

    assert await seen() == ["pi_1", "re_2", "re_1"]
    assert await seen(open=True) == ["pi_1", "re_2"]
    assert await seen(open=False) == ["re_1"]
    assert await seen(kind="payment_twice") == ["pi_1"]
    assert await seen(kind="payment_twice", open=False) == []
    [first] = (await api.get(LIST, params={"limit": 1}, headers=staff)).json()["items"]
    assert first == (await api.get(f"{LIST}/{first['id']}", headers=staff)).json()
    assert (first["kind"], first["provider"], first["order_number"], first["closed_at"]) == (
        "payment_twice", "stripe", None, None,
    )  # fmt: skip
    assert (await api.get(f"{LIST}/{uuid4()}", headers=staff)).json()["code"] == "case_not_found"
    assert (await api.get(LIST, params={"kind": "none"}, headers=staff)).status_code == 422


async def test_a_case_is_closed_once_and_stays_closed(api: Api, database: Database) -> None:
    """Given two clicks, then it is closed once, with who and why; the same facts do not open it again, others do."""
    await opened(database, finding("re_1"))
    staff = await api.sign_in(Role.FINANCE)
    [case] = (await api.get(LIST, headers=staff)).json()["items"]
    place, keyed = f"{LIST}/{case['id']}/close", {**staff, "Idempotency-Key": "k-1"}

    answers = await asyncio.gather(
        *(api.post(place, json={"reason": "the buyer called"}, headers=keyed) for _ in range(3))
    )

    assert [each.status_code for each in answers] == [200] * 3, answers[0].text
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert answers[0].json()["reason"] == "the buyer called"
    again = await api.post(place, json={"reason": "once more"}, headers=staff)
    assert (again.status_code, again.json()["code"]) == (409, "case_closed")
    assert (await api.post(f"{LIST}/{uuid4()}/close", json={"reason": "x"}, headers=staff)).status_code == 404
    what = {"kind": "refund_unknown", "object": "re_1"}
    assert await log(database) == [("case.close", case["id"], None, what, "the buyer called")]
    assert await opened(database, finding("re_1")) == 0
    assert await opened(database, finding("re_1", status="succeeded")) == 1


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "\0"}, {"reason": "x", "more": 1}])
async def test_a_decision_without_words_is_none(api: Api, database: Database, body: dict[str, object]) -> None:
    """Given a body that does not say why, then nothing is closed."""
    await opened(database, finding("re_1"))
    staff = await api.sign_in(Role.ADMIN)
    [case] = (await api.get(LIST, headers=staff)).json()["items"]

    answer = await api.post(f"{LIST}/{UUID(case['id'])}/close", json=body, headers=staff)

    assert answer.status_code in (400, 422), answer.text
    assert (await api.get(LIST, params={"open": True}, headers=staff)).json()["items"] == [case]


async def test_how_the_last_comparisons_went(api: Api, database: Database) -> None:
    """Given two, then both are told, newest first."""
    staff = await api.sign_in(Role.FINANCE)
    at = clock.now()
    for drift in (3, 0):
        async with database.writing() as writer:
            await reconciliation.write_down(writer, at, at - timedelta(days=35), 70, 2, drift)

    answer = await api.get(f"{ADMIN}/reconciliations", headers=staff)

    assert [(each["looked"], each["mended"], each["drift"]) for each in answer.json()["items"]] == [
        (70, 2, 0),
        (70, 2, 3),
    ]
    assert len((await api.get(f"{ADMIN}/reconciliations", params={"limit": 1}, headers=staff)).json()["items"]) == 1
