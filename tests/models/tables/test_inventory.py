"""Stock on real rows: nothing is promised twice, whatever happens at once, and the ledger explains every number."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import clock
from models.errors import Refusal
from models.ids import OrderId, VariantId, new_id
from models.inventory import HoldStatus
from models.tables import inventory
from tests import shop
from tests.models.tables.shelf import Shelf

MOVEMENTS = "SELECT kind, on_hand, held FROM stock_movements WHERE order_id = $1 ORDER BY id"


async def hold(shelf: Shelf, wanted: dict[VariantId, int], order: OrderId | None = None) -> OrderId:
    """Promise units to an order."""
    order = order or OrderId(new_id())
    async with shelf.database.writing() as writer:
        await inventory.hold(writer, order, wanted, clock.now() + timedelta(minutes=30))
    return order


async def settle(shelf: Shelf, order: OrderId, end: HoldStatus) -> int:
    """End its holds."""
    async with shelf.database.writing() as writer:
        return await inventory.settle_holds(writer, order, end, "test")


async def drift(shelf: Shelf) -> list[tuple[object, ...]]:
    """Numbers that the ledger does not explain."""
    async with shelf.database.reading() as reader:
        return [tuple(row) for row in await inventory.drift(reader)]


async def test_a_hold_promises_without_selling(shelf: Shelf) -> None:
    """Given 10 mugs, when 3 are held, then 10 are still in the house, 3 of them promised, and the ledger says so."""
    order = await hold(shelf, {shelf.mug: 3})
    assert await shop.stock_of(shelf.database, shelf.mug) == (10, 3)
    assert await shelf.ask(MOVEMENTS, order) == [("hold", 0, 3)]
    assert await drift(shelf) == []


async def test_all_or_none(shelf: Shelf) -> None:
    """Given 10 mugs and 10 cups, when 3 mugs and 11 cups are wanted, then nothing is held, and it says of what."""
    with pytest.raises(Refusal) as refused:
        await hold(shelf, {shelf.mug: 3, shelf.cup: 11})
    assert refused.value.code == "out_of_stock"
    assert refused.value.facts == {"items": [{"sku": "CUP", "requested": 11, "available": 10}]}
    for variant in (shelf.mug, shelf.cup):
        assert await shop.stock_of(shelf.database, variant) == (10, 0)
    assert await shelf.ask("SELECT 1 FROM stock_holds") == []


async def test_what_others_hold_is_not_available(shelf: Shelf) -> None:
    """Given 8 of 10 mugs held by another order, then 3 more are refused with the 2 that are left."""
    await hold(shelf, {shelf.mug: 8})
    with pytest.raises(Refusal) as refused:
        await hold(shelf, {shelf.mug: 3})
    assert refused.value.facts == {"items": [{"sku": "MUG", "requested": 3, "available": 2}]}
    await hold(shelf, {shelf.mug: 2})
    assert await shop.stock_of(shelf.database, shelf.mug) == (10, 10)


async def test_a_variant_without_stock_has_none(shelf: Shelf) -> None:
    """Given a variant that was never received, then none of it can be held."""
    with pytest.raises(Refusal) as refused:
        await hold(shelf, {VariantId(new_id()): 1})
    assert refused.value.facts["items"][0]["available"] == 0


async def test_a_hundred_buyers_for_ten_units(shelf: Shelf) -> None:
    """Given 10 mugs and 100 orders at once, then exactly 10 hold one and 90 are told there is none."""
    answers = await asyncio.gather(*(hold(shelf, {shelf.mug: 1}) for _ in range(100)), return_exceptions=True)
    assert Counter(getattr(answer, "code", "held") for answer in answers) == {"held": 10, "out_of_stock": 90}
    assert await shop.stock_of(shelf.database, shelf.mug) == (10, 10)
    assert await shelf.ask("SELECT count(*)::int, sum(quantity)::int FROM stock_holds") == [(10, 10)]
    assert await drift(shelf) == []


async def test_two_products_in_any_order_do_not_deadlock(shelf: Shelf) -> None:
    """Given orders of mug and cup and of cup and mug at once, then as many as there is room for come through."""
    both = [{shelf.mug: 1, shelf.cup: 1}, {shelf.cup: 1, shelf.mug: 1}]
    answers = await asyncio.gather(*(hold(shelf, both[each % 2]) for each in range(30)), return_exceptions=True)
    assert Counter(getattr(answer, "code", type(answer).__name__) for answer in answers) == {
        "UUID": 10, "out_of_stock": 20,
    }  # fmt: skip


async def test_a_sale_takes_the_units_out_of_the_house(shelf: Shelf) -> None:
    """Given 3 held mugs, when they are sold, twice, then 7 are left, none is held, and the ledger has one sale."""
    order = await hold(shelf, {shelf.mug: 3})
    assert [await settle(shelf, order, HoldStatus.COMMITTED) for _ in range(2)] == [3, 0]
    assert await shop.stock_of(shelf.database, shelf.mug) == (7, 0)
    assert await shelf.ask(MOVEMENTS, order) == [("hold", 0, 3), ("commit", -3, -3)]
    assert await drift(shelf) == []


async def test_a_release_puts_them_back(shelf: Shelf) -> None:
    """Given 3 held mugs, when they are released, twice, then 10 can be bought again, and the ledger has one release."""
    order = await hold(shelf, {shelf.mug: 3})
    assert [await settle(shelf, order, HoldStatus.RELEASED) for _ in range(2)] == [3, 0]
    assert await shop.stock_of(shelf.database, shelf.mug) == (10, 0)
    assert await shelf.ask(MOVEMENTS, order) == [("hold", 0, 3), ("release", 0, -3)]


@pytest.mark.parametrize(("first", "then"), [("committed", "released"), ("released", "committed")])
async def test_a_hold_ends_one_way(shelf: Shelf, first: str, then: str) -> None:
    """Given a hold that ended, when it is ended the other way, then nothing changes."""
    order = await hold(shelf, {shelf.mug: 3})
    await settle(shelf, order, HoldStatus(first))
    before = await shop.stock_of(shelf.database, shelf.mug)
    assert await settle(shelf, order, HoldStatus(then)) == 0
    assert await shop.stock_of(shelf.database, shelf.mug) == before
    assert await shelf.ask("SELECT status FROM stock_holds") == [(first,)]


async def test_ended_both_ways_at_once_a_hold_ends_one_way(shelf: Shelf) -> None:
    """Given sale and release of one hold at the same moment, then exactly one of them counts."""
    order = await hold(shelf, {shelf.mug: 3, shelf.cup: 2})
    settled = await asyncio.gather(*(settle(shelf, order, HoldStatus(end)) for end in ("committed", "released") * 5))
    assert sorted(settled) == [0] * 9 + [5]
    assert await drift(shelf) == []


async def test_nothing_to_settle_is_no_error(shelf: Shelf) -> None:
    """Given an order that never held anything, then settling it changes nothing."""
    assert await settle(shelf, OrderId(new_id()), HoldStatus.RELEASED) == 0


async def test_goods_come_in(shelf: Shelf) -> None:
    """Given 10 mugs of which 4 are held, when 5 more come in, then there are 15, and the ledger says from whom."""
    await hold(shelf, {shelf.mug: 4})
    async with shelf.database.writing() as writer:
        await inventory.receive(writer, shelf.mug, 5, "warehouse", "delivery 7")
    assert await shop.stock_of(shelf.database, shelf.mug) == (15, 4)
    assert await shelf.ask(
        "SELECT kind, on_hand, actor, reason FROM stock_movements "
        "WHERE variant_id = $1 AND order_id IS NULL ORDER BY id",
        shelf.mug,
    ) == [("receive", 10, "test", "first stock"), ("receive", 5, "warehouse", "delivery 7")]
    assert await drift(shelf) == []


@pytest.mark.parametrize(
    ("change", "constraint"),
    [("held = 11", "never_oversold"), ("held = -1", "held_not_negative"), ("on_hand = -1, held = -1", "not_negative")],
)
async def test_postgres_itself_refuses_to_oversell(shelf: Shelf, change: str, constraint: str) -> None:
    """Given raw SQL that promises more than there is, or less than nothing, then the table refuses it."""
    with pytest.raises(sa.exc.IntegrityError, match=constraint):
        await shelf.tell(f"UPDATE stock SET {change}")
    assert await drift(shelf) == []


async def test_one_order_holds_a_variant_once(shelf: Shelf) -> None:
    """Given an order that holds mugs, when it holds mugs again, then the rows refuse it and nothing more is held."""
    order = await hold(shelf, {shelf.mug: 1})
    with pytest.raises(sa.exc.IntegrityError):
        await hold(shelf, {shelf.mug: 1}, order)
    assert await shop.stock_of(shelf.database, shelf.mug) == (10, 1)


async def test_drift_finds_a_number_that_was_changed_by_hand(shelf: Shelf) -> None:
    """Given stock changed without a ledger row, then drift names that product with both numbers."""
    await hold(shelf, {shelf.cup: 2})
    await shelf.tell("UPDATE stock SET on_hand = 12, held = 1 WHERE variant_id = :mug", mug=shelf.mug)
    assert await drift(shelf) == [("MUG", 12, 1, 10, 0)]


async def test_drift_finds_stock_that_nothing_explains(shelf: Shelf) -> None:
    """Given a stock row without any movement, then drift names it."""
    async with shelf.database.writing() as writer:
        jug = await shop.stock_product(writer, "JUG", 0)
    await shelf.tell("UPDATE stock SET on_hand = 1 WHERE variant_id = :jug", jug=jug)
    assert await drift(shelf) == [("JUG", 1, 0, 0, 0)]
