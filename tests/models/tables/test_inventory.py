"""Stock on real rows: nothing is promised twice, whatever happens at once, and the ledger explains every number."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from models import clock
from models.errors import Refusal
from models.ids import OrderId, VariantId, new_id
from models.inventory import MAIN, Drifted, Held
from models.tables import inventory
from tests import shop
from tests.models.tables.shelf import Shelf

MOVEMENTS = "SELECT kind, on_hand, held FROM stock_movements WHERE order_id = $1 ORDER BY id"


async def hold(shelf: Shelf, wanted: dict[VariantId, int], order: OrderId | None = None) -> OrderId:
    """Promise units to an order."""
    order = order or OrderId(new_id())
    async with shelf.database.writing() as writer:
        await inventory.hold(writer, order, wanted, clock.now() + timedelta(minutes=30), shop.NEW_YORK)
    return order


async def ship(shelf: Shelf, order: OrderId, units: dict[VariantId, int], shipment: UUID | None = None) -> None:
    """Units leave the house."""
    async with shelf.database.writing() as writer:
        await inventory.ship(writer, order, shipment or new_id(), MAIN, units)


async def release(shelf: Shelf, order: OrderId) -> int:
    """Give back what was not sent."""
    async with shelf.database.writing() as writer:
        return await inventory.release(writer, order, "test")


async def back(shelf: Shelf, order: OrderId, units: int, operation: str = "return/1") -> None:
    """Mugs come back from a buyer."""
    async with shelf.database.writing() as writer:
        await inventory.take_back(writer, operation, order, shelf.mug, MAIN, units, "warehouse", "unopened")


async def held(shelf: Shelf, order: OrderId) -> list[Held]:
    """What became of what it was promised."""
    async with shelf.database.reading() as reader:
        return await inventory.holds_of(reader, order)


async def drift(shelf: Shelf) -> list[Drifted]:
    """Numbers that their rows do not explain."""
    async with shelf.database.reading() as reader:
        return await inventory.drift(reader)


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
    assert await shelf.ask("SELECT count(*)::int, sum(open)::int FROM stock_holds") == [(10, 10)]
    assert await drift(shelf) == []


async def test_two_products_in_any_order_do_not_deadlock(shelf: Shelf) -> None:
    """Given orders of mug and cup and of cup and mug at once, then as many as there is room for come through."""
    both = [{shelf.mug: 1, shelf.cup: 1}, {shelf.cup: 1, shelf.mug: 1}]
    answers = await asyncio.gather(*(hold(shelf, both[each % 2]) for each in range(30)), return_exceptions=True)
    assert Counter(getattr(answer, "code", type(answer).__name__) for answer in answers) == {
        "UUID": 10, "out_of_stock": 20,
    }  # fmt: skip


async def test_paid_the_units_stay_until_they_are_sent(shelf: Shelf) -> None:
    """Given 3 held mugs, when they are paid, twice, then no number moves and the hold has no end any more."""
    order = await hold(shelf, {shelf.mug: 3})
    before = await shelf.ask("SELECT id FROM stock_movements")
    for _ in range(2):
        async with shelf.database.writing() as writer:
            await inventory.promise(writer, order)
    assert await shop.stock_of(shelf.database, shelf.mug) == (10, 3)
    assert await shelf.ask("SELECT open, until FROM stock_holds") == [(3, None)]
    assert await shelf.ask("SELECT id FROM stock_movements") == before


async def test_sent_the_units_are_out_of_the_house(shelf: Shelf) -> None:
    """Given 3 held mugs, when 2 are sent, then the last, each told twice, then each shipment left once."""
    order, first, second = await hold(shelf, {shelf.mug: 3}), new_id(), new_id()
    for _ in range(2):
        await ship(shelf, order, {shelf.mug: 2}, first)
    assert await shop.stock_of(shelf.database, shelf.mug) == (8, 1)
    assert await held(shelf, order) == [Held(shelf.mug, MAIN, 1, 2, 0)]
    for shipment in (second, first):
        await ship(shelf, order, {shelf.mug: 1}, shipment)
    assert await shop.stock_of(shelf.database, shelf.mug) == (7, 0)
    assert await shelf.ask(MOVEMENTS, order) == [("hold", 0, 3), ("commit", -2, -2), ("commit", -1, -1)]
    assert await drift(shelf) == []


async def test_more_than_is_held_is_not_sent(shelf: Shelf) -> None:
    """Given 3 held mugs and 2 cups, when 3 mugs and 3 cups are to be sent, then nothing leaves, and it says of what."""
    order = await hold(shelf, {shelf.mug: 3, shelf.cup: 2})
    with pytest.raises(Refusal) as refused:
        await ship(shelf, order, {shelf.mug: 3, shelf.cup: 3})
    assert refused.value.code == "not_held"
    assert refused.value.facts == {"items": [{"variant": shelf.cup, "requested": 3, "held": 2}]}
    assert [await shop.stock_of(shelf.database, each) for each in (shelf.mug, shelf.cup)] == [(10, 3), (10, 2)]
    assert len(await shelf.ask(MOVEMENTS, order)) == 2


async def test_a_release_puts_them_back(shelf: Shelf) -> None:
    """Given 3 held mugs, when they are released, twice, then 10 can be bought again, and the ledger has one release."""
    order = await hold(shelf, {shelf.mug: 3})
    assert [await release(shelf, order) for _ in range(2)] == [3, 0]
    assert await shop.stock_of(shelf.database, shelf.mug) == (10, 0)
    assert await shelf.ask(MOVEMENTS, order) == [("hold", 0, 3), ("release", 0, -3)]
    assert await held(shelf, order) == [Held(shelf.mug, MAIN, 0, 0, 3)]


async def test_only_what_was_not_sent_is_given_back(shelf: Shelf) -> None:
    """Given 5 held mugs of which 2 were sent, when the order is called off, then 3 go back on the shelf."""
    order = await hold(shelf, {shelf.mug: 5})
    await ship(shelf, order, {shelf.mug: 2})
    assert await release(shelf, order) == 3
    assert await shop.stock_of(shelf.database, shelf.mug) == (8, 0)
    assert await held(shelf, order) == [Held(shelf.mug, MAIN, 0, 2, 3)]
    assert await drift(shelf) == []


async def test_a_unit_is_sent_or_given_back_never_both(shelf: Shelf) -> None:
    """Given a hold that ended, when it is to end the other way, then nothing changes."""
    sent, called_off = await hold(shelf, {shelf.mug: 3}), await hold(shelf, {shelf.mug: 2})
    await ship(shelf, sent, {shelf.mug: 3})
    assert [await release(shelf, sent), await release(shelf, called_off)] == [0, 2]
    with pytest.raises(Refusal, match="does not hold so much"):
        await ship(shelf, called_off, {shelf.mug: 2})
    assert await shop.stock_of(shelf.database, shelf.mug) == (7, 0)


async def test_sent_and_called_off_at_once(shelf: Shelf) -> None:
    """Given shipments and releases of one hold at the same moment, then exactly one of them counts; ten times."""
    for _ in range(10):
        order = await hold(shelf, {shelf.mug: 3, shelf.cup: 2})
        units = {shelf.cup: 2, shelf.mug: 3}
        told = await asyncio.gather(
            *(ship(shelf, order, units) for _ in range(4)), *(release(shelf, order) for _ in range(4)),
            return_exceptions=True,
        )  # fmt: skip
        assert sorted(str(getattr(each, "code", each)) for each in told) in (
            ["0"] * 4 + ["None"] + ["not_held"] * 3, ["0"] * 3 + ["5"] + ["not_held"] * 4,
        )  # fmt: skip
        assert await drift(shelf) == []
        async with shelf.database.writing() as writer:  # as many as there were, for the next round
            for variant, most in ((shelf.mug, 10), (shelf.cup, 10)):
                missing = most - (await shop.stock_of(shelf.database, variant))[0]
                await inventory.receive(writer, variant, missing, "test", "again")


async def test_nothing_to_release_is_no_error(shelf: Shelf) -> None:
    """Given an order that never held anything, then releasing it changes nothing."""
    assert await release(shelf, OrderId(new_id())) == 0


async def test_what_was_sent_can_come_back(shelf: Shelf) -> None:
    """Given 3 mugs that were sent, when 2 come back, told twice, then they are on sale again, once."""
    order = await hold(shelf, {shelf.mug: 3})
    await ship(shelf, order, {shelf.mug: 3})
    for _ in range(2):
        await back(shelf, order, 2)
    assert await shop.stock_of(shelf.database, shelf.mug) == (9, 0)
    assert (await shelf.ask(MOVEMENTS, order))[-1] == ("return", 2, 0)
    assert await drift(shelf) == []


async def test_no_more_comes_back_than_went_out(shelf: Shelf) -> None:
    """Given 2 mugs that were sent and 1 that is held, when 1 is back and 2 more are to come, then that is refused."""
    order = await hold(shelf, {shelf.mug: 3})
    await ship(shelf, order, {shelf.mug: 2})
    await back(shelf, order, 1)
    with pytest.raises(Refusal) as refused:
        await back(shelf, order, 2, "return/2")
    assert (refused.value.code, refused.value.facts) == ("not_shipped", {"shipped": 2, "back": 1})
    assert await shop.stock_of(shelf.database, shelf.mug) == (9, 1)


async def test_the_same_return_many_times_at_once(shelf: Shelf) -> None:
    """Given one return told ten times at the same moment, then its goods come back once."""
    order = await hold(shelf, {shelf.mug: 3})
    await ship(shelf, order, {shelf.mug: 3})
    await asyncio.gather(*(back(shelf, order, 1) for _ in range(10)))
    assert await shop.stock_of(shelf.database, shelf.mug) == (8, 0)
    assert await drift(shelf) == []


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


@pytest.mark.parametrize("table", ["stock_levels", "stock"])
@pytest.mark.parametrize(
    ("change", "constraint"),
    [("held = 11", "never_oversold"), ("held = -1", "held_not_negative"), ("on_hand = -1, held = -1", "not_negative")],
)
async def test_postgres_itself_refuses_to_oversell(shelf: Shelf, table: str, change: str, constraint: str) -> None:
    """Given raw SQL that promises more than there is, or less than nothing, then the table refuses it."""
    with pytest.raises(sa.exc.IntegrityError, match=constraint):
        await shelf.tell(f"UPDATE {table} SET {change}")
    assert await drift(shelf) == []


async def test_one_order_holds_a_variant_once(shelf: Shelf) -> None:
    """Given an order that holds mugs, when it holds mugs again, then the rows refuse it and nothing more is held."""
    order = await hold(shelf, {shelf.mug: 1})
    with pytest.raises(sa.exc.IntegrityError):
        await hold(shelf, {shelf.mug: 1}, order)
    assert await shop.stock_of(shelf.database, shelf.mug) == (10, 1)


async def test_drift_finds_a_level_that_was_changed_by_hand(shelf: Shelf) -> None:
    """Given a level changed without a ledger row, then drift names the product and the place, with both numbers."""
    await hold(shelf, {shelf.cup: 2})
    await shelf.tell("UPDATE stock_levels SET on_hand = 12, held = 1 WHERE variant_id = :mug", mug=shelf.mug)
    assert await drift(shelf) == [
        Drifted("MUG", "main", "held", 1, 0), Drifted("MUG", "main", "holds", 1, 0),
        Drifted("MUG", "main", "on_hand", 12, 10),
    ]  # fmt: skip
    assert await shop.stock_of(shelf.database, shelf.mug) == (12, 1)


async def test_drift_finds_a_sum_that_was_changed_by_hand(shelf: Shelf) -> None:
    """Given a sum that is not that of the levels, or one of no level at all, then drift names them without a place."""
    async with shelf.database.writing() as writer:
        await shop.stock_product(writer, "JUG", 1)
    await shelf.tell("UPDATE stock SET on_hand = 12, held = 1 WHERE variant_id = :mug", mug=shelf.mug)
    await shelf.tell("DELETE FROM stock WHERE variant_id = (SELECT id FROM variants WHERE sku = 'JUG')")
    assert await drift(shelf) == [
        Drifted("JUG", None, "on_hand", 0, 1), Drifted("MUG", None, "held", 1, 0),
        Drifted("MUG", None, "on_hand", 12, 10),
    ]  # fmt: skip


async def test_drift_finds_a_hold_that_no_number_knows(shelf: Shelf) -> None:
    """Given a hold that was changed by hand, then drift says how much is held and how much is promised."""
    await hold(shelf, {shelf.cup: 2})
    await shelf.tell("UPDATE stock_holds SET open = 1")
    assert await drift(shelf) == [Drifted("CUP", "main", "holds", 2, 1)]


async def test_levels_of_many_places_are_summed_up(shelf: Shelf) -> None:
    """Given levels that come, change and go, several at once and by whatever statement, then the sums follow."""
    await shelf.tell(
        "INSERT INTO locations (id, code, name) VALUES (uuidv7(), 'east', 'East'), (uuidv7(), 'west', 'West')"
    )
    await shelf.tell(
        "INSERT INTO stock_levels (variant_id, location_id, on_hand, held) "
        "SELECT v.id, l.id, 5, 1 FROM variants v, locations l WHERE l.code <> 'main'"
    )
    assert [await shop.stock_of(shelf.database, each) for each in (shelf.mug, shelf.cup)] == [(20, 2)] * 2
    await shelf.tell("UPDATE stock_levels SET on_hand = on_hand + 1, held = 0 WHERE variant_id = :mug", mug=shelf.mug)
    assert [await shop.stock_of(shelf.database, each) for each in (shelf.mug, shelf.cup)] == [(23, 0), (20, 2)]
    await shelf.tell("DELETE FROM stock_levels WHERE held = 0 AND on_hand < 10")
    assert [await shop.stock_of(shelf.database, each) for each in (shelf.mug, shelf.cup)] == [(11, 0), (20, 2)]
