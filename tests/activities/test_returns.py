"""Returns step by step on real rows: each once however often it runs, and Postgres itself refuses a unit twice."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from temporalio.testing import ActivityEnvironment

from activities.checkout import PlaceOrder
from activities.exchanges import EndExchange, ExchangeActivities, ExchangeSeen, ExchangeStep
from activities.orders import ConfirmOrder
from activities.returns import (
    DecideReturn,
    EndReturn,
    InspectGoods,
    NoteReturned,
    OpenReturn,
    ReturnActivities,
    ReturnOpened,
)
from activities.shipments import SendParcel
from models import clock
from models.errors import Refusal
from models.exchange import ExchangeStanding
from models.ids import LocationId, OrderId, new_id
from models.inventory import MAIN
from models.money import Money
from models.returns import InspectedItem, InspectionWish, ReturnItem, ReturnStatus, ReturnWish
from models.tables import inventory, refund_end
from models.tables.location import locations
from tests.activities.till import Rows, Till
from tests.workflows.steps import asked_by

MONTH = timedelta(days=30)


class Gone:
    """An order of two mugs that is paid and sent, and its returns."""

    def __init__(self, till: Till, order: OrderId) -> None:
        self.till = till
        self.order = order
        self.steps = ReturnActivities(till.database, MONTH)

    def wish(self, units: int = 2, key: str = "key") -> ReturnWish:
        """What is to go back."""
        return ReturnWish(key, "too small", "buyer", (ReturnItem("MUG", units),), "digest")

    async def ask(self, units: int = 2, n: int = 1, key: str = "key") -> ReturnOpened:
        """Ask for a return."""
        request = OpenReturn(self.order, n, self.wish(units, key))
        opened: ReturnOpened = await ActivityEnvironment().run(self.steps.open_return, request)
        return opened

    async def approve(self) -> Rows:
        """Staff say yes, twice."""
        until = clock.now() + MONTH
        return await self.till.twice(
            self.steps.decide_return, DecideReturn(self.order, 1, True, "bob", "as asked", until)
        )

    async def receive(self) -> Rows:
        """All of it comes, twice."""
        return await self.till.twice(self.steps.receive_return, NoteReturned(self.order, 1, "bob"))

    async def inspect(self, **changes: Any) -> Rows:
        """All of it is good, unless said otherwise; twice."""
        wish = InspectionWish(**{"actor": "bob", **changes})
        return await self.till.twice(self.steps.inspect_return, InspectGoods(self.order, 1, wish))

    async def returned(self) -> int:
        """Units that are set apart, or back."""
        [(units,)] = await self.till.ask("SELECT returned FROM order_lines WHERE order_id = $1", self.order)
        return int(units)

    async def agree(self) -> None:
        """Rows and ledgers tell one story."""
        async with self.till.database.reading() as reader:
            assert await inventory.drift(reader) == []
            assert [row for row in await refund_end.drift(reader) if row.what.startswith("reserved")] == []


@pytest.fixture
async def gone(till: Till) -> Gone:
    """Two mugs that were sent."""
    placed = await till.placed(await till.cart({"MUG": 2}), 2700)
    run = ActivityEnvironment().run
    async with till.database.writing() as writer:
        await writer.execute(
            sa.text("UPDATE payments SET status = 'authorized', reference = 'pi_1' WHERE order_id = :order"),
            {"order": placed.order_id},
        )
    await run(till.orders.confirm_order, ConfirmOrder(placed.order_id, placed.payment_id, "stripe", placed.due))
    await run(till.shipments.send_parcel, SendParcel(placed.order_id, 1, "UPS", "1Z", "bob"))
    return Gone(till, placed.order_id)


async def test_each_step_is_done_once(gone: Gone) -> None:
    """Given each step run twice, then the second time no row of the house changes, to the end."""
    await gone.till.twice(gone.steps.open_return, OpenReturn(gone.order, 1, gone.wish()))
    await gone.approve()
    await gone.receive()
    await gone.inspect()
    await gone.till.twice(gone.steps.settle_return, EndReturn(gone.order, 1))
    assert await gone.till.ask("SELECT status, refund_n FROM returns") == [("settled", 1)]
    assert await gone.till.ask("SELECT n, status, amount FROM refunds") == [(1, "open", 2200)]
    assert await gone.till.ask("SELECT fulfilment_status FROM orders") == [("returned",)]
    await gone.agree()


async def exchange(gone: Gone) -> ExchangeActivities:
    """Two cups are wanted for the two mugs, which have come back."""
    gone.steps = ReturnActivities(gone.till.database, MONTH, b"key")
    wish = msgspec.structs.replace(gone.wish(), items=(ReturnItem("MUG", 2, "CUP"),))
    await gone.till.twice(gone.steps.open_return, OpenReturn(gone.order, 1, wish))
    await gone.approve()
    await gone.receive()
    await gone.inspect()
    return ExchangeActivities(gone.till.database)


async def test_an_exchange_is_ended_once(gone: Gone) -> None:
    """Given goods that are wanted for others, then each step run twice changes no row the second time."""
    steps, run = await exchange(gone), ActivityEnvironment().run
    step = ExchangeStep(gone.order, 1)
    await gone.till.twice(steps.prepare_exchange, step)
    purchase = await run(steps.prepare_exchange, step)
    assert purchase is not None
    assert (purchase.expected_total, purchase.expected_due) == (Money(2200, "usd"), Money(0, "usd"))
    await gone.till.twice(steps.read_exchange, step)
    assert await run(steps.read_exchange, step) == ExchangeSeen(ExchangeStanding.WAITING)
    await gone.till.twice(steps.end_exchange, EndExchange(gone.order, 1))
    assert await gone.till.ask("SELECT status, price, paid FROM exchanges") == [("done", 2200, 2200)]
    await run(steps.end_exchange, EndExchange(gone.order, 1, "out_of_stock"))
    assert await gone.till.ask("SELECT status, why FROM exchanges") == [("done", None)]
    assert await gone.till.ask("SELECT status, gift_card, card_id IS NULL FROM refunds") == [("open", True, False)]
    await gone.agree()


async def test_an_exchange_of_which_nothing_comes_is_a_refund_like_any(gone: Gone) -> None:
    """Given an order of an exchange that was refused, then the gift card that carried the money is empty, once."""
    steps, run = await exchange(gone), ActivityEnvironment().run
    purchase = await run(steps.prepare_exchange, ExchangeStep(gone.order, 1))
    assert purchase is not None
    dearer = msgspec.structs.replace(purchase, expected_total=Money(7, "usd"))
    await run(gone.till.checkout.place_order, PlaceOrder(dearer))
    seen = await run(steps.read_exchange, ExchangeStep(gone.order, 1))
    assert seen == ExchangeSeen(ExchangeStanding.ENDED, "price_changed")
    await gone.till.twice(steps.end_exchange, EndExchange(gone.order, 1, seen.why))
    assert await gone.till.ask("SELECT status, why FROM exchanges") == [("refunded", "price_changed")]
    assert await gone.till.ask("SELECT status, gift_card, card_id IS NULL FROM refunds") == [("open", False, True)]
    cards = "SELECT balance, archived_at IS NULL FROM credit_accounts"
    assert await gone.till.ask(cards) == [(0, False)]
    await gone.agree()


async def test_what_ends_without_goods_gives_its_units_back(gone: Gone) -> None:
    """Given a return that is rejected and one that expires, each told twice, then their units are the buyer's."""
    await gone.ask()
    no = DecideReturn(gone.order, 1, False, "bob", "worn", clock.now())
    await gone.till.twice(gone.steps.decide_return, no)
    assert await gone.returned() == 0
    assert (await gone.ask(2, 2, "again")).goods is not None
    yes = DecideReturn(gone.order, 2, True, "bob", "well", clock.now())
    await ActivityEnvironment().run(gone.steps.decide_return, yes)
    await gone.till.twice(gone.steps.expire_return, EndReturn(gone.order, 2))
    assert await gone.returned() == 0
    assert await gone.till.ask("SELECT status FROM returns ORDER BY n") == [("rejected",), ("expired",)]


async def test_many_at_once_get_what_there_is(gone: Gone) -> None:
    """Given ten who ask for one of two units each, under numbers that they race for, then two are taken on."""

    async def insist(key: int) -> str:
        while True:
            [(n,)] = await gone.till.ask("SELECT count(*)::int + 1 FROM returns")
            outcome = await gone.ask(1, n, f"key-{key}")
            if outcome.refusal is None or outcome.refusal.code != "return_superseded":
                return outcome.refusal.code if outcome.refusal else "taken"

    outcomes = await asyncio.gather(*(insist(key) for key in range(10)))

    assert sorted(outcomes) == ["nothing_to_return"] * 8 + ["taken"] * 2
    assert await gone.returned() == 2


async def test_the_table_itself_refuses_a_unit_twice(gone: Gone) -> None:
    """Given raw SQL, then no position takes back more than has left, and no return more than was asked for."""
    await gone.ask()
    for statement, rule in (
        ("UPDATE order_lines SET returned = 3", "no_unit_comes_back_twice"),
        ("UPDATE order_lines SET returned = -1", "no_unit_comes_back_twice"),
        ("UPDATE return_lines SET received = 3", "no_more_than_asked"),
        ("UPDATE return_lines SET received = 1, restocked = 1, written_off = 1", "no_more_than_came"),
    ):
        with pytest.raises(sa.exc.IntegrityError, match=rule):
            async with gone.till.database.writing() as writer:
                await writer.exec_driver_sql(statement)


async def test_goods_lie_where_they_are_put(gone: Gone) -> None:
    """Given another location, then goods are put there; one that is archived or unknown takes none."""
    outlet, closed = LocationId(new_id()), LocationId(new_id())
    async with gone.till.database.writing() as writer:
        await writer.execute(
            sa.insert(locations),
            [{"id": outlet, "code": "outlet", "name": "Outlet", "country": "US", "archived_at": None},
             {"id": closed, "code": "closed", "name": "Closed", "country": "US", "archived_at": clock.now()}],
        )  # fmt: skip
    await gone.ask()
    await gone.approve()
    await gone.receive()
    for code in ("closed", "nowhere"):
        with pytest.raises(Refusal) as no:
            await gone.inspect(location=code)
        assert no.value.code == "location_unknown"
    assert await gone.till.ask("SELECT status FROM returns") == [("received",)]
    await gone.inspect(location="outlet", items=(InspectedItem("MUG", 1, 1),), fee=Money(200, "usd"))
    assert await gone.till.ask(
        "SELECT l.location_id = $1, l.on_hand FROM stock_levels l WHERE l.variant_id = $2 ORDER BY l.on_hand",
        MAIN, gone.till.mug,
    ) == [(False, 1), (True, 8)]  # fmt: skip
    assert await gone.till.ask("SELECT amount FROM refunds") == [(2000,)]
    await gone.agree()


async def test_a_step_out_of_turn_changes_nothing(gone: Gone) -> None:
    """Given a return that was just asked for, then the rows themselves refuse every step but a decision."""
    await gone.ask()
    before = await gone.till.rows()
    run = ActivityEnvironment().run
    steps: tuple[tuple[Any, Any], ...] = (
        (gone.steps.receive_return, NoteReturned(gone.order, 1, "bob")),
        (gone.steps.inspect_return, InspectGoods(gone.order, 1, InspectionWish("bob"))),
        (gone.steps.settle_return, EndReturn(gone.order, 1)),
        (gone.steps.expire_return, EndReturn(gone.order, 1)),
    )
    for step, request in steps:
        with pytest.raises(Refusal) as no:
            await run(step, request)
        assert (no.value.code, no.value.facts) == ("wrong_move", {"status": ReturnStatus.REQUESTED})
    assert await gone.till.rows() == before


def test_every_step_is_here() -> None:
    """Given the workflow, then these tests run each of its own steps."""
    own = asked_by("return_goods") - asked_by("refund") - asked_by("order")
    assert own == {
        "open_return", "decide_return", "receive_return", "inspect_return", "settle_return", "expire_return",
        "prepare_exchange", "read_exchange", "end_exchange",
    }  # fmt: skip
