"""The provider answers badly or not at all: whatever happened there, the buyer is charged once."""

from typing import Any

import anyio
import pytest

from dev.stripe.remote import SimulatorControl
from tests.books import Books
from tests.faults.rush import BANK
from tests.premises import House, Shopper

CREATE, CONFIRM, CAPTURE, CANCEL = (
    "/v1/payment_intents", "/v1/payment_intents/*/confirm", "/v1/payment_intents/*/capture",
    "/v1/payment_intents/*/cancel",
)  # fmt: skip


@pytest.mark.parametrize(
    "faults",
    [
        [("answer_lost", CREATE, {})], [("answer_lost", CAPTURE, {})],
        [("answer_lost", CREATE, {}), ("answer_lost", CAPTURE, {})],
        [("error_before", CREATE, {"status": 500}), ("error_before", CAPTURE, {"status": 503})],
        [("error_after", CAPTURE, {"status": 500})],
        [("rate_limit", CREATE, {}), ("rate_limit", CAPTURE, {})],
    ],
    ids=["confirm lost", "capture lost", "both lost", "refused before", "failed after", "too many requests"],
)  # fmt: skip
async def test_the_buyer_is_charged_once(
    house: House, shopper: Shopper, books: Books, provider: SimulatorControl, faults: list[tuple[str, str, Any]]
) -> None:
    """One intent, one charge, one capture, however the calls went; the answer is 201, or 202 and confirmed soon."""
    for kind, path, how in faults:
        await provider.fault(kind, method="POST", path=path, **how)

    answer = await shopper.buy(await house.stock(5))

    assert answer.status_code in (201, 202), answer.text
    placed = answer.json()["order"]
    await shopper.order_when(placed, "confirmed")
    assert await provider.faults() == []
    [intent] = await books.intents(placed["number"])
    assert (intent["charges"], intent["captured"], intent["held"]) == (1, 1600, 0)
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}


@pytest.mark.parametrize("kind", ["answer_lost", "error_after", "error_before"])
async def test_the_second_card_is_charged_once(
    house: House, shopper: Shopper, books: Books, provider: SimulatorControl, kind: str
) -> None:
    """The answer to the second card's confirmation is lost: it is read, not charged again."""
    placed = (await shopper.buy(await house.stock(5), 1, "pm_card_chargeDeclined")).json()["facts"]["order"]
    await provider.fault(kind, method="POST", path=CONFIRM)

    paid = await shopper.pay(placed, "pm_card_visa")

    assert paid.status_code in (200, 202), paid.text
    await shopper.order_when(placed, "confirmed")
    assert await provider.faults() == []
    [intent] = await books.intents(placed["number"])
    assert (intent["captured"], intent["held"]) == (1600, 0)
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}


async def test_a_void_whose_answer_is_lost_voids_once(
    house: House, shopper: Shopper, books: Books, provider: SimulatorControl
) -> None:
    """Cancelling goes on until the provider has surely given the payment up."""
    sku = await house.stock(5)
    placed = (await shopper.buy(sku, 1, BANK)).json()["order"]
    await provider.fault("answer_lost", method="POST", path=CANCEL)

    cancelled = await shopper.cancel(placed)

    assert cancelled.status_code in (200, 202), cancelled.text
    await shopper.order_when(placed, "cancelled")
    assert await books.agree([placed["number"]]) == {placed["number"]: "cancelled"}
    assert await books.stock(sku) == (5, 0)


async def test_webhooks_twice_late_and_out_of_order(
    house: House, shopper: Shopper, books: Books, provider: SimulatorControl
) -> None:
    """Five buyers agree with their banks while every webhook comes twice, late and shuffled: all confirmed once."""
    usual = await provider.webhooks()
    await provider.webhooks(double=1, reorder=True, delay_seconds=0.3)
    try:
        placed = []
        for _ in range(5):
            buyer = Shopper(house, shopper.http)
            placed.append((await buyer.buy(await house.stock(1), 1, BANK)).json()["order"])
        for each in placed:
            [intent] = await books.intents(each["number"])
            await provider.authenticate(intent["payment_intent"])
        for each in placed:
            await shopper.order_when(each, "confirmed")
        with anyio.fail_after(60):
            while any(sent["status"] == "pending" for sent in await provider.deliveries()):
                await anyio.sleep(0.1)
    finally:
        await provider.webhooks(double=0, reorder=False, delay_seconds=usual["delay_seconds"])
    numbers = [each["number"] for each in placed]
    assert await books.agree(numbers) == dict.fromkeys(numbers, "confirmed")
