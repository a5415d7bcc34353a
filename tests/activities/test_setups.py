"""Cards kept without a purchase: each step at the provider, whatever gets lost, and an account forgotten whole."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from temporalio.exceptions import ApplicationError

from activities.payments import setups as module
from activities.payments.money import PaymentActivities
from activities.payments.setups import (
    CancelSetup,
    DetachMethod,
    EnsureCustomer,
    ForgetCustomer,
    ReadSetup,
    SetupActivities,
    StartSetup,
)
from dev.stripe.remote import SimulatorControl
from models import clock
from models.errors import Unavailable
from models.ids import UserId, new_id
from models.payment_method import KeptCard, ProviderSetup, SetupStanding
from tests.activities.conftest import Try
from tests.activities.test_payments import KEY

CUSTOMER: dict[str, Any] = {"method": "POST", "path": "/v1/customers"}
SETUP: dict[str, Any] = {"method": "POST", "path": "/v1/setup_intents"}

DETACH: dict[str, Any] = {"method": "POST", "path": "/v1/payment_methods/*/detach"}
DELETE: dict[str, Any] = {"method": "DELETE", "path": "/v1/customers/*"}


class Provider:
    """One account at the provider, as the activities see it and as it really is."""

    def __init__(self, setups: SetupActivities, stripe: SimulatorControl, attempt: Try) -> None:
        self.setups = setups
        self.stripe = stripe
        self.attempt = attempt
        self.user = UserId(new_id())
        self.workflow = f"payment-method/{self.user}/key"

    async def customer(self, gone: str | None = None) -> str:
        """As whom the provider knows the account."""
        found: str = await self.attempt().run(self.setups.ensure_customer, EnsureCustomer(self.user, gone))
        return found

    async def start(self, method: str | None = "pm_card_visa", **changes: Any) -> ProviderSetup:
        """Set a card up."""
        asked = StartSetup(await self.customer(), self.workflow, clock.now(), method)
        request = msgspec.structs.replace(asked, **changes)
        seen: ProviderSetup = await self.attempt().run(self.setups.start_setup, request)
        return seen

    async def read(self, reference: str) -> ProviderSetup:
        """How it stands."""
        seen: ProviderSetup = await self.attempt().run(self.setups.read_setup, ReadSetup(reference))
        return seen

    async def cancel(self, reference: str) -> ProviderSetup:
        """Give it up."""
        seen: ProviderSetup = await self.attempt().run(self.setups.cancel_setup, CancelSetup(reference))
        return seen

    async def detach(self, reference: str) -> None:
        """Let a card go."""
        await self.attempt().run(self.setups.detach_method, DetachMethod(reference))

    async def forget(self, customer: str | None = None) -> None:
        """Forget the account."""
        await self.attempt().run(self.setups.forget_customer, ForgetCustomer(self.user, customer))

    async def ask(self, path: str, **params: str) -> Any:
        """What the provider says of itself."""
        answer = await self.stripe.http.get(path, params=params, headers=KEY)
        return answer.json()

    async def customers(self) -> list[str]:
        """Whom it has for the account."""
        found = await self.ask("/v1/customers/search", query=f"metadata['user']:'{self.user}'")
        return [each["id"] for each in found["data"]]

    async def cards(self, customer: str) -> list[str]:
        """What it keeps for them."""
        return [each["id"] for each in (await self.ask("/v1/payment_methods", customer=customer)).get("data", [])]

    async def intents(self, customer: str) -> list[str]:
        """How each setup stands."""
        return [each["status"] for each in (await self.ask("/v1/setup_intents", customer=customer))["data"]]


@pytest.fixture
def provider(payments: PaymentActivities, stripe: SimulatorControl, attempt: Try) -> Provider:
    """An account of which the provider knows nothing."""
    return Provider(SetupActivities(payments.connection), stripe, attempt)


def reference(seen: ProviderSetup) -> str:
    """The provider's id, which there is."""
    assert seen.reference is not None
    return seen.reference


async def test_an_account_is_one_customer_however_often_it_is_asked_for(provider: Provider) -> None:
    """Given five that ask at once, and later ones without a key, then there is one, and it carries our id alone."""

    async def patient() -> str:
        while True:
            try:
                return await provider.customer()
            except Unavailable:  # another one is asking under the same key
                await asyncio.sleep(0.02)

    answers = await asyncio.gather(*(patient() for _ in range(5)))
    await provider.stripe.fault("error_before", **CUSTOMER, times=None)
    assert {*answers, await provider.customer()} == {answers[0]}
    known = await provider.ask(f"/v1/customers/{answers[0]}")
    assert (known["metadata"], known["email"], known["name"]) == ({"user": str(provider.user)}, None, None)


async def test_a_customer_that_is_gone_has_a_successor(provider: Provider) -> None:
    """Given a customer deleted at the provider, then the next one is another, made once."""
    first = await provider.customer()
    await provider.stripe.http.delete(f"/v1/customers/{first}", headers=KEY)
    seen = await provider.start(customer=first)
    assert (seen.standing, seen.reference) == (SetupStanding.CUSTOMER_GONE, None)
    second = await provider.customer(gone=first)
    assert second != first
    assert await provider.customer(gone=first) == second
    assert (await provider.start(customer=second)).standing is SetupStanding.SAVED


async def test_a_good_card_is_kept_at_once(provider: Provider) -> None:
    """Given a card that its bank asks nothing about, then it is the customer's, and known by what may be shown."""
    seen = await provider.start("pm_card_amex")
    customer = await provider.customer()
    [card] = await provider.cards(customer)
    assert seen.standing is SetupStanding.SAVED
    assert seen.kept == KeptCard(card, customer, "amex", "0005", 12, 2034)
    assert await provider.read(reference(seen)) == seen
    known = await provider.ask(f"/v1/setup_intents/{seen.reference}")
    assert (known["usage"], known["metadata"]) == ("off_session", {"workflow": provider.workflow})


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"), ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_nonsense", "payment_method_invalid"), ("pm_usBankAccount_success", "payment_method_invalid"),
    ],
)  # fmt: skip
async def test_a_card_that_cannot_be_kept_says_why(provider: Provider, method: str, code: str) -> None:
    """Given a card that is refused, then the provider's code and words come back, again the same, and none is kept."""
    for _ in range(2):
        seen = await provider.start(method)
        assert (seen.standing, seen.code, seen.kept) == (SetupStanding.DECLINED, code, None)
        assert seen.detail
    assert await provider.cards(await provider.customer()) == []


async def test_the_bank_may_ask_and_the_browser_may_send(provider: Provider) -> None:
    """Given 3-D Secure or no card at all, then there is a secret to finish with, and the end is read afterwards."""
    asked = await provider.start("pm_card_authenticationRequired")
    assert (asked.standing, asked.kept) == (SetupStanding.ACTION_REQUIRED, None)
    assert (asked.client_secret or "").startswith(reference(asked))
    await provider.stripe.authenticate(reference(asked), "failure")
    failed = await provider.read(reference(asked))
    assert (failed.standing, failed.code) == (SetupStanding.METHOD_REQUIRED, "setup_intent_authentication_failure")
    none = await provider.start(None, workflow_id=f"{provider.workflow}/2")
    assert (none.standing, none.code) == (SetupStanding.METHOD_REQUIRED, None)
    await provider.stripe.http.post(
        f"/v1/setup_intents/{none.reference}/confirm", data={"payment_method": "pm_card_visa"}, headers=KEY
    )
    assert (await provider.read(reference(none))).standing is SetupStanding.SAVED


async def test_a_setup_that_is_given_up_stays_given_up(provider: Provider) -> None:
    """Given an open setup, then it is canceled once; one that succeeded a moment before says so."""
    asked = await provider.start(None)
    for _ in range(2):
        assert (await provider.cancel(reference(asked))).standing is SetupStanding.CANCELED
    saved = await provider.start(workflow_id=f"{provider.workflow}/2")
    assert await provider.cancel(reference(saved)) == saved


@pytest.mark.parametrize("kind", ["answer_lost", "error_before", "error_after"])
@pytest.mark.parametrize("method", ["pm_card_visa", "pm_card_authenticationRequired", None])
async def test_a_setup_whose_answer_is_lost_is_found(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, kind: str, method: str | None
) -> None:
    """Given a create that fails before or after its effect, then the retry finds it, at the latest in the list."""
    began = clock.now()
    await provider.stripe.fault(kind, **SETUP)
    with pytest.raises(Unavailable):
        await provider.start(method, asked_at=began)
    monkeypatch.setattr(module, "KEY_RELIED_ON", timedelta(0))
    seen = await provider.start(method, asked_at=began)
    assert await provider.start(method, asked_at=began) == seen
    assert len(await provider.intents(await provider.customer())) == 1
    wanted = {"pm_card_visa": SetupStanding.SAVED, None: SetupStanding.METHOD_REQUIRED}
    assert seen.standing is wanted.get(method, SetupStanding.ACTION_REQUIRED)


async def test_two_requests_of_one_buyer_are_two_setups(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given another workflow of the same account, then it does not take the first one's setup for its own."""
    monkeypatch.setattr(module, "KEY_RELIED_ON", timedelta(0))
    first = await provider.start()
    second = await provider.start(workflow_id=f"{provider.workflow}/2")
    assert first.reference != second.reference


async def test_a_card_is_let_go_once(provider: Provider) -> None:
    """Given a kept card, then it is nobody's; again, unknown, or gone with its customer: done."""
    saved = await provider.start()
    assert saved.kept is not None
    for _ in range(2):
        await provider.detach(saved.kept.reference)
    assert await provider.cards(saved.kept.customer) == []
    await provider.detach("pm_none")
    other = await provider.start(workflow_id=f"{provider.workflow}/2")
    assert other.kept is not None
    await provider.stripe.http.delete(f"/v1/customers/{other.kept.customer}", headers=KEY)
    await provider.detach(other.kept.reference)


@pytest.mark.parametrize("written_down", [True, False])
async def test_an_account_is_forgotten_whole(provider: Provider, written_down: bool) -> None:
    """Given an account with cards, then cards and customer are gone, also when the customer was never written down.

    Again, and for an account that was never known: done. Another's stay.
    """
    saved = await provider.start()
    more = await provider.start("pm_card_amex", workflow_id=f"{provider.workflow}/2")
    other = Provider(provider.setups, provider.stripe, provider.attempt)
    theirs = await other.start()
    assert saved.kept is not None and more.kept is not None and theirs.kept is not None
    for _ in range(2):
        await provider.forget(saved.kept.customer if written_down else None)
    assert await provider.customers() == []
    assert (await provider.ask(f"/v1/customers/{saved.kept.customer}"))["deleted"] is True
    for card in (saved.kept.reference, more.kept.reference):
        assert (await provider.ask(f"/v1/payment_methods/{card}"))["customer"] is None
    assert await other.cards(theirs.kept.customer) == [theirs.kept.reference]
    await Provider(provider.setups, provider.stripe, provider.attempt).forget()


@pytest.mark.parametrize("kind", ["answer_lost", "error_before"])
@pytest.mark.parametrize("call", [DETACH, DELETE], ids=["detach", "delete"])
async def test_forgetting_can_be_tried_again(provider: Provider, kind: str, call: dict[str, Any]) -> None:
    """Given a call that fails before or after its effect, then the retry forgets the rest."""
    saved = await provider.start()
    assert saved.kept is not None
    await provider.stripe.fault(kind, **call)
    with pytest.raises(Unavailable):
        await provider.forget(saved.kept.customer)
    await provider.forget(saved.kept.customer)
    assert await provider.customers() == []
    assert (await provider.ask(f"/v1/payment_methods/{saved.kept.reference}"))["customer"] is None


STEPS: dict[str, Callable[[Provider, str, str], Any]] = {
    "customer": lambda provider, open, card: provider.customer(),
    "read": lambda provider, open, card: provider.read(open),
    "cancel": lambda provider, open, card: provider.cancel(open),
    "detach": lambda provider, open, card: provider.detach(card),
    "forget": lambda provider, open, card: provider.forget(),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("kind", "status"), [("error_before", 503), ("rate_limit", 429)])
async def test_a_provider_in_trouble_is_unavailable(provider: Provider, step: str, kind: str, status: int) -> None:
    """Given 5xx or 429 at any step, then it is told as unavailable, which is tried again."""
    saved, open = await provider.start(), await provider.start(None, workflow_id=f"{provider.workflow}/2")
    assert saved.kept is not None
    await provider.stripe.fault(kind, path="/v1/*", status=status)
    with pytest.raises(Unavailable) as told:
        await STEPS[step](provider, reference(open), saved.kept.reference)
    assert told.value.neighbour == "stripe"


async def test_a_mistake_of_ours_is_not_repeated(provider: Provider) -> None:
    """Given a setup that never was, then it fails for good with what the provider said of it."""
    for step in (provider.read, provider.cancel):
        with pytest.raises(ApplicationError) as rejected:
            await step("seti_none")
        assert (rejected.value.type, rejected.value.non_retryable) == ("provider_rejected", True)
