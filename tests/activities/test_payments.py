"""Speaking to Stripe: every answer understood, one charge whatever gets lost on the way, and no waiting in a queue."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from temporalio.exceptions import ApplicationError

from activities.payments import money as module
from activities.payments.intents import StripeProvider
from activities.payments.money import PaymentActivities
from activities.payments.providers import AuthorizePayment, CapturePayment, ReadPayment, VoidPayment
from dev.stripe.remote import SimulatorControl
from models import clock
from models.errors import Unavailable
from models.ids import OrderNumber, PaymentId, new_id
from models.money import Money
from models.payment import ProviderPayment, Standing
from tests.activities.conftest import Try

CREATE = {"method": "POST", "path": "/v1/payment_intents"}
CONFIRM = {"method": "POST", "path": "/v1/payment_intents/*/confirm"}
CAPTURE = {"method": "POST", "path": "/v1/payment_intents/*/capture"}
CANCEL = {"method": "POST", "path": "/v1/payment_intents/*/cancel"}
KEY = {"Authorization": "Bearer sk_test_holdfast"}
READ = {"method": "GET", "path": "/v1/payment_intents/*"}


class Bank:
    """One payment of 27.00 usd at the provider, as the activities see it and as it really is."""

    def __init__(self, payments: PaymentActivities, stripe: SimulatorControl, attempt: Try) -> None:
        self.payments = payments
        self.stripe = stripe
        self.attempt = attempt
        self.payment = PaymentId(new_id())
        self.number = OrderNumber(f"HF-{new_id().hex[-10:]}")

    def request(self, method: str | None = "pm_card_visa", **changes: Any) -> AuthorizePayment:
        """What the workflow asks for."""
        asked = AuthorizePayment(
            self.payment, self.number, "order/cart/1", Money(2700, "usd"), 1, clock.now(), method
        )  # fmt: skip
        return msgspec.structs.replace(asked, **changes)

    async def authorize(self, method: str | None = "pm_card_visa", tries: int = 1, **changes: Any) -> ProviderPayment:
        """The patient way."""
        request = self.request(method, **changes)
        seen: ProviderPayment = await self.attempt(tries).run(self.payments.authorize_payment, request)
        return seen

    async def at_once(self, method: str | None = "pm_card_visa", **changes: Any) -> ProviderPayment:
        """The way of a buyer who is waiting."""
        request = self.request(method, **changes)
        seen: ProviderPayment = await self.attempt().run(self.payments.authorize_payment_now, request)
        return seen

    async def read(self, reference: str, save: bool = False) -> ProviderPayment:
        """How it stands."""
        request = ReadPayment(self.payment, reference, save)
        seen: ProviderPayment = await self.attempt().run(self.payments.read_payment, request)
        return seen

    async def capture(self, reference: str, tries: int = 1) -> ProviderPayment:
        """Take the money."""
        request = CapturePayment(self.payment, reference, Money(2700, "usd"))
        seen: ProviderPayment = await self.attempt(tries).run(self.payments.capture_payment, request)
        return seen

    async def void(self, reference: str | None) -> None:
        """Give it up."""
        await self.attempt().run(self.payments.void_payment, VoidPayment(self.payment, reference))

    async def fault(self, kind: str, call: dict[str, Any], **how: Any) -> None:
        """A bad day for one kind of call, of this payment alone where the call names it."""
        await self.stripe.fault(kind, **call, **how)

    async def moved(self) -> list[tuple[str, int, int]]:
        """(status, authorized, captured) of every intent of this order, as the provider really has it."""
        found = await self.stripe.ledger(order=self.number)
        return [(intent["status"], intent["authorized"], intent["captured"]) for intent in found]


@pytest.fixture
def bank(payments: PaymentActivities, stripe: SimulatorControl, attempt: Try) -> Bank:
    """A payment that nobody has asked for yet."""
    return Bank(payments, stripe, attempt)


def reference(seen: ProviderPayment) -> str:
    """The provider's id, which there is."""
    assert seen.reference is not None
    return seen.reference


# Authorizing.


async def test_a_good_card_reserves_the_money(bank: Bank) -> None:
    """Given a good card, then the full amount is reserved, none is taken, and the intent carries our ids."""
    seen = await bank.authorize()
    assert (seen.standing, seen.code, seen.detail) == (Standing.AUTHORIZED, None, None)
    assert reference(seen).startswith("pi_")
    assert seen.client_secret is not None
    assert seen.client_secret.startswith(reference(seen))
    assert await bank.moved() == [("requires_capture", 2700, 0)]
    [intent] = await bank.stripe.ledger(payment=str(bank.payment), workflow="order/cart/1")
    assert intent["currency"] == "usd"


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"), ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"), ("pm_card_radarBlock", "fraudulent"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error"),
    ],
)  # fmt: skip
async def test_a_declined_card_says_why(bank: Bank, method: str, code: str) -> None:
    """Given a card that is declined, then the provider's code and words come back, with an intent to try again on."""
    seen = await bank.authorize(method)
    assert (seen.standing, seen.code) == (Standing.DECLINED, code)
    assert seen.detail
    assert seen.client_secret
    assert (await bank.moved())[0][1:] == (0, 0)
    assert msgspec.structs.replace(await bank.read(reference(seen)), detail=None) == msgspec.structs.replace(
        seen, detail=None
    )


async def test_another_card_pays_the_same_intent(bank: Bank) -> None:
    """Given a declined card, when the buyer tries another, then the same, only intent is authorized."""
    first = await bank.authorize("pm_card_chargeDeclined")
    second = await bank.authorize(attempt=2, reference=first.reference)
    assert (second.standing, second.reference) == (Standing.AUTHORIZED, first.reference)
    assert await bank.moved() == [("requires_capture", 2700, 0)]


async def test_a_bank_that_asks_the_buyer(bank: Bank) -> None:
    """Given 3-D Secure, then the buyer gets a client secret, and once the bank has confirmed the money is reserved."""
    seen = await bank.authorize("pm_card_authenticationRequired")
    assert seen.standing is Standing.ACTION_REQUIRED
    assert seen.client_secret
    await bank.stripe.authenticate(reference(seen))
    assert (await bank.read(reference(seen))).standing is Standing.AUTHORIZED


async def test_a_buyer_who_fails_at_the_bank(bank: Bank) -> None:
    """Given 3-D Secure that the buyer does not pass, then it is a decline, and another card can pay."""
    seen = await bank.authorize("pm_card_authenticationRequired")
    await bank.stripe.authenticate(reference(seen), "failure")
    failed = await bank.read(reference(seen))
    assert (failed.standing, failed.code) == (Standing.DECLINED, "payment_intent_authentication_failure")
    assert (await bank.authorize(attempt=2, reference=seen.reference)).standing is Standing.AUTHORIZED


async def test_without_a_method_the_browser_finishes(bank: Bank) -> None:
    """Given no method, then there is an intent with a secret and nothing reserved; asked again, the same one."""
    seen = await bank.authorize(None)
    assert (seen.standing, seen.code) == (Standing.METHOD_REQUIRED, None)
    assert seen.client_secret
    assert await bank.authorize(None, reference=seen.reference) == seen
    assert len(await bank.moved()) == 1


async def test_a_method_that_does_not_exist_is_a_decline_and_not_the_end(bank: Bank) -> None:
    """Given a method that the provider does not know, then it is declined, and the buyer's next card pays."""
    first = await bank.authorize("pm_card_nonsense")
    assert (first.standing, first.code) == (Standing.DECLINED, "payment_method_invalid")
    assert "pm_card_nonsense" in (first.detail or "")
    second = await bank.authorize(attempt=2, reference=first.reference)
    assert second.standing is Standing.AUTHORIZED
    third = await bank.authorize("pm_card_nonsense", attempt=3, reference=second.reference)
    assert third.standing is Standing.AUTHORIZED
    assert await bank.moved() == [("requires_capture", 2700, 0)]


async def test_yen_are_not_multiplied(bank: Bank) -> None:
    """Given 3,600 yen, then the provider reserves 3600 of its smallest unit, which is the yen."""
    seen = await bank.authorize(amount=Money(3600, "jpy"))
    assert seen.standing is Standing.AUTHORIZED
    assert [(each["authorized"], each["currency"]) for each in await bank.stripe.ledger(order=bank.number)] == [
        (3600, "jpy")
    ]


# Answers that get lost, and tries that are made again.


@pytest.mark.parametrize("kind", ["answer_lost", "error_before"])
async def test_whatever_happens_on_the_way_there_is_one_charge(bank: Bank, kind: str) -> None:
    """Given a create that fails before or after its effect, then it counts as unavailable, and the retry makes one."""
    await bank.fault(kind, CREATE)
    with pytest.raises(Unavailable):
        await bank.authorize()
    assert (await bank.authorize(tries=2)).standing is Standing.AUTHORIZED
    assert await bank.moved() == [("requires_capture", 2700, 0)]


@pytest.mark.parametrize("kind", ["answer_lost", "error_before", "error_after"])
async def test_a_second_card_whose_answer_is_lost_charges_once(bank: Bank, kind: str) -> None:
    """Given a confirm that fails before or after its effect, then the retry finds what it did."""
    first = await bank.authorize("pm_card_chargeDeclined")
    await bank.fault(kind, CONFIRM)
    with pytest.raises(Unavailable):
        await bank.authorize(attempt=2, reference=first.reference)
    again = await bank.authorize(tries=2, attempt=2, reference=first.reference)
    assert again.standing is Standing.AUTHORIZED
    assert await bank.moved() == [("requires_capture", 2700, 0)]


async def test_a_declined_try_repeated_is_not_a_second_try(bank: Bank) -> None:
    """Given a decline whose answer was lost, when it is tried again, then the card is not charged a second time."""
    await bank.fault("answer_lost", CREATE)
    with pytest.raises(Unavailable):
        await bank.authorize("pm_card_chargeDeclined")
    declined = await bank.authorize("pm_card_chargeDeclined", tries=2)
    assert (declined.standing, declined.code) == (Standing.DECLINED, "generic_decline")
    [intent] = await bank.stripe.ledger(order=bank.number)
    assert (intent["payment_intent"], intent["status"]) == (declined.reference, "requires_payment_method")
    charges = await bank.stripe.http.get(f"/v1/charges?payment_intent={declined.reference}", headers=KEY)
    assert [charge["status"] for charge in charges.json()["data"]] == ["failed"]


async def test_what_is_reserved_is_not_confirmed_again(bank: Bank) -> None:
    """Given an intent that is authorized, when any card is tried on it, then it is read, and no card is charged."""
    first = await bank.authorize()
    await bank.fault("error_before", CONFIRM, times=None)
    again = await bank.authorize("pm_card_chargeDeclined", attempt=2, reference=first.reference)
    assert again == first


@pytest.mark.parametrize("ago", [timedelta(minutes=3), timedelta(hours=24)])
async def test_after_a_while_keys_are_not_relied_on(bank: Bank, ago: timedelta) -> None:
    """Given a try that began a while ago, then the intent is looked for by our id before one is made."""
    first = await bank.authorize()
    await bank.fault("error_before", CREATE, times=None)
    assert await bank.authorize(tries=9, asked_at=clock.now() - ago) == first
    await bank.stripe.clear()
    other = Bank(bank.payments, bank.stripe, bank.attempt)
    assert (await other.authorize(asked_at=clock.now() - ago)).standing is Standing.AUTHORIZED
    assert len(await other.moved()) == 1


async def test_a_failure_that_the_provider_remembers_is_got_round(bank: Bank) -> None:
    """Given a 500 after the effect, which the key repeats for a day, then what was made is found by our own id."""
    await bank.fault("error_after", CREATE)
    for tries in (1, 2):
        with pytest.raises(Unavailable):
            await bank.authorize(tries=tries)
    found = await bank.authorize(tries=9, asked_at=clock.now() - timedelta(minutes=3))
    assert found.standing is Standing.AUTHORIZED
    assert await bank.moved() == [("requires_capture", 2700, 0)]


async def test_two_that_ask_at_once_make_one_intent(bank: Bank) -> None:
    """Given the same create from two workers at the same moment, then there is one intent; who lost tries again."""
    answers = await asyncio.gather(bank.authorize(), bank.authorize(), return_exceptions=True)
    assert all(isinstance(answer, Unavailable | ProviderPayment) for answer in answers)
    assert (await bank.authorize(tries=2)).standing is Standing.AUTHORIZED
    assert await bank.moved() == [("requires_capture", 2700, 0)]


# The way of a buyer who is waiting.


async def test_at_once_as_patiently(bank: Bank) -> None:
    """Given a quick provider, then the buyer's own try says what the patient one would."""
    assert (await bank.at_once()).standing is Standing.AUTHORIZED
    declined = await Bank(bank.payments, bank.stripe, bank.attempt).at_once("pm_card_chargeDeclined")
    assert (declined.standing, declined.code) == (Standing.DECLINED, "generic_decline")


async def test_a_slow_provider_is_left_to_the_patient_way(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an answer later than a buyer waits, then the standing is unknown, and the patient way finds one charge."""
    monkeypatch.setattr(module, "QUICK_ANSWER", 0.1)
    await bank.fault("latency", CREATE, seconds=0.4)
    seen = await bank.at_once()
    assert (seen.standing, seen.reference) == (Standing.UNKNOWN, None)

    async def patient() -> ProviderPayment:
        while True:
            try:
                return await bank.authorize(tries=2)
            except Unavailable:  # the first one is still in progress at the provider
                await asyncio.sleep(0.05)

    assert (await patient()).standing is Standing.AUTHORIZED
    assert await bank.moved() == [("requires_capture", 2700, 0)]


@pytest.mark.parametrize("kind", ["answer_lost", "error_before", "rate_limit"])
async def test_a_failing_provider_is_left_to_the_patient_way(bank: Bank, kind: str) -> None:
    """Given a provider that fails or asks for less, then the standing is unknown, and nothing else is tried."""
    await bank.fault(kind, CREATE)
    assert (await bank.at_once()).standing is Standing.UNKNOWN
    assert (await bank.authorize(tries=1)).standing is Standing.AUTHORIZED
    assert await bank.moved() == [("requires_capture", 2700, 0)]


async def test_a_slow_provider_does_not_use_up_the_worker(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given as many buyers waiting as may, then the next one does not wait; and when they are done, others may."""
    monkeypatch.setattr(module, "QUICK_CALLS", 2)
    await bank.fault("latency", CREATE, seconds=100, times=None)
    buyers = [Bank(bank.payments, bank.stripe, bank.attempt) for _ in range(3)]
    waiting = [asyncio.create_task(each.at_once()) for each in buyers[:2]]
    await asyncio.sleep(0)
    turned_away = await asyncio.wait_for(buyers[2].at_once(), 30)
    assert (turned_away.standing, turned_away.detail) == (
        Standing.UNKNOWN, "too many checkouts wait for the provider already",
    )  # fmt: skip
    assert not any(each.done() for each in waiting)
    await bank.stripe.clear()
    assert [seen.standing for seen in await asyncio.gather(*waiting)] == [Standing.AUTHORIZED] * 2
    fresh = [Bank(bank.payments, bank.stripe, bank.attempt) for _ in range(2)]
    assert [(await each.at_once()).standing for each in fresh] == [Standing.AUTHORIZED] * 2


# Capturing.


async def test_a_capture_takes_the_money_once(bank: Bank) -> None:
    """Given reserved money, then it is taken; taken again, first or later attempt, it stays taken once."""
    held = reference(await bank.authorize())
    for tries in (1, 1, 2):
        assert (await bank.capture(held, tries)).standing is Standing.CAPTURED
    assert await bank.moved() == [("succeeded", 2700, 2700)]


@pytest.mark.parametrize("kind", ["answer_lost", "error_before", "error_after"])
async def test_a_capture_whose_answer_is_lost_takes_the_money_once(bank: Bank, kind: str) -> None:
    """Given a capture that fails before or after its effect, then the retry finds or finishes it."""
    held = reference(await bank.authorize())
    await bank.fault(kind, CAPTURE)
    with pytest.raises(Unavailable):
        await bank.capture(held)
    assert (await bank.capture(held, tries=2)).standing is Standing.CAPTURED
    assert await bank.moved() == [("succeeded", 2700, 2700)]


async def test_a_retried_capture_is_read_before_it_is_asked_for(bank: Bank) -> None:
    """Given money that was taken, when the capture is tried again, then the provider is only asked how it stands."""
    held = reference(await bank.authorize())
    await bank.capture(held)
    await bank.fault("error_before", CAPTURE, times=None)
    assert (await bank.capture(held, tries=2)).standing is Standing.CAPTURED


async def test_a_reservation_that_is_gone_cannot_be_captured(bank: Bank) -> None:
    """Given an intent that was canceled at the provider, then capturing it fails for good, and says how it stands."""
    held = reference(await bank.authorize())
    await bank.void(held)
    for tries in (1, 2):
        with pytest.raises(ApplicationError) as lost:
            await bank.capture(held, tries)
        assert (lost.value.type, lost.value.non_retryable) == ("authorization_lost", True)
        assert lost.value.details == ({"reference": held, "standing": "canceled"},)


async def test_a_second_look_that_fails_is_a_provider_that_is_away(bank: Bank) -> None:
    """Given a capture that is refused, when the provider cannot be asked why, then it counts as unavailable."""
    held = reference(await bank.authorize())
    await bank.void(held)
    await bank.fault("error_before", READ)
    with pytest.raises(Unavailable):
        await bank.capture(held)


# Giving up.


@pytest.mark.parametrize("method", ["pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired", None])
async def test_a_void_ends_any_unpaid_payment(bank: Bank, method: str | None) -> None:
    """Given an unpaid intent of any standing, then it is canceled and holds no money; again, nothing changes."""
    seen = await bank.authorize(method)
    for _ in range(2):
        await bank.void(reference(seen))
    [(status, _, captured)] = await bank.moved()
    assert (status, captured) == ("canceled", 0)
    assert (await bank.read(reference(seen))).standing is Standing.CANCELED


async def test_a_payment_whose_id_was_lost_is_found_and_voided(bank: Bank) -> None:
    """Given an intent made by a call whose answer never came, then it is found by our own id and canceled."""
    await bank.fault("answer_lost", CREATE)
    with pytest.raises(Unavailable):
        await bank.authorize()
    for _ in range(2):
        await bank.void(None)
    assert [status for status, _, _ in await bank.moved()] == ["canceled"]


async def test_all_that_was_made_is_voided(bank: Bank) -> None:
    """Given two intents of one payment whose answers never came, then both are found and canceled."""
    for attempt in (1, 2):
        await bank.fault("answer_lost", CREATE)
        with pytest.raises(Unavailable):
            await bank.authorize(attempt=attempt)
    assert await bank.moved() == [("requires_capture", 2700, 0)] * 2
    await bank.void(None)
    assert [status for status, _, _ in await bank.moved()] == ["canceled"] * 2


async def test_where_nothing_was_made_there_is_nothing_to_void(bank: Bank) -> None:
    """Given a payment that never reached the provider, then voiding it is no error, and others stay untouched."""
    other = Bank(bank.payments, bank.stripe, bank.attempt)
    await other.authorize()
    await bank.void(None)
    assert await other.moved() == [("requires_capture", 2700, 0)]


async def test_money_that_was_taken_cannot_be_voided(bank: Bank) -> None:
    """Given a captured payment, then voiding it fails for good, and the money stays taken."""
    held = reference(await bank.authorize())
    await bank.capture(held)
    with pytest.raises(ApplicationError) as refused:
        await bank.void(held)
    assert (refused.value.type, refused.value.non_retryable) == ("void_refused", True)
    assert await bank.moved() == [("succeeded", 2700, 2700)]


@pytest.mark.parametrize("kind", ["answer_lost", "error_before"])
async def test_a_void_can_be_tried_again(bank: Bank, kind: str) -> None:
    """Given a cancel that fails before or after its effect, then the retry ends it."""
    held = reference(await bank.authorize())
    await bank.fault(kind, CANCEL)
    with pytest.raises(Unavailable):
        await bank.void(held)
    await bank.void(held)
    assert [status for status, _, _ in await bank.moved()] == ["canceled"]


# A provider that is away, busy, or does not like us.

STEPS: dict[str, Callable[[Bank, str], Any]] = {
    "authorize": lambda bank, held: bank.authorize(),
    "read": lambda bank, held: bank.read(held),
    "capture": lambda bank, held: bank.capture(held),
    "void": lambda bank, held: bank.void(held),
    "search": lambda bank, held: bank.void(None),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("kind", "status"), [("error_before", 500), ("error_before", 503), ("rate_limit", 429)])
async def test_a_provider_in_trouble_is_unavailable(bank: Bank, step: str, kind: str, status: int) -> None:
    """Given 5xx or 429 at any step, then it is told as unavailable, which is tried again."""
    held = reference(await Bank(bank.payments, bank.stripe, bank.attempt).authorize())
    await bank.fault(kind, {"path": "/v1/*"}, status=status)
    with pytest.raises(Unavailable) as told:
        await STEPS[step](bank, held)
    assert told.value.neighbour == "stripe"


async def test_nobody_at_the_address_is_unavailable(attempt: Try, stripe: SimulatorControl, unused_port: int) -> None:
    """Given an address where nobody listens, then patience says unavailable, and the waiting buyer unknown."""
    payments = PaymentActivities(StripeProvider("sk_test_1", f"http://127.0.0.1:{unused_port}"))
    away = Bank(payments, stripe, attempt)
    with pytest.raises(Unavailable):
        await away.authorize()
    assert (await away.at_once()).standing is Standing.UNKNOWN
    await payments.close()


@asynccontextmanager
async def answering(status: int, headers: str, body: str) -> AsyncIterator[str]:
    """A provider that says one thing to everybody; its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n{headers}"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


BUSY = '{"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests"}}'
DENIED = '{"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}'


async def test_a_provider_that_says_how_long_to_wait_is_heard(attempt: Try, stripe: SimulatorControl) -> None:
    """Given 429 with Retry-After, then the next try comes after that long; the waiting buyer hears unknown."""
    async with answering(429, "Retry-After: 7\r\n", BUSY) as address:
        payments = PaymentActivities(StripeProvider("sk_test_1", address))
        busy = Bank(payments, stripe, attempt)
        with pytest.raises(ApplicationError) as told:
            await busy.authorize()
        assert (told.value.non_retryable, told.value.next_retry_delay) == (False, timedelta(seconds=7))
        assert (await busy.at_once()).standing is Standing.UNKNOWN
        await payments.close()


async def test_a_key_that_is_not_accepted_is_tried_again_slowly(attempt: Try, stripe: SimulatorControl) -> None:
    """Given a wrong secret key, then it says which setting to check and tries again, since only people can help."""
    async with answering(401, "", DENIED) as address:
        payments = PaymentActivities(StripeProvider("sk_test_1", address))
        stranger = Bank(payments, stripe, attempt)
        with pytest.raises(ApplicationError, match="STRIPE_SECRET_KEY") as denied:
            await stranger.authorize()
        assert (denied.value.non_retryable, denied.value.next_retry_delay) == (False, timedelta(seconds=30))
        assert (await stranger.at_once()).standing is Standing.UNKNOWN
        await payments.close()


async def test_a_mistake_of_ours_is_not_repeated(bank: Bank) -> None:
    """Given a request that the provider finds wrong, then it fails for good with what the provider said of it."""
    for way in (bank.authorize, bank.at_once):
        with pytest.raises(ApplicationError) as rejected:
            await way(amount=Money(1, "usd"))
        assert (rejected.value.type, rejected.value.non_retryable) == ("provider_rejected", True)
        assert rejected.value.details[0]["code"] == "amount_too_small"
