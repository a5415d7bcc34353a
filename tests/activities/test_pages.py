"""Stripe's page, step by step: one for the same words, as long as it may be open, and closed for good."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from activities.payments.money import PaymentActivities
from activities.payments.providers import AuthorizePayment, ReadPayment, VoidPayment
from dev.stripe.remote import SimulatorControl
from models import clock
from models.ids import OrderNumber, PaymentId, new_id
from models.money import Money
from models.payment import PAGE_CLOSED, ProviderPayment, Standing
from tests.activities.conftest import Try

KEY = {"Authorization": "Bearer sk_test_holdfast"}
HOUR = timedelta(hours=1)


class Till:
    """One payment of 27.00 usd on a page, as the activities see it and as it really is."""

    def __init__(self, payments: PaymentActivities, stripe: SimulatorControl, attempt: Try) -> None:
        self.payments = payments
        self.stripe = stripe
        self.attempt = attempt
        now = clock.now()
        self.asked = AuthorizePayment(
            PaymentId(new_id()), OrderNumber(f"HF-{new_id().hex[-10:]}"), "order/cart/1", Money(2700, "usd"), 1, now,
            page_until=now + HOUR,
        )  # fmt: skip

    async def authorize(self, tries: int = 1, **changes: Any) -> ProviderPayment:
        """Open a page, or whatever is said."""
        request = msgspec.structs.replace(self.asked, **changes)
        seen: ProviderPayment = await self.attempt(tries).run(self.payments.authorize_payment, request)
        return seen

    async def open(self, **changes: Any) -> str:
        """A page; its id."""
        seen = await self.authorize(**changes)
        assert seen.standing is Standing.METHOD_REQUIRED and seen.redirect_url is not None
        return str(seen.reference)

    async def read(self, reference: str) -> ProviderPayment:
        """How it stands."""
        request = ReadPayment(self.asked.payment_id, reference)
        seen: ProviderPayment = await self.attempt().run(self.payments.read_payment, request)
        return seen

    async def void(self, reference: str) -> None:
        """Give it up."""
        await self.attempt().run(self.payments.void_payment, VoidPayment(self.asked.payment_id, reference))

    async def page(self, reference: str) -> Any:
        """As Stripe has it."""
        return (await self.stripe.http.get(f"/v1/checkout/sessions/{reference}", headers=KEY)).json()

    async def intents(self) -> list[tuple[str, int]]:
        """(status, held) of the payment's intents."""
        found = await self.stripe.ledger(payment=str(self.asked.payment_id))
        return [(each["status"], each["held"]) for each in found]


@pytest.fixture
def till(payments: PaymentActivities, stripe: SimulatorControl, attempt: Try) -> Till:
    """Nothing asked yet."""
    return Till(payments, stripe, attempt)


async def test_the_same_words_open_the_same_page(till: Till) -> None:
    """Asked twice it is one page; it is for this order, its money, and goes back where it was told."""
    page = await till.open(return_url="https://shop.test/thanks")
    assert await till.open(return_url="https://shop.test/thanks") == page
    seen = await till.page(page)
    assert (seen["amount_total"], seen["currency"], seen["success_url"]) == (2700, "usd", "https://shop.test/thanks")
    assert seen["metadata"] == {
        "order": till.asked.order_number, "payment": str(till.asked.payment_id), "workflow": "order/cart/1",
    }  # fmt: skip


@pytest.mark.parametrize("left", [timedelta(seconds=30), HOUR, timedelta(days=3)], ids=str)
async def test_it_is_open_as_long_as_stripe_lets_it(till: Till, left: timedelta) -> None:
    """Never for less than half an hour or more than a day, which Stripe refuses; else as long as the order waits."""
    page = await till.page(await till.open(page_until=till.asked.asked_at + left))
    lasts = timedelta(seconds=page["expires_at"] - int(till.asked.asked_at.timestamp()))
    assert lasts == min(max(left, timedelta(minutes=36)), timedelta(hours=23))


async def test_asked_for_long_ago_it_is_open_long_enough(till: Till) -> None:
    """A try that began an hour ago still opens a page that Stripe takes."""
    page = await till.page(await till.open(asked_at=till.asked.asked_at - HOUR, page_until=till.asked.asked_at))
    assert page["status"] == "open"


async def test_a_customer_who_is_gone_pays_as_nobody(till: Till) -> None:
    """Their kept cards were deleted at the provider: the page opens without them."""
    page = await till.page(await till.open(customer="cus_gone"))
    assert (page["status"], page["customer"]) == ("open", None)


async def test_voided_it_is_closed_and_what_was_reserved_is_free(till: Till) -> None:
    """An open page closes; one that was paid gives its reservation back; twice is harmless."""
    page = await till.open()
    await till.void(page)
    await till.void(page)
    assert (await till.page(page))["status"] == "expired"
    closed = await till.read(page)
    assert (closed.standing, closed.code, closed.redirect_url) == (Standing.DECLINED, PAGE_CLOSED, None)
    other = await till.open(attempt=2, reference=page)
    await till.stripe.pay(other)
    assert await till.intents() == [("requires_capture", 2700)]
    await till.void(other)
    await till.void(other)
    assert await till.intents() == [("canceled", 0)]
    assert (await till.read(other)).standing is Standing.CANCELED


async def test_what_was_paid_is_told_to_whoever_turns_away(till: Till) -> None:
    """Neither another page nor a card is begun when the first page was paid."""
    page = await till.open()
    await till.stripe.pay(page)
    turns: tuple[dict[str, Any], ...] = ({}, {"page_until": None, "method": "pm_card_visa"})
    for turn in turns:
        seen = await till.authorize(attempt=2, reference=page, **turn)
        assert seen.standing is Standing.AUTHORIZED and str(seen.reference).startswith("pi_")
    assert await till.intents() == [("requires_capture", 2700)]


async def test_a_card_after_a_page_is_found_again(till: Till) -> None:
    """The page is closed and the card charged once, also when its answer was lost, long ago."""
    page = await till.open()
    card: dict[str, Any] = {"attempt": 2, "reference": page, "page_until": None, "method": "pm_card_visa"}
    first = await till.authorize(**card)
    assert first.standing is Standing.AUTHORIZED
    assert await till.authorize(**card) == first
    late = await till.authorize(tries=9, **card, asked_at=till.asked.asked_at - HOUR)
    assert (late.standing, late.reference) == (Standing.AUTHORIZED, first.reference)
    assert await till.intents() == [("requires_capture", 2700)]
    assert (await till.page(page))["status"] == "expired"
