"""What lay where at the end of a day, and what it is time to order: levels as their ledger has them."""

from datetime import timedelta

from models.database import Fetch
from models.ids import first_id
from models.reports.days import Span
from models.reports.report import Column, Figure, Made, Sheet, Unit
from models.stock import suggested
from models.tables.report_span import EARLY, within

WINDOW = 28
"""Days over which it is told how fast goods leave."""

_LEVELS = f"""
WITH later AS (
    SELECT variant_id, location_id, sum(on_hand) AS on_hand, sum(held) AS held FROM stock_movements
    WHERE id >= $1::uuid AND at >= $2::timestamptz GROUP BY variant_id, location_id
), gone AS (
    SELECT variant_id, location_id, -sum(on_hand) AS units FROM stock_movements
    WHERE kind = 'commit' AND {within("$3", "$4", "$5", "$2")} GROUP BY variant_id, location_id
)
SELECT v.sku, p.slug, p.name, o.code, (l.on_hand - coalesce(later.on_hand, 0))::bigint AS on_hand,
       (l.held - coalesce(later.held, 0))::bigint AS held, l.reorder_point, l.reorder_quantity,
       coalesce(gone.units, 0)::bigint AS gone,
       v.archived_at IS NULL AND p.archived_at IS NULL AND o.archived_at IS NULL AS watched
FROM stock_levels l JOIN variants v ON v.id = l.variant_id JOIN products p ON p.id = v.product_id
JOIN locations o ON o.id = l.location_id
LEFT JOIN later ON later.variant_id = l.variant_id AND later.location_id = l.location_id
LEFT JOIN gone ON gone.variant_id = l.variant_id AND gone.location_id = l.location_id
ORDER BY v.sku, o.code
"""  # noqa: S608 - words of ours
_NAMES = ("sku", "product", "name", "location")
_COUNTS = ("on_hand", "held", "available", "reorder_point", "reorder_quantity", f"left_in_{WINDOW}_days", "suggested")
_COLUMNS = (*(Column(name) for name in _NAMES), *(Column(name, Unit.COUNT) for name in _COUNTS))


async def stock_and_reorder(fetch: Fetch, day: Span) -> Made:
    """Every level of which there is something or which is watched; and apart, those below their reorder point."""
    since, end = day.ends_at - timedelta(days=WINDOW), day.ends_at
    rows = await fetch(_LEVELS, first_id(end - EARLY), end, first_id(since - EARLY), first_id(end + EARLY), since)
    levels, reorder = [], []
    for row in rows:
        available, point = row["on_hand"] - row["held"], row["reorder_point"]
        low = row["watched"] and point is not None and available < point
        wanted = suggested(available, point, row["reorder_quantity"]) if low else 0
        line = [
            row["sku"], row["slug"], row["name"], row["code"], row["on_hand"], row["held"], available, point,
            row["reorder_quantity"], row["gone"], wanted,
        ]  # fmt: skip
        if low:
            reorder.append(line)
        if row["watched"] or row["on_hand"]:
            levels.append(line)
    empty = sum(1 for line in levels if line[6] <= 0)
    figures = (Figure("to_reorder", len(reorder)), Figure("sold_out", empty), Figure("levels", len(levels)))
    return Made((Sheet("reorder", _COLUMNS, reorder), Sheet("levels", _COLUMNS, levels)), figures)
