"""Money taken of a part of an order goes back while its rest is not to be had, and never more than was taken."""

import msgspec
import pytest

from models.capture import Capture
from models.order import OrderStatus
from models.payment import PaymentStatus
from models.refund import RefundedItem
from models.settings import WorkerSettings
from tests.flow import Flow
from tests.workflows.refunding import Sold, disagreements
from tests.workflows.returning import Gone
from tests.workflows.shipping import FIRST, Reserved, count, until
from tests.workflows.stories import TWO_MUGS

MUG = 1000 + 100
"""One of them with its tax."""


@pytest.fixture
def settings(settings: WorkerSettings) -> WorkerSettings:
    """A shop that takes money at shipment."""
    return msgspec.structs.replace(settings, capture=Capture.AT_SHIPMENT)


async def half(flow: Flow) -> tuple[Reserved, Sold]:
    """One mug of two is with its buyer; the money of the other one cannot be had by now."""
    bought = await Reserved.open(flow)
    await flow.stripe.fault("error_before", status=400, method="POST", path="/v1/payment_intents",
                            metadata={"order": str(bought.shelf.number)})  # fmt: skip
    assert (await bought.ship(1)).status is OrderStatus.PROCESSING
    assert (await bought.shelf.row())["attention"].startswith("reserve the rest of the money: ")
    return bought, Sold(bought.shelf, await bought.order())


async def good_again(bought: Reserved) -> None:
    """The card is, staff say retry, and the rest is sent."""
    await bought.retry()
    await until(bought, lambda: count(bought, 2))
    await bought.ship()


async def test_what_was_taken_is_refunded_before_the_rest_is_there(flow: Flow) -> None:
    """Given 16.00 of 27.00 taken, then 11.00 go back, 5.00 more, and not a cent beyond; the rest is still to be had."""
    bought, sold = await half(flow)

    await sold.ask(sold.wish(items=(RefundedItem(bought.shelf.sku, 1),)))
    await sold.end()

    assert await sold.payment() == ("authorized", FIRST, MUG)
    refused = await sold.refund(FIRST - MUG + 1, n=2)
    assert refused.refusal is not None
    assert (refused.refusal.code, await sold.payment()) == ("refund_exceeds", ("authorized", FIRST, MUG))
    await sold.refund(n=2)
    await sold.end(2)
    assert await sold.payment() == ("authorized", FIRST, FIRST)
    assert await sold.given_back() == FIRST
    assert await disagreements(flow) == []

    await good_again(bought)

    assert await sold.payment() == ("partially_refunded", TWO_MUGS, FIRST)
    assert await bought.booked() == {"provider:stripe": TWO_MUGS - FIRST, "sales": FIRST - TWO_MUGS}
    assert await disagreements(flow) == []


async def test_what_was_sent_can_come_back_before_the_rest_is_paid(flow: Flow) -> None:
    """Given one mug sent and its buyer's card dead, then it is returned, 11.00 go back, and the other may be sent."""
    bought, sold = await half(flow)
    gone = Gone(bought.shelf, bought.handle, sold.order)

    assert (await gone.ask()).refusal is None
    await gone.approve()
    await gone.receive()
    await gone.inspect()
    assert (await gone.end()).refund == 1

    assert await gone.refunds() == [(1, "succeeded", MUG)]
    assert await sold.payment() == ("authorized", FIRST, MUG)
    row = await bought.shelf.row()
    assert (row["status"], row["fulfilment_status"]) == ("processing", "partial")
    assert await disagreements(flow) == []

    await good_again(bought)

    assert await sold.payment() == ("partially_refunded", TWO_MUGS, MUG)
    assert await disagreements(flow) == []


async def test_nothing_goes_back_before_a_part_has_left(flow: Flow) -> None:
    """Given money that is only reserved, then there is nothing to refund, and nothing moves."""
    bought = await Reserved.open(flow)
    sold = Sold(bought.shelf, await bought.order())
    answer = await sold.refund(1)
    assert answer.refusal is not None
    assert answer.refusal.code == "wrong_move"
    assert await sold.payment() == (PaymentStatus.AUTHORIZED, 0, 0)
    assert await sold.rows() == []
