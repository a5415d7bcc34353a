"""Orders that look like fraud: held, and then whatever befalls them, wholly sold or wholly undone, over HTTP too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from dev.stack import LIMITS_FAR_AWAY
from models.checkout import PaymentChoice
from models.ids import OrderNumber
from models.order import OrderStatus, workflow_id
from models.payment import CHAPA
from models.roles import Role
from models.settings import WorkerSettings, api_settings
from tests import people, shop
from tests.api.conftest import Api, media, started
from tests.flow import Flow, Handle
from tests.seals import PAYLOAD_KEYS
from tests.shop import BERLIN
from tests.workflows import ledgers, screened
from tests.workflows.screened import approve, held, reject
from tests.workflows.stories import MUG, Shelf, Story
from tests.workflows.test_histories import keep
from tests.workflows.test_reconcile import reconcile
from tests.workflows.trouble import Kind, Trouble
from workflows.order import Order
from workflows.order_messages import CancelCheckout, PayOrder
from workflows.reconcile import ReconcileOutcome

__all__ = ["media"]

KEY = "0123456789abcdef0123456789abcdef"
KINDS: tuple[Kind, ...] = ("before", "after")
MATRIX = sum(len(steps) for steps in screened.STEPS.values()) * len(KINDS)


@pytest.fixture
def settings(settings: WorkerSettings) -> WorkerSettings:
    """Of a shop that screens."""
    return msgspec.structs.replace(settings, screening=screened.LIMIT)


async def row(shelf: Shelf) -> dict[str, Any]:
    """What is written down of an order that was held."""
    [found] = await shelf.flow.database.fetch(
        "SELECT s.score, s.points_allowed, s.decision, s.actor, s.reason FROM screenings s "
        "JOIN orders o ON o.id = s.order_id WHERE o.number = $1", shelf.number,
    )  # fmt: skip
    return dict(found)


async def log(flow: Flow) -> list[tuple[Any, ...]]:
    """What staff did."""
    rows = await flow.database.fetch("SELECT action, subject, reason FROM audit_log ORDER BY id")
    return [tuple(row) for row in rows]


async def test_an_order_that_looks_like_fraud_waits(shelf: Shelf) -> None:
    """Given a checkout with as many points as the limit, then it is authorized and held, and nothing is taken."""
    handle, answer = await held(shelf)

    assert answer.attention == "held until somebody has looked at it"
    assert await shelf.charged() == (0, MUG)
    assert await shelf.left() == (5, 1)
    stands = await shelf.row()
    assert (stands["status"], stands["payment_status"], stands["attention"]) == (
        "on_hold", "authorized", "held until somebody has looked at it",
    )  # fmt: skip
    assert await row(shelf) == {
        "score": 70, "points_allowed": 60, "decision": None, "actor": None, "reason": None,
    }  # fmt: skip
    assert await shelf.facts() == [
        "order_placed", "payment_authorized", "order_screened", "order_on_hold", "attention_needed",
    ]  # fmt: skip
    assert await shelf.letters() == ["on_hold"]
    assert "Held: 70 points, from 60 on a person looks" in await shelf.card(handle)
    [kept] = await shelf.flow.database.fetch("SELECT until FROM stock_holds h JOIN orders o ON o.id = h.order_id")
    [wanted] = await shelf.flow.database.fetch("SELECT until FROM screenings")
    assert kept["until"] == wanted["until"]


async def test_a_usual_order_does_not(shelf: Shelf) -> None:
    """Given a shop that screens, then a usual order goes on at once, and how it was judged is kept."""
    handle, _ = await shelf.buy()
    await shelf.flow.until(handle, OrderStatus.CONFIRMED)
    assert await shelf.flow.database.fetch("SELECT FROM screenings") == []
    [kept] = await shelf.flow.database.fetch(
        "SELECT outcome #>> '{placed,screening,signs,0,rule}' AS rule FROM checkouts"
    )
    assert kept["rule"] == "new_buyer"


@pytest.mark.parametrize("story", screened.ALL, ids=lambda story: story.__name__)
async def test_it_goes_on_or_ends_whole(shelf: Shelf, story: Story) -> None:
    """Given an order that was held, then it is wholly sold or wholly undone, and its buyer has one last letter."""
    await story(shelf)
    assert await ledgers.disagreements(shelf.flow) == []
    decision, reasons = OUTCOMES[story]
    assert (await row(shelf))["decision"] == decision
    stands = await shelf.row()
    assert (stands["cancel_reason"], stands["attention"]) == (reasons, None)
    assert await shelf.left() == ((5, 1) if decision == "approved" else (5, 0))


OUTCOMES: dict[Story, tuple[str, str | None]] = {
    screened.approved_in_review: ("approved", None),
    screened.held_for_many_cards: ("approved", None),
    screened.rejected_in_review: ("rejected", "not_accepted"),
    screened.rejected_after_it_was_paid: ("rejected", "not_accepted"),
    screened.nobody_reviewed: ("expired", "not_reviewed_in_time"),
    screened.lapsed_in_review: ("withdrawn", "cancelled_at_provider"),
    screened.called_off_in_review: ("withdrawn", "it takes too long"),
}
"""What is written down of each, and why it ended."""


async def test_the_decision_is_in_the_audit_log(shelf: Shelf) -> None:
    """Given somebody who approves, twice under one key, then it is written down once, with who and why."""
    handle, _ = await held(shelf)
    wish = approve()
    answers = await asyncio.gather(*(shelf.ask(handle, Order.approve, wish, "approve-1") for _ in range(3)))
    assert {answer.status for answer in answers} == {OrderStatus.CONFIRMED}
    assert await log(shelf.flow) == [("order.approve", shelf.number, "called the buyer")]
    assert await row(shelf) == {
        "score": 70, "points_allowed": 60, "decision": "approved", "actor": wish.actor, "reason": "called the buyer",
    }  # fmt: skip
    assert "order_approved" in await shelf.facts()


async def refused(shelf: Shelf, handle: Handle, command: Any, request: Any) -> str | None:
    """The code with which it is refused; None: it was done. `over`: the order had ended before it was asked."""
    try:
        await shelf.ask(handle, command, request)
    except WorkflowUpdateFailedError as failed:
        assert isinstance(failed.cause, ApplicationError)
        return failed.cause.type
    except RPCError as away:
        if away.status is not RPCStatusCode.NOT_FOUND:
            raise
        return "over"
    return None


async def test_approved_rejected_and_cancelled_at_once(flow: Flow) -> None:
    """Given staff who approve and reject while the buyer cancels, many times over, then one of them wins, whole."""
    shelves = [await Shelf.open(flow) for _ in range(6)]
    orders = [(await held(shelf))[0] for shelf in shelves]

    async def race(n: int, shelf: Shelf, handle: Handle) -> set[str]:
        asked: list[tuple[str, Any, Any]] = [
            ("approve", Order.approve, approve()), ("reject", Order.reject, reject()),
            ("cancel", Order.cancel, CancelCheckout("never mind", "changed my mind", "buyer")),
        ]  # fmt: skip
        asked = asked[n % 3 :] + asked[: n % 3]
        codes = await asyncio.gather(*(refused(shelf, handle, command, wish) for _, command, wish in asked))
        assert all(code in (None, "wrong_move", "over") for code in codes), codes
        return {name for (name, _, _), code in zip(asked, codes, strict=True) if code is None}

    won = await asyncio.gather(*(race(n, *each) for n, each in enumerate(zip(shelves, orders, strict=True))))

    for shelf, winners in zip(shelves, won, strict=True):
        status = (await shelf.row())["status"]
        # Who cancels an order that was rejected a moment ago is told that it is cancelled; one that was approved can
        # be cancelled afterwards, and its money goes back.
        assert winners in ({"approve"}, {"reject"}, {"cancel"}, {"reject", "cancel"}, {"approve", "cancel"}), winners
        assert status == ("confirmed" if winners == {"approve"} else "cancelled")
    async with asyncio.timeout(60):
        while await ledgers.disagreements(flow):
            await asyncio.sleep(0.05)


async def test_what_cannot_be_asked_of_it(shelf: Shelf) -> None:
    """Given an order that is held, then it cannot be paid or shipped; and one that is not held cannot be approved."""
    handle, _ = await held(shelf)
    assert await refused(shelf, handle, Order.pay, PayOrder("again", "pm_card_visa")) == "wrong_move"
    await shelf.ask(handle, Order.approve, approve())
    for command, wish in ((Order.approve, approve("again")), (Order.reject, reject("again"))):
        assert await refused(shelf, handle, command, wish) == "wrong_move"
    assert await ledgers.disagreements(shelf.flow) == []


async def test_an_approval_looks_whether_the_money_is_there(shelf: Shelf) -> None:
    """Given a reservation that was given up, and the news of it lost, when staff approve, then the order ends."""
    handle, answer = await held(shelf)
    assert answer.payment is not None and answer.payment.reference is not None
    await shelf.cancel_at_provider(answer.payment.reference)

    assert await refused(shelf, handle, Order.approve, approve()) == "wrong_move"

    assert (await handle.result()).status is OrderStatus.CANCELLED
    assert (await shelf.row())["cancel_reason"] == "cancelled_at_provider"
    assert (await row(shelf))["decision"] == "withdrawn"
    assert await ledgers.disagreements(shelf.flow) == []


async def test_called_off_while_it_is_paid_on_a_page(shelf: Shelf) -> None:
    """Given a suspicious order that is paid while it is called off, then nobody looks, and the money goes back."""
    changes = {**screened.suspicious(), "payment": PaymentChoice(CHAPA)}
    handle, answer = await shelf.buy(None, **changes)
    assert answer.payment is not None and answer.payment.reference is not None
    await shelf.flow.chapa.buy(answer.payment.reference)
    ended = await shelf.ask(handle, Order.cancel, CancelCheckout("never mind", "changed my mind", "buyer"))
    assert ended.status is OrderStatus.CANCELLED
    await handle.result()
    async with asyncio.timeout(60):
        while await ledgers.disagreements(shelf.flow):
            await asyncio.sleep(0.05)


async def test_money_that_waits_for_a_person_is_no_drift(shelf: Shelf) -> None:
    """Given an order that is held although its money was taken at once, then a reconciliation finds no difference."""
    await shelf.flow.stripe.reset()
    await shelf.flow.chapa.reset()
    changes = {**screened.suspicious(), "payment": PaymentChoice(CHAPA)}
    handle, answer = await shelf.buy(None, **changes)
    assert answer.payment is not None and answer.payment.reference is not None
    await shelf.flow.chapa.buy(answer.payment.reference)
    await shelf.news(handle)
    await shelf.flow.until(handle, OrderStatus.ON_HOLD)

    said = await shelf.flow.database.fetch(
        "SELECT payload -> 'paid' AS paid FROM outbox WHERE order_id = $1 AND payload ->> 'template' = 'on_hold'",
        (await shelf.row())["id"],
    )  # fmt: skip
    assert [each["paid"] for each in said] == ["true"]  # who has paid is not told that nothing is charged
    assert await reconcile(shelf.flow) == ReconcileOutcome(looked=1, mended=0, drift=0)


@pytest.mark.parametrize("story", screened.STEPS, ids=lambda story: story.__name__)
async def test_a_step_that_fails_once_harms_nothing(flow: Flow, trouble: Trouble, story: Story) -> None:
    """The story ends as it should, each order is wholly sold or wholly undone, and every planned failure came."""
    cases = [(step, kind) for step in screened.STEPS[story] for kind in KINDS]
    shelves = [await Shelf.open(flow) for _ in cases]
    for shelf, (step, kind) in zip(shelves, cases, strict=True):
        trouble.plan(workflow_id(shelf.cart, 1), step, kind)

    await asyncio.gather(*(story(shelf) for shelf in shelves))

    assert await ledgers.disagreements(flow) == []
    assert trouble.to_come() == []


def test_the_matrix_knows_the_steps_of_a_review(record_property: Any) -> None:
    """An activity that comes into the path of an order that is held needs its place in the matrix."""
    tried = {step for steps in screened.STEPS.values() for step in steps}
    assert {"hold_order", "decide_review", "read_payment", "void_payment", "cancel_order"} <= tried
    record_property("measured", f"fault matrix of held orders: {MATRIX} cases in {len(screened.STEPS)} stories")


async def test_record_anew(flow: Flow) -> None:
    """Collected with --record-histories only: tell every story once more and keep what the server wrote down."""
    for story in screened.ALL:
        handle = await story(await Shelf.open(flow))
        keep(story.__name__, (await handle.fetch_history()).to_json())


# Over HTTP.


@pytest.fixture
async def desk(shelf: Shelf, settings: WorkerSettings, media: Path) -> AsyncIterator[Api]:
    """The API in this process, with Temporal."""
    environment = {
        "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "SECRET_KEY": KEY,
        "TEMPORAL_ADDRESS": settings.temporal_address, "TEMPORAL_NAMESPACE": settings.temporal_namespace,
        "PAYLOAD_KEYS": PAYLOAD_KEYS,
        "STRIPE_WEBHOOK_SECRET": "whsec_test", "MEDIA_DIR": str(media), "CHECKOUT_ANSWER_BUDGET": "30",
        **LIMITS_FAR_AWAY,
    }  # fmt: skip
    async with started(api_settings(environment)) as api:
        yield api
    rows = await shelf.flow.database.fetch("SELECT workflow_id FROM orders")
    for each in rows:
        with suppress(RPCError):  # it is over
            await shelf.flow.client.get_workflow_handle(each["workflow_id"]).terminate("the test is over")


def address(of: Any) -> dict[str, Any]:
    """As a client sends it."""
    return {name: value for name, value in msgspec.to_builtins(of).items() if value is not None}


async def bought(desk: Api, shelf: Shelf) -> dict[str, Any]:
    """A guest's checkout that looks like fraud; its answer's order."""
    cart = (await desk.post("/api/v1/cart/items", json={"sku": shelf.sku, "quantity": 1})).json()
    answer = await desk.post(
        "/api/v1/checkout",
        json={
            "email": "ada@mailinator.com", "shipping_address": address(shop.NEW_YORK),
            "billing_address": address(BERLIN), "shipping_method": "standard",
            "expected_total": {"amount": MUG, "currency": "usd"}, "payment": {"payment_method": "pm_card_visa"},
        },
        headers={"Cart-Token": cart["cart_token"]},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    assert answer.json()["payment"]["status"] == "authorized"
    told: dict[str, Any] = answer.json()["order"]
    left = await desk.get("/api/v1/cart", headers={"Cart-Token": cart["cart_token"]})
    assert left.json()["items"] == []
    return told


async def test_held_and_approved_over_http(desk: Api, shelf: Shelf) -> None:
    """Given a guest whose order is held, then they can only cancel it, staff see why, approve it, and it is sold."""
    told = await bought(desk, shelf)
    assert (told["status"], told["payment_status"]) == ("on_hold", "authorized")
    shelf.number = OrderNumber(told["number"])
    guest = {"Order-Token": told["order_token"]}
    seen = (await desk.get(f"/api/v1/orders/{told['number']}", headers=guest)).json()
    assert (seen["status"], seen["can"], seen["pay_until"]) == ("on_hold", ["cancel"], None)
    events = (await desk.get(f"/api/v1/orders/{told['number']}/events", headers=guest)).json()["items"]
    assert [each["type"] for each in events] == [
        "order_placed", "payment_authorized", "order_on_hold", "attention_needed",
    ]  # fmt: skip
    async with shelf.flow.database.writing() as writer:
        staff = await people.signed_in(writer, KEY.encode(), Role.SUPPORT)
    path = f"/api/v1/admin/orders/{told['number']}"
    order = (await desk.get(path, headers=staff)).json()
    assert order["actions"] == ["cancel", "approve", "reject", "retry", "note"]
    screening = order["screening"]
    assert (screening["score"], screening["limit"], screening["decision"]) == (70, 60, None)
    assert [(each["rule"], each["weight"]) for each in screening["signs"]] == [
        ("countries_differ", 20), ("disposable_mail", 40), ("new_buyer", 10),
    ]  # fmt: skip
    refused = await desk.post(f"{path}/actions/ship", json={"carrier": "UPS", "tracking": "1Z"}, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_move")

    headers = {**staff, "Idempotency-Key": "a-1"}
    done = await desk.post(f"{path}/actions/approve", json={"reason": "called"}, headers=headers)
    again = await desk.post(f"{path}/actions/approve", json={"reason": "called"}, headers=headers)

    for answer in (done, again):
        assert answer.status_code == 200, answer.text
        assert (answer.json()["status"], answer.json()["payment_status"]) == ("confirmed", "paid")
    assert done.json()["screening"]["decision"] == "approved"
    assert done.json()["screening"]["reason"] == "called"
    over = await desk.post(f"{path}/actions/reject", json={"reason": "no"}, headers=staff)
    assert (over.status_code, over.json()["code"]) == (409, "wrong_move")
    assert over.json()["facts"]["actions"] == [
        "cancel", "edit", "ship", "switch_location", "accept_shortage", "refund", "note",
    ]  # fmt: skip
    assert await ledgers.disagreements(shelf.flow) == []


async def test_held_and_rejected_over_http(desk: Api, shelf: Shelf) -> None:
    """Given an order that is held, when staff reject it, then its guest is told that it is over, and not why."""
    told = await bought(desk, shelf)
    shelf.number = OrderNumber(told["number"])
    async with shelf.flow.database.writing() as writer:
        staff = await people.signed_in(writer, KEY.encode(), Role.SUPPORT)
        nobody = await people.signed_in(writer, KEY.encode(), Role.FINANCE)
    path = f"/api/v1/admin/orders/{told['number']}/actions/reject"
    for body, headers, code in (
        ({"reason": "a stolen card"}, {}, 401), ({"reason": "a stolen card"}, nobody, 403), ({}, staff, 422),
        ({"reason": "\0"}, staff, 422), ({"reason": "x", "score": 1}, staff, 422),
    ):  # fmt: skip
        assert (await desk.post(path, json=body, headers=headers)).status_code == code
    assert (await shelf.row())["status"] == "on_hold"

    done = await desk.post(path, json={"reason": "a stolen card"}, headers=staff)

    assert (done.status_code, done.json()["status"], done.json()["payment_status"]) == (200, "cancelled", "voided")
    guest = {"Order-Token": told["order_token"]}
    seen = await desk.get(f"/api/v1/orders/{told['number']}", headers=guest)
    assert (seen.json()["cancel_reason"], seen.json()["can"]) == ("not_accepted", [])
    events = await desk.get(f"/api/v1/orders/{told['number']}/events", headers=guest)
    for told_to_buyer in (seen.text, events.text):
        assert not any(word in told_to_buyer for word in ("stolen", "thrown away", "score", "points"))
    assert await ledgers.disagreements(shelf.flow) == []


async def test_approved_without_a_word(desk: Api, shelf: Shelf) -> None:
    """Given an order that is held, when staff approve it and say no more, then it is sold."""
    told = await bought(desk, shelf)
    shelf.number = OrderNumber(told["number"])
    async with shelf.flow.database.writing() as writer:
        staff = await people.signed_in(writer, KEY.encode(), Role.SUPPORT)
    path = f"/api/v1/admin/orders/{told['number']}/actions"
    looked = await desk.post(f"{path}/retry", json={}, headers=staff)  # an order on hold waits for nothing to be tried
    assert looked.status_code == 200, looked.text
    done = await desk.post(f"{path}/approve", json={}, headers=staff)
    assert (done.status_code, done.json()["status"]) == (200, "confirmed"), done.text
    assert done.json()["screening"]["reason"] == "looked at, and good"
    assert await ledgers.disagreements(shelf.flow) == []
