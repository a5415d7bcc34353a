"""What staff do with the goods of an order before they leave: send them from another location, or go without them."""

from collections.abc import Mapping, Sequence

from models.database import Writer
from models.errors import Refusal
from models.ids import LocationId, OrderId, VariantId
from models.inventory import Held
from models.position import Taken
from models.tables import backorder as backorders
from models.tables import inventory

_SWITCH = """
WITH moved AS (SELECT * FROM unnest($2::uuid[], $3::int[]) AS m (variant_id, quantity)), given AS (
    UPDATE stock_holds h SET open = h.open - m.quantity, released = h.released + m.quantity FROM moved m
    WHERE h.order_id = $1::uuid AND h.variant_id = m.variant_id AND h.location_id = $4::uuid
), taken AS (
    INSERT INTO stock_holds AS h (order_id, variant_id, location_id, open)
    SELECT $1, variant_id, $5::uuid, quantity FROM moved
    ON CONFLICT (order_id, variant_id, location_id) DO UPDATE SET open = h.open + excluded.open
), booked AS (
    SELECT variant_id, place.* FROM moved
    CROSS JOIN LATERAL (VALUES ($4, 'release', -quantity), ($5, 'hold', quantity)) AS place (location_id, kind, by)
), counted AS (
    UPDATE stock_levels l SET held = l.held + b.by FROM booked b
    WHERE l.variant_id = b.variant_id AND l.location_id = b.location_id
)
INSERT INTO stock_movements (id, variant_id, location_id, kind, on_hand, held, order_id, operation, actor, reason)
SELECT uuidv7(), variant_id, location_id, kind, 0, by, $1, $6, $7, $8 FROM booked
"""
_NEVER = """
UPDATE order_lines l SET cancelled = l.cancelled + n.quantity FROM unnest($1::uuid[], $2::int[]) AS n (line, quantity)
WHERE l.id = n.line
"""
_WAIT_LESS = """
WITH less AS (
    SELECT b.variant_id, least(b.quantity - b.filled - b.given_up, n.quantity) AS units
    FROM backorders b JOIN unnest($2::uuid[], $3::int[]) AS n (variant_id, quantity) USING (variant_id)
    WHERE b.order_id = $1 AND b.quantity > b.filled + b.given_up
), gone AS (
    UPDATE backorders b SET given_up = b.given_up + less.units FROM less
    WHERE b.order_id = $1 AND b.variant_id = less.variant_id
), counted AS (
    UPDATE stock s SET backordered = s.backordered - less.units FROM less WHERE s.variant_id = less.variant_id
)
SELECT variant_id, units FROM less
"""
_GIVE_UP = """
WITH gone AS (SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::int[]) AS g (variant_id, location_id, quantity)),
settled AS (
    UPDATE stock_holds h SET open = h.open - g.quantity, released = h.released + g.quantity FROM gone g
    WHERE h.order_id = $1::uuid AND h.variant_id = g.variant_id AND h.location_id = g.location_id
), counted AS (
    UPDATE stock_levels l SET held = l.held - g.quantity, on_hand = l.on_hand - CASE WHEN $8 THEN g.quantity ELSE 0 END
    FROM gone g WHERE l.variant_id = g.variant_id AND l.location_id = g.location_id
)
INSERT INTO stock_movements (id, variant_id, location_id, kind, on_hand, held, order_id, operation, actor, reason)
SELECT uuidv7(), variant_id, location_id, CASE WHEN $8::boolean THEN 'adjust' ELSE 'release' END,
       CASE WHEN $8 THEN -quantity ELSE 0 END, -quantity, $1, $5, $6, $7
FROM gone
"""


async def switch(
    writer: Writer, order: OrderId, units: Mapping[VariantId, int], source: LocationId, target: LocationId,
    operation: str, actor: str, reason: str,
) -> None:  # fmt: skip
    """What an order holds at one location it holds at another; both levels are locked, and there is enough."""
    await writer.exec_driver_sql(
        _SWITCH, (order, list(units), list(units.values()), source, target, operation, actor, reason)
    )


async def never(writer: Writer, given: Taken) -> None:
    """These units of an order's positions will never be sent."""
    await writer.exec_driver_sql(_NEVER, ([line.line for line, _ in given], [units for _, units in given]))


async def give_up(
    writer: Writer, order: OrderId, units: Mapping[VariantId, int], operation: str, actor: str, reason: str, gone: bool
) -> None:
    """An order waits for these units no longer, or holds them no longer; `gone`: nobody has them.

    Those that have still to come in go first, then those at the location where it holds least.
    Raises: Refusal `not_held` when it holds fewer.
    """
    await backorders.lock_levels(writer, order)
    waited = await writer.exec_driver_sql(_WAIT_LESS, (order, list(units), list(units.values())))
    left = dict(units)
    for row in waited:
        left[row.variant_id] -= row.units
    taken = _from(await inventory.holds_of(writer, order), left)
    if taken:
        columns = [[each[0] for each in taken], [each[1] for each in taken], [each[2] for each in taken]]
        await writer.exec_driver_sql(_GIVE_UP, (order, *columns, operation, actor, reason, gone))


def _from(held: Sequence[Held], wanted: Mapping[VariantId, int]) -> list[tuple[VariantId, LocationId, int]]:
    """Raises: Refusal `not_held`."""
    left, taken = dict(wanted), []
    for each in sorted(held, key=lambda each: each.open):
        units = min(each.open, left.get(each.variant, 0))
        if units:
            left[each.variant] -= units
            taken.append((each.variant, each.location, units))
    short = [{"variant": variant, "missing": units} for variant, units in left.items() if units]
    if short:
        raise Refusal("not_held", "The order does not hold all that it would give up.", items=short)
    return taken
