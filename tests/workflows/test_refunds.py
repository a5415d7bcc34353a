"""Refunds: every wait, every refusal, every answer that gets lost; the provider, the rows and the ledgers agree."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from models import tokens
from models.ids import CreditAccountId, OrderId
from models.money import Money
from models.refund import Refund as RefundRow
from models.refund import RefundedItem, RefundStatus, workflow_id
from models.settings import WorkerSettings
from models.tables import attention
from models.tables import refund as refunds
from tests import people, purse, shop
from tests.flow import Flow
from tests.workflows import refunding as stories
from tests.workflows.refunding import Sold, disagreements, usd
from tests.workflows.steps import asked_by
from tests.workflows.stories import MUG, Shelf
from tests.workflows.trouble import Kind, Trouble

KINDS: tuple[Kind, ...] = ("before", "after")
STEPS: dict[stories.Story, tuple[str, ...]] = {
    stories.refunded: ("reserve_refund", "refund_payment", "settle_refund"),
    stories.refunded_to_card_and_gift_card: ("reserve_refund", "refund_payment", "settle_refund"),
    stories.refund_pending: ("read_refund", "settle_refund"),
    stories.refund_refused_by_provider: ("refund_payment", "fail_refund"),
    stories.refund_came_back: ("read_refund", "return_refund"),
}
"""What can fail in each story."""
ORDERS_TOO = {"flag_order", "record_command"}
"""They are the order's as well, and fail in its matrix."""
MATRIX = sum(len(steps) for steps in STEPS.values()) * len(KINDS)


@pytest.fixture
async def sold(flow: Flow) -> Sold:
    """A mug that somebody paid for with a bank card: 16.00."""
    return await Sold.open(flow)


def test_the_matrix_knows_every_step_of_a_refund(record_property: Callable[[str, object], None]) -> None:
    """An activity that comes into a refund's path needs its place here."""
    assert {step for steps in STEPS.values() for step in steps} | ORDERS_TOO == asked_by("refund")
    record_property("measured", f"refunds' fault matrix: {MATRIX} cases in {len(STEPS)} stories")


@pytest.mark.parametrize("story", STEPS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_step_that_fails_once_harms_nothing(
    flow: Flow, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, story: stories.Story, kind: Kind
) -> None:
    """The story ends as it should, money went back once, and every planned failure came."""
    open_one = Sold.open
    planned = iter(STEPS[story])

    async def open_troubled(*arguments: object, **more: object) -> Sold:
        made = await open_one(*arguments, **more)  # type: ignore[arg-type]
        trouble.plan(workflow_id(made.order, 1), next(planned), kind)
        return made

    monkeypatch.setattr(Sold, "open", open_troubled)

    await asyncio.gather(*(story(flow) for _ in STEPS[story]))

    assert trouble.to_come() == []
    assert await disagreements(flow) == []


async def test_all_of_it_goes_back_to_the_card(flow: Flow) -> None:
    """Given an order of 16.00, then 16.00 are with the buyer, the books are at zero, and the buyer is told."""
    sold = await stories.refunded(flow)

    assert await sold.rows() == [(1, "succeeded", MUG, MUG, 0)]
    assert await sold.payment() == ("refunded", MUG, MUG)
    assert await sold.given_back() == MUG
    assert await shop.money_booked(flow.database) == {"provider:stripe": 0, "sales": 0}
    assert (await sold.shelf.facts())[-2:] == ["refund_started", "refund_succeeded"]
    assert await sold.shelf.letters() == ["order_confirmed", "refund"]
    assert "The money is back" in await sold.card()
    assert await disagreements(flow) == []


async def test_card_first_then_gift_card(flow: Flow) -> None:
    """Given 6.00 by gift card and 10.00 by bank card, then each gets back what it paid."""
    sold = await stories.refunded_to_card_and_gift_card(flow)

    assert await sold.rows() == [(1, "succeeded", MUG, 1000, 600)]
    [card] = await flow.database.fetch("SELECT id FROM credit_accounts")
    assert await purse.entries(flow.database, card["id"]) == [("issue", 600), ("hold", -600), ("refund", 600)]
    assert await shop.money_booked(flow.database) == {"provider:stripe": 0, "gift_card": 0, "sales": 0}
    assert await disagreements(flow) == []


async def test_what_credit_paid_goes_back_without_the_provider(flow: Flow, trouble: Trouble) -> None:
    """Given an order that a gift card paid, then it is back on the card, and the provider never hears of it."""
    sold = await Sold.open(flow, credit=MUG)

    for n, amount in ((1, 100), (2, 1500)):
        assert (await sold.refund(amount, n)).status is RefundStatus.SUCCEEDED

    assert await sold.rows() == [(1, "succeeded", 100, 0, 100), (2, "succeeded", 1500, 0, 1500)]
    assert await sold.payment() == ("refunded", 0, 0)
    assert "refund_payment" not in {step for _, step in trouble.runs}
    assert await disagreements(flow) == []


async def test_as_store_credit_the_provider_keeps_its_money(flow: Flow) -> None:
    """Given a buyer with an account, then it has the money to spend here, and no card is refunded."""
    async with flow.database.writing() as writer:
        buyer = await people.account(writer)
    sold = await Sold.open(flow, customer_id=buyer)

    assert (await sold.refund(600, store_credit=True)).status is RefundStatus.SUCCEEDED

    [account] = await flow.database.fetch("SELECT id, user_id, balance FROM credit_accounts")
    assert (account["user_id"], account["balance"]) == (buyer, 600)
    assert await sold.payment() == ("partially_refunded", MUG, 600)
    assert await sold.given_back() == 0
    assert await shop.money_booked(flow.database) == {"provider:stripe": MUG, "store_credit": -600, "sales": 600 - MUG}
    assert await disagreements(flow) == []
    told = await flow.database.fetch("SELECT kind, cause FROM notifications WHERE kind = 'order_refunded'")
    assert [row["cause"] for row in told] == [f"order_refunded/{sold.order}/1"]


async def test_as_a_gift_card_a_guest_can_be_paid_back_here(flow: Flow, sold: Sold, settings: WorkerSettings) -> None:
    """Given a guest, then a card is given out once, with the code that is mailed; the provider keeps its money."""
    assert (await sold.refund(600, gift_card=True)).status is RefundStatus.SUCCEEDED

    [refund] = await refunds.of_order(flow.database, sold.order)
    [card] = await flow.database.fetch("SELECT id, kind, code_key, last4, balance, expires_at FROM credit_accounts")
    code = tokens.gift_card_code(settings.secret_key, CreditAccountId(refund.id))
    assert (card["id"], card["kind"], card["balance"], card["expires_at"]) == (refund.id, "gift_card", 600, None)
    assert (card["code_key"], card["last4"]) == (tokens.gift_card_key(settings.secret_key, code), code[-4:])
    assert await sold.payment() == ("partially_refunded", MUG, 600)
    assert await sold.given_back() == 0
    assert await shop.money_booked(flow.database) == {"provider:stripe": MUG, "gift_card": -600, "sales": 600 - MUG}
    [letter] = await flow.database.fetch("SELECT payload FROM outbox WHERE cause LIKE 'refund/%'")
    assert str(refund.id) in letter["payload"] and code not in letter["payload"]
    assert await disagreements(flow) == []


async def test_a_guest_has_no_store_credit(sold: Sold) -> None:
    """Given a guest's order, then store credit is refused, and nothing is reserved."""
    answer = await sold.refund(600, store_credit=True)
    assert answer.refusal is not None and answer.refusal.code == "no_store_credit"
    assert (await sold.rows(), await sold.payment()) == ([], ("paid", MUG, 0))


async def test_more_than_was_paid_is_refused_before_the_provider_hears_of_it(sold: Sold, trouble: Trouble) -> None:
    """Given 16.00, of which 10.00 are back, then 6.01 are refused with what is left, and 6.00 go back."""
    await sold.refund(1000)

    answer = await sold.refund(601, 2)

    assert answer.refusal is not None
    assert (answer.refusal.code, answer.refusal.facts["left"]) == ("refund_exceeds", {"amount": 600, "currency": "usd"})
    assert trouble.runs[workflow_id(sold.order, 2), "refund_payment"] == 0
    assert (await sold.refund(600, 2)).status is RefundStatus.SUCCEEDED
    again = await sold.refund(1, 3)
    assert again.refusal is not None and again.refusal.code == "refund_exceeds"
    assert (await sold.payment(), await sold.given_back()) == (("refunded", MUG, MUG), MUG)
    assert await disagreements(sold.flow) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": usd(0)}, "refund_exceeds"), ({"items": (RefundedItem("NONE", 1),)}, "unknown_sku"),
        ({"amount": Money(1, "eur")}, "currency_mismatch"),
    ],
    ids=["nothing", "not in the order", "another currency"],
)  # fmt: skip
async def test_what_cannot_be_given_back_is_refused(sold: Sold, changes: dict[str, object], code: str) -> None:
    """Given a wish that this order cannot fulfil, then it is refused by its code, and nothing moves."""
    answer = await sold.ask(sold.wish(**changes))  # type: ignore[arg-type]
    assert answer.refusal is not None and answer.refusal.code == code
    assert (await sold.rows(), await sold.payment(), await sold.given_back()) == ([], ("paid", MUG, 0), 0)


async def test_asked_for_ten_times_at_once_each_cent_goes_back_once(sold: Sold) -> None:
    """Given ten refunds of 3.00 under ten keys at once, then they queue up for a number; five fit, five are refused."""

    async def insist() -> str:
        wish = sold.wish(300)
        while True:
            n = await refunds.next_number(sold.flow.database, sold.order)
            answer = await sold.ask(wish, n)
            mine = answer.refund is not None and answer.refund.key == wish.key
            if mine:
                return "done"
            if answer.refusal is not None and answer.refusal.code != "refund_superseded":
                return answer.refusal.code

    outcomes = await asyncio.gather(*(insist() for _ in range(10)))

    assert sorted(outcomes) == ["done"] * 5 + ["refund_exceeds"] * 5
    for n in range(1, 6):
        await sold.end(n)
    assert await sold.rows() == [(n, "succeeded", 300, 300, 0) for n in range(1, 6)]
    assert await sold.given_back() == 1500
    assert await disagreements(sold.flow) == []


async def test_the_same_request_many_times_is_one_refund(sold: Sold) -> None:
    """Given one key five times at once and once more afterwards, then the same answer each time, and one refund."""
    wish = sold.wish(500)

    answers = await asyncio.gather(*(sold.ask(wish) for _ in range(5)))
    later = await sold.ask(wish)

    assert {answer.refund.id for answer in [*answers, later] if answer.refund} == {(await _only(sold)).id}
    assert await sold.given_back() == 500
    assert await disagreements(sold.flow) == []


async def _only(sold: Sold) -> RefundRow:
    [one] = await refunds.of_order(sold.flow.database, sold.order)
    return one


@pytest.mark.parametrize("kind", ["answer_lost", "error_after", "error_before", "rate_limit"])
async def test_an_answer_that_is_lost_on_the_way(sold: Sold, kind: str) -> None:
    """Given that the provider did it and nobody heard, or says for a day that it failed: the money goes back once."""
    about = {"order": str(sold.shelf.number)}
    await sold.flow.stripe.fault(kind, method="POST", path="/v1/refunds", metadata=about)

    assert (await sold.refund(500)).status is RefundStatus.SUCCEEDED

    assert (len(await sold.at_provider()), await sold.given_back()) == (1, 500)
    assert await disagreements(sold.flow) == []


async def test_a_pending_refund_is_told_and_looked_after(flow: Flow) -> None:
    """Given a bank that takes its time and news that got lost, then a look of our own finds out, and it is booked."""
    sold = await Sold.open(flow, "pm_card_pendingRefund")
    answer = await sold.refund(700)
    assert (answer.status, await sold.payment()) == (RefundStatus.OPEN, ("paid", MUG, 700))
    assert "**Waits for:** the buyer's bank" in await sold.card()
    assert await sold.shelf.letters() == ["order_confirmed"]
    [reference] = await sold.at_provider()
    await flow.stripe.refund_becomes(reference, "succeeded")

    await flow.fast_forward(sold.handle(), timedelta(minutes=3))

    assert (await sold.end()).status is RefundStatus.SUCCEEDED
    assert await sold.payment() == ("partially_refunded", MUG, 700)
    assert await disagreements(flow) == []


async def test_what_the_bank_does_not_take_can_go_another_way(flow: Flow) -> None:
    """Given a pending refund that fails, then its money is free again, a person is asked, and the next one heals it."""
    sold = await Sold.open(flow, "pm_card_pendingRefund")
    await sold.refund(700)
    [reference] = await sold.at_provider()
    await flow.stripe.refund_becomes(reference, "failed", "expired_or_canceled_card")
    await sold.news()
    assert (await sold.end()).status is RefundStatus.FAILED
    assert await sold.rows() == [(1, "failed", 700, 700, 0)]
    assert await sold.payment() == ("paid", MUG, 0)
    assert await sold.attention() == "refund 1 of 7.00 USD did not arrive: expired or canceled card"
    assert await disagreements(flow) == []

    await sold.refund(MUG, 2)
    [newest, _] = await sold.at_provider()
    await flow.stripe.refund_becomes(newest, "succeeded")
    await sold.news(2)

    assert (await sold.end(2)).status is RefundStatus.SUCCEEDED
    assert (await sold.attention(), await sold.payment()) == (None, ("refunded", MUG, MUG))
    assert await disagreements(flow) == []


async def test_the_provider_says_no_for_good(flow: Flow) -> None:
    """Given a disputed charge, then the refund failed, nothing is reserved, and a person is asked."""
    sold = await stories.refund_refused_by_provider(flow)
    assert await sold.payment() == ("paid", MUG, 0)
    assert "has been charged back" in (await sold.attention() or "")
    assert (await sold.shelf.facts())[-1] == "refund_failed"
    assert await disagreements(flow) == []


async def test_a_refund_that_comes_back_is_booked_back(flow: Flow) -> None:
    """Given a refund that the bank sends back, then the payment is paid again, once however often it is told."""
    sold = await stories.refund_came_back(flow)
    assert await sold.payment() == ("paid", MUG, 0)
    for event in ("evt_2", "evt_3"):
        await sold.news(event=event)
        await sold.end()
    assert await shop.money_booked(flow.database) == {"provider:stripe": MUG, "sales": -MUG}
    assert (await sold.shelf.facts()).count("refund_returned") == 1
    assert await sold.attention() == "refund 1 of 16.00 USD did not arrive: lost or stolen card"
    assert await disagreements(flow) == []


async def test_news_of_a_refund_that_arrived_change_nothing(flow: Flow) -> None:
    """Given news of a refund that is where it should be, then nothing moves."""
    sold = await stories.refunded(flow)
    await sold.news()
    assert (await sold.end()).status is RefundStatus.SUCCEEDED
    assert await sold.payment() == ("refunded", MUG, MUG)
    assert await disagreements(flow) == []


async def test_past_all_patience_a_person_is_told_and_it_goes_on(sold: Sold, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a provider that rejects the request, then the buyer's money stays reserved, and a retry sends it."""
    about = {"order": str(sold.shelf.number)}
    await sold.flow.stripe.fault("error_before", status=400, method="POST", path="/v1/refunds", metadata=about)

    answer = await sold.refund(500)

    assert (answer.status, await sold.payment()) == (RefundStatus.OPEN, ("paid", MUG, 500))
    await sold.attention_when("send refund 1 of 5.00 USD")
    await sold.retry()
    assert (await sold.end()).status is RefundStatus.SUCCEEDED
    assert await sold.attention() is None
    assert await disagreements(sold.flow) == []


async def test_attention_that_another_asked_for_stays(sold: Sold) -> None:
    """Given an order that needs a person for something else by now, then a refund that is mended does not hide it."""
    about = {"order": str(sold.shelf.number)}
    await sold.flow.stripe.fault("error_before", status=400, method="POST", path="/v1/refunds", metadata=about)
    await sold.refund(500)
    await sold.attention_when("send refund 1")
    async with sold.flow.database.writing() as writer:
        await attention.ask(writer, sold.order, "attention", "not shipped in time")
    await sold.retry()
    await sold.end()
    assert await sold.attention() == "not shipped in time"


async def test_an_unpaid_order_has_nothing_to_give_back(flow: Flow) -> None:
    """Given an order that waits for its payment, then a refund is refused."""
    shelf = await Shelf.open(flow)
    await shelf.buy("pm_card_chargeDeclined")
    answer = await Sold(shelf, OrderId((await shelf.row())["id"])).refund()
    assert answer.refusal is not None and answer.refusal.code == "wrong_move"


async def test_a_refund_of_nobody_s_ends(sold: Sold) -> None:
    """Given news of a refund that was never made, then its workflow ends, and nothing moves."""
    await sold.news(7)
    ended = await sold.end(7)
    assert ended.refusal is not None and ended.refusal.code == "refund_not_found"
    assert await sold.payment() == ("paid", MUG, 0)
