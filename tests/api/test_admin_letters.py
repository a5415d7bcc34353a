"""Letters at staff's desk: found by what is wrong with them, read by who may, sent again when somebody says so."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from models.database import Database
from models.ids import OrderNumber
from models.roles import Role
from models.tables import bounce as bounces
from models.tables import outbox
from tests import people, shop
from tests.activities.till import Till
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log, state

LIST = f"{ADMIN}/letters"
NUMBER = OrderNumber("HF-SHELF-AAAAA")


@pytest.fixture
async def till(api: Api, database: Database) -> Till:
    """An order of one mug, and no letter yet."""
    async with database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 50)
    till = Till(database, mug, mug)
    await till.placed(await till.cart(), number=NUMBER)
    return till


async def written(till: Till, *templates: str) -> list[UUID]:
    """Letters about the order, oldest first."""
    [(order,)] = await till.ask("SELECT id FROM orders")
    for template in templates:
        async with till.database.writing() as writer:
            await outbox.write_letter(writer, template, order)
    return [UUID(int=id.int) for (id,) in await till.ask("SELECT id FROM outbox ORDER BY id")]


async def settled(till: Till, letter: UUID, error: str | None) -> None:
    """What became of it."""
    async with till.database.writing() as writer:
        await outbox.settle(writer, letter, error)


async def desk(till: Till) -> list[UUID]:
    """One letter of each kind: waiting, sent, failed and withdrawn."""
    letters = await written(till, "order_confirmed", "shipped", "refund", "on_hold")
    await settled(till, letters[1], None)
    await settled(till, letters[2], "refused by the mail server: 550 No such USER")
    async with till.database.writing() as writer:
        await outbox.withdraw(writer, letters[3], "the buyer is forgotten")
        await outbox.postpone(writer, letters[0], "451 later")
    return letters


async def seen(api: Api, staff: dict[str, str], **filters: Any) -> list[str]:
    """Templates in the list, page by page."""
    found, more = [], dict[str, Any]()
    while True:
        answer = await api.get(LIST, params={"limit": 1, **filters, **more}, headers=staff)
        assert answer.status_code == 200, answer.text
        found += [each["template"] for each in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            return found
        more = {"cursor": answer.json()["next_cursor"]}


async def test_letters_are_found_by_what_became_of_them(api: Api, till: Till) -> None:
    """Given a letter of each kind, then filters and pages find each where it belongs, newest first."""
    letters = await desk(till)
    async with till.database.writing() as writer:
        await outbox.write_account_letter(writer, "welcome", await people.account(writer), "welcome/1")
        await outbox.write_staff_letter(writer, "staff_digest", "staff_digest/1", {})
    staff = await api.sign_in(Role.FINANCE)
    everything = ["staff_digest", "welcome", "on_hold", "refund", "shipped", "order_confirmed"]
    assert await seen(api, staff) == everything
    for status, found in (
        ("waiting", ["staff_digest", "welcome", "order_confirmed"]), ("sent", ["shipped"]), ("failed", ["refund"]),
        ("withdrawn", ["on_hold"]),
    ):  # fmt: skip
        assert await seen(api, staff, status=status) == found
    assert await seen(api, staff, order=NUMBER.lower()) == everything[2:]
    assert await seen(api, staff, order="HF-NOBOD-YSSSS") == []
    assert await seen(api, staff, template="welcome") == ["welcome"]
    assert await seen(api, staff, error="no such user") == ["refund"]
    assert await seen(api, staff, error="451", status="waiting") == ["order_confirmed"]
    answer = (await api.get(LIST, params={"status": "waiting", "order": NUMBER}, headers=staff)).json()
    [card] = answer["items"]
    assert (card["id"], card["status"], card["order_number"], card["tries"], card["error"], card["settled_at"]) == (
        str(letters[0]), "waiting", NUMBER, 1, "451 later", None,
    )  # fmt: skip
    assert card["next_try_at"] is not None and "ada@example.com" not in str(answer)
    one = await api.get(f"{LIST}/{letters[0]}", headers=staff)
    assert {name: one.json()[name] for name in card} == card
    missing = await api.get(f"{LIST}/{uuid4()}", headers=staff)
    assert (missing.status_code, missing.json()["code"]) == (404, "letter_not_found")


async def test_what_a_letter_says_is_for_who_may_see_people(api: Api, till: Till) -> None:
    """Given a letter, then support reads it whole, and finance only what became of it."""
    [letter] = await written(till, "order_confirmed")
    async with till.database.writing() as writer:
        await bounces.mark(writer, letter, "550 no such user")
    whole = (await api.get(f"{LIST}/{letter}", headers=await api.sign_in(Role.SUPPORT))).json()
    assert (whole["to"], whole["bounce"]) == ("ada@example.com", "550 no such user")
    assert NUMBER in whole["composed"]["subject"]
    assert "Ada Lovelace" in whole["composed"]["text"] and "Ada Lovelace" in whole["composed"]["html"]
    outside = (await api.get(f"{LIST}/{letter}", headers=await api.sign_in(Role.FINANCE))).json()
    assert {name: outside[name] for name in ("id", "status", "to", "bounce", "composed")} == {
        "id": str(letter), "status": "waiting", "to": None, "bounce": None, "composed": None,
    }  # fmt: skip
    assert "ada" not in str(outside).lower()


async def test_a_letter_that_cannot_be_written_is_still_shown(api: Api, till: Till) -> None:
    """Given a letter of a name that nobody knows, then whom it is for is told, and no words."""
    [letter] = await written(till, "of_next_year")
    whole = (await api.get(f"{LIST}/{letter}", headers=await api.sign_in(Role.ADMIN))).json()
    assert (whole["to"], whole["composed"]) == ("ada@example.com", None)


@pytest.mark.parametrize(
    "params", [{"status": "lost"}, {"template": "../x"}, {"error": ""}, {"error": "a\x00"}, {"order": "x" * 41}]
)
async def test_a_filter_that_is_none_is_refused(api: Api, params: dict[str, str]) -> None:
    """Given a filter that makes no sense, then it is named."""
    answer = await api.get(LIST, params=params, headers=await api.sign_in(Role.SUPPORT))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_a_letter_that_reached_nobody_is_sent_again(api: Api, till: Till) -> None:
    """Given a letter that was refused, then it is due again, once, with who asked and why; one that waits, at once."""
    letters = await desk(till)
    staff = await api.sign_in(Role.SUPPORT)
    place, keyed = f"{LIST}/{letters[2]}/retry", {**staff, "Idempotency-Key": "k-1"}

    answers = await asyncio.gather(*(api.post(place, json={"reason": "#1"}, headers=keyed) for _ in range(3)))

    assert [each.status_code for each in answers] == [200] * 3, answers[0].text
    assert {each.json()["status"] for each in answers} == {"waiting"}
    assert await log(till.database) == [
        ("letter.retry", str(letters[2]),
         {"status": "failed", "error": "refused by the mail server: 550 No such USER"}, {"status": "waiting"}, "#1")
    ]  # fmt: skip
    now = await api.post(f"{LIST}/{letters[0]}/retry", json={}, headers=staff)
    assert now.status_code == 200, now.text
    due = (await outbox.due(till.database, 10)).letters
    assert sorted(letter.template for letter in due) == ["order_confirmed", "refund"]


@pytest.mark.parametrize(("which", "status"), [(1, "sent"), (3, "withdrawn")])
async def test_what_is_over_does_not_leave_again(api: Api, till: Till, which: int, status: str) -> None:
    """Given a letter that left, or was withdrawn, then it is not sent again, and nothing has moved."""
    letters = await desk(till)
    staff = await api.sign_in(Role.ADMIN)
    before = await state(till.database, "outbox")
    refused = await api.post(f"{LIST}/{letters[which]}/retry", json={}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "letter_over")
    assert refused.json()["facts"] == {"status": status}
    assert (await api.post(f"{LIST}/{uuid4()}/retry", json={}, headers=staff)).status_code == 404
    assert await state(till.database, "outbox") == before


async def test_marked_addresses_are_seen_and_freed(api: Api, till: Till) -> None:
    """Given an address at which nobody reads mail, then who may see people sees it, and can take the mark off."""
    [letter] = await written(till, "order_confirmed")
    async with till.database.writing() as writer:
        await bounces.mark(writer, letter, "550 no such user")
    staff = await api.sign_in(Role.SUPPORT)
    [bounce] = (await api.get(f"{ADMIN}/mail-bounces", headers=staff)).json()["items"]
    assert (bounce["address"], bounce["error"], bounce["letter"], bounce["times"]) == (
        "ada@example.com", "550 no such user", str(letter), 1,
    )  # fmt: skip
    place = f"{ADMIN}/mail-bounces/{bounce['id']}"
    assert (await api.delete(place, params={"reason": "they called"}, headers=staff)).status_code == 204
    assert (await api.get(f"{ADMIN}/mail-bounces", headers=staff)).json()["items"] == []
    again = await api.delete(place, headers=staff)
    assert (again.status_code, again.json()["code"]) == (404, "bounce_not_found")
    assert await log(till.database) == [("mail_bounce.forget", bounce["id"], None, None, "they called")]
