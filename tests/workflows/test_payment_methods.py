"""Cards kept and given up: every wait, every answer that gets lost, and two at once; rows and provider agree."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowHandle

from models.attention import AttentionKind
from models.payment_method import MOST_KEPT, KeptCard, SetupStanding, removal_workflow_id
from models.tables import attention_queue as queue
from models.tables import payment_method as wallets
from tests.flow import Flow
from tests.workflows import wallets as stories
from tests.workflows.steps import asked_by
from tests.workflows.trouble import Kind, Trouble
from tests.workflows.wallets import Buyer, ended
from workflows import patience
from workflows.patience import SAVING_WINDOW

KINDS: tuple[Kind, ...] = ("before", "after")


@pytest.fixture
async def ada(flow: Flow) -> Buyer:
    """A buyer who keeps nothing yet."""
    return await Buyer.open(flow)


async def fill(buyer: Buyer, customer: str) -> None:
    """As many cards as an account may keep."""
    async with buyer.flow.database.writing() as writer:
        for number in range(MOST_KEPT):
            card = KeptCard(f"pm_{buyer.key}{number}", customer, "visa", "4242", 1, 2034)
            assert await wallets.keep(writer, buyer.user, card) is not None


def test_the_matrix_knows_every_step_of_a_card() -> None:
    """An activity that comes into the saving or the removal of a card needs its place there."""
    assert {step for steps in stories.STEPS.values() for step in steps} == asked_by("save_payment_method")
    assert {*stories.REMOVAL, "call_for_person"} == asked_by("remove_payment_method")


@pytest.mark.parametrize("story", stories.STEPS)
async def test_a_step_that_fails_once_harms_nothing(flow: Flow, trouble: Trouble, story: stories.Story) -> None:
    """The story ends as it should, rows and provider keep the same, and every planned failure came."""
    cases = [(step, kind) for step in stories.STEPS[story] for kind in KINDS]
    buyers = [await Buyer.open(flow) for _ in cases]
    for buyer, (step, kind) in zip(buyers, cases, strict=True):
        trouble.plan(buyer.saving().id, step, kind)

    await asyncio.gather(*(story(buyer) for buyer in buyers))

    assert [await buyer.agrees() for buyer in buyers] == [True] * len(buyers)
    assert trouble.to_come() == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", stories.REMOVAL)
async def test_a_removal_that_fails_once_is_done_again(ada: Buyer, trouble: Trouble, step: str, kind: Kind) -> None:
    """Gone here and there, whatever failed."""
    _, saved = await ada.save()
    assert saved.card is not None
    trouble.plan(removal_workflow_id(ada.user, saved.card.reference), step, kind)

    handle, answer = await ada.remove(saved.card.reference)

    assert answer.removed
    assert (await ended(handle)).detached
    assert (trouble.to_come(), await ada.cards(), await ada.kept()) == ([], [], [])


async def test_a_first_card_makes_its_buyer_known_and_is_the_default(ada: Buyer) -> None:
    """One customer, one setup, one row; the answer shows what people recognise the card by, and no number."""
    handle, answer = await ada.save("pm_card_mastercard")

    assert answer.card is not None
    card = answer.card
    assert (card.brand, card.last4, card.is_default) == ("mastercard", "4444", True)
    assert (card.exp_month, card.exp_year) == (12, 2034)
    assert await ada.cards() == [(card.reference, True)]
    assert await ada.kept() == [card.reference]
    assert await ada.setups() == ["succeeded"]
    assert await ada.agrees()
    await ended(handle)
    assert "Saved: mastercard 4444" in await ada.card(handle)


async def test_a_second_card_uses_the_customer_that_is_known(ada: Buyer, trouble: Trouble) -> None:
    """The newer one becomes the default only when that is asked for."""
    _, first = await ada.save()
    handle, second = await ada.save("pm_card_mastercard", key="second")
    _, third = await ada.save("pm_card_amex", key="third", as_default=True)

    assert first.card and second.card and third.card
    assert (second.card.is_default, third.card.is_default) == (False, True)
    assert await ada.cards() == [
        (third.card.reference, True), (second.card.reference, False), (first.card.reference, False),
    ]  # fmt: skip
    assert trouble.runs[handle.id, "ensure_customer"] == 0
    assert await ada.agrees()


async def test_two_first_cards_at_once_make_one_customer(ada: Buyer) -> None:
    """Five tabs: one customer, five cards, one default."""
    answers = await asyncio.gather(*(ada.save(key=f"tab {number}") for number in range(5)))

    assert all(answer.card is not None for _, answer in answers)
    cards = await ada.cards()
    assert (len(cards), sum(is_default for _, is_default in cards)) == (5, 1)
    assert await ada.agrees()


async def test_the_same_request_five_times_saves_one_card(ada: Buyer) -> None:
    """One key: one workflow, one setup, equal answers, also after it has ended."""
    answers = await asyncio.gather(*(ada.save() for _ in range(5)))
    handle, first = answers[0]
    await ended(handle)
    _, later = await ada.save()

    assert {answer for _, answer in answers} | {later} == {first}
    assert await ada.setups() == ["succeeded"]
    assert await ada.agrees()


async def test_a_kept_card_saved_again_is_one_row(ada: Buyer) -> None:
    """By another request with the card's own id."""
    _, first = await ada.save()
    assert first.card is not None

    _, again = await ada.save(first.card.reference, key="again")

    assert again.card == first.card
    assert await ada.agrees()


async def test_declined_the_buyer_is_told_and_nothing_is_kept(ada: Buyer) -> None:
    """The bank's code and words; the setup is given up."""
    handle, answer = await ada.save("pm_card_chargeDeclined")

    assert answer.setup is not None
    assert (answer.setup.standing, answer.setup.code) == (SetupStanding.DECLINED, "generic_decline")
    await ended(handle)
    assert await ada.setups() == ["canceled"]
    assert (await ada.cards(), await ada.kept()) == ([], [])


@pytest.mark.parametrize("method", ["pm_card_nonsense", "pm_usBankAccount_success"])
async def test_what_is_no_card_is_declined(ada: Buyer, method: str) -> None:
    """Unknown to the provider, or a bank account: declined, and nothing is left there."""
    handle, answer = await ada.save(method)

    assert answer.setup is not None
    assert (answer.setup.standing, answer.setup.code) == (SetupStanding.DECLINED, "payment_method_invalid")
    await ended(handle)
    assert (await ada.setups(), await ada.cards()) == ([], [])


async def test_somebody_elses_card_is_declined_and_stays_theirs(ada: Buyer, flow: Flow) -> None:
    """The provider refuses it; nothing moves."""
    bob = await Buyer.open(flow)
    _, his = await bob.save()
    assert his.card is not None

    handle, answer = await ada.save(his.card.reference)

    assert answer.setup is not None
    assert (answer.setup.standing, answer.setup.code) == (SetupStanding.DECLINED, "payment_method_invalid")
    await ended(handle)
    assert (await ada.cards(), await bob.cards()) == ([], [(his.card.reference, True)])
    assert await bob.agrees()


async def test_at_the_bank_the_card_is_saved_when_the_bank_agrees(ada: Buyer, trouble: Trouble) -> None:
    """The answer carries the secret; news before the buyer is back is harmless; five times the same news is one."""
    handle, answer = await ada.save("pm_card_authenticationRequired")

    assert answer.setup is not None and answer.setup.reference is not None
    assert (answer.setup.standing, answer.card) == (SetupStanding.ACTION_REQUIRED, None)
    assert answer.setup.client_secret is not None
    assert answer.setup.client_secret.startswith(answer.setup.reference)
    assert "the buyer's browser, to finish with the bank" in await ada.card(handle)
    assert await ada.cards() == []
    for _ in range(5):
        await ada.news(handle, "evt_requires_action")
    await ada.flow.stripe.authenticate(answer.setup.reference)
    for _ in range(5):
        await ada.news(handle, "evt_succeeded")
    left = await ended(handle)
    assert left.card is not None
    assert trouble.runs[handle.id, "read_setup"] in (1, 2)
    assert await ada.agrees()


async def test_who_fails_at_the_bank_can_send_another_card(ada: Buyer) -> None:
    """The bank says no, the browser tries another card with the same secret: that one is saved."""
    handle, answer = await ada.save("pm_card_authenticationRequired")
    assert answer.setup is not None and answer.setup.reference is not None
    await ada.flow.stripe.authenticate(answer.setup.reference, "failure")
    await ada.news(handle, "evt_failed")
    async with asyncio.timeout(60):
        while "setup_intent_authentication_failure" not in await ada.card(handle):
            await asyncio.sleep(0.02)

    assert await ada.send(answer.setup.reference, "pm_card_chargeDeclined") == 402
    await ada.news(handle, "evt_declined")
    assert await ada.send(answer.setup.reference, "pm_card_mastercard") == 200
    await ada.news(handle, "evt_succeeded")

    left = await ended(handle)
    assert left.card is not None and left.card.brand == "mastercard"
    assert await ada.agrees()


async def test_a_lost_webhook_is_made_up_for_by_looks_of_our_own(ada: Buyer, trouble: Trouble) -> None:
    """Nobody tells us: the first look, after a minute, finds the card."""
    handle = await stories.card_webhook_lost(ada)

    assert trouble.runs[handle.id, "read_setup"] == 1
    assert await ada.agrees()


async def test_a_browser_that_never_comes_back_ends_after_a_day(ada: Buyer, trouble: Trouble) -> None:
    """We look less and less often, and then the setup is given up: no card can be added with its secret any more."""
    handle, answer = await ada.save(None)
    assert answer.setup is not None and answer.setup.reference is not None
    assert "the buyer's browser, to send a card" in await ada.card(handle)

    await ada.flow.skipper.fast_forward(handle, SAVING_WINDOW + timedelta(minutes=1))

    left = await ended(handle)
    assert left.setup is not None
    assert (left.setup.standing, left.card) == (SetupStanding.CANCELED, None)
    assert trouble.runs[handle.id, "read_setup"] == 11  # after 1, 3, 7 … 1023 minutes, and at the end
    assert await ada.send(answer.setup.reference, "pm_card_visa") == 400
    assert (await ada.cards(), await ada.setups()) == ([], ["canceled"])


async def test_the_last_moment_counts(ada: Buyer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser finishes after our last look but one, and the news is lost: the card is saved all the same."""
    monkeypatch.setattr(patience, "FIRST_LOOK", timedelta(hours=12))
    handle, answer = await ada.save(None)
    assert answer.setup is not None and answer.setup.reference is not None
    await ada.flow.skipper.fast_forward(handle, timedelta(hours=23))
    assert await ada.send(answer.setup.reference, "pm_card_visa") == 200

    await ada.flow.skipper.fast_forward(handle, timedelta(hours=2))

    assert (await ended(handle)).card is not None
    assert await ada.agrees()


async def test_an_operators_cancel_gives_the_setup_up(ada: Buyer) -> None:
    """Temporal's own cancel ends the wait; nothing is left open at the provider."""
    handle, _ = await ada.save(None)

    await handle.cancel()

    left = await ended(handle)
    assert left.setup is not None and left.setup.standing is SetupStanding.CANCELED
    assert await ada.setups() == ["canceled"]


async def test_a_setup_that_the_provider_gave_up_ends(ada: Buyer) -> None:
    """Somebody canceled it in the dashboard."""
    handle, answer = await ada.save(None)
    assert answer.setup is not None and answer.setup.reference is not None

    await ada.cancel_at_provider(answer.setup.reference)
    await ada.news(handle)

    left = await ended(handle)
    assert left.setup is not None and left.setup.standing is SetupStanding.CANCELED


async def test_a_customer_deleted_at_the_provider_is_made_anew(ada: Buyer) -> None:
    """The cards that went with it are shown no longer; the new one is kept with a new customer."""
    _, old = await ada.save()
    assert old.card is not None
    [before] = await ada.customers()
    await ada.delete_customer()

    _, new = await ada.save("pm_card_mastercard", key="new")

    assert new.card is not None
    assert await ada.cards() == [(new.card.reference, True)]
    assert [customer for customer in await ada.customers() if customer != before] != []
    assert await ada.agrees()


async def test_the_twenty_first_card_is_refused_before_the_provider_hears_of_it(ada: Buyer, trouble: Trouble) -> None:
    """Twenty are kept: no setup is made."""
    await fill(ada, f"cus_{ada.key}")

    handle, answer = await ada.save()

    assert answer.refusal is not None and answer.refusal.code == "payment_methods_full"
    await ended(handle)
    assert trouble.runs[handle.id, "start_setup"] == 0
    assert len(await ada.cards()) == MOST_KEPT


async def test_the_card_that_comes_too_late_for_the_twenty_is_let_go(ada: Buyer) -> None:
    """Twenty were kept while its owner was at the bank: it is refused, and not left behind at the provider."""
    handle, answer = await ada.save("pm_card_authenticationRequired")
    assert answer.setup is not None and answer.setup.reference is not None
    [customer] = await ada.customers()
    await fill(ada, customer)

    await ada.flow.stripe.authenticate(answer.setup.reference)
    await ada.news(handle)

    left = await ended(handle)
    assert left.refusal is not None and left.refusal.code == "payment_methods_full"
    assert (len(await ada.cards()), await ada.kept()) == (MOST_KEPT, [])


async def test_a_closed_account_saves_nothing(ada: Buyer, trouble: Trouble) -> None:
    """It was closed between the request and its first step: the provider hears nothing."""
    await ada.erase()

    handle, answer = await ada.save()

    assert answer.refusal is not None and answer.refusal.code == "unauthorized"
    await ended(handle)
    assert trouble.runs[handle.id, "ensure_customer"] == 0


async def test_an_account_erased_meanwhile_is_forgotten_by_the_provider_too(ada: Buyer) -> None:
    """Its owner was at the bank: card and customer are gone there as well."""
    await stories.card_of_nobody(ada)

    assert (await ada.cards(), await ada.customers()) == ([], [])


@pytest.mark.parametrize("kind", ["answer_lost", "error_before", "error_after"])
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/setup_intents"])
async def test_an_answer_that_is_lost_on_the_way(
    ada: Buyer, monkeypatch: pytest.MonkeyPatch, kind: str, path: str
) -> None:
    """The provider did it and nobody heard, or says for a day that it failed: one customer, one setup, one card."""
    monkeypatch.setattr("activities.payments.setups.KEY_RELIED_ON", timedelta(seconds=1))
    await ada.flow.stripe.fault(kind, method="POST", path=path)

    _, answer = await ada.save()

    assert answer.card is not None
    assert await ada.setups() == ["succeeded"]
    assert await ada.agrees()


async def test_removed_a_card_is_gone_at_once_and_soon_at_the_provider(ada: Buyer) -> None:
    """The newest other one becomes the default; the card pays no more."""
    _, first = await ada.save()
    _, second = await ada.save("pm_card_mastercard", key="second")
    assert first.card and second.card

    handle, answer = await ada.remove(first.card.reference)

    assert answer.removed
    assert await ada.cards() == [(second.card.reference, True)]
    assert (await ended(handle)).detached
    assert await ada.agrees()
    assert "Removed, here and at the provider" in await ada.card(handle)


async def test_a_provider_that_is_away_holds_up_no_answer(ada: Buyer) -> None:
    """The owner is answered at once; the provider lets the card go when it is back, days later."""
    _, saved = await ada.save()
    assert saved.card is not None
    await ada.flow.stripe.fault("error_before", status=503, path="/v1/payment_methods/*/detach", times=None)

    handle, answer = await ada.remove(saved.card.reference)

    assert answer.removed
    assert (await ada.cards(), await ada.kept()) == ([], [saved.card.reference])
    assert "**Waits for:** the payment provider" in await ada.card(handle)
    await ada.flow.stripe.clear()
    await ada.flow.skipper.fast_forward(handle, timedelta(minutes=2))
    assert (await ended(handle)).detached
    assert await ada.agrees()


async def test_a_card_that_the_provider_will_not_let_go_is_shown_to_a_person(
    ada: Buyer, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past all patience the workflow ends and says what is left to do, also when saying so fails at first."""
    monkeypatch.setattr(patience, "CLEANING_UP", timedelta(seconds=20))
    _, saved = await ada.save()
    assert saved.card is not None
    await ada.flow.stripe.fault("error_before", status=503, path="/v1/payment_methods/*/detach", times=None)
    trouble.plan(removal_workflow_id(ada.user, saved.card.reference), "call_for_person", "after")

    handle, answer = await ada.remove(saved.card.reference)

    assert answer.removed
    await ada.flow.skipper.fast_forward(handle, timedelta(minutes=1))
    assert not (await ended(handle)).detached
    assert "Detach it in the provider's dashboard" in await ada.card(handle)
    [need] = (await queue.first(ada.flow.database, 10))[AttentionKind.CARD_KEPT].first
    assert (need.workflow_id, need.step, need.times) == (handle.id, "let a card go", 1)
    assert trouble.to_come() == []


@pytest.mark.parametrize("how", ["detached", "deleted"])
async def test_what_the_provider_let_go_already_is_removed(ada: Buyer, how: str) -> None:
    """Detached in the dashboard, or gone with its customer: done."""
    _, saved = await ada.save()
    assert saved.card is not None
    if how == "deleted":
        await ada.delete_customer()
    else:
        await ada._ask("POST", f"/v1/payment_methods/{saved.card.reference}/detach")

    handle, answer = await ada.remove(saved.card.reference)

    assert answer.removed
    assert (await ended(handle)).detached
    assert await ada.cards() == []


async def test_removed_five_times_at_once_it_is_removed_once(ada: Buyer) -> None:
    """Equal answers, one detachment; somebody else's and an unknown card are not there to remove."""
    _, saved = await ada.save()
    assert saved.card is not None

    answers = await asyncio.gather(*(ada.remove(saved.card.reference) for _ in range(5)))

    assert [answer.removed for _, answer in answers] == [True] * 5
    handles: list[WorkflowHandle[object, object]] = [handle for handle, _ in answers]
    await asyncio.gather(*(ended(handle) for handle in handles))
    assert await ada.agrees()


async def test_a_strangers_card_is_not_there_to_remove(ada: Buyer, flow: Flow) -> None:
    """Neither row nor provider hears of it."""
    bob = await Buyer.open(flow)
    _, his = await bob.save()
    assert his.card is not None

    handle, answer = await ada.remove(his.card.reference)

    assert not answer.removed
    await ended(handle)
    assert await bob.cards() == [(his.card.reference, True)]
    assert await bob.agrees()
