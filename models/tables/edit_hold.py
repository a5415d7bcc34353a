"""What a proposed edit holds: under the edit's own id, for as long as it may be said yes to; then the order's own.

The ledger names the order all the while: its movements add up to what is held for it, edits and all.
"""

from collections.abc import Mapping
from datetime import datetime

from models.address import Address
from models.allocation import Rule
from models.database import Writer
from models.errors import Refusal
from models.ids import EditId, LocationId, OrderId, VariantId
from models.tables import inventory

_HOLD = """
WITH portions AS (SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::int[]) AS p (variant_id, location_id, quantity)),
held AS (
    INSERT INTO stock_holds (order_id, variant_id, location_id, open, until)
    SELECT $1::uuid, variant_id, location_id, quantity, $6::timestamptz FROM portions
), counted AS (
    UPDATE stock_levels l SET held = l.held + p.quantity FROM portions p
    WHERE l.variant_id = p.variant_id AND l.location_id = p.location_id
)
INSERT INTO stock_movements (id, variant_id, location_id, kind, on_hand, held, order_id, operation, actor, reason)
SELECT uuidv7(), variant_id, location_id, 'hold', 0, quantity, $2::uuid, 'hold/' || $1::uuid, 'order', 'edit'
FROM portions
"""
_LOCK = """
SELECT FROM stock_levels WHERE variant_id = ANY ($1::uuid[]) ORDER BY variant_id, location_id FOR UPDATE
"""
_LOCK_HELD = """
SELECT FROM stock_levels l JOIN stock_holds h USING (variant_id, location_id) WHERE h.order_id = $1
ORDER BY l.variant_id, l.location_id FOR UPDATE OF l
"""
_RELEASE = """
WITH given AS (SELECT * FROM stock_holds WHERE order_id = $1::uuid AND open > 0), settled AS (
    UPDATE stock_holds h SET open = 0, released = h.released + g.open FROM given g
    WHERE h.order_id = g.order_id AND h.variant_id = g.variant_id AND h.location_id = g.location_id
), counted AS (
    UPDATE stock_levels l SET held = l.held - g.open FROM given g
    WHERE l.variant_id = g.variant_id AND l.location_id = g.location_id
)
INSERT INTO stock_movements (id, variant_id, location_id, kind, on_hand, held, order_id, operation, actor, reason)
SELECT uuidv7(), variant_id, location_id, 'release', 0, -open, $2::uuid, 'release/' || $1::uuid, 'order', $3 FROM given
"""
_KEEP = """
WITH mine AS (DELETE FROM stock_holds WHERE order_id = $1 RETURNING variant_id, location_id, open)
INSERT INTO stock_holds AS h (order_id, variant_id, location_id, open)
SELECT $2::uuid, variant_id, location_id, open FROM mine
ON CONFLICT (order_id, variant_id, location_id) DO UPDATE SET open = h.open + excluded.open, until = NULL
"""
_GIVE_UP = """
WITH gone AS (SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::int[]) AS g (variant_id, location_id, quantity)),
settled AS (
    UPDATE stock_holds h SET open = h.open - g.quantity, released = h.released + g.quantity FROM gone g
    WHERE h.order_id = $1::uuid AND h.variant_id = g.variant_id AND h.location_id = g.location_id
), counted AS (
    UPDATE stock_levels l SET held = l.held - g.quantity FROM gone g
    WHERE l.variant_id = g.variant_id AND l.location_id = g.location_id
)
INSERT INTO stock_movements (id, variant_id, location_id, kind, on_hand, held, order_id, operation, actor, reason)
SELECT uuidv7(), variant_id, location_id, 'release', 0, -quantity, $1, $5, 'order', 'edit' FROM gone
"""


async def hold(
    writer: Writer, edit: EditId, order: OrderId, wanted: Mapping[VariantId, int], until: datetime, to: Address,
    rule: Rule,
) -> None:  # fmt: skip
    """Promise the units that an edit adds, all or none.

    Raises: Refusal `out_of_stock` with `items: [{sku, requested, available}]`; nothing is held then.
    """
    portions = await inventory.portions(writer, wanted, to, rule)
    taken = [[each.variant for each in portions], [each.location for each in portions]]
    await writer.exec_driver_sql(_HOLD, (edit, order, *taken, [each.quantity for each in portions], until))


async def release(writer: Writer, edit: EditId, order: OrderId, reason: str) -> None:
    """Nobody said yes: what the edit holds is for sale again; again: changes nothing."""
    await writer.exec_driver_sql(_LOCK_HELD, (edit,))
    await writer.exec_driver_sql(_RELEASE, (edit, order, reason))


async def commit(writer: Writer, edit: EditId, order: OrderId, changes: Mapping[VariantId, int]) -> None:
    """What the edit holds is the order's own, for as long as it takes to send it; what it has no more is for sale.

    `changes`: units by variant, negative: so many go. Raises: Refusal `not_held` when it never held them.
    """
    await writer.exec_driver_sql(_LOCK, (list(changes),))
    await writer.exec_driver_sql(_KEEP, (edit, order))
    gone = {variant: -by for variant, by in changes.items() if by < 0}
    if not gone:
        return
    # From where least of it lies first: a parcel less, perhaps.
    held = sorted(await inventory.holds_of(writer, order), key=lambda each: each.open)
    taken: list[tuple[VariantId, LocationId, int]] = []
    for each in held:
        units = min(each.open, gone.get(each.variant, 0))
        if units:
            gone[each.variant] -= units
            taken.append((each.variant, each.location, units))
    if any(gone.values()):
        short = [{"variant": variant, "missing": units} for variant, units in gone.items() if units]
        raise Refusal("not_held", "The order does not hold all that it would give up.", items=short)
    columns = [[one for one, _, _ in taken], [where for _, where, _ in taken], [units for _, _, units in taken]]
    await writer.exec_driver_sql(_GIVE_UP, (order, *columns, f"edit/{edit}"))
