"""Cases: what a payment provider and we tell differently, and a person decides; and how the last comparisons went."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from api import pages
from api.admin.changes import Reason, write_down
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.reconciliation import CaseKind
from models.roles import Scope
from models.tables import case as cases
from models.tables import reconciliation
from models.tables.case import CaseRecord
from models.tables.reconciliation import Reconciled

OnlyOpen = Annotated[bool | None, QueryParameter(name="open", description="True: open ones; false: closed ones")]
OfKind = Annotated[CaseKind | None, QueryParameter(name="kind", description="Only those that differ in this way")]


class CaseList(msgspec.Struct, frozen=True):
    """One page of cases, newest first."""

    items: list[CaseRecord]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was decided."""

    reason: Reason


class ReconciledList(msgspec.Struct, frozen=True):
    """The last comparisons, newest first."""

    items: list[Reconciled]


@get(
    "/admin/cases", operation_id="listCases", access=Scope.CASES_READ, tags=["Staff"],
    summary="Where providers and books differ", responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_cases(
    house: House, only_open: OnlyOpen = None, kind: OfKind = None, limit: PageSize = 20, place: Place = None
) -> CaseList:
    """Newest first. A case closes by itself when both sides agree again."""
    found = await cases.listed(house.database, limit + 1, only_open, kind, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.opened_at, last.id))
    return CaseList(items, more)


@get(
    "/admin/cases/{case_id:uuid}", operation_id="readCase", access=Scope.CASES_READ, tags=["Staff"],
    summary="A case", responses=staff_refuses("case_not_found"),
)  # fmt: skip
async def read_case(house: House, case_id: FromPath[UUID]) -> CaseRecord:
    """With what each side says."""
    async with house.database.reading() as reader:
        found = await cases.find(reader, case_id)
    if found is None:
        raise _unknown()
    return found


@post(
    "/admin/cases/{case_id:uuid}/close", operation_id="closeCase", access=Scope.CASES_WRITE, tags=["Staff"],
    summary="Close a case", status_code=200,
    responses=staff_refuses("case_not_found", "case_closed", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def close_case(
    request: StrictRequest,
    house: House,
    caller: Caller,
    case_id: FromPath[UUID],
    data: JSONBody[Decision],
    idempotency: IdempotencyKey = None,
) -> CaseRecord:
    """It is settled, or is to stay as it is: it is not opened again until one of the sides tells something else."""

    async def close(writer: Writer) -> CaseRecord:
        closed = await cases.close(writer, case_id, caller.account, data.reason)
        found = await cases.find(writer, case_id)
        if found is None:
            raise _unknown()
        if not closed:
            raise Refusal("case_closed", "This case is closed already.", reason=found.reason)
        after = {"kind": found.kind, "object": found.object}
        await write_down(writer, caller, "case.close", case_id, after=after, reason=data.reason)
        return found

    scope = scope_of(request, caller, f"POST /admin/cases/{case_id}/close")
    return await once(house, scope, idempotency_key(idempotency), data, CaseRecord, close)


@get(
    "/admin/reconciliations", operation_id="listReconciliations", access=Scope.CASES_READ, tags=["Staff"],
    summary="How the last comparisons went", responses=staff_refuses("invalid"),
)  # fmt: skip
async def list_reconciliations(house: House, limit: PageSize = 20) -> ReconciledList:
    """Newest first: how much was compared, and what differed. 0 is normal."""
    return ReconciledList(await reconciliation.newest(house.database, limit))


def _unknown() -> Refusal:
    return Refusal("case_not_found", "There is no such case.")


handlers = [list_cases, read_case, close_case, list_reconciliations]
