"""The search index and what shoppers search for, as staff see them."""

from datetime import date, timedelta
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import QueryParameter
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from api.admin.changes import write_down
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, idempotency_key
from api.problems import FieldError, Invalid
from models import clock
from models.roles import Scope
from models.search.tally import Report
from models.tables import search_tally
from models.tables.search_generation import Index, index_of
from workflows.patience import ORDERS
from workflows.rebuild_search import REBUILD_SEARCH_ID, RebuildSearch

LONGEST_SPAN = timedelta(days=400)
FirstDay = Annotated[
    date | None, QueryParameter(name="from", description="The first day (UTC); left out: 29 days before the last one")
]
LastDay = Annotated[date | None, QueryParameter(name="to", description="The last day (UTC), counted in; else today")]
MostQueries = Annotated[int, QueryParameter(name="limit", ge=1, le=100, description="Queries a list")]


class RebuildReply(msgspec.Struct, frozen=True):
    """The index is being built anew, beside the one that is searched."""

    status: str = "rebuilding"


@get(
    "/admin/analytics/search", operation_id="readSearchAnalytics", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="What shoppers search for",
    responses=staff_refuses("invalid"),
)  # fmt: skip
async def read_search_analytics(
    house: House, first: FirstDay = None, last: LastDay = None, limit: MostQueries = 20
) -> Report:
    """By query, without whom. What looks like an e-mail address or a number of somebody's is in the sums only."""
    end = last or clock.now().date()
    try:
        begin = first or end - timedelta(days=29)
    except OverflowError:
        begin = end
    if not timedelta(0) <= end - begin <= LONGEST_SPAN:
        raise Invalid(FieldError(f"At most {LONGEST_SPAN.days} days, and not before `from`", parameter="to"))
    await house.tallies.write()
    return await search_tally.report(house.database, begin, end, limit)


@get(
    "/admin/search", operation_id="readSearchIndex", access=Scope.CATALOGUE_READ, tags=["Staff"],
    summary="The search index",
    responses=staff_refuses(),
)  # fmt: skip
async def read_search_index(house: House) -> Index:
    """Which engine has it, which generation is searched, and how far behind the shelves it is."""
    return await index_of(house.database, house.search.name)


@post(
    "/admin/search/rebuild", operation_id="rebuildSearch", access=Scope.CATALOGUE_WRITE, tags=["Staff"],
    summary="Build the search index anew", status_code=202,
    responses=staff_refuses("invalid"),
)  # fmt: skip
async def rebuild_search(house: House, caller: Caller, idempotency: IdempotencyKey = None) -> RebuildReply:
    """From nothing, while searches go on in the old one. One at a time: asked again, it is the one that runs."""
    idempotency_key(idempotency)
    await house.temporal.start_workflow(
        RebuildSearch.run, id=REBUILD_SEARCH_ID, task_queue=ORDERS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary="Builds the search index anew", rpc_timeout=house.settings.answer_budget,
    )  # fmt: skip
    async with house.database.writing() as writer:
        await write_down(writer, caller, "search.rebuild", REBUILD_SEARCH_ID)
    return RebuildReply()


handlers = [read_search_analytics, read_search_index, rebuild_search]
