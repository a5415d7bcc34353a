"""Much money that goes back by a return, an edit or a shortage takes two of the staff, as by a refund; and what single
persons give back of one order counts together, whichever way it goes."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from activities.edits import EDIT_WINDOW
from models.edit import EditItem, EditWish
from models.ids import OrderId
from models.roles import Role
from models.tables import inventory, refund_end
from tests.api.conftest import everything
from tests.steering.office import Clerk, Office, code, usd
from tests.steering.stands import THREE_MUGS, bought, confirmed, sent, sent_in_part
from tests.workflows.returning import Gone
from tests.workflows.stories import Shelf
from workflows.order import Order
from workflows.order_messages import ProposeEdit

MUG = 1000 + 100
"""One of them with its tax."""


@pytest.fixture
def limits() -> dict[str, str]:
    """More than fifteen dollars are much: two mugs, and not one."""
    return {"FOUR_EYES_ABOVE": "usd:1500"}


async def at_rest(office: Office, shelf: Shelf, amount: int) -> None:
    """Wait until no refund is under way; then so much has gone back, and the books agree."""

    async def over() -> bool:
        return not await office.database.fetch("SELECT FROM refunds WHERE status = 'open'")

    await office.when(over)
    assert await office.given_back(shelf.number) == amount
    async with office.database.reading() as reader:
        assert await inventory.drift(reader) == []
        assert [tuple(row) for row in await refund_end.drift(reader)] == []


async def agree(clerk: Clerk, question: httpx.Response) -> None:
    """Three times at once; it is done once."""
    path = f"approvals/{question.json()['id']}/approve"
    answers = await asyncio.gather(*(clerk.post(path) for _ in range(3)))
    assert {answer.status_code for answer in answers} <= {200, 202}, [answer.text for answer in answers]
    done = await clerk.post(path)
    assert (done.status_code, done.json()["status"]) == (200, "done"), done.text


def asks(answer: httpx.Response) -> tuple[int, str, str, dict[str, Any]]:
    """What a second person is asked for."""
    assert "action" in answer.json(), answer.text
    return answer.status_code, answer.json()["status"], answer.json()["action"], answer.json()["amount"]


async def come_back(office: Office, clerk: Clerk, shelf: Shelf, units: int, n: int = 1) -> str:
    """So many mugs of an order that was sent come back, which one person takes in; the return's path."""
    gone = Gone(shelf, office.flow.handle(shelf.cart), OrderId((await shelf.row())["id"]))
    await gone.ask(gone.wish(units), n)
    path = f"returns/{(await gone.row(n)).id}"
    for step in ("approve", "receive"):
        answer = await clerk.post(f"{path}/actions/{step}")
        assert answer.status_code == 200, answer.text
    return path


async def test_a_large_return_takes_two(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given two mugs that came back, when one person says what became of them, then nothing moves until another agrees;
    then goods and money move once, as the first one's doing."""
    shelf = await sent(office, bob)
    path = await come_back(office, bob, shelf, 2)
    wish: dict[str, Any] = {"reason": "as new", "items": [{"sku": shelf.sku, "restock": 1, "write_off": 1}]}
    before = await shelf.left()

    asked = [await bob.post(f"{path}/actions/inspect", "i-1", **wish) for _ in range(2)]

    assert [asks(answer) for answer in asked] == [(202, "pending", "return", usd(2 * MUG))] * 2
    assert asked[0].json() == asked[1].json()
    assert (asked[0].json()["subject"], asked[0].json()["reason"]) == (shelf.number, "as new")
    assert asked[0].headers["Location"] == f"/api/v1/admin/approvals/{asked[0].json()['id']}"
    assert (await bob.see(path))["status"] == "received"
    assert (await shelf.left(), await office.given_back(shelf.number)) == (before, 0)
    seen = await eve.see(f"orders/{shelf.number}")
    assert ([each["id"] for each in seen["approvals"]], seen["refunds"]) == ([asked[0].json()["id"]], [])
    other = await bob.post(f"{path}/actions/inspect", "i-1", reason="all as new")
    assert code(other) == (422, "idempotency_key_reused")
    alone = await bob.post(f"approvals/{asked[0].json()['id']}/approve")
    assert code(alone) == (403, "second_person_needed")

    await agree(eve, asked[0])

    await at_rest(office, shelf, 2 * MUG)
    assert await shelf.left() == (before[0] + 1, before[1])
    again = await bob.post(f"{path}/actions/inspect", "i-1", **wish)
    assert (again.status_code, again.json()["refund"]) == (200, 1)
    assert [entry for entry in await office.log(shelf.number) if entry[0] != "order.ship"] == [
        ("return.approve", bob.user, "as asked"), ("return.receive", bob.user, None),
        ("approval.ask", bob.user, "as new"), ("approval.approve", eve.user, "looked at, and good"),
        ("order.refund", bob.user, "return 1"), ("return.inspect", bob.user, "as new"),
    ]  # fmt: skip
    small = await bob.press(shelf.number, "refund", "r-1", amount=usd(1500), reason="late")
    assert small.status_code in (201, 202) and small.json()["n"] == 2, small.text  # two have agreed to what went before
    await at_rest(office, shelf, 2 * MUG + 1500)


async def test_a_small_return_takes_one(office: Office, bob: Clerk) -> None:
    """Given a mug that came back, then one person gives its money back; with the next of the same order it is much."""
    shelf = await sent(office, bob)
    first = await come_back(office, bob, shelf, 1)
    done = await bob.post(f"{first}/actions/inspect", "i-1", reason="as new")
    assert (done.status_code, done.json()["refund"]) == (200, 1), done.text
    again = await bob.post(f"{first}/actions/inspect", "i-1", reason="as new")
    assert (again.status_code, again.json()["refund"]) == (200, 1)
    await at_rest(office, shelf, MUG)

    second = await come_back(office, bob, shelf, 1, 2)
    asked = await bob.post(f"{second}/actions/inspect", "i-2", reason="as new")

    assert asks(asked) == (202, "pending", "return", usd(2 * MUG))
    other = await bob.press(shelf.number, "refund", "r-1", amount=usd(500), reason="late")
    assert asks(other) == (202, "pending", "refund", usd(MUG + 500))
    kept = await bob.post(f"{second}/actions/inspect", "i-3", reason="worn", fee=usd(700))
    assert (kept.status_code, kept.json()["refund"]) == (200, 2), kept.text
    late = await (await office.hire(Role.SUPPORT)).post(f"approvals/{asked.json()['id']}/approve")
    assert code(late) == (409, "wrong_move")
    await at_rest(office, shelf, MUG + 400)


async def test_a_return_that_cannot_be_asks_nobody(office: Office, bob: Clerk) -> None:
    """Given what an inspection is refused with, then it is refused at once, nobody is asked, and nothing has moved."""
    shelf = await sent(office, bob)
    gone = Gone(shelf, office.flow.handle(shelf.cart), OrderId((await shelf.row())["id"]))
    await gone.ask(gone.wish(2))
    path = f"returns/{(await gone.row()).id}"
    early = await bob.post(f"{path}/actions/inspect", reason="as new")
    assert (code(early), early.json()["facts"]) == (
        (409, "wrong_move"), {"status": "requested", "actions": ["approve", "reject"]}
    )  # fmt: skip
    for step in ("approve", "receive"):
        assert (await bob.post(f"{path}/actions/{step}")).status_code == 200
    before = await everything(office.database)
    wishes: list[tuple[dict[str, Any], str]] = [
        ({"items": [{"sku": shelf.sku, "restock": 1}]}, "return_mismatch"),
        ({"items": [{"sku": "CUP", "restock": 2}]}, "return_mismatch"),
        ({"fee": usd(2 * MUG + 1)}, "fee_exceeds"),
        ({"fee": {"amount": 1, "currency": "eur"}}, "currency_mismatch"),
        ({"location": "attic"}, "location_unknown"),
    ]
    for wish, why in wishes:
        answer = await bob.post(f"{path}/actions/inspect", reason="as new", **wish)
        assert answer.json()["code"] == why, (wish, answer.text)
    nobody = await bob.post("returns/018f0000-0000-7000-8000-000000000000/actions/inspect", reason="as new")
    assert code(nobody) == (404, "return_not_found")
    assert await everything(office.database) == before
    assert (await bob.see("approvals"))["items"] == []


async def test_no_to_a_return_is_no(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given a no, then the parcel lies there as before, and what is asked anew is another question."""
    shelf = await sent(office, bob)
    path = await come_back(office, bob, shelf, 2)
    asked = await bob.post(f"{path}/actions/inspect", "i-1", reason="as new")
    no = await eve.post(f"approvals/{asked.json()['id']}/reject", reason="one is broken")
    assert (no.status_code, no.json()["status"]) == (200, "rejected")

    assert code(await bob.post(f"{path}/actions/inspect", "i-1", reason="as new")) == (409, "approval_over")
    anew = await bob.post(f"{path}/actions/inspect", "i-2", reason="one broken", fee=usd(1000))
    assert (anew.status_code, anew.json()["status"]) == (200, "inspected"), anew.text
    await at_rest(office, shelf, 2 * MUG - 1000)


async def test_an_edit_that_gives_much_back_takes_two(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given two of three mugs taken off, then the order stays as it is until another agrees, which they can as long as
    the edit waits; then it is changed once."""
    shelf = await confirmed(office, bob)
    edit = await bob.post(f"orders/{shelf.number}/edits", reason="too many", items=[{"sku": shelf.sku, "quantity": 1}])
    assert (edit.status_code, edit.json()["difference"]) == (201, usd(-2 * MUG)), edit.text
    path = f"orders/{shelf.number}/edits/1/commit"

    asked = [await bob.post(path, "c-1") for _ in range(2)]

    assert [asks(answer) for answer in asked] == [(202, "pending", "edit", usd(2 * MUG))] * 2
    assert asked[0].json() == asked[1].json()
    assert (asked[0].json()["subject"], asked[0].json()["reason"]) == (shelf.number, "too many")
    assert asked[0].json()["expires_at"] == edit.json()["expires_at"]
    assert asked[0].json()["wish"]["n"] == 1
    assert ((await shelf.row())["total"], await office.given_back(shelf.number)) == (THREE_MUGS, 0)
    assert code(await bob.post(f"approvals/{asked[0].json()['id']}/approve")) == (403, "second_person_needed")

    await agree(eve, asked[0])

    await at_rest(office, shelf, 2 * MUG)
    assert (await shelf.row())["total"] == THREE_MUGS - 2 * MUG
    again = await bob.post(path, "c-1")
    assert (again.status_code, again.json()["edits"][0]["status"]) == (200, "committed"), again.text
    assert (await shelf.facts()).count("order_edited") == 1
    assert await office.log(shelf.number) == [
        ("order.edit_proposed", bob.user, "too many"), ("approval.ask", bob.user, "too many"),
        ("approval.approve", eve.user, "looked at, and good"), ("order.edit", bob.user, "too many"),
    ]  # fmt: skip
    small = await bob.press(shelf.number, "refund", "r-1", amount=usd(1500), reason="late")
    assert small.status_code in (201, 202) and small.json()["n"] == 2, small.text


async def test_an_edit_that_charges_much_takes_two(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given two mugs more, then the card is not charged until another agrees; one mug more takes one person."""
    shelf, _ = await office.sold()
    one = await bob.post(f"orders/{shelf.number}/edits", reason="one more", items=[{"sku": shelf.sku, "quantity": 2}])
    assert one.json()["difference"] == usd(MUG), one.text
    visa = {"payment_method": "pm_card_visa"}
    done = await bob.post(f"orders/{shelf.number}/edits/1/commit", "c-1", **visa)
    assert done.status_code == 200 and done.json()["totals"]["total"] == usd(1600 + MUG), done.text
    again = await bob.post(f"orders/{shelf.number}/edits/1/commit", "c-1", **visa)
    assert again.status_code == 200
    two = await bob.post(f"orders/{shelf.number}/edits", reason="two more", items=[{"sku": shelf.sku, "quantity": 4}])
    assert two.json()["difference"] == usd(2 * MUG), two.text

    asked = await bob.post(f"orders/{shelf.number}/edits/2/commit", "c-2", **visa)

    assert asks(asked) == (202, "pending", "edit", usd(2 * MUG))
    charged = sum(each["captured"] + each["held"] for each in await office.flow.intents(shelf.number))
    assert (charged, (await shelf.row())["total"]) == (1600 + MUG, 1600 + MUG)
    await agree(eve, asked)
    assert (await shelf.row())["total"] == 1600 + 3 * MUG

    async def taken() -> bool:
        return (await shelf.charged()) == (1600 + 3 * MUG, 0)

    await office.when(taken)
    await at_rest(office, shelf, 0)


async def test_an_edit_whose_card_is_declined(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given a card that says no when another agrees, then they hear so, nothing was charged, and the edit still waits:
    with another card it is another question."""
    shelf, _ = await office.sold()
    await bob.post(f"orders/{shelf.number}/edits", reason="two more", items=[{"sku": shelf.sku, "quantity": 3}])
    path = f"orders/{shelf.number}/edits/1/commit"
    asked = await bob.post(path, "c-1", payment_method="pm_card_chargeDeclined")

    assert code(await eve.post(f"approvals/{asked.json()['id']}/approve")) == (402, "payment_declined")

    assert (await eve.see(f"approvals/{asked.json()['id']}"))["status"] == "refused"
    assert ((await shelf.row())["total"], await shelf.charged()) == (1600, (1600, 0))
    other = await bob.post(path, "c-2", payment_method="pm_card_visa")
    assert asks(other) == (202, "pending", "edit", usd(2 * MUG))
    await agree(eve, other)
    assert (await shelf.row())["total"] == 1600 + 2 * MUG


async def test_an_edit_that_is_over_cannot_be_agreed_to(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given an edit whose time is over, then a yes is refused, nobody can ask for one any more, and nothing moved."""
    shelf, handle = await bought(office)
    await office.until(shelf, lambda row: row["status"] == "confirmed")
    await bob.post(f"orders/{shelf.number}/edits", reason="too many", items=[{"sku": shelf.sku, "quantity": 1}])
    asked = await bob.post(f"orders/{shelf.number}/edits/1/commit", "c-1")
    assert asked.status_code == 202, asked.text
    await office.flow.fast_forward(handle, EDIT_WINDOW + timedelta(minutes=1))

    async def expired() -> bool:
        return "edit_expired" in await shelf.facts()

    await office.when(expired)
    assert code(await eve.post(f"approvals/{asked.json()['id']}/approve")) == (409, "edit_over")
    assert (await eve.see(f"approvals/{asked.json()['id']}"))["status"] == "refused"
    assert code(await bob.post(f"orders/{shelf.number}/edits/1/commit", "c-1")) == (409, "approval_over")
    assert code(await bob.post(f"orders/{shelf.number}/edits/1/commit", "c-2")) == (409, "edit_over")
    assert code(await bob.post(f"orders/{shelf.number}/edits/2/commit", "c-3")) == (404, "edit_not_found")
    assert (await shelf.row())["total"] == THREE_MUGS
    await at_rest(office, shelf, 0)


async def test_an_edit_whose_owner_is_late_is_not_made_by_one(office: Office, bob: Clerk) -> None:
    """Given an edit whose time is over though its order has not said so yet, then one person cannot say yes to it."""
    shelf = await confirmed(office, bob)
    await bob.post(f"orders/{shelf.number}/edits", reason="too many", items=[{"sku": shelf.sku, "quantity": 1}])
    async with office.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE order_edits SET expires_at = now() - interval '1 second'")

    assert code(await bob.post(f"orders/{shelf.number}/edits/1/commit")) == (409, "edit_over")

    assert (await shelf.row())["total"] == THREE_MUGS
    assert (await bob.see("approvals"))["items"] == []


async def test_a_buyers_words_stay_with_their_edit(office: Office, bob: Clerk) -> None:
    """Given an edit that its buyer asked for, when staff say yes to it, then the question does not have their words."""
    shelf, handle = await bought(office)
    await office.until(shelf, lambda row: row["status"] == "confirmed")
    wish = EditWish("k", "d", "buyer", (EditItem(shelf.sku, 1),), reason="I am Ada, and moved")
    await shelf.ask(handle, Order.propose_edit, ProposeEdit("d", wish))

    asked = await bob.post(f"orders/{shelf.number}/edits/1/commit")

    assert asks(asked) == (202, "pending", "edit", usd(2 * MUG))
    assert asked.json()["reason"] == "as its buyer asked"


async def test_a_large_shortage_takes_two(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given two of three mugs that nobody finds, then they are given up once another agrees; one takes one person."""
    shelf = await confirmed(office, bob)
    before = await shelf.left()
    wish: dict[str, Any] = {"reason": "broken", "items": [{"sku": shelf.sku, "quantity": 2}]}

    asked = [await bob.press(shelf.number, "accept_shortage", "s-1", **wish) for _ in range(2)]

    assert [asks(answer) for answer in asked] == [(202, "pending", "accept_shortage", usd(2 * MUG))] * 2
    assert asked[0].json() == asked[1].json()
    assert (await shelf.left(), await office.given_back(shelf.number)) == (before, 0)
    await agree(eve, asked[0])
    await at_rest(office, shelf, 2 * MUG)
    assert await shelf.left() == (before[0] - 2, before[1] - 2)
    again = await bob.press(shelf.number, "accept_shortage", "s-1", **wish)
    assert (again.status_code, again.json()["items"][0]["cancelled"]) == (200, 2), again.text
    assert (await shelf.facts()).count("shortage_accepted") == 1
    assert await office.log(shelf.number) == [
        ("approval.ask", bob.user, "broken"), ("approval.approve", eve.user, "looked at, and good"),
        ("order.accept_shortage", bob.user, "broken"),
    ]  # fmt: skip
    all_of_it = await bob.press(shelf.number, "accept_shortage", reason="broken", items=wish["items"])
    assert code(all_of_it) == (409, "nothing_left")
    assert (await bob.see("approvals?status=pending"))["items"] == []


async def test_one_mug_after_another_is_many(office: Office, bob: Clerk) -> None:
    """Given a mug that one person gave up, done once however often it is sent, then the next two ways of giving money
    back take two: another refund, and the end of what is not sent."""
    shelf = await sent_in_part(office, bob)
    wish: dict[str, Any] = {"reason": "broken", "items": [{"sku": shelf.sku, "quantity": 1}]}
    done = [await bob.press(shelf.number, "accept_shortage", "s-1", **wish) for _ in range(2)]
    assert [answer.status_code for answer in done] == [200, 200], done[1].text
    await at_rest(office, shelf, MUG)

    refund = await bob.press(shelf.number, "refund", "r-1", amount=usd(500), reason="late")
    end = await bob.press(shelf.number, "cancel", "c-1", reason="broken, too")

    assert asks(refund) == (202, "pending", "refund", usd(MUG + 500))
    assert asks(end) == (202, "pending", "cancel", usd(2 * MUG))
    await at_rest(office, shelf, MUG)


async def test_one_edit_after_another_is_many(office: Office, bob: Clerk, eve: Clerk) -> None:
    """Given a mug that one person took off, then the next takes two; what they agreed to counts no more after that."""
    shelf = await confirmed(office, bob)
    order = f"orders/{shelf.number}/edits"
    await bob.post(order, reason="one less", items=[{"sku": shelf.sku, "quantity": 2}])
    first = await bob.post(f"{order}/1/commit", "c-1")
    assert first.status_code == 200 and first.json()["totals"]["total"] == usd(THREE_MUGS - MUG), first.text
    await at_rest(office, shelf, MUG)
    await bob.post(order, reason="one less", items=[{"sku": shelf.sku, "quantity": 1}])

    second = await bob.post(f"{order}/2/commit", "c-2")

    assert asks(second) == (202, "pending", "edit", usd(2 * MUG))
    await agree(eve, second)
    await at_rest(office, shelf, 2 * MUG)
    third = await bob.press(shelf.number, "refund", "r-1", amount=usd(500), reason="late")
    assert asks(third) == (202, "pending", "refund", usd(MUG + 500))
