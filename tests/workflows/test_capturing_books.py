"""Money taken at shipment, compared: whatever befell it, what the provider has is what our books say, at any moment."""

import msgspec
import pytest

from models.capture import Capture
from models.settings import WorkerSettings
from tests.flow import Flow
from tests.workflows import shipping as stories
from tests.workflows.refunding import disagreements
from tests.workflows.shipping import Reserved, count, until
from tests.workflows.stories import TWO_MUGS
from tests.workflows.test_reconcile import found, reconcile


@pytest.fixture
def settings(settings: WorkerSettings) -> WorkerSettings:
    """A shop that takes money at shipment."""
    return msgspec.structs.replace(settings, capture=Capture.AT_SHIPMENT)


async def test_both_sides_agree_wherever_it_stands(flow: Flow) -> None:
    """Given orders reserved, sent in part, taken by staff, renewed, cancelled, then nothing differs anywhere."""
    await flow.stripe.reset()
    await Reserved.open(flow)
    part, staff = await Reserved.open(flow), await Reserved.open(flow, credit=600)
    await part.ship(1)
    await staff.capture(700)
    await stories.reserved_anew(flow)
    await stories.reserved_and_cancelled(flow)
    waiting = await Reserved.open(flow, "pm_card_authenticationRequired")
    await waiting.ship(1)

    outcome = await reconcile(flow)

    assert (outcome.drift, await found(flow.database)) == (0, [])
    assert await disagreements(flow) == []


async def test_a_reservation_that_lapsed_unheard_is_found(flow: Flow) -> None:
    """Given one that the provider let go, and nobody told, then a reconciliation does, and it is reserved anew."""
    await flow.stripe.reset()
    bought, part = await Reserved.open(flow), await Reserved.open(flow)
    await part.ship(1)
    for each in (bought, part):
        await each.lapse()

    outcome = await reconcile(flow, settle=60)

    assert (outcome.mended, outcome.drift) == (2, 0)
    await until(bought, lambda: count(bought, 2))
    await until(part, lambda: count(part, 3))
    assert (await bought.held(), await part.held()) == (TWO_MUGS, stories.SECOND)
    assert await disagreements(flow) == []
