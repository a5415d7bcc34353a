"""What people do to levels by hand: correct them, count them, move goods from one location to another."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

import msgspec

from models.database import Reader, Writer
from models.errors import Refusal
from models.ids import LocationId, VariantId, new_id
from models.inventory import MOST_ON_LEVEL, Movement
from models.tables.base import plain_uuid
from models.tables.location import must_be_open

_ENSURE = """
INSERT INTO stock_levels (variant_id, location_id, on_hand)
SELECT v, o, 0 FROM unnest($1::uuid[], $2::uuid[]) AS p (v, o) ORDER BY v, o ON CONFLICT DO NOTHING
"""
_LOCK = """
SELECT l.variant_id, l.location_id, l.on_hand, l.held
FROM stock_levels l JOIN unnest($1::uuid[], $2::uuid[]) AS p (v, o) ON l.variant_id = p.v AND l.location_id = p.o
ORDER BY l.variant_id, l.location_id FOR UPDATE OF l
"""
_DONE = "SELECT 1 FROM stock_movements WHERE operation = $1 LIMIT 1"
_BOOK = """
WITH change AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[]) AS c (id, variant_id, location_id, by)
), counted AS (
    UPDATE stock_levels l SET on_hand = l.on_hand + c.by FROM change c
    WHERE l.variant_id = c.variant_id AND l.location_id = c.location_id AND c.by <> 0
)
INSERT INTO stock_movements (id, variant_id, location_id, kind, on_hand, held, operation, actor, reason)
SELECT id, variant_id, location_id, $5, by, 0, $6, $7, $8 FROM change
"""


class Spot(NamedTuple):
    """One variant at one location."""

    variant: VariantId
    location: LocationId


def _spot(variant: UUID, location: UUID) -> Spot:
    return Spot(VariantId(plain_uuid(variant)), LocationId(plain_uuid(location)))


class Lying(msgspec.Struct, frozen=True):
    """What lies at a spot."""

    on_hand: int
    held: int


class Deed(msgspec.Struct, frozen=True):
    """Of which movement rows are part, and who is to be asked about it."""

    operation: str
    kind: Movement
    actor: str
    reason: str


async def lock(writer: Writer, spots: Iterable[Spot]) -> dict[Spot, Lying]:
    """What lies at these spots; nobody else moves it to the end of the transaction. A spot that was never used is
    begun with nothing.

    Raises: Refusal `archived` for a location that is closed.
    """
    wanted = sorted(set(spots))
    await must_be_open(writer, {spot.location for spot in wanted})
    columns = [spot.variant for spot in wanted], [spot.location for spot in wanted]
    await writer.exec_driver_sql(_ENSURE, columns)
    rows = await writer.exec_driver_sql(_LOCK, columns)
    return {_spot(row.variant_id, row.location_id): Lying(row.on_hand, row.held) for row in rows}


_SEEN = _LOCK.partition("ORDER BY")[0]


async def seen(reader: Reader, spots: Iterable[Spot]) -> dict[Spot, Lying]:
    """What lies at these spots, for who changes nothing."""
    wanted = list(spots)
    rows = await reader.exec_driver_sql(_SEEN, ([spot.variant for spot in wanted], [spot.location for spot in wanted]))
    found = {_spot(row.variant_id, row.location_id): Lying(row.on_hand, row.held) for row in rows}
    return {spot: found.get(spot, Lying(0, 0)) for spot in wanted}


async def change(writer: Writer, deed: Deed, lying: Mapping[Spot, Lying], by: Mapping[Spot, int]) -> None:
    """Change what lies at locked spots. The same operation again: changes nothing.

    Raises: Refusal `stock_is_held` where fewer units would be left than are held, `quantity_out_of_range`.
    """
    if (await writer.exec_driver_sql(_DONE, (deed.operation,))).first() is not None:
        return
    for spot, units in by.items():
        must_be_left(lying[spot], units)
    await writer.exec_driver_sql(
        _BOOK,
        ([new_id() for _ in by], [spot.variant for spot in by], [spot.location for spot in by], list(by.values()),
         deed.kind, deed.operation, deed.actor, deed.reason),
    )  # fmt: skip


_WATCHED = "SELECT reorder_point, reorder_quantity FROM stock_levels WHERE variant_id = $1 AND location_id = $2"
_WATCH = """
UPDATE stock_levels SET reorder_point = $3, reorder_quantity = $4 WHERE variant_id = $1 AND location_id = $2
"""


async def watched(writer: Writer, spot: Spot) -> dict[str, int | None]:
    """When it is time to order more for a locked spot."""
    row = (await writer.exec_driver_sql(_WATCHED, tuple(spot))).one()
    return {"reorder_point": row.reorder_point, "reorder_quantity": row.reorder_quantity}


async def watch(writer: Writer, spot: Spot, wanted: Mapping[str, int | None]) -> None:
    """From when on it is time to order more for a locked spot."""
    await writer.exec_driver_sql(_WATCH, (*spot, wanted["reorder_point"], wanted["reorder_quantity"]))


def must_be_left(lying: Lying, by: int) -> None:
    """Raises: Refusal `stock_is_held` when what is promised would not be there, `quantity_out_of_range`."""
    if lying.on_hand + by < lying.held:
        raise Refusal(
            "stock_is_held", "Orders hold more than would be left.",
            on_hand=lying.on_hand, held=lying.held, change=by,
        )  # fmt: skip
    if lying.on_hand + by > MOST_ON_LEVEL:
        raise Refusal("quantity_out_of_range", f"At most {MOST_ON_LEVEL} units lie at one place.", most=MOST_ON_LEVEL)


async def transfer(
    writer: Writer, operation: str, source: LocationId, target: LocationId, units: Mapping[VariantId, int],
    actor: str, reason: str,
) -> None:  # fmt: skip
    """Goods go from one location to another; what orders hold stays where it is.

    Raises: Refusal `archived`, `stock_is_held`, `quantity_out_of_range`.
    """
    out = {Spot(variant, source): -quantity for variant, quantity in units.items()}
    into = {Spot(variant, target): quantity for variant, quantity in units.items()}
    lying = await lock(writer, [*out, *into])
    await change(writer, Deed(operation, Movement.TRANSFER, actor, reason), lying, {**out, **into})
