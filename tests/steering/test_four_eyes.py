"""Much money takes two of the staff: the first one's request is a question, and another's yes does it, once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models.roles import Role
from tests import people
from tests.api.conftest import everything
from tests.steering.office import Clerk, Office, code, usd

MUG = 1600


@pytest.fixture
def limits() -> dict[str, str]:
    """More than ten dollars are much."""
    return {"FOUR_EYES_ABOVE": "usd:1000"}


async def until_given(office: Office, number: str, amount: int) -> None:
    """Wait until so much has gone back, and see that it stays so much."""
    async with asyncio.timeout(60):
        while await office.given_back(number) < amount:
            await asyncio.sleep(0.05)
    assert await office.given_back(number) == amount


async def test_a_large_refund_takes_two(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given 16.00 asked back twice by one under a key, then nothing moves until another agrees; then once."""
    shelf, _ = await office.sold()
    asked = [await bob.press(shelf.number, "refund", "r-1", amount=usd(MUG), reason="broken") for _ in range(2)]

    assert [answer.status_code for answer in asked] == [202, 202]
    question = asked[0].json()
    assert asked[1].json() == question
    assert asked[0].headers["Location"] == f"/api/v1/admin/approvals/{question['id']}"
    assert (question["status"], question["action"], question["subject"]) == ("pending", "refund", shelf.number)
    assert (question["amount"], question["reason"], question["decided_by"]) == (usd(MUG), "broken", None)
    assert await office.given_back(shelf.number) == 0
    seen = await eve.see(f"orders/{shelf.number}")
    assert ([each["id"] for each in seen["approvals"]], seen["refunds"]) == ([question["id"]], [])
    assert [each["type"] for each in seen["events"]][-1] == "approval_asked"
    other = await bob.press(shelf.number, "refund", "r-1", amount=usd(MUG - 1), reason="broken")
    assert code(other) == (422, "idempotency_key_reused")

    alone = await bob.post(f"approvals/{question['id']}/approve")
    assert code(alone) == (403, "second_person_needed")
    agreed = await asyncio.gather(*(eve.post(f"approvals/{question['id']}/approve", "a-1") for _ in range(3)))

    assert {answer.status_code for answer in agreed} <= {200, 202}, [answer.text for answer in agreed]
    await until_given(office, shelf.number, MUG)
    done = await eve.post(f"approvals/{question['id']}/approve")
    assert (done.status_code, done.json()["status"]) == (200, "done")
    assert done.json()["decided_by"]["id"] == str(eve.user)
    again = await bob.press(shelf.number, "refund", "r-1", amount=usd(MUG), reason="broken")
    assert (again.status_code, again.json()["n"], again.json()["status"]) == (201, 1, "succeeded")
    assert await office.log(shelf.number) == [
        ("approval.ask", bob.user, "broken"), ("approval.approve", eve.user, "looked at, and good"),
        ("order.refund", bob.user, "broken"),
    ]  # fmt: skip
    assert await office.given_back(shelf.number) == MUG
    seen = await eve.see(f"orders/{shelf.number}")
    assert seen["approvals"] == []


async def test_many_small_refunds_are_a_large_one(office: Office, bob: Clerk) -> None:
    """Given 10.00 that one may give back, then the next 6.00 of the same order take two; the first stays the first."""
    shelf, _ = await office.sold()
    first = await bob.press(shelf.number, "refund", "r-1", amount=usd(1000), reason="late")
    assert first.status_code in (201, 202) and first.json()["n"] == 1
    await until_given(office, shelf.number, 1000)

    second = await bob.press(shelf.number, "refund", "r-2", amount=usd(600), reason="late")

    assert (second.status_code, second.json()["status"], second.json()["amount"]) == (202, "pending", usd(MUG))
    again = await bob.press(shelf.number, "refund", "r-1", amount=usd(1000), reason="late")
    assert (again.status_code, again.json()["n"]) == (201, 1)
    assert await office.given_back(shelf.number) == 1000


async def test_a_cancelled_order_gives_much_back(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given an order of 16.00, then one asks for its end, another agrees, and it ends as the first one's doing."""
    shelf, handle = await office.sold()
    asked = await bob.press(shelf.number, "cancel", "c-1", reason="out of mugs")
    assert (asked.status_code, asked.json()["amount"]) == (202, usd(MUG))
    assert (await shelf.row())["status"] == "confirmed"

    agreed = await eve.post(f"approvals/{asked.json()['id']}/approve", reason="none left, true")

    assert (agreed.status_code, agreed.json()["status"]) == (200, "done"), agreed.text
    await asyncio.wait_for(handle.result(), 60)
    await until_given(office, shelf.number, MUG)
    again = await bob.press(shelf.number, "cancel", "c-1", reason="out of mugs")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")
    assert await office.log(shelf.number) == [
        ("approval.ask", bob.user, "out of mugs"), ("approval.approve", eve.user, "none left, true"),
        ("order.cancel", bob.user, "out of mugs"),
    ]  # fmt: skip


async def test_no_is_no(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given a no, then nothing moved, nobody can agree any more, and the same request is told so."""
    shelf, _ = await office.sold()
    question = (await bob.press(shelf.number, "cancel", "c-1", reason="out of mugs")).json()
    assert code(await eve.post(f"approvals/{question['id']}/reject")) == (422, "invalid")

    said = [await eve.post(f"approvals/{question['id']}/reject", "no", reason="ten in the cellar") for _ in range(2)]

    assert [(each.status_code, each.json()["status"], each.json()["decision"]) for each in said] == [
        (200, "rejected", "ten in the cellar")
    ] * 2
    before = await everything(office.database)
    assert code(await eve.post(f"approvals/{question['id']}/approve")) == (409, "approval_over")
    again = await bob.press(shelf.number, "cancel", "c-1", reason="out of mugs")
    assert (code(again), again.json()["facts"]["status"]) == ((409, "approval_over"), "rejected")
    assert await everything(office.database) == before
    assert (await shelf.row())["status"] == "confirmed"
    assert [what for what, _, _ in await office.log(shelf.number)] == ["approval.ask", "approval.reject"]


async def test_nobody_answers_in_time(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given a question whose time is over, then nobody can agree; asked anew it is another one."""
    shelf, _ = await office.sold()
    question = (await bob.press(shelf.number, "cancel", "c-1", reason="out of mugs")).json()
    async with office.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE approvals SET expires_at = now() - $1::interval", (timedelta(seconds=1),))

    assert code(await eve.post(f"approvals/{question['id']}/approve")) == (409, "approval_over")
    assert (await eve.see(f"approvals/{question['id']}"))["status"] == "expired"
    assert (await eve.see(f"approvals?status=expired&subject={shelf.number}"))["items"][0]["id"] == question["id"]
    assert (await eve.see("approvals?status=pending"))["items"] == []
    assert (await eve.see(f"orders/{shelf.number}"))["approvals"] == []
    assert code(await bob.press(shelf.number, "cancel", "c-1", reason="out of mugs")) == (409, "approval_over")
    anew = await bob.press(shelf.number, "cancel", "c-2", reason="out of mugs")
    assert (anew.status_code, anew.json()["status"]) == (202, "pending")
    assert anew.json()["id"] != question["id"]
    assert (await shelf.row())["status"] == "confirmed"


async def test_a_double_click_without_a_key_is_one_question(office: Office, bob: Clerk) -> None:
    """Given the same request five times at once without a key, then one question."""
    shelf, _ = await office.sold()
    asked = await asyncio.gather(*(bob.press(shelf.number, "cancel", reason="out of mugs") for _ in range(5)))
    assert {answer.status_code for answer in asked} == {202}
    assert len({answer.json()["id"] for answer in asked}) == 1


async def test_the_second_needs_the_scope_too(office: Office, bob: Clerk) -> None:
    """Given who may not cancel orders, then their yes and their no count nothing."""
    shelf, _ = await office.sold()
    question = (await bob.press(shelf.number, "cancel", reason="out of mugs")).json()
    before = await everything(office.database)
    ann, carl = await office.hire(Role.FINANCE), await office.hire(Role.CATALOG)
    after_hiring = await everything(office.database)
    for clerk in (ann, carl):
        for word in ("approve", "reject"):
            assert code(await clerk.post(f"approvals/{question['id']}/{word}", reason="why not")) == (403, "forbidden")
    assert await everything(office.database) == after_hiring
    assert {name for name in before if before[name] != after_hiring[name]} <= {"users", "sessions", "user_roles"}


async def test_what_cannot_be_done_asks_nobody(office: Office, bob: Clerk) -> None:
    """Given an order of which nothing can be captured, then it is refused at once, with what can be done."""
    shelf, _ = await office.sold()
    refused = await bob.press(shelf.number, "capture", amount=usd(MUG))
    assert code(refused) == (409, "wrong_move")
    assert refused.json()["facts"]["actions"] == (await bob.see(f"orders/{shelf.number}"))["actions"]
    assert (await bob.see("approvals"))["items"] == []


async def test_agreed_too_late(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given an order that was sent meanwhile, then a yes to its end is refused, says what can be done, and stays so."""
    shelf, _ = await office.sold()
    question = (await bob.press(shelf.number, "cancel", "c-1", reason="out of mugs")).json()
    sent = await bob.press(shelf.number, "ship", carrier="UPS", tracking="1Z")
    assert sent.status_code == 200, sent.text

    late = await eve.post(f"approvals/{question['id']}/approve")

    assert code(late) == (409, "wrong_move")
    assert "deliver" in late.json()["facts"]["actions"]
    again = await eve.post(f"approvals/{question['id']}/approve")
    assert (again.status_code, again.json()["status"]) == (200, "refused")
    assert again.json()["error"].startswith("wrong_move: ")
    assert code(await bob.press(shelf.number, "cancel", "c-1", reason="out of mugs")) == (409, "approval_over")
    assert (await shelf.row())["status"] == "shipped"
    assert await office.given_back(shelf.number) == 0


async def test_much_credit_takes_two(office: Office) -> None:
    """Given a grant of 20.00, then it is granted once, when another agrees; what is taken back takes one."""
    ann, tom = await office.hire(Role.FINANCE), await office.hire(Role.ADMIN)
    async with office.database.writing() as writer:
        ada = await people.account(writer)
    wish: dict[str, Any] = {"amount": usd(2000), "reason": "sorry"}
    asked = await ann.post(f"users/{ada}/store-credit", "s-1", **wish)
    assert (asked.status_code, asked.json()["status"]) == (202, "pending")
    assert (await ann.see(f"users/{ada}/store-credit"))["balances"] == []

    agreed = await asyncio.gather(*(tom.post(f"approvals/{asked.json()['id']}/approve") for _ in range(3)))

    assert [(each.status_code, each.json()["status"]) for each in agreed] == [(200, "done")] * 3
    again = await ann.post(f"users/{ada}/store-credit", "s-1", **wish)
    assert (again.status_code, again.json()["balance"]) == (201, usd(2000))
    assert (await ann.see(f"users/{ada}/store-credit"))["balances"] == [usd(2000)]
    back = await ann.post(f"users/{ada}/store-credit", amount=usd(-2000), reason="mistake")
    assert (back.status_code, back.json()["balance"]) == (201, usd(0))
    assert await office.log(str(ada)) == [
        ("approval.ask", ann.user, "sorry"), ("approval.approve", tom.user, "looked at, and good"),
        ("store_credit.adjust", ann.user, "sorry"), ("store_credit.adjust", ann.user, "mistake"),
    ]  # fmt: skip
    rows = await office.database.fetch("SELECT roles FROM audit_log WHERE subject = $1 ORDER BY at, id", str(ada))
    assert [row["roles"] for row in rows] == [["finance"], ["admin"], ["finance"], ["finance"]]


async def test_the_code_of_a_card_is_for_who_asked(office: Office) -> None:
    """Given a card of 50.00, then another's yes gives it out once; its code is told to the first alone."""
    ann, tom = await office.hire(Role.FINANCE), await office.hire(Role.FINANCE)
    asked = await ann.post("gift-cards", "g-1", amount=usd(5000), note="#1")
    assert (asked.status_code, asked.json()["subject"]) == (202, "gift-cards")
    agreed = await tom.post(f"approvals/{asked.json()['id']}/approve")
    assert (agreed.status_code, agreed.json()["status"]) == (200, "done"), agreed.text
    mine = [await ann.post("gift-cards", "g-1", amount=usd(5000), note="#1") for _ in range(2)]
    assert [answer.status_code for answer in mine] == [201, 201]
    assert mine[0].json() == mine[1].json()
    assert mine[0].json()["code"] not in agreed.text
    assert len((await ann.see("gift-cards"))["items"]) == 1
    small = await ann.post("gift-cards", amount=usd(1000), note="#2")
    assert small.status_code == 201


async def test_an_approval_that_is_none(office: Office, bob: Clerk) -> None:
    """Given an id that is none, then 404, whatever is said to it."""
    nothing = "approvals/018f0000-0000-7000-8000-000000000000"
    for path in (f"{nothing}/approve", f"{nothing}/reject"):
        assert code(await bob.post(path, reason="why not")) == (404, "approval_not_found")
    assert (await bob.api.get(f"/api/v1/admin/{nothing}", headers=bob.headers)).status_code == 404
