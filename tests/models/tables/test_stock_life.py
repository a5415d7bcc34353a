"""Whatever is done to stock in whatever order, allowed or not: Postgres has what a model on paper has, and no drift."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from models import clock
from models.allocation import RULES, Allocation
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import LocationId, OrderId, VariantId, new_id
from models.inventory import MAIN, Held, Movement
from models.tables import inventory, stockroom
from models.tables.location import locations
from models.tables.stockroom import Deed, Spot
from tests import shop
from tests.models.swept import sweep

T = TypeVar("T")
ORDERS, PLACES, GOODS = Bundle("orders"), st.integers(0, 2), st.integers(0, 1)
FEW = st.integers(1, 6)


class StockLife(RuleBasedStateMachine):
    """Two products in three houses, and orders that come and go."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = Database(self.url, size=2)
        self.places = [MAIN, LocationId(new_id()), LocationId(new_id())]
        self.goods = self.runner.run(self.open())
        self.levels = Counter({Spot(good, place): 0 for good in self.goods for place in self.places})
        self.held: Counter[Spot] = Counter()
        self.orders: dict[OrderId, dict[Spot, Held]] = {}
        self.back: Counter[tuple[OrderId, VariantId]] = Counter()

    async def open(self) -> list[VariantId]:
        async with self.database.writing() as writer:
            await sweep(writer)
            await shop.open_shop(writer)
            await writer.execute(
                sa.insert(locations),
                [{"id": place, "code": f"house-{n}", "name": "House", "country": "US"}
                 for n, place in enumerate(self.places) if n],
            )  # fmt: skip
            return [await shop.stock_product(writer, sku, 0) for sku in ("MUG", "CUP")]

    def teardown(self) -> None:
        self.runner.run(self.database.close())
        self.runner.close()

    def do(self, work: Callable[[Writer], Awaitable[T]]) -> T | str:
        """What it answers, or the code of its refusal; a transaction of its own."""

        async def act() -> T:
            async with self.database.writing() as writer:
                return await work(writer)

        try:
            return self.runner.run(act())
        except Refusal as refusal:
            return refusal.code

    @rule(good=GOODS, place=PLACES, units=FEW)
    def receive(self, good: int, place: int, units: int) -> None:
        spot = Spot(self.goods[good], self.places[place])
        self.do(lambda w: inventory.receive(w, spot.variant, units, "test", "delivery", spot.location))
        self.levels[spot] += units

    @rule(target=ORDERS, mugs=st.integers(0, 6), cups=FEW, how=st.sampled_from(list(Allocation)))
    def hold(self, mugs: int, cups: int, how: Allocation) -> OrderId:
        order, until = OrderId(new_id()), clock.now() + timedelta(minutes=5)
        wanted = {good: units for good, units in zip(self.goods, (mugs, cups), strict=True) if units}
        said = self.do(lambda w: inventory.hold(w, order, wanted, until, shop.NEW_YORK, RULES[how]))
        there = {good: sum(self.levels[s] - self.held[s] for s in self.levels if s.variant == good) for good in wanted}
        assert said == ("out_of_stock" if any(there[good] < wanted[good] for good in wanted) else {})
        portions: list[Held] = [] if said else self.holds(order)
        assert Counter({v: sum(p.open for p in portions if p.variant == v) for v in wanted}) == (
            Counter() if said else wanted
        )
        self.orders[order] = {Spot(each.variant, each.location): each for each in portions}
        for spot, each in self.orders[order].items():
            assert (each.shipped, each.released) == (0, 0)
            self.held[spot] += each.open
            assert self.held[spot] <= self.levels[spot]
        return order

    @rule(order=ORDERS)
    def promise(self, order: OrderId) -> None:
        self.do(lambda w: inventory.promise(w, order))

    @rule(order=ORDERS, place=PLACES, mugs=st.integers(0, 4), cups=st.integers(1, 4), again=st.booleans())
    def ship(self, order: OrderId, place: int, mugs: int, cups: int, again: bool) -> None:
        location, shipment = self.places[place], new_id()
        units = {good: quantity for good, quantity in zip(self.goods, (mugs, cups), strict=True) if quantity}
        mine = self.orders[order]
        open_ = {good: mine[Spot(good, location)].open if Spot(good, location) in mine else 0 for good in units}
        fits = all(units[good] <= open_[good] for good in units)
        for _ in range(2 if again and fits else 1):
            said = self.do(lambda w: inventory.ship(w, order, shipment, location, units))
            assert said == (None if fits else "not_held")
        for good, quantity in units.items() if fits else ():
            spot = Spot(good, location)
            was = mine[spot]
            mine[spot] = Held(good, location, was.open - quantity, was.shipped + quantity, was.released)
            self.levels[spot] -= quantity
            self.held[spot] -= quantity

    @rule(order=consumes(ORDERS))
    def release(self, order: OrderId) -> None:
        mine = self.orders[order]
        assert self.do(lambda w: inventory.release(w, order, "test")) == sum(each.open for each in mine.values())
        for spot, was in mine.items():
            self.held[spot] -= was.open
            mine[spot] = Held(was.variant, was.location, 0, was.shipped, was.released + was.open)
        assert self.do(lambda w: inventory.release(w, order, "test")) == 0

    @rule(order=ORDERS, good=GOODS, place=PLACES, units=FEW)
    def take_back(self, order: OrderId, good: int, place: int, units: int) -> None:
        spot, operation = Spot(self.goods[good], self.places[place]), f"return/{new_id()}"
        sent = sum(each.shipped for each in self.orders[order].values() if each.variant == spot.variant)
        fits = self.back[order, spot.variant] + units <= sent
        for _ in range(2 if fits else 1):
            said = self.do(
                lambda w: inventory.take_back(
                    w, operation, order, spot.variant, spot.location, units, "test", "did not fit"
                )
            )
            assert said == (None if fits else "not_shipped")
        if fits:
            self.back[order, spot.variant] += units
            self.levels[spot] += units

    @rule(good=GOODS, place=PLACES, by=st.integers(-5, 5))
    def adjust(self, good: int, place: int, by: int) -> None:
        spot, deed = (
            Spot(self.goods[good], self.places[place]),
            Deed(f"adjust/{new_id()}", Movement.ADJUST, "test", "x"),
        )

        async def act(writer: Writer) -> None:
            for _ in range(2):
                await stockroom.change(writer, deed, await stockroom.lock(writer, [spot]), {spot: by})

        fits = self.levels[spot] + by >= self.held[spot]
        assert self.do(act) == (None if fits else "stock_is_held")
        self.levels[spot] += by if fits else 0

    @rule(good=GOODS, source=PLACES, further=st.integers(1, 2), units=FEW)
    def transfer(self, good: int, source: int, further: int, units: int) -> None:
        out = Spot(self.goods[good], self.places[source])
        into = Spot(self.goods[good], self.places[(source + further) % 3])
        said = self.do(
            lambda w: stockroom.transfer(
                w, f"transfer/{new_id()}", out.location, into.location, {out.variant: units}, "test", "balance"
            )
        )
        fits = self.levels[out] - units >= self.held[out]
        assert said == (None if fits else "stock_is_held")
        if fits:
            self.levels[out] -= units
            self.levels[into] += units

    def holds(self, order: OrderId) -> list[Held]:
        found = self.do(lambda w: inventory.holds_of(w, order))
        assert not isinstance(found, str)
        return found

    @invariant()
    def agrees(self) -> None:
        """Levels, sums and holds are those on paper, and nothing drifts."""

        async def read() -> tuple[list[Any], list[Any], list[Any]]:
            async with self.database.reading() as reader:
                drift = await inventory.drift(reader)
            levels = await self.database.fetch("SELECT variant_id, location_id, on_hand, held FROM stock_levels")
            return drift, levels, await self.database.fetch("SELECT variant_id, on_hand, held FROM stock")

        drift, levels, sums = self.runner.run(read())
        assert drift == []
        seen = {Spot(row["variant_id"], row["location_id"]): (row["on_hand"], row["held"]) for row in levels}
        assert {spot: numbers for spot, numbers in seen.items() if any(numbers)} == {
            spot: (units, self.held[spot]) for spot, units in self.levels.items() if units or self.held[spot]
        }
        assert {row["variant_id"]: (row["on_hand"], row["held"]) for row in sums} == {
            good: (sum(n for s, n in self.levels.items() if s.variant == good),
                   sum(n for s, n in self.held.items() if s.variant == good)) for good in self.goods
        }  # fmt: skip
        for order, mine in self.orders.items():
            assert {Spot(each.variant, each.location): each for each in self.holds(order)} == mine


def test_stock_lives_as_on_paper(swept_url: str) -> None:
    """Given deeds in any order, then after each the rows are those of the model."""
    StockLife.url = swept_url
    run_state_machine_as_test(
        StockLife,
        settings=settings(max_examples=12, stateful_step_count=25, deadline=None,
                          suppress_health_check=list(HealthCheck)),
    )  # fmt: skip
