"""Why is this order here? Asked over HTTP at every place where an order can stand, with Temporal and without it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import WorkflowHandle, WorkflowUpdateStage
from temporalio.common import RetryPolicy
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from dev.stack import LIMITS_FAR_AWAY
from models.capture import Capture
from models.checkout import PaymentChoice
from models.database import fetching
from models.edit import EditItem, EditWish
from models.ids import OrderId, OrderNumber
from models.money import Money
from models.order import OrderStatus, workflow_id
from models.payment import CHAPA, PaymentStatus, Standing
from models.refund import RefundWish
from models.refund import workflow_id as refund_id
from models.roles import Role
from models.settings import WorkerSettings, api_settings
from models.shipment import ShipItem
from models.tables import cart as carts
from tests import people
from tests.api.conftest import NOBODY, Api, media, started
from tests.flow import Handle
from tests.seals import PAYLOAD_KEYS
from tests.workflows import screened, stories
from tests.workflows.stories import TWO_MUGS, Shelf
from tests.workflows.trouble import Trouble
from workflows import patience
from workflows.order import Order
from workflows.order_messages import CancelCheckout, CommitEdit, ProposeEdit, ShipOrder
from workflows.patience import ORDERS
from workflows.refund import Refund, RefundOrder

__all__ = ["media"]

CAPTURE, REFUNDS = "/v1/payment_intents/*/capture", "/v1/refunds"
KEY = "0123456789abcdef0123456789abcdef"
_LETTERS = str.maketrans("01", "GH")


@pytest.fixture
def settings(settings: WorkerSettings, request: pytest.FixtureRequest) -> WorkerSettings:
    """Of a shop that screens, and, for the places that are so, takes money at shipment."""
    callspec = getattr(request.node, "callspec", None)
    later = callspec is not None and callspec.params.get("place") in AT_SHIPMENT
    capture = Capture.AT_SHIPMENT if later else Capture.AT_ONCE
    return msgspec.structs.replace(settings, screening=screened.LIMIT, capture=capture)


@pytest.fixture(autouse=True)
def rare_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step at the provider is tried every four minutes: so the next try is always to come when somebody asks.

    Nor is one that is held given up before somebody asked.
    """
    monkeypatch.setattr(patience, "_RETRY_PROVIDER", RetryPolicy(timedelta(minutes=4), 1.0))
    monkeypatch.setitem(patience.PROVIDER_NOW, "start_to_close_timeout", timedelta(seconds=30))


class Support:
    """Staff who ask: one at a desk where Temporal answers, and one at a desk where it is away."""

    def __init__(self, desk: Api, blind: Api, headers: dict[str, str], shelf: Shelf) -> None:
        self.desk, self.blind, self.headers = desk, blind, headers
        self.shelf, self.flow = shelf, shelf.flow

    async def ask(self, *, blind: bool = False, number: str | None = None) -> dict[str, Any]:
        """The explanation; nothing of it: there is no such order yet."""
        api = self.blind if blind else self.desk
        path = f"/api/v1/admin/orders/{number or self.shelf.number}/explain"
        answer = await api.get(path, headers=self.headers)
        assert answer.status_code in (200, 404), answer.text
        return cast(dict[str, Any], answer.json() if answer.status_code == 200 else {})

    async def when(self, meets: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The explanation as soon as it says so: a step may just be under way."""
        async with asyncio.timeout(60):
            while not ((said := await self.ask()) and meets(said)):
                await asyncio.sleep(0.05)
        return said

    async def told_by(self, teller: str) -> dict[str, Any]:
        """The explanation as soon as this one tells it: a busy Temporal may not answer in the API's two seconds."""

        def heard(said: dict[str, Any]) -> bool:
            _, *beside = said["processes"]
            away = any(each["state"] == "unreachable" for each in said["processes"])
            silent = any(each["state"] == "running" and each["told"] is None for each in beside)
            return said["told_by"] == teller and not away and not silent

        return await self.when(heard)


@pytest.fixture
async def support(shelf: Shelf, settings: WorkerSettings, media: Path) -> AsyncIterator[Support]:
    """Both desks, and an order to come with a number that the API takes for one."""
    shelf.number = OrderNumber(shelf.number.translate(_LETTERS))
    environment = {
        "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "SECRET_KEY": KEY,
        "TEMPORAL_ADDRESS": settings.temporal_address, "TEMPORAL_NAMESPACE": settings.temporal_namespace,
        "PAYLOAD_KEYS": PAYLOAD_KEYS,
        "STRIPE_WEBHOOK_SECRET": "whsec_test", "MEDIA_DIR": str(media), "TEMPORAL_UI_URL": "https://ui.test/",
        "STRIPE_DASHBOARD_URL": "https://stripe.test/test",
        **LIMITS_FAR_AWAY,
    }  # fmt: skip
    async with AsyncExitStack() as running:
        desk = await running.enter_async_context(started(api_settings(environment)))
        without = {**environment, "TEMPORAL_ADDRESS": NOBODY, "TEMPORAL_UI_URL": "none"}
        blind = await running.enter_async_context(started(api_settings(without)))
        async with shelf.flow.database.writing() as writer:
            headers = await people.signed_in(writer, KEY.encode(), Role.SUPPORT)
        yield Support(desk, blind, headers, shelf)


# Places where an order can stand. Each brings one there, and says what is true of it.

Place = Callable[[Support, Trouble], Awaitable[dict[str, Any]]]
PAY_IN_TIME = timedelta(minutes=30)
SHIP_IN_TIME = timedelta(days=3)


async def being_authorized(support: Support, trouble: Trouble) -> dict[str, Any]:
    """The provider takes its time."""
    arrived, _ = trouble.hold(workflow_id(support.shelf.cart, 1), "authorize_payment_now")
    await support.shelf.begin()
    await arrived.wait()
    return {"step": "Authorizing the payment",
            "waits_for": "the payment provider", "within": PAY_IN_TIME, "can": ["cancel", "pay"],
            "told_by": "rows"}  # fmt: skip


async def never_answered(support: Support, trouble: Trouble) -> dict[str, Any]:
    """The provider is down."""
    await support.flow.stripe.fault("error_before", status=503, path="/v1/payment_intents", times=None)
    await support.shelf.begin()
    await support.when(lambda said: said["next_retry"] is not None)
    return {"step": "Authorizing the payment",
            "waits_for": "the payment provider", "within": PAY_IN_TIME, "can": ["cancel", "pay"],
            "error": "Stripe does not answer (", "retries": True}  # fmt: skip


async def at_the_bank(support: Support, trouble: Trouble) -> dict[str, Any]:
    """3-D Secure."""
    await support.shelf.buy("pm_card_authenticationRequired")
    return {"step": "Not paid: action_required",
            "waits_for": "the buyer to confirm with their bank (3-D Secure)", "within": PAY_IN_TIME,
            "can": ["cancel", "pay"]}  # fmt: skip


async def without_a_card(support: Support, trouble: Trouble) -> dict[str, Any]:
    """The buyer's browser shows a form."""
    await support.shelf.buy(None)
    return {"step": "Not paid: method_required",
            "waits_for": "the buyer to enter a card", "within": PAY_IN_TIME, "can": ["cancel", "pay"]}  # fmt: skip


async def on_the_page(support: Support, trouble: Trouble) -> dict[str, Any]:
    """The buyer is at Chapa's."""
    await support.shelf.buy(None, payment=PaymentChoice(CHAPA))
    return {"step": "Not paid: method_required",
            "waits_for": "the buyer to pay on the provider's page", "within": PAY_IN_TIME,
            "can": ["cancel", "pay"]}  # fmt: skip


async def declined(support: Support, trouble: Trouble) -> dict[str, Any]:
    """Another card may do."""
    await support.shelf.buy("pm_card_chargeDeclinedInsufficientFunds")
    return {"step": "Not paid: insufficient_funds",
            "waits_for": "the buyer to pay with another card", "within": PAY_IN_TIME, "can": ["cancel", "pay"],
            "error": "The payment was declined: there is not enough money on the card"}  # fmt: skip


async def given_longer(support: Support, trouble: Trouble) -> dict[str, Any]:
    """Staff let it wait two hours longer."""
    handle, _ = await support.shelf.buy("pm_card_chargeDeclinedInsufficientFunds")
    await support.shelf.ask(handle, Order.extend_hold, stories.longer(120))
    return {"step": "Not paid: insufficient_funds", "waits_for": "the buyer to pay with another card",
            "within": PAY_IN_TIME + timedelta(hours=2), "can": ["cancel", "pay"],
            "error": "The payment was declined: there is not enough money on the card"}  # fmt: skip


async def held(support: Support, trouble: Trouble) -> dict[str, Any]:
    """It looks like fraud."""
    await screened.held(support.shelf)
    return {"step": "Held: 70 points, from 60 on a person looks",
            "waits_for": "staff to approve or reject it", "within": timedelta(days=1), "can": ["cancel"],
            "error": "Held until somebody has looked at it"}  # fmt: skip


async def held_and_not_voided(support: Support, trouble: Trouble) -> dict[str, Any]:
    """It was rejected, and the provider will not give the reservation back: a person is asked."""
    about = "/v1/payment_intents/*/cancel"
    await support.flow.stripe.fault("error_before", status=400, path=about, times=None)
    handle, _ = await screened.held(support.shelf)
    await support.shelf.ask(handle, Order.reject, screened.reject())
    await support.when(lambda said: str(said.get("attention")).startswith("void"))
    return {"step": "Needs attention: could not void the payment: ",
            "waits_for": "a retry by staff, or the next try by itself", "within": timedelta(hours=1),
            "can": ["cancel"], "error": "Could not void the payment: ", "retries": True}  # fmt: skip


async def not_captured(support: Support, trouble: Trouble) -> dict[str, Any]:
    """The money is guaranteed, and the provider is down."""
    await support.flow.stripe.fault("error_before", status=503, path=CAPTURE, times=None)
    await support.shelf.buy()
    await support.when(lambda said: said["next_retry"] is not None)
    return {"step": "Taking the authorized money",
            "waits_for": "the payment provider", "error": "Stripe does not answer (", "retries": True}  # fmt: skip


async def capture_refused(support: Support, trouble: Trouble) -> dict[str, Any]:
    """The provider will not have it: a person is asked."""
    await support.flow.stripe.fault("error_before", status=400, path=CAPTURE, times=None)
    handle, _ = await support.shelf.buy()
    await support.shelf.attention(handle)
    await support.when(lambda said: said["attention"] is not None)
    return {"step": "Needs attention: could not capture the payment: ",
            "waits_for": "a retry by staff, or the next try by itself", "within": timedelta(hours=1),
            "error": "Could not capture the payment: ", "retries": True}  # fmt: skip


async def confirmed(support: Support, trouble: Trouble) -> dict[str, Any]:
    """Paid."""
    handle, _ = await support.shelf.buy()
    await support.flow.until(handle, OrderStatus.CONFIRMED)
    return {"step": "Paid and confirmed", "waits_for": "the warehouse to ship it",
            "within": SHIP_IN_TIME, "can": ["cancel", "edit"]}  # fmt: skip


async def covered(support: Support, trouble: Trouble) -> dict[str, Any]:
    """Paid with a gift card."""
    await stories.covered_by_credit(support.shelf)
    return {"step": "Paid and confirmed", "waits_for": "the warehouse to ship it",
            "within": SHIP_IN_TIME, "can": ["cancel", "edit"]}  # fmt: skip


async def overdue(support: Support, trouble: Trouble) -> dict[str, Any]:
    """Nobody ships it."""
    handle, _ = await support.shelf.buy()
    await support.flow.until(handle, OrderStatus.CONFIRMED)
    await support.flow.fast_forward(handle, SHIP_IN_TIME + timedelta(minutes=1))
    await support.when(lambda said: said["attention"] is not None)
    return {"step": "Needs attention: not shipped in time", "waits_for": "the warehouse to ship it",
            "can": ["cancel", "edit"], "error": "Not shipped in time"}  # fmt: skip


async def paid_back(support: Support, trouble: Trouble) -> dict[str, Any]:
    """All of its money was refunded, and it was not cancelled: it cannot be shipped."""
    handle, _ = await support.shelf.buy()
    await support.flow.until(handle, OrderStatus.CONFIRMED)
    await _refund(support)
    await support.when(lambda said: said["payment_status"] == "refunded")
    return {"step": "All its money has gone back", "told_by": "rows",
            "waits_for": "staff to cancel it, because all its money has gone back", "can": ["cancel"]}  # fmt: skip


async def reserved(support: Support, trouble: Trouble) -> dict[str, Any]:
    """Its money is taken when it is sent."""
    handle, _ = await support.shelf.buy()
    await support.flow.until(handle, OrderStatus.CONFIRMED)
    return {"step": "Confirmed: its money is reserved, and taken as it is sent",
            "waits_for": "the warehouse to ship it", "within": SHIP_IN_TIME, "can": ["cancel"]}  # fmt: skip


async def rest_declined(support: Support, trouble: Trouble) -> dict[str, Any]:
    """One of two is on its way, and the bank wants to see the buyer for the other."""
    handle = await _two(support, "pm_card_authenticationRequired")
    await support.shelf.ask(handle, Order.ship, ShipOrder("house", "UPS", "1Z", (ShipItem(support.shelf.sku, 1),)))
    await support.when(lambda said: said["attention"] is not None)
    return {"step": "Needs attention: reserve the rest of the money: ",
            "waits_for": "staff to look, and a card that is good for the rest",
            "error": "Could not reserve the rest of the money: ", "can": ["return"]}  # fmt: skip


async def partly_paid_back(support: Support, trouble: Trouble) -> dict[str, Any]:
    """Some of its money was refunded; the goods are still to be shipped."""
    handle, _ = await support.shelf.buy()
    await support.flow.until(handle, OrderStatus.CONFIRMED)
    await _refund(support, amount=Money(300, "usd"))
    await support.when(lambda said: said["payment_status"] == "partially_refunded")
    return {"step": "Paid and confirmed", "waits_for": "the warehouse to ship it", "told_by": "rows",
            "within": SHIP_IN_TIME, "can": ["cancel", "edit"]}  # fmt: skip


async def edit_proposed(support: Support, trouble: Trouble) -> dict[str, Any]:
    """A change of it waits for a yes: that does not keep the warehouse from sending it as it is."""
    await _two_wanted(support)
    return {"step": "Paid and confirmed", "waits_for": "the warehouse to ship it",
            "within": SHIP_IN_TIME, "can": ["cancel", "edit"]}  # fmt: skip


async def paying_for_an_edit(support: Support, trouble: Trouble) -> dict[str, Any]:
    """Somebody said yes to a change that costs more, and the provider takes its time."""
    arrived, _ = trouble.hold(workflow_id(support.shelf.cart, 1), "authorize_further")
    handle = await _two_wanted(support)
    stage = WorkflowUpdateStage.ACCEPTED
    await handle.start_update(Order.commit_edit, CommitEdit("yes", 1, "buyer"), wait_for_stage=stage)
    await arrived.wait()
    return {"step": "Reserving what edit 1 costs more", "waits_for": "the payment provider",
            "alone": "the warehouse to ship it", "can": ["cancel", "edit"]}  # fmt: skip


async def _two_wanted(support: Support) -> Handle:
    handle, _ = await support.shelf.buy(**await stories.kept_card(support.shelf))
    await support.flow.until(handle, OrderStatus.CONFIRMED)
    wish = EditWish("buyer/two", "two", "buyer", (EditItem(support.shelf.sku, 2),))
    await support.shelf.ask(handle, Order.propose_edit, ProposeEdit("two", wish))
    return handle


async def partly_shipped(support: Support, trouble: Trouble) -> dict[str, Any]:
    """One of two is on its way."""
    handle = await _two(support)
    await support.shelf.ask(handle, Order.ship, ShipOrder("house", "UPS", "1Z", (ShipItem(support.shelf.sku, 1),)))
    return {"step": "Partly shipped", "waits_for": "the warehouse to ship the rest",
            "within": SHIP_IN_TIME, "can": ["return"]}  # fmt: skip


async def shipped(support: Support, trouble: Trouble) -> dict[str, Any]:
    """All of it is on its way."""
    handle = await _two(support)
    await support.shelf.ask(handle, Order.ship, ShipOrder("house", "UPS", "1Z"))
    return {"step": "Shipped with UPS", "waits_for": "the parcel to arrive",
            "can": ["return"]}  # fmt: skip


async def delivered(support: Support, trouble: Trouble) -> dict[str, Any]:
    """Over."""
    await stories.delivered(support.shelf)
    return {"step": "Delivered", "waits_for": None, "told_by": "rows",
            "can": ["return"]}  # fmt: skip


async def being_refunded(support: Support, trouble: Trouble) -> dict[str, Any]:
    """Cancelled after it was paid, and the provider is down."""
    await support.flow.stripe.fault("error_before", status=503, path=REFUNDS, times=None)
    handle, _ = await support.shelf.buy()
    await support.flow.until(handle, OrderStatus.CONFIRMED)
    await support.shelf.ask(handle, Order.cancel, CancelCheckout("never mind", "changed my mind", "buyer"))
    await support.when(lambda said: said["next_retry"] is not None)
    return {"step": "Cancelled: changed my mind. Refund 1", "told_by": "rows",
            "waits_for": "the payment provider", "error": "Stripe does not answer (", "retries": True}  # fmt: skip


async def watched_for_late_money(support: Support, trouble: Trouble) -> dict[str, Any]:
    """Cancelled while its buyer was on the provider's page."""
    handle, _ = await support.shelf.buy(None, payment=PaymentChoice(CHAPA))
    await support.shelf.ask(handle, Order.cancel, CancelCheckout("never mind", "changed my mind", "buyer"))
    await support.when(lambda said: said["waits_for"] is not None)
    return {"step": "Cancelled: changed my mind", "told_by": "rows",
            "waits_for": "money that comes even so", "within": patience.LATE_MONEY, "alone": None}  # fmt: skip


PLACES: dict[Place, tuple[str, str]] = {
    being_authorized: ("pending", "pending"),
    never_answered: ("pending", "pending"),
    at_the_bank: ("pending", "pending"),
    without_a_card: ("pending", "pending"),
    on_the_page: ("pending", "pending"),
    declined: ("pending", "failed"),
    given_longer: ("pending", "failed"),
    held: ("on_hold", "authorized"),
    held_and_not_voided: ("on_hold", "authorized"),
    not_captured: ("pending", "authorized"),
    capture_refused: ("pending", "authorized"),
    confirmed: ("confirmed", "paid"),
    covered: ("confirmed", "paid"),
    overdue: ("confirmed", "paid"),
    reserved: ("confirmed", "authorized"),
    rest_declined: ("processing", "authorized"),
    paid_back: ("confirmed", "refunded"),
    partly_paid_back: ("confirmed", "partially_refunded"),
    edit_proposed: ("confirmed", "paid"),
    paying_for_an_edit: ("confirmed", "paid"),
    partly_shipped: ("processing", "paid"),
    shipped: ("shipped", "paid"),
    delivered: ("delivered", "paid"),
    being_refunded: ("cancelled", "paid"),
    watched_for_late_money: ("cancelled", "voided"),
}
"""With the status of order and payment that each has."""
AT_SHIPMENT = (reserved, rest_declined)
"""Those of a shop that takes its money then."""


async def _two(support: Support, method: str = "pm_card_visa") -> Handle:
    shelf = support.shelf
    async with support.flow.database.writing() as writer:
        await carts.add(fetching(writer), shelf.cart, shelf.sku, 1, None, "usd")
    handle, answer = await support.flow.buy(shelf.cart, TWO_MUGS, method, number=shelf.number)
    if answer.payment is not None and answer.payment.standing is Standing.ACTION_REQUIRED:
        await support.flow.stripe.authenticate(answer.payment.reference or "")
        await shelf.news(handle)
    await support.flow.until(handle, OrderStatus.CONFIRMED)
    return handle


async def _refund(support: Support, **changes: Any) -> None:
    order = OrderId((await support.shelf.row())["id"])
    wish = RefundWish("one", "broken", "staff", **changes)
    with support.flow.skipper.with_time_skipping_disabled():
        await support.flow.client.execute_workflow(
            Refund.run, RefundOrder(order, 1, wish), id=refund_id(order, 1), task_queue=ORDERS
        )


@pytest.fixture(autouse=True)
async def nothing_left_open(shelf: Shelf, trouble: Trouble) -> AsyncIterator[None]:
    """What an order started beside itself does not outlive the test, and no step is held any more."""
    yield
    trouble.let_go()
    await shelf.flow.stripe.clear()
    async for each in shelf.flow.client.list_workflows(
        'ExecutionStatus="Running" AND (WorkflowType="Refund" OR WorkflowType="LatePayment")'
    ):
        with _gone_already():
            await shelf.flow.client.get_workflow_handle(each.id).terminate("the test is over")


class _gone_already:
    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        return isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND


async def rows_of(support: Support, table: str, columns: str) -> list[tuple[Any, ...]]:
    """The order's rows in one of the ledgers."""
    rows = await support.flow.database.fetch(
        f"SELECT {columns} FROM {table} t JOIN orders o ON o.id = t.order_id WHERE o.number = $1", support.shelf.number
    )
    return sorted(tuple(row) for row in rows)


async def tells_each_row_once(support: Support, said: dict[str, Any]) -> None:
    """Timeline and ledgers: each row of the order's is there, once, and nothing else."""
    events = await rows_of(support, "order_events", "t.type, t.actor")
    assert sorted((each["type"], each["actor"]) for each in said["happened"]) == events
    for name, table, columns in (
        ("money", "money_entries", "t.operation, t.account, t.amount"),
        ("credit", "credit_entries", "t.operation, t.amount, t.actor"),
        ("stock", "stock_movements", "t.operation, t.kind, t.on_hand, t.held"),
    ):
        wanted = [column.removeprefix("t.") for column in columns.split(", ")]
        told = [
            tuple(each[column]["amount"] if column == "amount" else each[column] for column in wanted)
            for each in said["books"][name]
        ]
        assert sorted(told) == await rows_of(support, table, columns), name


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
async def test_why_an_order_is_there(support: Support, trouble: Trouble, place: Place) -> None:
    """At each place: what it does, waits for and until when, what failed and when it is tried again; each row once.

    Without Temporal the same is told from rows, and it says so.
    """
    true = await place(support, trouble)
    teller = true.get("told_by", "workflow")
    said = await support.told_by(teller)
    assert (said["status"], said["payment_status"]) == PLACES[place], said
    assert said["step"].startswith(true["step"]), said["step"]
    assert said["waits_for"] == true["waits_for"]
    assert said["told_by"] == teller, said
    assert said["summary"].startswith(said["step"]) and (said["waits_for"] or "Nothing more") in said["summary"]
    in_time(said["until"], true.get("within"))
    assert (said["last_error"] or "").startswith(true.get("error", "")) and bool(said["last_error"]) == (
        "error" in true
    )
    assert (said["next_retry"] is not None) == true.get("retries", False), said
    assert said["can"] == true.get("can", [])
    assert said["actions"] == (await whole(support))["actions"] and "note" in said["actions"]
    assert all(each["what"] and "?" not in each["what"] and each["who"] for each in said["happened"]), said["happened"]
    await tells_each_row_once(support, said)
    await leads_to_stripe(support, said)
    # Whatever the order asks a person for is in the queue, and the queue asks for nothing else about it.
    assert bool(said["needs"]) == (said["attention"] is not None or said["status"] == "on_hold"), said["needs"]
    assert all(each["why"] and each["order_number"] == said["number"] for each in said["needs"])
    owner = said["processes"][0]
    assert owner["kind"] == "order" and owner["url"].startswith("https://ui.test/namespaces/")
    assert owner["state"] == ("ended" if said["status"] in ("delivered", "cancelled") else "running")

    blind = await support.ask(blind=True)
    assert blind["told_by"] == "rows"
    assert {(each["state"], each["url"]) for each in blind["processes"]} == {("unreachable", None)}
    assert all("Temporal does not answer" in each["note"] for each in blind["processes"])
    assert blind["waits_for"] == true.get("alone", said["waits_for"])
    if true["waits_for"] == true.get("alone", said["waits_for"]):
        assert blind["step"].startswith(true["step"]), blind["step"]
        in_time(blind["until"], true.get("within"))
    for name in (
        "status",
        "payment_status",
        "fulfilment_status",
        "attention",
        "happened",
        "books",
        "actions",
        "can",
        "pages",
    ):
        assert blind[name] == said[name], name


def in_time(until: str | None, within: timedelta | None) -> None:
    """A deadline is there when there is one, and it is of about the right size."""
    assert (until is None) == (within is None), until
    if until is not None and within is not None:
        left = datetime.fromisoformat(until) - datetime.now(UTC)
        assert within - timedelta(minutes=10) < left <= within, (until, within)


async def leads_to_stripe(support: Support, said: dict[str, Any]) -> None:
    """Each payment and refund that Stripe has is linked to its page there."""
    rows = await support.flow.database.fetch(
        """SELECT p.provider, p.reference, r.n, r.reference AS refund FROM orders o
           JOIN payments p ON p.order_id = o.id LEFT JOIN refunds r ON r.order_id = o.id
           WHERE o.number = $1 ORDER BY r.n""", said["number"],
    )  # fmt: skip
    pages = {each["what"]: each["url"] for each in said["pages"]}
    true = {}
    if rows[0]["provider"] == "stripe":
        if (rows[0]["reference"] or "").startswith(("pi_", "cs_")):
            true["payment"] = f"https://stripe.test/test/payments/{rows[0]['reference']}"
        for row in rows:
            if row["refund"]:
                true[f"refund {row['n']}"] = f"https://stripe.test/test/refunds/{row['refund']}"
    assert pages == true


async def whole(support: Support) -> dict[str, Any]:
    """The order as staff see it."""
    answer = await support.desk.get(f"/api/v1/admin/orders/{support.shelf.number}", headers=support.headers)
    return cast(dict[str, Any], answer.json())


def test_every_status_is_among_the_places() -> None:
    """Given the statuses of orders and payments, then each that one can be in today is that of a place above."""
    nobody_asks_for = {OrderStatus.COMPLETED}
    assert {status for status, _ in PLACES.values()} == set(OrderStatus) - nobody_asks_for
    assert {payment for _, payment in PLACES.values()} == set(PaymentStatus)


async def test_it_is_told_after_the_history_is_gone(support: Support, trouble: Trouble) -> None:
    """Given an order whose history Temporal has forgotten, then all that happened is still told, each row once."""
    handle = await stories.delivered(support.shelf)
    before = await support.told_by("rows")
    await forget(support, handle)

    said = await support.told_by("rows")

    assert said["processes"][0] | {"workflow_id": ""} == {
        "kind": "order", "n": None, "workflow_id": "", "state": "gone", "told": None, "tries": [],
        "note": "Temporal keeps no history of it any more.", "url": None,
    }  # fmt: skip
    assert {**said, "processes": []} == {**before, "processes": []}
    assert (said["step"], said["waits_for"], said["last_error"]) == ("Delivered", None, None)
    await tells_each_row_once(support, said)


async def test_an_order_that_nobody_owns_is_said_to_be_one(support: Support, trouble: Trouble) -> None:
    """Given a paid order whose workflow somebody ended by hand, then it says so, and who has to know."""
    handle, _ = await support.shelf.buy()
    await support.flow.until(handle, OrderStatus.CONFIRMED)
    await handle.terminate("by hand")

    said = await support.told_by("rows")

    assert said["last_error"] == "No workflow owns this order, though it is not over: tell the engineers."
    assert said["processes"][0]["note"] == "It ended in a way it should not: terminated."
    assert (said["told_by"], said["waits_for"]) == ("rows", "the warehouse to ship it")


@workflow.defn(name="Order")
class Broken:
    """An owner with a mistake in it."""

    @workflow.run
    async def run(self) -> None:
        raise RuntimeError("a mistake")


@pytest.mark.parametrize("how", ["no worker", "a defect"])
async def test_an_owner_that_cannot_answer(support: Support, how: str) -> None:
    """Given a workflow that no worker takes, or one parked by a defect, then rows tell, and it says which it is."""
    handle, _ = await support.shelf.buy()
    await support.flow.until(handle, OrderStatus.CONFIRMED)
    await handle.terminate("to put another one in its place")
    client, queue = support.flow.client, f"queue-of-{support.shelf.sku}"
    async with AsyncExitStack() as running:
        if how == "a defect":
            await running.enter_async_context(Worker(client, task_queue=queue, workflows=[Broken]))
        with support.flow.skipper.with_time_skipping_disabled():
            owner = await client.start_workflow("Order", id=handle.id, task_queue=queue)
        if how == "a defect":
            await until_it_fails(owner)
        said = await support.told_by("rows")
        await owner.terminate("the test is over")

    assert (said["told_by"], said["step"], said["waits_for"]) == (
        "rows", "Paid and confirmed", "the warehouse to ship it",
    )  # fmt: skip
    note = said["processes"][0]["note"]
    assert note.startswith("No worker answers" if how == "no worker" else "It meets a defect of the program"), note


async def until_it_fails(owner: WorkflowHandle[Any, Any]) -> None:
    """Wait until its task was tried twice."""
    async with asyncio.timeout(60):
        while (await owner.describe()).raw_description.pending_workflow_task.attempt < 2:
            await asyncio.sleep(0.05)


async def forget(support: Support, handle: Handle) -> None:
    """Have Temporal delete a history, as it does by itself after some time."""
    client = support.flow.client
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=client.namespace, workflow_execution=WorkflowExecution(workflow_id=handle.id)
        )
    )
    async with asyncio.timeout(60):
        while True:
            try:
                await handle.describe()
            except RPCError as error:
                assert error.status is RPCStatusCode.NOT_FOUND
                return
            await asyncio.sleep(0.05)


async def test_who_may_ask(support: Support) -> None:
    """Given a number that nobody has, then 404; somebody who is no staff is not told anything."""
    path = "/api/v1/admin/orders/HF-AAAAA-AAAAA/explain"
    missing = await support.desk.get(path, headers=support.headers)
    assert (missing.status_code, missing.json()["code"]) == (404, "order_not_found")
    assert (await support.desk.get(path)).status_code == 401
    buyer = await support.desk.sign_in(Role.CUSTOMER)
    assert (await support.desk.get(path, headers=buyer)).status_code == 403
