"""An order whose money was taken by several payments at the provider: refunds take of each, and both sides agree."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import ActivityEnvironment

from activities.charges import ChargeActivities, RecordCharge, SettleCharge
from activities.payments.intents import StripeProvider
from activities.payments.money import PaymentActivities
from activities.payments.providers import AuthorizeFurther, CapturePayment
from dev.stack import Stack
from models import clock
from models.charge import Charge, Purpose, charge_id
from models.checkout import PaymentChoice
from models.ids import OrderId, PaymentId
from models.money import Money
from models.order import OrderStatus
from models.refund import RefundStatus
from models.tables import charge as charges
from tests import people, shop
from tests.flow import Flow
from tests.workflows.refunding import Sold, disagreements, usd
from tests.workflows.stories import MUG, Shelf
from tests.workflows.test_reconcile import reconcile


@pytest.fixture
async def payments(simulators: Stack) -> AsyncIterator[PaymentActivities]:
    """Speaks to the provider beside the worker."""
    environment = simulators.environment()
    opened = PaymentActivities(StripeProvider(environment["STRIPE_SECRET_KEY"], environment["STRIPE_API_BASE"]))
    yield opened
    await opened.close()


@pytest.fixture
async def sold(flow: Flow, payments: PaymentActivities) -> Sold:
    """A mug for 16.00 that became dearer by 5.00, then by 3.00: three payments at a provider that knows no others."""
    await flow.stripe.reset()
    await flow.chapa.reset()
    async with flow.database.writing() as writer:
        buyer = await people.account(writer)
    shelf = await Shelf.open(flow)
    handle, _ = await shelf.buy(payment=PaymentChoice(method="pm_card_visa", save=True), customer_id=buyer)
    await flow.until(handle, OrderStatus.CONFIRMED)
    sold = Sold(shelf, OrderId((await shelf.row())["id"]))
    for n, amount in ((2, 500), (3, 300)):
        await dearer(sold, payments, n, usd(amount))
    return sold


async def dearer(sold: Sold, payments: PaymentActivities, n: int, amount: Money) -> None:
    """So much more is asked for, reserved and taken, step by step as a workflow does it."""
    steps, run = ChargeActivities(sold.flow.database), ActivityEnvironment().run
    first: str = (await sold.shelf.row())["reference"]
    [row] = await sold.flow.database.fetch(
        "UPDATE payments SET amount = amount + $2 WHERE order_id = $1 RETURNING id", sold.order, amount.amount
    )
    payment = PaymentId(row["id"])
    id, at = charge_id(payment, n), clock.now()
    asked = AuthorizeFurther(id, sold.shelf.number, "order/none/1", "edit", amount, first, at)
    seen = await run(payments.authorize_further, asked)
    assert seen.reference is not None
    charge = Charge(id, payment, n, Purpose.EDIT, seen.reference, amount, at)
    await run(steps.record_charge, RecordCharge(sold.order, charge))
    await run(payments.capture_payment, CapturePayment(PaymentId(id), seen.reference, amount))
    await run(steps.settle_charge, SettleCharge(sold.order, charge, "stripe", amount))


async def gone(sold: Sold) -> list[int]:
    """What each payment at the provider gave back, the oldest first."""
    known = [(await sold.shelf.row())["reference"]]
    known += [each.reference for each in await charges.of_order(sold.flow.database, sold.order)]
    seen = {each["payment_intent"]: each["refunded"] for each in await sold.flow.intents(sold.shelf.number)}
    return [seen[reference] for reference in known]


async def parts(sold: Sold) -> list[tuple[int, int, str]]:
    """(n of the refund, amount, status) of each part that our rows have."""
    rows = await sold.flow.database.fetch(
        "SELECT r.n, x.amount, x.status FROM refund_parts x JOIN refunds r ON r.id = x.refund_id "
        "LEFT JOIN charges c ON c.id = x.charge_id ORDER BY r.n, c.n NULLS FIRST"
    )
    return [tuple(row) for row in rows]


async def test_the_first_payment_gives_first_then_the_others(sold: Sold) -> None:
    """Given 24.00 taken in three, then 10.00, 8.00 and the rest go back, each of the oldest that has some left."""
    assert await sold.payment() == ("paid", MUG + 800, 0)
    assert (await sold.refund(1000)).status is RefundStatus.SUCCEEDED
    assert (await gone(sold), await parts(sold)) == ([1000, 0, 0], [])
    assert (await sold.refund(800, 2)).status is RefundStatus.SUCCEEDED
    assert (await gone(sold), await parts(sold)) == (
        [MUG, 200, 0], [(2, 600, "succeeded"), (2, 200, "succeeded")],
    )  # fmt: skip
    assert (await sold.refund(None, 3)).status is RefundStatus.SUCCEEDED
    assert await gone(sold) == [MUG, 500, 300]
    assert await sold.payment() == ("refunded", MUG + 800, MUG + 800)
    assert await shop.money_booked(sold.flow.database) == {"provider:stripe": 0, "sales": 0}
    over = await sold.refund(1, 4)
    assert over.refusal is not None and over.refusal.code == "refund_exceeds"
    assert await disagreements(sold.flow) == []


async def test_both_sides_agree_on_charges_and_parts(flow: Flow, sold: Sold) -> None:
    """Given payments, charges and parts of refunds, then a reconciliation finds each at home, and nothing differs."""
    assert (await sold.refund(2000)).status is RefundStatus.SUCCEEDED
    known = {each["payment_intent"] for each in await flow.intents(sold.shelf.number)}
    assert len(known) == 3
    async with flow.database.reading() as reader:
        rows = await reader.exec_driver_sql("SELECT count(*) FROM refund_parts")
        assert rows.scalar_one() == 2
    outcome = await reconcile(flow)
    assert outcome.drift == 0
    [seen] = await flow.database.fetch(
        "SELECT count(*) AS n FROM provider_objects s JOIN charges c ON c.id = s.ours AND c.reference = s.reference"
    )
    assert seen["n"] == 2


async def test_what_one_payment_refuses_does_not_hold_up_the_others(sold: Sold) -> None:
    """Given a charge that was disputed, then the others give what is theirs, and a person is told of the rest."""
    second = (await charges.of_order(sold.flow.database, sold.order))[0]
    await sold.flow.stripe.dispute(second.reference)
    assert (await sold.refund()).status is RefundStatus.SUCCEEDED
    assert await gone(sold) == [MUG, 0, 300]
    assert await parts(sold) == [(1, MUG, "succeeded"), (1, 500, "failed"), (1, 300, "succeeded")]
    assert await sold.rows() == [(1, "succeeded", MUG + 300, MUG + 300, 0)]
    assert await sold.payment() == ("partially_refunded", MUG + 800, MUG + 300)
    await sold.attention_when("refund 1 of 5.00 USD did not arrive")
    assert (await sold.shelf.facts())[-2:] == ["refund_succeeded", "refund_failed"]
    assert await disagreements(sold.flow) == []


async def test_parts_come_back_one_by_one(sold: Sold) -> None:
    """Given a refund of three parts, when its bank sends back one and then the others, then we say the same."""
    assert (await sold.refund()).status is RefundStatus.SUCCEEDED
    await sold.end()
    made = await sold.flow.database.fetch(
        "SELECT x.reference FROM refund_parts x LEFT JOIN charges c ON c.id = x.charge_id ORDER BY c.n NULLS FIRST"
    )
    await sold.flow.stripe.refund_becomes(made[1]["reference"], "failed", "lost_or_stolen_card")
    await sold.news()
    await sold.end()
    assert await sold.rows() == [(1, "succeeded", MUG + 300, MUG + 300, 0)]
    assert await sold.payment() == ("partially_refunded", MUG + 800, MUG + 300)
    await sold.attention_when("refund 1 of 5.00 USD did not arrive: lost or stolen card")
    assert await disagreements(sold.flow) == []
    for each in (made[0], made[2]):
        await sold.flow.stripe.refund_becomes(each["reference"], "failed", "lost_or_stolen_card")
    await sold.news(event="evt_2")
    assert (await sold.end()).status is RefundStatus.FAILED
    assert await sold.rows() == [(1, "failed", MUG + 300, MUG + 300, 0)]
    assert await sold.payment() == ("paid", MUG + 800, 0)
    assert await disagreements(sold.flow) == []
    assert (await sold.refund(None, 2)).status is RefundStatus.SUCCEEDED
    assert await sold.payment() == ("refunded", MUG + 800, MUG + 800)
