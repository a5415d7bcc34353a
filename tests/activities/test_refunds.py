"""The steps of a refund: each harmless when run again, on our rows and at the provider."""

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.orders import ConfirmOrder, SecureOrder
from activities.payments.money import PaymentActivities
from activities.payments.providers import AuthorizePayment, CapturePayment, ReadRefund, RefundPayment
from activities.refunds import EndRefund, RefundActivities, ReserveRefund
from dev.stripe.remote import SimulatorControl
from models import clock
from models.audit import Author
from models.ids import OrderId, OrderNumber, PaymentId, RefundId, new_id
from models.money import Money
from models.payment import ProviderPayment, Standing
from models.refund import ProviderRefund, ProviderRefundStanding, Refund, RefundWish
from models.tables import refund as refunds
from tests import people, purse
from tests.activities.conftest import Try
from tests.activities.till import MUG_TO_NEW_YORK, Till

KEY = b"a key of 32 bytes or more, of a test"
SENT = ProviderRefund(ProviderRefundStanding.SUCCEEDED, "re_1")
GONE = ProviderRefund(ProviderRefundStanding.FAILED, "re_1", "lost_or_stolen_card", "lost or stolen card")


def usd(amount: int) -> Money:
    """Dollars."""
    return Money(amount, "usd")


async def sold(till: Till, credit: int = 0) -> OrderId:
    """An order that is paid, of this credit by a gift card."""
    cart = await till.cart()
    if credit:
        await purse.card_in_cart(till.database, cart, credit)
    more: dict[str, Any] = {"expected_due": usd(MUG_TO_NEW_YORK - credit)} if credit else {}
    placed = await till.placed(cart, **more)
    ids = (placed.order_id, placed.payment_id)
    await till.twice(
        till.orders.secure_order,
        SecureOrder(*ids, cart, 1, ProviderPayment(Standing.AUTHORIZED, "pi_1"), credit=placed.credit),
    )
    await till.twice(till.orders.confirm_order, ConfirmOrder(*ids, "stripe", placed.due, placed.credit))
    return placed.order_id


async def reserved(till: Till, order: OrderId, wish: RefundWish) -> Refund:
    """The first refund of an order."""
    await till.twice(RefundActivities(till.database, KEY).reserve_refund, ReserveRefund(order, 1, wish))
    [made] = await refunds.of_order(till.database, order)
    return made


@pytest.mark.parametrize("credit", [0, 600, MUG_TO_NEW_YORK])
async def test_each_step_again_changes_no_row(till: Till, credit: int) -> None:
    """Given each step of a refund that arrives and comes back, when it is run again, then no row in the house moves."""
    steps, order = RefundActivities(till.database, KEY), await sold(till, credit)
    async with till.database.writing() as writer:
        author = Author(await people.account(writer), "request-1")
    made = await reserved(till, order, RefundWish("k", "broken", author.actor, author=author))
    assert made.amount == usd(MUG_TO_NEW_YORK)
    audited = await till.ask("SELECT action, actor_id, reason, request_id FROM audit_log")
    assert audited == [("order.refund", author.user, "broken", "request-1")]
    await till.twice(steps.settle_refund, EndRefund(made, SENT if made.to_provider.amount else None))
    assert await till.ask("SELECT status FROM payments") == [("refunded",)]
    assert await till.told() == [*_until_confirmed(credit), "refund_started", "refund_succeeded"]
    assert await till.letters() == ["order_confirmed", "refund"]
    if made.to_provider.amount:
        await till.twice(steps.return_refund, EndRefund(made, GONE))
        assert (await till.ask("SELECT captured - refunded FROM payments")) == [(MUG_TO_NEW_YORK - credit,)]
        [(attention,)] = await till.ask("SELECT attention FROM orders")
        assert attention == f"refund 1 of {made.to_provider} did not arrive: lost or stolen card"


def _until_confirmed(credit: int) -> list[str]:
    spent = ["credit_spent"] if credit else []
    captured = ["payment_captured"] if credit < MUG_TO_NEW_YORK else []
    return ["order_placed", "payment_authorized", *spent, *captured, "order_confirmed"]


async def test_a_refund_that_fails_leaves_what_it_found(till: Till) -> None:
    """Given a refund that the provider refuses, then payment and credit are as before it, and a person is asked."""
    steps, order = RefundActivities(till.database, KEY), await sold(till, 600)
    before = await till.rows("payments", "credit_holds", "credit_accounts", "money_entries", "credit_entries")
    made = await reserved(till, order, RefundWish("k", "broken", "order"))
    await till.twice(steps.fail_refund, EndRefund(made, GONE))
    assert await till.rows(*before) == before
    assert await till.ask("SELECT status, error FROM refunds") == [("failed", "lost or stolen card")]
    assert await till.letters() == ["order_confirmed"]


# At the provider.


class Paid:
    """A payment of 27.00 usd that is captured, and what goes back of it."""

    def __init__(self, payments: PaymentActivities, attempt: Try, reference: str) -> None:
        self.payments = payments
        self.attempt = attempt
        self.reference = reference
        self.number = OrderNumber(f"HF-{new_id().hex[-10:]}")

    async def refund(self, amount: int, refund: RefundId | None = None, tries: int = 1) -> ProviderRefund:
        """Send it back."""
        request = RefundPayment(
            refund or RefundId(new_id()), self.number, f"refund/{new_id()}/1", self.reference, usd(amount)
        )
        seen: ProviderRefund = await self.attempt(tries).run(self.payments.refund_payment, request)
        return seen

    async def read(self, refund: RefundId) -> ProviderRefund | None:
        """How it stands."""
        seen: ProviderRefund | None = await self.attempt().run(
            self.payments.read_refund, ReadRefund(refund, self.reference)
        )
        return seen


@pytest.fixture
async def paid(payments: PaymentActivities, stripe: SimulatorControl, attempt: Try) -> Paid:
    """Taken, all of it."""
    payment = PaymentId(new_id())
    asked = AuthorizePayment(
        payment, OrderNumber("HF-REFUN-DEDXX"), "order/cart/1", usd(2700), 1, clock.now(), "pm_card_visa"
    )
    seen: ProviderPayment = await attempt().run(payments.authorize_payment, asked)
    assert seen.reference is not None
    await attempt().run(payments.capture_payment, CapturePayment(payment, seen.reference, usd(2700)))
    return Paid(payments, attempt, seen.reference)


async def test_it_is_sent_once_and_found_again(paid: Paid) -> None:
    """Given a refund asked for again, also when its key is long forgotten, then it is the one that there is."""
    mine = RefundId(new_id())
    assert await paid.read(mine) is None
    first = await paid.refund(500, mine)
    assert first.standing is ProviderRefundStanding.SUCCEEDED
    assert await paid.refund(500, mine, tries=2) == first
    assert await paid.read(mine) == first
    assert (await paid.refund(2200)).standing is ProviderRefundStanding.SUCCEEDED


async def test_it_is_found_among_hundreds(paid: Paid) -> None:
    """Given more refunds of one payment than the provider lists at once, then the oldest is found all the same."""
    mine = RefundId(new_id())
    first = await paid.refund(1, mine)
    for _ in range(101):
        await paid.refund(1)
    assert await paid.refund(1, mine) == first


async def test_what_the_provider_will_never_send_is_an_answer(paid: Paid, stripe: SimulatorControl) -> None:
    """Given too much, nothing left, or a dispute, then it failed for a reason, and need not be asked for again."""
    too_much = await paid.refund(2701)
    assert (too_much.standing, too_much.code) == (ProviderRefundStanding.FAILED, "amount_too_large")
    await paid.refund(2700)
    nothing = await paid.refund(1)
    assert (nothing.standing, nothing.code) == (ProviderRefundStanding.FAILED, "charge_already_refunded")
    await stripe.dispute(paid.reference)
    disputed = await paid.refund(1)
    assert (disputed.standing, disputed.code) == (ProviderRefundStanding.FAILED, "charge_disputed")
    assert "charged back" in (disputed.detail or "")


async def test_a_payment_that_nobody_knows_is_a_mistake_of_ours(paid: Paid) -> None:
    """Given an id that the provider never gave out, then that is told as what it is, and a person looks."""
    with pytest.raises(ApplicationError) as mistake:
        await Paid(paid.payments, paid.attempt, "pi_unknown").refund(1)
    assert mistake.value.type == "provider_rejected"
