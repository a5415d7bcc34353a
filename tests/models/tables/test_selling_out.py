"""A thousand buyers and a hundred units in three houses: a hundred are sold, from wherever they lie, and no more."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import clock
from models.address import Address
from models.allocation import RULES, Allocation
from models.errors import Refusal, Unavailable
from models.ids import LocationId, OrderId, new_id
from models.inventory import MAIN
from models.tables import inventory
from models.tables.location import locations
from tests import shop
from tests.models.tables.shelf import Shelf

UNITS = 100
LIES = {"main": 10, "berlin": 60, "york": 30}


async def spread(shelf: Shelf) -> dict[str, LocationId]:
    """The mugs in three houses, a hundred of them; the ids of the houses."""
    houses = {"main": MAIN, "berlin": LocationId(new_id()), "york": LocationId(new_id())}
    async with shelf.database.writing() as writer:
        await writer.execute(
            sa.insert(locations),
            [{"id": houses["berlin"], "code": "berlin", "name": "Berlin", "country": "DE", "region": "BE"},
             {"id": houses["york"], "code": "york", "name": "New York", "country": "US", "region": "NY"}],
        )  # fmt: skip
        for code in ("berlin", "york"):
            await inventory.receive(writer, shelf.mug, LIES[code], "test", "first stock", houses[code])
    return houses


async def lying(shelf: Shelf) -> dict[str, tuple[int, int]]:
    """(on hand, held) of the mugs by location."""
    rows = await shelf.ask(
        "SELECT o.code, l.on_hand, l.held FROM stock_levels l JOIN locations o ON o.id = l.location_id "
        "WHERE l.variant_id = $1", shelf.mug,
    )  # fmt: skip
    return {code: (on_hand, held) for code, on_hand, held in rows}


async def hold(shelf: Shelf, quantity: int, to: Address, rule: Allocation) -> OrderId:
    """An order of some mugs."""
    order = OrderId(new_id())
    until = clock.now() + timedelta(minutes=30)
    while True:
        try:
            async with shelf.database.writing() as writer:
                await inventory.hold(writer, order, {shelf.mug: quantity}, until, to, RULES[rule])
            return order
        except Unavailable:  # a thousand at ten connections: as Temporal does, they ask again
            continue


@pytest.mark.parametrize(
    ("rule", "buyers"),
    [(Allocation.FEWEST_PARCELS, 1000), (Allocation.NEAREST, 250), (Allocation.MOST_STOCK, 250)],
)
async def test_a_thousand_buyers_for_a_hundred_units_in_three_houses(
    shelf: Shelf, rule: Allocation, buyers: int
) -> None:
    """Given ever so many orders of one unit at once, then a hundred hold one, the others are told, and half of the
    hundred sent and half called off the ledger explains what is left."""
    houses = await spread(shelf)
    answers = await asyncio.gather(
        *(hold(shelf, 1, (shop.NEW_YORK, shop.BERLIN)[n % 2], rule) for n in range(buyers)), return_exceptions=True
    )
    assert Counter(each.code if isinstance(each, Refusal) else type(each).__name__ for each in answers) == {
        "UUID": UNITS, "out_of_stock": buyers - UNITS,
    }  # fmt: skip
    assert await lying(shelf) == {code: (units, units) for code, units in LIES.items()}
    assert await shop.stock_of(shelf.database, shelf.mug) == (UNITS, UNITS)

    async def end(order: OrderId, sent: bool) -> None:
        async with shelf.database.writing() as writer:
            if not sent:
                await inventory.release(writer, order, "test")
                return
            await inventory.promise(writer, order)
            [held] = await inventory.holds_of(writer, order)
            await inventory.ship(writer, order, new_id(), held.location, {shelf.mug: held.open})

    placed = [OrderId(each) for each in answers if not isinstance(each, BaseException)]
    await asyncio.gather(*(end(order, place % 2 == 0) for place, order in enumerate(placed)))
    assert await shop.stock_of(shelf.database, shelf.mug) == (UNITS // 2, 0)
    sent = await shelf.ask("SELECT location_id, count(*)::int FROM stock_movements WHERE kind = 'commit' GROUP BY 1")
    gone: dict[LocationId, int] = dict(sent)
    assert await lying(shelf) == {code: (units - gone.get(houses[code], 0), 0) for code, units in LIES.items()}
    async with shelf.database.reading() as reader:
        assert await inventory.drift(reader) == []


async def test_an_order_is_served_from_two_houses_or_not_at_all(shelf: Shelf) -> None:
    """Given 60 units in the fullest house, when 75 are wanted, then two houses give them; when 26 more, none does."""
    await spread(shelf)
    await hold(shelf, 75, shop.NEW_YORK, Allocation.FEWEST_PARCELS)
    assert await lying(shelf) == {"main": (10, 0), "berlin": (60, 60), "york": (30, 15)}
    with pytest.raises(Refusal) as refused:
        await hold(shelf, 26, shop.NEW_YORK, Allocation.FEWEST_PARCELS)
    assert refused.value.facts == {"items": [{"sku": "MUG", "requested": 26, "available": 25}]}
    assert await lying(shelf) == {"main": (10, 0), "berlin": (60, 60), "york": (30, 15)}


async def test_buyers_of_many_things_in_many_houses_do_not_wait_in_a_circle(shelf: Shelf) -> None:
    """Given orders of mugs and cups, sent and called off side by side in three houses, then all come to their end."""
    houses = await spread(shelf)
    async with shelf.database.writing() as writer:
        for location in houses.values():
            for variant in (shelf.mug, shelf.cup):
                await inventory.receive(writer, variant, 60, "test", "enough for all of them at once", location)
    dice = random.Random(5)

    async def live(rule: Allocation, both: list[int], sent: bool) -> None:
        order = OrderId(new_id())
        wanted = dict(zip((shelf.mug, shelf.cup), both, strict=True))
        until = clock.now() + timedelta(minutes=30)
        async with shelf.database.writing() as writer:
            await inventory.hold(
                writer, order, dict(sorted(wanted.items(), reverse=sent)), until, shop.BERLIN, RULES[rule]
            )
        async with shelf.database.writing() as writer:
            if not sent:
                await inventory.release(writer, order, "test")
                return
            for held in await inventory.holds_of(writer, order):
                await inventory.ship(writer, order, new_id(), held.location, {held.variant: held.open})

    lives = [(dice.choice(list(Allocation)), [dice.randint(1, 3), dice.randint(1, 3)], n % 3 == 0) for n in range(60)]
    async with asyncio.timeout(60):
        await asyncio.gather(*(live(*each) for each in lives))
    mugs, cups = (sum(both[place] for _, both, sent in lives if sent) for place in (0, 1))
    assert await shop.stock_of(shelf.database, shelf.mug) == (280 - mugs, 0)
    assert await shop.stock_of(shelf.database, shelf.cup) == (190 - cups, 0)
    async with shelf.database.reading() as reader:
        assert await inventory.drift(reader) == []
