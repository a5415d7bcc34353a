"""Returns: every wait, every refusal, every step that fails; each unit comes back once, and the ledgers agree."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from models.errors import refusal_of
from models.refund import RefundedItem
from models.returns import InspectedItem, ReturnItem, ReturnStatus, workflow_id
from tests.flow import Flow
from tests.workflows import returning as stories
from tests.workflows.refunding import Sold, disagreements
from tests.workflows.returning import Gone, usd
from tests.workflows.steps import asked_by
from tests.workflows.stories import MUG
from tests.workflows.trouble import Kind, Trouble
from workflows.order import Order
from workflows.order_messages import DeliverOrder

KINDS: tuple[Kind, ...] = ("before", "after")
STEPS: dict[stories.Story, tuple[str, ...]] = {
    stories.return_settled: ("open_return", "decide_return", "receive_return", "inspect_return", "settle_return"),
    stories.return_without_money: ("inspect_return", "settle_return"),
    stories.return_rejected: ("open_return", "decide_return"),
    stories.return_expired: ("expire_return",),
    stories.return_decided_late: ("decide_return", "flag_order"),
    stories.exchanged: ("inspect_return", "prepare_exchange", "read_exchange", "end_exchange", "settle_return"),
    stories.exchange_not_paid: ("read_exchange", "end_exchange"),
}
"""What can fail in each story; the steps of its refund fail in the matrix of refunds."""
MATRIX = sum(len(steps) for steps in STEPS.values()) * len(KINDS)
MUG_ALONE = 1100
"""What a mug is worth without its shipping: its price and its tax."""


@pytest.fixture
async def gone(flow: Flow) -> Gone:
    """A mug that was sold and sent."""
    return await Gone.open(flow)


@pytest.fixture
async def two(flow: Flow) -> Gone:
    """Two mugs that were sold and sent."""
    return await Gone.open(flow, 2)


async def refused(asked: object) -> str:
    """The code with which a command was refused."""
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await asked  # type: ignore[misc]
    no = refusal_of(failed.value.cause)
    assert no is not None
    return no.code


def test_the_matrix_knows_every_step_of_a_return(record_property: Callable[[str, object], None]) -> None:
    """An activity that comes into a return's path needs its place here."""
    known = {step for steps in STEPS.values() for step in steps}
    # The order that an exchange makes has a matrix of its own.
    assert known | asked_by("refund") | asked_by("order") == asked_by("return_goods")
    record_property("measured", f"returns' fault matrix: {MATRIX} cases in {len(STEPS)} stories")


@pytest.mark.parametrize("story", STEPS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_step_that_fails_once_harms_nothing(
    flow: Flow, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, story: stories.Story, kind: Kind
) -> None:
    """The story ends as it should, every planned failure came, and each fact is told once."""
    open_one = Gone.open
    planned = iter(STEPS[story])

    async def open_troubled(*arguments: object, **more: object) -> Gone:
        made = await open_one(*arguments, **more)  # type: ignore[arg-type]
        trouble.plan(workflow_id(made.order, 1), next(planned), kind)
        return made

    monkeypatch.setattr(Gone, "open", open_troubled)

    ended = await asyncio.gather(*(story(flow) for _ in STEPS[story]))

    assert trouble.to_come() == []
    assert await disagreements(flow) == []
    for gone in ended:
        assert set((await gone.facts()).values()) == {1}


async def test_what_comes_back_is_for_sale_again_and_its_money_is_the_buyer_s(flow: Flow) -> None:
    """Given a mug that came back, then 11.00 of 16.00 went back, the mug lies on the shelf, and the order says so."""
    gone = await stories.return_settled(flow)

    assert await gone.refunds() == [(1, "succeeded", MUG_ALONE)]
    assert await gone.shelf.left() == (5, 0)
    assert await gone.moved() == [("return", 1)]
    assert await gone.line() == (1, 1)
    row = await gone.shelf.row()
    assert (row["status"], row["fulfilment_status"], row["payment_status"]) == (
        "shipped", "returned", "partially_refunded",
    )  # fmt: skip
    goods = await gone.row()
    assert (goods.refund, goods.fee, goods.refund_status) == (1, None, "succeeded")
    assert await gone.shelf.letters() == ["order_confirmed", "shipped", "return", "refund"]
    assert await gone.facts() == {
        "return_requested": 1, "return_approved": 1, "return_received": 1, "return_inspected": 1, "return_settled": 1,
    }  # fmt: skip
    assert await disagreements(flow) == []


async def test_an_order_that_came_back_still_arrives(flow: Flow) -> None:
    """Given goods that were back before anybody said that they had arrived, then the order can still be delivered."""
    gone = await stories.return_settled(flow)
    await gone.shelf.ask(gone.owner, Order.deliver, DeliverOrder("carrier"))
    assert (await gone.owner.result()).status == "delivered"
    assert (await gone.shelf.row())["fulfilment_status"] == "returned"


async def test_broken_goods_are_written_off_and_a_fee_is_kept(flow: Flow) -> None:
    """Given a broken mug and a fee as high as its price, then nothing lies on the shelf, and nothing goes back."""
    gone = await stories.return_without_money(flow)

    assert await gone.moved() == [("return", 1), ("adjust", -1)]
    assert await gone.shelf.left() == (4, 0)
    assert (await gone.refunds(), (await gone.row()).fee) == ([], usd(MUG_ALONE))
    assert await gone.shelf.letters() == ["order_confirmed", "shipped", "return", "return"]
    assert await disagreements(flow) == []


async def test_a_part_comes_back_good_and_broken(two: Gone) -> None:
    """Given two mugs, one of them broken, and a fee of 2.00, then 20.00 of 22.00 go back, and one is for sale."""
    await two.ask(two.wish(2))
    await two.approve()
    await two.receive()

    await two.inspect(1, 1, fee=usd(200))

    assert (await two.end()).status is ReturnStatus.SETTLED
    assert await two.refunds() == [(1, "succeeded", 2 * MUG_ALONE - 200)]
    assert await two.moved() == [("return", 2), ("adjust", -1)]
    assert await two.shelf.left() == (4, 0)
    assert await disagreements(two.flow) == []


async def test_what_is_missing_in_the_parcel_stays_the_buyer_s(two: Gone) -> None:
    """Given two mugs asked for of which one came, then one is paid back, and a return of the other can be asked for."""
    await two.ask(two.wish(2))
    await two.approve()
    assert await two.line() == (2, 2)

    await two.receive(1)

    assert await two.line() == (2, 1)
    await two.inspect()
    await two.end()
    assert await two.refunds() == [(1, "succeeded", MUG_ALONE)]
    assert (await two.shelf.row())["fulfilment_status"] == "fulfilled"
    again = await two.ask(two.wish(1), 2)
    assert again.goods is not None and again.goods.n == 2
    await two.approve(2)
    await two.receive(n=2)
    await two.inspect(n=2)
    await two.end(2)
    assert await two.refunds() == [(1, "succeeded", MUG_ALONE), (2, "succeeded", MUG_ALONE)]
    assert (await two.shelf.row())["fulfilment_status"] == "returned"
    assert await disagreements(two.flow) == []


async def test_two_returns_of_the_same_unit_at_once_one_wins(gone: Gone) -> None:
    """Given eight who ask for the one mug under numbers of their own, then one is taken on, the others are refused."""

    async def insist(n: int) -> str:
        while True:
            wish = gone.wish(key=f"key-{n}")
            answer = await gone.ask(wish, await _next(gone))
            if answer.goods is not None and answer.goods.key == wish.key:
                return "taken"
            if answer.refusal is not None and answer.refusal.code != "return_superseded":
                return answer.refusal.code

    outcomes = await asyncio.gather(*(insist(n) for n in range(8)))

    assert sorted(outcomes) == ["nothing_to_return"] * 7 + ["taken"]
    assert await gone.line() == (1, 1)
    await gone.reject()
    await gone.end()
    assert await gone.line() == (1, 0)


async def _next(gone: Gone) -> int:
    [row] = await gone.flow.database.fetch("SELECT count(*)::int + 1 AS n FROM returns WHERE order_id = $1", gone.order)
    return int(row["n"])


async def test_the_same_request_many_times_is_one_return(gone: Gone) -> None:
    """Given one key five times at once, then the same answer each time, and one return."""
    wish = gone.wish()
    answers = await asyncio.gather(*(gone.ask(wish) for _ in range(5)))
    assert {each.goods.id for each in answers if each.goods} == {(await gone.row()).id}
    assert len(answers) == 5
    assert await gone.line() == (1, 1)
    await gone.reject()
    await gone.end()


async def test_goods_that_never_come_are_the_buyer_s(flow: Flow) -> None:
    """Given thirty days without a parcel, then the return has expired, nothing moved, and it can be asked for again."""
    gone = await stories.return_expired(flow)
    assert (await gone.line(), await gone.moved(), await gone.refunds()) == ((1, 0), [], [])
    assert await gone.shelf.letters() == ["order_confirmed", "shipped", "return", "return"]
    again = await gone.ask(n=2)
    assert again.goods is not None and again.goods.status is ReturnStatus.REQUESTED
    await gone.reject(2)
    await gone.end(2)


async def test_parcel_and_deadline_at_once_one_wins(flow: Flow) -> None:
    """Given a parcel that is received while its time runs out, then it is received or expired, and never both."""
    gone = await Gone.open(flow)
    await gone.ask()
    await gone.approve()
    await gone.until_card("the goods to come back")

    received, _ = await asyncio.gather(
        gone.receive(), flow.fast_forward(gone.handle(), timedelta(days=31)), return_exceptions=True
    )

    status = (await gone.row()).status
    if isinstance(received, BaseException):
        assert (await gone.end()).status is ReturnStatus.EXPIRED
        assert await gone.line() == (1, 0)
    else:
        assert status is ReturnStatus.RECEIVED
        assert await gone.line() == (1, 1)
        await gone.inspect()
        await gone.end()
    assert await disagreements(flow) == []


async def test_a_wish_that_nobody_answers_asks_for_a_person(flow: Flow) -> None:
    """Given three days without an answer, then the order needs attention until somebody decides."""
    gone = await Gone.open(flow)
    await gone.ask()
    await gone.until_card("staff to approve or reject it")
    await flow.fast_forward(gone.handle(), timedelta(days=4))
    await gone.until_card("Needs attention")
    assert (await gone.shelf.row())["attention"] == "return 1 waits for staff to approve or reject it"
    await gone.approve()
    await gone.until_card("the goods to come back")
    assert (await gone.shelf.row())["attention"] is None
    await gone.receive()
    await gone.until_card("staff to look into the parcel")
    await flow.fast_forward(gone.handle(), timedelta(days=6))
    await gone.until_card("Needs attention")
    assert (await gone.shelf.row())["attention"] == "return 1 waits for staff to look into the parcel"
    await gone.inspect()
    await gone.end()
    assert (await gone.shelf.row())["attention"] is None


async def test_what_was_not_sent_cannot_come_back(flow: Flow) -> None:
    """Given two mugs of which one was sent, then two cannot be returned, one can; and nothing of an unsent order."""
    half = await Gone.open(flow, 2, sent=1)
    no = await half.ask(half.wish(2))
    assert no.refusal is not None and no.refusal.code == "nothing_to_return"
    assert no.refusal.facts["items"] == [{"sku": half.shelf.sku, "requested": 2, "left": 1}]
    unknown = await half.ask(half.wish(items=(ReturnItem("NONE", 1),)))
    assert unknown.refusal is not None and unknown.refusal.code == "unknown_sku"
    assert await half.line() == (1, 0)
    yes = await half.ask(half.wish(1))
    assert yes.goods is not None
    await half.reject()
    await half.end()


async def test_its_time_is_over(gone: Gone) -> None:
    """Given a parcel that arrived thirty-one days ago, then a return is refused, and nothing is set apart."""
    async with gone.flow.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE shipments SET shipped_at = now() - interval '31 days'")
    no = await gone.ask()
    assert no.refusal is not None and no.refusal.code == "return_window_closed"
    assert await gone.line() == (1, 0)
    async with gone.flow.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE shipments SET delivered_at = now() - interval '29 days'")
    assert (await gone.ask()).goods is not None
    await gone.reject()
    await gone.end()


async def test_commands_out_of_turn_are_refused_and_nothing_moves(two: Gone) -> None:
    """Given a return, then each command is refused wherever it is not its turn."""
    await two.ask(two.wish(2))
    assert await refused(two.receive()) == "wrong_move"
    assert await refused(two.inspect()) == "wrong_move"
    await two.approve()
    assert await refused(two.reject()) == "wrong_move"
    assert await refused(two.receive(3)) == "nothing_to_return"
    await two.receive()
    assert await refused(two.inspect(1, 0)) == "return_mismatch"
    twice = (InspectedItem(two.shelf.sku, 1, 0), InspectedItem(two.shelf.sku, 1, 0))
    assert await refused(two.inspect(items=twice)) == "return_mismatch"
    assert await refused(two.inspect(fee=usd(2 * MUG_ALONE + 1))) == "fee_exceeds"
    assert await refused(two.inspect(location="nowhere")) == "location_unknown"
    assert (await two.row()).status is ReturnStatus.RECEIVED
    assert (await two.moved(), await two.refunds()) == ([], [])
    await two.inspect()
    await two.end()
    assert await two.refunds() == [(1, "succeeded", 2 * MUG_ALONE)]


async def test_two_inspections_at_once_one_wins(gone: Gone) -> None:
    """Given two who say what became of one mug, then the first is believed, and the money goes back once."""
    await gone.ask()
    await gone.approve()
    await gone.receive()
    answers = await asyncio.gather(gone.inspect(), gone.inspect(0, 1), return_exceptions=True)
    assert sum(isinstance(each, WorkflowUpdateFailedError) for each in answers) == 1
    await gone.end()
    assert await gone.refunds() == [(1, "succeeded", MUG_ALONE)]
    assert (await gone.moved())[0] == ("return", 1)
    assert await disagreements(gone.flow) == []


async def test_what_was_paid_back_before_is_not_paid_twice(gone: Gone) -> None:
    """Given an order of which 10.00 of 16.00 went back already, then its goods bring no more than the 6.00 left."""
    sold = Sold(gone.shelf, gone.order)
    await sold.refund(1000)
    await gone.ask()
    await gone.approve()
    await gone.receive()
    await gone.inspect()
    await gone.end()
    assert await gone.refunds() == [(1, "succeeded", 1000), (2, "succeeded", MUG - 1000)]
    assert await disagreements(gone.flow) == []


async def test_units_that_were_paid_back_before_bring_nothing(two: Gone) -> None:
    """Given a unit that was refunded without coming back, then two units that come bring the price of one."""
    await Sold(two.shelf, two.order).refund(items=(RefundedItem(two.shelf.sku, 1),))
    await two.ask(two.wish(2))
    await two.approve()
    await two.receive()
    await two.inspect()
    await two.end()
    assert await two.refunds() == [(1, "succeeded", MUG_ALONE), (2, "succeeded", MUG_ALONE)]
    assert await two.shelf.left() == (5, 0)
    assert await disagreements(two.flow) == []


async def test_a_refund_that_its_bank_refuses_settles_the_return_and_asks_for_a_person(gone: Gone) -> None:
    """Given a charge that is disputed by then, then the goods are back, and a person is asked for the money."""
    await gone.ask()
    await gone.approve()
    await gone.receive()
    await gone.flow.stripe.dispute((await gone.shelf.row())["reference"])
    await gone.inspect()
    goods = await gone.end()
    assert (goods.status, (await gone.row()).refund_status) == (ReturnStatus.SETTLED, "failed")
    assert "refund 1 of 11.00 USD did not arrive" in (await gone.shelf.row())["attention"]
    assert await gone.shelf.left() == (5, 0)
