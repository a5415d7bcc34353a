"""Both sides of the money compared: nothing to say on a good day; what was missed is mended; the rest is a case."""

from collections.abc import Callable
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata

from activities import reconciliation as steps
from models.checkout import PaymentChoice
from models.database import Database
from models.dispute import DisputeStatus
from models.ids import UserId, new_id
from models.order import OrderStatus
from models.payment import CHAPA, STRIPE
from models.reconciliation import CaseKind
from models.refund import RefundStatus
from models.tables import case as cases
from models.tables import dispute as disputes
from models.tables import reconciliation
from models.tables.case import AGREES, CaseRecord
from tests import shop
from tests.flow import Flow
from tests.workflows import watching
from tests.workflows.refunding import Sold, disagreements
from tests.workflows.steps import asked_by
from tests.workflows.stories import MUG, Shelf
from tests.workflows.test_histories import keep
from tests.workflows.trouble import Trouble
from tests.workflows.watching import by_hand, compare
from workflows.reconcile import RECONCILE_ID, ReconcileOutcome

STEPS = ("list_objects", "list_ours", "keep_seen", "compare_books", "end_reconciliation")
"""What can fail while books are compared."""


@pytest.fixture(autouse=True)
async def alone(flow: Flow) -> None:
    """Providers that know nothing of what other tests did."""
    await flow.stripe.reset()
    await flow.chapa.reset()


async def reconcile(flow: Flow, settle: float = 8) -> ReconcileOutcome:
    """One run."""
    handle = await compare(flow, settle)
    outcome = await handle.result()
    known: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert ("Both sides agree" in known.current_details) is (outcome.drift == 0)
    return outcome


async def found(database: Database) -> list[CaseRecord]:
    """Open cases, oldest first."""
    return (await cases.listed(database, 100, True, None))[::-1]


async def test_a_good_day(flow: Flow) -> None:
    """Given sold, refunded, cancelled and unpaid orders at two providers, then all is looked at and nothing differs."""
    sold = await Sold.open(flow)
    assert (await sold.refund(600)).status is RefundStatus.SUCCEEDED
    unpaid = await Shelf.open(flow)
    await unpaid.buy("pm_card_chargeDeclined")
    page = await Shelf.open(flow)
    handle, answer = await page.buy(None, payment=PaymentChoice(CHAPA))
    assert answer.payment is not None and answer.payment.reference is not None
    await flow.chapa.buy(answer.payment.reference)
    await page.news(handle)
    await flow.until(handle, OrderStatus.CONFIRMED)

    assert await reconcile(flow) == ReconcileOutcome(looked=4, mended=0, drift=0)

    assert await found(flow.database) == []
    [last] = await reconciliation.newest(flow.database, 10)
    assert (last.looked, last.mended, last.drift) == (4, 0, 0)


async def test_what_was_missed_is_mended(flow: Flow) -> None:
    """Given that all news were lost, of a bank's yes, a refund that came back, a dispute: owners look, and agree."""
    waiting = await Shelf.open(flow)
    handle, answer = await waiting.buy("pm_card_authenticationRequired")
    assert answer.payment is not None and answer.payment.reference is not None
    await flow.stripe.authenticate(answer.payment.reference)
    back = await Sold.open(flow)
    assert (await back.refund(700)).status is RefundStatus.SUCCEEDED
    await back.end()
    [refund] = await back.at_provider()
    await flow.stripe.refund_becomes(refund, "failed", "lost_or_stolen_card")
    disputed = await Sold.open(flow)
    await flow.stripe.dispute((await disputed.shelf.row())["reference"])

    assert await reconcile(flow, settle=60) == ReconcileOutcome(looked=5, mended=3, drift=0)

    await flow.until(handle, OrderStatus.CONFIRMED)
    assert await back.rows() == [(1, "failed", 700, 700, 0)]
    [seen] = await disputes.of_order(flow.database, disputed.order)
    assert seen.status is DisputeStatus.OPEN
    assert await found(flow.database) == []
    assert await disagreements(flow) == []


async def test_what_nobody_can_mend_is_a_case_until_it_is_decided(flow: Flow) -> None:
    """Given a refund made by hand at the provider, then it is one case; a person's word on it holds; news open it."""
    sold = await Sold.open(flow)
    made = await by_hand(flow, "refunds", payment_intent=(await sold.shelf.row())["reference"], amount=100)

    assert (await reconcile(flow, settle=1)).drift == 1
    assert (await reconcile(flow, settle=1)).drift == 1

    [case] = await found(flow.database)
    assert (case.kind, case.object, case.provider) == (CaseKind.REFUND_UNKNOWN, made["id"], STRIPE)
    assert case.facts["provider"]["amount"] == {"amount": 100, "currency": "usd"}
    async with flow.database.writing() as writer:
        assert await cases.close(writer, case.id, UserId(new_id()), "the buyer had called")
        assert not await cases.close(writer, case.id, UserId(new_id()), "again")
    assert (await reconcile(flow, settle=1)).drift == 0
    await flow.stripe.refund_becomes(made["id"], "pending")
    assert (await reconcile(flow, settle=1)).drift == 1


async def test_money_that_nobody_knows(flow: Flow) -> None:
    """Given a payment that somebody else took at the provider, then it is a case; one that took nothing is none."""
    for capture in ("automatic", "manual"):
        made = await by_hand(
            flow, "payment_intents", amount=500, currency="eur", confirm="true", payment_method="pm_card_visa",
            capture_method=capture, **{"payment_method_types[]": "card"},
        )  # fmt: skip
        if capture == "automatic":
            stranger = made["id"]

    assert await reconcile(flow, settle=1) == ReconcileOutcome(looked=2, mended=0, drift=1)

    [case] = await found(flow.database)
    assert (case.kind, case.object, case.order_number) == (CaseKind.PAYMENT_UNKNOWN, stranger, None)


async def test_rows_that_somebody_changed(flow: Flow) -> None:
    """Given sums changed by hand, then the provider and the ledger each contradict; put back, the cases close."""
    sold = await Sold.open(flow)
    await flow.database.fetch("UPDATE payments SET captured = captured - 1 WHERE order_id = $1", sold.order)

    assert (await reconcile(flow, settle=1)).drift == 2

    assert {case.kind for case in await found(flow.database)} == {CaseKind.PAYMENT_DIFFERS, CaseKind.LEDGER}
    await flow.database.fetch("UPDATE payments SET captured = captured + 1 WHERE order_id = $1", sold.order)
    assert (await reconcile(flow, settle=1)).drift == 0
    assert await found(flow.database) == []
    closed = await cases.listed(flow.database, 10, False, None)
    assert [(case.closed_by, case.reason) for case in closed] == [(None, AGREES)] * 2


async def test_what_the_provider_does_not_have(flow: Flow) -> None:
    """Given a paid order and a refund of which the provider has forgotten everything, then both are cases."""
    sold = await Sold.open(flow)
    assert (await sold.refund(100)).status is RefundStatus.SUCCEEDED
    await sold.end()
    await flow.stripe.reset()

    assert await reconcile(flow, settle=1) == ReconcileOutcome(looked=0, mended=0, drift=2)

    assert {case.kind for case in await found(flow.database)} == {CaseKind.PAYMENT_DIFFERS, CaseKind.REFUND_MISSING}


async def test_a_long_list_is_gone_through_in_pages(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given pages of one, and one page a run, then all is looked at once."""
    monkeypatch.setattr("activities.payments.lists.PAGE", 1)
    monkeypatch.setattr("workflows.reconcile.PAGES", 1)
    monkeypatch.setattr(steps, "OURS", 1)
    for _ in range(3):
        await Sold.open(flow)

    assert await reconcile(flow) == ReconcileOutcome(looked=3, mended=0, drift=0)


def test_the_matrix_knows_every_step(record_property: Callable[[str, object], None]) -> None:
    """An activity that comes into the path of a comparison needs its place here."""
    assert set(STEPS) == asked_by("reconcile") - asked_by("dispute") - asked_by("refund")  # which have their own
    record_property("measured", f"fault matrix of disputes and of books compared: {2 * (2 + len(STEPS))} cases")


async def test_record_anew(flow: Flow) -> None:
    """Collected with --record-histories only: tell every story once more and keep what the server wrote down."""
    for story in watching.ALL:
        keep(story.__name__, (await (await story(flow)).fetch_history()).to_json())


@pytest.mark.parametrize("kind", ["before", "after"])
async def test_steps_that_fail_are_done_again(flow: Flow, trouble: Trouble, kind: Any) -> None:
    """Given that each step fails once, before or after its effect, then it is as if none had."""
    sold = await Sold.open(flow)
    await by_hand(flow, "refunds", payment_intent=(await sold.shelf.row())["reference"], amount=100)
    name = f"{RECONCILE_ID}-{new_id()}"
    for step in STEPS:
        trouble.plan(name, step, kind)

    outcome = await (await compare(flow, 1, name)).result()

    assert (outcome.drift, trouble.to_come()) == (1, [])
    assert len(await found(flow.database)) == 1
    assert (await shop.money_booked(flow.database))["provider:stripe"] == MUG
