"""A buyer goes to their bank: the order shows it, the books follow the money, and staff are asked."""

import asyncio
from typing import Any

import pytest

from dev.stripe.charges import DISPUTE_FEE
from models.dispute import DisputeStatus, workflow_id
from models.refund import RefundStatus
from models.tables import dispute as disputes
from tests import people, shop
from tests.flow import Flow
from tests.workflows.refunding import Sold, disagreements
from tests.workflows.steps import asked_by
from tests.workflows.stories import MUG
from tests.workflows.trouble import Trouble
from tests.workflows.watching import opened, told
from workflows.dispute import DisputeState

TAKEN = MUG + DISPUTE_FEE
STEPS = ("read_dispute", "record_dispute")


@pytest.fixture
async def sold(flow: Flow) -> Sold:
    """An order that is paid."""
    return await Sold.open(flow)


async def test_what_the_bank_takes_is_booked_once_and_staff_are_asked(flow: Flow, sold: Sold) -> None:
    """Given a dispute, told five times over, then its money and its fee are booked once, and a person is asked."""
    reference = await opened(sold)

    answers = [await told(flow, reference) for _ in range(2)]
    answers += await asyncio.gather(*(told(flow, reference, f"evt_{n}") for n in range(3)))

    assert set(answers) == {DisputeState(DisputeStatus.OPEN, sold.shelf.number)}
    assert await shop.money_booked(flow.database) == {
        "provider:stripe": -DISPUTE_FEE, "sales": -MUG, "disputes": MUG, "dispute_fees": DISPUTE_FEE,
    }  # fmt: skip
    assert (await sold.attention() or "").startswith(f"dispute {reference} of 16.00 USD (fraudulent): answer it")
    assert (await sold.shelf.facts()).count("dispute_opened") == 1
    [seen] = await disputes.of_order(flow.database, sold.order)
    assert (seen.reference, seen.status, seen.withdrawn.amount, seen.fee.amount, seen.returned.amount) == (
        reference, DisputeStatus.OPEN, MUG, DISPUTE_FEE, 0,
    )  # fmt: skip
    assert await disagreements(flow) == []


async def test_won_gives_the_money_back_and_not_the_fee(flow: Flow, sold: Sold) -> None:
    """Given a dispute that the shop wins, then the money is ours again, and nobody has to look any more."""
    reference = await opened(sold)
    await told(flow, reference)
    await flow.stripe.close_dispute(reference, "won")

    assert (await told(flow, reference)).status is DisputeStatus.WON

    assert await shop.money_booked(flow.database) == {
        "provider:stripe": MUG - DISPUTE_FEE, "sales": -MUG, "disputes": 0, "dispute_fees": DISPUTE_FEE,
    }  # fmt: skip
    assert await sold.attention() is None
    assert (await sold.shelf.facts())[-2:] == ["dispute_opened", "dispute_won"]
    assert await disagreements(flow) == []


@pytest.mark.parametrize("outcome", ["won", "lost"])
async def test_news_of_the_end_alone_tell_all_of_it(flow: Flow, sold: Sold, outcome: Any) -> None:
    """Given that the news of the opening were lost, then those of its end book what was taken, and what came back."""
    reference = await opened(sold)
    await flow.stripe.close_dispute(reference, outcome)

    assert (await told(flow, reference)).status == outcome

    back = MUG if outcome == "won" else 0
    booked = await shop.money_booked(flow.database)
    assert (booked["provider:stripe"], booked["disputes"]) == (back - DISPUTE_FEE, MUG - back)
    assert await sold.attention() is None
    assert (await sold.shelf.facts())[-1] == f"dispute_{outcome}"
    assert await disagreements(flow) == []


def test_the_matrix_knows_every_step() -> None:
    """An activity that comes into a dispute's path needs its place here."""
    assert set(STEPS) == asked_by("dispute")


@pytest.mark.parametrize("kind", ["before", "after"])
async def test_a_step_that_fails_is_done_again(flow: Flow, sold: Sold, trouble: Trouble, kind: Any) -> None:
    """Given that reading and booking fail, before or after their effect, then all is as if they had not."""
    reference = await opened(sold)
    for step in STEPS:
        trouble.plan(workflow_id("stripe", reference), step, kind)

    await told(flow, reference)

    assert trouble.to_come() == []
    assert (await shop.money_booked(flow.database))["provider:stripe"] == MUG - TAKEN
    assert await disagreements(flow) == []


async def test_of_a_disputed_payment_nothing_is_sent_back(flow: Flow, trouble: Trouble) -> None:
    """Given money that the bank took back, then a refund is refused before it is reserved; store credit is possible."""
    async with flow.database.writing() as writer:
        buyer = await people.account(writer)
    sold = await Sold.open(flow, customer_id=buyer)
    await told(flow, await opened(sold))

    answer = await sold.refund(600)

    assert answer.refusal is not None and answer.refusal.code == "charge_disputed"
    assert (await sold.rows(), await sold.payment()) == ([], ("paid", MUG, 0))
    assert "refund_payment" not in {step for _, step in trouble.runs}
    assert (await sold.refund(600, 1, store_credit=True)).status is RefundStatus.SUCCEEDED
    assert await disagreements(flow) == []


async def test_a_dispute_of_nobodys_payment_changes_nothing(flow: Flow, sold: Sold) -> None:
    """Given an id that the provider does not know, then nothing is written."""
    assert await told(flow, "du_nobodys") == DisputeState()
    assert await shop.money_booked(flow.database) == {"provider:stripe": MUG, "sales": -MUG}
    assert await sold.attention() is None
