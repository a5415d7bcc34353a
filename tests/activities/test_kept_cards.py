"""Paying with a card that the provider keeps, and keeping the one that pays: with its owner, and nobody else."""

import pytest

from activities.payments.money import PaymentActivities
from dev.stripe.remote import SimulatorControl
from models.errors import Unavailable
from models.ids import UserId, new_id
from models.payment import Standing
from models.payment_method import KeptCard
from tests.activities.conftest import Try
from tests.activities.test_payments import CONFIRM, CREATE, KEY, Bank, reference

CUSTOMER = {"method": "POST", "path": "/v1/customers"}
SEARCH = {"method": "GET", "path": "/v1/customers/search"}


@pytest.fixture
def bank(payments: PaymentActivities, stripe: SimulatorControl, attempt: Try) -> Bank:
    """A payment that nobody has asked for yet."""
    return Bank(payments, stripe, attempt)


@pytest.fixture
def buyer() -> UserId:
    """Somebody whom the provider does not know."""
    return UserId(new_id())


async def customers(bank: Bank, buyer: UserId) -> list[str]:
    """Whom the provider has for this account."""
    query = {"query": f"metadata['user']:'{buyer}'"}
    found = await bank.stripe.http.get("/v1/customers/search", params=query, headers=KEY)
    return [each["id"] for each in found.json()["data"]]


async def cards(bank: Bank, customer: str) -> list[str]:
    """What the provider keeps for them."""
    found = await bank.stripe.http.get("/v1/payment_methods", params={"customer": customer}, headers=KEY)
    return [each["id"] for each in found.json()["data"]]


async def keep(bank: Bank, buyer: UserId, method: str = "pm_card_visa") -> KeptCard:
    """Pay, and keep the card."""
    seen = await Bank(bank.payments, bank.stripe, bank.attempt).authorize(method, save=True, buyer=buyer)
    assert seen.kept is not None
    return seen.kept


async def test_a_card_is_kept_with_what_people_know_it_by(bank: Bank, buyer: UserId) -> None:
    """Given a buyer who keeps their first card, then the provider knows them by our id and keeps this one card."""
    seen = await bank.authorize("pm_card_mastercard", save=True, buyer=buyer)
    assert seen.standing is Standing.AUTHORIZED
    [customer] = await customers(bank, buyer)
    [card] = await cards(bank, customer)
    assert seen.kept == KeptCard(card, customer, "mastercard", "4444", 12, 2034)
    known = (await bank.stripe.http.get(f"/v1/customers/{customer}", headers=KEY)).json()
    assert (known["metadata"], known["email"], known["name"]) == ({"user": str(buyer)}, None, None)


async def test_without_the_wish_nothing_is_kept(bank: Bank, buyer: UserId) -> None:
    """Given a buyer with a customer who does not ask, then the card pays, is not kept, and no customer is made."""
    mine = await keep(bank, buyer)
    seen = await bank.authorize(customer=mine.customer, buyer=buyer)
    assert (seen.standing, seen.kept) == (Standing.AUTHORIZED, None)
    assert await cards(bank, mine.customer) == [mine.reference]
    stranger = UserId(new_id())
    other = Bank(bank.payments, bank.stripe, bank.attempt)
    assert (await other.authorize(buyer=stranger)).standing is Standing.AUTHORIZED
    assert await customers(bank, stranger) == []


@pytest.mark.parametrize("way", ["authorize", "at_once"])
async def test_a_kept_card_pays_with_its_customer(bank: Bank, buyer: UserId, way: str) -> None:
    """Given a kept card and its owner's customer, then it pays, and again for another order."""
    mine = await keep(bank, buyer)
    for each in (bank, Bank(bank.payments, bank.stripe, bank.attempt)):
        seen = await getattr(each, way)(mine.reference, customer=mine.customer)
        assert seen.standing is Standing.AUTHORIZED


@pytest.mark.parametrize("as_guest", [True, False])
async def test_somebody_elses_card_is_a_decline_and_nothing_moves(bank: Bank, buyer: UserId, as_guest: bool) -> None:
    """Given a kept card used as a guest or by another customer, then it is declined; another card can pay."""
    mine = await keep(bank, buyer)
    thief = None if as_guest else (await keep(bank, UserId(new_id()))).customer
    for way in (bank.at_once, bank.authorize):
        seen = await way(mine.reference, customer=thief)
        assert (seen.standing, seen.reference, seen.code) == (Standing.DECLINED, None, "payment_method_invalid")
    assert await bank.moved() == []
    first = await bank.authorize("pm_card_chargeDeclined", attempt=2, customer=thief)
    again = await bank.authorize(mine.reference, attempt=3, customer=thief, reference=first.reference)
    assert (again.standing, again.reference) == (Standing.DECLINED, first.reference)
    assert again.code == "payment_method_invalid"
    assert await bank.moved() == [("requires_payment_method", 0, 0)]
    assert await cards(bank, mine.customer) == [mine.reference]
    paid = await bank.authorize(attempt=4, customer=thief, reference=first.reference)
    assert paid.standing is Standing.AUTHORIZED


async def test_who_becomes_a_customer_while_the_order_waits_can_pay_with_a_kept_card(bank: Bank, buyer: UserId) -> None:
    """Given an intent made for nobody, when its buyer kept a card meanwhile, then that card pays it."""
    first = await bank.authorize("pm_card_chargeDeclined")
    mine = await keep(bank, buyer)
    seen = await bank.authorize(mine.reference, attempt=2, reference=first.reference, customer=mine.customer)
    assert (seen.standing, seen.reference) == (Standing.AUTHORIZED, first.reference)


async def test_the_card_that_pays_is_the_one_that_is_kept(bank: Bank, buyer: UserId) -> None:
    """Given a declined card to be kept and a second one not to be, then none is kept; and the other way round."""
    first = await bank.authorize("pm_card_chargeDeclined", save=True, buyer=buyer)
    [customer] = await customers(bank, buyer)
    second = await bank.authorize(attempt=2, reference=first.reference, buyer=buyer, customer=customer)
    assert (second.standing, second.kept, await cards(bank, customer)) == (Standing.AUTHORIZED, None, [])
    other = Bank(bank.payments, bank.stripe, bank.attempt)
    declined = await other.authorize("pm_card_chargeDeclined", buyer=buyer)
    kept = await other.authorize(attempt=2, reference=declined.reference, save=True, buyer=buyer)
    assert kept.kept is not None
    assert (kept.kept.customer, await cards(bank, customer)) == (customer, [kept.kept.reference])


async def test_confirmed_at_the_bank_a_card_is_kept_too(bank: Bank, buyer: UserId) -> None:
    """Given 3-D Secure, then the card is kept once the bank has confirmed, and a look says which."""
    asked = await bank.authorize("pm_card_authenticationRequired", save=True, buyer=buyer)
    [customer] = await customers(bank, buyer)
    assert (asked.standing, asked.kept, await cards(bank, customer)) == (Standing.ACTION_REQUIRED, None, [])
    await bank.stripe.authenticate(reference(asked))
    seen = await bank.read(reference(asked), save=True)
    assert seen.kept is not None
    assert (seen.standing, await cards(bank, customer)) == (Standing.AUTHORIZED, [seen.kept.reference])
    assert (await bank.read(reference(asked))).kept is None


@pytest.mark.parametrize("kind", ["answer_lost", "error_before"])
@pytest.mark.parametrize("call", [SEARCH, CUSTOMER, CREATE], ids=["search", "customer", "intent"])
async def test_whatever_gets_lost_there_is_one_customer_one_card_and_one_charge(
    bank: Bank, buyer: UserId, kind: str, call: dict[str, str]
) -> None:
    """Given a call that fails before or after its effect, then the retry comes to the same end."""
    await bank.fault(kind, call)
    with pytest.raises(Unavailable):
        await bank.authorize(save=True, buyer=buyer)
    seen = await bank.authorize(save=True, buyer=buyer, tries=2)
    assert seen.kept is not None
    assert await customers(bank, buyer) == [seen.kept.customer]
    assert await cards(bank, seen.kept.customer) == [seen.kept.reference]
    assert await bank.moved() == [("requires_capture", 2700, 0)]


async def test_a_second_try_whose_answer_is_lost_keeps_its_card(bank: Bank, buyer: UserId) -> None:
    """Given a confirm that happened and was not heard of, then the retry reads which card is kept."""
    first = await bank.authorize("pm_card_chargeDeclined", buyer=buyer)
    await bank.fault("answer_lost", CONFIRM)
    wish = {"attempt": 2, "reference": first.reference, "save": True, "buyer": buyer}
    with pytest.raises(Unavailable):
        await bank.authorize(**wish)  # type: ignore[arg-type]
    seen = await bank.authorize(tries=2, **wish)  # type: ignore[arg-type]
    assert seen.kept is not None
    assert await cards(bank, seen.kept.customer) == [seen.kept.reference]


async def test_a_customer_that_the_provider_remembers_is_found_when_the_key_is_forgotten(
    bank: Bank, buyer: UserId
) -> None:
    """Given a customer made two days ago whose name got lost, then it is found by our id, and no second one is made."""
    first = await keep(bank, buyer)
    await bank.fault("error_before", CUSTOMER, times=None)
    assert (await keep(bank, buyer)).customer == first.customer


@pytest.mark.parametrize("save", [False, True])
async def test_nobodys_order_fails_because_their_customer_was_deleted(bank: Bank, buyer: UserId, save: bool) -> None:
    """Given a customer that somebody deleted in the dashboard, then a new card pays all the same, and is not kept."""
    mine = await keep(bank, buyer)
    await bank.stripe.http.delete(f"/v1/customers/{mine.customer}", headers=KEY)
    seen = await bank.authorize(customer=mine.customer, buyer=buyer, save=save)
    assert (seen.standing, seen.kept) == (Standing.AUTHORIZED, None)
    other = Bank(bank.payments, bank.stripe, bank.attempt)
    declined = await other.authorize("pm_card_chargeDeclined")
    again = await other.authorize(attempt=2, reference=declined.reference, customer=mine.customer, save=save)
    assert (again.standing, again.kept) == (Standing.AUTHORIZED, None)
    third = Bank(bank.payments, bank.stripe, bank.attempt)
    gone = await third.authorize(mine.reference, customer=mine.customer)
    assert (gone.standing, gone.code) == (Standing.DECLINED, "payment_method_invalid")
