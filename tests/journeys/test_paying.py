"""When the first card does not settle it: declines, the bank, no card at all, a slow provider, second thoughts."""

import anyio
import httpx

from dev.stripe.remote import SimulatorControl
from tests.books import Books
from tests.desk import Clerk
from tests.premises import House, Shopper, served


async def test_a_declined_card_and_then_another(house: House, shopper: Shopper, books: Books) -> None:
    """402 says why and names the order; another card pays the same order and the same intent."""
    sku = await house.stock(5)

    declined = await shopper.buy(sku, 1, "pm_card_chargeDeclinedInsufficientFunds")

    problem = declined.json()
    assert (declined.status_code, problem["code"]) == (402, "payment_declined")
    assert (problem["detail"], problem["facts"]["decline_code"]) == (
        "Your card has insufficient funds.", "insufficient_funds",
    )  # fmt: skip
    placed = problem["facts"]["order"]
    waiting = await shopper.order(placed)
    assert (waiting["status"], waiting["payment_status"], waiting["can"]) == ("pending", "failed", ["cancel", "pay"])
    assert await books.stock(sku) == (5, 1)

    paid = await shopper.pay(placed, "pm_card_visa")

    assert (paid.status_code, paid.json()["payment"]["status"]) == (200, "authorized")
    await shopper.order_when(placed, "confirmed")
    assert await shopper.events(placed) == [
        "order_placed", "payment_declined", "payment_authorized", "payment_captured", "order_confirmed",
    ]  # fmt: skip
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}
    letters = await house.letters_when(placed["number"], 2)
    assert len({letter["subject"] for letter in letters}) == 2


async def test_three_bad_cards_and_a_good_one(house: House, shopper: Shopper, books: Books) -> None:
    """Each try answers for its own card; one intent, one charge."""
    placed = (await shopper.buy(await house.stock(5), 1, "pm_card_chargeDeclined")).json()["facts"]["order"]

    seen = []
    for card in ("pm_card_chargeDeclinedExpiredCard", "pm_card_nonsense", "pm_card_mastercard"):
        answer = await shopper.pay(placed, card)
        seen.append((answer.status_code, answer.json().get("facts", {}).get("decline_code")))

    assert seen == [(402, "expired_card"), (402, "payment_method_invalid"), (200, None)]
    await shopper.order_when(placed, "confirmed")
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}


async def test_an_order_that_is_open_is_not_bought_twice(house: House, shopper: Shopper) -> None:
    """While an order waits for its payment, another checkout of the cart is told which one: no dead end."""
    declined = await shopper.buy(await house.stock(5), 1, "pm_card_chargeDeclined")
    placed = declined.json()["facts"]["order"]

    other = await shopper.check_out(shopper.order_form(placed["total"], "pm_card_visa"))

    assert (other.status_code, other.json()["code"]) == (409, "order_open")
    named = other.json()["facts"]
    assert (named["number"], named["order_token"]) == (placed["number"], placed["order_token"])
    assert (await shopper.pay(named, "pm_card_visa")).status_code == 200


async def test_an_unpaid_order_is_cancelled_by_its_buyer(house: House, shopper: Shopper, books: Books) -> None:
    """Hold released, intent void, buyer told; the cart is as it was and makes a new order."""
    sku = await house.stock(5)
    placed = (await shopper.buy(sku, 2, "pm_card_chargeDeclined")).json()["facts"]["order"]

    cancelled = await shopper.cancel(placed)

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (cancelled.json()["cancel_reason"], cancelled.json()["can"]) == ("found it cheaper", [])
    assert await books.agree([placed["number"]]) == {placed["number"]: "cancelled"}
    assert await books.stock(sku) == (5, 0)
    letters = await house.letters_when(placed["number"], 2)
    assert "cancelled" in letters[-1]["subject"]
    late = await shopper.pay(placed, "pm_card_visa")
    assert (late.status_code, late.json()["code"]) == (409, "wrong_move")
    again = await shopper.check_out(shopper.order_form(placed["total"], "pm_card_visa"))
    assert (again.status_code, again.json()["order"]["number"] != placed["number"]) == (201, True)
    await shopper.order_when(again.json()["order"], "confirmed")


async def test_an_order_that_was_sent_is_not_cancelled_any_more(house: House, shopper: Shopper) -> None:
    """Once the goods have left, cancelling is refused and the order stays, its money too."""
    placed = (await shopper.buy(await house.stock(5))).json()["order"]
    await shopper.order_when(placed, "confirmed")
    clerk = await Clerk.hire(house, shopper.http)
    assert (await clerk.do(placed["number"], "ship", carrier="UPS", tracking="1Z")).status_code == 200

    refused = await shopper.cancel(placed)

    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_move")
    stays = await shopper.order(placed)
    assert (stays["status"], stays["payment_status"]) == ("shipped", "paid")


async def test_the_buyers_bank_agrees_and_its_webhook_moves_the_order(
    house: House, shopper: Shopper, provider: SimulatorControl, books: Books
) -> None:
    """3-D Secure: the answer carries the client secret; the signed webhook arrives, and only then it is confirmed."""
    answer = await shopper.buy(await house.stock(5), 1, "pm_card_authenticationRequired")
    placed, payment = answer.json()["order"], answer.json()["payment"]
    assert (answer.status_code, payment["status"]) == (201, "action_required")
    [intent] = await books.intents(placed["number"])
    assert payment["client_secret"].startswith(intent["payment_intent"] + "_secret_")
    seen = await shopper.order(placed)
    assert (seen["status"], seen["payment"]["client_secret"]) == ("pending", payment["client_secret"])

    await provider.authenticate(intent["payment_intent"])

    await shopper.order_when(placed, "confirmed", within=50)  # before our own first look, a minute later
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}
    await books.count()  # once it is noted what became of all news
    told = await books.database.fetch(
        "SELECT type, note FROM webhook_events WHERE workflow_id = "
        "(SELECT workflow_id FROM orders WHERE number = $1) AND note = 'told the order'", placed["number"],
    )  # fmt: skip
    assert "payment_intent.amount_capturable_updated" in [row["type"] for row in told]


async def test_the_buyers_bank_refuses(house: House, shopper: Shopper, provider: SimulatorControl) -> None:
    """A failed 3-D Secure leaves the order payable with another card."""
    placed = (await shopper.buy(await house.stock(5), 1, "pm_card_authenticationRequired")).json()["order"]
    [intent] = await provider.ledger(order=placed["number"])

    await provider.authenticate(intent["payment_intent"], "failure")

    with anyio.fail_after(60):
        while (seen := await shopper.order(placed))["payment_status"] != "failed":
            await anyio.sleep(0.05)
    assert (seen["status"], seen["can"]) == ("pending", ["cancel", "pay"])
    assert (await shopper.pay(placed, "pm_card_visa")).status_code == 200
    await shopper.order_when(placed, "confirmed")


async def test_without_a_card_the_browser_gets_what_it_needs(house: House, shopper: Shopper, books: Books) -> None:
    """No payment method yet: 201 with a client secret, the stock is held; a card given later pays."""
    sku = await house.stock(5)

    answer = await shopper.buy(sku, 1, None)

    placed, payment = answer.json()["order"], answer.json()["payment"]
    assert (answer.status_code, payment["status"]) == (201, "method_required")
    assert payment["client_secret"].startswith("pi_")
    assert await books.stock(sku) == (5, 1)
    assert (await shopper.pay(placed, "pm_card_visa")).status_code == 200
    await shopper.order_when(placed, "confirmed")
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}


async def test_a_slow_provider_costs_the_buyer_an_answer_but_no_order(
    house: House, hasty: str, provider: SimulatorControl, books: Books
) -> None:
    """The outcome is not known within the budget: 202 with the order's address, where it is confirmed soon after."""
    await provider.fault("latency", method="POST", path="/v1/payment_intents", seconds=60, times=1)
    async with httpx.AsyncClient(base_url=hasty, timeout=30) as client:
        shopper = Shopper(house, client)

        await shopper.put(await house.stock(5))
        form = shopper.order_form(await shopper.quote())
        answer = await served(lambda: shopper.check_out(form))

        assert (answer.status_code, answer.json()["payment"]["status"]) == (202, "unknown")
        assert answer.headers["Retry-After"] == "2"
        placed = answer.json()["order"]
        assert (placed["status"], placed["url"]) == ("pending", answer.headers["Location"])
        assert (await shopper.order(placed))["status"] == "pending"
        await provider.clear()
        await shopper.order_when(placed, "confirmed")
    assert await books.agree([placed["number"]]) == {placed["number"]: "confirmed"}
