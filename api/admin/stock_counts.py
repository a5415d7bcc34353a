"""Stock-takes as CSV: every bad row is told, and the books are put right by all counts or by none."""

import hashlib
from typing import Annotated, Any

from litestar import post
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, RequestBody, Schema
from litestar.params import QueryParameter

from api.admin.changes import write_down
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.repeats import once, scope_of
from models.database import Writer
from models.errors import Refusal
from models.ids import new_id
from models.inventory import Movement
from models.records import SLUG
from models.roles import Scope
from models.stock_take import LARGEST_FILE, Counted, StockTaken, read
from models.tables import stock_take, stockroom
from models.tables.stockroom import Lying, Spot

CSV = "text/csv"
_MEDIA: Any = OpenAPIMediaType(
    schema=Schema(type=OpenAPIType.STRING, examples=["sku,location,counted\nMUG-S,main,12\nMUG-L,berlin,0\n"])
)
_BODY = RequestBody({CSV: _MEDIA}, required=True, description="CSV in UTF-8: sku, counted and, if need be, location")
DryRun = Annotated[bool, QueryParameter(description="True: only say which rows are bad, and what would change")]
There = Annotated[str, QueryParameter(name="location", pattern=SLUG, description="Where a row does not say it")]
Why = Annotated[
    str,
    QueryParameter(
        name="reason", min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Why, for the ledger, which is never edited: name no person",
    ),
]  # fmt: skip
SHOWN = 100
"""Bad rows in a refusal; a dry run tells all."""


@post(
    "/admin/inventory/counts", operation_id="takeStock", access=Scope.INVENTORY_WRITE, tags=["Staff"],
    summary="A stock-take as CSV", takes=_BODY, request_max_body_size=LARGEST_FILE, status_code=200,
    responses=staff_refuses("counts_refused", "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def take_stock(
    request: StrictRequest, house: House, caller: Caller, reason: Why, dry_run: DryRun = False, there: There = "main",
    idempotency: IdempotencyKey = None,
) -> StockTaken:  # fmt: skip
    """Levels that the file does not name stay. One bad row, such as fewer than orders hold, and nothing is changed.

    Count what lies on the shelf, with what is packed for orders and not sent yet among it.
    """
    if request.content_type[0] != CSV:
        raise Refusal("unsupported_media_type", "Send CSV, with `Content-Type: text/csv`.")
    body = await request.body()
    try:
        counts, bad = read(body, there)
    except ValueError as error:
        raise Refusal("invalid", f"This is no stock-take: {error}") from error

    async def take(writer: Writer) -> StockTaken:
        found, unknown = await stock_take.spots_of(writer, counts)
        lying = await stockroom.seen(writer, found) if dry_run else await stockroom.lock(writer, found)
        held = stock_take.held_back(lying, found)
        problems = sorted([*bad, *unknown, *held], key=lambda each: each.line)
        taken = _told(dry_run, lying, found, len(counts) + len(bad), problems)
        if problems and not dry_run:
            raise Refusal(
                "counts_refused", "Some rows are bad, so nothing was changed.",
                count=len(problems), problems=problems[:SHOWN],
            )  # fmt: skip
        if found and not dry_run:
            id = new_id()
            deed = stockroom.Deed(f"count/{id}", Movement.ADJUST, caller.author.actor, reason)
            await stock_take.take(writer, deed, lying, found)
            told = {"rows": taken.rows, "right": taken.right, "change": taken.change}
            await write_down(writer, caller, "stock.count", id, after=told, reason=reason)
        return taken

    scope = scope_of(request, caller, "POST /admin/inventory/counts")
    asked = [hashlib.sha256(body).hexdigest(), dry_run, there, reason]
    return await once(house, scope, idempotency_key(idempotency), asked, StockTaken, take)


def _told(
    dry_run: bool, lying: dict[Spot, Lying], found: dict[Spot, Counted], rows: int, problems: list[Any]
) -> StockTaken:
    by = [each.units - lying[spot].on_hand for spot, each in found.items()]
    return StockTaken(dry_run, rows, by.count(0), sum(by), problems)


handlers = [take_stock]
