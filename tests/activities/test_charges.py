"""More money of an order at Stripe while its buyer is away, and its rows: once, whatever gets lost on the way."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from temporalio.exceptions import ApplicationError

from activities.charges import ChargeActivities, DropCharge, RecordCharge, SettleCharge
from activities.orders import ConfirmOrder, SecureOrder
from activities.payments.chapa import ChapaProvider
from activities.payments.money import PaymentActivities
from activities.payments.providers import AuthorizeFurther, AuthorizePayment, CapturePayment, VoidPayment
from dev.stripe.remote import SimulatorControl
from models import clock
from models.charge import Charge, Purpose, charge_id
from models.errors import Unavailable
from models.ids import OrderNumber, PaymentId, UserId, new_id
from models.money import Money
from models.payment import ProviderPayment, Standing
from models.refund import RefundWish
from models.tables import refund as refunds
from models.tables import refund_end
from tests.activities.conftest import Try
from tests.activities.till import MUG_TO_NEW_YORK, Till

CREATE = {"method": "POST", "path": "/v1/payment_intents"}


def usd(amount: int) -> Money:
    """Dollars."""
    return Money(amount, "usd")


class Bank:
    """An order whose first payment of 27.00 usd is reserved, and what more is asked for."""

    def __init__(self, payments: PaymentActivities, stripe: SimulatorControl, attempt: Try) -> None:
        self.payments = payments
        self.stripe = stripe
        self.attempt = attempt
        self.payment = PaymentId(new_id())
        self.number = OrderNumber(f"HF-{new_id().hex[-10:]}")
        self.first = ""

    async def open(self, method: str = "pm_card_visa", keep: bool = True) -> None:
        """The checkout."""
        asked = AuthorizePayment(
            self.payment, self.number, "order/cart/1", usd(2700), 1, clock.now(), method, save=keep,
            buyer=UserId(new_id()),
        )  # fmt: skip
        seen: ProviderPayment = await self.attempt().run(self.payments.authorize_payment, asked)
        if seen.standing is Standing.ACTION_REQUIRED:
            await self.stripe.authenticate(seen.reference or "")
        self.first = seen.reference or ""

    def request(self, amount: int = 500, n: int = 2, **changes: Any) -> AuthorizeFurther:
        """What a workflow asks for."""
        asked = AuthorizeFurther(
            charge_id(self.payment, n), self.number, "order/cart/1", "edit", usd(amount), self.first, clock.now()
        )
        return msgspec.structs.replace(asked, **changes)

    async def more(self, amount: int = 500, n: int = 2, tries: int = 1, **changes: Any) -> ProviderPayment:
        """So much more."""
        seen: ProviderPayment = await self.attempt(tries).run(
            self.payments.authorize_further, self.request(amount, n, **changes)
        )
        return seen

    async def moved(self) -> list[tuple[str, int, int, int]]:
        """(status, authorized, captured, held) of every intent of this order but the first, the oldest first."""
        found = await self.stripe.ledger(order=self.number)
        return [
            (each["status"], each["authorized"], each["captured"], each["held"])
            for each in found if each["payment_intent"] != self.first
        ]  # fmt: skip


@pytest.fixture
def bank(payments: PaymentActivities, stripe: SimulatorControl, attempt: Try) -> Bank:
    """Nobody has bought anything yet."""
    return Bank(payments, stripe, attempt)


async def test_the_card_that_paid_pays_more(bank: Bank) -> None:
    """Given a card that was kept, then more is reserved on it without its buyer, as an intent of its own."""
    await bank.open()
    seen = await bank.more()
    assert (seen.standing, seen.code) == (Standing.AUTHORIZED, None)
    assert seen.reference not in (None, bank.first)
    assert await bank.moved() == [("requires_capture", 500, 0, 500)]
    [intent] = await bank.stripe.ledger(payment=str(charge_id(bank.payment, 2)))
    assert (intent["payment_intent"], intent["metadata"]["workflow"]) == (seen.reference, "order/cart/1")


async def test_asked_again_it_is_the_same(bank: Bank) -> None:
    """Given an answer that was lost, then the same try, a later one and one after days find the one intent."""
    await bank.open()
    await bank.stripe.fault("answer_lost", **CREATE, metadata={"payment": str(charge_id(bank.payment, 2))})
    with pytest.raises(Unavailable):
        await bank.more()
    seen = await bank.more(tries=2)
    assert await bank.more(tries=1) == seen
    assert await bank.more(asked_at=clock.now() - timedelta(days=2)) == seen
    assert await bank.moved() == [("requires_capture", 500, 0, 500)]
    assert (await bank.more(700, n=3)).reference != seen.reference
    assert len(await bank.moved()) == 2


async def test_a_card_that_was_not_kept_cannot_be_charged_again(bank: Bank) -> None:
    """Given a guest's card that nobody kept, then the provider refuses it, nothing is reserved, another one pays."""
    await bank.open(keep=False)
    seen = await bank.more()
    assert (seen.standing, seen.code) == (Standing.DECLINED, "payment_method_invalid")
    assert await bank.moved() == []
    named = await bank.more(n=3, method="pm_card_mastercard")
    assert named.standing is Standing.AUTHORIZED
    assert await bank.moved() == [("requires_capture", 500, 0, 500)]


async def test_the_card_that_paid_belongs_to_whom_it_paid_for(bank: Bank, stripe: SimulatorControl) -> None:
    """Given a buyer who has become another customer since, then the card that paid is charged as what it is."""
    await bank.open()
    made = await stripe.http.post("/v1/customers", headers={"Authorization": "Bearer sk_test_shop"})
    seen = await bank.more(customer=made.json()["id"])
    assert (seen.standing, seen.code) == (Standing.AUTHORIZED, None)
    assert await bank.moved() == [("requires_capture", 500, 0, 500)]


async def test_nobodys_order_fails_because_their_customer_is_gone(bank: Bank, stripe: SimulatorControl) -> None:
    """Given a customer who was deleted, and an order that needs its card again, then it is one of its own."""
    made = await stripe.http.post("/v1/customers", headers={"Authorization": "Bearer sk_test_shop"})
    gone = made.json()["id"]
    await stripe.http.delete(f"/v1/customers/{gone}", headers={"Authorization": "Bearer sk_test_shop"})
    asked = AuthorizePayment(
        bank.payment, bank.number, "order/cart/1", usd(2700), 1, clock.now(), "pm_card_visa", customer=gone, again=True
    )  # fmt: skip
    seen = await bank.attempt().run(bank.payments.authorize_payment, asked)
    assert seen.standing is Standing.AUTHORIZED
    bank.first = seen.reference or ""
    assert (await bank.more()).standing is Standing.AUTHORIZED


async def test_a_bank_that_wants_to_see_its_buyer_says_no(bank: Bank) -> None:
    """Given a card that asks each time, then more cannot be had while the buyer is away, and a second try is one."""
    await bank.open("pm_card_authenticationRequired")
    seen = await bank.more()
    assert (seen.standing, seen.code) == (Standing.DECLINED, "authentication_required")
    assert (await bank.more(tries=2)).standing is Standing.DECLINED
    paid = await bank.more(attempt=2, method="pm_card_visa")
    assert (paid.standing, paid.reference) == (Standing.AUTHORIZED, seen.reference)
    assert await bank.moved() == [("requires_capture", 500, 0, 500)]


@pytest.mark.parametrize("method", ["pm_card_chargeDeclined", "pm_card_authenticationRequired"])
async def test_another_card_may_be_declined(bank: Bank, method: str) -> None:
    """Given another card that its bank declines, or wants to see its buyer for, then nothing is reserved."""
    await bank.open()
    assert (await bank.more(method=method)).standing is Standing.DECLINED
    assert [held for _, _, _, held in await bank.moved()] == [0]


async def test_a_part_is_taken_and_the_rest_let_go(bank: Bank, attempt: Try) -> None:
    """Given 5.00 reserved of which 3.20 are taken, then the rest is the buyer's again; a second try takes nothing."""
    await bank.open()
    seen = await bank.more()
    capture = CapturePayment(PaymentId(charge_id(bank.payment, 2)), seen.reference or "", usd(320))
    for tries in (1, 2):
        taken = await attempt(tries).run(bank.payments.capture_payment, capture)
        assert taken.standing is Standing.CAPTURED
    assert await bank.moved() == [("succeeded", 500, 320, 0)]


async def test_it_is_voided_by_our_id_alone(bank: Bank, attempt: Try) -> None:
    """Given a charge of which nothing was heard, then it is found and voided."""
    await bank.open()
    await bank.more()
    void = VoidPayment(PaymentId(charge_id(bank.payment, 2)), None)
    for _ in range(2):
        await attempt().run(bank.payments.void_payment, void)
    assert await bank.moved() == [("canceled", 500, 0, 0)]


async def test_a_payment_that_nobody_knows_is_a_mistake_of_ours(bank: Bank) -> None:
    """Given a first payment that the provider never made, then that is told as what it is."""
    with pytest.raises(ApplicationError) as mistake:
        await bank.more(first="pi_unknown")
    assert mistake.value.type == "provider_rejected"


async def test_who_takes_money_on_a_page_only_cannot(bank: Bank) -> None:
    """Given Chapa, then it says so, and nobody asks it again."""
    chapa = ChapaProvider("key", "http://shop.test")
    with pytest.raises(ApplicationError) as never:
        await chapa.further(bank.request())
    assert (never.value.type, never.value.non_retryable) == ("provider_rejected", True)
    await chapa.close()


async def test_money_that_is_taken_after_all_went_back_can_go_back(till: Till) -> None:
    """Given an order that became dearer and was refunded before that was taken, then the payment says what is left."""
    cart = await till.cart()
    placed = await till.placed(cart)
    ids, steps = (placed.order_id, placed.payment_id), ChargeActivities(till.database)
    await till.twice(till.orders.secure_order, SecureOrder(*ids, cart, 1, ProviderPayment(Standing.AUTHORIZED, "pi_1")))
    await till.twice(till.orders.confirm_order, ConfirmOrder(*ids, "stripe", placed.due))
    await till.ask("UPDATE payments SET amount = amount + 500 RETURNING id")
    id = charge_id(placed.payment_id, 2)
    charge = Charge(id, placed.payment_id, 2, Purpose.EDIT, "pi_2", usd(500), clock.now())
    await till.twice(steps.record_charge, RecordCharge(placed.order_id, charge))
    async with till.database.writing() as writer:
        made = await refunds.open(writer, placed.order_id, RefundWish("all", "goodwill", "bob"))
        assert await refund_end.succeed(writer, made, "re_1")
    assert await till.ask("SELECT status FROM payments") == [("refunded",)]
    await till.twice(steps.settle_charge, SettleCharge(placed.order_id, charge, "stripe", usd(500)))
    assert await till.ask("SELECT status, captured - refunded FROM payments") == [("partially_refunded", 500)]


async def test_each_step_on_our_rows_again_changes_no_row(till: Till) -> None:
    """Given each step of charges that are taken or let go, when it is run again, then no row in the house moves."""
    cart = await till.cart()
    placed = await till.placed(cart)
    ids, steps = (placed.order_id, placed.payment_id), ChargeActivities(till.database)
    await till.twice(till.orders.secure_order, SecureOrder(*ids, cart, 1, ProviderPayment(Standing.AUTHORIZED, "pi_1")))
    await till.twice(till.orders.confirm_order, ConfirmOrder(*ids, "stripe", placed.due))
    await till.ask("UPDATE payments SET amount = amount + 500 RETURNING id")
    for n in (2, 3):
        id = charge_id(placed.payment_id, n)
        charge = Charge(id, placed.payment_id, n, Purpose.EDIT, f"pi_{n}", usd(500), clock.now())
        await till.twice(steps.record_charge, RecordCharge(placed.order_id, charge))
        if n == 2:
            await till.twice(steps.settle_charge, SettleCharge(placed.order_id, charge, "stripe", usd(500)))
        else:
            await till.twice(steps.drop_charge, DropCharge(placed.order_id, id, placed.payment_id))
    assert await till.ask("SELECT n, status, captured FROM charges ORDER BY n") == [
        (2, "captured", 500), (3, "voided", 0),
    ]  # fmt: skip
    assert await till.ask("SELECT captured FROM payments") == [(MUG_TO_NEW_YORK + 500,)]
    booked = await till.ask("SELECT account, sum(amount)::int FROM money_entries GROUP BY 1 ORDER BY 1")
    assert booked == [("provider:stripe", MUG_TO_NEW_YORK + 500), ("sales", -MUG_TO_NEW_YORK - 500)]
    assert (await till.told())[-3:] == ["charge_authorized", "payment_captured", "charge_authorized"]
