"""The catalogue as a file: exported for a spreadsheet, and imported from one by a workflow that checks it all first."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, cast
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from litestar import Response, get, post
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, RequestBody, Schema
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import TemporalError, WorkflowAlreadyStartedError

from api import pages
from api.admin.changes import WhyAsked
from api.admin.refusals import staff_refuses
from api.admin.shelving import Archived
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import scope_of
from models import clock
from models.cursor import Cursor
from models.errors import Refusal, Unavailable
from models.ids import new_id
from models.product_import import (
    LARGEST_FILE,
    BadRow,
    ImportOpened,
    ImportStatus,
    ProductImport,
    import_workflow_id,
)
from models.roles import Scope
from models.storage import IMPORTS
from models.tables import product_export
from models.tables import product_import as imports
from workflows.import_products import AwaitOpening, ImportProducts, ProductsToImport
from workflows.patience import ORDERS

CSV = "text/csv"
_EXAMPLE = (
    "product,name,category,sku,attributes,weight,price_usd\n"
    "stone-mug,Stone Mug,mugs,MUG-S,size=S,300,19.00\nstone-mug,,,MUG-L,size=L,420,24.00\n"
)
_MEDIA: Any = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, examples=[_EXAMPLE]))
_BODY = RequestBody(
    {CSV: _MEDIA}, required=True,
    description=f"CSV in UTF-8, at most {LARGEST_FILE // 2**20} MB, as `GET /admin/products/export` writes it",
)  # fmt: skip
DryRun = Annotated[bool, QueryParameter(description="True: only say which rows are bad")]


class ImportList(msgspec.Struct, frozen=True):
    """One page of imports, newest first."""

    items: list[ProductImport]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class ProblemList(msgspec.Struct, frozen=True):
    """One page of what is wrong with the rows of a file, by line."""

    items: list[BadRow]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Of those found so far."""


class _Upload(msgspec.Struct, frozen=True):
    """What a body was."""

    digest: str
    size: int


@get(
    "/admin/products/export", operation_id="exportProducts", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="All products as CSV",
    responses={
        200: ResponseSpec(str, description="A file", media_type=CSV, generate_examples=False),
        **staff_refuses("invalid"),
    },
)  # fmt: skip
async def export_products(house: House, archived: Archived = False) -> Stream:
    """A row a variant, the oldest product first, in a form that the import takes back; without stock and pictures.

    Amounts have a point, times are UTC; `'` stands before a text that a spreadsheet would compute.
    """
    pieces = product_export.export(house.database, archived)
    first = await anext(pieces)  # whoever cannot be answered is told so before the answer begins

    async def body() -> AsyncIterator[str]:
        yield first
        async for piece in pieces:
            yield piece

    name = f"products-{clock.now():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Stream(body(), media_type=f"{CSV}; charset=utf-8; header=present", headers=headers)


@post(
    "/admin/products/import", operation_id="importProducts", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Products from CSV", takes=_BODY, request_max_body_size=LARGEST_FILE, status_code=202,
    responses=staff_refuses("idempotency_key_reused", "invalid"),
)  # fmt: skip
async def import_products(
    request: StrictRequest, house: House, caller: Caller, dry_run: DryRun = False, reason: WhyAsked = None,
    idempotency: IdempotencyKey = None,
) -> Response[ProductImport]:  # fmt: skip
    """Products are made and changed by their slug, variants by their SKU; what the file does not name stays.

    Every row is checked before the first one is written; one bad row refuses the file. `Location` says how far it has
    come. A column that is left out changes nothing, an empty cell empties. The rows of one product stand together,
    and what is the product's may be empty but in the first. `options` look like `size=S|M; colour=sand`.
    """
    if request.content_type[0] != CSV:
        raise Refusal("unsupported_media_type", "Send CSV, with `Content-Type: text/csv`.")
    key = idempotency_key(idempotency)
    scope = scope_of(request, caller, "POST /admin/products/import")
    id = new_id() if key is None else uuid5(NAMESPACE_URL, f"{scope}/{key}")
    file = f"{IMPORTS}/{new_id()}.csv"
    upload = await _received(house, request, file)
    asked = ProductsToImport(id, caller.author, file, upload.digest, upload.size, dry_run, reason)
    try:
        opened = await _begin(house, asked)
    except Exception:
        await _forget(house, file)
        raise
    if opened is not None and opened.file != file:  # it was sent before
        await _forget(house, file)
        if (opened.digest, opened.known.dry_run) != (upload.digest, dry_run):
            raise Refusal("idempotency_key_reused", "This Idempotency-Key came with another file before.")
        opened = msgspec.structs.replace(opened, known=await _known(house, id))  # the workflow tells how it began
    known = opened.known if opened else _begun(asked)
    return Response(known, status_code=202, headers={"Location": f"/api/v1/admin/products/imports/{id}"})


@get(
    "/admin/products/imports", operation_id="listImports", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="Imports of products",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_imports(house: House, limit: PageSize = 20, place: Place = None) -> ImportList:
    """Newest first."""
    found = await imports.listed(house.database, limit + 1, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return ImportList(items, more)


@get(
    "/admin/products/imports/{import_id:uuid}", operation_id="readImport", access=Scope.CATALOGUE_READ,
    tags=["Staff"], summary="How far an import has come",
    responses=staff_refuses("import_not_found"),
)  # fmt: skip
async def read_import(house: House, import_id: FromPath[UUID]) -> ProductImport:
    """Its status, and what it has changed so far."""
    return await _known(house, import_id)


@get(
    "/admin/products/imports/{import_id:uuid}/problems", operation_id="listImportProblems",
    access=Scope.CATALOGUE_READ, tags=["Staff"], summary="Bad rows of an import",
    responses=staff_refuses("import_not_found", "cursor_unknown", "invalid"),
)  # fmt: skip
async def list_problems(
    house: House, import_id: FromPath[UUID], limit: PageSize = 20, place: Place = None
) -> ProblemList:
    """Line, column and reason of each, by line."""
    known = await _known(house, import_id)
    found = await imports.problems_of(house.database, import_id, limit + 1, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: last[0])
    return ProblemList([problem for _, problem in items], more, known.problems)


async def _received(house: House, request: StrictRequest, file: str) -> _Upload:
    """Put a body into the storage, piece by piece. A body that is not whole leaves nothing there."""
    digest, size = hashlib.sha256(), 0
    async with house.storage.writing(file) as pen:
        async for piece in request.stream():
            if piece:
                digest.update(piece)
                size += len(piece)
                await pen.write(piece)
    return _Upload(digest.hexdigest(), size)


async def _begin(house: House, asked: ProductsToImport) -> ImportOpened | None:
    """Start the import, or meet the one under its id. None: it has begun, and nobody has taken it up yet."""
    start = WithStartWorkflowOperation(
        ImportProducts.run, asked, id=import_workflow_id(asked.id), task_queue=ORDERS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary=f"{'Dry run' if asked.dry_run else 'Import'} of products, {asked.size} bytes",
    )  # fmt: skip
    try:
        answer = await house.temporal.execute_update_with_start_workflow(
            ImportProducts.await_opening, AwaitOpening(), start_workflow_operation=start,
            rpc_timeout=house.settings.answer_budget,
        )  # fmt: skip
        return cast(ImportOpened, answer)  # the SDK's types say coroutine for an update that has a description
    except WorkflowAlreadyStartedError:  # and over
        async with house.database.reading() as reader:
            return await imports.opened(reader, asked.id)
    except TemporalError as failed:
        with suppress(TemporalError):  # it failed alike; unread it would be logged as never retrieved
            await start.workflow_handle()
        if not isinstance(failed, WorkflowUpdateRPCTimeoutOrCancelledError):
            raise
    try:
        await house.temporal.get_workflow_handle(import_workflow_id(asked.id)).describe()
    except TemporalError as failed:
        raise Unavailable("temporal", "the import was not begun; ask again") from failed
    return None


def _begun(asked: ProductsToImport) -> ProductImport:
    return ProductImport(
        asked.id, ImportStatus.CHECKING, asked.dry_run, asked.size, 0, 0, 0, 0, 0, 0, 0, clock.now(), None
    )


async def _forget(house: House, file: str) -> None:
    with suppress(Unavailable):  # it lies there for nothing, that is all
        await house.storage.delete(file)


async def _known(house: House, import_id: UUID) -> ProductImport:
    async with house.database.reading() as reader:
        found = await imports.opened(reader, import_id)
    if found is None:
        raise Refusal("import_not_found", "There is no such import.")
    return found.known


handlers = [export_products, import_products, list_imports, read_import, list_problems]
