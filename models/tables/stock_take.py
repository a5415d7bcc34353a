"""Stock-takes: what was counted against what the books say, all of a file in one transaction or nothing of it."""

from collections.abc import Sequence

from models.database import Reader, Writer
from models.ids import LocationId, VariantId
from models.stock_take import BadCount, Counted
from models.tables import stockroom
from models.tables.base import plain_uuid
from models.tables.stockroom import Deed, Lying, Spot

_VARIANTS = "SELECT sku, id FROM variants WHERE sku = ANY ($1::text[])"
_LOCATIONS = "SELECT code, id, archived_at FROM locations WHERE code = ANY ($1::text[])"


async def spots_of(reader: Reader, counts: Sequence[Counted]) -> tuple[dict[Spot, Counted], list[BadCount]]:
    """Where each count was made, and the rows that name what there is not."""
    skus, codes = list({each.sku for each in counts}), list({each.location for each in counts})
    known = {row.sku: VariantId(plain_uuid(row.id)) for row in await reader.exec_driver_sql(_VARIANTS, (skus,))}
    places = {row.code: row for row in await reader.exec_driver_sql(_LOCATIONS, (codes,))}
    found: dict[Spot, Counted] = {}
    bad: list[BadCount] = []
    for each in counts:
        place = places.get(each.location)
        if each.sku not in known:
            bad.append(BadCount(each.line, "sku", f"there is no variant {each.sku!r}"))
        elif place is None or place.archived_at is not None:
            trouble = "there is no location" if place is None else "archived is the location"
            bad.append(BadCount(each.line, "location", f"{trouble} {each.location!r}"))
        else:
            found[Spot(known[each.sku], LocationId(plain_uuid(place.id)))] = each
    return found, bad


def held_back(lying: dict[Spot, Lying], counts: dict[Spot, Counted]) -> list[BadCount]:
    """Rows that count fewer than orders hold."""
    return [
        BadCount(each.line, "counted", f"orders hold {lying[spot].held}")
        for spot, each in counts.items()
        if each.units < lying[spot].held
    ]


async def take(writer: Writer, deed: Deed, lying: dict[Spot, Lying], counts: dict[Spot, Counted]) -> None:
    """Put the books right at locked spots; a count that was right is written down too."""
    by = {spot: each.units - lying[spot].on_hand for spot, each in counts.items()}
    await stockroom.change(writer, deed, lying, by)
