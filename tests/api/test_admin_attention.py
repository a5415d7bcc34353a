"""The one queue of what waits for a person: everything is in it, each thing once, until it is mended or resolved."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from models.attention import AttentionKind
from models.database import Database
from models.ids import OrderId, OrderNumber
from models.roles import Role
from models.tables import attention
from tests import people, shop, waiting
from tests.activities.till import Till
from tests.api.conftest import Api, StartApi
from tests.api.staff import ADMIN, log, state

LIST = f"{ADMIN}/attention"
TABLES = "attentions", "attention_marks", "orders", "order_events", "cases"
Headers = dict[str, str]


@pytest.fixture
async def till(api: Api, database: Database) -> Till:
    """Mugs, and what makes orders of them."""
    async with database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 50)
    return Till(database, mug, mug)


async def queue(api: Api, staff: Headers, limit: int = 100, **filters: Any) -> list[dict[str, Any]]:
    """All that waits, page by page; the total says how much that is."""
    found, more = list[dict[str, Any]](), dict[str, Any]()
    while True:
        answer = await api.get(LIST, params={"limit": limit, **filters, **more}, headers=staff)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        if page["next_cursor"] is None:
            assert page["total"] == len(found)
            return found
        more = {"cursor": page["next_cursor"]}


async def everything(api: Api, till: Till) -> dict[str, OrderNumber | None]:
    """One thing of every kind; the order of each, where it is about one."""
    async with till.database.writing() as writer:
        user = await people.account(writer)
    return await waiting.everything(till, user)


async def asked(till: Till, kind: str = "stuck") -> OrderId:
    """An order that a person is asked for."""
    placed = await till.placed(await till.cart(), number=OrderNumber("HF-ASKED-AAAAA"))
    async with till.database.writing() as writer:
        await waiting.ask(writer, kind, placed.order_id)
    return placed.order_id


async def only(api: Api, staff: Headers, **filters: Any) -> dict[str, Any]:
    """The one thing that waits."""
    [found] = await queue(api, staff, **filters)
    return found


async def test_everything_that_waits_for_a_person_is_in_one_queue(api: Api, till: Till) -> None:
    """Given one thing of every kind, then each is told once, with why, and what is about an order names it."""
    about = await everything(api, till)
    assert {*about} == {*AttentionKind}
    found = {each["kind"]: each for each in await queue(api, await api.sign_in(Role.SUPPORT))}
    assert {kind: each["order_number"] for kind, each in found.items()} == about
    assert {kind: each["why"] for kind, each in found.items()} == {
        "stuck": "Could not capture the payment: Stripe does not answer (503)",
        "undo_failed": "Could not void the payment: Stripe does not answer",
        "refund_failed": "Refund 1 of 5.00 USD did not arrive: the account is closed",
        "not_shipped": "Paid, and not shipped in time",
        "papers_unwritten": "Papers cannot be written: ValueError: sums differ",
        "held": "Held: 90 points, from 50 on a person looks. Undecided, it ends",
        "return_waiting": "Return 1 is asked for",
        "dispute": "The buyer's bank wants 16.00 USD back (product not received): answer it at the provider",
        "promise_passed": "Promised to come in, and did not: MUG",
        "case": "Stripe and the books differ (refund_unknown): re_1",
        "payout_stuck": "Could not send a payout: Stripe does not answer",
        "payout_failed": "42.00 USD did not reach smith: no such account",
        "letter_unsent": "The letter `welcome` reached nobody: 550 nobody",
        "template_failing": "The shop's own words of `shipped` in de cannot be used: no second",
        "receiver_paused": "erp.example is told nothing any more: gone",
        "card_kept": "Could not let a card go: Stripe does not answer",
        "erasure_stuck": "Could not let the provider forget an account: Stripe does not answer",
        "approval_waiting": "A second person has to say yes: gift card of 900.00 USD, gift-cards",
        "not_divided": "Could not divide 2 orders between vendors: sums differ",
    }
    assert found["stuck"]["step"] == "capture the payment"
    assert [name for name, each in found.items() if each["until"]] == [
        each for each in found if each in ("held", "dispute", "approval_waiting")
    ]


async def test_the_most_urgent_comes_first_and_of_these_the_oldest(api: Api, till: Till) -> None:
    """Given one thing of every kind, then pages of any size are one list: by urgency, then by age."""
    await everything(api, till)
    staff = await api.sign_in(Role.FINANCE)
    whole = await queue(api, staff)
    assert await queue(api, staff, limit=1) == whole
    assert await queue(api, staff, limit=5) == whole
    words = ["critical", "high", "normal"]
    place = [(words.index(each["severity"]), each["since"]) for each in whole]
    assert place == sorted(place)
    assert whole[0]["kind"] == "undo_failed"
    async with till.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE screenings SET until = now() - interval '1 second'")
    assert [each["kind"] for each in await queue(api, staff, severity="critical")] == ["undo_failed", "held"]


async def test_filters_add_up(api: Api, till: Till) -> None:
    """Given one thing of every kind, then each filter finds its own."""
    about = await everything(api, till)
    staff = await api.sign_in(Role.SUPPORT)
    for kind in about:
        assert [each["kind"] for each in await queue(api, staff, kind=kind)] == [kind]
    held = about["held"]
    assert held is not None
    assert [each["kind"] for each in await queue(api, staff, order=held.lower())] == ["held"]
    assert await queue(api, staff, order=held, kind="stuck") == []
    async with till.database.writing() as writer:
        await writer.exec_driver_sql(
            "UPDATE attentions SET asked_at = now() - interval '90 minutes' WHERE kind = 'stuck'"
        )
    assert await queue(api, staff, older_than=91) == [*await queue(api, staff, older_than=91, kind="promise_passed")]
    assert {each["kind"] for each in await queue(api, staff, older_than=89)} == {"stuck", "promise_passed"}


@pytest.mark.parametrize(
    "params",
    [
        {"kind": "none"}, {"severity": "0"}, {"older_than": "-1"}, {"older_than": "99999999999999999999"},
        {"older_than": "soon"}, {"order": "\x00"}, {"order": ""}, {"assigned": "grace"}, {"cursor": "x"},
        {"resolved": "maybe"}, {"limit": "0"},
    ],
)  # fmt: skip
async def test_filters_that_mean_nothing_are_refused(api: Api, params: dict[str, str]) -> None:
    """Given a filter that cannot be read, then it is refused, and no list is given for it."""
    answer = await api.get(LIST, params=params, headers=await api.sign_in(Role.SUPPORT))
    assert answer.status_code in (400, 422), answer.text


async def test_each_thing_says_what_can_be_done_and_who_may(api: Api, till: Till) -> None:
    """Given one thing of every kind, then what can be done now is told with its address, and whether it is yours."""
    about = await everything(api, till)
    for role, mine in ((Role.SUPPORT, "retry"), (Role.FINANCE, "close")):
        found = {each["kind"]: each for each in await queue(api, await api.sign_in(role))}
        steps = {kind: [step["action"] for step in each["next"]] for kind, each in found.items()}
        assert steps == {
            "undo_failed": ["retry"], "stuck": ["retry", "cancel"], "refund_failed": ["retry"],
            "not_shipped": ["cancel", "retry"], "papers_unwritten": ["retry"], "held": [],
            "return_waiting": ["approve", "reject"], "dispute": [], "promise_passed": [], "case": ["close"],
            "payout_stuck": [], "payout_failed": ["change_account"], "letter_unsent": ["retry"],
            "template_failing": ["reword", "drop"], "receiver_paused": ["resume"], "card_kept": [],
            "erasure_stuck": [], "not_divided": [], "approval_waiting": ["approve", "reject"],
        }  # fmt: skip
        every = [step for each in found.values() for step in each["next"]]
        assert {step["action"] for step in every if step["yours"]} >= {mine}
        [close] = found["case"]["next"]
        assert (close["scope"], close["yours"]) == ("cases:write", role is Role.FINANCE)
        [retry, _] = found["stuck"]["next"]
        assert retry == {
            "action": "retry", "method": "POST", "path": f"/admin/orders/{about['stuck']}/actions/retry",
            "scope": "orders:write", "yours": role is Role.SUPPORT,
        }  # fmt: skip


async def test_each_thing_says_where_else_it_is_shown(start_api: StartApi, till: Till) -> None:
    """Given a Temporal UI and Stripe's dashboard, then things link to their pages there; without them, to none."""
    order = await asked(till)
    async with till.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE payments SET reference = 'pi_1'")
        await attention.ask(writer, order, "refund/2/attention", "send refund 2: no", workflow_id=f"refund/{order}/2")
        await waiting.ask(writer, "dispute", order)
    api = await start_api(TEMPORAL_UI_URL="https://ui.test/", STRIPE_DASHBOARD_URL="https://stripe.test/test")
    staff = await api.sign_in(Role.SUPPORT)
    refund, stuck, dispute = sorted(await queue(api, staff), key=lambda each: len(each["why"]))
    pages = "https://ui.test/namespaces/default/workflows"
    place = stuck["workflow_id"].replace("/", "%2F")
    assert stuck["links"] == {
        "order": "/admin/orders/HF-ASKED-AAAAA/explain", "temporal": f"{pages}/{place}",
        "stripe": "https://stripe.test/test/payments/pi_1",
    }  # fmt: skip
    assert stuck["workflow_id"].startswith("order/")
    assert refund["links"]["temporal"] == f"{pages}/refund%2F{order}%2F2"
    assert dispute["links"]["stripe"] == "https://stripe.test/test/disputes/dp_1"
    none = await start_api(TEMPORAL_UI_URL="none", STRIPE_DASHBOARD_URL="none")
    assert {(each["links"]["temporal"], each["links"]["stripe"]) for each in await queue(none, staff)} == {(None, None)}


async def test_what_is_mended_leaves_the_queue(api: Api, till: Till) -> None:
    """Given two things of one order, then each leaves when it is settled, and not with the other."""
    order = await asked(till)
    async with till.database.writing() as writer:
        await waiting.ask(writer, "refund_failed", order)
    staff = await api.sign_in(Role.SUPPORT)
    assert {each["kind"] for each in await queue(api, staff)} == {"stuck", "refund_failed"}
    async with till.database.writing() as writer:
        await attention.settle(writer, order, "attention")
    assert (await only(api, staff))["kind"] == "refund_failed"


async def test_one_takes_it_and_nobody_else_does(api: Api, till: Till) -> None:
    """Given five who take it at once, then one has it; they can give it away, and nobody else can take it."""
    await asked(till)
    crew = [await api.sign_in(Role.SUPPORT) for _ in range(5)]
    item = await only(api, crew[0])
    place = f"{LIST}/{item['id']}/assign"
    answers = await asyncio.gather(*(api.post(place, json={}, headers=each) for each in crew))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409, 409]
    [won] = [n for n, each in enumerate(answers) if each.status_code == 200]
    lost = crew[won - 1]
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"attention_taken"}
    assert await only(api, crew[won], assigned="me") == {**answers[won].json()}
    assert await queue(api, lost, assigned="me") == []
    assert await queue(api, lost, assigned="nobody") == []
    assert (await only(api, lost, assigned="somebody"))["assigned_at"] is not None
    [(action, subject, before, after, _)] = await log(till.database)
    mine = answers[won].json()["assigned_to"]["id"]
    assert (action, subject) == ("attention.assign", "HF-ASKED-AAAAA")
    assert (before["assigned_to"], after["assigned_to"]) == (None, mine)

    given = await api.post(place, json={"assignee": None, "reason": "my shift ends"}, headers=crew[won])
    assert (given.status_code, given.json()["assigned_to"]) == (200, None)
    taken = await api.post(place, json={}, headers=lost)
    other = taken.json()["assigned_to"]["id"]
    back = await api.post(place, json={"assignee": mine}, headers=lost)
    assert (taken.status_code, back.json()["assigned_to"]["id"]) == (200, mine)
    assert other != mine


async def test_it_is_given_to_nobody_who_sees_to_no_such_things(api: Api, till: Till) -> None:
    """Given a buyer, one of the catalogue's staff and nobody at all, then it is given to none, and nothing moves."""
    await asked(till)
    staff = await api.sign_in(Role.SUPPORT)
    item = await only(api, staff)
    async with till.database.writing() as writer:
        unfit = [await people.account(writer), await people.account(writer, Role.CATALOG), uuid4()]
    before = await state(till.database, *TABLES)
    for each in unfit:
        answer = await api.post(f"{LIST}/{item['id']}/assign", json={"assignee": str(each)}, headers=staff)
        assert (answer.status_code, answer.json()["code"]) == (422, "assignee_unfit")
    for path in ("assign", "resolve"):
        gone = await api.post(f"{LIST}/{uuid4()}/{path}", json={"reason": "x"}, headers=staff)
        assert (gone.status_code, gone.json()["code"]) == (404, "attention_not_found")
    assert (await api.get(f"{LIST}/{uuid4()}", headers=staff)).json()["code"] == "attention_not_found"
    assert await state(till.database, *TABLES) == before


async def test_what_is_resolved_is_away_until_something_new_happens(api: Api, till: Till) -> None:
    """Given a step that fails on, then what somebody called resolved is back with its next failure, and says so."""
    order = await asked(till)
    staff = await api.sign_in(Role.SUPPORT)
    item = await only(api, staff)
    place = f"{LIST}/{item['id']}"
    keyed = {**staff, "Idempotency-Key": "k-1"}
    answers = await asyncio.gather(
        *(api.post(f"{place}/resolve", json={"reason": "the bank knows"}, headers=keyed) for _ in range(3))
    )
    assert [each.status_code for each in answers] == [200] * 3, answers[0].text
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert answers[0].json()["is_resolved"] is True
    assert answers[0].json()["resolved"]["reason"] == "the bank knows"
    assert [each[:2] for each in await log(till.database)] == [("attention.resolve", "HF-ASKED-AAAAA")]
    assert await queue(api, staff) == []
    assert (await only(api, staff, resolved="true"))["id"] == item["id"]
    assert (await api.get(place, headers=staff)).json()["is_resolved"] is True
    assert await till.ask("SELECT attention IS NOT NULL FROM orders") == [(True,)]

    async with till.database.writing() as writer:
        await waiting.ask(writer, "stuck", order, "2")
    back = await only(api, staff)
    assert (back["id"], back["times"], back["is_resolved"]) == (item["id"], 2, False)
    assert (back["since"], back["resolved"]["reason"]) == (item["since"], "the bank knows")


async def test_what_is_still_so_after_a_day_is_back(api: Api, till: Till) -> None:
    """Given things that somebody called resolved yesterday, then those are back that are still so, but no final one."""
    await everything(api, till)
    staff = await api.sign_in(Role.ADMIN)
    for each in await queue(api, staff):
        answer = await api.post(f"{LIST}/{each['id']}/resolve", json={"reason": "seen to"}, headers=staff)
        assert answer.status_code == 200, answer.text
    assert await queue(api, staff) == []
    async with till.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE attention_marks SET resolved_at = resolved_at - interval '1 day'")
    ended = {"refund_failed", "papers_unwritten", "case", "payout_failed", "letter_unsent", "card_kept"}
    assert {each["kind"] for each in await queue(api, staff)} == {*AttentionKind} - ended


async def test_a_case_is_resolved_by_who_may_close_it(api: Api, till: Till) -> None:
    """Given a case, then support cannot resolve it and nothing moves; finance does, and it is closed."""
    await everything(api, till)
    support, finance = await api.sign_in(Role.SUPPORT), await api.sign_in(Role.FINANCE)
    case = await only(api, finance, kind="case")
    before = await state(till.database, *TABLES)
    refused = await api.post(f"{LIST}/{case['id']}/resolve", json={"reason": "no"}, headers=support)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert await state(till.database, *TABLES) == before
    done = await api.post(f"{LIST}/{case['id']}/resolve", json={"reason": "the buyer called"}, headers=finance)
    assert (done.status_code, done.json()["is_resolved"]) == (200, True)
    assert await till.ask("SELECT reason FROM cases WHERE closed_at IS NOT NULL") == [("the buyer called",)]
    assert await queue(api, finance, kind="case") == await queue(api, finance, kind="case", resolved="true") == []


async def test_what_nobody_waits_for_ends_with_a_word(api: Api, till: Till) -> None:
    """Given a refund that did not arrive, when it is resolved, then the timeline says so and nobody is asked for."""
    await asked(till, "refund_failed")
    staff = await api.sign_in(Role.SUPPORT)
    item = await only(api, staff)
    done = await api.post(f"{LIST}/{item['id']}/resolve", json={"reason": "sent by bank transfer"}, headers=staff)
    assert (done.status_code, done.json()["is_resolved"]) == (200, True)
    assert await till.ask("SELECT attention FROM orders") == [(None,)]
    assert await till.told() == ["order_placed", "attention_settled"]
    assert await queue(api, staff) == []


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "a\x00"}, {"reason": "x", "more": 1}, {"reason": 1}])
async def test_a_resolution_says_why(api: Api, till: Till, body: dict[str, Any]) -> None:
    """Given no reason, or one that cannot be kept, then it is refused, and nothing moves."""
    await asked(till)
    staff = await api.sign_in(Role.SUPPORT)
    item = await only(api, staff)
    before = await state(till.database, *TABLES)
    answer = await api.post(f"{LIST}/{item['id']}/resolve", json=body, headers=staff)
    assert answer.status_code in (400, 422), answer.text
    assert await state(till.database, *TABLES) == before
