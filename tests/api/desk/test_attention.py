"""What waits for a person, at the desk: told in words, taken by one, resolved with a reason."""

import re
from uuid import UUID

import pytest

from models.attention import AttentionKind
from models.database import Database
from models.ids import OrderNumber
from models.roles import Role
from tests import people, waiting
from tests.activities.till import Till
from tests.api.conftest import Api
from tests.api.desk.conftest import Hire, Visitor, text_of
from tests.api.staff import log, state

TABLES = "attentions", "attention_marks", "orders", "order_events", "cases"


async def asked(till: Till) -> OrderNumber:
    """An order that a person is asked for."""
    number = OrderNumber("HF-ASKED-AAAAA")
    placed = await till.placed(await till.cart(), number=number)
    async with till.database.writing() as writer:
        await waiting.ask(writer, "stuck", placed.order_id)
    return number


async def only(visitor: Visitor) -> UUID:
    """The one thing in the queue."""
    [found] = re.findall(r'id="need-([0-9a-f-]+)"', (await visitor.see("/attention")).text)
    return UUID(found)


async def test_everything_that_waits_is_on_one_page(api: Api, till: Till, hire: Hire) -> None:
    """Given one thing of every kind, then each has a row, and the head of every page says how many there are."""
    async with till.database.writing() as writer:
        user = await people.account(writer)
    await waiting.everything(till, user)
    for role in (Role.SUPPORT, Role.FINANCE, Role.ADMIN):
        ada = await hire(role)
        page = await ada.see("/attention")
        assert page.status_code == 200, page.text
        assert len(re.findall(r'<tr id="need-', page.text)) == len(AttentionKind)
        said = text_of(page)
        assert "Could not capture the payment: Stripe does not answer" in said
        assert "Return 1 is asked for" in said
        assert text_of(await ada.see("/attention/count")).split()[0] == str(len(AttentionKind))
    assert len(re.findall(r'<tr id="need-', (await ada.see("/attention?severity=critical")).text)) == 1


@pytest.mark.parametrize("query", ["kind=nothing", "severity=x", "assigned=you", "cursor=x", "resolved=perhaps"])
async def test_a_strange_question_is_refused(api: Api, hire: Hire, query: str) -> None:
    """Given what no field of the page asks, then the page says so, and nothing breaks."""
    ada = await hire(Role.SUPPORT)
    assert (await ada.see(f"/attention?{query}")).status_code in (400, 422)


async def test_taken_by_one_is_not_taken_by_another(api: Api, till: Till, database: Database, hire: Hire) -> None:
    """Given something that Ada has taken, when Bob takes it too, then he is told, until she lets go."""
    await asked(till)
    ada, bob = await hire(Role.SUPPORT), await hire(Role.SUPPORT)
    need = await only(ada)

    for _ in range(2):
        taken = await ada.send(f"/attention/{need}/take", {"key": "t-1"})
        assert (taken.status_code, taken.headers["Location"]) == (303, "/desk/attention?done=take")
    late = await bob.send(f"/attention/{need}/take", {"key": "t-2"})

    assert late.status_code == 409
    assert "Not done: Somebody else has taken it." in text_of(late)
    assert "Give back" in (await ada.see("/attention?assigned=me")).text
    assert "Nothing is like that." in (await bob.see("/attention?assigned=me")).text
    assert (await ada.send(f"/attention/{need}/release", {"key": "t-3"})).status_code == 303
    assert (await bob.send(f"/attention/{need}/take", {"key": "t-4"})).status_code == 303
    assert [entry[0] for entry in await log(database)] == ["attention.assign"] * 3


async def test_resolved_leaves_the_page(api: Api, till: Till, database: Database, hire: Hire) -> None:
    """Given a reason, then it is gone, and stands among what is said to be resolved; without one nothing is done."""
    await asked(till)
    ada = await hire(Role.SUPPORT)
    need = await only(ada)
    before = await state(database, *TABLES)
    for said in ({}, {"reason": "\0"}, {"reason": "x" * 500}):
        assert (await ada.send(f"/attention/{need}/resolve", {"key": "r-1", **said})).status_code == 422
    assert (await ada.send(f"/attention/{need}/mend", {"key": "r-1"})).status_code == 404
    assert await state(database, *TABLES) == before

    done = await ada.send(f"/attention/{need}/resolve", {"key": "r-2", "reason": "paid by wire"})

    assert (done.status_code, done.headers["Location"]) == (303, "/desk/attention?done=resolve")
    assert "Nothing waits for a person." in (await ada.see("/attention")).text
    assert "“paid by wire”" in (await ada.see("/attention?resolved=true")).text
    assert [(entry[0], entry[-1]) for entry in await log(database)] == [("attention.resolve", "paid by wire")]


async def test_what_is_settled_is_not_there(api: Api, hire: Hire) -> None:
    """Given an id of nothing that waits, then 404, on the page of the queue."""
    ada = await hire(Role.SUPPORT)
    answer = await ada.send(f"/attention/{UUID(int=0)}/take", {"key": "t-1"})
    assert answer.status_code == 404
    assert "it may be settled by now" in answer.text
